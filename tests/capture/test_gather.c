/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/gather.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* What was handed over: of each packet its number, which is its time and fills its bytes. */
static struct gather *gather;
static struct captured_frame seen[4096];
static size_t seen_count, batches, largest, batch_bytes;

static void take(void *context, const struct captured_frame *frames, size_t count)
{
    size_t bytes = 0;

    assert_ptr_equal(context, &seen);
    assert_in_range(count, 1, GATHER_COUNT);
    for (size_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < frames[i].captured; j++)
            if (frames[i].bytes[j] != (uint8_t)frames[i].time_ns)
                fail_msg("packet %lld: byte %u is another's", (long long)frames[i].time_ns, j);
        seen[seen_count++] = frames[i];
        bytes += frames[i].captured;
    }
    batches++;
    largest = count > largest ? count : largest;
    batch_bytes = bytes > batch_bytes ? bytes : batch_bytes;
}

static int setup(void **state)
{
    (void)state;
    seen_count = batches = largest = batch_bytes = 0;
    gather = gather_new();
    if (!gather)
        return -1;
    gather_begin(gather, take, &seen);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gather_free(gather);
    return 0;
}

/* As the kernel's ring does: the bytes are gone as soon as the packet was shown. */
static void show(int64_t number, uint32_t captured, uint32_t length)
{
    uint8_t *bytes = malloc(captured ? captured : 1);
    const struct captured_frame frame = {number, bytes, captured, length, 7, false};

    assert_non_null(bytes);
    memset(bytes, (uint8_t)number, captured);
    gather_add(gather, &frame);
    memset(bytes, ~(uint8_t)number, captured);
    free(bytes);
}

static void packets_come_in_batches_and_in_order(void **state)
{
    (void)state;
    gather_end(gather);
    assert_int_equal(batches, 0); /* none without packets */
    for (int64_t i = 0; i < 2 * GATHER_COUNT + 5; i++) {
        show(i, 60 + (uint32_t)i, 1514);
        assert_int_equal(seen_count, i / GATHER_COUNT * GATHER_COUNT);
    }
    gather_end(gather);
    assert_int_equal(batches, 3);
    assert_int_equal(largest, GATHER_COUNT);
    assert_int_equal(seen_count, 2 * GATHER_COUNT + 5);
    for (size_t i = 0; i < seen_count; i++) {
        assert_int_equal(seen[i].time_ns, i);
        assert_int_equal(seen[i].captured, 60 + i);
        assert_int_equal(seen[i].length, 1514);
        assert_int_equal(seen[i].link_type, 7);
        assert_false(seen[i].overheard);
    }
    gather_end(gather);
    assert_int_equal(batches, 3);
}

/* Offload joins frames up to 64 kB: four of them, and a little, fill the room. */
static void large_packets_make_small_batches(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 100; i++)
        show(i, 65535 - (uint32_t)(i % 7) * 9000, 70000);
    gather_end(gather);
    assert_int_equal(seen_count, 100);
    for (size_t i = 0; i < seen_count; i++)
        assert_int_equal(seen[i].captured, 65535 - (i % 7) * 9000);
    assert_in_range(batch_bytes, GATHER_SIZE - 65535, GATHER_SIZE);
    assert_in_range(largest, 4, 9);
}

static void the_room_can_be_filled_to_the_last_byte(void **state)
{
    (void)state;
    show(0, GATHER_SIZE - 100, GATHER_SIZE);
    show(1, 100, 100);
    show(2, 0, 60); /* nothing of it was captured */
    assert_int_equal(batches, 0);
    show(3, 1, 1);
    assert_int_equal(batches, 1);
    assert_int_equal(batch_bytes, GATHER_SIZE);
    gather_end(gather);
    assert_int_equal(seen_count, 4);
}

/* No interface is that large; if one were, what is kept is said to be cut. */
static void of_a_packet_beyond_all_limits_the_beginning_is_kept(void **state)
{
    (void)state;
    show(1, 60, 60);
    show(2, GATHER_SIZE + 1, GATHER_SIZE + 1);
    show(3, 60, 60);
    gather_end(gather);
    assert_int_equal(seen_count, 3);
    assert_int_equal(batches, 3);
    assert_int_equal(seen[1].captured, GATHER_SIZE);
    assert_int_equal(seen[1].length, GATHER_SIZE + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(packets_come_in_batches_and_in_order),
        TEST(large_packets_make_small_batches),
        TEST(the_room_can_be_filled_to_the_last_byte),
        TEST(of_a_packet_beyond_all_limits_the_beginning_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
