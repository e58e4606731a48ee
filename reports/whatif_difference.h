/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_WHATIF_DIFFERENCE_H
#define IAGMETER_WHATIF_DIFFERENCE_H

#include "daemon/impact.h"
#include "reports/month.h"

#include <stdbool.h>
#include <stddef.h>

/* By how much the impact of some activity changes when others do it, or when there is less of it
 * (docs/method.md, section 8). What both sides have in common moves both at once, so that it widens
 * neither the ratio nor the verdict; what is independent is combined in quadrature, in logarithms.
 * Pure. */

/* Some activity, and what computes it. */
struct whatif_part {
    struct triple requests;
    struct triple tokens_in;
    struct triple tokens_out;
    /* How far its tokens lie from the estimate because single exchanges differ, at random: a
     * standard deviation, in logarithms (month_random_sigma()). */
    double random_sigma;
    unsigned exchanges; /* parts with the same number are of the same ones, on either side */
    struct impact_factors factors; /* with a model */
};
#define WHATIF_EXCHANGES 16 /* numbers of exchanges are below that */

struct whatif_parts {
    const struct whatif_part *items;
    size_t count;
};

/* Of each indicator of impact, from MONTH_ENERGY to MONTH_ADPE. Greenhouse gases of use and of
 * manufacture are one quantity here, not a sum of two intervals: the same activity moves both. */
#define WHATIF_INDICATORS (MONTH_ADPE - MONTH_ENERGY + 1)

struct whatif_difference {
    struct triple difference[WHATIF_INDICATORS]; /* after - before: low may be negative; with what
                                                    is systematic alone */
    /* By how much single exchanges take the ends of that further, squared. */
    double random_below[WHATIF_INDICATORS];
    double random_above[WHATIF_INDICATORS];
    struct triple proportional[WHATIF_INDICATORS]; /* (after / before - 1), with the interval of
                                                      this ratio alone, times the central value of
                                                      before */
    bool has_fit_of_a; /* holds method A's own error, which its bands do not */
};

/* Parts of both sides that are one and the same must have been left out. AFTER may be empty. */
struct whatif_difference whatif_difference_compute(struct whatif_parts before,
                                                   struct whatif_parts after);

/* After - before of an indicator (less MONTH_ENERGY), with all that is uncertain. */
struct triple whatif_difference_of(const struct whatif_difference *difference, int indicator);

/* What is systematic end to end, as everywhere in a report. Exchanges of two uses have nothing in
 * common: squares of what they add are added. */
void whatif_difference_add(struct whatif_difference *sum, const struct whatif_difference *other);

#endif
