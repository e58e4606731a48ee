/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/suppress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_CELLS 40
#define GROUPS    6
#define ROUNDS    20000

static size_t count_hidden(const bool *hidden, size_t count)
{
    size_t cells = 0;

    for (size_t i = 0; i < count; i++)
        cells += hidden[i];
    return cells;
}

static void shows_all_above_the_threshold(void **state)
{
    const uint32_t devices[] = {5, 6, 100};
    bool hidden[3];

    (void)state;
    assert_int_equal(suppress_cells(devices, NULL, 3, 5, hidden), SUPPRESS_NONE);
    assert_int_equal(count_hidden(hidden, 3), 0);
    assert_int_equal(suppress_cells(devices, NULL, 0, 5, hidden), SUPPRESS_NONE);
}

static void hides_the_next_smallest_with_a_lone_cell(void **state)
{
    const uint32_t devices[] = {50, 4, 12, 30};
    const bool expected[] = {false, true, true, false};
    bool hidden[4];

    (void)state;
    assert_int_equal(suppress_cells(devices, NULL, 4, 5, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, expected, sizeof(hidden));
}

/* Two cells of one device each are still two people. */
static void hides_until_the_sum_is_large_enough(void **state)
{
    const uint32_t devices[] = {50, 1, 12, 1};
    const bool expected[] = {false, true, true, true};
    bool hidden[4];

    (void)state;
    assert_int_equal(suppress_cells(devices, NULL, 4, 5, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, expected, sizeof(hidden));
}

/* Devices of two directions are distinct, those of two services may be the same. */
static void adds_devices_up_only_where_they_are_distinct(void **state)
{
    const uint32_t devices[] = {50, 3, 3, 20};
    const size_t apart[] = {0, 1, 2, 3}, together[] = {0, 1, 1, 0};
    const bool two[] = {false, true, true, false};
    const bool three[] = {false, true, true, true};
    bool hidden[4];

    (void)state;
    assert_int_equal(suppress_cells(devices, apart, 4, 5, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, two, sizeof(hidden));
    assert_int_equal(suppress_cells(devices, together, 4, 5, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, three, sizeof(hidden));
    assert_int_equal(suppress_cells(devices, NULL, 4, 5, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, three, sizeof(hidden));
    assert_int_equal(suppress_distinct(devices, apart, 4, three), 26);
    assert_int_equal(suppress_distinct(devices, together, 4, three), 23);
    assert_int_equal(suppress_distinct(devices, NULL, 4, three), 20);
}

static void spares_the_first_of_equals(void **state)
{
    const uint32_t devices[] = {9, 4, 9, 20};
    const bool expected[] = {false, true, true, false};
    bool hidden[4];

    (void)state;
    assert_int_equal(suppress_cells(devices, NULL, 4, 5, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, expected, sizeof(hidden));
}

static void hides_all_when_there_is_nothing_to_hide_behind(void **state)
{
    const uint32_t alone[] = {4};
    const uint32_t two[] = {50, 4};
    bool hidden[2];

    (void)state;
    assert_int_equal(suppress_cells(alone, NULL, 1, 5, hidden), SUPPRESS_ALL);
    assert_int_equal(suppress_cells(two, NULL, 2, 5, hidden), SUPPRESS_ALL);
    assert_true(hidden[0] && hidden[1]);
}

/* By another way than suppress_distinct(). */
static uint64_t distinct(const uint32_t *devices, const size_t *groups, size_t count,
                         const bool *hidden)
{
    uint32_t largest[GROUPS] = {0};
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        if (hidden[i] && devices[i] > largest[groups[i]])
            largest[groups[i]] = devices[i];
    for (size_t i = 0; i < GROUPS; i++)
        sum += largest[i];
    return sum;
}

static void never_leaves_a_cell_to_be_found(void **state)
{
    uint32_t devices[MAX_CELLS];
    size_t groups[MAX_CELLS];
    bool hidden[MAX_CELLS];
    unsigned results[3] = {0};

    (void)state;
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = (size_t)(rand() % MAX_CELLS) + 1;
        uint32_t threshold = (uint32_t)(rand() % 12);
        enum suppress_result result;
        size_t cells;

        for (size_t i = 0; i < count; i++) {
            devices[i] = (uint32_t)(rand() % (rand() % 10 ? 60 : 8));
            groups[i] = (size_t)(rand() % GROUPS);
        }
        result = suppress_cells(devices, groups, count, threshold, hidden);
        cells = count_hidden(hidden, count);
        results[result]++;
        for (size_t i = 0; i < count; i++)
            assert_true(hidden[i] || devices[i] >= threshold);
        assert_int_equal(suppress_distinct(devices, groups, count, hidden),
                         distinct(devices, groups, count, hidden));
        if (result == SUPPRESS_NONE)
            assert_int_equal(cells, 0);
        if (result == SUPPRESS_ALL)
            assert_int_equal(cells, count);
        if (result == SUPPRESS_MERGED) {
            assert_in_range(cells, 2, count - 1);
            assert_true(distinct(devices, groups, count, hidden) >= threshold);
        }
    }
    for (size_t i = 0; i < 3; i++)
        assert_true(results[i] > ROUNDS / 200); /* the rounds met every case */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_all_above_the_threshold),
        cmocka_unit_test(hides_the_next_smallest_with_a_lone_cell),
        cmocka_unit_test(hides_until_the_sum_is_large_enough),
        cmocka_unit_test(adds_devices_up_only_where_they_are_distinct),
        cmocka_unit_test(spares_the_first_of_equals),
        cmocka_unit_test(hides_all_when_there_is_nothing_to_hide_behind),
        cmocka_unit_test(never_leaves_a_cell_to_be_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
