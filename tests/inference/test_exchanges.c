/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/exchanges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/inference/talk.h"

#define JSON   "application/json"
#define EVENTS "text/event-stream"
#define DSN    1
#define DRH    2

static struct talk talk;

static int setup(void **state)
{
    (void)state;
    talk_start(&talk);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    talk_end(&talk);
    return 0;
}

static void post(const char *path)
{
    char text[400];

    snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", path);
    client_says(&talk, text);
}

/* -- What was asked -------------------------------------------------------------------------------
 */

static void endpoints_are_known_by_the_end_of_their_path(void **state)
{
    static const struct {
        const char *path;
        const char *endpoint;
    } paths[] = {
        {"/v1/chat/completions", "/v1/chat/completions"},
        {"/chat/completions", "/v1/chat/completions"},
        {"/api/chat/completions?a=/v1/messages", "/v1/chat/completions"},
        {"http://h:8000/openai/v1/completions", "/v1/completions"},
        {"/completions", "/completion"},
        {"/completion", "/completion"},
        {"/v1/responses", "/v1/responses"},
        {"/v1/messages", "/v1/messages"},
        {"/ollama/api/chat", "/api/chat"},
        {"/api/generate", "/api/generate"},
        {"/generate", "/generate"},
        {"/generate_stream", "/generate_stream"},
        {"/infill", "/infill"},
        {"/v1/embeddings", "/v1/embeddings"},
        {"/api/embed", "/api/embed"},
        {"/v1/rerank", "/v1/rerank"},
        {"/score", "/v1/score"},
        {"/pooling", "/pooling"},
        {"/classify", "/classify"},
        {"/v1/chat/completions/input_tokens", "-"},
        {"/v1/messages/count_tokens", "-"},
        {"/tokenize", "-"},
        {"/v1/models", "-"},
        {"/x?/v1/chat/completions", "-"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        post(paths[i].path);
        server_answers(&talk, JSON, TALK_USAGE(3, 4));
        assert_string_equal(inference_endpoint_path(last(&talk)->endpoint), paths[i].endpoint);
        assert_tokens(&talk, paths[i].endpoint[0] == '/' ? 3 : 0,
                      paths[i].endpoint[0] == '/' ? 4 : 0);
        talk.count = 0;
    }
    client_says(&talk, "GET /v1/chat/completions HTTP/1.1\r\n\r\n");
    server_answers(&talk, JSON, TALK_USAGE(3, 4));
    assert_int_equal(last(&talk)->endpoint, ENDPOINT_NONE);
    assert_false(inference_exchange_counts(last(&talk)));
}

static void an_exchange_lasts_from_the_first_byte_to_the_last(void **state)
{
    (void)state;
    talk.now_ns = 1000;
    client_asks(&talk, "");
    talk.now_ns = 2000;
    server_says(&talk, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{");
    talk.now_ns = 3000;
    server_says(&talk, " }");
    talk.now_ns = 4000;
    server_says(&talk, " ");
    assert_int_equal(talk.count, 1);
    assert_int_equal(last(&talk)->start_ns, 1000);
    assert_int_equal(last(&talk)->end_ns, 4000);
    assert_int_equal(last(&talk)->status, 200);
    talk.now_ns = 9000;
    client_asks(&talk, "");
    exchanges_close(&talk.exchanges, 9500, HTTP_CLIENT);
    exchanges_close(&talk.exchanges, 9600, HTTP_SERVER);
    assert_int_equal(last(&talk)->start_ns, 9000);
    assert_int_equal(last(&talk)->end_ns, 9600);
}

/* -- How it ended -------------------------------------------------------------------------------
 */

static void assert_last(enum inference_outcome outcome, enum evidence_grade grade)
{
    assert_int_equal(last(&talk)->outcome, outcome);
    assert_int_equal(last(&talk)->grade, grade);
}

static void what_the_server_says_is_grade_a(void **state)
{
    (void)state;
    client_asks(&talk, "");
    server_answers(&talk, JSON, TALK_USAGE(85, 32));
    assert_last(OUTCOME_ANSWERED, GRADE_A);
    assert_tokens(&talk, 85, 32);
    client_asks(&talk, "");
    server_answers(&talk, EVENTS "; charset=utf-8",
                   "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n");
    assert_last(OUTCOME_ANSWERED, GRADE_C);
    assert_tokens(&talk, 0, 1);
    assert_false(last(&talk)->counts.input_known);
    assert_true(last(&talk)->streamed);
    client_asks(&talk, "");
    server_answers(&talk, JSON, "{\"choices\":[]}");
    assert_last(OUTCOME_ANSWERED, GRADE_E);
    assert_true(inference_exchange_counts(last(&talk)));
    post("/v1/embeddings");
    server_answers(&talk, JSON, "{\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}");
    assert_last(OUTCOME_ANSWERED, GRADE_A);
    assert_tokens(&talk, 8, 0);
    post("/v1/score");
    server_answers(&talk, JSON, "{\"usage\":{\"total_tokens\":9}}");
    assert_last(OUTCOME_ANSWERED, GRADE_A);
    assert_tokens(&talk, 9, 0);
}

static void who_only_has_a_model_loaded_asks_for_nothing(void **state)
{
    (void)state;
    post("/api/generate");
    server_answers(&talk, JSON, "{\"response\":\"\",\"done\":true,\"done_reason\":\"load\"}");
    assert_last(OUTCOME_IDLE, GRADE_NONE);
    assert_false(inference_exchange_counts(last(&talk)));
    post("/api/generate");
    server_answers(&talk, JSON, "{\"done_reason\":\"stop\",\"eval_count\":1}");
    assert_last(OUTCOME_ANSWERED, GRADE_A);
}

/* Neither br nor zstd is read: it was a request, and how much it took is not known. */
static void what_is_in_a_coding_that_is_not_read_is_unknown(void **state)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: br\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: zstd\r\n",
    };
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        post("/v1/chat/completions");
        snprintf(text, sizeof(text), "%sContent-Length: %zu\r\n\r\n%s", heads[i],
                 strlen(TALK_USAGE(3, 4)), TALK_USAGE(3, 4));
        server_says(&talk, text);
        assert_true(inference_exchange_counts(last(&talk)));
        assert_int_equal(last(&talk)->outcome, OUTCOME_ANSWERED);
        assert_int_equal(last(&talk)->counts.basis, USAGE_NOTHING);
        assert_int_equal(last(&talk)->grade, GRADE_E);
        assert_true(last(&talk)->counts.damaged);
        assert_false(last(&talk)->counts.input_known);
        assert_tokens(&talk, 0, 0);
    }
    assert_int_equal(talk.count, 2);
}

