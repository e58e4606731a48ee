/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/hostsources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/daemon/hosted.h"
#include "tests/inference/metricsserver.h"
#include "tests/power/tree.h"

static struct config *config;
static struct hostsources *sources;

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    scratch_mkdir("state");
    config = hosted_config(hosted_host, NULL);
    snprintf(config->host->power.root, sizeof(config->host->power.root), "%s", scratch_directory);
    snprintf(config->host->power.off[0], sizeof(config->host->power.off[0]), "nvml");
    config->host->power.off_count = 1;
    begin_serving();
    return 0;
}

static int teardown(void **state)
{
    hostsources_close(sources);
    sources = NULL;
    stop_serving();
    config_free(config);
    return scratch_teardown(state);
}

static void open_sources(void)
{
    sources = hostsources_open(config);
    assert_non_null(sources);
}

/* -- How they fare ---------------------------------------------------------------------------- */

/* A round over all that is not told. Returns how many, and whether NAME is among them. */
static unsigned untold(const char *name, bool tell, bool *found)
{
    struct power_source_state state;
    unsigned count = 0;

    *found = false;
    while (hostsources_next_state(sources, &state)) {
        count++;
        *found |= strcmp(state.name, name) == 0;
        if (tell)
            hostsources_told(sources, &state);
    }
    return count;
}

static void what_was_not_told_comes_again(void **state)
{
    struct power_source_state first, again;
    unsigned count;
    bool found;

    (void)state;
    tree_copy("rapl_intel_2s_server");
    open_sources();
    count = untold("rapl/package-0", false, &found);
    assert_true(count >= 5 && found);
    assert_int_equal(untold("rapl/dram-1", false, &found), count);
    assert_true(found);
    /* The meter takes one, and has no room for the next. */
    assert_true(hostsources_next_state(sources, &first));
    hostsources_told(sources, &first);
    assert_true(hostsources_next_state(sources, &again));
    while (hostsources_next_state(sources, &again))
        ;
    assert_int_equal(untold(first.name, true, &found), count - 1);
    assert_false(found);
    assert_int_equal(untold("", true, &found), 0);
}

static void the_devices_are_those_of_the_meters(void **state)
{
    struct power_device devices[MAX_POWER_DEVICES];
    struct counters_sources given;
    bool host = false;
    size_t count;

    (void)state;
    tree_copy("rapl_intel_2s_server");
    open_sources();
    given = hostsources_counters(sources);
    given.sample(given.context);
    count = given.devices(given.context, devices);
    for (size_t i = 0; i < count; i++)
        host |= strcmp(devices[i].name, "host") == 0;
    assert_true(host);
}

static void without_a_host_there_is_nothing_to_read(void **state)
{
    struct power_device devices[MAX_POWER_DEVICES];
    struct device_energy energies[MAX_POWER_DEVICES];
    struct server_use uses[4];
    struct counters_sources given;
    bool found;

    (void)state;
    config_free(config);
    config = hosted_config(NULL, NULL);
    open_sources();
    given = hostsources_counters(sources);
    given.sample(given.context);
    assert_true(given.complete(given.context, INT64_MAX));
    assert_int_equal(given.devices(given.context, devices), 0);
    assert_int_equal(given.take_energy(given.context, 0, energies), 0);
    assert_int_equal(given.take_use(given.context, uses, 4), 0);
    assert_int_equal(untold("", true, &found), 0);
}

/* -- What it needs ---------------------------------------------------------------------------- */

static void ask_a_server(const char *url, const char *bearer_path)
{
    struct inference_config *inference = &config->inference;
    struct scrape_config *scrape = &inference->scrapes[0];

    inference->server_count = 1;
    inference->servers[0] = (struct inference_server){
        8000, catalogue_find(config->catalogue, "local-vllm"), SERVICE_NONE, false};
    *scrape = scrape_defaults;
    scrape->interval_s = 1;
    snprintf(scrape->url, sizeof(scrape->url), "%s", url);
    snprintf(scrape->bearer_path, sizeof(scrape->bearer_path), "%s", bearer_path);
}

static void add_model(const char *name, uint16_t service)
{
    struct inference_model model = {.port = 8000, .service = service};

    snprintf(model.name, sizeof(model.name), "%s", name);
    assert_true(inferenceconfig_add_model(&config->inference, &model));
}

