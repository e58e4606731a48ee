/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calculator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/close.h"
#include "tests/daemon/shipped.h"
#include "tests/daemon/tsvtable.h"

#define SUBSET IAGMETER_SOURCE_ROOT "/tests/fixtures/golden/ecologits_core_subset.tsv"
#define GOLDEN IAGMETER_SOURCE_ROOT "/../shared/golden/ecologits_main-5be90da_core.tsv.gz"

static struct factors *factors;

static int load(void **state)
{
    (void)state;
    factors = factors_without_complaint(SHIPPED_FACTORS);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    factors_free(factors);
    return 0;
}

/* ---- Tables ---- */

/* What a table of SIZE bytes becomes. The output is read from its start. */
struct run {
    struct calculator_batch result;
    struct table out;
    char complaints[4000];
};

static const struct calculator_query nothing_given;
static const struct calculator_query *defaults = &nothing_given;

static void run_stream(struct run *run, FILE *in, enum calculator_format format)
{
    FILE *out = tmpfile();
    FILE *complaints = fmemopen(run->complaints, sizeof(run->complaints), "w");

    assert_true(in && out && complaints);
    rewind(in);
    run->complaints[0] = '\0';
    run->result = calculator_run_batch(factors, in, "table", defaults, format, out, complaints);
    fclose(in);
    fclose(complaints);
    rewind(out);
    run->out.stream = out;
}

static void run_bytes(struct run *run, const char *bytes, size_t size)
{
    FILE *in = tmpfile();

    assert_int_equal(fwrite(bytes, 1, size, in), size);
    run_stream(run, in, CALCULATOR_TSV);
}

static void run_text(struct run *run, const char *text)
{
    run_bytes(run, text, strlen(text));
    if (!run->result.failed)
        table_start(&run->out, run->out.stream);
}

/* ---- Golden rows, by the way that everybody takes ---- */

static const struct {
    const char *ours;
    const char *theirs;
} columns[] = {
    {"energy_kwh", "energy_kwh"},    {"gwp_use_kgco2e", "gwp_usage"},
    {"adpe_use_kgsb", "adpe_usage"}, {"gwp_embodied_kgco2e", "gwp_embodied"},
    {"water_l", "water_l_li2025"},   {"adpe_embodied_kgsb", "adpe_embodied"},
    {"gpu_count", "gpu_count"},      {"generation_s", "latency_s"},
};

static double compare_column(const struct table *ours, const struct table *theirs, size_t column,
                             const char *our_end, const char *their_end)
{
    char our_name[60], their_name[60];
    double got, expected, relative;

    snprintf(our_name, sizeof(our_name), "%s_%s", columns[column].ours, our_end);
    snprintf(their_name, sizeof(their_name), "%s_%s", columns[column].theirs, their_end);
    got = number(ours, our_name);
    expected = number(theirs, their_name);
    relative = fabs(got - expected) / fabs(expected);
    if (!(relative <= CLOSE))
        fail_msg("%s/%s in %s: %s is %.17g, not %.17g", text(theirs, "provider"),
                 text(theirs, "model"), text(theirs, "zone"), our_name, got, expected);
    return relative;
}

/* Asks for each row of STREAM, then reads it again beside the answers. */
static void reproduce(const char *command, unsigned long expected_rows)
{
    static struct run run;
    static struct table golden;
    FILE *in = tmpfile();
    double worst = 0;

    table_start(&golden, popen(command, "r"));
    fputs("latency_s\tzone\ttokens_out\tmodel\tprovider\n", in);
    while (table_next(&golden))
        fprintf(in, "%s\t%s\t%s\t%s\t%s\n", text(&golden, "request_latency_s"),
                strcmp(text(&golden, "zone_source"), "explicit") == 0 ? text(&golden, "zone") : "",
                text(&golden, "output_tokens"), text(&golden, "model"), text(&golden, "provider"));
    pclose(golden.stream);
    run_stream(&run, in, CALCULATOR_TSV);
    assert_string_equal(run.complaints, "");
    assert_int_equal(run.result.rows, expected_rows);
    assert_int_equal(run.result.bad_rows, 0);
    table_start(&run.out, run.out.stream);
    table_start(&golden, popen(command, "r"));
    while (table_next(&golden)) {
        assert_true(table_next(&run.out));
        for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
            worst = fmax(worst, compare_column(&run.out, &golden, i, "low", "min"));
            worst = fmax(worst, compare_column(&run.out, &golden, i, "high", "max"));
        }
    }
    assert_false(table_next(&run.out));
    pclose(golden.stream);
    fclose(run.out.stream);
    print_message("%lu rows, largest relative error %.2g\n", expected_rows, worst);
}

static void reproduces_the_golden_subset(void **state)
{
    (void)state;
    reproduce("cat '" SUBSET "'", 40);
}

