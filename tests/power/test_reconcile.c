/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/reconcile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WHOLE 1000000000U
#define HALF  500000000U

static struct reconcile_point points[8];
static size_t count;
static struct reconcile_rules rules;
static struct reconcile_sum sum;

static int setup(void **state)
{
    (void)state;
    count = 0;
    rules = (struct reconcile_rules){false, 0, 4};
    sum = (struct reconcile_sum){0, 0, 0, 0};
    return 0;
}

static struct reconcile_point *point(enum power_part part, double energy_j, uint32_t covered_ns)
{
    struct reconcile_point *added = &points[count++];

    *added = (struct reconcile_point){
        .part = (uint8_t)part, .expected = true, .second = {energy_j, covered_ns, 0}};
    return added;
}

static void with_rest(double rest_w)
{
    rules.has_rest = true;
    rules.rest_w = rest_w;
}

static void assert_host(double energy_j, uint64_t covered_ns, unsigned flags)
{
    double actual_j;

    reconcile_second(points, count, &rules, &sum);
    actual_j = reconcile_energy_j(&sum);
    if (fabs(actual_j - energy_j) > 1e-9)
        fail_msg("%g J instead of %g J", actual_j, energy_j);
    assert_int_equal(sum.covered_ns, covered_ns);
    assert_int_equal(sum.flags, flags);
}

static void nothing_is_nothing(void **state)
{
    (void)state;
    assert_host(0, 0, 0);
}

static void a_meter_of_the_whole_goes_less_the_gpus(void **state)
{
    (void)state;
    with_rest(100); /* is in the meter */
    point(POWER_PART_WALL, 1000, WHOLE);
    point(POWER_PART_GPU, 300, WHOLE);
    point(POWER_PART_GPU, 200, WHOLE);
    point(POWER_PART_PACKAGE, 87, WHOLE);
    point(POWER_PART_DRAM, 13, WHOLE);
    point(POWER_PART_MODULE, 600, WHOLE);
    assert_host(500, WHOLE, ENERGY_WALL);
}

static void feeds_of_one_machine_add_up(void **state)
{
    (void)state;
    point(POWER_PART_WALL, 400, WHOLE)->second.flags = ENERGY_INTEGRATED;
    point(POWER_PART_WALL, 300, WHOLE);
    assert_host(700, WHOLE, ENERGY_WALL | ENERGY_INTEGRATED);
}

static void the_first_rank_that_is_whole_counts(void **state)
{
    (void)state;
    point(POWER_PART_WALL, 166, WHOLE)->rank = 2;
    point(POWER_PART_WALL, 170, WHOLE)->rank = 1;
    point(POWER_PART_WALL, 60, WHOLE)->rank = 0;
    point(POWER_PART_WALL, 0, 0)->rank = 0; /* its other feed says nothing */
    assert_host(170, WHOLE, ENERGY_WALL);
}

static void a_part_of_a_second_of_the_whole_is_not_made_up(void **state)
{
    (void)state;
    point(POWER_PART_WALL, 500, HALF);
    point(POWER_PART_PACKAGE, 87, WHOLE);
    assert_host(0, 0, 0);
}

static void parts_and_the_rest_stand_in_for_the_whole(void **state)
{
    (void)state;
    with_rest(100);
    point(POWER_PART_WALL, 500, HALF);
    point(POWER_PART_PACKAGE, 87, WHOLE);
    point(POWER_PART_GPU, 300, WHOLE);
    assert_host(187, WHOLE, ENERGY_REST);
}

static void a_meter_that_says_it_is_none_is_not_missed(void **state)
{
    (void)state;
    point(POWER_PART_WALL, 0, 0)->expected = false;
    point(POWER_PART_PACKAGE, 87, WHOLE);
    assert_host(87, WHOLE, 0);
}

static void without_a_meter_of_the_whole_parts_are_added(void **state)
{
    (void)state;
    with_rest(120);
    point(POWER_PART_PACKAGE, 80, WHOLE);
    point(POWER_PART_PACKAGE, 70, WHOLE)->second.flags = ENERGY_AMBIGUOUS;
    point(POWER_PART_DRAM, 10, WHOLE);
    point(POWER_PART_GPU, 300, WHOLE);
    assert_host(280, WHOLE, ENERGY_REST | ENERGY_AMBIGUOUS);
}

