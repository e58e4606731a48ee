/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/variants.h"

#include "daemon/servicefactors.h"
#include "reports/month.h"

/* MIX as VARIANT has it. */
static struct mix_factors changed(const struct month_report *report, const struct mix_factors *mix,
                                  enum month_variant variant, bool *has_water)
{
    const struct factors *factors = report->config->factors;
    struct mix_factors out = *mix;

    for (size_t i = 0; i < out.count; i++) {
        struct impact_factors *part = &out.parts[i];
        const struct zone_factors *zone = month_zone_variant(factors, part->zone->id);

        if (variant == VARIANT_METHOD_A)
            part->method_b = NULL;
        if (variant == VARIANT_METHOD_B)
            part->method_b = factors_method_b(factors);
        if (variant == VARIANT_WATER && zone) {
            part->zone = zone;
            *has_water = true;
        }
    }
    return out;
}

/* Only the water of it: the zone's other figures have no other count. */
static struct impact with_water_of(struct impact impact, const struct impact *other)
{
    impact.water_l = other->water_l;
    return impact;
}

static void add_cell(const struct month_report *report, const struct month_cell *cell,
                     const struct mix_factors *mix, struct variants *out)
{
    const struct activity *activity = &cell->totals.activity;

    out->is_there = true;
    for (int i = VARIANT_METHOD_A; i < VARIANTS; i++) {
        struct mix_factors other = changed(report, mix, (enum month_variant)i, &out->has_water);
        struct impact impact =
            mix_impact(&other, activity->requests, activity->tokens_in, activity->tokens_out);

        if (i == VARIANT_WATER)
            impact = with_water_of(cell->totals.impact, &impact);
        out->impacts[i] = impact_add(out->impacts[i], impact);
    }
    out->impacts[VARIANT_REPORT] = impact_add(out->impacts[VARIANT_REPORT], cell->totals.impact);
}

void variants_compute(const struct month_report *report, struct variants *out)
{
    const struct config *config = report->config;

    *out = (struct variants){.is_partial = report->suppressed != SUPPRESS_NONE};
    for (size_t i = 0; config->factors && config->catalogue && i < report->cell_count; i++) {
        const struct month_cell *cell = &report->cells[i];
        struct service_factors factors;
        const struct mix_factors *mix = NULL;

        if (!service_factors_resolve(config->factors, config->catalogue,
                                     catalogue_find(config->catalogue, cell->service), &factors))
            mix = service_factors_at(&factors, report->month.start);
        if (mix && cell->totals.impact.energy_kwh.high > 0)
            add_cell(report, cell, mix, out);
        service_factors_free(&factors);
    }
}

const char *variants_name(enum month_variant variant)
{
    static const char *const names[VARIANTS] = {"report", "method-a", "method-b", "water"};

    return names[variant];
}
