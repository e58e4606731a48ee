/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/estimator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"
#include "tests/capture/near.h"
#include "tests/capture/traffic.h"

static const struct estimator simple = {
    .grade = GRADE_B,
    .count_error = 0.1,
    .overhead_new_bytes = {1000, 2000, 3000},
    .overhead_reused_bytes = {100, 200, 400},
    .bytes_per_token = {100, 200, 400},
    .tokens_per_record = {0.5, 2, 3},
    .tokens_per_second = {10, 20, 40},
    .whole_overhead_bytes = {500, 1000, 2000},
    .whole_bytes_per_token = {2, 4, 5},
    .input_prior_tokens = {20, 100, 300},
    .input_bytes_per_token = {2, 4, 10},
    .input_overhead_bytes = {200, 600, 1500},
};

static const struct exchange_shape answer = {
    .request_bytes = 2600,
    .answer_bytes = 12000,
    .answer_records = 30,
    .answer_ns = 2500000000,
    .excess_bytes = {6000, 9000, 12000},
    .first_on_connection = true,
};

static struct triple tokens_out(int method, const struct exchange_shape *shape)
{
    struct estimator estimator = simple;

    estimator.method = method;
    return estimator_apply(&estimator, shape).tokens_out;
}

/* What begins and ends an answer holds no token, each time. */
static void what_surrounds_the_text_is_left_out(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.overhead_records = (struct triple){0, 3, 5};
    estimator.overhead_bytes = (struct triple){0, 400, 1200};
    estimator.method = METHOD_M3;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 12.5, 54, 90);
    estimator.method = METHOD_M4;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 27, 58, 120);
    shape.requests = 2;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 24, 56, 120);
    shape.answer_records = 4;
    estimator.method = METHOD_M3;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 0, 0, 12);
}

static void answers_that_came_together_are_so_many(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;
    struct exchange_estimate estimate;

    (void)state;
    estimator.method = METHOD_M4;
    estimator.exchange_sigma = 0.5;
    shape.requests = 3;
    estimate = estimator_apply(&estimator, &shape);
    assert_triple(estimate.requests, 2.7, 3, 3.3);
    assert_triple(estimate.tokens_in, 60, 300, 900);
    assert_triple(estimate.tokens_out, 30, 60, 120);
    assert_near(estimate.tokens_out_variance, 3 * 10.0 * 10.0); /* three of 20, each by half */
}

/* Few records, but with pauses between them: written token by token. */
static void a_short_stream_is_more_likely_than_a_whole_answer(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = {.answer_bytes = 3000, .answer_records = 6, .steps = 1};

    (void)state;
    estimator.method = METHOD_M1;
    estimator.whole_records_max = 6;
    shape.first_on_connection = false;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 6.5, 500, 1250);
    shape.steps = 2;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 6.5, 14, 1250);
}

/* Of about 40 records a second, one token each; of 3 to 8, ten; and by size, whatever the pace. */
static void the_way_of_streaming_is_told_by_the_answer(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = {.answer_bytes = 40000, .answer_records = 100};

    (void)state;
    estimator.method = METHOD_M5;
    estimator.regime_count = 3;
    estimator.regimes[0] = (struct estimator_regime){
        .record_bytes_min = 300,
        .record_bytes_max = 340,
        .record_share_min = 0.6,
        .records_per_s_max = 1e9,
        .rule = {.method = METHOD_M4, .grade = GRADE_A, .bytes_per_token = {400, 400, 400}},
    };
    estimator.regimes[1] = (struct estimator_regime){
        .records_per_s_min = 18,
        .records_per_s_max = 1000,
        .rule = {.method = METHOD_M3, .grade = GRADE_C, .tokens_per_record = {1, 1, 2}},
    };
    estimator.regimes[2] = (struct estimator_regime){
        .records_per_s_min = 1,
        .records_per_s_max = 12,
        .rule = {.method = METHOD_M3, .tokens_per_record = {5, 10, 16}, .exchange_sigma = 0.5},
    };
    shape.answer_ns = 2500000000;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 100, 100, 200);
    assert_int_equal(estimator_apply(&estimator, &shape).grade, GRADE_C);
    shape.answer_ns = 20000000000;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 500, 1000, 1600);
    assert_true(estimator_apply(&estimator, &shape).tokens_out_variance == 500 * 500);
    shape.answer_ns = 6000000000; /* neither: the span of both */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 60, 120, 240);
    assert_int_equal(estimator_apply(&estimator, &shape).grade, GRADE_B);
    shape.modal_bytes = 320;
    shape.modal_lead = 35; /* 59.5 of 100: of 84, 35 more than the others */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 60, 120, 240);
    shape.modal_lead = 36;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 100, 100, 100);
    assert_int_equal(estimator_apply(&estimator, &shape).grade, GRADE_A);
    shape.modal_bytes = 341;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 60, 120, 240);
    shape.modal_bytes = 320;
    shape.answer_records = 32; /* too few to tell */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 60, 120, 240);
    shape.answer_records = 33;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 100, 100, 100);
    shape.requests = 2; /* one of them may be streamed in another way */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 60, 100, 480);
}

static struct estimator with_edges(void)
{
    struct estimator estimator = simple;

    estimator.method = METHOD_M1;
    estimator.whole_records_max = 0;
    estimator.bytes_per_token = (struct triple){143, 286, 572};
    estimator.overhead_between_bytes = (struct triple){0, 286, 572};
    return estimator;
}

/* What surrounds the events is no assumption then, however long it is. */
static void edges_take_the_place_of_an_overhead(void **state)
{
    struct estimator estimator = with_edges();
    struct exchange_shape shape = {.answer_bytes = 90000 + 101 * 286,
                                   .answer_records = 110,
                                   .modal_bytes = 286,
                                   .modal_lead = 90,
                                   .opening_bytes = 60000,
                                   .closing_bytes = 30000,
                                   .http = EXCHANGE_HTTP_2};

    (void)state;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 49.5, 100, 202);
    estimator.unseen_tokens = (struct triple){0, 1, 15};
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 49.5, 101, 217);
    shape.requests = 2;
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central > 200);
    shape.requests = 1;
    shape.opening_bytes = 0; /* not known */
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central > 200);
    shape.opening_bytes = 60000;
    shape.is_acknowledged = true; /* sizes are not those of records */
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central > 200);
    shape.is_acknowledged = false;
    shape.http = EXCHANGE_HTTP_3; /* nor are they those of datagrams */
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central > 200);
    shape.http = EXCHANGE_HTTP_2;
    estimator.overhead_between_bytes = triple_exact(0);
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central > 200);
}

/* However large an event of another model, or with other fields, is: the band is of them. */
static void events_are_as_large_as_they_are_seen(void **state)
{
    struct estimator estimator = with_edges();
    struct exchange_shape shape = {.answer_bytes = 30000,
                                   .answer_records = 80,
                                   .modal_bytes = 300,
                                   .modal_lead = 14,
                                   .http = EXCHANGE_HTTP_2};

    (void)state;
    estimator.overhead_reused_bytes = triple_exact(0);
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central < 105);
    estimator.event_bytes_min = 250;
    estimator.event_bytes_max = 350;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 50, 100, 200);
    shape.modal_bytes = 600; /* two in each record */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 50, 100, 200);
    shape.modal_bytes = 351; /* not believed */
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central > 104);
    shape.modal_bytes = 249;
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central > 104);
    shape.modal_bytes = 300;
    shape.modal_lead = 13; /* others are as many */
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central > 104);
    shape.modal_lead = 14;
    shape.is_acknowledged = true;
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central > 104);
    shape.is_acknowledged = false;
    shape.http = EXCHANGE_HTTP_3;
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central > 104);
}

