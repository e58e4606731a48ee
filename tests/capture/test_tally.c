/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void cells_are_found_again_in_order_of_first_use(void **state)
{
    struct tally *tally = tally_new(4096);

    (void)state;
    for (int turn = 0; turn < 2; turn++)
        for (uint16_t i = 0; i < 4096; i++)
            tally_cell(tally, i % 64, i / 64)->bytes_up += i;
    assert_int_equal(tally_count(tally), 4096);
    for (uint16_t i = 0; i < 4096; i++) {
        assert_int_equal(tally_at(tally, i)->direction_id, i % 64);
        assert_int_equal(tally_at(tally, i)->service_id, i / 64);
        assert_int_equal(tally_at(tally, i)->bytes_up, 2 * i);
    }
    tally_free(tally);
}

static void a_full_one_gives_no_new_cell(void **state)
{
    struct tally *tally = tally_new(2);
    struct activity *first = tally_cell(tally, 1, 2);

    (void)state;
    assert_non_null(tally_cell(tally, 2, 1));
    assert_null(tally_cell(tally, 1, 1));
    assert_ptr_equal(tally_cell(tally, 1, 2), first);
    assert_int_equal(tally_count(tally), 2);
    tally_free(tally);
}

static void a_cleared_one_begins_with_zeros(void **state)
{
    struct tally *tally = tally_new(3);
    struct activity *cell = tally_cell(tally, 5, 6);
    struct activity zero;

    (void)state;
    memset(cell, 0xff, sizeof(*cell));
    cell->direction_id = 5;
    cell->service_id = 6;
    tally_clear(tally);
    assert_int_equal(tally_count(tally), 0);
    cell = tally_cell(tally, 5, 6);
    memset(&zero, 0, sizeof(zero));
    zero.direction_id = 5;
    zero.service_id = 6;
    assert_memory_equal(cell, &zero, sizeof(zero));
    assert_int_equal(tally_count(tally), 1);
    tally_free(tally);
    tally_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_found_again_in_order_of_first_use),
        cmocka_unit_test(a_full_one_gives_no_new_cell),
        cmocka_unit_test(a_cleared_one_begins_with_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
