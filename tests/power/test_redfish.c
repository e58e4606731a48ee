/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/redfish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/power/bmc.h"

#define FIXTURES IAGMETER_SOURCE_ROOT "/tests/fixtures/counters/text/"

#define ROOT                                                                                       \
    "\"/redfish/v1/\":{\"Chassis\":{\"@odata.id\":\"/redfish/v1/Chassis\"}},"                      \
    "\"/redfish/v1/Chassis\":{\"Members\":[{\"@odata.id\":\"/redfish/v1/Chassis/1\"}]}"
#define CHASSIS                                                                                    \
    "\"/redfish/v1/Chassis/1\":{\"Id\":\"1\","                                                     \
    "\"Power\":{\"@odata.id\":\"/redfish/v1/Chassis/1/Power\"}}"
#define POWER(watts)                                                                               \
    "\"/redfish/v1/Chassis/1/Power\":{\"PowerControl\":[{\"PowerConsumedWatts\":" watts "}]}"

enum { ENERGY_CHANNEL, POWER_CHANNEL };

static void serve_documents(const char *documents)
{
    char script[8192];

    snprintf(script, sizeof(script), "{\"documents\":{%s}}", documents);
    serve(script);
}

static void use_password(const char *user, const char *password)
{
    char path[PATH_MAX];

    scratch_write("password", password);
    scratch_path(path, "password");
    assert_int_equal(chmod(path, 0640), 0);
    snprintf(options.user, sizeof(options.user), "%s", user);
    snprintf(options.password_file, sizeof(options.password_file), "%s", path);
}

static int setup(void **state)
{
    if (setup_source(state) != 0)
        return -1;
    if (testable)
        start_bmc(5);
    overhear_start();
    return 0;
}

static int teardown(void **state)
{
    return teardown_asked(state, &bmc);
}

/* How often REQUEST was made. */
static unsigned requests(const char *request)
{
    static char text[1U << 16];
    char path[PATH_MAX];
    FILE *stream;

    scratch_path(path, "requests");
    stream = fopen(path, "re");
    text[stream ? fread(text, 1, sizeof(text) - 1, stream) : 0] = '\0';
    if (stream)
        fclose(stream);
    return count_of(text, request);
}

static void assert_watts(double watts)
{
    /* What was fetched before the script changed may still come. */
    do
        assert_int_equal(await(POWER_CHANNEL), POWER_OK);
    while (last_reading.value != (uint64_t)(watts * 1000));
}

static void power_is_found_from_the_root(void **state)
{
    NEEDS_BMC;
    serve_documents(ROOT "," CHASSIS "," POWER("344"));
    open_source(&power_redfish, &options);
    assert_int_equal(channel_count, 2);
    assert_int_equal(channels[POWER_CHANNEL].part, POWER_PART_WALL);
    assert_int_equal(channels[POWER_CHANNEL].quantity, POWER_QUANTITY_POWER);
    assert_int_equal(channels[ENERGY_CHANNEL].quantity, POWER_QUANTITY_ENERGY);
    assert_int_equal(channels[POWER_CHANNEL].place, channels[ENERGY_CHANNEL].place);
    atomic_store(&clock_ns, 7);
    assert_int_equal(await(POWER_CHANNEL), POWER_OK);
    assert_last(POWER_CHANNEL, 344);
    assert_int_equal(await(ENERGY_CHANNEL), POWER_UNSUPPORTED);
    serve_documents(ROOT "," CHASSIS "," POWER("345.5"));
    assert_watts(345.5);
    assert_int_equal(last_reading.at_ns, 7);
    /* The way is not walked again. */
    assert_int_equal(requests("GET /redfish/v1/ none"), 1);
}

/* Reads a document of the recordings. */
static void append_file(char *text, size_t size, const char *name)
{
    size_t used = strlen(text);
    char path[400];
    FILE *stream;

    snprintf(path, sizeof(path), FIXTURES "%s", name);
    stream = fopen(path, "re");
    assert_non_null(stream);
    text[used + fread(text + used, 1, size - used - 1, stream)] = '\0';
    fclose(stream);
}

