/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_RECONCILE_H
#define IAGMETER_RECONCILE_H

#include "collectors/power/timeline.h"

/* What the host drew in one second, of all that meters say about it. Pure. See powerset.h for the
 * rules: overlapping meters are never added. */

/* One thing that is measured, by one meter or by several. */
struct reconcile_point {
    uint8_t part;  /* enum power_part, not POWER_PART_OTHER */
    unsigned rank; /* of a meter of the whole machine: the lowest is to be believed first */
    bool expected; /* it has a meter, so when that is silent, something is missing */
    struct timeline_second second;
};

struct reconcile_rules {
    bool has_rest;
    double rest_w;
    unsigned ranks; /* every rank is below */
};

/* Meters that have the GPUs in them: those of the whole machine, by rank, and the modules. Each is
 * held to account by itself, since each is late by its own time. */
#define RECONCILE_WHOLES  96
#define RECONCILE_MODULES (RECONCILE_WHOLES - 1)
#define RECONCILE_NONE    RECONCILE_WHOLES

/* Of the host, added to second by second. */
struct reconcile_sum {
    double whole_j[RECONCILE_WHOLES]; /* less the GPUs: may come to be below 0 */
    bool is_used[RECONCILE_WHOLES];
    double parts_j;
    uint64_t covered_ns;
    uint8_t flags; /* enum energy_flag */
};

/* What a second rests on. */
struct reconcile_basis {
    unsigned whole; /* RECONCILE_NONE: parts, or nothing */
    double whole_j; /* what that meter said, the GPUs in it */
    double gpus_j;
};

/* Ranks from RECONCILE_MODULES on are not looked at. */
struct reconcile_basis reconcile_second(const struct reconcile_point *points, size_t count,
                                        const struct reconcile_rules *rules,
                                        struct reconcile_sum *sum);

/* A meter of the whole that averages, or tells late, says less than the GPUs drew while their load
 * rises, and more when it falls. No energy is below 0, so what is lacking is owed: later intervals
 * of the same meter pay for it, and the sum is that of the meter.
 *
 * No more is owed than lateness can explain. A meter that has told of everything up to LAG_S ago
 * can lack only what the GPUs drew since then. What is owed beyond that will never be paid, as the
 * meter is of something else, or was away when it told. */
#define RECONCILE_MOST_LAG_S 900

/* From one interval to the next. Zeroed at first. */
struct reconcile_carry {
    double owed_j[RECONCILE_WHOLES];
    struct reconcile_basis recent[RECONCILE_MOST_LAG_S]; /* by seconds */
    int64_t next_s;                                      /* after the last of them */
};

/* Seconds come one after the other; what is left out between two is not known. */
void reconcile_remember(struct reconcile_carry *carry, int64_t second_s,
                        const struct reconcile_basis *basis);

struct reconcile_host {
    double energy_j; /* never below 0 */
    /* Of it, what is above the meters' own (below 0: how much less than these). It adds up: over
     * any time, what is still owed at its end less at its beginning, and what was given up. */
    double carried_j;
    double given_up_j; /* of that, what is owed no more: it stays counted above the meter */
    uint64_t covered_ns;
    uint8_t flags; /* ENERGY_CARRIED, ENERGY_EXCEEDED (something was given up) and others */
    /* The meter to blame: it was there for nearly all of LAG_S; or RECONCILE_NONE. */
    unsigned too_small;
    bool is_even[RECONCILE_WHOLES]; /* it was used, and owes nothing */
};

/* At the end of an interval. LAG_S: at most RECONCILE_MOST_LAG_S. Not second by second: what meters
 * of different periods say of one is often below 0, and mostly made good in the same interval. */
struct reconcile_host reconcile_settle(struct reconcile_carry *carry,
                                       const struct reconcile_sum *sum, unsigned lag_s);

#endif
