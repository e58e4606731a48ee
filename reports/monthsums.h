/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_MONTHSUMS_H
#define IAGMETER_MONTHSUMS_H

#include "daemon/calendar.h"
#include "daemon/config.h"
#include "daemon/hoststatus.h"
#include "daemon/ledger.h"
#include "reports/month.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What a year is told of from its months: sums that their reports show (month.h), and nothing else.
 * Those of months that are over are kept in a file beside the ledger (monthfile.h), each with a
 * stamp of all that they follow from, so that a month is read again only when that changed. The
 * ledger stays the truth: the file may be deleted at any time. */

#define MONTHSUMS_STAMP_SIZE 65 /* SHA-256, in hexadecimal */

/* What is kept was made by the rules of its day, and is not to be told by others: raise this number
 * with every change of month.c, suppress.c or localhost.c that changes what is shown, or how it is
 * added up. The version of the program changes too seldom for that. */
#define MONTHSUMS_RULES "4"

struct monthsums_row {
    char id[MONTH_ID_SIZE]; /* code of the direction, or id of the service */
    struct month_totals totals;
};

#define MONTHSUMS_VINTAGE_SIZE 64
typedef char monthsums_vintage[MONTHSUMS_VINTAGE_SIZE];

struct monthsums {
    int year;
    int month;                        /* 1 to 12 */
    char stamp[MONTHSUMS_STAMP_SIZE]; /* "": nothing may be kept */
    bool running;
    bool withheld; /* nothing is shown but coverage */
    bool unused;   /* the report says that nobody used anything */
    double covered_s;
    double month_s;
    struct coverage coverage; /* what the report prints of it */
    bool local_counts_shown;
    monthsums_vintage *vintages; /* of factors */
    size_t vintage_count;
    enum suppress_result suppressed;
    struct month_totals total;
    struct month_totals other; /* of SUPPRESS_MERGED: zeros where the report has no such row */
    bool units_of_shown;
    double tokens_with_impact;
    /* Of a host of our own, as struct hoststatus has it; zeros where HOST_HIDDEN: there is
     * something of it, which the report does not show. */
    bool host_hidden;
    struct hoststatus_tokens wire;
    struct hoststatus_tokens unseen;
    struct hoststatus_tokens server;
    struct monthsums_row *rows; /* of directions that have one of their own */
    size_t count;
    struct monthsums_row *services; /* the same */
    size_t service_count;
};

/* What REPORT shows. NULL when memory is exhausted. Freed with monthsums_free(). */
struct monthsums *monthsums_of_report(const struct month_report *report);
void monthsums_free(struct monthsums *sums);

/* What the report prints for a direction (or, where it is "", in total); NULL when it does not. A
 * direction that has no row may have used nothing, or be folded: that is not told. When nobody used
 * anything, the report says so. */
const struct month_totals *monthsums_shown(const struct monthsums *sums, const char *direction);
/* The same of a service, whose id is never "". */
const struct month_totals *monthsums_service(const struct monthsums *sums, const char *service);

/* The months of a ledger, as of NOW. What is wrong with the file is told to COMPLAINTS in one line,
 * and the ledger is read instead. LEDGER and CONFIG must outlive it. NULL without memory. */
struct monthsums_store;
struct monthsums_store *monthsums_open(struct ledger *ledger, const struct config *config,
                                       int64_t now_s, FILE *complaints);

/* *OUT is NULL where the ledger holds nothing of MONTH, and else lives as long as the store.
 * Returns false and one sentence in ERROR when the ledger cannot be read. */
bool monthsums_get(struct monthsums_store *store, struct calendar_month month,
                   const struct monthsums **out, char *error, size_t error_size);

/* How many months were read from the ledger, and not from the file. */
unsigned monthsums_months_read(const struct monthsums_store *store);

/* Keeps what is new, and drops what is no longer right, asked about or not: a pair that was shown
 * by a lower threshold does not stay in the file. Where that is not permitted, nothing is said: the
 * next one reads the ledger, too. */
void monthsums_close(struct monthsums_store *store);

#endif
