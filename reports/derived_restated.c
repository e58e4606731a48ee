/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived_build.h"

#include <stdlib.h>
#include <string.h>

#include "reports/restate.h"

/* The month in a statement: what was recorded beside what it is with other factors, pair by pair of
 * those that may be shown, and why. */

#define MONTHS_PER_YEAR 12

struct sides {
    bool restated; /* else as recorded */
    const struct restate_view *view;
};

static const struct impact *side_of(const struct sides *sides, const struct statement_row *row)
{
    return sides->restated ? &row->restated : &row->recorded;
}

static struct triple value_of(const struct impact *impact, enum month_indicator indicator)
{
    return month_value(&(struct month_totals){.impact = *impact}, indicator);
}

/* The pairs, then what is folded, which is as recorded on both sides. */
static void add_rows(struct derived_builder *builder, const struct sides *sides,
                     enum month_indicator indicator)
{
    const struct restate_view *view = sides->view;
    const char *unit = month_indicator_unit(indicator);
    char name[32];

    for (size_t i = 0; i < view->shown_count; i++) {
        snprintf(name, sizeof(name), "pair_%zu", i + 1);
        derived_add_given(builder, name, unit, value_of(side_of(sides, view->shown[i]), indicator),
                          TEXT_DERIVED_STATEMENT);
        fprintf(builder->formula, "%s{%s}", i > 0 ? " + " : "", name);
    }
    if (!view->has_folded && view->shown_count > 0)
        return;
    derived_add_given(builder, "folded", unit, value_of(&view->folded, indicator),
                      TEXT_DERIVED_STATEMENT);
    fprintf(builder->formula, "%s{folded}", view->shown_count > 0 ? " + " : "");
}

/* Greenhouse gases are added up as two sums. */
static void add_gases(struct derived_builder *builder, const struct sides *sides)
{
    static const enum month_indicator parts[] = {MONTH_GWP_USE, MONTH_GWP_EMBODIED};
    const struct restate_line *total = &sides->view->total;

    for (size_t i = 0; i < 2; i++)
        derived_add_derived(
            builder, month_indicator_name(parts[i]), month_indicator_unit(parts[i]),
            value_of(sides->restated ? &total->restated : &total->recorded, parts[i]),
            sides->restated ? "restated" : "restated-from", month_indicator_name(parts[i]));
    fprintf(builder->formula, "{%s} + {%s}", month_indicator_name(MONTH_GWP_USE),
            month_indicator_name(MONTH_GWP_EMBODIED));
}

/* Beside the sum: the other side, and of the central values what each cause changed. */
static void add_causes(struct derived_builder *builder, const struct sides *sides,
                       enum restate_indicator indicator)
{
    const struct restate_line *total = &sides->view->total;
    enum month_indicator same = restate_month_indicator(indicator);
    const char *unit = month_indicator_unit(same);

    derived_add_derived(builder, sides->restated ? "before" : "after", unit,
                        value_of(sides->restated ? &total->recorded : &total->restated, same),
                        sides->restated ? "restated-from" : "restated", month_indicator_name(same));
    for (int i = 0; i < STATEMENT_CAUSES; i++) {
        enum statement_cause cause = (enum statement_cause)i;
        double change = restate_cause(total, cause, indicator);
        char name[32];

        if (change == 0)
            continue;
        snprintf(name, sizeof(name), "by_%s", statement_cause_name(cause));
        derived_add_given(builder, name, unit, triple_exact(change),
                          (enum text_id)(TEXT_RESTATE_CONFIGURATION + i));
    }
}

static bool find_in_view(struct derived_builder *builder, const struct sides *sides)
{
    const struct restate_line *total = &sides->view->total;

    for (int i = 0; i < RESTATE_INDICATORS; i++) {
        enum restate_indicator indicator = (enum restate_indicator)i;
        enum month_indicator same = restate_month_indicator(indicator);

        if (!derived_is(builder, month_indicator_name(same)))
            continue;
        derived_set_value(builder, month_indicator_unit(same),
                          value_of(sides->restated ? &total->restated : &total->recorded, same));
        if (same == MONTH_GWP)
            add_gases(builder, sides);
        else
            add_rows(builder, sides, same);
        add_causes(builder, sides, indicator);
        return true;
    }
    return false;
}

static bool find_side(struct derived_builder *builder, bool restated)
{
    const struct month_report *report = builder->report;
    int month = MONTHS_PER_YEAR * report->month.year + report->month.month - 1;
    char *end, error[512];
    long long number = strtoll(builder->key, &end, 10);
    struct sides sides = {.restated = restated};
    struct statement *statement = NULL;
    struct restate_view *view = NULL;
    bool found = false;

    if (number > 0 && !*end && !report->withheld)
        statement =
            statements_load(report->config->state_directory, number, month, error, sizeof(error));
    if (statement && statement->row_count > 0)
        view = restate_view_new(statement, report->config);
    sides.view = view;
    if (view && view->withheld_months < view->months)
        found = find_in_view(builder, &sides);
    restate_view_free(view);
    statement_free(statement);
    return found;
}

bool derived_find_restated(struct derived_builder *builder)
{
    return find_side(builder, true);
}

bool derived_find_restated_from(struct derived_builder *builder)
{
    return find_side(builder, false);
}
