/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

#define DAY 20000

static struct device_count counts[8192];
static size_t count_count;

static void keep(void *context, const struct device_count *count)
{
    (void)context;
    assert_true(count_count < 8192);
    counts[count_count++] = *count;
}

static void visit(struct device_set *set)
{
    count_count = 0;
    devices_visit_changed(set, keep, NULL);
}

static void see(struct device_set *set, int32_t day, unsigned device, uint16_t direction,
                uint16_t service)
{
    struct address address = address4(10, 0, device >> 8 & 0xff, device & 0xff);

    devices_see(set, day, &address, direction, service);
}

static void assert_count(size_t index, uint16_t direction, uint16_t service, uint32_t devices)
{
    assert_true(index < count_count);
    assert_int_equal(counts[index].direction_id, direction);
    assert_int_equal(counts[index].service_id, service);
    assert_int_equal(counts[index].day, DAY);
    assert_int_equal(counts[index].devices, devices);
}

static void each_device_counts_once_per_direction_and_service(void **state)
{
    struct device_set *set = devices_new(1000);

    (void)state;
    for (int turn = 0; turn < 3; turn++) {
        for (unsigned i = 0; i < 100; i++) {
            see(set, DAY, i, 1, 1);
            see(set, DAY, i % 10, 1, 2);
            see(set, DAY, i % 5, 2, 1);
        }
    }
    visit(set);
    assert_int_equal(count_count, 3);
    assert_count(0, 1, 1, 100);
    assert_count(1, 1, 2, 10);
    assert_count(2, 2, 1, 5);
    devices_free(set);
}

static void only_changes_are_told(void **state)
{
    struct device_set *set = devices_new(1000);

    (void)state;
    see(set, DAY, 1, 1, 1);
    see(set, DAY, 1, 1, 2);
    visit(set);
    see(set, DAY, 1, 1, 1);
    visit(set);
    assert_int_equal(count_count, 0);
    see(set, DAY, 2, 1, 2);
    visit(set);
    assert_int_equal(count_count, 1);
    assert_count(0, 1, 2, 2);
    devices_free(set);
}

static void see_six(struct device_set *set, uint8_t device, uint8_t address)
{
    struct address six = {6, {0x20, 0x01, 0x0d, 0xb8, [14] = device, [15] = address}};

    devices_see(set, DAY, &six, 1, 1);
}

/* Four devices, each of one address of IPv4, and two of IPv6 when it drew another one that day. */
static void addresses_of_one_device_are_one(void **state)
{
    struct device_set *set = devices_new(1000);

    (void)state;
    for (uint8_t device = 0; device < 4; device++) {
        see(set, DAY, device, 1, 1);
        see_six(set, device, 1);
    }
    visit(set);
    assert_count(0, 1, 1, 4);
    for (uint8_t device = 0; device < 4; device++)
        see_six(set, device, 2);
    visit(set);
    assert_int_equal(count_count, 0); /* nothing is new */
    see_six(set, 4, 1);
    visit(set);
    assert_count(0, 1, 1, 5); /* nine addresses are of five devices at least */
    devices_free(set);
}

/* Bytes that are the same in both families are two hashes. */
static void families_are_kept_apart(void **state)
{
    struct device_set *set = devices_new(1000);
    struct address four = {4, {10, 0, 0, 1}};
    struct address six = {6, {10, 0, 0, 1}};

    (void)state;
    assert_true(devices_identify(set, DAY, &four, 1, 1) != devices_identify(set, DAY, &six, 1, 1));
    for (uint8_t i = 1; i < 4; i++) {
        four.bytes[3] = six.bytes[3] = i;
        devices_see(set, DAY, &six, 1, 1);
        devices_see(set, DAY, &four, 1, 1);
    }
    visit(set);
    assert_count(0, 1, 1, 3);
    devices_free(set);
}

/* The rules were read again: what the direction is called, or which network is whose. Each code
 * counts the device, which is why reports add none up; back again, it is not counted twice. */
static void a_direction_that_was_renamed_counts_anew(void **state)
{
    struct device_set *set = devices_new(1000);

    (void)state;
    for (unsigned turn = 0; turn < 4; turn++)
        for (unsigned i = 0; i < 4; i++)
            see(set, DAY, i, (uint16_t)(1 + turn % 2), 1);
    visit(set);
    assert_int_equal(count_count, 2);
    assert_count(0, 1, 1, 4);
    assert_count(1, 2, 1, 4);
    devices_free(set);
}

static void another_day_begins_at_nothing(void **state)
{
    struct device_set *set = devices_new(1000);

    (void)state;
    for (unsigned i = 0; i < 50; i++)
        see(set, DAY - 1, i, 1, 1);
    visit(set);
    assert_int_equal(counts[0].devices, 50);
    assert_int_equal(counts[0].day, DAY - 1);
    for (unsigned i = 0; i < 7; i++)
        see(set, DAY, i, 1, 1);
    visit(set);
    assert_int_equal(count_count, 1);
    assert_count(0, 1, 1, 7);
    devices_free(set);
}

/* What is not counted hides more, which is the safe side. */
static void a_full_set_counts_no_further_device(void **state)
{
    struct device_set *set = devices_new(100);

    (void)state;
    for (unsigned i = 0; i < 60000; i++)
        see(set, DAY, i, 1, 1);
    see(set, DAY, 1, 2, 2);
    visit(set);
    assert_int_equal(count_count, 1);
    assert_count(0, 1, 1, 100);
    see(set, DAY + 1, 1, 2, 2); /* a new day has room again */
    visit(set);
    assert_int_equal(count_count, 1);
    assert_int_equal(counts[0].devices, 1);
    devices_free(set);
}

static void pairs_are_limited(void **state)
{
    struct device_set *set = devices_new(10000);

    (void)state;
    for (uint16_t i = 0; i < 5000; i++)
        see(set, DAY, 1, i / 1000, i % 1000);
    visit(set);
    assert_int_equal(count_count, 4096);
    devices_free(set);
}

static void a_set_of_none_counts_none(void **state)
{
    struct device_set *set = devices_new(0);

    (void)state;
    see(set, DAY, 1, 1, 1);
    visit(set);
    assert_int_equal(count_count, 0);
    devices_free(set);
    devices_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_device_counts_once_per_direction_and_service),
        cmocka_unit_test(only_changes_are_told),
        cmocka_unit_test(families_are_kept_apart),
        cmocka_unit_test(addresses_of_one_device_are_one),
        cmocka_unit_test(a_direction_that_was_renamed_counts_anew),
        cmocka_unit_test(another_day_begins_at_nothing),
        cmocka_unit_test(a_full_set_counts_no_further_device),
        cmocka_unit_test(pairs_are_limited),
        cmocka_unit_test(a_set_of_none_counts_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
