/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_ESTIMATOR_CONFIG_H
#define IAGMETER_ESTIMATOR_CONFIG_H

#include "collectors/capture/estimator.h"
#include "daemon/confread.h"

#include <stdbool.h>
#include <stddef.h>

/* Reads two groups of services.conf: "estimators", one named group per estimator, each with the
 * parameters that its method uses, a grade and a source; and "exchanges", which is of them all.
 * Kept apart from estimator.c, so that the formulas link without libconfig. */

#define MAX_ESTIMATORS 64

struct estimator_set {
    struct estimator items[MAX_ESTIMATORS];
    size_t count;
};

/* Fills SET from the groups. Returns false after at least one diagnostic. */
bool estimator_config_read(const config_setting_t *estimators, const config_setting_t *exchanges,
                           struct estimator_set *set, struct diagnostics *diagnostics);

/* NULL when there is none of that name. */
const struct estimator *estimator_config_find(const struct estimator_set *set, const char *name);

#endif
