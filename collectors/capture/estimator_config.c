/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/estimator_config.h"

#include <stdio.h>
#include <string.h>

#define SOURCE_SIZE 512

struct estimator_draft {
    struct estimator estimator;
    struct range begin_record_bytes;
    struct range event_bytes;
    struct range call_event_bytes;
    struct range call_begin_bytes;
    char source[SOURCE_SIZE]; /* required, so that nobody adds a number without saying from where */
};

/* In the order of the enums that they are read into. */
static const char *const method_names[] = {"none", "M1", "M2", "M3", "M4", "M5", "events", NULL};
static const char *const grade_names[] = {"-", "A", "B", "C", "D", "E", NULL};
static const char *const input_names[] = {"prior", "body", NULL};

/* Of those that do not state them, as the sample configuration says. */
static const struct estimator_draft defaults = {
    .estimator = {.refusal_head_bytes_max = 2900,
                  .segment_record_min = 1300,
                  .joined_record_max = 2000,
                  .bulk_share_min = 0.25,
                  .audio_slots_min = 3},
};

#define MEMBER(name) offsetof(struct estimator_draft, estimator.name)

/* A largest value is there to catch a wrong unit, not to be reached. */
static const struct confread_key estimator_keys[] = {
    {"method", CONFREAD_ENUM, true, 0, 0, MEMBER(method), 0, method_names},
    {"grade", CONFREAD_ENUM, true, 0, 0, MEMBER(grade), 0, grade_names},
    {"source", CONFREAD_STRING, true, 0, 0, offsetof(struct estimator_draft, source), SOURCE_SIZE,
     NULL},
    {"request_bytes_min", CONFREAD_DOUBLE, true, 0, 1e6, MEMBER(request_bytes_min), 0, NULL},
    {"request_record_min", CONFREAD_DOUBLE, true, 0, 16384, MEMBER(request_record_min), 0, NULL},
    {"burst_gap_s", CONFREAD_DOUBLE, true, 0.001, 60, MEMBER(burst_gap_s), 0, NULL},
    {"answer_record_min", CONFREAD_DOUBLE, true, 0, 16384, MEMBER(answer_record_min), 0, NULL},
    {"answer_bytes_min", CONFREAD_DOUBLE, true, 0, 1e6, MEMBER(answer_bytes_min), 0, NULL},
    {"answer_gap_s", CONFREAD_DOUBLE, true, 0.001, 600, MEMBER(answer_gap_s), 0, NULL},
    {"answer_s_min", CONFREAD_DOUBLE, true, 0, 60, MEMBER(answer_s_min), 0, NULL},
    {"answer_slots_min", CONFREAD_DOUBLE, true, 0, ESTIMATOR_MAX_SLOTS, MEMBER(answer_slots_min), 0,
     NULL},
    {"reply_s", CONFREAD_DOUBLE, false, 0.001, 60, MEMBER(reply_s), 0, NULL},
    {"step_bytes_max", CONFREAD_DOUBLE, false, 100, 65000, MEMBER(step_bytes_max), 0, NULL},
    {"stream_records_min", CONFREAD_DOUBLE, false, 2, 100, MEMBER(stream_records_min), 0, NULL},
    {"stream_record_max", CONFREAD_DOUBLE, false, 50, 650, MEMBER(stream_record_max), 0, NULL},
    {"answer_steps_min", CONFREAD_DOUBLE, false, 2, 1000, MEMBER(answer_steps_min), 0, NULL},
    {"sign_of_life_s", CONFREAD_DOUBLE, false, 0, 60, MEMBER(sign_of_life_s), 0, NULL},
    {"rest_s", CONFREAD_DOUBLE, false, 0.001, 60, MEMBER(rest_s), 0, NULL},
    {"overlap_bytes_min", CONFREAD_DOUBLE, false, 1, 65000, MEMBER(overlap_bytes_min), 0, NULL},
    {"overlap_quic_bytes_min", CONFREAD_DOUBLE, false, 1, 65000, MEMBER(overlap_quic_bytes_min), 0,
     NULL},
    {"overlap_step_bytes_min", CONFREAD_DOUBLE, false, 1, 65000, MEMBER(overlap_step_bytes_min), 0,
     NULL},
    {"end_report_bytes_min", CONFREAD_DOUBLE, false, 1, 1e6, MEMBER(end_report_bytes_min), 0, NULL},
    {"end_report_quic_bytes_min", CONFREAD_DOUBLE, false, 1, 1e6, MEMBER(end_report_quic_bytes_min),
     0, NULL},
    {"end_record_max", CONFREAD_DOUBLE, false, 26, 16384, MEMBER(end_record_max), 0, NULL},
    {"begin_record_bytes", CONFREAD_RANGE, false, 35, 16384,
     offsetof(struct estimator_draft, begin_record_bytes), 0, NULL},
    {"begin_s", CONFREAD_DOUBLE, false, 0.001, 60, MEMBER(begin_s), 0, NULL},
    {"event_gap_s", CONFREAD_DOUBLE, false, 0.0001, 1, MEMBER(event_gap_s), 0, NULL},
    {"packed_record_min", CONFREAD_DOUBLE, false, 20, 16384, MEMBER(packed_record_min), 0, NULL},
    {"packed_request_record_min", CONFREAD_DOUBLE, false, 500, 15000,
     MEMBER(packed_request_record_min), 0, NULL},
    {"full_datagram_pause_s", CONFREAD_DOUBLE, false, 0.01, 60, MEMBER(full_datagram_pause_s), 0,
     NULL},
    {"refusal_record_max", CONFREAD_DOUBLE, false, 50, 16384, MEMBER(refusal_record_max), 0, NULL},
    {"refusal_head_bytes_max", CONFREAD_DOUBLE, false, 0, 65000, MEMBER(refusal_head_bytes_max), 0,
     NULL},
    {"refusal_s_max", CONFREAD_DOUBLE, false, 0.001, 60, MEMBER(refusal_s_max), 0, NULL},
    {"whole_pause_s", CONFREAD_DOUBLE, false, 0.01, 60, MEMBER(whole_pause_s), 0, NULL},
    {"at_once_gap_s", CONFREAD_DOUBLE, false, 0.001, 60, MEMBER(at_once_gap_s), 0, NULL},
    {"event_record_max", CONFREAD_DOUBLE, false, 50, 16384, MEMBER(event_record_max), 0, NULL},
    {"http1_less_bytes", CONFREAD_DOUBLE, false, 0, 100, MEMBER(http1_less_bytes), 0, NULL},
    {"quic_more_bytes", CONFREAD_DOUBLE, false, 0, 100, MEMBER(quic_more_bytes), 0, NULL},
    {"regimes", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"end_record_is_last", CONFREAD_BOOL, false, 0, 0, MEMBER(end_record_is_last), 0, NULL},
    {"replies_end", CONFREAD_BOOL, false, 0, 0, MEMBER(replies_end), 0, NULL},
    {"one_at_a_time", CONFREAD_BOOL, false, 0, 0, MEMBER(one_at_a_time), 0, NULL},
    {"regimes_are_all", CONFREAD_BOOL, false, 0, 0, MEMBER(regimes_are_all), 0, NULL},
    {"count_error", CONFREAD_DOUBLE, true, 0, 1, MEMBER(count_error), 0, NULL},
    {"exchange_sigma", CONFREAD_DOUBLE, false, 0.001, ESTIMATOR_MAX_SIGMA, MEMBER(exchange_sigma),
     0, NULL},
    {"overhead_new_bytes", CONFREAD_TRIPLE, false, 0, 1e6, MEMBER(overhead_new_bytes), 0, NULL},
    {"overhead_reused_bytes", CONFREAD_TRIPLE, false, 0, 1e6, MEMBER(overhead_reused_bytes), 0,
     NULL},
    {"whole_records_max", CONFREAD_DOUBLE, false, 0, 1000, MEMBER(whole_records_max), 0, NULL},
    {"whole_overhead_bytes", CONFREAD_TRIPLE, false, 0, 1e6, MEMBER(whole_overhead_bytes), 0, NULL},
    {"whole_bytes_per_token", CONFREAD_TRIPLE, false, 0.1, 1e5, MEMBER(whole_bytes_per_token), 0,
     NULL},
    {"whole_tokens_per_second_max", CONFREAD_DOUBLE, false, 10, 1e6,
     MEMBER(whole_tokens_per_second_max), 0, NULL},
    {"step_tokens_max", CONFREAD_DOUBLE, false, 1, 1000, MEMBER(step_tokens_max), 0, NULL},
    {"whole_record_min", CONFREAD_DOUBLE, false, 100, 16384, MEMBER(whole_record_min), 0, NULL},
    {"whole_record_overhead_bytes", CONFREAD_DOUBLE, false, 0, 16384,
     MEMBER(whole_record_overhead_bytes), 0, NULL},
    {"whole_alone_factor", CONFREAD_DOUBLE, false, 1, 100, MEMBER(whole_alone_factor), 0, NULL},
    {"whole_alone_more", CONFREAD_DOUBLE, false, 1, 100, MEMBER(whole_alone_more), 0, NULL},
    {"record_base_bytes", CONFREAD_TRIPLE, false, 0, 16384, MEMBER(record_base_bytes), 0, NULL},
    {"event_text_bytes", CONFREAD_DOUBLE, false, 1, 16384, MEMBER(event_text_bytes), 0, NULL},
    {"smallest_records_min", CONFREAD_DOUBLE, false, 3, 10000, MEMBER(smallest_records_min), 0,
     NULL},
    {"smallest_event_bytes", CONFREAD_DOUBLE, false, 0, 1000, MEMBER(smallest_event_bytes), 0,
     NULL},
    {"record_max_bytes", CONFREAD_DOUBLE, false, 1, 16640, MEMBER(record_max_bytes), 0, NULL},
    {"signature_bytes_min", CONFREAD_DOUBLE, false, 50, 16384, MEMBER(signature_bytes_min), 0,
     NULL},
    {"signature_call_bytes", CONFREAD_DOUBLE, false, 0, 16384, MEMBER(signature_call_bytes), 0,
     NULL},
    {"bytes_per_token", CONFREAD_TRIPLE, false, 0.1, 1e5, MEMBER(bytes_per_token), 0, NULL},
    {"event_bytes", CONFREAD_RANGE, false, 20, 16384, offsetof(struct estimator_draft, event_bytes),
     0, NULL},
    {"overhead_between_bytes", CONFREAD_TRIPLE, false, 0, 1e6, MEMBER(overhead_between_bytes), 0,
     NULL},
    {"unseen_tokens", CONFREAD_TRIPLE, false, 0, 1000, MEMBER(unseen_tokens), 0, NULL},
    {"call_event_bytes", CONFREAD_RANGE, false, 20, 16384,
     offsetof(struct estimator_draft, call_event_bytes), 0, NULL},
    {"call_tokens", CONFREAD_TRIPLE, false, 0, 1000, MEMBER(call_tokens), 0, NULL},
    {"calls_tokens", CONFREAD_TRIPLE, false, 0, 1000, MEMBER(calls_tokens), 0, NULL},
    {"call_begin_bytes", CONFREAD_RANGE, false, 20, 1000,
     offsetof(struct estimator_draft, call_begin_bytes), 0, NULL},
    {"repeats_text", CONFREAD_DOUBLE, false, 1, 10, MEMBER(repeats_text), 0, NULL},
    {"repeats_overhead_bytes", CONFREAD_DOUBLE, false, 0, 65000, MEMBER(repeats_overhead_bytes), 0,
     NULL},
    {"repeats_event_bytes_min", CONFREAD_DOUBLE, false, 1, 1000, MEMBER(repeats_event_bytes_min), 0,
     NULL},
    {"repeats_bytes_per_token", CONFREAD_TRIPLE, false, 0.1, 1000, MEMBER(repeats_bytes_per_token),
     0, NULL},
    {"overhead_bytes", CONFREAD_TRIPLE, false, 0, 1e6, MEMBER(overhead_bytes), 0, NULL},
    {"overhead_records", CONFREAD_TRIPLE, false, 0, 1000, MEMBER(overhead_records), 0, NULL},
    {"tokens_per_record", CONFREAD_TRIPLE, false, 0.001, 1e4, MEMBER(tokens_per_record), 0, NULL},
    {"tokens_per_second", CONFREAD_TRIPLE, false, 0.001, 1e5, MEMBER(tokens_per_second), 0, NULL},
    {"bytes_per_request", CONFREAD_TRIPLE, false, 1e3, 1e9, MEMBER(bytes_per_request), 0, NULL},
    {"output_prior_tokens", CONFREAD_TRIPLE, false, 0.1, 1e6, MEMBER(output_prior_tokens), 0, NULL},
    {"upload_bytes_min", CONFREAD_DOUBLE, false, 1e4, 1e9, MEMBER(upload_bytes_min), 0, NULL},
    {"image_bytes", CONFREAD_TRIPLE, false, 1e3, 1e9, MEMBER(image_bytes), 0, NULL},
    {"bulk_record_min", CONFREAD_DOUBLE, false, 1000, 16640, MEMBER(bulk_record_min), 0, NULL},
    {"image_s_min", CONFREAD_DOUBLE, false, 0.01, 60, MEMBER(image_s_min), 0, NULL},
    {"data_bytes_min", CONFREAD_DOUBLE, false, 1000, 1e6, MEMBER(data_bytes_min), 0, NULL},
    {"data_tokens_per_second_min", CONFREAD_DOUBLE, false, 10, 1e6,
     MEMBER(data_tokens_per_second_min), 0, NULL},
    {"segment_record_min", CONFREAD_DOUBLE, false, 100, 16384, MEMBER(segment_record_min), 0, NULL},
    {"joined_record_max", CONFREAD_DOUBLE, false, 100, 16384, MEMBER(joined_record_max), 0, NULL},
    {"bulk_share_min", CONFREAD_DOUBLE, false, 0.001, 1, MEMBER(bulk_share_min), 0, NULL},
    {"image_fetch_s", CONFREAD_DOUBLE, false, 0.1, 60, MEMBER(image_fetch_s), 0, NULL},
    {"image_fetch_share", CONFREAD_DOUBLE, false, 0.001, 1, MEMBER(image_fetch_share), 0, NULL},
    {"image_calls_max", CONFREAD_DOUBLE, false, 1, 100, MEMBER(image_calls_max), 0, NULL},
    {"file_bytes_min", CONFREAD_DOUBLE, false, 1000, 1e8, MEMBER(file_bytes_min), 0, NULL},
    {"file_reply_bytes_min", CONFREAD_DOUBLE, false, 50, 1400, MEMBER(file_reply_bytes_min), 0,
     NULL},
    {"file_pause_s", CONFREAD_DOUBLE, false, 0.001, 2, MEMBER(file_pause_s), 0, NULL},
    {"file_wait_s", CONFREAD_DOUBLE, false, 1, 3600, MEMBER(file_wait_s), 0, NULL},
    {"images_per_request", CONFREAD_TRIPLE, false, 0, 100, MEMBER(images_per_request), 0, NULL},
    {"audio_bytes_per_s", CONFREAD_TRIPLE, false, 100, 1e6, MEMBER(audio_bytes_per_s), 0, NULL},
    {"audio_record_min", CONFREAD_DOUBLE, false, 1000, 16384, MEMBER(audio_record_min), 0, NULL},
    {"audio_slots_min", CONFREAD_DOUBLE, false, 1, ESTIMATOR_MAX_SLOTS, MEMBER(audio_slots_min), 0,
     NULL},
    {"audio_bytes_per_s_max", CONFREAD_DOUBLE, false, 1000, 1e8, MEMBER(audio_bytes_per_s_max), 0,
     NULL},
    {"upload_or_text_bytes_min", CONFREAD_DOUBLE, false, 1e4, 1e9, MEMBER(upload_or_text_bytes_min),
     0, NULL},
    {"input", CONFREAD_ENUM, true, 0, 0, MEMBER(input_method), 0, input_names},
    {"input_prior_tokens", CONFREAD_TRIPLE, false, 0, 1e6, MEMBER(input_prior_tokens), 0, NULL},
    {"input_bytes_per_token", CONFREAD_TRIPLE, false, 0.1, 1e5, MEMBER(input_bytes_per_token), 0,
     NULL},
    {"input_overhead_bytes", CONFREAD_TRIPLE, false, 0, 1e6, MEMBER(input_overhead_bytes), 0, NULL},
};

