/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calibrate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/calendar.h"
#include "daemon/capture.h"
#include "daemon/settlement.h"
#include "tests/daemon/hosted.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define START INT64_C(1767222000) /* 2026-01-01 00:00 in Paris */
#define S     UINT64_C(1000000000)

static void ranges_are_local_times(void **state)
{
    static const char *const wrong[] = {"",
                                        "2026-01-01T00:00",
                                        "2026-01-01T00:00..",
                                        "2026-01-01T00:00..2026-01-01T00:00",
                                        "2026-01-01T01:00..2026-01-01T00:00",
                                        "2026-01-01T00:00..2026-01-01T01:00x",
                                        "2026-01-01..2026-01-02"};
    int64_t from_s, until_s;

    (void)state;
    assert_true(calendar_set_zone("Europe/Paris"));
    assert_true(calibrate_parse_range("2026-01-01T00:00..2026-01-01T00:30", &from_s, &until_s));
    assert_true(from_s == START && until_s == START + 1800);
    /* Over the change to summer time there is an hour less. */
    assert_true(calibrate_parse_range("2026-03-29T01:00..2026-03-29T04:00", &from_s, &until_s));
    assert_true(until_s - from_s == 7200);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(calibrate_parse_range(wrong[i], &from_s, &until_s));
}

static void no_calibration_replaces_another(void **state)
{
    static const char *const names[] = {"calibration-idle-2026-01-01.conf",
                                        "calibration-idle-2026-01-01-2.conf",
                                        "calibration-idle-2026-01-01-3.conf"};
    char host[PATH_MAX], path[PATH_MAX], expected[PATH_MAX];

    (void)state;
    scratch_path(host, "host.conf");
    for (size_t i = 0; i < 3; i++) {
        int descriptor = calibrate_create("", host, "idle", START + 86399, path, sizeof(path));

        assert_true(descriptor >= 0);
        close(descriptor);
        scratch_path(expected, names[i]);
        assert_string_equal(path, expected);
    }
    scratch_path(expected, names[0]);
    assert_int_equal(calibrate_create(expected, host, "idle", START, path, sizeof(path)), -1);
    assert_int_equal(errno, EEXIST);
    scratch_path(expected, "no-directory/x");
    assert_int_equal(calibrate_create(expected, host, "idle", START, path, sizeof(path)), -1);
}

static struct ledger *ledger_with_idle_minutes(void)
{
    static const char *const names[] = {"gpu0", "gpu1", "host"};
    char path[PATH_MAX], text[32], error[256];
    struct ledger *ledger;

    scratch_path(path, "state");
    mkdir(path, 0700);
    ledger = ledger_open(path, true, error, sizeof(error));
    assert_non_null(ledger);
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    for (size_t i = 0; i < 3; i++) {
        struct power_device device = {.kind = i < 2 ? POWER_DEVICE_GPU : POWER_DEVICE_HOST};
        struct device_energy energy = {.covered_ns = 60 * S, .energy_j = 6000 + 60.0 * (double)i};
        int64_t id;

        memcpy(device.name, names[i], strlen(names[i]));
        assert_int_equal(ledger_power_device(ledger, &device, &id), LEDGER_OK);
        for (int minute = 0; minute < 30; minute++)
            assert_int_equal(ledger_add_device_energy(ledger, START + 60 * minute, id, &energy, 0),
                             LEDGER_OK);
    }
    snprintf(text, sizeof(text), "%" PRId64, START + 1800);
    assert_int_equal(ledger_set_fact(ledger, SETTLEMENT_FACT, text), LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
    return ledger;
}

static void a_past_half_hour_is_calibrated_into_a_file(void **state)
{
    struct config *config = hosted_config(hosted_host, NULL);
    struct ledger *ledger = ledger_with_idle_minutes();
    struct calibrate_options options = {.range = "2026-01-01T00:00..2026-01-01T00:30",
                                        .assume_idle = true,
                                        .output = "",
                                        .now_s = START + 7200};
    char path[PATH_MAX];
    size_t size;
    char *text;

    (void)state;
    assert_true(calendar_set_zone("Europe/Paris"));
    assert_int_equal(calibrate_idle(&options, config, ledger), EXIT_SUCCESS);
    scratch_path(path, "calibration-idle-2026-01-01.conf");
    text = read_whole(path, &size);
    assert_non_null(strstr(text, "name = \"gpu1\"; idle_w = 101.0000; n = 30;"));
    free(text);
    options.assume_idle = false; /* nobody looked */
    assert_int_equal(calibrate_idle(&options, config, ledger), EXIT_TROUBLE);
    options.range = "yesterday";
    assert_int_equal(calibrate_idle(&options, config, ledger), EXIT_CONFIGURATION);
    scratch_path(path, "calibration-idle-2026-01-01-2.conf");
    assert_int_equal(access(path, F_OK), -1); /* what is refused leaves no file */
    ledger_close(ledger);
    config_free(config);
}

static void weights_that_do_not_fit_leave_no_file(void **state)
{
    struct config *config = hosted_config(hosted_host, NULL);
    struct ledger *ledger = ledger_with_idle_minutes();
    struct calibrate_options options = {.output = "", .now_s = START + 7200};
    char path[PATH_MAX];

    (void)state;
    assert_int_equal(calibrate_weights(&options, config, ledger), EXIT_TROUBLE);
    options.period = "2026-13";
    assert_int_equal(calibrate_weights(&options, config, ledger), EXIT_CONFIGURATION);
    scratch_path(path, "calibration-weights-2026-01-01.conf");
    assert_int_equal(access(path, F_OK), -1);
    ledger_close(ledger);
    config_free(config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ranges_are_local_times),
        TEST(no_calibration_replaces_another),
        TEST(a_past_half_hour_is_calibrated_into_a_file),
        TEST(weights_that_do_not_fit_leave_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