static void recorded_documents_give_power_and_refuse_a_coarse_counter(void **state)
{
    char text[4096] = ROOT ",\"/redfish/v1/Chassis/1\":{\"Id\":\"1\",\"EnvironmentMetrics\":"
                           "{\"@odata.id\":\"/redfish/v1/Chassis/1/EnvironmentMetrics\"},"
                           "\"Power\":{\"@odata.id\":\"/redfish/v1/Chassis/1/Power\"}},"
                           "\"/redfish/v1/Chassis/1/EnvironmentMetrics\":";

    NEEDS_BMC;
    append_file(text, sizeof(text), "redfish_Chassis_1_EnvironmentMetrics.json");
    strcat(text, ",\"/redfish/v1/Chassis/1/Power\":");
    append_file(text, sizeof(text), "redfish_Chassis_1_Power.json");
    serve_documents(text);
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_OK);
    assert_last(POWER_CHANNEL, 374);
    assert_int_equal(await(ENERGY_CHANNEL), POWER_UNSUPPORTED);
}

static void zeroes_are_unsupported(void **state)
{
    char text[4096] = ROOT "," CHASSIS ",\"/redfish/v1/Chassis/1/Power\":";

    NEEDS_BMC;
    append_file(text, sizeof(text), "redfish_unsupported_zeroes_hp_gen8.json");
    serve_documents(text);
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_UNSUPPORTED);
    assert_int_equal(await(ENERGY_CHANNEL), POWER_UNSUPPORTED);
}

#define ENVIRONMENT(kwh, reset)                                                                    \
    "\"/redfish/v1/Chassis/1\":{\"Id\":\"1\",\"EnvironmentMetrics\":"                              \
    "{\"@odata.id\":\"/e\"}},\"/e\":{\"PowerWatts\":{\"Reading\":300},"                            \
    "\"EnergykWh\":{\"Reading\":" kwh ",\"SensorResetTime\":\"" reset "\"}}"

static void a_fine_counter_of_energy_is_given_and_its_reset_told(void **state)
{
    NEEDS_BMC;
    serve_documents(ROOT "," ENVIRONMENT("12.345", "2025"));
    open_source(&power_redfish, &options);
    assert_int_equal(await(ENERGY_CHANNEL), POWER_OK);
    assert_last(ENERGY_CHANNEL, 12.345 * 3.6e6);
    /* Not less fine for ending in a zero. */
    serve_documents(ROOT "," ENVIRONMENT("12.35", "2025"));
    do
        assert_int_equal(await(ENERGY_CHANNEL), POWER_OK);
    while (last_reading.value != 44460000);
    /* More than before, but counted from another day on. */
    serve_documents(ROOT "," ENVIRONMENT("12.351", "2026"));
    await_status(ENERGY_CHANNEL, POWER_ANEW);
}

static void of_nested_chassis_the_outer_one_counts(void **state)
{
    NEEDS_BMC;
    serve_documents(
        "\"/redfish/v1/\":{\"Chassis\":{\"@odata.id\":\"/c\"}},"
        "\"/c\":{\"Members\":[{\"@odata.id\":\"/gpu\"},{\"@odata.id\":\"/all\"},"
        "{\"@odata.id\":\"/nvme\"}]},"
        "\"/gpu\":{\"Power\":{\"@odata.id\":\"/gpu/p\"},\"Links\":{\"ContainedBy\":{\"@odata.id\":"
        "\"/all\"}}},\"/gpu/p\":{\"PowerControl\":[{\"PowerConsumedWatts\":400}]},"
        "\"/all\":{\"Power\":{\"@odata.id\":\"/all/p\"}},"
        "\"/all/p\":{\"PowerControl\":[{\"PowerConsumedWatts\":900}]},\"/nvme\":{\"Id\":\"n\"}");
    open_source(&power_redfish, &options);
    assert_watts(900);
}

