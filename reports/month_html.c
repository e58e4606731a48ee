/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/month.h"

#include <stdlib.h>
#include <string.h>

#include "reports/coefficients.h"

/* One self-contained page: no script, no reference to anything outside it. HTML5 in XML syntax, so
 * that any XML parser can check it. Everything that is not markup goes through say() or
 * text_html(), which escape. */

#define SHARE_DECIMALS   1
#define PERCENT_DECIMALS 2 /* of coverage */
#define PERCENT_UNITS    100

struct page {
    FILE *stream;
    enum text_language language;
    const struct month_report *report;
    char threshold[TEXT_NUMBER_SIZE];
};

static const char style[] =
    "body{font-family:sans-serif;line-height:1.45;max-width:84em;margin:0 auto;padding:1em 1.5em;"
    "color:#1a1a1a;background:#fff}"
    "h1{font-size:1.7em;margin-bottom:.1em}h2{font-size:1.25em;margin-top:1.8em;border-bottom:2px "
    "solid #33557a}h3{font-size:1.05em;margin:1.2em 0 .3em}"
    ".organisation{font-size:1.1em;margin-top:0}"
    "table{border-collapse:collapse;margin:.6em 0;font-size:.92em}"
    "caption{text-align:left;font-style:italic;padding:.2em 0}"
    "th,td{border:1px solid #b5b5b5;padding:.25em .5em;vertical-align:top}"
    "th{text-align:left;background:#eef2f6}"
    "td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}"
    "tr.total th,tr.total td{border-top:2px solid #33557a;font-weight:bold}"
    ".band{display:block;font-size:.86em;font-weight:normal;color:#4a4a4a}"
    ".notice{border-left:.4em solid #b35900;background:#fff4e6;padding:.5em .8em}"
    ".sources{font-size:.84em}.wide{overflow-x:auto}"
    "figure{margin:.6em 0}figure svg{max-width:100%;height:auto}"
    "@media print{body{max-width:none;padding:0;font-size:9.5pt}h2{break-after:avoid}"
    "tr{break-inside:avoid}.wide{overflow:visible}}"
    "@page{size:A4 landscape;margin:14mm}";

static void say(const struct page *page, enum text_id id)
{
    text_say(page->stream, page->language, id, NULL, true);
}

static void element(const struct page *page, const char *tag, enum text_id id,
                    const char *const *arguments)
{
    fprintf(page->stream, "<%s>", tag);
    text_say(page->stream, page->language, id, arguments, true);
    fprintf(page->stream, "</%s>\n", tag);
}

static void notice(const struct page *page, enum text_id id, const char *const *arguments)
{
    fputs("<p class=\"notice\">", page->stream);
    text_say(page->stream, page->language, id, arguments, true);
    fputs("</p>\n", page->stream);
}

static void text_cell(const struct page *page, const char *text)
{
    fputs("<td>", page->stream);
    text_html(page->stream, text);
    fputs("</td>", page->stream);
}

static void sentence_cell(const struct page *page, enum text_id id)
{
    fputs("<td>", page->stream);
    say(page, id);
    fputs("</td>", page->stream);
}

static void number_cell(const struct page *page, const char *number)
{
    fputs("<td class=\"n\">", page->stream);
    text_html(page->stream, number);
    fputs("</td>", page->stream);
}

static void row_heading(const struct page *page, const char *text)
{
    fputs("<th scope=\"row\">", page->stream);
    text_html(page->stream, text);
    fputs("</th>", page->stream);
}

static void row_heading_text(const struct page *page, enum text_id id)
{
    fputs("<th scope=\"row\">", page->stream);
    say(page, id);
    fputs("</th>", page->stream);
}

/* UNIT NULL: none. */
static void column_heading(const struct page *page, enum text_id id, const char *unit)
{
    fputs("<th scope=\"col\">", page->stream);
    say(page, id);
    if (unit) {
        fputs("<br/>(", page->stream);
        text_html(page->stream, unit);
        fputs(")", page->stream);
    }
    fputs("</th>", page->stream);
}

static void open_table(const struct page *page, enum text_id caption)
{
    fputs("<div class=\"wide\"><table><caption>", page->stream);
    say(page, caption);
    fputs("</caption>\n<thead><tr>", page->stream);
}

static void open_body(const struct page *page)
{
    fputs("</tr></thead>\n<tbody>\n", page->stream);
}

static void close_table(const struct page *page)
{
    fputs("</tbody></table></div>\n", page->stream);
}

/* A value that rounds to nothing but is not nothing reads "< 0,01". */
static void put_units(const struct page *page, int64_t units, bool positive, unsigned decimals)
{
    char number[TEXT_NUMBER_SIZE];

    if (units == 0 && positive)
        fputs("&lt;\u00a0", page->stream);
    text_decimal(number, sizeof(number), page->language, units == 0 && positive ? 1 : units,
                 decimals);
    text_html(page->stream, number);
}

