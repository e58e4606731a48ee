/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/metering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <time.h>

#include "tests/capture/cut.h"
#include "tests/capture/film.h"
#include "tests/capture/near.h"
#include "tests/capture/sink.h"
#include "tests/thinned.h"

/* Services and directions of the tests. */
enum { API, WEB };
enum { UNASSIGNED, FOUR, SIX, TAGGED };

static struct catalogue *catalogue;
static struct directions *directions;
static struct film film;
static struct sink_log sunk;
static uint64_t payload_bytes;
static uint64_t flow_bytes;

static const struct limits roomy = {4096, 256, 64, 4096, 1024};

static void add_service(struct catalogue *to, uint16_t number, const char *id, const char *host,
                        const struct estimator *estimator)
{
    struct service service = {.estimator = *estimator};

    snprintf(service.id, sizeof(service.id), "%s", id);
    assert_true(catalogue_set_service(to, number, &service));
    if (host)
        assert_null(catalogue_add_host(to, host, number, ROLE_INFERENCE));
}

static struct catalogue *make_catalogue(const char *api_host)
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
        .upload_bytes_min = 9000,
        .input_prior_tokens = {1, 2, 3},
        .input_method = INPUT_BODY,
        .input_bytes_per_token = {10, 10, 10},
    };
    struct estimator web = api;
    struct catalogue *made = catalogue_new();

    web.request_bytes_min = 3000;
    web.answer_s_min = 2;
    web.answer_slots_min = 6;
    web.count_error = 0.1;
    web.grade = GRADE_C;
    add_service(made, API, "api", api_host, &api);
    add_service(made, WEB, "web", ".web.example", &web);
    assert_null(catalogue_add_host(made, "t.web.example", WEB, ROLE_TELEMETRY));
    assert_null(catalogue_add_ech_name(made, "ech.example"));
    return made;
}

static void add_prefix(uint16_t number, const char *text)
{
    struct direction direction = {.label = "x"};
    struct address network;
    unsigned length;

    snprintf(direction.code, sizeof(direction.code), "D%u", number);
    assert_true(directions_set(directions, number, &direction));
    if (!text)
        return;
    assert_null(directions_parse_prefix(text, &network, &length));
    assert_null(directions_add_prefix(directions, &network, length, number));
}

static int setup(void **state)
{
    (void)state;
    catalogue = make_catalogue("api.example");
    directions = directions_new();
    add_prefix(FOUR, "10.1.0.0/16");
    add_prefix(SIX, "2001:db8::/64");
    add_prefix(TAGGED, NULL);
    assert_null(directions_add_vlan(directions, 110, TAGGED));
    film_start(&film);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    film_clear(&film);
    sink_clear(&sunk);
    catalogue_free(catalogue);
    directions_free(directions);
    return 0;
}

static struct metering *make_metering(const struct limits *limits)
{
    struct metering_sink sink = sink_into(&sunk);
    struct metering *metering;

    sink_clear(&sunk);
    metering = metering_new(limits, catalogue, directions, &sink);
    assert_non_null(metering);
    return metering;
}

static void show(struct metering *metering, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        metering_packet(metering, film.shots[i].time_ns, film.shots[i].link_type,
                        film.shots[i].bytes, film.shots[i].captured, film.shots[i].length);
}

static void end(struct metering *metering)
{
    metering_finish(metering);
    payload_bytes = metering_payload_bytes(metering);
    flow_bytes = metering_flow_bytes(metering);
    metering_free(metering);
    assert_int_equal(payload_bytes, flow_bytes);
}

/* Other rules, which it frees, come after BEFORE packets. */
static void play_with_reload(size_t before, struct catalogue *other)
{
    struct metering *metering = make_metering(&roomy);

    show(metering, 0, before);
    metering_set_rules(metering, other, directions);
    show(metering, before, film.count);
    end(metering);
    catalogue_free(other);
}

static void play(void)
{
    struct metering *metering = make_metering(&roomy);

    show(metering, 0, film.count);
    end(metering);
}

/* What was counted for the only pair that there is. */
static struct activity only_sum(uint16_t direction, uint16_t service)
{
    for (size_t i = 0; i < sunk.count; i++) {
        if (sunk.entries[i].kind != SINK_ACTIVITY)
            continue;
        assert_int_equal(sunk.entries[i].body.activity.direction_id, direction);
        assert_int_equal(sunk.entries[i].body.activity.service_id, service);
    }
    return sink_sum(&sunk, -1, direction, service);
}

/* -- What is counted ----------------------------------------------------------------------------
 */

static void one_exchange_is_counted_exactly(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct activity sum;
    struct coverage coverage;

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_exchange(&film, &talk, 400, 10, 300, 100 * MILLI);
    talk_close(&film, &talk);
    play();
    sum = only_sum(FOUR, API);
    assert_int_equal(sum.flows, 1);
    assert_int_equal(sum.bytes_up, talk.said[FROM_CLIENT]);
    assert_int_equal(sum.bytes_down, 3050);
    assert_int_equal(sum.bytes_other, 0);
    assert_int_equal(sum.grade, GRADE_B);
    assert_triple(sum.requests, 1, 1, 1);
    assert_triple(sum.tokens_out, 15, 30, 60);
    assert_near(sum.tokens_out_variance, 15 * 15);
    assert_triple(sum.tokens_in, 40, 40, 40);
    assert_int_equal(payload_bytes, talk.said[0] + talk.said[1]);
    coverage = sink_coverage(&sunk);
    assert_int_equal(coverage.packets, film.count);
    assert_int_equal(coverage.flows, 1);
    assert_int_equal(coverage.names_seen, 1);
    assert_int_equal(coverage.covered_ns,
                     film.shots[film.count - 1].time_ns - film.shots[0].time_ns);
    assert_int_equal(coverage.bytes_lost + coverage.flows_evicted + coverage.flows_untracked +
                         coverage.names_missing + coverage.names_encrypted +
                         coverage.packets_other + coverage.packets_undecodable +
                         coverage.clock_steps + coverage.packets_dropped,
                     0);
}

static void check_direction(struct talk talk, uint16_t direction)
{
    film_clear(&film);
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_exchange(&film, &talk, 400, 3, 300, 100 * MILLI);
    play();
    assert_triple(only_sum(direction, API).requests, 1, 1, 1);
}

static void directions_are_those_of_the_client(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    check_direction(talk, FOUR);
    talk.vlan = 110; /* the prefix is more specific */
    check_direction(talk, FOUR);
    talk.client = address4(192, 0, 2, 9);
    check_direction(talk, TAGGED);
    talk.vlan = 111;
    check_direction(talk, UNASSIGNED);
    talk.vlan = 0;
    check_direction(talk, UNASSIGNED);
    talk.server = address4(10, 1, 0, 1); /* an inside server makes no inside client */
    check_direction(talk, UNASSIGNED);
    talk.client = address6(1);
    talk.server = (struct address){6, {0x20, 0x01, 0x0d, 0xb9}};
    check_direction(talk, SIX);
    talk.client = (struct address){6, {0xfd}};
    check_direction(talk, UNASSIGNED);
}

static void telemetry_is_no_use(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct activity sum;

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "t.web.example", 0);
    talk_exchange(&film, &talk, 4000, 30, 300, 250 * MILLI);
    talk_close(&film, &talk);
    play();
    sum = only_sum(FOUR, WEB);
    assert_int_equal(sum.flows, 0);
    assert_int_equal(sum.bytes_up + sum.bytes_down, 0);
    assert_int_equal(sum.bytes_other, talk.said[0] + talk.said[1]);
    assert_triple(sum.requests, 0, 0, 0);
    assert_int_equal(sum.grade, GRADE_NONE);
    assert_int_equal(sink_count(&sunk, SINK_DEVICES), 0);
}

static void say_hello(unsigned device, const struct hello_parts *parts)
{
    static struct bytes bytes;
    struct talk talk = talk_of(device, (uint16_t)(50000 + device));

    bytes.length = 0;
    put_hello(&bytes, parts);
    talk_open(&film, &talk);
    talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
    talk_exchange(&film, &talk, 4000, 30, 300, 250 * MILLI);
}

