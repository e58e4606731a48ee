/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/servicefit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct estimator m1 = {.method = METHOD_M1,
                                    .overhead_new_bytes = {1000, 1700, 8000},
                                    .overhead_reused_bytes = {600, 1000, 7500},
                                    .bytes_per_token = {125, 324, 435},
                                    .whole_records_max = 6};
static const struct estimator m4 = {.method = METHOD_M4, .bytes_per_token = {11, 15, 22}};

/* NOISE: relative, alternating. */
static struct servicefit_sample sample(double tokens, double slope, double overhead, double noise)
{
    return (struct servicefit_sample){
        .tokens_out = tokens,
        .shape = {.answer_bytes = (uint64_t)((overhead + slope * tokens) * (1 + noise)),
                  .answer_records = (uint32_t)tokens + 10,
                  .answer_ns = (uint64_t)(tokens * 2e7),
                  .first_on_connection = true}};
}

static void a_line_is_found_despite_one_wrong_count(void **state)
{
    struct servicefit_sample samples[12];
    struct servicefit fit;
    struct estimator fitted;

    (void)state;
    for (unsigned i = 0; i < 12; i++)
        samples[i] = sample(50 + 60 * i, 300, 2000, 0);
    samples[4].tokens_out *= 2;
    fit = servicefit_fit(&m1, samples, 12, servicefit_least(METHOD_M1));
    assert_string_equal(fit.refusal, "");
    assert_true(fabs(fit.slope.central - 300) < 3);
    assert_true(fabs(fit.overhead_new.central - 2000) < 400);
    /* Later exchanges, of which none was seen, keep the stated distance of 700. */
    assert_true(fabs(fit.overhead_new.central - fit.overhead_more.central - 700) < 1);
    assert_true(fit.slope.low < 300 && fit.slope.high > 300);
    fitted = servicefit_apply(&m1, &fit);
    assert_true(fitted.bytes_per_token.central == fit.slope.central);
    assert_true(fitted.overhead_reused_bytes.central == fit.overhead_more.central);
}

/* -- Every method: what is measured is 100 + 12 for each token, or 12 without an overhead ---------
 */

static const struct estimator methods[] = {
    {.method = METHOD_M1, .whole_records_max = 6},
    {.method = METHOD_M2, .whole_records_max = 2},
    {.method = METHOD_M3},
    {.method = METHOD_M4},
    {.method = METHOD_M5},
};
#define METHODS (sizeof(methods) / sizeof(methods[0]))

static bool has_overhead(const struct estimator *estimator)
{
    return estimator->method == METHOD_M1 || estimator->method == METHOD_M2;
}

/* An answer of which METHOD measures so much. Records are whole: their number is large enough. */
static struct servicefit_sample measured(int method, double tokens, double value)
{
    struct servicefit_sample own = {
        .tokens_out = tokens,
        .shape = {.answer_records = 50, .answer_bytes = 1, .first_on_connection = true}};

    if (method == METHOD_M2)
        own.shape.excess_bytes = (struct triple){value / 2, value, 2 * value};
    else if (method == METHOD_M3)
        own.shape.answer_records = (uint32_t)lround(value);
    else if (method == METHOD_M5)
        own.shape.answer_ns = (uint64_t)llround(value * 1e9);
    else
        own.shape.answer_bytes = (uint64_t)llround(value);
    return own;
}

/* As a noise, the same in each run: Lehmer, CACM 12, 1969; Box and Muller. */
static double uniform(uint64_t *seed)
{
    *seed = *seed * 48271 % 2147483647;
    return (double)*seed / 2147483647;
}

static double normal(uint64_t *seed)
{
    double radius = sqrt(-2 * log(uniform(seed)));

    return radius * cos(2 * M_PI * uniform(seed));
}

/* COUNT answers of 50 tokens and more, with so much noise in logarithms. */
static void draw(const struct estimator *estimator, double sigma, uint64_t *seed,
                 struct servicefit_sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double tokens = 50 + floor(1000 * uniform(seed));
        double exact = (has_overhead(estimator) ? 100 : 0) + 12 * tokens;

        samples[i] = measured(estimator->method, tokens, exact * exp(sigma * normal(seed)));
    }
}