/* What `iagmeter explain` takes, to be read by pointing at the figure; the first of each in the
 * document is also its anchor. */
static void figure_attributes(const struct page *page, const char *direction, const char *service,
                              enum month_indicator indicator, bool is_first)
{
    char name[MONTH_FIGURE_SIZE];

    month_figure(name, page->report, direction, service, indicator);
    if (is_first) {
        fputs(" id=\"", page->stream);
        text_html(page->stream, name);
        fputc('"', page->stream);
    }
    fputs(" title=\"iagmeter explain ", page->stream);
    text_html(page->stream, name);
    fputc('"', page->stream);
}

/* After the beginning of its cell. */
static void put_band(const struct page *page, struct text_band band, struct triple value,
                     unsigned decimals)
{
    put_units(page, band.central, value.central > 0, decimals);
    if (value.low < value.high) {
        fputs("<span class=\"band\">(", page->stream);
        put_units(page, band.low, value.low > 0, decimals);
        fputs("\u00a0–\u00a0", page->stream);
        put_units(page, band.high, value.high > 0, decimals);
        fputs(")</span>", page->stream);
    }
    fputs("</td>", page->stream);
}

static const char *unit_of(enum month_indicator indicator)
{
    const char *unit = month_indicator_unit(indicator);

    return strcmp(unit, "1") == 0 ? NULL : unit;
}

static void write_head(const struct page *page)
{
    const struct month_report *report = page->report;
    char month[TEXT_DATE_SIZE];

    text_month(month, sizeof(month), page->language, report->month.year, report->month.month);
    fprintf(page->stream,
            "<!DOCTYPE html>\n<html lang=\"%s\" xmlns=\"http://www.w3.org/1999/xhtml\">\n"
            "<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
            "content=\"width=device-width, initial-scale=1\"/>\n",
            text_language_name(page->language));
    element(page, "title", TEXT_TITLE, TEXT_ARGUMENTS(month));
    fprintf(page->stream, "<style>%s</style>\n</head>\n<body>\n<main>\n", style);
    element(page, "h1", TEXT_TITLE, TEXT_ARGUMENTS(month));
    if (report->config->report.organisation[0]) {
        fputs("<p class=\"organisation\">", page->stream);
        text_html(page->stream, report->config->report.organisation);
        fputs("</p>\n", page->stream);
    }
}

static void write_period(const struct page *page)
{
    const struct month_report *report = page->report;
    char from[TEXT_DATE_SIZE], until[TEXT_DATE_SIZE];

    text_date(from, sizeof(from), page->language, report->month.start, true);
    text_date(until, sizeof(until), page->language, report->until, true);
    element(page, "p", TEXT_PERIOD, TEXT_ARGUMENTS(from, until, report->config->timezone));
    if (report->running) {
        notice(page, TEXT_RUNNING, TEXT_ARGUMENTS(until));
        notice(page, TEXT_PROVISIONAL, NULL);
    }
}

static void coverage_sentence(const struct page *page)
{
    char covered[TEXT_NUMBER_SIZE], length[TEXT_NUMBER_SIZE], percent[TEXT_NUMBER_SIZE];

    if (!(page->report->covered_s > 0)) {
        notice(page, TEXT_COVERAGE_NONE, NULL);
        return;
    }
    month_coverage_words(page->report, page->language, covered, length, percent);
    element(page, "p", TEXT_COVERAGE_SENTENCE, TEXT_ARGUMENTS(covered, length, percent));
}

static void headline_row(const struct page *page, enum month_indicator indicator)
{
    const struct month_totals *total = &page->report->total;
    struct text_band band = month_headline(page->report, indicator);
    struct triple value = month_value(total, indicator);
    unsigned decimals = month_decimals(page->report, indicator);
    const int64_t units[] = {band.low, band.central, band.high};
    const double values[] = {value.low, value.central, value.high};

    fputs("<tr", page->stream);
    figure_attributes(page, MONTH_ALL, MONTH_ALL, indicator, true);
    fputc('>', page->stream);
    row_heading_text(page, (enum text_id)(TEXT_REQUESTS + (int)indicator));
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        fputs("<td class=\"n\">", page->stream);
        put_units(page, units[i], values[i] > 0, decimals);
        fputs("</td>", page->stream);
    }
    text_cell(page, unit_of(indicator) ? unit_of(indicator) : "–");
    fputs("</tr>\n", page->stream);
}

static void write_quality(const struct page *page)
{
    enum evidence_grade grade = (enum evidence_grade)page->report->total.activity.grade;
    char letter[] = {grade_letter(grade), '\0'};
    char rating[TEXT_NUMBER_SIZE];

    if (grade == GRADE_NONE) {
        element(page, "p", TEXT_QUALITY_NONE, NULL);
        return;
    }
    snprintf(rating, sizeof(rating), "%d", (int)grade);
    element(page, "p", TEXT_QUALITY, TEXT_ARGUMENTS(letter, rating));
}