#define NESTED(outer)                                                                              \
    "\"/redfish/v1/\":{\"Chassis\":{\"@odata.id\":\"/c\"}},"                                       \
    "\"/c\":{\"Members\":[{\"@odata.id\":\"/all\"},{\"@odata.id\":\"/gpu\"},"                      \
    "{\"@odata.id\":\"/old\"}]},"                                                                  \
    "\"/gpu\":{\"Power\":{\"@odata.id\":\"/gpu/p\"},\"Links\":{\"ContainedBy\":{\"@odata.id\":"    \
    "\"/all\"}}},\"/gpu/p\":{\"PowerControl\":[{\"PowerConsumedWatts\":400}]},"                    \
    "\"/old\":{\"Power\":{\"@odata.id\":\"/old/p\"}},"                                             \
    "\"/all\":{\"Id\":\"all\",\"Power\":{\"@odata.id\":\"/all/p\"}},\"/all/p\":" outer

/* As a BMC does that is being started. A document that is not there (/old/p) is an answer. */
static void while_the_outer_chassis_does_not_answer_an_inner_one_is_not_the_whole(void **state)
{
    static const char *const faults[] = {"{\"$status\":503}", "{\"$raw\":\"{\"}"};

    NEEDS_BMC;
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        char text[2048];

        snprintf(text, sizeof(text), NESTED("%s"), faults[i]);
        serve_documents(text);
        open_source(&power_redfish, &options);
        assert_int_equal(await(POWER_CHANNEL), POWER_FAILED);
        serve_documents(NESTED("{\"PowerControl\":[{\"PowerConsumedWatts\":900}]}"));
        await_status(POWER_CHANNEL, POWER_OK);
        assert_last(POWER_CHANNEL, 900);
        close_source();
    }
}

#define TWO_CHASSIS                                                                                \
    "\"/redfish/v1/\":{\"Chassis\":{\"@odata.id\":\"/c\"}},"                                       \
    "\"/c\":{\"Members\":[{\"@odata.id\":\"/a\"},{\"@odata.id\":\"/b\"}]},"                        \
    "\"/a\":{\"Id\":\"node-a\",\"Power\":{\"@odata.id\":\"/a/p\"}},"                               \
    "\"/a/p\":{\"PowerControl\":[{\"PowerConsumedWatts\":400}]},"                                  \
    "\"/b\":{\"Id\":\"node-b\",\"Power\":{\"@odata.id\":\"/b/p\"}},"                               \
    "\"/b/p\":{\"PowerControl\":[{\"PowerConsumedWatts\":500}]}"

static void of_two_chassis_side_by_side_one_must_be_named(void **state)
{
    NEEDS_BMC;
    serve_documents(TWO_CHASSIS);
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_FAILED);
    close_source();
    snprintf(options.chassis, sizeof(options.chassis), "node-b");
    open_source(&power_redfish, &options);
    assert_watts(500);
    close_source();
    snprintf(options.chassis, sizeof(options.chassis), "node-c");
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_UNSUPPORTED);
}

#define SECURED(password, rest)                                                                    \
    "{\"user\":\"meter\",\"password\":\"" password "\"," rest "\"documents\":{" ROOT "," CHASSIS   \
    "," POWER("344") "}}"

static void a_session_is_kept_and_ended(void **state)
{
    NEEDS_BMC;
    serve(SECURED("secret1", ""));
    use_password("meter", "secret1\n");
    open_source(&power_redfish, &options);
    for (int i = 0; i < 3; i++)
        assert_watts(344);
    close_source();
    assert_int_equal(requests("POST "), 1);
    assert_int_equal(requests("basic"), 0);
    assert_int_equal(requests("DELETE /redfish/v1/SessionService/Sessions/1 session"), 1);
}

