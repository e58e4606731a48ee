/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/inflater.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* zconf.h asks for 39 kB; there are other implementations. */
#define INFLATER_MEMORY (128U << 10)
#define OUTPUT_SIZE     4096
/* inflateInit2(): the largest window, and gzip or zlib as the header says. */
#define ANY_HEADER (MAX_WBITS + 32)

struct inflater {
    z_stream stream;
    enum { FRESH, RUNNING, ENDED, DAMAGED } state;
    size_t memory_taken;
    uint8_t output[OUTPUT_SIZE];
    _Alignas(16) uint8_t memory[INFLATER_MEMORY];
};

struct inflater_pool {
    struct inflater *inflaters;
    uint32_t *free_indices;
    uint32_t count;
    uint32_t free_count;
};

static voidpf take_memory(voidpf opaque, uInt count, uInt size)
{
    struct inflater *inflater = opaque;
    size_t wanted = ((size_t)count * size + 15) / 16 * 16;
    uint8_t *memory = inflater->memory + inflater->memory_taken;

    if (wanted > INFLATER_MEMORY - inflater->memory_taken)
        return NULL;
    inflater->memory_taken += wanted;
    return memory;
}

static void keep_memory(voidpf opaque, voidpf memory)
{
    (void)opaque;
    (void)memory;
}

struct inflater_pool *inflater_pool_new(uint32_t count)
{
    struct inflater_pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    pool->count = count;
    pool->free_count = count;
    /* Left untouched until needed: an idle pool costs address space only. */
    pool->inflaters = calloc(count, sizeof(*pool->inflaters));
    pool->free_indices = calloc(count, sizeof(*pool->free_indices));
    if (!pool->inflaters || !pool->free_indices) {
        inflater_pool_free(pool);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        pool->free_indices[i] = count - 1 - i;
    return pool;
}

void inflater_pool_free(struct inflater_pool *pool)
{
    if (!pool)
        return;
    free(pool->inflaters);
    free(pool->free_indices);
    free(pool);
}

uint32_t inflater_pool_take(struct inflater_pool *pool)
{
    struct inflater *inflater;
    uint32_t index;

    if (pool->free_count == 0)
        return INFLATER_NONE;
    index = pool->free_indices[--pool->free_count];
    inflater = &pool->inflaters[index];
    memset(&inflater->stream, 0, sizeof(inflater->stream));
    inflater->state = FRESH;
    inflater->memory_taken = 0;
    return index;
}

void inflater_pool_release(struct inflater_pool *pool, uint32_t index)
{
    struct inflater *inflater = &pool->inflaters[index];

    explicit_bzero(inflater->memory, inflater->memory_taken);
    explicit_bzero(inflater->output, sizeof(inflater->output));
    pool->free_indices[pool->free_count++] = index;
}

/* gzip begins with 0x1f (RFC 1952, 2.3.1), which as a bare deflate stream would begin with a block
 * of the reserved type; the low half of a zlib header is 8 (RFC 1950, 2.2), which would be a stored
 * block with padding that is not zero (RFC 1951, 3.2.3 and 3.2.4). */
static bool begin(struct inflater *inflater, uint8_t first)
{
    bool has_header = first == 0x1f || (first & 15) == 8;

    inflater->stream.zalloc = take_memory;
    inflater->stream.zfree = keep_memory;
    inflater->stream.opaque = inflater;
    return inflateInit2(&inflater->stream, has_header ? ANY_HEADER : -MAX_WBITS) == Z_OK;
}

static void expand(struct inflater *inflater, inflater_handler *handler, void *context)
{
    z_stream *stream = &inflater->stream;
    int status = Z_OK;

    while (inflater->state == RUNNING && status == Z_OK) {
        stream->next_out = inflater->output;
        stream->avail_out = OUTPUT_SIZE;
        status = inflate(stream, Z_NO_FLUSH);
        if (stream->avail_out < OUTPUT_SIZE)
            handler(context, inflater->output, OUTPUT_SIZE - stream->avail_out);
        if (status == Z_STREAM_END)
            inflater->state = ENDED;
        else if (status != Z_OK && status != Z_BUF_ERROR) /* it needs more input: no error */
            inflater->state = DAMAGED;
    }
}

bool inflater_add(struct inflater_pool *pool, uint32_t index, const uint8_t *bytes, size_t length,
                  inflater_handler *handler, void *context)
{
    struct inflater *inflater = &pool->inflaters[index];

    while (length > 0 && inflater->state <= RUNNING) {
        uInt next = length < UINT32_MAX ? (uInt)length : UINT32_MAX;

        if (inflater->state == FRESH)
            inflater->state = begin(inflater, bytes[0]) ? RUNNING : DAMAGED;
        inflater->stream.next_in = (z_const Bytef *)bytes;
        inflater->stream.avail_in = next;
        expand(inflater, handler, context);
        bytes += next;
        length -= next;
    }
    inflater->stream.next_in = NULL;
    return inflater->state != DAMAGED;
}

const uint8_t *inflater_pool_memory(const struct inflater_pool *pool, size_t *size)
{
    *size = pool->count * sizeof(*pool->inflaters);
    return (const uint8_t *)pool->inflaters;
}
