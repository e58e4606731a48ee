/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/units.h"

bool units_are_there(const struct month_totals *totals)
{
#define HAS_UNIT(name)                                                                             \
    if (totals->activity.name.high > 0)                                                            \
        return true;
    ACTIVITY_UNITS(HAS_UNIT)
#undef HAS_UNIT
    return false;
}

void units_compute(const struct config *config, const struct service *service,
                   const struct month_totals *totals, struct units_impact *out)
{
    *out = (struct units_impact){.medium = NULL};
    if (!service || !config->factors || !(totals->activity.images.high > 0) ||
        impact_resolve_images(config->factors, service, &out->factors, &out->medium) ||
        !out->medium)
        return;
    out->it_kwh = impact_medium_kwh(config->factors, out->medium);
    out->impact = impact_of_units(&out->factors, out->it_kwh, totals->activity.images);
}