static void write_total(const struct page *page)
{
    static const enum text_id headings[] = {TEXT_INDICATOR, TEXT_LOW, TEXT_CENTRAL, TEXT_HIGH,
                                            TEXT_UNIT};
    /* What an elected member asks first, first. */
    static const enum month_indicator order[] = {
        MONTH_ENERGY,   MONTH_WATER,     MONTH_GWP,        MONTH_GWP_USE, MONTH_GWP_EMBODIED,
        MONTH_REQUESTS, MONTH_TOKENS_IN, MONTH_TOKENS_OUT, MONTH_ADPE};

    element(page, "h2", TEXT_HEAD_TOTAL, NULL);
    open_table(page, TEXT_CAPTION_TOTAL);
    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        column_heading(page, headings[i], NULL);
    open_body(page);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        headline_row(page, order[i]);
    if (page->report->total.requests_without_impact.high > 0)
        headline_row(page, MONTH_REQUESTS_WITHOUT_IMPACT);
    close_table(page);
    write_quality(page);
    element(page, "p", TEXT_BAND_NOTE, NULL);
    if (page->report->total.requests_without_impact.high > 0)
        element(page, "p", TEXT_WITHOUT_IMPACT_NOTE, NULL);
}

static void unit_row(const struct page *page, enum text_id name, struct month_unit unit)
{
    const double values[] = {unit.energy_wh, unit.water_ml, unit.gwp_g};
    char number[TEXT_NUMBER_SIZE];

    fputs("<tr>", page->stream);
    row_heading_text(page, name);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        text_number(number, sizeof(number), page->language, values[i], text_decimals(values[i]));
        number_cell(page, number);
    }
    fputs("</tr>\n", page->stream);
}

static void write_units(const struct page *page)
{
    element(page, "h2", TEXT_HEAD_UNITS, NULL);
    element(page, "p", TEXT_UNITS_LIST, NULL);
    if (!(page->report->per_request.energy_wh > 0))
        return;
    open_table(page, TEXT_UNITS_NOTE);
    column_heading(page, TEXT_FUNCTIONAL_UNIT, NULL);
    column_heading(page, TEXT_ENERGY, "Wh");
    column_heading(page, TEXT_WATER, "mL");
    column_heading(page, TEXT_GWP, "gCO2e");
    open_body(page);
    unit_row(page, TEXT_UNIT_REQUEST, page->report->per_request);
    unit_row(page, TEXT_UNIT_TOKENS, page->report->per_1000_tokens);
    close_table(page);
}

static void variant_cell(const struct page *page, struct triple value)
{
    unsigned decimals = text_decimals(value.central);
    struct text_band band = text_round(NULL, 0, value, decimals, NULL);

    fputs("<td class=\"n\">", page->stream);
    put_band(page, band, value, decimals);
}

static void factor_text(const struct page *page, char out[TEXT_NUMBER_SIZE], double value)
{
    text_number(out, TEXT_NUMBER_SIZE, page->language, value, text_decimals(value));
}

/* Which intensity of electricity was used, and what is known hour by hour. */
static void write_hourly(const struct page *page)
{
    const struct hourly_result *hourly = &page->report->hourly;
    const struct triple *direct = &hourly->sum.direct_kgco2;
    const double values[] = {direct->central,
                             direct->low,
                             direct->high,
                             hourly->sum.known_kwh.central,
                             PERCENT_UNITS * hourly->known_share,
                             (double)hourly->coverage.hours,
                             hourly->timing};
    char numbers[sizeof(values) / sizeof(values[0])][TEXT_NUMBER_SIZE];

    element(page, "p", TEXT_YEARLY, NULL);
    if (!hourly->is_there)
        return;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        factor_text(page, numbers[i], values[i]);
    text_number(numbers[5], sizeof(numbers[5]), page->language, values[5], 0);
    element(page, "p", TEXT_HOURLY,
            TEXT_ARGUMENTS(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5],
                           numbers[6]));
}

