/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/recognition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/same.h"
#include "tests/capture/scene.h"
#include "tests/thinned.h"

static struct coverage coverage(void)
{
    return sink_coverage(&sunk);
}

/* The four ways in which a connection is accounted for, and each connection in one. */
static void assert_names(uint64_t seen, uint64_t hinted, uint64_t encrypted, uint64_t missing)
{
    assert_int_equal(coverage().names_seen, seen);
    assert_int_equal(coverage().names_hinted, hinted);
    assert_int_equal(coverage().names_encrypted, encrypted);
    assert_int_equal(coverage().names_missing, missing);
}

/* The talk was the only use, whole, with one exchange, from one device. */
static void assert_used(uint16_t direction, uint16_t service, const struct talk *talk)
{
    struct activity sum = only_sum(direction, service);

    assert_int_equal(sum.flows, 1);
    assert_int_equal(sum.bytes_up, talk->said[FROM_CLIENT]);
    assert_int_equal(sum.bytes_down, talk->said[FROM_SERVER]);
    assert_int_equal(sum.bytes_other, 0);
    assert_triple(sum.requests, 1, 1, 1);
    assert_int_equal(devices_of(direction, service), 1);
}

/* Shoots segments of BYTES that end at CUTS, the one that LATE says last. */
static void say_overtaken(struct talk *talk, const struct bytes *bytes, const uint32_t *cuts,
                          size_t count, size_t late)
{
    for (size_t i = 0; i <= count; i++) {
        size_t piece = i == count ? late : i;
        uint32_t from = piece ? cuts[piece - 1] : 0;

        if (i == late)
            continue;
        talk_segment(&film, talk, FROM_CLIENT, talk->sequence[0] + from, TCP_ACK, bytes->at + from,
                     cuts[piece] - from);
        film.clock_ns += 1000;
    }
    talk->sequence[0] += (uint32_t)bytes->length;
    talk->said[0] += (uint32_t)bytes->length;
}

static void make_hello(struct bytes *bytes, const struct hello_parts *parts)
{
    bytes->length = 0;
    put_hello(bytes, parts);
}

/* The second half of a hello for the API comes first. */
static void say_overtaken_hello(struct talk *talk)
{
    static struct bytes bytes;
    const struct hello_parts parts = {.name = "api.example", .padding = 1500};
    uint32_t cuts[2] = {1000, 0};

    make_hello(&bytes, &parts);
    cuts[1] = (uint32_t)bytes.length;
    say_overtaken(talk, &bytes, cuts, 2, 0);
}

static void say_hello(struct talk *talk, const char *name, bool ech)
{
    static struct bytes bytes;
    const struct hello_parts parts = {.name = name, .ech = ech};

    make_hello(&bytes, &parts);
    talk_say(&film, talk, FROM_CLIENT, &bytes, 1400);
}

static struct talk open_talk(unsigned device, uint16_t port)
{
    struct talk talk = talk_of(device, port);

    talk_open(&film, &talk);
    return talk;
}

/* A request, and an answer of 3 kB. */
static void use(struct talk *talk)
{
    talk_exchange(&film, talk, 400, 3, 1000, SECOND);
    film.clock_ns += 10 * SECOND;
}

/* -- Where a name may begin ---------------------------------------------------------------------
 */

/* TCP Fast Open (RFC 7413): the opening carries the hello. */
static void an_opening_may_carry_the_hello(void **state)
{
    static struct bytes bytes;
    const struct hello_parts parts = {.name = "api.example", .padding = 500};
    struct talk talk = talk_of(1, 50000);
    uint32_t opening = talk.sequence[FROM_CLIENT];
    uint32_t length;

    (void)state;
    make_hello(&bytes, &parts);
    length = (uint32_t)bytes.length;
    talk_segment(&film, &talk, FROM_CLIENT, opening, TCP_SYN, bytes.at, length);
    talk.sequence[FROM_CLIENT] += 1 + length;
    talk.said[FROM_CLIENT] += length;
    talk_flags(&film, &talk, FROM_SERVER, TCP_SYN | TCP_ACK);
    use(&talk);
    /* A late copy of the first segment begins nothing. */
    talk_segment(&film, &talk, FROM_CLIENT, opening, TCP_SYN, bytes.at, length);
    scene_play();
    assert_used(ONE, API, &talk);
    assert_names(1, 0, 0, 0);
    assert_int_equal(coverage().flows, 1);
}

/* The alert that ended the session before, or a heartbeat (RFC 6520), in the hello's segment or in
 * one before; of a hello in two segments, the second may come first. */
static void a_hello_may_follow_an_alert_or_a_heartbeat(void **state)
{
    static struct bytes bytes;
    const struct hello_parts parts = {.name = "api.example", .padding = 1500};

    (void)state;
    for (unsigned how = 0; how < 12; how++) {
        struct talk talk = talk_of(1, 50000);
        unsigned size = how & 1 ? 19 : 2;
        uint32_t cuts[2] = {how < 8 ? size + 5 : 1000, 0};

        film_clear(&film);
        if (how & 2)
            talk_open(&film, &talk);
        bytes.length = 0;
        put_record_header(&bytes, how & 1 ? 24 : 21, size);
        put_fill(&bytes, 1, size);
        put_hello(&bytes, &parts);
        cuts[1] = (uint32_t)bytes.length;
        if (how < 4)
            talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
        else
            say_overtaken(&talk, &bytes, cuts, 2, how < 8 || !(how & 2) ? 2 : 0);
        use(&talk);
        scene_play();
        assert_used(ONE, API, &talk);
        assert_names(1, 0, 0, 0);
    }
}

/* A server that takes no data with an opening makes the client send them again. */
static void fast_open_may_be_refused(void **state)
{
    static struct bytes bytes;
    const struct hello_parts parts = {.name = "api.example"};
    struct talk talk = talk_of(1, 50000);

    (void)state;
    make_hello(&bytes, &parts);
    talk_segment(&film, &talk, FROM_CLIENT, talk.sequence[0]++, TCP_SYN, bytes.at,
                 (uint32_t)bytes.length);
    film.clock_ns += MILLI;
    talk_flags(&film, &talk, FROM_SERVER, TCP_SYN | TCP_ACK);
    talk_say(&film, &talk, FROM_CLIENT, &bytes, 100);
    use(&talk);
    scene_play();
    assert_used(ONE, API, &talk);
    assert_names(1, 0, 0, 0);
}

/* Two interfaces, read one after the other, show the answer to an opening before it. */
/* And by a forged one, too. */
static void an_opening_may_be_overtaken_by_its_answer(void **state)
{
    (void)state;
    for (int forged = 0; forged < 2; forged++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        talk_open(&film, &talk);
        film.shots[0].time_ns = film.shots[1].time_ns + 1;
        film_sort(&film);
        if (forged)
            film_forge_as(&film, &talk, FROM_CLIENT, TCP_SYN, 1U << 30, NULL, 1);
        say_overtaken_hello(&talk);
        use(&talk);
        scene_play();
        assert_used(ONE, API, &talk);
        assert_int_equal(coverage().flows, 1);
    }
}

