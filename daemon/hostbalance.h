/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HOSTBALANCE_H
#define IAGMETER_HOSTBALANCE_H

#include "daemon/config.h"
#include "daemon/ledger.h"
#include "reports/localhost.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Wire and servers side by side over the last whole UTC day that was shared, for `iagmeter status`
 * and `iagmeter metrics`. By service only where each service was used by as many devices on that
 * day as the reports ask for (the threshold); else all of them together, since what one has is the
 * sum less the others. A whole day: what changes from one minute to the next would be one use. */

struct hostbalance {
    int64_t day_s; /* its start */
    bool by_service;
    struct localhost *host; /* NULL: nothing was recorded, or no day is over */
};

/* CONFIG must outlive it. False when the ledger cannot be read. */
bool hostbalance_collect(struct hostbalance *out, struct ledger *ledger,
                         const struct config *config, int64_t now_s);
void hostbalance_clear(struct hostbalance *balance);

/* Counts by number from 0 until false; *SERVICE is NULL for the sum. */
struct hostbalance_line {
    const char *service; /* NULL: all of them */
    bool has_server;
    struct localhost_count counts[LOCALHOST_COUNTS];
};
bool hostbalance_line(const struct hostbalance *balance, size_t number,
                      struct hostbalance_line *out);

/* Lines for people, nothing when there is nothing; for programs, null then. */
void hostbalance_print(const struct hostbalance *balance, FILE *stream);
json_t *hostbalance_json(const struct hostbalance *balance);

#endif
