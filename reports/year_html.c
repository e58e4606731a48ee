/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/year.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/derived.h"
#include "reports/html.h"
#include "reports/month_html.h"
#include "reports/progress.h"
#include "reports/sheet.h"
#include "reports/units.h"
#include "reports/year_words.h"

#define SHARE_DECIMALS 1
#define UNKNOWN        "–"
#define LIST_SIZE      400

static const struct year_row all = {MONTH_ALL, MONTH_ALL, false};

/* Cells of figures that stand elsewhere, too: without an anchor. */
static void number_cell(const struct html_page *page, const char *figure, double value,
                        unsigned decimals)
{
    html_open_number(page, figure, false);
    html_number(page, value, decimals, "");
    html_close_cell(page);
}

static void share_cell(const struct html_page *page, const char *figure, int64_t share,
                       bool positive)
{
    html_open_number(page, figure, false);
    html_units(page, share, positive, SHARE_DECIMALS);
    html_close_cell(page);
}

/* ---- What is known of the year ---- */

static void write_period(const struct html_page *page)
{
    const struct month_report *sums = page->report;
    char from[TEXT_DATE_SIZE], until[TEXT_DATE_SIZE], last[TEXT_DATE_SIZE];

    text_date(from, sizeof(from), page->language, sums->month.start, true);
    text_date(until, sizeof(until), page->language, sums->until, true);
    text_date(last, sizeof(last), page->language, sums->until - 1, false);
    html_element(page, "p", TEXT_PERIOD, TEXT_ARGUMENTS(from, until, sums->config->timezone));
    if (sums->running)
        html_notice(page, TEXT_YEAR_RUNNING, TEXT_ARGUMENTS(last));
}

static void write_counts(const struct html_page *page)
{
    struct year_words words;

    year_words_of_months(page->report->year, &words);
    html_sentence(page, "p", NULL, TEXT_YEAR_MONTHS, words.arguments, words.figures);
    if (page->report->year->told > 0 && page->report->year->told < page->report->year->over)
        html_sentence(page, "p", "notice", TEXT_YEAR_PARTIAL, words.arguments, words.figures);
}

static void write_evaluate(const struct html_page *page)
{
    struct year_words words;

    html_element(page, "h2", TEXT_YEAR_HEAD_EVALUATE, NULL);
    write_counts(page);
    month_html_coverage_sentence(page);
    if (page->report->withheld)
        return;
    if (year_words_of_measured(page->report->year, page->language, &words))
        html_sentence(page, "p", NULL, TEXT_YEAR_MEASURED, words.arguments, words.figures);
    else
        html_element(page, "p", TEXT_YEAR_MEASURED_NOT_TOLD, NULL);
    html_element(page, "p", TEXT_YEAR_BANDS, NULL);
}

/* ---- Month by month ---- */

static const enum month_indicator month_columns[] = {MONTH_REQUESTS, MONTH_ENERGY, MONTH_WATER,
                                                     MONTH_GWP};
#define MONTH_COLUMNS (sizeof(month_columns) / sizeof(month_columns[0]))

/* The months rounded so that they add up to the year. */
struct month_bands {
    struct text_band months[MONTH_COLUMNS][YEAR_MONTHS];
    struct text_band totals[MONTH_COLUMNS];
};

static void round_months(const struct year_report *year, struct month_bands *bands)
{
    struct month_row rows[YEAR_MONTHS];
    const struct month_table table = {rows, YEAR_MONTHS};

    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *month = year_month_of(year, YEAR_TOLD, i);

        rows[i] = (struct month_row){.energy_share = 0};
        if (month)
            rows[i].totals = month->total;
    }
    for (size_t i = 0; i < MONTH_COLUMNS; i++)
        bands->totals[i] = month_round(&year->sums, &table, month_columns[i], bands->months[i]);
}

static void value_cells(const struct html_page *page, const struct monthsums *month, int index,
                        const struct month_bands *bands)
{
    const struct month_totals *totals = month ? &month->total : &page->report->total;
    char figure[MONTH_FIGURE_SIZE];

    for (size_t i = 0; i < MONTH_COLUMNS; i++) {
        if (month_is_unknown(totals, month_columns[i])) {
            html_number_cell(page, UNKNOWN);
            continue;
        }
        if (month)
            year_month_figure(figure, month, &all, month_columns[i]);
        else
            month_figure(figure, page->report, MONTH_ALL, MONTH_ALL, month_columns[i]);
        html_open_number(page, figure, false);
        html_band(page, month ? bands->months[i][index] : bands->totals[i],
                  month_value(totals, month_columns[i]),
                  month_decimals(page->report, month_columns[i]));
    }
}

