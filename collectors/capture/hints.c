/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/hints.h"

#include "collectors/capture/keyedhash.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Clients and proxies use an answer for longer than a tiny TTL says: Chromium for 60 s at least
 * (kMinimumTTLSeconds), Squid too (negative_dns_ttl, which is also the least for positive answers);
 * and the connection comes after the answer. One hour at most, because by then the client's address
 * may be another machine's. A connection is judged once, when it starts: it may well outlive the
 * hint. */
#define MIN_LIFE_S 60
#define MAX_LIFE_S 3600

/* A bucket is one cache line. */
#define BUCKET_ENTRIES 4

/* Processes write entries without locks, so a reader may see one word of one entry and one of
 * another. Therefore the first word is the hash of the addresses XOR the second word: words that do
 * not belong together give a hash that nobody asks for (Hyatt and Mann, "A lock-less
 * transposition-table implementation for parallel search", ICGA Journal 25(1), 2002). The hash has
 * 64 bits, of which those that choose the bucket do not help: one chance in 2^40 in the largest of
 * tables, each time that words are seen torn. */
struct entry {
    _Atomic uint64_t check;
    _Atomic uint64_t value; /* 0: free */
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock would be in one process only");

/* An entry's second word: from the top, 32 bits of time of entry, 12 of life, 4 of role, 16 of
 * service. */
#define AMBIGUOUS_ROLE 15
struct hint {
    uint32_t entered_s;
    uint16_t life_s; /* 0: free */
    uint8_t role;
    uint16_t service;
};

/* Of most addresses nothing was ever entered: a bit for each bucket says so, all of them in the
 * fastest cache, where the bucket itself would have to be waited for. */
#define BITS 64

struct hint_table {
    struct hash_key key;
    struct entry *entries;
    _Atomic uint64_t *used; /* after these; bits are never cleared */
    size_t count;
    uint64_t displaced;
};

static size_t memory_size(const struct hint_table *hints)
{
    return hints->count * sizeof(*hints->entries) +
           (hints->count / BUCKET_ENTRIES + BITS - 1) / BITS * sizeof(*hints->used);
}

struct hint_table *hints_new(size_t count)
{
    struct hint_table *hints = calloc(1, sizeof(*hints));
    void *entries;

    if (!hints)
        return NULL;
    for (hints->count = BUCKET_ENTRIES; hints->count < count;)
        hints->count *= 2;
    entries =
        mmap(NULL, memory_size(hints), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (entries != MAP_FAILED) {
        hints->entries = entries;
        hints->used = (void *)(hints->entries + hints->count);
    }
    if (!hints->entries || !keyedhash_draw(&hints->key)) {
        hints_free(hints);
        return NULL;
    }
    return hints;
}

void hints_free(struct hint_table *hints)
{
    if (!hints)
        return;
    if (hints->entries)
        munmap(hints->entries, memory_size(hints));
    explicit_bzero(hints, sizeof(*hints));
    free(hints);
}

static uint64_t pack(struct hint hint)
{
    return (uint64_t)hint.entered_s << 32 | (uint64_t)hint.life_s << 20 |
           (uint64_t)(hint.role & 15) << 16 | hint.service;
}

static struct hint unpack(uint64_t value)
{
    return (struct hint){(uint32_t)(value >> 32), value >> 20 & 0xfff, value >> 16 & 15,
                         value & 0xffff};
}

/* Negative when another process, whose packets are a little ahead, made the entry. */
static int64_t age_s(struct hint hint, uint32_t now_s)
{
    return (int64_t)now_s - hint.entered_s;
}

/* An entry from the future is dead too, or a clock that was set back would keep it for ever. */
static bool is_alive(struct hint hint, uint32_t now_s)
{
    return llabs(age_s(hint, now_s)) < hint.life_s;
}

static uint64_t hash_of(const struct hint_table *hints, const struct address *client,
                        const struct address *server)
{
    const struct address both[2] = {*client, *server}; /* bytes only, without padding */

    return keyedhash(&hints->key, both, sizeof(both));
}

static size_t bucket_number(const struct hint_table *hints, uint64_t hash)
{
    return (hash & (hints->count - 1)) / BUCKET_ENTRIES;
}

static struct entry *bucket_of(const struct hint_table *hints, uint64_t hash)
{
    return &hints->entries[bucket_number(hints, hash) * BUCKET_ENTRIES];
}

static bool is_used(const struct hint_table *hints, size_t bucket)
{
    return atomic_load_explicit(&hints->used[bucket / BITS], memory_order_relaxed) >>
               bucket % BITS &
           1;
}

static void set_used(struct hint_table *hints, size_t bucket)
{
    if (!is_used(hints, bucket))
        atomic_fetch_or(&hints->used[bucket / BITS], UINT64_C(1) << bucket % BITS);
}

/* Returns whether ENTRY is of the addresses of HASH, and what it says. */
static bool read_entry(const struct entry *entry, uint64_t hash, struct hint *hint)
{
    uint64_t value = atomic_load_explicit(&entry->value, memory_order_relaxed);

    *hint = unpack(value);
    return (atomic_load_explicit(&entry->check, memory_order_relaxed) ^ value) == hash;
}

static void write_entry(struct entry *entry, uint64_t hash, struct hint hint)
{
    uint64_t value = pack(hint);

    atomic_store_explicit(&entry->value, value, memory_order_relaxed);
    atomic_store_explicit(&entry->check, hash ^ value, memory_order_relaxed);
}

/* Where to enter HASH: its own place, else a dead one, else that of the oldest. When two processes
 * enter the same addresses at once in two places, the first place is the one that is used from then
 * on, and the other ages. */
static struct entry *entry_to_write(struct hint_table *hints, uint64_t hash, uint32_t now_s)
{
    struct entry *bucket = bucket_of(hints, hash);
    struct entry *oldest = NULL;
    int64_t highest = INT64_MIN;

