/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/impact.h"

#include <math.h>
#include <string.h>

#define WH_PER_KWH    1000.0
#define S_PER_HOUR    3600.0
#define BITS_PER_BYTE 8.0

/* ---- Method A (the method page, section 2), for one end of the ranges ---- */

double impact_gpu_energy_kwh(const struct method_a *method, double active_b, double tokens)
{
    double wh_per_token =
        method->energy_alpha_wh * exp(method->energy_beta * method->batch_size) * active_b +
        method->energy_gamma_wh;

    return tokens * wh_per_token / WH_PER_KWH;
}

double impact_generation_latency_s(const struct method_a *method, double active_b, double tokens)
{
    return tokens * (method->latency_alpha_s * active_b +
                     method->latency_beta_s * method->batch_size + method->latency_gamma_s);
}

double impact_model_memory_gb(const struct method_a *method, double total_b)
{
    return method->memory_overhead * total_b * method->quantization_bits / BITS_PER_BYTE;
}

/* A model is spread over a power of two of GPUs. Doubling, not log2(), which may round across it.
 */
double impact_gpu_count(const struct method_a *method, double total_b)
{
    double needed = impact_model_memory_gb(method, total_b) / method->gpu_memory_gb;
    double count = 1;

    while (count < needed)
        count *= 2;
    return count;
}

/* One end of every range. */
struct end {
    double total_b;
    double active_b;
    double pue;
    double wue_l_per_kwh;
};

/* What is to be computed for. */
struct work {
    double requests;
    double tokens;
    double request_latency_s;
};

static double latency_s(const struct method_a *method, const struct model_factors *model,
                        double active_b, const struct work *work)
{
    double generation_s = model->tokens_per_second > 0
                              ? work->tokens / model->tokens_per_second
                              : impact_generation_latency_s(method, active_b, work->tokens);

    return fmin(work->request_latency_s,
                generation_s + work->requests * model->time_to_first_token_s);
}

/* Of the machines alone: GPUs, and the part of the server that they keep busy. */
static double it_energy_kwh(const struct method_a *method, const struct end *end,
                            const struct work *work, double gpu_count, double busy_s)
{
    double server_kwh = busy_s / S_PER_HOUR * method->server_power_kw * gpu_count /
                        method->server_gpus / method->batch_size;

    return server_kwh + gpu_count * impact_gpu_energy_kwh(method, end->active_b, work->tokens);
}

static struct method_a_result method_a_end(const struct impact_factors *factors,
                                           const struct end *end, const struct work *work)
{
    const struct method_a *method = factors->method;
    const struct zone_factors *zone = factors->zone;
    double gpus = impact_gpu_count(method, end->total_b);
    double busy_s = latency_s(method, factors->model, end->active_b, work);
    double it_kwh = it_energy_kwh(method, end, work, gpus, busy_s);
    double lifetimes = busy_s / (method->batch_size * method->hardware_lifetime_s);
    double servers = gpus / method->server_gpus;

    return (struct method_a_result){
        .gpu_count = gpus,
        .latency_s = busy_s,
        .energy_kwh = end->pue * it_kwh,
        .gwp_use_kgco2e = end->pue * it_kwh * zone->gwp_kgco2e_per_kwh,
        .gwp_embodied_kgco2e =
            lifetimes * (servers * method->server_gwp_kgco2e + gpus * method->gpu_gwp_kgco2e),
        .adpe_use_kgsb = end->pue * it_kwh * zone->adpe_kgsb_per_kwh,
        .adpe_embodied_kgsb =
            lifetimes * (servers * method->server_adpe_kgsb + gpus * method->gpu_adpe_kgsb),
        .water_l = it_kwh * (end->wue_l_per_kwh + end->pue * zone->ewif_l_per_kwh),
    };
}

static void method_a_ends(const struct impact_factors *factors, const struct work *work,
                          struct method_a_result *minimum, struct method_a_result *maximum)
{
    const struct model_factors *model = factors->model;
    const struct provider_factors *provider = factors->provider;
    struct end low = {model->total_parameters_b.min, model->active_parameters_b.min,
                      provider->pue.min, provider->wue_l_per_kwh.min};
    struct end high = {model->total_parameters_b.max, model->active_parameters_b.max,
                       provider->pue.max, provider->wue_l_per_kwh.max};

    *minimum = method_a_end(factors, &low, work);
    *maximum = method_a_end(factors, &high, work);
}

void impact_method_a(const struct method_a *method, const struct model_factors *model,
                     const struct provider_factors *provider, const struct zone_factors *zone,
                     double requests, double tokens_out, double request_latency_s,
                     struct method_a_result *minimum, struct method_a_result *maximum)
{
    struct impact_factors factors = {method, model, provider, zone};
    struct work work = {requests, tokens_out, request_latency_s};

    method_a_ends(&factors, &work, minimum, maximum);
}

/* ---- Bands ---- */

/* The five quantities of struct impact at one end of the factors and one level of activity. */
enum { QUANTITIES = 5 };