static void reproduces_all_golden_rows(void **state)
{
    (void)state;
    if (access(GOLDEN, R_OK) != 0) {
        print_message("skipped: %s is not there\n", GOLDEN);
        skip();
    }
    reproduce("gzip -dc '" GOLDEN "'", 3256);
}

/* ---- One query ---- */

#define QUERY(...)                                                                                 \
    &(struct calculator_query)                                                                     \
    {                                                                                              \
        .fields = { __VA_ARGS__ }                                                                  \
    }
#define OF(field, value) [CALCULATOR_##field] = value
#define GPT_4O           OF(PROVIDER, "openai"), OF(MODEL, "gpt-4o")

static struct calculation compute(const struct calculator_query *query)
{
    struct calculation calculation;
    char error[160];
    const char *wrong = calculator_compute(factors, query, &calculation, error);

    if (wrong)
        fail_msg("%s", wrong);
    return calculation;
}

/* EcoLogits' output for gpt-4o, 250 tokens, central of our making. */
static void centres_method_a_on_its_ends(void **state)
{
    struct calculation a = compute(QUERY(GPT_4O, OF(TOKENS_OUT, "250")));

    (void)state;
    for (int end = 0; end < 3; end++)
        assert_close(a.results[end].gwp_use_kgco2e, 0.38355 * a.results[end].energy_kwh);
    assert_close(a.results[IMPACT_CENTRAL].energy_kwh,
                 sqrt(a.results[IMPACT_LOW].energy_kwh * a.results[IMPACT_HIGH].energy_kwh));
}

static void an_estimate_of_tokens_widens_the_ends(void **state)
{
    struct calculation exact = compute(QUERY(GPT_4O, OF(TOKENS_OUT, "300")));
    struct calculation low = compute(QUERY(GPT_4O, OF(TOKENS_OUT, "100")));
    struct calculation wide = compute(QUERY(GPT_4O, OF(TOKENS_OUT, "100/300/600")));

    (void)state;
    assert_close(wide.results[IMPACT_CENTRAL].water_l, exact.results[IMPACT_CENTRAL].water_l);
    assert_close(wide.results[IMPACT_LOW].water_l, low.results[IMPACT_LOW].water_l);
    assert_true(wide.results[IMPACT_HIGH].water_l > 1.9 * exact.results[IMPACT_HIGH].water_l);
}

/* A thousand requests cost a thousand times one, and wait as often. */
static void counts_units(void **state)
{
    struct calculation one = compute(QUERY(GPT_4O, OF(TOKENS_OUT, "250"), OF(LATENCY_S, "3")));
    struct calculation many =
        compute(QUERY(GPT_4O, OF(TOKENS_OUT, "250"), OF(LATENCY_S, "3"), OF(UNITS, "1000")));

    (void)state;
    for (int end = 0; end < 3; end++) {
        assert_close(many.results[end].water_l, 1000 * one.results[end].water_l);
        assert_close(many.results[end].gwp_embodied_kgco2e,
                     1000 * one.results[end].gwp_embodied_kgco2e);
        assert_close(many.results[end].gpu_count, one.results[end].gpu_count);
    }
}

/* Nothing is divided by the number of requests. */
static void no_request_costs_nothing(void **state)
{
    static struct run run;

    (void)state;
    run_text(&run, "provider\tmodel\ttokens_out\tunits\tlatency\n"
                   "openai\tgpt-4o\t100/300/600\t0\t5\n");
    assert_string_equal(run.complaints, "");
    assert_true(table_next(&run.out));
    assert_string_equal(text(&run.out, "energy_kwh_high"), "0");
    assert_string_equal(text(&run.out, "water_l_p10"), "0");
    assert_string_equal(text(&run.out, "water_l_p90"), "0");
    for (int i = 0; i < SENSITIVITY_UNKNOWNS; i++)
        assert_true(compute(QUERY(GPT_4O, OF(TOKENS_OUT, "1/2/3"), OF(UNITS, "0")))
                        .sensitivity.ends[i]
                        .high.energy_kwh == 0);
    fclose(run.out.stream);
}

static void method_b_counts_input(void **state)
{
    struct calculation none = compute(QUERY(GPT_4O, OF(TOKENS_OUT, "100"), OF(METHOD, "B")));
    struct calculation some =
        compute(QUERY(GPT_4O, OF(TOKENS_OUT, "100"), OF(TOKENS_IN, "500"), OF(METHOD, "B")));

    (void)state;
    assert_close(some.results[IMPACT_LOW].energy_kwh, 1.5 * none.results[IMPACT_LOW].energy_kwh);
    assert_close(some.results[IMPACT_CENTRAL].energy_kwh,
                 2 * none.results[IMPACT_CENTRAL].energy_kwh);
    assert_close(some.results[IMPACT_HIGH].energy_kwh, 3 * none.results[IMPACT_HIGH].energy_kwh);
}

