/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/startcheck.h"
#include "tests/capture/cut.h"
#include "tests/daemon/scratch.h"

#define SERVICES                                                                                   \
    SHIPPED_EXCHANGES                                                                              \
    "estimators = { e = { method = \"M4\"; grade = \"B\"; source = \"s\"; "                        \
    "request_bytes_min = 200; request_record_min = 100; burst_gap_s = 2; answer_record_min = "     \
    "35; "                                                                                         \
    "answer_bytes_min = 200; answer_gap_s = 6; answer_s_min = 0; answer_slots_min = 0; "           \
    "count_error = 0.1; exchange_sigma = 0.5; bytes_per_token = 2; input = \"prior\"; "            \
    "input_prior_tokens = 100; }; };\n"                                                            \
    "services = (\n"
#define SERVICE(id, provider, model)                                                               \
    "{ id = \"" id "\"; label = \"L\"; operator = \"O\"; country = \"FR\"; hosting = \"eu\"; "     \
    "modality = [ \"text\" ]; estimator = \"e\"; provider = \"" provider "\"; model = \"" model    \
    "\"; hosts = { inference = [ \"" id ".example.com\" ]; }; }"
#define GPT SERVICE("a", "openai", "openai/gpt-4o")
#define DIRECTIONS                                                                                 \
    "directions = ( { code = \"A\"; label = \"a\"; prefixes = [ \"10.0.0.0/8\" ]; } );\n"

static void copy_factors(const char *name)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    char buffer[65536];
    FILE *in;
    FILE *out;
    size_t count;

    snprintf(from, sizeof(from), IAGMETER_SOURCE_ROOT "/conf/factors/2026/%s", name);
    snprintf(to, sizeof(to), "%s/vintage/%s", scratch_directory, name);
    in = fopen(from, "re");
    out = fopen(to, "we");
    assert_non_null(in);
    assert_non_null(out);
    while ((count = fread(buffer, 1, sizeof(buffer), in)) > 0)
        assert_int_equal(fwrite(buffer, 1, count, out), count);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static int setup(void **state)
{
    static const char *const files[] = {"vintage.conf", "method.conf",    "models.conf",
                                        "zones.conf",   "providers.conf", "media.conf"};

    if (scratch_setup(state) != 0)
        return -1;
    scratch_mkdir("vintage");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        copy_factors(files[i]);
    scratch_write("services.conf", SERVICES GPT " );\n");
    scratch_write("directions.conf", DIRECTIONS);
    return 0;
}

static struct config *load(const char *text, const struct config *previous,
                           struct diagnostics *diagnostics)
{
    char path[PATH_MAX];

    scratch_write("iagmeter.conf", text);
    scratch_path(path, "iagmeter.conf");
    return config_load(path, previous, diagnostics);
}

#define FACTORS "factors = \"vintage\"; "

static struct config *load_good(const char *text)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config = load(text, NULL, diagnostics);

    assert_no_complaint(diagnostics);
    assert_non_null(config);
    diagnostics_free(diagnostics);
    return config;
}

static void assert_path(const char *path, const char *expected)
{
    char absolute[PATH_MAX];

    scratch_path(absolute, expected);
    assert_string_equal(path, absolute);
}

static void an_almost_empty_file_has_sensible_defaults(void **state)
{
    struct config *config = load_good(FACTORS);

    (void)state;
    assert_path(config->path, "iagmeter.conf");
    assert_path(config->services_path, "services.conf");
    assert_path(config->directions_path, "directions.conf");
    assert_path(config->factors_path, "vintage");
    assert_path(config->objectives_path, "objectives.conf");
    assert_int_equal(objectives_count(config->objectives), 0);
    assert_string_equal(config->state_directory, "/var/lib/iagmeter");
    assert_string_equal(config->report.directory, "/var/lib/iagmeter/reports");
    assert_string_equal(config->report.organisation, "");
    assert_string_equal(config->user, "");
    assert_true(config->kernel_filter);
    assert_string_equal(config->timezone, "Europe/Paris");
    assert_int_equal(config->rrd_years, 5);
    assert_int_equal(config->report.threshold, 5);
    assert_true(config->report.restatement_percent == 5);
    assert_int_equal(config->limits.max_flows, 262144);
    assert_int_equal(config->limits.max_tracked_flows, 8192);
    assert_int_equal(config->limits.max_reassembly, 1024);
    assert_int_equal(config->limits.max_devices, 65536);
    assert_false(config->trust.tunnels_listed);
    assert_int_equal(config->trust.answers, TRUST_ASKED_ANSWERS);
    assert_int_equal(config->interface_count, 0);
    assert_int_equal(catalogue_count(config->catalogue), 1);
    assert_int_equal(directions_count(config->directions), 2);
    assert_non_null(config->factors);
    config_free(config);
    config_free(NULL);
}

