/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_WORKBOOK_H
#define IAGMETER_TESTS_WORKBOOK_H

#include "reports/zipfile.h"
#include "tests/close.h"

#include <stdlib.h>
#include <string.h>

/* What a workbook says, read from its XML without the library that wrote it. Include after
 * cmocka.h. */

#define WORKBOOK_CELLS_MOST 20000

struct workbook_cell {
    unsigned sheet; /* from 1 */
    unsigned row;   /* from 1 */
    unsigned column;
    bool is_words; /* in the table of strings */
    double value;
    char formula[80];
};

struct workbook {
    struct workbook_cell cells[WORKBOOK_CELLS_MOST];
    size_t count;
};

static inline bool workbook_print_part(void *context, const char *name, const char *text,
                                       size_t size)
{
    assert_int_equal(strlen(text), size);
    fprintf(context, "PART %s\n%s\n", name, text);
    return true;
}

/* All the parts of the archive FILE, each behind its name. */
static inline void workbook_unpack(FILE *file, FILE *out)
{
    rewind(file);
    assert_true(zipfile_each(file, workbook_print_part, out));
    fclose(file);
}

/* "C12" at *AT. */
static inline void workbook_place(const char **at, unsigned *column, unsigned *row)
{
    *column = 0;
    for (; **at >= 'A' && **at <= 'Z'; ++*at)
        *column = *column * 26 + (unsigned)(**at - 'A') + 1;
    *row = (unsigned)strtoul(*at, (char **)at, 10);
}

/* From after "<c r=\"" to the end of the cell. */
static inline struct workbook_cell workbook_cell(unsigned sheet, const char *at)
{
    struct workbook_cell cell = {.sheet = sheet};
    const char *end = strstr(at, "</c>"), *empty = strstr(at, "/>"), *found;

    workbook_place(&at, &cell.column, &cell.row);
    if (empty && empty < strchr(at, '>'))
        return cell;
    found = strstr(at, "t=\"s\"");
    cell.is_words = found && found < strchr(at, '>');
    found = strstr(at, "<f>");
    if (found && found < end)
        snprintf(cell.formula, sizeof(cell.formula), "%.*s", (int)strcspn(found + 3, "<"),
                 found + 3);
    found = strstr(at, "<v>");
    if (found && found < end)
        cell.value = strtod(found + 3, NULL);
    return cell;
}

static inline struct workbook *workbook_read(const char *text)
{
    static const char part[] = "PART xl/worksheets/sheet";
    struct workbook *book = calloc(1, sizeof(*book));

    assert_non_null(book);
    for (const char *at = strstr(text, part); at; at = strstr(at, part)) {
        unsigned sheet = (unsigned)strtoul(at + strlen(part), NULL, 10);
        const char *end = strstr(at, "</worksheet>");

        assert_non_null(end);
        for (at = strstr(at, "<c r=\""); at && at < end; at = strstr(at, "<c r=\"")) {
            at += strlen("<c r=\"");
            assert_true(book->count < WORKBOOK_CELLS_MOST);
            book->cells[book->count++] = workbook_cell(sheet, at);
        }
        at = end;
    }
    return book;
}

static inline const struct workbook_cell *workbook_at(const struct workbook *book, unsigned sheet,
                                                      unsigned column, unsigned row)
{
    for (size_t i = 0; i < book->count; i++)
        if (book->cells[i].sheet == sheet && book->cells[i].column == column &&
            book->cells[i].row == row)
            return &book->cells[i];
    return NULL;
}

/* The number of the sheet called NAME. */
static inline unsigned workbook_sheet(const char *text, const char *name)
{
    char wanted[80];
    const char *at;

    snprintf(wanted, sizeof(wanted), "<sheet name=\"%s\" sheetId=\"", name);
    at = strstr(text, wanted);
    return at ? (unsigned)strtoul(at + strlen(wanted), NULL, 10) : 0;
}

/* SUM(C5:C12), computed anew; of words, nothing. */
static inline double workbook_sum(const struct workbook *book, const struct workbook_cell *cell)
{
    const char *at = cell->formula + strlen("SUM(");
    unsigned column, first, last_column, last;
    double sum = 0;

    workbook_place(&at, &column, &first);
    assert_int_equal(*at++, ':');
    workbook_place(&at, &last_column, &last);
    assert_int_equal(column, cell->column);
    assert_int_equal(last_column, cell->column);
    assert_int_equal(last, cell->row - 1);
    for (unsigned row = first; row <= last; row++) {
        const struct workbook_cell *term = workbook_at(book, cell->sheet, column, row);

        assert_non_null(term);
        if (!term->is_words)
            sum += term->value;
    }
    return sum;
}

/* What 'Directions'!C12 has. */
static inline double workbook_reference(const struct workbook *book, const char *text,
                                        const struct workbook_cell *cell)
{
    const char *at = strchr(cell->formula + 1, '\'');
    const struct workbook_cell *there;
    unsigned column, row;
    char name[80];

    assert_non_null(at);
    snprintf(name, sizeof(name), "%.*s", (int)(at - cell->formula - 1), cell->formula + 1);
    at += strlen("'!");
    workbook_place(&at, &column, &row);
    there = workbook_at(book, workbook_sheet(text, name), column, row);
    assert_non_null(there);
    assert_true(there->formula[0] != '\0');
    return there->value;
}

/* That each formula gives the value beside it. Returns how many there are. */
static inline size_t workbook_assert_formulas(const char *text)
{
    struct workbook *book = workbook_read(text);
    size_t count = 0;

    for (size_t i = 0; i < book->count; i++) {
        const struct workbook_cell *cell = &book->cells[i];

        if (!cell->formula[0])
            continue;
        count++;
        assert_close(strncmp(cell->formula, "SUM(", strlen("SUM(")) == 0
                         ? workbook_sum(book, cell)
                         : workbook_reference(book, text, cell),
                     cell->value);
    }
    free(book);
    return count;
}

#endif
