/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/lateness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/random.h"

/* GPUs whose load comes and goes, and a meter that tells of them and of 200 W beside them. */

#define FIRST_S 1000000

static struct lateness lateness;
static uint64_t seed;
static double drawn_w[40000]; /* by the GPUs, from FIRST_S on */

static int setup(void **state)
{
    (void)state;
    memset(&lateness, 0, sizeof(lateness));
    seed = 7;
    return 0;
}

/* Steps of 10 to 200 s, of up to LOAD_W. */
static void draw(unsigned load_w)
{
    size_t until = 0;
    double power_w = 0;

    for (size_t s = 0; s < sizeof(drawn_w) / sizeof(drawn_w[0]); s++) {
        if (s >= until) {
            power_w = 100 + random_below(&seed, load_w);
            until = s + 10 + random_below(&seed, 190);
        }
        drawn_w[s] = power_w;
    }
}

/* Below 0: told before it was drawn. */
static double told_w(size_t second, int late_s, int mean_s)
{
    double sum_w = 0;

    for (int i = 0; i < mean_s; i++)
        sum_w += drawn_w[(int)second - late_s - i];
    return 200 + sum_w / mean_s;
}

static void watch(size_t from, size_t until, int late_s, int mean_s)
{
    for (size_t s = from; s < until; s++)
        lateness_add(&lateness, FIRST_S + (int64_t)s, told_w(s, late_s, mean_s), drawn_w[s]);
}

static void assert_late(int late_s)
{
    int found_s = 1000;

    assert_true(lateness_find(&lateness, &found_s));
    if (abs(found_s - late_s) > 1)
        fail_msg("%d s late instead of %d s", found_s, late_s);
}

static void assert_unsure(void)
{
    int found_s;

    assert_false(lateness_find(&lateness, &found_s));
}

static void a_delay_is_found(void **state)
{
    static const int cases[][3] = {{0, 1, 0},    {5, 1, 5},     {30, 1, 30},  {0, 60, 30},
                                   {30, 60, 60}, {200, 1, 200}, {-20, 1, -20}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup(state);
        draw(600);
        watch(300, 300 + 3 * 3600, cases[i][0], cases[i][1]);
        assert_late(cases[i][2]);
    }
}

static void a_delay_that_changes_is_found_again(void **state)
{
    (void)state;
    draw(600);
    watch(300, 9000, 10, 1);
    assert_late(10);
    watch(9000, 39000, 50, 1);
    assert_late(50);
}

static void nothing_is_said_after_half_an_hour_without_seconds_in_a_row(void **state)
{
    (void)state;
    draw(600);
    watch(300, 300 + 1800, 30, 1);
    assert_unsure();
    setup(state);
    for (size_t s = 300; s < 19000; s += 200) /* what is between is left out */
        watch(s, s + 199, 30, 1);
    assert_unsure();
}

/* Nor across what is left out. */
static void a_gap_does_not_move_what_is_found(void **state)
{
    (void)state;
    draw(600);
    watch(300, 3000, 30, 1);
    for (size_t s = 3100; s < 15000; s += 700)
        watch(s, s + 600, 30, 1);
    assert_late(30);
}

static void nothing_is_said_of_an_even_load(void **state)
{
    (void)state;
    draw(20);
    watch(300, 15000, 30, 1);
    assert_unsure();
}

/* A few short batches in hours, before and between which there is some noise. */
static void nothing_is_said_before_the_load_has_changed_often(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof(drawn_w) / sizeof(drawn_w[0]); s++)
        drawn_w[s] = (s > 5000 && s % 2000 < 120 ? 6000 : 100) + random_below(&seed, 80);
    watch(300, 15000, 30, 1);
    assert_unsure();
    watch(15000, 39000, 30, 1);
    assert_late(30);
}

/* A meter of something else. */
static void nothing_is_said_of_a_meter_that_does_not_follow(void **state)
{
    (void)state;
    draw(600);
    for (size_t s = 300; s < 15000; s++)
        lateness_add(&lateness, FIRST_S + (int64_t)s, 300 + random_below(&seed, 600), drawn_w[s]);
    assert_unsure();
}

/* Of a load with a period of 80 s, 10 s late and 90 s are the same. */
static void nothing_is_said_where_several_would_do(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof(drawn_w) / sizeof(drawn_w[0]); s++)
        drawn_w[s] = s % 80 < 40 ? 700 : 100;
    watch(300, 15000, 10, 1);
    assert_unsure();
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_delay_is_found),
        TEST(a_delay_that_changes_is_found_again),
        TEST(nothing_is_said_after_half_an_hour_without_seconds_in_a_row),
        TEST(a_gap_does_not_move_what_is_found),
        TEST(nothing_is_said_of_an_even_load),
        TEST(nothing_is_said_before_the_load_has_changed_often),
        TEST(nothing_is_said_of_a_meter_that_does_not_follow),
        TEST(nothing_is_said_where_several_would_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