/* Where events have a size, edges are only known if it is seen, and no opening is longer than any
 * is assumed to be: events would be in it. */
static void edges_are_those_of_events_that_are_seen(void **state)
{
    struct estimator estimator = with_edges();
    struct exchange_shape shape = {.answer_bytes = 1000 + 101 * 300 + 50000,
                                   .answer_records = 110,
                                   .modal_bytes = 300,
                                   .modal_lead = 90,
                                   .opening_bytes = 1000,
                                   .closing_bytes = 50000,
                                   .http = EXCHANGE_HTTP_2};

    (void)state;
    estimator.overhead_reused_bytes = (struct triple){0, 500, 1000};
    estimator.overhead_between_bytes = triple_exact(300);
    estimator.event_bytes_min = 250;
    estimator.event_bytes_max = 350;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 50, 100, 200);
    shape.modal_lead = 0;
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central > 200);
    shape.modal_lead = 90;
    shape.opening_bytes = 1001;
    assert_true(estimator_apply(&estimator, &shape).tokens_out.central > 200);
}

/* A last record that was waited for is not left out of what came before it, too. */
static void text_apart_is_none_of_the_edges(void **state)
{
    struct estimator estimator = with_edges();
    struct exchange_shape shape = {.answer_bytes = 1000 + 101 * 286 + 2000,
                                   .answer_records = 110,
                                   .modal_bytes = 286,
                                   .modal_lead = 90,
                                   .opening_bytes = 1000,
                                   .closing_bytes = 2000,
                                   .apart_bytes = 2000,
                                   .http = EXCHANGE_HTTP_2};

    (void)state;
    estimator.whole_record_overhead_bytes = 100;
    estimator.whole_bytes_per_token = (struct triple){1, 1, 1};
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 49.5, 2000, 2102);
}

/* Of 260 B each: over HTTP/1.1 with 19 B around them, over HTTP/2 with 26. */
static void events_share_what_surrounds_them(void **state)
{
    static const struct {
        int http;
        uint32_t modal_bytes;
        uint64_t bytes;
    } cases[] = {{EXCHANGE_HTTP_2, 286, UINT64_C(101) * 286},
                 {EXCHANGE_HTTP_1, 279, UINT64_C(101) * 279},
                 {EXCHANGE_HTTP_2, 546, UINT64_C(101) * 273},
                 {EXCHANGE_HTTP_1, 539, 101 * UINT64_C(539) / 2}};
    struct estimator estimator = with_edges();

    (void)state;
    estimator.overhead_between_bytes = (struct triple){0, 0, 1};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange_shape shape = {.answer_bytes = 1000 + cases[i].bytes,
                                       .answer_records = 110,
                                       .modal_bytes = cases[i].modal_bytes,
                                       .modal_lead = 90,
                                       .opening_bytes = 1000,
                                       .http = cases[i].http};

        assert_true(fabs(estimator_apply(&estimator, &shape).tokens_out.central - 101) < 0.01);
    }
}

static void calls_are_told_by_the_size_of_their_events(void **state)
{
    static const struct {
        int http;
        uint32_t modal_bytes;
        bool is_call;
    } cases[] = {{EXCHANGE_HTTP_2, 277, true},  {EXCHANGE_HTTP_2, 286, false},
                 {EXCHANGE_HTTP_1, 270, true},  {EXCHANGE_HTTP_1, 279, false},
                 {EXCHANGE_HTTP_2, 528, true},  {EXCHANGE_HTTP_2, 546, false},
                 {EXCHANGE_HTTP_2, 260, false}, {EXCHANGE_HTTP_1, 521, true}};
    struct estimator estimator = with_edges();

    (void)state;
    estimator.call_event_bytes_min = 240;
    estimator.call_event_bytes_max = 255;
    estimator.call_tokens = (struct triple){800, 1200, 2000};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange_shape shape = {.answer_bytes = 3000,
                                       .answer_records = 11,
                                       .modal_bytes = cases[i].modal_bytes,
                                       .modal_lead = 5,
                                       .opening_bytes = 1000,
                                       .http = cases[i].http};

        assert_int_equal(estimator_apply(&estimator, &shape).tokens_out.central > 1000,
                         cases[i].is_call);
        shape.modal_lead = 0;
        assert_true(estimator_apply(&estimator, &shape).tokens_out.central < 1000);
    }
}

/* How many began shows, where edges do. */
static void calls_are_told_by_how_they_begin(void **state)
{
    struct estimator estimator = with_edges();
    struct exchange_shape shape = {.answer_bytes = 1000 + 11 * 286,
                                   .answer_records = 13,
                                   .modal_bytes = 286,
                                   .modal_lead = 9,
                                   .opening_bytes = 1000,
                                   .http = EXCHANGE_HTTP_2};

    (void)state;
    estimator.call_tokens = (struct triple){8, 10, 22};
    shape.calls = 1;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 4.5, 10, 22);
    estimator.calls_tokens = (struct triple){15, 18, 22};
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 12.5, 20, 44);
    shape.calls = 3;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 49.5, 64, 88);
    shape.calls = 0;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 4.5, 10, 22);
    shape.opening_bytes = 0;
    shape.answer_bytes = 200 + 11 * 286;
    estimator.overhead_reused_bytes = triple_exact(200);
    shape.calls = 1;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 5.5, 11, 22);
}

/* The end tells four times what events of one token could hardly hold. */
static void a_repeated_text_tells_of_events_with_several_tokens(void **state)
{
    struct estimator estimator = with_edges();
    struct exchange_shape shape = {.answer_bytes = 2000 + 6000 + 101 * 286,
                                   .answer_records = 110,
                                   .modal_bytes = 286,
                                   .modal_lead = 90,
                                   .opening_bytes = 2000,
                                   .closing_bytes = 6000,
                                   .http = EXCHANGE_HTTP_2};

    (void)state;
    estimator.repeats_text = 4;
    estimator.repeats_overhead_bytes = 1000;
    estimator.repeats_event_bytes_min = 10;
    estimator.repeats_bytes_per_token = (struct triple){2, 4, 8};
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 49.5, 250, 500);
    shape.closing_bytes = 5999; /* less than 10 B each */
    shape.answer_bytes--;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 49.5, 100, 202);
}

/* Few records tell the way by what follows their last event. */
static void an_end_tells_the_way_of_few_records(void **state)
{
    struct estimator estimator = with_edges();
    struct exchange_shape shape = {.answer_bytes = 3000 + 11 * 286,
                                   .answer_records = 16,
                                   .modal_bytes = 286,
                                   .modal_lead = 5,
                                   .opening_bytes = 2000,
                                   .closing_bytes = 1000,
                                   .answer_ns = 1000000000,
                                   .http = EXCHANGE_HTTP_2};

    (void)state;
    estimator.regime_count = 1;
    estimator.regimes[0] = (struct estimator_regime){
        .record_bytes_min = 260,
        .record_bytes_max = 304,
        .record_share_min = 0.55,
        .records_per_s_max = 1e9,
        .closing_bytes_min = 1000,
        .rule = estimator.rule,
    };
    estimator.overhead_between_bytes = triple_exact(0);
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 4.5, 10, 22);
    shape.closing_bytes = 999;
    assert_null(estimator_regime_of(&estimator, &shape));
    shape.closing_bytes = 1000;
    shape.modal_bytes = 305;
    assert_null(estimator_regime_of(&estimator, &shape));
    shape.modal_bytes = 259;
    assert_null(estimator_regime_of(&estimator, &shape));
    shape.modal_bytes = 286;
    shape.modal_lead = 0;
    assert_null(estimator_regime_of(&estimator, &shape));
    shape.modal_lead = 5;
    shape.opening_bytes = 0;
    assert_null(estimator_regime_of(&estimator, &shape));
    shape.opening_bytes = 2000;
    shape.is_acknowledged = true;
    assert_null(estimator_regime_of(&estimator, &shape));
    shape.is_acknowledged = false;
    shape.answer_records = 33; /* enough to tell by the share of their size */
    assert_null(estimator_regime_of(&estimator, &shape));
}

