/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/sourcestates.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LABEL "%-24s "
/* A line of the fact: name, counted, what it covers, problem. */
#define FIELDS    4
#define LINE_SIZE (sizeof(struct power_source_state) + FIELDS + 1)
#define TEXT_SIZE (SOURCESTATES_MOST * LINE_SIZE + 64)

void sourcestates_begin(struct source_states *states)
{
    *states = (struct source_states){.present = true, .changed = true};
}

void sourcestates_end(struct source_states *states)
{
    states->present = false;
    states->changed = true;
}

void sourcestates_take(struct source_states *states, const struct power_source_state *state)
{
    size_t i = 0;

    while (i < states->count && strcmp(states->states[i].name, state->name) != 0)
        i++;
    if (i == SOURCESTATES_MOST)
        return;
    states->count += i == states->count;
    states->states[i] = *state;
    states->changed = true;
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
    status = ledger_set_fact(ledger, SOURCESTATES_FACT, text);
    states->changed = status != LEDGER_OK;
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
