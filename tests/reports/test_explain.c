/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/explain.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "reports/derived.h"
#include "reports/symbols.h"
#include "reports/units.h"
#include "tests/reports/formula.h"
#include "tests/reports/readable.h"
#include "tests/reports/world.h"

#define OCTOBER 1790805600            /* 2026-10-01 00:00 Europe/Paris */
#define NOON    (OCTOBER + 12 * 3600) /* of the same date in UTC */
#define LATER   (OCTOBER + 90 * (int64_t)DAY_S)
#define DIGEST  7
#define MANY    20 /* devices */

enum { DRH = 1, DSN, CABINET, DIRECTIONS = CABINET };
enum { CHATGPT, MISTRAL, PICTURES, CLAUDE, SERVICES };

static const struct direction directions[] = {
    {.code = "DRH", .label = "Ressources humaines"},
    {.code = "DSN", .label = "Numérique"},
    {.code = "CAB", .label = "Cabinet du maire"},
};

static const struct service services[SERVICES] = {
    [CHATGPT] = {.id = "chatgpt-web",
                 .label = "ChatGPT",
                 .label_fr = "Causette",
                 .provider = "openai",
                 .model = "openai/gpt-4o",
                 .estimator = {.name = "m3", .grade = GRADE_C}},
    [MISTRAL] = {.id = "mistral-web",
                 .label = "Le Chat",
                 .label_fr = "La Causette",
                 .provider = "mistral",
                 .model = "mistralai/mistral-large-latest",
                 .method = SERVICE_METHOD_B,
                 .estimator = {.name = "m5", .grade = GRADE_E}},
    [PICTURES] = {.id = "pictures", .label = "Images"}, /* no impact estimate */
    [CLAUDE] = {.id = "claude-web",
                .label = "Claude",
                .provider = "anthropic",
                .model = "anthropic/claude-opus-4-5",
                .estimator = {.name = "m4", .grade = GRADE_C}},
};

/* Until October 2026 Claude runs its own model, then two, of which one is not in models.conf. */
static const struct mix claude_mix = {
    .from_day = 20727,
    .until_day = INT64_MAX,
    .count = 2,
    .parts = {{"anthropic/claude-haiku-4-5", 0.25}, {"anthropic/claude-opus-9", 0.75}},
    .source = "what we <believe>",
    .grade = 'D',
};

static int set_up(void **state)
{
    static struct world world;

    world_open(&world, directions, DIRECTIONS, services, SERVICES);
    assert_true(catalogue_set_mixes(world.config->catalogue, CLAUDE, &claude_mix, 1));
    world.config->digest = DIGEST;
    world_record_with(&world, "2026", DIGEST);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    world_close(*state);
    return 0;
}

/* REQUESTS of one pair in the minute that starts at TIME, by DEVICES that day; the impact is what
 * the meter computes, times FACTOR. */
static void use_times(struct world *world, int64_t time_s, uint16_t direction, uint16_t service,
                      double requests, uint32_t devices, double factor)
{
    const struct activity activity = {
        .grade = (uint8_t)services[service].estimator.grade,
        .requests = {requests * 0.9, requests, requests * 1.1},
        .tokens_in = {requests * 20, requests * 100, requests * 300},
        .tokens_out = {requests * 100, requests * 300.7 + 11, requests * 600 + 23},
        .tokens_out_variance = requests * 90000,
        .images = {0, requests, 2 * requests},
        .uploads = {requests * 0.9, requests, requests * 1.1},
    };
    const struct world_pair pair = world_pair(world, time_s, direction, service, devices);
    struct impact impact;
    bool known = world_impact(world, world->config->factors, service, time_s, &activity, &impact);

    if (known)
        impact.energy_kwh = triple_scale(impact.energy_kwh, factor);
    world_record(world, &pair, &activity, known ? &impact : NULL);
}

static void use(struct world *world, int64_t time_s, uint16_t direction, uint16_t service,
                double requests, uint32_t devices)
{
    use_times(world, time_s, direction, service, requests, devices, 1);
}

/* Odd numbers, over some minutes, so that sums depend on the order of additions. */
static void use_all(struct world *world)
{
    for (uint16_t minute = 0; minute < 7; minute++)
        for (uint16_t direction = 0; direction <= DIRECTIONS; direction++)
            for (uint16_t service = 0; service < SERVICES; service++)
                use(world, NOON + 60 * minute, direction, service,
                    1.0 / 3 + minute / 7.0 + 17 * direction + service, MANY);
}

static void report_at(struct world *world, int64_t now)
{
    world_report(world, "2026-10", now);
}

/* Of the report as it is; NAME as on a command line. */
static enum explain_status ask(struct world *world, const char *name, struct explanation **out,
                               char error[400])
{
    char *copy = strdup(name);
    struct explain_query query;
    enum explain_status status;

    error[0] = '\0';
    assert_true(explain_parse(&copy, 1, &query));
    assert_string_equal(query.month, "2026-10");
    status = explain_build(world->ledger, world->report, &query, out, error, 400);
    free(copy);
    return status;
}

static struct explanation *explain(struct world *world, const char *name)
{
    struct explanation *explanation;
    char error[400];
    enum explain_status status = ask(world, name, &explanation, error);

    assert_string_equal(error, "");
    assert_int_equal(status, EXPLAIN_OK);
    return explanation;
}

/* Returns the sentence. */
static const char *refused(struct world *world, const char *name, enum explain_status expected)
{
    static char error[400];
    struct explanation *explanation;

    assert_int_equal(ask(world, name, &explanation, error), expected);
    assert_null(explanation);
    assert_null(strchr(error, '\n'));
    assert_true(error[0] != '\0');
    return error;
}

enum format { TEXT_FR, TEXT_EN, HTML_FR, HTML_EN, JSON, FORMATS };

static char *written(const struct explanation *explanation, enum format format)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (format == JSON)
        assert_true(explain_write_json(explanation, stream));
    else if (format == HTML_FR || format == HTML_EN)
        assert_true(
            explain_write_html(explanation, format == HTML_FR ? LANGUAGE_FR : LANGUAGE_EN, stream));
    else
        assert_true(
            explain_write_text(explanation, format == TEXT_FR ? LANGUAGE_FR : LANGUAGE_EN, stream));
    fclose(stream);
    readable_assert(text, format != JSON);
    return text;
}

static bool contains(const struct explanation *explanation, enum format format, const char *words)
{
    char *text = written(explanation, format);
    bool found = strstr(text, words) != NULL;

    free(text);
    return found;
}

static void assert_nowhere(const struct explanation *explanation, const char *words)
{
    for (int format = 0; format < FORMATS; format++)
        if (contains(explanation, (enum format)format, words))
            fail_msg("\"%s\" is in format %d", words, format);
}

static void assert_same(struct triple a, struct triple b)
{
    assert_memory_equal(&a, &b, sizeof(a));
}

/* The parts, added here in their order, are the figure. */
static void assert_adds_up(const struct explanation *explanation)
{
    for (int i = 0; i < MONTH_INDICATORS; i++) {
        enum month_indicator indicator = (enum month_indicator)i;
        struct triple sum = triple_exact(0);

        if (indicator == MONTH_GWP) /* a sum of two others */
            continue;
        for (size_t part = 0; part < explanation->part_count; part++)
            sum = triple_add(sum, month_value(&explanation->parts[part].totals, indicator));
        assert_same(sum, month_value(&explanation->figure.totals, indicator));
    }
}

/* ---- Figures ---- */

static struct triple triple_of(json_t *object)
{
    return (struct triple){json_real_value(json_object_get(object, "low")),
                           json_real_value(json_object_get(object, "central")),
                           json_real_value(json_object_get(object, "high"))};
}

static struct derived *derive(const struct world *world, const char *name)
{
    char *copy = strdup(name);
    struct explain_query query;
    struct derived *derived;
    char error[400];

