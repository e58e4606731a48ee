/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_COEFFICIENTS_H
#define IAGMETER_COEFFICIENTS_H

#include "daemon/factors.h"
#include "reports/month.h"

#include <stdbool.h>
#include <stddef.h>

/* The factors of a vintage, one by one, as documents list them, and the names that `iagmeter
 * explain` takes: "2026/@factor/zone/FRA/ewif_l_per_kwh", "2026/@factor/method-a/energy_alpha_wh".
 */

enum coefficient_group {
    COEFFICIENTS_A,
    COEFFICIENTS_B,
    COEFFICIENTS_UNCERTAINTY,
    COEFFICIENTS_MODEL,
    COEFFICIENTS_PROVIDER,
    COEFFICIENTS_ZONE,
    COEFFICIENTS_MEDIUM,
    COEFFICIENT_GROUPS
};

struct coefficient {
    const char *name; /* as in conf/: "energy_alpha_wh" */
    const char *unit; /* "1" for none */
    bool is_band;     /* else low = central = high, or */
    bool is_range;    /* the centre is the geometric mean of low and high */
    struct triple value;
    const struct provenance *provenance;
};

/* The coefficient number INDEX, from 0, of a method or the uncertainties. Returns false when there
 * is none. */
bool coefficients_get(const struct factors *factors, enum coefficient_group group, size_t index,
                      struct coefficient *out);
/* The same of ENTRY, a struct model_factors, provider_factors, zone_factors or medium_factors, as
 * GROUP says. */
bool coefficients_of(enum coefficient_group group, const void *entry, size_t index,
                     struct coefficient *out);
/* What "zone/FRA", or "method-a", has under NAME. Returns false when there is no such figure. */
bool coefficients_find(const struct factors *factors, const char *key, const char *name,
                       struct coefficient *out);

/* "2026/@factor/zone/FRA/gwp_kgco2e_per_kwh"; ENTRY NULL: of a method. */
void coefficients_name(char out[MONTH_FIGURE_SIZE], const struct factors *factors,
                       enum coefficient_group group, const void *entry, const char *name);

#endif
