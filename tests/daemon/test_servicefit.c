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

static void ratios_leave_no_bias_in_sums(void **state)
{
    struct servicefit_sample samples[20];
    struct servicefit fit;
    unsigned inside = 0;

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        samples[i] = sample(100 + 50 * i, 12, 0, i % 2 ? 0.3 : -0.3);
    fit = servicefit_fit(&m4, samples, 20, servicefit_least(METHOD_M4));
    assert_string_equal(fit.refusal, "");
    assert_true(fabs(fit.bias) < 0.05 && fit.median_error > 0.2 && fit.median_error < 0.5);
    for (unsigned i = 0; i < 20; i++) {
        struct estimator fitted = servicefit_apply(&m4, &fit);
        struct triple tokens = estimator_apply(&fitted, &samples[i].shape).tokens_out;

        inside += tokens.low <= samples[i].tokens_out && samples[i].tokens_out <= tokens.high;
    }
    assert_int_equal(inside, 20);
    assert_true(fit.tokens_least == 100 && fit.tokens_most == 1050);
}

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

/* Ten prompts, then the other 80: median error under 1 %, and so is the sum. */
static void ten_recorded_answers_of_gpt_4o_tell_the_others(void **state)
{
    FILE *file = fopen("../shared/data/traffic/openai_api_gpt4o_packets.csv", "r");
    struct servicefit_sample samples[RECORDED];
    struct servicefit fit;
    struct estimator fitted;
    double estimated = 0, truth = 0;
    unsigned good = 0;

    (void)state;
    if (!file) {
        print_message("../shared/data/traffic is not there\n");
        skip();
    }
    assert_int_equal(read_recorded(file, samples), RECORDED);
    fclose(file);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_found_despite_one_wrong_count),
        cmocka_unit_test(ratios_leave_no_bias_in_sums),
        cmocka_unit_test(what_cannot_be_fitted_is_refused_with_the_reason),
        cmocka_unit_test(ten_recorded_answers_of_gpt_4o_tell_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
