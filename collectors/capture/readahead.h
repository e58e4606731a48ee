/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_READAHEAD_H
#define IAGMETER_READAHEAD_H

#include "collectors/capture/capturefile.h"
#include "collectors/capture/metering.h"

/* A thread that reads a capture file ahead of the metering and does for each packet what depends on
 * no other: decoding and hashing (metering_prepare()). What depends on what came before is done by
 * the metering alone, packet after packet; so the results are the same as without the thread, to
 * the bit.
 *
 * Life cycle: readahead_new(), any number of readahead_next() until it returns something else than
 * CAPTUREFILE_OK, readahead_free(). */

struct readahead;

/* FILE and METERING outlive it. Of FILE nothing is read before the first readahead_next(); from
 * then on nobody else may call its functions until the end was met. Once this returns, the thread
 * makes no system calls but those of capturefile_read(), futex(2), madvise(2), and those by which a
 * thread ends. NULL when memory is exhausted or there can be no more threads. */
struct readahead *readahead_new(struct capturefile *file, const struct metering *metering);
/* Waits for the thread's end: for a read(2) that is going on. */
void readahead_free(struct readahead *readahead);

/* The next packets, for metering_take(); they and their bytes stay until the next call. With
 * another status than CAPTUREFILE_OK, they are the last. CAPTUREFILE_OK with none means, as of
 * capturefile_read(), that there is no end yet. */
enum capturefile_status readahead_next(struct readahead *readahead, struct prepared **prepared,
                                       size_t *count);

#endif
