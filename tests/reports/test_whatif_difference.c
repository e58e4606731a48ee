/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/whatif_difference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define TOLERANCE 1e-12
#define SCAN      1e-4 /* of what is sought over directions */
#define ROUNDS    200000

/* By hand: 1 Wh per token and 1e9 parameters on one GPU, no servers, nothing embodied but what a
 * test adds; PUE 1, no water on site. So energy is tokens * parameters / 1000. */
static const struct method_a plain = {
    .energy_alpha_wh = 1,
    .batch_size = 1,
    .quantization_bits = 8,
    .memory_overhead = 1,
    .gpu_memory_gb = 1000,
    .server_gpus = 8,
    .hardware_lifetime_s = 1,
};
static const struct model_factors two = {.total_parameters_b = {1, 4},
                                         .active_parameters_b = {1, 4}};
static const struct model_factors half = {.total_parameters_b = {0.25, 1},
                                          .active_parameters_b = {0.25, 1}};
static const struct model_factors one = {.total_parameters_b = {1, 1},
                                         .active_parameters_b = {1, 1}};
static const struct provider_factors here = {.pue = {1, 1}};
static const struct provider_factors there = {.pue = {2, 2}};
static const struct zone_factors zone = {
    .gwp_kgco2e_per_kwh = 0.5, .adpe_kgsb_per_kwh = 1e-8, .ewif_l_per_kwh = 3};
static const struct zone_factors cleaner = {
    .gwp_kgco2e_per_kwh = 0.1, .adpe_kgsb_per_kwh = 1e-8, .ewif_l_per_kwh = 3};
/* An end of a fit is a factor of 2 then. */
static const struct uncertainty_factors doubling = {
    .method_a_gsd = 2, .method_b_gsd = 2, .range_sigmas = 2};
static const struct triple wide = {500, 1000, 2000};
static const struct triple sure = {1000, 1000, 1000};

static struct whatif_part part(struct triple tokens, const struct model_factors *model,
                               const struct provider_factors *provider)
{
    return (struct whatif_part){
        .requests = triple_exact(1),
        .tokens_in = triple_exact(0),
        .tokens_out = tokens,
        .factors = {.method = &plain, .model = model, .provider = provider, .zone = &zone}};
}

static struct whatif_difference compare(const struct whatif_part *before,
                                        const struct whatif_part *after)
{
    return whatif_difference_compute((struct whatif_parts){before, before ? 1 : 0},
                                     (struct whatif_parts){after, after ? 1 : 0});
}

static void assert_close(double actual, double expected, double tolerance)
{
    if (!(fabs(actual - expected) <= tolerance * fmax(fabs(expected), 1)))
        fail_msg("%.17g is not %.17g", actual, expected);
}

static void assert_triple(struct triple actual, double low, double central, double high,
                          double tolerance)
{
    assert_close(actual.low, low, tolerance);
    assert_close(actual.central, central, tolerance);
    assert_close(actual.high, high, tolerance);
}

/* Two causes of a factor of 2 each make 2^sqrt(2). */
static const double root2 = 2.665144142690225;

static void all_of_it_gone_is_the_band_itself(void **state)
{
    const struct whatif_part before = part(wide, &two, &here);
    const struct whatif_difference gone = compare(&before, NULL);
    const struct impact band =
        impact_compute(&before.factors, before.requests, before.tokens_in, before.tokens_out);

    (void)state;
    assert_triple(gone.difference[0], -2 * root2, -2, -2 / root2, TOLERANCE);
    assert_triple(gone.difference[0], -band.energy_kwh.high, -band.energy_kwh.central,
                  -band.energy_kwh.low, TOLERANCE);
    assert_triple(gone.proportional[0], -2, -2, -2, TOLERANCE);
}

static void the_same_on_both_sides_is_nothing(void **state)
{
    const struct whatif_part before = part(wide, &two, &here);
    const struct whatif_difference same = compare(&before, &before);

    (void)state;
    for (int i = 0; i < WHATIF_INDICATORS; i++) {
        assert_true(same.difference[i].low == 0 && same.difference[i].high == 0);
        assert_true(same.proportional[i].low == 0 && same.proportional[i].high == 0);
    }
}

/* The model and the tokens are those of both sides: twice the energy for sure, of whatever it is.
 */
static void what_is_common_leaves_the_ratio_exact(void **state)
{
    const struct whatif_part before = part(wide, &two, &here);
    const struct whatif_part after = part(wide, &two, &there);
    const struct whatif_difference twice = compare(&before, &after);

    (void)state;
    assert_triple(twice.proportional[0], 2, 2, 2, TOLERANCE);
    assert_triple(twice.difference[0], 2 / root2, 2, 2 * root2, SCAN);
}

