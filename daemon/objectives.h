/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_OBJECTIVES_H
#define IAGMETER_OBJECTIVES_H

#include "daemon/diagnostics.h"
#include "daemon/directions.h"

#include <stdbool.h>
#include <stddef.h>

/* Yearly budgets that somebody decided, of one direction or of the whole authority. What was used
 * of them, reports/progress.h computes. */

#define OBJECTIVE_SOURCE_SIZE 200

enum objective_indicator {
    OBJECTIVE_REQUESTS,
    OBJECTIVE_ENERGY,
    OBJECTIVE_WATER,
    OBJECTIVE_GWP, /* use and embodied */
    OBJECTIVE_INDICATORS
};

struct objective {
    unsigned year;                        /* of the local calendar */
    char direction[DIRECTION_CODE_SIZE];  /* code; "": the whole authority */
    double budgets[OBJECTIVE_INDICATORS]; /* 1, kWh, L, kgCO2e; 0: none */
    unsigned warning_percent;             /* of the pro-rata path, above which to warn */
    char source[OBJECTIVE_SOURCE_SIZE];   /* who decided it: never empty */
};

struct objectives;

/* Reads objectives.conf, which may be absent: then there are none. DIRECTIONS NULL: codes are not
 * checked. Returns NULL after at least one diagnostic. Freed with objectives_free(). */
struct objectives *objectives_load(const char *path, const struct directions *directions,
                                   struct diagnostics *diagnostics);
void objectives_free(struct objectives *objectives);

/* In the order of the file. OBJECTIVES NULL: none. */
size_t objectives_count(const struct objectives *objectives);
const struct objective *objectives_get(const struct objectives *objectives, size_t index);
/* Whether there is any of YEAR. */
bool objectives_has_year(const struct objectives *objectives, unsigned year);

/* From how many of the last months the end of the year is projected, and the least part of the
 * time, in percent, that must have been covered for a month to count, or a year to be on its path.
 */
unsigned objectives_projection_months(const struct objectives *objectives);
unsigned objectives_covered_percent(const struct objectives *objectives);

#endif
