/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived_build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/year.h"

/* Figures of a year's report: each is a sum of what the reports of its months print, or computed
 * from such sums. */

static const struct year_report *year_of(const struct derived_builder *builder)
{
    return builder->report->year;
}

static bool is_all(const char *name)
{
    return strcmp(name, MONTH_ALL) == 0;
}

/* ---- Sums of months ---- */

/* One more summand, "{PREFIXnn}" of month nn. */
static void add_month(struct derived_builder *builder, const char *prefix,
                      const struct monthsums *month, const char *unit, struct triple value,
                      const char *source, size_t *count)
{
    char name[32];

    snprintf(name, sizeof(name), "%.20s%02d", prefix, month->month);
    derived_add_figure(builder, name, unit, value, source);
    fprintf(builder->formula, "%s{%s}", (*count)++ > 0 ? " + " : "", name);
}

/* 0, because no month tells of it, or each that nobody used anything. */
static void put_nothing(struct derived_builder *builder, const char *unit)
{
    derived_add_given(builder, "none", unit, triple_exact(0), TEXT_YEAR_UNUSED);
    fputs("{none}", builder->formula);
}

static void sum_row(struct derived_builder *builder, enum year_months which,
                    const struct year_row *row, enum month_indicator indicator, const char *prefix)
{
    char source[MONTH_FIGURE_SIZE];
    size_t count = 0;

    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *month = year_month_of(year_of(builder), which, i);
        const struct month_totals *totals;
        struct year_row there;

        totals = month ? year_row_of(month, row, &there) : NULL;
        if (!totals)
            continue;
        year_month_figure(source, month, &there, indicator);
        add_month(builder, prefix, month, month_indicator_unit(indicator),
                  month_value(totals, indicator), source, &count);
    }
    if (count == 0)
        put_nothing(builder, month_indicator_unit(indicator));
}

/* Use and embodied are added up apart, and then together. */
static void sum_gases(struct derived_builder *builder, const struct year_row *row)
{
    static const enum month_indicator parts[] = {MONTH_GWP_USE, MONTH_GWP_EMBODIED};
    const struct month_totals *totals =
        builder->row ? &builder->row->totals : &builder->report->total;
    char source[MONTH_FIGURE_SIZE];

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        month_figure(source, builder->report, row->direction, row->service, parts[i]);
        derived_add_figure(builder, month_indicator_name(parts[i]), month_indicator_unit(parts[i]),
                           month_value(totals, parts[i]), source);
    }
    fprintf(builder->formula, "{%s} + {%s}", month_indicator_name(parts[0]),
            month_indicator_name(parts[1]));
}

static bool find_row(struct derived_builder *builder, const struct month_table *table,
                     const char *id)
{
    for (size_t i = 0; i < table->count && !builder->row; i++)
        if (strcmp(table->rows[i].id, id) == 0)
            builder->row = &table->rows[i];
    return builder->row;
}

/* "2026/DRH/./energy_kwh" */
bool derived_find_of_year(struct derived_builder *builder)
{
    const struct month_report *sums = builder->report;
    const char *direction = builder->direction, *service = builder->key;
    struct year_row row = {direction, service, false};
    enum month_indicator indicator;
    bool found = is_all(direction)
                     ? is_all(service) || find_row(builder, &sums->services, service)
                     : is_all(service) && find_row(builder, &sums->directions, direction);

    if (!found || sums->withheld || !derived_find_indicator(builder, &indicator))
        return false;
    row.is_other = builder->row && builder->row->is_other;
    derived_set_value(builder, month_indicator_unit(indicator),
                      month_value(builder->row ? &builder->row->totals : &sums->total, indicator));
    if (indicator == MONTH_GWP)
        sum_gases(builder, &row);
    else
        sum_row(builder, YEAR_TOLD, &row, indicator, "month_");
    return true;
}