static void errors_are_no_use(void **state)
{
    (void)state;
    client_asks(&talk, "");
    server_says(&talk, "HTTP/1.1 400 Bad\r\nContent-Length: 44\r\n\r\n"
                       "{\"usage\":{\"prompt_tokens\":9,\"completion_tok\"");
    assert_last(OUTCOME_ERROR, GRADE_NONE);
    assert_tokens(&talk, 0, 0);
    assert_int_equal(last(&talk)->status, 400);
    assert_false(inference_exchange_counts(last(&talk)));
}

#define CHUNK(count)                                                                               \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":{"                 \
    "\"prompt_tokens\":41,\"completion_tokens\":" #count "}}\n\n"

static void an_answer_that_is_cut_off_counts_as_far_as_the_client_had_it(void **state)
{
    (void)state;
    client_asks(&talk, "");
    server_says(&talk, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                       "Content-Length: 9000\r\n\r\n" CHUNK(28) CHUNK(29));
    exchanges_close(&talk.exchanges, 5, HTTP_CLIENT);
    server_says(&talk, CHUNK(30));
    exchanges_finish(&talk.exchanges);
    assert_last(OUTCOME_ABORTED, GRADE_B);
    assert_tokens(&talk, 41, 29);
}

/* A client may close its end and go on reading. */
static void an_answer_that_is_completed_after_all_counts_whole(void **state)
{
    (void)state;
    client_asks(&talk, "");
    server_says(&talk, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" CHUNK(29));
    exchanges_close(&talk.exchanges, 5, HTTP_CLIENT);
    server_says(&talk, CHUNK(30));
    exchanges_close(&talk.exchanges, 6, HTTP_SERVER);
    assert_last(OUTCOME_ANSWERED, GRADE_A);
    assert_tokens(&talk, 41, 30);
}

static void a_client_that_left_is_told_from_a_server_that_did(void **state)
{
    (void)state;
    client_asks(&talk, "");
    exchanges_close(&talk.exchanges, 5, HTTP_CLIENT);
    exchanges_close(&talk.exchanges, 6, HTTP_SERVER);
    assert_last(OUTCOME_ABORTED, GRADE_E);
    assert_true(inference_exchange_counts(last(&talk)));
    exchanges_finish(&talk.exchanges);

    talk_connect(&talk, 0);
    exchanges_close(&talk.exchanges, 5, HTTP_SERVER);
    client_asks(&talk, "");
    exchanges_close(&talk.exchanges, 6, HTTP_CLIENT);
    exchanges_finish(&talk.exchanges);
    assert_last(OUTCOME_UNANSWERED, GRADE_NONE);
    assert_false(inference_exchange_counts(last(&talk)));

    talk_connect(&talk, 0);
    client_asks(&talk, "");
    server_says(&talk, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n");
    exchanges_close(&talk.exchanges, 6, HTTP_SERVER);
    assert_last(OUTCOME_ABORTED, GRADE_E);
}

/* The capture lacks nothing of it. */
static void what_can_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    client_says(&talk, "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 2\r\n"
                       "Content-Length: 3\r\n");
    assert_last(OUTCOME_REFUSED, GRADE_E);

    talk_connect(&talk, 0);
    client_asks(&talk, "");
    server_says(&talk, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n");
    assert_last(OUTCOME_REFUSED, GRADE_E);
    assert_int_equal(talk.count, 2); /* and no more of it */
    server_answers(&talk, JSON, TALK_USAGE(1, 2));
    assert_int_equal(talk.count, 2);
}

static void what_was_not_captured_is_lost_and_said(void **state)
{
    (void)state;
    client_says(&talk, "POST /v1/chat/completions HTTP/1.1\r\nCont");
    exchanges_bytes(&talk.exchanges, 1, HTTP_CLIENT, NULL, 100);
    assert_last(OUTCOME_LOST, GRADE_E);
    server_answers(&talk, JSON, TALK_USAGE(1, 2));
    client_asks(&talk, "");
    server_says(&talk, "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n"
                       "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7},\"x\":\"");
    exchanges_bytes(&talk.exchanges, 1, HTTP_SERVER, NULL, 144);
    assert_int_equal(talk.count, 2);
    assert_tokens(&talk, 5, 7);
    assert_true(last(&talk)->counts.damaged);
}

static void requests_in_a_row_keep_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) { /* round the ring of those that wait */
        talk.count = 0;
        client_asks(&talk, "X-Direction: DSN\r\n");
        post("/x");
        client_asks(&talk, "X-Direction: DRH\r\n");
        server_answers(&talk, JSON, TALK_USAGE(1, 2));
        server_answers(&talk, JSON, TALK_USAGE(3, 4));
        server_answers(&talk, JSON, TALK_USAGE(5, 6));
        assert_int_equal(talk.count, 3);
        assert_int_equal(talk.found[0].direction, DSN);
        assert_int_equal(talk.found[0].counts.tokens_out, 2);
        assert_int_equal(talk.found[1].endpoint, ENDPOINT_NONE);
        assert_int_equal(talk.found[2].direction, DRH);
        assert_int_equal(talk.found[2].counts.tokens_out, 6);
    }
}