#define CUT(name) offsetof(struct exchange_cut, name)

static const struct confread_key cut_keys[] = {
    {"request_pause_s", CONFREAD_DOUBLE, true, 0.001, 60, CUT(request_pause_s), 0, NULL},
    {"body_pause_s", CONFREAD_DOUBLE, true, 0.001, 60, CUT(body_pause_s), 0, NULL},
    {"allowed_pause_s", CONFREAD_DOUBLE, true, 0.001, 60, CUT(allowed_pause_s), 0, NULL},
    {"answer_wait_s", CONFREAD_DOUBLE, true, 1, 86400, CUT(answer_wait_s), 0, NULL},
    {"step_pause_s", CONFREAD_DOUBLE, true, 0.001, 1, CUT(step_pause_s), 0, NULL},
    {"step_bytes_max", CONFREAD_DOUBLE, true, 100, 65000, CUT(step_bytes_max), 0, NULL},
    {"opening_bytes_max", CONFREAD_DOUBLE, true, 0, 65000, CUT(opening_bytes_max), 0, NULL},
};

#define BIT(value) (1U << (value))

/* Which choices use a parameter. These must state it; all others must not, lest somebody tune a
 * number that does nothing. */
struct parameter_use {
    const char *name;
    unsigned choices;
};

static const struct parameter_use method_parameters[] = {
    {"overhead_new_bytes", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"overhead_reused_bytes", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"whole_records_max", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"whole_overhead_bytes", BIT(METHOD_M1) | BIT(METHOD_M2) | BIT(METHOD_EVENTS)},
    {"whole_bytes_per_token", BIT(METHOD_M1) | BIT(METHOD_M2) | BIT(METHOD_EVENTS)},
    {"record_base_bytes", BIT(METHOD_M2)},
    {"event_text_bytes", BIT(METHOD_M2)},
    {"record_max_bytes", BIT(METHOD_M2)},
    {"bytes_per_token", BIT(METHOD_M1) | BIT(METHOD_M2) | BIT(METHOD_M4)},
    {"tokens_per_record", BIT(METHOD_M3) | BIT(METHOD_EVENTS)},
    {"tokens_per_second", BIT(METHOD_M5)},
    {"exchange_sigma", ~BIT(METHOD_NONE)},
};

