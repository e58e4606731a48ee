/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/explain.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/html.h"
#include "reports/symbols.h"

/* The explanation as a page for people who do not program: a table for each step. */

#define ENDS              3
#define PERCENT           100
#define DIFFERENCE_DIGITS 3
#define RATIO_DIGITS      3
#define DRAWING_WIDTH     200 /* pixels, of a bar */
#define DRAWING_HEIGHT    12
#define COUNT_OF(array)   (sizeof(array) / sizeof((array)[0]))

static const enum month_indicator columns[] = {MONTH_REQUESTS, MONTH_TOKENS_IN, MONTH_TOKENS_OUT,
                                               MONTH_ENERGY,   MONTH_WATER,     MONTH_GWP};

static enum text_id indicator_text(enum month_indicator indicator)
{
    return (enum text_id)(TEXT_REQUESTS + (int)indicator);
}

/* "1" is none. */
static const char *unit_of(const char *unit)
{
    return strcmp(unit, "1") == 0 ? NULL : unit;
}

static void triple_cells(const struct html_page *page, struct triple value)
{
    html_factor_cell(page, value.low);
    html_factor_cell(page, value.central);
    html_factor_cell(page, value.high);
}

static void code(const struct html_page *page, const char *text)
{
    fputs("<code>", page->stream);
    text_html(page->stream, text);
    fputs("</code>", page->stream);
}

/* ---- The figure ---- */

/* Without the indicator where it is of all of them. */
static void name_of(char out[MONTH_FIGURE_SIZE], const struct explanation *explanation,
                    const struct explain_part *part, int indicator)
{
    month_figure(out, explanation->report, part->direction, part->service,
                 indicator < 0 ? MONTH_REQUESTS : (enum month_indicator)indicator);
    if (indicator < 0)
        *strrchr(out, '/') = '\0';
}

static void write_head(const struct html_page *page, const struct explanation *explanation)
{
    const struct month_report *report = explanation->report;
    char name[MONTH_FIGURE_SIZE], label[2 * DIRECTION_LABEL_SIZE], month[TEXT_DATE_SIZE];

    name_of(name, explanation, &explanation->figure, explanation->indicator);
    explain_label(explanation, &explanation->figure, page->language, label, sizeof(label));
    text_month(month, sizeof(month), page->language, report->month.year, report->month.month);
    html_open(page, TEXT_EXPLAIN_PAGE, TEXT_ARGUMENTS(label, month));
    html_element(page, "p", TEXT_EXPLAIN_PAGE_LEAD, NULL);
    html_element(page, "p", TEXT_EXPLAIN_PAGE_NAME, TEXT_ARGUMENTS(name));
    if (report->running)
        html_notice(page, TEXT_PROVISIONAL, NULL);
}

static void write_figure(const struct html_page *page, const struct explanation *explanation)
{
    char name[MONTH_FIGURE_SIZE];

    html_element(page, "h2", TEXT_EXPLAIN_HEAD_FIGURE, NULL);
    html_open_table(page, TEXT_EXPLAIN_FIGURE, NULL);
    html_column_heading(page, TEXT_INDICATOR, NULL);
    html_band_headings(page);
    html_column_heading(page, TEXT_UNIT, NULL);
    html_column_heading(page, TEXT_EXPLAIN_NAME, NULL);
    html_open_body(page);
    for (int i = 0; i < MONTH_INDICATORS; i++) {
        enum month_indicator indicator = (enum month_indicator)i;

        if (explanation->indicator >= 0 && explanation->indicator != i)
            continue;
        name_of(name, explanation, &explanation->figure, i);
        fputs("<tr>", page->stream);
        html_row_heading_text(page, indicator_text(indicator));
        triple_cells(page, month_value(&explanation->figure.totals, indicator));
        html_unit_cell(page, month_indicator_unit(indicator));
        fputs("<td>", page->stream);
        code(page, name);
        fputs("</td></tr>\n", page->stream);
    }
    html_close_table(page);
}

/* ---- Its parts ---- */

struct rounded {
    struct text_band *bands; /* of each part, then of the figure */
    unsigned decimals;
};

