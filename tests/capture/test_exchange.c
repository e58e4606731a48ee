/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/traffic.h"

#define SECOND_NS INT64_C(1000000000)

#define MS 1000000LL
#define S  1000000000LL

static const struct estimator api = {
    .request_bytes_min = 200,
    .request_record_min = 100,
    .burst_gap_s = 2,
    .answer_record_min = 35,
    .answer_bytes_min = 200,
    .answer_gap_s = 6,
};

static const struct estimator web = {
    .request_bytes_min = 3000,
    .request_record_min = 100,
    .burst_gap_s = 2,
    .answer_record_min = 35,
    .answer_bytes_min = 200,
    .answer_gap_s = 6,
    .answer_s_min = 2,
    .answer_slots_min = 6,
    .method = METHOD_M2,
    .record_base_bytes = {100, 150, 200},
    .event_text_bytes = 300,
    .record_max_bytes = 16384,
};

static const struct estimator events = {
    .request_bytes_min = 200,
    .request_record_min = 100,
    .burst_gap_s = 2,
    .answer_record_min = 35,
    .answer_bytes_min = 200,
    .answer_gap_s = 6,
    .method = METHOD_M2,
    .record_base_bytes = {148, 148, 148},
    .event_text_bytes = 15,
    .record_max_bytes = 600,
};

static const struct estimator browser = {
    .request_bytes_min = 3000,
    .request_record_min = 100,
    .burst_gap_s = 2,
    .answer_record_min = 35,
    .answer_bytes_min = 200,
    .answer_gap_s = 6,
    .answer_s_min = 2,
    .answer_slots_min = 6,
    .answer_steps_min = 6,
    .bulk_bytes_per_s = 20000,
    .text_record_max = 1100,
    .quiet_s = 0.3,
    .method = METHOD_M4,
};

static const struct estimator *rule;
static struct exchange_tracker tracker;
static struct exchange_shape shapes[16]; /* of the finished exchanges */
static unsigned finished;

static void start(const struct estimator *estimator)
{
    rule = estimator;
    finished = 0;
    exchange_start(&tracker);
}

static void expire_before(int64_t now_ns)
{
    while (exchange_deadline(&tracker, rule) < now_ns)
        finished += exchange_expire(&tracker, rule, &shapes[finished]);
}

static void record(int64_t now_ns, bool from_client, uint32_t size)
{
    expire_before(now_ns);
    finished += exchange_record(&tracker, rule, now_ns, from_client, size, &shapes[finished]);
}

static void client(int64_t now_ns, uint32_t size)
{
    record(now_ns, true, size);
}

static void server(int64_t now_ns, uint32_t size)
{
    record(now_ns, false, size);
}

/* COUNT records, STEP_NS apart. Returns the time of the last one. */
static int64_t stream(int64_t from_ns, int64_t step_ns, unsigned count, uint32_t size)
{
    for (unsigned i = 0; i < count; i++)
        server(from_ns + i * step_ns, size);
    return from_ns + (count - 1) * step_ns;
}

static void close_at_end(void)
{
    finished += exchange_close(&tracker, rule, &shapes[finished]);
    assert_false(exchange_is_open(&tracker));
}

static void a_new_one_waits_for_nothing(void **state)
{
    (void)state;
    start(&api);
    assert_false(exchange_is_open(&tracker));
    assert_true(exchange_deadline(&tracker, rule) == EXCHANGE_NO_DEADLINE);
    server(0, 5000); /* what the server says unasked is no answer */
    assert_false(exchange_is_open(&tracker));
    close_at_end();
    assert_int_equal(finished, 0);
}

static void one_question_one_answer(void **state)
{
    (void)state;
    start(&api);
    client(0, 150);
    client(1 * MS, 500);
    server(1 * S, 300);
    server(1 * S + 200 * MS, 700);
    assert_int_equal(finished, 0);
    assert_true(exchange_is_open(&tracker));
    assert_true(exchange_deadline(&tracker, rule) == 7 * S + 200 * MS);
    expire_before(7 * S + 200 * MS);
    assert_int_equal(finished, 0);
    expire_before(7 * S + 200 * MS + 1);
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].request_bytes, 650);
    assert_int_equal(shapes[0].answer_bytes, 1000);
    assert_int_equal(shapes[0].answer_records, 2);
    assert_int_equal(shapes[0].answer_ns, 200 * MS);
    assert_true(shapes[0].first_on_connection);
    close_at_end();
    assert_int_equal(finished, 1);
}