static void a_session_that_ran_out_is_begun_anew(void **state)
{
    NEEDS_BMC;
    serve(SECURED("secret1", "\"expire\":5,"));
    use_password("meter", "secret1\n");
    open_source(&power_redfish, &options);
    for (int i = 0; i < 6; i++)
        assert_watts(344);
    assert_true(requests("POST ") >= 2);
}

static void the_password_may_go_with_each_request(void **state)
{
    NEEDS_BMC;
    serve(SECURED("secret1", ""));
    use_password("meter", "secret1\n");
    options.login = REDFISH_BASIC;
    open_source(&power_redfish, &options);
    assert_watts(344);
    assert_int_equal(requests("POST "), 0);
    assert_true(requests("GET /redfish/v1/Chassis/1/Power basic") >= 1);
}

static void a_wrong_password_is_denied(void **state)
{
    NEEDS_BMC;
    serve(SECURED("secret1", ""));
    use_password("meter", "secret2\n");
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_DENIED);
    close_source();
    options.login = REDFISH_BASIC;
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_DENIED);
}

static void an_open_password_file_is_refused(void **state)
{
    (void)state;
    use_password("meter", "secret1\n");
    assert_int_equal(chmod(options.password_file, 0644), 0);
    snprintf(options.url, sizeof(options.url), "https://127.0.0.1:1");
    refuse_source(&power_redfish, &options, "chmod 640");
}

static void a_certificate_that_nobody_vouches_for_is_refused(void **state)
{
    NEEDS_BMC;
    serve_documents(ROOT "," CHASSIS "," POWER("344"));
    options.ca_file[0] = '\0';
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_FAILED);
    close_source();
    assert_int_equal(requests("GET"), 0);
    options.verify = false;
    open_source(&power_redfish, &options);
    assert_watts(344);
}

static void a_certificate_of_another_host_is_refused(void **state)
{
    char *address;

    NEEDS_BMC;
    serve_documents(ROOT "," CHASSIS "," POWER("344"));
    address = strstr(options.url, "127.0.0.1");
    memmove(address, "localhost", strlen("localhost"));
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_FAILED);
    assert_int_equal(requests("GET"), 0);
}

static void a_pinned_key_is_enough_and_another_is_not(void **state)
{
    char path[PATH_MAX];
    FILE *stream;

    NEEDS_BMC;
    serve_documents(ROOT "," CHASSIS "," POWER("344"));
    options.ca_file[0] = '\0';
    snprintf(path, sizeof(path), "%s/pin", keys);
    stream = fopen(path, "re");
    assert_non_null(stream);
    assert_int_equal(fscanf(stream, "%127s", options.pin), 1);
    fclose(stream);
    open_source(&power_redfish, &options);
    assert_watts(344);
    close_source();
    options.pin[strlen("sha256//")] ^= 1;
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_FAILED);
}

static void it_is_followed_on_its_host_and_not_elsewhere(void **state)
{
    char text[4096];

    NEEDS_BMC;
    serve_documents("\"/redfish/v1/\":{\"Chassis\":{\"@odata.id\":\"/old\"}},"
                    "\"/old\":{\"$location\":\"/redfish/v1/Chassis\"}," ROOT "," CHASSIS
                    "," POWER("344"));
    open_source(&power_redfish, &options);
    assert_watts(344);
    close_source();
    snprintf(text, sizeof(text),
             ROOT "," CHASSIS ",\"/redfish/v1/Chassis/1/Power\":{\"$location\":"
                  "\"https://localhost%s/power\"}",
             strrchr(options.url, ':'));
    /* So that nothing else stops it. */
    options.verify = false;
    serve_documents(text);
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_FAILED);
    close_source();
    assert_int_equal(requests("GET /power"), 0);
    serve_documents(ROOT "," CHASSIS ",\"/redfish/v1/Chassis/1/Power\":{\"$location\":"
                         "\"/redfish/v1/Chassis/1/Power\"}");
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_FAILED);
}

