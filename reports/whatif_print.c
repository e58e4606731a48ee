/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/whatif.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PERCENT           100
#define PERCENT_DECIMALS  1
#define REQUESTS_PER_UNIT 1000
#define FEW_REQUESTS      100 /* of which halves are shown */
#define BAND_SIZE         (4 * TEXT_NUMBER_SIZE)

/* What is compared, and of what. */
static const enum month_indicator activities[] = {MONTH_REQUESTS, MONTH_TOKENS_IN,
                                                  MONTH_TOKENS_OUT};
static const enum month_indicator impacts[] = {MONTH_ENERGY,  MONTH_WATER,        MONTH_GWP,
                                               MONTH_GWP_USE, MONTH_GWP_EMBODIED, MONTH_ADPE};
static const enum month_indicator headline[] = {MONTH_ENERGY, MONTH_WATER, MONTH_GWP};
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A text on its way to a terminal. */
struct page {
    const struct whatif *whatif;
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

static void put_padded(const struct page *page, const char *text, size_t width)
{
    fputs(text, page->stream);
    for (size_t used = text_width(text); used < width; used++)
        fputc(' ', page->stream);
}

/* ---- Numbers ---- */

typedef char band[BAND_SIZE];

static void fill_number(const struct page *page, char out[TEXT_NUMBER_SIZE], double value,
                        unsigned decimals, bool is_signed)
{
    size_t used = is_signed && value * pow(10, decimals) >= 0.5 ? 1 : 0;

    out[0] = '+';
    text_amount(out + used, TEXT_NUMBER_SIZE - used, page->language, value, decimals);
}

/* "-0.12 (-0.30 to -0.05)": a dash would be taken for a sign. */
static void fill_band(const struct page *page, band out, struct triple value, unsigned decimals,
                      bool is_signed)
{
    char numbers[3][TEXT_NUMBER_SIZE];
    const double values[] = {value.central, value.low, value.high};
    char *words;

    for (size_t i = 0; i < COUNT_OF(values); i++)
        fill_number(page, numbers[i], values[i], decimals, is_signed);
    words = text_render(page->language, TEXT_WHATIF_BAND,
                        TEXT_ARGUMENTS(numbers[0], numbers[1], numbers[2]));
    snprintf(out, BAND_SIZE, "%s", words ? words : numbers[0]);
    free(words);
}

/* Three digits of the smaller of two, but no more than two beyond what the larger one needs. */
static unsigned decimals_of(double value, double part)
{
    unsigned decimals = text_decimals(value);
    unsigned needed = text_decimals(fabs(part));
    unsigned most = decimals + 2;

    if (needed < decimals)
        return decimals;
    return needed < most ? needed : most;
}

static enum text_id verdict_text(enum whatif_verdict verdict)
{
    return (enum text_id)(TEXT_WHATIF_SAME + (int)verdict);
}

/* ---- The sums ---- */

/* Of the words that stand before a number. */
static size_t word_width(const struct page *page)
{
    size_t width = 0;

    for (int id = TEXT_WHATIF_RECORDED; id <= TEXT_WHATIF_DIFFERENCE; id++) {
        size_t used = text_width(text_get(page->language, (enum text_id)id));

        width = used > width ? used : width;
    }
    return width;
}

static void put_band(const struct page *page, enum text_id id, struct triple value,
                     unsigned decimals)
{
    band out;

    fputs("  ", page->stream);
    put_padded(page, text_get(page->language, id), word_width(page));
    fill_band(page, out, value, decimals, false);
    fprintf(page->stream, "  %s\n", out);
}

static void put_difference(const struct page *page, const struct whatif_sum *sum,
                           enum month_indicator indicator, double per_unit, unsigned decimals)
{
    struct triple difference = whatif_change_of(sum, indicator);
    enum whatif_verdict verdict = whatif_verdict_of(difference);
    band absolute;
    char relative[TEXT_NUMBER_SIZE];

