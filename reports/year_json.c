/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/year.h"

#include <math.h>

#include "reports/derived.h"
#include "reports/impact_json.h"
#include "reports/jsonvalues.h"
#include "reports/month_json.h"
#include "reports/progress_json.h"

#define SCHEMA "iagmeter-year/1"

static json_t *named(json_t *object, const struct year_report *year, const char *scope)
{
    return jsonvalues_finished(
        object, impact_json_name(object, "ids", year->sums.month, scope, MONTH_ALL, ""));
}

static json_t *json_head(const struct year_report *year)
{
    const struct month_report *sums = &year->sums;
    const struct config *config = sums->config;

    return json_pack("{s:s, s:i, s:s, s:s, s:o, s:o, s:b, s:i, s:b}", "schema", SCHEMA, "year",
                     sums->month.year, "organisation", config->report.organisation, "timezone",
                     config->timezone, "from", jsonvalues_time(sums->month.start), "until",
                     jsonvalues_time(sums->until), "running", sums->running, "threshold",
                     (int)config->report.threshold, "withheld", sums->withheld);
}

static json_t *json_months(const struct year_report *year)
{
    json_t *object = json_object();
    struct year_count count;
    int failed = !object;

    for (size_t i = 0; year_count(year, i, &count); i++)
        failed |= json_object_set_new(object, count.name, json_integer(count.value));
    return named(jsonvalues_finished(object, failed), year, "months");
}

static json_t *json_share(double share)
{
    return isnan(share) ? json_null() : json_real(share);
}

/* The year's, or, where MONTH is not NULL, a month's. */
static json_t *json_class(const struct year_report *year, const struct monthsums *month,
                          enum year_dimension dimension, int number)
{
    struct month_totals sum = year_class_sum(year, month, dimension, number);
    char scope[MONTH_ID_SIZE], key[MONTH_ID_SIZE];
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:o}", "requests", jsonvalues_triple(sum.activity.requests), "energy_kwh",
        jsonvalues_triple(sum.impact.energy_kwh), "requests_share",
        json_share(year_class_share(year, month, dimension, number, MONTH_REQUESTS)),
        "energy_share", json_share(year_class_share(year, month, dimension, number, MONTH_ENERGY)));

    year_class_key(scope, key, month, dimension, number);
    return jsonvalues_finished(object,
                               impact_json_name(object, "ids", year->sums.month, scope, key, ""));
}

static json_t *json_dimension(const struct year_report *year, const struct monthsums *month,
                              enum year_dimension dimension)
{
    json_t *object = json_object();
    int failed = !object;

    for (int i = 0; year_class_name(dimension, i); i++)
        failed |= json_object_set_new(object, year_class_name(dimension, i),
                                      json_class(year, month, dimension, i));
    return jsonvalues_finished(object, failed);
}

static int add_dimensions(json_t *object, const struct year_report *year,
                          const struct monthsums *month)
{
    int failed = 0;

    for (int i = 0; i < YEAR_DIMENSIONS; i++)
        failed |= json_object_set_new(object, year_dimension_name((enum year_dimension)i),
                                      json_dimension(year, month, (enum year_dimension)i));
    return failed;
}

/* What its own report prints of it; so are the names. */
static json_t *json_use(const struct monthsums *month)
{
    const struct month_report own = {.month = {.year = month->year, .month = month->month}};
    const struct year_units units = year_units_of(month);
    const struct month_unit request = year_per_request(&units),
                            tokens = year_per_1000_tokens(&units);
    char figure[MONTH_FIGURE_SIZE];
    json_t *object = json_object();
    int failed = !object;

    for (int i = 0; i < MONTH_INDICATORS; i++) {
        enum month_indicator indicator = (enum month_indicator)i;
        json_t *value = jsonvalues_triple(month_value(&month->total, indicator));

        month_figure(figure, &own, MONTH_ALL, MONTH_ALL, indicator);
        failed |= json_object_set_new(value, "id", json_string(figure)) |
                  json_object_set_new(object, month_indicator_name(indicator), value);
    }
    if (request.energy_wh > 0)
        failed |= json_object_set_new(object, "per_request",
                                      month_json_unit(&own, "per-request", request));
    if (tokens.energy_wh > 0)
        failed |= json_object_set_new(object, "per_1000_tokens_out",
                                      month_json_unit(&own, "per-1000-tokens-out", tokens));
    return jsonvalues_finished(object, failed);
}

static json_t *json_month_vintages(const struct monthsums *month)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < month->vintage_count; i++)
        failed |= json_array_append_new(array, json_string(month->vintages[i]));
    return jsonvalues_finished(array, failed);
}