    assert_true(explain_parse(&copy, 1, &query));
    assert_int_equal(derived_build(world->report, &query, &derived, error, sizeof(error)),
                     EXPLAIN_OK);
    assert_true(derived->agrees);
    free(copy);
    return derived;
}

/* In all formats, one after the other. To be freed. */
static char *derived_text(const struct world *world, const char *name)
{
    struct derived *derived = derive(world, name);
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    assert_true(derived_write_text(derived, LANGUAGE_EN, stream));
    assert_true(derived_write_text(derived, LANGUAGE_FR, stream));
    assert_true(derived_write_html(derived, LANGUAGE_FR, stream));
    assert_true(derived_write_json(derived, stream));
    fclose(stream);
    derived_free(derived);
    return text;
}

/* A figure that is computed from others, of pairs with factors. */
static struct triple derived_again(const struct world *world, const char *name)
{
    struct derived *derived = derive(world, name);
    struct triple recomputed = derived->recomputed;

    derived_free(derived);
    return recomputed;
}

/* Calls itself for what OBJECT holds; each figure with a name must be what that name explains. */
static unsigned check_named(struct world *world, const char *key, json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "id"));
    unsigned found = 0;
    const char *member;
    json_t *value;
    size_t i;

    if (name && strstr(name, "/@")) {
        assert_same(derived_again(world, name), triple_of(object));
    } else if (name && json_object_get(object, "central")) {
        struct explanation *explanation = explain(world, name);
        struct triple figure;

        assert_true(explanation->indicator >= 0);
        assert_string_equal(key,
                            month_indicator_name((enum month_indicator)explanation->indicator));
        figure =
            month_value(&explanation->figure.totals, (enum month_indicator)explanation->indicator);
        assert_same(figure, triple_of(object));
        assert_true(contains(explanation, JSON, name));
        explain_free(explanation);
        found++;
    }
    json_object_foreach(object, member, value) found += check_named(world, member, value);
    json_array_foreach(object, i, value) found += check_named(world, "", value);
    return found;
}

static void every_name_in_the_report_is_explained(void **state)
{
    struct world *world = *state;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    json_t *json;

    use_all(world);
    use(world, NOON, CABINET, CHATGPT, 3, MANY);
    use(world, NOON + DAY_S, DRH, CLAUDE, 1, MANY);
    report_at(world, LATER);
    assert_true(month_write_json(world->report, stream));
    fclose(stream);
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    /* The total, the directions with the unassigned one, the services. */
    assert_int_equal(check_named(world, "", json),
                     (1 + DIRECTIONS + 1 + SERVICES) * MONTH_INDICATORS);
    json_decref(json);
    free(text);
}

/* The monthly report. To be freed. */
static char *month_page(const struct world *world)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    assert_true(month_write_html(world->report, "fr", NULL, 0, stream));
    fclose(stream);
    return text;
}

static void html_names_each_figure_once(void **state)
{
    struct world *world = *state;
    const char *found;
    char *text;

    use_all(world);
    report_at(world, LATER);
    text = month_page(world);
    for (const char *id = text; (id = strstr(id, " id=\"2026-10/"));) {
        size_t length = strcspn(id + 5, "\"") + 6;
        char name[MONTH_FIGURE_SIZE];

        assert_true(length < sizeof(name));
        snprintf(name, sizeof(name), "%.*s", (int)length - 6, id + 5);
        if (strstr(name, "/@"))
            derived_again(world, name);
        else
            explain_free(explain(world, name));
        assert_null(memmem(id + length, strlen(id + length), id, length));
        id += length;
    }
    found = strstr(text, " id=\"2026-10/DRH/./energy_kwh\" title=\"iagmeter explain "
                         "2026-10/DRH/./energy_kwh\"");
    assert_non_null(found);
    assert_non_null(strstr(text, " id=\"2026-10/./chatgpt-web/water_l\""));
    assert_non_null(strstr(text, "<tr id=\"2026-10/././gwp_kgco2e\""));
    /* On paper. */
    assert_non_null(strstr(text, "iagmeter explain 2026-10/././energy_kwh --format html"));
    assert_non_null(strstr(text, "Ressources humaines<span class=\"band\"><code>DRH</code>"));
    free(text);
}

static void parts_add_up_to_the_last_bit(void **state)
{
    static const char *const names[] = {"2026-10", "2026-10/DRH", "2026-10/./chatgpt-web",
                                        "2026-10/DSN"};
    static const size_t counts[] = {DIRECTIONS + 1, SERVICES, DIRECTIONS + 1, SERVICES};
    struct world *world = *state;

    use_all(world);
    report_at(world, LATER);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct explanation *explanation = explain(world, names[i]);

        assert_int_equal(explanation->part_count, counts[i]);
        assert_adds_up(explanation);
        assert_true(explanation->agrees && explanation->recomputed_is_shown);
        assert_true(explanation->difference <= EXPLAIN_TOLERANCE);
        assert_int_equal(explanation->minutes, 7 * (i == 0   ? (DIRECTIONS + 1) * SERVICES
                                                    : i == 2 ? DIRECTIONS + 1
                                                             : SERVICES));
        explain_free(explanation);
    }
}

static void a_pair_is_its_minutes(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;
    const struct month_cell *cells;

    use_all(world);
    report_at(world, LATER);
    cells = world->report->cells;
    explanation = explain(world, "2026-10/DSN/mistral-web");
    assert_int_equal(explanation->scope, EXPLAIN_CELL);
    assert_int_equal(explanation->minutes, 7);
    for (size_t i = 0; i < world->report->cell_count; i++)
        if (strcmp(cells[i].direction, "DSN") == 0 && strcmp(cells[i].service, "mistral-web") == 0)
            assert_memory_equal(&cells[i].totals.impact, &explanation->figure.totals.impact,
                                sizeof(struct impact));
    /* Computed from the same doubles as by the meter, added in the same order. */
    assert_memory_equal(&explanation->recomputed, &explanation->figure.totals.impact,
                        sizeof(struct impact));
    assert_true(contains(explanation, TEXT_FR, "ML.ENERGY v3"));
    assert_true(contains(explanation, TEXT_FR, "La Causette\u00a0: méthode B"));
    assert_true(contains(explanation, TEXT_EN, "Le Chat: method B"));
    assert_true(contains(explanation, TEXT_FR, "celle qui est installée"));
    assert_true(contains(explanation, TEXT_EN, "geometric") ||
                contains(explanation, TEXT_EN, "method B"));
    explain_free(explanation);
}

static void one_name_alone_may_be_a_service(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;

    use_all(world);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/chatgpt-web");
    assert_int_equal(explanation->scope, EXPLAIN_SERVICE);
    assert_string_equal(explanation->figure.service, "chatgpt-web");
    explain_free(explanation);
}

static void a_service_without_model_has_requests_only(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;

    use_all(world);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/pictures");
    assert_true(explanation->agrees);
    assert_int_equal(explanation->chain_count, 1);
    assert_int_equal(explanation->chains[0].symbol_count, 0);
    assert_true(contains(explanation, TEXT_FR, "aucun modèle n’est supposé"));
    explain_free(explanation);
}

/* ---- Formulas: their texts, evaluated ---- */

/* What is printed is what is computed. */
static void formulas_say_what_is_computed(void **state)
{
    static const char *const names[] = {"2026-10/DRH/chatgpt-web", "2026-10/DRH/mistral-web",
                                        "2026-10/DRH/claude-web"};
    struct world *world = *state;
    unsigned steps = 0;

    use_all(world);
    report_at(world, LATER);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct explanation *explanation = explain(world, names[i]);
        const struct explain_chain *chain = &explanation->chains[0];

        for (size_t j = 0; j < chain->symbol_count; j++)
            for (int end = IMPACT_LOW; end <= IMPACT_HIGH; end++) {
                const struct explain_symbol *symbol = &chain->symbols[j];

                if (!symbol->formula || (end == IMPACT_CENTRAL && !chain->factors.method_b))
                    continue;
                assert_close(evaluated(chain, symbol->formula, end), symbol->values[end]);
                steps++;
            }
        explain_free(explanation);
    }
    assert_int_equal(steps, 12 * (2 + 3 + 2));
}

