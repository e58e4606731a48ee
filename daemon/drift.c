/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/drift.h"

/* By which factor the record of an exchange may differ, and its rate, which also follows the
 * load of the service. */
#define SIZE_TOLERANCE 1.5
#define RATE_TOLERANCE 4.0
#define NS_PER_S       1e9

static bool is_off(double value, double expected, double tolerance)
{
    return expected > 0 && (value > expected * tolerance || value * tolerance < expected);
}

double drift_record_bytes(const struct exchange_shape *shape)
{
    if (shape->modal_lead > 0)
        return shape->modal_bytes;
    return shape->answer_records > 0 ? (double)shape->answer_bytes / shape->answer_records : 0;
}

bool drift_is_streamed(const struct estimator *estimator, const struct exchange_shape *shape)
{
    return (estimator->method != METHOD_M1 && estimator->method != METHOD_M2) ||
           shape->answer_records > estimator->whole_records_max;
}

static bool has_changed(const struct calibrated_way *way, const struct exchange_shape *shape)
{
    double seconds = (double)shape->answer_ns / NS_PER_S;

    return is_off(drift_record_bytes(shape), way->record_bytes, SIZE_TOLERANCE) ||
           (seconds > 0 &&
            is_off(shape->answer_records / seconds, way->records_per_s, RATE_TOLERANCE));
}

static bool is_complete(struct drift_window *window, bool drifted)
{
    *window = (struct drift_window){0, 0, 0, drifted};
    return true;
}

bool drift_add(struct drift_window *window, const struct service_calibrated *calibrated, size_t way,
               const struct exchange_shape *shape)
{
    size_t own;

    if (shape->answer_records == 0 || shape->requests > 1 ||
        !drift_is_streamed(&calibrated->estimator, shape))
        return false;
    own = estimator_way_of(&calibrated->estimator, shape);
    if (own != way && own == ESTIMATOR_NO_WAY && !estimator_tells_way(shape))
        return false;
    if (own != way)
        return ++window->others == DRIFT_UNSEEN && is_complete(window, true);
    window->others = 0;
    window->exchanges++;
    window->off += has_changed(&calibrated->ways[way], shape);
    return window->exchanges == DRIFT_WINDOW &&
           is_complete(window, 2 * window->off > window->exchanges);
}
