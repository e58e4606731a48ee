/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/capture/scene.h"

#define MIDNIGHT (NOON + 43200) /* UTC */
#define TODAY    ((int32_t)(NOON / 86400))

static struct talk greet(unsigned device, uint16_t port, const char *name)
{
    struct talk talk = talk_of(device, port);

    talk_open(&film, &talk);
    talk_hello(&film, &talk, name, 0);
    return talk;
}

/* Each case but the first, for which it was set up, has a scene of its own. */
static void begin_case(void **state, size_t number)
{
    if (number == 0)
        return;
    scene_end(state);
    scene_begin(state);
}

static void use(struct talk *talk)
{
    talk_exchange(&film, talk, 400, 3, 1000, SECOND);
    film.clock_ns += 10 * SECOND;
}

static uint64_t said(const struct talk *talk)
{
    return (uint64_t)talk->said[FROM_CLIENT] + talk->said[FROM_SERVER];
}

static void assert_bytes(const struct activity *sum, uint64_t up, uint64_t down, uint64_t other)
{
    assert_int_equal(sum->bytes_up, up);
    assert_int_equal(sum->bytes_down, down);
    assert_int_equal(sum->bytes_other, other);
}

/* -- Shared names -------------------------------------------------------------------------------
 */

/* Pages and telemetry under a shared name are no use: no flow, no device. */
static void a_shared_name_alone_is_no_use(void **state)
{
    struct talk talk = greet(1, 50000, "a.shared.example");
    struct activity sum;

    (void)state;
    for (int i = 0; i < 5; i++)
        talk_record(&film, &talk, FROM_SERVER, 9000);
    talk_close(&film, &talk);
    scene_play();
    sum = only_sum(ONE, SHARED);
    assert_bytes(&sum, 0, 0, said(&talk));
    assert_int_equal(sum.flows, 0);
    assert_triple(sum.requests, 0, 0, 0);
    assert_int_equal(sink_count(&sunk, SINK_DEVICES), 0);
    assert_int_equal(sink_coverage(&sunk).flows_untracked, 0);
}

/* The first exchange shows that it is. What came before stays what it was counted as, and what
 * comes after is use, until the connection ends. */
static void an_exchange_shows_that_a_shared_name_is_used(void **state)
{
    struct talk talk = greet(1, 50000, "a.shared.example");
    uint64_t before[2];
    struct activity sum;

    (void)state;
    use(&talk);
    before[0] = talk.said[0];
    before[1] = talk.said[1];
    use(&talk);
    talk_record(&film, &talk, FROM_SERVER, 50);
    scene_play();
    sum = only_sum(ONE, SHARED);
    assert_bytes(&sum, talk.said[0] - before[0], talk.said[1] - before[1], before[0] + before[1]);
    assert_int_equal(sum.flows, 1);
    assert_triple(sum.requests, 2, 2, 2);
    assert_int_equal(devices_of(ONE, SHARED), 1);
}

/* Each connection has to show it by itself; a device counts once. */
static void every_connection_shows_it_by_itself(void **state)
{
    struct activity sum;

    (void)state;
    for (uint16_t i = 0; i < 6; i++) {
        struct talk talk = greet(i / 2, 50000 + i, "a.shared.example");

        if (i != 2 && i != 3)
            use(&talk);
        talk_close(&film, &talk);
    }
    scene_play();
    sum = only_sum(ONE, SHARED);
    assert_int_equal(sum.flows, 4);
    assert_triple(sum.requests, 4, 4, 4);
    assert_int_equal(devices_of(ONE, SHARED), 2);
}

/* The exchange ends after midnight: its device counts on the day on which it last said something,
 * unless that day's devices were forgotten because another one came. */
static void a_shared_name_may_be_used_over_midnight(void **state)
{
    enum { NOBODY_SPEAKS, CLIENT_SPEAKS, ANOTHER_SPEAKS };

    (void)state;
    for (int who = NOBODY_SPEAKS; who <= ANOTHER_SPEAKS; who++) {
        struct talk talk;

        film_clear(&film);
        film.clock_ns = (MIDNIGHT - 2) * SECOND;
        talk = greet(1, 50000, "a.shared.example");
        talk_exchange(&film, &talk, 400, 4, 1000, SECOND);
        if (who == CLIENT_SPEAKS)
            talk_record(&film, &talk, FROM_CLIENT, 10);
        if (who == ANOTHER_SPEAKS)
            greet(2, 50001, "api.example");
        film.clock_ns += 10 * SECOND;
        talk_record(&film, &talk, FROM_SERVER, 10);
        scene_play();
        assert_int_equal(sum_of(ONE, SHARED).flows, 1);
        assert_int_equal(devices_on(TODAY, ONE, SHARED), who == NOBODY_SPEAKS);
        assert_int_equal(devices_on(TODAY + 1, ONE, SHARED), who == CLIENT_SPEAKS);
        assert_int_equal(devices_on(TODAY + 1, ONE, API), who == ANOTHER_SPEAKS);
    }
}

/* A connection that goes on counts its device each day. */
static void devices_count_each_day(void **state)
{
    struct talk api;
    struct talk shared;

    (void)state;
    film.clock_ns = (MIDNIGHT - 60) * SECOND;
    api = greet(1, 50000, "api.example");
    shared = greet(2, 50001, "a.shared.example");
    for (int i = 0; i < 10; i++) {
        use(&api);
        use(&shared);
    }
    scene_play();
    for (int32_t day = TODAY; day <= TODAY + 1; day++) {
        assert_int_equal(devices_on(day, ONE, API), 1);
        assert_int_equal(devices_on(day, ONE, SHARED), 1);
    }
}

