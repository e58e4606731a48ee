/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/cursor.h"
#include "collectors/capture/decode.h"
#include "collectors/capture/metering.h"
#include "daemon/message.h"
#include "tests/capture/cut.h"
#include "tests/capture/dnswire.h"
#include "tests/capture/quicpackets.h"
#include "tests/capture/tunnels.h"

#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>

/* The input is a series of frames: one byte of time since the last one, one of link type, two of
 * captured length, then the frame. With BUILT in the second, what follows chooses a frame that is
 * made here: noise would never hit upon a QUIC Initial that can be opened, or a tunnel of a
 * conversation that goes on. OVERHEARD ones count as another worker's. Whatever they are, the sums
 * must be ones that the meter accepts, and bytes must be conserved. */
#define CUT       128
#define BUILT     64
#define OVERHEARD 32

static const int64_t steps_ms[] = {0,      1,      5,       20,    100,     400,
                                   1000,   2500,   7000,    60000, 299000,  -500,
                                   301000, 901000, 8000000, -2000, -3600000};
static const int link_types[] = {DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL, DLT_LINUX_SLL2};

static struct catalogue *catalogue;
static struct directions *directions;

static void check(struct message *message)
{
    if (!message_check(message, SENDER_CAPTURE))
        abort();
}

static void take_activity(void *context, int64_t interval_start, const struct activity *activity)
{
    struct message message;

    (void)context;
    (void)interval_start;
    message_start(&message, MESSAGE_ACTIVITY);
    message.body.activity = *activity;
    check(&message);
}

static void take_devices(void *context, const struct device_count *count)
{
    struct message message;

    (void)context;
    message_start(&message, MESSAGE_DEVICES);
    message.body.devices = *count;
    check(&message);
}

static void take_closed(void *context, int64_t interval_start, const struct coverage *coverage,
                        uint32_t open_s)
{
    (void)open_s;
    struct message message;

    (void)interval_start;
    (*(unsigned *)context)++;
    message_start(&message, MESSAGE_CLOSED);
    message.body.coverage = *coverage;
    check(&message);
}

static void take_flow(void *context, const struct flow_record *record)
{
    (void)context;
    if (!record->name || strlen(record->name) > 255 || !record->transport || !record->ech)
        abort();
}

#define IMAGES "images.example"

