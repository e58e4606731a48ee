/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Claims of openings of QUIC by themselves; then films of ports that are used again, in which both
 * connections must be metered as if each had been alone; then films with forged openings, which
 * must change nothing. */

#include "collectors/capture/quicopenings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/capture/quic.h"
#include "tests/capture/owners.h"
#include "tests/thinned.h"

#define KEY   UINT64_C(0x123456789abcdef0)
#define NOW_S 1000U

/* -- Claims ------------------------------------------------------------------------------------ */

static struct quicopenings *openings;
static struct bytes datagram; /* the last that was said */
static struct packet said;

static int openings_begin(void **state)
{
    openings = quicopenings_new();
    return openings ? scene_begin(state) : -1;
}

static int openings_end(void **state)
{
    quicopenings_free(openings);
    quicopenings_free(NULL);
    return scene_end(state);
}

/* The datagram that was shot last. */
static const struct packet *last_said(void)
{
    const struct shot *shot = &film.shots[film.count - 1];

    assert_int_equal(
        decode_frame(shot->link_type, shot->bytes, shot->captured, shot->length, &said),
        DECODE_UDP);
    datagram.length = 0;
    put_bytes(&datagram, said.payload, said.captured_length);
    said.payload = datagram.at;
    return &said;
}

static struct quicopenings_look look_at_last(uint64_t key, unsigned side)
{
    return (struct quicopenings_look){
        .key = key, .packet = last_said(), .side = side, .now_s = NOW_S};
}

static bool claim_last(uint64_t key, unsigned side)
{
    struct quicopenings_look look = look_at_last(key, side);

    return quicopenings_claim(openings, &look);
}

static struct quicopening *opening;

static enum quicopenings_verdict take_last(uint64_t key, unsigned side)
{
    struct quicopenings_look look = look_at_last(key, side);

    opening = NULL;
    return quicopenings_take(openings, &look, &opening);
}

static struct talk talk;

static bool claim_link(const struct quic_link *link, uint64_t key)
{
    quic_link_hello(&talk, link, "api.example");
    return claim_last(key, FROM_CLIENT);
}

static void only_what_opens_is_a_claim(void **state)
{
    struct quic_link link = quic_link(4);

    (void)state;
    talk = talk_of(1, 50000);
    quic_link_long(&talk, &link, FROM_CLIENT, 0, 1162); /* to the id that the server chose */
    assert_false(claim_last(KEY, FROM_CLIENT));
    quic_link_long(&talk, &link, FROM_CLIENT, 2, 1162);
    assert_false(claim_last(KEY, FROM_CLIENT));
    quic_link_long(&talk, &link, FROM_SERVER, 0, 1162);
    assert_false(claim_last(KEY, FROM_SERVER));
    quic_link_short(&talk, &link, FROM_CLIENT, 1200);
    assert_false(claim_last(KEY, FROM_CLIENT));
    assert_false(quicopenings_has(openings, KEY));
    assert_true(claim_link(&link, KEY));
    assert_true(quicopenings_is_first(openings, &said));
    assert_true(quicopenings_has(openings, KEY));
    assert_false(quicopenings_has(openings, KEY + 1));
    assert_false(quicopenings_has(openings, KEY + 32));
}

/* Its server answers, and it goes on to the id that this one chose, with a long header or a short
 * one: nothing less, and nothing of others. */