static void a_part_that_is_silent_leaves_the_host_uncovered(void **state)
{
    (void)state;
    with_rest(120);
    point(POWER_PART_PACKAGE, 80, WHOLE);
    point(POWER_PART_PACKAGE, 0, 0);
    assert_host(0, 0, 0);
    points[1].expected = false; /* gone, and not there any more */
    assert_host(200, WHOLE, ENERGY_REST);
}

static void the_least_covered_part_says_what_is_covered(void **state)
{
    (void)state;
    with_rest(100);
    point(POWER_PART_PACKAGE, 80, WHOLE);
    point(POWER_PART_DRAM, 5, HALF);
    assert_host(80 + 5 + 50, HALF, ENERGY_REST);
}

static void a_new_beginning_is_a_lower_bound(void **state)
{
    (void)state;
    with_rest(100);
    point(POWER_PART_PACKAGE, 80, WHOLE);
    point(POWER_PART_PACKAGE, 12, 0)->second.flags = ENERGY_LOWER_BOUND;
    assert_host(92, 0, ENERGY_REST | ENERGY_LOWER_BOUND);
}

static void the_rest_alone_may_stand_for_the_host(void **state)
{
    (void)state;
    with_rest(150);
    point(POWER_PART_GPU, 300, WHOLE);
    assert_host(150, WHOLE, ENERGY_REST);
}

static void a_module_has_processor_and_gpu_in_it(void **state)
{
    (void)state;
    with_rest(100);
    point(POWER_PART_MODULE, 612, WHOLE);
    point(POWER_PART_PACKAGE, 180, WHOLE);
    point(POWER_PART_GPU, 400, WHOLE);
    assert_host(312, WHOLE, ENERGY_REST);
}

static void a_gpu_that_only_the_module_covers_is_in_the_host(void **state)
{
    (void)state;
    point(POWER_PART_MODULE, 612, WHOLE);
    point(POWER_PART_PACKAGE, 180, WHOLE);
    assert_host(612, WHOLE, 0);
}

static void a_silent_module_gives_way_to_its_parts_if_all_are_metered(void **state)
{
    (void)state;
    point(POWER_PART_MODULE, 0, 0);
    point(POWER_PART_PACKAGE, 180, WHOLE);
    assert_host(0, 0, 0); /* the GPU would be missing */
    point(POWER_PART_GPU, 400, WHOLE);
    assert_host(180, WHOLE, 0);
}

/* Meters that average differently: below zero in one second, made good in the next. */
static void seconds_below_zero_are_made_good(void **state)
{
    (void)state;
    point(POWER_PART_WALL, 400, WHOLE);
    point(POWER_PART_GPU, 700, WHOLE);
    reconcile_second(points, count, &rules, &sum);
    points[0].second.energy_j = 1000;
    assert_host(0, 2ULL * WHOLE, ENERGY_WALL);
}

static void more_than_the_whole_is_told(void **state)
{
    (void)state;
    point(POWER_PART_WALL, 400, WHOLE);
    point(POWER_PART_GPU, 401, WHOLE);
    assert_host(0, WHOLE, ENERGY_WALL | ENERGY_EXCEEDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_nothing, setup),
        cmocka_unit_test_setup(a_meter_of_the_whole_goes_less_the_gpus, setup),
        cmocka_unit_test_setup(feeds_of_one_machine_add_up, setup),
        cmocka_unit_test_setup(the_first_rank_that_is_whole_counts, setup),
        cmocka_unit_test_setup(a_part_of_a_second_of_the_whole_is_not_made_up, setup),
        cmocka_unit_test_setup(parts_and_the_rest_stand_in_for_the_whole, setup),
        cmocka_unit_test_setup(a_meter_that_says_it_is_none_is_not_missed, setup),
        cmocka_unit_test_setup(without_a_meter_of_the_whole_parts_are_added, setup),
        cmocka_unit_test_setup(a_part_that_is_silent_leaves_the_host_uncovered, setup),
        cmocka_unit_test_setup(the_least_covered_part_says_what_is_covered, setup),
        cmocka_unit_test_setup(a_new_beginning_is_a_lower_bound, setup),
        cmocka_unit_test_setup(the_rest_alone_may_stand_for_the_host, setup),
        cmocka_unit_test_setup(a_module_has_processor_and_gpu_in_it, setup),
        cmocka_unit_test_setup(a_gpu_that_only_the_module_covers_is_in_the_host, setup),
        cmocka_unit_test_setup(a_silent_module_gives_way_to_its_parts_if_all_are_metered, setup),
        cmocka_unit_test_setup(seconds_below_zero_are_made_good, setup),
        cmocka_unit_test_setup(more_than_the_whole_is_told, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
