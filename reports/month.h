/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_MONTH_H
#define IAGMETER_MONTH_H

#include "daemon/calendar.h"
#include "daemon/config.h"
#include "daemon/ledger.h"

#include <stdbool.h>
#include <stddef.h>

/* The monthly footprint: computed once from the ledger into a structure, which the writers (HTML,
 * CSV, JSON) only print. Nothing is computed in a writer, so that the three always agree. */

struct month_totals {
    struct activity activity;
    struct impact impact;
    struct triple requests_without_impact; /* of services whose impact is not estimated */
};

/* One line of a table. After suppression: cells with fewer active devices than the threshold are
 * merged into one row "other", together with a further one when a single cell could otherwise be
 * found by subtraction from the total. */
struct month_row {
    char id[64];
    char label[DIRECTION_LABEL_SIZE];
    unsigned headcount; /* directions only; 0 unknown */
    bool is_other;
    unsigned merged;  /* how many cells were folded into "other" */
    uint32_t devices; /* largest daily number; not printed for "other" */
    struct month_totals totals;
};

struct month_report {
    struct calendar_month month;
    const struct config *config;
    struct month_totals total;
    struct month_row *directions;
    size_t direction_count;
    struct month_row *services;
    size_t service_count;
    struct coverage coverage;
    double month_s;   /* length of the month, or of its past part */
    double covered_s; /* capped: never above month_s */
    char graph_svg_path[64];
    char (*vintages)[64];
    size_t vintage_count;
};

/* Returns NULL and one sentence in ERROR when the ledger cannot be read. A month without any data
 * is an error too (no report without coverage). NOW bounds the month that is still running. */
struct month_report *month_build(struct ledger *ledger, const struct config *config,
                                 struct calendar_month month, int64_t now, char *error,
                                 size_t error_size);
void month_free(struct month_report *report);

/* Printed totals per direction, for a terminal. */
void month_print(const struct month_report *report, const char *language, FILE *stream);

/* Each returns false with errno set when the stream fails. LANGUAGE is "fr" or "en"; SVG may be
 * NULL. */
bool month_write_html(const struct month_report *report, const char *language, const char *svg,
                      size_t svg_size, FILE *stream);
bool month_write_csv(const struct month_report *report, FILE *stream);
bool month_write_json(const struct month_report *report, FILE *stream);

#endif
