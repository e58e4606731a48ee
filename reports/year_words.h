/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_YEAR_WORDS_H
#define IAGMETER_YEAR_WORDS_H

#include "reports/year.h"

/* What the page of a year and its lines for a terminal share. */

/* Arguments of a sentence and the figures that they are, which point into the same structure: not
 * to be copied. */
#define YEAR_WORDS 4
struct year_words {
    char words[YEAR_WORDS][TEXT_NUMBER_SIZE];
    month_name names[YEAR_WORDS];
    const char *arguments[YEAR_WORDS + 1];
    const char *figures[YEAR_WORDS + 1];
};

/* Of TEXT_YEAR_MONTHS, whose first two are those of TEXT_YEAR_PARTIAL. */
void year_words_of_months(const struct year_report *year, struct year_words *words);
/* Of TEXT_YEAR_MEASURED. Returns false where that may not be told. */
bool year_words_of_measured(const struct year_report *year, enum text_language language,
                            struct year_words *words);
/* "2026, 2027": the vintages of factors of these months. */
void year_words_of_vintages(const struct year_report *year, enum year_months which, char *out,
                            size_t size);
/* The months that are compared with those of the year before: "mars, juillet". */
void year_words_of_compared(const struct year_report *year, enum text_language language, char *out,
                            size_t size);

/* The energy of each month, as SVG inside a page. */
void year_graph(const struct year_report *year, enum text_language language, FILE *stream);

#endif
