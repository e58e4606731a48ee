/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/readahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

_Static_assert(sizeof(struct prepared) == 128, "two lines of the cache");

/* Parts of the file that may be ahead: few enough to stay in the second level cache of whoever
 * reads, or at least in the third one, which all processors share; enough for neither thread to
 * wait for the other at every part. */
#define PARTS 8
/* A reader that had to wait goes on when so many are free: else each part would wake it. */
#define PARTS_TO_RESUME 4
/* Packets of a part. One of packets so small that there are more ends early. */
#define PART_PACKETS 4096
/* Frames prepared at a time: so few that the beginnings of a mapped file's packets, which were just
 * asked for, are still in the first level cache. */
#define BATCH 32
/* Reads without finding a packet, before the other thread gets its turn: enough for the largest
 * record. */
#define MAX_FILLS (CAPTUREFILE_LARGEST_RECORD / CAPTUREFILE_READ_SIZE + 1)

struct part {
    uint8_t *bytes;
    struct prepared *prepared;
    size_t count;
    uint64_t from; /* of a mapped file: where it begins */
    enum capturefile_status status;
    bool large; /* more of its memory was used than others need: it is not kept, and no other filled
                   beside it */
};

struct readahead {
    struct capturefile *file;
    const struct metering *metering;
    uint8_t *memory;
    struct part parts[PARTS]; /* each belongs to one thread at a time */
    bool started;             /* the reader */
    bool begun;               /* the metering, with the part after those taken */
    pthread_t reader;
    pthread_mutex_t lock;   /* for what follows */
    pthread_cond_t changed; /* for the one that waits: never both do */
    uint64_t read;          /* parts */
    uint64_t taken;         /* of these, by the metering */
    bool reader_waits;      /* until no more than so many parts are to be taken: */
    uint64_t resume_at;
    bool taker_waits;
    bool there; /* the reader */
    bool lent;  /* the file, to it */
    bool stop;
};

#define PART_SIZE (CAPTUREFILE_BUFFER_SIZE + PART_PACKETS * sizeof(struct prepared))

/* -- The reader -------------------------------------------------------------------------------- */

/* Prepares what was read, as far as there is room. */
static void prepare(struct readahead *readahead, struct part *part)
{
    struct captured_frame frames[BATCH];
    size_t count = 1;

    while (count > 0 && part->status == CAPTUREFILE_OK && part->count + BATCH <= PART_PACKETS) {
        part->status = capturefile_take(readahead->file, frames, BATCH, &count);
        metering_prepare(readahead->metering, frames, count, part->prepared + part->count);
        part->count += count;
    }
}

static struct part *last_part(struct readahead *readahead)
{
    return &readahead->parts[(readahead->read + PARTS - 1) % PARTS];
}

/* What was read already, and goes on with it. */
static void begin_part(struct readahead *readahead, struct part *part)
{
    struct part *last = last_part(readahead);
    size_t left = capturefile_lend(readahead->file, part->bytes, CAPTUREFILE_BUFFER_SIZE);

    if (last->large)
        madvise(last->bytes, CAPTUREFILE_BUFFER_SIZE, MADV_DONTNEED);
    last->large = false;
    part->large = left > CAPTUREFILE_READ_SIZE;
    part->from = capturefile_kept(readahead->file);
    /* All before this one were taken, and the next one is the oldest that was not. */
    capturefile_release(readahead->file, readahead->parts[(readahead->read + 1) % PARTS].from);
    part->count = 0;
    part->status = CAPTUREFILE_OK;
    prepare(readahead, part);
}

/* Reads, unless enough was read already, and prepares. */
static void fill(struct readahead *readahead, struct part *part)
{
    begin_part(readahead, part);
    for (unsigned fills = 0;
         part->count == 0 && part->status == CAPTUREFILE_OK && fills < MAX_FILLS; fills++) {
        part->large |= fills > 0;
        part->status = capturefile_fill(readahead->file);
        prepare(readahead, part);
    }
    if (!capturefile_confirm(readahead->file)) {
        part->count = 0;
        part->status = CAPTUREFILE_BROKEN;
    }
}

/* Returns the part to read into, NULL when the thread is to end. */
static struct part *await_room(struct readahead *readahead)
{
    bool large = last_part(readahead)->large;
    struct part *part = NULL;

    pthread_mutex_lock(&readahead->lock);
    readahead->resume_at = large ? 0 : PARTS - PARTS_TO_RESUME;
    readahead->reader_waits = readahead->read - readahead->taken > (large ? 0 : PARTS - 1);
    while (readahead->reader_waits && !readahead->stop)
        pthread_cond_wait(&readahead->changed, &readahead->lock);
    if (!readahead->stop)
        part = &readahead->parts[readahead->read % PARTS];
    pthread_mutex_unlock(&readahead->lock);
    return part;
}

