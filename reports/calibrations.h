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
    struct calibrationuse *items; /* since and until may lie outside the month */
    size_t count;
};

/* Fills report->calibrations once its tables are filled. Returns false when the ledger cannot be
 * read, or memory is exhausted. */
bool calibrations_collect(struct ledger *ledger, struct month_report *report);
void calibrations_clear(struct calibrations *calibrations);

/* USE with since and until within the month, or its past part. */
struct calibrationuse calibrations_within(const struct month_report *report,
                                          const struct calibrationuse *use);

/* "openai-api/tcp/chat/2026-11-27/1795788300": service, transport, way of streaming ("." where none
 * was told), date, and since when it has been in use. No two of a month have the same. */
#define CALIBRATION_ID_SIZE (sizeof(struct calibrationuse) + 24)
void calibrations_id(const struct calibrationuse *use, char out[CALIBRATION_ID_SIZE]);

/* One text, such as "openai-api (tcp): calibration of 2026-11-27, n = 12 (from 2026-11-27 14:05)",
 * of the service of that id, or with "." of all; freed by the caller. NULL: there are none. */
char *calibrations_text(const struct month_report *report, const char *service,
                        enum text_language language);

/* An array of the same, for JSON. */
struct json_t;
struct json_t *calibrations_json(const struct month_report *report, const char *service);

#endif
