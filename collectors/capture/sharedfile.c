/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/sharedfile.h"

#include "collectors/capture/capturefile.h"
#include "collectors/capture/decode.h"
#include "collectors/capture/metering.h"
#include "collectors/capture/shard.h"

#include <linux/futex.h>
#include <pcap/dlt.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
/* Parts of the file that one worker has read into memory: enough to even out that workers are not
 * equally busy all the time, few enough to stay in its own second level cache. */
#define PARTS 4
/* Frames of a part, for one worker. A part of frames so small that there are more ends early. */
#define PART_FRAMES 4096
/* Frames sorted at a time; each may become three (see place()). */
#define BATCH 64
/* A worker that has fewer parts before it reads ahead; one that has more is behind the others. */
#define READ_AHEAD 2
/* Workers without packets learn what time it is so often; well below METERING_SILENCE_NS. */
#define TIME_NS (10 * SECOND_NS)
/* Waiting comes to an end after so long: the caller has others to listen to. */
#define WAIT_NS (SECOND_NS / 10)
/* Reads without finding a packet, before others get their turn: enough for the largest record. */
#define MAX_FILLS (CAPTUREFILE_LARGEST_RECORD / CAPTUREFILE_READ_SIZE + 1)
#define LINE      64 /* of the cache: what different workers write lies in different ones */

struct part {
    uint64_t number; /* in the file, from 1; 0: none yet */
    uint64_t from;   /* of a mapped file: where it begins */
    size_t counts[SHAREDFILE_WORKERS];
    struct captured_frame *frames[SHAREDFILE_WORKERS];
    uint8_t *bytes;
    bool large; /* more of its memory was used than others need */
};

struct worker {
    _Alignas(LINE) _Atomic uint64_t taken; /* parts that it is done with */
    bool busy;                             /* with the next one */
    unsigned next;                         /* of its own to read into */
    struct part parts[PARTS];
};

/* What time it is. */
struct clock {
    bool begun;
    int64_t now_ns;  /* as a meter of all packets would have it */
    int64_t tell_ns; /* when all workers are told it next */
};

/* In shared memory, as all that it points to. Padding is what keeps workers out of each other's
 * lines. NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct sharedfile {
    unsigned workers;
    struct trust_policy policy;
    struct capturefile *file;
    size_t memory_size;
    uint8_t *memory; /* of all parts */

    /* Of whoever reads. */
    bool begun;
    struct clock clock;
    uint64_t packets;
    int link_type;
    char error[256];
    struct part *order[SHAREDFILE_WORKERS * PARTS]; /* where each part of the file is */

    _Alignas(LINE) _Atomic uint32_t reading; /* somebody is */
    _Alignas(LINE) _Atomic uint64_t read;    /* parts */
    _Atomic uint64_t kept_from; /* of a mapped file: no part that is kept begins before */
    _Atomic uint32_t status;    /* not SHAREDFILE_OK: nothing follows those parts */
    _Alignas(LINE) _Atomic uint32_t changes; /* of any of these; a futex */
    _Atomic uint32_t waiting;
    struct worker worker[SHAREDFILE_WORKERS];
};

/* -- Memory ------------------------------------------------------------------------------------ */