/* mistral-large-latest: 123e9 parameters, all active; a batch of 32; PUE 1.16. By hand, from the
 * coefficients as the method page has them. */
static void method_b_by_hand(void **state)
{
    struct calculation b = compute(QUERY(OF(PROVIDER, "mistral"), OF(MODEL, "mistral-large-latest"),
                                         OF(TOKENS_OUT, "1000"), OF(METHOD, "B")));
    double size = log(123), batch = log(32);
    double joules = exp(-0.5171585630324227 + (0.21858266391524553 + 0.6248289407311711) * size -
                        1.0223352114298836 * batch + 0.06196889238536776 * batch * batch);

    (void)state;
    assert_close(b.results[IMPACT_CENTRAL].energy_kwh, 1.16 * 1000 * joules * 1.572 / 3.6e6);
    assert_true(b.results[IMPACT_LOW].energy_kwh < b.results[IMPACT_CENTRAL].energy_kwh);
    assert_true(b.results[IMPACT_CENTRAL].energy_kwh < b.results[IMPACT_HIGH].energy_kwh);
}

/* Two images of 0.439 Wh of GPU, 1.572 Wh of machines for each; PUE 1.16, WUE 0.27 to 0.30. */
static void images_by_hand(void **state)
{
    struct calculation image = compute(QUERY(OF(PROVIDER, "microsoft"), OF(ZONE, "FRA"),
                                             OF(MODEL, "image/sd-3.5-medium"), OF(UNITS, "2")));
    double it_kwh = 2 * 0.000439 * 1.572;

    (void)state;
    assert_close(image.results[IMPACT_LOW].energy_kwh, 1.16 * it_kwh);
    assert_close(image.results[IMPACT_HIGH].energy_kwh, 1.16 * it_kwh);
    assert_close(image.results[IMPACT_HIGH].gwp_use_kgco2e, 1.16 * it_kwh * 0.0461);
    assert_close(image.results[IMPACT_HIGH].water_l, it_kwh * (0.30 + 1.16 * 3.6737));
    assert_false(image.has_embodied);
    image = compute(QUERY(OF(PROVIDER, "microsoft"), OF(MODEL, "image/unknown")));
    assert_close(image.results[IMPACT_CENTRAL].energy_kwh, 1.16 * 0.00135); /* with its host */
}

/* A thousand clips of speech are the 86.68 Wh of GPU that were measured, 1.572 times that of
 * machines. */
static void speech_by_hand(void **state)
{
    struct calculation speech =
        compute(QUERY(OF(PROVIDER, "microsoft"), OF(ZONE, "FRA"),
                      OF(MODEL, "audio/whisper-large-v3"), OF(UNITS, "1000")));
    double it_kwh = 0.0866790655098633 * 1.572;

    (void)state;
    for (int end = IMPACT_LOW; end <= IMPACT_HIGH; end++)
        assert_close(speech.results[end].energy_kwh, 1.16 * it_kwh);
    assert_close(speech.results[IMPACT_CENTRAL].gwp_use_kgco2e, 1.16 * it_kwh * 0.0461);
    assert_close(speech.results[IMPACT_LOW].water_l, it_kwh * (0.27 + 1.16 * 3.6737));
    assert_false(speech.has_embodied);
}

/* 3 kWh at the machines of a host that has PUE 1.15. */
static void measured_energy_by_hand(void **state)
{
    struct calculation local =
        compute(QUERY(OF(PROVIDER, "aws-us-east-1"), OF(IT_KWH, "3"), OF(ZONE, "FRA-EDF")));

    (void)state;
    assert_close(local.results[IMPACT_CENTRAL].energy_kwh, 3.45);
    assert_close(local.results[IMPACT_CENTRAL].gwp_use_kgco2e, 3.45 * 0.0461);
    assert_close(local.results[IMPACT_CENTRAL].adpe_use_kgsb, 3.45 * 4.858e-8);
    assert_close(local.results[IMPACT_CENTRAL].water_l, 3 * 0.06 + 3.45 * 0.83);
}

