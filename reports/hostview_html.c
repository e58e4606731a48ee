/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/hostview.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/derived.h"
#include "reports/symbols.h"

#define J_PER_KWH      3.6e6
#define HOUR_S         3600
#define PERCENT        100
#define COLUMNS        (3 + LOCALHOST_KEYS)
#define SHARE_DECIMALS 1

static const enum text_id key_texts[LOCALHOST_KEYS] = {
    TEXT_HOST_KEY_USAGE, TEXT_HOST_KEY_ENTITLEMENT, TEXT_HOST_KEY_HYBRID};

static void number_text(const struct html_page *page, char out[TEXT_NUMBER_SIZE], double value)
{
    text_number(out, TEXT_NUMBER_SIZE, page->language, value, text_decimals(value));
}

/* NAN: a dash. */
static void figure_cell(const struct html_page *page, double value, const char *scope,
                        const char *key, const char *indicator)
{
    if (isnan(value))
        html_number_cell(page, "–");
    else
        html_figure_cell(page, value, text_decimals(value), scope, key, indicator);
}

static void host_name(const struct html_page *page, month_name name, const char *indicator)
{
    derived_name(name, page->report->month, "host", MONTH_ALL, indicator);
}

/* ---- What was measured ---- */

/* Of what was measured; of nothing, no share is idle, and write_gaps() says that it was nothing. */
static void write_lead(const struct html_page *page, const struct host_view *view)
{
    const struct host_config *config = view->host->config;
    const double values[] = {view->it_kwh,
                             view->total.active_kwh.central + view->total.common_kwh.central,
                             config->pue.value,
                             PERCENT * view->idle_share,
                             view->pool_kwh,
                             view->host->measured_s / HOUR_S,
                             view->report->month_s / HOUR_S};
    static const char *const indicators[] = {"energy_kwh",  "",           "pue", "idle_share",
                                             "pool_kwh_it", "measured_h", ""};
    char numbers[sizeof(values) / sizeof(values[0])][TEXT_NUMBER_SIZE];
    month_name names[sizeof(values) / sizeof(values[0])];

    if (isnan(view->idle_share))
        return;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        number_text(page, numbers[i], values[i]);
        host_name(page, names[i], indicators[i]);
    }
    derived_name(names[1], page->report->month, "host-direction", MONTH_ALL, "total_kwh");
    derived_name(names[6], page->report->month, "coverage", MONTH_ALL, "month_h");
    html_sentence(
        page, "p", NULL, TEXT_HOST_LEAD,
        TEXT_ARGUMENTS(config->name, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4],
                       numbers[5], numbers[6]),
        TEXT_ARGUMENTS("", names[0], names[1], names[2], names[3], names[4], names[5], names[6]));
}

static void write_gaps(const struct html_page *page, const struct host_view *view)
{
    char number[TEXT_NUMBER_SIZE];
    month_name name;

    if (view->unmeasured_s > 0) {
        number_text(page, number, view->unmeasured_s / HOUR_S);
        host_name(page, name, "unmeasured_h");
        html_sentence(page, "p", "notice", TEXT_HOST_UNMEASURED, TEXT_ARGUMENTS(number),
                      TEXT_ARGUMENTS(name));
    }
    if (view->host->pending_j > 0) {
        number_text(page, number, view->host->pending_j / J_PER_KWH);
        host_name(page, name, "pending_kwh");
        html_sentence(page, "p", NULL, TEXT_HOST_PENDING, TEXT_ARGUMENTS(number),
                      TEXT_ARGUMENTS(name));
    }
}

static void flag_cell(const struct html_page *page, const struct localhost_device *device)
{
    static const enum hostview_quantity quantities[HOSTVIEW_FLAGS] = {[3] = HOSTVIEW_LOWER_BOUND_H,
                                                                      [4] = HOSTVIEW_AMBIGUOUS_H,
                                                                      [5] = HOSTVIEW_EXCEEDED_H,
                                                                      [6] = HOSTVIEW_CARRIED_KWH};
    char hours[TEXT_NUMBER_SIZE];
    month_name name;
    bool any = false;

    html_open_cell(page);
    for (unsigned i = 0; i < HOSTVIEW_FLAGS; i++) {
        if (!hostview_has_flag(device->flags, i))
            continue;
        fputs(any ? " ; " : "", page->stream);
        number_text(page, hours, hostview_device_value(device, quantities[i]));
        derived_name(name, page->report->month, "host-device", device->name,
                     hostview_quantity_name(quantities[i]));
        html_say_figures(page, hostview_flag_text(i), TEXT_ARGUMENTS(hours), TEXT_ARGUMENTS(name));
        any = true;
    }
    fputs(any ? "" : "–", page->stream);
    html_close_cell(page);
}

