/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/month_html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/coefficients.h"
#include "reports/days.h"
#include "reports/derived.h"
#include "reports/hostview.h"
#include "reports/html.h"
#include "reports/progress.h"
#include "reports/sheet.h"
#include "reports/symbols.h"
#include "reports/units.h"
#include "reports/year.h"

#define SHARE_DECIMALS   1
#define UNKNOWN          "–"
#define PERCENT_DECIMALS 2 /* of coverage */
#define PERCENT_UNITS    100
#define COUNT_OF(array)  (sizeof(array) / sizeof((array)[0]))

/* What `iagmeter explain` takes, to be read by pointing at the figure; the first of each in the
 * document is also its anchor. */
static void open_figure(const struct html_page *page, const char *direction, const char *service,
                        enum month_indicator indicator, bool is_first)
{
    char name[MONTH_FIGURE_SIZE];

    month_figure(name, page->report, direction, service, indicator);
    html_open_number(page, name, is_first);
}

static const char *unit_of(enum month_indicator indicator)
{
    const char *unit = month_indicator_unit(indicator);

    return strcmp(unit, "1") == 0 ? NULL : unit;
}

static void factor_text(const struct html_page *page, char out[TEXT_NUMBER_SIZE], double value)
{
    text_number(out, TEXT_NUMBER_SIZE, page->language, value, text_decimals(value));
}

static void write_period(const struct html_page *page)
{
    const struct month_report *report = page->report;
    char from[TEXT_DATE_SIZE], until[TEXT_DATE_SIZE];

    text_date(from, sizeof(from), page->language, report->month.start, true);
    text_date(until, sizeof(until), page->language, report->until, true);
    html_element(page, "p", TEXT_PERIOD, TEXT_ARGUMENTS(from, until, report->config->timezone));
    if (report->running) {
        html_notice(page, TEXT_RUNNING, TEXT_ARGUMENTS(until));
        html_notice(page, TEXT_PROVISIONAL, NULL);
    }
}

void month_html_restatement(const struct html_page *page, enum text_id restated)
{
    char words[MONTH_RESTATED_ARGUMENTS][TEXT_DATE_SIZE];
    month_name names[MONTH_RESTATED_ARGUMENTS];
    const char *arguments[MONTH_RESTATED_ARGUMENTS + 1], *figures[MONTH_RESTATED_ARGUMENTS + 1];

    if (!month_restated_words(page->report, page->language, words, arguments))
        return;
    month_restated_names(page->report, names, figures);
    html_sentence(page, "p", "notice", restated, arguments, figures);
}

void month_html_coverage_sentence(const struct html_page *page)
{
    char covered[TEXT_NUMBER_SIZE], length[TEXT_NUMBER_SIZE], percent[TEXT_NUMBER_SIZE];
    month_name names[MONTH_COVERAGE_ARGUMENTS];
    const char *figures[MONTH_COVERAGE_ARGUMENTS + 1];

    if (!(page->report->covered_s > 0)) {
        html_notice(page, TEXT_COVERAGE_NONE, NULL);
        return;
    }
    month_coverage_words(page->report, page->language, covered, length, percent);
    month_coverage_names(page->report, names, figures);
    html_sentence(page, "p", NULL, TEXT_COVERAGE_SENTENCE, TEXT_ARGUMENTS(covered, length, percent),
                  figures);
}

/* Which part of the energy of ROW, NULL of the total, is measured; the rest is estimated. */
static void measured_part(const struct html_page *page, const struct month_row *row)
{
    char argument[TEXT_NUMBER_SIZE];
    month_name name;
    enum text_id id;

    if (!hostview_measured_words(page->report, row, page->language, &id, argument))
        return;
    hostview_measured_name(page->report, row, name);
    html_sentence(page, "span", "band", id, TEXT_ARGUMENTS(argument), TEXT_ARGUMENTS(name));
}

static void write_idle(const struct html_page *page)
{
    char percent[TEXT_NUMBER_SIZE], energy[TEXT_NUMBER_SIZE];
    month_name names[2];

    if (!hostview_idle_words(page->report, page->language, percent, energy))
        return;
    hostview_idle_names(page->report, names);
    html_sentence(page, "p", "notice", TEXT_HOST_IDLE, TEXT_ARGUMENTS(percent, energy),
                  TEXT_ARGUMENTS(names[0], names[1]));
}

static void headline_row(const struct html_page *page, enum month_indicator indicator)
{
    const struct month_totals *total = &page->report->total;
    struct text_band band = month_headline(page->report, indicator);
    struct triple value = month_value(total, indicator);
    unsigned decimals = month_decimals(page->report, indicator);
    const int64_t units[] = {band.low, band.central, band.high};
    const double values[] = {value.low, value.central, value.high};
    char name[MONTH_FIGURE_SIZE];

    month_figure(name, page->report, MONTH_ALL, MONTH_ALL, indicator);
    html_open_figure_row(page, name);
    html_open_row_heading(page);
    html_say(page, (enum text_id)(TEXT_REQUESTS + (int)indicator));
    if (indicator == MONTH_ENERGY)
        measured_part(page, NULL);
    html_close_row_heading(page);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        html_open_number(page, NULL, false);
        html_units(page, units[i], values[i] > 0, decimals);
        html_close_cell(page);
    }
    html_unit_cell(page, month_scale(page->report, indicator).unit);
    html_close_row(page);
}

