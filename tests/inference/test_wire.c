/* SPDX-License-Identifier: GPL-3.0-or-later */

/* On recordings of a real llama-server, whose own counts are beside them (see the README of the
 * fixtures), and on what is done to them: cut anew, repeated, disordered, with losses. */

#include "collectors/inference/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURES    IAGMETER_SOURCE_ROOT "/tests/fixtures/inference"
#define MAX_FOUND   256
#define MAX_PACKETS 4096

enum { UNASSIGNED, DSN, DRH, DCE, DIRECTIONS };

static const char *const codes[DIRECTIONS] = {"unassigned", "DSN", "DRH", "DCE"};

static struct directions *directions;
static struct inference_rules rules;
static struct wire *wire;
static struct wire_counts counts;
static uint32_t max_connections;

static struct found {
    struct wire_exchange wire;
    bool taken;
} found[MAX_FOUND];
static unsigned found_count;

static struct recorded {
    int64_t time_ns;
    struct packet packet;
    uint8_t *bytes;
} packets[MAX_PACKETS];
static size_t packet_count;

static void keep(void *context, const struct wire_exchange *exchange)
{
    (void)context;
    assert_true(found_count < MAX_FOUND);
    found[found_count++] = (struct found){*exchange, false};
}

static int setup(void **state)
{
    static const char *const prefixes[DIRECTIONS] = {NULL, "127.0.1.0/24", "127.0.2.0/24",
                                                     "127.0.3.0/24"};

    (void)state;
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
    rules = (struct inference_rules){
        .directions = directions,
        .header = "x-direction",
        .order = {DIRECTION_BY_HEADER, DIRECTION_BY_ADDRESS},
        .order_count = 2,
    };
    max_connections = 32;
    return 0;
}

static void forget_packets(void)
{
    for (size_t i = 0; i < packet_count; i++)
        free(packets[i].bytes);
    packet_count = 0;
}

static int teardown(void **state)
{
    (void)state;
    forget_packets();
    directions_free(directions);
    return 0;
}

/* -- Recordings ---------------------------------------------------------------------------------
 */

