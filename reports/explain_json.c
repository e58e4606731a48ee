/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/explain_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "reports/impact_json.h"
#include "reports/jsonvalues.h"

#define SCHEMA "iagmeter-explain/1"
#define ENDS   3

/* Each with the name that explains it. */
static json_t *json_figures(const struct explanation *explanation, const struct explain_part *part)
{
    json_t *object = json_object();
    int failed = !object;

    for (int i = 0; i < MONTH_INDICATORS; i++) {
        enum month_indicator indicator = (enum month_indicator)i;
        struct triple value = month_value(&part->totals, indicator);
        char name[MONTH_FIGURE_SIZE];

        if (explanation->indicator >= 0 && explanation->indicator != i)
            continue;
        month_figure(name, explanation->report, part->direction, part->service, indicator);
        failed |= json_object_set_new(object, month_indicator_name(indicator),
                                      json_pack("{s:s, s:s, s:f, s:f, s:f}", "id", name, "unit",
                                                month_indicator_unit(indicator), "low", value.low,
                                                "central", value.central, "high", value.high));
    }
    return jsonvalues_finished(object, failed);
}

static json_t *json_part(const struct explanation *explanation, const struct explain_part *part)
{
    char label[2 * DIRECTION_LABEL_SIZE];
    const char grade = grade_letter((enum evidence_grade)part->totals.activity.grade);

    explain_label(explanation, part, LANGUAGE_EN, label, sizeof(label));
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "direction", part->direction, "service",
                     part->service, "label", label, "grade", json_stringn(&grade, 1), "figures",
                     json_figures(explanation, part));
}

static json_t *json_parts(const struct explanation *explanation)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < explanation->part_count; i++)
        failed |= json_array_append_new(array, json_part(explanation, &explanation->parts[i]));
    return jsonvalues_finished(array, failed);
}

/* ---- The chain of a service ---- */

static json_t *json_values(const double values[ENDS])
{
    static const char *const names[ENDS] = {"low", "central", "high"};
    json_t *object = json_object();
    int failed = !object;

    for (int i = 0; i < ENDS; i++)
        failed |= json_object_set_new(object, names[i],
                                      isnan(values[i]) ? json_null() : json_real(values[i]));
    return jsonvalues_finished(object, failed);
}

static json_t *json_symbol(const struct explain_symbol *symbol)
{
    const struct provenance *provenance = symbol->provenance;
    json_t *object = json_pack("{s:s, s:s, s:s*, s:o}", "name", symbol->name, "unit", symbol->unit,
                               "formula", symbol->formula, "values", json_values(symbol->values));

    if (object && provenance &&
        json_object_update_new(
            object, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "stated_unit", provenance->unit,
                              "year", provenance->year, "scope", provenance->scope, "source",
                              provenance->source, "licence", provenance->licence, "grade",
                              json_stringn(&provenance->grade, 1))) != 0)
        return jsonvalues_finished(object, 1);
    return object;
}

/* What is multiplied, the factors, then what comes of it. */
static json_t *json_symbols(const struct explain_chain *chain, bool has_provenance,
                            bool has_formula)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < chain->symbol_count; i++)
        if ((chain->symbols[i].provenance != NULL) == has_provenance &&
            (chain->symbols[i].formula != NULL) == has_formula)
            failed |= json_array_append_new(array, json_symbol(&chain->symbols[i]));
    return jsonvalues_finished(array, failed);
}

static json_t *json_activity(const struct month_report *report, const struct explain_chain *chain)
{
    const struct factors *factors = report->config->factors;
    json_t *object = json_object();
    const char grade = grade_letter((enum evidence_grade)chain->totals.activity.grade);
    int failed = !object;

    for (int i = MONTH_REQUESTS; i <= MONTH_TOKENS_OUT; i++)
        failed |= json_object_set_new(
            object, month_indicator_name((enum month_indicator)i),
            jsonvalues_triple(month_value(&chain->totals, (enum month_indicator)i)));
    if (chain->totals.activity.images.high > 0)
        failed |=
            json_object_set_new(object, "images",
                                jsonvalues_triple(chain->totals.activity.images)) |
            json_object_set_new(object, "images_besides",
                                impact_json_images(report->config, chain->service, &chain->totals));
    failed |= json_object_set_new(object, "tokens_out_random_sigma",
                                  json_real(month_random_sigma(&chain->totals, factors)));
    failed |= json_object_set_new(object, "grade", json_stringn(&grade, 1));
    if (chain->service)
        failed |=
            json_object_set_new(object, "estimator", json_string(chain->service->estimator.name));
    return jsonvalues_finished(object, failed);
}