/* The chain's centre is the impact of the activity's centre. */
static void chains_end_in_the_impact(void **state)
{
    struct world *world = *state;
    const char *const names[] = {"2026-10/DRH/chatgpt-web", "2026-10/DRH/mistral-web"};

    use(world, NOON, DRH, CHATGPT, 12, MANY);
    use(world, NOON, DRH, MISTRAL, 12, MANY);
    report_at(world, LATER);
    for (int i = 0; i < 2; i++) {
        struct explanation *explanation = explain(world, names[i]);
        const struct explain_chain *chain = &explanation->chains[0];
        const struct explain_symbol *water = NULL;

        for (size_t j = 0; j < chain->symbol_count; j++)
            if (strcmp(chain->symbols[j].name, "water_l") == 0)
                water = &chain->symbols[j];
        assert_non_null(water);
        assert_close(water->values[IMPACT_CENTRAL],
                     explanation->figure.totals.impact.water_l.central);
        assert_close(chain->impact.water_l.low, explanation->figure.totals.impact.water_l.low);
        explain_free(explanation);
    }
}

/* Each model of a mix has a chain, of its share of the same activity, and they make the impact. */
static void a_mix_has_a_chain_for_each_model(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;
    struct impact sum;

    use(world, NOON, DRH, CLAUDE, 12, MANY);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/claude-web");
    assert_int_equal(explanation->chain_count, 2);
    assert_true(explanation->agrees);
    for (size_t i = 0; i < 2; i++) {
        const struct explain_chain *chain = &explanation->chains[i];

        assert_string_equal(chain->model, claude_mix.parts[i].model);
        assert_true(chain->share == claude_mix.parts[i].share);
        assert_memory_equal(&chain->totals, &explanation->figure.totals, sizeof(chain->totals));
        for (size_t j = 0; j < chain->symbol_count; j++)
            if (strcmp(chain->symbols[j].name, "requests") == 0)
                assert_close(chain->symbols[j].values[0], 12 * chain->share);
    }
    sum = impact_add(explanation->chains[0].impact, explanation->chains[1].impact);
    assert_close(sum.energy_kwh.low, explanation->figure.totals.impact.energy_kwh.low);
    assert_close(sum.energy_kwh.central, explanation->figure.totals.impact.energy_kwh.central);
    assert_close(sum.water_l.high, explanation->figure.totals.impact.water_l.high);
    assert_true(contains(explanation, TEXT_EN, "Share of the activity: 0.25"));
    assert_true(contains(explanation, TEXT_EN, "from 2026-10; what we <believe>; grade D"));
    assert_true(contains(explanation, TEXT_FR, "sa classe class/large en tient lieu"));
    assert_true(contains(explanation, JSON, "\"declared_model\": \"anthropic/claude-opus-9\""));
    assert_true(contains(explanation, JSON, "\"from\": \"2026-10\""));
    explain_free(explanation);
}

/* The report lists both, and what is known of them. */
static void the_report_lists_the_models_of_its_month(void **state)
{
    struct world *world = *state;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    use(world, NOON, DRH, CLAUDE, 12, MANY);
    report_at(world, LATER);
    assert_int_equal(world->report->factors.count, 2);
    assert_true(month_write_html(world->report, "en", NULL, 0, stream));
    fclose(stream);
    assert_non_null(
        strstr(text, "anthropic/claude-haiku-4-5 × 0.25<br/>what we &lt;believe&gt; (D)"));
    assert_non_null(strstr(text, "anthropic/claude-opus-9 → class/large × 0.75"));
    free(text);
}

/* ---- The page ---- */

/* Each thing that the page must say, in both languages. */
static void assert_says(const struct explanation *explanation, const char *const words[][2],
                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (int language = 0; language < LANGUAGE_COUNT; language++)
            if (!contains(explanation, (enum format)(HTML_FR + language), words[i][language]))
                fail_msg("\"%s\" is not in the page", words[i][language]);
}

static void the_page_has_a_table_for_each_step(void **state)
{
    static const char *const a[][2] = {
        {"<html lang=\"fr\"", "<html lang=\"en\""},
        {"<h1>D’où vient ce chiffre\u00a0: Ressources humaines, Causette, octobre 2026</h1>",
         "<h1>Where this figure comes from: Ressources humaines, ChatGPT, October 2026</h1>"},
        {"<code>2026-10/DRH/chatgpt-web/energy_kwh</code>",
         "<code>2026-10/DRH/chatgpt-web/energy_kwh</code>"},
        {"iagmeter explain 2026-10/DRH/chatgpt-web --format html",
         "iagmeter explain 2026-10/DRH/chatgpt-web --format html"},
        {"méthode A, modèle openai/gpt-4o", "method A, model openai/gpt-4o"},
        {"<th scope=\"row\"><code>tokens_out</code></th><td>Jetons en sortie</td>",
         "<th scope=\"row\"><code>tokens_out</code></th><td>Output tokens</td>"},
        {"<td class=\"n\">0,569</td><td>L/kWh</td>", "<td class=\"n\">0.569</td><td>L/kWh</td>"},
        {"Source\u00a0: WRI 2020", "Source: WRI 2020"},
        {"Licence\u00a0: MPL-2.0", "Licence: MPL-2.0"},
        {"<caption>gpu_count\u00a0: nombre de GPU</caption>",
         "<caption>gpu_count: number of GPUs</caption>"},
        {"<code>pue · it_kwh</code></td><td class=\"n\">energy_kwh</td>",
         "<code>pue · it_kwh</code></td><td class=\"n\">energy_kwh</td>"},
        {"<code>2^ceil(max(0, log2(1056 / 80)))</code></td><td class=\"n\">16</td>",
         "<code>2^ceil(max(0, log2(1056 / 80)))</code></td><td class=\"n\">16</td>"},
        {"<code>moyenne géométrique</code>", "<code>geometric mean</code>"},
        {"1,166527\u00a0×\u00a010<sup>\u22126</sup> · exp(-0,01120592 · 64)",
         "1.166527\u00a0×\u00a010<sup>\u22126</sup> · exp(-0.01120592 · 64)"},
        {"<td>registre = rapport</td>", "<td>ledger = report</td>"},
        {"Chaque minute recalculée", "Each minute, recomputed"},
        {"</code></td><td>celle qui est installée</td>", "</code></td><td>the installed one</td>"},
    };
    static const char *const b[][2] = {
        {"méthode B", "method B"},
        {"<th scope=\"row\">Central</th><td><code>exp(",
         "<th scope=\"row\">Central</th><td><code>exp("},
    };
    struct world *world = *state;
    struct explanation *explanation;

    use_all(world);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/chatgpt-web");
    assert_says(explanation, a, sizeof(a) / sizeof(a[0]));
    explain_free(explanation);
    explanation = explain(world, "2026-10/DRH/mistral-web");
    assert_says(explanation, b, sizeof(b) / sizeof(b[0]));
    explain_free(explanation);
}

static void the_months_of_a_mix_are_told_as_they_are_known(void **state)
{
    (void)state;
    assert_int_equal(explain_mix_text("2026-05", "2026-10"), TEXT_EXPLAIN_MIX);
    assert_int_equal(explain_mix_text("2026-05", ""), TEXT_EXPLAIN_MIX_FROM);
    assert_int_equal(explain_mix_text("", "2026-10"), TEXT_EXPLAIN_MIX_UNTIL);
    assert_int_equal(explain_mix_text("", ""), TEXT_EXPLAIN_MIX_EVER);
}