/* The names of the demonstration, which the seeds are from, and those of what is built here. */
static void make_rules(void)
{
    static const struct {
        const char *host;
        enum service_role role;
        uint16_t service; /* 1: a web application */
    } hosts[] = {
        {".openai.com", ROLE_INFERENCE, 0}, {".chatgpt.com", ROLE_SHARED, 1},
        {".anthropic.com", ROLE_ASSETS, 0}, {".claude.ai", ROLE_TELEMETRY, 0},
        {".mistral.ai", ROLE_INFERENCE, 1}, {".gouv.fr", ROLE_INFERENCE, 0},
        {"api.example", ROLE_INFERENCE, 0}, {"shared.example", ROLE_SHARED, 1},
        {IMAGES, ROLE_IMAGES, 1},
    };
    struct service service = {
        .id = "any",
        .estimator = {.method = METHOD_M2,
                      .grade = GRADE_B,
                      .request_bytes_min = 100,
                      .request_record_min = 50,
                      .burst_gap_s = 2,
                      .answer_record_min = 35,
                      .answer_bytes_min = 50,
                      .answer_gap_s = 6,
                      .cut = SHIPPED_CUT,
                      .refusal_record_max = 100,
                      .refusal_head_bytes_max = 200,
                      .refusal_s_max = 0.1,
                      .whole_tokens_per_second_max = 100,
                      .whole_record_min = 200,
                      .whole_record_overhead_bytes = 50,
                      .whole_alone_factor = 1.5,
                      .whole_pause_s = 0.25,
                      .smallest_records_min = 3,
                      .smallest_event_bytes = 2,
                      .signature_bytes_min = 50,
                      .signature_call_bytes = 20,
                      .at_once_gap_s = 1,
                      .http1_less_bytes = 7,
                      .quic_more_bytes = 2,
                      .overhead_new_bytes = {10, 20, 30},
                      .record_base_bytes = {10, 20, 30},
                      .event_text_bytes = 5,
                      .record_max_bytes = 300,
                      .bytes_per_token = {2, 4, 6},
                      .whole_records_max = 2,
                      .whole_overhead_bytes = {10, 20, 30},
                      .whole_bytes_per_token = {1, 2, 3},
                      .exchange_sigma = 0.5,
                      .bytes_per_request = {1e4, 2e4, 3e4},
                      .output_prior_tokens = {1, 2, 3},
                      .input_prior_tokens = {1, 2, 3},
                      .input_method = INPUT_BODY,
                      .input_bytes_per_token = {2, 4, 6}},
    };
    struct service page = {
        .id = "page",
        .estimator = {.method = METHOD_M5,
                      .grade = GRADE_C,
                      .request_bytes_min = 100,
                      .request_record_min = 50,
                      .burst_gap_s = 2,
                      .answer_record_min = 35,
                      .answer_bytes_min = 50,
                      .answer_gap_s = 6,
                      .cut = SHIPPED_CUT,
                      .answer_s_min = 0.01,
                      .answer_steps_min = 2,
                      .reply_s = 0.02,
                      .step_bytes_max = 2000,
                      .rest_s = 1,
                      .overlap_bytes_min = 300,
                      .overlap_quic_bytes_min = 400,
                      .overlap_step_bytes_min = 50,
                      .end_record_max = 100,
                      .replies_end = true,
                      .begin_record_min = 300,
                      .begin_record_max = 900,
                      .begin_s = 0.03,
                      .packed_record_min = 20,
                      .packed_request_record_min = 500,
                      .full_datagram_pause_s = 0.04,
                      .sign_of_life_s = 0.05,
                      .upload_bytes_min = 1500,
                      .image_bytes = {1000, 2000, 3000},
                      .image_fetch_s = 1,
                      .image_fetch_share = 0.25,
                      .image_calls_max = 4,
                      .file_bytes_min = 1000,
                      .file_reply_bytes_min = 100,
                      .file_pause_s = 0.05,
                      .file_wait_s = 60,
                      .event_gap_s = 0.005,
                      .tokens_per_second = {10, 20, 30},
                      .regimes_are_all = true,
                      .regime_count = 1,
                      .regimes = {{.records_per_s_max = 20,
                                   .rule = {.method = METHOD_M3,
                                            .grade = GRADE_C,
                                            .tokens_per_record = {1, 2, 3},
                                            .overhead_records = {0, 1, 2},
                                            .exchange_sigma = 0.5}}},
                      .input_prior_tokens = {1, 2, 3}},
    };

    catalogue = catalogue_new();
    directions = directions_new();
    if (!catalogue || !directions || !catalogue_set_service(catalogue, 0, &service) ||
        !catalogue_set_service(catalogue, 1, &page))
        abort();
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        if (catalogue_add_host(catalogue, hosts[i].host, hosts[i].service, hosts[i].role))
            abort();
    if (catalogue_add_ech_name(catalogue, "ech.example") ||
        catalogue_add_resolver(catalogue, "doh.example") ||
        catalogue_add_resolver_address(catalogue, "203.0.113.7"))
        abort();
}

/* -- Frames that are built ----------------------------------------------------------------------
 */

static const char *const names[] = {"api.example", "shared.example", "ech.example",
                                    "doh.example", "www.example",    NULL};
#define NAMES (sizeof(names) / sizeof(names[0]))

#define MESSAGES 28
#define HELLOS   16 /* of QUIC, and */
#define INITIALS 32 /* with what follows them */
#define TALKS    8

/* What a conversation may consist of, made once. */
static struct piece {
    uint8_t bytes[2200];
    uint32_t length;
} messages[MESSAGES], initials[INITIALS], answers[NAMES];

static size_t message_count;

static void keep(struct piece *piece, const void *bytes, size_t length)
{
    if (length > sizeof(piece->bytes))
        abort();
    memcpy(piece->bytes, bytes, length);
    piece->length = (uint32_t)length;
}

static void keep_message(const void *bytes, size_t length)
{
    if (message_count == MESSAGES)
        abort();
    keep(&messages[message_count++], bytes, length);
}

