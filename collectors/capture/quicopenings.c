/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/quicopenings.h"

#include "collectors/capture/quic.h"

#include <stdlib.h>
#include <string.h>

#define SETS 32
#define WAYS 8
/* A hello of today, with what a client may send beside it, takes two datagrams, and of an MTU of
 * 1500 bytes, IPv4 and UDP leave 1472. A server sends no more than three times as many before the
 * client goes on (RFC 9000, 8.1); of its datagrams the header is kept: 51 bytes with the longest
 * ids. */
#define DATAGRAMS  12
#define HEAD_BYTES 52
#define ROOM       (3 * 1472 + 9 * HEAD_BYTES)
/* A client that hears nothing repeats itself after 1, 3, 7 s (RFC 9002, 6.2). */
#define CLAIM_S 10

struct id {
    uint8_t length;
    uint8_t bytes[QUICCRYPTO_MAX_ID];
};

struct quicopening {
    uint64_t key;
    uint64_t more_bytes[2]; /* of the client, of the server */
    uint32_t last_s;        /* when its client was last heard */
    uint8_t side;
    bool is_claimed;
    bool is_answered;
    uint8_t count;        /* of datagrams */
    uint16_t bytes_taken; /* by them */
    struct id first;      /* that its client opened with */
    struct id source;     /* that its client chose */
    struct id answer;     /* that the server chose */
    struct {
        uint32_t length;
        uint16_t captured;
        uint16_t at;
        bool by_server;
    } datagrams[DATAGRAMS];
    uint8_t bytes[ROOM];
};

struct quicopenings {
    struct quiccrypto *crypto;
    struct quicopening sets[SETS][WAYS];
    uint8_t turns[SETS]; /* whose place the next claim takes */
    bool used[SETS];     /* there was a claim: of the others no memory was touched */
};

struct quicopenings *quicopenings_new(void)
{
    struct quicopenings *openings = calloc(1, sizeof(*openings));

    if (!openings)
        return NULL;
    openings->crypto = quiccrypto_new();
    if (!openings->crypto) {
        free(openings);
        return NULL;
    }
    return openings;
}

void quicopenings_free(struct quicopenings *openings)
{
    if (!openings)
        return;
    quiccrypto_free(openings->crypto);
    for (unsigned i = 0; i < SETS * WAYS; i++)
        if (openings->used[i / WAYS] && openings->sets[i / WAYS][i % WAYS].is_claimed)
            quicopenings_forget(&openings->sets[i / WAYS][i % WAYS]);
    free(openings);
}

void quicopenings_forget(struct quicopening *opening)
{
    explicit_bzero(opening, sizeof(*opening));
}

static bool is_over(const struct quicopening *opening, uint32_t now_s)
{
    return now_s > opening->last_s + CLAIM_S;
}

void quicopenings_expire(struct quicopenings *openings, uint32_t now_s)
{
    for (unsigned i = 0; i < SETS * WAYS; i++) {
        struct quicopening *opening = &openings->sets[i / WAYS][i % WAYS];

        if (openings->used[i / WAYS] && opening->is_claimed && is_over(opening, now_s))
            quicopenings_forget(opening);
    }
}

/* -- Ids --------------------------------------------------------------------------------------- */

static bool is_id(const struct id *id, const uint8_t *bytes, size_t length)
{
    return id->length == length && memcmp(id->bytes, bytes, length) == 0;
}

static struct id id_of(const uint8_t *bytes, size_t length)
{
    struct id id = {.length = (uint8_t)(length < sizeof(id.bytes) ? length : sizeof(id.bytes))};

    memcpy(id.bytes, bytes, id.length);
    return id;
}

/* Whether a packet with a short header is for who chose ID: it stands behind the first byte (RFC
 * 9000, 17.3). */
static bool is_for(const struct id *id, const struct packet *packet)
{
    return id->length > 0 && packet->captured_length > id->length &&
           memcmp(packet->payload + 1, id->bytes, id->length) == 0;
}

/* -- Claims ------------------------------------------------------------------------------------ */

static bool opens(const struct packet *packet, struct id *id)
{
    size_t length;
    const uint8_t *bytes =
        quic_opening_id(packet->payload, packet->captured_length, packet->payload_length, &length);

    if (bytes)
        *id = id_of(bytes, length);
    return bytes != NULL;
}

bool quicopenings_is_first(struct quicopenings *openings, const struct packet *packet)
{
    struct id id;

    return opens(packet, &id) && quic_is_first(openings->crypto, packet->payload,
                                               packet->captured_length, packet->payload_length);
}

static void keep(struct quicopening *opening, const struct packet *packet, bool by_server)
{
    const uint32_t room = ROOM - opening->bytes_taken;
    uint32_t captured = packet->captured_length;

    if (opening->count == DATAGRAMS) {
        opening->more_bytes[by_server] += packet->payload_length;
        return;
    }
    if (by_server && captured > HEAD_BYTES)
        captured = HEAD_BYTES;
    if (captured > room)
        captured = room;
    opening->datagrams[opening->count].length = packet->payload_length;
    opening->datagrams[opening->count].captured = (uint16_t)captured;
    opening->datagrams[opening->count].at = opening->bytes_taken;
    opening->datagrams[opening->count].by_server = by_server;
    if (captured > 0)
        memcpy(opening->bytes + opening->bytes_taken, packet->payload, captured);
    opening->bytes_taken = (uint16_t)(opening->bytes_taken + captured);
    opening->count++;
}