static json_t *json_month(const struct year_report *year, const struct monthsums *month)
{
    const struct calendar_month own = {.year = month->year, .month = month->month};
    char name[MONTH_ID_SIZE];
    json_t *coverage =
        json_pack("{s:f, s:f}", "month_s", month->month_s, "covered_s", month->covered_s);
    json_t *object;
    int failed;

    year_month_name(name, month);
    object =
        json_pack("{s:s, s:b, s:b, s:o, s:o, s:o*}", "month", name, "withheld", month->withheld,
                  "unused", month->unused, "vintages", json_month_vintages(month), "coverage",
                  jsonvalues_finished(
                      coverage, impact_json_name(coverage, "ids", own, "coverage", MONTH_ALL, "")),
                  "total", month->withheld || month->unused ? NULL : json_use(month));
    failed = !object;
    if (object && !month->withheld && !month->unused)
        failed |= add_dimensions(object, year, month);
    return jsonvalues_finished(object, failed);
}

static json_t *json_by_month(const struct year_report *year)
{
    json_t *array = json_array();
    int failed = !array;

    for (int i = 0; i < YEAR_MONTHS; i++)
        if (year->months[i])
            failed |= json_array_append_new(array, json_month(year, year->months[i]));
    return jsonvalues_finished(array, failed);
}

/* Of the months that are compared: empty where there are none. */
static json_t *json_comparison(const struct year_report *year)
{
    const char *const scopes[] = {"compared", "compared-before", "compared-change"};
    json_t *sides[] = {json_object(), json_object(), json_object()};
    json_t *months = json_array();
    char name[MONTH_ID_SIZE];
    int failed = 0;

    for (int i = 0; year->compared > 0 && i < YEAR_COMPARISONS; i++) {
        struct year_comparison of = year_comparison(year, i);

        failed |= json_object_set_new(sides[0], of.indicator, jsonvalues_triple(of.value)) |
                  json_object_set_new(sides[1], of.indicator, jsonvalues_triple(of.before));
        if (!isnan(of.change_percent))
            failed |= json_object_set_new(sides[2], of.indicator, json_real(of.change_percent));
    }
    for (int i = 0; i < YEAR_MONTHS; i++)
        if (year_month_of(year, YEAR_COMPARED, i)) {
            year_month_name(name, year->months[i]);
            failed |= json_array_append_new(months, json_string(name));
        }
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
        sides[i] = jsonvalues_finished(named(sides[i], year, scopes[i]), failed);
    return json_pack("{s:i, s:o, s:o, s:o, s:o}", "year_before", year->sums.month.year - 1,
                     "months", months, "after", sides[0], "before", sides[1], "change_percent",
                     sides[2]);
}

static int add_use(json_t *object, const struct year_report *year)
{
    const struct month_report *sums = &year->sums;

    return json_object_set_new(object, "total", month_json_total(sums)) |
           json_object_set_new(object, "units_of_shown_only", json_boolean(sums->units_of_shown)) |
           json_object_set_new(object, "per_request",
                               month_json_unit(sums, "per-request", sums->per_request)) |
           json_object_set_new(
               object, "per_1000_tokens_out",
               month_json_unit(sums, "per-1000-tokens-out", sums->per_1000_tokens)) |
           json_object_set_new(object, "directions", month_json_table(sums, &sums->directions)) |
           json_object_set_new(object, "services", month_json_table(sums, &sums->services)) |
           json_object_set_new(object, "shares", month_json_shares(sums)) |
           json_object_set_new(object, "calibrations", calibrations_json(sums, MONTH_ALL)) |
           add_dimensions(object, year, NULL);
}

static json_t *json_report(const struct year_report *year)
{
    const struct month_report *sums = &year->sums;
    json_t *object = json_head(year);
    int failed = !object;

    failed |= json_object_set_new(object, "months", json_months(year));
    if (!sums->withheld)
        failed |= add_use(object, year);
    failed |= json_object_set_new(object, "by_month", json_by_month(year)) |
              json_object_set_new(object, "compared", json_comparison(year));
    if (sums->progress)
        failed |= json_object_set_new(object, "objectives", progress_json(sums->progress));
    if (sums->restatement.number > 0)
        failed |= json_object_set_new(object, "restatement", month_json_restatement(sums));
    failed |= json_object_set_new(object, "coverage", month_json_coverage(sums)) |
              json_object_set_new(object, "coverage_proportions", month_json_proportions(sums)) |
              json_object_set_new(object, "vintages", month_json_vintages(sums)) |
              json_object_set_new(object, "notes", month_json_notes(sums));
    return jsonvalues_finished(object, failed);
}

bool year_write_json(const struct year_report *year, FILE *stream)
{
    return jsonvalues_write(json_report(year), stream);
}
