/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/whatif_measured.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/calendar.h"
#include "daemon/settlement.h"

#define MEASURED "measured" /* no maker of models has this name */
#define NS_PER_S 1e9

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

/* ---- What was measured, and for how many tokens ---- */

/* How much of a minute all devices that the service needs were measured, from 0 to 1: the shortest
 * of them. */
struct minute {
    double part;
    size_t devices;
};

struct measuring {
    const struct month_report *report;
    const char *service;
    struct minute *minutes; /* from the month's start */
    size_t devices;         /* that the service needs, of those that the month has */
    double energy_j;
    double tokens_in;
    double tokens_out;
};

/* Where it computes, and what follows that. */
static bool needs(const struct measuring *measuring, const char *name, uint8_t kind)
{
    const struct host_device *place = hostconfig_device(measuring->report->config->host, name);

    for (size_t i = 0; place && i < place->service_count; i++)
        if (strcmp(place->services[i], measuring->service) == 0)
            return true;
    return kind == POWER_DEVICE_HOST && (!place || place->service_count == 0);
}

static struct minute *minute_at(const struct measuring *measuring, int64_t interval_start)
{
    return &measuring->minutes[(interval_start - measuring->report->month.start) / INTERVAL_S];
}

static double part_of(const struct measuring *measuring, int64_t interval_start)
{
    const struct minute *minute = minute_at(measuring, interval_start);

    return minute->devices < measuring->devices ? 0 : minute->part;
}

static bool take_device(void *context, const struct ledger_device_row *row)
{
    const struct measuring *measuring = context;
    struct minute *minute = minute_at(measuring, row->interval_start);
    double part = fmin((double)row->covered_ns / NS_PER_S / INTERVAL_S, 1);

    if (row->covered_ns == 0 || !needs(measuring, row->name, row->kind))
        return true;
    minute->part = minute->devices++ > 0 ? fmin(minute->part, part) : part;
    return true;
}

/* Of what the report shows. */
static bool is_shown(const struct measuring *measuring, const char *direction, const char *service)
{
    const struct month_report *report = measuring->report;

    if (strcmp(service, measuring->service) != 0)
        return false;
    for (size_t i = 0; i < report->cell_count; i++)
        if (strcmp(report->cells[i].service, service) == 0 &&
            strcmp(report->cells[i].direction, direction) == 0)
            return true;
    return false;
}

/* Over the time that it took, which its energy is too. */
static bool take_use(void *context, const struct ledger_use_row *row)
{
    struct measuring *measuring = context;
    double part = part_of(measuring, row->interval_start);

    if (is_shown(measuring, row->direction, row->service)) {
        measuring->tokens_in += part * row->tokens_in;
        measuring->tokens_out += part * row->tokens_out;
    }
    return true;
}

static bool take_energy(void *context, const struct ledger_row *row)
{
    struct measuring *measuring = context;

    if (part_of(measuring, row->interval_start) > 0 &&
        is_shown(measuring, row->direction, row->service))
        measuring->energy_j += row->activity.energy_j;
    return true;
}

static bool read_ledger(struct ledger *ledger, struct measuring *measuring)
{
    const struct month_report *report = measuring->report;
    int64_t from = report->month.start, until;

    if (settlement_shared_until(ledger, &until) != LEDGER_OK)
        return false;
    until = until < report->until ? until : report->until;
    return ledger_visit_device_energy(ledger, from, until, take_device, measuring) == LEDGER_OK &&
           ledger_visit_local_use(ledger, from, until, take_use, measuring) == LEDGER_OK &&
           ledger_visit(ledger, from, until, NULL, measuring->service, take_energy, measuring) ==
               LEDGER_OK;
}

/* What nobody measured would make a token cost less than it does. */
static bool measure(struct ledger *ledger, struct measuring *measuring)
{
    const struct month_report *report = measuring->report;
    bool is_read;

    for (size_t i = 0; i < report->host->device_count; i++) {
        const struct localhost_device *device = &report->host->devices[i];

        if (device->covered_s > 0 && needs(measuring, device->name, device->kind))
            measuring->devices++;
    }
    measuring->minutes = calloc((size_t)((report->until - report->month.start) / INTERVAL_S) + 1,
                                sizeof(*measuring->minutes));
    is_read = measuring->minutes && read_ledger(ledger, measuring);
    free(measuring->minutes);
    return is_read;
}

static bool set_energy(struct ledger *ledger, const struct month_report *report,
                       const struct host_weights *weights, struct whatif_measured *measured)
{
    struct measuring measuring = {.report = report, .service = measured->service};

    if (!(weights->weights.output > 0) || !measure(ledger, &measuring) || !(measuring.energy_j > 0))
        return false;
    measured->input_weight = weights->weights.input / weights->weights.output;
    measured->weighted_tokens = measuring.tokens_out + measured->input_weight * measuring.tokens_in;
    measured->joules_per_token = measuring.energy_j / measured->weighted_tokens;
    return measured->weighted_tokens > 0;
}

struct whatif_measured *whatif_measured_new(struct ledger *ledger,
                                            const struct month_report *report, const char *service)
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
    if (!measured || !weights || !zone || !set_energy(ledger, report, weights, measured)) {
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