/* NUMBER part_count: the sum. With what to ask next. */
static void part_row(const struct html_page *page, const struct explanation *explanation,
                     size_t number, const struct rounded rounded[])
{
    bool is_sum = number == explanation->part_count;
    const struct explain_part *part = is_sum ? &explanation->figure : &explanation->parts[number];
    char name[MONTH_FIGURE_SIZE], label[2 * DIRECTION_LABEL_SIZE];

    name_of(name, explanation, part, -1);
    explain_label(explanation, part, page->language, label, sizeof(label));
    fputs(is_sum ? "<tr class=\"total\"><th scope=\"row\">" : "<tr><th scope=\"row\">",
          page->stream);
    text_html(page->stream, is_sum ? text_get(page->language, TEXT_TOTAL) : label);
    fputs("<span class=\"band\">", page->stream);
    code(page, name);
    fputs("</span></th>", page->stream);
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        fputs("<td class=\"n\">", page->stream);
        html_band(page, rounded[i].bands[number], month_value(&part->totals, columns[i]),
                  rounded[i].decimals);
    }
    fputs("</tr>\n", page->stream);
}

static void parts_table(const struct html_page *page, const struct explanation *explanation,
                        const struct rounded rounded[])
{
    html_open_table(page, TEXT_EXPLAIN_PARTS, NULL);
    html_column_heading(page, TEXT_EXPLAIN_NAME, NULL);
    for (size_t i = 0; i < COUNT_OF(columns); i++)
        html_column_heading(page, indicator_text(columns[i]),
                            unit_of(month_indicator_unit(columns[i])));
    html_open_body(page);
    for (size_t i = 0; i <= explanation->part_count; i++)
        part_row(page, explanation, i, rounded);
    html_close_table(page);
}

static bool write_parts(const struct html_page *page, const struct explanation *explanation)
{
    struct rounded rounded[COUNT_OF(columns)];
    char number[TEXT_NUMBER_SIZE];
    bool filled = true;

    html_element(page, "h2", TEXT_EXPLAIN_HEAD_PARTS, NULL);
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        rounded[i].bands = explain_round(explanation, columns[i], &rounded[i].decimals);
        filled = filled && rounded[i].bands;
    }
    if (filled && explanation->part_count > 0)
        parts_table(page, explanation, rounded);
    for (size_t i = 0; i < COUNT_OF(columns); i++)
        free(rounded[i].bands);
    text_decimal(number, sizeof(number), page->language, (int64_t)explanation->minutes, 0);
    if (!explanation->has_folded)
        html_element(page, "p", TEXT_EXPLAIN_MINUTES, TEXT_ARGUMENTS(number));
    else if (explanation->report->suppressed == SUPPRESS_ALL)
        html_notice(page, TEXT_TOTAL_ONLY, TEXT_ARGUMENTS(page->threshold));
    else
        html_notice(page, TEXT_EXPLAIN_FOLDED, TEXT_ARGUMENTS(page->threshold));
    return filled;
}

/* ---- The chain of a service ---- */

/* Of the service; then, in a mix, what this model did of it, which the formulas are for. */
static void activity_rows(const struct html_page *page, const struct explain_chain *chain,
                          double share)
{
    for (int i = MONTH_REQUESTS; i <= MONTH_TOKENS_OUT; i++) {
        enum month_indicator indicator = (enum month_indicator)i;

        fputs("<tr><th scope=\"row\">", page->stream);
        code(page, month_indicator_name(indicator));
        fputs("</th><td>", page->stream);
        text_say(page->stream, page->language,
                 share < 1 ? TEXT_EXPLAIN_OF_MODEL : indicator_text(indicator),
                 TEXT_ARGUMENTS(text_get(page->language, indicator_text(indicator))), true);
        fputs("</td>", page->stream);
        triple_cells(page, triple_scale(month_value(&chain->totals, indicator), share));
        fputs("</tr>\n", page->stream);
    }
}

static void write_images(const struct html_page *page, const struct explain_chain *chain)
{
    char words[EXPLAIN_IMAGES_ARGUMENTS][EXPLAIN_WORDS_SIZE];
    const char *arguments[EXPLAIN_IMAGES_ARGUMENTS + 1];
    enum text_id id;

    if (explain_images_words(page->report->config, chain, page->language, &id, words, arguments))
        html_element(page, "p", id, arguments);
}