/* Full records before the events are no text, nor taken out twice. */
static void bulk_before_events_is_left_out_once(void **state)
{
    struct estimator estimator = with_edges();
    struct exchange_shape shape = {.answer_bytes = 202000 + 101 * 286,
                                   .answer_records = 150,
                                   .bulk_bytes = 200000,
                                   .bulk_records = 13,
                                   .modal_bytes = 286,
                                   .modal_lead = 90,
                                   .opening_bytes = 202000,
                                   .http = EXCHANGE_HTTP_2};

    (void)state;
    estimator.image_bytes = (struct triple){100000, 1000000, 1000000};
    estimator.bulk_record_min = 8000;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 49.5, 100, 202);
}

/* Two slow ones at once have the records of a fast one, and twice the tokens in a time. */
static void the_band_of_several_at_once_holds_slow_ones(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = {.answer_records = 100,
                                   .answer_ns = 6250000000}; /* 16 a second */

    (void)state;
    estimator.method = METHOD_M5;
    estimator.regime_count = 1;
    estimator.regimes[0] = (struct estimator_regime){
        .records_per_s_min = 14,
        .records_per_s_max = 1000,
        .rule = {.method = METHOD_M3, .tokens_per_record = {1, 1, 2}},
    };
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 100, 100, 200);
    shape.requests = 2;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 62.5, 100, 500);
    shape.answer_ns = 10000000000; /* of no known pace */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 100, 200, 800);
}

/* Of images that are made the server tells how far it is, once a second. */
static void the_records_bound_what_the_seconds_say(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = {.answer_records = 9, .answer_ns = 6000000000};

    (void)state;
    estimator.method = METHOD_M5;
    estimator.regime_count = 2;
    estimator.regimes[0] = (struct estimator_regime){
        .records_per_s_min = 1,
        .records_per_s_max = 12,
        .rule = {.method = METHOD_M3,
                 .tokens_per_record = {5, 10, 16},
                 .overhead_records = {0, 3, 5}},
    };
    estimator.regimes[1] = (struct estimator_regime){
        .records_per_s_min = 18,
        .records_per_s_max = 1000,
        .rule = {.method = METHOD_M3,
                 .tokens_per_record = {0.5, 1, 2},
                 .overhead_records = {0, 3, 5}},
    };
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 60, 120, 240);
    estimator.regimes_are_all = true;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 2, 60, 144);
    shape.answer_ns = 1000000000;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 2, 20, 40);
    shape.answer_ns = 100000000;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 1, 2, 4);
    shape.answer_ns = 6000000000;
    shape.requests = 2;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 0, 30, 144);
    estimator.regime_count = 0; /* a calibration of all took their place */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 60, 120, 480);
}

static void each_method_has_its_formula(void **state)
{
    struct exchange_shape later = answer;

    (void)state;
    later.first_on_connection = false;
    assert_triple(tokens_out(METHOD_NONE, &answer), 0, 0, 0);
    assert_triple(tokens_out(METHOD_M1, &answer), 9000.0 / 400, 50, 110);
    assert_triple(tokens_out(METHOD_M1, &later), 29, 59, 119);
    assert_triple(tokens_out(METHOD_M2, &answer), 7.5, 35, 110);
    assert_triple(tokens_out(METHOD_M2, &later), 14, 44, 119);
    assert_triple(tokens_out(METHOD_M3, &answer), 15, 60, 90);
    assert_triple(tokens_out(METHOD_M4, &answer), 30, 60, 120);
    assert_triple(tokens_out(METHOD_M5, &answer), 25, 50, 100);
}

/* An answer of few records was not streamed, or holds hardly a token: both readings stay inside. */
static void few_records_are_read_both_ways(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.whole_records_max = 6;
    estimator.method = METHOD_M1;
    shape.answer_records = 7;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 50, 110);
    shape.answer_records = 6;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 2750, 5750);
    shape.answer_bytes = 2000;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 0, 250, 750);
    estimator.method = METHOD_M2;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 0, 250, 750);
    estimator.method = METHOD_M4;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 5, 10, 20);
}

/* What surrounds the text of an answer that was sent whole is less than all of it. */
static void a_short_answer_that_was_sent_whole_holds_something(void **state)
{
    static const struct {
        uint64_t bytes;
        uint32_t requests;
        double tokens; /* between none, and none around them */
    } cases[] = {{500, 1, 0},    {501, 1, 0.125}, {1000, 1, 62.5}, {1499, 1, 124.875},
                 {1500, 1, 125}, {1600, 1, 150},  {400, 1, 0},     {2998, 2, 249.75},
                 {3200, 2, 300}, {0, 1, 0}};
    struct estimator estimator = simple;

    (void)state;
    estimator.method = METHOD_M1;
    estimator.whole_records_max = 6;
    estimator.overhead_new_bytes = (struct triple){4000, 4000, 4000}; /* not a token in a stream */
    estimator.overhead_reused_bytes = estimator.overhead_new_bytes;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange_shape shape = {.answer_bytes = cases[i].bytes,
                                       .answer_records = 3,
                                       .requests = cases[i].requests,
                                       .first_on_connection = true};
        struct triple tokens = estimator_apply(&estimator, &shape).tokens_out;

        assert_near(tokens.central, cases[i].tokens);
        assert_true(tokens.low <= tokens.central && tokens.central <= tokens.high);
    }
}

static void a_request_is_one_give_or_take(void **state)
{
    struct estimator estimator = simple;

    (void)state;
    assert_triple(estimator_apply(&estimator, &answer).requests, 0.9, 1, 1.1);
    estimator.count_error = 0;
    assert_triple(estimator_apply(&estimator, &answer).requests, 1, 1, 1);
    estimator.count_error = 1;
    assert_triple(estimator_apply(&estimator, &answer).requests, 0, 1, 2);
}

/* The band says how all of them may be off, this how they differ from each other. */
static void single_exchanges_scatter_around_the_centre(void **state)
{
    struct estimator estimator = simple;

    (void)state;
    estimator.method = METHOD_M4;
    estimator.exchange_sigma = 0.5;
    assert_true(estimator_apply(&estimator, &answer).tokens_out_variance == 30 * 30);
    estimator.exchange_sigma = 0.25;
    assert_true(estimator_apply(&estimator, &answer).tokens_out_variance == 15 * 15);
    estimator.method = METHOD_NONE;
    assert_true(estimator_apply(&estimator, &answer).tokens_out_variance == 0);
}

static void input_is_a_prior_or_the_body(void **state)
{
    struct estimator estimator = simple;

    (void)state;
    estimator.method = METHOD_M4;
    assert_triple(estimator_apply(&estimator, &answer).tokens_in, 20, 100, 300);
    estimator.input_method = INPUT_BODY;
    assert_triple(estimator_apply(&estimator, &answer).tokens_in, 110, 500, 1200);
    estimator.method = METHOD_NONE;
    assert_triple(estimator_apply(&estimator, &answer).tokens_in, 0, 0, 0);
}