static void make_messages(void)
{
    static struct bytes bytes;

    for (size_t i = 0; i < NAMES; i++) {
        struct hello_parts hello = {.name = names[i], .ech = i & 1, .padding = i % 3 * 700};

        bytes.length = 0;
        put_hello(&bytes, &hello);
        keep_message(bytes.at, bytes.length);
    }
    for (unsigned size = 30; size < 2100; size *= 4) {
        bytes.length = 0;
        put_record(&bytes, size);
        keep_message(bytes.at, bytes.length);
    }
#define TEXT(text) keep_message(text, sizeof(text) - 1)
    TEXT("CONNECT api.example:443 HTTP/1.1\r\nHost: api.example\r\n\r\n");
    TEXT("CONNECT www.example:443 HTTP/1.1\r\n\r\n");
    TEXT("HTTP/1.1 407 Authenticate\r\nContent-Length: 0\r\n\r\n");
    TEXT("POST /v1 HTTP/1.1\r\nHost: api.example\r\n\r\n");
    TEXT("GET http://www.example/ HTTP/1.1\r\nHost: www.example\r\n\r\n");
    TEXT("POST http://shared.example/ HTTP/1.1\r\nHost: api.example\r\n\r\n");
    TEXT("HTTP/1.1 100 Continue\r\n\r\n");
    TEXT("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"choices\": [{\"delta\": \"four words at "
         "most\"}]}");
    TEXT("PROXY TCP4 10.2.0.1 203.0.113.9 51000 443\r\n");
    TEXT("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\2\0\1\0\0\0\0\0\0\0\0");
    TEXT("\5\1\0");
    TEXT("\5\1\0\3\13api.example\1\xbb");
    TEXT("\4\1\1\xbb\0\0\0\1me\0api.example\0");
}

/* DNS answers for each name, and the same as parts of a stream. */
static void make_answers(void)
{
    static struct dns_message message;
    static struct bytes stream;

    for (unsigned i = 0; i < NAMES; i++) {
        const char *name = names[i] ? names[i] : "";

        dns_begin(&message, DNS_RESPONSE);
        dns_question(&message, name, DNS_A);
        dns_address(&message, 1, name, 300, address4(203, 0, 113, i & 1));
        dns_address(&message, 1, name, 300, address4(203, 0, 113, 2));
        keep(&answers[i], message.wire.at, message.wire.length);
        if (i < 3) {
            stream.length = 0;
            put_u16(&stream, (unsigned)message.wire.length);
            put_bytes(&stream, message.wire.at, message.wire.length);
            keep_message(stream.at, stream.length);
        }
    }
}

/* The last of them, so that the seeds mean what they meant. */
static void make_images(void)
{
    const struct hello_parts hello = {.name = IMAGES};
    static struct bytes bytes;

    put_hello(&bytes, &hello);
    keep_message(bytes.at, bytes.length);
}

/* For four names: a hello in one datagram, its two halves, and the first half once more after a
 * Retry. */
static void make_initials(void)
{
    static struct bytes message;
    static struct bytes plain;
    static struct bytes datagram;

    for (unsigned i = 0; i < HELLOS; i++) {
        const uint8_t id[8] = {(uint8_t)(i / 4), (uint8_t)(i % 4 == 3)};
        struct packet_parts parts = {.version = i / 4 == 2 ? 0x6b3343cf : 1,
                                     .salt = i / 4 == 2 ? PACKET_SALT_V2 : PACKET_SALT_V1,
                                     .v2 = i / 4 == 2,
                                     .id = id,
                                     .id_length = sizeof(id),
                                     .number = i % 4};
        struct hello_parts hello = {.name = names[i / 4 * 2 % NAMES], .padding = 600};
        size_t half;

        if (i % 4 == 0) {
            message.length = 0;
            put_hello_message(&message, &hello);
        }
        half = i % 4 ? 400 : message.length;
        plain.length = 0;
        if (i % 4 == 2)
            put_crypto(&plain, half, message.at + half, message.length - half);
        else
            put_crypto(&plain, 0, message.at, half);
        if (plain.length < 1165)
            put_fill(&plain, 0, 1165 - plain.length);
        datagram.length = 0;
        put_packet(&datagram, &parts, &plain);
        keep(&initials[i], datagram.at, datagram.length);
    }
}

/* What follows them: an answer to the first, or to the one after a Retry; the client that goes on
 * to the id that the server chose; the Retry. */
static void make_handshakes(void)
{
    static const uint8_t server_hello[] = {2, 0, 0, 90, 3, 3};
    static struct bytes plain;
    static struct bytes datagram;

    for (unsigned i = 0; i < INITIALS - HELLOS; i++) {
        const uint8_t id[8] = {(uint8_t)(i / 4), i % 4 == 1};
        const uint8_t chosen[8] = {(uint8_t)(i / 4), 0x99};
        struct packet_parts parts = {.version = i / 4 == 2 ? 0x6b3343cf : 1,
                                     .salt = i / 4 == 2 ? PACKET_SALT_V2 : PACKET_SALT_V1,
                                     .v2 = i / 4 == 2,
                                     .server = i % 4 < 2,
                                     .type = i % 4 < 2 ? 0 : 2,
                                     .id = chosen,
                                     .id_length = i % 4 < 2 ? 0 : sizeof(chosen),
                                     .key_id = id,
                                     .key_id_length = sizeof(id),
                                     .source = chosen,
                                     .source_length = i % 4 < 2 ? sizeof(chosen) : 0};

        plain.length = datagram.length = 0;
        put_crypto(&plain, 0, server_hello, sizeof(server_hello));
        put_fill(&plain, 0, parts.server ? 1150 : 40);
        put_packet(&datagram, &parts, &plain);
        if (i % 4 == 3) {
            datagram.length = 0;
            put_u8(&datagram, parts.v2 ? 0xc0 : 0xf0);
            put_u32(&datagram, parts.version);
            put_bytes(&datagram, "\0\10", 2);
            put_bytes(&datagram, (const uint8_t[8]){(uint8_t)(i / 4), 1}, 8);
            put_fill(&datagram, 7, 40);
        }
        keep(&initials[HELLOS + i], datagram.at, datagram.length);
    }
}

