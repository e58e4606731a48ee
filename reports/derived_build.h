/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DERIVED_BUILD_H
#define IAGMETER_DERIVED_BUILD_H

#include "reports/derived.h"

#include <stdio.h>

/* How figures are found and put together, for the scopes of derived.c: each has a function that
 * looks whether the report has such a figure, sets its value as the report has it, and writes the
 * formula with its terms. */

struct derived_builder {
    const struct month_report *report;
    char period[MONTH_ID_SIZE]; /* the report's month, or that of a statement */
    const char *direction;      /* of what is no such scope */
    const char *key;            /* the id; "." for none */
    const char *indicator;
    struct derived *out;
    const struct month_row *row; /* that the figure stands in; NULL: in none, or the total's */
    FILE *formula;
    bool failed;     /* memory */
    char error[512]; /* why it cannot be told whether there is such a figure; "" */
};

void derived_set_value(struct derived_builder *builder, const char *unit, struct triple value);
bool derived_is(const struct derived_builder *builder, const char *indicator);
/* The indicator, where it is one of the report's. */
bool derived_find_indicator(const struct derived_builder *builder, enum month_indicator *indicator);

/* Terms: a number that is no figure of the report, and a factor, which has a provenance; a figure
 * named SOURCE; the figure SCOPE/INDICATOR of the same id. Out of memory, BUILDER says that it
 * failed. */
void derived_add_given(struct derived_builder *builder, const char *name, const char *unit,
                       struct triple value, enum text_id origin);
void derived_add_factor(struct derived_builder *builder, const char *name, const char *unit,
                        struct triple value, const struct provenance *provenance);
void derived_add_figure(struct derived_builder *builder, const char *name, const char *unit,
                        struct triple value, const char *source);
void derived_add_derived(struct derived_builder *builder, const char *name, const char *unit,
                         struct triple value, const char *scope, const char *indicator);
/* One more summand, named by its number in the list of PREFIX, from 1, which the formula gets. */
void derived_add_summand(struct derived_builder *builder, const char *prefix, size_t number,
                         const char *unit, struct triple value, const char *source);
/* The value itself, which is recorded or stated. */
bool derived_as_given(struct derived_builder *builder, const char *unit, struct triple value,
                      enum text_id origin);

/* Writes FORMULA, and has LOOKUP add each term that it names and that is not there yet. Returns
 * false when LOOKUP knows none of that name. */
typedef bool derived_lookup(struct derived_builder *builder, const char *name);
bool derived_compose(struct derived_builder *builder, const char *formula, derived_lookup *lookup);

/* What is left of single exchanges in TOTALS (month_random_sigma()). LOOKUP has "variance",
 * "tokens_out", "unscattered_requests", "unscattered_tokens" and "exchange_sigma", where these are
 * not there yet. */
bool derived_set_sigma(struct derived_builder *builder, const struct month_totals *totals,
                       derived_lookup *lookup);

/* "DRH/chatgpt-web", with "." for all, also after a "/"; "" is all of both. Returns false where KEY
 * is something else. */
struct derived_pair {
    char direction[MONTH_ID_SIZE];
    char service[MONTH_ID_SIZE];
};
bool derived_split_pair(const char *key, struct derived_pair *pair);
/* Whether that pair is asked for. */
bool derived_is_pair(const struct derived_pair *asked, const char *direction, const char *service);

/* ---- Per unit ---- */

struct derived_unit {
    const char *unit;
    double value;
    enum month_indicator of; /* what it is computed from */
};
/* Which of UNIT's three figures is asked for. Returns false where it is none of them, or the report
 * has no figures. */
bool derived_unit_asked(const struct derived_builder *builder, const struct month_unit *unit,
                        struct derived_unit *asked);

/* ---- Of a year ---- */

/* A row of it, and what has a scope. */
bool derived_find_of_year(struct derived_builder *builder);
bool derived_find_year(struct derived_builder *builder, const char *scope);

/* ---- The scopes ---- */

bool derived_find_total(struct derived_builder *builder);
bool derived_find_direction(struct derived_builder *builder);
bool derived_find_service(struct derived_builder *builder);
bool derived_find_shares(struct derived_builder *builder);
bool derived_find_images(struct derived_builder *builder);
bool derived_find_per_request(struct derived_builder *builder);
bool derived_find_per_tokens(struct derived_builder *builder);
bool derived_find_coverage(struct derived_builder *builder);
bool derived_find_proportion(struct derived_builder *builder);
bool derived_find_variant(struct derived_builder *builder);
bool derived_find_day(struct derived_builder *builder);
bool derived_find_hours(struct derived_builder *builder);
bool derived_find_objectives(struct derived_builder *builder);
bool derived_find_budget(struct derived_builder *builder);
bool derived_find_warning(struct derived_builder *builder);
bool derived_find_hidden_months(struct derived_builder *builder);
bool derived_find_path(struct derived_builder *builder);
bool derived_find_spent(struct derived_builder *builder);
bool derived_find_projected(struct derived_builder *builder);
bool derived_find_host(struct derived_builder *builder);
bool derived_find_host_line(struct derived_builder *builder);
bool derived_find_host_device(struct derived_builder *builder);
bool derived_find_host_tokens(struct derived_builder *builder);
bool derived_find_factor(struct derived_builder *builder);
bool derived_find_restated(struct derived_builder *builder);
bool derived_find_restated_from(struct derived_builder *builder);
bool derived_find_restated_change(struct derived_builder *builder);
bool derived_find_restated_by(struct derived_builder *builder);

#endif