static void a_stream_that_was_asked_for_is_known_before_its_answer(void **state)
{
    (void)state;
    client_says(&talk, "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 15\r\n\r\n"
                       "{\"stream\":true}");
    exchanges_close(&talk.exchanges, 1, HTTP_CLIENT);
    exchanges_finish(&talk.exchanges);
    assert_true(last(&talk)->streamed);
}

/* -- Who asked -----------------------------------------------------------------------------------
 */

static struct apikey_secret secret = {{1, 2, 3}};
static struct inference_key keys[1];

static void configure_a_key(void)
{
    struct apikey_hasher hasher;

    apikey_begin(&hasher, &secret);
    apikey_add(&hasher, "sk-dir-DRH-0002", 15);
    apikey_end(&hasher, &secret, keys[0].digest);
    keys[0].direction = DRH;
    talk.rules.secret = &secret;
    talk.rules.keys = keys;
    talk.rules.key_count = 1;
}

static void know_a_key(void)
{
    configure_a_key();
    talk_connect(&talk, DSN);
}

static void assert_direction(const char *headers, uint16_t direction, enum direction_source source,
                             bool unknown)
{
    client_asks(&talk, headers);
    server_answers(&talk, JSON, TALK_USAGE(1, 2));
    assert_int_equal(last(&talk)->direction, direction);
    assert_int_equal(last(&talk)->source, source);
    assert_int_equal(last(&talk)->unknown_direction, unknown);
}

