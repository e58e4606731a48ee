/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/powerlist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/daemon/hosted.h"
#include "tests/power/tree.h"

static struct config *config;
static char *output;

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    scratch_mkdir("state");
    config = hosted_config(hosted_host, NULL);
    snprintf(config->host->power.root, sizeof(config->host->power.root), "%s", scratch_directory);
    snprintf(config->host->power.off[0], sizeof(config->host->power.off[0]), "nvml");
    config->host->power.off_count = 1;
    config->host->power.interval_ms = 100;
    return 0;
}

static int teardown(void **state)
{
    free(output);
    output = NULL;
    config_free(config);
    return scratch_teardown(state);
}

static void compare(const struct power_device *devices, size_t count)
{
    size_t size;
    FILE *stream;

    free(output);
    stream = open_memstream(&output, &size);
    assert_non_null(stream);
    powerlist_compare(config->host, devices, count, stream);
    assert_int_equal(fclose(stream), 0);
}

static void list(const struct host_config *host)
{
    size_t size;
    FILE *stream;

    free(output);
    stream = open_memstream(&output, &size);
    assert_non_null(stream);
    assert_true(powerlist_run(&config->host->power, host, 0, stream));
    assert_int_equal(fclose(stream), 0);
}

static void assert_says(const char *text)
{
    if (!strstr(output, text))
        fail_msg("no \"%s\" in:\n%s", text, output);
}

static void what_fits_is_not_mentioned(void **state)
{
    static const struct power_device devices[] = {
        {"gpu0", POWER_DEVICE_GPU},
        {"gpu1", POWER_DEVICE_GPU},
        {"host", POWER_DEVICE_HOST},
        {"rapl/package-0", POWER_DEVICE_SOURCE}, /* which host.conf never names */
    };

    (void)state;
    compare(devices, 4);
    assert_string_equal(output, "");
}

static void what_does_not_fit_is_told_with_its_file(void **state)
{
    static const struct power_device devices[] = {
        {"gpu0", POWER_DEVICE_GPU},
        {"gpu2", POWER_DEVICE_GPU},
        {"host", POWER_DEVICE_SOURCE}, /* a source of that name is no device */
    };
    char line[3 * PATH_MAX + 200];

    (void)state;
    compare(devices, 3);
    snprintf(line, sizeof(line),
             "warning: device gpu1 is in %s, but nothing measures it\n"
             "warning: device host is in %s, but nothing measures it\n"
             "warning: device gpu2 is measured, but not in %s: none of it is idle\n",
             config->host->path, config->host->path, config->host->path);
    assert_string_equal(output, line);
}

/* By a counter that stands still. */
static void meters_are_listed_with_what_they_say(void **state)
{
    (void)state;
    tree_write("sys/class/powercap/intel-rapl:0/name", "package-0\n");
    tree_write("sys/class/powercap/intel-rapl:0/enabled", "1\n");
    tree_write("sys/class/powercap/intel-rapl:0/energy_uj", "1000000\n");
    tree_write("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850\n");
    list(config->host);
    assert_says("package-0");
    assert_says("warning: device gpu0 is in ");
    list(NULL);
    assert_says("package-0");
    assert_null(strstr(output, "warning: device"));
}

static void without_a_meter_it_says_so(void **state)
{
    (void)state;
    list(config->host);
    assert_says("host: no meter, and no rest_w");
    assert_says("warning: device host is in ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_fits_is_not_mentioned),
        TEST(what_does_not_fit_is_told_with_its_file),
        TEST(meters_are_listed_with_what_they_say),
        TEST(without_a_meter_it_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
