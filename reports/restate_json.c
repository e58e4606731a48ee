/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/restate.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "reports/jsonvalues.h"

#define SCHEMA "iagmeter-restatement/1"

static json_t *json_digest(uint64_t digest)
{
    return json_sprintf("%016" PRIx64, digest);
}

/* VALUE with the name that `iagmeter explain` takes. */
static json_t *json_band(const struct restate_view *view, const char *scope,
                         const struct restate_line *line, struct triple value,
                         const char *indicator)
{
    json_t *object = jsonvalues_triple(value);
    char name[MONTH_FIGURE_SIZE];

    restate_figure(name, view, scope, "", line, indicator);
    return jsonvalues_finished(object, json_object_set_new(object, "id", json_string(name)));
}

/* Names stand in "ids", under the names of the members, as in a month's report. */
static json_t *json_causes(const struct restate_view *view, const struct restate_line *line,
                           enum restate_indicator indicator)
{
    const char *same = month_indicator_name(restate_month_indicator(indicator));
    json_t *object = json_object(), *ids = json_object();
    char name[MONTH_FIGURE_SIZE];
    int failed = !object || !ids;

    for (int i = 0; i < STATEMENT_CAUSES; i++) {
        enum statement_cause cause = (enum statement_cause)i;

        failed |= json_object_set_new(object, statement_cause_name(cause),
                                      json_real(restate_cause(line, cause, indicator)));
        restate_figure(name, view, "restated-by", statement_cause_name(cause), line, same);
        failed |= json_object_set_new(ids, statement_cause_name(cause), json_string(name));
    }
    failed |= json_object_set_new(object, "ids", ids);
    return jsonvalues_finished(object, failed);
}

static json_t *json_figure(const struct restate_view *view, const struct restate_line *line,
                           enum restate_indicator indicator)
{
    double percent = restate_change_percent(line, indicator);
    const char *same = month_indicator_name(restate_month_indicator(indicator));
    char name[MONTH_FIGURE_SIZE];
    json_t *object;

    restate_figure(name, view, "restated-change", "", line, same);
    object = json_pack(
        "{s:s, s:o, s:o, s:o, s:{s:s*}, s:b}", "unit",
        month_indicator_unit(restate_month_indicator(indicator)), "recorded",
        json_band(view, "restated-from", line, restate_value(&line->recorded, indicator), same),
        "restated",
        json_band(view, "restated", line, restate_value(&line->restated, indicator), same),
        "change_percent", isfinite(percent) ? json_real(percent) : json_null(), "ids",
        "change_percent", isfinite(percent) ? name : NULL, "passes",
        restate_passes(view->statement, line, indicator));
    return jsonvalues_finished(
        object, json_object_set_new(object, "causes", json_causes(view, line, indicator)));
}

static json_t *json_line(const struct restate_view *view, const struct restate_line *line)
{
    json_t *object = line == &view->total
                         ? json_object()
                         : json_pack("{s:s, s:s, s:b}", "id", line->id, "label", line->label,
                                     "is_other", strcmp(line->id, MONTH_OTHER) == 0);
    double sigma = restate_random_sigma(line, view->factors);
    char name[MONTH_FIGURE_SIZE];
    int failed = !object;

    restate_figure(name, view, "restated", "", line, "tokens_out_random_sigma");
    if (!isnan(sigma))
        failed |=
            json_object_set_new(object, "ids", json_pack("{s:s}", "tokens_out_random_sigma", name));
    failed |= json_object_set_new(object, "tokens_out_random_sigma",
                                  isnan(sigma) ? json_null() : json_real(sigma));
    for (int i = 0; i < RESTATE_INDICATORS; i++) {
        enum restate_indicator indicator = (enum restate_indicator)i;

        failed |=
            json_object_set_new(object, month_indicator_name(restate_month_indicator(indicator)),
                                json_figure(view, line, indicator));
    }
    return jsonvalues_finished(object, failed);
}

static json_t *json_table(const struct restate_view *view, const struct restate_table *table)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < table->count; i++)
        failed |= json_array_append_new(array, json_line(view, &table->lines[i]));
    return jsonvalues_finished(array, failed);
}

static json_t *json_sets(const struct statement *statement)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < statement->set_count; i++)
        failed |= json_array_append_new(array, json_pack("{s:s, s:o, s:b}", "vintage",
                                                         statement->sets[i].vintage, "digest",
                                                         json_digest(statement->sets[i].digest),
                                                         "at_hand", statement->sets[i].at_hand));
    return jsonvalues_finished(array, failed);
}

/* Times in Unix seconds: months are local to the time zone. */
static json_t *json_head(const struct statement *statement)
{
    return json_pack("{s:s, s:I, s:I, s:s, s:I, s:I, s:b, s:s, s:s, s:o, s:o, s:s, s:f, s:b}",
                     "schema", SCHEMA, "statement", (json_int_t)statement->number, "made_s",
                     (json_int_t)statement->made_s, "period", statement->period, "from_s",
                     (json_int_t)statement->from_s, "until_s", (json_int_t)statement->until_s,
                     "running", statement->running, "timezone", statement->timezone, "vintage",
                     statement->vintage, "factors", json_digest(statement->factors),
                     "configuration", json_digest(statement->configuration), "program",
                     statement->program, "threshold_percent", statement->threshold_percent,
                     "passes", statement->passes);
}

static json_t *json_view(const struct restate_view *view)
{
    json_t *object = json_head(view->statement);
    int failed = !object;

    failed |= json_object_set_new(object, "recorded_with", json_sets(view->statement));
    failed |= json_object_set_new(object, "months", json_integer(view->months));
    failed |= json_object_set_new(object, "withheld_months", json_integer(view->withheld_months));
    if (view->withheld_months < view->months) {
        failed |= json_object_set_new(object, "total", json_line(view, &view->total));
        failed |= json_object_set_new(object, "directions", json_table(view, &view->directions));
        failed |= json_object_set_new(object, "services", json_table(view, &view->services));
    }
    return jsonvalues_finished(object, failed);
}

static bool write_object(json_t *object, size_t flags, FILE *stream)
{
    bool written = object && json_dumpf(object, stream, flags) == 0;

    json_decref(object);
    return written && fputc('\n', stream) != EOF && fflush(stream) == 0;
}

bool restate_write_json(const struct restate_view *view, FILE *stream)
{
    return write_object(json_view(view), JSON_INDENT(2) | JSON_REAL_PRECISION(JSONVALUES_DIGITS),
                        stream);
}

bool restate_list_json(const struct statement *statement, FILE *stream)
{
    return write_object(json_head(statement), JSON_COMPACT | JSON_REAL_PRECISION(JSONVALUES_DIGITS),
                        stream);
}
