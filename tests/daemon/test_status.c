/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/calendar.h"
#include "daemon/meter.h"
#include "tests/daemon/overhear.h"
#include "tests/daemon/scratchsql.h"
#include "tests/daemon/shipped.h"

#include <jansson.h>

#define NOW INT64_C(1790000040) /* 2026-09-21 16:14 in Paris; a multiple of 60 */

static struct config *config;
static struct ledger *ledger;
static char *output;
static int64_t direction_id, service_id, factor_set_id;

static int setup(void **state)
{
    static const struct direction direction = {.code = "SECRET", .label = "Hidden department"};
    char error[2 * PATH_MAX];

    if (scratch_setup(state) != 0)
        return -1;
    scratch_mkdir("state");
    calendar_set_zone("Europe/Paris");
    config = shipped_config(SHIPPED_FACTORS, NULL);
    ledger = ledger_open(config->state_directory, true, error, sizeof(error));
    if (!ledger)
        fail_msg("%s", error);
    ledger_direction(ledger, &direction, &direction_id);
    ledger_service(ledger, "chatgpt-web", "ChatGPT", &service_id);
    ledger_factor_set(ledger, "2026", 1, &factor_set_id);
    return 0;
}

static int teardown(void **state)
{
    free(output);
    output = NULL;
    ledger_close(ledger);
    config_free(config);
    return scratch_teardown(state);
}

static bool print_as(enum status_format format, bool running)
{
    size_t size;
    FILE *stream;
    bool printed;

    free(output);
    stream = open_memstream(&output, &size);
    printed = status_print(ledger, config, running, NOW, format, stream);
    fclose(stream);
    return printed;
}

static bool print(bool running)
{
    return print_as(STATUS_TEXT, running);
}

/* A line "NAME   VALUE". */
static void assert_says(const char *name, const char *value)
{
    char line[200];

    snprintf(line, sizeof(line), "\n%-24s %s\n", name, value);
    if (!strstr(output, line) && strncmp(output, line + 1, strlen(line + 1)) != 0)
        fail_msg("no line \"%s\" in:\n%s", line, output);
}

static void record(int64_t interval, double requests)
{
    struct activity activity = {
        .flows = 3, .requests = {requests, requests, 2 * requests}, .tokens_out = {10, 20, 40}};
    struct impact impact = {.energy_kwh = {0.001, 0.002, 0.004}};
    struct coverage coverage = {.covered_ns = UINT64_C(60000000000),
                                .packets = 1000,
                                .packets_dropped = 1,
                                .packets_undecodable = 10, /* one without a reason */
                                .packets_truncated = 2,
                                .packets_corrupt = 3,
                                .packets_fragmented = 4,
                                .packets_other = 50,
                                .packets_duplicate = 60,
                                .packets_filtered = 400,
                                .flows = 200,
                                .flows_evicted = 6,
                                .flows_untracked = 7,
                                .flows_one_way = 22,
                                .flows_resolver = 9,
                                .names_seen = 70,
                                .names_quic = 30,
                                .names_hinted = 40,
                                .names_encrypted = 5,
                                .names_missing = 10,
                                .dns_answers = 80,
                                .dns_unasked = 8,
                                .hints_displaced = 13,
                                .bytes_lost = 11,
                                .clock_steps = 12};

    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_add_activity(ledger, interval, direction_id, service_id, factor_set_id,
                                         &activity, &impact),
                     LEDGER_OK);
    assert_int_equal(ledger_add_coverage(ledger, interval, &coverage), LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
}

static void an_empty_ledger_is_said_to_be_empty(void **state)
{
    (void)state;
    ledger_set_fact(ledger, "version", "0.1.0");
    ledger_set_fact(ledger, METER_INTERFACES_FACT, "eth1");
    assert_true(print(true));
    assert_says("daemon", "running");
    assert_says("interfaces", "eth1");
    assert_says("version", "0.1.0");
    assert_says("factors", factors_vintage(config->factors));
    assert_says("ledger", "empty");
    assert_null(strstr(output, "24 hours"));
    assert_true(print(false));
    assert_says("daemon", "not running");
    assert_null(strstr(output, "interfaces")); /* of when it ran */
}

