/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CALIBRATIONS_H
#define IAGMETER_CALIBRATIONS_H

#include "daemon/ledger.h"
#include "reports/month.h"

/* The calibrations that were in force in the month, of the services that the report shows: one
 * text, such as "openai-api (tcp): calibration of 2026-11-27, n = 12", which the caller frees.
 * NULL: there were none, or the ledger cannot be read. */
char *calibrations_cite(struct ledger *ledger, const struct month_report *report);

#endif
