/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/whatif.h"

#include <math.h>

/* One line for each indicator of each sum, the first one names the columns. */

static const char COLUMNS[] =
    "month\tdirection\tvintage\tscope\tid\tlabel\tindicator\tunit\trecomputed_low\t"
    "recomputed_central\trecomputed_high\tscenario_low\tscenario_central\tscenario_high\t"
    "difference_low\tdifference_central\tdifference_high\trelative\tverdict\n";

/* A tab or a line feed of a label would be a column or a row. */
static void put_field(FILE *stream, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < ' ' ? ' ' : *text, stream);
    fputc('\t', stream);
}

/* Nothing where there is none. */
static void put_exact(FILE *stream, double value)
{
    char number[TEXT_NUMBER_SIZE] = "";

    if (!isnan(value))
        text_exact(number, sizeof(number), value);
    fprintf(stream, "%s\t", number);
}

static void put_triple(FILE *stream, struct triple value)
{
    put_exact(stream, value.low);
    put_exact(stream, value.central);
    put_exact(stream, value.high);
}

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
    put_field(stream, whatif->direction ? whatif->direction->id : MONTH_ALL);
    put_field(stream, factors_vintage(report->config->factors));
    put_field(stream, scope);
    put_field(stream, id);
    put_field(stream, label);
    put_field(stream, month_indicator_name(indicator));
    put_field(stream, month_indicator_unit(indicator));
}

static void put_end(const struct whatif_sum *sum, enum month_indicator indicator, FILE *stream)
{
    const struct triple difference = change_of(sum, indicator);
    bool is_impact = !isnan(difference.low);

    put_triple(stream, difference);
    put_exact(stream, is_impact ? whatif_relative(sum, indicator) : NAN);
    fprintf(stream, "%s\n", is_impact ? whatif_verdict_name(whatif_verdict_of(difference)) : "");
}

static void put_sum(const struct whatif *whatif, const char *scope, const char *id,
                    const char *label, const struct whatif_sum *sum, FILE *stream)
{
    for (int i = 0; i < MONTH_INDICATORS; i++) {
        enum month_indicator indicator = (enum month_indicator)i;

        put_start(whatif, scope, id, label, indicator, stream);
        put_triple(stream, month_value(&sum->before, indicator));
        put_triple(stream, month_value(&sum->after, indicator));
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
        put_triple(stream, none);
        put_triple(stream, none);
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
