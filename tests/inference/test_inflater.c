/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/inflater.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/inference/talk.h"

#define TEXT_SIZE 300000

static struct inflater_pool *pool;
static char *text;
static char *inflated;
static size_t inflated_size;
static uint8_t *compressed;

static int setup(void **state)
{
    uint32_t random = 1;

    (void)state;
    pool = inflater_pool_new(64 << 20);
    text = malloc(TEXT_SIZE + 1);
    inflated = malloc(2 * TEXT_SIZE);
    compressed = malloc(TEXT_SIZE);
    if (!pool || !text || !inflated || !compressed)
        return -1;
    for (size_t i = 0; i < TEXT_SIZE; i++)
        text[i] = (char)('a' + (random = random * 1664525 + 1013904223) / 7 % 26);
    text[TEXT_SIZE] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    inflater_pool_free(pool);
    free(text);
    free(inflated);
    free(compressed);
    return 0;
}

static void take(void *context, const uint8_t *bytes, size_t length)
{
    (void)context;
    assert_true(inflated_size + length <= 2 * TEXT_SIZE);
    memcpy(inflated + inflated_size, bytes, length);
    inflated_size += length;
}

static bool inflate_in_pieces(struct inflater *inflater, const uint8_t *bytes, size_t size,
                              size_t piece)
{
    bool good = true;

    inflated_size = 0;
    for (size_t at = 0; at < size; at += piece)
        good =
            inflater_add(inflater, bytes + at, size - at < piece ? size - at : piece, take, NULL);
    return good;
}

static enum inflater_coding coding_of(const char *name)
{
    return strcmp(name, "raw") == 0 ? INFLATER_DEFLATE : inflater_coding(name, strlen(name));
}

static struct inflater *begin(const char *name)
{
    struct inflater *inflater = inflater_take(pool, coding_of(name));

    assert_non_null(inflater);
    return inflater;
}

static const char *const formats[] = {"gzip", "deflate", "raw", "br", "zstd"};
#define FORMATS (sizeof(formats) / sizeof(*formats))

static void every_format_gives_the_same_in_any_pieces(void **state)
{
    static const size_t pieces[] = {1, 7, 4096, TEXT_SIZE};

    (void)state;
    for (size_t i = 0; i < FORMATS; i++) {
        size_t size = compress_text(text, formats[i], compressed, TEXT_SIZE);

        for (size_t j = 0; j < 4; j++) {
            struct inflater *inflater = begin(formats[i]);

            assert_true(inflate_in_pieces(inflater, compressed, size, pieces[j]));
            assert_int_equal(inflated_size, TEXT_SIZE);
            assert_memory_equal(inflated, text, TEXT_SIZE);
            if (coding_of(formats[i]) != INFLATER_ZSTD) /* what follows is ignored */
                assert_true(inflater_add(inflater, (const uint8_t *)"xyz", 3, take, NULL));
            assert_int_equal(inflated_size, TEXT_SIZE);
            inflater_release(inflater);
            assert_int_equal(inflater_pool_taken(pool), 0);
        }
    }
}

/* RFC 1952, 2.2. */
static void members_of_gzip_follow_each_other(void **state)
{
    static const size_t pieces[] = {1, 7, TEXT_SIZE};
    size_t size = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        size += compress_text("a member. ", "gzip", compressed + size, TEXT_SIZE - size);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        struct inflater *inflater = begin("gzip");

        assert_true(inflate_in_pieces(inflater, compressed, size, pieces[i]));
        assert_int_equal(inflated_size, 30);
        assert_memory_equal(inflated, "a member. a member. a member. ", 30);
        assert_false(inflater_add(inflater, (const uint8_t *)"\x1f!", 2, take, NULL));
        inflater_release(inflater);
    }
}

/* RFC 8878, 3: and those that are to be skipped. But nothing else. */
static void frames_of_zstd_follow_each_other(void **state)
{
    static const uint8_t skipped[] = {0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'x', 'y', 'z'};
    static const uint8_t of_version_0_7[] = {0x27, 0xb5, 0x2f, 0xfd, 0, 0, 0x40,
                                             0,    1,    'x',  0xc0, 0, 0};
    struct inflater *inflater = begin("zstd");
    size_t size = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        size += compress_text("a frame. ", "zstd", compressed + size, TEXT_SIZE - size);
        memcpy(compressed + size, skipped, sizeof(skipped));
        size += sizeof(skipped);
    }
    assert_true(inflate_in_pieces(inflater, compressed, size, size));
    assert_int_equal(inflated_size, 27);
    assert_memory_equal(inflated, "a frame. a frame. a frame. ", 27);
    assert_false(inflater_add(inflater, (const uint8_t *)"xyz", 3, take, NULL));
    assert_int_equal(inflated_size, 27);
    inflater_release(inflater);
    inflater = begin("zstd");
    assert_false(inflate_in_pieces(inflater, of_version_0_7, sizeof(of_version_0_7), 100));
    assert_int_equal(inflated_size, 0);
    inflater_release(inflater);
}

