/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_OPENINGS_H
#define IAGMETER_OPENINGS_H

#include "collectors/capture/decode.h"

#include <stdbool.h>
#include <stdint.h>

/* SYNs on connections that are followed already. Whoever believed a forged one would forget a
 * connection that goes on. TCP does not believe it either: in a synchronized state it answers with
 * what it knows, and leaves the rest (RFC 9293, 3.10.7.4; RFC 5961, 4); only who knows of no
 * connection, or waits for the last copies of one that is over (RFC 9293, 3.10.7.4, TIME-WAIT),
 * answers with a SYN of its own. So a SYN is kept in mind as a claim, and nothing else is made of
 * it until the other end's SYN acknowledges it, or its own end goes on right behind it, where that
 * answer was not captured. What an end said with its SYN (RFC 7413) is kept as well.
 *
 * Fixed memory, of which what is not used is not taken. A claim stays until others take its place:
 * the eighth one after it whose connection's hash falls into the same of 64 sets. */

struct openings;
struct opening;

/* NULL when memory is exhausted. */
struct openings *openings_new(void);
void openings_free(struct openings *openings);

/* SYN is one of endpoint SIDE of the connection KEY. One that comes again is the same claim. */
void openings_claim(struct openings *openings, uint64_t key, unsigned side,
                    const struct packet *syn);

/* PACKET, of endpoint SIDE of the connection KEY, is a SYN that acknowledges something, or none.
 * Returns the claim that it shows to be true, or NULL. *SYN is then that packet, as far as it was
 * kept, with addresses and what else is not kept from PACKET: to be taken before that one. What it
 * carries is there until openings_forget(). */
struct opening *openings_confirm(struct openings *openings, uint64_t key, unsigned side,
                                 const struct packet *packet, struct packet *syn);

/* Wipes it. */
void openings_forget(struct opening *opening);
/* At the end of an interval: wipes what was said with claims that were there at the end of the one
 * before, too. They stay claims; what was said then counts as not captured. */
void openings_wipe(struct openings *openings);

#endif
