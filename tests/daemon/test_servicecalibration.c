/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/servicecalibration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/overhear.h"
#include "tests/daemon/shipped.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

/* Of services that stream in several ways, with services.conf as it is shipped. */

#define NOON INT64_C(1795780800) /* 2026-11-27 */

static struct config *shipped;

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    shipped = shipped_config(SHIPPED_FACTORS, NULL);
    return 0;
}

static int teardown(void **state)
{
    config_free(shipped);
    return scratch_teardown(state);
}

static const struct estimator *estimator_of(const struct config *config, const char *service)
{
    uint16_t number = catalogue_find(config->catalogue, service);
    const struct service_calibrated *calibrated =
        catalogue_calibrated(config->catalogue, number, TRANSPORT_TCP);

    return calibrated ? &calibrated->estimator
                      : &catalogue_service(config->catalogue, number)->estimator;
}

static const char *blamed = "calibration.conf";

/* The configuration with FILES, calibration.conf among them; NULL, with FRAGMENT of a complaint, if
 * it is refused. */
static struct config *with_calibrations(const char *files, const char *fragment)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config;
    char path[PATH_MAX];
    size_t size;
    char *text, *all;

    scratch_path(path, "iagmeter.conf");
    text = read_whole(path, &size);
    assert_true(asprintf(&all, "%s\ncalibrations = [ %s ];\n", text, files) > 0);
    scratch_write("calibrated.conf", all);
    scratch_path(path, "calibrated.conf");
    config = config_load(path, NULL, diagnostics);
    if (fragment) {
        assert_null(config);
        assert_complaint(diagnostics, blamed, 3, fragment);
    } else {
        assert_no_complaint(diagnostics);
        assert_non_null(config);
    }
    diagnostics_free(diagnostics);
    free(all);
    free(text);
    return config;
}

static struct config *with_calibration(const char *fragment)
{
    return with_calibrations("\"calibration.conf\"", fragment);
}

/* COUNT answers, of 400 tokens and more each: RECORDS per token, of BYTES, so many a second. */
static struct servicefit_sample answer_of(unsigned number, double records, double bytes,
                                          double per_s)
{
    double tokens = 400 + 100 * number;
    double count = records * tokens;

    return (struct servicefit_sample){.tokens_out = tokens,
                                      .shape = {.first_on_connection = true,
                                                .answer_records = (uint32_t)count,
                                                .answer_bytes = (uint64_t)(count * bytes),
                                                .modal_bytes = (uint32_t)bytes,
                                                .modal_lead = (uint32_t)count / 2,
                                                .answer_ns = (uint64_t)(count / per_s * 1e9)}};
}

/* Fits them, and writes calibration.conf; how the session was left is in *FIT. */
static void calibrate(const char *service, const struct servicefit_sample *samples, size_t count,
                      struct servicefit *fit)
{
    const struct estimator *estimator = estimator_of(shipped, service);
    char path[PATH_MAX];
    FILE *stream;

    *fit = servicefit_fit(estimator, samples, count, servicefit_least(estimator->method));
    servicecalibration_limit(estimator, fit);
    assert_string_equal(fit->refusal, "");
    scratch_path(path, "calibration.conf");
    stream = fopen(path, "we");
    assert_non_null(stream);
    assert_true(servicecalibration_write(service, TRANSPORT_TCP, estimator, fit, NOON, stream));
    assert_int_equal(fclose(stream), 0);
}

static void assert_same_rule(const struct token_rule *one, const struct token_rule *other)
{
    assert_memory_equal(one, other, sizeof(*one));
}

static double central(const struct estimator *estimator, const struct exchange_shape *shape)
{
    return estimator_apply(estimator, shape).tokens_out.central;
}

