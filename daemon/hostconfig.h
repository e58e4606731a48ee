/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HOSTCONFIG_H
#define IAGMETER_HOSTCONFIG_H

#include "collectors/collector.h"
#include "daemon/catalogue.h"
#include "daemon/diagnostics.h"
#include "daemon/directions.h"
#include "daemon/factors.h"
#include "daemon/powerconfig.h"
#include "daemon/sharing.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* conf/host.conf: the inference host of our own. What turns its measured joules into impact, which
 * service runs on which device, and how what no request asked for is shared. Each figure has year,
 * source and grade, and none has a default. */

#define HOST_NAME_SIZE       40
#define HOST_DEVICE_NAME     "host" /* the device that is all but the GPUs */
#define HOST_DEVICE_SERVICES 16
#define HOST_SERVICES        32
#define HOST_PERIODS         32
#define HOST_CALIBRATIONS    16

/* A figure of host.conf with year, source and grade; its scope and licence are empty. */
struct host_quantity {
    double value;
    struct provenance provenance;
};

/* What `iagmeter calibrate` wrote. */
enum host_calibration_kind { HOST_CALIBRATION_IDLE, HOST_CALIBRATION_WEIGHTS };
struct host_calibration {
    char path[PATH_MAX];
    int kind;                        /* enum host_calibration_kind */
    char date[sizeof("2026-12-31")]; /* when it was measured, UTC */
    char source[300];                /* how, in a sentence */
    bool in_use;                     /* at least one figure of it is */
};
#define HOST_NOT_CALIBRATED (-1)

/* A device as the counters name it: "gpu0", HOST_DEVICE_NAME. */
struct host_device {
    char name[POWER_NAME_SIZE];
    double idle_w; /* of its joules, this power times the time is idle; with the model loaded */
    struct provenance idle_provenance;
    int calibration; /* number of the one that idle_w is of, or HOST_NOT_CALIBRATED */
    unsigned n;      /* of a calibration: samples behind it, */
    double error_w;  /* and the standard error */
    char services[HOST_DEVICE_SERVICES][SERVICE_ID_SIZE]; /* that compute on it */
    size_t service_count;
};

/* What a token of a service weighs when energy is shared. */
struct host_weights {
    char service[SERVICE_ID_SIZE];
    struct sharing_weights weights;
    struct provenance provenance;
    int calibration; /* number of the one that they are of, or HOST_NOT_CALIBRATED */
    unsigned n;      /* of a calibration: intervals fitted, */
    double error;    /* and the fit's root mean square error, relative to the mean */
};

struct host_entitlement {
    char direction[DIRECTION_CODE_SIZE];
    double share;
};

/* The key of whole local months, from one until the next period's. */
struct host_period {
    int64_t from_day;   /* local, since 1970-01-01: the first of a month; INT64_MIN: ever */
    int key;            /* enum sharing_key_kind */
    double usage_share; /* that goes by use: 1 under "usage", 0 under "entitlement" */
    size_t count;       /* of entitlements, which add up to 1; 0 under "usage" */
    struct host_entitlement entitlements[MAX_DIRECTIONS];
};

/* The manufacture of the machine, spread over its life. */
struct host_embodied {
    double server_gwp_kgco2e; /* without its GPUs */
    double server_adpe_kgsb;
    double gpu_gwp_kgco2e; /* of one */
    double gpu_adpe_kgsb;
    unsigned gpus;
    double lifetime_years;
    struct provenance provenance;
};

struct host_config {
    char path[PATH_MAX];
    char name[HOST_NAME_SIZE];
    char zone[ZONE_ID_SIZE];      /* of zones.conf */
    char common[SERVICE_ID_SIZE]; /* the local service that idle and pool are counted under */
    struct host_quantity pue;     /* energy of the data centre / of its machines */
    struct host_quantity wue_l_per_kwh;
    struct host_quantity energy_accuracy; /* relative: the band of what is measured */
    struct host_embodied embodied;
    struct host_device devices[MAX_POWER_DEVICES];
    size_t device_count;
    struct host_weights weights[HOST_SERVICES];
    size_t weight_count;
    struct host_period periods[HOST_PERIODS]; /* by date */
    size_t period_count;
    struct host_calibration calibrations[HOST_CALIBRATIONS];
    size_t calibration_count;
    struct power_config power; /* the meters */
};

/* Reads the file at PATH (absolute), and the calibrations that it names, relative to it. Services,
 * directions and zones must be those of the other files; NOW_S: no year may be after it. Returns
 * NULL after diagnostics with file and line. Freed with hostconfig_free(). */
struct host_config *hostconfig_load(const char *path, const struct catalogue *catalogue,
                                    const struct directions *directions,
                                    const struct factors *factors, int64_t now_s,
                                    struct diagnostics *diagnostics);
void hostconfig_free(struct host_config *host);

/* NULL when host.conf has none of that name. */
const struct host_device *hostconfig_device(const struct host_config *host, const char *name);
const struct host_weights *hostconfig_weights(const struct host_config *host, const char *service);

/* The key in force at TIME_S, by local months (calendar.h). Before the first period, and without
 * any, it is by use. */
const struct host_period *hostconfig_period(const struct host_config *host, int64_t time_s);

#endif
