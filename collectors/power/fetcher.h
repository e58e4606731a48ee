/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_FETCHER_H
#define IAGMETER_FETCHER_H

#include "collectors/power/power.h"

#include <stdatomic.h>

/* For sources that have to ask over a network, or a slow bus: a thread that asks every so often,
 * and hands over what came last. Whoever reads never waits. After a failure it asks ever more
 * rarely, and says so in one line an hour at most. */

struct fetched {
    enum power_status status;
    uint64_t value; /* with POWER_OK */
};

struct fetcher_task {
    const char *name; /* in the log: "redfish bmc1"; lasts as long as the fetcher */
    unsigned every_ms;
    size_t channel_count; /* at most POWER_MAX_CHANNELS */
    /* Called in the thread; may block, but gives up within a few seconds of time-out, and as soon
     * as it can once STOP is set. Fills RESULTS, one a channel; where none is POWER_OK, says in
     * WHY. */
    void (*fetch)(void *context, const atomic_bool *stop, struct fetched *results, char *why,
                  size_t why_size);
    void *context; /* the thread's until fetcher_stop() returns */
    int64_t (*now_ns)(void *clock);
    void *clock;
};

struct fetcher;

/* Copies TASK. NULL when there is no memory or thread. */
struct fetcher *fetcher_start(const struct fetcher_task *task);

/* What the last fetch brought for CHANNEL, a success or a failure, once; POWER_NOT_YET until the
 * next. POWER_ANEW waits until it was read: what is fetched meanwhile is not kept. */
enum power_status fetcher_read(struct fetcher *fetcher, size_t channel,
                               struct power_reading *reading);

/* Waits for the fetch under way, if there is one. FETCHER may be NULL. */
void fetcher_stop(struct fetcher *fetcher);

/* -- What sources whose readings are fetched have in common --------------------------------------
 */

/* Their state begins with this. */
struct fetched_source {
    struct fetcher *fetcher;
};

struct fetched_kind {
    size_t state_size;
    /* STATE is zero. Fills TASK's name, every_ms and channel_count; false with ERROR. */
    bool (*prepare)(void *state, const struct power_setup *setup, struct fetcher_task *task,
                    char *error, size_t error_size);
    void (*fetch)(void *context, const atomic_bool *stop, struct fetched *results, char *why,
                  size_t why_size);
    void (*close)(void *state); /* also of one that was not prepared whole */
};

/* As `open` and `read` of struct power_source. */
void *fetcher_open_source(const struct fetched_kind *kind, const struct power_setup *setup,
                          char *error, size_t error_size);
enum power_status fetcher_read_source(void *state, size_t channel, struct power_reading *reading);

#endif
