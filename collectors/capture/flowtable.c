/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/flowtable.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A bucket's keys fill one cache line, so that a lookup touches one line for the keys of each of
 * its two buckets and one for the slot. */
#define BUCKET_SLOTS 8
/* RFC 5382, 5: an established connection may be silent for 2 h 4 min before it counts as gone. */
#define IDLE_ESTABLISHED_S 7440
/* RFC 5382, 5: four minutes for one that is only half open. */
#define IDLE_OPENING_S 240
/* RFC 4787, 4.3: a mapping of UDP lives for two minutes at least; QUIC ends after 30 s as a rule.
 */
#define IDLE_DATAGRAMS_S 120

struct flow_table {
    uint64_t *keys; /* 0: free */
    struct flow *flows;
    size_t bucket_count;
};

/* Zeroed memory that is read here and there: with big pages the processor knows where they are,
 * with small ones it looks that up for nearly every packet. Taken from the kernel when touched. */
static void *take_pages(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, size, MADV_HUGEPAGE); /* where there are none, nothing is lost */
    return memory;
}

struct flow_table *flowtable_new(size_t capacity)
{
    struct flow_table *table = calloc(1, sizeof(*table));
    size_t slots = 2 * BUCKET_SLOTS;

    if (!table)
        return NULL;
    while (slots < capacity)
        slots *= 2;
    table->bucket_count = slots / BUCKET_SLOTS;
    table->keys = take_pages(slots * sizeof(*table->keys));
    table->flows = take_pages(slots * sizeof(*table->flows));
    if (!table->keys || !table->flows) {
        flowtable_free(table);
        return NULL;
    }
    return table;
}

void flowtable_free(struct flow_table *table)
{
    size_t slots;

    if (!table)
        return;
    slots = table->bucket_count * BUCKET_SLOTS;
    if (table->keys)
        munmap(table->keys, slots * sizeof(*table->keys));
    if (table->flows)
        munmap(table->flows, slots * sizeof(*table->flows));
    free(table);
}

/* Zero marks a free slot, so no flow may have that key. */
static uint64_t usable(uint64_t key)
{
    return key ? key : 1;
}

/* The two buckets come from independent halves of the hash (balanced allocations, Azar et al.
 * 1994): the first bucket then overflows when about three quarters of the table are in use. */
static size_t bucket_of(const struct flow_table *table, uint64_t key, int choice)
{
    return (size_t)(choice ? key >> 32 : key) & (table->bucket_count - 1);
}

/* Bit I of the result: place I of the bucket holds KEY. Without branches, which would be guessed
 * wrong for every other packet. */
static inline unsigned places_of(const uint64_t *bucket, uint64_t key)
{
    unsigned places = 0;

    for (unsigned i = 0; i < BUCKET_SLOTS; i++)
        places |= (unsigned)(bucket[i] == key) << i;
    return places;
}

static size_t slot_of(const struct flow_table *table, uint64_t key)
{
    for (int choice = 0; choice < 2; choice++) {
        size_t first = bucket_of(table, key, choice) * BUCKET_SLOTS;
        unsigned places = places_of(&table->keys[first], key);

        if (places)
            return first + (size_t)__builtin_ctz(places);
    }
    return SIZE_MAX;
}

void flowtable_prefetch(const struct flow_table *table, uint64_t key)
{
    for (int choice = 0; choice < 2; choice++)
        __builtin_prefetch(&table->keys[bucket_of(table, usable(key), choice) * BUCKET_SLOTS]);
}

size_t flowtable_guess(const struct flow_table *table, uint64_t key)
{
    size_t slot = slot_of(table, usable(key));

    if (slot != SIZE_MAX)
        __builtin_prefetch(&table->flows[slot], 1);
    return slot;
}

struct flow *flowtable_find_at(struct flow_table *table, uint64_t key, size_t guess)
{
    if (guess != SIZE_MAX && table->keys[guess] == usable(key))
        return &table->flows[guess];
    return flowtable_find(table, key);
}

struct flow *flowtable_find(struct flow_table *table, uint64_t key)
{
    size_t slot = slot_of(table, usable(key));

    return slot == SIZE_MAX ? NULL : &table->flows[slot];
}

/* How little is lost by forgetting a flow: higher goes first; 0 must stay. */
static uint64_t dispensability(const struct flow *flow, uint32_t now_s)
{
    uint64_t idle_s = now_s > flow->last_seen_s ? now_s - flow->last_seen_s : 0;
    uint64_t limit_s = flow->flags & FLOW_DATAGRAMS ? IDLE_DATAGRAMS_S : IDLE_ESTABLISHED_S;
    uint64_t class;

    switch (flow->stage) {
    case FLOW_FINISHED:
        class = 4;
        break;
    case FLOW_NEW:
    case FLOW_NAMING:
        class = idle_s >= IDLE_OPENING_S ? 4 : 3;
        break;
    case FLOW_ANSWERS:
    case FLOW_IGNORED:
        class = idle_s >= limit_s ? 4 : 2;
        break;
    default:
        if (idle_s < limit_s)
            return 0;
        class = 1;
    }
    return class << 32 | idle_s;
}

static size_t free_slot(const struct flow_table *table, uint64_t key)
{
    size_t best = SIZE_MAX;
    int most_free = 0;

    for (int choice = 0; choice < 2; choice++) {
        size_t first = bucket_of(table, key, choice) * BUCKET_SLOTS;
        size_t last_free = SIZE_MAX;
        int free_count = 0;

        for (size_t i = first; i < first + BUCKET_SLOTS; i++) {
            if (table->keys[i] == 0) {
                last_free = i;
                free_count++;
            }
        }
        if (free_count > most_free) {
            most_free = free_count;
            best = last_free;
        }
    }
    return best;
}

static size_t least_valuable(const struct flow_table *table, uint64_t key, uint32_t now_s)
{
    size_t best = SIZE_MAX;
    uint64_t highest = 0;

    for (int choice = 0; choice < 2; choice++) {
        size_t first = bucket_of(table, key, choice) * BUCKET_SLOTS;

        for (size_t i = first; i < first + BUCKET_SLOTS; i++) {
            uint64_t value = dispensability(&table->flows[i], now_s);

            if (value > highest) {
                highest = value;
                best = i;
            }
        }
    }
    return best;
}

struct flow *flowtable_insert(struct flow_table *table, uint64_t key, uint32_t now_s,
                              flowtable_evictor *evict, void *context)
{
    size_t slot;

    key = usable(key);
    slot = free_slot(table, key);
    if (slot == SIZE_MAX) {
        slot = least_valuable(table, key, now_s);
        if (slot == SIZE_MAX)
            return NULL;
        evict(context, &table->flows[slot]);
    }
    table->keys[slot] = key;
    memset(&table->flows[slot], 0, sizeof(table->flows[slot]));
    return &table->flows[slot];
}

size_t flowtable_index(const struct flow_table *table, const struct flow *flow)
{
    return (size_t)(flow - table->flows);
}

uint64_t flowtable_key(const struct flow_table *table, const struct flow *flow)
{
    return table->keys[flowtable_index(table, flow)];
}

size_t flowtable_capacity(const struct flow_table *table)
{
    return table->bucket_count * BUCKET_SLOTS;
}

struct flow *flowtable_at(struct flow_table *table, size_t index)
{
    return table->keys[index] ? &table->flows[index] : NULL;
}