/* One chain for each model, of its share. */
static void the_page_shows_a_mix(void **state)
{
    static const struct mix mix = {
        .from_day = INT64_MIN,
        .until_day = INT64_MAX,
        .count = 2,
        .parts = {{"openai/gpt-4o", 0.75}, {"openai/gpt-4o-mini", 0.25}},
        .source = "said <so>",
        .grade = 'D',
    };
    static const char *const words[][2] = {
        {"Causette, openai/gpt-4o</h2>", "ChatGPT, openai/gpt-4o</h2>"},
        {"Causette, openai/gpt-4o-mini</h2>", "ChatGPT, openai/gpt-4o-mini</h2>"},
        {"<p>Part de l’activité\u00a0: 0,25, dans le mélange de modèles supposé, sans limite de "
         "dates",
         "<p>Share of the activity: 0.25, in the mix of models assumed at all times; said "
         "&lt;so&gt;; grade D</p>"},
        {"<td>Requêtes\u00a0: part de ce modèle</td><td class=\"n\">6,75</td><td "
         "class=\"n\">7,5</td><td class=\"n\">8,25</td>",
         "<td>Requests: share of this model</td><td class=\"n\">6.75</td><td "
         "class=\"n\">7.5</td><td class=\"n\">8.25</td>"},
        {"<td class=\"n\">2,25</td><td class=\"n\">2,5</td>",
         "<td class=\"n\">2.25</td><td class=\"n\">2.5</td>"},
    };
    struct world *world = *state;
    struct explanation *explanation;
    char *report;

    assert_true(catalogue_set_mixes(world->config->catalogue, CHATGPT, &mix, 1));
    use(world, NOON, DRH, CHATGPT, 10, MANY);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/chatgpt-web");
    assert_int_equal(explanation->chain_count, 2);
    assert_says(explanation, words, sizeof(words) / sizeof(words[0]));
    explain_free(explanation);
    report = month_page(world);
    assert_non_null(strstr(report, "openai/gpt-4o × 0,75<br/>said &lt;so&gt; (D)</td>"));
    free(report);
}

/* In words, or it is no help to who does not program. */
static void every_symbol_has_a_meaning(void **state)
{
    static const char *const names[] = {"2026-10/DRH/chatgpt-web", "2026-10/DRH/mistral-web",
                                        "2026-10/DRH/claude-web"};
    struct world *world = *state;
    unsigned found = 0;

    use_all(world);
    report_at(world, LATER);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct explanation *explanation = explain(world, names[i]);
        const struct explain_chain *chain = &explanation->chains[0];

        for (size_t j = 0; j < chain->symbol_count; j++)
            for (int language = 0; language < LANGUAGE_COUNT; language++, found++)
                if (!symbol_meaning(chain->symbols[j].name, (enum text_language)language))
                    fail_msg("no words for \"%s\"", chain->symbols[j].name);
        explain_free(explanation);
    }
    assert_true(found > 100);
    assert_null(symbol_meaning("gpu", LANGUAGE_FR));
}

static unsigned count(const char *text, const char *words)
{
    unsigned found = 0;

    for (; (text = strstr(text, words)); text++)
        found++;
    return found;
}

/* The row of each part and of their sum, from the same rounding as in text. */
static void the_page_shows_the_parts(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;
    char *page;

    use_all(world);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH");
    page = written(explanation, HTML_FR);
    assert_int_equal(count(page, "<span class=\"band\"><code>2026-10/DRH/"), SERVICES + 1);
    assert_int_equal(count(page, "<tr class=\"total\">"), 1);
    /* Claude runs two models. */
    assert_int_equal(count(page, "<h2>De l’activité à l’impact"), SERVICES + 1);
    assert_int_equal(count(page, "Images\u00a0: impact non estimé"), 1);
    free(page);
    explain_free(explanation);
    explanation = explain(world, "2026-10/DRH/./water_l");
    page = written(explanation, HTML_EN);
    assert_int_equal(count(page, "<code>2026-10/DRH/./water_l</code>"), 1);
    assert_int_equal(count(page, "<code>2026-10/DRH/./energy_kwh</code>"), 0);
    free(page);
    explain_free(explanation);
}

static void the_page_needs_nothing_else(void **state)
{
    static const char *const names[] = {"2026-10", "2026-10/DRH", "2026-10/DRH/mistral-web"};
    static const char *const outside[] = {
        "<script", "<link", "<img", "src=", "href=", "url(", "@import"};
    struct world *world = *state;
    bool has_xmllint = system("command -v xmllint >/dev/null") == 0;
    char path[100], command[300];

    use_all(world);
    report_at(world, LATER);
    snprintf(path, sizeof(path), "%s/page.html", scratch_directory);
    snprintf(command, sizeof(command), "xmllint --nonet --noout '%s'", path);
    for (size_t i = 0; i < 2 * sizeof(names) / sizeof(names[0]); i++) {
        struct explanation *explanation = explain(world, names[i / 2]);
        char *page = written(explanation, i % 2 ? HTML_EN : HTML_FR);
        FILE *file = fopen(path, "we");

        assert_true(file && fputs(page, file) >= 0 && fclose(file) == 0);
        assert_true(!has_xmllint || system(command) == 0);
        for (size_t j = 0; j < sizeof(outside) / sizeof(outside[0]); j++)
            assert_null(strstr(page, outside[j]));
        free(page);
        explain_free(explanation);
    }
    if (!has_xmllint)
        print_message("no xmllint: well-formedness not checked\n");
}

/* ---- How far it may be off ---- */

static double water_of(const void *context, const struct impact_result *result)
{
    (void)context;
    return result->water_l;
}

static struct explain_margin margin_of(const struct explanation *explanation,
                                       enum month_indicator indicator)
{
    struct explain_margin margins[EXPLAIN_MARGINS];
    size_t found;

    assert_true(explain_margins(explanation, margins, &found));
    for (size_t i = 0; i < found; i++)
        if (margins[i].indicator == indicator)
            return margins[i];
    fail_msg("no margin of \"%s\"", month_indicator_name(indicator));
    return margins[0];
}

static struct sensitivity_bar bar_of(const struct explain_margin *margin,
                                     enum sensitivity_unknown unknown)
{
    for (size_t i = 0; i < margin->bar_count; i++)
        if (margin->bars[i].unknown == unknown)
            return margin->bars[i];
    fail_msg("no bar of \"%s\"", sensitivity_name(unknown));
    return margin->bars[0];
}

/* Of one chain: what the calculator would say of the month's activity as one use. */
static void a_margin_is_that_of_the_sums(void **state)
{
    struct world *world = *state;
    struct sensitivity_case subject = {.factors = world->config->factors,
                                       .random_sigma = sqrt(10 * 90000) / 3018};
    struct sensitivity sensitivity;
    struct explanation *explanation;
    struct explain_margin margin;
    struct uncertainty_interval expected;

    for (int end = IMPACT_LOW; end <= IMPACT_HIGH; end++) {
        static const double requests[] = {9, 10, 11}, in[] = {200, 1000, 3000},
                            out[] = {1000, 3018, 6023};

        subject.work[end] = (struct impact_work){requests[end], in[end], out[end], INFINITY};
    }
    assert_null(impact_resolve(world->config->factors, &services[CHATGPT], &subject.used));
    sensitivity_compute(&subject, &sensitivity);
    use(world, NOON, DRH, CHATGPT, 10, MANY);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/chatgpt-web");
    margin = margin_of(explanation, MONTH_WATER);
    expected = sensitivity_interval(&sensitivity, water_of, NULL,
                                    explanation->figure.totals.impact.water_l.central, 3.3);
    assert_close(margin.likely.p10, expected.p10);
    assert_close(margin.likely.p90, expected.p90);
    assert_memory_equal(&margin.likely.central, &explanation->figure.totals.impact.water_l.central,
                        sizeof(double));
    assert_true(margin.likely.p10 < margin.likely.central);
    assert_true(contains(explanation, TEXT_FR, "  water_l = P10 "));
    assert_true(contains(explanation, TEXT_FR, "\n    erreur de la méthode  "));
    assert_true(contains(explanation, HTML_FR, "<caption>Fourchette vraisemblable</caption>"));
    assert_true(contains(explanation, HTML_EN, "<caption>What moves Energy (kWh), the most first"));
    assert_true(contains(explanation, HTML_FR, "<th scope=\"row\">requêtes servies ensemble"));
    assert_true(contains(explanation, JSON, "\"unknown\": \"error of the method\""));
    explain_free(explanation);
}

