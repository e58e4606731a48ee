/* SPDX-License-Identifier: GPL-3.0-or-later */

/* How fast the tokens of local exchanges are read from the wire, on one core. Captures of MEGABYTES
 * (200, or the first argument) are made in memory, the same at every run: whole conversations, with
 * handshakes and acknowledgements, of CLIENTS connections at a time, in the shapes of
 * tests/fixtures/inference. Each is then merely read; read and decoded; and its tokens read too: in
 * turn, ROUNDS times (5, or the second argument). The parser alone is the fastest of the last less
 * the fastest of the second, which no other work disturbed much. Fails when other tokens are found
 * than were put in. */

#include "collectors/inference/wire.h"
#include "tests/bench/mix.h"
#include "tests/bench/rounds.h"

#include <inttypes.h>
#include <stdarg.h>
#include <time.h>

#define CLIENTS       32
#define MAX_ROUNDS    99
#define SEGMENT       1448 /* with time stamps, on Ethernet */
#define CHUNK         16384
#define PROMPT        4000
#define LONG_PROMPT   100000
#define ANSWER        16000
#define SMALL_ANSWER  400
#define EVENTS        200
#define DIMENSIONS    1024
#define TOKENS_IN     1000
#define MAX_BODY      (2 * LONG_PROMPT)
#define SPARE         (4U << 20) /* of what a round of all clients may take at most, and more */
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define SERVER_PORT   8000
#define FIRST_PORT    20000
#define PORTS_CLIENTS 40000

/* -- The capture ------------------------------------------------------------------------------- */

struct record {
    size_t at;
    uint32_t length;
};

static uint8_t *capture;
static size_t capture_size;
static size_t capture_length;
static struct record *records;
static size_t record_count;
static uint64_t payload_length;
static uint64_t requests;
static uint64_t tokens_out;
static uint64_t seed;

struct client {
    struct endpoints ends;
    unsigned unheard; /* segments that are not acknowledged yet */
};

static struct client clients[CLIENTS];
static unsigned next_port;

static void add(struct client *client, int from, uint8_t flags, const char *text, size_t length)
{
    static struct bytes frame;
    static struct bytes payload;

    payload.length = 0;
    put_bytes(&payload, text, length);
    mix_tcp(&frame, &client->ends, from, flags, &payload);
    if (capture_length + frame.length > capture_size)
        abort();
    memcpy(capture + capture_length, frame.at, frame.length);
    records[record_count++] = (struct record){capture_length, (uint32_t)frame.length};
    capture_length += frame.length;
    payload_length += length;
}

/* In segments; the other end acknowledges every second, and the last. */
static void say(struct client *client, int from, const char *text, size_t length)
{
    for (size_t at = 0; at < length; at += SEGMENT) {
        size_t next = length - at < SEGMENT ? length - at : SEGMENT;

        add(client, from, TCP_ACK, text + at, next);
        if (++client->unheard == 2 || at + next == length) {
            add(client, !from, TCP_ACK, "", 0);
            client->unheard = 0;
        }
    }
}

static void connect_to_server(struct client *client)
{
    unsigned port = next_port++ % PORTS_CLIENTS;

    client->ends = (struct endpoints){
        .address = {address4(10, 0, 1 + port % 7, 1 + port % 250), address4(10, 0, 0, 1)},
        .port = {(uint16_t)(FIRST_PORT + port), SERVER_PORT},
        .sequence = {(uint32_t)random_next(&seed), (uint32_t)random_next(&seed)},
    };
    client->unheard = 0;
    add(client, FROM_CLIENT, TCP_SYN, "", 0);
    add(client, FROM_SERVER, TCP_SYN | TCP_ACK, "", 0);
    add(client, FROM_CLIENT, TCP_ACK, "", 0);
}

static void disconnect(struct client *client)
{
    add(client, FROM_CLIENT, TCP_FIN | TCP_ACK, "", 0);
    add(client, FROM_SERVER, TCP_FIN | TCP_ACK, "", 0);
    add(client, FROM_CLIENT, TCP_ACK, "", 0);
}

/* -- What is said ------------------------------------------------------------------------------ */

struct text {
    size_t length;
    char at[MAX_BODY];
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text->at + text->length, sizeof(text->at) - text->length, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(text->at) - text->length)
        abort();
    text->length += (size_t)length;
}

