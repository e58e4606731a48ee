/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/servercounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/daemon/hosted.h"

static struct config *config;
static struct ledger *ledger;
static struct servercounts *counts;

static int setup(void **state)
{
    char error[2 * PATH_MAX];

    if (scratch_setup(state) != 0)
        return -1;
    scratch_mkdir("state");
    config = hosted_config(hosted_host, NULL);
    ledger = ledger_open(config->state_directory, true, error, sizeof(error));
    return ledger ? 0 : -1;
}

static int teardown(void **state)
{
    servercounts_close(counts);
    counts = NULL;
    ledger_close(ledger);
    config_free(config);
    return scratch_teardown(state);
}

static void add_server(uint16_t port, const char *service, const char *url,
                       enum scrape_tokens tokens)
{
    struct inference_config *inference = &config->inference;
    unsigned place = inference->server_count++;

    inference->servers[place] = (struct inference_server){
        port, catalogue_find(config->catalogue, service), SERVICE_NONE, false};
    inference->scrapes[place].tokens = (int)tokens;
    snprintf(inference->scrapes[place].url, sizeof(inference->scrapes[place].url), "%s", url);
}

static void add_model(uint16_t port, const char *service)
{
    struct inference_model model = {.port = port,
                                    .service = catalogue_find(config->catalogue, service)};

    snprintf(model.name, sizeof(model.name), "a model of %s", service);
    assert_true(inferenceconfig_add_model(&config->inference, &model));
}

static void open_counts(void)
{
    enum ledger_status status;

    servercounts_close(counts);
    counts = servercounts_open(ledger, config, &status);
    assert_int_equal(status, LEDGER_OK);
    assert_non_null(counts);
}

static void local_services_of_servers_that_are_asked_are_listed_once(void **state)
{
    size_t number;

    (void)state;
    add_server(8000, "local-vllm", "http://a/", TOKENS_FROM_WIRE);
    add_server(8001, "local-llama", "", TOKENS_FROM_WIRE);
    add_server(8002, "local-vllm", "http://b/", TOKENS_FROM_WIRE);
    add_server(8003, "mistral-small-24b", "http://c/", TOKENS_FROM_SERVER);
    add_model(8000, "qwen3-8b");
    add_model(8000, "openai-api"); /* computed elsewhere */
    add_model(8001, "local-ollama");
    open_counts();
    assert_int_equal(servercounts_count(counts), 3);
    assert_int_equal(servercounts_find(counts, "local-llama"), SERVERCOUNTS_NONE);
    assert_int_equal(servercounts_find(counts, "local-ollama"), SERVERCOUNTS_NONE);
    assert_int_equal(servercounts_find(counts, "openai-api"), SERVERCOUNTS_NONE);
    number = servercounts_find(counts, "qwen3-8b");
    assert_string_equal(servercounts_service(counts, number)->id, "qwen3-8b");
    assert_false(servercounts_are_use(counts, number));
    assert_true(servercounts_are_use(counts, servercounts_find(counts, "mistral-small-24b")));
}

/* The server is one request ahead in the first minute, and what comes of it in each. With
 * STOP_AFTER minutes, all is closed and opened again; a minute whose transaction fails is settled
 * anew. */
static unsigned minute_of_excess(int64_t stop_after, bool fail)
{
    const struct balance_use nothing = {0};
    const struct balance_use one = {.requests = 1, .tokens_in = 10, .tokens_out = 20};

    open_counts();
    for (int64_t minute = 0; minute < 60; minute++) {
        struct balance_use excess;

        assert_int_equal(ledger_begin(ledger), LEDGER_OK);
        excess =
            servercounts_settle(counts, 0, 60 * minute, &nothing, minute == 5 ? &one : &nothing);
        assert_int_equal(servercounts_record(counts, ledger), LEDGER_OK);
        if (fail && minute == stop_after) {
            ledger_rollback(ledger);
            fail = false;
            open_counts();
            minute--;
            continue;
        }
        assert_int_equal(ledger_commit(ledger), LEDGER_OK);
        if (minute == stop_after)
            open_counts();
        if (!balance_is_nothing(&excess)) {
            assert_true(excess.requests == 1 && excess.tokens_in == 10 && excess.tokens_out == 20);
            return (unsigned)minute;
        }
    }
    return 0;
}

static void begin_anew(void)
{
    assert_int_equal(ledger_set_fact(ledger, "balance qwen3-8b", "none"), LEDGER_OK);
}

static void what_is_kept_goes_on_where_it_was(void **state)
{
    unsigned usual;

    (void)state;
    add_server(8000, "qwen3-8b", "http://a/", TOKENS_FROM_WIRE);
    usual = minute_of_excess(-1, false);
    assert_in_range(usual, 15, 30);
    for (int64_t minute = 4; minute < usual; minute++) {
        begin_anew();
        assert_int_equal(minute_of_excess(minute, false), usual);
        begin_anew();
        assert_int_equal(minute_of_excess(minute, true), usual);
    }
}

static void a_server_that_never_counted_leaves_no_trace(void **state)
{
    const struct balance_use wire = {.requests = 3, .tokens_out = 90}, nothing = {0};
    char text[BALANCE_TEXT_SIZE];
    struct balance_use excess;

    (void)state;
    add_server(8000, "qwen3-8b", "http://a/", TOKENS_FROM_WIRE);
    open_counts();
    excess = servercounts_settle(counts, 0, 0, &wire, &nothing);
    assert_true(balance_is_nothing(&excess));
    assert_int_equal(servercounts_record(counts, ledger), LEDGER_OK);
    assert_int_equal(ledger_fact(ledger, "balance qwen3-8b", text, sizeof(text)), LEDGER_EMPTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(local_services_of_servers_that_are_asked_are_listed_once,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_kept_goes_on_where_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_never_counted_leaves_no_trace, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
