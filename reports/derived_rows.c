/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived_build.h"

#include <math.h>
#include <string.h>

#include "reports/units.h"

#define HOUR_S 3600

/* What a report prints beside the indicators of its rows: shares, figures per agent and per unit,
 * what of the error is random, and the images. */

/* ---- Rows ---- */

static const struct month_totals *totals_of(const struct derived_builder *builder)
{
    return builder->row ? &builder->row->totals : &builder->report->total;
}

static bool is_of_services(const struct derived_builder *builder)
{
    return month_is_service(builder->report, builder->row);
}

static const char *scope_of(const struct derived_builder *builder)
{
    return !builder->row ? "total" : is_of_services(builder) ? "service" : "direction";
}

/* The central value of the row's. */
static void add_indicator(struct derived_builder *builder, enum month_indicator indicator)
{
    bool is_service = is_of_services(builder);
    char source[MONTH_FIGURE_SIZE];

    month_figure(source, builder->report, is_service ? MONTH_ALL : builder->key,
                 is_service ? builder->key : MONTH_ALL, indicator);
    derived_add_figure(builder, month_indicator_name(indicator), month_indicator_unit(indicator),
                       triple_exact(month_value(totals_of(builder), indicator).central), source);
}

static void add_whole(struct derived_builder *builder)
{
    char source[MONTH_FIGURE_SIZE];

    month_figure(source, builder->report, MONTH_ALL, MONTH_ALL, MONTH_ENERGY);
    derived_add_figure(builder, "whole_kwh", "kWh",
                       triple_exact(builder->report->total.impact.energy_kwh.central), source);
}

/* Of hidden pairs the rule stands for what is recorded, so that it is not told (month.c). */
static enum text_id unscattered_origin(const struct derived_builder *builder)
{
    return builder->report->suppressed == SUPPRESS_ALL || (builder->row && builder->row->is_other)
               ? TEXT_DERIVED_FOLDED_SCATTER
           : builder->report->suppressed == SUPPRESS_MERGED && !builder->row
               ? TEXT_DERIVED_UNSCATTERED_OR_FOLDED
               : TEXT_DERIVED_UNSCATTERED;
}

static bool look_up(struct derived_builder *builder, const char *name)
{
    const struct month_totals *totals = totals_of(builder);
    const struct uncertainty_factors *uncertainty =
        builder->report->config->factors ? factors_uncertainty(builder->report->config->factors)
                                         : NULL;

    if (strcmp(name, "energy_kwh") == 0)
        add_indicator(builder, MONTH_ENERGY);
    else if (strcmp(name, "gwp_kgco2e") == 0)
        add_indicator(builder, MONTH_GWP);
    else if (strcmp(name, "tokens_out") == 0)
        add_indicator(builder, MONTH_TOKENS_OUT);
    else if (strcmp(name, "whole_kwh") == 0)
        add_whole(builder);
    else if (strcmp(name, "measured_kwh") == 0)
        derived_add_derived(builder, name, "kWh", triple_exact(totals->measured_kwh),
                            scope_of(builder), name);
    else if (strcmp(name, "headcount") == 0)
        derived_add_derived(builder, name, "1", triple_exact(builder->row->headcount),
                            scope_of(builder), name);
    else if (strcmp(name, "variance") == 0)
        derived_add_given(builder, name, "1", triple_exact(totals->activity.tokens_out_variance),
                          builder->report->year ? TEXT_YEAR_ORIGIN_SHOWN : TEXT_DERIVED_LEDGER);
    else if (strcmp(name, "unscattered_requests") == 0)
        derived_add_given(builder, name, "1", triple_exact(totals->unscattered_requests),
                          unscattered_origin(builder));
    else if (strcmp(name, "unscattered_tokens") == 0)
        derived_add_given(builder, name, "1", triple_exact(totals->unscattered_tokens_out),
                          unscattered_origin(builder));
    else if (strcmp(name, "exchange_sigma") == 0 && uncertainty)
        derived_add_factor(builder, name, "1", triple_exact(uncertainty->exchange_sigma),
                           &uncertainty->provenance);
    else
        return false;
    return true;
}

bool derived_set_sigma(struct derived_builder *builder, const struct month_totals *totals,
                       derived_lookup *lookup)
{
    const struct factors *factors = builder->report->config->factors;
    double sigma = month_random_sigma(totals, factors);

    if (!(sigma > 0))
        return derived_as_given(builder, "1", triple_exact(0), TEXT_DERIVED_NO_SCATTER);
    derived_set_value(builder, "1", triple_exact(sigma));
    return derived_compose(builder,
                           totals->unscattered_requests > 0 && factors
                               ? "sqrt({variance} + sqrt({exchange_sigma} · {exchange_sigma} / "
                                 "{unscattered_requests}) · sqrt({exchange_sigma} · "
                                 "{exchange_sigma} / {unscattered_requests}) · "
                                 "{unscattered_tokens} · {unscattered_tokens}) / {tokens_out}"
                               : "sqrt({variance}) / {tokens_out}",
                           lookup);
}

