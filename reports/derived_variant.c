/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived_build.h"

#include <string.h>

/* ---- By other methods and conventions: sums over the pairs that are shown ---- */

static bool is_all(const char *name)
{
    return strcmp(name, MONTH_ALL) == 0;
}

/* What is asked for: "method-b", or "method-b/DRH/chatgpt-web", with "." for all. */
struct asked {
    enum month_variant variant;
    struct derived_pair pair;
};

static bool find_asked(const struct derived_builder *builder, struct asked *asked)
{
    size_t length = strcspn(builder->key, "/");

    *asked = (struct asked){.variant = VARIANTS};
    for (int i = 0; i < VARIANTS; i++)
        if (strlen(variants_name((enum month_variant)i)) == length &&
            strncmp(variants_name((enum month_variant)i), builder->key, length) == 0)
            asked->variant = (enum month_variant)i;
    return asked->variant != VARIANTS &&
           variants_is_shown(&builder->report->variants, asked->variant) &&
           derived_split_pair(builder->key + length, &asked->pair);
}

static bool is_asked(const struct asked *asked, const struct month_cell *cell)
{
    return derived_is_pair(&asked->pair, cell->direction, cell->service);
}

/* The other count of water has the other figures as they are. */
static bool is_as_recorded(enum month_variant variant, enum month_indicator indicator)
{
    return variant == VARIANT_REPORT || (variant == VARIANT_WATER && indicator != MONTH_WATER);
}

/* Greenhouse gases are added up as two sums. */
static void add_gases(struct derived_builder *builder, const struct month_totals *totals)
{
    static const enum month_indicator parts[] = {MONTH_GWP_USE, MONTH_GWP_EMBODIED};

    for (size_t i = 0; i < 2; i++)
        derived_add_derived(builder, month_indicator_name(parts[i]), month_indicator_unit(parts[i]),
                            month_value(totals, parts[i]), "variant",
                            month_indicator_name(parts[i]));
    fprintf(builder->formula, "{%s} + {%s}", month_indicator_name(MONTH_GWP_USE),
            month_indicator_name(MONTH_GWP_EMBODIED));
}

/* Each pair has a name, by which its own chain is asked for. */
static void add_pairs(struct derived_builder *builder, const struct asked *asked,
                      enum month_indicator indicator)
{
    const struct month_report *report = builder->report;
    char key[2 * MONTH_ID_SIZE + sizeof("recomputed//")], source[MONTH_FIGURE_SIZE];
    size_t count = 0;

    for (size_t i = 0; i < report->cell_count; i++) {
        const struct month_cell *cell = &report->cells[i];
        struct variants part = {0};
        struct month_totals totals;

        if (is_asked(asked, cell))
            variants_of_cell(report, cell, &part);
        if (!part.is_there)
            continue;
        totals = (struct month_totals){.impact = part.impacts[asked->variant]};
        snprintf(key, sizeof(key), "%s/%s/%s", variants_name(asked->variant), cell->direction,
                 cell->service);
        derived_name(source, report->month, "variant", key, month_indicator_name(indicator));
        derived_add_summand(builder, "pair_", ++count, month_indicator_unit(indicator),
                            month_value(&totals, indicator), source);
    }
}

/* One pair: what is recorded, where the variant has no other; else the models of its chains. */
static void add_models(struct derived_builder *builder, const struct asked *asked,
                       const struct month_cell *cell, enum month_indicator indicator)
{
    const struct derived *out = builder->out;
    const char *unit = month_indicator_unit(indicator);
    char source[MONTH_FIGURE_SIZE], name[32];

    if (is_as_recorded(asked->variant, indicator)) {
        month_figure(source, builder->report, cell->direction, cell->service, indicator);
        derived_add_summand(builder, "recorded_", 1, unit, month_value(&cell->totals, indicator),
                            source);
        return;
    }
    for (size_t i = 0; i < out->chain_count; i++) {
        const struct month_totals totals = {.impact = out->chains[i].impact};

        snprintf(name, sizeof(name), "chain_%zu", i + 1);
        derived_add_given(builder, name, unit, month_value(&totals, indicator), TEXT_DERIVED_CHAIN);
        fprintf(builder->formula, "%s{%s}", i > 0 ? " + " : "", name);
    }
}

/* The sum of what is asked for, added up in the order of the pairs. *ONLY is the pair where there
 * is one alone that is asked for by name. Returns false where there is none. */
static bool sum_up(const struct derived_builder *builder, const struct asked *asked,
                   struct month_totals *sum, const struct month_cell **only)
{
    const struct month_report *report = builder->report;
    struct variants all = {0};

    *only = NULL;
    for (size_t i = 0; i < report->cell_count; i++) {
        if (!is_asked(asked, &report->cells[i]))
            continue;
        variants_of_cell(report, &report->cells[i], &all);
        if (!is_all(asked->pair.direction) && !is_all(asked->pair.service))
            *only = &report->cells[i];
    }
    *sum = (struct month_totals){.impact = all.impacts[asked->variant]};
    return all.is_there;
}

bool derived_find_variant(struct derived_builder *builder)
{
    const struct month_cell *only;
    enum month_indicator indicator;
    struct month_totals sum;
    struct asked asked;

    if (!find_asked(builder, &asked) || !derived_find_indicator(builder, &indicator) ||
        indicator < MONTH_ENERGY || indicator > MONTH_ADPE || !sum_up(builder, &asked, &sum, &only))
        return false;
    derived_set_value(builder, month_indicator_unit(indicator), month_value(&sum, indicator));
    if (!is_as_recorded(asked.variant, indicator))
        builder->failed |= !explain_variant_chains(
            builder->report, asked.variant, asked.pair.direction, asked.pair.service,
            &builder->out->chains, &builder->out->chain_count);
    if (indicator == MONTH_GWP)
        add_gases(builder, &sum);
    else if (only)
        add_models(builder, &asked, only, indicator);
    else
        add_pairs(builder, &asked, indicator);
    return true;
}

