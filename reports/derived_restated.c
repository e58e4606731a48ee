/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived_build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/restate.h"

/* A statement, or a month in it: what was recorded beside what it is with other factors, pair by
 * pair of those that may be shown, and why. */

#define MONTHS_PER_YEAR 12

enum side { RESTATED, RECORDED };
static const char *const scopes[] = {[RESTATED] = "restated", [RECORDED] = "restated-from"};

/* A part of a statement: "1", or "1/DRH/chatgpt-web", with "." for all. */
struct part {
    const struct restate_view *view;
    const char *key; /* with the number of the statement, up to its length */
    int length;
    struct derived_pair pair;
    bool is_total;  /* of all pairs, with what is folded */
    bool is_folded; /* of that alone */
    bool is_row;    /* one pair of one month */
    struct restate_line line;
};

static struct triple value_of(const struct impact *impact, enum month_indicator indicator)
{
    return month_value(&(struct month_totals){.impact = *impact}, indicator);
}

static const struct impact *impact_of(const struct part *part, enum side side)
{
    return side == RESTATED ? &part->line.restated : &part->line.recorded;
}

/* ---- Finding ---- */

static bool is_folded(const struct part *part)
{
    bool of_directions = strcmp(part->pair.direction, MONTH_OTHER) == 0;
    const char *rest = of_directions ? part->pair.service : part->pair.direction;

    return (of_directions || strcmp(part->pair.service, MONTH_OTHER) == 0) &&
           strcmp(rest, MONTH_ALL) == 0 && part->view->has_folded;
}

static struct restate_line folded_line(const struct restate_view *view)
{
    size_t last = view->directions.count; /* what is folded comes last */

    return view->directions.lines[last - 1];
}

/* Returns false where the statement shows nothing of the part by itself. */
static bool find_part(struct part *part)
{
    const struct restate_view *view = part->view;
    size_t count = 0;

    part->line = (struct restate_line){.has_random = true};
    part->is_total =
        strcmp(part->pair.direction, MONTH_ALL) == 0 && strcmp(part->pair.service, MONTH_ALL) == 0;
    part->is_folded = is_folded(part);
    if (part->is_total)
        part->line = view->total;
    else if (part->is_folded)
        part->line = folded_line(view);
    if (part->is_total || part->is_folded)
        return true;
    for (size_t i = 0; i < view->shown_count; i++)
        if (derived_is_pair(&part->pair, view->shown[i]->direction, view->shown[i]->service)) {
            restate_add_row(&part->line, view->shown[i]);
            count++;
        }
    part->is_row = count == 1 && strcmp(part->pair.direction, MONTH_ALL) != 0 &&
                   strcmp(part->pair.service, MONTH_ALL) != 0;
    return count > 0;
}

/* Statement NUMBER, whole where its period is asked for, else of the report's month; NULL when
 * there is none. */
static struct statement *load_statement(struct derived_builder *builder, int64_t number)
{
    const struct month_report *report = builder->report;
    bool is_month = report->month.year > 0;
    struct statement *statement = statements_load(
        report->config->state_directory, number,
        is_month ? MONTHS_PER_YEAR * report->month.year + report->month.month - 1 : -1,
        builder->error, sizeof(builder->error));

    if (statement && (statement->row_count == 0 ||
                      (!is_month && strcmp(statement->period, builder->period) != 0))) {
        statement_free(statement);
        return NULL;
    }
    return statement;
}

static bool set_side(struct derived_builder *builder, const struct part *part,
                     enum restate_indicator indicator, int choice);

/* Sets the figure of PART, if it is one. */
typedef bool part_setter(struct derived_builder *builder, const struct part *part,
                         enum restate_indicator indicator, int choice);

/* What is told beside both sides is the same of each. */
static bool set_random(struct derived_builder *builder, const struct part *part)
{
    const struct factors *factors = builder->report->config->factors;
    const struct month_totals *tokens = &part->line.tokens;
    const struct {
        const char *name;
        double value;
    } terms[] = {{"variance", tokens->activity.tokens_out_variance},
                 {"tokens_out", tokens->activity.tokens_out.central},
                 {"unscattered_requests", tokens->unscattered_requests},
                 {"unscattered_tokens", tokens->unscattered_tokens_out}};

    if (isnan(restate_random_sigma(&part->line, factors)))
        return false;
    for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
        derived_add_given(builder, terms[i].name, "1", triple_exact(terms[i].value),
                          TEXT_DERIVED_STATEMENT);
    if (factors)
        derived_add_factor(builder, "exchange_sigma", "1",
                           triple_exact(factors_uncertainty(factors)->exchange_sigma),
                           &factors_uncertainty(factors)->provenance);
    return derived_set_sigma(builder, tokens, NULL);
}

