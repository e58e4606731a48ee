/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/mix.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/calendar.h"
#include "daemon/servicefactors.h"
#include "tests/capture/cut.h"
#include "tests/daemon/shipped.h"

#define MODELS(...) "models = ( " __VA_ARGS__ " );"
#define ONE         MODELS("{ model = \"openai/gpt-4o\"; share = 1.0; }")
#define SOURCE      "source = \"announced\";"

/* A service whose mix stands from line 8 of the file on. */
static struct config *load(const char *model, const char *mix, struct diagnostics *diagnostics)
{
    char text[8192];
    char path[PATH_MAX];

    snprintf(
        text, sizeof(text),
        SHIPPED_EXCHANGES
        "estimators = { e = { method = \"M4\"; grade = \"B\"; source = \"x\";\n"
        "  request_bytes_min = 1; request_record_min = 1; burst_gap_s = 2;\n"
        "  answer_record_min = 1; answer_bytes_min = 1; answer_gap_s = 5; answer_s_min = 0;\n"
        "  answer_slots_min = 0; count_error = 0.1; input = \"prior\"; input_prior_tokens = 1;\n"
        "  exchange_sigma = 0.5; bytes_per_token = [ 4, 5, 6 ]; }; };\n"
        "services = ( { id = \"s\"; label = \"S\"; operator = \"O\"; country = \"US\";\n"
        "  %s mix = (\n" /* line 7 */
        "%s ); hosting = \"eu\"; provider = \"openai\"; modality = [ \"text\" ];\n"
        "estimator = \"e\"; hosts = { inference = [ \"s.example.com\" ]; };\n"
        "regions = ( { id = \"fr\"; label = \"France\"; provider = \"mistral\";\n"
        "  hosts = { inference = [ \"fr.example.com\" ]; }; } ); } );\n",
        model, mix);
    scratch_write("services.conf", text);
    scratch_write("iagmeter.conf",
                  "state_directory = \"state\"; timezone = \"Europe/Paris\";\n"
                  "services = \"services.conf\"; directions = \"" IAGMETER_SOURCE_ROOT
                  "/conf/directions.conf\"; factors = \"" SHIPPED_FACTORS "\";\n");
    scratch_path(path, "iagmeter.conf");
    return config_load(path, NULL, diagnostics);
}

static struct config *load_well(const char *model, const char *mix)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config = load(model, mix, diagnostics);

    assert_no_complaint(diagnostics);
    assert_non_null(config);
    diagnostics_free(diagnostics);
    return config;
}

static void refuse(const char *model, const char *mix, unsigned line, const char *fragment)
{
    struct diagnostics *diagnostics = diagnostics_new();

    assert_null(load(model, mix, diagnostics));
    assert_complaint(diagnostics, "services.conf", line, fragment);
    diagnostics_free(diagnostics);
}

static void reads_periods_and_shares(void **state)
{
    struct config *config = load_well(
        "", "{ until = \"2025-08\"; " SOURCE ONE " },\n"
            "{ from = \"2025-08-01\"; until = \"2026-01\"; grade = \"B\"; source = \"said so\";\n"
            "  models = ( { model = \"openai/gpt-5\"; share = 0.75; },\n"
            "             { model = \"openai/gpt-5-mini\"; share = 0.25; } ); },\n"
            "{ from = \"2026-01\"; " SOURCE ONE " }");
    size_t count;
    const struct mix *mixes = catalogue_mixes(config->catalogue, 0, &count);
    char month[MIX_MONTH_SIZE];

    (void)state;
    assert_int_equal(count, 3);
    assert_true(mixes[0].from_day == INT64_MIN && mixes[2].until_day == INT64_MAX);
    assert_int_equal(mixes[0].until_day, mixes[1].from_day);
    assert_int_equal(mixes[1].until_day, mixes[2].from_day);
    mix_month(mixes[1].from_day, month);
    assert_string_equal(month, "2025-08");
    mix_month(mixes[1].until_day, month);
    assert_string_equal(month, "2026-01");
    mix_month(mixes[0].from_day, month);
    assert_string_equal(month, "");
    assert_int_equal(mixes[0].grade, 'E');
    assert_int_equal(mixes[1].grade, 'B');
    assert_string_equal(mixes[1].source, "said so");
    assert_int_equal(mixes[1].count, 2);
    assert_string_equal(mixes[1].parts[1].model, "openai/gpt-5-mini");
    assert_true(mixes[1].parts[0].share == 0.75 && mixes[1].parts[1].share == 0.25);
    /* A region runs the same, elsewhere. */
    mixes = catalogue_mixes(config->catalogue, 1, &count);
    assert_int_equal(count, 3);
    assert_string_equal(mixes[1].parts[1].model, "openai/gpt-5-mini");
    config_free(config);
}

