/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/hostconfig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/calendar.h"
#include "daemon/localimpact.h"

#include <math.h>

#include "tests/daemon/hosted.h"

/* hosted_host with the first FROM replaced by TO. */
static const char *edited(const char *text, const char *from, const char *to)
{
    static char out[2][16384];
    static int next;
    const char *place = strstr(text, from);

    if (!place)
        fail_msg("no \"%s\"", from);
    next = !next;
    snprintf(out[next], sizeof(out[next]), "%.*s%s%s", (int)(place - text), text, to,
             place + strlen(from));
    return out[next];
}

static unsigned line_of(const char *text, const char *fragment)
{
    const char *place = strstr(text, fragment);
    unsigned line = 1;

    assert_non_null(place);
    for (; text < place; text++)
        line += *text == '\n';
    return line;
}

/* LINE of host.conf; 0: that of FRAGMENT_OF_LINE. */
static void refuse_text(const char *text, unsigned line, const char *complaint)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config = hosted_try(text, NULL, diagnostics);

    if (config)
        fail_msg("accepted, without \"%s\"", complaint);
    assert_complaint(diagnostics, "host.conf", line, complaint);
    diagnostics_free(diagnostics);
}

/* With FROM replaced by TO, there is a complaint about the line where FROM stood. */
static void refuse(const char *from, const char *to, const char *complaint)
{
    refuse_text(edited(hosted_host, from, to), line_of(hosted_host, from), complaint);
}

static const char *with(const char *more)
{
    return edited(hosted_host, "devices = (", more);
}

/* MORE keys before the devices; they begin on their line. */
static void refuse_more(const char *more, const char *complaint)
{
    char text[2000];

    snprintf(text, sizeof(text), "%s devices = (", more);
    refuse_text(with(text), line_of(hosted_host, "devices = ("), complaint);
}

static struct config *accept(const char *text)
{
    return hosted_config(text, NULL);
}

static struct config *accept_more(const char *more)
{
    char text[2000];

    snprintf(text, sizeof(text), "%s devices = (", more);
    return accept(with(text));
}

/* -- Figures ---------------------------------------------------------------------------------- */

static void reads_all_of_it(void **state)
{
    struct config *config = accept(hosted_host);
    const struct host_config *host = config->host;
    const struct host_device *gpu = hostconfig_device(host, "gpu1");
    const struct host_weights *weights = hostconfig_weights(host, "qwen3-8b");

    (void)state;
    assert_string_equal(host->name, "ragarenn");
    assert_string_equal(host->zone, "FRA");
    assert_string_equal(host->common, "local-host");
    assert_true(host->pue.value == 1.35);
    assert_string_equal(host->pue.provenance.year, "2026");
    assert_string_equal(host->pue.provenance.source, "worked case");
    assert_string_equal(host->wue_l_per_kwh.provenance.unit, "L/kWh");
    assert_int_equal(host->pue.provenance.grade, 'B');
    assert_true(host->wue_l_per_kwh.value == 0.1);
    assert_true(host->energy_accuracy.value == 0.02);
    assert_true(host->embodied.server_gwp_kgco2e == 1700 && host->embodied.gpus == 2);
    assert_true(host->embodied.server_adpe_kgsb == 0.37 && host->embodied.gpu_adpe_kgsb == 5.1e-3);
    assert_true(host->embodied.lifetime_years == 5);
    assert_int_equal(host->device_count, 3);
    assert_true(gpu->idle_w == 70 && gpu->service_count == 1);
    assert_int_equal(gpu->calibration, HOST_NOT_CALIBRATED);
    assert_string_equal(gpu->services[0], "qwen3-8b");
    assert_true(weights->weights.input == 0.15 && weights->weights.cached == 0.015 &&
                weights->weights.output == 1);
    assert_null(hostconfig_device(host, "gpu2"));
    assert_null(hostconfig_weights(host, "local-vllm"));
    config_free(config);
}

static void without_a_name_there_is_no_host(void **state)
{
    struct config *config = accept(NULL);

    (void)state;
    assert_null(config->host);
    config_free(config);
}

