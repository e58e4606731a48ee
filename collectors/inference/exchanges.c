/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/exchanges.h"

#include <openssl/crypto.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
/* A text, and its length. */
#define TEXT(literal) literal, sizeof(literal) - 1

/* -- What is asked for ----------------------------------------------------------------------------
 */

static const char *const endpoint_paths[ENDPOINT_COUNT] = {
    [ENDPOINT_NONE] = "-",
    [ENDPOINT_CHAT] = "/v1/chat/completions",
    [ENDPOINT_COMPLETIONS] = "/v1/completions",
    [ENDPOINT_RESPONSES] = "/v1/responses",
    [ENDPOINT_MESSAGES] = "/v1/messages",
    [ENDPOINT_COMPLETION] = "/completion",
    [ENDPOINT_INFILL] = "/infill",
    [ENDPOINT_OLLAMA_CHAT] = "/api/chat",
    [ENDPOINT_OLLAMA_GENERATE] = "/api/generate",
    [ENDPOINT_GENERATE] = "/generate",
    [ENDPOINT_GENERATE_STREAM] = "/generate_stream",
    [ENDPOINT_EMBEDDINGS] = "/v1/embeddings",
    [ENDPOINT_EMBED] = "/api/embed",
    [ENDPOINT_RERANK] = "/v1/rerank",
    [ENDPOINT_SCORE] = "/v1/score",
    [ENDPOINT_POOLING] = "/pooling",
    [ENDPOINT_CLASSIFY] = "/classify",
};

/* Ends of paths: what stands before them differs between servers, and with what is in front of
 * them. Longer ones first where one ends in another. */
static const struct {
    const char *end;
    size_t length;
    uint8_t endpoint;
} endpoint_ends[] = {
    {TEXT("/chat/completions"), ENDPOINT_CHAT},
    {TEXT("/v1/completions"), ENDPOINT_COMPLETIONS},
    {TEXT("/completions"), ENDPOINT_COMPLETION},
    {TEXT("/completion"), ENDPOINT_COMPLETION},
    {TEXT("/responses"), ENDPOINT_RESPONSES},
    {TEXT("/v1/messages"), ENDPOINT_MESSAGES},
    {TEXT("/api/chat"), ENDPOINT_OLLAMA_CHAT},
    {TEXT("/api/generate"), ENDPOINT_OLLAMA_GENERATE},
    {TEXT("/infill"), ENDPOINT_INFILL},
    {TEXT("/embeddings"), ENDPOINT_EMBEDDINGS},
    {TEXT("/embedding"), ENDPOINT_EMBEDDINGS},
    {TEXT("/api/embed"), ENDPOINT_EMBED},
    {TEXT("/generate"), ENDPOINT_GENERATE},
    {TEXT("/generate_stream"), ENDPOINT_GENERATE_STREAM},
    {TEXT("/rerank"), ENDPOINT_RERANK},
    {TEXT("/reranking"), ENDPOINT_RERANK},
    {TEXT("/score"), ENDPOINT_SCORE},
    {TEXT("/pooling"), ENDPOINT_POOLING},
    {TEXT("/classify"), ENDPOINT_CLASSIFY},
};

const char *inference_endpoint_path(enum inference_endpoint endpoint)
{
    return endpoint_paths[endpoint];
}

static enum inference_endpoint endpoint_of(const char *path, size_t length)
{
    for (size_t i = 0; i < COUNT_OF(endpoint_ends); i++) {
        size_t end = endpoint_ends[i].length;

        if (end <= length && memcmp(path + length - end, endpoint_ends[i].end, end) == 0)
            return endpoint_ends[i].endpoint;
    }
    return ENDPOINT_NONE;
}

static struct pending_request *oldest(struct exchanges *exchanges)
{
    return &exchanges->pending[exchanges->first];
}

static struct pending_request *newest(struct exchanges *exchanges)
{
    return &exchanges->pending[(exchanges->first + exchanges->count - 1) % HTTP_PIPELINE];
}