static struct impact images_of(const struct month_report *report)
{
    struct units_impact images;

    units_compute(report->config, report->services.rows[0].service,
                  &report->services.rows[0].totals, &images);
    return images.impact;
}

/* In JSON, too: how many, and what they take. */
static void assert_images_besides(const struct explanation *explanation)
{
    char *text = written(explanation, JSON);
    json_t *json = json_loads(text, 0, NULL);
    json_t *activity =
        json_object_get(json_array_get(json_object_get(json, "chains"), 0), "activity");
    json_t *impact = json_object_get(json_object_get(activity, "images_besides"), "impact");

    assert_true(json_real_value(json_object_get(json_object_get(activity, "images"), "high")) ==
                40);
    assert_same(triple_of(json_object_get(impact, "gwp_use_kgco2e")),
                images_of(explanation->report).gwp_use_kgco2e);
    json_decref(json);
    free(text);
}

/* From their number to an impact that is in no total. */
static void images_are_explained_besides(void **state)
{
    struct world *world = *state;
    struct service pictures = services[PICTURES];
    struct explanation *explanation;

    snprintf(pictures.provider, sizeof(pictures.provider), "openai");
    snprintf(pictures.image_model, sizeof(pictures.image_model), "image/sd-3.5-large");
    use(world, NOON, DRH, PICTURES, 10, MANY);
    use(world, NOON + 60, DRH, PICTURES, 10, MANY);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/pictures/images");
    assert_true(explanation->figure.totals.activity.images.central == 20);
    assert_true(
        contains(explanation, TEXT_EN, "Images: 0 / 20 / 40. No figure of impact is known"));
    assert_true(contains(explanation, HTML_EN, "No figure of impact is known"));
    explain_free(explanation);
    assert_true(catalogue_set_service(world->config->catalogue, PICTURES, &pictures));
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/pictures");
    assert_true(contains(explanation, TEXT_EN, "0 / 20 / 40 images × 0.001930416"));
    assert_true(contains(explanation, TEXT_EN, "(image/sd-3.5-large; 2026-02; ML.ENERGY v3"));
    assert_true(contains(explanation, HTML_FR, "Images, en plus du total"));
    assert_true(contains(explanation, JSON, "\"tokens_out_random_sigma\""));
    assert_true(contains(explanation, JSON, "\"image_model\": \"image/sd-3.5-large\""));
    assert_true(contains(explanation, JSON, "\"source\": \"ML.ENERGY v3"));
    assert_images_besides(explanation);
    assert_same(derived_again(world, "2026-10/@images/pictures/energy_kwh"),
                images_of(world->report).energy_kwh);
    assert_same(derived_again(world, "2026-10/@images/pictures/water_l"),
                images_of(world->report).water_l);
    derived_again(world, "2026-10/@images/pictures/it_kwh_of_one");
    assert_true(explanation->recomputed.energy_kwh.high == 0);
    explain_free(explanation);
}

/* The estimates of tokens of two services err as one. */
static void margins_of_services_add_up(void **state)
{
    static const char *const names[] = {"2026-10/DRH/chatgpt-web", "2026-10/DRH/claude-web",
                                        "2026-10/DRH"};
    struct world *world = *state;
    double width[3];
    double fit[3];

    use(world, NOON, DRH, CHATGPT, 10, MANY);
    use(world, NOON, DRH, CLAUDE, 20, MANY);
    use(world, NOON, DRH, PICTURES, 5, MANY); /* has no impact, and no part in this */
    report_at(world, LATER);
    for (int i = 0; i < 3; i++) {
        struct explanation *explanation = explain(world, names[i]);
        struct explain_margin margin = margin_of(explanation, MONTH_ENERGY);
        struct sensitivity_bar bar = bar_of(&margin, SENSITIVITY_TOKENS);

        width[i] = bar.high - bar.low;
        bar = bar_of(&margin, SENSITIVITY_FIT);
        fit[i] = bar.high - bar.low;
        explain_free(explanation);
    }
    assert_close(width[2], width[0] + width[1]);
    assert_true(fit[2] < 0.99 * (fit[0] + fit[1]) && fit[2] > fit[1]);
}

/* What is left would make the whole look surer than it is. */
static void there_are_no_margins_without_a_model(void **state)
{
    struct world *world = *state;
    struct service changed = services[MISTRAL];
    struct explain_margin margins[EXPLAIN_MARGINS];
    struct explanation *explanation;
    size_t found;

    use(world, NOON, DRH, CHATGPT, 10, MANY);
    use(world, NOON, DRH, MISTRAL, 20, MANY);
    changed.model[0] = '\0';
    assert_true(catalogue_set_service(world->config->catalogue, MISTRAL, &changed));
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH");
    assert_true(explain_margins(explanation, margins, &found));
    assert_int_equal(found, 0);
    assert_true(contains(explanation, HTML_FR, "P10 et P90 ne sont pas donnés"));
    assert_true(contains(explanation, TEXT_EN, "has no model any more"));
    assert_true(contains(explanation, JSON, "\"uncertainty\": {}"));
    /* Its impact is in the figure: it is not "not estimated". */
    assert_false(contains(explanation, TEXT_EN, "impact not estimated"));
    assert_true(contains(explanation, TEXT_EN, "Le Chat: recorded with a model that"));
    assert_true(contains(explanation, HTML_FR, "ne nomme plus"));
    explain_free(explanation);
    explanation = explain(world, "2026-10/DRH/./requests");
    assert_false(contains(explanation, TEXT_EN, "P10"));
    explain_free(explanation);
    explanation = explain(world, "2026-10/DRH/chatgpt-web");
    assert_true(explain_margins(explanation, margins, &found));
    assert_int_equal(found, EXPLAIN_MARGINS);
    explain_free(explanation);
}

static void margins_are_of_what_is_asked(void **state)
{
    struct explain_margin margins[EXPLAIN_MARGINS];
    struct world *world = *state;
    struct explanation *explanation;
    size_t found;

    use(world, NOON, DRH, CHATGPT, 10, MANY);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/./gwp_use_kgco2e");
    assert_true(explain_margins(explanation, margins, &found));
    assert_int_equal(found, 1);
    assert_int_equal(margins[0].indicator, MONTH_GWP_USE);
    assert_true(explain_margin_is_headline(explanation, margins));
    explain_free(explanation);
    explanation = explain(world, "2026-10/DRH/./requests");
    assert_true(explain_margins(explanation, margins, &found));
    assert_int_equal(found, 0);
    assert_false(contains(explanation, HTML_EN, "P10"));
    assert_false(contains(explanation, TEXT_EN, "P10"));
    explain_free(explanation);
}

