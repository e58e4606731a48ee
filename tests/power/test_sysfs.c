/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/sysfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/power/tree.h"

static void a_number_stands_alone(void **state)
{
    static const char *const wrong[] = {"",
                                        "\n",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1\n\n",
                                        "0x1",
                                        "1.5",
                                        "1a",
                                        "18446744073709551616",
                                        "99999999999999999999999"};
    uint64_t number = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (sysfs_parse_number(wrong[i], &number) || number != 7)
            fail_msg("\"%s\" was taken for a number", wrong[i]);
    assert_true(sysfs_parse_number("0", &number));
    assert_int_equal(number, 0);
    assert_true(sysfs_parse_number("240422366267\n", &number));
    assert_int_equal(number, UINT64_C(240422366267));
    assert_true(sysfs_parse_number("18446744073709551615", &number));
    assert_int_equal(number, UINT64_MAX);
}

static void a_suffix_is_a_small_number(void **state)
{
    unsigned number = 7;

    (void)state;
    assert_false(sysfs_parse_suffix("package-", "package-", &number));
    assert_false(sysfs_parse_suffix("package-0-die-1", "package-", &number));
    assert_false(sysfs_parse_suffix("core", "package-", &number));
    assert_false(sysfs_parse_suffix("package-65536", "package-", &number));
    assert_int_equal(number, 7);
    assert_true(sysfs_parse_suffix("package-12", "package-", &number));
    assert_int_equal(number, 12);
}

static void cray_says_number_unit_and_time(void **state)
{
    static const char *const wrong[] = {"",         "1",       "1 J",        "1 W 2 us", "1 J 2",
                                        "1 J 2 ms", "1J 2 us", "1 J 2 us 3", "J 2 us",   "1 J us"};
    uint64_t number = 7;
    uint64_t time_us = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (sysfs_parse_cray(wrong[i], "J", &number, &time_us) || number != 7 || time_us != 7)
            fail_msg("\"%s\" was taken", wrong[i]);
    assert_true(sysfs_parse_cray("120345678 J 1732343432000000 us\n", "J", &number, &time_us));
    assert_int_equal(number, 120345678);
    assert_int_equal(time_us, UINT64_C(1732343432000000));
    assert_true(sysfs_parse_cray("812 W 5 us", "W", &number, &time_us));
    assert_int_equal(number, 812);
}

static void a_file_is_read_again_from_its_beginning(void **state)
{
    struct sysfs_file file;
    uint64_t number = 0;

    (void)state;
    scratch_write("energy_uj", "15\n");
    sysfs_file(&file, scratch_directory, "energy_uj");
    assert_int_equal(sysfs_read_number(&file, &number), POWER_OK);
    assert_int_equal(number, 15);
    scratch_write("energy_uj", "1234\n");
    assert_int_equal(sysfs_read_number(&file, &number), POWER_OK);
    assert_int_equal(number, 1234);
    scratch_write("energy_uj", "");
    assert_int_equal(sysfs_read_number(&file, &number), POWER_FAILED);
    sysfs_close(&file);
    assert_int_equal(file.descriptor, -1);
}

static void what_is_wrong_is_told_apart(void **state)
{
    struct sysfs_file file;
    uint64_t number = 7;

    (void)state;
    sysfs_file(&file, scratch_directory, "absent");
    assert_int_equal(sysfs_read_number(&file, &number), POWER_GONE);
    scratch_mkdir("directory");
    sysfs_file(&file, scratch_directory, "directory");
    assert_int_equal(sysfs_read_number(&file, &number), POWER_FAILED);
    scratch_write("text", "N/A\n");
    sysfs_file(&file, scratch_directory, "text");
    assert_int_equal(sysfs_read_number(&file, &number), POWER_FAILED);
    assert_int_equal(number, 7);
    sysfs_close(&file);
}

static void read_forbidden(void)
{
    struct sysfs_file file;
    uint64_t number = 7;

    sysfs_file(&file, scratch_directory, "secret");
    assert_int_equal(sysfs_read_number(&file, &number), POWER_DENIED);
    assert_int_equal(number, 7);
}

static void no_permission_is_no_zero(void **state)
{
    char path[PATH_MAX];

    (void)state;
    scratch_write("secret", "0\n");
    scratch_path(path, "secret");
    chmod(path, 0);
    tree_as_nobody(read_forbidden);
}

static void a_path_that_is_too_long_is_no_file(void **state)
{
    char path[PATH_MAX] = "unset";
    char directory[PATH_MAX];

    (void)state;
    memset(directory, 'a', sizeof(directory) - 1);
    directory[sizeof(directory) - 1] = '\0';
    sysfs_path(path, directory, "name");
    assert_string_equal(path, "");
}

static void a_directory_is_listed_by_number(void **state)
{
    char **names;
    size_t count = 9;

    (void)state;
    scratch_mkdir("hwmon10");
    scratch_mkdir("hwmon2");
    scratch_write(".keep", "");
    names = sysfs_list(scratch_directory, &count);
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "hwmon2");
    assert_string_equal(names[1], "hwmon10");
    sysfs_free(names, count);
    assert_null(sysfs_list("/nonexistent", &count));
    assert_int_equal(count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_stands_alone),
        cmocka_unit_test(a_suffix_is_a_small_number),
        cmocka_unit_test(cray_says_number_unit_and_time),
        TEST(a_file_is_read_again_from_its_beginning),
        TEST(what_is_wrong_is_told_apart),
        TEST(no_permission_is_no_zero),
        cmocka_unit_test(a_path_that_is_too_long_is_no_file),
        TEST(a_directory_is_listed_by_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