static void device_row(const struct html_page *page, const struct localhost_device *device)
{
    html_open_row(page);
    html_row_heading(page, device->name);
    for (int i = HOSTVIEW_ENERGY_KWH; i <= HOSTVIEW_MEAN_W; i++) {
        enum hostview_quantity quantity = (enum hostview_quantity)i;

        figure_cell(page, hostview_device_value(device, quantity), "host-device", device->name,
                    hostview_quantity_name(quantity));
    }
    flag_cell(page, device);
    html_close_row(page);
}

static void devices_table(const struct html_page *page, const struct host_view *view,
                          enum text_id caption, bool sources)
{
    static const enum text_id headings[] = {
        TEXT_HOST_DEVICE, TEXT_ENERGY,          TEXT_HOST_IDLE_ENERGY, TEXT_HOST_ABOVE,
        TEXT_HOST_HOURS,  TEXT_HOST_MEAN_POWER, TEXT_HOST_RESTS_ON};
    static const char *const units[] = {NULL, "kWh", "kWh", "kWh", "h", "W", NULL};

    html_open_table(page, caption, NULL);
    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        html_column_heading(page, headings[i], units[i]);
    html_open_body(page);
    for (size_t i = 0; i < view->host->device_count; i++)
        if ((view->host->devices[i].kind == POWER_DEVICE_SOURCE) == sources)
            device_row(page, &view->host->devices[i]);
    if (!sources) {
        html_open_total_row(page);
        html_row_heading_text(page, TEXT_TOTAL);
        figure_cell(page, view->it_kwh, "host", MONTH_ALL, "energy_kwh");
        figure_cell(page, view->host->idle_j / J_PER_KWH, "host", MONTH_ALL, "idle_kwh");
        figure_cell(page, (view->host->energy_j - view->host->idle_j) / J_PER_KWH, "host",
                    MONTH_ALL, "above_idle_kwh");
        figure_cell(page, view->host->measured_s / HOUR_S, "host", MONTH_ALL, "measured_h");
        html_text_cell(page, "");
        html_text_cell(page, "");
        html_close_row(page);
    }
    html_close_table(page);
}

static bool has_sources(const struct localhost *host)
{
    for (size_t i = 0; i < host->device_count; i++)
        if (host->devices[i].kind == POWER_DEVICE_SOURCE)
            return true;
    return false;
}

static void write_devices(const struct html_page *page, const struct host_view *view)
{
    if (!view->report->host_parts_shown) {
        html_element(page, "p", TEXT_HOST_NO_PARTS, TEXT_ARGUMENTS(page->threshold));
        return;
    }
    devices_table(page, view, TEXT_HOST_DEVICES, false);
    if (has_sources(view->host))
        devices_table(page, view, TEXT_HOST_SOURCES, true);
}

/* ---- Who has what of it ---- */

/* What a column shows of a line; its sum is exact. */
static struct triple column_of(const struct host_line *line, size_t column)
{
    if (column == 0)
        return line->active_kwh;
    if (column == 1)
        return line->common_kwh;
    return column == 2 ? triple_add(line->active_kwh, line->common_kwh)
                       : line->by_key_kwh[column - 3];
}

static bool has_column(const struct host_view *view, size_t column)
{
    return column < 3 ||
           (view->host->has_key[column - 3] && (int)(column - 3) != view->host->period->key);
}

static unsigned line_decimals(const struct host_view *view)
{
    struct triple sum = column_of(&view->total, 2);

    return text_decimals(sum.central) + 1;
}

/* Whether a line has something to say there: not of use that is hidden, nor of what follows it. */
static bool is_told(const struct host_line *line, size_t column)
{
    return line->has_use || column == 1;
}

static const char *const column_names[COLUMNS] = {
    "active_kwh", "common_kwh", "total_kwh", "kwh_by_usage", "kwh_by_entitlement", "kwh_by_hybrid"};