/* What a hint tells may be shared as well: both make one sceptical. */
static void a_hint_may_lead_to_a_shared_name(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct activity sum;

    (void)state;
    tell(talk.client, "a.shared.example", talk.server);
    use(&talk);
    use(&talk);
    scene_play();
    sum = only_sum(ONE, SHARED);
    assert_int_equal(sum.flows, 1);
    assert_triple(sum.requests, 2, 2, 2);
    assert_int_equal(sum.grade, GRADE_C);
    assert_int_equal(bytes_of(&sum), said(&talk));
    assert_true(sum.bytes_other > 0 && sum.bytes_up > 0);
}

/* Of a client that nobody knows no device is made, not even in a capture from 1970. */
static void an_unknown_client_is_no_device(void **state)
{
    struct talk talk;

    (void)state;
    film.clock_ns = SECOND;
    greet(2, 50001, "api.example");
    talk = talk_of(1, 50000);
    talk_open(&film, &talk);
    talk_text(&film, &talk, FROM_CLIENT, "PROXY TCP4 10.2.0.1 203.0.113.9 51000 443\r\n");
    talk_text(&film, &talk, FROM_CLIENT, "RSET\r\n"); /* some protocol that may begin TLS later */
    talk_hello(&film, &talk, "a.shared.example", 0);
    use(&talk);
    scene_play();
    assert_int_equal(sum_of(TWO, SHARED).flows, 1);
    assert_int_equal(devices_on(0, TWO, SHARED), 0);
    assert_int_equal(devices_on(0, ONE, API), 1);
}

/* -- Roles and grades ---------------------------------------------------------------------------
 */

static void telemetry_is_counted_apart(void **state)
{
    struct talk talk = greet(1, 50000, TELEMETRY_HOST);
    struct activity sum;

    (void)state;
    use(&talk);
    scene_play();
    sum = only_sum(ONE, WEB);
    assert_bytes(&sum, 0, 0, said(&talk));
    assert_int_equal(sum.flows, 0);
    assert_int_equal(sum.grade, GRADE_NONE);
    assert_int_equal(sink_count(&sunk, SINK_DEVICES), 0);
}

/* The grade of a sum is that of its worst part. */
static void one_hinted_exchange_lowers_the_grade_of_the_sum(void **state)
{
    struct talk named = greet(1, 50000, "api.example");
    struct talk hinted = talk_of(2, 50001);

    (void)state;
    use(&named);
    scene_play();
    assert_int_equal(only_sum(ONE, API).grade, GRADE_B);
    hinted.server = address4(203, 0, 113, 8);
    tell(hinted.client, "api.example", hinted.server);
    use(&hinted);
    scene_play();
    assert_int_equal(only_sum(ONE, API).grade, GRADE_C);
    assert_triple(only_sum(ONE, API).requests, 2, 2, 2);
}

/* -- States -------------------------------------------------------------------------------------
 */

/* More connections than there are states: all bytes count, exchanges where there is one, and what
 * was not looked at is said. */
static void bytes_count_where_no_state_is_free(void **state)
{
    const struct limits few = {4096, 3, 64, 4096, 1024};
    struct talk talks[5];
    struct activity sum;
    uint64_t all = 0;

    (void)state;
    for (uint16_t i = 0; i < 5; i++)
        talks[i] = greet(i, 50000 + i, "api.example");
    for (int i = 0; i < 5; i++)
        use(&talks[i]);
    talk_close(&film, &talks[0]); /* leaves its state to the next that says something */
    use(&talks[4]);
    use(&talks[3]);
    for (int i = 0; i < 5; i++)
        all += said(&talks[i]);
    scene_play_within(&few);
    sum = only_sum(ONE, API);
    assert_int_equal(bytes_of(&sum), all);
    assert_int_equal(sum.flows, 5);
    assert_triple(sum.requests, 4, 4, 4);
    assert_int_equal(sink_coverage(&sunk).flows_untracked, 2);
    assert_int_equal(devices_of(ONE, API), 5);
}

/* What was not looked at is made by the number of its bytes, where the estimator knows it. */
static void use_without_a_state_is_made_by_bytes(void **state)
{
    const struct limits few = {4096, 1, 64, 4096, 1024};
    struct service service = *catalogue_service(catalogue, API);
    struct talk first = greet(1, 50000, "api.example");
    struct talk second = greet(2, 50001, "api.example");
    uint64_t unseen = second.said[FROM_SERVER];
    double more;

    (void)state;
    service.estimator.bytes_per_request = (struct triple){1000, 1000, 1000};
    service.estimator.output_prior_tokens = (struct triple){30, 30, 30};
    assert_true(catalogue_set_service(catalogue, API, &service));
    use(&first);
    use(&second);
    more = (double)(second.said[FROM_SERVER] - unseen) / 1000;
    scene_play_within(&few);
    assert_triple(only_sum(ONE, API).requests, 1 + more, 1 + more, 1 + more);
    assert_int_equal(only_sum(ONE, API).grade, GRADE_E);
}

/* The same of a shared name: its device is known once it has a state. */
static void a_shared_name_without_a_state_gets_one_later(void **state)
{
    const struct limits few = {4096, 1, 64, 4096, 1024};
    struct talk first = greet(1, 50000, "api.example");
    struct talk second = greet(2, 50001, "a.shared.example");

    (void)state;
    use(&second);
    talk_close(&film, &first);
    use(&second);
    scene_play_within(&few);
    assert_int_equal(sum_of(ONE, SHARED).flows, 1);
    assert_triple(sum_of(ONE, SHARED).requests, 1, 1, 1);
    assert_int_equal(devices_of(ONE, SHARED), 1);
}