#define KEY "Authorization: Bearer sk-dir-DRH-0002\r\n"

static void the_first_that_was_given_decides(void **state)
{
    (void)state;
    know_a_key();
    assert_direction("X-Direction: DSN\r\n" KEY, DSN, DIRECTION_BY_HEADER, false);
    assert_direction(KEY "X-Direction: DSN\r\n", DSN, DIRECTION_BY_HEADER, false);
    assert_direction(KEY, DRH, DIRECTION_BY_KEY, false);
    assert_direction("", DSN, DIRECTION_BY_ADDRESS, false);
    talk.rules.order[0] = DIRECTION_BY_KEY;
    talk.rules.order[1] = DIRECTION_BY_HEADER;
    assert_direction("X-Direction: DSN\r\n" KEY, DRH, DIRECTION_BY_KEY, false);
    talk.rules.order_count = 1;
    assert_direction("X-Direction: DSN\r\n", 0, DIRECTION_BY_KEY, false);
    talk.rules.order_count = 0;
    assert_direction(KEY, 0, DIRECTION_BY_ADDRESS, false);
}

static void keys_that_are_configured_later_are_read_on_open_connections(void **state)
{
    (void)state;
    assert_direction(KEY, 0, DIRECTION_BY_ADDRESS, false);
    configure_a_key();
    exchanges_rules_changed(&talk.exchanges);
    assert_direction(KEY, DRH, DIRECTION_BY_KEY, false);
    client_says(&talk, "POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer sk-dir-");
    talk.rules.secret = NULL;
    exchanges_rules_changed(&talk.exchanges);
    client_says(&talk, "DRH-0002\r\n\r\n");
    server_answers(&talk, JSON, TALK_USAGE(1, 2));
    assert_int_equal(last(&talk)->source, DIRECTION_BY_ADDRESS);
}

static void what_the_configuration_lacks_creates_no_direction(void **state)
{
    (void)state;
    know_a_key();
    assert_direction("X-Direction: drh\r\n" KEY, 0, DIRECTION_BY_HEADER, true);
    assert_direction("X-Direction: DR\r\n", 0, DIRECTION_BY_HEADER, true);
    assert_direction("X-Direction: DRHX\r\n", 0, DIRECTION_BY_HEADER, true);
    assert_direction("X-Direction:\r\n", 0, DIRECTION_BY_HEADER, true);
    assert_direction("X-Direction: unassigned\r\n", 0, DIRECTION_BY_HEADER, true);
    assert_direction("X-Direction: DSN, DRH\r\n", 0, DIRECTION_BY_HEADER, true);
    assert_direction("X-Direction: DSN\r\nX-Direction: DRH\r\n", 0, DIRECTION_BY_HEADER, true);
    assert_direction("X-Direction: DSN\r\nX-Direction: DSN\r\n", DSN, DIRECTION_BY_HEADER, false);
    assert_direction("Authorization: Bearer sk-other\r\n", 0, DIRECTION_BY_KEY, true);
    assert_direction("X-Api-Key: sk-dir-DRH-000\r\n", 0, DIRECTION_BY_KEY, true);
    assert_int_equal(directions_count(talk.directions), 3);
}

/* -- Which model ---------------------------------------------------------------------------------
 */

