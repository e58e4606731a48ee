/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/whatif.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "reports/jsonvalues.h"

#define SCHEMA            "iagmeter-what-if/1"
#define REQUESTS_PER_UNIT 1000

static const enum month_indicator impacts[] = {MONTH_ENERGY,  MONTH_WATER,        MONTH_GWP,
                                               MONTH_GWP_USE, MONTH_GWP_EMBODIED, MONTH_ADPE};
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Sums ---- */

static json_t *json_totals(const struct month_totals *totals)
{
    json_t *object = json_object();
    int failed = !object;

    for (int i = 0; i < MONTH_INDICATORS; i++)
        failed |=
            json_object_set_new(object, month_indicator_name((enum month_indicator)i),
                                jsonvalues_triple(month_value(totals, (enum month_indicator)i)));
    return jsonvalues_finished(object, failed);
}

static json_t *json_difference(const struct whatif_sum *sum, enum month_indicator indicator)
{
    struct triple difference = whatif_change_of(sum, indicator);
    double relative = whatif_relative(sum, indicator);

    return json_pack("{s:f, s:f, s:f, s:o, s:s, s:s}", "low", difference.low, "central",
                     difference.central, "high", difference.high, "relative",
                     isnan(relative) ? json_null() : json_real(relative), "verdict",
                     whatif_verdict_name(whatif_verdict_of(difference)), "unit",
                     month_indicator_unit(indicator));
}

static json_t *json_differences(const struct whatif_sum *sum)
{
    json_t *object = json_object();
    int failed = !object;

    for (size_t i = 0; i < COUNT_OF(impacts); i++)
        failed |= json_object_set_new(object, month_indicator_name(impacts[i]),
                                      json_difference(sum, impacts[i]));
    return jsonvalues_finished(object, failed);
}

static json_t *json_sum(const struct whatif *whatif, const struct whatif_sum *sum)
{
    const struct factors *factors = whatif->report->config->factors;

    return json_pack("{s:o, s:o, s:o, s:b, s:{s:f, s:f}}", "recomputed", json_totals(&sum->before),
                     "scenario", json_totals(&sum->after), "difference", json_differences(sum),
                     "difference_has_fit_of_method_a", sum->difference.has_fit_of_a,
                     "tokens_out_random_sigma", "recomputed",
                     month_random_sigma(&sum->before, factors), "scenario",
                     month_random_sigma(&sum->after, factors));
}

/* ---- Who does what with what ---- */

static json_t *json_source(const struct provenance *provenance)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "unit", provenance->unit, "year",
                     provenance->year, "scope", provenance->scope, "source", provenance->source,
                     "licence", provenance->licence, "grade", json_stringn(&provenance->grade, 1));
}

/* Batch, input tokens and idle machines: method B's alone. */
static int add_sources_b(json_t *object, const struct method_b *method)
{
    return json_object_set_new(object, "method", json_source(&method->provenance)) |
           json_object_set_new(object, "batch_size", json_source(&method->batch_provenance)) |
           json_object_set_new(object, "input_weight", json_source(&method->input_provenance)) |
           json_object_set_new(object, "host_and_idle", json_source(&method->overhead_provenance));
}

static json_t *json_sources(const struct impact_factors *factors)
{
    const struct zone_factors *zone = factors->zone;
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o}", "model", json_source(&factors->model->provenance),
        "provider", json_source(&factors->provider->provenance), "gwp",
        json_source(&zone->provenance), "adpe", json_source(&zone->adpe_provenance), "ewif",
        json_source(&zone->ewif_provenance), "embodied",
        json_source(&factors->method->embodied_provenance));

    if (!object)
        return NULL;
    return jsonvalues_finished(
        object, factors->method_b ? add_sources_b(object, factors->method_b)
                                  : json_object_set_new(object, "method",
                                                        json_source(&factors->method->provenance)));
}

static json_t *json_part(const struct mix_factors *mix, size_t part)
{
    const struct impact_factors *factors = &mix->parts[part];
    bool is_measured = whatif_is_measured(factors);

    return json_pack("{s:f, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "share", mix->shares[part],
                     "model", mix->models[part], "provider", factors->provider->id, "zone",
                     factors->zone->id, "method", whatif_method_name(factors),
                     "measured_joules_per_token_out",
                     is_measured ? json_real(exp(factors->method_b->intercept)) : json_null(),
                     "measured_input_weight",
                     is_measured ? json_real(factors->method_b->input_weight.central) : json_null(),
                     "sources", json_sources(factors));
}

