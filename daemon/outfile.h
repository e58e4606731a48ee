/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_OUTFILE_H
#define IAGMETER_OUTFILE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* Files that a command writes for others to read. */

/* Returns false on failure, with errno. */
typedef bool outfile_writer(const void *context, FILE *stream);

/* A new file at PATH, in the place of what is there: beside its final name first, so that a reader
 * never sees half a file, and a full disk leaves the old one. Of root's, the directory's owner
 * becomes the owner. Returns false after one sentence to standard error. */
bool outfile_write(const char *path, outfile_writer *write, const void *context);

/* What root makes in somebody's DIRECTORY is theirs, as if they had made it; of others it is
 * already. Returns false on failure, with errno. */
bool outfile_give(int descriptor, const char *directory);

/* That is there, or is made with MODE. Returns false after one sentence to standard error. */
bool outfile_directory(const char *path, mode_t mode);

#endif
