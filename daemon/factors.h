/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_FACTORS_H
#define IAGMETER_FACTORS_H

#include "daemon/confread.h"
#include "daemon/diagnostics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One vintage of factors: conf/factors/<vintage>/. Every number that turns activity into impact is
 * here, with unit, year, scope, source and grade; none is in C. */

struct factors;

#define ZONE_ID_SIZE 24 /* "FRA", "FRA-ECOLOGITS", with the NUL */

/* Where a figure comes from; printed in reports. */
struct provenance {
    char unit[40];
    char year[40];
    char scope[200];
    char scope_fr[240]; /* for French readers; "": as it is */
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

/* Coefficients of method B (the method page, section 2), fitted on measurements of whole GPUs. */
struct method_b {
    /* ln(J per output token, all GPUs) = intercept + active_exponent ln(active parameters)
     * + total_exponent ln(total parameters) + batch_exponent ln(batch) + batch_curvature
     * ln(batch)^2 */
    double intercept;
    double active_exponent;
    double total_exponent;
    double batch_exponent;
    double batch_curvature;
    struct triple batch_size;     /* requests served together: the dominant unknown */
    struct triple input_weight;   /* energy of an input token / of an output token */
    double host_share;            /* energy of the host / of its GPUs */
    double idle_share;            /* energy of machines that wait / of the GPUs that work */
    struct provenance provenance; /* of the fit */
    struct provenance batch_provenance;
    struct provenance input_provenance;
    struct provenance overhead_provenance; /* of host and idle */
};

/* What is known of how wrong the factors can be. */
struct uncertainty_factors {
    double method_a_gsd; /* geometric standard deviation of the energy of the GPUs */
    double method_b_gsd;
    double
        range_sigmas; /* standard deviations, in logarithms, between the ends of a stated range */
    double exchange_sigma; /* of one exchange's tokens, in logarithms; random: shrinks with their
                              number */
    struct provenance provenance;
};

/* A model's size as a provider publishes it, or the range it is believed to lie in. */
struct model_factors {
    char provider[40];
    char name[80];
    char fallback[120]; /* "provider/name" of the entry whose figures these are; "": its own */
    struct range total_parameters_b;  /* 1e9 parameters */
    struct range active_parameters_b; /* 1e9 parameters used per token */
    double tokens_per_second;         /* 0: unknown */
    double time_to_first_token_s;     /* 0: unknown */
    struct provenance provenance;
};

/* Energy of one image or one clip. */
struct medium_factors {
    char id[80]; /* "image/flux.1-dev" */
    struct triple energy_wh;
    bool gpu_only; /* without the host and idle machines, whose share method B knows */
    struct provenance provenance;
};

/* A data centre operator: where it computes and how it cools. */
struct provider_factors {
    char id[40];
    char maker[40];             /* its name in models.conf; "" when it is the id */
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

/* Reads vintage.conf, method.conf, zones.conf, models.conf, providers.conf and media.conf of one
 * vintage's DIRECTORY. Each figure must have a complete provenance, of a year that is not after the
 * vintage's date. Whatever is wrong is recorded, not the first error only. Returns NULL after
 * diagnostics. Freed with factors_free(). */
struct factors *factors_load(const char *directory, struct diagnostics *diagnostics);
void factors_free(struct factors *factors);

/* Whether the vintage's date is not after NOW (Unix seconds); records an error when it is. */
bool factors_check_date(const struct factors *factors, int64_t now,
                        struct diagnostics *diagnostics);

const char *factors_vintage(const struct factors *factors);
/* The number of figures of each kind, for people. */
struct factors_counts {
    size_t models;
    size_t providers;
    size_t zones;
    size_t media;
};
struct factors_counts factors_counts(const struct factors *factors);

const struct method_a *factors_method_a(const struct factors *factors);
const struct method_b *factors_method_b(const struct factors *factors);
const struct uncertainty_factors *factors_uncertainty(const struct factors *factors);
/* The suffix of the zones that the published method A was computed with: "FRA-ECOLOGITS" for "FRA".
 */
const char *factors_published_suffix(const struct factors *factors);
/* NULL when there is none. What they return lives as long as FACTORS. */
const struct model_factors *factors_model(const struct factors *factors, const char *provider,
                                          const char *name);
/* The same by "provider/name", split at the first '/': names hold others. */
const struct model_factors *factors_model_named(const struct factors *factors, const char *text);
/* How an entry is called where it is used: "provider/name"; the one for others, as what it falls
 * back to. */
#define MODEL_ENTRY_SIZE 160
void factors_model_entry(const struct model_factors *model, char out[MODEL_ENTRY_SIZE]);
/* What stands in for a model that is not there: the entry "*" of the same provider. */
const struct model_factors *factors_model_unlisted(const struct factors *factors, const char *text);
const struct provider_factors *factors_provider(const struct factors *factors, const char *id);
const struct zone_factors *factors_zone(const struct factors *factors, const char *id);
const struct medium_factors *factors_medium(const struct factors *factors, const char *id);
/* The provider of that id, or, when there is none, the one that models.conf calls so. */
const struct provider_factors *factors_maker(const struct factors *factors, const char *name);

/* Calls VISIT for each zone that is a variant of ID's country, itself included ("FRA", "FRA-EDF"),
 * in the order of ids. */
typedef void factors_zone_visitor(void *context, const struct zone_factors *zone);
void factors_visit_variants(const struct factors *factors, const char *id,
                            factors_zone_visitor *visit, void *context);

/* Calls VISIT for each medium, in the order of ids. */
typedef void factors_medium_visitor(void *context, const struct medium_factors *medium);
void factors_visit_media(const struct factors *factors, factors_medium_visitor *visit,
                         void *context);

#endif
