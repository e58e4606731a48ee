/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/cursor.h"
#include "collectors/capture/records.h"

#include <stdlib.h>

/* The input is a series of segments: two bytes of place relative to what is expected, two of
 * length, one of how much was cut from it, then the captured bytes. */

static void see(void *context, uint8_t type, uint32_t size)
{
    uint64_t *records = context;

    if (type != RECORD_UNKNOWN && (type < 20 || type > 24 || size > 16384 + 2048))
        abort();
    (*records)++;
}

static void feed(struct record_stream *stream, struct assembly_pool *pool, struct cursor *cursor,
                 uint64_t *records)
{
    int16_t place = (int16_t)cursor_u16(cursor);
    uint32_t captured = cursor_u16(cursor) % 4096;
    uint32_t length = captured + cursor_u8(cursor);
    const uint8_t *bytes;

    if (captured > cursor_left(cursor))
        captured = (uint32_t)cursor_left(cursor);
    bytes = cursor_bytes(cursor, captured);
    if (!cursor->failed)
        records_segment(stream, pool, stream->expected + (uint32_t)place, bytes, captured, length,
                        see, records);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor cursor = cursor_over(data, size);
    struct assembly_pool *pool = assembly_pool_new(1);
    struct record_stream stream;
    uint64_t records = 0;

    records_start(&stream, 0xfffff000);
    while (!cursor.failed && cursor_left(&cursor) > 0)
        feed(&stream, pool, &cursor, &records);
    records_finish(&stream, pool, see, &records);
    if (stream.is_waiting || assembly_pool_take(pool) == ASSEMBLY_NONE)
        abort();
    assembly_pool_free(pool);
    return 0;
}
