/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calculator.h"

#include "daemon/textline.h"
#include "reports/jsonvalues.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Bounds against slips of the keyboard, not knowledge; with them no result overflows. */
#define LARGEST     1e15
#define ERROR_SIZE  160
#define LINE_SIZE   4096
#define MAX_COLUMNS 64
#define WH_PER_KWH  1000

/* Of a table on a terminal. */
#define LABEL_WIDTH   40
#define NUMBER_WIDTH  10
#define DIGITS        3
#define FACTOR_DIGITS 6

enum { ENDS = 3 };

const char *const calculator_field_names[CALCULATOR_FIELDS] = {
    "provider",  "model",  "tokens_out", "tokens_in", "zone",
    "latency_s", "method", "mix",        "units",     "it_kwh"};

/* ---- Reading a query ---- */

static const char *text_of(const struct calculator_query *query, enum calculator_field field)
{
    return query->fields[field] ? query->fields[field] : "";
}

/* Decimal digits only: no sign, no hexadecimal, no "nan". */
static bool parse_number(const char *text, size_t length, double *out)
{
    char copy[64];
    char *end;

    if (length == 0 || length >= sizeof(copy) || !strchr("0123456789.", text[0]))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (strspn(copy, "0123456789.eE+-") != length)
        return false;
    *out = strtod(copy, &end);
    return *end == '\0' && *out >= 0 && *out <= LARGEST;
}

/* "250", or "100/300/600". */
static bool parse_triple(const char *text, struct triple *out)
{
    double values[ENDS];
    int count = 0;

    for (;;) {
        size_t length = strcspn(text, "/");

        if (count == ENDS || !parse_number(text, length, &values[count++]))
            return false;
        if (text[length] == '\0')
            break;
        text += length + 1;
    }
    *out = count == 1 ? triple_exact(values[0]) : (struct triple){values[0], values[1], values[2]};
    return count == 1 || (count == ENDS && out->low <= out->central && out->central <= out->high);
}

static const char *refuse(char error[ERROR_SIZE], const char *what, const char *text,
                          const char *why)
{
    snprintf(error, ERROR_SIZE, "%s \"%.60s\" %s", what, text, why);
    return error;
}

static const char *read_triple(const struct calculator_query *query, enum calculator_field field,
                               struct triple *out, char error[ERROR_SIZE])
{
    const char *text = text_of(query, field);

    if (!text[0] || parse_triple(text, out))
        return NULL;
    return refuse(error, calculator_field_names[field], text,
                  "is neither a number from 0 to 1e15 nor low/central/high");
}

static const char *read_number(const struct calculator_query *query, enum calculator_field field,
                               double *out, char error[ERROR_SIZE])
{
    const char *text = text_of(query, field);

    if (!text[0] || parse_number(text, strlen(text), out))
        return NULL;
    return refuse(error, calculator_field_names[field], text, "is not a number from 0 to 1e15");
}

static const char *read_numbers(const struct calculator_query *query, struct calculation *out,
                                char error[ERROR_SIZE])
{
    const char *wrong;

    out->latency_s = INFINITY;
    out->units = 1;
    wrong = read_triple(query, CALCULATOR_TOKENS_OUT, &out->tokens_out, error);
    if (!wrong)
        wrong = read_triple(query, CALCULATOR_TOKENS_IN, &out->tokens_in, error);
    if (!wrong && strcmp(text_of(query, CALCULATOR_LATENCY_S), "inf") != 0)
        wrong = read_number(query, CALCULATOR_LATENCY_S, &out->latency_s, error);
    if (!wrong)
        wrong = read_number(query, CALCULATOR_UNITS, &out->units, error);
    if (!wrong)
        wrong = read_triple(query, CALCULATOR_IT_KWH, &out->it_kwh, error);
    return wrong;
}

/* Which of two words; the first when nothing is given. */
static const char *read_choice(const struct calculator_query *query, enum calculator_field field,
                               const char *first, const char *second, bool *is_second,
                               char error[ERROR_SIZE])
{
    const char *text = text_of(query, field);

    *is_second = strcmp(text, second) == 0;
    if (!text[0] || *is_second || strcmp(text, first) == 0)
        return NULL;
    snprintf(error, ERROR_SIZE, "%s \"%.60s\" is neither %s nor %s", calculator_field_names[field],
             text, first, second);
    return error;
}

/* ---- Looking factors up ---- */

/* By the provider's own name, by what models.conf calls the provider, or with a name of its own:
 * "anthropic/claude-..." on somebody else's machines. */
static const struct model_factors *find_model(const struct factors *factors,
                                              const struct provider_factors *provider,
                                              const char *name)
{
    const struct model_factors *model = NULL;

    if (provider)
        model = factors_model(factors, provider->maker[0] ? provider->maker : provider->id, name);
    return model ? model : factors_model_named(factors, name);
}

/* A declared class may stand in, but not unasked: a slip of the pen would have figures, too. */
static const char *refuse_model(const struct factors *factors,
                                const struct provider_factors *provider, const char *name,
                                char error[ERROR_SIZE])
{
    char text[ERROR_SIZE];
    const struct model_factors *class;

    snprintf(text, sizeof(text), "%.60s/%.60s", provider->maker[0] ? provider->maker : provider->id,
             name);
    class = factors_model_unlisted(factors, strchr(name, '/') ? name : text);
    if (!class)
        return refuse(error, "model", name,
                      "is not in models.conf or media.conf for this provider");
    snprintf(error, ERROR_SIZE,
             "model \"%.40s\" is not in models.conf or media.conf for this provider; a class may "
             "stand in: %.32s",
             name, class->fallback);
    return error;
}

