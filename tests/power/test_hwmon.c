/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/hwmon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/power/readings.h"

#define DEVICES "sys/class/hwmon/"

static int teardown(void **state)
{
    close_source();
    return scratch_teardown(state);
}

static void open_tree(void)
{
    close_source();
    open_source(&power_hwmon, scratch_directory);
}

static void open_fixture(const char *name)
{
    tree_copy(name);
    open_tree();
}

/* ---- AMD's GPUs ---- */

static void amdgpu_rises(void)
{
    scratch_write(DEVICES "hwmon3/power1_average", "218000000\n");
}

static void amdgpu_has_an_average(void **state)
{
    struct counter_piece piece;

    (void)state;
    open_fixture("hwmon_amdgpu_average");
    assert_int_equal(found_count, 1);
    assert_channel("amdgpu-hwmon3", POWER_PART_GPU, 0, 118000000);
    piece = drawn("amdgpu-hwmon3", 10, amdgpu_rises);
    assert_joules(&piece, 1680, ENERGY_INTEGRATED);
}

static void amdgpu_has_a_momentary_value_only(void **state)
{
    struct counter_piece piece;

    (void)state;
    open_fixture("hwmon_amdgpu_input_only");
    assert_int_equal(found_count, 1);
    assert_channel("amdgpu-hwmon2", POWER_PART_GPU, 0, 41000000);
    piece = drawn("amdgpu-hwmon2", 10, NULL);
    assert_joules(&piece, 410, ENERGY_INTEGRATED);
}

/* Cards are numbered by the bus, whatever the order in which their drivers came up. */
static void cards_are_known_by_their_place_on_the_bus(void **state)
{
    static const char *const links[][2] = {
        {"../../devices/pci0000:40/0000:43:00.0", DEVICES "hwmon2/device"},
        {"../../devices/pci0000:00/0000:03:00.0", DEVICES "hwmon3/device"},
    };

    (void)state;
    tree_copy("hwmon_amdgpu_average");
    tree_copy("hwmon_amdgpu_input_only");
    for (size_t i = 0; i < 2; i++) {
        char path[PATH_MAX];

        scratch_path(path, links[i][1]);
        assert_int_equal(symlink(links[i][0], path), 0);
    }
    open_tree();
    assert_int_equal(found_count, 2);
    assert_channel("amdgpu-0000:03:00.0", POWER_PART_GPU, 0, 118000000);
    assert_channel("amdgpu-0000:43:00.0", POWER_PART_GPU, 1, 41000000);
}

static void a_half_that_says_zero_is_unsupported(void **state)
{
    (void)state;
    tree_copy("hwmon_amdgpu_average");
    tree_write(DEVICES "hwmon4/name", "amdgpu\n");
    tree_write(DEVICES "hwmon4/power1_average", "0\n");
    open_tree();
    assert_int_equal(found_count, 2);
    assert_int_equal(status_of("amdgpu-hwmon3"), POWER_OK);
    assert_int_equal(status_of("amdgpu-hwmon4"), POWER_UNSUPPORTED);
}

static void a_card_is_unplugged(void **state)
{
    (void)state;
    open_fixture("hwmon_amdgpu_average");
    tree_remove(DEVICES "hwmon3");
    assert_int_equal(status_of("amdgpu-hwmon3"), POWER_GONE);
    open_tree();
    assert_null(found_state);
}

static void read_denied(void)
{
    open_tree();
    assert_int_equal(status_of("amdgpu-hwmon3"), POWER_DENIED);
}

static void no_permission_is_an_error(void **state)
{
    char path[PATH_MAX];

    (void)state;
    tree_copy("hwmon_amdgpu_average");
    scratch_path(path, DEVICES "hwmon3/power1_average");
    chmod(path, 0);
    tree_as_nobody(read_denied);
}

/* ---- Intel's GPUs ---- */

static void i915_rises(void)
{
    scratch_write(DEVICES "hwmon4/energy1_input", "1203493482\n");
}