static void sums_are_of_the_last_day_and_name_nobody(void **state)
{
    (void)state;
    record(NOW - 86400 - 60, 1000); /* too long ago */
    record(NOW - 86400, 1);
    record(NOW - 60, 2);
    assert_true(print(true));
    assert_says("ledger", "2026-09-20 16:13 CEST to 2026-09-21 16:14 CEST");
    assert_non_null(strstr(output, "\nlast 24 hours\n"));
    assert_says("observed", "0.0 h");
    assert_says("packets seen", "2000");
    assert_says("  dropped by the kernel", "2 (0.10 %)");
    assert_says("  filtered by the kernel", "800 (40.00 %)");
    assert_says("  duplicates", "120 (10.00 %)");
    assert_says("  not followed", "100 (5.00 %)");
    assert_says("  undecodable", "20 (1.00 %)");
    assert_says("    truncated", "4 (0.20 %)");
    assert_says("    corrupt", "6 (0.30 %)");
    assert_says("    fragments", "8 (0.40 %)");
    assert_says("    reason not recorded", "2 (0.10 %)");
    assert_says("TLS and QUIC", "250");
    assert_says("  named", "140 (56.00 %)");
    assert_says("    of these, QUIC", "60 (24.00 %)");
    assert_says("  hinted by DNS", "80 (32.00 %)");
    assert_says("  ECH without a hint", "10 (4.00 %)");
    assert_says("  unnamed", "20 (8.00 %)");
    assert_says("  to hidden resolvers", "18 (7.20 %)");
    assert_says("  one way only", "44 (17.60 %)");
    assert_says("DNS answers in clear", "160");
    assert_says("  question not seen", "16 (10.00 %)");
    assert_says("hints forgotten early", "26");
    assert_says("connections", "400");
    assert_says("  forgotten early", "12 (3.00 %)");
    assert_says("  no room to follow", "14 (3.50 %)");
    assert_says("payload bytes missed", "22");
    assert_says("clock steps", "24");
    assert_says("service connections", "6");
    assert_says("requests", "3 (3 to 6)");
    assert_says("output tokens", "40 (20 to 80)");
    assert_says("energy, kWh", "0.004 (0.002 to 0.008)");
    assert_null(strstr(output, "SECRET"));
    assert_null(strstr(output, "Hidden"));
    assert_null(strstr(output, "chatgpt"));
}

static json_int_t number_at(json_t *object, const char *name)
{
    json_t *number = json_object_get(object, name);

    if (!json_is_integer(number))
        fail_msg("no number \"%s\" in:\n%s", name, output);
    return json_integer_value(number);
}

/* A replayed file, or a daemon that stopped: the clock's last 24 hours would be all zero. */
static void of_an_old_ledger_the_last_recorded_day_is_shown(void **state)
{
    json_t *object, *day;

    (void)state;
    record(NOW - 5 * 86400 - 60, 1000); /* too long before the last */
    record(NOW - 4 * 86400 - 60, 1);
    record(NOW - 4 * 86400, 2);
    for (int running = 0; running < 2; running++) {
        assert_true(print(running));
        assert_says("last recorded interval",
                    "2026-09-17 16:14 CEST: the figures below are of then, not of now");
        assert_non_null(strstr(
            output, "\n24 hours until 2026-09-17 16:15 CEST, the end of what is recorded\n"));
        assert_null(strstr(output, "last 24 hours"));
        assert_says("packets seen", "2000");
        assert_says("requests", "3 (3 to 6)");
    }
    assert_true(print_as(STATUS_JSON, false));
    object = json_loads(output, 0, NULL);
    assert_non_null(object);
    day = json_object_get(object, "last_day");
    assert_true(json_is_false(json_object_get(day, "current")));
    assert_int_equal(number_at(day, "until_s"), NOW - 4 * 86400 + 60);
    assert_int_equal(number_at(day, "from_s"), NOW - 5 * 86400 + 60);
    assert_int_equal(number_at(day, "flows"), 6);
    json_decref(object);
}

static void assert_stuck(bool running, const char *mode, const char *started, bool expected)
{
    assert_int_equal(ledger_set_fact(ledger, "mode", mode), LEDGER_OK);
    assert_int_equal(ledger_set_fact(ledger, "started", started), LEDGER_OK);
    assert_true(print(running));
    if (!strstr(output, "The daemon runs, but has recorded nothing") == expected)
        fail_msg("%s, started %s:\n%s", mode, started, output);
}

/* Its disk is full, say. NOW is 14:14:00 UTC. */
static void a_daemon_that_records_nothing_is_told(void **state)
{
    (void)state;
    record(NOW - 540, 1);
    assert_stuck(true, "live", "2026-09-21T13:00:00Z", true);
    assert_stuck(true, "live", "2026-09-21T14:08:50Z", true);
    assert_stuck(true, "live", "2026-09-21T14:09:10Z", false); /* it just began */
    assert_stuck(true, "replay", "2026-09-21T13:00:00Z", false);
    assert_stuck(false, "live", "2026-09-21T13:00:00Z", false);
    record(NOW - 60, 1);
    assert_stuck(true, "live", "2026-09-21T13:00:00Z", false);
}

