/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DAYS_H
#define IAGMETER_DAYS_H

#include "reports/html.h"
#include "reports/month.h"

/* The energy of each local day of a month, of all directions and services together: what the graph
 * (graph.h) draws, as a table. Central values alone, as in the graph: the ratios of low, central
 * and high differ per service, and all three of a day could be solved for the use of a service that
 * few devices had on it (suppress.h). */

#define DAYS_SCOPE   "day"    /* of derived.h; the id is the day, "05", or */
#define DAYS_HIDDEN  "hidden" /* all that are hidden together */
#define DAYS_ID_SIZE 24

/* The id of the day number INDEX of the month, from 0. */
void days_id(char out[DAYS_ID_SIZE], size_t index);
/* Whether the energy of DAY may be told: it was active, and is not hidden. */
bool days_is_told(const struct month_day *day);
/* Whether there is one to draw. */
bool days_any_told(const struct month_report *report);
bool days_any_hidden(const struct month_report *report);
/* Of all hidden days together: the total less the days that are told. */
double days_hidden_kwh(const struct month_report *report);
/* The unit of the graph's axis and of the table, of which the highest day has 10 at least. */
struct text_scale days_scale(const struct month_report *report);
/* The table, and what is to be said of it. */
void days_write_html(const struct html_page *page);

#endif
