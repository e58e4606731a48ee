/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/tracking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

static void states_are_given_once_and_zeroed(void **state)
{
    struct tracking *tracking = tracking_new(3);
    uint32_t taken[3];

    (void)state;
    assert_int_equal(tracking_capacity(tracking), 3);
    for (uint32_t i = 0; i < 3; i++) {
        taken[i] = tracking_take(tracking, 100 + i, i);
        assert_true(taken[i] < 3);
        assert_true(tracking_in_use(tracking, taken[i]));
        tracking_get(tracking, taken[i])->last_ns = 5;
    }
    assert_int_equal(tracking_take(tracking, 1, 1), TRACKED_NONE);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(tracking_get(tracking, taken[i])->flow, 100 + i);
    tracking_release(tracking, taken[1]);
    assert_false(tracking_in_use(tracking, taken[1]));
    assert_int_equal(tracking_take(tracking, 7, 7), taken[1]);
    assert_int_equal(tracking_get(tracking, taken[1])->last_ns, 0);
    tracking_free(tracking);
    tracking_free(NULL);
}

static void the_earliest_deadline_comes_first(void **state)
{
    struct tracking *tracking = tracking_new(4);
    int64_t deadline;
    uint32_t a;
    uint32_t b;

    (void)state;
    assert_int_equal(tracking_first(tracking, &deadline), TRACKED_NONE);
    a = tracking_take(tracking, 0, 50);
    b = tracking_take(tracking, 1, 40);
    assert_int_equal(tracking_first(tracking, &deadline), b);
    assert_int_equal(deadline, 40);
    tracking_schedule(tracking, a, 30);
    assert_int_equal(tracking_first(tracking, &deadline), a);
    tracking_schedule(tracking, a, 90); /* later: only when it is due */
    assert_int_equal(tracking_first(tracking, &deadline), a);
    assert_int_equal(deadline, 30);
    tracking_postpone(tracking, a, 90);
    assert_int_equal(tracking_first(tracking, &deadline), b);
    tracking_release(tracking, b);
    assert_int_equal(tracking_first(tracking, &deadline), a);
    assert_int_equal(deadline, 90);
    tracking_free(tracking);
}

static void ties_go_to_the_lower_index(void **state)
{
    struct tracking *tracking = tracking_new(64);
    int64_t deadline;

    (void)state;
    for (uint32_t i = 0; i < 64; i++)
        tracking_take(tracking, i, 1000 - (i % 7));
    for (uint32_t i = 0; i < 64; i++)
        tracking_schedule(tracking, 63 - i, 5);
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal(tracking_first(tracking, &deadline), i);
        tracking_release(tracking, i);
    }
    tracking_free(tracking);
}

#define MODEL 50

static void check_first(const struct tracking *tracking, const int64_t *deadlines)
{
    uint32_t best = TRACKED_NONE;
    int64_t deadline = 0;

    for (uint32_t i = 0; i < MODEL; i++)
        if (deadlines[i] >= 0 && (best == TRACKED_NONE || deadlines[i] < deadlines[best]))
            best = i;
    assert_int_equal(tracking_first(tracking, &deadline), best);
    if (best != TRACKED_NONE)
        assert_int_equal(deadline, deadlines[best]);
}

static void it_agrees_with_a_plain_search(void **state)
{
    struct tracking *tracking = tracking_new(MODEL);
    int64_t deadlines[MODEL];
    uint64_t seed = 7;

    (void)state;
    memset(deadlines, 0xff, sizeof(deadlines));
    for (int round = 0; round < 50000; round++) {
        int64_t value = random_below(&seed, 100);
        uint32_t index = random_below(&seed, MODEL);

        if (deadlines[index] < 0) {
            index = tracking_take(tracking, 0, value);
            assert_true(deadlines[index] < 0);
            deadlines[index] = value;
        } else if (random_below(&seed, 3) == 0) {
            tracking_release(tracking, index);
            deadlines[index] = -1;
        } else if (random_below(&seed, 2)) {
            tracking_schedule(tracking, index, value);
            deadlines[index] = value < deadlines[index] ? value : deadlines[index];
        } else {
            deadlines[index] += value;
            tracking_postpone(tracking, index, deadlines[index]);
        }
        check_first(tracking, deadlines);
    }
    tracking_free(tracking);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_given_once_and_zeroed),
        cmocka_unit_test(the_earliest_deadline_comes_first),
        cmocka_unit_test(ties_go_to_the_lower_index),
        cmocka_unit_test(it_agrees_with_a_plain_search),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