static json_t *json_impact(const struct impact *impact)
{
    const struct month_totals totals = {.impact = *impact};
    json_t *object = json_object();
    int failed = !object;

    for (size_t i = 0; i < EXPLAIN_IMPACTS; i++)
        failed |= json_object_set_new(object, month_indicator_name(explain_impacts[i]),
                                      jsonvalues_triple(month_value(&totals, explain_impacts[i])));
    return jsonvalues_finished(object, failed);
}

/* Of the dated mix that the model is part of. */
static json_t *json_mix(const struct mix *mix)
{
    char from[MIX_MONTH_SIZE];
    char until[MIX_MONTH_SIZE];

    if (!mix)
        return json_null();
    mix_month(mix->from_day, from);
    mix_month(mix->until_day, until);
    return json_pack("{s:s?, s:s?, s:s, s:o}", "from", from[0] ? from : NULL, "until",
                     until[0] ? until : NULL, "source", mix->source, "grade",
                     json_stringn(&mix->grade, 1));
}

/* Of what is measured; of what is common, by which key it is shared. */
static json_t *json_measured(const struct explain_chain *chain)
{
    const struct explain_key *key = &chain->key;

    return json_pack("{s:b, s:s, s:s, s:s?, s:o, s:o, s:o, s:o}", "measured", true, "host",
                     chain->local.host->name, "zone", chain->local.zone->id, "key",
                     key->directions > 0 ? sharing_key_name(key->kind) : NULL, "quantities",
                     json_symbols(chain, false, false), "factors", json_symbols(chain, true, false),
                     "steps", json_symbols(chain, false, true), "impact_of_the_sums",
                     json_impact(&chain->impact));
}

json_t *explain_json_chain(const struct month_report *report, const struct explain_chain *chain)
{
    const struct impact_factors *factors = &chain->factors;
    json_t *object =
        json_pack("{s:s, s:o}", "service", chain->id, "activity", json_activity(report, chain));

    if (object && chain->local.host)
        return jsonvalues_finished(object, json_object_update_new(object, json_measured(chain)));
    if (!object || !factors->model)
        return object;
    return jsonvalues_finished(
        object,
        json_object_update_new(
            object,
            json_pack("{s:s, s:s, s:f, s:o, s:s++, s:s, s:s, s:o, s:o, s:o, s:o}", "method",
                      factors->method_b ? "B" : "A", "declared_model", chain->model, "share",
                      chain->share, "mix", json_mix(chain->mix), "model", factors->model->provider,
                      "/", factors->model->name, "provider", factors->provider->id, "zone",
                      factors->zone->id, "quantities", json_symbols(chain, false, false), "factors",
                      json_symbols(chain, true, false), "steps", json_symbols(chain, false, true),
                      "impact_of_the_sums", json_impact(&chain->impact))));
}

static json_t *json_chains(const struct explanation *explanation)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < explanation->chain_count; i++)
        failed |= json_array_append_new(
            array, explain_json_chain(explanation->report, &explanation->chains[i]));
    return jsonvalues_finished(array, failed);
}

/* ---- Devices of a host of our own ---- */

/* Null where nothing of it is explained, or devices may not be told. */
static json_t *json_devices(const struct explanation *explanation)
{
    json_t *array = explanation->device_count > 0 ? json_array() : json_null();
    int failed = !array;

    for (size_t i = 0; i < explanation->device_count; i++) {
        const struct localhost_device *device = &explanation->report->host->devices[i];
        const struct localhost_part *part = &explanation->devices[i];

        if (device->kind != POWER_DEVICE_SOURCE)
            failed |= json_array_append_new(
                array, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f}", "name", device->name, "energy_j",
                                 device->energy_j, "idle_j", device->idle_j, "above_idle_j",
                                 part->active_j, "used_j", part->used_j, "share_j", part->share_j));
    }
    return jsonvalues_finished(array, failed);
}