static void write_quality(const struct html_page *page)
{
    enum evidence_grade grade = (enum evidence_grade)page->report->total.activity.grade;
    char letter[] = {grade_letter(grade), '\0'};
    char rating[TEXT_NUMBER_SIZE];

    if (grade == GRADE_NONE) {
        html_element(page, "p", TEXT_QUALITY_NONE, NULL);
        return;
    }
    snprintf(rating, sizeof(rating), "%d", (int)grade);
    html_element(page, "p", TEXT_QUALITY, TEXT_ARGUMENTS(letter, rating));
}

/* On paper nothing can be pointed at: the name of one figure, from which those of the others
 * follow. */
static void write_explain_note(const struct html_page *page)
{
    char name[MONTH_FIGURE_SIZE];

    month_figure(name, page->report, MONTH_ALL, MONTH_ALL, MONTH_ENERGY);
    html_element(page, "p", page->report->year ? TEXT_YEAR_EXPLAIN_HOW : TEXT_EXPLAIN_HOW,
                 TEXT_ARGUMENTS(name));
}

/* What is left of the random part, beside the bands, which are systematic. */
static void write_random(const struct html_page *page)
{
    double sigma = month_random_sigma(&page->report->total, page->report->config->factors);
    char percent[TEXT_NUMBER_SIZE];
    month_name name;

    if (sigma <= 0)
        return;
    factor_text(page, percent, PERCENT_UNITS * sigma);
    derived_name(name, page->report->month, "total", MONTH_ALL, "tokens_out_random_sigma");
    html_sentence(page, "p", NULL, TEXT_RANDOM_NOTE, TEXT_ARGUMENTS(percent), TEXT_ARGUMENTS(name));
}

void month_html_headline(const struct html_page *page)
{
    static const enum text_id headings[] = {TEXT_INDICATOR, TEXT_LOW, TEXT_CENTRAL, TEXT_HIGH,
                                            TEXT_UNIT};
    /* What an elected member asks first, first. */
    static const enum month_indicator order[] = {
        MONTH_ENERGY,   MONTH_WATER,     MONTH_GWP,        MONTH_GWP_USE, MONTH_GWP_EMBODIED,
        MONTH_REQUESTS, MONTH_TOKENS_IN, MONTH_TOKENS_OUT, MONTH_ADPE};
    const struct month_totals *total = &page->report->total;

    html_open_table(page, TEXT_CAPTION_TOTAL, NULL);
    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        html_column_heading(page, headings[i], NULL);
    html_open_body(page);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        headline_row(page, order[i]);
    if (total->requests_without_impact.high > 0)
        headline_row(page, MONTH_REQUESTS_WITHOUT_IMPACT);
    for (int i = MONTH_IMAGES; page->report->year && i <= MONTH_UPLOADS; i++)
        if (month_value(total, (enum month_indicator)i).high > 0)
            headline_row(page, (enum month_indicator)i);
    html_close_table(page);
    write_quality(page);
    html_element(page, "p", TEXT_BAND_NOTE, NULL);
    write_random(page);
    write_explain_note(page);
    if (total->requests_without_impact.high > 0)
        html_element(page, "p", TEXT_WITHOUT_IMPACT_NOTE, NULL);
}

static void write_total(const struct html_page *page)
{
    html_element(page, "h2", TEXT_HEAD_TOTAL, NULL);
    month_html_headline(page);
}

static void unit_row(const struct html_page *page, enum text_id name, const char *scope,
                     struct month_unit unit)
{
    static const char *const names[] = {"energy_wh", "water_ml", "gwp_gco2e"};
    const double values[] = {unit.energy_wh, unit.water_ml, unit.gwp_g};

    html_open_row(page);
    html_row_heading_text(page, name);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        html_figure_cell(page, values[i], text_decimals(values[i]), scope, MONTH_ALL, names[i]);
    html_close_row(page);
}

void month_html_units(const struct html_page *page, enum text_id caption)
{
    if (page->report->units_of_shown)
        html_element(page, "p", TEXT_UNITS_OF_SHOWN, NULL);
    if (!(page->report->per_request.energy_wh > 0))
        return;
    html_open_table(page, caption, NULL);
    html_column_heading(page, TEXT_FUNCTIONAL_UNIT, NULL);
    html_column_heading(page, TEXT_ENERGY, "Wh");
    html_column_heading(page, TEXT_WATER, "mL");
    html_column_heading(page, TEXT_GWP, "gCO2e");
    html_open_body(page);
    unit_row(page, TEXT_UNIT_REQUEST, "per-request", page->report->per_request);
    unit_row(page, TEXT_UNIT_TOKENS, "per-1000-tokens-out", page->report->per_1000_tokens);
    html_close_table(page);
}

static void write_units(const struct html_page *page)
{
    html_element(page, "h2", TEXT_HEAD_UNITS, NULL);
    html_element(page, "p", TEXT_UNITS_LIST, NULL);
    month_html_units(page, TEXT_UNITS_NOTE);
}

static void variant_cell(const struct html_page *page, enum month_variant variant,
                         enum month_indicator indicator)
{
    const struct month_totals totals = {.impact = page->report->variants.impacts[variant]};
    struct triple value = month_value(&totals, indicator);
    unsigned decimals = text_decimals(value.central);
    struct text_band band = text_round(NULL, 0, value, decimals, NULL);

    html_open_figure(page, "variant", variants_name(variant), month_indicator_name(indicator));
    html_band(page, band, value, decimals);
}

