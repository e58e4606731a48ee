/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_CSV_H
#define IAGMETER_TESTS_CSV_H

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "reports/month.h"
#include "reports/year.h"

/* The CSV of reports, read again. Whatever a test writes goes through csv_month() or csv_year(), so
 * that none has two records of the same key. Include after cmocka.h. */

#define CSV_FIELDS    11
#define CSV_CELL_SIZE 1000
#define CSV_KEY_SIZE  300
#define CSV_SCHEMA    IAGMETER_SOURCE_ROOT "/docs/schema-"

enum {
    CSV_PERIOD,
    CSV_SCOPE,
    CSV_ID,
    CSV_LABEL,
    CSV_INDICATOR,
    CSV_UNIT,
    CSV_LOW,
    CSV_CENTRAL,
    CSV_HIGH,
    CSV_GRADE,
    CSV_FIGURE
};

typedef char csv_record[CSV_FIELDS][CSV_CELL_SIZE];

/* One line, RFC 4180; returns where the next one begins. */
static inline const char *csv_read(const char *text, csv_record fields, size_t *count)
{
    bool quoted = false;
    size_t used = 0;

    *count = 0;
    memset(fields, 0, sizeof(csv_record));
    for (; *text && (quoted || *text != '\n'); text++) {
        if (*text == '"' && quoted && text[1] == '"')
            fields[*count][used++] = *text++;
        else if (*text == '"')
            quoted = !quoted;
        else if (*text == ',' && !quoted) {
            ++*count;
            used = 0;
            assert_in_range(*count, 0, CSV_FIELDS - 1);
        } else
            fields[*count][used++] = *text;
        assert_in_range(used, 0, CSV_CELL_SIZE - 2);
    }
    ++*count;
    return *text ? text + 1 : text;
}

/* ---- Keys ---- */

static inline size_t csv_column(csv_record header, const char *name)
{
    for (size_t i = 0; i < CSV_FIELDS; i++)
        if (strcmp(header[i], name) == 0)
            return i;
    fail_msg("no column %s", name);
    return 0;
}

static inline void csv_key(const json_t *columns, csv_record header, csv_record fields,
                           char out[CSV_KEY_SIZE])
{
    size_t used = 0, i;
    json_t *name;

    json_array_foreach(columns, i, name)
    {
        int length = snprintf(out + used, CSV_KEY_SIZE - used, "%s|",
                              fields[csv_column(header, json_string_value(name))]);

        used += (size_t)length;
        assert_in_range(used, 1, CSV_KEY_SIZE - 1);
    }
}

static inline int csv_compare_keys(const void *one, const void *other)
{
    return strcmp(one, other);
}

static inline size_t csv_lines(const char *text)
{
    size_t lines = 0;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* No two records have the same key, which is what the schema at PATH says it is. */
static inline void csv_assert_keyed(const char *path, const char *text)
{
    json_t *schema = json_load_file(path, 0, NULL);
    const json_t *columns = json_object_get(schema, "primaryKey");
    char(*keys)[CSV_KEY_SIZE] = calloc(csv_lines(text) + 1, sizeof(*keys));
    csv_record header, fields;
    size_t count, records = 0;
    const char *at = csv_read(text, header, &count);

    assert_non_null(keys);
    assert_true(json_array_size(columns) > 0);
    while (*at) {
        at = csv_read(at, fields, &count);
        csv_key(columns, header, fields, keys[records++]);
    }
    qsort(keys, records, sizeof(*keys), csv_compare_keys);
    for (size_t i = 1; i < records; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            fail_msg("twice: %s", keys[i]);
    free(keys);
    json_decref(schema);
}

/* ---- Writing ---- */

static inline void csv_put(const char *path, FILE *own, char **text, FILE *stream)
{
    assert_int_equal(fclose(own), 0);
    csv_assert_keyed(path, *text);
    fputs(*text, stream);
    free(*text);
}

static inline void csv_month(const struct month_report *report, FILE *stream)
{
    char *text = NULL;
    size_t size = 0;
    FILE *own = open_memstream(&text, &size);

    assert_non_null(own);
    assert_true(month_write_csv(report, own));
    csv_put(CSV_SCHEMA "month.json", own, &text, stream);
}

static inline void csv_year(const struct year_report *year, FILE *stream)
{
    char *text = NULL;
    size_t size = 0;
    FILE *own = open_memstream(&text, &size);

    assert_non_null(own);
    assert_true(year_write_csv(year, own));
    csv_put(CSV_SCHEMA "year.json", own, &text, stream);
}

#endif
