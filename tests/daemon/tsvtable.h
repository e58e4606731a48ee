/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_TSVTABLE_H
#define IAGMETER_TESTS_TSVTABLE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A table with named columns, one line at a time. Include after cmocka.h. */

#define TSV_COLUMNS 80
#define TSV_LINE    8000

struct table {
    FILE *stream;
    char header[TSV_LINE];
    char line[TSV_LINE];
    char *names[TSV_COLUMNS];
    char *fields[TSV_COLUMNS];
    size_t columns;
};

static inline size_t table_split(char *line, char *fields[])
{
    size_t count = 0;

    line[strcspn(line, "\n")] = '\0';
    for (char *field; count < TSV_COLUMNS && (field = strsep(&line, "\t"));)
        fields[count++] = field;
    return count;
}

static inline void table_start(struct table *table, FILE *stream)
{
    assert_non_null(stream);
    table->stream = stream;
    assert_non_null(fgets(table->header, TSV_LINE, stream));
    table->columns = table_split(table->header, table->names);
}

static inline bool table_next(struct table *table)
{
    if (!fgets(table->line, TSV_LINE, table->stream))
        return false;
    assert_int_equal(table_split(table->line, table->fields), table->columns);
    return true;
}

static inline const char *text(const struct table *table, const char *name)
{
    for (size_t i = 0; i < table->columns; i++)
        if (strcmp(table->names[i], name) == 0)
            return table->fields[i];
    fail_msg("no column %s", name);
    return "";
}

static inline double number(const struct table *table, const char *name)
{
    return strtod(text(table, name), NULL);
}

#endif
