/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_MONTH_JSON_H
#define IAGMETER_MONTH_JSON_H

#include "reports/month.h"

#include <jansson.h>

/* Parts of the JSON of a month's report, which that of a year has, too. NULL when memory is
 * exhausted, or a label is not UTF-8. */

json_t *month_json_total(const struct month_report *report);
json_t *month_json_table(const struct month_report *report, const struct month_table *table);
json_t *month_json_unit(const struct month_report *report, const char *scope,
                        struct month_unit unit);
json_t *month_json_shares(const struct month_report *report);
json_t *month_json_restatement(const struct month_report *report);
json_t *month_json_coverage(const struct month_report *report);
json_t *month_json_proportions(const struct month_report *report);
json_t *month_json_vintages(const struct month_report *report);
json_t *month_json_notes(const struct month_report *report);

#endif
