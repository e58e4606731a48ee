/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/factors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VINTAGE_2026 IAGMETER_SOURCE_ROOT "/conf/factors/2026"
#define GOLDEN       IAGMETER_SOURCE_ROOT "/../shared/golden/ecologits_main-5be90da_"

/* cmocka compares as float: too coarse for coefficients with 17 digits. */
#define assert_same(a, b)                                                                          \
    do {                                                                                           \
        double left = (a), right = (b);                                                            \
        if (left != right)                                                                         \
            fail_msg("%s is %.17g, not %.17g", #a, left, right);                                   \
    } while (0)

/* ---- The vintage that we ship ---- */

/* The next date in TEXT, "2026-07" or "2026-07-31", and its length; NULL: there is none. */
static const char *next_date(const char *text, size_t *length)
{
    for (; *text; text++) {
        if (strspn(text, "0123456789") != 4 || strncmp(text, "20", 2) != 0 || text[4] != '-' ||
            strspn(&text[5], "0123456789") != 2)
            continue;
        *length = text[7] == '-' && strspn(&text[8], "0123456789") == 2 ? 10 : 7;
        return text;
    }
    return NULL;
}

/* A French reader finds no English of what a figure covers in the vintage that we ship. */
static void says_in_french_what_figures_cover(void **state)
{
    static const char *const names[] = {"method", "models", "providers", "zones", "media"};
    char line[1000], path[PATH_MAX];
    unsigned scopes = 0, french = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        FILE *stream;

        snprintf(path, sizeof(path), VINTAGE_2026 "/%s.conf", names[i]);
        stream = fopen(path, "re");
        assert_non_null(stream);
        while (fgets(line, sizeof(line), stream)) {
            scopes += strstr(line, "scope = \"") != NULL;
            french += strstr(line, "scope_fr = \"") != NULL;
            if (french > scopes)
                fail_msg("%s: %s", path, line);
        }
        fclose(stream);
        assert_int_equal(french, scopes);
    }
    assert_true(scopes > 40);
}

/* What is cited with a date was read by the date of the vintage. */
static void is_as_new_as_what_it_cites(void **state)
{
    static const char *const names[] = {"vintage",   "method", "models",
                                        "providers", "zones",  "media"};
    char line[1000], path[PATH_MAX], date[sizeof("2026-05-18")] = "";
    unsigned cited = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        FILE *stream;

        snprintf(path, sizeof(path), VINTAGE_2026 "/%s.conf", names[i]);
        stream = fopen(path, "re");
        assert_non_null(stream);
        while (fgets(line, sizeof(line), stream)) {
            const char *source = strstr(line, " source = ");
            size_t length;

            sscanf(line, "date = \"%10s", date);
            for (; source && (source = next_date(source, &length)); source += length, cited++)
                if (strncmp(source, date, length) > 0)
                    fail_msg("the vintage is of %s: %s", date, line);
        }
        fclose(stream);
    }
    assert_true(cited > 3);
}

static struct factors *load(const char *directory)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct factors *factors = factors_load(directory, diagnostics);

    diagnostics_print(diagnostics, stderr);
    assert_int_equal(diagnostics_errors(diagnostics) + diagnostics_warnings(diagnostics), 0);
    diagnostics_free(diagnostics);
    assert_non_null(factors);
    return factors;
}

static void loads_the_shipped_vintage(void **state)
{
    struct factors *factors = load(VINTAGE_2026);
    const struct model_factors *model = factors_model(factors, "openai", "gpt-3.5-turbo");
    const struct zone_factors *france = factors_zone(factors, "FRA");
    const struct zone_factors *edf = factors_zone(factors, "FRA-EDF");
    const struct provider_factors *hosting = factors_provider(factors, "france-hosting");

    (void)state;
    assert_string_equal(factors_vintage(factors), "2026");
    assert_same(factors_method_a(factors)->energy_beta, -0.011205921025579175);
    assert_int_equal(factors_method_a(factors)->embodied_provenance.grade, 'C');
    assert_non_null(model);
    assert_same(model->total_parameters_b.min, 20);
    assert_same(model->total_parameters_b.max, 70);
    assert_int_equal(model->provenance.grade, 'E');
    assert_string_equal(model->provenance.licence, "MPL-2.0 (facts and figures)");
    /* The headline for France, and what its water depends on (the method page, section 3). */
    assert_same(france->gwp_kgco2e_per_kwh, 0.0461);
    assert_non_null(strstr(france->provenance.source, "ADEME Base Empreinte"));
    assert_non_null(strstr(france->ewif_provenance.source, "WRI"));
    assert_same(france->ewif_l_per_kwh, 3.6737);
    assert_same(edf->gwp_kgco2e_per_kwh, france->gwp_kgco2e_per_kwh);
    assert_same(edf->ewif_l_per_kwh, 0.83);
    assert_non_null(strstr(edf->ewif_provenance.source, "EDF"));
    assert_string_equal(edf->ewif_provenance.unit, "L/kWh");
    assert_int_equal(hosting->provenance.grade, 'E');
    factors_free(factors);
}