/* Which intensity of electricity was used, and what is known hour by hour. */
static void write_hourly(const struct html_page *page)
{
    const struct hourly_result *hourly = &page->report->hourly;
    const struct triple *direct = &hourly->sum.direct_kgco2;
    static const char *const indicators[] = {
        "direct_kgco2", "direct_kgco2", "direct_kgco2", "known_energy_kwh",
        "known_share",  "hours",        "timing"};
    const double values[] = {direct->central,
                             direct->low,
                             direct->high,
                             hourly->sum.known_kwh.central,
                             PERCENT_UNITS * hourly->known_share,
                             (double)hourly->coverage.hours,
                             hourly->timing};
    month_name names[COUNT_OF(values)];
    char numbers[COUNT_OF(values)][TEXT_NUMBER_SIZE];
    const char *figures[COUNT_OF(values) + 1] = {NULL};

    html_element(page, "p", TEXT_YEARLY, NULL);
    if (!hourly->is_there)
        return;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        factor_text(page, numbers[i], values[i]);
        derived_name(names[i], page->report->month, "french-hours", MONTH_ALL, indicators[i]);
        figures[i] = names[i];
    }
    text_number(numbers[5], sizeof(numbers[5]), page->language, values[5], 0);
    html_sentence(page, "p", NULL, TEXT_HOURLY,
                  TEXT_ARGUMENTS(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4],
                                 numbers[5], numbers[6]),
                  figures);
}

static enum text_id variant_name(const struct variants *variants, enum month_variant variant)
{
    if (variant == VARIANT_REPORT && (variants->is_partial || variants->lacks_models))
        return TEXT_VARIANT_REPORT_LESS;
    return (enum text_id)(TEXT_VARIANT_REPORT + variant);
}

static void write_variants(const struct html_page *page)
{
    const struct variants *variants = &page->report->variants;

    if (!variants->is_there)
        return;
    html_element(page, "h2", TEXT_HEAD_VARIANTS, NULL);
    html_open_table(page, TEXT_CAPTION_VARIANTS, NULL);
    html_column_heading(page, TEXT_METHOD, NULL);
    html_triple_heading(page, TEXT_ENERGY, "kWh");
    html_triple_heading(page, TEXT_WATER, "L");
    html_triple_heading(page, TEXT_GWP, "kgCO2e");
    html_open_body(page);
    for (int i = 0; i < VARIANTS; i++) {
        if (!variants_is_shown(variants, (enum month_variant)i))
            continue;
        html_open_row(page);
        html_row_heading_text(page, variant_name(variants, (enum month_variant)i));
        variant_cell(page, (enum month_variant)i, MONTH_ENERGY);
        variant_cell(page, (enum month_variant)i, MONTH_WATER);
        variant_cell(page, (enum month_variant)i, MONTH_GWP);
        html_close_row(page);
    }
    html_close_table(page);
    html_element(page, "p", TEXT_VARIANTS_NOTE, NULL);
    write_hourly(page);
    if (variants->is_partial)
        html_element(page, "p", TEXT_VARIANTS_PARTIAL, NULL);
    if (variants->lacks_models)
        html_element(page, "p", TEXT_VARIANTS_LACK_MODELS, NULL);
}

/* The columns that both tables have. */
static const enum month_indicator columns[] = {MONTH_REQUESTS, MONTH_TOKENS_IN, MONTH_TOKENS_OUT,
                                               MONTH_ENERGY,   MONTH_WATER,     MONTH_GWP};
#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

/* A table rounded, column by column: bands[column * rows + row]. */
struct rounded {
    struct text_band *bands;
    struct text_band totals[COLUMN_COUNT];
    int64_t *shares;
};

static bool round_table(const struct html_page *page, const struct month_table *table,
                        struct rounded *rounded)
{
    double *shares = calloc(table->count + 1, sizeof(*shares));

    rounded->bands = calloc(COLUMN_COUNT * (table->count + 1), sizeof(*rounded->bands));
    rounded->shares = calloc(table->count + 1, sizeof(*rounded->shares));
    if (!shares || !rounded->bands || !rounded->shares) {
        free(shares);
        return false;
    }
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        rounded->totals[i] =
            month_round(page->report, table, columns[i], &rounded->bands[i * table->count]);
    for (size_t i = 0; i < table->count; i++)
        shares[i] = table->rows[i].energy_share;
    text_shares(shares, table->count, month_other(page->report) != NULL, SHARE_DECIMALS,
                rounded->shares);
    free(shares);
    return true;
}

static void column_headings(const struct html_page *page)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        html_triple_heading(page, (enum text_id)(TEXT_REQUESTS + (int)columns[i]),
                            unit_of(columns[i]));
    html_column_heading(page, TEXT_SHARE, "%");
}

/* ROW NULL: the total, which the first table has already. */
static void value_cells(const struct html_page *page, const struct month_table *table,
                        const struct month_row *row, const struct text_band *bands, size_t stride)
{
    const struct month_totals *totals = row ? &row->totals : &page->report->total;
    bool is_direction = table == &page->report->directions;

    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (month_is_unknown(totals, columns[i])) {
            html_number_cell(page, UNKNOWN);
            continue;
        }
        open_figure(page, row && is_direction ? row->id : MONTH_ALL,
                    row && !is_direction ? row->id : MONTH_ALL, columns[i], row != NULL);
        html_band(page, bands[i * stride], month_value(totals, columns[i]),
                  month_decimals(page->report, columns[i]));
    }
}

/* SCOPE: of the row's table; the total has a share in either. */
static void share_cell(const struct html_page *page, const char *scope, const char *key,
                       const struct month_totals *totals, int64_t share)
{
    bool positive = totals != &page->report->total && totals->impact.energy_kwh.central > 0;
    month_name name;

    if (month_is_unknown(totals, MONTH_ENERGY)) {
        html_number_cell(page, UNKNOWN);
        return;
    }
    derived_name(name, page->report->month, scope, key, "energy_share");
    html_open_number(page, name, false);
    html_units(page, share, positive, SHARE_DECIMALS);
    html_close_cell(page);
}