static void take_request(void *context, bool post, const char *path_end, size_t length)
{
    struct exchanges *exchanges = context;

    exchanges->count++;
    *newest(exchanges) = (struct pending_request){
        .start_ns = exchanges->now_ns,
        .endpoint = post ? (uint8_t)endpoint_of(path_end, length) : ENDPOINT_NONE,
    };
}

/* -- Who asks -------------------------------------------------------------------------------------
 */

/* A code that the configuration does not know creates no direction. */
static uint16_t direction_of_code(const struct directions *directions, const char *code,
                                  size_t length)
{
    for (uint16_t i = 1; i < directions_count(directions); i++) {
        const char *known = directions_get(directions, i)->code;

        if (strlen(known) == length && memcmp(known, code, length) == 0)
            return i;
    }
    return DIRECTION_UNASSIGNED;
}

static const struct inference_key *find_key(const struct inference_rules *rules,
                                            const uint8_t digest[APIKEY_DIGEST_SIZE])
{
    for (size_t i = 0; i < rules->key_count; i++)
        if (CRYPTO_memcmp(rules->keys[i].digest, digest, APIKEY_DIGEST_SIZE) == 0)
            return &rules->keys[i];
    return NULL;
}

/* A header that is there twice counts when it says the same. */
static void take_direction(void *context, const char *value, size_t length)
{
    struct exchanges *exchanges = context;
    struct pending_request *request = newest(exchanges);
    uint16_t direction = direction_of_code(exchanges->rules->directions, value, length);

    if (request->header_given && request->by_header != direction)
        direction = DIRECTION_UNASSIGNED;
    request->header_given = true;
    request->by_header = direction;
}

static uint64_t hash_of(const struct exchanges *exchanges, enum direction_source source,
                        const void *bytes, size_t length)
{
    uint8_t named[1 + HTTP_VALUE_SIZE] = {(uint8_t)source};
    uint64_t hash;

    memcpy(named + 1, bytes, length);
    hash = keyedhash(exchanges->key, named, 1 + length);
    explicit_bzero(named, sizeof(named));
    return hash;
}

static void take_key(void *context, const uint8_t digest[APIKEY_DIGEST_SIZE])
{
    struct exchanges *exchanges = context;
    struct pending_request *request = newest(exchanges);
    const struct inference_key *key = find_key(exchanges->rules, digest);

    request->key_given = true;
    request->by_key = key ? key->direction : DIRECTION_UNASSIGNED;
    request->key_users = key ? key->users : 0;
    if (exchanges->key)
        request->key = hash_of(exchanges, DIRECTION_BY_KEY, digest, APIKEY_DIGEST_SIZE);
}

/* -- Users --------------------------------------------------------------------------------------
 */

static bool is_ipv4(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != '.' && (text[i] < '0' || text[i] > '9'))
            return false;
    return memchr(text, '.', length) != NULL;
}

struct word {
    const char *start;
    size_t length;
};

/* Of a list, what came last: before it stands whatever the client likes to say. */
static struct word last_of_list(const char *value, size_t length)
{
    struct word word = {value, length};

    for (size_t i = 0; i < length; i++)
        if (value[i] == ',')
            word = (struct word){value + i + 1, length - i - 1};
    while (word.length > 0 && (*word.start == ' ' || *word.start == '\t'))
        word = (struct word){word.start + 1, word.length - 1};
    return word;
}

/* Some proxies add the port, another for each connection: "192.0.2.1:4711", "[2001:db8::1]:4711"
 * (RFC 7239, 6, and in practice). */
static struct word without_port(struct word word)
{
    bool bracket = word.length > 0 && *word.start == '[';
    const char *end = memchr(word.start, bracket ? ']' : ':', word.length);

    if (end && bracket)
        return (struct word){word.start + 1, (size_t)(end - word.start) - 1};
    if (end && is_ipv4(word.start, (size_t)(end - word.start)))
        return (struct word){word.start, (size_t)(end - word.start)};
    return word;
}

/* A header that is there twice is a list too (RFC 9110, 5.3). */
static void take_client(void *context, const char *value, size_t length)
{
    struct exchanges *exchanges = context;
    struct pending_request *request = newest(exchanges);
    struct word client = without_port(last_of_list(value, length));

    request->client_given = client.length > 0 && exchanges->key;
    if (request->client_given)
        request->client = hash_of(exchanges, DIRECTION_BY_HEADER, client.start, client.length);
}