/* Gemini in a browser, slow: nine tokens an event. Its fast events have two, as before. */
static void the_way_that_was_seen_is_replaced(void **state)
{
    const struct exchange_shape slow = answer_of(1, 1 / 9.0, 400, 8).shape;
    const struct exchange_shape fast = answer_of(1, 1 / 2.1, 400, 20).shape;
    struct servicefit_sample samples[23];
    const struct estimator *before, *after;
    struct exchange_shape some;
    struct config *config;
    struct servicefit fit;

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        samples[i] = answer_of(i, 1 / 9.0, 400, 8);
    samples[20] = answer_of(20, 1 / 2.1, 400, 20);
    samples[21] = answer_of(0, 1 / 9.0, 400, 8); /* of 31 events: too few to tell */
    samples[21].tokens_out = 31 * 9;
    samples[21].shape.answer_records = 31;
    samples[22] = samples[21];
    calibrate("gemini-web", samples, 23, &fit);
    assert_int_equal(fit.n, 22);
    assert_int_equal(fit.other_ways, 1);
    assert_string_equal(fit.regime, "gemini-web-slow");
    config = with_calibration(NULL);
    before = estimator_of(shipped, "gemini-web");
    after = estimator_of(config, "gemini-web");
    assert_true(fabs(central(after, &slow) / 500 - 1) < 0.02);
    assert_true(central(before, &slow) > 1.1 * 500);
    assert_same_rule(&before->regimes[1].rule, &after->regimes[1].rule);
    assert_true(central(after, &fast) == central(before, &fast));
    assert_int_equal(after->regimes[0].rule.grade, GRADE_B);
    assert_int_equal(after->regimes[1].rule.grade, GRADE_C);
    assert_int_equal(after->grade, GRADE_C); /* what tells no way has a band for both */
    some = samples[21].shape;
    assert_true(fabs(central(after, &some) / samples[21].tokens_out - 1) < 0.02);
    assert_true(after->tokens_per_record.low == before->tokens_per_record.low);
    assert_true(after->tokens_per_record.high == before->tokens_per_record.high);
    config_free(config);
}

/* By three answers at least; else what tells none is fitted alone. */
static void the_way_is_that_of_most(void **state)
{
    struct servicefit_sample samples[40];
    struct servicefit fit;

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        samples[i] = answer_of(i, 1 / 2.1, 400, 20);
        samples[20 + i] = answer_of(i, 1 / 9.0, 400, 8);
    }
    calibrate("gemini-web", samples + 15, 25, &fit);
    assert_string_equal(fit.regime, "gemini-web-slow");
    calibrate("gemini-web", samples, 25, &fit);
    assert_string_equal(fit.regime, "gemini-web-fast");
    assert_int_equal(fit.n, 20);
    assert_int_equal(fit.other_ways, 5);
    for (unsigned i = 0; i < 20; i++) { /* so few that they tell none */
        samples[i].shape.answer_records = 4 + i;
        samples[i].tokens_out = 9 * (4 + i);
    }
    for (unsigned slow = 2; slow <= 3; slow++) {
        calibrate("gemini-web", samples, 20 + slow, &fit);
        assert_string_equal(fit.regime, slow == 3 ? "gemini-web-slow" : "");
        assert_int_equal(fit.n, slow == 3 ? 23 : 20);
    }
}

/* Short answers of another way do not become those of the one that a few long ones tell: of what
 * has SHORT_TOKENS a record, and LONG_TOKENS. */
static void check_unlike(double short_tokens, double long_tokens, double long_per_s,
                         const char *long_way)
{
    const struct estimator *estimator = estimator_of(shipped, "gemini-web");
    struct servicefit_sample samples[22];

    for (unsigned i = 0; i < 22; i++) {
        samples[i] = answer_of(i, 1 / short_tokens, 400, 20);
        samples[i].shape.answer_records = 10 + i;
        samples[i].tokens_out = short_tokens * (10 + i);
    }
    for (unsigned told = 1; told < 22; told++) {
        bool is_most = told >= 22 - told;
        struct servicefit fit;

        samples[told - 1] = answer_of(told, 1 / long_tokens, 400, long_per_s);
        fit = servicefit_fit(estimator, samples, 22, 3);
        assert_string_equal(fit.regime, is_most ? long_way : "");
        assert_int_equal(fit.n, is_most ? told : 22 - told);
        assert_int_equal(fit.other_ways, 22 - fit.n);
        if (fit.n >= 3)
            assert_true(fabs(fit.slope.central * (is_most ? long_tokens : short_tokens) - 1) <
                        0.02);
    }
}

