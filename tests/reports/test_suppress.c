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
#define ROUNDS    20000

struct hidden_cells {
    size_t count;
    uint64_t sum;
    uint32_t largest;
};

static struct hidden_cells count_hidden(const uint32_t *devices, size_t count, const bool *hidden)
{
    struct hidden_cells cells = {0};

    for (size_t i = 0; i < count; i++) {
        if (!hidden[i])
            continue;
        cells.count++;
        cells.sum += devices[i];
        if (devices[i] > cells.largest)
            cells.largest = devices[i];
    }
    return cells;
}

static void shows_all_above_the_threshold(void **state)
{
    const uint32_t devices[] = {5, 6, 100};
    bool hidden[3];

    (void)state;
    assert_int_equal(suppress_cells(devices, 3, 5, true, hidden), SUPPRESS_NONE);
    assert_int_equal(count_hidden(devices, 3, hidden).count, 0);
    assert_int_equal(suppress_cells(devices, 0, 5, true, hidden), SUPPRESS_NONE);
}

static void hides_the_next_smallest_with_a_lone_cell(void **state)
{
    const uint32_t devices[] = {50, 4, 12, 30};
    const bool expected[] = {false, true, true, false};
    bool hidden[4];

    (void)state;
    assert_int_equal(suppress_cells(devices, 4, 5, true, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, expected, sizeof(hidden));
}

/* Two cells of one device each are still two people. */
static void hides_until_the_sum_is_large_enough(void **state)
{
    const uint32_t devices[] = {50, 1, 12, 1};
    const bool expected[] = {false, true, true, true};
    bool hidden[4];

    (void)state;
    assert_int_equal(suppress_cells(devices, 4, 5, true, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, expected, sizeof(hidden));
}

static void adds_devices_up_only_where_they_are_distinct(void **state)
{
    const uint32_t devices[] = {50, 3, 3, 20};
    const bool overlapping[] = {false, true, true, true};
    const bool disjoint[] = {false, true, true, false};
    bool hidden[4];

    (void)state;
    assert_int_equal(suppress_cells(devices, 4, 5, true, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, disjoint, sizeof(hidden));
    assert_int_equal(suppress_cells(devices, 4, 5, false, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, overlapping, sizeof(hidden));
}

static void spares_the_first_of_equals(void **state)
{
    const uint32_t devices[] = {9, 4, 9, 20};
    const bool expected[] = {false, true, true, false};
    bool hidden[4];

    (void)state;
    assert_int_equal(suppress_cells(devices, 4, 5, true, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, expected, sizeof(hidden));
}

static void hides_all_when_there_is_nothing_to_hide_behind(void **state)
{
    const uint32_t alone[] = {4};
    const uint32_t two[] = {50, 4};
    bool hidden[2];

    (void)state;
    assert_int_equal(suppress_cells(alone, 1, 5, true, hidden), SUPPRESS_ALL);
    assert_int_equal(suppress_cells(two, 2, 5, true, hidden), SUPPRESS_ALL);
    assert_true(hidden[0] && hidden[1]);
}

static void never_leaves_a_cell_to_be_found(void **state)
{
    uint32_t devices[MAX_CELLS];
    bool hidden[MAX_CELLS];
    unsigned results[3] = {0};

    (void)state;
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = (size_t)(rand() % MAX_CELLS) + 1;
        uint32_t threshold = (uint32_t)(rand() % 12);
        bool disjoint = rand() % 2;
        enum suppress_result result;
        struct hidden_cells cells;

        for (size_t i = 0; i < count; i++)
            devices[i] = (uint32_t)(rand() % (rand() % 10 ? 60 : 8));
        result = suppress_cells(devices, count, threshold, disjoint, hidden);
        cells = count_hidden(devices, count, hidden);
        results[result]++;
        for (size_t i = 0; i < count; i++)
            assert_true(hidden[i] || devices[i] >= threshold);
        if (result == SUPPRESS_NONE)
            assert_int_equal(cells.count, 0);
        if (result == SUPPRESS_ALL)
            assert_int_equal(cells.count, count);
        if (result == SUPPRESS_MERGED) {
            assert_in_range(cells.count, 2, count - 1);
            assert_true((disjoint ? cells.sum : cells.largest) >= threshold);
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