static void find_user(const struct exchanges *exchanges, const struct pending_request *request,
                      struct inference_exchange *exchange)
{
    const struct inference_rules *rules = exchanges->rules;

    exchange->client = exchanges->client;
    for (unsigned i = 0; i < rules->users_count; i++) {
        uint8_t source = rules->users_order[i];

        if (source == DIRECTION_BY_HEADER && request->client_given) {
            exchange->client = request->client;
            return;
        }
        if (source == DIRECTION_BY_KEY && request->key_given) {
            exchange->client = request->key;
            exchange->users = request->key_users;
            return;
        }
        if (source == DIRECTION_BY_ADDRESS)
            return;
    }
}

static void find_direction(const struct exchanges *exchanges, const struct pending_request *request,
                           struct inference_exchange *exchange)
{
    const struct inference_rules *rules = exchanges->rules;

    exchange->direction = DIRECTION_UNASSIGNED;
    exchange->source = DIRECTION_BY_ADDRESS;
    for (unsigned i = 0; i < rules->order_count; i++) {
        exchange->source = rules->order[i];
        if (exchange->source == DIRECTION_BY_HEADER && request->header_given)
            exchange->direction = request->by_header;
        else if (exchange->source == DIRECTION_BY_KEY && request->key_given && rules->key_count > 0)
            exchange->direction = request->by_key;
        else if (exchange->source == DIRECTION_BY_ADDRESS)
            exchange->direction = exchanges->by_address;
        else
            continue;
        exchange->unknown_direction =
            exchange->direction == DIRECTION_UNASSIGNED && exchange->source != DIRECTION_BY_ADDRESS;
        return;
    }
}

/* -- Bodies -------------------------------------------------------------------------------------
 */

static void ask_model(const struct exchanges *exchanges, struct usage_scan *scan)
{
    usagescan_ask_model(scan, &exchanges->rules->models, exchanges->server_port);
}

static void begin_request_body(void *context)
{
    struct exchanges *exchanges = context;

    usagescan_start_request(&exchanges->request);
    ask_model(exchanges, &exchanges->request);
}

static void take_answer(void *context, unsigned status, enum http_content content)
{
    static const uint8_t framings[] = {
        [HTTP_CONTENT_OTHER] = USAGE_JSON,
        [HTTP_CONTENT_JSON] = USAGE_JSON,
        [HTTP_CONTENT_LINES] = USAGE_LINES,
        [HTTP_CONTENT_EVENTS] = USAGE_EVENTS,
    };
    struct exchanges *exchanges = context;

    exchanges->status = (uint16_t)status;
    usagescan_start(&exchanges->answer, (enum usage_framing)framings[content]);
    ask_model(exchanges, &exchanges->answer);
    usagescan_remember_shapes(&exchanges->answer, exchanges->key);
}

static bool wants_body(void *context, enum http_side side)
{
    struct exchanges *exchanges = context;

    return (side == HTTP_CLIENT ? newest(exchanges) : oldest(exchanges))->endpoint != ENDPOINT_NONE;
}

static void take_body(void *context, enum http_side side, const uint8_t *bytes, size_t length)
{
    struct exchanges *exchanges = context;
    bool asked;

    if (side == HTTP_CLIENT)
        newest(exchanges)->body_bytes += length;
    asked = (side == HTTP_CLIENT ? newest(exchanges) : oldest(exchanges))->endpoint;

    if (asked)
        usagescan_bytes(side == HTTP_CLIENT ? &exchanges->request : &exchanges->answer, bytes,
                        length);
}

static void take_gap(void *context, enum http_side side)
{
    struct exchanges *exchanges = context;

    if (side == HTTP_CLIENT)
        newest(exchanges)->has_gap = true;
    usagescan_gap(side == HTTP_CLIENT ? &exchanges->request : &exchanges->answer);
}

static void take_unread(void *context, enum http_side side)
{
    struct exchanges *exchanges = context;

    (side == HTTP_CLIENT ? newest(exchanges) : oldest(exchanges))->unread = true;
    take_gap(context, side);
}

