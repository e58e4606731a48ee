/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/impact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/close.h"
#include "tests/daemon/shipped.h"
#include "tests/daemon/tsvtable.h"

#define SUBSETS IAGMETER_SOURCE_ROOT "/tests/fixtures/golden/ecologits_"
#define GOLDEN  IAGMETER_SOURCE_ROOT "/../shared/golden/ecologits_main-5be90da_"

/* ---- Golden vectors ---- */

/* The largest relative error over a table. */
struct error {
    double relative;
    unsigned rows;
};

static void compare(struct error *error, const struct table *table, const char *name, double value)
{
    double expected = number(table, name);
    double relative = fabs(value - expected) / fabs(expected);

    if (!(relative <= CLOSE))
        fail_msg("row %u, %s/%s: %s is %.17g, not %.17g", error->rows, text(table, "provider"),
                 text(table, "model"), name, value, expected);
    error->relative = fmax(error->relative, relative);
}

static void compare_end(struct error *error, const struct table *table, const char *end,
                        const struct impact_result *result)
{
    const struct {
        const char *name;
        double value;
    } columns[] = {
        {"gpu_count", result->gpu_count},
        {"latency_s", result->latency_s},
        {"energy_kwh", result->energy_kwh},
        {"gwp_usage", result->gwp_use_kgco2e},
        {"gwp_embodied", result->gwp_embodied_kgco2e},
        {"adpe_usage", result->adpe_use_kgsb},
        {"adpe_embodied", result->adpe_embodied_kgsb},
        {"water_l_li2025", result->water_l},
    };
    char name[40];

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        snprintf(name, sizeof(name), "%s_%s", columns[i].name, end);
        compare(error, table, name, columns[i].value);
    }
}

static void compute_ends(const struct impact_factors *factors, double requests, double tokens,
                         double latency_s, struct impact_result *minimum,
                         struct impact_result *maximum)
{
    struct impact_work work = {requests, 0, tokens, latency_s};
    struct impact_point low = impact_point(factors, &work, IMPACT_LOW);
    struct impact_point high = impact_point(factors, &work, IMPACT_HIGH);

    *minimum = impact_at(factors, &low);
    *maximum = impact_at(factors, &high);
}

/* Where our headline differs, EcoLogits' own row is kept beside it. */
static const struct zone_factors *find_zone(const struct factors *factors, const char *name)
{
    const struct zone_factors *zone;
    char id[ZONE_ID_SIZE];

    snprintf(id, sizeof(id), "%s-ECOLOGITS", name);
    zone = factors_zone(factors, id);
    return zone ? zone : factors_zone(factors, name);
}

static struct error check_core(FILE *stream)
{
    struct factors *factors = factors_without_complaint(SHIPPED_FACTORS);
    struct error error = {0};
    struct table table;

    table_start(&table, stream);
    while (table_next(&table)) {
        const struct model_factors *model =
            factors_model(factors, text(&table, "provider"), text(&table, "model"));
        const struct provider_factors *provider = factors_maker(factors, text(&table, "provider"));
        const struct zone_factors *zone = find_zone(factors, text(&table, "zone"));
        struct impact_result minimum, maximum;
        struct impact_factors resolved;

        assert_true(model && provider && zone);
        if (strcmp(text(&table, "zone_source"), "provider-default") == 0)
            assert_string_equal(provider->zone, text(&table, "zone"));
        resolved = (struct impact_factors){.method = factors_method_a(factors),
                                           .model = model,
                                           .provider = provider,
                                           .zone = zone};
        compute_ends(&resolved, 1, number(&table, "output_tokens"),
                     number(&table, "request_latency_s"), &minimum, &maximum);
        compare_end(&error, &table, "min", &minimum);
        compare_end(&error, &table, "max", &maximum);
        error.rows++;
    }
    factors_free(factors);
    return error;
}

static double unit_function(const struct method_a *method, double batch_size,
                            const struct table *table)
{
    const char *name = text(table, "fn");
    double size_b = number(table, "params_b");

    if (strcmp(name, "model_required_memory") == 0)
        return impact_model_memory_gb(method, size_b);
    if (strcmp(name, "gpu_required_count") == 0)
        return impact_gpu_count(method, size_b);
    if (strcmp(name, "gpu_energy") == 0)
        return impact_gpu_energy_kwh(method, batch_size, size_b, number(table, "tokens"));
    assert_string_equal(name, "generation_latency");
    return impact_generation_latency_s(method, batch_size, size_b, number(table, "tokens"));
}

