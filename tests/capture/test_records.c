/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

#define MAX_SEEN 4096

static struct {
    uint8_t type;
    uint32_t size;
} seen[MAX_SEEN];
static size_t seen_count;
static uint64_t lost;

static struct assembly_pool *pool;
static struct record_stream stream;
static struct bytes wire;
static int64_t now_ns;

static int setup(void **state)
{
    (void)state;
    pool = assembly_pool_new(1);
    return pool ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    assembly_pool_free(pool);
    return 0;
}

static void see(void *context, uint8_t type, uint32_t size)
{
    (void)context;
    assert_true(seen_count < MAX_SEEN);
    seen[seen_count].type = type;
    seen[seen_count++].size = size;
}

static void start(uint32_t sequence)
{
    records_start(&stream, sequence);
    seen_count = 0;
    lost = 0;
    wire.length = 0;
    now_ns = -1000;
}

/* CAPTURED of the LENGTH bytes at OFFSET of the wire, which began with sequence number BASE. */
static void feed_cut(uint32_t base, uint32_t offset, uint32_t length, uint32_t captured)
{
    uint8_t *copy = exact_copy(wire.at + offset, captured);
    const struct record_segment segment = {
        .now_ns = now_ns,
        .sequence = base + offset,
        .captured = captured,
        .length = length,
        .bytes = copy,
    };

    lost += records_segment(&stream, pool, &segment, see, NULL);
    free(copy);
}

static void feed(uint32_t base, uint32_t offset, uint32_t length)
{
    feed_cut(base, offset, length, length);
}

static void finish(void)
{
    uint32_t index;

    lost += records_finish(&stream, pool, see, NULL);
    index = assembly_pool_take(pool); /* nothing is kept */
    assert_int_equal(index, 0);
    assembly_pool_release(pool, index);
}

static void assert_seen(size_t index, uint8_t type, uint32_t size)
{
    assert_true(index < seen_count);
    assert_int_equal(seen[index].type, type);
    assert_int_equal(seen[index].size, size);
}

static void types_and_sizes_are_told(void **state)
{
    (void)state;
    start(7);
    put_record_header(&wire, 22, 3);
    put_fill(&wire, 0, 3);
    put_record_header(&wire, 20, 1);
    put_fill(&wire, 1, 1);
    put_record(&wire, 16384 + 256);
    put_record_header(&wire, 21, 0);
    feed(7, 0, (uint32_t)wire.length);
    finish();
    assert_int_equal(seen_count, 4);
    assert_seen(0, 22, 3);
    assert_seen(1, 20, 1);
    assert_seen(2, RECORD_APPLICATION_DATA, 16640);
    assert_seen(3, 21, 0);
    assert_int_equal(lost, 0);
}

/* Fills the wire with records and returns how many. */
static size_t fill_wire(uint64_t *seed, uint32_t sizes[], size_t limit)
{
    size_t count;

    wire.length = 0;
    for (count = 0; count < limit && wire.length < 40000; count++) {
        sizes[count] = random_below(seed, random_below(seed, 8) ? 700 : 16641);
        put_record(&wire, sizes[count]);
    }
    return count;
}

struct piece {
    uint32_t offset;
    uint32_t length;
};

/* Cuts the wire from AT into at most 16 pieces that together span less than the window. */
static uint32_t cut_block(uint64_t *seed, uint32_t at, struct piece *pieces, uint32_t *count)
{
    uint32_t length = (uint32_t)wire.length;

    *count = 1 + random_below(seed, 16);
    for (uint32_t i = 0; i < *count; i++) {
        uint32_t size = 1 + random_below(seed, random_below(seed, 4) ? 20 : 1000);

        if (size > length - at)
            size = length - at;
        pieces[i] = (struct piece){at, size};
        at += size;
        if (at == length)
            *count = i + 1;
    }
    return at;
}

static void shuffle(uint64_t *seed, struct piece *pieces, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = random_below(seed, i);
        struct piece kept = pieces[i - 1];

        pieces[i - 1] = pieces[other];
        pieces[other] = kept;
    }
}

