/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The command people type. Some of what it does parses what others sent: so what librrd is needed
 * for, which loads some fifty libraries to draw, another program does. */

#include "daemon/commandline.h"
#include "daemon/programs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* With the same command line, which was found to be right, and in the same process: so signals and
 * the exit status are its own. */
static int hand_over(const struct command_options *options)
{
    char program[PATH_MAX];

    programs_find("iagmeter-views", program, sizeof(program));
    execv(program, options->command_line);
    fprintf(stderr, "iagmeter: cannot run %s, which does \"%s\": %s\n", program,
            options->command_line[1], strerror(errno));
    return EXIT_TROUBLE;
}

static const struct commandline_runner runners[] = {
    {"status", command_status},       {"report", hand_over},          {"explain", command_explain},
    {"what-if", command_what_if},     {"restate", command_restate},   {"impact", command_impact},
    {"factors", command_factors},     {"metrics", command_metrics},   {"inspect", command_inspect},
    {"import", command_import},       {"hash-key", command_hash_key}, {"power", command_power},
    {"calibrate", command_calibrate}, {"rebuild", hand_over},         {NULL, NULL},
};

int main(int argc, char **argv)
{
    return commandline_main(argc, argv, runners);
}