static const struct parameter_use input_parameters[] = {
    {"input_bytes_per_token", BIT(INPUT_BODY)},
    {"input_overhead_bytes", BIT(INPUT_BODY)},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool check_use(const config_setting_t *group, const struct parameter_use *parameters,
                      size_t count, int choice, const char *choice_name,
                      struct diagnostics *diagnostics)
{
    bool valid = true;

    for (size_t i = 0; i < count; i++) {
        const config_setting_t *setting = config_setting_get_member(group, parameters[i].name);
        bool used = (parameters[i].choices & BIT(choice)) != 0;

        if (used && !setting) {
            confread_error(group, diagnostics, "missing key \"%s\", which %s uses",
                           parameters[i].name, choice_name);
            valid = false;
        } else if (!used && setting) {
            confread_error(setting, diagnostics, "%s is not used by %s", parameters[i].name,
                           choice_name);
            valid = false;
        }
    }
    return valid;
}

/* Both are there, or none. */
static bool check_pair(const config_setting_t *group, const char *one, const char *other,
                       struct diagnostics *diagnostics)
{
    const config_setting_t *first = config_setting_get_member(group, one);
    const config_setting_t *second = config_setting_get_member(group, other);

    if ((first != NULL) == (second != NULL))
        return true;
    confread_error(first ? first : second, diagnostics, "%s and %s are used together", one, other);
    return false;
}

/* Within text, an image is told by the size of its records, which other data have, too; of web
 * applications, by when it is fetched from elsewhere. */
static bool check_images(const config_setting_t *group, const struct estimator *estimator,
                         struct diagnostics *diagnostics)
{
    const config_setting_t *image = config_setting_get_member(group, "image_bytes");
    const char *needed = estimator->reply_s > 0 ? "image_fetch_s" : "bulk_record_min";
    const config_setting_t *record = config_setting_get_member(group, needed);
    bool beside_text = image && estimator->method != METHOD_NONE;

    if (estimator->reply_s > 0 &&
        !check_pair(group, "image_fetch_s", "image_fetch_share", diagnostics))
        return false;
    if (image && estimator->method == METHOD_EVENTS) {
        confread_error(image, diagnostics, "image_bytes is not used by %s",
                       method_names[estimator->method]);
        return false;
    }
    if (record && estimator->reply_s <= 0 && estimator->data_bytes_min > 0)
        return true;
    if (beside_text == (record != NULL))
        return true;
    if (record)
        confread_error(record, diagnostics, "%s is used with image_bytes, by M1 to M5", needed);
    else
        confread_error(image, diagnostics, "missing key \"%s\", which image_bytes uses with %s",
                       needed, method_names[estimator->method]);
    return false;
}

/* Says REFUSAL of SETTING, unless IS_VALID or it is not there. */
static bool check_setting(const config_setting_t *setting, bool is_valid, const char *refusal,
                          struct diagnostics *diagnostics)
{
    if (!setting || is_valid)
        return true;
    confread_error(setting, diagnostics, "%s", refusal);
    return false;
}

/* Beside text, sound is data of a kind. */
static bool check_sound(const config_setting_t *group, const struct estimator *estimator,
                        struct diagnostics *diagnostics)
{
    if (!check_pair(group, "audio_record_min", "audio_bytes_per_s_max", diagnostics))
        return false;
    if (estimator->method == METHOD_M1 &&
        !check_pair(group, "audio_bytes_per_s", "audio_record_min", diagnostics))
        return false;
    return check_setting(config_setting_get_member(group, "audio_record_min"),
                         estimator->data_bytes_min > 0,
                         "audio_record_min is used with data_bytes_min", diagnostics) &&
           check_setting(config_setting_get_member(group, "audio_bytes_per_s_max"),
                         estimator->audio_bytes_per_s_max >= estimator->audio_bytes_per_s.high,
                         "audio_bytes_per_s_max is less than audio_bytes_per_s", diagnostics);
}

/* Data are told by what text would be, and what may be a file by its size. */
static bool check_data(const config_setting_t *group, const struct estimator *estimator,
                       struct diagnostics *diagnostics)
{
    bool valid = check_pair(group, "data_bytes_min", "data_tokens_per_second_min", diagnostics) &&
                 check_sound(group, estimator, diagnostics);

    valid &= check_setting(config_setting_get_member(group, "image_s_min"),
                           estimator->bulk_record_min > 0 && estimator->image_bytes.low > 0,
                           "image_s_min is used with image_bytes and bulk_record_min", diagnostics);
    valid &= check_setting(
        config_setting_get_member(group, "upload_or_text_bytes_min"),
        estimator->input_method == INPUT_BODY &&
            estimator->upload_bytes_min > estimator->upload_or_text_bytes_min,
        "upload_or_text_bytes_min is used by body, with a larger upload_bytes_min", diagnostics);
    return valid;
}

/* What an answer is all of, where it is no text; and what is taken for the input tokens of a
 * request that carries a file. None need be known. */
static bool check_units(const config_setting_t *group, const struct estimator *estimator,
                        struct diagnostics *diagnostics)
{
    static const char *const answers[] = {"images_per_request", "audio_bytes_per_s"};
    const config_setting_t *prior = config_setting_get_member(group, "input_prior_tokens");
    bool is_body = estimator->input_method == INPUT_BODY;
    bool needs_prior = !is_body || estimator->upload_bytes_min > 0;
    bool valid = needs_prior == (prior != NULL);

    if (needs_prior && !prior)
        confread_error(group, diagnostics, "missing key \"input_prior_tokens\", which %s uses",
                       is_body ? "upload_bytes_min" : "prior");
    else if (prior && !needs_prior)
        confread_error(prior, diagnostics,
                       "input_prior_tokens is not used by body without upload_bytes_min");
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const config_setting_t *setting = config_setting_get_member(group, answers[i]);

        if (!setting || estimator->method == METHOD_NONE ||
            (i == 1 && estimator->method == METHOD_M1))
            continue;
        confread_error(setting, diagnostics, "%s is not used by %s", answers[i],
                       method_names[estimator->method]);
        valid = false;
    }
    return check_images(group, estimator, diagnostics) &&
           check_data(group, estimator, diagnostics) && valid;
}

