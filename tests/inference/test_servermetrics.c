/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/servermetrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/directions.h"

#define FIXTURES IAGMETER_SOURCE_ROOT "/tests/fixtures/metrics/"

enum { SERVER = 7, SMALL = 8, LARGE = 9, DSN = 3, DRH = 4 };

static const struct server_model models[] = {{"small", SMALL}, {"large", LARGE}};
static const struct server_team teams[] = {{"DSN", DSN}, {"DRH", DRH}};

static struct servermetrics *metrics;
static int64_t now_s;

static void start(enum server_dialect dialect)
{
    const struct servermetrics_setup setup = {dialect, SERVER, models, 2, teams, 2};

    servermetrics_free(metrics);
    metrics = servermetrics_new(&setup);
    assert_non_null(metrics);
    now_s = 1000000;
}

static int teardown(void **state)
{
    (void)state;
    servermetrics_free(metrics);
    metrics = NULL;
    return 0;
}

static enum servermetrics_result answer(const char *text)
{
    servermetrics_begin(metrics);
    servermetrics_bytes(metrics, (const uint8_t *)text, strlen(text));
    now_s += 15;
    return servermetrics_end(metrics, false, now_s);
}

/* All that was counted since the last time. */
static struct server_use taken(void)
{
    struct server_use uses[8];
    struct server_use sum = {0};
    size_t count;

    do {
        count = servermetrics_take(metrics, uses, 2);
        for (size_t i = 0; i < count; i++) {
            sum.requests += uses[i].requests;
            sum.tokens_in += uses[i].tokens_in;
            sum.tokens_cached += uses[i].tokens_cached;
            sum.tokens_out += uses[i].tokens_out;
        }
    } while (count == 2);
    return sum;
}

static void assert_use(const struct server_use *use, uint64_t requests, uint64_t in,
                       uint64_t cached, uint64_t out)
{
    if (use->requests != requests || use->tokens_in != in || use->tokens_cached != cached ||
        use->tokens_out != out)
        fail_msg("%lu requests, %lu/%lu/%lu tokens instead of %lu, %lu/%lu/%lu", use->requests,
                 use->tokens_in, use->tokens_cached, use->tokens_out, requests, in, cached, out);
}

static void assert_taken(uint64_t requests, uint64_t in, uint64_t cached, uint64_t out)
{
    const struct server_use use = taken();

    assert_use(&use, requests, in, cached, out);
}

/* The whole of a recorded answer: what it says beyond another one in which all is 0. */
static enum server_dialect count_fixture(const char *name)
{
    char path[512];
    char text[16384];
    size_t length;
    FILE *stream;

    snprintf(path, sizeof(path), FIXTURES "%s", name);
    stream = fopen(path, "re");
    assert_non_null(stream);
    length = fread(text, 1, sizeof(text) - 1, stream);
    text[length] = '\0';
    fclose(stream);
    start(SERVER_AUTO);
    /* It began, and had counted nothing: then all of the other counts. */
    assert_int_equal(answer("process_start_time_seconds 1\n"), SERVERMETRICS_NOTHING);
    assert_int_equal(answer(text), SERVERMETRICS_COUNTED);
    return servermetrics_dialect(metrics);
}

