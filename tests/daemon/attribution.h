/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_ATTRIBUTION_H
#define IAGMETER_TESTS_ATTRIBUTION_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The worked case of a shared host (tests/fixtures/attribution): two GPUs, two models, four
 * directions, 228 requests in 120 intervals. Include after cmocka.h. */

#define ATTRIBUTION           IAGMETER_SOURCE_ROOT "/tests/fixtures/attribution/"
#define ATTRIBUTION_INTERVALS 120
#define ATTRIBUTION_REQUESTS  228
#define ATTRIBUTION_DEPTS     4
#define ATTRIBUTION_MODELS    2
#define ATTRIBUTION_STEP_S    60.0
#define ATTRIBUTION_FIELDS    16
#define ATTRIBUTION_COLUMNS   10 /* of numbers, in expected.tsv */

static const char *const attribution_depts[ATTRIBUTION_DEPTS] = {"DSN", "CULTURE", "VOIRIE", "RH"};
/* Model number i computes on GPU number i. */
static const char *const attribution_models[ATTRIBUTION_MODELS] = {"mistral-small-24b", "qwen3-8b"};

/* A file of fields between tabulators. */
struct attribution_table {
    FILE *stream;
    char line[400];
    char *fields[ATTRIBUTION_FIELDS];
};

static inline bool attribution_next(struct attribution_table *table)
{
    char *rest = table->line;

    if (!fgets(table->line, sizeof(table->line), table->stream)) {
        fclose(table->stream);
        return false;
    }
    table->line[strcspn(table->line, "\r\n")] = '\0';
    for (int i = 0; i < ATTRIBUTION_FIELDS; i++)
        table->fields[i] = rest ? strsep(&rest, "\t") : "";
    return true;
}

static inline struct attribution_table attribution_open(const char *name, bool has_header)
{
    struct attribution_table table = {0};
    char path[400];

    snprintf(path, sizeof(path), "%s%s", ATTRIBUTION, name);
    table.stream = fopen(path, "re");
    if (!table.stream)
        fail_msg("%s is missing", path);
    if (has_header)
        assert_true(attribution_next(&table));
    return table;
}

static inline double attribution_number(const struct attribution_table *table, int field)
{
    char *end;
    double value = strtod(table->fields[field], &end);

    assert_true(end != table->fields[field] && *end == '\0');
    return value;
}

static inline size_t attribution_find(const char *const names[], size_t count, const char *name)
{
    size_t i = 0;

    while (i < count && strcmp(names[i], name) != 0)
        i++;
    assert_true(i < count);
    return i;
}

/* A value of config.tsv, or of expected_totals.tsv. */
static inline double attribution_value(const char *file, const char *name)
{
    struct attribution_table table = attribution_open(file, false);
    double value = NAN;

    while (attribution_next(&table))
        if (strcmp(table.fields[0], name) == 0)
            value = attribution_number(&table, 1);
    if (isnan(value))
        fail_msg("%s has no %s", file, name);
    return value;
}

/* "w_in=0.2" of a model, "w_in". */
static inline double attribution_of_model(size_t model, const char *name)
{
    struct attribution_table table = attribution_open("config.tsv", false);
    size_t length = strlen(name);
    double value = NAN;

    while (attribution_next(&table)) {
        if (strcmp(table.fields[0], "model") != 0 ||
            strcmp(table.fields[1], attribution_models[model]) != 0)
            continue;
        for (int i = 2; i < ATTRIBUTION_FIELDS; i++)
            if (strncmp(table.fields[i], name, length) == 0 && table.fields[i][length] == '=')
                value = strtod(table.fields[i] + length + 1, NULL);
    }
    assert_true(value >= 0);
    return value;
}

static inline double attribution_entitlement(size_t dept)
{
    struct attribution_table table = attribution_open("config.tsv", false);
    double value = NAN;

    while (attribution_next(&table))
        if (strcmp(table.fields[0], "entitlement") == 0 &&
            strcmp(table.fields[1], attribution_depts[dept]) == 0)
            value = attribution_number(&table, 2);
    assert_true(value >= 0);
    return value;
}

/* What was measured in an interval, and asked: requests are spread evenly over their run time. */
struct attribution_use {
    double requests;
    double tokens_in;
    double tokens_cached;
    double tokens_out;
};
struct attribution_case {
    double gpu_j[ATTRIBUTION_INTERVALS][ATTRIBUTION_MODELS];
    double host_j[ATTRIBUTION_INTERVALS];
    struct attribution_use uses[ATTRIBUTION_INTERVALS][ATTRIBUTION_DEPTS][ATTRIBUTION_MODELS];
};

static inline void attribution_spread(struct attribution_case *out,
                                      const struct attribution_table *row)
{
    double start_s = attribution_number(row, 0), end_s = attribution_number(row, 1);
    size_t dept = attribution_find(attribution_depts, ATTRIBUTION_DEPTS, row->fields[2]);
    size_t model = attribution_find(attribution_models, ATTRIBUTION_MODELS, row->fields[3]);

    for (size_t i = 0; i < ATTRIBUTION_INTERVALS; i++) {
        double from_s = fmax(start_s, (double)i * ATTRIBUTION_STEP_S);
        double until_s = fmin(end_s, (double)(i + 1) * ATTRIBUTION_STEP_S);
        double part = (until_s - from_s) / (end_s - start_s);
        struct attribution_use *use = &out->uses[i][dept][model];

        if (part <= 0)
            continue;
        use->requests += part;
        use->tokens_in += part * attribution_number(row, 4);
        use->tokens_cached += part * attribution_number(row, 5);
        use->tokens_out += part * attribution_number(row, 6);
    }
}

static inline void attribution_read(struct attribution_case *out)
{
    struct attribution_table intervals = attribution_open("intervals.tsv", true);
    struct attribution_table requests = attribution_open("requests.tsv", true);
    size_t count = 0;

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; attribution_next(&intervals); i++) {
        assert_true(i < ATTRIBUTION_INTERVALS);
        assert_true(attribution_number(&intervals, 0) == (double)i * ATTRIBUTION_STEP_S);
        out->gpu_j[i][0] = attribution_number(&intervals, 2);
        out->gpu_j[i][1] = attribution_number(&intervals, 3);
        out->host_j[i] = attribution_number(&intervals, 4);
    }
    for (; attribution_next(&requests); count++)
        attribution_spread(out, &requests);
    assert_int_equal(count, ATTRIBUTION_REQUESTS);
}

/* Calls CHECK with each line of expected.tsv, of a policy and a direction. */
static inline void attribution_expected(void (*check)(void *context, const char *policy,
                                                      const char *dept,
                                                      const double values[ATTRIBUTION_COLUMNS]),
                                        void *context)
{
    struct attribution_table table = attribution_open("expected.tsv", true);

    while (attribution_next(&table)) {
        double values[ATTRIBUTION_COLUMNS];

        for (int i = 0; i < ATTRIBUTION_COLUMNS; i++)
            values[i] = attribution_number(&table, i + 2);
        check(context, table.fields[0], table.fields[1], values);
    }
}

#endif
