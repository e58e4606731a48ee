/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/weightcalibration.h"

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

#define START   INT64_C(1767225600) /* 2026-01-01 00:00 UTC */
#define S       UINT64_C(1000000000)
#define MINUTES 300

static const double idle_w[] = {95, 70};
static const char *const services[] = {"mistral-small-24b", "qwen3-8b"};

/* A ledger in which two GPUs draw their idle power and a fixed number of joules for each token. */
struct world {
    struct config *config;
    struct ledger *ledger;
    int64_t devices[2];
    int64_t services[2];
    int64_t direction;
    uint64_t seed;
    struct weights_calibration calibration;
    char error[512];
};

static void open_named(struct world *world, const char *host)
{
    static const char *const names[] = {"gpu0", "gpu1"};
    const struct direction direction = {.code = "DSN", .label = "DSN"};
    char path[PATH_MAX];

    *world = (struct world){.config = hosted_config(host, NULL), .seed = 3};
    scratch_path(path, "state");
    mkdir(path, 0700);
    world->ledger = ledger_open(path, true, world->error, sizeof(world->error));
    assert_non_null(world->ledger);
    assert_int_equal(ledger_begin(world->ledger), LEDGER_OK);
    assert_int_equal(ledger_direction(world->ledger, &direction, &world->direction), LEDGER_OK);
    for (size_t i = 0; i < 2; i++) {
        struct power_device device = {.kind = POWER_DEVICE_GPU};

        memcpy(device.name, names[i], strlen(names[i]));
        assert_int_equal(ledger_power_device(world->ledger, &device, &world->devices[i]),
                         LEDGER_OK);
        assert_int_equal(ledger_service(world->ledger, services[i], "s", &world->services[i]),
                         LEDGER_OK);
    }
}

static int open_world(void **state)
{
    static struct world world;

    assert_int_equal(scratch_setup(NULL), 0);
    open_named(&world, hosted_host);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;

    weightcalibration_free(&world->calibration);
    ledger_close(world->ledger);
    config_free(world->config);
    return scratch_teardown(NULL);
}

static double uniform(struct world *world)
{
    world->seed = world->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(world->seed >> 11) / 9007199254740992.0;
}

static struct local_use random_use(struct world *world)
{
    struct local_use use = {.requests = 1, .tokens_in = 1000 + 9000 * uniform(world)};

    use.tokens_cached = use.tokens_in * uniform(world);
    use.tokens_out = 2000 * uniform(world);
    return use;
}

static void add_use(struct world *world, unsigned minute, size_t service,
                    const struct local_use *use)
{
    assert_int_equal(ledger_add_local_use(world->ledger, START + 60 * minute, world->direction,
                                          world->services[service], use),
                     LEDGER_OK);
}

static void add_energy(struct world *world, unsigned minute, size_t device, double energy_j,
                       unsigned s, uint8_t flags)
{
    struct device_energy energy = {.covered_ns = s * S, .energy_j = energy_j, .flags = flags};

    assert_int_equal(ledger_add_device_energy(world->ledger, START + 60 * minute,
                                              world->devices[device], &energy, 0),
                     LEDGER_OK);
}

static double cost_j(const struct local_use *use, double input_j, double cached_j, double output_j)
{
    return input_j * (use->tokens_in - use->tokens_cached) + cached_j * use->tokens_cached +
           output_j * use->tokens_out;
}

static void share(struct world *world, unsigned minutes)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, START + 60 * minutes);
    assert_int_equal(ledger_set_fact(world->ledger, SETTLEMENT_FACT, text), LEDGER_OK);
}

static void fit(struct world *world)
{
    assert_int_equal(ledger_commit(world->ledger), LEDGER_OK);
    weightcalibration_free(&world->calibration);
    assert_true(weightcalibration_fit(&world->calibration, world->ledger, world->config, START,
                                      START + 60 * 10000, world->error, sizeof(world->error)));
    assert_int_equal(ledger_begin(world->ledger), LEDGER_OK);
}

static void expect_refused(const struct weights_group *group, const char *reason)
{
    if (!strstr(group->refusal, reason))
        fail_msg("\"%s\" does not say \"%s\"", group->refusal, reason);
}

/* 0.5 J for a token put out; of the first model 0.1 J and 0.01 J put in and from the cache. */
static void fill(struct world *world, double noise_j)
{
    for (unsigned minute = 0; minute < MINUTES; minute++)
        for (size_t i = 0; i < 2; i++) {
            struct local_use use = random_use(world);

            add_use(world, minute, i, &use);
            add_energy(world, minute, i,
                       60 * idle_w[i] + noise_j * (uniform(world) - 0.5) +
                           cost_j(&use, i ? 0.05 : 0.1, i ? 0.02 : 0.01, 0.5),
                       60, 0);
        }
    share(world, MINUTES);
}