/* Conversations of three clients with two servers; the last two are over IPv6. */
static struct talk {
    struct address ends[2];
    uint16_t ports[2];
    uint32_t sequence[2];
} talks[TALKS];

static void start_talks(void)
{
    static const uint16_t servers[TALKS] = {443, 443, 3128, 53, 443, 853, 443, 53};

    for (unsigned i = 0; i < TALKS; i++) {
        bool six = i >= TALKS - 2;

        talks[i] = (struct talk){
            .ends = {six ? address6(i) : address4(10, 1, 0, i % 3),
                     six ? address6(100) : address4(203, 0, 113, i % 2)},
            .ports = {(uint16_t)(50000 + i / 4), servers[i]},
            .sequence = {0xffffff00, 100},
        };
    }
}

static void wrap_segment(struct bytes *bytes, struct talk *talk, unsigned end, uint8_t flags,
                         uint32_t back)
{
    uint32_t at = talk->sequence[end] - back;

    talk->sequence[end] += (uint32_t)bytes->length + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
    wrap_tcp(bytes, talk->ports[end], talk->ports[!end]);
    set_u16(bytes, 4, at >> 16);
    set_u16(bytes, 6, at & 0xffff);
    bytes->at[13] = flags;
    wrap_ip(bytes, 6, &talk->ends[end], &talk->ends[!end]);
}

static void wrap_datagram(struct bytes *bytes, const struct talk *talk, unsigned end, bool dns)
{
    wrap_udp(bytes, dns && end == 1 ? 53 : talk->ports[end],
             dns && end == 0 ? 53 : talk->ports[!end]);
    wrap_ip(bytes, 17, &talk->ends[end], &talk->ends[!end]);
}

/* Part of a message as a segment: from HEAD/16 to TAIL/16 of it, perhaps sent again. */
static void build_segment(struct cursor *cursor, struct bytes *bytes, struct talk *talk,
                          unsigned end)
{
    static const uint8_t flags[] = {0x10, 0x10, 0x10, 0x10, 0x02, 0x12, 0x11, 0x14};
    const struct piece *piece = &messages[cursor_u8(cursor) % message_count];
    uint8_t cuts = cursor_u8(cursor);
    uint8_t how = cursor_u8(cursor);
    uint32_t from = piece->length * (cuts >> 4) / 16;
    uint32_t to = piece->length * (16 - (cuts & 15)) / 16;

    bytes->length = 0;
    if (from < to && !(how & 0x80))
        put_bytes(bytes, piece->bytes + from, to - from);
    if (how & 0x40) /* the part before is skipped: lost, or late */
        talk->sequence[end] += from;
    wrap_segment(bytes, talk, end, flags[how & 7], how & 0x20 ? (uint32_t)(how & 0x18) * 40 : 0);
}

static void build_datagram(struct cursor *cursor, struct bytes *bytes, const struct talk *talk,
                           unsigned end, unsigned kind)
{
    uint8_t which = cursor_u8(cursor);

    bytes->length = 0;
    if (kind == 0) {
        put_bytes(bytes, initials[which % INITIALS].bytes, initials[which % INITIALS].length);
    } else if (kind == 1) {
        put_bytes(bytes, answers[which % NAMES].bytes, answers[which % NAMES].length);
    } else {
        put_fill(bytes, which, cursor_u8(cursor) * 6U + 1);
        bytes->at[bytes->length - 1] = cursor_u8(cursor);
    }
    if (kind == 1 && end == 0)
        bytes->at[2] &= 0x7f; /* the question */
    wrap_datagram(bytes, talk, end, kind == 1);
}

static bool overheard; /* the frame that is given */