static void a_claim_is_confirmed_by_going_on(void **state)
{
    (void)state;
    for (size_t length = 0; length <= 4; length += 4)
        for (unsigned is_short = 0; is_short < 2; is_short++) {
            struct quic_link link = quic_link(length);
            struct quic_link other = quic_link(length);

            talk = talk_of(1, 50000);
            assert_true(claim_link(&link, KEY));
            quic_link_long(&talk, &link, FROM_CLIENT, 2, 60); /* nobody answered */
            assert_int_equal(take_last(KEY, FROM_CLIENT), QUICOPENINGS_OTHER);
            quic_link_long(&talk, &other, FROM_SERVER, 0, 1162);
            assert_int_equal(take_last(KEY, FROM_SERVER), QUICOPENINGS_OTHER);
            quic_link_long(&talk, &link, FROM_SERVER, 2, 1162); /* whose keys nobody knows */
            assert_int_equal(take_last(KEY, FROM_SERVER), QUICOPENINGS_OTHER);
            quic_link_long(&talk, &link, FROM_SERVER, 0, 1162);
            assert_int_equal(take_last(KEY + 32, FROM_SERVER), QUICOPENINGS_OTHER);
            assert_int_equal(take_last(KEY, FROM_CLIENT), QUICOPENINGS_OTHER);
            assert_int_equal(take_last(KEY, FROM_SERVER), QUICOPENINGS_HELD);
            quic_link_long(&talk, &link, FROM_SERVER, 2, 900);
            assert_int_equal(take_last(KEY, FROM_SERVER), QUICOPENINGS_HELD);
            quic_link_long(&talk, &other, FROM_CLIENT, 2, 60);
            assert_int_equal(take_last(KEY, FROM_CLIENT), QUICOPENINGS_OTHER);
            quic_link_short(&talk, &other, FROM_CLIENT, 60);
            assert_int_equal(take_last(KEY, FROM_CLIENT), QUICOPENINGS_OTHER);
            if (is_short)
                quic_link_short(&talk, &link, FROM_CLIENT, 60);
            else
                quic_link_long(&talk, &link, FROM_CLIENT, 2, 60);
            assert_int_equal(take_last(KEY, FROM_SERVER), QUICOPENINGS_OTHER);
            assert_int_equal(take_last(KEY, FROM_CLIENT), QUICOPENINGS_CONFIRMED);
            assert_non_null(opening);
            quicopenings_forget(opening);
            assert_false(quicopenings_has(openings, KEY));
        }
}

/* Where the clients of both connections are known to have chosen other ids, these tell, so that any
 * answer does. */
static void ids_that_differ_tell_whose_an_answer_is(void **state)
{
    struct quic_link link = quic_link(4);
    struct quicopenings_look look;

    (void)state;
    talk = talk_of(1, 50000);
    assert_true(claim_link(&link, KEY));
    quic_link_long(&talk, &link, FROM_SERVER, 2, 900);
    look = look_at_last(KEY, FROM_SERVER);
    look.source = quic_hash(link.ids[FROM_CLIENT], 4);
    assert_int_equal(quicopenings_take(openings, &look, &opening), QUICOPENINGS_OTHER);
    look.source ^= 4;
    assert_int_equal(quicopenings_take(openings, &look, &opening), QUICOPENINGS_HELD);
}

/* Of a client whose server is not captured, going on is all that there is: with its own id, or when
 * the connection that there is cannot do so any more. */
static void a_client_alone_goes_on(void **state)
{
    struct quic_link link = quic_link(4);
    struct quic_link other = quic_link(4);
    struct quicopenings_look look;

    (void)state;
    talk = talk_of(1, 50000);
    assert_true(claim_link(&link, KEY));
    quic_link_hello(&talk, &other, "api.example"); /* a first one, of yet another */
    memcpy(other.ids, link.ids, sizeof(link.ids));
    quic_link_hello(&talk, &other, "api.example");
    look = look_at_last(KEY, FROM_CLIENT);
    look.is_alone = look.is_past = true;
    assert_int_equal(quicopenings_take(openings, &look, &opening), QUICOPENINGS_OTHER);
    quic_link_long(&talk, &link, FROM_CLIENT, 2, 60);
    look = look_at_last(KEY, FROM_CLIENT);
    look.source = quic_hash(link.ids[FROM_CLIENT], 4);
    look.is_alone = true;
    assert_int_equal(quicopenings_take(openings, &look, &opening), QUICOPENINGS_OTHER);
    look.is_past = true;
    look.is_alone = false;
    assert_int_equal(quicopenings_take(openings, &look, &opening), QUICOPENINGS_OTHER);
    look.is_alone = true;
    assert_int_equal(quicopenings_take(openings, &look, &opening), QUICOPENINGS_CONFIRMED);
    look.is_past = false;
    look.source ^= 4;
    assert_int_equal(quicopenings_take(openings, &look, &opening), QUICOPENINGS_CONFIRMED);
}

