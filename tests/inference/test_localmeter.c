/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Recordings of a real llama-server, metered as the daemon does, beside what the server counted;
 * and words put into its mouth. */

#include "collectors/inference/localmeter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "collectors/capture/shard.h"
#include "collectors/capture/source.h"
#include "tests/capture/sink.h"

#define FIXTURES IAGMETER_SOURCE_ROOT "/tests/fixtures/inference"
#define SERVICES IAGMETER_SOURCE_ROOT "/conf/services.conf"
#define SECOND   INT64_C(1000000000)
#define START    (INT64_C(1795435200) * SECOND)

enum { UNASSIGNED, DSN, DRH, DCE, DIRECTIONS };
static const char *const codes[DIRECTIONS] = {"unassigned", "DSN", "DRH", "DCE"};

static const struct limits limits = {1024, 256, 64, 1024, 1024};
static struct catalogue *catalogue;
static struct directions *directions;
static uint16_t vllm, llama, ollama, cloud;
static struct inference_server servers[2];
static struct inference_model models[2];
static struct inference_key keys[1];
static struct inference_rules rules;
static struct apikey_secret secret = {{7}};
static uint16_t ports[2];
static unsigned copies; /* of each packet */
static struct metering *metering;
static struct sink_log sunk;

static int setup_all(void **state)
{
    static const char *const prefixes[DIRECTIONS] = {NULL, "127.0.1.0/24", "127.0.2.0/24",
                                                     "127.0.3.0/24"};
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    catalogue = catalogue_load(SERVICES, NULL, diagnostics);
    diagnostics_free(diagnostics);
    directions = directions_new();
    for (uint16_t i = 1; i < DIRECTIONS; i++) {
        struct direction direction = {.code = ""};
        struct address network;
        unsigned length;

        memcpy(direction.code, codes[i], 4);
        if (!directions_set(directions, i, &direction) ||
            directions_parse_prefix(prefixes[i], &network, &length) ||
            directions_add_prefix(directions, &network, length, i))
            return -1;
    }
    if (!catalogue)
        return -1;
    vllm = catalogue_find(catalogue, "local-vllm");
    llama = catalogue_find(catalogue, "local-llama");
    ollama = catalogue_find(catalogue, "local-ollama");
    cloud = catalogue_find(catalogue, "ollama-cloud");
    return 0;
}

static int teardown_all(void **state)
{
    (void)state;
    catalogue_free(catalogue);
    directions_free(directions);
    return 0;
}

/* A server of llama.cpp on 8080. */
static int setup(void **state)
{
    (void)state;
    servers[0] = (struct inference_server){8080, llama, SERVICE_NONE, false};
    rules = (struct inference_rules){
        .directions = directions,
        .header = "x-direction",
        .order = {DIRECTION_BY_HEADER, DIRECTION_BY_ADDRESS},
        .order_count = 2,
        .users_order = {DIRECTION_BY_HEADER, DIRECTION_BY_KEY, DIRECTION_BY_ADDRESS},
        .users_count = 3,
        .servers = servers,
        .server_count = 1,
        .models = {models, 0},
    };
    copies = 1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    metering_free(metering);
    metering = NULL;
    sink_clear(&sunk);
    return 0;
}

static bool set_local(void)
{
    const struct localmeter_setup local = {&rules, catalogue, ports, (unsigned)rules.server_count,
                                           64};

    for (size_t i = 0; i < rules.server_count; i++)
        ports[i] = servers[i].port;
    return metering_set_local(metering, rules.server_count > 0 ? &local : NULL);
}

static void begin(void)
{
    struct metering_sink sink = sink_into(&sunk);

    sink_clear(&sunk);
    metering_free(metering);
    metering = metering_new(&limits, catalogue, directions, &sink);
    assert_non_null(metering);
    assert_true(set_local());
}

/* -- Recordings ---------------------------------------------------------------------------------
 */

static void take_frames(void *context, const struct captured_frame *frames, size_t count)
{
    (void)context;
    for (size_t i = 0; i < count; i++)
        for (unsigned j = 0; j < copies; j++)
            metering_frames(metering, &frames[i], 1);
}

static void read_capture(const char *name, source_handler *take)
{
    char path[PATH_MAX];
    char error[512];
    struct source *source;

    snprintf(path, sizeof(path), FIXTURES "/%s", name);
    source = source_open_file(path, error, sizeof(error));
    if (!source)
        fail_msg("%s", error);
    while (source_read(source, 64, take, NULL) == SOURCE_OK)
        ;
    source_close(source);
}

static void play(const char *name)
{
    begin();
    read_capture(name, take_frames);
    metering_finish(metering);
}

static struct activity activity_of(uint16_t service)
{
    struct activity sum = {0};

    for (uint16_t i = 0; i < DIRECTIONS; i++) {
        struct activity part = sink_sum(&sunk, -1, i, service);

        sum.flows += part.flows;
        sum.bytes_up += part.bytes_up;
        sum.bytes_down += part.bytes_down;
        sum.bytes_other += part.bytes_other;
        sum.requests = triple_add(sum.requests, part.requests);
        sum.tokens_in = triple_add(sum.tokens_in, part.tokens_in);
        sum.tokens_out = triple_add(sum.tokens_out, part.tokens_out);
        sum.tokens_out_variance += part.tokens_out_variance;
        sum.grade = part.grade > sum.grade ? part.grade : sum.grade;
    }
    return sum;
}