static void feed_shuffled(uint64_t *seed, uint32_t base)
{
    for (uint32_t at = 0; at < wire.length;) {
        struct piece pieces[16];
        uint32_t count;

        at = cut_block(seed, at, pieces, &count);
        shuffle(seed, pieces, count);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t back = random_below(seed, 4) ? 0 : random_below(seed, pieces[i].offset + 1);

            if (back > 3000)
                back = 3000;
            feed(base, pieces[i].offset - back, pieces[i].length + back);
            if (random_below(seed, 4) == 0)
                feed(base, pieces[i].offset, pieces[i].length);
        }
    }
}

static void any_order_gives_the_same_records(void **state)
{
    static uint32_t sizes[200];
    uint64_t seed = 5;

    (void)state;
    for (int round = 0; round < 1500; round++) {
        uint32_t base = round % 2 ? (uint32_t)random_next(&seed) : 0U - random_below(&seed, 40000);
        size_t count;

        start(base);
        count = fill_wire(&seed, sizes, 200);
        feed_shuffled(&seed, base);
        finish();
        assert_int_equal(lost, 0);
        assert_int_equal(seen_count, count);
        for (size_t i = 0; i < count; i++)
            assert_seen(i, RECORD_APPLICATION_DATA, sizes[i]);
    }
}

static void what_is_known_is_not_read_again(void **state)
{
    (void)state;
    start(0xffffffff);
    put_record(&wire, 100);
    put_record(&wire, 200);
    for (int i = 0; i < 3; i++) {
        feed(0xffffffff, 0, 105);
        feed(0xffffffff, 50, 100);
        feed(0xffffffff, 105, 205);
        feed(0xffffffff, 0, 310);
    }
    finish();
    assert_int_equal(seen_count, 2);
    assert_int_equal(lost, 0);
}

/* Writes COUNT records of 100 bytes, 105 with their header. */
static void fill_hundreds(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        put_record(&wire, 100);
}

static void a_hole_within_a_record_costs_nothing_else(void **state)
{
    (void)state;
    start(1000);
    put_record(&wire, 3000);
    put_record(&wire, 40);
    feed(1000, 0, 1000);
    feed(1000, 2000, 1005 + 45); /* 1000 bytes are missing */
    assert_int_equal(seen_count, 1);
    finish();
    assert_int_equal(seen_count, 2);
    assert_seen(0, 23, 3000);
    assert_seen(1, 23, 40);
    assert_int_equal(lost, 1000);
}

static void lost_records_become_one_of_unknown_make_up(void **state)
{
    (void)state;
    start(1000);
    fill_hundreds(6);
    feed(1000, 0, 105);
    feed(1000, 3 * 105, 105); /* two are missing */
    feed(1000, 4 * 105, 2 * 105);
    finish();
    assert_int_equal(seen_count, 5);
    assert_seen(0, 23, 100);
    assert_seen(1, RECORD_UNKNOWN, 210);
    assert_seen(2, 23, 100);
    assert_seen(4, 23, 100);
    assert_int_equal(lost, 210);
}

static void the_window_is_given_up_when_it_is_full(void **state)
{
    const uint32_t count = ASSEMBLY_SIZE / 105 + 20;

    (void)state;
    start(0xfffffff0);
    fill_hundreds(count);
    for (uint32_t i = 0; i < count; i++)
        if (i != 3)
            feed(0xfffffff0, i * 105, 105);
    assert_int_equal(lost, 105);
    assert_int_equal(seen_count, count);
    assert_seen(3, RECORD_UNKNOWN, 105);
    finish();
    assert_int_equal(lost, 105);
    assert_int_equal(seen_count, count);
}

/* What the capture lacks was mostly not lost on its way, and does not come again: what is behind it
 * waits as long as a retransmission takes, and is told with the next segment. */
static void what_waits_is_told_after_a_quarter_of_a_second(void **state)
{
    static const struct {
        int64_t wait_ms;
        size_t told;
    } cases[] = {{0, 1}, {250, 1}, {251, 5}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(1000);
        fill_hundreds(6);
        feed(1000, 0, 105);
        feed(1000, 2 * 105, 105);
        now_ns += cases[i].wait_ms * 500000;
        feed(1000, 3 * 105, 105);
        now_ns += cases[i].wait_ms * 500000;
        feed(1000, 4 * 105, 105);
        assert_int_equal(seen_count, cases[i].told);
        feed(1000, 105, 105); /* it does come, at last */
        assert_int_equal(seen_count, 5);
        assert_seen(1, cases[i].told > 1 ? RECORD_UNKNOWN : RECORD_APPLICATION_DATA,
                    cases[i].told > 1 ? 105 : 100);
        finish();
        assert_int_equal(lost, cases[i].told > 1 ? 105 : 0);
    }
}

