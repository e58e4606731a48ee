/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/reports/hostworld.h"

/* What a report tells of a host of our own, and each direction's part of it. */

static struct derived *explain(const struct month_report *report, const char *name)
{
    char text[MONTH_FIGURE_SIZE], error[400];
    char *argument = text;
    struct explain_query query;
    struct derived *derived;

    snprintf(text, sizeof(text), "%s", name);
    assert_true(explain_parse(&argument, 1, &query));
    derived_build(report, &query, &derived, error, sizeof(error));
    return derived;
}

static double central(const struct month_report *report, const char *name)
{
    struct derived *derived = explain(report, name);
    double value;

    if (!derived || !derived->agrees)
        fail_msg("%s is not computed again", name);
    value = derived->recomputed.central;
    derived_free(derived);
    return value;
}

static size_t explain_all(const struct month_report *report, json_t *json)
{
    const char *key;
    json_t *item;
    size_t index, count = 0;

    if (json_is_string(json) && strstr(json_string_value(json), "/@")) {
        central(report, json_string_value(json));
        return 1;
    }
    json_array_foreach(json, index, item) count += explain_all(report, item);
    json_object_foreach(json, key, item) count += explain_all(report, item);
    return count;
}

static json_t *written(const struct month_report *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    json_t *json;

    assert_true(month_write_json(report, stream));
    fclose(stream);
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static void every_figure_of_the_host_is_computed_again(void **state)
{
    struct month_report *report;
    json_t *json;

    (void)state;
    host_month();
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY);
    report = host_report();
    json = written(report);
    assert_true(explain_all(report, json_object_get(json, "host")) > 60);
    assert_true(explain_all(report, json) > 150);
    json_decref(json);
    assert_close(central(report, "2026-10/@host/./idle_share"), HOST_IDLE_J / HOST_ENERGY_J);
    assert_close(central(report, "2026-10/@host/./pool_kwh_it"), HOST_POOL_J / HOST_J_PER_KWH);
    assert_close(central(report, "2026-10/@host/./measured_h"), HOST_MINUTES_S / 3600);
    assert_close(central(report, "2026-10/@host/./pue"), HOST_PUE);
    assert_close(central(report, "2026-10/@host-device/gpu0/mean_w"), 22100 / HOST_MINUTES_S);
    assert_close(central(report, "2026-10/@host-device/rapl/package-0/energy_j"), 15000);
    assert_close(central(report, "2026-10/@host-direction/VOIRIE/weighted_tokens"), 400);
    assert_close(central(report, "2026-10/@host-direction/./energy_j"), HOST_ENERGY_J);
    assert_close(central(report, "2026-10/@host-tokens/" QWEN "/captured_tokens_out"), 400);
    assert_close(central(report, "2026-10/@direction/VOIRIE/measured_share"), 1);
    assert_true(central(report, "2026-10/@total/./measured_share") < 1);
    assert_close(central(report, "2026-10/@shares/./measured") +
                     central(report, "2026-10/@shares/./estimated"),
                 1);
    month_free(report);
}

/* A source has no idle power of its own. */
static void there_is_none_of_what_a_page_has_a_dash_for(void **state)
{
    static const char *const names[] = {"2026-10/@host-device/rapl/package-0/idle_kwh",
                                        "2026-10/@host-device/gpu9/energy_j",
                                        "2026-10/@host-device/gpu0/nothing",
                                        "2026-10/@host/gpu0/energy_j",
                                        "2026-10/@host-tokens/" QWEN "/server_requests",
                                        "2026-10/@host-tokens/" QWEN "/nothing",
                                        "2026-10/@host-direction/CAB/energy_j"};
    struct month_report *report;

    (void)state;
    host_month();
    report = host_report();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_null(explain(report, names[i]));
    month_free(report);
}

/* Few devices used it: what may not be told by devices, services or in all has no name either. */
static void hidden_use_has_no_names(void **state)
{
    static const char *const names[] = {"2026-10/@host/./energy_j",
                                        "2026-10/@host/./pool_kwh_it",
                                        "2026-10/@host/./pue",
                                        "2026-10/@host-device/gpu0/energy_j",
                                        "2026-10/@host-device/gpu1/mean_w",
                                        "2026-10/@host-tokens/" QWEN "/captured_tokens_out",
                                        "2026-10/@host-tokens/./restarts",
                                        "2026-10/@host-direction/VOIRIE/weighted_tokens",
                                        "2026-10/@host-direction/./energy_j",
                                        "2026-10/@direction/VOIRIE/measured_kwh",
                                        "2026-10/@total/./measured_share",
                                        "2026-10/@total/./measured_kwh",
                                        "2026-10/@shares/./measured",
                                        "2026-10/@shares/./estimated"};
    struct month_report *report;
    json_t *json;

    (void)state;
    host_facts(HOST_MANY, HOST_MANY, HOST_FEW);
    host_share(HOST_NOON + 180);
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_FEW);
    report = host_report();
    assert_false(report->host_shown);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (explain(report, names[i]))
            fail_msg("%s is told", names[i]);
    json = written(report);
    assert_in_range(explain_all(report, json), 30, 1000);
    json_decref(json);
    month_free(report);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_figure_of_the_host_is_computed_again),
        TEST(there_is_none_of_what_a_page_has_a_dash_for),
        TEST(hidden_use_has_no_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
