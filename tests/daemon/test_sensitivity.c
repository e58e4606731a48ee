/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/sensitivity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/close.h"
#include "tests/daemon/shipped.h"

#define Z90 1.2815515655446004

static struct factors *factors;

static int load(void **state)
{
    (void)state;
    factors = factors_without_complaint(SHIPPED_FACTORS);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    factors_free(factors);
    return 0;
}

static double energy(const void *context, const struct impact_result *result)
{
    (void)context;
    return result->energy_kwh;
}

static double gases(const void *context, const struct impact_result *result)
{
    (void)context;
    return result->gwp_use_kgco2e;
}

static double water(const void *context, const struct impact_result *result)
{
    (void)context;
    return result->water_l;
}

/* One request of method B to a model of one size on the machines of one PUE, in France. */
static struct sensitivity_case one_request(const char *model, const char *provider)
{
    struct sensitivity_case subject = {
        .factors = factors,
        .used = {.method = factors_method_a(factors),
                 .model = factors_model_named(factors, model),
                 .provider = factors_provider(factors, provider),
                 .zone = factors_zone(factors, "FRA"),
                 .method_b = factors_method_b(factors),
                 .uncertainty = factors_uncertainty(factors)},
        .work = {{1, 0, 250, INFINITY}, {1, 0, 250, INFINITY}, {1, 0, 250, INFINITY}},
    };

    return subject;
}

static const struct sensitivity_bar *find(const struct sensitivity_bar *bars, size_t count,
                                          enum sensitivity_unknown unknown)
{
    for (size_t i = 0; i < count; i++)
        if (bars[i].unknown == unknown)
            return &bars[i];
    return NULL;
}

/* Without a range anywhere but the batch and the fit, these are the bars, and their ends can be had
 * by hand. */
static void moves_one_unknown_at_a_time(void **state)
{
    struct sensitivity_case subject = one_request("mistralai/mistral-large-latest", "mistral");
    const struct method_b *method = factors_method_b(factors);
    struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS];
    struct sensitivity sensitivity;
    double base, ratio;
    size_t count;

    (void)state;
    sensitivity_compute(&subject, &sensitivity);
    base = sensitivity.base.energy_kwh;
    count = sensitivity_tornado(&sensitivity, energy, NULL, bars);
    assert_int_equal(count, 3);
    ratio = impact_joules_per_token(method, 123, 123, 8) /
            impact_joules_per_token(method, 123, 123, 32);
    assert_int_equal(bars[0].unknown, SENSITIVITY_BATCH);
    assert_close(bars[0].high, base * ratio);
    ratio = impact_joules_per_token(method, 123, 123, 64) /
            impact_joules_per_token(method, 123, 123, 32);
    assert_close(bars[0].low, base * ratio);
    assert_int_equal(bars[1].unknown, SENSITIVITY_FIT);
    assert_close(bars[1].low, base / pow(1.41, 1.65));
    assert_close(bars[1].high, base * pow(1.41, 1.65));
    assert_int_equal(bars[2].unknown, SENSITIVITY_METHOD);
    assert_true(bars[2].low < base); /* method A's figure is lower here */
    assert_close(bars[2].high, base);
}

/* In France the count of water moves it fourfold: more than anything but the batch. */
static void shows_choices_without_counting_them(void **state)
{
    struct sensitivity_case subject = one_request("mistralai/mistral-large-latest", "mistral");
    struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS];
    struct sensitivity sensitivity;
    const struct sensitivity_bar *bar;
    struct uncertainty_interval interval, expected;
    struct uncertainty_part parts[2];
    size_t count;

    (void)state;
    sensitivity_compute(&subject, &sensitivity);
    count = sensitivity_tornado(&sensitivity, water, NULL, bars);
    bar = find(bars, count, SENSITIVITY_EWIF);
    assert_non_null(bar);
    assert_true(sensitivity_is_choice(SENSITIVITY_EWIF));
    assert_close(bar->low / bar->high, (0.09 + 1.16 * 0.83) / (0.09 + 1.16 * 3.6737));
    count = sensitivity_tornado(&sensitivity, gases, NULL, bars);
    bar = find(bars, count, SENSITIVITY_MIX);
    assert_non_null(bar);
    assert_close(bar->low / bar->high, 0.0217 / 0.0461);
    assert_null(find(bars, count, SENSITIVITY_EWIF));

    /* Water's interval is that of batch and fit alone. */
    count = sensitivity_tornado(&sensitivity, energy, NULL, bars);
    parts[0] = uncertainty_of_range(bars[0].low, sensitivity.base.energy_kwh, bars[0].high, 3.3);
    parts[1] = (struct uncertainty_part){log(1.41), log(1.41)};
    expected = uncertainty_combine(7, parts, 2);
    interval = sensitivity_interval(&sensitivity, water, NULL, 7, 3.3);
    assert_close(interval.p10, expected.p10);
    assert_close(interval.p90, expected.p90);
    assert_close(interval.central, 7);
}

