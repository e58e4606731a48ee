/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calibrationuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/scratch.h"

#define T0 INT64_C(1790000040) /* a multiple of 60 */

static struct ledger *ledger;

static int setup(void **state)
{
    char error[PATH_MAX] = "";

    if (scratch_setup(state) != 0)
        return -1;
    ledger = ledger_open(scratch_directory, true, error, sizeof(error));
    assert_string_equal(error, "");
    return 0;
}

static int teardown(void **state)
{
    ledger_close(ledger);
    return scratch_teardown(state);
}

static struct service_calibration calibration(const char *service, int transport, const char *date)
{
    struct service_calibration own = {.transport = transport, .in_force = true};

    snprintf(own.service, sizeof(own.service), "%s", service);
    snprintf(own.date, sizeof(own.date), "%s", date);
    snprintf(own.source, sizeof(own.source), "calibration of %s, n = 12", date);
    return own;
}

static const struct service_calibrations *listed(const struct service_calibration *list,
                                                 size_t count)
{
    static struct service_calibrations calibrations;

    calibrations.count = count;
    for (size_t i = 0; i < count; i++)
        calibrations.items[i] = list[i];
    return &calibrations;
}

/* Those of LIST are in force from the interval of SINCE_S on. */
static void note(int64_t since_s, const struct service_calibration *list, size_t count)
{
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(calibrationuse_note(ledger, listed(list, count), since_s), LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
}

static void note_replay(int64_t since_s, int64_t until_s, const struct service_calibration *list,
                        size_t count)
{
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(calibrationuse_note_replay(ledger, listed(list, count), since_s, until_s),
                     LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
}

struct period {
    const char *service;
    const char *transport;
    const char *date;
    int64_t since_s;
    int64_t until_s;
};

static unsigned told;

static bool find_period(void *context, const char *name, const char *value)
{
    const struct period *period = context;
    struct calibrationuse use;

    if (calibrationuse_parse(name, value, &use) && strcmp(use.service, period->service) == 0 &&
        strcmp(use.transport, period->transport) == 0 && strcmp(use.date, period->date) == 0 &&
        use.since_s == period->since_s && use.until_s == period->until_s &&
        strstr(use.source, period->date) && strstr(use.source, "n = 12"))
        told++;
    return true;
}

static bool count_period(void *context, const char *name, const char *value)
{
    struct calibrationuse use;

    (void)context;
    told += calibrationuse_parse(name, value, &use);
    return true;
}

/* These, and no others. */
static void assert_periods(const struct period *periods, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct period period = periods[i];

        told = 0;
        assert_int_equal(ledger_visit_facts(ledger, find_period, &period), LEDGER_OK);
        if (told != 1)
            fail_msg("period %zu is not told", i);
    }
    told = 0;
    assert_int_equal(ledger_visit_facts(ledger, count_period, NULL), LEDGER_OK);
    assert_int_equal(told, count);
}

/* Who writes a source by hand may begin it with blanks: read back, it is the same. */
static void blanks_before_a_source_are_of_it(void **state)
{
    struct service_calibration own = calibration("openai-api", TRANSPORT_TCP, "2026-10-01");
    const struct period period = {"openai-api", "tcp", "2026-10-01", T0, CALIBRATIONUSE_OPEN};

    (void)state;
    snprintf(own.source, sizeof(own.source), "  of 2026-10-01, n = 12");
    note(T0, &own, 1);
    note(T0 + 60, &own, 1);
    assert_periods(&period, 1);
}

static void uses_begin_and_end_with_the_configuration(void **state)
{
    const struct service_calibration first = calibration("openai-api", TRANSPORT_TCP, "2026-09-01");
    struct service_calibration both[2] = {first,
                                          calibration("openai-api", TRANSPORT_TCP, "2026-09-20")};

    (void)state;
    note(T0, NULL, 0);
    assert_periods(NULL, 0);
    note(T0, &first, 1);
    note(T0 + 60, &first, 1); /* the daemon was started anew */
    assert_periods(
        (const struct period[]){
            {"openai-api", "tcp", "2026-09-01", T0, CALIBRATIONUSE_OPEN},
        },
        1);
    both[0].in_force = false;
    note(T0 + 120, both, 2);
    note(T0 + 180, NULL, 0); /* taken out */
    note(T0 + 240, &first, 1);
    assert_periods(
        (const struct period[]){
            {"openai-api", "tcp", "2026-09-01", T0, T0 + 120},
            {"openai-api", "tcp", "2026-09-20", T0 + 120, T0 + 180},
            {"openai-api", "tcp", "2026-09-01", T0 + 240, CALIBRATIONUSE_OPEN},
        },
        3);
}

static void services_and_transports_are_apart(void **state)
{
    const struct service_calibration all[] = {
        calibration("openai-api", TRANSPORT_TCP, "2026-09-01"),
        calibration("openai-api", TRANSPORT_QUIC, "2026-09-01"),
        calibration("mistral-api", TRANSPORT_TCP, "2026-09-01"),
    };

    (void)state;
    note(T0, all, 3);
    note(T0 + 60, all, 2);
    assert_periods(
        (const struct period[]){
            {"openai-api", "tcp", "2026-09-01", T0, CALIBRATIONUSE_OPEN},
            {"openai-api", "quic", "2026-09-01", T0, CALIBRATIONUSE_OPEN},
            {"mistral-api", "tcp", "2026-09-01", T0, T0 + 60},
        },
        3);
}

static struct service_calibration in_way(const char *regime)
{
    struct service_calibration own = calibration("openai-api", TRANSPORT_TCP, "2026-09-01");

    snprintf(own.regime, sizeof(own.regime), "%s", regime);
    return own;
}

static void assert_fact(const char *name, const char *expected)
{
    char value[100] = "nothing";

    ledger_fact(ledger, name, value, sizeof(value));
    assert_string_equal(value, expected);
}

/* Of one day and one source, as its author may have written it. */
static void ways_of_streaming_are_apart(void **state)
{
    const struct service_calibration all[] = {in_way("chat"), in_way("responses"), in_way("")};

    (void)state;
    note(1790000040, all, 3);
    note(1790000100, all, 3);
    note(1790000160, all + 1, 2);
    assert_fact("calibration_used openai-api tcp 2026-09-01 1790000040 chat",
                "1790000160 calibration of 2026-09-01, n = 12");
    assert_fact("calibration_used openai-api tcp 2026-09-01 1790000040 responses",
                "- calibration of 2026-09-01, n = 12");
    assert_fact("calibration_used openai-api tcp 2026-09-01 1790000040",
                "- calibration of 2026-09-01, n = 12");
    assert_int_equal(calibrationuse_note_drift(ledger, &all[0], true), LEDGER_OK);
    assert_true(calibrationuse_has_drifted(ledger, &all[0]));
    assert_false(calibrationuse_has_drifted(ledger, &all[1]));
    assert_false(calibrationuse_has_drifted(ledger, &all[2]));
}

/* It told no way, and goes on. */
static void a_use_of_before_goes_on(void **state)
{
    const struct service_calibration own = in_way("chat");

    (void)state;
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_set_fact(ledger,
                                     "calibration_used openai-api tcp 2026-09-01 1790000040",
                                     "- calibration of 2026-09-01, n = 12"),
                     LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
    note(1790000100, &own, 1);
    assert_periods(
        (const struct period[]){
            {"openai-api", "tcp", "2026-09-01", 1790000040, CALIBRATIONUSE_OPEN},
        },
        1);
    note(1790000160, NULL, 0);
    assert_periods(
        (const struct period[]){
            {"openai-api", "tcp", "2026-09-01", 1790000040, 1790000160},
        },
        1);
}

/* A clock that went back ends nothing of what had begun later. */
static void a_clock_that_goes_back_ends_nothing(void **state)
{
    const struct service_calibration own = calibration("openai-api", TRANSPORT_TCP, "2026-09-01");

    (void)state;
    note(T0, &own, 1);
    note(T0 - 3600, NULL, 0);
    assert_periods(
        (const struct period[]){
            {"openai-api", "tcp", "2026-09-01", T0, CALIBRATIONUSE_OPEN},
        },
        1);
}

/* Captures of before are read into the same ledger: of these alone, a period that is over. */
static void a_replay_is_a_period_that_is_over(void **state)
{
    const struct service_calibration own = calibration("openai-api", TRANSPORT_TCP, "2026-09-01");
    struct service_calibration older = calibration("openai-api", TRANSPORT_TCP, "2026-08-01");

    (void)state;
    note(T0, &own, 1);
    note_replay(T0 - 3600, T0 - 3000, &own, 1);
    note_replay(T0 - 3600, T0 - 1800, &own, 1); /* it went on */
    note_replay(T0 - 3600, T0 - 2400, &own, 1); /* once more, but less of it */
    older.in_force = false;
    note_replay(T0 - 3600, T0 - 2400, &older, 1);
    assert_periods(
        (const struct period[]){
            {"openai-api", "tcp", "2026-09-01", T0, CALIBRATIONUSE_OPEN},
            {"openai-api", "tcp", "2026-09-01", T0 - 3600, T0 - 1800},
        },
        2);
}

/* Within a period that goes on, also from its first interval on, and by another configuration. */
static void a_replay_ends_no_other_period(void **state)
{
    const struct service_calibration own = calibration("openai-api", TRANSPORT_TCP, "2026-09-01");
    const struct service_calibration other = calibration("openai-api", TRANSPORT_TCP, "2026-08-01");

    (void)state;
    note(T0, &own, 1);
    note_replay(T0 + 60, T0 + 600, NULL, 0);
    note_replay(T0 + 60, T0 + 600, &other, 1);
    note_replay(T0, T0 + 600, &own, 1);
    note(T0 + 1200, &own, 1); /* the daemon was started anew */
    assert_periods(
        (const struct period[]){
            {"openai-api", "tcp", "2026-09-01", T0, CALIBRATIONUSE_OPEN},
            {"openai-api", "tcp", "2026-08-01", T0 + 60, T0 + 600},
        },
        2);
}

static void other_facts_are_not_taken_for_these(void **state)
{
    static const char *const wrong[][2] = {
        {"started", "1790000040"},
        {"calibration_used openai-api tcp 2026-09-01", "- source"},
        {"calibration_used openai-api tcp 2026-09-01 soon", "- source"},
        {"calibration_used openai-api tcp 2026-09-01 1790000040", "source of it"},
        {"calibration_used openai-api tcp 2026-09-01 1790000040", "-"},
        {"calibration_used openai-api tcp 2026-09-01 1790000040", ""},
    };
    struct calibrationuse use;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (calibrationuse_parse(wrong[i][0], wrong[i][1], &use))
            fail_msg("taken: %s: %s", wrong[i][0], wrong[i][1]);
    assert_true(calibrationuse_parse("calibration_used openai-api tcp 2026-09-01 1790000040 chat",
                                     "- a source", &use));
    assert_string_equal(use.regime, "chat");
    assert_true(calibrationuse_parse("calibration_used openai-api tcp 2026-09-01 1790000040",
                                     "1790000100 a source", &use));
    assert_int_equal(use.until_s, 1790000100);
    assert_string_equal(use.source, "a source");
    assert_string_equal(use.regime, ""); /* nothing of the one before */
    assert_true(calibrationuse_is_fact("calibration_used openai-api tcp 2026-09-01 1790000040"));
    assert_true(calibrationuse_is_fact("calibration_drift openai-api tcp 2026-09-01"));
    assert_false(calibrationuse_is_fact("version"));
}

/* Two services, two transports, and two calibrations of one: each has its own. */
static void drifts_of_one_day_are_all_kept(void **state)
{
    const struct service_calibration all[] = {
        calibration("openai-api", TRANSPORT_TCP, "2026-09-01"),
        calibration("openai-api", TRANSPORT_QUIC, "2026-09-01"),
        calibration("mistral-api", TRANSPORT_TCP, "2026-09-01"),
        calibration("openai-api", TRANSPORT_TCP, "2026-09-20"),
    };

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_false(calibrationuse_has_drifted(ledger, &all[i]));
    assert_int_equal(calibrationuse_note_drift(ledger, &all[0], true), LEDGER_OK);
    assert_int_equal(calibrationuse_note_drift(ledger, &all[2], true), LEDGER_OK);
    assert_int_equal(calibrationuse_note_drift(ledger, &all[3], false), LEDGER_OK);
    assert_true(calibrationuse_has_drifted(ledger, &all[0]));
    assert_false(calibrationuse_has_drifted(ledger, &all[1]));
    assert_true(calibrationuse_has_drifted(ledger, &all[2]));
    assert_false(calibrationuse_has_drifted(ledger, &all[3]));
    assert_int_equal(calibrationuse_note_drift(ledger, &all[0], false), LEDGER_OK);
    assert_false(calibrationuse_has_drifted(ledger, &all[0]));
    assert_true(calibrationuse_has_drifted(ledger, &all[2]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(uses_begin_and_end_with_the_configuration),
        TEST(blanks_before_a_source_are_of_it),
        TEST(services_and_transports_are_apart),
        TEST(ways_of_streaming_are_apart),
        TEST(a_use_of_before_goes_on),
        TEST(a_clock_that_goes_back_ends_nothing),
        TEST(a_replay_is_a_period_that_is_over),
        TEST(a_replay_ends_no_other_period),
        TEST(other_facts_are_not_taken_for_these),
        TEST(drifts_of_one_day_are_all_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
