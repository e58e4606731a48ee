/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/fetches.h"

#include <stddef.h>
#include <stdlib.h>

#include "collectors/capture/estimator.h"
#include "collectors/capture/webexchange.h"

/* What comes after a longer silence is another fetch. */
#define PAUSE_NS 2000000000LL
/* Until then the answer to which an image belongs has ended, and it is kept before others. */
#define KEEP_NS 60000000000LL
/* No estimator lets a file wait longer for its prompt (file_wait_s in estimator_config.c). */
#define KEEP_FILES_NS 3600000000000LL
#define NS_PER_S      1e9
/* Of an image as large as the smallest, so much comes within that; of sound that is played as it
 * comes, less. */
#define BULK_NS 1000000000LL

enum { BUCKETS = 1024, PLACES = 4 };

struct fetches {
    struct fetch {
        uint64_t device; /* or a connection of one, see owner_of() */
        int64_t first_ns;
        int64_t last_ns;
        uint32_t bytes; /* of the server; stays at its largest value */
        uint32_t requests;
        uint32_t connection; /* to the page's own host; 0: to one of images */
        uint32_t files;      /* that it sent, */
        int64_t file_ns;     /* and when the last of them was under way */
        union {
            struct {
                int64_t said_ns;
                uint32_t said; /* of the device, since the last reply */
                bool replied;  /* perhaps, since it said something */
            };
            struct { /* of a page's own host: what is not as large as an image yet */
                int64_t pending_ns;
                uint32_t pending_bytes;
                uint16_t pending_calls;
                bool is_large; /* it goes on with what is */
            };
        };
    } buckets[BUCKETS][PLACES];
};
_Static_assert(sizeof(struct fetches) == BUCKETS * PLACES * 64, "a fetch has become larger");

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

/* Files wait for their prompt, and images for the end of their answer. A page that loads must not
 * be forgotten amid that. */
static int worth(const struct fetch *fetch, int64_t now_ns)
{
    int64_t since_ns = now_ns - fetch->last_ns;
    bool waits = since_ns < (fetch->bytes > 0 ? KEEP_NS : PAUSE_NS);
    bool has_files = fetch->files > 0 && now_ns - fetch->file_ns <= KEEP_FILES_NS;

    return has_files ? 2 : fetch->connection > 0 && waits ? 1 : 0;
}

static bool is_before(const struct fetch *one, const struct fetch *other, int64_t now_ns)
{
    int worths[] = {worth(one, now_ns), worth(other, now_ns)};

    return worths[0] == worths[1] ? one->last_ns < other->last_ns : worths[0] < worths[1];
}

/* The fetch that goes on, or a new one in place of the oldest. */
static struct fetch *fetch_of(struct fetches *fetches, uint64_t device, uint32_t connection,
                              int64_t now_ns)
{
    struct fetch *bucket = bucket_of(fetches, device);
    struct fetch *oldest = bucket;

    for (size_t i = 0; i < PLACES; i++) {
        if (bucket[i].device == device && bucket[i].connection == connection &&
            now_ns - bucket[i].last_ns < PAUSE_NS)
            return &bucket[i];
        if (is_before(&bucket[i], oldest, now_ns))
            oldest = &bucket[i];
    }
    *oldest = (struct fetch){
        .device = device, .first_ns = now_ns, .last_ns = now_ns, .connection = connection};
    return oldest;
}

static uint32_t add(uint32_t sum, uint32_t more)
{
    return more < UINT32_MAX - sum ? sum + more : UINT32_MAX;
}

static uint16_t add_small(uint16_t sum, uint32_t more)
{
    return (uint16_t)(more < UINT16_MAX - (uint32_t)sum ? sum + more : UINT16_MAX);
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
    struct fetch *fetch = fetch_of(fetches, device, 0, now_ns);

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
    struct fetch *fetch = fetch_of(fetches, device, 0, now_ns);

    fetch->last_ns = fetch->file_ns = now_ns;
    fetch->files = add(fetch->files, files);
}

