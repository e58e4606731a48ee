/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_WEIGHTCALIBRATION_H
#define IAGMETER_WEIGHTCALIBRATION_H

#include "daemon/config.h"
#include "daemon/ledger.h"
#include "daemon/nnls.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What a token of each service costs, fitted to what the host's devices drew above idle in each
 * recorded minute, and to the tokens of that minute: least squares without negative coefficients
 * (nnls.h). Services that share a device are fitted together. Only the ratios are used, with a
 * token put out as 1. Nothing that was recorded changes. */

#define WEIGHTS_MOST_SERVICES (NNLS_MOST / 3) /* on devices that they share */

/* Of a service. */
struct weights_fit {
    char service[SERVICE_ID_SIZE];
    bool is_used;          /* else nothing can be said, and what follows is 0 */
    bool is_cached_fitted; /* else too few tokens came from the cache: that weight is host.conf's */
    struct sharing_weights weights;
    double error_input; /* standard errors, by 200 samples of the minutes */
    double error_cached;
    double output_j; /* for one token put out, above idle */
};

/* Services that share devices, directly or through others. */
struct weights_group {
    struct weights_fit fits[WEIGHTS_MOST_SERVICES];
    size_t count;
    uint64_t devices;  /* bit i: the i-th of host.conf */
    unsigned n;        /* minutes with use, in which all of these devices were measured whole */
    double condition;  /* nnls_condition() */
    double explained;  /* R^2 */
    double error;      /* root mean square of what is left, relative to the mean */
    char refusal[200]; /* one sentence; "": the fit holds */
};

struct weights_calibration {
    int64_t from_s;
    int64_t until_s;
    struct weights_group *groups;
    size_t count;
};

/* The whole intervals from FROM_S to UNTIL_S, as far as they are complete. CONFIG has a host, whose
 * idle powers and placement of services are used. False with ERROR when the ledger cannot be read,
 * or there is no memory. To be freed in every case. */
bool weightcalibration_fit(struct weights_calibration *out, struct ledger *ledger,
                           const struct config *config, int64_t from_s, int64_t until_s,
                           char *error, size_t error_size);
void weightcalibration_free(struct weights_calibration *calibration);

/* How many services there are weights of. */
size_t weightcalibration_services(const struct weights_calibration *calibration);

void weightcalibration_print(const struct weights_calibration *calibration,
                             const struct host_config *host, FILE *stream);

/* A file that host.conf can name, of the fits that hold: at least one. */
bool weightcalibration_write(const struct weights_calibration *calibration, int64_t now_s,
                             FILE *stream);

#endif