static void whatever_is_wrong_is_a_failure_and_can_end(void **state)
{
    static const char *const documents[] = {
        "{\"$raw\":\"not JSON\"}", "{\"$raw\":\"[]\"}", "{\"$raw\":\"\"}",
        "{\"$status\":500}",       "{\"$status\":404}",
    };
    char text[4096];

    NEEDS_BMC;
    for (size_t i = 0; i < sizeof(documents) / sizeof(*documents); i++) {
        snprintf(text, sizeof(text), ROOT "," CHASSIS ",\"/redfish/v1/Chassis/1/Power\":%s",
                 documents[i]);
        serve_documents(text);
        open_source(&power_redfish, &options);
        assert_int_equal(await(POWER_CHANNEL), POWER_FAILED);
        serve_documents(ROOT "," CHASSIS "," POWER("344"));
        await_status(POWER_CHANNEL, POWER_OK);
        close_source();
    }
}

static void a_document_without_end_is_given_up(void **state)
{
    static char script[(1 << 20) + 4096];
    size_t used;

    NEEDS_BMC;
    used = (size_t)snprintf(script, sizeof(script),
                            "{\"documents\":{" ROOT "," CHASSIS
                            ",\"/redfish/v1/Chassis/1/Power\":{\"x\":\"");
    memset(script + used, 'x', (1 << 20) + 10);
    snprintf(script + used + (1 << 20) + 10, 100, "\"}}}");
    serve(script);
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_FAILED);
}

/* Were it waited for, this test would take the time-out of 20 s, and more. */
static void a_service_that_never_answers_does_not_hold_up_reading_or_closing(void **state)
{
    NEEDS_BMC;
    serve_documents("\"/redfish/v1/\":{\"$silent\":true}");
    options.timeout_ms = 3600000;
    open_source(&power_redfish, &options);
    while (requests("GET /redfish/v1/") == 0)
        usleep(1000);
    assert_status(POWER_CHANNEL, POWER_NOT_YET);
    close_source();
}

static void a_service_that_is_not_there_fails_and_may_come(void **state)
{
    NEEDS_BMC;
    serve_documents("\"/redfish/v1/\":{\"$silent\":true}");
    options.timeout_ms = 100;
    open_source(&power_redfish, &options);
    assert_int_equal(await(POWER_CHANNEL), POWER_FAILED);
    options.timeout_ms = 20000;
    serve_documents(ROOT "," CHASSIS "," POWER("344"));
    await_status(POWER_CHANNEL, POWER_OK);
}

static void without_configuration_there_is_none(void **state)
{
    (void)state;
    refuse_source(&power_redfish, NULL, "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(power_is_found_from_the_root),
        TEST(recorded_documents_give_power_and_refuse_a_coarse_counter),
        TEST(zeroes_are_unsupported),
        TEST(a_fine_counter_of_energy_is_given_and_its_reset_told),
        TEST(of_nested_chassis_the_outer_one_counts),
        TEST(while_the_outer_chassis_does_not_answer_an_inner_one_is_not_the_whole),
        TEST(of_two_chassis_side_by_side_one_must_be_named),
        TEST(a_session_is_kept_and_ended),
        TEST(a_session_that_ran_out_is_begun_anew),
        TEST(the_password_may_go_with_each_request),
        TEST(a_wrong_password_is_denied),
        TEST(an_open_password_file_is_refused),
        TEST(a_certificate_that_nobody_vouches_for_is_refused),
        TEST(a_certificate_of_another_host_is_refused),
        TEST(a_pinned_key_is_enough_and_another_is_not),
        TEST(it_is_followed_on_its_host_and_not_elsewhere),
        TEST(whatever_is_wrong_is_a_failure_and_can_end),
        TEST(a_document_without_end_is_given_up),
        TEST(a_service_that_never_answers_does_not_hold_up_reading_or_closing),
        TEST(a_service_that_is_not_there_fails_and_may_come),
        TEST(without_configuration_there_is_none),
    };

    return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