static void load(const char *name)
{
    char path[PATH_MAX];
    char error[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    pcap_t *pcap;

    forget_packets();
    snprintf(path, sizeof(path), FIXTURES "/%s", name);
    pcap = pcap_open_offline(path, error);
    if (!pcap)
        fail_msg("%s", error);
    while (pcap_next_ex(pcap, &header, &bytes) == 1) {
        struct recorded *recorded = &packets[packet_count];

        assert_true(packet_count < MAX_PACKETS);
        if (decode_frame(pcap_datalink(pcap), bytes, header->caplen, header->len,
                         &recorded->packet) != DECODE_TCP)
            continue;
        recorded->time_ns =
            header->ts.tv_sec * INT64_C(1000000000) + header->ts.tv_usec * INT64_C(1000);
        recorded->bytes = malloc(recorded->packet.captured_length + 1);
        assert_non_null(recorded->bytes);
        memcpy(recorded->bytes, recorded->packet.payload, recorded->packet.captured_length);
        recorded->packet.payload = recorded->bytes;
        packet_count++;
    }
    pcap_close(pcap);
}

static void begin(const uint16_t *ports, unsigned port_count)
{
    const struct wire_setup wire_setup = {
        .rules = &rules,
        .ports = ports,
        .port_count = port_count,
        .max_connections = max_connections,
        .keep_addresses = true,
    };

    found_count = 0;
    wire = wire_new(&wire_setup, keep, NULL);
    assert_non_null(wire);
}

static void end(void)
{
    wire_finish(wire);
    counts = *wire_counts(wire);
    wire_free(wire);
}

static void pass(const struct recorded *recorded)
{
    if (wire_wants(wire, &recorded->packet))
        wire_packet(wire, recorded->time_ns, &recorded->packet);
}

static void play(void)
{
    begin(NULL, 0);
    for (size_t i = 0; i < packet_count; i++)
        pass(&packets[i]);
    end();
}

/* -- What the server itself counted ------------------------------------------------------------ */

static bool same_client(const struct wire_exchange *exchange, const char *client)
{
    char text[INET6_ADDRSTRLEN + 8];
    char address[INET6_ADDRSTRLEN];

    inet_ntop(AF_INET, exchange->client.bytes, address, sizeof(address));
    snprintf(text, sizeof(text), "%s:%u", address, exchange->client_port);
    return strcmp(text, client) == 0;
}

/* The client measured, on a machine that was busy: it is told some ms later. */
static bool near(int64_t time_ns, const json_t *truth)
{
    return !truth || fabs((double)time_ns / 1e9 - json_number_value(truth)) < 0.02;
}

static bool agrees(const struct wire_exchange *wire_exchange, json_t *truth, bool behind_proxy)
{
    const struct inference_exchange *exchange = &wire_exchange->exchange;
    const json_t *cached = json_object_get(truth, "cached_tokens");
    const char *department = json_string_value(json_object_get(truth, "department"));

    return inference_exchange_counts(exchange) && exchange->grade == GRADE_A &&
           exchange->counts.input_known &&
           (int64_t)exchange->counts.tokens_in ==
               json_integer_value(json_object_get(truth, "prompt_tokens")) &&
           (int64_t)exchange->counts.tokens_out ==
               json_integer_value(json_object_get(truth, "completion_tokens")) &&
           (!json_is_integer(cached) ||
            (int64_t)exchange->counts.tokens_cached == json_integer_value(cached)) &&
           (!department || strcmp(codes[exchange->direction], department) == 0) &&
           (behind_proxy ||
            (same_client(wire_exchange, json_string_value(json_object_get(truth, "client"))) &&
             near(exchange->start_ns, json_object_get(truth, "t0")) &&
             near(exchange->end_ns, json_object_get(truth, "t1"))));
}

/* Of TLS in front of a proxy, the recording has the clear leg behind it too. */
static bool has_proxy(const char *capture)
{
    return capture[0] == '2' && (capture[1] == '4' || capture[1] == '5');
}

static void find_row(json_t *truth, const char *capture)
{
    for (unsigned i = 0; i < found_count; i++)
        if (!found[i].taken && agrees(&found[i].wire, truth, has_proxy(capture))) {
            found[i].taken = true;
            return;
        }
    fail_msg("%s: no exchange agrees with %s", capture, json_dumps(truth, 0));
}

/* Whether the wire can tell: not when the answer has no counts, is aborted or cut short by the snap
 * length. */
static bool is_exact(json_t *truth, const char *capture)
{
    return json_is_integer(json_object_get(truth, "completion_tokens")) &&
           !json_is_true(json_object_get(truth, "aborted_by_client")) &&
           strcmp(capture, "28_snaplen_128.pcap") != 0;
}

static unsigned compare(const char *capture)
{
    FILE *stream = fopen(FIXTURES "/truth.jsonl", "re");
    unsigned rows = 0;
    char line[4096];

    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream)) {
        json_t *truth = json_loads(line, 0, NULL);
        const char *name;

        assert_non_null(truth);
        name = json_string_value(json_object_get(truth, "pcap"));
        if (strcmp(name, capture) == 0 && !json_object_get(truth, "summary") &&
            is_exact(truth, capture)) {
            find_row(truth, capture);
            rows++;
        }
        json_decref(truth);
    }
    fclose(stream);
    return rows;
}

/* The one that is left, when there should be one. */
static const struct inference_exchange *only_other(void)
{
    const struct inference_exchange *other = NULL;

    for (unsigned i = 0; i < found_count; i++)
        if (!found[i].taken && inference_exchange_counts(&found[i].wire.exchange)) {
            assert_null(other);
            other = &found[i].wire.exchange;
        }
    return other;
}

static void assert_no_other(const char *capture)
{
    for (unsigned i = 0; i < found_count; i++)
        if (!found[i].taken && inference_exchange_counts(&found[i].wire.exchange))
            fail_msg("%s: one exchange more than the server answered", capture);
}

