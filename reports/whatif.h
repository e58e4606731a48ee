/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_WHATIF_H
#define IAGMETER_WHATIF_H

#include "reports/month.h"
#include "reports/whatif_difference.h"
#include "reports/whatif_plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A month beside a scenario: the same use, done elsewhere, by another model, or less of it. Both
 * are computed with the same factors from the same activity, so that their difference is of the
 * scenario alone. Knows of a month what its report shows; what the report folds stays as it was
 * recorded, but for fewer requests of all. */

struct whatif_query {
    const char *direction; /* code; NULL: all */
    const struct whatif_change *changes;
    size_t change_count;
};

/* Sums are made end to end, as everywhere in a report. */
struct whatif_sum {
    struct month_totals before; /* computed again */
    struct month_totals after;
    struct whatif_difference difference; /* after - before */
};

/* What the difference of an indicator, or its interval, says. */
enum whatif_verdict {
    WHATIF_SAME,
    WHATIF_LESS,
    WHATIF_MORE,
    WHATIF_UNSURE /* the interval has 0 within */
};

/* A share of what was asked of a service, and who does it with what. */
struct whatif_use {
    const struct whatif_machine *machine;
    const struct mix_factors *mix; /* NULL: no estimate */
    bool is_after;                 /* in the scenario; else as it was */
    bool is_moved;
    struct month_totals totals;
};

struct whatif_row {
    char id[MONTH_ID_SIZE];
    char label[DIRECTION_LABEL_SIZE];
    const struct service *service; /* NULL: of a direction, or no longer in the catalogue */
    bool is_in_scope;              /* has a pair that is shown, of the direction asked about */
    bool is_changed;
    struct whatif_sum sum;
    struct whatif_use *uses; /* services only; what is the same on both sides included */
    size_t use_count;
};

/* What else could be assumed, of both sides. */
enum whatif_variant {
    WHATIF_METHOD_A, /* of interest when methods differ */
    WHATIF_METHOD_B,
    WHATIF_OTHER_WATER, /* when there is another count */
    WHATIF_VARIANTS
};

struct whatif {
    const struct month_report *report;
    struct whatif_plan *plan;
    const struct month_row *direction; /* NULL: all */
    char **changes;                    /* as given: "--move chatgpt-web=local:50%" */
    size_t change_count;
    struct month_totals recorded;
    struct whatif_sum total; /* what is folded included */
    struct whatif_sum folded;
    bool has_folded;
    struct whatif_row *directions; /* in the order of the report; zeros but for the one asked */
    size_t direction_count;
    struct whatif_row *services;
    size_t service_count;
    bool methods_differ;                    /* between the two sides of something that changes */
    const struct zone_factors *other_water; /* another count of a zone's water; NULL: none */
    struct whatif_sum variants[WHATIF_VARIANTS]; /* the difference alone */
};

enum whatif_status {
    WHATIF_OK,
    WHATIF_USAGE,  /* a change is wrong, or no such direction */
    WHATIF_NOTHING /* the report does not show it, or no impact is estimated */
};

/* REPORT, which was built from LEDGER, must outlive the answer. On failure one sentence in ERROR,
 * and *OUT is NULL. Freed with whatif_free(). */
enum whatif_status whatif_build(struct ledger *ledger, const struct month_report *report,
                                const struct whatif_query *query, struct whatif **out, char *error,
                                size_t error_size);
void whatif_free(struct whatif *whatif);

/* Of an indicator from MONTH_ENERGY to MONTH_ADPE. */
struct triple whatif_change_of(const struct whatif_sum *sum, enum month_indicator indicator);
/* The change as a part of what was before, both central; 1 is all, NAN of nothing. Without an
 * interval: which part of a sum the changed services are is uncertain, too. */
double whatif_relative(const struct whatif_sum *sum, enum month_indicator indicator);
enum whatif_verdict whatif_verdict_of(struct triple difference);
/* For programs: "less". */
const char *whatif_verdict_name(enum whatif_verdict verdict);

/* Each returns false when the stream fails or memory is exhausted. */
bool whatif_write_text(const struct whatif *whatif, enum text_language language, FILE *stream);
bool whatif_write_json(const struct whatif *whatif, FILE *stream);
/* With 17 significant digits; what is not told is empty. */
bool whatif_write_tsv(const struct whatif *whatif, FILE *stream);

#endif