static void write_variants(const struct page *page)
{
    const struct variants *variants = &page->report->variants;

    if (!variants->is_there)
        return;
    element(page, "h2", TEXT_HEAD_VARIANTS, NULL);
    open_table(page, TEXT_CAPTION_VARIANTS);
    column_heading(page, TEXT_METHOD, NULL);
    column_heading(page, TEXT_ENERGY, "kWh");
    column_heading(page, TEXT_WATER, "L");
    column_heading(page, TEXT_GWP, "kgCO2e");
    open_body(page);
    for (int i = 0; i < VARIANTS; i++) {
        const struct month_totals totals = {.impact = variants->impacts[i]};

        if (i == VARIANT_WATER && !variants->has_water)
            continue;
        fputs("<tr>", page->stream);
        row_heading_text(page, (enum text_id)(TEXT_VARIANT_REPORT + i));
        variant_cell(page, month_value(&totals, MONTH_ENERGY));
        variant_cell(page, month_value(&totals, MONTH_WATER));
        variant_cell(page, month_value(&totals, MONTH_GWP));
        fputs("</tr>\n", page->stream);
    }
    close_table(page);
    element(page, "p", TEXT_VARIANTS_NOTE, NULL);
    write_hourly(page);
    if (variants->is_partial)
        element(page, "p", TEXT_VARIANTS_PARTIAL, NULL);
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

static bool round_table(const struct page *page, const struct month_table *table,
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
    text_shares(shares, table->count, SHARE_DECIMALS, rounded->shares);
    free(shares);
    return true;
}

static void column_headings(const struct page *page)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        column_heading(page, (enum text_id)(TEXT_REQUESTS + (int)columns[i]), unit_of(columns[i]));
    column_heading(page, TEXT_SHARE, "%");
}

/* ROW NULL: the total, which the first table has already. */
static void value_cells(const struct page *page, const struct month_table *table,
                        const struct month_row *row, const struct text_band *bands, size_t stride)
{
    const struct month_totals *totals = row ? &row->totals : &page->report->total;
    bool is_direction = table == &page->report->directions;

    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        fputs("<td class=\"n\"", page->stream);
        figure_attributes(page, row && is_direction ? row->id : MONTH_ALL,
                          row && !is_direction ? row->id : MONTH_ALL, columns[i], row != NULL);
        fputc('>', page->stream);
        put_band(page, bands[i * stride], month_value(totals, columns[i]),
                 month_decimals(page->report, columns[i]));
    }
}

static void share_cell(const struct page *page, int64_t share, bool positive)
{
    fputs("<td class=\"n\">", page->stream);
    put_units(page, share, positive, SHARE_DECIMALS);
    fputs("</td>", page->stream);
}

static void row_label(const struct page *page, const struct month_row *row)
{
    fputs("<th scope=\"row\">", page->stream);
    text_html(page->stream, month_label(row, page->language));
    if (row->service && row->service->operator_name[0]) {
        fputs("<span class=\"band\">", page->stream);
        text_html(page->stream, row->service->operator_name);
        fputs("</span>", page->stream);
    }
    fputs("</th>", page->stream);
}

static void agent_cell(const struct page *page, const struct month_row *row)
{
    char number[TEXT_NUMBER_SIZE] = "–";

    if (row->headcount > 0)
        text_number(number, sizeof(number), page->language, row->gwp_per_agent_g,
                    text_decimals(row->gwp_per_agent_g));
    number_cell(page, number);
}

static void service_cells(const struct page *page, const struct month_row *row)
{
    const struct service *service = row->service;

    if (!service) {
        fputs("<td>–</td><td>–</td><td>–</td>", page->stream);
        return;
    }
    text_cell(page,
              text_get(page->language, (enum text_id)(TEXT_HOSTING_SOVEREIGN + service->hosting)));
    text_cell(page, service->country);
    text_cell(page,
              text_get(page->language, (enum text_id)(TEXT_APPROVAL_UNSET + service->approval)));
}

static void total_row(const struct page *page, const struct rounded *rounded, size_t empty_before,
                      size_t empty_after)
{
    bool any = page->report->total.impact.energy_kwh.central > 0;

    fputs("<tr class=\"total\">", page->stream);
    row_heading_text(page, TEXT_TOTAL);
    for (size_t i = 0; i < empty_before; i++)
        fputs("<td></td>", page->stream);
    value_cells(page, NULL, NULL, rounded->totals, 1);
    share_cell(page, any ? 1000 : 0, false);
    for (size_t i = 0; i < empty_after; i++)
        fputs("<td></td>", page->stream);
    fputs("</tr>\n", page->stream);
}

static bool has_unassigned(const struct month_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].is_unassigned)
            return true;
    return false;
}

static void table_notes(const struct page *page, const struct month_table *table)
{
    if (page->report->suppressed == SUPPRESS_MERGED)
        element(page, "p", TEXT_OTHER_NOTE, TEXT_ARGUMENTS(page->threshold));
    else if (page->report->suppressed == SUPPRESS_ALL)
        notice(page, TEXT_TOTAL_ONLY, TEXT_ARGUMENTS(page->threshold));
    if (has_unassigned(table))
        element(page, "p", TEXT_UNASSIGNED_NOTE, NULL);
}