static const struct {
    const char *name;
    unsigned exact; /* requests whose counts are on the wire */
} captures[] = {
    {"01_nonstream_close.pcap", 1},
    {"03_stream_with_usage.pcap", 1},
    {"04_stream_without_usage.pcap", 1},
    {"05_stream_keepalive_mixed.pcap", 4},
    {"07_dialects.pcap", 9},
    {"08_errors.pcap", 0},
    {"10_expect_100_continue.pcap", 1},
    {"11_prompt_cache_hit.pcap", 3},
    {"14_chunked_request_body.pcap", 1},
    {"20_slow_interleaved_3_departments.pcap", 6},
    {"23_unauthorised_401.pcap", 0},
    {"24_tls_h1_reverse_proxy_both_sides.pcap", 3},
    {"25_tls_h2_curl.pcap", 1},
    {"40_SYNTH_ollama_ndjson.pcap", 3},
};

static void assert_truth(const char *name, unsigned exact)
{
    assert_int_equal(compare(name), exact);
    assert_no_other(name);
}

static void recordings_give_what_the_server_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(captures) / sizeof(*captures); i++) {
        load(captures[i].name);
        play();
        assert_truth(captures[i].name, captures[i].exact);
        assert_int_equal(counts.exchanges, captures[i].exact);
        assert_int_equal(counts.lost, 0);
        assert_int_equal(counts.refused, 0);
        assert_int_equal(counts.unknown_directions, 0);
    }
}

/* The server's log has 12 tokens; the wire has as many events, and says nothing of the prompt. */
static void assert_abort(void)
{
    const struct inference_exchange *exchange = only_other();

    assert_non_null(exchange);
    assert_int_equal(exchange->outcome, OUTCOME_ABORTED);
    assert_int_equal(exchange->counts.basis, USAGE_COUNTED);
    assert_int_equal(exchange->counts.tokens_out, 12);
    assert_false(exchange->counts.input_known);
    assert_int_equal(exchange->grade, GRADE_D);
    assert_int_equal(exchange->direction, DSN);
}

static void an_aborted_stream_is_counted(void **state)
{
    (void)state;
    load("21_client_abort_midstream.pcap");
    play();
    assert_abort();
}

/* 18 tokens, says the note of the truth, without usage; then 29 of a stream that was aborted. */
static void vllm_with_and_without_usage(void **state)
{
    unsigned counted = 0;
    unsigned aborted = 0;

    (void)state;
    load("41_SYNTH_vllm_sse.pcap");
    play();
    assert_int_equal(compare("41_SYNTH_vllm_sse.pcap"), 3);
    for (unsigned i = 0; i < found_count; i++) {
        const struct inference_exchange *exchange = &found[i].wire.exchange;

        assert_int_equal(exchange->direction, DRH);
        if (exchange->counts.basis == USAGE_COUNTED) {
            assert_int_equal(exchange->counts.tokens_out, 18);
            assert_int_equal(exchange->grade, GRADE_C);
            counted++;
        } else if (exchange->outcome == OUTCOME_ABORTED) {
            assert_int_equal(exchange->counts.tokens_in, 41);
            assert_int_equal(exchange->counts.tokens_out, 29);
            assert_int_equal(exchange->grade, GRADE_B);
            aborted++;
        }
    }
    assert_int_equal(found_count, 5);
    assert_int_equal(counted, 1);
    assert_int_equal(aborted, 1);
}

static void what_the_snap_length_cut_is_said_to_be_lost(void **state)
{
    (void)state;
    load("28_snaplen_128.pcap");
    play();
    assert_int_equal(found_count, 2);
    assert_int_equal(counts.lost, 2);
    assert_true(counts.bytes_lost > 4000);
    for (unsigned i = 0; i < found_count; i++) {
        assert_int_equal(found[i].wire.exchange.outcome, OUTCOME_LOST);
        assert_int_equal(found[i].wire.exchange.endpoint, ENDPOINT_CHAT);
        assert_int_equal(found[i].wire.exchange.grade, GRADE_E);
        assert_int_equal(found[i].wire.exchange.counts.tokens_out, 0);
    }
}

