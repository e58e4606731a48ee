/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/inspectmetrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/capture.h"
#include "daemon/sandbox.h"

#define READ_SIZE 65536
#define RANKS     3 /* of counters that count the same */

struct row {
    char *model;
    char *team;
    double counted[SERVER_QUANTITIES][RANKS];
};

struct reading {
    enum server_dialect dialect;
    struct row *rows;
    size_t count;
    bool seen[SERVER_QUANTITIES][RANKS];
    bool out_of_memory;
    bool impossible; /* a counter */
};

/* -- Input ------------------------------------------------------------------------------------ */

/* NULL when out of memory. */
static struct row *add_row(struct reading *reading, const char *model, const char *team)
{
    struct row *rows = reallocarray(reading->rows, reading->count + 1, sizeof(*rows));
    struct row row = {.model = strdup(model), .team = strdup(team)};

    if (rows)
        reading->rows = rows;
    if (rows && row.model && row.team) {
        rows[reading->count++] = row;
        return &rows[reading->count - 1];
    }
    free(row.model);
    free(row.team);
    reading->out_of_memory = true;
    return NULL;
}

static struct row *find_row(struct reading *reading, const char *model, const char *team)
{
    for (size_t i = 0; i < reading->count; i++)
        if (strcmp(reading->rows[i].model, model) == 0 && strcmp(reading->rows[i].team, team) == 0)
            return &reading->rows[i];
    return add_row(reading, model, team);
}

static void take_sample(void *context, const struct prometheus_sample *sample)
{
    struct reading *reading = context;
    const struct server_counter *counter = servermetrics_find(sample, &reading->dialect);
    bool has_teams = counter && counter->dialect == SERVER_LITELLM;
    struct row *row;

    if (!counter)
        return;
    reading->impossible |= !servermetrics_is_possible(sample->value);
    row =
        find_row(reading, servermetrics_model(sample), has_teams ? servermetrics_team(sample) : "");
    if (!row)
        return;
    row->counted[counter->quantity][counter->rank] += sample->value;
    reading->seen[counter->quantity][counter->rank] = true;
}

static bool read_file(FILE *file, struct prometheus *parser)
{
    static uint8_t bytes[READ_SIZE];
    size_t length;

    while ((length = fread(bytes, 1, sizeof(bytes), file)) > 0)
        prometheus_bytes(parser, bytes, length);
    if (!prometheus_end(parser))
        fputs("iagmeter: the last line has no end, and is left out\n", stderr);
    return !ferror(file);
}

/* -- Output ----------------------------------------------------------------------------------- */

/* For a terminal: what a server says must not drive it, nor break the table. */
static void print_text(const char *text, FILE *stream)
{
    if (text[0] == '\0')
        fputc('-', stream);
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at >= ' ' && *at < 0x7f && *at != '\\')
            fputc(*at, stream);
        else
            fprintf(stream, "\\x%02x", *at);
}

/* Of the counter that would be read; RANKS: of none. */
static size_t best_rank(const struct reading *reading, enum server_quantity quantity)
{
    size_t rank = 0;

    while (rank < RANKS && !reading->seen[quantity][rank])
        rank++;
    return rank;
}

static double counted(const struct reading *reading, const struct row *row,
                      enum server_quantity quantity)
{
    size_t rank = best_rank(reading, quantity);

    return rank < RANKS ? row->counted[quantity][rank] : 0;
}

static bool is_told(const struct reading *reading, enum server_quantity quantity)
{
    return best_rank(reading, quantity) < RANKS;
}

static void print_count(double count, bool told, FILE *stream)
{
    if (told)
        fprintf(stream, "\t%.0f", count);
    else
        fputs("\t-", stream);
}

static const char *direction_of(const struct inspectmetrics_options *options, const char *team)
{
    for (size_t i = 0; i < options->team_count; i++)
        if (strcmp(options->teams[i].label, team) == 0)
            return options->direction_code(options->context, options->teams[i].direction);
    return "unassigned";
}

