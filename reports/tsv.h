/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TSV_H
#define IAGMETER_TSV_H

#include "daemon/triple.h"

#include <stdio.h>

/* Cells of a table whose columns are apart by tabs, each with the tab that follows it. */

/* What would be a column or a row of its own is not in a name of ours, but may be in a label of the
 * configuration: a space instead. */
void tsv_field(FILE *stream, const char *text);
/* With 17 digits; nothing where VALUE is not finite. */
void tsv_exact(FILE *stream, double value);
/* Low, central and high. */
void tsv_triple(FILE *stream, struct triple value);

#endif
