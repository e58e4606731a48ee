/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_RECOGNITION_H
#define IAGMETER_RECOGNITION_H

#include "collectors/capture/decode.h"
#include "collectors/capture/flowtable.h"
#include "collectors/capture/interval.h"
#include "collectors/capture/notes.h"
#include "collectors/capture/usage.h"
#include "daemon/catalogue.h"
#include "daemon/config.h"
#include "daemon/directions.h"

/* From the first packets of a flow to its service, role and direction: by the name in the clear
 * part of TLS or QUIC, in what is said to a proxy, in a plain request, or else by what the client
 * was told by the DNS. Every flow is judged once. */

struct recognition;

/* Told of a connection of TLS or QUIC that is given up without a name, before it is judged. */
typedef void recognition_loser(void *context, const struct flow *flow);

/* What it works on. All outlive it; NOTES may be NULL. */
struct recognition_parts {
    struct flow_table *flows;
    struct interval *interval;
    struct usage *usage;
    struct notes *notes;
    recognition_loser *lost;
    void *lost_context;
};

/* What was lately seen of names: DNS questions, answers and ClientHellos, as hashes. Several
 * processes that share one interface need it in common: a client's question may pass through one of
 * them, and the connection that follows through another. Made before fork(); each process frees its
 * own. NULL when memory or randomness is missing. */
struct recognition_memory;
struct recognition_memory *recognition_memory_new(const struct limits *limits);
void recognition_memory_free(struct recognition_memory *memory);

/* All memory is taken here. MEMORY outlives it; NULL to have one of its own. NULL when memory,
 * randomness or a cipher is missing. */
struct recognition *recognition_new(const struct limits *limits,
                                    const struct recognition_parts *parts,
                                    struct recognition_memory *memory);
void recognition_free(struct recognition *recognition);

/* Whether answers of the DNS are believed without their question; until told, they are not. */
void recognition_believe_unasked(struct recognition *recognition, bool believe);

void recognition_set_rules(struct recognition *recognition, const struct catalogue *catalogue,
                           const struct directions *directions);

/* A packet with payload and the flow that it belongs to. */
struct segment {
    const struct packet *packet;
    struct flow *flow;
    unsigned side;      /* endpoint that sent it, in canonical order */
    uint32_t new_bytes; /* of its payload, and of what was lost before it, that none carried yet */
    int64_t now_ns;
};

/* TCP, and a flow that is not judged yet. */
void recognition_segment(struct recognition *recognition, const struct segment *segment);

/* TCP, and a flow of requests in clear (FLOW_PLAIN), each of which may be for another host: to be
 * asked of each segment before anything else is done with it. Where the client speaks again after
 * the server, and what it says is for another host than before, what went on is ended, and the flow
 * is not judged any more. Bodies are not followed: bytes that begin like a request are one at that
 * place only, and a request that is sent before the last answer (RFC 9112, 9.3.2) goes with the one
 * before. Returns whether the segment is of any interest. */
bool recognition_turn(struct recognition *recognition, const struct segment *segment);

/* UDP: whether the datagram may begin a flow worth a slot. */
bool recognition_begins(const struct recognition *recognition, const struct packet *packet,
                        int64_t now_ns);
/* UDP: whether it may do so because of what the DNS told. */
bool recognition_may_hint(const struct packet *packet);
/* UDP: whether the datagram looks like the first of a client's connection, and not like one amid a
 * connection. */
bool recognition_opens(const struct packet *packet);
/* UDP: of such a datagram, what tells those of one connection of QUIC from those of another. 0 of
 * all else. */
uint32_t recognition_opening(const struct packet *packet);
/* UDP: notes with what the client of FLOW opened it, or opens it anew. */
void recognition_open(struct flow *flow, const struct packet *packet);
/* UDP, and a flow that is not judged yet. */
void recognition_datagram(struct recognition *recognition, const struct segment *segment);

enum { PORT_DNS = 53 };

/* A datagram to that port, and one from there, told to its destination: it is believed when the
 * question was seen, within a few seconds, on the way from the same port to the same resolver. */
void recognition_question(struct recognition *recognition, const struct packet *packet,
                          int64_t now_ns);
void recognition_answer(struct recognition *recognition, const struct packet *packet,
                        int64_t now_ns);

/* The flow ends: what waits for its name is given up. */
void recognition_end(struct recognition *recognition, struct flow *flow);

#endif
