/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SERVICECALIBRATION_H
#define IAGMETER_SERVICECALIBRATION_H

#include "daemon/catalogue.h"
#include "daemon/diagnostics.h"
#include "daemon/servicefit.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The files that `iagmeter calibrate service` writes and iagmeter.conf lists: what a service's
 * estimator is on one transport from their date on. They hold sums of the whole session, and
 * nothing of who took part.
 *
 * Of a service that streams in several ways (regimes), a file replaces the rule of the one that it
 * saw, or, if none was told, that of the answers which tell none; the others stay. Where it has the
 * method of these answers, it also is their centre, within a band that still holds the shipped one.
 * The newest of each way are in force together; where several are the centre, the newest of them.
 * Files of version 1 hold one rule for all answers, and are in force alone. */

#define SERVICE_CALIBRATIONS 64

struct service_calibration {
    char path[PATH_MAX];
    struct diagnostics_place at; /* of the group in it, or in a file that it includes */
    char service[SERVICE_ID_SIZE];
    char regime[ESTIMATOR_NAME_SIZE]; /* "": no way of streaming was told */
    bool is_of_all;                   /* of answers, in whatever way */
    int transport;                    /* enum service_transport */
    int method;                       /* enum estimator_method */
    int grade;                        /* enum evidence_grade */
    char date[sizeof("2026-12-31")];
    char source[120];
    unsigned n;
    double median_error;
    double bias;
    double sigma;
    double tokens_least;
    double tokens_most;
    double record_bytes;
    double records_per_s;
    unsigned input_n; /* requests that input tokens were fitted to; 0: they were not */
    double input_median_error;
    double input_bias;
    struct estimator parameters; /* those that the method uses, and of the input if fitted */
    bool in_force;               /* the newest of its service, transport and way of streaming */
};

struct service_calibrations {
    struct service_calibration items[SERVICE_CALIBRATIONS];
    size_t count;
};

/* Reads the files that the list SETTING of iagmeter.conf (at CONFIG_PATH, absolute) names. TODAY:
 * days since 1970-01-01, UTC. */
struct config_setting_t;
void servicecalibration_read(struct service_calibrations *out,
                             const struct config_setting_t *setting, const char *config_path,
                             int64_t today, struct diagnostics *diagnostics);

/* Checks them against the services, and puts the newest ones in force in CATALOGUE. */
void servicecalibration_resolve(struct service_calibrations *calibrations,
                                struct catalogue *catalogue, struct diagnostics *diagnostics);

/* The number of the way of streaming that it is of, among those of its service's ESTIMATOR as
 * shipped; ESTIMATOR_NO_WAY also if it is of all. */
size_t servicecalibration_way(const struct service_calibration *calibration,
                              const struct estimator *estimator);

/* Refuses what of FIT, of ESTIMATOR, would be written outside the limits of such files, so that the
 * file could not be used: in its refusal, or that of its input tokens. Nothing where there is one.
 */
void servicecalibration_limit(const struct estimator *estimator, struct servicefit *fit);

/* Writes the file of a fit that holds. Returns false when STREAM fails. */
bool servicecalibration_write(const char *service, enum service_transport transport,
                              const struct estimator *estimator, const struct servicefit *fit,
                              int64_t now_s, FILE *stream);

/* Those in force, for `iagmeter status`. */
void servicecalibration_print(const struct service_calibrations *calibrations, int64_t now_s,
                              FILE *stream);

struct json_t;
struct json_t *servicecalibration_json(const struct service_calibration *calibration);

#endif