/* Wh and gCO2e per request, Wh per 1000 tokens. */
static void unit_cells(const struct html_page *page, const char *period,
                       const struct year_units *units)
{
    const struct month_unit request = year_per_request(units), tokens = year_per_1000_tokens(units);
    const struct {
        const char *figure;
        double value;
    } cells[] = {{"@per-request/./energy_wh", request.energy_wh},
                 {"@per-request/./gwp_gco2e", request.gwp_g},
                 {"@per-1000-tokens-out/./energy_wh", tokens.energy_wh}};
    char figure[MONTH_FIGURE_SIZE];

    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        snprintf(figure, sizeof(figure), "%s/%s", period, cells[i].figure);
        if (cells[i].value > 0)
            number_cell(page, figure, cells[i].value, text_decimals(cells[i].value));
        else
            html_number_cell(page, UNKNOWN);
    }
}

/* Cut, not rounded, as the month's report has it. */
static void covered_cell(const struct html_page *page, const char *period, double covered_s,
                         double length_s)
{
    char figure[MONTH_FIGURE_SIZE];

    if (!(length_s > 0)) {
        html_number_cell(page, UNKNOWN);
        return;
    }
    snprintf(figure, sizeof(figure), "%s/@coverage-proportion/./covered_s", period);
    share_cell(page, figure, month_covered_units(covered_s / length_s * 100), covered_s > 0);
}

/* Of a month that is not told. */
static void empty_cells(const struct html_page *page, enum text_id why, size_t count)
{
    html_open_wide_cell(page, count);
    html_say(page, why);
    html_close_cell(page);
}

static void month_heading(const struct html_page *page, int index)
{
    char words[TEXT_DATE_SIZE];

    text_month(words, sizeof(words), page->language, page->report->month.year, index + 1);
    html_row_heading(page, words);
}

static void month_row(const struct html_page *page, int index, const struct month_bands *bands)
{
    const struct year_report *year = page->report->year;
    const struct monthsums *month = year->months[index];
    struct year_units units;
    char period[MONTH_ID_SIZE];

    html_open_row(page);
    month_heading(page, index);
    if (!month) {
        empty_cells(page, TEXT_YEAR_MONTH_NONE, MONTH_COLUMNS + 4);
        html_close_row(page);
        return;
    }
    year_month_name(period, month);
    if (month->withheld || month->unused) {
        empty_cells(page, month->withheld ? TEXT_YEAR_MONTH_WITHHELD : TEXT_YEAR_MONTH_UNUSED,
                    MONTH_COLUMNS + 3);
    } else {
        units = year_units_of(month);
        value_cells(page, month, index, bands);
        unit_cells(page, period, &units);
    }
    covered_cell(page, period, month->covered_s, month->month_s);
    html_close_row(page);
}

static void year_total_row(const struct html_page *page, const struct month_bands *bands)
{
    const struct year_report *year = page->report->year;
    char period[MONTH_ID_SIZE];

    month_period(period, page->report->month);
    html_open_total_row(page);
    html_row_heading_text(page, TEXT_TOTAL);
    value_cells(page, NULL, 0, bands);
    unit_cells(page, period, &year->all.units);
    covered_cell(page, period, page->report->covered_s, page->report->month_s);
    html_close_row(page);
}

static void write_months(const struct html_page *page)
{
    const struct year_report *year = page->report->year;
    struct month_bands bands = {0};

    round_months(year, &bands);
    html_element(page, "h2", TEXT_YEAR_HEAD_MONTHS, NULL);
    html_open_table(page, TEXT_YEAR_CAPTION_MONTHS, NULL);
    html_column_heading(page, TEXT_YEAR_MONTH, NULL);
    html_triple_heading(page, TEXT_REQUESTS, NULL);
    html_triple_heading(page, TEXT_ENERGY, "kWh");
    html_triple_heading(page, TEXT_WATER, "L");
    html_triple_heading(page, TEXT_GWP, "kgCO2e");
    html_column_heading(page, TEXT_YEAR_PER_REQUEST, "Wh");
    html_column_heading(page, TEXT_YEAR_PER_REQUEST, "gCO2e");
    html_column_heading(page, TEXT_YEAR_PER_TOKENS, "Wh");
    html_column_heading(page, TEXT_YEAR_COVERED, "%");
    html_open_body(page);
    for (int i = 0; i < (int)year->over; i++)
        month_row(page, i, &bands);
    if (!page->report->withheld)
        year_total_row(page, &bands);
    html_close_table(page);
    if (!page->sheet)
        year_graph(year, page->language, page->stream);
}