/* Where the published method has another row than our headline, both are shown. */
static void shows_every_convention(void **state)
{
    static const char *const others[] = {"FRA", "FRA-EDF", "FRA-RTE"};
    struct calculation a = compute(QUERY(GPT_4O, OF(TOKENS_OUT, "250"), OF(ZONE, "FRA")));
    struct calculation ours =
        compute(QUERY(GPT_4O, OF(TOKENS_OUT, "250"), OF(ZONE, "FRA"), OF(MIX, "headline")));
    struct calculation b =
        compute(QUERY(GPT_4O, OF(TOKENS_OUT, "250"), OF(ZONE, "FRA"), OF(METHOD, "B")));

    (void)state;
    assert_string_equal(a.factors.zone->id, "FRA-ECOLOGITS");
    assert_string_equal(ours.factors.zone->id, "FRA");
    assert_string_equal(b.factors.zone->id, "FRA");
    assert_int_equal(a.variant_count, 3);
    for (int i = 0; i < 3; i++) {
        struct calculation alone =
            compute(QUERY(GPT_4O, OF(TOKENS_OUT, "250"), OF(ZONE, others[i]), OF(MIX, "headline")));

        assert_string_equal(a.variants[i].zone->id, others[i]);
        assert_close(a.variants[i].results[IMPACT_HIGH].water_l,
                     alone.results[IMPACT_HIGH].water_l);
        assert_close(a.variants[i].results[IMPACT_LOW].gwp_use_kgco2e,
                     alone.results[IMPACT_LOW].gwp_use_kgco2e);
    }
    assert_int_equal(compute(QUERY(GPT_4O, OF(TOKENS_OUT, "250"))).variant_count, 0);
}

