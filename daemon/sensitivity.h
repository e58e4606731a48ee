/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SENSITIVITY_H
#define IAGMETER_SENSITIVITY_H

#include "daemon/factors.h"
#include "daemon/impact.h"
#include "daemon/uncertainty.h"

#include <stdbool.h>
#include <stddef.h>

/* Which unknown matters most: each is moved from its low to its high end while all others stay at
 * their centre. Pure functions. */

enum sensitivity_unknown {
    SENSITIVITY_TOKENS,   /* systematic error of the estimate of tokens */
    SENSITIVITY_EXCHANGE, /* what single exchanges differ from that, at random */
    SENSITIVITY_ENERGY,   /* of an image or clip, or as measured */
    SENSITIVITY_MODEL,    /* parameters, active and in all */
    SENSITIVITY_BATCH,
    SENSITIVITY_FIT, /* error of the method's energy of GPUs */
    SENSITIVITY_INPUT,
    SENSITIVITY_PUE,
    SENSITIVITY_WUE,
    /* Choices, not errors: they are shown, but are no part of an interval. */
    SENSITIVITY_EWIF,
    SENSITIVITY_MIX,
    SENSITIVITY_METHOD,
    SENSITIVITY_KEY, /* that shares what a host of our own draws anyway */
    SENSITIVITY_UNKNOWNS
};

/* What is to be moved. */
struct sensitivity_case {
    const struct factors *factors;
    struct impact_factors used;
    struct impact_work work[3]; /* by enum impact_end */
    /* How far the tokens of all requests together lie from the estimate because single exchanges
     * differ: a standard deviation, in logarithms, at random. 0: they are counted. */
    double random_sigma;
    double it_kwh[3]; /* instead of a model */
    /* With it, at a host of our own: what its manufacture adds, and, of what is shared by a key,
     * how much of all this there would be with the keys that give least and most. */
    double embodied_gwp_kgco2e;
    double embodied_adpe_kgsb;
    bool has_key;
    double by_key[2];
};

struct sensitivity {
    struct impact_result base; /* all at their centre, as printed */
    struct {
        struct impact_result low;
        struct impact_result high;
    } ends[SENSITIVITY_UNKNOWNS];
};

const char *sensitivity_name(enum sensitivity_unknown unknown);
bool sensitivity_is_choice(enum sensitivity_unknown unknown);

void sensitivity_compute(const struct sensitivity_case *subject, struct sensitivity *out);

/* One bar of a tornado: an indicator's value at both ends of an unknown. */
struct sensitivity_bar {
    enum sensitivity_unknown unknown;
    double low;
    double high;
};

/* An indicator of a result. */
typedef double sensitivity_indicator(const void *context, const struct impact_result *result);

/* Fills BARS with the unknowns that move the indicator, the widest in logarithms first. Returns
 * their number. */
size_t sensitivity_tornado(const struct sensitivity *sensitivity, sensitivity_indicator *indicator,
                           const void *context, struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS]);

/* The interval around CENTRAL that all unknowns but the choices make together. A range is SIGMAS
 * standard deviations wide. */
struct uncertainty_interval sensitivity_interval(const struct sensitivity *sensitivity,
                                                 sensitivity_indicator *indicator,
                                                 const void *context, double central,
                                                 double sigmas);

/* ---- Of a sum ---- */

/* One summand: what a service made of one model. */
struct sensitivity_part {
    struct sensitivity_case subject;
    struct sensitivity sensitivity; /* of the subject alone */
};

/* The bars of a sum of COUNT parts, and in *BASE the sum with all at their centre. What is the same
 * for all parts moves as one: how estimates of tokens err (the method page: services are
 * correlated), the batch, the weight of input tokens, all choices; so does what two parts share, a
 * model or a provider. What differs between parts is independent, as are single exchanges: squares
 * add up. */
size_t sensitivity_sum_tornado(const struct sensitivity_part *parts, size_t count,
                               sensitivity_indicator *indicator, const void *context,
                               struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS], double *base);

/* The interval around CENTRAL that COUNT bars around BASE make together, without choices. */
struct uncertainty_interval sensitivity_interval_of(const struct sensitivity_bar *bars,
                                                    size_t count, double base, double central,
                                                    double sigmas);

#endif
