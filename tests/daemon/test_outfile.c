/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/outfile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/overhear.h"
#include "tests/daemon/shipped.h"

static bool write_text(const void *context, FILE *stream)
{
    return fputs(context, stream) >= 0;
}

/* Half of it, as on a disk that is full. */
static bool write_half(const void *context, FILE *stream)
{
    fputs(context, stream);
    errno = ENOSPC;
    return false;
}

static void assert_holds(const char *name, const char *expected)
{
    char path[PATH_MAX];
    size_t size;
    char *text;

    scratch_path(path, name);
    text = read_whole(path, &size);
    assert_string_equal(text, expected);
    free(text);
}

static bool is_there(const char *name)
{
    char path[PATH_MAX];
    struct stat status;

    scratch_path(path, name);
    return lstat(path, &status) == 0;
}

static void a_file_takes_the_place_of_another(void **state)
{
    char path[PATH_MAX];

    (void)state;
    scratch_path(path, "out");
    assert_true(outfile_write(path, write_text, "one, and more\n"));
    assert_true(outfile_write(path, write_text, "two\n"));
    assert_holds("out", "two\n");
    assert_false(is_there("out.partial"));
}

static void half_a_file_is_never_seen(void **state)
{
    char path[PATH_MAX];

    (void)state;
    scratch_path(path, "out");
    assert_true(outfile_write(path, write_text, "one\n"));
    overhear_start();
    assert_false(outfile_write(path, write_half, "tw"));
    assert_one_line(overhear_stop(), "iagmeter: ", "/out: No space left on device");
    assert_holds("out", "one\n");
    assert_false(is_there("out.partial"));
}

/* Else the timer's report and the one that root made by hand would not be readable by the same. */
static void what_root_writes_belongs_to_the_directory_s_owner(void **state)
{
    char directory[PATH_MAX], path[PATH_MAX + 8];
    struct stat status;

    (void)state;
    if (geteuid() != 0)
        skip();
    scratch_path(directory, "theirs");
    assert_true(outfile_directory(directory, 0750));
    assert_int_equal(chown(directory, 12345, 23456), 0);
    snprintf(path, sizeof(path), "%s/out", directory);
    assert_true(outfile_write(path, write_text, "one\n"));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, 12345);
    assert_int_equal(status.st_gid, 23456);
}

/* Whoever may write to the directory must not have us write elsewhere. */
static void a_link_in_the_way_is_not_followed(void **state)
{
    char path[PATH_MAX], link[PATH_MAX], target[PATH_MAX];

    (void)state;
    scratch_write("target", "not ours\n");
    scratch_path(path, "out");
    scratch_path(link, "out.partial");
    scratch_path(target, "target");
    assert_int_equal(symlink(target, link), 0);
    assert_true(outfile_write(path, write_text, "ours\n"));
    assert_holds("out", "ours\n");
    assert_holds("target", "not ours\n");
}

static void a_directory_is_made_once(void **state)
{
    char path[PATH_MAX];

    (void)state;
    scratch_path(path, "reports");
    assert_true(outfile_directory(path, 0750));
    assert_true(outfile_directory(path, 0750));
    scratch_path(path, "nowhere/reports");
    overhear_start();
    assert_false(outfile_directory(path, 0750));
    assert_one_line(overhear_stop(), "iagmeter: ", "nowhere/reports: No such file or directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_takes_the_place_of_another),
        TEST(half_a_file_is_never_seen),
        TEST(what_root_writes_belongs_to_the_directory_s_owner),
        TEST(a_link_in_the_way_is_not_followed),
        TEST(a_directory_is_made_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
