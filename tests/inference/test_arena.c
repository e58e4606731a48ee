/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#define SIZE (1U << 20)

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(SIZE);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static bool is_all(const uint8_t *memory, size_t size, uint8_t byte)
{
    return size == 0 || (memory[0] == byte && memcmp(memory, memory + 1, size - 1) == 0);
}

static void all_of_it_can_be_had_and_had_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        uint8_t *memory = arena_take(arena, SIZE - 16);

        assert_non_null(memory);
        assert_int_equal(arena_size(memory), SIZE);
        assert_true(is_all(memory, SIZE - 16, 0));
        memset(memory, 0xaa, SIZE - 16);
        assert_null(arena_take(arena, 0));
        arena_give(arena, memory);
    }
    assert_null(arena_take(arena, SIZE - 15));
    assert_null(arena_take(arena, SIZE));
    assert_null(arena_take(arena, SIZE_MAX));
    assert_null(arena_take(arena, SIZE_MAX - 30));
}

/* Pieces of all sizes are taken and given back in disorder: none runs into another, each is zero at
 * first, and at the end all is one piece again. */
static void pieces_do_not_touch_each_other(void **state)
{
    static uint8_t *pieces[64];
    static size_t sizes[64];
    uint32_t random = 1;
    unsigned refused = 0;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        unsigned at = (random = random * 1664525 + 1013904223) >> 26;

        if (pieces[at]) {
            assert_true(is_all(pieces[at], sizes[at], (uint8_t)(at + 1)));
            arena_give(arena, pieces[at]);
            pieces[at] = NULL;
            continue;
        }
        random = random * 1664525 + 1013904223;
        sizes[at] = random >> 31 ? random % 100000 : random % 500;
        pieces[at] = arena_take(arena, sizes[at]);
        refused += !pieces[at];
        if (!pieces[at])
            continue;
        assert_int_equal((uintptr_t)pieces[at] % 16, 0);
        assert_true(is_all(pieces[at], sizes[at], 0));
        memset(pieces[at], (int)(at + 1), sizes[at]);
    }
    assert_true(refused > 100);
    for (unsigned at = 0; at < 64; at++)
        if (pieces[at])
            arena_give(arena, pieces[at]);
    assert_non_null(arena_take(arena, SIZE - 16));
}

static void nothing_stays_of_what_is_given_back(void **state)
{
    static const size_t sizes[] = {1, 100, 5000, 65535, 65536, 70001, 500000};
    size_t size;
    const uint8_t *memory = arena_memory(arena, &size);

    (void)state;
    assert_int_equal(size, SIZE);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        void *first = arena_take(arena, 48);
        void *piece = arena_take(arena, sizes[i]);

        memset(first, 0xbb, 48);
        memset(piece, 0xaa, sizes[i]);
        arena_give(arena, first);
        arena_give(arena, piece);
        assert_null(memchr(memory, 0xaa, size));
        assert_null(memchr(memory, 0xbb, size));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_of_it_can_be_had_and_had_again),
        TEST(pieces_do_not_touch_each_other),
        TEST(nothing_stays_of_what_is_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
