/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/startcheck.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/scratch.h"

#include <grp.h>
#include <sys/wait.h>

#define NOBODY 65534

static char included[PATH_MAX];

/* One that can be started with. */
static struct config *sound(void)
{
    struct config *config = calloc(1, sizeof(*config));

    assert_non_null(config);
    scratch_path(config->path, "iagmeter.conf");
    scratch_path(included, "part.conf");
    snprintf(config->state_directory, sizeof(config->state_directory), "%s", scratch_directory);
    snprintf(config->interfaces[0].name, INTERFACE_NAME_SIZE, "eth0");
    snprintf(config->interfaces[0].filter, FILTER_SIZE, "tcp port 443");
    config->interfaces[0].filter_place = (struct diagnostics_place){included, 12};
    config->interface_count = 1;
    return config;
}

static struct diagnostics *checked(struct config *config, enum start start)
{
    struct diagnostics *diagnostics = diagnostics_new();

    assert_non_null(diagnostics);
    startcheck(config, start, diagnostics);
    free(config);
    return diagnostics;
}

static void what_is_right_is_not_complained_about(void **state)
{
    struct diagnostics *diagnostics = checked(sound(), START_LIVE);

    (void)state;
    assert_no_complaint(diagnostics);
    diagnostics_free(diagnostics);
}

static void a_wrong_filter_is_said_with_its_line(void **state)
{
    struct config *config = sound();
    struct diagnostics *diagnostics;

    (void)state;
    snprintf(config->interfaces[0].filter, FILTER_SIZE, "tcp prot 443");
    diagnostics = checked(config, START_REPLAY);
    assert_complaint(diagnostics, "part.conf", 12, "interface eth0: filter \"tcp prot 443\": ");
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    diagnostics_free(diagnostics);
}

static void a_user_who_does_not_exist_matters_to_root(void **state)
{
    struct config *config = sound();
    struct diagnostics *diagnostics;

    (void)state;
    snprintf(config->user, sizeof(config->user), "no-such-user");
    config->user_place = (struct diagnostics_place){included, 3};
    diagnostics = checked(config, START_LIVE);
    assert_complaint(diagnostics, "part.conf", 3, "user \"no-such-user\" does not exist");
    assert_int_equal(diagnostics_errors(diagnostics), geteuid() == 0);
    diagnostics_free(diagnostics);
}

static void nothing_to_meter_is_wrong_live_alone(void **state)
{
    struct config *config = sound();
    struct diagnostics *diagnostics;

    (void)state;
    config->interface_count = 0;
    diagnostics = checked(config, START_LIVE);
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    assert_non_null(strstr(diagnostics_text(diagnostics, 0), "nothing to meter"));
    diagnostics_free(diagnostics);
    config = sound();
    config->interface_count = 0;
    diagnostics = checked(config, START_CHECK);
    assert_no_complaint(diagnostics);
    diagnostics_free(diagnostics);
}

static void a_state_directory_that_is_none_is_wrong(void **state)
{
    struct config *config = sound();
    struct diagnostics *diagnostics;

    (void)state;
    scratch_write("file", "");
    scratch_path(config->state_directory, "file");
    diagnostics = checked(config, START_LIVE);
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    assert_non_null(strstr(diagnostics_text(diagnostics, 0), "/file is no directory"));
    diagnostics_free(diagnostics);
    config = sound(); /* it is made when the daemon starts */
    scratch_path(config->state_directory, "not-yet");
    diagnostics = checked(config, START_LIVE);
    assert_no_complaint(diagnostics);
    diagnostics_free(diagnostics);
}

/* In a process of its own, which may be somebody who may write nothing here: 0, when that is told.
 */
static int check_as_nobody(void)
{
    struct diagnostics *diagnostics;
    const char *text;

    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        return 2;
    diagnostics = checked(sound(), START_LIVE);
    text = diagnostics_text(diagnostics, 0);
    return text && diagnostics_errors(diagnostics) == 0 &&
                   strstr(text, "cannot be written by this user: Permission denied")
               ? 0
               : 1;
}

static void a_state_directory_that_may_not_be_written_is_told(void **state)
{
    pid_t child;
    int status;

    (void)state;
    assert_int_equal(chmod(scratch_directory, 0555), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(check_as_nobody());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(scratch_directory, 0700), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_right_is_not_complained_about),
        TEST(a_wrong_filter_is_said_with_its_line),
        TEST(a_user_who_does_not_exist_matters_to_root),
        TEST(nothing_to_meter_is_wrong_live_alone),
        TEST(a_state_directory_that_is_none_is_wrong),
        TEST(a_state_directory_that_may_not_be_written_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