static void a_cleaner_zone_changes_greenhouse_gases_alone(void **state)
{
    const struct whatif_part before = part(wide, &two, &here);
    struct whatif_part after = before;
    struct whatif_difference moved;

    (void)state;
    after.factors.zone = &cleaner;
    moved = compare(&before, &after);
    assert_triple(moved.difference[MONTH_ENERGY - MONTH_ENERGY], 0, 0, 0, TOLERANCE);
    assert_triple(moved.difference[MONTH_WATER - MONTH_ENERGY], 0, 0, 0, TOLERANCE);
    assert_triple(moved.proportional[MONTH_GWP_USE - MONTH_ENERGY], -0.8, -0.8, -0.8, TOLERANCE);
    assert_triple(moved.difference[MONTH_GWP_USE - MONTH_ENERGY], -0.8 * root2, -0.8, -0.8 / root2,
                  SCAN);
}

/* Of 2 by a factor of 2 to 0.5 by a factor of 2, both independent: a quarter by 2^sqrt(2). Tokens
 * do not move it. */
static void independent_errors_add_in_quadrature(void **state)
{
    const struct whatif_part before = part(wide, &two, &here);
    const struct whatif_part after = part(wide, &half, &here);
    const struct whatif_difference less = compare(&before, &after);

    (void)state;
    assert_triple(less.proportional[0], 2 * (0.25 / root2 - 1), -1.5, 2 * (0.25 * root2 - 1),
                  TOLERANCE);
    assert_true(less.difference[0].high < 0);
}

/* Before 2 by a factor of 2, after 1 for sure: at the edge of what can be told. */
static void one_side_alone_is_known(void **state)
{
    const struct whatif_part before = part(sure, &two, &here);
    const struct whatif_part after = part(sure, &one, &here);
    const struct whatif_difference edge = compare(&before, &after);

    (void)state;
    assert_triple(edge.difference[0], 1 - 4, 1 - 2, 1 - 1, TOLERANCE);
    assert_triple(edge.proportional[0], 2 * (0.25 - 1), 2 * (0.5 - 1), 0, TOLERANCE);
}

/* Two models are told apart by method A's own error, one model is not. */
static void the_fit_of_method_a_counts_between_two_models(void **state)
{
    struct whatif_part before = part(sure, &two, &here);
    struct whatif_part after = part(sure, &half, &here);
    struct whatif_part gone = before;
    struct whatif_difference less;

    (void)state;
    before.factors.uncertainty = after.factors.uncertainty = gone.factors.uncertainty = &doubling;
    less = compare(&before, &after);
    /* Four causes of a factor of 2: 2^2. */
    assert_triple(less.proportional[0], 2 * (0.25 / 4 - 1), -1.5, 2 * (0.25 * 4 - 1), TOLERANCE);
    assert_true(less.has_fit_of_a);
    after.factors.model = &two;
    after.factors.provider = &there;
    less = compare(&before, &after);
    assert_triple(less.proportional[0], 2, 2, 2, TOLERANCE);
    assert_false(less.has_fit_of_a);
    /* And the band of what is gone is the report's, which has none of it. */
    less = compare(&gone, NULL);
    assert_triple(less.difference[0], -4, -2, -1, TOLERANCE);
    assert_false(less.has_fit_of_a);
}

/* One host, of a PUE by a factor of 2: both models are on it. */
static void one_host_is_common(void **state)
{
    static const struct provider_factors somewhere = {.pue = {1, 4}};
    static const struct provider_factors elsewhere = {.pue = {1, 4}};
    const struct whatif_part before = part(sure, &one, &somewhere);
    struct whatif_part after = part(sure, &half, &somewhere);

    (void)state;
    /* 2 by a factor of 2 to 1 by one more: that of the model alone. */
    assert_triple(compare(&before, &after).proportional[0], 2 * (0.25 - 1), -1, 0, TOLERANCE);
    /* Two hosts: by 2 before, and after by 4, as the factors of a side are at their ends together.
     */
    after.factors.provider = &elsewhere;
    assert_triple(compare(&before, &after).proportional[0], 2 * (0.5 / exp2(sqrt(5)) - 1), -1,
                  2 * (0.5 * exp2(sqrt(5)) - 1), TOLERANCE);
}

/* 3.6e6 J per token and request of a batch, so 1 kWh per token at 1; a batch by a factor of 2, an
 * input token by a factor of 2. */