static void names_are_told_apart(void **state)
{
    struct hello_parts unknown = {.name = "www.example"};
    struct hello_parts nameless = {.name = NULL};
    struct hello_parts hidden = {.name = "ech.example", .ech = true};
    struct hello_parts grease = {.name = "api.example", .ech = true};
    struct hello_parts known = {.name = "A.WEB.Example"};
    struct coverage coverage;

    (void)state;
    say_hello(1, &unknown);
    say_hello(2, &nameless);
    say_hello(3, &hidden);
    say_hello(4, &grease);
    say_hello(5, &known);
    hidden.ech = false;
    say_hello(6, &hidden);
    play();
    coverage = sink_coverage(&sunk);
    assert_int_equal(coverage.flows, 6);
    assert_int_equal(coverage.names_seen, 4);
    assert_int_equal(coverage.names_missing, 1);
    assert_int_equal(coverage.names_encrypted, 1);
    assert_triple(sink_sum(&sunk, -1, FOUR, API).requests, 1, 1, 1);
    assert_triple(sink_sum(&sunk, -1, FOUR, WEB).requests, 0.9, 1, 1.1);
    assert_int_equal(sink_sum(&sunk, -1, FOUR, WEB).grade, GRADE_C);
    assert_int_equal(sink_count(&sunk, SINK_DEVICES), 2);
}

static void devices_are_counted_once_a_day(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        struct talk talk = talk_of(i % 4, (uint16_t)(50000 + i));

        talk_open(&film, &talk);
        talk_hello(&film, &talk, "api.example", 0);
        talk_close(&film, &talk);
        film.clock_ns += 40 * SECOND;
    }
    play();
    for (size_t i = 1; i < sink_count(&sunk, SINK_DEVICES); i++)
        assert_true(sink_at(&sunk, SINK_DEVICES, i)->body.devices.devices >
                    sink_at(&sunk, SINK_DEVICES, i - 1)->body.devices.devices);
    assert_int_equal(
        sink_at(&sunk, SINK_DEVICES, sink_count(&sunk, SINK_DEVICES) - 1)->body.devices.devices, 4);
}

static void what_is_not_tcp_is_counted(void **state)
{
    static struct bytes bytes;
    struct tcp_frame frame = {.link_type = DLT_EN10MB,
                              .source = address4(10, 1, 0, 1),
                              .destination = address4(10, 1, 0, 2)};
    struct coverage coverage;

    (void)state;
    build_frame(&bytes, &frame);
    bytes.at[14 + 9] = 1; /* ICMP */
    film_shoot(&film, DLT_EN10MB, &bytes);
    frame.fragment = 1;
    build_frame(&bytes, &frame);
    film_shoot(&film, DLT_EN10MB, &bytes);
    bytes.at[14] = 0;
    film_shoot(&film, DLT_EN10MB, &bytes);
    bytes.length = 20;
    film_shoot(&film, DLT_EN10MB, &bytes);
    film_shoot(&film, DLT_USB_LINUX, &bytes);
    play();
    coverage = sink_coverage(&sunk);
    assert_int_equal(coverage.packets, 5);
    assert_int_equal(coverage.packets_other, 2);
    assert_int_equal(coverage.packets_undecodable, 2);
    assert_int_equal(coverage.packets_corrupt, 2);
    assert_int_equal(coverage.bytes, 54 * 3 + 20 * 2);
    assert_int_equal(coverage.flows, 0);
}

static void drops_are_passed_on(void **state)
{
    struct metering *metering = make_metering(&roomy);

    (void)state;
    metering_advance(metering, NOON * SECOND);
    metering_dropped(metering, 5);
    metering_dropped(metering, 6);
    metering_advance(metering, (NOON + 60) * SECOND);
    metering_dropped(metering, 1);
    end(metering);
    assert_int_equal(sink_at(&sunk, SINK_CLOSED, 0)->body.coverage.packets_dropped, 11);
    assert_int_equal(sink_at(&sunk, SINK_CLOSED, 1)->body.coverage.packets_dropped, 1);
}

/* -- Segments -----------------------------------------------------------------------------------
 */

static void repeated_bytes_count_once(void **state)
{
    static struct bytes bytes;
    struct talk talk = talk_of(1, 50000);
    struct activity sum;
    uint32_t first;

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_record(&film, &talk, FROM_CLIENT, 400);
    first = talk.sequence[FROM_SERVER];
    bytes.length = 0;
    for (int i = 0; i < 10; i++)
        put_record(&bytes, 295);
    talk_segment(&film, &talk, FROM_SERVER, first, TCP_ACK, bytes.at, 1000);
    talk_segment(&film, &talk, FROM_SERVER, first, TCP_ACK, bytes.at, 1000);
    talk_segment(&film, &talk, FROM_SERVER, first + 500, TCP_ACK, bytes.at + 500, 1000);
    talk_segment(&film, &talk, FROM_SERVER, first + 1, TCP_ACK, bytes.at + 1, 1);
    talk_segment(&film, &talk, FROM_SERVER, first + 1400, TCP_ACK, bytes.at + 1400, 1600);
    talk_segment(&film, &talk, FROM_SERVER, first, TCP_ACK, bytes.at, 1400);
    play();
    sum = only_sum(FOUR, API);
    assert_int_equal(sum.bytes_down, 3000);
    assert_triple(sum.tokens_out, 2950.0 / 200, 29.5, 59);
    assert_int_equal(payload_bytes, talk.said[FROM_CLIENT] + 3000);
}

static void lost_segments_count_by_their_numbers(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct activity sum;

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_record(&film, &talk, FROM_CLIENT, 400);
    for (int i = 0; i < 10; i++) {
        talk_record(&film, &talk, FROM_SERVER, 295);
        if (i % 3 == 1)
            free(film.shots[--film.count].bytes);
    }
    play();
    sum = only_sum(FOUR, API);
    assert_int_equal(sum.bytes_down, 3000);
    assert_int_equal(sink_coverage(&sunk).bytes_lost, 900);
    assert_triple(sum.tokens_out, 2950.0 / 200, 29.5,
                  59); /* without headers, of unknown ones too */
}

/* The capture missed one segment, and the answer goes on. What came behind must not wait until the
 * connection ends, when it would be lost or go to another answer. */
static void a_hole_does_not_hold_back_an_answer(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct metering *metering;
    struct activity sum;

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_record(&film, &talk, FROM_CLIENT, 400);
    for (int i = 0; i < 20; i++) {
        talk_record(&film, &talk, FROM_SERVER, 295);
        if (i == 4)
            free(film.shots[--film.count].bytes);
        film.clock_ns += SECOND;
    }
    film.clock_ns += 40 * SECOND;
    talk_exchange(&film, &talk, 400, 4, 295, SECOND);
    metering = make_metering(&roomy);
    show(metering, 0, film.count);
    end(metering);
    sum = only_sum(FOUR, API);
    assert_triple(sum.requests, 2, 2, 2);
    assert_triple(sum.tokens_out, 24 * 295 / 200.0, 24 * 295 / 100.0, 24 * 295 / 50.0);
    assert_int_equal(sink_sum(&sunk, NOON, FOUR, API).requests.central, 1);
    assert_near(sink_sum(&sunk, NOON, FOUR, API).tokens_out.central, 20 * 295 / 100.0);
    assert_int_equal(sink_coverage(&sunk).bytes_lost, 300);
}

static void cut_frames_are_metered_by_their_headers(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct activity sum;

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    film.snap_length = 96;
    talk_exchange(&film, &talk, 1300, 10, 1200, 100 * MILLI);
    talk_close(&film, &talk);
    play();
    sum = only_sum(FOUR, API);
    assert_int_equal(sum.bytes_up, talk.said[FROM_CLIENT]);
    assert_int_equal(sum.bytes_down, 12050);
    assert_triple(sum.tokens_out, 60, 120, 240);
    assert_triple(sum.tokens_in, 130, 130, 130);
}

