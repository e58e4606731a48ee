/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/spread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "tests/close.h"

#define SECOND INT64_C(1000000000)
#define START  INT64_C(1795435200) /* of a minute, and of a day */
#define CELLS  4096

static struct given {
    int64_t interval_start_s;
    struct local_use use;
} given[2 * CELLS];
static size_t count;
static struct spread *spread;

static void take(void *context, int64_t interval_start_s, const struct local_use *use)
{
    assert_ptr_equal(context, given);
    assert_true(count < 2 * CELLS);
    given[count++] = (struct given){interval_start_s, *use};
}

static int setup(void **state)
{
    (void)state;
    count = 0;
    spread = spread_new(CELLS, take, given);
    return spread ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    spread_free(spread);
    return 0;
}

static struct local_use use_of(uint16_t direction, uint16_t service)
{
    return (struct local_use){direction, service, 1, 700, 200, 333};
}

static void assert_piece(size_t i, int64_t start_s, double share)
{
    assert_true(i < count);
    assert_int_equal(given[i].interval_start_s, START + start_s);
    assert_close(given[i].use.requests, share);
    assert_close(given[i].use.tokens_in, 700 * share);
    assert_close(given[i].use.tokens_cached, 200 * share);
    assert_close(given[i].use.tokens_out, 333 * share);
}

static void an_exchange_is_spread_over_the_time_that_it_took(void **state)
{
    const struct local_use whole = use_of(3, 5);

    (void)state;
    spread_add(spread, (START + 45) * SECOND, (START + 135) * SECOND, &whole);
    assert_int_equal(count, 0);
    spread_hand_over(spread);
    assert_int_equal(count, 3);
    assert_piece(0, 0, 15.0 / 90);
    assert_piece(1, 60, 60.0 / 90);
    assert_piece(2, 120, 15.0 / 90);
    assert_int_equal(given[2].use.direction_id, 3);
    assert_int_equal(given[2].use.service_id, 5);
    spread_hand_over(spread);
    assert_int_equal(count, 3);
}

static void within_one_interval_it_is_whole(void **state)
{
    const struct local_use whole = use_of(0, 0);

    (void)state;
    spread_add(spread, START * SECOND, (START + 60) * SECOND, &whole); /* to its very end */
    spread_add(spread, (START + 61) * SECOND, (START + 61) * SECOND, &whole);
    spread_add(spread, (START + 999) * SECOND, (START + 121) * SECOND, &whole);
    spread_hand_over(spread);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_piece(i, 60 * (int64_t)i, 1);
}

static void use_of_the_same_interval_direction_and_service_adds_up(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < 30; i++) {
        const struct local_use whole = use_of(i % 3, i % 2);

        spread_add(spread, START * SECOND, (START + 30) * SECOND, &whole);
    }
    spread_hand_over(spread);
    assert_int_equal(count, 6);
    for (uint16_t i = 0; i < 6; i++) { /* in order of first use */
        assert_int_equal(given[i].use.direction_id, i % 3);
        assert_int_equal(given[i].use.service_id, i % 2);
        assert_piece(i, 0, 5);
    }
}

/* Pieces of any exchange add up to it, none is negative, and none has more from the cache than it
 * has. */