/* After a long silence the state is gone; the connection goes on where it was. */
static void a_proven_name_stays_proven_over_a_silence(void **state)
{
    struct talk talk = greet(1, 50000, "a.shared.example");
    uint64_t before;
    struct activity sum;

    (void)state;
    use(&talk);
    before = said(&talk);
    for (int i = 0; i < 4; i++) {
        struct talk other = greet(3, 50010 + (uint16_t)i, "www.example");

        film.clock_ns += 250 * SECOND; /* not so long that the capture seems to have stopped */
        talk_close(&film, &other);
    }
    use(&talk);
    scene_play();
    sum = only_sum(ONE, SHARED);
    assert_int_equal(sum.flows, 1);
    assert_int_equal(sum.bytes_other, before);
    assert_int_equal(bytes_of(&sum), said(&talk));
    assert_triple(sum.requests, 2, 2, 2);
    assert_int_equal(devices_of(ONE, SHARED), 1);
}

/* -- What the capture lacks ---------------------------------------------------------------------
 */

static struct shot take_last_shot(void)
{
    return film.shots[--film.count];
}

static void lose_last_shot(void)
{
    free(take_last_shot().bytes);
}

/* A request in one packet, which was not captured: the answer acknowledges it. Where the mirror
 * brings it after the answer's first packet, it is not counted twice. */
static void a_request_that_is_not_captured_is_one(void **state)
{
    enum { LOST, LATE };

    (void)state;
    for (int what = LOST; what <= LATE; what++) {
        struct talk talk;
        struct shot request;
        struct activity sum;

        begin_case(state, (size_t)what);
        talk = greet(1, 50000, "api.example");
        use(&talk);
        talk_record(&film, &talk, FROM_CLIENT, 400);
        request = take_last_shot();
        talk_record(&film, &talk, FROM_SERVER, 1000);
        if (what == LATE)
            film.shots[film.count++] = request;
        else
            free(request.bytes);
        film.clock_ns += SECOND;
        talk_record(&film, &talk, FROM_SERVER, 1000);
        film.clock_ns += 10 * SECOND;
        use(&talk);
        scene_play();
        sum = only_sum(ONE, API);
        assert_triple(sum.requests, 3, 3, 3);
        assert_triple(sum.tokens_in, 120, 120, 120);
        assert_triple(sum.tokens_out, 8000 / 200.0, 80, 160);
        assert_int_equal(sink_coverage(&sunk).bytes_lost, 405);
    }
}

/* The same of one in two packets, the first of which ends before what was acknowledged. */
static void a_request_that_comes_after_its_answer_is_one(void **state)
{
    struct talk talk = greet(1, 50000, "api.example");
    struct shot request[2];
    struct activity sum;

    (void)state;
    use(&talk);
    for (int i = 0; i < 2; i++) {
        talk_record(&film, &talk, FROM_CLIENT, 400);
        request[i] = take_last_shot();
    }
    talk_record(&film, &talk, FROM_SERVER, 1000);
    for (int i = 0; i < 2; i++)
        film.shots[film.count++] = request[i];
    film.clock_ns += SECOND;
    talk_record(&film, &talk, FROM_SERVER, 1000);
    scene_play();
    sum = only_sum(ONE, API);
    assert_near(sum.requests.central, 2);
    assert_near(sum.tokens_in.central, 40 + 805 / 10.0);
}

/* Nobody sends so much that was not seen; nor does a segment tell anything that was seen before, or
 * is far from where its end is. Where one is believed, it silences nobody. */
