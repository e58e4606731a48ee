/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_UNITS_H
#define IAGMETER_UNITS_H

#include "reports/month.h"

#include <stdbool.h>

/* What is no text: images, sound and files, of what a report shows. The impact of images is
 * computed from their number, with the factors installed, and stands beside the totals: it is not
 * recorded, and no part of them. */

struct units_impact {
    const struct medium_factors *medium; /* NULL: no figure is known of the service's images */
    struct impact_factors factors;       /* where they are made */
    struct triple it_kwh;                /* of one */
    struct impact impact;                /* of all */
};

/* Whether there is anything but text in it. */
bool units_are_there(const struct month_totals *totals);

/* Of SERVICE (NULL: not in the catalogue), which received the images of TOTALS. What *OUT points to
 * belongs to CONFIG. */
void units_compute(const struct config *config, const struct service *service,
                   const struct month_totals *totals, struct units_impact *out);

#endif
