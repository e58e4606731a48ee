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

/* Of the host, added to second by second. */
struct reconcile_sum {
    double whole_j; /* of meters of the whole, less the GPUs: may come to be below 0 */
    double parts_j;
    uint64_t covered_ns;
    uint8_t flags; /* enum energy_flag */
};

void reconcile_second(const struct reconcile_point *points, size_t count,
                      const struct reconcile_rules *rules, struct reconcile_sum *sum);

/* At the end: adds ENERGY_EXCEEDED where the GPUs drew more than the whole. Meters that average
 * over different times do so in single seconds, hence not before. */
double reconcile_energy_j(struct reconcile_sum *sum);

#endif
