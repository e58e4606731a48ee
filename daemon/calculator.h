/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CALCULATOR_H
#define IAGMETER_CALCULATOR_H

#include "daemon/factors.h"
#include "daemon/impact.h"
#include "daemon/sensitivity.h"
#include "reports/text.h"

#include <stdbool.h>
#include <stdio.h>

/* What one use of a model costs, asked for by hand or line by line from a table. */

/* What may be asked. Each is also a column of a table and, with '-' for '_', an option. */
enum calculator_field {
    CALCULATOR_PROVIDER,   /* id of providers.conf, or what models.conf calls it */
    CALCULATOR_MODEL,      /* a name in models.conf, or "provider/name"; an id of media.conf */
    CALCULATOR_TOKENS_OUT, /* one number, or low/central/high */
    CALCULATOR_TOKENS_IN,  /* the same; default 0 */
    CALCULATOR_ZONE,       /* id of zones.conf; default the provider's */
    CALCULATOR_LATENCY_S,  /* of one whole request, "inf" (default): unknown */
    CALCULATOR_METHOD,     /* "A" (default) or "B" */
    CALCULATOR_MIX,        /* "published" (default of method A) or "headline" (of method B) */
    CALCULATOR_UNITS,      /* requests, images or clips; default 1 */
    CALCULATOR_IT_KWH,     /* energy measured at the machines, instead of a model */
    CALCULATOR_FIELDS
};
extern const char *const calculator_field_names[CALCULATOR_FIELDS];

/* Texts as they were given; NULL or "": the default. */
struct calculator_query {
    const char *fields[CALCULATOR_FIELDS];
};

#define CALCULATOR_VARIANTS 8

/* The same use with another row of the same country: another convention for water, another mix. */
struct calculation_variant {
    const struct zone_factors *zone;
    struct impact_result results[3];
};

struct calculation {
    struct impact_factors factors;       /* model NULL for media and measured energy */
    const struct medium_factors *medium; /* NULL unless asked for */
    struct triple tokens_in;             /* of one request */
    struct triple tokens_out;
    struct triple it_kwh; /* of all media, or measured */
    double units;
    double latency_s;
    struct impact_result results[3]; /* by enum impact_end */
    bool has_embodied;
    struct calculation_variant variants[CALCULATOR_VARIANTS];
    size_t variant_count;
    struct sensitivity sensitivity;
};

/* Returns NULL, or what is wrong with the query, in ERROR. */
const char *calculator_compute(const struct factors *factors, const struct calculator_query *query,
                               struct calculation *out, char error[160]);
/* The same of what the query holds, be it all that is needed or not: of options that rows of a
 * table complete. */
const char *calculator_check(const struct factors *factors, const struct calculator_query *query,
                             char error[160]);

enum calculator_format { CALCULATOR_TEXT, CALCULATOR_JSON, CALCULATOR_TSV };

/* Writes one calculation with its query: for people in LANGUAGE, as one line of JSON, or as a table
 * of one row.
 * WITH_SENSITIVITY: also which unknowns matter most (not in a table). Returns false when memory is
 * exhausted or the stream cannot be written. */
bool calculator_write(const struct factors *factors, const struct calculator_query *query,
                      const struct calculation *calculation, enum calculator_format format,
                      enum text_language language, bool with_sensitivity, FILE *stream);

/* What became of a table. */
struct calculator_batch {
    unsigned long rows;
    unsigned long bad_rows;
    bool failed; /* the header is wrong, or a file cannot be read or written */
};

/* Reads a tab-separated table from IN, called NAME in messages, whose header names fields in any
 * order, and writes one row for each to OUT, in order, in constant memory. Where a field is empty,
 * or no column, that of DEFAULTS counts. A bad row is told on COMPLAINTS with its line, and in the
 * column "error". Numbers have 17 significant digits. FORMAT is CALCULATOR_TSV or CALCULATOR_JSON.
 */
struct calculator_batch calculator_run_batch(const struct factors *factors, FILE *in,
                                             const char *name,
                                             const struct calculator_query *defaults,
                                             enum calculator_format format, FILE *out,
                                             FILE *complaints);

#endif