static void errors_have_their_status_and_no_tokens(void **state)
{
    unsigned statuses[600] = {0};

    (void)state;
    load("08_errors.pcap");
    play();
    assert_int_equal(found_count, 4);
    for (unsigned i = 0; i < found_count; i++) {
        assert_int_equal(found[i].wire.exchange.outcome, OUTCOME_ERROR);
        assert_int_equal(found[i].wire.exchange.grade, GRADE_NONE);
        assert_int_equal(found[i].wire.exchange.counts.tokens_in, 0);
        statuses[found[i].wire.exchange.status]++;
    }
    assert_int_equal(statuses[400], 2);
    assert_int_equal(statuses[404], 1);
    assert_int_equal(statuses[501], 1);
}

/* -- Whatever the network does --------------------------------------------------------------------
 */

static void pass_piece(const struct recorded *recorded, uint32_t from, uint32_t to)
{
    struct recorded piece = *recorded;
    uint32_t captured = recorded->packet.captured_length;
    uint32_t part = (from < captured ? (to < captured ? to : captured) - from : 0);
    uint8_t *copy = malloc(part + 1);

    assert_non_null(copy);
    memcpy(copy, recorded->packet.payload + (part ? from : 0), part);
    piece.packet.payload = copy;
    piece.packet.captured_length = part;
    piece.packet.payload_length = to - from;
    piece.packet.sequence += from;
    if (to < recorded->packet.payload_length)
        piece.packet.tcp_flags &= (uint8_t) ~(TCP_FIN | TCP_RST);
    pass(&piece);
    free(copy);
}

/* One connection was open before the capture began: which end is which, the first few bytes of a
 * segment could not tell. */
static const uint16_t server_ports[] = {8000, 8080, 8081, 11434};

static void play_cut(uint32_t size)
{
    begin(server_ports, 4);
    for (size_t i = 0; i < packet_count; i++) {
        uint32_t length = packets[i].packet.payload_length;

        if (length == 0)
            pass(&packets[i]);
        for (uint32_t at = 0; at < length; at += size)
            pass_piece(&packets[i], at, length - at < size ? length : at + size);
    }
    end();
}

static void segments_may_be_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(captures) / sizeof(*captures); i++) {
        load(captures[i].name);
        for (uint32_t size = 1; size < 80; size += size < 20 ? 1 : 13) {
            play_cut(size);
            assert_truth(captures[i].name, captures[i].exact);
        }
    }
    load("21_client_abort_midstream.pcap");
    for (uint32_t size = 1; size < 20; size++) {
        play_cut(size);
        assert_abort();
    }
}

static void segments_may_come_twice_or_overtake_each_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(captures) / sizeof(*captures); i++) {
        if (strncmp(captures[i].name, "25", 2) == 0)
            continue; /* where its connection begins is not known */
        load(captures[i].name);
        begin(NULL, 0);
        for (size_t j = 0; j < packet_count; j++) {
            uint32_t length = packets[j].packet.payload_length;

            if (length < 4) {
                pass(&packets[j]);
                continue;
            }
            pass_piece(&packets[j], length / 2, length);
            pass_piece(&packets[j], length / 4, length - 1);
            pass_piece(&packets[j], 0, length / 2);
            pass(&packets[j]);
        }
        end();
        assert_truth(captures[i].name, captures[i].exact);
    }
}

/* Without the opening; and with all of a connection but what ends it. */
static void connections_may_have_begun_before_and_end_after(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(captures) / sizeof(*captures); i++) {
        load(captures[i].name);
        begin(NULL, 0);
        for (size_t j = 0; j < packet_count; j++) {
            struct recorded recorded = packets[j];

            recorded.packet.tcp_flags &= TCP_ACK;
            if (!(packets[j].packet.tcp_flags & TCP_SYN))
                pass(&recorded);
        }
        end();
        assert_truth(captures[i].name, captures[i].exact);
    }
}

