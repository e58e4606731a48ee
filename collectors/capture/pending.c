/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/pending.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

struct place {
    _Atomic uint64_t hash; /* 0: free */
    _Atomic int64_t asked_ns;
};

/* One line of the cache. */
struct group {
    struct place places[PENDING_WAYS];
};

struct pending {
    struct group *groups;
    size_t mask;
    int64_t life_ns;
};

struct pending *pending_new(size_t places, int64_t life_ns)
{
    struct pending *pending = calloc(1, sizeof(*pending));
    size_t count = 1;

    if (!pending)
        return NULL;
    while (count * PENDING_WAYS < places)
        count *= 2;
    pending->mask = count - 1;
    pending->life_ns = life_ns;
    pending->groups = mmap(NULL, count * sizeof(*pending->groups), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pending->groups == MAP_FAILED) {
        free(pending);
        return NULL;
    }
    return pending;
}

void pending_free(struct pending *pending)
{
    if (!pending)
        return;
    munmap(pending->groups, (pending->mask + 1) * sizeof(*pending->groups));
    free(pending);
}

/* 0 is a free place's. */
static uint64_t shown(uint64_t hash)
{
    return hash ? hash : 1;
}

static uint64_t hash_in(const struct place *place)
{
    return atomic_load_explicit(&place->hash, memory_order_relaxed);
}

static int64_t time_in(const struct place *place)
{
    return atomic_load_explicit(&place->asked_ns, memory_order_relaxed);
}

/* The place of HASH, or, without one, a free one, or that of the oldest. */
static struct place *place_for(const struct pending *pending, uint64_t hash)
{
    struct place *places = pending->groups[hash & pending->mask].places;
    struct place *best = &places[0];

    for (size_t i = 0; i < PENDING_WAYS; i++) {
        if (hash_in(&places[i]) == shown(hash))
            return &places[i];
        if (hash_in(best) != 0 && (hash_in(&places[i]) == 0 || time_in(&places[i]) < time_in(best)))
            best = &places[i];
    }
    return best;
}

void pending_ask(struct pending *pending, uint64_t hash, int64_t now_ns)
{
    struct place *place = place_for(pending, hash);

    atomic_store_explicit(&place->hash, shown(hash), memory_order_relaxed);
    atomic_store_explicit(&place->asked_ns, now_ns, memory_order_relaxed);
}

bool pending_is_asked(const struct pending *pending, uint64_t hash, int64_t now_ns)
{
    const struct place *place = place_for(pending, hash);
    int64_t age_ns = now_ns - time_in(place);

    return hash_in(place) == shown(hash) && age_ns >= -pending->life_ns &&
           age_ns <= pending->life_ns;
}