/* What fills records is no text that is written as it is made. */
static void bulk_within_an_answer_is_told_apart(void **state)
{
    struct estimator bulky = api;

    (void)state;
    bulky.method = METHOD_M4;
    bulky.bulk_record_min = 8000;
    start(&bulky);
    record(0, true, 500);
    record(SECOND_NS, false, 300);
    record(SECOND_NS + 1, false, 16401);
    record(SECOND_NS + 2, false, 8000);
    record(SECOND_NS + 3, false, 7999);
    record(2 * SECOND_NS, true, 500); /* and it is forgotten */
    record(3 * SECOND_NS, false, 300);
    expire_before(60 * SECOND_NS);
    assert_int_equal(finished, 2);
    assert_int_equal(shapes[0].answer_bytes, 300 + 16401 + 8000 + 7999);
    assert_int_equal(shapes[0].bulk_bytes, 16401 + 8000);
    assert_int_equal(shapes[0].bulk_records, 2);
    assert_int_equal(shapes[1].bulk_bytes, 0);
    assert_int_equal(shapes[1].bulk_records, 0);
}

/* New rules may come in the middle: no estimate may rest on what another method gathered. */
static void another_method_finds_nothing_of_the_old_one(void **state)
{
    struct estimator bulky = api;

    (void)state;
    bulky.method = METHOD_M4;
    bulky.bulk_record_min = 8000;
    start(&bulky);
    record(0, true, 500);
    record(SECOND_NS, false, 16401);
    rule = &events;
    expire_before(60 * SECOND_NS);
    assert_int_equal(finished, 1);
    assert_true(shapes[0].excess_bytes.low == 0 && shapes[0].excess_bytes.high == 0);
    start(&events);
    record(0, true, 500);
    record(SECOND_NS, false, 500);
    rule = &bulky;
    expire_before(60 * SECOND_NS);
    assert_int_equal(finished, 1);
    assert_true(shapes[0].bulk_bytes <= shapes[0].answer_bytes);
    assert_true(shapes[0].bulk_records <= shapes[0].answer_records);
}

static void a_short_answer_is_found_by_its_steps(void **state)
{
    (void)state;
    for (unsigned records = 6; records <= 7; records++) {
        start(&browser);
        client(0, 4000);
        stream(S, 10 * MS, records, 100); /* the first one is no step */
        close_at_end();
        assert_int_equal(finished, records - 6);
    }
    start(&browser);
    client(0, 4000);
    stream(S, 10 * MS - 1, 1000, 10); /* too small to be any */
    stream(S, 10 * MS - 1, 40, 100);  /* without pauses: one write */
    close_at_end();
    assert_int_equal(finished, 0);
}

static void steps_are_told_of_programs_too(void **state)
{
    (void)state;
    start(&api);
    client(0, 400);
    server(S, 1000);
    server(S + 10 * MS, 300);
    server(S + 19 * MS, 300);
    server(S + 40 * MS, 4096);
    server(S + 80 * MS, 4097); /* a file's, that waits for the network */
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].steps, 2);
}

/* What comes back after each call of the client is what it called for. */
static void replies_to_calls_are_no_steps(void **state)
{
    (void)state;
    start(&browser);
    client(0, 4000);
    server(S, 100);
    for (int i = 0; i < 16; i++) { /* later than the calls that go before a prompt */
        client(3 * S + i * 50 * MS, 120);
        server(3 * S + i * 50 * MS + 20 * MS, 300);
    }
    close_at_end();
    assert_int_equal(finished, 0);
}