/* Of a year: in how many months a row is shown. */
static void shown_months(const struct html_page *page, const struct month_row *row)
{
    char shown[TEXT_NUMBER_SIZE], told[TEXT_NUMBER_SIZE];
    month_name names[2];

    snprintf(shown, sizeof(shown), "%u", row->months);
    snprintf(told, sizeof(told), "%u", page->report->year->told);
    derived_name(names[0], page->report->month,
                 month_is_service(page->report, row) ? "service" : "direction", row->id,
                 "months_shown");
    derived_name(names[1], page->report->month, "months", MONTH_ALL, "months_told");
    html_sentence(page, "span", "band", TEXT_YEAR_SHOWN, TEXT_ARGUMENTS(shown, told),
                  TEXT_ARGUMENTS(names[0], names[1]));
}

static void row_label(const struct html_page *page, const struct month_row *row)
{
    html_open_label(page, month_label(row, page->language), row->id);
    if (row->service && row->service->operator_name[0])
        html_part(page, row->service->operator_name);
    measured_part(page, row);
    if (page->report->year)
        shown_months(page, row);
    html_close_row_heading(page);
}

static void agent_cell(const struct html_page *page, const struct month_row *row)
{
    if (row->headcount == 0 || month_is_unknown(&row->totals, MONTH_GWP)) {
        html_number_cell(page, UNKNOWN);
        return;
    }
    html_figure_cell(page, row->gwp_per_agent_g, text_decimals(row->gwp_per_agent_g), "direction",
                     row->id, "gwp_gco2e_per_agent");
}

/* Hosting, country, approval. */
#define SERVICE_CELLS 3

static void service_cells(const struct html_page *page, const struct month_row *row)
{
    const struct service *service = row->service;

    for (int i = 0; !service && i < SERVICE_CELLS; i++)
        html_text_cell(page, UNKNOWN);
    if (!service)
        return;
    html_text_cell(
        page, text_get(page->language, (enum text_id)(TEXT_HOSTING_SOVEREIGN + service->hosting)));
    html_text_cell(page, service->country);
    html_text_cell(
        page, text_get(page->language, (enum text_id)(TEXT_APPROVAL_UNSET + service->approval)));
}

static void total_row(const struct html_page *page, const struct rounded *rounded,
                      size_t empty_before, size_t empty_after)
{
    bool any = page->report->total.impact.energy_kwh.central > 0;

    html_open_total_row(page);
    html_open_label(page, text_get(page->language, TEXT_TOTAL), NULL);
    measured_part(page, NULL);
    html_close_row_heading(page);
    for (size_t i = 0; i < empty_before; i++)
        html_text_cell(page, "");
    value_cells(page, NULL, NULL, rounded->totals, 1);
    share_cell(page, "total", MONTH_ALL, &page->report->total, any ? 1000 : 0);
    for (size_t i = 0; i < empty_after; i++)
        html_text_cell(page, "");
    html_close_row(page);
}

static bool has_unassigned(const struct month_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].is_unassigned)
            return true;
    return false;
}

static void table_notes(const struct html_page *page, const struct month_table *table)
{
    if (page->report->year && page->report->suppressed != SUPPRESS_NONE)
        html_element(page, "p",
                     page->report->suppressed == SUPPRESS_ALL ? TEXT_YEAR_TOTAL_ONLY
                                                              : TEXT_YEAR_SHOWN_NOTE,
                     NULL);
    else if (page->report->suppressed == SUPPRESS_MERGED)
        html_element(page, "p", TEXT_OTHER_NOTE, TEXT_ARGUMENTS(page->threshold));
    else if (page->report->suppressed == SUPPRESS_ALL)
        html_notice(page, TEXT_TOTAL_ONLY, TEXT_ARGUMENTS(page->threshold));
    if (has_unassigned(table))
        html_element(page, "p", TEXT_UNASSIGNED_NOTE, NULL);
}

bool month_html_directions(const struct html_page *page)
{
    const struct month_table *table = &page->report->directions;
    struct rounded rounded = {0};
    bool written = round_table(page, table, &rounded);

    html_element(page, "h2", TEXT_HEAD_DIRECTIONS, NULL);
    if (written && page->report->suppressed != SUPPRESS_ALL) {
        html_open_table(
            page, page->report->year ? TEXT_YEAR_CAPTION_DIRECTIONS : TEXT_PER_AGENT_NOTE, NULL);
        html_label_heading(page, TEXT_DIRECTION);
        column_headings(page);
        html_column_heading(page, TEXT_PER_AGENT, "gCO2e");
        html_open_body(page);
        for (size_t i = 0; i < table->count; i++) {
            const struct month_row *row = &table->rows[i];

            html_open_row(page);
            row_label(page, row);
            value_cells(page, table, row, &rounded.bands[i], table->count);
            share_cell(page, "direction", row->id, &row->totals, rounded.shares[i]);
            agent_cell(page, row);
            html_close_row(page);
        }
        total_row(page, &rounded, 0, 1);
        html_close_table(page);
    }
    table_notes(page, table);
    free(rounded.bands);
    free(rounded.shares);
    return written;
}