    fputs("  ", page->stream);
    put_padded(page, text_get(page->language, TEXT_WHATIF_DIFFERENCE), word_width(page));
    fill_band(page, absolute, triple_scale(difference, per_unit), decimals, true);
    fill_number(page, relative, PERCENT * whatif_relative(sum, indicator), PERCENT_DECIMALS, true);
    fprintf(page->stream, "  %s", absolute);
    if (month_value(&sum->before, indicator).central > 0) {
        fputs(", ", page->stream);
        text_say(page->stream, page->language, TEXT_WHATIF_PERCENT, TEXT_ARGUMENTS(relative),
                 false);
    }
    fprintf(page->stream, "  → %s\n", text_get(page->language, verdict_text(verdict)));
}

static void put_impact(const struct page *page, enum month_indicator indicator)
{
    const struct whatif *whatif = page->whatif;
    const struct whatif_sum *sum = &whatif->total;
    const struct triple before = month_value(&sum->before, indicator);
    const struct triple after = month_value(&sum->after, indicator);
    struct text_scale scale = text_scale(month_indicator_unit(indicator),
                                         before.central > 0 ? before.central : after.central);
    unsigned decimals = decimals_of(before.central * scale.per_unit,
                                    whatif_change_of(sum, indicator).central * scale.per_unit);

    fprintf(page->stream, "\n%s (%s)\n",
            text_get(page->language, (enum text_id)(TEXT_REQUESTS + (int)indicator)),
            text_unit(scale.unit));
    put_band(page, TEXT_WHATIF_RECORDED,
             triple_scale(month_value(&whatif->recorded, indicator), scale.per_unit), decimals);
    put_band(page, TEXT_WHATIF_BEFORE, triple_scale(before, scale.per_unit), decimals);
    put_band(page, TEXT_WHATIF_AFTER, triple_scale(after, scale.per_unit), decimals);
    put_difference(page, sum, indicator, scale.per_unit, decimals);
}

static void put_activity(const struct page *page, enum month_indicator indicator)
{
    const struct whatif_sum *sum = &page->whatif->total;

    fprintf(page->stream, "\n%s\n",
            text_get(page->language, (enum text_id)(TEXT_REQUESTS + (int)indicator)));
    put_band(page, TEXT_WHATIF_BEFORE, month_value(&sum->before, indicator), 0);
    put_band(page, TEXT_WHATIF_AFTER, month_value(&sum->after, indicator), 0);
}

static void put_random(const struct page *page)
{
    const struct whatif *whatif = page->whatif;
    double sigma = month_random_sigma(&whatif->total.before, whatif->report->config->factors);
    char percent[TEXT_NUMBER_SIZE];

    if (!(sigma > 0))
        return;
    fill_number(page, percent, PERCENT * sigma, text_decimals(PERCENT * sigma), false);
    say(page, TEXT_WHATIF_RANDOM_NOTE, TEXT_ARGUMENTS(percent));
}

static void put_sums(const struct page *page)
{
    bool is_unsure = false;

    for (size_t i = 0; i < COUNT_OF(activities); i++)
        put_activity(page, activities[i]);
    for (size_t i = 0; i < COUNT_OF(impacts); i++) {
        put_impact(page, impacts[i]);
        is_unsure |=
            whatif_verdict_of(whatif_change_of(&page->whatif->total, impacts[i])) == WHATIF_UNSURE;
    }
    head(page, TEXT_WHATIF_SUMS_NOTE,
         TEXT_ARGUMENTS(factors_vintage(page->whatif->report->config->factors)));
    if (page->whatif->total.difference.has_fit_of_a)
        say(page, TEXT_WHATIF_FIT_NOTE, NULL);
    put_random(page);
    if (is_unsure)
        say(page, TEXT_WHATIF_UNSURE_NOTE, NULL);
}

/* ---- Rows ---- */

static void put_change(const struct page *page, const struct whatif_sum *sum,
                       enum month_indicator indicator)
{
    struct triple difference = whatif_change_of(sum, indicator);
    band out;

