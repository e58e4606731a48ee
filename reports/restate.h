/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_RESTATE_H
#define IAGMETER_RESTATE_H

#include "reports/statements.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Restatement: the impact of a period computed again from the ledger's activity with the factors of
 * another vintage, beside what was recorded, with the causes of each change. Reads only. */

/* The directory of vintage NAME: beside the configured one, or NAME itself when it is a path. OUT
 * holds PATH_MAX. Returns false when it is too long. */
bool restate_vintage_path(const struct config *config, const char *name, char out[PATH_MAX]);

/* What is restated, and with what. */
struct restate_query {
    const char *period; /* as calendar_parse_period() */
    const struct factors *factors;
    uint64_t factors_digest;
    int64_t now_s; /* bounds a period that is not over */
};

enum restate_status {
    RESTATE_OK,
    RESTATE_USAGE,  /* not a period; the factors lack what the catalogue names */
    RESTATE_NOTHING /* the future, no activity, or the ledger cannot be read */
};

/* Recomputes each row of the ledger. Months are local to the time zone set. On failure one sentence
 * in ERROR, and *OUT is NULL. Freed with statement_free(). */
enum restate_status restate_compute(struct ledger *ledger, const struct config *config,
                                    const struct restate_query *query, struct statement **out,
                                    char *error, size_t error_size);

/* ---- What may be shown of a statement ---- */

enum restate_indicator {
    RESTATE_ENERGY,
    RESTATE_WATER,
    RESTATE_GWP, /* use and embodied */
    RESTATE_GWP_USE,
    RESTATE_GWP_EMBODIED,
    RESTATE_ADPE,
    RESTATE_INDICATORS
};
enum month_indicator restate_month_indicator(enum restate_indicator indicator);
struct triple restate_value(const struct impact *impact, enum restate_indicator indicator);

struct restate_line {
    char id[MONTH_ID_SIZE]; /* "" of the total, MONTH_OTHER of what is folded */
    char label[DIRECTION_LABEL_SIZE];
    const struct service *service; /* NULL: of a direction, or no longer in the catalogue */
    bool is_unassigned;
    struct impact recorded;
    struct impact restated;
    double causes[STATEMENT_CAUSES][RATES_QUANTITIES];
    struct month_totals tokens; /* visible ones and their random part alone */
    bool has_random;            /* the statement has that of all that is in it */
    bool passes; /* energy, water or greenhouse gases changed by more than the threshold */
};

struct restate_table {
    struct restate_line *lines; /* by falling recorded energy; what is folded comes last */
    size_t count;
};

/* The sum of what the monthly reports show, and fold, of these months: each month is suppressed as
 * its report is (suppress.h), so that no difference of the two tells more. What is folded stays as
 * recorded: with other factors, its sum would be one more equation about few devices. */
struct restate_view {
    const struct statement *statement;
    struct restate_line total; /* what is folded in both sums, so in no change */
    bool has_folded;
    struct impact folded; /* as recorded, on both sides: never computed with other factors */
    struct statement_use folded_use;
    const struct factors *factors; /* of the configuration, for what was recorded without them */
    struct restate_table directions;
    struct restate_table services;
    unsigned threshold; /* of devices, as the configuration has it */
    unsigned months;
    unsigned withheld_months;           /* whose reports show no total: in nothing of the above */
    const struct statement_row **shown; /* of the statement, in the order of the sums */
    size_t shown_count;
};

/* What is left of single exchanges in LINE, as month_random_sigma() with FACTORS: the same on both
 * sides. NAN when the statement does not have it. */
double restate_random_sigma(const struct restate_line *line, const struct factors *factors);

/* What `iagmeter explain` takes of LINE, one of VIEW's (derived.h): SCOPE "restated",
 * "restated-from", "restated-change", or "restated-by" with a cause; CAUSE "" otherwise. INDICATOR
 * "": up to it. */
void restate_figure(char out[MONTH_FIGURE_SIZE], const struct restate_view *view, const char *scope,
                    const char *cause, const struct restate_line *line, const char *indicator);

/* The change of a central value by CAUSE in LINE. */
double restate_cause(const struct restate_line *line, enum statement_cause cause,
                     enum restate_indicator indicator);
/* Of the central value, in percent of the recorded one; INFINITY of a recorded 0. */
double restate_change_percent(const struct restate_line *line, enum restate_indicator indicator);
/* Whether that passes the statement's threshold, for energy, water and greenhouse gases. */
bool restate_passes(const struct statement *statement, const struct restate_line *line,
                    enum restate_indicator indicator);

/* STATEMENT must outlive the view. Returns NULL when memory is exhausted. */
struct restate_view *restate_view_new(const struct statement *statement,
                                      const struct config *config);
void restate_view_free(struct restate_view *view);
/* Adds what ROW has, on both sides, and its causes. */
void restate_add_row(struct restate_line *line, const struct statement_row *row);
/* Whether a line of it passes the statement's threshold. */
bool restate_view_passes(const struct restate_view *view);

/* Each returns false when the stream fails or memory is exhausted. */
bool restate_write_text(const struct restate_view *view, enum text_language language, FILE *stream);
bool restate_write_tsv(const struct restate_view *view, FILE *stream);
bool restate_write_json(const struct restate_view *view, FILE *stream);

/* One line of a list of statements: what, with which vintage, when. TSV has a head line of its own.
 */
void restate_list_text(const struct statement *statement, enum text_language language,
                       FILE *stream);
extern const char restate_list_head[];
void restate_list_tsv(const struct statement *statement, FILE *stream);
bool restate_list_json(const struct statement *statement, FILE *stream);

/* Adds the newest statement of all of its month to REPORT, unless that is withheld. Returns false
 * with one sentence in ERROR when the statements cannot be read, or something was recorded of the
 * month since; none is no error. */
bool restate_add_to_month(struct month_report *report, char *error, size_t error_size);
/* The same of a year's REPORT: the newest statement whose period is that year. */
bool restate_add_to_year(struct month_report *report, char *error, size_t error_size);

#endif
