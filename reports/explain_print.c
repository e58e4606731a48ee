/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/explain.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ENDS              3
#define CELL_SIZE         (3 * TEXT_NUMBER_SIZE + 2 * MONTH_ID_SIZE)
#define PERCENT           100
#define DIFFERENCE_DIGITS 3
#define UNKNOWN_WIDTH     35

/* What is said of a part, and of a chain. */
static const enum month_indicator columns[] = {MONTH_REQUESTS, MONTH_TOKENS_IN, MONTH_TOKENS_OUT,
                                               MONTH_ENERGY,   MONTH_WATER,     MONTH_GWP};
static const enum month_indicator activities[] = {MONTH_REQUESTS, MONTH_TOKENS_IN,
                                                  MONTH_TOKENS_OUT};
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A text on its way to a terminal. */
struct page {
    const struct month_report *report;
    const struct explanation *explanation; /* NULL: of a chain alone */
    enum text_language language;
    FILE *stream;
};

static void say(const struct page *page, enum text_id id, const char *const *arguments)
{
    text_say(page->stream, page->language, id, arguments, false);
    fputc('\n', page->stream);
}

/* A heading after an empty line. */
static void head(const struct page *page, enum text_id id, const char *const *arguments)
{
    fputc('\n', page->stream);
    say(page, id, arguments);
}

static void put_factor(FILE *stream, const void *context, double value)
{
    const struct page *page = context;
    char number[TEXT_NUMBER_SIZE];

    text_factor(number, sizeof(number), page->language, value);
    fputs(number, stream);
}

static void put_triple(const struct page *page, struct triple value)
{
    put_factor(page->stream, page, value.low);
    fputs(" / ", page->stream);
    put_factor(page->stream, page, value.central);
    fputs(" / ", page->stream);
    put_factor(page->stream, page, value.high);
}

static void put_unit(const struct page *page, const char *unit)
{
    if (strcmp(unit, "1") != 0)
        fprintf(page->stream, " %s", text_unit(unit));
}

/* ---- The figure ---- */

static void put_title(const struct page *page)
{
    const struct month_report *report = page->explanation->report;
    const struct explain_part *figure = &page->explanation->figure;
    char name[MONTH_FIGURE_SIZE], label[2 * DIRECTION_LABEL_SIZE], month[TEXT_DATE_SIZE];

    month_figure(name, report, figure->direction, figure->service, MONTH_REQUESTS);
    if (page->explanation->indicator >= 0)
        month_figure(name, report, figure->direction, figure->service,
                     (enum month_indicator)page->explanation->indicator);
    else
        *strrchr(name, '/') = '\0';
    explain_label(page->explanation, figure, page->language, label, sizeof(label));
    text_month(month, sizeof(month), page->language, report->month.year, report->month.month);
    say(page, TEXT_EXPLAIN_TITLE, TEXT_ARGUMENTS(name, label, month));
    if (report->running)
        say(page, TEXT_PROVISIONAL, NULL);
}

/* With 17 digits: the same numbers as in CSV and JSON. */
static void put_reported(const struct page *page, enum month_indicator indicator)
{
    struct triple value = month_value(&page->explanation->figure.totals, indicator);
    const double values[] = {value.low, value.central, value.high};
    char number[TEXT_NUMBER_SIZE];

    fprintf(page->stream, "  %-24s", month_indicator_name(indicator));
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        text_exact(number, sizeof(number), values[i]);
        fprintf(page->stream, "%s%s", i > 0 ? " / " : "", number);
    }
    put_unit(page, month_indicator_unit(indicator));
    fputc('\n', page->stream);
}

static void put_figure(const struct page *page)
{
    const struct explanation *explanation = page->explanation;

    head(page, TEXT_EXPLAIN_REPORTED, NULL);
    for (int i = 0; i < MONTH_INDICATORS; i++)
        if (explanation->indicator < 0 || explanation->indicator == i)
            put_reported(page, (enum month_indicator)i);
}