static struct error check_units(FILE *stream)
{
    struct factors *factors = factors_without_complaint(SHIPPED_FACTORS);
    struct error error = {0};
    struct table table;

    table_start(&table, stream);
    while (table_next(&table)) {
        double expected = number(&table, "value");
        double value = unit_function(factors_method_a(factors), number(&table, "batch"), &table);

        error.relative = fmax(error.relative, fabs(value - expected) / expected);
        assert_close(value, expected);
        error.rows++;
    }
    factors_free(factors);
    return error;
}

static void report(const char *name, struct error error, unsigned rows)
{
    print_message("%s: %u rows, largest relative error %.2g\n", name, error.rows, error.relative);
    assert_int_equal(error.rows, rows);
}

static void reproduces_the_golden_subset(void **state)
{
    FILE *core = fopen(SUBSETS "core_subset.tsv", "r");
    FILE *units = fopen(SUBSETS "units_subset.tsv", "r");

    (void)state;
    report("core subset", check_core(core), 40);
    report("units subset", check_units(units), 64);
    fclose(core);
    fclose(units);
}

static void reproduces_all_golden_rows(void **state)
{
    FILE *stream;

    (void)state;
    if (access(GOLDEN "core.tsv.gz", R_OK) != 0) {
        print_message("skipped: %score.tsv.gz is not there\n", GOLDEN);
        skip();
    }
    stream = popen("gzip -dc '" GOLDEN "core.tsv.gz'", "r");
    report("core", check_core(stream), 3256);
    assert_int_equal(pclose(stream), 0);
    stream = fopen(GOLDEN "units.tsv", "r");
    report("units", check_units(stream), 308);
    fclose(stream);
}

/* ---- A case that can be computed by hand ----
 *
 * 1 Wh per token and GPU; 10 or 40 GB of model on GPUs of 10 GB, so 1 or 4 GPUs, in servers of 2;
 * 10 tokens per second; one server lives 100 s and costs 6 kgCO2e, one GPU 1. 1 000 tokens:
 *   min 1 kWh, max 4 kWh of machines; 100 s: one lifetime of 1 GPU and half a server, or of 4 and 2
 */

static const struct method_a simple_method = {.energy_gamma_wh = 1,
                                              .batch_size = 1,
                                              .quantization_bits = 8,
                                              .memory_overhead = 1,
                                              .gpu_memory_gb = 10,
                                              .server_gpus = 2,
                                              .hardware_lifetime_s = 100,
                                              .server_gwp_kgco2e = 6,
                                              .gpu_gwp_kgco2e = 1,
                                              .server_adpe_kgsb = 2,
                                              .gpu_adpe_kgsb = 1};
static const struct model_factors simple_model = {
    .total_parameters_b = {10, 40}, .active_parameters_b = {10, 40}, .tokens_per_second = 10};
static const struct provider_factors simple_provider = {.pue = {2, 2}, .wue_l_per_kwh = {1, 1}};
static const struct zone_factors simple_zone = {
    .gwp_kgco2e_per_kwh = 0.5, .adpe_kgsb_per_kwh = 0.25, .ewif_l_per_kwh = 3};
static const struct impact_factors simple = {.method = &simple_method,
                                             .model = &simple_model,
                                             .provider = &simple_provider,
                                             .zone = &simple_zone};

static void assert_triple(struct triple value, double low, double central, double high)
{
    assert_close(value.low, low);
    assert_close(value.central, central);
    assert_close(value.high, high);
}

static void computes_both_ends(void **state)
{
    struct impact_result minimum, maximum;

    (void)state;
    compute_ends(&simple, 1, 1000, INFINITY, &minimum, &maximum);
    assert_close(minimum.energy_kwh, 2);
    assert_close(maximum.energy_kwh, 8);
    assert_close(minimum.gwp_use_kgco2e, 1);
    assert_close(maximum.gwp_embodied_kgco2e, 4 * 1 + 2 * 6);
    assert_close(minimum.adpe_embodied_kgsb, 1 + 0.5 * 2);
    assert_close(maximum.water_l, 4 * (1 + 2 * 3));
}

