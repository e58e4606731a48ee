/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived_build.h"

#include <string.h>

#include "reports/progress.h"

/* ---- Objectives ---- */

static const struct progress_line *find_line(const struct derived_builder *builder)
{
    const struct progress *progress = builder->report->progress;

    for (size_t i = 0; progress && i < progress->count; i++)
        if (strcmp(progress_scope(&progress->lines[i]), builder->key) == 0 &&
            derived_is(builder, month_indicator_name(progress->lines[i].indicator)))
            return &progress->lines[i];
    return NULL;
}

bool derived_find_budget(struct derived_builder *builder)
{
    const struct progress_line *line = find_line(builder);
    const char *unit = line ? month_indicator_unit(line->indicator) : NULL;

    if (!line)
        return false;
    derived_set_value(builder, unit, triple_exact(line->budget));
    derived_add_given(builder, "budget", unit, triple_exact(line->budget), TEXT_DERIVED_OBJECTIVES);
    fputs("{budget}", builder->formula);
    return true;
}

bool derived_find_path(struct derived_builder *builder)
{
    const struct progress *progress = builder->report->progress;
    const struct progress_line *line = find_line(builder);
    const char *unit = line ? month_indicator_unit(line->indicator) : NULL;

    if (!line)
        return false;
    derived_set_value(builder, unit, triple_exact(line->path));
    derived_add_derived(builder, "budget", unit, triple_exact(line->budget), "objective-budget",
                        builder->indicator);
    derived_add_given(builder, "passed_s", "s",
                      triple_exact((double)(progress->until - progress->from)),
                      TEXT_DERIVED_CALENDAR);
    derived_add_given(builder, "year_s", "s",
                      triple_exact((double)(progress->end - progress->from)),
                      TEXT_DERIVED_CALENDAR);
    fputs("{budget} · ({passed_s} / {year_s})", builder->formula);
    return true;
}

/* One more summand: what a month's report prints. A direction has no row, and nothing to add, in a
 * month that nobody used anything in. */
static void add_month(struct derived_builder *builder, const struct progress_line *line,
                      const struct progress_month *month, const char *prefix,
                      enum month_indicator indicator, size_t *count)
{
    struct month_report of = {
        .month = {.year = builder->report->month.year, .month = month->month}};
    char source[MONTH_FIGURE_SIZE];

    if (month->unused && line->objective->direction[0])
        return;
    month_figure(source, &of, progress_scope(line), MONTH_ALL, indicator);
    derived_add_summand(builder, prefix, ++*count, month_indicator_unit(indicator),
                        month_value(&month->totals, indicator), source);
}

/* Of one indicator. */
static void add_months(struct derived_builder *builder, const struct progress_line *line,
                       const char *prefix, enum month_indicator indicator)
{
    size_t count = 0;

    for (size_t i = 0; i < line->month_count; i++)
        add_month(builder, line, &line->months[i], prefix, indicator, &count);
    fputs(count > 0 ? "" : "0", builder->formula);
}

bool derived_find_spent(struct derived_builder *builder)
{
    const struct progress_line *line = find_line(builder);

    if (!line || line->month_count == 0 || line->state <= PROGRESS_NOT_SHOWN)
        return false;
    derived_set_value(builder, month_indicator_unit(line->indicator), line->spent);
    if (line->indicator != MONTH_GWP) {
        add_months(builder, line, "month_", line->indicator);
        return true;
    }
    fputc('(', builder->formula);
    add_months(builder, line, "use_", MONTH_GWP_USE);
    fputs(") + (", builder->formula);
    add_months(builder, line, "embodied_", MONTH_GWP_EMBODIED);
    fputc(')', builder->formula);
    return true;
}

/* Use per second that was covered: latest month first. */
static void add_rate(struct derived_builder *builder, const struct progress_line *line,
                     const struct progress_rate *rate, const char *prefix)
{
    char name[32];
    size_t count = 0;

    fputc('(', builder->formula);
    for (unsigned i = 0; i < rate->months; i++)
        add_month(builder, line, &line->months[rate->numbers[i]], prefix, line->indicator, &count);
    fputs(count > 0 ? "" : "0", builder->formula);
    snprintf(name, sizeof(name), "%scovered_s", prefix);
    derived_add_given(builder, name, "s", triple_exact(rate->covered_s), TEXT_DERIVED_COVERAGE);
    fprintf(builder->formula, ") · (1 / {%s})", name);
}

bool derived_find_projected(struct derived_builder *builder)
{
    const struct progress *progress = builder->report->progress;
    const struct progress_line *line = find_line(builder);
    const char *unit = line ? month_indicator_unit(line->indicator) : NULL;

    if (!line || !line->has_projection)
        return false;
    derived_set_value(builder, unit, line->projected);
    derived_add_derived(builder, "spent", unit, line->spent, "objective-spent", builder->indicator);
    fputs("{spent}", builder->formula);
    if (line->recent.months == 0 || progress->end == progress->until)
        return true;
    fputs(" + further(", builder->formula);
    add_rate(builder, line, &line->recent, "recent_");
    fputs(", ", builder->formula);
    add_rate(builder, line, &line->all, "all_");
    derived_add_given(builder, "left_s", "s",
                      triple_exact((double)(progress->end - progress->until)),
                      TEXT_DERIVED_CALENDAR);
    fputs(") · {left_s}", builder->formula);
    return true;
}

bool derived_find_warning(struct derived_builder *builder)
{
    const struct progress_line *line = find_line(builder);

    return line && derived_as_given(builder, "%", triple_exact(line->objective->warning_percent),
                                    TEXT_DERIVED_OBJECTIVES);
}

bool derived_find_hidden_months(struct derived_builder *builder)
{
    const struct progress_line *line = find_line(builder);

    return line && derived_as_given(builder, "1", triple_exact(line->hidden_months),
                                    TEXT_DERIVED_HIDDEN_MONTHS);
}

/* Of the year. */
bool derived_find_objectives(struct derived_builder *builder)
{
    const struct progress *progress = builder->report->progress;
    bool is_elapsed = derived_is(builder, "elapsed_share");

    if (!progress || strcmp(builder->key, MONTH_ALL) != 0)
        return false;
    if (derived_is(builder, "months"))
        return derived_as_given(builder, "1", triple_exact(progress->months), TEXT_DERIVED_LEDGER);
    if (!is_elapsed && !derived_is(builder, "covered_share"))
        return false;
    derived_set_value(
        builder, "1",
        triple_exact(is_elapsed ? progress_elapsed(progress) : progress_covered(progress)));
    if (is_elapsed)
        derived_add_given(builder, "passed_s", "s",
                          triple_exact((double)(progress->until - progress->from)),
                          TEXT_DERIVED_CALENDAR);
    else
        derived_add_given(builder, "covered_s", "s", triple_exact(progress->covered_s),
                          TEXT_DERIVED_COVERAGE);
    derived_add_given(builder, "year_s", "s",
                      triple_exact((double)(progress->end - progress->from)),
                      TEXT_DERIVED_CALENDAR);
    fputs(is_elapsed ? "{passed_s} / {year_s}" : "{covered_s} / {year_s}", builder->formula);
    return true;
}