static void every_method_finds_what_is_true(void **state)
{
    (void)state;
    for (size_t i = 0; i < METHODS; i++) {
        struct servicefit_sample samples[20];
        struct servicefit fit;
        struct estimator fitted;
        struct triple tokens;
        uint64_t seed = 1;

        draw(&methods[i], 0, &seed, samples, 20);
        fit = servicefit_fit(&methods[i], samples, 20, servicefit_least(methods[i].method));
        assert_string_equal(fit.refusal, "");
        assert_true(fabs(fit.slope.central - 12) < 1e-6 && fit.slope.high < 12.000001);
        assert_true(!has_overhead(&methods[i]) || fabs(fit.overhead_new.central - 100) < 1e-3);
        assert_true(fit.sigma < 1e-6 && fit.median_error < 1e-6 && fabs(fit.bias) < 1e-6);
        assert_true(fit.correlation > 0.99);
        fitted = servicefit_apply(&methods[i], &fit);
        tokens = estimator_apply(&fitted, &samples[3].shape).tokens_out;
        assert_true(fabs(tokens.central - samples[3].tokens_out) < 1e-3);
    }
}

/* The scatter is told, and the band of the fit holds the truth but is narrower than the scatter. */
static void scatter_and_error_of_the_fit_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < METHODS; i++) {
        struct servicefit_sample samples[100];
        struct servicefit few, many;
        uint64_t seed = 17;

        draw(&methods[i], 0.2, &seed, samples, 100);
        few = servicefit_fit(&methods[i], samples, 20, 20);
        many = servicefit_fit(&methods[i], samples, 100, 20);
        assert_string_equal(few.refusal, "");
        assert_true(few.slope.low < 12 && few.slope.high > 12);
        assert_true(many.slope.low < 12 && many.slope.high > 12);
        assert_true(many.sigma > 0.15 && many.sigma < 0.25);
        assert_true(log(many.slope.high / many.slope.central) < many.sigma / 2);
        /* Five times as many: about the root of it. */
        assert_true(log(many.slope.high / many.slope.low) <
                    log(few.slope.high / few.slope.low) / 1.5);
        assert_true(few.median_error > 0.05 && few.median_error < 0.4 && fabs(few.bias) < 0.1);
    }
}

/* Counts of another answer, three times too many: medians hardly move; ratios do, and say so. */
static void one_wrong_count_does_not_hide(void **state)
{
    (void)state;
    for (size_t i = 0; i < METHODS; i++) {
        struct servicefit_sample samples[20];
        struct servicefit fit;
        uint64_t seed = 3;

        draw(&methods[i], 0.02, &seed, samples, 20);
        samples[5].tokens_out *= 3;
        fit = servicefit_fit(&methods[i], samples, 20, 20);
        assert_string_equal(fit.refusal, "");
        if (has_overhead(&methods[i]))
            assert_true(fabs(fit.slope.central - 12) < 0.3);
        assert_true(fit.slope.low < 12 && fit.slope.high > 12);
        assert_true(fit.sigma > 0.1); /* one in twenty is off by a factor of three */
    }
}

/* Whose file nobody could use: it would be out of range. */
static void what_scatters_beyond_use_is_refused(void **state)
{
    struct servicefit_sample samples[20];
    uint64_t seed = 19;

    (void)state;
    draw(&methods[3], 0.3, &seed, samples, 20);
    assert_string_equal(servicefit_fit(&methods[3], samples, 20, 20).refusal, "");
    for (unsigned i = 0; i < 20; i++) /* in order, but far from proportion */
        samples[i] = measured(METHOD_M4, 100 + 50 * i, 10 * exp(0.7 * i));
    assert_non_null(
        strstr(servicefit_fit(&methods[3], samples, 20, 20).refusal, "scatter too much"));
}

