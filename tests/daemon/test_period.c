/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/period.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/capture.h"
#include "daemon/config.h"

#define HOUR_S 3600
/* 2026-12-31 23:00 UTC: the new year has begun in Paris. */
#define NEW_YEAR_S INT64_C(1798758000)
/* 2026-10-25 01:00 UTC, when clocks in Paris go back. */
#define CLOCKS_BACK_S INT64_C(1792890000)

static int setup(void **state)
{
    (void)state;
    return calendar_set_zone("Europe/Paris") ? 0 : -1;
}

static void assert_month(const char *text, int64_t now_s, int year, int number)
{
    struct calendar_month month;

    assert_true(period_find_month(text, now_s, &month));
    assert_int_equal(month.year, year);
    assert_int_equal(month.month, number);
}

static void a_month_is_named(void **state)
{
    (void)state;
    assert_month("2024-10", NEW_YEAR_S, 2024, 10);
    assert_month("2030-01", NEW_YEAR_S, 2030, 1);
}

static void the_current_month_is_that_of_the_place(void **state)
{
    (void)state;
    assert_month("current", NEW_YEAR_S - 1, 2026, 12);
    assert_month("current", NEW_YEAR_S, 2027, 1);
    assert_month("previous", NEW_YEAR_S - 1, 2026, 11);
    assert_month("previous", NEW_YEAR_S, 2026, 12);
}

static void a_month_with_an_hour_more_is_one(void **state)
{
    struct calendar_month month;

    (void)state;
    assert_month("current", CLOCKS_BACK_S - 1, 2026, 10);
    assert_true(period_find_month("current", CLOCKS_BACK_S, &month));
    assert_int_equal(month.month, 10);
    assert_int_equal(month.end - month.start, (31 * 24 + 1) * HOUR_S);
}

static void what_is_no_period_is_said(void **state)
{
    const struct config config = {.path = ""};
    struct calendar_month month;
    char error[PERIOD_ERROR_SIZE];
    int status = EXIT_SUCCESS;

    (void)state;
    assert_false(period_find_month("2026-13", NEW_YEAR_S, &month));
    assert_false(period_find_month("Current", NEW_YEAR_S, &month));
    assert_false(period_find_month("", NEW_YEAR_S, &month));
    assert_null(period_build_month("2026-13", &config, NULL, NEW_YEAR_S, &status, error));
    assert_int_equal(status, EXIT_CONFIGURATION);
    assert_string_equal(error, "\"2026-13\" is not a month: 2026-10, current or previous");
    status = EXIT_SUCCESS;
    assert_null(period_build_year("26", &config, NULL, NEW_YEAR_S, &status, error));
    assert_int_equal(status, EXIT_CONFIGURATION);
    assert_string_equal(error, "\"26\" is not a year: 2026, current or previous");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_month_is_named),
        cmocka_unit_test(the_current_month_is_that_of_the_place),
        cmocka_unit_test(a_month_with_an_hour_more_is_one),
        cmocka_unit_test(what_is_no_period_is_said),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