static void a_file_that_is_named_must_be_there(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config = accept(hosted_host);
    char path[PATH_MAX];

    (void)state;
    scratch_path(path, "host.conf");
    assert_int_equal(unlink(path), 0);
    scratch_path(path, "iagmeter.conf");
    assert_null(config_load(path, NULL, diagnostics));
    assert_non_null(strstr(diagnostics_text(diagnostics, 0), "host.conf"));
    diagnostics_free(diagnostics);
    config_free(config);
}

static void what_has_no_default_says_why(void **state)
{
    (void)state;
    refuse_text(edited(hosted_host, "pue = { value = 1.35; " HOSTED_ORIGIN " };\n", ""), 1,
                "missing key \"pue\": what the data centre draws");
    refuse_text(edited(hosted_host, "wue_l_per_kwh = { value = 0.1; " HOSTED_ORIGIN " };\n", ""), 1,
                "missing key \"wue_l_per_kwh\": how much water");
    refuse_text(edited(hosted_host, "energy_accuracy = { value = 0.02; " HOSTED_ORIGIN " };\n", ""),
                1, "missing key \"energy_accuracy\"");
}

static void figures_out_of_range_are_refused(void **state)
{
    (void)state;
    refuse("1.35", "0.99", "value is 0.99, outside 1 to 10");
    refuse("1.35", "-1.35", "value is -1.35");
    refuse("1.35", "1e999", "value must be finite");
    refuse("value = 0.1;", "value = -0.1;", "outside 0 to 100");
    refuse("0.02", "0.9", "outside 0 to 0.5");
    refuse("1700.0", "-1.0", "server_gwp_kgco2e is -1");
    refuse("gpus = 2", "gpus = -2", "gpus must not be negative");
    refuse("lifetime_years = 5.0", "lifetime_years = 0.0", "lifetime_years is 0");
    refuse("idle_w = 95.0", "idle_w = -95.0", "idle_w is -95");
    refuse("input = 0.2;", "input = -0.2;", "input is -0.2");
    refuse("input = 0.2; cached = 0.02; output = 1.0", "input = 0; cached = 0; output = 0",
           "all weights of mistral-small-24b are 0");
}

static void each_figure_says_where_it_comes_from(void **state)
{
    (void)state;
    refuse("value = 1.35; year = 2026;", "value = 1.35;", "missing key \"year\"");
    refuse("value = 1.35; year = 2026; source = \"worked case\";", "value = 1.35; year = 2026;",
           "missing key \"source\"");
    refuse("value = 1.35; " HOSTED_ORIGIN, "value = 1.35; year = 2026; source = \"x\";",
           "missing key \"grade\"");
    refuse("value = 1.35; year = 2026;", "value = 1.35; year = 2099;",
           "year 2099 is in the future");
    refuse("value = 1.35; year = 2026; source = \"worked case\";",
           "value = 1.35; year = 2026; source = \" \";", "source is empty");
    refuse("value = 1.35; " HOSTED_ORIGIN,
           "value = 1.35; year = 2026; source = \"x\"; grade = \"F\";", "grade must be one of");
    refuse("idle_w = 95.0; " HOSTED_ORIGIN, "idle_w = 95.0; year = 2026; grade = \"B\";",
           "missing key \"source\" of idle_w");
    refuse("output = 1.0; " HOSTED_ORIGIN, "output = 1.0;", "missing key \"year\"");
}

