/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/exchange.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/cut.h"
#include "tests/capture/said.h"

#define SECOND_NS INT64_C(1000000000)

#define MS 1000000LL
#define S  1000000000LL

/* What they have in common; the rest of what makes an exchange follows. */
#define COMMON                                                                                     \
    .request_record_min = 100, .burst_gap_s = 2, .answer_record_min = 35, .answer_bytes_min = 200, \
    .answer_gap_s = 6, .cut = SHIPPED_CUT

static const struct estimator api = {COMMON, .request_bytes_min = 200};

static const struct estimator web = {
    COMMON,
    .request_bytes_min = 3000,
    .answer_s_min = 2,
    .answer_slots_min = 6,
    .method = METHOD_M2,
    .record_base_bytes = {100, 150, 200},
    .event_text_bytes = 300,
    .record_max_bytes = 16384,
};

static const struct estimator events = {
    COMMON,
    .request_bytes_min = 200,
    .method = METHOD_M2,
    .record_base_bytes = {148, 148, 148},
    .event_text_bytes = 15,
    .record_max_bytes = 600,
};

static const struct estimator *rule;
static struct exchange_tracker tracker;

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

/* With M2 too, to within a part of a record. */
static void bulk_within_batched_events_is_told_apart(void **state)
{
    struct estimator bulky = events;

    (void)state;
    bulky.bulk_record_min = 8000;
    start(&bulky);
    client(0, 500);
    stream(SECOND_NS, 1, 100, 16401);
    stream(2 * SECOND_NS, 20 * MS, 10, 160);
    client(3 * SECOND_NS, 500);
    stream(4 * SECOND_NS, 20 * MS, 10, 160);
    close_at_end();
    assert_int_equal(finished, 2);
    assert_int_equal(shapes[0].bulk_bytes, 100 * (16401 / 256 * 256));
    assert_int_equal(shapes[0].bulk_records, 100);
    assert_true(shapes[0].excess_bytes.central == 120);
    assert_int_equal(shapes[1].bulk_bytes, 0);
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

static void greet_http2(int64_t now_ns);

static struct estimator with_edges(void)
{
    struct estimator estimator = api;

    estimator.method = METHOD_M1;
    estimator.at_once_gap_s = 1;
    estimator.event_record_max = 620;
    return estimator;
}

/* Events, of which two share most records, from NOW_NS on. */
static int64_t some_events(int64_t now_ns, int count)
{
    for (int i = 0; i < count; i++, now_ns += 60 * MS) {
        server(now_ns, 546);
        server(now_ns + 20 * MS, 286);
        server(now_ns + 40 * MS, 546);
    }
    return now_ns;
}

/* Tickets come before all else, headers and settings before the events, and what repeats the text
 * after them. Records of more events than two are none of either. */
static void edges_are_what_surrounds_events(void **state)
{
    struct estimator estimator = with_edges();
    int64_t now_ns = S;

    (void)state;
    start(&estimator);
    client(0, 500);
    for (int i = 0; i < 4; i++)
        server(now_ns, 255);
    server(now_ns, 900);
    server(now_ns, 1000);
    server(now_ns, 400); /* the rest of something large */
    server(now_ns, 1000);
    now_ns = some_events(now_ns + MS, 3);
    server(now_ns, 1066); /* four in one */
    now_ns = some_events(now_ns + MS, 3);
    server(now_ns, 700);
    server(now_ns, 330);
    server(now_ns, 1600);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].opening_bytes, (4 * 255 + 900 + 1000 + 400 + 1000) / 16 * 16);
    assert_true(fabs((double)shapes[0].closing_bytes - (700 + 330 + 1600)) <= 3 * 8);
}

/* The size of most is theirs, not that of the first that had about it; also where no edges are
 * told. */
static void the_modal_size_follows_events(void **state)
{
    struct estimator estimator = with_edges();

    (void)state;
    for (int i = 0; i < 2; i++) {
        start(&estimator);
        client(0, 500);
        server(S, 900);
        server(S, 300);
        server(S, 300);
        for (int event = 0; event < 30; event++)
            server(S + event * 20 * MS, 286);
        server(2 * S, 2000);
        server(2 * S, 546); /* two of them in one */
        server(2 * S, 960);
        close_at_end();
        assert_int_equal(shapes[0].modal_bytes, 286);
        assert_int_equal(shapes[0].closing_bytes, i == 0 ? 960 : 0);
        estimator.event_record_max = 0;
    }
}

/* Sizes of an answer's records, one after the other. */
static void answer_with(struct estimator *estimator, const uint32_t *sizes, int http)
{
    start(estimator);
    if (http == EXCHANGE_HTTP_2)
        greet_http2(0);
    else if (http == EXCHANGE_HTTP_3)
        exchange_start_quic(&tracker);
    client(0, 500);
    for (int i = 0; sizes[i] > 0; i++)
        server(S + i * 20 * MS, sizes[i]);
    close_at_end();
    assert_int_equal(finished, 1);
}

/* Of OpenAI's chat completions, by public recordings: events of 329 B (a text) or 361 (a call) in
 * records of their own over HTTP/2, or in pairs over HTTP/1.1. The first one of a text tells the
 * role, the last one but one the reason, and the last one the usage. */
static void calls_of_tools_are_counted(void **state)
{
    enum { H1 = EXCHANGE_HTTP_1, H2 = EXCHANGE_HTTP_2, H3 = EXCHANGE_HTTP_3 };
    static const struct {
        int http;
        uint32_t calls;
        uint32_t sizes[16];
    } cases[] = {
        {H2, 0, {931, 387, 355, 355, 355, 355, 339, 531}},
        {H1, 0, {1231, 364, 677, 677, 677, 677, 332, 499}},
        {H1, 0, {1231, 693, 677, 677, 677, 332, 499}},
        /* A call begins the answer, alone or with its first piece, */
        {H2, 1, {931, 515, 387, 387, 387, 387, 339, 531}},
        {H1, 1, {1231, 508, 741, 741, 741, 380, 332, 524}},
        {H1, 1, {1231, 364, 460, 741, 741, 741, 380, 332, 524}},
        /* or two do after the role, with pieces or one each. */
        {H2, 2, {931, 371, 467, 387, 387, 467, 387, 387, 387, 339, 531}},
        {H2, 2, {931, 371, 467, 387, 467, 387, 339, 531}},
        /* None: too little more, too much, nothing to compare it with, no beginning, datagrams, */
        {H2, 0, {931, 371, 440, 387, 387, 387, 339, 531}},
        {H2, 0, {931, 371, 595, 387, 387, 387, 339, 531}},
        {H2, 0, {931, 515}},
        {H2, 0, {600, 515, 387, 387, 387, 387, 339, 531}},
        {H3, 0, {931, 515, 387, 387, 387, 387, 339, 531}},
        /* or four events in one record, of which nobody knows whether they are not five. */
        {H1, 0, {1231, 364, 736, 736, 736, 1458, 736, 736, 332, 499}},
    };
    struct estimator estimator = with_edges();

    (void)state;
    estimator.event_record_max = 755;
    estimator.bytes_per_token.central = 324;
    estimator.event_bytes_min = 250;
    estimator.event_bytes_max = 400;
    estimator.call_begin_min = 64;
    estimator.call_begin_max = 200;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        answer_with(&estimator, cases[i].sizes, cases[i].http);
        assert_int_equal(shapes[0].calls, cases[i].calls);
    }
    estimator.call_begin_min = 0;
    answer_with(&estimator, cases[3].sizes, EXCHANGE_HTTP_2);
    assert_int_equal(shapes[0].calls, 0);
}

/* Without a beginning that is larger, before events have begun, of several answers together, and
 * where no size tells, no edges are known. */
