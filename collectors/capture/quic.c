/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/quic.h"

#include "collectors/capture/cursor.h"
#include "collectors/capture/gquic.h"
#include "collectors/capture/keyedhash.h"

#include <string.h>

enum { LONG_HEADER = 0x80, FIXED_BIT = 0x40 };
/* Types of long headers, as version 1 numbers them (RFC 9000, 17.2). */
enum { INITIAL = 0, RETRY = 3 };
enum { HANDSHAKE_SERVER_HELLO = 2 };
enum { SHORTEST_FIRST_ID = 8, SMALLEST_FIRST_DATAGRAM = 1200 }; /* RFC 9000, 7.2 and 14.1 */

/* Opening costs far more than making up a packet, of which a datagram holds many: so no more than
 * this many that cannot be opened are tried in one. */
#define MAX_UNREADABLE 3

struct reader {
    struct quiccrypto *crypto;
    struct quic_connection *connection;
    const uint8_t *datagram;
    size_t captured;
    size_t length;
    quicframes_handler *handler;
    void *context;
};

/* A packet with a long header. */
struct packet {
    uint32_t version;
    uint8_t type;
    const uint8_t *id; /* destination */
    size_t id_length;
    const uint8_t *source;
    size_t source_length;
    struct quiccrypto_packet extent;
};

/* -- Headers ----------------------------------------------------------------------------------- */

/* The part that all versions have (RFC 8999, 5.1). */
static bool read_invariants(struct cursor *cursor, struct packet *packet)
{
    uint8_t first = cursor_u8(cursor);

    packet->version = cursor_u32(cursor);
    packet->type = first >> 4 & 3;
    packet->id_length = cursor_u8(cursor);
    packet->id = cursor_bytes(cursor, packet->id_length);
    packet->source_length = cursor_u8(cursor);
    packet->source = cursor_bytes(cursor, packet->source_length);
    return !cursor->failed && first & LONG_HEADER;
}

/* RFC 9000, 17.2: what follows for the types that have a length. Returns false when the packet ends
 * past the datagram. */
static bool read_extent(struct cursor *cursor, size_t length, struct packet *packet)
{
    struct quiccrypto_packet *extent = &packet->extent;
    const uint8_t *start = extent->bytes;
    uint64_t size;

    if (packet->type == INITIAL) {
        size = cursor_varint(cursor); /* token */
        if (size > cursor_left(cursor))
            return false;
        cursor_skip(cursor, (size_t)size);
    }
    size = cursor_varint(cursor);
    if (cursor->failed)
        return false;
    extent->number_at = (size_t)(cursor->at - start);
    if (size > length - extent->number_at)
        return false;
    extent->length = extent->number_at + (size_t)size;
    if (extent->captured > extent->length)
        extent->captured = extent->length;
    return true;
}

/* As version 1 numbers them; in version 2 each is one more (RFC 9369, 3.2). */
static uint8_t type_of(const struct packet *packet)
{
    return (packet->type + (quiccrypto_scheme(packet->version, NULL)->is_v2 ? 3 : 0)) & 3;
}

/* The packet at BYTES, of which CAPTURED bytes are there, and LENGTH were sent. */
static bool read_packet(const uint8_t *bytes, size_t captured, size_t length, struct packet *packet)
{
    struct cursor cursor = cursor_over(bytes, captured);

    packet->extent = (struct quiccrypto_packet){bytes, length, captured, 0, false};
    if (!read_invariants(&cursor, packet))
        return false;
    if (packet->version == 0) /* version negotiation takes the rest (RFC 8999, 6) */
        return true;
    if (packet->id_length > QUICCRYPTO_MAX_ID)
        return false;
    packet->type = type_of(packet);
    return packet->type == RETRY || read_extent(&cursor, length, packet);
}

/* -- Initials ---------------------------------------------------------------------------------- */

static enum quicframes_result read_frames(const struct quiccrypto_scheme *scheme,
                                          const struct quiccrypto_plain *plain,
                                          quicframes_handler *handler, void *context)
{
    return (scheme->google_frames ? gquic_read_frames : quicframes_read)(
        plain->bytes, plain->length, !plain->verified, handler, context);
}

/* Does a piece contradict that it is of a hello? */
static void look(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    bool *makes_sense = context;
    struct clienthello hello;
    enum clienthello_result result;

    if (offset > 0)
        return;
    result = quic_parse_hello(bytes, length, &hello);
    *makes_sense &= result == CLIENTHELLO_COMPLETE || result == CLIENTHELLO_INCOMPLETE;
}

/* The same of a server's (RFC 8446, 4). */
static void look_at_server(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    bool *makes_sense = context;

    *makes_sense &= offset > 0 || (length > 0 && bytes[0] == HANDSHAKE_SERVER_HELLO);
}

/* Opens PACKET with the keys of ID. Without a tag that says so, the keys are taken for the right
 * ones when what they give is frames and nothing else, with a piece of a hello among them. Noise
 * is so once in some thousand times; then the hello that is put together is none, and its flow has
 * no name, as it had none without. */
