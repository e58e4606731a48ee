/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_MONTH_H
#define IAGMETER_MONTH_H

#include "daemon/calendar.h"
#include "daemon/config.h"
#include "daemon/ledger.h"
#include "reports/calibrations.h"
#include "reports/hourly.h"
#include "reports/localhost.h"
#include "reports/suppress.h"
#include "reports/text.h"
#include "reports/variants.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The monthly footprint: computed once from the ledger into a structure, which the writers (HTML,
 * CSV, JSON) only print. Nothing is computed in a writer, so that the three always agree. */

#define MONTH_ID_SIZE  64
#define MONTH_DAYS_MAX 31
#define MONTH_OTHER    "other" /* id and label of the row that small pairs are folded into */
#define MONTH_UNASSIGNED                                                                           \
    "unassigned" /* code of the direction of what no prefix or VLAN matches                        \
                  */

struct month_totals {
    struct activity activity;
    struct impact impact;
    struct triple requests_without_impact; /* of services whose impact is not estimated; see
                                              units_of_shown */
    double measured_kwh; /* of the central energy: measured at a host of our own, not estimated */
    /* Of what was recorded before the random part of the tokens was. */
    double unscattered_requests;
    double unscattered_tokens_out;
};

/* What is printed of a total, in this order. */
enum month_indicator {
    MONTH_REQUESTS,
    MONTH_TOKENS_IN,
    MONTH_TOKENS_OUT,
    MONTH_ENERGY,
    MONTH_WATER,
    MONTH_GWP,          /* use and embodied */
    MONTH_GWP_USE,      /* electricity */
    MONTH_GWP_EMBODIED, /* manufacture of the servers */
    MONTH_ADPE,
    MONTH_REQUESTS_WITHOUT_IMPACT,
    MONTH_IMAGES, /* what is no text, in units of its own */
    MONTH_AUDIO_S,
    MONTH_UPLOADS,
    MONTH_INDICATORS
};
struct triple month_value(const struct month_totals *totals, enum month_indicator indicator);
/* How every sum of a report is made: of the minutes, then of the cells, then of the rows. */
struct month_totals month_of_row(const struct ledger_row *row);
void month_add(struct month_totals *sum, const struct month_totals *totals);
/* How far the visible tokens lie from the estimate because single exchanges differ, as a standard
 * deviation in logarithms: as recorded, and of what was recorded without it as FACTORS (NULL: none)
 * say. It shrinks as exchanges become many, which the band does not. 0 where tokens are counted. */
double month_random_sigma(const struct month_totals *totals, const struct factors *factors);
/* A share of what is common at a host of our own: of all its energy, time and impact. */
struct month_totals month_share(const struct month_totals *totals, double share);
/* As in CSV and JSON: "energy_kwh", "kWh". */
const char *month_indicator_name(enum month_indicator indicator);
const char *month_indicator_unit(enum month_indicator indicator);

/* One line of a table: the sum of a direction's, or a service's, pairs that may be shown
 * (suppress.h). All the others, of both tables alike, are in the row "other", the last one; a
 * direction or service without any pair to show has no row. */
struct month_row {
    char id[MONTH_ID_SIZE];
    char label[DIRECTION_LABEL_SIZE];
    unsigned headcount;            /* directions only; 0 unknown */
    unsigned months;               /* of a year: whose reports show it; 0 in a month's */
    const struct service *service; /* services only; NULL when no longer in the catalogue */
    bool is_other;
    bool is_unassigned; /* the direction of what no prefix or VLAN matches */
    double energy_share;
    double gwp_per_agent_g; /* central; 0 when the headcount is unknown */
    struct month_totals totals;
};

struct month_table {
    struct month_row *rows; /* by falling energy */
    size_t count;
};

/* The use of one service by one direction, where it may be shown (suppress.h). The writers of the
 * report print none: `iagmeter explain` does, whose rows are sums of these and of nothing else. */
struct month_cell {
    char direction[MONTH_ID_SIZE];
    char service[MONTH_ID_SIZE];
    struct month_totals totals;
    struct hourly_sum hourly; /* zeros outside of France */
};

/* A local day, for the graph and its table (days.h). */
struct month_day {
    int64_t start;
    int64_t end;
    bool active;
    bool hidden;       /* not surely enough devices, or hides such a day */
    double energy_kwh; /* central, of all directions and services; 0 of a hidden day */
};

/* Per functional unit, central values, over the requests that have an impact estimate; 0 when there
 * are none. */
struct month_unit {
    double energy_wh;
    double water_ml;
    double gwp_g;
};

/* The factors behind the figures, one entry per service and model that it runs in that month. When
 * a service was folded into "other", those of the whole catalogue, so that the list does not tell
 * which services a few devices used. */
