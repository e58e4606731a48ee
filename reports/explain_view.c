/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/explain.h"

#include <stdio.h>

#include "reports/units.h"

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

enum text_id explain_mix_text(const char *from, const char *until)
{
    if (from[0] && until[0])
        return TEXT_EXPLAIN_MIX;
    if (from[0])
        return TEXT_EXPLAIN_MIX_FROM;
    return until[0] ? TEXT_EXPLAIN_MIX_UNTIL : TEXT_EXPLAIN_MIX_EVER;
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

enum text_id explain_no_model_text(const struct explain_chain *chain)
{
    return chain->totals.impact.energy_kwh.high > 0 ? TEXT_EXPLAIN_MODEL_GONE
                                                    : TEXT_EXPLAIN_NO_IMPACT;
}

/* ---- Images ---- */

typedef char image_words[EXPLAIN_WORDS_SIZE];

static void put_band(image_words out, enum text_language language, struct triple value)
{
    char low[TEXT_NUMBER_SIZE], central[TEXT_NUMBER_SIZE], high[TEXT_NUMBER_SIZE];

    text_factor(low, sizeof(low), language, value.low);
    text_factor(central, sizeof(central), language, value.central);
    text_factor(high, sizeof(high), language, value.high);
    snprintf(out, sizeof(image_words), "%s / %s / %s", low, central, high);
}

static void tell_medium(const struct units_impact *images, enum text_language language,
                        image_words words[EXPLAIN_IMAGES_ARGUMENTS])
{
    const struct provenance *provenance = &images->medium->provenance;
    const struct range pue = images->factors.provider->pue;

    put_band(words[1], language, images->it_kwh);
    snprintf(words[2], sizeof(words[2]), "%s", images->medium->id);
    snprintf(words[3], sizeof(words[3]), "%s", provenance->year);
    snprintf(words[4], sizeof(words[4]), "%s", provenance->source);
    snprintf(words[5], sizeof(words[5]), "%c", provenance->grade);
    put_band(words[6], language,
             (struct triple){pue.min, impact_centre(pue.min, pue.max), pue.max});
    put_band(words[7], language, images->impact.energy_kwh);
    put_band(words[8], language, images->impact.gwp_use_kgco2e);
    snprintf(words[9], sizeof(words[9]), "%s", images->factors.zone->id);
}

bool explain_images_words(const struct config *config, const struct explain_chain *chain,
                          enum text_language language, enum text_id *id,
                          char words[EXPLAIN_IMAGES_ARGUMENTS][EXPLAIN_WORDS_SIZE],
                          const char *arguments[EXPLAIN_IMAGES_ARGUMENTS + 1])
{
    struct units_impact images;

    units_compute(config, chain->service, &chain->totals, &images);
    put_band(words[0], language, chain->totals.activity.images);
    *id = images.medium ? TEXT_EXPLAIN_IMAGES : TEXT_EXPLAIN_IMAGES_UNKNOWN;
    if (images.medium)
        tell_medium(&images, language, words);
    for (size_t i = 0; i < EXPLAIN_IMAGES_ARGUMENTS; i++)
        arguments[i] = i == 0 || images.medium ? words[i] : NULL;
    arguments[EXPLAIN_IMAGES_ARGUMENTS] = NULL;
    return chain->totals.activity.images.high > 0;
}
