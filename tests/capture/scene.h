/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_SCENE_H
#define IAGMETER_TESTS_SCENE_H

#include "collectors/capture/metering.h"
#include "tests/capture/cut.h"
#include "tests/capture/dnswire.h"
#include "tests/capture/film.h"
#include "tests/capture/near.h"
#include "tests/capture/quicpackets.h"
#include "tests/capture/sink.h"
#include "tests/capture/tunnels.h"

#include <stdio.h>

/* A gateway with a few services, the film that is played to it, and what it handed over. Include
 * after cmocka.h; one scene a program. */

/* Services: one named by "api.example", one by ".web.example" (which wants longer exchanges), one
 * that shares ".shared.example" with others, one in clear on "llm.intranet.example". */
enum { API, WEB, SHARED, LOCAL };
enum { UNASSIGNED, ONE, TWO, SIX, TAGGED };

#define TELEMETRY_HOST "t.web.example"
#define ECH_HOST       "ech.example"
#define RESOLVER_HOST  "doh.example"
#define RESOLVER_AT4   "203.0.113.53"
#define RESOLVER_AT6   "2001:db8::5353"

static struct catalogue *catalogue;
static struct directions *directions;
static struct film film;
static struct sink_log sunk;
static uint64_t payload_bytes;
static struct flow_record records[64]; /* of flows, when inspecting; names are in `names` */
static char names[64][256];
static size_t record_count;

static struct trust_policy scene_trust; /* of a scene, until its end */
static const struct limits scene_limits = {1024, 128, 16, 1024, 256};

static inline void scene_service(uint16_t number, const char *id, const char *host,
                                 const struct estimator *estimator, enum service_role role)
{
    struct service service = {.estimator = *estimator};

    snprintf(service.id, sizeof(service.id), "%s", id);
    assert_true(catalogue_set_service(catalogue, number, &service));
    assert_null(catalogue_add_host(catalogue, host, number, role));
}

static inline void scene_catalogue(void)
{
    struct estimator api = {
        .method = METHOD_M1,
        .grade = GRADE_B,
        .request_bytes_min = 200,
        .request_record_min = 100,
        .burst_gap_s = 2,
        .answer_record_min = 35,
        .answer_bytes_min = 200,
        .answer_gap_s = 6,
        .cut = SHIPPED_CUT,
        .bytes_per_token = {50, 100, 200},
        .exchange_sigma = 0.5,
        .input_method = INPUT_BODY,
        .input_bytes_per_token = {10, 10, 10},
    };
    struct estimator web = api;

    web.request_bytes_min = 3000;
    web.answer_s_min = 2;
    web.answer_slots_min = 6;
    web.grade = GRADE_C;
    catalogue = catalogue_new();
    scene_service(API, "api", "api.example", &api, ROLE_INFERENCE);
    scene_service(WEB, "web", ".web.example", &web, ROLE_INFERENCE);
    scene_service(SHARED, "shared", ".shared.example", &api, ROLE_SHARED);
    scene_service(LOCAL, "local", "llm.intranet.example", &api, ROLE_INFERENCE);
    assert_null(catalogue_add_host(catalogue, TELEMETRY_HOST, WEB, ROLE_TELEMETRY));
    assert_null(catalogue_add_ech_name(catalogue, ECH_HOST));
    assert_null(catalogue_add_resolver(catalogue, RESOLVER_HOST));
    assert_null(catalogue_add_resolver_address(catalogue, RESOLVER_AT4));
    assert_null(catalogue_add_resolver_address(catalogue, RESOLVER_AT6));
}

static inline void scene_direction(uint16_t number, const char *prefix)
{
    struct direction direction = {.label = "x"};
    struct address network;
    unsigned length;

    snprintf(direction.code, sizeof(direction.code), "D%u", number);
    assert_true(directions_set(directions, number, &direction));
    if (!prefix)
        return;
    assert_null(directions_parse_prefix(prefix, &network, &length));
    assert_null(directions_add_prefix(directions, &network, length, number));
}

