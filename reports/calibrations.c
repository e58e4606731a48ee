/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/calibrations.h"

#include "daemon/servicecalibration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct citing {
    const struct month_report *report;
    struct ledger *ledger;
    const struct servicecalibration_use *use; /* that is being looked at */
    bool superseded;
    FILE *stream;
    size_t count;
};

static bool is_shown(const struct month_report *report, const char *service)
{
    for (size_t i = 0; i < report->services.count; i++)
        if (!report->services.rows[i].is_other && strcmp(report->services.rows[i].id, service) == 0)
            return true;
    return false;
}

/* Whether another one had taken its place before the month began. */
static bool look_for_newer(void *context, const char *name, const char *value)
{
    struct citing *citing = context;
    struct servicecalibration_use other;

    if (!servicecalibration_parse_use(name, value, &other) ||
        strcmp(other.service, citing->use->service) != 0 ||
        strcmp(other.transport, citing->use->transport) != 0)
        return true;
    if (strcmp(other.date, citing->use->date) > 0 && other.since_s <= citing->report->month.start)
        citing->superseded = true;
    return !citing->superseded;
}

static bool cite(void *context, const char *name, const char *value)
{
    struct citing *citing = context;
    struct servicecalibration_use use;

    if (!servicecalibration_parse_use(name, value, &use) || use.since_s >= citing->report->until ||
        !is_shown(citing->report, use.service))
        return true;
    citing->use = &use;
    citing->superseded = false;
    ledger_visit_facts(citing->ledger, look_for_newer, citing);
    if (!citing->superseded)
        fprintf(citing->stream, "%s%s (%s): %s", citing->count++ ? "; " : "", use.service,
                use.transport, use.source);
    return true;
}

char *calibrations_cite(struct ledger *ledger, const struct month_report *report)
{
    struct citing citing = {.report = report, .ledger = ledger};
    char *text = NULL;
    size_t size;

    if (report->withheld)
        return NULL;
    citing.stream = open_memstream(&text, &size);
    if (!citing.stream)
        return NULL;
    ledger_visit_facts(ledger, cite, &citing);
    if (fclose(citing.stream) == 0 && citing.count > 0)
        return text;
    free(text);
    return NULL;
}