bool month_html_services(const struct html_page *page)
{
    const struct month_table *table = &page->report->services;
    struct rounded rounded = {0};
    bool written = round_table(page, table, &rounded);

    html_element(page, "h2", TEXT_HEAD_SERVICES, NULL);
    if (written && page->report->suppressed != SUPPRESS_ALL) {
        html_open_table(page, TEXT_CAPTION_SERVICES, NULL);
        html_label_heading(page, TEXT_SERVICE);
        html_column_heading(page, TEXT_HOSTING, NULL);
        html_column_heading(page, TEXT_COUNTRY, NULL);
        html_column_heading(page, TEXT_APPROVED, NULL);
        column_headings(page);
        html_open_body(page);
        for (size_t i = 0; i < table->count; i++) {
            const struct month_row *row = &table->rows[i];

            html_open_row(page);
            row_label(page, row);
            service_cells(page, row);
            value_cells(page, table, row, &rounded.bands[i], table->count);
            share_cell(page, "service", row->id, &row->totals, rounded.shares[i]);
            html_close_row(page);
        }
        total_row(page, &rounded, SERVICE_CELLS, 0);
        html_close_table(page);
    }
    table_notes(page, table);
    free(rounded.bands);
    free(rounded.shares);
    return written;
}

static void put_band(const struct html_page *page, struct triple value)
{
    unsigned decimals = text_decimals(value.central);
    struct text_band band = text_round(NULL, 0, value, decimals, NULL);

    html_band(page, band, value, decimals);
}

static void unit_cell(const struct html_page *page, const struct month_row *row,
                      enum month_indicator indicator)
{
    open_figure(page, MONTH_ALL, row->id, indicator, true);
    put_band(page, month_value(&row->totals, indicator));
}

static void image_cell(const struct html_page *page, const struct month_row *row,
                       struct triple value, enum month_indicator indicator)
{
    html_open_figure(page, "images", row->id, month_indicator_name(indicator));
    put_band(page, value);
}

/* Of one service: what is no text, and what its images take. */
static void media_row(const struct html_page *page, const struct month_row *row)
{
    struct units_impact images;

    units_compute(page->report->config, row->service, &row->totals, &images);
    html_open_row(page);
    html_row_heading(page, month_label(row, page->language));
    unit_cell(page, row, MONTH_IMAGES);
    unit_cell(page, row, MONTH_AUDIO_S);
    unit_cell(page, row, MONTH_UPLOADS);
    if (images.medium) {
        html_text_cell(page, images.medium->id);
        image_cell(page, row, images.impact.energy_kwh, MONTH_ENERGY);
        image_cell(page, row, images.impact.gwp_use_kgco2e, MONTH_GWP_USE);
    } else {
        html_sentence_cell(page, TEXT_MEDIUM_UNKNOWN);
        html_text_cell(page, "–");
        html_text_cell(page, "–");
    }
    html_close_row(page);
}

void month_html_media(const struct html_page *page)
{
    const struct month_table *table = &page->report->services;

    if (!units_are_there(&page->report->total) || page->report->suppressed == SUPPRESS_ALL)
        return;
    html_element(page, "h2", TEXT_HEAD_MEDIA, NULL);
    html_open_table(page, TEXT_CAPTION_MEDIA, NULL);
    html_column_heading(page, TEXT_SERVICE, NULL);
    html_triple_heading(page, TEXT_IMAGES, NULL);
    html_triple_heading(page, TEXT_AUDIO_S, "s");
    html_triple_heading(page, TEXT_UPLOADS, NULL);
    html_column_heading(page, TEXT_MEDIUM, NULL);
    html_triple_heading(page, TEXT_ENERGY, "kWh");
    html_triple_heading(page, TEXT_GWP, "kgCO2e");
    html_open_body(page);
    for (size_t i = 0; i < table->count; i++)
        if (units_are_there(&table->rows[i].totals))
            media_row(page, &table->rows[i]);
    html_close_table(page);
    html_element(page, "p", TEXT_MEDIA_NOTE, NULL);
}

/* SVG's prolog has no place inside HTML: from the element on. */
static void write_graph(const struct html_page *page, const char *svg, size_t svg_size)
{
    const char *start = svg ? memmem(svg, svg_size, "<svg", 4) : NULL;
    char month[TEXT_DATE_SIZE];

    if (!start) {
        html_notice(page, TEXT_GRAPH_MISSING, NULL);
        return;
    }
    text_month(month, sizeof(month), page->language, page->report->month.year,
               page->report->month.month);
    fputs("<figure><div role=\"img\" aria-label=\"", page->stream);
    text_say(page->stream, page->language, TEXT_GRAPH_ALT, TEXT_ARGUMENTS(month), true);
    fputs("\">\n", page->stream);
    fwrite(start, 1, svg_size - (size_t)(start - svg), page->stream);
    fputs("</div>\n", page->stream);
    html_element(page, "figcaption", TEXT_GRAPH_TITLE, NULL);
    fputs("</figure>\n", page->stream);
}

/* The graph, which a sheet has not, and the same as text. */
static void write_days(const struct html_page *page, const char *svg, size_t svg_size)
{
    html_element(page, "h2", TEXT_HEAD_GRAPH, NULL);
    if (!page->sheet)
        write_graph(page, svg, svg_size);
    if (days_any_hidden(page->report))
        html_element(page, "p", TEXT_GRAPH_HIDDEN, TEXT_ARGUMENTS(page->threshold));
    days_write_html(page);
}

/* Negative: none. */
static void proportion_cell(const struct html_page *page, const struct month_coverage_line *line)
{
    double percent = 100 * line->proportion;

    if (line->proportion < 0) {
        html_number_cell(page, "–");
        return;
    }
    html_open_figure(page, "coverage-proportion", MONTH_ALL, line->name);
    html_units(page, (int64_t)(percent * PERCENT_UNITS + 0.5), line->proportion > 0,
               PERCENT_DECIMALS);
    html_close_cell(page);
}