/* What is measured of a row, of the months that tell of its energy. */
static void sum_measured(struct derived_builder *builder, const struct year_row *row)
{
    char source[MONTH_FIGURE_SIZE];
    size_t count = 0;

    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *month = year_month_of(year_of(builder), YEAR_TOLD, i);
        const struct month_totals *totals;
        struct year_row there;
        bool of_services;

        totals = month ? year_row_of(month, row, &there) : NULL;
        if (!totals || !(totals->impact.energy_kwh.central > 0))
            continue;
        of_services = !is_all(there.service);
        derived_name(source, (struct calendar_month){.year = month->year, .month = month->month},
                     of_services               ? "service"
                     : is_all(there.direction) ? "total"
                                               : "direction",
                     of_services ? there.service : there.direction, "measured_kwh");
        add_month(builder, "month_", month, "kWh", triple_exact(totals->measured_kwh), source,
                  &count);
    }
    if (count == 0)
        put_nothing(builder, "kWh");
}

static bool set_measured(struct derived_builder *builder, bool of_services)
{
    const struct month_report *sums = builder->report;
    const struct year_row row = {of_services ? MONTH_ALL : builder->key,
                                 of_services ? builder->key : MONTH_ALL,
                                 builder->row && builder->row->is_other};

    if (isnan(month_measured(sums, builder->row)))
        return false;
    derived_set_value(
        builder, "kWh",
        triple_exact((builder->row ? &builder->row->totals : &sums->total)->measured_kwh));
    sum_measured(builder, &row);
    return true;
}

static bool find_in(struct derived_builder *builder, const struct month_table *table,
                    bool of_services)
{
    if (builder->report->withheld || !find_row(builder, table, builder->key))
        return false;
    if (derived_is(builder, "months_shown"))
        return derived_as_given(builder, "1", triple_exact(builder->row->months),
                                TEXT_YEAR_ORIGIN_SHOWN);
    return derived_is(builder, "measured_kwh") && set_measured(builder, of_services);
}

static bool find_total(struct derived_builder *builder)
{
    if (derived_is(builder, "measured_kwh") && is_all(builder->key) && !builder->report->withheld)
        return set_measured(builder, false);
    return derived_find_total(builder);
}

static bool find_direction(struct derived_builder *builder)
{
    return find_in(builder, &builder->report->directions, false) || derived_find_direction(builder);
}

static bool find_service(struct derived_builder *builder)
{
    return find_in(builder, &builder->report->services, true) || derived_find_service(builder);
}

/* ---- How many months ---- */

static bool find_months(struct derived_builder *builder)
{
    struct year_count count;

    for (size_t i = 0; is_all(builder->key) && year_count(year_of(builder), i, &count); i++)
        if (derived_is(builder, count.name))
            return derived_as_given(builder, "1", triple_exact(count.value), count.origin);
    return false;
}

/* ---- Per unit ---- */

/* "{energy_03}", less what is folded where the month's figure is of the rest. */
static void put_unit_value(struct derived_builder *builder, const struct monthsums *month,
                           const char *prefix, enum month_indicator indicator)
{
    const struct year_row all = {MONTH_ALL, MONTH_ALL, false};
    const struct year_row other = {MONTH_OTHER, MONTH_ALL, true};
    const struct month_totals *folded;
    char name[32], source[MONTH_FIGURE_SIZE];

    year_unit_value(month, indicator, &folded);
    snprintf(name, sizeof(name), "%.12s_%02d", prefix, month->month);
    year_month_figure(source, month, &all, indicator);
    derived_add_figure(builder, name, month_indicator_unit(indicator),
                       triple_exact(month_value(&month->total, indicator).central), source);
    if (!folded) {
        fprintf(builder->formula, "{%s}", name);
        return;
    }
    fprintf(builder->formula, "({%s} - {folded_%s})", name, name);
    snprintf(name, sizeof(name), "folded_%.12s_%02d", prefix, month->month);
    year_month_figure(source, month, &other, indicator);
    derived_add_figure(builder, name, month_indicator_unit(indicator),
                       triple_exact(month_value(folded, indicator).central), source);
}

/* Else it adds nothing. */
static bool is_of_units(const struct monthsums *month)
{
    return !month->unused && (!month->units_of_shown || month->suppressed == SUPPRESS_MERGED);
}