static void every_key_is_read(void **state)
{
    struct config *config = load_good(
        "state_directory = \"state\"; user = \"me\"; kernel_filter = false; timezone = \"UTC\"; "
        "rrd_years = 3;\n"
        "services = \"services.conf\"; directions = \"./directions.conf\"; " FACTORS "\n"
        "limits = { max_flows = 2048; max_tracked_flows = 100; max_reassembly = 50;\n"
        "           max_devices = 1024; };\n"
        "trust = { tunnels = [ \"192.0.2.1\", \"2001:db8::/32\" ]; dns_answers = \"any\"; };\n"
        "tunnel_ports = [ \"fou:5555\", \"vxlan:65535\" ];\n"
        "report = { organisation = \"Ville\"; directory = \"out\"; threshold = 7;"
        " restatement_percent = 2.5; };\n"
        "interfaces = ( { name = \"eth0\"; }, { name = \"eth1\"; filter = \"port 443\";\n"
        "  promiscuous = false; mode = \"immediate\"; snap_length = 2000; buffer_mib = 1; } );\n");

    (void)state;
    assert_path(config->state_directory, "state");
    assert_path(config->report.directory, "out");
    assert_path(config->directions_path, "./directions.conf");
    assert_string_equal(config->user, "me");
    assert_path(config->user_place.file, "iagmeter.conf");
    assert_int_equal(config->user_place.line, 1);
    assert_false(config->kernel_filter);
    assert_string_equal(config->timezone, "UTC");
    assert_int_equal(config->rrd_years, 3);
    assert_int_equal(config->limits.max_flows, 2048);
    assert_int_equal(config->limits.max_tracked_flows, 100);
    assert_int_equal(config->limits.max_reassembly, 50);
    assert_int_equal(config->limits.max_devices, 1024);
    assert_true(config->trust.tunnels_listed);
    assert_int_equal(config->trust.tunnel_count, 2);
    assert_int_equal(config->trust.answers, TRUST_ANY_ANSWERS);
    assert_int_equal(config->trust.port_count, 2);
    assert_int_equal(config->trust.ports[0].port, 5555);
    assert_int_equal(config->trust.ports[1].port, 65535);
    assert_int_not_equal(config->trust.ports[0].tunnel, config->trust.ports[1].tunnel);
    assert_int_equal(config->trust.tunnels[0].length, 32);
    assert_int_equal(config->trust.tunnels[1].length, 32);
    assert_int_equal(config->trust.tunnels[1].network.family, 6);
    assert_string_equal(config->report.organisation, "Ville");
    assert_int_equal(config->report.threshold, 7);
    assert_true(config->report.restatement_percent == 2.5);
    assert_int_equal(config->interface_count, 2);
    assert_string_equal(config->interfaces[0].name, "eth0");
    assert_string_equal(config->interfaces[0].filter, "");
    assert_true(config->interfaces[0].promiscuous);
    assert_int_equal(config->interfaces[0].mode, CAPTURE_RING);
    assert_int_equal(config->interfaces[0].snap_length, 65535);
    assert_int_equal(config->interfaces[0].buffer_mib, 32);
    assert_string_equal(config->interfaces[1].filter, "port 443");
    assert_false(config->interfaces[1].promiscuous);
    assert_int_equal(config->interfaces[1].mode, CAPTURE_IMMEDIATE);
    assert_int_equal(config->interfaces[1].snap_length, 2000);
    assert_int_equal(config->interfaces[1].buffer_mib, 1);
    config_free(config);
}

static void no_tunnel_at_all_may_be_listed(void **state)
{
    struct config *config = load_good("trust = { tunnels = [ ]; };\n" FACTORS);

    (void)state;
    assert_true(config->trust.tunnels_listed);
    assert_int_equal(config->trust.tunnel_count, 0);
    config_free(config);
}

#define FOUR(text)    text "," text "," text "," text
#define TUNNELS(text) FACTORS "\ntrust = {\ntunnels = [\n" text " ]; };\n"
#define PORTS(text)   FACTORS "\ntunnel_ports = [\n" text " ];\n"

