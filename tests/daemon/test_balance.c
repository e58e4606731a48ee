/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define DAY_S    86400
#define MINUTE_S 60
#define START_S  (20000LL * DAY_S)
#define MINUTES  (24 * 60)

static struct balance balance;
static int64_t now_s;
static struct balance_use added; /* since begin() */

static int begin(void **state)
{
    (void)state;
    memset(&balance, 0, sizeof(balance));
    memset(&added, 0, sizeof(added));
    now_s = START_S;
    return 0;
}

static struct balance_use settle(struct balance_use wire, struct balance_use server)
{
    struct balance_use excess = balance_settle(&balance, now_s, MINUTE_S, &wire, &server);

    now_s += MINUTE_S;
    assert_true(excess.requests >= 0 && excess.tokens_in >= 0 && excess.tokens_cached >= 0 &&
                excess.tokens_out >= 0 && excess.tokens_cached <= excess.tokens_in);
    added.requests += excess.requests;
    added.tokens_in += excess.tokens_in;
    added.tokens_cached += excess.tokens_cached;
    added.tokens_out += excess.tokens_out;
    return excess;
}

static struct balance_use tokens(double in, double cached, double out)
{
    return (struct balance_use){1, in, cached, out};
}

static void settle_minutes(int minutes, struct balance_use wire, struct balance_use server)
{
    for (int i = 0; i < minutes; i++)
        settle(wire, server);
}

static void rest(int minutes)
{
    settle_minutes(minutes, (struct balance_use){0}, (struct balance_use){0});
}

static void assert_added(double requests, double in, double cached, double out)
{
    if (added.requests != requests || added.tokens_in != in || added.tokens_cached != cached ||
        added.tokens_out != out)
        fail_msg("%g requests, %g/%g/%g tokens were added instead of %g, %g/%g/%g", added.requests,
                 added.tokens_in, added.tokens_cached, added.tokens_out, requests, in, cached, out);
}

static void what_both_show_is_not_added(void **state)
{
    (void)state;
    settle_minutes(MINUTES, tokens(100, 10, 50), tokens(100, 10, 50));
    assert_added(0, 0, 0, 0);
}

/* A prompt of 4000 tokens is read at once; its answer of 1000 takes 10 minutes, over which the wire
 * spreads both. */
static void a_server_that_is_only_sooner_adds_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        for (int minute = 0; minute < 10; minute++)
            settle((struct balance_use){0.1, 400, 100, 100},
                   (struct balance_use){minute == 9, minute == 0 ? 4000 : 0, minute == 0 ? 1000 : 0,
                                        100});
        rest(i % 7);
    }
    assert_added(0, 0, 0, 0);
    assert_true(balance.ahead[BALANCE_WINDOW - 1].tokens_in < 1e-6);
    assert_true(balance.ahead[BALANCE_WINDOW - 1].tokens_in > -1e-6);
}

/* Asked too late for the interval, it counts in the next one. */
static void a_server_that_is_only_later_adds_nothing(void **state)
{
    struct balance_use before = {0};

    (void)state;
    for (int i = 0; i < MINUTES; i++) {
        struct balance_use wire = tokens(i * 37 % 1000, 0, i * 91 % 500);

        settle(wire, before);
        before = wire;
    }
    assert_added(0, 0, 0, 0);
}

static void a_tenth_that_the_wire_does_not_show_is_added(void **state)
{
    (void)state;
    settle_minutes(MINUTES, (struct balance_use){9, 900, 90, 450},
                   (struct balance_use){10, 1000, 100, 500});
    /* But for what may still come. */
    assert_added(MINUTES - 14, 100 * (MINUTES - 14), 10 * (MINUTES - 14), 50 * (MINUTES - 14));
    rest(14);
    assert_added(MINUTES, 100 * MINUTES, 10 * MINUTES, 50 * MINUTES);
    rest(100);
    assert_added(MINUTES, 100 * MINUTES, 10 * MINUTES, 50 * MINUTES);
}

/* Each minute's share comes a quarter of an hour later, not all at once. */
static void it_is_added_as_it_comes(void **state)
{
    (void)state;
    settle_minutes(14, tokens(0, 0, 450), tokens(0, 0, 500));
    assert_added(0, 0, 0, 0);
    for (int i = 0; i < 100; i++)
        assert_true(settle(tokens(0, 0, 450), tokens(0, 0, 500)).tokens_out == 50);
}