static void a_large_request_carries_a_file(void **state)
{
    struct estimator estimator = simple;
    struct exchange_estimate estimate;

    (void)state;
    estimator.method = METHOD_M4;
    estimator.input_method = INPUT_BODY;
    estimate = estimator_apply(&estimator, &answer);
    assert_triple(estimate.uploads, 0, 0, 0);
    estimator.upload_bytes_min = 2601;
    estimate = estimator_apply(&estimator, &answer);
    assert_triple(estimate.uploads, 0, 0, 0);
    assert_triple(estimate.tokens_in, 110, 500, 1200);
    estimator.upload_bytes_min = 2600;
    estimate = estimator_apply(&estimator, &answer);
    assert_triple(estimate.uploads, 0.9, 1, 1.1);
    assert_triple(estimate.tokens_in, 20, 100, 300); /* not its bytes */
    assert_triple(estimate.tokens_out, 30, 60, 120);
    assert_triple(estimate.images, 0, 0, 0);
    assert_triple(estimate.audio_s, 0, 0, 0);
}

/* Of web applications, which send them before the prompt. */
static void files_are_counted_as_such(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.method = METHOD_M4;
    estimator.reply_s = 0.3;
    estimator.upload_bytes_min = 2600;
    shape.requests = 3;
    assert_triple(estimator_apply(&estimator, &shape).uploads, 0, 0, 0);
    shape.files = 2;
    assert_triple(estimator_apply(&estimator, &shape).uploads, 1.8, 2, 2.2);
    assert_triple(estimator_apply(&estimator, &shape).requests, 2.7, 3, 3.3);
}

/* An answer that is smaller than any tells where they are. */
static void an_answer_without_text_is_images_or_sound(void **state)
{
    struct estimator estimator = simple;
    struct exchange_estimate estimate;

    (void)state;
    estimator.method = METHOD_NONE;
    estimator.image_bytes = (struct triple){2000, 4000, 24000};
    estimator.images_per_request = (struct triple){1, 2, 4};
    estimate = estimator_apply(&estimator, &answer);
    assert_triple(estimate.images, 1, 3, 6);
    estimator.image_bytes = (struct triple){12001, 20000, 24000};
    estimate = estimator_apply(&estimator, &answer);
    assert_triple(estimate.images, 0.9, 2, 4.4);
    assert_triple(estimate.audio_s, 0, 0, 0);
    estimator.audio_bytes_per_s = (struct triple){1000, 4000, 12000};
    assert_triple(estimator_apply(&estimator, &answer).audio_s, 1, 3, 12);
    estimator.method = METHOD_M4; /* text, whatever is stated */
    assert_triple(estimator_apply(&estimator, &answer).audio_s, 0, 0, 0);
    assert_triple(estimator_apply(&estimator, &answer).images, 0, 0, 0);
}

/* Its bytes are not read as text; less than one is left alone. */
static void an_image_within_text_is_no_tokens(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.image_bytes = (struct triple){2000, 4000, 24000};
    shape.answer_bytes += 12000;
    shape.answer_records += 2;
    shape.bulk_bytes = 12000;
    shape.bulk_records = 2;
    for (int method = METHOD_M1; method <= METHOD_M5; method++) {
        struct exchange_estimate with, without;

        estimator.method = method;
        with = estimator_apply(&estimator, &shape);
        without = estimator_apply(&estimator, &answer);
        assert_triple(with.images, 0, 3, 6);
        assert_memory_equal(&with.tokens_out, &without.tokens_out, sizeof(with.tokens_out));
    }
    shape.bulk_bytes = 1999;
    estimator.method = METHOD_M4;
    assert_triple(estimator_apply(&estimator, &shape).images, 0, 0, 0);
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 60, 120, 240);
}

/* Beside its text, which stays as it is. */
static void an_image_may_be_fetched_from_elsewhere(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;
    struct exchange_estimate with;
    struct exchange_estimate without;

    (void)state;
    estimator.method = METHOD_M4;
    estimator.image_bytes = (struct triple){2000, 4000, 24000};
    without = estimator_apply(&estimator, &shape);
    assert_triple(without.images, 0, 0, 0);
    shape.fetched_bytes = 12000;
    with = estimator_apply(&estimator, &shape);
    assert_triple(with.images, 0, 3, 6);
    assert_memory_equal(&with.tokens_out, &without.tokens_out, sizeof(with.tokens_out));
    shape.fetched_bytes = 2000;
    assert_triple(estimator_apply(&estimator, &shape).images, 0, 1, 1);
}

/* Nobody can tell whose bytes are whose: each has its overhead, its prompt, and its share of
 * chance. */
static void answers_at_once_have_one_sum(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;
    struct exchange_estimate estimate;

    (void)state;
    estimator.method = METHOD_M1;
    estimator.exchange_sigma = 0.5;
    estimator.input_method = INPUT_BODY;
    shape.requests = 4;
    estimate = estimator_apply(&estimator, &shape);
    assert_triple(estimate.requests, 3.6, 4, 4.4);
    assert_triple(estimate.tokens_out, (12000 - 3000 - 3 * 400) / 400.0,
                  (12000 - 2000 - 3 * 200) / 200.0, (12000 - 1000 - 3 * 100) / 100.0);
    assert_true(estimate.tokens_out_variance == 23.5 * 23.5 / 4);
    assert_triple(estimate.tokens_in, 0, 50, 900);
    estimator.input_method = INPUT_PRIOR;
    assert_triple(estimator_apply(&estimator, &shape).tokens_in, 80, 400, 1200);
    estimator.whole_records_max = 8; /* 30 records are fewer than 4 * 8 */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 19.5, 2000, 5000);
}

/* Records of 300 B would be 9000: the other 3000 may be the text of one that was sent whole. */
static void one_of_those_at_once_may_be_whole(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.method = METHOD_M1;
    shape.modal_bytes = 300;
    shape.modal_lead = 20;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 50, 110);
    shape.requests = 2;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 21.5, 49,
                  109 + (12000 - 9000 - 1100) / 4.0);
}

/* 2750 tokens are a second's work at least three times over: it is a stream whose events share
 * records. The band holds what can be written in that time. */
static void a_fast_stream_is_no_whole_answer(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.whole_records_max = 6;
    estimator.whole_tokens_per_second_max = 1000;
    shape.answer_records = 6;
    for (int method = METHOD_M1; method <= METHOD_M2; method++) {
        struct triple streamed = tokens_out(method, &shape);

        estimator.method = method;
        shape.answer_ns = 500000000;
        shape.wait_ns = 2250000000; /* just possible */
        assert_triple(estimator_apply(&estimator, &shape).tokens_out, streamed.low, 2750, 2750);
        shape.wait_ns = 2249000000;
        assert_triple(estimator_apply(&estimator, &shape).tokens_out, streamed.low,
                      streamed.central, 2749);
        shape.wait_ns = 9500000000;
        assert_triple(estimator_apply(&estimator, &shape).tokens_out, streamed.low, 2750, 5750);
        shape.wait_ns = 0;
        shape.answer_ns = 1000000; /* one token: the stream's own band */
        assert_triple(estimator_apply(&estimator, &shape).tokens_out, streamed.low,
                      streamed.central, streamed.high);
        shape.answer_ns = 0; /* no time is known */
        assert_triple(estimator_apply(&estimator, &shape).tokens_out, streamed.low, 2750, 5750);
    }
}

