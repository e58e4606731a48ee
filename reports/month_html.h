/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_MONTH_HTML_H
#define IAGMETER_MONTH_HTML_H

#include "reports/html.h"
#include "reports/month.h"

#include <stdbool.h>

/* Parts of the page of a month's report, which that of a year has, too. Those that return false
 * are out of memory. */

/* The table of the total, with what is said of it. */
void month_html_headline(const struct html_page *page);
void month_html_units(const struct html_page *page, enum text_id caption);
bool month_html_directions(const struct html_page *page);
bool month_html_services(const struct html_page *page);
void month_html_media(const struct html_page *page);
/* Nothing without a statement; else the sentence RESTATED, of a month or of a year. */
void month_html_restatement(const struct html_page *page, enum text_id restated);
void month_html_coverage_sentence(const struct html_page *page);
void month_html_coverage(const struct html_page *page);
void month_html_grades(const struct html_page *page);
void month_html_limits(const struct html_page *page);

#endif