static void end_request(void *context, enum http_end end)
{
    struct exchanges *exchanges = context;

    (void)end;
    newest(exchanges)->streams = exchanges->request.streams;
    newest(exchanges)->model = exchanges->request.model;
    explicit_bzero(&exchanges->request, sizeof(exchanges->request));
}

/* -- The end -------------------------------------------------------------------------------------
 */

static enum inference_outcome outcome_of(const struct exchanges *exchanges, enum http_end end)
{
    if (exchanges->status != 0 && exchanges->status / 100 != 2)
        return OUTCOME_ERROR;
    if (end == HTTP_LOST)
        return OUTCOME_LOST;
    if (end == HTTP_REFUSED)
        return OUTCOME_REFUSED;
    if (end == HTTP_COMPLETE)
        return exchanges->answer.idle ? OUTCOME_IDLE : OUTCOME_ANSWERED;
    if (exchanges->status == 0 && (exchanges->server_left_first || !exchanges->client_left))
        return OUTCOME_UNANSWERED;
    return OUTCOME_ABORTED;
}

/* A: what the server says. B: what it had said when it was cut off. C: each event of a stream is
 * taken for a token. E: nothing is known. */
static enum evidence_grade grade_of(const struct inference_exchange *exchange)
{
    bool whole = exchange->outcome == OUTCOME_ANSWERED;

    if (!inference_exchange_counts(exchange))
        return GRADE_NONE;
    if (exchange->counts.basis == USAGE_NOTHING)
        return GRADE_E;
    if (exchange->counts.basis == USAGE_COUNTED)
        return whole && !exchange->counts.damaged ? GRADE_C : GRADE_D;
    return whole ? GRADE_A : GRADE_B;
}

const struct inference_server *inference_server_at(const struct inference_rules *rules,
                                                   uint16_t port)
{
    for (size_t i = 0; i < rules->server_count; i++)
        if (rules->servers[i].port == port)
            return &rules->servers[i];
    return NULL;
}

/* The answer knows better than the request which model it is by. */
static void find_service(const struct exchanges *exchanges, const struct pending_request *request,
                         struct inference_exchange *exchange)
{
    const struct inference_server *server =
        inference_server_at(exchanges->rules, exchanges->server_port);
    const struct usage_scan *answer = &exchanges->answer;
    const struct model_found *found = answer->model.known ? &answer->model : &request->model;

    exchange->service = SERVICE_NONE;
    if (!server)
        return;
    exchange->service = server->service;
    exchange->elsewhere = answer->has_remote_host;
    if (found->known)
        exchange->service = found->service;
    else
        exchange->elsewhere |= answer->model.elsewhere || request->model.elsewhere;
    if (exchange->elsewhere && server->remote != SERVICE_NONE && !found->known)
        exchange->service = server->remote;
}

bool inference_endpoint_generates(enum inference_endpoint endpoint)
{
    return endpoint < ENDPOINT_EMBEDDINGS;
}

static void count_tokens(struct exchanges *exchanges, struct inference_exchange *exchange)
{
    if (exchange->endpoint == ENDPOINT_NONE || exchange->status / 100 != 2)
        return;
    if (exchange->outcome != OUTCOME_ABORTED || !exchanges->left_midway) {
        usagescan_end(&exchanges->answer);
        exchanges->at_close = usagescan_counts(&exchanges->answer);
    }
    exchange->counts = exchanges->at_close;
    if (!inference_endpoint_generates((enum inference_endpoint)exchange->endpoint) &&
        exchange->counts.input_known)
        exchange->counts.basis = USAGE_OBJECT;
    exchange->streamed = exchanges->answer.framing != USAGE_JSON;
}

static void forget_answer(struct exchanges *exchanges)
{
    explicit_bzero(&exchanges->answer, sizeof(exchanges->answer));
    explicit_bzero(&exchanges->at_close, sizeof(exchanges->at_close));
    exchanges->status = 0;
    exchanges->left_midway = false;
    exchanges->answer_ns = 0;
}

