/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SHAREDFILE_H
#define IAGMETER_SHAREDFILE_H

#include "collectors/capture/frame.h"
#include "collectors/capture/trust.h"

#include <stddef.h>
#include <stdint.h>

struct capturefile;

/* A capture file, or a capture in several, whose packets several processes share by client
 * (shard.h). They read it in turn: whoever has least to do reads the next part of it into memory
 * that all share, and sorts its packets; then each takes its own from there, in the order of the
 * file. So reading, too, is done by several, and a worker whose clients are busier than others'
 * reads less.
 *
 * Each worker sees the time as if it had all packets, in overheard frames without bytes (frame.h);
 * and each is given all fragments and all frames of several packets, which all workers but the
 * first only overhear.
 *
 * Life cycle: sharedfile_new() before fork(); then in each process any number of sharedfile_read(),
 * one sharedfile_leave(), and sharedfile_free(). When a process dies before it left, the others
 * find SHAREDFILE_LATER for ever: whoever sees it die must end them. The system calls are those of
 * capturefile_begin(), of capturefile_read(), futex(2) and madvise(2). */

struct sharedfile;

enum { SHAREDFILE_WORKERS = 16 };

enum sharedfile_status {
    SHAREDFILE_OK,
    SHAREDFILE_LATER, /* there is no more yet; some time was spent waiting */
    SHAREDFILE_END,
    SHAREDFILE_BROKEN,    /* damaged: what came before was given */
    SHAREDFILE_UNREADABLE /* no capture that can be read */
};

/* For WORKERS processes, at most SHAREDFILE_WORKERS. The COUNT DESCRIPTORS, as of
 * capturefile_new(), are read by whichever process. NULL when memory is exhausted. */
struct sharedfile *sharedfile_new(const int *descriptors, unsigned count, unsigned workers);
void sharedfile_free(struct sharedfile *file);

/* Before fork(): as capturefile_map(). */
void sharedfile_map(struct sharedfile *file);
/* Before fork(): by which tunnels are opened, as metering_set_trust() tells each worker. */
void sharedfile_set_trust(struct sharedfile *file, const struct trust_policy *policy);

/* The next frames of WORKER. They stay until its next call. */
enum sharedfile_status sharedfile_read(struct sharedfile *file, unsigned worker,
                                       const struct captured_frame **frames, size_t *count);

/* WORKER will read no more: nobody waits for it. */
void sharedfile_leave(struct sharedfile *file, unsigned worker);

/* After SHAREDFILE_END, _BROKEN or _UNREADABLE: packets of the whole capture; why; the link type as
 * capturefile_link_type(), which cannot be decoded or is -1 when it is the reason; and what is
 * read, to ask where in it. */
uint64_t sharedfile_packets(const struct sharedfile *file);
const char *sharedfile_error(const struct sharedfile *file);
int sharedfile_link_type(const struct sharedfile *file);
const struct capturefile *sharedfile_capture(const struct sharedfile *file);

#endif
