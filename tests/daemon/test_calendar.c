/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Expected bounds were computed with Python's zoneinfo. */
static const struct {
    const char *zone;
    const char *month;
    int64_t start;
    int64_t length_s;
} months[] = {
    {"UTC", "2026-10", 1790812800, 31 * 86400},
    {"UTC", "1960-02", -312940800, 29 * 86400},
    {"Europe/Paris", "2026-10", 1790805600, 31 * 86400 + 3600},
    {"Europe/Paris", "2026-03", 1772319600, 31 * 86400 - 3600},
    {"Europe/Paris", "2024-02", 1706742000, 29 * 86400},
    /* Clocks go from 00:00 to 01:00 on the 1st: the month starts at 01:00. */
    {"America/Asuncion", "2017-10", 1506830400, 1509505200 - 1506830400},
    /* Clocks go from 01:00 back to 00:00 on the 1st: the first of the two midnights counts. */
    {"America/Havana", "2015-11", 1446350400, 1448946000 - 1446350400},
    /* 30 December 2011 does not exist: the date line moved. */
    {"Pacific/Apia", "2011-12", 1322733600, 30 * 86400},
};

static void finds_bounds_in_local_time(void **state)
{
    struct calendar_month month;

    (void)state;
    for (size_t i = 0; i < sizeof(months) / sizeof(months[0]); i++) {
        assert_true(calendar_set_zone(months[i].zone));
        assert_true(calendar_parse_month(months[i].month, &month));
        assert_int_equal(month.start, months[i].start);
        assert_int_equal(month.end - month.start, months[i].length_s);
    }
}

/* Each month holds its first second and its last, and not the one after. */
static void finds_the_month_of_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(months) / sizeof(months[0]); i++) {
        int64_t end = months[i].start + months[i].length_s;
        int64_t times[] = {months[i].start, months[i].start + 3599, months[i].start + 3600,
                           end - 3601, end - 1};
        struct calendar_month month;

        assert_true(calendar_set_zone(months[i].zone));
        for (size_t j = 0; j < sizeof(times) / sizeof(times[0]); j++) {
            month = calendar_month_of(times[j]);
            assert_int_equal(month.start, months[i].start);
            assert_int_equal(month.end, end);
        }
        assert_int_equal(calendar_month_of(end).start, end);
        assert_int_equal(calendar_month_of(months[i].start - 1).end, months[i].start);
    }
}

/* Clocks go from 00:01 of the 1st back to 23:01 of the 31st: every time has one month all the same.
 */
static void a_midnight_that_comes_twice_is_in_one_month(void **state)
{
    struct calendar_month october;
    struct calendar_month november;

    (void)state;
    assert_true(calendar_set_zone("America/St_Johns"));
    assert_true(calendar_parse_month("2009-10", &october));
    assert_true(calendar_parse_month("2009-11", &november));
    assert_int_equal(october.end, november.start);
    for (int64_t time_s = november.start - 7200; time_s < november.start + 7200; time_s += 20)
        assert_int_equal(calendar_month_of(time_s).start,
                         time_s < november.start ? october.start : november.start);
}

static void parses_year_and_month(void **state)
{
    struct calendar_month month;

    (void)state;
    assert_true(calendar_set_zone("Europe/Paris"));
    assert_true(calendar_parse_month("2026-09", &month));
    assert_int_equal(month.year, 2026);
    assert_int_equal(month.month, 9);
}

static void refuses_what_is_not_a_month(void **state)
{
    static const char *const texts[] = {"",         "2026",     "2026-13", "2026-00",  "2026-1",
                                        "2026/10",  "2026-1x",  "+026-10", "2026-100", "202-010",
                                        " 2026-10", "2026-10 ", "20a6-10", "2026--1"};
    struct calendar_month month;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(calendar_parse_month(texts[i], &month));
}

/* Months partition time: none overlaps and nothing falls between, whatever clocks do. */
static void months_follow_each_other(void **state)
{
    static const char *const zones[] = {"UTC",          "Europe/Paris",      "America/Asuncion",
                                        "Pacific/Apia", "America/St_Johns",  "America/Havana",
                                        "Africa/Cairo", "America/Sao_Paulo", "Asia/Kathmandu"};
    struct calendar_month month, next;

    (void)state;
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        assert_true(calendar_set_zone(zones[i]));
        assert_true(calendar_parse_month("1995-01", &month));
        for (int count = 0; count < 12 * 40; count++, month = next) {
            next = calendar_shift(month, 1);
            assert_int_equal(next.start, month.end);
            assert_in_range(month.end - month.start, 28 * 86400 - 7200, 31 * 86400 + 7200);
        }
    }
}

static void parses_days(void **state)
{
    static const char *const no_days[] = {"",           "2026-10",    "2026-02-29", "2026-04-31",
                                          "2026-10-00", "2026-13-01", "2026-00-10", "2026-10-1",
                                          "2026/10/01", "2026-10-32", "2026-10-01 "};
    int64_t day;

    (void)state;
    for (size_t i = 0; i < sizeof(no_days) / sizeof(no_days[0]); i++)
        assert_false(calendar_parse_day(no_days[i], &day));
    assert_true(calendar_parse_day("1970-01-01", &day));
    assert_int_equal(day, 0);
    assert_true(calendar_parse_day("2024-02-29", &day));
    assert_int_equal(day, 19782);
    assert_true(calendar_parse_day("2026-12-31", &day));
    assert_int_equal(day, 20818);
}

