/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/snmp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/power/asked.h"
#include "tests/power/freeport.h"

/* Against Net-SNMP's own agent, which answers with what is in a file. */

#define APC       ".1.3.6.1.4.1.318.1.1.26.4.3.1.5.1"
#define APC_COUNT ".1.3.6.1.4.1.318.1.1.26.4.3.1.9.1"
#define EATON     ".1.3.6.1.4.1.534.6.6.7.6.5.1.3.0.3"
#define EATON_WH  ".1.3.6.1.4.1.534.6.6.7.6.5.1.4.0.3"
#define RARITAN   ".1.3.6.1.4.1.13742.6.5.2.3.1.4.1.1.5"
#define DIGITS    ".1.3.6.1.4.1.13742.6.3.3.4.1.7.1.1.5"
#define AVAILABLE ".1.3.6.1.4.1.13742.6.5.2.3.1.2.1.1.5"

static struct helper agent;
static struct snmp_options options;
static bool testable;
static uint16_t port;

static int look_for_agent(void **state)
{
    (void)state;
    testable = helper_exists("snmpd");
    return 0;
}

/* Lines "OID TYPE VALUE". */
static void answer_with(const char *values)
{
    replace_file("values", values);
}

static void start_agent(void)
{
    char configuration[PATH_MAX];
    char log[PATH_MAX];
    char text[4096];
    const char *const arguments[] = {"snmpd", "-f",          "-Lf", log,     "-C",
                                     "-c",    configuration, "-I",  "-smux", NULL};

    snprintf(text, sizeof(text),
             "agentaddress udp:127.0.0.1:%u\nrocommunity secret1\n"
             "createUser meter SHA-256 secret-auth AES secret-priv\nrouser meter auth\n"
             "pass .1.3.6.1.4.1.318 /bin/sh %s/pass\npass .1.3.6.1.4.1.534 /bin/sh %s/pass\n"
             "pass .1.3.6.1.4.1.13742 /bin/sh %s/pass\n",
             port, scratch_directory, scratch_directory, scratch_directory);
    scratch_write("snmpd.conf", text);
    snprintf(text, sizeof(text),
             "[ \"$1\" = -g ] && awk -v oid=\"$2\" '$1 == oid { print $1; print $2; print $3 }' "
             "%s/values\n",
             scratch_directory);
    scratch_write("pass", text);
    scratch_path(configuration, "snmpd.conf");
    scratch_path(log, "log");
    assert_int_equal(setenv("SNMP_PERSISTENT_DIR", scratch_directory, 1), 0);
    agent = helper_start(arguments, log);
}

static struct snmp_unit *add_unit(const char *name, enum pdu_model model,
                                  enum power_quantity quantity, const char *index)
{
    struct snmp_unit *unit = &options.units[options.unit_count++];
    struct pdu_point *point = &unit->points[unit->point_count++];

    snprintf(unit->name, sizeof(unit->name), "%s", name);
    snprintf(unit->host, sizeof(unit->host), "127.0.0.1:%u", port);
    write_secret(unit->community_file, "community", "secret1\n");
    *point = (struct pdu_point){.model = (int)model, .quantity = (int)quantity};
    assert_true(pdu_parse_index(point, index));
    return unit;
}

static void use_version_3(struct snmp_unit *unit, const char *password, const char *privacy)
{
    unit->version = SNMP_V3;
    unit->authentication = SNMP_SHA256;
    snprintf(unit->user, sizeof(unit->user), "meter");
    write_secret(unit->password_file, "password", password);
    if (privacy)
        write_secret(unit->privacy_file, "privacy", privacy);
}

static int setup(void **state)
{
    if (setup_source(state) != 0)
        return -1;
    memset(&options, 0, sizeof(options));
    options.every_ms = 5;
    options.timeout_ms = 300;
    port = free_port();
    if (testable)
        start_agent();
    overhear_start();
    return 0;
}

static int teardown(void **state)
{
    return teardown_asked(state, &agent);
}

