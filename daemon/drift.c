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

bool drift_add(struct drift_window *window, const struct service_calibrated *calibrated,
               const struct exchange_shape *shape)
{
    double seconds = (double)shape->answer_ns / NS_PER_S;
    double records = shape->answer_records;

    if (records <= 0 || shape->requests > 1 || !drift_is_streamed(&calibrated->estimator, shape))
        return false;
    window->exchanges++;
    if (is_off(drift_record_bytes(shape), calibrated->record_bytes, SIZE_TOLERANCE) ||
        (seconds > 0 && is_off(records / seconds, calibrated->records_per_s, RATE_TOLERANCE)))
        window->off++;
    if (window->exchanges < DRIFT_WINDOW)
        return false;
    window->drifted = 2 * window->off > window->exchanges;
    window->exchanges = window->off = 0;
    return true;
}