/* While it was away its counts wait; the first answer has them all. */
static void a_server_that_was_away_for_an_hour_adds_nothing(void **state)
{
    (void)state;
    settle_minutes(100, tokens(100, 0, 50), tokens(100, 0, 50));
    settle_minutes(60, tokens(100, 0, 50), (struct balance_use){0});
    settle(tokens(100, 0, 50), (struct balance_use){61, 6100, 0, 3050});
    settle_minutes(100, tokens(100, 0, 50), tokens(100, 0, 50));
    assert_added(0, 0, 0, 0);
}

/* What it counted last was lost when it was started again: nobody's use becomes less, and the next
 * day, what the wire does not show counts again. */
static void a_restart_takes_nothing_and_hides_nothing_the_next_day(void **state)
{
    (void)state;
    settle_minutes(100, tokens(100, 0, 500), tokens(100, 0, 500));
    settle(tokens(100, 0, 5000), (struct balance_use){0});
    settle_minutes(MINUTES - 101, tokens(100, 0, 500), tokens(100, 0, 500));
    assert_added(0, 0, 0, 0);
    settle_minutes(100, tokens(100, 0, 450), tokens(100, 0, 500));
    rest(14);
    assert_added(0, 0, 0, 5000);
}

/* Both legs of a proxy. */
static void a_wire_that_shows_all_twice_takes_nothing_from_anybody(void **state)
{
    (void)state;
    settle_minutes(3 * MINUTES, tokens(200, 20, 100), (struct balance_use){1, 100, 10, 50});
    assert_added(0, 0, 0, 0);
    assert_int_equal(balance_judge(200, 100, 0), BALANCE_WIRE_TWICE);
    rest(MINUTES);
    settle_minutes(100, tokens(0, 0, 0), tokens(0, 0, 7));
    rest(14);
    assert_added(0, 0, 0, 700);
}

/* Before it was looked at, an exchange had begun: the wire has all of it. */
static void what_began_before_the_first_answer_adds_nothing(void **state)
{
    (void)state;
    settle(tokens(5000, 0, 800), tokens(0, 0, 100));
    settle_minutes(200, tokens(100, 0, 50), tokens(100, 0, 50));
    assert_added(0, 0, 0, 0);
}

static void a_server_without_a_number_of_requests_adds_tokens_only(void **state)
{
    (void)state;
    settle_minutes(MINUTES, (struct balance_use){9, 900, 0, 450},
                   (struct balance_use){0, 1000, 0, 500});
    rest(14);
    assert_added(0, 100 * MINUTES, 0, 50 * MINUTES);
}

/* Of old ones: what came from the cache is on the wire only. */
static void input_that_a_server_does_not_tell_is_not_taken_away(void **state)
{
    (void)state;
    settle_minutes(MINUTES, tokens(1000, 900, 50), tokens(100, 0, 60));
    assert_added(0, 0, 0, 10 * (MINUTES - 14));
}

static void more_from_the_cache_than_input_waits(void **state)
{
    (void)state;
    settle_minutes(20, tokens(0, 0, 0), (struct balance_use){1, 10, 30, 0});
    rest(14);
    assert_added(0, 200, 200, 0);
    settle(tokens(0, 0, 0), (struct balance_use){1, 500, 0, 0});
    rest(14);
    assert_added(0, 700, 600, 0);
}

static void parts_of_a_token_wait_until_they_are_whole(void **state)
{
    (void)state;
    settle_minutes(100, tokens(0.5, 0, 0), tokens(0.75, 0, 0));
    rest(14);
    assert_added(0, 25, 0, 0);
}

/* Intervals without any use are not in the ledger. */
static void time_without_intervals_counts(void **state)
{
    (void)state;
    settle(tokens(0, 0, 0), tokens(0, 0, 40));
    now_s += 8 * 3600;
    settle((struct balance_use){0}, (struct balance_use){0});
    assert_added(0, 0, 0, 40);
    settle(tokens(0, 0, 60), tokens(0, 0, 0));
    now_s += DAY_S;
    settle_minutes(1, tokens(0, 0, 0), tokens(0, 0, 3));
    rest(14);
    assert_added(0, 0, 0, 43);
}

static void its_text_is_all_there_is_to_know(void **state)
{
    char text[BALANCE_TEXT_SIZE];
    struct balance copy;

    (void)state;
    for (int i = 0; i < 40; i++) {
        balance_print(&balance, text);
        assert_true(strlen(text) < BALANCE_TEXT_SIZE - 1);
        assert_true(balance_parse(&copy, text));
        assert_memory_equal(&copy, &balance, sizeof(balance));
        balance = copy;
        settle((struct balance_use){0.1 * i, 1e15 / 3, 1e-300, -1.0 / 3},
               (struct balance_use){0.3, 2e15 / 3 + i, 0, -1e300});
    }
}