static void refuses_what_is_no_mix(void **state)
{
    static const struct {
        const char *mix;
        unsigned line;
        const char *fragment;
    } cases[] = {
        {"{ " SOURCE MODELS("{ model = \"openai/gpt-4o\"; share = 0.5; },\n"
                            "{ model = \"openai/gpt-5\"; share = 0.4; }") " }",
         8, "must add up to 1, not 0.9"},
        {"{ " SOURCE MODELS("{ model = \"openai/gpt-4o\"; share = 0.7; },\n"
                            "{ model = \"openai/gpt-5\"; share = 0.7; }") " }",
         8, "must add up to 1, not 1.4"},
        {"{ until = \"2025-09\"; " SOURCE ONE " },\n{ from = \"2025-08\"; " SOURCE ONE " }", 9,
         "overlaps the one of line 8"},
        {"{ from = \"2025-08\"; " SOURCE ONE " },\n{ until = \"2025-08\"; " SOURCE ONE " }", 9,
         "overlaps the one of line 8"},
        {"{ until = \"2025-07\"; " SOURCE ONE " },\n{ from = \"2025-08\"; " SOURCE ONE " }", 9,
         "no period between the one of line 8"},
        {"{ from = \"2025-08\"; until = \"2025-08\"; " SOURCE ONE " }", 8, "is not after from"},
        {"{ from = \"2025-08-07\"; " SOURCE ONE " }", 8, "from must be a month"},
        {"{ from = \"2025-13\"; " SOURCE ONE " }", 8, "from must be a month"},
        {"{ until = \"soon\"; " SOURCE ONE " }", 8, "until must be a month"},
        {"{ " SOURCE MODELS("{ model = \"openai/gpt-4o\"; share = -1.0; }") " }", 8, "share"},
        {"{ " SOURCE MODELS("{ model = \"openai/gpt-4o\"; share = 1.5; }") " }", 8, "share"},
        {"{ " SOURCE MODELS("{ model = \"openai/gpt-4o\"; share = 0.0; }") " }", 8, "share"},
        {"{ " SOURCE MODELS("{ model = \"openai/gpt-4o\"; }") " }", 8, "missing key \"share\""},
        {"{ " SOURCE MODELS("\"openai/gpt-4o\"") " }", 8, "must be a group"},
        {"{ " SOURCE MODELS("{ model = \"openai/gpt-4o\"; share = 0.5; },\n"
                            "{ model = \"openai/gpt-4o\"; share = 0.5; }") " }",
         9, "stands twice"},
        {"{ " SOURCE MODELS("") " }", 8, "must add up to 1, not 0"},
        {"{ " ONE " }", 8, "missing key \"source\""},
        {"{ " SOURCE " grade = \"F\"; " ONE " }", 8, "grade must be"},
        {"{ " SOURCE " bread = 1; " ONE " }", 8, "unknown key \"bread\""},
        {"", 7, "mix must have 1 to"},
        {"{ " SOURCE MODELS("{ model = \"gpt-4o\"; share = 1.0; }") " }", 8, "provider/name"},
        {"{ " SOURCE MODELS("{ model = \"nobody/gpt-4o\"; share = 1.0; }") " }", 8,
         "not in models.conf"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refuse("", cases[i].mix, cases[i].line, cases[i].fragment);
}

static int64_t at(const char *day_text, int64_t offset_s)
{
    int64_t day;

    assert_true(calendar_parse_day(day_text, &day));
    return calendar_day_start(day) + offset_s;
}

static const char *model_at(const struct service_factors *factors, int64_t time_s)
{
    const struct mix_factors *mix = service_factors_at(factors, time_s);

    return mix ? mix->models[0] : "";
}

/* With a model of its own, a service has one at all times; without one, only while it has a mix. */
static void the_own_model_fills_gaps(void **state)
{
    static const char mix[] = "{ from = \"2025-01\"; until = \"2025-03\"; " SOURCE ONE " },\n"
                              "{ from = \"2025-04\"; until = \"2025-05\"; " SOURCE ONE " }";
    struct config *config = load_well("model = \"openai/gpt-5\";", mix);
    struct service_factors factors;

    (void)state;
    assert_true(calendar_set_zone("Europe/Paris"));
    assert_null(service_factors_resolve(config->factors, config->catalogue, 0, &factors));
    assert_int_equal(factors.count, 5);
    assert_string_equal(model_at(&factors, at("2025-01-01", -1)), "openai/gpt-5");
    assert_string_equal(model_at(&factors, at("2025-01-01", 0)), "openai/gpt-4o");
    assert_string_equal(model_at(&factors, at("2025-03-01", -1)), "openai/gpt-4o");
    assert_string_equal(model_at(&factors, at("2025-03-01", 0)), "openai/gpt-5");
    assert_string_equal(model_at(&factors, at("2025-04-01", -1)), "openai/gpt-5");
    assert_string_equal(model_at(&factors, at("2025-04-01", 0)), "openai/gpt-4o");
    assert_string_equal(model_at(&factors, at("2025-05-01", 0)), "openai/gpt-5");
    service_factors_free(&factors);
    config_free(config);

    config = load_well("", "{ from = \"2025-01\"; until = \"2025-03\"; " SOURCE ONE " }");
    assert_null(service_factors_resolve(config->factors, config->catalogue, 0, &factors));
    assert_null(service_factors_at(&factors, at("2025-01-01", -1)));
    assert_string_equal(model_at(&factors, at("2025-02-01", 0)), "openai/gpt-4o");
    assert_null(service_factors_at(&factors, at("2025-03-01", 0)));
    service_factors_free(&factors);
    config_free(config);
}

static void assert_near(struct triple value, struct triple expected)
{
    const double values[] = {value.low, value.central, value.high};
    const double wanted[] = {expected.low, expected.central, expected.high};

    for (size_t i = 0; i < 3; i++)
        if (!(fabs(values[i] - wanted[i]) <= 1e-12 * wanted[i]))
            fail_msg("%.17g is not %.17g", values[i], wanted[i]);
}

/* An impact is a sum over the models, each with its share of requests and tokens. */
static void a_mix_is_the_sum_of_its_parts(void **state)
{
    struct config *config =
        load_well("", "{ " SOURCE MODELS("{ model = \"openai/gpt-4o\"; share = 0.75; },\n"
                                         "{ model = \"openai/gpt-5-nano\"; share = 0.25; }") " }");
    const struct service *service = catalogue_service(config->catalogue, 0);
    const struct triple requests = {90, 100, 120}, in = {10, 50, 900}, out = {20000, 30000, 50000};
    struct service_factors factors;
    struct impact_factors parts[2];
    struct impact sum, large, small;

    (void)state;
    assert_null(service_factors_resolve(config->factors, config->catalogue, 0, &factors));
    assert_null(impact_resolve_model(config->factors, service, "openai/gpt-4o", &parts[0]));
    assert_null(impact_resolve_model(config->factors, service, "openai/gpt-5-nano", &parts[1]));
    sum = mix_impact(service_factors_at(&factors, 0), requests, in, out);
    large = impact_compute(&parts[0], requests, in, out);
    small = impact_compute(&parts[1], requests, in, out);
    assert_true(large.energy_kwh.central > 2 * small.energy_kwh.central);
    assert_near(sum.energy_kwh, triple_add(triple_scale(large.energy_kwh, 0.75),
                                           triple_scale(small.energy_kwh, 0.25)));
    assert_near(sum.water_l,
                triple_add(triple_scale(large.water_l, 0.75), triple_scale(small.water_l, 0.25)));
    assert_near(sum.gwp_embodied_kgco2e, triple_add(triple_scale(large.gwp_embodied_kgco2e, 0.75),
                                                    triple_scale(small.gwp_embodied_kgco2e, 0.25)));
    assert_true(mix_impact(NULL, requests, in, out).energy_kwh.high == 0);
    service_factors_free(&factors);
    config_free(config);
}

/* A model that is not listed has the size that models.conf declares for others of its maker. */
static void unlisted_models_fall_back_to_a_class(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config =
        load("model = \"openai/gpt-99\";", "{ until = \"2020-01\"; " SOURCE ONE " }", diagnostics);
    const struct model_factors *class = factors_model_named(config->factors, "class/large");
    struct service_factors factors;
    const struct mix_factors *mix;

    (void)state;
    /* Told, for it may be a slip of the pen. */
    assert_int_equal(diagnostics_warnings(diagnostics), 2); /* of the service and its region */
    assert_complaint(diagnostics, "services.conf", 7, "class/large stands in");
    diagnostics_free(diagnostics);
    assert_non_null(class);
    assert_null(service_factors_resolve(config->factors, config->catalogue, 0, &factors));
    mix = service_factors_at(&factors, INT64_C(1790000000));
    assert_string_equal(mix->models[0], "openai/gpt-99");
    assert_string_equal(mix->parts[0].model->name, "*");
    assert_int_equal(mix->parts[0].model->provenance.grade, 'E');
    assert_true(mix->parts[0].model->total_parameters_b.max == class->total_parameters_b.max);
    assert_true(mix->parts[0].model->active_parameters_b.min == class->active_parameters_b.min);
    service_factors_free(&factors);
    config_free(config);
    refuse("model = \"nobody/gpt-99\";", "{ until = \"2020-01\"; " SOURCE ONE " }", 7,
           "not in models.conf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_periods_and_shares, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_mix, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(the_own_model_fills_gaps, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_mix_is_the_sum_of_its_parts, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(unlisted_models_fall_back_to_a_class, scratch_setup,
                                        scratch_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
