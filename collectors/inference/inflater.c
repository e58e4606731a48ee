/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/inflater.h"

#include "collectors/inference/arena.h"

#include <brotli/decode.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
/* For an allocator of our own; it has been the same since 1.0. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Of one: what is more than a window of 8 MiB (RFC 9659, 3) is refused by this alone. */
#define MOST_MEMORY (16U << 20)
#define OUTPUT_SIZE 4096
/* inflateInit2(): the largest window, and gzip or zlib as the header says. */
#define ANY_HEADER (MAX_WBITS + 32)
/* What a body may expand to: this much freely, then so many times its size, and so much in all.
 * What is read is judged in steps of so many bytes, so that it does not matter in which pieces they
 * come. */
#define FREE_OUTPUT    (1U << 20)
#define MOST_EXPANSION 100
#define MOST_OUTPUT    (64U << 20)
#define STEP           256

enum state {
    FRESH, /* before the stream, or before another frame or member */
    RUNNING,
    ENDED,
    DAMAGED
};

struct inflater {
    struct inflater_pool *pool;
    enum inflater_coding coding;
    enum state state;
    bool is_gzip;
    size_t taken;
    uint64_t bytes_in;
    uint64_t bytes_out;
    z_stream deflate; /* of the three, that of the coding */
    BrotliDecoderState *brotli;
    ZSTD_DCtx *zstd;
    uint8_t output[OUTPUT_SIZE];
};

struct inflater_pool {
    struct arena *arena;
    size_t taken;
};

enum inflater_coding inflater_coding(const char *name, size_t length)
{
    static const struct {
        const char *name;
        enum inflater_coding coding;
    } codings[] = {
        {"", INFLATER_IDENTITY},      {"identity", INFLATER_IDENTITY}, {"gzip", INFLATER_DEFLATE},
        {"x-gzip", INFLATER_DEFLATE}, {"deflate", INFLATER_DEFLATE},   {"br", INFLATER_BROTLI},
        {"zstd", INFLATER_ZSTD},
    };

    for (size_t i = 0; i < COUNT_OF(codings); i++)
        if (strlen(codings[i].name) == length && memcmp(codings[i].name, name, length) == 0)
            return codings[i].coding;
    return INFLATER_UNKNOWN;
}

/* -- Memory -------------------------------------------------------------------------------------
 */

static void *take_memory(void *opaque, size_t size)
{
    struct inflater *inflater = opaque;
    /* With what the arena adds to each piece it may be a little more already. */
    size_t left = inflater->taken < MOST_MEMORY ? MOST_MEMORY - inflater->taken : 0;
    void *memory = size <= left ? arena_take(inflater->pool->arena, size) : NULL;

    if (!memory)
        return NULL;
    inflater->taken += arena_size(memory);
    inflater->pool->taken += arena_size(memory);
    return memory;
}

static void give_memory(void *opaque, void *memory)
{
    struct inflater *inflater = opaque;

    if (!memory)
        return;
    inflater->taken -= arena_size(memory);
    inflater->pool->taken -= arena_size(memory);
    arena_give(inflater->pool->arena, memory);
}

static voidpf take_items(voidpf opaque, uInt count, uInt size)
{
    return take_memory(opaque, (size_t)count * size);
}

struct inflater_pool *inflater_pool_new(size_t memory)
{
    struct inflater_pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    pool->arena = arena_new(memory);
    if (pool->arena)
        return pool;
    free(pool);
    return NULL;
}

void inflater_pool_free(struct inflater_pool *pool)
{
    if (!pool)
        return;
    arena_free(pool->arena);
    free(pool);
}

const uint8_t *inflater_pool_memory(const struct inflater_pool *pool, size_t *size)
{
    return arena_memory(pool->arena, size);
}

size_t inflater_pool_taken(const struct inflater_pool *pool)
{
    return pool->taken;
}

struct inflater *inflater_take(struct inflater_pool *pool, enum inflater_coding coding)
{
    struct inflater *inflater;

    if (coding == INFLATER_IDENTITY || coding == INFLATER_UNKNOWN)
        return NULL;
    inflater = arena_take(pool->arena, sizeof(*inflater));
    if (!inflater)
        return NULL;
    inflater->pool = pool;
    inflater->coding = coding;
    inflater->taken = arena_size(inflater);
    pool->taken += inflater->taken;
    return inflater;
}

void inflater_release(struct inflater *inflater)
{
    if (inflater->deflate.state)
        inflateEnd(&inflater->deflate);
    BrotliDecoderDestroyInstance(inflater->brotli);
    ZSTD_freeDCtx(inflater->zstd);
    give_memory(inflater, inflater);
}

/* -- Decoders -----------------------------------------------------------------------------------
 */

struct input {
    const uint8_t *at;
    size_t length;
};

/* gzip begins with 0x1f (RFC 1952, 2.3.1), which as a bare deflate stream would begin with a block
 * of the reserved type; the low half of a zlib header is 8 (RFC 1950, 2.2), which would be a stored
 * block with padding that is not zero (RFC 1951, 3.2.3 and 3.2.4). */
static enum state begin_deflate(struct inflater *inflater, uint8_t first)
{
    bool has_header = first == 0x1f || (first & 15) == 8;

    if (inflater->deflate
            .state) /* a member of gzip ended (RFC 1952, 2.2); what is none is nothing */
        return first == 0x1f && inflateReset(&inflater->deflate) == Z_OK ? RUNNING : ENDED;
    inflater->is_gzip = first == 0x1f;
    inflater->deflate.zalloc = take_items;
    inflater->deflate.zfree = give_memory;
    inflater->deflate.opaque = inflater;
    return inflateInit2(&inflater->deflate, has_header ? ANY_HEADER : -MAX_WBITS) == Z_OK ? RUNNING
                                                                                          : DAMAGED;
}