static const char *find_work(const struct factors *factors, const struct calculator_query *query,
                             struct calculation *out, char error[ERROR_SIZE])
{
    const char *model = text_of(query, CALCULATOR_MODEL);
    bool is_measured = text_of(query, CALCULATOR_IT_KWH)[0] != '\0';
    bool has_tokens = text_of(query, CALCULATOR_TOKENS_OUT)[0] != '\0';

    out->factors.model = find_model(factors, out->factors.provider, model);
    out->medium = out->factors.model ? NULL : factors_medium(factors, model);
    if (is_measured && (model[0] || has_tokens))
        return "it_kwh is measured energy: it takes neither a model nor tokens";
    if (is_measured)
        return NULL;
    if (!model[0])
        return "model is missing";
    if (!out->factors.model && !out->medium)
        return refuse_model(factors, out->factors.provider, model, error);
    if (out->medium && has_tokens)
        return refuse(error, "model", model, "makes no tokens: give units");
    if (out->factors.model && !has_tokens)
        return "tokens_out is missing";
    return NULL;
}

static const char *find_provider(const struct factors *factors,
                                 const struct calculator_query *query, struct calculation *out,
                                 char error[ERROR_SIZE])
{
    const char *name = text_of(query, CALCULATOR_PROVIDER);
    const struct model_factors *model = NULL;

    /* "openai/gpt-4o" says whose it is. */
    if (!name[0])
        model = factors_model_named(factors, text_of(query, CALCULATOR_MODEL));
    if (!name[0] && !model)
        return "provider is missing";
    out->factors.provider = factors_maker(factors, model ? model->provider : name);
    return out->factors.provider ? NULL
                                 : refuse(error, "provider", name, "is not in providers.conf");
}

/* With PUBLISHED, the row that the published method A was computed with, where it is another. */
static const char *find_zone(const struct factors *factors, const struct calculator_query *query,
                             bool published, struct calculation *out, char error[ERROR_SIZE])
{
    const char *given = text_of(query, CALCULATOR_ZONE);
    const char *id = given[0] ? given : out->factors.provider->zone;
    char variant[2 * ZONE_ID_SIZE];

    if (published && strlen(id) < ZONE_ID_SIZE) {
        snprintf(variant, sizeof(variant), "%s-%s", id, factors_published_suffix(factors));
        out->factors.zone = factors_zone(factors, variant);
    }
    if (!out->factors.zone)
        out->factors.zone = factors_zone(factors, id);
    return out->factors.zone ? NULL : refuse(error, "zone", id, "is not in zones.conf");
}

static const char *find_factors(const struct factors *factors, const struct calculator_query *query,
                                struct calculation *out, char error[ERROR_SIZE])
{
    bool is_b, mix_given = text_of(query, CALCULATOR_MIX)[0] != '\0';
    bool is_headline;
    const char *wrong = read_choice(query, CALCULATOR_METHOD, "A", "B", &is_b, error);

    if (!wrong)
        wrong = read_choice(query, CALCULATOR_MIX, "published", "headline", &is_headline, error);
    if (wrong)
        return wrong;
    out->factors.method = factors_method_a(factors);
    out->factors.method_b = is_b ? factors_method_b(factors) : NULL;
    out->factors.uncertainty = factors_uncertainty(factors);
    wrong = find_provider(factors, query, out, error);
    if (!wrong)
        wrong = find_work(factors, query, out, error);
    /* Only method A was published with a mix; our own is the headline of everything else. */
    if (!wrong)
        wrong = find_zone(factors, query, mix_given ? !is_headline : out->factors.model && !is_b,
                          out, error);
    return wrong;
}

const char *calculator_check(const struct factors *factors, const struct calculator_query *query,
                             char error[ERROR_SIZE])
{
    const char *provider = text_of(query, CALCULATOR_PROVIDER);
    struct calculation unused = {.units = 1};
    bool is_second;
    const char *wrong = read_numbers(query, &unused, error);

    if (!wrong)
        wrong = read_choice(query, CALCULATOR_METHOD, "A", "B", &is_second, error);
    if (!wrong)
        wrong = read_choice(query, CALCULATOR_MIX, "published", "headline", &is_second, error);
    if (!wrong && provider[0])
        wrong = find_provider(factors, query, &unused, error);
    if (!wrong && text_of(query, CALCULATOR_ZONE)[0])
        wrong = find_zone(factors, query, true, &unused, error);
    return wrong;
}

/* ---- Computing ---- */

static double triple_end(struct triple triple, enum impact_end end)
{
    return end == IMPACT_LOW ? triple.low : end == IMPACT_HIGH ? triple.high : triple.central;
}

/* All units together. */
static struct impact_work work_at(const struct calculation *calculation, enum impact_end end)
{
    double units = calculation->units;

    return (struct impact_work){units, units * triple_end(calculation->tokens_in, end),
                                units * triple_end(calculation->tokens_out, end),
                                units * calculation->latency_s};
}

/* Of media and measured energy, IT_KWH of machines. */
static struct impact_result result_at(const struct calculation *calculation,
                                      const struct impact_factors *factors, enum impact_end tokens,
                                      enum impact_end end)
{
    struct impact_work work = work_at(calculation, tokens);
    struct impact_point point = impact_point(factors, &work, end);

