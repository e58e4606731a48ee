/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/secretfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/scratch.h"

static char secret[9];
static char error[400];

static bool read_it(const char *text, mode_t mode)
{
    char path[PATH_MAX];

    scratch_path(path, "password");
    unlink(path);
    if (text) {
        scratch_write("password", text);
        assert_int_equal(chmod(path, mode), 0);
    }
    memset(secret, 'x', sizeof(secret));
    error[0] = '\0';
    return secretfile_read(path, secret, sizeof(secret), error, sizeof(error));
}

static void assert_refused(const char *text, mode_t mode, const char *why)
{
    assert_false(read_it(text, mode));
    assert_string_equal(secret, "");
    if (!strstr(error, why))
        fail_msg("\"%s\" does not say \"%s\"", error, why);
    assert_null(strstr(error, "hunter"));
}

static void the_first_line_is_the_password(void **state)
{
    (void)state;
    assert_true(read_it("hunter2\nhunter3\n", 0640));
    assert_string_equal(secret, "hunter2");
    assert_true(read_it("hunter2", 0600));
    assert_string_equal(secret, "hunter2");
    assert_true(read_it("hunter2\r\n", 0400));
    assert_string_equal(secret, "hunter2");
    assert_true(read_it("a b\tc\n", 0600));
    assert_string_equal(secret, "a b\tc");
}

static void what_follows_the_line_is_wiped(void **state)
{
    (void)state;
    assert_true(read_it("ab\nhunter", 0600));
    for (size_t i = 2; i < sizeof(secret); i++)
        assert_int_equal(secret[i], 0);
}

static void a_file_that_is_open_to_all_is_refused(void **state)
{
    (void)state;
    assert_refused("hunter2\n", 0644, "chmod 640");
    assert_refused("hunter2\n", 0602, "chmod 640");
}

static void a_missing_empty_or_long_one_is_refused(void **state)
{
    (void)state;
    assert_refused(NULL, 0, "No such file");
    assert_refused("", 0600, "empty");
    assert_refused("\nhunter2\n", 0600, "empty");
    assert_refused("hunter234", 0600, "too long");
    assert_refused("hunter234\n", 0600, "too long");
    assert_refused("hunter23456\n", 0600, "too long");
}

static void what_is_no_file_is_not_waited_for(void **state)
{
    char path[PATH_MAX];

    (void)state;
    scratch_path(path, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(secretfile_read(path, secret, sizeof(secret), error, sizeof(error)));
    assert_non_null(strstr(error, "no file"));
    assert_false(secretfile_read(scratch_directory, secret, sizeof(secret), error, sizeof(error)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_is_the_password),
        cmocka_unit_test(what_follows_the_line_is_wiped),
        cmocka_unit_test(a_file_that_is_open_to_all_is_refused),
        cmocka_unit_test(a_missing_empty_or_long_one_is_refused),
        cmocka_unit_test(what_is_no_file_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
