/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/fetches.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/capture/estimator.h"

#define S      1000000000LL
#define MS     1000000LL
#define IMAGE  1e5
#define DEVICE 0x1234567890abcdefU

static const struct estimator no_files;

static struct fetches *fetches;

static int begin(void **state)
{
    (void)state;
    fetches = fetches_new();
    return fetches ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    fetches_free(fetches);
    return 0;
}

static double share = 0.25; /* of an image, for each thing */

/* REQUESTS at once, then BYTES of the server. */
static void fetch(uint64_t device, int64_t now_ns, unsigned requests, uint32_t bytes)
{
    for (unsigned i = 0; i < requests; i++)
        fetches_add(fetches, device, now_ns, true, 500, &no_files);
    for (uint32_t left = bytes; left > 0; left -= left < 1400 ? left : 1400)
        fetches_add(fetches, device, now_ns, false, left < 1400 ? left : 1400, &no_files);
}

static uint64_t take(uint64_t device, int64_t from_ns, int64_t until_ns)
{
    return fetches_take(fetches, device, from_ns, until_ns, IMAGE, share);
}

static void an_image_is_taken_once_and_in_its_time(void **state)
{
    (void)state;
    fetch(DEVICE, 10 * S, 1, 1500000);
    assert_int_equal(take(DEVICE, 10 * S + 1, 20 * S), 0);
    assert_int_equal(take(DEVICE, 5 * S, 10 * S - 1), 0);
    assert_int_equal(take(DEVICE + 1024, 0, 20 * S), 0); /* in the same bucket */
    assert_int_equal(take(DEVICE, 10 * S, 10 * S), 1500000);
    assert_int_equal(take(DEVICE, 10 * S, 10 * S), 0);
}

static void icons_are_no_images(void **state)
{
    static const struct {
        unsigned requests;
        uint32_t bytes;
        uint64_t taken;
    } cases[] = {
        {1, 99999, 0},  {1, 100000, 100000}, {4, 100000, 100000},
        {5, 100000, 0}, {20, 499999, 0},     {20, 500000, 500000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fetch(DEVICE, (int64_t)i * 10 * S, cases[i].requests, cases[i].bytes);
        assert_int_equal(take(DEVICE, 0, 100 * S), cases[i].taken);
    }
    share = 0.2;
    fetch(DEVICE, 200 * S, 5, 100000);
    assert_int_equal(take(DEVICE, 200 * S, 300 * S), 100000);
    share = 0.25;
}

static void a_silence_ends_a_fetch(void **state)
{
    (void)state;
    fetch(DEVICE, 10 * S, 1, 60000);
    fetch(DEVICE, 12 * S - 1, 1, 60000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 120000);
    fetch(DEVICE, 20 * S, 1, 60000);
    fetch(DEVICE, 22 * S, 1, 60000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 0);
    fetch(DEVICE, 30 * S, 1, 200000); /* two of one answer */
    fetch(DEVICE, 33 * S, 1, 300000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 500000);
}

/* What was asked before the capture began. */
static void an_unasked_fetch_is_one(void **state)
{
    (void)state;
    fetch(DEVICE, 10 * S, 0, 100000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 100000);
}

/* A bucket holds four fetches. */
static void the_oldest_fetch_goes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        fetch(DEVICE + i * 1024, 10 * S + i, 1, 100000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 0);
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal(take(DEVICE + i * 1024, 0, 100 * S), 100000);
    fetch(0, 10 * S, 1, 100000); /* a device may be known by any number */
    assert_int_equal(take(0, 0, 100 * S), 100000);
}

static void bytes_stay_at_their_largest(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        fetches_add(fetches, DEVICE, S, false, 0x80000000U, &no_files);
    assert_int_equal(take(DEVICE, 0, 100 * S), UINT32_MAX);
}

/* -- Files ------------------------------------------------------------------------------------ */

static const struct estimator usual = {
    .file_bytes_min = 20000, .file_reply_bytes_min = 200, .file_pause_s = 0.05};
static const struct estimator *files = &usual; /* what tells them */
static int64_t pace_ns;                        /* between two segments */

/* BYTES in segments, each of which the server answers with ACKNOWLEDGED bytes. */
static void send(uint64_t device, int64_t now_ns, uint32_t bytes, uint32_t acknowledged)
{
    for (uint32_t left = bytes; left > 0; left -= left < 1400 ? left : 1400, now_ns += pace_ns) {
        fetches_add(fetches, device, now_ns, true, left < 1400 ? left : 1400, files);
        if (acknowledged > 0)
            fetches_add(fetches, device, now_ns, false, acknowledged, files);
    }
}

static void reply(uint64_t device, int64_t now_ns)
{
    fetches_add(fetches, device, now_ns, false, 300, files);
}

static void a_file_counts_once_it_is_large_enough(void **state)
{
    static const struct {
        uint32_t bytes, acknowledged, files;
        int64_t pace_ns;
    } cases[] = {{19999, 0, 0, 0},
                 {20000, 0, 1, 0},
                 {3000000, 0, 1, 0},
                 {300000, 199, 1, 60 * MS},
                 {300000, 2000, 1, 50 * MS - 1}, /* tickets of TLS */
                 {60000, 200, 0, 50 * MS}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pace_ns = cases[i].pace_ns;
        send(DEVICE, (int64_t)i * 100 * S, cases[i].bytes, cases[i].acknowledged);
        pace_ns = 0;
        assert_int_equal(fetches_take_files(fetches, DEVICE, 0, 1000 * S), cases[i].files);
        assert_int_equal(fetches_take_files(fetches, DEVICE, 0, 1000 * S), 0);
    }
}

