/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DEVICESUMS_H
#define IAGMETER_DEVICESUMS_H

#include "collectors/collector.h"

/* Adds up the device counts of capture processes that share a file by client: a device is then
 * known to one of them alone. (Processes that share an interface may know the same device, and of
 * their counts the largest is used.) */

struct devicesums;

/* NULL when memory is exhausted. */
struct devicesums *devicesums_new(void);
void devicesums_free(struct devicesums *sums);

/* WORKER, below MAX_WORKERS, now knows so many devices. Returns what all workers together know of
 * the same direction, service and day; when there are too many of these, its own count. */
uint32_t devicesums_take(struct devicesums *sums, unsigned worker,
                         const struct device_count *count);

/* No worker will tell of days before DAY again. */
void devicesums_forget(struct devicesums *sums, int32_t day);

#endif