    for (int i = 0; i < BUCKET_ENTRIES; i++) {
        struct hint hint;
        bool is_own = read_entry(&bucket[i], hash, &hint);
        int64_t age = is_alive(hint, now_s) ? age_s(hint, now_s) : INT64_MAX;

        if (is_own)
            return &bucket[i];
        if (age > highest) {
            highest = age;
            oldest = &bucket[i];
        }
    }
    hints->displaced += highest != INT64_MAX;
    return oldest;
}

static uint16_t life_s(uint32_t ttl_s)
{
    if (ttl_s < MIN_LIFE_S)
        return MIN_LIFE_S;
    return ttl_s < MAX_LIFE_S ? (uint16_t)ttl_s : MAX_LIFE_S;
}

void hints_add(struct hint_table *hints, const struct address *client, const struct address *server,
               uint16_t service, uint8_t role, uint32_t now_s, uint32_t ttl_s)
{
    uint64_t hash = hash_of(hints, client, server);
    struct hint hint = {now_s, life_s(ttl_s), role, service};

    write_entry(entry_to_write(hints, hash, now_s), hash, hint);
    set_used(hints, bucket_number(hints, hash));
}

/* The living entry of HASH, or NULL. */
static struct entry *find_entry(const struct hint_table *hints, uint64_t hash, uint32_t now_s,
                                struct hint *hint)
{
    struct entry *bucket = bucket_of(hints, hash);

    if (!is_used(hints, bucket_number(hints, hash)))
        return NULL;
    for (int i = 0; i < BUCKET_ENTRIES; i++)
        if (read_entry(&bucket[i], hash, hint) && is_alive(*hint, now_s))
            return &bucket[i];
    return NULL;
}

void hints_forget(struct hint_table *hints, const struct address *client,
                  const struct address *server, uint32_t now_s)
{
    uint64_t hash = hash_of(hints, client, server);
    struct hint hint;
    struct entry *entry = find_entry(hints, hash, now_s, &hint);

    if (!entry)
        return;
    hint.role = AMBIGUOUS_ROLE;
    write_entry(entry, hash, hint);
}

enum hint_result hints_find(const struct hint_table *hints, const struct address *client,
                            const struct address *server, uint32_t now_s, uint16_t *service,
                            uint8_t *role)
{
    struct hint hint;

    if (!find_entry(hints, hash_of(hints, client, server), now_s, &hint))
        return HINT_NONE;
    if (hint.role == AMBIGUOUS_ROLE)
        return HINT_AMBIGUOUS;
    *service = hint.service;
    *role = hint.role;
    return HINT_FOUND;
}

uint64_t hints_take_displaced(struct hint_table *hints)
{
    uint64_t displaced = hints->displaced;

    hints->displaced = 0;
    return displaced;
}
