/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SPREAD_H
#define IAGMETER_SPREAD_H

#include "collectors/collector.h"

#include <stddef.h>
#include <stdint.h>

/* Spreads what an exchange took evenly over the time that it took, and adds it up per interval of
 * time, direction and service: in a table of fixed size, in order of first use, so that the same
 * exchanges always give the same sums in the same order. */

struct spread;

/* Called for each cell when it is handed over. */
typedef void spread_handler(void *context, int64_t interval_start_s, const struct local_use *use);

/* CELLS before sums are handed over early. NULL when out of memory. */
struct spread *spread_new(size_t cells, spread_handler *handler, void *context);
void spread_free(struct spread *spread);

/* Adds WHOLE, in pieces that add up to it. What took longer than a day is spread over its last one;
 * without a duration (END_NS <= START_NS: the clock was set back), it is all of the interval in
 * which it ended. */
void spread_add(struct spread *spread, int64_t start_ns, int64_t end_ns,
                const struct local_use *whole);

/* Hands everything over, and begins anew. */
void spread_hand_over(struct spread *spread);

#endif