static void write_activity(const struct html_page *page, const struct explain_chain *chain)
{
    const char letter[] = {grade_letter((enum evidence_grade)chain->totals.activity.grade), '\0'};
    double sigma = month_random_sigma(&chain->totals, page->report->config->factors);
    char percent[TEXT_NUMBER_SIZE];

    html_element(page, "h3", TEXT_EXPLAIN_HEAD_ACTIVITY, NULL);
    html_open_table(page, TEXT_EXPLAIN_TOKENS,
                    TEXT_ARGUMENTS(chain->service ? chain->service->estimator.name : "–", letter));
    html_column_heading(page, TEXT_EXPLAIN_SYMBOL, NULL);
    html_column_heading(page, TEXT_MEANING, NULL);
    html_band_headings(page);
    html_open_body(page);
    activity_rows(page, chain, 1);
    if (chain->share < 1)
        activity_rows(page, chain, chain->share);
    html_close_table(page);
    text_factor(percent, sizeof(percent), page->language, PERCENT * sigma);
    if (sigma > 0)
        html_element(page, "p", TEXT_EXPLAIN_RANDOM, TEXT_ARGUMENTS(percent));
}

static const char *meaning_of(const struct html_page *page, const struct explain_symbol *symbol)
{
    const char *meaning = symbol_meaning(symbol->name, page->language);

    return meaning ? meaning : "–";
}

/* Heads the factors that are of it. */
static void origin_row(const struct html_page *page, const struct provenance *provenance)
{
    const char grade[] = {provenance->grade, '\0'};

    fputs("<tr><th scope=\"rowgroup\" colspan=\"6\">", page->stream);
    text_say(page->stream, page->language, TEXT_EXPLAIN_ORIGIN,
             TEXT_ARGUMENTS(provenance->source, provenance->year,
                            explain_or_dash(text_either(page->language, provenance->scope_fr,
                                                        provenance->scope)),
                            explain_or_dash(provenance->licence), grade),
             true);
    fputs("</th></tr>\n", page->stream);
}

static void factor_row(const struct html_page *page, const struct explain_symbol *symbol)
{
    fputs("<tr><th scope=\"row\">", page->stream);
    code(page, symbol->name);
    fputs("</th>", page->stream);
    html_text_cell(page, meaning_of(page, symbol));
    for (int end = 0; end < ENDS; end++)
        html_factor_cell(page, symbol->values[end]);
    html_unit_cell(page, symbol->unit);
    fputs("</tr>\n", page->stream);
}

static void write_factors(const struct html_page *page, const struct explain_chain *chain)
{
    const struct provenance *last = NULL;

    html_element(page, "h3", TEXT_EXPLAIN_HEAD_FACTORS, NULL);
    html_open_table(page, TEXT_EXPLAIN_FACTORS_OF,
                    TEXT_ARGUMENTS(factors_vintage(page->report->config->factors)));
    html_column_heading(page, TEXT_EXPLAIN_SYMBOL, NULL);
    html_column_heading(page, TEXT_MEANING, NULL);
    html_band_headings(page);
    html_column_heading(page, TEXT_UNIT, NULL);
    html_open_body(page);
    for (size_t i = 0; i < chain->symbol_count; i++) {
        const struct explain_symbol *symbol = &chain->symbols[i];

        if (!symbol->provenance)
            continue;
        if (last && symbol->provenance != last)
            fputs("</tbody>\n<tbody>\n", page->stream);
        if (symbol->provenance != last)
            origin_row(page, symbol->provenance);
        last = symbol->provenance;
        factor_row(page, symbol);
    }
    html_close_table(page);
}

static void put_value(FILE *stream, const void *context, double value)
{
    const struct html_page *page = context;

    (void)stream;
    html_factor(page, value);
}

/* END -1: in symbols. */
static void formula_row(const struct html_page *page, const struct explain_chain *chain,
                        const struct explain_symbol *symbol, enum text_id heading, int end)
{
    fputs("<tr>", page->stream);
    html_row_heading_text(page, heading);
    fputs("<td><code>", page->stream);
    if (end == IMPACT_CENTRAL && explain_is_mean(chain))
        html_say(page, TEXT_EXPLAIN_MEAN);
    else
        explain_formula(page->stream, chain, symbol->formula, end, put_value, page);
    fputs("</code></td>", page->stream);
    if (end < 0)
        html_number_cell(page, symbol->name);
    else
        html_factor_cell(page, symbol->values[end]);
    fputs("</tr>\n", page->stream);
}

