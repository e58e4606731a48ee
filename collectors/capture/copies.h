/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_COPIES_H
#define IAGMETER_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Remembers for a short while what was just seen, by its fingerprint: so that what a mirror port, a
 * second interface or a proxy shows twice counts once, and that an answer finds its question. Fixed
 * memory, the latest wins a place: a copy that comes after too much else is not recognised.
 *
 * Processes forked after copies_new() share it, without locks: at worst, a copy counts. */

struct copies;

/* PLACES is rounded up to a power of two. NULL when memory is exhausted. */
struct copies *copies_new(size_t places, int64_t window_ns);
void copies_free(struct copies *copies);

void copies_prefetch(const struct copies *copies, uint64_t fingerprint);

/* Whether FINGERPRINT was seen within the last WINDOW_NS before NOW_NS; it is now. */
bool copies_seen(struct copies *copies, uint64_t fingerprint, int64_t now_ns);

#endif