static bool is_of_row(const struct derived_builder *builder, const struct month_cell *cell)
{
    return strcmp(is_of_services(builder) ? cell->service : cell->direction, builder->key) == 0;
}

/* Which is all of the energy of a pair, or nothing. */
static void add_measured_pairs(struct derived_builder *builder)
{
    const struct month_report *report = builder->report;
    size_t count = 0;

    for (size_t i = 0; i < report->cell_count; i++) {
        const struct month_cell *cell = &report->cells[i];
        char source[MONTH_FIGURE_SIZE] = "";

        if (!is_of_row(builder, cell) || !(cell->totals.measured_kwh > 0))
            continue;
        if (cell->totals.measured_kwh == cell->totals.impact.energy_kwh.central)
            month_figure(source, report, cell->direction, cell->service, MONTH_ENERGY);
        derived_add_summand(builder, "pair_", ++count, "kWh",
                            triple_exact(cell->totals.measured_kwh), source);
    }
}

static void add_measured_rows(struct derived_builder *builder)
{
    const struct month_table *table = &builder->report->directions;
    char source[MONTH_FIGURE_SIZE];

    for (size_t i = 0; i < table->count; i++) {
        derived_name(source, builder->report->month, "direction", table->rows[i].id,
                     builder->indicator);
        derived_add_summand(builder, "direction_", i + 1, "kWh",
                            triple_exact(table->rows[i].totals.measured_kwh), source);
    }
}

static bool set_measured(struct derived_builder *builder)
{
    const struct month_totals *totals = totals_of(builder);
    bool is_folded =
        builder->row ? builder->row->is_other : builder->report->suppressed == SUPPRESS_ALL;

    if (isnan(month_measured(builder->report, builder->row)))
        return false;
    if (is_folded || !(totals->measured_kwh > 0))
        return derived_as_given(builder, "kWh", triple_exact(totals->measured_kwh),
                                TEXT_DERIVED_HOST_ROWS);
    derived_set_value(builder, "kWh", triple_exact(totals->measured_kwh));
    if (builder->row)
        add_measured_pairs(builder);
    else
        add_measured_rows(builder);
    return true;
}

static bool set_quotient(struct derived_builder *builder, const char *unit, double value,
                         const char *formula)
{
    derived_set_value(builder, unit, triple_exact(value));
    return derived_compose(builder, formula, look_up);
}

static bool set_energy_share(struct derived_builder *builder)
{
    double share = builder->row ? builder->row->energy_share : 1;

    if (!(builder->report->total.impact.energy_kwh.central > 0))
        return derived_as_given(builder, "1", triple_exact(builder->row ? share : 0),
                                TEXT_DERIVED_NO_ENERGY);
    return set_quotient(builder, "1", share, "{energy_kwh} / {whole_kwh}");
}

static bool find_of_row(struct derived_builder *builder)
{
    const struct month_row *row = builder->row;
    double measured = month_measured(builder->report, row);

    if (derived_is(builder, "tokens_out_random_sigma"))
        return derived_set_sigma(builder, totals_of(builder), look_up);
    if (derived_is(builder, "measured_kwh"))
        return set_measured(builder);
    if (derived_is(builder, "measured_share"))
        return !isnan(measured) &&
               set_quotient(builder, "1", measured, "{measured_kwh} / {energy_kwh}");
    if (derived_is(builder, "energy_share"))
        return set_energy_share(builder);
    if (!row || row->headcount == 0)
        return false;
    if (derived_is(builder, "headcount"))
        return derived_as_given(builder, "1", triple_exact(row->headcount),
                                TEXT_DERIVED_DIRECTIONS);
    return derived_is(builder, "gwp_gco2e_per_agent") &&
           set_quotient(builder, "gCO2e", row->gwp_per_agent_g,
                        "{gwp_kgco2e} · 1000 / {headcount}");
}

bool derived_find_total(struct derived_builder *builder)
{
    return !builder->report->withheld && strcmp(builder->key, MONTH_ALL) == 0 &&
           find_of_row(builder);
}