static void codings_are_known_by_their_names(void **state)
{
    static const struct {
        const char *name;
        enum inflater_coding coding;
    } names[] = {{"", INFLATER_IDENTITY},    {"identity", INFLATER_IDENTITY},
                 {"gzip", INFLATER_DEFLATE}, {"x-gzip", INFLATER_DEFLATE},
                 {"br", INFLATER_BROTLI},    {"zstd", INFLATER_ZSTD},
                 {"b", INFLATER_UNKNOWN},    {"brr", INFLATER_UNKNOWN},
                 {"dcz", INFLATER_UNKNOWN},  {"compress", INFLATER_UNKNOWN}};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_int_equal(inflater_coding(names[i].name, strlen(names[i].name)), names[i].coding);
    assert_null(inflater_take(pool, INFLATER_IDENTITY));
    assert_null(inflater_take(pool, INFLATER_UNKNOWN));
}

static void damage_is_said_after_what_came_before_it(void **state)
{
    size_t size = compress_text(text, "gzip", compressed, TEXT_SIZE);
    struct inflater *inflater = begin("gzip");

    (void)state;
    memset(compressed + size - 8, 0xff, 4); /* the checksum */
    assert_false(inflate_in_pieces(inflater, compressed, size, 1000));
    assert_int_equal(inflated_size, TEXT_SIZE);
    assert_false(inflater_add(inflater, compressed, size, take, NULL));
    inflater_release(inflater);
    for (size_t i = 2; i < FORMATS; i++) {
        inflater = begin(formats[i]);
        assert_false(
            inflate_in_pieces(inflater, (const uint8_t *)"\x91\xff\xff\xff\xff\xff", 6, 1));
        inflater_release(inflater);
    }
    assert_int_equal(inflater_pool_taken(pool), 0);
}

/* Half of a text, then nonsense. */
static void what_was_read_before_the_damage_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMATS; i++) {
        size_t size = compress_text(text, formats[i], compressed, TEXT_SIZE);
        struct inflater *inflater = begin(formats[i]);

        for (size_t at = size / 2; at < size; at++)
            compressed[at] = (uint8_t)(at * at >> 3);
        assert_false(inflate_in_pieces(inflater, compressed, size, 1000) &&
                     inflated_size == TEXT_SIZE);
        assert_true(inflated_size > 0);
        assert_memory_equal(inflated, text, inflated_size > 1000 ? 1000 : inflated_size);
        inflater_release(inflater);
        assert_int_equal(inflater_pool_taken(pool), 0);
    }
}

/* -- What asks for too much -------------------------------------------------------------------- */

static uint64_t counted;

static void count(void *context, const uint8_t *bytes, size_t length)
{
    (void)context;
    (void)bytes;
    counted += length;
}

#define BOMB_SIZE (80U << 20)
#define FREE      (1U << 20)

static size_t deflate_bomb(const uint8_t *bytes, uint8_t *out, size_t size)
{
    z_stream stream = {.next_in = (z_const Bytef *)bytes,
                       .avail_in = BOMB_SIZE,
                       .next_out = out,
                       .avail_out = (uInt)size};

    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return size - stream.avail_out;
}

/* Of so many zeros, but for one byte in EVERY; 0: all. Returns the length. */
static size_t make_bomb(const char *name, size_t every, uint8_t *out, size_t size)
{
    uint8_t *bytes = calloc(1, BOMB_SIZE);
    size_t length = size;

    assert_non_null(bytes);
    for (size_t i = 0; every > 0 && i < BOMB_SIZE; i += every)
        bytes[i] = (uint8_t)(i / every * 2654435761U >> 13);
    if (strcmp(name, "br") == 0)
        assert_true(
            BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, BOMB_SIZE, bytes, &length, out));
    else if (strcmp(name, "zstd") == 0)
        length = ZSTD_compress(out, size, bytes, BOMB_SIZE, 1);
    else
        length = deflate_bomb(bytes, out, size);
    free(bytes);
    return length;
}

/* 1 MiB, and 100 times its size rounded up to 256 bytes; in whatever pieces it comes. */
static void bombs_are_cut_off(void **state)
{
    static const char *const names[] = {"br", "zstd", "gzip"};
    static const size_t pieces[] = {1, 100, TEXT_SIZE};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        size_t size = make_bomb(names[i], 0, compressed, TEXT_SIZE);

        for (size_t j = 0; j < 3; j++) {
            struct inflater *inflater = begin(names[i]);

            counted = 0;
            for (size_t at = 0; at < size; at += pieces[j])
                inflater_add(inflater, compressed + at,
                             size - at < pieces[j] ? size - at : pieces[j], count, NULL);
            assert_false(inflater_add(inflater, compressed, 1, count, NULL));
            assert_true(counted > FREE);
            assert_int_equal((counted - FREE) % (256 * 100), 0);
            assert_true(counted <= FREE + (size + 255) / 256 * 256 * 100);
            inflater_release(inflater);
            assert_int_equal(inflater_pool_taken(pool), 0);
        }
    }
}

