/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/calendar.h"
#include "tests/daemon/overhear.h"
#include "tests/daemon/shipped.h"

#include <sqlite3.h>

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

static bool print(bool running)
{
    size_t size;
    FILE *stream;
    bool printed;

    free(output);
    stream = open_memstream(&output, &size);
    printed = status_print(ledger, config, running, NOW, stream);
    fclose(stream);
    return printed;
}

/* A line "NAME   VALUE". */
static void assert_says(const char *name, const char *value)
{
    char line[200];

    snprintf(line, sizeof(line), "%-22s %s\n", name, value);
    if (!strstr(output, line))
        fail_msg("no line \"%s\" in:\n%s", line, output);
}

static void record(int64_t interval, double requests)
{
    struct activity activity = {
        .flows = 3, .requests = {requests, requests, 2 * requests}, .tokens_out = {10, 20, 40}};
    struct impact impact = {.energy_kwh = {0.001, 0.002, 0.004}};
    struct coverage coverage = {.covered_ns = UINT64_C(60000000000),
                                .packets = 1001,
                                .packets_dropped = 2,
                                .packets_undecodable = 3,
                                .packets_other = 4,
                                .flows = 5,
                                .flows_evicted = 6,
                                .flows_untracked = 7,
                                .names_seen = 8,
                                .names_encrypted = 9,
                                .names_missing = 10,
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
    assert_true(print(true));
    assert_says("daemon", "running");
    assert_says("version", "0.1.0");
    assert_says("factors", factors_vintage(config->factors));
    assert_says("ledger", "empty");
    assert_null(strstr(output, "24 hours"));
    assert_true(print(false));
    assert_says("daemon", "not running");
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
    assert_says("packets", "2002");
    assert_says("  dropped", "4");
    assert_says("  not decoded", "6");
    assert_says("connections", "10");
    assert_says("  forgotten early", "12");
    assert_says("  not followed", "14");
    assert_says("TLS names read", "16");
    assert_says("  encrypted", "18");
    assert_says("  missing", "20");
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

static void a_ledger_that_cannot_be_read_is_said(void **state)
{
    char path[PATH_MAX];
    sqlite3 *database;

    (void)state;
    record(NOW - 60, 2);
    scratch_path(path, "state/ledger.db");
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "DROP TABLE impact", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
    assert_false(print(false));
    assert_non_null(strstr(ledger_error(ledger), "ledger.db"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_ledger_is_said_to_be_empty),
        TEST(sums_are_of_the_last_day_and_name_nobody),
        TEST(a_ledger_that_cannot_be_read_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
