/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CLAIM_H
#define IAGMETER_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

/* A segment of TCP far from where its end was: what lies between was not captured, or the segment
 * is forged, or damaged. Whoever followed the sequence numbers of a forged one would take all that
 * its end really says next for something said before, and hide it. So one alone is not believed,
 * but kept in mind as a claim, as RFC 3550, A.1, does with packets of media: it was true when the
 * next one goes on where it ended, or when the other end acknowledges it, for a receiver
 * acknowledges nothing that was not sent. A claim is void once its end goes on where it was. What
 * it costs: of each true jump, the bytes of the first segment after it count as not captured.
 *
 * A claim is a byte, so that it fits where connections have one to spare: one in 255 forged
 * segments that follow another passes for going on. What nobody can tell from the truth: two that
 * go on one from another; and one within CLAIM_SURE_BYTES, which who does not see the numbers hits
 * with one in 65,536 packets, and which hides as many bytes at most. Old ones say nothing new. */

/* Ahead of what is known, what is believed at once: of a lossy capture, most of what is missing. No
 * smaller than the largest segment that a network card puts together, 64 KiB. */
#define CLAIM_SURE_BYTES (64U << 10)
/* A larger jump of sequence numbers is no lost data but another connection or a forged segment; the
 * largest window that TCP can offer is 1 GiB (RFC 7323, 2.3), those in use are far smaller. So what
 * lies less than that behind what is known is a late copy. */
#define CLAIM_LARGEST_JUMP (64U << 20)

/* Never 0, which is no claim. */
static inline uint8_t claim_of(uint32_t sequence)
{
    return (uint8_t)(1 + ((sequence * 0x9e3779b1U) >> 16) % 255); /* Knuth, TAOCP 3, 6.4 */
}

/* Whether to believe a segment of LENGTH bytes at SEQUENCE, of an end whose next byte would be
 * NEXT; if not, it is what *CLAIM tells of. */
static inline bool claim_believe(uint8_t *claim, uint32_t next, uint32_t sequence, uint32_t length)
{
    if (sequence - next + CLAIM_LARGEST_JUMP <= CLAIM_LARGEST_JUMP + CLAIM_SURE_BYTES) {
        if ((int32_t)(sequence + length - next) > 0)
            *claim = 0;
        return true;
    }
    if (*claim == claim_of(sequence)) {
        *claim = 0;
        return true;
    }
    *claim = claim_of(sequence + length);
    return false;
}

#endif
