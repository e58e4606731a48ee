/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SETTLEMENT_H
#define IAGMETER_SETTLEMENT_H

#include "daemon/config.h"
#include "daemon/ledger.h"

#include <stdint.h>

/* Shares what was measured at a host of our own among those who used it, interval by interval, once
 * all that belongs to an interval is in the ledger. All state is in the ledger: the facts, and up
 * to where they were shared, which is written with the results in one transaction. */

#define SETTLEMENT_FACT "shared_until" /* Unix seconds: the end of the last interval shared */

/* How long an interval that is over waits for exchanges that still run, and for the counters. */
#define SETTLEMENT_WAIT_S 900

/* Where sharing goes on. LEDGER_EMPTY when nothing was shared yet. */
enum ledger_status settlement_shared_until(struct ledger *ledger, int64_t *shared_until);

/* Shares all intervals before UNTIL, a multiple of the interval's length, that were not: as CONFIG
 * says, whose host is not NULL. To the activity of each direction and local service it adds the
 * energy above idle, to that of "unassigned" and the host's common service the rest and the time,
 * with their impact; each use in the ledger gets its weight. An interval without measurements gets
 * weights only. In transactions of some intervals each: when one fails, those before it hold; call
 * again later. */
enum ledger_status settlement_run(struct ledger *ledger, const struct config *config,
                                  int64_t until);

#endif
