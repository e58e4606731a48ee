/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/scrapeconfig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/scratch.h"

struct server {
    unsigned port;
    struct scrape_config scrape;
};

static const struct confread_key keys[] = {
    {"port", CONFREAD_UINT, true, 1, UINT16_MAX, offsetof(struct server, port), 0, NULL},
    SCRAPE_KEYS(struct server, scrape),
};

static struct server server;
static struct diagnostics *diagnostics;
static struct directions *directions;

static int setup(void **state)
{
    const struct direction dsn = {.code = "DSN"};
    const struct direction drh = {.code = "DRH"};

    if (scratch_setup(state) != 0)
        return -1;
    diagnostics = diagnostics_new();
    directions = directions_new();
    return diagnostics && directions && directions_set(directions, 1, &dsn) &&
                   directions_set(directions, 2, &drh)
               ? 0
               : -1;
}

static int teardown(void **state)
{
    diagnostics_free(diagnostics);
    directions_free(directions);
    return scratch_teardown(state);
}

/* Reads a servers entry that holds TEXT, from line 2 of the file on. */
static void load(const char *text)
{
    char file[8192];
    char path[PATH_MAX];
    config_t config;

    diagnostics_free(diagnostics);
    diagnostics = diagnostics_new();
    snprintf(file, sizeof(file), "server = { port = 8000;\n%s\n};\n", text);
    scratch_write("iagmeter.conf", file);
    scratch_path(path, "iagmeter.conf");
    server.scrape = scrape_defaults;
    if (confread_file(&config, path, diagnostics)) {
        const config_setting_t *entry = config_lookup(&config, "server");

        if (confread_group(entry, keys, sizeof(keys) / sizeof(*keys), &server, diagnostics))
            scrapeconfig_read(&server.scrape, entry, diagnostics);
        scrapeconfig_resolve(&server.scrape, directions, diagnostics);
    }
    config_destroy(&config);
}

static void a_server_need_not_be_asked(void **state)
{
    (void)state;
    load("");
    assert_no_complaint(diagnostics);
    assert_string_equal(server.scrape.url, "");
    assert_int_equal(server.scrape.tokens, TOKENS_FROM_WIRE);
}

static void what_is_configured_reaches_the_scraper(void **state)
{
    static const struct server_model models[] = {{"qwen", 12}};
    struct scraper_target target;

    (void)state;
    load(
        "metrics = \"http://127.0.0.1:4000/metrics\"; dialect = \"litellm\"; tokens = \"server\";\n"
        "metrics_socket = \"/run/llm\"; bearer_file = \"token\"; interval = 5;\n"
        "teams = ( { label = \"equipe-si\"; direction = \"DSN\"; },\n"
        "          { label = \"DRH\"; direction = \"DRH\"; }, { label = \"SI 2\"; direction = "
        "\"DSN\"; } );");
    assert_no_complaint(diagnostics);
    assert_int_equal(server.scrape.tokens, TOKENS_FROM_SERVER);
    target = scrapeconfig_target(&server.scrape, 11, models, 1);
    assert_string_equal(target.url, "http://127.0.0.1:4000/metrics");
    assert_string_equal(target.socket_path, "/run/llm");
    assert_string_equal(target.bearer_path, "token");
    assert_int_equal(target.interval_s, 5);
    assert_int_equal(target.metrics.dialect, SERVER_LITELLM);
    assert_int_equal(target.metrics.service, 11);
    assert_int_equal(target.metrics.model_count, 1);
    assert_int_equal(target.metrics.team_count, 3);
    assert_string_equal(target.metrics.teams[0].label, "equipe-si");
    assert_int_equal(target.metrics.teams[0].direction, 1);
    assert_int_equal(target.metrics.teams[1].direction, 2);
    assert_int_equal(target.metrics.teams[2].direction, 1);
}

static void without_more_it_is_found_out_every_15_s(void **state)
{
    struct scraper_target target;

    (void)state;
    load("metrics = \"https://llm.example.org/metrics\";");
    assert_no_complaint(diagnostics);
    target = scrapeconfig_target(&server.scrape, 11, NULL, 0);
    assert_int_equal(target.interval_s, 15);
    assert_int_equal(target.metrics.dialect, SERVER_AUTO);
    assert_string_equal(target.bearer_path, "");
    assert_string_equal(target.socket_path, "");
}

