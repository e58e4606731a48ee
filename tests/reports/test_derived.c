/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/reports/readable.h"
#include "tests/reports/year.h"

/* Each figure that a report names is computed again from its terms, to the last bit. */

static struct world world;

static int set_up(void **state)
{
    (void)state;
    year_setup(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

#define NOW INT64_C(1796000000) /* after the year */

static struct month_report *report_with_progress(const char *month, struct progress **progress)
{
    char error[400];
    struct month_report *report =
        month_build(world.ledger, world.config, year_month(month), NOW, error, sizeof(error));

    assert_non_null(report);
    *progress =
        progress_build(world.ledger, world.config, year_month(month), NOW, error, sizeof(error));
    assert_non_null(*progress);
    report->progress = *progress;
    return report;
}

static struct derived *explain(const struct month_report *report, const char *name)
{
    char text[MONTH_FIGURE_SIZE], error[400];
    char *arguments[] = {text};
    struct explain_query query;
    struct derived *derived;

    snprintf(text, sizeof(text), "%s", name);
    assert_true(explain_parse(arguments, 1, &query));
    assert_true(derived_is_asked(&query));
    if (derived_build(report, &query, &derived, error, sizeof(error)) != EXPLAIN_OK)
        return NULL;
    return derived;
}

static void three_months(void)
{
    static const char *const months[] = {"2026-01", "2026-02", "2026-03", "2026-04"};

    for (size_t i = 0; i < 4; i++) {
        year_use(&world, year_noon(months[i], 5), DRH, "a", 0.1 + 0.7 * (double)i / 3,
                 DEVICES_MANY);
        year_use(&world, year_noon(months[i], 6), DSN, "a", 1.0 / 7, DEVICES_MANY);
        year_use(&world, year_noon(months[i], 7), DSN, "b", 1.0 / 9, DEVICES_MANY);
        year_cover(&world, months[i], 500 + 7 * (unsigned)i);
    }
    year_objectives(&world, "{ year = 2026; energy_kwh = 1e3; gwp_kgco2e = 1e3; source = \"s\"; },"
                            "{ year = 2026; direction = \"DRH\"; water_l = 7.3; "
                            "gwp_kgco2e = 1e3; source = \"s\"; }");
}

/* Counts the names of such figures in JSON, each of which must be explained. */
static size_t explain_all(const struct month_report *report, json_t *json)
{
    const char *key;
    json_t *item;
    size_t index, count = 0;

    if (json_is_string(json) && strstr(json_string_value(json), "/@")) {
        struct derived *derived = explain(report, json_string_value(json));

        if (!derived || !derived->agrees)
            fail_msg("%s is not computed again", json_string_value(json));
        assert_true(derived->term_count > 0);
        for (size_t i = 0; i < derived->term_count; i++)
            if (strstr(derived->terms[i].source, "/@")) {
                struct derived *next = explain(report, derived->terms[i].source);

                assert_non_null(next);
                derived_free(next);
            }
        derived_free(derived);
        return 1;
    }
    json_array_foreach(json, index, item) count += explain_all(report, item);
    json_object_foreach(json, key, item) count += explain_all(report, item);
    return count;
}

static void use_without_impact(const char *service, uint32_t devices)
{
    const struct activity activity = {.requests = triple_exact(37),
                                      .tokens_out = triple_exact(3700)};
    const struct world_pair pair = {year_noon("2026-04", 8),
                                    directions_get(world.config->directions, CAB), service, service,
                                    devices};

    world_record(&world, &pair, &activity, NULL);
}

/* Figures per unit are of the shown pairs then, and tell so. */
static void what_per_unit_is_without_what_is_folded(void **state)
{
    static const char *const names[] = {
        "2026-04/@per-request/./energy_wh", "2026-04/@per-request/./gwp_gco2e",
        "2026-04/@per-1000-tokens-out/./energy_wh", "2026-04/@per-1000-tokens-out/./water_ml"};
    struct progress *progress;
    struct month_report *report;

    (void)state;
    three_months();
    use_without_impact("p", DEVICES_FEW);
    year_use(&world, year_noon("2026-04", 8), UNASSIGNED, "a", 1.0 / 3, DEVICES_FEW);
    year_use(&world, year_noon("2026-04", 8), DRH, "b", 1.0 / 7, DEVICES_FEW);
    report = report_with_progress("2026-04", &progress);
    assert_true(report->units_of_shown);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct derived *derived = explain(report, names[i]);

        assert_non_null(derived);
        assert_true(derived->agrees);
        assert_non_null(strstr(derived->formula, "folded_"));
        for (size_t j = 0; j < derived->term_count; j++)
            assert_true(derived->terms[j].value.central != 3700);
        derived_free(derived);
    }
    month_free(report);
    progress_free(progress);
}

static enum text_id origin_of(const struct month_report *report, const char *name)
{
    struct derived *derived = explain(report, name);
    enum text_id origin = TEXT_COUNT;

    assert_non_null(derived);
    for (size_t i = 0; i < derived->term_count; i++)
        if (strcmp(derived->terms[i].name, "unscattered_requests") == 0)
            origin = derived->terms[i].origin;
    derived_free(derived);
    return origin;
}

/* The random part of what is folded may well be recorded. */
static void what_is_folded_is_not_said_to_lack_its_random_part(void **state)
{
    struct progress *progress;
    struct month_report *report;

    (void)state;
    world.config->factors = factors_without_complaint(SHIPPED_FACTORS);
    three_months();
    year_use(&world, year_noon("2026-04", 8), UNASSIGNED, "a", 1.0 / 3, DEVICES_FEW);
    year_use(&world, year_noon("2026-04", 8), CAB, "b", 1.0 / 7, DEVICES_FEW + 2);
    report = report_with_progress("2026-04", &progress);
    assert_int_equal(report->suppressed, SUPPRESS_MERGED);
    assert_int_equal(origin_of(report, "2026-04/@direction/other/tokens_out_random_sigma"),
                     TEXT_DERIVED_FOLDED_SCATTER);
    assert_int_equal(origin_of(report, "2026-04/@total/./tokens_out_random_sigma"),
                     TEXT_DERIVED_UNSCATTERED_OR_FOLDED);
    month_free(report);
    progress_free(progress);
    factors_free(world.config->factors);
    world.config->factors = NULL;
}

static void every_named_figure_is_computed_again(void **state)
{
    struct progress *progress;
    struct month_report *report;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    json_t *json;

    (void)state;
    three_months();
    report = report_with_progress("2026-04", &progress);
    assert_true(month_write_json(report, stream));
    fclose(stream);
    json = json_loads(text, 0, NULL);
    /* Three of either functional unit, six of each objective, three of the year, three of the
     * origin of the energy; of the total two, of five rows three each; coverage and its
     * proportions. */
    assert_int_equal(explain_all(report, json), 88);
    json_decref(json);
    free(text);
    month_free(report);
    progress_free(progress);
}

static void a_row_tells_its_shares(void **state)
{
    static const char *const names[] = {
        "2026-04/@direction/DRH/gwp_gco2e_per_agent", "2026-04/@direction/DRH/headcount",
        "2026-04/@direction/DRH/energy_share", "2026-04/@service/a/energy_share",
        "2026-04/@total/./energy_share"};
    const struct direction drh = {.code = "DRH", .label = "Ressources humaines", .headcount = 41};
    struct progress *progress;
    struct month_report *report;
    struct derived *derived;

    (void)state;
    assert_true(directions_set(world.config->directions, DRH, &drh));
    three_months();
    report = report_with_progress("2026-04", &progress);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        derived = explain(report, names[i]);
        assert_non_null(derived);
        assert_true(derived->agrees);
        derived_free(derived);
    }
    derived = explain(report, "2026-04/@direction/DRH/gwp_gco2e_per_agent");
    assert_string_equal(derived->terms[0].source, "2026-04/DRH/./gwp_kgco2e");
    assert_true(derived->value.central == derived->terms[0].value.central * 1000 / 41);
    derived_free(derived);
    month_free(report);
    progress_free(progress);
}

