/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_BYTESTREAM_H
#define IAGMETER_BYTESTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The bytes of a file or pipe, expanded when they are compressed by gzip (RFC 1952). Needs no
 * system call but read(2). All that it knows is in memory that processes forked after
 * bytestream_new() share: any of them may read on, one at a time. */

struct bytestream;

/* Reads DESCRIPTOR, which stays the caller's, from where it stands, at most READ_SIZE bytes at a
 * time. NULL when out of memory. */
struct bytestream *bytestream_new(int descriptor, size_t read_size);
void bytestream_free(struct bytestream *stream);

/* From now on reads DESCRIPTOR, from where that stands: nothing of what came before is left. */
void bytestream_restart(struct bytestream *stream, int descriptor);

/* Puts up to SIZE bytes, at least 2, at INTO, waiting for the first. Returns how many, 0 at the
 * end, -1 when it cannot go on. All that a damaged file holds before the damage comes first. */
ssize_t bytestream_read(struct bytestream *stream, uint8_t *into, size_t size);

/* Whether what was read so far is what the file holds, not expanded. */
bool bytestream_is_plain(const struct bytestream *stream);

/* After -1: why. */
const char *bytestream_error(const struct bytestream *stream);

#endif