static bool open_with(struct reader *reader, const struct packet *packet, const uint8_t *id,
                      size_t id_length, const struct quiccrypto_scheme *scheme,
                      struct quiccrypto_plain *plain)
{
    quicframes_handler *handler = packet->extent.is_server ? look_at_server : look;
    bool makes_sense = true;

    if (!quiccrypto_open(reader->crypto, scheme, id, id_length, &packet->extent, plain))
        return false;
    return plain->verified ||
           (read_frames(scheme, plain, handler, &makes_sense) == QUICFRAMES_CRYPTO && makes_sense);
}

/* As open_with(), with each scheme that the version may have. NULL when none opens it. */
static const struct quiccrypto_scheme *open_any(struct reader *reader, const struct packet *packet,
                                                const uint8_t *id, size_t id_length,
                                                struct quiccrypto_plain *plain)
{
    const struct quiccrypto_scheme *scheme = quiccrypto_scheme(packet->version, NULL);

    while (scheme && !open_with(reader, packet, id, id_length, scheme, plain))
        scheme = quiccrypto_scheme(packet->version, scheme);
    return scheme;
}

/* The client says its hello from the start. */
static void begin_anew(struct reader *reader)
{
    if (reader->connection->version != 0)
        reader->handler(reader->context, 0, NULL, 0);
}

static bool has_original_id(const struct quic_connection *connection, const struct packet *packet)
{
    return connection->version != 0 && connection->original_length == packet->id_length &&
           memcmp(connection->original, packet->id, packet->id_length) == 0;
}

/* The keys of a connection come from the first destination id (RFC 9001, 5.2), also when later
 * packets carry another, which the server chose. They come from a new one after Retry, when the
 * client begins anew with another version: in a datagram that may be a first one (RFC 9000, 14.1).
 */
static const struct quiccrypto_scheme *open_initial(struct reader *reader,
                                                    const struct packet *packet,
                                                    struct quiccrypto_plain *plain)
{
    struct quic_connection *connection = reader->connection;
    const struct quiccrypto_scheme *scheme = NULL;
    bool same = has_original_id(connection, packet);

    if (connection->version != 0 && !same)
        scheme = open_any(reader, packet, connection->original, connection->original_length, plain);
    if (!scheme && !same && connection->version != 0 &&
        !quic_opens(reader->datagram, reader->captured, reader->length))
        return NULL;
    if (!scheme) {
        scheme = open_any(reader, packet, packet->id, packet->id_length, plain);
        if (!scheme)
            return NULL;
        if (!same || connection->version != packet->version)
            begin_anew(reader);
        memcpy(connection->original, packet->id, packet->id_length);
        connection->original_length = (uint8_t)packet->id_length;
    }
    connection->version = packet->version;
    return scheme;
}

static enum quic_result read_initial(struct reader *reader, const struct packet *packet)
{
    struct quiccrypto_plain plain;
    const struct quiccrypto_scheme *scheme = open_initial(reader, packet, &plain);

    if (!scheme)
        return QUIC_UNREADABLE;
    return read_frames(scheme, &plain, reader->handler, reader->context) == QUICFRAMES_CRYPTO
               ? QUIC_CRYPTO
               : QUIC_OTHER;
}

/* -- Datagrams --------------------------------------------------------------------------------- */

/* Packets stand one after the other (RFC 9000, 12.2), until one that says no length. */
static enum quic_result read_packets(struct reader *reader, const uint8_t *datagram,
                                     size_t captured, size_t length)
{
    enum quic_result result = QUIC_NONE;
    unsigned unreadable = 0;
    size_t at = 0;

    while (at < captured && datagram[at] & LONG_HEADER && unreadable < MAX_UNREADABLE) {
        enum quic_result one = QUIC_OTHER;
        struct packet packet;

        if (!read_packet(datagram + at, captured - at, length - at, &packet))
            break;
        if (packet.version != 0 && packet.type == INITIAL)
            one = read_initial(reader, &packet);
        unreadable += one == QUIC_UNREADABLE;
        if (one > result)
            result = one;
        at += packet.extent.length;
    }
    return result;
}

/* A hello may enclose a packet of a newer version, for servers that know it: then that one counts.
 */
static enum quic_result read_google(struct reader *reader, uint32_t version,
                                    const uint8_t *datagram, size_t captured)
{
    size_t size = 0;
    const uint8_t *hello = gquic_find_hello(datagram, captured, &size);
    size_t enclosed_size = 0;
    const uint8_t *enclosed = hello ? gquic_enclosed_packet(hello, size, &enclosed_size) : NULL;

    if (enclosed && read_packets(reader, enclosed, enclosed_size, enclosed_size) == QUIC_CRYPTO)
        return QUIC_CRYPTO;
    if (!hello)
        return QUIC_OTHER;
    begin_anew(reader);
    reader->connection->version = version;
    reader->handler(reader->context, 0, hello, size);
    return QUIC_CRYPTO;
}

