/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DRIFT_H
#define IAGMETER_DRIFT_H

#include "daemon/catalogue.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether the answers of a service that are streamed as those of a calibration still have the shape
 * that it saw: counters alone, of a window of exchanges. Pure. */

#define DRIFT_WINDOW 50  /* exchanges */
#define DRIFT_UNSEEN 200 /* exchanges in other ways, with none in this one */

struct drift_window {
    uint32_t exchanges;
    uint32_t off;
    uint32_t others; /* in other ways, since the last that was in this one */
    bool drifted;    /* what the last complete window said */
};

/* The size that an answer's records have: the modal one, of more than half of them; the mean where
 * there is none, or the method does not look for it. */
double drift_record_bytes(const struct exchange_shape *shape);

/* Answers that are sent whole say nothing of how the others are streamed. */
bool drift_is_streamed(const struct estimator *estimator, const struct exchange_shape *shape);

/* Counts an exchange that was streamed, for the window of WAY, which was calibrated. Returns true
 * when it is complete: `drifted` then says whether most of its exchanges were off. A way that no
 * answer has for DRIFT_UNSEEN of them is off too: its records may have changed so that they
 * are taken for those of another. Answers too short to tell their way say nothing of one. */
bool drift_add(struct drift_window *window, const struct service_calibrated *calibrated, size_t way,
               const struct exchange_shape *shape);

#endif