static void a_hello_may_be_overtaken_anywhere(void **state)
{
    static const char connect[] = "CONNECT api.example:443 HTTP/1.1\r\n\r\n";
    struct talk talk;

    (void)state;
    for (int before = 0; before < 4; before++) {
        film_clear(&film);
        talk = open_talk(1, 50000);
        if (before == 1)
            talk_text(&film, &talk, FROM_CLIENT, connect);
        if (before == 2) {
            talk_segment(&film, &talk, FROM_CLIENT, talk.sequence[0] + 10, TCP_ACK,
                         (const uint8_t *)connect + 10, sizeof(connect) - 11);
            talk_segment(&film, &talk, FROM_CLIENT, talk.sequence[0], TCP_ACK,
                         (const uint8_t *)connect, 10);
            talk.sequence[0] += sizeof(connect) - 1;
            talk.said[0] += sizeof(connect) - 1;
        }
        if (before == 3)
            talk_text(&film, &talk, FROM_CLIENT, "PROXY TCP4 10.1.0.1 203.0.113.9 51000 443\r\n");
        if (before == 1 || before == 2)
            talk_text(&film, &talk, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
        say_overtaken_hello(&talk);
        use(&talk);
        scene_play();
        assert_used(ONE, API, &talk);
        assert_names(1, 0, 0, 0);
    }
}

/* -- What is said to proxies --------------------------------------------------------------------
 */

/* The proxy's demand for a password, with a page for humans of 6 kB. */
static void refuse(struct talk *talk)
{
    static struct bytes bytes;

    bytes.length = 0;
    put_bytes(&bytes, "HTTP/1.1 407 Authenticate\r\nContent-Length: 6000\r\n\r\n", 51);
    put_fill(&bytes, ' ', 6000);
    talk_say(&film, talk, FROM_SERVER, &bytes, 1400);
    film.clock_ns += MILLI;
}

/* Says TEXT in segments of SIZE. */
static void say_text(struct talk *talk, const char *text, uint32_t size)
{
    static struct bytes bytes;

    bytes.length = 0;
    put_bytes(&bytes, text, strlen(text));
    talk_say(&film, talk, FROM_CLIENT, &bytes, size);
}

static void a_client_that_is_refused_asks_again(void **state)
{
    static const uint32_t sizes[] = {1400, 40, 7};
    struct talk talk;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        film_clear(&film);
        talk = open_talk(1, 50000);
        for (int round = 0; round < 3; round++) {
            say_text(
                &talk,
                "CONNECT 203.0.113.9:443 HTTP/1.1\r\nProxy-Authorization: Negotiate abcd\r\n\r\n",
                sizes[i]);
            if (round < 2)
                refuse(&talk);
        }
        talk_text(&film, &talk, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
        talk_hello(&film, &talk, "api.example", 2000);
        use(&talk);
        scene_play();
        assert_used(ONE, API, &talk);
        assert_names(1, 0, 0, 0);
    }
}

/* A tunnel of which the name is told to the proxy alone: the hello has none, hides it, or never
 * ends. */
static void a_proxy_is_told_what_the_hello_hides(void **state)
{
    struct talk talk;

    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        film_clear(&film);
        talk = open_talk(1, 50000);
        talk_text(&film, &talk, FROM_CLIENT, "CONNECT api.example:443 HTTP/1.1\r\n\r\n");
        talk_text(&film, &talk, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
        if (kind < 2) {
            say_hello(&talk, kind ? ECH_HOST : NULL, kind == 1);
        } else {
            talk_hello(&film, &talk, "api.example", 2000);
            film.shots[film.count - 1].bytes[12] ^= 0xff; /* lost: of another ethertype */
            for (int i = 0; i < 5; i++)
                talk_record(&film, &talk, FROM_SERVER, 1000);
        }
        use(&talk);
        scene_play();
        assert_used(ONE, API, &talk);
        assert_names(1, 0, 0, 0);
    }
}

/* What the tunnel carries says more than its name. */
static void the_hello_counts_for_more_than_the_proxy_was_told(void **state)
{
    struct talk talk = open_talk(1, 50000);

    (void)state;
    talk_text(&film, &talk, FROM_CLIENT, "CONNECT www.elsewhere.example:443 HTTP/1.1\r\n\r\n");
    say_hello(&talk, "api.example", false);
    use(&talk);
    scene_inspect();
    assert_used(ONE, API, &talk);
    assert_int_equal(record_count, 1);
    assert_string_equal(records[0].transport, "connect");
    assert_string_equal(names[0], "api.example");
}

/* Of a request in clear to whom the proxy was told, the tunnel is what is shown; to another, that
 * one. */
static void a_tunnel_may_carry_clear_text(void **state)
{
    static const char *const told[] = {"llm.intranet.example:80", "other.example:80"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        char text[80];
        struct talk talk;

        film_clear(&film);
        talk = open_talk(1, 50000);
        snprintf(text, sizeof(text), "CONNECT %s HTTP/1.1\r\n\r\n", told[i]);
        talk_text(&film, &talk, FROM_CLIENT, text);
        talk_text(&film, &talk, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
        talk_text(&film, &talk, FROM_CLIENT,
                  "GET / HTTP/1.1\r\nHost: LLM.intranet.example\r\n\r\n");
        scene_inspect();
        assert_int_equal(record_count, 1);
        assert_string_equal(records[0].transport, i == 0 ? "connect" : "http");
        assert_string_equal(names[0], "LLM.intranet.example");
        assert_int_equal(records[0].service, LOCAL);
    }
}

/* A ticket may be longer than what is put together; the ClientHello comes behind it. */
static void a_head_may_be_longer_than_there_is_room(void **state)
{
    static const char start[] = "CONNECT api.example:443 HTTP/1.1\r\nProxy-Authorization: ";
    static const uint32_t sizes[] = {8000, 17000, 60000};

    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        static struct bytes head;
        struct talk talk;

        film_clear(&film);
        talk = open_talk(1, 50000);
        head.length = 0;
        put_bytes(&head, start, strlen(start));
        put_fill(&head, 'A', sizes[kind / 2]);
        put_bytes(&head, "\r\n\r\n", 4);
        talk_say(&film, &talk, FROM_CLIENT, &head, 1400);
        talk_text(&film, &talk, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
        say_hello(&talk, kind % 2 ? NULL : "api.example", false); /* NULL: the proxy was told it */
        use(&talk);
        scene_play();
        assert_used(ONE, API, &talk);
        assert_names(1, 0, 0, 0);
    }
}

/* Nobody saw the opening: a request that names its host is one all the same, in pieces as well. */
static void a_request_may_come_in_pieces_from_the_middle(void **state)
{
    (void)state;
    for (uint32_t size = 30; size < 50; size += 10) { /* 30: not even its first line is whole */
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        say_text(&talk, "CONNECT api.example:443 HTTP/1.1\r\nUser-Agent: curl\r\n\r\n", size);
        talk_text(&film, &talk, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
        scene_inspect();
        assert_int_equal(record_count, size == 40);
        if (size == 40)
            assert_string_equal(names[0], "api.example");
    }
}

/* -- What is not all there ----------------------------------------------------------------------
 */

/* The snap length left the name. */
static void a_name_may_be_all_that_was_captured(void **state)
{
    struct talk talk;

    (void)state;
    for (int quic = 0; quic < 2; quic++) {
        film_clear(&film);
        film.snap_length = 300;
        talk = talk_of(1, 50000);
        if (quic) {
            quic_hello(&talk, "api.example");
        } else {
            talk_open(&film, &talk);
            talk_hello(&film, &talk, "api.example", 900);
            use(&talk);
        }
        scene_inspect();
        assert_triple(only_sum(ONE, API).requests, !quic, !quic, !quic);
        assert_names(1, 0, 0, 0);
        assert_int_equal(record_count, 1);
        assert_string_equal(names[0], "api.example");
    }
}

/* So it may be of a request to a proxy, and the hello behind it begins where it does. */
static void a_cut_request_leads_to_the_hello(void **state)
{
    static const char start[] = "CONNECT api.example:443 HTTP/1.1\r\nProxy-Authorization: ";

    (void)state;
    for (int name_in_hello = 0; name_in_hello < 2; name_in_hello++) {
        static struct bytes head;
        struct talk talk;

        film_clear(&film);
        talk = open_talk(1, 50000);
        head.length = 0;
        put_bytes(&head, start, strlen(start));
        put_fill(&head, 'A', 700);
        put_bytes(&head, "\r\n\r\n", 4);
        film.snap_length = 300;
        talk_say(&film, &talk, FROM_CLIENT, &head, 1400);
        film.snap_length = 0;
        talk_text(&film, &talk, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
        say_hello(&talk, name_in_hello ? "api.example" : NULL, false);
        use(&talk);
        scene_play();
        assert_used(ONE, API, &talk);
        assert_names(1, 0, 0, 0);
    }
}

/* The capture lost the second half of a hello, which the server answers. */
static void a_name_may_be_in_the_half_that_was_captured(void **state)
{
    (void)state;
    for (unsigned last = 0; last < 2; last++) {
        static struct bytes bytes;
        const struct hello_parts parts = {
            .name = "api.example", .padding = 1500, .name_comes_last = last};
        struct talk talk;

        film_clear(&film);
        talk = open_talk(1, 50000);
        make_hello(&bytes, &parts);
        talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
        film.shots[film.count - 1].bytes[12] ^= 0xff; /* of another ethertype */
        for (int i = 0; i < 4; i++)
            talk_record(&film, &talk, FROM_SERVER, 1300);
        use(&talk);
        scene_play();
        assert_names(!last, 0, 0, last);
        if (last)
            continue;
        assert_int_equal(only_sum(ONE, API).flows, 1);
        assert_triple(only_sum(ONE, API).requests, 1, 1, 1);
    }
}

static void socks_leads_to_the_hello(void **state)
{
    static const uint8_t greeting[] = {5, 1, 0};
    static const uint8_t request[] = {5,   1,   0,   3,   11,  'a', 'p', 'i', '.',
                                      'e', 'x', 'a', 'm', 'p', 'l', 'e', 1,   0xbb};
    static const uint8_t granted[] = {5, 0};
    static struct bytes bytes;
    struct talk talk = talk_of(1, 50000);

    (void)state;
    talk.server_port = 1080;
    talk_open(&film, &talk);
    bytes.length = 0;
    put_bytes(&bytes, greeting, sizeof(greeting));
    talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
    bytes.length = 0;
    put_bytes(&bytes, granted, sizeof(granted));
    talk_say(&film, &talk, FROM_SERVER, &bytes, 1400);
    bytes.length = 0;
    put_bytes(&bytes, request, sizeof(request));
    talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
    say_hello(&talk, NULL, false);
    use(&talk);
    scene_play();
    assert_used(ONE, API, &talk);
}

/* -- The PROXY protocol -------------------------------------------------------------------------
 */

static void put_proxy_block(struct bytes *bytes, struct address client)
{
    const struct address server = address4(203, 0, 113, 9);

    put_bytes(bytes, "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16);
    put_bytes(bytes, client.bytes, 4);
    put_bytes(bytes, server.bytes, 4);
    put_u16(bytes, 51000);
    put_u16(bytes, 443);
}

static void put_proxy_line(struct bytes *bytes, struct address client)
{
    char line[108];

    snprintf(line, sizeof(line), "PROXY TCP4 %u.%u.%u.%u 203.0.113.9 51000 443\r\n",
             client.bytes[0], client.bytes[1], client.bytes[2], client.bytes[3]);
    put_bytes(bytes, line, strlen(line));
}

/* A connection that the proxy (of direction ONE) makes for a client, whose header comes in the
 * hello's segment, in one of its own, or cut. */
static struct talk proxied_talk(uint16_t port, struct address client, int how)
{
    static struct bytes bytes;
    const struct hello_parts parts = {.name = "api.example", .padding = 500};
    struct talk talk = open_talk(200, port);
    uint32_t header;

    bytes.length = 0;
    if (how & 1)
        put_proxy_block(&bytes, client);
    else
        put_proxy_line(&bytes, client);
    header = (uint32_t)bytes.length;
    put_hello(&bytes, &parts);
    if (how < 2) {
        talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
    } else {
        uint32_t cuts[3] = {how < 4 ? header : 20, header + (how < 4 ? 100 : 7), 0};

        cuts[2] = (uint32_t)bytes.length;
        say_overtaken(&talk, &bytes, cuts, 3, how < 6 ? 2 : 0);
    }
    use(&talk);
    return talk;
}

/* From outside anyone may say so: then the use is the sender's own. */
static void a_stranger_says_nothing_about_others(void **state)
{
    const struct hello_parts parts = {.name = "api.example"};
    static struct bytes bytes;
    struct talk talk = talk_of(1, 50000);

    (void)state;
    talk.client = address4(198, 51, 100, 9);
    bytes.length = 0;
    put_proxy_line(&bytes, address4(10, 2, 0, 1));
    put_hello(&bytes, &parts);
    talk_open(&film, &talk);
    talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
    use(&talk);
    scene_play();
    assert_int_equal(only_sum(UNASSIGNED, API).flows, 1);
}

/* Use is the client's, in its direction, as one of its devices: not the proxy's. */
static void a_proxy_says_whose_connection_it_is(void **state)
{
    (void)state;
    for (int how = 0; how < 8; how++) {
        film_clear(&film);
        for (uint16_t i = 0; i < 3; i++)
            proxied_talk(50000 + i, address4(10, 2, 0, i / 2), how);
        scene_play();
        assert_int_equal(only_sum(TWO, API).flows, 3);
        assert_triple(only_sum(TWO, API).requests, 3, 3, 3);
        assert_int_equal(devices_of(TWO, API), 2);
        assert_int_equal(devices_of(ONE, API), 0);
    }
}

/* On the next day the client is not known any more, and the proxy is still no client. */
static void a_proxy_is_never_a_device(void **state)
{
    struct talk talk;

    (void)state;
    film.clock_ns = (NOON + 43150) * SECOND; /* 50 s before midnight UTC */
    talk = proxied_talk(50000, address4(10, 2, 0, 1), 0);
    for (int i = 0; i < 10; i++)
        use(&talk);
    scene_play();
    assert_int_equal(devices_of(TWO, API), 1);
    assert_int_equal(sink_count(&sunk, SINK_DEVICES), 1);
}

/* A health check of the proxy's own (2.2: LOCAL) says nobody else's address. */
static void a_local_header_changes_nothing(void **state)
{
    static struct bytes bytes;
    struct talk talk = open_talk(1, 50000);

    (void)state;
    bytes.length = 0;
    put_bytes(&bytes, "\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x0c\x0a\2\0\1\0\0\0\0\0\0\0\0", 28);
    talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
    say_hello(&talk, "api.example", false);
    use(&talk);
    scene_play();
    assert_used(ONE, API, &talk);
}

/* What the proxy itself looked up says nothing of whom it asks for. */
static void a_hint_for_a_proxy_is_none_for_its_clients(void **state)
{
    struct talk talk = talk_of(200, 50000);

    (void)state;
    tell(talk.client, "api.example", talk.server);
    talk_open(&film, &talk);
    talk_text(&film, &talk, FROM_CLIENT, "PROXY TCP4 10.2.0.1 203.0.113.9 51000 443\r\n");
    say_hello(&talk, NULL, false);
    use(&talk);
    scene_play();
    assert_nothing_counted();
    assert_names(0, 0, 0, 1);
}

/* -- Requests in clear --------------------------------------------------------------------------
 */

static void a_host_in_clear_names_a_local_service(void **state)
{
    static struct bytes bytes;
    struct talk talk = open_talk(1, 50000);

    (void)state;
    for (int round = 0; round < 2; round++) {
        talk_text(&film, &talk, FROM_CLIENT,
                  "POST /v1/chat/completions HTTP/1.1\r\nHost: LLM.intranet.example:8080\r\n"
                  "Content-Length: 300\r\n\r\n");
        bytes.length = 0;
        put_fill(&bytes, '{', 300);
        talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
        film.clock_ns += SECOND;
        for (int i = 0; i < 5; i++) {
            bytes.length = 0;
            put_fill(&bytes, 'x', 100);
            talk_say(&film, &talk, FROM_SERVER, &bytes, 1400);
            film.clock_ns += 100 * MILLI;
        }
        film.clock_ns += 10 * SECOND;
    }
    scene_inspect();
    assert_int_equal(only_sum(ONE, LOCAL).flows, 1);
    assert_triple(only_sum(ONE, LOCAL).requests, 2, 2, 2);
    assert_int_equal(only_sum(ONE, LOCAL).bytes_up, talk.said[FROM_CLIENT]);
    assert_int_equal(devices_of(ONE, LOCAL), 1);
    assert_int_equal(record_count, 1);
    assert_string_equal(records[0].transport, "http");
    assert_names(0, 0, 0, 0); /* neither TLS nor QUIC */
}

static uint64_t start_up, start_down;

static void note_said(const struct talk *talk)
{
    start_up = talk->said[FROM_CLIENT];
    start_down = talk->said[FROM_SERVER];
}

/* What TALK carried since note_said() is all that the pair carried. */
static void assert_carried(uint16_t service, uint64_t up, uint64_t down, double requests)
{
    struct activity sum = sum_of(ONE, service);

    assert_int_equal(sum.bytes_up, up);
    assert_int_equal(sum.bytes_down, down);
    assert_int_equal(sum.bytes_other, 0);
    assert_triple(sum.requests, requests, requests, requests);
}

/* A request whose head has the length that it needs to count, in segments of SIZE bytes, and an
 * answer. */
static void request(struct talk *talk, const char *target, const char *host, uint32_t size)
{
    static char text[1024];

    snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\nHost: %s\r\nCookie: %0300d\r\n\r\n", target,
             host, 0);
    say_text(talk, text, size);
    film.clock_ns += SECOND;
    for (int i = 0; i < 3; i++) {
        talk_record(&film, talk, FROM_SERVER, 995);
        film.clock_ns += 100 * MILLI;
    }
}

static void each_request_in_clear_is_for_its_own_host(void **state)
{
    (void)state;
    for (uint32_t size = 20; size <= 1400; size += 230) {
        struct talk talk = open_talk(1, 50000);
        uint64_t up[2] = {0}, down[2] = {0};
        static const struct {
            const char *target;
            const char *host;
            int service; /* 0 LOCAL, 1 API, -1 none */
        } round[] = {{"http://www.example/", "www.example", -1},
                     {"http://llm.intranet.example/v1", "x", 0},
                     {"/v1", "llm.intranet.example", 0},
                     {"http://api.example:80/", "llm.intranet.example", 1},
                     {"http://www.example/", "api.example", -1},
                     {"http://www.example/", "api.example", -1},
                     {"/", "api.example", 1},
                     {"/v1", "llm.intranet.example:8080", 0}};

        film_clear(&film);
        talk = open_talk(1, 50000);
        for (size_t i = 0; i < sizeof(round) / sizeof(round[0]); i++) {
            note_said(&talk);
            request(&talk, round[i].target, round[i].host, size);
            if (round[i].service >= 0) {
                up[round[i].service] += talk.said[FROM_CLIENT] - start_up;
                down[round[i].service] += talk.said[FROM_SERVER] - start_down;
            }
        }
        scene_play();
        assert_carried(LOCAL, up[0], down[0], 3);
        assert_carried(API, up[1], down[1], 2);
        assert_int_equal(devices_of(ONE, LOCAL), 1);
        assert_int_equal(devices_of(ONE, API), 1);
        assert_int_equal(sum_of(ONE, LOCAL).flows, 2); /* it came back to it */
        assert_int_equal(coverage().flows, 1);
    }
}

/* However many were for others before. */
static void a_request_after_many_others_is_found(void **state)
{
    struct talk talk = open_talk(1, 50000);

    (void)state;
    for (int i = 0; i < 40; i++)
        request(&talk, "/", "www.example", 1400);
    note_said(&talk);
    request(&talk, "/", "llm.intranet.example", 1400);
    scene_play();
    assert_carried(LOCAL, talk.said[FROM_CLIENT] - start_up, talk.said[FROM_SERVER] - start_down,
                   1);
}

#define OTHER "POST /upload HTTP/1.1\r\nHost: www.example\r\nX: "

/* Of a body no part is a request, though it look like one: it follows its head, or the interim
 * answer, and not an answer. */
static void a_body_is_no_request(void **state)
{
    static const char *const answers[] = {"", "HTTP/1.1 100 Continue\r\n\r\n",
                                          "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct talk talk;

        film_clear(&film);
        talk = open_talk(1, 50000);
        for (int round = 0; round < 2; round++) {
            talk_text(
                &film, &talk, FROM_CLIENT,
                "POST / HTTP/1.1\r\nHost: llm.intranet.example\r\nContent-Length: 900\r\n\r\n");
            if (answers[i][0])
                talk_text(&film, &talk, FROM_SERVER, answers[i]);
            request(&talk, "/upload", "www.example", 1400);
            film.clock_ns += 10 * SECOND;
        }
        scene_play();
        assert_carried(LOCAL, talk.said[FROM_CLIENT], talk.said[FROM_SERVER], 2);
    }
}

/* An interim answer and the answer proper in one segment are an answer. */
static void an_answer_may_follow_an_interim_one_at_once(void **state)
{
    struct talk talk = open_talk(1, 50000);

    (void)state;
    request(&talk, "/", "llm.intranet.example", 1400);
    film.clock_ns += 10 * SECOND;
    talk_text(&film, &talk, FROM_CLIENT, "GET / HTTP/1.1\r\nHost: llm.intranet.example\r\n\r\n");
    talk_text(&film, &talk, FROM_SERVER,
              "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    note_said(&talk);
    request(&talk, "/", "www.example", 1400);
    scene_play();
    assert_carried(LOCAL, start_up, start_down, 1);
}

/* A request that comes again after its answer began says nothing new. */
static void a_request_sent_again_is_none(void **state)
{
    static const char first[] = "POST / HTTP/1.1\r\nHost: llm.intranet.example\r\n\r\n";
    struct talk talk = open_talk(1, 50000);
    uint32_t sequence;

    (void)state;
    request(&talk, "/", "llm.intranet.example", 1400);
    note_said(&talk);
    sequence = talk.sequence[FROM_CLIENT];
    request(&talk, "/", "www.example", 1400);
    film.clock_ns += SECOND;
    /* The first one, from its beginning. */
    talk_segment(&film, &talk, FROM_CLIENT, sequence - (uint32_t)start_up, TCP_ACK,
                 (const uint8_t *)first, sizeof(first) - 1);
    talk_record(&film, &talk, FROM_SERVER, 900);
    scene_play();
    assert_carried(LOCAL, start_up, start_down, 1);
}

/* The rest of a head was not captured, or it is none: what comes goes with the request before. */
static void half_a_request_changes_nothing(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        static struct bytes bytes;
        struct talk talk;

        film_clear(&film);
        talk = open_talk(1, 50000);
        request(&talk, "/", "llm.intranet.example", 1400);
        film.clock_ns += 10 * SECOND;
        bytes.length = 0;
        if (way == 0)
            talk_text(&film, &talk, FROM_CLIENT, OTHER);
        if (way == 1)
            talk_text(&film, &talk, FROM_CLIENT, "Write me a poem about a proxy\n");
        if (way == 2) {
            say_text(&talk, OTHER, 20);
            put_fill(&bytes, 'x', 20000); /* longer than any head */
            talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
        }
        talk_record(&film, &talk, FROM_SERVER, 995);
        request(&talk, "/", "llm.intranet.example", 1400);
        note_said(&talk);
        request(&talk, "/", "www.example", 200);
        scene_play();
        assert_int_equal(only_sum(ONE, LOCAL).bytes_up, start_up);
        assert_int_equal(only_sum(ONE, LOCAL).bytes_down, start_down);
        assert_int_equal(only_sum(ONE, LOCAL).flows, 1);
    }
}

/* The snap length cut all, or most, of a request. */
static void a_request_that_was_cut_goes_with_the_one_before(void **state)
{
    (void)state;
    for (uint32_t kept = 0; kept < 120; kept += 30) {
        struct talk talk;
        size_t next;

        film_clear(&film);
        talk = open_talk(1, 50000);
        request(&talk, "/", "llm.intranet.example", 1400);
        film.clock_ns += 10 * SECOND;
        next = film.count;
        request(&talk, "/", "llm.intranet.example", 1400);
        film.shots[next].captured = 14 + 20 + 20 + kept;
        scene_play();
        assert_int_equal(only_sum(ONE, LOCAL).bytes_up, talk.said[FROM_CLIENT]);
        assert_int_equal(only_sum(ONE, LOCAL).bytes_down, talk.said[FROM_SERVER]);
    }
}

/* Others may need the room that half a request takes: the next one is read all the same. */
static void a_request_that_lost_its_room_ends_nothing_else(void **state)
{
    const struct limits small = {4096, 64, 16, 1024, 1024};
    struct talk talk = open_talk(1, 50000);
    struct activity sum;

    (void)state;
    request(&talk, "/", "llm.intranet.example", 1400);
    talk_text(&film, &talk, FROM_CLIENT, OTHER);
    for (unsigned i = 2; i < 20; i++) {
        struct talk other = open_talk(i, 40000);

        talk_text(&film, &other, FROM_CLIENT, OTHER);
    }
    talk_record(&film, &talk, FROM_SERVER, 995);
    film.clock_ns += 10 * SECOND;
    request(&talk, "/", "llm.intranet.example", 1400);
    scene_play_within(&small);
    sum = only_sum(ONE, LOCAL);
    assert_triple(sum.requests, 2, 2, 2);
}

/* Without a host, or with one that servers might not agree on. */
static void a_request_for_nobody_goes_with_the_one_before(void **state)
{
    struct talk talk = open_talk(1, 50000);

    (void)state;
    request(&talk, "/", "llm.intranet.example", 1400);
    request(&talk, "/", "www.example\r\nHost: api.example", 1400);
    request(&talk, "/", "", 20);
    scene_play();
    assert_carried(LOCAL, talk.said[FROM_CLIENT], talk.said[FROM_SERVER], 3);
    only_sum(ONE, LOCAL);
}

/* What was in clear before is not the tunnel's. */
static void a_tunnel_may_follow_requests(void **state)
{
    struct talk talk = open_talk(1, 50000);
    uint64_t up, down;

    (void)state;
    request(&talk, "http://llm.intranet.example/", "x", 1400);
    up = talk.said[FROM_CLIENT];
    down = talk.said[FROM_SERVER];
    talk_text(&film, &talk, FROM_CLIENT, "CONNECT api.example:443 HTTP/1.1\r\n\r\n");
    talk_text(&film, &talk, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
    note_said(&talk);
    say_hello(&talk, "api.example", false);
    use(&talk);
    scene_play();
    assert_carried(LOCAL, up, down, 1);
    assert_carried(API, talk.said[FROM_CLIENT] - start_up, talk.said[FROM_SERVER] - start_down, 1);
    assert_names(1, 0, 0, 0);
}

/* A host that carries other things too has to show an exchange each time. */
static void a_shared_host_in_clear_is_proven_anew(void **state)
{
    struct talk talk = open_talk(1, 50000);

    (void)state;
    request(&talk, "/", "a.shared.example", 1400);
    request(&talk, "/", "llm.intranet.example", 1400);
    talk_text(&film, &talk, FROM_CLIENT, "GET / HTTP/1.1\r\nHost: a.shared.example\r\n\r\n");
    talk_record(&film, &talk, FROM_SERVER, 995);
    scene_play();
    assert_triple(sum_of(ONE, SHARED).requests, 1, 1, 1);
    assert_int_equal(sum_of(ONE, SHARED).flows, 1);
    assert_true(sum_of(ONE, SHARED).bytes_other >= 1000);
    assert_int_equal(devices_of(ONE, SHARED), 1);
}

/* To a proxy, or one after another to a server of many names: each counts for what it names. */
static void one_connection_may_carry_requests_for_several_hosts(void **state)
{
    struct talk talk = open_talk(1, 50000);

    (void)state;
    talk_text(&film, &talk, FROM_CLIENT,
              "GET http://www.example/ HTTP/1.1\r\nHost: www.example\r\n\r\n");
    talk_record(&film, &talk, FROM_SERVER, 9000);
    say_text(
        &talk,
        "GET http://llm.intranet.example/ HTTP/1.1\r\nHost: x\r\nCookie: aaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n",
        90);
    film.clock_ns += SECOND;
    talk_record(&film, &talk, FROM_SERVER, 900);
    scene_play();
    assert_int_equal(only_sum(ONE, LOCAL).flows, 1);
    assert_triple(only_sum(ONE, LOCAL).requests, 1, 1, 1);
}

static void other_hosts_in_clear_are_nothing(void **state)
{
    struct talk talk = open_talk(1, 50000);

    (void)state;
    for (int i = 0; i < 40; i++) {
        talk_text(&film, &talk, FROM_CLIENT, "GET / HTTP/1.1\r\nHost: www.example\r\n\r\n");
        talk_record(&film, &talk, FROM_SERVER, 900);
    }
    scene_play();
    assert_nothing_counted();
    assert_names(0, 0, 0, 0);
}

/* -- Hints --------------------------------------------------------------------------------------
 */

static void assert_hinted(const struct talk *talk)
{
    assert_used(ONE, API, talk);
    assert_names(0, 1, 0, 0);
    assert_int_equal(only_sum(ONE, API).grade, GRADE_C); /* one lower than the service's B */
}

/* The capture begins amid a connection: either end may be the first that is heard. */
static void the_dns_names_a_connection_seen_from_its_middle(void **state)
{
    struct talk talk;

    (void)state;
    for (int first = FROM_CLIENT; first <= FROM_SERVER; first++) {
        film_clear(&film);
        talk = talk_of(1, 50000);
        tell(talk.client, "api.example", talk.server);
        if (first == FROM_SERVER)
            talk_record(&film, &talk, FROM_SERVER, 50);
        use(&talk);
        scene_play();
        assert_hinted(&talk);
    }
}

static void a_hint_is_for_one_client_one_server_and_one_port(void **state)
{
    (void)state;
    for (int what = 0; what < 4; what++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        tell(talk.client, "api.example", talk.server);
        if (what == 0)
            talk.client = address4(10, 1, 0, 2);
        if (what == 1)
            talk.server = address4(203, 0, 113, 8);
        if (what == 2)
            talk.server_port = 8443;
        if (what == 3)
            tell(talk.client, "www.example", talk.server); /* lives there, too */
        use(&talk);
        use(&talk);
        scene_play();
        assert_nothing_counted();
        assert_names(0, 0, 0, 1);
        assert_int_equal(coverage().dns_answers, what == 3 ? 2 : 1);
    }
}

static void assert_unasked(uint64_t unasked, uint64_t answers)
{
    assert_int_equal(coverage().dns_unasked, unasked);
    assert_int_equal(coverage().dns_answers, answers);
}

/* Whoever can send a client a datagram can send it an answer. */
static void an_answer_is_believed_by_who_asked_for_it(void **state)
{
    enum { ASKED, NOBODY, CLIENT, PORT, RESOLVER, NAME, TYPE, LATE, WAYS };

    (void)state;
    for (int way = ASKED; way < WAYS; way++) {
        struct talk talk = talk_of(1, 50000);
        struct talk question = resolver_talk(talk.client);
        struct talk told = question;

        film_clear(&film);
        if (way == CLIENT)
            question.client = address4(10, 1, 0, 2);
        if (way == PORT)
            question.client_port++;
        if (way == RESOLVER)
            question.server = address4(10, 9, 9, 54);
        if (way != NOBODY)
            ask(&question, way == NAME ? "www.api.example" : "API.example", way == TYPE ? 6 : 4);
        film.clock_ns += way == LATE ? 10 * SECOND + 1 : 9 * SECOND;
        answer(&told, "api.example", talk.server);
        use(&talk);
        scene_play();
        if (way == ASKED)
            assert_hinted(&talk);
        else
            assert_nothing_counted();
        assert_unasked(way != ASKED, 1);
    }
}

/* The id is 16 bits that who forges has to guess. */
static void an_answer_has_the_id_of_its_question(void **state)
{
    static struct dns_message message;
    struct talk talk = talk_of(1, 50000);
    struct talk told = resolver_talk(talk.client);

    (void)state;
    ask(&told, "api.example", 4);
    dns_answer_of(&message, "api.example", talk.server, 300);
    message.wire.at[1] ^= 1;
    talk_datagram(&told, FROM_SERVER, &message.wire);
    use(&talk);
    scene_play();
    assert_nothing_counted();
    assert_unasked(1, 1);
}

/* Nor does an answer to an answer, or the same one again, pass for asked. */
static void a_forged_answer_asks_nothing(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct talk told = resolver_talk(talk.client);
    struct talk back = {told.server, told.client, 53, told.client_port, .vlan = 0};

    (void)state;
    answer(&told, "api.example", talk.server);
    answer(&back, "api.example", talk.server); /* from the client's port, to the resolver's 53 */
    film.clock_ns += SECOND;
    answer(&told, "api.example", talk.server);
    use(&talk);
    scene_play();
    assert_nothing_counted();
}

/* A forged answer that another name is there does not take a hint back. */
static void what_nobody_asked_for_hides_nothing(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct talk told = resolver_talk(talk.client);

    (void)state;
    tell(talk.client, "api.example", talk.server);
    answer(&told, "www.example", talk.server);
    use(&talk);
    scene_play();
    assert_hinted(&talk);
    assert_unasked(1, 2);
}

static void play_believing_all(void)
{
    const struct trust_policy any = {.answers = TRUST_ANY_ANSWERS};
    struct metering *metering = scene_metering(&scene_limits);

    metering_set_trust(metering, &any);
    scene_show(metering, 0, film.count, 1);
    scene_close(metering);
}

/* Of a mirror that shows answers only, all have to be believed: it is for the configuration to say.
 */
static void all_answers_are_believed_when_told_so(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct talk told = resolver_talk(talk.client);

    (void)state;
    answer(&told, "api.example", talk.server);
    use(&talk);
    play_believing_all();
    assert_hinted(&talk);
    assert_unasked(1, 1);
}

/* mDNS (RFC 6762) has the messages of the DNS and no resolver that anyone trusts: whoever is on the
 * link answers, even where all answers of the DNS are believed. */
static void what_a_link_tells_itself_is_no_hint(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct talk talk = talk_of(1, 50000);
        struct talk told = resolver_talk(talk.client);

        film_clear(&film);
        if (way < 2)
            told.server_port = 5353;
        if (way == 1) {
            told.client = address4(224, 0, 0, 251);
            told.client_port = 5353;
        }
        if (way < 2)
            ask(&told, "api.example", 4);
        answer(&told, "api.example", talk.server);
        use(&talk);
        play_believing_all();
        if (way == 2)
            assert_hinted(&talk); /* the same from port 53 */
        else
            assert_nothing_counted();
        assert_int_equal(coverage().dns_answers, way == 2);
    }
}

/* Between clients and resolvers, a kernel may give the ways to different processes. */
static void another_worker_may_have_seen_the_question(void **state)
{
    struct recognition_memory *memory = recognition_memory_new(&scene_limits);
    struct metering_sink sink = sink_into(&sunk);
    struct talk talk = talk_of(1, 50000);
    struct talk told = resolver_talk(talk.client);
    struct metering *metering[2];

    (void)state;
    ask(&told, "api.example", 4);
    answer(&told, "api.example", talk.server);
    use(&talk);
    for (int i = 0; i < 2; i++)
        metering[i] = metering_new_worker(&scene_limits, catalogue, directions, &sink, memory);
    scene_show(metering[0], 0, 1, 1);
    scene_show(metering[1], 1, film.count, 1);
    scene_close(metering[0]);
    scene_close(metering[1]);
    assert_used(ONE, API, &talk);
    assert_unasked(0, 1);
    recognition_memory_free(memory);
}

/* A client that looks a service up again goes there. */
static void the_last_lookup_decides(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    tell(talk.client, "api.example", talk.server);
    tell(talk.client, "www.example", talk.server);
    tell(talk.client, "api.example", talk.server);
    use(&talk);
    scene_play();
    assert_hinted(&talk);
}

static void a_hint_names_a_hello_without_a_name(void **state)
{
    for (int broken = 0; broken < 2; broken++) {
        struct talk talk = talk_of(1, 50000);

        (void)state;
        film_clear(&film);
        tell(talk.client, "api.example", talk.server);
        talk_open(&film, &talk);
        say_hello(&talk, broken ? "www.example" : NULL, false);
        if (broken) /* the session's length */
            film.shots[film.count - 1].bytes[14 + 20 + 32 + 5 + 4 + 2 + 32] = 0xff;
        use(&talk);
        scene_play();
        assert_hinted(&talk);
    }
}

/* But never one that has a name, be it of no service. */
static void a_name_on_the_wire_counts_for_more_than_a_hint(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    tell(talk.client, "api.example", talk.server);
    talk_open(&film, &talk);
    say_hello(&talk, "www.example", false);
    use(&talk);
    scene_play();
    assert_nothing_counted();
    assert_names(1, 0, 0, 0);
}

static void an_outer_name_hides_the_service_unless_a_hint_tells_it(void **state)
{
    (void)state;
    for (int hinted = 0; hinted < 2; hinted++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        if (hinted)
            tell(talk.client, "api.example", talk.server);
        talk_open(&film, &talk);
        say_hello(&talk, ECH_HOST, true);
        use(&talk);
        scene_inspect();
        assert_string_equal(records[0].ech, "yes");
        if (hinted) {
            assert_hinted(&talk);
        } else {
            assert_nothing_counted();
            assert_names(0, 0, 1, 0);
        }
    }
}

/* The extension alone says nothing (GREASE), nor does the name without it. */
static void only_an_outer_name_with_the_extension_hides(void **state)
{
    struct talk grease = open_talk(1, 50000);
    struct talk visit = open_talk(2, 50001);

    (void)state;
    say_hello(&grease, "api.example", true);
    say_hello(&visit, ECH_HOST, false);
    scene_play();
    assert_names(2, 0, 0, 0);
    assert_int_equal(only_sum(ONE, API).flows, 1);
}

/* -- One way only -------------------------------------------------------------------------------
 */

/* A connection of which a capture of clients shows that it is one: HANDSHAKE bytes of the server
 * are acknowledged before anything is asked. */
static struct talk greet(uint16_t port, size_t handshake)
{
    struct talk talk = open_talk(1, port);

    say_hello(&talk, "api.example", false);
    talk_record(&film, &talk, FROM_SERVER, handshake);
    talk_flags(&film, &talk, FROM_CLIENT, TCP_ACK);
    return talk;
}

/* A request, and an answer whose records are acknowledged one by one. */
static void use_with_acknowledgements(struct talk *talk)
{
    talk_record(&film, talk, FROM_CLIENT, 400);
    film.clock_ns += SECOND;
    for (int i = 0; i < 20; i++) {
        talk_record(&film, talk, FROM_SERVER, 1000);
        film.clock_ns += 20 * MILLI;
        talk_flags(&film, talk, FROM_CLIENT, TCP_ACK);
    }
    film.clock_ns += 10 * SECOND;
}

/* What the clients acknowledge was sent to them: when, and how much of it, tells of answers. */
static void a_capture_of_clients_alone_is_told(void **state)
{
    struct talk talk = greet(50000, 3000);

    (void)state;
    for (int i = 0; i < 5; i++)
        use_with_acknowledgements(&talk);
    talk_hide(&film, &talk, FROM_SERVER);
    scene_play();
    assert_int_equal(coverage().flows_one_way, 1);
    assert_int_equal(only_sum(ONE, API).bytes_up, talk.said[FROM_CLIENT]);
    assert_int_equal(only_sum(ONE, API).bytes_down, talk.said[FROM_SERVER] - 3005);
    assert_triple(only_sum(ONE, API).requests, 5, 5, 5);
    assert_triple(only_sum(ONE, API).tokens_out, 500, 1000, 2000);
    assert_int_equal(only_sum(ONE, API).grade, GRADE_E);
}

/* The service is asked several things at once, on a connection of HTTP/2. */
static void at_once(void)
{
    struct service service = *catalogue_service(catalogue, API);

    service.estimator.at_once_gap_s = 1;
    assert_true(catalogue_set_service(catalogue, API, &service));
}

/* Of how many records, nobody knows: 31 B are no frame of HTTP/2 that ends an answer. */
static void acknowledged_bytes_are_no_frames(void **state)
{
    struct talk talk = greet(50000, 3000);

    (void)state;
    talk_record(&film, &talk, FROM_CLIENT, 400);
    for (int i = 0; i < 20; i++) {
        talk_record(&film, &talk, FROM_SERVER, i % 2 ? 26 : 1000);
        film.clock_ns += 20 * MILLI;
        talk_flags(&film, &talk, FROM_CLIENT, TCP_ACK);
    }
    talk_hide(&film, &talk, FROM_SERVER);
    at_once();
    scene_play();
    assert_triple(only_sum(ONE, API).requests, 1, 1, 1);
    assert_near(only_sum(ONE, API).tokens_out.central, 10 * 1000 / 100.0);
}

/* Not by what an old, a forged or no acknowledgement says, nor of a server that is heard. */
static void only_new_acknowledgements_count(void **state)
{
    struct talk talk = greet(50000, 3000);
    struct talk mute = greet(50001, 3000);
    struct talk odd;

    (void)state;
    talk_record(&film, &mute, FROM_CLIENT, 64);
    talk_flags(&film, &mute, FROM_CLIENT, 0); /* acknowledges nothing: its number is void */
    use_with_acknowledgements(&talk);
    odd = talk;
    odd.sequence[FROM_SERVER] -= 500;
    talk_flags(&film, &odd, FROM_CLIENT, TCP_ACK);
    odd.sequence[FROM_SERVER] += 500 + (64U << 20) + 1;
    talk_flags(&film, &odd, FROM_CLIENT, TCP_ACK);
    talk_hide(&film, &talk, FROM_SERVER);
    use_with_acknowledgements(&talk);
    talk_record(&film, &talk, FROM_CLIENT, 400);
    for (int i = 0; i < 3; i++) {
        talk_record(&film, &talk, FROM_SERVER, 1000);
        if (i == 1) /* lost, and no less told by what follows */
            film.shots[film.count - 1].bytes[12] ^= 0xff;
        talk_flags(&film, &talk, FROM_CLIENT, TCP_ACK);
    }
    scene_play();
    assert_int_equal(only_sum(ONE, API).bytes_down, talk.said[FROM_SERVER] - 3005);
    assert_int_equal(only_sum(ONE, API).bytes_up, talk.said[FROM_CLIENT] + mute.said[FROM_CLIENT]);
    assert_triple(only_sum(ONE, API).requests, 3, 3, 3);
    assert_near(only_sum(ONE, API).tokens_out.central, 200 + 200 + 3000 / 100.0);
}

/* Amid a connection, whose server only the DNS tells, nobody knows from where on it counts. */
static void what_was_acknowledged_before_the_capture_is_not_counted(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    tell(talk.client, "api.example", talk.server);
    talk.sequence[FROM_SERVER] = 50U << 20;
    for (int i = 0; i < 40; i++) {
        talk_record(&film, &talk, FROM_CLIENT, 400);
        film.clock_ns += 20 * MILLI;
    }
    scene_play();
    assert_int_equal(coverage().flows_one_way, 1);
    assert_int_equal(only_sum(ONE, API).bytes_up, talk.said[FROM_CLIENT]);
    assert_int_equal(only_sum(ONE, API).bytes_down, 0);
}

/* Nobody closes a connection for a server that is not captured, far from what its client
 * acknowledged. */
static void a_forged_close_of_an_unseen_end_is_not_believed(void **state)
{
    struct talk talk = greet(50000, 3000);
    struct talk forged;

    (void)state;
    use_with_acknowledgements(&talk);
    forged = talk;
    use_with_acknowledgements(&talk);
    talk_hide(&film, &talk, FROM_SERVER);
    film.clock_ns -= 10 * SECOND + 500 * MILLI; /* amid the second */
    forged.sequence[FROM_SERVER] += UINT32_C(1) << 24;
    talk_flags(&film, &forged, FROM_SERVER, TCP_RST);
    film_sort(&film);
    scene_play();
    assert_triple(only_sum(ONE, API).requests, 2, 2, 2);
    assert_near(only_sum(ONE, API).tokens_out.central, 400);
}

/* What comes from another mirror port may come later than what acknowledges it. */
static void what_was_acknowledged_and_comes_later_counts_once(void **state)
{
    struct talk talk = greet(50000, 3000);

    (void)state;
    use_with_acknowledgements(&talk);
    use_with_acknowledgements(&talk);
    for (size_t i = 0; i < film.count; i++)
        if (memcmp(film.shots[i].bytes + 14 + 12, talk.server.bytes, 4) == 0)
            film.shots[i].time_ns += 1300 * MILLI;
    film_sort(&film);
    scene_play();
    assert_int_equal(coverage().flows_one_way, 1);
    assert_int_equal(only_sum(ONE, API).bytes_up, talk.said[FROM_CLIENT]);
    assert_int_equal(only_sum(ONE, API).bytes_down, talk.said[FROM_SERVER] - 3005);
    assert_triple(only_sum(ONE, API).requests, 2, 2, 2);
    assert_near(only_sum(ONE, API).tokens_out.central, 400);
}

/* Then only the DNS can tell who talks to whom. */
static void a_capture_of_servers_alone_is_told(void **state)
{
    (void)state;
    for (int hinted = 0; hinted < 2; hinted++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        talk_open(&film, &talk);
        say_hello(&talk, "api.example", false);
        for (int i = 0; i < 10; i++)
            use(&talk);
        talk_hide(&film, &talk, FROM_CLIENT);
        film.clock_ns = NOON * SECOND - SECOND;
        if (hinted)
            tell(talk.client, "api.example", talk.server);
        film_sort(&film);
        scene_play();
        assert_int_equal(coverage().flows_one_way, 1);
        assert_names(0, (uint64_t)hinted, 0, (uint64_t)!hinted);
        if (!hinted)
            assert_nothing_counted();
        else
            assert_int_equal(only_sum(ONE, API).bytes_down, talk.said[FROM_SERVER]);
    }
}

/* The records of TLS tell that there is a connection that nothing names, whichever end is heard
 * first, however long it goes on. */
static void tls_seen_from_its_middle_has_no_name(void **state)
{
    (void)state;
    for (int first = FROM_CLIENT; first <= FROM_SERVER; first++)
        for (int exchanges = 1; exchanges < 20; exchanges += 9) {
            struct talk talk = talk_of(1, 50000);

            film_clear(&film);
            if (first == FROM_SERVER)
                talk_record(&film, &talk, FROM_SERVER, 50);
            for (int i = 0; i < exchanges; i++)
                use(&talk);
            tell(talk.client, "api.example", talk.server); /* too late */
            scene_play();
            assert_nothing_counted();
            assert_names(0, 0, 0, 1);
            assert_int_equal(coverage().flows_one_way, 0);
        }
}

/* However late: while nobody knows better, it waits for a name, and is counted in one way. */
static void what_waits_for_its_name_is_counted_once(void **state)
{
    static const int AFTER[] = {1, 10, 14, 17, 30};

    (void)state;
    for (size_t i = 0; i < sizeof(AFTER) / sizeof(AFTER[0]); i++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        for (int said = 0; said < 40; said++) {
            if (said == AFTER[i])
                tell(talk.client, "api.example", talk.server);
            talk_record(&film, &talk, said % 2 ? FROM_SERVER : FROM_CLIENT, 300);
        }
        scene_play();
        assert_names(0, AFTER[i] < 16, 0, AFTER[i] >= 16);
        assert_int_equal(coverage().flows, 1);
    }
}

/* A server's records that overtake the ClientHello take no name from it. */
static void a_hello_may_be_overtaken_by_its_answer(void **state)
{
    struct talk talk = open_talk(1, 50000);

    (void)state;
    for (int i = 0; i < 10; i++)
        talk_record(&film, &talk, FROM_SERVER, 1000);
    say_hello(&talk, "api.example", false);
    use(&talk);
    scene_play();
    assert_names(1, 0, 0, 0);
    assert_int_equal(coverage().flows_one_way, 0);
    assert_int_equal(only_sum(ONE, API).flows, 1);
    assert_int_equal(devices_of(ONE, API), 1);
}

/* Its ClientHello alone was lost. */
static void a_lost_hello_is_missing(void **state)
{
    for (int packets = 2; packets < 30; packets += 20) {
        struct talk talk = open_talk(1, 50000);

        (void)state;
        say_hello(&talk, "api.example", false);
        film.shots[film.count - 1].bytes[12] ^= 0xff;
        for (int i = 0; i < packets; i++)
            talk_record(&film, &talk, FROM_SERVER, 100);
        talk_record(&film, &talk, FROM_CLIENT, 100);
        scene_play();
        assert_names(0, 0, 0, 1);
        assert_int_equal(coverage().flows_one_way, 0);
        film_clear(&film);
    }
}

/* What is said amid a connection, of which nobody knows what it is. */
static void what_is_not_tls_has_no_name_to_miss(void **state)
{
    static const uint8_t almost[] = {23, 3, 3, 0, 0, 22, 3, 3, 0, 90, 4};
    struct talk text = talk_of(1, 50000);
    struct talk binary = talk_of(1, 50001);
    struct talk asks = talk_of(1, 50002);
    struct talk mail = talk_of(1, 50003);

    (void)state;
    mail.server_port = 25;
    talk_open(&film, &mail);
    talk_text(&film, &mail, FROM_SERVER, "220 mail.example ESMTP\r\n");
    talk_text(&film, &mail, FROM_CLIENT, "EHLO client.example\r\n");
    talk_text(&film, &asks, FROM_CLIENT, "GET / HTTP/1.1\r\nHost: www.other.example\r\n\r\n");
    for (int i = 0; i < 40; i++) {
        talk_text(&film, &text, i % 2, "250 OK\r\n");
        talk_segment(&film, &binary, i % 2, binary.sequence[i % 2], TCP_ACK,
                     almost + (i % 4 < 2 ? 0 : 5), i % 4 < 2 ? 5 : 6);
        binary.sequence[i % 2] += i % 4 < 2 ? 5 : 6;
        talk_record(&film, &asks, FROM_SERVER, 300); /* in an answer that is anything */
        talk_record(&film, &mail, i % 2, 300);       /* after what the client said before */
    }
    scene_play();
    assert_names(0, 0, 0, 0);
    assert_int_equal(coverage().flows, 4);
    assert_int_equal(coverage().flows_one_way, 0);
}

/* Amid a connection, so many packets of one end, that the other would have acknowledged some: which
 * it may do without a word. */
static void one_way_is_told_from_the_middle(void **state)
{
    (void)state;
    for (int end = FROM_CLIENT; end <= FROM_SERVER; end++)
        for (int packets = 15; packets <= 40; packets += packets == 15 ? 1 : 24)
            for (int heard = 0; heard < 2; heard++) {
                struct talk talk = talk_of(1, 50000);

                film_clear(&film);
                for (int i = 0; i < packets; i++) {
                    talk_record(&film, &talk, end, 1000);
                    if (heard && i == 7)
                        talk_flags(&film, &talk, !end, TCP_ACK);
                }
                scene_play();
                assert_names(0, 0, 0, 1);
                assert_int_equal(coverage().flows_one_way, packets > 15 && !heard);
            }
}

/* Of a server whose answer to an opening is there, but no opening: few packets, and its own close.
 */
static void short_answers_of_servers_alone_are_told(void **state)
{
    for (int packets = 1; packets < 4; packets++) {
        struct talk talk = open_talk(1, 50000);

        (void)state;
        say_hello(&talk, "api.example", false);
        for (int i = 0; i < packets; i++)
            talk_record(&film, &talk, FROM_SERVER, 100);
        talk_close(&film, &talk);
        talk_hide(&film, &talk, FROM_CLIENT);
        film.clock_ns += 200 * SECOND;
        tell(talk.client, "www.example", talk.server);
        scene_play();
        assert_names(0, 0, 0, 1);
        assert_int_equal(coverage().flows_one_way, packets > 1);
        /* When it closed, and not when all ended. */
        assert_int_equal(sink_at(&sunk, SINK_CLOSED, 0)->body.coverage.names_missing, 1);
        film_clear(&film);
    }
}

static void know_by_bytes(void)
{
    struct service service = *catalogue_service(catalogue, API);

    service.estimator.bytes_per_request = (struct triple){1000, 2000, 4000};
    service.estimator.output_prior_tokens = (struct triple){10, 30, 60};
    assert_true(catalogue_set_service(catalogue, API, &service));
}

/* Nor are requests seen then: they are what so many bytes usually answer, each byte once, and none
 * of a capture of both ways. */
static void unseen_requests_are_made_by_bytes(void **state)
{
    (void)state;
    know_by_bytes();
    for (int unseen = 0; unseen < 2; unseen++) {
        struct talk talk = talk_of(1, 50000);
        double bytes;

        film_clear(&film);
        talk_open(&film, &talk);
        say_hello(&talk, "api.example", false);
        for (int i = 0; i < 10; i++)
            use(&talk);
        if (unseen) {
            talk_hide(&film, &talk, FROM_CLIENT);
            film.clock_ns = NOON * SECOND - SECOND;
            tell(talk.client, "api.example", talk.server);
            film_sort(&film);
        }
        scene_play();
        if (!unseen) {
            assert_triple(only_sum(ONE, API).requests, 10, 10, 10);
            continue;
        }
        bytes = talk.said[FROM_SERVER];
        assert_triple(only_sum(ONE, API).requests, bytes / 4000, bytes / 2000, bytes / 1000);
        assert_triple(only_sum(ONE, API).tokens_out, bytes / 400, bytes * 30 / 2000,
                      bytes * 60 / 1000);
        assert_int_equal(only_sum(ONE, API).grade, GRADE_E);
    }
}

/* What is left of a request when a minute ends is told as the meter takes it. */
static void a_part_of_a_request_scatters_within_reason(void **state)
{
    struct service service = *catalogue_service(catalogue, API);
    struct talk talk = open_talk(1, 50000);
    double widest;

    (void)state;
    service.estimator.bytes_per_request = triple_exact(1e7);
    service.estimator.output_prior_tokens = triple_exact(300);
    service.estimator.exchange_sigma = 0.5;
    assert_true(catalogue_set_service(catalogue, API, &service));
    say_hello(&talk, "api.example", false);
    for (int i = 0; i < 10; i++)
        use(&talk);
    talk_hide(&film, &talk, FROM_CLIENT);
    film.clock_ns = NOON * SECOND - SECOND;
    tell(talk.client, "api.example", talk.server);
    film_sort(&film);
    scene_play();
    widest = ESTIMATOR_MAX_SIGMA * only_sum(ONE, API).tokens_out.central;
    assert_true(widest > 0);
    assert_true(only_sum(ONE, API).tokens_out_variance <= 1.01 * widest * widest);
    assert_true(only_sum(ONE, API).tokens_out_variance > 0);
}

/* Of a connection whose client is heard, exchanges are found, though its server was silent for
 * long. */
static void what_is_asked_is_not_made_by_bytes(void **state)
{
    struct talk talk = open_talk(1, 50000);

    (void)state;
    know_by_bytes();
    say_hello(&talk, "api.example", false);
    talk_hide(&film, &talk, FROM_SERVER);
    for (int i = 0; i < 20; i++) {
        talk_record(&film, &talk, FROM_CLIENT, 400);
        film.clock_ns += SECOND;
    }
    use(&talk);
    scene_play();
    assert_int_equal(coverage().flows_one_way, 1);
    assert_triple(only_sum(ONE, API).requests, 1, 1, 1);
}

/* A long answer to a silent client, and a long request before any answer, are no one-way capture:
 * acknowledgements are heard. */
static void a_silent_end_is_heard_by_its_acknowledgements(void **state)
{
    (void)state;
    for (int end = FROM_CLIENT; end <= FROM_SERVER; end++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        if (end == FROM_SERVER) {
            tell(talk.client, "api.example", talk.server);
        } else {
            talk_open(&film, &talk);
            say_hello(&talk, "api.example", false);
        }
        for (int i = 0; i < 60; i++) {
            talk_record(&film, &talk, end, 1000);
            if (i % 4 == 0)
                talk_flags(&film, &talk, !end, TCP_ACK);
        }
        scene_play();
        assert_int_equal(coverage().flows_one_way, 0);
        assert_int_equal(only_sum(ONE, API).flows, 1);
    }
}

/* Nor is one whose service becomes known amid a long answer. */
static void a_late_hint_begins_to_watch(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    for (int i = 0; i < 26; i++) {
        talk_record(&film, &talk, FROM_SERVER, 1000);
        if (i == 9)
            tell(talk.client, "api.example", talk.server);
    }
    use(&talk);
    scene_play();
    assert_names(0, 1, 0, 0);
    assert_int_equal(coverage().flows_one_way, 0);
}

/* The opening was not captured: the first byte alone shows what begins. */
static void a_hello_in_single_bytes_needs_no_opening(void **state)
{
    static struct bytes hello;
    const struct hello_parts parts = {.name = "api.example"};
    struct talk talk = talk_of(1, 50000);

    (void)state;
    make_hello(&hello, &parts);
    talk_say(&film, &talk, FROM_CLIENT, &hello, 1);
    use(&talk);
    scene_play();
    assert_int_equal(only_sum(ONE, API).flows, 1);
    assert_names(1, 0, 0, 0);
}

/* However long a hello is, and wherever its name: key shares of experiments are of 21 kB. In single
 * bytes of records, or with segments that overtake others, too. */
static void a_hello_may_be_longer_than_there_is_room(void **state)
{
    static const struct {
        size_t padding;
        size_t record_size;
        uint32_t segment;
        bool behind_proxy;
        bool name_comes_last;
        size_t more_suites;
    } rows[] = {
        {20000, 16384, 1400, false, true, 0},  {60000, 16384, 1400, true, true, 0},
        {60000, 16384, 60000, false, true, 0}, {5000, 1, 1400, false, true, 0},
        {5000, 1, 1400, false, false, 0},      {60000, 500, 17, false, true, 0},
        {0, 16384, 1400, false, false, 40000}, {60000, 16384, 20, true, true, 0},
    };
    static struct bytes hello;
    static struct bytes said;
    const char *proxy = "PROXY TCP4 10.1.0.1 203.0.113.9 51000 443\r\n";

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct hello_parts parts = {.name = "api.example",
                                          .padding = rows[i].padding,
                                          .record_size = rows[i].record_size,
                                          .name_comes_last = rows[i].name_comes_last,
                                          .more_suites = rows[i].more_suites};
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        make_hello(&hello, &parts);
        talk_open(&film, &talk);
        said.length = 0;
        if (rows[i].behind_proxy)
            put_bytes(&said, proxy, strlen(proxy));
        put_bytes(&said, hello.at, hello.length);
        talk_say(&film, &talk, FROM_CLIENT, &said, rows[i].segment);
        use(&talk);
        scene_play();
        assert_int_equal(only_sum(ONE, API).flows, 1);
        assert_names(1, 0, 0, 0);
    }
}

/* A client of SQL Server asks before it says hello, which comes in the server's packets; whether
 * the opening was seen or not, and if it was, in bytes of their own, too. */
static void a_hello_may_be_wrapped_in_tds(void **state)
{
    static const uint32_t sizes[] = {1400, 1400, 1};
    static const struct hello_parts parts = {.name = "api.example"};
    static struct bytes hello;
    static struct bytes said;

    (void)state;
    make_hello(&hello, &parts);
    for (uint16_t i = 0; i < 3; i++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        talk.server_port = 1433;
        if (i != 1)
            talk_open(&film, &talk);
        said.length = 0;
        put_tds_options(&said);
        talk_say(&film, &talk, FROM_CLIENT, &said, sizes[i]);
        said.length = 0;
        put_tds_options(&said); /* much like the server's */
        said.at[0] = 4;
        talk_say(&film, &talk, FROM_SERVER, &said, 1400);
        said.length = 0;
        put_tds(&said, hello.at, hello.length, 100);
        talk_say(&film, &talk, FROM_CLIENT, &said, sizes[i]);
        said.length = 0;
        put_record_header(&said, 22, 90);
        put_u8(&said, 2);
        put_fill(&said, 7, 89);
        hello = said;
        said.length = 0;
        put_tds(&said, hello.at, hello.length, 4096);
        talk_say(&film, &talk, FROM_SERVER, &said, 1400);
        use(&talk);
        scene_inspect();
        assert_names(1, 0, 0, 0);
        assert_int_equal(only_sum(ONE, API).flows, 1);
        assert_string_equal(names[0], "api.example");
        assert_string_equal(records[0].transport, "tls");
        make_hello(&hello, &parts);
    }
}

/* One that wants no encryption says nothing of a name; of one whose hello ends early, that is
 * told. */
static void tds_without_a_hello_has_no_name(void **state)
{
    static const struct hello_parts parts = {.name = "api.example"};
    static struct bytes hello;
    static struct bytes said;

    (void)state;
    make_hello(&hello, &parts);
    for (unsigned cut = 0; cut < 2; cut++) {
        struct talk talk = open_talk(1, 50000);

        film_rewind(&film);
        talk_open(&film, &talk);
        said.length = 0;
        put_tds_options(&said);
        if (cut)
            put_tds(&said, hello.at, 40, 4096);
        talk_say(&film, &talk, FROM_CLIENT, &said, 1400);
        said.length = 0;
        put_tds(&said, "\x50", 1, 4096); /* would be a login */
        said.at[0] = 0x10;
        if (!cut)
            talk_say(&film, &talk, FROM_CLIENT, &said, 1400);
        scene_play();
        assert_names(0, 0, 0, cut);
    }
}

/* Pieces of a hello of QUIC, of SIZE bytes each but for the last, in datagrams of their own: EARLY
 * of them change places with one that comes so many later, and each comes TIMES. */
static void quic_pieces(struct talk *talk, const struct bytes *message, size_t size, size_t early,
                        unsigned times)
{
    struct packet_parts parts = quic_parts();
    size_t count = (message->length + size - 1) / size;

    for (size_t i = 0; i < count; i++) {
        size_t block = i - i % (early + 1);
        size_t last = block + early < count ? block + early : count - 1;
        size_t at = (block + last - i) * size;
        size_t end = at + size < message->length ? at + size : message->length;

        for (unsigned again = 0; again < times; again++, parts.number++)
            quic_initial(talk, &parts, message, at, end);
    }
}

/* The same of QUIC, whose pieces come in any order, as long as none has to wait for more than there
 * is room for. */
static void a_hello_of_quic_may_be_longer_than_there_is_room(void **state)
{
    static const struct {
        size_t padding;
        size_t more_suites;
        size_t size;
        size_t early;
        unsigned times;
        bool name_comes_last;
    } rows[] = {
        {20000, 0, 1100, 0, 1, true},  {60000, 0, 1100, 0, 1, true},
        {60000, 0, 1100, 9, 1, true},  {60000, 0, 1100, 3, 2, true},
        {60000, 0, 1100, 9, 1, false}, {20000, 40000, 1100, 5, 1, true},
        {60000, 0, 650, 15, 1, true},  {17000, 0, 1100, 13, 1, true},
        {0, 50000, 1000, 9, 1, false},
    };
    static struct bytes message;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct hello_parts parts = {.name = "api.example",
                                          .alpn = "h3",
                                          .padding = rows[i].padding,
                                          .name_comes_last = rows[i].name_comes_last,
                                          .more_suites = rows[i].more_suites};
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        message.length = 0;
        put_hello_message(&message, &parts);
        quic_pieces(&talk, &message, rows[i].size, rows[i].early, rows[i].times);
        quic_exchange(&talk, 400, 3);
        scene_play();
        assert_int_equal(only_sum(ONE, API).flows, 1);
        assert_names(1, 0, 0, 0);
    }
}

/* A lost datagram of a hello hides only what was in it. Small ones tell nothing for ever: a client
 * that says no more than that is not waited for. */
static void of_a_hello_of_quic_what_is_there_counts(void **state)
{
    static struct bytes message;

    (void)state;
    for (unsigned last = 0; last < 2; last++) {
        const struct hello_parts parts = {
            .name = "api.example", .padding = 1500, .name_comes_last = last};
        struct talk talk = talk_of(1, 50000);
        struct packet_parts packet = quic_parts();

        film_clear(&film);
        message.length = 0;
        put_hello_message(&message, &parts);
        quic_initial(&talk, &packet, &message, 0, 1000);
        for (int i = 0; i < 15; i++)
            quic_short(&talk, FROM_CLIENT, 400);
        quic_exchange(&talk, 400, 3);
        scene_play();
        assert_names(!last, 0, 0, last);

        film_clear(&film);
        for (size_t at = 0; at < 20; at++, packet.number++)
            quic_initial(&talk, &packet, &message, at, at + 1);
        scene_play();
        assert_names(0, 0, 0, 1);
        quic_initial(&talk, &packet, &message, 20, message.length);
        scene_play();
        assert_names(0, 0, 0, 1);
    }
}

/* Of plain text in pieces, the last could be the beginning of a request: until the hello comes. */
static void a_hello_may_follow_plain_text_in_pieces(void **state)
{
    static const uint32_t sizes[] = {1, 3, 17, 1400};
    static struct bytes hello;
    const struct hello_parts parts = {.name = "api.example"};

    (void)state;
    make_hello(&hello, &parts);
    for (uint16_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct talk talk = talk_of(1, 50000 + i);

        talk_open(&film, &talk);
        talk_text(&film, &talk, FROM_CLIENT, "\x30\x1d 1.3.6.1.4.1");
        talk_text(&film, &talk, FROM_CLIENT, "GE466.20037");
        talk_text(&film, &talk, FROM_SERVER, "yes");
        talk_say(&film, &talk, FROM_CLIENT, &hello, sizes[i]);
        use(&talk);
    }
    scene_play();
    assert_int_equal(only_sum(ONE, API).flows, 4);
    assert_names(4, 0, 0, 0);
}

/* A client may use its port again, for another connection: as soon as that one's server answered
 * and it went on, or else once the first was silent for a while. What a server repeats to a client
 * that went away begins none. */
static void quic_on_the_same_ports_may_be_another_connection(void **state)
{
    enum { NOT_ANSWERED };
    static const struct {
        bool answered;
        int silent_s;
        unsigned flows;
    } cases[] = {{true, 1, 1},   {true, 1, 2},    {true, 25, 2},
                 {false, 25, 2}, {false, 110, 2}, {false, 125, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct talk talk = talk_of(1, (uint16_t)(50000 + i));
        struct quic_link link = quic_link(4);

        quic_hello(&talk, "www.other.example");
        if (cases[i].answered) {
            quic_long(&talk, FROM_SERVER, 2, 1200);
            film.clock_ns += 25 * SECOND;
            quic_long(&talk, FROM_SERVER, 0, 1200);
        }
        film.clock_ns += cases[i].silent_s * SECOND;
        quic_link_hello(&talk, &link, "api.example");
        if (i != NOT_ANSWERED)
            quic_link_handshake(&talk, &link);
        quic_link_exchange(&talk, &link, 400, 3);
        scene_play();
        assert_int_equal(coverage().flows, cases[i].flows);
        assert_int_equal(cases[i].flows == 2, only_sum(ONE, API).flows == 1);
        scene_end(state);
        scene_begin(state);
    }
}

/* Data that QUIC sends before the first answer (0-RTT): no more than its first window, of ten
 * datagrams (RFC 9002, 7.2). */
static void an_early_request_is_no_one_way_capture(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    quic_hello(&talk, "api.example");
    for (int i = 0; i < 10; i++)
        quic_long(&talk, FROM_CLIENT, 1, 1200);
    quic_exchange(&talk, 400, 3);
    scene_play();
    assert_int_equal(coverage().flows_one_way, 0);
    assert_int_equal(only_sum(ONE, API).flows, 1);
}

/* Who has the keys for a short header has heard the server; so this capture has not, however few
 * packets there are. What was answered cannot be known. */
static void quic_of_clients_alone_is_told(void **state)
{
    (void)state;
    for (int packets = 1; packets <= 2; packets++) {
        struct talk talk = talk_of(1, 50000);

        film_rewind(&film);
        quic_hello(&talk, "api.example");
        for (int i = 0; i < packets; i++)
            quic_short(&talk, FROM_CLIENT, 400);
        scene_play();
        assert_int_equal(coverage().flows_one_way, packets - 1);
        assert_int_equal(only_sum(ONE, API).bytes_up, talk.said[FROM_CLIENT]);
        assert_true(only_sum(ONE, API).requests.high == 0);
    }
}

/* Seen from its middle, what one end has to say may be many packets, before the other answers. */
static void quic_of_both_ends_is_none_of_clients_alone(void **state)
{
    (void)state;
    for (int first = FROM_CLIENT; first <= FROM_SERVER; first++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        tell(talk.client, "api.example", talk.server);
        for (int i = 0; i < 10; i++)
            quic_short(&talk, first, 1200);
        quic_exchange(&talk, 400, 3);
        scene_play();
        assert_int_equal(coverage().flows_one_way, 0);
        assert_names(0, 1, 0, 0);
    }
}

/* -- QUIC ---------------------------------------------------------------------------------------
 */

static void quic_is_used(const struct talk *talk)
{
    assert_used(ONE, API, talk);
    assert_names(1, 0, 0, 0);
    assert_int_equal(coverage().names_quic, 1);
    assert_int_equal(coverage().flows, 1);
}

static void quic_is_named_and_metered(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    quic_hello(&talk, "api.example");
    quic_exchange(&talk, 400, 3);
    scene_inspect();
    quic_is_used(&talk);
    assert_triple(only_sum(ONE, API).tokens_out, 15, 30, 60);
    assert_int_equal(only_sum(ONE, API).grade, GRADE_B);
    assert_int_equal(record_count, 1);
    assert_string_equal(records[0].transport, "quic");
    assert_int_equal(records[0].client_port, 50000);
    assert_int_equal(records[0].server_port, 443);
}

/* What a client still says with long headers, once the server answered, begins no other connection:
 * acknowledgements, to the id that the server chose, and its first datagram again, late, also of
 * the second try, after Retry. */
static void what_a_client_of_quic_repeats_is_no_other_connection(void **state)
{
    static const uint8_t chosen[] = "\1\2\3\4\5\6\7\10";
    static struct bytes message;

    (void)state;
    for (int retry = 0; retry < 2; retry++) {
        struct talk talk = talk_of(1, 50000);
        struct packet_parts first = quic_parts();
        struct packet_parts again = quic_parts(); /* as the id that Retry gives */
        struct packet_parts answer;

        film_clear(&film);
        quic_message(&message, "api.example", false, 0);
        quic_initial(&talk, &first, &message, 0, message.length);
        if (retry) {
            quic_turn_away(&talk, &first, again.id, again.id_length);
            quic_initial(&talk, &again, &message, 0, message.length);
            first = again;
        }
        quic_long(&talk, FROM_CLIENT, 1, 1200); /* 0-RTT: it opens nothing */
        quic_long(&talk, FROM_SERVER, 0, 1200);
        for (int i = 0; i < 3; i++) {
            film.clock_ns += SECOND;
            answer = first;
            answer.key_id = first.id;
            answer.key_id_length = first.id_length;
            answer.id = chosen;
            quic_initial(&talk, &answer, &message, 0, 20);
            quic_long(&talk, FROM_SERVER, 0, 1200);
            film.clock_ns += SECOND;
            quic_initial(&talk, &first, &message, 0, message.length);
        }
        quic_exchange(&talk, 400, 3);
        scene_play();
        quic_is_used(&talk);
    }
}

/* Datagrams of the handshake are as large as those of a question and its answer. */
static void a_handshake_of_quic_is_no_exchange(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    quic_hello(&talk, "api.example");
    for (int i = 0; i < 4; i++)
        quic_long(&talk, FROM_SERVER, i ? 2 : 0, 1200);
    quic_long(&talk, FROM_CLIENT, 0, 1200);
    quic_long(&talk, FROM_CLIENT, 2, 1200);
    film.clock_ns += 50 * MILLI;
    for (int i = 0; i < 4; i++)
        quic_long(&talk, FROM_SERVER, 2, 1200);
    film.clock_ns += 10 * SECOND;
    quic_short(&talk, FROM_CLIENT, 40);
    scene_play();
    assert_int_equal(only_sum(ONE, API).flows, 1);
    assert_triple(only_sum(ONE, API).requests, 0, 0, 0);
    assert_int_equal(only_sum(ONE, API).bytes_down, talk.said[FROM_SERVER]);
}

/* A hello in two datagrams, in either order, with all that the server has to say between; some of
 * that may be captured before the client's, where each end has an interface of its own. */
static void a_hello_may_take_two_datagrams(void **state)
{
    static struct bytes message;

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct talk talk = talk_of(1, 50000);
        struct packet_parts parts = quic_parts();
        bool swapped = i & 1;

        film_clear(&film);
        if (i & 2)
            quic_long(&talk, FROM_SERVER, 0, 1200);
        quic_message(&message, "api.example", false, 1500);
        if (swapped)
            quic_initial(&talk, &parts, &message, 1000, message.length);
        else
            quic_initial(&talk, &parts, &message, 0, 1000);
        for (int said = 0; said < 20; said++)
            quic_long(&talk, FROM_SERVER, said % 2 ? 2 : 0, 1200);
        parts.number++;
        if (swapped)
            quic_initial(&talk, &parts, &message, 0, 1000);
        else
            quic_initial(&talk, &parts, &message, 1000, message.length);
        quic_exchange(&talk, 400, 3);
        scene_play();
        quic_is_used(&talk);
    }
}

/* The server acknowledged the first half of the hello: the second is said to the id that it chose.
 * The first, that comes late once more, opens no other connection. */
static void half_a_hello_may_be_for_the_id_that_the_server_chose(void **state)
{
    static const uint8_t chosen[] = "\1\2\3\4\5\6\7\10";
    static struct bytes message;
    struct talk talk = talk_of(1, 50000);
    struct packet_parts first = quic_parts();
    struct packet_parts second = first;

    (void)state;
    second.key_id = first.id;
    second.key_id_length = first.id_length;
    second.id = chosen;
    second.number++;
    quic_message(&message, "api.example", false, 1500);
    quic_initial(&talk, &first, &message, 0, 1000);
    quic_long(&talk, FROM_SERVER, 0, 1200);
    quic_initial(&talk, &second, &message, 1000, message.length);
    first.number += 2;
    quic_initial(&talk, &first, &message, 0, 1000);
    quic_exchange(&talk, 400, 3);
    scene_play();
    quic_is_used(&talk);
}

/* Retry (RFC 9000, 17.2.5) and version negotiation, after the first half of the hello. */
static void a_client_may_have_to_begin_anew(void **state)
{
    static struct bytes message;

    (void)state;
    for (int how = 0; how < 3; how++) {
        struct talk talk = talk_of(1, 50000);
        struct packet_parts parts = quic_parts();
        uint64_t other = 0x1122334455667788;
        bool retry = how == 0;

        film_clear(&film);
        if (how == 1) { /* forced: a version that nobody has (RFC 9000, 15) */
            parts.version = 0x1a2a3a4a;
            parts.salt = PACKET_SALT_V2; /* and that nobody can read */
        }
        if (how == 2) {
            parts.version = 0x6b3343cf;
            parts.salt = PACKET_SALT_V2;
            parts.v2 = true;
        }
        quic_message(&message, "api.example", false, 1500);
        quic_initial(&talk, &parts, &message, 0, 1000);
        quic_turn_away(&talk, &parts, retry ? (const uint8_t *)&other : NULL, sizeof(other));
        parts.version = 1;
        parts.v2 = false;
        parts.salt = PACKET_SALT_V1;
        parts.id = (const uint8_t *)&other;
        parts.token_length = retry ? 30 : 0;
        quic_initial(&talk, &parts, &message, 0, 1000);
        parts.number++;
        quic_initial(&talk, &parts, &message, 1000, message.length);
        quic_exchange(&talk, 400, 3);
        scene_play();
        quic_is_used(&talk);
    }
}

/* Connections are kept alive, or wait, for longer than an address translation remembers. */
static void a_silent_quic_connection_goes_on(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    quic_hello(&talk, "api.example");
    quic_exchange(&talk, 400, 3);
    for (int i = 0; i < 3; i++) {
        film.clock_ns += 250 * SECOND;
        quic_exchange(&talk, 400, 3);
    }
    scene_play();
    assert_int_equal(only_sum(ONE, API).flows, 1);
    assert_triple(only_sum(ONE, API).requests, 4, 4, 4);
    assert_int_equal(only_sum(ONE, API).bytes_up, talk.said[FROM_CLIENT]);
    assert_int_equal(only_sum(ONE, API).bytes_down, talk.said[FROM_SERVER]);
    assert_int_equal(coverage().flows, 1);
}

static void ports_of_quic_are_used_again(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    quic_hello(&talk, "www.example");
    quic_exchange(&talk, 400, 3);
    film.clock_ns += 250 * SECOND;
    talk.said[0] = talk.said[1] = 0;
    quic_hello(&talk, "api.example");
    quic_exchange(&talk, 400, 3);
    scene_play();
    assert_used(ONE, API, &talk);
    assert_names(2, 0, 0, 0);
    assert_int_equal(coverage().flows, 2);
}

static void the_dns_names_quic_seen_from_its_middle(void **state)
{
    (void)state;
    for (int first = FROM_CLIENT; first <= FROM_SERVER; first++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        tell(talk.client, "api.example", talk.server);
        if (first == FROM_SERVER)
            quic_short(&talk, FROM_SERVER, 30);
        quic_exchange(&talk, 400, 3);
        scene_play();
        assert_hinted(&talk);
        assert_int_equal(coverage().names_quic, 0);
    }
}

/* Without a hint nothing tells QUIC from other datagrams. */
static void other_datagrams_are_other(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    quic_exchange(&talk, 400, 3);
    scene_play();
    assert_nothing_counted();
    assert_int_equal(coverage().packets_other, 4);
    assert_int_equal(coverage().flows, 0);
    assert_int_equal(payload_bytes, 0);
}

/* Initials that cannot be read, as of a version to come, are a connection without a name. */
static void quic_that_cannot_be_read_has_no_name(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    for (int i = 0; i < 40; i++)
        quic_long(&talk, FROM_CLIENT, 0, 1200);
    scene_play();
    assert_nothing_counted();
    assert_names(0, 0, 0, 1);
    assert_int_equal(coverage().flows, 1);
}

/* Of servers alone, there is no name; whether they are alone, so many datagrams tell. */
static void quic_of_servers_alone_is_told(void **state)
{
    (void)state;
    for (int heard = 0; heard < 2; heard++)
        for (int packets = 15; packets <= 16; packets++) {
            struct talk talk = talk_of(1, 50000);

            film_clear(&film);
            for (int i = 0; i < packets; i++) {
                quic_long(&talk, FROM_SERVER, i ? 2 : 0, 1200);
                if (heard && i == 7)
                    quic_long(&talk, FROM_CLIENT, 2, 1200);
            }
            scene_play();
            assert_names(0, 0, 0, 1);
            assert_int_equal(coverage().flows_one_way, packets == 16 && !heard);
        }
}

/* -- DNS over TCP -------------------------------------------------------------------------------
 */

/* Answers as a stream: COUNT for other names, then one for the API. */
static void make_answers(struct bytes *bytes, const struct talk *about, int count)
{
    static struct dns_message message;
    char name[40];

    bytes->length = 0;
    for (int i = 0; i <= count; i++) {
        snprintf(name, sizeof(name), "n%d.example", i);
        dns_answer_of(&message, i < count ? name : "api.example",
                      i < count ? address4(192, 0, 2, 1) : about->server, 300);
        put_u16(bytes, (unsigned)message.wire.length);
        put_bytes(bytes, message.wire.at, message.wire.length);
    }
}

static struct talk open_dns(const struct talk *about)
{
    struct talk dns = {.client = about->client,
                       .server = address4(10, 9, 9, 53),
                       .client_port = 40053,
                       .server_port = 53,
                       .sequence = {7, 0xfffffff0}};

    talk_open(&film, &dns);
    talk_text(&film, &dns, FROM_CLIENT, "any question");
    return dns;
}

/* Cut anywhere, each segment sent twice, the second of them in time or late. */
static void answers_over_tcp_come_in_pieces(void **state)
{
    static struct bytes bytes;

    (void)state;
    for (uint32_t size = 1; size < 300; size += size < 10 ? 1 : 37) {
        struct talk talk = talk_of(1, 50000);
        struct talk dns;

        film_clear(&film);
        dns = open_dns(&talk);
        make_answers(&bytes, &talk, 3);
        talk_say(&film, &dns, FROM_SERVER, &bytes, size);
        film.clock_ns += 300 * MILLI;
        dns.sequence[FROM_SERVER] -= (uint32_t)bytes.length;
        talk_say(&film, &dns, FROM_SERVER, &bytes, size);
        use(&talk);
        scene_play();
        assert_hinted(&talk);
        assert_int_equal(coverage().dns_answers, 4);
    }
}

static void answers_over_tcp_may_be_overtaken(void **state)
{
    static struct bytes bytes;

    (void)state;
    for (uint32_t size = 7; size < 130; size += 9) {
        struct talk talk = talk_of(1, 50000);
        struct talk dns;
        size_t first;

        film_clear(&film);
        dns = open_dns(&talk);
        first = film.count;
        make_answers(&bytes, &talk, 3);
        talk_say(&film, &dns, FROM_SERVER, &bytes, size);
        for (size_t i = first; i < film.count; i++) /* each second one before the one before it */
            film.shots[i].time_ns += (i - first) % 2 ? 0 : 1500;
        film_sort(&film);
        use(&talk);
        scene_play();
        assert_hinted(&talk);
        assert_int_equal(coverage().dns_answers, 4);
    }
}

/* A connection in which the client said nothing: someone else made it up. */
static void an_answer_over_tcp_follows_a_question(void **state)
{
    static struct bytes bytes;
    struct talk talk = talk_of(1, 50000);
    struct talk dns = {.client = talk.client,
                       .server = address4(10, 9, 9, 53),
                       .client_port = 40053,
                       .server_port = 53,
                       .sequence = {7, 0xfffffff0}};

    (void)state;
    for (int opened = 0; opened < 2; opened++) {
        film_clear(&film);
        if (opened)
            talk_open(&film, &dns);
        make_answers(&bytes, &talk, 0);
        talk_say(&film, &dns, FROM_SERVER, &bytes, 1400);
        use(&talk);
        scene_play();
        assert_nothing_counted();
        assert_unasked(1, 1);
    }
}

/* Questions and zone transfers between servers use the port at both ends. */
static void only_servers_answer(void **state)
{
    static struct bytes bytes;
    struct talk talk = talk_of(1, 50000);
    struct talk dns = {.client = address4(10, 9, 9, 53), .server = talk.client};

    (void)state;
    dns.client_port = 40053;
    dns.server_port = 53;
    talk_open(&film, &dns);
    make_answers(&bytes, &talk, 0);
    talk_say(&film, &dns, FROM_CLIENT, &bytes, 1400);
    use(&talk);
    scene_play();
    assert_nothing_counted();
    assert_int_equal(coverage().dns_answers, 0);
}

/* -- Resolvers ----------------------------------------------------------------------------------
 */

static void encrypted_resolvers_are_counted_once(void **state)
{
    struct talk named = open_talk(1, 50000);
    struct talk tls = talk_of(2, 50001);
    struct talk quic = talk_of(3, 50002);
    struct talk doh3 = talk_of(4, 50003);
    struct talk other = open_talk(5, 50004);

    (void)state;
    say_hello(&named, RESOLVER_HOST, false);
    tls.server_port = 853;
    talk_open(&film, &tls);
    say_hello(&tls, RESOLVER_HOST, false);
    quic.server_port = 853;
    quic_hello(&quic, "dns.intranet.example");
    quic_hello(&doh3, RESOLVER_HOST);
    say_hello(&other, "www.example", false);
    scene_play();
    assert_int_equal(coverage().flows_resolver, 4);
    assert_names(5, 0, 0, 0);
}

/* What is sent to it first, over TLS or QUIC. */
static void ask_resolver(struct talk *talk, bool quic, const char *name, bool broken)
{
    static struct bytes bytes;
    const struct hello_parts parts = {.name = name, .ech = name && strcmp(name, ECH_HOST) == 0};

    if (quic) {
        quic_hello(talk, name);
        return;
    }
    make_hello(&bytes, &parts);
    if (broken)
        bytes.at[6] = 3; /* longer than any hello */
    talk_open(&film, talk);
    talk_say(&film, talk, FROM_CLIENT, &bytes, 1400);
}

/* RFC 6066, 3: https://203.0.113.53/dns-query shows no name. Whether one was read, and whether a
 * resolver was asked, are two questions. */
static void resolvers_are_known_by_their_address(void **state)
{
    static const struct {
        const char *name;
        uint16_t port;
        bool quic;
        bool broken;
        bool elsewhere;
        unsigned resolvers;
        unsigned fates[4];
    } cases[] = {
        {NULL, 443, false, false, false, 1, {0, 0, 0, 1}},
        {NULL, 443, true, false, false, 1, {0, 0, 0, 1}},
        {NULL, 443, false, true, false, 1, {0, 0, 0, 1}},
        {NULL, 853, false, false, false, 1, {0, 0, 0, 1}},
        {NULL, 853, true, false, false, 1, {0, 0, 0, 1}},
        {NULL, 853, false, true, true, 1, {0, 0, 0, 1}},
        {ECH_HOST, 443, false, false, false, 1, {0, 0, 1, 0}},
        {RESOLVER_HOST, 443, false, false, false, 1, {1, 0, 0, 0}},
        /* Another service of that address or port, or no such address. */
        {"www.example", 443, false, false, false, 0, {1, 0, 0, 0}},
        {NULL, 8443, false, false, false, 0, {0, 0, 0, 1}},
        {NULL, 443, false, false, true, 0, {0, 0, 0, 1}},
        {NULL, 443, true, false, true, 0, {0, 0, 0, 1}},
        {NULL, 443, false, true, true, 0, {0, 0, 0, 1}},
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        struct talk talk = talk_of(1, 50000);
        const unsigned *fates = cases[i / 2].fates;
        unsigned last = cases[i / 2].elsewhere ? 54 : 53;

        film_clear(&film);
        talk.server = i % 2 ? address6(last == 53 ? 0x5353 : 0x5354) : address4(203, 0, 113, last);
        if (i % 2)
            talk.client = address6(1);
        talk.server_port = cases[i / 2].port;
        ask_resolver(&talk, cases[i / 2].quic, cases[i / 2].name, cases[i / 2].broken);
        scene_play();
        assert_int_equal(coverage().flows_resolver, cases[i / 2].resolvers);
        assert_names(fates[0], fates[1], fates[2], fates[3]);
        assert_nothing_counted();
    }
}

/* -- Copies -------------------------------------------------------------------------------------
 */

/* Each frame again, in a VLAN, as a trunk's mirror port shows it. */
static void mirror_twice(void)
{
    size_t count = film.count;

    for (size_t i = 0; i < count; i++) {
        static struct bytes bytes;
        struct shot *shot = &film.shots[i];

        bytes.length = 0;
        put_bytes(&bytes, shot->bytes + 14, shot->captured - 14);
        in_8021q(&bytes);
        film.clock_ns = shot->time_ns + 20000;
        film_shoot(&film, shot->link_type, &bytes);
    }
    film_sort(&film);
}

/* Their checksums and identifications are all the same, as where a network card fills them in. */
static void copies_of_packets_count_once(void **state)
{
    (void)state;
    for (int quic = 0; quic < 2; quic++) {
        struct talk talk = talk_of(1, 50000);
        size_t count;

        film_clear(&film);
        if (quic) {
            quic_hello(&talk, "api.example");
            quic_exchange(&talk, 400, 3);
        } else {
            talk_open(&film, &talk);
            say_hello(&talk, "api.example", false);
            use(&talk);
        }
        count = film.count;
        mirror_twice();
        scene_play();
        assert_used(ONE, API, &talk);
        assert_names(1, 0, 0, 0);
        assert_int_equal(coverage().packets_duplicate, count);
    }
}

/* Datagrams of the same length between the same ends, one right after the other. */
static void other_datagrams_of_the_same_make_are_no_copies(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    quic_hello(&talk, "api.example");
    for (int i = 0; i < 100; i++)
        quic_short(&talk, FROM_SERVER, 1000);
    scene_play();
    assert_int_equal(coverage().packets_duplicate, 0);
    assert_int_equal(only_sum(ONE, API).bytes_down, 100000);
}

/* Datagrams by which either end tries how large ones the path takes, amid an answer, are neither
 * the next request nor a part of it; the same sizes again are. */
static void trials_of_the_path_are_no_use(void **state)
{
    for (size_t second = 0; second < 2; second++) {
        struct talk talk = talk_of(1, 50000);

        (void)state;
        film_clear(&film);
        quic_hello(&talk, "api.example");
        quic_exchange(&talk, 500, 5);
        quic_short(&talk, FROM_CLIENT, 1400);
        quic_short(&talk, FROM_SERVER, 1450);
        if (second) {
            quic_short(&talk, FROM_CLIENT, 1400);
            quic_short(&talk, FROM_SERVER, 1450);
        }
        film.clock_ns += 10 * SECOND;
        scene_play();
        assert_triple(only_sum(ONE, API).requests, 1 + (double)second, 1 + (double)second,
                      1 + (double)second);
        assert_triple(only_sum(ONE, API).tokens_out, (5000 + 1450 * (double)second) / 200,
                      (5000 + 1450 * (double)second) / 100, (5000 + 1450 * (double)second) / 50);
    }
}

/* How long an identifier the client asks to be sent is no matter of the service. */
static void identifiers_of_the_client_are_no_answer(void **state)
{
    struct talk talk = talk_of(1, 50000);

    (void)state;
    quic_hello(&talk, "api.example");
    quic_long(&talk, FROM_SERVER, 2, 300); /* to one of 8 bytes */
    quic_exchange(&talk, 500, 5);
    film.clock_ns += 10 * SECOND;
    scene_play();
    assert_triple(only_sum(ONE, API).tokens_out, 5 * 992 / 200.0, 5 * 992 / 100.0, 5 * 992 / 50.0);
}

/* The same hello on the other side of an address translation or a proxy, right after. */
static void copies_of_hellos_count_once(void **state)
{
    static struct bytes bytes;
    const struct hello_parts parts = {.name = "api.example", .padding = 1500};

    (void)state;
    for (int proxy = 0; proxy < 2; proxy++) {
        struct talk talk;
        struct talk copy = talk_of(0, 61000);

        film_clear(&film);
        talk = open_talk(1, 50000);
        copy.client = address4(192, 0, 2, 200);
        talk_open(&film, &copy);
        if (proxy)
            talk_text(&film, &talk, FROM_CLIENT, "CONNECT api.example:443 HTTP/1.1\r\n\r\n");
        make_hello(&bytes, &parts);
        talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
        talk_say(&film, &copy, FROM_CLIENT, &bytes, 900);
        for (int i = 0; i < 3; i++) {
            talk_record(&film, &talk, i ? FROM_SERVER : FROM_CLIENT, 1000);
            talk_record(&film, &copy, i ? FROM_SERVER : FROM_CLIENT, 1000);
            film.clock_ns += SECOND;
        }
        scene_play();
        assert_used(ONE, API, &talk);
        assert_names(1, 0, 0, 0);
        assert_int_equal(coverage().flows, 2);
        assert_int_equal(payload_bytes, talk.said[0] + talk.said[1] + copy.said[0] + copy.said[1]);
    }
}

static void copies_of_quic_hellos_count_once(void **state)
{
    static struct bytes message;
    struct packet_parts parts = quic_parts();
    struct talk talk = talk_of(1, 50000);
    struct talk copy = talk_of(1, 61000);

    (void)state;
    copy.client = address4(192, 0, 2, 200);
    quic_message(&message, "api.example", false, 0);
    quic_initial(&talk, &parts, &message, 0, message.length);
    quic_initial(&copy, &parts, &message, 0, message.length);
    quic_exchange(&talk, 400, 3);
    scene_play();
    assert_used(ONE, API, &talk);
    assert_names(1, 0, 0, 0);
    assert_int_equal(coverage().flows, 2);
}

/* Other hellos are other connections, however alike. */
static void hellos_that_differ_are_no_copies(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < 500; i++) {
        struct talk talk = open_talk(i, 50000);

        say_hello(&talk, "api.example", false);
    }
    scene_play();
    assert_int_equal(only_sum(ONE, API).flows, 500);
    assert_names(500, 0, 0, 0);
}

/* -- Fragments ----------------------------------------------------------------------------------
 */

static void fragments_carry_hellos(void **state)
{
    static struct bytes bytes;
    static struct bytes packet;
    const struct hello_parts parts = {.name = "api.example", .padding = 1200};

    (void)state;
    for (int how = 0; how < 4; how++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        if (how & 1) {
            talk.client = address6(1);
            talk.server = address6(0x1000);
        }
        talk_open(&film, &talk);
        make_hello(&bytes, &parts);
        talk_say(&film, &talk, FROM_CLIENT, &bytes, 9000);
        film.count--; /* the same again, in pieces */
        packet.length = 0;
        put_bytes(&packet, film.shots[film.count].bytes + 14, film.shots[film.count].captured - 14);
        free(film.shots[film.count].bytes);
        shoot_fragments(&packet, 512, how & 2);
        use(&talk);
        scene_play();
        assert_used(how & 1 ? SIX : ONE, API, &talk);
        assert_names(1, 0, 0, 0);
        assert_int_equal(coverage().packets_undecodable, 0);
    }
}

static void fragments_carry_answers(void **state)
{
    static struct dns_message message;
    static struct bytes packet;

    (void)state;
    for (int how = 0; how < 4; how++) {
        struct talk talk = talk_of(1, 50000);
        struct talk dns = {.server_port = 53, .client_port = 40000};
        struct activity sum;

        film_clear(&film);
        if (how & 1) {
            talk.client = address6(1);
            talk.server = address6(0x1000);
        }
        dns.client = talk.client;
        dns.server = how & 1 ? address6(53) : address4(10, 9, 9, 53);
        ask(&dns, "api.example", how & 1 ? 6 : 4);
        dns_answer_of(&message, "api.example", talk.server, 300);
        put_datagram(&packet, &dns, FROM_SERVER, &message.wire);
        shoot_fragments(&packet, 24, how & 2);
        use(&talk);
        scene_play();
        sum = only_sum(how & 1 ? SIX : ONE, API);
        assert_triple(sum.requests, 1, 1, 1);
        assert_names(0, 1, 0, 0);
        assert_int_equal(coverage().dns_answers, 1);
        assert_int_equal(coverage().dns_unasked, 0);
    }
}

static void fragments_carry_quic(void **state)
{
    static struct bytes packet;

    (void)state;
    for (int how = 0; how < 4; how++) {
        struct talk talk = talk_of(1, 50000);

        film_clear(&film);
        if (how & 1) {
            talk.client = address6(1);
            talk.server = address6(0x1000);
        }
        quic_hello(&talk, "api.example");
        packet.length = 0;
        put_bytes(&packet, film.shots[0].bytes + 14, film.shots[0].captured - 14);
        film_rewind(&film);
        shoot_fragments(&packet, 512, how & 2);
        quic_exchange(&talk, 400, 3);
        scene_play();
        assert_used(how & 1 ? SIX : ONE, API, &talk);
        assert_int_equal(coverage().names_quic, 1);
    }
}

/* Fragments of a packet that travels in the fragments of a tunnel. */
static void fragments_may_be_nested(void **state)
{
    static struct bytes packet;
    static struct bytes outer;
    struct talk talk = talk_of(1, 50000);
    size_t count;

    (void)state;
    quic_hello(&talk, "api.example");
    packet.length = 0;
    put_bytes(&packet, film.shots[0].bytes + 14, film.shots[0].captured - 14);
    film_rewind(&film);
    shoot_fragments(&packet, 512, false);
    count = film.count;
    for (size_t i = 0; i < count; i++) {
        struct shot *shot = &film.shots[i];

        outer.length = 0;
        put_bytes(&outer, shot->bytes + 14, shot->captured - 14);
        over_gre(&outer);
        shoot_fragments(&outer, 256, i % 2);
        shot = &film.shots[i];
        shot->bytes[12] ^= 0xff; /* gone: of another ethertype */
    }
    quic_exchange(&talk, 400, 3);
    scene_play();
    quic_is_used(&talk);
}

/* Of every full-sized packet of a wireless client, a controller's tunnel makes two. */
static void pieces_of_capwap_carry_hellos(void **state)
{
    static struct bytes frame;
    static struct bytes piece;
    static struct film plain;
    struct talk talk = open_talk(1, 50000);
    unsigned cut = 0;

    (void)state;
    talk_hello(&film, &talk, "api.example", 3000);
    use(&talk);
    plain = film;
    film_start(&film);
    for (size_t i = 0; i < plain.count; i++) {
        film.clock_ns = plain.shots[i].time_ns;
        frame.length = 0;
        put_bytes(&frame, plain.shots[i].bytes, plain.shots[i].captured);
        for (size_t at = 0; at < frame.length; at += 1392) {
            put_capwap_piece(&piece, &frame, false, at, 1392, (unsigned)i);
            film_shoot(&film, DLT_EN10MB, &piece);
            cut += at > 0;
        }
    }
    film_clear(&plain);
    assert_true(cut >= 2);
    scene_play();
    assert_used(ONE, API, &talk);
    assert_names(1, 0, 0, 0);
    assert_int_equal(coverage().packets_undecodable, 0);
    assert_int_equal(coverage().packets_fragmented, 0);
    assert_int_equal(coverage().bytes_lost, 0);
}

/* What of a packet never comes is told like that of IP. */
static void lost_pieces_of_capwap_are_counted(void **state)
{
    static struct bytes piece;
    static const struct bytes frame = {.length = 200};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        put_capwap_piece(&piece, &frame, false, 96, 96, 7);
        film_shoot(&film, DLT_EN10MB, &piece);
        film.clock_ns += 40 * SECOND;
    }
    scene_play();
    assert_int_equal(coverage().packets, 5);
    assert_int_equal(coverage().packets_fragmented, 4);
    assert_int_equal(coverage().packets_undecodable, 4);
}

