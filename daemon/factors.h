/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_FACTORS_H
#define IAGMETER_FACTORS_H

#include "daemon/confread.h"
#include "daemon/diagnostics.h"

#include <stddef.h>

/* One vintage of factors: conf/factors/<vintage>/. Every number that turns activity into impact is
 * here, with unit, year, scope, source and grade; none is in C. */

struct factors;

#define ZONE_ID_SIZE 24 /* "FRA", "FRA-ECOLOGITS", with the NUL */

/* Where a figure comes from; printed in reports. */
struct provenance {
    char unit[40];
    char year[40];
    char scope[200];
    char source[300];
    char licence[60];
    char grade; /* 'A' to 'E' */
};

/* Coefficients of method A (the method page, section 2; EcoLogits main of 2026-03-13). */
struct method_a {
    double energy_alpha_wh;   /* Wh per token, GPU and 1e9 active parameters */
    double energy_beta;       /* per request of the batch */
    double energy_gamma_wh;   /* Wh per token and GPU */
    double latency_alpha_s;   /* s per token and 1e9 active parameters */
    double latency_beta_s;    /* s per token and request of the batch */
    double latency_gamma_s;   /* s per token */
    double batch_size;        /* requests served together */
    double quantization_bits; /* per parameter */
    double memory_overhead;   /* factor on the model's size */
    double gpu_memory_gb;     /* per GPU */
    double server_gpus;       /* GPUs installed in a server */
    double server_power_kw;   /* of a server without its GPUs */
    double hardware_lifetime_s;
    double server_gwp_kgco2e; /* embodied, one server without GPUs */
    double server_adpe_kgsb;
    double gpu_gwp_kgco2e; /* embodied, one GPU */
    double gpu_adpe_kgsb;
    struct provenance provenance; /* of everything but the embodied figures */
    struct provenance embodied_provenance;
};

/* A model's size as a provider publishes it, or the range it is believed to lie in. */
struct model_factors {
    char provider[40];
    char name[80];
    struct range total_parameters_b;  /* 1e9 parameters */
    struct range active_parameters_b; /* 1e9 parameters used per token */
    double tokens_per_second;         /* 0: unknown */
    double time_to_first_token_s;     /* 0: unknown */
    struct provenance provenance;
};

/* A data centre operator: where it computes and how it cools. */
struct provider_factors {
    char id[40];
    char zone[ZONE_ID_SIZE];    /* electricity zone */
    struct range pue;           /* power usage effectiveness, >= 1 */
    struct range wue_l_per_kwh; /* on-site water per kWh of IT energy */
    struct provenance provenance;
};

/* An electricity mix. Its three figures come from three sources. */
struct zone_factors {
    char id[ZONE_ID_SIZE]; /* ISO 3166-1 alpha-3, or WOR; with a suffix, a sensitivity case of it */
    double gwp_kgco2e_per_kwh;
    double adpe_kgsb_per_kwh;
    double ewif_l_per_kwh;        /* water consumed off site per kWh */
    struct provenance provenance; /* of the greenhouse gases */
    struct provenance adpe_provenance;
    struct provenance ewif_provenance;
};

/* Reads vintage.conf, method.conf, zones.conf, models.conf and providers.conf of one vintage's
 * DIRECTORY. Whatever is wrong with them is recorded, not the first error only. Returns NULL after
 * diagnostics. Freed with factors_free(). */
struct factors *factors_load(const char *directory, struct diagnostics *diagnostics);
void factors_free(struct factors *factors);

const char *factors_vintage(const struct factors *factors);
const struct method_a *factors_method_a(const struct factors *factors);
/* NULL when there is none. What they return lives as long as FACTORS. */
const struct model_factors *factors_model(const struct factors *factors, const char *provider,
                                          const char *name);
const struct provider_factors *factors_provider(const struct factors *factors, const char *id);
const struct zone_factors *factors_zone(const struct factors *factors, const char *id);

#endif
