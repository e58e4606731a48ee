/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/rates.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/daemon/shipped.h"

#define ROWS      20000
#define TOLERANCE 1e-12

static struct impact_factors resolve(const struct factors *factors, const char *provider,
                                     const char *model, enum service_method method)
{
    struct service service = {.method = (int)method};
    struct impact_factors out;

    snprintf(service.provider, sizeof(service.provider), "%s", provider);
    snprintf(service.model, sizeof(service.model), "%s", model);
    assert_null(impact_resolve(factors, &service, &out));
    return out;
}

static void assert_near(double a, double b)
{
    if (fabs(a - b) > TOLERANCE * fmax(fabs(a), fabs(b)))
        fail_msg("%.17g is not %.17g", a, b);
}

static void assert_same_triple(struct triple a, struct triple b)
{
    assert_near(a.low, b.low);
    assert_near(a.central, b.central);
    assert_near(a.high, b.high);
}

static void assert_as_computed(const struct rates *rates, struct triple requests,
                               struct triple tokens_in, struct triple tokens_out)
{
    struct impact fast = rates_impact(rates, requests, tokens_in, tokens_out);
    struct impact slow = impact_compute(&rates->factors, requests, tokens_in, tokens_out);
    double central[RATES_QUANTITIES];

    assert_same_triple(fast.energy_kwh, slow.energy_kwh);
    assert_same_triple(fast.gwp_use_kgco2e, slow.gwp_use_kgco2e);
    assert_same_triple(fast.gwp_embodied_kgco2e, slow.gwp_embodied_kgco2e);
    assert_same_triple(fast.adpe_kgsb, slow.adpe_kgsb);
    assert_same_triple(fast.water_l, slow.water_l);
    rates_central(rates, requests.central, tokens_in.central, tokens_out.central, central);
    assert_near(central[RATES_ENERGY_KWH], slow.energy_kwh.central);
    assert_near(central[RATES_GWP_USE_KGCO2E], slow.gwp_use_kgco2e.central);
    assert_near(central[RATES_GWP_EMBODIED_KGCO2E], slow.gwp_embodied_kgco2e.central);
    assert_near(central[RATES_ADPE_KGSB], slow.adpe_kgsb.central);
    assert_near(central[RATES_WATER_L], slow.water_l.central);
}

/* Over ten orders of magnitude, with bands of all widths. */
static struct triple some_band(double scale)
{
    double central = scale * exp(20 * drand48() - 10);

    return (struct triple){central * drand48(), central, central * (1 + 3 * drand48())};
}

static const struct {
    const char *provider;
    const char *model;
    enum service_method method;
} CASES[] = {
    {"openai", "openai/gpt-4o", SERVICE_METHOD_A}, /* a range of active parameters */
    {"openai", "openai/gpt-4o", SERVICE_METHOD_B},
    {"mistral", "mistralai/mistral-medium-latest", SERVICE_METHOD_A}, /* of all parameters */
    {"france-hosting", "huggingface_hub/openai/gpt-oss-120b", SERVICE_METHOD_A}, /* no speed */
    {"france-hosting", "huggingface_hub/openai/gpt-oss-120b", SERVICE_METHOD_B},
};
#define CASE_COUNT (sizeof(CASES) / sizeof(CASES[0]))

static void test_any_activity(void **state)
{
    struct factors *factors = factors_without_complaint(SHIPPED_FACTORS);

    (void)state;
    srand48(1);
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct impact_factors resolved =
            resolve(factors, CASES[i].provider, CASES[i].model, CASES[i].method);
        struct rates rates = rates_of(&resolved);

        for (int row = 0; row < ROWS; row++)
            assert_as_computed(&rates, some_band(1), some_band(100), some_band(300));
    }
    factors_free(factors);
}

/* Ends without a logarithm, and none. */
static void test_nothing(void **state)
{
    static const struct triple none = {0, 0, 0}, perhaps = {0, 0, 3}, some = {0, 2, 3};
    const struct triple levels[] = {none, perhaps, some, triple_exact(2)};
    struct factors *factors = factors_without_complaint(SHIPPED_FACTORS);
    struct impact_factors without = {0};
    struct rates rates = rates_of(&without);

    (void)state;
    assert_as_computed(&rates, some, some, some);
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct impact_factors resolved =
            resolve(factors, CASES[i].provider, CASES[i].model, CASES[i].method);

        rates = rates_of(&resolved);
        for (int row = 0; row < 64; row++)
            assert_as_computed(&rates, levels[row % 4], levels[row / 4 % 4], levels[row / 16]);
    }
    factors_free(factors);
}

static void test_same_central(void **state)
{
    struct factors *factors = factors_without_complaint(SHIPPED_FACTORS);
    struct impact_factors a = resolve(factors, "openai", "openai/gpt-4o", SERVICE_METHOD_A);
    struct impact_factors b = resolve(factors, "openai", "openai/gpt-4o", SERVICE_METHOD_B);
    struct rates first = rates_of(&a), second = rates_of(&a);
    struct zone_factors zone = *a.zone;

    (void)state;
    assert_true(rates_same_central(&first, &second));
    second = rates_of(&b);
    assert_false(rates_same_central(&first, &second));
    zone.gwp_kgco2e_per_kwh *= 2;
    a.zone = &zone;
    second = rates_of(&a);
    assert_false(rates_same_central(&first, &second));
    factors_free(factors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_activity),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_same_central),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