static void pages_and_files_are_no_part_of_an_answer(void **state)
{
    (void)state;
    start(&browser);
    client(0, 4000);
    stream(100 * MS, 2 * MS, 2000, 1000); /* 2 MB in 4 s: too fast for text */
    stream(5 * S, 100 * MS, 40, 16000);   /* slower, in records that text does not fill */
    expire_before(30 * S);
    assert_int_equal(finished, 0);
    client(31 * S, 4000);
    stream(32 * S, 2 * MS, 500, 1000); /* first a page, in two half-seconds, */
    stream(33 * S, 50 * MS, 30, 100);  /* then three seconds of text, */
    server(34500 * MS - 1, 16000);     /* an image between them, */
    stream(34500 * MS, 50 * MS, 30, 100);
    stream(36 * S, 2 * MS, 250, 1000); /* and a file in the end */
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].answer_bytes, 60 * 100);
    assert_int_equal(shapes[0].answer_records, 60);
    assert_int_equal(shapes[0].answer_ns, 59 * 50 * MS);
}

static void what_is_sent_beside_an_answer_cuts_nothing(void **state)
{
    int64_t now;

    (void)state;
    start(&browser);
    client(0, 4000);
    stream(S, 50 * MS, 40, 100);
    client(S + 1960 * MS, 5000); /* telemetry, right after a step */
    now = stream(S + 2000 * MS, 50 * MS, 40, 100);
    assert_int_equal(finished, 0);
    client(now + 299 * MS, 2000);
    client(now + 300 * MS, 2999); /* not enough for a request */
    assert_int_equal(finished, 0);
    client(now + 301 * MS, 1);
    client(now + 302 * MS, 100);
    assert_int_equal(finished, 1); /* a question, from someone who has read the answer */
    assert_int_equal(shapes[0].answer_records, 80);
}

/* Telemetry in the first seconds, too: it makes no one forget an answer that is being written. */
static void an_answer_is_not_forgotten_for_telemetry(void **state)
{
    (void)state;
    start(&browser);
    client(0, 4000);
    stream(S, 20 * MS, 20, 100);
    client(S + 700 * MS, 500);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].answer_bytes, 2000);
}

static void records_of_one_event_are_one(void **state)
{
    struct estimator events_of_records = browser;

    (void)state;
    events_of_records.event_gap_s = 0.005;
    start(&events_of_records);
    client(0, 4000);
    for (int i = 0; i < 20; i++)
        stream(S + i * 100 * MS, i % 2 == 0 ? 5 * MS - 1 : 5 * MS, 3, 200);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].answer_records, 10 + 30);
    assert_int_equal(shapes[0].answer_bytes, 60 * 200);
}

static void the_modal_size_is_that_of_more_than_half(void **state)
{
    (void)state;
    start(&api);
    client(0, 400);
    server(S, 2000);
    for (int i = 0; i < 100; i++)
        server(S + (i + 1) * 20 * MS, i % 4 == 0 ? 600 : 320 + (uint32_t)i % 3);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_in_range(shapes[0].modal_bytes, 320, 322);
    assert_in_range(shapes[0].modal_lead, 45, 55); /* 75 - 26: others cancel out, too */
    start(&api);
    client(0, 400);
    for (int i = 0; i < 100; i++)
        server(S + i * 20 * MS, i % 2 == 0 ? 600 : 320);
    close_at_end();
    assert_int_equal(shapes[0].modal_lead, 0);
    start(&api);
    client(0, 400);
    for (int i = 0; i < 90; i++)
        server(S + i * 20 * MS, i % 2 == 0 ? 900 : 500);
    stream(3 * S, 20 * MS, 10, 340); /* they come last, and are not many */
    close_at_end();
    assert_int_equal(shapes[0].modal_lead, 0);
}

static void the_next_question_ends_the_answer(void **state)
{
    (void)state;
    start(&api);
    for (int i = 0; i < 5; i++) {
        client(i * S, 400);
        server(i * S + 300 * MS, 1000 + (uint32_t)i);
    }
    assert_int_equal(finished, 4);
    close_at_end();
    assert_int_equal(finished, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(shapes[i].request_bytes, 400);
        assert_int_equal(shapes[i].answer_bytes, 1000 + i);
        assert_int_equal(shapes[i].first_on_connection, i == 0);
    }
}

