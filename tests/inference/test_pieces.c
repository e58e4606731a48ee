/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Conversations made at random, well formed and not: byte by byte, each byte goes through the
 * states on its own; in larger pieces, names, values, chunk sizes and members are passed over at
 * once. The same exchanges must be found. */

#include "collectors/inference/exchanges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/capture/frames.h"
#include "tests/inference/talk.h"

#define CONVERSATIONS 6000
#define MAX_TURNS     32
#define MAX_TURN      4096

struct turn {
    enum http_side side;
    bool is_gap;
    size_t length;
    char at[MAX_TURN];
};

static struct turn turns[MAX_TURNS];
static unsigned turn_count;
static uint64_t seed;
static struct talk talk;

static bool once_in(uint32_t times)
{
    return random_below(&seed, times) == 0;
}

static struct turn *begin_turn(enum http_side side)
{
    struct turn *turn = &turns[turn_count++];

    assert_true(turn_count < MAX_TURNS);
    turn->side = side;
    turn->is_gap = false;
    turn->length = 0;
    return turn;
}

static void put(struct turn *turn, const char *text)
{
    size_t length = strlen(text);

    assert_true(length < MAX_TURN - turn->length);
    memcpy(turn->at + turn->length, text, length);
    turn->length += length;
}

#define put_one_of(turn, texts)                                                                    \
    put(turn, (texts)[random_below(&seed, sizeof(texts) / sizeof(*(texts)))])

static void put_line_end(struct turn *turn)
{
    put(turn, once_in(30) ? "\n" : once_in(200) ? "\r" : "\r\n");
}

static void put_nul(struct turn *turn)
{
    put(turn, "Nul: a?b");
    turn->at[turn->length - 2] = '\0';
}

static void put_headers(struct turn *turn)
{
    static const char *const lines[] = {
        "Host: h",
        "Accept: */*",
        "User-Agent: curl/7.88.1",
        "x-direction: DRH",
        "X-Direction:DSN ",
        "X-DIRECTION: ?",
        "X-Directions: DSN",
        "Authorization: Bearer sk-1",
        "Content-Type: application/json",
        "content-type: text/event-stream; charset=utf-8",
        "Content-Type: application/x-ndjson",
        "Content-Encoding: br",
        "Connection: keep-alive, close",
        "Expect: 100-continue",
        "A-name-that-is-longer-than-any-that-is-asked-for-and-goes-on: x",
        "Empty:",
        "Blank: \t ",
        "Value: a\tb \x80\xff",
    };
    static const char *const bad[] = {"Bad name: x", ": x", " folded", "no colon", "Cr: a\rb"};

    while (!once_in(4)) {
        if (once_in(150))
            put_one_of(turn, bad);
        else if (once_in(150))
            put_nul(turn);
        else
            put_one_of(turn, lines);
        put_line_end(turn);
    }
}

static const char *body(void)
{
    static const char *const bodies[] = {
        "{}",
        "{\"model\":\"m\",\"stream\":true,\"n\":2}",
        TALK_USAGE(3, 7),
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":44}}\r\n\r\n",
        "{\"response\":\"a\"}\n{\"eval_count\":3,\"prompt_eval_count\":4}\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"b\"}}]}\n\n"
        "data: {\"choices\":[{\"delta\":{\"content\":\"\"}}]}\n\n",
        "{\"created_at\":\"1\",\"response\":\"a\"}\n{\"created_at\":\"2\",\"response\":\"\"}\n",
        "not JSON",
        "",
    };

    return bodies[random_below(&seed, sizeof(bodies) / sizeof(*bodies))];
}

static void put_chunks(struct turn *turn)
{
    static const char *const extensions[] = {";a=b", " ", ";", ";\n", "g"};
    char text[600];

    while (!once_in(3)) {
        const char *data = body();

        if (strlen(data) == 0)
            continue;
        snprintf(text, sizeof(text), once_in(2) ? "%zx" : "%04zX", strlen(data));
        put(turn, once_in(100) ? "" : text);
        if (once_in(20))
            put_one_of(turn, extensions);
        put(turn, once_in(150) ? "\n" : "\r\n");
        put(turn, data);
        put(turn, once_in(150) ? "\r\r" : "\r\n");
    }
    put(turn, once_in(20) ? "0;x\r\n" : "0\r\n");
    if (once_in(10))
        put(turn, "Trailer: x\r\n");
    put(turn, "\r\n");
}

static void put_message(struct turn *turn)
{
    const char *text = body();
    char line[64];

    put_headers(turn);
    if (once_in(2)) {
        put(turn, "Transfer-Encoding: chunked\r\n\r\n");
        put_chunks(turn);
        return;
    }
    snprintf(line, sizeof(line), "Content-Length: %zu\r\n\r\n", strlen(text));
    if (once_in(20)) {
        put(turn, "\r\n");
        return;
    }
    put(turn, line);
    put(turn, text);
}

