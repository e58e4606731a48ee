/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HOSTVIEW_H
#define IAGMETER_HOSTVIEW_H

#include "reports/html.h"
#include "reports/month.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The section of a month's report on the inference host of our own: what is told of it, computed
 * once, for all writers. Energy in kWh is the data centre's, PUE included, as everywhere in the
 * report; joules are the machines', as the meters read them. */

struct host_line {
    const struct month_row *row; /* of the report's directions; the row "other"; NULL: the total */
    bool has_use; /* false: its use is hidden, or none. Then only what is common stands here */
    double weight;
    struct triple active_kwh;
    struct triple common_kwh;
    double energy_j;                          /* of both */
    struct triple by_key_kwh[LOCALHOST_KEYS]; /* active and common, if the key were this one */
};

struct host_view {
    const struct month_report *report;
    const struct localhost *host;
    struct host_line *lines; /* in the order of the report's directions; last, what is hidden */
    size_t count;
    struct host_line total;
    double it_kwh;       /* what the meters read */
    double idle_share;   /* of it */
    double pool_kwh;     /* above idle, but no request ran */
    double unmeasured_s; /* of what is reported */
};

/* NULL where nothing of a host may be told, or memory is exhausted. REPORT must outlive it. */
struct host_view *hostview_new(const struct month_report *report);
void hostview_free(struct host_view *view);

/* The share of idle power, for page 1: the arguments of TEXT_HOST_IDLE. Returns false when there is
 * nothing to say. */
bool hostview_idle_words(const struct month_report *report, enum text_language language,
                         char percent[TEXT_NUMBER_SIZE], char energy[TEXT_NUMBER_SIZE]);
/* The figures that these are, and the next. */
void hostview_idle_names(const struct month_report *report, month_name names[2]);
void hostview_measured_name(const struct month_report *report, const struct month_row *row,
                            month_name name);
/* "of which measured: 63 %", of ROW or, NULL, of the total, where it is a mixture; false when all
 * is of one kind. ARGUMENT is the percentage, or the threshold when *ID says that it is not told.
 */
bool hostview_measured_words(const struct month_report *report, const struct month_row *row,
                             enum text_language language, enum text_id *id,
                             char argument[TEXT_NUMBER_SIZE]);

/* What a device's figures rest on, and what is wrong with them: by number, whether FLAGS (enum
 * energy_flag) has it, and its sentence. */
#define HOSTVIEW_FLAGS 7
bool hostview_has_flag(uint8_t flags, unsigned number);
enum text_id hostview_flag_text(unsigned number);
const char *hostview_flag_name(unsigned number);

/* What is told of one device, for programs and, in other units, on the page. */
enum hostview_quantity {
    HOSTVIEW_ENERGY_J,
    HOSTVIEW_IDLE_J,
    HOSTVIEW_MEASURED_S,
    HOSTVIEW_LOWER_BOUND_S, /* measured with such a flag */
    HOSTVIEW_AMBIGUOUS_S,
    HOSTVIEW_EXCEEDED_S,
    HOSTVIEW_CARRIED_J,
    HOSTVIEW_ENERGY_KWH,
    HOSTVIEW_IDLE_KWH,
    HOSTVIEW_ABOVE_IDLE_KWH,
    HOSTVIEW_MEASURED_H,
    HOSTVIEW_MEAN_W,
    HOSTVIEW_LOWER_BOUND_H,
    HOSTVIEW_AMBIGUOUS_H,
    HOSTVIEW_EXCEEDED_H,
    HOSTVIEW_CARRIED_KWH,
    HOSTVIEW_QUANTITIES
};
const char *hostview_quantity_name(enum hostview_quantity quantity); /* "energy_j" */
const char *hostview_quantity_unit(enum hostview_quantity quantity);
/* Of the names of others; NULL: it is recorded. */
const char *hostview_quantity_formula(enum hostview_quantity quantity);
/* NAN where it has none. */
double hostview_device_value(const struct localhost_device *device,
                             enum hostview_quantity quantity);

/* The sums of the host, by name: energy_j, idle_j, measured_s, pending_j, unmeasured_s,
 * energy_kwh... Call with NUMBER from 0 until false. */
struct hostview_sum {
    const char *name;
    const char *unit;
    double value;
    const char *formula; /* of the names of others, month_s and active_j; NULL: it is recorded */
};
bool hostview_sum(const struct host_view *view, size_t number, struct hostview_sum *out);

/* The counts of one service of the host, or of all, which are captured and what the server says. */
struct host_balance {
    const char *service; /* NULL: all of them together */
    bool has_server;
    uint64_t restarts; /* of the servers of these, each once */
    struct localhost_count counts[LOCALHOST_COUNTS];
};
/* By services where these may be told, else the sum alone: call with NUMBER from 0 until false. */
bool hostview_balance(const struct host_view *view, size_t number, struct host_balance *out);
enum text_id hostview_verdict_text(enum balance_verdict verdict);

/* The figures of host.conf and of its zone: call with NUMBER from 0 until false. */
struct host_factor {
    const char *name;
    const char *unit;
    double value;
    const struct provenance *provenance;
};
bool hostview_factor(const struct month_report *report, size_t number, struct host_factor *out);

/* A section of a page, lines for a terminal. Nothing where nothing may be told but that. */
void hostview_write_html(const struct month_report *report, const struct html_page *page);
void hostview_print(const struct month_report *report, enum text_language language, FILE *stream);

#endif