static void i915_has_one_counter(void **state)
{
    struct counter_piece piece;

    (void)state;
    open_fixture("hwmon_i915");
    assert_int_equal(found_count, 1);
    assert_channel("intel-hwmon4", POWER_PART_GPU, 0, 1202293482);
    piece = drawn("intel-hwmon4", 1, i915_rises);
    assert_joules(&piece, 1.2, 0);
}

static void xe_rises(void)
{
    scratch_write(DEVICES "hwmon4/energy1_input", "8802293482\n");
    scratch_write(DEVICES "hwmon4/energy2_input", "7772293482\n");
}

static void xe_counts_the_card_and_not_its_package_again(void **state)
{
    struct counter_piece piece;

    (void)state;
    open_fixture("hwmon_xe");
    assert_int_equal(found_count, 1);
    assert_channel("intel-hwmon4", POWER_PART_GPU, 0, UINT64_C(8702293482));
    piece = drawn("intel-hwmon4", 1, xe_rises);
    assert_joules(&piece, 100, 0);
}

static void the_card_counts_in_whatever_order(void **state)
{
    (void)state;
    tree_copy("hwmon_xe");
    scratch_write(DEVICES "hwmon4/energy1_label", "pkg\n");
    scratch_write(DEVICES "hwmon4/energy2_label", "card\n");
    tree_write(DEVICES "hwmon40/name", "xe\n");
    tree_write(DEVICES "hwmon40/energy2_input", "5\n");
    tree_write(DEVICES "hwmon40/energy2_label", "pkg\n");
    open_tree();
    assert_int_equal(found_count, 2);
    assert_channel("intel-hwmon4", POWER_PART_GPU, 0, UINT64_C(7702293482));
    assert_channel("intel-hwmon40", POWER_PART_GPU, 1, 5);
}

/* ---- AMD's processors ---- */

static void socket_rises(void)
{
    scratch_write(DEVICES "hwmon5/energy5_input", "398000000\n");
    scratch_write(DEVICES "hwmon5/energy1_input", "9000000\n");
}

static void amd_energy_counts_sockets_without_their_cores(void **state)
{
    struct counter_piece piece;

    (void)state;
    open_fixture("hwmon_amd_energy");
    assert_int_equal(found_count, 1);
    assert_channel("amd_energy-0", POWER_PART_PACKAGE, 0, 98000000);
    piece = drawn("amd_energy-0", 1, socket_rises);
    assert_joules(&piece, 300, 0);
}

/* 128 cores, and two sockets after them. */
static void sockets_stand_after_many_cores(void **state)
{
    (void)state;
    tree_write(DEVICES "hwmon5/name", "amd_energy\n");
    for (unsigned i = 1; i <= 130; i++) {
        char name[100];
        char text[100];

        snprintf(name, sizeof(name), DEVICES "hwmon5/energy%u_input", i);
        tree_write(name, "7\n");
        snprintf(name, sizeof(name), DEVICES "hwmon5/energy%u_label", i);
        snprintf(text, sizeof(text), i <= 128 ? "Ecore%03u\n" : "Esocket%u\n",
                 i <= 128 ? i - 1 : i - 129);
        tree_write(name, text);
    }
    open_tree();
    assert_int_equal(found_count, 2);
    assert_channel("amd_energy-1", POWER_PART_PACKAGE, 1, 7);
}

/* ---- Meters by ACPI ---- */

static void an_acpi_meter_has_the_whole_machine(void **state)
{
    struct counter_piece piece;

    (void)state;
    open_fixture("hwmon_acpi_power_meter");
    assert_int_equal(found_count, 1);
    assert_channel("acpi-hwmon1", POWER_PART_WALL, 0, 412000000);
    assert_int_equal(found_channels[0].every_ms, 1000);
    piece = drawn("acpi-hwmon1", 10, NULL);
    assert_joules(&piece, 4120, ENERGY_INTEGRATED);
}

static void what_it_says_may_stand_in_the_directory_itself(void **state)
{
    (void)state;
    tree_write(DEVICES "hwmon1/name", "power_meter\n");
    tree_write(DEVICES "hwmon1/power1_average", "99000000\n");
    open_tree();
    assert_channel("acpi-hwmon1", POWER_PART_WALL, 0, 99000000);
}