/* -- States -------------------------------------------------------------------------------------
 */

/* Names that begin and never end, of every kind, give their states to those that come later. */
static void what_never_ends_bars_nobody(void **state)
{
    static struct bytes message;
    const struct limits small = {4096, 64, 16, 1024, 1024};
    struct talk talk;

    (void)state;
    for (unsigned i = 0; i < 400; i++) {
        struct packet_parts parts = quic_parts();

        talk = open_talk(i, 40000);
        switch (i % 4) {
        case 0:
            talk_segment(&film, &talk, FROM_CLIENT, talk.sequence[0], TCP_ACK,
                         (const uint8_t *)"\x16\3\1\2\0\1\0\1\xfc", 9);
            break;
        case 1:
            talk_text(&film, &talk, FROM_CLIENT, "POST / HTTP/1.1\r\n");
            break;
        case 2:
            talk = open_dns(&talk);
            talk_text(&film, &talk, FROM_SERVER, "~~~");
            break;
        default:
            quic_message(&message, "api.example", false, 1500);
            quic_initial(&talk, &parts, &message, 0, 1000);
            break;
        }
        film.clock_ns += 100 * MILLI;
    }
    talk = open_talk(1, 50000);
    talk_hello(&film, &talk, "api.example", 2000);
    use(&talk);
    talk = talk_of(2, 50001);
    for (int i = 0; i < 2; i++) {
        static struct packet_parts parts;

        if (i == 0)
            parts = quic_parts();
        parts.number = (uint32_t)i;
        quic_initial(&talk, &parts, &message, i ? 1000 : 0, i ? message.length : 1000);
    }
    quic_exchange(&talk, 400, 3);
    scene_play_within(&small);
    assert_int_equal(only_sum(ONE, API).flows, 2);
    assert_triple(only_sum(ONE, API).requests, 2, 2, 2);
    assert_names(2, 0, 0, 200); /* hellos that had begun */
}