static void each_dialect_is_known_and_read(void **state)
{
    (void)state;
    assert_int_equal(count_fixture("llamacpp_2025-02_REAL.txt"), SERVER_LLAMACPP);
    assert_taken(0, 179, 0, 14);
    /* Its 15954 are without the 1517 of the cache. */
    assert_int_equal(count_fixture("llamacpp_2026-08_REAL.txt"), SERVER_LLAMACPP);
    assert_taken(0, 17471, 1517, 1800);
    assert_int_equal(count_fixture("llamacpp_slow_2026-08_REAL.txt"), SERVER_LLAMACPP);
    assert_taken(0, 1337, 439, 464);
    /* Its 98313546 are with those of the cache; of each reason; _created is a time. */
    assert_int_equal(count_fixture("vllm_FROM_SOURCE.txt"), SERVER_VLLM);
    assert_taken(1253, 98313546, 92941632, 496231);
    assert_int_equal(count_fixture("sglang_FROM_SOURCE.txt"), SERVER_SGLANG);
    assert_taken(1201, 8128902, 1100000, 7557572);
    assert_int_equal(count_fixture("tgi_FROM_SOURCE.txt"), SERVER_TGI);
    assert_taken(118, 48211, 0, 30542);
    assert_int_equal(count_fixture("litellm_FROM_SOURCE.txt"), SERVER_LITELLM);
    assert_taken(0, 11092, 100, 2210);
    /* Its 61440 are with those of the cache; errors and what else counts requests are not read. */
    assert_int_equal(count_fixture("tensorrt_FROM_SOURCE.txt"), SERVER_TENSORRT);
    assert_taken(155, 61440, 20480, 30211);
    /* Of both engines. */
    assert_int_equal(count_fixture("lmdeploy_FROM_SOURCE.txt"), SERVER_LMDEPLOY);
    assert_taken(47, 8000, 0, 16203);
}

/* As SGLang's are when they come in OpenMetrics. */
static void a_colon_may_be_written_as_an_underscore(void **state)
{
    (void)state;
    start(SERVER_AUTO);
    assert_int_equal(answer("process_start_time_seconds 1\n"), SERVERMETRICS_NOTHING);
    assert_int_equal(answer("sglang_prompt_tokens_total 7\nsglang_generation_tokens_total 3\n"
                            "sglang_num_requests_total 2\nsglangxprompt_tokens_total 5\n"
                            "sglang_prompt_tokens_totals 5\nsglang_prompt_tokens 5\n"),
                     SERVERMETRICS_COUNTED);
    assert_int_equal(servermetrics_dialect(metrics), SERVER_SGLANG);
    assert_taken(2, 7, 0, 3);
    start(SERVER_AUTO); /* the other way round it is none */
    assert_int_equal(answer("tgi:request_success 5\n"), SERVERMETRICS_NOTHING);
}

static void a_configured_dialect_reads_no_other(void **state)
{
    (void)state;
    start(SERVER_VLLM);
    assert_int_equal(answer("sglang:prompt_tokens_total 5\n"), SERVERMETRICS_NOTHING);
    assert_int_equal(answer("sglang:prompt_tokens_total 5\nvllm:prompt_tokens_total 5\n"),
                     SERVERMETRICS_FIRST);
    assert_int_equal(answer("sglang:prompt_tokens_total 9\nvllm:prompt_tokens_total 6\n"),
                     SERVERMETRICS_COUNTED);
    assert_taken(0, 1, 0, 0);
}

static void the_first_answer_is_where_counting_begins(void **state)
{
    (void)state;
    start(SERVER_AUTO);
    assert_int_equal(answer("vllm:generation_tokens_total 1000\n"), SERVERMETRICS_FIRST);
    assert_taken(0, 0, 0, 0);
    assert_int_equal(answer("vllm:generation_tokens_total 1007\n"), SERVERMETRICS_COUNTED);
    assert_taken(0, 0, 0, 7);
    assert_int_equal(answer("vllm:generation_tokens_total 1007\n"), SERVERMETRICS_COUNTED);
    assert_taken(0, 0, 0, 0);
}

static void what_appears_later_counts_from_0(void **state)
{
    (void)state;
    start(SERVER_AUTO);
    answer("vllm:prompt_tokens_total{engine=\"0\",model_name=\"x\"} 1000\n");
    assert_int_equal(answer("vllm:prompt_tokens_total{engine=\"0\",model_name=\"x\"} 1000\n"
                            "vllm:prompt_tokens_total{engine=\"1\",model_name=\"x\"} 30\n"
                            "vllm:prompt_tokens_total{engine=\"0\",model_name=\"large\"} 4\n"),
                     SERVERMETRICS_COUNTED);
    assert_taken(0, 34, 0, 0);
}