static bool write_directions(const struct page *page)
{
    const struct month_table *table = &page->report->directions;
    struct rounded rounded = {0};
    bool written = round_table(page, table, &rounded);

    element(page, "h2", TEXT_HEAD_DIRECTIONS, NULL);
    if (written && page->report->suppressed != SUPPRESS_ALL) {
        open_table(page, TEXT_PER_AGENT_NOTE);
        column_heading(page, TEXT_DIRECTION, NULL);
        column_headings(page);
        column_heading(page, TEXT_PER_AGENT, "gCO2e");
        open_body(page);
        for (size_t i = 0; i < table->count; i++) {
            const struct month_row *row = &table->rows[i];

            fputs("<tr>", page->stream);
            row_label(page, row);
            value_cells(page, table, row, &rounded.bands[i], table->count);
            share_cell(page, rounded.shares[i], row->energy_share > 0);
            agent_cell(page, row);
            fputs("</tr>\n", page->stream);
        }
        total_row(page, &rounded, 0, 1);
        close_table(page);
    }
    table_notes(page, table);
    free(rounded.bands);
    free(rounded.shares);
    return written;
}

static bool write_services(const struct page *page)
{
    const struct month_table *table = &page->report->services;
    struct rounded rounded = {0};
    bool written = round_table(page, table, &rounded);

    element(page, "h2", TEXT_HEAD_SERVICES, NULL);
    if (written && page->report->suppressed != SUPPRESS_ALL) {
        open_table(page, TEXT_CAPTION_SERVICES);
        column_heading(page, TEXT_SERVICE, NULL);
        column_heading(page, TEXT_HOSTING, NULL);
        column_heading(page, TEXT_COUNTRY, NULL);
        column_heading(page, TEXT_APPROVED, NULL);
        column_headings(page);
        open_body(page);
        for (size_t i = 0; i < table->count; i++) {
            const struct month_row *row = &table->rows[i];

            fputs("<tr>", page->stream);
            row_label(page, row);
            service_cells(page, row);
            value_cells(page, table, row, &rounded.bands[i], table->count);
            share_cell(page, rounded.shares[i], row->energy_share > 0);
            fputs("</tr>\n", page->stream);
        }
        total_row(page, &rounded, 3, 0);
        close_table(page);
    }
    table_notes(page, table);
    free(rounded.bands);
    free(rounded.shares);
    return written;
}

static bool any_day_hidden(const struct month_report *report)
{
    for (size_t i = 0; i < report->day_count; i++)
        if (report->days[i].hidden)
            return true;
    return false;
}

/* SVG's prolog has no place inside HTML: from the element on. */
static void write_graph(const struct page *page, const char *svg, size_t svg_size)
{
    const char *start = svg ? memmem(svg, svg_size, "<svg", 4) : NULL;
    char month[TEXT_DATE_SIZE];

    element(page, "h2", TEXT_HEAD_GRAPH, NULL);
    if (!start) {
        notice(page, TEXT_GRAPH_MISSING, NULL);
    } else {
        text_month(month, sizeof(month), page->language, page->report->month.year,
                   page->report->month.month);
        fputs("<figure><div role=\"img\" aria-label=\"", page->stream);
        text_say(page->stream, page->language, TEXT_GRAPH_ALT, TEXT_ARGUMENTS(month), true);
        fputs("\">\n", page->stream);
        fwrite(start, 1, svg_size - (size_t)(start - svg), page->stream);
        fputs("</div>\n", page->stream);
        element(page, "figcaption", TEXT_GRAPH_TITLE, NULL);
        fputs("</figure>\n", page->stream);
    }
    if (any_day_hidden(page->report))
        element(page, "p", TEXT_GRAPH_HIDDEN, TEXT_ARGUMENTS(page->threshold));
}

/* Negative: none. */
static void proportion_cell(const struct page *page, double proportion)
{
    double percent = 100 * proportion;

    if (proportion < 0) {
        number_cell(page, "–");
        return;
    }
    fputs("<td class=\"n\">", page->stream);
    put_units(page, (int64_t)(percent * PERCENT_UNITS + 0.5), proportion > 0, PERCENT_DECIMALS);
    fputs("</td>", page->stream);
}

static void write_coverage(const struct page *page)
{
    struct month_coverage_line lines[MONTH_COVERAGE_LINES];
    char number[TEXT_NUMBER_SIZE];

    element(page, "h2", TEXT_HEAD_COVERAGE, NULL);
    coverage_sentence(page);
    month_coverage_lines(page->report, lines);
    open_table(page, TEXT_CAPTION_COVERAGE);
    column_heading(page, TEXT_QUANTITY, NULL);
    column_heading(page, TEXT_VALUE, NULL);
    column_heading(page, TEXT_PROPORTION, "%");
    column_heading(page, TEXT_EFFECT, NULL);
    open_body(page);
    for (size_t i = 0; i < MONTH_COVERAGE_LINES; i++) {
        fputs("<tr>", page->stream);
        row_heading_text(page, lines[i].text);
        text_number(number, sizeof(number), page->language, lines[i].value, 0);
        number_cell(page, number);
        proportion_cell(page, lines[i].proportion);
        sentence_cell(page,
                      (enum text_id)(lines[i].text + TEXT_COVERED_TIME_EFFECT - TEXT_COVERED_TIME));
        fputs("</tr>\n", page->stream);
    }
    close_table(page);
    element(page, "p", TEXT_COVERAGE_NOTE, NULL);
}

