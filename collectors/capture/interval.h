/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_INTERVAL_H
#define IAGMETER_INTERVAL_H

#include "collectors/capture/metering.h"

#include <stdbool.h>
#include <stdint.h>

/* The running interval: its sums, its coverage, and the moment it closes. Wall time decides to
 * which interval something belongs; "flow time" never goes back, and is what time-outs are measured
 * in. */

struct interval;
struct device_set;

/* CELLS: pairs of direction and service before sums are handed over early. */
struct interval *interval_new(const struct metering_sink *sink, size_t cells, unsigned max_devices);
void interval_free(struct interval *interval);

/* The observation begins at WALL_NS. */
void interval_begin(struct interval *interval, int64_t wall_ns);
bool interval_begun(const struct interval *interval);

int64_t interval_now_ns(const struct interval *interval); /* wall */
int64_t interval_end_ns(const struct interval *interval); /* wall; exclusive */
int64_t interval_flow_ns(const struct interval *interval, int64_t wall_ns);

/* The usual case of time: WALL_NS is no earlier than the last, within the interval, and its flow
 * time not past DUE_NS. Time reaches it, and the result is true; else nothing happens. */
bool interval_glide(struct interval *interval, int64_t wall_ns, int64_t due_ns);

/* Time reaches WALL_NS <= interval_end_ns(). */
void interval_reach(struct interval *interval, int64_t wall_ns);
/* Hands the interval over and begins the next one. The time must have reached its end. */
void interval_turn(struct interval *interval);
/* Hands the interval over and begins the one of WALL_NS; the time between was not observed.
 * Backwards, flow time goes on from where it was; forwards, it leaps by three hours at most. */
void interval_jump(struct interval *interval, int64_t wall_ns);
/* Hands the interval over as it is; nothing follows. */
void interval_finish(struct interval *interval);

/* For sink.closed() of the interval. */
void interval_set_open(struct interval *interval, uint32_t open_s);

/* The sums to add to. Neither is ever NULL. */
struct activity *interval_cell(struct interval *interval, uint16_t direction, uint16_t service);
struct coverage *interval_coverage(struct interval *interval);
/* The day, as devices count it. */
int32_t interval_day(const struct interval *interval);
struct device_set *interval_devices(struct interval *interval);

#endif
