/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_COMMANDLINE_H
#define IAGMETER_COMMANDLINE_H

#include "daemon/command.h"

/* The command line of `iagmeter`: which commands there are, what each takes, and the usage. */

/* Returns the exit status. */
typedef int commandline_run(const struct command_options *options);

/* How a program does a command. */
struct commandline_runner {
    const char *name; /* NULL ends a list */
    commandline_run *run;
};

/* The main() of a program that does the commands of RUNNERS: finds the one that is meant, reads its
 * options, runs it. Anything else, also one that is not in the list, is wrong usage. Returns the
 * exit status, when all that was printed is written. */
int commandline_main(int argc, char **argv, const struct commandline_runner *runners);

#endif