static void engines_add_up_and_models_are_services(void **state)
{
    struct server_use uses[8] = {{0}};

    (void)state;
    start(SERVER_VLLM);
    answer("process_start_time_seconds 5\n");
    answer("process_start_time_seconds 5\n"
           "vllm:prompt_tokens_total{engine=\"0\",model_name=\"small\"} 10\n"
           "vllm:prompt_tokens_total{engine=\"1\",model_name=\"small\"} 20\n"
           "vllm:generation_tokens_total{engine=\"0\",model_name=\"large\"} 5\n"
           "vllm:generation_tokens_total{engine=\"0\",model_name=\"other\"} 7\n");
    assert_int_equal(servermetrics_take(metrics, uses, 8), 3);
    assert_int_equal(uses[0].service_id, SMALL);
    assert_use(&uses[0], 0, 30, 0, 0);
    assert_int_equal(uses[1].service_id, LARGE);
    assert_use(&uses[1], 0, 0, 0, 5);
    assert_int_equal(uses[2].service_id, SERVER);
    assert_use(&uses[2], 0, 0, 0, 7);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(uses[i].direction_id, DIRECTION_UNASSIGNED);
}

static void cached_tokens_are_of_the_best_counter_there_is(void **state)
{
    (void)state;
    start(SERVER_VLLM);
    answer("vllm:prompt_tokens_total 0\n");
    answer("vllm:prompt_tokens_total 100\n"
           "vllm:prefix_cache_hits_total 90\n"
           "vllm:prompt_tokens_by_source_total{source=\"local_compute\"} 30\n"
           "vllm:prompt_tokens_by_source_total{source=\"local_cache_hit\"} 50\n"
           "vllm:prompt_tokens_by_source_total{source=\"external_kv_transfer\"} 20\n");
    assert_taken(0, 100, 70, 0);
    /* Another now: what it says so far was counted. */
    answer("vllm:prompt_tokens_total 200\nvllm:prompt_tokens_cached_total 80\n"
           "vllm:prompt_tokens_by_source_total{source=\"local_cache_hit\"} 90\n");
    assert_taken(0, 100, 0, 0);
    answer("vllm:prompt_tokens_total 300\nvllm:prompt_tokens_cached_total 95\n"
           "vllm:prompt_tokens_by_source_total{source=\"local_cache_hit\"} 99\n");
    assert_taken(0, 100, 15, 0);
}

static void cached_tokens_never_exceed_the_input(void **state)
{
    (void)state;
    start(SERVER_VLLM);
    answer("vllm:prompt_tokens_total 0\nvllm:prompt_tokens_cached_total 0\n");
    /* Between the two, the answer was put together. */
    answer("vllm:prompt_tokens_total 10\nvllm:prompt_tokens_cached_total 25\n");
    assert_taken(0, 10, 10, 0);
    answer("vllm:prompt_tokens_total 40\nvllm:prompt_tokens_cached_total 25\n");
    assert_taken(0, 30, 15, 0);
    answer("vllm:prompt_tokens_total 40\nvllm:prompt_tokens_cached_total 30\n");
    assert_taken(0, 0, 0, 0);
}

/* Of four, one was left while it was computed, and another while it waited: in num_requests are
 * three, each with its tokens. */
static void sglang_requests_that_were_aborted_count_once(void **state)
{
    (void)state;
    start(SERVER_AUTO);
    answer("sglang:num_requests_total 10\nsglang:num_aborted_requests_total 2\n"
           "sglang:prompt_tokens_total 500\nsglang:generation_tokens_total 50\n");
    answer("sglang:num_requests_total 13\nsglang:num_aborted_requests_total 4\n"
           "sglang:prompt_tokens_total 560\nsglang:generation_tokens_total 75\n");
    assert_taken(3, 60, 0, 25);
}

static void sglang_cached_tokens_are_of_all_places(void **state)
{
    (void)state;
    start(SERVER_AUTO);
    answer("sglang:prompt_tokens_total 0\n");
    answer("sglang:prompt_tokens_total{model_name=\"m\"} 500\n"
           "sglang:cached_tokens_total{cache_source=\"device\"} 100\n"
           "sglang:cached_tokens_total{cache_source=\"host\"} 20\n"
           "sglang:cached_tokens_total{cache_source=\"storage_file\"} 3\n"
           "sglang:cached_tokens_total{cache_source=\"total\"} 7\n");
    assert_taken(0, 500, 130, 0);
}

