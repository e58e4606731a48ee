/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/explain.h"

#include <math.h>
#include <stdlib.h>

/* How far a figure may be off: the chains of its services, each unknown moved from end to end. */

#define J_PER_KWH 3.6e6

static const enum month_indicator indicators[EXPLAIN_MARGINS] = {
    MONTH_ENERGY, MONTH_WATER, MONTH_GWP, MONTH_GWP_USE, MONTH_GWP_EMBODIED, MONTH_ADPE};

/* CONTEXT: enum month_indicator. */
static double value_of(const void *context, const struct impact_result *result)
{
    switch (*(const enum month_indicator *)context) {
    case MONTH_ENERGY:
        return result->energy_kwh;
    case MONTH_WATER:
        return result->water_l;
    case MONTH_GWP:
        return result->gwp_use_kgco2e + result->gwp_embodied_kgco2e;
    case MONTH_GWP_USE:
        return result->gwp_use_kgco2e;
    case MONTH_GWP_EMBODIED:
        return result->gwp_embodied_kgco2e;
    case MONTH_ADPE:
        return result->adpe_use_kgsb + result->adpe_embodied_kgsb;
    default:
        return 0;
    }
}

static struct impact_work work_of(const struct explain_chain *chain, double requests,
                                  double tokens_in, double tokens_out)
{
    return (struct impact_work){chain->share * requests, chain->share * tokens_in,
                                chain->share * tokens_out, INFINITY};
}

static void fill_part(const struct factors *factors, const struct explain_chain *chain,
                      struct sensitivity_part *part)
{
    const struct triple requests = chain->totals.activity.requests;
    const struct triple in = chain->totals.activity.tokens_in;
    const struct triple out = chain->totals.activity.tokens_out;

    part->subject = (struct sensitivity_case){
        .factors = factors,
        .used = chain->factors,
        .work = {work_of(chain, requests.low, in.low, out.low),
                 work_of(chain, requests.central, in.central, out.central),
                 work_of(chain, requests.high, in.high, out.high)},
        /* A part of the exchanges scatters more than all of them. */
        .random_sigma = month_random_sigma(&chain->totals, factors) / sqrt(chain->share),
    };
    sensitivity_compute(&part->subject, &part->sensitivity);
}

/* A host of our own, as a place that computes. */
static struct provider_factors provider_of(const struct host_config *host)
{
    struct provider_factors provider = {
        .pue = {host->pue.value, host->pue.value},
        .wue_l_per_kwh = {host->wue_l_per_kwh.value, host->wue_l_per_kwh.value}};

    snprintf(provider.id, sizeof(provider.id), "%s", host->name);
    return provider;
}

/* Where other keys may be told: how much there would be with those that give least and most. */
static void fill_key(const struct localhost *host, const struct explain_key *key,
                     struct sensitivity_case *subject)
{
    subject->has_key = key->directions > 0 && key->uses_shown && key->share > 0;
    subject->by_key[0] = subject->by_key[1] = 1;
    for (int i = 0; subject->has_key && i < LOCALHOST_KEYS; i++) {
        double ratio = key->shares[i] / key->share;

        if (!host->has_key[i])
            continue;
        subject->by_key[0] = fmin(subject->by_key[0], ratio);
        subject->by_key[1] = fmax(subject->by_key[1], ratio);
    }
}

static void fill_measured(const struct explanation *explanation, const struct explain_chain *chain,
                          const struct provider_factors *provider, struct sensitivity_part *part)
{
    const struct factors *factors = explanation->report->config->factors;
    const struct activity *activity = &chain->totals.activity;
    double it_kwh = activity->energy_j / J_PER_KWH;
    double accuracy = chain->local.host->energy_accuracy.value;
    const struct impact manufacture = local_impact(&chain->local, 0, activity->host_s);

    part->subject = (struct sensitivity_case){
        .factors = factors,
        .used = {.method = factors_method_a(factors),
                 .provider = provider,
                 .zone = chain->local.zone,
                 .uncertainty = factors_uncertainty(factors)},
        .it_kwh = {it_kwh * (1 - accuracy), it_kwh, it_kwh * (1 + accuracy)},
        .embodied_gwp_kgco2e = manufacture.gwp_embodied_kgco2e.central,
        .embodied_adpe_kgsb = manufacture.adpe_kgsb.central,
    };
    fill_key(explanation->report->host, &chain->key, &part->subject);
    sensitivity_compute(&part->subject, &part->sensitivity);
}

static void fill_margin(const struct explanation *explanation, const struct sensitivity_part *parts,
                        size_t count, struct explain_margin *margin)
{
    const double sigmas = parts[0].subject.used.uncertainty->range_sigmas;
    double central = month_value(&explanation->figure.totals, margin->indicator).central;
    double base;

    margin->bar_count =
        sensitivity_sum_tornado(parts, count, value_of, &margin->indicator, margin->bars, &base);
    margin->likely =
        sensitivity_interval_of(margin->bars, margin->bar_count, base, central, sigmas);
}

/* Of a host of our own whose energy was measured. */
static bool is_measured(const struct explanation *explanation, const struct explain_chain *chain)
{
    return chain->local.host && explanation->report->host && chain->totals.activity.energy_j > 0;
}

/* Whether a part of the figure was recorded with a model that nothing names any more: what is left
 * says nothing about its error, and would make the whole look surer than it is. */
static bool lacks_model(const struct explanation *explanation)
{
    for (size_t i = 0; i < explanation->chain_count; i++) {
        const struct explain_chain *chain = &explanation->chains[i];

        if (!chain->factors.model && !is_measured(explanation, chain) &&
            chain->totals.impact.energy_kwh.high > 0)
            return true;
    }
    return false;
}

enum text_id explain_margins_lack(const struct explanation *explanation)
{
    bool is_impact = explanation->indicator < 0 || (explanation->indicator >= MONTH_ENERGY &&
                                                    explanation->indicator <= MONTH_ADPE);

    if (explanation->has_folded)
        return TEXT_EXPLAIN_NO_MARGINS;
    return is_impact && lacks_model(explanation) ? TEXT_EXPLAIN_NO_MODEL_MARGINS : TEXT_COUNT;
}

bool explain_margins(const struct explanation *explanation,
                     struct explain_margin out[EXPLAIN_MARGINS], size_t *count)
{
    const struct month_report *report = explanation->report;
    struct sensitivity_part *parts = calloc(explanation->chain_count + 1, sizeof(*parts));
    struct provider_factors own = {0};
    size_t part_count = 0;

    *count = 0;
    if (report->host)
        own = provider_of(report->config->host);
    for (size_t i = 0; parts && i < explanation->chain_count; i++) {
        const struct explain_chain *chain = &explanation->chains[i];

        if (chain->factors.model)
            fill_part(report->config->factors, chain, &parts[part_count++]);
        else if (is_measured(explanation, chain))
            fill_measured(explanation, chain, &own, &parts[part_count++]);
    }
    if (explanation->has_folded || lacks_model(explanation))
        part_count = 0;
    for (size_t i = 0; part_count > 0 && i < EXPLAIN_MARGINS; i++) {
        if (explanation->indicator >= 0 && explanation->indicator != (int)indicators[i])
            continue;
        out[*count].indicator = indicators[i];
        fill_margin(explanation, parts, part_count, &out[(*count)++]);
    }
    free(parts);
    return parts != NULL;
}

bool explain_margin_is_headline(const struct explanation *explanation,
                                const struct explain_margin *margin)
{
    return explanation->indicator >= 0 ||
           (margin->indicator != MONTH_GWP_USE && margin->indicator != MONTH_GWP_EMBODIED);
}