static void assert_service(const char *model, const char *events, uint16_t service, bool elsewhere)
{
    char text[800];

    snprintf(text, sizeof(text), "POST /v1/messages HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(model), model);
    client_says(&talk, text);
    server_answers(&talk, EVENTS, events);
    if (last(&talk)->service != service || last(&talk)->elsewhere != elsewhere)
        fail_msg("%s, %s: service %u, elsewhere %d", model, events, last(&talk)->service,
                 last(&talk)->elsewhere);
    talk.count = 0;
}

#define MODEL(name) "{\"model\":\"" name "\"}"

static void a_model_is_named_where_its_dialect_names_it(void **state)
{
    struct inference_server servers[] = {{8000, 7, 8, false}, {8001, 5, SERVICE_NONE, false}};
    static const struct inference_model models[] = {{"a", 8000, 1}, {"b", 8000, 2}, {"b", 8001, 3}};

    (void)state;
    talk.rules.servers = servers;
    talk.rules.server_count = 2;
    talk.rules.models = (struct model_table){models, 3};
    for (talk.piece = 0; talk.piece < 9; talk.piece++) {
        assert_service(MODEL("a"), "data: {}\n\n", 1, false);
        assert_service("{}", "data: " MODEL("b") "\n\n", 2, false);
        assert_service("{}", "data: {\"message\":" MODEL("b") "}\n\n", 2, false);
        assert_service("{}", "data: {\"response\":" MODEL("b") "}\n\n", 2, false);
        assert_service(MODEL("a"), "data: " MODEL("b") "\n\n", 2, false);
        assert_service(MODEL("a"), "data: " MODEL("c") "\n\n", 1, false);
        assert_service(MODEL("c"), "data: {}\n\n", 7, false);
        assert_service(MODEL("c-cloud"), "data: {}\n\n", 8, true);
        assert_service("{}", "data: " MODEL("c:cloud") "\n\n", 8, true);
        assert_service("{}", "data: {\"remote_host\":\"x\"}\n\n", 8, true);
        assert_service(MODEL("a"), "data: {\"remote_host\":\"x\"}\n\n", 1, true);
        /* What only quotes a name names nothing. */
        assert_service("{\"messages\":[" MODEL("a") "],\"x\":" MODEL("a") "}",
                       "data: {\"choices\":[" MODEL("b") "],\"usage\":" MODEL("b") "}\n\n", 7,
                       false);
        assert_service("{\"a\":\"model\",\"model\":[\"a\"]}", "data: {\"model\":1}\n\n", 7, false);
        assert_service("{\"mod\\u0065l\":\"\\u0061\"}", "data: {}\n\n", 1, false);
    }
    talk.server_port = 8001;
    exchanges_finish(&talk.exchanges);
    talk_connect(&talk, DSN);
    assert_service(MODEL("b"), "data: {}\n\n", 3, false);
    assert_service(MODEL("a"), "data: {}\n\n", 5, false);
    servers[1].port = 8002; /* of a server that is metered no longer */
    assert_service(MODEL("b"), "data: {}\n\n", SERVICE_NONE, false);
}

/* Requests in a row each have their own. */
static void models_and_users_do_not_mix(void **state)
{
    static const struct inference_server server = {8000, 7, SERVICE_NONE, false};
    static const struct inference_model models[] = {{"a", 8000, 1}, {"b", 8000, 2}};

    (void)state;
    talk.rules.servers = &server;
    talk.rules.server_count = 1;
    talk.rules.models = (struct model_table){models, 2};
    strcpy(talk.rules.client_header, "x-user");
    talk.rules.users_order[0] = DIRECTION_BY_HEADER;
    talk.rules.users_count = 1;
    talk_connect(&talk, DSN);
    for (int i = 0; i < 3; i++) {
        char text[400];

        snprintf(text, sizeof(text),
                 "POST /v1/chat/completions HTTP/1.1\r\nX-User: %s\r\nContent-Length: 13\r\n\r\n"
                 "{\"model\":\"%c\"}",
                 i == 1 ? "other" : "one", 'a' + i);
        client_says(&talk, text);
    }
    for (int i = 0; i < 3; i++)
        server_answers(&talk, JSON, TALK_USAGE(1, 2));
    assert_int_equal(talk.count, 3);
    assert_int_equal(talk.found[0].service, 1);
    assert_int_equal(talk.found[1].service, 2);
    assert_int_equal(talk.found[2].service, 7);
    assert_true(talk.found[0].client == talk.found[2].client);
    assert_true(talk.found[0].client != talk.found[1].client);
    assert_int_equal(talk.found[0].request_bytes, 13);
}

/* One that is too long could hold anything at its end. */
static void a_client_that_does_not_fit_is_not_told(void **state)
{
    char header[400];

    (void)state;
    strcpy(talk.rules.client_header, "x-forwarded-for");
    talk.rules.users_order[0] = DIRECTION_BY_HEADER;
    talk.rules.users_count = 1;
    talk_connect(&talk, DSN);
    memset(header, 'x', sizeof(header));
    memcpy(header, "X-Forwarded-For: ", 17);
    strcpy(header + 380, ", 192.0.2.1\r\n");
    client_asks(&talk, header);
    server_answers(&talk, JSON, TALK_USAGE(1, 2));
    assert_int_equal(last(&talk)->client, 4711);
}

/* -- Compression --------------------------------------------------------------------------------
 */

static void answer_in(const char *header, const char *coding, const char *type, const char *body,
                      size_t spoilt)
{
    uint8_t bytes[4096];
    size_t length = compress_text(body, coding, bytes, sizeof(bytes));
    char head[300];

    if (spoilt > 0)
        memset(bytes + length - spoilt, 0xff, spoilt);
    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Encoding: %s\r\n"
             "Content-Length: %zu\r\n\r\n",
             type, header, length);
    server_says(&talk, head);
    talk_bytes(&talk, HTTP_SERVER, bytes, length);
}