static void a_projection_tells_its_months(void **state)
{
    struct progress *progress;
    struct month_report *report;
    struct derived *derived;

    (void)state;
    three_months();
    report = report_with_progress("2026-04", &progress);
    derived = explain(report, "2026-04/@objective-projected/DRH/water_l");
    assert_non_null(derived);
    /* What was used; three months and their time; four and theirs; the rest of the year. */
    assert_int_equal(derived->term_count, 1 + 4 + 5 + 1);
    assert_string_equal(derived->terms[1].source, "2026-04/DRH/./water_l");
    derived_free(derived);
    derived = explain(report, "2026-04/@objective-spent/DRH/gwp_kgco2e");
    assert_string_equal(derived->terms[0].source, "2026-01/DRH/./gwp_use_kgco2e");
    derived->terms[0].value.central = nextafter(derived->terms[0].value.central, 1);
    assert_true(derived_evaluate(derived, 0) == derived->value.low);
    derived->terms[0].value.central *= 2;
    assert_true(derived_evaluate(derived, 1) != derived->value.central);
    derived_free(derived);
    month_free(report);
    progress_free(progress);
}

static void formulas_are_evaluated(void **state)
{
    struct derived_term terms[] = {{.name = "a", .value = {1, 2, 9}},
                                   {.name = "bc", .value = {3, 4, 5}}};
    const struct {
        const char *formula;
        double central;
    } cases[] = {{"{a} + {bc} · 3", 14},
                 {"({a} + {bc}) · 3", 18},
                 {"{a} / {bc} / 2", 0.25},
                 {"{bc} - {a} - 1", 1},
                 {"less({a}, {bc})", 0},
                 {"less({bc}, {a}) · 2", 4},
                 {"less({bc}, {a} + 1.99999999999)", 4 - (2 + 1.99999999999)},
                 {"less({bc}, {a} + 1.999999999999)", 0}, /* rounding */
                 {"further({a}, {bc})", 2},
                 {"{d}", NAN},
                 {"{a} +", NAN},
                 {"({a}", NAN},
                 {"{a} {bc}", NAN},
                 {"less({a})", NAN},
                 {"sqrt({bc} · {bc}) + 1", 5},
                 {"central({a}) · {bc}", 8},
                 {"central({a}", NAN},
                 {"sqrt()", NAN},
                 {"around({a}, {a})", 2},
                 {"around({a})", NAN},
                 {"1e3 · {a}", 2000}};
    struct derived derived = {.terms = terms, .term_count = 2};
    char formula[40];

    (void)state;
    derived.formula = formula;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double value;

        snprintf(formula, sizeof(formula), "%s", cases[i].formula);
        value = derived_evaluate(&derived, 1);
        if (isnan(cases[i].central) ? !isnan(value) : value != cases[i].central)
            fail_msg("%s is %g", formula, value);
    }
    snprintf(formula, sizeof(formula), "further({a}, {bc})");
    assert_true(derived_evaluate(&derived, 0) == 1);
    assert_true(derived_evaluate(&derived, 2) == 9);
    snprintf(formula, sizeof(formula), "central({a}) + {bc}");
    assert_true(derived_evaluate(&derived, 0) == 5);
    assert_true(derived_evaluate(&derived, 2) == 7);
    /* Twice a factor of two down, and of 4.5 up: sqrt(2) times as far. */
    snprintf(formula, sizeof(formula), "around({a}, 1 · {a})");
    assert_true(fabs(derived_evaluate(&derived, 0) - 2 / exp(sqrt(2) * log(2))) < 1e-15);
    assert_true(fabs(derived_evaluate(&derived, 2) - 2 * exp(sqrt(2) * log(4.5))) < 1e-14);
}

