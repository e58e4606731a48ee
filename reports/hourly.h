/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HOURLY_H
#define IAGMETER_HOURLY_H

#include "daemon/config.h"
#include "daemon/grid.h"
#include "daemon/triple.h"

#include <stdbool.h>
#include <stdint.h>

/* Electricity that was used in France, with what `iagmeter import eco2mix` keeps of each hour's
 * production. Another indicator than the yearly factor, beside it (docs/method.md, section 7). */

struct hourly_sum {
    struct triple energy_kwh;   /* in France */
    struct triple known_kwh;    /* of it, in hours whose intensity is held */
    struct triple direct_kgco2; /* of these hours: energy times intensity */
};

/* The intensities held, of one report. */
struct hourly;

/* NULL when none are held, or the table is damaged, which is told on standard error. */
struct hourly *hourly_open(const struct config *config);
void hourly_close(struct hourly *hourly);

/* Whether SERVICE computes in France, as far as the catalogue says, or host.conf of what is our
 * own.
 */
bool hourly_is_french(const struct config *config, const char *service);

/* Adds the energy of an interval that starts at TIME. */
void hourly_add(struct hourly *hourly, struct hourly_sum *sum, int64_t time_s,
                struct triple energy_kwh);
struct hourly_sum hourly_together(struct hourly_sum a, struct hourly_sum b);
struct hourly_sum hourly_share(struct hourly_sum sum, double share);

/* What a report prints. */
struct hourly_result {
    bool is_there; /* false: nothing is held, or no energy was used in France in hours that are */
    struct hourly_sum sum;
    struct grid_coverage coverage; /* of the report's hours */
    double known_share;            /* of the energy */
    double timing; /* mean intensity by energy / by time: below 1, used at cleaner hours */
};
struct hourly_result hourly_finish(const struct hourly *hourly, struct hourly_sum sum,
                                   int64_t from_s, int64_t until_s);

#endif