#define SHAPED_METHODS                                                                             \
    (BIT(METHOD_NONE) | BIT(METHOD_M1) | BIT(METHOD_M3) | BIT(METHOD_M4) | BIT(METHOD_M5))

static const struct parameter_use shapes[] = {
    {"reply_s", SHAPED_METHODS},
    {"event_gap_s", BIT(METHOD_M3)},
    {"stream_records_min", SHAPED_METHODS & ~BIT(METHOD_M5)}, /* which reads the time alone */
    {"stream_record_max", SHAPED_METHODS & ~BIT(METHOD_M5)},
    {"overhead_bytes", BIT(METHOD_M4)},
    {"overhead_records", BIT(METHOD_M3)},
    {"regimes", SHAPED_METHODS & ~BIT(METHOD_NONE)},
    {"regimes_are_all", BIT(METHOD_M5)},
    {"refusal_record_max", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"refusal_head_bytes_max", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"refusal_s_max", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"whole_tokens_per_second_max", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"step_tokens_max", BIT(METHOD_M1)},
    {"whole_record_min", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"whole_record_overhead_bytes", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"whole_pause_s", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"whole_alone_factor", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"whole_alone_more", BIT(METHOD_M1)},
    {"event_record_max", BIT(METHOD_M1)},
    {"event_bytes", BIT(METHOD_M1)},
    {"overhead_between_bytes", BIT(METHOD_M1)},
    {"unseen_tokens", BIT(METHOD_M1)},
    {"call_event_bytes", BIT(METHOD_M1)},
    {"call_tokens", BIT(METHOD_M1)},
    {"calls_tokens", BIT(METHOD_M1)},
    {"call_begin_bytes", BIT(METHOD_M1)},
    {"repeats_text", BIT(METHOD_M1)},
    {"repeats_overhead_bytes", BIT(METHOD_M1)},
    {"repeats_event_bytes_min", BIT(METHOD_M1)},
    {"repeats_bytes_per_token", BIT(METHOD_M1)},
    {"smallest_records_min", BIT(METHOD_M2)},
    {"smallest_event_bytes", BIT(METHOD_M2)},
    {"signature_bytes_min", BIT(METHOD_M2)},
    {"signature_call_bytes", BIT(METHOD_M2)},
    {"at_once_gap_s", SHAPED_METHODS | BIT(METHOD_M2)},
    {"http1_less_bytes", BIT(METHOD_M2)},
    {"quic_more_bytes", BIT(METHOD_M2)},
    {"data_bytes_min", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"data_tokens_per_second_min", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"segment_record_min", BIT(METHOD_M1)},
    {"joined_record_max", BIT(METHOD_M1)},
    {"bulk_share_min", BIT(METHOD_M1) | BIT(METHOD_M2)},
    {"audio_record_min", BIT(METHOD_M1)},
    {"audio_slots_min", BIT(METHOD_M1)},
    {"audio_bytes_per_s_max", BIT(METHOD_M1)},
};