static void a_second_meter_of_everything_is_not_added(void **state)
{
    (void)state;
    tree_copy("hwmon_acpi_power_meter");
    tree_write(DEVICES "hwmon2/name", "power_meter\n");
    tree_write(DEVICES "hwmon2/power1_average", "99000000\n");
    open_tree();
    assert_channel("acpi-hwmon1", POWER_PART_WALL, 0, 412000000);
    assert_channel("acpi-hwmon2", POWER_PART_OTHER, 0, 99000000);
}

static void a_meter_of_some_devices_is_not_of_the_machine(void **state)
{
    (void)state;
    tree_copy("hwmon_acpi_power_meter");
    tree_write(DEVICES "hwmon1/device/measures/PNP0C0A:00", "");
    open_tree();
    assert_channel("acpi-hwmon1", POWER_PART_OTHER, 0, 412000000);
}

static void a_battery_is_no_meter(void **state)
{
    (void)state;
    tree_copy("hwmon_acpi_power_meter");
    scratch_write(DEVICES "hwmon1/device/power1_is_battery", "1\n");
    open_tree();
    assert_null(found_state);
}

static void grace_counts_each_joule_once(void **state)
{
    (void)state;
    open_fixture("hwmon_grace_hopper");
    assert_int_equal(found_count, 4);
    assert_channel("module-0", POWER_PART_MODULE, 0, 612000000);
    assert_channel("grace-0", POWER_PART_PACKAGE, 0, 180000000);
    assert_channel("cpu-0", POWER_PART_OTHER, 0, 120000000);
    assert_channel("sysio-0", POWER_PART_OTHER, 0, 30000000);
    assert_int_equal(found_channels[0].every_ms, 50);
}

static void a_part_of_a_grace_that_is_not_known_is_not_the_machine(void **state)
{
    (void)state;
    tree_copy("hwmon_acpi_power_meter");
    scratch_write(DEVICES "hwmon1/device/power1_oem_info", "HBM Power Socket 0\n");
    open_tree();
    assert_channel("acpi-hwmon1", POWER_PART_OTHER, 0, 412000000);
}

static void zero_watts_are_unsupported(void **state)
{
    (void)state;
    tree_copy("hwmon_acpi_power_meter");
    scratch_write(DEVICES "hwmon1/device/power1_average", "0\n");
    open_tree();
    assert_int_equal(status_of("acpi-hwmon1"), POWER_UNSUPPORTED);
}

static void other_sensors_are_left_alone(void **state)
{
    (void)state;
    open_fixture("rapl_absent_vm");
    assert_null(found_state);
    tree_write(DEVICES "hwmon0/name", "coretemp\n");
    tree_write(DEVICES "hwmon0/power1_average", "5\n");
    tree_write(DEVICES "hwmon1/temp1_input", "5\n");
    open_tree();
    assert_null(found_state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(amdgpu_has_an_average),
        TEST(amdgpu_has_a_momentary_value_only),
        TEST(cards_are_known_by_their_place_on_the_bus),
        TEST(a_half_that_says_zero_is_unsupported),
        TEST(a_card_is_unplugged),
        TEST(no_permission_is_an_error),
        TEST(i915_has_one_counter),
        TEST(xe_counts_the_card_and_not_its_package_again),
        TEST(the_card_counts_in_whatever_order),
        TEST(amd_energy_counts_sockets_without_their_cores),
        TEST(sockets_stand_after_many_cores),
        TEST(an_acpi_meter_has_the_whole_machine),
        TEST(what_it_says_may_stand_in_the_directory_itself),
        TEST(a_second_meter_of_everything_is_not_added),
        TEST(a_meter_of_some_devices_is_not_of_the_machine),
        TEST(a_battery_is_no_meter),
        TEST(grace_counts_each_joule_once),
        TEST(a_part_of_a_grace_that_is_not_known_is_not_the_machine),
        TEST(zero_watts_are_unsupported),
        TEST(other_sensors_are_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
