/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/explain.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The chain of a service on a host of our own: from joules at its machines to impact. The formulas
 * are those of docs/method.md, section 4, which daemon/localimpact.c and daemon/sharing.c compute;
 * a test evaluates these texts. */

#define ENDS      3
#define J_PER_KWH 3.6e6
#define EMBODIED(server, gpu)                                                                      \
    "{host_s} / ({lifetime_years} · 31536000) · ({" server "} + {host_gpus} · {" gpu "})"

static const char *const share_formulas[] = {
    [SHARING_USAGE] = "{weight} / {weights}",
    [SHARING_ENTITLEMENT] = "{entitlement}",
    [SHARING_HYBRID] = "{usage_share} · {weight} / {weights} + (1 - {usage_share}) · {entitlement}",
};

static struct explain_symbol *add(struct explain_chain *chain, const char *name, const char *unit,
                                  double value)
{
    struct explain_symbol *symbol = &chain->symbols[chain->symbol_count++];

    *symbol = (struct explain_symbol){.name = name, .unit = unit, .values = {value, value, value}};
    return symbol;
}

static void add_factor(struct explain_chain *chain, const char *name, const char *unit,
                       double value, const struct provenance *provenance)
{
    add(chain, name, unit, value)->provenance = provenance;
}

static void add_step(struct explain_chain *chain, const char *name, const char *unit,
                     const char *formula, struct triple value)
{
    struct explain_symbol *symbol = add(chain, name, unit, value.central);

    symbol->formula = formula;
    symbol->values[IMPACT_LOW] = value.low;
    symbol->values[IMPACT_HIGH] = value.high;
}

/* ---- What is common ---- */

static void add_share(struct explain_chain *chain)
{
    const struct explain_key *key = &chain->key;
    double energy_j = chain->totals.activity.energy_j, host_s = chain->totals.activity.host_s;

    add(chain, "common_energy_j", "J", key->common_energy_j);
    add(chain, "common_host_s", "s", key->common_host_s);
    if (key->is_rest) {
        add(chain, "share", "1", key->share);
    } else {
        if (key->kind != SHARING_ENTITLEMENT) {
            add(chain, "weight", "1", key->weight);
            add(chain, "weights", "1", key->weights);
        }
        if (key->kind != SHARING_USAGE)
            add(chain, "entitlement", "1", key->entitlement);
        if (key->kind == SHARING_HYBRID)
            add(chain, "usage_share", "1", key->usage_share);
        add_step(chain, "share", "1", share_formulas[key->kind], triple_exact(key->share));
    }
    add_step(chain, "energy_j", "J", "{share} · {common_energy_j}", triple_exact(energy_j));
    add_step(chain, "host_s", "s", "{share} · {common_host_s}", triple_exact(host_s));
}

static bool has_use(const struct month_report *report, const char *direction)
{
    for (size_t i = 0; i < report->cell_count; i++)
        if (strcmp(report->cells[i].direction, direction) == 0 &&
            localhost_is_local(report->config, report->cells[i].service) &&
            !localhost_is_common(report->config, report->cells[i].service))
            return true;
    return false;
}

double explain_common_share(const struct month_report *report, const char *direction)
{
    double share = localhost_share(report->host, direction);

    return share > 0 ? share : report->host->rest[report->host->period->key];
}

void explain_local_add_key(const struct month_report *report, const char *direction,
                           struct explain_key *key)
{
    const struct localhost *host = report->host;
    const struct localhost_direction *found = localhost_direction(host, direction);

    if (key->directions++ == 0)
        *key = (struct explain_key){.kind = (enum sharing_key_kind)host->period->key,
                                    .weights = host->weight,
                                    .usage_share = host->period->usage_share,
                                    .directions = 1,
                                    .uses_shown = report->host_shown};
    key->share += explain_common_share(report, direction);
    key->is_rest |= !found || !(localhost_share(host, direction) > 0);
    key->uses_shown &= has_use(report, direction) && !key->is_rest;
    for (int i = 0; found && i < LOCALHOST_KEYS; i++)
        key->shares[i] += found->shares[i];
    if (!found)
        return;
    key->weight += found->weight;
    key->entitlement += found->entitlement;
}

/* ---- The chain ---- */

/* What a token counted for when the joules of each minute were shared. */
static void add_weights(struct explain_chain *chain)
{
    const struct host_weights *weights = hostconfig_weights(chain->local.host, chain->id);

    if (!weights)
        return;
    add_factor(chain, "weight_input", "1", weights->weights.input, &weights->provenance);
    add_factor(chain, "weight_cached", "1", weights->weights.cached, &weights->provenance);
    add_factor(chain, "weight_output", "1", weights->weights.output, &weights->provenance);
}