static bool set_indicator(struct derived_builder *builder, const struct part *part,
                          part_setter *set, int choice)
{
    if (set == set_side && derived_is(builder, "tokens_out_random_sigma"))
        return set_random(builder, part);
    for (int i = 0; i < RESTATE_INDICATORS; i++) {
        enum restate_indicator indicator = (enum restate_indicator)i;

        if (derived_is(builder, month_indicator_name(restate_month_indicator(indicator))))
            return set(builder, part, indicator, choice);
    }
    return false;
}

/* KEY: that of BUILDER, or what of it names the part. */
static bool find(struct derived_builder *builder, const char *key, part_setter *set, int choice)
{
    char *end;
    long long number = strtoll(key, &end, 10);
    struct part part = {.key = key, .length = (int)strcspn(key, "/")};
    struct statement *statement = NULL;
    struct restate_view *view = NULL;
    bool found = false;

    if (number > 0 && end == key + part.length && !builder->report->withheld &&
        derived_split_pair(end, &part.pair))
        statement = load_statement(builder, number);
    if (statement)
        view = restate_view_new(statement, builder->report->config);
    part.view = view;
    if (view && view->withheld_months < view->months)
        found = find_part(&part) && set_indicator(builder, &part, set, choice);
    restate_view_free(view);
    statement_free(statement);
    return found;
}

/* ---- Sums ---- */

/* Each pair of each month as SCOPE has it, PREFIX before the number of the statement. */
static void name_row(const struct derived_builder *builder, const struct part *part,
                     const struct statement_row *row, const char *scope, const char *prefix,
                     char out[MONTH_FIGURE_SIZE])
{
    char key[3 * MONTH_ID_SIZE], month[MONTH_ID_SIZE];

    snprintf(month, sizeof(month), "%04d-%02d", row->month / MONTHS_PER_YEAR,
             row->month % MONTHS_PER_YEAR + 1);
    snprintf(key, sizeof(key), "%s%.*s/%s/%s", prefix, part->length, part->key, row->direction,
             row->service);
    derived_name_of(out, month, scope, key, builder->indicator);
}

/* The next row of PART from *NEXT on; NULL after the last. */
static const struct statement_row *next_row(const struct part *part, size_t *next)
{
    while (*next < part->view->shown_count) {
        const struct statement_row *row = part->view->shown[(*next)++];

        if (derived_is_pair(&part->pair, row->direction, row->service))
            return row;
    }
    return NULL;
}

/* The pairs, then what is folded, which is as recorded on both sides. */
static void add_rows(struct derived_builder *builder, const struct part *part, enum side side,
                     enum month_indicator indicator)
{
    const char *unit = month_indicator_unit(indicator);
    const struct statement_row *row;
    char source[MONTH_FIGURE_SIZE];
    size_t count = 0, next = 0;

    while ((row = next_row(part, &next))) {
        name_row(builder, part, row, scopes[side], "", source);
        derived_add_summand(builder, "pair_", ++count, unit,
                            value_of(side == RESTATED ? &row->restated : &row->recorded, indicator),
                            source);
    }
    if (!part->is_total || !part->view->has_folded)
        return;
    derived_add_given(builder, "folded", unit, value_of(&part->view->folded, indicator),
                      TEXT_DERIVED_STATEMENT);
    fprintf(builder->formula, "%s{folded}", count > 0 ? " + " : "");
}

/* Greenhouse gases are added up as two sums. */
static const enum restate_indicator gases[] = {RESTATE_GWP_USE, RESTATE_GWP_EMBODIED};

static void add_gas(struct derived_builder *builder, size_t number, struct triple value,
                    const char *scope)
{
    enum month_indicator gas = restate_month_indicator(gases[number]);

    derived_add_derived(builder, month_indicator_name(gas), month_indicator_unit(gas), value, scope,
                        month_indicator_name(gas));
    fprintf(builder->formula, "%s{%s}", number > 0 ? " + " : "", month_indicator_name(gas));
}

/* ---- One side ---- */

/* Beside the sum: the other side, and of the central values what each cause changed. */
static void add_causes(struct derived_builder *builder, const struct part *part, enum side side,
                       enum restate_indicator indicator)
{
    enum month_indicator same = restate_month_indicator(indicator);
    enum side other = side == RESTATED ? RECORDED : RESTATED;
    const char *unit = month_indicator_unit(same);