static const struct {
    const char *text;
    unsigned line;
    const char *fragment;
} broken[] = {
    {FACTORS "\nfoo = 1;\n", 2, "unknown key \"foo\""},
    {FACTORS "\nrrd_years = 0;\n", 2, "rrd_years is 0, outside 1 to 50"},
    {FACTORS "\nrrd_years = 51;\n", 2, "rrd_years is 51"},
    {FACTORS "\ntimezone = \"Europe/Rennes\";\n", 2, "timezone \"Europe/Rennes\" is not in"},
    {FACTORS "\ntimezone = \"Europe\";\n", 2, "timezone \"Europe\" is not in"},
    {FACTORS "\ntimezone = \"zone.tab\";\n", 2, "timezone \"zone.tab\" is not in"},
    {FACTORS "\ntimezone = \"\";\n", 2, "timezone \"\" is not in"},
    {FACTORS "\ntimezone = \"../zoneinfo/UTC\";\n", 2, "is not in"},
    {FACTORS "\ntimezone = \"/usr/share/zoneinfo/UTC\";\n", 2, "is not in"},
    {FACTORS "\nlimits = 3;\n", 2, "limits must be a group"},
    {FACTORS "\nlimits = {\nmax_flows = 1023; };\n", 3,
     "max_flows is 1023, outside 1024 to 16777216"},
    {FACTORS "\nlimits = {\nmax_flows = 16777217; };\n", 3, "max_flows is 16777217"},
    {FACTORS "\nlimits = {\nmax_tracked_flows = 63; };\n", 3, "max_tracked_flows is 63"},
    {FACTORS "\nlimits = {\nmax_reassembly = 15; };\n", 3, "max_reassembly is 15"},
    {FACTORS "\nlimits = {\nmax_devices = 1023; };\n", 3, "max_devices is 1023"},
    {FACTORS "\nlimits = { max_flows = 1024;\nmax_tracked_flows = 2000; max_reassembly = 16; };\n",
     3, "max_tracked_flows is 2000, more than max_flows, 1024"},
    {FACTORS "\nlimits = { max_flows = 1024; max_reassembly = 16; };\n", 2,
     "max_tracked_flows is 8192, more than max_flows, 1024"},
    {FACTORS "\nlimits = {\nmax_reassembly = 9000; };\n", 3,
     "max_reassembly is 9000, more than max_tracked_flows, 8192"},
    {FACTORS "\nlimits = {\nmax_hosts = 9000; };\n", 3, "unknown key \"max_hosts\""},
    {FACTORS "\ntrust = 3;\n", 2, "trust must be a group"},
    {FACTORS "\ntrust = {\ntunnel = [ ]; };\n", 3, "unknown key \"tunnel\""},
    {FACTORS "\ntrust = {\ndns_answers = \"all\"; };\n", 3,
     "dns_answers must be one of: asked, any"},
    {FACTORS "\ntrust = {\ntunnels = \"192.0.2.1\"; };\n", 3, "tunnels must be"},
    {TUNNELS("\"192.0.2.1\",\n\"vtep.example\""), 5, "tunnels: not an address \"vtep.example\""},
    {TUNNELS("1"), 4, "tunnels: not an address \"\""},
    {TUNNELS("\"192.0.2.1/24\""), 4, "tunnels: host bits are set in prefix \"192.0.2.1/24\""},
    {TUNNELS("\"192.0.2.0/33\""), 4, "tunnels: prefix length is too large"},
    {TUNNELS(FOUR(FOUR("\"10.0.0.1\",\"10.0.0.2\"")) ",\n\"10.0.0.3\""), 5,
     "tunnels: more than 32 prefixes at \"10.0.0.3\""},
    {FACTORS "\ntunnel_ports = 5555;\n", 2, "tunnel_ports must be"},
    {PORTS("\"gue:19523\",\n\"foo:5555\""), 4, "tunnel_ports: the name must be one of: ayiya, "},
    {PORTS("5555"), 3, "tunnel_ports: the name must be one of: "},
    {PORTS("\"fou\""), 3, "and a port, 1 to 65535, in \"fou\""},
    {PORTS("\"fou:\""), 3, "and a port, 1 to 65535, in \"fou:\""},
    {PORTS("\"fou:0\""), 3, "and a port, 1 to 65535, in \"fou:0\""},
    {PORTS("\"fou:-1\""), 3, "and a port, 1 to 65535, in \"fou:-1\""},
    {PORTS("\"fou:65536\""), 3, "and a port, 1 to 65535, in \"fou:65536\""},
    {PORTS("\"fou:5555x\""), 3, "and a port, 1 to 65535, in \"fou:5555x\""},
    {PORTS("\"fou:5555\", \"gue:5555\""), 3,
     "tunnel_ports: there is a tunnel on the port of \"gue:5555\""},
    {PORTS("\"fou:1\", \"fou:2\", \"fou:3\", \"fou:4\", \"fou:5\", \"fou:6\", \"fou:7\", "
           "\"fou:8\", \"fou:9\", \"fou:10\", \"fou:11\", \"fou:12\", \"fou:13\", \"fou:14\", "
           "\"fou:15\", \"fou:16\", \"fou:17\""),
     3, "tunnel_ports: more than 16 ports at \"fou:17\""},
    {FACTORS "\nreport = {\nthreshold = 0; };\n", 3, "threshold is 0, outside 1 to 1000"},
    {FACTORS "\nreport = {\nrestatement_percent = -1; };\n", 3, "restatement_percent is -1"},
    {FACTORS "\nreport = {\ntitle = \"x\"; };\n", 3, "unknown key \"title\""},
    {FACTORS "\ninterfaces = {};\n", 2, "interfaces must be a list"},
    {FACTORS "\ninterfaces = (\n\"eth0\" );\n", 3, "must be a group"},
    {FACTORS "\ninterfaces = (\n{ filter = \"tcp\"; } );\n", 3, "missing key \"name\""},
    {FACTORS "\ninterfaces = ( {\nname = \"\"; } );\n", 3, "name of interface is empty"},
    {FACTORS "\ninterfaces = ( { name = \"eth0\"; },\n{\nname = \"eth0\"; } );\n", 4,
     "interface eth0 is listed twice"},
    {FACTORS "\ninterfaces = ( { name = \"eth0\";\nmode = \"fast\"; } );\n", 3,
     "mode must be one of: ring, immediate"},
    {FACTORS "\ninterfaces = ( { name = \"eth0\";\nsnap_length = 255; } );\n", 3,
     "snap_length is 255"},
    {FACTORS "\ninterfaces = ( { name = \"eth0\";\nbuffer_mib = 0; } );\n", 3, "buffer_mib is 0"},
    {FACTORS "\ninterfaces = ( { name = \"eth0\";\nbuffer_mib = 2048; } );\n", 3,
     "buffer_mib is 2048"},
    {FACTORS "\ninterfaces = ( { name = \"eth0\";\npromiscuous = 1; } );\n", 3,
     "promiscuous must be true or false"},
    {FACTORS "\nstate_directory = \"\";\n", 2, "state_directory is empty"},
    {FACTORS "\nservices = \n;\n", 3, "syntax error"},
};

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct diagnostics *diagnostics = diagnostics_new();

        assert_null(load(broken[i].text, NULL, diagnostics));
        assert_complaint(diagnostics, "iagmeter.conf", broken[i].line, broken[i].fragment);
        if (diagnostics_errors(diagnostics) != 1) {
            diagnostics_print(diagnostics, stderr);
            fail_msg("row %zu has %zu errors", i, diagnostics_errors(diagnostics));
        }
        diagnostics_free(diagnostics);
    }
}