/* It counts in units of its own, and its bytes are no tokens. */
static void a_file_is_an_upload(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct activity sum;

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_exchange(&film, &talk, 400, 10, 300, 100 * MILLI);
    talk_exchange(&film, &talk, 9000, 10, 300, 100 * MILLI);
    talk_close(&film, &talk);
    play();
    sum = only_sum(FOUR, API);
    assert_triple(sum.requests, 2, 2, 2);
    assert_triple(sum.uploads, 1, 1, 1);
    assert_triple(sum.tokens_in, 40 + 1, 40 + 2, 40 + 3);
    assert_triple(sum.images, 0, 0, 0);
    assert_near(sum.tokens_out_variance, 2 * 15 * 15);
}

static struct flow_record exchanges[4];
static size_t exchange_count;

static void keep_exchange(void *context, const struct flow_record *record)
{
    (void)context;
    assert_true(exchange_count < 4);
    exchanges[exchange_count++] = *record;
}

static void keep_no_flow(void *context, const struct flow_record *record)
{
    (void)context;
    (void)record;
}

/* Shown one by one, each has its own sums, and not those of its connection so far. */
static void each_exchange_is_shown_by_itself(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct metering_sink sink = sink_into(&sunk);
    struct metering *metering;

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    for (int i = 0; i < 3; i++)
        talk_exchange(&film, &talk, i == 1 ? 400 : 9000, 10, 300, 100 * MILLI);
    talk_close(&film, &talk);
    sink.flow = keep_no_flow;
    exchange_count = 0;
    metering = metering_new(&roomy, catalogue, directions, &sink);
    assert_non_null(metering);
    metering_show_exchanges(metering, keep_exchange);
    show(metering, 0, film.count);
    end(metering);
    assert_int_equal(exchange_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_triple(exchanges[i].requests, 1, 1, 1);
        assert_triple(exchanges[i].uploads, i != 1, i != 1, i != 1);
        assert_int_equal(exchanges[i].bytes_down, 3000);
    }
}

static void a_server_may_be_overtaken_by_itself(void **state)
{
    static struct bytes bytes;
    struct talk talk = talk_of(1, 50000);
    uint32_t first;

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_record(&film, &talk, FROM_CLIENT, 400);
    first = talk.sequence[FROM_SERVER];
    bytes.length = 0;
    put_record(&bytes, 1000);
    put_record(&bytes, 1000);
    talk_segment(&film, &talk, FROM_SERVER, first + 900, TCP_ACK, bytes.at + 900, 1110);
    talk_segment(&film, &talk, FROM_SERVER, first, TCP_ACK, bytes.at, 900);
    play();
    assert_triple(only_sum(FOUR, API).tokens_out, 10, 20, 40);
    assert_int_equal(sink_coverage(&sunk).bytes_lost, 0);
}

/* Its end never comes: that is known at once. */
static void a_hello_that_is_cut_before_its_name_has_none(void **state)
{
    static struct bytes bytes;
    const struct hello_parts parts = {
        .name = "api.example", .padding = 500, .name_comes_last = true};
    struct talk talk = talk_of(1, 50000);

    (void)state;
    film.snap_length = 200;
    talk_open(&film, &talk);
    bytes.length = 0;
    put_hello(&bytes, &parts);
    talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
    talk_exchange(&film, &talk, 400, 70, 300, SECOND);
    talk_close(&film, &talk);
    play();
    assert_int_equal(sink_count(&sunk, SINK_ACTIVITY), 0);
    assert_int_equal(sink_coverage(&sunk).names_missing, 1);
    assert_int_equal(sink_at(&sunk, SINK_CLOSED, 0)->body.coverage.names_missing, 1);
}

/* A conversation whose ClientHello is sent in an order drawn at random. */
static void film_shuffled_hello(uint64_t *seed, struct talk *talk)
{
    static struct bytes bytes;
    struct hello_parts parts = {.name = "api.example",
                                .padding = random_below(seed, 3000),
                                .name_comes_last = random_below(seed, 2)};
    uint32_t at = 0;
    uint32_t cuts[11];
    uint32_t pieces = 1 + random_below(seed, 10);

    bytes.length = 0;
    put_hello(&bytes, &parts);
    for (uint32_t i = 0; i < pieces; i++) {
        cuts[i] = at;
        at += 1 + random_below(seed, 2 * (uint32_t)bytes.length / pieces);
        at = at > bytes.length ? (uint32_t)bytes.length : at;
    }
    cuts[pieces] = (uint32_t)bytes.length;
    for (uint32_t given = 0; given != (1U << pieces) - 1;) {
        uint32_t i = random_below(seed, pieces);
        uint32_t back = random_below(seed, 3) ? 0 : random_below(seed, cuts[i] + 1);

        given |= 1U << i;
        if (cuts[i + 1] == cuts[i])
            continue;
        talk_segment(&film, talk, FROM_CLIENT, talk->sequence[0] + cuts[i] - back, TCP_ACK,
                     bytes.at + cuts[i] - back, cuts[i + 1] - cuts[i] + back);
    }
    talk->sequence[0] += (uint32_t)bytes.length;
    talk->said[0] += (uint32_t)bytes.length;
}

static void a_hello_in_any_order_is_the_same(void **state)
{
    uint64_t seed = 11;

    (void)state;
    for (int round = 0; round < 1000; round++) {
        struct talk talk = talk_of(1, (uint16_t)(40000 + round));
        struct activity sum;

        if (thinned((size_t)round))
            continue;
        film_clear(&film);
        talk_open(&film, &talk);
        film_shuffled_hello(&seed, &talk);
        talk_exchange(&film, &talk, 400, 3, 1000, SECOND);
        talk_close(&film, &talk);
        play();
        sum = only_sum(FOUR, API);
        assert_int_equal(sum.flows, 1);
        assert_int_equal(sum.bytes_up, talk.said[FROM_CLIENT]);
        assert_int_equal(sum.bytes_down, talk.said[FROM_SERVER]);
        assert_triple(sum.requests, 1, 1, 1);
        assert_triple(sum.tokens_in, 40, 40, 40);
        assert_triple(sum.tokens_out, 15, 30, 60);
        assert_int_equal(sink_coverage(&sunk).bytes_lost, 0);
    }
}

/* -- The life of a connection -------------------------------------------------------------------
 */

static void ports_are_used_again(void **state)
{
    struct activity sum;
    uint32_t said[2] = {0, 0};

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct talk talk = talk_of(1, 50000);

        talk.sequence[0] += 100000U * (unsigned)i;
        talk.sequence[1] += 100000U * (unsigned)i;
        talk_open(&film, &talk);
        talk_hello(&film, &talk, i == 2 ? "www.example" : "api.example", 0);
        talk_exchange(&film, &talk, 400, 3, 1000, SECOND);
        if (i == 0)
            talk_close(&film, &talk);
        if (i == 1)
            talk_flags(&film, &talk, FROM_SERVER, TCP_RST);
        for (int side = 0; side < 2 && i != 2; side++)
            said[side] += talk.said[side];
    }
    play();
    sum = only_sum(FOUR, API);
    assert_int_equal(sum.flows, 3);
    assert_triple(sum.requests, 3, 3, 3);
    assert_int_equal(sum.bytes_up, said[FROM_CLIENT]);
    assert_int_equal(sum.bytes_down, said[FROM_SERVER]);
    assert_int_equal(sink_coverage(&sunk).flows, 4);
}

/* The next connection on the same ports may even begin with the same number. */
static void after_a_close_an_opening_begins_anew(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct talk talk = talk_of(1, 50000);

        talk_open(&film, &talk);
        talk_hello(&film, &talk, "api.example", 0);
        talk_exchange(&film, &talk, 400, 3, 1000, SECOND);
        talk_close(&film, &talk);
    }
    play();
    assert_int_equal(only_sum(FOUR, API).flows, 2);
    assert_triple(only_sum(FOUR, API).requests, 2, 2, 2);
}