static void teams_are_directions_and_others_unassigned(void **state)
{
    struct server_use uses[8] = {{0}};

    (void)state;
    start(SERVER_LITELLM);
    answer("process_start_time_seconds 5\n");
    answer("process_start_time_seconds 5\n"
           "litellm_input_tokens_metric_total{team_alias=\"DSN\",user=\"a\"} 10\n"
           "litellm_input_tokens_metric_total{team_alias=\"DSN\",user=\"b\"} 5\n"
           "litellm_input_tokens_metric_total{team_alias=\"DRH\",user=\"a\"} 2\n"
           "litellm_input_tokens_metric_total{team_alias=\"dsn\",user=\"a\"} 1\n"
           "litellm_input_tokens_metric_total{team_alias=\"None\",user=\"a\"} 30\n"
           "litellm_input_tokens_metric_total{user=\"a\"} 400\n");
    assert_int_equal(servermetrics_take(metrics, uses, 8), 3);
    assert_int_equal(uses[0].direction_id, DSN);
    assert_use(&uses[0], 0, 15, 0, 0);
    assert_int_equal(uses[1].direction_id, DRH);
    assert_use(&uses[1], 0, 2, 0, 0);
    assert_int_equal(uses[2].direction_id, DIRECTION_UNASSIGNED);
    assert_use(&uses[2], 0, 431, 0, 0);
    assert_int_equal(servermetrics_unknown_teams(metrics), 1);
}

static void a_label_of_a_team_means_nothing_elsewhere(void **state)
{
    struct server_use use;

    (void)state;
    start(SERVER_VLLM);
    answer("vllm:prompt_tokens_total 0\n");
    answer("vllm:prompt_tokens_total{team_alias=\"DSN\"} 10\n");
    assert_int_equal(servermetrics_take(metrics, &use, 1), 1);
    assert_int_equal(use.direction_id, DIRECTION_UNASSIGNED);
}

static void litellm_requests_are_those_that_succeeded(void **state)
{
    (void)state;
    start(SERVER_LITELLM);
    answer("process_start_time_seconds 5\n");
    answer("process_start_time_seconds 5\n"
           "litellm_requests_metric_total 50\n"
           "litellm_proxy_total_requests_metric_total{status_code=\"200\"} 40\n"
           "litellm_proxy_total_requests_metric_total{status_code=\"401\"} 10\n");
    assert_taken(40, 0, 0, 0);
    start(SERVER_LITELLM);
    answer("process_start_time_seconds 5\n");
    answer("process_start_time_seconds 5\nlitellm_requests_metric_total 50\n");
    assert_taken(50, 0, 0, 0);
}

static void a_counter_that_falls_began_anew(void **state)
{
    (void)state;
    start(SERVER_LLAMACPP);
    answer("llamacpp:prompt_tokens_total 100\nllamacpp:tokens_predicted_total 50\n");
    answer("llamacpp:prompt_tokens_total 110\nllamacpp:tokens_predicted_total 55\n");
    assert_int_equal(answer("llamacpp:prompt_tokens_total 3\nllamacpp:tokens_predicted_total 4\n"),
                     SERVERMETRICS_BEGAN_ANEW);
    assert_taken(0, 10, 0, 5);
    /* Once it is sure that it is not another server's counter. */
    for (unsigned i = 4; i <= 7; i++) {
        char text[100];

        snprintf(text, sizeof(text),
                 "llamacpp:prompt_tokens_total %u\nllamacpp:tokens_predicted_total 4\n", i);
        assert_int_equal(answer(text), SERVERMETRICS_COUNTED);
        assert_taken(0, i < 6 ? 0 : i == 6 ? 6 : 1, 0, i == 6 ? 4 : 0);
    }
}