static void no_body_expands_beyond_64_mib(void **state)
{
    uint8_t *bytes = malloc(BOMB_SIZE);
    struct inflater *inflater = begin("gzip");
    size_t size;

    (void)state;
    assert_non_null(bytes);
    size = make_bomb("gzip", 64, bytes, BOMB_SIZE);
    assert_true(size * 100 > BOMB_SIZE);
    counted = 0;
    assert_false(inflater_add(inflater, bytes, size, count, NULL));
    assert_int_equal(counted, 64U << 20);
    inflater_release(inflater);
    free(bytes);
}

/* A text of LENGTH bytes, compressed in a window of 2 to the power of BITS. Returns the length of
 * *OUT, which is the caller's. */
static size_t compress_large(const char *name, int bits, size_t length, uint8_t **out)
{
    uint8_t *bytes = malloc(length);
    size_t size = length + 1000;

    *out = malloc(size);
    assert_non_null(bytes);
    assert_non_null(*out);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)("0123456789abcdef"[(i * 2654435761U >> 13) % 16]);
    if (strcmp(name, "br") == 0) {
        assert_true(
            BrotliEncoderCompress(1, bits, BROTLI_MODE_GENERIC, length, bytes, &size, *out));
    } else {
        ZSTD_CCtx *context = ZSTD_createCCtx();

        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, bits);
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
        size = ZSTD_compress2(context, *out, size, bytes, length);
        assert_false(ZSTD_isError(size));
        ZSTD_freeCCtx(context);
    }
    free(bytes);
    return size;
}

/* RFC 7932 has windows of up to 16 MiB; RFC 9659 limits zstd to 8 MiB. */
static void memory_of_one_is_limited(void **state)
{
    static const struct {
        const char *name;
        int bits;
        size_t length;
        bool fits;
    } cases[] = {
        {"br", 22, 20 << 20, true},  {"br", 23, 20 << 20, true},   {"br", 24, 6 << 20, true},
        {"br", 24, 20 << 20, false}, {"zstd", 23, 10 << 20, true}, {"zstd", 24, 10 << 20, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct inflater *inflater = begin(cases[i].name);
        uint8_t *bytes;
        size_t size = compress_large(cases[i].name, cases[i].bits, cases[i].length, &bytes);

        counted = 0;
        for (size_t at = 0; at < size; at += 100000) {
            inflater_add(inflater, bytes + at, size - at < 100000 ? size - at : 100000, count,
                         NULL);
            assert_true(inflater_pool_taken(pool) <= 16 << 20);
        }
        assert_int_equal(counted == cases[i].length, cases[i].fits);
        inflater_release(inflater);
        assert_int_equal(inflater_pool_taken(pool), 0);
        free(bytes);
    }
}

static void the_pool_is_of_fixed_size_and_keeps_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMATS; i++) {
        size_t size = compress_text(text, formats[i], compressed, TEXT_SIZE);
        struct inflater *inflater = begin(formats[i]);
        size_t memory_size;
        const uint8_t *memory = inflater_pool_memory(pool, &memory_size);

        assert_int_equal(memory_size, 64 << 20);
        inflate_in_pieces(inflater, compressed, size - 1000, 100);
        assert_true(inflated_size > 100);
        assert_non_null(memmem(memory, memory_size, inflated + inflated_size - 12, 12));
        inflater_release(inflater);
        while (memory_size > 16 && memory[memory_size - 1] == 0)
            memory_size--;
        assert_int_equal(memory_size, 16); /* but for how much there is */
    }
}

static void a_full_pool_takes_no_more(void **state)
{
    struct inflater *taken[100];
    size_t count_taken = 0;

    (void)state;
    inflater_pool_free(pool);
    pool = inflater_pool_new(64 << 10);
    while (count_taken < 100 && (taken[count_taken] = inflater_take(pool, INFLATER_DEFLATE)))
        count_taken++;
    assert_in_range(count_taken, 2, 99);
    assert_false(inflate_in_pieces(taken[0], compressed,
                                   compress_text(text, "gzip", compressed, TEXT_SIZE), 1000));
    while (count_taken > 0)
        inflater_release(taken[--count_taken]);
    assert_int_equal(inflater_pool_taken(pool), 0);
    taken[0] = begin("gzip");
    assert_true(inflate_in_pieces(taken[0], compressed,
                                  compress_text(text, "gzip", compressed, TEXT_SIZE), 1000));
    inflater_release(taken[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_body_expands_beyond_64_mib, setup, teardown),
        TEST(every_format_gives_the_same_in_any_pieces),
        TEST(members_of_gzip_follow_each_other),
        TEST(frames_of_zstd_follow_each_other),
        TEST(codings_are_known_by_their_names),
        TEST(damage_is_said_after_what_came_before_it),
        TEST(what_was_read_before_the_damage_stays),
        TEST(bombs_are_cut_off),
        TEST(memory_of_one_is_limited),
        TEST(the_pool_is_of_fixed_size_and_keeps_nothing),
        TEST(a_full_pool_takes_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