/* Of one direction, or of all: DIRECTIONS. */
static struct local_use use_of(uint16_t direction, uint16_t service)
{
    struct local_use sum = {.direction_id = direction, .service_id = service};

    for (size_t i = 0; i < sunk.count; i++) {
        const struct local_use *part = &sunk.entries[i].body.use;

        if (sunk.entries[i].kind != SINK_USE || part->service_id != service ||
            (direction != DIRECTIONS && part->direction_id != direction))
            continue;
        sum.requests += part->requests;
        sum.tokens_in += part->tokens_in;
        sum.tokens_cached += part->tokens_cached;
        sum.tokens_out += part->tokens_out;
    }
    return sum;
}

static void assert_exactly(const struct triple *triple, double value)
{
    if (triple->low != value || triple->central != value || triple->high != value)
        fail_msg("%g / %g / %g is not %g", triple->low, triple->central, triple->high, value);
}

static void assert_near(double value, double expected)
{
    if (fabs(value - expected) > 1e-9 * fabs(expected) + 1e-12)
        fail_msg("%.17g is not %.17g", value, expected);
}

struct truth {
    double requests, in, cached, out;
};

/* The client did not always learn how many came from the cache; the server's own count did. */
static void add_summary(struct truth *truth, const json_t *object)
{
    const json_t *cached = json_object_get(json_object_get(object, "metrics_delta"),
                                           "llamacpp:prompt_tokens_cached_total");

    if (cached)
        truth->cached = json_number_value(cached);
}

/* What the truth file has of CAPTURE; of one department, if it is not NULL. */
static struct truth truth_of(const char *capture, const char *department)
{
    struct truth truth = {0, 0, 0, 0};
    FILE *stream = fopen(FIXTURES "/truth.jsonl", "re");
    char line[4096];

    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream)) {
        json_t *object = json_loads(line, 0, NULL);
        const char *own = json_string_value(json_object_get(object, "department"));
        json_t *in = json_object_get(object, "prompt_tokens");

        assert_non_null(object);
        if (json_is_integer(in) &&
            strcmp(json_string_value(json_object_get(object, "pcap")), capture) == 0 &&
            (!department || (own && strcmp(own, department) == 0))) {
            truth.requests++;
            truth.in += (double)json_integer_value(in);
            truth.cached += (double)json_integer_value(json_object_get(object, "cached_tokens"));
            truth.out += (double)json_integer_value(json_object_get(object, "completion_tokens"));
        }
        if (strcmp(json_string_value(json_object_get(object, "pcap")), capture) == 0 && !department)
            add_summary(&truth, object);
        json_decref(object);
    }
    fclose(stream);
    return truth;
}

static void assert_truth(const char *name, uint16_t service)
{
    struct truth truth = truth_of(name, NULL);
    struct activity activity = activity_of(service);
    struct local_use use = use_of(DIRECTIONS, service);

    assert_true(truth.requests > 0);
    assert_exactly(&activity.requests, truth.requests);
    assert_exactly(&activity.tokens_in, truth.in);
    assert_exactly(&activity.tokens_out, truth.out);
    assert_true(activity.tokens_out_variance == 0); /* counted: nothing scatters */
    assert_int_equal(activity.grade, GRADE_A);
    assert_near(use.requests, truth.requests);
    assert_near(use.tokens_in, truth.in);
    assert_near(use.tokens_cached, truth.cached);
    assert_near(use.tokens_out, truth.out);
    assert_int_equal(sink_coverage(&sunk).local_exchanges, (uint64_t)truth.requests);
    assert_int_equal(sink_coverage(&sunk).local_unstated, 0);
}

static const struct {
    const char *name;
    uint16_t port;
} exact[] = {
    {"01_nonstream_close.pcap", 8080},
    {"03_stream_with_usage.pcap", 8080},
    {"04_stream_without_usage.pcap", 8080},
    {"05_stream_keepalive_mixed.pcap", 8080},
    {"07_dialects.pcap", 8080},
    {"10_expect_100_continue.pcap", 8080},
    {"11_prompt_cache_hit.pcap", 8080},
    {"14_chunked_request_body.pcap", 8080},
    {"40_SYNTH_ollama_ndjson.pcap", 11434},
    {"20_slow_interleaved_3_departments.pcap", 8081},
    {"24_tls_h1_reverse_proxy_both_sides.pcap", 8081},
    {"25_tls_h2_curl.pcap", 8081},
};
#define EXACT (sizeof(exact) / sizeof(*exact))

static void recordings_give_what_the_server_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXACT; i++) {
        servers[0].port = exact[i].port;
        play(exact[i].name);
        assert_truth(exact[i].name, llama);
    }
}