void month_html_coverage(const struct html_page *page)
{
    struct month_coverage_line lines[MONTH_COVERAGE_LINES];
    size_t count;

    html_element(page, "h2", TEXT_HEAD_COVERAGE, NULL);
    month_html_coverage_sentence(page);
    count = month_coverage_lines(page->report, lines);
    html_open_table(page, TEXT_CAPTION_COVERAGE, NULL);
    html_column_heading(page, TEXT_QUANTITY, NULL);
    html_column_heading(page, TEXT_VALUE, NULL);
    html_column_heading(page, TEXT_PROPORTION, "%");
    html_column_heading(page, TEXT_EFFECT, NULL);
    html_open_body(page);
    for (size_t i = 0; i < count; i++) {
        html_open_row(page);
        html_row_heading_text(page, lines[i].text);
        html_figure_cell(page, lines[i].value, 0, "coverage", MONTH_ALL, lines[i].name);
        proportion_cell(page, &lines[i]);
        html_sentence_cell(
            page, (enum text_id)(lines[i].text + TEXT_COVERED_TIME_EFFECT - TEXT_COVERED_TIME));
        html_close_row(page);
    }
    html_close_table(page);
    html_element(page, "p", TEXT_COVERAGE_NOTE, NULL);
}

void month_html_grades(const struct html_page *page)
{
    html_open_table(page, TEXT_GRADES, NULL);
    html_column_heading(page, TEXT_GRADE, NULL);
    html_column_heading(page, TEXT_MEANING, NULL);
    html_open_body(page);
    for (int grade = GRADE_A; grade <= GRADE_E; grade++) {
        char heading[TEXT_NUMBER_SIZE];

        snprintf(heading, sizeof(heading), "%c (%d/5)", grade_letter((enum evidence_grade)grade),
                 grade);
        html_open_row(page);
        html_row_heading(page, heading);
        html_sentence_cell(page, (enum text_id)(TEXT_GRADE_A + grade - GRADE_A));
        html_close_row(page);
    }
    html_close_table(page);
}

static void write_shares(const struct html_page *page)
{
    static const enum text_id names[] = {TEXT_MEASURED, TEXT_COUNTED, TEXT_ESTIMATED};
    static const char *const indicators[] = {"measured", "counted", "estimated"};
    double measured = month_has_host(page->report) ? month_measured(page->report, NULL) : 0;
    const double shares[] = {measured, 0, 1 - measured};

    html_element(page, "p",
                 month_has_host(page->report) ? TEXT_METHOD_MEASURED : TEXT_METHOD_SHARES, NULL);
    html_open_table(page, TEXT_ORIGINS, NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        html_column_heading(page, names[i], NULL);
    html_open_body(page);
    html_open_row(page);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (isnan(shares[i])) {
            html_number_cell(page, UNKNOWN);
            continue;
        }
        html_open_figure(page, "shares", MONTH_ALL, indicators[i]);
        html_number(page, PERCENT_UNITS * shares[i],
                    measured > 0 && measured < 1 ? SHARE_DECIMALS : 0, "\u202f%");
        html_close_cell(page);
    }
    html_close_row(page);
    html_close_table(page);
}

static void write_method(const struct html_page *page)
{
    const struct factors *factors = page->report->config->factors;

    html_element(page, "h2", TEXT_HEAD_METHOD, NULL);
    html_element(page, "p", TEXT_METHOD_TOKENS, NULL);
    if (factors)
        html_element(page, "p", TEXT_METHOD_IMPACT,
                     TEXT_ARGUMENTS(factors_method_a(factors)->provenance.source,
                                    factors_method_a(factors)->provenance.year));
    html_element(page, "p", TEXT_METHOD_BAND, NULL);
    write_shares(page);
    month_html_grades(page);
}

/* Of a range, its ends; of a band, all three; 0 stands for unknown. Under its name. */
static void coefficient_cell(const struct html_page *page, enum coefficient_group group,
                             const void *entry, const struct coefficient *coefficient)
{
    const struct triple *value = &coefficient->value;
    char name[MONTH_FIGURE_SIZE];

    if (group == COEFFICIENTS_MODEL && !(value->high > 0)) {
        html_number_cell(page, text_get(page->language, TEXT_UNKNOWN));
        return;
    }
    coefficients_name(name, page->report->config->factors, group, entry, coefficient->name);
    html_open_number(page, name, false);
    if (page->sheet && (coefficient->is_band || value->low < value->high)) {
        sheet_factors(page->sheet, value->low, coefficient->is_band ? value->central : NAN,
                      value->high);
        html_close_cell(page);
        return;
    }
    html_factor(page, value->low);
    if (coefficient->is_band) {
        fputs(" / ", page->stream);
        html_factor(page, value->central);
    }
    if (coefficient->is_band || value->low < value->high) {
        fputs(coefficient->is_band ? " / " : "\u00a0–\u00a0", page->stream);
        html_factor(page, value->high);
    }
    html_close_cell(page);
}

/* All that are stated of ENTRY. */
static void coefficient_cells(const struct html_page *page, enum coefficient_group group,
                              const void *entry)
{
    struct coefficient coefficient;

    for (size_t i = 0; coefficients_of(group, entry, i, &coefficient); i++)
        coefficient_cell(page, group, entry, &coefficient);
}

static void write_method_factors(const struct html_page *page, enum coefficient_group group,
                                 enum text_id heading)
{
    struct coefficient coefficient;

    html_open_table(page, heading, NULL);
    html_column_heading(page, TEXT_EXPLAIN_SYMBOL, NULL);
    html_column_heading(page, TEXT_MEANING, NULL);
    html_triple_heading(page, TEXT_VALUE, NULL);
    html_column_heading(page, TEXT_UNIT, NULL);
    html_provenance_headings(page);
    html_open_body(page);
    for (size_t i = 0; coefficients_get(page->report->config->factors, group, i, &coefficient);
         i++) {
        const char *meaning = symbol_meaning(coefficient.name, page->language);

        html_open_row(page);
        html_row_heading(page, coefficient.name);
        html_text_cell(page, meaning ? meaning : UNKNOWN);
        coefficient_cell(page, group, NULL, &coefficient);
        html_unit_cell(page, coefficient.unit);
        html_provenance_cells(page, coefficient.provenance);
        html_close_row(page);
    }
    html_close_table(page);
}

