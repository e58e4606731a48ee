/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pcap/dlt.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What is written to a virtual interface, of which this process is the other end, in a namespace of
 * its own. Where none can be made, these tests are skipped. */

#define HELD_MS  20
#define ATTEMPTS 500 /* of HELD_MS each, before a test gives up */

static const uint8_t address[] = {2, 0, 0,
                                  0, 0, 1}; /* of our frames; the kernel's own have others */
static struct interface_config interface = {
    .name = "wire0", .snap_length = 65535, .buffer_mib = 1, .promiscuous = true};
static int tap = -1;
static int control = -1;
static unsigned held_ms = HELD_MS;
static struct ring *ring;
static uint8_t frame[65536];

static bool set_flags(short flags)
{
    struct ifreq request = {.ifr_flags = flags};

    memcpy(request.ifr_name, interface.name, IFNAMSIZ - 1);
    return ioctl(control, SIOCSIFFLAGS, &request) == 0;
}

static bool make_interface(void)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};

    memcpy(request.ifr_name, interface.name, IFNAMSIZ - 1);
    tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return tap >= 0 && control >= 0 && ioctl(tap, TUNSETIFF, &request) == 0 && set_flags(IFF_UP);
}

static void begin(uint32_t snap_length, bool promiscuous)
{
    char error[256];

    if (tap < 0)
        skip();
    interface.snap_length = snap_length;
    interface.promiscuous = promiscuous;
    ring = ring_open(&interface, held_ms, error, sizeof(error));
    if (!ring)
        fail_msg("%s", error);
}

static int end(void **state)
{
    (void)state;
    ring_close(ring);
    ring = NULL;
    return 0;
}

/* A frame of SIZE bytes, which tell its number. */
static void make(uint32_t number, size_t size, uint16_t type)
{
    memset(frame, 0, sizeof(frame));
    memcpy(frame, address, sizeof(address));
    frame[6] = 2;
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    for (size_t i = 14; i < size; i++)
        frame[i] = (uint8_t)(number >> (i % 4 * 8)) ^ (uint8_t)(i >> 2);
}

static void send_frame(size_t size)
{
    assert_int_equal(write(tap, frame, size), size);
}

static size_t size_of(uint32_t number)
{
    return 60 + number * 37 % 1455;
}

/* Up to MOST of our frames, moved to the front of FRAMES; waits for the first. */
static size_t receive(struct captured_frame *frames, size_t most)
{
    struct pollfd readable = {.fd = ring_descriptor(ring), .events = POLLIN};
    size_t own = 0;

    for (int i = 0; i < ATTEMPTS && own == 0; i++) {
        size_t count;

        assert_true(ring_read(ring, frames, most, &count));
        for (size_t j = 0; j < count; j++)
            if (memcmp(frames[j].bytes, address, sizeof(address)) == 0)
                frames[own++] = frames[j];
        if (count == 0)
            poll(&readable, 1, HELD_MS);
    }
    return own;
}

static void assert_frame(const struct captured_frame *got, size_t size, size_t captured)
{
    int64_t now_s = time(NULL);

    assert_int_equal(got->length, size);
    assert_int_equal(got->captured, captured);
    assert_memory_equal(got->bytes, frame, captured);
    assert_int_equal(got->link_type, DLT_EN10MB);
    assert_false(got->overheard);
    assert_in_range(got->time_ns / 1000000000, now_s - 3600, now_s + 3600);
}

static uint32_t number_of(const struct captured_frame *got)
{
    return (uint32_t)(got->bytes[16] ^ 4) | (uint32_t)(got->bytes[17] ^ 4) << 8 |
           (uint32_t)(got->bytes[14] ^ 3) << 16 | (uint32_t)(got->bytes[15] ^ 3) << 24;
}

/* Many times as many as the ring holds. Where this process is slow, blocks are closed with little
 * in them, and some frames may find no room. */
