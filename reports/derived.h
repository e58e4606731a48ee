/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DERIVED_H
#define IAGMETER_DERIVED_H

#include "reports/explain.h"
#include "reports/month.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Figures of a month's report, or of a year's, that are computed from others: quotients, sums over
 * pairs, projections. Each is a formula over named terms, which is both printed and evaluated, so
 * that it cannot tell anything else than what is computed. A term that is a figure itself carries
 * the name that `iagmeter explain` takes. Computed from what the report shows, and from nothing
 * else. */

/* "2026-10/@objective-spent/DRH/energy_kwh": the scope, id and indicator are those of the CSV, with
 * "." for an empty id, which may hold further "/" ("@variant/method-b/DRH/chatgpt-web/water_l"). No
 * direction's code begins with "@". */
#define DERIVED_MARK '@'
/* Of a sum, what its additions may leave over: see less(), below. */
#define DERIVED_ROUNDING 1e-12
void derived_name(char out[MONTH_FIGURE_SIZE], struct calendar_month month, const char *scope,
                  const char *key, const char *indicator);
/* The same of "2026", "2026-01..2026-06": a statement's period (restate.h). */
void derived_name_of(char out[MONTH_FIGURE_SIZE], const char *period, const char *scope,
                     const char *key, const char *indicator);
/* Whether QUERY names one of these; of a year's report, all are computed from others. */
bool derived_is_asked(const struct explain_query *query);
/* Whether it is a factor, of the vintage that stands for the month; REPORT below has its config
 * only. */
bool derived_is_factor(const struct explain_query *query);
/* Whether it is one of a statement, which may be of several months: then REPORT below has its
 * config only, and no month. */
bool derived_is_restated(const struct explain_query *query);
/* Whether the report must have its progress to answer QUERY. */
bool derived_needs_progress(const struct explain_query *query);

struct derived_term {
    char name[32]; /* in the formula */
    const char *unit;
    struct triple value;
    char source[MONTH_FIGURE_SIZE]; /* what `iagmeter explain` takes; "": see the origin */
    enum text_id origin;
    const struct provenance *provenance; /* of a factor; else NULL */
};

struct derived {
    const struct month_report *report;
    char name[MONTH_FIGURE_SIZE];
    char indicator[MONTH_ID_SIZE];
    const char *unit;
    struct triple value; /* as the report has it */
    char *formula; /* "{energy_kwh} · 1000 / {requests}", of "+ - · /", brackets, sqrt(a) and
                      less(a, b): a - b, but 0 where that is below 0, or no more
                      than DERIVED_ROUNDING of a;
                      further(a, b): the lower low, the higher high, the central of a;
                      central(a): its central value at each end;
                      around(a, b): the same central value with two independent errors,
                      whose logarithms are added as squares */
    struct derived_term *terms;
    size_t term_count;
    struct triple recomputed; /* the formula, evaluated at each end */
    bool agrees;              /* to the last bit */
    /* Of another method or convention: from activity to impact, with its own factors. */
    struct explain_chain *chains;
    size_t chain_count;
};

/* As explain_build(); freed with derived_free(). */
enum explain_status derived_build(const struct month_report *report,
                                  const struct explain_query *query, struct derived **out,
                                  char *error, size_t error_size);
void derived_free(struct derived *derived);

/* Evaluates FORMULA over the terms of DERIVED at END (0 to 2: low, central, high); NAN when it is
 * no formula. */
double derived_evaluate(const struct derived *derived, int end);

/* Each returns false when the stream fails or memory is exhausted. */
bool derived_write_text(const struct derived *derived, enum text_language language, FILE *stream);
bool derived_write_html(const struct derived *derived, enum text_language language, FILE *stream);
bool derived_write_json(const struct derived *derived, FILE *stream);

#endif
