/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/uncertainty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "tests/close.h"

#define Z90 1.2815515655446004 /* of tables of the normal distribution */

static void knows_the_normal_distribution(void **state)
{
    (void)state;
    assert_close(uncertainty_quantile(0.9), Z90);
    assert_close(uncertainty_quantile(0.95), 1.6448536269514722);
    assert_close(uncertainty_quantile(0.975), 1.9599639845400545);
    assert_true(fabs(uncertainty_quantile(0.5)) < CLOSE);
}

/* A range that is four standard deviations wide: half of each side's logarithm is one. */
static void a_range_is_so_many_deviations_wide(void **state)
{
    struct uncertainty_part part = uncertainty_of_range(25, 100, 900, 4);

    (void)state;
    assert_close(part.log_down, log(2));
    assert_close(part.log_up, log(3));
    part = uncertainty_of_range(100, 100, 100, 4);
    assert_true(part.log_down == 0 && part.log_up == 0);
    assert_true(isinf(uncertainty_of_range(0, 100, 200, 4).log_down));
}

/* Only what is random shrinks, and only that with the root of the number. */
static void systematic_errors_do_not_shrink(void **state)
{
    (void)state;
    assert_close(uncertainty_of_events(0.3, 0.4, 1), 0.5);
    assert_close(uncertainty_of_events(0, 0.4, 16), 0.1);
    assert_close(uncertainty_of_events(0.3, 0.4, 1e30), 0.3);
}

/* Logarithms of 3 and 4 make 5. */
static void independent_parts_add_their_squares(void **state)
{
    const struct uncertainty_part parts[] = {{0.3, 0.6}, {0.4, 0.8}};
    struct uncertainty_interval interval = uncertainty_combine(10, parts, 2);

    (void)state;
    assert_close(interval.p10, 10 * exp(-0.5 * Z90));
    assert_close(interval.central, 10);
    assert_close(interval.p90, 10 * exp(1.0 * Z90));
}

static void no_part_is_no_interval(void **state)
{
    const struct uncertainty_part endless = {INFINITY, 0};
    struct uncertainty_interval interval = uncertainty_combine(10, NULL, 0);

    (void)state;
    assert_true(interval.p10 == 10 && interval.p90 == 10);
    interval = uncertainty_combine(10, &endless, 1);
    assert_true(interval.p10 == 0 && interval.p90 == 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_normal_distribution),
        cmocka_unit_test(a_range_is_so_many_deviations_wide),
        cmocka_unit_test(systematic_errors_do_not_shrink),
        cmocka_unit_test(independent_parts_add_their_squares),
        cmocka_unit_test(no_part_is_no_interval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
