/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HTML_H
#define IAGMETER_HTML_H

#include "reports/month.h"
#include "reports/text.h"

/* What the pages have in common. Each is self-contained: no script, no reference to anything
 * outside it. HTML5 in XML syntax, so that any XML parser can check it. Everything that is not
 * markup goes through text_say() or text_html(), which escape. Errors are those of the stream, to
 * be asked by ferror() at the end. */

struct html_page {
    FILE *stream;
    enum text_language language;
    const struct month_report *report;
    char threshold[TEXT_NUMBER_SIZE]; /* of devices, as sentences say it */
};

struct html_page html_page(FILE *stream, enum text_language language,
                           const struct month_report *report);

/* From the beginning to the first heading, which is also the page's title, and the organisation
 * under it; and the end. */
void html_open(const struct html_page *page, enum text_id title, const char *const *arguments);
void html_close(const struct html_page *page);

void html_say(const struct html_page *page, enum text_id id);
/* <TAG>sentence</TAG> */
void html_element(const struct html_page *page, const char *tag, enum text_id id,
                  const char *const *arguments);
/* A paragraph that nobody should miss. */
void html_notice(const struct html_page *page, enum text_id id, const char *const *arguments);

/* <TAG CLASS>sentence</TAG>, with the names of those of its arguments that are figures, "" of
 * others; CLASS NULL: none. */
void html_sentence(const struct html_page *page, const char *tag, const char *class_name,
                   enum text_id id, const char *const *arguments, const char *const *figures);

/* Attributes of the element that is open: the figure's anchor, and how it is explained. */
void html_explained(const struct html_page *page, const char *figure);
/* Only how it is explained, of a figure that stands elsewhere, too. */
void html_named(const struct html_page *page, const char *figure);

/* ---- Tables: caption, column headings, body of rows ---- */

void html_open_table(const struct html_page *page, enum text_id caption,
                     const char *const *arguments);
/* UNIT NULL: none. */
void html_column_heading(const struct html_page *page, enum text_id id, const char *unit);
/* Low, central, high. */
void html_band_headings(const struct html_page *page);
/* Year, scope, source, licence, grade. */
void html_provenance_headings(const struct html_page *page);
void html_open_body(const struct html_page *page);
void html_close_table(const struct html_page *page);

void html_row_heading(const struct html_page *page, const char *text);
void html_row_heading_text(const struct html_page *page, enum text_id id);
void html_text_cell(const struct html_page *page, const char *text);
void html_number_cell(const struct html_page *page, const char *number);
/* The beginning of such a cell, of the figure that derived_name() names. */
void html_open_figure(const struct html_page *page, const char *scope, const char *key,
                      const char *indicator);
void html_figure_cell(const struct html_page *page, const char *number, const char *scope,
                      const char *key, const char *indicator);
/* Up to seven digits; NAN is a dash. */
void html_factor(const struct html_page *page, double value);
void html_factor_cell(const struct html_page *page, double value);
void html_provenance_cells(const struct html_page *page, const struct provenance *provenance);

/* A number in units of 10^-decimals. A value that rounds to nothing but is POSITIVE reads
 * "< 0,01". */
void html_units(const struct html_page *page, int64_t units, bool positive, unsigned decimals);
/* VALUE, rounded to BAND: central, with low and high under it. From after the beginning of its cell
 * to its end. */
void html_band(const struct html_page *page, struct text_band band, struct triple value,
               unsigned decimals);

#endif