/* Datagrams are there as they came, of servers their headers; of what there was no room for, how
 * many bytes. */
static void what_was_said_is_kept(void **state)
{
    static struct bytes message;
    static struct bytes shown[20];
    struct quic_link link = quic_link(0);
    uint64_t more[2] = {0, 0};
    size_t left = 3 * 1472 + 9 * 52;
    struct packet packet;
    bool by_server;

    (void)state;
    talk = talk_of(1, 50000);
    quic_message(&message, "api.example", false, 4000);
    for (unsigned i = 0; i < 20; i++) {
        bool is_answer = i >= 2 && i % 3 > 0;

        if (is_answer)
            quic_link_long(&talk, &link, FROM_SERVER, i < 5 ? 0 : 2, 1162);
        else
            quic_link_initial(&talk, &link, &message, 200 * i, 200 * i + 200);
        assert_true(i == 0 ? claim_last(KEY, FROM_CLIENT)
                           : take_last(KEY, is_answer ? FROM_SERVER : FROM_CLIENT) ==
                                 QUICOPENINGS_HELD);
        shown[i] = datagram;
        more[is_answer] += i >= 12 ? datagram.length : 0;
        link.opened.number++;
    }
    quic_link_long(&talk, &link, FROM_CLIENT, 2, 60);
    assert_int_equal(take_last(KEY, FROM_CLIENT), QUICOPENINGS_CONFIRMED);
    for (unsigned i = 0; i < 12; i++) {
        bool is_answer = i >= 2 && i % 3 > 0;
        size_t most = is_answer ? 52 : shown[i].length;
        size_t there = most < left ? most : left;

        assert_true(quicopenings_datagram(opening, i, &said, &packet, &by_server));
        assert_int_equal(by_server, is_answer);
        assert_int_equal(packet.payload_length, shown[i].length);
        assert_int_equal(packet.captured_length, there);
        assert_memory_equal(packet.payload, shown[i].at, there);
        assert_int_equal(packet.source_port, is_answer ? 443 : 50000);
        assert_int_equal(packet.destination_port, is_answer ? 50000 : 443);
        assert_int_equal(packet.source.bytes[0], is_answer ? 203 : 10);
        left -= there;
    }
    assert_false(quicopenings_datagram(opening, 12, &said, &packet, &by_server));
    assert_int_equal(quicopenings_more_bytes(opening, false), more[0]);
    assert_int_equal(quicopenings_more_bytes(opening, true), more[1]);
    quicopenings_datagram(opening, 0, &said, &packet, &by_server);
    quicopenings_forget(opening);
    for (size_t i = 0; i < shown[0].length; i++)
        assert_int_equal(packet.payload[i], 0);
}

/* After ten seconds without a word of its client, and before that when eight others came. */
static void a_claim_is_forgotten(void **state)
{
    struct quic_link link = quic_link(4);
    struct quicopenings_look look;

    (void)state;
    talk = talk_of(1, 50000);
    for (uint32_t after_s = 10; after_s <= 11; after_s++) {
        assert_true(claim_link(&link, KEY));
        quic_link_hello(&talk, &link, "api.example");
        look = look_at_last(KEY, FROM_CLIENT);
        look.now_s += 8;
        assert_int_equal(quicopenings_take(openings, &look, &opening), QUICOPENINGS_HELD);
        look.now_s += after_s;
        assert_int_equal(quicopenings_take(openings, &look, &opening),
                         after_s == 10 ? QUICOPENINGS_HELD : QUICOPENINGS_OTHER);
        assert_int_equal(quicopenings_has(openings, KEY), after_s == 10);
        quicopenings_free(openings);
        openings = quicopenings_new();
        assert_true(claim_link(&link, KEY)); /* nor need another datagram come for that */
        quicopenings_expire(openings, NOW_S + after_s);
        assert_int_equal(quicopenings_has(openings, KEY), after_s == 10);
        quicopenings_free(openings);
        openings = quicopenings_new();
    }
    assert_true(claim_link(&link, KEY));
    for (unsigned i = 1; i <= 8; i++) {
        struct quic_link other = quic_link(4);

        assert_true(quicopenings_has(openings, KEY));
        assert_true(claim_link(&other, KEY + 1)); /* in another set */
        assert_true(claim_link(&other, KEY + 32ULL * i));
    }
    assert_false(quicopenings_has(openings, KEY));
}