static void write_grades(const struct page *page)
{
    open_table(page, TEXT_GRADES);
    column_heading(page, TEXT_GRADE, NULL);
    column_heading(page, TEXT_MEANING, NULL);
    open_body(page);
    for (int grade = GRADE_A; grade <= GRADE_E; grade++) {
        fprintf(page->stream, "<tr><th scope=\"row\">%c (%d/5)</th><td>",
                grade_letter((enum evidence_grade)grade), grade);
        say(page, (enum text_id)(TEXT_GRADE_A + grade - GRADE_A));
        fputs("</td></tr>\n", page->stream);
    }
    close_table(page);
}

static void write_shares(const struct page *page)
{
    static const enum text_id names[] = {TEXT_MEASURED, TEXT_COUNTED, TEXT_ESTIMATED};
    static const char *const percents[] = {"0\u202f%", "0\u202f%", "100\u202f%"};

    element(page, "p", TEXT_METHOD_SHARES, NULL);
    open_table(page, TEXT_ORIGINS);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        column_heading(page, names[i], NULL);
    open_body(page);
    fputs("<tr>", page->stream);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        number_cell(page, percents[i]);
    fputs("</tr>\n", page->stream);
    close_table(page);
}

static void write_method(const struct page *page)
{
    const struct factors *factors = page->report->config->factors;

    element(page, "h2", TEXT_HEAD_METHOD, NULL);
    element(page, "p", TEXT_METHOD_TOKENS, NULL);
    if (factors)
        element(page, "p", TEXT_METHOD_IMPACT,
                TEXT_ARGUMENTS(factors_method_a(factors)->provenance.source,
                               factors_method_a(factors)->provenance.year));
    element(page, "p", TEXT_METHOD_BAND, NULL);
    write_shares(page);
    write_grades(page);
}

static void put_factor(const struct page *page, double value)
{
    char number[TEXT_NUMBER_SIZE];

    text_factor(number, sizeof(number), page->language, value);
    text_html(page->stream, number);
}

static void factor_cell(const struct page *page, double value)
{
    fputs("<td class=\"n\">", page->stream);
    put_factor(page, value);
    fputs("</td>", page->stream);
}

static void range_cell(const struct page *page, struct range range)
{
    fputs("<td class=\"n\">", page->stream);
    put_factor(page, range.min);
    if (range.min < range.max) {
        fputs("\u00a0–\u00a0", page->stream);
        put_factor(page, range.max);
    }
    fputs("</td>", page->stream);
}

/* 0 stands for unknown. */
static void optional_cell(const struct page *page, double value)
{
    if (value > 0)
        factor_cell(page, value);
    else
        number_cell(page, text_get(page->language, TEXT_UNKNOWN));
}

/* Year, scope, source, licence, grade. */
static void provenance_cells(const struct page *page, const struct provenance *provenance)
{
    const char grade[] = {provenance->grade, '\0'};

    text_cell(page, provenance->year);
    text_cell(page, provenance->scope);
    text_cell(page, provenance->source);
    text_cell(page, provenance->licence);
    text_cell(page, grade);
}

static void provenance_headings(const struct page *page)
{
    static const enum text_id headings[] = {TEXT_YEAR, TEXT_SCOPE, TEXT_SOURCE, TEXT_LICENCE,
                                            TEXT_GRADE};

    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        column_heading(page, headings[i], NULL);
}

static void triple_cell(const struct page *page, struct triple value)
{
    fputs("<td class=\"n\">", page->stream);
    put_factor(page, value.low);
    fputs(" / ", page->stream);
    put_factor(page, value.central);
    fputs(" / ", page->stream);
    put_factor(page, value.high);
    fputs("</td>", page->stream);
}

static void write_method_factors(const struct page *page, enum coefficient_group group,
                                 enum text_id heading)
{
    struct coefficient coefficient;

    open_table(page, heading);
    column_heading(page, TEXT_INDICATOR, NULL);
    column_heading(page, TEXT_VALUE, NULL);
    column_heading(page, TEXT_UNIT, NULL);
    provenance_headings(page);
    open_body(page);
    for (size_t i = 0; coefficients_get(page->report->config->factors, group, i, &coefficient);
         i++) {
        fputs("<tr>", page->stream);
        row_heading(page, coefficient.name);
        if (coefficient.is_band)
            triple_cell(page, coefficient.value);
        else
            factor_cell(page, coefficient.value.central);
        text_cell(page, strcmp(coefficient.unit, "1") == 0 ? "–" : coefficient.unit);
        provenance_cells(page, coefficient.provenance);
        fputs("</tr>\n", page->stream);
    }
    close_table(page);
}

static bool uses_method_b(const struct month_factors *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->sources[i].factors.method_b)
            return true;
    return false;
}