static const char *word(void)
{
    static const char *const words[] = {
        " la",      " direction", " des", " services", " de",  " ville",   " un",   " \u00e9nergie",
        "tion",     " eau",       ",",    ".",         " et",  " carbone", " note", " pr\u00e9vu",
        " l\u2019", "\\n",        "\\\"", " code",     " une", " carte",   "s",     " agent",
    };

    return words[random_below(&seed, COUNT(words))];
}

/* LENGTH bytes or a little more, as they are within a string. */
static void put_prose(struct text *text, size_t length)
{
    size_t end = text->length + length;

    while (text->length < end) {
        const char *next = word();
        size_t size = strlen(next);

        memcpy(text->at + text->length, next, size);
        text->length += size;
    }
}

static void put_prompt(struct text *body, size_t prompt, bool stream)
{
    body->length = 0;
    put(body, "{\"model\":\"mistral-small\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    put_prose(body, prompt);
    put(body, "\"}],\"max_tokens\":2048,\"temperature\":0.2,\"stream\":%s}",
        stream ? "true" : "false");
}

static void ask_on(struct client *client, const char *path, size_t prompt, bool stream)
{
    static struct text body;
    static struct text head;

    put_prompt(&body, prompt, stream);
    head.length = 0;
    put(&head,
        "POST %s HTTP/1.1\r\nHost: inference.example:8000\r\nAccept: */*\r\n"
        "Content-Type: application/json\r\nUser-Agent: python-requests/2.32.3\r\n"
        "X-Direction: DRH\r\nContent-Length: %zu\r\n\r\n",
        path, body.length);
    memcpy(head.at + head.length, body.at, body.length);
    say(client, FROM_CLIENT, head.at, head.length + body.length);
    requests++;
}

static void ask(struct client *client, size_t prompt, bool stream)
{
    ask_on(client, "/v1/chat/completions", prompt, stream);
}

/* As Node does when it is not told the length. */
static void ask_in_chunks(struct client *client, size_t prompt)
{
    static struct text body;
    static struct text message;

    put_prompt(&body, prompt, false);
    message.length = 0;
    put(&message, "POST /v1/chat/completions HTTP/1.1\r\nHost: inference.example:8000\r\n"
                  "Content-Type: application/json\r\nX-Direction: DRH\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < body.length; at += CHUNK) {
        size_t next = body.length - at < CHUNK ? body.length - at : CHUNK;

        put(&message, "%zx\r\n", next);
        memcpy(message.at + message.length, body.at + at, next);
        message.length += next;
        put(&message, "\r\n");
    }
    put(&message, "0\r\n\r\n");
    say(client, FROM_CLIENT, message.at, message.length);
    requests++;
}

static void answer(struct client *client, size_t length, bool with_usage)
{
    static struct text body;
    static struct text message;

    body.length = 0;
    put(&body,
        "{\"id\":\"chatcmpl-%016" PRIx64 "\",\"object\":\"chat.completion\",\"created\":"
        "1795414291,\"model\":\"mistral-small\",\"choices\":[{\"index\":0,\"message\":"
        "{\"role\":\"assistant\",\"content\":\"",
        random_next(&seed));
    put_prose(&body, length);
    put(&body, "\",\"refusal\":null,\"tool_calls\":[]},\"logprobs\":null,\"finish_reason\":"
               "\"stop\"}]");
    if (with_usage)
        put(&body,
            ",\"usage\":{\"prompt_tokens\":%d,\"total_tokens\":%d,\"completion_tokens\":%d,"
            "\"prompt_tokens_details\":{\"cached_tokens\":64}}",
            TOKENS_IN, TOKENS_IN + EVENTS, EVENTS);
    put(&body, "}");
    message.length = 0;
    put(&message,
        "HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 06:29:23 GMT\r\nserver: uvicorn\r\n"
        "content-length: %zu\r\ncontent-type: application/json\r\n\r\n",
        body.length);
    memcpy(message.at + message.length, body.at, body.length);
    say(client, FROM_SERVER, message.at, message.length + body.length);
    tokens_out += with_usage ? EVENTS : 0;
}

/* As vLLM answers to /v1/embeddings. */
static void answer_embedding(struct client *client)
{
    static struct text body;
    static struct text message;

    body.length = 0;
    put(&body,
        "{\"id\":\"embd-0123456789abcdef\",\"object\":\"list\",\"created\":1795414291,\"model\":"
        "\"bge-m3\",\"data\":[{\"index\":0,\"object\":\"embedding\",\"embedding\":[");
    for (unsigned i = 0; i < DIMENSIONS; i++)
        put(&body, "%s-0.0%09u", i ? "," : "", random_below(&seed, 1000000000));
    put(&body,
        "]}],\"usage\":{\"prompt_tokens\":%d,\"total_tokens\":%d,\"completion_tokens\":0,"
        "\"prompt_tokens_details\":null}}",
        TOKENS_IN, TOKENS_IN);
    message.length = 0;
    put(&message,
        "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\ncontent-type: application/json\r\n\r\n",
        body.length);
    memcpy(message.at + message.length, body.at, body.length);
    say(client, FROM_SERVER, message.at, message.length + body.length);
}

static void begin_stream(struct client *client, const char *type)
{
    char head[256];
    int length = snprintf(head, sizeof(head),
                          "HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nContent-Type: %s\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n",
                          type);

    say(client, FROM_SERVER, head, (size_t)length);
}

static void put_chunk(struct text *to, const struct text *data)
{
    put(to, "%zx\r\n", data->length);
    memcpy(to->at + to->length, data->at, data->length);
    to->length += data->length;
    put(to, "\r\n");
}

/* Event NUMBER of EVENTS, after which there is one more, and the end: each as llama.cpp sends it,
 * and vLLM, and Ollama its lines. */
static void put_llama(struct text *data, unsigned number)
{
    static const char rest[] =
        "\"created\":1795414457,\"id\":\"chatcmpl-jT45VSf4ECc7aQ0DzWs89YERsqogRFCY\",\"model\":"
        "\"tiny-random\",\"system_fingerprint\":\"b10587-3f545becc\",\"object\":"
        "\"chat.completion.chunk\"";

    if (number < EVENTS)
        put(data,
            "data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\"%s\"}"
            "}],%s}\n\n",
            word(), rest);
    else
        put(data,
            "data: {\"choices\":[],%s,\"usage\":{\"completion_tokens\":%d,\"prompt_tokens\":%d,"
            "\"total_tokens\":%d,\"prompt_tokens_details\":{\"cached_tokens\":9}},\"timings\":{"
            "\"cache_n\":9,\"prompt_n\":991,\"prompt_ms\":9.6,\"prompt_per_token_ms\":0.2,"
            "\"predicted_n\":%d,\"predicted_ms\":30.1}}\n\ndata: [DONE]\n\n",
            rest, EVENTS, TOKENS_IN, TOKENS_IN + EVENTS, EVENTS);
}

static void put_vllm(struct text *data, unsigned number)
{
    static const char rest[] = "\"id\":\"chatcmpl-0123456789abcdef0123456789abcdef\",\"object\":"
                               "\"chat.completion.chunk\",\"created\":1795414291,\"model\":"
                               "\"mistralai/Mistral-Small-3.2-24B-Instruct-2506\"";

    if (number < EVENTS)
        put(data,
            "data: {%s,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},\"logprobs\":null,"
            "\"finish_reason\":null}]}\n\n",
            rest, word());
    else
        put(data,
            "data: {%s,\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"total_tokens\":%d,"
            "\"completion_tokens\":%d}}\n\ndata: [DONE]\n\n",
            rest, TOKENS_IN, TOKENS_IN + EVENTS, EVENTS);
}

static void put_ollama(struct text *data, unsigned number)
{
    put(data, "{\"model\":\"mistral:7b\",\"created_at\":\"2026-11-23T06:30:00.%09uZ\",", number);
    if (number < EVENTS)
        put(data, "\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"done\":false}\n",
            word());
    else
        put(data,
            "\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":"
            "\"stop\",\"total_duration\":1075509083,\"load_duration\":567678166,"
            "\"prompt_eval_count\":%d,\"prompt_eval_duration\":236000000,\"eval_count\":%d,"
            "\"eval_duration\":269000000}\n",
            TOKENS_IN, EVENTS);
}

/* Streams of all clients at once, PER_PACKET events in a packet. */
static void stream_all(void (*put_event)(struct text *, unsigned), const char *path,
                       const char *type, unsigned per_packet)
{
    static struct text data;
    static struct text chunks;

    for (size_t i = 0; i < CLIENTS; i++) {
        ask_on(&clients[i], path, PROMPT, true);
        begin_stream(&clients[i], type);
        tokens_out += EVENTS;
    }
    for (unsigned event = 0; event <= EVENTS; event += per_packet)
        for (size_t i = 0; i < CLIENTS; i++) {
            chunks.length = 0;
            for (unsigned at = event; at < event + per_packet && at <= EVENTS; at++) {
                data.length = 0;
                put_event(&data, at);
                put_chunk(&chunks, &data);
            }
            say(&clients[i], FROM_SERVER, chunks.at, chunks.length);
        }
    for (size_t i = 0; i < CLIENTS; i++)
        say(&clients[i], FROM_SERVER, "0\r\n\r\n", 5);
}

/* -- Kinds: each call lets every client have a turn -------------------------------------------- */

static void llama_events(void)
{
    stream_all(put_llama, "/v1/chat/completions", "text/event-stream", 1);
}

static void vllm_events(void)
{
    stream_all(put_vllm, "/v1/chat/completions", "text/event-stream; charset=utf-8", 1);
}

/* As they come from a proxy that buffers. */
static void buffered_events(void)
{
    stream_all(put_llama, "/v1/chat/completions", "text/event-stream", 11);
}

static void ollama_lines(void)
{
    stream_all(put_ollama, "/api/chat", "application/x-ndjson", 1);
}

static void large_answers(void)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        ask(&clients[i], PROMPT, false);
        answer(&clients[i], ANSWER, true);
    }
}

