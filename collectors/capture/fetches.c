/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/fetches.h"

#include <stddef.h>
#include <stdlib.h>

#include "collectors/capture/estimator.h"

/* What comes after a longer silence is another fetch. */
#define PAUSE_NS 2000000000LL
#define NS_PER_S 1e9

enum { BUCKETS = 1024, PLACES = 4 };

struct fetches {
    struct fetch {
        uint64_t device;
        int64_t first_ns;
        int64_t last_ns;
        uint32_t bytes; /* of the server; stays at its largest value */
        uint32_t requests;
        uint32_t said; /* of the device, since the last reply */
        bool replied;  /* perhaps, since it said something */
        int64_t said_ns;
        uint32_t files;  /* that it sent, */
        int64_t file_ns; /* and when the last of them was under way */
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

static bool is_before(const struct fetch *one, const struct fetch *other)
{
    return (one->files > 0) == (other->files > 0) ? one->last_ns < other->last_ns : one->files == 0;
}

/* The fetch that goes on, or a new one in place of the oldest. */
static struct fetch *fetch_of(struct fetches *fetches, uint64_t device, int64_t now_ns)
{
    struct fetch *bucket = bucket_of(fetches, device);
    struct fetch *oldest = bucket;

    for (size_t i = 0; i < PLACES; i++) {
        if (bucket[i].device == device && now_ns - bucket[i].last_ns < PAUSE_NS)
            return &bucket[i];
        if (is_before(&bucket[i], oldest))
            oldest = &bucket[i];
    }
    *oldest = (struct fetch){.device = device, .first_ns = now_ns, .last_ns = now_ns};
    return oldest;
}

static uint32_t add(uint32_t sum, uint32_t more)
{
    return more < UINT32_MAX - sum ? sum + more : UINT32_MAX;
}

/* A file counts once, as soon as it is large enough. */
static void look_for_file(struct fetch *fetch, int64_t now_ns, bool from_client, uint32_t bytes,
                          const struct estimator *estimator)
{
    bool was_file;

    if (!from_client) {
        fetch->replied |= bytes >= estimator->file_reply_bytes_min;
        return;
    }
    if (fetch->replied && (double)(now_ns - fetch->said_ns) >= estimator->file_pause_s * NS_PER_S)
        fetch->said = 0;
    fetch->replied = false;
    fetch->said_ns = now_ns;
    was_file = fetch->said >= estimator->file_bytes_min;
    fetch->said = add(fetch->said, bytes);
    if (fetch->said < estimator->file_bytes_min)
        return;
    fetch->files += !was_file;
    fetch->file_ns = now_ns;
}

void fetches_add(struct fetches *fetches, uint64_t device, int64_t now_ns, bool from_client,
                 uint32_t bytes, const struct estimator *estimator)
{
    struct fetch *fetch = fetch_of(fetches, device, now_ns);

    fetch->last_ns = now_ns;
    if (from_client || fetch->requests == 0)
        fetch->requests += fetch->requests < UINT32_MAX;
    if (!from_client)
        fetch->bytes = add(fetch->bytes, bytes);
    if (estimator->file_bytes_min > 0)
        look_for_file(fetch, now_ns, from_client, bytes, estimator);
}

void fetches_add_files(struct fetches *fetches, uint64_t device, int64_t now_ns, uint32_t files)
{
    struct fetch *fetch = fetch_of(fetches, device, now_ns);

    fetch->last_ns = fetch->file_ns = now_ns;
    fetch->files = add(fetch->files, files);
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
        bucket[i].bytes = bucket[i].requests = 0;
        if (bucket[i].files == 0)
            bucket[i] = (struct fetch){0};
    }
    return bytes;
}

uint32_t fetches_take_files(struct fetches *fetches, uint64_t device, int64_t from_ns,
                            int64_t until_ns)
{
    struct fetch *bucket = bucket_of(fetches, device);
    uint32_t files = 0;

    for (size_t i = 0; i < PLACES; i++) {
        if (bucket[i].device != device || bucket[i].files == 0 || bucket[i].file_ns < from_ns ||
            bucket[i].file_ns > until_ns)
            continue;
        files = add(files, bucket[i].files);
        bucket[i].files = 0;
    }
    return files;
}