static void other_text_is_none(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "1",
        "1 x",
        "1 16",
        "1 1 1 2 3",
        "1 0 5",
        "1 1 1 2 3 4 5",
        "1 1 1 2 3 x",
        "1 1 1 2 3 nan",
        "1 1 1 2 3 inf",
        "1 -1",
    };
    static const struct balance none;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_false(balance_parse(&balance, texts[i]));
        assert_memory_equal(&balance, &none, sizeof(none));
    }
    assert_true(balance_parse(&balance, "1 0"));
}

static void totals_are_judged(void **state)
{
    (void)state;
    assert_int_equal(balance_judge(0, 100, 0), BALANCE_SERVER_AHEAD);
    assert_int_equal(balance_judge(100, 0, 0), BALANCE_NOTHING);
    assert_int_equal(balance_judge(99, 100, 0), BALANCE_AGREES);
    assert_int_equal(balance_judge(100, 99, 0), BALANCE_AGREES);
    assert_int_equal(balance_judge(98, 100, 0), BALANCE_SERVER_AHEAD);
    assert_int_equal(balance_judge(100, 98, 0), BALANCE_WIRE_AHEAD);
    assert_int_equal(balance_judge(195, 100, 0), BALANCE_WIRE_TWICE);
    assert_int_equal(balance_judge(300, 100, 0), BALANCE_WIRE_AHEAD);
    assert_int_equal(balance_judge(0, 0, 1), BALANCE_NOTHING);
    assert_int_equal(balance_judge(100, 98, 1), BALANCE_RESTARTED);
    assert_int_equal(balance_judge(99, 100, 1), BALANCE_AGREES);
    assert_int_equal(balance_judge(98, 100, 1), BALANCE_SERVER_AHEAD);
    assert_int_equal(balance_judge(200, 100, 1), BALANCE_WIRE_TWICE);
    assert_string_equal(balance_verdict_name(BALANCE_RESTARTED), "restarted");
}

static void what_is_added_is_recorded_whole(void **state)
{
    const struct server_use counted = {
        .requests = 2, .tokens_in = 30, .tokens_cached = 4, .tokens_out = 5};
    struct balance_use use = balance_of_server(&counted);
    struct activity activity = balance_activity(&use, 7, GRADE_B);
    struct local_use local = balance_local_use(&use, 7);

    (void)state;
    assert_int_equal(activity.service_id, 7);
    assert_int_equal(activity.grade, GRADE_B);
    assert_true(activity.requests.low == 2 && activity.requests.high == 2);
    assert_true(activity.tokens_in.central == 30 && activity.tokens_out.central == 5);
    assert_int_equal(local.service_id, 7);
    assert_true(local.requests == 2 && local.tokens_in == 30 && local.tokens_cached == 4 &&
                local.tokens_out == 5);
    assert_false(balance_is_nothing(&use));
    use = (struct balance_use){0};
    assert_true(balance_is_nothing(&use));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_both_show_is_not_added, begin),
        cmocka_unit_test_setup(a_server_that_is_only_sooner_adds_nothing, begin),
        cmocka_unit_test_setup(a_server_that_is_only_later_adds_nothing, begin),
        cmocka_unit_test_setup(a_tenth_that_the_wire_does_not_show_is_added, begin),
        cmocka_unit_test_setup(it_is_added_as_it_comes, begin),
        cmocka_unit_test_setup(a_server_that_was_away_for_an_hour_adds_nothing, begin),
        cmocka_unit_test_setup(a_restart_takes_nothing_and_hides_nothing_the_next_day, begin),
        cmocka_unit_test_setup(a_wire_that_shows_all_twice_takes_nothing_from_anybody, begin),
        cmocka_unit_test_setup(what_began_before_the_first_answer_adds_nothing, begin),
        cmocka_unit_test_setup(a_server_without_a_number_of_requests_adds_tokens_only, begin),
        cmocka_unit_test_setup(input_that_a_server_does_not_tell_is_not_taken_away, begin),
        cmocka_unit_test_setup(more_from_the_cache_than_input_waits, begin),
        cmocka_unit_test_setup(parts_of_a_token_wait_until_they_are_whole, begin),
        cmocka_unit_test_setup(time_without_intervals_counts, begin),
        cmocka_unit_test_setup(its_text_is_all_there_is_to_know, begin),
        cmocka_unit_test_setup(other_text_is_none, begin),
        cmocka_unit_test_setup(totals_are_judged, begin),
        cmocka_unit_test_setup(what_is_added_is_recorded_whole, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