static void a_new_process_counts_from_0_even_where_nothing_fell(void **state)
{
    char text[200];

    (void)state;
    start(SERVER_VLLM);
    answer("process_start_time_seconds 1000.5\nvllm:generation_tokens_total 10\n");
    snprintf(text, sizeof(text),
             "process_start_time_seconds %ld\nvllm:generation_tokens_total 300\n", (long)now_s + 5);
    assert_int_equal(answer(text), SERVERMETRICS_BEGAN_ANEW);
    assert_taken(0, 0, 0, 300);
    assert_int_equal(answer(text), SERVERMETRICS_COUNTED);
    assert_taken(0, 0, 0, 0);
}

/* A series that was removed and made anew, in a process that runs on. */
static void a_series_that_falls_alone_began_from_0(void **state)
{
    (void)state;
    start(SERVER_VLLM);
    answer("process_start_time_seconds 5\nvllm:generation_tokens_total 1000\n");
    assert_int_equal(answer("process_start_time_seconds 5\nvllm:generation_tokens_total 20\n"),
                     SERVERMETRICS_COUNTED);
    assert_taken(0, 0, 0, 20);
}

/* LiteLLM takes out what it has not seen for long. */
static void series_that_go_and_come_back_take_nothing_with_them(void **state)
{
    (void)state;
    start(SERVER_LITELLM);
    answer("litellm_output_tokens_metric_total{team_alias=\"DSN\",user=\"a\"} 100000\n"
           "litellm_output_tokens_metric_total{team_alias=\"DSN\",user=\"b\"} 500\n"
           "litellm_output_tokens_metric_total{team_alias=\"DSN\",user=\"c\"} 500\n");
    assert_int_equal(
        answer("litellm_output_tokens_metric_total{team_alias=\"DSN\",user=\"b\"} 510\n"
               "litellm_output_tokens_metric_total{team_alias=\"DSN\",user=\"c\"} 500\n"),
        SERVERMETRICS_COUNTED);
    assert_taken(0, 0, 0, 10);
    assert_int_equal(
        answer("litellm_output_tokens_metric_total{team_alias=\"DSN\",user=\"a\"} 7\n"
               "litellm_output_tokens_metric_total{team_alias=\"DSN\",user=\"b\"} 511\n"
               "litellm_output_tokens_metric_total{team_alias=\"DSN\",user=\"c\"} 502\n"),
        SERVERMETRICS_COUNTED);
    assert_taken(0, 0, 0, 10);
}

static void many_series_are_known_again(void **state)
{
    const int users = 20000;
    char line[160];

    (void)state;
    start(SERVER_LITELLM);
    for (int round = 0; round < 3; round++) {
        servermetrics_begin(metrics);
        for (int user = 0; user < users; user++) {
            int length = snprintf(line, sizeof(line),
                                  "litellm_output_tokens_metric_total{team_alias=\"%s\",user=\"u%d"
                                  "\"} %d\n",
                                  user % 2 ? "DSN" : "DRH", user, user + round);

            servermetrics_bytes(metrics, (const uint8_t *)line, (size_t)length);
        }
        assert_int_equal(servermetrics_end(metrics, false, now_s),
                         round == 0 ? SERVERMETRICS_FIRST : SERVERMETRICS_COUNTED);
    }
    assert_taken(0, 0, 0, 2 * (uint64_t)users);
}

static void more_series_than_there_is_room_for_are_told(void **state)
{
    char line[160];

    (void)state;
    start(SERVER_VLLM);
    answer("vllm:generation_tokens_total 1\n");
    servermetrics_begin(metrics);
    for (int i = 0; i < 1 << 18; i++) {
        int length = snprintf(line, sizeof(line), "vllm:generation_tokens_total{x=\"%d\"} 1\n", i);

        servermetrics_bytes(metrics, (const uint8_t *)line, (size_t)length);
    }
    assert_int_equal(servermetrics_end(metrics, false, now_s), SERVERMETRICS_FULL);
    assert_taken(0, 0, 0, 0);
}

static void what_is_counted_stays_an_integer(void **state)
{
    char line[160];
    struct server_use use;

    (void)state;
    start(SERVER_VLLM);
    answer("vllm:generation_tokens_total 1\n");
    servermetrics_begin(metrics);
    for (int i = 0; i < 4096; i++) {
        int length = snprintf(line, sizeof(line),
                              "vllm:generation_tokens_total{x=\"%d\"} 9007199254740992\n", i);

        servermetrics_bytes(metrics, (const uint8_t *)line, (size_t)length);
    }
    assert_int_equal(servermetrics_end(metrics, false, now_s), SERVERMETRICS_COUNTED);
    use = taken();
    assert_true(use.tokens_out == UINT64_C(1) << 60);
}