/* What a clock that was wrong, or a file of another one, has recorded of the future. */
static void of_a_ledger_ahead_of_the_clock_too(void **state)
{
    (void)state;
    record(NOW + 30 * 86400, 2);
    assert_true(print(true));
    assert_says("last recorded interval",
                "2026-10-21 16:14 CEST: the figures below are of then, not of now");
    assert_says("requests", "2 (2 to 4)");
}

/* The daemon goes on recording when the clock was set right: that is what is of interest. */
static void what_was_recorded_of_the_future_does_not_hide_the_present(void **state)
{
    (void)state;
    record(NOW + 30 * 86400, 2);
    record(NOW - 120, 1);
    assert_true(print(true));
    assert_non_null(strstr(output, "\nlast 24 hours\n"));
    assert_null(strstr(output, "last recorded"));
    assert_says("ledger", "2026-09-21 16:12 CEST to 2026-10-21 16:15 CEST");
    assert_says("requests", "1 (1 to 2)");
}

static void an_interval_that_is_a_little_late_is_current(void **state)
{
    (void)state;
    record(NOW - 360, 1); /* until five minutes ago */
    record(NOW - 86400, 2);
    assert_true(print(false));
    assert_non_null(strstr(output, "\nlast 24 hours\n"));
    assert_null(strstr(output, "last recorded"));
    assert_says("requests", "3 (3 to 6)");
    teardown(NULL);
    setup(NULL);
    record(NOW - 420, 1);
    assert_true(print(true));
    assert_null(strstr(output, "\nlast 24 hours\n"));
}

static void record_coverage(const struct coverage *coverage)
{
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_add_coverage(ledger, NOW - 60, coverage), LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
}

/* Two captures of it that were replayed one after the other. */
static void a_minute_that_was_seen_twice_is_one_minute(void **state)
{
    (void)state;
    record(NOW - 60, 1);
    for (int64_t i = 0; i < 60; i++)
        record_coverage(&(struct coverage){.covered_ns = UINT64_C(60000000000), .packets = 1});
    assert_true(print(false));
    assert_says("observed", "0.0 h");
    assert_says("packets seen", "1060");
}

static void small_shares_are_not_said_to_be_none(void **state)
{
    (void)state;
    record_coverage(&(struct coverage){.packets = 1000000, .packets_dropped = 9});
    assert_true(print(true));
    assert_says("packets seen", "1000000");
    assert_says("  dropped by the kernel", "9 (under 0.01 %)");
    assert_says("  duplicates", "0 (0.00 %)");
    assert_says("TLS and QUIC", "0");
    assert_says("  named", "0"); /* of nothing: no share */
    assert_null(strstr(output, "reason not recorded"));
}

static void exchanges_with_local_servers_are_counted_where_there_are_any(void **state)
{
    (void)state;
    record_coverage(&(struct coverage){.packets = 1});
    assert_true(print(true));
    assert_null(strstr(output, "exchanges in clear"));
    record_coverage(&(struct coverage){.local_exchanges = 200,
                                       .local_unassigned = 1,
                                       .local_unstated = 30,
                                       .local_unread = 7,
                                       .local_elsewhere = 4,
                                       .local_lost = 2,
                                       .local_refused = 5,
                                       .local_evicted = 6});
    assert_true(print(true));
    assert_says("exchanges in clear", "200");
    assert_says("  unknown direction", "1 (0.50 %)");
    assert_says("  tokens not stated", "30 (15.00 %)");
    assert_says("  body not readable", "7 (3.50 %)");
    assert_says("  computed elsewhere", "4 (2.00 %)");
    assert_says("  end not captured", "2 (1.00 %)");
    assert_says("ambiguous, or not HTTP/1", "5");
    assert_says("no room to follow", "6");
}

/* Adds MORE to what is recorded; FRAGMENT, or nothing, must then be advised, and nothing else. */
static void assert_advice(struct coverage more, const char *fragment)
{
    const char *advice;

    record_coverage(&more);
    assert_true(print(true));
    advice = strstr(output, "\nattention\n");
    if (!fragment) {
        if (advice)
            fail_msg("without need: %s", advice);
        return;
    }
    if (!advice || !strstr(advice, fragment))
        fail_msg("\"%s\" is not advised in:\n%s", fragment, output);
    advice = strchr(advice + strlen("\nattention\n"), '\n');
    assert_string_equal(advice, "\n");
    teardown(NULL);
    setup(NULL);
}

