/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/segments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define BASE 0xfffffff0U /* sequence numbers wrap */

static struct assembly_pool *pool;
static struct segment_stream stream;
static char seen[4096];
static size_t seen_length;

static int setup(void **state)
{
    (void)state;
    pool = assembly_pool_new(1);
    segments_start(&stream, BASE);
    seen_length = 0;
    seen[0] = '\0';
    return pool ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    assembly_pool_free(pool);
    return 0;
}

static void see(void *context, const uint8_t *bytes, uint32_t length)
{
    (void)context;
    seen_length += (size_t)(bytes ? snprintf(seen + seen_length, sizeof(seen) - seen_length, "%.*s",
                                             (int)length, (const char *)bytes)
                                  : snprintf(seen + seen_length, sizeof(seen) - seen_length, "<%u>",
                                             (unsigned)length));
    assert_true(seen_length < sizeof(seen));
}

static void add_cut(uint32_t offset, const char *text, uint32_t length)
{
    segments_add(&stream, pool, BASE + offset, (const uint8_t *)text, (uint32_t)strlen(text),
                 length, see, NULL);
}

static void add(uint32_t offset, const char *text)
{
    add_cut(offset, text, (uint32_t)strlen(text));
}

static void assert_pool_is_whole(void)
{
    assert_int_equal(assembly_pool_take(pool), 0);
}

static void what_comes_in_order_or_again_passes_once(void **state)
{
    (void)state;
    add(0, "0123456789");
    add(0, "0123456789");
    add(8, "89abcdefghij");
    add(20, "klm");
    add(3, "345");
    assert_string_equal(seen, "0123456789abcdefghijklm");
    assert_pool_is_whole();
}

static void what_overtook_waits(void **state)
{
    (void)state;
    add(5, "56789");
    add(12, "cd");
    assert_string_equal(seen, "");
    add(0, "01234");
    assert_string_equal(seen, "0123456789");
    add(10, "ab");
    assert_string_equal(seen, "0123456789abcd");
    assert_pool_is_whole();
}

static void what_is_acknowledged_will_not_come(void **state)
{
    (void)state;
    segments_acknowledge(&stream, pool, BASE, see, NULL);
    add(5, "56789");
    segments_acknowledge(&stream, pool, BASE + 12, see, NULL);
    assert_string_equal(seen, "<5>56789<2>");
    segments_acknowledge(&stream, pool, BASE + 3, see, NULL);
    add(0, "0123456789ab");
    add(12, "cd");
    assert_string_equal(seen, "<5>56789<2>cd");
    assert_pool_is_whole();
}

static void what_was_cut_is_a_gap(void **state)
{
    (void)state;
    add_cut(0, "01", 5);
    add_cut(3, "34", 5);
    assert_string_equal(seen, "01<3><3>");
    add_cut(10, "a", 4); /* two bytes are missing, and what is cut cannot wait */
    assert_string_equal(seen, "01<3><3><2>a<3>");
    assert_pool_is_whole();
}

static void holes_are_given_up_at_the_end_or_without_room(void **state)
{
    char far[ASSEMBLY_SIZE + 100];

    (void)state;
    add(2, "23");
    add(6, "67");
    segments_finish(&stream, pool, see, NULL);
    assert_string_equal(seen, "<2>23<2>67");
    memset(far, 'x', sizeof(far));
    far[sizeof(far) - 1] = '\0';
    seen_length = 0;
    segments_start(&stream, BASE);
    add(5, "567");
    add(20000, "far");
    assert_string_equal(seen, "<5>567<19992>far");
    assert_pool_is_whole();
}

static void what_is_out_of_reach_is_another_s(void **state)
{
    (void)state;
    add(100U << 20, "forged");
    add(0U - (100U << 20), "forged");
    segments_acknowledge(&stream, pool, BASE + (100U << 20), see, NULL);
    add(0, "01");
    assert_string_equal(seen, "01");
}

static void without_a_window_nothing_waits(void **state)
{
    (void)state;
    assert_int_equal(assembly_pool_take(pool), 0);
    add(5, "567");
    assert_string_equal(seen, "<5>567");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* One that is far away, and the next. */
static void what_is_far_away_is_believed_when_it_goes_on(void **state)
{
    static const uint32_t far_away[] = {65537, 1U << 20, 1U << 30, 3U << 30, 0U - (65U << 20)};

    (void)state;
    for (size_t i = 0; i < sizeof(far_away) / sizeof(*far_away); i++) {
        const uint32_t there = BASE + far_away[i];

        segments_start(&stream, BASE);
        assert_true(segments_believe(&stream, BASE + 65536, 10));
        assert_true(segments_believe(&stream, BASE - (64U << 20), 10));
        assert_false(segments_believe(&stream, there, 10));
        assert_false(segments_believe(&stream, there, 10));  /* again, it does not go on */
        assert_true(segments_believe(&stream, BASE - 5, 5)); /* a late copy tells nothing */
        assert_true(segments_believe(&stream, there + 10, 10));
        assert_false(segments_believe(&stream, there + 10, 10));
        assert_true(segments_believe(&stream, BASE, 10)); /* it goes on where it was */
        assert_false(segments_believe(&stream, there + 20, 10));
        assert_true(segments_are_new(&stream, BASE - 5, 6));
        assert_false(segments_are_new(&stream, BASE - 5, 5));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_comes_in_order_or_again_passes_once),
        TEST(what_overtook_waits),
        TEST(what_is_acknowledged_will_not_come),
        TEST(what_was_cut_is_a_gap),
        TEST(holes_are_given_up_at_the_end_or_without_room),
        TEST(what_is_out_of_reach_is_another_s),
        TEST(what_is_far_away_is_believed_when_it_goes_on),
        TEST(without_a_window_nothing_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