/* Behind one address that balances load: each has counted for long. */
static void two_servers_that_answer_in_turn_are_not_counted_over_and_over(void **state)
{
    static const char one[] = "process_start_time_seconds 100\nvllm:generation_tokens_total 5000\n";
    static const char other[] = "process_start_time_seconds 900\nvllm:generation_tokens_total 70\n";

    (void)state;
    start(SERVER_VLLM);
    answer(one);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(answer(other), SERVERMETRICS_OTHER);
        assert_int_equal(answer(one), SERVERMETRICS_OTHER);
    }
    assert_taken(0, 0, 0, 0);
}

/* The same of servers that do not say when they began. */
static void two_servers_without_a_beginning_are_not_counted_over_and_over(void **state)
{
    static const char *const orders[] = {"aba", "abba", "abbba", "ababbabaabba", "ababbbbba"};
    static const char one[] = "llamacpp:prompt_tokens_total 900000\n"
                              "llamacpp:tokens_predicted_total 800000\n";
    static const char other[] = "llamacpp:prompt_tokens_total 5000\n"
                                "llamacpp:tokens_predicted_total 4000\n";

    (void)state;
    for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
        enum servermetrics_result result = SERVERMETRICS_FIRST;

        start(SERVER_LLAMACPP);
        for (const char *order = orders[i]; *order; order++)
            result = answer(*order == 'a' ? one : other);
        assert_int_equal(result, SERVERMETRICS_OTHER);
        assert_taken(0, 0, 0, 0);
        /* What one counts while it answers twice in a row is known. */
        answer(one);
        answer("llamacpp:prompt_tokens_total 900007\nllamacpp:tokens_predicted_total 800000\n");
        assert_taken(0, 7, 0, 0);
    }
}

static void an_answer_that_cannot_be_believed_changes_nothing(void **state)
{
    static const char *const absurd[] = {"-1", "NaN", "+Inf", "1e300", "9007199254740994"};
    char text[200];

    (void)state;
    start(SERVER_VLLM);
    answer("vllm:generation_tokens_total 10\n");
    for (size_t i = 0; i < sizeof(absurd) / sizeof(*absurd); i++) {
        snprintf(text, sizeof(text),
                 "vllm:generation_tokens_total{engine=\"0\"} 5\n"
                 "vllm:generation_tokens_total{engine=\"1\"} %s\n",
                 absurd[i]);
        assert_int_equal(answer(text), SERVERMETRICS_ABSURD);
    }
    assert_int_equal(answer("vllm:generation_tokens_total{engine=\"0\"} 5\n"
                            "vllm:generation_tokens_total{engine=\"1\"} 1"),
                     SERVERMETRICS_CUT);
    assert_int_equal(answer("<html>502 Bad Gateway</html>\n"), SERVERMETRICS_NOTHING);
    assert_int_equal(answer(""), SERVERMETRICS_NOTHING);
    assert_taken(0, 0, 0, 0);
    assert_int_equal(answer("vllm:generation_tokens_total 12\n"), SERVERMETRICS_COUNTED);
    assert_taken(0, 0, 0, 2);
}

static void open_metrics_must_say_where_it_ends(void **state)
{
    static const char text[] = "vllm:generation_tokens_total 10\n";
    static const char end[] = "# EOF\n";

    (void)state;
    start(SERVER_VLLM);
    servermetrics_begin(metrics);
    servermetrics_bytes(metrics, (const uint8_t *)text, strlen(text));
    assert_int_equal(servermetrics_end(metrics, true, 1), SERVERMETRICS_CUT);
    servermetrics_begin(metrics);
    servermetrics_bytes(metrics, (const uint8_t *)text, strlen(text));
    servermetrics_bytes(metrics, (const uint8_t *)end, strlen(end));
    assert_int_equal(servermetrics_end(metrics, true, 1), SERVERMETRICS_FIRST);
}

