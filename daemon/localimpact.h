/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_LOCALIMPACT_H
#define IAGMETER_LOCALIMPACT_H

#include "daemon/factors.h"
#include "daemon/hostconfig.h"
#include "daemon/impact.h"

/* The impact of services on a host of our own: of measured energy, never of a model's factors. */

struct local_factors {
    const struct host_config *host;
    const struct zone_factors *zone;
};

/* Looks up the host's zone in FACTORS, of any vintage. Returns NULL, or what is missing (a static
 * string). What *OUT points to belongs to HOST and FACTORS. */
const char *local_factors_resolve(const struct host_config *host, const struct factors *factors,
                                  struct local_factors *out);

/* The impact of ENERGY_J drawn by machines, and of HOST_S during which the host was there. The band
 * of all that comes from energy is the accuracy with which it is measured: energy +- that share of
 * it. PUE, WUE and the factors of the zone have none, nor has what is embodied. */
struct impact local_impact(const struct local_factors *factors, double energy_j, double host_s);

#endif