static void every_method_refuses_what_says_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < METHODS; i++) {
        const struct estimator *estimator = &methods[i];
        size_t least = servicefit_least(estimator->method);
        struct servicefit_sample samples[20];
        uint64_t seed = 5;

        draw(estimator, 0, &seed, samples, 20);
        assert_int_equal(least, estimator->method == METHOD_M1 ? 10 : 20);
        assert_non_null(strstr(servicefit_fit(estimator, samples, least - 1, least).refusal,
                               "too few prompts"));
        for (unsigned j = 0; j < 20; j++) /* the same size on the wire, whatever the answer */
            samples[j] = measured(estimator->method, 100 + 50 * j, 5000);
        assert_non_null(
            strstr(servicefit_fit(estimator, samples, 20, least).refusal, "hardly follows"));
        for (unsigned j = 0; j < 20; j++) /* the longer, the smaller */
            samples[j] = measured(estimator->method, 100 + 50 * j, 20000 - 900 * j);
        assert_non_null(
            strstr(servicefit_fit(estimator, samples, 20, least).refusal, "hardly follows"));
        for (unsigned j = 0; j < 20; j++)
            samples[j] = measured(estimator->method, 100 + 2 * j, 5000 + 10 * j);
        assert_non_null(
            strstr(servicefit_fit(estimator, samples, 20, least).refusal, "about the same size"));
    }
}

/* -- Bands ------------------------------------------------------------------------------------ */

#define NINE_OF_TEN 1.645 /* standard deviations of a normal variable, to either side */

/* As reports do: what is systematic and what is random add up as squares of logarithms. */
static bool holds(struct triple sum, double variance, double truth)
{
    double random = NINE_OF_TEN * sqrt(variance) / sum.central;
    double off = log(truth / sum.central);

    return off < 0 ? -off <= hypot(log(sum.central / sum.low), random)
                   : off <= hypot(log(sum.high / sum.central), random);
}

struct outcome {
    unsigned inside;    /* of single answers */
    bool sum_inside;    /* all of them together */
    double single_half; /* mean logarithmic half width */
    double sum_half;
};

static struct outcome judge(const struct estimator *estimator, const struct servicefit *fit,
                            const struct servicefit_sample *samples, size_t count)
{
    struct estimator fitted = servicefit_apply(estimator, fit);
    struct outcome outcome = {0, false, 0, 0};
    struct triple sum = {0, 0, 0};
    double variance = 0, truth = 0;

    fitted.exchange_sigma = fit->sigma; /* as of a calibration in force */
    for (size_t i = 0; i < count; i++) {
        struct exchange_estimate own = estimator_apply(&fitted, &samples[i].shape);

        outcome.inside += holds(own.tokens_out, own.tokens_out_variance, samples[i].tokens_out);
        outcome.single_half +=
            hypot(log(own.tokens_out.high / own.tokens_out.central), NINE_OF_TEN * fit->sigma) /
            (double)count;
        sum = triple_add(sum, own.tokens_out);
        variance += own.tokens_out_variance;
        truth += samples[i].tokens_out;
    }
    outcome.sum_inside = holds(sum, variance, truth);
    outcome.sum_half =
        hypot(log(sum.high / sum.central), NINE_OF_TEN * sqrt(variance) / sum.central);
    return outcome;
}

/* Many sessions of as few prompts as the method takes, each with other answers after it. */
static void bands_hold_nine_of_ten(void **state)
{
    enum { SESSIONS = 200, LATER = 40 };
    static const struct {
        size_t method;
        double sigma;
    } cases[] = {{0, 0.01}, {1, 0.15}, {2, 0.15}, {3, 0.4}, {4, 0.3}};

    (void)state;
    for (size_t i = 0; i < METHODS; i++) {
        const struct estimator *estimator = &methods[cases[i].method];
        size_t least = servicefit_least(estimator->method);
        struct servicefit_sample samples[20 + LATER];
        double inside = 0, sums = 0, narrowing = 0;
        uint64_t seed = 11;

        for (unsigned j = 0; j < SESSIONS; j++) {
            struct servicefit fit;
            struct outcome outcome;

            draw(estimator, cases[i].sigma, &seed, samples, least + LATER);
            fit = servicefit_fit(estimator, samples, least, least);
            outcome = judge(estimator, &fit, samples + least, LATER);
            inside += (double)outcome.inside / (SESSIONS * LATER);
            sums += outcome.sum_inside / (double)SESSIONS;
            narrowing += outcome.sum_half / outcome.single_half / SESSIONS;
        }
        print_message("M%zu: %.0f %% of answers and %.0f %% of sums are inside; a sum's band is "
                      "%.2f of an answer's\n",
                      cases[i].method + 1, 100 * inside, 100 * sums, narrowing);
        /* With an overhead, the ends of two bands are taken together: on the safe side. */
        assert_true(inside > 0.87 && (has_overhead(estimator) || inside < 0.95));
        assert_true(sums > 0.85);
        assert_true(narrowing < (has_overhead(estimator) ? 0.95 : 0.6));
    }
}