static void give_bytes(struct metering *metering, int64_t now_ns, int link_type,
                       const uint8_t *bytes, uint32_t captured, uint32_t length)
{
    const struct captured_frame frame = {now_ns, bytes, captured, length, link_type, overheard};

    metering_frames(metering, &frame, 1);
}

static void give(struct metering *metering, int64_t now_ns, const struct bytes *bytes, bool cut)
{
    uint32_t length = (uint32_t)bytes->length;
    uint8_t *copy = exact_copy(bytes->at, length);

    give_bytes(metering, now_ns, DLT_EN10MB, copy, cut ? length / 2 : length, length);
    free(copy);
}

/* In two fragments, or in two pieces of a wireless controller's tunnel: in order, the other way
 * round, or the second alone. */
static void give_fragments(struct metering *metering, int64_t now_ns, const struct bytes *packet,
                           unsigned how)
{
    static struct bytes fragments[2];
    static struct bytes frame;
    static unsigned identification;
    size_t size = packet->length / 16 * 8;

    identification++;
    frame.length = 0;
    put_bytes(&frame, packet->at, packet->length);
    wrap_ethernet_ip(&frame);
    for (unsigned i = 0; i < 2; i++) {
        if (how & 4) {
            put_capwap_piece(&fragments[i], &frame, false, i * (size + 16), size + 16,
                             identification);
            continue;
        }
        put_fragment(&fragments[i], packet, i * size, size, identification);
        wrap_ethernet_ip(&fragments[i]);
    }
    give(metering, now_ns, &fragments[how & 1], false);
    if (how & 2)
        give(metering, now_ns, &fragments[!(how & 1)], false);
}

/* One byte says whose packet it is and of what kind, one how it is sent. */
static void give_built(struct metering *metering, struct cursor *cursor, int64_t now_ns, bool cut)
{
    static struct bytes bytes;
    uint8_t choice = cursor_u8(cursor);
    uint8_t how = cursor_u8(cursor);
    struct talk *talk = &talks[choice & 7];
    unsigned end = choice >> 3 & 1;

    if (choice & 0x80)
        build_segment(cursor, &bytes, talk, end);
    else
        build_datagram(cursor, &bytes, talk, end, choice >> 4 & 3);
    if (how & 1) {
        give_fragments(metering, now_ns, &bytes, how >> 1);
        return;
    }
    if (how & 2)
        over_gre(&bytes);
    if (how & 4)
        in_8021q(&bytes);
    else
        wrap_ethernet_ip(&bytes);
    give(metering, now_ns, &bytes, cut);
    if (how & 8)
        give(metering, now_ns, &bytes, cut);
}

static void give_frame(struct metering *metering, struct cursor *cursor, int64_t *now_ns)
{
    uint8_t step = cursor_u8(cursor);
    uint8_t link = cursor_u8(cursor);
    uint32_t captured;
    uint32_t length;

    *now_ns += steps_ms[(step & 127) % (sizeof(steps_ms) / sizeof(steps_ms[0]))] * 1000000;
    if (step & 128)
        metering_advance(metering, *now_ns);
    overheard = link & OVERHEARD;
    if (link & BUILT) {
        give_built(metering, cursor, *now_ns, link & CUT);
        return;
    }
    captured = cursor_u16(cursor);
    if (captured > cursor_left(cursor))
        captured = (uint32_t)cursor_left(cursor);
    length = captured + (link & CUT ? 1000 : 0);
    give_bytes(metering, *now_ns, link_types[link % 4], cursor_bytes(cursor, captured), captured,
               length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct limits limits = {16, 2, 2, 16, 16};
    static const struct trust_policy any = {.answers = TRUST_ANY_ANSWERS};
    unsigned closed = 0;
    struct metering_sink sink = metering_ignore(&closed);
    struct cursor cursor = cursor_over(data, size);
    int64_t now_ns = 1795435200LL * 1000000000;
    struct metering *metering;

    sink.activity = take_activity;
    sink.devices = take_devices;
    sink.closed = take_closed;
    if (size & 1)
        sink.flow = take_flow;
    if (!catalogue) {
        make_rules();
        make_messages();
        make_answers();
        make_images();
        make_initials();
        make_handshakes();
    }
    start_talks();
    metering = metering_new(&limits, catalogue, directions, &sink);
    if (!metering)
        abort();
    if (size & 2)
        metering_set_trust(metering, &any);
    while (!cursor.failed && cursor_left(&cursor) > 4)
        give_frame(metering, &cursor, &now_ns);
    metering_finish(metering);
    if (metering_payload_bytes(metering) != metering_flow_bytes(metering))
        abort();
    metering_free(metering);
    return 0;
}