    fill_band(page, out, difference, text_decimals(fabs(difference.central)), true);
    fprintf(page->stream, "    %s %s  → %s\n", out, text_unit(month_indicator_unit(indicator)),
            text_get(page->language, verdict_text(whatif_verdict_of(difference))));
}

static void put_row(const struct page *page, const char *label, const struct whatif_sum *sum)
{
    fprintf(page->stream, "  %s\n", label);
    for (size_t i = 0; i < COUNT_OF(headline); i++)
        put_change(page, sum, headline[i]);
}

static void put_directions(const struct page *page)
{
    const struct whatif *whatif = page->whatif;
    const struct month_table *table = &whatif->report->directions;

    if (whatif->direction || (whatif->direction_count == 0 && !whatif->has_folded))
        return;
    head(page, TEXT_WHATIF_DIRECTIONS, NULL);
    for (size_t i = 0; i < whatif->direction_count; i++)
        if (whatif->directions[i].is_changed)
            put_row(page, month_label(&table->rows[i], page->language), &whatif->directions[i].sum);
    if (!whatif->has_folded)
        return;
    if (whatif_verdict_of(whatif_change_of(&whatif->folded, MONTH_ENERGY)) != WHATIF_SAME)
        put_row(page, text_get(page->language, TEXT_OTHER), &whatif->folded);
    say(page, TEXT_WHATIF_FOLDED, NULL);
}

/* ---- Who does what with what ---- */

static const char *machine_label(const struct page *page, const struct whatif_machine *machine)
{
    const struct catalogue *catalogue = page->whatif->report->config->catalogue;

    if (machine->number == SERVICE_NONE)
        return text_get(page->language, TEXT_WHATIF_LOCAL);
    return month_service_label(catalogue_service(catalogue, machine->number), page->language);
}

/* Of all that was asked of the service before. */
static void put_use(const struct page *page, const struct whatif_row *row,
                    const struct whatif_use *use)
{
    double requests = use->totals.activity.requests.central;
    double all = row->sum.before.activity.requests.central;
    char share[TEXT_NUMBER_SIZE], count[TEXT_NUMBER_SIZE], tokens[TEXT_NUMBER_SIZE];

    fill_number(page, share, all > 0 ? PERCENT * requests / all : 0, PERCENT_DECIMALS, false);
    fill_number(page, count, requests, requests < FEW_REQUESTS ? 1 : 0, false);
    fill_number(page, tokens, use->totals.activity.tokens_out.central, 0, false);
    fputs("  ", page->stream);
    say(page, use->is_after ? TEXT_WHATIF_USE_AFTER : TEXT_WHATIF_USE_BEFORE,
        TEXT_ARGUMENTS(machine_label(page, use->machine), share, count, tokens));
    if (!(requests > 0))
        return;
    fputs("    ", page->stream);
    text_say(page->stream, page->language, TEXT_WHATIF_PER_1000, NULL, false);
    for (size_t i = 0; i < COUNT_OF(headline); i++) {
        struct triple value =
            triple_scale(month_value(&use->totals, headline[i]), REQUESTS_PER_UNIT / requests);
        band out;

        fill_band(page, out, value, text_decimals(value.central), false);
        fprintf(page->stream, "%s%s %s", i > 0 ? " ; " : " ", out,
                text_unit(month_indicator_unit(headline[i])));
    }
    fputc('\n', page->stream);
}

static void put_part(const struct page *page, const struct mix_factors *mix, size_t part)
{
    const struct impact_factors *factors = &mix->parts[part];
    char share[TEXT_NUMBER_SIZE];

    fill_number(page, share, PERCENT * mix->shares[part], PERCENT_DECIMALS, false);
    fputs("    ", page->stream);
    say(page, TEXT_WHATIF_PART,
        TEXT_ARGUMENTS(share, mix->models[part], factors->provider->id, factors->zone->id,
                       whatif_method_name(factors)));
}

static void put_mix(const struct page *page, const struct mix_factors *mix)
{
    for (size_t i = 0; mix && i < mix->count; i++)
        put_part(page, mix, i);
    if (mix && mix->mix)
        fprintf(page->stream, "      %s ; %c\n", mix->mix->source, mix->mix->grade);
}

static void put_services(const struct page *page)
{
    const struct whatif *whatif = page->whatif;

    for (size_t i = 0; i < whatif->service_count; i++) {
        const struct whatif_row *row = &whatif->services[i];

        if (!row->is_changed || row->use_count == 0)
            continue;
        head(page, TEXT_WHATIF_SERVICE,
             TEXT_ARGUMENTS(row->service ? month_service_label(row->service, page->language)
                                         : row->label));
        for (size_t j = 0; j < row->use_count; j++) {
            put_use(page, row, &row->uses[j]);
            put_mix(page, row->uses[j].mix);
        }
        put_row(page, text_get(page->language, TEXT_WHATIF_DIFFERENCE), &row->sum);
    }
}

/* ---- Sources ---- */

/* Each figure once, however many services have it. */
#define SOURCES_MAX 256

struct sources {
    const struct page *page;
    const struct provenance *seen[SOURCES_MAX];
    size_t count;
};

static void put_source(struct sources *sources, enum text_id kind, const char *name,
                       const struct provenance *provenance)
{
    const struct page *page = sources->page;

    for (size_t i = 0; i < sources->count; i++)
        if (sources->seen[i] == provenance)
            return;
    if (sources->count < SOURCES_MAX)
        sources->seen[sources->count++] = provenance;
    fprintf(page->stream, "  %s %s\n      %s ; %s ; %s ; %s ; %c\n", text_get(page->language, kind),
            name, provenance->year,
            text_either(page->language, provenance->scope_fr, provenance->scope),
            provenance->source, provenance->licence, provenance->grade);
}

static void put_sources_of(struct sources *sources, const struct impact_factors *factors,
                           const char *model)
{
    const struct zone_factors *zone = factors->zone;

    put_source(sources, TEXT_MODEL, model, &factors->model->provenance);
    put_source(sources, TEXT_PROVIDER, factors->provider->id, &factors->provider->provenance);
    put_source(sources, TEXT_GWP, zone->id, &zone->provenance);
    put_source(sources, TEXT_ADPE, zone->id, &zone->adpe_provenance);
    put_source(sources, TEXT_WATER, zone->id, &zone->ewif_provenance);
    if (whatif_is_measured(factors)) {
        put_source(sources, TEXT_METHOD, whatif_method_name(factors),
                   &factors->method_b->provenance);
        put_source(sources, TEXT_METHOD, "input_weight", &factors->method_b->input_provenance);
        return;
    }
    put_source(sources, TEXT_METHOD, "A", &factors->method->provenance);
    put_source(sources, TEXT_GWP_EMBODIED, "A", &factors->method->embodied_provenance);
    if (!factors->method_b)
        return;
    put_source(sources, TEXT_METHOD, "B", &factors->method_b->provenance);
    put_source(sources, TEXT_METHOD, "B (batch_size)", &factors->method_b->batch_provenance);
    put_source(sources, TEXT_METHOD, "B (input_weight)", &factors->method_b->input_provenance);
    put_source(sources, TEXT_METHOD, "B (host_share, idle_share)",
               &factors->method_b->overhead_provenance);
}

static void put_sources_of_mix(struct sources *sources, const struct mix_factors *mix)
{
    for (size_t i = 0; mix && i < mix->count; i++)
        put_sources_of(sources, &mix->parts[i], mix->models[i]);
}

static void put_sources(const struct page *page)
{
    const struct whatif *whatif = page->whatif;
    struct sources sources = {.page = page};

    head(page, TEXT_HEAD_FACTORS, NULL);
    for (size_t i = 0; i < whatif->service_count; i++)
        for (size_t j = 0; whatif->services[i].is_changed && j < whatif->services[i].use_count; j++)
            put_sources_of_mix(&sources, whatif->services[i].uses[j].mix);
}

/* ---- Notes ---- */

static void put_methods(const struct page *page)
{
    static const char *const names[] = {"A", "B"}; /* in the order of enum whatif_variant */

    head(page, TEXT_WHATIF_METHODS, NULL);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char label[TEXT_NUMBER_SIZE];

        snprintf(label, sizeof(label), "%s %s", text_get(page->language, TEXT_METHOD), names[i]);
        put_row(page, label, &page->whatif->variants[i]);
    }
}

