/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_FLOWKEY_H
#define IAGMETER_FLOWKEY_H

#include "collectors/capture/decode.h"
#include "collectors/capture/keyedhash.h"

#include <stdint.h>

/* What a connection is known by: a keyed hash of its 5-tuple, the same for both ways. Also computed
 * by the program of kernelfilter.c, in the kernel: whoever changes the one changes the other. */

/* PACKET is of TCP or UDP. *SIDE is 1 when it comes from the second endpoint in an order of our
 * own, the same for both ways, else 0. */
uint64_t flowkey_of(const struct hash_key *key, const struct packet *packet, uint8_t *side);

#endif
