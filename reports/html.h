/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HTML_H
#define IAGMETER_HTML_H

#include "reports/month.h"
#include "reports/text.h"

/* What the pages have in common. Each is self-contained: no script, no reference to anything
 * outside it. HTML5 in XML syntax, so that any XML parser can check it. Everything that is not
 * markup goes through text_say() or html_text(), which escape. Errors are those of the stream, to
 * be asked by ferror() at the end.
 *
 * A report's page may also be written into a workbook (sheet.h): by the same calls, so that the
 * spreadsheet shows what the page shows, row for row, and nothing else. */

struct html_page {
    FILE *stream;
    struct sheet *sheet; /* NULL: HTML. Else STREAM is the sheet's, and takes no markup */
    enum text_language language;
    const struct month_report *report;
    char threshold[TEXT_NUMBER_SIZE]; /* of devices, as sentences say it */
};

struct html_page html_page(FILE *stream, enum text_language language,
                           const struct month_report *report);
/* Makes PAGE one of a workbook instead, as of the end of what is reported (sheet_new()); the end is
 * sheet_write(). Returns false on failure, with errno. */
bool html_open_sheet(struct html_page *page, const char *directory, FILE *stream);

/* From the beginning to the first heading, which is also the page's title, and the organisation
 * under it; and the end. */
void html_open(const struct html_page *page, enum text_id title, const char *const *arguments);
void html_close(const struct html_page *page);

/* What only HTML has. */
void html_markup(const struct html_page *page, const char *markup);
void html_text(const struct html_page *page, const char *text);
/* The next line of the same cell. */
void html_break(const struct html_page *page);
void html_say(const struct html_page *page, enum text_id id);
/* As text_say_figures(). */
void html_say_figures(const struct html_page *page, enum text_id id, const char *const *arguments,
                      const char *const *figures);
/* <TAG>sentence</TAG> */
void html_element(const struct html_page *page, const char *tag, enum text_id id,
                  const char *const *arguments);
/* A paragraph that nobody should miss. */
void html_notice(const struct html_page *page, enum text_id id, const char *const *arguments);

/* <TAG CLASS>sentence</TAG>, with the names of those of its arguments that are figures, "" of
 * others; CLASS NULL: none. */
void html_sentence(const struct html_page *page, const char *tag, const char *class_name,
                   enum text_id id, const char *const *arguments, const char *const *figures);

/* ---- Tables: caption, column headings, body of rows ---- */

void html_open_table(const struct html_page *page, enum text_id caption,
                     const char *const *arguments);
/* UNIT NULL: none. */
void html_column_heading(const struct html_page *page, enum text_id id, const char *unit);
/* The same where cells hold low, central and high: three columns of a sheet. */
void html_triple_heading(const struct html_page *page, enum text_id id, const char *unit);
/* The same where rows begin with html_open_label(): on a sheet, the code has a column of its own.
 */
void html_label_heading(const struct html_page *page, enum text_id id);
/* Low, central, high. */
void html_band_headings(const struct html_page *page);
/* Year, scope, source, licence, grade. */
void html_provenance_headings(const struct html_page *page);
void html_open_body(const struct html_page *page);
void html_close_table(const struct html_page *page);

void html_open_row(const struct html_page *page);
void html_open_total_row(const struct html_page *page);
/* All of whose numbers are those of one figure. */
void html_open_figure_row(const struct html_page *page, const char *figure);
void html_close_row(const struct html_page *page);

/* Cells, from the beginning of what is in them to its end. */
void html_open_row_heading(const struct html_page *page);
/* The heading of a row, CODE (NULL: none) under its LABEL. */
void html_open_label(const struct html_page *page, const char *label, const char *code);
/* Another line of it, smaller. */
void html_part(const struct html_page *page, const char *text);
void html_close_row_heading(const struct html_page *page);
void html_open_cell(const struct html_page *page);
/* That takes so many columns. */
void html_open_wide_cell(const struct html_page *page, size_t columns);
/* FIGURE NULL: of no name; FIRST: it is the figure's anchor. */
void html_open_number(const struct html_page *page, const char *figure, bool first);
void html_close_cell(const struct html_page *page);

void html_row_heading(const struct html_page *page, const char *text);
void html_row_heading_text(const struct html_page *page, enum text_id id);
void html_text_cell(const struct html_page *page, const char *text);
void html_unit_cell(const struct html_page *page, const char *unit); /* "1": a dash */
void html_sentence_cell(const struct html_page *page, enum text_id id);
void html_number_cell(const struct html_page *page, const char *number);
/* The beginning of such a cell, of the figure that derived_name() names. */
void html_open_figure(const struct html_page *page, const char *scope, const char *key,
                      const char *indicator);
void html_figure_cell(const struct html_page *page, double value, unsigned decimals,
                      const char *scope, const char *key, const char *indicator);
/* Up to seven digits; NAN is a dash. */
void html_factor(const struct html_page *page, double value);
void html_factor_cell(const struct html_page *page, double value);
void html_provenance_cells(const struct html_page *page, const struct provenance *provenance);

/* VALUE, rounded; SUFFIX "": none. */
void html_number(const struct html_page *page, double value, unsigned decimals, const char *suffix);
/* The same with its sign. */
void html_change(const struct html_page *page, double value, unsigned decimals);
/* A number in units of 10^-decimals. A value that rounds to nothing but is POSITIVE reads
 * "< 0,01". */
void html_units(const struct html_page *page, int64_t units, bool positive, unsigned decimals);
/* VALUE, rounded to BAND: central, with low and high under it. From after the beginning of its cell
 * to its end. */
void html_band(const struct html_page *page, struct text_band band, struct triple value,
               unsigned decimals);

#endif
