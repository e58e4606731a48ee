/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_LOCALHOST_H
#define IAGMETER_LOCALHOST_H

#include "daemon/balance.h"
#include "daemon/config.h"
#include "daemon/ledger.h"
#include "daemon/sharing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A month of the inference host of our own: what its meters recorded, who used it, and how what it
 * draws anyway is shared (docs/method.md, section 4). Joules are of the machines: what the data
 * centre adds is in the report's kilowatt-hours. */

#define LOCALHOST_ID_SIZE 64
#define LOCALHOST_KEYS    3 /* enum sharing_key_kind */

struct localhost_device {
    char name[POWER_NAME_SIZE];
    uint8_t kind; /* enum power_device_kind */
    double energy_j;
    double idle_j;
    double covered_s;
    uint8_t flags; /* of any interval, enum energy_flag */
    /* Seconds measured with ENERGY_LOWER_BOUND, ENERGY_AMBIGUOUS, ENERGY_EXCEEDED. */
    double lower_bound_s;
    double ambiguous_s;
    double exceeded_s;
    double carried_j; /* of the host: what is counted above the meter of the whole */
};

/* Exchanges with one service: as captured, spread over the time they took, and as the server itself
 * counts. */
struct localhost_service {
    char id[LOCALHOST_ID_SIZE];
    double requests;
    double tokens_in; /* those from the cache included */
    double tokens_cached;
    double tokens_out;
    double weight; /* weighted tokens, as they were shared */
    /* Of these, what the wire did not show and only the server counted. */
    double unseen_requests;
    double unseen_tokens_in;
    double unseen_tokens_cached;
    double unseen_tokens_out;
    bool has_server;
    double server_requests;
    double server_tokens_in;
    double server_tokens_cached;
    double server_tokens_out;
    bool server_is_use; /* the wire is not looked at (configured) */
    uint32_t servers;   /* a bit for each of the host's that it is served by */
};

/* Wire and server side by side, of one quantity. */
#define LOCALHOST_COUNTS 4 /* requests, tokens in, cached, out */
struct localhost_count {
    double wire;   /* as captured */
    double unseen; /* added to "unassigned", or by teams, as only the server counted it */
    double server;
    bool is_compared; /* all that is summed up here has both */
    enum balance_verdict verdict;
};

/* A direction that used the host, or is entitled to a part of it. */
struct localhost_direction {
    char id[LOCALHOST_ID_SIZE];
    double weight; /* weighted tokens of all services */
    double entitlement;
    double shares[LOCALHOST_KEYS]; /* of what is common; by keys that are not there, 0 */
};

struct localhost {
    const struct host_config *config;
    const struct host_period *period; /* the key of the month */
    bool has_key[LOCALHOST_KEYS];     /* which others can be shown beside */
    double rest[LOCALHOST_KEYS];      /* share that stays unassigned: nobody used anything */
    struct localhost_device *devices;
    size_t device_count;
    struct localhost_service *services;
    size_t service_count;
    struct localhost_direction *directions;
    size_t direction_count;
    /* Of all devices but sources, of intervals whose energy is shared: the sum of what each
     * direction has in the report is this. */
    double energy_j;
    double idle_j;
    double pending_j;  /* of later intervals: in nobody's figures yet */
    double measured_s; /* for which the host's energy is known */
    double weight;     /* of all directions */
    /* Of each server that is asked, on the UTC days of the time. */
    uint64_t restarts[INFERENCE_MAX_PORTS];
};

/* What the ledger has from FROM until UNTIL, within one month. *OUT is NULL when CONFIG has no
 * host, or nothing was recorded of it. Returns false when the ledger cannot be read or memory is
 * exhausted. CONFIG must outlive it. */
bool localhost_read(struct ledger *ledger, const struct config *config, int64_t from, int64_t until,
                    struct localhost **out);
/* Only who used it and the keys: all that is needed to share what is common. */
bool localhost_read_shares(struct ledger *ledger, const struct config *config, int64_t from,
                           int64_t until, struct localhost **out);
void localhost_free(struct localhost *host);

/* Whether SERVICE is of the host of CONFIG: one that computes there, or what is common. */
bool localhost_is_local(const struct config *config, const char *service);
bool localhost_is_common(const struct config *config, const char *service);

/* Of SERVICES of HOST, one or several, summed up. */
struct localhost_count localhost_count(const struct localhost *host,
                                       const struct localhost_service *services, size_t count,
                                       size_t quantity);
/* How often their servers began anew: one that serves several of them counts once. */
uint64_t localhost_restarts(const struct localhost *host, const struct localhost_service *services,
                            size_t count);
const char *localhost_count_name(size_t quantity); /* "tokens_in" */
/* wire less server, in percent of server; NaN when they are not compared. */
double localhost_count_percent(const struct localhost_count *count);

/* The share of DIRECTION in what is common, by the key of the month. */
double localhost_share(const struct localhost *host, const char *direction);
/* NULL: the host was not used by it, nor is it entitled to anything. */
const struct localhost_direction *localhost_direction(const struct localhost *host,
                                                      const char *direction);
const struct localhost_service *localhost_service(const struct localhost *host,
                                                  const char *service);

/* ---- From devices to one direction, interval by interval ---- */

/* What a device drew above idle, and what of it is a direction's. */
struct localhost_part {
    double active_j; /* the device's */
    double used_j;   /* of intervals in which somebody used it: shared by weight */
    double share_j;  /* of those asked about */
};

/* Whether the use of a service by a direction is asked about. */
typedef bool localhost_filter(const void *context, const char *direction, const char *service);

/* Shares the measured energy again, by the weights that were recorded, and adds up what is of the
 * uses that INCLUDES says. PARTS has an element for each device of HOST. Returns false when the
 * ledger cannot be read or memory is exhausted. */
bool localhost_replay(struct ledger *ledger, const struct localhost *host, int64_t from,
                      int64_t until, localhost_filter *includes, const void *context,
                      struct localhost_part *parts);

#endif