static void a_repeated_opening_begins_nothing(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct talk again = talk;

    (void)state;
    talk_open(&film, &talk);
    talk_open(&film, &again);
    talk_hello(&film, &talk, "api.example", 0);
    again = talk_of(1, 50000);
    talk_flags(&film, &again, FROM_CLIENT, TCP_SYN);
    talk_exchange(&film, &talk, 400, 3, 1000, SECOND);
    play();
    assert_int_equal(only_sum(FOUR, API).flows, 1);
    assert_triple(only_sum(FOUR, API).requests, 1, 1, 1);
    assert_int_equal(sink_coverage(&sunk).flows, 1);
}

static void a_client_may_close_its_side_first(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_record(&film, &talk, FROM_CLIENT, 400);
    talk_flags(&film, &talk, FROM_CLIENT, TCP_FIN | TCP_ACK);
    for (int i = 0; i < 5; i++)
        talk_record(&film, &talk, FROM_SERVER, 1000);
    talk_flags(&film, &talk, FROM_SERVER, TCP_FIN | TCP_ACK);
    play();
    assert_triple(only_sum(FOUR, API).tokens_out, 25, 50, 100);
    assert_int_equal(only_sum(FOUR, API).bytes_down, 5025);
}

/* A segment that comes after the end is counted with its flow, and nowhere else. */
static void a_close_ends_the_exchange_at_once(void **state)
{
    static const uint8_t text[500];
    struct talk talk = talk_of(1, 50000);
    struct metering *metering;
    uint32_t late;

    (void)state;
    film.clock_ns = (NOON + 50) * SECOND;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_exchange(&film, &talk, 400, 4, 1000, SECOND);
    late = talk.sequence[FROM_SERVER];
    talk.sequence[FROM_SERVER] += 500;
    talk_close(&film, &talk);
    talk_segment(&film, &talk, FROM_SERVER, late, TCP_ACK, text, 500);
    metering = make_metering(&roomy);
    show(metering, 0, film.count);
    metering_advance(metering, (NOON + 60) * SECOND);
    assert_triple(only_sum(FOUR, API).requests, 1, 1, 1);
    assert_int_equal(only_sum(FOUR, API).bytes_down, 4020);
    end(metering);
    assert_int_equal(payload_bytes, talk.said[0] + talk.said[1] + 500);
}

static void a_hello_without_an_opening_will_do(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    talk_hello(&film, &talk, "api.example", 2000);
    talk_exchange(&film, &talk, 400, 3, 1000, SECOND);
    play();
    assert_triple(only_sum(FOUR, API).requests, 1, 1, 1);
    assert_int_equal(only_sum(FOUR, API).bytes_up, talk.said[FROM_CLIENT]);
    assert_int_equal(only_sum(FOUR, API).bytes_down, talk.said[FROM_SERVER]);
}

static void a_connection_seen_from_its_middle_has_no_name(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    for (int i = 0; i < 20; i++)
        talk_exchange(&film, &talk, 400, 3, 1000, SECOND);
    play();
    assert_int_equal(sink_count(&sunk, SINK_ACTIVITY), 0);
    assert_int_equal(sink_coverage(&sunk).flows, 1);
    assert_int_equal(payload_bytes, talk.said[0] + talk.said[1]);
}

static void text_may_stand_before_the_hello(void **state)
{
    static struct bytes bytes;
    struct talk talk = talk_of(1, 50000);

    (void)state;
    talk_open(&film, &talk);
    bytes.length = 0;
    put_bytes(&bytes, "CONNECT api.example:443 HTTP/1.1\r\n\r\n", 36);
    talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
    bytes.length = 0;
    put_bytes(&bytes, "HTTP/1.1 200 OK\r\n\r\n", 19);
    talk_say(&film, &talk, FROM_SERVER, &bytes, 1400);
    talk_hello(&film, &talk, "api.example", 2000);
    talk_exchange(&film, &talk, 400, 3, 1000, SECOND);
    talk_close(&film, &talk);
    play();
    assert_triple(only_sum(FOUR, API).requests, 1, 1, 1);
    assert_int_equal(only_sum(FOUR, API).bytes_up, talk.said[FROM_CLIENT]);
    assert_int_equal(only_sum(FOUR, API).bytes_down, talk.said[FROM_SERVER]);
}

static void text_before_the_hello_may_be_overtaken(void **state)
{
    static const uint8_t text[] = "CONNECT api.example:443 HTTP/1.1\r\nHost: api.example\r\n\r\n";
    struct talk talk = talk_of(1, 50000);
    uint32_t length = sizeof(text) - 1;

    (void)state;
    talk_open(&film, &talk);
    talk_segment(&film, &talk, FROM_CLIENT, talk.sequence[0] + 30, TCP_ACK, text + 30, length - 30);
    talk_segment(&film, &talk, FROM_CLIENT, talk.sequence[0], TCP_ACK, text, 30);
    talk.sequence[FROM_CLIENT] += length;
    talk_hello(&film, &talk, "api.example", 2000);
    talk_exchange(&film, &talk, 400, 3, 1000, SECOND);
    play();
    assert_triple(only_sum(FOUR, API).requests, 1, 1, 1);
    assert_int_equal(only_sum(FOUR, API).bytes_up, talk.said[FROM_CLIENT] + length);
}

/* One whose first segment the capture missed: given up when no window can hold what follows. */
static void a_hello_that_lost_its_start_has_no_name(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 2000);
    for (size_t i = 3; i < film.count; i++)
        film.shots[i].bytes[12] ^= i == 3 ? 0xff : 0; /* of another ethertype */
    for (int i = 0; i < 20; i++)
        talk_record(&film, &talk, FROM_CLIENT, 1000);
    play();
    assert_int_equal(sink_count(&sunk, SINK_ACTIVITY), 0);
    assert_int_equal(sink_coverage(&sunk).names_seen, 0);
    assert_int_equal(payload_bytes, talk.said[FROM_CLIENT]);
}

static void a_hello_that_contradicts_itself_has_no_name(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 2000);
    film.shots[3].bytes[14 + 20 + 32 + 5 + 4 + 2 + 32] = 0xff; /* the session's length */
    talk_exchange(&film, &talk, 400, 3, 1000, SECOND);
    play();
    assert_int_equal(sink_count(&sunk, SINK_ACTIVITY), 0);
    assert_int_equal(sink_coverage(&sunk).names_missing, 1);
}

/* A silent connection gives its state back after a quarter of an hour, and may have one again. */
static void silent_connections_give_their_state_back(void **state)
{
    const struct limits one_state = {4096, 1, 16, 4096, 1024};
    struct metering *metering = make_metering(&one_state);
    struct talk first = talk_of(1, 50000);
    struct talk second = talk_of(2, 50000);
    size_t shown;

    (void)state;
    talk_open(&film, &first);
    talk_hello(&film, &first, "api.example", 0);
    talk_exchange(&film, &first, 400, 3, 1000, SECOND);
    talk_open(&film, &second);
    talk_hello(&film, &second, "api.example", 0); /* the state is taken */
    talk_exchange(&film, &second, 400, 3, 1000, SECOND);
    show(metering, 0, film.count);
    shown = film.count;
    for (int i = 0; i < 16 * 60; i++)
        metering_advance(metering, film.clock_ns += SECOND);
    assert_triple(only_sum(FOUR, API).requests, 1, 1, 1);
    talk_exchange(&film, &second, 400, 3, 1000, SECOND); /* now it is free */
    talk_close(&film, &second);
    talk_exchange(&film, &first, 400, 3, 1000, SECOND);
    show(metering, shown, film.count);
    end(metering);
    assert_triple(only_sum(FOUR, API).requests, 3, 3, 3);
    assert_int_equal(only_sum(FOUR, API).bytes_down, first.said[1] + second.said[1]);
    assert_int_equal(only_sum(FOUR, API).flows, 2);
    assert_int_equal(sink_coverage(&sunk).flows_untracked, 1);
}

