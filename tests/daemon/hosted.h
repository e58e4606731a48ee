/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_HOSTED_H
#define IAGMETER_TESTS_HOSTED_H

#include "tests/daemon/attribution.h"
#include "tests/daemon/shipped.h"

/* The host of the worked case (attribution.h), configured: its four directions, its two models as
 * services, two GPUs. Include after cmocka.h. */

#define HOSTED_ORIGIN "year = 2026; source = \"worked case\"; grade = \"B\";"

static const char hosted_directions[] =
    "directions = (\n"
    "{ code = \"DSN\"; label = \"DSN\"; legal_entity = \"R\"; prefixes = [ \"192.0.2.0/28\" ]; },\n"
    "{ code = \"CULTURE\"; label = \"C\"; legal_entity = \"R\"; prefixes = [ \"192.0.2.16/28\" ]; "
    "},\n"
    "{ code = \"VOIRIE\"; label = \"V\"; legal_entity = \"R\"; prefixes = [ \"192.0.2.32/28\" ]; "
    "},\n"
    "{ code = \"RH\"; label = \"RH\"; legal_entity = \"R\"; prefixes = [ \"192.0.2.48/28\" ]; } "
    ");\n";

#define HOSTED_SERVICE(id)                                                                         \
    "{ id = \"" id "\"; label = \"" id "\"; operator = \"self\"; country = \"FR\";\n"              \
    "  hosting = \"sovereign\"; modality = [ \"text\" ]; estimator = \"count-only-api\";\n"        \
    "  local = true; }"
static const char hosted_services[] =
    "services = ( " HOSTED_SERVICE("mistral-small-24b") ", " HOSTED_SERVICE("qwen3-8b") " );\n";

/* host.conf; the key of the worked case is the reader's. */
static const char hosted_host[] =
    "host = {\n"
    "name = \"ragarenn\"; zone = \"FRA\"; common = \"local-host\";\n"
    "pue = { value = 1.35; " HOSTED_ORIGIN " };\n"
    "wue_l_per_kwh = { value = 0.1; " HOSTED_ORIGIN " };\n"
    "energy_accuracy = { value = 0.02; " HOSTED_ORIGIN " };\n"
    "embodied = { server_gwp_kgco2e = 1700.0; server_adpe_kgsb = 0.37; gpu_gwp_kgco2e = 164.0;\n"
    "  gpu_adpe_kgsb = 5.1e-3; gpus = 2; lifetime_years = 5.0; " HOSTED_ORIGIN " };\n"
    "devices = (\n"
    "  { name = \"gpu0\"; idle_w = 95.0; " HOSTED_ORIGIN
    " services = [ \"mistral-small-24b\" ]; },\n"
    "  { name = \"gpu1\"; idle_w = 70.0; " HOSTED_ORIGIN " services = [ \"qwen3-8b\" ]; },\n"
    "  { name = \"host\"; idle_w = 180.0; " HOSTED_ORIGIN " } );\n"
    "weights = (\n"
    "  { service = \"mistral-small-24b\"; input = 0.2; cached = 0.02; output = 1.0; " HOSTED_ORIGIN
    " },\n"
    "  { service = \"qwen3-8b\"; input = 0.15; cached = 0.015; output = 1.0; " HOSTED_ORIGIN
    " } );\n"
    "};\n";

/* HOST: the text of host.conf; NULL: none is named. Its state lies in "state" beside it. */
static inline struct config *hosted_try(const char *host, const struct config *previous,
                                        struct diagnostics *diagnostics)
{
    char text[4 * PATH_MAX];
    char path[PATH_MAX];

    snprintf(text, sizeof(text),
             "state_directory = \"state\"; timezone = \"Europe/Paris\"; rrd_years = 1;\n"
             "services = \"%s\"; services_directory = \"services.d\";\n"
             "directions = \"directions.conf\"; factors = \"%s\";\n%s\n",
             SHIPPED_SERVICES, SHIPPED_FACTORS, host ? "host = \"host.conf\";" : "");
    scratch_path(path, "services.d");
    mkdir(path, 0700); /* it may be there */
    scratch_write("services.d/local.conf", hosted_services);
    scratch_write("directions.conf", hosted_directions);
    if (host)
        scratch_write("host.conf", host);
    scratch_write("iagmeter.conf", text);
    scratch_path(path, "iagmeter.conf");
    return config_load(path, previous, diagnostics);
}

static inline struct config *hosted_config(const char *host, const struct config *previous)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config = hosted_try(host, previous, diagnostics);

    assert_no_complaint(diagnostics);
    assert_non_null(config);
    diagnostics_free(diagnostics);
    return config;
}

#endif