struct together {
    const char *one;
    const char *other; /* used with that */
    bool needed;       /* and that with it */
};

static bool check_together(const config_setting_t *group, const struct together *pairs,
                           size_t count, struct diagnostics *diagnostics)
{
    bool valid = true;

    for (size_t i = 0; i < count; i++) {
        const config_setting_t *one = config_setting_get_member(group, pairs[i].one);
        const config_setting_t *other = config_setting_get_member(group, pairs[i].other);

        if (one && !other) {
            confread_error(one, diagnostics, "%s is used with %s", pairs[i].one, pairs[i].other);
            valid = false;
        } else if (other && !one && pairs[i].needed) {
            confread_error(other, diagnostics, "%s is used with %s", pairs[i].other, pairs[i].one);
            valid = false;
        }
    }
    return valid;
}

/* Answers that were sent whole are told beside others, with what surrounds their text; with M2,
 * what counts them would count images. */
static bool check_whole(const config_setting_t *group, const struct estimator *estimator,
                        struct diagnostics *diagnostics)
{
    static const struct together pairs[] = {
        {"whole_record_min", "whole_record_overhead_bytes", true},
        {"whole_record_min", "at_once_gap_s", false},
        {"whole_alone_factor", "whole_record_min", false},
        {"whole_alone_more", "whole_alone_factor", false},
        {"smallest_records_min", "smallest_event_bytes", true}, /* of M2 alone, as these: */
        {"signature_bytes_min", "signature_call_bytes", true},
    };
    const config_setting_t *least = config_setting_get_member(group, "whole_record_min");
    bool valid;

