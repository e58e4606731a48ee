/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_IDLECALIBRATION_H
#define IAGMETER_IDLECALIBRATION_H

#include "daemon/config.h"
#include "daemon/ledger.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What each device of the host draws while nobody asks for anything, from intervals that the daemon
 * recorded: they are of the meters by which energy is then shared, and means of a minute, unlike
 * readings of a second, hardly depend on each other, so that their spread tells how sure the mean
 * is. Nothing that was recorded changes. */

#define IDLE_LEAST_S 600

struct idle_device {
    char name[POWER_NAME_SIZE];
    unsigned n;        /* intervals, each with a mean power */
    unsigned left_out; /* not measured whole, or by a counter that began anew */
    uint8_t flags;     /* enum energy_flag */
    double least_w;
    double mean_w;
    double most_w;
    double error_w; /* standard error of the mean */
    double early_w; /* means of the two halves */
    double late_w;
    double *samples_w;
};

struct idle_calibration {
    int64_t from_s;
    int64_t until_s;
    bool assumed; /* that nobody asked for anything: it was not looked at */
    struct idle_device devices[MAX_POWER_DEVICES]; /* those of host.conf */
    size_t count;
};

enum idle_status {
    IDLE_DONE,
    IDLE_EARLY,   /* not all of the time is in the ledger yet, or an exchange is still open */
    IDLE_REFUSED, /* it would not be true; the reason is said */
    IDLE_TROUBLE  /* the ledger cannot be read, or no memory; the reason is said */
};

/* The whole intervals from FROM_S to UNTIL_S. ASSUMED: whoever runs it knows that there was no
 * use. CONFIG has a host. OUT is filled as far as it is known also when it is early or refused, and
 * to be freed in every case. */
enum idle_status idlecalibration_measure(struct idle_calibration *out, struct ledger *ledger,
                                         const struct config *config, int64_t from_s,
                                         int64_t until_s, bool assumed, char *error,
                                         size_t error_size);
void idlecalibration_free(struct idle_calibration *calibration);

/* How the means settled, and what was found: for people. */
void idlecalibration_print(const struct idle_calibration *calibration, FILE *stream);

/* A file that host.conf can name. */
bool idlecalibration_write(const struct idle_calibration *calibration, const struct config *config,
                           int64_t now_s, FILE *stream);

#endif
