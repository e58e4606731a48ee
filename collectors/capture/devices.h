/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DEVICES_H
#define IAGMETER_DEVICES_H

#include "collectors/collector.h"
#include "daemon/directions.h"

#include <stdbool.h>

/* Counts the distinct devices that used a service from a direction on one day, so that reports can
 * fold small cells. A device is a hash of its address under a key that is drawn anew every day and
 * never leaves the process: two days cannot be linked, and nothing can be read back.
 *
 * What is counted is how many there surely are. A device may have an address of IPv4 and some of
 * IPv6, so the two are not added up: the larger number stands, of IPv6 half of it, since temporary
 * addresses are replaced within a day (RFC 8981). A direction that was renamed, or lost a network
 * to another one, is another direction: each counts the device, and nobody may add these up
 * (reports/suppress.h). */

struct device_set;

/* MAXIMUM distinct (device, direction, service) a day; further ones are not counted, which can only
 * hide more. NULL when memory or randomness is missing. */
struct device_set *devices_new(unsigned maximum);
void devices_free(struct device_set *set);

/* DAY: days since 1970-01-01 UTC. Another day than the last forgets everything. */
void devices_see(struct device_set *set, int32_t day, const struct address *address,
                 uint16_t direction, uint16_t service);

/* The two halves of it, for when it is decided later whether there was use: what the device is
 * known by on that day, and counting it, unless the day is over. The second returns whether it was
 * not there yet. */
uint64_t devices_identify(struct device_set *set, int32_t day, const struct address *address,
                          uint16_t direction, uint16_t service);
bool devices_enter(struct device_set *set, int32_t day, uint64_t identity, uint16_t direction,
                   uint16_t service);

/* Calls VISIT for each count that changed since the last call. */
typedef void devices_visitor(void *context, const struct device_count *count);
void devices_visit_changed(struct device_set *set, devices_visitor *visit, void *context);

#endif