/* With a mix, each model has its share of the activity only. */
static void a_mix_of_one_model_twice_is_that_model(void **state)
{
    static const struct mix mix = {
        .from_day = INT64_MIN,
        .until_day = INT64_MAX,
        .count = 2,
        .parts = {{"openai/gpt-4o", 0.75}, {"openai/gpt-4o", 0.25}},
        .source = "a test",
        .grade = 'D',
    };
    struct world *world = *state;
    struct explanation *explanation;
    struct explain_margin alone, split;

    use(world, NOON, DRH, CHATGPT, 10, MANY);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/chatgpt-web");
    alone = margin_of(explanation, MONTH_ENERGY);
    explain_free(explanation);
    assert_true(catalogue_set_mixes(world->config->catalogue, CHATGPT, &mix, 1));
    explanation = explain(world, "2026-10/DRH/chatgpt-web");
    split = margin_of(explanation, MONTH_ENERGY);
    explain_free(explanation);
    assert_int_equal(split.bar_count, alone.bar_count);
    for (int unknown = SENSITIVITY_MODEL; unknown <= SENSITIVITY_FIT; unknown++)
        assert_close(bar_of(&split, (enum sensitivity_unknown)unknown).high,
                     bar_of(&alone, (enum sensitivity_unknown)unknown).high);
    assert_close(bar_of(&split, SENSITIVITY_TOKENS).high, bar_of(&alone, SENSITIVITY_TOKENS).high);
}

/* ---- Recorded otherwise ---- */

static void tells_another_vintage(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;

    use(world, NOON, DRH, CHATGPT, 10, MANY);
    use(world, NOON, DSN, CHATGPT, 10, MANY);
    world_record_with(world, "2025-draft", DIGEST + 1);
    use_times(world, NOON + 60, DRH, CHATGPT, 10, MANY, 2);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/chatgpt-web");
    assert_false(explanation->agrees);
    assert_int_equal(explanation->reasons, EXPLAIN_OTHER_VINTAGE);
    assert_close(explanation->difference, 0.5);
    assert_close(explanation->recomputed.energy_kwh.central * 3 / 2,
                 explanation->figure.totals.impact.energy_kwh.central);
    assert_int_equal(explanation->set_count, 2);
    assert_true(contains(explanation, TEXT_FR, "millésime qui n’est plus celui installé"));
    assert_true(contains(explanation, TEXT_FR, "d’au plus 50"));
    assert_true(contains(explanation, HTML_FR, "d’au plus 50"));
    assert_true(contains(explanation, HTML_FR, "<li>une partie a été enregistrée"));
    assert_false(contains(explanation, HTML_FR, "Chaque minute recalculée"));
    assert_true(contains(explanation, TEXT_EN, "2025-draft"));
    assert_true(contains(explanation, JSON, "\"other-vintage\""));
    explain_free(explanation);
    explanation = explain(world, "2026-10/DSN/chatgpt-web");
    assert_true(explanation->agrees);
    assert_int_equal(explanation->reasons, 0);
    explain_free(explanation);
}

/* The same vintage from other files; files that give the same impact are no difference. */
static void tells_other_files(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;

    world_record_with(world, factors_vintage(world->config->factors), DIGEST + 1);
    use(world, NOON, DRH, CHATGPT, 10, MANY);
    use_times(world, NOON, DRH, CLAUDE, 10, MANY, 1.001);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/chatgpt-web");
    assert_true(explanation->agrees);
    assert_true(contains(explanation, TEXT_FR, "une autre que celle qui est installée"));
    explain_free(explanation);
    explanation = explain(world, "2026-10/DRH/claude-web");
    assert_int_equal(explanation->reasons, EXPLAIN_OTHER_FILES);
    assert_true(contains(explanation, TEXT_FR, "d’au plus 0,0999"));
    assert_true(contains(explanation, HTML_EN, "by at most 0.0999"));
    explain_free(explanation);
}

static void tells_a_minute_counted_in_parts(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;

    use(world, NOON, DRH, CHATGPT, 10, MANY);
    use(world, NOON, DRH, CHATGPT, 0.1, MANY);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/chatgpt-web");
    assert_false(explanation->agrees);
    assert_int_equal(explanation->reasons, EXPLAIN_SEVERAL_COUNTS);
    assert_true(explanation->difference < 0.1);
    explain_free(explanation);
}

static void tells_a_model_that_came_or_went(void **state)
{
    struct world *world = *state;
    struct service changed = services[CHATGPT];
    struct explanation *explanation;

    use(world, NOON, DRH, CHATGPT, 10, MANY);
    use(world, NOON, DRH, PICTURES, 10, MANY);
    changed.model[0] = '\0';
    assert_true(catalogue_set_service(world->config->catalogue, CHATGPT, &changed));
    changed = services[CLAUDE];
    snprintf(changed.id, sizeof(changed.id), "pictures");
    assert_true(catalogue_set_service(world->config->catalogue, PICTURES, &changed));
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH");
    assert_int_equal(explanation->reasons, EXPLAIN_NO_FACTORS | EXPLAIN_RECORDED_WITHOUT);
    assert_adds_up(explanation);
    explain_free(explanation);
}

static void notices_that_the_ledger_changed(void **state)
{
    struct world *world = *state;

    use(world, NOON, DRH, CHATGPT, 10, MANY);
    report_at(world, LATER);
    use(world, NOON, DRH, CHATGPT, 1, MANY);
    assert_non_null(strstr(refused(world, "2026-10/DRH", EXPLAIN_NOTHING), "try again"));
}

/* ---- What is folded ---- */

/* Cabinet: two devices on ChatGPT, one on Claude, which nobody else uses; hidden with DSN's
 * Mistral. */
static void use_with_small_cells(struct world *world)
{
    use(world, NOON, DRH, CHATGPT, 100, 50);
    use(world, NOON, DSN, CHATGPT, 90, 30);
    use(world, NOON, DSN, MISTRAL, 37, 9);
    use(world, NOON, CABINET, CHATGPT, 7, 2);
    use(world, NOON, CABINET, CLAUDE, 5, 1);
}

/* What a factor covers is told in the language of the reader. */
static void scopes_are_told_in_both_languages(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;

    use(world, NOON, DRH, CHATGPT, 100, MANY);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/chatgpt-web");
    for (enum format format = TEXT_FR; format <= HTML_EN; format++) {
        bool is_french = format == TEXT_FR || format == HTML_FR;

        assert_int_equal(contains(explanation, format, "ce qu’EcoLogits suppose"), is_french);
        assert_int_equal(contains(explanation, format, "what EcoLogits assumes"), !is_french);
    }
    explain_free(explanation);
}

/* A part so small that the decimals of its column show nothing of it. */
static void parts_that_round_to_nothing_are_not_nothing(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;
    char *text, *row;
    size_t found = 0;

    use(world, NOON, DRH, CHATGPT, 1e6, MANY);
    use(world, NOON, DSN, CHATGPT, 0.0005, MANY);
    report_at(world, LATER);
    explanation = explain(world, "2026-10");
    text = written(explanation, TEXT_FR);
    row = strstr(text, "2026-10/DSN/.");
    assert_non_null(row);
    *strchr(row, '\n') = '\0';
    for (; (row = strstr(row, "<\u00a0")); row++)
        found++;
    assert_int_equal(found, 5 * 3 + 1); /* of tokens put out there are some */
    free(text);
    explain_free(explanation);
}

static void tells_nothing_of_small_cells(void **state)
{
    static const char *const names[] = {
        "2026-10",     "2026-10/other",       "2026-10/./other",
        "2026-10/DSN", "2026-10/chatgpt-web", "2026-10/DSN/chatgpt-web"};
    static const char *const hidden[] = {"CAB",     "Cabinet", "claude",      "Claude",
                                         "mistral", "Le Chat", "La Causette", "opus"};
    struct world *world = *state;

    use_with_small_cells(world);
    report_at(world, LATER);
    assert_int_equal(world->report->suppressed, SUPPRESS_MERGED);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct explanation *explanation = explain(world, names[i]);

        for (size_t j = 0; j < sizeof(hidden) / sizeof(hidden[0]); j++)
            assert_nowhere(explanation, hidden[j]);
        assert_true(explanation->agrees && explanation->recomputed_is_shown);
        assert_true(explanation->scope == EXPLAIN_OTHER || explanation->chain_count == 1);
        if (explanation->part_count > 0)
            assert_adds_up(explanation);
        explain_free(explanation);
    }
}