/* What a fast stream is, however many of its events share a record, the band holds it. */
static void the_band_holds_streams_of_any_pace(void **state)
{
    struct estimator estimator = simple;

    (void)state;
    estimator.method = METHOD_M1;
    estimator.whole_records_max = 6;
    estimator.whole_tokens_per_second_max = 1000;
    for (double tokens = 20; tokens <= 2000; tokens *= 1.5) {
        for (double per_second = 40; per_second <= 4000; per_second *= 1.5) {
            for (uint32_t records = 1; records <= 12; records++) {
                struct exchange_shape shape = {
                    .answer_bytes = (uint64_t)(2000 + 200 * tokens),
                    .answer_records = records,
                    .wait_ns = 400000000,
                    .answer_ns = (uint64_t)(tokens / per_second * 1e9),
                    .first_on_connection = true,
                };
                struct triple band = estimator_apply(&estimator, &shape).tokens_out;

                assert_true(band.low <= tokens && tokens <= band.high);
                if (50 * tokens > 1000 * (0.4 + tokens / per_second))
                    assert_near(band.central, (double)(shape.answer_bytes - 2000) / 200);
            }
        }
    }
}

/* What the end of one told is text, if it can have been written; with M2, too. */
static void what_was_sent_whole_beside_others_is_text(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.method = METHOD_M1;
    estimator.whole_record_min = 1000;
    estimator.whole_tokens_per_second_max = 200;
    shape.whole_text_bytes = 3200;
    shape.requests = 2;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 21.5, 49 + 800, 109 + 1600);
    estimator.method = METHOD_M2;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 6.5, 34 + 800, 109 + 1600);
    shape.answer_ns = 1000000000;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 6.5, 34, 109);
    shape.answer_ns = 2500000000;
    estimator.whole_record_min = 0; /* this way of streaming has no such ends */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 6.5, 34, 109);
}

/* On a used connection, headers and tickets are fewer. */
static void a_whole_answer_lacks_what_was_sent_before(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.method = METHOD_M1;
    estimator.whole_records_max = 100;
    estimator.whole_overhead_bytes = (struct triple){2000, 3000, 4000};
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 2250, 5000);
    shape.first_on_connection = false; /* HTTP/1.1 sends all again */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 29, 2250, 5000);
    shape.http = EXCHANGE_HTTP_2; /* 2000 - 200 less */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 29, 2700, 5900);
    estimator.method = METHOD_M2;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 14, 2250, 5000);
}

/* Datagrams are many, however an answer is sent: its steps tell. */
static void a_whole_answer_has_no_steps(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.method = METHOD_M1;
    estimator.whole_records_max = 6;
    shape.http = EXCHANGE_HTTP_3;
    shape.steps = 1; /* in datagrams of 400 B: a fast stream */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 50, 110);
    shape.answer_records = 17; /* but for four, of 923 */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 50, 110);
    shape.answer_records = 16; /* of 1000 */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 2750, 5750);
    shape.steps = 7;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 2750, 5750);
    shape.steps = 8; /* each of one or two datagrams */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 50, 110);
    estimator.method = METHOD_M2; /* of larger events */
    shape.steps = 3;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 7.5, 2750, 5750);
    shape.steps = 4;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 7.5, 35, 110);
    estimator.method = METHOD_M1;
    shape.answer_records = 4;
    shape.steps = 2; /* one of them ends the opening of a connection */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 2750, 5750);
    shape.first_on_connection = false;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 29, 59, 6000);
    shape = answer;
    shape.http = EXCHANGE_HTTP_2;
    shape.steps = 1;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 50, 110);
}

/* An event of one token that is as long as many is none. */
static void no_step_has_many_tokens(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.method = METHOD_M1;
    estimator.whole_records_max = 30;
    shape.steps = 4; /* of 2500: 12.5 tokens each */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 50, 5750);
    estimator.step_tokens_max = 12;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 2750, 5750);
    shape.steps = 5;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 50, 5750);
    shape.apart_bytes = 801; /* but it was waited for */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 2750, 5750);
}

/* What was waited for at the end, and is larger than two events, was written meanwhile. */
static void what_was_waited_for_is_text(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.method = METHOD_M1;
    estimator.whole_record_overhead_bytes = 700;
    shape.apart_bytes = 800; /* as two events of the longest tokens */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 50, 110);
    shape.apart_bytes = 1500;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 42.5 + 200, 95 + 400);
    estimator.whole_tokens_per_second_max = 90; /* 225 in all */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 50, 110);
    estimator.whole_tokens_per_second_max = 100;
    shape.requests = 2; /* of several, others tell */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 21.5, 49, 109);
    shape.requests = 1;
    estimator.method = METHOD_M2;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 7.5, 35 + 200, 110 + 400);
    estimator.record_max_bytes = 1500; /* events, which are counted with the others */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 7.5, 35, 110);
    shape.apart_bytes = 1501;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 7.5, 35 + 200.25, 110 + 400.5);
    estimator.record_max_bytes = 600;
    shape.apart_bytes = 700;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 7.5, 35, 110);
    shape.steps = 2; /* few records are no answer sent whole because of that */
    estimator.whole_records_max = 30;
    estimator.whole_tokens_per_second_max = 0;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 7.5, 35, 5750);
    estimator.whole_records_max = 0;
    shape.apart_bytes = 1500;
    estimator.whole_record_overhead_bytes = 0; /* not known */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 7.5, 35, 110);
}

/* Where streams end in records that repeat their text, these may be late as well. */
static void what_repeats_the_text_is_none(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.method = METHOD_M1;
    estimator.whole_record_min = 1000;
    estimator.whole_record_overhead_bytes = 700;
    shape.apart_bytes = 1500;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 50, 110);
    estimator.whole_alone_factor = 1.5;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 42.5 + 200, 95 + 400);
    estimator.whole_alone_factor = 0;
    estimator.whole_records_max = 30; /* no stream, most likely */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 42.5 + 200, 5750);
}

/* An image's last piece may be late, or right before an end, and is no text. */
static void what_is_of_an_image_is_no_text(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.method = METHOD_M1;
    estimator.whole_record_overhead_bytes = 700;
    estimator.image_bytes = (struct triple){1e5, 1e6, 1e7};
    estimator.bulk_record_min = 8000;
    shape.answer_bytes += 150000;
    shape.bulk_bytes = 150000;
    shape.bulk_records = 10;
    shape.apart_bytes = 7999;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 10.005 + 1824.75,
                  30.01 + 3649.5);
    shape.apart_bytes = 8000;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 22.5, 50, 110);
    estimator.whole_record_min = 1000;
    shape.requests = 2;
    shape.whole_text_bytes = 15000; /* no more than is left */
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 21.5, 49 + 3000, 109 + 6000);
}

/* Lists of numbers come in less than a text of that size takes to be written. */
static const struct estimator data_known = {
    .method = METHOD_M1,
    .overhead_new_bytes = {1000, 2000, 3000},
    .overhead_reused_bytes = {1000, 2000, 3000},
    .bytes_per_token = {100, 200, 400},
    .whole_records_max = 6,
    .whole_overhead_bytes = {500, 1000, 2000},
    .whole_bytes_per_token = {2, 4, 5},
    .whole_tokens_per_second_max = 1000,
    .data_bytes_min = 5000,
    .data_tokens_per_second_min = 500,
    .segment_record_min = 1300,
    .joined_record_max = 2000,
    .bulk_share_min = 0.25,
    .image_bytes = {20000, 40000, 80000},
    .image_s_min = 3,
    .bulk_record_min = 8000,
    .audio_bytes_per_s = {1000, 4000, 12000},
    .audio_record_min = 2000,
    .audio_slots_min = 3,
    .audio_bytes_per_s_max = 50000,
};

