/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/progress_json.h"

#include "reports/derived.h"
#include "reports/jsonvalues.h"

/* Every figure of a line has its own scope, under the name of its indicator. */
static json_t *json_ids(const struct progress *progress, const struct progress_line *line)
{
    const struct {
        const char *name;
        const char *scope;
        bool is_shown;
    } figures[] = {
        {"budget", "objective-budget", true},
        {"path", "objective-path", true},
        {"warning_percent", "objective-warning", true},
        {"months_not_shown", "objective-hidden-months", true},
        {"spent", "objective-spent", line->state > PROGRESS_NOT_SHOWN},
        {"projected", "objective-projected", line->has_projection},
    };
    json_t *object = json_object();
    int failed = !object;
    char name[MONTH_FIGURE_SIZE];

    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        progress_figure(name, progress, line, figures[i].scope);
        if (figures[i].is_shown)
            failed |= json_object_set_new(object, figures[i].name, json_string(name));
    }
    return jsonvalues_finished(object, failed);
}

static json_t *json_year_ids(const struct progress *progress)
{
    static const char *const names[] = {"months", "elapsed_share", "covered_share"};
    json_t *object = json_object();
    int failed = !object;
    char name[MONTH_FIGURE_SIZE];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        derived_name(name, progress->named, "objectives", MONTH_ALL, names[i]);
        failed |= json_object_set_new(object, names[i], json_string(name));
    }
    return jsonvalues_finished(object, failed);
}

static json_t *json_line(const struct progress *progress, const struct progress_line *line)
{
    const struct objective *objective = line->objective;
    bool shown = line->state > PROGRESS_NOT_SHOWN;
    char grade = grade_letter((enum evidence_grade)line->grade);

    return json_pack(
        "{s:s, s:s, s:s, s:f, s:f, s:i, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:i}", "direction",
        progress_scope(line), "indicator", month_indicator_name(line->indicator), "unit",
        month_indicator_unit(line->indicator), "budget", line->budget, "path", line->path,
        "warning_percent", (int)objective->warning_percent, "source", objective->source, "state",
        progress_state_name(line->state), "warning", progress_is_warning(line), "spent",
        shown ? jsonvalues_triple(line->spent) : json_null(), "grade",
        shown ? json_stringn(&grade, 1) : json_null(), "projected",
        line->has_projection ? jsonvalues_triple(line->projected) : json_null(), "ids",
        json_ids(progress, line), "months_not_shown", (int)line->hidden_months);
}

json_t *progress_json(const struct progress *progress)
{
    json_t *list = json_array();
    int failed = 0;

    for (size_t i = 0; i < progress->count; i++)
        failed |= json_array_append_new(list, json_line(progress, &progress->lines[i]));
    if (failed) {
        json_decref(list);
        return NULL;
    }
    return json_pack("{s:i, s:I, s:i, s:f, s:f, s:o, s:o}", "year", progress->year, "until_s",
                     (json_int_t)progress->until, "months", (int)progress->months, "elapsed_share",
                     progress_elapsed(progress), "covered_share", progress_covered(progress), "ids",
                     json_year_ids(progress), "list", list);
}