static void put_other_water(const struct page *page)
{
    const struct whatif *whatif = page->whatif;

    head(page, TEXT_WHATIF_OTHER_WATER, TEXT_ARGUMENTS(whatif->other_water->id));
    put_change(page, &whatif->variants[WHATIF_OTHER_WATER], MONTH_WATER);
}

/* Each service that was measured is told of once. */
static void put_measured(const struct page *page, const struct whatif_measured **last,
                         const struct whatif_machine *machine)
{
    const struct whatif_measured *measured = machine->measured;
    char joules[TEXT_NUMBER_SIZE], weight[TEXT_NUMBER_SIZE];

    if (*last && strcmp((*last)->service, measured->service) == 0)
        return;
    *last = measured;
    text_factor(joules, sizeof(joules), page->language, measured->joules_per_token);
    text_factor(weight, sizeof(weight), page->language, measured->input_weight);
    say(page, TEXT_WHATIF_MEASURED_NOTE, TEXT_ARGUMENTS(measured->service, joules, weight));
}

/* Of hosts of our own: measured, or estimated by a model. */
static void put_local_notes(const struct page *page)
{
    const struct whatif *whatif = page->whatif;
    const struct whatif_measured *last = NULL;
    bool is_estimated = false;

    for (size_t i = 0; i < whatif->service_count; i++)
        for (size_t j = 0; whatif->services[i].is_changed && j < whatif->services[i].use_count;
             j++) {
            const struct whatif_use *use = &whatif->services[i].uses[j];

            if (use->mix && whatif_is_measured(&use->mix->parts[0]))
                put_measured(page, &last, use->machine);
            else
                is_estimated |= use->machine->number == SERVICE_NONE;
        }
    if (is_estimated)
        say(page, TEXT_WHATIF_LOCAL_NOTE, NULL);
}

