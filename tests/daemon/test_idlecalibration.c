/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/idlecalibration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/calendar.h"
#include "daemon/settlement.h"
#include "tests/capture/near.h"
#include "tests/daemon/hosted.h"

#include <inttypes.h>
#include <string.h>

#define START INT64_C(1767225600) /* 2026-01-01 00:00 UTC */
#define S     UINT64_C(1000000000)

/* A ledger in which the three devices of the configuration draw what the tests say, and nobody uses
 * them. */
struct world {
    struct config *config;
    struct ledger *ledger;
    int64_t devices[3];
    struct idle_calibration calibration;
    char error[512];
};

static const char *const names[] = {"gpu0", "gpu1", "host"};
static const double idle_w[] = {95, 70, 180};

static int open_world(void **state)
{
    static struct world world;
    char path[PATH_MAX];

    assert_int_equal(scratch_setup(NULL), 0);
    world = (struct world){.config = hosted_config(hosted_host, NULL)};
    world.config->inference.port_count = 1;
    scratch_path(path, "state");
    mkdir(path, 0700);
    world.ledger = ledger_open(path, true, world.error, sizeof(world.error));
    assert_non_null(world.ledger);
    assert_int_equal(ledger_begin(world.ledger), LEDGER_OK);
    for (size_t i = 0; i < 3; i++) {
        struct power_device device = {.kind = i < 2 ? POWER_DEVICE_GPU : POWER_DEVICE_HOST};

        memcpy(device.name, names[i], strlen(names[i]));
        assert_int_equal(ledger_power_device(world.ledger, &device, &world.devices[i]), LEDGER_OK);
    }
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;

    idlecalibration_free(&world->calibration);
    ledger_close(world->ledger);
    config_free(world->config);
    return scratch_teardown(NULL);
}

static void add(struct world *world, unsigned minute, size_t device, double power_w, unsigned s,
                uint8_t flags)
{
    struct device_energy energy = {.covered_ns = s * S, .energy_j = power_w * s, .flags = flags};

    assert_int_equal(ledger_add_device_energy(world->ledger, START + 60 * minute,
                                              world->devices[device], &energy, 0),
                     LEDGER_OK);
}

static void observe(struct world *world, unsigned minute, unsigned s)
{
    struct coverage coverage = {.covered_ns = s * S};

    assert_int_equal(ledger_add_coverage(world->ledger, START + 60 * minute, &coverage), LEDGER_OK);
}

/* Minutes that alternate by 1 W around each device's idle power. */
static void rest(struct world *world, unsigned first, unsigned count)
{
    for (unsigned minute = first; minute < first + count; minute++) {
        observe(world, minute, 60);
        for (size_t i = 0; i < 3; i++)
            add(world, minute, i, idle_w[i] + (minute % 2 ? 0.5 : -0.5), 60, 0);
    }
}

static void share(struct world *world, unsigned minutes)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, START + 60 * minutes);
    assert_int_equal(ledger_set_fact(world->ledger, SETTLEMENT_FACT, text), LEDGER_OK);
}

/* What was added so far is committed. */
static enum idle_status measure(struct world *world, unsigned minutes, bool assumed)
{
    enum idle_status status;

    assert_int_equal(ledger_commit(world->ledger), LEDGER_OK);
    idlecalibration_free(&world->calibration);
    status =
        idlecalibration_measure(&world->calibration, world->ledger, world->config, START,
                                START + 60 * minutes, assumed, world->error, sizeof(world->error));
    assert_int_equal(ledger_begin(world->ledger), LEDGER_OK);
    return status;
}

static void expect_refused(struct world *world, unsigned minutes, const char *reason)
{
    assert_int_equal(measure(world, minutes, false), IDLE_REFUSED);
    if (!strstr(world->error, reason))
        fail_msg("\"%s\" does not say \"%s\"", world->error, reason);
}

static void the_mean_and_its_error_are_those_of_minutes(void **state)
{
    struct world *world = *state;

    rest(world, 0, 20);
    share(world, 20);
    assert_int_equal(measure(world, 20, false), IDLE_DONE);
    assert_int_equal(world->calibration.count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct idle_device *device = &world->calibration.devices[i];

        assert_string_equal(device->name, names[i]);
        assert_int_equal(device->n, 20);
        assert_near(device->mean_w, idle_w[i]);
        assert_near(device->least_w, idle_w[i] - 0.5);
        assert_near(device->most_w, idle_w[i] + 0.5);
        /* Each 0.5 from the mean: sqrt(20 x 0.25 / 19 / 20). */
        assert_near(device->error_w, sqrt(0.25 / 19));
    }
}

