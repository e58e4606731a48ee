/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/year.h"

#include <math.h>
#include <string.h>

#include "reports/month_csv.h"

/* As a month's (month_csv.c), with the year in the first column. docs/schema-year.json tells what
 * may stand in each. */

static const char none = '-';

static void write_number(FILE *stream, const struct year_report *year, const char *scope,
                         const char *id, const char *label, const char *indicator, const char *unit,
                         double value)
{
    month_csv_record(stream, &year->sums, scope, id, label, indicator, unit, triple_exact(value),
                     none, NULL);
}

static void write_months(FILE *stream, const struct year_report *year)
{
    struct year_count count;

    for (size_t i = 0; year_count(year, i, &count); i++)
        write_number(stream, year, "months", "", "", count.name, "1", count.value);
}

/* What a row of a month has not: in how many months it is shown, and per agent. */
static void write_rows(FILE *stream, const struct year_report *year, const char *scope,
                       const struct month_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct month_row *row = &table->rows[i];

        write_number(stream, year, scope, row->id, row->label, "months_shown", "1", row->months);
        write_number(stream, year, scope, row->id, row->label, "energy_share", "1",
                     row->energy_share);
        if (row->headcount > 0) {
            write_number(stream, year, scope, row->id, row->label, "headcount", "1",
                         row->headcount);
            write_number(stream, year, scope, row->id, row->label, "gwp_gco2e_per_agent", "gCO2e",
                         row->gwp_per_agent_g);
        }
    }
}

/* Under the names that the month's own report gives them. */
static void write_month(FILE *stream, const struct year_report *year, const struct monthsums *month)
{
    const struct year_row all = {MONTH_ALL, MONTH_ALL, false};
    const struct month_report own = {.month = {.year = month->year, .month = month->month}};
    char id[MONTH_ID_SIZE], figure[MONTH_FIGURE_SIZE];
    char grade = grade_letter((enum evidence_grade)month->total.activity.grade);

    year_month_name(id, month);
    snprintf(figure, sizeof(figure), "%s/@coverage/./covered_s", id);
    month_csv_record(stream, &year->sums, "month", id, "", "covered_s", "s",
                     triple_exact(month->covered_s), none, figure);
    snprintf(figure, sizeof(figure), "%s/@coverage/./month_s", id);
    month_csv_record(stream, &year->sums, "month", id, "", "month_s", "s",
                     triple_exact(month->month_s), none, figure);
    for (int i = 0; !month->withheld && !month->unused && i < MONTH_INDICATORS; i++) {
        enum month_indicator indicator = (enum month_indicator)i;

        month_figure(figure, &own, all.direction, all.service, indicator);
        month_csv_record(stream, &year->sums, "month", id, "", month_indicator_name(indicator),
                         month_indicator_unit(indicator), month_value(&month->total, indicator),
                         grade, figure);
    }
}

static void write_month_units(FILE *stream, const struct year_report *year,
                              const struct monthsums *month)
{
    static const char *const names[] = {"energy_wh", "water_ml", "gwp_gco2e"};
    static const char *const units[] = {"Wh", "mL", "gCO2e"};
    static const char *const scopes[] = {"per-request", "per-1000-tokens-out"};
    const struct year_units sums = year_units_of(month);
    const struct month_unit of[] = {year_per_request(&sums), year_per_1000_tokens(&sums)};
    char id[MONTH_ID_SIZE], scope[MONTH_ID_SIZE], figure[MONTH_FIGURE_SIZE];
    char grade = grade_letter((enum evidence_grade)month->total.activity.grade);

    year_month_name(id, month);
    for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        const double values[] = {of[i].energy_wh, of[i].water_ml, of[i].gwp_g};

        snprintf(scope, sizeof(scope), "month-%s", scopes[i]);
        for (size_t j = 0; of[i].energy_wh > 0 && j < sizeof(values) / sizeof(values[0]); j++) {
            snprintf(figure, sizeof(figure), "%s/@%s/./%s", id, scopes[i], names[j]);
            month_csv_record(stream, &year->sums, scope, id, "", names[j], units[j],
                             triple_exact(values[j]), grade, figure);
        }
    }
}

