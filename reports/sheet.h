/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SHEET_H
#define IAGMETER_SHEET_H

#include "reports/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A report as a workbook for a spreadsheet program (Office Open XML, .xlsx): one table a sheet
 * where it can be, real numbers, rounded as the page is. It is filled by html.h, whose calls write
 * pages; nothing else knows it.
 *
 * Words go to the stream that sheet_new() gives, and become a paragraph or a cell with the next
 * call. A total that is the sum of the rows above it is a formula that adds them up, and what tells
 * that total elsewhere refers to it; what is no such sum is a number. */

struct sheet;

/* A workbook that becomes STREAM, a file that is empty, and says that it was made at CREATED_S: the
 * same report is the same bytes. Its parts lie in DIRECTORY until they are put together. *TEXT
 * takes words. Returns NULL on failure, with errno. */
struct sheet *sheet_new(enum text_language language, int64_t created_s, const char *directory,
                        FILE *stream, FILE **text);
/* Writes and frees it. Returns false on failure, with errno. */
bool sheet_write(struct sheet *sheet);

/* What ID heads goes on a sheet of its own, if it does. */
void sheet_begin(struct sheet *sheet, enum text_id id);

enum sheet_style { SHEET_TITLE, SHEET_HEADING, SHEET_TEXT, SHEET_NOTICE };
void sheet_paragraph(struct sheet *sheet, enum sheet_style style);

/* ---- Tables: a caption, then columns, then the body ---- */

void sheet_open_table(struct sheet *sheet);
void sheet_column(struct sheet *sheet);
/* Before the first one: the codes of what that names. */
void sheet_code_column(struct sheet *sheet);
/* Low, central and high. */
void sheet_triple_column(struct sheet *sheet);
void sheet_open_body(struct sheet *sheet);
void sheet_close_table(struct sheet *sheet);

void sheet_open_row(struct sheet *sheet, bool is_total);
void sheet_close_row(struct sheet *sheet);

/* The next cell takes so many columns. */
void sheet_widen(struct sheet *sheet, size_t columns);
/* What names the numbers of the next cell, or of the row that was opened. */
void sheet_figure(struct sheet *sheet, const char *name);

/* What the cell holds, instead of words. In units of 10^-decimals, rounded so that rows add up: */
void sheet_units(struct sheet *sheet, int64_t units, bool positive, unsigned decimals);
void sheet_band(struct sheet *sheet, struct text_band band, struct triple value, unsigned decimals);
/* Rounded alone, so its total is no formula; SUFFIX "": none. */
void sheet_number(struct sheet *sheet, double value, unsigned decimals, const char *suffix);
/* As it is; NAN: empty. */
void sheet_factor(struct sheet *sheet, double value);
void sheet_factors(struct sheet *sheet, double low, double central, double high);

void sheet_close_cell(struct sheet *sheet);

#endif
