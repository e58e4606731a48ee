/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/scraper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/daemon/scratch.h"
#include "tests/inference/metricsserver.h"

#define MS      INT64_C(1000000)
#define START_S INT64_C(1780000000)
static struct scraper *scraper;
static int64_t monotonic_ns;
static unsigned timeout_s;
static char url[128];

static struct scraper_state state_now(void)
{
    struct scraper_state state;

    assert_true(scraper_state(scraper, 0, &state));
    return state;
}

/* One more question and what comes of it, SECONDS after the last one. */
static struct scraper_state ask_after(unsigned seconds)
{
    struct scraper_state before = state_now();
    struct scraper_state state = before;

    monotonic_ns += seconds * 1000 * MS;
    while (state.answers + state.failures == before.answers + before.failures) {
        scraper_poll(scraper, START_S + monotonic_ns / (1000 * MS), monotonic_ns,
                     server.endless ? 0 : 5);
        serve();
        state = state_now();
    }
    return state;
}

static void begin(const char *address, const char *socket_path, const char *bearer_path)
{
    const struct scraper_target target = {
        .url = address,
        .socket_path = socket_path,
        .bearer_path = bearer_path,
        .interval_s = 10,
        .timeout_s = timeout_s,
        .metrics = {.dialect = SERVER_AUTO, .service = 7},
    };

    monotonic_ns = 1000 * MS;
    scraper = scraper_new(&target, 1);
    assert_non_null(scraper);
}

static void begin_on_loopback(const char *bearer_path)
{
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/metrics?key=secret", serve_on_loopback());
    begin(url, "", bearer_path);
}

static int setup(void **state)
{
    begin_serving();
    timeout_s = 60;
    return scratch_setup(state);
}

static int teardown(void **state)
{
    scraper_free(scraper);
    scraper = NULL;
    stop_serving();
    return scratch_teardown(state);
}

static void assert_out(uint64_t tokens)
{
    struct server_use use = {0};

    assert_int_equal(scraper_take(scraper, &use, 1), tokens > 0);
    assert_int_equal(use.tokens_out, tokens);
    if (tokens > 0)
        assert_int_equal(use.service_id, 7);
}

static void what_a_server_counts_is_taken_once(void **state)
{
    (void)state;
    begin_on_loopback("");
    server.answer = PLAIN "vllm:generation_tokens_total 100\n";
    assert_int_equal(ask_after(0).answers, 1);
    assert_non_null(strstr(server.request, "GET /metrics?key=secret HTTP/1.1\r\n"));
    assert_non_null(strstr(server.request, "Accept: text/plain;version=0.0.4"));
    assert_null(strstr(server.request, "Authorization"));
    assert_out(0);
    server.answer = PLAIN "vllm:generation_tokens_total 130\n";
    ask_after(10);
    assert_out(30);
    assert_out(0);
}

static void it_is_asked_no_sooner_than_configured(void **state)
{
    (void)state;
    begin_on_loopback("");
    server.answer = PLAIN "vllm:generation_tokens_total 100\n";
    ask_after(0);
    monotonic_ns += 9999 * MS;
    for (int i = 0; i < 10; i++) {
        scraper_poll(scraper, START_S, monotonic_ns, 1);
        serve();
    }
    assert_int_equal(server.requests, 1);
    monotonic_ns += 1 * MS;
    ask_after(0);
    assert_int_equal(server.requests, 2);
}

static void its_name_is_without_what_may_be_secret(void **state)
{
    struct scraper_state told;

    (void)state;
    begin_on_loopback("");
    server.answer = PLAIN "vllm:generation_tokens_total 100\n";
    told = ask_after(0);
    assert_null(strstr(told.name, "secret"));
    assert_non_null(strstr(told.name, "/metrics"));
    assert_non_null(strstr(told.covers, "vLLM"));
    assert_false(scraper_state(scraper, 1, &told));
}

