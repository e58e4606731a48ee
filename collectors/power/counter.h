/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_COUNTER_H
#define IAGMETER_COUNTER_H

#include "collectors/power/power.h"

/* From the readings of one channel to joules. Pure. A counter of energy is believed as far as it
 * goes: it wraps where its range is known, begins anew where it is not, and what nobody can know is
 * flagged, never guessed. Samples of power are joined by straight lines, but not over a gap. */

/* Zeroed at first. */
struct counter {
    bool started;
    uint64_t value;
    int64_t at_ns;
};

/* What was drawn between two readings. */
struct counter_piece {
    int64_t from_ns; /* CLOCK_MONOTONIC */
    int64_t until_ns;
    uint64_t covered_ns; /* until_ns - from_ns; 0 with ENERGY_LOWER_BOUND: since when the counter
                            counts is unknown */
    double energy_j;
    uint8_t flags; /* enum energy_flag */
};

/* Takes the next reading. Returns whether there is a piece: not for the first, nor for one that is
 * not after the last, nor where samples of power are more than BRIDGE_NS apart. What no machine
 * draws is left out. */
bool counter_add(struct counter *counter, const struct power_channel *channel,
                 const struct power_reading *reading, int64_t bridge_ns,
                 struct counter_piece *piece);

#endif