static inline int scene_begin(void **state)
{
    (void)state;
    scene_catalogue();
    directions = directions_new();
    scene_direction(ONE, "10.1.0.0/16");
    scene_direction(TWO, "10.2.0.0/16");
    scene_direction(SIX, "2001:db8::/64");
    scene_direction(TAGGED, NULL);
    assert_null(directions_add_vlan(directions, 110, TAGGED));
    film_start(&film);
    scene_trust = trust_by_default;
    return 0;
}

static inline int scene_end(void **state)
{
    (void)state;
    film_clear(&film);
    sink_clear(&sunk);
    catalogue_free(catalogue);
    directions_free(directions);
    return 0;
}

/* -- Playing ------------------------------------------------------------------------------------
 */

static inline struct metering *scene_metering(const struct limits *limits)
{
    struct metering_sink sink = sink_into(&sunk);
    struct metering *metering;

    sink_clear(&sunk);
    metering = metering_new(limits, catalogue, directions, &sink);
    assert_non_null(metering);
    metering_set_trust(metering, &scene_trust);
    return metering;
}

/* Gives the shots from FROM to TO, BATCH at a time. */
static inline void scene_show(struct metering *metering, size_t from, size_t to, size_t batch)
{
    static struct captured_frame frames[256];

    for (size_t at = from; at < to;) {
        size_t count = to - at < batch ? to - at : batch;

        for (size_t i = 0; i < count; i++) {
            const struct shot *shot = &film.shots[at + i];

            frames[i] = (struct captured_frame){shot->time_ns, shot->bytes,     shot->captured,
                                                shot->length,  shot->link_type, false};
        }
        metering_frames(metering, frames, count);
        at += count;
    }
}

/* Whatever was played, the bytes of packets are the bytes of flows. */
static inline void scene_close(struct metering *metering)
{
    metering_finish(metering);
    payload_bytes = metering_payload_bytes(metering);
    assert_int_equal(payload_bytes, metering_flow_bytes(metering));
    metering_free(metering);
}

static inline void scene_play_within(const struct limits *limits)
{
    struct metering *metering = scene_metering(limits);

    scene_show(metering, 0, film.count, 1);
    scene_close(metering);
}

static inline void scene_play(void)
{
    scene_play_within(&scene_limits);
}

static inline void scene_keep(void *context, const struct flow_record *record)
{
    (void)context;
    assert_true(record_count < 64);
    strcpy(names[record_count], record->name);
    records[record_count++] = *record;
}

/* The same, with flows kept in `records`. */
static inline void scene_inspect(void)
{
    struct metering_sink sink = sink_into(&sunk);
    struct metering *metering;

    sink_clear(&sunk);
    sink.flow = scene_keep;
    record_count = 0;
    metering = metering_new(&scene_limits, catalogue, directions, &sink);
    assert_non_null(metering);
    scene_show(metering, 0, film.count, 1);
    scene_close(metering);
}

/* -- What was handed over -----------------------------------------------------------------------
 */

static inline struct activity sum_of(uint16_t direction, uint16_t service)
{
    return sink_sum(&sunk, -1, direction, service);
}

/* The only pair that there is. */
static inline struct activity only_sum(uint16_t direction, uint16_t service)
{
    for (size_t i = 0; i < sunk.count; i++) {
        if (sunk.entries[i].kind != SINK_ACTIVITY)
            continue;
        assert_int_equal(sunk.entries[i].body.activity.direction_id, direction);
        assert_int_equal(sunk.entries[i].body.activity.service_id, service);
    }
    return sum_of(direction, service);
}

static inline void assert_nothing_counted(void)
{
    assert_int_equal(sink_count(&sunk, SINK_ACTIVITY), 0);
    assert_int_equal(sink_count(&sunk, SINK_DEVICES), 0);
}

static inline uint64_t bytes_of(const struct activity *sum)
{
    return sum->bytes_up + sum->bytes_down + sum->bytes_other;
}

/* The last count of devices for the pair on DAY; 0 when there is none. */
static inline uint32_t devices_on(int32_t day, uint16_t direction, uint16_t service)
{
    uint32_t devices = 0;

    for (size_t i = 0; i < sunk.count; i++) {
        const struct device_count *count = &sunk.entries[i].body.devices;

        if (sunk.entries[i].kind == SINK_DEVICES && count->day == day &&
            count->direction_id == direction && count->service_id == service)
            devices = count->devices;
    }
    return devices;
}

