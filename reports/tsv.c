/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/tsv.h"

#include <math.h>

#include "reports/text.h"

void tsv_field(FILE *stream, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < ' ' ? ' ' : *text, stream);
    fputc('\t', stream);
}

void tsv_exact(FILE *stream, double value)
{
    char number[TEXT_NUMBER_SIZE] = "";

    if (isfinite(value))
        text_exact(number, sizeof(number), value);
    fprintf(stream, "%s\t", number);
}

void tsv_triple(FILE *stream, struct triple value)
{
    tsv_exact(stream, value.low);
    tsv_exact(stream, value.central);
    tsv_exact(stream, value.high);
}
