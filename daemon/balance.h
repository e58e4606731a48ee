/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_BALANCE_H
#define IAGMETER_BALANCE_H

#include "collectors/collector.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the wire showed of a service's use, beside what its server counted (the method page). Pure.
 *
 * The two never agree in one interval: a request counts on the wire over its whole run time, at the
 * server when its prompt is read and its tokens come; and the server is asked every few seconds. So
 * what counts is how far the server is ahead in total. What it stays ahead by for a quarter of an
 * hour, the wire will not show any more: that much was used by nobody knows whom. A server that is
 * behind takes nothing from anybody, and is forgotten by the end of the day (UTC), so that it hides
 * no use of the next. */

struct balance_use {
    double requests;
    double tokens_in; /* those from the cache included */
    double tokens_cached;
    double tokens_out;
};

#define BALANCE_WINDOW 15 /* intervals */

/* All zero: nothing was seen yet. */
struct balance {
    struct balance_use ahead[BALANCE_WINDOW]; /* of the server, after each of the last intervals */
    uint32_t count;
    int64_t interval_start; /* of the last one */
};

/* Settles an interval of INTERVAL_S seconds, in their order; those that are left out had no use.
 * WIRE is what was shared (struct local_use) without what came of this function before. Returns
 * what is to be added in this interval, for DIRECTION_UNASSIGNED: nothing negative. */
struct balance_use balance_settle(struct balance *balance, int64_t interval_start,
                                  unsigned interval_s, const struct balance_use *wire,
                                  const struct balance_use *server);
bool balance_is_nothing(const struct balance_use *use);

/* Its state as text, for the ledger, in the transaction that holds what came of it. */
#define BALANCE_TEXT_SIZE 2048
void balance_print(const struct balance *balance, char text[BALANCE_TEXT_SIZE]);
/* Returns false, and all zero, when TEXT is none. */
bool balance_parse(struct balance *balance, const char *text);

/* USE as it is recorded: its activity, of GRADE, and what energy is shared by. Directions are the
 * caller's. */
struct activity balance_activity(const struct balance_use *use, uint16_t service,
                                 enum evidence_grade grade);
struct local_use balance_local_use(const struct balance_use *use, uint16_t service);
struct balance_use balance_of_server(const struct server_use *use);

/* How the two totals of a long time compare. */
enum balance_verdict {
    BALANCE_NOTHING,      /* the server does not count it */
    BALANCE_AGREES,       /* to 1 % */
    BALANCE_SERVER_AHEAD, /* requests that the wire did not show */
    BALANCE_WIRE_AHEAD,   /* the server was not asked all the time; or */
    BALANCE_WIRE_TWICE,   /* about twice: both legs of a proxy are captured; or */
    BALANCE_RESTARTED,    /* the server began anew meanwhile: what it counted last is missing */
    BALANCE_VERDICTS
};
/* RESTARTS of the server in that time. */
enum balance_verdict balance_judge(double wire, double server, uint64_t restarts);
/* "nothing", "agrees", "server-ahead", "wire-ahead", "wire-twice", "restarted" */
const char *balance_verdict_name(enum balance_verdict verdict);

#endif
