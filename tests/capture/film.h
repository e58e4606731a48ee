/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_FILM_H
#define IAGMETER_TESTS_FILM_H

#include "collectors/capture/decode.h"
#include "tests/capture/frames.h"

/* Films of made-up conversations: frames with their times, to be played to a metering in one way or
 * another. */

#define SECOND 1000000000LL
#define MILLI  1000000LL
/* 2026-11-23 12:00:00 UTC. */
#define NOON 1795435200LL

struct shot {
    int64_t time_ns;
    size_t order;
    int link_type;
    uint32_t captured;
    uint32_t length;
    uint8_t *bytes; /* exactly CAPTURED */
};

struct film {
    struct shot *shots;
    size_t count;
    size_t capacity;
    int64_t clock_ns;     /* of the next shot */
    uint32_t snap_length; /* 0: none */
};

static inline void film_start(struct film *film)
{
    memset(film, 0, sizeof(*film));
    film->clock_ns = NOON * SECOND;
}

/* Forgets the shots, not the time. */
static inline void film_rewind(struct film *film)
{
    while (film->count > 0)
        free(film->shots[--film->count].bytes);
}

static inline void film_clear(struct film *film)
{
    film_rewind(film);
    free(film->shots);
    film_start(film);
}

static inline void film_shoot(struct film *film, int link_type, const struct bytes *bytes)
{
    uint32_t length = (uint32_t)bytes->length;
    uint32_t captured =
        film->snap_length && film->snap_length < length ? film->snap_length : length;

    if (film->count == film->capacity) {
        film->capacity = film->capacity ? 2 * film->capacity : 1024;
        film->shots = realloc(film->shots, film->capacity * sizeof(*film->shots));
        if (!film->shots)
            abort();
    }
    film->shots[film->count] = (struct shot){
        film->clock_ns, film->count, link_type, captured, length, exact_copy(bytes->at, captured)};
    film->count++;
}

