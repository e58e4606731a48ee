/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_METER_H
#define IAGMETER_METER_H

#include "daemon/config.h"
#include "daemon/ledger.h"
#include "daemon/message.h"
#include "daemon/roundrobin.h"

#include <stdbool.h>
#include <stdint.h>

/* The meter: sums of activity in, impact and sums into the ledger, rows into the RRDs. It holds
 * what was not committed yet, and tries again when storage fails. Knows nothing of packets or
 * sockets. */

struct meter;

/* The worker that is the counters process; those below are capture processes. */
#define METER_COUNTERS MAX_CAPTURES

/* The fact of the ledger that tells which interfaces are captured; of when a daemon last ran. */
#define METER_INTERFACES_FACT "interfaces"
/* In it, behind what is said of an interface, before the number of times. */
#define METER_INTERFACES_ENDED " (ended "

/* The ledger and RRDs stay the caller's. NULL when memory is exhausted. */
struct meter *meter_new(const struct config *config, struct ledger *ledger,
                        struct roundrobin *roundrobin);
void meter_free(struct meter *meter);

/* How many capture processes share the coverage of an interval; 1 until said. An interface that is
 * away then leaves a hole of its share. */
void meter_set_captures(struct meter *meter, unsigned count);

/* What it takes comes of a capture that is replayed; live until said. */
void meter_set_replay(struct meter *meter);

/* New factors and names; what is waiting keeps the impact of the old ones. */
void meter_set_config(struct meter *meter, const struct config *config);

/* Takes MESSAGE_SERVICE, MESSAGE_DIRECTION and MESSAGE_INTERFACES; MESSAGE_ACTIVITY,
 * MESSAGE_DEVICES, MESSAGE_LOCAL_USE and MESSAGE_CLOSED of capture process WORKER (any small
 * number; ignored for those before); MESSAGE_DEVICE, MESSAGE_ENERGY, MESSAGE_SERVER_USE,
 * MESSAGE_SOURCE and MESSAGE_METERED of METER_COUNTERS. Returns false when it makes no sense here:
 * a number that has no name. */
bool meter_take(struct meter *meter, unsigned worker, const struct message *message);

/* WORKER began: no interval is shared, nor goes to the RRDs, before it closed it too. */
void meter_worker_here(struct meter *meter, unsigned worker);

/* WORKER ended: what it had sent of an interval that it did not close is forgotten. */
void meter_worker_gone(struct meter *meter, unsigned worker);

/* Whether there is something to commit, and whether there is so much that no more should be taken.
 */
bool meter_is_waiting(const struct meter *meter);
bool meter_is_full(const struct meter *meter);
/* Whether complete intervals are not in the ledger yet. */
bool meter_has_unwritten(const struct meter *meter);

/* Writes what is complete, and shares the energy of intervals to which nothing more can come. NOW_S
 * (wall) decides which intervals are over and go to the RRDs; MONOTONIC_S when to try again after a
 * failure, with growing delay. Returns LEDGER_OK also when it is too early to try again;
 * LEDGER_FATAL when the ledger cannot be used any more. */
enum ledger_status meter_commit(struct meter *meter, int64_t now_s, int64_t monotonic_s);

/* Makes the next meter_commit() try at once, whatever failed before it: for the last attempts. */
void meter_hurry(struct meter *meter);

/* The end of the last interval that is over at NOW_S, as far as the ledger goes, and with a host as
 * far as its energy was shared: up to where RRDs are brought up to date. */
int64_t meter_shown_until(struct ledger *ledger, const struct config *config, int64_t now_s);

#endif
