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
    assert_int_equal(suppress_cells(devices, 3, 5, hidden), SUPPRESS_NONE);
    assert_int_equal(count_hidden(hidden, 3), 0);
    assert_int_equal(suppress_cells(devices, 0, 5, hidden), SUPPRESS_NONE);
}

static void hides_the_next_smallest_with_a_lone_cell(void **state)
{
    const uint32_t devices[] = {50, 4, 12, 30};
    const bool expected[] = {false, true, true, false};
    bool hidden[4];

    (void)state;
    assert_int_equal(suppress_cells(devices, 4, 5, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, expected, sizeof(hidden));
}

/* Two cells of one device each are still two people, or one. */
static void hides_until_one_cell_is_large_enough(void **state)
{
    const uint32_t devices[] = {50, 1, 12, 1};
    const bool expected[] = {false, true, true, true};
    bool hidden[4];

    (void)state;
    assert_int_equal(suppress_cells(devices, 4, 5, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, expected, sizeof(hidden));
}

/* The devices of two cells may be the same ones, whatever the cells are: four and four, of an
 * office before and after it was given another name. */
static void never_adds_devices_up(void **state)
{
    const uint32_t devices[] = {50, 4, 4, 20};
    const bool expected[] = {false, true, true, true};
    const bool small[] = {false, true, true, false};
    bool hidden[4];

    (void)state;
    assert_int_equal(suppress_largest(devices, 4, small), 4);
    assert_int_equal(suppress_cells(devices, 4, 5, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, expected, sizeof(hidden));
    assert_int_equal(suppress_largest(devices, 4, hidden), 20);
    assert_int_equal(suppress_largest(devices, 0, hidden), 0);
}

static void spares_the_first_of_equals(void **state)
{
    const uint32_t devices[] = {9, 4, 9, 20};
    const bool expected[] = {false, true, true, false};
    bool hidden[4];

    (void)state;
    assert_int_equal(suppress_cells(devices, 4, 5, hidden), SUPPRESS_MERGED);
    assert_memory_equal(hidden, expected, sizeof(hidden));
}

static void hides_all_when_there_is_nothing_to_hide_behind(void **state)
{
    const uint32_t alone[] = {4};
    const uint32_t two[] = {50, 4};
    bool hidden[2];

    (void)state;
    assert_int_equal(suppress_cells(alone, 1, 5, hidden), SUPPRESS_ALL);
    assert_int_equal(suppress_cells(two, 2, 5, hidden), SUPPRESS_ALL);
    assert_true(hidden[0] && hidden[1]);
}

/* Whether one of the hidden cells has enough devices alone. */
static bool has_cover(const uint32_t *devices, size_t count, uint32_t threshold, const bool *hidden)
{
    for (size_t i = 0; i < count; i++)
        if (hidden[i] && devices[i] >= threshold)
            return true;
    return false;
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
        enum suppress_result result;
        size_t cells;

        for (size_t i = 0; i < count; i++) {
            devices[i] = (uint32_t)(rand() % (rand() % 10 ? 60 : 8));
        }
        result = suppress_cells(devices, count, threshold, hidden);
        cells = count_hidden(hidden, count);
        results[result]++;
        for (size_t i = 0; i < count; i++)
            assert_true(hidden[i] || devices[i] >= threshold);
        assert_int_equal(suppress_largest(devices, count, hidden) >= threshold,
                         threshold == 0 || has_cover(devices, count, threshold, hidden));
        if (result == SUPPRESS_NONE)
            assert_int_equal(cells, 0);
        if (result == SUPPRESS_ALL)
            assert_int_equal(cells, count);
        if (result == SUPPRESS_MERGED) {
            assert_in_range(cells, 2, count - 1);
            assert_true(has_cover(devices, count, threshold, hidden));
        }
    }
    for (size_t i = 0; i < 3; i++)
        assert_true(results[i] > ROUNDS / 200); /* the rounds met every case */
}

/* ---- With a host of our own ---- */

#define PAIRS_MAX 16

struct pairs_outcome {
    bool hidden[PAIRS_MAX];
    struct suppress_outcome outcome;
};

static struct pairs_outcome of_pairs(const struct suppress_pair *pairs, size_t count)
{
    struct pairs_outcome out = {{false}, {SUPPRESS_NONE, false, false}};

    assert_true(suppress_pairs(pairs, count, 5, out.hidden, &out.outcome));
    return out;
}

#define OF_PAIRS(...)                                                                              \
    of_pairs((const struct suppress_pair[]){__VA_ARGS__},                                          \
             sizeof((const struct suppress_pair[]){__VA_ARGS__}) / sizeof(struct suppress_pair))

/* Services of the host are 0 and 1, what is common 2, remote ones from 3 on. */
#define USE(direction, service, devices)                                                           \
    {                                                                                              \
        SUPPRESS_LOCAL, direction, service, devices                                                \
    }
#define SHARED(direction)                                                                          \
    {                                                                                              \
        SUPPRESS_COMMON, direction, 2, 0                                                           \
    }
#define DECLARED(direction)                                                                        \
    {                                                                                              \
        SUPPRESS_DECLARED, direction, 2, 0                                                         \
    }
#define AWAY(direction, devices)                                                                   \
    {                                                                                              \
        SUPPRESS_REMOTE, direction, 3, devices                                                     \
    }

static void shows_a_host_that_many_use(void **state)
{
    struct pairs_outcome out =
        OF_PAIRS(USE(0, 0, 9), SHARED(0), USE(1, 1, 7), SHARED(1), AWAY(0, 6), AWAY(1, 8));

    (void)state;
    assert_int_equal(out.outcome.result, SUPPRESS_NONE);
    assert_true(out.outcome.host_shown && out.outcome.parts_shown);
}

/* A share by use is the sum of all use of the host: of the small part too. */
static void hides_all_of_a_direction_or_nothing(void **state)
{
    struct pairs_outcome out = OF_PAIRS(USE(0, 0, 9), USE(0, 1, 1), SHARED(0), USE(1, 0, 7),
                                        SHARED(1), USE(2, 0, 30), SHARED(2), AWAY(2, 40));

    (void)state;
    assert_true(out.hidden[0] && out.hidden[1] && out.hidden[2]);
    assert_true(out.hidden[3] && out.hidden[4]); /* to hide behind */
    assert_false(out.hidden[5] || out.hidden[6] || out.hidden[7]);
    assert_true(out.outcome.host_shown);
    assert_false(out.outcome.parts_shown); /* service 1 would be that one device's */
}

static void tells_parts_where_each_has_enough(void **state)
{
    struct pairs_outcome out =
        OF_PAIRS(USE(0, 0, 3), SHARED(0), USE(1, 0, 8), SHARED(1), USE(2, 1, 9), SHARED(2));
    struct pairs_outcome few =
        OF_PAIRS(USE(0, 0, 3), SHARED(0), USE(1, 0, 3), SHARED(1), USE(2, 1, 9), SHARED(2));

    (void)state;
    assert_true(out.hidden[0] && out.hidden[2] && !out.hidden[4]);
    assert_true(out.outcome.host_shown && out.outcome.parts_shown);
    assert_false(few.outcome.parts_shown); /* three of service 0, or six */
}

/* The host's sums are told: what is hidden of it cannot hide behind what is remote. */
static void hides_each_side_by_itself(void **state)
{
    struct pairs_outcome out =
        OF_PAIRS(USE(0, 0, 4), SHARED(0), USE(1, 0, 20), SHARED(1), USE(2, 0, 30), SHARED(2),
                 AWAY(3, 4), AWAY(4, 4), AWAY(5, 50), AWAY(6, 60));

    (void)state;
    assert_true(out.hidden[0] && out.hidden[2] && !out.hidden[4]);
    assert_true(out.hidden[6] && out.hidden[7] && out.hidden[8] && !out.hidden[9]);
    assert_true(out.outcome.host_shown);
}

static void hides_a_host_of_few_behind_the_rest(void **state)
{
    struct pairs_outcome out = OF_PAIRS(USE(0, 0, 2), SHARED(0), AWAY(0, 50), AWAY(1, 9));

    (void)state;
    assert_true(out.hidden[0] && out.hidden[1]);
    assert_false(out.hidden[2]);
    assert_true(out.hidden[3]);
    assert_int_equal(out.outcome.result, SUPPRESS_MERGED);
    assert_false(out.outcome.host_shown || out.outcome.parts_shown);
}

static void hides_all_where_few_use_what_is_remote(void **state)
{
    struct pairs_outcome out =
        OF_PAIRS(USE(0, 0, 20), SHARED(0), USE(1, 0, 20), DECLARED(1), AWAY(0, 1));

    (void)state;
    assert_int_equal(out.outcome.result, SUPPRESS_ALL);
    assert_false(out.outcome.host_shown);
}

static void shows_what_is_declared_and_what_nobody_used(void **state)
{
    struct pairs_outcome few = OF_PAIRS(USE(0, 0, 2), DECLARED(0), DECLARED(1), AWAY(0, 50));
    struct pairs_outcome unused = OF_PAIRS(SHARED(0), AWAY(0, 50), AWAY(1, 60));

    (void)state;
    assert_true(few.hidden[0] && few.hidden[3]);
    assert_false(few.hidden[1] || few.hidden[2]);
    assert_false(few.outcome.host_shown);
    assert_int_equal(unused.outcome.result, SUPPRESS_NONE);
    assert_true(unused.outcome.host_shown);
}

/* Devices that are surely behind what is hidden of one side. */
static uint32_t hidden_devices(const struct suppress_pair *pairs, size_t count, const bool *hidden,
                               bool local)
{
    uint32_t most = 0;

    for (size_t i = 0; i < count; i++)
        if (hidden[i] && (pairs[i].kind != SUPPRESS_REMOTE) == local && pairs[i].devices > most)
            most = pairs[i].devices;
    return most;
}

static bool any_hidden(const struct suppress_pair *pairs, size_t count, const bool *hidden,
                       bool local)
{
    for (size_t i = 0; i < count; i++)
        if (hidden[i] && (pairs[i].kind != SUPPRESS_REMOTE) == local)
            return true;
    return false;
}

static void check_random(const struct suppress_pair *pairs, size_t count)
{
    struct pairs_outcome out = of_pairs(pairs, count);

    for (size_t i = 0; i < count; i++)
        assert_true(out.hidden[i] || pairs[i].kind == SUPPRESS_COMMON || pairs[i].devices >= 5);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) /* all of a direction's, or none */
            if (pairs[i].direction == pairs[j].direction && pairs[i].kind != SUPPRESS_REMOTE &&
                pairs[j].kind != SUPPRESS_REMOTE)
                assert_int_equal(out.hidden[i], out.hidden[j]);
    for (int local = 0; out.outcome.host_shown && local < 2; local++)
        if (any_hidden(pairs, count, out.hidden, local))
            assert_true(hidden_devices(pairs, count, out.hidden, local) >= 5);
}

static void protects_each_side_whatever_the_pairs_are(void **state)
{
    unsigned seed = 7;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct suppress_pair pairs[PAIRS_MAX];
        size_t count = 0;

        for (size_t direction = 0; direction < 4; direction++) {
            size_t first = count;

            for (size_t service = 0; service < 2; service++)
                if (rand_r(&seed) % 2)
                    pairs[count++] =
                        (struct suppress_pair)USE(direction, service, (uint32_t)rand_r(&seed) % 9);
            if (count > first)
                pairs[count++] = (struct suppress_pair)SHARED(direction);
            if (rand_r(&seed) % 2)
                pairs[count++] = (struct suppress_pair)AWAY(direction, (uint32_t)rand_r(&seed) % 9);
        }
        check_random(pairs, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_all_above_the_threshold),
        cmocka_unit_test(hides_the_next_smallest_with_a_lone_cell),
        cmocka_unit_test(hides_until_one_cell_is_large_enough),
        cmocka_unit_test(never_adds_devices_up),
        cmocka_unit_test(spares_the_first_of_equals),
        cmocka_unit_test(hides_all_when_there_is_nothing_to_hide_behind),
        cmocka_unit_test(never_leaves_a_cell_to_be_found),
        cmocka_unit_test(shows_a_host_that_many_use),
        cmocka_unit_test(hides_all_of_a_direction_or_nothing),
        cmocka_unit_test(tells_parts_where_each_has_enough),
        cmocka_unit_test(hides_each_side_by_itself),
        cmocka_unit_test(hides_a_host_of_few_behind_the_rest),
        cmocka_unit_test(hides_all_where_few_use_what_is_remote),
        cmocka_unit_test(shows_what_is_declared_and_what_nobody_used),
        cmocka_unit_test(protects_each_side_whatever_the_pairs_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
