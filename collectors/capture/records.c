/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/records.h"

#include "collectors/capture/cursor.h"

#include <string.h>

/* RFC 8446, 5.1. */
enum { HEADER_SIZE = 5 };

enum { RECORD_FIRST_TYPE = 20, RECORD_LAST_TYPE = 24 };
enum { RECORD_CHANGE = 20, RECORD_ALERT = 21, RECORD_HANDSHAKE = 22 };
/* RFC 8446, 4. */
enum { HANDSHAKE_SERVER_HELLO = 2 };
/* RFC 8446, 5.2: 2^14 + 256; TLS 1.2 allows 2^14 + 2048 (RFC 5246, 6.2.3). */
enum { MAX_RECORD_SIZE = 16384 + 2048 };
/* What was lost on its way comes again within a round trip of when what follows came, or after the
 * timer of its sender, which is 200 ms at least where most run (Linux, TCP_RTO_MIN; RFC 6298, 2.4
 * asks for a second). Then what waits for it is late by as much. */
#define PATIENCE_NS 250000000LL
/* The largest index of an assembly: a configuration allows fewer. */
enum { MAX_WAITING = (1 << 24) - 1 };

void records_start(struct record_stream *stream, uint32_t sequence)
{
    memset(stream, 0, sizeof(*stream));
    stream->expected = sequence;
    stream->in_step = 1;
    stream->started = 1;
}

static uint32_t header_size(const uint8_t *header)
{
    return (uint32_t)header[3] << 8 | header[4];
}

static bool header_plausible(const uint8_t *header)
{
    return header[0] >= RECORD_FIRST_TYPE && header[0] <= RECORD_LAST_TYPE && header[1] == 3 &&
           header[2] <= 4 && header_size(header) <= MAX_RECORD_SIZE;
}

bool records_go_on(const uint8_t *bytes, size_t captured)
{
    struct cursor cursor = cursor_over(bytes, captured);
    const uint8_t *header = cursor_bytes(&cursor, HEADER_SIZE);

    if (!header || !header_plausible(header) || header[2] == 0) /* SSL 3.0: RFC 7568 */
        return false;
    switch (header[0]) {
    case RECORD_CHANGE: /* RFC 5246, 7.1: one byte, 1 */
        return header_size(header) == 1 && cursor_u8(&cursor) == 1;
    case RECORD_ALERT: /* RFC 8446, 6: two bytes, or more when they are encrypted */
        return header_size(header) >= 2;
    case RECORD_HANDSHAKE:
        return cursor_u8(&cursor) == HANDSHAKE_SERVER_HELLO;
    default:
        return header[0] == RECORD_APPLICATION_DATA && header_size(header) > 0;
    }
}

/* Out of step, a segment that starts like a record most likely does: streams of small records start
 * one in nearly every segment. */
static bool regain_step(struct record_stream *stream, const uint8_t *bytes, uint32_t captured,
                        record_handler *handler, void *context)
{
    if (captured < HEADER_SIZE || !header_plausible(bytes))
        return false;
    if (stream->lost > 0)
        handler(context, RECORD_UNKNOWN, stream->lost);
    stream->body_left = 0;
    stream->in_step = 1;
    return true;
}

static void lose_step(struct record_stream *stream)
{
    stream->header_length = 0;
    stream->in_step = 0;
    stream->lost = 0;
}

/* Bytes before the next header; 0 when that is begun, or its place unknown. */
static uint32_t body_left(const struct record_stream *stream)
{
    return stream->in_step && stream->header_length == 0 ? stream->body_left : 0;
}

/* Adds to the header that was begun, or begins one. Returns how many of the LEFT bytes were used.
 */