/* -- Ports that are used again ------------------------------------------------------------------
 */

/* How far the connection before got. */
enum before { OPENED, ANSWERED, NAMED, IGNORED, MIDWAY, SILENT, BEFORE_COUNT };

/* How the next one begins. */
enum kind { PLAIN, IN_TWO, IN_TWO_SWAPPED, REPEATED, EARLY, SHORT_ONLY, STRAGGLED, KINDS };

/* What of it is not captured: its server; its server's Initial; the client's long headers behind
 * the first. */
enum lost { NOTHING, SERVER, ANSWER, GOING_ON, LOSSES };

static void give_up_to(uint8_t owner, enum lost lost, bool by_server)
{
    give_to(lost == SERVER && by_server ? 0 : owner);
}

static void say_initials(const struct quic_link *link, enum kind kind)
{
    static struct bytes message;
    struct quic_link again = *link;
    bool swapped = kind == IN_TWO_SWAPPED;

    quic_message(&message, "api.example", false, 1500);
    if (kind != IN_TWO && !swapped) {
        quic_message(&message, "api.example", false, 0);
        quic_link_initial(&talk, link, &message, 0, message.length);
    } else {
        quic_link_initial(&talk, link, &message, swapped ? 900 : 0, swapped ? message.length : 900);
        again.opened.number++;
        quic_link_initial(&talk, &again, &message, swapped ? 0 : 900,
                          swapped ? 900 : message.length);
    }
    if (kind == REPEATED) {
        film.clock_ns += SECOND;
        again.opened.number++;
        quic_link_initial(&talk, &again, &message, 0, message.length);
    }
    if (kind == EARLY) { /* 0-RTT, to the first id */
        memcpy(again.ids[FROM_SERVER], link->opened.id, 8);
        quic_link_long(&talk, &again, FROM_CLIENT, 1, 400);
    }
}

static void say_handshake(const struct quic_link *link, enum kind kind, enum lost lost)
{
    film.clock_ns += 10 * MILLI;
    give_to(NEW);
    quic_link_long(&talk, link, FROM_SERVER, 0, 1162);
    give_to(lost == ANSWER || lost == SERVER ? 0 : NEW);
    quic_link_long(&talk, link, FROM_SERVER, 2, 900);
    give_up_to(NEW, lost, true);
    film.clock_ns += 10 * MILLI;
    if (kind != SHORT_ONLY) {
        quic_link_long(&talk, link, FROM_CLIENT, 0, 1162);
        quic_link_long(&talk, link, FROM_CLIENT, 2, 60);
    }
    give_to(lost == GOING_ON ? 0 : NEW);
}

static void say_exchange(const struct quic_link *link, uint8_t owner, enum lost lost)
{
    quic_link_short(&talk, link, FROM_CLIENT, 400);
    give_to(owner);
    film.clock_ns += SECOND;
    for (unsigned i = 0; i < 3; i++) {
        quic_link_short(&talk, link, FROM_SERVER, 1000);
        give_up_to(owner, lost, true);
        film.clock_ns += 100 * MILLI;
    }
    for (unsigned i = 0; i < 4; i++)
        quic_link_short(&talk, link, FROM_CLIENT, 40); /* acknowledgements */
    give_to(owner);
    film.clock_ns += 10 * SECOND;
}