/* A later hole has its own time, whether it was there with the one before or not. */
static void each_hole_is_waited_for(void **state)
{
    (void)state;
    for (int together = 0; together < 2; together++) {
        start(0);
        fill_hundreds(8);
        feed(0, 105, 105);
        if (together)
            feed(0, 3 * 105, 105);
        now_ns += 200000000;
        feed(0, 0, 105);
        assert_int_equal(seen_count, 2);
        if (!together)
            feed(0, 3 * 105, 105);
        now_ns += 200000000;
        feed(0, 4 * 105, 105);
        assert_int_equal(seen_count, 2);
        now_ns += 50000000;
        feed(0, 2 * 105, 105);
        finish();
        assert_int_equal(seen_count, 5);
        assert_int_equal(lost, 0);
    }
}

/* The segment that fills a hole fills it however late it comes, and a hole that is being filled is
 * waited for. */
static void what_comes_late_is_not_lost(void **state)
{
    (void)state;
    start(0);
    fill_hundreds(8);
    feed(0, 105, 105);
    now_ns += 300000000;
    feed(0, 0, 105);
    assert_int_equal(seen_count, 2);
    feed(0, 7 * 105, 105);
    for (uint32_t i = 2; i < 7; i++) {
        now_ns += 80000000;
        feed(0, i * 105, 105);
    }
    finish();
    assert_int_equal(seen_count, 8);
    assert_int_equal(lost, 0);
}

/* What was given up behind a hole is told, too, when all is acknowledged. */
static void what_is_out_of_step_is_told_by_its_acknowledgement(void **state)
{
    (void)state;
    for (uint32_t fin = 0; fin < 2; fin++) {
        start(0);
        put_record(&wire, 1000);
        put_record(&wire, 1000);
        feed(0, 0, 900);
        feed(0, 1100, 500); /* a header is missing */
        now_ns += 300000000;
        feed(0, 1600, 410);
        assert_int_equal(seen_count, 1);
        records_acknowledged(&stream, pool, 2010 + fin, see, NULL);
        assert_int_equal(seen_count, 2);
        assert_seen(1, RECORD_UNKNOWN, 1005); /* of the second record all */
        finish();
        assert_int_equal(seen_count, 2);
    }
}

/* What the other end has is not waited for; nor is it told twice if it comes. */
static void what_is_acknowledged_was_sent(void **state)
{
    (void)state;
    start(0xffffffb0);
    fill_hundreds(5);
    feed(0xffffffb0, 0, 105);
    lost += records_acknowledged(&stream, pool, 0xffffffb0 + 105, see, NULL);
    assert_int_equal(seen_count, 1);
    lost += records_acknowledged(&stream, pool, 0xffffffb0 + 210, see, NULL);
    assert_seen(1, RECORD_UNKNOWN, 105);
    lost += records_acknowledged(&stream, pool, 0xffffffb0 + 205, see, NULL); /* of before */
    lost += records_acknowledged(&stream, pool, 0xffffffb0 + 211, see, NULL); /* a FIN */
    feed(0xffffffb0, 105, 105);
    assert_int_equal(seen_count, 2);
    feed(0xffffffb0, 2 * 105, 105);
    assert_seen(2, 23, 100);
    feed(0xffffffb0, 4 * 105, 105);
    assert_int_equal(seen_count, 3);
    lost += records_acknowledged(&stream, pool, 0xffffffb0 + 525, see, NULL);
    assert_seen(3, RECORD_UNKNOWN, 105);
    assert_seen(4, 23, 100);
    finish();
    assert_int_equal(seen_count, 5);
    assert_int_equal(lost, 210);
}

/* Records of a byte: with their headers, more than there may be holes go into a window. */
static void too_many_holes_are_given_up(void **state)
{
    const uint32_t count = 2 * (ASSEMBLY_RANGES + 4);

    (void)state;
    start(0);
    for (uint32_t i = 0; i < count; i++)
        put_record(&wire, 1);
    assert_true(wire.length < ASSEMBLY_SIZE);
    for (uint32_t i = 0; i < count; i += 2)
        feed(0, i * 6, 6);
    finish();
    assert_int_equal(seen_count, count - 1);
    assert_int_equal(lost, (count / 2 - 1) * 6);
    for (uint32_t i = 0; i < seen_count; i++)
        assert_seen(i, i % 2 ? RECORD_UNKNOWN : 23, i % 2 ? 6 : 1);
}