    return factors->model ? impact_at(factors, &point)
                          : impact_of_energy(triple_end(calculation->it_kwh, end), &point);
}

/* Method A states no centre: the geometric mean of its ends, figure by figure. */
static struct impact_result centre(const struct impact_result *a, const struct impact_result *b)
{
    return (struct impact_result){
        .gpu_count = impact_centre(a->gpu_count, b->gpu_count),
        .latency_s = impact_centre(a->latency_s, b->latency_s),
        .energy_kwh = impact_centre(a->energy_kwh, b->energy_kwh),
        .gwp_use_kgco2e = impact_centre(a->gwp_use_kgco2e, b->gwp_use_kgco2e),
        .gwp_embodied_kgco2e = impact_centre(a->gwp_embodied_kgco2e, b->gwp_embodied_kgco2e),
        .adpe_use_kgsb = impact_centre(a->adpe_use_kgsb, b->adpe_use_kgsb),
        .adpe_embodied_kgsb = impact_centre(a->adpe_embodied_kgsb, b->adpe_embodied_kgsb),
        .water_l = impact_centre(a->water_l, b->water_l),
    };
}

static void compute_results(const struct calculation *calculation,
                            const struct impact_factors *factors,
                            struct impact_result results[ENDS])
{
    results[IMPACT_LOW] = result_at(calculation, factors, IMPACT_LOW, IMPACT_LOW);
    results[IMPACT_HIGH] = result_at(calculation, factors, IMPACT_HIGH, IMPACT_HIGH);
    results[IMPACT_CENTRAL] = result_at(calculation, factors, IMPACT_CENTRAL, IMPACT_CENTRAL);
    if (factors->model && !factors->method_b) {
        struct impact_result low = result_at(calculation, factors, IMPACT_CENTRAL, IMPACT_LOW);
        struct impact_result high = result_at(calculation, factors, IMPACT_CENTRAL, IMPACT_HIGH);

        results[IMPACT_CENTRAL] = centre(&low, &high);
    }
}

static void add_variant(void *context, const struct zone_factors *zone)
{
    struct calculation *calculation = context;
    struct calculation_variant *variant = &calculation->variants[calculation->variant_count];
    struct impact_factors factors = calculation->factors;

    if (zone == factors.zone || calculation->variant_count == CALCULATOR_VARIANTS)
        return;
    factors.zone = zone;
    variant->zone = zone;
    compute_results(calculation, &factors, variant->results);
    calculation->variant_count++;
}

static void compute_media(const struct factors *factors, struct calculation *out)
{
    out->it_kwh = triple_scale(impact_medium_kwh(factors, out->medium), out->units);
}

/* Of one use nothing was recorded: what single exchanges differ by in general. */
static double random_sigma_of(const struct factors *factors, const struct calculation *calculation)
{
    double requests = work_at(calculation, IMPACT_CENTRAL).requests;

    if (!(calculation->tokens_out.low < calculation->tokens_out.high) || requests <= 0)
        return 0;
    return uncertainty_of_events(0, factors_uncertainty(factors)->exchange_sigma, requests);
}

static void compute_sensitivity(const struct factors *factors, struct calculation *out)
{
    struct sensitivity_case subject = {
        .factors = factors,
        .used = out->factors,
        .random_sigma = random_sigma_of(factors, out),
    };

    for (int i = 0; i < ENDS; i++) {
        subject.work[i] = work_at(out, (enum impact_end)i);
        subject.it_kwh[i] = triple_end(out->it_kwh, (enum impact_end)i);
    }
    sensitivity_compute(&subject, &out->sensitivity);
}

const char *calculator_compute(const struct factors *factors, const struct calculator_query *query,
                               struct calculation *out, char error[ERROR_SIZE])
{
    const char *wrong;

    *out = (struct calculation){.units = 1};
    wrong = read_numbers(query, out, error);
    if (!wrong)
        wrong = find_factors(factors, query, out, error);
    if (wrong)
        return wrong;
    if (out->medium)
        compute_media(factors, out);
    out->has_embodied = out->factors.model != NULL;
    compute_results(out, &out->factors, out->results);
    factors_visit_variants(factors, out->factors.zone->id, add_variant, out);
    compute_sensitivity(factors, out);
    return NULL;
}

/* ---- Indicators ---- */

#define RESULT(name) offsetof(struct impact_result, name)
#define NO_OFFSET    SIZE_MAX

#define FACTOR(name) offsetof(struct zone_factors, name)