    derived_add_derived(builder, side == RESTATED ? "before" : "after", unit,
                        value_of(impact_of(part, other), same), scopes[other],
                        month_indicator_name(same));
    for (int i = 0; i < STATEMENT_CAUSES; i++) {
        const char *cause = statement_cause_name((enum statement_cause)i);
        double change = restate_cause(&part->line, (enum statement_cause)i, indicator);
        char name[32], key[3 * MONTH_ID_SIZE], source[MONTH_FIGURE_SIZE];

        if (change == 0)
            continue;
        snprintf(name, sizeof(name), "by_%s", cause);
        snprintf(key, sizeof(key), "%s/%s", cause, part->key);
        derived_name_of(source, builder->period, "restated-by", key, month_indicator_name(same));
        derived_add_figure(builder, name, unit, triple_exact(change), source);
    }
}

static bool set_side(struct derived_builder *builder, const struct part *part,
                     enum restate_indicator indicator, int choice)
{
    enum side side = (enum side)choice;
    enum month_indicator same = restate_month_indicator(indicator);
    const char *unit = month_indicator_unit(same);
    struct triple value = value_of(impact_of(part, side), same);

    derived_set_value(builder, unit, value);
    if (indicator == RESTATE_GWP)
        for (size_t i = 0; i < 2; i++)
            add_gas(builder, i, restate_value(impact_of(part, side), gases[i]), scopes[side]);
    else if (part->is_row || part->is_folded)
        derived_as_given(builder, unit, value, TEXT_DERIVED_STATEMENT);
    else
        add_rows(builder, part, side, same);
    add_causes(builder, part, side, indicator);
    return true;
}

bool derived_find_restated(struct derived_builder *builder)
{
    return find(builder, builder->key, set_side, RESTATED);
}

bool derived_find_restated_from(struct derived_builder *builder)
{
    return find(builder, builder->key, set_side, RECORDED);
}

/* ---- The change, of central values ---- */

/* In percent of what was recorded. */
static bool set_change(struct derived_builder *builder, const struct part *part,
                       enum restate_indicator indicator, int choice)
{
    enum month_indicator same = restate_month_indicator(indicator);
    double percent = restate_change_percent(&part->line, indicator);

    (void)choice;
    if (percent == 0)
        return derived_as_given(builder, "%", triple_exact(0), TEXT_RESTATE_NO_CHANGE);
    if (isinf(percent))
        return false;
    derived_set_value(builder, "%", triple_exact(percent));
    for (int side = RESTATED; side <= RECORDED; side++)
        derived_add_derived(
            builder, side == RESTATED ? "after" : "before", month_indicator_unit(same),
            triple_exact(restate_value(impact_of(part, (enum side)side), indicator).central),
            scopes[side], month_indicator_name(same));
    fputs("100 · ({after} - {before}) / {before}", builder->formula);
    return true;
}

bool derived_find_restated_change(struct derived_builder *builder)
{
    return find(builder, builder->key, set_change, 0);
}

/* What one cause makes of it. */
static bool set_cause(struct derived_builder *builder, const struct part *part,
                      enum restate_indicator indicator, int choice)
{
    enum statement_cause cause = (enum statement_cause)choice;
    const char *unit = month_indicator_unit(restate_month_indicator(indicator));
    struct triple change = triple_exact(restate_cause(&part->line, cause, indicator));
    char prefix[MONTH_ID_SIZE], source[MONTH_FIGURE_SIZE];
    const struct statement_row *row;
    size_t count = 0, next = 0;

    if (part->is_row || change.central == 0)
        return derived_as_given(builder, unit, change, TEXT_DERIVED_STATEMENT);
    derived_set_value(builder, unit, change);
    if (indicator == RESTATE_GWP) {
        for (size_t i = 0; i < 2; i++)
            add_gas(builder, i, triple_exact(restate_cause(&part->line, cause, gases[i])),
                    "restated-by");
        return true;
    }
    snprintf(prefix, sizeof(prefix), "%s/", statement_cause_name(cause));
    while ((row = next_row(part, &next))) {
        struct restate_line line = {.id = ""};

        restate_add_row(&line, row);
        name_row(builder, part, row, "restated-by", prefix, source);
        derived_add_summand(builder, "pair_", ++count, unit,
                            triple_exact(restate_cause(&line, cause, indicator)), source);
    }
    return true;
}

/* "electricity/1/DRH/chatgpt-web" */
bool derived_find_restated_by(struct derived_builder *builder)
{
    size_t length = strcspn(builder->key, "/");

    for (int i = 0; i < STATEMENT_CAUSES; i++) {
        const char *name = statement_cause_name((enum statement_cause)i);

        if (strlen(name) == length && strncmp(builder->key, name, length) == 0 &&
            builder->key[length])
            return find(builder, builder->key + length + 1, set_cause, i);
    }
    return false;
}