static void say_before(const struct quic_link *link, enum before before, enum lost lost)
{
    if (before != MIDWAY)
        quic_link_hello(&talk, link, before == IGNORED ? "www.other.example" : "api.example");
    else
        tell(talk.client, "api.example", talk.server);
    give_to(OLD);
    if (before == OPENED)
        return;
    if (before != MIDWAY) {
        quic_link_long(&talk, link, FROM_SERVER, 0, 1162);
        quic_link_long(&talk, link, FROM_SERVER, 2, 900);
        give_up_to(OLD, lost, true);
    }
    if (before == ANSWERED)
        return;
    if (before != MIDWAY)
        quic_link_long(&talk, link, FROM_CLIENT, 2, 60);
    say_exchange(link, OLD, lost);
    if (before == SILENT)
        film.clock_ns += 100 * SECOND;
}

static void film_reuse(size_t id_length, enum before before, enum kind kind, enum lost lost)
{
    struct quic_link old = quic_link(id_length);
    struct quic_link new = quic_link(id_length);

    film_clear(&film);
    owned = 0;
    talk = talk_of(1, 50000);
    say_before(&old, before, lost);
    say_initials(&new, kind);
    give_to(NEW);
    if (kind == STRAGGLED) { /* on its way when the client began anew */
        quic_link_short(&talk, &old, FROM_SERVER, 700);
        give_up_to(OLD, lost, true);
    }
    say_handshake(&new, kind, lost);
    say_exchange(&new, NEW, lost);
    give_to(NEW);
}

/* What no capture tells: that a client alone goes on, unless its ids show that, or it was seen past
 * its handshake before; or which of two connections with the same ids a server answers, when the
 * first of its answers is lost. */
static bool can_be_told(size_t id_length, enum before before, enum kind kind, enum lost lost)
{
    bool differs = id_length > 0 && before != MIDWAY;

    if (lost == SERVER)
        return kind != SHORT_ONLY && (differs || before >= NAMED);
    if (lost == ANSWER)
        return differs;
    return true;
}

static void assert_both(void)
{
    const struct played whole = play(OLD | NEW, ONE);
    const struct played old = play(OLD, ONE);
    const struct played new = play(NEW, ONE);

    assert_int_equal(old.coverage.flows, 1);
    assert_int_equal(new.coverage.flows, 1);
    assert_int_equal(new.coverage.names_seen, 1);
    assert_adds_up(&whole, &old, &new);
}

static void both_connections_count(void **state)
{
    size_t number = 0;

    (void)state;
    for (size_t id_length = 0; id_length <= 8; id_length += 8)
        for (unsigned before = 0; before < BEFORE_COUNT; before++)
            for (unsigned kind = 0; kind < KINDS; kind++)
                for (unsigned lost = 0; lost < LOSSES; lost++) {
                    if (!can_be_told(id_length, before, kind, lost) || thinned(number++))
                        continue;
                    film_reuse(id_length, before, kind, lost);
                    assert_both();
                }
}

/* Retry was not captured: the client says the same hello with another id (RFC 9000, 17.2.5.2). It
 * is no copy of the first one's. */
static void who_begins_anew_unseen_is_followed(void **state)
{
    static struct bytes message;
    struct quic_link first = quic_link(4);
    struct quic_link again = quic_link(4);

    (void)state;
    talk = talk_of(1, 50000);
    memcpy(again.ids, first.ids, sizeof(first.ids));
    quic_message(&message, "api.example", false, 0);
    quic_link_initial(&talk, &first, &message, 0, message.length);
    quic_link_initial(&talk, &again, &message, 0, message.length);
    quic_link_handshake(&talk, &again);
    quic_link_exchange(&talk, &again, 400, 3);
    scene_play();
    assert_true(only_sum(ONE, API).requests.central == 1);
    assert_int_equal(only_sum(ONE, API).bytes_up, talk.said[FROM_CLIENT]);
    assert_int_equal(only_sum(ONE, API).bytes_down, talk.said[FROM_SERVER]);
}

/* Nor was anything of the server: the client keeps the id that it chose, and what it sent is all
 * its connection's. */