/* An overhead that is small beside the scatter: what is fitted is 0 often, but its band says how
 * little that is worth. */
static void bands_hold_small_overheads(void **state)
{
    enum { SESSIONS = 400, TRUE_OVERHEAD = 100 };
    static const double sigmas[] = {0.1, 0.15, 0.2};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        const struct estimator *estimator = &methods[i / 3];
        size_t least = servicefit_least(estimator->method);
        struct servicefit_sample samples[20];
        double inside = 0, zero = 0;
        uint64_t seed = 23;

        for (unsigned j = 0; j < SESSIONS; j++) {
            struct servicefit fit;

            draw(estimator, sigmas[i % 3], &seed, samples, least);
            fit = servicefit_fit(estimator, samples, least, least);
            assert_true(fit.overhead_new.low >= 0 && fit.overhead_more.low >= 0);
            assert_true(fit.overhead_new.high > fit.overhead_new.low);
            zero += fit.overhead_new.central <= 0;
            inside +=
                fit.overhead_new.low <= TRUE_OVERHEAD && TRUE_OVERHEAD <= fit.overhead_new.high;
        }
        print_message("M%zu, scatter %.2f: %.1f %% of overheads are inside, %.1f %% were fitted as "
                      "0\n",
                      i / 3 + 1, sigmas[i % 3], 100 * inside / SESSIONS, 100 * zero / SESSIONS);
        assert_true(zero > 0.2 * SESSIONS); /* or the test proves nothing */
        assert_true(inside > 0.9 * SESSIONS);
    }
}

/* -- Input tokens ----------------------------------------------------------------------------- */

static const struct estimator of_body = {.method = METHOD_M4,
                                         .input_method = INPUT_BODY,
                                         .input_bytes_per_token = {2, 4, 10},
                                         .input_overhead_bytes = {200, 600, 1500},
                                         .upload_bytes_min = 100000};

static void draw_requests(struct servicefit_sample samples[20])
{
    uint64_t seed = 13;

    draw(&of_body, 0, &seed, samples, 20);
    for (unsigned i = 0; i < 20; i++) {
        samples[i].tokens_in = 30 + 25 * i;
        samples[i].shape.request_bytes = (uint64_t)(900 + 4.5 * samples[i].tokens_in);
    }
}

static void input_tokens_are_fitted_where_they_are_known(void **state)
{
    struct servicefit_sample samples[20];
    struct servicefit fit;
    struct estimator fitted;

    (void)state;
    draw_requests(samples);
    fit = servicefit_fit(&of_body, samples, 20, 20);
    assert_string_equal(fit.input.refusal, "");
    assert_int_equal(fit.input.n, 20);
    assert_true(fabs(fit.input.bytes_per_token.central - 4.5) < 0.01);
    assert_true(fabs(fit.input.overhead_bytes.central - 900) < 2);
    assert_true(fit.input.median_error < 0.02);
    fitted = servicefit_apply(&of_body, &fit);
    assert_true(fabs(estimator_apply(&fitted, &samples[9].shape).tokens_in.central -
                     samples[9].tokens_in) < 1);
    /* What carries a file has bytes that are no text. */
    samples[3].shape.request_bytes = 200000;
    fit = servicefit_fit(&of_body, samples, 20, 10);
    assert_int_equal(fit.input.n, 19);
    assert_true(fabs(fit.input.bytes_per_token.central - 4.5) < 0.01);
    /* Nothing random is kept of input tokens: the band holds single requests. */
    for (unsigned i = 0; i < 20; i++)
        samples[i].shape.request_bytes =
            (uint64_t)((900 + 4.5 * samples[i].tokens_in) * (i % 2 ? 1.2 : 0.8));
    fit = servicefit_fit(&of_body, samples, 20, 20);
    fitted = servicefit_apply(&of_body, &fit);
    for (unsigned i = 0; i < 20; i++) {
        struct triple tokens = estimator_apply(&fitted, &samples[i].shape).tokens_in;

        assert_true(tokens.low <= samples[i].tokens_in && samples[i].tokens_in <= tokens.high);
    }
}