/* Of all months, "energy_01 + energy_02 ...", or with the requests that have an estimate. */
static void sum_units(struct derived_builder *builder, enum year_months which,
                      enum month_indicator indicator)
{
    const char *prefix = indicator == MONTH_ENERGY  ? "energy"
                         : indicator == MONTH_WATER ? "water"
                         : indicator == MONTH_GWP   ? "gwp"
                                                    : "requests";
    size_t count = 0;

    fputc('(', builder->formula);
    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *month = year_month_of(year_of(builder), which, i);

        if (!month || !is_of_units(month))
            continue;
        fputs(count++ > 0 ? " + " : "", builder->formula);
        if (indicator != MONTH_REQUESTS) {
            put_unit_value(builder, month, prefix, indicator);
            continue;
        }
        fputc('(', builder->formula);
        put_unit_value(builder, month, prefix, MONTH_REQUESTS);
        fputs(" - ", builder->formula);
        put_unit_value(builder, month, "unestimated", MONTH_REQUESTS_WITHOUT_IMPACT);
        fputc(')', builder->formula);
    }
    fputc(')', builder->formula);
}

static void sum_tokens(struct derived_builder *builder)
{
    size_t count = 0;

    fputs("((", builder->formula);
    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *month = year_month_of(year_of(builder), YEAR_TOLD, i);
        char name[32];

        if (!month || !is_of_units(month))
            continue;
        snprintf(name, sizeof(name), "tokens_out_with_impact_%02d", month->month);
        derived_add_given(builder, name, "1", triple_exact(month->tokens_with_impact),
                          month->units_of_shown ? TEXT_DERIVED_SHOWN_TOKENS : TEXT_DERIVED_TOKENS);
        fprintf(builder->formula, "%s{%s}", count++ > 0 ? " + " : "", name);
    }
    fputs(") / 1000)", builder->formula);
}

static bool set_unit(struct derived_builder *builder, enum year_months which,
                     struct month_unit unit, bool per_tokens)
{
    struct derived_unit asked;

    if (!derived_unit_asked(builder, &unit, &asked))
        return false;
    if (!(unit.energy_wh > 0))
        return derived_as_given(builder, asked.unit, triple_exact(0), TEXT_DERIVED_NO_ENERGY);
    derived_set_value(builder, asked.unit, triple_exact(asked.value));
    sum_units(builder, which, asked.of);
    fputs(" · 1000 / ", builder->formula);
    if (per_tokens)
        sum_tokens(builder);
    else
        sum_units(builder, which, MONTH_REQUESTS);
    return true;
}

static bool find_per_request(struct derived_builder *builder)
{
    return set_unit(builder, YEAR_TOLD, builder->report->per_request, false);
}

static bool find_per_tokens(struct derived_builder *builder)
{
    return set_unit(builder, YEAR_TOLD, builder->report->per_1000_tokens, true);
}

/* ---- By what services.conf says ---- */

static void add_parts(struct derived_builder *builder, const struct monthsums *month,
                      enum year_dimension dimension, int class_number,
                      enum month_indicator indicator)
{
    char source[MONTH_FIGURE_SIZE];
    struct year_part part;
    size_t count = 0;

    for (; year_class_part(year_of(builder), month, dimension, class_number, count, &part);
         count++) {
        if (month)
            year_month_figure(source, month, &part.row, indicator);
        else
            month_figure(source, builder->report, part.row.direction, part.row.service, indicator);
        derived_add_summand(builder, "row_", count + 1, month_indicator_unit(indicator),
                            month_value(part.totals, indicator), source);
    }
    if (count > 0)
        return;
    derived_add_given(builder, "none", month_indicator_unit(indicator), triple_exact(0),
                      TEXT_YEAR_NO_ROW);
    fputs("{none}", builder->formula);
}