static void write_step(const struct html_page *page, const struct explain_chain *chain,
                       const struct explain_symbol *symbol)
{
    const double *values = symbol->values;

    html_open_table(page, TEXT_EXPLAIN_STEP,
                    TEXT_ARGUMENTS(symbol->name, meaning_of(page, symbol)));
    html_column_heading(page, TEXT_EXPLAIN_ENDS, NULL);
    html_column_heading(page, TEXT_EXPLAIN_FORMULA, NULL);
    html_column_heading(page, TEXT_EXPLAIN_RESULT, unit_of(symbol->unit));
    html_open_body(page);
    formula_row(page, chain, symbol, TEXT_EXPLAIN_SYMBOLS, -1);
    /* Where no factor moves it, once is enough. */
    if (values[IMPACT_LOW] == values[IMPACT_HIGH])
        formula_row(page, chain, symbol, TEXT_VALUE, IMPACT_LOW);
    else
        for (int end = 0; end < ENDS; end++)
            if (!isnan(values[end]))
                formula_row(page, chain, symbol, (enum text_id)(TEXT_LOW + end), end);
    html_close_table(page);
}

static void write_mix(const struct html_page *page, const struct explain_chain *chain)
{
    const char grade[] = {chain->mix->grade, '\0'};
    char share[TEXT_NUMBER_SIZE], from[MIX_MONTH_SIZE], until[MIX_MONTH_SIZE];

    text_factor(share, sizeof(share), page->language, chain->share);
    mix_month(chain->mix->from_day, from);
    mix_month(chain->mix->until_day, until);
    html_element(page, "p", explain_mix_text(from, until),
                 TEXT_ARGUMENTS(share, from, until, chain->mix->source, grade));
}

static void write_assumptions(const struct html_page *page, const struct explain_chain *chain)
{
    const struct impact_factors *factors = &chain->factors;
    const char *label =
        chain->service ? month_service_label(chain->service, page->language) : chain->id;
    char model[MODEL_ENTRY_SIZE];

    if (chain->local.host) {
        html_element(page, "h2", TEXT_EXPLAIN_HEAD_CHAIN, TEXT_ARGUMENTS(label));
        html_element(page, "p", TEXT_EXPLAIN_MEASURED,
                     TEXT_ARGUMENTS(label, chain->local.host->name, chain->local.zone->id));
        return;
    }
    if (!factors->model) {
        html_element(page, "h2", TEXT_EXPLAIN_HEAD_CHAIN, TEXT_ARGUMENTS(label));
        html_element(page, "p", explain_no_model_text(chain), TEXT_ARGUMENTS(label));
        return;
    }
    factors_model_entry(factors->model, model);
    html_element(page, "h2", TEXT_EXPLAIN_HEAD_MODEL, TEXT_ARGUMENTS(label, chain->model));
    html_element(page, "p", TEXT_EXPLAIN_CHAIN,
                 TEXT_ARGUMENTS(label, factors->method_b ? "B" : "A", chain->model,
                                factors->provider->id, factors->zone->id));
    if (strcmp(model, chain->model) != 0)
        html_element(page, "p", TEXT_EXPLAIN_CLASS, TEXT_ARGUMENTS(chain->model, model));
    if (chain->mix)
        write_mix(page, chain);
}

/* What is neither a factor nor computed, of what is measured. */
static void write_quantities(const struct html_page *page, const struct explain_chain *chain)
{
    if (chain->key.directions > 0)
        html_open_table(page, TEXT_EXPLAIN_COMMON,
                        TEXT_ARGUMENTS(text_get(page->language, (enum text_id)(TEXT_HOST_KEY_USAGE +
                                                                               chain->key.kind))));
    else
        html_open_table(page, TEXT_EXPLAIN_ACTIVE, NULL);
    html_column_heading(page, TEXT_EXPLAIN_SYMBOL, NULL);
    html_column_heading(page, TEXT_MEANING, NULL);
    html_band_headings(page);
    html_column_heading(page, TEXT_UNIT, NULL);
    html_open_body(page);
    for (size_t i = 0; i < chain->symbol_count; i++)
        if (!chain->symbols[i].formula && !chain->symbols[i].provenance)
            factor_row(page, &chain->symbols[i]);
    html_close_table(page);
}

