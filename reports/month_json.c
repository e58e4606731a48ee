/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/month_json.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "reports/coefficients.h"
#include "reports/derived.h"
#include "reports/hostview_json.h"
#include "reports/impact_json.h"
#include "reports/jsonvalues.h"
#include "reports/progress_json.h"

#define SCHEMA "iagmeter-month/1"

static json_t *json_range(struct range range)
{
    return json_pack("{s:f, s:f}", "min", range.min, "max", range.max);
}

static json_t *json_grade(enum evidence_grade grade)
{
    char letter = grade_letter(grade);

    return json_stringn(&letter, 1);
}

/* Null where it may not be told, or there is no energy. */
static json_t *json_share(double share)
{
    return isnan(share) ? json_null() : json_real(share);
}

/* Adds the indicators, each with what names it for `iagmeter explain`, the grade and the part of
 * the energy that is measured to OBJECT. ROW NULL: the total. */
static int add_totals(json_t *object, const struct month_report *report, const char *direction,
                      const char *service, const struct month_row *row)
{
    const struct month_totals *totals = row ? &row->totals : &report->total;
    char name[MONTH_FIGURE_SIZE];
    int failed = 0;

    for (int i = 0; i < MONTH_INDICATORS; i++) {
        enum month_indicator indicator = (enum month_indicator)i;
        json_t *figure = jsonvalues_triple(month_value(totals, indicator));

        month_figure(name, report, direction, service, indicator);
        failed |= json_object_set_new(figure, "id", json_string(name)) |
                  json_object_set_new(object, month_indicator_name(indicator), figure);
    }
    failed |=
        json_object_set_new(object, "measured_share", json_share(month_measured(report, row)));
    failed |= json_object_set_new(object, "tokens_out_random_sigma",
                                  json_real(month_random_sigma(totals, report->config->factors)));
    return failed | json_object_set_new(object, "grade",
                                        json_grade((enum evidence_grade)totals->activity.grade));
}

json_t *month_json_total(const struct month_report *report)
{
    json_t *object = json_object();

    if (object && add_totals(object, report, MONTH_ALL, MONTH_ALL, NULL) == 0 &&
        impact_json_name(object, "ids", report->month, "total", MONTH_ALL, "") == 0)
        return object;
    json_decref(object);
    return NULL;
}

/* Of the images of a service, besides the totals. */
static json_t *json_images(const struct month_report *report, const struct month_row *row)
{
    json_t *images = impact_json_images(report->config, row->service, &row->totals);

    if (json_is_null(images))
        return images;
    return jsonvalues_finished(
        images, impact_json_name(images, "ids", report->month, "images", row->id, "") |
                    impact_json_name(json_object_get(images, "impact"), "ids", report->month,
                                     "images", row->id, ""));
}

static json_t *json_row(const struct month_report *report, const struct month_table *table,
                        const struct month_row *row)
{
    static const char *const hostings[] = {"sovereign", "eu", "outside-eu"};
    static const char *const approvals[] = {"unset", "yes", "no"};
    bool is_direction = table == &report->directions;
    json_t *object = json_object();
    int failed = !object;

    failed |= json_object_set_new(object, "id", json_string(row->id));
    failed |= json_object_set_new(object, "label", json_string(row->label));
    failed |= json_object_set_new(object, "is_other", json_boolean(row->is_other));
    if (row->headcount > 0)
        failed |=
            json_object_set_new(object, "headcount", json_integer(row->headcount)) |
            json_object_set_new(object, "gwp_gco2e_per_agent", json_real(row->gwp_per_agent_g));
    if (row->service)
        failed |=
            json_object_set_new(object, "operator", json_string(row->service->operator_name)) |
            json_object_set_new(object, "country", json_string(row->service->country)) |
            json_object_set_new(object, "hosting", json_string(hostings[row->service->hosting])) |
            json_object_set_new(object, "approved", json_string(approvals[row->service->approval]));
    if (!is_direction)
        failed |= json_object_set_new(object, "images_besides", json_images(report, row));
    failed |= json_object_set_new(object, "energy_share", json_real(row->energy_share));
    if (report->year)
        failed |= json_object_set_new(object, "months_shown", json_integer(row->months));
    failed |= add_totals(object, report, is_direction ? row->id : MONTH_ALL,
                         is_direction ? MONTH_ALL : row->id, row);
    failed |= impact_json_name(object, "ids", report->month, is_direction ? "direction" : "service",
                               row->id, "");
    return jsonvalues_finished(object, failed);
}