static void edges_may_be_unknown(void **state)
{
    struct estimator estimator = with_edges();

    (void)state;
    start(&estimator);
    client(0, 500);
    some_events(S, 4);
    client(5 * S, 500);
    server(6 * S, 900);
    server(6 * S, 286);
    server(6 * S, 900);
    client(10 * S, 500);
    server(11 * S, 900);
    some_events(11 * S, 4);
    server(12 * S, 900);
    greet_http2(20 * S);
    client(21 * S, 500);
    server(22 * S, 900);
    some_events(22 * S, 4);
    client(22 * S + 200 * MS, 500);
    some_events(22 * S + 300 * MS, 4);
    server(23 * S, 900);
    close_at_end();
    assert_int_equal(finished, 4);
    assert_int_equal(shapes[3].requests, 2);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(shapes[i].opening_bytes > 0, i == 2);
        assert_int_equal(shapes[i].closing_bytes > 0, i == 2);
    }
    estimator.event_record_max = 0;
    start(&estimator);
    client(0, 500);
    server(S, 900);
    some_events(S, 4);
    server(2 * S, 900);
    close_at_end();
    assert_int_equal(shapes[0].opening_bytes + shapes[0].closing_bytes, 0);
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

/* Nothing is less than what TLS adds: of joined events the rest has none. */
static void a_base_below_that_of_tls_is_that(void **state)
{
    struct estimator small = events;

    (void)state;
    small.record_base_bytes = triple_exact(12);
    small.event_text_bytes = 5; /* with the base, 17 */
    start(&small);
    client(0, 4000);
    stream(S, 500 * MS, 6, 160);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_true(shapes[0].excess_bytes.low == 6 * (160 - 17));
    assert_true(shapes[0].excess_bytes.high == 6 * (160 - 17));
}

/* Of one event, of two joined ones, which share what TLS adds, of three; and of what is no event:
 * the largest that may be one, and the smallest that is none. */
static void joined_events_have_a_base_each_and_large_records_no_text(void **state)
{
    static const struct {
        uint32_t size;
        double excess;
    } cases[] = {{100, 0},
                 {148, 0},
                 {160, 12},
                 {235, 235 - 148}, /* of 218 beside TLS, 146 to an event: one and a half */
                 {236, 0},
                 {285, 285 - 17 - 2 * 131},
                 {279, 0},
                 {309, 309 - 17 - 2 * 131},
                 {455, 455 - 17 - 3 * 131},
                 {600, 600 - 17 - 4 * 131},
                 {601, 0},
                 {16000, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(&events);
        client(0, 4000);
        stream(1 * S, 500 * MS, 1, cases[i].size);
        stream(2 * S, 500 * MS, 2, 200);
        close_at_end();
        assert_int_equal(finished, 1);
        assert_true(shapes[0].excess_bytes.central == cases[i].excess + 2 * (200 - 148));
    }
}

/* -- Programs ----------------------------------------------------------------------------------
 */

/* One event a token, as services.conf has it. */
static const struct estimator program = {
    .request_bytes_min = 200,
    .request_record_min = 100,
    .burst_gap_s = 2,
    .answer_record_min = 45,
    .answer_bytes_min = 200,
    .answer_gap_s = 30,
    .cut = SHIPPED_CUT,
    .at_once_gap_s = 1,
    .refusal_record_max = 300,
    .refusal_head_bytes_max = 2900,
    .method = METHOD_M1,
    .whole_records_max = 6,
    .whole_overhead_bytes = {1000, 2000, 2900},
};

#define EMPTY_FRAME 26 /* as a record of TLS 1.3, without its header */

/* HTTP/2 begins: SETTINGS, tickets, and acknowledgements. */
static void greet_http2(int64_t now_ns)
{
    client(now_ns, 69); /* Finished */
    client(now_ns, 50);
    server(now_ns, 282);
    server(now_ns, 282);
    server(now_ns, 32);
    server(now_ns, EMPTY_FRAME);
    client(now_ns, EMPTY_FRAME);
}

/* Headers, and the reason after a pause, or with them. */
static void a_refusal_is_no_answer(void **state)
{
    (void)state;
    for (int pause = 0; pause < 2; pause++) {
        start(&program);
        client(0, 800);
        server(1 * S, 1090);
        server(1 * S + pause * 120 * MS, 300);
        client(2 * S, 800);
        server(3 * S, 330); /* shorter headers */
        server(3 * S + pause * 120 * MS, 135);
        close_at_end();
        assert_int_equal(finished, 0);
    }
}

/* Tickets, headers and the reason, a pause between each: a refusal on a new connection, and on a
 * used one an answer, which has no tickets. */
static void tickets_may_come_before_a_refusal(void **state)
{
    (void)state;
    start(&program);
    for (int i = 0; i < 2; i++) {
        client(i * 10 * S, 800);
        server(i * 10 * S + 100 * MS, 282);
        server(i * 10 * S + 120 * MS, 615);
        server(i * 10 * S + 240 * MS, 135);
    }
    close_at_end();
    assert_int_equal(finished, 1);
    assert_false(shapes[0].first_on_connection);
}

/* What is sent whole and is longer, or written in steps, or of more records than a refusal has, or
 * larger in all. */
static void a_short_answer_is_no_refusal(void **state)
{
    (void)state;
    start(&program);
    client(0, 800);
    server(1 * S, 1090);
    server(2 * S, 301);
    client(3 * S, 800); /* in two steps */
    server(4 * S, 1090);
    server(4 * S + 500 * MS, 250);
    server(4 * S + 520 * MS, 250);
    client(6 * S, 800);
    stream(7 * S, 1 * MS, 7, 250);
    client(9 * S, 800);
    server(10 * S, 2700);
    server(10 * S, 250);
    client(12 * S, 800); /* over QUIC, sizes of the last datagrams mean nothing */
    close_at_end();
    assert_int_equal(finished, 4);
    exchange_start_quic(&tracker);
    client(20 * S, 800);
    server(21 * S, 1090);
    server(22 * S, 250);
    close_at_end();
    assert_int_equal(finished, 5);
    assert_int_equal(shapes[4].http, EXCHANGE_HTTP_3);
}

/* Where whole answers may have more around their text, as signatures: what precedes the last record
 * is headers, and no more. */
static void a_list_that_ends_in_few_bytes_is_no_refusal(void **state)
{
    struct estimator wide = program;

    (void)state;
    wide.whole_overhead_bytes.high = 6500;
    for (unsigned head = 2900; head <= 3000; head += 100)
        for (unsigned more = 0; more < 2; more++) {
            wide.refusal_head_bytes_max = head;
            start(&wide);
            client(0, 800);
            server(400 * MS, 1500);
            server(400 * MS, head - 1500 + more);
            server(400 * MS, 68);
            close_at_end();
            assert_int_equal(finished, more);
        }
}

/* Data may end in a record that holds the frame of the end, too; who then asks again after a while
 * asks alone. A text that is thought about goes on. */
static void data_that_were_silent_have_ended(void **state)
{
    struct estimator bulky = program;
    struct estimator batched = events;

    (void)state;
    bulky.bulk_record_min = 8000;
    batched.bulk_record_min = 8000;
    batched.at_once_gap_s = 1;
    for (int i = 0; i < 6; i++) {
        start(i % 2 ? &batched : &bulky);
        greet_http2(0);
        client(0, 800);
        stream(S, 20 * MS, 20, 320);
        server(2 * S, EMPTY_FRAME); /* ends are told */
        client(3 * S, 800);
        server(4 * S, i < 4 ? 16401 : 7000);
        client(4 * S + (i < 2 ? 1000 : 999) * MS, 800);
        stream(7 * S, 20 * MS, 20, 320);
        close_at_end();
        assert_int_equal(finished, i < 2 ? 3 : 2);
        assert_int_equal(shapes[1].requests, i < 2 ? 1 : 2);
    }
}

/* The same headers again, which HTTP/2 names by their number, without a body; or with a longer
 * address: a list, and no part of the answer before. */
static void a_small_call_is_no_part_of_an_answer(void **state)
{
    static const uint32_t calls[] = {61, 99, 150};

    (void)state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        start(&program);
        greet_http2(0);
        client(0, 800);
        stream(S, 20 * MS, 20, 320);
        server(2 * S, EMPTY_FRAME);
        client(3 * S, calls[i]);
        stream(3 * S + 100 * MS, 0, 3, 4000);
        server(3 * S + 100 * MS, EMPTY_FRAME);
        client(8 * S, 800);
        stream(9 * S, 20 * MS, 20, 320);
        close_at_end();
        assert_int_equal(finished, 2);
        assert_int_equal(shapes[0].requests, 1);
        assert_int_equal(shapes[0].answer_records, 20);
        assert_int_equal(shapes[1].requests, 1);
        assert_int_equal(shapes[1].request_bytes, 800);
    }
}

