/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/flowtable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

static const struct flow *evicted;
static unsigned evictions;

static void note_eviction(void *context, struct flow *flow)
{
    assert_ptr_equal(context, &evictions);
    evicted = flow;
    evictions++;
}

static struct flow *insert(struct flow_table *table, uint64_t key, uint32_t now_s)
{
    return flowtable_insert(table, key, now_s, note_eviction, &evictions);
}

static void what_is_put_in_is_found(void **state)
{
    struct flow_table *table = flowtable_new(4096);
    struct flow *flow;

    (void)state;
    assert_null(flowtable_find(table, 1));
    for (uint64_t i = 1; i <= 1000; i++) {
        flow = insert(table, i * 0x9e3779b97f4a7c15ULL, 0);
        assert_non_null(flow);
        flow->first_ns = (int64_t)i;
    }
    for (uint64_t i = 1; i <= 1000; i++) {
        flow = flowtable_find(table, i * 0x9e3779b97f4a7c15ULL);
        assert_int_equal(flow->first_ns, i);
        assert_ptr_equal(flowtable_at(table, flowtable_index(table, flow)), flow);
    }
    flowtable_free(table);
    flowtable_free(NULL);
}

static void the_key_zero_is_a_key(void **state)
{
    struct flow_table *table = flowtable_new(16);

    (void)state;
    assert_null(flowtable_find(table, 0));
    assert_non_null(insert(table, 0, 0));
    assert_non_null(flowtable_find(table, 0));
    flowtable_free(table);
}

static void capacity_is_a_power_of_two(void **state)
{
    static const size_t wanted[] = {0, 16, 17, 1000, 65536};
    static const size_t given[] = {16, 16, 32, 1024, 65536};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct flow_table *table = flowtable_new(wanted[i]);

        assert_int_equal(flowtable_capacity(table), given[i]);
        flowtable_free(table);
    }
}

/* Balanced allocations: with one bucket to choose, this would be 24 %. */
static void it_fills_before_anything_goes(void **state)
{
    struct flow_table *table = flowtable_new(65536);
    uint64_t seed = 8;
    size_t held = 0;

    (void)state;
    evictions = 0;
    while (evictions == 0) {
        struct flow *flow = insert(table, random_next(&seed), 0);

        assert_non_null(flow);
        flow->stage = FLOW_IGNORED;
        held++;
    }
    print_message("first eviction at %.1f %% of the capacity\n", 100.0 * (double)held / 65536);
    assert_true(held > 65536 * 7 / 10);
    flowtable_free(table);
}

static void it_never_grows(void **state)
{
    struct flow_table *table = flowtable_new(1024);
    uint64_t seed = 9;
    size_t held = 0;

    (void)state;
    evictions = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t key = random_next(&seed);
        struct flow *flow = insert(table, key, i);

        assert_non_null(flow);
        assert_ptr_equal(flowtable_find(table, key), flow);
        assert_true(flowtable_index(table, flow) < 1024);
        flow->last_seen_s = i;
    }
    for (size_t i = 0; i < flowtable_capacity(table); i++)
        held += flowtable_at(table, i) != NULL;
    assert_int_equal(held + evictions, 100000);
    flowtable_free(table);
}

/* Sixteen flows whose keys may use both buckets of the smallest table. */
#define EITHER_BUCKET(i) (0x100000000ULL | (uint64_t)((i) + 1) << 1)

static struct flow *fill(struct flow_table *table, const uint8_t *stages, const uint32_t *ages,
                         uint32_t now_s, unsigned missing)
{
    struct flow *flows[16];

    for (unsigned i = 0; i < 16; i++) {
        flows[i] = insert(table, EITHER_BUCKET(i), now_s);
        assert_non_null(flows[i]);
        flows[i]->stage = stages[i] & 0x1fU;
        flows[i]->last_seen_s = now_s - ages[i];
    }
    assert_int_equal(evictions, 0);
    return flows[missing];
}

