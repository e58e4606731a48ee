/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/assembly.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/capture/clienthello.h"
#include "tests/capture/frames.h"

static struct assembly assembly;

static bool add(uint32_t sequence, const void *bytes, uint32_t length)
{
    uint8_t *copy = exact_copy(bytes, length);
    bool whole = assembly_add(&assembly, sequence, copy, length);

    free(copy);
    return whole;
}

static void pieces_come_together(void **state)
{
    (void)state;
    assembly_start(&assembly, 100);
    assert_int_equal(assembly_prefix(&assembly), 0);
    assert_true(add(103, "def", 3));
    assert_int_equal(assembly_prefix(&assembly), 0);
    assert_true(add(109, "jkl", 3));
    assert_true(add(100, "abc", 3));
    assert_int_equal(assembly_prefix(&assembly), 6);
    assert_true(add(106, "ghi", 3));
    assert_int_equal(assembly_prefix(&assembly), 12);
    assert_memory_equal(assembly.bytes, "abcdefghijkl", 12);
    assert_int_equal(assembly.range_count, 1);
}

/* Otherwise a sender could show us one text and the server another (Ptacek and Newsham, 1998). */
static void the_first_copy_wins(void **state)
{
    (void)state;
    assembly_start(&assembly, 0);
    assert_true(add(2, "cd", 2));
    assert_true(add(6, "gh", 2));
    assert_true(add(0, "XXXXXXXXXX", 10));
    assert_memory_equal(assembly.bytes, "XXcdXXghXX", 10);
    assert_true(add(0, "..........", 10));
    assert_memory_equal(assembly.bytes, "XXcdXXghXX", 10);
}

static void what_lies_before_the_window_is_ignored(void **state)
{
    (void)state;
    assembly_start(&assembly, 100);
    assert_true(add(90, "0123456789", 10));
    assert_int_equal(assembly_prefix(&assembly), 0);
    assert_true(add(98, "xxab", 4));
    assert_int_equal(assembly_prefix(&assembly), 2);
    assert_memory_equal(assembly.bytes, "ab", 2);
    assert_true(add(100, "", 0));
}

static void what_lies_past_the_window_is_refused(void **state)
{
    static uint8_t bytes[2 * ASSEMBLY_SIZE];

    (void)state;
    assembly_start(&assembly, 0xffffff00);
    assert_false(add(0xffffff00 + ASSEMBLY_SIZE, "a", 1));
    assert_false(add(0xffffff00 + 0x40000000, "a", 1));
    assert_int_equal(assembly.range_count, 0);
    assert_true(add(0xffffff00 + ASSEMBLY_SIZE - 1, "a", 1));
    assert_false(add(0xffffff00 + ASSEMBLY_SIZE - 1, "ab", 2));
    assert_false(add(0xffffff00, bytes, sizeof(bytes)));
    assert_int_equal(assembly_prefix(&assembly), ASSEMBLY_SIZE);
}

static void holes_are_limited(void **state)
{
    (void)state;
    assembly_start(&assembly, 0);
    for (uint32_t i = 1; i <= ASSEMBLY_RANGES; i++)
        assert_true(add(10 * i, "a", 1));
    assert_false(add(10 * (ASSEMBLY_RANGES + 1), "a", 1));
    assert_false(add(0, "a", 1));
    assert_true(add(11, "b", 1)); /* opens none */
    assert_true(add(1, "123456789", 9));
    assert_true(add(12, "12345678", 8));
    assert_int_equal(assembly.range_count, ASSEMBLY_RANGES - 1);
    assert_true(add(0, "a", 1));
    assert_int_equal(assembly_prefix(&assembly), 21);
}

