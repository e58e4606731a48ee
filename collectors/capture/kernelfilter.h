/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_KERNELFILTER_H
#define IAGMETER_KERNELFILTER_H

#include "collectors/capture/decode.h"
#include "collectors/capture/keyedhash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Packets of connections that are judged, and of no service, are of no more interest: a program in
 * the kernel (eBPF, of type socket filter) counts them and keeps them from us. It drops nothing but
 * TCP and UDP over IPv4 or IPv6 in Ethernet, tagged or not: what is of a connection that was named
 * by kernelfilter_drop(), datagrams named by kernelfilter_drop_other(), and, of every connection,
 * acknowledgements that carry nothing. All that is unusual passes: IP options, extension headers,
 * fragments, tunnels; so does what opens or closes a connection (SYN, FIN, RST, long headers of
 * QUIC).
 *
 * A packet that may open another connection of the same addresses and ports takes the verdict back
 * in the kernel, before anyone here can have seen it: until kernelfilter_saw_opening() says that it
 * was seen, and others that followed it, all packets of that connection pass. So it is of a
 * connection without a verdict: what is said of it meanwhile, by who has seen only what came
 * before, is not heeded. What was lost on the way is waited for some seconds.
 *
 * What was named is in a table in memory that is shared with the program: it is read and written
 * without system calls, and a reader of it that is overtaken only lets packets pass. Made before
 * fork() and before privileges are dropped (CAP_BPF is needed where unprivileged users may not load
 * programs, as in Debian); one process at a time uses it. */

struct kernelfilter;

/* NULL when the kernel refuses, or memory is exhausted: then ERROR says why. */
struct kernelfilter *kernelfilter_new(char *error, size_t error_size);
void kernelfilter_free(struct kernelfilter *filter);

/* What must stay open until kernelfilter_attach(); 10 or more. */
int kernelfilter_descriptor(const struct kernelfilter *filter);

/* From now on the program filters what SOCKET, of link type Ethernet, is given: in place of any
 * other filter. It drops nothing before kernelfilter_begin(), whatever an earlier process asked
 * for. Returns false with errno set when the kernel refuses. */
bool kernelfilter_attach(struct kernelfilter *filter, int socket);

/* Forgets all verdicts, and goes by connections' keys under KEY (flowkey.h) from now on. */
void kernelfilter_begin(struct kernelfilter *filter, const struct hash_key *key);
/* Takes all verdicts back: for whom kernelfilter_drop() is called again, they are dropped again. */
void kernelfilter_clear(struct kernelfilter *filter);

/* That it is NOW_S, in seconds of a clock of the caller's. */
void kernelfilter_set_time(struct kernelfilter *filter, uint32_t now_s);

/* Asks for the memory that what follows needs for KEY. */
void kernelfilter_prefetch(const struct kernelfilter *filter, uint64_t key);

/* Packets of the connection KEY are to be dropped, if there is a place for it: one that was used
 * within the last few seconds is not taken from another connection. And if no packet that may have
 * opened a connection of that place waits to be seen: to be said again with the next. */
void kernelfilter_drop(struct kernelfilter *filter, uint64_t key);
/* The same for datagrams that are of no connection that we know: all are, but those with which a
 * connection of QUIC may begin. They count as others, too. The place is held only once one was
 * dropped, or a flood of single datagrams would hold all. */
void kernelfilter_drop_other(struct kernelfilter *filter, uint64_t key);
/* Acknowledgements that carry nothing are to be seen, of the connection KEY, which takes its place
 * from one that is dropped. To be said again while that is so, since the place may be taken by
 * another when it was not said for a few seconds. */
void kernelfilter_keep_acknowledgements(struct kernelfilter *filter, uint64_t key);
/* Whether PACKET is one that may open a connection: a SYN, or a datagram with which one of QUIC may
 * begin. To be told of each, with its connection's key, before what follows it is looked at: what
 * was named before is forgotten. */
bool kernelfilter_opens(const struct packet *packet);
void kernelfilter_saw_opening(struct kernelfilter *filter, uint64_t key);

/* Whether acknowledgements that carry nothing are dropped; until told, they are not. */
void kernelfilter_drop_acknowledgements(struct kernelfilter *filter, bool drop);
/* Whether such a one of endpoint SIDE (flowkey.h) of KEY was dropped since the last call for it:
 * of some that were heard long ago, that is forgotten. */
bool kernelfilter_take_heard(struct kernelfilter *filter, uint64_t key, unsigned side);

/* Calls VISIT for each connection of which a packet was dropped at SINCE_S or later. */
typedef void kernelfilter_visitor(void *context, uint64_t key, uint32_t seen_s);
void kernelfilter_visit(const struct kernelfilter *filter, uint32_t since_s,
                        kernelfilter_visitor *visit, void *context);
/* Calls VISIT, too, for each connection that loses its place to another, from now on. */
void kernelfilter_observe(struct kernelfilter *filter, kernelfilter_visitor *visit, void *context);

/* What was dropped since the last call: packets, and their bytes on the wire. */
struct kernelfilter_count {
    uint64_t packets;
    uint64_t bytes;
    uint64_t others; /* of the packets, those of kernelfilter_drop_other() */
};
struct kernelfilter_count kernelfilter_take_count(struct kernelfilter *filter);

#endif
