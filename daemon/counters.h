/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_COUNTERS_H
#define IAGMETER_COUNTERS_H

#include "daemon/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the counters process says to the meter: at the end of each interval the energy of the host's
 * devices, and what inference servers counted. Knows of sources only what it is handed, and of time
 * only what it is told. */

struct counters_sources {
    void *context;
    /* Reads what is due. */
    void (*sample)(void *context);
    /* Whether all that was drawn until UNTIL_NS (as MONOTONIC_NS below) is known: some meters tell
     * afterwards. Becomes true sooner or later. */
    bool (*complete)(void *context, int64_t until_ns);
    /* The devices that have a number, which stays theirs; more may come. */
    size_t (*devices)(void *context, struct power_device out[MAX_POWER_DEVICES]);
    /* What they drew from the last UNTIL_NS to this one, by their numbers. */
    size_t (*take_energy)(void *context, int64_t until_ns,
                          struct device_energy out[MAX_POWER_DEVICES]);
    /* What servers counted since this was called last, up to SIZE entries; to be called again when
     * it fills all of them. */
    size_t (*take_use)(void *context, struct server_use *out, size_t size);
};

struct counters;

/* SOURCES is copied. NULL when memory is exhausted. */
struct counters *counters_new(const struct counters_sources *sources);
void counters_free(struct counters *counters);

/* Samples; ends the running interval when WALL_NS is not in it any more, and says what is known of
 * those that ended. What comes after a clock was set is of the interval that it now shows: sums of
 * one interval add up. */
void counters_tick(struct counters *counters, int64_t wall_ns, int64_t monotonic_ns);

/* The same; then ends the running interval before its time, and says what is known: nothing more is
 * measured. */
void counters_finish(struct counters *counters, int64_t wall_ns, int64_t monotonic_ns);

/* When counters_tick() is to be called, on the wall clock, to end the interval in time. */
int64_t counters_deadline_ns(const struct counters *counters);

/* The next message that the meter has not got; NULL: none. It stays the next one until
 * counters_sent(). */
const struct message *counters_next(const struct counters *counters);
void counters_sent(struct counters *counters);

#endif