static void what_is_unlike_a_way_is_none_of_it(void **state)
{
    (void)state;
    check_unlike(2.1, 9, 8, "gemini-web-slow");
    check_unlike(9, 2.1, 20, "gemini-web-fast");
}

/* Chat completions: Responses stay, and so does what tells answers that were sent whole. */
static void other_interfaces_are_told_as_before(void **state)
{
    const struct exchange_shape responses = answer_of(1, 1, 285, 50).shape;
    struct servicefit_sample samples[10];
    const struct estimator *before, *after;
    struct config *config;
    struct servicefit fit;

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        samples[i] = answer_of(i, 1, 330, 50);
        samples[i].shape.answer_bytes += 1500;
    }
    calibrate("openai-api", samples, 10, &fit);
    config = with_calibration(NULL);
    before = estimator_of(shipped, "openai-api");
    after = estimator_of(config, "openai-api");
    for (size_t i = 0; i < 4; i++) {
        bool is_chat = i < 2;

        assert_string_equal(after->regimes[i].name, is_chat ? "openai-chat" : "openai-responses");
        assert_true(after->regimes[i].rule.whole_record_min ==
                    before->regimes[i].rule.whole_record_min);
        assert_true(fabs(after->regimes[i].rule.bytes_per_token.central - (is_chat ? 330 : 285)) <
                    0.01);
        if (!is_chat)
            assert_same_rule(&before->regimes[i].rule, &after->regimes[i].rule);
    }
    assert_true(central(after, &responses) == central(before, &responses));
    assert_true(fabs(central(after, &samples[3].shape) - 700) < 1);
    assert_true(fabs(after->bytes_per_token.central - 330) < 0.01);
    assert_true(after->bytes_per_token.low == 125 && after->bytes_per_token.high == 435);
    assert_true(fabs(after->overhead_new_bytes.central - 1500) < 1);
    assert_true(after->overhead_new_bytes.low == 1000 && after->overhead_new_bytes.high == 8000);
    config_free(config);
}

/* ChatGPT's way has another method than what tells none, which then stays as it is. */
static void a_way_may_have_a_method_of_its_own(void **state)
{
    const struct exchange_shape batched = answer_of(1, 0.1, 280, 4).shape;
    struct servicefit_sample samples[40];
    const struct estimator *before, *after;
    struct config *config;
    struct servicefit fit;

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        samples[i] = answer_of(i, 0.8, 270, 40);
    for (unsigned i = 20; i < 40; i++) { /* as many that tell none, by seconds */
        samples[i] = answer_of(i - 20, 0.013, 270, 1);
        samples[i].shape.answer_ns = (uint64_t)(samples[i].tokens_out / 60 * 1e9);
    }
    calibrate("chatgpt-web", samples, 40, &fit);
    assert_string_equal(fit.regime, "chatgpt-web-single");
    assert_int_equal(fit.method, METHOD_M3);
    assert_int_equal(fit.n, 20);
    config = with_calibration(NULL);
    before = estimator_of(shipped, "chatgpt-web");
    after = estimator_of(config, "chatgpt-web");
    assert_true(fabs(central(after, &samples[3].shape) / samples[3].tokens_out - 1) < 0.02);
    assert_same_rule(&before->rule, &after->rule);
    assert_true(central(after, &batched) == central(before, &batched));
    config_free(config);

    calibrate("chatgpt-web", samples + 1, 39, &fit); /* more that tell none */
    assert_string_equal(fit.regime, "");
    assert_int_equal(fit.method, METHOD_M5);
    assert_int_equal(fit.n, 20);
    config = with_calibration(NULL);
    after = estimator_of(config, "chatgpt-web");
    assert_int_equal(after->regime_count, before->regime_count);
    for (size_t i = 0; i < before->regime_count; i++)
        assert_same_rule(&before->regimes[i].rule, &after->regimes[i].rule);
    assert_true(fabs(after->tokens_per_second.central - 60) < 0.1);
    assert_true(after->tokens_per_second.high < before->tokens_per_second.high);
    assert_true(fabs(central(after, &samples[21].shape) / samples[21].tokens_out - 1) < 0.02);
    config_free(config);

    for (unsigned i = 20; i < 40; i++) /* of as many records a token, but of no pace that tells */
        samples[i] = answer_of(i - 20, 0.8, 270, 15);
    calibrate("chatgpt-web", samples, 40, &fit);
    assert_string_equal(fit.regime, "chatgpt-web-single");
    assert_int_equal(fit.n, 20);
}

