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
    (void)state;
    pool = inflater_pool_new(2);
    text = malloc(TEXT_SIZE + 1);
    inflated = malloc(2 * TEXT_SIZE);
    compressed = malloc(TEXT_SIZE);
    if (!pool || !text || !inflated || !compressed)
        return -1;
    for (size_t i = 0; i < TEXT_SIZE; i++)
        text[i] = (char)('a' + (i * i / 7 + i / 1000) % 26);
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

static bool inflate_in_pieces(uint32_t index, const uint8_t *bytes, size_t size, size_t piece)
{
    bool good = true;

    inflated_size = 0;
    for (size_t at = 0; at < size; at += piece)
        good = inflater_add(pool, index, bytes + at, size - at < piece ? size - at : piece, take,
                            NULL);
    return good;
}

static void every_format_gives_the_same_in_any_pieces(void **state)
{
    static const int formats[] = {31, 15, -15, -9};
    static const size_t pieces[] = {1, 7, 4096, TEXT_SIZE};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        size_t size = compress_text(text, formats[i], compressed, TEXT_SIZE);

        for (size_t j = 0; j < 4; j++) {
            uint32_t index = inflater_pool_take(pool);

            assert_true(inflate_in_pieces(index, compressed, size, pieces[j]));
            assert_int_equal(inflated_size, TEXT_SIZE);
            assert_memory_equal(inflated, text, TEXT_SIZE);
            /* What follows is ignored. */
            assert_true(inflater_add(pool, index, (const uint8_t *)"xyz", 3, take, NULL));
            assert_int_equal(inflated_size, TEXT_SIZE);
            inflater_pool_release(pool, index);
        }
    }
}

static void damage_is_said_after_what_came_before_it(void **state)
{
    size_t size = compress_text(text, 31, compressed, TEXT_SIZE);
    uint32_t index = inflater_pool_take(pool);

    (void)state;
    memset(compressed + size - 8, 0xff, 4); /* the checksum */
    assert_false(inflate_in_pieces(index, compressed, size, 1000));
    assert_int_equal(inflated_size, TEXT_SIZE);
    assert_false(inflater_add(pool, index, compressed, size, take, NULL));
    inflater_pool_release(pool, index);
    index = inflater_pool_take(pool);
    assert_false(inflate_in_pieces(index, (const uint8_t *)"\x07\x07\x07", 3, 1));
    inflater_pool_release(pool, index);
}

static void the_pool_is_of_fixed_size_and_keeps_nothing(void **state)
{
    size_t size = compress_text(text, 31, compressed, TEXT_SIZE);
    uint32_t first = inflater_pool_take(pool);
    uint32_t second = inflater_pool_take(pool);
    size_t memory_size;
    const uint8_t *memory = inflater_pool_memory(pool, &memory_size);

    (void)state;
    assert_int_not_equal(first, second);
    assert_int_equal(inflater_pool_take(pool), INFLATER_NONE);
    inflate_in_pieces(first, compressed, size / 2, 100);
    assert_non_null(memmem(memory, memory_size, inflated + inflated_size - 12, 12));
    inflater_pool_release(pool, first);
    assert_null(memmem(memory, memory_size, inflated + inflated_size - 12, 12));
    assert_int_equal(inflater_pool_take(pool), first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_format_gives_the_same_in_any_pieces),
        TEST(damage_is_said_after_what_came_before_it),
        TEST(the_pool_is_of_fixed_size_and_keeps_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