static void what_is_alarming_comes_with_advice(void **state)
{
    static const struct coverage GOOD = {.packets = 999000,
                                         .packets_dropped = 1000,
                                         .flows = 10000,
                                         .flows_evicted = 100,
                                         .flows_one_way = 250,
                                         .flows_resolver = 5,
                                         .names_seen = 1500,
                                         .names_hinted = 500,
                                         .names_encrypted = 250,
                                         .names_missing = 250,
                                         .dns_answers = 1,
                                         .local_exchanges = 1000,
                                         .local_unassigned = 10,
                                         .local_unstated = 100,
                                         .local_unread = 10,
                                         .local_lost = 10,
                                         .local_refused = 1};
    static const struct {
        struct coverage more;
        const char *fragment;
    } CASES[] = {
        {{.packets_dropped = 2}, "buffer_mib"},
        {{.packets_truncated = 1, .packets_undecodable = 1}, "snap_length"},
        {{.flows_one_way = 1}, "mirror both ways"},
        {{.flows_resolver = 1}, "DoH"},
        {{.dns_answers = 9, .dns_unasked = 6}, "dns_answers = \"any\""},
        {{.hints_displaced = 1}, "max_hints"},
        {{.flows_evicted = 1}, "max_flows"},
        {{.flows_untracked = 1}, "max_tracked_flows"},
        {{.local_unassigned = 1}, "complete inference"},
        {{.local_unstated = 1}, "include_usage"},
        {{.local_unread = 1}, "gzip, br or zstd"},
        {{.local_elsewhere = 1}, "remote"},
        {{.local_lost = 1}, "exchanges with a local server were not captured"},
        {{.local_refused = 10}, "no HTTP/1.1 in clear"},
        {{.local_evicted = 1}, "max_connections"},
    };
    struct coverage without_dns = GOOD;

    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        assert_advice(GOOD, NULL);
        assert_advice(CASES[i].more, CASES[i].fragment);
    }
    without_dns.dns_answers = 0;
    assert_advice(without_dns, "port 53");
    assert_advice((struct coverage){.flows = 99}, NULL);
    assert_advice((struct coverage){.flows = 1}, "mirror what clients send");
    assert_advice((struct coverage){.flows = 100, .local_exchanges = 1}, NULL); /* its loopback */
    assert_advice((struct coverage){.flows = 100, .names_hinted = 1}, NULL);
    teardown(NULL);
    setup(NULL);
    assert_advice((struct coverage){.packets = 1, .names_seen = 1}, NULL); /* nothing to hint */
    config->trust.answers = TRUST_ANY_ANSWERS;
    assert_advice((struct coverage){.dns_answers = 9, .dns_unasked = 9}, NULL);
}

static void json_holds_the_same(void **state)
{
    json_t *object, *day, *coverage;
    json_int_t sum = 0;

    (void)state;
    ledger_set_fact(ledger, "version", "0.1.0");
    assert_true(print_as(STATUS_JSON, false));
    object = json_loads(output, 0, NULL);
    assert_non_null(object);
    assert_true(json_is_null(json_object_get(object, "last_day")));
    assert_true(json_is_null(json_object_get(object, "ledger")));
    json_decref(object);
    record(NOW - 60, 2);
    assert_true(print_as(STATUS_JSON, true));
    object = json_loads(output, 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "schema")), "iagmeter-status/1");
    assert_true(json_is_true(json_object_get(object, "running")));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(object, "facts"), "version")), "0.1.0");
    assert_int_equal(number_at(json_object_get(object, "ledger"), "from_s"), NOW - 60);
    assert_int_equal(number_at(json_object_get(object, "ledger"), "until_s"), NOW);
    day = json_object_get(object, "last_day");
    coverage = json_object_get(day, "coverage");
#define SUM_UP(name) sum += number_at(coverage, #name);
    COVERAGE_COUNTERS(SUM_UP)
#undef SUM_UP
    assert_int_equal(sum - number_at(coverage, "covered_ns"),
                     1000 + 1 + 10 + 2 + 3 + 4 + 50 + 60 + 400 + 200 + 6 + 7 + 22 + 9 + 70 + 30 +
                         40 + 5 + 10 + 80 + 8 + 13 + 11 + 12);
    assert_int_equal(number_at(day, "flows"), 3);
    assert_true(json_is_true(json_object_get(day, "current")));
    assert_int_equal(number_at(day, "until_s"), NOW);
    assert_true(json_real_value(json_object_get(json_object_get(day, "requests"), "high")) > 3.9);
    assert_int_equal(json_array_size(json_object_get(object, "advice")), 6);
    assert_null(strstr(output, "SECRET"));
    json_decref(object);
}