/* Each of TCP and QUIC has states of its own. */
static void a_flood_of_one_spares_the_other(void **state)
{
    static struct bytes message;
    static struct bytes hello;
    const struct limits small = {4096, 64, 32, 1024, 1024};
    const struct hello_parts named = {.name = "api.example", .padding = 1500};

    (void)state;
    quic_message(&message, "api.example", false, 1500);
    for (int quic = 0; quic < 2; quic++) {
        struct talk talk = talk_of(1, 50000);
        struct packet_parts parts = quic_parts();

        film_clear(&film);
        make_hello(&hello, &named);
        if (quic)
            quic_initial(&talk, &parts, &message, 0, 1000);
        else
            talk_segment(&film, &talk, FROM_CLIENT, 7, TCP_ACK, hello.at, 1000);
        for (uint16_t i = 0; i < 100; i++) {
            struct talk other = talk_of(2, i);
            struct packet_parts another = quic_parts();

            if (quic)
                talk_segment(&film, &other, FROM_CLIENT, 7, TCP_ACK, hello.at, 1000);
            else
                quic_initial(&other, &another, &message, 0, 1000);
        }
        parts.number++;
        if (quic)
            quic_initial(&talk, &parts, &message, 1000, message.length);
        else
            talk_segment(&film, &talk, FROM_CLIENT, 1007, TCP_ACK, hello.at + 1000,
                         (uint32_t)hello.length - 1000);
        scene_play_within(&small);
        assert_int_equal(only_sum(ONE, API).flows, 1);
    }
}

