/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_VARIANTS_H
#define IAGMETER_VARIANTS_H

#include "daemon/impact.h"

#include <stdbool.h>

/* A month computed otherwise: with each method for all services, and with another count of water.
 * These are choices, not errors: they stand beside the figures, not in their bands. */

struct month_report;

enum month_variant {
    VARIANT_REPORT,     /* what is recorded, for comparison */
    VARIANT_RECOMPUTED, /* with the factors installed, where that is something else */
    VARIANT_METHOD_A,   /* conf/factors/<vintage>/method.conf */
    VARIANT_METHOD_B,
    VARIANT_WATER, /* French power stations by the count of their operator: zones.conf, FRA-EDF */
    VARIANTS
};

struct variants {
    bool is_there;     /* false: nothing that is shown has an impact */
    bool has_water;    /* whether a service is in a zone with another count of water */
    bool is_changed;   /* what is installed now is not what was recorded with: the others have its
                          factors */
    bool is_partial;   /* what is folded is in none of them: with other factors its sum would be one
                          more equation about few devices */
    bool lacks_models; /* what is shown of services that have no model any more is in none of them:
                          nothing tells how to compute it again */
    struct impact impacts[VARIANTS];
};

/* Of the pairs that REPORT shows, from their sums over the month. */
void variants_compute(const struct month_report *report, struct variants *out);

/* Adds what CELL of REPORT has to the impacts of OUT, and says that something is there. */
struct month_cell;
void variants_of_cell(const struct month_report *report, const struct month_cell *cell,
                      struct variants *out);

/* MIX, which a service runs, as VARIANT has it. Returns whether there is another count of water. */
struct mix_factors;
bool variants_change_mix(const struct month_report *report, enum month_variant variant,
                         struct mix_factors *mix);

/* Whether a report prints it. */
bool variants_is_shown(const struct variants *variants, enum month_variant variant);

/* "report", "recomputed", "method-a", "method-b", "water". */
const char *variants_name(enum month_variant variant);

#endif
