/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/sourcestates.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LABEL "%-24s "
#define DAY_S 86400
/* A line of the fact: name, counted, what it covers, problem. */
#define FIELDS    4
#define LINE_SIZE (sizeof(struct power_source_state) + FIELDS + 1)
#define TEXT_SIZE (SOURCESTATES_MOST * LINE_SIZE + 64)

/* What is missing already stays to be recorded. */
void sourcestates_begin(struct source_states *states)
{
    states->count = 0;
    states->present = true;
    states->changed = true;
}

void sourcestates_end(struct source_states *states)
{
    states->present = false;
    states->changed = true;
}

static void add_gap(struct source_states *states, const struct power_source_state *state)
{
    size_t i = 0;

    if (state->missed_s == 0 && state->restarts == 0)
        return;
    while (i < states->gap_count && strcmp(states->gaps[i].name, state->name) != 0)
        i++;
    if (i == SOURCESTATES_GAPS)
        i--;
    if (i == states->gap_count) {
        states->gaps[states->gap_count++] = (struct source_gap){.name = ""};
        snprintf(states->gaps[i].name, POWER_NAME_SIZE, "%s", state->name);
    }
    states->gaps[i].missed_s += state->missed_s;
    states->gaps[i].restarts += state->restarts;
}

void sourcestates_take(struct source_states *states, const struct power_source_state *state)
{
    size_t i = 0;

    add_gap(states, state);
    states->changed = true;
    while (i < states->count && strcmp(states->states[i].name, state->name) != 0)
        i++;
    if (i == SOURCESTATES_MOST)
        return;
    states->count += i == states->count;
    states->states[i] = *state;
}

/* ---- The fact: "TIME PRESENT", then a line each ---- */

static size_t write_text(const struct source_states *states, int64_t now_s, char *text)
{
    size_t length = (size_t)snprintf(text, TEXT_SIZE, "%" PRId64 " %d\n", now_s, states->present);

    for (size_t i = 0; i < states->count; i++) {
        const struct power_source_state *state = &states->states[i];

        length += (size_t)snprintf(text + length, TEXT_SIZE - length, "%s\t%d\t%s\t%s\n",
                                   state->name, state->counted, state->covers, state->problem);
    }
    return length;
}

static enum ledger_status write_all(const struct source_states *states, struct ledger *ledger,
                                    const char *text, int32_t day)
{
    enum ledger_status status = ledger_begin(ledger);

    if (status == LEDGER_OK)
        status = ledger_set_fact(ledger, SOURCESTATES_FACT, text);
    for (size_t i = 0; i < states->gap_count && status == LEDGER_OK; i++) {
        const struct source_gap *gap = &states->gaps[i];

        status = ledger_add_source_day(
            ledger, &(struct ledger_source_day){day, gap->name, gap->missed_s, gap->restarts});
    }
    return status == LEDGER_OK ? ledger_commit(ledger) : status;
}

enum ledger_status sourcestates_record(struct source_states *states, struct ledger *ledger,
                                       int64_t now_s)
{
    char *text = states->changed ? malloc(TEXT_SIZE) : NULL;
    enum ledger_status status;

    if (!states->changed)
        return LEDGER_OK;
    if (!text)
        return LEDGER_RETRY;
    write_text(states, now_s, text);
    status = write_all(states, ledger, text, (int32_t)(now_s / DAY_S));
    states->changed = status != LEDGER_OK;
    if (status == LEDGER_OK)
        states->gap_count = 0;
    else
        ledger_rollback(ledger);
    free(text);
    return status;
}

struct recorded {
    int64_t at_s;
    bool present;
    char *lines;
};

/* LEDGER_EMPTY when nothing was recorded. TEXT has TEXT_SIZE bytes. */
static enum ledger_status read_text(struct ledger *ledger, char *text, struct recorded *recorded)
{
    enum ledger_status status = ledger_fact(ledger, SOURCESTATES_FACT, text, TEXT_SIZE);
    char *rest;

    if (status != LEDGER_OK)
        return status;
    recorded->at_s = strtoll(text, &rest, 10);
    recorded->present = strtol(rest, &rest, 10) != 0;
    recorded->lines = *rest == '\n' ? rest + 1 : rest;
    return LEDGER_OK;
}

static bool next_line(struct recorded *recorded, char *fields[FIELDS])
{
    char *line = strsep(&recorded->lines, "\n");

    if (!line || *line == '\0')
        return false;
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = strsep(&line, "\t");
        if (!fields[i])
            return false;
    }
    return true;
}