static void make_conversation(void)
{
    static const char *const usual_requests[] = {
        "POST /v1/chat/completions HTTP/1.1\r\n", "POST /api/chat?x=y HTTP/1.1\r\n",
        "POST /v1/completions HTTP/1.0\r\n",      "GET /v1/models HTTP/1.1\r\n",
        "\r\nPOST /v1/responses HTTP/1.1\r\n",
    };
    static const char *const odd_requests[] = {"HEAD / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n"};
    static const char *const odd_answers[] = {
        "HTTP/1.1 200 \r\n",         "HTTP/1.1 404 No\r\n",   "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n", "HTTP/1.1 204 None\r\n", "HTTP/1.1 20 Short\r\n",
    };

    turn_count = 0;
    while (turn_count < MAX_TURNS - 4 && !once_in(5)) {
        struct turn *turn = begin_turn(HTTP_CLIENT);

        if (once_in(20))
            put_one_of(turn, odd_requests);
        else
            put_one_of(turn, usual_requests);
        put_message(turn);
        turn = begin_turn(HTTP_SERVER);
        if (once_in(10))
            put_one_of(turn, odd_answers);
        else
            put(turn, "HTTP/1.1 200 OK\r\n");
        put_message(turn);
        if (once_in(10)) {
            turn = begin_turn(once_in(2) ? HTTP_CLIENT : HTTP_SERVER);
            turn->is_gap = true;
            turn->length = 1 + random_below(&seed, 20);
        }
    }
    for (unsigned i = 0; i < turn_count; i++)
        if (!turns[i].is_gap && turns[i].length > 0 && once_in(25)) /* damaged */
            turns[i].at[random_below(&seed, (uint32_t)turns[i].length)] =
                once_in(2) ? (char)random_next(&seed) : "\r\n:;\"\0 0"[random_below(&seed, 8)];
}

/* Pieces of 1 to 60 bytes when PIECE is 0. */
static void hold_conversation(size_t piece)
{
    uint64_t own = seed;

    talk_start(&talk);
    for (unsigned i = 0; i < turn_count; i++) {
        const struct turn *turn = &turns[i];

        if (turn->is_gap) {
            exchanges_bytes(&talk.exchanges, 0, turn->side, NULL, turn->length);
            continue;
        }
        for (size_t at = 0; at < turn->length;) {
            size_t next = piece > 0 ? piece : 1 + random_below(&own, 60);

            next = turn->length - at < next ? turn->length - at : next;
            talk.piece = next;
            talk_bytes(&talk, turn->side, turn->at + at, next);
            at += next;
        }
    }
    talk_end(&talk);
}

static bool same(const struct inference_exchange *a, const struct inference_exchange *b)
{
    return a->counts.tokens_in == b->counts.tokens_in &&
           a->counts.tokens_out == b->counts.tokens_out &&
           a->counts.tokens_cached == b->counts.tokens_cached &&
           a->counts.basis == b->counts.basis && a->counts.damaged == b->counts.damaged &&
           a->counts.input_known == b->counts.input_known && a->status == b->status &&
           a->direction == b->direction && a->endpoint == b->endpoint && a->outcome == b->outcome &&
           a->source == b->source && a->grade == b->grade &&
           a->unknown_direction == b->unknown_direction && a->streamed == b->streamed;
}

static bool all_same(const struct inference_exchange *found, unsigned count)
{
    for (unsigned i = 0; i < count && i < talk.count; i++)
        if (!same(&found[i], &talk.found[i]))
            return false;
    return count == talk.count;
}

static void print_turns(void)
{
    for (unsigned i = 0; i < turn_count; i++)
        printf("%s%s: %.*s\n", turns[i].side == HTTP_CLIENT ? "client" : "server",
               turns[i].is_gap ? " (gap)" : "", turns[i].is_gap ? 0 : (int)turns[i].length,
               turns[i].at);
}

static void byte_by_byte_is_the_same_as_at_once(void **state)
{
    static struct inference_exchange found[TALK_MAX];
    unsigned answered = 0;
    unsigned lost = 0;
    unsigned by_header = 0;

    (void)state;
    seed = 1;
    for (unsigned i = 0; i < CONVERSATIONS; i++) {
        unsigned count;

        make_conversation();
        hold_conversation(1);
        count = talk.count;
        memcpy(found, talk.found, sizeof(found));
        for (unsigned cut = 0; cut < 4; cut++) {
            hold_conversation(cut == 0 ? MAX_TURN : 0);
            seed++;
            if (!all_same(found, count)) {
                print_turns();
                fail_msg("conversation %u, cut %u", i, cut);
            }
        }
        for (unsigned at = 0; at < count; at++) {
            answered += found[at].outcome == OUTCOME_ANSWERED && found[at].counts.tokens_out > 0;
            lost += found[at].outcome == OUTCOME_LOST;
            by_header += found[at].source == DIRECTION_BY_HEADER && found[at].direction > 0;
        }
    }
    /* Not all of it was refused at once. */
    assert_true(answered > 500);
    assert_true(lost > 250);
    assert_true(by_header > 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(byte_by_byte_is_the_same_as_at_once)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