static void too_many_interfaces_are_refused(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char text[4096] = FACTORS "\ninterfaces = (\n";

    (void)state;
    for (int i = 0; i <= MAX_INTERFACES; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "{ name = \"e%d\"; }%s\n", i,
                 i < MAX_INTERFACES ? "," : ");");
    assert_null(load(text, NULL, diagnostics));
    assert_complaint(diagnostics, "iagmeter.conf", 3 + MAX_INTERFACES, "more than 16 interfaces");
    diagnostics_free(diagnostics);
}

static void errors_of_all_files_are_said_at_once(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    scratch_write("bad-services.conf", "services = ();\n");
    scratch_write("bad-directions.conf", "\n\nx = 1; directions = ();\n");
    assert_null(load("services = \"bad-services.conf\"; directions = \"bad-directions.conf\";\n"
                     "factors = \"nowhere\"; rrd_years = 99;\n",
                     NULL, diagnostics));
    assert_complaint(diagnostics, "iagmeter.conf", 2, "rrd_years");
    assert_complaint(diagnostics, "bad-services.conf", 1, "estimators");
    assert_complaint(diagnostics, "bad-directions.conf", 3, "unknown key \"x\"");
    assert_true(diagnostics_errors(diagnostics) >= 4); /* and the factors */
    diagnostics_free(diagnostics);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char path[PATH_MAX];

    (void)state;
    scratch_path(path, "none.conf");
    assert_null(config_load(path, NULL, diagnostics));
    assert_non_null(strstr(diagnostics_text(diagnostics, 0), "none.conf: cannot read"));
    diagnostics_free(diagnostics);
}