bool sourcestates_visit(struct ledger *ledger, sourcestates_visitor *visit, void *context)
{
    char *text = malloc(TEXT_SIZE);
    struct recorded recorded = {0, false, NULL};
    enum ledger_status status = text ? read_text(ledger, text, &recorded) : LEDGER_RETRY;
    char *fields[FIELDS];

    while (status == LEDGER_OK && next_line(&recorded, fields))
        visit(context, fields[0], fields[1][0] == '1', fields[3]);
    free(text);
    return status == LEDGER_OK || status == LEDGER_EMPTY;
}

/* ---- Out ---- */

static void print_recorded(struct recorded *recorded, FILE *stream)
{
    time_t seconds = (time_t)recorded->at_s;
    char *fields[FIELDS];
    struct tm local;
    char when[40];

    localtime_r(&seconds, &local);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M %Z", &local);
    fprintf(stream, "\nwhat is read for energy and by servers' own counts, as of %s\n", when);
    if (!recorded->present)
        fputs("The process that reads them does not run: nothing is measured.\n", stream);
    while (next_line(recorded, fields)) {
        bool is_channel = strchr(fields[0], '/') != NULL && strstr(fields[0], "//") == NULL;

        fprintf(stream, LABEL "%s%s%s%s\n", fields[0], fields[2],
                is_channel && fields[1][0] == '0' ? " (for comparison)" : "",
                fields[3][0] ? ": " : "", fields[3]);
    }
}

bool sourcestates_print(struct ledger *ledger, bool running, FILE *stream)
{
    char *text = malloc(TEXT_SIZE);
    struct recorded recorded = {0, false, NULL};
    enum ledger_status status = text ? read_text(ledger, text, &recorded) : LEDGER_RETRY;

    recorded.present &= running;
    if (status == LEDGER_OK)
        print_recorded(&recorded, stream);
    free(text);
    return status == LEDGER_OK || status == LEDGER_EMPTY;
}

static json_t *json_recorded(struct recorded *recorded)
{
    json_t *array = json_array();
    char *fields[FIELDS];

    while (next_line(recorded, fields))
        json_array_append_new(array, json_pack("{s:s, s:b, s:s, s:s}", "name", fields[0], "counted",
                                               fields[1][0] == '1', "covers", fields[2], "problem",
                                               fields[3]));
    return json_pack("{s:I, s:b, s:o}", "at_s", (json_int_t)recorded->at_s, "running",
                     recorded->present, "sources", array);
}

bool sourcestates_json(struct ledger *ledger, bool running, json_t **out)
{
    char *text = malloc(TEXT_SIZE);
    struct recorded recorded = {0, false, NULL};
    enum ledger_status status = text ? read_text(ledger, text, &recorded) : LEDGER_RETRY;

    recorded.present &= running;
    *out = status == LEDGER_OK ? json_recorded(&recorded) : json_null();
    free(text);
    return status == LEDGER_OK || status == LEDGER_EMPTY;
}

/* ---- What was missed ---- */

struct day_printer {
    FILE *stream;
    bool began;
};

static bool print_day(void *context, const struct ledger_source_day *row)
{
    struct day_printer *printer = context;
    time_t seconds = (time_t)row->day * DAY_S;
    struct tm utc;
    char day[16];

    if (!printer->began)
        fputs("\nservers that were away, or began to count anew, by days (UTC)\n", printer->stream);
    printer->began = true;
    gmtime_r(&seconds, &utc);
    strftime(day, sizeof(day), "%Y-%m-%d", &utc);
    fprintf(printer->stream, LABEL "%s: %" PRIu64 " s missed, %" PRIu64 " new starts\n",
            row->source, day, row->missed_s, row->restarts);
    return true;
}

bool sourcestates_print_days(struct ledger *ledger, int32_t from_day, int32_t until_day,
                             FILE *stream)
{
    struct day_printer printer = {.stream = stream};

    return ledger_visit_source_days(ledger, from_day, until_day, print_day, &printer) == LEDGER_OK;
}

static bool add_day(void *context, const struct ledger_source_day *row)
{
    json_array_append_new(context,
                          json_pack("{s:I, s:s, s:I, s:I}", "day_s", (json_int_t)row->day * DAY_S,
                                    "name", row->source, "missed_s", (json_int_t)row->missed_s,
                                    "restarts", (json_int_t)row->restarts));
    return true;
}

bool sourcestates_json_days(struct ledger *ledger, int32_t from_day, int32_t until_day,
                            json_t **out)
{
    *out = json_array();
    return ledger_visit_source_days(ledger, from_day, until_day, add_day, *out) == LEDGER_OK;
}