static uint32_t read_header(struct record_stream *stream, const uint8_t *bytes, uint32_t left,
                            record_handler *handler, void *context)
{
    uint8_t header[HEADER_SIZE];
    uint32_t known = stream->header_length;
    uint32_t used = HEADER_SIZE - known < left ? HEADER_SIZE - known : left;

    memcpy(header, stream->header, known);
    memcpy(header + known, bytes, used);
    known += used;
    if (known < HEADER_SIZE) {
        memcpy(stream->header, header, known);
        stream->header_length = known & 7;
    } else if (header_plausible(header)) {
        stream->header_length = 0;
        stream->body_left = header_size(header);
        handler(context, header[0], stream->body_left);
    } else {
        lose_step(stream);
    }
    return used;
}

/* Reads bytes in order. Returns how many were used: fewer than given when the stream turned out not
 * to be records. */
static uint32_t read_records(struct record_stream *stream, const uint8_t *bytes, uint32_t length,
                             record_handler *handler, void *context)
{
    uint32_t at = 0;

    while (at < length && stream->in_step) {
        uint32_t left = length - at;
        uint32_t skipped = body_left(stream);

        if (skipped == 0) {
            at += read_header(stream, bytes + at, left, handler, context);
            continue;
        }
        if (skipped > left)
            skipped = left;
        stream->body_left -= skipped;
        at += skipped;
    }
    return at;
}

/* Steps over LENGTH bytes that were not captured: harmless inside a record. */
static uint32_t skip_unseen(struct record_stream *stream, uint32_t length)
{
    uint32_t left = body_left(stream);

    if (length <= left) {
        stream->body_left -= length;
        return 0;
    }
    if (stream->in_step)
        lose_step(stream);
    stream->lost += length - left;
    return length - left;
}

/* A segment that is next in order. Returns the bytes given up as lost. */
static uint32_t take_in_order(struct record_stream *stream, const uint8_t *bytes, uint32_t captured,
                              uint32_t length, record_handler *handler, void *context)
{
    uint32_t used = 0;

    stream->expected += length;
    if (stream->in_step || regain_step(stream, bytes, captured, handler, context))
        used = read_records(stream, bytes, captured, handler, context);
    if (stream->in_step)
        return skip_unseen(stream, length - captured);
    stream->lost += length - used;
    return 0;
}

/* After something came in order: hands over what the waiting assembly now holds in order, and gives
 * it back when nothing is left. What is left of the hole is waited for from NOW_NS on. */
static void drain_waiting(struct record_stream *stream, struct assembly_pool *pool, int64_t now_ns,
                          record_handler *handler, void *context)
{
    struct assembly *waiting;

    if (!stream->is_waiting)
        return;
    waiting = assembly_pool_get(pool, stream->waiting);
    for (unsigned i = 0; i < waiting->range_count; i++) {
        uint32_t done = stream->expected - waiting->base;
        uint32_t ready = waiting->ranges[i].end;

        if (ready <= done)
            continue;
        if (waiting->ranges[i].start > done) {
            waiting->since_ns = now_ns;
            return;
        }
        take_in_order(stream, waiting->bytes + done, ready - done, ready - done, handler, context);
    }
    assembly_pool_release(pool, stream->waiting);
    stream->is_waiting = 0;
}

/* The hole at `expected` is given up: hands over the pieces behind it one by one. */
static uint32_t give_up_hole(struct record_stream *stream, struct assembly_pool *pool,
                             record_handler *handler, void *context)
{
    struct assembly *waiting = assembly_pool_get(pool, stream->waiting);
    uint32_t lost = 0;

    for (unsigned i = 0; i < waiting->range_count; i++) {
        uint32_t start = waiting->base + waiting->ranges[i].start;
        uint32_t end = waiting->base + waiting->ranges[i].end;
        uint32_t length;

        if ((int32_t)(end - stream->expected) <= 0)
            continue;
        if ((int32_t)(start - stream->expected) > 0) {
            lost += start - stream->expected;
            skip_unseen(stream, start - stream->expected);
            stream->expected = start;
        }
        length = end - stream->expected;
        take_in_order(stream, waiting->bytes + (stream->expected - waiting->base), length, length,
                      handler, context);
    }
    assembly_pool_release(pool, stream->waiting);
    stream->is_waiting = 0;
    return lost;
}