static bool uses_method_b(const struct month_factors *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->sources[i].factors.method_b)
            return true;
    return false;
}

/* With the entry that stands in for a model that has none, and its share in a mix. */
static void model_cell(const struct html_page *page, const struct month_source *source)
{
    char entry[MODEL_ENTRY_SIZE];
    char share[TEXT_NUMBER_SIZE];

    factors_model_entry(source->factors.model, entry);
    html_open_cell(page);
    html_text(page, source->model);
    if (strcmp(entry, source->model) != 0) {
        fputs(" → ", page->stream);
        html_text(page, entry);
    }
    if (source->mix) {
        text_factor(share, sizeof(share), page->language, source->share);
        fprintf(page->stream, " × %s", share);
        html_break(page);
        html_text(page, source->mix->source);
        fprintf(page->stream, " (%c)", source->mix->grade);
    }
    html_close_cell(page);
}

static void write_sources(const struct html_page *page)
{
    const struct month_factors *list = &page->report->factors;

    html_open_table(page, TEXT_FACTORS_SERVICES, NULL);
    html_column_heading(page, TEXT_SERVICE, NULL);
    html_column_heading(page, TEXT_MODEL, NULL);
    html_column_heading(page, TEXT_PROVIDER, NULL);
    html_column_heading(page, TEXT_ZONE, NULL);
    html_column_heading(page, TEXT_METHOD, NULL);
    html_column_heading(page, TEXT_ESTIMATOR, NULL);
    html_column_heading(page, TEXT_GRADE, NULL);
    html_open_body(page);
    for (size_t i = 0; i < list->count; i++) {
        const struct month_source *source = &list->sources[i];
        const struct estimator *estimator = &source->service->estimator;
        const char grade[] = {grade_letter((enum evidence_grade)estimator->grade), '\0'};

        html_open_row(page);
        html_row_heading(page, month_service_label(source->service, page->language));
        model_cell(page, source);
        html_text_cell(page, source->factors.provider->id);
        html_text_cell(page, source->factors.zone->id);
        html_text_cell(page, source->factors.method_b ? "B" : "A");
        html_text_cell(page, estimator->name);
        html_text_cell(page, grade);
        html_close_row(page);
    }
    html_close_table(page);
}

static void write_models(const struct html_page *page)
{
    html_open_table(page, TEXT_FACTORS_MODELS, NULL);
    html_column_heading(page, TEXT_MODEL, NULL);
    html_triple_heading(page, TEXT_PARAMETERS_TOTAL, NULL);
    html_triple_heading(page, TEXT_PARAMETERS_ACTIVE, NULL);
    html_column_heading(page, TEXT_TOKENS_PER_SECOND, NULL);
    html_column_heading(page, TEXT_FIRST_TOKEN, NULL);
    html_provenance_headings(page);
    html_open_body(page);
    for (size_t i = 0; i < page->report->factors.count; i++) {
        const struct month_source *source = &page->report->factors.sources[i];
        const struct model_factors *model = source->factors.model;

        if (!source->first_model)
            continue;
        html_open_row(page);
        html_open_row_heading(page);
        html_text(page, model->provider);
        fputc('/', page->stream);
        html_text(page, model->name);
        html_close_row_heading(page);
        coefficient_cells(page, COEFFICIENTS_MODEL, model);
        html_provenance_cells(page, &model->provenance);
        html_close_row(page);
    }
    html_close_table(page);
}

static void write_providers(const struct html_page *page)
{
    html_open_table(page, TEXT_FACTORS_PROVIDERS, NULL);
    html_column_heading(page, TEXT_PROVIDER, NULL);
    html_column_heading(page, TEXT_ZONE, NULL);
    html_triple_heading(page, TEXT_PUE, NULL);
    html_triple_heading(page, TEXT_WUE, NULL);
    html_provenance_headings(page);
    html_open_body(page);
    for (size_t i = 0; i < page->report->factors.count; i++) {
        const struct month_source *source = &page->report->factors.sources[i];
        const struct provider_factors *provider = source->factors.provider;

        if (!source->first_provider)
            continue;
        html_open_row(page);
        html_row_heading(page, provider->id);
        html_text_cell(page, provider->zone);
        coefficient_cells(page, COEFFICIENTS_PROVIDER, provider);
        html_provenance_cells(page, &provider->provenance);
        html_close_row(page);
    }
    html_close_table(page);
}

static void zone_row(const struct html_page *page, const struct zone_factors *zone,
                     enum text_id name, const struct coefficient *coefficient)
{
    html_open_row(page);
    html_row_heading(page, zone->id);
    html_sentence_cell(page, name);
    coefficient_cell(page, COEFFICIENTS_ZONE, zone, coefficient);
    html_unit_cell(page, coefficient->unit);
    html_provenance_cells(page, coefficient->provenance);
    html_close_row(page);
}

