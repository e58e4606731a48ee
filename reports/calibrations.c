/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/calibrations.h"

#include "reports/jsonvalues.h"
#include "reports/month.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIME_SIZE sizeof("2026-12-31 23:59")

/* -- Collecting ------------------------------------------------------------------------------- */

struct collecting {
    struct month_report *report;
    bool out_of_memory;
};

static bool is_shown(const struct month_report *report, const char *service)
{
    for (size_t i = 0; i < report->services.count; i++)
        if (!report->services.rows[i].is_other && strcmp(report->services.rows[i].id, service) == 0)
            return true;
    return false;
}

static bool is_same(const struct calibrationuse *a, const struct calibrationuse *b)
{
    return strcmp(a->service, b->service) == 0 && strcmp(a->transport, b->transport) == 0 &&
           strcmp(a->regime, b->regime) == 0 && strcmp(a->date, b->date) == 0 &&
           strcmp(a->source, b->source) == 0;
}

struct calibrationuse calibrations_within(const struct month_report *report,
                                          const struct calibrationuse *use)
{
    struct calibrationuse within = *use;

    if (within.since_s < report->month.start)
        within.since_s = report->month.start;
    if (within.until_s > report->until)
        within.until_s = report->until;
    return within;
}

/* Periods of one calibration that touch, as where a capture was replayed, are one. They come in the
 * order of their beginnings (calibrationuse.c). */
static bool extend(const struct calibrations *list, const struct calibrationuse *use)
{
    for (size_t i = 0; i < list->count; i++) {
        struct calibrationuse *own = &list->items[i];

        if (!is_same(own, use) || use->since_s > own->until_s || own->since_s > use->until_s)
            continue;
        own->since_s = use->since_s < own->since_s ? use->since_s : own->since_s;
        own->until_s = use->until_s > own->until_s ? use->until_s : own->until_s;
        return true;
    }
    return false;
}

static bool collect(void *context, const char *name, const char *value)
{
    struct collecting *collecting = context;
    struct month_report *report = collecting->report;
    struct calibrations *list = &report->calibrations;
    struct calibrationuse *items, use, within;

    if (!calibrationuse_parse(name, value, &use) || !is_shown(report, use.service))
        return true;
    within = calibrations_within(report, &use);
    if (within.since_s >= within.until_s || extend(list, &use))
        return true;
    items = realloc(list->items, (list->count + 1) * sizeof(*items));
    collecting->out_of_memory = !items;
    if (!items)
        return false;
    list->items = items;
    items[list->count++] = use;
    return true;
}

bool calibrations_collect(struct ledger *ledger, struct month_report *report)
{
    struct collecting collecting = {report, false};

    if (report->withheld)
        return true;
    return ledger_visit_facts(ledger, collect, &collecting) == LEDGER_OK &&
           !collecting.out_of_memory;
}

void calibrations_clear(struct calibrations *calibrations)
{
    free(calibrations->items);
    *calibrations = (struct calibrations){NULL, 0};
}

/* -- Telling ---------------------------------------------------------------------------------- */

/* What names the fact in the ledger (calibrationuse.c), so that it is as much one. */
void calibrations_id(const struct calibrationuse *use, char out[CALIBRATION_ID_SIZE])
{
    snprintf(out, CALIBRATION_ID_SIZE, "%s/%s/%s/%s/%" PRId64, use->service, use->transport,
             use->regime[0] ? use->regime : MONTH_ALL, use->date, use->since_s);
}

static bool is_asked(const struct calibrationuse *use, const char *service)
{
    return strcmp(service, MONTH_ALL) == 0 || strcmp(service, use->service) == 0;
}

static void format_time(int64_t time_s, char out[TIME_SIZE])
{
    time_t seconds = (time_t)time_s;
    struct tm local;

    localtime_r(&seconds, &local);
    strftime(out, TIME_SIZE, "%Y-%m-%d %H:%M", &local);
}

/* Nothing where it was in use for all of the month. */
static void put_period(const struct month_report *report, const struct calibrationuse *use,
                       enum text_language language, FILE *stream)
{
    bool later = use->since_s > report->month.start;
    bool over = use->until_s < report->until;
    char since[TIME_SIZE], until[TIME_SIZE];

    format_time(use->since_s, since);
    format_time(use->until_s, until);
    if (later || over)
        fputs(" (", stream);
    if (later)
        text_say(stream, language, TEXT_CALIBRATION_SINCE, TEXT_ARGUMENTS(since), false);
    if (later && over)
        fputc(' ', stream);
    if (over)
        text_say(stream, language, TEXT_CALIBRATION_UNTIL, TEXT_ARGUMENTS(until), false);
    if (later || over)
        fputc(')', stream);
}

char *calibrations_text(const struct month_report *report, const char *service,
                        enum text_language language)
{
    const struct calibrations *list = &report->calibrations;
    char *text = NULL;
    size_t size, told = 0;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct calibrationuse use = calibrations_within(report, &list->items[i]);

        if (!is_asked(&use, service))
            continue;
        fprintf(stream, "%s%s (%s): %s", told++ ? "; " : "", use.service, use.transport,
                use.source);
        put_period(report, &use, language, stream);
    }
    if (fclose(stream) == 0 && told > 0)
        return text;
    free(text);
    return NULL;
}

json_t *calibrations_json(const struct month_report *report, const char *service)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < report->calibrations.count; i++) {
        const struct calibrationuse use =
            calibrations_within(report, &report->calibrations.items[i]);

        if (is_asked(&use, service))
            failed |= json_array_append_new(
                array,
                json_pack("{s:s, s:s, s:s?, s:s, s:s, s:o, s:o}", "service", use.service,
                          "transport", use.transport, "regime", use.regime[0] ? use.regime : NULL,
                          "date", use.date, "source", use.source, "from",
                          jsonvalues_time(use.since_s), "until", jsonvalues_time(use.until_s)));
    }
    return jsonvalues_finished(array, failed);
}