/* ---- Its parts ---- */

typedef char cell[CELL_SIZE];

static void put_cell(FILE *stream, const char *text, size_t width, bool to_the_right)
{
    size_t used = text_width(text);

    for (size_t i = used; to_the_right && i < width; i++)
        fputc(' ', stream);
    fputs(text, stream);
    for (size_t i = used; !to_the_right && i < width; i++)
        fputc(' ', stream);
}

static void fill_cell(const struct page *page, cell out, struct text_band band, struct triple value,
                      unsigned decimals)
{
    char low[TEXT_NUMBER_SIZE], central[TEXT_NUMBER_SIZE], high[TEXT_NUMBER_SIZE];

    text_units(low, sizeof(low), page->language, band.low, value.low, decimals);
    text_units(central, sizeof(central), page->language, band.central, value.central, decimals);
    text_units(high, sizeof(high), page->language, band.high, value.high, decimals);
    snprintf(out, CELL_SIZE, "%s (%s–%s)", central, low, high);
}

/* Heading, parts and sum, rounded so that they add up. Returns false when memory is exhausted. */
static bool fill_column(const struct page *page, enum month_indicator indicator, cell *cells)
{
    unsigned decimals;
    const struct explanation *explanation = page->explanation;
    struct text_band *bands = explain_round(explanation, indicator, &decimals);

    snprintf(cells[0], CELL_SIZE, "%s", month_indicator_name(indicator));
    for (size_t i = 0; bands && i <= explanation->part_count; i++) {
        const struct explain_part *part =
            i < explanation->part_count ? &explanation->parts[i] : &explanation->figure;

        fill_cell(page, cells[i + 1], bands[i], month_value(&part->totals, indicator), decimals);
    }
    free(bands);
    return bands != NULL;
}

/* What to ask next. */
static void fill_names(const struct page *page, cell *cells)
{
    const struct explanation *explanation = page->explanation;
    char name[MONTH_FIGURE_SIZE];

    for (size_t i = 0; i < explanation->part_count; i++) {
        const struct explain_part *part = &explanation->parts[i];

        month_figure(name, explanation->report, part->direction, part->service, MONTH_REQUESTS);
        *strrchr(name, '/') = '\0';
        snprintf(cells[i + 1], CELL_SIZE, "%s", name);
    }
    snprintf(cells[explanation->part_count + 1], CELL_SIZE, "%s",
             text_get(page->language, TEXT_TOTAL));
}

static bool put_parts(const struct page *page)
{
    size_t lines = page->explanation->part_count + 2;
    cell *cells = calloc((1 + COUNT_OF(columns)) * lines, sizeof(*cells));
    size_t widths[1 + COUNT_OF(columns)] = {0};
    bool filled = cells != NULL;

    if (filled)
        fill_names(page, cells);
    for (size_t i = 0; filled && i < COUNT_OF(columns); i++)
        filled = fill_column(page, columns[i], &cells[(i + 1) * lines]);
    head(page, TEXT_EXPLAIN_PARTS, NULL);
    for (size_t i = 0; filled && i < COUNT_OF(widths) * lines; i++)
        if (text_width(cells[i]) > widths[i / lines])
            widths[i / lines] = text_width(cells[i]);
    for (size_t line = 0; filled && line < lines; line++) {
        for (size_t i = 0; i < COUNT_OF(widths); i++) {
            fputs("  ", page->stream);
            put_cell(page->stream, cells[i * lines + line], widths[i], i > 0);
        }
        fputc('\n', page->stream);
    }
    free(cells);
    return filled;
}

static bool put_sums(const struct page *page)
{
    const struct explanation *explanation = page->explanation;
    char number[TEXT_NUMBER_SIZE];
    bool written = explanation->part_count == 0 || put_parts(page);

    snprintf(number, sizeof(number), "%u", explanation->report->config->report.threshold);
    if (explanation->has_folded) {
        head(page,
             explanation->report->suppressed == SUPPRESS_ALL ? TEXT_TOTAL_ONLY
                                                             : TEXT_EXPLAIN_FOLDED,
             TEXT_ARGUMENTS(number));
        return written;
    }
    text_decimal(number, sizeof(number), page->language, (int64_t)explanation->minutes, 0);
    head(page, TEXT_EXPLAIN_MINUTES, TEXT_ARGUMENTS(number));
    return written;
}

