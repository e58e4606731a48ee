/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/cray.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/power/readings.h"

#define COUNTERS "sys/cray/pm_counters/"

static int teardown(void **state)
{
    close_source();
    return scratch_teardown(state);
}

static void open_fixture(void)
{
    tree_copy("cray");
    open_source(&power_cray, scratch_directory);
}

static void ten_seconds_later(void)
{
    scratch_write(COUNTERS "energy", "120353798 J 1732343442000000 us\n");
    scratch_write(COUNTERS "accel0_energy", "30214845 J 1732343442000000 us\n");
}

static void the_node_has_its_parts_in_it(void **state)
{
    struct counter_piece piece;

    (void)state;
    open_fixture();
    assert_int_equal(found_count, 4);
    assert_channel("accel0_energy", POWER_PART_GPU, 0, 30212345);
    assert_channel("cpu_energy", POWER_PART_OTHER, 0, 5012345);
    assert_channel("memory_energy", POWER_PART_OTHER, 0, 812345);
    piece = drawn("energy", 10, ten_seconds_later);
    assert_joules(&piece, 8120, 0);
    assert_int_equal(found_channels[channel_called("energy")].part, POWER_PART_WALL);
}

static void an_accelerator_counts(void **state)
{
    struct counter_piece piece;

    (void)state;
    open_fixture();
    piece = drawn("accel0_energy", 10, ten_seconds_later);
    assert_joules(&piece, 2500, 0);
}

static void what_did_not_change_is_nothing_new(void **state)
{
    (void)state;
    open_fixture();
    assert_int_equal(status_of("energy"), POWER_OK);
    assert_int_equal(status_of("energy"), POWER_NOT_YET);
    ten_seconds_later();
    assert_int_equal(status_of("energy"), POWER_OK);
}

static void what_is_no_counter_is_an_error(void **state)
{
    (void)state;
    open_fixture();
    scratch_write(COUNTERS "energy", "812 W 1732343432000000 us\n");
    assert_int_equal(status_of("energy"), POWER_FAILED);
    scratch_write(COUNTERS "energy", "0 J 1732343432000000 us\n");
    assert_int_equal(status_of("energy"), POWER_UNSUPPORTED);
    tree_remove(COUNTERS "accel0_energy");
    assert_int_equal(status_of("accel0_energy"), POWER_GONE);
}

static void other_machines_have_none(void **state)
{
    (void)state;
    tree_copy("rapl_absent_vm");
    open_source(&power_cray, scratch_directory);
    assert_null(found_state);
    tree_write(COUNTERS "freshness", "5\n");
    tree_write(COUNTERS "power", "812 W 1732343432000000 us\n");
    tree_write(COUNTERS "accel_energy", "1 J 1 us\n");
    tree_write(COUNTERS "accel0_power_cap", "0 W\n");
    open_source(&power_cray, scratch_directory);
    assert_null(found_state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_node_has_its_parts_in_it),       TEST(an_accelerator_counts),
        TEST(what_did_not_change_is_nothing_new), TEST(what_is_no_counter_is_an_error),
        TEST(other_machines_have_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