static void without_an_assembly_holes_are_stepped_over_at_once(void **state)
{
    uint32_t taken = assembly_pool_take(pool);

    (void)state;
    start(0);
    fill_hundreds(3);
    feed(0, 210, 105);
    assert_int_equal(lost, 210);
    feed(0, 105, 105); /* too late */
    lost += records_finish(&stream, pool, see, NULL);
    assert_int_equal(seen_count, 2);
    assert_seen(0, RECORD_UNKNOWN, 210);
    assert_seen(1, 23, 100);
    assembly_pool_release(pool, taken);
}

/* What waited may be overtaken in turn, by a segment that holds it and more. */
static void what_waited_is_not_read_again(void **state)
{
    (void)state;
    start(0);
    fill_hundreds(8);
    feed(0, 0, 105);
    feed(0, 210, 105);
    feed(0, 630, 105);
    feed(0, 105, 315); /* ends past the first that waits, before the second */
    finish();
    assert_int_equal(seen_count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_seen(i, i == 4 ? RECORD_UNKNOWN : 23, i == 4 ? 210 : 100);
    assert_int_equal(lost, 210);
}

/* A jump far ahead: what lies between is lost, whatever the numbers say. */
static void a_segment_far_ahead_is_taken(void **state)
{
    (void)state;
    start(0);
    fill_hundreds(2);
    feed(0, 0, 105);
    feed(50000, 105, 105);
    assert_int_equal(lost, 50000);
    finish();
    assert_int_equal(seen_count, 3);
    assert_seen(1, RECORD_UNKNOWN, 50000);
}

static void cut_segments_tell_what_starts_in_them(void **state)
{
    (void)state;
    start(0);
    put_record(&wire, 1000);
    put_record(&wire, 1000);
    put_record(&wire, 50);
    put_record(&wire, 50);
    put_record(&wire, 60);
    feed_cut(0, 0, 1005, 40);
    feed_cut(0, 1005, 500, 40);
    feed_cut(0, 1505, 505, 40);
    assert_int_equal(seen_count, 2);
    assert_int_equal(lost, 0);
    feed_cut(0, 2010, 110, 58); /* the second header is cut in two */
    assert_int_equal(lost, 52);
    feed_cut(0, 2120, 65, 40);
    finish();
    assert_int_equal(seen_count, 5);
    assert_seen(3, RECORD_UNKNOWN, 52);
    assert_seen(4, 23, 60);
}

static void cut_segments_may_come_early(void **state)
{
    (void)state;
    start(0);
    put_record(&wire, 1000);
    put_record(&wire, 1000);
    put_record(&wire, 1000);
    feed_cut(0, 2010, 1005, 40);
    assert_int_equal(lost, 2010);
    feed_cut(0, 1005, 1005, 40);
    finish();
    assert_int_equal(seen_count, 2);
    assert_seen(0, RECORD_UNKNOWN, 2010);
    assert_seen(1, 23, 1000);
}

static void what_is_no_record_is_counted_when_it_ends(void **state)
{
    (void)state;
    start(0);
    put_fill(&wire, 'x', 500);
    put_record(&wire, 70);
    feed(0, 0, 250);
    feed(0, 250, 250);
    feed(0, 500, 75);
    finish();
    assert_int_equal(seen_count, 2);
    assert_int_equal(seen[0].type, RECORD_UNKNOWN);
    assert_in_range(seen[0].size, 495, 500);
    assert_seen(1, 23, 70);
    start(0);
    put_fill(&wire, 'x', 500);
    feed(0, 0, 500);
    finish();
    assert_int_equal(seen_count, 1);
    assert_int_equal(seen[0].type, RECORD_UNKNOWN);
    finish();
    assert_int_equal(seen_count, 1); /* once */
}

static void a_finished_stream_can_go_on(void **state)
{
    (void)state;
    start(0);
    fill_hundreds(5);
    feed(0, 0, 105);
    feed(0, 210, 105);
    finish();
    assert_int_equal(seen_count, 3);
    assert_int_equal(lost, 105);
    feed(0, 105, 105); /* the lost one, after all */
    feed(0, 315, 105);
    feed(0, 420, 105);
    finish();
    assert_int_equal(seen_count, 5);
    assert_int_equal(lost, 105);
}

static void anything_leaves_the_pool_whole(void **state)
{
    uint64_t seed = 6;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        start((uint32_t)random_next(&seed));
        for (int i = 0; i < 5; i++)
            put_record(&wire, random_below(&seed, 2000));
        for (int i = 0; i < 60; i++) {
            uint32_t offset = random_below(&seed, (uint32_t)wire.length);
            uint32_t length = random_below(&seed, 3000);
            uint32_t captured = random_below(&seed, (uint32_t)wire.length - offset + 1);
            uint32_t base = random_below(&seed, 20) ? 0 : (uint32_t)random_next(&seed);

            length = length < captured && random_below(&seed, 4) ? captured : length;
            feed_cut(stream.expected - random_below(&seed, 2000) + base, offset, length,
                     captured < length ? captured : length);
        }
        finish();
        seen_count = 0;
    }
}

