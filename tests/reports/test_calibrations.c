/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/calibrations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "reports/month.h"
#include "tests/daemon/scratch.h"

#define OCTOBER  INT64_C(1790805600) /* 2026-10-01 00:00 Europe/Paris */
#define NOVEMBER INT64_C(1793487600)
#define HOUR_S   3600

static struct ledger *ledger;
static struct month_report report;
static struct month_row rows[2];

static int setup(void **state)
{
    char error[PATH_MAX] = "";

    if (scratch_setup(state) != 0)
        return -1;
    ledger = ledger_open(scratch_directory, true, error, sizeof(error));
    assert_string_equal(error, "");
    assert_true(calendar_set_zone("Europe/Paris"));
    snprintf(rows[0].id, sizeof(rows[0].id), "openai-api");
    snprintf(rows[1].id, sizeof(rows[1].id), "mistral-api");
    report = (struct month_report){
        .month = {.start = OCTOBER, .end = NOVEMBER}, .until = NOVEMBER, .services = {rows, 2}};
    return 0;
}

static int teardown(void **state)
{
    calibrations_clear(&report.calibrations);
    ledger_close(ledger);
    return scratch_teardown(state);
}

/* UNTIL_S 0: in use. */
static void note(const char *what, int64_t since_s, int64_t until_s, const char *source)
{
    char name[200], value[200];

    snprintf(name, sizeof(name), "calibration_used %s %lld", what, (long long)since_s);
    if (until_s == 0)
        snprintf(value, sizeof(value), "- %s", source);
    else
        snprintf(value, sizeof(value), "%lld %s", (long long)until_s, source);
    assert_int_equal(ledger_set_fact(ledger, name, value), LEDGER_OK);
}

static void assert_text(const char *service, const char *expected)
{
    char *text;

    calibrations_clear(&report.calibrations);
    assert_true(calibrations_collect(ledger, &report));
    text = calibrations_text(&report, service, LANGUAGE_EN);
    if (expected)
        assert_string_equal(text ? text : "nothing", expected);
    else
        assert_null(text);
    free(text);
}

static void the_part_of_the_month_is_told(void **state)
{
    (void)state;
    assert_text(MONTH_ALL, NULL);
    note("openai-api tcp 2026-08-01", OCTOBER - 9 * HOUR_S, OCTOBER, "of August"); /* over before */
    note("openai-api tcp 2026-12-01", NOVEMBER, 0, "of December");                 /* not yet */
    assert_text(MONTH_ALL, NULL);
    note("openai-api tcp 2026-09-01", OCTOBER, OCTOBER + 12 * HOUR_S, "of September");
    note("openai-api tcp 2026-10-01", OCTOBER + 12 * HOUR_S, 0, "of October");
    assert_text(MONTH_ALL, "openai-api (tcp): of September (until 2026-10-01 12:00); "
                           "openai-api (tcp): of October (from 2026-10-01 12:00)");
    /* A month that is still running ends now. */
    report.until = OCTOBER + 12 * HOUR_S;
    assert_text(MONTH_ALL, "openai-api (tcp): of September");
}

static void one_service_can_be_asked_for(void **state)
{
    (void)state;
    note("openai-api quic 2026-09-01", OCTOBER - 60, 0, "n = 20");
    note("mistral-api tcp 2026-09-01", OCTOBER - 60, NOVEMBER + 60, "n = 12");
    assert_text(MONTH_ALL, "mistral-api (tcp): n = 12; openai-api (quic): n = 20");
    assert_text("openai-api", "openai-api (quic): n = 20");
    assert_text("other", NULL);
}

/* As when an older capture was replayed with the same. */
static void periods_that_touch_are_one(void **state)
{
    (void)state;
    note("openai-api tcp 2026-09-01", OCTOBER + 5 * HOUR_S, 0, "n = 12");
    note("openai-api tcp 2026-09-01", OCTOBER + HOUR_S, OCTOBER + 5 * HOUR_S, "n = 12");
    note("openai-api tcp 2026-09-01", OCTOBER + 2 * HOUR_S, 0, "n = 12");
    assert_text(MONTH_ALL, "openai-api (tcp): n = 12 (from 2026-10-01 01:00)");
}

/* Both at a time, also where whoever wrote the files did not say which is of which. */
static void ways_of_streaming_are_not_one(void **state)
{
    (void)state;
    assert_int_equal(ledger_set_fact(ledger,
                                     "calibration_used openai-api tcp 2026-09-01 1790805600 chat",
                                     "- n = 12"),
                     LEDGER_OK);
    assert_int_equal(
        ledger_set_fact(ledger, "calibration_used openai-api tcp 2026-09-01 1790805600 responses",
                        "- n = 12"),
        LEDGER_OK);
    assert_text(MONTH_ALL, "openai-api (tcp): n = 12; openai-api (tcp): n = 12");
}

static void what_the_report_does_not_show_is_not_cited(void **state)
{
    (void)state;
    note("openai-api tcp 2026-09-01", OCTOBER, 0, "n = 12");
    note("other tcp 2026-09-01", OCTOBER, 0, "n = 30");
    note("claude-web tcp 2026-09-01", OCTOBER, 0, "n = 20");
    snprintf(rows[1].id, sizeof(rows[1].id), MONTH_OTHER);
    rows[1].is_other = true;
    assert_text(MONTH_ALL, "openai-api (tcp): n = 12");
    rows[1].is_other = false;
    report.withheld = true;
    assert_text(MONTH_ALL, NULL);
}

static void json_has_the_same(void **state)
{
    json_t *array, *first;

    (void)state;
    assert_int_equal(
        ledger_set_fact(ledger, "calibration_used openai-api quic 2026-09-01 1790809200 responses",
                        "- n = 20"),
        LEDGER_OK);
    note("mistral-api tcp 2026-09-01", OCTOBER - 60, 0, "n = 12");
    assert_true(calibrations_collect(ledger, &report));
    array = calibrations_json(&report, "openai-api");
    assert_int_equal(json_array_size(array), 1);
    first = json_array_get(array, 0);
    assert_string_equal(json_string_value(json_object_get(first, "service")), "openai-api");
    assert_string_equal(json_string_value(json_object_get(first, "transport")), "quic");
    assert_string_equal(json_string_value(json_object_get(first, "regime")), "responses");
    assert_string_equal(json_string_value(json_object_get(first, "source")), "n = 20");
    assert_string_equal(json_string_value(json_object_get(first, "from")),
                        "2026-10-01T01:00:00+02:00");
    assert_string_equal(json_string_value(json_object_get(first, "until")),
                        "2026-11-01T00:00:00+01:00");
    json_decref(array);
    array = calibrations_json(&report, MONTH_ALL);
    assert_int_equal(json_array_size(array), 2);
    assert_true(json_is_null(json_object_get(json_array_get(array, 0), "regime")));
    json_decref(array);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_part_of_the_month_is_told),
        TEST(one_service_can_be_asked_for),
        TEST(periods_that_touch_are_one),
        TEST(ways_of_streaming_are_not_one),
        TEST(what_the_report_does_not_show_is_not_cited),
        TEST(json_has_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
