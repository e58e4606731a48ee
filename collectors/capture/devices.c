/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/devices.h"

#include "collectors/capture/keyedhash.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PAIRS 4096

/* What a device is known by, in the highest bits of its hash: the lowest tell its place. */
enum kind { KIND_OTHER, KIND_IPV4, KIND_IPV6, KINDS };
#define KIND_SHIFT 62
/* A device takes a new temporary address of IPv6 every day (RFC 8981, section 3.8:
 * TEMP_PREFERRED_LIFETIME), at its own hour: on a UTC day it has two. */
#define ADDRESSES_PER_DAY 2

struct device_set {
    struct hash_key key;
    uint64_t *hashes; /* open addressing; 0: free */
    size_t places;
    size_t held;
    size_t maximum;
    int32_t day;
    bool started;
    size_t pair_count;
    struct pair {
        struct device_count count;
        uint32_t seen[KINDS];
        bool changed;
    } pairs[MAX_PAIRS];
};

struct device_set *devices_new(unsigned maximum)
{
    struct device_set *set = calloc(1, sizeof(*set));

    if (!set)
        return NULL;
    set->maximum = maximum;
    for (set->places = 16; set->places < 2 * (size_t)maximum;)
        set->places *= 2;
    set->hashes = calloc(set->places, sizeof(*set->hashes));
    if (!set->hashes || !keyedhash_draw(&set->key)) {
        devices_free(set);
        return NULL;
    }
    return set;
}

void devices_free(struct device_set *set)
{
    if (!set)
        return;
    free(set->hashes);
    free(set);
}

static void start_day(struct device_set *set, int32_t day)
{
    struct hash_key key;

    /* Without randomness the old key stays: then its hashes must go all the same. */
    if (set->started && keyedhash_draw(&key))
        set->key = key;
    if (set->started)
        memset(set->hashes, 0, set->places * sizeof(*set->hashes));
    set->held = 0;
    set->pair_count = 0;
    set->day = day;
    set->started = true;
}

/* Enters HASH. Returns false when it is there already, or when the set is full. */
static bool enter(struct device_set *set, uint64_t hash)
{
    size_t place;

    hash = hash ? hash : 1;
    for (place = hash & (set->places - 1); set->hashes[place];
         place = (place + 1) & (set->places - 1))
        if (set->hashes[place] == hash)
            return false;
    if (set->held == set->maximum)
        return false;
    set->hashes[place] = hash;
    set->held++;
    return true;
}

/* A pair of that direction and service, added when new; NULL when there is no room. */
static struct pair *pair_of(struct device_set *set, uint16_t direction, uint16_t service)
{
    struct pair *pair;

    for (size_t i = 0; i < set->pair_count; i++) {
        pair = &set->pairs[i];
        if (pair->count.direction_id == direction && pair->count.service_id == service)
            return pair;
    }
    if (set->pair_count == MAX_PAIRS)
        return NULL;
    pair = &set->pairs[set->pair_count++];
    *pair = (struct pair){.count = {direction, service, set->day, 0}};
    return pair;
}

/* As many as there surely are: one and the same device may have an address of either family. */
static uint32_t surely(const uint32_t seen[KINDS])
{
    uint32_t devices = (seen[KIND_IPV6] + ADDRESSES_PER_DAY - 1) / ADDRESSES_PER_DAY;

    if (seen[KIND_IPV4] > devices)
        devices = seen[KIND_IPV4];
    return seen[KIND_OTHER] > devices ? seen[KIND_OTHER] : devices;
}

static void count_one(struct device_set *set, uint64_t identity, uint16_t direction,
                      uint16_t service)
{
    struct pair *pair = pair_of(set, direction, service);
    uint32_t devices;

    if (!pair)
        return;
    pair->seen[identity >> KIND_SHIFT]++;
    devices = surely(pair->seen);
    pair->changed |= devices != pair->count.devices;
    pair->count.devices = devices;
}

static enum kind kind_of(const struct address *address)
{
    if (address->family == 4)
        return KIND_IPV4;
    return address->family == 6 ? KIND_IPV6 : KIND_OTHER;
}

uint64_t devices_identify(struct device_set *set, int32_t day, const struct address *address,
                          uint16_t direction, uint16_t service)
{
    uint8_t identity[sizeof(address->bytes) + 5];

    if (!set->started || day != set->day)
        start_day(set, day);
    memcpy(identity, address->bytes, sizeof(address->bytes));
    identity[16] = address->family;
    memcpy(identity + 17, &direction, sizeof(direction));
    memcpy(identity + 19, &service, sizeof(service));
    return keyedhash(&set->key, identity, sizeof(identity)) >> (64 - KIND_SHIFT) |
           (uint64_t)kind_of(address) << KIND_SHIFT;
}

bool devices_enter(struct device_set *set, int32_t day, uint64_t identity, uint16_t direction,
                   uint16_t service)
{
    bool is_new = set->started && day == set->day && enter(set, identity);

    if (is_new)
        count_one(set, identity, direction, service);
    return is_new;
}

void devices_see(struct device_set *set, int32_t day, const struct address *address,
                 uint16_t direction, uint16_t service)
{
    devices_enter(set, day, devices_identify(set, day, address, direction, service), direction,
                  service);
}

void devices_visit_changed(struct device_set *set, devices_visitor *visit, void *context)
{
    for (size_t i = 0; i < set->pair_count; i++) {
        if (set->pairs[i].changed)
            visit(context, &set->pairs[i].count);
        set->pairs[i].changed = false;
    }
}