static void finds_models_by_every_name(void **state)
{
    static const char *const names[][2] = {
        {"mistral", "mistral-large-latest"},
        {"mistralai", "mistral-large-latest"},
        {"mistral", "mistralai/mistral-large-latest"},
        {"", "mistralai/mistral-large-latest"},
        {"huggingface_hub", "databricks/dolly-v2-3b"},
        {"huggingface", "databricks/dolly-v2-3b"},
        {"google", "gemini-2.0-flash"},
        {"google_genai", "gemini-2.0-flash"},
        {"aws-eu-west-3", "anthropic/claude-sonnet-4-5"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct calculation found =
            compute(QUERY(OF(PROVIDER, names[i][0]), OF(MODEL, names[i][1]), OF(TOKENS_OUT, "1")));

        assert_non_null(strstr(names[i][1], found.factors.model->name));
    }
}

static void takes_extremes(void **state)
{
    struct calculation none = compute(QUERY(GPT_4O, OF(TOKENS_OUT, "0")));
    struct calculation cut = compute(QUERY(GPT_4O, OF(TOKENS_OUT, "250"), OF(LATENCY_S, "0.5")));
    struct calculation whole = compute(QUERY(GPT_4O, OF(TOKENS_OUT, "250"), OF(LATENCY_S, "inf")));
    struct calculation huge =
        compute(QUERY(GPT_4O, OF(TOKENS_OUT, "1e15"), OF(TOKENS_IN, "1e15"), OF(METHOD, "B")));

    (void)state;
    /* No token, but the first one was waited for: the server's energy and a share of hardware. */
    assert_close(none.results[IMPACT_LOW].latency_s, none.factors.model->time_to_first_token_s);
    assert_true(none.results[IMPACT_LOW].energy_kwh > 0);
    assert_true(none.results[IMPACT_LOW].gwp_embodied_kgco2e > 0);
    assert_close(cut.results[IMPACT_HIGH].latency_s, 0.5);
    assert_close(cut.results[IMPACT_HIGH].gwp_embodied_kgco2e,
                 whole.results[IMPACT_HIGH].gwp_embodied_kgco2e * 0.5 /
                     whole.results[IMPACT_HIGH].latency_s);
    assert_true(isfinite(huge.results[IMPACT_HIGH].water_l));
}

static void says_what_is_wrong(void **state)
{
    static const struct {
        struct calculator_query query;
        const char *message;
    } cases[] = {
#define CASE(message, ...) {{.fields = {__VA_ARGS__}}, message}
        CASE("model \"gpt-0\" is not in models.conf or media.conf for this provider; a class may "
             "stand in: class/large",
             OF(PROVIDER, "openai"), OF(MODEL, "gpt-0"), OF(TOKENS_OUT, "1")),
        CASE("model \"gpt-4o\" is not in models.conf or media.conf for this provider; a class may "
             "stand in: class/large",
             OF(PROVIDER, "anthropic"), OF(MODEL, "gpt-4o"), OF(TOKENS_OUT, "1")),
        CASE("provider \"nobody\" is not in providers.conf", OF(PROVIDER, "nobody"),
             OF(MODEL, "gpt-4o"), OF(TOKENS_OUT, "1")),
        CASE("provider is missing", OF(MODEL, "gpt-4o"), OF(TOKENS_OUT, "1")),
        CASE("model is missing", OF(PROVIDER, "openai"), OF(TOKENS_OUT, "1")),
        CASE("tokens_out is missing", GPT_4O),
        CASE("zone \"ATL\" is not in zones.conf", GPT_4O, OF(TOKENS_OUT, "1"), OF(ZONE, "ATL")),
        CASE("zone \"fra\" is not in zones.conf", GPT_4O, OF(TOKENS_OUT, "1"), OF(ZONE, "fra")),
        CASE("zone \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\" is not in zones.conf", GPT_4O,
             OF(TOKENS_OUT, "1"), OF(ZONE, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        CASE("method \"C\" is neither A nor B", GPT_4O, OF(TOKENS_OUT, "1"), OF(METHOD, "C")),
        CASE("mix \"x\" is neither published nor headline", GPT_4O, OF(TOKENS_OUT, "1"),
             OF(MIX, "x")),
        CASE("model \"image/unknown\" makes no tokens: give units", OF(PROVIDER, "openai"),
             OF(MODEL, "image/unknown"), OF(TOKENS_OUT, "1")),
        CASE("it_kwh is measured energy: it takes neither a model nor tokens", GPT_4O,
             OF(IT_KWH, "1")),
    };
    struct calculation calculation;
    char error[160];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *wrong = calculator_compute(factors, &cases[i].query, &calculation, error);

        assert_non_null(wrong);
        assert_string_equal(wrong, cases[i].message);
    }
}

static void refuses_what_is_no_number(void **state)
{
    static const char *const wrong[] = {"-1",      "nan",  "inf",      "0x10",    "1e16", "1e999",
                                        "+1",      " 1",   "1 ",       "1,5",     "abc",  "1/2",
                                        "3/2/1",   "1/2/", "1/2/3/4",  "/",       "1e",   "--",
                                        "1/nan/2", "1e-",  "\xff\xfe", "1/2/1e16"};
    struct calculation calculation;
    char error[160];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (!calculator_compute(factors, QUERY(GPT_4O, OF(TOKENS_OUT, wrong[i])), &calculation,
                                error))
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_non_null(strstr(error, "tokens_out"));
        if (strcmp(wrong[i], "inf") != 0)
            assert_non_null(calculator_compute(
                factors, QUERY(GPT_4O, OF(TOKENS_OUT, "1"), OF(LATENCY_S, wrong[i])), &calculation,
                error));
    }
}

/* ---- Batches ---- */

static void takes_columns_in_any_order(void **state)
{
    static struct run run;

    (void)state;
    run_text(&run, "\xef\xbb\xbfmodel\tnote\ttokens-out\tprovider\r\n"
                   "gpt-4o\tx\t250\topenai\r\n"
                   "\r\n"
                   "gpt-4o\ty\t500\topenai");
    assert_string_equal(run.complaints, "table:1: warning: column \"note\" is ignored\n");
    assert_int_equal(run.result.rows, 2);
    assert_int_equal(run.result.bad_rows, 0);
    assert_true(table_next(&run.out));
    assert_string_equal(text(&run.out, "provider"), "openai");
    assert_string_equal(text(&run.out, "tokens_out"), "250");
    assert_string_equal(text(&run.out, "zone_used"), "USA");
    assert_true(number(&run.out, "water_l_p10") < number(&run.out, "water_l_low"));
    assert_true(number(&run.out, "water_l_p90") > number(&run.out, "water_l_high"));
    assert_close(number(&run.out, "energy_kwh_high"),
                 compute(QUERY(GPT_4O, OF(TOKENS_OUT, "250"))).results[IMPACT_HIGH].energy_kwh);
    assert_true(table_next(&run.out));
    assert_string_equal(text(&run.out, "tokens_out"), "500");
    assert_false(table_next(&run.out));
    fclose(run.out.stream);
}

/* What a row leaves open, or the table has no column for, is what was given beside it. */
static void rows_have_defaults(void **state)
{
    static struct run run;

    (void)state;
    defaults = QUERY(GPT_4O, OF(ZONE, "FRA"), OF(TOKENS_OUT, "500"));
    run_text(&run, "tokens_out\tzone\n"
                   "250\tSWE\n"
                   "\tSWE\n"
                   "250\t\n");
    defaults = &nothing_given;
    assert_string_equal(run.complaints, "");
    for (int row = 0; row < 3; row++) {
        const char *tokens = row == 1 ? "500" : "250", *zone = row == 2 ? "FRA" : "SWE";

        assert_true(table_next(&run.out));
        assert_string_equal(text(&run.out, "model"), "gpt-4o");
        assert_string_equal(text(&run.out, "tokens_out"), tokens);
        assert_string_equal(text(&run.out, "zone"), zone);
        assert_close(number(&run.out, "gwp_use_kgco2e_low"),
                     compute(QUERY(GPT_4O, OF(TOKENS_OUT, tokens), OF(ZONE, zone)))
                         .results[IMPACT_LOW]
                         .gwp_use_kgco2e);
    }
    fclose(run.out.stream);
}

/* Bad rows are told by line and keep their place; the others are computed. */
static void tells_bad_rows(void **state)
{
    static struct run run;

    (void)state;
    run_text(&run, "provider\tmodel\ttokens_out\tzone\tlatency_s\n"
                   "openai\tgpt-4o\t250\t\t\n"
                   "openai\tgpt-0\t250\t\t\n"
                   "openai\tgpt-4o\tnan\t\t\n"
                   "openai\tgpt-4o\t250\n"
                   "openai\tgpt-4o\t250\tATL\t\n"
                   "openai\tgpt-4o\t250\tFRA\t1.5\n");
    assert_string_equal(
        run.complaints,
        "table:3: model \"gpt-0\" is not in models.conf or media.conf for this provider; a class "
        "may stand in: class/large\n"
        "table:4: tokens_out \"nan\" is neither a number from 0 to 1e15 nor low/central/high\n"
        "table:5: 3 fields where the header has 5\n"
        "table:6: zone \"ATL\" is not in zones.conf\n");
    assert_int_equal(run.result.rows, 6);
    assert_int_equal(run.result.bad_rows, 4);
    assert_false(run.result.failed);
    for (int row = 0; row < 6; row++) {
        assert_true(table_next(&run.out));
        assert_int_equal(text(&run.out, "error")[0] == '\0', row == 0 || row == 5);
        assert_int_equal(text(&run.out, "energy_kwh_low")[0] != '\0', row == 0 || row == 5);
        assert_string_equal(text(&run.out, "provider"), "openai");
    }
    assert_string_equal(text(&run.out, "other_water_zone"), "FRA-EDF");
    assert_true(number(&run.out, "other_water_l_high") < number(&run.out, "water_l_high"));
    fclose(run.out.stream);
}

static void leaves_out_what_is_not_known(void **state)
{
    static struct run run;

    (void)state;
    run_text(&run, "provider\tmodel\tunits\tit_kwh\n"
                   "openai\timage/unknown\t3\t\n"
                   "openai\t\t\t12\n");
    assert_string_equal(run.complaints, "");
    while (table_next(&run.out)) {
        assert_true(number(&run.out, "energy_kwh_central") > 0);
        assert_true(number(&run.out, "gwp_use_kgco2e_central") > 0);
        assert_string_equal(text(&run.out, "gwp_embodied_kgco2e_central"), "");
        assert_string_equal(text(&run.out, "gwp_kgco2e_central"), "");
        assert_string_equal(text(&run.out, "adpe_embodied_kgsb_low"), "");
        assert_string_equal(text(&run.out, "gpu_count_high"), "");
    }
    fclose(run.out.stream);
}

static void refuses_bad_headers(void **state)
{
    static const char *const headers[][2] = {
        {"", "table:0: a table begins with a line that names its columns\n"},
        {"zone\ttokens_out\nFRA\t1\n",
         "table:1: neither a column \"provider\" nor \"model\": columns are separated by tabs\n"},
        {"provider\tmodel\ttokens_out\ropenai\tgpt-4o\t250\r",
         "table:1: lines must end in a line feed, not in a carriage return alone\n"},
        {"model\tprovider\tmodel\na\tb\tc\n", "table:1: column \"model\" stands twice\n"},
    };
    static struct run run;

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        run_text(&run, headers[i][0]);
        assert_true(run.result.failed);
        assert_string_equal(run.complaints, headers[i][1]);
        assert_int_equal(fgetc(run.out.stream), EOF);
        fclose(run.out.stream);
    }
}