/* Nor is it what makes room for more, or asks whether the other is there, while an answer may come
 * that was asked for together with one that ended. */
static void frames_of_the_connection_are_no_call(void **state)
{
    static const uint32_t frames[] = {30, 34, 43, 47, 56, 60};

    (void)state;
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        start(&program);
        greet_http2(0);
        client(0, 1600);
        stream(S, 20 * MS, 20, 320);
        server(2 * S, EMPTY_FRAME);
        client(2 * S, frames[i]);
        stream(3 * S, 20 * MS, 20, 320);
        close_at_end();
        assert_int_equal(finished, 1);
        assert_int_equal(shapes[0].requests, 2);
        assert_int_equal(shapes[0].answer_records, 40);
    }
}

/* What ended while the request was still sent is forgotten with its end: one answer is expected. */
static void what_ends_before_the_body_is_no_answer(void **state)
{
    (void)state;
    start(&program);
    greet_http2(0);
    client(0, 800);
    stream(S, 20 * MS, 20, 320);
    server(2 * S, EMPTY_FRAME);
    client(5 * S, 16401);
    server(5 * S + 40 * MS, 300);
    server(5 * S + 40 * MS, EMPTY_FRAME);
    client(5 * S + 80 * MS, 16401);
    client(5 * S + 80 * MS, 800);
    stream(6 * S, 20 * MS, 20, 320);
    close_at_end();
    assert_int_equal(finished, 2);
    assert_int_equal(shapes[1].request_bytes, 2 * 16401 + 800);
    assert_int_equal(shapes[1].requests, 1);
}

/* Where nobody asks beside an answer (no at_once_gap_s), ends tell nothing: neither the replies to
 * a page's small calls, nor the call before a prompt, make one exchange several. */
static void ends_count_only_where_answers_come_at_once(void **state)
{
    struct estimator shared = api;

    (void)state;
    shared.answer_s_min = 2;
    shared.answer_slots_min = 6;
    for (int asks_twice = 0; asks_twice < 2; asks_twice++) {
        start(&shared);
        greet_http2(0);
        client(0, 800);
        if (asks_twice) {
            server(500 * MS, 3000);
            server(500 * MS, EMPTY_FRAME);
            client(S, 800);
        }
        stream(2 * S, 100 * MS, 40, 320);
        server(6 * S, EMPTY_FRAME);
        for (int i = 0; !asks_twice && i < 20; i++) {
            client((7 + i) * S, 150);
            server((7 + i) * S + 50 * MS, 400);
            server((7 + i) * S + 50 * MS, EMPTY_FRAME);
        }
        close_at_end();
        assert_int_equal(finished, 1);
        assert_int_equal(shapes[0].requests, 1);
    }
}

/* What is left of a body may be as short as a frame: then it is HTTP/1.1 still, where the next
 * request ends the answer. */
static void the_rest_of_a_body_is_no_frame(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        start(&program);
        client(0, 800);
        client(1 * MS, i ? 800 : 16401);
        client(1 * MS, 27);
        server(S, 16401);
        server(S, i ? 300 : EMPTY_FRAME);
        client(S + 200 * MS, 800);
        stream(2 * S, 20 * MS, 20, 320);
        close_at_end();
        assert_int_equal(finished, i ? 1 : 2); /* of HTTP/2, both together */
        assert_int_equal(shapes[0].http, i ? EXCHANGE_HTTP_2 : EXCHANGE_HTTP_1);
    }
}

/* An answer's half-seconds are those in which some of it came. */
static void half_seconds_are_told(void **state)
{
    (void)state;
    start(&program);
    client(0, 800);
    stream(S, 100 * MS, 10, 4000);
    stream(4 * S, 100 * MS, 3, 4000);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].half_seconds, 3);
}

/* Headers and reason in one record, longer than a reason: told by its coming sooner than a model's
 * first word; over QUIC, too. A pause, many bytes or a later end make it an answer. */
static void a_refusal_comes_at_once(void **state)
{
    static const struct {
        int64_t from_ns, to_ns;
        uint32_t size; /* of two */
        unsigned answers;
    } cases[] = {
        {20 * MS, 30 * MS, 700, 0},   {20 * MS, 147 * MS, 700, 0}, {20 * MS, 160 * MS, 700, 1},
        {160 * MS, 160 * MS, 700, 1}, {20 * MS, 30 * MS, 1400, 0}, {20 * MS, 30 * MS, 1500, 1},
    };
    struct estimator swift = program;

    (void)state;
    swift.refusal_s_max = 0.15;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        start(&swift);
        if (i % 2)
            exchange_start_quic(&tracker);
        client(0, 800);
        server(cases[i / 2].from_ns, cases[i / 2].size);
        server(cases[i / 2].to_ns, cases[i / 2].size);
        close_at_end();
        assert_int_equal(finished, cases[i / 2].answers);
    }
}

/* From the last word of the request, whatever the server said before that. */
static void an_answer_tells_how_long_it_was_waited_for(void **state)
{
    (void)state;
    start(&program);
    client(0, 800);
    client(300 * MS, 800);
    server(700 * MS, 900);
    server(900 * MS, 900);
    client(10 * S, 800);
    server(110 * S, 900);
    client(200 * S, 800);
    server(500 * S, 900);
    close_at_end();
    assert_int_equal(finished, 3);
    assert_int_equal(shapes[0].wait_ns, 400 * MS);
    assert_int_equal(shapes[0].answer_ns, 200 * MS);
    assert_int_equal(shapes[1].wait_ns, 100 * S);
    assert_int_equal(shapes[2].wait_ns, 32767 * 4 * MS); /* or more */
}

/* Two streams, and beside them one that was sent whole, LAST bytes before the frame that ends it;
 * with it ends one that had said all before. */
static void beside_a_whole_answer(const struct estimator *estimator, uint32_t last)
{
    start(estimator);
    greet_http2(0);
    for (int i = 0; i < 3; i++)
        client(i * 300 * MS, 1400);
    stream(S, 20 * MS, 50, 300);
    server(2 * S, last);
    server(2 * S, EMPTY_FRAME);
    server(2 * S, EMPTY_FRAME);
    stream(2 * S + 20 * MS, 20 * MS, 50, 300);
}

static void the_end_tells_what_was_sent_whole(void **state)
{
    struct estimator chat = program;
    struct estimator either = program;

    (void)state;
    chat.whole_record_min = 1000;
    chat.whole_alone_factor = 1.5;
    chat.whole_alone_more = 3;
    chat.whole_record_overhead_bytes = 700;
    either.regime_count = 1; /* one way of streaming may have such, the other not */
    either.regimes[0].rule = chat.rule;
    for (int i = 0; i < 4; i++) {
        beside_a_whole_answer(i % 2 ? &either : &chat, i < 2 ? 3900 : 999);
        server(3 * S + 20 * MS, EMPTY_FRAME);
        close_at_end();
        assert_int_equal(finished, 1);
        assert_int_equal(shapes[0].requests, 3);
        assert_int_equal(shapes[0].whole_text_bytes, i < 2 ? 3200 : 0);
    }
    beside_a_whole_answer(&program, 3900);
    close_at_end();
    assert_int_equal(shapes[0].whole_text_bytes, 0);
}