static void print_row(const struct reading *reading, const struct row *row,
                      const struct inspectmetrics_options *options, FILE *stream)
{
    double cached = counted(reading, row, SERVER_TOKENS_CACHED);
    double in = counted(reading, row, SERVER_TOKENS_IN);

    if (is_told(reading, SERVER_TOKENS_COMPUTED))
        in = counted(reading, row, SERVER_TOKENS_COMPUTED) + cached;
    print_text(row->model, stream);
    fputc('\t', stream);
    print_text(row->team, stream);
    if (options->team_count > 0)
        fprintf(stream, "\t%s", direction_of(options, row->team));
    print_count(counted(reading, row, SERVER_REQUESTS), is_told(reading, SERVER_REQUESTS), stream);
    print_count(in, is_told(reading, SERVER_TOKENS_IN) || is_told(reading, SERVER_TOKENS_COMPUTED),
                stream);
    print_count(cached, is_told(reading, SERVER_TOKENS_CACHED), stream);
    print_count(counted(reading, row, SERVER_TOKENS_OUT), is_told(reading, SERVER_TOKENS_OUT),
                stream);
    fputc('\n', stream);
}

static int compare_rows(const void *left, const void *right)
{
    const struct row *a = left;
    const struct row *b = right;
    int order = strcmp(a->model, b->model);

    return order != 0 ? order : strcmp(a->team, b->team);
}

static int show(struct reading *reading, const struct prometheus_counts *counts,
                const struct inspectmetrics_options *options, FILE *stream)
{
    if (counts->malformed + counts->overlong > 0)
        fprintf(stderr, "iagmeter: %" PRIu64 " lines could not be read\n",
                counts->malformed + counts->overlong);
    if (reading->out_of_memory) {
        fputs("iagmeter: out of memory\n", stderr);
        return EXIT_TROUBLE;
    }
    if (reading->impossible) {
        fprintf(stderr, "iagmeter: %s: the daemon takes nothing of such an answer\n",
                servermetrics_problem(SERVERMETRICS_ABSURD));
        return EXIT_TROUBLE;
    }
    if (reading->count == 0) {
        fprintf(stderr, "iagmeter: among %" PRIu64 " samples, no counter of %s\n", counts->samples,
                options->dialect == SERVER_AUTO ? "an inference server that is known here"
                                                : server_dialect_names[options->dialect]);
        return EXIT_TROUBLE;
    }
    fprintf(stream,
            "#%s: since it was started\n#model\tteam%s\trequests\ttokens_in\tcached\ttokens_out\n",
            server_dialect_names[reading->dialect], options->team_count > 0 ? "\tdirection" : "");
    qsort(reading->rows, reading->count, sizeof(*reading->rows), compare_rows);
    for (size_t i = 0; i < reading->count; i++)
        print_row(reading, &reading->rows[i], options, stream);
    return EXIT_SUCCESS;
}

int inspectmetrics_run(const char *path, const struct inspectmetrics_options *options, FILE *stream)
{
    static struct prometheus parser;
    struct reading reading = {.dialect = options->dialect};
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    int status = EXIT_TROUBLE;
    char error[256];

    prometheus_start(&parser, take_sample, &reading);
    if (file && options->user && !sandbox_command(options->user, -1, -1, error, sizeof(error)))
        fprintf(stderr, "iagmeter: %s\n", error);
    else if (file && read_file(file, &parser))
        status = show(&reading, &parser.counts, options, stream);
    else
        fprintf(stderr, "iagmeter: %s: %s\n", path, strerror(errno));
    if (file && file != stdin)
        fclose(file);
    for (size_t i = 0; i < reading.count; i++) {
        free(reading.rows[i].model);
        free(reading.rows[i].team);
    }
    free(reading.rows);
    return status;
}