static bool find_in_table(struct derived_builder *builder, const struct month_table *table)
{
    for (size_t i = 0; i < table->count && !builder->row; i++)
        if (strcmp(table->rows[i].id, builder->key) == 0)
            builder->row = &table->rows[i];
    return builder->row && find_of_row(builder);
}

bool derived_find_direction(struct derived_builder *builder)
{
    return find_in_table(builder, &builder->report->directions);
}

bool derived_find_service(struct derived_builder *builder)
{
    return find_in_table(builder, &builder->report->services);
}

/* Of the energy: measured at a host of our own, counted, or estimated. */
bool derived_find_shares(struct derived_builder *builder)
{
    const struct month_report *report = builder->report;
    double measured = month_has_host(report) ? month_measured(report, NULL) : 0;

    if (report->withheld || strcmp(builder->key, MONTH_ALL) != 0)
        return false;
    if (derived_is(builder, "counted"))
        return derived_as_given(builder, "1", triple_exact(0), TEXT_DERIVED_NOT_COUNTED);
    if (isnan(measured))
        return false;
    if (derived_is(builder, "measured"))
        return month_has_host(report)
                   ? set_quotient(builder, "1", measured, "{measured_kwh} / {energy_kwh}")
                   : derived_as_given(builder, "1", triple_exact(0), TEXT_DERIVED_NO_HOST);
    if (!derived_is(builder, "estimated"))
        return false;
    derived_set_value(builder, "1", triple_exact(1 - measured));
    derived_add_derived(builder, "measured", "1", triple_exact(measured), "shares", "measured");
    fputs("1 - {measured}", builder->formula);
    return true;
}

/* ---- Images, besides the totals ---- */

/* After the energy of the machines: with the central factors, and with those of an end. */
static const struct {
    enum month_indicator indicator;
    const char *central;
    const char *end;
} image_factors[] = {
    {MONTH_ENERGY, "central({pue})", "{pue}"},
    {MONTH_WATER, "central({wue_l_per_kwh} + {pue} · {ewif_l_per_kwh})",
     "({wue_l_per_kwh} + {pue} · {ewif_l_per_kwh})"},
    {MONTH_GWP, "central({pue}) · {gwp_kgco2e_per_kwh}", "{pue} · {gwp_kgco2e_per_kwh}"},
    {MONTH_GWP_USE, "central({pue}) · {gwp_kgco2e_per_kwh}", "{pue} · {gwp_kgco2e_per_kwh}"},
    {MONTH_GWP_EMBODIED, "0", "0"}, /* not known of images */
    {MONTH_ADPE, "central({pue}) · {adpe_kgsb_per_kwh}", "{pue} · {adpe_kgsb_per_kwh}"},
};

static struct triple range_of(struct range range)
{
    return (struct triple){range.min, impact_centre(range.min, range.max), range.max};
}

static bool add_place(struct derived_builder *builder, const char *name,
                      const struct units_impact *images)
{
    const struct provider_factors *provider = images->factors.provider;
    const struct zone_factors *zone = images->factors.zone;

    if (strcmp(name, "pue") == 0)
        derived_add_factor(builder, name, "1", range_of(provider->pue), &provider->provenance);
    else if (strcmp(name, "wue_l_per_kwh") == 0)
        derived_add_factor(builder, name, "L/kWh", range_of(provider->wue_l_per_kwh),
                           &provider->provenance);
    else if (strcmp(name, "ewif_l_per_kwh") == 0)
        derived_add_factor(builder, name, "L/kWh", triple_exact(zone->ewif_l_per_kwh),
                           &zone->ewif_provenance);
    else if (strcmp(name, "gwp_kgco2e_per_kwh") == 0)
        derived_add_factor(builder, name, "kgCO2e/kWh", triple_exact(zone->gwp_kgco2e_per_kwh),
                           &zone->provenance);
    else if (strcmp(name, "adpe_kgsb_per_kwh") == 0)
        derived_add_factor(builder, name, "kgSbeq/kWh", triple_exact(zone->adpe_kgsb_per_kwh),
                           &zone->adpe_provenance);
    else
        return false;
    return true;
}