static void a_reload_changes_nothing_for_what_is_judged(void **state)
{
    struct catalogue *other = make_catalogue(NULL);
    struct talk old = talk_of(1, 50000);
    struct talk new = talk_of(2, 50000);
    size_t before;

    (void)state;
    talk_open(&film, &old);
    talk_hello(&film, &old, "api.example", 0);
    talk_exchange(&film, &old, 400, 2, 1000, SECOND);
    before = film.count;
    talk_exchange(&film, &old, 400, 2, 1000, SECOND);
    talk_open(&film, &new);
    talk_hello(&film, &new, "api.example", 0);
    talk_exchange(&film, &new, 400, 2, 1000, SECOND);
    play_with_reload(before, other);
    assert_triple(only_sum(FOUR, API).requests, 2, 2, 2);
    assert_int_equal(only_sum(FOUR, API).bytes_down, old.said[FROM_SERVER]);
}

/* New rules look for something else in an answer: what is running ends by the old ones, which knew
 * what it had gathered. */
static void a_reload_ends_what_other_rules_would_misread(void **state)
{
    struct catalogue *other = make_catalogue(NULL);
    struct service service = *catalogue_service(catalogue, API);
    struct talk talk = talk_of(1, 50000);
    size_t before;

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_record(&film, &talk, FROM_CLIENT, 400);
    for (int i = 0; i < 20; i++) {
        film.clock_ns += SECOND / 10;
        talk_record(&film, &talk, FROM_SERVER, 500);
    }
    before = film.count;
    film.clock_ns += SECOND;
    talk_record(&film, &talk, FROM_SERVER, 500);
    service.estimator.method = METHOD_M5;
    service.estimator.tokens_per_second = triple_exact(1000);
    service.estimator.reply_s = 0.3;
    assert_true(catalogue_set_service(other, API, &service));
    play_with_reload(before, other);
    assert_triple(only_sum(FOUR, API).requests, 1, 1, 1);
    assert_triple(only_sum(FOUR, API).tokens_out, 50, 100, 200); /* by M1, as it was begun */
}

static struct service service_by_events(void)
{
    struct service service = *catalogue_service(catalogue, API);

    service.estimator.method = METHOD_M2;
    service.estimator.record_base_bytes = triple_exact(100);
    service.estimator.event_text_bytes = 20;
    service.estimator.record_max_bytes = 600;
    return service;
}

/* Nothing was gathered yet of what is only asked. */
static void a_reload_forgets_no_request(void **state)
{
    struct catalogue *other = make_catalogue(NULL);
    struct service service = service_by_events();
    struct talk talk = talk_of(1, 50000);
    size_t before;

    (void)state;
    assert_true(catalogue_set_service(other, API, &service));
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_record(&film, &talk, FROM_CLIENT, 400);
    before = film.count;
    for (int i = 0; i < 20; i++) {
        film.clock_ns += SECOND / 10;
        talk_record(&film, &talk, FROM_SERVER, 500);
    }
    talk_close(&film, &talk);
    play_with_reload(before, other);
    assert_triple(only_sum(FOUR, API).requests, 1, 1, 1);
}

/* Two rules of M2 may keep images and answers that were sent whole in the same place. */
static void a_reload_takes_no_image_for_text(void **state)
{
    struct catalogue *other = make_catalogue(NULL);
    struct service service = service_by_events();
    struct talk talk = talk_of(1, 50000);
    size_t before;

    (void)state;
    service.estimator.whole_bytes_per_token = triple_exact(4);
    service.estimator.bulk_record_min = 8000;
    assert_true(catalogue_set_service(catalogue, API, &service));
    service.estimator.bulk_record_min = 0;
    service.estimator.whole_record_min = 1000;
    service.estimator.whole_record_overhead_bytes = 500;
    assert_true(catalogue_set_service(other, API, &service));
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_record(&film, &talk, FROM_CLIENT, 400);
    film.clock_ns += SECOND;
    for (int i = 0; i < 20; i++)
        talk_record(&film, &talk, FROM_SERVER, 16000);
    before = film.count;
    film.clock_ns += SECOND;
    talk_close(&film, &talk);
    play_with_reload(before, other);
    assert_triple(only_sum(FOUR, API).requests, 1, 1, 1);
    assert_triple(only_sum(FOUR, API).tokens_out, 0, 0, 0);
}

/* Of web applications, the end of an answer may only be known by the next one's begin. */
static void pages_are_told_by_their_answers(void **state)
{
    struct service service = *catalogue_service(catalogue, WEB);
    struct talk talk = talk_of(1, 50000);

    (void)state;
    service.estimator.answer_s_min = 0.2;
    service.estimator.answer_slots_min = 0;
    service.estimator.answer_steps_min = 3;
    service.estimator.step_bytes_max = 4096;
    service.estimator.reply_s = 0.3;
    service.estimator.rest_s = 1.5;
    assert_true(catalogue_set_service(catalogue, WEB, &service));
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "chat.web.example", 0);
    for (int i = 0; i < 2; i++) {
        film.clock_ns += 5 * SECOND;
        talk_record(&film, &talk, FROM_CLIENT, 4000);
        talk_record(&film, &talk, FROM_SERVER, 16000); /* the reply, at once */
        film.clock_ns += SECOND;
        for (int step = 0; step < 20; step++) {
            film.clock_ns += SECOND / 10;
            talk_record(&film, &talk, FROM_SERVER, 500);
        }
    }
    play();
    assert_triple(only_sum(FOUR, WEB).requests, 1.8, 2, 2.2);
    assert_triple(only_sum(FOUR, WEB).tokens_out, 100, 200, 400);
}

/* -- Time ---------------------------------------------------------------------------------------
 */

static void what_is_counted_goes_to_its_minute(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct activity sums[3];
    uint32_t said[2];

    (void)state;
    film.clock_ns = (NOON + 50) * SECOND;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_exchange(&film, &talk, 400, 4, 1000, SECOND); /* ends at 54 s, is known to at 60 */
    memcpy(said, talk.said, sizeof(said));
    film.clock_ns = (NOON + 65) * SECOND - 1;
    talk_record(&film, &talk, FROM_SERVER, 1000); /* after the end of the answer */
    film.clock_ns = (NOON + 120) * SECOND;
    talk_exchange(&film, &talk, 400, 4, 1000, SECOND);
    play();
    for (int i = 0; i < 3; i++)
        sums[i] = sink_sum(&sunk, NOON + 60 * i, FOUR, API);
    assert_int_equal(sums[0].flows, 1);
    assert_int_equal(sums[0].bytes_up, said[FROM_CLIENT]);
    assert_int_equal(sums[0].bytes_down, said[FROM_SERVER]);
    assert_triple(sums[0].requests, 0, 0, 0);
    assert_int_equal(sums[1].flows, 0);
    assert_int_equal(sums[1].bytes_up, 0);
    assert_int_equal(sums[1].bytes_down, 1005);
    assert_triple(sums[1].requests, 1, 1, 1);
    assert_triple(sums[1].tokens_out, 20, 40, 80);
    assert_int_equal(sums[2].bytes_up, 405);
    assert_triple(sums[2].requests, 1, 1, 1);
    assert_int_equal(sink_count(&sunk, SINK_CLOSED), 3);
}

/* One nanosecond decides: a deadline at the minute's very end belongs to the next one. */
static void deadlines_belong_to_the_minute_they_fall_in(void **state)
{
    (void)state;
    for (int early = 0; early < 2; early++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        film.clock_ns = (NOON + 50) * SECOND;
        talk_open(&film, &talk);
        talk_hello(&film, &talk, "api.example", 0);
        talk_record(&film, &talk, FROM_CLIENT, 400);
        film.clock_ns = (NOON + 54) * SECOND - early;
        talk_record(&film, &talk, FROM_SERVER, 1000);
        film.clock_ns = (NOON + 100) * SECOND;
        talk_record(&film, &talk, FROM_CLIENT, 50);
        play();
        assert_triple(sink_sum(&sunk, NOON, FOUR, API).requests, early, early, early);
        assert_triple(sink_sum(&sunk, NOON + 60, FOUR, API).requests, !early, !early, !early);
    }
}