/* Connections that end, or begin anew, amid a name give their states back: there are eight for TCP,
 * as many for QUIC. */
static void what_ends_early_keeps_no_state(void **state)
{
    static struct bytes message;
    const struct limits small = {4096, 64, 32, 1024, 1024};

    (void)state;
    quic_message(&message, "api.example", false, 1500);
    for (unsigned i = 0; i < 100; i++) {
        struct talk talk = open_talk(1, 40000);
        struct talk dns = open_dns(&talk);
        struct packet_parts parts = quic_parts();

        talk_text(&film, &dns, FROM_SERVER, "~~~");
        talk_close(&film, &dns);
        talk_text(&film, &talk, FROM_CLIENT,
                  i % 2 ? "POST / HTTP/1.1\r\n"
                        : "PROXY TCP4 10.2.0.1 203.0.113.9 51000 443\r\nCONNECT x");
        if (i % 4 < 2)
            talk_flags(&film, &talk, FROM_SERVER, TCP_RST);
        quic_initial(&talk, &parts, &message, 0, 1000);
        film.clock_ns += 130 * SECOND;
    }
    for (unsigned i = 0; i < 8; i++) {
        struct talk talk = open_talk(i, 50000);

        talk_hello(&film, &talk, "api.example", 2000);
    }
    scene_play_within(&small);
    assert_int_equal(only_sum(ONE, API).flows, 8);
}

