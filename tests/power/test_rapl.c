/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/rapl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/power/readings.h"

#define ZONES "sys/class/powercap/"

static int teardown(void **state)
{
    close_source();
    return scratch_teardown(state);
}

static void open_fixture(const char *name)
{
    tree_copy(name);
    open_source(&power_rapl, scratch_directory);
}

static void ten_seconds_later(void)
{
    tree_copy("rapl_intel_2s_server_t10s_wrapped");
}

/* Joules by hand: wrap is range - old + new. */
static void intel_with_two_sockets(void **state)
{
    (void)state;
    open_fixture("rapl_intel_2s_server");
    assert_int_equal(found_count, 4);
    assert_channel("package-0", POWER_PART_PACKAGE, 0, UINT64_C(240422366267));
    assert_channel("dram-0", POWER_PART_DRAM, 0, UINT64_C(61203344812));
    assert_channel("package-1", POWER_PART_PACKAGE, 1, UINT64_C(118821284256));
    assert_channel("dram-1", POWER_PART_DRAM, 1, UINT64_C(1203344812));
}

static void a_wrap_is_seen(void **state)
{
    struct counter_piece piece;

    (void)state;
    open_fixture("rapl_intel_2s_server");
    piece = drawn("package-0", 10, ten_seconds_later);
    assert_joules(&piece, 23220.962583, 0);
    assert_int_equal(piece.covered_ns, INT64_C(10000000000));
    tree_copy("rapl_intel_2s_server");
    piece = drawn("dram-0", 10, ten_seconds_later);
    assert_joules(&piece, 4529.654801, 0);
    tree_copy("rapl_intel_2s_server");
    piece = drawn("package-1", 10, ten_seconds_later);
    assert_joules(&piece, 2000, 0);
    tree_copy("rapl_intel_2s_server");
    piece = drawn("dram-1", 10, ten_seconds_later);
    assert_joules(&piece, 200, 0);
}

static void a_laptop_counts_its_package_once(void **state)
{
    (void)state;
    open_fixture("rapl_intel_client_psys_mmio");
    assert_int_equal(found_count, 1); /* not psys, nor core, nor uncore, nor the same by mmio */
    assert_channel("package-0", POWER_PART_PACKAGE, 0, 100000000);
}

static void registers_in_memory_serve_where_there_are_no_others(void **state)
{
    (void)state;
    tree_copy("rapl_intel_client_psys_mmio");
    tree_remove(ZONES "intel-rapl:0");
    tree_remove(ZONES "intel-rapl:0:0");
    tree_remove(ZONES "intel-rapl:0:1");
    open_source(&power_rapl, scratch_directory);
    assert_int_equal(found_count, 1);
    assert_channel("package-0", POWER_PART_PACKAGE, 0, 100100000);
}

static void epyc_a_minute_later(void)
{
    scratch_write(ZONES "intel-rapl:0/energy_uj", "17398262579\n");
}

/* 300 W for a minute, over the end of its 65.5 kJ. */
static void amd_wraps_in_minutes(void **state)
{
    struct counter_piece piece;

    (void)state;
    open_fixture("rapl_amd_epyc");
    assert_int_equal(found_count, 2);
    assert_channel("package-0", POWER_PART_PACKAGE, 0, UINT64_C(64930873566));
    assert_channel("package-1", POWER_PART_PACKAGE, 1, UINT64_C(1930873566));
    assert_int_equal(found_channels[0].range, UINT64_C(65532610987));
    piece = drawn("package-0", 60, epyc_a_minute_later);
    assert_joules(&piece, 18000, 0);
    /* Read too rarely, nobody can know. */
    piece = drawn("package-0", 70, epyc_a_minute_later);
    assert_int_equal(piece.flags, ENERGY_AMBIGUOUS);
}

static void fall(void)
{
    scratch_write(ZONES "intel-rapl:0/energy_uj", "250000000\n");
}

static void without_a_range_a_fall_is_a_lower_bound(void **state)
{
    struct counter_piece piece;

    (void)state;
    open_fixture("rapl_no_max");
    assert_int_equal(found_count, 1);
    assert_channel("package-0", POWER_PART_PACKAGE, 0, UINT64_C(4000000000));
    assert_int_equal(found_channels[0].range, 0);
    piece = drawn("package-0", 10, fall);
    assert_joules(&piece, 250, ENERGY_LOWER_BOUND);
}

static void read_denied(void)
{
    open_source(&power_rapl, scratch_directory);
    assert_int_equal(found_count, 1);
    assert_int_equal(status_of("package-0"), POWER_DENIED);
}

static void no_permission_is_an_error(void **state)
{
    char path[PATH_MAX];

    (void)state;
    tree_copy("rapl_perm_denied");
    scratch_path(path, ZONES "intel-rapl:0/energy_uj");
    chmod(path, 0);
    tree_as_nobody(read_denied);
    /* Granted later, it is read without a new start. */
    chmod(path, 0444);
    assert_channel("package-0", POWER_PART_PACKAGE, 0, 1);
}