/* Of 100 exchanges, single ones matter ten times less, the estimate as much as before. */
static void only_single_exchanges_average_out(void **state)
{
    struct sensitivity_case one = one_request("mistralai/mistral-large-latest", "mistral");
    struct sensitivity_case many = one;
    struct sensitivity_bar bars[2][SENSITIVITY_UNKNOWNS];
    struct sensitivity sensitivity;
    size_t counts[2];
    const double sigma = 0.5;

    (void)state;
    one.random_sigma = sigma;
    many.random_sigma = sigma / 10;
    for (int i = 0; i < 3; i++) {
        one.work[i].tokens_out = 100 << i;
        many.work[i].tokens_out = 100 * one.work[i].tokens_out;
        many.work[i].requests = 100;
    }
    sensitivity_compute(&one, &sensitivity);
    counts[0] = sensitivity_tornado(&sensitivity, energy, NULL, bars[0]);
    sensitivity_compute(&many, &sensitivity);
    counts[1] = sensitivity_tornado(&sensitivity, energy, NULL, bars[1]);
    for (int i = 0; i < 2; i++) {
        const struct sensitivity_bar *tokens = find(bars[i], counts[i], SENSITIVITY_TOKENS);
        const struct sensitivity_bar *single = find(bars[i], counts[i], SENSITIVITY_EXCHANGE);

        assert_true(tokens && single);
        assert_close(tokens->high / tokens->low, 4);
        assert_close(log(single->high / single->low), 3.3 * sigma / (i == 0 ? 1 : 10));
    }
}

static void exact_tokens_have_no_error(void **state)
{
    struct sensitivity_case subject = one_request("openai/gpt-4o", "scaleway");
    struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS];
    struct sensitivity sensitivity;
    size_t count;

    (void)state;
    sensitivity_compute(&subject, &sensitivity);
    count = sensitivity_tornado(&sensitivity, water, NULL, bars);
    assert_null(find(bars, count, SENSITIVITY_TOKENS));
    assert_null(find(bars, count, SENSITIVITY_EXCHANGE));
    assert_non_null(find(bars, count, SENSITIVITY_MODEL));
    assert_non_null(find(bars, count, SENSITIVITY_PUE));
    assert_non_null(find(bars, count, SENSITIVITY_WUE));
    for (size_t i = 0; i < count; i++) {
        assert_true(bars[i].low <= sensitivity.base.water_l);
        assert_true(bars[i].high >= sensitivity.base.water_l);
        assert_true(i == 0 || bars[i].high / bars[i].low <= bars[i - 1].high / bars[i - 1].low);
    }
}

/* Method A's fit errs by its own factor, on the GPUs' part only; its batch is as unknown. */
static void moves_method_a(void **state)
{
    struct sensitivity_case subject = one_request("openai/gpt-4o", "openai");
    struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS];
    struct sensitivity sensitivity;
    const struct sensitivity_bar *fit, *batch;
    size_t count;

    (void)state;
    subject.used.method_b = NULL;
    sensitivity_compute(&subject, &sensitivity);
    count = sensitivity_tornado(&sensitivity, energy, NULL, bars);
    fit = find(bars, count, SENSITIVITY_FIT);
    batch = find(bars, count, SENSITIVITY_BATCH);
    assert_true(fit && batch);
    assert_true(fit->high < sensitivity.base.energy_kwh * pow(2.15, 1.65));
    assert_true(fit->high > sensitivity.base.energy_kwh * 2.15);
    assert_close(batch->low, sensitivity.base.energy_kwh); /* its batch is the largest already */
    assert_true(batch->high > sensitivity.base.energy_kwh);
}