static void combines_bands_in_logarithms(void **state)
{
    const double wide = 2.6651441426902250; /* exp(sqrt(2) * ln 2): a factor 2 twice */
    struct impact impact =
        impact_compute(&simple, triple_exact(1), triple_exact(0), (struct triple){500, 1000, 2000});

    (void)state;
    assert_triple(impact.energy_kwh, 4 / wide, 4, 4 * wide);
    assert_triple(impact.gwp_use_kgco2e, 2 / wide, 2, 2 * wide);
    assert_triple(impact.gwp_embodied_kgco2e, 8 / wide, 8, 8 * wide);
    assert_triple(impact.adpe_kgsb, 5 / wide, 5, 5 * wide);
    assert_triple(impact.water_l, 14 / wide, 14, 14 * wide);
}

/* Exact tokens leave the band of the factors, exact factors that of the tokens, and both none. */
static void keeps_exact_values_exact(void **state)
{
    struct model_factors one_size = simple_model;
    struct impact_factors exact = simple;
    struct impact impact;

    (void)state;
    impact = impact_compute(&simple, triple_exact(1), triple_exact(0), triple_exact(1000));
    assert_triple(impact.energy_kwh, 2, 4, 8);
    one_size.total_parameters_b = one_size.active_parameters_b = (struct range){40, 40};
    exact.model = &one_size;
    impact =
        impact_compute(&exact, triple_exact(1), triple_exact(0), (struct triple){500, 1000, 3000});
    assert_triple(impact.energy_kwh, 4, 8, 24);
    impact = impact_compute(&exact, triple_exact(1), triple_exact(0), triple_exact(1000));
    assert_true(impact.energy_kwh.low == 8 && impact.energy_kwh.high == 8);
    assert_true(impact.water_l.low == impact.water_l.high);
}

/* Each request waits for its first token; what the client saw bounds the whole. */
static void counts_waiting_and_cuts_to_what_was_seen(void **state)
{
    struct model_factors slow = simple_model;
    struct impact_result minimum, maximum;
    struct impact_factors factors = simple;
    struct impact impact;

    (void)state;
    slow.time_to_first_token_s = 2;
    factors.model = &slow;
    compute_ends(&factors, 10, 1000, INFINITY, &minimum, &maximum);
    assert_close(minimum.latency_s, 120);
    compute_ends(&factors, 10, 1000, 30, &minimum, &maximum);
    assert_close(minimum.latency_s, 30);
    assert_close(maximum.latency_s, 30);
    assert_close(minimum.gwp_embodied_kgco2e, 0.3 * 4);
    assert_close(minimum.energy_kwh, 2); /* the GPUs' energy goes by tokens */
    /* No token, but requests: hardware was kept waiting. Its band is that of the requests. */
    impact = impact_compute(&factors, (struct triple){5, 10, 20}, triple_exact(0), triple_exact(0));
    assert_triple(impact.energy_kwh, 0, 0, 0);
    assert_close(impact.gwp_embodied_kgco2e.central, 0.2 * 8);
    assert_close(impact.gwp_embodied_kgco2e.high, 0.2 * 8 * 2.6651441426902250);
}

static void handles_zeros(void **state)
{
    struct provider_factors dry = {.pue = {1, 1}, .wue_l_per_kwh = {0, 2}};
    struct zone_factors clean = {.gwp_kgco2e_per_kwh = 0};
    struct impact_factors factors = simple;
    struct impact impact;

    (void)state;
    impact = impact_compute(&simple, triple_exact(0), triple_exact(0), triple_exact(0));
    assert_triple(impact.energy_kwh, 0, 0, 0);
    assert_triple(impact.water_l, 0, 0, 0);
    impact = impact_compute(&simple, triple_exact(0), triple_exact(0), (struct triple){0, 0, 1000});
    assert_triple(impact.energy_kwh, 0, 0, 8);
    impact =
        impact_compute(&simple, triple_exact(0), triple_exact(0), (struct triple){0, 1000, 2000});
    assert_true(impact.energy_kwh.low == 0);
    assert_close(impact.energy_kwh.central, 4);
    assert_close(impact.energy_kwh.high, 4 * 2.6651441426902250);
    /* Factors that may be 0: half of the maximum, from 0 to the maximum. */
    factors.provider = &dry;
    factors.zone = &clean;
    impact = impact_compute(&factors, triple_exact(1), triple_exact(0), triple_exact(1000));
    assert_triple(impact.gwp_use_kgco2e, 0, 0, 0);
    assert_triple(impact.water_l, 0, 4, 8);
    factors.model = NULL;
    impact = impact_compute(&factors, triple_exact(1), triple_exact(0), triple_exact(1000));
    assert_triple(impact.energy_kwh, 0, 0, 0);
    assert_triple(impact.gwp_embodied_kgco2e, 0, 0, 0);
}