static bool look_up_image(struct derived_builder *builder, const char *name)
{
    const struct method_b *overhead = factors_method_b(builder->report->config->factors);
    const struct month_totals *totals = &builder->row->totals;
    struct units_impact images;
    char source[MONTH_FIGURE_SIZE];

    units_compute(builder->report->config, builder->row->service, totals, &images);
    month_figure(source, builder->report, MONTH_ALL, builder->key, MONTH_IMAGES);
    if (strcmp(name, "images") == 0)
        derived_add_figure(builder, name, "1", totals->activity.images, source);
    else if (strcmp(name, "it_kwh_of_one") == 0)
        derived_add_derived(builder, name, "kWh", images.it_kwh, "images", name);
    else if (strcmp(name, "wh_of_one") == 0)
        derived_add_factor(builder, name, "Wh", images.medium->energy_wh,
                           &images.medium->provenance);
    else if (strcmp(name, "host_share") == 0)
        derived_add_factor(builder, name, "1", triple_exact(overhead->host_share),
                           &overhead->overhead_provenance);
    else if (strcmp(name, "idle_share") == 0)
        derived_add_factor(builder, name, "1", triple_exact(overhead->idle_share),
                           &overhead->overhead_provenance);
    else
        return add_place(builder, name, &images);
    return true;
}

static bool compose_images(struct derived_builder *builder, size_t number, bool has_central)
{
    char formula[300];

    /* Nothing is expected, but something is possible: no error to speak of. */
    if (!has_central || image_factors[number].indicator == MONTH_GWP_EMBODIED)
        snprintf(formula, sizeof(formula), "{images} · {it_kwh_of_one} · %s",
                 image_factors[number].end);
    else
        snprintf(formula, sizeof(formula),
                 "around({images} · central({it_kwh_of_one}) · %s, "
                 "central({images}) · {it_kwh_of_one} · %s)",
                 image_factors[number].central, image_factors[number].end);
    return derived_compose(builder, formula, look_up_image);
}

bool derived_find_images(struct derived_builder *builder)
{
    const struct month_table *services = &builder->report->services;
    struct units_impact images = {.medium = NULL};
    struct month_totals totals = {.measured_kwh = 0};

    for (size_t i = 0; i < services->count && !builder->row; i++)
        if (strcmp(services->rows[i].id, builder->key) == 0)
            builder->row = &services->rows[i];
    if (builder->row)
        units_compute(builder->report->config, builder->row->service, &builder->row->totals,
                      &images);
    if (!images.medium)
        return false;
    if (derived_is(builder, "it_kwh_of_one")) {
        derived_set_value(builder, "kWh", images.it_kwh);
        return derived_compose(builder,
                               images.medium->gpu_only
                                   ? "{wh_of_one} · ((1 + {host_share} + {idle_share}) / 1000)"
                                   : "{wh_of_one} · (1 / 1000)",
                               look_up_image);
    }
    totals.impact = images.impact;
    for (size_t i = 0; i < sizeof(image_factors) / sizeof(image_factors[0]); i++) {
        enum month_indicator indicator = image_factors[i].indicator;

        if (!derived_is(builder, month_indicator_name(indicator)))
            continue;
        derived_set_value(builder, month_indicator_unit(indicator),
                          month_value(&totals, indicator));
        return compose_images(builder, i, builder->row->totals.activity.images.central > 0);
    }
    return false;
}

/* ---- Per functional unit: central values ---- */

static void add_total(struct derived_builder *builder, enum month_indicator indicator)
{
    char source[MONTH_FIGURE_SIZE];

    month_figure(source, builder->report, MONTH_ALL, MONTH_ALL, indicator);
    derived_add_figure(builder, month_indicator_name(indicator), month_indicator_unit(indicator),
                       triple_exact(month_value(&builder->report->total, indicator).central),
                       source);
}

/* "{energy_kwh}", less what is folded where the figure is of the shown pairs alone. */
static void add_unit_value(struct derived_builder *builder, enum month_indicator indicator)
{
    const struct month_row *other = month_other(builder->report);
    char source[MONTH_FIGURE_SIZE], name[MONTH_ID_SIZE];

    add_total(builder, indicator);
    if (!builder->report->units_of_shown || !other) {
        fprintf(builder->formula, "{%s}", month_indicator_name(indicator));
        return;
    }
    snprintf(name, sizeof(name), "folded_%s", month_indicator_name(indicator));
    month_figure(source, builder->report, MONTH_OTHER, MONTH_ALL, indicator);
    derived_add_figure(builder, name, month_indicator_unit(indicator),
                       triple_exact(month_value(&other->totals, indicator).central), source);
    fprintf(builder->formula, "({%s} - {%s})", month_indicator_name(indicator), name);
}

bool derived_unit_asked(const struct derived_builder *builder, const struct month_unit *unit,
                        struct derived_unit *asked)
{
    const struct {
        const char *name;
        struct derived_unit of;
    } figures[] = {{"energy_wh", {"Wh", unit->energy_wh, MONTH_ENERGY}},
                   {"water_ml", {"mL", unit->water_ml, MONTH_WATER}},
                   {"gwp_gco2e", {"gCO2e", unit->gwp_g, MONTH_GWP}}};

    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        if (derived_is(builder, figures[i].name)) {
            *asked = figures[i].of;
            return !builder->report->withheld;
        }
    return false;
}