static void compressed_answers_are_of_the_same_grade(void **state)
{
    static const char *const codings[] = {"gzip", "br", "zstd"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        client_asks(&talk, "Accept-Encoding: gzip, deflate, br, zstd\r\n");
        answer_in(codings[i], codings[i], JSON, TALK_USAGE(7, 8), 0);
        assert_tokens(&talk, 7, 8);
        assert_last(OUTCOME_ANSWERED, GRADE_A);
        assert_false(last(&talk)->unread);
    }
}

/* It is a request all the same. Counts that came before the damage are the server's own. */
static void what_is_not_read_is_said_and_marked(void **state)
{
    static const char *const codings[] = {"compress", "gzip, br", "br, gzip"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        client_asks(&talk, "");
        answer_in(codings[i], "gzip", JSON, TALK_USAGE(7, 8), 0);
        assert_last(OUTCOME_ANSWERED, GRADE_E);
        assert_true(last(&talk)->unread);
        assert_true(last(&talk)->counts.damaged);
        assert_false(last(&talk)->counts.input_known);
    }
    client_asks(&talk, "");
    answer_in("gzip", "gzip", JSON, TALK_USAGE(7, 8), 4);
    assert_tokens(&talk, 7, 8);
    assert_last(OUTCOME_ANSWERED, GRADE_A);
    assert_true(last(&talk)->unread);
    client_asks(&talk, ""); /* and the next is not */
    answer_in("br", "br", JSON, TALK_USAGE(9, 8), 0);
    assert_tokens(&talk, 9, 8);
    assert_false(last(&talk)->unread);
    client_asks(&talk, "Content-Encoding: compress\r\n");
    server_answers(&talk, JSON, TALK_USAGE(9, 8));
    assert_last(OUTCOME_ANSWERED, GRADE_A);
    assert_true(last(&talk)->unread);
    assert_int_equal(last(&talk)->request_bytes, 0);
}

/* -- Nothing stays, nothing leaves ------------------------------------------------------------- */

/* Each stands where something of a person could. */
static const char *const canaries[] = {
    "canary-path",   "canary-query",  "canary-host",   "canary-name",   "canary-value",
    "canary-direct", "canary-bearer", "canary-xapi",   "canary-agent",  "canary-model",
    "canary-prompt", "canary-chunk",  "canary-trail",  "canary-reason", "canary-server",
    "canary-answer", "canary-event",  "canary-commen", "canary-thinki", "canary-deep",
    "canary-user",   "canary-cookie", "canary-json",   "canary-fwdfir", "canary-fwdlas",
};