static void assert_ordered(struct triple value)
{
    assert_true(isfinite(value.low) && isfinite(value.high));
    assert_true(value.low >= 0);
    assert_true(value.low <= value.central);
    assert_true(value.central <= value.high);
}

static void assert_all_ordered(const struct impact *impact)
{
    assert_ordered(impact->energy_kwh);
    assert_ordered(impact->gwp_use_kgco2e);
    assert_ordered(impact->gwp_embodied_kgco2e);
    assert_ordered(impact->adpe_kgsb);
    assert_ordered(impact->water_l);
}

/* Whatever the activity, triples are ordered and finite; and twice the activity is twice the
 * impact. */
static void stays_ordered_and_proportional(void **state)
{
    static const double levels[] = {0, 1e-9, 1, 17, 250, 1e6, 1e15};
    const int count = sizeof(levels) / sizeof(levels[0]);
    struct factors *factors = factors_without_complaint(SHIPPED_FACTORS);
    struct service service = {.provider = "anthropic",
                              .model = "anthropic/claude-3-haiku-20240307"};
    struct impact_factors resolved;

    (void)state;
    assert_null(impact_resolve(factors, &service, &resolved));
    assert_non_null(resolved.model);
    for (int i = 0; i < count * count * count * count; i++) {
        int low = i % count, central = i / count % count, high = i / count / count % count;
        struct triple requests = triple_exact(levels[i / count / count / count]);
        struct triple tokens = {levels[low], levels[central], levels[high]};
        struct impact once, twice;

        if (low > central || central > high)
            continue;
        once = impact_compute(&resolved, requests, triple_exact(0), tokens);
        assert_all_ordered(&once);
        twice = impact_compute(&resolved, triple_scale(requests, 2), triple_exact(0),
                               triple_scale(tokens, 2));
        assert_triple(twice.energy_kwh, 2 * once.energy_kwh.low, 2 * once.energy_kwh.central,
                      2 * once.energy_kwh.high);
        assert_triple(twice.water_l, 2 * once.water_l.low, 2 * once.water_l.central,
                      2 * once.water_l.high);
    }
    factors_free(factors);
}

/* ---- Method B ----
 *
 * Without exponents a token costs e^ln 2 = 2 J, whatever the batch; with a batch exponent of -1,
 * that by the batch. 1 000 output tokens and 500 input tokens at 0.2 are 1 100: 2 200 J on the
 * GPUs, half of it more for the host, as much again for waiting machines. */

static const struct method_b flat_method = {.intercept = 0.69314718055994531,
                                            .batch_size = {1, 1, 1},
                                            .input_weight = {0.2, 0.2, 0.2},
                                            .host_share = 0.5,
                                            .idle_share = 1};
static const struct uncertainty_factors no_error = {
    .method_a_gsd = 1, .method_b_gsd = 1, .range_sigmas = 4};

static void computes_method_b_by_hand(void **state)
{
    struct impact_factors factors = simple;
    struct impact_work work = {1, 500, 1000, INFINITY};
    struct impact_point point;
    struct impact_result result;

    (void)state;
    factors.method_b = &flat_method;
    factors.uncertainty = &no_error;
    point = impact_point(&factors, &work, IMPACT_LOW);
    result = impact_at(&factors, &point);
    /* 5 500 J of machines, PUE 2 */
    assert_close(result.energy_kwh, 2 * 5500 / 3.6e6);
    assert_close(result.gwp_use_kgco2e, 5500 / 3.6e6);
    assert_close(result.adpe_use_kgsb, 0.25 * 2 * 5500 / 3.6e6);
    assert_close(result.water_l, 5500 / 3.6e6 * (1 + 2 * 3));
    /* Method A's hardware: 100 s of 1 GPU and half a server, which is their lifetime */
    assert_close(result.gwp_embodied_kgco2e, 1 + 6 / 2);
}