static void costs_that_are_exact_are_found(void **state)
{
    struct world *world = *state;

    fill(world, 0);
    fit(world);
    assert_int_equal(world->calibration.count, 2);
    assert_int_equal(weightcalibration_services(&world->calibration), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct weights_group *group = &world->calibration.groups[i];
        const struct weights_fit *found = &group->fits[0];

        assert_string_equal(group->refusal, "");
        assert_int_equal(group->n, MINUTES);
        assert_near(group->explained, 1);
        assert_true(group->error < 1e-6);
        assert_string_equal(found->service, services[i]);
        assert_near(found->weights.input, i ? 0.1 : 0.2);
        assert_near(found->weights.cached, i ? 0.04 : 0.02);
        assert_true(found->weights.output == 1);
        assert_near(found->output_j, 0.5);
        assert_true(found->error_input < 1e-6);
    }
}

/* Several errors away would be a wrong error, or a wrong weight. */
static void noise_shows_in_the_errors(void **state)
{
    struct world *world = *state;
    const struct weights_fit *found;

    fill(world, 400);
    fit(world);
    found = &world->calibration.groups[0].fits[0];
    assert_string_equal(world->calibration.groups[0].refusal, "");
    assert_true(found->error_input > 0.001 && found->error_input < 0.05);
    assert_true(found->error_cached > 0.001 && found->error_cached < 0.05);
    assert_true(fabs(found->weights.input - 0.2) < 4 * found->error_input);
    assert_true(fabs(found->weights.cached - 0.02) < 4 * found->error_cached);
    assert_true(world->calibration.groups[0].explained > 0.8);
    assert_true(world->calibration.groups[0].explained < 0.999);
}

/* The same minutes, the same numbers. */
static void a_fit_can_be_repeated(void **state)
{
    struct world *world = *state;
    struct weights_fit first;

    fill(world, 400);
    fit(world);
    first = world->calibration.groups[0].fits[0];
    fit(world);
    assert_memory_equal(&first, &world->calibration.groups[0].fits[0], sizeof(first));
}

static void what_is_not_shared_yet_is_not_fitted(void **state)
{
    struct world *world = *state;

    fill(world, 0);
    share(world, 100);
    fit(world);
    assert_int_equal(world->calibration.groups[0].n, 100);
    assert_true(world->calibration.until_s == START + 6000);
}

static void minutes_that_were_not_measured_whole_are_left_out(void **state)
{
    struct world *world = *state;

    fill(world, 0);
    for (unsigned minute = MINUTES; minute < MINUTES + 20; minute++) {
        struct local_use use = random_use(world);

        add_use(world, minute, 0, &use);
        add_energy(world, minute, 0, 20000, minute % 2 ? 30 : 60,
                   minute % 2 ? 0 : ENERGY_LOWER_BOUND);
    }
    share(world, MINUTES + 20);
    fit(world);
    assert_int_equal(world->calibration.groups[0].n, MINUTES);
    assert_near(world->calibration.groups[0].fits[0].weights.input, 0.2);
}

static void minutes_without_use_say_nothing(void **state)
{
    struct world *world = *state;

    fill(world, 0);
    for (unsigned minute = MINUTES; minute < MINUTES + 50; minute++)
        add_energy(world, minute, 0, 60 * 300, 60, 0); /* somebody else's */
    share(world, MINUTES + 50);
    fit(world);
    assert_int_equal(world->calibration.groups[0].n, MINUTES);
    assert_near(world->calibration.groups[0].explained, 1);
}

static void too_few_minutes_are_refused(void **state)
{
    struct world *world = *state;

    fill(world, 0);
    share(world, 29);
    fit(world);
    expect_refused(&world->calibration.groups[0],
                   "too small: 29 minutes with use, and it takes 30");
    assert_int_equal(weightcalibration_services(&world->calibration), 0);
    share(world, 0);
    fit(world);
    expect_refused(&world->calibration.groups[0], "no tokens were counted");
}

/* Each request the same but for its length: in and out cannot be told apart. */
static void what_goes_together_is_refused(void **state)
{
    struct world *world = *state;

    for (unsigned minute = 0; minute < MINUTES; minute++) {
        double out = 100 + 1000 * uniform(world);
        struct local_use use = {
            .requests = 1, .tokens_in = 4 * out * (1 + 0.01 * uniform(world)), .tokens_out = out};

        add_use(world, minute, 0, &use);
        add_energy(world, minute, 0, 60 * idle_w[0] + cost_j(&use, 0.1, 0, 0.5), 60, 0);
    }
    share(world, MINUTES);
    fit(world);
    expect_refused(&world->calibration.groups[0], "go together so much");
}

static void tokens_that_explain_little_are_refused(void **state)
{
    struct world *world = *state;

    fill(world, 8000);
    fit(world);
    expect_refused(&world->calibration.groups[0], "tokens explain only");
}

static void output_that_costs_nothing_is_refused(void **state)
{
    struct world *world = *state;

    for (unsigned minute = 0; minute < MINUTES; minute++) {
        struct local_use use = random_use(world);

        add_use(world, minute, 0, &use);
        add_energy(world, minute, 0, 60 * idle_w[0] + cost_j(&use, 0.1, 0.01, 0), 60, 0);
    }
    share(world, MINUTES);
    fit(world);
    expect_refused(&world->calibration.groups[0], "mistral-small-24b: that tokens put out cost");
}