/* Returns false where that is all, whether it is *FOUND or not. */
static bool start_per_unit(struct derived_builder *builder, const struct month_unit *unit,
                           bool *found)
{
    struct derived_unit asked;

    *found = derived_unit_asked(builder, unit, &asked);
    if (!*found)
        return false;
    if (!(unit->energy_wh > 0)) {
        derived_as_given(builder, asked.unit, triple_exact(0),
                         builder->report->units_of_shown ? TEXT_DERIVED_NO_SHOWN_ENERGY
                                                         : TEXT_DERIVED_NO_ENERGY);
        return false;
    }
    derived_set_value(builder, asked.unit, triple_exact(asked.value));
    add_unit_value(builder, asked.of);
    fputs(" · 1000 / ", builder->formula);
    return true;
}

bool derived_find_per_request(struct derived_builder *builder)
{
    bool found;

    if (!start_per_unit(builder, &builder->report->per_request, &found))
        return found;
    fputc('(', builder->formula);
    add_unit_value(builder, MONTH_REQUESTS);
    fputs(" - ", builder->formula);
    add_unit_value(builder, MONTH_REQUESTS_WITHOUT_IMPACT);
    fputc(')', builder->formula);
    return true;
}

bool derived_find_per_tokens(struct derived_builder *builder)
{
    bool found;

    if (!start_per_unit(builder, &builder->report->per_1000_tokens, &found))
        return found;
    derived_add_given(
        builder, "tokens_out_with_impact", "1", triple_exact(builder->report->tokens_with_impact),
        builder->report->units_of_shown ? TEXT_DERIVED_SHOWN_TOKENS : TEXT_DERIVED_TOKENS);
    fputs("({tokens_out_with_impact} / 1000)", builder->formula);
    return true;
}

/* ---- Coverage ---- */

static bool find_line(const struct derived_builder *builder, const char *name,
                      struct month_coverage_line *line)
{
    struct month_coverage_line lines[MONTH_COVERAGE_LINES];
    size_t count = month_coverage_lines(builder->report, lines);

    for (size_t i = 0; i < count; i++)
        if (strcmp(lines[i].name, name) == 0) {
            *line = lines[i];
            return true;
        }
    return false;
}

static bool look_up_line(struct derived_builder *builder, const char *name)
{
    struct month_coverage_line line = {.name = "month_s", .unit = "s"};

    line.value = builder->report->month_s;
    if (strcmp(name, line.name) != 0 && !find_line(builder, name, &line))
        return false;
    derived_add_derived(builder, name, line.unit, triple_exact(line.value), "coverage", name);
    return true;
}

/* As sentences have them. */
static bool find_words(struct derived_builder *builder)
{
    const struct month_report *report = builder->report;
    const struct {
        const char *name;
        const char *unit;
        double value;
        const char *formula;
    } words[] = {
        {"covered_h", "h", report->covered_s / HOUR_S, "{covered_s} / 3600"},
        {"month_h", "h", report->month_s / HOUR_S, "{month_s} / 3600"},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (derived_is(builder, words[i].name)) {
            derived_set_value(builder, words[i].unit, triple_exact(words[i].value));
            return derived_compose(builder, words[i].formula, look_up_line);
        }
    return false;
}

bool derived_find_coverage(struct derived_builder *builder)
{
    struct month_coverage_line line;

    if (strcmp(builder->key, MONTH_ALL) != 0)
        return false;
    if (derived_is(builder, "month_s"))
        return derived_as_given(builder, "s", triple_exact(builder->report->month_s),
                                TEXT_DERIVED_CALENDAR);
    if (!find_line(builder, builder->indicator, &line))
        return find_words(builder);
    if (!line.sum)
        return derived_as_given(builder, line.unit, triple_exact(line.value), TEXT_DERIVED_CAPTURE);
    derived_set_value(builder, line.unit, triple_exact(line.value));
    return derived_compose(builder, line.sum, look_up_line);
}

bool derived_find_proportion(struct derived_builder *builder)
{
    struct month_coverage_line line;
    char formula[200];

    if (strcmp(builder->key, MONTH_ALL) != 0 || !find_line(builder, builder->indicator, &line) ||
        line.proportion < 0)
        return false;
    derived_set_value(builder, "1", triple_exact(line.proportion));
    snprintf(formula, sizeof(formula), "{%s} / %s", line.name, line.whole);
    return derived_compose(builder, formula, look_up_line);
}