static void services_need_factors(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    scratch_write("cross.conf",
                  SERVICES GPT ",\n" SERVICE("b", "openai", "nobody/nope") ",\n" SERVICE(
                      "c", "nowhere", "openai/gpt-4o") ",\n\n" SERVICE("d", "nowhere", "") " );\n");
    assert_null(load("services = \"cross.conf\"; " FACTORS, NULL, diagnostics));
    assert_int_equal(diagnostics_errors(diagnostics), 3);
    assert_complaint(diagnostics, "cross.conf", 4, "service b: ");
    assert_complaint(diagnostics, "cross.conf", 4, "model \"nobody/nope\"");
    assert_complaint(diagnostics, "cross.conf", 5, "service c: ");
    assert_complaint(diagnostics, "cross.conf", 5, "provider \"nowhere\"");
    assert_complaint(diagnostics, "cross.conf", 7, "service d: ");
    diagnostics_free(diagnostics);
}

#define PICTURES(id, provider, image)                                                              \
    "{ id = \"" id "\"; label = \"L\"; operator = \"O\"; country = \"FR\"; hosting = \"eu\"; "     \
    "modality = [ \"image\" ]; estimator = \"e\"; provider = \"" provider                          \
    "\"; image_model = \"" image "\"; hosts = { inference = [ \"" id ".example.com\" ]; }; }"

static void images_need_a_figure_and_a_place(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    scratch_write(
        "images.conf",
        SERVICES PICTURES("a", "openai", "image/flux.1-dev") ",\n" PICTURES(
            "b", "openai",
            "image/none") ",\n" PICTURES("c", "openai",
                                         "video/unknown") ",\n" PICTURES("d", "nowhere",
                                                                         "image/unknown") " );\n");
    assert_null(load("services = \"images.conf\"; " FACTORS, NULL, diagnostics));
    assert_complaint(diagnostics, "images.conf", 4, "service b: the image_model is not in media");
    assert_complaint(diagnostics, "images.conf", 5, "service c: the image_model must be an image");
    assert_complaint(diagnostics, "images.conf", 6,
                     "service d: the provider \"nowhere\" is not in providers");
    assert_null(strstr(diagnostics_text(diagnostics, 0), "service a"));
    diagnostics_free(diagnostics);
}

static void numbers_survive_a_reload(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *first = load_good(FACTORS);
    struct config *second;

    (void)state;
    scratch_write("other.conf", SERVICES SERVICE("z", "", "") " );\n");
    scratch_write("others.conf", "directions = ( { code = \"Z\"; label = \"z\"; } );\n");
    second = load("services = \"other.conf\"; directions = \"others.conf\"; " FACTORS, first,
                  diagnostics);
    assert_no_complaint(diagnostics);
    assert_int_equal(catalogue_find(second->catalogue, "a"), 0);
    assert_int_equal(catalogue_find(second->catalogue, "z"), 1);
    assert_string_equal(directions_get(second->directions, 1)->code, "A");
    assert_string_equal(directions_get(second->directions, 2)->code, "Z");
    config_free(first);
    config_free(second);
    diagnostics_free(diagnostics);
}

/* What was removed keeps its number while the daemon runs, but what names it would not let it start
 * again. */