/* Of either end, far ahead, before each segment: once or twice; and one that says nothing new but
 * an acknowledgement of what was not sent. Nobody would know where a connection is of which the
 * opening was not seen. */
static void a_forged_segment_hides_nothing(void **state)
{
    static const uint32_t far_away[] = {(64U << 10) + 1, 1U << 20, 60U << 20, 1U << 30, 3U << 30};

    (void)state;
    for (size_t i = 0; i < sizeof(captures) / sizeof(*captures); i++) {
        if (strncmp(captures[i].name, "25", 2) == 0)
            continue;
        load(captures[i].name);
        for (size_t j = 0; j < 2 * sizeof(far_away) / sizeof(*far_away); j++) {
            begin(NULL, 0);
            for (size_t k = 0; k < packet_count; k++) {
                struct recorded forged = packets[k];

                forged.packet.sequence += far_away[j / 2];
                forged.packet.acknowledgement += 5000;
                for (size_t more = 0; more <= j % 2 && forged.packet.payload_length > 0; more++)
                    pass(&forged);
                pass(&packets[k]);
                forged.packet.sequence = packets[k].packet.sequence; /* a late copy, it seems */
                forged.packet.tcp_flags &= TCP_ACK;
                if (forged.packet.payload_length > 0)
                    pass(&forged);
            }
            end();
            assert_truth(captures[i].name, captures[i].exact);
        }
    }
}

/* Two that go on one from another are believed to be where they say; but where that is too far to
 * be of this connection, what they acknowledge is nothing either. */
static void forged_segments_far_away_acknowledge_nothing(void **state)
{
    static const uint32_t far_away[] = {(64U << 20) + 4096, 1U << 30, 3U << 30};

    (void)state;
    for (size_t i = 0; i < sizeof(captures) / sizeof(*captures); i++) {
        if (strncmp(captures[i].name, "25", 2) == 0)
            continue;
        load(captures[i].name);
        for (size_t j = 0; j < sizeof(far_away) / sizeof(*far_away); j++) {
            begin(NULL, 0);
            for (size_t k = 0; k < packet_count; k++) {
                struct recorded forged = packets[k];

                forged.packet.sequence += far_away[j];
                forged.packet.acknowledgement += 1U << 20;
                for (size_t more = 0; more < 2 && forged.packet.payload_length > 0; more++) {
                    pass(&forged);
                    forged.packet.sequence += forged.packet.payload_length;
                }
                pass(&packets[k]);
            }
            end();
            assert_truth(captures[i].name, captures[i].exact);
        }
    }
}

/* Of either end, before each packet but a connection's first: a SYN, or one that acknowledges. */
static void a_forged_opening_hides_nothing(void **state)
{
    static const uint32_t away[] = {0U - 10000, 12, 1U << 20, 1U << 30, 3U << 30};
    static const uint8_t flags[] = {TCP_SYN, TCP_SYN | TCP_ACK};

    (void)state;
    for (size_t i = 0; i < sizeof(captures) / sizeof(*captures); i++) {
        if (strncmp(captures[i].name, "25", 2) == 0)
            continue;
        load(captures[i].name);
        for (size_t j = 0; j < 2 * sizeof(away) / sizeof(*away); j++) {
            begin(NULL, 0);
            for (size_t k = 0; k < packet_count; k++) {
                struct recorded forged = packets[k];

                forged.packet.tcp_flags = flags[j % 2];
                forged.packet.sequence += away[j / 2];
                if (j % 2) /* else it acknowledges nothing, whatever is there */
                    forged.packet.acknowledgement += 5000;
                if (!(packets[k].packet.tcp_flags & TCP_SYN) ||
                    packets[k].packet.tcp_flags & TCP_ACK)
                    pass(&forged);
                pass(&packets[k]);
                pass(&forged);
            }
            end();
            assert_truth(captures[i].name, captures[i].exact);
            assert_int_equal(counts.lost, 0);
        }
    }
}

/* -- Ports that are used again ------------------------------------------------------------------
 */