struct quantities {
    double values[QUANTITIES];
};

static struct quantities quantities_of(const struct method_a_result *result)
{
    return (struct quantities){
        {result->energy_kwh, result->gwp_use_kgco2e, result->gwp_embodied_kgco2e,
         result->adpe_use_kgsb + result->adpe_embodied_kgsb, result->water_l}};
}

/* Both ends of the factors for one level of activity. */
struct span {
    struct quantities minimum;
    struct quantities maximum;
};

static struct span span_of(const struct impact_factors *factors, double requests, double tokens)
{
    struct work work = {requests, tokens, INFINITY};
    struct method_a_result minimum, maximum;

    method_a_ends(factors, &work, &minimum, &maximum);
    return (struct span){quantities_of(&minimum), quantities_of(&maximum)};
}

/* Geometric mean; half of the maximum where the minimum is 0 and would drag it to 0. The roots are
 * taken one by one, as a product of small numbers could vanish. */
static double centre(double minimum, double maximum)
{
    if (minimum <= 0)
        return maximum / 2;
    return minimum < maximum ? fmin(fmax(sqrt(minimum) * sqrt(maximum), minimum), maximum)
                             : minimum;
}

/* ln(above / below); of 0, infinite. */
static double log_ratio(double above, double below)
{
    return below > 0 ? log(above / below) : INFINITY;
}

/* The factor >= 1 that two independent log-ratios make together. */
static double combined_factor(double log_a, double log_b)
{
    return exp(sqrt(log_a * log_a + log_b * log_b));
}

static struct triple band(const struct span activity[3], int quantity)
{
    double minimum = activity[1].minimum.values[quantity];
    double maximum = activity[1].maximum.values[quantity];
    double central = centre(minimum, maximum);
    double low_activity =
        centre(activity[0].minimum.values[quantity], activity[0].maximum.values[quantity]);
    double high_activity =
        centre(activity[2].minimum.values[quantity], activity[2].maximum.values[quantity]);

    /* Nothing is expected, but something is possible: no ratio to speak of. */
    if (central <= 0)
        return (struct triple){0, 0, activity[2].maximum.values[quantity]};
    return (struct triple){
        central / combined_factor(log_ratio(central, low_activity), log_ratio(central, minimum)),
        central,
        central * combined_factor(log_ratio(high_activity, central), log_ratio(maximum, central))};
}

struct impact impact_compute(const struct impact_factors *factors, struct triple requests,
                             struct triple tokens_out)
{
    struct span activity[3];

    if (!factors->model)
        return (struct impact){0};
    activity[0] = span_of(factors, requests.low, tokens_out.low);
    activity[1] = span_of(factors, requests.central, tokens_out.central);
    activity[2] = span_of(factors, requests.high, tokens_out.high);
    return (struct impact){.energy_kwh = band(activity, 0),
                           .gwp_use_kgco2e = band(activity, 1),
                           .gwp_embodied_kgco2e = band(activity, 2),
                           .adpe_kgsb = band(activity, 3),
                           .water_l = band(activity, 4)};
}

struct impact impact_add(struct impact a, struct impact b)
{
    return (struct impact){.energy_kwh = triple_add(a.energy_kwh, b.energy_kwh),
                           .gwp_use_kgco2e = triple_add(a.gwp_use_kgco2e, b.gwp_use_kgco2e),
                           .gwp_embodied_kgco2e =
                               triple_add(a.gwp_embodied_kgco2e, b.gwp_embodied_kgco2e),
                           .adpe_kgsb = triple_add(a.adpe_kgsb, b.adpe_kgsb),
                           .water_l = triple_add(a.water_l, b.water_l)};
}

/* ---- Factors of a service ---- */

/* Splits at the first '/': names of models hold others ("huggingface_hub/org/model"). */
static const struct model_factors *find_model(const struct factors *factors, const char *model)
{
    char provider[sizeof(((struct service *)NULL)->model)];
    const char *slash = strchr(model, '/');
    size_t length;

    if (!slash)
        return NULL;
    length = (size_t)(slash - model);
    if (length >= sizeof(provider))
        return NULL;
    memcpy(provider, model, length);
    provider[length] = '\0';
    return factors_model(factors, provider, slash + 1);
}

const char *impact_resolve(const struct factors *factors, const struct service *service,
                           struct impact_factors *out)
{
    const struct provider_factors *provider;
    const struct zone_factors *zone;
    const struct model_factors *model;

    *out = (struct impact_factors){0};
    if (!service->model[0])
        return NULL;
    if (!strchr(service->model, '/'))
        return "the model must be written \"provider/name\"";
    model = find_model(factors, service->model);
    if (!model)
        return "the model is not in models.conf";
    provider = factors_provider(factors, service->provider);
    if (!provider)
        return "the provider is not in providers.conf";
    zone = factors_zone(factors, provider->zone);
    if (!zone)
        return "the provider's zone is not in zones.conf";
    *out = (struct impact_factors){factors_method_a(factors), model, provider, zone};
    return NULL;
}