static void line_row(const struct html_page *page, const struct host_view *view, size_t number,
                     const struct text_band *bands)
{
    bool is_total = number == view->count;
    const struct host_line *line = is_total ? &view->total : &view->lines[number];
    const char *key = is_total ? MONTH_ALL : line->row ? line->row->id : MONTH_OTHER;

    (is_total ? html_open_total_row : html_open_row)(page);
    html_row_heading(page, is_total    ? text_get(page->language, TEXT_TOTAL)
                           : line->row ? month_label(line->row, page->language)
                                       : text_get(page->language, TEXT_OTHER));
    figure_cell(page, line->has_use ? line->weight : NAN, "host-direction", key, "weighted_tokens");
    for (size_t i = 0; i < COLUMNS; i++) {
        if (!has_column(view, i))
            continue;
        if (!is_told(line, i)) {
            html_number_cell(page, "–");
            continue;
        }
        html_open_figure(page, "host-direction", key, column_names[i]);
        html_band(page, bands[i * (view->count + 1) + number], column_of(line, i),
                  line_decimals(view));
    }
    html_close_row(page);
}

static void round_column(const struct host_view *view, size_t column, struct triple *values,
                         struct text_band *bands)
{
    for (size_t i = 0; i < view->count; i++)
        values[i] = column_of(&view->lines[i], column);
    bands[view->count] = text_round(values, view->count, column_of(&view->total, column),
                                    line_decimals(view), bands);
}

static void line_headings(const struct html_page *page, const struct host_view *view)
{
    html_column_heading(page, TEXT_DIRECTION, NULL);
    html_column_heading(page, TEXT_HOST_WEIGHT, NULL);
    html_triple_heading(page, TEXT_HOST_ACTIVE, "kWh");
    html_triple_heading(page, TEXT_HOST_COMMON, "kWh");
    html_triple_heading(page, TEXT_TOTAL, "kWh");
    for (size_t i = 3; i < COLUMNS; i++)
        if (has_column(view, i))
            html_triple_heading(page, key_texts[i - 3], "kWh");
}

static bool write_lines(const struct html_page *page, const struct host_view *view)
{
    struct triple *values = calloc(view->count + 1, sizeof(*values));
    struct text_band *bands = calloc(COLUMNS * (view->count + 1), sizeof(*bands));
    bool made = values && bands;

    html_element(page, "p", TEXT_HOST_KEY,
                 TEXT_ARGUMENTS(text_get(page->language, key_texts[view->host->period->key])));
    if (made) {
        html_open_table(page, TEXT_HOST_LINES, NULL);
        line_headings(page, view);
        html_open_body(page);
        for (size_t i = 0; i < COLUMNS; i++)
            round_column(view, i, values, &bands[i * (view->count + 1)]);
        for (size_t i = 0; i <= view->count; i++)
            line_row(page, view, i, bands);
        html_close_table(page);
    }
    free(values);
    free(bands);
    return made;
}

static void write_meter(const struct html_page *page, const struct host_view *view)
{
    char attributed[TEXT_NUMBER_SIZE], measured[TEXT_NUMBER_SIZE];
    month_name names[2];

    text_number(attributed, sizeof(attributed), page->language, view->total.energy_j, 0);
    text_number(measured, sizeof(measured), page->language, view->host->energy_j, 0);
    derived_name(names[0], page->report->month, "host-direction", MONTH_ALL, "energy_j");
    host_name(page, names[1], "energy_j");
    html_sentence(page, "p", NULL, TEXT_HOST_METER, TEXT_ARGUMENTS(attributed, measured),
                  TEXT_ARGUMENTS(names[0], names[1]));
}

/* ---- Tokens ---- */

/* With so many DECIMALS; NAN: a dash. */
static void count_cell(const struct html_page *page, const struct host_balance *balance,
                       size_t quantity, const char *prefix, double count, unsigned decimals)
{
    char indicator[MONTH_ID_SIZE];

    if (isnan(count)) {
        html_number_cell(page, "–");
        return;
    }
    snprintf(indicator, sizeof(indicator), "%s_%s", prefix, localhost_count_name(quantity));
    html_figure_cell(page, count, decimals, "host-tokens", balance->service, indicator);
}