/* As spreadsheets make it: blanks around what was typed, and rows of nothing at the end. */
static void blanks_are_nothing(void **state)
{
    static struct run run;

    (void)state;
    run_text(&run, " Provider\tMODEL \tTokens-Out\n"
                   "openai \t gpt-4o\t 250 \n"
                   " \n"
                   "\t\t\r\n");
    assert_string_equal(run.complaints, "");
    assert_int_equal(run.result.rows, 1);
    assert_true(table_next(&run.out));
    assert_string_equal(text(&run.out, "model"), "gpt-4o");
    assert_string_equal(text(&run.out, "tokens_out"), "250");
    assert_true(number(&run.out, "energy_kwh_low") > 0);
    fclose(run.out.stream);
}

/* Of another encoding there are NULs in the first line. */
static void refuses_what_is_no_text(void **state)
{
    static const char bytes[] = "\xff\xfep\0r\0o\0v\0i\0d\0e\0r\0\n\0";
    static struct run run;

    (void)state;
    run_bytes(&run, bytes, sizeof(bytes) - 1);
    assert_true(run.result.failed);
    assert_string_equal(run.complaints, "table:1: a line that is too long, or no text in UTF-8\n");
    fclose(run.out.stream);
}

/* A class is named, not taken. */
static void an_unlisted_model_needs_its_class_by_name(void **state)
{
    struct calculation calculation;
    char error[160];

    (void)state;
    assert_string_equal(
        calculator_compute(factors,
                           QUERY(OF(PROVIDER, "openai"), OF(MODEL, "gpt-9"), OF(TOKENS_OUT, "1")),
                           &calculation, error),
        "model \"gpt-9\" is not in models.conf or media.conf for this provider; a class may stand "
        "in: class/large");
    assert_null(calculator_compute(
        factors, QUERY(OF(PROVIDER, "openai"), OF(MODEL, "class/large"), OF(TOKENS_OUT, "1")),
        &calculation, error));
}