static bool holds(const void *memory, size_t size, const char **which)
{
    for (size_t i = 0; i < sizeof(canaries) / sizeof(*canaries); i++)
        for (size_t from = 0; from + 5 <= strlen(canaries[i]); from++)
            /* A part of it, but not of what they have in common. */
            if (from >= 3 && memmem(memory, size, canaries[i] + from, 5)) {
                *which = canaries[i];
                return true;
            }
    return false;
}

static void assert_nothing_stays(const char *when)
{
    static const uint8_t nothing[256];
    const char *which;
    size_t size;
    const uint8_t *memory = inflater_pool_memory(talk.inflaters, &size);

    /* Most of it was never written, and looking byte by byte was nearly all of this program's time.
     */
    while (size >= sizeof(nothing) &&
           memcmp(memory + size - sizeof(nothing), nothing, sizeof(nothing)) == 0)
        size -= sizeof(nothing);
    if (holds(&talk.exchanges, sizeof(talk.exchanges), &which))
        fail_msg("%s is in the state of the connection %s", which, when);
    if (holds(memory, size, &which))
        fail_msg("%s is in the inflaters %s", which, when);
    if (holds(talk.found, sizeof(talk.found), &which))
        fail_msg("%s is in what was found %s", which, when);
}

static const char personal_request[] =
    "POST /canary-path/v1/chat/completions?q=canary-query HTTP/1.1\r\n"
    "Host: canary-host.example\r\ncanary-name: canary-value\r\nX-Direction: canary-direct\r\n"
    "Authorization: Bearer canary-bearer\r\nX-Api-Key: canary-xapi\r\nUser-Agent: canary-agent\r\n"
    "X-OpenWebUI-User-Email: canary-user\r\nCookie: canary-cookie\r\n"
    "X-Forwarded-For: canary-fwdfir, canary-fwdlas:9\r\n"
    "Transfer-Encoding: chunked\r\n\r\n"
    "67;canary-chunk=canary-chunk\r\n"
    "{\"model\":\"canary-model\",\"messages\":[{\"content\":\"canary-prompt\"}],"
    "\"canary-json\":{\"a\":[[\"canary-deep\"]]}}"
    "\r\n0\r\nX: canary-trail\r\n\r\n";

static const char personal_events[] =
    "event: canary-event\nid: canary-event\n: canary-commen\n"
    "data: "
    "{\"choices\":[{\"delta\":{\"content\":\"canary-answer\",\"reasoning\":\"canary-thinki\"}}],"
    "\"canary-json\":\"canary-deep\"}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n\n";

/* Of one whose header and model are looked at, which is when they could stay. */
static void know_a_person(void)
{
    static const struct inference_server server = {8000, 7, SERVICE_NONE, false};
    static const struct inference_model model = {"canary-model", 8000, 9};

    strcpy(talk.rules.client_header, "x-forwarded-for");
    talk.rules.users_order[0] = DIRECTION_BY_HEADER;
    talk.rules.users_count = 1;
    talk.rules.servers = &server;
    talk.rules.server_count = 1;
    talk.rules.models = (struct model_table){&model, 1};
    know_a_key();
}

static void answer_personally(const char *coding)
{
    static uint8_t bytes[4096];
    size_t length = sizeof(personal_events) - 1;
    char head[400];

    memcpy(bytes, personal_events, length);
    if (*coding)
        length = compress_text(personal_events, coding, bytes, sizeof(bytes));
    snprintf(head, sizeof(head),
             "HTTP/1.1 200 canary-reason\r\nServer: canary-server\r\nContent-Type: "
             "text/event-stream\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
             coding, length);
    server_says(&talk, head);
    talk_bytes(&talk, HTTP_SERVER, bytes, length);
}