/* What comes after a ClientHello, and what does not, or is cut too short to tell. */
static void records_that_go_on_are_told(void **state)
{
    static const struct {
        uint8_t bytes[6];
        size_t length;
        bool goes_on;
    } CASES[] = {
        {{23, 3, 3, 0, 1}, 5, true},      {{23, 3, 3, 0, 0}, 5, false},
        {{23, 3, 3, 0x48, 0}, 5, true},   {{23, 3, 3, 0x48, 1}, 5, false},
        {{23, 3, 0, 0, 1}, 5, false},     {{23, 3, 1, 0, 1}, 5, true},
        {{23, 3, 4, 0, 1}, 5, true},      {{23, 3, 5, 0, 1}, 5, false},
        {{23, 2, 3, 0, 1}, 5, false},     {{23, 3, 3, 0, 1}, 4, false},
        {{22, 3, 3, 0, 90, 2}, 6, true},  {{22, 3, 3, 0, 90, 1}, 6, false},
        {{22, 3, 3, 0, 90, 2}, 5, false}, {{20, 3, 3, 0, 1, 1}, 6, true},
        {{20, 3, 3, 0, 1, 2}, 6, false},  {{20, 3, 3, 0, 2, 1}, 6, false},
        {{20, 3, 3, 0, 1, 1}, 5, false},  {{21, 3, 3, 0, 2}, 5, true},
        {{21, 3, 3, 0, 1}, 5, false},     {{24, 3, 3, 0, 20}, 5, false},
        {{25, 3, 3, 0, 20}, 5, false},    {{0}, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        uint8_t *copy = exact_copy(CASES[i].bytes, CASES[i].length);

        if (records_go_on(copy, CASES[i].length) != CASES[i].goes_on)
            fail_msg("case %zu", i);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_sizes_are_told),
        cmocka_unit_test(records_that_go_on_are_told),
        cmocka_unit_test(any_order_gives_the_same_records),
        cmocka_unit_test(what_is_known_is_not_read_again),
        cmocka_unit_test(a_hole_within_a_record_costs_nothing_else),
        cmocka_unit_test(lost_records_become_one_of_unknown_make_up),
        cmocka_unit_test(the_window_is_given_up_when_it_is_full),
        cmocka_unit_test(what_waits_is_told_after_a_quarter_of_a_second),
        cmocka_unit_test(each_hole_is_waited_for),
        cmocka_unit_test(what_comes_late_is_not_lost),
        cmocka_unit_test(what_is_out_of_step_is_told_by_its_acknowledgement),
        cmocka_unit_test(what_is_acknowledged_was_sent),
        cmocka_unit_test(too_many_holes_are_given_up),
        cmocka_unit_test(without_an_assembly_holes_are_stepped_over_at_once),
        cmocka_unit_test(what_waited_is_not_read_again),
        cmocka_unit_test(a_segment_far_ahead_is_taken),
        cmocka_unit_test(cut_segments_tell_what_starts_in_them),
        cmocka_unit_test(cut_segments_may_come_early),
        cmocka_unit_test(what_is_no_record_is_counted_when_it_ends),
        cmocka_unit_test(a_finished_stream_can_go_on),
        cmocka_unit_test(anything_leaves_the_pool_whole),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