    if (estimator->method != METHOD_M1 && estimator->method != METHOD_M2)
        return true; /* none may stand there */
    valid = check_together(group, pairs,
                           estimator->method == METHOD_M2 ? COUNT_OF(pairs) : COUNT_OF(pairs) - 2,
                           diagnostics);
    if (least && estimator->method == METHOD_M2 && estimator->bulk_record_min > 0) {
        confread_error(least, diagnostics,
                       "whole_record_min is not used with bulk_record_min by M2");
        return false;
    }
    /* What a pause goes before is text beyond that size; M1 has that of its events. */
    if (estimator->method == METHOD_M2 && estimator->whole_pause_s > 0 &&
        estimator->whole_record_overhead_bytes <= 0) {
        confread_error(config_setting_get_member(group, "whole_pause_s"), diagnostics,
                       "whole_pause_s is used with whole_record_overhead_bytes by M2");
        return false;
    }
    if (estimator->method == METHOD_M1 && estimator->whole_alone_factor > 0 &&
        estimator->whole_alone_more <= 0) {
        confread_error(config_setting_get_member(group, "whole_alone_factor"), diagnostics,
                       "whole_alone_factor is used with whole_alone_more by M1");
        return false;
    }
    return valid;
}

/* Numbers of rules that are not used without others; the last ones are of M1 alone. */
static bool check_rules(const config_setting_t *group, const struct estimator *estimator,
                        struct diagnostics *diagnostics)
{
    static const struct together pairs[] = {
        {"refusal_head_bytes_max", "refusal_record_max", false},
        {"bulk_share_min", "data_bytes_min", false},
        {"bulk_share_min", "bulk_record_min", false},
        {"segment_record_min", "data_bytes_min", false},
        {"joined_record_max", "data_bytes_min", false},
        {"audio_slots_min", "audio_record_min", false},
        {"overhead_between_bytes", "event_record_max", false},
        {"unseen_tokens", "overhead_between_bytes", false},
        {"call_event_bytes", "call_tokens", false},
        {"call_tokens", "overhead_between_bytes", false},
        {"calls_tokens", "call_tokens", false},
        {"call_begin_bytes", "event_record_max", false},
        {"call_begin_bytes", "event_bytes", false},
        {"repeats_text", "overhead_between_bytes", false},
        {"repeats_text", "repeats_overhead_bytes", true},
        {"repeats_text", "repeats_event_bytes_min", true},
        {"repeats_text", "repeats_bytes_per_token", true},
    };
    size_t of_m1 = 14;

    if (estimator->method != METHOD_M1 && estimator->method != METHOD_M2)
        return true; /* none may stand there */
    return check_together(
        group, pairs, COUNT_OF(pairs) - (estimator->method == METHOD_M1 ? 0 : of_m1), diagnostics);
}

/* What may be told of some methods' answers, and need not. */
static bool check_shape(const config_setting_t *group, const struct estimator *estimator,
                        struct diagnostics *diagnostics)
{
    bool valid = true;

    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const config_setting_t *setting = config_setting_get_member(group, shapes[i].name);

        if (!setting || (shapes[i].choices & BIT(estimator->method)) != 0)
            continue;
        confread_error(setting, diagnostics, "%s is not used by %s", shapes[i].name,
                       method_names[estimator->method]);
        valid = false;
    }
    if (estimator->at_once_gap_s > 0 && estimator->answer_s_min > 0) {
        confread_error(config_setting_get_member(group, "at_once_gap_s"), diagnostics,
                       "at_once_gap_s is used where answer_s_min is 0");
        valid = false;
    }
    return valid;
}

/* They wait for their prompt, wherever they were sent. */
static bool check_files(const config_setting_t *group, struct diagnostics *diagnostics)
{
    const config_setting_t *wait = config_setting_get_member(group, "file_wait_s");
    bool are_elsewhere = config_setting_get_member(group, "file_bytes_min") != NULL;
    bool are_here = config_setting_get_member(group, "upload_bytes_min") != NULL;

    if (wait && !are_elsewhere && !are_here) {
        confread_error(wait, diagnostics,
                       "file_wait_s is used with file_bytes_min or upload_bytes_min");
        return false;
    }
    return check_pair(group, "file_bytes_min", "file_reply_bytes_min", diagnostics) &&
           check_pair(group, "file_bytes_min", "file_pause_s", diagnostics) &&
           (!are_elsewhere || check_pair(group, "file_bytes_min", "file_wait_s", diagnostics));
}

/* An end that is reported is not looked for where it shows; nor where nothing tells who asks beside
 * an answer. */
static bool check_end_reports(const config_setting_t *group, struct diagnostics *diagnostics)
{
    const config_setting_t *report = config_setting_get_member(group, "end_report_bytes_min");
    const char *refusal = NULL;

    if (!check_pair(group, "end_report_bytes_min", "end_report_quic_bytes_min", diagnostics))
        return false;
    if (report && config_setting_get_member(group, "end_record_max"))
        refusal = "end_report_bytes_min is not used with end_record_max";
    else if (report && !config_setting_get_member(group, "overlap_bytes_min"))
        refusal = "end_report_bytes_min is used with overlap_bytes_min";
    if (refusal)
        confread_error(report, diagnostics, "%s", refusal);
    return !refusal;
}

/* Who says nothing meanwhile asks nothing beside an answer, either. */
static bool check_one_at_a_time(const config_setting_t *group, struct diagnostics *diagnostics)
{
    const config_setting_t *alone = config_setting_get_member(group, "one_at_a_time");
    static const char *const beside[] = {"overlap_bytes_min", "begin_record_bytes"};
    bool valid = true;

    for (size_t i = 0; alone && config_setting_get_bool(alone) && i < COUNT_OF(beside); i++) {
        if (!config_setting_get_member(group, beside[i]))
            continue;
        confread_error(alone, diagnostics, "one_at_a_time is not used with %s", beside[i]);
        valid = false;
    }
    return valid;
}