/* One request of twenty was taken for two, and its second part is what was measured. */
static void a_request_in_two_parts_does_not_widen_the_band(void **state)
{
    struct servicefit_sample samples[20];
    struct servicefit fit;

    (void)state;
    draw_requests(samples);
    samples[7].shape.request_bytes = 120;
    fit = servicefit_fit(&of_body, samples, 20, 20);
    assert_string_equal(fit.input.refusal, "");
    assert_true(fabs(fit.input.bytes_per_token.central - 4.5) < 0.05);
    assert_true(fit.input.bytes_per_token.high < 5 && fit.input.bytes_per_token.low > 4);
}

static void the_reason_is_told_why_input_tokens_are_not(void **state)
{
    struct servicefit_sample samples[20];
    struct servicefit fit;
    struct estimator of_browsers = of_body;
    struct estimator fitted;

    (void)state;
    draw_requests(samples);
    of_browsers.input_method = INPUT_PRIOR;
    fit = servicefit_fit(&of_browsers, samples, 20, 20);
    assert_string_equal(fit.refusal, ""); /* of answers */
    assert_non_null(strstr(fit.input.refusal, "prior"));
    samples[0].tokens_in = 0;
    fit = servicefit_fit(&of_body, samples, 20, 20);
    assert_non_null(strstr(fit.input.refusal, "too few prompts: 19"));
    fitted = servicefit_apply(&of_body, &fit);
    assert_true(fitted.input_bytes_per_token.central == of_body.input_bytes_per_token.central);
    for (unsigned i = 0; i < 20; i++)
        samples[i].tokens_in = 20;
    assert_non_null(strstr(servicefit_fit(&of_body, samples, 20, 20).input.refusal,
                           "all requests have about the same size"));
    for (unsigned i = 0; i < 20; i++)
        samples[i].tokens_in = 0;
    assert_non_null(
        strstr(servicefit_fit(&of_body, samples, 20, 20).input.refusal, "were not given"));
}

/* -- Refusals --------------------------------------------------------------------------------- */

static void what_cannot_be_fitted_is_refused_with_the_reason(void **state)
{
    struct servicefit_sample samples[20];

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        samples[i] = sample(100 + 50 * i, 12, 0, 0);
    assert_non_null(strstr(servicefit_fit(&m4, samples, 19, 20).refusal, "too few prompts: 19"));
    assert_string_equal(servicefit_fit(&m4, samples, 19, 5).refusal, "");
    assert_non_null(strstr(servicefit_fit(&m4, samples, 2, 0).refusal, "it takes 3"));
    for (unsigned i = 0; i < 20; i++) /* no relation */
        samples[i].tokens_out = 100 + 200 * (i % 5);
    assert_non_null(strstr(servicefit_fit(&m4, samples, 20, 20).refusal, "hardly follows"));
    for (unsigned i = 0; i < 20; i++)
        samples[i] = sample(100 + i, 12, 0, 0);
    assert_non_null(strstr(servicefit_fit(&m4, samples, 20, 20).refusal, "about the same size"));
    assert_non_null(
        strstr(servicefit_fit(&(struct estimator){.method = METHOD_NONE}, samples, 20, 20).refusal,
               "nothing to calibrate"));
    assert_non_null(strstr(servicefit_fit(&m1, NULL, 0, 10).refusal, "too few prompts: 0"));
}

#define RECORDED 90

static size_t read_recorded(FILE *file, struct servicefit_sample *samples)
{
    char line[256];
    size_t count = 0;

    while (fgets(line, sizeof(line), file)) {
        double id, sequence, time, bytes, tokens = 0;
        int read = sscanf(line, "%lf,%lf,%lf,%lf,%lf", &id, &sequence, &time, &bytes, &tokens);

        if (read < 4)
            continue;
        if (sequence < 1) {
            assert_true(count < RECORDED);
            samples[count++] =
                (struct servicefit_sample){.tokens_out = tokens, .shape.first_on_connection = true};
            continue;
        }
        samples[count - 1].shape.answer_records++;
        samples[count - 1].shape.answer_bytes += (uint64_t)bytes - 5;
    }
    return count;
}

