/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/cursor.h"
#include "collectors/capture/records.h"

#include <stdlib.h>

/* The input is a series of segments: two bytes of place relative to what is expected, two of
 * length, one of how much was cut from it, then the captured bytes. The upper bits of the length
 * say how much time has passed, or that up to this place all was acknowledged. */

enum { ACKNOWLEDGED = 0x8000, TIME_SHIFT = 12, TIME_MASK = 7, STEP_NS = 50000000 };

static void see(void *context, uint8_t type, uint32_t size)
{
    uint64_t *records = context;

    if (type != RECORD_UNKNOWN && (type < 20 || type > 24 || size > 16384 + 2048))
        abort();
    (*records)++;
}

static void feed(struct record_stream *stream, struct assembly_pool *pool, struct cursor *cursor,
                 int64_t *now_ns, uint64_t *records)
{
    uint32_t place = (uint32_t)(int16_t)cursor_u16(cursor);
    uint32_t size = cursor_u16(cursor);
    struct record_segment segment = {.sequence = stream->expected + place,
                                     .captured = size & 0xfff};

    segment.length = segment.captured + cursor_u8(cursor);
    if (segment.captured > cursor_left(cursor))
        segment.captured = (uint32_t)cursor_left(cursor);
    *now_ns += (int64_t)(size >> TIME_SHIFT & TIME_MASK) * STEP_NS;
    segment.now_ns = *now_ns;
    segment.bytes = cursor_bytes(cursor, segment.captured);
    if (cursor->failed)
        return;
    if (size & ACKNOWLEDGED)
        records_acknowledged(stream, pool, segment.sequence, see, records);
    records_segment(stream, pool, &segment, see, records);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor cursor = cursor_over(data, size);
    struct assembly_pool *pool = assembly_pool_new(1);
    struct record_stream stream;
    uint64_t records = 0;
    int64_t now_ns = 0;

    records_start(&stream, 0xfffff000);
    while (!cursor.failed && cursor_left(&cursor) > 0)
        feed(&stream, pool, &cursor, &now_ns, &records);
    records_finish(&stream, pool, see, &records);
    if (stream.is_waiting || assembly_pool_take(pool) == ASSEMBLY_NONE)
        abort();
    assembly_pool_free(pool);
    return 0;
}
