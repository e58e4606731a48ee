/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TRACKING_H
#define IAGMETER_TRACKING_H

#include "collectors/capture/exchange.h"
#include "collectors/capture/records.h"
#include "collectors/capture/webexchange.h"
#include "daemon/catalogue.h"

#include <stdbool.h>
#include <stdint.h>

/* The full state of the connections of known services: a fixed pool, and a heap of their deadlines.
 */

struct tracked {
    union {
        struct record_stream streams[2]; /* client, server */
        struct {                         /* QUIC */
            uint16_t largest_bytes[2];   /* datagram of the client, of the server */
            uint8_t identifier_bytes;    /* of the client */
        } datagrams;
    };
    union { /* webexchange_applies() tells which */
        struct exchange_tracker exchange;
        struct webexchange web;
    };
    int64_t last_ns; /* of the last packet */
    uint64_t device; /* what its client is counted as, or, of a shared name, will be */
    int32_t device_day;
    uint32_t flow; /* index in the flow table */
};
/* With its deadline and its two places in the heap (tracking.c): 128 bytes. */
_Static_assert(sizeof(struct tracked) <= 112, "a followed connection has become larger");

struct tracking;
#define TRACKED_NONE UINT32_MAX

struct tracking *tracking_new(uint32_t count);
void tracking_free(struct tracking *tracking);

/* Takes a zeroed state for FLOW, TRACKED_NONE when all are taken. */
uint32_t tracking_take(struct tracking *tracking, uint32_t flow, int64_t deadline_ns);
void tracking_release(struct tracking *tracking, uint32_t index);
struct tracked *tracking_get(struct tracking *tracking, uint32_t index);

uint32_t tracking_capacity(const struct tracking *tracking);
bool tracking_in_use(const struct tracking *tracking, uint32_t index);

/* A deadline entered is no later than the real one. It came nearer, or moved away: the first is
 * entered at once, the second when it is due. */
void tracking_schedule(struct tracking *tracking, uint32_t index, int64_t deadline_ns);

/* The state with the earliest deadline entered, or TRACKED_NONE. Ties go to the lower index, so
 * that the order never depends on anything but the packets. */
uint32_t tracking_first(const struct tracking *tracking, int64_t *deadline_ns);
/* Enters a later deadline for a state that was found not to be due yet. */
void tracking_postpone(struct tracking *tracking, uint32_t index, int64_t deadline_ns);

#endif