json_t *month_json_table(const struct month_report *report, const struct month_table *table)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < table->count; i++) {
        if (json_array_append_new(array, json_row(report, table, &table->rows[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* OBJECT, with the figures in it named. */
static json_t *named(json_t *object, const struct month_report *report, const char *scope)
{
    return jsonvalues_finished(
        object, impact_json_name(object, "ids", report->month, scope, MONTH_ALL, ""));
}

json_t *month_json_unit(const struct month_report *report, const char *scope,
                        struct month_unit unit)
{
    return named(json_pack("{s:f, s:f, s:f}", "energy_wh", unit.energy_wh, "water_ml",
                           unit.water_ml, "gwp_gco2e", unit.gwp_g),
                 report, scope);
}

json_t *month_json_coverage(const struct month_report *report)
{
    struct month_coverage_line lines[MONTH_COVERAGE_LINES];
    size_t count;
    json_t *object = json_pack("{s:f}", "month_s", report->month_s);
    int failed = !object;

    count = month_coverage_lines(report, lines);
    for (size_t i = 0; i < count; i++)
        failed |= json_object_set_new(object, lines[i].name, json_real(lines[i].value));
    return named(jsonvalues_finished(object, failed), report, "coverage");
}

/* Of what is a part of something, and of which something there is any. */
json_t *month_json_proportions(const struct month_report *report)
{
    struct month_coverage_line lines[MONTH_COVERAGE_LINES];
    size_t count;
    json_t *object = json_object();
    int failed = !object;

    count = month_coverage_lines(report, lines);
    for (size_t i = 0; i < count; i++)
        if (lines[i].proportion >= 0)
            failed |= json_object_set_new(object, lines[i].name, json_real(lines[i].proportion));
    return named(jsonvalues_finished(object, failed), report, "coverage-proportion");
}

/* As conf/ has it: a number, a range or a band. */
static json_t *json_coefficient(const struct coefficient *coefficient)
{
    const struct triple *value = &coefficient->value;

    if (coefficient->is_band)
        return jsonvalues_triple(*value);
    return coefficient->is_range ? json_range((struct range){value->low, value->high})
                                 : json_real(value->central);
}

/* All figures of ENTRY, or of a method, into OBJECT, and in "ids" the names that explain takes. */
static json_t *json_coefficients(json_t *object, const struct factors *factors,
                                 enum coefficient_group group, const void *entry)
{
    json_t *ids = json_object();
    int failed = !object;
    struct coefficient coefficient;
    char name[MONTH_FIGURE_SIZE];

    for (size_t i = 0; entry ? coefficients_of(group, entry, i, &coefficient)
                             : coefficients_get(factors, group, i, &coefficient);
         i++) {
        coefficients_name(name, factors, group, entry, coefficient.name);
        failed |= json_object_set_new(object, coefficient.name, json_coefficient(&coefficient)) |
                  json_object_set_new(ids, coefficient.name, json_string(name));
    }
    return jsonvalues_finished(object, failed | json_object_set_new(object, "ids", ids));
}

static json_t *json_method_a(const struct factors *factors)
{
    const struct method_a *method = factors_method_a(factors);

    return json_coefficients(
        json_pack("{s:o, s:o}", "provenance", impact_json_provenance(&method->provenance),
                  "embodied_provenance", impact_json_provenance(&method->embodied_provenance)),
        factors, COEFFICIENTS_A, NULL);
}

static json_t *json_method_b(const struct factors *factors)
{
    const struct method_b *method = factors_method_b(factors);

    return json_coefficients(
        json_pack("{s:o, s:o, s:o, s:o}", "provenance", impact_json_provenance(&method->provenance),
                  "batch_provenance", impact_json_provenance(&method->batch_provenance),
                  "input_provenance", impact_json_provenance(&method->input_provenance),
                  "overhead_provenance", impact_json_provenance(&method->overhead_provenance)),
        factors, COEFFICIENTS_B, NULL);
}

static json_t *json_model(const struct factors *factors, const struct model_factors *model)
{
    return json_coefficients(json_pack("{s:s, s:s, s:o}", "provider", model->provider, "name",
                                       model->name, "provenance",
                                       impact_json_provenance(&model->provenance)),
                             factors, COEFFICIENTS_MODEL, model);
}

static json_t *json_provider(const struct factors *factors, const struct provider_factors *provider)
{
    return json_coefficients(json_pack("{s:s, s:s, s:o}", "id", provider->id, "zone",
                                       provider->zone, "provenance",
                                       impact_json_provenance(&provider->provenance)),
                             factors, COEFFICIENTS_PROVIDER, provider);
}

static json_t *json_zone(const struct factors *factors, const struct zone_factors *zone)
{
    return json_coefficients(json_pack("{s:s, s:o, s:o, s:o}", "id", zone->id, "provenance",
                                       impact_json_provenance(&zone->provenance), "adpe_provenance",
                                       impact_json_provenance(&zone->adpe_provenance),
                                       "ewif_provenance",
                                       impact_json_provenance(&zone->ewif_provenance)),
                             factors, COEFFICIENTS_ZONE, zone);
}

static json_t *json_source(const struct month_source *source)
{
    return json_pack("{s:s, s:s, s:s, s:f, s:s?, s:s, s:s, s:s, s:s, s:s, s:o}", "service",
                     source->service->id, "method", source->factors.method_b ? "B" : "A",
                     "declared_model", source->model, "share", source->share, "mix_source",
                     source->mix ? source->mix->source : NULL, "model_provider",
                     source->factors.model->provider, "model", source->factors.model->name,
                     "provider", source->factors.provider->id, "zone", source->factors.zone->id,
                     "estimator", source->service->estimator.name, "grade",
                     json_grade((enum evidence_grade)source->service->estimator.grade));
}

static json_t *json_factors(const struct month_report *report)
{
    const struct month_factors *list = &report->factors;
    const struct factors *factors = report->config->factors;
    json_t *services = json_array(), *models = json_array();
    json_t *providers = json_array(), *zones = json_array();
    bool uses_b = false;
    int failed = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct month_source *source = &list->sources[i];

        failed |= json_array_append_new(services, json_source(source));
        uses_b |= source->factors.method_b != NULL;
        if (source->first_model)
            failed |= json_array_append_new(models, json_model(factors, source->factors.model));
        if (source->first_provider)
            failed |=
                json_array_append_new(providers, json_provider(factors, source->factors.provider));
        if (source->first_zone)
            failed |= json_array_append_new(zones, json_zone(factors, source->factors.zone));
        if (source->first_zone && source->zone_variant)
            failed |= json_array_append_new(zones, json_zone(factors, source->zone_variant));
    }
    if (!failed)
        return json_pack("{s:s, s:b, s:o, s:o*, s:o, s:o, s:o, s:o}", "vintage",
                         factors_vintage(factors), "whole_catalogue", list->whole_catalogue,
                         "method_a", json_method_a(factors), "method_b",
                         uses_b ? json_method_b(factors) : NULL, "services", services, "models",
                         models, "providers", providers, "zones", zones);
    json_decref(services);
    json_decref(models);
    json_decref(providers);
    json_decref(zones);
    return NULL;
}

json_t *month_json_vintages(const struct month_report *report)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < report->vintage_count; i++) {
        if (json_array_append_new(array, json_string(report->vintages[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static int add_note(json_t *array, enum text_id id)
{
    char *text = text_render(LANGUAGE_EN, id, NULL);
    int failed = json_array_append_new(array, text ? json_string(text) : NULL);

    free(text);
    return failed;
}

/* The limits, in English: whoever reads the figures by program should meet them too. */
json_t *month_json_notes(const struct month_report *report)
{
    json_t *array = json_array();
    int failed = !array;

    if (report->running && !report->year)
        failed |= add_note(array, TEXT_PROVISIONAL);
    for (int id = TEXT_LIMIT_SCOPE; id <= TEXT_LIMIT_MARGINS; id++)
        failed |= add_note(array, (enum text_id)id);
    return jsonvalues_finished(array, failed);
}

static json_t *json_restated(const struct month_report *report, const char *scope,
                             const struct month_totals *totals)
{
    json_t *object = impact_json(&totals->impact);
    char number[TEXT_NUMBER_SIZE];

    snprintf(number, sizeof(number), "%lld", (long long)report->restatement.number);
    return jsonvalues_finished(object,
                               impact_json_name(object, "ids", report->month, scope, number, ""));
}

json_t *month_json_restatement(const struct month_report *report)
{
    const struct month_restatement *restatement = &report->restatement;

    return json_pack("{s:I, s:o, s:s, s:o, s:o}", "number", (json_int_t)restatement->number, "made",
                     jsonvalues_time(restatement->made_s), "vintage", restatement->vintage,
                     "recorded", json_restated(report, "restated-from", &restatement->recorded),
                     "restated", json_restated(report, "restated", &restatement->restated));
}

static const char *suppression_name(enum suppress_result result)
{
    static const char *const names[] = {"none", "merged", "total-only"};

    return names[result];
}

static json_t *json_head(const struct month_report *report)
{
    const struct config *config = report->config;
    char month[sizeof("2026-10")];

    strftime(month, sizeof(month), "%Y-%m",
             &(struct tm){.tm_year = report->month.year - 1900, .tm_mon = report->month.month - 1});
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:i, s:b, s:s}", "schema", SCHEMA,
                     "month", month, "organisation", config->report.organisation, "timezone",
                     config->timezone, "from", jsonvalues_time(report->month.start), "until",
                     jsonvalues_time(report->until), "running", report->running, "threshold",
                     (int)config->report.threshold, "withheld", report->withheld, "suppression",
                     suppression_name(report->suppressed));
}

static json_t *json_variant(const struct month_report *report, enum month_variant variant)
{
    json_t *object = impact_json(&report->variants.impacts[variant]);

    return jsonvalues_finished(object, impact_json_name(object, "ids", report->month, "variant",
                                                        variants_name(variant), ""));
}

/* The same use by other methods and conventions; null when nothing of it is shown. */
static json_t *json_variants(const struct month_report *report)
{
    const struct variants *variants = &report->variants;
    json_t *object = json_pack("{s:b, s:b}", "partial", variants->is_partial, "lacks_models",
                               variants->lacks_models);
    int failed = !object;

    if (!variants->is_there) {
        json_decref(object);
        return json_null();
    }
    for (int i = 0; i < VARIANTS; i++)
        if (variants_is_shown(variants, (enum month_variant)i))
            failed |= json_object_set_new(object, variants_name((enum month_variant)i),
                                          json_variant(report, (enum month_variant)i));
    return jsonvalues_finished(object, failed);
}

/* Electricity used in France hour by hour, beside the yearly factors; null without any. */
static json_t *json_hourly(const struct month_report *report)
{
    const struct hourly_result *hourly = &report->hourly;
    const struct grid_coverage *coverage = &hourly->coverage;

    if (!hourly->is_there)
        return json_null();
    return named(json_pack("{s:o, s:o, s:o, s:f, s:f, s:f, s:I, s:I, s:I, s:I}", "energy_kwh",
                           jsonvalues_triple(hourly->sum.energy_kwh), "known_energy_kwh",
                           jsonvalues_triple(hourly->sum.known_kwh), "direct_kgco2",
                           jsonvalues_triple(hourly->sum.direct_kgco2), "known_share",
                           hourly->known_share, "timing", hourly->timing, "mean_kgco2_per_kwh",
                           coverage->mean_kgco2_per_kwh, "hours", (json_int_t)coverage->hours,
                           "hours_real_time", (json_int_t)coverage->by_nature[GRID_REAL_TIME],
                           "hours_consolidated", (json_int_t)coverage->by_nature[GRID_CONSOLIDATED],
                           "hours_definitive", (json_int_t)coverage->by_nature[GRID_DEFINITIVE]),
                 report, "french-hours");
}

json_t *month_json_shares(const struct month_report *report)
{
    double measured = month_has_host(report) ? month_measured(report, NULL) : 0;

    return named(json_pack("{s:o, s:f, s:o}", "measured", json_share(measured), "counted", 0.0,
                           "estimated", json_share(1 - measured)),
                 report, "shares");
}

static json_t *json_report(const struct month_report *report)
{
    json_t *object = json_head(report);
    int failed = !object;

    if (!report->withheld) {
        failed |= json_object_set_new(object, "total", month_json_total(report));
        failed |= json_object_set_new(object, "units_of_shown_only",
                                      json_boolean(report->units_of_shown));
        failed |= json_object_set_new(object, "per_request",
                                      month_json_unit(report, "per-request", report->per_request));
        failed |= json_object_set_new(
            object, "per_1000_tokens_out",
            month_json_unit(report, "per-1000-tokens-out", report->per_1000_tokens));
        failed |= json_object_set_new(object, "directions",
                                      month_json_table(report, &report->directions));
        failed |=
            json_object_set_new(object, "services", month_json_table(report, &report->services));
        failed |= json_object_set_new(object, "variants", json_variants(report));
        failed |= json_object_set_new(object, "intensity", json_string("yearly"));
        failed |= json_object_set_new(object, "french_electricity_by_hour", json_hourly(report));
        failed |= json_object_set_new(object, "shares", month_json_shares(report));
        failed |= json_object_set_new(object, "host", hostview_json(report));
        failed |= json_object_set_new(object, "calibrations", calibrations_json(report, MONTH_ALL));
        if (report->config->factors)
            failed |= json_object_set_new(object, "factors", json_factors(report));
    }
    if (report->progress)
        failed |= json_object_set_new(object, "objectives", progress_json(report->progress));
    if (report->restatement.number > 0)
        failed |= json_object_set_new(object, "restatement", month_json_restatement(report));
    failed |= json_object_set_new(object, "coverage", month_json_coverage(report));
    failed |= json_object_set_new(object, "coverage_proportions", month_json_proportions(report));
    failed |= json_object_set_new(object, "vintages", month_json_vintages(report));
    failed |=
        json_object_set_new(object, "other_vintage", json_boolean(report->factors.other_vintage));
    failed |= json_object_set_new(object, "notes", month_json_notes(report));
    return jsonvalues_finished(object, failed);
}

bool month_write_json(const struct month_report *report, FILE *stream)
{
    return jsonvalues_write(json_report(report), stream);
}