static void large_answers_without_usage(void)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        ask(&clients[i], PROMPT, false);
        answer(&clients[i], ANSWER, false);
    }
}

static void long_prompts(void)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        ask_in_chunks(&clients[i], LONG_PROMPT);
        answer(&clients[i], SMALL_ANSWER, true);
    }
}

static void embeddings(void)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        ask_on(&clients[i], "/v1/embeddings", SMALL_ANSWER, false);
        answer_embedding(&clients[i]);
    }
}

static void small_exchanges(void)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        ask(&clients[i], SMALL_ANSWER, false);
        answer(&clients[i], SMALL_ANSWER, true);
    }
}

/* An office's day, more or less: of 20 requests 11 are streamed chats, 3 come from programs with
 * large texts, 6 are small. */
static void mix(void)
{
    for (unsigned i = 0; i < 4; i++)
        llama_events();
    for (unsigned i = 0; i < 4; i++)
        vllm_events();
    buffered_events();
    buffered_events();
    ollama_lines();
    large_answers();
    large_answers_without_usage();
    long_prompts();
    for (unsigned i = 0; i < 6; i++)
        small_exchanges();
}

/* -- Measuring --------------------------------------------------------------------------------- */

static uint64_t found;
static uint64_t found_out;

static void keep(void *context, const struct wire_exchange *exchange)
{
    (void)context;
    found += inference_exchange_counts(&exchange->exchange);
    found_out += exchange->exchange.counts.tokens_out;
}

