/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived_build.h"

#include "reports/coefficients.h"

/* A factor of a vintage, "2026/@factor/zone/FRA/ewif_l_per_kwh": what is stated of it. */

bool derived_find_factor(struct derived_builder *builder)
{
    const struct factors *factors = builder->report->config->factors;
    struct coefficient found;

    if (!factors || !coefficients_find(factors, builder->key, builder->indicator, &found))
        return false;
    derived_set_value(builder, found.unit, found.value);
    derived_add_factor(builder, found.name, found.unit, found.value, found.provenance);
    fprintf(builder->formula, "{%s}", found.name);
    return true;
}