static void small_records_of_the_client_end_nothing(void **state)
{
    int64_t now = 0;

    (void)state;
    start(&api);
    client(0, 400);
    for (int i = 0; i < 100; i++) { /* pings and window updates */
        now = i * 100 * MS;
        server(now, 60);
        client(now + 1, 39);
        client(now + 2, 99);
    }
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].request_bytes, 400);
    assert_int_equal(shapes[0].answer_records, 100);
}

static void small_records_of_the_server_are_no_answer(void **state)
{
    (void)state;
    start(&api);
    client(0, 400);
    for (int i = 1; i < 50; i++)
        server(i * S, 34);
    close_at_end();
    assert_int_equal(finished, 0);
}

static void a_client_that_says_little_asks_nothing(void **state)
{
    (void)state;
    start(&api);
    client(0, 150); /* under 200 bytes */
    server(100 * MS, 5000);
    client(3 * S, 150); /* another burst: the first one is forgotten */
    server(4 * S, 5000);
    close_at_end();
    assert_int_equal(finished, 0);
    start(&api);
    client(0, 150);
    client(2 * S, 150); /* another one too, by a hair */
    server(3 * S, 5000);
    close_at_end();
    assert_int_equal(finished, 0);
    start(&api);
    client(0, 150);
    client(1999 * MS, 150); /* the same burst */
    server(4 * S, 5000);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].request_bytes, 300);
}

static void an_answer_that_says_little_is_none(void **state)
{
    (void)state;
    start(&api);
    client(0, 400);
    server(100 * MS, 199);
    client(1 * S, 400);
    assert_int_equal(finished, 0);
    server(2 * S, 200);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_true(shapes[0].first_on_connection); /* the first that counts */
}

/* Reasoning models think for minutes before the first byte. */
static void an_answer_may_be_long_in_coming(void **state)
{
    (void)state;
    start(&api);
    client(0, 400);
    server(599 * S, 300);
    close_at_end();
    assert_int_equal(finished, 1);
    start(&api);
    client(0, 400);
    server(601 * S, 300);
    close_at_end();
    assert_int_equal(finished, 0);
}

static void a_silence_ends_the_answer(void **state)
{
    (void)state;
    start(&api);
    client(0, 400);
    server(1 * S, 500);
    server(6 * S, 500); /* within the gap */
    server(12 * S + 1, 500);
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].answer_bytes, 1000);
    close_at_end();
    assert_int_equal(finished, 1);
}

static void a_page_load_is_no_answer(void **state)
{
    (void)state;
    start(&web);
    client(0, 4000);
    stream(100 * MS, 2 * MS, 900, 16000); /* 14 MB in 1.8 s */
    expire_before(60 * S);
    client(61 * S, 4000);
    stream(62 * S, 100 * MS, 20, 300); /* 1.9 s */
    expire_before(120 * S);
    assert_int_equal(finished, 0);
    client(121 * S, 4000);
    stream(122 * S, 100 * MS, 30, 300);
    close_at_end();
    assert_int_equal(finished, 1);
}

/* Long enough, but with data in too few half-second slots: a poll, not a stream. */
static void slots_are_counted(void **state)
{
    (void)state;
    start(&web);
    client(0, 4000);
    stream(1 * S, 1 * S, 5, 500);
    close_at_end();
    assert_int_equal(finished, 0);
    start(&web);
    client(0, 4000);
    stream(1 * S, 1 * S, 6, 500);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].answer_ns, 5 * S);
    start(&web);
    client(0, 4000);
    for (int i = 0; i < 5; i++)
        stream((1 + i) * S, 10 * MS, 20, 500); /* many records, few slots */
    close_at_end();
    assert_int_equal(finished, 0);
}

static void a_duration_may_be_demanded_alone(void **state)
{
    struct estimator estimator = web;

    (void)state;
    estimator.answer_slots_min = 0;
    for (int i = 0; i < 2; i++) {
        start(&estimator);
        client(0, 4000);
        server(1 * S, 500);
        server(3 * S - 1 + i, 500);
        close_at_end();
        assert_int_equal(finished, i);
    }
}