static void what_was_not_measured_whole_is_left_out(void **state)
{
    struct world *world = *state;

    rest(world, 0, 20);
    for (unsigned minute = 20; minute < 24; minute++) {
        observe(world, minute, 60);
        add(world, minute, 0, 500, minute < 22 ? 30 : 60,
            minute < 22    ? 0
            : minute == 22 ? ENERGY_LOWER_BOUND
                           : ENERGY_EXCEEDED);
    }
    share(world, 24);
    assert_int_equal(measure(world, 24, false), IDLE_DONE);
    assert_int_equal(world->calibration.devices[0].n, 20);
    assert_int_equal(world->calibration.devices[0].left_out, 4);
    assert_near(world->calibration.devices[0].mean_w, idle_w[0]);
}

static void use_meanwhile_is_no_idle(void **state)
{
    struct world *world = *state;
    const struct direction direction = {.code = "DSN", .label = "DSN"};
    const struct local_use use = {.requests = 0.5, .tokens_in = 10};
    int64_t direction_id, service;

    rest(world, 0, 20);
    assert_int_equal(ledger_direction(world->ledger, &direction, &direction_id), LEDGER_OK);
    assert_int_equal(ledger_service(world->ledger, "qwen3-8b", "q", &service), LEDGER_OK);
    assert_int_equal(
        ledger_add_local_use(world->ledger, START + 60 * 7, direction_id, service, &use),
        LEDGER_OK);
    /* Said as soon as it is known. */
    expect_refused(world, 20, "in use, first in the minute of 2026-01-01 00:07 UTC");
    share(world, 20);
    expect_refused(world, 20, "in use");
    assert_int_equal(measure(world, 20, true), IDLE_DONE);
}

static void what_the_server_counted_is_use(void **state)
{
    struct world *world = *state;
    const struct direction direction = {.code = "unassigned", .label = "u"};
    const struct server_use use = {.tokens_out = 1};
    int64_t direction_id, service;

    rest(world, 0, 20);
    share(world, 20);
    assert_int_equal(ledger_direction(world->ledger, &direction, &direction_id), LEDGER_OK);
    assert_int_equal(ledger_service(world->ledger, "qwen3-8b", "q", &service), LEDGER_OK);
    assert_int_equal(
        ledger_add_server_use(world->ledger, START + 60 * 19, direction_id, service, &use),
        LEDGER_OK);
    expect_refused(world, 20, "in use, first in the minute of 2026-01-01 00:19 UTC");
}

static void where_nobody_looked_nothing_is_idle(void **state)
{
    struct world *world = *state;

    rest(world, 0, 20);
    share(world, 20);
    world->config->inference.port_count = 0;
    expect_refused(world, 20, "--assume-idle");
    assert_int_equal(measure(world, 20, true), IDLE_DONE);
    assert_true(world->calibration.assumed);
}

static void a_capture_that_was_away_saw_nothing(void **state)
{
    struct world *world = *state;

    for (unsigned minute = 0; minute < 20; minute++) {
        observe(world, minute, minute < 10 ? 60 : 20);
        for (size_t i = 0; i < 3; i++)
            add(world, minute, i, idle_w[i], 60, 0);
    }
    share(world, 20);
    expect_refused(world, 20, "observed 800 of 1200 s");
}

static void what_is_not_complete_is_waited_for(void **state)
{
    struct world *world = *state;

    rest(world, 0, 20);
    assert_int_equal(measure(world, 20, false), IDLE_EARLY);
    share(world, 19);
    assert_int_equal(measure(world, 20, false), IDLE_EARLY);
    assert_int_equal(world->calibration.devices[2].n, 20); /* as far as it is known */
}

static void too_few_samples_are_refused(void **state)
{
    struct world *world = *state;

    rest(world, 0, 12);
    for (unsigned minute = 12; minute < 15; minute++)
        observe(world, minute, 60);
    share(world, 15);
    expect_refused(world, 9, "10 whole minutes");
    assert_int_equal(measure(world, 15, false), IDLE_DONE);
    for (unsigned minute = 0; minute < 3; minute++)
        add(world, minute, 1, 70, 60, ENERGY_AMBIGUOUS);
    expect_refused(world, 15, "gpu1: too few samples: 9 minutes");
}

static void a_device_that_nothing_measures_is_refused(void **state)
{
    struct world *world = *state;

    for (unsigned minute = 0; minute < 20; minute++) {
        observe(world, minute, 60);
        add(world, minute, 0, 95, 60, 0);
        add(world, minute, 2, 180, 60, 0);
    }
    share(world, 20);
    expect_refused(world, 20, "gpu1: nothing measures it");
}

static void zeros_are_no_power(void **state)
{
    struct world *world = *state;

    for (unsigned minute = 0; minute < 20; minute++) {
        observe(world, minute, 60);
        for (size_t i = 0; i < 3; i++)
            add(world, minute, i, i == 1 ? 0 : idle_w[i], 60, 0);
    }
    share(world, 20);
    expect_refused(world, 20, "gpu1: its meter says 0 W");
}

static void a_mean_that_is_not_sure_is_refused(void **state)
{
    struct world *world = *state;

    for (unsigned minute = 0; minute < 20; minute++) {
        observe(world, minute, 60);
        for (size_t i = 0; i < 3; i++)
            add(world, minute, i, i == 2 ? (minute % 2 ? 120 : 240) : idle_w[i], 60, 0);
    }
    share(world, 20);
    expect_refused(world, 20, "host: the mean is not sure enough: 180 W +- 14 W");
}