static void names_must_be_known(void **state)
{
    (void)state;
    refuse("\"FRA\"", "\"FRANCE\"", "zone \"FRANCE\" is not in zones.conf");
    refuse("common = \"local-host\"", "common = \"nothing\"", "in no file of services");
    refuse("common = \"local-host\"", "common = \"openai-api\"", "none of our own servers");
    refuse("[ \"qwen3-8b\" ]", "[ \"qwen9\" ]", "\"qwen9\" is in no file of services");
    refuse("[ \"qwen3-8b\" ]", "[ \"openai-api\" ]", "none of our own servers");
    refuse("[ \"qwen3-8b\" ]", "[ \"qwen3-8b\", \"qwen3-8b\" ]", "stands twice on gpu1");
    refuse("[ \"qwen3-8b\" ]", "[ \"local-host\" ]", "nobody asks it for anything");
    refuse("[ \"qwen3-8b\" ]", "[ \"local-vllm\" ]", "local-vllm is on gpu1, but has no weights");
    refuse("service = \"qwen3-8b\"", "service = \"qwen9\"", "in no file of services");
    refuse("service = \"qwen3-8b\"", "service = \"mistral-small-24b\"", "stand twice");
    refuse("name = \"gpu1\"", "name = \"gpu0\"", "device \"gpu0\" is listed twice");
    refuse("name = \"gpu1\"", "name = \"\"", "has no name");
    refuse("idle_w = 70.0;", "", "gpu1 has no idle_w, nor did a calibration");
    refuse("name = \"ragarenn\"", "nom = \"ragarenn\"", "unknown key \"nom\"");
    refuse("idle_w = 180.0; " HOSTED_ORIGIN,
           "idle_w = 180.0; " HOSTED_ORIGIN " services = [ \"qwen3-8b\" ];", "follows theirs");
}

/* One service on two cards; a host without any. */
static void services_may_be_on_several_devices_or_on_the_host_alone(void **state)
{
    struct config *config =
        accept(edited(hosted_host, "[ \"qwen3-8b\" ]", "[ \"qwen3-8b\", \"mistral-small-24b\" ]"));
    const char *alone = strstr(hosted_host, "  { name = \"gpu0\"");
    char text[16384];

    (void)state;
    assert_int_equal(hostconfig_device(config->host, "gpu1")->service_count, 2);
    config_free(config);
    snprintf(text, sizeof(text),
             "%.*s{ name = \"host\"; idle_w = 60.0; " HOSTED_ORIGIN
             " services = [ \"qwen3-8b\" ]; } );\n%s",
             (int)(alone - hosted_host), hosted_host, strstr(hosted_host, "weights = ("));
    config = accept(text);
    assert_int_equal(config->host->device_count, 1);
    assert_int_equal(config->host->devices[0].service_count, 1);
    config_free(config);
}

/* Else its tokens would be estimated beside what is measured. */
static void a_local_service_has_no_model(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config = accept(hosted_host);
    const struct service *service;
    char path[PATH_MAX];

    (void)state;
    service = catalogue_service(config->catalogue, catalogue_find(config->catalogue, "qwen3-8b"));
    assert_int_equal(service->local, 1);
    service = catalogue_service(config->catalogue, catalogue_find(config->catalogue, "openai-api"));
    assert_int_equal(service->local, 0);
    scratch_write("services.d/local.conf",
                  edited(hosted_services, "local = true;",
                         "local = true; provider = \"openai\";\nmodel = \"openai/gpt-4o\";"));
    scratch_path(path, "iagmeter.conf");
    assert_null(config_load(path, NULL, diagnostics));
    assert_complaint(diagnostics, "services.d/local.conf", 4,
                     "mistral-small-24b is local: its energy is measured");
    diagnostics_free(diagnostics);
    config_free(config);
}

/* -- Keys ------------------------------------------------------------------------------------- */

#define HYBRID                                                                                     \
    "key = \"hybrid\"; usage_share = 0.25; entitlement = ( { direction = \"DSN\"; share = 0.6; }," \
    " { direction = \"RH\"; share = 0.4; } );"

static int64_t first_of(const char *month)
{
    struct calendar_month bounds;

    assert_true(calendar_parse_month(month, &bounds));
    return bounds.start;
}