static void an_empty_answer_is_where_no_counting_begins(void **state)
{
    (void)state;
    start(SERVER_AUTO);
    assert_int_equal(answer(""), SERVERMETRICS_NOTHING);
    assert_int_equal(answer("tgi_request_generated_tokens_sum 9000\n"), SERVERMETRICS_FIRST);
    assert_taken(0, 0, 0, 0);
}

static void fractions_wait_until_they_are_whole(void **state)
{
    (void)state;
    start(SERVER_TGI);
    answer("tgi_request_generated_tokens_sum 0\n");
    answer("tgi_request_generated_tokens_sum 1.5\n");
    assert_taken(0, 0, 0, 1);
    answer("tgi_request_generated_tokens_sum 3\n");
    assert_taken(0, 0, 0, 2);
}

/* Users, keys and teams stand in the labels. */
static void no_label_stays_in_memory(void **state)
{
    static const char text[] =
        "litellm_input_tokens_metric_total{user=\"jeanne.martin\",team_alias=\"cabinet\","
        "end_user=\"jeanne.martin\",api_key_alias=\"jeanne.martin\"} 10\n";
    size_t room;

    (void)state;
    start(SERVER_LITELLM);
    answer(text);
    room = malloc_usable_size(metrics);
    assert_null(memmem(metrics, room, "jeanne", 6));
    assert_null(memmem(metrics, room, "cabinet", 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_dialect_is_known_and_read, teardown),
        cmocka_unit_test_teardown(a_colon_may_be_written_as_an_underscore, teardown),
        cmocka_unit_test_teardown(a_configured_dialect_reads_no_other, teardown),
        cmocka_unit_test_teardown(the_first_answer_is_where_counting_begins, teardown),
        cmocka_unit_test_teardown(what_appears_later_counts_from_0, teardown),
        cmocka_unit_test_teardown(engines_add_up_and_models_are_services, teardown),
        cmocka_unit_test_teardown(cached_tokens_are_of_the_best_counter_there_is, teardown),
        cmocka_unit_test_teardown(cached_tokens_never_exceed_the_input, teardown),
        cmocka_unit_test_teardown(sglang_requests_that_were_aborted_count_once, teardown),
        cmocka_unit_test_teardown(sglang_cached_tokens_are_of_all_places, teardown),
        cmocka_unit_test_teardown(teams_are_directions_and_others_unassigned, teardown),
        cmocka_unit_test_teardown(a_label_of_a_team_means_nothing_elsewhere, teardown),
        cmocka_unit_test_teardown(litellm_requests_are_those_that_succeeded, teardown),
        cmocka_unit_test_teardown(a_counter_that_falls_began_anew, teardown),
        cmocka_unit_test_teardown(a_new_process_counts_from_0_even_where_nothing_fell, teardown),
        cmocka_unit_test_teardown(a_series_that_falls_alone_began_from_0, teardown),
        cmocka_unit_test_teardown(series_that_go_and_come_back_take_nothing_with_them, teardown),
        cmocka_unit_test_teardown(many_series_are_known_again, teardown),
        cmocka_unit_test_teardown(more_series_than_there_is_room_for_are_told, teardown),
        cmocka_unit_test_teardown(what_is_counted_stays_an_integer, teardown),
        cmocka_unit_test_teardown(two_servers_without_a_beginning_are_not_counted_over_and_over,
                                  teardown),
        cmocka_unit_test_teardown(two_servers_that_answer_in_turn_are_not_counted_over_and_over,
                                  teardown),
        cmocka_unit_test_teardown(an_answer_that_cannot_be_believed_changes_nothing, teardown),
        cmocka_unit_test_teardown(open_metrics_must_say_where_it_ends, teardown),
        cmocka_unit_test_teardown(an_empty_answer_is_where_no_counting_begins, teardown),
        cmocka_unit_test_teardown(fractions_wait_until_they_are_whole, teardown),
        cmocka_unit_test_teardown(no_label_stays_in_memory, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