/* Telemetry of the page goes on during the answer, in bursts that are no question. */
static void telemetry_does_not_cut_an_answer(void **state)
{
    (void)state;
    start(&web);
    client(0, 4000);
    for (int i = 0; i < 40; i++) {
        server(1 * S + i * 250 * MS, 300);
        if (i % 12 == 11)
            client(1 * S + i * 250 * MS + 1, 1200); /* every three seconds */
    }
    assert_int_equal(finished, 0);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].answer_records, 40);
}

static void a_large_burst_cuts_it(void **state)
{
    int64_t now;

    (void)state;
    start(&web);
    client(0, 4000);
    now = stream(1 * S, 250 * MS, 20, 300);
    client(now + 1, 1500);
    client(now + 100 * MS, 1600);
    assert_int_equal(finished, 1);
    stream(now + 1 * S, 250 * MS, 20, 300);
    close_at_end();
    assert_int_equal(finished, 2);
    assert_int_equal(shapes[1].request_bytes, 3100);
    assert_false(shapes[1].first_on_connection);
}

/* A browser makes small calls before the prompt: their replies are no part of the answer. */
static void replies_to_first_calls_are_forgotten(void **state)
{
    (void)state;
    start(&web);
    client(0, 3500);
    server(200 * MS, 9000);
    client(700 * MS, 2500);
    server(900 * MS, 7000);
    client(1500 * MS, 5000);
    stream(2500 * MS, 250 * MS, 20, 300);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].request_bytes, 11000);
    assert_int_equal(shapes[0].answer_bytes, 6000);
    assert_int_equal(shapes[0].answer_records, 20);
}

static void excess_is_summed_per_base(void **state)
{
    (void)state;
    start(&web);
    client(0, 4000);
    stream(1 * S, 500 * MS, 6, 160);
    stream(4 * S, 500 * MS, 6, 250);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_true(shapes[0].excess_bytes.low == 6 * 50);
    assert_true(shapes[0].excess_bytes.central == 6 * 10 + 6 * 100);
    assert_true(shapes[0].excess_bytes.high == 6 * 60 + 6 * 150);
}

/* Of one event, of two joined ones, of three; and of what is no event: the largest that may be one,
 * and the smallest that is none. */