/* -- All of it at once --------------------------------------------------------------------------
 */

static const char *const hosts[] = {
    "api.example",          "a.web.example", "b.shared.example", TELEMETRY_HOST,
    "www.example",          ECH_HOST,        RESOLVER_HOST,      NULL,
    "llm.intranet.example", "x.web.example"};
#define HOSTS (sizeof(hosts) / sizeof(hosts[0]))

/* A conversation of any kind that we know, under a name drawn at random. */
static void film_any(uint64_t *seed, unsigned number)
{
    struct talk talk = talk_of(number % 11, (uint16_t)(20000 + number));
    const char *name = hosts[random_below(seed, HOSTS)];
    char text[200];

    if (random_below(seed, 3) == 0) {
        talk.client = address6(1 + number % 5);
        talk.server = address6(0x1000);
    }
    if (name && random_below(seed, 3) == 0)
        tell(talk.client, name, talk.server);
    snprintf(text, sizeof(text), "%s %s:443 HTTP/1.1\r\nHost: %s\r\n\r\n",
             number & 1 ? "CONNECT" : "GET /", name ? name : "x.example",
             name ? name : "x.example");
    if (random_below(seed, 3) == 0) {
        quic_hello(&talk, name ? name : "y.example");
        quic_exchange(&talk, 100 + random_below(seed, 4000), random_below(seed, 20));
        return;
    }
    if (random_below(seed, 4))
        talk_open(&film, &talk);
    if (random_below(seed, 5) == 0)
        talk_text(&film, &talk, FROM_CLIENT, "PROXY TCP4 10.2.0.9 203.0.113.9 51000 443\r\n");
    if (random_below(seed, 3) == 0)
        talk_text(&film, &talk, FROM_CLIENT, text);
    if (random_below(seed, 5))
        talk_hello(&film, &talk, name, random_below(seed, 3000));
    for (uint32_t i = random_below(seed, 4); i > 0; i--)
        talk_exchange(&film, &talk, 100 + random_below(seed, 5000), random_below(seed, 40),
                      30 + random_below(seed, 700), random_below(seed, 700) * MILLI);
    if (random_below(seed, 2))
        talk_close(&film, &talk);
}