static bool set_share(struct derived_builder *builder, const struct monthsums *month,
                      const struct month_totals *sum, const char *scope,
                      enum month_indicator indicator)
{
    const struct year_row all = {MONTH_ALL, MONTH_ALL, false};
    const struct month_totals *whole = year_whole(year_of(builder), month);
    double value = month_value(sum, indicator).central;
    double total = month_value(whole, indicator).central;
    char source[MONTH_FIGURE_SIZE];

    if (!(total > 0))
        return false;
    derived_set_value(builder, "1", triple_exact(value / total));
    derived_add_derived(builder, "part", month_indicator_unit(indicator), triple_exact(value),
                        scope, month_indicator_name(indicator));
    if (month)
        year_month_figure(source, month, &all, indicator);
    else
        month_figure(source, builder->report, MONTH_ALL, MONTH_ALL, indicator);
    derived_add_figure(builder, "whole", month_indicator_unit(indicator), triple_exact(total),
                       source);
    fputs("{part} / {whole}", builder->formula);
    return true;
}

static bool set_class(struct derived_builder *builder, const struct monthsums *month,
                      enum year_dimension dimension, int class_number)
{
    struct month_totals sum = year_class_sum(year_of(builder), month, dimension, class_number);
    char scope[MONTH_ID_SIZE], key[MONTH_ID_SIZE];
    enum month_indicator indicator = MONTH_REQUESTS;

    year_class_key(scope, key, month, dimension, class_number);
    if (derived_is(builder, "energy_share") || derived_is(builder, "requests_share"))
        return set_share(builder, month, &sum, scope,
                         derived_is(builder, "energy_share") ? MONTH_ENERGY : MONTH_REQUESTS);
    if (!derived_find_indicator(builder, &indicator) ||
        (indicator != MONTH_ENERGY && indicator != MONTH_REQUESTS))
        return false;
    derived_set_value(builder, month_indicator_unit(indicator), month_value(&sum, indicator));
    add_parts(builder, month, dimension, class_number, indicator);
    return true;
}

/* "eu", or of a month "2026-03/eu". Returns false where the year has no such month. */
static bool find_month(const struct derived_builder *builder, const struct monthsums **month)
{
    const char *slash = strchr(builder->key, '/');
    char name[MONTH_ID_SIZE];

    *month = NULL;
    if (!slash)
        return true;
    for (int i = 0; i < YEAR_MONTHS && !*month; i++) {
        const struct monthsums *told = year_month_of(year_of(builder), YEAR_TOLD, i);

        if (!told)
            continue;
        year_month_name(name, told);
        if (strncmp(name, builder->key, strlen(name)) == 0 && builder->key + strlen(name) == slash)
            *month = told;
    }
    return *month;
}

static bool find_class(struct derived_builder *builder, const char *asked)
{
    const struct monthsums *month;
    char scope[MONTH_ID_SIZE], key[MONTH_ID_SIZE];

    if (builder->report->withheld || !find_month(builder, &month))
        return false;
    for (int i = 0; i < YEAR_DIMENSIONS; i++)
        for (int j = 0; year_class_name((enum year_dimension)i, j); j++) {
            year_class_key(scope, key, month, (enum year_dimension)i, j);
            if (strcmp(scope, asked) == 0 && strcmp(key, builder->key) == 0)
                return set_class(builder, month, (enum year_dimension)i, j);
        }
    return false;
}

/* ---- Beside the year before ---- */

static bool set_compared(struct derived_builder *builder, enum year_months which,
                         struct triple value, const struct year_sums *sums)
{
    const struct year_row all = {MONTH_ALL, MONTH_ALL, false};
    enum month_indicator indicator;

    if (!derived_find_indicator(builder, &indicator))
        return set_unit(builder, which, year_per_request(&sums->units), false);
    derived_set_value(builder, month_indicator_unit(indicator), value);
    if (indicator != MONTH_GWP) {
        sum_row(builder, which, &all, indicator, "month_");
        return true;
    }
    fputc('(', builder->formula);
    sum_row(builder, which, &all, MONTH_GWP_USE, "use_");
    fputs(") + (", builder->formula);
    sum_row(builder, which, &all, MONTH_GWP_EMBODIED, "embodied_");
    fputc(')', builder->formula);
    return true;
}