/* A sum of one or two members of the results. */
static const struct indicator {
    const char *name;
    const char *unit;
    size_t offset;
    size_t addend;
    size_t factor;      /* of the zone, that it is proportional to in part */
    enum text_id label; /* for people; TEXT_COUNT: not for them */
    bool embodied;      /* unknown where nothing embodied is computed */
} indicators[] = {
    {"energy_kwh", "kWh", RESULT(energy_kwh), NO_OFFSET, NO_OFFSET, TEXT_CALCULATOR_ENERGY, false},
    {"gwp_kgco2e", "kgCO2e", RESULT(gwp_use_kgco2e), RESULT(gwp_embodied_kgco2e), NO_OFFSET,
     TEXT_CALCULATOR_GWP, true},
    {"gwp_use_kgco2e", "kgCO2e", RESULT(gwp_use_kgco2e), NO_OFFSET, FACTOR(gwp_kgco2e_per_kwh),
     TEXT_CALCULATOR_GWP_USE, false},
    {"gwp_embodied_kgco2e", "kgCO2e", RESULT(gwp_embodied_kgco2e), NO_OFFSET, NO_OFFSET,
     TEXT_CALCULATOR_GWP_EMBODIED, true},
    {"adpe_kgsb", "kgSb", RESULT(adpe_use_kgsb), RESULT(adpe_embodied_kgsb), NO_OFFSET,
     TEXT_CALCULATOR_ADPE, true},
    {"adpe_use_kgsb", "kgSb", RESULT(adpe_use_kgsb), NO_OFFSET, FACTOR(adpe_kgsb_per_kwh),
     TEXT_CALCULATOR_ADPE_USE, false},
    {"adpe_embodied_kgsb", "kgSb", RESULT(adpe_embodied_kgsb), NO_OFFSET, NO_OFFSET,
     TEXT_CALCULATOR_ADPE_EMBODIED, true},
    {"water_l", "L", RESULT(water_l), NO_OFFSET, FACTOR(ewif_l_per_kwh), TEXT_CALCULATOR_WATER,
     false},
    {"gpu_count", "1", RESULT(gpu_count), NO_OFFSET, NO_OFFSET, TEXT_COUNT, true},
    {"generation_s", "s", RESULT(latency_s), NO_OFFSET, NO_OFFSET, TEXT_COUNT, true},
};
/* The ends, and the interval that all unknowns make together. */
static const char *const value_names[] = {"low", "central", "high", "p10", "p90"};

static double member(const void *structure, size_t offset)
{
    double value;

    memcpy(&value, (const char *)structure + offset, sizeof(value));
    return value;
}

static double indicator_value(const void *context, const struct impact_result *result)
{
    const struct indicator *indicator = context;
    double value = member(result, indicator->offset);

    return indicator->addend == NO_OFFSET ? value : value + member(result, indicator->addend);
}

static bool is_known(const struct indicator *indicator, const struct calculation *calculation)
{
    return calculation->has_embodied || !indicator->embodied;
}

static struct uncertainty_interval interval(const struct indicator *indicator,
                                            const struct calculation *calculation)
{
    return sensitivity_interval(&calculation->sensitivity, indicator_value, indicator,
                                indicator_value(indicator, &calculation->results[IMPACT_CENTRAL]),
                                calculation->factors.uncertainty->range_sigmas);
}

/* The row of the country whose water differs, to stand beside in a table; NULL when there is none.
 */
static const struct calculation_variant *other_water(const struct calculation *calculation)
{
    for (size_t i = 0; i < calculation->variant_count; i++)
        if (calculation->variants[i].zone->ewif_l_per_kwh !=
            calculation->factors.zone->ewif_l_per_kwh)
            return &calculation->variants[i];
    return NULL;
}

/* ---- For people ---- */

/* A text on its way to a terminal. */
struct page {
    FILE *stream;
    enum text_language language;
};

static void say(const struct page *page, enum text_id id, const char *const *arguments)
{
    text_say(page->stream, page->language, id, arguments, false);
}

static void say_line(const struct page *page, enum text_id id, const char *const *arguments)
{
    say(page, id, arguments);
    fputc('\n', page->stream);
}

/* Spaces that fill up to WIDTH what shows TEXT; the text itself is written by who calls. */
static void pad(const struct page *page, const char *text, size_t width)
{
    for (size_t i = text_width(text); i < width; i++)
        fputc(' ', page->stream);
}

static void print_label(const struct page *page, const char *label, size_t width)
{
    fputs(label, page->stream);
    pad(page, label, width);
}

/* To the right of its column. */
static void print_cell(const struct page *page, const char *text)
{
    fputc(' ', page->stream);
    pad(page, text, NUMBER_WIDTH);
    fputs(text, page->stream);
}

static void print_number(const struct page *page, double value)
{
    char number[TEXT_NUMBER_SIZE];

    text_digits(number, sizeof(number), page->language, value, DIGITS);
    print_cell(page, number);
}

static void print_row(const struct page *page, const char *label,
                      const struct impact_result results[ENDS], const struct indicator *indicator,
                      const struct uncertainty_interval *likely)
{
    print_label(page, label, LABEL_WIDTH);
    for (int i = 0; i < ENDS; i++)
        print_number(page, indicator_value(indicator, &results[i]));
    if (likely) {
        print_number(page, likely->p10);
        print_number(page, likely->p90);
    }
    fprintf(page->stream, "  %s\n", text_unit(indicator->unit));
}

static void print_heading(const struct page *page)
{
    print_label(page, "", LABEL_WIDTH);
    for (int id = TEXT_LOW; id <= TEXT_HIGH; id++)
        print_cell(page, text_get(page->language, (enum text_id)id));
    print_cell(page, "P10");
    print_cell(page, "P90");
    fputc('\n', page->stream);
}

/* Of each other row of the country, what it makes different. */
static void print_variants(const struct page *page, const struct calculation *calculation)
{
    for (size_t i = 0; i < calculation->variant_count; i++) {
        const struct calculation_variant *variant = &calculation->variants[i];

        for (size_t j = 0; j < COUNT_OF(indicators); j++) {
            const struct indicator *indicator = &indicators[j];
            char label[80];

            if (indicator->factor == NO_OFFSET ||
                member(variant->zone, indicator->factor) ==
                    member(calculation->factors.zone, indicator->factor))
                continue;
            snprintf(label, sizeof(label), "  %s, %s", variant->zone->id,
                     text_get(page->language, indicator->label));
            print_row(page, label, variant->results, indicator, NULL);
        }
    }
}

