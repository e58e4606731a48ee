/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_POWERCONFIG_H
#define IAGMETER_POWERCONFIG_H

#include "collectors/collector.h"
#include "daemon/diagnostics.h"
#include "daemon/powerremoteconfig.h"

#include <libconfig.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* The group `power` of host.conf: which meters are read, how often, and what stands for what none
 * of them covers. */

#define POWER_MAX_NAMES 64

/* Of sources of meters of the whole machine: by so many seconds what they say is dated back. */
struct power_lags {
    unsigned snmp;
    unsigned redfish;
    unsigned ipmi;
    unsigned cray;
    unsigned hwmon;
};

struct power_config {
    unsigned interval_ms; /* between two readings of a meter */
    unsigned wall_lag_s;  /* a meter of the whole may tell so late, or average over so long */
    struct power_lags lag_s;
    char root[PATH_MAX]; /* below which /sys, /proc and /dev lie: in a container; "": there */
    /* What the machine draws beside GPUs, processors and memory, where there is no meter of the
     * whole: measured once, by whoever runs it. */
    bool has_rest;
    double rest_w;
    unsigned rest_year;
    char rest_source[300];
    char rest_grade;                            /* 'A' to 'E' */
    char off[POWER_MAX_NAMES][POWER_NAME_SIZE]; /* sources, or channels: "rapl", "rapl/dram-0" */
    size_t off_count;
    char wall[POWER_MAX_NAMES][POWER_NAME_SIZE]; /* sources, the one to be believed first */
    size_t wall_count;
    char gpus[POWER_MAX_NAMES][POWER_NAME_SIZE]; /* channels: gpu0 is the first of them */
    size_t gpu_count;
    struct powerremote_config remote; /* what is asked of a library, or over a network */
};

extern const struct power_config power_defaults;

/* The names of all sources, ended by NULL. */
extern const char *const powerconfig_sources[];

/* By how much what SOURCE says of the whole machine is dated back; and the longest of any. */
unsigned powerconfig_lag_s(const struct power_config *config, const char *source);
unsigned powerconfig_longest_lag_s(const struct power_config *config);

/* GROUP may be NULL: what is there stays as it is. CONFIG starts as power_defaults. NOW_YEAR: no
 * year may be after it. */
void powerconfig_read(struct power_config *config, const config_setting_t *group, unsigned now_year,
                      struct diagnostics *diagnostics);

#endif