static void a_key_holds_until_the_next(void **state)
{
    struct config *config = accept_more(
        "sharing = ( { from = \"2026-03\"; key = \"entitlement\"; entitlement = ("
        " { direction = \"DSN\"; share = 1.0; } ); }, { from = \"2026-07-01\"; " HYBRID " } );");
    const struct host_config *host = config->host;
    const struct host_period *period;

    (void)state;
    period = hostconfig_period(host, first_of("2026-03") - 1);
    assert_int_equal(period->key, SHARING_USAGE);
    assert_true(period->usage_share == 1 && period->count == 0);
    period = hostconfig_period(host, first_of("2026-03"));
    assert_int_equal(period->key, SHARING_ENTITLEMENT);
    assert_true(period->usage_share == 0 && period->count == 1);
    assert_ptr_equal(hostconfig_period(host, first_of("2026-07") - 1), period);
    period = hostconfig_period(host, first_of("2026-07"));
    assert_int_equal(period->key, SHARING_HYBRID);
    assert_true(period->usage_share == 0.25 && period->count == 2);
    assert_string_equal(period->entitlements[1].direction, "RH");
    assert_true(period->entitlements[1].share == 0.4);
    assert_ptr_equal(hostconfig_period(host, INT64_MAX / 4), period);
    config_free(config);
}

static void the_first_period_may_begin_ever_since(void **state)
{
    struct config *config =
        accept_more("sharing = ( { " HYBRID " }, { from = \"2026-07\"; key = \"usage\"; } );");

    (void)state;
    assert_int_equal(hostconfig_period(config->host, 0)->key, SHARING_HYBRID);
    assert_int_equal(hostconfig_period(config->host, first_of("2026-08"))->key, SHARING_USAGE);
    config_free(config);
    config = accept(hosted_host);
    assert_int_equal(hostconfig_period(config->host, 0)->key, SHARING_USAGE);
    config_free(config);
}

static void keys_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    refuse_more("sharing = ( { key = \"headcount\"; } );", "key must be one of");
    refuse_more("sharing = ( { key = \"usage\"; usage_share = 0.5; } );",
                "takes no \"usage_share\"");
    refuse_more("sharing = ( { key = \"hybrid\"; usage_share = 0.5; } );", "needs \"entitlement\"");
    refuse_more("sharing = ( { key = \"entitlement\"; } );", "needs \"entitlement\"");
    refuse_more("sharing = ( { key = \"hybrid\"; usage_share = 1.5; entitlement = ( ); } );",
                "usage_share is 1.5");
    refuse_more("sharing = ( { key = \"entitlement\"; entitlement = ( { direction = \"DSN\"; share "
                "= 0.6; }, { direction = \"RH\"; share = 0.3; } ); } );",
                "must add up to 1, not 0.9");
    refuse_more("sharing = ( { key = \"entitlement\"; entitlement = ( ); } );",
                "must add up to 1, not 0");
    refuse_more("sharing = ( { key = \"entitlement\"; entitlement = ( { direction = \"DSN\"; share "
                "= 0.6; }, { direction = \"DSN\"; share = 0.4; } ); } );",
                "DSN is entitled twice");
    refuse_more("sharing = ( { key = \"entitlement\"; entitlement = ( { direction = \"DRH\"; share "
                "= 1.0; } ); } );",
                "no direction \"DRH\"");
    refuse_more("sharing = ( { key = \"entitlement\"; entitlement = ( { direction = \"unassigned\";"
                " share = 1.0; } ); } );",
                "no direction \"unassigned\"");
}

static void periods_follow_one_another(void **state)
{
    (void)state;
    refuse_more("sharing = ( { key = \"usage\"; }, { key = \"usage\"; } );",
                "only the first period may begin ever since");
    refuse_more("sharing = ( { from = \"2026-07\"; key = \"usage\"; }, "
                "{ from = \"2026-07\"; key = \"usage\"; } );",
                "overlaps the one before it");
    refuse_more("sharing = ( { from = \"2026-07\"; key = \"usage\"; }, "
                "{ from = \"2026-02\"; key = \"usage\"; } );",
                "overlaps the one before it");
    refuse_more("sharing = ( { from = \"2026-07-02\"; key = \"usage\"; } );",
                "must be a month, YYYY-MM, or its first day");
    refuse_more("sharing = ( { from = \"2026-13\"; key = \"usage\"; } );", "must be a month");
}

/* -- Calibrations ----------------------------------------------------------------------------- */

static const char idle_file[] =
    "calibration = { version = 1; kind = \"idle\"; date = \"2026-03-01\"; grade = \"A\";\n"
    "source = \"an hour at night\";\n"
    "devices = ( { name = \"gpu0\"; idle_w = 91.5; n = 3600; error_w = 0.25; } ); };\n";
