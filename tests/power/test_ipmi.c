/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/ipmi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/power/asked.h"
#include "tests/power/freeport.h"

/* Against OpenIPMI's simulator of a BMC, to which lib_dcmi.c adds the reading of power. There is no
 * simulator of a kernel's device; what is asked over it is the same. */

static struct helper bmc;
static struct ipmi_options options;
static bool testable;
static uint16_t port;

static int look_for_simulator(void **state)
{
    (void)state;
    testable = helper_exists("ipmi_sim");
    return 0;
}

static void answer_with(const char *numbers)
{
    replace_file("numbers", numbers);
}

static void start_simulator(void)
{
    char configuration[PATH_MAX];
    char commands[PATH_MAX];
    char module[PATH_MAX];
    char log[PATH_MAX];
    char text[3 * PATH_MAX];
    const char *const arguments[] = {"ipmi_sim",        "-c", configuration, "-f", commands, "-s",
                                     scratch_directory, "-n", NULL};

    beside_this_program(module, "lib_dcmi.so");
    snprintf(text, sizeof(text),
             "name \"bmc\"\nloadlib \"%s\" \"%s/numbers\"\nstartlan 1\naddr 127.0.0.1 %u\n"
             "priv_limit admin\nallowed_auths_user md5\nallowed_auths_operator md5\n"
             "allowed_auths_admin md5\nguid a123456789abcdefa123456789abcdef\nendlan\n"
             "user 1 false \"\" \"x\" user 10 md5\nuser 2 true \"meter\" \"secret1\" admin 10 "
             "md5\n",
             module, scratch_directory, port);
    scratch_write("lan.conf", text);
    scratch_write("commands", "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 "
                              "0xf02\nmc_enable 0x20\n");
    scratch_path(configuration, "lan.conf");
    scratch_path(commands, "commands");
    scratch_path(log, "log");
    bmc = helper_start(arguments, log);
}

static void use_password(const char *password)
{
    write_secret(options.password_file, "password", password);
}

static int setup(void **state)
{
    if (setup_source(state) != 0)
        return -1;
    port = free_port();
    options = (struct ipmi_options){.device = "/dev/ipmi0",
                                    .user = "meter",
                                    .cipher_suite = 3,
                                    .privilege = IPMI_AS_ADMIN,
                                    .workarounds = 1U << IPMI_OPENSESSPRIV,
                                    .every_ms = 5,
                                    .timeout_ms = 1000};
    snprintf(options.host, sizeof(options.host), "127.0.0.1:%u", port);
    use_password("secret1\n");
    if (testable)
        start_simulator();
    overhear_start();
    return 0;
}

static int teardown(void **state)
{
    return teardown_asked(state, &bmc);
}

#define NEEDS_SIMULATOR                                                                            \
    (void)state;                                                                                   \
    if (!testable)                                                                                 \
    skip()

/* Until the simulator has begun to answer, which takes a while, requests fail. */
static void await_watts(double watts)
{
    do
        await_status(0, POWER_OK);
    while (last_reading.value != (uint64_t)watts);
}

static void the_power_of_now_is_read_over_the_network(void **state)
{
    NEEDS_SIMULATOR;
    answer_with("0 2578 2118 4294 2567\n");
    open_source(&power_ipmi, &options);
    assert_int_equal(channel_count, 1);
    assert_string_equal(channels[0].name, "dcmi");
    assert_int_equal(channels[0].part, POWER_PART_WALL);
    assert_int_equal(channels[0].quantity, POWER_QUANTITY_POWER);
    await_watts(2578);
    assert_last(0, 2578);
    answer_with("0 332 68 504 348\n");
    await_watts(332);
}

static void a_bmc_that_does_not_measure_is_unsupported(void **state)
{
    NEEDS_SIMULATOR;
    answer_with("0 0 0 0 0 0\n");
    open_source(&power_ipmi, &options);
    await_status(0, POWER_UNSUPPORTED);
    answer_with("193\n");
    await_status(0, POWER_UNSUPPORTED);
    /* Whatever it says, it is asked again. */
    answer_with("0 332 68 504 348\n");
    await_watts(332);
}

static void a_privilege_that_is_too_low_is_denied(void **state)
{
    NEEDS_SIMULATOR;
    answer_with("212\n");
    open_source(&power_ipmi, &options);
    await_status(0, POWER_DENIED);
    close_source();
    answer_with("0 332 68 504 348\n");
    /* The simulator lets administrators ask only. */
    options.privilege = IPMI_AS_USER;
    open_source(&power_ipmi, &options);
    await_status(0, POWER_DENIED);
}

static void a_wrong_password_is_denied(void **state)
{
    NEEDS_SIMULATOR;
    answer_with("0 332 68 504 348\n");
    use_password("secret2\n");
    open_source(&power_ipmi, &options);
    await_status(0, POWER_DENIED);
}

/* The simulator knows the stronger one not: it is not replaced by a weaker one. */
static void a_cipher_suite_that_the_bmc_has_not_is_a_failure(void **state)
{
    NEEDS_SIMULATOR;
    answer_with("0 332 68 504 348\n");
    open_source(&power_ipmi, &options);
    await_watts(332);
    close_source();
    options.cipher_suite = 17;
    open_source(&power_ipmi, &options);
    assert_int_equal(await(0), POWER_FAILED);
}

static void a_bmc_that_starts_anew_is_found_again(void **state)
{
    NEEDS_SIMULATOR;
    answer_with("0 332 68 504 348\n");
    options.timeout_ms = 200;
    open_source(&power_ipmi, &options);
    await_watts(332);
    helper_stop(&bmc);
    await_status(0, POWER_FAILED);
    start_simulator();
    await_watts(332);
}

static void a_device_that_is_missing_or_is_none_is_told(void **state)
{
    (void)state;
    options.host[0] = '\0';
    refuse_source(&power_ipmi, &options, "/dev/ipmi0: No such file");
    scratch_mkdir("dev");
    scratch_write("dev/ipmi0", "");
    open_source(&power_ipmi, &options);
    assert_int_equal(await(0), POWER_FAILED);
}

static void an_open_password_file_is_refused(void **state)
{
    (void)state;
    assert_int_equal(chmod(options.password_file, 0604), 0);
    refuse_source(&power_ipmi, &options, "chmod 640");
}

static void without_configuration_it_is_not_asked(void **state)
{
    (void)state;
    scratch_mkdir("dev");
    scratch_write("dev/ipmi0", "");
    refuse_source(&power_ipmi, NULL, "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_power_of_now_is_read_over_the_network),
        TEST(a_bmc_that_does_not_measure_is_unsupported),
        TEST(a_privilege_that_is_too_low_is_denied),
        TEST(a_wrong_password_is_denied),
        TEST(a_cipher_suite_that_the_bmc_has_not_is_a_failure),
        TEST(a_bmc_that_starts_anew_is_found_again),
        TEST(a_device_that_is_missing_or_is_none_is_told),
        TEST(an_open_password_file_is_refused),
        TEST(without_configuration_it_is_not_asked),
    };

    return cmocka_run_group_tests(tests, look_for_simulator, NULL);
}
