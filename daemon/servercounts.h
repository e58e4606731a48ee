/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SERVERCOUNTS_H
#define IAGMETER_SERVERCOUNTS_H

#include "daemon/balance.h"
#include "daemon/config.h"
#include "daemon/ledger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The services whose servers are asked what they counted: what is kept of each in the ledger, and
 * whether that is their use, or stands beside what the wire showed. */

/* One service of every server, and those of its models. */
#define SERVERCOUNTS_SERVICES (INFERENCE_MAX_PORTS + MAX_INFERENCE_MODELS)
#define SERVERCOUNTS_NONE     SIZE_MAX

struct servercounts;

/* Those of CONFIG, with what the ledger keeps of them. NULL, *STATUS set: the ledger failed, or
 * LEDGER_RETRY without memory. */
struct servercounts *servercounts_open(struct ledger *ledger, const struct config *config,
                                       enum ledger_status *status);
void servercounts_close(struct servercounts *counts);

size_t servercounts_count(const struct servercounts *counts);
/* The number of SERVICE (an id), or SERVERCOUNTS_NONE. */
size_t servercounts_find(const struct servercounts *counts, const char *service);
const struct service *servercounts_service(const struct servercounts *counts, size_t number);
/* Whether what the server counts is the use, and the wire is not looked at. */
bool servercounts_are_use(const struct servercounts *counts, size_t number);

/* balance_settle() of service NUMBER. Nothing before the first time that its server counted. */
struct balance_use servercounts_settle(struct servercounts *counts, size_t number,
                                       int64_t interval_start, const struct balance_use *wire,
                                       const struct balance_use *server);

/* Keeps what changed, in the running transaction. */
enum ledger_status servercounts_record(struct servercounts *counts, struct ledger *ledger);

#endif