void explain_html_chain(const struct html_page *page, const struct explain_chain *chain)
{
    write_assumptions(page, chain);
    if (chain->key.directions == 0)
        write_activity(page, chain);
    write_images(page, chain);
    if (chain->symbol_count == 0)
        return;
    if (chain->local.host)
        write_quantities(page, chain);
    write_factors(page, chain);
    html_element(page, "h3", TEXT_EXPLAIN_HEAD_STEPS, NULL);
    html_element(page, "p", explain_formulas_text(chain), NULL);
    for (size_t i = 0; i < chain->symbol_count; i++)
        if (chain->symbols[i].formula)
            write_step(page, chain, &chain->symbols[i]);
}

/* ---- Devices of a host of our own ---- */

static void device_row(const struct html_page *page, const struct localhost_device *device,
                       const struct localhost_part *part)
{
    fputs("<tr>", page->stream);
    html_row_heading(page, device->name);
    html_factor_cell(page, device->energy_j);
    html_factor_cell(page, device->idle_j);
    html_factor_cell(page, part->active_j);
    html_factor_cell(page, part->used_j);
    html_factor_cell(page, part->share_j);
    fputs("</tr>\n", page->stream);
}

static void write_devices(const struct html_page *page, const struct explanation *explanation)
{
    static const enum text_id headings[] = {TEXT_HOST_DEVICE,      TEXT_ENERGY,
                                            TEXT_HOST_IDLE_ENERGY, TEXT_HOST_ABOVE,
                                            TEXT_EXPLAIN_USED,     TEXT_EXPLAIN_ITS_ENERGY};
    const struct localhost *host = explanation->report->host;
    char replayed[TEXT_NUMBER_SIZE], recorded[TEXT_NUMBER_SIZE];

    if (explanation->devices_withheld)
        html_element(page, "p", TEXT_EXPLAIN_NO_DEVICES, TEXT_ARGUMENTS(page->threshold));
    if (explanation->device_count == 0)
        return;
    html_open_table(page, TEXT_EXPLAIN_DEVICES, NULL);
    for (size_t i = 0; i < COUNT_OF(headings); i++)
        html_column_heading(page, headings[i], i > 0 ? "J" : NULL);
    html_open_body(page);
    for (size_t i = 0; i < explanation->device_count; i++)
        if (host->devices[i].kind != POWER_DEVICE_SOURCE)
            device_row(page, &host->devices[i], &explanation->devices[i]);
    html_close_table(page);
    text_factor(replayed, sizeof(replayed), page->language, explanation->replayed_j);
    text_factor(recorded, sizeof(recorded), page->language, explanation->used_j);
    html_element(page, "p", TEXT_EXPLAIN_REPLAYED, TEXT_ARGUMENTS(replayed, recorded));
}

/* ---- Recomputed ---- */

static void comparison_row(const struct html_page *page, enum month_indicator indicator,
                           enum text_id computation, const struct impact *impact)
{
    const struct month_totals totals = {.impact = *impact};

    fputs("<tr>", page->stream);
    html_row_heading_text(page, indicator_text(indicator));
    fputs("<td>", page->stream);
    html_say(page, computation);
    fputs("</td>", page->stream);
    triple_cells(page, month_value(&totals, indicator));
    html_unit_cell(page, month_indicator_unit(indicator));
    fputs("</tr>\n", page->stream);
}

static void write_comparison(const struct html_page *page, const struct explanation *explanation)
{
    const struct impact by_month = explain_of_the_sums(explanation);

    html_open_table(page, TEXT_EXPLAIN_RECOMPUTED,
                    TEXT_ARGUMENTS(factors_vintage(page->report->config->factors)));
    html_column_heading(page, TEXT_INDICATOR, NULL);
    html_column_heading(page, TEXT_EXPLAIN_COMPUTED, NULL);
    html_band_headings(page);
    html_column_heading(page, TEXT_UNIT, NULL);
    html_open_body(page);
    for (size_t i = 0; i < EXPLAIN_IMPACTS; i++) {
        if (!explanation->has_folded)
            comparison_row(page, explain_impacts[i], TEXT_EXPLAIN_BY_MONTH, &by_month);
        comparison_row(page, explain_impacts[i], TEXT_EXPLAIN_BY_MINUTE, &explanation->recomputed);
        comparison_row(page, explain_impacts[i], TEXT_EXPLAIN_LEDGER,
                       &explanation->figure.totals.impact);
    }
    html_close_table(page);
    if (!explanation->has_folded)
        html_element(page, "p", TEXT_EXPLAIN_BAND, NULL);
}