/* ---- The chain of a service ---- */

static void put_step(const struct page *page, const struct explain_chain *chain,
                     const struct explain_symbol *symbol)
{
    fprintf(page->stream, "  %s = ", symbol->name);
    explain_formula(page->stream, chain, symbol->formula, -1, put_factor, page);
    fputc('\n', page->stream);
    for (int end = 0; end < ENDS; end++) {
        bool is_mean = end == IMPACT_CENTRAL && explain_is_mean(chain);

        /* Where no factor moves it, once is enough. */
        if (isnan(symbol->values[end]) ||
            (end > 0 && symbol->values[0] == symbol->values[ENDS - 1]))
            continue;
        fputs("      ", page->stream);
        put_factor(page->stream, page, symbol->values[end]);
        put_unit(page, symbol->unit);
        fputs(" = ", page->stream);
        if (is_mean)
            text_say(page->stream, page->language, TEXT_EXPLAIN_MEAN, NULL, false);
        else
            explain_formula(page->stream, chain, symbol->formula, end, put_factor, page);
        fputc('\n', page->stream);
    }
}

static void put_given(const struct page *page, const struct explain_symbol *symbol)
{
    const double *values = symbol->values;

    fprintf(page->stream, "  %s = ", symbol->name);
    put_factor(page->stream, page, values[0]);
    for (int end = 1; end < ENDS && values[0] != values[ENDS - 1]; end++)
        if (!isnan(values[end])) {
            fputs(" – ", page->stream);
            put_factor(page->stream, page, values[end]);
        }
    put_unit(page, symbol->unit);
    fputc('\n', page->stream);
}

/* The factors, after those of one source where it is from. */
static void put_factors(const struct page *page, const struct explain_chain *chain)
{
    const struct explain_symbol *end = chain->symbols + chain->symbol_count;

    say(page, TEXT_EXPLAIN_FACTORS, TEXT_ARGUMENTS(factors_vintage(page->report->config->factors)));
    for (const struct explain_symbol *symbol = chain->symbols; symbol < end; symbol++) {
        const struct provenance *provenance = symbol->provenance;

        if (!provenance)
            continue;
        put_given(page, symbol);
        if (symbol + 1 == end || symbol[1].provenance != provenance)
            fprintf(page->stream, "      %s ; %s ; %s ; %s ; %c\n", provenance->year,
                    explain_or_dash(
                        text_either(page->language, provenance->scope_fr, provenance->scope)),
                    provenance->source, explain_or_dash(provenance->licence), provenance->grade);
    }
}

/* In percent: what single exchanges leave of their random error in the sum. */
static void put_random(const struct page *page, const struct explain_chain *chain)
{
    const struct factors *factors = page->report->config->factors;
    double sigma = month_random_sigma(&chain->totals, factors);
    char percent[TEXT_NUMBER_SIZE];

    if (sigma <= 0)
        return;
    text_factor(percent, sizeof(percent), page->language, PERCENT * sigma);
    say(page, TEXT_EXPLAIN_RANDOM, TEXT_ARGUMENTS(percent));
}

static void put_images(const struct page *page, const struct explain_chain *chain)
{
    char words[EXPLAIN_IMAGES_ARGUMENTS][EXPLAIN_WORDS_SIZE];
    const char *arguments[EXPLAIN_IMAGES_ARGUMENTS + 1];
    enum text_id id;

    if (explain_images_words(page->report->config, chain, page->language, &id, words, arguments))
        say(page, id, arguments);
}