static json_t *json_mix(const struct mix_factors *mix)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; mix && i < mix->count; i++)
        failed |= json_array_append_new(array, json_part(mix, i));
    return jsonvalues_finished(array, failed);
}

/* Why one believes that the service runs these; null where it is its own model, or the scenario's.
 */
static json_t *json_mix_source(const struct mix_factors *mix)
{
    if (!mix || !mix->mix)
        return json_null();
    return json_pack("{s:s, s:o}", "source", mix->mix->source, "grade",
                     json_stringn(&mix->mix->grade, 1));
}

static json_t *json_per_1000(const struct month_totals *totals)
{
    double requests = totals->activity.requests.central;
    json_t *object = json_object();
    int failed = !object;

    for (size_t i = 0; requests > 0 && i < COUNT_OF(impacts); i++)
        failed |=
            json_object_set_new(object, month_indicator_name(impacts[i]),
                                jsonvalues_triple(triple_scale(month_value(totals, impacts[i]),
                                                               REQUESTS_PER_UNIT / requests)));
    return jsonvalues_finished(object, failed);
}

static json_t *json_use(const struct whatif_use *use)
{
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o}", "side",
                     use->is_after ? "scenario" : "recomputed", "by", use->machine->id, "moved",
                     use->is_moved, "totals", json_totals(&use->totals), "per_1000_requests",
                     json_per_1000(&use->totals), "models", json_mix(use->mix), "mix",
                     json_mix_source(use->mix));
}

static json_t *json_uses(const struct whatif_row *row)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; row->is_changed && i < row->use_count; i++)
        failed |= json_array_append_new(array, json_use(&row->uses[i]));
    return jsonvalues_finished(array, failed);
}

/* ---- Rows ---- */

static json_t *json_row(const struct whatif *whatif, const struct whatif_row *row)
{
    return json_pack("{s:s, s:s, s:b, s:o, s:o}", "id", row->id, "label", row->label, "changed",
                     row->is_changed, "sums", json_sum(whatif, &row->sum), "uses", json_uses(row));
}

/* Those of the direction asked about have a sum; of one direction, no other. */
static json_t *json_rows(const struct whatif *whatif, const struct whatif_row *rows, size_t count)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < count; i++)
        if (rows[i].is_in_scope)
            failed |= json_array_append_new(array, json_row(whatif, &rows[i]));
    return jsonvalues_finished(array, failed);
}

static json_t *json_changes(const struct whatif *whatif)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < whatif->change_count; i++)
        failed |= json_array_append_new(array, json_string(whatif->changes[i]));
    return jsonvalues_finished(array, failed);
}

/* null where it is of no interest. */
static json_t *json_variant(const struct whatif *whatif, enum whatif_variant variant)
{
    bool is_told =
        variant == WHATIF_OTHER_WATER ? whatif->other_water != NULL : whatif->methods_differ;

    return is_told ? json_differences(&whatif->variants[variant]) : json_null();
}

static json_t *json_variants(const struct whatif *whatif)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "method_a", json_variant(whatif, WHATIF_METHOD_A),
                     "method_b", json_variant(whatif, WHATIF_METHOD_B), "other_water",
                     json_variant(whatif, WHATIF_OTHER_WATER), "other_water_zone",
                     whatif->other_water ? json_string(whatif->other_water->id) : json_null());
}

bool whatif_write_json(const struct whatif *whatif, FILE *stream)
{
    const struct month_report *report = whatif->report;
    json_t *object = json_pack(
        "{s:s, s:o, s:s, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", SCHEMA, "month",
        json_sprintf("%04d-%02d", report->month.year, report->month.month), "direction",
        whatif->direction ? whatif->direction->id : MONTH_ALL, "running", report->running,
        "vintage", factors_vintage(report->config->factors), "changes", json_changes(whatif),
        "recorded", json_totals(&whatif->recorded), "total", json_sum(whatif, &whatif->total),
        "directions", json_rows(whatif, whatif->directions, whatif->direction_count), "services",
        json_rows(whatif, whatif->services, whatif->service_count), "other",
        whatif->has_folded ? json_sum(whatif, &whatif->folded) : json_null(), "difference_if",
        json_variants(whatif));

    return jsonvalues_write(object, stream);
}
