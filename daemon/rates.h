/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_RATES_H
#define IAGMETER_RATES_H

#include "daemon/impact.h"

#include <stdbool.h>

/* The impact of millions of rows with the same factors. At each end of the factors an impact is a
 * sum of so much per request, per input token and per output token: these rates are asked of
 * impact_at() once. Per row remain a few products, roots and logarithms. Pure. */

/* In the order of struct impact. */
enum rates_quantity {
    RATES_ENERGY_KWH,
    RATES_GWP_USE_KGCO2E, /* energy times intensity: has no rates of its own */
    RATES_GWP_EMBODIED_KGCO2E,
    RATES_ADPE_KGSB,
    RATES_WATER_L,
    RATES_QUANTITIES
};

struct rate {
    double per_request;
    double per_token_in;
    double per_token_out;
};

struct rates {
    struct impact_factors factors; /* model NULL: no impact */
    double gwp_kgco2e_per_kwh;
    double log_fit_squared; /* the fit's own error, method B */
    struct rate minimum[RATES_QUANTITIES];
    struct rate central[RATES_QUANTITIES]; /* method B; method A has the mean of the two others */
    struct rate maximum[RATES_QUANTITIES];
};

struct rates rates_of(const struct impact_factors *factors);

/* impact_compute(), to 1e-12 relative. */
struct impact rates_impact(const struct rates *rates, struct triple requests,
                           struct triple tokens_in, struct triple tokens_out);

/* Its central values alone, of the central activity. */
void rates_central(const struct rates *rates, double requests, double tokens_in, double tokens_out,
                   double out[RATES_QUANTITIES]);

/* Whether both have the same central values, whatever the activity is. */
bool rates_same_central(const struct rates *a, const struct rates *b);

#endif