static void a_forged_acknowledgement_is_no_request(void **state)
{
    static const struct {
        uint32_t claim;
        uint32_t back;  /* of the server's place, */
        uint32_t ahead; /* which, where it is not far, hides what it says itself */
        double requests;
        double tokens_in;
    } cases[] = {
        {65U << 10, 0, 0, 6, 240},          {5000, 1005, 0, 6, 240},
        {5000, 0, 100000, 6, 240},          {5000, 0, 64U << 10, 2, 40 + 4995 / 10.0},
        {5000, 0, 0, 7, 240 + 4995 / 10.0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct talk talk;
        struct talk forged;
        struct activity sum;

        begin_case(state, i);
        talk = greet(1, 50000, "api.example");
        use(&talk);
        forged = talk;
        forged.sequence[FROM_CLIENT] += cases[i].claim;
        forged.sequence[FROM_SERVER] += cases[i].ahead - cases[i].back;
        talk_record(&film, &forged, FROM_SERVER, 1000);
        film.clock_ns += 10 * SECOND;
        for (int more = 0; more < 5; more++)
            use(&talk);
        scene_play();
        sum = only_sum(ONE, API);
        assert_near(sum.requests.central, cases[i].requests);
        assert_near(sum.tokens_in.central, cases[i].tokens_in);
    }
}

/* -- What is far from where its end was ---------------------------------------------------------
 */

static const uint32_t far_away[] = {(64U << 10) + 1, 100000,          1U << 20,
                                    60U << 20,       (64U << 20) + 7, 1U << 30,
                                    1U << 31,        3U << 30,        0U - (65U << 20)};
enum { FAR_AWAY = sizeof(far_away) / sizeof(*far_away) };

static struct bytes *a_record(size_t size)
{
    static struct bytes bytes;

    bytes.length = 0;
    put_record(&bytes, size);
    return &bytes;
}

/* At every moment, of either end, once or twice the same. */
static void a_forged_segment_hides_nothing(void **state)
{
    struct talk talk = greet(1, 50000, "api.example");
    const struct talk begun = talk;
    const size_t opened = film.count;

    (void)state;
    for (int i = 0; i < 2; i++)
        use(&talk);
    for (size_t i = 0; i < 2 * FAR_AWAY; i++)
        for (size_t at = opened; at <= film.count; at++)
            for (int end = FROM_CLIENT; end <= FROM_SERVER; end++) {
                const uint32_t sequence = begun.sequence[end] + talk.said[end] + far_away[i / 2];
                struct activity sum;

                for (size_t more = 0; more <= i % 2; more++)
                    film_forge(&film, &begun, end, sequence, a_record(1000), at);
                scene_play();
                sum = only_sum(ONE, API);
                assert_triple(sum.requests, 2, 2, 2);
                assert_triple(sum.tokens_in, 80, 80, 80);
                assert_triple(sum.tokens_out, 6000 / 200.0, 60, 120);
                assert_bytes(&sum, talk.said[FROM_CLIENT], talk.said[FROM_SERVER], 0);
                assert_int_equal(sink_coverage(&sunk).bytes_lost, 0);
                for (size_t more = 0; more <= i % 2; more++)
                    film_cut(&film, at);
            }
}

/* The capture stopped for a while: what an end says next goes on from its first segment. Of what it
 * did not show, up to 64 MiB count. */
static void what_goes_on_far_away_is_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * FAR_AWAY; i++) {
        const int end = i % 2 ? FROM_CLIENT : FROM_SERVER;
        const uint32_t missing = far_away[i / 2];
        const bool counts = missing <= 64U << 20;
        struct talk talk;
        struct activity sum;
        uint64_t bytes[2];

        begin_case(state, i);
        talk = greet(1, 50000, "api.example");
        use(&talk);
        talk.sequence[end] += missing;
        talk_record(&film, &talk, end, 1000);
        talk_record(&film, &talk, end, 1000);
        film.clock_ns += 20 * SECOND;
        for (int more = 0; more < 5; more++)
            use(&talk);
        scene_play();
        sum = only_sum(ONE, API);
        assert_triple(sum.requests, 6, 6, 6);
        bytes[FROM_CLIENT] = talk.said[FROM_CLIENT];
        bytes[FROM_SERVER] = talk.said[FROM_SERVER];
        if (counts)
            bytes[end] += missing;
        else
            bytes[end] -= 1005;
        assert_bytes(&sum, bytes[FROM_CLIENT], bytes[FROM_SERVER], 0);
        assert_int_equal(sink_coverage(&sunk).bytes_lost, counts ? missing + 1005 : 0);
    }
}

/* A request in one segment, after so much that the capture lacks: its answer acknowledges it. */
static void what_is_far_away_and_acknowledged_is_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct talk talk;
        struct activity sum;

        begin_case(state, i);
        talk = greet(1, 50000, "api.example");
        use(&talk);
        talk.sequence[FROM_CLIENT] += 100000;
        if (i == 1) { /* of what lies further away, nobody says that it came */
            talk_record(&film, &talk, FROM_CLIENT, 400);
            talk.sequence[FROM_CLIENT] -= 100405;
        }
        use(&talk);
        use(&talk);
        scene_play();
        sum = only_sum(ONE, API);
        assert_triple(sum.requests, 3, 3, 3);
        assert_near(sum.tokens_in.central, i == 1 ? 120 : 80 + 10040);
        assert_bytes(&sum, i == 1 ? talk.said[FROM_CLIENT] - 405 : talk.said[FROM_CLIENT] + 100000,
                     talk.said[FROM_SERVER], 0);
        assert_int_equal(sink_coverage(&sunk).bytes_lost, i == 1 ? 0 : 100405);
    }
}

/* Who forges a segment, and its acknowledgement by the other end, has to know where both ends are.
 */
static void a_forged_acknowledgement_makes_no_claim_true(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAR_AWAY; i++) {
        struct talk talk;
        struct talk forged;
        struct activity sum;

        begin_case(state, i);
        talk = greet(1, 50000, "api.example");
        use(&talk);
        forged = talk;
        forged.sequence[FROM_CLIENT] += 50U << 20;
        talk_record(&film, &forged, FROM_CLIENT, 1000);
        forged.sequence[FROM_SERVER] += far_away[i];
        talk_flags(&film, &forged, FROM_SERVER, TCP_ACK);
        use(&talk);
        scene_play();
        sum = only_sum(ONE, API);
        assert_triple(sum.requests, 2, 2, 2);
        assert_triple(sum.tokens_in, 80, 80, 80);
        assert_bytes(&sum, talk.said[FROM_CLIENT], talk.said[FROM_SERVER], 0);
    }
}

/* Two of them, one after the other: what the end says itself is believed again when it goes on. */
static void forged_segments_that_go_on_hide_little(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const int end = i % 2 ? FROM_CLIENT : FROM_SERVER;
        struct talk talk;
        struct talk forged;

        begin_case(state, i);
        talk = greet(1, 50000, "api.example");
        use(&talk);
        forged = talk;
        forged.sequence[end] += i < 2 ? 1U << 30 : 3U << 30;
        for (int more = 0; more < 2; more++)
            talk_record(&film, &forged, end, 1000);
        film.clock_ns += 20 * SECOND;
        for (int more = 0; more < 6; more++)
            use(&talk);
        scene_play();
        assert_in_range((uint64_t)(only_sum(ONE, API).requests.central + 0.5), 6, 8);
        assert_true(only_sum(ONE, API).bytes_down < 2 * said(&talk));
        assert_int_equal(sink_coverage(&sunk).bytes_lost, 0);
    }
}