/* "model gpt-4o, tokens_out 250, computed at openai, method A" */
static void print_question(const struct page *page, const struct calculator_query *query,
                           const struct calculation *calculation)
{
    for (int i = 0; i < CALCULATOR_FIELDS; i++)
        if (text_of(query, (enum calculator_field)i)[0] && i != CALCULATOR_METHOD)
            fprintf(page->stream, "%s %s, ", calculator_field_names[i],
                    text_of(query, (enum calculator_field)i));
    say_line(page, calculation->has_embodied ? TEXT_CALCULATOR_AT_METHOD : TEXT_CALCULATOR_AT,
             TEXT_ARGUMENTS(calculation->factors.provider->id,
                            calculation->factors.method_b ? "B" : "A"));
}

/* A factor and, under it, where it is from. */
static void print_origin(const struct page *page, const struct provenance *provenance)
{
    const char grade[] = {provenance->grade, '\0'};

    fputs("\n    ", page->stream);
    say_line(page, TEXT_CALCULATOR_ORIGIN,
             TEXT_ARGUMENTS(provenance->source, provenance->year, grade));
}

static void print_factor(const struct page *page, enum text_id id, const char *const *arguments)
{
    fputs("  ", page->stream);
    say(page, id, arguments);
}

struct range_text {
    char text[2 * TEXT_NUMBER_SIZE];
};

static struct range_text range_text(const struct page *page, double low, double high)
{
    struct range_text out = {""};
    size_t used;

    text_digits(out.text, sizeof(out.text), page->language, low, FACTOR_DIGITS);
    used = strlen(out.text);
    if (low != high) {
        out.text[used++] = '-';
        text_digits(out.text + used, sizeof(out.text) - used, page->language, high, FACTOR_DIGITS);
    }
    return out;
}

static void print_model(const struct page *page, const struct impact_factors *used)
{
    const struct model_factors *model = used->model;
    struct range active = model->active_parameters_b, total = model->total_parameters_b;
    char name[sizeof(model->provider) + sizeof(model->name) + 1];

    print_factor(page, TEXT_CALCULATOR_METHOD, TEXT_ARGUMENTS(used->method_b ? "B" : "A"));
    print_origin(page, used->method_b ? &used->method_b->provenance : &used->method->provenance);
    print_factor(page, TEXT_CALCULATOR_EMBODIED, NULL);
    print_origin(page, &used->method->embodied_provenance);
    snprintf(name, sizeof(name), "%s/%s", model->provider, model->name);
    print_factor(page, TEXT_CALCULATOR_MODEL,
                 TEXT_ARGUMENTS(name, range_text(page, active.min, active.max).text,
                                range_text(page, total.min, total.max).text));
    if (model->fallback[0])
        say(page, TEXT_CALCULATOR_FALLBACK, TEXT_ARGUMENTS(model->fallback));
    print_origin(page, &model->provenance);
}

static void print_medium(const struct page *page, const struct medium_factors *medium)
{
    double central = medium->energy_wh.central;

    print_factor(page, TEXT_CALCULATOR_MEDIUM,
                 TEXT_ARGUMENTS(medium->id, range_text(page, central, central).text));
    if (medium->gpu_only)
        say(page, TEXT_CALCULATOR_GPU_ONLY, NULL);
    print_origin(page, &medium->provenance);
}

static void print_factors(const struct page *page, const struct factors *factors,
                          const struct calculation *calculation)
{
    const struct provider_factors *provider = calculation->factors.provider;
    const struct zone_factors *zone = calculation->factors.zone;
    struct range pue = provider->pue, wue = provider->wue_l_per_kwh;
    double gwp = zone->gwp_kgco2e_per_kwh, ewif = zone->ewif_l_per_kwh;
    double adpe = zone->adpe_kgsb_per_kwh;

    say_line(page, TEXT_CALCULATOR_FACTORS, TEXT_ARGUMENTS(factors_vintage(factors)));
    if (calculation->factors.model)
        print_model(page, &calculation->factors);
    else if (calculation->medium)
        print_medium(page, calculation->medium);
    print_factor(page, TEXT_CALCULATOR_PROVIDER,
                 TEXT_ARGUMENTS(provider->id, range_text(page, pue.min, pue.max).text,
                                range_text(page, wue.min, wue.max).text));
    print_origin(page, &provider->provenance);
    print_factor(page, TEXT_CALCULATOR_GRID,
                 TEXT_ARGUMENTS(zone->id, range_text(page, gwp, gwp).text));
    print_origin(page, &zone->provenance);
    print_factor(page, TEXT_CALCULATOR_METALS,
                 TEXT_ARGUMENTS(zone->id, range_text(page, adpe, adpe).text));
    print_origin(page, &zone->adpe_provenance);
    print_factor(page, TEXT_CALCULATOR_EWIF,
                 TEXT_ARGUMENTS(zone->id, range_text(page, ewif, ewif).text));
    print_origin(page, &zone->ewif_provenance);
}

/* Of which indicators a tornado is shown: of sums, or of use where nothing else is known. */
static bool is_headline(const struct indicator *indicator, const struct calculation *calculation)
{
    bool is_sum = indicator->addend != NO_OFFSET;
    bool is_alone = indicator->offset == RESULT(energy_kwh) || indicator->offset == RESULT(water_l);

    return is_alone || (calculation->has_embodied ? is_sum : indicator->factor != NO_OFFSET);
}

