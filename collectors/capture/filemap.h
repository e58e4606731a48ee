/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_FILEMAP_H
#define IAGMETER_FILEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file in memory as the kernel has it, instead of a copy: of a capture only the beginnings of
 * packets are looked at, and most of what read(2) would copy is not.
 *
 * Whoever cuts a mapped file short takes its pages away: the rest of the last one is zeros then,
 * and to look at others is a signal, SIGBUS, as it is where the disk fails. Here such a page
 * becomes one of zeros, and filemap_is_lost() tells: what was looked at since the last time that it
 * said no is worth nothing.
 *
 * One at a time in a process; those forked after filemap_new() have it at the same place, and each
 * asks for and gives back its own memory. After filemap_new(), the only system calls are
 * madvise(2), munmap(2), fstat(2), and, where a page is lost, mmap(2). */

struct filemap;

/* Whether looking at DESCRIPTOR's file where the kernel has it is faster than copying it, which
 * depends on the machine: where page faults are dear (some hypervisors), it takes several times as
 * long. Tries both on the beginning, which takes a few milliseconds and leaves all as it was; false
 * for what cannot be mapped, or is so small that it does not matter. Needs pread(2) and
 * clock_gettime(2) besides. */
bool filemap_is_faster(int descriptor);

/* Maps all of DESCRIPTOR, which stays the caller's and open. NULL when it is no regular
 * file, is empty, there is no memory for it, or another file is mapped. */
struct filemap *filemap_new(int descriptor);
void filemap_free(struct filemap *map);

/* What is there, from the beginning of the file; not to be written to. */
uint8_t *filemap_bytes(const struct filemap *map);
/* Of the file when it was mapped, in bytes. */
size_t filemap_size(const struct filemap *map);

/* Asks for what lies before UNTIL, which then costs no fault page by page. */
void filemap_want(struct filemap *map, size_t until);
/* What lies before UNTIL is not looked at again: its memory is given back. Any thread may call it.
 */
void filemap_release(struct filemap *map, size_t until);

/* Whether something of the file was taken away since it was mapped. */
bool filemap_is_lost(const struct filemap *map);

#endif