/* ---- By what services.conf says ---- */

static int count_classes(enum year_dimension dimension)
{
    int count = 0;

    while (year_class_name(dimension, count))
        count++;
    return count;
}

/* Shares of a dimension in tenths of a percent, which add up to all; of nothing, none. */
static bool class_shares(const struct year_report *year, const struct monthsums *month,
                         enum year_dimension dimension, enum month_indicator indicator,
                         double shares[YEAR_CLASSES_MOST], int64_t out[YEAR_CLASSES_MOST])
{
    int count = count_classes(dimension);

    for (int i = 0; i < count; i++)
        shares[i] = year_class_share(year, month, dimension, i, indicator);
    if (isnan(shares[0]))
        return false;
    text_shares(shares, (size_t)count, true, SHARE_DECIMALS, out);
    return true;
}

static void class_figure(char out[MONTH_FIGURE_SIZE], const struct html_page *page,
                         const struct monthsums *month, enum year_dimension dimension, int number,
                         const char *indicator)
{
    char scope[MONTH_ID_SIZE], key[MONTH_ID_SIZE];

    year_class_key(scope, key, month, dimension, number);
    derived_name(out, page->report->month, scope, key, indicator);
}

/* What a class has of the year's requests, or energy. */
struct class_cells {
    struct text_band bands[YEAR_CLASSES_MOST];
    double proportions[YEAR_CLASSES_MOST];
    int64_t shares[YEAR_CLASSES_MOST];
    bool has_shares;
};

/* Rounded so that the classes add up to the year's total. What is not told is rounded first, so
 * that it reads the same in each dimension. */
static void round_classes(const struct year_report *year, enum year_dimension dimension,
                          enum month_indicator indicator, struct class_cells *cells)
{
    struct month_row rows[YEAR_CLASSES_MOST] = {{.is_other = false}};
    const struct month_table table = {rows, (size_t)count_classes(dimension)};

    for (size_t i = 0; i < table.count; i++)
        rows[i].totals = year_class_sum(year, NULL, dimension, (int)i);
    rows[table.count - 1].is_other = true;
    month_round(&year->sums, &table, indicator, cells->bands);
    cells->has_shares =
        class_shares(year, NULL, dimension, indicator, cells->proportions, cells->shares);
}

static void class_value(const struct html_page *page, enum year_dimension dimension, int number,
                        enum month_indicator indicator, const struct class_cells *cells)
{
    struct month_totals sum = year_class_sum(page->report->year, NULL, dimension, number);
    char figure[MONTH_FIGURE_SIZE];

    class_figure(figure, page, NULL, dimension, number, month_indicator_name(indicator));
    html_open_number(page, figure, true);
    html_band(page, cells->bands[number], month_value(&sum, indicator),
              month_decimals(page->report, indicator));
    class_figure(figure, page, NULL, dimension, number,
                 indicator == MONTH_ENERGY ? "energy_share" : "requests_share");
    if (cells->has_shares)
        share_cell(page, figure, cells->shares[number], cells->proportions[number] > 0);
    else
        html_number_cell(page, UNKNOWN);
}

static const enum text_id dimension_texts[YEAR_DIMENSIONS] = {TEXT_HOSTING, TEXT_APPROVED,
                                                              TEXT_YEAR_PLACE};

static void class_rows(const struct html_page *page, enum year_dimension dimension)
{
    static const enum month_indicator indicators[] = {MONTH_REQUESTS, MONTH_ENERGY};
    struct class_cells cells[2];

    for (size_t i = 0; i < 2; i++)
        round_classes(page->report->year, dimension, indicators[i], &cells[i]);
    for (int i = 0; year_class_name(dimension, i); i++) {
        html_open_row(page);
        html_row_heading_text(page, dimension_texts[dimension]);
        html_row_heading_text(page, year_class_text(dimension, i));
        for (size_t j = 0; j < 2; j++)
            class_value(page, dimension, i, indicators[j], &cells[j]);
        html_close_row(page);
    }
}

