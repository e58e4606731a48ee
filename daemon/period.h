/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_PERIOD_H
#define IAGMETER_PERIOD_H

#include "daemon/calendar.h"
#include "daemon/ledger.h"
#include "reports/month.h"
#include "reports/progress.h"
#include "reports/year.h"

/* The reports of the period that a command line names. Each leaves, on failure, one sentence in
 * ERROR, and the exit status in *STATUS: the name is wrong, or the ledger cannot be read. */

#define PERIOD_ERROR_SIZE 512

/* "2026-10", "current" or "previous", as of NOW_S. */
bool period_find_month(const char *text, int64_t now_s, struct calendar_month *month);

/* Freed with month_free(). */
struct month_report *period_build_month(const char *text, const struct config *config,
                                        struct ledger *ledger, int64_t now_s, int *status,
                                        char error[PERIOD_ERROR_SIZE]);

/* Freed with year_free(). */
struct year_report *period_build_year(const char *text, const struct config *config,
                                      struct ledger *ledger, int64_t now_s, int *status,
                                      char error[PERIOD_ERROR_SIZE]);

/* *PROGRESS of the objectives of the year of MONTH: NULL where there are none. Freed with
 * progress_free(). */
bool period_find_progress(struct ledger *ledger, const struct config *config,
                          struct calendar_month month, int64_t now_s, struct progress **progress,
                          char error[PERIOD_ERROR_SIZE]);

#endif