static void frames_come_in_order_and_as_they_were(void **state)
{
    uint32_t sent = 0, seen = 0, next = 0;
    uint64_t dropped = 0;

    (void)state;
    begin(65535, true);
    assert_int_equal(ring_bytes(ring), 1 << 20);
    while (sent < 20000 || seen + dropped < sent) {
        struct captured_frame frames[64];
        size_t count;

        for (uint32_t i = 0; i < 100 && sent < 20000; i++, sent++) {
            make(sent, size_of(sent), 0x88b5);
            send_frame(size_of(sent));
        }
        count = receive(frames, 1 + seen % 64);
        dropped += ring_take_dropped(ring);
        if (count == 0 && seen + dropped < sent)
            fail_msg("%u of %u frames", seen, sent);
        for (size_t i = 0; i < count; i++, seen++) {
            uint32_t number = number_of(&frames[i]);

            assert_in_range(number, next, sent - 1);
            make(number, size_of(number), 0x88b5);
            assert_frame(&frames[i], size_of(number), size_of(number));
            next = number + 1;
        }
    }
    assert_true(seen > 4000);
}

static void a_long_frame_is_whole_or_cut(void **state)
{
    struct captured_frame got;

    (void)state;
    begin(65535, false);
    make(7, 60000, 0x88b5);
    send_frame(60000);
    assert_int_equal(receive(&got, 1), 1);
    assert_frame(&got, 60000, 60000);
    end(state);
    begin(256, false);
    send_frame(60000);
    assert_int_equal(receive(&got, 1), 1);
    assert_frame(&got, 60000, 256);
}

static void put_tag(uint8_t *at, uint16_t type, uint16_t tag)
{
    const uint8_t bytes[] = {(uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(tag >> 8),
                             (uint8_t)tag};

    memcpy(at, bytes, sizeof(bytes));
}

/* The kernel takes the outer tag out. */
static void a_tag_stays_in_its_frame(void **state)
{
    static const uint16_t tags[] = {42, 0, 0xe000 | 4094};
    struct captured_frame got;

    (void)state;
    begin(65535, true);
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        make(1, 100, 0);
        put_tag(frame + 12, 0x8100, tags[i]);
        put_tag(frame + 16, 0x88b5, 0);
        send_frame(100);
        assert_int_equal(receive(&got, 1), 1);
        assert_frame(&got, 100, 100);
        put_tag(frame + 12, 0x88a8, tags[i]);
        put_tag(frame + 16, 0x8100, 7);
        put_tag(frame + 20, 0x88b5, 0);
        send_frame(100);
        assert_int_equal(receive(&got, 1), 1);
        assert_frame(&got, 100, 100);
    }
}

/* Also of one that is cut. */
static void a_tag_counts_as_a_part_of_its_frame(void **state)
{
    struct captured_frame got;

    (void)state;
    begin(256, true);
    make(1, 1000, 0);
    put_tag(frame + 12, 0x8100, 42);
    put_tag(frame + 16, 0x88b5, 0);
    send_frame(1000);
    assert_int_equal(receive(&got, 1), 1);
    assert_frame(&got, 1000, 256);
}

static void what_finds_no_room_is_counted(void **state)
{
    struct captured_frame frames[64];
    uint64_t seen = 0, dropped;

    (void)state;
    held_ms = 5000; /* no block is handed over before it is full, however slowly frames are sent */
    begin(65535, true);
    held_ms = HELD_MS;
    make(3, 1500, 0x88b5);
    for (int i = 0; i < 2000; i++)
        send_frame(1500);
    dropped = ring_take_dropped(ring);
    assert_in_range(dropped, 1000, 1999);
    while (seen + dropped < 2000) {
        size_t count = receive(frames, 64);

        assert_in_range(count, 1, 64);
        seen += count;
    }
    assert_int_equal(ring_take_dropped(ring), 0);
}

static void an_interface_that_is_down_comes_up_again(void **state)
{
    struct captured_frame got;
    size_t count;

    (void)state;
    begin(65535, true);
    assert_true(set_flags(0));
    for (int i = 0; i < 3; i++)
        assert_true(ring_read(ring, &got, 1, &count));
    assert_true(set_flags(IFF_UP));
    make(9, 200, 0x88b5);
    send_frame(200);
    assert_int_equal(receive(&got, 1), 1);
    assert_frame(&got, 200, 200);
}

static void await_end(void)
{
    struct pollfd readable = {.fd = ring_descriptor(ring), .events = POLLIN};
    struct captured_frame got;
    size_t count = 0;
    bool there = true;

    for (int i = 0; i < ATTEMPTS && there; i++) {
        poll(&readable, 1, HELD_MS);
        there = ring_read(ring, &got, 1, &count);
    }
    assert_false(there);
    assert_int_equal(errno, ENODEV);
    assert_int_equal(count, 0);
}

