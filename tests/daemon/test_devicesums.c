/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/devicesums.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/config.h"

static struct devicesums *sums;

static int setup(void **state)
{
    (void)state;
    sums = devicesums_new();
    return sums ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    devicesums_free(sums);
    return 0;
}

static uint32_t take(unsigned worker, uint16_t direction, uint16_t service, int32_t day,
                     uint32_t devices)
{
    const struct device_count count = {direction, service, day, devices};

    return devicesums_take(sums, worker, &count);
}

static void counts_of_workers_add_up(void **state)
{
    (void)state;
    assert_int_equal(take(0, 1, 1, 7, 3), 3);
    assert_int_equal(take(1, 1, 1, 7, 2), 5);
    assert_int_equal(take(0, 1, 1, 7, 4), 6); /* the later one of a worker replaces the earlier */
    assert_int_equal(take(MAX_WORKERS - 1, 1, 1, 7, 100), 106);
    assert_int_equal(take(0, 2, 1, 7, 1), 1);
    assert_int_equal(take(0, 1, 2, 7, 1), 1);
    assert_int_equal(take(0, 1, 1, 8, 1), 1);
    assert_int_equal(take(1, 1, 1, 7, 3), 107); /* of the day before, which is not over for it */
}

static void days_that_are_over_are_forgotten(void **state)
{
    (void)state;
    take(0, 1, 1, 6, 3);
    take(0, 1, 1, 7, 3);
    take(0, 2, 1, 8, 4);
    devicesums_forget(sums, 7);
    assert_int_equal(take(1, 1, 1, 6, 1), 1);
    assert_int_equal(take(1, 1, 1, 7, 1), 4);
    assert_int_equal(take(1, 2, 1, 8, 1), 5);
}

/* Too few devices are told then, never too many: a report may hide what it could have shown. */
static void without_room_a_worker_is_told_its_own_count(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < 10000; i++) {
        take(0, i, 1, 7, 3);
        assert_in_range(take(1, i, 1, 7, 2), 2, 5);
    }
    assert_int_equal(take(1, 0, 1, 7, 2), 5);
    assert_int_equal(take(1, 9999, 1, 7, 2), 2);
    devicesums_forget(sums, 8);
    take(0, 9999, 1, 8, 3);
    assert_int_equal(take(1, 9999, 1, 8, 2), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_of_workers_add_up),
        TEST(days_that_are_over_are_forgotten),
        TEST(without_room_a_worker_is_told_its_own_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