static void begin_anew_alone(bool is_late)
{
    struct quic_link first = quic_link(8);
    struct quic_link again = quic_link(8);

    talk = talk_of(1, 50000);
    memcpy(again.ids, first.ids, sizeof(first.ids));
    quic_link_hello(&talk, &first, "api.example");
    quic_link_hello(&talk, &again, "api.example");
    quic_link_long(&talk, &again, FROM_CLIENT, 2, 60);
    quic_link_short(&talk, &again, FROM_CLIENT, 900);
    if (is_late)
        quic_link_long(&talk, &again, FROM_CLIENT, 2, 61);
    quic_link_short(&talk, &again, FROM_CLIENT, 1200);
    scene_play();
    assert_int_equal(only_sum(ONE, API).flows, 1);
    assert_int_equal(only_sum(ONE, API).bytes_up, talk.said[FROM_CLIENT]);
}

static void a_client_alone_begins_anew_unseen(void **state)
{
    (void)state;
    begin_anew_alone(false);
}

static void a_late_word_of_the_handshake_changes_nothing(void **state)
{
    (void)state;
    begin_anew_alone(true);
}

/* -- Forged openings ----------------------------------------------------------------------------
 */

/* What somebody sends who knows the ports alone. */
enum forged {
    WHOLE,
    HALF,
    SECOND_HALF,
    OTHER_VERSION,
    FROM_THE_SERVER,
    UNTOUCHED, /* what follows is no opening, or more: it adds to bytes, as any datagram does */
    DAMAGED = UNTOUCHED,
    TURNED_AWAY, /* Retry, and what would follow it: who chose an id is known by that */
    TOO_SHORT,
    BEHIND_ANOTHER,
    FORGERIES
};

static void put_forged_initial(struct bytes *bytes, const struct quic_link *link, size_t from,
                               size_t to, size_t size)
{
    static struct bytes message;
    static struct bytes plain;
    struct packet_parts parts = link->opened;

    parts.source = link->ids[FROM_CLIENT];
    parts.source_length = link->lengths[FROM_CLIENT];
    quic_message(&message, "www.other.example", false, 700);
    plain.length = 0;
    put_crypto(&plain, from, message.at + from, (to ? to : message.length) - from);
    if (plain.length < size)
        put_fill(&plain, 0, size - plain.length);
    put_packet(bytes, &parts, &plain);
}

static void forge(enum forged forged, size_t id_length, bool is_answered)
{
    static struct bytes bytes;
    struct quic_link link = quic_link(id_length);
    struct packet_parts other = quic_parts();

    if (forged == OTHER_VERSION) {
        link.opened.version = 0x6b3343cf;
        link.opened.salt = PACKET_SALT_V2;
        link.opened.v2 = true;
    }
    bytes.length = 0;
    if (forged == BEHIND_ANOTHER)
        put_bytes(&bytes, "\xe0\0\0\0\1\10abcdefgh\0\2xy", 18);
    put_forged_initial(&bytes, &link, forged == SECOND_HALF ? 500 : 0, forged == HALF ? 500 : 0,
                       forged == TOO_SHORT ? 0 : 1170);
    assert_int_equal(bytes.length < 1200, forged == TOO_SHORT);
    bytes.at[900] ^= forged == DAMAGED;
    talk_datagram(&talk, forged == FROM_THE_SERVER, &bytes);
    if (forged == TURNED_AWAY) {
        link.opened.source = link.ids[FROM_CLIENT];
        link.opened.source_length = id_length;
        quic_turn_away(&talk, &link.opened, other.id, other.id_length);
        link.opened = other;
        bytes.length = 0;
        put_forged_initial(&bytes, &link, 0, 0, 1170);
        talk_datagram(&talk, FROM_CLIENT, &bytes);
    }
    if (is_answered && forged < UNTOUCHED && forged != FROM_THE_SERVER)
        quic_link_long(&talk, &link, FROM_SERVER, 0, 1162);
}

/* The film, with what stands from FORGED on before shot AT. */
static struct played play_forged(size_t forged, size_t at)
{
    struct metering *metering = scene_metering(&scene_limits);