enum again {
    AGAIN_PLAIN,
    AGAIN_REPEATED,       /* the SYN comes twice */
    AGAIN_UNANSWERED,     /* the other's is not captured */
    AGAIN_ANSWERED_FIRST, /* the other's is captured first */
    AGAIN_LATE,           /* both come again later */
    AGAIN_FORGED,
    AGAIN_EARLY, /* the request comes with the SYN (RFC 7413) */
    AGAIN_COUNT
};

/* All of the recording but what closes its connection, its numbers so far AWAY. */
static void pass_again(enum again how, uint32_t away, bool closes)
{
    bool early = how == AGAIN_EARLY;
    size_t request = 2;

    while (packets[request].packet.payload_length == 0)
        request++;
    for (size_t i = 0; i < packet_count; i++) {
        size_t at = how == AGAIN_ANSWERED_FIRST && i < 2 ? 1 - i : i;
        struct recorded recorded = packets[at];
        struct recorded forged;

        recorded.packet.sequence += away;
        recorded.packet.acknowledgement += away;
        if (!closes)
            recorded.packet.tcp_flags &= (uint8_t) ~(TCP_FIN | TCP_RST);
        if ((at == 1 && how == AGAIN_UNANSWERED) || (at == request && early))
            continue;
        if (at == 0 && early) {
            recorded.packet.payload = packets[request].packet.payload;
            recorded.packet.captured_length = packets[request].packet.captured_length;
            recorded.packet.payload_length = packets[request].packet.payload_length;
        }
        if (at == 1 && early)
            recorded.packet.acknowledgement += packets[request].packet.payload_length;
        if (early && at > request && recorded.packet.payload_length > 1) { /* in two, overtaken */
            pass_piece(&recorded, recorded.packet.payload_length / 2,
                       recorded.packet.payload_length);
            pass_piece(&recorded, 0, recorded.packet.payload_length / 2);
        }
        pass(&recorded);
        if (how == AGAIN_REPEATED && at == 0)
            pass(&recorded);
        for (uint32_t j = 1; j < 4 && how == AGAIN_FORGED && at < 2; j++) {
            forged = recorded;
            forged.packet.sequence += j << 24;
            forged.packet.acknowledgement += j << 27;
            pass(&forged);
        }
        if (how == AGAIN_FORGED && at == request) {
            forged = packets[1]; /* what was acknowledged opens no more */
            forged.packet.sequence += 5000;
            forged.packet.acknowledgement += away;
            pass(&forged);
        }
        for (size_t j = 0; j < 2 && how == AGAIN_LATE && at == request; j++) {
            forged = packets[j];
            forged.packet.sequence += away;
            forged.packet.acknowledgement += away;
            pass(&forged);
        }
    }
}

/* Without a close, a second connection on the same ports, of whatever numbers, counts as the first
 * does; so it does after a close. */
static void ports_may_be_used_again(void **state)
{
    static const uint32_t away[] = {1U << 30, 3U << 30, 100000, 7, 0U - 7, 0U - 5000};

    (void)state;
    load("01_nonstream_close.pcap");
    assert_int_equal(packets[0].packet.tcp_flags, TCP_SYN);
    assert_int_equal(packets[1].packet.tcp_flags, TCP_SYN | TCP_ACK);
    for (size_t i = 0; i < 6 * 2; i++)
        for (unsigned how = 0; how < AGAIN_COUNT; how++) {
            begin(NULL, 0);
            pass_again(AGAIN_PLAIN, 0, i % 2);
            pass_again(how, away[i / 2], true);
            end();
            assert_int_equal(counts.exchanges, 2);
            assert_int_equal(counts.lost, 0);
            assert_int_equal(counts.bytes_lost, 0);
            assert_int_equal(compare("01_nonstream_close.pcap"), 1);
            assert_int_equal(compare("01_nonstream_close.pcap"), 1);
        }
}