static void write_verdict(const struct html_page *page, const struct explanation *explanation)
{
    char number[TEXT_NUMBER_SIZE];

    if (explanation->agrees) {
        text_factor(number, sizeof(number), page->language, EXPLAIN_TOLERANCE);
        html_element(page, "p", TEXT_EXPLAIN_AGREES, TEXT_ARGUMENTS(number));
        return;
    }
    text_digits(number, sizeof(number), page->language, PERCENT * explanation->difference,
                DIFFERENCE_DIGITS);
    html_notice(page, TEXT_EXPLAIN_DIFFERS, TEXT_ARGUMENTS(number));
    fputs("<ul>\n", page->stream);
    for (unsigned i = 0; i < EXPLAIN_REASONS; i++)
        if (explanation->reasons & 1u << i)
            html_element(page, "li", explain_reason_text(i), NULL);
    fputs("</ul>\n", page->stream);
}

static void write_recomputed(const struct html_page *page, const struct explanation *explanation)
{
    html_element(page, "h2", TEXT_EXPLAIN_HEAD_RECOMPUTED, NULL);
    if (explanation->recomputed_is_shown)
        write_comparison(page, explanation);
    else
        html_notice(page, TEXT_EXPLAIN_NOT_RECOMPUTED, NULL);
    if (explanation->recomputed_is_shown || explanation->chain_count > 0)
        write_verdict(page, explanation);
}

/* ---- How far it may be off ---- */

static void likely_row(const struct html_page *page, const struct explain_margin *margin)
{
    fputs("<tr>", page->stream);
    html_row_heading_text(page, indicator_text(margin->indicator));
    html_factor_cell(page, margin->likely.p10);
    html_factor_cell(page, margin->likely.central);
    html_factor_cell(page, margin->likely.p90);
    html_unit_cell(page, month_indicator_unit(margin->indicator));
    fputs("</tr>\n", page->stream);
}

/* A drawing of what the row's numbers say, on a scale of logarithms from the least to the most of
 * all bars. */
static void extent_cell(const struct html_page *page, const struct sensitivity_bar *bar,
                        double least, double most)
{
    double scale = DRAWING_WIDTH / log(most / least);
    int from = (int)(log(bar->low / least) * scale);
    int until = (int)ceil(log(bar->high / least) * scale);

    fprintf(page->stream,
            "<td><svg width=\"%d\" height=\"%d\" aria-hidden=\"true\"><rect x=\"%d\" "
            "width=\"%d\" height=\"%d\" fill=\"%s\"/></svg></td>",
            DRAWING_WIDTH, DRAWING_HEIGHT, from, until - from, DRAWING_HEIGHT,
            sensitivity_is_choice(bar->unknown) ? "#b5b5b5" : "#33557a");
}

static void bar_row(const struct html_page *page, const struct explain_margin *margin,
                    const struct sensitivity_bar *bar, double least, double most)
{
    char ratio[TEXT_NUMBER_SIZE] = "–";

    fputs("<tr><th scope=\"row\">", page->stream);
    html_say(page, (enum text_id)(TEXT_UNKNOWN_TOKENS + (int)bar->unknown));
    if (sensitivity_is_choice(bar->unknown)) {
        fputs("<span class=\"band\">", page->stream);
        html_say(page, TEXT_CALCULATOR_CHOICE);
        fputs("</span>", page->stream);
    }
    fputs("</th>", page->stream);
    html_factor_cell(page, bar->low);
    html_factor_cell(page, bar->high);
    html_unit_cell(page, month_indicator_unit(margin->indicator));
    if (bar->low > 0)
        text_digits(ratio, sizeof(ratio), page->language, bar->high / bar->low, RATIO_DIGITS);
    html_number_cell(page, ratio);
    if (least > 0 && most > least)
        extent_cell(page, bar, least, most);
    else
        html_text_cell(page, "–");
    fputs("</tr>\n", page->stream);
}