static void method_b_has_its_own_unknowns(void **state)
{
    static const struct method_b b = {.intercept = 15.096444, /* ln 3.6e6 */
                                      .batch_exponent = -1,
                                      .batch_size = {0.5, 1, 2},
                                      .input_weight = {0.5, 1, 2}};
    static const struct provider_factors elsewhere = {.pue = {1, 1}};
    struct whatif_part before = part(sure, &one, &here);
    struct whatif_part after = part(triple_exact(500), &one, &here);

    (void)state;
    before.factors.method_b = after.factors.method_b = &b;
    assert_triple(compare(&before, &after).proportional[0], -500, -500, -500, 1e-5);
    assert_triple(compare(&before, &after).difference[0], -1000, -500, -250, 1e-5);
    /* Two hosts, two batches. */
    after.factors.provider = &elsewhere;
    assert_triple(compare(&before, &after).proportional[0], 1000 * (0.5 / root2 - 1), -500,
                  1000 * (0.5 * root2 - 1), 1e-5);
    /* Input alone: its weight moves both sides, and the batch either one. */
    before.tokens_in = before.tokens_out;
    after.tokens_in = after.tokens_out;
    before.tokens_out = after.tokens_out = triple_exact(0);
    assert_triple(compare(&before, &after).proportional[0], 1000 * (0.5 / root2 - 1), -500,
                  1000 * (0.5 * root2 - 1), 1e-5);
}

static void nothing_expected_has_no_ratio(void **state)
{
    const struct triple maybe = {0, 0, 1000};
    const struct whatif_part before = part(maybe, &two, &here);
    const struct whatif_part after = part(maybe, &half, &here);
    const struct whatif_difference less = compare(&before, &after);

    (void)state;
    assert_triple(less.difference[0], 0.5 - 2, 0, 0, TOLERANCE);
    assert_triple(less.proportional[0], 0, 0, 0, TOLERANCE);
}

static void no_activity_at_the_low_end_leaves_no_difference_there(void **state)
{
    const struct triple maybe = {0, 1000, 1000};
    const struct whatif_part before = part(maybe, &two, &here);
    const struct whatif_part after = part(maybe, &one, &here);
    const struct whatif_difference less = compare(&before, NULL);
    const struct whatif_difference moved = compare(&before, &after);

    (void)state;
    assert_triple(less.difference[0], -4, -2, 0, TOLERANCE);
    assert_triple(moved.proportional[0], 2 * (0.25 - 1), 2 * (0.5 - 1), 0, TOLERANCE);
}

/* Greenhouse gases are one quantity: what use saves, manufacture may cost, with the same tokens. */
static void use_and_manufacture_move_together(void **state)
{
    struct method_a costly = plain;
    struct whatif_part before = part(wide, &one, &here);
    struct whatif_part after = before;
    struct whatif_difference moved;

    (void)state;
    costly.latency_gamma_s = 1;
    costly.gpu_gwp_kgco2e = 1e-4; /* 0.1 kg for 1000 tokens */
    before.factors.method = after.factors.method = &costly;
    after.factors.zone = &cleaner;
    moved = compare(&before, &after);
    /* 0.5 + 0.1 before, 0.1 + 0.1 after. */
    assert_triple(moved.difference[MONTH_GWP - MONTH_ENERGY], -0.8, -0.4, -0.2, SCAN);
    assert_triple(moved.proportional[MONTH_GWP - MONTH_ENERGY], -0.4, -0.4, -0.4, TOLERANCE);
    assert_triple(moved.difference[MONTH_GWP_EMBODIED - MONTH_ENERGY], 0, 0, 0, TOLERANCE);
}

/* Ends of a range are a standard deviation away, and methods are sure. */
static const struct uncertainty_factors sure_methods = {
    .method_a_gsd = 1, .method_b_gsd = 1, .range_sigmas = 2};

/* Single exchanges take the tokens by a factor of 2. */
static struct whatif_part scattered(struct triple tokens, const struct provider_factors *provider,
                                    unsigned exchanges)
{
    struct whatif_part out = part(tokens, &one, provider);

    out.factors.uncertainty = &sure_methods;
    out.random_sigma = M_LN2;
    out.exchanges = exchanges;
    return out;
}

static void exchanges_widen_a_band_in_logarithms(void **state)
{
    const struct whatif_part before = scattered(wide, &here, 3);
    const struct whatif_difference gone = compare(&before, NULL);

    (void)state;
    assert_triple(gone.difference[0], -2, -1, -0.5, TOLERANCE);
    assert_triple(whatif_difference_of(&gone, 0), -root2, -1, -1 / root2, TOLERANCE);
}

static void the_same_exchanges_leave_the_ratio_exact(void **state)
{
    const struct whatif_part before = scattered(sure, &here, 1);
    struct whatif_part after = scattered(sure, &there, 1);
    struct whatif_difference twice = compare(&before, &after);

    (void)state;
    assert_triple(twice.difference[0], 1, 1, 1, TOLERANCE);
    assert_triple(whatif_difference_of(&twice, 0), 0.5, 1, 2, SCAN);
    assert_triple(twice.proportional[0], 1, 1, 1, TOLERANCE);
    after.exchanges = 2; /* others: each side by 2 */
    twice = compare(&before, &after);
    assert_triple(twice.difference[0], 1, 1, 1, TOLERANCE);
    assert_triple(twice.proportional[0], 2 / root2 - 1, 1, 2 * root2 - 1, TOLERANCE);
}