static void a_reload_refuses_what_a_start_would(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *first;

    (void)state;
    scratch_write("old.conf",
                  "calibration = { version = 2; kind = \"service\"; date = \"2026-01-01\"; "
                  "service = \"a\"; transport = \"tcp\"; method = \"M4\"; grade = \"B\"; "
                  "source = \"s\"; n = 20; median_error = 0.1; bias = 0.0; sigma = 0.1; "
                  "tokens_least = 10.0; tokens_most = 100.0; record_bytes = 100.0; "
                  "records_per_s = 10.0; bytes_per_token = [ 2.0, 2.0, 2.0 ]; };\n");
    scratch_write("other.conf", SERVICES SERVICE("z", "", "") " );\n");
    first = load_good("calibrations = [ \"old.conf\" ]; " FACTORS);
    assert_null(load("services = \"other.conf\"; calibrations = [ \"old.conf\" ]; " FACTORS, first,
                     diagnostics));
    assert_complaint(diagnostics, "old.conf", 1, "there is no service \"a\"");
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    config_free(first);
    diagnostics_free(diagnostics);
}

static void a_directory_adds_services(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config;

    (void)state;
    scratch_mkdir("services.d");
    scratch_write("services.d/b.conf", "services = ( " SERVICE("b", "", "") " );\n");
    scratch_write("services.d/a.conf", "services = ( " SERVICE("z", "", "") " );\n");
    scratch_write("services.d/c.conf~", "nonsense");
    scratch_write("services.d/.hidden.conf", "nonsense");
    config = load_good(FACTORS);
    assert_path(config->services_directory, "services.d");
    assert_int_equal(config->service_file_count, 3);
    assert_path(config->service_files[0], "services.conf");
    assert_path(config->service_files[1], "services.d/a.conf");
    assert_path(config->service_files[2], "services.d/b.conf");
    assert_int_equal(catalogue_find(config->catalogue, "a"), 0);
    assert_int_equal(catalogue_find(config->catalogue, "z"), 1);
    assert_int_equal(catalogue_find(config->catalogue, "b"), 2);
    config_free(config);

    /* What factors they name is checked as well, and where they are is ours to say. */
    scratch_mkdir("more.d");
    scratch_write("more.d/b.conf", "services = (\n" SERVICE("b", "openai", "nobody/nope") " );\n");
    assert_null(load(FACTORS "services_directory = \"more.d\";", NULL, diagnostics));
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    assert_complaint(diagnostics, "more.d/b.conf", 2, "service b: ");
    diagnostics_free(diagnostics);

    /* A slip of the pen is told, though something stands in. */
    diagnostics = diagnostics_new();
    scratch_write("more.d/b.conf", "services = (\n" SERVICE("b", "openai", "openai/nope") " );\n");
    config = load(FACTORS "services_directory = \"more.d\";", NULL, diagnostics);
    assert_non_null(config);
    assert_int_equal(diagnostics_warnings(diagnostics), 1);
    assert_complaint(diagnostics, "more.d/b.conf", 2, "class/large stands in");
    diagnostics_free(diagnostics);
    config_free(config);

    diagnostics = diagnostics_new();
    assert_null(load(FACTORS "services_directory = \"services.conf\";", NULL, diagnostics));
    assert_non_null(strstr(diagnostics_text(diagnostics, 0), "services.conf: cannot read"));
    diagnostics_free(diagnostics);
    config = load_good(FACTORS "services_directory = \"absent\";");
    assert_int_equal(config->service_file_count, 1);
    config_free(config);
}

/* The main file alone: what else is wrong does not matter to it. */
static void the_main_file_can_be_read_alone(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char path[PATH_MAX];
    struct config *config;

    (void)state;
    scratch_write("iagmeter.conf", "services = \"absent.conf\"; factors = \"absent\";");
    scratch_path(path, "iagmeter.conf");
    config = config_load_main(path, diagnostics);
    assert_no_complaint(diagnostics);
    assert_path(config->service_files[0], "absent.conf");
    assert_null(config->catalogue);
    config_free(config);
    scratch_write("iagmeter.conf", "\ncolour = 1;");
    assert_null(config_load_main(path, diagnostics));
    assert_complaint(diagnostics, "iagmeter.conf", 2, "unknown key");
    diagnostics_free(diagnostics);
}

static uint64_t digest_of(const char *text)
{
    struct config *config = load_good(text);
    uint64_t digest = config->digest;

    config_free(config);
    return digest;
}