static bool set_change(struct derived_builder *builder, const struct year_comparison *comparison)
{
    if (isnan(comparison->change_percent))
        return false;
    derived_set_value(builder, "%", triple_exact(comparison->change_percent));
    derived_add_derived(builder, "after", comparison->unit, triple_exact(comparison->value.central),
                        "compared", builder->indicator);
    derived_add_derived(builder, "before", comparison->unit,
                        triple_exact(comparison->before.central), "compared-before",
                        builder->indicator);
    fputs("100 · ({after} - {before}) / {before}", builder->formula);
    return true;
}

static bool find_compared(struct derived_builder *builder, const char *scope)
{
    const struct year_report *year = year_of(builder);

    for (int i = 0; is_all(builder->key) && year->compared > 0 && i < YEAR_COMPARISONS; i++) {
        struct year_comparison comparison = year_comparison(year, i);

        if (!derived_is(builder, comparison.indicator))
            continue;
        if (strcmp(scope, "compared") == 0)
            return set_compared(builder, YEAR_COMPARED, comparison.value, &year->after);
        if (strcmp(scope, "compared-before") == 0)
            return set_compared(builder, YEAR_COMPARED_BEFORE, comparison.before, &year->earlier);
        return strcmp(scope, "compared-change") == 0 && set_change(builder, &comparison);
    }
    return false;
}

/* ---- Coverage ---- */

static bool line_of(const struct month_report *report, const char *name,
                    struct month_coverage_line *line)
{
    struct month_coverage_line lines[MONTH_COVERAGE_LINES];
    size_t count = month_coverage_lines(report, lines);

    for (size_t i = 0; i < count; i++)
        if (strcmp(lines[i].name, name) == 0) {
            *line = lines[i];
            return true;
        }
    return false;
}

/* What is recorded, of all months of which something is held. */
static void sum_coverage(struct derived_builder *builder, const char *unit)
{
    char source[MONTH_FIGURE_SIZE];
    struct month_coverage_line line;
    size_t count = 0;

    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *month = year_of(builder)->months[i];
        struct month_report report = {.config = builder->report->config};

        if (!month)
            continue;
        report.coverage = month->coverage;
        report.covered_s = month->covered_s;
        report.month_s = month->month_s;
        report.local_counts_shown = month->local_counts_shown;
        report.month = (struct calendar_month){.year = month->year, .month = month->month};
        if (!line_of(&report, builder->indicator, &line))
            continue;
        derived_name(source, report.month, "coverage", MONTH_ALL, builder->indicator);
        add_month(builder, "month_", month, unit, triple_exact(line.value), source, &count);
    }
}

static bool find_coverage(struct derived_builder *builder)
{
    struct month_coverage_line line;

    if (!is_all(builder->key) || !line_of(builder->report, builder->indicator, &line) || line.sum)
        return derived_find_coverage(builder);
    derived_set_value(builder, line.unit, triple_exact(line.value));
    sum_coverage(builder, line.unit);
    return true;
}

/* ---- All of them ---- */

static const struct {
    const char *name;
    bool (*find)(struct derived_builder *builder);
} scopes[] = {
    {"total", find_total},
    {"direction", find_direction},
    {"service", find_service},
    {"months", find_months},
    {"per-request", find_per_request},
    {"per-1000-tokens-out", find_per_tokens},
    {"coverage", find_coverage},
    {"coverage-proportion", derived_find_proportion},
    {"shares", derived_find_shares},
    {"images", derived_find_images},
    {"objectives", derived_find_objectives},
    {"objective-budget", derived_find_budget},
    {"objective-warning", derived_find_warning},
    {"objective-hidden-months", derived_find_hidden_months},
    {"objective-path", derived_find_path},
    {"objective-spent", derived_find_spent},
    {"objective-projected", derived_find_projected},
};

bool derived_find_year(struct derived_builder *builder, const char *scope)
{
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
        if (strcmp(scopes[i].name, scope) == 0)
            return scopes[i].find(builder);
    return find_class(builder, scope) || find_compared(builder, scope);
}