static void finds_every_provider(void **state)
{
    static const char *const ids[] = {"openai",   "anthropic",   "google",         "mistral",
                                      "cohere",   "huggingface", "microsoft",      "aws",
                                      "ovhcloud", "scaleway",    "france-hosting", "world-cloud"};
    struct factors *factors = load(VINTAGE_2026);

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        const struct provider_factors *provider = factors_provider(factors, ids[i]);

        assert_non_null(provider);
        assert_string_equal(provider->id, ids[i]);
        assert_non_null(factors_zone(factors, provider->zone));
        assert_true(provider->pue.min >= 1);
    }
    factors_free(factors);
}

static void does_not_find_what_is_not_there(void **state)
{
    struct factors *factors = load(VINTAGE_2026);
    char text[200];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_null(factors_model(factors, "openai", "gpt-0"));
    assert_null(factors_model(factors, "nobody", "gpt-4o"));
    assert_null(factors_model(factors, "", ""));
    assert_null(factors_model(factors, "openai", text));
    assert_null(factors_provider(factors, "open"));
    assert_null(factors_provider(factors, text));
    assert_null(factors_zone(factors, "XXX"));
    assert_null(factors_zone(factors, text));
    factors_free(factors);
}

/* Splits a line at its tabs, in place. Returns the number of fields. */
static size_t split(char *line, char *fields[], size_t size)
{
    size_t count = 0;

    line[strcspn(line, "\n")] = '\0';
    for (char *field; count < size && (field = strsep(&line, "\t"));)
        fields[count++] = field;
    return count;
}