static void put_activity(const struct page *page, const struct explain_chain *chain)
{
    const char letter[] = {grade_letter((enum evidence_grade)chain->totals.activity.grade), '\0'};

    say(page, TEXT_EXPLAIN_TOKENS,
        TEXT_ARGUMENTS(chain->service ? chain->service->estimator.name : "–", letter));
    for (size_t i = 0; i < COUNT_OF(activities); i++) {
        fprintf(page->stream, "  %s = ", month_indicator_name(activities[i]));
        put_triple(page, month_value(&chain->totals, activities[i]));
        fputc('\n', page->stream);
    }
    put_random(page, chain);
    put_images(page, chain);
}

static void put_mix(const struct page *page, const struct explain_chain *chain)
{
    const char grade[] = {chain->mix->grade, '\0'};
    char share[TEXT_NUMBER_SIZE];
    char from[MIX_MONTH_SIZE];
    char until[MIX_MONTH_SIZE];

    text_factor(share, sizeof(share), page->language, chain->share);
    mix_month(chain->mix->from_day, from);
    mix_month(chain->mix->until_day, until);
    say(page, explain_mix_text(from, until),
        TEXT_ARGUMENTS(share, from, until, chain->mix->source, grade));
}

static void put_chain_head(const struct page *page, const struct explain_chain *chain)
{
    const struct impact_factors *factors = &chain->factors;
    const char *label =
        chain->service ? month_service_label(chain->service, page->language) : chain->id;
    char model[MODEL_ENTRY_SIZE];

    if (chain->local.host) {
        head(page, TEXT_EXPLAIN_MEASURED,
             TEXT_ARGUMENTS(label, chain->local.host->name, chain->local.zone->id));
        return;
    }
    if (!factors->model) {
        head(page, explain_no_model_text(chain), TEXT_ARGUMENTS(label));
        return;
    }
    factors_model_entry(factors->model, model);
    head(page, TEXT_EXPLAIN_CHAIN,
         TEXT_ARGUMENTS(label, factors->method_b ? "B" : "A", chain->model, factors->provider->id,
                        factors->zone->id));
    if (strcmp(model, chain->model) != 0)
        say(page, TEXT_EXPLAIN_CLASS, TEXT_ARGUMENTS(chain->model, model));
    if (chain->mix)
        put_mix(page, chain);
}

/* What is neither a factor nor computed. */
static void put_quantities(const struct page *page, const struct explain_chain *chain)
{
    if (chain->key.directions > 0)
        say(page, TEXT_EXPLAIN_COMMON,
            TEXT_ARGUMENTS(
                text_get(page->language, (enum text_id)(TEXT_HOST_KEY_USAGE + chain->key.kind))));
    else
        say(page, TEXT_EXPLAIN_ACTIVE, NULL);
    for (size_t i = 0; i < chain->symbol_count; i++)
        if (!chain->symbols[i].formula && !chain->symbols[i].provenance)
            put_given(page, &chain->symbols[i]);
}

static void put_chain(const struct page *page, const struct explain_chain *chain)
{
    put_chain_head(page, chain);
    if (chain->key.directions == 0)
        put_activity(page, chain);
    if (chain->symbol_count == 0)
        return;
    if (chain->local.host)
        put_quantities(page, chain);
    say(page, explain_formulas_text(chain), NULL);
    for (size_t i = 0; i < chain->symbol_count; i++)
        if (chain->symbols[i].formula)
            put_step(page, chain, &chain->symbols[i]);
    put_factors(page, chain);
}

void explain_put_chain(const struct month_report *report, const struct explain_chain *chain,
                       enum text_language language, FILE *stream)
{
    const struct page page = {report, NULL, language, stream};

    put_chain(&page, chain);
}

/* ---- Devices of a host of our own ---- */