/* Keeps a segment that overtook its predecessor. Returns false when it cannot wait: no assembly is
 * free, it lies too far ahead, or the snap length cut it, so that its missing end would look like a
 * hole that may still fill. */
static bool hold_early(struct record_stream *stream, struct assembly_pool *pool,
                       const struct record_segment *segment)
{
    struct assembly *waiting;
    uint32_t index;

    if (segment->captured < segment->length)
        return false;
    if (!stream->is_waiting) {
        index = assembly_pool_take(pool);
        if (index == ASSEMBLY_NONE)
            return false;
        stream->waiting = index & MAX_WAITING;
        stream->is_waiting = 1;
        waiting = assembly_pool_get(pool, index);
        assembly_start(waiting, stream->expected);
        waiting->since_ns = segment->now_ns;
    }
    return assembly_add(assembly_pool_get(pool, stream->waiting), segment->sequence, segment->bytes,
                        segment->length);
}

/* Gives up what is missing before SEQUENCE. Returns the bytes given up as lost. */
static uint32_t step_over_hole(struct record_stream *stream, struct assembly_pool *pool,
                               uint32_t sequence, record_handler *handler, void *context)
{
    uint32_t lost = 0;
    uint32_t gap;

    if (stream->is_waiting)
        lost = give_up_hole(stream, pool, handler, context);
    gap = sequence - stream->expected;
    if ((int32_t)gap <= 0)
        return lost;
    skip_unseen(stream, gap);
    stream->expected = sequence;
    return lost + gap;
}

/* Whether what others wait for will most likely not come. */
static bool has_waited_long(const struct record_stream *stream, struct assembly_pool *pool,
                            int64_t now_ns)
{
    return stream->is_waiting &&
           now_ns - assembly_pool_get(pool, stream->waiting)->since_ns > PATIENCE_NS;
}

uint32_t records_segment(struct record_stream *stream, struct assembly_pool *pool,
                         const struct record_segment *segment, record_handler *handler,
                         void *context)
{
    uint32_t lost = 0;
    uint32_t known;

    if ((int32_t)(segment->sequence - stream->expected) > 0 &&
        has_waited_long(stream, pool, segment->now_ns))
        lost = give_up_hole(stream, pool, handler, context);
    if ((int32_t)(segment->sequence - stream->expected) > 0) {
        if (hold_early(stream, pool, segment))
            return lost;
        lost += step_over_hole(stream, pool, segment->sequence, handler, context);
    }
    known = stream->expected - segment->sequence; /* bytes seen before */
    if (known >= segment->length)
        return lost;
    if (known >= segment->captured)
        lost += take_in_order(stream, NULL, 0, segment->length - known, handler, context);
    else
        lost += take_in_order(stream, segment->bytes + known, segment->captured - known,
                              segment->length - known, handler, context);
    drain_waiting(stream, pool, segment->now_ns, handler, context);
    return lost;
}

/* What is out of step is not kept for a record that shows the next step: that one may come late. */
static void tell_lost(struct record_stream *stream, record_handler *handler, void *context)
{
    if (stream->in_step || stream->lost == 0)
        return;
    handler(context, RECORD_UNKNOWN, stream->lost);
    stream->lost = 0;
}

uint32_t records_acknowledged(struct record_stream *stream, struct assembly_pool *pool,
                              uint32_t acknowledged, record_handler *handler, void *context)
{
    int32_t unseen = (int32_t)(acknowledged - stream->expected);
    uint32_t lost = 0;

    if (unseen < 0)
        return 0;
    if (unseen > 1) /* the end of a stream takes a number, too (RFC 9293, 3.4) */
        lost = step_over_hole(stream, pool, acknowledged, handler, context);
    tell_lost(stream, handler, context);
    return lost;
}

uint32_t records_finish(struct record_stream *stream, struct assembly_pool *pool,
                        record_handler *handler, void *context)
{
    uint32_t lost = 0;

    if (stream->is_waiting)
        lost = give_up_hole(stream, pool, handler, context);
    tell_lost(stream, handler, context);
    return lost;
}