static const struct exchange_shape list = {
    .answer_bytes = 9000,
    .answer_records = 5,
    .wait_ns = 500000000,
    .answer_ns = 500000000,
};

static void what_no_model_writes_so_fast_is_no_text(void **state)
{
    struct exchange_shape shape = list;

    (void)state;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 0, 1000);
    shape.answer_ns = 3500000000; /* 500 a second */
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 15, 2000, 4000);
    shape = list;
    shape.answer_bytes = 4999;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 4.9975, 999.75, 1000);
    shape = list;
    shape.steps = 2; /* as large as what is written bit by bit */
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 35, 1000);
    shape = list;
    shape.is_acknowledged = true;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 15, 35, 1000);
}

/* Nor can a way of streaming whose method knows no text that was sent whole tell how fast it is. */
static void a_way_of_another_method_tells_no_data(void **state)
{
    struct estimator estimator = data_known;
    struct exchange_shape shape = list;

    (void)state;
    estimator.regime_count = 1;
    estimator.regimes[0] = (struct estimator_regime){
        .name = "by-bytes",
        .records_per_s_max = 1e6,
        .rule = {.method = METHOD_M4, .bytes_per_token = {10, 10, 10}},
    };
    shape.answer_records = 40;
    shape.answer_bytes = 60000;
    shape.answer_ns = 60000000000;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 6000, 6000, 6000);
}

/* Of many records, those of a stream are small, or of one size. */
static void large_records_are_no_stream(void **state)
{
    struct exchange_shape shape = list;

    (void)state;
    shape.answer_records = 40;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 15, 35, 80);
    shape.answer_bytes = 36999;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 84.9975, 174.995, 359.99);
    shape.answer_bytes = 37000; /* or a fast stream, whose events are joined */
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 175, 360);
    shape.modal_bytes = 1300; /* all but four have one size, that of a segment */
    shape.modal_lead = 31;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 175, 360);
    shape.modal_lead = 32;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 0, 360);
    shape.modal_bytes = 1299; /* that of two events, with their padding */
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 175, 360);
    shape.modal_bytes = 999;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 85, 175, 360);
    shape.modal_lead = 0;
    shape.answer_bytes = 71999;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 349.995, 709.99);
    shape.answer_bytes = 72000;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 0, 710);
}

/* What is left beside full records is no text either, if nothing of it came in steps. */
static void what_surrounds_data_is_no_text(void **state)
{
    struct exchange_shape shape = list;

    (void)state;
    shape.answer_bytes = 35000;
    shape.bulk_bytes = 32800; /* less than an image has, but for this */
    shape.bulk_records = 2;
    shape.answer_records = 8;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 0, 850);
    shape.steps = 3;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 1, 850);
    shape.steps = 0;
    shape.answer_records = 100; /* a fourth of it: a stream may repeat its text at its end */
    shape.bulk_records = 1;
    shape.bulk_bytes = 8750;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 80, 165, 340);
    shape.bulk_bytes = 8751;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 0, 252.49);
    shape.modal_bytes = 300; /* 51 of 100: events, some of which came late together */
    shape.modal_lead = 18;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 80, 165, 340);
    shape.modal_lead = 16;
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 0, 252.49);
}

static void an_image_takes_its_time(void **state)
{
    struct exchange_shape shape = list;

    (void)state;
    shape.answer_bytes = 120000;
    shape.answer_records = 12;
    shape.bulk_bytes = 100000;
    shape.bulk_records = 7;
    assert_triple(estimator_apply(&data_known, &shape).images, 0, 0, 0);
    shape.wait_ns = 2499999999;
    assert_triple(estimator_apply(&data_known, &shape).images, 0, 0, 0);
    shape.wait_ns = 2500000000;
    assert_triple(estimator_apply(&data_known, &shape).images, 0, 3, 6);
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 0, 3000);
    shape.bulk_bytes = 0;
    shape.http = EXCHANGE_HTTP_3; /* in datagrams */
    shape.answer_records = 120;
    assert_triple(estimator_apply(&data_known, &shape).images, 0, 3, 6);
}

/* Though it comes in steps; but neither at once, nor as fast as the network takes it, nor in
 * records as small as those of text. */
static void large_records_over_seconds_are_sound(void **state)
{
    struct exchange_shape shape = list;
    struct exchange_estimate estimate;

    (void)state;
    shape.answer_bytes = 80000;
    shape.answer_records = 44;
    shape.answer_ns = 10000000000;
    shape.half_seconds = 4;
    shape.steps = 40;
    estimate = estimator_apply(&data_known, &shape);
    assert_triple(estimate.audio_s, 0, 20, 80);
    assert_triple(estimate.tokens_out, 0, 0, 790);
    shape.bulk_bytes = 80000; /* though as large as images */
    shape.bulk_records = 9;
    estimate = estimator_apply(&data_known, &shape);
    assert_triple(estimate.audio_s, 0, 20, 80);
    assert_triple(estimate.images, 0, 0, 0);
    shape.bulk_bytes = 0;
    shape.half_seconds = 3; /* 53 kB/s */
    assert_triple(estimator_apply(&data_known, &shape).audio_s, 0, 0, 0);
    assert_triple(estimator_apply(&data_known, &shape).tokens_out, 0, 390, 790);
    shape.half_seconds = 4;
    shape.answer_records = 45;
    assert_triple(estimator_apply(&data_known, &shape).audio_s, 0, 0, 0);
    shape.answer_records = 20;
    shape.half_seconds = 2;
    shape.answer_bytes = 50000;
    assert_triple(estimator_apply(&data_known, &shape).audio_s, 0, 0, 0);
    shape.half_seconds = 3;
    assert_triple(estimator_apply(&data_known, &shape).audio_s, 0, 12.5, 50);
    shape.requests = 2;
    assert_triple(estimator_apply(&data_known, &shape).audio_s, 0, 0, 0);
}

/* Services differ, and their fronts change. */
static void what_tells_data_is_as_stated(void **state)
{
    struct estimator other = data_known;
    struct exchange_shape shape = list;

    (void)state;
    other.segment_record_min = 1200;
    other.joined_record_max = 1500;
    other.bulk_share_min = 0.5;
    other.audio_slots_min = 5;
    shape.answer_records = 40;
    shape.answer_bytes = 40000;
    shape.modal_lead = 32;
    shape.modal_bytes = 1199;
    assert_triple(estimator_apply(&other, &shape).tokens_out, 0, 190, 390);
    shape.modal_bytes = 1200;
    assert_triple(estimator_apply(&other, &shape).tokens_out, 0, 0, 390);
    shape.modal_lead = 0;
    shape.answer_bytes = 53999;
    assert_triple(estimator_apply(&other, &shape).tokens_out, 0, 259.995, 529.99);
    shape.answer_bytes = 54000;
    assert_triple(estimator_apply(&other, &shape).tokens_out, 0, 0, 530);
    shape.answer_bytes = 35000;
    shape.bulk_bytes = 17500;
    assert_triple(estimator_apply(&other, &shape).tokens_out, 80, 165, 340);
    shape.bulk_bytes = 17501;
    assert_triple(estimator_apply(&other, &shape).tokens_out, 0, 0, 164.99);
    shape = list;
    shape.answer_bytes = 80000;
    shape.answer_records = 44;
    shape.answer_ns = 10000000000;
    shape.steps = 40;
    shape.half_seconds = 4;
    assert_triple(estimator_apply(&other, &shape).audio_s, 0, 0, 0);
    shape.half_seconds = 5;
    assert_triple(estimator_apply(&other, &shape).audio_s, 0, 20, 80);
}

