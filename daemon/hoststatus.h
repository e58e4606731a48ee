/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HOSTSTATUS_H
#define IAGMETER_HOSTSTATUS_H

#include "daemon/config.h"
#include "daemon/ledger.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What the ledger says of a host of our own over some time, for `iagmeter status` and `iagmeter
 * metrics`. Sums of the whole host only: nothing of a direction or a service. */

/* How long before a device that is away is looked for. */
#define HOSTSTATUS_BEFORE_S (31 * 86400)
#define HOSTSTATUS_DEVICES  (4 * MAX_POWER_DEVICES)

struct hoststatus_device {
    char name[POWER_NAME_SIZE];
    uint8_t kind;  /* enum power_device_kind */
    uint8_t flags; /* enum energy_flag, of all intervals together */
    double energy_j;
    double idle_j;
    uint64_t covered_ns;
    double last_w;     /* mean of the last interval in which it was measured */
    uint32_t restarts; /* intervals in which its counter began anew */
    double carried_j;  /* of the host: what is counted above the meter of the whole */
    uint32_t exceeded; /* intervals in which the GPUs drew more than any delay of it explains */
    int64_t seen_s;    /* when one that was not measured was last, in HOSTSTATUS_BEFORE_S; 0: not */
};

/* What sources that stand for the whole, and those that stand for its parts, said of the same
 * intervals. */
struct hoststatus_difference {
    int64_t interval_start; /* that the following are of */
    double wall_j;
    double parts_j;
    uint64_t wall_ns;
    bool has_parts;
    double sum_j; /* of the intervals before it that had both: whole less parts */
    uint64_t sum_ns;
};

struct hoststatus_tokens {
    double in;
    double out;
};

struct hoststatus {
    int64_t from_s;
    int64_t until_s;
    int64_t first_s; /* first interval measured, or FROM_S if there is one before; 0 without any */
    int64_t last_s;  /* up to where all that is measured is known */
    /* That were measured; and those of host.conf, and meters that should count, also while nothing
     * measures them. */
    struct hoststatus_device devices[HOSTSTATUS_DEVICES];
    size_t count;
    struct hoststatus_difference difference;
    double energy_j;                 /* shared so far, of what was measured */
    double common_j;                 /* of it, idle and what nobody asked for */
    struct hoststatus_tokens wire;   /* of exchanges with its servers, as captured */
    struct hoststatus_tokens unseen; /* that was added to these: only the server counted it */
    struct hoststatus_tokens server; /* that the servers counted themselves */
    bool has_shared;
    int64_t shared_until_s;
};

/* Sums up FROM_S to UNTIL_S. CONFIG has a host. False, with the reason in ledger_error(), when the
 * ledger cannot be read. */
bool hoststatus_collect(struct hoststatus *out, struct ledger *ledger, const struct config *config,
                        int64_t from_s, int64_t until_s);

/* Mean power while it was measured; 0 when it was not. */
double hoststatus_power_w(const struct hoststatus_device *device);

/* GPUs and the rest together: mean power, and how long the rest was measured, of the time since the
 * first measurement. */
double hoststatus_total_w(const struct hoststatus *status);
double hoststatus_covered_s(const struct hoststatus *status);
double hoststatus_missing_s(const struct hoststatus *status);
/* For how long DEVICE was not measured, of that time. */
double hoststatus_missed_s(const struct hoststatus *status, const struct hoststatus_device *device);

/* What a meter of the whole machine says less the sum of its parts, in the minutes in which both
 * were measured. False when there are none. */
bool hoststatus_difference_w(const struct hoststatus *status, double *difference_w);

/* Lines for people, and the same for programs. */
void hoststatus_print(const struct hoststatus *status, const struct host_config *host,
                      FILE *stream);
json_t *hoststatus_json(const struct hoststatus *status, const struct host_config *host);

#endif