/* A proxy in front, its clear leg behind it: the TLS leg is one connection like any other. */
static void only_the_leg_of_the_configured_port_counts(void **state)
{
    (void)state;
    servers[0].port = 8081;
    play("24_tls_h1_reverse_proxy_both_sides.pcap");
    assert_truth("24_tls_h1_reverse_proxy_both_sides.pcap", llama);
    assert_true(sink_coverage(&sunk).flows > 0);
    assert_true(sink_coverage(&sunk).names_missing + sink_coverage(&sunk).names_seen > 0);
    servers[0].port = 11434; /* and of Ollama, not its own child's */
    play("24_tls_h1_reverse_proxy_both_sides.pcap");
    assert_int_equal(sink_count(&sunk, SINK_ACTIVITY), 0);
    assert_int_equal(sink_count(&sunk, SINK_USE), 0);
}

/* What is said to a server of ours is no flow, whatever Host it names. */
static void packets_of_a_server_are_nothing_elses(void **state)
{
    (void)state;
    play("07_dialects.pcap");
    assert_int_equal(sink_coverage(&sunk).flows, 0);
    assert_int_equal(metering_payload_bytes(metering), 0);
    rules.server_count = 0;
    play("07_dialects.pcap");
    assert_true(sink_coverage(&sunk).flows > 0);
    assert_int_equal(sink_coverage(&sunk).local_exchanges, 0);
    assert_int_equal(sink_count(&sunk, SINK_USE), 0);
}

static void each_direction_has_its_own(void **state)
{
    (void)state;
    servers[0].port = 8081;
    play("20_slow_interleaved_3_departments.pcap");
    for (uint16_t i = DSN; i < DIRECTIONS; i++) {
        struct truth truth = truth_of("20_slow_interleaved_3_departments.pcap", codes[i]);
        struct activity activity = sink_sum(&sunk, -1, i, llama);
        struct local_use use = use_of(i, llama);

        assert_exactly(&activity.requests, truth.requests);
        assert_exactly(&activity.tokens_in, truth.in);
        assert_exactly(&activity.tokens_out, truth.out);
        assert_near(use.tokens_out, truth.out);
        assert_true(activity.flows > 0);
        assert_true(activity.bytes_up > 0 && activity.bytes_down > activity.bytes_up);
    }
}

/* Mirror ports show packets twice, and so may a bridge. */
static void a_packet_that_comes_twice_counts_once(void **state)
{
    struct activity once;

    (void)state;
    play("07_dialects.pcap");
    once = activity_of(llama);
    copies = 3;
    play("07_dialects.pcap");
    assert_truth("07_dialects.pcap", llama);
    assert_int_equal(activity_of(llama).bytes_down, once.bytes_down);
    assert_int_equal(activity_of(llama).bytes_other, once.bytes_other);
}

static struct sink_log first;

static void the_same_packets_give_the_same_sums_in_the_same_order(void **state)
{
    (void)state;
    servers[0].port = 8081;
    play("20_slow_interleaved_3_departments.pcap");
    first = sunk;
    memset(&sunk, 0, sizeof(sunk));
    play("20_slow_interleaved_3_departments.pcap");
    assert_int_equal(sunk.count, first.count);
    assert_memory_equal(sunk.entries, first.entries, sunk.count * sizeof(*sunk.entries));
    sink_clear(&first);
}

/* -- Several workers ----------------------------------------------------------------------------
 */

static unsigned shard;
static unsigned shards;

static void take_shard(void *context, const struct captured_frame *frames, size_t count)
{
    (void)context;
    for (size_t i = 0; i < count; i++)
        if (shard_of_frame(&trust_by_default, &frames[i], shards) == shard)
            metering_frames(metering, &frames[i], 1);
}

static void workers_find_together_what_one_does(void **state)
{
    struct truth truth = truth_of("20_slow_interleaved_3_departments.pcap", NULL);
    double requests = 0, in = 0, out = 0;
    unsigned busy = 0;

    (void)state;
    servers[0].port = 8081;
    shards = 5;
    for (shard = 0; shard < shards; shard++) {
        struct activity activity;

        begin();
        metering_take_shard(metering, shard, shards);
        read_capture("20_slow_interleaved_3_departments.pcap", take_shard);
        metering_finish(metering);
        activity = activity_of(llama);
        requests += activity.requests.central;
        in += activity.tokens_in.central;
        out += activity.tokens_out.central;
        busy += activity.requests.central > 0;
        assert_int_equal(sink_coverage(&sunk).local_lost, 0);
    }
    assert_true(busy > 1);
    assert_near(requests, truth.requests);
    assert_near(in, truth.in);
    assert_near(out, truth.out);
}

/* -- What the wire does not say ------------------------------------------------------------------
 */

static void assert_within(const struct triple *triple, double value)
{
    if (!(triple->low < triple->high && triple->low <= value && value <= triple->high))
        fail_msg("%g is not within %g / %g / %g", value, triple->low, triple->central,
                 triple->high);
}

/* Of the aborted stream, the server's own log has 47 and 12 tokens. */
static void what_was_not_said_is_an_estimate_with_its_band(void **state)
{
    struct activity activity;
    struct local_use use;

    (void)state;
    servers[0].port = 8081;
    play("21_client_abort_midstream.pcap");
    activity = activity_of(llama);
    use = use_of(DIRECTIONS, llama);
    assert_exactly(&activity.requests, 1);
    assert_within(&activity.tokens_in, 47);
    assert_within(&activity.tokens_out, 12);
    assert_near(activity.tokens_out.low, 12);
    assert_near(activity.tokens_out.central, 12);
    assert_true(activity.grade >= GRADE_C);
    assert_near(use.requests, 1);
    assert_near(use.tokens_in, activity.tokens_in.central);
    assert_near(use.tokens_out, 12);
    assert_near(use.tokens_cached, 0);
    assert_int_equal(sink_coverage(&sunk).local_unstated, 1);
}