/* The pieces of a post-quantum hello, in the order of a shuffled deck. */
static void two_thousand_bytes_may_come_one_by_one(void **state)
{
    static uint8_t bytes[2000];
    uint32_t order[sizeof(bytes)];
    uint64_t seed = 8;

    (void)state;
    assembly_start(&assembly, 7);
    for (uint32_t i = 0; i < sizeof(bytes); i++) {
        uint32_t other = random_below(&seed, i + 1);

        bytes[i] = (uint8_t)random_next(&seed);
        order[i] = order[other];
        order[other] = i;
    }
    for (uint32_t i = 0; i < sizeof(bytes); i++)
        assert_true(add(7 + order[i], bytes + order[i], 1));
    assert_int_equal(assembly_prefix(&assembly), sizeof(bytes));
    assert_memory_equal(assembly.bytes, bytes, sizeof(bytes));
}

static bool present[ASSEMBLY_SIZE];
static uint8_t expected[ASSEMBLY_SIZE];

/* What an assembly should hold, byte by byte. */
static void model_add(uint32_t start, const uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length && start + i < ASSEMBLY_SIZE; i++) {
        if (!present[start + i])
            expected[start + i] = bytes[i];
        present[start + i] = true;
    }
}

static void check_model(void)
{
    size_t prefix = 0;
    unsigned range = 0;

    while (prefix < ASSEMBLY_SIZE && present[prefix])
        prefix++;
    assert_int_equal(assembly_prefix(&assembly), prefix);
    for (size_t i = 0; i < ASSEMBLY_SIZE; i++) {
        if (range < assembly.range_count && i == assembly.ranges[range].end)
            range++;
        assert_int_equal(present[i],
                         range < assembly.range_count && i >= assembly.ranges[range].start);
        if (present[i])
            assert_int_equal(assembly.bytes[i], expected[i]);
    }
}

static void any_pieces_give_what_a_plain_model_gives(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int round = 0; round < 300; round++) {
        uint32_t base = (uint32_t)random_next(&seed);
        uint32_t span = round % 3 ? 64 : ASSEMBLY_SIZE + 100;

        assembly_start(&assembly, base);
        memset(present, 0, sizeof(present));
        for (int i = 0; i < 40; i++) {
            uint32_t start = random_below(&seed, span);
            uint32_t length = 1 + random_below(&seed, round % 3 ? 8 : 2000);
            uint8_t bytes[2000];

            memset(bytes, (int)random_below(&seed, 256), length);
            if (add(base + start, bytes, length) || assembly.range_count < ASSEMBLY_RANGES)
                model_add(start, bytes, length);
        }
        check_model();
    }
}

/* Segments of one ClientHello in an order and with repetitions and overlaps drawn at random. */
static enum clienthello_result deliver(const struct bytes *wire, uint32_t base, uint64_t *seed,
                                       struct clienthello *hello)
{
    uint32_t length = (uint32_t)wire->length;
    uint32_t cuts[12];
    uint32_t pieces = 1 + random_below(seed, 12);
    bool sent[12] = {false};

    assembly_start(&assembly, base);
    for (uint32_t i = 0; i < pieces; i++)
        cuts[i] = i == 0 ? 0 : random_below(seed, length);
    for (uint32_t missing = pieces; missing > 0;) {
        uint32_t i = random_below(seed, pieces);
        uint32_t end = length;

        for (uint32_t j = 0; j < pieces; j++)
            if (cuts[j] > cuts[i] && cuts[j] < end)
                end = cuts[j];
        end += random_below(seed, 3) ? 0 : random_below(seed, length - end + 1);
        assert_true(add(base + cuts[i], wire->at + cuts[i], end - cuts[i]));
        missing -= !sent[i];
        sent[i] = true;
        if (missing > 0 && assembly_prefix(&assembly) < length)
            assert_int_equal(clienthello_parse(assembly.bytes, assembly_prefix(&assembly), hello),
                             CLIENTHELLO_INCOMPLETE);
    }
    return clienthello_parse(assembly.bytes, assembly_prefix(&assembly), hello);
}

