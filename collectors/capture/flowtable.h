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
    FLOW_NEW,     /* no payload from the client yet, or none that tells a name */
    FLOW_NAMING,  /* a name has begun: state is one of naming.h */
    FLOW_SERVICE, /* of a known service: state is one of tracking.h, or FLOW_NO_STATE */
    FLOW_ANSWERS, /* DNS over TCP: state is one of naming.h while a message is unfinished */
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
    FLOW_BASE_KNOWN = 64,   /* client_base is set: the opening was seen */
    FLOW_DATAGRAMS = 128,   /* QUIC: sizes of datagrams stand in for those of records */
    FLOW_PLAIN = 256,       /* HTTP in clear: sizes of segments do */
    FLOW_PROXIED = 512,     /* a proxy's request came first: service and role are what it named */
    FLOW_FOR_OTHERS = 1024, /* the packets' source is a proxy, not the client */
    FLOW_HELLO = 2048,      /* TLS or QUIC, and judged */
    FLOW_HINTED = 4096,     /* only a DNS answer told the service */
    FLOW_PROVEN = 8192,     /* of a shared name, and use of the service was seen */
    FLOW_ONE_WAY = 16384,   /* only one of the two ways is captured */
    FLOW_USED = 32768       /* requests in clear came before: what they carried is not this one's */
};

#define FLOW_NO_STATE UINT32_MAX
/* After version negotiation. No hash of an id is even. */
#define FLOW_ANY_OPENING 2

struct flow {
    uint64_t payload_bytes[2]; /* from the first and from the second endpoint */
    int64_t first_ns;
    union {
        uint32_t next_sequence[2];
        struct {             /* QUIC, as hashes of ids (quic.h), 0 when not known: */
            uint32_t source; /* what the client chose */
            uint32_t next;   /* what it may open with anew, after Retry; or FLOW_ANY_OPENING */
        } opened;
    };
    uint32_t client_base; /* sequence number of the byte at which a name may begin; of QUIC, what
                           * the connection was opened with (recognition_opening()) */
    uint32_t last_seen_s;
    uint32_t state;
    uint16_t direction;
    uint16_t service;
    uint16_t flags;
    uint8_t role;
    uint8_t stage : 5;
    uint8_t reopening : 2; /* bit I: endpoint I sent a SYN that is not believed yet (openings.h), or
                            * an opening of QUIC (quicopenings.h) */
    uint8_t is_reopened : 1; /* it began as such an opening of QUIC */
    uint8_t probes; /* client packets looked at in search of a name; with FLOW_PLAIN, 1 when the
                     * server answered since the client's last */
    union {
        uint8_t device_day; /* on which the client was last counted as a device; 0: not yet */
        uint8_t glimpses;   /* until it is judged, and was no request in clear: what was seen of TLS
                             * whose ClientHello was not */
    };
    uint8_t claims[2]; /* of either endpoint, to be far from next_sequence (claim.h); 0: none */
};

enum {
    GLIMPSE_RECORDS = 1,   /* records that come after a ClientHello */
    GLIMPSE_SILENT_END = 2 /* and acknowledgements of the end that says nothing */
};

/* 0 of a flow that is judged. */
static inline unsigned flow_glimpses(const struct flow *flow)
{
    return flow->stage > FLOW_NAMING || flow->flags & FLOW_PLAIN ? 0 : flow->glimpses;
}

/* Which endpoint of the canonical order is the client. */
static inline unsigned flow_client_side(const struct flow *flow)
{
    return flow->flags & FLOW_CLIENT_SECOND ? 1 : 0;
}

static inline void flow_set_client(struct flow *flow, unsigned side)
{
    flow->flags = (uint16_t)(flow->flags & ~FLOW_CLIENT_SECOND);
    flow->flags = (uint16_t)(flow->flags | FLOW_CLIENT_KNOWN | (side ? FLOW_CLIENT_SECOND : 0));
}

static inline bool flow_is_reopening(const struct flow *flow, unsigned side)
{
    return flow->reopening >> side & 1;
}

static inline void flow_set_reopening(struct flow *flow, unsigned side, bool is_reopening)
{
    unsigned others = flow->reopening & ~(1U << side);

    flow->reopening = (others | (unsigned)is_reopening << side) & 3;
}

struct flow_table;

/* CAPACITY is rounded up to a power of two. NULL when memory is exhausted. */
struct flow_table *flowtable_new(size_t capacity);
void flowtable_free(struct flow_table *table);

/* A look-up in three steps, each of which may wait for memory, so that many can wait together: asks
 * for the memory of KEY's buckets; guesses at its slot and asks for the memory of that; and looks
 * there, and if need be elsewhere. */
void flowtable_prefetch(const struct flow_table *table, uint64_t key);
size_t flowtable_guess(const struct flow_table *table, uint64_t key);
struct flow *flowtable_find_at(struct flow_table *table, uint64_t key, size_t guess);

/* NULL when there is none. */
struct flow *flowtable_find(struct flow_table *table, uint64_t key);

/* Makes room if it must, after calling EVICT on the flow that has to go. Returns a zeroed slot, or
 * NULL when every candidate is worth more than a newcomer. KEY must not be there. */
typedef void flowtable_evictor(void *context, struct flow *flow);
struct flow *flowtable_insert(struct flow_table *table, uint64_t key, uint32_t now_s,
                              flowtable_evictor *evict, void *context);

/* A slot's place, for tables beside this one: 0 <= index < flowtable_capacity(). */
size_t flowtable_index(const struct flow_table *table, const struct flow *flow);
uint64_t flowtable_key(const struct flow_table *table, const struct flow *flow);
size_t flowtable_capacity(const struct flow_table *table);
/* The flow at INDEX, or NULL when the slot is free. */
struct flow *flowtable_at(struct flow_table *table, size_t index);

#endif