static void a_large_request_may_be_a_file(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;
    struct exchange_estimate estimate;

    (void)state;
    estimator.method = METHOD_M4;
    estimator.input_method = INPUT_BODY;
    estimator.upload_or_text_bytes_min = 2601;
    estimate = estimator_apply(&estimator, &shape);
    assert_triple(estimate.tokens_in, 110, 500, 1200);
    assert_triple(estimate.uploads, 0, 0, 0);
    estimator.upload_or_text_bytes_min = 2600;
    estimate = estimator_apply(&estimator, &shape);
    assert_triple(estimate.tokens_in, 20, 500, 1200);
    assert_triple(estimate.uploads, 0, 0, 1.1);
    estimator.upload_bytes_min = 2600; /* it is one */
    estimate = estimator_apply(&estimator, &shape);
    assert_triple(estimate.tokens_in, 20, 100, 300);
    assert_triple(estimate.uploads, 0.9, 1, 1.1);
}

/* Of few records, too, where the last is an event. */
static void what_ends_in_an_event_was_streamed(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = answer;

    (void)state;
    estimator.method = METHOD_M2;
    estimator.whole_records_max = 30;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 7.5, 2750, 5750);
    shape.ends_in_event = true;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 7.5, 35, 110);
}

static void what_is_smaller_than_its_overhead_is_nothing(void **state)
{
    struct estimator estimator = simple;
    struct exchange_shape shape = {.request_bytes = 300, .answer_bytes = 1500, .answer_records = 1};

    (void)state;
    shape.first_on_connection = true;
    estimator.input_method = INPUT_BODY;
    estimator.method = METHOD_M1;
    assert_triple(estimator_apply(&estimator, &shape).tokens_out, 0, 0, 5);
    assert_triple(estimator_apply(&estimator, &shape).tokens_in, 0, 0, 50);
}

/* M6 knows nothing but bytes. */
static void bytes_alone_are_a_guess(void **state)
{
    struct estimator estimator = simple;
    struct exchange_estimate estimate;

    (void)state;
    estimator.exchange_sigma = 0.5;
    assert_int_equal(estimator_apply_bytes(&estimator, 1000000).grade, GRADE_NONE);
    assert_triple(estimator_apply_bytes(&estimator, 1000000).requests, 0, 0, 0);
    estimator.bytes_per_request = (struct triple){50000, 100000, 200000};
    estimator.output_prior_tokens = (struct triple){100, 300, 600};
    estimate = estimator_apply_bytes(&estimator, 1000000);
    assert_int_equal(estimate.grade, GRADE_E);
    assert_triple(estimate.requests, 5, 10, 20);
    assert_triple(estimate.tokens_out, 500, 3000, 12000);
    assert_triple(estimate.tokens_in, 100, 1000, 6000);
    assert_true(estimate.tokens_out_variance == 10 * 150.0 * 150.0);
}

static void assert_sane(struct triple value)
{
    assert_true(isfinite(value.low) && isfinite(value.central) && isfinite(value.high));
    assert_true(value.low >= 0 && value.low <= value.central && value.central <= value.high);
}

static struct triple random_triple(uint64_t *seed, double smallest, double largest)
{
    double low = smallest + (double)random_below(seed, 1000) / 1000 * (largest - smallest);
    double central = low + (double)random_below(seed, 1000) / 1000 * (largest - low);

    return (struct triple){low, central,
                           central + (double)random_below(seed, 2) * (largest - central)};
}

static struct estimator random_estimator(uint64_t *seed)
{
    return (struct estimator){
        .method = (int)random_below(seed, 6),
        .input_method = (int)random_below(seed, 2),
        .count_error = (double)random_below(seed, 101) / 100,
        .exchange_sigma = (double)random_below(seed, 2001) / 1000,
        .overhead_new_bytes = random_triple(seed, 0, 1e6),
        .overhead_reused_bytes = random_triple(seed, 0, 1e4),
        .bytes_per_token = random_triple(seed, 0.1, 1e5),
        .event_bytes_min = (double)random_below(seed, 300),
        .event_bytes_max = (double)random_below(seed, 16384),
        .calls_tokens = random_triple(seed, 0, 1000),
        .overhead_between_bytes = random_triple(seed, 0, 1e4),
        .unseen_tokens = random_triple(seed, 0, 1000),
        .call_event_bytes_max = (double)random_below(seed, 16384),
        .call_tokens = random_triple(seed, 0, 1000),
        .repeats_text = (double)random_below(seed, 10),
        .repeats_overhead_bytes = (double)random_below(seed, 65000),
        .repeats_event_bytes_min = (double)random_below(seed, 100),
        .repeats_bytes_per_token = random_triple(seed, 0.1, 1000),
        .tokens_per_record = random_triple(seed, 0.001, 1e4),
        .tokens_per_second = random_triple(seed, 0.001, 1e5),
        .whole_records_max = random_below(seed, 10),
        .whole_overhead_bytes = random_triple(seed, 0, 1e6),
        .whole_bytes_per_token = random_triple(seed, 0.1, 1e5),
        .upload_bytes_min = (double)random_below(seed, 100000),
        .image_bytes = random_triple(seed, 1e3, 1e9),
        .images_per_request = random_triple(seed, 0, 100),
        .audio_bytes_per_s = random_triple(seed, 100, 1e6),
        .data_bytes_min = (double)random_below(seed, 10000),
        .data_tokens_per_second_min = (double)random_below(seed, 1000),
        .segment_record_min = (double)random_below(seed, 2000),
        .joined_record_max = (double)random_below(seed, 4000),
        .bulk_share_min = (double)random_below(seed, 1000) / 1000,
        .audio_record_min = (double)random_below(seed, 4000),
        .audio_slots_min = (double)random_below(seed, 8),
        .audio_bytes_per_s_max = (double)random_below(seed, 1000000),
        .upload_or_text_bytes_min = (double)random_below(seed, 50000),
        .input_prior_tokens = random_triple(seed, 0, 1e6),
        .input_bytes_per_token = random_triple(seed, 0.1, 1e5),
        .input_overhead_bytes = random_triple(seed, 0, 1e6),
    };
}

