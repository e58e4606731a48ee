/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "reports/symbols.h"
#include "tests/reports/formula.h"
#include "tests/reports/hostworld.h"
#include "tests/reports/readable.h"

#define HYBRID                                                                                     \
    "sharing = ( { from = \"2026-01\"; key = \"hybrid\"; usage_share = 0.5; entitlement = (\n"     \
    "  { direction = \"DSN\"; share = 0.6; }, { direction = \"RH\"; share = 0.4; } ); } );\n"

static struct month_report *report;

static enum explain_status ask(const char *name, struct explanation **out)
{
    char *text = strdup(name);
    char error[300] = "";
    struct explain_query query;
    enum explain_status status;

    assert_true(explain_parse(&text, 1, &query));
    status = explain_build(host_ledger, report, &query, out, error, sizeof(error));
    if (status == EXPLAIN_OK)
        assert_string_equal(error, "");
    free(text);
    return status;
}

static struct explanation *explain(const char *name)
{
    struct explanation *explanation;

    if (!report)
        report = host_report();
    assert_int_equal(ask(name, &explanation), EXPLAIN_OK);
    return explanation;
}

static int teardown(void **state)
{
    month_free(report);
    report = NULL;
    return host_teardown(state);
}

static double value_of(const struct explain_chain *chain, const char *name)
{
    for (size_t i = 0; i < chain->symbol_count; i++)
        if (strcmp(chain->symbols[i].name, name) == 0)
            return chain->symbols[i].values[IMPACT_CENTRAL];
    fail_msg("no %s in the chain of %s", name, chain->id);
    return NAN;
}

/* What is recomputed is the figure, to the last bit but for rounding. */
static void assert_recomputed(const struct explanation *explanation)
{
    const struct impact *figure = &explanation->figure.totals.impact;

    assert_true(explanation->agrees);
    assert_true(explanation->recomputed_is_shown);
    assert_close(explanation->recomputed.energy_kwh.low, figure->energy_kwh.low);
    assert_close(explanation->recomputed.energy_kwh.central, figure->energy_kwh.central);
    assert_close(explanation->recomputed.energy_kwh.high, figure->energy_kwh.high);
    assert_close(explanation->recomputed.water_l.central, figure->water_l.central);
    assert_close(explanation->recomputed.gwp_embodied_kgco2e.central,
                 figure->gwp_embodied_kgco2e.central);
}

static void follows_use_to_joules(void **state)
{
    struct explanation *explanation;
    const struct explain_chain *chain;

    (void)state;
    host_month();
    explanation = explain("2026-10/DSN/" MISTRAL);
    chain = &explanation->chains[0];
    assert_recomputed(explanation);
    assert_int_equal(explanation->minutes, 1);
    assert_int_equal(explanation->chain_count, 1);
    assert_close(value_of(chain, "energy_j"), HOST_DSN_J);
    assert_close(value_of(chain, "energy_kwh"), HOST_DSN_J / HOST_J_PER_KWH * HOST_PUE);
    assert_close(chain->impact.energy_kwh.central,
                 explanation->figure.totals.impact.energy_kwh.central);
    assert_int_equal(explanation->device_count, 4);
    assert_close(explanation->devices[0].share_j, 3000);
    assert_close(explanation->devices[2].share_j, 1500);
    assert_close(explanation->replayed_j, HOST_DSN_J);
    assert_close(explanation->used_j, HOST_DSN_J);
    explain_free(explanation);
}

static void follows_the_key(void **state)
{
    struct explanation *explanation;
    const struct explain_chain *chain;

    (void)state;
    host_month();
    explanation = explain("2026-10/DSN/" COMMON);
    chain = &explanation->chains[0];
    assert_recomputed(explanation);
    assert_int_equal(explanation->minutes, 3);
    assert_close(value_of(chain, "common_energy_j"), HOST_COMMON_J);
    assert_close(value_of(chain, "weight"), 300);
    assert_close(value_of(chain, "weights"), 800);
    assert_close(value_of(chain, "share"), 3.0 / 8);
    assert_close(value_of(chain, "energy_j"), HOST_COMMON_J * 3 / 8);
    assert_close(value_of(chain, "host_s"), HOST_MINUTES_S * 3 / 8);
    assert_close(chain->impact.gwp_embodied_kgco2e.central,
                 explanation->figure.totals.impact.gwp_embodied_kgco2e.central);
    explain_free(explanation);
}