static void status_says_which_way(void **state)
{
    struct servicefit_sample samples[10];
    struct config *config;
    struct servicefit fit;
    json_t *object;

    (void)state;
    for (unsigned i = 0; i < 10; i++)
        samples[i] = answer_of(i, 1, 330, 50);
    calibrate("openai-api", samples, 10, &fit);
    config = with_calibration(NULL);
    overhear_start();
    servicecalibration_print(config->calibrations, NOON, stderr);
    assert_non_null(strstr(overhear_stop(), "tcp, as openai-chat, of 2026-11-27 (0 days ago)"));
    assert_string_equal(config->calibrations->items[0].source,
                        "calibration of 2026-11-27, openai-chat, n = 10");
    object = servicecalibration_json(&config->calibrations->items[0]);
    assert_string_equal(json_string_value(json_object_get(object, "regime")), "openai-chat");
    json_decref(object);
    config_free(config);
}

#define CALIBRATION(version, day, service, method, more)                                           \
    "# a file\n\ncalibration = { version = " version "; kind = \"service\"; date = "               \
    "\"" day "\"; service = \"" service "\"; transport = \"tcp\"; method = \"" method              \
    "\"; grade = \"B\"; source = \"s\"; n = 20; median_error = 0.1; bias = 0.0; sigma = 0.2; "     \
    "tokens_least = 50.0; tokens_most = 900.0; record_bytes = 400.0; records_per_s = 8.0; " more   \
    " };\n"
#define FILE_OF(version, more)                                                                     \
    CALIBRATION(version, "2026-11-01", "gemini-web", "M3",                                         \
                "tokens_per_record = [ 8, 9, 10 ]; " more)

/* What was written before ways of streaming were told: one rule for all answers, as it was. */
static void an_older_file_is_of_all_answers(void **state)
{
    const struct estimator *after;
    struct config *config;
    json_t *object;

    (void)state;
    scratch_write("calibration.conf", FILE_OF("1", ""));
    config = with_calibration(NULL);
    after = estimator_of(config, "gemini-web");
    assert_int_equal(after->regime_count, 0);
    assert_true(after->tokens_per_record.low == 8 && after->tokens_per_record.central == 9);
    assert_true(after->overhead_records.high == 0);
    assert_int_equal(after->grade, GRADE_B);
    object = servicecalibration_json(&config->calibrations->items[0]);
    assert_true(json_is_null(json_object_get(object, "regime")));
    json_decref(object);
    config_free(config);
}

/* Of what tells no way, the band holds both, but how single answers scatter is as shipped. */
static void the_band_holds_what_was_fitted(void **state)
{
    const struct estimator *before, *after;
    struct config *config;

    (void)state;
    scratch_write(
        "calibration.conf",
        CALIBRATION("2", "2026-11-01", "gemini-web", "M3",
                    "tokens_per_record = [ 0.5, 30.0, 40.0 ]; regime = \"gemini-web-slow\";"));
    config = with_calibration(NULL);
    before = estimator_of(shipped, "gemini-web");
    after = estimator_of(config, "gemini-web");
    assert_true(after->tokens_per_record.low == 0.5 && after->tokens_per_record.central == 30);
    assert_true(after->tokens_per_record.high == 40);
    assert_true(after->exchange_sigma == before->exchange_sigma);
    assert_true(after->regimes[0].rule.exchange_sigma == 0.2);
    config_free(config);
}

#define OF_M1(day, service, more)                                                                  \
    CALIBRATION("2", day, service, "M1",                                                           \
                "bytes_per_token = [ 200, 300, 400 ]; overhead_new_bytes = [ 0, 0, 0 ]; "          \
                "overhead_reused_bytes = [ 0, 0, 0 ]; " more)

