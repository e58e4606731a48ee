/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_POWERSET_H
#define IAGMETER_POWERSET_H

#include "collectors/power/power.h"
#include "daemon/powerconfig.h"

#include <stdio.h>

/* All power sources of this machine together: finds them, again and again where one is missing or
 * went away, reads what is due, and makes of it what each device drew. The devices are the GPUs
 * ("gpu0"), all that is not in them ("host"), and, for comparison, every channel of every source
 * ("rapl/package-0").
 *
 * Second by second, the host is what the first of these covers the whole second:
 *   1. a meter of the whole machine, in the configured order, less its GPUs;
 *   2. the meters of the modules (Grace Hopper), less the GPUs, plus rest_w;
 *   3. processors and memory, plus rest_w. Where there is a meter of the whole, or of the module,
 *      that has nothing to say just then, only with rest_w, or only with GPUs that have a meter.
 * Otherwise the host is not covered in that second: nothing is made up. A meter that is there and
 * cannot be read (no permission) is missed, unless it is configured to be off. */
struct powerset;

/* CONFIG is used until the set is closed; of SETUP, options is not used. Looks for the sources at
 * once. NULL when there is no memory. */
struct powerset *powerset_open(const struct power_config *config, const struct power_setup *setup);
void powerset_close(struct powerset *set);

/* Reads what is due. Call at least every interval_ms. */
void powerset_sample(struct powerset *set);

/* The devices so far: the index is the device_id. They are never renumbered, and become more when a
 * source comes up. Returns how many. */
size_t powerset_devices(const struct powerset *set, struct power_device out[MAX_POWER_DEVICES]);

/* Whether all that was drawn until UNTIL_NS (of the clock that it was opened with, not in the
 * future) is known: slow meters tell afterwards. A meter that has been silent for
 * POWERSET_PATIENCE_NS, or for twice as long as it is asked if that is longer, is not waited for,
 * so it becomes true sooner or later, if the set is sampled. */
#define POWERSET_PATIENCE_NS (120 * INT64_C(1000000000))
bool powerset_complete(const struct powerset *set, int64_t until_ns);

/* What each device drew from the last UNTIL_NS (or the opening) to this one, each taken to the
 * nearest whole second. What comes to be known later of that time is lost, and was never covered:
 * ask powerset_complete() first. Meters that are behind all the same are read once more. Devices
 * that nothing is known of are left out; returns how many are in. To be called at least every
 * POWERSET_HISTORY_S, older seconds are lost. */
#define POWERSET_HISTORY_S 1024
size_t powerset_take(struct powerset *set, int64_t until_ns,
                     struct device_energy out[MAX_POWER_DEVICES]);

/* A source, or a channel of it, for `iagmeter status`. */
struct powerset_state {
    char name[POWER_NAME_SIZE]; /* "rapl", "rapl/package-0" */
    const char *covers;         /* what its readings are */
    bool is_channel;
    bool counted;      /* it is, or may be, part of what the devices draw: not only shown */
    uint8_t part;      /* of a channel: enum power_part */
    uint8_t status;    /* enum power_status */
    double power_w;    /* the last known mean; below 0: none yet */
    char problem[200]; /* one sentence; "": none */
};

/* Sources that this machine has nothing of are left out, unless they are configured. Each is
 * followed by its channels. Returns how many are in OUT. */
#define POWERSET_MAX_STATES 256
size_t powerset_states(const struct powerset *set, struct powerset_state out[POWERSET_MAX_STATES]);

/* The same as lines of text, and in the last one what the host rests on now. */
void powerset_describe(const struct powerset *set, FILE *out);

#endif