/* Of none of these has the report a figure, and the sentence is the same whether there was any use.
 */
static void figures_of_small_cells_are_refused_alike(void **state)
{
    static const char *const names[] = {
        "@direction/CAB/energy_share",
        "@direction/CAB/gwp_gco2e_per_agent",
        "@direction/NOBODY/energy_share",
        "@service/claude-web/tokens_out_random_sigma",
        "@service/mistral-web/energy_share",
        "@service/pictures/energy_share",
        "@images/claude-web/energy_kwh",
        "@variant/method-b/CAB/chatgpt-web/energy_kwh",
        "@variant/method-b/CAB/claude-web/energy_kwh",
        "@variant/method-b/DRH/claude-web/energy_kwh",
        "@variant/method-b/CAB/./energy_kwh",
        "@variant/method-b/./claude-web/energy_kwh",
        "@variant/method-b/other/./energy_kwh",
        "@variant/method-a/DSN/mistral-web/energy_kwh",
        "@variant/report/DSN/mistral-web/energy_kwh",
        "@french-hours/CAB/chatgpt-web/energy_kwh",
        "@host-device/gpu0/energy_j",
        "@host-tokens/claude-web/captured_requests",
        "@restated/1/energy_kwh",
    };
    struct world *world = *state;

    use_with_small_cells(world);
    report_at(world, LATER);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[120], error[400];
        char *argument = name;
        struct explain_query query;
        struct derived *derived;

        snprintf(name, sizeof(name), "2026-10/%s", names[i]);
        assert_true(explain_parse(&argument, 1, &query));
        assert_int_equal(derived_build(world->report, &query, &derived, error, sizeof(error)),
                         EXPLAIN_NOTHING);
        assert_null(derived);
        assert_true(strncmp(error, "the report of 2026-10 has no figure \"@", 38) == 0);
    }
}

/* Nor do the figures that it has tell of them, with all their terms and chains. */
static void figures_tell_nothing_of_small_cells(void **state)
{
    static const char *const names[] = {"@total/./tokens_out_random_sigma",
                                        "@total/./energy_share",
                                        "@direction/other/energy_share",
                                        "@service/other/energy_share",
                                        "@direction/DSN/energy_share",
                                        "@per-request/./energy_wh",
                                        "@variant/method-b/energy_kwh",
                                        "@variant/method-b/DSN/./energy_kwh",
                                        "@variant/method-a/./chatgpt-web/water_l"};
    static const char *const hidden[] = {"CAB",     "Cabinet", "claude",      "Claude",
                                         "mistral", "Le Chat", "La Causette", "opus"};
    struct world *world = *state;

    use_with_small_cells(world);
    report_at(world, LATER);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[120];
        char *text;

        snprintf(name, sizeof(name), "2026-10/%s", names[i]);
        text = derived_text(world, name);
        for (size_t j = 0; j < sizeof(hidden) / sizeof(hidden[0]); j++)
            if (strstr(text, hidden[j]))
                fail_msg("%s tells \"%s\"", name, hidden[j]);
        free(text);
    }
}

static void the_rest_is_one_sum(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;

    use_with_small_cells(world);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/other");
    assert_int_equal(explanation->scope, EXPLAIN_OTHER);
    assert_int_equal(explanation->part_count, 0);
    assert_int_equal(explanation->chain_count, 0);
    assert_int_equal(explanation->minutes, 0);
    assert_close(explanation->figure.totals.activity.requests.central, 37 + 7 + 5);
    assert_close(explanation->recomputed.water_l.high,
                 explanation->figure.totals.impact.water_l.high);
    assert_true(contains(explanation, TEXT_FR, "Autres"));
    assert_false(contains(explanation, JSON, "\"minutes\""));
    assert_true(contains(explanation, JSON, "\"uncertainty\": {}"));
    explain_free(explanation);
    /* Two of the three parts of this total could be asked for, and the third is the rest. */
    explanation = explain(world, "2026-10");
    assert_int_equal(explanation->part_count, 3);
    assert_string_equal(explanation->parts[2].direction, MONTH_OTHER);
    assert_true(contains(explanation, JSON, "\"uncertainty\": {}"));
    assert_true(contains(explanation, HTML_FR, "P10 et P90 ne sont pas donnés"));
    assert_true(contains(explanation, TEXT_EN, "P10 and P90 are not given"));
    explain_free(explanation);
}

/* A pair that is hidden, one without any use, and a name that is not in the report. */
static void small_cells_and_none_are_refused_alike(void **state)
{
    static const char *const names[] = {"CAB",        "DSN/mistral-web", "DRH/mistral-web",
                                        "claude-web", "DRH/claude-web",  "CAB/chatgpt-web",
                                        "DRH/other",  "pictures",        "other/chatgpt-web",
                                        "CAB/other",  "./mistral-web",   "other/other"};
    struct world *world = *state;
    char name[80];

    use_with_small_cells(world);
    report_at(world, LATER);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(name, sizeof(name), "2026-10/%s", names[i]);
        assert_non_null(strstr(refused(world, name, EXPLAIN_NOTHING), "no figure of its own"));
    }
}

/* A second computation with other factors is a second equation. */
static void the_rest_is_not_computed_with_other_factors(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;

    use_with_small_cells(world);
    world->config->digest++;
    report_at(world, LATER);
    explanation = explain(world, "2026-10/other");
    assert_false(explanation->recomputed_is_shown);
    assert_true(contains(explanation, JSON, "\"recomputed\": null"));
    assert_true(contains(explanation, TEXT_FR, "n’est pas recalculé"));
    assert_true(contains(explanation, HTML_FR, "n’est pas recalculé"));
    assert_false(contains(explanation, HTML_FR, "minute par minute"));
    assert_false(contains(explanation, TEXT_FR, "minute par minute"));
    explain_free(explanation);
    explanation = explain(world, "2026-10");
    assert_false(explanation->recomputed_is_shown);
    assert_true(contains(explanation, JSON, "\"recomputed\": null"));
    assert_adds_up(explanation);
    explain_free(explanation);
    explanation = explain(world, "2026-10/DRH");
    assert_true(explanation->recomputed_is_shown && explanation->agrees);
    explain_free(explanation);
}

static void a_total_alone_has_no_parts(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;

    use(world, NOON, DRH, CHATGPT, 100, WORLD_THRESHOLD);
    use(world, NOON, DSN, CLAUDE, 90, 4);
    report_at(world, LATER);
    assert_int_equal(world->report->suppressed, SUPPRESS_ALL);
    explanation = explain(world, "2026-10");
    assert_int_equal(explanation->part_count, 0);
    assert_int_equal(explanation->chain_count, 0);
    assert_close(explanation->figure.totals.activity.requests.central, 190);
    assert_true(explanation->agrees);
    assert_nowhere(explanation, "DRH");
    assert_nowhere(explanation, "claude");
    explain_free(explanation);
    refused(world, "2026-10/DRH", EXPLAIN_NOTHING);
    refused(world, "2026-10/other", EXPLAIN_NOTHING);
}

static void what_is_withheld_stays_so(void **state)
{
    struct world *world = *state;

    use(world, NOON, DRH, CHATGPT, 100, 2);
    report_at(world, LATER);
    assert_true(world->report->withheld);
    assert_non_null(
        strstr(refused(world, "2026-10", EXPLAIN_NOTHING), "with 5 devices on one day"));
    refused(world, "2026-10/DRH", EXPLAIN_NOTHING);
    refused(world, "2026-10/chatgpt-web", EXPLAIN_NOTHING);
}

/* ---- Bad input ---- */