static void any_order_gives_the_same_name(void **state)
{
    static struct bytes wire;
    struct hello_parts parts = {.name = "api.mistral.ai", .alpn = "h2"};
    struct clienthello hello;
    uint64_t seed = 4;

    (void)state;
    for (int round = 0; round < 4000; round++) {
        parts.padding = random_below(&seed, 2500);
        parts.name_comes_last = random_below(&seed, 2);
        parts.record_size = random_below(&seed, 2) ? 0 : 1 + random_below(&seed, 1500);
        wire.length = 0;
        put_hello(&wire, &parts);
        if (wire.length > ASSEMBLY_SIZE)
            continue;
        assert_int_equal(deliver(&wire, 0U - random_below(&seed, 4000), &seed, &hello),
                         CLIENTHELLO_COMPLETE);
        assert_string_equal(hello.name, "api.mistral.ai");
        assert_string_equal(hello.alpn, "h2");
    }
}

static void what_is_taken_out_makes_room(void **state)
{
    static uint8_t bytes[ASSEMBLY_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 % 251 + 1);
    assembly_start(&assembly, 1000);
    assert_true(assembly_add(&assembly, 1000, bytes, 9000));
    assert_true(assembly_add(&assembly, 1000 + 9500, bytes + 9500, 100));
    assert_false(assembly_add(&assembly, 1000 + 16000, bytes, 500));
    assembly_take_out(&assembly, 10);
    assert_int_equal(assembly_prefix(&assembly), 10);
    assert_int_equal(assembly_end(&assembly), 16384 - 8990);
    assert_memory_equal(assembly.bytes, bytes, 10);
    assert_memory_equal(assembly.bytes + 510, bytes + 9500, 100);
    assert_memory_equal(assembly.bytes + 7010, bytes, 384);
    assert_int_equal(assembly.bytes[16384 - 8990], 0); /* nothing is left of it */
    assert_int_equal(assembly.bytes[ASSEMBLY_SIZE - 1], 0);
    assert_true(assembly_add(&assembly, 1000 + 16000, bytes, 500));
    assert_true(assembly_add(&assembly, 1000 + 9000, bytes + 9000, 500));
    assert_int_equal(assembly_prefix(&assembly), 610);
}

static void a_pool_gives_each_one_once(void **state)
{
    struct assembly_pool *pool = assembly_pool_new(3);
    uint32_t taken[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        taken[i] = assembly_pool_take(pool);
        assert_true(taken[i] < 3);
        assembly_start(assembly_pool_get(pool, taken[i]), (uint32_t)i);
    }
    assert_int_equal(assembly_pool_take(pool), ASSEMBLY_NONE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(assembly_pool_get(pool, taken[i])->base, i);
    assembly_pool_release(pool, taken[1]);
    assert_int_equal(assembly_pool_take(pool), taken[1]);
    assert_int_equal(assembly_pool_take(pool), ASSEMBLY_NONE);
    assembly_pool_free(pool);
    assembly_pool_free(NULL);
}

/* Also behind a hole. */
static void nothing_is_left_of_what_was_given_back(void **state)
{
    static const uint8_t nothing[ASSEMBLY_SIZE];
    struct assembly_pool *pool = assembly_pool_new(1);
    uint32_t taken = assembly_pool_take(pool);

    (void)state;
    assembly_start(assembly_pool_get(pool, taken), 7);
    assert_true(assembly_add(assembly_pool_get(pool, taken), 7, (const uint8_t *)"name", 4));
    assert_true(assembly_add(assembly_pool_get(pool, taken), 7 + ASSEMBLY_SIZE - 4,
                             (const uint8_t *)"name", 4));
    assembly_pool_release(pool, taken);
    assert_memory_equal(assembly_pool_get(pool, taken)->bytes, nothing, sizeof(nothing));
    assembly_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_come_together),
        cmocka_unit_test(the_first_copy_wins),
        cmocka_unit_test(what_lies_before_the_window_is_ignored),
        cmocka_unit_test(what_lies_past_the_window_is_refused),
        cmocka_unit_test(holes_are_limited),
        cmocka_unit_test(two_thousand_bytes_may_come_one_by_one),
        cmocka_unit_test(any_pieces_give_what_a_plain_model_gives),
        cmocka_unit_test(any_order_gives_the_same_name),
        cmocka_unit_test(what_is_taken_out_makes_room),
        cmocka_unit_test(a_pool_gives_each_one_once),
        cmocka_unit_test(nothing_is_left_of_what_was_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
