/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_FLOWTABLE_H
#define IAGMETER_FLOWTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every connection has a slot of 64 bytes here, known by a keyed hash of its 5-tuple; no address is
 * kept. The table never grows. When both buckets that a new flow may use are full, the least worth
 * keeping of their sixteen flows goes: finished ones, then unnamed ones by age; a flow of a known
 * service is never taken by one that may be noise. */

enum flow_stage {
    FLOW_NEW,     /* no payload from the client yet */
    FLOW_NAMING,  /* a ClientHello has begun: state is an assembly */
    FLOW_SERVICE, /* of a known service: state is a tracked flow, or FLOW_NO_STATE */
    FLOW_IGNORED, /* judged: bytes are summed, nothing else is looked at */
    FLOW_FINISHED /* closed; late segments are absorbed */
};

enum {
    FLOW_CLIENT_KNOWN = 1,
    FLOW_CLIENT_SECOND = 2, /* the client is the second endpoint of the canonical order */
    FLOW_SEEN_FIRST = 4,    /* next_sequence[0] is set */
    FLOW_SEEN_SECOND = 8,
    FLOW_FIN_FIRST = 16,
    FLOW_FIN_SECOND = 32,
    FLOW_BASE_KNOWN = 64 /* client_base is set: the opening was seen */
};

#define FLOW_NO_STATE UINT32_MAX

struct flow {
    uint64_t payload_bytes[2]; /* from the first and from the second endpoint */
    int64_t first_ns;
    uint32_t next_sequence[2];
    uint32_t client_base; /* sequence number of the client's first byte */
    uint32_t last_seen_s;
    uint32_t state;
    uint16_t direction;
    uint16_t service;
    uint8_t role;
    uint8_t stage;
    uint8_t flags;
    uint8_t probes; /* client segments looked at in search of a ClientHello */
};

struct flow_table;

/* CAPACITY is rounded up to a power of two. NULL when memory is exhausted. */
struct flow_table *flowtable_new(size_t capacity);
void flowtable_free(struct flow_table *table);

/* NULL when there is none. */
struct flow *flowtable_find(struct flow_table *table, uint64_t key);

/* Makes room if it must, after calling EVICT on the flow that has to go. Returns a zeroed slot, or
 * NULL when every candidate is worth more than a newcomer. KEY must not be there. */
typedef void flowtable_evictor(void *context, struct flow *flow);
struct flow *flowtable_insert(struct flow_table *table, uint64_t key, uint32_t now_s,
                              flowtable_evictor *evict, void *context);

/* A slot's place, for tables beside this one: 0 <= index < flowtable_capacity(). */
size_t flowtable_index(const struct flow_table *table, const struct flow *flow);
size_t flowtable_capacity(const struct flow_table *table);
/* The flow at INDEX, or NULL when the slot is free. */
struct flow *flowtable_at(struct flow_table *table, size_t index);

#endif