static enum state deflate_step(struct inflater *inflater, struct input *input, size_t *produced)
{
    z_stream *stream = &inflater->deflate;
    int status;

    stream->next_in = (z_const Bytef *)input->at;
    stream->avail_in = (uInt)input->length;
    stream->next_out = inflater->output;
    stream->avail_out = OUTPUT_SIZE;
    status = inflate(stream, Z_NO_FLUSH);
    *input = (struct input){stream->next_in, stream->avail_in};
    *produced = OUTPUT_SIZE - stream->avail_out;
    stream->next_in = NULL;
    if (status == Z_STREAM_END)
        return inflater->is_gzip ? FRESH : ENDED;
    return status == Z_OK || status == Z_BUF_ERROR ? RUNNING : DAMAGED; /* no error: more input */
}

static bool begin_brotli(struct inflater *inflater)
{
    inflater->brotli = BrotliDecoderCreateInstance(take_memory, give_memory, inflater);
    return inflater->brotli;
}

static enum state brotli_step(struct inflater *inflater, struct input *input, size_t *produced)
{
    uint8_t *next = inflater->output;
    size_t left = OUTPUT_SIZE;
    BrotliDecoderResult result = BrotliDecoderDecompressStream(inflater->brotli, &input->length,
                                                               &input->at, &left, &next, NULL);

    *produced = OUTPUT_SIZE - left;
    if (result == BROTLI_DECODER_RESULT_SUCCESS)
        return ENDED;
    return result == BROTLI_DECODER_RESULT_ERROR ? DAMAGED : RUNNING;
}

/* A frame, or one to be skipped (RFC 8878, 3.1), but none of an older format, which the library may
 * read too: those know no limits. */
static bool begin_zstd(struct inflater *inflater, uint8_t first)
{
    const ZSTD_customMem memory = {take_memory, give_memory, inflater};

    if (first != 0x28 && first >> 4 != 5)
        return false;
    if (inflater->zstd) /* which ended a frame */
        return true;
    inflater->zstd = ZSTD_createDCtx_advanced(memory);
    return inflater->zstd;
}

static enum state zstd_step(struct inflater *inflater, struct input *input, size_t *produced)
{
    ZSTD_inBuffer in = {input->at, input->length, 0};
    ZSTD_outBuffer out = {inflater->output, OUTPUT_SIZE, 0};
    size_t status = ZSTD_decompressStream(inflater->zstd, &out, &in);

    *input = (struct input){input->at + in.pos, input->length - in.pos};
    *produced = out.pos;
    if (ZSTD_isError(status))
        return DAMAGED;
    return status == 0 ? FRESH : RUNNING;
}

static enum state begin(struct inflater *inflater, uint8_t first)
{
    switch (inflater->coding) {
    case INFLATER_DEFLATE:
        return begin_deflate(inflater, first);
    case INFLATER_BROTLI:
        return begin_brotli(inflater) ? RUNNING : DAMAGED;
    default:
        return begin_zstd(inflater, first) ? RUNNING : DAMAGED;
    }
}

static enum state step(struct inflater *inflater, struct input *input, size_t *produced)
{
    switch (inflater->coding) {
    case INFLATER_DEFLATE:
        return deflate_step(inflater, input, produced);
    case INFLATER_BROTLI:
        return brotli_step(inflater, input, produced);
    default:
        return zstd_step(inflater, input, produced);
    }
}

/* All that INPUT expands to, or as much of it as is within the LIMIT. */
static void expand(struct inflater *inflater, struct input *input, uint64_t limit,
                   inflater_handler *handler, void *context)
{
    size_t produced;

    do {
        bool too_much;

        inflater->state = step(inflater, input, &produced);
        too_much = produced > limit - inflater->bytes_out;
        if (too_much)
            produced = (size_t)(limit - inflater->bytes_out);
        if (produced > 0)
            handler(context, inflater->output, produced);
        inflater->bytes_out += produced;
        if (too_much)
            inflater->state = DAMAGED;
    } while (inflater->state == RUNNING && produced == OUTPUT_SIZE);
}

static uint64_t output_limit(const struct inflater *inflater)
{
    uint64_t limit = FREE_OUTPUT + (inflater->bytes_in / STEP + 1) * STEP * MOST_EXPANSION;

    return limit < MOST_OUTPUT ? limit : MOST_OUTPUT;
}

/* The first byte of a stream or frame alone: it tells its format, and zstd takes other ways, with
 * other limits, where it gets a frame at once. */
static size_t next_length(const struct inflater *inflater, size_t length)
{
    size_t next = STEP - inflater->bytes_in % STEP;

    if (inflater->state == FRESH)
        return 1;
    return length < next ? length : next;
}

bool inflater_add(struct inflater *inflater, const uint8_t *bytes, size_t length,
                  inflater_handler *handler, void *context)
{
    while (length > 0 && inflater->state <= RUNNING) {
        size_t next = next_length(inflater, length);
        uint64_t limit = output_limit(inflater);
        struct input input = {bytes, next};

        if (inflater->state == FRESH)
            inflater->state = begin(inflater, bytes[0]);
        if (inflater->state == RUNNING)
            expand(inflater, &input, limit, handler, context);
        next -= input.length;
        inflater->bytes_in += next;
        bytes += next;
        length -= next;
    }
    return inflater->state != DAMAGED;
}