/* Conversations at the same time, with losses, delays, copies, and frames cut in pieces. */
static void film_crowd(uint64_t *seed, unsigned talks)
{
    static struct bytes packet;
    size_t count;

    film_clear(&film);
    for (unsigned i = 0; i < talks; i++) {
        film.clock_ns = (NOON + 43100) * SECOND + random_below(seed, 200000) * MILLI;
        film_any(seed, i);
    }
    count = film.count;
    for (size_t i = 0; i < count; i++) {
        struct shot *shot = &film.shots[i];
        uint32_t fate = random_below(seed, 100);

        if (fate < 3) {
            shot->time_ns += random_below(seed, 5000000);
        } else if (fate == 3) {
            shot->bytes[12] ^= 0xff; /* gone: of another ethertype */
        } else if (fate < 10 && shot->captured > 200) {
            packet.length = 0;
            put_bytes(&packet, shot->bytes + 14, shot->captured - 14);
            shot->bytes[12] ^= 0xff;
            film.clock_ns = shot->time_ns;
            shoot_fragments(&packet, 8 + 8 * random_below(seed, 60), fate & 1);
        }
    }
    film_sort(&film);
}

static struct sink_log take_log(void)
{
    struct sink_log log = sunk;

    memset(&sunk, 0, sizeof(sunk));
    return log;
}

/* Neither the random keys nor how many frames come at a time changes a bit. */
static void the_same_packets_give_the_same_sums(void **state)
{
    static const size_t batches[] = {1, 2, 7, 31, 32, 33, 100, 256};
    uint64_t seed = 17;

    (void)state;
    for (int round = 0; round < 6; round++) {
        struct sink_log first = {0};

        film_crowd(&seed, 150);
        for (size_t i = 0; i < sizeof(batches) / sizeof(*batches); i++) {
            struct metering *metering = scene_metering(&scene_limits);

            scene_show(metering, 0, film.count, batches[i]);
            scene_close(metering);
            if (i == 0) {
                assert_true(sink_count(&sunk, SINK_ACTIVITY) > 10);
                first = take_log();
            }
            assert_true(i == 0 || same_log(&first, &sunk));
        }
        sink_clear(&first);
    }
}

/* Copies of hellos among thousands of others: which are recognised depends on the packets alone. */
static void copies_of_hellos_do_not_depend_on_a_key(void **state)
{
    static struct bytes bytes;
    const struct limits many = {32768, 256, 64, 16384, 1024};
    struct sink_log first;

    (void)state;
    for (unsigned i = 0; i < 6000; i++) {
        const struct hello_parts parts = {.name = "api.example"};
        struct talk talk = talk_of(i, 40000);
        struct talk copy = talk_of(i, 41000);

        make_hello(&bytes, &parts);
        film.clock_ns = NOON * SECOND + i * MILLI;
        talk_say(&film, &talk, FROM_CLIENT, &bytes, 1400);
        film.clock_ns += 2 * SECOND;
        talk_say(&film, &copy, FROM_CLIENT, &bytes, 1400);
    }
    film_sort(&film);
    scene_play_within(&many);
    assert_in_range(only_sum(ONE, API).flows, 6001, 11999); /* more than there is room for */
    first = take_log();
    for (int round = 0; round < 3; round++) {
        scene_play_within(&many);
        assert_true(same_log(&first, &sunk));
    }
    sink_clear(&first);
}

/* Of the flows of a crowd without losses, each is accounted for in one way. */
static void every_connection_is_accounted_for_once(void **state)
{
    uint64_t seed = 18;

    (void)state;
    film_clear(&film);
    for (unsigned i = 0; i < 900; i++) {
        struct talk talk = talk_of(i % 11, (uint16_t)(20000 + i));
        const char *name = hosts[random_below(&seed, 8)];

        talk.server = address4(203, 0, i >> 8, i & 0xff);
        if (random_below(&seed, 2))
            tell(talk.client, "api.example", talk.server);
        if (i % 3 == 0) {
            quic_hello(&talk, name ? name : "y.example");
            continue;
        }
        talk_open(&film, &talk);
        if (i % 3 == 1)
            talk_text(&film, &talk, FROM_CLIENT, "CONNECT api.example:443 HTTP/1.1\r\n\r\n");
        say_hello(&talk, name, i % 4 != 0);
        if (random_below(&seed, 2))
            talk_close(&film, &talk);
    }
    scene_play();
    assert_int_equal(coverage().names_seen + coverage().names_hinted + coverage().names_encrypted +
                         coverage().names_missing,
                     900);
    assert_true(coverage().names_hinted > 5 && coverage().names_encrypted > 1 &&
                coverage().names_missing > 5);
}

/* -- Privacy ------------------------------------------------------------------------------------
 */

static bool left(const void *pattern, size_t length)
{
    for (size_t i = 0; i < sunk.count; i++)
        if (memmem(&sunk.entries[i].body, sizeof(sunk.entries[i].body), pattern, length))
            return true;
    return false;
}

/* In either order of the bytes. */
static void assert_address_kept_back(const struct address *address)
{
    uint8_t backwards[4];

    for (size_t i = 0; i < (address->family == 4 ? 4U : 16U); i += 4) {
        if (memcmp(address->bytes + i, "\0\0\0", 4) == 0)
            continue;
        for (size_t j = 0; j < 4; j++)
            backwards[j] = address->bytes[i + 3 - j];
        assert_false(left(address->bytes + i, 4));
        assert_false(left(backwards, 4));
    }
}

/* Whatever the way in which a name or an address comes, none leaves, and no byte of a payload. */
static void nothing_personal_leaves(void **state)
{
    static const char *const texts[] = {
        "jean", "dupont", "example", "secret",        "api",
        "llm",  "PROXY",  "CONNECT", "Authorization", "\xa5\xa5\xa5\xa5"};
    const struct address hidden = address4(10, 2, 177, 211);
    struct talk talks[6];

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        talks[i] = talk_of(0, (uint16_t)(51230 + i));
        talks[i].client = address4(10, 1, 171, 205 + i);
        talks[i].server = address4(198, 51, 137, 231 + i);
    }
    talks[1].client = (struct address){
        6, {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0xca, 0xfe, 0xba, 0xbe, 0xde, 0xad, 0xbe, 0xef}};
    talks[1].server =
        (struct address){6, {0x26, 6, 0x47, 0x11, 9, 8, 7, 6, 5, 4, 3, 2, 1, 9, 8, 7}};
    quic_hello(&talks[0], "jean-dupont.web.example");
    quic_exchange(&talks[0], 4000, 30);
    quic_hello(&talks[1], "api.example");
    quic_exchange(&talks[1], 4000, 30);
    tell(talks[2].client, "secret.web.example", talks[2].server);
    talk_exchange(&film, &talks[2], 4000, 30, 300, 250 * MILLI);
    talk_open(&film, &talks[3]);
    talk_text(&film, &talks[3], FROM_CLIENT,
              "CONNECT api.example:443 HTTP/1.1\r\nProxy-Authorization: Basic amVhbg==\r\n\r\n");
    say_hello(&talks[3], NULL, false);
    use(&talks[3]);
    talk_open(&film, &talks[4]);
    talk_text(&film, &talks[4], FROM_CLIENT, "PROXY TCP4 10.2.177.211 203.0.113.9 51000 443\r\n");
    say_hello(&talks[4], "api.example", false);
    use(&talks[4]);
    talk_open(&film, &talks[5]);
    talk_text(&film, &talks[5], FROM_CLIENT,
              "POST /jean.dupont HTTP/1.1\r\nHost: llm.intranet.example\r\n\r\n");
    use(&talks[5]);
    scene_play();
    assert_int_equal(sum_of(ONE, WEB).flows, 2);
    assert_int_equal(sum_of(ONE, API).flows + sum_of(SIX, API).flows + sum_of(TWO, API).flows, 3);
    assert_int_equal(sum_of(ONE, LOCAL).flows, 1);
    assert_true(left(&(uint64_t){film.count}, sizeof(uint64_t))); /* it finds what is there */
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_false(left(texts[i], strlen(texts[i])));
    for (unsigned i = 0; i < 6; i++) {
        assert_address_kept_back(&talks[i].client);
        assert_address_kept_back(&talks[i].server);
    }
    assert_address_kept_back(&hidden);
}

