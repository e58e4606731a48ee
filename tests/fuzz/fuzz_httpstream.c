/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/cursor.h"
#include "collectors/inference/exchanges.h"

#include <stdlib.h>
#include <string.h>

/* The input is a conversation: a byte of who speaks (0 the client, 1 the server), of a gap (2, 3)
 * or of an end (4, 5), two of length, then that many bytes of what is said. However it is cut, the
 * same exchanges are found, and nothing of them stays behind: but that of what is damaged, as much
 * may be read as came in one piece before it. */

#define MAX_FOUND 256

struct found {
    struct inference_exchange exchanges[MAX_FOUND];
    unsigned count;
};

static void keep(void *context, const struct inference_exchange *exchange)
{
    struct found *found = context;

    if (exchange->end_ns < exchange->start_ns || exchange->grade > GRADE_E ||
        exchange->endpoint >= ENDPOINT_COUNT || exchange->outcome > OUTCOME_IDLE)
        abort();
    if (!inference_exchange_counts(exchange) && exchange->grade != GRADE_NONE)
        abort();
    if (found->count < MAX_FOUND)
        found->exchanges[found->count++] = *exchange;
}

static void say(struct exchanges *exchanges, unsigned act, const uint8_t *bytes, size_t length,
                size_t piece)
{
    enum http_side side = act & 1 ? HTTP_SERVER : HTTP_CLIENT;

    if (act < 2)
        for (size_t at = 0; at < length; at += piece) {
            size_t next = length - at < piece ? length - at : piece;

            exchanges_bytes(exchanges, 1, side, bytes + at, next);
        }
    else if (act < 4)
        exchanges_bytes(exchanges, 1, side, NULL, length);
    else
        exchanges_close(exchanges, 1, side);
}

static void converse(const uint8_t *data, size_t size, size_t piece, struct found *found)
{
    static const struct apikey_secret secret = {{1}};
    static const struct exchanges nothing;
    static struct exchanges exchanges;
    struct inflater_pool *inflaters = inflater_pool_new(64 << 20);
    struct directions *directions = directions_new();
    const struct inference_rules rules = {
        .directions = directions,
        .header = "x-direction",
        .secret = &secret,
        .order = {DIRECTION_BY_HEADER, DIRECTION_BY_KEY, DIRECTION_BY_ADDRESS},
        .order_count = SOURCE_COUNT,
    };
    struct cursor cursor = cursor_over(data, size);

    memset(found, 0, sizeof(*found));
    exchanges_start(&exchanges, &rules, inflaters, 0, keep, found);
    while (cursor_left(&cursor) > 3) {
        unsigned act = cursor_u8(&cursor) % 6;
        size_t length = cursor_u16(&cursor);
        bool speaks = act < 2;
        const uint8_t *bytes;

        if (speaks && length > cursor_left(&cursor))
            length = cursor_left(&cursor);
        bytes = speaks ? cursor_bytes(&cursor, length) : NULL;
        say(&exchanges, act, bytes, length, piece);
    }
    exchanges_finish(&exchanges);
    if (memcmp(&exchanges, &nothing, sizeof(nothing)) != 0)
        abort();
    if (inflater_pool_taken(inflaters) != 0)
        abort();
    inflater_pool_free(inflaters);
    directions_free(directions);
}

static bool same(const struct inference_exchange *a, const struct inference_exchange *b)
{
    bool same_counts =
        a->counts.tokens_in == b->counts.tokens_in &&
        a->counts.tokens_out == b->counts.tokens_out &&
        a->counts.tokens_cached == b->counts.tokens_cached && a->counts.basis == b->counts.basis &&
        a->counts.damaged == b->counts.damaged && a->counts.input_known == b->counts.input_known &&
        a->grade == b->grade && a->streamed == b->streamed && a->request_bytes == b->request_bytes;

    return (same_counts || a->unread) && a->status == b->status && a->direction == b->direction &&
           a->endpoint == b->endpoint && a->outcome == b->outcome && a->source == b->source &&
           a->unknown_direction == b->unknown_direction && a->unread == b->unread;
}

static bool all_same(const struct found *a, const struct found *b)
{
    for (unsigned i = 0; i < a->count && i < b->count; i++)
        if (!same(&a->exchanges[i], &b->exchanges[i]))
            return false;
    return a->count == b->count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct found whole;
    static struct found cut;
    static const size_t pieces[] = {1, 3, 17};

    converse(data, size, SIZE_MAX / 2, &whole);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        converse(data, size, pieces[i], &cut);
        if (!all_same(&whole, &cut))
            abort();
    }
    return 0;
}
