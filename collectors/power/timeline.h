/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TIMELINE_H
#define IAGMETER_TIMELINE_H

#include "collectors/power/counter.h"

/* What one channel says was drawn in each of the last seconds, so that channels which are read at
 * different times, some long afterwards, can be set against each other. Within a piece power is
 * taken to be even. */

#define TIMELINE_S         1024
#define TIMELINE_SECOND_NS 1000000000U

struct timeline_second {
    double energy_j;
    uint32_t covered_ns; /* TIMELINE_SECOND_NS: all of it */
    uint8_t flags;       /* enum energy_flag */
};

/* Zeroed at first. Seconds are those of CLOCK_MONOTONIC. */
struct timeline {
    int64_t first_s; /* earlier ones are over: what comes for them is dropped */
    struct timeline_second seconds[TIMELINE_S];
};

/* Where the piece reaches further than TIMELINE_S, the oldest seconds are over. */
void timeline_add(struct timeline *timeline, const struct counter_piece *piece);
/* Nothing where the second is over, or not there yet. */
struct timeline_second timeline_at(const struct timeline *timeline, int64_t second);
/* What is before UNTIL_S is over. */
void timeline_forget(struct timeline *timeline, int64_t until_s);

#endif
