/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/gquic.h"

#include "collectors/capture/cursor.h"

#include <string.h>

/* Public flags, up to Q043. A client's first packet has an 8-byte connection id. */
enum { FLAG_VERSION = 0x01, FLAG_RESET = 0x02, FLAG_CONNECTION_ID = 0x08, CONNECTION_ID = 8 };
enum { HASH_SIZE = 12 }; /* of the message, in place of a tag: the key is known to all */

enum {
    FRAME_PADDING = 0,
    FRAME_RST_STREAM = 1,
    FRAME_WINDOW_UPDATE = 4,
    FRAME_BLOCKED = 5,
    FRAME_STOP_WAITING = 6,
    FRAME_PING = 7,
    FRAME_CRYPTO = 8,
    FRAME_ACK_BIT = 0x40,
    FRAME_STREAM_BIT = 0x80
};
enum { STREAM_OF_HELLO = 1 };

#define TAG(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))
#define TAG_CHLO        TAG('C', 'H', 'L', 'O')
#define TAG_SNI         TAG('S', 'N', 'I', 0)
#define TAG_QLVE        TAG('Q', 'L', 'V', 'E')
enum { MAX_TAGS = 128 };

/* What the layout of the frames depends on. */
struct layout {
    unsigned version;
    unsigned number_size; /* of the packet number, bytes */
};

unsigned gquic_version_number(uint32_t version)
{
    unsigned letter = version >> 24;
    unsigned tens = (version >> 8 & 0xff) - '0';
    unsigned units = (version & 0xff) - '0';
    unsigned number = 10 * tens + units;

    if ((version >> 16 & 0xff) != '0' || tens > 9 || units > 9)
        return 0;
    if (letter == 'Q' && number >= 24 && number <= 50)
        return number;
    return letter == 'T' && (number == 50 || number == 51) ? number : 0;
}

/* Little-endian up to Q038, and always within a hello. */
static uint64_t read_number(struct cursor *cursor, unsigned size, bool little)
{
    const uint8_t *bytes = cursor_bytes(cursor, size);
    uint64_t value = 0;

    for (unsigned i = 0; bytes && i < size; i++)
        value = value << 8 | bytes[little ? size - 1 - i : i];
    return value;
}

/* -- Headers ----------------------------------------------------------------------------------- */

/* The sizes that two bits stand for, of packet numbers in headers and acknowledgements. */
static const uint8_t number_sizes[] = {1, 2, 4, 6};

/* Up to Q043: flags, connection id, version, packet number. */
static uint32_t read_public_header(struct cursor *cursor, struct layout *layout)
{
    uint8_t flags = cursor_u8(cursor);
    uint32_t version;

    if ((flags & (0x80 | FLAG_RESET | FLAG_CONNECTION_ID | FLAG_VERSION)) !=
        (FLAG_CONNECTION_ID | FLAG_VERSION))
        return 0;
    cursor_skip(cursor, CONNECTION_ID);
    version = cursor_u32(cursor);
    layout->version = gquic_version_number(version);
    layout->number_size = number_sizes[flags >> 4 & 3];
    return layout->version >= 24 && layout->version <= 43 ? version : 0;
}

/* Q044 to Q046: type, version, one byte for the lengths of both ids (as in drafts of the standard
 * up to 21), the ids, packet number. */
static uint32_t read_long_header(struct cursor *cursor, struct layout *layout)
{
    uint8_t type = cursor_u8(cursor);
    uint32_t version = cursor_u32(cursor);
    uint8_t lengths = cursor_u8(cursor);

    layout->version = gquic_version_number(version);
    layout->number_size = layout->version >= 46 ? (type & 3U) + 1 : 4;
    if (lengths >> 4)
        cursor_skip(cursor, (lengths >> 4) + 3U);
    if (lengths & 0x0f)
        cursor_skip(cursor, (lengths & 0x0fU) + 3);
    return layout->version >= 44 && layout->version <= 46 ? version : 0;
}

static uint32_t read_header(struct cursor *cursor, struct layout *layout)
{
    bool is_long = cursor_left(cursor) > 0 && *cursor->at & 0x80;
    uint32_t version =
        is_long ? read_long_header(cursor, layout) : read_public_header(cursor, layout);

    cursor_skip(cursor, layout->number_size);
    return cursor->failed ? 0 : version;
}

