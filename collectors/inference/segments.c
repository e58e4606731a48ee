/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/segments.h"

#include "collectors/capture/claim.h"

#include <stddef.h>

/* What lies further away is another connection's, or forged. */
#define MAX_SEQUENCE_JUMP ((int32_t)CLAIM_LARGEST_JUMP)

void segments_start(struct segment_stream *stream, uint32_t sequence)
{
    stream->expected = sequence;
    stream->waiting = ASSEMBLY_NONE;
    stream->claim = 0;
}

static int32_t ahead_of(const struct segment_stream *stream, uint32_t sequence)
{
    return (int32_t)(sequence - stream->expected);
}

static void skip_to(struct segment_stream *stream, uint32_t sequence, segments_handler *handler,
                    void *context)
{
    uint32_t missing = sequence - stream->expected;

    if (ahead_of(stream, sequence) <= 0)
        return;
    stream->expected = sequence;
    handler(context, NULL, missing);
}

/* What of a segment is new and next in order. */
static void take(struct segment_stream *stream, uint32_t sequence, const uint8_t *bytes,
                 uint32_t captured, uint32_t length, segments_handler *handler, void *context)
{
    uint32_t known = stream->expected - sequence; /* bytes that came before */

    if (known >= length)
        return;
    stream->expected = sequence + length;
    if (known < captured)
        handler(context, bytes + known, captured - known);
    if (captured < length)
        handler(context, NULL, length - (known > captured ? known : captured));
}

/* Hands over what waits and is next in order; with GIVE_UP also what lies behind holes. */
static void drain(struct segment_stream *stream, struct assembly_pool *pool, bool give_up,
                  segments_handler *handler, void *context)
{
    struct assembly *waiting;

    if (stream->waiting == ASSEMBLY_NONE)
        return;
    waiting = assembly_pool_get(pool, stream->waiting);
    for (unsigned i = 0; i < waiting->range_count; i++) {
        uint32_t start = waiting->base + waiting->ranges[i].start;
        uint32_t length = (uint32_t)waiting->ranges[i].end - waiting->ranges[i].start;

        if (ahead_of(stream, start + length) <= 0)
            continue;
        if (ahead_of(stream, start) > 0 && !give_up)
            return;
        skip_to(stream, start, handler, context);
        take(stream, start, waiting->bytes + waiting->ranges[i].start, length, length, handler,
             context);
    }
    assembly_pool_release(pool, stream->waiting);
    stream->waiting = ASSEMBLY_NONE;
}

/* Returns false when the segment cannot wait: no assembly is free, it lies too far ahead, or the
 * snap length cut it, so that its missing end would look like a hole that may still fill. */
static bool hold(struct segment_stream *stream, struct assembly_pool *pool, uint32_t sequence,
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

bool segments_believe(struct segment_stream *stream, uint32_t sequence, uint32_t length)
{
    return claim_believe(&stream->claim, stream->expected, sequence, length);
}

bool segments_are_new(const struct segment_stream *stream, uint32_t sequence, uint32_t length)
{
    int32_t ahead = ahead_of(stream, sequence + length);

    return ahead > 0 && ahead <= MAX_SEQUENCE_JUMP; /* else it is not added, either */
}

void segments_add(struct segment_stream *stream, struct assembly_pool *pool, uint32_t sequence,
                  const uint8_t *bytes, uint32_t captured, uint32_t length,
                  segments_handler *handler, void *context)
{
    int32_t ahead = ahead_of(stream, sequence);

    if (ahead > MAX_SEQUENCE_JUMP || ahead < -MAX_SEQUENCE_JUMP)
        return;
    if (ahead > 0) {
        if (hold(stream, pool, sequence, bytes, captured, length))
            return;
        drain(stream, pool, true, handler, context);
        skip_to(stream, sequence, handler, context);
    }
    take(stream, sequence, bytes, captured, length, handler, context);
    drain(stream, pool, false, handler, context);
}

void segments_acknowledge(struct segment_stream *stream, struct assembly_pool *pool,
                          uint32_t sequence, segments_handler *handler, void *context)
{
    int32_t ahead = ahead_of(stream, sequence);

    if (ahead <= 0 || ahead > MAX_SEQUENCE_JUMP)
        return;
    drain(stream, pool, true, handler, context);
    skip_to(stream, sequence, handler, context);
}

void segments_finish(struct segment_stream *stream, struct assembly_pool *pool,
                     segments_handler *handler, void *context)
{
    drain(stream, pool, true, handler, context);
}
