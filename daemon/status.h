/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_STATUS_H
#define IAGMETER_STATUS_H

#include "daemon/config.h"
#include "daemon/ledger.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* `iagmeter status`: what the daemon has been doing, and the objectives of the year, from the
 * ledger alone. */

enum status_format {
    STATUS_TEXT, /* for people: with percentages, and what to do about what is alarming */
    STATUS_JSON  /* for programs: the counters as the ledger has them, and the same advice */
};

/* Writes the status at NOW_S to STREAM, and the sums of the last 24 hours: until now, or, when
 * nothing was recorded lately, until the end of the last recorded interval, which is then said.
 * RUNNING: a daemon holds the ledger now. Returns false, with the reason in ledger_error(), when
 * the ledger cannot be read. */
bool status_print(struct ledger *ledger, const struct config *config, bool running, int64_t now_s,
                  enum status_format format, FILE *stream);

#endif