static void without_a_cache_its_weight_stays(void **state)
{
    struct world *world = *state;
    const struct weights_fit *found;

    for (unsigned minute = 0; minute < MINUTES; minute++) {
        struct local_use use = random_use(world);

        use.tokens_cached = 0;
        add_use(world, minute, 0, &use);
        add_energy(world, minute, 0, 60 * idle_w[0] + cost_j(&use, 0.1, 0, 0.5), 60, 0);
    }
    share(world, MINUTES);
    fit(world);
    found = &world->calibration.groups[0].fits[0];
    assert_string_equal(world->calibration.groups[0].refusal, "");
    assert_false(found->is_cached_fitted);
    assert_near(found->weights.input, 0.2);
    assert_near(found->weights.cached, 0.02); /* of host.conf */
}

/* Two services on the same two devices: one group, whose energy is that of both. */
static void services_that_share_a_device_are_fitted_together(void **state)
{
    struct world *world = *state;
    char *text = strdup(hosted_host);
    char host[sizeof(hosted_host) + 100];
    char *place = strstr(text, "[ \"qwen3-8b\" ]");

    snprintf(host, sizeof(host), "%.*s[ \"qwen3-8b\", \"mistral-small-24b\" ]%s",
             (int)(place - text), text, place + strlen("[ \"qwen3-8b\" ]"));
    free(text);
    ledger_close(world->ledger);
    config_free(world->config);
    open_named(world, host);
    fill(world, 0);
    fit(world);
    assert_int_equal(world->calibration.count, 1);
    assert_int_equal(world->calibration.groups[0].count, 2);
    assert_int_equal(world->calibration.groups[0].devices, 3);
    assert_near(world->calibration.groups[0].fits[0].weights.input, 0.2);
    assert_near(world->calibration.groups[0].fits[1].weights.input, 0.1);
    assert_near(world->calibration.groups[0].fits[1].weights.cached, 0.04);
}

static void the_file_is_one_that_host_conf_reads(void **state)
{
    struct world *world = *state;
    char text[sizeof(hosted_host) + 64];
    struct config *config;
    char path[PATH_MAX];
    FILE *stream;

    fill(world, 0);
    for (unsigned minute = 0; minute < MINUTES; minute++)
        add_energy(world, minute, 1, 8000 * uniform(world), 0,
                   0); /* of the second, nothing holds */
    fit(world);
    assert_int_equal(weightcalibration_services(&world->calibration), 1);
    scratch_path(path, "weights.conf");
    stream = fopen(path, "we");
    assert_non_null(stream);
    assert_true(weightcalibration_write(&world->calibration, START + 86400, stream));
    assert_int_equal(fclose(stream), 0);
    snprintf(text, sizeof(text), "%.*s calibration = [ \"weights.conf\" ]; };\n",
             (int)strlen(hosted_host) - 3, hosted_host);
    config = hosted_config(text, NULL);
    assert_int_equal(config->host->calibration_count, 1);
    assert_near(hostconfig_weights(config->host, services[0])->weights.input, 0.2);
    assert_int_equal(hostconfig_weights(config->host, services[0])->n, MINUTES);
    assert_int_equal(hostconfig_weights(config->host, services[0])->calibration, 0);
    assert_near(hostconfig_weights(config->host, services[1])->weights.input, 0.15);
    assert_int_equal(hostconfig_weights(config->host, services[1])->calibration,
                     HOST_NOT_CALIBRATED);
    config_free(config);
}

static void people_see_what_holds_and_what_does_not(void **state)
{
    struct world *world = *state;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    fill(world, 0);
    for (unsigned minute = 0; minute < MINUTES; minute++)
        add_energy(world, minute, 1, 8000 * uniform(world), 0, 0);
    fit(world);
    weightcalibration_print(&world->calibration, world->config->host, stream);
    fclose(stream);
    assert_non_null(strstr(text, "gpu0: 300 minutes with use, R2 1.0000, error"));
    assert_non_null(strstr(text, "  mistral-small-24b: input 0.2 +- "));
    assert_non_null(strstr(text, "gpu1: 300 minutes with use, R2 "));
    assert_non_null(strstr(text, "  refused: tokens explain only"));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(costs_that_are_exact_are_found),
        TEST(noise_shows_in_the_errors),
        TEST(a_fit_can_be_repeated),
        TEST(what_is_not_shared_yet_is_not_fitted),
        TEST(minutes_that_were_not_measured_whole_are_left_out),
        TEST(minutes_without_use_say_nothing),
        TEST(too_few_minutes_are_refused),
        TEST(what_goes_together_is_refused),
        TEST(tokens_that_explain_little_are_refused),
        TEST(output_that_costs_nothing_is_refused),
        TEST(without_a_cache_its_weight_stays),
        TEST(services_that_share_a_device_are_fitted_together),
        TEST(the_file_is_one_that_host_conf_reads),
        TEST(people_see_what_holds_and_what_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