static void tornado_table(const struct html_page *page, const struct explain_margin *margin)
{
    static const enum text_id headings[] = {
        TEXT_EXPLAIN_UNKNOWN, TEXT_LOW,           TEXT_HIGH, TEXT_UNIT,
        TEXT_EXPLAIN_RATIO,   TEXT_EXPLAIN_EXTENT};
    double least = INFINITY, most = 0;

    for (size_t i = 0; i < margin->bar_count; i++) {
        least = fmin(least, margin->bars[i].low);
        most = fmax(most, margin->bars[i].high);
    }
    html_open_table(page, TEXT_CALCULATOR_TORNADO,
                    TEXT_ARGUMENTS(text_get(page->language, indicator_text(margin->indicator)),
                                   text_unit(month_indicator_unit(margin->indicator))));
    for (size_t i = 0; i < COUNT_OF(headings); i++)
        html_column_heading(page, headings[i], NULL);
    html_open_body(page);
    for (size_t i = 0; i < margin->bar_count; i++)
        bar_row(page, margin, &margin->bars[i], least, most);
    html_close_table(page);
}

static void margin_tables(const struct html_page *page, const struct explanation *explanation,
                          const struct explain_margin *margins, size_t count)
{
    html_element(page, "p", TEXT_EXPLAIN_MARGINS, NULL);
    html_open_table(page, TEXT_EXPLAIN_LIKELY, NULL);
    html_column_heading(page, TEXT_INDICATOR, NULL);
    fputs("<th scope=\"col\">P10</th>", page->stream);
    html_column_heading(page, TEXT_CENTRAL, NULL);
    fputs("<th scope=\"col\">P90</th>", page->stream);
    html_column_heading(page, TEXT_UNIT, NULL);
    html_open_body(page);
    for (size_t i = 0; i < count; i++)
        likely_row(page, &margins[i]);
    html_close_table(page);
    for (size_t i = 0; i < count; i++)
        if (explain_margin_is_headline(explanation, &margins[i]) && margins[i].bar_count > 0)
            tornado_table(page, &margins[i]);
}

static bool write_margins(const struct html_page *page, const struct explanation *explanation)
{
    struct explain_margin margins[EXPLAIN_MARGINS];
    enum text_id lack = explain_margins_lack(explanation);
    size_t count;
    bool filled = explain_margins(explanation, margins, &count);

    if (count == 0 && lack == TEXT_COUNT)
        return filled;
    html_element(page, "h2", TEXT_EXPLAIN_HEAD_MARGINS, NULL);
    if (count > 0)
        margin_tables(page, explanation, margins, count);
    else
        html_element(page, "p", lack, NULL);
    return filled;
}

static void write_sets(const struct html_page *page, const struct explanation *explanation)
{
    char *calibrations =
        calibrations_text(explanation->report, explanation->figure.service, page->language);
    char digest[2 * sizeof(uint64_t) + 1];

    html_element(page, "h2", TEXT_EXPLAIN_HEAD_SETS, NULL);
    html_open_table(page, TEXT_EXPLAIN_SETS, NULL);
    html_column_heading(page, TEXT_EXPLAIN_VINTAGE, NULL);
    html_column_heading(page, TEXT_EXPLAIN_DIGEST, NULL);
    html_column_heading(page, TEXT_EXPLAIN_STATE, NULL);
    html_open_body(page);
    for (size_t i = 0; i < explanation->set_count; i++) {
        const struct explain_set *set = &explanation->sets[i];

        snprintf(digest, sizeof(digest), "%016" PRIx64, set->digest);
        fputs("<tr>", page->stream);
        html_row_heading(page, set->vintage);
        fputs("<td>", page->stream);
        code(page, digest);
        fputs("</td><td>", page->stream);
        html_say(page, set->installed ? TEXT_EXPLAIN_SET_INSTALLED : TEXT_EXPLAIN_SET_OTHER);
        fputs("</td></tr>\n", page->stream);
    }
    html_close_table(page);
    if (calibrations)
        html_element(page, "p", TEXT_CALIBRATIONS, TEXT_ARGUMENTS(calibrations));
    free(calibrations);
}

bool explain_write_html(const struct explanation *explanation, enum text_language language,
                        FILE *stream)
{
    const struct html_page page = html_page(stream, language, explanation->report);
    bool written;

    write_head(&page, explanation);
    write_figure(&page, explanation);
    written = write_parts(&page, explanation);
    for (size_t i = 0; i < explanation->chain_count; i++)
        explain_html_chain(&page, &explanation->chains[i]);
    write_devices(&page, explanation);
    write_recomputed(&page, explanation);
    written = write_margins(&page, explanation) && written;
    write_sets(&page, explanation);
    html_close(&page);
    return written && fflush(stream) == 0 && !ferror(stream);
}
