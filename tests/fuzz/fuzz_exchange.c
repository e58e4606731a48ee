/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/cursor.h"
#include "collectors/capture/exchange.h"
#include "tests/capture/cut.h"

#include <math.h>
#include <stdlib.h>

/* The input is a connection of a program: one byte says how answers are estimated and what is
 * spoken, then each record has one of time since the last one and of who sends it, and two of its
 * size; one with SAME is as large as the one before. Whatever they are, an answer's parts are no
 * larger than it, and its tokens a band. (That frames become such records is for fuzz_metering.) */
enum { HTTP_3 = 4, FROM_CLIENT = 0x80, SAME = 0x40, TIMES = 16 };

static const int64_t steps_ms[TIMES] = {0,   1,   5,   12,   20,   40,   60,    100,
                                        200, 400, 700, 1100, 2500, 7000, 61000, 700000};

#define PROGRAM                                                                                    \
    .grade = GRADE_B, .request_bytes_min = 200, .request_record_min = 100, .burst_gap_s = 2,       \
    .answer_record_min = 45, .answer_bytes_min = 200, .answer_gap_s = 60, .cut = SHIPPED_CUT,      \
    .refusal_record_max = 330, .refusal_head_bytes_max = 2900, .refusal_s_max = 0.15,              \
    .whole_pause_s = 0.25, .at_once_gap_s = 1, .whole_records_max = 6,                             \
    .whole_overhead_bytes = {1200, 2000, 2900}, .whole_bytes_per_token = {1.3, 4.3, 5.5},          \
    .whole_tokens_per_second_max = 1000, .overhead_new_bytes = {1000, 1700, 2200},                 \
    .overhead_reused_bytes = {600, 1000, 1400}, .exchange_sigma = 0.5, .count_error = 0.05,        \
    .input_method = INPUT_BODY, .input_prior_tokens = {20, 100, 300},                              \
    .input_bytes_per_token = {2.15, 4.3, 10.75}, .input_overhead_bytes = {200, 600, 1500}

#define EVENTS                                                                                     \
    .method = METHOD_M1, .bytes_per_token = {125, 324, 435}, .event_bytes_min = 250,               \
    .event_bytes_max = 400, .overhead_between_bytes = {0, 660, 1500}, .unseen_tokens = {0, 0, 15}, \
    .call_tokens = {8, 10, 22}, .calls_tokens = {15, 18, 22}

static const struct estimator estimators[] = {
    {PROGRAM,
     EVENTS,
     .event_record_max = 755,
     .call_begin_min = 64,
     .call_begin_max = 200,
     .step_tokens_max = 12,
     .bulk_record_min = 8000,
     .image_bytes = {1e5, 1.5e6, 6e6},
     .image_s_min = 3,
     .data_bytes_min = 5000,
     .data_tokens_per_second_min = 600,
     .segment_record_min = 1300,
     .joined_record_max = 2000,
     .bulk_share_min = 0.25,
     .audio_bytes_per_s = {4000, 16000, 48000},
     .audio_record_min = 2000,
     .audio_slots_min = 3,
     .audio_bytes_per_s_max = 3e5,
     .regime_count = 2,
     .regimes = {{.name = "chat",
                  .record_bytes_min = 305,
                  .record_bytes_max = 400,
                  .record_share_min = 0.55,
                  .rule = {EVENTS, .exchange_sigma = 0.02}},
                 {.name = "responses",
                  .record_bytes_min = 260,
                  .record_bytes_max = 304,
                  .record_share_min = 0.55,
                  .closing_bytes_min = 1000,
                  .rule = {.method = METHOD_M1,
                           .bytes_per_token = {125, 285, 435},
                           .overhead_between_bytes = {0, 300, 1500},
                           .call_event_bytes_min = 240,
                           .call_event_bytes_max = 255,
                           .call_tokens = {8, 12, 20},
                           .repeats_text = 4,
                           .repeats_overhead_bytes = 800,
                           .repeats_event_bytes_min = 10,
                           .repeats_bytes_per_token = {3.3, 4.3, 5.3},
                           .whole_record_min = 2200,
                           .whole_record_overhead_bytes = 1900,
                           .exchange_sigma = 0.5}}}},
    {PROGRAM, EVENTS, .whole_record_min = 800, .whole_record_overhead_bytes = 450,
     .whole_alone_factor = 1.5, .whole_alone_more = 3},
    {PROGRAM, .method = METHOD_M2, .bytes_per_token = {3, 4, 6.8},
     .record_base_bytes = {141, 148, 160}, .event_text_bytes = 15, .record_max_bytes = 600,
     .smallest_records_min = 100, .smallest_event_bytes = 3, .signature_bytes_min = 300,
     .signature_call_bytes = 120, .http1_less_bytes = 7, .quic_more_bytes = 2,
     .whole_record_min = 1000, .whole_record_overhead_bytes = 500, .whole_alone_factor = 1.5},
    {PROGRAM, .method = METHOD_M4, .bytes_per_token = {10, 20, 30}, .bulk_record_min = 8000},
};

static void check_band(struct triple band)
{
    if (!(band.low >= 0 && band.low <= band.central && band.central <= band.high) ||
        !isfinite(band.high))
        abort();
}

static void check(const struct estimator *estimator, const struct exchange_shape *shape)
{
    struct exchange_estimate estimate = estimator_apply(estimator, shape);

    if (shape->opening_bytes + shape->closing_bytes > shape->answer_bytes ||
        shape->calls > EXCHANGE_CALLS_MAX || shape->steps > shape->answer_records ||
        shape->modal_lead > shape->answer_records || shape->whole_text_bytes > shape->answer_bytes)
        abort();
    if (shape->opening_bytes == 0 && shape->calls > 0)
        abort();
    check_band(estimate.requests);
    check_band(estimate.tokens_in);
    check_band(estimate.tokens_out);
    check_band(estimate.images);
    check_band(estimate.audio_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor cursor = cursor_over(data, size);
    uint8_t choice = cursor_u8(&cursor);
    const struct estimator *estimator = &estimators[choice & 3];
    struct exchange_tracker tracker;
    struct exchange_shape shape;
    uint32_t last = 0;
    int64_t now_ns = 0;

    if (choice & HTTP_3)
        exchange_start_quic(&tracker);
    else
        exchange_start(&tracker);
    while (!cursor.failed && cursor_left(&cursor) > 0) {
        uint8_t how = cursor_u8(&cursor);

        now_ns += steps_ms[how % TIMES] * 1000000;
        if (!(how & SAME))
            last = cursor_u16(&cursor) % 16640;
        if (exchange_deadline(&tracker, estimator) < now_ns &&
            exchange_expire(&tracker, estimator, &shape))
            check(estimator, &shape);
        if (exchange_record(&tracker, estimator, now_ns, how & FROM_CLIENT, last, &shape))
            check(estimator, &shape);
    }
    if (exchange_close(&tracker, estimator, &shape))
        check(estimator, &shape);
    if (exchange_is_open(&tracker))
        abort();
    return 0;
}
