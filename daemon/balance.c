/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/balance.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400
/* From where on two totals differ, relative to the larger one. */
#define AGREEMENT 0.01
/* How near to twice as much is twice. */
#define TWICE 0.1

enum quantity { REQUESTS, TOKENS_IN, TOKENS_CACHED, TOKENS_OUT, QUANTITIES };

static double *member(struct balance_use *use, int quantity)
{
    double *const members[] = {&use->requests, &use->tokens_in, &use->tokens_cached,
                               &use->tokens_out};

    return members[quantity];
}

static double least(struct balance *balance, int quantity)
{
    double value = *member(&balance->ahead[0], quantity);

    for (uint32_t i = 1; i < balance->count; i++)
        value = fmin(value, *member(&balance->ahead[i], quantity));
    return value;
}

static double most(struct balance *balance, int quantity)
{
    double value = *member(&balance->ahead[0], quantity);

    for (uint32_t i = 1; i < balance->count; i++)
        value = fmax(value, *member(&balance->ahead[i], quantity));
    return value;
}

static void subtract(struct balance *balance, int quantity, double amount)
{
    for (uint32_t i = 0; i < balance->count; i++)
        *member(&balance->ahead[i], quantity) -= amount;
}

static void push(struct balance *balance, const struct balance_use *ahead)
{
    if (balance->count == BALANCE_WINDOW)
        memmove(balance->ahead, balance->ahead + 1, --balance->count * sizeof(*balance->ahead));
    balance->ahead[balance->count++] = *ahead;
}

/* In the intervals that were left out, nothing changed. */
static void pass(struct balance *balance, int64_t interval_start, unsigned interval_s)
{
    struct balance_use last = balance->ahead[balance->count - 1];
    int64_t skipped = (interval_start - balance->interval_start) / interval_s - 1;

    for (int64_t i = 0; i < skipped && i < BALANCE_WINDOW; i++)
        push(balance, &last);
}

/* What the server was behind by for as long as it takes to be sure. */
static void forget(struct balance *balance)
{
    for (int i = 0; i < QUANTITIES; i++) {
        double behind = most(balance, i);

        if (behind < 0)
            subtract(balance, i, behind);
    }
}

static struct balance_use settle_excess(struct balance *balance)
{
    struct balance_use excess = {0};

    for (int i = 0; i < QUANTITIES; i++)
        *member(&excess, i) = fmax(0, floor(least(balance, i)));
    excess.tokens_cached = fmin(excess.tokens_cached, excess.tokens_in);
    for (int i = 0; i < QUANTITIES; i++)
        subtract(balance, i, *member(&excess, i));
    return excess;
}

struct balance_use balance_settle(struct balance *balance, int64_t interval_start,
                                  unsigned interval_s, const struct balance_use *wire,
                                  const struct balance_use *server)
{
    struct balance_use next = {0};

    if (balance->count > 0) {
        pass(balance, interval_start, interval_s);
        if (interval_start / DAY_S != balance->interval_start / DAY_S)
            forget(balance);
        next = balance->ahead[balance->count - 1];
    }
    next.requests += server->requests - wire->requests;
    next.tokens_in += server->tokens_in - wire->tokens_in;
    next.tokens_cached += server->tokens_cached - wire->tokens_cached;
    next.tokens_out += server->tokens_out - wire->tokens_out;
    push(balance, &next);
    balance->interval_start = interval_start;
    if (balance->count < BALANCE_WINDOW)
        return (struct balance_use){0};
    return settle_excess(balance);
}

bool balance_is_nothing(const struct balance_use *use)
{
    return !(use->requests > 0 || use->tokens_in > 0 || use->tokens_out > 0);
}

/* -- As text ---------------------------------------------------------------------------------- */

/* 17 digits are enough to be the same double again. */
void balance_print(const struct balance *balance, char text[BALANCE_TEXT_SIZE])
{
    int length = snprintf(text, BALANCE_TEXT_SIZE, "%" PRId64 " %" PRIu32, balance->interval_start,
                          balance->count);

    for (uint32_t i = 0; i < balance->count; i++) {
        const struct balance_use *ahead = &balance->ahead[i];

        length +=
            snprintf(text + length, BALANCE_TEXT_SIZE - (size_t)length, " %.17g %.17g %.17g %.17g",
                     ahead->requests, ahead->tokens_in, ahead->tokens_cached, ahead->tokens_out);
    }
}

static bool parse_number(const char **text, double *number)
{
    char *end;

    *number = strtod(*text, &end);
    if (end == *text || !isfinite(*number))
        return false;
    *text = end;
    return true;
}

static bool parse(struct balance *balance, const char *text)
{
    char *end;

    balance->interval_start = strtoll(text, &end, 10);
    if (end == text || *end != ' ')
        return false;
    text = end;
    balance->count = (uint32_t)strtoul(text, &end, 10);
    if (end == text || balance->count > BALANCE_WINDOW)
        return false;
    text = end;
    for (uint32_t i = 0; i < balance->count; i++)
        for (int j = 0; j < QUANTITIES; j++)
            if (!parse_number(&text, member(&balance->ahead[i], j)))
                return false;
    return *text == '\0';
}

bool balance_parse(struct balance *balance, const char *text)
{
    memset(balance, 0, sizeof(*balance));
    if (parse(balance, text))
        return true;
    memset(balance, 0, sizeof(*balance));
    return false;
}

/* -- As it is recorded ------------------------------------------------------------------------ */

static struct triple exactly(double count)
{
    return (struct triple){count, count, count};
}

struct activity balance_activity(const struct balance_use *use, uint16_t service,
                                 enum evidence_grade grade)
{
    return (struct activity){
        .service_id = service,
        .grade = (uint8_t)grade,
        .requests = exactly(use->requests),
        .tokens_in = exactly(use->tokens_in),
        .tokens_out = exactly(use->tokens_out),
    };
}

struct local_use balance_local_use(const struct balance_use *use, uint16_t service)
{
    return (struct local_use){
        .service_id = service,
        .requests = use->requests,
        .tokens_in = use->tokens_in,
        .tokens_cached = use->tokens_cached,
        .tokens_out = use->tokens_out,
    };
}

struct balance_use balance_of_server(const struct server_use *use)
{
    return (struct balance_use){(double)use->requests, (double)use->tokens_in,
                                (double)use->tokens_cached, (double)use->tokens_out};
}

enum balance_verdict balance_judge(double wire, double server, uint64_t restarts)
{
    if (!(server > 0))
        return BALANCE_NOTHING;
    if (fabs(server - wire) <= AGREEMENT * fmax(wire, server))
        return BALANCE_AGREES;
    if (server > wire)
        return BALANCE_SERVER_AHEAD;
    if (fabs(wire / server - 2) <= TWICE)
        return BALANCE_WIRE_TWICE;
    return restarts > 0 ? BALANCE_RESTARTED : BALANCE_WIRE_AHEAD;
}

const char *balance_verdict_name(enum balance_verdict verdict)
{
    static const char *const names[BALANCE_VERDICTS] = {"nothing",    "agrees",     "server-ahead",
                                                        "wire-ahead", "wire-twice", "restarted"};

    return names[verdict];
}