/* With the entry that stands in for a model that has none, and its share in a mix. */
static void model_cell(const struct page *page, const struct month_source *source)
{
    char entry[MODEL_ENTRY_SIZE];
    char share[TEXT_NUMBER_SIZE];

    factors_model_entry(source->factors.model, entry);
    fputs("<td>", page->stream);
    text_html(page->stream, source->model);
    if (strcmp(entry, source->model) != 0) {
        fputs(" → ", page->stream);
        text_html(page->stream, entry);
    }
    if (source->mix) {
        text_factor(share, sizeof(share), page->language, source->share);
        fprintf(page->stream, " × %s<br>", share);
        text_html(page->stream, source->mix->source);
        fprintf(page->stream, " (%c)", source->mix->grade);
    }
    fputs("</td>", page->stream);
}

static void write_sources(const struct page *page)
{
    const struct month_factors *list = &page->report->factors;

    open_table(page, TEXT_FACTORS_SERVICES);
    column_heading(page, TEXT_SERVICE, NULL);
    column_heading(page, TEXT_MODEL, NULL);
    column_heading(page, TEXT_PROVIDER, NULL);
    column_heading(page, TEXT_ZONE, NULL);
    column_heading(page, TEXT_METHOD, NULL);
    column_heading(page, TEXT_ESTIMATOR, NULL);
    column_heading(page, TEXT_GRADE, NULL);
    open_body(page);
    for (size_t i = 0; i < list->count; i++) {
        const struct month_source *source = &list->sources[i];
        const struct estimator *estimator = &source->service->estimator;
        const char grade[] = {grade_letter((enum evidence_grade)estimator->grade), '\0'};

        fputs("<tr>", page->stream);
        row_heading(page, source->service->label);
        model_cell(page, source);
        text_cell(page, source->factors.provider->id);
        text_cell(page, source->factors.zone->id);
        text_cell(page, source->factors.method_b ? "B" : "A");
        text_cell(page, estimator->name);
        text_cell(page, grade);
        fputs("</tr>\n", page->stream);
    }
    close_table(page);
}

static void write_models(const struct page *page)
{
    open_table(page, TEXT_FACTORS_MODELS);
    column_heading(page, TEXT_MODEL, NULL);
    column_heading(page, TEXT_PARAMETERS_TOTAL, NULL);
    column_heading(page, TEXT_PARAMETERS_ACTIVE, NULL);
    column_heading(page, TEXT_TOKENS_PER_SECOND, NULL);
    column_heading(page, TEXT_FIRST_TOKEN, NULL);
    provenance_headings(page);
    open_body(page);
    for (size_t i = 0; i < page->report->factors.count; i++) {
        const struct month_source *source = &page->report->factors.sources[i];
        const struct model_factors *model = source->factors.model;

        if (!source->first_model)
            continue;
        fputs("<tr><th scope=\"row\">", page->stream);
        text_html(page->stream, model->provider);
        fputc('/', page->stream);
        text_html(page->stream, model->name);
        fputs("</th>", page->stream);
        range_cell(page, model->total_parameters_b);
        range_cell(page, model->active_parameters_b);
        optional_cell(page, model->tokens_per_second);
        optional_cell(page, model->time_to_first_token_s);
        provenance_cells(page, &model->provenance);
        fputs("</tr>\n", page->stream);
    }
    close_table(page);
}

static void write_providers(const struct page *page)
{
    open_table(page, TEXT_FACTORS_PROVIDERS);
    column_heading(page, TEXT_PROVIDER, NULL);
    column_heading(page, TEXT_ZONE, NULL);
    column_heading(page, TEXT_PUE, NULL);
    column_heading(page, TEXT_WUE, NULL);
    provenance_headings(page);
    open_body(page);
    for (size_t i = 0; i < page->report->factors.count; i++) {
        const struct month_source *source = &page->report->factors.sources[i];
        const struct provider_factors *provider = source->factors.provider;

        if (!source->first_provider)
            continue;
        fputs("<tr>", page->stream);
        row_heading(page, provider->id);
        text_cell(page, provider->zone);
        range_cell(page, provider->pue);
        range_cell(page, provider->wue_l_per_kwh);
        provenance_cells(page, &provider->provenance);
        fputs("</tr>\n", page->stream);
    }
    close_table(page);
}

static void zone_row(const struct page *page, const char *id, enum text_id name, const char *unit,
                     double value, const struct provenance *provenance)
{
    fputs("<tr>", page->stream);
    row_heading(page, id);
    fputs("<td>", page->stream);
    say(page, name);
    fputs("</td>", page->stream);
    factor_cell(page, value);
    text_cell(page, unit);
    provenance_cells(page, provenance);
    fputs("</tr>\n", page->stream);
}