/* A line that is too long, or cut by a NUL, is one bad row, and the next is read as it stands. */
static void survives_odd_lines(void **state)
{
    static const char head[] = "provider\tmodel\ttokens_out\n";
    static const char nul[] = "openai\tgpt-4o\0\t250\n";
    static const char last[] = "openai\tgpt-4o\t250\n";
    static struct run run;
    static char bytes[20000];
    size_t size = 0;

    (void)state;
    memcpy(bytes, head, sizeof(head) - 1);
    size += sizeof(head) - 1;
    memset(bytes + size, 'x', 9000);
    size += 9000;
    bytes[size++] = '\n';
    memcpy(bytes + size, nul, sizeof(nul) - 1);
    size += sizeof(nul) - 1;
    memcpy(bytes + size, last, sizeof(last) - 1);
    size += sizeof(last) - 1;
    run_bytes(&run, bytes, size);
    assert_string_equal(run.complaints, "table:2: the line is too long, or holds a NUL\n"
                                        "table:3: the line is too long, or holds a NUL\n");
    assert_int_equal(run.result.rows, 3);
    assert_int_equal(run.result.bad_rows, 2);
    table_start(&run.out, run.out.stream);
    for (int row = 0; row < 3; row++)
        assert_true(table_next(&run.out));
    assert_string_equal(text(&run.out, "error"), "");
    assert_true(number(&run.out, "energy_kwh_low") > 0);
    fclose(run.out.stream);
}

static void writes_one_object_a_line(void **state)
{
    static struct run run;
    FILE *in = tmpfile();
    char line[20000];
    json_t *object;
    double low;

    (void)state;
    fputs("provider\tmodel\ttokens_out\tzone\nopenai\tgpt-4o\t250\tFRA\nopenai\t\xff\t1\t\n", in);
    run_stream(&run, in, CALCULATOR_JSON);
    assert_non_null(fgets(line, sizeof(line), run.out.stream));
    object = json_loads(line, 0, NULL);
    assert_non_null(object);
    low = json_real_value(
        json_object_get(json_object_get(json_object_get(object, "results"), "energy_kwh"), "low"));
    assert_true(low ==
                compute(QUERY(GPT_4O, OF(TOKENS_OUT, "250"))).results[IMPACT_LOW].energy_kwh);
    assert_int_equal(json_array_size(json_object_get(object, "variants")), 3);
    assert_null(json_object_get(object, "sensitivity"));
    json_decref(object);
    assert_non_null(fgets(line, sizeof(line), run.out.stream));
    object = json_loads(line, 0, NULL);
    assert_non_null(object);
    assert_true(json_is_string(json_object_get(object, "error")));
    assert_null(json_object_get(object, "results"));
    json_decref(object);
    assert_null(fgets(line, sizeof(line), run.out.stream));
    fclose(run.out.stream);
}

/* ---- For people ---- */

static void writes_the_sensitivity_as_json(void **state)
{
    const struct calculator_query *query = QUERY(GPT_4O, OF(TOKENS_OUT, "250"));
    struct calculation calculation = compute(query);
    char line[20000] = "";
    FILE *stream = fmemopen(line, sizeof(line), "w");
    json_t *object, *bar;

    (void)state;
    assert_true(
        calculator_write(factors, query, &calculation, CALCULATOR_JSON, LANGUAGE_EN, true, stream));
    fclose(stream);
    object = json_loads(line, 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "method")), "A");
    bar = json_array_get(json_object_get(json_object_get(object, "sensitivity"), "gwp_kgco2e"), 0);
    assert_string_equal(json_string_value(json_object_get(bar, "unknown")), "error of the method");
    assert_true(json_real_value(json_object_get(bar, "low")) <
                json_real_value(json_object_get(bar, "high")));
    assert_true(json_is_false(json_object_get(bar, "choice")));
    json_decref(object);
}