/* Of all that an answer holds: nothing is left out before. */
static void what_was_fitted_is_of_whole_answers(void **state)
{
    const struct estimator *after;
    const struct token_rule *before;
    const struct token_rule *rule;
    struct config *config;

    (void)state;
    assert_true(estimator_of(shipped, "claude-web")->overhead_bytes.central > 0);
    scratch_write("calibration.conf", CALIBRATION("2", "2026-11-01", "claude-web", "M4",
                                                  "bytes_per_token = [ 10, 20, 30 ];"));
    config = with_calibration(NULL);
    after = estimator_of(config, "claude-web");
    assert_true(after->bytes_per_token.central == 20 && after->overhead_bytes.high == 0);
    assert_true(after->exchange_sigma == 0.2);
    config_free(config);
    before = &estimator_of(shipped, "openai-api")->regimes[2].rule;
    assert_true(before->overhead_between_bytes.high > 0 && before->unseen_tokens.high > 0);
    scratch_write("calibration.conf",
                  OF_M1("2026-11-01", "openai-api", "regime = \"openai-responses\";"));
    config = with_calibration(NULL);
    rule = &estimator_of(config, "openai-api")->regimes[2].rule;
    assert_true(rule->bytes_per_token.central != before->bytes_per_token.central);
    assert_true(rule->overhead_between_bytes.high == 0 && rule->unseen_tokens.high == 0);
    config_free(config);
    before = &estimator_of(shipped, "openai-api")->regimes[0].rule;
    assert_true(before->event_bytes_max > 0 && before->calls_tokens.high > 0);
    scratch_write("calibration.conf",
                  OF_M1("2026-11-01", "openai-api", "regime = \"openai-chat\";"));
    config = with_calibration(NULL);
    after = estimator_of(config, "openai-api");
    assert_true(after->regimes[0].rule.event_bytes_max == 0 && after->event_bytes_max == 0);
    assert_true(after->regimes[0].rule.calls_tokens.high == 0 && after->calls_tokens.high == 0);
    config_free(config);
}

/* A file that iagmeterd would refuse is not written. */
static void what_no_file_may_state_is_refused(void **state)
{
    const struct estimator *estimator = estimator_of(shipped, "mistral-api");
    struct servicefit_sample samples[12];
    struct servicefit fit;

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        samples[i] = answer_of(i, 1, 300, 50);
        samples[i].shape.request_bytes = 500 + 4 * i * i;
        samples[i].tokens_in = 10 + i * i;
    }
    fit = servicefit_fit(estimator, samples, 12, 3);
    servicecalibration_limit(estimator, &fit);
    assert_string_equal(fit.refusal, "");
    assert_string_equal(fit.input.refusal, "");
    fit.input.bytes_per_token.low = 0.09;
    servicecalibration_limit(estimator, &fit);
    assert_string_equal(fit.refusal, "");
    assert_non_null(strstr(fit.input.refusal, "input_bytes_per_token would be 0.09 to "));
    fit.overhead_more.high = 1.1e6;
    servicecalibration_limit(estimator, &fit);
    assert_non_null(strstr(fit.refusal, "overhead_reused_bytes would be "));
}

/* A request tells no way: all are fitted. What drift is compared with is of the way alone. */
static void requests_are_fitted_of_all_ways(void **state)
{
    struct servicefit_sample samples[16];
    struct servicefit fit;

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        samples[i] = answer_of(i, 1, i < 10 ? 330 : 285, i < 10 ? 50 : 70);
        samples[i].tokens_in = 100 + 10 * i;
        samples[i].shape.request_bytes = 600 + 5 * (100 + 10 * i);
    }
    calibrate("openai-api", samples, 16, &fit);
    assert_int_equal(fit.n, 10);
    assert_int_equal(fit.input.n, 16);
    assert_true(fit.record_bytes == 330 && fabs(fit.records_per_s - 50) < 0.1);
}

#define IN_WAY(day, way, tokens)                                                                   \
    CALIBRATION("2", day, "gemini-web", "M3",                                                      \
                "tokens_per_record = [ 1, " tokens ", 20 ]; regime = \"gemini-web-" way "\";")