uint32_t gquic_client_version(const uint8_t *datagram, size_t length)
{
    struct cursor cursor = cursor_over(datagram, length);
    struct layout layout = {0, 0};

    return read_header(&cursor, &layout);
}

/* -- Frames ------------------------------------------------------------------------------------ */

/* A frame's part of the stream that carries the hello. */
struct piece {
    uint64_t offset;
    uint64_t size;
    const uint8_t *bytes;
};

static void take_piece(struct cursor *cursor, bool cut, struct piece *piece)
{
    if (cut && piece->size > cursor_left(cursor))
        piece->size = cursor_left(cursor);
    if (piece->size > cursor_left(cursor))
        cursor->failed = true;
    else
        piece->bytes = cursor_bytes(cursor, (size_t)piece->size);
}

/* 1fdooossB: fin, data length present, size of the offset, size of the stream's id. */
static void read_stream(struct cursor *cursor, uint8_t type, const struct layout *layout, bool cut,
                        struct piece *piece)
{
    bool little = layout->version < 39;
    unsigned offset_size = type >> 2 & 7;
    uint64_t stream = read_number(cursor, (type & 3U) + 1, little);

    piece->offset = read_number(cursor, offset_size ? offset_size + 1 : 0, little);
    piece->size = type & 0x20 ? read_number(cursor, 2, little) : cursor_left(cursor);
    take_piece(cursor, cut, piece);
    if (stream != STREAM_OF_HELLO)
        piece->bytes = NULL;
}

static void skip_timestamps(struct cursor *cursor)
{
    unsigned count = cursor_u8(cursor);

    if (count > 0)
        cursor_skip(cursor, 1 + 4 + (size_t)(count - 1) * (1 + 2));
}

/* 01ntllmmB, up to Q033: entropy, largest, delay, timestamps, missing ranges, revived packets. */
static void skip_nack(struct cursor *cursor, uint8_t type)
{
    unsigned largest_size = number_sizes[type >> 2 & 3];
    unsigned missing_size = number_sizes[type & 3];

    cursor_skip(cursor, 1 + largest_size + 2);
    skip_timestamps(cursor);
    if (type & 0x20) {
        cursor_skip(cursor, (size_t)cursor_u8(cursor) * (missing_size + 1));
        cursor_skip(cursor, (size_t)cursor_u8(cursor) * largest_size);
    }
}

/* 01nullmmB, from Q034: largest, delay, blocks, timestamps. */
static void skip_ack(struct cursor *cursor, uint8_t type)
{
    unsigned block_size = number_sizes[type & 3];
    size_t blocks;

    cursor_skip(cursor, number_sizes[type >> 2 & 3] + 2U);
    blocks = type & 0x20 ? cursor_u8(cursor) : 0;
    cursor_skip(cursor, block_size + blocks * (1 + block_size));
    skip_timestamps(cursor);
}

/* Returns false at a frame after which no hello follows, or that is none. */
static bool skip_regular(struct cursor *cursor, uint8_t type, const struct layout *layout)
{
    switch (type) {
    case FRAME_PADDING:
    case FRAME_PING:
        return true;
    case FRAME_RST_STREAM:
        cursor_skip(cursor, 4 + 8 + 4);
        return true;
    case FRAME_WINDOW_UPDATE:
        cursor_skip(cursor, 4 + 8);
        return true;
    case FRAME_BLOCKED:
        cursor_skip(cursor, 4);
        return true;
    case FRAME_STOP_WAITING:
        cursor_skip(cursor, (layout->version < 34) + layout->number_size);
        return true;
    default:
        return false;
    }
}

static bool read_frame(struct cursor *cursor, const struct layout *layout, bool cut,
                       struct piece *piece)
{
    uint8_t type = cursor_u8(cursor);

    if (type & FRAME_STREAM_BIT)
        read_stream(cursor, type, layout, cut, piece);
    else if (type & FRAME_ACK_BIT && layout->version < 34)
        skip_nack(cursor, type);
    else if (type & FRAME_ACK_BIT)
        skip_ack(cursor, type);
    else if (type != FRAME_CRYPTO || layout->version < 50)
        return skip_regular(cursor, type, layout);
    else {
        piece->offset = cursor_varint(cursor);
        piece->size = cursor_varint(cursor);
        take_piece(cursor, cut, piece);
    }
    return true;
}

