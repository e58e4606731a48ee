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
static struct reconcile_carry carry;
static unsigned lag_s;
static int64_t now_s;

static int setup(void **state)
{
    (void)state;
    count = 0;
    rules = (struct reconcile_rules){false, 0, 4};
    memset(&sum, 0, sizeof(sum));
    memset(&carry, 0, sizeof(carry));
    now_s = 1000;
    lag_s = 300;
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

static void pass(unsigned seconds)
{
    for (; seconds > 0; seconds--) {
        struct reconcile_basis basis = reconcile_second(points, count, &rules, &sum);

        reconcile_remember(&carry, now_s++, &basis);
    }
}

static struct reconcile_host settle(void)
{
    struct reconcile_host host = reconcile_settle(&carry, &sum, lag_s);

    memset(&sum, 0, sizeof(sum));
    return host;
}

static void assert_near(double actual_j, double energy_j)
{
    if (fabs(actual_j - energy_j) > 1e-9)
        fail_msg("%g J instead of %g J", actual_j, energy_j);
}

static void assert_host(double energy_j, uint64_t covered_ns, unsigned flags)
{
    struct reconcile_host host;

    pass(1);
    host = settle();
    assert_near(host.energy_j, energy_j);
    assert_int_equal(host.covered_ns, covered_ns);
    assert_int_equal(host.flags, flags);
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
    pass(1);
    points[0].second.energy_j = 1100;
    assert_host(100, 2ULL * WHOLE, ENERGY_WALL);
}

/* ---- What is owed ---- */

/* The wall and one GPU, each second, for a minute. */
static struct reconcile_host minute(double wall_w, double gpu_w)
{
    count = 0;
    point(POWER_PART_WALL, wall_w, WHOLE);
    point(POWER_PART_GPU, gpu_w, WHOLE);
    pass(60);
    return settle();
}

static void assert_minute(double wall_w, double gpu_w, double host_w, unsigned flags)
{
    struct reconcile_host host = minute(wall_w, gpu_w);

    assert_near(host.energy_j, 60 * host_w);
    assert_near(host.carried_j, 60 * (host_w - (wall_w - gpu_w)));
    assert_int_equal(host.flags, flags);
}

static void what_a_late_meter_lacks_is_paid_back(void **state)
{
    (void)state;
    assert_minute(300, 100, 200, ENERGY_WALL);
    assert_minute(300, 700, 0, ENERGY_WALL | ENERGY_CARRIED);   /* 400 W minutes owed */
    assert_minute(900, 700, 0, ENERGY_WALL | ENERGY_CARRIED);   /* 200 */
    assert_minute(900, 100, 600, ENERGY_WALL | ENERGY_CARRIED); /* it is late, too, with the end */
    assert_minute(300, 100, 200, ENERGY_WALL);
}

static void rounding_is_not_owed(void **state)
{
    (void)state;
    assert_minute(0.1 + 0.2, 0.3 + 1e-12, 0, ENERGY_WALL);
}

/* The GPU draws 700 W, of which the meter of the whole never sees 300: it owes for 700 s of that
 * what the GPU draws in 300 s. */
static void what_lateness_does_not_explain_is_given_up(void **state)
{
    struct reconcile_host host = {0};
    double carried_j = 0, given_up_j = 0;
    unsigned i;

    (void)state;
    for (i = 0; i < 30 && !(host.flags & ENERGY_EXCEEDED); i++) {
        host = minute(400, 700);
        carried_j += host.carried_j;
        given_up_j += host.given_up_j;
    }
    assert_int_equal(i, 12);
    assert_int_equal(host.too_small, 0);
    assert_near(given_up_j, 12 * 60 * 300 - 300 * 700);
    for (; i < 1000; i++) {
        host = minute(400, 700);
        assert_near(host.given_up_j, 60 * 300);
        carried_j += host.carried_j;
        given_up_j += host.given_up_j;
        assert_near(carry.owed_j[0], 300 * 700);
    }
    assert_near(carried_j, 1000 * 60 * 300.0);
    assert_near(given_up_j, carried_j - 300 * 700);
    assert_false(host.is_even[0]);
    /* It is mended: no more than that is held against it. */
    for (i = 0; i < 10; i++)
        carried_j += minute(1400, 700).carried_j;
    assert_near(carried_j, given_up_j);
}

static void how_late_is_late_is_configured(void **state)
{
    (void)state;
    lag_s = 20;
    assert_near(minute(300, 700).given_up_j, 60 * 400 - 20 * 700);
    assert_near(carry.owed_j[0], 20 * 700);
    lag_s = 900;
    assert_near(minute(300, 700).given_up_j, 0);
    assert_near(carry.owed_j[0], 20 * 700 + 60 * 400);
}

static void who_was_away_is_not_blamed(void **state)
{
    struct reconcile_host host;

    (void)state;
    minute(300, 700);
    count = 0;
    point(POWER_PART_WALL, 0, 0);
    pass(240);
    host = settle();
    assert_near(carry.owed_j[0], 60 * 400);
    assert_near(host.energy_j, 0);
    assert_near(host.carried_j, 0);
    assert_int_equal(host.covered_ns, 0);
    pass(1);
    host = settle();
    assert_near(host.given_up_j, 0); /* 300 s ago, the GPU had drawn enough */
    pass(58);
    host = settle();
    assert_near(carry.owed_j[0], 700);
    pass(100);
    host = settle();
    assert_near(carry.owed_j[0], 0);
    assert_int_equal(host.too_small, RECONCILE_NONE);
}

/* Time that nobody asked about is as unknown as time in which nothing was read. */
static void what_is_left_out_is_not_known(void **state)
{
    (void)state;
    minute(300, 700);
    now_s += 10000;
    minute(100, 100);
    assert_near(carry.owed_j[0], 60 * 100);
    now_s += 100;
    minute(100, 100);
    assert_near(carry.owed_j[0], 60 * 100);
}

/* Each meter is late by its own time: one does not pay for another. */
static void each_meter_owes_by_itself(void **state)
{
    struct reconcile_host host;

    (void)state;
    minute(300, 700); /* 400 W minutes */
    count = 0;
    point(POWER_PART_WALL, 0, 0);
    point(POWER_PART_WALL, 900, WHOLE)->rank = 1;
    point(POWER_PART_GPU, 700, WHOLE);
    pass(60);
    host = settle();
    assert_near(host.energy_j, 60 * 200);
    assert_int_equal(host.flags, ENERGY_WALL);
    assert_minute(1000, 700, 0, ENERGY_WALL | ENERGY_CARRIED);
    assert_minute(1000, 700, 200, ENERGY_WALL | ENERGY_CARRIED);
}

static void modules_that_are_late_owe_too_but_not_the_rest(void **state)
{
    struct reconcile_host host;

    (void)state;
    with_rest(100);
    point(POWER_PART_MODULE, 500, WHOLE);
    point(POWER_PART_GPU, 600, WHOLE);
    pass(60);
    host = settle();
    assert_near(host.energy_j, 60 * 100);
    assert_int_equal(host.flags, ENERGY_REST | ENERGY_CARRIED);
    points[0].second.energy_j = 850;
    pass(60);
    assert_near(settle().energy_j, 60 * (100 + 150));
    assert_near(carry.owed_j[RECONCILE_MODULES], 0);
}

/* Of parts and the rest nothing is owed: they are not late. */
static void who_stands_in_does_not_pay(void **state)
{
    struct reconcile_host host;

    (void)state;
    with_rest(100);
    minute(300, 700);
    count = 0;
    point(POWER_PART_WALL, 0, 0);
    point(POWER_PART_PACKAGE, 80, WHOLE);
    point(POWER_PART_GPU, 700, WHOLE);
    pass(60);
    host = settle();
    assert_near(host.energy_j, 60 * 180);
    assert_int_equal(host.flags, ENERGY_REST);
    assert_near(carry.owed_j[0], 60 * 400);
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
        cmocka_unit_test_setup(what_a_late_meter_lacks_is_paid_back, setup),
        cmocka_unit_test_setup(rounding_is_not_owed, setup),
        cmocka_unit_test_setup(what_lateness_does_not_explain_is_given_up, setup),
        cmocka_unit_test_setup(how_late_is_late_is_configured, setup),
        cmocka_unit_test_setup(who_was_away_is_not_blamed, setup),
        cmocka_unit_test_setup(what_is_left_out_is_not_known, setup),
        cmocka_unit_test_setup(each_meter_owes_by_itself, setup),
        cmocka_unit_test_setup(modules_that_are_late_owe_too_but_not_the_rest, setup),
        cmocka_unit_test_setup(who_stands_in_does_not_pay, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