static void end_answer(void *context, enum http_end end)
{
    struct exchanges *exchanges = context;
    struct pending_request *request = oldest(exchanges);
    struct inference_exchange exchange = {
        .start_ns = request->start_ns,
        .end_ns =
            exchanges->answer_ns > request->start_ns ? exchanges->answer_ns : exchanges->now_ns,
        .status = exchanges->status,
        .endpoint = request->endpoint,
        .outcome = (uint8_t)outcome_of(exchanges, end),
        .streamed = request->streams,
        .request_bytes = request->has_gap ? 0 : request->body_bytes,
        .unread = request->unread,
    };

    find_direction(exchanges, request, &exchange);
    find_user(exchanges, request, &exchange);
    find_service(exchanges, request, &exchange);
    count_tokens(exchanges, &exchange);
    exchange.grade = (uint8_t)grade_of(&exchange);
    forget_answer(exchanges);
    explicit_bzero(request, sizeof(*request));
    exchanges->first = (uint8_t)((exchanges->first + 1) % HTTP_PIPELINE);
    exchanges->count--;
    exchanges->emit(exchanges->context, &exchange);
}

/* -- What is called from outside ------------------------------------------------------------------
 */

static const struct http_handler http_handler = {
    .request = take_request,
    .direction = take_direction,
    .api_key = take_key,
    .client = take_client,
    .headers = begin_request_body,
    .answer = take_answer,
    .wants = wants_body,
    .body = take_body,
    .unread = take_unread,
    .gap = take_gap,
    .request_end = end_request,
    .answer_end = end_answer,
};

void exchanges_start(struct exchanges *exchanges, const struct inference_rules *rules,
                     struct inflater_pool *inflaters, uint16_t client_direction,
                     exchange_handler *emit, void *context)
{
    memset(exchanges, 0, sizeof(*exchanges));
    exchanges->rules = rules;
    exchanges->by_address = client_direction;
    exchanges->emit = emit;
    exchanges->context = context;
    httpstream_start(&exchanges->http, &http_handler, exchanges, inflaters, rules->secret,
                     rules->header);
    exchanges->http.client_header = rules->client_header;
}

void exchanges_identify(struct exchanges *exchanges, uint16_t server_port,
                        const struct hash_key *key, uint64_t client)
{
    exchanges->server_port = server_port;
    exchanges->key = key;
    exchanges->client = client;
}

void exchanges_rules_changed(struct exchanges *exchanges)
{
    httpstream_set_secret(&exchanges->http, exchanges->rules->secret);
    usagescan_forget_models(&exchanges->request);
    usagescan_forget_models(&exchanges->answer);
}

void exchanges_set_direction(struct exchanges *exchanges, uint16_t client_direction)
{
    exchanges->by_address = client_direction;
}

int64_t exchanges_open_since(const struct exchanges *exchanges)
{
    return exchanges->count > 0 ? exchanges->pending[exchanges->first].start_ns : INT64_MAX;
}

void exchanges_bytes(struct exchanges *exchanges, int64_t now_ns, enum http_side side,
                     const uint8_t *bytes, size_t length)
{
    exchanges->now_ns = now_ns;
    if (side == HTTP_SERVER)
        exchanges->answer_ns = now_ns;
    if (bytes)
        httpstream_bytes(&exchanges->http, side, bytes, length);
    else
        httpstream_gap(&exchanges->http, side, length);
}

/* What a server still sends when nobody listens any more depends on how soon it notices: of an
 * answer that is cut off, what the client had is counted, unless it is completed after all. */
void exchanges_close(struct exchanges *exchanges, int64_t now_ns, enum http_side side)
{
    exchanges->now_ns = now_ns;
    if (side == HTTP_CLIENT) {
        exchanges->client_left = true;
        exchanges->left_midway = exchanges->status != 0;
        if (exchanges->left_midway)
            exchanges->at_close = usagescan_counts(&exchanges->answer);
    } else if (!exchanges->client_left) {
        exchanges->server_left_first = true;
    }
    httpstream_close(&exchanges->http, side);
}

void exchanges_finish(struct exchanges *exchanges)
{
    if (!exchanges->emit)
        return;
    httpstream_finish(&exchanges->http);
    explicit_bzero(exchanges, sizeof(*exchanges));
}