static void refuses_unknown_names(void **state)
{
    struct world *world = *state;

    use_all(world);
    report_at(world, LATER);
    assert_non_null(strstr(refused(world, "2026-10/NOPE", EXPLAIN_USAGE), "direction \"NOPE\""));
    assert_non_null(strstr(refused(world, "2026-10/DRH/no", EXPLAIN_USAGE), "service \"no\""));
    assert_non_null(strstr(refused(world, "2026-10/DRH/./kWh", EXPLAIN_USAGE), "indicator"));
    refused(world, "2026-10/", EXPLAIN_USAGE);
    refused(world, "2026-10/chatgpt-web/DRH", EXPLAIN_USAGE);
}

/* The id of what is computed from others goes on to the indicator. */
static void parses_ids_with_a_stroke(void **state)
{
    char whole[] = "2026-10/@variant/method-b/DRH/chatgpt-web/water_l";
    char month[] = "2026-10", scope[] = "@host-device", id[] = "rapl/package-0",
         last[] = "energy_j";
    char other[] = "2026-10/DRH/chatgpt-web/water_l/more";
    char *arguments[] = {whole}, *apart[] = {month, scope, id, last}, *wrong[] = {other};
    char *too_many[] = {month, scope, last, last, last};
    struct explain_query query;

    (void)state;
    assert_true(explain_parse(arguments, 1, &query));
    assert_string_equal(query.direction, "@variant");
    assert_string_equal(query.service, "method-b/DRH/chatgpt-web");
    assert_string_equal(query.indicator, "water_l");
    assert_true(explain_parse(apart, 4, &query));
    assert_string_equal(query.service, "rapl/package-0");
    assert_string_equal(query.indicator, "energy_j");
    assert_false(explain_parse(wrong, 1, &query));
    assert_false(explain_parse(too_many, 5, &query));
}

/* With its own factors: of all, of one pair, and of a service or direction. */
static void a_variant_has_chains_of_its_own(void **state)
{
    struct world *world = *state;
    struct derived *derived;
    char *text;

    use_all(world);
    report_at(world, LATER);
    derived = derive(world, "2026-10/@variant/method-b/DRH/chatgpt-web/energy_kwh");
    assert_int_equal(derived->chain_count, 1);
    assert_non_null(derived->chains[0].factors.method_b);
    assert_same(derived->chains[0].impact.energy_kwh, derived->value);
    derived_free(derived);
    derived = derive(world, "2026-10/@variant/method-a/DRH/mistral-web/gwp_use_kgco2e");
    assert_null(derived->chains[0].factors.method_b); /* which the service has */
    derived_free(derived);
    /* Two models. */
    derived = derive(world, "2026-10/@variant/method-b/DRH/claude-web/adpe_kgsb");
    assert_int_equal(derived->chain_count, 2);
    assert_int_equal(derived->term_count, 2);
    assert_same(
        triple_add(derived->chains[0].impact.adpe_kgsb, derived->chains[1].impact.adpe_kgsb),
        derived->value);
    derived_free(derived);
    derived = derive(world, "2026-10/@variant/method-b/energy_kwh");
    assert_int_equal(derived->term_count, (1 + DIRECTIONS) * (SERVICES - 1)); /* but pictures */
    assert_string_equal(strrchr(derived->terms[0].source, '/'), "/energy_kwh");
    assert_non_null(strstr(derived->terms[0].source, "2026-10/@variant/method-b/"));
    derived_free(derived);
    derived = derive(world, "2026-10/@variant/method-b/./claude-web/energy_kwh");
    assert_int_equal(derived->term_count, 1 + DIRECTIONS);
    derived_free(derived);
    text = derived_text(world, "2026-10/@variant/method-b/DRH/chatgpt-web/water_l");
    assert_non_null(strstr(text, "  joules_per_token = exp(intercept + "));
    assert_non_null(strstr(text, "  host_share = "));
    assert_non_null(strstr(text, "\"method\": \"B\""));
    assert_non_null(strstr(text, "<code>host_share</code>"));
    free(text);
}

static void parses_names(void **state)
{
    char first[] = "2026-10/DRH", second[] = "chatgpt-web/water_l", third[] = "more";
    char *arguments[] = {first, second, third};
    struct explain_query query;

    (void)state;
    assert_true(explain_parse(arguments, 2, &query));
    assert_string_equal(query.direction, "DRH");
    assert_string_equal(query.service, "chatgpt-web");
    assert_string_equal(query.indicator, "water_l");
    strcpy(first, "2026-10/DRH");
    strcpy(second, "chatgpt-web/water_l");
    assert_false(explain_parse(arguments, 3, &query));
    assert_false(explain_parse(arguments, 0, &query));
    strcpy(first, "2026-10");
    assert_true(explain_parse(arguments, 1, &query));
    assert_string_equal(query.direction, MONTH_ALL);
    assert_string_equal(query.service, MONTH_ALL);
    assert_null(query.indicator);
}

static void one_indicator_alone(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;

    use_all(world);
    report_at(world, LATER);
    explanation = explain(world, "2026-10/DRH/chatgpt-web/water_l");
    assert_int_equal(explanation->indicator, MONTH_WATER);
    assert_true(contains(explanation, TEXT_FR, "2026-10/DRH/chatgpt-web/water_l"));
    assert_false(contains(explanation, JSON, "2026-10/DRH/chatgpt-web/energy_kwh"));
    explain_free(explanation);
}

static void a_running_month_is_provisional(void **state)
{
    struct world *world = *state;
    struct explanation *explanation;

    use_all(world);
    report_at(world, NOON + 3600);
    explanation = explain(world, "2026-10/DRH");
    assert_true(contains(explanation, TEXT_FR, "Rapport provisoire, à ne pas publier"));
    assert_true(contains(explanation, HTML_FR, "Rapport provisoire, à ne pas publier"));
    assert_true(contains(explanation, JSON, "\"running\": true"));
    explain_free(explanation);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_name_in_the_report_is_explained),
        TEST(html_names_each_figure_once),
        TEST(parts_add_up_to_the_last_bit),
        TEST(a_pair_is_its_minutes),
        TEST(one_name_alone_may_be_a_service),
        TEST(a_service_without_model_has_requests_only),
        TEST(formulas_say_what_is_computed),
        TEST(chains_end_in_the_impact),
        TEST(a_mix_has_a_chain_for_each_model),
        TEST(the_report_lists_the_models_of_its_month),
        TEST(the_page_has_a_table_for_each_step),
        TEST(the_months_of_a_mix_are_told_as_they_are_known),
        TEST(the_page_shows_a_mix),
        TEST(every_symbol_has_a_meaning),
        TEST(the_page_shows_the_parts),
        TEST(the_page_needs_nothing_else),
        TEST(a_margin_is_that_of_the_sums),
        TEST(margins_of_services_add_up),
        TEST(images_are_explained_besides),
        TEST(there_are_no_margins_without_a_model),
        TEST(margins_are_of_what_is_asked),
        TEST(a_mix_of_one_model_twice_is_that_model),
        TEST(tells_another_vintage),
        TEST(tells_other_files),
        TEST(tells_a_minute_counted_in_parts),
        TEST(tells_a_model_that_came_or_went),
        TEST(notices_that_the_ledger_changed),
        TEST(parts_that_round_to_nothing_are_not_nothing),
        TEST(scopes_are_told_in_both_languages),
        TEST(tells_nothing_of_small_cells),
        TEST(figures_of_small_cells_are_refused_alike),
        TEST(figures_tell_nothing_of_small_cells),
        TEST(a_variant_has_chains_of_its_own),
        TEST(the_rest_is_one_sum),
        TEST(small_cells_and_none_are_refused_alike),
        TEST(the_rest_is_not_computed_with_other_factors),
        TEST(a_total_alone_has_no_parts),
        TEST(what_is_withheld_stays_so),
        TEST(refuses_unknown_names),
        cmocka_unit_test(parses_names),
        cmocka_unit_test(parses_ids_with_a_stroke),
        TEST(one_indicator_alone),
        TEST(a_running_month_is_provisional),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