/* Where answers come over a connection, what else comes is no other's. */
static uint64_t owner_of(uint64_t device, uint32_t connection)
{
    return device + connection * 0x9e3779b97f4a7c15U; /* 2^64 / the golden ratio: spreads them */
}

/* Adds to what is pending: what other calls are sent begins anew, and so does what comes so slowly
 * that it is no image. */
static void add_pending(struct fetch *fetch, const struct webexchange_bulk *bulk)
{
    bool is_slow = !fetch->is_large && bulk->first_ns - fetch->pending_ns > BULK_NS;
    bool is_new = bulk->calls > 0 && (is_slow || fetch->is_large);

    if (is_new) {
        fetch->pending_calls = 0;
        fetch->is_large = false;
    }
    if (is_new || is_slow)
        fetch->pending_bytes = 0;
    if (fetch->pending_bytes == 0)
        fetch->pending_ns = bulk->first_ns;
    fetch->pending_bytes = add(fetch->pending_bytes, bulk->bytes);
    fetch->pending_calls = add_small(fetch->pending_calls, bulk->calls);
}

/* What is smaller than an image is a reply of another kind, and tells nothing of what else is
 * fetched. */
void fetches_add_bulk(struct fetches *fetches, uint64_t device, uint32_t connection,
                      const struct webexchange_bulk *bulk, const struct estimator *estimator)
{
    uint64_t owner = bulk->is_of_answers ? owner_of(device, connection) : device;
    struct fetch *fetch = fetch_of(fetches, owner, connection, bulk->first_ns);

    fetch->last_ns = bulk->last_ns;
    add_pending(fetch, bulk);
    if (!fetch->is_large && fetch->pending_bytes < estimator->image_bytes.low)
        return;
    if (fetch->bytes == 0)
        fetch->first_ns = fetch->pending_ns;
    fetch->bytes = add(fetch->bytes, fetch->pending_bytes);
    fetch->requests = add(fetch->requests, fetch->pending_calls);
    fetch->pending_bytes = 0;
    fetch->pending_calls = 0;
    fetch->is_large = true;
    if (fetch->requests > estimator->image_calls_max) /* a page that loads */
        fetch->bytes = 0;
}

/* Of several things at once, icons and profile pictures have less than such a share of an image. Of
 * a page's own host, something must have been asked for, and nothing follow that makes it a page.
 */
static bool has_images(const struct fetch *fetch, const struct estimator *estimator, int64_t now_ns)
{
    double least = estimator->image_bytes.low;

    if (fetch->connection > 0 && (fetch->requests == 0 || now_ns - fetch->last_ns < PAUSE_NS))
        return false;
    return (double)fetch->bytes >= least &&
           (double)fetch->bytes >= estimator->image_fetch_share * least * fetch->requests;
}

static uint64_t take(struct fetches *fetches, uint64_t owner, int64_t from_ns,
                     const struct fetches_window *window, const struct estimator *estimator)
{
    struct fetch *bucket = bucket_of(fetches, owner);
    uint64_t bytes = 0;

    for (size_t i = 0; i < PLACES; i++) {
        if (bucket[i].device != owner || bucket[i].first_ns < from_ns ||
            bucket[i].first_ns > window->until_ns ||
            !has_images(&bucket[i], estimator, window->now_ns))
            continue;
        bytes += bucket[i].bytes;
        bucket[i].bytes = bucket[i].requests = 0;
        if (bucket[i].files == 0)
            bucket[i] = (struct fetch){0};
    }
    return bytes;
}

uint64_t fetches_take(struct fetches *fetches, uint64_t device, uint32_t connection,
                      const struct fetches_window *window, const struct estimator *estimator)
{
    return take(fetches, device, window->from_ns, window, estimator) +
           take(fetches, owner_of(device, connection), window->own_from_ns, window, estimator);
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
