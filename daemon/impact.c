/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/impact.h"

#include <math.h>
#include <string.h>

#define WH_PER_KWH    1000.0
#define S_PER_HOUR    3600.0
#define BITS_PER_BYTE 8.0
#define J_PER_KWH     3.6e6

/* ---- Method A (docs/method.md, section 2) ---- */

double impact_gpu_energy_kwh(const struct method_a *method, double batch_size, double active_b,
                             double tokens)
{
    double wh_per_token =
        method->energy_alpha_wh * exp(method->energy_beta * batch_size) * active_b +
        method->energy_gamma_wh;

    return tokens * wh_per_token / WH_PER_KWH;
}

double impact_generation_latency_s(const struct method_a *method, double batch_size,
                                   double active_b, double tokens)
{
    return tokens * (method->latency_alpha_s * active_b + method->latency_beta_s * batch_size +
                     method->latency_gamma_s);
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

/* ---- Method B (docs/method.md, section 2) ---- */

double impact_joules_per_token(const struct method_b *method, double active_b, double total_b,
                               double batch_size)
{
    double batch = log(batch_size);

    return exp(method->intercept + method->active_exponent * log(active_b) +
               method->total_exponent * log(total_b) + method->batch_exponent * batch +
               method->batch_curvature * batch * batch);
}

/* ---- At one point ---- */

static double latency_s(const struct impact_factors *factors, const struct impact_point *point)
{
    const struct model_factors *model = factors->model;
    const struct impact_work *work = &point->work;
    double generation_s = model->tokens_per_second > 0
                              ? work->tokens_out / model->tokens_per_second
                              : impact_generation_latency_s(factors->method, point->batch_size,
                                                            point->active_b, work->tokens_out);

    return fmin(work->request_latency_s,
                generation_s + work->requests * model->time_to_first_token_s);
}

/* Of the part of a server that its GPUs keep busy. */
static double server_energy_a_kwh(const struct method_a *method, const struct impact_point *point,
                                  double gpu_count, double busy_s)
{
    return busy_s / S_PER_HOUR * method->server_power_kw * gpu_count / method->server_gpus /
           point->batch_size;
}

static double gpu_energy_a_kwh(const struct method_a *method, const struct impact_point *point,
                               double gpu_count)
{
    return point->gpu_energy_factor * gpu_count *
           impact_gpu_energy_kwh(method, point->batch_size, point->active_b,
                                 point->work.tokens_out);
}

/* Of the host, and of machines that wait, whose GPUs took GPU_KWH. */
static double overhead_b_kwh(const struct method_b *method, double gpu_kwh)
{
    return gpu_kwh * (method->host_share + method->idle_share);
}

static double gpu_energy_b_kwh(const struct method_b *method, const struct impact_point *point)
{
    double tokens = point->work.tokens_out + point->input_weight * point->work.tokens_in;
    double joules = tokens * impact_joules_per_token(method, point->active_b, point->total_b,
                                                     point->batch_size);

    return point->gpu_energy_factor * joules / J_PER_KWH;
}

struct impact_result impact_of_energy(double it_kwh, const struct impact_point *point)
{
    double energy_kwh = point->pue * it_kwh;

    return (struct impact_result){
        .it_kwh = it_kwh,
        .energy_kwh = energy_kwh,
        .gwp_use_kgco2e = energy_kwh * point->gwp_kgco2e_per_kwh,
        .adpe_use_kgsb = energy_kwh * point->adpe_kgsb_per_kwh,
        .water_l = it_kwh * (point->wue_l_per_kwh + point->pue * point->ewif_l_per_kwh),
    };
}

struct impact_result impact_at(const struct impact_factors *factors,
                               const struct impact_point *point)
{
    const struct method_a *method = factors->method;
    double gpus = impact_gpu_count(method, point->total_b);
    double busy_s = latency_s(factors, point);
    double lifetimes = busy_s / (point->batch_size * method->hardware_lifetime_s);
    double servers = gpus / method->server_gpus;
    double gpu_kwh = factors->method_b ? gpu_energy_b_kwh(factors->method_b, point)
                                       : gpu_energy_a_kwh(method, point, gpus);
    double server_kwh = factors->method_b ? overhead_b_kwh(factors->method_b, gpu_kwh)
                                          : server_energy_a_kwh(method, point, gpus, busy_s);
    struct impact_result result = impact_of_energy(server_kwh + gpu_kwh, point);

    result.gpu_count = gpus;
    result.latency_s = busy_s;
    result.gpu_kwh = gpu_kwh;
    result.server_kwh = server_kwh;
    result.gwp_embodied_kgco2e =
        lifetimes * (servers * method->server_gwp_kgco2e + gpus * method->gpu_gwp_kgco2e);
    result.adpe_embodied_kgsb =
        lifetimes * (servers * method->server_adpe_kgsb + gpus * method->gpu_adpe_kgsb);
    return result;
}

/* Geometric mean; half of the maximum where the minimum is 0 and would drag it to 0. The roots are
 * taken one by one, as a product of small numbers could vanish. */
double impact_centre(double minimum, double maximum)
{
    if (minimum <= 0)
        return maximum / 2;
    return minimum < maximum ? fmin(fmax(sqrt(minimum) * sqrt(maximum), minimum), maximum)
                             : minimum;
}

static double end_of_range(struct range range, enum impact_end end)
{
    switch (end) {
    case IMPACT_LOW:
        return range.min;
    case IMPACT_HIGH:
        return range.max;
    case IMPACT_CENTRAL:
        break;
    }
    return impact_centre(range.min, range.max);
}

static double end_of_triple(struct triple triple, enum impact_end end)
{
    return end == IMPACT_LOW ? triple.low : end == IMPACT_HIGH ? triple.high : triple.central;
}

/* A larger batch shares the machines among more requests: its upper end is the lower impact. */
static struct triple by_impact(struct triple batch)
{
    return (struct triple){batch.high, batch.central, batch.low};
}

struct impact_point impact_point(const struct impact_factors *factors,
                                 const struct impact_work *work, enum impact_end end)
{
    const struct method_b *method_b = factors->method_b;
    const struct model_factors *model = factors->model;

    return (struct impact_point){
        .work = *work,
        .total_b = model ? end_of_range(model->total_parameters_b, end) : 0,
        .active_b = model ? end_of_range(model->active_parameters_b, end) : 0,
        .batch_size = method_b ? end_of_triple(by_impact(method_b->batch_size), end)
                               : factors->method->batch_size,
        .input_weight = method_b ? end_of_triple(method_b->input_weight, end) : 0,
        .gpu_energy_factor = 1,
        .pue = end_of_range(factors->provider->pue, end),
        .wue_l_per_kwh = end_of_range(factors->provider->wue_l_per_kwh, end),
        .ewif_l_per_kwh = factors->zone->ewif_l_per_kwh,
        .gwp_kgco2e_per_kwh = factors->zone->gwp_kgco2e_per_kwh,
        .adpe_kgsb_per_kwh = factors->zone->adpe_kgsb_per_kwh,
    };
}

/* ---- Bands ---- */

/* The five quantities of struct impact at one end of the factors and one level of activity. */
enum { QUANTITIES = 5 };

struct quantities {
    double values[QUANTITIES];
};

/* The factors' two ends and what is between them, for one level of activity. */
struct span {
    struct quantities minimum;
    struct quantities central;
    struct quantities maximum;
};

static struct quantities quantities_at(const struct impact_factors *factors,
                                       const struct impact_work *work, enum impact_end end)
{
    struct impact_point point = impact_point(factors, work, end);
    struct impact_result result = impact_at(factors, &point);

    return (struct quantities){{result.energy_kwh, result.gwp_use_kgco2e,
                                result.gwp_embodied_kgco2e,
                                result.adpe_use_kgsb + result.adpe_embodied_kgsb, result.water_l}};
}

static struct span span_of(const struct impact_factors *factors, double requests, double tokens_in,
                           double tokens_out)
{
    struct impact_work work = {requests, tokens_in, tokens_out, INFINITY};
    struct span span = {.minimum = quantities_at(factors, &work, IMPACT_LOW),
                        .central = quantities_at(factors, &work, IMPACT_CENTRAL),
                        .maximum = quantities_at(factors, &work, IMPACT_HIGH)};

    /* Method A states no centre. */
    for (int i = 0; !factors->method_b && i < QUANTITIES; i++)
        span.central.values[i] = impact_centre(span.minimum.values[i], span.maximum.values[i]);
    return span;
}

/* ln(above / below); of 0, infinite. */
static double log_ratio(double above, double below)
{
    return below > 0 ? log(above / below) : INFINITY;
}

/* The factor >= 1 that independent log-ratios make together. */
static double combined_factor(double log_a, double log_b, double log_c)
{
    return exp(sqrt(log_a * log_a + log_b * log_b + log_c * log_c));
}

/* The method's own error as wide as a stated range is. Method A's is not in its band, which is
 * that of EcoLogits. */
double impact_log_of_fit(const struct impact_factors *factors)
{
    const struct uncertainty_factors *uncertainty = factors->uncertainty;

    return factors->method_b && uncertainty
               ? log(uncertainty->method_b_gsd) * uncertainty->range_sigmas / 2
               : 0;
}

static struct triple band(const struct span activity[3], int quantity, double log_fit)
{
    double minimum = activity[1].minimum.values[quantity];
    double maximum = activity[1].maximum.values[quantity];
    double central = activity[1].central.values[quantity];
    double low_activity = activity[0].central.values[quantity];
    double high_activity = activity[2].central.values[quantity];

    /* Nothing is expected, but something is possible: no ratio to speak of. */
    if (central <= 0)
        return (struct triple){0, 0, activity[2].maximum.values[quantity]};
    return (struct triple){central / combined_factor(log_ratio(central, low_activity),
                                                     log_ratio(central, minimum), log_fit),
                           central,
                           central * combined_factor(log_ratio(high_activity, central),
                                                     log_ratio(maximum, central), log_fit)};
}

struct impact impact_compute(const struct impact_factors *factors, struct triple requests,
                             struct triple tokens_in, struct triple tokens_out)
{
    struct span activity[3];
    double log_fit = impact_log_of_fit(factors);

    if (!factors->model)
        return (struct impact){0};
    activity[0] = span_of(factors, requests.low, tokens_in.low, tokens_out.low);
    activity[1] = span_of(factors, requests.central, tokens_in.central, tokens_out.central);
    activity[2] = span_of(factors, requests.high, tokens_in.high, tokens_out.high);
    return (struct impact){.energy_kwh = band(activity, 0, log_fit),
                           .gwp_use_kgco2e = band(activity, 1, log_fit),
                           .gwp_embodied_kgco2e = band(activity, 2, 0),
                           .adpe_kgsb = band(activity, 3, log_fit),
                           .water_l = band(activity, 4, log_fit)};
}

static struct quantities quantities_of_energy(const struct impact_factors *factors, double it_kwh,
                                              enum impact_end end)
{
    const struct impact_work none = {0};
    struct impact_point point = impact_point(factors, &none, end);
    struct impact_result result = impact_of_energy(it_kwh, &point);

    return (struct quantities){{result.energy_kwh, result.gwp_use_kgco2e,
                                result.gwp_embodied_kgco2e,
                                result.adpe_use_kgsb + result.adpe_embodied_kgsb, result.water_l}};
}

struct impact impact_of_units(const struct impact_factors *factors, struct triple it_kwh,
                              struct triple units)
{
    const double numbers[] = {units.low, units.central, units.high};
    struct span span[3];

    for (int i = 0; i < 3; i++)
        span[i] = (struct span){
            .minimum = quantities_of_energy(factors, numbers[i] * it_kwh.low, IMPACT_LOW),
            .central = quantities_of_energy(factors, numbers[i] * it_kwh.central, IMPACT_CENTRAL),
            .maximum = quantities_of_energy(factors, numbers[i] * it_kwh.high, IMPACT_HIGH)};
    return (struct impact){.energy_kwh = band(span, 0, 0),
                           .gwp_use_kgco2e = band(span, 1, 0),
                           .gwp_embodied_kgco2e = band(span, 2, 0),
                           .adpe_kgsb = band(span, 3, 0),
                           .water_l = band(span, 4, 0)};
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

/* Where it runs. */
static const char *resolve_place(const struct factors *factors, const struct service *service,
                                 struct impact_factors *out)
{
    const struct provider_factors *provider = factors_provider(factors, service->provider);
    const struct zone_factors *zone = provider ? factors_zone(factors, provider->zone) : NULL;

    if (!provider)
        return "the provider is not in providers.conf";
    if (!zone)
        return "the provider's zone is not in zones.conf";
    *out = (struct impact_factors){
        .method = factors_method_a(factors),
        .provider = provider,
        .zone = zone,
        .uncertainty = factors_uncertainty(factors),
    };
    return NULL;
}

const char *impact_resolve_images(const struct factors *factors, const struct service *service,
                                  struct impact_factors *out, const struct medium_factors **medium)
{
    *out = (struct impact_factors){0};
    *medium = NULL;
    if (service->image_model[0] == '\0')
        return NULL;
    if (strncmp(service->image_model, "image/", strlen("image/")) != 0)
        return "the image_model must be an image: \"image/name\"";
    *medium = factors_medium(factors, service->image_model);
    return *medium ? resolve_place(factors, service, out) : "the image_model is not in media.conf";
}

struct triple impact_medium_kwh(const struct factors *factors, const struct medium_factors *medium)
{
    const struct method_b *overhead = factors_method_b(factors);
    double machines = medium->gpu_only ? 1 + overhead->host_share + overhead->idle_share : 1;

    return triple_scale(medium->energy_wh, machines / WH_PER_KWH);
}

const char *impact_resolve_model(const struct factors *factors, const struct service *service,
                                 const char *model, struct impact_factors *out)
{
    const struct model_factors *size;
    const char *problem;

    *out = (struct impact_factors){0};
    if (!strchr(model, '/'))
        return "the model must be written \"provider/name\"";
    size = factors_model_named(factors, model);
    if (!size)
        size = factors_model_unlisted(factors, model);
    if (!size)
        return "the model is not in models.conf, nor is a class for its maker's others";
    problem = resolve_place(factors, service, out);
    if (problem)
        return problem;
    out->model = size;
    out->method_b = service->method == SERVICE_METHOD_B ? factors_method_b(factors) : NULL;
    return NULL;
}

const char *impact_resolve(const struct factors *factors, const struct service *service,
                           struct impact_factors *out)
{
    if (service->model[0])
        return impact_resolve_model(factors, service, service->model, out);
    *out = (struct impact_factors){0};
    return NULL;
}