static void a_virtual_machine_has_none(void **state)
{
    (void)state;
    open_fixture("rapl_absent_vm");
    assert_null(found_state);
    scratch_mkdir("sys/class/powercap");
    scratch_mkdir("sys/class/powercap/intel-rapl");
    open_source(&power_rapl, scratch_directory);
    assert_null(found_state);
}

static void zero_is_unsupported(void **state)
{
    (void)state;
    tree_copy("rapl_intel_2s_server");
    scratch_write(ZONES "intel-rapl:0:0/energy_uj", "0\n");
    open_source(&power_rapl, scratch_directory);
    assert_int_equal(status_of("dram-0"), POWER_UNSUPPORTED);
    assert_int_equal(status_of("dram-1"), POWER_OK);
}

static void a_zone_may_disappear(void **state)
{
    (void)state;
    open_fixture("rapl_intel_2s_server");
    tree_remove(ZONES "intel-rapl:1");
    assert_int_equal(status_of("package-1"), POWER_GONE);
    assert_int_equal(status_of("package-0"), POWER_OK);
    close_source();
    tree_remove(ZONES "intel-rapl:1:0");
    open_source(&power_rapl, scratch_directory);
    assert_int_equal(found_count, 2);
}

static void nonsense_is_a_failure(void **state)
{
    (void)state;
    open_fixture("rapl_no_max");
    scratch_write(ZONES "intel-rapl:0/energy_uj", "-5\n");
    assert_int_equal(status_of("package-0"), POWER_FAILED);
}

/* Intel's multi-die packages: "package-1-die-0" and so on, each a zone of its own. */
static void dies_of_a_package_add_up(void **state)
{
    static const char *const names[] = {"package-0-die-0", "package-0-die-1", "package-1-die-0",
                                        "package-1-die-1"};
    static const char *const counts[] = {"9000000", "7500000", "9000000", "2000000"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char name[100];

        snprintf(name, sizeof(name), ZONES "intel-rapl:%zu/name", i);
        tree_write(name, names[i]);
        snprintf(name, sizeof(name), ZONES "intel-rapl:%zu/energy_uj", i);
        tree_write(name, counts[i]);
    }
    tree_write(ZONES "intel-rapl:3:0/name", "dram\n");
    tree_write(ZONES "intel-rapl:3:0/energy_uj", "2000\n");
    open_source(&power_rapl, scratch_directory);
    assert_int_equal(found_count, 5);
    assert_channel("package-0-die-1", POWER_PART_PACKAGE, 1, 7500000);
    assert_channel("package-1-die-0", POWER_PART_PACKAGE, 16, 9000000);
    assert_channel("package-1-die-1", POWER_PART_PACKAGE, 17, 2000000);
    assert_channel("dram-1-die-1", POWER_PART_DRAM, 17, 2000);
}

/* As the kernel shows some of AMD's: each die has the counter of the whole socket, read a moment
 * later; also while it wraps. */
static void dies_that_show_the_socket_count_once(void **state)
{
    static const char *const names[] = {"package-0-die-0", "package-0-die-1", "package-0-die-2",
                                        "package-1-die-0"};
    static const char *const counts[] = {"65532400000", "65532500000", "90000", "65532400000"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char name[100];

        snprintf(name, sizeof(name), ZONES "intel-rapl:%zu/name", i);
        tree_write(name, names[i]);
        snprintf(name, sizeof(name), ZONES "intel-rapl:%zu/max_energy_range_uj", i);
        tree_write(name, "65532610987");
        snprintf(name, sizeof(name), ZONES "intel-rapl:%zu/energy_uj", i);
        tree_write(name, counts[i]);
    }
    open_source(&power_rapl, scratch_directory);
    assert_int_equal(found_count, 4);
    assert_channel("package-0-die-0", POWER_PART_PACKAGE, 0, UINT64_C(65532400000));
    assert_channel("package-0-die-1", POWER_PART_OTHER, 1, UINT64_C(65532500000));
    assert_channel("package-0-die-2", POWER_PART_OTHER, 2, 90000);
    assert_channel("package-1-die-0", POWER_PART_PACKAGE, 16, UINT64_C(65532400000));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(intel_with_two_sockets),
        TEST(a_wrap_is_seen),
        TEST(a_laptop_counts_its_package_once),
        TEST(registers_in_memory_serve_where_there_are_no_others),
        TEST(amd_wraps_in_minutes),
        TEST(without_a_range_a_fall_is_a_lower_bound),
        TEST(no_permission_is_an_error),
        TEST(a_virtual_machine_has_none),
        TEST(zero_is_unsupported),
        TEST(a_zone_may_disappear),
        TEST(nonsense_is_a_failure),
        TEST(dies_of_a_package_add_up),
        TEST(dies_that_show_the_socket_count_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
