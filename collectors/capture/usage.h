/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_USAGE_H
#define IAGMETER_USAGE_H

#include "collectors/capture/estimator.h"
#include "collectors/capture/flowtable.h"
#include "collectors/capture/interval.h"
#include "daemon/catalogue.h"
#include "daemon/config.h"

/* The use of known services: bytes, devices, and the exchanges of every flow that may carry
 * inference, which is followed with a state from a fixed pool. Knows flows that have a service, and
 * nothing of how it was found.
 *
 * Life cycle of a flow here: usage_begin(), any number of usage_add(),
 * usage_end(). The flow's `state` is ours between them. */

struct usage;

enum flow_end { END_CLIENT, END_SERVER };

/* Told of each exchange that was found; for inspection. ANSWER_NS: when its answer began. */
typedef void usage_observer(void *context, const struct flow *flow, int64_t answer_ns,
                            const struct exchange_shape *shape,
                            const struct exchange_estimate *estimate);

/* All memory is taken here; NULL when there is not enough. The others must outlive it. OBSERVE may
 * be NULL. */
struct usage *usage_new(const struct limits *limits, struct interval *interval,
                        struct flow_table *flows, usage_observer *observe, void *context);
void usage_free(struct usage *usage);

void usage_set_catalogue(struct usage *usage, const struct catalogue *catalogue);

/* FLOW now has service, role and direction: what it carried so far counts, and it is followed from
 * here on. CLIENT is the device that asks, NULL when it is not known. NOW_NS here and below is flow
 * time. */
void usage_begin(struct usage *usage, struct flow *flow, const struct address *client,
                 int64_t now_ns);

/* The same, of a connection that carried something else before: only BYTES_UP count so far. */
void usage_begin_anew(struct usage *usage, struct flow *flow, const struct address *client,
                      int64_t now_ns, uint64_t bytes_up);

/* After usage_end(): it turned out to go on as before. BYTES_UP of the client were not counted yet.
 */
void usage_resume(struct usage *usage, struct flow *flow, int64_t now_ns, uint64_t bytes_up);

/* One piece of what an end sent, and how much of it no earlier piece carried. */
struct usage_piece {
    const struct address *client;
    enum flow_end end;
    int64_t now_ns;
    uint32_t new_bytes;
    uint32_t sequence; /* TCP only; so is what of the other end's it acknowledges, if it does */
    uint32_t acknowledgement;
    bool acknowledges;
    const uint8_t *bytes;
    uint32_t captured;
    uint32_t length;
    bool unseen; /* the other end says that so much came before SEQUENCE, of what was not captured:
                  * when, but not in which records */
};

/* Counts the piece, and looks for exchanges in it: in its TLS records, whatever the order of the
 * pieces; of QUIC (the handshake apart) and HTTP in clear, the piece itself stands in for a record.
 */
void usage_add(struct usage *usage, struct flow *flow, const struct usage_piece *piece);

/* The second half alone: for the client's first bytes, which were counted by usage_begin(). Does
 * nothing when the flow is not followed. */
void usage_feed(struct usage *usage, struct flow *flow, const struct usage_piece *piece);

/* Only one of the two ways is captured: the sums that it belongs to are no better than a guess.
 * Where it is what the server sends, exchanges are missed, and this is made by the number of bytes,
 * of the BYTES that were added before as of those that will be. */
void usage_one_way(struct usage *usage, struct flow *flow, uint64_t bytes);

/* The connection ends, and with it what is open. */
void usage_end(struct usage *usage, struct flow *flow);

/* When the next deadline may be; INT64_MAX when there is none. */
int64_t usage_due_ns(const struct usage *usage);

/* Lets every deadline before LIMIT_NS (flow time) pass. */
void usage_expire(struct usage *usage, int64_t limit_ns);

/* Calls END for each flow that is being followed, in an order that depends on the packets alone. */
void usage_visit(struct usage *usage, void (*visit)(void *context, struct flow *flow),
                 void *context);

#endif