static void the_digest_changes_with_every_file(void **state)
{
    uint64_t before = digest_of(FACTORS);
    char path[PATH_MAX];

    (void)state;
    assert_true(digest_of(FACTORS) == before);
    assert_true(digest_of(FACTORS "# a comment\n") != before);

    scratch_write("services.conf", SERVICES GPT " ); #\n");
    assert_true(digest_of(FACTORS) != before);
    scratch_write("services.conf", SERVICES GPT " );\n");
    assert_true(digest_of(FACTORS) == before);

    scratch_write("services.d/zz.conf", "#\n");
    assert_true(digest_of(FACTORS) != before);
    scratch_path(path, "services.d/zz.conf");
    assert_int_equal(unlink(path), 0);
    assert_true(digest_of(FACTORS) == before);

    scratch_write("directions.conf", DIRECTIONS "#\n");
    assert_true(digest_of(FACTORS) != before);
    scratch_write("directions.conf", DIRECTIONS);

    scratch_write("vintage/editor-backup.conf~", "x");
    assert_true(digest_of(FACTORS) == before);
    scratch_write("vintage/vintage.conf", "id = \"1\"; year = \"2026\"; source = \"x\";");
    copy_factors("vintage.conf");
    assert_true(digest_of(FACTORS) == before);
    scratch_write("vintage/aaa.conf", "# more\n");
    assert_true(digest_of(FACTORS) != before);
    scratch_write("vintage/aaa.conf", "");
}

/* The ledger keeps the digest, and another objective changes no figure. */
static void objectives_are_checked_and_change_no_digest(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    uint64_t before;
    struct config *config;

    (void)state;
    /* A file that is named, and is not there, may be a slip. */
    config = load(FACTORS "objectives = \"goals.conf\";", NULL, diagnostics);
    assert_non_null(config);
    assert_int_equal(objectives_count(config->objectives), 0);
    assert_int_equal(diagnostics_warnings(diagnostics), 1);
    assert_non_null(strstr(diagnostics_text(diagnostics, 0), "goals.conf"));
    before = config->digest;
    config_free(config);
    diagnostics_free(diagnostics);
    diagnostics = diagnostics_new();
    scratch_write("goals.conf", "objectives = ( { year = 2026; direction = \"A\"; water_l = 5;\n"
                                "source = \"s\"; } );\n");
    config = load_good(FACTORS "objectives = \"goals.conf\";");
    assert_path(config->objectives_path, "goals.conf");
    assert_int_equal(objectives_count(config->objectives), 1);
    assert_true(config->digest == before);
    config_free(config);
    scratch_write("goals.conf", "objectives = ( { year = 2026; water_l = 5; source = \"s\";\n"
                                "direction = \"B\"; } );\n");
    assert_null(load(FACTORS "objectives = \"goals.conf\";", NULL, diagnostics));
    assert_complaint(diagnostics, "goals.conf", 2, "direction \"B\" is not in the list");
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    diagnostics_free(diagnostics);
}

static void the_digest_sees_included_files(void **state)
{
    uint64_t before;

    (void)state;
    scratch_write("part.conf", "rrd_years = 4;\n");
    before = digest_of(FACTORS "\n@include \"part.conf\"\n");
    scratch_write("part.conf", "rrd_years = 5;\n");
    assert_true(digest_of(FACTORS "\n@include \"part.conf\"\n") != before);
    scratch_write("part.conf", "rrd_years = 4;\n");
    assert_true(digest_of(FACTORS "\n@include \"part.conf\"\n") == before);
}

/* Lines from 4 on, which the file that includes it has not. */
static const char included[] =
    "\n\n\nuser = \"no-such-user\";\n"
    "interfaces = ( { name = \"eth0\";\n  filter = \"tcp prot 443\"; } );\n"
    "inference = { ports =\n  [ 9000 ]; secret = \"secret\"; servers = (\n"
    "  { port = 8000; service = \"nobodys\"; tokens = \"server\";\n"
    "    bearer_file = \"/dev/null\"; dialect = \"litellm\"; metrics =\n"
    "      \"http://192.0.2.1/\"; teams = (\n"
    "      { label = \"x\"; direction = \"none\"; } ); } );\n"
    "  keys = (\n"
    "  { direction = \"no\"; hash = "
    "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"; } ); };\n";

