/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_POWERLIST_H
#define IAGMETER_POWERLIST_H

#include "daemon/hostconfig.h"
#include "daemon/powerconfig.h"

#include <stdbool.h>
#include <stdio.h>

/* `iagmeter power`: the meters of this machine, what each says now, what comes of them for the
 * devices, and what reading them costs. */

/* Reads for SECONDS. HOST (may be NULL) is what is configured: what does not fit is told. Returns
 * false when there is no memory. */
bool powerlist_run(const struct power_config *power, const struct host_config *host,
                   unsigned seconds, FILE *stream);

/* Which device of HOST is not in DEVICES, and the other way round: one line each. */
void powerlist_compare(const struct host_config *host, const struct power_device *devices,
                       size_t count, FILE *stream);

#endif
