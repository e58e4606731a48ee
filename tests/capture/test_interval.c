/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/interval.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/capture/devices.h"
#include "tests/capture/frames.h"
#include "tests/capture/sink.h"

#define S     1000000000LL
#define NOON  1795435200LL /* a multiple of a minute */
#define START (NOON * S)

static struct sink_log sunk;
static struct interval *interval;

static int setup(void **state)
{
    struct metering_sink sink = sink_into(&sunk);

    (void)state;
    interval = interval_new(&sink, 8, 1000);
    return interval ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    interval_free(interval);
    sink_clear(&sunk);
    return 0;
}

static void assert_closed(size_t index, int64_t start, uint64_t covered_ns)
{
    const struct sink_entry *entry = sink_at(&sunk, SINK_CLOSED, index);

    assert_non_null(entry);
    assert_int_equal(entry->interval_start, start);
    assert_int_equal(entry->body.coverage.covered_ns, covered_ns);
}

static void intervals_are_minutes(void **state)
{
    (void)state;
    assert_false(interval_begun(interval));
    interval_begin(interval, START + 17 * S + 5);
    assert_true(interval_begun(interval));
    assert_int_equal(interval_end_ns(interval), START + 60 * S);
    interval_reach(interval, START + 60 * S);
    interval_turn(interval);
    assert_int_equal(interval_now_ns(interval), START + 60 * S);
    interval_reach(interval, START + 61 * S);
    interval_finish(interval);
    assert_false(interval_begun(interval));
    assert_closed(0, NOON, 43 * S - 5);
    assert_closed(1, NOON + 60, 1 * S);
    assert_int_equal(sink_count(&sunk, SINK_CLOSED), 2);
    interval_finish(interval); /* once */
    assert_int_equal(sink_count(&sunk, SINK_CLOSED), 2);
}

static void minutes_before_1970_are_minutes_too(void **state)
{
    (void)state;
    interval_begin(interval, -1);
    assert_int_equal(interval_end_ns(interval), 0);
    interval_reach(interval, 0);
    interval_turn(interval);
    interval_finish(interval);
    assert_closed(0, -60, 1);
    assert_closed(1, 0, 0);
}

static void sums_are_handed_over_before_the_coverage(void **state)
{
    struct address device = address4(10, 0, 0, 1);

    (void)state;
    interval_begin(interval, START);
    interval_cell(interval, 1, 2)->bytes_up += 7;
    interval_cell(interval, 1, 2)->bytes_up += 8;
    interval_coverage(interval)->packets = 3;
    devices_see(interval_devices(interval), interval_day(interval), &device, 1, 2);
    interval_turn(interval);
    interval_turn(interval);
    assert_int_equal(sunk.count, 4);
    assert_int_equal(sunk.entries[0].kind, SINK_ACTIVITY);
    assert_int_equal(sunk.entries[0].interval_start, NOON);
    assert_int_equal(sunk.entries[0].body.activity.bytes_up, 15);
    assert_int_equal(sunk.entries[1].kind, SINK_DEVICES);
    assert_int_equal(sunk.entries[1].body.devices.devices, 1);
    assert_int_equal(sunk.entries[1].body.devices.day, NOON / 86400);
    assert_int_equal(sunk.entries[2].body.coverage.packets, 3);
    assert_int_equal(sunk.entries[3].body.coverage.packets, 0); /* the next one begins at zero */
    assert_closed(1, NOON + 60, 60 * S);
}

/* More pairs than cells: the sums go in several parts, none is lost. */
static void sums_may_go_in_parts(void **state)
{
    (void)state;
    interval_begin(interval, START);
    for (int turn = 0; turn < 3; turn++)
        for (uint16_t i = 0; i < 20; i++)
            interval_cell(interval, i, i)->bytes_up += i;
    interval_finish(interval);
    assert_int_equal(sink_count(&sunk, SINK_CLOSED), 1);
    for (uint16_t i = 0; i < 20; i++)
        assert_int_equal(sink_sum(&sunk, NOON, i, i).bytes_up, 3 * i);
}

static void a_jump_ahead_is_not_covered(void **state)
{
    (void)state;
    interval_begin(interval, START);
    interval_reach(interval, START + 10 * S);
    interval_jump(interval, START + 1000 * S);
    interval_reach(interval, START + 1010 * S);
    interval_finish(interval);
    assert_closed(0, NOON, 10 * S);
    assert_closed(1, NOON + 960, 10 * S);
    assert_int_equal(sink_coverage(&sunk).clock_steps, 0);
}

static void after_a_step_back_flow_time_goes_on(void **state)
{
    int64_t before;

    (void)state;
    interval_begin(interval, START);
    interval_reach(interval, START + 30 * S);
    before = interval_flow_ns(interval, START + 30 * S);
    interval_jump(interval, START - 3600 * S);
    assert_int_equal(interval_flow_ns(interval, START - 3600 * S), before);
    interval_reach(interval, START - 3590 * S);
    assert_int_equal(interval_flow_ns(interval, START - 3590 * S), before + 10 * S);
    interval_finish(interval);
    assert_closed(0, NOON, 30 * S);
    assert_closed(1, NOON - 3600, 10 * S);
    assert_int_equal(sink_coverage(&sunk).clock_steps, 1);
    assert_int_equal(sunk.entries[0].body.coverage.clock_steps, 0);
}

/* A damaged file may hold any times: flow time must stay far from where it would overflow. */
static void flow_time_survives_a_clock_gone_mad(void **state)
{
    int64_t last = 0;

    (void)state;
    interval_begin(interval, 0);
    for (int i = 0; i < 1000; i++) {
        int64_t now_ns = i % 2 ? 0 : INT32_MAX * S;

        interval_jump(interval, now_ns);
        assert_true(interval_flow_ns(interval, now_ns) >= last);
        last = interval_flow_ns(interval, now_ns);
    }
    interval_finish(interval);
    assert_int_equal(sink_coverage(&sunk).clock_steps, 500);
    assert_int_equal(sink_coverage(&sunk).covered_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(intervals_are_minutes, setup, teardown),
        cmocka_unit_test_setup_teardown(minutes_before_1970_are_minutes_too, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_are_handed_over_before_the_coverage, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_may_go_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_jump_ahead_is_not_covered, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_step_back_flow_time_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(flow_time_survives_a_clock_gone_mad, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