static inline uint32_t devices_of(uint16_t direction, uint16_t service)
{
    return devices_on((int32_t)(NOON / 86400), direction, service);
}

/* -- Datagrams ----------------------------------------------------------------------------------
 */

/* A packet of IP with what END of the talk sends. */
static inline void put_datagram(struct bytes *bytes, const struct talk *talk, int end,
                                const struct bytes *payload)
{
    bytes->length = 0;
    put_bytes(bytes, payload->at, payload->length);
    wrap_udp(bytes, talk_port(talk, end), talk_port(talk, !end));
    wrap_ip(bytes, 17, end == FROM_CLIENT ? &talk->client : &talk->server,
            end == FROM_CLIENT ? &talk->server : &talk->client);
}

static inline void talk_datagram(struct talk *talk, int end, const struct bytes *payload)
{
    static struct bytes bytes;

    put_datagram(&bytes, talk, end, payload);
    if (talk->vlan)
        in_8021q(&bytes);
    else
        wrap_ethernet_ip(&bytes);
    film_shoot(&film, DLT_EN10MB, &bytes);
    talk->said[end] += (uint32_t)payload->length;
    film.clock_ns += 1000;
}

/* -- QUIC ---------------------------------------------------------------------------------------
 */

/* Of a connection whose id no other one has. */
static inline struct packet_parts quic_parts(void)
{
    static uint64_t seed = 0x9000;
    static uint64_t ids[4096];
    static unsigned count;
    uint64_t *id = &ids[count++ % 4096];

    *id = random_next(&seed);
    return (struct packet_parts){.version = 1,
                                 .salt = PACKET_SALT_V1,
                                 .id = (const uint8_t *)id,
                                 .id_length = sizeof(*id),
                                 .source_length = 4};
}

/* The client's Initial with bytes FROM to TO of a hello's message, padded as it must be. */
static inline void quic_initial(struct talk *talk, const struct packet_parts *parts,
                                const struct bytes *message, size_t from, size_t to)
{
    static struct bytes plain;
    static struct bytes datagram;

    plain.length = 0;
    put_crypto(&plain, from, message->at + from, to - from);
    if (plain.length < 1162)
        put_fill(&plain, 0, 1162 - plain.length);
    datagram.length = 0;
    put_packet(&datagram, parts, &plain);
    talk_datagram(talk, FROM_CLIENT, &datagram);
}

static inline void quic_message(struct bytes *message, const char *name, bool ech, size_t padding)
{
    struct hello_parts hello = {.name = name, .alpn = "h3", .ech = ech, .padding = padding};

    message->length = 0;
    put_hello_message(message, &hello);
}

/* A hello in one Initial. */
static inline void quic_hello(struct talk *talk, const char *name)
{
    static struct bytes message;
    struct packet_parts parts = quic_parts();

    quic_message(&message, name, false, 0);
    quic_initial(talk, &parts, &message, 0, message.length);
}

/* The server sends whoever opened so away: to open with another id (Retry), or, when that is NULL,
 * with another version. */
static inline void quic_turn_away(struct talk *talk, const struct packet_parts *parts,
                                  const uint8_t *other, size_t other_length)
{
    static struct bytes datagram;

    datagram.length = 0;
    put_u8(&datagram, other ? 0xf0 : 0x80);
    put_u32(&datagram, other ? parts->version : 0);
    put_u8(&datagram, (unsigned)parts->source_length);
    if (parts->source)
        put_bytes(&datagram, parts->source, parts->source_length);
    else
        put_fill(&datagram, 0x5c, parts->source_length);
    put_u8(&datagram, (unsigned)(other ? other_length : parts->id_length));
    put_bytes(&datagram, other ? other : parts->id, other ? other_length : parts->id_length);
    put_fill(&datagram, 1, 40); /* a token and its tag, or versions */
    talk_datagram(talk, FROM_SERVER, &datagram);
}

