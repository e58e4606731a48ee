/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/explain.h"

#include <stdlib.h>

/* What all the writers share: what is recomputed, and the same rounding. */

#define EXTRA_DECIMALS 2

const enum month_indicator explain_impacts[EXPLAIN_IMPACTS] = {
    MONTH_ENERGY, MONTH_WATER, MONTH_GWP_USE, MONTH_GWP_EMBODIED, MONTH_ADPE};

bool explain_is_mean(const struct explain_chain *chain)
{
    return chain->factors.model && !chain->factors.method_b;
}

const char *explain_or_dash(const char *text)
{
    return text[0] ? text : "–";
}

enum text_id explain_formulas_text(const struct explain_chain *chain)
{
    if (chain->local.host)
        return TEXT_EXPLAIN_FORMULAS_MEASURED;
    return explain_is_mean(chain) ? TEXT_EXPLAIN_FORMULAS_A : TEXT_EXPLAIN_FORMULAS_B;
}

struct impact explain_of_the_sums(const struct explanation *explanation)
{
    struct impact sum = {0};

    for (size_t i = 0; i < explanation->chain_count; i++)
        sum = impact_add(sum, explanation->chains[i].impact);
    return sum;
}

/* Decimals that show three digits of the smallest part, or two more than the sum needs. */
static unsigned decimals_of(const struct triple *values, size_t count, struct triple total)
{
    unsigned decimals = text_decimals(total.central);
    unsigned most = decimals + EXTRA_DECIMALS;

    for (size_t i = 0; i < count; i++)
        if (text_decimals(values[i].central) > decimals)
            decimals = text_decimals(values[i].central);
    return decimals < most ? decimals : most;
}

struct text_band *explain_round(const struct explanation *explanation,
                                enum month_indicator indicator, unsigned *decimals)
{
    size_t count = explanation->part_count;
    struct triple total = month_value(&explanation->figure.totals, indicator);
    struct triple *values = calloc(count + 1, sizeof(*values));
    struct text_band *bands = calloc(count + 1, sizeof(*bands));

    *decimals = 0;
    if (values && bands) {
        for (size_t i = 0; i < count; i++)
            values[i] = month_value(&explanation->parts[i].totals, indicator);
        if (indicator > MONTH_TOKENS_OUT)
            *decimals = decimals_of(values, count, total);
        bands[count] = text_round(values, count, total, *decimals, bands);
    } else {
        free(bands);
        bands = NULL;
    }
    free(values);
    return bands;
}
