/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/fetches.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/capture/estimator.h"
#include "collectors/capture/webexchange.h"

#define S      1000000000LL
#define MS     1000000LL
#define IMAGE  1e5
#define DEVICE 0x1234567890abcdefU
/* Over which answers come */
#define CHAT 7

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

static const struct estimator usual_images = {
    .image_bytes = {IMAGE, 1e6, 1e7}, .image_fetch_share = 0.25, .image_calls_max = 8};
static const struct estimator *images = &usual_images; /* what tells them */

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
    const struct fetches_window window = {from_ns, from_ns, until_ns, 1000 * S};

    return fetches_take(fetches, device, CHAT, &window, images);
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
}

static void the_share_of_each_is_of_the_estimator(void **state)
{
    struct estimator other = usual_images;

    (void)state;
    other.image_fetch_share = 0.2;
    images = &other;
    fetch(DEVICE, 200 * S, 5, 100000);
    assert_int_equal(take(DEVICE, 200 * S, 300 * S), 100000);
    images = &usual_images;
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

/* -- Images from the page's own host ---------------------------------------------------------- */

/* BYTES at once, for CALLS; 0: they go on with what came before. */
static void load_over(uint32_t connection, int64_t now_ns, uint32_t calls, uint32_t bytes)
{
    const struct webexchange_bulk bulk = {
        .first_ns = now_ns,
        .last_ns = now_ns + MS,
        .bytes = bytes,
        .calls = calls,
        .is_of_answers = connection == CHAT,
    };

    fetches_add_bulk(fetches, DEVICE, connection, &bulk, images);
}

static void load(int64_t now_ns, uint32_t calls, uint32_t bytes)
{
    load_over(CHAT, now_ns, calls, bytes);
}

static void an_image_may_come_from_the_page_s_own_host(void **state)
{
    (void)state;
    load(10 * S, 1, 60000);
    load(10 * S + 80 * MS, 0, 60000); /* a round trip later */
    load(11 * S + 80 * MS, 0, 60000); /* of one that is large, also late */
    assert_int_equal(take(DEVICE, 0, 10 * S - 1), 0);
    assert_int_equal(take(DEVICE, 10 * S + 1, 100 * S), 0);
    assert_int_equal(take(DEVICE, 10 * S, 10 * S), 180000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 0);
}

/* Replies to reports, in between, are small, and what follows is another thing. */
static void replies_around_an_image_are_none(void **state)
{
    (void)state;
    load(9 * S, 4, 22000);
    load(11 * S, 1, 150000);
    load(11 * S + 400 * MS, 4, 22000);
    load(11 * S + 450 * MS, 0, 22000);
    load(11 * S + 500 * MS, 11, 20000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 150000);
}

static void some_images_may_come_at_once(void **state)
{
    (void)state;
    load(10 * S, 4, 1000000);
    load(10 * S + 500 * MS, 4, 200000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 1200000);
}

/* The page itself comes first, alone, and may be as large as an image. */
static void a_page_that_loads_is_no_image(void **state)
{
    (void)state;
    load(10 * S, 1, 120000);
    load(11 * S, 20, 50000);
    load(11 * S + 100 * MS, 0, 900000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 0);
    load(20 * S, 20, 900000); /* or its calls do */
    load(20 * S + 500 * MS, 1, 120000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 0);
    for (unsigned i = 0; i < 6; i++) /* or are not all waiting at once */
        load(30 * S + i * 100 * MS, 2, 80000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 0);
    load(35 * S, 6, 60000);
    load(35 * S + 100 * MS, 5, 200000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 0);
    load(40 * S, 1, 120000); /* what is loaded later is no part of it */
    load(42 * S + MS, 20, 900000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 120000);
}

static void what_is_no_image_of_a_page_s_own_host(void **state)
{
    static const struct {
        uint32_t calls, bytes;
        unsigned times;
        int64_t pace_ns;
        uint64_t taken;
    } cases[] = {
        {1, 99999, 1, 0, 0},
        {1, 100000, 1, 0, 100000},
        {0, 100000, 1, 0, 0},
        {8, 200000, 1, 0, 200000},
        {9, 900000, 1, 0, 0},
        {5, 124999, 1, 0, 0},
        {5, 125000, 1, 0, 125000},
        {1, 12000, 20, 250 * MS, 0}, /* sound as it is played */
        {1, 30000, 4, 300 * MS, 120000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned j = 0; j < cases[i].times; j++)
            load((int64_t)(i + 1) * 20 * S + j * cases[i].pace_ns, j == 0 ? cases[i].calls : 0,
                 cases[i].bytes);
        assert_int_equal(take(DEVICE, 0, 1000 * S), cases[i].taken);
    }
}

static void how_many_calls_make_a_page_is_of_the_estimator(void **state)
{
    struct estimator other = usual_images;

    (void)state;
    other.image_calls_max = 9;
    images = &other;
    load(10 * S, 9, 900000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 900000);
    images = &usual_images;
}

/* Until it is known that no page loads. */
static void an_image_is_not_taken_at_once(void **state)
{
    struct fetches_window window = {.until_ns = 100 * S, .now_ns = 12 * S};

    (void)state;
    load(10 * S, 1, 120000);
    assert_int_equal(fetches_take(fetches, DEVICE, CHAT, &window, images), 0);
    window.now_ns = 12 * S + MS;
    assert_int_equal(fetches_take(fetches, DEVICE, CHAT, &window, images), 120000);
}

/* Of those that come over a connection without answers, nobody knows to which one they belong. */
static void an_image_belongs_to_the_answers_on_its_connection(void **state)
{
    const struct fetches_window window = {.until_ns = 100 * S, .now_ns = 100 * S};

    (void)state;
    load(10 * S, 1, 120000);
    assert_int_equal(fetches_take(fetches, DEVICE, CHAT + 1, &window, images), 0);
    assert_int_equal(fetches_take(fetches, DEVICE + 1, CHAT, &window, images), 0);
    assert_int_equal(fetches_take(fetches, DEVICE, CHAT, &window, images), 120000);
    load_over(CHAT + 1, 10 * S, 1, 120000);
    load_over(CHAT + 2, 10 * S, 20, 900000); /* another one's page */
    assert_int_equal(fetches_take(fetches, DEVICE + 1, CHAT, &window, images), 0);
    assert_int_equal(fetches_take(fetches, DEVICE, CHAT, &window, images), 120000);
}

/* The answer ends half a minute after its last step. */
static void an_image_is_kept_for_its_answer(void **state)
{
    (void)state;
    load_over(CHAT + 1, 10 * S, 1, 120000);
    for (unsigned i = 0; i < 20; i++) {
        load_over(CHAT + 1, (13 + 3 * i) * S, 1, 5000);
        fetch(DEVICE, (13 + 3 * i) * S, 1, 1000);
        if (i == 15) /* of 58 s */
            assert_int_equal(take(DEVICE, 0, 100 * S), 120000);
    }
    load_over(CHAT + 1, 110 * S, 1, 120000);
    for (unsigned i = 0; i < 4; i++)
        fetch(DEVICE, (171 + 3 * i) * S, 1, 1000);
    assert_int_equal(take(DEVICE, 110 * S, 200 * S), 0);
}

/* Over the connection of its answer, it may come before those that come from elsewhere. */
static void when_an_image_comes_depends_on_where_it_comes_from(void **state)
{
    const struct fetches_window window = {20 * S, 10 * S, 30 * S, 100 * S};

    (void)state;
    load(10 * S - 1, 1, 110000);
    load_over(CHAT + 1, 20 * S - 1, 1, 120000);
    fetch(DEVICE, 20 * S - 1, 1, 130000);
    assert_int_equal(fetches_take(fetches, DEVICE, CHAT, &window, images), 0);
    load(15 * S, 1, 140000);
    load_over(CHAT + 1, 25 * S, 1, 150000);
    fetch(DEVICE, 25 * S, 1, 160000);
    assert_int_equal(fetches_take(fetches, DEVICE, CHAT, &window, images), 450000);
}

/* Or what follows on it would look like an image. */
static void a_page_is_not_forgotten_while_it_loads(void **state)
{
    (void)state;
    load_over(CHAT + 1, 10 * S, 20, 900000);
    for (unsigned i = 0; i < 5; i++)
        fetch(DEVICE + (uint64_t)i * 1024, 10 * S + 100 * MS, 1, 1000);
    load_over(CHAT + 1, 10 * S + 200 * MS, 1, 200000);
    assert_int_equal(take(DEVICE, 0, 100 * S), 0);
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

/* No prompt waits for a file for more than an hour: then it does not keep others from their place.
 */
static void files_without_a_prompt_give_way(void **state)
{
    const int64_t now_ns = 3700 * S;

    (void)state;
    for (unsigned i = 1; i < 4; i++)
        send(DEVICE + (uint64_t)i * 1024, 10 * S, 50000, 0);
    send(DEVICE + 4 * 1024, now_ns - 3600 * S, 50000, 0);
    fetch(DEVICE, now_ns, 1, 150000);
    fetch(DEVICE, now_ns + 3 * S, 1, 1000);
    assert_int_equal(take(DEVICE, now_ns, now_ns), 150000);
    assert_int_equal(fetches_take_files(fetches, DEVICE + 4 * 1024, 0, now_ns), 1);
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
        TEST(the_share_of_each_is_of_the_estimator),
        TEST(a_silence_ends_a_fetch),
        TEST(an_unasked_fetch_is_one),
        TEST(the_oldest_fetch_goes),
        TEST(bytes_stay_at_their_largest),
        TEST(an_image_may_come_from_the_page_s_own_host),
        TEST(replies_around_an_image_are_none),
        TEST(some_images_may_come_at_once),
        TEST(a_page_that_loads_is_no_image),
        TEST(what_is_no_image_of_a_page_s_own_host),
        TEST(how_many_calls_make_a_page_is_of_the_estimator),
        TEST(an_image_is_not_taken_at_once),
        TEST(an_image_belongs_to_the_answers_on_its_connection),
        TEST(an_image_is_kept_for_its_answer),
        TEST(when_an_image_comes_depends_on_where_it_comes_from),
        TEST(a_page_is_not_forgotten_while_it_loads),
        TEST(a_file_counts_once_it_is_large_enough),
        TEST(its_size_a_reply_and_a_pause_are_of_the_estimator),
        TEST(files_are_told_apart),
        TEST(files_without_a_prompt_give_way),
        TEST(a_file_may_take_long),
        TEST(only_what_follows_a_reply_is_another_file),
        TEST(fetches_go_before_files),
        TEST(images_and_files_are_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