static void a_server_that_is_away_is_asked_less_and_less(void **state)
{
    static const unsigned delays[] = {10, 20, 40, 80, 160, 300, 300};
    struct scraper_state told;

    (void)state;
    begin_on_loopback("");
    server.answer = PLAIN "vllm:generation_tokens_total 100\n";
    ask_after(0);
    close(server.listening);
    server.listening = -1;
    told = ask_after(10);
    assert_string_not_equal(told.problem, "");
    for (size_t i = 0; i < sizeof(delays) / sizeof(*delays); i++) {
        monotonic_ns += (delays[i] - 1) * 1000 * MS;
        scraper_poll(scraper, START_S, monotonic_ns, 1);
        assert_int_equal(state_now().failures, i + 1);
        ask_after(1);
    }
    assert_out(0);
}

/* What it counted meanwhile counts then, and for how long it was away is known. */
static void what_was_counted_in_a_gap_is_not_lost(void **state)
{
    struct scraper_state told;

    (void)state;
    begin_on_loopback("");
    server.answer = PLAIN "vllm:generation_tokens_total 100\n";
    ask_after(0);
    server.answer = "";
    assert_string_not_equal(ask_after(10).problem, "");
    server.answer = PLAIN "vllm:generation_tokens_total 175\n";
    told = ask_after(10);
    assert_string_equal(told.problem, "");
    assert_int_equal(told.missed_s, 20);
    assert_out(75);
    assert_int_equal(ask_after(10).missed_s, 20);
}

/* How long it was away, as a look at it tells SECONDS after the last one, by a clock that is SET_S
 * ahead of what it was. */
static uint64_t missed_after(unsigned seconds, int64_t set_s)
{
    monotonic_ns += seconds * 1000 * MS;
    for (int i = 0; i < 20; i++) {
        scraper_poll(scraper, START_S + monotonic_ns / (1000 * MS) + set_s, monotonic_ns, 5);
        serve();
    }
    return state_now().missed_s;
}

/* By minutes, also of one that was away from the start; and no second of it twice, nor less of it
 * when the clock is set back. */
static void what_is_missed_is_counted_while_it_is_away(void **state)
{
    (void)state;
    begin_on_loopback("");
    server.answer = "";
    assert_int_equal(missed_after(0, 0), 0);
    assert_int_equal(missed_after(59, 0), 0);
    assert_int_equal(missed_after(1, 0), 60);
    assert_int_equal(missed_after(59, 0), 60);
    assert_int_equal(missed_after(240, 0), 300);
    assert_int_equal(missed_after(1, 0), 360);
    assert_int_equal(missed_after(60, -3600), 360);
    server.answer = PLAIN "vllm:generation_tokens_total 175\n";
    assert_int_equal(missed_after(300, 0), 720);
    assert_string_equal(state_now().problem, "");
    assert_int_equal(missed_after(300, 0), 720);
}

static void a_restart_is_told(void **state)
{
    (void)state;
    begin_on_loopback("");
    server.answer = PLAIN "vllm:generation_tokens_total 100\n";
    ask_after(0);
    server.answer = PLAIN "vllm:generation_tokens_total 9\n";
    for (int i = 0; i < 4; i++) { /* it does not say when it began: is it another one? */
        assert_out(0);
        assert_int_equal(ask_after(10).restarts, 1);
    }
    assert_out(9);
}