/* The GPUs of class/small are 1 to 4, and 2 at its mean size: a bar around what that gives would
 * miss the figure that is printed. */
static void the_bars_of_method_a_are_around_its_centre(void **state)
{
    struct sensitivity_case subject = one_request("class/small", "world-cloud");
    struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS];
    struct sensitivity sensitivity;
    const struct sensitivity_bar *size, *pue;
    struct impact_result ends[2];
    struct impact impact, other;
    size_t count;

    (void)state;
    other = impact_compute(&subject.used, triple_exact(1), triple_exact(0), triple_exact(250));
    subject.used.method_b = NULL;
    impact = impact_compute(&subject.used, triple_exact(1), triple_exact(0), triple_exact(250));
    sensitivity_compute(&subject, &sensitivity);
    assert_close(sensitivity.base.energy_kwh, impact.energy_kwh.central);
    assert_close(sensitivity.base.water_l, impact.water_l.central);
    assert_close(sensitivity.ends[SENSITIVITY_METHOD].low.energy_kwh, other.energy_kwh.central);
    count = sensitivity_tornado(&sensitivity, energy, NULL, bars);
    size = find(bars, count, SENSITIVITY_MODEL);
    pue = find(bars, count, SENSITIVITY_PUE);
    assert_true(size && pue);
    assert_close(pue->low * pue->high, impact.energy_kwh.central * impact.energy_kwh.central);
    assert_close(pue->high / pue->low, 1.63 / 1.09);
    /* The bar of the size is what both sizes give, with the mean PUE. */
    for (int i = 0; i < 2; i++) {
        struct impact_point point = impact_point(&subject.used, &subject.work[IMPACT_CENTRAL],
                                                 i == 0 ? IMPACT_LOW : IMPACT_HIGH);

        point.pue = sqrt(1.63 * 1.09);
        ends[i] = impact_at(&subject.used, &point);
    }
    assert_close(size->low, ends[0].energy_kwh);
    assert_close(size->high, ends[1].energy_kwh);
    assert_null(find(bars, count, SENSITIVITY_INPUT));
}

/* And so is it for method B, whose bar of the other method is method A's figure. */
static void the_other_method_is_its_centre(void **state)
{
    struct sensitivity_case subject = one_request("class/small", "world-cloud");
    struct sensitivity sensitivity;
    struct impact impact;

    (void)state;
    sensitivity_compute(&subject, &sensitivity);
    subject.used.method_b = NULL;
    impact = impact_compute(&subject.used, triple_exact(1), triple_exact(0), triple_exact(250));
    assert_close(sensitivity.ends[SENSITIVITY_METHOD].high.energy_kwh, impact.energy_kwh.central);
}

/* Measured energy has no model: its own range, the data centre's, and choices. */
static void moves_measured_energy(void **state)
{
    struct sensitivity_case subject = one_request("openai/gpt-4o", "scaleway");
    struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS];
    struct sensitivity sensitivity;
    size_t count;

    (void)state;
    subject.used.model = NULL;
    subject.it_kwh[IMPACT_LOW] = 1;
    subject.it_kwh[IMPACT_CENTRAL] = 2;
    subject.it_kwh[IMPACT_HIGH] = 8;
    sensitivity_compute(&subject, &sensitivity);
    count = sensitivity_tornado(&sensitivity, energy, NULL, bars);
    assert_int_equal(count, 2);
    assert_int_equal(bars[0].unknown, SENSITIVITY_ENERGY);
    assert_close(bars[0].high, 4 * sensitivity.base.energy_kwh);
    assert_int_equal(bars[1].unknown, SENSITIVITY_PUE);
    assert_close(bars[1].high / bars[1].low, 1.45 / 1.16);
}

/* ---- Of a sum ---- */

static struct sensitivity_part part_of(const char *model, const char *provider)
{
    struct sensitivity_part part = {.subject = one_request(model, provider)};

    part.subject.work[IMPACT_LOW].tokens_out = 100;
    part.subject.work[IMPACT_HIGH].tokens_out = 600;
    part.subject.random_sigma = 0.5;
    sensitivity_compute(&part.subject, &part.sensitivity);
    return part;
}

