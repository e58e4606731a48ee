/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SECRETFILE_H
#define IAGMETER_SECRETFILE_H

#include <stdbool.h>
#include <stddef.h>

/* Reads the first line of PATH, a password, into OUT. Refuses a file that every user can read. On
 * failure OUT is "", and ERROR says why in one sentence, without anything of what is in the file.
 * Whoever is done with OUT wipes it. */
bool secretfile_read(const char *path, char *out, size_t size, char *error, size_t error_size);

#endif