static void make(void (*kind)(void))
{
    capture_length = 0;
    record_count = 0;
    payload_length = 0;
    requests = 0;
    tokens_out = 0;
    seed = 1;
    while (capture_length < capture_size / 2) {
        for (size_t i = 0; i < CLIENTS; i++)
            connect_to_server(&clients[i]);
        kind();
        for (size_t i = 0; i < CLIENTS; i++)
            disconnect(&clients[i]);
    }
}

static uint64_t only_read(void)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < record_count; i++) {
        const uint8_t *at = capture + records[i].at;
        size_t left = records[i].length;
        uint64_t word = 0;

        for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
            memcpy(&word, at, sizeof(word));
            sum += word;
        }
        while (left > 0)
            sum += at[--left];
    }
    return sum;
}

static bool decode(size_t number, struct packet *packet)
{
    const struct record *record = &records[number];

    return decode_frame(DLT_EN10MB, capture + record->at, record->length, record->length, packet) ==
           DECODE_TCP;
}

static uint64_t only_decode(void)
{
    struct packet packet;
    uint64_t sum = 0;

    for (size_t i = 0; i < record_count; i++)
        if (decode(i, &packet))
            sum += packet.payload_length;
    return sum;
}

static void read_tokens(const struct inference_rules *rules)
{
    static const uint16_t ports[] = {SERVER_PORT};
    const struct wire_setup setup = {
        .rules = rules, .ports = ports, .port_count = 1, .max_connections = 1024};
    struct wire *wire = wire_new(&setup, keep, NULL);
    struct packet packet;

    if (!wire)
        abort();
    found = 0;
    found_out = 0;
    for (size_t i = 0; i < record_count; i++)
        if (decode(i, &packet) && wire_wants(wire, &packet))
            wire_packet(wire, (int64_t)i, &packet);
    wire_finish(wire);
    wire_free(wire);
}