/* By squares, beside a band that is end to end. */
static void exchanges_of_two_uses_are_independent(void **state)
{
    const struct whatif_part before = scattered(sure, &here, 0);
    struct whatif_difference sum = compare(&before, NULL);

    (void)state;
    whatif_difference_add(&sum, &sum);
    assert_triple(sum.difference[0], -2, -2, -2, TOLERANCE);
    assert_triple(whatif_difference_of(&sum, 0), -2 - sqrt(2), -2, -2 + sqrt(0.5), TOLERANCE);
}

static double drawn(void)
{
    double sum = -6; /* near to normal */

    for (int i = 0; i < 12; i++)
        sum += rand() / (RAND_MAX + 1.0);
    return sum;
}

/* The extremes over all errors of the same likelihood, sought by chance: tokens by 2 on both sides,
 * and the model of either by 2. */
static void extremes_are_those_over_all_errors(void **state)
{
    const struct whatif_part before = part(wide, &two, &here);
    struct whatif_part after = part(wide, &half, &here);
    struct whatif_difference found;
    double lowest = INFINITY, highest = -INFINITY;

    (void)state;
    after.factors.provider = &there; /* 1 beside 2 */
    found = compare(&before, &after);
    srand(1);
    for (int i = 0; i < ROUNDS; i++) {
        double z[3] = {drawn(), drawn(), drawn()};
        double length = sqrt(z[0] * z[0] + z[1] * z[1] + z[2] * z[2]);
        double difference = exp2((z[0] + z[2]) / length) * 1 - exp2((z[0] + z[1]) / length) * 2;

        lowest = fmin(lowest, difference);
        highest = fmax(highest, difference);
    }
    assert_triple(found.difference[0], lowest, -1, highest, 0.001);
    assert_true(found.difference[0].low <= lowest * (1 - SCAN));
    assert_true(found.difference[0].high >= highest * (1 - SCAN));
}

/* How often the truth lies within, when errors are as they are said to be:
 * an end is 3.3 / 2 standard deviations from the centre. */
static void the_truth_lies_within_nine_times_of_ten(void **state)
{
    const struct whatif_part before = part(wide, &two, &here);
    const struct whatif_part after = part(wide, &one, &here);
    const struct whatif_difference found = compare(&before, &after);
    const double sigma = 2 / 3.3;
    int below = 0, above = 0;

    (void)state;
    srand(2);
    for (int i = 0; i < ROUNDS; i++) {
        double activity = exp2(sigma * drawn());
        double difference = activity * 1 - activity * 2 * exp2(sigma * drawn());

        below += difference < found.difference[0].low;
        above += difference > found.difference[0].high;
    }
    /* 5 % on either side, if all were along one direction. */
    assert_in_range(below, ROUNDS * 3 / 100, ROUNDS * 7 / 100);
    assert_in_range(above, ROUNDS * 3 / 100, ROUNDS * 7 / 100);
}

static void sums_are_made_end_to_end(void **state)
{
    const struct whatif_part before = part(wide, &two, &here);
    const struct whatif_difference one_of_two = compare(&before, NULL);
    struct whatif_difference sum = one_of_two;

    (void)state;
    whatif_difference_add(&sum, &one_of_two);
    assert_triple(sum.difference[0], -4 * root2, -4, -4 / root2, TOLERANCE);
    assert_triple(sum.proportional[0], -4, -4, -4, TOLERANCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_gone_is_the_band_itself),
        cmocka_unit_test(the_same_on_both_sides_is_nothing),
        cmocka_unit_test(what_is_common_leaves_the_ratio_exact),
        cmocka_unit_test(a_cleaner_zone_changes_greenhouse_gases_alone),
        cmocka_unit_test(independent_errors_add_in_quadrature),
        cmocka_unit_test(one_side_alone_is_known),
        cmocka_unit_test(the_fit_of_method_a_counts_between_two_models),
        cmocka_unit_test(one_host_is_common),
        cmocka_unit_test(method_b_has_its_own_unknowns),
        cmocka_unit_test(nothing_expected_has_no_ratio),
        cmocka_unit_test(no_activity_at_the_low_end_leaves_no_difference_there),
        cmocka_unit_test(use_and_manufacture_move_together),
        cmocka_unit_test(exchanges_widen_a_band_in_logarithms),
        cmocka_unit_test(the_same_exchanges_leave_the_ratio_exact),
        cmocka_unit_test(exchanges_of_two_uses_are_independent),
        cmocka_unit_test(extremes_are_those_over_all_errors),
        cmocka_unit_test(the_truth_lies_within_nine_times_of_ten),
        cmocka_unit_test(sums_are_made_end_to_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
