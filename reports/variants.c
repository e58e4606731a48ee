/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/variants.h"

#include <math.h>

#include "daemon/localimpact.h"
#include "daemon/servicefactors.h"
#include "reports/localhost.h"
#include "reports/month.h"

/* Method A's centre of a month's sums is not quite the sum of the minutes' centres. */
#define APART 0.01

bool variants_change_mix(const struct month_report *report, enum month_variant variant,
                         struct mix_factors *mix)
{
    const struct factors *factors = report->config->factors;
    bool has_water = false;

    for (size_t i = 0; i < mix->count; i++) {
        struct impact_factors *part = &mix->parts[i];
        const struct zone_factors *zone = month_zone_variant(factors, part->zone->id);

        if (variant == VARIANT_METHOD_A)
            part->method_b = NULL;
        if (variant == VARIANT_METHOD_B)
            part->method_b = factors_method_b(factors);
        if (variant == VARIANT_WATER && zone) {
            part->zone = zone;
            has_water = true;
        }
    }
    return has_water;
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
    for (int i = VARIANT_RECOMPUTED; i < VARIANTS; i++) {
        struct mix_factors other = *mix;
        struct impact impact;

        out->has_water |= variants_change_mix(report, (enum month_variant)i, &other);
        impact = mix_impact(&other, activity->requests, activity->tokens_in, activity->tokens_out);
        if (i == VARIANT_WATER)
            impact = with_water_of(cell->totals.impact, &impact);
        out->impacts[i] = impact_add(out->impacts[i], impact);
    }
    out->impacts[VARIANT_REPORT] = impact_add(out->impacts[VARIANT_REPORT], cell->totals.impact);
}

/* What is measured depends on no method, only on the factors of today and the count of water. */
static void add_measured(const struct month_report *report, const struct month_cell *cell,
                         struct variants *out)
{
    const struct config *config = report->config;
    const struct activity *activity = &cell->totals.activity;
    struct local_factors factors;
    const struct zone_factors *zone;
    struct impact impact, water;

    if (!(activity->energy_j > 0))
        return;
    if (local_factors_resolve(config->host, config->factors, &factors) != NULL) {
        out->lacks_models = true;
        return;
    }
    out->is_there = true;
    zone = month_zone_variant(config->factors, factors.zone->id);
    impact = local_impact(&factors, activity->energy_j, activity->host_s);
    for (int i = VARIANT_RECOMPUTED; i < VARIANT_WATER; i++)
        out->impacts[i] = impact_add(out->impacts[i], impact);
    if (zone) {
        factors.zone = zone;
        out->has_water = true;
    }
    water = local_impact(&factors, activity->energy_j, activity->host_s);
    out->impacts[VARIANT_WATER] =
        impact_add(out->impacts[VARIANT_WATER], with_water_of(cell->totals.impact, &water));
    out->impacts[VARIANT_REPORT] = impact_add(out->impacts[VARIANT_REPORT], cell->totals.impact);
}

static bool is_apart(struct triple a, struct triple b)
{
    return fabs(a.central - b.central) > APART * fmax(a.central, b.central);
}

void variants_of_cell(const struct month_report *report, const struct month_cell *cell,
                      struct variants *out)
{
    const struct config *config = report->config;
    struct service_factors factors;
    const struct mix_factors *mix = NULL;

    if (localhost_is_local(config, cell->service)) {
        add_measured(report, cell, out);
        return;
    }
    if (!service_factors_resolve(config->factors, config->catalogue,
                                 catalogue_find(config->catalogue, cell->service), &factors))
        mix = service_factors_at(&factors, report->month.start);
    if (cell->totals.impact.energy_kwh.high > 0) {
        if (mix)
            add_cell(report, cell, mix, out);
        else
            out->lacks_models = true;
    }
    service_factors_free(&factors);
}

void variants_compute(const struct month_report *report, struct variants *out)
{
    const struct config *config = report->config;
    const struct impact *recorded, *again;

    *out = (struct variants){.is_partial = report->suppressed != SUPPRESS_NONE};
    for (size_t i = 0; config->factors && config->catalogue && i < report->cell_count; i++)
        variants_of_cell(report, &report->cells[i], out);
    recorded = &out->impacts[VARIANT_REPORT];
    again = &out->impacts[VARIANT_RECOMPUTED];
    out->is_changed = is_apart(recorded->energy_kwh, again->energy_kwh) ||
                      is_apart(recorded->water_l, again->water_l) ||
                      is_apart(recorded->gwp_use_kgco2e, again->gwp_use_kgco2e) ||
                      is_apart(recorded->gwp_embodied_kgco2e, again->gwp_embodied_kgco2e);
}

bool variants_is_shown(const struct variants *variants, enum month_variant variant)
{
    return variants->is_there && (variant != VARIANT_WATER || variants->has_water) &&
           (variant != VARIANT_RECOMPUTED || variants->is_changed);
}

const char *variants_name(enum month_variant variant)
{
    static const char *const names[VARIANTS] = {"report", "recomputed", "method-a", "method-b",
                                                "water"};

    return names[variant];
}