static const char weights_file[] =
    "calibration = { version = 1; kind = \"weights\"; date = \"2026-04-01\"; grade = \"B\";\n"
    "source = \"March\";\n"
    "weights = ( { service = \"qwen3-8b\"; input = 0.1; cached = 0.01; output = 1.0;\n"
    "  n = 12000; error = 0.04; } ); };\n";

#define BOTH "calibration = [ \"idle.conf\", \"weights.conf\" ];"

static void a_calibration_replaces_what_was_assumed(void **state)
{
    struct config *config;
    const struct host_device *gpu;
    const struct host_weights *weights;

    (void)state;
    scratch_write("idle.conf", idle_file);
    scratch_write("weights.conf", weights_file);
    config = accept_more(BOTH);
    gpu = hostconfig_device(config->host, "gpu0");
    assert_true(gpu->idle_w == 91.5 && gpu->n == 3600 && gpu->error_w == 0.25);
    assert_int_equal(gpu->calibration, 0);
    assert_string_equal(gpu->idle_provenance.year, "2026");
    assert_string_equal(gpu->idle_provenance.source, "an hour at night");
    assert_int_equal(gpu->idle_provenance.grade, 'A');
    assert_int_equal(gpu->service_count, 1);
    assert_true(hostconfig_device(config->host, "gpu1")->idle_w == 70);
    weights = hostconfig_weights(config->host, "qwen3-8b");
    assert_true(weights->weights.input == 0.1 && weights->n == 12000 && weights->error == 0.04);
    assert_int_equal(weights->calibration, 1);
    assert_int_equal(config->host->weight_count, 2);
    assert_int_equal(config->host->calibration_count, 2);
    assert_string_equal(config->host->calibrations[0].date, "2026-03-01");
    assert_int_equal(config->host->calibrations[1].kind, HOST_CALIBRATION_WEIGHTS);
    assert_true(config->host->calibrations[0].in_use && config->host->calibrations[1].in_use);
    config_free(config);
}

static void of_two_calibrations_the_later_listed_counts(void **state)
{
    struct config *config;

    (void)state;
    scratch_write("idle.conf", idle_file);
    scratch_write("later.conf", edited(idle_file, "91.5", "88.0"));
    config = accept_more("calibration = [ \"idle.conf\", \"later.conf\" ];");
    assert_true(hostconfig_device(config->host, "gpu0")->idle_w == 88);
    assert_false(config->host->calibrations[0].in_use);
    assert_true(config->host->calibrations[1].in_use);
    config_free(config);
}

/* It may be all that says how much a device draws idle. */
static void a_calibration_may_stand_alone(void **state)
{
    struct config *config;

    (void)state;
    scratch_write("idle.conf", idle_file);
    config = accept(edited(edited(hosted_host, "idle_w = 95.0; " HOSTED_ORIGIN, ""), "devices = (",
                           "calibration = [ \"idle.conf\" ]; devices = ("));
    assert_true(hostconfig_device(config->host, "gpu0")->idle_w == 91.5);
    config_free(config);
}

static void refuse_calibration(const char *from, const char *to, unsigned line,
                               const char *complaint)
{
    struct diagnostics *diagnostics = diagnostics_new();

    scratch_write("idle.conf", edited(idle_file, from, to));
    assert_null(
        hosted_try(with("calibration = [ \"idle.conf\" ]; devices = ("), NULL, diagnostics));
    assert_complaint(diagnostics, "idle.conf", line, complaint);
    diagnostics_free(diagnostics);
}

static void calibrations_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    refuse_calibration("version = 1", "version = 2", 1, "version 2 of a calibration is not known");
    refuse_calibration("2026-03-01", "2099-03-01", 1, "date 2099-03-01 is in the future");
    refuse_calibration("2026-03-01", "2026-02-30", 1, "date must be YYYY-MM-DD");
    refuse_calibration("\"idle\"", "\"weights\"", 1, "has a list \"weights\", and no other");
    refuse_calibration("91.5", "-91.5", 3, "idle_w is -91.5");
    refuse_calibration("n = 3600; ", "", 3, "missing key \"n\"");
    refuse_calibration("error_w = 0.25", "error = 0.25", 3, "unknown key \"error\"");
    refuse_calibration("an hour at night", "", 2, "source is empty");
    refuse_more("calibration = [ 3 ];", "must list files");
}

