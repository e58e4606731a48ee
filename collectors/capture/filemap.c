/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/filemap.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What is asked for and given back at a time: few system calls, and little more in memory than is
 * looked at. */
#define STEP (1U << 20)
/* What is tried with, and how often: what else the machine does disturbs the one or other. */
#define TRIAL  STEP
#define TRIALS 3
/* Of smaller files either way takes less than trying both. */
#define WORTH_TRYING (16U << 20)
#define TRIAL_BUFFER (64U << 10)
/* Only a clear difference counts: of what is mapped less goes through the caches. Where it is dear,
 * it takes five times as long as reading. */
#define CLEARLY 2

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ 22
#endif

struct filemap {
    int descriptor;
    uint8_t *bytes;
    size_t size;
    size_t wanted;           /* asked for so far */
    _Atomic size_t released; /* given back so far: whole steps */
    struct sigaction previous;
};

/* For the signal: where the file is, none if LENGTH is 0. */
static _Atomic uintptr_t mapped_begin;
static _Atomic size_t mapped_length;
static size_t page_size;
static atomic_bool page_was_lost;

/* -- The signal -------------------------------------------------------------------------------- */

/* Puts a page of zeros where there is none. For mmap(2) POSIX does not promise that it may be
 * called here; on Linux it is a system call and nothing else, as journald relies on, too. */
static void replace_page(int signal, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    int previous_errno = errno;

    (void)context;
    if (at - mapped_begin < mapped_length &&
        mmap((void *)(at - at % page_size), page_size, PROT_READ,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
        page_was_lost = true;
    else /* of something else: when this returns, it ends the process as it always did */
        sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    errno = previous_errno;
}

static bool watch(struct filemap *map)
{
    struct sigaction action = {.sa_sigaction = replace_page, .sa_flags = SA_SIGINFO | SA_RESTART};

    page_size = (size_t)sysconf(_SC_PAGESIZE);
    page_was_lost = false;
    mapped_begin = (uintptr_t)map->bytes;
    mapped_length = map->size;
    return sigaction(SIGBUS, &action, &map->previous) == 0;
}

/* -- Life -------------------------------------------------------------------------------------- */

/* Returns 0 for what cannot be mapped. */
static size_t size_of(int descriptor)
{
    struct stat status;

    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
        (uintmax_t)status.st_size > SIZE_MAX / 2)
        return 0;
    return (size_t)status.st_size;
}

struct filemap *filemap_new(int descriptor)
{
    size_t size = mapped_length > 0 ? 0 : size_of(descriptor);
    struct filemap *map = size > 0 ? calloc(1, sizeof(*map)) : NULL;

    if (!map)
        return NULL;
    map->descriptor = descriptor;
    map->size = size;
    map->bytes = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_NORESERVE, descriptor, 0);
    if (map->bytes == MAP_FAILED) {
        free(map);
        return NULL;
    }
    madvise(map->bytes, size, MADV_SEQUENTIAL);
    if (watch(map))
        return map;
    filemap_free(map);
    return NULL;
}

void filemap_free(struct filemap *map)
{
    if (!map)
        return;
    sigaction(SIGBUS, &map->previous, NULL);
    mapped_length = 0;
    munmap(map->bytes + map->released, map->size - map->released);
    free(map);
}

uint8_t *filemap_bytes(const struct filemap *map)
{
    return map->bytes;
}

size_t filemap_size(const struct filemap *map)
{
    return map->size;
}

bool filemap_is_lost(const struct filemap *map)
{
    return page_was_lost || size_of(map->descriptor) < map->size;
}

/* -- What is in memory ------------------------------------------------------------------------- */

/* An older kernel refuses, and where nothing can be read the fault tells, if it is looked at. */
void filemap_want(struct filemap *map, size_t until)
{
    if (map->wanted < map->released)
        map->wanted = map->released;
    while (map->wanted < until && map->wanted < map->size) {
        size_t left = map->size - map->wanted;
        size_t step = left < STEP ? left : STEP;

        madvise(map->bytes + map->wanted, step, MADV_POPULATE_READ);
        map->wanted += step;
    }
}

void filemap_release(struct filemap *map, size_t until)
{
    size_t whole = (until < map->size ? until : map->size) / STEP * STEP;
    size_t released = map->released;

    do {
        if (whole <= released)
            return;
    } while (!atomic_compare_exchange_weak(&map->released, &released, whole));
    munmap(map->bytes + released, whole - released);
}

/* -- Whether to -------------------------------------------------------------------------------- */

/* Of this thread: others do not count, nor does waiting for a disk. */
static uint64_t processor_ns(void)
{
    struct timespec time = {0};

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static uint64_t time_reading(int descriptor)
{
    uint8_t buffer[TRIAL_BUFFER];
    uint64_t begin_ns = processor_ns();

    for (size_t at = 0; at < TRIAL; at += sizeof(buffer))
        if (pread(descriptor, buffer, sizeof(buffer), (off_t)at) <= 0)
            break;
    return processor_ns() - begin_ns;
}

static uint64_t time_mapping(int descriptor)
{
    uint64_t begin_ns = processor_ns();
    struct filemap *map = filemap_new(descriptor);

    if (!map)
        return UINT64_MAX;
    filemap_want(map, TRIAL);
    for (size_t at = 0; at < TRIAL; at += page_size)
        (void)*(volatile uint8_t *)(map->bytes + at);
    filemap_free(map);
    return processor_ns() - begin_ns;
}

bool filemap_is_faster(int descriptor)
{
    uint64_t reading_ns = UINT64_MAX;
    uint64_t mapping_ns = UINT64_MAX;

    if (size_of(descriptor) < WORTH_TRYING)
        return false;
    for (unsigned i = 0; i < TRIALS; i++) {
        uint64_t read_ns = time_reading(descriptor);
        uint64_t mapped_ns = time_mapping(descriptor);

        reading_ns = read_ns < reading_ns ? read_ns : reading_ns;
        mapping_ns = mapped_ns < mapping_ns ? mapped_ns : mapping_ns;
    }
    return mapping_ns / CLEARLY < reading_ns;
}
