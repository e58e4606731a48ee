/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_STATEMENTS_H
#define IAGMETER_STATEMENTS_H

#include "daemon/rates.h"
#include "reports/month.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Restatements that were made, in STATE_DIRECTORY/statements.db (SQLite): beside the ledger, whose
 * only writer is the daemon. Append only: a statement has a number for ever and is never changed,
 * by triggers in the file itself. Holds sums per month, direction and service, as the ledger does:
 * also of pairs that a single person may stand behind, so it is as little for publication. */

/* Why a restated figure is not the recorded one, in the order in which the factors are exchanged;
 * a decomposition depends on the order (docs/method.md, section 10). */
enum statement_cause {
    STATEMENT_CONFIGURATION, /* the same vintage computes something else today */
    STATEMENT_MODELS,        /* sizes and speeds of models */
    STATEMENT_METHOD,        /* coefficients of the methods, embodied impact of servers */
    STATEMENT_DATA_CENTRES,  /* PUE, on-site water, and the place */
    STATEMENT_ELECTRICITY,   /* greenhouse gases and metals of the electricity */
    STATEMENT_WATER,         /* water of the electricity */
    STATEMENT_NOT_AT_HAND,   /* recorded with factors that are no longer there: all of the change */
    STATEMENT_CAUSES
};
/* "data-centres". */
const char *statement_cause_name(enum statement_cause cause);

/* What single exchanges of a pair differ by: as struct month_totals has it. */
#define STATEMENT_USE(X)                                                                           \
    X(requests)                                                                                    \
    X(tokens_out_low)                                                                              \
    X(tokens_out_central)                                                                          \
    X(tokens_out_high) X(tokens_out_variance) X(unscattered_requests) X(unscattered_tokens_out)
struct statement_use {
    bool is_known; /* false: stated by a program that did not keep it */
    double requests;
    double tokens_out_low;
    double tokens_out_central;
    double tokens_out_high;
    double tokens_out_variance;
    double unscattered_requests;
    double unscattered_tokens_out;
};

/* A pair of direction and service in one month. */
struct statement_row {
    int month; /* 12 * year + month - 1 */
    char direction[MONTH_ID_SIZE];
    char service[MONTH_ID_SIZE];
    uint32_t devices; /* as the month's report counts them */
    struct impact recorded;
    struct impact restated;
    double causes[STATEMENT_CAUSES][RATES_QUANTITIES]; /* of central values; add up to the change */
    struct statement_use use;
};

/* What the period, or a part of it, was recorded with. */
struct statement_set {
    char vintage[64];
    uint64_t digest; /* of that configuration */
    bool at_hand;    /* the vintage could be read when the statement was made */
};

struct statement {
    int64_t number; /* from 1; 0: not recorded yet */
    int64_t made_s;
    char period[32]; /* as it was asked for */
    int64_t from_s;
    int64_t until_s;
    bool running; /* the period was not over */
    char timezone[64];
    char vintage[64];       /* of the factors that it was computed with */
    uint64_t factors;       /* digest of that vintage's files */
    uint64_t configuration; /* digest of the configuration, whose catalogue was used */
    double threshold_percent;
    bool passes; /* a figure that is shown changed by more than that */
    char program[32];
    struct statement_set *sets;
    size_t set_count;
    struct statement_row *rows; /* by month, then in the order of the month's report */
    size_t row_count;
};

void statement_free(struct statement *statement);

/* Records all of STATEMENT or nothing, and gives it its number. Returns false with one sentence in
 * ERROR. */
bool statements_append(const char *state_directory, struct statement *statement, char *error,
                       size_t error_size);

/* Reads statement NUMBER, from 1. MONTH (12 * year + month - 1) limits the rows to that month; -1:
 * all. Returns NULL and one sentence in ERROR, which is "" when there is no such statement. */
struct statement *statements_load(const char *state_directory, int64_t number, int month,
                                  char *error, size_t error_size);

/* The same of the newest statement that holds all of MONTH, which ends at END_S: not one that was
 * made while the month was still running. */
struct statement *statements_load_newest(const char *state_directory, int month, int64_t end_s,
                                         char *error, size_t error_size);

/* Calls VISIT for each statement, without rows or sets, in the order of their numbers, until it
 * returns false. Returns false with one sentence in ERROR; without any statement, true. */
typedef bool statements_visitor(void *context, const struct statement *statement);
bool statements_visit(const char *state_directory, statements_visitor *visit, void *context,
                      char *error, size_t error_size);

#endif