/* Of two at once, the second is refused: the first was answered, in few words. */
static void a_refusal_hides_no_answer_beside_it(void **state)
{
    struct estimator chat = program;

    (void)state;
    chat.whole_record_min = 1000;
    chat.whole_alone_factor = 1.5;
    chat.whole_alone_more = 3;
    chat.whole_record_overhead_bytes = 700;
    start(&chat);
    greet_http2(0);
    client(0, 1400);
    client(300 * MS, 1400);
    server(2 * S, 2000);
    server(2 * S, EMPTY_FRAME);
    server(3 * S, 250);
    server(3 * S, EMPTY_FRAME);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].requests, 1);
    assert_int_equal(shapes[0].whole_text_bytes, 1280);
}

/* The same with M2; and of one alone nothing is told. */
static void the_end_tells_of_batched_events_too(void **state)
{
    struct estimator batched = events;

    (void)state;
    batched.at_once_gap_s = 1;
    batched.whole_record_min = 1000;
    batched.whole_record_overhead_bytes = 700;
    beside_a_whole_answer(&batched, 3900);
    close_at_end();
    assert_int_equal(shapes[0].whole_text_bytes, 3200);
    assert_int_equal(shapes[0].bulk_bytes, 0);
    start(&batched);
    greet_http2(0);
    client(0, 1400);
    server(2 * S, 3900);
    server(2 * S, EMPTY_FRAME);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].whole_text_bytes, 0);
}

/* Two answers, with records of SIZES among their events; 0: an end. Returns what was sent whole. */
static uint64_t whole_among(const struct estimator *estimator, const uint32_t *sizes, size_t count)
{
    start(estimator);
    greet_http2(0);
    for (int i = 0; i < 2; i++)
        client(i * 300 * MS, 1400);
    stream(S, 20 * MS, 20, 320);
    for (size_t i = 0; i < count; i++) {
        if (sizes[i] > 0)
            server((2 + (int64_t)i) * S, sizes[i]);
        server((2 + (int64_t)i) * S + 20 * MS, sizes[i] > 0 ? 320 : EMPTY_FRAME);
    }
    close_at_end();
    assert_int_equal(finished, 1);
    return shapes[0].whole_text_bytes;
}

/* Without an end of its own, an answer is told by its size; if records are as large again and
 * again, events were joined in them, and so they are at ends. */
static void an_answer_sent_whole_is_larger_than_joined_events(void **state)
{
    static const struct {
        uint32_t sizes[4];
        uint64_t text, batched;
    } cases[] = {
        {{3200}, 3200, 3200},
        {{1599}, 1536, 1536}, /* less than 1600, in parts of 64 */
        {{1471}, 0, 0},
        {{600, 1799}, 0, 1792},
        {{600, 1800}, 1792, 1792},
        {{3200, 3200}, 0, 6400},
        {{6400, 1600, 1600}, 3200, 9600},
    };
    struct estimator chat = program;
    struct estimator batched = events;

    (void)state;
    chat.whole_record_min = 981;
    chat.whole_alone_factor = 1.5;
    chat.whole_alone_more = 3;
    batched.at_once_gap_s = 1;
    batched.whole_record_min = 981;
    batched.whole_alone_factor = 1.5;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(whole_among(&chat, cases[i].sizes, 4), cases[i].text);
        assert_int_equal(whole_among(&batched, cases[i].sizes, 4), cases[i].batched);
    }
}

/* Nor is what an answer before ended with. */
static void what_was_before_is_no_whole_answer(void **state)
{
    struct estimator chat = program;

    (void)state;
    chat.whole_record_min = 1000;
    chat.whole_alone_factor = 1.5;
    chat.whole_alone_more = 3;
    start(&chat);
    greet_http2(0);
    client(0, 1400);
    server(S, 9000);
    server(S, EMPTY_FRAME);
    client(2 * S, 1400);
    client(2 * S + 300 * MS, 1400);
    stream(3 * S, 20 * MS, 50, 300);
    close_at_end();
    assert_int_equal(finished, 2);
    assert_int_equal(shapes[1].requests, 2);
    assert_int_equal(shapes[1].whole_text_bytes, 0);
}

/* A last record that is no larger than those in which events are joined is one of them. */
static void ends_with_joined_events_are_no_answer(void **state)
{
    struct estimator chat = program;

    (void)state;
    chat.whole_record_min = 1000;
    chat.whole_alone_factor = 1.5;
    chat.whole_alone_more = 3;
    for (uint32_t last = 1280; last <= 1281; last++) {
        start(&chat);
        greet_http2(0);
        for (int i = 0; i < 2; i++)
            client(i * 300 * MS, 1400);
        server(S, 1280);
        stream(S + 20 * MS, 20 * MS, 50, 300);
        server(3 * S, last);
        server(3 * S, EMPTY_FRAME);
        close_at_end();
        assert_int_equal(shapes[0].whole_text_bytes, last == 1281 ? 1280 : 0);
    }
}

/* Where the last events of a stream repeat its text, the end of a whole answer follows none of
 * about its size; and only ends tell. */
static void a_repeated_text_is_no_answer(void **state)
{
    static const struct {
        uint32_t before, last;
        uint64_t text;
    } cases[] = {{300, 4000, 4000 - 1920},
                 {2080, 4000, 0},
                 {2079, 4000, 4000 - 1920},
                 {9000, 10000, 0},
                 {300, 1999, 0}};
    struct estimator responses = program;

    (void)state;
    responses.whole_record_min = 2000;
    responses.whole_record_overhead_bytes = 1920;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(&responses);
        greet_http2(0);
        for (int j = 0; j < 3; j++)
            client(j * 300 * MS, 1400);
        server(S, 8000); /* of another answer, which ends; and one that has no end */
        server(S, EMPTY_FRAME);
        stream(S + 20 * MS, 20 * MS, 50, 300);
        server(3 * S, cases[i].before);
        server(3 * S + 50 * MS, cases[i].last);
        server(3 * S + 50 * MS, EMPTY_FRAME);
        stream(3 * S + 70 * MS, 20 * MS, 50, 300);
        close_at_end();
        assert_int_equal(shapes[0].whole_text_bytes, 8000 - 1920 + cases[i].text / 64 * 64);
    }
}

/* What a stream repeated before its end says nothing of the next end. */
static void a_repeated_text_is_that_of_one_end(void **state)
{
    struct estimator responses = program;

    (void)state;
    responses.whole_record_min = 2000;
    responses.whole_record_overhead_bytes = 1920;
    start(&responses);
    greet_http2(0);
    for (int i = 0; i < 3; i++)
        client(i * 300 * MS, 1400);
    stream(S, 20 * MS, 50, 300);
    server(2 * S + 20 * MS, 7900);
    server(2 * S + 40 * MS, 8000);
    server(2 * S + 40 * MS, EMPTY_FRAME);
    stream(3 * S, 20 * MS, 50, 300);
    server(4 * S, 3840);
    server(4 * S, EMPTY_FRAME);
    stream(4 * S + 20 * MS, 20 * MS, 50, 300);
    close_at_end();
    assert_int_equal(shapes[0].whole_text_bytes, 3840 - 1920);
}

/* Which way of streaming tells, most records say. */
static void whole_answers_are_told_as_most_records_stream(void **state)
{
    struct estimator either = program;

    (void)state;
    either.regime_count = 2;
    either.regimes[0] = (struct estimator_regime){.record_bytes_min = 350, .record_bytes_max = 400};
    either.regimes[0].rule.whole_record_min = 1000;
    either.regimes[0].rule.whole_record_overhead_bytes = 640;
    either.regimes[1] = (struct estimator_regime){.record_bytes_min = 300, .record_bytes_max = 300};
    either.regimes[1].rule.whole_record_min = 2000;
    either.regimes[1].rule.whole_record_overhead_bytes = 1920;
    for (uint32_t last = 3840; last <= 3841; last++) {
        beside_a_whole_answer(&either, 3840);
        close_at_end();
        assert_int_equal(shapes[0].whole_text_bytes, 1920);
        either.regimes[1].record_bytes_min = 301; /* neither: the first */
        beside_a_whole_answer(&either, 3840);
        close_at_end();
        assert_int_equal(shapes[0].whole_text_bytes, 3200);
        either.regimes[1].record_bytes_min = 300;
    }
}