/* J per token = e^intercept * P^a * T^b * B^c * e^(d ln(B)^2), by hand at P = T = e and B = e^2. */
static void the_fit_has_its_exponents(void **state)
{
    const double e = 2.7182818284590452;
    struct method_b method = {.intercept = 1,
                              .active_exponent = 0.25,
                              .total_exponent = 0.5,
                              .batch_exponent = -1,
                              .batch_curvature = 0.125};
    struct factors *factors = factors_without_complaint(SHIPPED_FACTORS);
    const struct method_b *fit = factors_method_b(factors);

    (void)state;
    assert_close(impact_joules_per_token(&method, e, e, e * e), exp(1 + 0.25 + 0.5 - 2 + 0.5));
    /* Llama 3.1 on H100, batch of 64, as measured (ML.ENERGY v3): within the fit's own error. */
    assert_true(fabs(log(impact_joules_per_token(fit, 8.03, 8.03, 64) / 0.1186)) < log(1.41));
    assert_true(fabs(log(impact_joules_per_token(fit, 70.6, 70.6, 64) / 0.797)) < log(1.41));
    assert_true(fabs(log(impact_joules_per_token(fit, 406, 406, 64) / 3.08)) < log(1.41));
    factors_free(factors);
}

/* Two errors of a factor of two, and one of the place: in logarithms. */
static void units_take_energy_where_they_are_made(void **state)
{
    const struct provider_factors provider = {.pue = {1, 4}, .wue_l_per_kwh = {1, 1}};
    struct impact_factors factors = simple;
    struct impact impact;

    (void)state;
    factors.model = NULL;
    factors.provider = &provider;
    impact = impact_of_units(&factors, (struct triple){0.5, 1, 2}, (struct triple){5, 10, 20});
    assert_triple(impact.energy_kwh, 20 * exp(-hypot(log(2), log(4))), 20,
                  20 * exp(hypot(log(2), log(4))));
    assert_close(impact.gwp_use_kgco2e.central, 20 * factors.zone->gwp_kgco2e_per_kwh);
    assert_true(impact.gwp_embodied_kgco2e.high == 0);
    impact = impact_of_units(&factors, triple_exact(1), (struct triple){0, 0, 3});
    assert_triple(impact.energy_kwh, 0, 0, 12);
}

static void a_large_batch_is_the_low_end(void **state)
{
    struct method_b method = flat_method;
    struct impact_factors factors = simple;
    struct uncertainty_factors error = {.method_b_gsd = 2, .range_sigmas = 2};
    struct impact impact;

    (void)state;
    method.batch_size = (struct triple){1, 2, 8};
    method.batch_exponent = -1;
    factors.method_b = &method;
    factors.uncertainty = &no_error;
    impact = impact_compute(&factors, triple_exact(1), triple_exact(500), triple_exact(1000));
    assert_triple(impact.energy_kwh, 5500 / 3.6e6 / 4, 5500 / 3.6e6, 2 * 5500 / 3.6e6);
    /* 40 GB for the upper end's 4 GPUs and batch of 1, 10 GB for the lower one's GPU and batch of 8
     */
    assert_close(impact.gwp_embodied_kgco2e.low, 4.0 / 8);
    assert_close(impact.gwp_embodied_kgco2e.high, 16);
    /* The fit's own error, two standard deviations wide, joins in logarithms: a factor 2 twice. */
    factors.uncertainty = &error;
    impact = impact_compute(&factors, triple_exact(1), triple_exact(500), triple_exact(1000));
    assert_close(impact.energy_kwh.high, 5500 / 3.6e6 * 2.6651441426902250);
    assert_close(impact.gwp_embodied_kgco2e.high, 16);
}

/* Method A gives input tokens no energy. */
static void input_tokens_weigh_in_method_b_only(void **state)
{
    struct impact_factors factors = simple;
    struct impact impact;

    (void)state;
    impact = impact_compute(&factors, triple_exact(1), triple_exact(1e6), triple_exact(1000));
    assert_triple(impact.energy_kwh, 2, 4, 8);
    factors.method_b = &flat_method;
    impact = impact_compute(&factors, triple_exact(1), triple_exact(5000), triple_exact(0));
    assert_close(impact.energy_kwh.central, 2 * 5000 / 3.6e6);
}

/* A host of our own: E_fac = PUE E_it, water = E_it WUE + E_fac EWIF, for 3 kWh, PUE 1.5, WUE 0.4.
 */
static void computes_local_energy_by_hand(void **state)
{
    struct impact_point point = {.pue = 1.5,
                                 .wue_l_per_kwh = 0.4,
                                 .ewif_l_per_kwh = 2,
                                 .gwp_kgco2e_per_kwh = 0.05,
                                 .adpe_kgsb_per_kwh = 1e-8};
    struct impact_result result = impact_of_energy(3, &point);

    (void)state;
    assert_close(result.energy_kwh, 4.5);
    assert_close(result.gwp_use_kgco2e, 0.225);
    assert_close(result.adpe_use_kgsb, 4.5e-8);
    assert_close(result.water_l, 1.2 + 9);
    assert_true(result.gwp_embodied_kgco2e == 0 && result.adpe_embodied_kgsb == 0);
}

