/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_TALK_H
#define IAGMETER_TESTS_TALK_H

#include "collectors/inference/exchanges.h"

#include <brotli/encode.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* A conversation with a local inference server, and what was found in it. Include after cmocka.h.
 */

#define TALK_MAX 64

struct talk {
    struct exchanges exchanges;
    struct inference_rules rules;
    struct inflater_pool *inflaters;
    struct directions *directions;
    struct hash_key key; /* under which users are told apart */
    uint16_t server_port;
    size_t piece; /* of the bytes that are said, at a time; 0: all at once */
    int64_t now_ns;
    struct inference_exchange found[TALK_MAX];
    unsigned count;
};

static inline void talk_found(void *context, const struct inference_exchange *exchange)
{
    struct talk *talk = context;

    assert_true(talk->count < TALK_MAX);
    talk->found[talk->count++] = *exchange;
}

static inline void talk_connect(struct talk *talk, uint16_t by_address)
{
    exchanges_start(&talk->exchanges, &talk->rules, talk->inflaters, by_address, talk_found, talk);
    exchanges_identify(&talk->exchanges, talk->server_port, &talk->key, 4711);
}

/* With the directions "DSN" (1) and "DRH" (2). */
static inline void talk_start(struct talk *talk)
{
    static const char *const codes[] = {"DSN", "DRH"};

    memset(talk, 0, sizeof(*talk));
    talk->inflaters = inflater_pool_new(1 << 20);
    talk->directions = directions_new();
    talk->key = (struct hash_key){{1, 2}};
    talk->server_port = 8000;
    assert_non_null(talk->inflaters);
    for (uint16_t i = 0; i < 2; i++) {
        struct direction direction = {.code = ""};

        memcpy(direction.code, codes[i], 4);
        assert_true(directions_set(talk->directions, (uint16_t)(i + 1), &direction));
    }
    talk->rules = (struct inference_rules){
        .directions = talk->directions,
        .header = "x-direction",
        .order = {DIRECTION_BY_HEADER, DIRECTION_BY_KEY, DIRECTION_BY_ADDRESS},
        .order_count = 3,
    };
    talk_connect(talk, DIRECTION_UNASSIGNED);
}

static inline void talk_end(struct talk *talk)
{
    exchanges_finish(&talk->exchanges);
    inflater_pool_free(talk->inflaters);
    directions_free(talk->directions);
}

static inline void talk_bytes(struct talk *talk, enum http_side side, const void *bytes,
                              size_t length)
{
    size_t piece = talk->piece ? talk->piece : length;

    for (size_t at = 0; at < length; at += piece) {
        size_t next = length - at < piece ? length - at : piece;
        uint8_t *copy = malloc(next); /* so that a read past it is found */

        assert_non_null(copy);
        memcpy(copy, (const uint8_t *)bytes + at, next);
        exchanges_bytes(&talk->exchanges, talk->now_ns, side, copy, next);
        memset(copy, 0xee, next);
        free(copy);
    }
}

static inline void client_says(struct talk *talk, const char *text)
{
    talk_bytes(talk, HTTP_CLIENT, text, strlen(text));
}

static inline void server_says(struct talk *talk, const char *text)
{
    talk_bytes(talk, HTTP_SERVER, text, strlen(text));
}

/* A request for a chat, with more HEADERS, each with its CR and LF. */
static inline void client_asks(struct talk *talk, const char *headers)
{
    char text[4096];

    snprintf(text, sizeof(text),
             "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n%sContent-Length: 15\r\n\r\n"
             "{\"messages\":[]}",
             headers);
    client_says(talk, text);
}

static inline void server_answers(struct talk *talk, const char *type, const char *body)
{
    char text[8192];

    snprintf(text, sizeof(text),
             "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", type,
             strlen(body), body);
    server_says(talk, text);
}

#define TALK_USAGE(in, out)                                                                        \
    "{\"choices\":[{\"message\":{\"content\":\"x\"}}],\"usage\":{\"prompt_tokens\":" #in           \
    ",\"completion_tokens\":" #out "}}"

/* The last that was found. */
static inline const struct inference_exchange *last(const struct talk *talk)
{
    assert_true(talk->count > 0);
    return &talk->found[talk->count - 1];
}

#define assert_tokens(talk, in, out)                                                               \
    do {                                                                                           \
        assert_int_equal(last(talk)->counts.tokens_in, in);                                        \
        assert_int_equal(last(talk)->counts.tokens_out, out);                                      \
    } while (0)

/* As the content coding NAME; "raw": of deflate, as some servers send it. Returns the length of
 * what is at OUT[SIZE]. */
static inline size_t compress_text(const char *text, const char *name, uint8_t *out, size_t size)
{
    int window_bits = strcmp(name, "raw") == 0 ? -15 : strcmp(name, "deflate") == 0 ? 15 : 31;
    z_stream stream = {.next_in = (z_const Bytef *)text,
                       .avail_in = (uInt)strlen(text),
                       .next_out = out,
                       .avail_out = (uInt)size};

    if (strcmp(name, "br") == 0) {
        assert_true(BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, strlen(text),
                                          (const uint8_t *)text, &size, out));
        return size;
    }
    if (strcmp(name, "zstd") == 0) {
        size_t length = ZSTD_compress(out, size, text, strlen(text), 3);

        assert_false(ZSTD_isError(length));
        return length;
    }
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return size - stream.avail_out;
}

/* Compresses piece by piece, each of which can be read when it arrives. */
struct flusher {
    z_stream gzip;
    BrotliEncoderState *brotli;
    ZSTD_CCtx *zstd;
};

static inline struct flusher *flusher_new(const char *name)
{
    struct flusher *flusher = calloc(1, sizeof(*flusher));

    assert_non_null(flusher);
    if (strcmp(name, "br") == 0)
        flusher->brotli = BrotliEncoderCreateInstance(NULL, NULL, NULL);
    else if (strcmp(name, "zstd") == 0)
        flusher->zstd = ZSTD_createCCtx();
    else
        assert_int_equal(deflateInit2(&flusher->gzip, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY),
                         Z_OK);
    return flusher;
}

static inline void flusher_free(struct flusher *flusher)
{
    if (flusher->brotli)
        BrotliEncoderDestroyInstance(flusher->brotli);
    else if (flusher->zstd)
        ZSTD_freeCCtx(flusher->zstd);
    else
        deflateEnd(&flusher->gzip);
    free(flusher);
}

/* Returns the length of what is at OUT[SIZE]. */
static inline size_t flusher_add(struct flusher *flusher, const char *text, uint8_t *out,
                                 size_t size)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t length = strlen(text);
    size_t left = size;

    if (flusher->brotli) {
        assert_true(BrotliEncoderCompressStream(flusher->brotli, BROTLI_OPERATION_FLUSH, &length,
                                                &bytes, &left, &out, NULL));
        assert_false(BrotliEncoderHasMoreOutput(flusher->brotli));
    } else if (flusher->zstd) {
        ZSTD_inBuffer in = {text, length, 0};
        ZSTD_outBuffer made = {out, size, 0};

        assert_int_equal(ZSTD_compressStream2(flusher->zstd, &made, &in, ZSTD_e_flush), 0);
        left = size - made.pos;
    } else {
        flusher->gzip.next_in = (z_const Bytef *)text;
        flusher->gzip.avail_in = (uInt)length;
        flusher->gzip.next_out = out;
        flusher->gzip.avail_out = (uInt)size;
        assert_int_equal(deflate(&flusher->gzip, Z_SYNC_FLUSH), Z_OK);
        left = flusher->gzip.avail_out;
    }
    return size - left;
}

#endif
