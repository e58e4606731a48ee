/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_LATENESS_H
#define IAGMETER_LATENESS_H

#include <stdbool.h>
#include <stdint.h>

/* How late a meter of the whole machine tells, by what it says and what the GPUs drew, which is in
 * it, and is known to the second: the delay at which the two go together best (the largest
 * correlation). Of a meter that averages, that is half of the time it averages over, and its delay.
 * Pure. */

#define LATENESS_EARLIEST_S (-120) /* it is dated back too far */
#define LATENESS_LATEST_S   240
#define LATENESS_DELAYS     (LATENESS_LATEST_S - LATENESS_EARLIEST_S + 1)

struct lateness_sums {
    double gpus;
    double gpus_squared;
    double product;
};

/* Zeroed at first: nothing was seen yet. */
struct lateness {
    int64_t next_s;
    unsigned run_s; /* seconds one after the other, up to next_s */
    double first_whole_j, first_gpus_j;
    double whole_j[LATENESS_DELAYS]; /* less those, by seconds */
    double gpus_j[LATENESS_DELAYS];
    /* Of the GPUs: the least and most that was seen, and how often it went up or down by a third of
     * SPAN_J, which is that difference, or nearly. */
    double least_j, most_j, span_j;
    double turn_j;
    bool rises;
    unsigned swings;
    double seconds; /* that are in the sums; older ones are forgotten little by little */
    double whole;
    double whole_squared;
    struct lateness_sums delays[LATENESS_DELAYS];
};

/* Seconds come one after the other; where some are left out, nothing is compared across them. */
void lateness_add(struct lateness *lateness, int64_t second_s, double whole_j, double gpus_j);

/* Whole seconds by which the meter is late; below 0: it is dated back too far. False when there is
 * nothing to be sure of: too short, a load that is too even or changed too seldom, or several
 * delays would do. */
bool lateness_find(const struct lateness *lateness, int *late_s);

#endif