static void print_bar(const struct page *page, const struct sensitivity_bar *bar)
{
    char factor[TEXT_NUMBER_SIZE];

    fputs("  ", page->stream);
    print_label(page,
                text_get(page->language, (enum text_id)(TEXT_UNKNOWN_TOKENS + (int)bar->unknown)),
                LABEL_WIDTH - 2);
    print_number(page, bar->low);
    print_cell(page, "");
    print_number(page, bar->high);
    if (bar->low > 0) {
        text_digits(factor, sizeof(factor), page->language, bar->high / bar->low, DIGITS);
        fprintf(page->stream, "  x%s", factor);
    }
    if (sensitivity_is_choice(bar->unknown)) {
        fputc(' ', page->stream);
        say(page, TEXT_CALCULATOR_CHOICE, NULL);
    }
    fputc('\n', page->stream);
}

static void print_tornado(const struct page *page, const struct calculation *calculation,
                          const struct indicator *indicator)
{
    struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS];
    size_t count = sensitivity_tornado(&calculation->sensitivity, indicator_value, indicator, bars);

    say_line(
        page, TEXT_CALCULATOR_TORNADO,
        TEXT_ARGUMENTS(text_get(page->language, indicator->label), text_unit(indicator->unit)));
    for (size_t i = 0; i < count; i++)
        print_bar(page, &bars[i]);
}

static void print_text(const struct factors *factors, const struct calculator_query *query,
                       const struct calculation *calculation, bool with_sensitivity,
                       const struct page *page)
{
    print_question(page, query, calculation);
    print_heading(page);
    for (size_t i = 0; i < COUNT_OF(indicators); i++) {
        struct uncertainty_interval likely = interval(&indicators[i], calculation);

        if (indicators[i].label != TEXT_COUNT && is_known(&indicators[i], calculation))
            print_row(page, text_get(page->language, indicators[i].label), calculation->results,
                      &indicators[i], &likely);
    }
    if (!calculation->has_embodied)
        say_line(page, TEXT_CALCULATOR_NOT_EMBODIED, NULL);
    if (calculation->variant_count > 0) {
        say_line(page, TEXT_CALCULATOR_VARIANTS, NULL);
        print_variants(page, calculation);
    }
    for (size_t i = 0; with_sensitivity && i < COUNT_OF(indicators); i++)
        if (is_headline(&indicators[i], calculation))
            print_tornado(page, calculation, &indicators[i]);
    print_factors(page, factors, calculation);
}

/* ---- Tables ---- */

static void write_tsv_indicator(const struct indicator *indicator,
                                const struct calculation *calculation, FILE *stream)
{
    struct uncertainty_interval likely = interval(indicator, calculation);

    if (!is_known(indicator, calculation)) {
        fputs("\t\t\t\t\t", stream);
        return;
    }
    for (int i = 0; i < ENDS; i++)
        fprintf(stream, "\t%.17g", indicator_value(indicator, &calculation->results[i]));
    fprintf(stream, "\t%.17g\t%.17g", likely.p10, likely.p90);
}

static void write_tsv_header(FILE *stream)
{
    for (int i = 0; i < CALCULATOR_FIELDS; i++)
        fprintf(stream, "%s\t", calculator_field_names[i]);
    fputs("zone_used", stream);
    for (size_t i = 0; i < COUNT_OF(indicators); i++)
        for (size_t j = 0; j < COUNT_OF(value_names); j++)
            fprintf(stream, "\t%s_%s", indicators[i].name, value_names[j]);
    fputs("\tother_water_zone", stream);
    for (int j = 0; j < ENDS; j++)
        fprintf(stream, "\tother_water_l_%s", value_names[j]);
    fputs("\terror\n", stream);
}

static void write_tsv_query(const struct calculator_query *query, FILE *stream)
{
    for (int i = 0; i < CALCULATOR_FIELDS; i++)
        fprintf(stream, "%s\t", text_of(query, (enum calculator_field)i));
}

static void write_tsv(const struct calculator_query *query, const struct calculation *calculation,
                      FILE *stream)
{
    const struct calculation_variant *other = other_water(calculation);

    write_tsv_query(query, stream);
    fputs(calculation->factors.zone->id, stream);
    for (size_t i = 0; i < COUNT_OF(indicators); i++)
        write_tsv_indicator(&indicators[i], calculation, stream);
    fprintf(stream, "\t%s", other ? other->zone->id : "");
    for (int j = 0; j < ENDS; j++)
        if (other)
            fprintf(stream, "\t%.17g", other->results[j].water_l);
        else
            fputc('\t', stream);
    fputs("\t\n", stream);
}

static void write_tsv_error(const struct calculator_query *query, const char *error, FILE *stream)
{
    /* Between the zone and the error, as many columns as a good row has. */
    size_t columns = 1 + COUNT_OF(value_names) * COUNT_OF(indicators) + 1 + ENDS;

    write_tsv_query(query, stream);
    for (size_t i = 0; i < columns; i++)
        fputc('\t', stream);
    fprintf(stream, "%s\n", error);
}

/* ---- JSON ---- */