/* Of a single answer, after a pause; not the first record, which the client waits for anyway. */
static void what_was_waited_for_at_last_is_told(void **state)
{
    struct estimator chat = program;

    (void)state;
    chat.whole_pause_s = 0.25;
    for (int i = 0; i < 4; i++) {
        start(&chat);
        if (i == 3)
            exchange_start_quic(&tracker);
        client(0, 1400);
        if (i != 2)
            server(S, 900);
        server(S + 250 * MS - (i == 1), 2000);
        close_at_end();
        assert_int_equal(finished, 1);
        assert_int_equal(shapes[0].apart_bytes, i == 0 ? 2000 : 0);
    }
}

static const struct estimator signing = {
    COMMON,
    .request_bytes_min = 200,
    .method = METHOD_M2,
    .record_base_bytes = {300, 370, 420},
    .event_text_bytes = 150,
    .record_max_bytes = 1300,
    .signature_bytes_min = 300,
    .signature_call_bytes = 100,
};

/* An answer of SIZES, 100 ms apart, the first after a second; on a used connection. */
static struct exchange_shape signed_answer(const struct estimator *estimator, const uint32_t *sizes)
{
    start(estimator);
    client(0, 1400);
    stream(S, 100 * MS, 10, 370);
    client(10 * S, 1400);
    for (size_t i = 0; i < 8 && sizes[i] > 0; i++)
        server(11 * S + (int64_t)i * 100 * MS, sizes[i]);
    close_at_end();
    assert_int_equal(finished, 2);
    return shapes[1];
}

/* The last record of a text that is larger than a signature must be, and than twice the others; or
 * the call of a tool, after which an event ends the answer that holds nothing. */
static void a_signature_of_thoughts_is_no_text(void **state)
{
    static const struct {
        uint32_t sizes[8];
        double excess;
        bool ends_in_event;
    } cases[] = {
        {{300, 500, 400, 300 + 370}, 130 + 30, true},
        {{300, 500, 400, 299 + 370}, 130 + 30 + 299, false},
        {{300, 500, 500, 500, 5000}, 3 * 130, true},
        {{300, 369 + 150, 369 + 150, 300 + 370}, 149 + 149, true},
        {{520, 520, 520, 520, 300 + 369}, 4 * 150 + 299, false},
        {{520, 520, 520, 520, 520, 670}, 5 * 150 + 300, false}, /* no more than twice as much */
        {{300, 680}, 680 - 370, false}, /* headers, and an answer that was sent whole */
        {{300, 372 + 300, 372}, 100, true},
        {{300, 372 + 290, 372}, 292 + 2, true},
        {{300, 372 + 300, 446}, 302 + 76, false}, /* which holds some text */
        {{300, 372 + 300, 445}, 100, true},
        {{300, 372 + 300, 295}, 100, true},
        {{300, 372 + 300, 294}, 302, false},
        {{300, 1300 + 420 + 1000 - 299, 372}, 100, true}, /* too large an event */
        {{300, 1300 + 420 + 1000 - 300, 372}, 2, false},  /* or no event, but text sent whole */
        {{300, 300, 1586}, 0, false},
        {{300, 371, 1586}, 1, true},
        {{300, 371, 372}, 1 + 2, true},
        {{300, 370, 372}, 0 + 2, false},
        {{300, 372 + 300, 372, 372}, 302 + 2 + 2, false},
    };
    struct estimator none = signing;

    (void)state;
    none.signature_bytes_min = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange_shape shape = signed_answer(&signing, cases[i].sizes);
        struct exchange_shape all = signed_answer(&none, cases[i].sizes);

        assert_int_equal(shape.ends_in_event, cases[i].ends_in_event);
        assert_true(fabs(shape.excess_bytes.central - cases[i].excess) < 0.01);
        assert_true(shape.excess_bytes.low <= shape.excess_bytes.central);
        assert_true(shape.excess_bytes.high >= all.excess_bytes.high);
        assert_false(all.ends_in_event);
    }
}

/* What floats cannot hold of a base that is no whole number is no event. */
static void a_part_of_a_byte_is_no_event(void **state)
{
    struct estimator parts = signing;
    const uint32_t whole[] = {300, 300, 700, 0}, call[] = {300, 300, 372, 0};

    (void)state;
    parts.record_base_bytes = (struct triple){300.3, 370.3, 420.3};
    assert_false(signed_answer(&parts, whole).ends_in_event);
    assert_false(signed_answer(&parts, call).ends_in_event);
}

/* Over HTTP/1.1 less stands around each event, and around a signature. */
static void a_signature_has_what_surrounds_events(void **state)
{
    struct estimator less = signing;
    const uint32_t largest[] = {300, 493, 393, 300 + 363, 0}, smaller[] = {300, 493, 393, 662, 0};

    (void)state;
    less.http1_less_bytes = 7;
    assert_true(signed_answer(&less, largest).ends_in_event);
    assert_false(signed_answer(&less, smaller).ends_in_event);
}

/* What would be one, if the answer was not sent whole after tickets, nor in datagrams, nor another
 * was asked for beside it. */
static void what_may_be_something_else_is_no_signature(void **state)
{
    static const struct {
        int64_t pause_ns;
        bool is_quic;
        bool beside;
        bool is_signed;
    } cases[] = {{100 * MS, false, false, true},
                 {1 * MS, false, false, false},
                 {100 * MS, true, false, false},
                 {100 * MS, false, true, false}};
    struct estimator several = signing;

    (void)state;
    several.at_once_gap_s = 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(&several);
        if (cases[i].is_quic)
            exchange_start_quic(&tracker);
        client(0, 40); /* a frame of HTTP/2 */
        client(0, 1400);
        server(S, 300);
        if (cases[i].beside)
            client(S + 60 * MS, 1400);
        server(S + cases[i].pause_ns, 500);
        server(S + 2 * cases[i].pause_ns, 400);
        server(S + 3 * cases[i].pause_ns, 670);
        close_at_end();
        assert_int_equal(finished, 1);
        assert_int_equal(shapes[0].requests, cases[i].beside ? 2 : 1);
        assert_int_equal(shapes[0].ends_in_event, cases[i].is_signed);
    }
}

/* Events with SMALLEST among others of 180 B; headers and tickets tell nothing. */
static double excess_over(const struct estimator *estimator, int http, unsigned requests,
                          uint32_t smallest, int count)
{
    start(estimator);
    if (http == EXCHANGE_HTTP_3)
        exchange_start_quic(&tracker);
    if (http == EXCHANGE_HTTP_2)
        client(0, 40);
    for (unsigned i = 0; i < requests; i++)
        client(i * 100 * MS, 1400);
    server(S, 141);
    server(S, 130);
    for (int i = 0; i < count; i++)
        server(S + (i + 1) * 20 * MS, i == 3 ? smallest : 180);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_true(shapes[0].excess_bytes.low <= shapes[0].excess_bytes.central);
    assert_true(shapes[0].excess_bytes.central <= shapes[0].excess_bytes.high);
    assert_int_equal(shapes[0].requests, requests);
    return shapes[0].excess_bytes.central;
}

static double excess_with(const struct estimator *estimator, uint32_t smallest, int count)
{
    return excess_over(estimator, EXCHANGE_HTTP_1, 1, smallest, count);
}