/* The year's, or, where MONTH is not NULL, a month's. */
static void write_classes(FILE *stream, const struct year_report *year,
                          const struct monthsums *month)
{
    static const enum month_indicator indicators[] = {MONTH_REQUESTS, MONTH_ENERGY};
    static const char *const shares[] = {"requests_share", "energy_share"};
    char scope[MONTH_ID_SIZE], key[MONTH_ID_SIZE];

    for (int i = 0; i < YEAR_DIMENSIONS; i++)
        for (int j = 0; year_class_name((enum year_dimension)i, j); j++) {
            enum year_dimension dimension = (enum year_dimension)i;
            struct month_totals sum = year_class_sum(year, month, dimension, j);
            char grade = grade_letter((enum evidence_grade)sum.activity.grade);

            year_class_key(scope, key, month, dimension, j);
            for (size_t k = 0; k < sizeof(indicators) / sizeof(indicators[0]); k++) {
                double share = year_class_share(year, month, dimension, j, indicators[k]);

                month_csv_record(stream, &year->sums, scope, key, "",
                                 month_indicator_name(indicators[k]),
                                 month_indicator_unit(indicators[k]),
                                 month_value(&sum, indicators[k]), grade, NULL);
                if (!isnan(share))
                    month_csv_record(stream, &year->sums, scope, key, "", shares[k], "1",
                                     triple_exact(share), grade, NULL);
            }
        }
}

static void write_comparison(FILE *stream, const struct year_report *year)
{
    char now = grade_letter((enum evidence_grade)year->after.totals.activity.grade);
    char then = grade_letter((enum evidence_grade)year->earlier.totals.activity.grade);
    char id[MONTH_ID_SIZE];

    snprintf(id, sizeof(id), "%04d", year->sums.month.year - 1);
    for (int i = 0; year->compared > 0 && i < YEAR_COMPARISONS; i++) {
        struct year_comparison of = year_comparison(year, i);

        month_csv_record(stream, &year->sums, "compared", "", "", of.indicator, of.unit, of.value,
                         now, NULL);
        month_csv_record(stream, &year->sums, "compared-before", "", id, of.indicator, of.unit,
                         of.before, then, NULL);
        if (!isnan(of.change_percent))
            write_number(stream, year, "compared-change", "", id, of.indicator, "%",
                         of.change_percent);
    }
}

static void write_use(FILE *stream, const struct year_report *year)
{
    const struct month_report *sums = &year->sums;

    month_csv_total(stream, sums);
    month_csv_unit(stream, sums, "per-request", sums->per_request);
    month_csv_unit(stream, sums, "per-1000-tokens-out", sums->per_1000_tokens);
    month_csv_table(stream, sums, "direction", &sums->directions);
    write_rows(stream, year, "direction", &sums->directions);
    month_csv_table(stream, sums, "service", &sums->services);
    write_rows(stream, year, "service", &sums->services);
    month_csv_images(stream, sums);
    write_classes(stream, year, NULL);
}

bool year_write_csv(const struct year_report *year, FILE *stream)
{
    fputs("year," MONTH_CSV_COLUMNS, stream);
    write_months(stream, year);
    if (!year->sums.withheld)
        write_use(stream, year);
    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *told = year_month_of(year, YEAR_TOLD, i);

        if (year->months[i])
            write_month(stream, year, year->months[i]);
        if (told)
            write_month_units(stream, year, told);
        if (told && !told->unused)
            write_classes(stream, year, told);
    }
    write_comparison(stream, year);
    month_csv_objectives(stream, &year->sums);
    month_csv_restatement(stream, &year->sums);
    month_csv_coverage(stream, &year->sums);
    return fflush(stream) == 0 && !ferror(stream);
}