static void check_formulas(const struct explain_chain *chain, unsigned *steps)
{
    for (size_t i = 0; i < chain->symbol_count; i++)
        for (int end = IMPACT_LOW; end <= IMPACT_HIGH; end++) {
            const struct explain_symbol *symbol = &chain->symbols[i];

            for (int language = 0; language < LANGUAGE_COUNT; language++)
                if (!symbol_meaning(symbol->name, (enum text_language)language))
                    fail_msg("no words for \"%s\"", symbol->name);
            if (!symbol->formula)
                continue;
            assert_close(evaluated(chain, symbol->formula, end), symbol->values[end]);
            ++*steps;
        }
}

static void formulas_say_what_is_computed(void **state)
{
    static const char *const names[] = {"2026-10/DSN/" MISTRAL, "2026-10/DSN/" COMMON};
    unsigned steps = 0;

    (void)state;
    host_configure(HYBRID);
    host_month();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct explanation *explanation = explain(names[i]);

        check_formulas(&explanation->chains[0], &steps);
        explain_free(explanation);
    }
    assert_int_equal(steps, 3 * (6 + 6 + 3));
}

static void sums_are_those_of_the_report(void **state)
{
    static const char *const names[] = {"2026-10/DSN", "2026-10/./" COMMON,    "2026-10/./" MISTRAL,
                                        "2026-10",     "2026-10/VOIRIE/" QWEN, "2026-10/RH"};

    (void)state;
    host_month();
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct explanation *explanation = explain(names[i]);

        assert_recomputed(explanation);
        explain_free(explanation);
    }
}

static void tells_nothing_of_few_devices(void **state)
{
    struct explanation *explanation, *refused = NULL;

    (void)state;
    host_facts(HOST_MANY, HOST_FEW, HOST_MANY);
    host_use(HOST_NOON + 60, "CULTURE", QWEN, 400, 4);
    host_share(HOST_NOON + 180);
    explanation = explain("2026-10/DSN/" MISTRAL);
    assert_recomputed(explanation);
    assert_int_equal(explanation->device_count, 0); /* gpu0 less DSN would be RH */
    assert_true(explanation->devices_withheld);
    explain_free(explanation);
    assert_int_equal(ask("2026-10/RH/" COMMON, &refused), EXPLAIN_NOTHING);
    assert_int_equal(ask("2026-10/RH/" MISTRAL, &refused), EXPLAIN_NOTHING);
    explanation = explain("2026-10");
    assert_true(explanation->has_folded);
    assert_recomputed(explanation);
    explain_free(explanation);
    explanation = explain("2026-10/other");
    assert_recomputed(explanation);
    explain_free(explanation);
}

static void tells_another_host_conf(void **state)
{
    struct explanation *explanation;

    (void)state;
    host_month();
    host_config->host->pue.value = 1.5;
    host_config->digest++; /* as it would be */
    explanation = explain("2026-10/DSN/" COMMON);
    assert_false(explanation->agrees);
    assert_int_equal(explanation->reasons, EXPLAIN_OTHER_FILES);
    assert_close(explanation->recomputed.energy_kwh.central,
                 explanation->figure.totals.impact.energy_kwh.central / HOST_PUE * 1.5);
    explain_free(explanation);
}

static const struct sensitivity_bar *bar_of(const struct explain_margin *margin,
                                            enum sensitivity_unknown unknown)
{
    for (size_t i = 0; i < margin->bar_count; i++)
        if (margin->bars[i].unknown == unknown)
            return &margin->bars[i];
    return NULL;
}

