/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/progress_json.h"

#include "reports/jsonvalues.h"

static json_t *json_ids(const struct progress *progress, const struct progress_line *line)
{
    static const char *const names[] = {"budget", "path", "spent", "projected"};
    const bool shown[] = {true, true, line->state > PROGRESS_NOT_SHOWN, line->has_projection};
    json_t *object = json_object();
    int failed = !object;
    char figure[MONTH_FIGURE_SIZE], scope[sizeof("objective-projected")];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(scope, sizeof(scope), "objective-%s", names[i]);
        progress_figure(figure, progress, line, scope);
        if (shown[i])
            failed |= json_object_set_new(object, names[i], json_string(figure));
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
    return json_pack("{s:i, s:I, s:i, s:f, s:f, s:o}", "year", progress->year, "until_s",
                     (json_int_t)progress->until, "months", (int)progress->months, "elapsed_share",
                     progress_elapsed(progress), "covered_share", progress_covered(progress),
                     "list", list);
}