enum quic_result quic_read_client(struct quiccrypto *crypto, struct quic_connection *connection,
                                  const uint8_t *datagram, size_t captured, size_t length,
                                  quicframes_handler *handler, void *context)
{
    struct reader reader = {crypto, connection, datagram, captured, length, handler, context};
    uint32_t google = gquic_client_version(datagram, captured);

    if (captured == 0 || captured > length)
        return QUIC_NONE;
    if (google)
        return read_google(&reader, google, datagram, captured);
    if (datagram[0] & LONG_HEADER)
        return read_packets(&reader, datagram, captured, length);
    /* A short header says nothing: it is one when the connection is known. */
    return connection->version != 0 ? QUIC_OTHER : QUIC_NONE;
}

bool quic_starts(const uint8_t *datagram, size_t captured, size_t length)
{
    struct cursor cursor = cursor_over(datagram, captured);
    struct packet packet;

    if (gquic_client_version(datagram, captured) != 0)
        return true;
    if (!read_invariants(&cursor, &packet))
        return false;
    if (packet.version == 0)
        return true;
    if (packet.id_length > QUICCRYPTO_MAX_ID)
        return false;
    /* The fixed bit may be anything for who negotiated so before (RFC 9287). */
    return quiccrypto_known(packet.version) ||
           (datagram[0] & FIXED_BIT && length >= SMALLEST_FIRST_DATAGRAM &&
            packet.id_length >= SHORTEST_FIRST_ID);
}

const uint8_t *quic_opening_id(const uint8_t *datagram, size_t captured, size_t length,
                               size_t *id_length)
{
    struct packet packet;

    if (length < SMALLEST_FIRST_DATAGRAM || captured == 0 || !(datagram[0] & LONG_HEADER) ||
        gquic_client_version(datagram, captured) != 0 ||
        !read_packet(datagram, captured, length, &packet) || packet.version == 0 ||
        packet.type != INITIAL || packet.id_length < SHORTEST_FIRST_ID)
        return NULL;
    *id_length = packet.id_length;
    return packet.id;
}

bool quic_opens(const uint8_t *datagram, size_t captured, size_t length)
{
    size_t id_length;

    return gquic_client_version(datagram, captured) != 0 ||
           quic_opening_id(datagram, captured, length, &id_length);
}

uint32_t quic_hash(const uint8_t *id, size_t length)
{
    static const struct hash_key no_key;

    return (uint32_t)keyedhash(&no_key, id, length) | 1;
}

bool quic_read_header(const uint8_t *datagram, size_t captured, struct quic_header *header)
{
    struct cursor cursor = cursor_over(datagram, captured);
    struct packet packet;

    if (!read_invariants(&cursor, &packet))
        return false;
    *header = (struct quic_header){
        .version = packet.version,
        .is_retry = packet.version != 0 && type_of(&packet) == RETRY,
        .destination_length = packet.id_length,
        .source_length = packet.source_length,
        .destination = packet.id,
        .source = packet.source,
    };
    return true;
}

bool quic_answers(struct quiccrypto *crypto, const uint8_t *id, size_t id_length,
                  const uint8_t *datagram, size_t captured, size_t length)
{
    struct reader reader = {.crypto = crypto};
    struct quiccrypto_plain plain;
    struct packet packet;

    if (!read_packet(datagram, captured, length, &packet) || packet.version == 0 ||
        packet.type != INITIAL)
        return false;
    packet.extent.is_server = true;
    return open_any(&reader, &packet, id, id_length, &plain) != NULL;
}

static void drop_piece(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    (void)context;
    (void)offset;
    (void)bytes;
    (void)length;
}

bool quic_is_first(struct quiccrypto *crypto, const uint8_t *datagram, size_t captured,
                   size_t length)
{
    struct quic_connection none = {0};

    return quic_read_client(crypto, &none, datagram, captured, length, drop_piece, NULL) ==
           QUIC_CRYPTO;
}

/* RFC 9000, 12.2: the packet with a short header, if there is one, is the last. A zero begins none:
 * it is padding. */
size_t quic_data_length(const uint8_t *datagram, size_t captured, size_t length)
{
    size_t at = 0;

    while (at < captured && datagram[at] & LONG_HEADER) {
        struct packet packet;

        if (!read_packet(datagram + at, captured - at, length - at, &packet))
            return 0;
        at += packet.extent.length;
    }
    return at < captured && datagram[at] != 0 ? length - at : 0;
}

size_t quic_identifier_length(const uint8_t *datagram, size_t captured)
{
    struct cursor cursor = cursor_over(datagram, captured);
    struct packet packet;

    return read_invariants(&cursor, &packet) && packet.id_length <= QUICCRYPTO_MAX_ID
               ? packet.id_length
               : 0;
}

enum clienthello_result quic_parse_hello(const uint8_t *bytes, size_t length,
                                         struct clienthello *hello)
{
    if (gquic_chlo_starts(bytes, length))
        return gquic_parse_chlo(bytes, length, hello);
    return clienthello_parse_message(bytes, length, hello);
}
