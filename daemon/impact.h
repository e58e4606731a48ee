/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_IMPACT_H
#define IAGMETER_IMPACT_H

#include "daemon/catalogue.h"
#include "daemon/factors.h"
#include "daemon/triple.h"

#include <stdbool.h>

/* Activity times factors. Pure functions: no state, no I/O. */

/* Results of method A for one end of the parameter ranges. */
struct method_a_result {
    double gpu_count;
    double latency_s;  /* of generation */
    double energy_kwh; /* data centre, PUE included */
    double gwp_use_kgco2e;
    double gwp_embodied_kgco2e;
    double adpe_use_kgsb;
    double adpe_embodied_kgsb;
    double water_l; /* WUE + PUE * EWIF on IT energy (Li et al. 2025) */
};

/* The steps of method A, each for one GPU and one size in 1e9 parameters. */
double impact_gpu_energy_kwh(const struct method_a *method, double active_b, double tokens);
double impact_generation_latency_s(const struct method_a *method, double active_b, double tokens);
double impact_model_memory_gb(const struct method_a *method, double total_b);
double impact_gpu_count(const struct method_a *method, double total_b);

/* Method A for REQUESTS requests that wrote TOKENS_OUT tokens together. request_latency_s is what
 * the client saw in total, INFINITY when unknown: the time that the model's speed implies (tokens,
 * plus the time to the first one for each request) is cut to it. The minimum takes every range at
 * its lower end, the maximum at its upper end, as EcoLogits does. */
void impact_method_a(const struct method_a *method, const struct model_factors *model,
                     const struct provider_factors *provider, const struct zone_factors *zone,
                     double requests, double tokens_out, double request_latency_s,
                     struct method_a_result *minimum, struct method_a_result *maximum);

/* Impact of some activity, each with its band. */
struct impact {
    struct triple energy_kwh;
    struct triple gwp_use_kgco2e;
    struct triple gwp_embodied_kgco2e;
    struct triple adpe_kgsb; /* use and embodied */
    struct triple water_l;
};

/* A service's factors, looked up once. */
struct impact_factors {
    const struct method_a *method;
    const struct model_factors *model;
    const struct provider_factors *provider;
    const struct zone_factors *zone;
};

/* Finds the factors that SERVICE names. Returns NULL, or what is missing (a static string); a
 * service without a model has no impact estimate, which is not an error: out->model stays NULL. */
const char *impact_resolve(const struct factors *factors, const struct service *service,
                           struct impact_factors *out);

/* Central is the geometric mean of method A's two ends. The band of the activity (tokens and
 * requests, which rise and fall together) and that of the factors are independent: their logarithms
 * are combined in quadrature (the method page, "Work in logs"). Where an end is 0 and has no
 * logarithm, the low end is 0 and central is half of the upper one. Zeros when factors->model is
 * NULL. */
struct impact impact_compute(const struct impact_factors *factors, struct triple requests,
                             struct triple tokens_out);

struct impact impact_add(struct impact a, struct impact b);

#endif
