/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SANDBOX_H
#define IAGMETER_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/* What each process gives up for good before it starts to work. All return false with one sentence
 * in ERROR. */

bool sandbox_knows_user(const char *user);

/* Started as root: becomes USER (and its groups), keeping only CAP_NET_RAW when KEEP_CAPTURE. Does
 * nothing when USER is "" or the process is not root. */
bool sandbox_become(const char *user, bool keep_capture, char *error, size_t error_size);

/* Started as root with a USER to become: makes it the owner of DIRECTORY. */
bool sandbox_own(const char *user, const char *directory, char *error, size_t error_size);

/* Gives up CAP_BPF, with which programs are loaded into the kernel; root keeps its other rights. */
bool sandbox_forgo_programs(char *error, size_t error_size);

/* No core file is made of this process, nor of those that it starts: of packets, of tables made of
 * them, and of secrets. To become another user may allow it again. */
bool sandbox_forbid_core(char *error, size_t error_size);

/* Gives up all capabilities, the right to gain any, and core files. */
bool sandbox_drop_capabilities(char *error, size_t error_size);

/* For the process that parses packets: from here on it can read what is open, write to the log and
 * to its sockets CONTROL and DATA, ask for memory and the time, and end. Opening a file fails; a
 * new socket or program, and output to anything else (the network above all), kill it. */
bool sandbox_capture(int control, int data, char *error, size_t error_size);

/* For a command that parses what others sent: from here on it has the rights of the process above
 * and no others. Before, started as root, it becomes USER as sandbox_become(), but of "" nobody,
 * where the kernel lets it. Without sockets, CONTROL and DATA are -1. */
bool sandbox_command(const char *user, int control, int data, char *error, size_t error_size);

/* For the counters: no programs, no files but to read those that it needs and to ask devices, and
 * no network unless NETWORK; then it may ask meters and servers, and nobody can ask it. READABLE,
 * ended by NULL, are files or directories to read beside those of the system (/sys, /proc, /dev,
 * /etc, libraries); what is not there is passed over. On a kernel without Landlock (5.13) it can
 * read whatever its user can. To be entered before there are threads. */
bool sandbox_counters(const char *const *readable, bool network, char *error, size_t error_size);
bool sandbox_has_landlock(void);

/* For the meter: no network, no programs, nothing asked of devices. */
bool sandbox_meter(char *error, size_t error_size);

#endif