/* Sixteen flows of STAGES, last seen AGES seconds ago: EXPECTED must go for a seventeenth. */
static void check_order(const uint8_t *stages, const uint32_t *ages, unsigned expected)
{
    struct flow_table *table = flowtable_new(16);
    struct flow *flow;

    evictions = 0;
    flow = fill(table, stages, ages, 100000, expected);
    assert_ptr_equal(insert(table, EITHER_BUCKET(16), 100000), flow);
    assert_ptr_equal(evicted, flow);
    assert_int_equal(evictions, 1);
    assert_null(flowtable_find(table, EITHER_BUCKET(expected)));
    assert_ptr_equal(flowtable_find(table, EITHER_BUCKET(16)), flow);
    for (unsigned i = 0; i < 16; i++)
        if (i != expected)
            assert_non_null(flowtable_find(table, EITHER_BUCKET(i)));
    flowtable_free(table);
}

static void the_least_valuable_goes(void **state)
{
    uint8_t stages[16];
    uint32_t ages[16];

    (void)state;
    memset(stages, FLOW_SERVICE, sizeof(stages));
    for (unsigned i = 0; i < 16; i++)
        ages[i] = 100 + i;
    stages[3] = FLOW_IGNORED;
    check_order(stages, ages, 3);
    stages[9] = FLOW_IGNORED; /* older */
    check_order(stages, ages, 9);
    stages[4] = FLOW_NAMING;
    check_order(stages, ages, 4);
    stages[7] = FLOW_NEW;
    check_order(stages, ages, 7);
    stages[12] = FLOW_FINISHED;
    ages[12] = 0;
    check_order(stages, ages, 12);
}

/* RFC 5382, 5: what has been silent so long is as good as gone. */
static void silence_makes_a_flow_worth_less(void **state)
{
    uint8_t stages[16];
    uint32_t ages[16];

    (void)state;
    memset(stages, FLOW_SERVICE, sizeof(stages));
    memset(ages, 0, sizeof(ages));
    ages[5] = 7440;
    check_order(stages, ages, 5);
    stages[6] = FLOW_IGNORED;
    check_order(stages, ages, 6);
    ages[6] = 7440;
    stages[7] = FLOW_NEW;
    ages[7] = 239;
    check_order(stages, ages, 6);
    ages[6] = 7439;
    check_order(stages, ages, 7);
    stages[8] = FLOW_FINISHED;
    ages[7] = 240;
    ages[8] = 239;
    check_order(stages, ages, 7);
}

static void a_service_is_never_taken_by_a_newcomer(void **state)
{
    struct flow_table *table = flowtable_new(16);
    uint8_t stages[16];
    uint32_t ages[16];

    (void)state;
    memset(stages, FLOW_SERVICE, sizeof(stages));
    memset(ages, 0, sizeof(ages));
    ages[0] = 7439;
    evictions = 0;
    fill(table, stages, ages, 100000, 0);
    for (unsigned i = 16; i < 1000; i++)
        assert_null(insert(table, EITHER_BUCKET(i), 100000));
    assert_int_equal(evictions, 0);
    for (unsigned i = 0; i < 16; i++)
        assert_non_null(flowtable_find(table, EITHER_BUCKET(i)));
    flowtable_free(table);
}

static void a_slot_fits_a_cache_line(void **state)
{
    (void)state;
    assert_true(sizeof(struct flow) <= 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_in_is_found),
        cmocka_unit_test(the_key_zero_is_a_key),
        cmocka_unit_test(capacity_is_a_power_of_two),
        cmocka_unit_test(it_fills_before_anything_goes),
        cmocka_unit_test(it_never_grows),
        cmocka_unit_test(the_least_valuable_goes),
        cmocka_unit_test(silence_makes_a_flow_worth_less),
        cmocka_unit_test(a_service_is_never_taken_by_a_newcomer),
        cmocka_unit_test(a_slot_fits_a_cache_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
