/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/inferenceconfig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/capture.h"
#include "daemon/hashkey.h"
#include "tests/daemon/overhear.h"
#include "tests/daemon/shipped.h"

#define HASH   "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct diagnostics *diagnostics;
static struct config *config;

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    scratch_write("directions.conf",
                  "directions = ( { code = \"DSN\"; label = \"a\"; prefixes = [ \"10.1.0.0/16\" ]; "
                  "}, { code = \"DRH\"; label = \"b\"; prefixes = [ \"10.2.0.0/16\" ]; } );\n");
    scratch_write("secret", SECRET "\n");
    diagnostics = diagnostics_new();
    return diagnostics ? 0 : -1;
}

static int teardown(void **state)
{
    config_free(config);
    config = NULL;
    diagnostics_free(diagnostics);
    return scratch_teardown(state);
}

static void load(const char *group)
{
    char text[4 * PATH_MAX];
    char path[PATH_MAX];

    scratch_path(path, "secret");
    chmod(path, 0640);
    snprintf(text, sizeof(text),
             "services = \"%s\"; directions = \"directions.conf\"; factors = \"%s\";\n"
             "inference = {\n%s\n};\n",
             SHIPPED_SERVICES, SHIPPED_FACTORS, group);
    scratch_write("iagmeter.conf", text);
    scratch_path(path, "iagmeter.conf");
    config_free(config);
    config = config_load(path, NULL, diagnostics);
}

static void assert_refused(const char *group, const char *where, const char *why)
{
    const char *text;

    diagnostics_free(diagnostics);
    diagnostics = diagnostics_new();
    load(group);
    assert_null(config);
    assert_true(diagnostics_errors(diagnostics) >= 1);
    text = diagnostics_text(diagnostics, 0);
    if (!strstr(text, where) || !strstr(text, why))
        fail_msg("\"%s\" says neither \"%s\" nor \"%s\"", text, where, why);
}

static void without_the_group_there_is_no_server(void **state)
{
    struct inference_rules rules;

    (void)state;
    load("");
    assert_no_complaint(diagnostics);
    assert_int_equal(config->inference.port_count, 0);
    assert_int_equal(config->inference.max_connections, 1024);
    rules = inferenceconfig_rules(&config->inference, config->directions);
    assert_string_equal(rules.header, "x-direction");
    assert_int_equal(rules.order_count, 3);
    assert_int_equal(rules.order[0], DIRECTION_BY_HEADER);
    assert_null(rules.secret);
}

static void all_of_it_is_read(void **state)
{
    struct inference_rules rules;

    (void)state;
    load("ports = [ 8080, 8000 ]; max_connections = 64; direction_by = [ \"key\", \"header\" ];\n"
         "header = \"X-OpenWebUI-Group\"; secret = \"secret\";\n"
         "keys = ( { direction = \"DRH\"; hash = \"" HASH "\"; } );");
    assert_int_equal(diagnostics_errors(diagnostics), 0);
    assert_non_null(config);
    rules = inferenceconfig_rules(&config->inference, config->directions);
    assert_int_equal(config->inference.port_count, 2);
    assert_int_equal(config->inference.ports[1], 8000);
    assert_int_equal(config->inference.max_connections, 64);
    assert_string_equal(rules.header, "x-openwebui-group");
    assert_int_equal(rules.order_count, 2);
    assert_int_equal(rules.order[0], DIRECTION_BY_KEY);
    assert_int_equal(rules.key_count, 1);
    assert_int_equal(rules.keys[0].direction, 2);
    assert_int_equal(rules.keys[0].digest[1], 0x11);
    assert_int_equal(rules.keys[0].digest[31], 0xff);
    assert_non_null(rules.secret);
    assert_int_equal(rules.secret->bytes[31], 0x1f);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    assert_refused("ports = [ 8080,\n 0 ];", "iagmeter.conf:4", "1 to 65535");
    assert_refused("ports = [ 65536 ];", "iagmeter.conf:3", "1 to 65535");
    assert_refused("ports = [ \"8080\" ];", "iagmeter.conf:3", "1 to 65535");
    assert_refused("ports = [ 8080, 8080 ];", "iagmeter.conf:3", "8080 is listed twice");
    assert_refused("ports = [ 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17 ];", "iagmeter.conf:3",
                   "more than 16");
    assert_refused("ports = 8080;", "iagmeter.conf:3", "ports");
    assert_refused("\nmax_connections = 1;", "iagmeter.conf:4", "max_connections");
    assert_refused("port = [ 8080 ];", "iagmeter.conf:3", "port");
    assert_refused("direction_by = [ \"header\", \"team\" ];", "iagmeter.conf:3", "direction_by");
    assert_refused("direction_by = [ \"key\", \"key\" ];", "iagmeter.conf:3", "direction_by");
    assert_refused("header = \"X Direction\";", "iagmeter.conf:3", "X Direction");
    assert_refused("header = \"X-Direction:\";", "iagmeter.conf:3", "X-Direction:");
    assert_refused("keys = ( { direction = \"DRH\"; hash = \"" HASH "\"; } );", "iagmeter.conf:3",
                   "secret");
    assert_refused("secret = \"secret\"; keys = (\n { direction = \"DRH\"; hash = \"00\"; } );",
                   "iagmeter.conf:4", "hash-key");
    assert_refused("secret = \"secret\"; keys = (\n { direction = \"DRX\"; hash = \"" HASH
                   "\"; } );",
                   "iagmeter.conf:4", "DRX");
    assert_refused("secret = \"secret\"; keys = (\n { direction = \"unassigned\"; hash = \"" HASH
                   "\"; } );",
                   "iagmeter.conf:4", "unassigned");
    assert_refused("secret = \"secret\"; keys = (\n { direction = \"DRH\"; hash = \"" HASH
                   "\"; },\n { direction = \"DSN\"; hash = \"" HASH "\"; } );",
                   "iagmeter.conf:5", "listed twice");
    assert_refused("secret = \"missing\";", "missing", "No such file");
}