/* ---- Recomputed ---- */

static json_t *json_reasons(const struct explanation *explanation)
{
    json_t *array = json_array();
    int failed = !array;

    for (unsigned i = 0; i < EXPLAIN_REASONS; i++)
        if (explanation->reasons & 1u << i)
            failed |= json_array_append_new(array, json_string(explain_reason_name(i)));
    return jsonvalues_finished(array, failed);
}

static json_t *json_recomputed(const struct explanation *explanation)
{
    if (!explanation->recomputed_is_shown)
        return json_null();
    return json_pack("{s:o, s:o, s:b, s:f, s:f, s:o}", "minute_by_minute",
                     json_impact(&explanation->recomputed), "ledger",
                     json_impact(&explanation->figure.totals.impact), "agrees", explanation->agrees,
                     "tolerance", EXPLAIN_TOLERANCE, "largest_difference", explanation->difference,
                     "reasons", json_reasons(explanation));
}

/* ---- How far it may be off ---- */

static json_t *json_bars(const struct explain_margin *margin)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < margin->bar_count; i++) {
        const struct sensitivity_bar *bar = &margin->bars[i];

        failed |= json_array_append_new(array, json_pack("{s:s, s:f, s:f, s:b}", "unknown",
                                                         sensitivity_name(bar->unknown), "low",
                                                         bar->low, "high", bar->high, "choice",
                                                         sensitivity_is_choice(bar->unknown)));
    }
    return jsonvalues_finished(array, failed);
}

static json_t *json_margins(const struct explanation *explanation)
{
    struct explain_margin margins[EXPLAIN_MARGINS];
    size_t count;
    json_t *object = json_object();
    int failed = !explain_margins(explanation, margins, &count) || !object;

    for (size_t i = 0; i < count; i++)
        failed |= json_object_set_new(
            object, month_indicator_name(margins[i].indicator),
            json_pack("{s:f, s:f, s:f, s:o}", "p10", margins[i].likely.p10, "central",
                      margins[i].likely.central, "p90", margins[i].likely.p90, "tornado",
                      json_bars(&margins[i])));
    return jsonvalues_finished(object, failed);
}

static json_t *json_sets(const struct explanation *explanation)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < explanation->set_count; i++) {
        const struct explain_set *set = &explanation->sets[i];
        char digest[2 * sizeof(uint64_t) + 1];

        snprintf(digest, sizeof(digest), "%016" PRIx64, set->digest);
        failed |=
            json_array_append_new(array, json_pack("{s:s, s:s, s:b}", "vintage", set->vintage,
                                                   "digest", digest, "installed", set->installed));
    }
    return jsonvalues_finished(array, failed);
}

static const char *scope_name(enum explain_scope scope)
{
    static const char *const names[] = {"total", "direction", "service", "cell", "other"};

    return names[scope];
}

json_t *explain_json(const struct explanation *explanation)
{
    const struct month_report *report = explanation->report;
    json_t *object = json_part(explanation, &explanation->figure);
    json_t *head = json_pack(
        "{s:s, s:o, s:s, s:b, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", SCHEMA,
        "month", json_sprintf("%04d-%02d", report->month.year, report->month.month), "scope",
        scope_name(explanation->scope), "running", report->running, "vintage",
        factors_vintage(report->config->factors), "has_folded", explanation->has_folded, "parts",
        json_parts(explanation), "chains", json_chains(explanation), "devices",
        json_devices(explanation), "recomputed", json_recomputed(explanation), "uncertainty",
        json_margins(explanation), "factor_sets", json_sets(explanation), "calibrations",
        calibrations_json(report, explanation->figure.service));
    int failed = !object || json_object_update_new(object, head) != 0;

    if (!failed && !explanation->has_folded)
        failed =
            json_object_set_new(object, "minutes", json_integer((json_int_t)explanation->minutes));
    return jsonvalues_finished(object, failed);
}

bool explain_write_json(const struct explanation *explanation, FILE *stream)
{
    return jsonvalues_write(explain_json(explanation), stream);
}