static void answers_that_are_none_are_told(void **state)
{
    static const struct {
        const char *answer;
        const char *problem;
    } cases[] = {
        {"HTTP/1.1 503 No\r\nContent-Length: 33\r\nConnection: close\r\n\r\n"
         "vllm:generation_tokens_total 500\n",
         "HTTP status 503"},
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n"
         "Connection: close\r\n\r\n",
         "HTTP status 302"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nConnection: close\r\n\r\n"
         "vllm:generation_tokens_total 500\n",
         "partial"},
        {PLAIN "vllm:generation_tokens_total 500", "not complete"},
        {"HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0\r\n"
         "Connection: close\r\n\r\nvllm:generation_tokens_total 500\n",
         "not complete"},
        {PLAIN "<html>Welcome to nginx</html>\n", "no counter"},
        {PLAIN "vllm:generation_tokens_total -3\n", "negative"},
        {"SSH-2.0-OpenSSH_9.2p1\r\n", ""},
    };

    (void)state;
    begin_on_loopback("");
    server.answer = PLAIN "vllm:generation_tokens_total 100\n";
    ask_after(0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct scraper_state told;

        server.answer = cases[i].answer;
        told = ask_after(300);
        if (!told.problem[0] || !strstr(told.problem, cases[i].problem))
            fail_msg("\"%s\" does not say \"%s\"", told.problem, cases[i].problem);
        assert_int_equal(told.answers, 1);
    }
    assert_out(0);
    server.answer = PLAIN "vllm:generation_tokens_total 104\n";
    assert_string_equal(ask_after(300).problem, "");
    assert_out(4);
}

static void an_answer_without_end_is_given_up(void **state)
{
    (void)state;
    begin_on_loopback("");
    server.answer = PLAIN "vllm:generation_tokens_total 100\n";
    server.endless = true;
    assert_non_null(strstr(ask_after(0).problem, "larger than"));
}

static void a_server_that_says_nothing_is_not_waited_for(void **state)
{
    struct scraper_state told;

    (void)state;
    timeout_s = 1;
    begin_on_loopback("");
    server.answer = NULL;
    told = ask_after(0);
    assert_non_null(strstr(told.problem, "Timeout"));
    assert_int_equal(told.failures, 1);
}

static void a_token_is_sent_and_read_anew_each_time(void **state)
{
    char path[PATH_MAX];
    struct scraper_state told;

    (void)state;
    scratch_write("token", "sk-first\n");
    scratch_path(path, "token");
    begin_on_loopback(path);
    server.answer = PLAIN "vllm:generation_tokens_total 100\n";
    ask_after(0);
    assert_non_null(strstr(server.request, "\r\nAuthorization: Bearer sk-first\r\n"));
    scratch_write("token", "sk-second");
    ask_after(10);
    assert_non_null(strstr(server.request, "\r\nAuthorization: Bearer sk-second\r\n"));
    scratch_write("token", "two\nlines");
    told = ask_after(10);
    assert_non_null(strstr(told.problem, "bearer_file"));
    assert_null(strstr(told.problem, "two"));
    assert_int_equal(server.requests, 2);
}

static void a_unix_socket_is_a_way_too(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[PATH_MAX];

    (void)state;
    scratch_path(path, "socket");
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    listen_on((struct sockaddr *)&address, sizeof(address));
    begin("http://localhost/metrics", path, "");
    server.answer = PLAIN "llamacpp:tokens_predicted_total 100\n";
    assert_string_equal(ask_after(0).problem, "");
}

static void no_other_protocol_is_spoken(void **state)
{
    (void)state;
    begin("file:///etc/hostname", "", "");
    assert_string_not_equal(ask_after(0).problem, "");
    scraper_free(scraper);
    /* Nor is another in place of TLS. */
    timeout_s = 1;
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/metrics", serve_on_loopback());
    begin(url, "", "");
    assert_string_not_equal(ask_after(0).problem, "");
}

static void a_proxy_of_the_environment_is_not_used(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    begin_on_loopback("");
    server.answer = PLAIN "vllm:generation_tokens_total 100\n";
    assert_string_equal(ask_after(0).problem, "");
    unsetenv("http_proxy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_server_counts_is_taken_once, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_asked_no_sooner_than_configured, setup, teardown),
        cmocka_unit_test_setup_teardown(its_name_is_without_what_may_be_secret, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_is_away_is_asked_less_and_less, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_was_counted_in_a_gap_is_not_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missed_is_counted_while_it_is_away, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_restart_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_that_are_none_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_without_end_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_says_nothing_is_not_waited_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_token_is_sent_and_read_anew_each_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_unix_socket_is_a_way_too, setup, teardown),
        cmocka_unit_test_setup_teardown(no_other_protocol_is_spoken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_proxy_of_the_environment_is_not_used, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
