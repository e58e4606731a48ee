/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_PENDING_H
#define IAGMETER_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Questions that wait for an answer, as hashes under a key of the caller's, in a table of fixed
 * size. Each has a choice of PENDING_WAYS places and takes that of the oldest, so that one is lost
 * only to as many that were asked between it and its answer and fell on the same places. Of one
 * place each, chance, which draws the key, would decide what two replays of one file tell.
 *
 * Processes forked after pending_new() share it, without locks: at worst, an answer is not known.
 */

#define PENDING_WAYS 4

struct pending;

/* PLACES, of 16 bytes each, is rounded up to a power of two, at least PENDING_WAYS. NULL when
 * memory is exhausted. */
struct pending *pending_new(size_t places, int64_t life_ns);
void pending_free(struct pending *pending);

/* HASH is asked at NOW_NS; asked again, it lives as long from now. */
void pending_ask(struct pending *pending, uint64_t hash, int64_t now_ns);

/* Whether HASH was asked within the last LIFE_NS. It stays: an answer may come in copies. */
bool pending_is_asked(const struct pending *pending, uint64_t hash, int64_t now_ns);

#endif
