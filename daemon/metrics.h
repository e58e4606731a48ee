/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_METRICS_H
#define IAGMETER_METRICS_H

#include "daemon/config.h"
#include "daemon/ledger.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* `iagmeter metrics`: for Prometheus, in its text exposition format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 *
 * Monitoring is read by more people than the ledger, and keeps a value every minute or so, whose
 * differences would be the use of single minutes. So what runs is told up to now: whether the
 * daemon does, and what the capture saw and missed. What was used is told of whole months alone,
 * as the reports print it: in total, and of objectives (reports/progress.h). */

/* The two parts. Both write to STREAM, and return false, with the reason in ledger_error(), when
 * the ledger cannot be read. */

/* The daemon, the capture, and what a host of our own draws, by whole hours. RUNNING: a daemon
 * holds the ledger now. Reads the coverage of the running month: quick, for every minute. */
bool metrics_write_capture(struct ledger *ledger, const struct config *config, bool running,
                           int64_t now_s, FILE *stream);

/* Use and objectives. Reads the year, seconds for each million of rows, and changes once a month:
 * for once a day. */
bool metrics_write_use(struct ledger *ledger, const struct config *config, int64_t now_s,
                       FILE *stream);

#endif