/* -- Servers ------------------------------------------------------------------------------------
 */

#define SERVER(more) "servers = ( { port = 8000; service = \"local-vllm\"; " more " } );"

static void servers_have_services_models_and_users(void **state)
{
    const struct inference_config *inference;
    struct inference_rules rules;

    (void)state;
    load(
        "servers = (\n"
        "{ port = 8000; service = \"local-vllm\"; models = (\n"
        "  { name = \"b\"; service = \"local-llama\"; },\n"
        "  { name = \"a\"; service = \"local-ollama\"; }, { name = \"gpt\"; service = "
        "\"openai-api\"; } ); },\n"
        "{ port = 11434; service = \"local-ollama\"; remote = \"ollama-cloud\";\n"
        "  models = ( { name = \"a\"; service = \"local-vllm\"; } ); } );\n"
        "client_header = \"X-Real-IP\"; users_by = [ \"key\", \"address\" ]; secret = \"secret\";\n"
        "keys = ( { direction = \"DRH\"; hash = \"" HASH "\"; users = 250; } );");
    assert_no_complaint(diagnostics);
    assert_non_null(config);
    inference = &config->inference;
    rules = inferenceconfig_rules(inference, config->directions);
    assert_int_equal(inference->port_count, 2);
    assert_int_equal(inference->ports[1], 11434);
    assert_int_equal(rules.server_count, 2);
    assert_int_equal(rules.servers[0].service, catalogue_find(config->catalogue, "local-vllm"));
    assert_int_equal(rules.servers[0].remote, SERVICE_NONE);
    assert_int_equal(rules.servers[1].remote, catalogue_find(config->catalogue, "ollama-cloud"));
    assert_int_equal(rules.models.count, 4);
    assert_string_equal(rules.models.items[0].name, "a");
    assert_int_equal(rules.models.items[0].port, 8000);
    assert_int_equal(rules.models.items[0].service,
                     catalogue_find(config->catalogue, "local-ollama"));
    assert_int_equal(rules.models.items[1].port, 11434);
    assert_int_equal(rules.models.items[1].service,
                     catalogue_find(config->catalogue, "local-vllm"));
    assert_string_equal(rules.models.items[3].name, "gpt");
    assert_int_equal(rules.models.items[3].service,
                     catalogue_find(config->catalogue, "openai-api"));
    assert_string_equal(rules.client_header, "x-real-ip");
    assert_int_equal(rules.users_count, 2);
    assert_int_equal(rules.users_order[0], DIRECTION_BY_KEY);
    assert_int_equal(rules.keys[0].users, 250);
}

