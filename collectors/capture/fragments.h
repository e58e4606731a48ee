/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_FRAGMENTS_H
#define IAGMETER_FRAGMENTS_H

#include "collectors/capture/decode.h"

#include <stddef.h>
#include <stdint.h>

/* Puts fragments of IP and CAPWAP together, as far as names need it, in a fixed pool. A packet is
 * known by a keyed hash of its addresses, identification and (IPv4) protocol or (CAPWAP) ports; no
 * address is kept.
 *
 * - Fragments may come in any order, and more than once. Of bytes that come twice the first copy
 *   counts, in both families. (RFC 5722 has an end node drop an IPv6 packet whose fragments
 * overlap; a mirror port that sends each frame twice shows nothing but overlaps.)
 * - The first FRAGMENTS_WINDOW bytes are kept. A larger packet is whole, too, when all of it was
 *   seen: its length is right, so that a connection's sequence numbers go on without a gap, and its
 *   tail is missing as if the snap length had cut it.
 * - A packet of which a fragment is missing after FRAGMENTS_TIMEOUT_NS is dropped, and so is the
 *   oldest when its place is needed: to the caller it is as if the packet had been lost. */

#define FRAGMENTS_WINDOW     16384
#define FRAGMENTS_TIMEOUT_NS INT64_C(30000000000) /* as Linux does; RFC 8200, 4.5 says 60 s */

struct fragments;

/* For decode_reassembled(). */
struct fragments_whole {
    const uint8_t *bytes;
    uint32_t captured_length; /* at BYTES */
    uint32_t length;          /* of the packet's payload, extension headers included */
    uint8_t protocol;
};

/* Since the start. */
struct fragments_counts {
    uint64_t whole;     /* packets put together */
    uint64_t expired;   /* packets given up because a fragment did not come */
    uint64_t displaced; /* packets given up because there was no room */
    uint64_t refused;   /* fragments that contradict themselves or earlier ones */
};

/* Room for COUNT packets, rounded up to a power of two, of about 17 kB each. NULL when memory is
 * exhausted, or the kernel gives no random key. */
struct fragments *fragments_new(size_t count);
void fragments_free(struct fragments *fragments);

/* Takes a packet for which the result was DECODE_FRAGMENT, seen at NOW_NS (any clock). Returns true
 * when it was the last that was missing: *whole then holds until the next call. */
bool fragments_add(struct fragments *fragments, int64_t now_ns, const struct packet *fragment,
                   struct fragments_whole *whole);

/* From now on, or no more: what the last call handed over holds until this one, too. */
void fragments_hold(struct fragments *fragments, bool hold);

const struct fragments_counts *fragments_counts(const struct fragments *fragments);

#endif