/* A card that was taken out since is no reason to stop. */
static void what_is_not_there_any_more_is_warned_of(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config;

    (void)state;
    scratch_write("idle.conf", edited(idle_file, "gpu0", "gpu7"));
    config = hosted_try(with("calibration = [ \"idle.conf\" ]; devices = ("), NULL, diagnostics);
    assert_non_null(config);
    assert_complaint(diagnostics, "idle.conf", 3, "device \"gpu7\" is not in host.conf");
    assert_false(config->host->calibrations[0].in_use);
    config_free(config);
    diagnostics_free(diagnostics);
}

static void the_digest_covers_host_and_calibrations(void **state)
{
    struct config *config = accept(hosted_host);
    uint64_t plain = config->digest, calibrated;

    (void)state;
    config_free(config);
    config = accept(edited(hosted_host, "1.35", "1.36"));
    assert_true(config->digest != plain);
    config_free(config);
    scratch_write("idle.conf", idle_file);
    config = accept_more("calibration = [ \"idle.conf\" ];");
    calibrated = config->digest;
    config_free(config);
    scratch_write("idle.conf", edited(idle_file, "91.5", "91.6"));
    config = accept_more("calibration = [ \"idle.conf\" ];");
    assert_true(config->digest != calibrated);
    config_free(config);
}

/* -- The file that we ship -------------------------------------------------------------------- */

/* Makes settings of the comments that begin with one of those that are missing. */
static void uncomment(char *text)
{
    static const char *const examples[] = {
        "pue =",           "wue_l_per_kwh =", "energy_accuracy =", "embodied =",
        "    server_gwp_", "    gpus =",      "    year =",        "};",
        "{ name =",        ", { name =",      "{ service",         "  year ="};

    for (char *place = text; (place = strstr(place, " # ")); place++)
        for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
            if (strncmp(place + 3, examples[i], strlen(examples[i])) == 0)
                place[1] = ' ';
}

static void the_file_that_we_ship_wants_your_figures(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config;
    size_t size;
    char *text = read_whole(IAGMETER_SOURCE_ROOT "/conf/host.conf", &size);

    (void)state;
    assert_null(hosted_try(text, NULL, diagnostics));
    assert_complaint(diagnostics, "host.conf", 8, "missing key \"pue\"");
    assert_complaint(diagnostics, "host.conf", 8, "missing key \"embodied\"");
    diagnostics_free(diagnostics);
    uncomment(text);
    config = accept(text);
    assert_int_equal(config->host->device_count, 3);
    assert_true(config->host->embodied.gpu_gwp_kgco2e == 164);
    config_free(config);
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_all_of_it),
        TEST(without_a_name_there_is_no_host),
        TEST(a_file_that_is_named_must_be_there),
        TEST(what_has_no_default_says_why),
        TEST(figures_out_of_range_are_refused),
        TEST(each_figure_says_where_it_comes_from),
        TEST(names_must_be_known),
        TEST(services_may_be_on_several_devices_or_on_the_host_alone),
        TEST(a_local_service_has_no_model),
        TEST(a_key_holds_until_the_next),
        TEST(the_first_period_may_begin_ever_since),
        TEST(keys_that_make_no_sense_are_refused),
        TEST(periods_follow_one_another),
        TEST(a_calibration_replaces_what_was_assumed),
        TEST(of_two_calibrations_the_later_listed_counts),
        TEST(a_calibration_may_stand_alone),
        TEST(calibrations_that_make_no_sense_are_refused),
        TEST(what_is_not_there_any_more_is_warned_of),
        TEST(the_digest_covers_host_and_calibrations),
        TEST(the_file_that_we_ship_wants_your_figures),
    };

    calendar_set_zone("Europe/Paris");
    return cmocka_run_group_tests_name("hostconfig", tests, NULL, NULL);
}