/* What it carried before is given first, though it is held back. */
static rlim_t mapped_bytes(void)
{
    FILE *stream = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;

    assert_non_null(stream);
    assert_int_equal(fscanf(stream, "%lu", &pages), 1);
    fclose(stream);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Opens a ring where no more than MORE_KIB can be mapped. */
static struct ring *open_in_less(unsigned buffer_mib, unsigned more_kib, char *error, size_t size)
{
    struct rlimit before, less;
    struct ring *opened;

    interface.buffer_mib = buffer_mib;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    less = before;
    less.rlim_cur = mapped_bytes() + ((rlim_t)more_kib << 10);
    assert_int_equal(setrlimit(RLIMIT_AS, &less), 0);
    opened = ring_open(&interface, held_ms, error, size);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    interface.buffer_mib = 1;
    return opened;
}

static void with_less_memory_the_ring_is_smaller(void **state)
{
    struct captured_frame got;
    char error[256] = "";
    int next = dup(0);

    (void)state;
    close(next);
    if (tap < 0)
        skip();
    ring = open_in_less(64, 20 << 10, error, sizeof(error));
    assert_string_equal(error, "");
    assert_int_equal(ring_descriptor(ring), next); /* those that were given up are closed */
    assert_int_equal(ring_bytes(ring), 16 << 20);
    make(3, 100, 0x88b5);
    send_frame(100);
    assert_int_equal(receive(&got, 1), 1);
    assert_frame(&got, 100, 100);
    ring_close(ring);
    ring = open_in_less(64, 0, error, sizeof(error));
    assert_null(ring);
    assert_string_equal(error, "Cannot allocate memory");
}

/* Less than 1 MiB would hold no burst. */
static void a_ring_is_no_smaller_than_a_mebibyte(void **state)
{
    char error[256] = "";

    (void)state;
    if (tap < 0)
        skip();
    ring = open_in_less(64, 1536, error, sizeof(error));
    assert_string_equal(error, "");
    assert_int_equal(ring_bytes(ring), 1 << 20);
    ring_close(ring);
    ring = open_in_less(64, 768, error, sizeof(error));
    assert_null(ring);
    assert_string_equal(error, "Cannot allocate memory");
}

static void an_interface_that_was_removed_is_gone(void **state)
{
    struct captured_frame got;
    char error[256];

    (void)state;
    held_ms = 500;
    begin(65535, true);
    held_ms = HELD_MS;
    make(9, 200, 0x88b5);
    send_frame(200);
    close(tap);
    assert_int_equal(receive(&got, 1), 1);
    assert_frame(&got, 200, 200);
    await_end();
    assert_null(ring_open(&interface, HELD_MS, error, sizeof(error)));
    assert_non_null(strstr(error, "No such device"));
    assert_true(make_interface());
}

/* As every one is, before it is removed: that may be seen alone. The last test: it ends the
 * interface. */
static void an_interface_that_was_down_and_removed_is_gone(void **state)
{
    struct captured_frame got;
    size_t count;

    (void)state;
    begin(65535, true);
    assert_true(set_flags(0));
    assert_true(ring_read(ring, &got, 1, &count));
    close(tap);
    await_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(frames_come_in_order_and_as_they_were, end),
        cmocka_unit_test_teardown(a_long_frame_is_whole_or_cut, end),
        cmocka_unit_test_teardown(a_tag_stays_in_its_frame, end),
        cmocka_unit_test_teardown(a_tag_counts_as_a_part_of_its_frame, end),
        cmocka_unit_test_teardown(what_finds_no_room_is_counted, end),
        cmocka_unit_test_teardown(an_interface_that_is_down_comes_up_again, end),
        cmocka_unit_test_teardown(with_less_memory_the_ring_is_smaller, end),
        cmocka_unit_test_teardown(a_ring_is_no_smaller_than_a_mebibyte, end),
        cmocka_unit_test_teardown(an_interface_that_was_removed_is_gone, end),
        cmocka_unit_test_teardown(an_interface_that_was_down_and_removed_is_gone, end),
    };

    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        fprintf(stderr, "skipped: no network namespace: %s\n", strerror(errno));
    else if (!make_interface()) {
        fprintf(stderr, "skipped: no virtual interface: %s\n", strerror(errno));
        tap = -1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
