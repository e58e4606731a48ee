/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/memorylimit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/scratch.h"

#include <sys/mman.h>

/* A machine below the scratch directory. */

#define GIB (UINT64_C(1) << 30)

static int setup(void **state)
{
    static const char *const directories[] = {"proc",
                                              "proc/self",
                                              "sys",
                                              "sys/fs",
                                              "sys/fs/cgroup",
                                              "sys/fs/cgroup/system.slice",
                                              "sys/fs/cgroup/system.slice/iagmeterd.service"};

    if (scratch_setup(state) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
        scratch_mkdir(directories[i]);
    scratch_write("proc/self/cgroup", "0::/system.slice/iagmeterd.service\n");
    return 0;
}

static void limit(const char *group, const char *text)
{
    char name[PATH_MAX];

    snprintf(name, sizeof(name), "sys/fs/cgroup%s/memory.max", group);
    scratch_write(name, text);
}

static uint64_t read_here(void)
{
    return memorylimit_read(scratch_directory);
}

static void the_least_limit_of_a_group_and_those_around_it_counts(void **state)
{
    (void)state;
    assert_int_equal(read_here(), UINT64_MAX); /* no file tells */
    limit("/system.slice/iagmeterd.service", "max\n");
    assert_int_equal(read_here(), UINT64_MAX);
    limit("/system.slice/iagmeterd.service", "2147483648\n");
    assert_int_equal(read_here(), 2 * GIB);
    limit("/system.slice", "max\n");
    assert_int_equal(read_here(), 2 * GIB);
    limit("/system.slice", "1073741824\n");
    assert_int_equal(read_here(), GIB);
    limit("/system.slice", "4294967296\n");
    limit("", "536870912\n"); /* that of a container */
    assert_int_equal(read_here(), GIB / 2);
}

static void the_first_group_may_be_its_own(void **state)
{
    (void)state;
    scratch_write("proc/self/cgroup", "0::/\n");
    limit("", "1073741824\n");
    limit("/system.slice/iagmeterd.service", "1\n");
    assert_int_equal(read_here(), GIB);
}

/* The first version, and both at once: the line of the second one may be any. */
static void lines_of_the_first_version_are_passed_over(void **state)
{
    (void)state;
    limit("/system.slice/iagmeterd.service", "2147483648\n");
    scratch_write("proc/self/cgroup", "4:memory:/system.slice/iagmeterd.service\n1:cpu:/\n");
    assert_int_equal(read_here(), UINT64_MAX);
    scratch_write("proc/self/cgroup",
                  "10::/\n4:memory:/elsewhere\n0::/system.slice/iagmeterd.service\n1:cpu:/\n");
    assert_int_equal(read_here(), 2 * GIB);
}

static void what_is_not_there_or_no_number_is_no_limit(void **state)
{
    (void)state;
    limit("/system.slice/iagmeterd.service", "");
    assert_int_equal(read_here(), UINT64_MAX);
    assert_int_equal(memorylimit_read("/no/such/machine"), UINT64_MAX);
    assert_int_equal(memorylimit_taken("/no/such/machine"), 0);
}

static void what_was_taken_grows_with_what_is_taken(void **state)
{
    const size_t size = 64 << 20;
    uint64_t before = memorylimit_taken("");
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_true(before > 0);
    assert_int_equal(memorylimit_taken("") - before, size);
    munmap(memory, size);
    scratch_write("proc/self/statm", "1000 200 100 50 0 300 0\n");
    assert_int_equal(memorylimit_taken(scratch_directory), 1000 * sysconf(_SC_PAGESIZE));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_least_limit_of_a_group_and_those_around_it_counts),
        TEST(the_first_group_may_be_its_own),
        TEST(lines_of_the_first_version_are_passed_over),
        TEST(what_is_not_there_or_no_number_is_no_limit),
        TEST(what_was_taken_grows_with_what_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