/* ---- Electricity used in France, hour by hour ---- */

static struct triple member_of(const struct hourly_sum *sum, size_t member)
{
    struct triple value;

    memcpy(&value, (const char *)sum + member, sizeof(value));
    return value;
}

/* Of one pair: all of its energy, or what its minutes add up to. Hour by hour it would tell when
 * somebody worked. */
static bool find_hours_of_pair(struct derived_builder *builder, size_t member, const char *unit)
{
    const struct month_report *report = builder->report;
    struct derived_pair pair;

    if (!derived_split_pair(builder->key, &pair))
        return false;
    for (size_t i = 0; i < report->cell_count; i++) {
        const struct month_cell *cell = &report->cells[i];
        struct triple value = member_of(&cell->hourly, member);
        char source[MONTH_FIGURE_SIZE];

        if (strcmp(cell->direction, pair.direction) != 0 ||
            strcmp(cell->service, pair.service) != 0 || !(cell->hourly.energy_kwh.high > 0))
            continue;
        if (member != offsetof(struct hourly_sum, energy_kwh))
            return derived_as_given(builder, unit, value,
                                    member == offsetof(struct hourly_sum, known_kwh)
                                        ? TEXT_DERIVED_KNOWN_HOURS
                                        : TEXT_DERIVED_HOURS);
        derived_set_value(builder, unit, value);
        month_figure(source, report, cell->direction, cell->service, MONTH_ENERGY);
        derived_add_summand(builder, "pair_", 1, unit, value, source);
        return true;
    }
    return false;
}

static bool find_hours_sum(struct derived_builder *builder, size_t member, const char *unit)
{
    const struct month_report *report = builder->report;
    char key[2 * MONTH_ID_SIZE], source[MONTH_FIGURE_SIZE];
    size_t count = 0;

    if (!is_all(builder->key))
        return find_hours_of_pair(builder, member, unit);
    derived_set_value(builder, unit, member_of(&report->hourly.sum, member));
    for (size_t i = 0; i < report->cell_count; i++) {
        const struct month_cell *cell = &report->cells[i];

        if (!(cell->hourly.energy_kwh.high > 0)) /* not in France */
            continue;
        snprintf(key, sizeof(key), "%s/%s", cell->direction, cell->service);
        derived_name(source, report->month, "french-hours", key, builder->indicator);
        derived_add_summand(builder, "pair_", ++count, unit, member_of(&cell->hourly, member),
                            source);
    }
    return count > 0;
}

static void add_hours(struct derived_builder *builder, const char *indicator, double kwh)
{
    derived_add_derived(builder, indicator, "kWh", triple_exact(kwh), "french-hours", indicator);
}

/* Of the intensities that are held. */
static bool find_grid(struct derived_builder *builder)
{
    const struct grid_coverage *coverage = &builder->report->hourly.coverage;
    const struct {
        const char *name;
        const char *unit;
        double value;
    } known[] = {
        {"mean_kgco2_per_kwh", "kgCO2/kWh", coverage->mean_kgco2_per_kwh},
        {"hours", "h", (double)coverage->hours},
        {"hours_real_time", "h", (double)coverage->by_nature[GRID_REAL_TIME]},
        {"hours_consolidated", "h", (double)coverage->by_nature[GRID_CONSOLIDATED]},
        {"hours_definitive", "h", (double)coverage->by_nature[GRID_DEFINITIVE]},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (derived_is(builder, known[i].name))
            return derived_as_given(builder, known[i].unit, triple_exact(known[i].value),
                                    TEXT_DERIVED_GRID);
    return false;
}

bool derived_find_hours(struct derived_builder *builder)
{
    const struct hourly_result *hourly = &builder->report->hourly;

    if (!hourly->is_there)
        return false;
    if (derived_is(builder, "energy_kwh"))
        return find_hours_sum(builder, offsetof(struct hourly_sum, energy_kwh), "kWh");
    if (derived_is(builder, "known_energy_kwh"))
        return find_hours_sum(builder, offsetof(struct hourly_sum, known_kwh), "kWh");
    if (derived_is(builder, "direct_kgco2"))
        return find_hours_sum(builder, offsetof(struct hourly_sum, direct_kgco2), "kgCO2");
    if (!is_all(builder->key))
        return false;
    if (derived_is(builder, "known_share")) {
        derived_set_value(builder, "1", triple_exact(hourly->known_share));
        add_hours(builder, "known_energy_kwh", hourly->sum.known_kwh.central);
        add_hours(builder, "energy_kwh", hourly->sum.energy_kwh.central);
        fputs("{known_energy_kwh} / {energy_kwh}", builder->formula);
        return true;
    }
    if (find_grid(builder))
        return true;
    if (!derived_is(builder, "timing") || !(hourly->coverage.mean_kgco2_per_kwh > 0))
        return false;
    derived_set_value(builder, "1", triple_exact(hourly->timing));
    derived_add_derived(builder, "direct_kgco2", "kgCO2",
                        triple_exact(hourly->sum.direct_kgco2.central), "french-hours",
                        "direct_kgco2");
    add_hours(builder, "known_energy_kwh", hourly->sum.known_kwh.central);
    derived_add_derived(builder, "mean_kgco2_per_kwh", "kgCO2/kWh",
                        triple_exact(hourly->coverage.mean_kgco2_per_kwh), "french-hours",
                        "mean_kgco2_per_kwh");
    fputs("{direct_kgco2} / {known_energy_kwh} / {mean_kgco2_per_kwh}", builder->formula);
    return true;
}