/* Each data segment in its turn is not captured. What remains is never wrong, only less. */
static void a_lost_segment_makes_nothing_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(captures) / sizeof(*captures); i++) {
        uint64_t sum[2] = {0, 0};

        load(captures[i].name);
        play();
        for (unsigned j = 0; j < found_count; j++) {
            sum[0] += found[j].wire.exchange.counts.tokens_in;
            sum[1] += found[j].wire.exchange.counts.tokens_out;
        }
        for (size_t lost = 0; lost < packet_count; lost++) {
            uint64_t left[2] = {0, 0};

            begin(NULL, 0);
            for (size_t j = 0; j < packet_count; j++)
                if (j != lost)
                    pass(&packets[j]);
            end();
            for (unsigned j = 0; j < found_count; j++) {
                left[0] += found[j].wire.exchange.counts.tokens_in;
                left[1] += found[j].wire.exchange.counts.tokens_out;
            }
            assert_true(left[0] <= sum[0] && left[1] <= sum[1]);
        }
    }
}

static void only_the_ports_of_the_servers_are_followed(void **state)
{
    static const uint16_t other[] = {8000, 11434};
    static const uint16_t own[] = {8081};

    (void)state;
    load("20_slow_interleaved_3_departments.pcap");
    begin(other, 2);
    for (size_t i = 0; i < packet_count; i++)
        pass(&packets[i]);
    end();
    assert_int_equal(found_count, 0);
    begin(own, 1);
    for (size_t i = 0; i < packet_count; i++)
        pass(&packets[i]);
    end();
    assert_truth("20_slow_interleaved_3_departments.pcap", 6);
}

static void add_prefix(const char *text, uint16_t direction)
{
    struct address network;
    unsigned length;

    assert_null(directions_parse_prefix(text, &network, &length));
    assert_null(directions_add_prefix(directions, &network, length, direction));
}

/* As a proxy keeps one open for days. */
static void new_rules_are_for_connections_that_are_open_too(void **state)
{
    unsigned others = 0;

    (void)state;
    rules.order[0] = DIRECTION_BY_ADDRESS;
    rules.order_count = 1;
    load("05_stream_keepalive_mixed.pcap");
    begin(NULL, 0);
    for (size_t i = 0; i < packet_count; i++) {
        unsigned before = found_count;

        pass(&packets[i]);
        if (before > 0 || found_count == 0)
            continue;
        add_prefix("127.0.0.0/24", DCE);
        wire_set_rules(wire, &rules, NULL, 0);
    }
    end();
    assert_int_equal(found[0].wire.exchange.direction, UNASSIGNED);
    for (unsigned i = 1; i < found_count; i++) {
        others += found[i].wire.client_port == found[0].wire.client_port;
        assert_int_equal(found[i].wire.exchange.direction, DCE);
    }
    assert_true(others > 0);
}

static void addresses_are_kept_on_demand_only(void **state)
{
    const struct wire_setup wire_setup = {.rules = &rules, .max_connections = 16};
    static const uint8_t nothing[16];

    (void)state;
    load("20_slow_interleaved_3_departments.pcap");
    found_count = 0;
    wire = wire_new(&wire_setup, keep, NULL);
    for (size_t i = 0; i < packet_count; i++)
        pass(&packets[i]);
    end();
    assert_int_equal(counts.exchanges, 6);
    for (unsigned i = 0; i < found_count; i++) {
        assert_memory_equal(found[i].wire.client.bytes, nothing, 16);
        assert_memory_equal(found[i].wire.server.bytes, nothing, 16);
        assert_int_equal(found[i].wire.client_port, 0);
    }
}

/* -- Full tables ----------------------------------------------------------------------------------
 */

static void flood(uint16_t from, uint16_t count, const char *text, uint8_t flags)
{
    struct recorded recorded = {.packet = {.destination_port = 8080, .protocol = PROTOCOL_TCP}};

    recorded.packet.source = (struct address){4, {10, 0, 0, 1}};
    recorded.packet.destination = (struct address){4, {10, 0, 0, 2}};
    recorded.packet.payload = (const uint8_t *)text;
    recorded.packet.captured_length = (uint32_t)strlen(text);
    recorded.packet.payload_length = (uint32_t)strlen(text);
    recorded.packet.tcp_flags = flags;
    for (uint16_t i = 0; i < count; i++) {
        recorded.packet.source_port = (uint16_t)(from + i);
        pass(&recorded);
    }
}