static void the_pieces_add_up_to_the_whole(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct local_use sum = {0};
        struct local_use whole;
        int64_t start_ns, length_ns;

        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        start_ns = START * SECOND + (int64_t)(random >> 20) % (3600 * SECOND);
        length_ns = (int64_t)((random >> 8) % (uint64_t)(SECOND << (i % 12)));
        if (i % 5 == 0) /* ends just after an interval began */
            length_ns += 60 * SECOND - (start_ns + length_ns) % (60 * SECOND) + 1;
        whole = (struct local_use){1, 2, 1, (double)(random >> 40), 0, (double)(random >> 33)};
        whole.tokens_cached = whole.tokens_in - (whole.tokens_in > 0 ? i % 2 : 0);
        count = 0;
        spread_add(spread, start_ns, start_ns + length_ns, &whole);
        spread_hand_over(spread);
        for (size_t j = 0; j < count; j++) {
            const struct local_use *use = &given[j].use;

            assert_true(use->requests >= 0 && use->tokens_out >= 0 && use->tokens_cached >= 0);
            assert_true(use->tokens_cached <= use->tokens_in);
            sum.requests += use->requests;
            sum.tokens_in += use->tokens_in;
            sum.tokens_cached += use->tokens_cached;
            sum.tokens_out += use->tokens_out;
        }
        assert_close(sum.requests, 1);
        assert_close(sum.tokens_in, whole.tokens_in);
        assert_close(sum.tokens_cached, whole.tokens_cached);
        assert_close(sum.tokens_out, whole.tokens_out);
    }
}

/* Found by trial: of a last piece of a quarter of a millisecond, rounding would say so. */
static void rounding_makes_no_more_cached_than_there_is(void **state)
{
    const struct local_use whole = {1, 1, 1, 268435459, 268435458, 1};
    const int64_t length_ns = 35022424801612;
    const int64_t after_ns = 278843;
    /* Volatile, or a compiler may work it out without rounding in between. */
    volatile double from = (double)(length_ns - after_ns) / (double)length_ns;
    volatile double cached = whole.tokens_cached * from;
    volatile double all = whole.tokens_in * from;

    (void)state;
    assert_true(whole.tokens_cached - cached > whole.tokens_in - all);
    spread_add(spread, START * SECOND + after_ns - length_ns, START * SECOND + after_ns, &whole);
    spread_hand_over(spread);
    assert_int_equal(given[count - 1].interval_start_s, START);
    assert_true(given[count - 1].use.tokens_cached <= given[count - 1].use.tokens_in);
}

static void what_took_days_is_spread_over_the_last(void **state)
{
    const struct local_use whole = use_of(1, 1);
    double requests = 0;

    (void)state;
    spread_add(spread, 0, START * SECOND, &whole);
    spread_hand_over(spread);
    assert_int_equal(count, 1440);
    assert_int_equal(given[0].interval_start_s, START - 86400);
    for (size_t i = 0; i < count; i++)
        requests += given[i].use.requests;
    assert_close(requests, 1);
    count = 0;
    spread_add(spread, -INT64_MAX, INT64_MAX / 2, &whole); /* a clock gone mad */
    spread_add(spread, INT64_MAX / 2, -INT64_MAX, &whole);
    spread_add(spread, -90 * SECOND, -30 * SECOND, &whole); /* before 1970 */
    spread_hand_over(spread);
    assert_int_equal(given[count - 2].interval_start_s, -120);
    assert_int_equal(given[count - 1].interval_start_s, -60);
}

static void a_full_table_is_handed_over_early(void **state)
{
    double requests = 0;

    (void)state;
    for (uint16_t i = 0; i < CELLS + CELLS / 2; i++) {
        const struct local_use whole = use_of(i % 256, i / 256);

        spread_add(spread, START * SECOND, START * SECOND + 1, &whole);
    }
    assert_int_equal(count, CELLS);
    spread_hand_over(spread);
    assert_int_equal(count, CELLS + CELLS / 2);
    for (size_t i = 0; i < count; i++)
        requests += given[i].use.requests;
    assert_true(fabs(requests - 6144) < FLT_EPSILON);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_exchange_is_spread_over_the_time_that_it_took),
        TEST(within_one_interval_it_is_whole),
        TEST(use_of_the_same_interval_direction_and_service_adds_up),
        TEST(the_pieces_add_up_to_the_whole),
        TEST(rounding_makes_no_more_cached_than_there_is),
        TEST(what_took_days_is_spread_over_the_last),
        TEST(a_full_table_is_handed_over_early),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
