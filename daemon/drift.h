/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DRIFT_H
#define IAGMETER_DRIFT_H

#include "daemon/catalogue.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether the answers of a service still have the shape that its calibration saw: counters alone,
 * of a window of exchanges. Pure. */

#define DRIFT_WINDOW 50 /* exchanges */

struct drift_window {
    uint32_t exchanges;
    uint32_t off;
    bool drifted; /* what the last complete window said */
};

/* The size that an answer's records have: the modal one, of more than half of them; the mean where
 * there is none, or the method does not look for it. */
double drift_record_bytes(const struct exchange_shape *shape);

/* Answers that are sent whole say nothing of how the others are streamed. */
bool drift_is_streamed(const struct estimator *estimator, const struct exchange_shape *shape);

/* Counts an exchange that was streamed. Returns true when a window is complete: `drifted` then says
 * whether most of its exchanges were off. */
bool drift_add(struct drift_window *window, const struct service_calibrated *calibrated,
               const struct exchange_shape *shape);

#endif