/* reply_s makes it an estimator of web applications. */
static bool check_web(const config_setting_t *group, struct diagnostics *diagnostics)
{
    static const struct {
        const char *name;
        bool required;
    } parameters[] = {{"answer_steps_min", true},
                      {"rest_s", true},
                      {"sign_of_life_s", true},
                      {"step_bytes_max", true},
                      {"stream_records_min", false},
                      {"stream_record_max", false},
                      {"overlap_bytes_min", false},
                      {"overlap_quic_bytes_min", false},
                      {"event_gap_s", false},
                      {"packed_record_min", false},
                      {"packed_request_record_min", false},
                      {"full_datagram_pause_s", false},
                      {"end_record_max", false},
                      {"begin_record_bytes", false},
                      {"begin_s", false},
                      {"end_record_is_last", false},
                      {"replies_end", false},
                      {"one_at_a_time", false},
                      {"overlap_step_bytes_min", false},
                      {"image_fetch_s", false},
                      {"image_fetch_share", false},
                      {"image_calls_max", false},
                      {"file_bytes_min", false},
                      {"file_reply_bytes_min", false},
                      {"file_pause_s", false},
                      {"file_wait_s", false},
                      {"end_report_bytes_min", false},
                      {"end_report_quic_bytes_min", false}};
    static const char *const of_programs[] = {
        "bulk_record_min", "refusal_record_max", "refusal_s_max",  "whole_record_min",
        "whole_pause_s",   "at_once_gap_s",      "data_bytes_min", "upload_or_text_bytes_min",
        "event_record_max"};
    static const struct together pairs[] = {
        {"overlap_step_bytes_min", "overlap_bytes_min", false},
        {"image_calls_max", "image_fetch_s", false},
        {"stream_records_min", "stream_record_max", true},
        {"begin_record_bytes", "begin_s", true},
        {"end_record_is_last", "end_record_max", false},
        {"replies_end", "end_record_max", false},
        {"packed_record_min", "packed_request_record_min", true},
    };
    const config_setting_t *web = config_setting_get_member(group, "reply_s");
    bool valid = true;

    if (web) {
        valid = check_files(group, diagnostics);
        valid &= check_together(group, pairs, COUNT_OF(pairs), diagnostics);
        valid &= check_end_reports(group, diagnostics);
        valid &= check_one_at_a_time(group, diagnostics);
    }
    for (size_t i = 0; i < COUNT_OF(parameters); i++) {
        const config_setting_t *setting = config_setting_get_member(group, parameters[i].name);

        if (setting && !web) {
            confread_error(setting, diagnostics, "%s is used with reply_s", parameters[i].name);
            valid = false;
        } else if (web && !setting && parameters[i].required) {
            confread_error(group, diagnostics, "missing key \"%s\", which reply_s uses",
                           parameters[i].name);
            valid = false;
        }
    }
    for (size_t i = 0; i < COUNT_OF(of_programs); i++) {
        const config_setting_t *setting = config_setting_get_member(group, of_programs[i]);

        if (!setting || !web)
            continue;
        confread_error(setting, diagnostics, "%s is not used with reply_s", of_programs[i]);
        valid = false;
    }
    return valid;
}

struct regime_draft {
    char estimator[ESTIMATOR_NAME_SIZE];
    struct range record_bytes;
    double record_share_min;
    struct range records_per_s;
    double closing_bytes_min;
};

static const struct confread_key regime_keys[] = {
    {"estimator", CONFREAD_STRING, true, 0, 0, offsetof(struct regime_draft, estimator),
     ESTIMATOR_NAME_SIZE, NULL},
    {"record_bytes", CONFREAD_RANGE, false, 1, 16640, offsetof(struct regime_draft, record_bytes),
     0, NULL},
    {"record_share_min", CONFREAD_DOUBLE, false, 0.5, 1,
     offsetof(struct regime_draft, record_share_min), 0, NULL},
    {"records_per_s", CONFREAD_RANGE, false, 0.001, 1e6,
     offsetof(struct regime_draft, records_per_s), 0, NULL},
    {"closing_bytes_min", CONFREAD_DOUBLE, false, 1, 1e6,
     offsetof(struct regime_draft, closing_bytes_min), 0, NULL},
};

/* A regime takes the rule of an estimator that stands before: so there are no circles. */
static const char *regime_refusal(const config_setting_t *group, const struct estimator *of,
                                  const struct estimator *estimator)
{
    bool by_size = config_setting_get_member(group, "record_bytes") != NULL;

    if (!of)
        return "there is no such estimator before this one";
    if ((SHAPED_METHODS & ~BIT(METHOD_NONE) & BIT(of->method)) == 0)
        return "the estimator of a regime is of M1, M3, M4 or M5";
    if (of->regime_count > 0)
        return "the estimator of a regime has no regimes itself";
    if (by_size != (config_setting_get_member(group, "record_share_min") != NULL))
        return "record_bytes and record_share_min are used together";
    if (!by_size && !config_setting_get_member(group, "records_per_s"))
        return "a regime is told by record_bytes or records_per_s";
    if (config_setting_get_member(group, "closing_bytes_min") &&
        (!by_size || estimator->event_record_max <= 0))
        return "closing_bytes_min is used with record_bytes and the estimator's event_record_max";
    if (estimator->regimes_are_all && of->method != METHOD_M3)
        return "a regime is of M3 where regimes_are_all";
    return NULL;
}

static bool read_regime(const config_setting_t *group, const struct estimator_set *set,
                        const struct estimator *estimator, struct estimator_regime *out,
                        struct diagnostics *diagnostics)
{
    struct regime_draft draft = {.records_per_s = {0, 1e9}};
    const struct estimator *of;
    const char *refusal;

    if (!config_setting_is_group(group)) {
        confread_error(group, diagnostics, "a regime must be a group");
        return false;
    }
    if (!confread_group(group, regime_keys, COUNT_OF(regime_keys), &draft, diagnostics))
        return false;
    of = estimator_config_find(set, draft.estimator);
    refusal = regime_refusal(group, of, estimator);
    if (refusal) {
        confread_error(group, diagnostics, "regime \"%s\": %s", draft.estimator, refusal);
        return false;
    }
    *out = (struct estimator_regime){
        .record_bytes_min = draft.record_bytes.min,
        .record_bytes_max = draft.record_bytes.max,
        .record_share_min = draft.record_share_min,
        .records_per_s_min = draft.records_per_s.min,
        .records_per_s_max = draft.records_per_s.max,
        .closing_bytes_min = draft.closing_bytes_min,
        .rule = of->rule,
    };
    snprintf(out->name, sizeof(out->name), "%s", of->name);
    return true;
}