/* When it was asked for is not known: at the time of its answer nobody could have written so much,
 * and what nobody can have written is no text. */
static void an_answer_to_what_was_not_captured_is_text(void **state)
{
    enum { NOTHING_LOST, ALL_LOST, END_LOST };
    double tokens[3];

    (void)state;
    for (int what = NOTHING_LOST; what <= END_LOST; what++) {
        struct service service;
        struct talk talk;

        begin_case(state, (size_t)what);
        service = *catalogue_service(catalogue, API);
        service.estimator.whole_records_max = 6;
        service.estimator.whole_overhead_bytes = (struct triple){1000, 1500, 2000};
        service.estimator.whole_bytes_per_token = (struct triple){2, 4, 6};
        service.estimator.whole_tokens_per_second_max = 1000;
        service.estimator.data_bytes_min = 5000;
        service.estimator.data_tokens_per_second_min = 600;
        assert_true(catalogue_set_service(catalogue, API, &service));
        talk = greet(1, 50000, "api.example");
        use(&talk);
        if (what == END_LOST)
            talk_record(&film, &talk, FROM_CLIENT, 400);
        talk_record(&film, &talk, FROM_CLIENT, 400);
        if (what != NOTHING_LOST)
            lose_last_shot();
        film.clock_ns += 10 * SECOND;
        talk_record(&film, &talk, FROM_SERVER, 700);
        talk_record(&film, &talk, FROM_SERVER, 7000);
        film.clock_ns += 10 * SECOND;
        scene_play();
        assert_near(only_sum(ONE, API).requests.central, 2);
        tokens[what] = only_sum(ONE, API).tokens_out.central;
    }
    assert_true(tokens[NOTHING_LOST] > 1000);
    assert_near(tokens[ALL_LOST], tokens[NOTHING_LOST]);
    assert_near(tokens[END_LOST], tokens[NOTHING_LOST]);
}

/* Without the flag, the number says nothing (RFC 9293, 3.1). */
static void what_is_no_acknowledgement_is_not_read_as_one(void **state)
{
    static struct bytes bytes;
    struct talk talk = talk_of(1, 50000);

    (void)state;
    talk.sequence[FROM_CLIENT] = 0U - 5000; /* so that 0 lies ahead */
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    assert_true(talk.sequence[FROM_CLIENT] > 0U - 5000);
    bytes.length = 0;
    put_record(&bytes, 1000);
    talk_segment(&film, &talk, FROM_SERVER, talk.sequence[FROM_SERVER], 0, bytes.at,
                 (uint32_t)bytes.length);
    scene_play();
    assert_triple(only_sum(ONE, API).requests, 0, 0, 0);
    assert_int_equal(sink_coverage(&sunk).bytes_lost, 0);
}

/* With its header, a record of 21 bytes is as large as an empty frame of HTTP/2, which ends an
 * answer there: of HTTP/1.1, that it is lost must not make the next record another answer's. */
static void a_lost_record_is_no_frame(void **state)
{
    struct service service = *catalogue_service(catalogue, API);
    struct talk talk = greet(1, 50000, "api.example");
    struct activity sum;

    (void)state;
    service.estimator.at_once_gap_s = 1;
    assert_true(catalogue_set_service(catalogue, API, &service));
    talk_record(&film, &talk, FROM_CLIENT, 400);
    for (int i = 0; i < 40; i++) {
        film.clock_ns += 100 * MILLI;
        talk_record(&film, &talk, FROM_SERVER, 295);
        talk_record(&film, &talk, FROM_SERVER, 21);
        if (i % 10 == 9)
            lose_last_shot();
    }
    scene_play();
    sum = only_sum(ONE, API);
    assert_triple(sum.requests, 1, 1, 1);
    assert_triple(sum.tokens_out, 59, 118, 236);
}

/* -- Images that answers tell of ----------------------------------------------------------------
 */

enum { PICTURES = 40 };

/* Of ELSEWHERE: files to the host with the role images are told, too; of HERE: to the page's own.
 */
static struct estimator of_pictures(double image_fetch_s, double file_wait_s, bool elsewhere,
                                    bool here)
{
    return (struct estimator){
        .method = METHOD_M4,
        .grade = GRADE_C,
        .request_bytes_min = 3000,
        .request_record_min = 100,
        .burst_gap_s = 2,
        .answer_record_min = 35,
        .answer_bytes_min = 200,
        .answer_gap_s = 30,
        .answer_steps_min = 3,
        .reply_s = 0.3,
        .step_bytes_max = 4096,
        .rest_s = 1.5,
        .bytes_per_token = {50, 100, 200},
        .image_bytes = {20000, 40000, 80000},
        .image_fetch_s = image_fetch_s,
        .image_fetch_share = 0.25,
        .upload_bytes_min = here ? 40000 : 0,
        .file_bytes_min = elsewhere ? 20000 : 0,
        .file_reply_bytes_min = 200,
        .file_pause_s = 0.05,
        .file_wait_s = file_wait_s,
        .stream_records_min = 12,
        .stream_record_max = 600,
    };
}

