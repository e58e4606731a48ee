/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/fetches.h"

#include <stddef.h>
#include <stdlib.h>

/* What comes after a longer silence is another fetch. */
#define PAUSE_NS 2000000000LL

enum { BUCKETS = 1024, PLACES = 4 };

struct fetches {
    struct fetch {
        uint64_t device;
        int64_t first_ns;
        int64_t last_ns;
        uint32_t bytes; /* of the server; stays at its largest value */
        uint32_t requests;
    } buckets[BUCKETS][PLACES];
};

struct fetches *fetches_new(void)
{
    return calloc(1, sizeof(struct fetches));
}

void fetches_free(struct fetches *fetches)
{
    free(fetches);
}

static struct fetch *bucket_of(struct fetches *fetches, uint64_t device)
{
    return fetches->buckets[device % BUCKETS];
}

/* The fetch that goes on, or a new one in place of the oldest. */
static struct fetch *fetch_of(struct fetches *fetches, uint64_t device, int64_t now_ns)
{
    struct fetch *bucket = bucket_of(fetches, device);
    struct fetch *oldest = bucket;

    for (size_t i = 0; i < PLACES; i++) {
        if (bucket[i].device == device && now_ns - bucket[i].last_ns < PAUSE_NS)
            return &bucket[i];
        if (bucket[i].last_ns < oldest->last_ns)
            oldest = &bucket[i];
    }
    *oldest = (struct fetch){.device = device, .first_ns = now_ns, .last_ns = now_ns};
    return oldest;
}

void fetches_add(struct fetches *fetches, uint64_t device, int64_t now_ns, bool from_client,
                 uint32_t bytes)
{
    struct fetch *fetch = fetch_of(fetches, device, now_ns);

    fetch->last_ns = now_ns;
    if (from_client || fetch->requests == 0)
        fetch->requests += fetch->requests < UINT32_MAX;
    if (!from_client)
        fetch->bytes = bytes < UINT32_MAX - fetch->bytes ? fetch->bytes + bytes : UINT32_MAX;
}

/* Of several things at once, icons and profile pictures have less than such a share of an image. */
static bool has_images(const struct fetch *fetch, double image_bytes_min, double share_min)
{
    return (double)fetch->bytes >= image_bytes_min &&
           (double)fetch->bytes >= share_min * image_bytes_min * fetch->requests;
}

uint64_t fetches_take(struct fetches *fetches, uint64_t device, int64_t from_ns, int64_t until_ns,
                      double image_bytes_min, double share_min)
{
    struct fetch *bucket = bucket_of(fetches, device);
    uint64_t bytes = 0;

    for (size_t i = 0; i < PLACES; i++) {
        if (bucket[i].device != device || bucket[i].first_ns < from_ns ||
            bucket[i].first_ns > until_ns || !has_images(&bucket[i], image_bytes_min, share_min))
            continue;
        bytes += bucket[i].bytes;
        bucket[i] = (struct fetch){0};
    }
    return bytes;
}