    for (size_t i = forged; i < film.count; i++)
        film.shots[i].time_ns = film.shots[at].time_ns;
    for (size_t i = 0; i < at; i++)
        if (owners[i] & NEW)
            scene_show(metering, i, i + 1, 1);
    scene_show(metering, forged, film.count, 1);
    for (size_t i = at; i < forged; i++)
        if (owners[i] & NEW)
            scene_show(metering, i, i + 1, 1);
    scene_close(metering);
    return (struct played){sum_of(ONE, API), sink_coverage(&sunk)};
}

static bool is_near(double a, double b)
{
    return a - b < 1e-6 && b - a < 1e-6;
}

static bool is_unchanged(const struct activity *whole, const struct activity *alone,
                         enum forged forged)
{
    return whole->flows == 1 &&
           (forged >= UNTOUCHED ||
            (whole->bytes_up == alone->bytes_up && whole->bytes_down == alone->bytes_down &&
             is_near(whole->requests.central, alone->requests.central) &&
             is_near(whole->tokens_in.central, alone->tokens_in.central) &&
             is_near(whole->tokens_out.central, alone->tokens_out.central)));
}

/* Where the client alone is captured, the first of both has the name when it has an id like that of
 * the other, or a server's address. */
static bool is_not_told(enum forged forged, size_t id_length, enum lost lost)
{
    return lost == SERVER && (id_length == 0 || forged == FROM_THE_SERVER || forged == TURNED_AWAY);
}

/* Wherever a forged datagram comes, first, amid the hello, before the answer or ever after, it
 * neither gives the connection a name, nor takes the one that it has. A server answers what opens.
 */
static void what_is_forged_names_nothing(void **state)
{
    static const enum kind kinds[] = {PLAIN, IN_TWO, IN_TWO_SWAPPED};
    static const enum lost losses[] = {NOTHING, SERVER};
    size_t number = 0;

    (void)state;
    for (size_t id_length = 0; id_length <= 8; id_length += 8)
        for (unsigned kind = 0; kind < 3; kind++)
            for (unsigned lost = 0; lost < 2; lost++)
                for (unsigned forged = 0; forged < FORGERIES; forged++) {
                    struct quic_link link = quic_link(id_length);
                    struct played alone;
                    size_t count;

                    if (forged == TURNED_AWAY && id_length == 0)
                        continue;
                    film_clear(&film);
                    owned = 0;
                    talk = talk_of(1, 50000);
                    say_initials(&link, kinds[kind]);
                    give_to(NEW);
                    say_handshake(&link, kinds[kind], losses[lost]);
                    say_exchange(&link, NEW, losses[lost]);
                    say_exchange(&link, NEW, losses[lost]);
                    alone = play(NEW, ONE);
                    assert_int_equal(alone.sum.flows, 1);
                    count = film.count;
                    forge(forged, id_length, losses[lost] != SERVER);
                    for (size_t at = is_not_told(forged, id_length, losses[lost]); at < count;
                         at++) {
                        struct played whole;

                        if (thinned(number++))
                            continue;
                        whole = play_forged(count, at);
                        if (!is_unchanged(&whole.sum, &alone.sum, forged))
                            fail_msg("id of %zu bytes, kind %u, lost %u, forgery %u before %zu",
                                     id_length, kinds[kind], losses[lost], forged, at);
                    }
                }
}

#define CLAIM_TEST(function) cmocka_unit_test_setup_teardown(function, openings_begin, openings_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM_TEST(only_what_opens_is_a_claim),
        CLAIM_TEST(a_claim_is_confirmed_by_going_on),
        CLAIM_TEST(ids_that_differ_tell_whose_an_answer_is),
        CLAIM_TEST(a_client_alone_goes_on),
        CLAIM_TEST(what_was_said_is_kept),
        CLAIM_TEST(a_claim_is_forgotten),
        TEST(both_connections_count),
        TEST(who_begins_anew_unseen_is_followed),
        TEST(a_client_alone_begins_anew_unseen),
        TEST(a_late_word_of_the_handshake_changes_nothing),
        TEST(what_is_forged_names_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