static void what_is_checked_later_is_said_of_the_file_it_stands_in(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config;
    char path[PATH_MAX];

    (void)state;
    scratch_write("part.conf", included);
    scratch_write("secret", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
    assert_null(load(FACTORS "\n@include \"part.conf\"\n", NULL, diagnostics));
    assert_complaint(diagnostics, "part.conf", 7, "only `iagmeter inspect` looks at 9000");
    assert_complaint(diagnostics, "part.conf", 9, "there is no service \"nobodys\"");
    assert_complaint(diagnostics, "part.conf", 9, "tokens = \"server\" needs a host");
    assert_complaint(diagnostics, "part.conf", 10, "goes over the network in clear");
    assert_complaint(diagnostics, "part.conf", 12, "there is no direction \"none\"");
    assert_complaint(diagnostics, "part.conf", 14, "there is no direction \"no\"");
    scratch_path(path, "iagmeter.conf");
    config = config_load_main(path, diagnostics);
    assert_non_null(config);
    startcheck(config, START_REPLAY, diagnostics);
    config_free(config);
    assert_complaint(diagnostics, "part.conf", 4, "user \"no-such-user\" does not exist");
    assert_complaint(diagnostics, "part.conf", 6, "interface eth0: filter \"tcp prot 443\"");
    diagnostics_free(diagnostics);
}

static void a_relative_path_becomes_absolute(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char before[PATH_MAX];
    struct config *config;

    (void)state;
    scratch_write("iagmeter.conf", FACTORS);
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(scratch_directory), 0);
    config = config_load("iagmeter.conf", NULL, diagnostics);
    assert_int_equal(chdir(before), 0);
    assert_no_complaint(diagnostics);
    assert_path(config->path, "iagmeter.conf");
    assert_path(config->services_path, "services.conf");
    config_free(config);
    diagnostics_free(diagnostics);
}

static void the_sample_configuration_loads(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char path[PATH_MAX];
    struct config *config;

    (void)state;
    config_default_path(path, sizeof(path));
    assert_string_equal(path, IAGMETER_SOURCE_ROOT "/conf/iagmeter.conf");
    config = config_load(path, NULL, diagnostics);
    assert_no_complaint(diagnostics);
    assert_non_null(config);
    assert_true(catalogue_count(config->catalogue) > 60);
    config_free(config);
    diagnostics_free(diagnostics);
}

/* The addresses that the demonstration and the test bench use. */
static void the_sample_directions_are_those_of_the_bench(void **state)
{
    static const struct {
        const char *address;
        const char *code;
    } expected[] = {
        {"198.51.100.31", "DSN"},         {"2001:db8:1::1", "DSN"},
        {"198.51.100.32", "SDTIG"},       {"2001:db8:2::1", "SDTIG"},
        {"198.51.100.95", "DIGICOM"},     {"2001:db8:3::1", "DIGICOM"},
        {"198.51.100.96", "COPROD"},      {"198.51.100.129", "DPO"},
        {"198.51.100.161", "DRH"},        {"198.51.100.223", "DAJ"},
        {"198.51.100.224", "unassigned"}, {"2001:db8:4::1", "unassigned"},
        {"203.0.113.1", "unassigned"},
    };
    struct diagnostics *diagnostics = diagnostics_new();
    struct directions *directions =
        directions_load(IAGMETER_SOURCE_ROOT "/conf/directions.conf", NULL, diagnostics);

    (void)state;
    assert_no_complaint(diagnostics);
    assert_int_equal(directions_count(directions), 8);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct address address;
        unsigned length;
        uint16_t number;

        assert_null(directions_parse_prefix(expected[i].address, &address, &length));
        number = directions_match(directions, &address, VLAN_NONE);
        assert_string_equal(directions_get(directions, number)->code, expected[i].code);
    }
    directions_free(directions);
    diagnostics_free(diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_almost_empty_file_has_sensible_defaults),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(no_tunnel_at_all_may_be_listed),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(too_many_interfaces_are_refused),
        cmocka_unit_test(errors_of_all_files_are_said_at_once),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(services_need_factors),
        cmocka_unit_test(images_need_a_figure_and_a_place),
        cmocka_unit_test(numbers_survive_a_reload),
        cmocka_unit_test(a_reload_refuses_what_a_start_would),
        cmocka_unit_test(a_directory_adds_services),
        cmocka_unit_test(the_main_file_can_be_read_alone),
        cmocka_unit_test(the_digest_changes_with_every_file),
        cmocka_unit_test(objectives_are_checked_and_change_no_digest),
        cmocka_unit_test(the_digest_sees_included_files),
        cmocka_unit_test(what_is_checked_later_is_said_of_the_file_it_stands_in),
        cmocka_unit_test(a_relative_path_becomes_absolute),
        cmocka_unit_test(the_sample_configuration_loads),
        cmocka_unit_test(the_sample_directions_are_those_of_the_bench),
    };

    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
