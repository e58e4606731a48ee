/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CALIBRATESERVICE_H
#define IAGMETER_CALIBRATESERVICE_H

#include "daemon/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* `iagmeter calibrate service NAME`: prompts of one known client, whose true tokens are typed or
 * read from a table, make a calibration file (servicecalibration.h). The client's address is used
 * to choose packets, in memory alone: nothing that is written or said holds it. */

struct calibrateservice_options {
    const char *service;
    const char *client;    /* address; NULL: of a file, all of it */
    const char *interface; /* to watch; NULL: */
    const char *capture;   /* file to read */
    const char *truth;     /* table of true tokens; NULL: they are asked for */
    const char *output;    /* "-": standard output; "": beside iagmeter.conf */
    unsigned least;        /* exchanges that are enough; 0: as the method needs */
    unsigned seconds;      /* to watch an interface at most */
    int64_t now_s;
};

/* Returns the exit status, after one sentence on standard error when there is no calibration. */
int calibrateservice_run(const struct calibrateservice_options *options,
                         const struct config *config);

struct calibrateservice_truth {
    double tokens_out;
    double tokens_in; /* 0: not stated */
};

/* Reads a table: exchange (1, 2, 3...), tokens out, tokens in or nothing, by white space; '#'
 * begins a comment. TRUTH[MOST] is filled by number. Returns how many there are; 0 after a
 * sentence with NAME and line in ERROR. */
size_t calibrateservice_read_truth(FILE *stream, const char *name,
                                   struct calibrateservice_truth *truth, size_t most, char *error,
                                   size_t error_size);

#endif