static void time_without_packets_is_covered(void **state)
{
    struct metering *metering = make_metering(&roomy);

    (void)state;
    metering_advance(metering, (NOON + 30) * SECOND);
    metering_advance(metering, (NOON + 200) * SECOND);
    end(metering);
    assert_int_equal(sink_count(&sunk, SINK_CLOSED), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sink_at(&sunk, SINK_CLOSED, i)->interval_start, NOON + 60 * (int64_t)i);
    assert_int_equal(sink_coverage(&sunk).covered_ns, 170 * SECOND);
}

static void nothing_was_observed_if_nothing_began(void **state)
{
    (void)state;
    end(make_metering(&roomy));
    assert_int_equal(sunk.count, 0);
}

static void a_long_silence_is_not_covered(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    talk_open(&film, &talk);
    film.clock_ns = (NOON + 300) * SECOND + MILLI;
    talk_flags(&film, &talk, FROM_CLIENT, TCP_ACK);
    film.clock_ns += 300 * SECOND + 1;
    talk_flags(&film, &talk, FROM_CLIENT, TCP_ACK);
    film.clock_ns += SECOND;
    talk_flags(&film, &talk, FROM_CLIENT, TCP_ACK);
    play();
    assert_int_equal(sink_coverage(&sunk).covered_ns, 301 * SECOND + MILLI);
    assert_int_equal(sink_count(&sunk, SINK_CLOSED), 7);
    assert_int_equal(sink_at(&sunk, SINK_CLOSED, 6)->interval_start, NOON + 600);
    assert_int_equal(sink_coverage(&sunk).clock_steps, 0);
}

/* A clock set back or forward: every minute is closed, no answer is cut short by it. */
static void the_clock_may_be_set(void **state)
{
    static const int64_t steps_s[] = {-3600, -10, 100000};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        talk_open(&film, &talk);
        talk_hello(&film, &talk, "api.example", 0);
        talk_exchange(&film, &talk, 400, 5, 1000, SECOND);
        film.clock_ns += steps_s[i] * SECOND;
        for (int j = 0; j < 5; j++) {
            talk_record(&film, &talk, FROM_SERVER, 1000);
            film.clock_ns += SECOND;
        }
        play();
        assert_int_equal(only_sum(FOUR, API).bytes_down, talk.said[FROM_SERVER]);
        assert_triple(only_sum(FOUR, API).requests, 1, 1, 1);
        assert_int_equal(sink_coverage(&sunk).clock_steps, steps_s[i] < 0);
        assert_triple(only_sum(FOUR, API).tokens_out, steps_s[i] < 0 ? 50 : 25,
                      steps_s[i] < 0 ? 100 : 50, steps_s[i] < 0 ? 200 : 100);
        assert_in_range(sink_coverage(&sunk).covered_ns, 8 * SECOND, 11 * SECOND);
    }
}

/* Intervals are of UTC: at the end of summer time, local time has one hour twice. */
static void summer_time_does_not_matter(void **state)
{
    const int64_t change = 1792890000; /* 2026-10-25 01:00:00 UTC */

    (void)state;
    for (int zone = 0; zone < 2; zone++) {
        struct talk talk = talk_of(1, 50000);

        assert_int_equal(setenv("TZ", zone ? "Europe/Paris" : "UTC", 1), 0);
        tzset();
        film_clear(&film);
        film.clock_ns = (change - 120) * SECOND;
        talk_open(&film, &talk);
        talk_hello(&film, &talk, "api.example", 0);
        for (int i = 0; i < 8; i++)
            talk_exchange(&film, &talk, 400, 28, 1000, SECOND);
        play();
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(sink_at(&sunk, SINK_CLOSED, i)->interval_start,
                             change - 120 + 60 * (int64_t)i);
        assert_triple(only_sum(FOUR, API).requests, 8, 8, 8);
        assert_int_equal(sink_coverage(&sunk).clock_steps, 0);
    }
    assert_int_equal(unsetenv("TZ"), 0);
}

static void packets_may_be_slightly_out_of_order(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct activity sum;

    (void)state;
    film.clock_ns = (NOON + 59) * SECOND + 500 * MILLI;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_exchange(&film, &talk, 400, 5, 1000, SECOND);
    for (size_t i = 1; i < film.count; i += 2)
        film.shots[i].time_ns += 900 * MILLI;
    film.shots[film.count - 1].time_ns = film.shots[film.count - 2].time_ns - 500 * MILLI;
    play();
    sum = only_sum(FOUR, API);
    assert_triple(sum.requests, 1, 1, 1);
    assert_int_equal(sum.bytes_down, talk.said[FROM_SERVER]);
    assert_int_equal(sink_coverage(&sunk).clock_steps, 0);
    assert_int_equal(sink_count(&sunk, SINK_CLOSED), 2);
    assert_int_equal(sink_coverage(&sunk).covered_ns,
                     film.shots[film.count - 2].time_ns - film.shots[0].time_ns);
}

/* -- The same packets, the same sums ------------------------------------------------------------
 */

static void film_talk(uint64_t *seed, unsigned number)
{
    static const char *const names[] = {"api.example", "a.web.example", "t.web.example",
                                        "www.example"};
    struct talk talk = talk_of(number % 7, (uint16_t)(40000 + number));

    talk_open(&film, &talk);
    talk_hello(&film, &talk, names[random_below(seed, 4)], random_below(seed, 2500));
    for (uint32_t i = random_below(seed, 4); i > 0; i--) {
        talk_exchange(&film, &talk, 100 + random_below(seed, 5000), random_below(seed, 40),
                      30 + random_below(seed, 700), random_below(seed, 700) * MILLI);
        film.clock_ns += random_below(seed, 12) * SECOND;
    }
    if (random_below(seed, 3))
        talk_close(&film, &talk);
    else if (random_below(seed, 2))
        talk_flags(&film, &talk, FROM_SERVER, TCP_RST);
}

/* Conversations at the same time, with losses, repetitions and delays. */
static void film_crowd(uint64_t *seed, unsigned talks, bool damaged)
{
    film_clear(&film);
    for (unsigned i = 0; i < talks; i++) {
        film.clock_ns = NOON * SECOND + random_below(seed, 150000) * MILLI;
        film_talk(seed, i);
    }
    for (size_t i = 0; damaged && i < film.count; i++) {
        if (random_below(seed, 40) == 0)
            film.shots[i].time_ns += random_below(seed, 5000000);
        if (random_below(seed, 60) == 0)
            film.shots[i].bytes[12] ^= 0xff; /* gone: of another ethertype */
    }
    film_sort(&film);
}

static struct sink_log take_log(void)
{
    struct sink_log log = sunk;

    memset(&sunk, 0, sizeof(sunk));
    return log;
}

static void assert_same_log(const struct sink_log *log)
{
    assert_int_equal(sunk.count, log->count);
    assert_memory_equal(sunk.entries, log->entries, log->count * sizeof(*log->entries));
}

/* Plays the film with calls of metering_advance() in between, as a live daemon would. */
static void play_live(uint64_t *seed, uint32_t one_in, int64_t until_ns)
{
    struct metering *metering = make_metering(&roomy);

    for (size_t i = 0; i < film.count; i++) {
        int64_t last_ns = film.shots[i ? i - 1 : 0].time_ns;
        int64_t gap_ns = film.shots[i].time_ns - last_ns;

        for (int64_t at_ns = 0; one_in && gap_ns > 0;) {
            at_ns += (int64_t)(random_next(seed) % (uint64_t)(1 + one_in * gap_ns));
            if (at_ns > gap_ns)
                break;
            metering_advance(metering, last_ns + at_ns);
        }
        show(metering, i, i + 1);
    }
    metering_advance(metering, until_ns);
    end(metering);
}

static void live_and_replay_agree_bit_for_bit(void **state)
{
    uint64_t seed = 12;

    (void)state;
    for (int round = 0; round < 12; round++) {
        struct sink_log replayed;
        int64_t until_ns;

        film_crowd(&seed, 40, round % 2);
        until_ns = film.shots[film.count - 1].time_ns + 100 * SECOND;
        play_live(&seed, 0, until_ns);
        replayed = take_log();
        assert_true(sink_count(&replayed, SINK_ACTIVITY) > 4);
        for (uint32_t one_in = 1; one_in < 40; one_in += 9) {
            play_live(&seed, one_in, until_ns);
            assert_same_log(&replayed);
        }
        sink_clear(&replayed);
    }
}