static bool read_regimes(const config_setting_t *group, const struct estimator_set *set,
                         struct estimator *estimator, struct diagnostics *diagnostics)
{
    const config_setting_t *list = config_setting_get_member(group, "regimes");
    int count = list ? config_setting_length(list) : 0;
    bool valid = true;

    if (count > ESTIMATOR_MAX_REGIMES) {
        confread_error(list, diagnostics, "more than %d regimes", ESTIMATOR_MAX_REGIMES);
        return false;
    }
    for (int i = 0; i < count; i++)
        valid &= read_regime(config_setting_get_elem(list, (unsigned)i), set, estimator,
                             &estimator->regimes[i], diagnostics);
    estimator->regime_count = (size_t)count;
    if (estimator->regimes_are_all && estimator->method == METHOD_M5 && count == 0) {
        confread_error(config_setting_get_member(group, "regimes_are_all"), diagnostics,
                       "regimes_are_all is used with regimes");
        return false;
    }
    return valid;
}

/* M6, beside any method that estimates what passes on a network: the two go together, with a prior
 * of the input. */
static bool check_bytes(const config_setting_t *group, const struct estimator *estimator,
                        struct diagnostics *diagnostics)
{
    static const char *const names[] = {"bytes_per_request", "output_prior_tokens"};
    bool is_used = (BIT(estimator->method) & SHAPED_METHODS & ~BIT(METHOD_NONE)) != 0 ||
                   estimator->method == METHOD_M2;
    const config_setting_t *settings[COUNT_OF(names)];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        settings[i] = config_setting_get_member(group, names[i]);
        if (settings[i] && !is_used) {
            confread_error(settings[i], diagnostics, "%s is not used by %s", names[i],
                           method_names[estimator->method]);
            return false;
        }
    }
    if ((settings[0] != NULL) == (settings[1] != NULL))
        return true;
    confread_error(settings[0] ? settings[0] : settings[1], diagnostics,
                   "bytes_per_request and output_prior_tokens are used together");
    return false;
}

/* A grade says how well a token estimate is founded: there is one exactly when tokens are
 * estimated. */
static bool check_grade(const config_setting_t *group, const struct estimator *estimator,
                        struct diagnostics *diagnostics)
{
    bool estimates = estimator->method != METHOD_NONE;

    if (estimates == (estimator->grade != GRADE_NONE))
        return true;
    confread_error(config_setting_get_member(group, "grade"), diagnostics,
                   estimates ? "grade must be A to E"
                             : "grade must be \"-\" for method none, which estimates no tokens");
    return false;
}

static bool read_estimator(const config_setting_t *group, const struct estimator_set *set,
                           struct estimator *out, struct diagnostics *diagnostics)
{
    struct estimator_draft draft = defaults;
    const char *name = config_setting_name(group);
    bool valid;

    if (strlen(name) >= sizeof(draft.estimator.name)) {
        confread_error(group, diagnostics, "name of estimator is longer than %d characters",
                       ESTIMATOR_NAME_SIZE - 1);
        return false;
    }
    snprintf(draft.estimator.name, sizeof(draft.estimator.name), "%s", name);
    if (!confread_group(group, estimator_keys, COUNT_OF(estimator_keys), &draft, diagnostics))
        return false;
    draft.estimator.begin_record_min = draft.begin_record_bytes.min;
    draft.estimator.begin_record_max = draft.begin_record_bytes.max;
    draft.estimator.event_bytes_min = draft.event_bytes.min;
    draft.estimator.event_bytes_max = draft.event_bytes.max;
    draft.estimator.call_event_bytes_min = draft.call_event_bytes.min;
    draft.estimator.call_event_bytes_max = draft.call_event_bytes.max;
    draft.estimator.call_begin_min = draft.call_begin_bytes.min;
    draft.estimator.call_begin_max = draft.call_begin_bytes.max;
    valid = check_use(group, method_parameters, COUNT_OF(method_parameters), draft.estimator.method,
                      method_names[draft.estimator.method], diagnostics);
    valid &=
        check_use(group, input_parameters, COUNT_OF(input_parameters), draft.estimator.input_method,
                  input_names[draft.estimator.input_method], diagnostics);
    valid &= check_units(group, &draft.estimator, diagnostics);
    valid &= check_shape(group, &draft.estimator, diagnostics);
    valid &= check_whole(group, &draft.estimator, diagnostics);
    valid &= check_rules(group, &draft.estimator, diagnostics);
    valid &= check_web(group, diagnostics);
    valid &= check_bytes(group, &draft.estimator, diagnostics);
    valid &= check_grade(group, &draft.estimator, diagnostics);
    valid &= read_regimes(group, set, &draft.estimator, diagnostics);
    if (strspn(draft.source, " \t\r\n") == strlen(draft.source)) {
        confread_error(config_setting_get_member(group, "source"), diagnostics,
                       "source must say where the numbers come from");
        valid = false;
    }
    *out = draft.estimator;
    return valid;
}

bool estimator_config_read(const config_setting_t *estimators, const config_setting_t *exchanges,
                           struct estimator_set *set, struct diagnostics *diagnostics)
{
    struct exchange_cut cut = {0};
    bool valid = confread_group(exchanges, cut_keys, COUNT_OF(cut_keys), &cut, diagnostics);

    set->count = 0;
    for (int i = 0; i < config_setting_length(estimators); i++) {
        const config_setting_t *setting = config_setting_get_elem(estimators, (unsigned)i);

        if (set->count == MAX_ESTIMATORS) {
            confread_error(setting, diagnostics, "more than %d estimators", MAX_ESTIMATORS);
            return false;
        }
        if (read_estimator(setting, set, &set->items[set->count], diagnostics))
            set->items[set->count++].cut = cut;
        else
            valid = false;
    }
    return valid;
}

const struct estimator *estimator_config_find(const struct estimator_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->items[i].name, name) == 0)
            return &set->items[i];
    return NULL;
}
