/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/exchanges.h"

#include <openssl/crypto.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

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
    [ENDPOINT_EMBEDDINGS] = "/v1/embeddings",
    [ENDPOINT_EMBED] = "/api/embed",
    [ENDPOINT_RERANK] = "/v1/rerank",
};

/* Ends of paths: what stands before them differs between servers, and with what is in front of
 * them. Longer ones first where one ends in another. */
static const struct {
    const char *end;
    uint8_t endpoint;
} endpoint_ends[] = {
    {"/chat/completions", ENDPOINT_CHAT},  {"/v1/completions", ENDPOINT_COMPLETIONS},
    {"/completions", ENDPOINT_COMPLETION}, {"/completion", ENDPOINT_COMPLETION},
    {"/responses", ENDPOINT_RESPONSES},    {"/v1/messages", ENDPOINT_MESSAGES},
    {"/api/chat", ENDPOINT_OLLAMA_CHAT},   {"/api/generate", ENDPOINT_OLLAMA_GENERATE},
    {"/infill", ENDPOINT_INFILL},          {"/embeddings", ENDPOINT_EMBEDDINGS},
    {"/embedding", ENDPOINT_EMBEDDINGS},   {"/api/embed", ENDPOINT_EMBED},
    {"/rerank", ENDPOINT_RERANK},          {"/reranking", ENDPOINT_RERANK},
};

const char *inference_endpoint_path(enum inference_endpoint endpoint)
{
    return endpoint_paths[endpoint];
}

const char *direction_source_name(enum direction_source source)
{
    static const char *const names[SOURCE_COUNT] = {"header", "key", "address"};

    return names[source];
}

static enum inference_endpoint endpoint_of(const char *path, size_t length)
{
    for (size_t i = 0; i < COUNT_OF(endpoint_ends); i++) {
        size_t end = strlen(endpoint_ends[i].end);

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

static uint16_t direction_of_digest(const struct inference_rules *rules,
                                    const uint8_t digest[APIKEY_DIGEST_SIZE])
{
    for (size_t i = 0; i < rules->key_count; i++)
        if (CRYPTO_memcmp(rules->keys[i].digest, digest, APIKEY_DIGEST_SIZE) == 0)
            return rules->keys[i].direction;
    return DIRECTION_UNASSIGNED;
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

static void take_key(void *context, const uint8_t digest[APIKEY_DIGEST_SIZE])
{
    struct exchanges *exchanges = context;

    newest(exchanges)->key_given = true;
    newest(exchanges)->by_key = direction_of_digest(exchanges->rules, digest);
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
        else if (exchange->source == DIRECTION_BY_KEY && request->key_given)
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

static void begin_request_body(void *context)
{
    struct exchanges *exchanges = context;

    usagescan_start_request(&exchanges->request);
}

static void take_answer(void *context, unsigned status, enum http_content content, bool readable)
{
    static const uint8_t framings[] = {
        [HTTP_CONTENT_OTHER] = USAGE_JSON,
        [HTTP_CONTENT_JSON] = USAGE_JSON,
        [HTTP_CONTENT_LINES] = USAGE_LINES,
        [HTTP_CONTENT_EVENTS] = USAGE_EVENTS,
    };
    struct exchanges *exchanges = context;

    exchanges->status = (uint16_t)status;
    exchanges->readable = readable;
    usagescan_start(&exchanges->answer, (enum usage_framing)framings[content]);
}

static void take_body(void *context, enum http_side side, const uint8_t *bytes, size_t length)
{
    struct exchanges *exchanges = context;
    bool asked = (side == HTTP_CLIENT ? newest(exchanges) : oldest(exchanges))->endpoint;

    if (asked)
        usagescan_bytes(side == HTTP_CLIENT ? &exchanges->request : &exchanges->answer, bytes,
                        length);
}

static void take_gap(void *context, enum http_side side)
{
    struct exchanges *exchanges = context;

    usagescan_gap(side == HTTP_CLIENT ? &exchanges->request : &exchanges->answer);
}

static void end_request(void *context, enum http_end end)
{
    struct exchanges *exchanges = context;

    (void)end;
    newest(exchanges)->streams = exchanges->request.streams;
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
    if (end == HTTP_COMPLETE)
        return OUTCOME_ANSWERED;
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

static bool has_no_output(uint8_t endpoint)
{
    return endpoint == ENDPOINT_EMBEDDINGS || endpoint == ENDPOINT_EMBED ||
           endpoint == ENDPOINT_RERANK;
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
    if (has_no_output(exchange->endpoint) && exchange->counts.input_known)
        exchange->counts.basis = USAGE_OBJECT;
    exchange->counts.damaged |= !exchanges->readable;
    exchange->streamed = exchanges->answer.framing != USAGE_JSON;
}

static void forget_answer(struct exchanges *exchanges)
{
    explicit_bzero(&exchanges->answer, sizeof(exchanges->answer));
    explicit_bzero(&exchanges->at_close, sizeof(exchanges->at_close));
    exchanges->status = 0;
    exchanges->readable = false;
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
    };

    find_direction(exchanges, request, &exchange);
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

void exchanges_start(struct exchanges *exchanges, const struct inference_rules *rules,
                     struct inflater_pool *inflaters, uint16_t client_direction,
                     exchange_handler *emit, void *context)
{
    memset(exchanges, 0, sizeof(*exchanges));
    exchanges->handler = (struct http_handler){
        .context = exchanges,
        .request = take_request,
        .direction = take_direction,
        .api_key = take_key,
        .headers = begin_request_body,
        .answer = take_answer,
        .body = take_body,
        .gap = take_gap,
        .request_end = end_request,
        .answer_end = end_answer,
    };
    exchanges->rules = rules;
    exchanges->by_address = client_direction;
    exchanges->emit = emit;
    exchanges->context = context;
    httpstream_start(&exchanges->http, &exchanges->handler, inflaters, rules->secret,
                     rules->header);
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