static void class_month(const struct html_page *page, const struct monthsums *month)
{
    double proportions[YEAR_CLASSES_MOST] = {0};
    int64_t shares[YEAR_CLASSES_MOST];
    char figure[MONTH_FIGURE_SIZE];

    html_open_row(page);
    month_heading(page, month->month - 1);
    for (int i = 0; i < YEAR_DIMENSIONS; i++) {
        enum year_dimension dimension = (enum year_dimension)i;
        bool is_there =
            class_shares(page->report->year, month, dimension, MONTH_ENERGY, proportions, shares);

        for (int j = 0; year_class_name(dimension, j); j++) {
            class_figure(figure, page, month, dimension, j, "energy_share");
            if (is_there)
                share_cell(page, figure, shares[j], proportions[j] > 0);
            else
                html_number_cell(page, UNKNOWN);
        }
    }
    html_close_row(page);
}

static void write_class_months(const struct html_page *page)
{
    html_open_table(page, TEXT_YEAR_CAPTION_CLASS_MONTHS, NULL);
    html_column_heading(page, TEXT_YEAR_MONTH, NULL);
    for (int i = 0; i < YEAR_DIMENSIONS; i++)
        for (int j = 0; year_class_name((enum year_dimension)i, j); j++)
            html_column_heading(page, year_class_text((enum year_dimension)i, j),
                                text_get(page->language, dimension_texts[i]));
    html_open_body(page);
    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *month = year_month_of(page->report->year, YEAR_TOLD, i);

        if (month && !month->unused)
            class_month(page, month);
    }
    html_close_table(page);
}

static void write_classes(const struct html_page *page)
{
    html_element(page, "h3", TEXT_YEAR_HEAD_CLASSES, NULL);
    html_open_table(page, TEXT_YEAR_CAPTION_CLASSES, NULL);
    html_column_heading(page, TEXT_YEAR_CLASS, NULL);
    html_column_heading(page, TEXT_VALUE, NULL);
    html_triple_heading(page, TEXT_REQUESTS, NULL);
    html_column_heading(page, TEXT_YEAR_REQUESTS_SHARE, "%");
    html_triple_heading(page, TEXT_ENERGY, "kWh");
    html_column_heading(page, TEXT_SHARE, "%");
    html_open_body(page);
    for (int i = 0; i < YEAR_DIMENSIONS; i++)
        class_rows(page, (enum year_dimension)i);
    html_close_table(page);
    html_element(page, "p", TEXT_YEAR_CLASS_NOTE, NULL);
    write_class_months(page);
}

/* ---- Beside the year before ---- */

static void compared_cell(const struct html_page *page, const char *scope, const char *indicator,
                          struct triple value)
{
    unsigned decimals = strcmp(indicator, month_indicator_name(MONTH_REQUESTS)) == 0
                            ? 0
                            : text_decimals(value.central);

    html_open_figure(page, scope, MONTH_ALL, indicator);
    html_band(page, text_round(NULL, 0, value, decimals, NULL), value, decimals);
}

static void compared_row(const struct html_page *page, const struct year_comparison *of)
{
    html_open_row(page);
    html_row_heading_text(page, of->text);
    html_unit_cell(page, of->unit);
    compared_cell(page, "compared", of->indicator, of->value);
    compared_cell(page, "compared-before", of->indicator, of->before);
    if (isnan(of->change_percent)) {
        html_number_cell(page, UNKNOWN);
    } else {
        html_open_figure(page, "compared-change", MONTH_ALL, of->indicator);
        html_change(page, of->change_percent, SHARE_DECIMALS);
        html_close_cell(page);
    }
    html_close_row(page);
}

