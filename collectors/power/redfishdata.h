/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_REDFISHDATA_H
#define IAGMETER_REDFISHDATA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is in the documents of a Redfish service (DMTF DSP0266, DSP2046). Knows no network; whatever
 * the documents hold, is safe. */

#define REDFISH_PATH_SIZE 256

/* The path that RESOURCE's member NAME refers to ("@odata.id"). False when there is none, or it is
 * no path on the same server. */
bool redfishdata_link(const json_t *resource, const char *name, char path[REDFISH_PATH_SIZE]);

/* The same, of the INDEX-th member of COLLECTION; false behind the last. */
bool redfishdata_member(const json_t *collection, size_t index, char path[REDFISH_PATH_SIZE]);

/* What a chassis draws. */
struct redfish_values {
    bool has_power;
    double power_w;
    bool has_energy;
    double energy_j;
    double energy_step_j;  /* the finest that this value shows the counter to have */
    char energy_reset[40]; /* when it began to count */
};

/* Adds what EnvironmentMetrics says (PowerWatts, EnergyJoules or EnergykWh). */
void redfishdata_environment(const json_t *resource, struct redfish_values *values);

/* Adds what Power says of the whole chassis (PowerControl), unless its power is known already. What
 * it says of parts is in that. */
void redfishdata_power(const json_t *resource, struct redfish_values *values);

#endif