static void nothing_of_a_person_stays_or_leaves(void **state)
{
    static const char *const codings[] = {"", "gzip", "br", "zstd"};

    (void)state;
    know_a_person();
    for (talk.piece = 0; talk.piece < 40; talk.piece++) {
        talk.count = 0;
        client_says(&talk, personal_request);
        assert_nothing_stays("after the request");
        answer_personally(codings[talk.piece % 4]);
        assert_int_equal(talk.count, 1);
        assert_tokens(&talk, 5, 6);
        assert_true(last(&talk)->unknown_direction);
        assert_int_equal(last(&talk)->service, 9);
        assert_true(last(&talk)->client != 0 && last(&talk)->client != 4711);
        assert_nothing_stays("after the answer");
    }
}

/* Wherever the connection ends. */
static void nothing_stays_of_what_was_cut_off(void **state)
{
    size_t length = strlen(personal_request);

    (void)state;
    know_a_person();
    talk.piece = 7;
    for (size_t cut = 1; cut < length; cut++) {
        talk.count = 0;
        talk_bytes(&talk, HTTP_CLIENT, personal_request, cut);
        exchanges_finish(&talk.exchanges);
        assert_nothing_stays("after the end");
        talk_connect(&talk, DSN);
        talk_bytes(&talk, HTTP_CLIENT, personal_request, cut);
        exchanges_bytes(&talk.exchanges, 1, HTTP_CLIENT, NULL, 1000);
        assert_nothing_stays("after a gap");
        talk_connect(&talk, DSN);
    }
}

/* While a line is read, part of it must be somewhere; a line later it is not. */
static void nothing_outlasts_its_line(void **state)
{
    const char *end = strstr(personal_request, "\r\n\r\n");

    (void)state;
    know_a_person();
    for (const char *at = personal_request; at < end;) {
        const char *next = strstr(at, "\r\n") + 2;

        talk_bytes(&talk, HTTP_CLIENT, at, (size_t)(next - at));
        assert_nothing_stays("after a line");
        at = next;
    }
}

/* What began like a key, and was none. */
static void nothing_stays_of_a_key_that_is_none(void **state)
{
    static const char *const lines[] = {"Authorization: Bearer canary-bearer canary-xapi\r\n",
                                        "Authorization: canary-bearer canary-xapi\r\n",
                                        "X-Api-Key: canary-xapi canary-bearer\r\n"};

    (void)state;
    know_a_key();
    client_says(&talk, "POST /v1/chat/completions HTTP/1.1\r\n");
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        client_says(&talk, lines[i]);
        assert_nothing_stays("after a line");
    }
    client_says(&talk, "\r\n");
    server_answers(&talk, JSON, TALK_USAGE(1, 2));
    assert_int_equal(last(&talk)->source, DIRECTION_BY_ADDRESS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(endpoints_are_known_by_the_end_of_their_path),
        TEST(an_exchange_lasts_from_the_first_byte_to_the_last),
        TEST(what_the_server_says_is_grade_a),
        TEST(who_only_has_a_model_loaded_asks_for_nothing),
        TEST(what_is_in_a_coding_that_is_not_read_is_unknown),
        TEST(errors_are_no_use),
        TEST(an_answer_that_is_cut_off_counts_as_far_as_the_client_had_it),
        TEST(an_answer_that_is_completed_after_all_counts_whole),
        TEST(a_client_that_left_is_told_from_a_server_that_did),
        TEST(what_can_be_read_in_two_ways_is_refused),
        TEST(what_was_not_captured_is_lost_and_said),
        TEST(requests_in_a_row_keep_their_own),
        TEST(a_stream_that_was_asked_for_is_known_before_its_answer),
        TEST(the_first_that_was_given_decides),
        TEST(keys_that_are_configured_later_are_read_on_open_connections),
        TEST(what_the_configuration_lacks_creates_no_direction),
        TEST(a_model_is_named_where_its_dialect_names_it),
        TEST(models_and_users_do_not_mix),
        TEST(a_client_that_does_not_fit_is_not_told),
        TEST(compressed_answers_are_of_the_same_grade),
        TEST(what_is_not_read_is_said_and_marked),
        TEST(nothing_of_a_person_stays_or_leaves),
        TEST(nothing_stays_of_what_was_cut_off),
        TEST(nothing_outlasts_its_line),
        TEST(nothing_stays_of_a_key_that_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