static void what_cools_down_has_not_settled(void **state)
{
    struct world *world = *state;

    for (unsigned minute = 0; minute < 100; minute++) {
        observe(world, minute, 60);
        for (size_t i = 0; i < 3; i++)
            add(world, minute, i, i == 0 ? 105 - 0.2 * minute : idle_w[i], 60, 0);
    }
    share(world, 100);
    expect_refused(world, 100, "gpu0: it has not settled: 100.1 W in the first half, 90.1 W");
}

static void a_stranger_is_not_calibrated(void **state)
{
    struct world *world = *state;
    const struct power_device device = {"rapl/package-0", POWER_DEVICE_SOURCE};
    struct device_energy energy = {.covered_ns = 60 * S, .energy_j = 1};
    int64_t id;

    rest(world, 0, 20);
    share(world, 20);
    assert_int_equal(ledger_power_device(world->ledger, &device, &id), LEDGER_OK);
    assert_int_equal(ledger_add_device_energy(world->ledger, START, id, &energy, 0), LEDGER_OK);
    assert_int_equal(measure(world, 20, false), IDLE_DONE);
    assert_int_equal(world->calibration.count, 3);
}

static void write_file(struct world *world)
{
    char path[PATH_MAX];
    FILE *stream;

    scratch_path(path, "idle.conf");
    stream = fopen(path, "we");
    assert_non_null(stream);
    assert_true(idlecalibration_write(&world->calibration, world->config, START + 86400, stream));
    assert_int_equal(fclose(stream), 0);
}

/* What is written is what host.conf then reads. */
static void the_file_is_one_that_host_conf_reads(void **state)
{
    struct world *world = *state;
    char text[sizeof(hosted_host) + 64];
    struct config *config;

    rest(world, 0, 20);
    share(world, 20);
    assert_int_equal(measure(world, 20, true), IDLE_DONE);
    world->calibration.devices[1].mean_w = 71.25;
    write_file(world);
    snprintf(text, sizeof(text), "%.*s calibration = [ \"idle.conf\" ]; };\n",
             (int)strlen(hosted_host) - 3, hosted_host);
    config = hosted_config(text, NULL);
    assert_int_equal(config->host->calibration_count, 1);
    assert_string_equal(config->host->calibrations[0].date, "2026-01-01");
    assert_non_null(strstr(config->host->calibrations[0].source, "2026-01-01 00:20 UTC"));
    assert_non_null(strstr(config->host->calibrations[0].source, "is assumed"));
    assert_near(hostconfig_device(config->host, "gpu1")->idle_w, 71.25);
    assert_int_equal(hostconfig_device(config->host, "gpu1")->n, 20);
    assert_int_equal(hostconfig_device(config->host, "gpu1")->idle_provenance.grade, 'B');
    config_free(config);
}

static void a_rest_is_no_better_than_its_grade(void **state)
{
    struct world *world = *state;
    char path[PATH_MAX];
    size_t size;
    char *text;

    rest(world, 0, 20);
    share(world, 20);
    add(world, 3, 2, 0, 0, ENERGY_REST);
    world->config->host->power.rest_grade = 'D';
    assert_int_equal(measure(world, 20, false), IDLE_DONE);
    write_file(world);
    scratch_path(path, "idle.conf");
    text = read_whole(path, &size);
    assert_non_null(strstr(text, "grade = \"D\""));
    free(text);
}

static void people_see_how_it_settled(void **state)
{
    struct world *world = *state;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    rest(world, 0, 20);
    share(world, 20);
    assert_int_equal(measure(world, 20, false), IDLE_DONE);
    idlecalibration_print(&world->calibration, stream);
    fclose(stream);
    assert_non_null(strstr(text, "gpu0\n  after    2 min      95.00 W +- 0.5 W\n  after    5 min"));
    assert_non_null(strstr(text, "          20 min      95.00 W +- 0.11 W, least 94.50 W"));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_mean_and_its_error_are_those_of_minutes),
        TEST(what_was_not_measured_whole_is_left_out),
        TEST(use_meanwhile_is_no_idle),
        TEST(what_the_server_counted_is_use),
        TEST(where_nobody_looked_nothing_is_idle),
        TEST(a_capture_that_was_away_saw_nothing),
        TEST(what_is_not_complete_is_waited_for),
        TEST(too_few_samples_are_refused),
        TEST(a_device_that_nothing_measures_is_refused),
        TEST(zeros_are_no_power),
        TEST(a_mean_that_is_not_sure_is_refused),
        TEST(what_cools_down_has_not_settled),
        TEST(a_stranger_is_not_calibrated),
        TEST(the_file_is_one_that_host_conf_reads),
        TEST(a_rest_is_no_better_than_its_grade),
        TEST(people_see_how_it_settled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