static void what_is_wrong_is_told_where_it_stands(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *complaint;
    } cases[] = {
        {"metrics = \"127.0.0.1:8000/metrics\";", 2, "not a URL of http or https"},
        {"metrics = \"file:///etc/passwd\";", 2, "not a URL of http or https"},
        {"metrics = \"http:///metrics\";", 2, "not a URL"},
        {"metrics = \"http://a/b c\";", 2, "not a URL"},
        {"metrics = \"http://me:secret@a/metrics\";", 2, "bearer_file"},
        {"tokens = \"server\";", 2, "without metrics"},
        {"teams = ( );", 2, "without metrics"},
        {"metrics = \"http://a/\"; dialect = \"ollama\";", 2, "dialect"},
        {"metrics = \"http://a/\"; tokens = \"both\";", 2, "tokens"},
        {"metrics = \"http://a/\"; interval = 0;", 2, "interval"},
        {"metrics = \"http://a/\"; dialect = \"vllm\";\nteams = ( );", 3, "only litellm"},
        {"metrics = \"http://a/\";\nteams = (\n{ label = \"x\"; direction = \"DGA\"; } );", 4,
         "no direction \"DGA\""},
        {"metrics = \"http://a/\";\nteams = ( { label = \"x\"; direction = \"DSN\"; },\n{ label = "
         "\"x\"; direction = \"DRH\"; } );",
         4, "twice"},
        {"metrics = \"http://a/\";\nteams = ( { label = \"\"; direction = \"DSN\"; } );", 3,
         "empty"},
        {"metrics = \"http://a/\";\nteams = ( { label = \"x\"; } );", 3, "direction"},
        {"metrics = \"http://a/\"; bearer_file = \"t\";", 2, "in clear"},
        {"metrics = \"http://localhost.example.org/\"; bearer_file = \"t\";", 2, "in clear"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        load(cases[i].text);
        assert_complaint(diagnostics, "iagmeter.conf", cases[i].line, cases[i].complaint);
    }
}

static void a_token_stays_on_the_machine_or_is_encrypted(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1/m", "http://localhost:8000/metrics",
                                       "http://[::1]", "https://llm.example.org/metrics"};
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        snprintf(text, sizeof(text), "metrics = \"%s\"; bearer_file = \"t\";", urls[i]);
        load(text);
        assert_no_complaint(diagnostics);
    }
    load("metrics = \"http://a/\"; bearer_file = \"t\"; metrics_socket = \"/run/s\";");
    assert_no_complaint(diagnostics);
}

static void no_more_teams_than_there_is_room_for(void **state)
{
    char text[8000] = "metrics = \"http://a/\"; teams = ( ";

    (void)state;
    for (int i = 0; i <= MAX_SCRAPE_TEAMS; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "%s{ label = \"t%d\"; direction = \"DSN\"; }", i ? ",\n" : "", i);
    snprintf(text + strlen(text), sizeof(text) - strlen(text), " );");
    load(text);
    assert_complaint(diagnostics, "iagmeter.conf", 2 + MAX_SCRAPE_TEAMS, "more than 128");
}

static void the_token_is_looked_for_at_the_start(void **state)
{
    (void)state;
    load("metrics = \"http://127.0.0.1/\"; bearer_file = \"t\";");
    scratch_path(server.scrape.bearer_path, "t");
    scrapeconfig_check_bearer(&server.scrape, diagnostics);
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    assert_non_null(strstr(diagnostics_text(diagnostics, 0), "cannot read"));
    scratch_write("t", "sk-1");
    chmod(server.scrape.bearer_path, 0644);
    scrapeconfig_check_bearer(&server.scrape, diagnostics);
    assert_int_equal(diagnostics_warnings(diagnostics), 1);
    chmod(server.scrape.bearer_path, 0640);
    scrapeconfig_check_bearer(&server.scrape, diagnostics);
    assert_int_equal(diagnostics_warnings(diagnostics), 1);
    assert_int_equal(diagnostics_errors(diagnostics), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_server_need_not_be_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_configured_reaches_the_scraper, setup, teardown),
        cmocka_unit_test_setup_teardown(without_more_it_is_found_out_every_15_s, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_told_where_it_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_stays_on_the_machine_or_is_encrypted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_more_teams_than_there_is_room_for, setup, teardown),
        cmocka_unit_test_setup_teardown(the_token_is_looked_for_at_the_start, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