static void add_factors(struct explain_chain *chain)
{
    const struct host_config *host = chain->local.host;
    const struct zone_factors *zone = chain->local.zone;
    const struct host_embodied *embodied = &host->embodied;
    double accuracy = host->energy_accuracy.value;
    struct explain_symbol *band;

    band = add(chain, "energy_accuracy", "1", 1);
    band->provenance = &host->energy_accuracy.provenance;
    band->values[IMPACT_LOW] = 1 - accuracy;
    band->values[IMPACT_HIGH] = 1 + accuracy;
    add_factor(chain, "pue", "1", host->pue.value, &host->pue.provenance);
    add_factor(chain, "wue_l_per_kwh", "L/kWh", host->wue_l_per_kwh.value,
               &host->wue_l_per_kwh.provenance);
    add_factor(chain, "server_gwp_kgco2e", "kgCO2e", embodied->server_gwp_kgco2e,
               &embodied->provenance);
    add_factor(chain, "gpu_gwp_kgco2e", "kgCO2e", embodied->gpu_gwp_kgco2e, &embodied->provenance);
    add_factor(chain, "server_adpe_kgsb", "kgSbeq", embodied->server_adpe_kgsb,
               &embodied->provenance);
    add_factor(chain, "gpu_adpe_kgsb", "kgSbeq", embodied->gpu_adpe_kgsb, &embodied->provenance);
    add_factor(chain, "host_gpus", "1", embodied->gpus, &embodied->provenance);
    add_factor(chain, "lifetime_years", "a", embodied->lifetime_years, &embodied->provenance);
    add_factor(chain, "ewif_l_per_kwh", "L/kWh", zone->ewif_l_per_kwh, &zone->ewif_provenance);
    add_factor(chain, "gwp_kgco2e_per_kwh", "kgCO2e/kWh", zone->gwp_kgco2e_per_kwh,
               &zone->provenance);
    add_factor(chain, "adpe_kgsb_per_kwh", "kgSbeq/kWh", zone->adpe_kgsb_per_kwh,
               &zone->adpe_provenance);
}

static void add_steps(struct explain_chain *chain, double energy_j)
{
    const struct impact *impact = &chain->impact;
    double accuracy = chain->local.host->energy_accuracy.value;
    const struct triple it_kwh = {energy_j * (1 - accuracy) / J_PER_KWH, energy_j / J_PER_KWH,
                                  energy_j * (1 + accuracy) / J_PER_KWH};

    add_step(chain, "it_kwh", "kWh", "{energy_j} · {energy_accuracy} / 3600000", it_kwh);
    add_step(chain, "energy_kwh", "kWh", "{pue} · {it_kwh}", impact->energy_kwh);
    add_step(chain, "water_l", "L", "{it_kwh} · ({wue_l_per_kwh} + {pue} · {ewif_l_per_kwh})",
             impact->water_l);
    add_step(chain, "gwp_use_kgco2e", "kgCO2e", "{energy_kwh} · {gwp_kgco2e_per_kwh}",
             impact->gwp_use_kgco2e);
    add_step(chain, "gwp_embodied_kgco2e", "kgCO2e",
             EMBODIED("server_gwp_kgco2e", "gpu_gwp_kgco2e"), impact->gwp_embodied_kgco2e);
    add_step(chain, "adpe_kgsb", "kgSbeq",
             "{energy_kwh} · {adpe_kgsb_per_kwh} + " EMBODIED("server_adpe_kgsb", "gpu_adpe_kgsb"),
             impact->adpe_kgsb);
}

void explain_local_compute(struct explain_chain *chain)
{
    const struct activity *activity = &chain->totals.activity;

    chain->symbol_count = 0;
    chain->impact = local_impact(&chain->local, activity->energy_j, activity->host_s);
    if (chain->key.directions > 0) {
        add_share(chain);
    } else {
        add(chain, "energy_j", "J", activity->energy_j);
        add(chain, "host_s", "s", activity->host_s);
        add_weights(chain);
    }
    add_factors(chain);
    add_steps(chain, activity->energy_j);
}

/* ---- From devices to the figure ---- */

/* CONTEXT: the explanation. */
static bool is_of_figure(const void *context, const char *direction, const char *service)
{
    const struct explanation *explanation = context;
    const struct month_report *report = explanation->report;

    for (size_t i = 0; i < report->cell_count; i++)
        if (strcmp(report->cells[i].direction, direction) == 0 &&
            strcmp(report->cells[i].service, service) == 0)
            return explain_includes(explanation, &report->cells[i]);
    return false;
}

static double used_j(const struct explanation *explanation)
{
    double sum = 0;

    for (size_t i = 0; i < explanation->chain_count; i++)
        if (explanation->chains[i].local.host && explanation->chains[i].key.directions == 0)
            sum += explanation->chains[i].totals.activity.energy_j;
    return sum;
}

/* Of the sum of so many minutes, relative, where each addition rounds the same way: an idle host
 * draws the same every minute. */
static double rounding_of(const struct explanation *explanation)
{
    return (double)explanation->minutes * DBL_EPSILON;
}

bool explain_local_devices(struct ledger *ledger, struct explanation *explanation)
{
    const struct month_report *report = explanation->report;
    const struct localhost *host = report->host;

    explanation->used_j = used_j(explanation);
    if (!host || explanation->has_folded || !(explanation->used_j > 0))
        return true;
    explanation->devices_withheld = !report->host_parts_shown;
    if (explanation->devices_withheld)
        return true;
    explanation->devices = calloc(host->device_count + 1, sizeof(*explanation->devices));
    if (!explanation->devices || !localhost_replay(ledger, host, report->month.start, report->until,
                                                   is_of_figure, explanation, explanation->devices))
        return false;
    explanation->device_count = host->device_count;
    for (size_t i = 0; i < host->device_count; i++)
        explanation->replayed_j += explanation->devices[i].share_j;
    if (fabs(explanation->replayed_j - explanation->used_j) >
        (EXPLAIN_TOLERANCE + rounding_of(explanation)) * explanation->used_j) {
        explanation->agrees = false;
        explanation->reasons |= EXPLAIN_OTHER_FILES;
    }
    return true;
}