/* Parameters within the ranges that services.conf may state; any shape. */
static void estimates_are_ordered_and_finite(void **state)
{
    uint64_t seed = 10;

    (void)state;
    for (int round = 0; round < 100000; round++) {
        struct estimator estimator = random_estimator(&seed);
        uint64_t bytes = random_next(&seed) >> random_below(&seed, 64);
        struct exchange_shape shape = {
            .request_bytes = random_next(&seed) >> random_below(&seed, 64),
            .answer_bytes = bytes,
            .answer_records = (uint32_t)random_next(&seed) >> random_below(&seed, 32),
            .files = (uint32_t)random_below(&seed, 4),
            .bulk_bytes = random_next(&seed) >> random_below(&seed, 64),
            .fetched_bytes = random_next(&seed) >> random_below(&seed, 64),
            .bulk_records = (uint32_t)random_next(&seed) >> random_below(&seed, 32),
            .half_seconds = (uint32_t)random_below(&seed, 128),
            .steps = (uint32_t)random_below(&seed, 8),
            .modal_lead = (uint32_t)random_below(&seed, 8),
            .modal_bytes = (uint32_t)random_below(&seed, 65536),
            .opening_bytes = random_next(&seed) >> random_below(&seed, 64),
            .closing_bytes = random_next(&seed) >> random_below(&seed, 64),
            .answer_ns = random_next(&seed) >> random_below(&seed, 64),
            .excess_bytes = random_triple(&seed, 0, (double)bytes),
            .first_on_connection = random_below(&seed, 2),
        };
        struct exchange_estimate estimate = estimator_apply(&estimator, &shape);

        assert_sane(estimate.requests);
        assert_sane(estimate.tokens_in);
        assert_sane(estimate.tokens_out);
        assert_sane(estimate.images);
        assert_sane(estimate.audio_s);
        assert_sane(estimate.uploads);
        assert_true(sqrt(estimate.tokens_out_variance) <=
                    1.0001 * ESTIMATOR_MAX_SIGMA * estimate.tokens_out.central);
    }
}

#define STREAMS 90

struct recorded {
    int id;
    uint64_t bytes;
    uint32_t records;
    int64_t first_ns;
    int64_t last_ns;
    double tokens;
};

/* Sums each stream after the handshake's flight, which is its first packet. One packet is taken for
 * one record (method page, 1; the recordings have no finer grain). */
static size_t read_streams(struct recorded *streams)
{
    FILE *file = open_traffic("openai_api_gpt4o_packets.csv");
    char line[256];
    size_t count = 0;

    while (fgets(line, sizeof(line), file)) {
        char *at = line;
        int id = (int)next_number(&at);
        bool handshake = next_number(&at) < 1;
        double time = next_number(&at);
        double bytes = next_number(&at);

        if (handshake) {
            assert_true(count < STREAMS);
            streams[count++] = (struct recorded){.id = id, .tokens = next_number(&at)};
            continue;
        }
        if (streams[count - 1].records++ == 0)
            streams[count - 1].first_ns = (int64_t)(time * 1e9);
        streams[count - 1].last_ns = (int64_t)(time * 1e9);
        streams[count - 1].bytes += (uint64_t)bytes - 5;
    }
    fclose(file);
    return count;
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static void recorded_answers_of_gpt_4o_are_estimated_well(void **state)
{
    struct recorded streams[STREAMS];
    size_t count = read_streams(streams);
    struct estimator estimator = shipped_estimator("openai-api");
    double errors[STREAMS];
    double estimated = 0;
    double real = 0;
    unsigned inside = 0;

    (void)state;
    assert_int_equal(count, STREAMS);
    for (size_t i = 0; i < count; i++) {
        struct exchange_shape shape = {
            .answer_bytes = streams[i].bytes,
            .answer_records = streams[i].records,
            .answer_ns = (uint64_t)(streams[i].last_ns - streams[i].first_ns),
            .first_on_connection = true,
        };
        struct triple tokens = estimator_apply(&estimator, &shape).tokens_out;

        errors[i] = fabs(tokens.central - streams[i].tokens) / streams[i].tokens;
        inside += tokens.low <= streams[i].tokens && streams[i].tokens <= tokens.high;
        estimated += tokens.central;
        real += streams[i].tokens;
    }
    qsort(errors, count, sizeof(errors[0]), compare_doubles);
    print_message(
        "gpt-4o, 90 answers: median error %.2f %%, largest %.1f %%, bias of the sum %+.2f "
        "%%, %u inside their band\n",
        100 * errors[count / 2], 100 * errors[count - 1], 100 * (estimated / real - 1), inside);
    assert_true(fabs(estimated / real - 1) < 0.06);
    assert_true(errors[count - 1] < 0.3); /* none of them is data */
    assert_true(errors[count / 2] < 0.05);
    assert_true(inside >= 85);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_surrounds_the_text_is_left_out),
        cmocka_unit_test(answers_that_came_together_are_so_many),
        cmocka_unit_test(a_short_stream_is_more_likely_than_a_whole_answer),
        cmocka_unit_test(the_way_of_streaming_is_told_by_the_answer),
        cmocka_unit_test(the_records_bound_what_the_seconds_say),
        cmocka_unit_test(each_method_has_its_formula),
        cmocka_unit_test(few_records_are_read_both_ways),
        cmocka_unit_test(a_fast_stream_is_no_whole_answer),
        cmocka_unit_test(edges_take_the_place_of_an_overhead),
        cmocka_unit_test(events_are_as_large_as_they_are_seen),
        cmocka_unit_test(edges_are_those_of_events_that_are_seen),
        cmocka_unit_test(calls_are_told_by_how_they_begin),
        cmocka_unit_test(text_apart_is_none_of_the_edges),
        cmocka_unit_test(events_share_what_surrounds_them),
        cmocka_unit_test(calls_are_told_by_the_size_of_their_events),
        cmocka_unit_test(a_repeated_text_tells_of_events_with_several_tokens),
        cmocka_unit_test(an_end_tells_the_way_of_few_records),
        cmocka_unit_test(bulk_before_events_is_left_out_once),
        cmocka_unit_test(the_band_of_several_at_once_holds_slow_ones),
        cmocka_unit_test(what_repeats_the_text_is_none),
        cmocka_unit_test(what_is_of_an_image_is_no_text),
        cmocka_unit_test(the_band_holds_streams_of_any_pace),
        cmocka_unit_test(what_was_sent_whole_beside_others_is_text),
        cmocka_unit_test(a_short_answer_that_was_sent_whole_holds_something),
        cmocka_unit_test(a_request_is_one_give_or_take),
        cmocka_unit_test(input_is_a_prior_or_the_body),
        cmocka_unit_test(single_exchanges_scatter_around_the_centre),
        cmocka_unit_test(a_large_request_carries_a_file),
        cmocka_unit_test(files_are_counted_as_such),
        cmocka_unit_test(an_answer_without_text_is_images_or_sound),
        cmocka_unit_test(an_image_within_text_is_no_tokens),
        cmocka_unit_test(an_image_may_be_fetched_from_elsewhere),
        cmocka_unit_test(bytes_alone_are_a_guess),
        cmocka_unit_test(answers_at_once_have_one_sum),
        cmocka_unit_test(one_of_those_at_once_may_be_whole),
        cmocka_unit_test(a_whole_answer_lacks_what_was_sent_before),
        cmocka_unit_test(a_whole_answer_has_no_steps),
        cmocka_unit_test(no_step_has_many_tokens),
        cmocka_unit_test(what_was_waited_for_is_text),
        cmocka_unit_test(what_no_model_writes_so_fast_is_no_text),
        cmocka_unit_test(a_way_of_another_method_tells_no_data),
        cmocka_unit_test(large_records_are_no_stream),
        cmocka_unit_test(what_surrounds_data_is_no_text),
        cmocka_unit_test(an_image_takes_its_time),
        cmocka_unit_test(large_records_over_seconds_are_sound),
        cmocka_unit_test(what_tells_data_is_as_stated),
        cmocka_unit_test(a_large_request_may_be_a_file),
        cmocka_unit_test(what_ends_in_an_event_was_streamed),
        cmocka_unit_test(what_is_smaller_than_its_overhead_is_nothing),
        cmocka_unit_test(estimates_are_ordered_and_finite),
        cmocka_unit_test(recorded_answers_of_gpt_4o_are_estimated_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