static void hand_over(struct readahead *readahead)
{
    pthread_mutex_lock(&readahead->lock);
    readahead->read++;
    if (readahead->taker_waits)
        pthread_cond_signal(&readahead->changed);
    readahead->taker_waits = false;
    pthread_mutex_unlock(&readahead->lock);
}

/* Says that the thread is there, and waits until the file is its own. */
static void await_file(struct readahead *readahead)
{
    pthread_mutex_lock(&readahead->lock);
    readahead->there = true;
    pthread_cond_signal(&readahead->changed);
    while (!readahead->lent && !readahead->stop)
        pthread_cond_wait(&readahead->changed, &readahead->lock);
    pthread_mutex_unlock(&readahead->lock);
}

static void *read_parts(void *context)
{
    struct readahead *readahead = context;
    struct part *part;
    bool end = false;

    await_file(readahead);
    while (!end && (part = await_room(readahead))) {
        fill(readahead, part);
        end = part->status != CAPTUREFILE_OK;
        hand_over(readahead);
    }
    return NULL;
}

/* -- The metering ------------------------------------------------------------------------------ */

/* The memory of all parts; only what is used of it is taken. */
static bool take_memory(struct readahead *readahead)
{
    uint8_t *memory = mmap(NULL, PARTS * PART_SIZE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return false;
    readahead->memory = memory;
    for (unsigned i = 0; i < PARTS; i++, memory += PART_SIZE) {
        readahead->parts[i].bytes = memory;
        readahead->parts[i].prepared = (void *)(memory + CAPTUREFILE_BUFFER_SIZE);
    }
    return true;
}

/* What was read so far goes to what will be the last of the parts: so the thread neither takes nor
 * gives back memory, for which it would need system calls of its own (malloc(3), "arenas"). */
static void lend_file(struct readahead *readahead)
{
    struct part *last = &readahead->parts[PARTS - 1];

    last->large = capturefile_lend(readahead->file, last->bytes, CAPTUREFILE_BUFFER_SIZE) >
                  CAPTUREFILE_READ_SIZE;
    readahead->lent = true;
    pthread_cond_signal(&readahead->changed);
}

/* The thread is there when this returns: its first system calls are others than its later ones. */
static bool start(struct readahead *readahead)
{
    readahead->started = pthread_create(&readahead->reader, NULL, read_parts, readahead) == 0;
    if (!readahead->started)
        return false;
    pthread_mutex_lock(&readahead->lock);
    while (!readahead->there)
        pthread_cond_wait(&readahead->changed, &readahead->lock);
    pthread_mutex_unlock(&readahead->lock);
    return true;
}

struct readahead *readahead_new(struct capturefile *file, const struct metering *metering)
{
    struct readahead *readahead = calloc(1, sizeof(*readahead));

    if (!readahead)
        return NULL;
    readahead->file = file;
    readahead->metering = metering;
    pthread_mutex_init(&readahead->lock, NULL);
    pthread_cond_init(&readahead->changed, NULL);
    if (take_memory(readahead) && start(readahead))
        return readahead;
    readahead_free(readahead);
    return NULL;
}

void readahead_free(struct readahead *readahead)
{
    if (!readahead)
        return;
    if (readahead->started) {
        pthread_mutex_lock(&readahead->lock);
        readahead->stop = true;
        pthread_cond_signal(&readahead->changed);
        pthread_mutex_unlock(&readahead->lock);
        pthread_join(readahead->reader, NULL);
    }
    if (readahead->memory)
        munmap(readahead->memory, PARTS * PART_SIZE);
    pthread_cond_destroy(&readahead->changed);
    pthread_mutex_destroy(&readahead->lock);
    free(readahead);
}

/* The current part is done with, once there is one. */
static void give_back(struct readahead *readahead)
{
    readahead->taken++;
    if (!readahead->reader_waits || readahead->read - readahead->taken > readahead->resume_at)
        return;
    readahead->reader_waits = false;
    pthread_cond_signal(&readahead->changed);
}

enum capturefile_status readahead_next(struct readahead *readahead, struct prepared **prepared,
                                       size_t *count)
{
    struct part *part;

    pthread_mutex_lock(&readahead->lock);
    if (readahead->begun)
        give_back(readahead);
    else
        lend_file(readahead);
    readahead->begun = true;
    readahead->taker_waits = readahead->read == readahead->taken;
    while (readahead->taker_waits)
        pthread_cond_wait(&readahead->changed, &readahead->lock);
    part = &readahead->parts[readahead->taken % PARTS];
    pthread_mutex_unlock(&readahead->lock);
    /* The thread has ended then, or is about to, and what it read was metered. */
    if (part->status == CAPTUREFILE_END && !capturefile_stayed(readahead->file))
        part->status = CAPTUREFILE_BROKEN;
    *prepared = part->prepared;
    *count = part->count;
    return part->status;
}