/* -- What is far from where its end was ---------------------------------------------------------
 */

/* The connection in which segments are forged: its opening is the first that is seen. */
static struct talk say_in_parts(void)
{
    struct talk talk = open_talk(1, 50000);
    static struct bytes bytes;
    const struct hello_parts parts = {.name = "api.example", .padding = 3500};

    make_hello(&bytes, &parts);
    talk_say(&film, &talk, FROM_CLIENT, &bytes, 900);
    use(&talk);
    return talk;
}

static struct talk say_overtaken_parts(void)
{
    struct talk talk = open_talk(1, 50000);

    say_overtaken_hello(&talk);
    use(&talk);
    return talk;
}

static struct talk say_to_a_proxy(void)
{
    struct talk talk = open_talk(1, 50000);

    talk_text(&film, &talk, FROM_CLIENT, "CONNECT api.example:443 HTTP/1.1\r\n");
    talk_text(&film, &talk, FROM_CLIENT, "X: y\r\n\r\n");
    talk_text(&film, &talk, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
    talk_hello(&film, &talk, "api.example", 1500);
    use(&talk);
    return talk;
}

static struct talk say_in_clear(void)
{
    struct talk talk = open_talk(1, 50000);

    for (int i = 0; i < 3; i++)
        request(&talk, "/", i == 1 ? "www.example" : "llm.intranet.example", 300);
    return talk;
}

static struct talk say_by_dns(void)
{
    static struct bytes bytes;
    struct talk talk = talk_of(1, 50000);
    struct talk dns = open_dns(&talk);

    make_answers(&bytes, &talk, 3);
    talk_say(&film, &dns, FROM_SERVER, &bytes, 60);
    use(&talk);
    return dns;
}

static void assert_same_sum(const struct activity *sum, const struct activity *plain)
{
    assert_int_equal(sum->flows, plain->flows);
    assert_int_equal(sum->bytes_up, plain->bytes_up);
    assert_int_equal(sum->bytes_down, plain->bytes_down);
    assert_int_equal(sum->bytes_other, plain->bytes_other);
    assert_near(sum->requests.central, plain->requests.central);
    assert_near(sum->tokens_in.central, plain->tokens_in.central);
    assert_near(sum->tokens_out.central, plain->tokens_out.central);
}

static struct talk (*const told_films[])(void) = {say_in_parts, say_overtaken_parts, say_to_a_proxy,
                                                  say_in_clear, say_by_dns};
enum { TOLD_FILMS = 5 };

struct told {
    struct activity sums[2];
    struct coverage coverage;
};

static struct told play_told(void)
{
    scene_play();
    return (struct told){{sum_of(ONE, API), sum_of(ONE, LOCAL)}, coverage()};
}

/* A segment of FLAGS and BYTES, so far from where END ends, before shot AT. */
static void assert_hides_nothing(const struct talk *talk, int end, uint8_t flags, uint32_t away,
                                 const struct bytes *bytes, size_t at, const struct told *plain)
{
    struct told told;

    film_forge_as(&film, talk, end, flags, talk->sequence[end] + away, bytes, at);
    told = play_told();
    film_cut(&film, at);
    for (int which = 0; which < 2; which++)
        assert_same_sum(&told.sums[which], &plain->sums[which]);
    assert_names(plain->coverage.names_seen, plain->coverage.names_hinted,
                 plain->coverage.names_encrypted, plain->coverage.names_missing);
    assert_int_equal(told.coverage.flows, plain->coverage.flows);
    assert_int_equal(told.coverage.flows_one_way, plain->coverage.flows_one_way);
    assert_int_equal(told.coverage.bytes_lost, plain->coverage.bytes_lost);
    assert_int_equal(told.coverage.dns_answers, plain->coverage.dns_answers);
}

/* Whatever says what a connection is: at every moment, of either end. */
static void a_forged_segment_hides_no_name(void **state)
{
    enum { OPENING = 3 };
    static const uint32_t far_away[] = {100000, 60U << 20, 1U << 30, 3U << 30};
    static struct bytes bytes[3];
    size_t number = 0;

    (void)state;
    put_record(&bytes[0], 5000);
    put_fill(&bytes[1], 'x', 1400);
    put_bytes(&bytes[2], "GET http://www.elsewhere.example/ HTTP/1.1\r\n\r\n", 47);
    for (size_t i = 0; i < TOLD_FILMS * 4 * 3; i++) {
        struct talk talk;
        struct told plain;

        film_clear(&film);
        talk = told_films[i % TOLD_FILMS]();
        plain = play_told();
        assert_true(plain.sums[i % TOLD_FILMS == 3].requests.central > 0);
        for (size_t at = OPENING; at <= film.count; at++)
            for (int end = FROM_CLIENT; end <= FROM_SERVER; end++)
                if (!thinned(number++))
                    assert_hides_nothing(&talk, end, TCP_ACK, far_away[i / TOLD_FILMS % 4],
                                         &bytes[i / TOLD_FILMS / 4], at, &plain);
    }
}

/* Nor does a SYN, as soon as the client's own was seen: near or far, with data (RFC 7413) or
 * without. */
static void a_forged_opening_hides_no_name(void **state)
{
    static const uint32_t away[] = {0U - 10000, 0, 10, 100000, 1U << 30, 3U << 30};
    static const uint8_t flags[] = {TCP_SYN, TCP_SYN | TCP_ACK, TCP_SYN | TCP_FIN,
                                    TCP_SYN | TCP_RST | TCP_ACK};
    static struct bytes bytes;
    size_t number = 0;

    (void)state;
    put_record(&bytes, 1000);
    for (size_t i = 0; i < TOLD_FILMS * 6 * 4; i++) {
        struct talk talk;
        struct told plain;

        film_clear(&film);
        talk = told_films[i % TOLD_FILMS]();
        plain = play_told();
        for (size_t at = 1; at <= film.count; at++)
            for (int end = FROM_CLIENT; end <= FROM_SERVER; end++)
                if (!thinned(number++))
                    assert_hides_nothing(&talk, end, flags[i / TOLD_FILMS / 6],
                                         away[i / TOLD_FILMS % 6], at % 2 ? &bytes : NULL, at,
                                         &plain);
    }
}

/* Before the client's own, it begins a flow, which the client's takes the place of. */
static void a_forged_opening_comes_first_in_vain(void **state)
{
    static const uint32_t away[] = {0U - 10000, 10, 100000, 3U << 30};

    (void)state;
    for (size_t i = 0; i < 4 * 2 * 2; i++) {
        struct talk talk;
        struct activity plain;
        struct activity sum;

        film_clear(&film);
        talk = say_in_parts();
        if (i % 2)
            talk_hide(&film, &talk, FROM_SERVER);
        scene_play();
        plain = sum_of(ONE, API);
        assert_int_equal(plain.flows, 1);
        film_forge_as(&film, &talk, i / 2 % 2 ? FROM_SERVER : FROM_CLIENT, TCP_SYN,
                      talk.sequence[FROM_CLIENT] + away[i / 4], NULL, 0);
        scene_play();
        sum = sum_of(ONE, API);
        assert_same_sum(&sum, &plain);
        assert_names(1, 0, 0, 0);
        assert_int_equal(coverage().flows, 2);
    }
}

/* -- Several packets in one frame ----------------------------------------------------------------
 */

static struct bytes together; /* the packets of a frame */

static void put_together(struct bytes *packet)
{
    wrap_ethernet_ip(packet);
    put_subframe(&together, packet->at, packet->length);
}

static void put_hello_of(unsigned client)
{
    static struct bytes packet;
    const struct hello_parts parts = {.name = "api.example"};
    struct address from = address4(10, 1, 0, client);
    struct address to = address4(192, 0, 2, 1);

    packet.length = 0;
    put_hello(&packet, &parts);
    wrap_tcp(&packet, 40000, 443);
    wrap_ipv4(&packet, 6, &from, &to);
    put_together(&packet);
}

/* Of packet NUMBER, SIZE bytes and 8 from AT on. */
static void put_piece_of(unsigned number, size_t at, size_t size, bool more)
{
    static struct bytes packet;
    struct address from = address4(10, 1, 0, 9);
    struct address to = address4(192, 0, 2, 1);

    packet.length = 0;
    put_fill(&packet, 0x5a, size);
    wrap_udp(&packet, 40000, 5000);
    wrap_ipv4(&packet, 17, &from, &to);
    set_u16(&packet, 4, 0x1000 + number);
    set_u16(&packet, 6, (more ? 0x2000 : 0) | at / 8);
    put_together(&packet);
}

/* What fills the places in which fragments are put together, some of it to the end, and takes those
 * that are not needed, with bytes for where the hello stands in the frame. Returns where. */
static size_t put_much_before_hello(size_t place)
{
    together.length = 0;
    for (unsigned i = 0; i < 24; i++) {
        put_piece_of(i, 0, 32, true);
        put_piece_of(i, 40, 32, false);
        if (i > 18)
            put_piece_of(100 + i, place / 8 * 8, 1392, true);
    }
    place = together.length;
    put_hello_of(1);
    return place;
}

/* In pieces, so that it is read from such a place itself. */
static void a_frame_of_several_outlasts_fragments_in_it(void **state)
{
    const struct limits few = {4096, 256, 16, 4096, 1024};
    static struct bytes piece;

    (void)state;
    put_much_before_hello(put_much_before_hello(0));
    wrap_aggregate(&together);
    for (size_t at = 0; at < together.length; at += 4096) {
        put_capwap_piece(&piece, &together, true, at, 4096, 7);
        film_shoot(&film, DLT_EN10MB, &piece);
    }
    scene_play_within(&few);
    assert_names(1, 0, 0, 0);
}

static void a_frame_of_several_in_another_is_not_followed(void **state)
{
    static struct bytes inner;

    (void)state;
    together.length = 0;
    put_hello_of(1);
    put_hello_of(2);
    inner = together;
    over_capwap_aggregate(&inner);
    together.length = 0;
    put_together(&inner);
    put_hello_of(3);
    over_capwap_aggregate(&together);
    wrap_ethernet_ip(&together);
    film_shoot(&film, DLT_EN10MB, &together);
    scene_play();
    assert_names(1, 0, 0, 0);
    assert_int_equal(sink_coverage(&sunk).packets_other, 1);
    assert_int_equal(sink_coverage(&sunk).packets, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_opening_may_carry_the_hello),
        TEST(a_hello_may_follow_an_alert_or_a_heartbeat),
        TEST(fast_open_may_be_refused),
        TEST(an_opening_may_be_overtaken_by_its_answer),
        TEST(a_hello_may_be_overtaken_anywhere),
        TEST(a_client_that_is_refused_asks_again),
        TEST(a_proxy_is_told_what_the_hello_hides),
        TEST(the_hello_counts_for_more_than_the_proxy_was_told),
        TEST(a_tunnel_may_carry_clear_text),
        TEST(a_head_may_be_longer_than_there_is_room),
        TEST(a_hello_may_be_longer_than_there_is_room),
        TEST(a_hello_may_be_wrapped_in_tds),
        TEST(tds_without_a_hello_has_no_name),
        TEST(a_hello_of_quic_may_be_longer_than_there_is_room),
        TEST(of_a_hello_of_quic_what_is_there_counts),
        TEST(a_request_may_come_in_pieces_from_the_middle),
        TEST(a_name_may_be_all_that_was_captured),
        TEST(a_cut_request_leads_to_the_hello),
        TEST(a_name_may_be_in_the_half_that_was_captured),
        TEST(socks_leads_to_the_hello),
        TEST(a_stranger_says_nothing_about_others),
        TEST(a_proxy_says_whose_connection_it_is),
        TEST(a_proxy_is_never_a_device),
        TEST(a_local_header_changes_nothing),
        TEST(a_hint_for_a_proxy_is_none_for_its_clients),
        TEST(a_host_in_clear_names_a_local_service),
        TEST(each_request_in_clear_is_for_its_own_host),
        TEST(a_request_after_many_others_is_found),
        TEST(a_body_is_no_request),
        TEST(an_answer_may_follow_an_interim_one_at_once),
        TEST(a_request_sent_again_is_none),
        TEST(half_a_request_changes_nothing),
        TEST(a_request_that_was_cut_goes_with_the_one_before),
        TEST(a_request_that_lost_its_room_ends_nothing_else),
        TEST(a_request_for_nobody_goes_with_the_one_before),
        TEST(a_tunnel_may_follow_requests),
        TEST(a_shared_host_in_clear_is_proven_anew),
        TEST(one_connection_may_carry_requests_for_several_hosts),
        TEST(other_hosts_in_clear_are_nothing),
        TEST(the_dns_names_a_connection_seen_from_its_middle),
        TEST(a_hint_is_for_one_client_one_server_and_one_port),
        TEST(an_answer_is_believed_by_who_asked_for_it),
        TEST(an_answer_has_the_id_of_its_question),
        TEST(a_forged_answer_asks_nothing),
        TEST(what_nobody_asked_for_hides_nothing),
        TEST(all_answers_are_believed_when_told_so),
        TEST(what_a_link_tells_itself_is_no_hint),
        TEST(another_worker_may_have_seen_the_question),
        TEST(an_answer_over_tcp_follows_a_question),
        TEST(the_last_lookup_decides),
        TEST(a_hint_names_a_hello_without_a_name),
        TEST(a_name_on_the_wire_counts_for_more_than_a_hint),
        TEST(an_outer_name_hides_the_service_unless_a_hint_tells_it),
        TEST(only_an_outer_name_with_the_extension_hides),
        TEST(a_capture_of_clients_alone_is_told),
        TEST(acknowledged_bytes_are_no_frames),
        TEST(only_new_acknowledgements_count),
        TEST(a_forged_close_of_an_unseen_end_is_not_believed),
        TEST(a_forged_segment_hides_no_name),
        TEST(a_forged_opening_hides_no_name),
        TEST(a_frame_of_several_outlasts_fragments_in_it),
        TEST(a_frame_of_several_in_another_is_not_followed),
        TEST(a_forged_opening_comes_first_in_vain),
        TEST(what_was_acknowledged_before_the_capture_is_not_counted),
        TEST(what_was_acknowledged_and_comes_later_counts_once),
        TEST(a_capture_of_servers_alone_is_told),
        TEST(tls_seen_from_its_middle_has_no_name),
        TEST(what_waits_for_its_name_is_counted_once),
        TEST(a_hello_may_be_overtaken_by_its_answer),
        TEST(a_lost_hello_is_missing),
        TEST(what_is_not_tls_has_no_name_to_miss),
        TEST(one_way_is_told_from_the_middle),
        TEST(short_answers_of_servers_alone_are_told),
        TEST(unseen_requests_are_made_by_bytes),
        TEST(a_part_of_a_request_scatters_within_reason),
        TEST(what_is_asked_is_not_made_by_bytes),
        TEST(a_silent_end_is_heard_by_its_acknowledgements),
        TEST(a_late_hint_begins_to_watch),
        TEST(a_hello_in_single_bytes_needs_no_opening),
        TEST(a_hello_may_follow_plain_text_in_pieces),
        TEST(quic_on_the_same_ports_may_be_another_connection),
        TEST(what_a_client_of_quic_repeats_is_no_other_connection),
        TEST(an_early_request_is_no_one_way_capture),
        TEST(quic_of_clients_alone_is_told),
        TEST(quic_of_both_ends_is_none_of_clients_alone),
        TEST(quic_is_named_and_metered),
        TEST(a_handshake_of_quic_is_no_exchange),
        TEST(a_hello_may_take_two_datagrams),
        TEST(half_a_hello_may_be_for_the_id_that_the_server_chose),
        TEST(a_client_may_have_to_begin_anew),
        TEST(a_silent_quic_connection_goes_on),
        TEST(ports_of_quic_are_used_again),
        TEST(the_dns_names_quic_seen_from_its_middle),
        TEST(other_datagrams_are_other),
        TEST(quic_that_cannot_be_read_has_no_name),
        TEST(quic_of_servers_alone_is_told),
        TEST(answers_over_tcp_come_in_pieces),
        TEST(answers_over_tcp_may_be_overtaken),
        TEST(only_servers_answer),
        TEST(encrypted_resolvers_are_counted_once),
        TEST(resolvers_are_known_by_their_address),
        TEST(copies_of_packets_count_once),
        TEST(other_datagrams_of_the_same_make_are_no_copies),
        TEST(trials_of_the_path_are_no_use),
        TEST(identifiers_of_the_client_are_no_answer),
        TEST(copies_of_hellos_count_once),
        TEST(copies_of_quic_hellos_count_once),
        TEST(hellos_that_differ_are_no_copies),
        TEST(fragments_carry_hellos),
        TEST(fragments_carry_answers),
        TEST(fragments_carry_quic),
        TEST(fragments_may_be_nested),
        TEST(pieces_of_capwap_carry_hellos),
        TEST(lost_pieces_of_capwap_are_counted),
        TEST(what_never_ends_bars_nobody),
        TEST(a_flood_of_one_spares_the_other),
        TEST(what_ends_early_keeps_no_state),
        TEST(the_same_packets_give_the_same_sums),
        TEST(copies_of_hellos_do_not_depend_on_a_key),
        TEST(every_connection_is_accounted_for_once),
        TEST(nothing_personal_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