static void the_key_is_a_bar(void **state)
{
    struct explain_margin margins[EXPLAIN_MARGINS];
    struct explanation *explanation;
    const struct sensitivity_bar *bar;
    double base;
    size_t count;

    (void)state;
    host_configure(HYBRID);
    host_month();
    explanation = explain("2026-10/DSN/" COMMON);
    base = explanation->figure.totals.impact.energy_kwh.central;
    assert_true(explain_margins(explanation, margins, &count));
    assert_int_equal(margins[0].indicator, MONTH_ENERGY);
    bar = bar_of(&margins[0], SENSITIVITY_KEY);
    assert_non_null(bar);
    /* 0.375 by use, 0.6 by entitlement, half of each in force. */
    assert_close(bar->low, base * 0.375 / 0.4875);
    assert_close(bar->high, base * 0.6 / 0.4875);
    bar = bar_of(&margins[0], SENSITIVITY_ENERGY);
    assert_close(bar->low, 0.98 * base);
    assert_close(bar->high, 1.02 * base);
    /* A choice is no error. */
    assert_true(margins[0].likely.p10 > 0.97 * base && margins[0].likely.p90 < 1.03 * base);
    explain_free(explanation);
    explanation = explain("2026-10/DSN/" MISTRAL);
    assert_true(explain_margins(explanation, margins, &count));
    assert_null(bar_of(&margins[0], SENSITIVITY_KEY));
    assert_non_null(bar_of(&margins[0], SENSITIVITY_ENERGY));
    explain_free(explanation);
}

/* Where only the declared part is shown, the other keys would tell the use. */
static void no_bar_tells_hidden_use(void **state)
{
    struct explain_margin margins[EXPLAIN_MARGINS];
    struct explanation *explanation;
    size_t count;

    (void)state;
    host_configure("sharing = ( { from = \"2026-01\"; key = \"entitlement\"; entitlement = (\n"
                   "  { direction = \"DSN\"; share = 0.6; }, { direction = \"RH\"; share = 0.4; } "
                   "); } );\n");
    host_facts(HOST_MANY, 4, 4);
    host_share(HOST_NOON + 180);
    explanation = explain("2026-10/RH/" COMMON);
    assert_recomputed(explanation);
    assert_true(explain_margins(explanation, margins, &count));
    assert_null(bar_of(&margins[0], SENSITIVITY_KEY));
    explain_free(explanation);
}

static char *written(const struct explanation *explanation, const char *format)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (strcmp(format, "json") == 0)
        assert_true(explain_write_json(explanation, stream));
    else if (strcmp(format, "html") == 0)
        assert_true(explain_write_html(explanation, LANGUAGE_FR, stream));
    else
        assert_true(explain_write_text(explanation, LANGUAGE_EN, stream));
    fclose(stream);
    readable_assert(text, strcmp(format, "json") != 0);
    return text;
}

static void assert_says(const struct explanation *explanation, const char *format,
                        const char *words)
{
    char *text = written(explanation, format);

    if (!strstr(text, words))
        fail_msg("\"%s\" is not in %s:\n%s", words, format, text);
    free(text);
}

static void says_so_in_all_formats(void **state)
{
    struct explanation *explanation;
    json_t *object, *device;
    double sum_j = 0;
    char *text;
    size_t i;

    (void)state;
    host_month();
    explanation = explain("2026-10/DSN");
    assert_says(explanation, "text", "energy measured at the machines of “ragarenn”");
    assert_says(explanation, "text", "shared by the key of the month, by use");
    assert_says(explanation, "text", "share = weight / weights");
    assert_says(explanation, "text", "Shared again: 4500 J; in the ledger: 4500 J.");
    assert_says(explanation, "html", "énergie mesurée sur les machines de");
    assert_says(explanation, "html", "<th scope=\"row\">gpu0</th>");
    text = written(explanation, "json");
    object = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(object);
    json_array_foreach(json_object_get(object, "devices"), i, device) sum_j +=
        json_number_value(json_object_get(device, "share_j"));
    assert_close(sum_j, HOST_DSN_J);
    json_decref(object);
    explain_free(explanation);
}

int main(void)
{
#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, host_setup, teardown)
    const struct CMUnitTest tests[] = {
        HOST_TEST(follows_use_to_joules),
        HOST_TEST(follows_the_key),
        HOST_TEST(formulas_say_what_is_computed),
        HOST_TEST(sums_are_those_of_the_report),
        HOST_TEST(tells_nothing_of_few_devices),
        HOST_TEST(tells_another_host_conf),
        HOST_TEST(the_key_is_a_bar),
        HOST_TEST(no_bar_tells_hidden_use),
        HOST_TEST(says_so_in_all_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