/* Upwards from the base, of one unknown. */
static double rise(const struct sensitivity_part *parts, size_t count,
                   enum sensitivity_unknown unknown)
{
    struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS];
    double base;
    size_t bar_count = sensitivity_sum_tornado(parts, count, energy, NULL, bars, &base);
    const struct sensitivity_bar *bar = find(bars, bar_count, unknown);

    return bar ? bar->high - base : 0;
}

static void a_sum_of_one_is_that_one(void **state)
{
    const struct sensitivity_part part = part_of("openai/gpt-4o", "france-hosting");
    struct sensitivity_bar sum[SENSITIVITY_UNKNOWNS], alone[SENSITIVITY_UNKNOWNS];
    struct uncertainty_interval interval =
        sensitivity_interval(&part.sensitivity, energy, NULL, 5, 3.3);
    struct uncertainty_interval of_sum;
    double base;
    size_t count = sensitivity_sum_tornado(&part, 1, energy, NULL, sum, &base);

    (void)state;
    assert_int_equal(sensitivity_tornado(&part.sensitivity, energy, NULL, alone), count);
    assert_close(base, part.sensitivity.base.energy_kwh);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(sum[i].unknown, alone[i].unknown);
        assert_close(sum[i].low, alone[i].low);
        assert_close(sum[i].high, alone[i].high);
    }
    of_sum = sensitivity_interval_of(sum, count, base, 5, 3.3);
    assert_close(of_sum.p10, interval.p10);
    assert_close(of_sum.p90, interval.p90);
}

/* The same model at the same provider, twice: all errors are the same, but those of single
 * exchanges. */
static void what_is_shared_moves_as_one(void **state)
{
    static const enum sensitivity_unknown shared[] = {
        SENSITIVITY_TOKENS, SENSITIVITY_MODEL, SENSITIVITY_BATCH, SENSITIVITY_FIT, SENSITIVITY_PUE};
    const struct sensitivity_part part = part_of("openai/gpt-4o", "france-hosting");
    const struct sensitivity_part twice[] = {part, part};

    (void)state;
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
        assert_true(rise(&part, 1, shared[i]) > 0);
        assert_close(rise(twice, 2, shared[i]), 2 * rise(&part, 1, shared[i]));
    }
    assert_close(rise(twice, 2, SENSITIVITY_EXCHANGE),
                 sqrt(2) * rise(&part, 1, SENSITIVITY_EXCHANGE));
}

/* Two models at two providers: what is of the model or the provider is independent, the batch and
 * the estimate of tokens are not. */
static void what_differs_is_independent(void **state)
{
    static const enum sensitivity_unknown independent[] = {SENSITIVITY_EXCHANGE, SENSITIVITY_MODEL,
                                                           SENSITIVITY_FIT, SENSITIVITY_PUE};
    static const enum sensitivity_unknown shared[] = {SENSITIVITY_TOKENS, SENSITIVITY_BATCH};
    const struct sensitivity_part parts[] = {part_of("openai/gpt-4o", "france-hosting"),
                                             part_of("anthropic/claude-opus-4-5", "anthropic")};

    (void)state;
    for (size_t i = 0; i < sizeof(independent) / sizeof(independent[0]); i++) {
        double a = rise(&parts[0], 1, independent[i]), b = rise(&parts[1], 1, independent[i]);

        assert_true(a > 0 && b > 0);
        assert_close(rise(parts, 2, independent[i]), sqrt(a * a + b * b));
    }
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
        assert_close(rise(parts, 2, shared[i]),
                     rise(&parts[0], 1, shared[i]) + rise(&parts[1], 1, shared[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_one_unknown_at_a_time),
        cmocka_unit_test(shows_choices_without_counting_them),
        cmocka_unit_test(only_single_exchanges_average_out),
        cmocka_unit_test(exact_tokens_have_no_error),
        cmocka_unit_test(moves_method_a),
        cmocka_unit_test(the_bars_of_method_a_are_around_its_centre),
        cmocka_unit_test(the_other_method_is_its_centre),
        cmocka_unit_test(moves_measured_energy),
        cmocka_unit_test(a_sum_of_one_is_that_one),
        cmocka_unit_test(what_is_shared_moves_as_one),
        cmocka_unit_test(what_differs_is_independent),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