struct month_source {
    const struct service *service;
    const struct mix *mix; /* NULL: the service's own model, always */
    const char *model;     /* as the catalogue names it: the factors may be those of a class */
    double share;          /* of the service's activity */
    struct impact_factors factors;
    const struct zone_factors *zone_variant; /* other water convention, shown beside; or NULL */
    bool first_model;                        /* no earlier entry has the same */
    bool first_provider;
    bool first_zone;
};

struct month_factors {
    struct month_source *sources;
    size_t count;
    bool whole_catalogue;
    bool other_vintage; /* the ledger was written, in part, with other factors than these */
};

struct progress;
struct year_report;

/* The newest statement that restates the month (restate.h); number 0: none. */
struct month_restatement {
    int64_t number;
    int64_t made_s;
    char vintage[64];
    struct month_totals recorded; /* impact alone */
    struct month_totals restated;
};

struct month_report {
    struct calendar_month month;    /* number 0: it is of a year (year.h) */
    const struct year_report *year; /* that; else NULL */
    const struct config *config;
    const struct progress *progress; /* of the year's objectives; NULL, unless the caller sets it */
    int64_t until;                   /* end of what is reported */
    bool running;                    /* the month is not over */
    bool withheld;    /* no pair has as many devices as the threshold: only coverage is filled in */
    uint32_t devices; /* surely distinct: the largest daily number of a pair; not printed */
    enum suppress_result suppressed; /* of pairs; SUPPRESS_ALL: no rows, only the total */
    struct month_totals total;
    struct month_unit per_request;
    struct month_unit per_1000_tokens; /* visible output tokens */
    double tokens_with_impact;         /* central: of these, those whose impact is estimated */
    bool units_of_shown;               /* Few devices are behind what, of the hidden pairs, has an
                                          impact estimate, or behind what has none: requests without
                                          impact, and all per unit, are of the shown pairs alone */
    struct variants variants;
    struct hourly_result hourly; /* of the pairs that are shown */
    struct month_table directions;
    struct month_table services;
    struct month_cell *cells; /* in the order in which they are added up */
    size_t cell_count;
    struct month_day days[MONTH_DAYS_MAX];
    size_t day_count;
    struct month_factors factors;
    struct localhost *host;  /* an inference host of our own; NULL: none, or nothing of it */
    bool host_shown;         /* its sums, and so which part of any sum is measured (suppress.h) */
    bool host_parts_shown;   /* those of its services and devices */
    bool local_counts_shown; /* how many exchanges local servers had, in the coverage */
    bool host_folded;        /* in a sum that tells nothing of it: which part is measured may not
                                be told of what is folded, nor of all */
    struct month_totals host_active;      /* of all who used it, where its sums are shown */
    struct month_totals host_common;      /* of what is shared by the key */
    struct month_restatement restatement; /* filled in by restate_add_to_month() */
    struct coverage coverage;
    double month_s;   /* length of the month, or of its past part */
    double covered_s; /* never above month_s */
    char (*vintages)[64];
    size_t vintage_count;
    struct calibrations calibrations;
};

/* The other count of ZONE's water, which is always shown beside; NULL when there is none. */
const struct zone_factors *month_zone_variant(const struct factors *factors, const char *zone);

/* Returns NULL and one sentence in ERROR when the ledger cannot be read. A month without any data
 * is an error too (no report without coverage). NOW bounds the month that is still running. CONFIG
 * must outlive the report. */
struct month_report *month_build(struct ledger *ledger, const struct config *config,
                                 struct calendar_month month, int64_t now, char *error,
                                 size_t error_size);
void month_free(struct month_report *report);

/* Of the energy of a row, NULL of the total: what part is measured, from 0 to 1, the rest being
 * estimated. NAN where there is no energy, or the part may not be told. */
double month_measured(const struct month_report *report, const struct month_row *row);

/* Whether there is a host of our own, of which a part may be measured. */
bool month_has_host(const struct month_report *report);

/* Whether INDICATOR is an impact of use, none of which has an estimate: it is not known, and no 0.
 */
bool month_is_unknown(const struct month_totals *totals, enum month_indicator indicator);

/* The row of all that is hidden; NULL: nothing is, or everything. */
const struct month_row *month_other(const struct month_report *report);

/* What tables share: the labels of their rows, and what the configuration says of them; rows by
 * falling energy, with OTHER, unless NULL, behind; their shares of TOTAL, and per agent. The second
 * returns false when memory is exhausted. */
void month_describe_rows(struct month_report *report);
bool month_finish_table(struct month_table *table, const struct month_row *other);
void month_fill_shares(struct month_table *table, const struct month_totals *total);

/* Whether ROW (NULL: the total) is one of the services; else of the directions. */
bool month_is_service(const struct month_report *report, const struct month_row *row);

/* What a service is called. */
const char *month_service_label(const struct service *service, enum text_language language);
/* What a row is called: "Autres", "Non affecté", or its label. */
const char *month_label(const struct month_row *row, enum text_language language);