/* Seconds that the three took, in one round. */
static void run_round(const struct inference_rules *rules, double seconds[3])
{
    double start_s = processor_s();

    if (only_read() == 1) /* it is used */
        abort();
    seconds[0] = processor_s() - start_s;
    if (only_decode() != payload_length)
        abort();
    seconds[1] = processor_s() - start_s - seconds[0];
    read_tokens(rules);
    seconds[2] = processor_s() - start_s - seconds[1] - seconds[0];
}

static bool measure(const char *name, void (*kind)(void), const struct inference_rules *rules,
                    unsigned rounds)
{
    double seconds[3][MAX_ROUNDS];
    double parser_s;
    double gigabytes;

    make(kind);
    gigabytes = (double)payload_length / 1e9;
    for (unsigned round = 0; round < rounds; round++) {
        double taken[3];

        run_round(rules, taken);
        for (unsigned i = 0; i < 3; i++)
            seconds[i][round] = taken[i];
    }
    for (unsigned i = 0; i < 3; i++)
        rounds_sort(seconds[i], rounds);
    parser_s = seconds[2][0] - seconds[1][0];
    printf("| %s | %.0f | %.2f | %.2f | %.2f | %.2f | %.2f | **%.2f** | %.0f | %.0f |\n", name,
           (double)payload_length / (double)record_count, gigabytes / seconds[0][0],
           gigabytes / seconds[1][0], gigabytes / seconds[2][rounds - 1],
           gigabytes / seconds[2][rounds / 2], gigabytes / seconds[2][0], gigabytes / parser_s,
           parser_s * 1e9 / (double)record_count, (double)requests / parser_s);
    fflush(stdout);
    if (found == requests && found_out == tokens_out)
        return true;
    fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 " requests, %" PRIu64 " of %" PRIu64 " tokens\n",
            name, found, requests, found_out, tokens_out);
    return false;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*kind)(void);
    } kinds[] = {
        {"events of llama.cpp, one a packet", llama_events},
        {"events of vLLM, one a packet", vllm_events},
        {"events, eleven a chunked write", buffered_events},
        {"lines of Ollama, one a packet", ollama_lines},
        {"answers of 16 kB with usage", large_answers},
        {"answers of 16 kB without usage", large_answers_without_usage},
        {"prompts of 100 kB in chunks", long_prompts},
        {"embeddings of 1024 numbers", embeddings},
        {"small exchanges, 1.5 kB", small_exchanges},
        {"mix", mix},
    };
    unsigned long megabytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 200;
    unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
    const char *only = argc > 3 ? argv[3] : "";
    struct directions *directions = directions_new();
    const struct inference_rules rules = {
        .directions = directions,
        .header = "x-direction",
        .order = {DIRECTION_BY_HEADER, DIRECTION_BY_ADDRESS},
        .order_count = 2,
    };
    bool good = true;

    if (megabytes < 50 || megabytes > 4000 || rounds == 0 || rounds > MAX_ROUNDS)
        return EXIT_FAILURE;
    capture_size = 2 * megabytes * 1000000;
    capture = malloc(capture_size);
    records = malloc(capture_size / 60 * sizeof(*records));
    if (!capture || !records || !directions)
        return EXIT_FAILURE;
    printf(
        "| GB/s | bytes a packet | only read | decoded | decoded, tokens read: slowest | median |"
        " fastest | parser alone | its ns a packet | requests/s |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strstr(kinds[i].name, only))
            good &= measure(kinds[i].name, kinds[i].kind, &rules, (unsigned)rounds);
    free(records);
    free(capture);
    directions_free(directions);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
