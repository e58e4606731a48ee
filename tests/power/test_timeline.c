/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/timeline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_NS INT64_C(1000000000)

static struct timeline timeline;

static int setup(void **state)
{
    (void)state;
    memset(&timeline, 0, sizeof(timeline));
    timeline.first_s = 100;
    return 0;
}

static void add(double from_s, double until_s, double energy_j, bool covered, uint8_t flags)
{
    struct counter_piece piece = {
        .from_ns = (int64_t)(from_s * 1e9),
        .until_ns = (int64_t)(until_s * 1e9),
        .energy_j = energy_j,
        .flags = flags,
    };

    if (covered)
        piece.covered_ns = (uint64_t)(piece.until_ns - piece.from_ns);
    timeline_add(&timeline, &piece);
}

static void assert_second(int64_t at_s, double energy_j, uint32_t covered_ns, uint8_t flags)
{
    struct timeline_second second = timeline_at(&timeline, at_s);

    if (fabs(second.energy_j - energy_j) > 1e-9)
        fail_msg("second %d: %g J instead of %g J", (int)at_s, second.energy_j, energy_j);
    assert_int_equal(second.covered_ns, covered_ns);
    assert_int_equal(second.flags, flags);
}

static void a_piece_is_spread_evenly(void **state)
{
    (void)state;
    add(100.25, 102.5, 225, true, ENERGY_INTEGRATED);
    assert_second(99, 0, 0, 0);
    assert_second(100, 75, 750000000, ENERGY_INTEGRATED);
    assert_second(101, 100, 1000000000, ENERGY_INTEGRATED);
    assert_second(102, 50, 500000000, ENERGY_INTEGRATED);
    assert_second(103, 0, 0, 0);
    add(102.5, 103, 7, true, 0);
    assert_second(102, 57, 1000000000, ENERGY_INTEGRATED);
    assert_second(103, 0, 0, 0);
}

static void energy_may_be_known_without_its_time(void **state)
{
    (void)state;
    add(100, 102, 12, false, ENERGY_LOWER_BOUND);
    assert_second(100, 6, 0, ENERGY_LOWER_BOUND);
    assert_second(101, 6, 0, ENERGY_LOWER_BOUND);
}

static void what_is_over_is_dropped(void **state)
{
    (void)state;
    add(98, 102, 400, true, 0);
    assert_second(99, 0, 0, 0);
    assert_second(100, 100, 1000000000, 0);
    timeline_forget(&timeline, 101);
    assert_second(100, 0, 0, 0);
    assert_second(101, 100, 1000000000, 0);
    add(99, 101, 1000, true, 0);
    assert_second(100, 0, 0, 0);
    /* The place of second 100 is that of one to come. */
    assert_second(100 + TIMELINE_S, 0, 0, 0);
    timeline_forget(&timeline, 50);
    assert_second(101, 100, 1000000000, 0);
}

static void places_are_used_again_clean(void **state)
{
    (void)state;
    for (int64_t s = 100; s < 100 + 3 * TIMELINE_S; s++) {
        add((double)s, (double)s + 1, (double)s, true, 0);
        assert_second(s, (double)s, 1000000000, 0);
        timeline_forget(&timeline, s - 5);
    }
}

static void a_piece_longer_than_memory_leaves_its_end(void **state)
{
    (void)state;
    add(100, 100 + 2 * TIMELINE_S, 2 * TIMELINE_S, true, 0);
    assert_int_equal(timeline.first_s, 100 + TIMELINE_S);
    assert_second(100 + TIMELINE_S - 1, 0, 0, 0);
    assert_second(100 + TIMELINE_S, 1, 1000000000, 0);
    assert_second(100 + 2 * TIMELINE_S - 1, 1, 1000000000, 0);
    assert_second(100 + 2 * TIMELINE_S, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_piece_is_spread_evenly, setup),
        cmocka_unit_test_setup(energy_may_be_known_without_its_time, setup),
        cmocka_unit_test_setup(what_is_over_is_dropped, setup),
        cmocka_unit_test_setup(places_are_used_again_clean, setup),
        cmocka_unit_test_setup(a_piece_longer_than_memory_leaves_its_end, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