/* "2026-10", or of a year "2026". */
void month_period(char out[MONTH_ID_SIZE], struct calendar_month month);

/* What names one figure, here and for `iagmeter explain`: "2026-10/DRH/chatgpt-web/energy_kwh",
 * with "." for all directions or all services. */
#define MONTH_FIGURE_SIZE (2 * MONTH_ID_SIZE + 48)
#define MONTH_ALL         "."
void month_figure(char out[MONTH_FIGURE_SIZE], const struct month_report *report,
                  const char *direction, const char *service, enum month_indicator indicator);

/* One line of what was and was not seen, for the writers. */
struct month_coverage_line {
    const char *name; /* as in CSV and JSON: "packets_dropped" */
    enum text_id text;
    const char *unit;
    double value;
    double proportion; /* of what it is a part of; negative when it is no part */
    const char *whole; /* what that is, in names of lines, for derived.h; NULL */
    const char *sum;   /* what the value is computed from; NULL: it is recorded */
};
#define MONTH_COVERAGE_LINES 35
/* Returns how many there are: the last ones, of local servers, only where there are any. They tell
 * how many requests there were, and so are withheld where the total is. */
size_t month_coverage_lines(const struct month_report *report,
                            struct month_coverage_line lines[MONTH_COVERAGE_LINES]);

#define MONTH_COVERED_DECIMALS 1
/* In units of 10^-MONTH_COVERED_DECIMALS; cut, not rounded: 99.97 % must not read 100.0 %. What is
 * cut to nothing reads "less than" (text_units()). */
int64_t month_covered_units(double value);
/* The arguments of TEXT_COVERAGE_SENTENCE: hours covered, hours in all, percent. */
void month_coverage_words(const struct month_report *report, enum text_language language,
                          char covered[TEXT_NUMBER_SIZE], char length[TEXT_NUMBER_SIZE],
                          char percent[TEXT_NUMBER_SIZE]);
/* The figures that these are, and those of month_restated_words(): each name is "" where it is
 * none.
 */
typedef char month_name[MONTH_FIGURE_SIZE];
#define MONTH_COVERAGE_ARGUMENTS 3
void month_coverage_names(const struct month_report *report,
                          month_name names[MONTH_COVERAGE_ARGUMENTS],
                          const char *figures[MONTH_COVERAGE_ARGUMENTS + 1]);

/* The ARGUMENTS of TEXT_RESTATED, which point into WORDS. Returns false without a statement. */
#define MONTH_RESTATED_ARGUMENTS 9
bool month_restated_words(const struct month_report *report, enum text_language language,
                          char words[MONTH_RESTATED_ARGUMENTS][TEXT_DATE_SIZE],
                          const char *arguments[MONTH_RESTATED_ARGUMENTS + 1]);

void month_restated_names(const struct month_report *report,
                          month_name names[MONTH_RESTATED_ARGUMENTS],
                          const char *figures[MONTH_RESTATED_ARGUMENTS + 1]);

/* After a line for a terminal: " [NAME] [NAME]", of the figures that it tells, and its end. */
void month_print_names(FILE *stream, const char *const *figures);
/* Two of its lines, which a year's summary has, too: RESTATED is the sentence of the second, which
 * is there only with a statement. */
void month_print_coverage(const struct month_report *report, enum text_language language,
                          FILE *stream);
void month_print_restatement(const struct month_report *report, enum text_language language,
                             enum text_id restated, FILE *stream);

/* The rows of one column rounded so that they add up to the total returned (text_round()); OUT
 * holds one band per row. */
struct text_band month_round(const struct month_report *report, const struct month_table *table,
                             enum month_indicator indicator, struct text_band *out);
/* Decimals of an indicator wherever this report prints it, in what, and its total in that. */
unsigned month_decimals(const struct month_report *report, enum month_indicator indicator);
struct text_scale month_scale(const struct month_report *report, enum month_indicator indicator);
struct text_band month_headline(const struct month_report *report, enum month_indicator indicator);

/* The directions and the total, a line each; all of the report, for a terminal. */
void month_print_rows(const struct month_report *report, enum text_language language, FILE *stream);
void month_print(const struct month_report *report, const char *language, FILE *stream);

/* Each returns false with errno set when the stream fails. LANGUAGE is "fr" or "en"; SVG may be
 * NULL. */
bool month_write_html(const struct month_report *report, const char *language, const char *svg,
                      size_t svg_size, FILE *stream);
/* A workbook (.xlsx), what month_write_html() tells but for the graph; STREAM is a file. DIRECTORY
 * may be written: what must be put together lies there meanwhile, without a name. */
bool month_write_sheet(const struct month_report *report, const char *language,
                       const char *directory, FILE *stream);
bool month_write_csv(const struct month_report *report, FILE *stream);
bool month_write_json(const struct month_report *report, FILE *stream);

#endif