static void files_and_the_network_are_asked_for_where_they_are_needed(void **state)
{
    const char *readable[HOSTSOURCES_READABLE];

    (void)state;
    assert_false(hostsources_network(config));
    hostsources_readable(config, readable);
    assert_string_equal(readable[0], scratch_directory);
    assert_null(readable[1]);
    ask_a_server("http://127.0.0.1/metrics", "/run/secrets/token");
    assert_true(hostsources_network(config));
    hostsources_readable(config, readable);
    assert_string_equal(readable[1], "/run/secrets/token");
    assert_null(readable[2]);
}

/* -- Servers ---------------------------------------------------------------------------------- */

/* The services under other numbers than the configuration has, and one of them not at all. */
static struct catalogue *other_numbers(void)
{
    struct catalogue *catalogue = catalogue_new();
    struct service service = {.id = "qwen3-8b", .local = 1};

    assert_non_null(catalogue);
    assert_true(catalogue_set_service(catalogue, 0, &service));
    snprintf(service.id, sizeof(service.id), "local-vllm");
    assert_true(catalogue_set_service(catalogue, 1, &service));
    return catalogue;
}

#define VLLM(model, tokens) "vllm:generation_tokens_total{model_name=\"" model "\"} " #tokens "\n"

static void await_answers(const struct counters_sources *given, unsigned answers)
{
    while (server.requests < answers || server.connection >= 0) {
        given->sample(given->context);
        serve();
    }
    given->sample(given->context); /* reads the end of it */
}

static void services_have_the_numbers_of_who_is_told(void **state)
{
    struct catalogue *catalogue = other_numbers();
    struct counters_sources given;
    struct server_use uses[8];
    uint64_t tokens[2] = {0, 0};
    char url[64];
    size_t count;

    (void)state;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/metrics", serve_on_loopback());
    ask_a_server(url, "");
    add_model("known", catalogue_find(config->catalogue, "qwen3-8b"));
    add_model("foreign", catalogue_find(config->catalogue, "mistral-small-24b"));
    open_sources();
    given = hostsources_counters(sources);
    assert_int_equal(given.take_use(given.context, uses, 8), 0);
    hostsources_set_rules(sources, catalogue, config->directions);
    server.answer = PLAIN VLLM("known", 10) VLLM("foreign", 20) VLLM("other", 30);
    await_answers(&given, 1);
    server.answer = PLAIN VLLM("known", 11) VLLM("foreign", 22) VLLM("other", 33);
    await_answers(&given, 2);
    count = given.take_use(given.context, uses, 8);
    for (size_t i = 0; i < count; i++) {
        assert_true(uses[i].service_id < 2);
        tokens[uses[i].service_id] += uses[i].tokens_out;
    }
    assert_int_equal(tokens[0], 1);
    assert_int_equal(tokens[1], 2 + 3); /* nobody there knows the service of the second */
    catalogue_free(catalogue);
}

static void a_server_that_does_not_answer_is_told_of(void **state)
{
    struct counters_sources given;
    struct power_source_state said;
    char url[64];
    bool told = false;

    (void)state;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/metrics", serve_on_loopback());
    stop_serving();
    ask_a_server(url, "");
    open_sources();
    hostsources_set_rules(sources, config->catalogue, config->directions);
    given = hostsources_counters(sources);
    while (!told) {
        given.sample(given.context);
        while (hostsources_next_state(sources, &said)) {
            told |= strcmp(said.name, url) == 0 && said.problem[0] != '\0';
            hostsources_told(sources, &said);
        }
    }
}

static struct counters_sources ask_on_loopback(char url[64])
{
    snprintf(url, 64, "http://127.0.0.1:%u/metrics", serve_on_loopback());
    ask_a_server(url, "");
    open_sources();
    hostsources_set_rules(sources, config->catalogue, config->directions);
    return hostsources_counters(sources);
}

/* A counter with a value, or so many labels, that nobody can read is not counted, and not silently.
 */
static void lines_that_cannot_be_read_are_told_of(void **state)
{
    struct counters_sources given;
    struct power_source_state said;
    char url[64];

    (void)state;
    given = ask_on_loopback(url);
    for (unsigned i = 1; i <= 2; i++) {
        bool told = false;

        server.answer = i == 1 ? PLAIN VLLM("a", 5) VLLM("b", five) : PLAIN VLLM("a", 5);
        await_answers(&given, i);
        while (hostsources_next_state(sources, &said)) {
            told |= strcmp(said.name, url) == 0 && strstr(said.problem, "cannot be read");
            hostsources_told(sources, &said);
        }
        assert_int_equal(told, i == 1);
    }
}

