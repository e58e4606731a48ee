/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_WHATIF_MEASURED_H
#define IAGMETER_WHATIF_MEASURED_H

#include "daemon/servicefactors.h"
#include "reports/month.h"

#include <stdbool.h>

/* A service on a host of our own as the month measured it, in the shape of a method of its own:
 * so many joules above idle for an output token, so much less for an input token. Idle power and
 * manufacture are not in it: they are there whether somebody asks or not. */

struct whatif_measured {
    char service[SERVICE_ID_SIZE];
    double joules_per_token; /* put out, at the machines */
    double input_weight;     /* of a token put in, in tokens put out */
    double weighted_tokens;  /* that this rests on */
    struct mix_factors mix;  /* one part, which points into what follows */
    struct method_a method;
    struct method_b method_b;
    struct model_factors model;
    struct provider_factors provider;
    struct uncertainty_factors uncertainty;
};

/* Of what REPORT, which was built from LEDGER, shows of SERVICE, in the minutes in which all that
 * it needs of the host was measured. NULL when that is nothing with energy and tokens, the ledger
 * cannot be read, or memory is exhausted. REPORT must outlive it. Freed with free(). */
struct whatif_measured *whatif_measured_new(struct ledger *ledger,
                                            const struct month_report *report, const char *service);

/* Whether these factors are of such a service. */
bool whatif_is_measured(const struct impact_factors *factors);

/* "A", "B" or "measured". */
const char *whatif_method_name(const struct impact_factors *factors);

#endif
