/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/days.h"

#include <math.h>

#include "reports/derived.h"

#define AXIS_LEAST 10 /* at which librrd's numbers are whole */
#define UNKNOWN    "–"

void days_id(char out[DAYS_ID_SIZE], size_t index)
{
    snprintf(out, DAYS_ID_SIZE, "%02zu", index + 1);
}

bool days_is_told(const struct month_day *day)
{
    return day->active && !day->hidden;
}

bool days_any_told(const struct month_report *report)
{
    for (size_t i = 0; i < report->day_count; i++)
        if (days_is_told(&report->days[i]))
            return true;
    return false;
}

bool days_any_hidden(const struct month_report *report)
{
    for (size_t i = 0; i < report->day_count; i++)
        if (report->days[i].hidden)
            return true;
    return false;
}

double days_hidden_kwh(const struct month_report *report)
{
    double all = report->total.impact.energy_kwh.central;
    double told = 0;

    for (size_t i = 0; i < report->day_count; i++)
        if (days_is_told(&report->days[i]))
            told += report->days[i].energy_kwh;
    return all - told > all * DERIVED_ROUNDING ? all - told : 0;
}

static double highest_kwh(const struct month_report *report)
{
    double most = 0;

    for (size_t i = 0; i < report->day_count; i++)
        if (days_is_told(&report->days[i]))
            most = fmax(most, report->days[i].energy_kwh);
    return most;
}

/* librrd writes its numbers with one decimal at most, after a point that is no French one. Whole
 * numbers need neither. */
struct text_scale days_scale(const struct month_report *report)
{
    static const struct text_scale scales[] = {{"kWh", 1}, {"Wh", 1e3}, {"mWh", 1e6}, {"µWh", 1e9}};
    double most = highest_kwh(report);
    size_t i = 0;

    while (most > 0 && i + 1 < sizeof(scales) / sizeof(scales[0]) &&
           most * scales[i].per_unit < AXIS_LEAST)
        i++;
    return scales[i];
}

/* ---- The table ---- */

/* Rounded so that the rows add up to the total: the days that are told, in their order, then all
 * that are hidden. */
struct rounded {
    struct text_scale scale;
    unsigned decimals;
    struct triple values[MONTH_DAYS_MAX + 1];
    struct text_band bands[MONTH_DAYS_MAX + 1];
    struct text_band total;
};

static void round_days(const struct month_report *report, struct rounded *rounded)
{
    double total_kwh = report->total.impact.energy_kwh.central;
    double most_kwh = highest_kwh(report);
    size_t count = 0;

    rounded->scale = days_scale(report);
    rounded->decimals =
        text_decimals((most_kwh > 0 ? most_kwh : total_kwh) * rounded->scale.per_unit);
    for (size_t i = 0; i < report->day_count; i++)
        if (days_is_told(&report->days[i]))
            rounded->values[count++] =
                triple_exact(report->days[i].energy_kwh * rounded->scale.per_unit);
    if (days_any_hidden(report))
        rounded->values[count++] = triple_exact(days_hidden_kwh(report) * rounded->scale.per_unit);
    rounded->total =
        text_round(rounded->values, count, triple_exact(total_kwh * rounded->scale.per_unit),
                   rounded->decimals, rounded->bands);
}

static void energy_cell(const struct html_page *page, const struct rounded *rounded, size_t number,
                        const char *id)
{
    html_open_figure(page, DAYS_SCOPE, id, month_indicator_name(MONTH_ENERGY));
    html_units(page, rounded->bands[number].central, rounded->values[number].central > 0,
               rounded->decimals);
    html_close_cell(page);
}

/* What was not metered is no 0, nor is a day of services whose impact is not estimated. */
static void day_row(const struct html_page *page, size_t index, const struct rounded *rounded,
                    size_t number)
{
    const struct month_day *day = &page->report->days[index];
    char date[TEXT_DATE_SIZE], id[DAYS_ID_SIZE];

    days_id(id, index);
    text_date(date, sizeof(date), page->language, day->start, false);
    html_open_row(page);
    html_row_heading(page, date);
    if (!day->active)
        html_sentence_cell(page, TEXT_DAY_NOTHING);
    else if (day->hidden)
        html_sentence_cell(page, TEXT_DAY_HIDDEN);
    else if (!(day->energy_kwh > 0))
        html_number_cell(page, UNKNOWN);
    else
        energy_cell(page, rounded, number, id);
    html_close_row(page);
}

static void total_row(const struct html_page *page, const struct rounded *rounded)
{
    char name[MONTH_FIGURE_SIZE];

    month_figure(name, page->report, MONTH_ALL, MONTH_ALL, MONTH_ENERGY);
    html_open_total_row(page);
    html_row_heading_text(page, TEXT_TOTAL);
    html_open_number(page, name, false);
    html_units(page, rounded->total.central, page->report->total.impact.energy_kwh.central > 0,
               rounded->decimals);
    html_close_cell(page);
    html_close_row(page);
}

static void write_table(const struct html_page *page)
{
    struct rounded rounded = {0};
    size_t told = 0;

    round_days(page->report, &rounded);
    html_open_table(page, TEXT_CAPTION_DAYS, NULL);
    html_column_heading(page, TEXT_DAY, NULL);
    html_column_heading(page, TEXT_ENERGY, rounded.scale.unit);
    html_open_body(page);
    for (size_t i = 0; i < page->report->day_count; i++) {
        day_row(page, i, &rounded, told);
        told += days_is_told(&page->report->days[i]);
    }
    if (days_any_hidden(page->report)) {
        html_open_row(page);
        html_row_heading_text(page, TEXT_DAYS_HIDDEN);
        energy_cell(page, &rounded, told, DAYS_HIDDEN);
        html_close_row(page);
    }
    total_row(page, &rounded);
    html_close_table(page);
}

void days_write_html(const struct html_page *page)
{
    if (!page->sheet) {
        html_markup(page, "<details><summary>");
        html_say(page, TEXT_DAYS_SUMMARY);
        html_markup(page, "</summary>\n");
    }
    write_table(page);
    html_element(page, "p", TEXT_DAYS_NOTE, NULL);
    html_markup(page, "</details>\n");
}
