/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SHARING_H
#define IAGMETER_SHARING_H

#include "collectors/collector.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who used how much of a host's measured energy (the method page, "Sharing a local host"). Pure
 * functions. Nothing is negative, and what goes in comes out: all parts add up to the total. */

/* What a token weighs, in tokens that are put out. */
struct sharing_weights {
    double input; /* one that is not from the cache */
    double cached;
    double output;
};

/* What a device drew in one interval. */
struct sharing_device {
    double energy_j;
    double idle_j; /* of that; at most all of it */
    /* No service is placed on it: what it draws above idle follows what the other devices drew
     * above theirs for somebody; when that is nothing, the weights. */
    bool follows;
};

/* A service: where it computes. */
struct sharing_service {
    struct sharing_weights weights;
    uint64_t devices; /* bit i: on device i. On several: on each, its use counts in full */
};

/* What one direction asked of one service in the interval. */
struct sharing_use {
    size_t service;   /* number of it */
    double tokens_in; /* those from the cache included */
    double tokens_cached;
    double tokens_out;
    double weight;   /* result: weighted tokens */
    double active_j; /* result: its part of what the devices drew above idle */
};

struct sharing_totals {
    double energy_j; /* of all devices: the sum of the three */
    double active_j; /* of all uses */
    double idle_j;
    double pool_j; /* above idle, but nobody asked for anything there */
};

/* input (in - cached) + cached cached + output out */
double sharing_weight(const struct sharing_weights *weights, double tokens_in, double tokens_cached,
                      double tokens_out);

/* min(energy, idle power x time), which what a device drew idle cannot exceed. */
double sharing_idle_j(double energy_j, double idle_w, uint64_t covered_ns);

/* At most MAX_POWER_DEVICES devices. Fills the results of USES. */
struct sharing_totals sharing_interval(const struct sharing_device *devices, size_t device_count,
                                       const struct sharing_service *services,
                                       struct sharing_use *uses, size_t use_count);

/* How idle and pool are shared: by weighted tokens, by what each direction is entitled to, or a
 * part by one and the rest by the other. */
enum sharing_key_kind { SHARING_USAGE, SHARING_ENTITLEMENT, SHARING_HYBRID };

/* The COUNT shares of what is common: USAGE_SHARE of it by WEIGHTS (any scale), the rest by
 * ENTITLEMENTS (which add up to 1; NULL when USAGE_SHARE is 1). Returns what is left: 0, but
 * USAGE_SHARE when no weight is above 0, since nobody used anything. Shares and the rest add up to
 * 1. */
double sharing_key(double usage_share, const double *weights, const double *entitlements,
                   size_t count, double *shares);

/* "usage", "entitlement", "hybrid". */
const char *sharing_key_name(enum sharing_key_kind key);

#endif