/* A packet with a short header, SIZE bytes in all: what follows the first is noise. */
static inline void quic_short(struct talk *talk, int end, size_t size)
{
    static struct bytes datagram;
    static uint64_t seed = 0x4000;

    datagram.length = 0;
    put_u8(&datagram, 0x40 | (random_next(&seed) & 0x3f));
    while (datagram.length < size)
        put_u8(&datagram, random_next(&seed) & 0xff);
    talk_datagram(talk, end, &datagram);
}

/* A packet of TYPE (0 Initial, 2 Handshake), as an observer sees it: noise after the header. */
static inline void quic_long(struct talk *talk, int end, unsigned type, size_t size)
{
    static struct bytes datagram;
    static uint64_t seed = 0xc000;

    datagram.length = 0;
    put_u8(&datagram, 0xc0 | type << 4);
    put_u32(&datagram, 1);
    put_u8(&datagram, 8);
    put_u32(&datagram, (uint32_t)random_next(&seed));
    put_u32(&datagram, (uint32_t)random_next(&seed));
    put_u8(&datagram, 0);
    if (type == 0)
        put_u8(&datagram, 0); /* token */
    put_varint(&datagram, size - datagram.length - 2, 2);
    while (datagram.length < size)
        put_u8(&datagram, random_next(&seed) & 0xff);
    talk_datagram(talk, end, &datagram);
}

/* A connection whose packets say whose they are: each end chose an id, which the other one sends it
 * (RFC 9000, 7.2). */
struct quic_link {
    struct packet_parts opened; /* of the client's first */
    uint8_t ids[2][8];          /* of the client, of the server */
    size_t lengths[2];
};

/* Most browsers choose an id of length 0. */
static inline struct quic_link quic_link(size_t client_length)
{
    static uint64_t seed = 0x7000;
    struct quic_link link = {.opened = quic_parts(), .lengths = {client_length, 8}};

    for (unsigned i = 0; i < 16; i++)
        link.ids[i / 8][i % 8] = (uint8_t)random_next(&seed);
    return link;
}

/* The client's Initial with bytes FROM to TO of a hello. */
static inline void quic_link_initial(struct talk *talk, const struct quic_link *link,
                                     const struct bytes *message, size_t from, size_t to)
{
    struct packet_parts parts = link->opened;

    parts.source = link->ids[FROM_CLIENT];
    parts.source_length = link->lengths[FROM_CLIENT];
    quic_initial(talk, &parts, message, from, to);
}

static inline void quic_link_hello(struct talk *talk, const struct quic_link *link,
                                   const char *name)
{
    static struct bytes message;

    quic_message(&message, name, false, 0);
    quic_link_initial(talk, link, &message, 0, message.length);
}

/* A packet of END with a long header, of TYPE, with SIZE bytes of frames. */
static inline void quic_link_long(struct talk *talk, const struct quic_link *link, int end,
                                  unsigned type, size_t size)
{
    static const uint8_t server_hello[] = {2, 0, 0, 90, 3, 3};
    static struct bytes plain;
    static struct bytes datagram;
    struct packet_parts parts = link->opened;

    parts.type = type;
    parts.server = end == FROM_SERVER;
    parts.id = link->ids[!end];
    parts.id_length = link->lengths[!end];
    parts.source = link->ids[end];
    parts.source_length = link->lengths[end];
    parts.key_id = link->opened.id;
    parts.key_id_length = link->opened.id_length;
    plain.length = datagram.length = 0;
    put_crypto(&plain, 0, server_hello, sizeof(server_hello));
    put_fill(&plain, 0, size - plain.length);
    put_packet(&datagram, &parts, &plain);
    talk_datagram(talk, end, &datagram);
}

/* A packet with a short header, SIZE bytes in all. */
static inline void quic_link_short(struct talk *talk, const struct quic_link *link, int end,
                                   size_t size)
{
    static struct bytes datagram;
    static uint64_t seed = 0x6000;

    datagram.length = 0;
    put_u8(&datagram, 0x40 | (random_next(&seed) & 0x3f));
    put_bytes(&datagram, link->ids[!end], link->lengths[!end]);
    while (datagram.length < size)
        put_u8(&datagram, random_next(&seed) & 0xff);
    talk_datagram(talk, end, &datagram);
}