static void put_notes(const struct page *page)
{
    if (page->whatif->methods_differ)
        put_methods(page);
    if (page->whatif->other_water)
        put_other_water(page);
    head(page, TEXT_WHATIF_REBOUND, NULL);
    put_local_notes(page);
}

static void put_title(const struct page *page)
{
    const struct whatif *whatif = page->whatif;
    const struct month_report *report = whatif->report;
    char month[TEXT_DATE_SIZE];

    text_month(month, sizeof(month), page->language, report->month.year, report->month.month);
    say(page, TEXT_WHATIF_TITLE,
        TEXT_ARGUMENTS(month, whatif->direction ? month_label(whatif->direction, page->language)
                                                : text_get(page->language, TEXT_TOTAL)));
    for (size_t i = 0; i < whatif->change_count; i++)
        fprintf(page->stream, "  %s\n", whatif->changes[i]);
    if (report->running)
        say(page, TEXT_PROVISIONAL, NULL);
}

bool whatif_write_text(const struct whatif *whatif, enum text_language language, FILE *stream)
{
    const struct page page = {whatif, language, stream};

    put_title(&page);
    put_sums(&page);
    put_directions(&page);
    put_services(&page);
    put_notes(&page);
    put_sources(&page);
    return fflush(stream) == 0 && !ferror(stream);
}