/* Until the agent has begun to answer, which it may take a while for, requests fail. */
static void await_watts(size_t channel, double watts)
{
    do
        await_status(channel, POWER_OK);
    while (last_reading.value != (uint64_t)(watts * 1000));
}

#define NEEDS_AGENT                                                                                \
    (void)state;                                                                                   \
    if (!testable)                                                                                 \
    skip()

static void units_are_those_of_each_maker(void **state)
{
    NEEDS_AGENT;
    answer_with(APC " integer 182\n" EATON " integer 412\n" RARITAN " gauge 1830\n" DIGITS
                    " gauge 1\n" AVAILABLE " integer 1\n");
    add_unit("apc", PDU_APC, POWER_QUANTITY_POWER, "1");
    add_unit("eaton", PDU_EATON, POWER_QUANTITY_POWER, "0.3");
    add_unit("raritan", PDU_RARITAN_INLET, POWER_QUANTITY_POWER, "1.1");
    open_source(&power_snmp, &options);
    assert_int_equal(channel_count, 3);
    assert_string_equal(channels[0].name, "apc/1");
    assert_string_equal(channels[1].name, "eaton/0.3");
    assert_int_equal(channels[1].part, POWER_PART_WALL);
    assert_int_equal(channels[0].place, 0);
    assert_int_equal(channels[2].place, 2);
    await_watts(0, 1820);
    await_watts(1, 412);
    await_watts(2, 183);
    answer_with(APC " integer 183\n" EATON " integer 0\n");
    await_watts(0, 1830);
    await_watts(1, 0);
    await_status(2, POWER_UNSUPPORTED);
}

static void energy_is_counted_in_joules(void **state)
{
    NEEDS_AGENT;
    answer_with(EATON_WH " gauge 3000000000\n");
    add_unit("eaton", PDU_EATON, POWER_QUANTITY_ENERGY, "0.3");
    open_source(&power_snmp, &options);
    assert_int_equal(channels[0].quantity, POWER_QUANTITY_ENERGY);
    await_status(0, POWER_OK);
    assert_last(0, 3e9 * 3600);
}

static void several_points_of_one_unit_are_asked_for(void **state)
{
    struct snmp_unit *unit;

    NEEDS_AGENT;
    answer_with(EATON " integer 412\n.1.3.6.1.4.1.534.6.6.7.6.5.1.3.0.4 integer 410\n");
    unit = add_unit("eaton", PDU_EATON, POWER_QUANTITY_POWER, "0.3");
    unit->points[unit->point_count] = unit->points[0];
    assert_true(pdu_parse_index(&unit->points[unit->point_count++], "0.4"));
    open_source(&power_snmp, &options);
    assert_int_equal(channel_count, 2);
    assert_string_equal(channels[1].name, "eaton/0.4");
    await_watts(0, 412);
    await_watts(1, 410);
}

static void a_point_that_is_not_metered_is_unsupported(void **state)
{
    NEEDS_AGENT;
    answer_with(EATON " integer -1\n");
    add_unit("eaton", PDU_EATON, POWER_QUANTITY_POWER, "0.3");
    add_unit("apc", PDU_APC, POWER_QUANTITY_POWER, "1");
    open_source(&power_snmp, &options);
    await_status(0, POWER_UNSUPPORTED);
    await_status(1, POWER_UNSUPPORTED);
}

static void a_value_that_is_no_number_is_unsupported(void **state)
{
    NEEDS_AGENT;
    answer_with(APC " string 182\n" APC_COUNT " string 05/30/2011\n");
    add_unit("apc", PDU_APC, POWER_QUANTITY_POWER, "1");
    open_source(&power_snmp, &options);
    await_status(0, POWER_UNSUPPORTED);
}

