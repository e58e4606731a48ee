/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_MEMORYLIMIT_H
#define IAGMETER_MEMORYLIMIT_H

#include <stdint.h>

/* Of how much memory this process may use. */

/* What the control groups of this process allow it and those that it starts, in bytes: the least
 * memory.max from its own up to the first one (Documentation/admin-guide/cgroup-v2.rst of Linux;
 * systemd.resource-control(5), MemoryMax). UINT64_MAX where none sets a limit, or it cannot be
 * read. ROOT is the directory below which /proc and /sys are; "": there. */
uint64_t memorylimit_read(const char *root);

/* Taken of the address space by now, in bytes, used or not (proc(5), statm); 0 when not known. */
uint64_t memorylimit_taken(const char *root);

#endif