static void zone_rows(const struct page *page, const struct month_source *source)
{
    const struct zone_factors *zone = source->factors.zone;
    const struct zone_factors *variant = source->zone_variant;

    zone_row(page, zone->id, TEXT_GWP, "kgCO2e/kWh", zone->gwp_kgco2e_per_kwh, &zone->provenance);
    zone_row(page, zone->id, TEXT_ADPE, "kgSbeq/kWh", zone->adpe_kgsb_per_kwh,
             &zone->adpe_provenance);
    zone_row(page, zone->id, TEXT_WATER, "L/kWh", zone->ewif_l_per_kwh, &zone->ewif_provenance);
    if (variant)
        zone_row(page, variant->id, TEXT_WATER_VARIANT, "L/kWh", variant->ewif_l_per_kwh,
                 &variant->ewif_provenance);
}

static void write_zones(const struct page *page)
{
    bool variant = false;

    open_table(page, TEXT_FACTORS_ZONES);
    column_heading(page, TEXT_ZONE, NULL);
    column_heading(page, TEXT_INDICATOR, NULL);
    column_heading(page, TEXT_VALUE, NULL);
    column_heading(page, TEXT_UNIT, NULL);
    provenance_headings(page);
    open_body(page);
    for (size_t i = 0; i < page->report->factors.count; i++) {
        const struct month_source *source = &page->report->factors.sources[i];

        variant |= source->zone_variant != NULL;
        if (source->first_zone)
            zone_rows(page, source);
    }
    close_table(page);
    if (variant)
        element(page, "p", TEXT_EWIF_NOTE, NULL);
}

static void write_vintages(const struct page *page)
{
    const struct month_report *report = page->report;
    char list[400] = "";

    for (size_t i = 0; i < report->vintage_count; i++) {
        size_t used = strlen(list);

        snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", report->vintages[i]);
    }
    if (list[0])
        element(page, "p", TEXT_VINTAGES, TEXT_ARGUMENTS(list));
    if (report->factors.other_vintage)
        notice(page, TEXT_VINTAGE_OTHER, TEXT_ARGUMENTS(factors_vintage(report->config->factors)));
}

static void write_factors(const struct page *page)
{
    element(page, "h2", TEXT_HEAD_FACTORS, NULL);
    if (!page->report->config->factors || page->report->factors.count == 0) {
        element(page, "p", TEXT_FACTORS_NONE, NULL);
        return;
    }
    write_vintages(page);
    if (page->report->factors.whole_catalogue)
        element(page, "p", TEXT_FACTORS_WHOLE, NULL);
    fputs("<div class=\"sources\">\n", page->stream);
    write_sources(page);
    write_models(page);
    write_providers(page);
    write_zones(page);
    write_method_factors(page, COEFFICIENTS_A, TEXT_FACTORS_METHOD);
    if (uses_method_b(&page->report->factors)) {
        element(page, "p", TEXT_METHOD_B_NOTE, NULL);
        write_method_factors(page, COEFFICIENTS_B, TEXT_FACTORS_METHOD_B);
    }
    fputs("</div>\n", page->stream);
}

static void write_limits(const struct page *page)
{
    element(page, "h2", TEXT_HEAD_LIMITS, NULL);
    fputs("<ul>\n", page->stream);
    for (int id = TEXT_LIMIT_SCOPE; id <= TEXT_LIMIT_MARGINS; id++)
        element(page, "li", (enum text_id)id, NULL);
    fputs("</ul>\n", page->stream);
}

static bool write_use(const struct page *page, const char *svg, size_t svg_size)
{
    if (page->report->withheld) {
        notice(page, TEXT_WITHHELD, TEXT_ARGUMENTS(page->threshold));
        return true;
    }
    if (page->report->directions.count == 0 && page->report->suppressed == SUPPRESS_NONE) {
        notice(page, TEXT_NO_USE, NULL);
        return true;
    }
    write_total(page);
    write_units(page);
    if (!write_directions(page) || !write_services(page))
        return false;
    write_graph(page, svg, svg_size);
    write_variants(page);
    return true;
}

bool month_write_html(const struct month_report *report, const char *language, const char *svg,
                      size_t svg_size, FILE *stream)
{
    struct page page = {.stream = stream, .language = text_language(language), .report = report};
    bool written;

    snprintf(page.threshold, sizeof(page.threshold), "%u", report->config->report.threshold);
    write_head(&page);
    element(&page, "p", TEXT_LEAD, NULL);
    element(&page, "p", TEXT_PRIVACY, NULL);
    write_period(&page);
    coverage_sentence(&page);
    written = write_use(&page, svg, svg_size);
    write_coverage(&page);
    if (!report->withheld) {
        write_method(&page);
        write_factors(&page);
    }
    write_limits(&page);
    fputs("</main>\n<footer>", stream);
    element(&page, "p", TEXT_FOOTER, NULL);
    fputs("</footer>\n</body>\n</html>\n", stream);
    return written && fflush(stream) == 0 && !ferror(stream);
}