static json_t *json_query(const struct calculator_query *query)
{
    json_t *object = json_object();

    for (int i = 0; object && i < CALCULATOR_FIELDS; i++) {
        const char *text = text_of(query, (enum calculator_field)i);

        if (text[0]) {
            json_t *value = json_string(text);

            /* What is not UTF-8 is no name of ours, and has no place in JSON. */
            json_object_set_new(object, calculator_field_names[i], value ? value : json_null());
        }
    }
    return object;
}

static json_t *json_values(const struct indicator *indicator, const struct calculation *calculation,
                           const struct impact_result results[ENDS])
{
    json_t *object = is_known(indicator, calculation) ? json_object() : json_null();
    struct uncertainty_interval likely = interval(indicator, calculation);

    for (int i = 0; json_is_object(object) && i < ENDS; i++)
        json_object_set_new(object, value_names[i],
                            json_real(indicator_value(indicator, &results[i])));
    if (json_is_object(object) && results == calculation->results) {
        json_object_set_new(object, "p10", json_real(likely.p10));
        json_object_set_new(object, "p90", json_real(likely.p90));
    }
    return object;
}

static json_t *json_results(const struct calculation *calculation,
                            const struct impact_result results[ENDS])
{
    json_t *object = json_object();
    int failed = !object;

    for (size_t i = 0; i < COUNT_OF(indicators); i++)
        failed |= json_object_set_new(object, indicators[i].name,
                                      json_values(&indicators[i], calculation, results));
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *json_tornado(const struct calculation *calculation,
                            const struct indicator *indicator)
{
    struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS];
    size_t count = sensitivity_tornado(&calculation->sensitivity, indicator_value, indicator, bars);
    json_t *array = json_array();

    for (size_t i = 0; array && i < count; i++)
        json_array_append_new(array, json_pack("{s:s, s:f, s:f, s:b}", "unknown",
                                               sensitivity_name(bars[i].unknown), "low",
                                               bars[i].low, "high", bars[i].high, "choice",
                                               sensitivity_is_choice(bars[i].unknown)));
    return array;
}

static json_t *json_sensitivity(const struct calculation *calculation)
{
    json_t *object = json_object();

    for (size_t i = 0; object && i < COUNT_OF(indicators); i++)
        if (is_headline(&indicators[i], calculation))
            json_object_set_new(object, indicators[i].name,
                                json_tornado(calculation, &indicators[i]));
    return object;
}

static json_t *json_variants(const struct calculation *calculation)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < calculation->variant_count; i++) {
        const struct calculation_variant *variant = &calculation->variants[i];

        failed |= json_array_append_new(
            array, json_pack("{s:s, s:o}", "zone", variant->zone->id, "results",
                             json_results(calculation, variant->results)));
    }
    if (!failed)
        return array;
    json_decref(array);
    return NULL;
}

static bool write_json(const struct factors *factors, const struct calculator_query *query,
                       const struct calculation *calculation, bool with_sensitivity, FILE *stream)
{
    json_t *object = json_pack(
        "{s:o, s:s, s:s, s:s, s:o, s:o}", "query", json_query(query), "vintage",
        factors_vintage(factors), "provider", calculation->factors.provider->id, "zone",
        calculation->factors.zone->id, "results", json_results(calculation, calculation->results),
        "variants", json_variants(calculation));

    if (object && calculation->factors.model)
        json_object_set_new(object, "method",
                            json_string(calculation->factors.method_b ? "B" : "A"));
    if (object && with_sensitivity)
        json_object_set_new(object, "sensitivity", json_sensitivity(calculation));
    return jsonvalues_write_line(object, stream);
}

static bool write_json_error(const struct calculator_query *query, const char *error, FILE *stream)
{
    json_t *text = json_string(error);

    return jsonvalues_write_line(json_pack("{s:o, s:o}", "query", json_query(query), "error",
                                           text ? text : json_string("not UTF-8")),
                                 stream);
}

bool calculator_write(const struct factors *factors, const struct calculator_query *query,
                      const struct calculation *calculation, enum calculator_format format,
                      enum text_language language, bool with_sensitivity, FILE *stream)
{
    const struct page page = {stream, language};

    switch (format) {
    case CALCULATOR_JSON:
        return write_json(factors, query, calculation, with_sensitivity, stream);
    case CALCULATOR_TSV:
        write_tsv_header(stream);
        write_tsv(query, calculation, stream);
        break;
    case CALCULATOR_TEXT:
        print_text(factors, query, calculation, with_sensitivity, &page);
        break;
    }
    return !ferror(stream);
}

/* ---- Batches ---- */

/* A table on its way through. */
struct batch {
    const struct factors *factors;
    FILE *in;
    const char *name;
    const struct calculator_query *defaults;
    enum calculator_format format;
    FILE *out;
    FILE *complaints;
    int columns[MAX_COLUMNS]; /* enum calculator_field, or -1: ignored */
    size_t column_count;
    unsigned long line;
    struct calculator_batch result;
};

static void complain(const struct batch *batch, const char *text)
{
    fprintf(batch->complaints, "%s:%lu: %s\n", batch->name, batch->line, text);
}

static enum textline read_line(struct batch *batch, char line[LINE_SIZE])
{
    enum textline status = textline_read(batch->in, line, LINE_SIZE);

    batch->line += status != TEXTLINE_END;
    return status;
}

/* Without the blanks around it, in place. */
static char *trimmed(char *text)
{
    size_t length;

    text += strspn(text, " ");
    length = strlen(text);
    while (length > 0 && text[length - 1] == ' ')
        text[--length] = '\0';
    return text;
}