/* One without usage, of 18 tokens and 31 or more, and one that was cut off, with its 29 so far. */
static void a_stream_without_usage_is_counted_by_its_events(void **state)
{
    struct truth truth = truth_of("41_SYNTH_vllm_sse.pcap", NULL);
    struct activity activity;

    (void)state;
    servers[0].port = 8000;
    play("41_SYNTH_vllm_sse.pcap");
    activity = activity_of(llama);
    assert_exactly(&activity.requests, truth.requests + 1);
    assert_within(&activity.tokens_in, truth.in + 31);
    assert_true(activity.tokens_in.low >= truth.in);
    assert_within(&activity.tokens_out, truth.out + 18);
    assert_near(activity.tokens_out.low, truth.out + 18);
    assert_near(use_of(DIRECTIONS, llama).tokens_out, truth.out + 18);
    assert_int_equal(sink_coverage(&sunk).local_unstated, 2);
    assert_int_equal(sink_coverage(&sunk).local_exchanges, 5);
}

static void what_is_lost_is_a_request_and_said(void **state)
{
    struct activity activity;

    (void)state;
    play("28_snaplen_128.pcap");
    activity = activity_of(llama);
    assert_exactly(&activity.requests, 2);
    assert_within(&activity.tokens_in, 170);
    assert_within(&activity.tokens_out, 24);
    assert_int_equal(activity.grade, GRADE_E);
    assert_int_equal(sink_coverage(&sunk).local_lost, 2);
    assert_true(sink_coverage(&sunk).bytes_lost > 0);
}

static void errors_and_what_is_no_inference_are_bytes_alone(void **state)
{
    struct activity activity;

    (void)state;
    play("08_errors.pcap");
    activity = activity_of(llama);
    assert_exactly(&activity.requests, 0);
    assert_exactly(&activity.tokens_in, 0);
    assert_int_equal(activity.grade, GRADE_NONE);
    assert_int_equal(activity.bytes_up, 0);
    assert_int_equal(activity.flows, 0);
    assert_true(activity.bytes_other > 43691);
    assert_int_equal(sink_count(&sunk, SINK_USE), 0);
    assert_int_equal(sink_count(&sunk, SINK_DEVICES), 0);
    play("05_stream_keepalive_mixed.pcap"); /* with /v1/models, /metrics and /health */
    activity = activity_of(llama);
    assert_exactly(&activity.requests, 4);
    assert_true(activity.bytes_other > 581 + 2588 + 15);
}

/* -- Words put into their mouths -----------------------------------------------------------------
 */

static int64_t now_ns;

struct speaker {
    uint8_t client[4];
    uint16_t port; /* of the client; */
    uint16_t server_port;
    uint32_t said[2];
};

static void say(struct speaker *speaker, bool by_client, const char *text, uint8_t flags)
{
    static uint8_t frame[14 + 20 + 20 + 4096];
    static uint16_t id;
    uint8_t *ip = frame + 14;
    uint8_t *tcp = ip + 20;
    size_t length = strlen(text);
    size_t total = 40 + length;
    uint32_t sequence = speaker->said[!by_client];
    uint32_t acknowledgement = speaker->said[by_client];
    uint16_t source = by_client ? speaker->port : speaker->server_port;
    uint16_t destination = by_client ? speaker->server_port : speaker->port;
    static const uint8_t server[4] = {127, 0, 0, 1};

    assert_true(length <= 4096);
    memset(frame, 0, sizeof(frame));
    frame[12] = 0x08;
    ip[0] = 0x45;
    ip[2] = (uint8_t)(total >> 8);
    ip[3] = (uint8_t)total;
    ip[4] = (uint8_t)(++id >> 8);
    ip[5] = (uint8_t)id;
    ip[8] = 64;
    ip[9] = 6;
    memcpy(ip + 12, by_client ? speaker->client : server, 4);
    memcpy(ip + 16, by_client ? server : speaker->client, 4);
    tcp[0] = (uint8_t)(source >> 8);
    tcp[1] = (uint8_t)source;
    tcp[2] = (uint8_t)(destination >> 8);
    tcp[3] = (uint8_t)destination;
    for (int i = 0; i < 4; i++) {
        tcp[4 + i] = (uint8_t)(sequence >> (24 - 8 * i));
        tcp[8 + i] = (uint8_t)(acknowledgement >> (24 - 8 * i));
    }
    tcp[12] = 0x50;
    tcp[13] = flags;
    memcpy(tcp + 20, text, length);
    speaker->said[!by_client] += (uint32_t)length + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
    metering_packet(metering, now_ns, 1, frame, (uint32_t)(14 + total), (uint32_t)(14 + total));
}

static struct speaker open_from(uint8_t c, uint8_t d, uint16_t port)
{
    struct speaker speaker = {{127, 0, c, d}, port, servers[0].port, {1000, 5000}};

    say(&speaker, true, "", TCP_SYN);
    say(&speaker, false, "", TCP_SYN | TCP_ACK);
    return speaker;
}