static void what_is_wrong_with_servers_is_said_with_its_line(void **state)
{
    (void)state;
    assert_refused("servers = ( { port = 0;\n service = \"local-vllm\"; } );", "iagmeter.conf:3",
                   "port");
    assert_refused("servers = (\n{ port = 8000; } );", "iagmeter.conf:4", "service");
    assert_refused("servers = (\n{ port = 8000; service = \"vllm\"; } );", "iagmeter.conf:4",
                   "there is no service \"vllm\"");
    assert_refused("servers = (\n{ port = 8000; service = \"openai-api\"; } );", "iagmeter.conf:4",
                   "not local = true");
    assert_refused("servers = ( { port = 8000; service = \"local-vllm\"; },\n"
                   "{ port = 8000; service = \"local-llama\"; } );",
                   "iagmeter.conf:4", "8000 is listed twice");
    assert_refused("ports = [ 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 ];\n" SERVER(""),
                   "iagmeter.conf:4", "more than 16");
    assert_refused("\n" SERVER("remote = \"cloud\";"), "iagmeter.conf:4",
                   "there is no service \"cloud\"");
    assert_refused("\n" SERVER("remote = \"local-ollama\";"), "iagmeter.conf:4", "is local");
    assert_refused(SERVER("models = (\n{ name = \"\"; service = \"local-vllm\"; } );"),
                   "iagmeter.conf:4", "empty");
    assert_refused(SERVER("models = (\n{ name = \"a\"; service = \"model-a\"; } );"),
                   "iagmeter.conf:4", "model-a");
    assert_refused(
        SERVER("models = ( { name = \"a\"; service = \"local-vllm\"; },\n{ name = \"a\"; "
               "service = \"local-llama\"; } );"),
        "iagmeter.conf:4", "\"a\" is listed twice for port 8000");
    assert_refused("users_by = [ \"cookie\" ];", "iagmeter.conf:3", "users_by");
    assert_refused("\nclient_header = \"X-Direction\";", "iagmeter.conf:4", "tells the direction");
    assert_refused("client_header = \"X Y\";", "iagmeter.conf:3", "X Y");
    /* What tells where messages end, or holds a key, is read as that. */
    assert_refused("header = \"Content-Length\";", "iagmeter.conf:3", "content-length");
    assert_refused("client_header = \"X-API-Key\";", "iagmeter.conf:3", "meaning of its own");
    assert_refused("secret = \"secret\"; keys = (\n{ direction = \"DRH\"; hash = \"" HASH
                   "\"; users = 1; } );",
                   "iagmeter.conf:4", "users");
    assert_refused("servers = (\n{ port = 8000; service = \"local-vllm\";"
                   " metrics = \"http://127.0.0.1/\"; tokens = \"server\"; } );",
                   "iagmeter.conf:4", "needs a host");
    assert_refused("servers = ( { port = 8000; service = \"local-vllm\";"
                   " metrics = \"http://127.0.0.1/\"; },\n{ port = 8001; service = "
                   "\"local-vllm\"; metrics = \"http://127.0.0.1/2\"; tokens = \"server\"; } );",
                   "iagmeter.conf:4", "tokens differs");
}

#define NAMED(port, url)                                                                           \
    "{ port = " port "; service = \"local-vllm\"; metrics = \"http://" url "\"; }"
#define LONG "a.example.org/of/a/path/that/is/longer/than/a/name/has/room/for"

/* The ledger would take one for the other. */
static void two_servers_of_one_name_are_refused(void **state)
{
    static const char *const pairs[][2] = {
        {NAMED("8000", "a/m"), NAMED("8001", "a/m")},
        {NAMED("8000", "a/m?x"), NAMED("8001", "a/m?y")},
        {NAMED("8000", "a/m"), "{ port = 8001; service = \"local-vllm\"; metrics = \"http://a/m\"; "
                               "metrics_socket = \"/run/b\"; }"},
        {NAMED("8000", LONG "/a"), NAMED("8001", LONG "/b")},
    };
    char text[1000];

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        snprintf(text, sizeof(text), "servers = ( %s,\n%s );", pairs[i][0], pairs[i][1]);
        assert_refused(text, "iagmeter.conf:4", "is asked for port 8000 already");
    }
}

#define METRICS(port, dialect)                                                                     \
    "{ port = " port "; service = \"local-vllm\"; metrics = \"http://127.0.0.1:" port              \
    "/\"; dialect = \"" dialect "\"; }"

/* Two that share the work are added up; a proxy and who is behind it would count twice. */
static void a_proxy_beside_its_server_is_warned_of(void **state)
{
    (void)state;
    load("servers = ( " METRICS("8000", "vllm") ",\n" METRICS("8001", "vllm") " );");
    assert_no_complaint(diagnostics);
    load("servers = ( " METRICS("8000", "vllm") ",\n" METRICS("4000", "litellm") " );");
    assert_int_equal(diagnostics_errors(diagnostics), 0);
    assert_int_equal(diagnostics_warnings(diagnostics), 1);
    assert_complaint(diagnostics, "iagmeter.conf", 4, "4000");
}

