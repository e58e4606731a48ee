/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_ECO2MIX_H
#define IAGMETER_ECO2MIX_H

#include "daemon/grid.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Files of RTE's éCO2mix, in the two layouts in which they are published:
 *   from rte-france.com, "eCO2mix_RTE_*.xls": in spite of the name text, ISO 8859-1, separated by
 *   tabs, in local time without offset ("Date", "Heures", "Taux de Co2"), a disclaimer at the end;
 *   from odre.opendatasoft.com, eco2mix-national-*: UTF-8, separated by semicolons, with the offset
 *   from UTC ("Date et Heure", "Taux de CO2 (g/kWh)", or "date_heure", "taux_co2"), in any order.
 * Columns are found by name. A row stands for a quarter of an hour; consolidated and definitive
 * files have figures for every other one. */

struct eco2mix;

struct eco2mix_counts {
    unsigned long rows;      /* but for blank lines and the disclaimer */
    unsigned long empty;     /* without a figure: ND, -, DC, or nothing */
    unsigned long repeated;  /* the figure is there already, or a more final one */
    unsigned long disputed;  /* quarters of an hour with two figures, as final: left out */
    unsigned long skipped;   /* of the hour that clocks skip in spring */
    unsigned long ambiguous; /* of the hour that comes twice in autumn, in an order that tells
                                nothing: left out */
    unsigned long wrong;     /* left out after a complaint */
};

/* Reads SIZE BYTES of text. NAME is for complaints of file and line: of rows, which are then left
 * out, or of the whole file; then NULL is returned. Figures later than NOW_S are wrong. Which rows
 * come first does not matter, but for the hour that comes twice. Freed with eco2mix_free(). */
struct eco2mix *eco2mix_parse(const char *bytes, size_t size, const char *name, int64_t now_s,
                              FILE *complaints);

/* The same of the file PATH, which gzip may have compressed. */
struct eco2mix *eco2mix_read(const char *path, int64_t now_s, FILE *complaints);
void eco2mix_free(struct eco2mix *file);

/* Means of the quarters of each half-hour, in ascending order of time, each half-hour once. They
 * live as long as FILE. */
const struct grid_half_hour *eco2mix_half_hours(const struct eco2mix *file, size_t *count);
const struct eco2mix_counts *eco2mix_counts(const struct eco2mix *file);
/* The file's name without its directory, its digest, and NOW_S. */
const struct grid_source *eco2mix_source(const struct eco2mix *file);

#endif