/* What the report does not show has no answer, and neither has what is none. */
static void what_is_not_shown_is_refused(void **state)
{
    static const char *const names[] = {"2026-04/@objective-spent/CAB/energy_kwh",
                                        "2026-04/@objective-spent/DRH/energy_kwh",
                                        "2026-04/@variant/method-a/energy_kwh",
                                        "2026-04/@french-hours/./timing",
                                        "2026-04/@host/./energy_j",
                                        "2026-04/@host-direction/DRH/active_kwh",
                                        "2026-04/@per-request/./requests",
                                        "2026-04/@per-request",
                                        "2026-04/@",
                                        "2026-04/@direction/CAB/energy_share",
                                        "2026-04/@direction/CAB/headcount",
                                        "2026-04/@direction/DRH/headcount", /* not stated */
                                        "2026-04/@direction/./energy_share",
                                        "2026-04/@service/nothing/energy_share",
                                        "2026-04/@total/DRH/energy_share",
                                        "2026-04/@total/./headcount",
                                        "2026-04/@images/a/energy_kwh",
                                        "2026-04/@coverage/./local_lost",
                                        "2026-04/@coverage/DRH/packets",
                                        "2026-04/@coverage-proportion/./packets",
                                        "2026-04/@shares/./nothing",
                                        "2026-04/@restated/1/energy_kwh",
                                        "2026-04/@restated/x/energy_kwh",
                                        "2026-04/@host-device/gpu0/energy_j",
                                        "2026-04/@host-tokens/./restarts",
                                        "2026-04/@objectives/./nothing",
                                        "2026-04/@objective-warning/CAB/energy_kwh",
                                        "2026-04/@nothing/./energy_kwh"};
    struct progress *progress;
    struct month_report *report;

    (void)state;
    three_months();
    report = report_with_progress("2026-04", &progress);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_null(explain(report, names[i]));
    month_free(report);
    progress_free(progress);
}

