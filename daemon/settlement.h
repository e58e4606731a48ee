/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SETTLEMENT_H
#define IAGMETER_SETTLEMENT_H

#include "daemon/hostconfig.h"
#include "daemon/ledger.h"
#include "daemon/localimpact.h"

#include <stdint.h>

/* Shares what was measured at the host among those who used it, interval by interval, once all that
 * belongs to an interval is in the ledger. All state is in the ledger: the facts, and up to where
 * they were shared, the fact "shared_until", which is written with the results in one transaction.
 */

#define SETTLEMENT_FACT "shared_until" /* Unix seconds: the end of the last interval shared */

/* Of an interval that is over, how long it waits for exchanges that still run. */
#define SETTLEMENT_WAIT_S 900

/* Where sharing goes on: LEDGER_EMPTY when nothing was shared yet. */
enum ledger_status settlement_shared_until(struct ledger *ledger, int64_t *shared_until);

/* Shares all intervals before UNTIL that have something to share, in transactions of some of them.
 * FACTOR_SET: the ledger's number of the factors and the configuration in use. On any failure
 * nothing of the transaction is recorded; call it again later. */
enum ledger_status settlement_run(struct ledger *ledger, const struct local_factors *factors,
                                  const struct catalogue *catalogue, int64_t factor_set,
                                  int64_t until);

#endif