/* The newest of each, in whatever order they are listed. */
static void check_together(const char *files, double base)
{
    struct config *config = with_calibrations(files, NULL);
    const struct service_calibrated *calibrated = catalogue_calibrated(
        config->catalogue, catalogue_find(config->catalogue, "gemini-web"), TRANSPORT_TCP);
    const struct estimator *after = &calibrated->estimator;

    assert_string_equal(after->regimes[0].name, "gemini-web-slow");
    assert_true(after->regimes[0].rule.tokens_per_record.central == 9);
    assert_true(after->regimes[1].rule.tokens_per_record.central == 2);
    assert_true(after->tokens_per_record.central == base);
    assert_true(calibrated->ways[0].record_bytes == 400 && calibrated->ways[0].records_per_s == 8);
    assert_true(calibrated->ways[1].record_bytes == 400);
    assert_int_equal(calibrated->ways[ESTIMATOR_NO_WAY].record_bytes > 0, base == 4);
    for (size_t i = 0; i < config->calibrations->count; i++)
        assert_int_equal(config->calibrations->items[i].in_force,
                         strcmp(config->calibrations->items[i].date, "2026-10-01") != 0);
    config_free(config);
}

static void ways_are_in_force_together(void **state)
{
    (void)state;
    scratch_write("calibration.conf", IN_WAY("2026-11-01", "slow", "9"));
    scratch_write("fast.conf", IN_WAY("2026-11-02", "fast", "2"));
    scratch_write("older.conf", IN_WAY("2026-10-01", "slow", "5"));
    scratch_write("none.conf", CALIBRATION("2", "2026-10-15", "gemini-web", "M3",
                                           "tokens_per_record = [ 3, 4, 5 ];"));
    check_together("\"calibration.conf\", \"fast.conf\", \"older.conf\"", 2);
    check_together("\"older.conf\", \"fast.conf\", \"calibration.conf\"", 2);
    check_together("\"none.conf\", \"fast.conf\", \"calibration.conf\"", 4);
    check_together("\"fast.conf\", \"calibration.conf\", \"none.conf\"", 4);
    scratch_write("calibration.conf", IN_WAY("2026-11-02", "fast", "9"));
    with_calibrations("\"fast.conf\", \"calibration.conf\"", "a second calibration of 2026-11-02");
    scratch_write("calibration.conf", FILE_OF("1", ""));
    scratch_write("fast.conf", IN_WAY("2026-10-31", "fast", "2"));
    config_free(with_calibrations("\"fast.conf\", \"calibration.conf\"", NULL));
}

/* What answers that tell no way are is said by the newest; of one day, by the last in the list. */
static void of_one_day_the_last_counts(void **state)
{
    (void)state;
    scratch_write("calibration.conf", IN_WAY("2026-11-02", "slow", "9"));
    scratch_write("fast.conf", IN_WAY("2026-11-02", "fast", "2"));
    check_together("\"calibration.conf\", \"fast.conf\"", 2);
    check_together("\"fast.conf\", \"calibration.conf\"", 9);
}

/* A file of all answers that is itself outdated takes the place of none. */
static void what_is_not_in_force_replaces_nothing(void **state)
{
    struct config *config;

    (void)state;
    scratch_write("older.conf", IN_WAY("2026-10-31", "slow", "9"));
    scratch_write("calibration.conf", FILE_OF("1", ""));
    scratch_write("fast.conf", IN_WAY("2026-11-02", "fast", "2"));
    config = with_calibrations("\"older.conf\", \"calibration.conf\", \"fast.conf\"", NULL);
    assert_true(config->calibrations->items[0].in_force);
    assert_false(config->calibrations->items[1].in_force);
    assert_true(config->calibrations->items[2].in_force);
    assert_true(estimator_of(config, "gemini-web")->regimes[0].rule.tokens_per_record.central == 9);
    config_free(config);
}

#define INPUT(tokens)                                                                              \
    "input_bytes_per_token = [ 1, " tokens ", 9 ]; input_overhead_bytes = [ 0, 0, 0 ]; "           \
    "input_n = 20; input_median_error = 0.1; input_bias = 0.0; "
#define WITH_INPUT(day, way, tokens) OF_M1(day, "openai-api", INPUT(tokens) way)

