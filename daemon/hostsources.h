/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HOSTSOURCES_H
#define IAGMETER_HOSTSOURCES_H

#include "daemon/config.h"
#include "daemon/counters.h"

#include <stdbool.h>

/* What there is to read on a host of our own: its power meters, and what its inference servers
 * count. The sources of counters.h, as the configuration says. */

struct hostsources;

/* What CONFIG makes the process read beside the system's own files: OUT is ended by NULL. Whether
 * it needs the network. */
#define HOSTSOURCES_READABLE 64
void hostsources_readable(const struct config *config, const char *out[HOSTSOURCES_READABLE]);
bool hostsources_network(const struct config *config);

/* CONFIG must outlive it. NULL when memory is exhausted. */
struct hostsources *hostsources_open(const struct config *config);
void hostsources_close(struct hostsources *sources);

/* CLOCK_MONOTONIC, moved by less than a second so that its seconds begin with those of the wall
 * clock: a minute is then sixty whole seconds of the meters, and what they say is not counted to
 * the one before or after. After the wall clock was set, as good as the nearest second. */
int64_t hostsources_now_ns(const struct hostsources *sources);

struct counters_sources hostsources_counters(struct hostsources *sources);

/* What is not told yet of what each power source and server is, and whether it can be read: one at
 * a time; false: nothing more. Once it is, say so before asking for the next, or it comes again
 * when all others have. */
bool hostsources_next_state(struct hostsources *sources, struct power_source_state *state);
void hostsources_told(struct hostsources *sources, const struct power_source_state *state);

/* The numbers under which the start-up process knows services and directions may be others than
 * those of CONFIG. Until they are known, what servers count waits. */
void hostsources_set_rules(struct hostsources *sources, const struct catalogue *catalogue,
                           const struct directions *directions);

#endif