/* Three times 10 kB, 30 ms apart, each acknowledged with 150 B. */
static void its_size_a_reply_and_a_pause_are_of_the_estimator(void **state)
{
    static const struct {
        struct estimator estimator;
        uint32_t files;
    } cases[] = {
        {{.file_bytes_min = 20000, .file_reply_bytes_min = 200, .file_pause_s = 0.05}, 1},
        {{.file_bytes_min = 20000, .file_reply_bytes_min = 200, .file_pause_s = 0.03}, 1},
        {{.file_bytes_min = 20000, .file_reply_bytes_min = 150, .file_pause_s = 0.05}, 1},
        {{.file_bytes_min = 20000, .file_reply_bytes_min = 150, .file_pause_s = 0.03}, 0},
        {{.file_bytes_min = 10000, .file_reply_bytes_min = 150, .file_pause_s = 0.03}, 3},
        {{.file_bytes_min = 30001, .file_reply_bytes_min = 200, .file_pause_s = 0.05}, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t start_ns = (int64_t)i * 100 * S;

        files = &cases[i].estimator;
        for (int part = 0; part < 3; part++)
            send(DEVICE, start_ns + part * 30 * MS, 10000, 150);
        assert_int_equal(fetches_take_files(fetches, DEVICE, 0, 1000 * S), cases[i].files);
    }
    files = &usual;
}

/* Each has its reply; and what comes after a silence is another one. */
static void files_are_told_apart(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        send(DEVICE, 10 * S + i * 50 * MS, 50000, 0);
        reply(DEVICE, 10 * S + i * 50 * MS);
    }
    send(DEVICE, 13 * S, 19000, 0);
    send(DEVICE, 16 * S, 19000, 0); /* not one of 38 kB */
    send(DEVICE + 1024, 16 * S, 50000, 0);
    assert_int_equal(fetches_take_files(fetches, DEVICE, 10 * S + 101 * MS, 100 * S), 0);
    assert_int_equal(fetches_take_files(fetches, DEVICE, 0, 10 * S + 99 * MS), 0);
    assert_int_equal(fetches_take_files(fetches, DEVICE, 10 * S, 10 * S + 100 * MS), 3);
    assert_int_equal(fetches_take_files(fetches, DEVICE + 1024, 0, 100 * S), 1);
}

/* Its time is that of its last segment. */
static void a_file_may_take_long(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        send(DEVICE, (10 + i) * S, 5000, 0);
    assert_int_equal(fetches_take_files(fetches, DEVICE, 0, 29 * S - 1), 0);
    assert_int_equal(fetches_take_files(fetches, DEVICE, 29 * S, 29 * S), 1);
}

/* Tickets come at the begin; later pauses are the network's. */
static void only_what_follows_a_reply_is_another_file(void **state)
{
    (void)state;
    send(DEVICE, 10 * S, 30000, 0);
    reply(DEVICE, 10 * S);
    send(DEVICE, 10 * S + MS, 30000, 0);
    send(DEVICE, 10 * S + 100 * MS, 30000, 0);
    assert_int_equal(fetches_take_files(fetches, DEVICE, 0, 100 * S), 1);
}

static void fetches_go_before_files(void **state)
{
    (void)state;
    send(DEVICE, 10 * S, 50000, 0);
    for (int i = 0; i < 20; i++)
        fetch(DEVICE, (20 + 3 * i) * S, 1, 100000);
    assert_int_equal(fetches_take_files(fetches, DEVICE, 0, 100 * S), 1);
    for (int i = 0; i < 5; i++)
        send(DEVICE + (uint64_t)i * 1024, 100 * S + i, 50000, 0);
    assert_int_equal(fetches_take_files(fetches, DEVICE, 0, 200 * S), 0); /* the oldest of five */
    assert_int_equal(fetches_take_files(fetches, DEVICE + 1024, 0, 200 * S), 1);
}

/* Taken by themselves, in any order. */
static void images_and_files_are_apart(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        send(DEVICE, (10 + 10 * i) * S, 50000, 0);
        reply(DEVICE, (10 + 10 * i) * S);
        fetch(DEVICE, (10 + 10 * i) * S, 1, 1000000);
        if (i == 0)
            assert_true(take(DEVICE, 0, 100 * S) > 0);
        assert_int_equal(fetches_take_files(fetches, DEVICE, 0, 100 * S), 1);
        if (i == 1)
            assert_true(take(DEVICE, 0, 100 * S) > 0);
        assert_int_equal(take(DEVICE, 0, 100 * S), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_image_is_taken_once_and_in_its_time),
        TEST(icons_are_no_images),
        TEST(a_silence_ends_a_fetch),
        TEST(an_unasked_fetch_is_one),
        TEST(the_oldest_fetch_goes),
        TEST(bytes_stay_at_their_largest),
        TEST(a_file_counts_once_it_is_large_enough),
        TEST(its_size_a_reply_and_a_pause_are_of_the_estimator),
        TEST(files_are_told_apart),
        TEST(a_file_may_take_long),
        TEST(only_what_follows_a_reply_is_another_file),
        TEST(fetches_go_before_files),
        TEST(images_and_files_are_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
