/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SERVICEFIT_H
#define IAGMETER_SERVICEFIT_H

#include "collectors/capture/estimator.h"

#include <stdbool.h>
#include <stddef.h>

/* The parameters of an estimator, fitted to exchanges whose true tokens are known. Pure functions.
 *
 * What is measured of an exchange (bytes, excess bytes, records or seconds, by the method) is
 * taken to be overhead + tokens * slope. With an overhead (M1, M2) the slope is the median of those
 * of all pairs (Theil 1950; Sen, J. American Statistical Association 63, 1968), which a few wrong
 * counts do not move; without, it is the ratio of the sums, so that totals have no bias. Errors are
 * those of each exchange as the others estimate it (leave one out).
 *
 * Two errors are kept apart. The bands are the systematic one: how far the fit itself may be off,
 * by the jackknife (Tukey, Annals of Mathematical Statistics 29, 1958), which narrows with the
 * number of prompts. SIGMA is the random one: how far single exchanges lie from the line. A sum
 * over many exchanges has all of the first, and hardly any of the second. */

#define SERVICEFIT_MOST 200
/* Of a service that streams in several ways (regimes), one is fitted: that of most answers, which
 * is told by three of them at least. Answers that tell no way are fitted with it, if its method is
 * the service's own and they have about as many tokens in the same measure; else whichever are more
 * are fitted alone. Those of other ways never are.
 *
 * Fewer exchanges than these are refused, unless the caller asks for less. */
#define SERVICEFIT_LEAST_M1 10
#define SERVICEFIT_LEAST    20
#define SERVICEFIT_MINIMUM  3

struct servicefit_sample {
    struct exchange_shape shape;
    double tokens_out; /* true, visible ones */
    double tokens_in;  /* true; 0: not known */
};

/* Of requests: bytes = overhead + tokens * slope, as METHOD_M1 fits answers. Nothing random is kept
 * of input tokens, so that these bands hold the scatter of single requests, too. */
struct servicefit_input {
    size_t n;
    struct triple bytes_per_token;
    struct triple overhead_bytes;
    double median_error; /* as those of struct servicefit */
    double bias;
    char refusal[240]; /* why there is no fit; "": it holds */
};

struct servicefit {
    size_t n;
    char regime[ESTIMATOR_NAME_SIZE]; /* the way of streaming; "": none is told */
    int method;                       /* enum estimator_method, of that way */
    size_t left_out;             /* answers that were not streamed, which M1 and M2 do not fit; */
    size_t other_ways;           /* and those of another way */
    struct triple slope;         /* measured by token: bytes, records or seconds */
    bool has_overhead;           /* M1 and M2: */
    struct triple overhead_new;  /* of the first exchange on a connection */
    struct triple overhead_more; /* of the later ones */
    double sigma;                /* by which answers lie around the line: standard deviation of the
                                    logarithm of estimated by true tokens, at random */
    double median_error;         /* of one exchange, relative */
    double bias;                 /* of the sum, relative: 0.01 is 1 % too many */
    double correlation;          /* Kendall's tau of what is measured and tokens, -1 to 1 */
    double tokens_least;
    double tokens_most;
    /* Of the answers, to tell later whether they still have this shape: medians over exchanges. */
    double record_bytes;
    double records_per_s;
    struct servicefit_input input;
    char refusal[240]; /* one sentence; "": the fit holds */
};

/* How many exchanges a method needs. */
size_t servicefit_least(int method);

/* Fits SAMPLES[COUNT], of one service and transport, for ESTIMATOR's method. A kind of overhead
 * that no exchange shows keeps the distance to the other that ESTIMATOR states. LEAST as above.
 * What can be computed is, also of a fit that is refused. */
struct servicefit servicefit_fit(const struct estimator *estimator,
                                 const struct servicefit_sample *samples, size_t count,
                                 size_t least);

/* The estimator with the rule of the way that was fitted, and its parameters. */
struct estimator servicefit_apply(const struct estimator *estimator, const struct servicefit *fit);

#endif