static void joined_events_have_a_base_each_and_large_records_no_text(void **state)
{
    static const struct {
        uint32_t size;
        double excess;
    } cases[] = {{100, 0},
                 {148, 0},
                 {160, 12},
                 {325, 325 - 148},
                 {326, 326 - 296},
                 {330, 330 - 296},
                 {489, 489 - 3 * 148},
                 {600, 600 - 3 * 148},
                 {601, 0},
                 {16000, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(&events);
        client(0, 4000);
        stream(1 * S, 500 * MS, 1, cases[i].size);
        stream(2 * S, 500 * MS, 2, 250);
        close_at_end();
        assert_int_equal(finished, 1);
        assert_true(shapes[0].excess_bytes.central == cases[i].excess + 2 * (250 - 148));
    }
}

/* -- Recorded sessions ---------------------------------------------------------------------------
 */

#define FLOWS 4

/* Counts the prompts found in a session of CAPTURE, packets standing for records. */
static unsigned count_prompts(int capture, const struct estimator *estimator, double *tokens)
{
    FILE *file = open_traffic("web_sessions_packets.csv");
    struct exchange_tracker trackers[FLOWS] = {0};
    struct exchange_shape shape;
    unsigned count = 0;
    char line[256];

    *tokens = 0;
    while (fgets(line, sizeof(line), file)) {
        char *at = line;
        bool ours = (int)next_number(&at) == capture;
        int64_t now_ns = (int64_t)(next_number(&at) * 1e9);
        bool up = *at == 'u';
        double flow;
        double bytes;

        at += strlen("u,tcp,");
        flow = next_number(&at);
        bytes = next_number(&at);
        if (!ours || bytes <= 5)
            continue;
        assert_true(flow < FLOWS);
        rule = estimator;
        tracker = trackers[(int)flow];
        if (exchange_deadline(&tracker, rule) < now_ns && exchange_expire(&tracker, rule, &shape)) {
            *tokens += estimator_apply(rule, &shape).tokens_out.central;
            count++;
        }
        if (exchange_record(&tracker, rule, now_ns, up, (uint32_t)bytes - 5, &shape)) {
            *tokens += estimator_apply(rule, &shape).tokens_out.central;
            count++;
        }
        trackers[(int)flow] = tracker;
    }
    for (int i = 0; i < FLOWS; i++) {
        if (!exchange_close(&trackers[i], estimator, &shape))
            continue;
        *tokens += estimator_apply(estimator, &shape).tokens_out.central;
        count++;
    }
    fclose(file);
    return count;
}

/* Three prompts each, their files say. Nobody has published how well such a rule counts. */
static void counts_stay_at_their_largest(void **state)
{
    struct estimator patient = web;

    (void)state;
    start(&api);
    for (int i = 0; i < 3; i++)
        client(i, 0x80000000U);
    for (int i = 0; i < 3; i++)
        server(S + i, 0x80000000U);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_true(shapes[0].request_bytes == UINT32_MAX);
    assert_true(shapes[0].answer_bytes == UINT32_MAX);
    assert_int_equal(shapes[0].answer_records, 3);

    patient.answer_slots_min = ESTIMATOR_MAX_SLOTS;
    start(&patient);
    client(0, 4000);
    stream(S, S / 2, 3 * ESTIMATOR_MAX_SLOTS, 300);
    close_at_end();
    assert_int_equal(finished, 1);

    start(&api);
    client(0, 300);
    stream(S, 1000, 1 << 22, 40);
    close_at_end();
    assert_int_equal(shapes[0].answer_records, (1 << 22) - 1);
    assert_int_equal(shapes[0].answer_bytes, 40U << 22);
}

static void recorded_web_sessions_are_counted(void **state)
{
    static const struct {
        int capture;
        const char *service;
        unsigned least;
        unsigned most;
    } sessions[] = {{0, "chatgpt-web", 2, 4}, {3, "claude-web", 2, 4}, {7, "gemini-web", 2, 4}};

    (void)state;
    for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
        struct estimator estimator = shipped_estimator(sessions[i].service);
        double tokens;
        unsigned count = count_prompts(sessions[i].capture, &estimator, &tokens);

        print_message("%s: %u prompts found of 3, %.0f tokens\n", sessions[i].service, count,
                      tokens);
        assert_in_range(count, sessions[i].least, sessions[i].most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_one_waits_for_nothing),
        cmocka_unit_test(one_question_one_answer),
        cmocka_unit_test(a_short_answer_is_found_by_its_steps),
        cmocka_unit_test(steps_are_told_of_programs_too),
        cmocka_unit_test(replies_to_calls_are_no_steps),
        cmocka_unit_test(pages_and_files_are_no_part_of_an_answer),
        cmocka_unit_test(what_is_sent_beside_an_answer_cuts_nothing),
        cmocka_unit_test(an_answer_is_not_forgotten_for_telemetry),
        cmocka_unit_test(records_of_one_event_are_one),
        cmocka_unit_test(the_modal_size_is_that_of_more_than_half),
        cmocka_unit_test(the_next_question_ends_the_answer),
        cmocka_unit_test(bulk_within_an_answer_is_told_apart),
        cmocka_unit_test(another_method_finds_nothing_of_the_old_one),
        cmocka_unit_test(small_records_of_the_client_end_nothing),
        cmocka_unit_test(small_records_of_the_server_are_no_answer),
        cmocka_unit_test(a_client_that_says_little_asks_nothing),
        cmocka_unit_test(an_answer_that_says_little_is_none),
        cmocka_unit_test(an_answer_may_be_long_in_coming),
        cmocka_unit_test(a_silence_ends_the_answer),
        cmocka_unit_test(a_page_load_is_no_answer),
        cmocka_unit_test(slots_are_counted),
        cmocka_unit_test(a_duration_may_be_demanded_alone),
        cmocka_unit_test(telemetry_does_not_cut_an_answer),
        cmocka_unit_test(a_large_burst_cuts_it),
        cmocka_unit_test(replies_to_first_calls_are_forgotten),
        cmocka_unit_test(excess_is_summed_per_base),
        cmocka_unit_test(joined_events_have_a_base_each_and_large_records_no_text),
        cmocka_unit_test(counts_stay_at_their_largest),
        cmocka_unit_test(recorded_web_sessions_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