static void serve(const struct estimator *estimator)
{
    scene_service(PICTURES, "pictures", "chat.example", estimator, ROLE_INFERENCE);
    assert_null(catalogue_add_host(catalogue, "images.example", PICTURES, ROLE_IMAGES));
    assert_null(catalogue_add_host(catalogue, "pages.example", PICTURES, ROLE_ASSETS));
}

static void serve_files(double image_fetch_s, double file_wait_s, bool elsewhere, bool here)
{
    struct estimator estimator = of_pictures(image_fetch_s, file_wait_s, elsewhere, here);

    serve(&estimator);
}

static void serve_pictures(double image_fetch_s)
{
    serve_files(image_fetch_s, 0, false, false);
}

static void fetch(struct talk *talk, size_t bytes)
{
    talk_record(&film, talk, FROM_CLIENT, 500);
    film.clock_ns += 50 * MILLI;
    for (int i = 0; i < 20; i++) /* no requests: acknowledgements */
        talk_record(&film, talk, FROM_CLIENT, 50);
    for (size_t left = bytes; left > 0; left -= left < 16000 ? left : 16000)
        talk_record(&film, talk, FROM_SERVER, left < 16000 ? left : 16000);
}

/* Asks, is answered within 2 s, and fetches BYTES from NAME, DELAY_S later, as DEVICE. */
static struct activity ask_and_fetch(unsigned device, const char *name, size_t bytes,
                                     int64_t delay_s)
{
    struct talk chat = greet(1, 50000, "chat.example");
    struct talk images = greet(device, 50001, name);

    fetch(&images, 100000); /* of an older answer, for the page */
    film.clock_ns += 10 * SECOND;
    talk_exchange(&film, &chat, 4000, 21, 100, 100 * MILLI);
    film.clock_ns += delay_s * SECOND;
    fetch(&images, bytes);
    film.clock_ns += 40 * SECOND;
    use(&chat);
    scene_play();
    return only_sum(ONE, PICTURES);
}

/* The second answer is known to be one when the connection ends, and so is it that the first one
 * has ended. */
static void two_answers_may_end_with_their_connection(void **state)
{
    struct talk chat = greet(1, 50000, "chat.example");
    struct activity sum;

    (void)state;
    serve_pictures(10);
    talk_exchange(&film, &chat, 4000, 21, 100, MILLI);
    film.clock_ns += 3 * SECOND;
    talk_exchange(&film, &chat, 4000, 42, 100, MILLI);
    talk_close(&film, &chat);
    scene_play();
    sum = only_sum(ONE, PICTURES);
    assert_triple(sum.requests, 2, 2, 2);
    assert_triple(sum.tokens_out, 31.5, 63, 126);
}

static void an_image_is_fetched_after_the_answer_that_tells_of_it(void **state)
{
    struct activity sum;

    (void)state;
    serve_pictures(10);
    sum = ask_and_fetch(1, "images.example", 80000 - 5 * 5, 9); /* and headers of records */
    assert_triple(sum.images, 0, 2, 4);
    assert_triple(sum.requests, 1, 1, 1);
    assert_triple(sum.tokens_out, 10.5, 21, 42);
    assert_true(sum.bytes_other > 180000);
    assert_int_equal(sum.flows, 1);
    assert_int_equal(devices_of(ONE, PICTURES), 1);
}