static void writes_all_formats(void **state)
{
    struct progress *progress;
    struct month_report *report;
    struct derived *derived;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    three_months();
    report = report_with_progress("2026-04", &progress);
    derived = explain(report, "2026-04/@per-request/./energy_wh");
    assert_non_null(derived);
    assert_true(derived_write_text(derived, LANGUAGE_FR, stream));
    assert_true(derived_write_html(derived, LANGUAGE_EN, stream));
    assert_true(derived_write_json(derived, stream));
    fclose(stream);
    assert_non_null(strstr(text, "energy_wh = energy_kwh · 1000 / (requests - requests_without_"));
    assert_non_null(strstr(text, "[2026-04/././energy_kwh]"));
    assert_non_null(strstr(text, "au dernier chiffre"));
    assert_non_null(strstr(text, "<td>2026-04/././requests</td>"));
    assert_non_null(strstr(text, "\"agrees\": true"));
    if (full) {
        assert_false(derived_write_text(derived, LANGUAGE_FR, full));
        fclose(full);
    }
    free(text);
    derived_free(derived);
    month_free(report);
    progress_free(progress);
}

static void units_are_those_of_who_reads(void **state)
{
    struct progress *progress;
    struct month_report *report;

    (void)state;
    three_months();
    report = report_with_progress("2026-04", &progress);
    for (int for_people = 0; for_people <= 1; for_people++) {
        struct derived *derived = explain(report, "2026-04/@per-request/./gwp_gco2e");
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);

        assert_true(for_people ? derived_write_text(derived, LANGUAGE_FR, stream) &&
                                     derived_write_html(derived, LANGUAGE_FR, stream)
                               : derived_write_json(derived, stream));
        fclose(stream);
        assert_non_null(strstr(text, for_people ? "<td>gCO₂e</td>" : "\"kgCO2e\""));
        readable_assert(text, for_people);
        free(text);
        derived_free(derived);
    }
    month_free(report);
    progress_free(progress);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_named_figure_is_computed_again),
        TEST(a_row_tells_its_shares),
        TEST(a_projection_tells_its_months),
        TEST(formulas_are_evaluated),
        TEST(what_per_unit_is_without_what_is_folded),
        TEST(what_is_folded_is_not_said_to_lack_its_random_part),
        TEST(what_is_not_shown_is_refused),
        TEST(writes_all_formats),
        TEST(units_are_those_of_who_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