static void put_devices(const struct page *page)
{
    const struct explanation *explanation = page->explanation;
    const struct localhost *host = explanation->report->host;
    char number[TEXT_NUMBER_SIZE], recorded[TEXT_NUMBER_SIZE];

    snprintf(number, sizeof(number), "%u", explanation->report->config->report.threshold);
    if (explanation->devices_withheld)
        head(page, TEXT_EXPLAIN_NO_DEVICES, TEXT_ARGUMENTS(number));
    if (explanation->device_count == 0)
        return;
    head(page, TEXT_EXPLAIN_DEVICES, NULL);
    for (size_t i = 0; i < explanation->device_count; i++) {
        const struct localhost_device *device = &host->devices[i];
        const struct localhost_part *part = &explanation->devices[i];
        const double values[] = {device->energy_j, device->idle_j, part->active_j, part->used_j,
                                 part->share_j};

        if (device->kind == POWER_DEVICE_SOURCE)
            continue;
        fprintf(page->stream, "  %s", device->name);
        for (size_t j = 0; j < COUNT_OF(values); j++) {
            static const enum text_id labels[] = {TEXT_ENERGY, TEXT_HOST_IDLE_ENERGY,
                                                  TEXT_HOST_ABOVE, TEXT_EXPLAIN_USED,
                                                  TEXT_EXPLAIN_ITS_ENERGY};

            fprintf(page->stream, "%s%s ", j > 0 ? ", " : ": ",
                    text_get(page->language, labels[j]));
            put_factor(page->stream, page, values[j]);
            fputs(" J", page->stream);
        }
        fputc('\n', page->stream);
    }
    text_factor(number, sizeof(number), page->language, explanation->replayed_j);
    text_factor(recorded, sizeof(recorded), page->language, explanation->used_j);
    say(page, TEXT_EXPLAIN_REPLAYED, TEXT_ARGUMENTS(number, recorded));
}

/* ---- Recomputed ---- */

static void put_line(const struct page *page, enum text_id id, struct triple value)
{
    const char *label = text_get(page->language, id);

    fputs("    ", page->stream);
    put_cell(page->stream, label, text_width(text_get(page->language, TEXT_EXPLAIN_BY_MONTH)),
             false);
    fputs("  ", page->stream);
    put_triple(page, value);
    fputc('\n', page->stream);
}

static void put_comparison(const struct page *page)
{
    const struct explanation *explanation = page->explanation;
    const struct month_totals by_minute = {.impact = explanation->recomputed};
    const struct month_totals by_month = {.impact = explain_of_the_sums(explanation)};

    head(page, TEXT_EXPLAIN_RECOMPUTED,
         TEXT_ARGUMENTS(factors_vintage(explanation->report->config->factors)));
    for (size_t i = 0; i < EXPLAIN_IMPACTS; i++) {
        fprintf(page->stream, "  %s", month_indicator_name(explain_impacts[i]));
        put_unit(page, month_indicator_unit(explain_impacts[i]));
        fputc('\n', page->stream);
        if (!explanation->has_folded)
            put_line(page, TEXT_EXPLAIN_BY_MONTH, month_value(&by_month, explain_impacts[i]));
        put_line(page, TEXT_EXPLAIN_BY_MINUTE, month_value(&by_minute, explain_impacts[i]));
        put_line(page, TEXT_EXPLAIN_LEDGER,
                 month_value(&explanation->figure.totals, explain_impacts[i]));
    }
    if (!explanation->has_folded)
        say(page, TEXT_EXPLAIN_BAND, NULL);
}

static void put_verdict(const struct page *page)
{
    const struct explanation *explanation = page->explanation;
    char number[TEXT_NUMBER_SIZE];

    if (explanation->agrees) {
        text_factor(number, sizeof(number), page->language, EXPLAIN_TOLERANCE);
        say(page, TEXT_EXPLAIN_AGREES, TEXT_ARGUMENTS(number));
        return;
    }
    text_digits(number, sizeof(number), page->language, PERCENT * explanation->difference,
                DIFFERENCE_DIGITS);
    say(page, TEXT_EXPLAIN_DIFFERS, TEXT_ARGUMENTS(number));
    for (unsigned i = 0; i < EXPLAIN_REASONS; i++)
        if (explanation->reasons & 1u << i) {
            fputs("  - ", page->stream);
            say(page, explain_reason_text(i), NULL);
        }
}

