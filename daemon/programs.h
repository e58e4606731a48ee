/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_PROGRAMS_H
#define IAGMETER_PROGRAMS_H

#include <stddef.h>

/* Where the programs of their own are that iagmeterd and iagmeter start, so that the libraries they
 * need are loaded nowhere else: beside the running one in a build tree, else where they are
 * installed. */
void programs_find(const char *name, char *path, size_t size);

/* Runs one and waits for it. ARGUMENTS, ended by NULL, begin with its name. Returns its exit
 * status, or -1 when it cannot be run or was ended by a signal. */
int programs_run(char *const arguments[]);

#endif
