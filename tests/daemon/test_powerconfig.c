/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/powerconfig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/power/lateness.h"
#include "collectors/power/reconcile.h"
#include "daemon/confread.h"
#include "tests/daemon/scratch.h"

#define REST "rest_w = { value = 120; year = 2026; source = \"a plug meter\"; grade = \"B\"; };"

static struct diagnostics *diagnostics;
static struct power_config config;

static int setup(void **state)
{
    diagnostics = diagnostics_new();
    config = power_defaults;
    return diagnostics ? scratch_setup(state) : -1;
}

static int teardown(void **state)
{
    diagnostics_free(diagnostics);
    return scratch_teardown(state);
}

/* GROUP begins on line 2. */
static void load(const char *group)
{
    char text[8192];
    char path[PATH_MAX];
    config_t file;

    snprintf(text, sizeof(text), "power = {\n%s\n};\n", group);
    scratch_write("host.conf", text);
    scratch_path(path, "host.conf");
    assert_true(confread_file(&file, path, diagnostics));
    powerconfig_read(&config, config_lookup(&file, "power"), 2026, diagnostics);
    config_destroy(&file);
}

static void assert_refused(const char *group, unsigned line, const char *why)
{
    diagnostics_free(diagnostics);
    diagnostics = diagnostics_new();
    config = power_defaults;
    load(group);
    assert_complaint(diagnostics, "host.conf", line, why);
}

static void without_a_group_there_are_defaults(void **state)
{
    (void)state;
    powerconfig_read(&config, NULL, 2026, diagnostics);
    assert_no_complaint(diagnostics);
    assert_int_equal(config.interval_ms, 1000);
    assert_int_equal(config.wall_lag_s, 300);
    assert_int_equal(powerconfig_longest_lag_s(&config), 0);
    assert_false(config.has_rest);
    assert_int_equal(config.off_count, 0);
    assert_string_equal(config.wall[0], "snmp");
    assert_int_equal(config.wall_count, 5);
}

static void all_of_it_is_read(void **state)
{
    (void)state;
    load("interval_ms = 2000; wall_lag_s = 900; lag_s = { ipmi = 240; hwmon = 3; };\n" REST
         "\noff = [ \"rapl\", \"hwmon/amdgpu-0000:03:00.0\" ];\n"
         "wall = [ \"hwmon\", \"cray\" ];\ngpus = [ \"hwmon/amdgpu-0000:43:00.0\" ];");
    assert_no_complaint(diagnostics);
    assert_int_equal(config.interval_ms, 2000);
    assert_int_equal(config.wall_lag_s, RECONCILE_MOST_LAG_S);
    assert_int_equal(powerconfig_lag_s(&config, "ipmi"), LATENESS_LATEST_S);
    assert_int_equal(powerconfig_lag_s(&config, "hwmon"), 3);
    assert_int_equal(powerconfig_lag_s(&config, "redfish"), 0);
    assert_int_equal(powerconfig_lag_s(&config, "rapl"), 0);
    assert_int_equal(powerconfig_longest_lag_s(&config), 240);
    assert_true(config.has_rest);
    assert_true(config.rest_w == 120);
    assert_int_equal(config.rest_year, 2026);
    assert_int_equal(config.rest_grade, 'B');
    assert_string_equal(config.rest_source, "a plug meter");
    assert_int_equal(config.off_count, 2);
    assert_string_equal(config.off[1], "hwmon/amdgpu-0000:03:00.0");
    assert_int_equal(config.wall_count, 2);
    assert_string_equal(config.wall[0], "hwmon");
    assert_string_equal(config.wall[1], "cray");
    assert_int_equal(config.gpu_count, 1);
    assert_string_equal(config.gpus[0], "hwmon/amdgpu-0000:43:00.0");
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
    (void)state;
    assert_refused("interval = 5;", 2, "unknown key \"interval\"");
    assert_refused("interval_ms = 99;", 2, "outside 100 to 10000");
    assert_refused("\ninterval_ms = 10001;", 3, "outside 100 to 10000");
    assert_refused("wall_lag_s = 9;", 2, "outside 10 to 900");
    assert_refused("wall_lag_s = 901;", 2, "outside 10 to 900");
    assert_refused("lag_s = 30;", 2, "must be a group");
    assert_refused("lag_s = { redfish = 241; };", 2, "outside 0 to 240");
    assert_refused("lag_s = {\nnvml = 1; };", 3, "unknown key \"nvml\"");
    assert_refused("rest_w = 120;", 2, "must be a group");
    assert_refused("rest_w = { value = 120; year = 2026; grade = \"B\"; };", 2,
                   "missing key \"source\"");
    assert_refused("rest_w = { value = -1; year = 2026; source = \"x\"; grade = \"B\"; };", 2,
                   "value is -1");
    assert_refused("rest_w = { value = 1; year = 2027; source = \"x\"; grade = \"B\"; };", 2,
                   "in the future");
    assert_refused("rest_w = { value = 1; year = 2026; source = \" \"; grade = \"B\"; };", 2,
                   "source is empty");
    assert_refused("rest_w = { value = 1; year = 2026; source = \"x\"; grade = \"F\"; };", 2,
                   "grade must be one of");
}

static void names_are_of_sources_that_there_are(void **state)
{
    char many[4096] = "off = [ \"rapl/0\"";

    (void)state;
    assert_refused("\noff = [ \"rapl\",\n\"rap\" ];", 4, "not a source or a channel");
    assert_refused("off = [ \"raplx/dram-0\" ];", 2, "not a source or a channel");
    assert_refused("off = [ \"rapl/\" ];", 2, "not a source or a channel");
    assert_refused("off = [ \"\" ];", 2, "not a source or a channel");
    assert_refused("off = [ 5 ];", 2, "not a source or a channel");
    assert_refused("off = \"rapl\";", 2, "must be a list");
    assert_refused("off = [ \"rapl\", \"rapl\" ];", 2, "listed twice");
    assert_refused("wall = [ \"hwmon/acpi-0\" ];", 2, "not a source, such as");
    assert_refused("gpus = [ \"hwmon\" ];", 2, "not a channel, such as");
    assert_refused(
        "off = [ \"rapl/0123456789012345678901234567890123456789012345678901234567890\" ];", 2,
        "not a source or a channel");
    for (unsigned i = 1; i <= POWER_MAX_NAMES; i++)
        snprintf(many + strlen(many), sizeof(many) - strlen(many), ", \"rapl/%u\"", i);
    strcat(many, " ];"); /* NOLINT */
    assert_refused(many, 2, "more than 64");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_group_there_are_defaults),
        TEST(all_of_it_is_read),
        TEST(what_is_wrong_is_told_with_its_line),
        TEST(names_are_of_sources_that_there_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