static void totals_are_conserved(void **state)
{
    uint64_t seed = 13;

    (void)state;
    for (int round = 0; round < 20; round++) {
        struct activity sums[2];
        struct coverage coverage;

        film_crowd(&seed, 60, true);
        play(); /* compares bytes of packets and of flows */
        sums[0] = sink_sum(&sunk, -1, FOUR, API);
        sums[1] = sink_sum(&sunk, -1, FOUR, WEB);
        coverage = sink_coverage(&sunk);
        assert_int_equal(coverage.packets, film.count);
        assert_in_range(coverage.flows, 60, 70);
        assert_true(sums[0].bytes_up + sums[0].bytes_down + sums[1].bytes_up + sums[1].bytes_down +
                        sums[0].bytes_other + sums[1].bytes_other <=
                    payload_bytes);
    }
}

/* -- Floods -------------------------------------------------------------------------------------
 */

static void shoot_opening(uint64_t *seed)
{
    uint64_t number = random_next(seed);
    struct talk talk = talk_of(0, (uint16_t)number);

    memcpy(talk.client.bytes, &number, 4);
    memcpy(talk.server.bytes, (uint8_t *)&number + 4, 3);
    film_rewind(&film);
    talk_flags(&film, &talk, FROM_CLIENT, TCP_SYN);
}

static void a_flood_costs_no_memory_and_no_known_service(void **state)
{
    const struct limits small = {1024, 64, 16, 1024, 1024};
    struct metering *metering = make_metering(&small);
    struct talk talks[20];
    uint64_t seed = 14;
    struct mallinfo2 before;
    struct activity sum;
    uint32_t said[2] = {0, 0};

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        talks[i] = talk_of(i, 50000);
        talk_open(&film, &talks[i]);
        talk_hello(&film, &talks[i], "api.example", 0);
    }
    show(metering, 0, film.count);
    before = mallinfo2();
    for (int turn = 0; turn < 10; turn++) {
        for (int i = 0; i < 100000; i++) {
            shoot_opening(&seed);
            show(metering, 0, 1);
        }
        film_rewind(&film);
        for (unsigned i = 0; i < 20; i++)
            talk_exchange(&film, &talks[i], 400, 2, 1000, MILLI);
        show(metering, 0, film.count);
    }
    film_rewind(&film);
    assert_in_range(mallinfo2().uordblks, 0, before.uordblks + 65536);
    end(metering);
    for (unsigned i = 0; i < 20; i++)
        for (int side = 0; side < 2; side++)
            said[side] += talks[i].said[side];
    sum = only_sum(FOUR, API);
    assert_int_equal(sum.flows, 20);
    assert_int_equal(sum.bytes_up, said[FROM_CLIENT]);
    assert_int_equal(sum.bytes_down, said[FROM_SERVER]);
    assert_triple(sum.requests, 200, 200, 200);
    assert_in_range(sink_coverage(&sunk).flows, 1000020 - 200, 1000020);
    assert_in_range(sink_coverage(&sunk).flows_evicted, 1000020 - 1024, 1000020);
}

/* A table full of known services takes no newcomer, and says so. */
static void a_full_table_refuses(void **state)
{
    const struct limits smallest = {16, 16, 16, 1024, 1024};
    struct metering *metering = make_metering(&smallest);

    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        struct talk talk = talk_of(i, 50000);

        talk_open(&film, &talk);
        talk_hello(&film, &talk, "api.example", 0);
    }
    show(metering, 0, film.count);
    end(metering);
    assert_in_range(only_sum(FOUR, API).flows, 16, 20);
    assert_int_equal(only_sum(FOUR, API).flows, sink_coverage(&sunk).flows);
    assert_true(sink_coverage(&sunk).flows_evicted >= 40);
    assert_true(sink_coverage(&sunk).names_seen == only_sum(FOUR, API).flows);
}

/* Devices that begin a ClientHello and never end it must not keep others from being named. */
static void hellos_that_never_end_do_not_bar_others(void **state)
{
    const struct limits small = {4096, 64, 16, 1024, 1024};
    struct metering *metering = make_metering(&small);
    static const uint8_t start[] = {22, 3, 1, 2, 0, 1, 0, 1, 0xfc};
    struct talk talk;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        talk = talk_of(i, 40000);
        talk_open(&film, &talk);
        talk_segment(&film, &talk, FROM_CLIENT, talk.sequence[0], TCP_ACK, start, sizeof(start));
        film.clock_ns += 100 * MILLI;
    }
    talk = talk_of(1, 50000);
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 2000);
    talk_exchange(&film, &talk, 400, 2, 1000, MILLI);
    show(metering, 0, film.count);
    end(metering);
    assert_triple(only_sum(FOUR, API).requests, 1, 1, 1);
    assert_int_equal(sink_coverage(&sunk).names_missing, 200);
    assert_int_equal(sink_coverage(&sunk).names_seen, 1);
}

/* -- Privacy ------------------------------------------------------------------------------------
 */

static bool holds(const void *bytes, size_t size, const void *part, size_t length)
{
    return memmem(bytes, size, part, length) != NULL;
}

/* Only numbers leave: no address, in either order of its bytes, and no name. */
static void nothing_personal_leaves(void **state)
{
    struct talk four = talk_of(0, 51234);
    struct talk six = talk_of(0, 51235);

    (void)state;
    four.client = address4(10, 1, 171, 205);
    six.client = (struct address){
        6, {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0xca, 0xfe, 0xba, 0xbe, 0xde, 0xad, 0xbe, 0xef}};
    six.server = (struct address){6, {0x26, 0x06, 0x47, 0x00, 9, 8, 7, 6, 5, 4, 3, 2, 1, 9, 8, 7}};
    talk_open(&film, &four);
    talk_hello(&film, &four, "jean-dupont.web.example", 0);
    talk_exchange(&film, &four, 4000, 30, 300, 250 * MILLI);
    talk_open(&film, &six);
    talk_hello(&film, &six, "api.example", 0);
    talk_exchange(&film, &six, 4000, 30, 300, 250 * MILLI);
    play();
    assert_int_equal(sink_count(&sunk, SINK_DEVICES), 2);
    assert_int_equal(sink_sum(&sunk, -1, FOUR, WEB).flows, 1);
    assert_int_equal(sink_sum(&sunk, -1, SIX, API).flows, 1);
    for (size_t i = 0; i < sunk.count; i++) {
        const void *body = &sunk.entries[i].body;
        size_t size = sizeof(sunk.entries[i].body);

        assert_false(holds(body, size, four.client.bytes, 4));
        assert_false(holds(body, size, "\xcd\xab\x01\x0a", 4));
        assert_false(holds(body, size, four.server.bytes, 4));
        assert_false(holds(body, size, six.client.bytes + 8, 4));
        assert_false(holds(body, size, six.client.bytes + 12, 4));
        assert_false(holds(body, size, six.server.bytes + 4, 4));
        assert_false(holds(body, size, "jean", 4));
        assert_false(holds(body, size, "example", 7));
        assert_false(holds(body, size, "api", 3));
    }
}

/* -- Inspection ---------------------------------------------------------------------------------
 */

static struct flow_record inspected[8];
static char inspected_names[8][256];
static size_t inspected_count;

static void inspect(void *context, const struct flow_record *record)
{
    (void)context;
    assert_true(inspected_count < 8);
    strcpy(inspected_names[inspected_count], record->name);
    inspected[inspected_count++] = *record;
}