static void set_objectives(const char *list)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char text[1000];
    char path[PATH_MAX];

    snprintf(text, sizeof(text), "objectives = ( %s );\n", list);
    scratch_write("objectives.conf", text);
    scratch_path(path, "objectives.conf");
    objectives_free(config->objectives);
    config->objectives = objectives_load(path, config->directions, diagnostics);
    assert_no_complaint(diagnostics);
    diagnostics_free(diagnostics);
}

#define LAST_MONTH (NOW - 30 * INT64_C(86400))

static void objectives_are_of_the_months_that_are_over(void **state)
{
    json_t *object, *list;

    (void)state;
    record(LAST_MONTH, 2);
    record(NOW - 60, 1000);
    assert_true(print(true));
    assert_null(strstr(output, "bjectives"));
    assert_true(print_as(STATUS_JSON, true));
    assert_non_null(strstr(output, "\"objectives\": null"));
    set_objectives("{ year = 2026; requests = 1; source = \"s\"; },"
                   "{ year = 2026; direction = \"DRH\"; requests = 1; source = \"s\"; }");
    assert_true(print(true));
    assert_non_null(strstr(output, "\nObjectives of 2026\nUp to 31 August 2026: 66.5 % "));
    /* August has no count of devices: too few to be told. */
    assert_non_null(
        strstr(output, "\nThe whole authority, Requests: budget 1. Not shown: no month "));
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(
        ledger_add_devices(ledger, direction_id, service_id, (int32_t)(LAST_MONTH / 86400), 9),
        LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
    assert_true(print(true));
    assert_non_null(strstr(output, "\nWARNING: The whole authority, Requests: 2 (2–4) of 1;"));
    assert_non_null(strstr(output, " Requests: budget 1. Not shown: no month has a row "));
    assert_null(strstr(output, "SECRET"));
    assert_true(print_as(STATUS_JSON, true));
    object = json_loads(output, 0, NULL);
    assert_non_null(object);
    list = json_object_get(json_object_get(object, "objectives"), "list");
    assert_int_equal(json_array_size(list), 2);
    assert_true(json_is_true(json_object_get(json_array_get(list, 0), "warning")));
    assert_true(json_is_null(json_object_get(json_array_get(list, 1), "spent")));
    json_decref(object);
}

static void a_year_that_just_began_has_its_objectives_without_figures(void **state)
{
    int64_t january = 1798800000; /* 2027-01-01 11:40 in Paris */
    size_t size;
    FILE *stream;

    (void)state;
    record(january - 60, 2);
    set_objectives("{ year = 2027; requests = 1; source = \"s\"; }");
    stream = open_memstream(&output, &size);
    assert_true(status_print(ledger, config, true, january, STATUS_TEXT, stream));
    fclose(stream);
    assert_non_null(strstr(output, "\nObjectives of 2027\nUp to 31 December 2026: 0.0 % "));
    assert_non_null(strstr(output, "Requests: budget 1. No complete month was measured yet. ["));
}

static void a_ledger_that_cannot_be_read_is_said(void **state)
{
    (void)state;
    record(NOW - 60, 2);
    assert_int_equal(scratch_sql("state/ledger.db", "DROP TABLE impact"), SQLITE_OK);
    assert_false(print(false));
    assert_false(print_as(STATUS_JSON, false));
    assert_non_null(strstr(ledger_error(ledger), "ledger.db"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_ledger_is_said_to_be_empty),
        TEST(sums_are_of_the_last_day_and_name_nobody),
        TEST(of_an_old_ledger_the_last_recorded_day_is_shown),
        TEST(a_daemon_that_records_nothing_is_told),
        TEST(of_a_ledger_ahead_of_the_clock_too),
        TEST(what_was_recorded_of_the_future_does_not_hide_the_present),
        TEST(an_interval_that_is_a_little_late_is_current),
        TEST(a_minute_that_was_seen_twice_is_one_minute),
        TEST(small_shares_are_not_said_to_be_none),
        TEST(exchanges_with_local_servers_are_counted_where_there_are_any),
        TEST(what_is_alarming_comes_with_advice),
        TEST(json_holds_the_same),
        TEST(objectives_are_of_the_months_that_are_over),
        TEST(a_year_that_just_began_has_its_objectives_without_figures),
        TEST(a_ledger_that_cannot_be_read_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