/* Of many that differ, they all have more where even the smallest has. */
static void the_smallest_event_tells_the_base(void **state)
{
    struct estimator padded = events;

    (void)state;
    padded.record_base_bytes = (struct triple){140, 148, 160};
    padded.smallest_records_min = 16;
    padded.smallest_event_bytes = 4;
    assert_true(fabs(excess_with(&padded, 150, 20) - (19 * 32 + 2)) < 0.01);
    assert_true(fabs(excess_with(&padded, 152, 20) - (19 * 32 + 4 - 20 * 12)) < 0.01);
    assert_true(fabs(excess_with(&padded, 175, 20) - (19 * 32 + 27)) < 0.01); /* they are alike */
    assert_true(fabs(excess_with(&padded, 152, 13) - (12 * 32 + 4)) < 0.01);  /* too few */
    padded.smallest_records_min = 0;
    assert_true(fabs(excess_with(&padded, 152, 20) - (19 * 32 + 4)) < 0.01);
}

/* Over HTTP/1.1 all have less around them. Of several answers each may have its own base, and
 * datagrams are cut anywhere. */
static void the_smallest_event_is_of_one_answer_over_tcp(void **state)
{
    struct estimator padded = events;

    (void)state;
    padded.record_base_bytes = (struct triple){140, 148, 160};
    padded.smallest_records_min = 16;
    padded.smallest_event_bytes = 4;
    padded.at_once_gap_s = 1;
    padded.http1_less_bytes = 3;
    for (uint32_t smallest = 147; smallest <= 149; smallest += 2)
        assert_true(fabs(excess_over(&padded, EXCHANGE_HTTP_1, 1, smallest, 20) -
                         (19 * 35 + smallest - 145 - (smallest < 149 ? 0 : 20 * 12))) < 0.01);
    assert_true(fabs(excess_over(&padded, EXCHANGE_HTTP_2, 1, 152, 20) - (19 * 32 + 4 - 20 * 12)) <
                0.01);
    assert_true(fabs(excess_over(&padded, EXCHANGE_HTTP_2, 2, 152, 20) - (19 * 32 + 4)) < 0.01);
    assert_true(fabs(excess_over(&padded, EXCHANGE_HTTP_3, 1, 152, 20) - (19 * 32 + 4)) < 0.01);
}

/* A refusal on a new connection leaves nothing of the opening for the next answer. */
static void after_a_refusal_a_connection_is_not_new(void **state)
{
    (void)state;
    start(&program);
    client(0, 800);
    server(1 * S, 1090);
    server(1 * S, 200);
    client(2 * S, 800);
    stream(3 * S, 20 * MS, 20, 300);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_false(shapes[0].first_on_connection);
}

static void http2_is_told_by_its_empty_frames(void **state)
{
    static const struct {
        uint32_t size;
        bool from_client;
        int http;
    } cases[] = {{26, true, EXCHANGE_HTTP_2},  {26, false, EXCHANGE_HTTP_2},
                 {50, true, EXCHANGE_HTTP_2},  {60, true, EXCHANGE_HTTP_2},
                 {61, true, EXCHANGE_HTTP_1},  {25, true, EXCHANGE_HTTP_1},
                 {53, true, EXCHANGE_HTTP_1},  {69, true, EXCHANGE_HTTP_1},
                 {22, false, EXCHANGE_HTTP_1}, {27, false, EXCHANGE_HTTP_1}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(&program);
        record(0, cases[i].from_client, cases[i].size);
        client(1 * MS, 800);
        stream(S, 20 * MS, 20, 300);
        close_at_end();
        assert_int_equal(finished, 1);
        assert_int_equal(shapes[0].http, cases[i].http);
    }
}

/* A chunk has less before its event than a frame, a datagram more. */
static void the_base_of_an_event_depends_on_http(void **state)
{
    struct estimator framed = events;

    (void)state;
    framed.http1_less_bytes = 7;
    framed.quic_more_bytes = 2;
    for (int http = EXCHANGE_HTTP_1; http <= EXCHANGE_HTTP_3; http++) {
        start(&framed);
        if (http == EXCHANGE_HTTP_3)
            exchange_start_quic(&tracker);
        if (http == EXCHANGE_HTTP_2)
            client(0, EMPTY_FRAME);
        client(0, 800);
        stream(S, 20 * MS, 10, 160);
        close_at_end();
        assert_true(shapes[0].excess_bytes.central == 10 * (160 - 148 +
                                                            (http == EXCHANGE_HTTP_1   ? 7
                                                             : http == EXCHANGE_HTTP_3 ? -2
                                                                                       : 0)));
    }
}

/* Three prompts on a connection of HTTP/2, of headers and a body each, in the middle of each
 * other's answers: one sum for all, since nobody can tell whose is what. */
static void prompts_at_once_are_answered_together(void **state)
{
    (void)state;
    start(&program);
    greet_http2(0);
    for (int i = 0; i < 3; i++) {
        client(i * 300 * MS, 420);
        client(i * 300 * MS + 1 * MS, 1000);
        stream(i * 300 * MS + 10 * MS, 20 * MS, 14, 300);
    }
    stream(1 * S, 20 * MS, 50, 300);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].requests, 3);
    assert_int_equal(shapes[0].request_bytes, 3 * 1420);
    assert_int_equal(shapes[0].answer_bytes, (3 * 14 + 50) * 300);
    assert_int_equal(shapes[0].answer_records, 3 * 14 + 50);
}

/* Nor before any is answered. */
static void prompts_at_once_may_wait(void **state)
{
    (void)state;
    start(&program);
    greet_http2(0);
    client(0, 1400);
    client(300 * MS, 1400);
    stream(2 * S, 20 * MS, 50, 300);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].requests, 2);
    assert_int_equal(shapes[0].request_bytes, 2800);
}

/* HTTP/1.1 has one at a time: the next request ends the answer, as it does where all answers were
 * seen to end, or, where ends are not seen, the server was silent. */
static void one_after_the_other_is_not_at_once(void **state)
{
    enum { HTTP1, ENDED, SILENT };

    (void)state;
    for (int how = HTTP1; how <= SILENT; how++) {
        start(&program);
        if (how != HTTP1)
            greet_http2(0);
        client(0, 1400);
        stream(1 * S, 20 * MS, 50, 300); /* to 1.98 s */
        if (how == ENDED)
            server(2 * S, EMPTY_FRAME);
        client(how == SILENT ? 3 * S : 2 * S + 10 * MS, 1400);
        stream(4 * S, 20 * MS, 50, 300);
        close_at_end();
        assert_int_equal(finished, 2);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(shapes[i].requests, 1);
            assert_int_equal(shapes[i].answer_bytes, 50 * 300);
        }
    }
}

/* As long as one of two goes on, silence ends nothing where ends are told; and what comes after the
 * last ended shows that there was one more. */
static void the_last_of_those_at_once_must_end(void **state)
{
    (void)state;
    start(&program);
    greet_http2(0);
    client(0, 1400);
    stream(100 * MS, 20 * MS, 20, 300);
    client(600 * MS, 1400);
    stream(620 * MS, 20 * MS, 20, 300);
    server(1 * S + 100 * MS, EMPTY_FRAME);
    client(6 * S, 1400);
    stream(7 * S, 20 * MS, 20, 300);
    server(8 * S, EMPTY_FRAME);
    server(8 * S, EMPTY_FRAME);
    client(8 * S + 100 * MS, 1400);
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].requests, 3);
    server(9 * S, 300);
    server(9 * S + 20 * MS, EMPTY_FRAME);
    server(9 * S + 40 * MS, 300);
    client(9 * S + 60 * MS, 1400);
    close_at_end();
    assert_int_equal(finished, 2);
    assert_int_equal(shapes[1].requests, 3);
}

