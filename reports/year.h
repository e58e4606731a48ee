/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_YEAR_H
#define IAGMETER_YEAR_H

#include "daemon/config.h"
#include "daemon/ledger.h"
#include "reports/month.h"
#include "reports/monthsums.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The year's report: what the reports of its months show (monthsums.h), added up, and nothing else.
 * So nothing can be learned from it that they do not tell, whatever is subtracted from whatever.
 * Months that are over are in it, no running one: two states of such a month would tell of the days
 * between. */

#define YEAR_MONTHS 12

/* Which months are meant: those that are told, or of these those that are told in the year before,
 * too, in either year. */
enum year_months { YEAR_TOLD, YEAR_COMPARED, YEAR_COMPARED_BEFORE };

/* What services.conf says of a service. Each has classes, of which the last is what is not told. */
enum year_dimension { YEAR_HOSTING, YEAR_APPROVAL, YEAR_PLACE, YEAR_DIMENSIONS };
#define YEAR_CLASSES_MOST 4

/* What figures per unit are computed from, central values. */
struct year_units {
    double energy_kwh;
    double water_l;
    double gwp_kgco2e;
    double requests; /* that have an impact estimate */
    double tokens_with_impact;
};

/* Months added up. */
struct year_sums {
    struct month_totals totals;
    struct year_units units;
};

struct year_report {
    struct month_report sums; /* what the writers of a month print of it, here of the year */
    unsigned over;            /* months from January on, up to the last that is told of */
    unsigned held;            /* of these, those of which the ledger holds something */
    unsigned told;            /* of these, those whose reports show at least a total */
    unsigned compared;        /* of these, those that are told in the year before, too */
    const struct monthsums *months[YEAR_MONTHS]; /* NULL: nothing is held */
    const struct monthsums *before[YEAR_MONTHS]; /* of the same months a year ago */
    struct year_sums all;
    struct year_sums after;
    struct year_sums earlier;
    struct monthsums_store *store; /* that has the months */
    struct progress *progress;     /* of the year's objectives, or NULL */
};

/* "2026", "current" or "previous", as of NOW, in the time zone set. */
bool year_parse(const char *text, int64_t now, int *year);

/* Returns NULL and one sentence in ERROR when the ledger cannot be read, or nothing can be told: no
 * month is over, or nothing is held. CONFIG and LEDGER must outlive it. Freed with year_free(). */
struct year_report *year_build(struct ledger *ledger, const struct config *config, int number,
                               int64_t now, char *error, size_t error_size);
void year_free(struct year_report *year);

/* Month INDEX, from 0, where it is one of WHICH; else NULL. */
const struct monthsums *year_month_of(const struct year_report *year, enum year_months which,
                                      int index);

/* How many months it is about: "months_told" and the like, from INDEX 0. Returns false after the
 * last. */
struct year_count {
    const char *name;
    unsigned value;
    enum text_id origin;
};
bool year_count(const struct year_report *year, size_t index, struct year_count *count);

/* ---- A row of the year in one of its months ---- */

/* What the year's rows are of; as in month_figure(). */
struct year_row {
    const char *direction;
    const char *service;
    bool is_other;
};
/* NULL where the month's report does not show it, or says that nobody used anything; else also the
 * names of that figure there. */
const struct month_totals *year_row_of(const struct monthsums *month, const struct year_row *row,
                                       struct year_row *there);

/* ---- Per unit ---- */

/* Of what a month's figures per unit are of: less what is folded where they are of the rest alone
 * (*FOLDED, else NULL). */
double year_unit_value(const struct monthsums *month, enum month_indicator indicator,
                       const struct month_totals **folded);
struct year_units year_units_of(const struct monthsums *month);
struct month_unit year_per_request(const struct year_units *units);
struct month_unit year_per_1000_tokens(const struct year_units *units);

/* ---- By what services.conf says ---- */

/* "hosting", "approval", "place". */
const char *year_dimension_name(enum year_dimension dimension);
/* "sovereign" ... "not-told"; NULL from the number of classes on. */
const char *year_class_name(enum year_dimension dimension, int class_number);
/* The same in words. */
enum text_id year_class_text(enum year_dimension dimension, int class_number);

/* Part INDEX of a class, in MONTH, or, where it is NULL, in the year. Returns false after the
 * last. */
struct year_part {
    struct year_row row;
    const struct month_totals *totals;
};
bool year_class_part(const struct year_report *year, const struct monthsums *month,
                     enum year_dimension dimension, int class_number, size_t index,
                     struct year_part *part);
/* Their sum, in that order. */
struct month_totals year_class_sum(const struct year_report *year, const struct monthsums *month,
                                   enum year_dimension dimension, int class_number);
/* What they are parts of. */
const struct month_totals *year_whole(const struct year_report *year,
                                      const struct monthsums *month);
/* Their share; NAN where the whole is nothing. */
double year_class_share(const struct year_report *year, const struct monthsums *month,
                        enum year_dimension dimension, int class_number,
                        enum month_indicator indicator);

/* ---- Beside the year before, on the same months ---- */

/* What is compared, central values: these indicators, then per request. */
#define YEAR_COMPARISONS 7
struct year_comparison {
    const char *indicator; /* as in CSV: "energy_kwh", "energy_wh" */
    const char *unit;
    enum text_id text;
    struct triple value;
    struct triple before;
    double change_percent; /* of central values; NAN where there was nothing before */
};
struct year_comparison year_comparison(const struct year_report *year, int index);

/* ---- Names of figures ---- */

/* "2026-03" of a month of the year, or of the one before. */
void year_month_name(char out[MONTH_ID_SIZE], const struct monthsums *month);
void year_month_figure(char out[MONTH_FIGURE_SIZE], const struct monthsums *month,
                       const struct year_row *row, enum month_indicator indicator);
/* "month-hosting" and "2026-03/eu", or "hosting" and "eu". */
void year_class_key(char scope[MONTH_ID_SIZE], char key[MONTH_ID_SIZE],
                    const struct monthsums *month, enum year_dimension dimension, int class_number);

/* ---- Writing ---- */

void year_print(const struct year_report *year, const char *language, FILE *stream);

/* Each returns false with errno set when the stream fails. LANGUAGE is "fr" or "en". */
bool year_write_html(const struct year_report *year, const char *language, FILE *stream);
/* As month_write_sheet(). */
bool year_write_sheet(const struct year_report *year, const char *language, const char *directory,
                      FILE *stream);
bool year_write_csv(const struct year_report *year, FILE *stream);
bool year_write_json(const struct year_report *year, FILE *stream);

#endif