static void inspection_shows_flow_by_flow(void **state)
{
    struct metering_sink sink = sink_into(&sunk);
    struct hello_parts grease = {.name = "api.example", .ech = true};
    struct talk talk = talk_of(1, 50001);
    struct metering *metering;

    (void)state;
    say_hello(1, &grease);
    film.clock_ns += 10 * SECOND;
    talk_flags(&film, &talk, FROM_CLIENT, TCP_RST);
    sink.flow = inspect;
    inspected_count = 0;
    metering = metering_new(&roomy, catalogue, directions, &sink);
    show(metering, 0, film.count);
    assert_int_equal(inspected_count, 1);
    assert_string_equal(inspected_names[0], "api.example");
    assert_string_equal(inspected[0].ech, "grease");
    assert_string_equal(inspected[0].transport, "tls");
    assert_int_equal(inspected[0].service, API);
    assert_int_equal(inspected[0].direction, FOUR);
    assert_int_equal(inspected[0].first_ns, NOON * SECOND);
    assert_int_equal(inspected[0].client_port, 50001);
    assert_int_equal(inspected[0].server_port, 443);
    assert_memory_equal(&inspected[0].client, &talk.client, sizeof(talk.client));
    assert_memory_equal(&inspected[0].server, &talk.server, sizeof(talk.server));
    assert_int_equal(inspected[0].bytes_down, 30 * 305);
    assert_triple(inspected[0].requests, 1, 1, 1);
    assert_triple(inspected[0].tokens_out, 45, 90, 180);
    end(metering);
    assert_int_equal(inspected_count, 1);
}

/* -- Hostile bytes ------------------------------------------------------------------------------
 */

static void damaged_frames_are_survived(void **state)
{
    const struct limits tight = {64, 4, 16, 16, 1024};
    uint64_t seed = 15;

    (void)state;
    for (int round = 0; round < 40; round++) {
        struct metering *metering;

        film_crowd(&seed, 30, true);
        for (size_t i = 0; i < film.count; i++) {
            if (random_below(&seed, 4) == 0)
                film.shots[i].bytes[random_below(&seed, film.shots[i].captured)] ^=
                    (uint8_t)(1U << random_below(&seed, 8));
            if (random_below(&seed, 200) == 0)
                film.shots[i].time_ns += (int64_t)(int32_t)random_next(&seed) * SECOND;
        }
        metering = make_metering(&tight);
        show(metering, 0, film.count);
        end(metering);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* Who does not know the sequence numbers cannot end what is followed of a connection. */
static void forged_closes_end_nothing(void **state)
{
    struct talk talk = talk_of(1, 50000);
    const uint32_t far = 1U << 30;

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    talk_exchange(&film, &talk, 400, 3, 1000, SECOND);
    talk_segment(&film, &talk, FROM_SERVER, talk.sequence[FROM_SERVER] + far, TCP_RST, NULL, 0);
    talk_segment(&film, &talk, FROM_CLIENT, talk.sequence[FROM_CLIENT] - far, TCP_FIN, NULL, 0);
    talk_segment(&film, &talk, FROM_SERVER, talk.sequence[FROM_SERVER] + far, TCP_FIN, NULL, 0);
    talk_exchange(&film, &talk, 400, 3, 1000, SECOND);
    talk_flags(&film, &talk, FROM_SERVER, TCP_RST);
    talk_exchange(&film, &talk, 400, 3, 1000, SECOND); /* of what is over */
    play();
    assert_true(only_sum(FOUR, API).requests.central == 2);
}

/* Connections of few packets show it, too: not even their opening was answered. */
static void short_connections_of_one_way_are_told(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    talk_flags(&film, &talk, FROM_CLIENT, TCP_SYN);
    talk_flags(&film, &talk, FROM_CLIENT, TCP_ACK);
    talk_hello(&film, &talk, "api.example", 0);
    talk_record(&film, &talk, FROM_CLIENT, 64);
    talk_record(&film, &talk, FROM_CLIENT, 400);
    play();
    assert_int_equal(sink_coverage(&sunk).flows_one_way, 1);
}

/* A mirror port that shows only what clients send, who are sent nothing: the sums say so; a
 * connection that is answered is none of these. */
static void one_way_is_told_and_graded(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct talk whole = talk_of(1, 50001);
    const struct sink_entry *entry;
    struct coverage coverage;
    struct activity sum;

    (void)state;
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    for (int i = 0; i < 17; i++) {
        talk_record(&film, &talk, FROM_CLIENT, 400);
        film.clock_ns += SECOND;
    }
    film.clock_ns += 120 * SECOND; /* another interval */
    talk_record(&film, &talk, FROM_CLIENT, 400);
    play();
    for (size_t i = 0; (entry = sink_at(&sunk, SINK_ACTIVITY, i)) != NULL; i++)
        if (entry->body.activity.bytes_up > 0)
            assert_int_equal(entry->body.activity.grade, GRADE_E);
    assert_true(sink_count(&sunk, SINK_ACTIVITY) > 1);
    sum = only_sum(FOUR, API);
    assert_int_equal(sum.grade, GRADE_E);
    assert_int_equal(sum.bytes_up, talk.said[FROM_CLIENT]);
    assert_true(sum.requests.high == 0);
    assert_int_equal(sink_coverage(&sunk).flows_one_way, 1);

    film_rewind(&film);
    talk_open(&film, &whole);
    talk_hello(&film, &whole, "api.example", 0);
    for (int i = 0; i < 9; i++)
        talk_exchange(&film, &whole, 400, 3, 1000, SECOND);
    play();
    coverage = sink_coverage(&sunk);
    assert_int_equal(coverage.flows_one_way, 0);
    assert_int_equal(only_sum(FOUR, API).grade, GRADE_B);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_exchange_is_counted_exactly),
        TEST(directions_are_those_of_the_client),
        TEST(telemetry_is_no_use),
        TEST(names_are_told_apart),
        TEST(devices_are_counted_once_a_day),
        TEST(what_is_not_tcp_is_counted),
        TEST(drops_are_passed_on),
        TEST(repeated_bytes_count_once),
        TEST(lost_segments_count_by_their_numbers),
        TEST(a_hole_does_not_hold_back_an_answer),
        TEST(cut_frames_are_metered_by_their_headers),
        TEST(a_file_is_an_upload),
        TEST(each_exchange_is_shown_by_itself),
        TEST(a_server_may_be_overtaken_by_itself),
        TEST(a_hello_that_is_cut_before_its_name_has_none),
        TEST(a_hello_in_any_order_is_the_same),
        TEST(ports_are_used_again),
        TEST(after_a_close_an_opening_begins_anew),
        TEST(a_repeated_opening_begins_nothing),
        TEST(a_client_may_close_its_side_first),
        TEST(a_close_ends_the_exchange_at_once),
        TEST(a_hello_without_an_opening_will_do),
        TEST(a_connection_seen_from_its_middle_has_no_name),
        TEST(text_may_stand_before_the_hello),
        TEST(text_before_the_hello_may_be_overtaken),
        TEST(a_hello_that_lost_its_start_has_no_name),
        TEST(a_hello_that_contradicts_itself_has_no_name),
        TEST(silent_connections_give_their_state_back),
        TEST(a_reload_changes_nothing_for_what_is_judged),
        TEST(a_reload_ends_what_other_rules_would_misread),
        TEST(a_reload_takes_no_image_for_text),
        TEST(a_reload_forgets_no_request),
        TEST(pages_are_told_by_their_answers),
        TEST(what_is_counted_goes_to_its_minute),
        TEST(deadlines_belong_to_the_minute_they_fall_in),
        TEST(time_without_packets_is_covered),
        TEST(nothing_was_observed_if_nothing_began),
        TEST(a_long_silence_is_not_covered),
        TEST(the_clock_may_be_set),
        TEST(summer_time_does_not_matter),
        TEST(packets_may_be_slightly_out_of_order),
        TEST(live_and_replay_agree_bit_for_bit),
        TEST(totals_are_conserved),
        TEST(a_flood_costs_no_memory_and_no_known_service),
        TEST(one_way_is_told_and_graded),
        TEST(forged_closes_end_nothing),
        TEST(short_connections_of_one_way_are_told),
        TEST(a_full_table_refuses),
        TEST(hellos_that_never_end_do_not_bar_others),
        TEST(nothing_personal_leaves),
        TEST(inspection_shows_flow_by_flow),
        TEST(damaged_frames_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