/* Requests that leave in one record are one, until more answers have ended than that. */
static void answers_that_end_count_requests_that_were_not_seen(void **state)
{
    (void)state;
    start(&program);
    greet_http2(0);
    client(0, 4200);
    stream(1 * S, 20 * MS, 60, 300);
    server(2 * S + 200 * MS, EMPTY_FRAME);
    stream(2 * S + 210 * MS, 20 * MS, 10, 300);
    server(2 * S + 400 * MS, EMPTY_FRAME);
    stream(2 * S + 410 * MS, 20 * MS, 10, 300);
    server(2 * S + 600 * MS, EMPTY_FRAME);
    server(2 * S + 600 * MS, EMPTY_FRAME); /* that of nothing */
    client(3 * S, 500);
    server(4 * S, 700);
    server(4 * S, EMPTY_FRAME);
    close_at_end();
    assert_int_equal(finished, 2);
    assert_int_equal(shapes[0].requests, 3);
    assert_int_equal(shapes[1].requests, 1);
    start(&program);
    client(0, EMPTY_FRAME);
    client(0, 4200);
    server(10 * MS, 282);
    server(10 * MS, 282);
    server(10 * MS, EMPTY_FRAME); /* SETTINGS: nothing has ended */
    stream(1 * S, 20 * MS, 60, 300);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].requests, 1);
}

/* One that is refused beside others is not counted; the last event of an answer is no refusal. */
static void one_of_those_at_once_may_be_refused(void **state)
{
    (void)state;
    for (uint32_t size = 220; size <= 230; size += 10) {
        start(&program);
        greet_http2(0);
        client(0, 1400);
        stream(100 * MS, 20 * MS, 40, 300);
        client(900 * MS, 1400);
        server(910 * MS, 310);
        server(920 * MS, size);
        server(920 * MS, EMPTY_FRAME);
        stream(940 * MS, 20 * MS, 40, 300);
        close_at_end();
        assert_int_equal(finished, 1);
        assert_int_equal(shapes[0].requests, size == 220 ? 1 : 2);
    }
}

/* Before anything was written, events are not known; and with M2 they never are. */
static void the_first_of_those_at_once_may_be_refused(void **state)
{
    struct estimator batched = events;

    (void)state;
    batched.at_once_gap_s = 1;
    batched.refusal_record_max = 300;
    batched.whole_records_max = 6;
    for (int steps = 0; steps < 2; steps++) {
        start(&batched);
        greet_http2(0);
        client(0, 1400);
        server(100 * MS, 700);
        client(300 * MS, 1400);
        server(310 * MS, 320);
        if (steps)
            stream(320 * MS, 20 * MS, 3, 160);
        server(420 * MS, 140);
        server(420 * MS, EMPTY_FRAME);
        stream(500 * MS, 20 * MS, 40, 160);
        close_at_end();
        assert_int_equal(finished, 1);
        assert_int_equal(shapes[0].requests, steps ? 2 : 1);
    }
}

/* Tickets may also come between headers and body; or what came was an answer, and this is the next
 * request. */
static void tickets_between_headers_and_body_are_no_answer(void **state)
{
    (void)state;
    for (int64_t pause_ns = 49 * MS; pause_ns <= 50 * MS; pause_ns += MS) {
        start(&program);
        client(0, 420);
        server(1 * MS, 282);
        server(1 * MS, 282);
        client(1 * MS + pause_ns, 3900);
        stream(1 * S, 20 * MS, 40, 400);
        close_at_end();
        /* What came with the tickets is small enough for a refusal. */
        assert_int_equal(finished, 1);
        assert_int_equal(shapes[0].request_bytes, pause_ns < 50 * MS ? 4320 : 3900);
    }
}

/* Tickets come at once: what the server writes after a pause is an answer, however short, and what
 * the client says then is the next request. */
static void what_comes_in_steps_is_no_opening(void **state)
{
    (void)state;
    for (int64_t pause_ns = 9 * MS; pause_ns <= 10 * MS; pause_ns += MS) {
        bool is_step = pause_ns >= 10 * MS;

        start(&api);
        client(0, 420);
        server(1 * MS, 282);
        server(1 * MS + pause_ns, 282);
        client(30 * MS, 3900);
        stream(1 * S, 20 * MS, 40, 400);
        close_at_end();
        assert_int_equal(finished, is_step ? 2 : 1);
        assert_int_equal(shapes[0].request_bytes, is_step ? 420 : 4320);
    }
}

/* Who waits for leave to go on, for as long as the way to the server is, asks nothing new; who was
 * not waiting does. */
static void an_upload_that_waits_is_one_request(void **state)
{
    (void)state;
    for (int waits = 0; waits < 2; waits++) {
        start(&program);
        greet_http2(0);
        for (int i = 0; i < 4; i++)
            client(i * MS, 16401);
        client(4 * MS, 500); /* the window is full */
        if (waits)
            server(200 * MS, 43);
        client(202 * MS, 16401);
        client(203 * MS, 400);
        stream(1 * S, 20 * MS, 40, 300);
        close_at_end();
        assert_int_equal(finished, 1);
        assert_int_equal(shapes[0].requests, waits ? 1 : 2);
        assert_int_equal(shapes[0].request_bytes, 5 * 16401 + 900);
    }
}

/* Over QUIC a file is sent in parts, as fast as it is acknowledged, from the first on. */
static void an_upload_over_quic_is_one_request(void **state)
{
    (void)state;
    start(&program);
    exchange_start_quic(&tracker);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 10; i++)
            client(round * 80 * MS, 1200);
        if (round == 0)
            server(10 * MS, 306); /* the end of the handshake */
    }
    stream(1 * S, 20 * MS, 40, 300);
    close_at_end();
    assert_int_equal(finished, 1);
    assert_int_equal(shapes[0].requests, 1);
    assert_int_equal(shapes[0].request_bytes, 50 * 1200);
    assert_int_equal(shapes[0].answer_bytes, 40 * 300);
}

/* Tickets and SETTINGS come while a file is sent, which waits for the server's leave
 * (WINDOW_UPDATE) 200 ms away. */
static void what_the_server_says_during_an_upload_is_no_answer(void **state)
{
    (void)state;
    for (int http2 = 0; http2 < 2; http2++) {
        start(&program);
        if (http2)
            client(0, 50);
        for (int i = 0; i < 4; i++)
            client(i * MS, 16401);
        if (http2)
            client(4 * MS, 500);
        server(200 * MS, 282);
        server(200 * MS, 282);
        if (http2) {
            server(200 * MS, 32);
            server(201 * MS, 43);
        }
        client(202 * MS, 16401);
        client(203 * MS, 400);
        stream(1 * S, 20 * MS, 40, 300);
        close_at_end();
        assert_int_equal(finished, 1);
        assert_int_equal(shapes[0].requests, 1);
        assert_int_equal(shapes[0].answer_bytes, 40 * 300);
        assert_int_equal(shapes[0].request_bytes, 5 * 16401 + (http2 ? 900 : 400));
    }
}

/* -- What cuts exchanges is a matter of the rules: what is played to RULES, and what is found -----
 */

static unsigned play_late_answer(const struct estimator *rules)
{
    start(rules);
    client(0, 400);
    server(10 * S, 500);
    close_at_end();
    return finished;
}

static unsigned play_pauses(const struct estimator *rules)
{
    start(rules);
    client(0, 400);
    stream(1 * S, 25 * MS, 10, 300);
    close_at_end();
    return shapes[0].steps;
}

static unsigned play_leave_to_go_on(const struct estimator *rules)
{
    start(rules);
    greet_http2(0);
    for (int i = 0; i < 4; i++)
        client(i * MS, 16401);
    client(4 * MS, 500);
    server(200 * MS, 43);
    client(450 * MS, 16401);
    stream(2 * S, 20 * MS, 40, 300);
    close_at_end();
    return shapes[0].requests;
}

static unsigned play_two_requests(const struct estimator *rules)
{
    start(rules);
    greet_http2(0);
    client(0, 1400);
    client(300 * MS, 1400);
    stream(2 * S, 20 * MS, 50, 300);
    close_at_end();
    return shapes[0].requests;
}

static unsigned play_two_bodies(const struct estimator *rules)
{
    start(rules);
    greet_http2(0);
    client(0, 16401);
    client(2 * S, 16401);
    stream(6 * S, 20 * MS, 50, 300);
    close_at_end();
    return shapes[0].requests;
}