bool quicopenings_claim(struct quicopenings *openings, const struct quicopenings_look *look)
{
    const struct packet *packet = look->packet;
    const unsigned set = look->key % SETS;
    struct quicopening *opening;
    struct quic_header header;
    struct id id;

    if (!opens(packet, &id) || !quicopenings_is_first(openings, packet) ||
        !quic_read_header(packet->payload, packet->captured_length, &header))
        return false;
    opening = &openings->sets[set][openings->turns[set]++ % WAYS];
    quicopenings_forget(opening);
    openings->used[set] = true;
    opening->key = look->key;
    opening->last_s = look->now_s;
    opening->side = (uint8_t)look->side;
    opening->is_claimed = true;
    opening->first = id;
    opening->source = id_of(header.source, header.source_length);
    keep(opening, packet, false);
    return true;
}

bool quicopenings_has(const struct quicopenings *openings, uint64_t key)
{
    for (unsigned i = 0; i < WAYS; i++)
        if (openings->sets[key % SETS][i].is_claimed && openings->sets[key % SETS][i].key == key)
            return true;
    return false;
}

/* -- What confirms them -------------------------------------------------------------------------
 */

/* Whether a server's datagram is for whoever opened so. When the clients of both connections chose
 * the same id, none as a rule, the keys tell. */
static bool answers(struct quicopenings *openings, const struct quicopening *opening,
                    const struct quicopenings_look *look, const struct quic_header *header)
{
    const struct packet *packet = look->packet;

    if (!is_id(&opening->source, header->destination, header->destination_length) ||
        header->version == 0 || header->is_retry)
        return false;
    if (opening->is_answered)
        return is_id(&opening->answer, header->source, header->source_length);
    return (look->source != 0 &&
            look->source != quic_hash(opening->source.bytes, opening->source.length)) ||
           quic_answers(openings->crypto, opening->first.bytes, opening->first.length,
                        packet->payload, packet->captured_length, packet->payload_length);
}

/* Whether the client goes on though its server is not captured: to another id than the first, with
 * its own, and not as the connection that there is may do. */
static bool goes_on_alone(struct quicopenings *openings, const struct quicopening *opening,
                          const struct quicopenings_look *look, const struct quic_header *header)
{
    return look->is_alone && !opening->is_answered && header->version != 0 &&
           is_id(&opening->source, header->source, header->source_length) &&
           (look->is_past || look->source != quic_hash(header->source, header->source_length)) &&
           !quicopenings_is_first(openings, look->packet);
}

static enum quicopenings_verdict take_of_client(struct quicopenings *openings,
                                                struct quicopening *opening,
                                                const struct quicopenings_look *look,
                                                const struct quic_header *header)
{
    if (!header)
        return opening->is_answered && is_for(&opening->answer, look->packet)
                   ? QUICOPENINGS_CONFIRMED
                   : QUICOPENINGS_OTHER;
    if (is_id(&opening->first, header->destination, header->destination_length)) {
        opening->last_s = look->now_s;
        keep(opening, look->packet, false);
        return QUICOPENINGS_HELD;
    }
    if (opening->is_answered
            ? is_id(&opening->answer, header->destination, header->destination_length)
            : goes_on_alone(openings, opening, look, header))
        return QUICOPENINGS_CONFIRMED;
    return QUICOPENINGS_OTHER;
}

static enum quicopenings_verdict take_of_server(struct quicopenings *openings,
                                                struct quicopening *opening,
                                                const struct quicopenings_look *look,
                                                const struct quic_header *header)
{
    if (!header || !answers(openings, opening, look, header))
        return QUICOPENINGS_OTHER;
    if (!opening->is_answered)
        opening->answer = id_of(header->source, header->source_length);
    opening->is_answered = true;
    keep(opening, look->packet, true);
    return QUICOPENINGS_HELD;
}

enum quicopenings_verdict quicopenings_take(struct quicopenings *openings,
                                            const struct quicopenings_look *look,
                                            struct quicopening **opening)
{
    const struct packet *packet = look->packet;
    struct quicopening *set = openings->sets[look->key % SETS];
    struct quic_header read;
    bool is_long = quic_read_header(packet->payload, packet->captured_length, &read);
    const struct quic_header *header = is_long ? &read : NULL;
    enum quicopenings_verdict verdict = QUICOPENINGS_OTHER;

    for (unsigned i = 0; i < WAYS && verdict == QUICOPENINGS_OTHER; i++) {
        if (!set[i].is_claimed || set[i].key != look->key)
            continue;
        if (is_over(&set[i], look->now_s)) {
            quicopenings_forget(&set[i]);
            continue;
        }
        *opening = &set[i];
        verdict = (look->side == set[i].side ? take_of_client : take_of_server)(openings, &set[i],
                                                                                look, header);
    }
    return verdict;
}

/* -- What was kept ------------------------------------------------------------------------------
 */

bool quicopenings_datagram(const struct quicopening *opening, unsigned number,
                           const struct packet *confirmed, struct packet *packet, bool *by_server)
{
    if (number >= opening->count)
        return false;
    *packet = *confirmed;
    *by_server = opening->datagrams[number].by_server;
    if (*by_server)
        packet_turn_round(packet);
    packet->payload = opening->bytes + opening->datagrams[number].at;
    packet->captured_length = opening->datagrams[number].captured;
    packet->payload_length = opening->datagrams[number].length;
    return true;
}

uint64_t quicopenings_more_bytes(const struct quicopening *opening, bool by_server)
{
    return opening->more_bytes[by_server];
}
