/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_IMPACT_H
#define IAGMETER_IMPACT_H

#include "daemon/catalogue.h"
#include "daemon/factors.h"
#include "daemon/triple.h"

#include <stdbool.h>

/* Activity times factors. Pure functions: no state, no I/O. */

/* A service's factors, looked up once. */
struct impact_factors {
    const struct method_a *method;
    const struct model_factors *model;
    const struct provider_factors *provider;
    const struct zone_factors *zone;
    const struct method_b *method_b; /* NULL: the energy is method A's */
    const struct uncertainty_factors *uncertainty;
};

/* What is to be computed for: all requests together. */
struct impact_work {
    double requests;
    double tokens_in; /* cost nothing in method A */
    double tokens_out;
    double request_latency_s; /* what the client saw in total; INFINITY: unknown */
};

/* One value for each thing that an impact depends on, and is not known exactly. */
struct impact_point {
    struct impact_work work;
    double total_b;  /* parameters, 1e9 */
    double active_b; /* parameters, 1e9 */
    double batch_size;
    double input_weight;      /* of an input token, in output tokens */
    double gpu_energy_factor; /* the method's own error: 1 is none */
    double pue;
    double wue_l_per_kwh;
    double ewif_l_per_kwh;
    double gwp_kgco2e_per_kwh;
    double adpe_kgsb_per_kwh;
};

enum impact_end { IMPACT_LOW, IMPACT_CENTRAL, IMPACT_HIGH };

struct impact_result {
    double gpu_count;
    double latency_s;  /* of generation */
    double gpu_kwh;    /* of all GPUs */
    double server_kwh; /* of their servers; in method B also of those that wait */
    double it_kwh;     /* of both */
    double energy_kwh; /* data centre, PUE included */
    double gwp_use_kgco2e;
    double gwp_embodied_kgco2e;
    double adpe_use_kgsb;
    double adpe_embodied_kgsb;
    double water_l; /* WUE + PUE * EWIF on IT energy (Li et al. 2025) */
};

/* The steps of method A, each for one GPU and one size in 1e9 parameters. */
double impact_gpu_energy_kwh(const struct method_a *method, double batch_size, double active_b,
                             double tokens);
double impact_generation_latency_s(const struct method_a *method, double batch_size,
                                   double active_b, double tokens);
double impact_model_memory_gb(const struct method_a *method, double total_b);
double impact_gpu_count(const struct method_a *method, double total_b);

/* Method B: J per output token on all GPUs together, without host and idle machines. */
double impact_joules_per_token(const struct method_b *method, double active_b, double total_b,
                               double batch_size);

/* Every range at the end that gives the lower or the higher impact; central: the geometric mean of
 * a range, and what is stated as central where it is. */
struct impact_point impact_point(const struct impact_factors *factors,
                                 const struct impact_work *work, enum impact_end end);

/* The impact at one point. The time that the model's speed implies (tokens, plus the time to the
 * first one for each request) is cut to what the client saw. At IMPACT_LOW and IMPACT_HIGH of
 * method A, these are the minimum and maximum of EcoLogits. */
struct impact_result impact_at(const struct impact_factors *factors,
                               const struct impact_point *point);

/* The impact of IT_KWH measured at the machines: a host of our own, an image. Nothing embodied. */
struct impact_result impact_of_energy(double it_kwh, const struct impact_point *point);

/* sqrt(minimum * maximum); half of the maximum where the minimum is 0 and would drag it to 0. */
double impact_centre(double minimum, double maximum);

/* Impact of some activity, each with its band. */
struct impact {
    struct triple energy_kwh;
    struct triple gwp_use_kgco2e;
    struct triple gwp_embodied_kgco2e;
    struct triple adpe_kgsb; /* use and embodied */
    struct triple water_l;
};

/* Finds the factors of SERVICE when it runs MODEL, "provider/name": one that models.conf has not
 * got falls back to what it declares for other models of that maker. Returns NULL, or what is
 * missing (a static string). Which model a service runs when is told by servicefactors.h. */
const char *impact_resolve_model(const struct factors *factors, const struct service *service,
                                 const char *model, struct impact_factors *out);

/* The same with the model that SERVICE names for itself; a service without one has no impact
 * estimate, which is not an error: out->model stays NULL. */
const char *impact_resolve(const struct factors *factors, const struct service *service,
                           struct impact_factors *out);

/* The band of the activity (tokens and requests, which rise and fall together), that of the factors
 * and, in method B, that of the fit are independent: their logarithms are combined in quadrature
 * (the method page, "Work in logs"). Central is the geometric mean of method A's two ends, and
 * method B's own central. Where an end is 0 and has no logarithm, the low end is 0 and central is
 * half of the upper one. Zeros when factors->model is NULL. */
struct impact impact_compute(const struct impact_factors *factors, struct triple requests,
                             struct triple tokens_in, struct triple tokens_out);

/* The same of images: which medium SERVICE makes them with, and where. Returns NULL with *MEDIUM
 * NULL for a service that names none, or what is missing. */
const char *impact_resolve_images(const struct factors *factors, const struct service *service,
                                  struct impact_factors *out, const struct medium_factors **medium);

/* IT energy of one, kWh: with the share of the host and of machines that wait where only GPUs were
 * measured. */
struct triple impact_medium_kwh(const struct factors *factors, const struct medium_factors *medium);

/* The impact of so many UNITS of IT_KWH each, at the provider and in the zone of FACTORS. The bands
 * of the number, of the energy and of PUE and WUE combine as above. Nothing embodied. */
struct impact impact_of_units(const struct impact_factors *factors, struct triple it_kwh,
                              struct triple units);

/* What the method's own error adds to a band, as the natural logarithm of a factor; not to what is
 * embodied. 0 in method A. */
double impact_log_of_fit(const struct impact_factors *factors);

struct impact impact_add(struct impact a, struct impact b);

#endif
