/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/copies.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

struct place {
    _Atomic uint64_t fingerprint; /* 0: free */
    _Atomic int64_t seen_ns;
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
    copies->places = mmap(NULL, count * sizeof(*copies->places), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (copies->places == MAP_FAILED) {
        free(copies);
        return NULL;
    }
    return copies;
}

void copies_free(struct copies *copies)
{
    if (!copies)
        return;
    munmap(copies->places, (copies->mask + 1) * sizeof(*copies->places));
    free(copies);
}

void copies_prefetch(const struct copies *copies, uint64_t fingerprint)
{
    __builtin_prefetch(&copies->places[fingerprint & copies->mask], 1);
}

/* 0 is a free place's. */
static uint64_t shown(uint64_t fingerprint)
{
    return fingerprint ? fingerprint : 1;
}

static bool holds(const struct copies *copies, uint64_t fingerprint, int64_t now_ns)
{
    const struct place *place = &copies->places[fingerprint & copies->mask];
    int64_t age_ns = now_ns - atomic_load_explicit(&place->seen_ns, memory_order_relaxed);

    return atomic_load_explicit(&place->fingerprint, memory_order_relaxed) == shown(fingerprint) &&
           age_ns >= -copies->window_ns && age_ns <= copies->window_ns;
}

bool copies_seen(struct copies *copies, uint64_t fingerprint, int64_t now_ns)
{
    struct place *place = &copies->places[fingerprint & copies->mask];

    if (holds(copies, fingerprint, now_ns))
        return true;
    atomic_store_explicit(&place->fingerprint, shown(fingerprint), memory_order_relaxed);
    atomic_store_explicit(&place->seen_ns, now_ns, memory_order_relaxed);
    return false;
}
