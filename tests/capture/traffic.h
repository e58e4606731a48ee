/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_TRAFFIC_H
#define IAGMETER_TESTS_TRAFFIC_H

#include "daemon/catalogue.h"
#include "daemon/diagnostics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shipped estimators, and recorded traffic beside the tree. Include after cmocka.h. */

#define TRAFFIC IAGMETER_SOURCE_ROOT "/../shared/data/traffic/"

/* The recording NAME, after its header line. Skips the test aloud when it is not there. */
static inline FILE *open_traffic(const char *name)
{
    char path[512];
    FILE *stream;

    snprintf(path, sizeof(path), "%s%s", TRAFFIC, name);
    stream = fopen(path, "re");
    if (!stream) {
        print_message("SKIPPED: %s is not here\n", path);
        skip();
    }
    while (stream && fgetc(stream) != '\n')
        ;
    return stream;
}

/* The next number of a line of comma-separated values. */
static inline double next_number(char **at)
{
    double value = strtod(*at, at);

    if (**at == ',')
        (*at)++;
    return value;
}

/* The estimator of the shipped service ID. */
static inline struct estimator shipped_estimator(const char *id)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct catalogue *catalogue =
        catalogue_load(IAGMETER_SOURCE_ROOT "/conf/services.conf", NULL, diagnostics);
    struct estimator estimator;

    assert_non_null(catalogue);
    assert_int_not_equal(catalogue_find(catalogue, id), SERVICE_NONE);
    estimator = catalogue_service(catalogue, catalogue_find(catalogue, id))->estimator;
    catalogue_free(catalogue);
    diagnostics_free(diagnostics);
    return estimator;
}

#endif