static void adds_end_to_end(void **state)
{
    struct impact a = impact_compute(&simple, triple_exact(1), triple_exact(0), triple_exact(1000));
    struct impact sum = impact_add(a, a);

    (void)state;
    assert_triple(sum.energy_kwh, 4, 8, 16);
    assert_triple(sum.gwp_use_kgco2e, 2, 4, 8);
    assert_triple(sum.gwp_embodied_kgco2e, 8, 16, 32);
    assert_triple(sum.adpe_kgsb, 2 * a.adpe_kgsb.low, 2 * a.adpe_kgsb.central,
                  2 * a.adpe_kgsb.high);
    assert_triple(sum.water_l, 14, 28, 56);
}

/* ---- Resolving ---- */

static void resolves_a_service(void **state)
{
    struct factors *factors = factors_without_complaint(SHIPPED_FACTORS);
    struct service service = {.provider = "france-hosting",
                              .model = "huggingface_hub/databricks/dolly-v2-12b"};
    struct impact_factors resolved;

    (void)state;
    assert_null(impact_resolve(factors, &service, &resolved));
    assert_string_equal(resolved.model->provider, "huggingface_hub");
    assert_string_equal(resolved.model->name, "databricks/dolly-v2-12b");
    assert_string_equal(resolved.provider->id, "france-hosting");
    assert_string_equal(resolved.zone->id, "FRA");
    assert_ptr_equal(resolved.method, factors_method_a(factors));
    assert_null(resolved.method_b); /* A is the headline */
    service.method = SERVICE_METHOD_B;
    assert_null(impact_resolve(factors, &service, &resolved));
    assert_ptr_equal(resolved.method_b, factors_method_b(factors));
    assert_ptr_equal(resolved.uncertainty, factors_uncertainty(factors));
    factors_free(factors);
}

static void a_service_without_model_has_no_estimate(void **state)
{
    struct factors *factors = factors_without_complaint(SHIPPED_FACTORS);
    struct service service = {.provider = "nobody"};
    struct impact_factors resolved = simple;

    (void)state;
    assert_null(impact_resolve(factors, &service, &resolved));
    assert_null(resolved.model);
    factors_free(factors);
}

#define UNKNOWN_MODEL "the model is not in models.conf, nor is a class for its maker's others"

static void says_what_is_missing(void **state)
{
    static const char *const cases[][3] = {
        {"openai", "gpt-4o", "the model must be written \"provider/name\""},
        {"openai", "nobody/gpt-0", UNKNOWN_MODEL},
        {"openai", "/gpt-4o", UNKNOWN_MODEL},
        {"nobody", "openai/gpt-4o", "the provider is not in providers.conf"},
        {"", "openai/gpt-4o", "the provider is not in providers.conf"},
    };
    struct factors *factors = factors_without_complaint(SHIPPED_FACTORS);
    struct impact_factors resolved;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct service service = {.id = ""};
        const char *missing;

        snprintf(service.provider, sizeof(service.provider), "%s", cases[i][0]);
        snprintf(service.model, sizeof(service.model), "%s", cases[i][1]);
        missing = impact_resolve(factors, &service, &resolved);
        assert_non_null(missing);
        assert_string_equal(missing, cases[i][2]);
        assert_null(resolved.model);
    }
    factors_free(factors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reproduces_the_golden_subset),
        cmocka_unit_test(reproduces_all_golden_rows),
        cmocka_unit_test(computes_both_ends),
        cmocka_unit_test(combines_bands_in_logarithms),
        cmocka_unit_test(keeps_exact_values_exact),
        cmocka_unit_test(counts_waiting_and_cuts_to_what_was_seen),
        cmocka_unit_test(handles_zeros),
        cmocka_unit_test(stays_ordered_and_proportional),
        cmocka_unit_test(computes_method_b_by_hand),
        cmocka_unit_test(the_fit_has_its_exponents),
        cmocka_unit_test(a_large_batch_is_the_low_end),
        cmocka_unit_test(input_tokens_weigh_in_method_b_only),
        cmocka_unit_test(computes_local_energy_by_hand),
        cmocka_unit_test(adds_end_to_end),
        cmocka_unit_test(resolves_a_service),
        cmocka_unit_test(a_service_without_model_has_no_estimate),
        cmocka_unit_test(says_what_is_missing),
        cmocka_unit_test(units_take_energy_where_they_are_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