static inline int film_compare(const void *left, const void *right)
{
    const struct shot *a = left;
    const struct shot *b = right;

    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static inline void film_sort(struct film *film)
{
    qsort(film->shots, film->count, sizeof(*film->shots), film_compare);
}

/* -- Conversations ------------------------------------------------------------------------------
 */

enum { FROM_CLIENT, FROM_SERVER };

struct talk {
    struct address client;
    struct address server;
    uint16_t client_port;
    uint16_t server_port; /* 0: 443 */
    uint16_t vlan;
    uint32_t sequence[2]; /* next */
    uint32_t said[2];     /* payload bytes */
};

/* Sequence numbers wrap around soon. */
static inline struct talk talk_of(unsigned device, uint16_t port)
{
    return (struct talk){
        .client = address4(10, 1, device >> 8, device & 0xff),
        .server = address4(203, 0, 113, 7),
        .client_port = port,
        .sequence = {0xfffffa00U + port % 512, 0xfffff000U + port % 512},
    };
}

static inline uint16_t talk_port(const struct talk *talk, int end)
{
    if (end == FROM_CLIENT)
        return talk->client_port;
    return talk->server_port ? talk->server_port : 443;
}

static inline void talk_segment(struct film *film, const struct talk *talk, int end,
                                uint32_t sequence, uint8_t flags, const uint8_t *payload,
                                uint32_t length)
{
    static struct bytes bytes;
    struct tcp_frame frame = {
        .link_type = DLT_EN10MB,
        .vlan = talk->vlan,
        .source = end == FROM_CLIENT ? talk->client : talk->server,
        .destination = end == FROM_CLIENT ? talk->server : talk->client,
        .source_port = talk_port(talk, end),
        .destination_port = talk_port(talk, !end),
        .sequence = sequence,
        .acknowledgement = flags & TCP_ACK ? talk->sequence[!end] : 0,
        .flags = flags,
        .tcp_options = 3,
        .payload = payload,
        .payload_length = length,
    };

    build_frame(&bytes, &frame);
    film_shoot(film, frame.link_type, &bytes);
}

static inline void talk_flags(struct film *film, struct talk *talk, int end, uint8_t flags)
{
    talk_segment(film, talk, end, talk->sequence[end], flags, NULL, 0);
    talk->sequence[end] += (flags & (TCP_SYN | TCP_FIN)) != 0;
}

static inline void talk_open(struct film *film, struct talk *talk)
{
    talk_flags(film, talk, FROM_CLIENT, TCP_SYN);
    film->clock_ns += MILLI;
    talk_flags(film, talk, FROM_SERVER, TCP_SYN | TCP_ACK);
    talk_flags(film, talk, FROM_CLIENT, TCP_ACK);
    film->clock_ns += MILLI;
}

static inline void talk_close(struct film *film, struct talk *talk)
{
    talk_flags(film, talk, FROM_CLIENT, TCP_FIN | TCP_ACK);
    talk_flags(film, talk, FROM_SERVER, TCP_FIN | TCP_ACK);
    talk_flags(film, talk, FROM_CLIENT, TCP_ACK);
}

/* Sends BYTES in segments of at most SIZE. */
static inline void talk_say(struct film *film, struct talk *talk, int end,
                            const struct bytes *bytes, uint32_t size)
{
    for (uint32_t at = 0; at < bytes->length; at += size) {
        uint32_t left = (uint32_t)bytes->length - at;
        uint32_t length = left < size ? left : size;

        talk_segment(film, talk, end, talk->sequence[end], TCP_ACK, bytes->at + at, length);
        talk->sequence[end] += length;
        talk->said[end] += length;
        film->clock_ns += 1000;
    }
}

static inline void talk_text(struct film *film, struct talk *talk, int end, const char *text)
{
    static struct bytes bytes;

    bytes.length = 0;
    put_bytes(&bytes, text, strlen(text));
    talk_say(film, talk, end, &bytes, 1400);
}

static inline void talk_hello(struct film *film, struct talk *talk, const char *name,
                              size_t padding)
{
    static struct bytes bytes;
    struct hello_parts parts = {.name = name, .alpn = "h2", .padding = padding};

    bytes.length = 0;
    put_hello(&bytes, &parts);
    talk_say(film, talk, FROM_CLIENT, &bytes, 1400);
}

static inline void talk_record(struct film *film, struct talk *talk, int end, size_t size)
{
    static struct bytes bytes;

    bytes.length = 0;
    put_record(&bytes, size);
    talk_say(film, talk, end, &bytes, 1400);
}

/* A request, and after a second an answer of COUNT records, STEP_NS apart. */
static inline void talk_exchange(struct film *film, struct talk *talk, size_t request,
                                 unsigned count, size_t size, int64_t step_ns)
{
    talk_record(film, talk, FROM_CLIENT, request);
    film->clock_ns += SECOND;
    for (unsigned i = 0; i < count; i++) {
        talk_record(film, talk, FROM_SERVER, size);
        film->clock_ns += step_ns;
    }
}

/* Puts a segment that END never said before shot AT. BYTES may be NULL. */
static inline void film_forge_as(struct film *film, const struct talk *talk, int end, uint8_t flags,
                                 uint32_t sequence, const struct bytes *bytes, size_t at)
{
    struct shot forged;

    talk_segment(film, talk, end, sequence, flags, bytes ? bytes->at : NULL,
                 bytes ? (uint32_t)bytes->length : 0);
    forged = film->shots[film->count - 1];
    memmove(&film->shots[at + 1], &film->shots[at], (film->count - 1 - at) * sizeof(forged));
    film->shots[at] = forged;
    film->shots[at].time_ns = at + 1 < film->count ? film->shots[at + 1].time_ns : film->clock_ns;
}

static inline void film_forge(struct film *film, const struct talk *talk, int end,
                              uint32_t sequence, const struct bytes *bytes, size_t at)
{
    film_forge_as(film, talk, end, TCP_ACK, sequence, bytes, at);
}

/* Takes a shot out. */
static inline void film_cut(struct film *film, size_t at)
{
    free(film->shots[at].bytes);
    film->count--;
    memmove(&film->shots[at], &film->shots[at + 1], (film->count - at) * sizeof(*film->shots));
}

/* Takes what END says out of the film. */
static inline void talk_hide(struct film *film, const struct talk *talk, int end)
{
    const uint8_t *address = end == FROM_CLIENT ? talk->client.bytes : talk->server.bytes;

    for (size_t i = 0; i < film->count; i++)
        if (memcmp(film->shots[i].bytes + 14 + 12, address, 4) == 0)
            film->shots[i].bytes[12] ^= 0xff; /* of another ethertype */
}

#endif