/* In LANGUAGE, with the sensitivity. Overwritten by the next call. */
static const char *page_of(const struct calculator_query *query, enum text_language language)
{
    static char page[8000];
    struct calculation calculation = compute(query);
    FILE *stream = fmemopen(page, sizeof(page), "w");

    assert_true(
        calculator_write(factors, query, &calculation, CALCULATOR_TEXT, language, true, stream));
    fclose(stream);
    return page;
}

static void assert_tells(const char *page, const char *const parts[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strstr(page, parts[i]))
            fail_msg("\"%s\" is not in:\n%s", parts[i], page);
}

static void tells_people_where_figures_come_from(void **state)
{
    static const char *const english[] = {
        "tokens_out 250",
        "computed at openai, method A",
        "kgCO₂e\n",
        "embodied",
        "FRA-EDF, water, use",
        "FRA, greenhouse gas",
        "grade E\n",
        "Ember",
        "method A\n    EcoLogits main",
        "manufacture of the servers\n    EcoLogits main",
        "zone FRA-ECOLOGITS: 4.858e-08 kgSb/kWh\n    ADEME",
        "WUE 0.569 L/kWh",
        "44-132 active of 440",
        "What moves energy (kWh), the most first, all else at its centre:\n  error of the method ",
        "count of off-site water (EWIF)"};
    static const char *const french[] = {
        "tokens_out 250",
        "calculé chez openai, méthode A\n",
        "Bas    Central       Haut        P10        P90\n",
        "gaz à effet de serre, fabrication          1,",
        "  FRA-EDF, eau, usage                      0,",
        "qualité E\n",
        "hébergeur openai\u00a0: PUE 1,2, WUE 0,569 L/kWh",
        "44-132 milliards de paramètres actifs sur 440",
        "le plus d’abord, tout le reste à sa valeur centrale\u00a0:\n  erreur de la méthode ",
        "décompte de l'eau hors site (EWIF) ",
        "(un choix, hors de P10 à P90)"};
    const struct calculator_query *query = QUERY(GPT_4O, OF(TOKENS_OUT, "250"), OF(ZONE, "FRA"));

    (void)state;
    assert_tells(page_of(query, LANGUAGE_EN), english, sizeof(english) / sizeof(english[0]));
    assert_tells(page_of(query, LANGUAGE_FR), french, sizeof(french) / sizeof(french[0]));
}

static void tells_people_of_media(void **state)
{
    static const char *const english[] = {
        "computed at microsoft\n", "Nothing embodied is computed here",
        "image/sd-3.5-medium: 0.439 Wh each on the GPU alone, host and idle machines added\n",
        "PUE 1.16, WUE 0.27-0.3 L/kWh"};
    static const char *const french[] = {
        "calculé chez microsoft\n", "La fabrication n’est pas calculée ici",
        "image/sd-3.5-medium\u00a0: 0,439 Wh l’unité pour le GPU seul, hôte et machines",
        "PUE 1,16, WUE 0,27-0,3 L/kWh"};
    const struct calculator_query *query =
        QUERY(OF(PROVIDER, "microsoft"), OF(ZONE, "FRA"), OF(MODEL, "image/sd-3.5-medium"));

    (void)state;
    assert_tells(page_of(query, LANGUAGE_EN), english, sizeof(english) / sizeof(english[0]));
    assert_tells(page_of(query, LANGUAGE_FR), french, sizeof(french) / sizeof(french[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reproduces_the_golden_subset),
        cmocka_unit_test(reproduces_all_golden_rows),
        cmocka_unit_test(centres_method_a_on_its_ends),
        cmocka_unit_test(an_estimate_of_tokens_widens_the_ends),
        cmocka_unit_test(counts_units),
        cmocka_unit_test(no_request_costs_nothing),
        cmocka_unit_test(method_b_counts_input),
        cmocka_unit_test(method_b_by_hand),
        cmocka_unit_test(images_by_hand),
        cmocka_unit_test(speech_by_hand),
        cmocka_unit_test(measured_energy_by_hand),
        cmocka_unit_test(shows_every_convention),
        cmocka_unit_test(finds_models_by_every_name),
        cmocka_unit_test(takes_extremes),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(takes_columns_in_any_order),
        cmocka_unit_test(rows_have_defaults),
        cmocka_unit_test(tells_bad_rows),
        cmocka_unit_test(leaves_out_what_is_not_known),
        cmocka_unit_test(refuses_bad_headers),
        cmocka_unit_test(blanks_are_nothing),
        cmocka_unit_test(refuses_what_is_no_text),
        cmocka_unit_test(an_unlisted_model_needs_its_class_by_name),
        cmocka_unit_test(survives_odd_lines),
        cmocka_unit_test(writes_one_object_a_line),
        cmocka_unit_test(writes_the_sensitivity_as_json),
        cmocka_unit_test(tells_people_where_figures_come_from),
        cmocka_unit_test(tells_people_of_media),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