static void other_fetches_are_no_images_of_an_answer(void **state)
{
    static const struct {
        unsigned device;
        const char *name;
        size_t bytes;
        int64_t delay_s;
        double image_fetch_s;
    } cases[] = {
        {1, "images.example", 80000, 11, 10}, {2, "images.example", 80000, 9, 10},
        {1, "pages.example", 80000, 9, 10},   {1, "images.example", 15000, 9, 10},
        {1, "images.example", 80000, 9, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct activity sum;

        begin_case(state, i);
        serve_pictures(cases[i].image_fetch_s);
        sum = ask_and_fetch(cases[i].device, cases[i].name, cases[i].bytes, cases[i].delay_s);
        assert_triple(sum.images, 0, 0, 0);
        assert_triple(sum.requests, 1, 1, 1);
    }
}

/* Of a capture of clients alone, what they acknowledge was fetched, too. */
static void an_image_may_be_fetched_unseen(void **state)
{
    struct talk chat = greet(1, 50000, "chat.example");
    struct talk images = greet(1, 50001, "images.example");

    (void)state;
    serve_pictures(10);
    for (int i = 0; i < 2; i++)
        talk_flags(&film, &images, FROM_CLIENT, TCP_ACK);
    film.clock_ns += 10 * SECOND;
    talk_exchange(&film, &chat, 4000, 21, 100, 100 * MILLI);
    talk_record(&film, &images, FROM_CLIENT, 500);
    for (int i = 0; i < 10; i++) {
        talk_record(&film, &images, FROM_SERVER, 8000 - 5); /* and a header */
        talk_flags(&film, &images, FROM_CLIENT, TCP_ACK);
    }
    film.clock_ns += 40 * SECOND;
    use(&chat);
    for (size_t i = 0; i < film.count; i++) /* the server of images, by its port */
        if (memcmp(film.shots[i].bytes + 14 + 12, images.server.bytes, 4) == 0 &&
            film.shots[i].bytes[14 + 20 + 3] == (50001 & 0xff))
            film.shots[i].bytes[12] ^= 0xff;
    scene_play();
    assert_triple(only_sum(ONE, PICTURES).images, 0, 2, 4);
}

/* -- Images from the page's own host ------------------------------------------------------------
 */

static void serve_own_pictures(double image_calls_max)
{
    struct estimator estimator = of_pictures(3, 0, false, false);

    estimator.image_calls_max = image_calls_max;
    serve(&estimator);
}

/* CALLS at once, and BYTES for all of them, in 50 ms. */
static void fetch_at_once(struct talk *talk, unsigned calls, size_t bytes)
{
    for (unsigned i = 0; i < calls; i++)
        talk_record(&film, talk, FROM_CLIENT, 300);
    film.clock_ns += 50 * MILLI;
    for (size_t left = bytes; left > 0; left -= left < 16000 ? left : 16000)
        talk_record(&film, talk, FROM_SERVER, left < 16000 ? left : 16000);
    film.clock_ns += 50 * MILLI;
    talk_record(&film, talk, FROM_CLIENT, 300);
}

/* A load of the page, an answer within 2 s, and what CALLS are sent over PAGE then. */
static struct activity ask_and_load(struct talk *page, struct talk *chat, int64_t delay_ns,
                                    unsigned calls, size_t bytes)
{
    fetch_at_once(page, 20, 400000);
    film.clock_ns += 10 * SECOND;
    talk_exchange(&film, chat, 4000, 21, 100, 100 * MILLI);
    film.clock_ns += delay_ns;
    fetch_at_once(page, calls, bytes);
    film.clock_ns += 40 * SECOND;
    use(chat);
    scene_play();
    return only_sum(ONE, PICTURES);
}

static void an_image_may_come_over_the_connection_of_its_answer(void **state)
{
    struct talk chat = greet(1, 50000, "chat.example");
    struct activity sum;

    (void)state;
    serve_own_pictures(8);
    sum = ask_and_load(&chat, &chat, 400 * MILLI, 1, 80000);
    assert_triple(sum.images, 0, 2, 4);
    assert_triple(sum.requests, 1, 1, 1);
    assert_triple(sum.tokens_out, 10.5, 21, 42);
}

/* Of a prompt that goes over a WebSocket. */
static void an_image_may_come_over_another_connection(void **state)
{
    struct talk chat = greet(1, 50000, "chat.example");
    struct talk page = greet(1, 50001, "chat.example");
    struct activity sum;

    (void)state;
    serve_own_pictures(8);
    sum = ask_and_load(&page, &chat, 2800 * MILLI, 1, 80000);
    assert_triple(sum.images, 0, 2, 4);
    assert_triple(sum.requests, 1, 1, 1);
}

static void other_things_of_a_page_are_no_images(void **state)
{
    static const struct {
        unsigned device;
        int64_t delay_ns;
        unsigned calls;
        size_t bytes;
        double image_calls_max;
    } cases[] = {
        {1, 400 * MILLI, 1, 80000, 0},  {2, 400 * MILLI, 1, 80000, 8},
        {1, 3100 * MILLI, 1, 80000, 8}, {1, 400 * MILLI, 1, 15000, 8},
        {1, 400 * MILLI, 9, 80000, 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct talk chat, page;
        struct activity sum;

        begin_case(state, i);
        serve_own_pictures(cases[i].image_calls_max);
        chat = greet(1, 50000, "chat.example");
        page = greet(cases[i].device, 50001, "chat.example");
        sum = ask_and_load(&page, &chat, cases[i].delay_ns, cases[i].calls, cases[i].bytes);
        assert_triple(sum.images, 0, 0, 0);
        assert_triple(sum.requests, 1, 1, 1);
    }
}

/* Who loads the page again closes its WebSocket when the first of it has come. */
static void a_page_that_is_loaded_again_is_no_image(void **state)
{
    struct talk chat = greet(1, 50000, "chat.example");
    struct talk page = greet(1, 50001, "chat.example");
    struct activity sum;

    (void)state;
    serve_own_pictures(8);
    talk_exchange(&film, &chat, 4000, 21, 100, 100 * MILLI);
    film.clock_ns += 400 * MILLI;
    fetch_at_once(&page, 1, 80000);
    use(&chat);
    talk_close(&film, &chat);
    fetch_at_once(&page, 20, 400000);
    scene_play();
    sum = only_sum(ONE, PICTURES);
    assert_triple(sum.images, 0, 0, 0);
    assert_triple(sum.requests, 1, 1, 1);
}

/* The last step that the connection shows may be of the page, after the image. */
static void an_image_may_come_before_the_last_step(void **state)
{
    struct talk chat = greet(1, 50000, "chat.example");
    struct activity sum;

    (void)state;
    serve_own_pictures(8);
    talk_exchange(&film, &chat, 4000, 21, 100, 100 * MILLI);
    fetch_at_once(&chat, 1, 80000);
    film.clock_ns += 500 * MILLI;
    talk_record(&film, &chat, FROM_SERVER, 100);
    film.clock_ns += 40 * SECOND;
    use(&chat);
    scene_play();
    sum = only_sum(ONE, PICTURES);
    assert_triple(sum.images, 0, 2, 4);
    assert_triple(sum.requests, 1, 1, 1);
}

/* Of two tabs on one connection, or of another one. */
static void an_image_may_come_while_another_answer_goes_on(void **state)
{
    static const struct {
        bool own;
        double images;
    } cases[] = {{true, 2}, {false, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct talk chat, page;
        struct activity sum;

        begin_case(state, i);
        serve_own_pictures(8);
        chat = greet(1, 50000, "chat.example");
        page = greet(1, 50001, "chat.example");
        talk_exchange(&film, &chat, 4000, 21, 100, 100 * MILLI);
        fetch_at_once(cases[i].own ? &chat : &page, 1, 80000);
        for (int j = 0; j < 30; j++) {
            film.clock_ns += 200 * MILLI;
            talk_record(&film, &chat, FROM_SERVER, 100);
        }
        film.clock_ns += 40 * SECOND;
        use(&chat);
        scene_play();
        sum = only_sum(ONE, PICTURES);
        assert_triple(sum.images, 0, cases[i].images, 2 * cases[i].images);
        assert_triple(sum.requests, 1, 1, 1);
    }
}

/* -- Files that are sent elsewhere --------------------------------------------------------------
 */

/* Sends FILES to NAME as DEVICE, asks WAIT_S later, and once more. */
static struct activity send_and_ask(unsigned device, const char *name, unsigned files,
                                    int64_t wait_s)
{
    struct talk chat = greet(1, 50000, "chat.example");
    struct talk store = greet(device, 50001, name);

    for (unsigned i = 0; i < files; i++) {
        for (int j = 0; j < 3; j++) {
            talk_record(&film, &store, FROM_CLIENT, 16000);
            talk_record(&film, &store, FROM_SERVER, 60);
        }
        talk_record(&film, &store, FROM_SERVER, 400);
        film.clock_ns += 100 * MILLI;
    }
    film.clock_ns += wait_s * SECOND;
    talk_exchange(&film, &chat, 4000, 21, 100, 100 * MILLI);
    film.clock_ns += 5 * SECOND;
    talk_exchange(&film, &chat, 4000, 21, 100, 100 * MILLI);
    film.clock_ns += 40 * SECOND;
    use(&chat);
    scene_play();
    return only_sum(ONE, PICTURES);
}

struct files_case {
    unsigned device;
    const char *name;
    unsigned files;
    int64_t wait_s;
    double file_wait_s;
    bool elsewhere, here; /* as of serve_files() */
    double uploads;
};

static void assert_uploads(void **state, const struct files_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct files_case *one = &cases[i];
        struct activity sum;

        begin_case(state, i);
        serve_files(10, one->file_wait_s, one->elsewhere, one->here);
        sum = send_and_ask(one->device, one->name, one->files, one->wait_s);
        assert_triple(sum.uploads, one->uploads, one->uploads, one->uploads);
        assert_triple(sum.requests, 2, 2, 2);
    }
}

static void files_count_with_the_next_answer(void **state)
{
    static const struct files_case cases[] = {
        {1, "images.example", 1, 1, 600, true, false, 1},
        {1, "images.example", 3, 500, 600, true, false, 3},
        {1, "images.example", 3, 610, 600, true, false, 0},
        {2, "images.example", 1, 1, 600, true, false, 0},
        {1, "pages.example", 1, 1, 600, true, false, 0},
        {1, "images.example", 1, 1, 0, false, false, 0},
    };

    assert_uploads(state, cases, sizeof(cases) / sizeof(cases[0]));
}

/* The connection over which they go has no prompt. */
static void files_on_the_page_count_with_the_next_answer(void **state)
{
    static const struct files_case cases[] = {
        {1, "chat.example", 1, 5, 600, false, true, 1},
        {1, "chat.example", 1, 590, 600, true, true, 1},
        {1, "chat.example", 1, 610, 600, false, true, 0},
        {2, "chat.example", 1, 5, 600, false, true, 0},
        {1, "chat.example", 1, 5, 0, false, true, 0},
        {1, "images.example", 1, 5, 600, false, true, 0},
    };

    assert_uploads(state, cases, sizeof(cases) / sizeof(cases[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_shared_name_alone_is_no_use),
        TEST(an_exchange_shows_that_a_shared_name_is_used),
        TEST(every_connection_shows_it_by_itself),
        TEST(a_shared_name_may_be_used_over_midnight),
        TEST(devices_count_each_day),
        TEST(a_hint_may_lead_to_a_shared_name),
        TEST(an_unknown_client_is_no_device),
        TEST(telemetry_is_counted_apart),
        TEST(one_hinted_exchange_lowers_the_grade_of_the_sum),
        TEST(bytes_count_where_no_state_is_free),
        TEST(use_without_a_state_is_made_by_bytes),
        TEST(a_shared_name_without_a_state_gets_one_later),
        TEST(a_proven_name_stays_proven_over_a_silence),
        TEST(a_request_that_is_not_captured_is_one),
        TEST(a_request_that_comes_after_its_answer_is_one),
        TEST(a_forged_acknowledgement_is_no_request),
        TEST(a_forged_segment_hides_nothing),
        TEST(what_goes_on_far_away_is_believed),
        TEST(what_is_far_away_and_acknowledged_is_believed),
        TEST(a_forged_acknowledgement_makes_no_claim_true),
        TEST(forged_segments_that_go_on_hide_little),
        TEST(an_answer_to_what_was_not_captured_is_text),
        TEST(what_is_no_acknowledgement_is_not_read_as_one),
        TEST(a_lost_record_is_no_frame),
        TEST(two_answers_may_end_with_their_connection),
        TEST(an_image_is_fetched_after_the_answer_that_tells_of_it),
        TEST(other_fetches_are_no_images_of_an_answer),
        TEST(an_image_may_be_fetched_unseen),
        TEST(an_image_may_come_over_the_connection_of_its_answer),
        TEST(an_image_may_come_over_another_connection),
        TEST(other_things_of_a_page_are_no_images),
        TEST(a_page_that_is_loaded_again_is_no_image),
        TEST(an_image_may_come_before_the_last_step),
        TEST(an_image_may_come_while_another_answer_goes_on),
        TEST(files_count_with_the_next_answer),
        TEST(files_on_the_page_count_with_the_next_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
