/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_INSPECTMETRICS_H
#define IAGMETER_INSPECTMETRICS_H

#include "collectors/inference/servermetrics.h"

#include <stdio.h>

/* `iagmeter inspect --metrics`: what would be read of an inference server's metrics, in total since
 * it was started, model by model and team by team, for the sysadmin. The one place where the names
 * of models and teams are shown; nothing of it is recorded, and users and keys are not shown. */

struct inspectmetrics_options {
    enum server_dialect dialect;
    /* Which are configured; without any, directions are not shown. */
    const struct server_team *teams;
    size_t team_count;
    const char *(*direction_code)(const void *context, uint16_t direction);
    const void *context;
    const char *user; /* to become when the process, once the file is open, gives up its rights for
                         good (sandbox_command()); NULL: it keeps them, as tests do */
};

/* Reads the file at PATH ("-": standard input), as /metrics answers, and writes a header and one
 * line a model and team to STREAM. Returns the exit status, after one sentence on standard error
 * when there is nothing to show. */
int inspectmetrics_run(const char *path, const struct inspectmetrics_options *options,
                       FILE *stream);

#endif
