/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_IMPACT_JSON_H
#define IAGMETER_IMPACT_JSON_H

#include "reports/month.h"

#include <jansson.h>

/* What several writers of JSON say alike; NULL when memory is exhausted. */

/* Energy to metals, each a band. */
json_t *impact_json(const struct impact *impact);
json_t *impact_json_provenance(const struct provenance *provenance);
/* Of the images of SERVICE (NULL: not in the catalogue) in TOTALS, besides the totals; null where
 * no figure is known. */
json_t *impact_json_images(const struct config *config, const struct service *service,
                           const struct month_totals *totals);
/* Names what OBJECT holds for `iagmeter explain`: each band in itself as "id", each number in the
 * object MAP of it, unless they are named already. SCOPE and KEY as in derived_name(); the
 * indicator is the member's name after PREFIX. */
int impact_json_name(json_t *object, const char *map, struct calendar_month month,
                     const char *scope, const char *key, const char *prefix);

#endif
