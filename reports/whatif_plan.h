/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_WHATIF_PLAN_H
#define IAGMETER_WHATIF_PLAN_H

#include "daemon/config.h"
#include "daemon/servicefactors.h"
#include "reports/whatif_measured.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A scenario, read from the words of a command line: who does which share of the work of each
 * service, and with which factors. All shares are of the month as it was, so that the order of the
 * changes does not matter; only a model without a service belongs to the move before it. */

enum whatif_kind {
    WHATIF_MOVE,     /* "SERVICE=TARGET:SHARE%", TARGET a service or "local" */
    WHATIF_MODEL,    /* "SERVICE=PROVIDER/NAME", or "PROVIDER/NAME" for the last target */
    WHATIF_PROVIDER, /* "SERVICE=PROVIDER" */
    WHATIF_ZONE,     /* "SERVICE=ZONE" */
    WHATIF_METHOD,   /* "SERVICE=A" or "B" */
    WHATIF_REDUCE,   /* "SERVICE:SHARE%": fewer requests; SERVICE may be "all" */
    WHATIF_SHORTER,  /* "SERVICE:SHARE%": fewer output tokens per request; the same */
    WHATIF_KINDS
};

/* Of the option: "move". */
const char *whatif_kind_name(enum whatif_kind kind);

struct whatif_change {
    enum whatif_kind kind;
    const char *text;
};

#define WHATIF_LOCAL "local" /* a host of our own; also the id of its provider */
#define WHATIF_ALL   "all"
#define WHATIF_MOVES 8 /* of one service */

/* Who does the work: a service, or a host of our own. */
struct whatif_machine {
    char id[SERVICE_ID_SIZE];
    uint16_t number;                 /* of the service; SERVICE_NONE for our own */
    const struct mix_factors *usual; /* NULL: no estimate; of our own there is none */
    const struct mix_factors
        *chosen; /* in the scenario; the same pointer when nothing is changed */
    bool is_resolved;
    bool is_changed;
    const char *given[WHATIF_KINDS];  /* texts of model, provider, zone and method; NULL */
    struct service_factors all;       /* what the pointers above point into, */
    struct mix_factors changed;       /* or to */
    struct whatif_measured *measured; /* of a host of our own that has data of the month, or NULL */
};

/* What becomes of the requests made to a service. */
struct whatif_origin {
    bool is_named;     /* by a change of its own */
    double requests;   /* what is left of them, of 1 */
    double tokens_out; /* what is left of those of a request, of 1 */
    size_t move_count;
    struct {
        size_t machine;
        double share;
    } moves[WHATIF_MOVES];
    double kept; /* share that is not moved */
};

struct whatif_plan {
    const struct config *config;
    int64_t time_s;                  /* start of the month: mixes change between months only */
    size_t machine_count;            /* the services by number, then our own */
    struct whatif_machine *machines; /* machine_count */
    struct whatif_origin *origins;   /* machine_count - 1 */
    double requests_of_all;          /* what is left of everybody's, of 1 */
    char **texts;
    size_t text_count;
};

/* Of the month that starts at TIME. Returns NULL and one sentence in ERROR when the changes are
 * wrong. CONFIG must outlive the plan, the changes need not. Freed with whatif_plan_free(). */
struct whatif_plan *whatif_plan_new(const struct config *config, int64_t time_s,
                                    const struct whatif_change *changes, size_t count, char *error,
                                    size_t error_size);
void whatif_plan_free(struct whatif_plan *plan);

/* Gives services on a host of our own what the month measured there, and the host itself what it
 * measured of the service that it did most for. REPORT must outlive the plan. */
void whatif_plan_measure(struct whatif_plan *plan, struct ledger *ledger,
                         const struct month_report *report);

/* Looks the factors of a machine up, once. Returns false and a sentence when they are missing. */
bool whatif_plan_resolve(struct whatif_plan *plan, size_t machine, char *error, size_t error_size);

/* Whether anything of what a service does, or is asked, is another in the scenario. */
bool whatif_plan_changes(const struct whatif_plan *plan, uint16_t service);

#endif
