/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/records.h"

#include <string.h>

enum { RECORD_FIRST_TYPE = 20, RECORD_LAST_TYPE = 24 };
/* RFC 8446, 5.2: 2^14 + 256; TLS 1.2 allows 2^14 + 2048 (RFC 5246, 6.2.3). */
enum { MAX_RECORD_SIZE = 16384 + 2048 };

void records_start(struct record_stream *stream, uint32_t sequence)
{
    memset(stream, 0, sizeof(*stream));
    stream->expected = sequence;
    stream->waiting = ASSEMBLY_NONE;
    stream->in_step = true;
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

/* Out of step, a segment that starts like a record most likely does: streams of small records start
 * one in nearly every segment. */
static bool regain_step(struct record_stream *stream, const uint8_t *bytes, uint32_t captured,
                        record_handler *handler, void *context)
{
    if (captured < sizeof(stream->header) || !header_plausible(bytes))
        return false;
    if (stream->lost > 0)
        handler(context, RECORD_UNKNOWN, stream->lost);
    stream->lost = 0;
    stream->header_length = 0;
    stream->body_left = 0;
    stream->in_step = true;
    return true;
}

/* Reads bytes in order. Returns how many were used: fewer than given when the stream turned out not
 * to be records. */
static uint32_t read_records(struct record_stream *stream, const uint8_t *bytes, uint32_t length,
                             record_handler *handler, void *context)
{
    uint32_t at = 0;

    while (at < length) {
        uint32_t left = length - at;
        uint32_t wanted = (uint32_t)sizeof(stream->header) - stream->header_length;

        if (stream->body_left > 0) {
            uint32_t skipped = stream->body_left < left ? stream->body_left : left;

            stream->body_left -= skipped;
            at += skipped;
            continue;
        }
        if (wanted > left)
            wanted = left;
        memcpy(stream->header + stream->header_length, bytes + at, wanted);
        stream->header_length = (uint8_t)(stream->header_length + wanted);
        at += wanted;
        if (stream->header_length < sizeof(stream->header))
            break;
        stream->header_length = 0;
        if (!header_plausible(stream->header)) {
            stream->in_step = false;
            return at;
        }
        stream->body_left = header_size(stream->header);
        handler(context, stream->header[0], stream->body_left);
    }
    return length;
}

/* Steps over LENGTH bytes that were not captured: harmless inside a record. */
static uint32_t skip_unseen(struct record_stream *stream, uint32_t length)
{
    if (stream->in_step && stream->body_left >= length) {
        stream->body_left -= length;
        return 0;
    }
    length -= stream->in_step ? stream->body_left : 0;
    stream->body_left = 0;
    stream->header_length = 0;
    stream->in_step = false;
    stream->lost += length;
    return length;
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

/* Hands over what the waiting assembly now holds in order; gives it back when nothing is left. */
static void drain_waiting(struct record_stream *stream, struct assembly_pool *pool,
                          record_handler *handler, void *context)
{
    struct assembly *waiting;

    if (stream->waiting == ASSEMBLY_NONE)
        return;
    waiting = assembly_pool_get(pool, stream->waiting);
    for (unsigned i = 0; i < waiting->range_count; i++) {
        uint32_t done = stream->expected - waiting->base;
        uint32_t ready = waiting->ranges[i].end;

        if (ready <= done)
            continue;
        if (waiting->ranges[i].start > done)
            return;
        take_in_order(stream, waiting->bytes + done, ready - done, ready - done, handler, context);
    }
    assembly_pool_release(pool, stream->waiting);
    stream->waiting = ASSEMBLY_NONE;
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
    stream->waiting = ASSEMBLY_NONE;
    return lost;
}

/* Keeps a segment that overtook its predecessor. Returns false when it cannot wait: no assembly is
 * free, it lies too far ahead, or the snap length cut it, so that its missing end would look like a
 * hole that may still fill. */
static bool hold_early(struct record_stream *stream, struct assembly_pool *pool, uint32_t sequence,
                       const uint8_t *bytes, uint32_t captured, uint32_t length)
{
    if (captured < length)
        return false;
    if (stream->waiting == ASSEMBLY_NONE) {
        stream->waiting = assembly_pool_take(pool);
        if (stream->waiting == ASSEMBLY_NONE)
            return false;
        assembly_start(assembly_pool_get(pool, stream->waiting), stream->expected);
    }
    return assembly_add(assembly_pool_get(pool, stream->waiting), sequence, bytes, length);
}

/* Gives up what is missing before SEQUENCE. Returns the bytes given up as lost. */
static uint32_t step_over_hole(struct record_stream *stream, struct assembly_pool *pool,
                               uint32_t sequence, record_handler *handler, void *context)
{
    uint32_t lost = 0;
    uint32_t gap;

    if (stream->waiting != ASSEMBLY_NONE)
        lost = give_up_hole(stream, pool, handler, context);
    gap = sequence - stream->expected;
    if ((int32_t)gap <= 0)
        return lost;
    skip_unseen(stream, gap);
    stream->expected = sequence;
    return lost + gap;
}

uint32_t records_segment(struct record_stream *stream, struct assembly_pool *pool,
                         uint32_t sequence, const uint8_t *bytes, uint32_t captured,
                         uint32_t length, record_handler *handler, void *context)
{
    uint32_t lost = 0;
    uint32_t known;

    if ((int32_t)(sequence - stream->expected) > 0) {
        if (hold_early(stream, pool, sequence, bytes, captured, length))
            return 0;
        lost = step_over_hole(stream, pool, sequence, handler, context);
    }
    known = stream->expected - sequence; /* bytes seen before */
    if (known >= length)
        return lost;
    if (known >= captured) {
        captured = 0;
    } else {
        bytes += known;
        captured -= known;
    }
    lost += take_in_order(stream, bytes, captured, length - known, handler, context);
    drain_waiting(stream, pool, handler, context);
    return lost;
}

uint32_t records_finish(struct record_stream *stream, struct assembly_pool *pool,
                        record_handler *handler, void *context)
{
    uint32_t lost = 0;

    if (stream->waiting != ASSEMBLY_NONE)
        lost = give_up_hole(stream, pool, handler, context);
    if (stream->lost > 0)
        handler(context, RECORD_UNKNOWN, stream->lost);
    stream->lost = 0;
    return lost;
}