static void write_compared_table(const struct html_page *page)
{
    static const enum text_id headings[] = {TEXT_INDICATOR, TEXT_UNIT, TEXT_YEAR_THIS,
                                            TEXT_YEAR_BEFORE, TEXT_YEAR_CHANGE};
    const struct year_report *year = page->report->year;
    char months[LIST_SIZE], now[LIST_SIZE], before[LIST_SIZE];

    year_words_of_compared(year, page->language, months, sizeof(months));
    html_open_table(page, TEXT_YEAR_CAPTION_COMPARED, TEXT_ARGUMENTS(months));
    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        (headings[i] == TEXT_YEAR_THIS || headings[i] == TEXT_YEAR_BEFORE
             ? html_triple_heading
             : html_column_heading)(page, headings[i], NULL);
    html_open_body(page);
    for (int i = 0; i < YEAR_COMPARISONS; i++) {
        struct year_comparison of = year_comparison(year, i);

        compared_row(page, &of);
    }
    html_close_table(page);
    year_words_of_vintages(year, YEAR_COMPARED, now, sizeof(now));
    year_words_of_vintages(year, YEAR_COMPARED_BEFORE, before, sizeof(before));
    html_element(page, "p", TEXT_YEAR_COMPARED_NOTE, TEXT_ARGUMENTS(now, before));
}

static void write_compared(const struct html_page *page)
{
    char before[TEXT_NUMBER_SIZE];

    snprintf(before, sizeof(before), "%d", page->report->month.year - 1);
    html_element(page, "h3", TEXT_YEAR_HEAD_COMPARED, TEXT_ARGUMENTS(before));
    if (page->report->year->compared == 0)
        html_element(page, "p", TEXT_YEAR_COMPARED_NONE, TEXT_ARGUMENTS(before));
    else
        write_compared_table(page);
}

/* ---- All of it ---- */

static void write_objectives(const struct html_page *page)
{
    if (page->report->progress)
        progress_write_html(page->report->progress, page);
    else
        html_element(page, "p", TEXT_YEAR_OBJECTIVES_NONE, NULL);
}

static bool write_use(const struct html_page *page)
{
    html_element(page, "h2", TEXT_YEAR_HEAD_TOTAL, NULL);
    month_html_headline(page);
    html_element(page, "h2", TEXT_YEAR_HEAD_MOVE, NULL);
    month_html_units(page, TEXT_YEAR_CAPTION_UNITS);
    write_classes(page);
    write_compared(page);
    write_objectives(page);
    write_months(page);
    if (!month_html_directions(page) || !month_html_services(page))
        return false;
    month_html_media(page);
    return true;
}

static void write_factors(const struct html_page *page)
{
    char *calibrations = calibrations_text(page->report, MONTH_ALL, page->language);
    char list[LIST_SIZE];

    html_element(page, "h2", TEXT_HEAD_METHOD, NULL);
    html_element(page, "p", TEXT_METHOD_TOKENS, NULL);
    html_element(page, "p", TEXT_METHOD_BAND, NULL);
    month_html_grades(page);
    year_words_of_vintages(page->report->year, YEAR_TOLD, list, sizeof(list));
    if (list[0])
        html_element(page, "p", TEXT_YEAR_VINTAGES, TEXT_ARGUMENTS(list));
    if (calibrations)
        html_element(page, "p", TEXT_YEAR_CALIBRATIONS, TEXT_ARGUMENTS(calibrations));
    free(calibrations);
}

static bool write_page(const struct html_page *page)
{
    char number[MONTH_ID_SIZE];
    bool written = true;

    month_period(number, page->report->month);
    html_open(page, TEXT_YEAR_TITLE, TEXT_ARGUMENTS(number));
    html_element(page, "p", TEXT_YEAR_LEAD, NULL);
    html_element(page, "p", TEXT_PRIVACY, NULL);
    write_period(page);
    month_html_restatement(page, TEXT_YEAR_RESTATED);
    write_evaluate(page);
    if (page->report->withheld) {
        html_notice(page, TEXT_YEAR_WITHHELD, NULL);
        write_objectives(page);
        write_months(page);
    } else {
        written = write_use(page);
    }
    month_html_coverage(page);
    write_factors(page);
    month_html_limits(page);
    html_close(page);
    return written;
}

bool year_write_html(const struct year_report *year, const char *language, FILE *stream)
{
    const struct html_page page = html_page(stream, text_language(language), &year->sums);

    return write_page(&page) && fflush(stream) == 0 && !ferror(stream);
}

bool year_write_sheet(const struct year_report *year, const char *language, const char *directory,
                      FILE *stream)
{
    struct html_page page = html_page(NULL, text_language(language), &year->sums);
    bool written;

    if (!html_open_sheet(&page, directory, stream))
        return false;
    written = write_page(&page);
    return sheet_write(page.sheet) && written;
}
