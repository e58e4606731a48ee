/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/whatif_measured.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MEASURED "measured" /* no maker of models has this name */

bool whatif_is_measured(const struct impact_factors *factors)
{
    return factors->method_b && factors->model && strcmp(factors->model->provider, MEASURED) == 0;
}

const char *whatif_method_name(const struct impact_factors *factors)
{
    if (whatif_is_measured(factors))
        return MEASURED;
    return factors->method_b ? "B" : "A";
}

static void set_provider(const struct host_config *host, struct provider_factors *provider)
{
    *provider = (struct provider_factors){
        .pue = {host->pue.value, host->pue.value},
        .wue_l_per_kwh = {host->wue_l_per_kwh.value, host->wue_l_per_kwh.value},
        .provenance = host->pue.provenance};
    snprintf(provider->id, sizeof(provider->id), "%s", host->name);
    snprintf(provider->zone, sizeof(provider->zone), "%s", host->zone);
}

static void set_model(const struct month_report *report, struct whatif_measured *measured)
{
    const struct host_config *host = report->config->host;
    struct model_factors *model = &measured->model;

    *model = (struct model_factors){.provider = MEASURED,
                                    .total_parameters_b = {1, 1},
                                    .active_parameters_b = {1, 1},
                                    .provenance = host->energy_accuracy.provenance};
    snprintf(model->name, sizeof(model->name), "%s", measured->service);
}

/* ln(J per token) is all of the fit: no size, no batch, and the host is in what was measured. */
static void set_methods(const struct month_report *report, const struct host_weights *weights,
                        struct whatif_measured *measured)
{
    const struct factors *factors = report->config->factors;
    const struct host_config *host = report->config->host;

    measured->method = *factors_method_a(factors);
    measured->method.server_gwp_kgco2e = measured->method.gpu_gwp_kgco2e = 0;
    measured->method.server_adpe_kgsb = measured->method.gpu_adpe_kgsb = 0;
    measured->method_b = (struct method_b){
        .intercept = log(measured->joules_per_token),
        .batch_size = triple_exact(1),
        .input_weight = triple_exact(measured->input_weight),
        .provenance = host->energy_accuracy.provenance,
        .batch_provenance = host->energy_accuracy.provenance,
        .input_provenance = weights->provenance,
        .overhead_provenance = host->energy_accuracy.provenance,
    };
    measured->uncertainty = *factors_uncertainty(factors);
    measured->uncertainty.method_b_gsd =
        pow(1 + host->energy_accuracy.value, 2 / measured->uncertainty.range_sigmas);
}

static bool set_energy(const struct month_report *report, const struct host_weights *weights,
                       struct whatif_measured *measured)
{
    double energy_j = 0, tokens_in = 0, tokens_out = 0;

    for (size_t i = 0; i < report->cell_count; i++) {
        const struct activity *activity = &report->cells[i].totals.activity;

        if (strcmp(report->cells[i].service, measured->service) != 0)
            continue;
        energy_j += activity->energy_j;
        tokens_in += activity->tokens_in.central;
        tokens_out += activity->tokens_out.central;
    }
    if (!(energy_j > 0) || !(weights->weights.output > 0))
        return false;
    measured->input_weight = weights->weights.input / weights->weights.output;
    measured->weighted_tokens = tokens_out + measured->input_weight * tokens_in;
    measured->joules_per_token = energy_j / measured->weighted_tokens;
    return measured->weighted_tokens > 0;
}

struct whatif_measured *whatif_measured_new(const struct month_report *report, const char *service)
{
    const struct config *config = report->config;
    struct whatif_measured *measured;
    const struct host_weights *weights;
    const struct zone_factors *zone;

    if (!report->host || !config->factors || !localhost_is_local(config, service) ||
        localhost_is_common(config, service))
        return NULL;
    weights = hostconfig_weights(config->host, service);
    zone = factors_zone(config->factors, config->host->zone);
    measured = calloc(1, sizeof(*measured));
    if (measured)
        snprintf(measured->service, sizeof(measured->service), "%s", service);
    if (!measured || !weights || !zone || !set_energy(report, weights, measured)) {
        free(measured);
        return NULL;
    }
    set_provider(config->host, &measured->provider);
    set_model(report, measured);
    set_methods(report, weights, measured);
    measured->mix =
        (struct mix_factors){.from_s = INT64_MIN,
                             .until_s = INT64_MAX,
                             .count = 1,
                             .models = {measured->service},
                             .shares = {1},
                             .parts = {{&measured->method, &measured->model, &measured->provider,
                                        zone, &measured->method_b, &measured->uncertainty}}};
    return measured;
}