static FILE *open_golden(const char *name)
{
    char path[PATH_MAX];
    FILE *stream;

    snprintf(path, sizeof(path), "%s%s", GOLDEN, name);
    stream = fopen(path, "r");
    if (!stream) {
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    return stream;
}

static double number(const char *text)
{
    return text[0] ? strtod(text, NULL) : 0;
}

static void holds_every_golden_model(void **state)
{
    FILE *stream = open_golden("models.tsv");
    struct factors *factors = load(VINTAGE_2026);
    char line[1000];
    char *fields[10];
    unsigned count = 0;

    (void)state;
    assert_non_null(fgets(line, sizeof(line), stream));
    while (fgets(line, sizeof(line), stream)) {
        const struct model_factors *model;

        assert_int_equal(split(line, fields, 10), 10);
        model = factors_model(factors, fields[0], fields[1]);
        assert_non_null(model);
        assert_same(model->total_parameters_b.min, number(fields[3]));
        assert_same(model->total_parameters_b.max, number(fields[4]));
        assert_same(model->active_parameters_b.min, number(fields[5]));
        assert_same(model->active_parameters_b.max, number(fields[6]));
        assert_same(model->tokens_per_second, number(fields[7]));
        assert_same(model->time_to_first_token_s, number(fields[8]));
        assert_int_equal(model->provenance.grade, strstr(fields[9], "not-released") ? 'E'
                                                  : fields[9][0]                    ? 'C'
                                                                                    : 'B');
        count++;
    }
    assert_int_equal(count, 368);
    fclose(stream);
    factors_free(factors);
}

static void holds_every_golden_zone(void **state)
{
    FILE *stream = open_golden("mixes.tsv");
    struct factors *factors = load(VINTAGE_2026);
    char line[1000];
    char *fields[5];
    unsigned count = 0;

    (void)state;
    assert_non_null(fgets(line, sizeof(line), stream));
    while (fgets(line, sizeof(line), stream)) {
        const struct zone_factors *zone;
        char id[ZONE_ID_SIZE];

        assert_int_equal(split(line, fields, 5), 5);
        snprintf(id, sizeof(id), "%s-ECOLOGITS", fields[0]);
        zone = factors_zone(factors, id);
        if (!zone)
            zone = factors_zone(factors, fields[0]);
        assert_non_null(zone);
        assert_same(zone->gwp_kgco2e_per_kwh, number(fields[1]));
        assert_same(zone->adpe_kgsb_per_kwh, number(fields[2]));
        assert_same(zone->ewif_l_per_kwh, number(fields[4]));
        count++;
    }
    assert_int_equal(count, 50);
    fclose(stream);
    factors_free(factors);
}

/* ---- Bad files: a good vintage with one thing replaced ---- */

#define PROVENANCE(unit)                                                                           \
    " = { unit = \"" unit "\"; year = \"2026\"; scope = \"s\"; source = \"o\"; licence = \"l\"; "  \
    "grade = \"B\"; };\n"

static const struct {
    const char *name;
    const char *text;
} good[] = {
    {"vintage.conf", "vintage = \"test\";\n"
                     "description = \"for tests\";\n"
                     "date = \"2026-01-01\";\n"},
    {"method.conf",
     "method_a = {\n"
     "energy_alpha_wh = 1.0;\n"
     "energy_beta = -0.5;\n"
     "energy_gamma_wh = 1.0;\n"
     "latency_alpha_s = 1.0;\n"
     "latency_beta_s = 1.0;\n"
     "latency_gamma_s = 1.0;\n"
     "batch_size = 8;\n"
     "quantization_bits = 16;\n"
     "memory_overhead = 1.2;\n"
     "gpu_memory_gb = 80;\n"
     "server_gpus = 8;\n"
     "server_power_kw = 1.2;\n"
     "hardware_lifetime_s = 1000;\n"
     "server_gwp_kgco2e = 1;\n"
     "server_adpe_kgsb = 1;\n"
     "gpu_gwp_kgco2e = 1;\n"
     "gpu_adpe_kgsb = 1;\n"
     "provenance" PROVENANCE("Wh, s, kW") "embodied_provenance" PROVENANCE(
         "kgCO2e, kgSb eq.") "};\n"
                             "published_zones = \"THEIRS\";\n"
                             "method_b = {\n"
                             "intercept = -0.5;\n"
                             "active_exponent = 0.25;\n"
                             "total_exponent = 0.5;\n"
                             "batch_exponent = -1.0;\n"
                             "batch_curvature = 0.125;\n"
                             "batch_size = [8, 32, 64];\n"
                             "input_weight = [0.125, 0.25, 0.5];\n"
                             "host_share = 0.5;\n"
                             "idle_share = 0.25;\n"
                             "provenance" PROVENANCE("J/token; 1e9") "batch_provenance" PROVENANCE("requests") "input_provenance" PROVENANCE(
                                 "ratio") "overhead_provenance" PROVENANCE("ratio") "};\n"
                                                                                    "uncertainty = "
                                                                                    "{\n"
                                                                                    "method_a_gsd "
                                                                                    "= 2; "
                                                                                    "method_b_gsd "
                                                                                    "= 1.5;\n"
                                                                                    "range_sigmas "
                                                                                    "= 3.25;\n"
                                                                                    "exchange_"
                                                                                    "sigma = 0.5;\n"
                                                                                    "provenanc"
                                                                                    "e" PROVENANCE(
                                                                                        "ratio") "}"
                                                                                                 ";"
                                                                                                 "\n"},
    {"models.conf",
     "provenance" PROVENANCE(
         "1e9; token/s; s") "models = (\n"
                            "{ provider = \"p\"; name = \"a/b\"; total_parameters_b = [7, 70];\n"
                            "  active_parameters_b = 7;\n"
                            "  tokens_per_second = 10; },\n"
                            "{ provider = \"p\"; name = \"c\"; total_parameters_b = 8.5;\n"
                            "  active_parameters_b = 8.5;\n"
                            "  provenance = { grade = \"E\"; }; }\n"
                            ");\n"},
    {"zones.conf",
     "provenance" PROVENANCE("kgCO2e/kWh") "adpe_provenance" PROVENANCE(
         "kgSbeq/kWh") "ewif_provenance" PROVENANCE("L/kWh") "zones = (\n"
                                                             "{ id = \"FRA\"; gwp_kgco2e_per_kwh = "
                                                             "0.05;\n"
                                                             "  adpe_kgsb_per_kwh = 5e-8;\n"
                                                             "  ewif_l_per_kwh = 3.5; },\n"
                                                             "{ id = \"WOR\"; gwp_kgco2e_per_kwh = "
                                                             "0.5;\n"
                                                             "  adpe_kgsb_per_kwh = 5e-8; "
                                                             "ewif_l_per_kwh = 4; }\n"
                                                             ");\n"},
    {"providers.conf",
     "provenance" PROVENANCE("L/kWh") "providers = (\n"
                                      "{ id = \"x\"; zone = \"FRA\";\n"
                                      "  pue = [1.1, 1.2];\n"
                                      "  wue_l_per_kwh = 0.5; },\n"
                                      "{ id = \"y\";\n"
                                      "  zone = \"WOR\";\n"
                                      "  pue = 1.5; wue_l_per_kwh = 0.5;\n"
                                      "  provenance = { scope = \"y's own\"; }; }\n"
                                      ");\n"},
    {"media.conf", "provenance" PROVENANCE(
                       "Wh") "media = (\n"
                             "{ id = \"image/m\"; energy_wh = [1, 2, 3]; gpu_only = true; },\n"
                             "{ id = \"image/n\"; energy_wh = 5; gpu_only = false; }\n"
                             ");\n"},
};

#define FILES (sizeof(good) / sizeof(good[0]))

/* TEXT null: the file is not written. */
static void write_file(const char *directory, const char *name, const char *text, size_t length)
{
    char path[PATH_MAX];
    FILE *stream;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    unlink(path);
    if (!text)
        return;
    stream = fopen(path, "w");
    assert_non_null(stream);
    assert_int_equal(fwrite(text, 1, length, stream), length);
    assert_int_equal(fclose(stream), 0);
}

static void write_good(const char *directory)
{
    for (size_t i = 0; i < FILES; i++)
        write_file(directory, good[i].name, good[i].text, strlen(good[i].text));
}

static int make_directory(void **state)
{
    char template[] = "/tmp/iagmeter-factors-XXXXXX";

    if (!mkdtemp(template))
        return -1;
    *state = strdup(template);
    return *state ? 0 : -1;
}

static int remove_directory(void **state)
{
    for (size_t i = 0; i < FILES; i++)
        write_file(*state, good[i].name, NULL, 0);
    rmdir(*state);
    free(*state);
    return 0;
}

static void loads_a_good_vintage(void **state)
{
    struct factors *factors;

    write_good(*state);
    factors = load(*state);
    assert_string_equal(factors_vintage(factors), "test");
    assert_same(factors_method_a(factors)->energy_beta, -0.5);
    assert_same(factors_model(factors, "p", "a/b")->total_parameters_b.max, 70);
    assert_same(factors_model(factors, "p", "a/b")->tokens_per_second, 10);
    assert_same(factors_model(factors, "p", "c")->tokens_per_second, 0);
    assert_int_equal(factors_model(factors, "p", "a/b")->provenance.grade, 'B');
    assert_int_equal(factors_model(factors, "p", "c")->provenance.grade, 'E');
    assert_string_equal(factors_model(factors, "p", "c")->provenance.source, "o");
    assert_same(factors_provider(factors, "x")->pue.max, 1.2);
    assert_string_equal(factors_provider(factors, "x")->provenance.scope, "s");
    assert_string_equal(factors_provider(factors, "y")->provenance.scope, "y's own");
    assert_same(factors_zone(factors, "FRA")->ewif_l_per_kwh, 3.5);
    assert_same(factors_method_b(factors)->batch_size.central, 32);
    assert_same(factors_method_b(factors)->input_weight.high, 0.5);
    assert_same(factors_uncertainty(factors)->method_b_gsd, 1.5);
    assert_string_equal(factors_published_suffix(factors), "THEIRS");
    assert_same(factors_medium(factors, "image/m")->energy_wh.high, 3);
    assert_true(factors_medium(factors, "image/m")->gpu_only);
    assert_false(factors_medium(factors, "image/n")->gpu_only);
    assert_null(factors_medium(factors, "image/o"));
    assert_int_equal(factors_counts(factors).models, 2);
    assert_int_equal(factors_counts(factors).providers, 2);
    assert_int_equal(factors_counts(factors).zones, 2);
    assert_int_equal(factors_counts(factors).media, 2);
    factors_free(factors);
}

static void load_changed(const char *directory, const char *file, const char *text)
{
    write_good(directory);
    write_file(directory, file, text, strlen(text));
}

/* With a scope of its own, an entry has not the French one of its file. */
static void a_scope_has_its_own_french(void **state)
{
    struct factors *factors;

    load_changed(
        *state, "providers.conf",
        "provenance = { unit = \"L/kWh\"; year = \"2026\"; scope = \"s\"; scope_fr = \"é\";\n"
        "  source = \"o\"; licence = \"l\"; grade = \"B\"; };\n"
        "providers = (\n"
        "{ id = \"x\"; zone = \"FRA\"; pue = 1; wue_l_per_kwh = 0; },\n"
        "{ id = \"y\"; zone = \"FRA\"; pue = 1; wue_l_per_kwh = 0;\n"
        "  provenance = { scope = \"own\"; }; } );\n");
    factors = load(*state);
    assert_string_equal(factors_provider(factors, "x")->provenance.scope_fr, "é");
    assert_string_equal(factors_provider(factors, "y")->provenance.scope, "own");
    assert_string_equal(factors_provider(factors, "y")->provenance.scope_fr, "");
    factors_free(factors);
}

/* A chain of fallbacks, whose parts stand in any order, ends at figures; only they are copied. */
static void follows_fallbacks(void **state)
{
    struct factors *factors;
    const struct model_factors *model;

    load_changed(
        *state, "models.conf",
        "provenance" PROVENANCE(
            "1e9; token/s; s") "models = (\n"
                               "{ provider = \"p\"; name = \"first\"; fallback = \"q/o/second\";\n"
                               "  provenance = { grade = \"E\"; }; },\n"
                               "{ provider = \"q\"; name = \"o/second\"; fallback = \"p/third\"; "
                               "},\n"
                               "{ provider = \"p\"; name = \"third\"; total_parameters_b = [7, "
                               "70];\n"
                               "  active_parameters_b = 7; tokens_per_second = 10;\n"
                               "  time_to_first_token_s = 0.5; } );\n");
    factors = load(*state);
    model = factors_model(factors, "p", "first");
    assert_string_equal(model->name, "first");
    assert_string_equal(model->fallback, "q/o/second");
    assert_int_equal(model->provenance.grade, 'E');
    assert_same(model->total_parameters_b.max, 70);
    assert_same(model->active_parameters_b.max, 7);
    assert_same(model->tokens_per_second, 10);
    assert_same(model->time_to_first_token_s, 0.5);
    assert_same(factors_model_named(factors, "q/o/second")->total_parameters_b.min, 7);
    factors_free(factors);
}

static void finds_providers_by_what_they_make(void **state)
{
    struct factors *factors;

    load_changed(*state, "providers.conf",
                 "provenance" PROVENANCE(
                     "L/kWh") "providers = (\n"
                              "{ id = \"x\"; zone = \"FRA\"; pue = 1; wue_l_per_kwh = 0; },\n"
                              "{ id = \"y\"; maker = \"y_ai\"; zone = \"FRA\"; pue = 1; "
                              "wue_l_per_kwh = 0; }\n"
                              ");\n");
    factors = load(*state);
    assert_string_equal(factors_maker(factors, "y_ai")->id, "y");
    assert_string_equal(factors_maker(factors, "y")->id, "y");
    assert_string_equal(factors_maker(factors, "x")->id, "x");
    assert_null(factors_maker(factors, ""));
    assert_null(factors_maker(factors, "z"));
    factors_free(factors);
}

static void note_zone(void *context, const struct zone_factors *zone)
{
    char *ids = context;

    snprintf(ids + strlen(ids), 100 - strlen(ids), "%s ", zone->id);
}

static void visits_the_variants_of_a_zone(void **state)
{
    struct factors *factors = load(VINTAGE_2026);
    char ids[100] = "";

    (void)state;
    factors_visit_variants(factors, "FRA-EDF", note_zone, ids);
    assert_string_equal(ids, "FRA FRA-ECOLOGITS FRA-EDF FRA-RTE ");
    ids[0] = '\0';
    factors_visit_variants(factors, "SWE", note_zone, ids);
    assert_string_equal(ids, "SWE ");
    factors_free(factors);
}

/* 2026-01-01 is the date of the good vintage. */
static void a_vintage_cannot_come_from_the_future(void **state)
{
    const int64_t new_year = 1767225600;
    struct diagnostics *diagnostics = diagnostics_new();
    struct factors *factors;
    char expected[PATH_MAX];

    write_good(*state);
    factors = load(*state);
    assert_true(factors_check_date(factors, new_year, diagnostics));
    assert_true(factors_check_date(factors, new_year - 86400, diagnostics)); /* east of Greenwich */
    assert_int_equal(diagnostics_errors(diagnostics), 0);
    assert_false(factors_check_date(factors, new_year - 86401, diagnostics));
    snprintf(expected, sizeof(expected), "%s/vintage.conf:3: date 2026-01-01 is in the future",
             (const char *)*state);
    assert_string_equal(diagnostics_text(diagnostics, 0), expected);
    diagnostics_free(diagnostics);
    factors_free(factors);
}

/* An id fills its buffer to the last byte; a longer one, cut to the same bytes, is another. */
static void tells_long_ids_apart(void **state)
{
    char id[sizeof(((struct provider_factors *)NULL)->id)];
    struct factors *factors;
    char longer[sizeof(id) + 1];
    char text[1000];

    memset(id, 'i', sizeof(id));
    id[sizeof(id) - 1] = '\0';
    snprintf(longer, sizeof(longer), "%si", id);
    snprintf(text, sizeof(text),
             "provenance" PROVENANCE("L/kWh") "providers = ( { id = \"%s\"; zone = \"WOR\"; pue = "
                                              "1; wue_l_per_kwh = 0; } );\n",
             id);
    write_good(*state);
    write_file(*state, "providers.conf", text, strlen(text));
    factors = load(*state);
    assert_non_null(factors_provider(factors, id));
    assert_null(factors_provider(factors, longer));
    factors_free(factors);
}

/* In FILE, the first FROM becomes TO (FROM null: the file is absent). MESSAGE is the whole of the
 * first complaint, after the directory. */
static const struct {
    const char *file;
    const char *from;
    const char *to;
    const char *message;
} bad[] = {
    /* Provenance */
    {"zones.conf", " unit = \"kgCO2e/kWh\";", "", "zones.conf:1: missing key \"unit\""},
    {"zones.conf", " year = \"2026\";", "", "zones.conf:1: missing key \"year\""},
    {"zones.conf", " scope = \"s\";", "", "zones.conf:1: missing key \"scope\""},
    {"models.conf", " source = \"o\";", "", "models.conf:1: missing key \"source\""},
    {"models.conf", " licence = \"l\";", "", "models.conf:1: missing key \"licence\""},
    {"providers.conf", " grade = \"B\";", "", "providers.conf:1: missing key \"grade\""},
    {"method.conf", " source = \"o\";", "", "method.conf:19: missing key \"source\""},
    {"providers.conf", "licence = \"l\"", "licence = \"\"", "providers.conf:1: licence is empty"},
    {"providers.conf", "grade = \"B\"", "grade = \"F\"",
     "providers.conf:1: grade must be one of: A, B, C, D, E"},
    {"providers.conf", "scope = \"y's own\"", "scope = \"\"", "providers.conf:9: scope is empty"},
    {"models.conf", "grade = \"E\"", "note = \"E\"", "models.conf:8: unknown key \"note\""},
    {"zones.conf", "adpe_provenance", "odd_provenance",
     "zones.conf:2: unknown key \"odd_provenance\""},
    {"method.conf", "embodied_provenance", "# ",
     "method.conf:1: missing key "
     "\"embodied_provenance\""},
    {"zones.conf", "year = \"2026\"", "year = \"2011 (smoothed 2022-2031)\"",
     "zones.conf:1: year 2031 is in the future of this vintage, of 2026-01-01"},
    {"models.conf", "{ grade = \"E\"; }", "{ year = \"2027\"; }",
     "models.conf:8: year 2027 is in the future of this vintage, of 2026-01-01"},
    {"providers.conf", "year = \"2026\"", "year = \"lately\"",
     "providers.conf:1: year names no year"},
    {"providers.conf", "year = \"2026\"", "year = \"20266\"",
     "providers.conf:1: year names no year"},
    {"vintage.conf", "2026-01-01", "01/01/2026", "vintage.conf:3: date must be YYYY-MM-DD"},
    {"vintage.conf", "2026-01-01", "2026-01-012", "vintage.conf:3: date must be YYYY-MM-DD"},
    {"method.conf", "batch_provenance", "#", "method.conf:23: missing key \"batch_provenance\""},
    {"media.conf", " unit = \"Wh\";", "", "media.conf:1: missing key \"unit\""},
    /* Units of another scale or dimension, also of one entry */
    {"zones.conf", "kgCO2e/kWh", "gCO2e/kWh",
     "zones.conf:1: unit \"gCO2e/kWh\" does not name kgCO2e/kWh, in which the figure is read"},
    {"zones.conf", "kgCO2e/kWh", "kgCO2e/MWh",
     "zones.conf:1: unit \"kgCO2e/MWh\" does not name kgCO2e/kWh, in which the figure is read"},
    {"zones.conf", "kgSbeq/kWh", "gSbeq/kWh",
     "zones.conf:2: unit \"gSbeq/kWh\" does not name kgSbeq/kWh, in which the figure is read"},
    {"zones.conf", "L/kWh", "mL/kWh",
     "zones.conf:3: unit \"mL/kWh\" does not name L/kWh, in which the figure is read"},
    {"zones.conf", "  ewif_l_per_kwh = 3.5;",
     "ewif_l_per_kwh = 3.5;\newif_provenance = { unit = \"L/MWh\"; };",
     "zones.conf:8: unit \"L/MWh\" does not name L/kWh, in which the figure is read"},
    {"models.conf", "1e9;", "1e6;",
     "models.conf:1: unit \"1e6; token/s; s\" does not name 1e9, in which the figure is read"},
    {"models.conf", "active_parameters_b = 8.5;\n  provenance = { grade = \"E\"; }",
     "active_parameters_b = 8.5; tokens_per_second = 5;\n  provenance = { unit = \"1e9\"; }",
     "models.conf:8: unit \"1e9\" does not name token/s, in which the figure is read"},
    {"models.conf", "token/s; s", "token/s",
     "models.conf:1: unit \"1e9; token/s\" does not name s, in which the figure is read"},
    {"providers.conf", "L/kWh", "kWh",
     "providers.conf:1: unit \"kWh\" does not name L/kWh, in which the figure is read"},
    {"media.conf", "\"Wh\"", "\"kWh\"",
     "media.conf:1: unit \"kWh\" does not name Wh, in which the figure is read"},
    {"media.conf", "\"Wh\"", "\"Wh per image, kWh per clip\"",
     "media.conf:1: unit \"Wh per image, kWh per clip\" does not name Wh, in which the figure is "
     "read"},
    {"method.conf", "J/token", "kJ/token",
     "method.conf:33: unit \"kJ/token; 1e9\" does not name J/token, in which the figure is read"},
    {"method.conf", "kgCO2e, kgSb eq.", "kgCO2e",
     "method.conf:20: unit \"kgCO2e\" does not name kgSb, in which the figure is read"},
    /* Figures in grams, or by MWh */
    {"zones.conf", "= 0.05;", "= 46.1;",
     "zones.conf:5: gwp_kgco2e_per_kwh is 46.1, outside 0 to 20"},
    {"zones.conf", "= 5e-8;", "= 5e-5;",
     "zones.conf:6: adpe_kgsb_per_kwh is 5e-05, outside 0 to 1e-05"},
    {"zones.conf", "= 3.5;", "= 3500;", "zones.conf:7: ewif_l_per_kwh is 3500, outside 0 to 500"},
    /* PUE */
    {"providers.conf", "  pue = [1.1, 1.2];\n", "\n",
     "providers.conf:3: provider \"x\": missing key \"pue\": the data centre's PUE has no "
     "default"},
    {"providers.conf", "  pue = 1.5;", "",
     "providers.conf:6: provider \"y\": missing key \"pue\": the data centre's PUE has no "
     "default"},
    {"providers.conf", "[1.1, 1.2]", "[0.99, 1.2]",
     "providers.conf:4: pue is 0.99, outside 1 to 10"},
    {"providers.conf", "pue = 1.5", "pue = 150", "providers.conf:8: pue is 150, outside 1 to 10"},
    {"providers.conf", "[1.1, 1.2]", "[1.2, 1.1]",
     "providers.conf:4: pue must be in ascending order"},
    {"providers.conf", "[1.1, 1.2]", "[1.1, 1.2, 1.3]",
     "providers.conf:4: pue must hold 2 numbers"},
    /* Numbers that are none */
    {"zones.conf", "= 0.05;", "= -0.05;",
     "zones.conf:5: gwp_kgco2e_per_kwh is -0.05, outside 0 to 20"},
    {"zones.conf", "= 5e-8;", "= -5e-8;",
     "zones.conf:6: adpe_kgsb_per_kwh is -5e-08, outside 0 to 1e-05"},
    {"zones.conf", "= 3.5;", "= 1e999;", "zones.conf:7: ewif_l_per_kwh must be finite"},
    {"zones.conf", "= 3.5;", "= nan;",
     "zones.conf:7: syntax error, or an error in the line before: a setting ends with \";\", and "
     "no "
     "comma stands behind the last item of a list"},
    {"zones.conf", "= 3.5;", "= \"3.5\";", "zones.conf:7: ewif_l_per_kwh must be a number"},
    {"providers.conf", "= 0.5; },", "= -0.5; },",
     "providers.conf:5: wue_l_per_kwh is -0.5, outside 0 to 100"},
    {"models.conf", "[7, 70]", "[-7, 70]",
     "models.conf:3: total_parameters_b is -7, outside 2.225073859e-308 to 1e+12"},
    {"models.conf", "active_parameters_b = 7;", "active_parameters_b = 0;",
     "models.conf:4: active_parameters_b is 0, outside 2.225073859e-308 to 1e+12"},
    {"models.conf", "= 10;", "= -10;",
     "models.conf:5: tokens_per_second is -10, outside 0 to 1e+12"},
    {"models.conf", "active_parameters_b = 7;", "active_parameters_b = 7.5;",
     "models.conf:3: model \"p/a/b\": more active parameters than it has in total"},
    {"method.conf", "batch_size = 8", "batch_size = 0",
     "method.conf:8: batch_size is 0, outside 1 to 1e+12"},
    {"method.conf", "hardware_lifetime_s = 1000", "hardware_lifetime_s = 0",
     "method.conf:14: hardware_lifetime_s is 0, outside 1 to 1e+12"},
    {"method.conf", "latency_alpha_s = 1.0", "latency_alpha_s = -1.0",
     "method.conf:5: latency_alpha_s is -1, outside 0 to 1e+12"},
    {"method.conf", "[8, 32, 64]", "[64, 32, 8]",
     "method.conf:29: batch_size must be in ascending order"},
    {"method.conf", "[8, 32, 64]", "[0, 32, 64]",
     "method.conf:29: batch_size is 0, outside 1 to 1e+12"},
    {"method.conf", "method_b_gsd = 1.5", "method_b_gsd = 0.5",
     "method.conf:39: method_b_gsd is 0.5, outside 1 to 100"},
    {"media.conf", "[1, 2, 3]", "[-1, 2, 3]", "media.conf:3: energy_wh is -1, outside 0 to 1e+12"},
    /* Fallbacks */
    {"models.conf", "total_parameters_b = 8.5;\n  active_parameters_b = 8.5;",
     "fallback = \"p/d\";\n", "models.conf:6: model \"p/c\": unknown fallback \"p/d\""},
    {"models.conf", "total_parameters_b = 8.5;\n  active_parameters_b = 8.5;",
     "fallback = \"p/c\";\n", "models.conf:6: model \"p/c\": circular fallback through \"p/c\""},
    {"models.conf", "total_parameters_b = 8.5;\n  active_parameters_b = 8.5;",
     "fallback = \"p/d\"; },\n{ provider = \"p\"; name = \"d\"; fallback = \"p/c\";",
     "models.conf:6: model \"p/c\": circular fallback through \"p/d\""},
    /* Once, at the first of the circle, and not at those that lead there. */
    {"models.conf", "total_parameters_b = 8.5;\n  active_parameters_b = 8.5;",
     "fallback = \"p/e\"; },\n{ provider = \"p\"; name = \"e\"; fallback = \"p/d\"; },\n"
     "{ provider = \"p\"; name = \"d\"; fallback = \"p/e\";",
     "models.conf:8: model \"p/d\": circular fallback through \"p/e\""},
    {"models.conf", "total_parameters_b = 8.5;", "fallback = \"p/a/b\";",
     "models.conf:7: model \"p/c\" has a fallback, and active_parameters_b besides"},
    {"models.conf", "total_parameters_b = 8.5;", "",
     "models.conf:6: missing key \"total_parameters_b\""},
    /* Keys */
    {"zones.conf", "  ewif_l_per_kwh = 3.5;", "", "zones.conf:5: missing key \"ewif_l_per_kwh\""},
    {"models.conf", "tokens_per_second", "tps", "models.conf:5: unknown key \"tps\""},
    {"providers.conf", "wue_l_per_kwh = 0.5; },", "wue = 0.5; },",
     "providers.conf:5: unknown key \"wue\""},
    {"method.conf", "server_gpus = 8", "server_gpu = 8",
     "method.conf:12: unknown key \"server_gpu\""},
    {"vintage.conf", "date", "day", "vintage.conf:3: unknown key \"day\""},
    {"vintage.conf", "\"test\"", "\"\"", "vintage.conf:1: vintage is empty"},
    {"models.conf", "models =", "model =", "models.conf:2: unknown key \"model\""},
    {"zones.conf", "zones =", "zones = 1; other =",
     "zones.conf:4: zones must be a list ( ... ) or an array [ ... ]"},
    /* Identities */
    {"zones.conf", "\"WOR\"", "\"FRA\"", "zones.conf:8: zone \"FRA\": duplicate"},
    {"providers.conf", "\"y\"", "\"x\"", "providers.conf:6: provider \"x\": duplicate"},
    {"models.conf", "\"c\"", "\"a/b\"", "models.conf:6: model \"p/a/b\": duplicate"},
    {"models.conf", "\"p\"", "\"p/a\"",
     "models.conf:3: model \"p/a/a/b\": the provider must not hold a '/'"},
    {"models.conf", "\"c\"", "\"\"", "models.conf:6: name is empty"},
    {"zones.conf", "\"WOR\"", "\"\"", "zones.conf:8: id is empty"},
    {"providers.conf", "\"WOR\"", "\"WXR\"",
     "providers.conf:7: provider \"y\": unknown zone \"WXR\""},
    {"providers.conf", "{ id = \"y\";", "{ id = \"y\"; maker = \"x\";",
     "providers.conf:6: provider \"y\": another provider has that maker"},
    {"media.conf", "image/n", "image/m", "media.conf:4: medium \"image/m\": duplicate"},
    {"media.conf", "gpu_only = true; ", "", "media.conf:3: missing key \"gpu_only\""},
    {"providers.conf", "providers = (\n", "providers = ( 5,\n",
     "providers.conf:2: an entry must be a group { ... }"},
    /* Files */
    {"vintage.conf", NULL, NULL, "vintage.conf: cannot read: No such file or directory"},
    {"method.conf", NULL, NULL, "method.conf: cannot read: No such file or directory"},
    {"models.conf", NULL, NULL, "models.conf: cannot read: No such file or directory"},
    {"zones.conf", NULL, NULL, "zones.conf: cannot read: No such file or directory"},
    {"providers.conf", NULL, NULL, "providers.conf: cannot read: No such file or directory"},
    {"media.conf", NULL, NULL, "media.conf: cannot read: No such file or directory"},
};

static void write_bad(const char *directory, size_t number_of_case)
{
    char text[4000];
    size_t i = 0;
    const char *place;

    while (strcmp(good[i].name, bad[number_of_case].file) != 0)
        i++;
    if (!bad[number_of_case].from) {
        write_file(directory, good[i].name, NULL, 0);
        return;
    }
    place = strstr(good[i].text, bad[number_of_case].from);
    assert_non_null(place);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - good[i].text), good[i].text,
             bad[number_of_case].to, place + strlen(bad[number_of_case].from));
    write_file(directory, good[i].name, text, strlen(text));
}