static void load_recorded(struct servicefit_sample samples[RECORDED])
{
    FILE *file = fopen("../shared/data/traffic/openai_api_gpt4o_packets.csv", "r");

    if (!file) {
        print_message("../shared/data/traffic is not there\n");
        skip();
    }
    assert_int_equal(read_recorded(file, samples), RECORDED);
    fclose(file);
}

/* Ten prompts, then the other 80: median error under 1 %, and so is the sum. */
static void ten_recorded_answers_of_gpt_4o_tell_the_others(void **state)
{
    struct servicefit_sample samples[RECORDED];
    struct servicefit fit;
    struct estimator fitted;
    double estimated = 0, truth = 0;
    unsigned good = 0;

    (void)state;
    load_recorded(samples);
    fit = servicefit_fit(&m1, samples, 10, servicefit_least(METHOD_M1));
    assert_string_equal(fit.refusal, "");
    fitted = servicefit_apply(&m1, &fit);
    for (unsigned i = 10; i < RECORDED; i++) {
        double tokens = estimator_apply(&fitted, &samples[i].shape).tokens_out.central;

        estimated += tokens;
        truth += samples[i].tokens_out;
        good += fabs(tokens / samples[i].tokens_out - 1) < 0.01;
    }
    print_message("10 prompts: %.1f B/token, overhead %.0f B; the other 80: bias %+.2f %%, %u of "
                  "80 within 1 %%\n",
                  fit.slope.central, fit.overhead_new.central, 100 * (estimated / truth - 1), good);
    assert_true(fabs(estimated / truth - 1) < 0.01);
    assert_true(good >= 40);
}

/* Each ten of them in turn are the prompts, the other 80 what is estimated. */
static void bands_of_ten_recorded_prompts_hold_the_others(void **state)
{
    struct servicefit_sample samples[RECORDED], others[RECORDED - 10];
    double inside = 0, sums = 0, single_half = 0, sum_half = 0;

    (void)state;
    load_recorded(samples);
    for (unsigned from = 0; from < RECORDED; from += 10) {
        struct servicefit fit = servicefit_fit(&m1, samples + from, 10, 10);
        struct outcome outcome;

        assert_string_equal(fit.refusal, "");
        memcpy(others, samples, from * sizeof(*samples));
        memcpy(others + from, samples + from + 10, (RECORDED - 10 - from) * sizeof(*samples));
        outcome = judge(&m1, &fit, others, RECORDED - 10);
        inside += outcome.inside / 720.0;
        sums += outcome.sum_inside / 9.0;
        single_half += outcome.single_half / 9;
        sum_half += outcome.sum_half / 9;
    }
    print_message("9 times 10 prompts: %.1f %% of single answers inside +-%.2f %%, %.0f %% of sums "
                  "of 80 inside +-%.2f %%\n",
                  100 * inside, 100 * single_half, 100 * sums, 100 * sum_half);
    assert_true(inside > 0.85);
    assert_true(sums > 0.75);
    assert_true(sum_half < single_half);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_found_despite_one_wrong_count),
        cmocka_unit_test(every_method_finds_what_is_true),
        cmocka_unit_test(scatter_and_error_of_the_fit_are_told_apart),
        cmocka_unit_test(one_wrong_count_does_not_hide),
        cmocka_unit_test(what_scatters_beyond_use_is_refused),
        cmocka_unit_test(every_method_refuses_what_says_nothing),
        cmocka_unit_test(bands_hold_nine_of_ten),
        cmocka_unit_test(bands_hold_small_overheads),
        cmocka_unit_test(input_tokens_are_fitted_where_they_are_known),
        cmocka_unit_test(a_request_in_two_parts_does_not_widen_the_band),
        cmocka_unit_test(the_reason_is_told_why_input_tokens_are_not),
        cmocka_unit_test(what_cannot_be_fitted_is_refused_with_the_reason),
        cmocka_unit_test(ten_recorded_answers_of_gpt_4o_tell_the_others),
        cmocka_unit_test(bands_of_ten_recorded_prompts_hold_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
