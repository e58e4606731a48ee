/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_REPORTS_CALIBRATIONS_H
#define IAGMETER_REPORTS_CALIBRATIONS_H

#include "daemon/calibrationuse.h"
#include "reports/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Which calibrations were in use in a month, and in which part of it: of the services that its
 * report shows. */

struct month_report;

struct calibrations {
    struct calibrationuse *items; /* since and until within the month, or its past part */
    size_t count;
};

/* Fills report->calibrations once its tables are filled. Returns false when the ledger cannot be
 * read, or memory is exhausted. */
bool calibrations_collect(struct ledger *ledger, struct month_report *report);
void calibrations_clear(struct calibrations *calibrations);

/* One text, such as "openai-api (tcp): calibration of 2026-11-27, n = 12 (from 2026-11-27 14:05)",
 * of the service of that id, or with "." of all; freed by the caller. NULL: there are none. */
char *calibrations_text(const struct month_report *report, const char *service,
                        enum text_language language);

/* An array of the same, for JSON. */
struct json_t;
struct json_t *calibrations_json(const struct month_report *report, const char *service);

#endif
