/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/whatif.h"

#include <math.h>

#include "reports/tsv.h"

/* One line for each indicator of each sum, the first one names the columns. */

static const char COLUMNS[] =
    "month\tdirection\tvintage\tscope\tid\tlabel\tindicator\tunit\trecomputed_low\t"
    "recomputed_central\trecomputed_high\tscenario_low\tscenario_central\tscenario_high\t"
    "difference_low\tdifference_central\tdifference_high\trelative\tverdict\n";

/* Of activity there is no interval of the difference: both sides have the same error. */
static struct triple change_of(const struct whatif_sum *sum, enum month_indicator indicator)
{
    double before = month_value(&sum->before, indicator).central;
    double after = month_value(&sum->after, indicator).central;

    return indicator >= MONTH_ENERGY && indicator <= MONTH_ADPE
               ? whatif_change_of(sum, indicator)
               : (struct triple){NAN, after - before, NAN};
}

static void put_start(const struct whatif *whatif, const char *scope, const char *id,
                      const char *label, enum month_indicator indicator, FILE *stream)
{
    const struct month_report *report = whatif->report;

    fprintf(stream, "%04d-%02d\t", report->month.year, report->month.month);
    tsv_field(stream, whatif->direction ? whatif->direction->id : MONTH_ALL);
    tsv_field(stream, factors_vintage(report->config->factors));
    tsv_field(stream, scope);
    tsv_field(stream, id);
    tsv_field(stream, label);
    tsv_field(stream, month_indicator_name(indicator));
    tsv_field(stream, month_indicator_unit(indicator));
}

static void put_end(const struct whatif_sum *sum, enum month_indicator indicator, FILE *stream)
{
    const struct triple difference = change_of(sum, indicator);
    bool is_impact = !isnan(difference.low);

    tsv_triple(stream, difference);
    tsv_exact(stream, is_impact ? whatif_relative(sum, indicator) : NAN);
    fprintf(stream, "%s\n", is_impact ? whatif_verdict_name(whatif_verdict_of(difference)) : "");
}

static void put_sum(const struct whatif *whatif, const char *scope, const char *id,
                    const char *label, const struct whatif_sum *sum, FILE *stream)
{
    for (int i = 0; i < MONTH_INDICATORS; i++) {
        enum month_indicator indicator = (enum month_indicator)i;

        put_start(whatif, scope, id, label, indicator, stream);
        tsv_triple(stream, month_value(&sum->before, indicator));
        tsv_triple(stream, month_value(&sum->after, indicator));
        put_end(sum, indicator, stream);
    }
}

/* Those of the direction asked about. */
static void put_rows(const struct whatif *whatif, const char *scope, const struct whatif_row *rows,
                     size_t count, FILE *stream)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].is_in_scope)
            put_sum(whatif, scope, rows[i].id, rows[i].label, &rows[i].sum, stream);
}

/* The difference alone, assumed otherwise on both sides. */
static void put_variant(const struct whatif *whatif, enum whatif_variant variant, const char *id,
                        FILE *stream)
{
    const struct triple none = {NAN, NAN, NAN};
    const struct whatif_sum *sum = &whatif->variants[variant];

    for (int i = MONTH_ENERGY; i <= MONTH_ADPE; i++) {
        put_start(whatif, "difference-if", id, "", (enum month_indicator)i, stream);
        tsv_triple(stream, none);
        tsv_triple(stream, none);
        put_end(sum, (enum month_indicator)i, stream);
    }
}

bool whatif_write_tsv(const struct whatif *whatif, FILE *stream)
{
    fputs(COLUMNS, stream);
    put_sum(whatif, "total", "", "", &whatif->total, stream);
    put_rows(whatif, "direction", whatif->directions, whatif->direction_count, stream);
    put_rows(whatif, "service", whatif->services, whatif->service_count, stream);
    if (whatif->has_folded)
        put_sum(whatif, MONTH_OTHER, MONTH_OTHER, MONTH_OTHER, &whatif->folded, stream);
    if (whatif->methods_differ) {
        put_variant(whatif, WHATIF_METHOD_A, "method-a", stream);
        put_variant(whatif, WHATIF_METHOD_B, "method-b", stream);
    }
    if (whatif->other_water)
        put_variant(whatif, WHATIF_OTHER_WATER, whatif->other_water->id, stream);
    return fflush(stream) == 0 && !ferror(stream);
}