static void ask_for(struct speaker *speaker, const char *headers, const char *model)
{
    char body[400];
    char text[1000];

    snprintf(body, sizeof(body), "{\"model\":\"%s\",\"messages\":[]}", model);
    snprintf(text, sizeof(text),
             "POST /v1/chat/completions HTTP/1.1\r\nHost: api.mistral.ai\r\n%sContent-Length: "
             "%zu\r\n\r\n%s",
             headers, strlen(body), body);
    say(speaker, true, text, TCP_ACK);
}

static void answer_with(struct speaker *speaker, const char *more, unsigned in, unsigned out)
{
    char body[400];
    char text[800];

    snprintf(body, sizeof(body), "{%s\"usage\":{\"prompt_tokens\":%u,\"completion_tokens\":%u}}",
             more, in, out);
    snprintf(text, sizeof(text),
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    say(speaker, false, text, TCP_ACK);
}

static void exchange(struct speaker *speaker, const char *headers, const char *model,
                     const char *more)
{
    ask_for(speaker, headers, model);
    answer_with(speaker, more, 10, 20);
}

static void begin_talk(void)
{
    now_ns = START;
    begin();
}

static void assert_requests(uint16_t service, double requests)
{
    struct activity activity = activity_of(service);

    assert_exactly(&activity.requests, requests);
    assert_exactly(&activity.tokens_out, 20 * requests);
}

/* What would be a lie of the capture process, at which the meter ends it, is the server's. */
static void nonsense_of_a_server_goes_no_further(void **state)
{
    struct speaker speaker;

    (void)state;
    begin_talk();
    speaker = open_from(1, 1, 40000);
    ask_for(&speaker, "", "m");
    answer_with(&speaker, "\"timings\":{\"cache_n\":4000000000},", 10, 4294967295U);
    ask_for(&speaker, "", "m");
    answer_with(&speaker, "", 90, 0); /* of which nothing was cached */
    metering_finish(metering);
    assert_near(use_of(DSN, llama).tokens_in, 100);
    assert_near(use_of(DSN, llama).tokens_cached, 10);
    assert_near(use_of(DSN, llama).tokens_out, 4294967295.0);
}

/* Its tokens are estimated from its size. */
static void a_body_in_an_unknown_coding_is_counted(void **state)
{
    struct speaker speaker;

    (void)state;
    begin_talk();
    speaker = open_from(1, 1, 40000);
    ask_for(&speaker, "", "m");
    answer_with(&speaker, "", 90, 10);
    ask_for(&speaker, "", "m");
    say(&speaker, false, "HTTP/1.1 200 OK\r\nContent-Encoding: dcb\r\nContent-Length: 2\r\n\r\n{}",
        TCP_ACK);
    metering_finish(metering);
    assert_int_equal(sink_coverage(&sunk).local_exchanges, 2);
    assert_int_equal(sink_coverage(&sunk).local_unread, 1);
    assert_int_equal(sink_coverage(&sunk).local_unstated, 1);
    assert_int_equal(activity_of(llama).grade, GRADE_E);
    assert_near(activity_of(llama).requests.central, 2);
}

/* The answer tells its tokens, but the request, whose size is that of what it was compressed to. */
static void an_unread_request_is_a_guess(void **state)
{
    struct speaker speaker;

    (void)state;
    begin_talk();
    speaker = open_from(1, 1, 40000);
    say(&speaker, true,
        "POST /v1/chat/completions HTTP/1.1\r\nContent-Encoding: dcb\r\nContent-Length: "
        "2\r\n\r\n{}",
        TCP_ACK);
    say(&speaker, false,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
        TCP_ACK);
    metering_finish(metering);
    assert_int_equal(sink_coverage(&sunk).local_unread, 1);
    assert_int_equal(activity_of(llama).grade, GRADE_E);
}

static double input_of_large_request(bool with_gap)
{
    struct speaker speaker;
    char spaces[2001];

    memset(spaces, ' ', 2000);
    spaces[2000] = '\0';
    begin_talk();
    speaker = open_from(1, 1, 40000);
    say(&speaker, true,
        "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 2017\r\n\r\n{\"messages\":",
        TCP_ACK);
    if (with_gap)
        speaker.said[0] += 2000;
    else
        say(&speaker, true, spaces, TCP_ACK);
    say(&speaker, true, "[{}]}", TCP_ACK);
    say(&speaker, false, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", TCP_ACK);
    metering_finish(metering);
    assert_int_equal(sink_coverage(&sunk).bytes_lost, with_gap ? 2000 : 0);
    return activity_of(llama).tokens_in.central;
}

/* What of a body was not captured was sent all the same. */
static void a_request_with_a_gap_is_no_smaller(void **state)
{
    double whole = input_of_large_request(false);

    (void)state;
    assert_true(whole > 100);
    assert_true(input_of_large_request(true) > whole / 2);
}

static void a_model_that_is_configured_has_its_own_service(void **state)
{
    struct speaker speaker;

    (void)state;
    models[0] = (struct inference_model){"gpt-4o", 8080, cloud};
    models[1] = (struct inference_model){"qwen3", 8080, vllm};
    rules.models.count = 2;
    begin_talk();
    speaker = open_from(1, 1, 40000);
    exchange(&speaker, "", "qwen3", "");
    exchange(&speaker, "", "qwen4", "");
    exchange(&speaker, "", "default", "\"model\":\"qwen3\",");
    exchange(&speaker, "", "qwen3", "\"model\":\"qwen3.gguf\",");
    exchange(&speaker, "", "gpt-4o", "\"model\":\"gpt-4o\",");
    metering_finish(metering);
    assert_requests(vllm, 3);
    assert_requests(llama, 1);
    assert_requests(cloud, 1);
    assert_near(use_of(DSN, vllm).tokens_out, 60);
    assert_near(use_of(DIRECTIONS, cloud).requests, 0); /* no energy of ours */
    assert_int_equal(sink_sum(&sunk, -1, DSN, vllm).flows, 1);
    assert_int_equal(activity_of(llama).flows, 0); /* the connection is counted already */
    assert_int_equal(sink_coverage(&sunk).local_elsewhere, 0);
}

/* Ollama has some models computed by its operator: the request is local, the energy is not. */
static void models_in_a_cloud_take_no_local_energy(void **state)
{
    struct speaker speaker;

    (void)state;
    servers[0] = (struct inference_server){11434, ollama, cloud, false};
    for (int pass = 0; pass < 2; pass++) {
        begin_talk();
        speaker = open_from(1, 1, 40000);
        exchange(&speaker, "", "gpt-oss:120b-cloud", "");
        exchange(&speaker, "", "kimi-k2:cloud", "\"model\":\"kimi-k2\",");
        exchange(&speaker, "", "mine", "\"model\":\"mine\",\"remote_host\":\"https://x\",");
        exchange(&speaker, "", "qwen3:8b", "\"message\":{\"remote_host\":\"x\"},");
        metering_finish(metering);
        assert_near(use_of(DIRECTIONS, ollama).requests, 1);
        assert_near(use_of(DIRECTIONS, cloud).requests, 0);
        assert_requests(cloud, pass ? 0 : 3);
        assert_requests(ollama, pass ? 4 : 1);
        assert_int_equal(sink_coverage(&sunk).local_elsewhere, pass ? 3 : 0);
        servers[0].remote = SERVICE_NONE;
    }
}

/* Or the same tokens would count twice. Its packets are still no flow of anything else. */
static void a_server_that_counts_itself_is_not_metered_from_the_wire(void **state)
{
    (void)state;
    servers[0].counts_itself = true;
    play("07_dialects.pcap");
    assert_int_equal(sink_count(&sunk, SINK_ACTIVITY), 0);
    assert_int_equal(sink_count(&sunk, SINK_USE), 0);
    assert_int_equal(sink_coverage(&sunk).flows, 0);
    assert_int_equal(sink_count(&sunk, SINK_DEVICES), 1); /* which the server does not know */
    assert_int_equal(sink_at(&sunk, SINK_DEVICES, 0)->body.devices.devices, 1);
}

static uint32_t devices(uint16_t direction, uint16_t service)
{
    uint32_t most = 0;

    for (size_t i = 0; i < sunk.count; i++)
        if (sunk.entries[i].kind == SINK_DEVICES &&
            sunk.entries[i].body.devices.direction_id == direction &&
            sunk.entries[i].body.devices.service_id == service &&
            sunk.entries[i].body.devices.devices > most)
            most = sunk.entries[i].body.devices.devices;
    return most;
}

static void finish_users(uint32_t expected)
{
    metering_finish(metering);
    assert_int_equal(devices(DSN, llama), expected);
}

/* Behind a proxy all have one address. */
static void users_are_told_apart_by_what_is_configured(void **state)
{
    static const char *const headers[] = {
        "X-Forwarded-For: 192.0.2.1\r\n",
        "X-Forwarded-For: 192.0.2.1:4711\r\n",
        "X-Forwarded-For: 10.9.8.7, 192.0.2.1:4712\r\n",
        "x-forwarded-for:  made, up,192.0.2.1 \r\n",
        "X-Forwarded-For: 10.9.8.7\r\nX-Forwarded-For: 192.0.2.1\r\n",
        "X-Forwarded-For: 192.0.2.2\r\n",
        "X-Forwarded-For: 2001:db8::1\r\n",
        "X-Forwarded-For: [2001:db8::1]:4711\r\n",
        "X-Forwarded-For: [2001:db8::1]\r\n",
        "X-Forwarded-For: 2001:db8::2\r\n",
    };
    struct speaker speaker;

    (void)state;
    begin_talk();
    speaker = open_from(1, 1, 40000);
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
        exchange(&speaker, headers[i], "m", "");
    speaker = open_from(1, 2, 40000);
    exchange(&speaker, "", "m", "");
    finish_users(2); /* by address, as no header is configured */

    strcpy(rules.client_header, "x-forwarded-for");
    begin_talk();
    speaker = open_from(1, 1, 40000);
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
        exchange(&speaker, headers[i], "m", "");
    exchange(&speaker, "X-Forwarded-For: \r\n", "m", ""); /* by its address */
    finish_users(5);

    rules.users_order[0] = DIRECTION_BY_ADDRESS;
    begin_talk();
    speaker = open_from(1, 1, 40000);
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
        exchange(&speaker, headers[i], "m", "");
    finish_users(1);
    rules.users_count = 0;
    begin_talk();
    speaker = open_from(1, 1, 40000);
    exchange(&speaker, headers[0], "m", "");
    finish_users(1);
}

#define KEY "Authorization: Bearer sk-shared\r\n"

static void a_key_is_one_user_or_as_many_as_are_declared(void **state)
{
    struct apikey_hasher hasher;
    struct speaker speaker;

    (void)state;
    apikey_begin(&hasher, &secret);
    apikey_add(&hasher, "sk-shared", 9);
    apikey_end(&hasher, &secret, keys[0].digest);
    rules.secret = &secret;
    rules.order[1] = DIRECTION_BY_KEY;
    rules.order[2] = DIRECTION_BY_ADDRESS;
    rules.order_count = 3;
    rules.users_order[0] = DIRECTION_BY_KEY;
    begin_talk(); /* keys that nobody configured tell users apart, but no direction */
    speaker = open_from(1, 1, 40000);
    exchange(&speaker, KEY, "m", "");
    exchange(&speaker, KEY, "m", "");
    exchange(&speaker, "X-Api-Key: sk-other\r\n", "m", "");
    exchange(&speaker, "", "m", "");
    finish_users(3);
    assert_int_equal(sink_coverage(&sunk).local_unassigned, 0);

    keys[0].direction = DRH;
    keys[0].users = 250;
    rules.keys = keys;
    rules.key_count = 1;
    begin_talk();
    speaker = open_from(1, 1, 40000);
    for (int i = 0; i < 5; i++)
        exchange(&speaker, KEY, "m", "");
    exchange(&speaker, "X-Api-Key: sk-other\r\n", "m", "");
    metering_finish(metering);
    assert_int_equal(devices(DRH, llama), 250);
    assert_int_equal(devices(UNASSIGNED, llama), 1);
    assert_int_equal(sink_coverage(&sunk).local_unassigned, 1);
}

/* -- Time ---------------------------------------------------------------------------------------
 */

static const struct sink_entry *closed(size_t i)
{
    const struct sink_entry *entry = sink_at(&sunk, SINK_CLOSED, i);

    assert_non_null(entry);
    return entry;
}

/* One of 150 s is known when it ends; until then, that it is open is. */
static void a_long_exchange_is_told_of_past_intervals(void **state)
{
    const double shares[] = {30.0 / 150, 60.0 / 150, 60.0 / 150};
    struct speaker speaker;

    (void)state;
    begin_talk();
    now_ns = START + 30 * SECOND;
    speaker = open_from(1, 1, 40000);
    ask_for(&speaker, "", "m");
    now_ns = START + 180 * SECOND - SECOND / 2;
    metering_advance(metering, now_ns);
    assert_int_equal(sink_count(&sunk, SINK_CLOSED), 2);
    assert_int_equal(closed(0)->open_s, 30);
    assert_int_equal(closed(1)->open_s, 90);
    assert_int_equal(sink_count(&sunk, SINK_USE), 0);
    now_ns = START + 180 * SECOND;
    answer_with(&speaker, "", 100, 200);
    now_ns = START + 240 * SECOND;
    metering_advance(metering, now_ns);
    assert_int_equal(closed(2)->open_s, 150);
    assert_int_equal(closed(3)->open_s, 0);
    assert_int_equal(sink_count(&sunk, SINK_USE), 3);
    for (size_t i = 0; i < 3; i++) {
        const struct sink_entry *entry = sink_at(&sunk, SINK_USE, i);

        assert_int_equal(entry->interval_start, START / SECOND + 60 * (int64_t)i);
        assert_near(entry->body.use.tokens_out, 200 * shares[i]);
        assert_near(entry->body.use.requests, shares[i]);
        assert_int_equal(entry->body.use.direction_id, DSN);
        assert_true(entry < closed(3) && entry > closed(2));
    }
    /* The tokens of the activity are of the interval in which it ended. */
    assert_near(sink_sum(&sunk, START / SECOND + 180, DSN, llama).tokens_out.central, 200);
}

/* Each interval has what was counted in it. */
static void coverage_is_of_the_interval(void **state)
{
    struct speaker speaker;

    (void)state;
    begin_talk();
    speaker = open_from(1, 1, 40000);
    for (int i = 0; i < 3; i++)
        exchange(&speaker, "X-Direction: nobody\r\n", "m", "");
    now_ns = START + 60 * SECOND;
    exchange(&speaker, "", "m", "");
    metering_finish(metering);
    assert_int_equal(closed(0)->body.coverage.local_exchanges, 3);
    assert_int_equal(closed(0)->body.coverage.local_unassigned, 3);
    assert_int_equal(closed(1)->body.coverage.local_exchanges, 1);
    assert_int_equal(closed(1)->body.coverage.local_unassigned, 0);
}

/* The age is rounded up: by the message alone, nothing open may seem to have begun later. */
static void what_is_open_never_seems_younger(void **state)
{
    struct speaker speaker;

    (void)state;
    begin_talk();
    now_ns = START + 60 * SECOND - 1;
    speaker = open_from(1, 1, 40000);
    ask_for(&speaker, "", "m");
    metering_advance(metering, START + 61 * SECOND);
    assert_int_equal(closed(0)->open_s, 1);
}

/* A client that vanished must not hold up the accounts for ever; should it come back, it counts. */
static void a_silent_connection_is_not_waited_for(void **state)
{
    struct speaker speaker;

    (void)state;
    begin_talk();
    speaker = open_from(1, 1, 40000);
    ask_for(&speaker, "", "m");
    for (int i = 1; i <= 20; i++)
        metering_advance(metering, START + 60 * i * SECOND);
    assert_int_equal(closed(14)->open_s, 900);
    assert_int_equal(closed(16)->open_s, 0);
    now_ns = START + 1200 * SECOND;
    answer_with(&speaker, "", 100, 200);
    metering_finish(metering);
    assert_near(use_of(DSN, llama).tokens_out, 200);
}

/* -- New rules ----------------------------------------------------------------------------------
 */

static void rules_may_change_amid_exchanges(void **state)
{
    static const char head[] =
        "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 17\r\n\r\n{\"model\":\"qw";
    struct speaker speaker;

    (void)state;
    models[0] = (struct inference_model){"qwen3", 8080, vllm};
    models[1] = (struct inference_model){"qwen4", 8080, ollama};
    rules.models.count = 2;
    begin_talk();
    speaker = open_from(1, 1, 40000);
    say(&speaker, true, head, TCP_ACK);
    rules.models.count = 0; /* half of a name was read: it is nobody's any more */
    assert_true(set_local());
    say(&speaker, true, "en3\"}", TCP_ACK);
    answer_with(&speaker, "", 10, 20);
    ask_for(&speaker, "", "qwen4");
    rules.models.count = 2;
    assert_true(set_local());
    answer_with(&speaker, "\"model\":\"qwen4\",", 10, 20);
    servers[0].service = vllm;
    assert_true(set_local());
    exchange(&speaker, "", "m", "");
    metering_finish(metering);
    assert_requests(llama, 1);
    assert_requests(ollama, 1);
    assert_requests(vllm, 1);
}

static void servers_may_come_and_go(void **state)
{
    struct speaker speaker;

    (void)state;
    rules.server_count = 0;
    begin_talk();
    speaker = open_from(1, 1, 40000);
    exchange(&speaker, "", "m", "");
    rules.server_count = 1;
    assert_true(set_local()); /* of a connection that began before */
    exchange(&speaker, "", "m", "");
    exchange(&speaker, "", "m", "");
    ask_for(&speaker, "", "m"); /* still open */
    rules.server_count = 0;
    assert_true(set_local());
    assert_requests(vllm, 0);
    answer_with(&speaker, "", 10, 20);
    metering_finish(metering);
    assert_true(activity_of(llama).requests.central >= 2);
    assert_near(use_of(DIRECTIONS, llama).requests, activity_of(llama).requests.central);
    assert_near(activity_of(llama).tokens_out.low, 40);
}

/* A client of something else may use our server's port as its own. */
static void a_client_from_the_port_of_a_server_is_a_client(void **state)
{
    struct speaker speaker = {{127, 0, 1, 9}, 8080, 443, {1, 1}};

    (void)state;
    begin_talk();
    say(&speaker, true, "", TCP_SYN);
    say(&speaker, false, "", TCP_SYN | TCP_ACK);
    say(&speaker, true, "\x16\x03\x01", TCP_ACK);
    say(&speaker, false, "\x16\x03\x01", TCP_ACK);
    metering_finish(metering);
    assert_int_equal(sink_coverage(&sunk).flows, 1);
    assert_int_equal(metering_payload_bytes(metering), 6);
    assert_int_equal(sink_coverage(&sunk).local_refused, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(recordings_give_what_the_server_counted),
        TEST(only_the_leg_of_the_configured_port_counts),
        TEST(packets_of_a_server_are_nothing_elses),
        TEST(each_direction_has_its_own),
        TEST(a_packet_that_comes_twice_counts_once),
        TEST(the_same_packets_give_the_same_sums_in_the_same_order),
        TEST(workers_find_together_what_one_does),
        TEST(what_was_not_said_is_an_estimate_with_its_band),
        TEST(a_stream_without_usage_is_counted_by_its_events),
        TEST(what_is_lost_is_a_request_and_said),
        TEST(errors_and_what_is_no_inference_are_bytes_alone),
        TEST(nonsense_of_a_server_goes_no_further),
        TEST(a_body_in_an_unknown_coding_is_counted),
        TEST(an_unread_request_is_a_guess),
        TEST(a_request_with_a_gap_is_no_smaller),
        TEST(a_model_that_is_configured_has_its_own_service),
        TEST(models_in_a_cloud_take_no_local_energy),
        TEST(a_server_that_counts_itself_is_not_metered_from_the_wire),
        TEST(users_are_told_apart_by_what_is_configured),
        TEST(a_key_is_one_user_or_as_many_as_are_declared),
        TEST(a_long_exchange_is_told_of_past_intervals),
        TEST(coverage_is_of_the_interval),
        TEST(what_is_open_never_seems_younger),
        TEST(a_silent_connection_is_not_waited_for),
        TEST(rules_may_change_amid_exchanges),
        TEST(servers_may_come_and_go),
        TEST(a_client_from_the_port_of_a_server_is_a_client),
    };

    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
