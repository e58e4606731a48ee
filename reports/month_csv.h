/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_MONTH_CSV_H
#define IAGMETER_MONTH_CSV_H

#include "reports/month.h"

#include <stdio.h>

/* Records of the CSV of a month's report, which that of a year has, too. After the period: */
#define MONTH_CSV_COLUMNS "scope,id,label,indicator,unit,low,central,high,grade,figure\n"

/* One record. FIGURE NULL: it is named by the scope. */
void month_csv_record(FILE *stream, const struct month_report *report, const char *scope,
                      const char *id, const char *label, const char *indicator, const char *unit,
                      struct triple value, char grade, const char *figure);

/* All of the total; of the rows of a table; per unit; of images; of the year's objectives; of a
 * restatement; calibrations; coverage. */
void month_csv_total(FILE *stream, const struct month_report *report);
void month_csv_table(FILE *stream, const struct month_report *report, const char *scope,
                     const struct month_table *table);
void month_csv_unit(FILE *stream, const struct month_report *report, const char *scope,
                    struct month_unit unit);
void month_csv_images(FILE *stream, const struct month_report *report);
void month_csv_objectives(FILE *stream, const struct month_report *report);
void month_csv_restatement(FILE *stream, const struct month_report *report);
void month_csv_calibrations(FILE *stream, const struct month_report *report);
void month_csv_coverage(FILE *stream, const struct month_report *report);

#endif