static void parses_periods(void **state)
{
    static const char *const no_periods[] = {"",
                                             "26",
                                             "2026-13",
                                             "2026-00",
                                             "20261",
                                             "2026-",
                                             "2026-10..",
                                             "..2026-10",
                                             "2026-10.2026-11",
                                             "2026-11..2026-10",
                                             "2026..2027",
                                             "2026-1..2026-12",
                                             "2026-10..2026-11..",
                                             "2026-10..2026-110"};
    struct calendar_month first, last;

    (void)state;
    assert_true(calendar_set_zone("Europe/Paris"));
    for (size_t i = 0; i < sizeof(no_periods) / sizeof(no_periods[0]); i++)
        assert_false(calendar_parse_period(no_periods[i], &first, &last));
    assert_true(calendar_parse_period("2026", &first, &last));
    assert_int_equal(first.start, 1767222000); /* 2026-01-01 00:00 +01:00 */
    assert_int_equal(last.end, 1798758000);
    assert_int_equal(last.month, 12);
    assert_true(calendar_parse_period("2026-10", &first, &last));
    assert_int_equal(first.start, 1790805600);
    assert_int_equal(first.start, last.start);
    assert_true(calendar_parse_period("2025-12..2026-02", &first, &last));
    assert_int_equal(first.year, 2025);
    assert_int_equal(last.month, 2);
    assert_true(calendar_parse_period("2026-02..2026-02", &first, &last));
}

static void days_begin_when_local_clocks_say(void **state)
{
    static const struct {
        const char *zone;
        const char *day;
        int64_t start;
    } days[] = {
        {"UTC", "2026-10-26", 1792972800},
        /* The day before has 25 hours. */
        {"Europe/Paris", "2026-10-25", 1792879200},
        {"Europe/Paris", "2026-10-26", 1792879200 + 25 * 3600},
        {"Pacific/Apia", "2011-12-30", 1325239200}, /* which does not exist: the next one's */
        {"Pacific/Apia", "2011-12-31", 1325239200},
    };
    int64_t day;

    (void)state;
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        assert_true(calendar_set_zone(days[i].zone));
        assert_true(calendar_parse_day(days[i].day, &day));
        assert_int_equal(calendar_day_start(day), days[i].start);
    }
}

static void shifts_across_years(void **state)
{
    struct calendar_month month, other;

    (void)state;
    assert_true(calendar_set_zone("Europe/Paris"));
    assert_true(calendar_parse_month("2026-01", &month));
    other = calendar_shift(month, -1);
    assert_int_equal(other.year, 2025);
    assert_int_equal(other.month, 12);
    assert_int_equal(other.end, month.start);
    other = calendar_shift(month, 23);
    assert_int_equal(other.year, 2027);
    assert_int_equal(other.month, 12);
    other = calendar_shift(month, 0);
    assert_memory_equal(&other, &month, sizeof(month));
}

static void refuses_unknown_zones(void **state)
{
    static const char *const zones[] = {"",
                                        "Europe/Nowhere",
                                        "Europe",   /* a directory */
                                        "zone.tab", /* a table */
                                        "tzdata.zi",
                                        "leapseconds", /* a table without a dot */
                                        "/etc/localtime",
                                        "/Europe/Paris",
                                        "/usr/share/zoneinfo/UTC",
                                        "../zoneinfo/UTC",
                                        "Europe/../UTC",
                                        "UTC\n",
                                        "CET-1CEST"};
    struct calendar_month month;

    (void)state;
    assert_true(calendar_set_zone("Europe/Paris"));
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
        assert_false(calendar_set_zone(zones[i]));
    /* The zone set before is still the one. */
    assert_true(calendar_parse_month("2026-10", &month));
    assert_int_equal(month.start, 1790805600);
}

static void finds_intervals(void **state)
{
    (void)state;
    assert_int_equal(calendar_interval(0), 0);
    assert_int_equal(calendar_interval(59), 0);
    assert_int_equal(calendar_interval(60), 60);
    assert_int_equal(calendar_interval(1790805659), 1790805600);
    assert_int_equal(calendar_interval(-1), -60);
    assert_int_equal(calendar_interval(-60), -60);
    assert_int_equal(calendar_interval(-61), -120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_bounds_in_local_time),
        cmocka_unit_test(finds_the_month_of_a_time),
        cmocka_unit_test(a_midnight_that_comes_twice_is_in_one_month),
        cmocka_unit_test(parses_year_and_month),
        cmocka_unit_test(refuses_what_is_not_a_month),
        cmocka_unit_test(months_follow_each_other),
        cmocka_unit_test(parses_periods),
        cmocka_unit_test(parses_days),
        cmocka_unit_test(days_begin_when_local_clocks_say),
        cmocka_unit_test(shifts_across_years),
        cmocka_unit_test(refuses_unknown_zones),
        cmocka_unit_test(finds_intervals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