/* The client goes on at THEN, after the server's tickets at 1 ms. */
static unsigned play_tickets(const struct estimator *rules, uint32_t size, int64_t then)
{
    start(rules);
    client(0, size);
    server(1 * MS, 282);
    server(1 * MS, 282);
    client(then, 3900);
    stream(5 * S, 20 * MS, 40, 400);
    close_at_end();
    return (unsigned)shapes[0].request_bytes;
}

static unsigned play_tickets_in_headers(const struct estimator *rules)
{
    return play_tickets(rules, 420, 250 * MS);
}

static unsigned play_tickets_in_body(const struct estimator *rules)
{
    return play_tickets(rules, 16401, 2500 * MS);
}

static unsigned play_tickets_at_once(const struct estimator *rules)
{
    return play_tickets(rules, 420, 20 * MS);
}

/* What may end an answer, or acknowledge SETTINGS. */
static unsigned play_empty_frame(const struct estimator *rules)
{
    start(rules);
    greet_http2(0);
    client(0, 1400);
    server(1 * S, 600);
    server(1 * S, EMPTY_FRAME);
    client(1 * S + 100 * MS, 1400);
    stream(2 * S, 20 * MS, 40, 400);
    close_at_end();
    return shapes[0].requests;
}

/* What there may be beside an event that is too large. */
static unsigned play_signature(const struct estimator *rules)
{
    return (unsigned)signed_answer(rules, (const uint32_t[]){300, 1300 + 420 + 1000 - 300, 372, 0})
        .excess_bytes.central;
}

/* At the limit and on either side of it: the larger of two values cuts otherwise. */
static void what_cuts_exchanges_is_that_of_the_rules(void **state)
{
#define KEY(name) offsetof(struct exchange_cut, name)
    const struct {
        const struct estimator *rules;
        size_t key;
        double smaller;
        double larger;
        unsigned (*play)(const struct estimator *rules);
        unsigned with_smaller;
        unsigned with_larger;
    } cases[] = {
        {&program, KEY(answer_wait_s), 9, 20, play_late_answer, 0, 1},
        {&program, KEY(step_pause_s), 0.025, 0.026, play_pauses, 9, 0},
        {&program, KEY(step_bytes_max), 299, 300, play_pauses, 0, 9},
        {&program, KEY(allowed_pause_s), 0.25, 0.251, play_leave_to_go_on, 2, 1},
        {&program, KEY(request_pause_s), 0.3, 0.301, play_two_requests, 2, 1},
        {&program, KEY(body_pause_s), 2, 2.001, play_two_bodies, 2, 1},
        {&program, KEY(request_pause_s), 0.249, 0.25, play_tickets_in_headers, 3900, 4320},
        {&program, KEY(body_pause_s), 2.499, 2.5, play_tickets_in_body, 3900, 20301},
        {&program, KEY(opening_bytes_max), 563, 564, play_tickets_at_once, 3900, 4320},
        {&program, KEY(opening_bytes_max), 599, 600, play_empty_frame, 1, 2},
        {&signing, KEY(opening_bytes_max), 999, 1000, play_signature, 100, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct estimator own = *cases[i].rules;
        double *value = (double *)((char *)&own.cut + cases[i].key);

        *value = cases[i].smaller;
        assert_int_equal(cases[i].play(&own), cases[i].with_smaller);
        *value = cases[i].larger;
        assert_int_equal(cases[i].play(&own), cases[i].with_larger);
    }
#undef KEY
}

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
    stream(S, 1000, 1 << 18, 40);
    close_at_end();
    assert_int_equal(shapes[0].answer_records, (1 << 18) - 1);
    assert_int_equal(shapes[0].answer_bytes, 40U << 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_one_waits_for_nothing),
        cmocka_unit_test(one_question_one_answer),
        cmocka_unit_test(steps_are_told_of_programs_too),
        cmocka_unit_test(the_modal_size_is_that_of_more_than_half),
        cmocka_unit_test(edges_are_what_surrounds_events),
        cmocka_unit_test(the_modal_size_follows_events),
        cmocka_unit_test(calls_of_tools_are_counted),
        cmocka_unit_test(edges_may_be_unknown),
        cmocka_unit_test(the_next_question_ends_the_answer),
        cmocka_unit_test(bulk_within_an_answer_is_told_apart),
        cmocka_unit_test(bulk_within_batched_events_is_told_apart),
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
        cmocka_unit_test(a_base_below_that_of_tls_is_that),
        cmocka_unit_test(joined_events_have_a_base_each_and_large_records_no_text),
        cmocka_unit_test(a_refusal_is_no_answer),
        cmocka_unit_test(tickets_may_come_before_a_refusal),
        cmocka_unit_test(a_short_answer_is_no_refusal),
        cmocka_unit_test(a_list_that_ends_in_few_bytes_is_no_refusal),
        cmocka_unit_test(data_that_were_silent_have_ended),
        cmocka_unit_test(a_small_call_is_no_part_of_an_answer),
        cmocka_unit_test(frames_of_the_connection_are_no_call),
        cmocka_unit_test(the_rest_of_a_body_is_no_frame),
        cmocka_unit_test(half_seconds_are_told),
        cmocka_unit_test(a_refusal_comes_at_once),
        cmocka_unit_test(an_answer_tells_how_long_it_was_waited_for),
        cmocka_unit_test(the_end_tells_what_was_sent_whole),
        cmocka_unit_test(a_refusal_hides_no_answer_beside_it),
        cmocka_unit_test(the_end_tells_of_batched_events_too),
        cmocka_unit_test(an_answer_sent_whole_is_larger_than_joined_events),
        cmocka_unit_test(what_was_before_is_no_whole_answer),
        cmocka_unit_test(ends_with_joined_events_are_no_answer),
        cmocka_unit_test(a_repeated_text_is_no_answer),
        cmocka_unit_test(a_repeated_text_is_that_of_one_end),
        cmocka_unit_test(whole_answers_are_told_as_most_records_stream),
        cmocka_unit_test(what_was_waited_for_at_last_is_told),
        cmocka_unit_test(a_signature_of_thoughts_is_no_text),
        cmocka_unit_test(a_part_of_a_byte_is_no_event),
        cmocka_unit_test(a_signature_has_what_surrounds_events),
        cmocka_unit_test(what_may_be_something_else_is_no_signature),
        cmocka_unit_test(the_smallest_event_tells_the_base),
        cmocka_unit_test(the_smallest_event_is_of_one_answer_over_tcp),
        cmocka_unit_test(after_a_refusal_a_connection_is_not_new),
        cmocka_unit_test(http2_is_told_by_its_empty_frames),
        cmocka_unit_test(ends_count_only_where_answers_come_at_once),
        cmocka_unit_test(what_ends_before_the_body_is_no_answer),
        cmocka_unit_test(the_base_of_an_event_depends_on_http),
        cmocka_unit_test(prompts_at_once_are_answered_together),
        cmocka_unit_test(prompts_at_once_may_wait),
        cmocka_unit_test(one_after_the_other_is_not_at_once),
        cmocka_unit_test(the_last_of_those_at_once_must_end),
        cmocka_unit_test(answers_that_end_count_requests_that_were_not_seen),
        cmocka_unit_test(one_of_those_at_once_may_be_refused),
        cmocka_unit_test(the_first_of_those_at_once_may_be_refused),
        cmocka_unit_test(tickets_between_headers_and_body_are_no_answer),
        cmocka_unit_test(what_comes_in_steps_is_no_opening),
        cmocka_unit_test(an_upload_that_waits_is_one_request),
        cmocka_unit_test(an_upload_over_quic_is_one_request),
        cmocka_unit_test(what_the_server_says_during_an_upload_is_no_answer),
        cmocka_unit_test(what_cuts_exchanges_is_that_of_the_rules),
        cmocka_unit_test(counts_stay_at_their_largest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