static void *map(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static void divide_memory(struct sharedfile *file, size_t part_size)
{
    uint8_t *memory = file->memory;

    for (unsigned i = 0; i < file->workers * PARTS; i++, memory += part_size) {
        struct part *part = &file->worker[i / PARTS].parts[i % PARTS];
        struct captured_frame *frames = (void *)(memory + CAPTUREFILE_BUFFER_SIZE);

        part->bytes = memory;
        for (unsigned j = 0; j < file->workers; j++)
            part->frames[j] = frames + j * PART_FRAMES;
    }
}

struct sharedfile *sharedfile_new(const int *descriptors, unsigned count, unsigned workers)
{
    struct sharedfile *file = map(sizeof(*file));
    size_t part_size =
        CAPTUREFILE_BUFFER_SIZE + workers * PART_FRAMES * sizeof(struct captured_frame);

    if (!file)
        return NULL;
    file->workers = workers;
    file->link_type = -1;
    file->clock.tell_ns = INT64_MIN; /* at once */
    file->memory_size = workers * PARTS * part_size;
    file->memory = map(file->memory_size);
    file->file = capturefile_new(descriptors, count, CAPTUREFILE_READ_SIZE);
    if (!file->memory || !file->file) {
        sharedfile_free(file);
        return NULL;
    }
    divide_memory(file, part_size);
    return file;
}

void sharedfile_map(struct sharedfile *file)
{
    capturefile_map(file->file);
}

void sharedfile_set_trust(struct sharedfile *file, const struct trust_policy *policy)
{
    file->policy = *policy;
}

void sharedfile_free(struct sharedfile *file)
{
    if (!file)
        return;
    capturefile_close(file->file);
    if (file->memory)
        munmap(file->memory, file->memory_size);
    munmap(file, sizeof(*file));
}

/* -- Waiting ----------------------------------------------------------------------------------- */

/* Returns how many changes there were before. */
static uint32_t announce(struct sharedfile *file)
{
    uint32_t before = atomic_fetch_add(&file->changes, 1);

    if (atomic_load(&file->waiting) > 0)
        syscall(SYS_futex, &file->changes, FUTEX_WAKE, SHAREDFILE_WORKERS, NULL, NULL, 0);
    return before;
}

/* Waits for a change since SEEN. */
static void await_change(struct sharedfile *file, uint32_t seen)
{
    const struct timespec limit = {.tv_nsec = WAIT_NS};

    atomic_fetch_add(&file->waiting, 1);
    syscall(SYS_futex, &file->changes, FUTEX_WAIT, seen, &limit, NULL, 0);
    atomic_fetch_sub(&file->waiting, 1);
}

static struct part **order_of(struct sharedfile *file, uint64_t number)
{
    return &file->order[number % (SHAREDFILE_WORKERS * PARTS)];
}

/* -- Sorting ----------------------------------------------------------------------------------- */

static void give(struct part *part, unsigned worker, const struct captured_frame *frame,
                 int64_t time_ns)
{
    struct captured_frame *given = &part->frames[worker][part->counts[worker]++];

    *given = *frame;
    given->time_ns = time_ns;
}

/* Gives all workers but one, SHARD, a frame that they overhear. */
static void give_others(const struct sharedfile *file, struct part *part, unsigned shard,
                        const struct captured_frame *frame)
{
    struct captured_frame overheard = *frame;

    overheard.overheard = true;
    for (unsigned i = 0; i < file->workers; i++)
        if (i != shard)
            give(part, i, &overheard, file->clock.now_ns);
}

/* Tells all workers but one what time it is. */
static void tell_time(struct sharedfile *file, struct part *part, unsigned shard)
{
    const struct captured_frame time = {.link_type = DLT_EN10MB};

    give_others(file, part, shard, &time);
    file->clock.tell_ns = file->clock.now_ns + TIME_NS;
}

/* The clock as it is when a packet of SHARD has come. What other packets did to it, all workers
 * learn before it jumps, and now and then. */
static void move_clock(struct sharedfile *file, struct part *part, unsigned shard, int64_t time_ns)
{
    bool jumps = !file->clock.begun || metering_jumps(file->clock.now_ns, time_ns);

    if (file->clock.begun && (jumps || time_ns > file->clock.tell_ns))
        tell_time(file, part, SHARD_UNKNOWN);
    if (jumps || time_ns > file->clock.now_ns)
        file->clock.now_ns = time_ns;
    if (jumps)
        tell_time(file, part, shard);
    file->clock.begun = true;
}

static inline void place(struct sharedfile *file, struct part *part,
                         const struct captured_frame *frame)
{
    unsigned shard = shard_of_frame(&file->policy, frame, file->workers);
    unsigned owner = shard == SHARD_UNKNOWN ? 0 : shard;

    if (frame->time_ns >= file->clock.now_ns && frame->time_ns <= file->clock.tell_ns)
        file->clock.now_ns = frame->time_ns;
    else
        move_clock(file, part, owner, frame->time_ns);
    give(part, owner, frame, file->clock.now_ns);
    if (shard == SHARD_UNKNOWN)
        give_others(file, part, owner, frame);
}

static bool has_room(const struct sharedfile *file, const struct part *part)
{
    for (unsigned i = 0; i < file->workers; i++)
        if (part->counts[i] + 3 * BATCH > PART_FRAMES)
            return false;
    return true;
}

/* -- Reading ----------------------------------------------------------------------------------- */

static enum sharedfile_status begin(struct sharedfile *file)
{
    if (!capturefile_begin(file->file, file->error, sizeof(file->error)))
        return SHAREDFILE_UNREADABLE;
    file->begun = true;
    file->link_type = capturefile_link_type(file->file);
    return file->link_type < 0 || decode_supports(file->link_type) ? SHAREDFILE_OK
                                                                   : SHAREDFILE_UNREADABLE;
}

/* Sorts what was read, as far as there is room. Returns how many packets that were. */
static size_t sort(struct sharedfile *file, struct part *part, enum capturefile_status *status)
{
    struct captured_frame frames[BATCH];
    size_t sorted = 0;
    size_t count = 1;

    while (count > 0 && has_room(file, part)) {
        *status = capturefile_take(file->file, frames, BATCH, &count);
        for (size_t i = 0; i < count; i++)
            place(file, part, &frames[i]);
        sorted += count;
    }
    return sorted;
}

static void forget_frames(const struct sharedfile *file, struct part *part)
{
    for (unsigned i = 0; i < file->workers; i++)
        part->counts[i] = 0;
}

/* Reads, unless enough was read already, and sorts. What is worth nothing tells no time either:
 * zeros would be packets of 1970. */
static enum sharedfile_status fill_part(struct sharedfile *file, struct part *part)
{
    const struct clock before = file->clock;
    enum capturefile_status status = CAPTUREFILE_OK;
    size_t sorted = sort(file, part, &status);

    for (unsigned fills = 0; sorted == 0 && status == CAPTUREFILE_OK && fills < MAX_FILLS;
         fills++) {
        part->large |= fills > 0;
        status = capturefile_fill(file->file);
        if (status == CAPTUREFILE_OK)
            sorted = sort(file, part, &status);
    }
    if (!capturefile_confirm(file->file)) {
        forget_frames(file, part);
        file->clock = before;
        sorted = 0;
        status = CAPTUREFILE_BROKEN;
    }
    file->packets += sorted;
    if (status == CAPTUREFILE_OK)
        return SHAREDFILE_OK;
    if (file->clock.begun)
        tell_time(file, part, SHARD_UNKNOWN);
    return status == CAPTUREFILE_END ? SHAREDFILE_END : SHAREDFILE_BROKEN;
}

static void clear_part(const struct sharedfile *file, struct part *part)
{
    forget_frames(file, part);
    if (part->large)
        madvise(part->bytes, CAPTUREFILE_BUFFER_SIZE, MADV_REMOVE);
}

/* Only whoever reads may ask: nobody else fills a part again. */
static uint64_t find_kept(struct sharedfile *file)
{
    uint64_t taken = atomic_load(&file->read);

    for (unsigned i = 0; i < file->workers; i++) {
        uint64_t other = atomic_load(&file->worker[i].taken);

        taken = other < taken ? other : taken;
    }
    if (taken < file->read)
        return (*order_of(file, taken))->from;
    return file->begun ? capturefile_kept(file->file) : 0;
}

static void read_part(struct sharedfile *file, struct part *part)
{
    enum sharedfile_status status = SHAREDFILE_OK;
    uint64_t before = atomic_load(&file->read);

    atomic_store(&file->kept_from, find_kept(file));
    clear_part(file, part);
    part->large =
        capturefile_lend(file->file, part->bytes, CAPTUREFILE_BUFFER_SIZE) > CAPTUREFILE_READ_SIZE;
    if (!file->begun)
        status = begin(file);
    part->from = capturefile_kept(file->file);
    if (status == SHAREDFILE_OK)
        status = fill_part(file, part);
    part->number = before + 1;
    *order_of(file, before) = part;
    atomic_store(&file->read, before + 1);
    atomic_store(&file->status, status);
}

static bool all_took(struct sharedfile *file, uint64_t number)
{
    for (unsigned i = 0; i < file->workers; i++)
        if (atomic_load(&file->worker[i].taken) < number)
            return false;
    return true;
}

/* Reads the next part, unless somebody else does, or the others have yet to take what was read here
 * before: then returns false. */
static bool read_ahead(struct sharedfile *file, struct worker *worker)
{
    struct part *part = &worker->parts[worker->next];

    if (!all_took(file, part->number) || atomic_exchange(&file->reading, 1))
        return false;
    if (atomic_load(&file->status) == SHAREDFILE_OK) {
        read_part(file, part);
        worker->next = (worker->next + 1) % PARTS;
    }
    atomic_store(&file->reading, 0);
    announce(file);
    return true;
}

static bool finish_part(struct worker *worker)
{
    if (!worker->busy)
        return false;
    worker->busy = false;
    atomic_fetch_add(&worker->taken, 1);
    return true;
}

enum sharedfile_status sharedfile_read(struct sharedfile *file, unsigned worker,
                                       const struct captured_frame **frames, size_t *count)
{
    struct worker *own = &file->worker[worker];
    bool finished = finish_part(own);
    uint32_t seen = atomic_load(&file->changes);
    bool has_read = atomic_load(&file->read) - own->taken < READ_AHEAD && read_ahead(file, own);
    enum sharedfile_status status;
    struct part *part;

    /* Who has read has told both at once: meanwhile nobody else could have made use of it. What is
     * told here is no news here. */
    if (finished && !has_read && announce(file) == seen)
        seen++;
    status = atomic_load(&file->status); /* before the number of parts: it comes after the last */
    if (atomic_load(&file->read) == own->taken) {
        if (status == SHAREDFILE_OK) {
            await_change(file, seen);
            status = SHAREDFILE_LATER;
        }
        return status;
    }
    own->busy = true;
    part = *order_of(file, own->taken);
    capturefile_release(file->file, atomic_load(&file->kept_from));
    *frames = part->frames[worker];
    *count = part->counts[worker];
    return SHAREDFILE_OK;
}

void sharedfile_leave(struct sharedfile *file, unsigned worker)
{
    atomic_store(&file->worker[worker].taken, UINT64_MAX);
    announce(file);
}

uint64_t sharedfile_packets(const struct sharedfile *file)
{
    return file->packets;
}

const char *sharedfile_error(const struct sharedfile *file)
{
    return file->begun ? capturefile_error(file->file) : file->error;
}

int sharedfile_link_type(const struct sharedfile *file)
{
    return file->link_type;
}

const struct capturefile *sharedfile_capture(const struct sharedfile *file)
{
    return file->file;
}
