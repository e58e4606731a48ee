/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived_build.h"

#include <stdlib.h>
#include <string.h>

#include "reports/restate.h"

/* The month in a statement: what was recorded beside what it is with other factors, pair by pair of
 * those that may be shown, and why. */

#define MONTHS_PER_YEAR 12

/* A part of a statement: "1", or "1/DRH/chatgpt-web", with "." for all, as recorded or restated. */
struct part {
    const struct restate_view *view;
    const char *number; /* of the statement, up to its length */
    int length;
    struct derived_pair pair;
    bool is_total;    /* of all pairs, with what is folded */
    bool is_pair;     /* of one alone */
    bool is_restated; /* else as recorded */
    struct restate_line line;
};

static struct triple value_of(const struct impact *impact, enum month_indicator indicator)
{
    return month_value(&(struct month_totals){.impact = *impact}, indicator);
}

static const char *scope_of(bool is_restated)
{
    return is_restated ? "restated" : "restated-from";
}

static void name_pair(const struct derived_builder *builder, const struct part *part,
                      const struct statement_row *row, char out[MONTH_FIGURE_SIZE])
{
    char key[2 * MONTH_ID_SIZE + TEXT_NUMBER_SIZE];

    snprintf(key, sizeof(key), "%.*s/%s/%s", part->length, part->number, row->direction,
             row->service);
    derived_name(out, builder->report->month, scope_of(part->is_restated), key, builder->indicator);
}

/* The pairs, then what is folded, which is as recorded on both sides. */
static void add_rows(struct derived_builder *builder, const struct part *part,
                     enum month_indicator indicator)
{
    const struct restate_view *view = part->view;
    const char *unit = month_indicator_unit(indicator);
    char source[MONTH_FIGURE_SIZE];
    size_t count = 0;

    for (size_t i = 0; i < view->shown_count; i++) {
        const struct statement_row *row = view->shown[i];

        if (!derived_is_pair(&part->pair, row->direction, row->service))
            continue;
        name_pair(builder, part, row, source);
        derived_add_summand(
            builder, "pair_", ++count, unit,
            value_of(part->is_restated ? &row->restated : &row->recorded, indicator), source);
    }
    if (!part->is_total || !view->has_folded)
        return;
    derived_add_given(builder, "folded", unit, value_of(&view->folded, indicator),
                      TEXT_DERIVED_STATEMENT);
    fprintf(builder->formula, "%s{folded}", count > 0 ? " + " : "");
}

/* Greenhouse gases are added up as two sums. */
static void add_gases(struct derived_builder *builder, const struct part *part)
{
    static const enum month_indicator gases[] = {MONTH_GWP_USE, MONTH_GWP_EMBODIED};
    const struct impact *impact = part->is_restated ? &part->line.restated : &part->line.recorded;

    for (size_t i = 0; i < 2; i++)
        derived_add_derived(builder, month_indicator_name(gases[i]), month_indicator_unit(gases[i]),
                            value_of(impact, gases[i]), scope_of(part->is_restated),
                            month_indicator_name(gases[i]));
    fprintf(builder->formula, "{%s} + {%s}", month_indicator_name(MONTH_GWP_USE),
            month_indicator_name(MONTH_GWP_EMBODIED));
}

/* Beside the sum: the other side, and of the central values what each cause changed. */
static void add_causes(struct derived_builder *builder, const struct part *part,
                       enum restate_indicator indicator)
{
    enum month_indicator same = restate_month_indicator(indicator);
    const char *unit = month_indicator_unit(same);

    derived_add_derived(
        builder, part->is_restated ? "before" : "after", unit,
        value_of(part->is_restated ? &part->line.recorded : &part->line.restated, same),
        scope_of(!part->is_restated), month_indicator_name(same));
    for (int i = 0; i < STATEMENT_CAUSES; i++) {
        double change = restate_cause(&part->line, (enum statement_cause)i, indicator);
        char name[32];

        if (change == 0)
            continue;
        snprintf(name, sizeof(name), "by_%s", statement_cause_name((enum statement_cause)i));
        derived_add_given(builder, name, unit, triple_exact(change),
                          (enum text_id)(TEXT_RESTATE_CONFIGURATION + i));
    }
}

static bool set_figure(struct derived_builder *builder, const struct part *part)
{
    for (int i = 0; i < RESTATE_INDICATORS; i++) {
        enum restate_indicator indicator = (enum restate_indicator)i;
        enum month_indicator same = restate_month_indicator(indicator);
        struct triple value =
            value_of(part->is_restated ? &part->line.restated : &part->line.recorded, same);

        if (!derived_is(builder, month_indicator_name(same)))
            continue;
        derived_set_value(builder, month_indicator_unit(same), value);
        if (same == MONTH_GWP)
            add_gases(builder, part);
        else if (part->is_pair)
            derived_as_given(builder, month_indicator_unit(same), value, TEXT_DERIVED_STATEMENT);
        else
            add_rows(builder, part, same);
        add_causes(builder, part, indicator);
        return true;
    }
    return false;
}

/* Returns false where the statement shows nothing of the part by itself. */
static bool find_part(struct part *part)
{
    const struct restate_view *view = part->view;
    bool all_directions = strcmp(part->pair.direction, MONTH_ALL) == 0;
    bool all_services = strcmp(part->pair.service, MONTH_ALL) == 0;
    bool found = all_directions && all_services;

    part->is_total = found;
    part->is_pair = !all_directions && !all_services;
    if (found)
        part->line = view->total;
    for (size_t i = 0; !part->is_total && i < view->shown_count; i++)
        if (derived_is_pair(&part->pair, view->shown[i]->direction, view->shown[i]->service)) {
            restate_add_row(&part->line, view->shown[i]);
            found = true;
        }
    return found;
}

static bool find_side(struct derived_builder *builder, bool is_restated)
{
    const struct month_report *report = builder->report;
    int month = MONTHS_PER_YEAR * report->month.year + report->month.month - 1;
    char *end;
    long long number = strtoll(builder->key, &end, 10);
    struct part part = {.number = builder->key,
                        .length = (int)strcspn(builder->key, "/"),
                        .is_restated = is_restated};
    struct statement *statement = NULL;
    struct restate_view *view = NULL;
    bool found = false;

    if (number > 0 && end == builder->key + part.length && !report->withheld &&
        derived_split_pair(end, &part.pair))
        statement = statements_load(report->config->state_directory, number, month, builder->error,
                                    sizeof(builder->error));
    if (statement && statement->row_count > 0)
        view = restate_view_new(statement, report->config);
    part.view = view;
    if (view && view->withheld_months < view->months)
        found = find_part(&part) && set_figure(builder, &part);
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