/* ---- How far it may be off ---- */

static void put_bar(const struct page *page, const struct sensitivity_bar *bar)
{
    fputs("    ", page->stream);
    put_cell(page->stream,
             text_get(page->language, (enum text_id)(TEXT_UNKNOWN_TOKENS + (int)bar->unknown)),
             UNKNOWN_WIDTH, false);
    fputs("  ", page->stream);
    put_factor(page->stream, page, bar->low);
    fputs(" – ", page->stream);
    put_factor(page->stream, page, bar->high);
    if (sensitivity_is_choice(bar->unknown)) {
        fputc(' ', page->stream);
        text_say(page->stream, page->language, TEXT_CALCULATOR_CHOICE, NULL, false);
    }
    fputc('\n', page->stream);
}

static void put_margin(const struct page *page, const struct explain_margin *margin)
{
    const struct uncertainty_interval *likely = &margin->likely;

    fprintf(page->stream, "  %s = P10 ", month_indicator_name(margin->indicator));
    put_factor(page->stream, page, likely->p10);
    fputs(" / ", page->stream);
    put_factor(page->stream, page, likely->central);
    fputs(" / P90 ", page->stream);
    put_factor(page->stream, page, likely->p90);
    put_unit(page, month_indicator_unit(margin->indicator));
    fputc('\n', page->stream);
    if (explain_margin_is_headline(page->explanation, margin))
        for (size_t i = 0; i < margin->bar_count; i++)
            put_bar(page, &margin->bars[i]);
}

static bool put_margins(const struct page *page)
{
    struct explain_margin margins[EXPLAIN_MARGINS];
    enum text_id lack = explain_margins_lack(page->explanation);
    size_t count;
    bool filled = explain_margins(page->explanation, margins, &count);

    if (count > 0)
        head(page, TEXT_EXPLAIN_MARGINS, NULL);
    else if (lack != TEXT_COUNT)
        head(page, lack, NULL);
    for (size_t i = 0; i < count; i++)
        put_margin(page, &margins[i]);
    return filled;
}

static void put_sets(const struct page *page)
{
    const struct explanation *explanation = page->explanation;
    char *calibrations =
        calibrations_text(explanation->report, explanation->figure.service, page->language);
    char digest[2 * sizeof(uint64_t) + 1];

    head(page, TEXT_EXPLAIN_SETS, NULL);
    for (size_t i = 0; i < explanation->set_count; i++) {
        const struct explain_set *set = &explanation->sets[i];

        snprintf(digest, sizeof(digest), "%016" PRIx64, set->digest);
        fputs("  ", page->stream);
        text_say(page->stream, page->language, TEXT_EXPLAIN_SET,
                 TEXT_ARGUMENTS(set->vintage, digest), false);
        say(page, set->installed ? TEXT_EXPLAIN_SET_INSTALLED : TEXT_EXPLAIN_SET_OTHER, NULL);
    }
    if (calibrations)
        head(page, TEXT_CALIBRATIONS, TEXT_ARGUMENTS(calibrations));
    free(calibrations);
}

bool explain_write_text(const struct explanation *explanation, enum text_language language,
                        FILE *stream)
{
    const struct page page = {explanation->report, explanation, language, stream};
    bool written;

    put_title(&page);
    put_figure(&page);
    written = put_sums(&page);
    for (size_t i = 0; i < explanation->chain_count; i++)
        put_chain(&page, &explanation->chains[i]);
    put_devices(&page);
    if (explanation->recomputed_is_shown)
        put_comparison(&page);
    else
        head(&page, TEXT_EXPLAIN_NOT_RECOMPUTED, NULL);
    if (explanation->recomputed_is_shown || explanation->chain_count > 0)
        put_verdict(&page);
    written = put_margins(&page) && written;
    put_sets(&page);
    return written && fflush(stream) == 0 && !ferror(stream);
}
