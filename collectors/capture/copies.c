/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/copies.h"

#include <stdlib.h>

struct place {
    uint64_t fingerprint; /* 0: free */
    int64_t seen_ns;
};

struct copies {
    struct place *places;
    size_t mask;
    int64_t window_ns;
};

struct copies *copies_new(size_t places, int64_t window_ns)
{
    struct copies *copies = calloc(1, sizeof(*copies));
    size_t count = 1;

    if (!copies)
        return NULL;
    while (count < places)
        count *= 2;
    copies->mask = count - 1;
    copies->window_ns = window_ns;
    copies->places = calloc(count, sizeof(*copies->places));
    if (!copies->places) {
        copies_free(copies);
        return NULL;
    }
    return copies;
}

void copies_free(struct copies *copies)
{
    if (!copies)
        return;
    free(copies->places);
    free(copies);
}

void copies_prefetch(const struct copies *copies, uint64_t fingerprint)
{
    __builtin_prefetch(&copies->places[fingerprint & copies->mask], 1);
}

bool copies_seen(struct copies *copies, uint64_t fingerprint, int64_t now_ns)
{
    struct place *place = &copies->places[fingerprint & copies->mask];
    int64_t age_ns = now_ns - place->seen_ns;

    fingerprint = fingerprint ? fingerprint : 1;
    if (place->fingerprint == fingerprint && age_ns >= -copies->window_ns &&
        age_ns <= copies->window_ns)
        return true;
    place->fingerprint = fingerprint;
    place->seen_ns = now_ns;
    return false;
}
