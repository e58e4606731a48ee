/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_COEFFICIENTS_H
#define IAGMETER_COEFFICIENTS_H

#include "daemon/factors.h"

#include <stdbool.h>
#include <stddef.h>

/* The coefficients of a vintage's methods, one by one, as documents list them. */

enum coefficient_group { COEFFICIENTS_A, COEFFICIENTS_B, COEFFICIENTS_UNCERTAINTY };

struct coefficient {
    const char *name; /* as in conf/: "energy_alpha_wh" */
    const char *unit; /* "1" for none */
    bool is_band;     /* else low = central = high */
    struct triple value;
    const struct provenance *provenance;
};

/* The coefficient number INDEX, from 0. Returns false when there is none. */
bool coefficients_get(const struct factors *factors, enum coefficient_group group, size_t index,
                      struct coefficient *out);

#endif