/* Fields of a line, in place. Returns their number, also where it exceeds SIZE. */
static size_t split(char *line, char *fields[], size_t size)
{
    size_t count = 0;

    for (char *field; (field = strsep(&line, "\t")); count++)
        if (count < size)
            fields[count] = trimmed(field);
    return count;
}

static int find_field(char *name)
{
    for (char *letter = name; *letter; letter++)
        *letter = *letter == '-' ? '_' : (char)tolower((unsigned char)*letter);
    for (int i = 0; i < CALCULATOR_FIELDS; i++)
        if (strcmp(name, calculator_field_names[i]) == 0)
            return i;
    return strcmp(name, "latency") == 0 ? CALCULATOR_LATENCY_S : -1; /* as the option is called */
}

/* Whether the first line can name columns; else what is wrong was told. A table of which nothing
 * could be read must not pass for an empty one. */
static bool read_first_line(struct batch *batch, char line[LINE_SIZE])
{
    enum textline status = read_line(batch, line);

    if (status == TEXTLINE_READ && !strchr(line, '\r'))
        return true;
    complain(batch, status == TEXTLINE_END ? "a table begins with a line that names its columns"
                    : status == TEXTLINE_UNSOUND
                        ? "a line that is too long, or no text in UTF-8"
                        : "lines must end in a line feed, not in a carriage return alone");
    return false;
}

static bool read_header(struct batch *batch)
{
    char line[LINE_SIZE];
    char *fields[MAX_COLUMNS];
    bool seen[CALCULATOR_FIELDS] = {false};
    char text[ERROR_SIZE];
    char *start = line;

    if (!read_first_line(batch, line))
        return false;
    if (strncmp(line, "\xef\xbb\xbf", 3) == 0) /* byte order mark of some spreadsheets */
        start += 3;
    batch->column_count = split(start, fields, MAX_COLUMNS);
    if (batch->column_count > MAX_COLUMNS) {
        complain(batch, "too many columns");
        return false;
    }
    for (size_t i = 0; i < batch->column_count; i++) {
        int field = find_field(fields[i]);

        batch->columns[i] = field;
        if (field < 0) {
            snprintf(text, sizeof(text), "warning: column \"%.60s\" is ignored", fields[i]);
            complain(batch, text);
        } else if (seen[field]) {
            snprintf(text, sizeof(text), "column \"%s\" stands twice", fields[i]);
            complain(batch, text);
            return false;
        } else {
            seen[field] = true;
        }
    }
    if (seen[CALCULATOR_PROVIDER] || seen[CALCULATOR_MODEL] ||
        text_of(batch->defaults, CALCULATOR_PROVIDER)[0] ||
        text_of(batch->defaults, CALCULATOR_MODEL)[0])
        return true;
    complain(batch, "neither a column \"provider\" nor \"model\": columns are separated by tabs");
    return false;
}

/* Returns NULL, or what is wrong. */
static const char *read_query(const struct batch *batch, char *line, struct calculator_query *query,
                              char error[ERROR_SIZE])
{
    char *fields[MAX_COLUMNS];
    size_t count = split(line, fields, MAX_COLUMNS);

    for (size_t i = 0; i < count && i < batch->column_count; i++)
        if (batch->columns[i] >= 0 && fields[i][0])
            query->fields[batch->columns[i]] = fields[i];
    if (count == batch->column_count)
        return NULL;
    snprintf(error, ERROR_SIZE, "%zu fields where the header has %zu", count, batch->column_count);
    return error;
}

static void take_row(struct batch *batch, char *line, bool is_sound)
{
    struct calculator_query query = *batch->defaults;
    struct calculation calculation;
    char error[ERROR_SIZE];
    const char *wrong = "the line is too long, or holds a NUL";
    bool written = true;

    batch->result.rows++;
    if (is_sound)
        wrong = read_query(batch, line, &query, error);
    if (!wrong)
        wrong = calculator_compute(batch->factors, &query, &calculation, error);
    if (wrong) {
        batch->result.bad_rows++;
        complain(batch, wrong);
    }
    if (batch->format == CALCULATOR_JSON)
        written = wrong ? write_json_error(&query, wrong, batch->out)
                        : write_json(batch->factors, &query, &calculation, false, batch->out);
    else if (wrong)
        write_tsv_error(&query, wrong, batch->out);
    else
        write_tsv(&query, &calculation, batch->out);
    if (!written || ferror(batch->out))
        batch->result.failed = true;
}

struct calculator_batch calculator_run_batch(const struct factors *factors, FILE *in,
                                             const char *name,
                                             const struct calculator_query *defaults,
                                             enum calculator_format format, FILE *out,
                                             FILE *complaints)
{
    struct batch batch = {.factors = factors,
                          .in = in,
                          .name = name,
                          .defaults = defaults,
                          .format = format,
                          .out = out,
                          .complaints = complaints};
    char line[LINE_SIZE];
    enum textline status;

    batch.result.failed = !read_header(&batch);
    if (!batch.result.failed && format == CALCULATOR_TSV)
        write_tsv_header(out);
    while (!batch.result.failed && (status = read_line(&batch, line)) != TEXTLINE_END)
        if (status == TEXTLINE_UNSOUND || line[strspn(line, " \t")] != '\0') /* no empty line */
            take_row(&batch, line, status == TEXTLINE_READ);
    if (ferror(in) || fflush(out) != 0)
        batch.result.failed = true;
    return batch.result;
}
