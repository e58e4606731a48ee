/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/redfishdata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define FIXTURES IAGMETER_SOURCE_ROOT "/tests/fixtures/counters/text/"

static struct redfish_values values;
static json_t *document;

static int setup(void **state)
{
    (void)state;
    memset(&values, 0, sizeof(values));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(document);
    document = NULL;
    return 0;
}

static void load(const char *name)
{
    char path[400];

    snprintf(path, sizeof(path), FIXTURES "%s", name);
    json_decref(document);
    document = json_load_file(path, 0, NULL);
    assert_non_null(document);
}

static void parse(const char *text)
{
    json_decref(document);
    document = json_loads(text, 0, NULL);
    assert_non_null(document);
    memset(&values, 0, sizeof(values));
}

static void environment_gives_power_and_a_coarse_energy(void **state)
{
    (void)state;
    load("redfish_Chassis_1_EnvironmentMetrics.json");
    redfishdata_environment(document, &values);
    assert_true(values.has_power);
    assert_true(values.power_w == 374);
    assert_true(values.has_energy);
    assert_true(values.energy_j == 325675 * 3.6e6);
    /* A whole number of kWh. */
    assert_true(values.energy_step_j == 3.6e6);
    assert_string_equal(values.energy_reset, "2025-01-01T00:00:00Z");
}

static void power_gives_that_of_the_whole(void **state)
{
    (void)state;
    load("redfish_Chassis_1_Power.json");
    redfishdata_power(document, &values);
    assert_true(values.has_power);
    assert_true(values.power_w == 344);
    assert_false(values.has_energy);
}

static void all_zero_is_nothing(void **state)
{
    (void)state;
    load("redfish_unsupported_zeroes_hp_gen8.json");
    redfishdata_power(document, &values);
    assert_false(values.has_power);
}

static void what_is_known_is_not_asked_again(void **state)
{
    (void)state;
    load("redfish_Chassis_1_EnvironmentMetrics.json");
    redfishdata_environment(document, &values);
    load("redfish_Chassis_1_Power.json");
    redfishdata_power(document, &values);
    assert_true(values.power_w == 374);
}

static void parts_are_not_the_whole_and_never_added(void **state)
{
    (void)state;
    parse("{\"PowerControl\":[{\"PhysicalContext\":\"CPU\",\"PowerConsumedWatts\":120},"
          "{\"PhysicalContext\":\"Chassis\",\"PowerConsumedWatts\":null},"
          "{\"Name\":\"System\",\"PowerConsumedWatts\":512.5},"
          "{\"Name\":\"System again\",\"PowerConsumedWatts\":512.5}]}");
    redfishdata_power(document, &values);
    assert_true(values.power_w == 512.5);
}

static void what_is_no_reading_is_nothing(void **state)
{
    static const char *const readings[] = {"null", "0", "-5", "\"374\"", "1e300", "[374]", "true"};
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof(readings) / sizeof(*readings); i++) {
        snprintf(text, sizeof(text),
                 "{\"PowerWatts\":{\"Reading\":%s},\"EnergykWh\":{\"Reading\":%s,"
                 "\"SensorResetTime\":\"x\"}}",
                 readings[i], readings[i]);
        parse(text);
        redfishdata_environment(document, &values);
        if (values.has_power || values.has_energy)
            fail_msg("%s was taken for a reading", readings[i]);
    }
}

static void energy_needs_to_tell_when_it_began(void **state)
{
    (void)state;
    parse("{\"EnergykWh\":{\"Reading\":12.5}}");
    redfishdata_environment(document, &values);
    assert_false(values.has_energy);
}

static void joules_are_finer_than_kilowatt_hours_and_come_first(void **state)
{
    (void)state;
    parse("{\"EnergyJoules\":{\"Reading\":45000123,\"SensorResetTime\":\"x\"},"
          "\"EnergykWh\":{\"Reading\":12.5,\"SensorResetTime\":\"y\"}}");
    redfishdata_environment(document, &values);
    assert_true(values.energy_j == 45000123);
    assert_true(values.energy_step_j == 1);
    assert_string_equal(values.energy_reset, "x");
    parse("{\"EnergykWh\":{\"Reading\":325675.123,\"SensorResetTime\":\"y\"}}");
    redfishdata_environment(document, &values);
    assert_true(values.energy_step_j > 3599.999 && values.energy_step_j < 3600.001);
}

static void links_stay_on_the_server(void **state)
{
    static const struct {
        const char *text;
        const char *path; /* NULL: refused */
    } cases[] = {
        {"/redfish/v1/Chassis", "/redfish/v1/Chassis"},
        {"/redfish/v1/Chassis/1/Power#/PowerControl/0", "/redfish/v1/Chassis/1/Power"},
        {"//other.example/redfish", NULL},
        {"https://other.example/redfish", NULL},
        {"redfish/v1", NULL},
        {"/redfish/v1/a b", NULL},
        {"/redfish/v1/\\u000d\\u000aX: y", NULL},
        {"/redfish\\\\v1", NULL},
        {"", NULL},
    };
    char path[REDFISH_PATH_SIZE];
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(text, sizeof(text), "{\"Chassis\":{\"@odata.id\":\"%s\"}}", cases[i].text);
        parse(text);
        if (redfishdata_link(document, "Chassis", path) != (cases[i].path != NULL))
            fail_msg("\"%s\" was judged wrongly", cases[i].text);
        if (cases[i].path)
            assert_string_equal(path, cases[i].path);
    }
}

static void long_links_and_missing_ones_are_refused(void **state)
{
    char path[REDFISH_PATH_SIZE];
    char text[REDFISH_PATH_SIZE + 100];
    char name[REDFISH_PATH_SIZE + 1];

    (void)state;
    memset(name, 'a', REDFISH_PATH_SIZE - 1);
    name[REDFISH_PATH_SIZE - 1] = '\0';
    snprintf(text, sizeof(text), "{\"Chassis\":{\"@odata.id\":\"/%s\"}}", name);
    parse(text);
    assert_false(redfishdata_link(document, "Chassis", path));
    assert_false(redfishdata_link(document, "Systems", path));
    assert_false(redfishdata_link(NULL, "Chassis", path));
}

static void members_are_listed_one_by_one(void **state)
{
    char path[REDFISH_PATH_SIZE];

    (void)state;
    parse("{\"Members\":[{\"@odata.id\":\"/a\"},{\"@odata.id\":\"/b\"}]}");
    assert_true(redfishdata_member(document, 0, path));
    assert_string_equal(path, "/a");
    assert_true(redfishdata_member(document, 1, path));
    assert_string_equal(path, "/b");
    assert_false(redfishdata_member(document, 2, path));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(environment_gives_power_and_a_coarse_energy),
        TEST(power_gives_that_of_the_whole),
        TEST(all_zero_is_nothing),
        TEST(what_is_known_is_not_asked_again),
        TEST(parts_are_not_the_whole_and_never_added),
        TEST(what_is_no_reading_is_nothing),
        TEST(energy_needs_to_tell_when_it_began),
        TEST(joules_are_finer_than_kilowatt_hours_and_come_first),
        TEST(links_stay_on_the_server),
        TEST(long_links_and_missing_ones_are_refused),
        TEST(members_are_listed_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