/* Or somebody would believe that it is metered. */
static void a_port_that_only_inspection_looks_at_is_warned_of(void **state)
{
    (void)state;
    load(SERVER("") "\nports = [ 8000, 8001 ];");
    assert_int_equal(diagnostics_errors(diagnostics), 0);
    assert_int_equal(diagnostics_warnings(diagnostics), 1);
    assert_complaint(diagnostics, "iagmeter.conf", 4, "8001");
    assert_int_equal(config->inference.port_count, 2);
    assert_int_equal(config->inference.server_count, 1);
}

static void a_secret_is_checked(void **state)
{
    static const char *const bad[] = {"", "0", SECRET "0", SECRET "\n\n", "x" SECRET, SECRET "0\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        scratch_write("secret", bad[i]);
        assert_refused("secret = \"secret\";", "secret:1", "openssl rand -hex 32");
    }
    scratch_write("secret", SECRET);
    diagnostics_free(diagnostics);
    diagnostics = diagnostics_new();
    load("secret = \"secret\";");
    assert_no_complaint(diagnostics);
}

static void a_secret_that_all_can_read_is_warned_of(void **state)
{
    char path[PATH_MAX];

    (void)state;
    load("secret = \"secret\";");
    assert_int_equal(diagnostics_warnings(diagnostics), 0);
    scratch_path(path, "secret");
    chmod(path, 0644);
    scratch_path(path, "iagmeter.conf");
    config_free(config);
    config = config_load(path, NULL, diagnostics);
    assert_non_null(config);
    assert_int_equal(diagnostics_warnings(diagnostics), 1);
    assert_non_null(strstr(diagnostics_text(diagnostics, 0), "chmod 640"));
}

/* Two processes that were given different secrets must not take themselves for alike. */
static void the_secret_is_part_of_the_digest(void **state)
{
    uint64_t digest;

    (void)state;
    load("secret = \"secret\";");
    digest = config->digest;
    scratch_write("secret", HASH);
    load("secret = \"secret\";");
    assert_true(config->digest != digest);
}

/* -- hash-key -----------------------------------------------------------------------------------
 */

static char output[256];

static int hash(const char *input)
{
    FILE *in = tmpfile();
    FILE *out = fmemopen(output, sizeof(output), "w");
    int status;

    assert_non_null(in);
    assert_non_null(out);
    memset(output, 0, sizeof(output));
    fputs(input, in);
    rewind(in);
    status = hashkey_run(&config->inference, in, out);
    fclose(in);
    fclose(out);
    return status;
}

/* echo -n sk-dir-DRH-0002 | openssl dgst -sha256 -mac HMAC -macopt hexkey:$SECRET */
#define HASHED "366cfccf451df0869ecd79a75b8eb9de556fd36654a2a47f68f74633a0e24e59"

static void hashes_are_those_that_the_collector_compares(void **state)
{
    (void)state;
    load("secret = \"secret\";");
    assert_int_equal(hash("sk-dir-DRH-0002\n"), EXIT_SUCCESS);
    assert_string_equal(output, HASHED "\n");
    assert_int_equal(hash("sk-dir-DRH-0002"), EXIT_SUCCESS);
    assert_string_equal(output, HASHED "\n");
    assert_int_equal(hash("sk-dir-DRH-0002\r\nmore\n"), EXIT_SUCCESS);
    assert_string_equal(output, HASHED "\n");
}

static void assert_no_hash(const char *input, const char *why)
{
    int status;

    overhear_start();
    status = hash(input);
    assert_one_line(overhear_stop(), "hash-key", why);
    assert_int_equal(status, EXIT_CONFIGURATION);
    assert_string_equal(output, "");
}

static void what_is_no_key_is_refused(void **state)
{
    (void)state;
    load("secret = \"secret\";");
    assert_no_hash("", "no key");
    assert_no_hash("\n", "no key");
    assert_no_hash("Bearer sk-1\n", "no key");
    assert_no_hash("sk-\xc3\xa9\n", "no key");
    load("");
    assert_no_hash("sk-1\n", "no secret");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_servers_of_one_name_are_refused, setup, teardown),
        TEST(without_the_group_there_is_no_server),
        TEST(all_of_it_is_read),
        TEST(what_is_wrong_is_said_with_its_line),
        TEST(servers_have_services_models_and_users),
        TEST(what_is_wrong_with_servers_is_said_with_its_line),
        TEST(a_port_that_only_inspection_looks_at_is_warned_of),
        TEST(a_proxy_beside_its_server_is_warned_of),
        TEST(a_secret_is_checked),
        TEST(a_secret_that_all_can_read_is_warned_of),
        TEST(the_secret_is_part_of_the_digest),
        TEST(hashes_are_those_that_the_collector_compares),
        TEST(what_is_no_key_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