/* Those that speak no HTTP go first. */
static void a_full_table_makes_room_and_says_so(void **state)
{
    (void)state;
    load("01_nonstream_close.pcap");
    begin(NULL, 0);
    for (size_t i = 0; i < 4; i++) /* the request was sent */
        pass(&packets[i]);
    flood(1000, 5000, "\x16\x03\x01 no HTTP", TCP_ACK);
    assert_int_equal(wire_counts(wire)->evicted, 0);
    for (size_t i = 4; i < packet_count; i++)
        pass(&packets[i]);
    end();
    assert_truth("01_nonstream_close.pcap", 1);

    begin(NULL, 0);
    for (size_t i = 0; i < 4; i++)
        pass(&packets[i]);
    flood(1000, 100, "", TCP_SYN);
    assert_int_equal(wire_counts(wire)->evicted, 101 - max_connections);
    end();
    assert_int_equal(found_count, 1);
    assert_int_equal(found[0].wire.exchange.outcome, OUTCOME_UNANSWERED);
}

/* A server that is asked in TLS, or in HTTP/2, would else seem to be asked nothing. */
static void another_protocol_on_the_port_of_a_server_is_told(void **state)
{
    static const uint16_t ports[] = {8080};

    (void)state;
    load("01_nonstream_close.pcap");
    begin(ports, 1);
    flood(1000, 3, "\x16\x03\x01 no HTTP", TCP_SYN);
    flood(2000, 2, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", TCP_SYN);
    end();
    assert_int_equal(found_count, 0);
    assert_int_equal(counts.refused, 5);
    begin(NULL, 0); /* but not where every port is looked at */
    flood(1000, 3, "\x16\x03\x01 no HTTP", TCP_SYN);
    end();
    assert_int_equal(counts.refused, 0);
}

static void what_ends_from_afar_ends_nothing(void **state)
{
    static const uint8_t flags[] = {TCP_RST, TCP_FIN | TCP_ACK};
    static const uint32_t distances[] = {1U << 24, 0U - (1U << 24)};

    (void)state;
    load("01_nonstream_close.pcap");
    for (unsigned j = 0; j < 4; j++) {
        begin(NULL, 0);
        for (size_t i = 0; i < packet_count; i++) {
            struct recorded forged = packets[i];

            forged.packet.tcp_flags = flags[j / 2];
            forged.packet.sequence += distances[j % 2];
            forged.packet.payload_length = 0;
            forged.packet.captured_length = 0;
            pass(&packets[i]);
            if (i > 1 && i < packet_count - 4)
                pass(&forged);
        }
        end();
        assert_truth("01_nonstream_close.pcap", 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(recordings_give_what_the_server_counted),
        TEST(an_aborted_stream_is_counted),
        TEST(vllm_with_and_without_usage),
        TEST(what_the_snap_length_cut_is_said_to_be_lost),
        TEST(errors_have_their_status_and_no_tokens),
        TEST(segments_may_be_cut_anywhere),
        TEST(segments_may_come_twice_or_overtake_each_other),
        TEST(connections_may_have_begun_before_and_end_after),
        TEST(a_forged_segment_hides_nothing),
        TEST(forged_segments_far_away_acknowledge_nothing),
        TEST(a_forged_opening_hides_nothing),
        TEST(ports_may_be_used_again),
        TEST(a_lost_segment_makes_nothing_up),
        TEST(only_the_ports_of_the_servers_are_followed),
        TEST(new_rules_are_for_connections_that_are_open_too),
        TEST(addresses_are_kept_on_demand_only),
        TEST(a_full_table_makes_room_and_says_so),
        TEST(another_protocol_on_the_port_of_a_server_is_told),
        TEST(what_ends_from_afar_ends_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