/* Of a variant, what it counts otherwise: the last one. */
static void zone_rows(const struct html_page *page, const struct month_source *source)
{
    static const enum text_id names[] = {TEXT_GWP, TEXT_ADPE, TEXT_WATER};
    const size_t last = sizeof(names) / sizeof(names[0]) - 1;
    struct coefficient coefficient;

    for (size_t i = 0; i <= last; i++)
        if (coefficients_of(COEFFICIENTS_ZONE, source->factors.zone, i, &coefficient))
            zone_row(page, source->factors.zone, names[i], &coefficient);
    if (source->zone_variant &&
        coefficients_of(COEFFICIENTS_ZONE, source->zone_variant, last, &coefficient))
        zone_row(page, source->zone_variant, TEXT_WATER_VARIANT, &coefficient);
}

static void write_zones(const struct html_page *page)
{
    bool variant = false;

    html_open_table(page, TEXT_FACTORS_ZONES, NULL);
    html_column_heading(page, TEXT_ZONE, NULL);
    html_column_heading(page, TEXT_INDICATOR, NULL);
    html_column_heading(page, TEXT_VALUE, NULL);
    html_column_heading(page, TEXT_UNIT, NULL);
    html_provenance_headings(page);
    html_open_body(page);
    for (size_t i = 0; i < page->report->factors.count; i++) {
        const struct month_source *source = &page->report->factors.sources[i];

        variant |= source->zone_variant != NULL;
        if (source->first_zone)
            zone_rows(page, source);
    }
    html_close_table(page);
    if (variant)
        html_element(page, "p", TEXT_EWIF_NOTE, NULL);
}

static void write_vintages(const struct html_page *page)
{
    const struct month_report *report = page->report;
    char *calibrations = calibrations_text(report, MONTH_ALL, page->language);
    char list[400] = "";

    for (size_t i = 0; i < report->vintage_count; i++) {
        size_t used = strlen(list);

        snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", report->vintages[i]);
    }
    if (list[0])
        html_element(page, "p", TEXT_VINTAGES, TEXT_ARGUMENTS(list));
    if (calibrations)
        html_element(page, "p", TEXT_CALIBRATIONS, TEXT_ARGUMENTS(calibrations));
    free(calibrations);
    if (report->factors.other_vintage)
        html_notice(page, TEXT_VINTAGE_OTHER,
                    TEXT_ARGUMENTS(factors_vintage(report->config->factors)));
}

static void write_factors(const struct html_page *page)
{
    html_element(page, "h2", TEXT_HEAD_FACTORS, NULL);
    if (!page->report->config->factors || page->report->factors.count == 0) {
        html_element(page, "p", TEXT_FACTORS_NONE, NULL);
        return;
    }
    write_vintages(page);
    if (page->report->factors.whole_catalogue)
        html_element(page, "p", TEXT_FACTORS_WHOLE, NULL);
    html_markup(page, "<div class=\"sources\">\n");
    write_sources(page);
    write_models(page);
    write_providers(page);
    write_zones(page);
    write_method_factors(page, COEFFICIENTS_A, TEXT_FACTORS_METHOD);
    if (uses_method_b(&page->report->factors)) {
        html_element(page, "p", TEXT_METHOD_B_NOTE, NULL);
        write_method_factors(page, COEFFICIENTS_B, TEXT_FACTORS_METHOD_B);
    }
    html_markup(page, "</div>\n");
}

void month_html_limits(const struct html_page *page)
{
    html_element(page, "h2", TEXT_HEAD_LIMITS, NULL);
    html_markup(page, "<ul>\n");
    for (int id = TEXT_LIMIT_SCOPE; id <= TEXT_LIMIT_MARGINS; id++)
        html_element(page, "li", (enum text_id)id, NULL);
    html_markup(page, "</ul>\n");
}

static bool write_use(const struct html_page *page, const char *svg, size_t svg_size)
{
    if (page->report->withheld) {
        html_notice(page, TEXT_WITHHELD, TEXT_ARGUMENTS(page->threshold));
        return true;
    }
    if (page->report->directions.count == 0 && page->report->suppressed == SUPPRESS_NONE) {
        html_notice(page, TEXT_NO_USE, NULL);
        return true;
    }
    write_total(page);
    write_units(page);
    if (!month_html_directions(page) || !month_html_services(page))
        return false;
    month_html_media(page);
    hostview_write_html(page->report, page);
    write_days(page, svg, svg_size);
    write_variants(page);
    return true;
}

/* SVG NULL: no graph. */
static bool write_page(const struct html_page *page, const char *svg, size_t svg_size)
{
    const struct month_report *report = page->report;
    char month[TEXT_DATE_SIZE];
    bool written;

    text_month(month, sizeof(month), page->language, report->month.year, report->month.month);
    html_open(page, TEXT_TITLE, TEXT_ARGUMENTS(month));
    html_element(page, "p", TEXT_LEAD, NULL);
    html_element(page, "p", TEXT_PRIVACY, NULL);
    write_period(page);
    month_html_restatement(page, TEXT_RESTATED);
    month_html_coverage_sentence(page);
    write_idle(page);
    written = write_use(page, svg, svg_size);
    if (report->progress)
        progress_write_html(report->progress, page);
    month_html_coverage(page);
    if (!report->withheld) {
        write_method(page);
        write_factors(page);
    }
    month_html_limits(page);
    html_close(page);
    return written;
}

bool month_write_html(const struct month_report *report, const char *language, const char *svg,
                      size_t svg_size, FILE *stream)
{
    const struct html_page page = html_page(stream, text_language(language), report);

    return write_page(&page, svg, svg_size) && fflush(stream) == 0 && !ferror(stream);
}

bool month_write_sheet(const struct month_report *report, const char *language,
                       const char *directory, FILE *stream)
{
    struct html_page page = html_page(NULL, text_language(language), report);
    bool written;

    if (!html_open_sheet(&page, directory, stream))
        return false;
    written = write_page(&page, NULL, 0);
    return sheet_write(page.sheet) && written;
}