enum quicframes_result gquic_read_frames(const uint8_t *bytes, size_t length, bool cut,
                                         quicframes_handler *handler, void *context)
{
    static const struct layout layout = {50, 4};
    struct cursor cursor = cursor_over(bytes, length);
    enum quicframes_result result = QUICFRAMES_NONE;

    while (cursor_left(&cursor) > 0) {
        struct piece piece = {0, 0, NULL};

        if (!read_frame(&cursor, &layout, cut, &piece) || piece.offset > CLIENTHELLO_LONGEST ||
            piece.size > CLIENTHELLO_LONGEST - piece.offset)
            return cut ? QUICFRAMES_WRONG : result;
        if (cursor.failed)
            break;
        if (!piece.bytes || piece.size == 0)
            continue;
        handler(context, (uint32_t)piece.offset, piece.bytes, (size_t)piece.size);
        result = QUICFRAMES_CRYPTO;
    }
    return result;
}

const uint8_t *gquic_find_hello(const uint8_t *datagram, size_t length, size_t *size)
{
    struct cursor cursor = cursor_over(datagram, length);
    struct layout layout = {0, 0};

    if (!read_header(&cursor, &layout))
        return NULL;
    cursor_skip(&cursor, HASH_SIZE + (layout.version < 34)); /* before Q034, private flags */
    while (!cursor.failed && cursor_left(&cursor) > 0) {
        struct piece piece = {0, 0, NULL};

        if (!read_frame(&cursor, &layout, true, &piece))
            break;
        if (piece.bytes && piece.size <= CLIENTHELLO_MAX &&
            gquic_chlo_starts(piece.bytes, (size_t)piece.size)) {
            *size = (size_t)piece.size;
            return piece.bytes;
        }
    }
    return NULL;
}

/* -- Hello ------------------------------------------------------------------------------------- */

bool gquic_chlo_starts(const uint8_t *bytes, size_t length)
{
    struct cursor cursor = cursor_over(bytes, length);

    return cursor_u32(&cursor) == TAG_CHLO;
}

/* Tag, number of entries, two bytes of nothing; then each entry's tag and the end of its value,
 * counted from the end of this index; then the values. VALUE is left alone when TAG is not there,
 * and fails when it is, but not captured. */
static enum clienthello_result find_value(const uint8_t *bytes, size_t length, uint32_t tag,
                                          struct cursor *value)
{
    struct cursor index = cursor_over(bytes, length);
    struct cursor values;
    uint64_t start = 0;
    uint64_t count;

    cursor_skip(&index, 4);
    count = read_number(&index, 2, true);
    cursor_skip(&index, 2);
    if (count > MAX_TAGS)
        return CLIENTHELLO_MALFORMED;
    values = index;
    cursor_skip(&values, (size_t)count * 8);
    if (values.failed)
        return CLIENTHELLO_INCOMPLETE;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t entry = cursor_u32(&index);
        uint64_t end = read_number(&index, 4, true);

        if (end < start || end > CLIENTHELLO_MAX)
            return CLIENTHELLO_MALFORMED;
        if (entry == tag) {
            cursor_skip(&values, (size_t)start);
            *value = cursor_take(&values, (size_t)(end - start));
            return value->failed ? CLIENTHELLO_INCOMPLETE : CLIENTHELLO_COMPLETE;
        }
        start = end;
    }
    return CLIENTHELLO_COMPLETE;
}

enum clienthello_result gquic_parse_chlo(const uint8_t *bytes, size_t length,
                                         struct clienthello *hello)
{
    struct cursor name = cursor_over(bytes, 0);
    enum clienthello_result result = find_value(bytes, length, TAG_SNI, &name);

    memset(hello, 0, sizeof(*hello));
    if (result == CLIENTHELLO_COMPLETE)
        clienthello_set_name(hello, name.at, cursor_left(&name));
    return result;
}

const uint8_t *gquic_enclosed_packet(const uint8_t *bytes, size_t length, size_t *size)
{
    struct cursor packet = cursor_over(bytes, 0);

    if (!gquic_chlo_starts(bytes, length) ||
        find_value(bytes, length, TAG_QLVE, &packet) != CLIENTHELLO_COMPLETE)
        return NULL;
    *size = cursor_left(&packet);
    return *size > 0 ? packet.at : NULL;
}