static void refuses_bad_files_by_line(void **state)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct diagnostics *diagnostics = diagnostics_new();
        char expected[PATH_MAX];

        write_good(*state);
        write_bad(*state, i);
        snprintf(expected, sizeof(expected), "%s/%s", (const char *)*state, bad[i].message);
        assert_null(factors_load(*state, diagnostics));
        assert_non_null(diagnostics_text(diagnostics, 0));
        assert_string_equal(diagnostics_text(diagnostics, 0), expected);
        diagnostics_free(diagnostics);
    }
}

static void a_missing_vintage_is_one_error(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    assert_null(factors_load("/nowhere/2027", diagnostics));
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    assert_string_equal(diagnostics_text(diagnostics, 0),
                        "/nowhere/2027: cannot read: No such file or directory");
    diagnostics_free(diagnostics);
}

/* One run shows every error, and none that only follows from another. */
static void reports_all_errors_at_once(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    for (size_t i = 0; i < FILES; i++)
        write_file(*state, good[i].name, NULL, 0);
    write_file(*state, "providers.conf", good[4].text, strlen(good[4].text));
    assert_null(factors_load(*state, diagnostics));
    assert_int_equal(diagnostics_errors(diagnostics), 5); /* not two unknown zones besides */
    diagnostics_free(diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_the_shipped_vintage),
        cmocka_unit_test(is_as_new_as_what_it_cites),
        cmocka_unit_test(says_in_french_what_figures_cover),
        cmocka_unit_test_setup_teardown(a_scope_has_its_own_french, make_directory,
                                        remove_directory),
        cmocka_unit_test(finds_every_provider),
        cmocka_unit_test(does_not_find_what_is_not_there),
        cmocka_unit_test(holds_every_golden_model),
        cmocka_unit_test(holds_every_golden_zone),
        cmocka_unit_test_setup_teardown(loads_a_good_vintage, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(follows_fallbacks, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(finds_providers_by_what_they_make, make_directory,
                                        remove_directory),
        cmocka_unit_test(visits_the_variants_of_a_zone),
        cmocka_unit_test_setup_teardown(a_vintage_cannot_come_from_the_future, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(tells_long_ids_apart, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(refuses_bad_files_by_line, make_directory,
                                        remove_directory),
        cmocka_unit_test(a_missing_vintage_is_one_error),
        cmocka_unit_test_setup_teardown(reports_all_errors_at_once, make_directory,
                                        remove_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