/* What grew since it was told, and no more. */
static void a_new_start_is_told_once(void **state)
{
    struct counters_sources given;
    struct power_source_state said;
    uint32_t restarts = 0;
    char url[64];

    (void)state;
    given = ask_on_loopback(url);
    for (unsigned i = 1; i <= 3; i++) {
        server.answer = i == 1   ? PLAIN VLLM("a", 50)
                        : i == 2 ? PLAIN VLLM("a", 20)
                                 : PLAIN VLLM("a", 10);
        await_answers(&given, i);
        while (hostsources_next_state(sources, &said)) {
            if (strcmp(said.name, url) == 0)
                restarts += said.restarts;
            if (i != 2) /* else it comes again */
                hostsources_told(sources, &said);
        }
        assert_int_equal(restarts, i == 3 ? 1 + 2 : i - 1);
    }
    assert_false(hostsources_next_state(sources, &said));
}

/* The one began anew; the other, of the same name, is not there. */
static void servers_of_one_name_are_not_mixed_up(void **state)
{
    struct inference_config *inference = &config->inference;
    struct counters_sources given;
    struct power_source_state said;
    uint64_t restarts = 0, missed_s = 0;
    char url[64];

    (void)state;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/metrics", serve_on_loopback());
    ask_a_server(url, "");
    inference->server_count = 2;
    inference->servers[1] = inference->servers[0];
    inference->servers[1].port = 8001;
    inference->scrapes[1] = inference->scrapes[0];
    snprintf(inference->scrapes[1].socket_path, sizeof(inference->scrapes[1].socket_path),
             "/nonexistent/socket");
    open_sources();
    hostsources_set_rules(sources, config->catalogue, config->directions);
    given = hostsources_counters(sources);
    for (unsigned i = 1; i <= 3; i++) {
        server.answer = i == 1 ? PLAIN VLLM("a", 50) : i == 2 ? PLAIN VLLM("a", 20) : PLAIN;
        await_answers(&given, i);
        while (hostsources_next_state(sources, &said)) {
            restarts += said.restarts;
            missed_s += said.missed_s;
            hostsources_told(sources, &said);
        }
    }
    assert_int_equal(restarts, 1);
    assert_true(missed_s < 3600);
    assert_false(hostsources_next_state(sources, &said)); /* nothing is told over and over */
}

static int64_t wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Several tries: the machine may be busy between one clock and the other. */
static void its_seconds_begin_with_those_of_the_wall_clock(void **state)
{
    int64_t apart_ns = INT64_MAX;

    (void)state;
    for (int i = 0; i < 10 && apart_ns > 1000000; i++) {
        open_sources();
        apart_ns = llabs(hostsources_now_ns(sources) % 1000000000 - wall_ns() % 1000000000);
        hostsources_close(sources);
    }
    sources = NULL;
    assert_true(apart_ns <= 1000000);
}

/* Those who read meters stamp by the same clock: what is read right after a second has begun is of
 * that second, and completes the one before. By another clock it would be of the one before, as the
 * two are apart by a part of a second that chance drew when the machine started. */
static void its_readings_are_of_its_seconds(void **state)
{
    const struct timespec pause = {0, 1000000};
    struct counters_sources given;
    int64_t second_ns;

    (void)state;
    tree_copy("rapl_intel_2s_server");
    open_sources();
    given = hostsources_counters(sources);
    second_ns = hostsources_now_ns(sources) / 1000000000 * 1000000000 + 1000000000;
    while (hostsources_now_ns(sources) < second_ns)
        nanosleep(&pause, NULL);
    given.sample(given.context);
    assert_true(given.complete(given.context, second_ns));
    assert_false(given.complete(given.context, second_ns + 60 * INT64_C(1000000000)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_not_told_comes_again, setup, teardown),
        cmocka_unit_test_setup_teardown(the_devices_are_those_of_the_meters, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_host_there_is_nothing_to_read, setup, teardown),
        cmocka_unit_test_setup_teardown(files_and_the_network_are_asked_for_where_they_are_needed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(services_have_the_numbers_of_who_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_does_not_answer_is_told_of, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_that_cannot_be_read_are_told_of, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_start_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(its_seconds_begin_with_those_of_the_wall_clock, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(its_readings_are_of_its_seconds, setup, teardown),
        cmocka_unit_test_setup_teardown(servers_of_one_name_are_not_mixed_up, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