/* The name of a way may stand twice: its answers are of one way all the same. */
static void check_input(const char *first, const char *second)
{
    struct exchange_shape shape = answer_of(1, 1, 330, 50).shape;
    const struct service_calibrated *calibrated;
    struct config *config;

    scratch_write("calibration.conf", first);
    scratch_write("other.conf", second);
    config = with_calibrations("\"calibration.conf\", \"other.conf\"", NULL);
    calibrated = catalogue_calibrated(
        config->catalogue, catalogue_find(config->catalogue, "openai-api"), TRANSPORT_TCP);
    assert_true(calibrated->estimator.input_bytes_per_token.central == 5);
    assert_int_equal(estimator_way_of(&calibrated->estimator, &shape), 0);
    shape.modal_lead = 0;
    assert_int_equal(estimator_way_of(&calibrated->estimator, &shape), ESTIMATOR_NO_WAY);
    config_free(config);
}

static void of_input_the_newest_counts(void **state)
{
    (void)state;
    check_input(WITH_INPUT("2026-11-01", "", "4"),
                WITH_INPUT("2026-11-02", "regime = \"openai-chat\";", "5"));
    check_input(WITH_INPUT("2026-11-02", "", "5"),
                WITH_INPUT("2026-11-01", "regime = \"openai-chat\";", "4"));
}

/* Nor does one of another service. */
static void what_says_nothing_of_input_changes_none(void **state)
{
    (void)state;
    check_input(WITH_INPUT("2026-11-01", "", "5"),
                OF_M1("2026-11-02", "openai-api", "regime = \"openai-chat\";"));
    check_input(OF_M1("2026-11-02", "openai-api", ""),
                WITH_INPUT("2026-11-01", "regime = \"openai-chat\";", "5"));
    check_input(WITH_INPUT("2026-11-01", "", "5"), OF_M1("2026-11-02", "mistral-api", INPUT("4")));
}

static void a_way_that_is_not_known_is_refused(void **state)
{
    (void)state;
    scratch_write("calibration.conf", FILE_OF("2", "regime = \"gemini-web-slow\";"));
    config_free(with_calibration(NULL));
    scratch_write("calibration.conf", FILE_OF("2", "regime = \"gemini-web-new\";"));
    with_calibration("which has no regime \"gemini-web-new\": calibrate it anew");
    scratch_write("newer.conf", CALIBRATION("1", "2026-11-02", "gemini-web", "M3",
                                            "tokens_per_record = [ 8, 9, 10 ];"));
    config_free(with_calibrations("\"calibration.conf\", \"newer.conf\"", NULL)); /* not in use */
    scratch_write("calibration.conf", FILE_OF("1", "regime = \"gemini-web-slow\";"));
    with_calibration("version 1 of a calibration has no regime");
    scratch_write("calibration.conf", FILE_OF("3", ""));
    with_calibration("version 3 of a calibration is not known, only 1 and 2");
}

static void what_a_file_includes_is_blamed_itself(void **state)
{
    (void)state;
    scratch_write("included.conf", FILE_OF("2", "regime = \"gemini-web-new\";"));
    scratch_write("calibration.conf", "@include \"included.conf\"\n");
    blamed = "included.conf";
    with_calibration("which has no regime \"gemini-web-new\": calibrate it anew");
    blamed = "calibration.conf";
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_way_that_was_seen_is_replaced),
        TEST(the_way_is_that_of_most),
        TEST(what_is_unlike_a_way_is_none_of_it),
        TEST(other_interfaces_are_told_as_before),
        TEST(a_way_may_have_a_method_of_its_own),
        TEST(status_says_which_way),
        TEST(the_band_holds_what_was_fitted),
        TEST(what_was_fitted_is_of_whole_answers),
        TEST(what_no_file_may_state_is_refused),
        TEST(requests_are_fitted_of_all_ways),
        TEST(an_older_file_is_of_all_answers),
        TEST(ways_are_in_force_together),
        TEST(of_one_day_the_last_counts),
        TEST(of_input_the_newest_counts),
        TEST(a_way_that_is_not_known_is_refused),
        TEST(what_is_not_in_force_replaces_nothing),
        TEST(what_a_file_includes_is_blamed_itself),
        TEST(what_says_nothing_of_input_changes_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
