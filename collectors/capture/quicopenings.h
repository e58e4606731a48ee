/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_QUICOPENINGS_H
#define IAGMETER_QUICOPENINGS_H

#include "collectors/capture/decode.h"

#include <stdbool.h>
#include <stdint.h>

/* Openings of QUIC between ports of which another connection is known. Whoever knows the ports can
 * make one, since its keys are public (RFC 9001, 5.2), and a server answers it. What nobody else
 * than the client that opened can do is to go on: that takes the id that the server chose, in an
 * answer that goes to the client (RFC 9000, 7.2). So such an opening is kept in mind as a claim,
 * with its datagrams, until then, and so are answers to it.
 *
 * Fixed memory, of which what is not used is not taken. A claim stays until a while after its last
 * datagram, or until others take its place: the eighth one after it whose connection's hash falls
 * into the same of 32 sets. */

struct quicopenings;
struct quicopening;

/* NULL when memory, or a cipher, is missing. */
struct quicopenings *quicopenings_new(void);
void quicopenings_free(struct quicopenings *openings);

/* A datagram between the ends of the connection KEY, sent by endpoint SIDE. */
struct quicopenings_look {
    uint64_t key;
    const struct packet *packet;
    unsigned side;
    uint32_t now_s;
    /* What is known of the connection that there is: */
    uint32_t source; /* quic_hash() of the id that its client chose; 0: not known */
    bool is_alone;   /* nothing was heard of the end that SIDE talks to, */
    bool is_past;    /* though it answered, for SIDE is past its handshake */
};

enum quicopenings_verdict {
    QUICOPENINGS_OTHER,    /* it has to do with no claim */
    QUICOPENINGS_HELD,     /* it is part of one, or an answer to it: nothing more is known */
    QUICOPENINGS_CONFIRMED /* it shows that *OPENING was meant */
};

/* Whether the datagram is the first of another connection, or the first after Retry; if so, it is
 * kept. Costs as much as reading it. */
bool quicopenings_claim(struct quicopenings *openings, const struct quicopenings_look *look);
/* The same, but nothing is kept. */
bool quicopenings_is_first(struct quicopenings *openings, const struct packet *packet);

/* What a datagram says of the claims that there are. */
enum quicopenings_verdict quicopenings_take(struct quicopenings *openings,
                                            const struct quicopenings_look *look,
                                            struct quicopening **opening);

/* Whether there are any of that connection. */
bool quicopenings_has(const struct quicopenings *openings, uint64_t key);

/* Datagram NUMBER of those that were kept, in the order in which they came, of the client that
 * opened and of its server: *PACKET as that was, with addresses and what else is not kept from the
 * one that CONFIRMED the claim; of the server's, the bytes are but a header. They are there until
 * quicopenings_forget(). Returns false when there are no more. */
bool quicopenings_datagram(const struct quicopening *opening, unsigned number,
                           const struct packet *confirmed, struct packet *packet, bool *by_server);
/* The payload of those that were not, as there was no room. */
uint64_t quicopenings_more_bytes(const struct quicopening *opening, bool by_server);

/* Wipes it. */
void quicopenings_forget(struct quicopening *opening);
/* Wipes those that can be confirmed no more at NOW_S. */
void quicopenings_expire(struct quicopenings *openings, uint32_t now_s);

#endif