static void a_wrong_community_is_not_answered(void **state)
{
    struct snmp_unit *unit;

    NEEDS_AGENT;
    answer_with(EATON " integer 412\n");
    options.timeout_ms = 100;
    unit = add_unit("eaton", PDU_EATON, POWER_QUANTITY_POWER, "0.3");
    /* So that the agent is known to be there. */
    open_source(&power_snmp, &options);
    await_watts(0, 412);
    close_source();
    write_secret(unit->community_file, "other", "secret2\n");
    open_source(&power_snmp, &options);
    assert_int_equal(await(0), POWER_FAILED);
}

static void version_3_authenticates_and_encrypts(void **state)
{
    struct snmp_unit *unit;

    NEEDS_AGENT;
    answer_with(EATON " integer 412\n");
    unit = add_unit("eaton", PDU_EATON, POWER_QUANTITY_POWER, "0.3");
    use_version_3(unit, "secret-auth\n", "secret-priv\n");
    open_source(&power_snmp, &options);
    await_watts(0, 412);
    close_source();
    /* The library does not go on with the keys that it had. */
    use_version_3(unit, "secret-else\n", NULL);
    open_source(&power_snmp, &options);
    await_status(0, POWER_DENIED);
    close_source();
    use_version_3(unit, "secret-auth\n", NULL);
    unit->privacy_file[0] = '\0';
    open_source(&power_snmp, &options);
    await_watts(0, 412);
}

static void a_short_password_of_version_3_is_told(void **state)
{
    NEEDS_AGENT;
    use_version_3(add_unit("eaton", PDU_EATON, POWER_QUANTITY_POWER, "0.3"), "secret\n", NULL);
    open_source(&power_snmp, &options);
    await_status(0, POWER_DENIED);
}

static void a_unit_that_is_silent_does_not_silence_the_others(void **state)
{
    NEEDS_AGENT;
    answer_with(EATON " integer 412\n");
    options.timeout_ms = 50;
    add_unit("gone", PDU_EATON, POWER_QUANTITY_POWER, "0.3");
    snprintf(options.units[0].host, sizeof(options.units[0].host), "127.0.0.1:%u", free_port());
    add_unit("eaton", PDU_EATON, POWER_QUANTITY_POWER, "0.3");
    open_source(&power_snmp, &options);
    await_status(0, POWER_FAILED);
    for (int i = 0; i < 10; i++)
        await_watts(1, 412);
}

static void an_agent_that_starts_anew_is_found_again(void **state)
{
    NEEDS_AGENT;
    answer_with(EATON " integer 412\n");
    options.timeout_ms = 50;
    use_version_3(add_unit("eaton", PDU_EATON, POWER_QUANTITY_POWER, "0.3"), "secret-auth\n",
                  "secret-priv\n");
    open_source(&power_snmp, &options);
    await_watts(0, 412);
    helper_stop(&agent);
    await_status(0, POWER_FAILED);
    start_agent();
    await_watts(0, 412);
}

static void an_open_community_file_is_refused(void **state)
{
    struct snmp_unit *unit = add_unit("eaton", PDU_EATON, POWER_QUANTITY_POWER, "0.3");

    (void)state;
    assert_int_equal(chmod(unit->community_file, 0644), 0);
    refuse_source(&power_snmp, &options, "chmod 640");
}

static void without_configuration_there_is_none(void **state)
{
    (void)state;
    refuse_source(&power_snmp, NULL, "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(units_are_those_of_each_maker),
        TEST(energy_is_counted_in_joules),
        TEST(several_points_of_one_unit_are_asked_for),
        TEST(a_point_that_is_not_metered_is_unsupported),
        TEST(a_value_that_is_no_number_is_unsupported),
        TEST(a_wrong_community_is_not_answered),
        TEST(version_3_authenticates_and_encrypts),
        TEST(a_short_password_of_version_3_is_told),
        TEST(a_unit_that_is_silent_does_not_silence_the_others),
        TEST(an_agent_that_starts_anew_is_found_again),
        TEST(an_open_community_file_is_refused),
        TEST(without_configuration_there_is_none),
    };

    return cmocka_run_group_tests(tests, look_for_agent, NULL);
}