/* The server answers, and the client goes on. */
static inline void quic_link_handshake(struct talk *talk, const struct quic_link *link)
{
    film.clock_ns += 10 * MILLI;
    quic_link_long(talk, link, FROM_SERVER, 0, 1162);
    quic_link_long(talk, link, FROM_SERVER, 2, 900);
    film.clock_ns += 10 * MILLI;
    quic_link_long(talk, link, FROM_CLIENT, 0, 1162);
    quic_link_long(talk, link, FROM_CLIENT, 2, 60);
}

/* A request of SIZE bytes in one datagram, and after a second COUNT datagrams of 1000. */
static inline void quic_link_exchange(struct talk *talk, const struct quic_link *link, size_t size,
                                      unsigned count)
{
    quic_link_short(talk, link, FROM_CLIENT, size);
    film.clock_ns += SECOND;
    for (unsigned i = 0; i < count; i++) {
        quic_link_short(talk, link, FROM_SERVER, 1000);
        film.clock_ns += 100 * MILLI;
    }
}

/* A request of SIZE bytes in one datagram, and after a second COUNT datagrams of 1000. */
static inline void quic_exchange(struct talk *talk, size_t size, unsigned count)
{
    quic_short(talk, FROM_CLIENT, size);
    film.clock_ns += SECOND;
    for (unsigned i = 0; i < count; i++) {
        quic_short(talk, FROM_SERVER, 1000);
        film.clock_ns += 100 * MILLI;
    }
}

/* -- DNS ----------------------------------------------------------------------------------------
 */

static inline void dns_answer_of(struct dns_message *message, const char *name,
                                 struct address address, uint32_t ttl_s)
{
    dns_begin(message, DNS_RESPONSE);
    dns_question(message, name, address.family == 4 ? DNS_A : DNS_AAAA);
    dns_address(message, 1, name, ttl_s, address);
}

static inline struct talk resolver_talk(struct address client)
{
    static uint16_t port = 20000;

    return (struct talk){.client = client,
                         .server = client.family == 4 ? address4(10, 9, 9, 53) : address6(53),
                         .client_port = port++,
                         .server_port = 53};
}

/* The client of TALK asks over UDP for the address of NAME, of FAMILY. */
static inline void ask(struct talk *talk, const char *name, int family)
{
    static struct dns_message message;

    dns_begin(&message, DNS_QUERY);
    dns_question(&message, name, family == 4 ? DNS_A : DNS_AAAA);
    talk_datagram(talk, FROM_CLIENT, &message.wire);
}

/* It is told that NAME is at ADDRESS. */
static inline void answer(struct talk *talk, const char *name, struct address address)
{
    static struct dns_message message;

    dns_answer_of(&message, name, address, 300);
    talk_datagram(talk, FROM_SERVER, &message.wire);
}

/* CLIENT asks over UDP for NAME, and is told that it is at ADDRESS. */
static inline void tell(struct address client, const char *name, struct address address)
{
    struct talk talk = resolver_talk(client);

    ask(&talk, name, address.family);
    answer(&talk, name, address);
}

/* -- Fragments ----------------------------------------------------------------------------------
 */

/* Cuts the IP packet in pieces of SIZE bytes (a multiple of eight) and shoots them, BACKWARDS or
 * not. */
static inline void shoot_fragments(const struct bytes *packet, size_t size, bool backwards)
{
    static struct bytes fragment;
    static uint16_t identification = 0x4000;
    size_t first = film.count;
    size_t at = 0;
    bool more;

    identification++;
    do {
        more = put_fragment(&fragment, packet, at, size, identification);
        wrap_ethernet_ip(&fragment);
        film_shoot(&film, DLT_EN10MB, &fragment);
        at += size;
    } while (more);
    for (size_t last = film.count; backwards && first + 1 < last; first++) {
        struct shot shot = film.shots[first];

        last--;
        film.shots[first].bytes = film.shots[last].bytes;
        film.shots[first].captured = film.shots[last].captured;
        film.shots[first].length = film.shots[last].length;
        film.shots[last].bytes = shot.bytes;
        film.shots[last].captured = shot.captured;
        film.shots[last].length = shot.length;
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_begin, scene_end)

#endif
