/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SERVICEFACTORS_H
#define IAGMETER_SERVICEFACTORS_H

#include "daemon/catalogue.h"
#include "daemon/factors.h"
#include "daemon/impact.h"

#include <stddef.h>
#include <stdint.h>

/* The factors of a service at all times: its mixes of models by date, looked up once. Between and
 * beside its mixes a service runs its own model, which is a mix of one. */

struct mix_factors {
    int64_t from_s; /* Unix seconds, half-open; INT64_MIN, INT64_MAX: without an end */
    int64_t until_s;
    const struct mix *mix; /* NULL: the service's own model */
    size_t count;          /* at least 1 */
    const char
        *models[MIX_PARTS]; /* as the catalogue names them; the factors may be a fallback's */
    double shares[MIX_PARTS];
    struct impact_factors parts[MIX_PARTS];
};

/* By date, without overlaps. What is between two has no model, hence no estimate. */
struct service_factors {
    size_t count;
    struct mix_factors *items;
};

/* Looks up what service NUMBER of CATALOGUE runs. Days are those of the time zone set (calendar.h).
 * Returns NULL, or what is missing (a static string, "out of memory" among them) and then nothing
 * in *OUT. A service without any model has no items, which is not an error. What *OUT points to
 * belongs to FACTORS and CATALOGUE, but for its items: freed with service_factors_free(). */
const char *service_factors_resolve(const struct factors *factors,
                                    const struct catalogue *catalogue, uint16_t number,
                                    struct service_factors *out);
void service_factors_free(struct service_factors *factors);

/* What the service runs at TIME; NULL when it has no estimate then. */
const struct mix_factors *service_factors_at(const struct service_factors *factors, int64_t time_s);

/* impact_compute() of each part, with its share of the activity, added up. Zeros without MIX. */
struct impact mix_impact(const struct mix_factors *mix, struct triple requests,
                         struct triple tokens_in, struct triple tokens_out);

#endif