static void balance_row(const struct html_page *page, const struct host_balance *balance,
                        size_t quantity)
{
    static const enum text_id names[LOCALHOST_COUNTS] = {TEXT_REQUESTS, TEXT_TOKENS_IN,
                                                         TEXT_TOKENS_CACHED, TEXT_TOKENS_OUT};
    const struct localhost_count *count = &balance->counts[quantity];
    double percent = localhost_count_percent(count);

    html_open_row(page);
    html_row_heading(page,
                     balance->service ? balance->service : text_get(page->language, TEXT_TOTAL));
    html_sentence_cell(page, names[quantity]);
    count_cell(page, balance, quantity, "captured", count->wire, 0);
    count_cell(page, balance, quantity, "server", balance->has_server ? count->server : NAN, 0);
    count_cell(page, balance, quantity, "difference",
               count->is_compared ? count->wire - count->server : NAN, 0);
    count_cell(page, balance, quantity, "difference_percent", percent,
               text_decimals(fabs(percent)));
    html_sentence_cell(page, hostview_verdict_text(count->verdict));
    count_cell(page, balance, quantity, "unseen", balance->has_server ? count->unseen : NAN, 0);
    html_close_row(page);
}

static void write_balance(const struct html_page *page, const struct host_view *view)
{
    static const enum text_id headings[] = {TEXT_SERVICE, TEXT_QUANTITY, TEXT_HOST_WIRE,
                                            TEXT_HOST_SERVER, TEXT_HOST_DIFFERENCE};
    struct host_balance balance;

    html_open_table(page, TEXT_HOST_BALANCE, NULL);
    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        html_column_heading(page, headings[i], NULL);
    html_column_heading(page, TEXT_HOST_DIFFERENCE, "%");
    html_column_heading(page, TEXT_HOST_VERDICT, NULL);
    html_column_heading(page, TEXT_HOST_UNSEEN, NULL);
    html_open_body(page);
    for (size_t i = 0; hostview_balance(view, i, &balance); i++)
        for (size_t j = 0; j < LOCALHOST_COUNTS; j++)
            balance_row(page, &balance, j);
    html_close_table(page);
}

/* ---- Factors ---- */

static void write_factors(const struct html_page *page, const struct month_report *report)
{
    struct host_factor factor;
    char pue[TEXT_NUMBER_SIZE], wue[TEXT_NUMBER_SIZE];
    month_name names[2];

    html_markup(page, "<div class=\"sources\">\n");
    html_open_table(page, TEXT_HOST_FACTORS, NULL);
    html_column_heading(page, TEXT_EXPLAIN_SYMBOL, NULL);
    html_column_heading(page, TEXT_MEANING, NULL);
    html_column_heading(page, TEXT_VALUE, NULL);
    html_column_heading(page, TEXT_UNIT, NULL);
    html_provenance_headings(page);
    html_open_body(page);
    for (size_t i = 0; hostview_factor(report, i, &factor); i++) {
        const char *meaning = symbol_meaning(factor.name, page->language);

        html_open_row(page);
        html_row_heading(page, factor.name);
        html_text_cell(page, meaning ? meaning : text_get(page->language, TEXT_HOST_IDLE_POWER));
        html_factor_cell(page, factor.value);
        html_unit_cell(page, factor.unit);
        html_provenance_cells(page, factor.provenance);
        html_close_row(page);
    }
    html_close_table(page);
    html_markup(page, "</div>\n");
    text_factor(pue, sizeof(pue), page->language, report->host->config->pue.value);
    text_factor(wue, sizeof(wue), page->language, report->host->config->wue_l_per_kwh.value);
    host_name(page, names[0], "pue");
    host_name(page, names[1], "wue_l_per_kwh");
    html_sentence(page, "p", NULL, TEXT_HOST_RGESN, TEXT_ARGUMENTS(pue, wue),
                  TEXT_ARGUMENTS(names[0], names[1]));
}

void hostview_write_html(const struct month_report *report, const struct html_page *page)
{
    struct host_view *view = hostview_new(report);

    if (!report->host)
        return;
    html_element(page, "h2", TEXT_HEAD_HOST, NULL);
    if (!view) {
        html_notice(page, TEXT_HOST_WITHHELD, TEXT_ARGUMENTS(page->threshold));
        return;
    }
    write_lead(page, view);
    write_gaps(page, view);
    write_lines(page, view);
    write_meter(page, view);
    write_devices(page, view);
    write_balance(page, view);
    write_factors(page, report);
    hostview_free(view);
}
