/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_GRID_H
#define IAGMETER_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What RTE publishes of the French electricity grid, half-hour by half-hour, kept as one text file
 * of the state directory. Public data about the country, nothing of ours. The figure is another
 * indicator than the yearly factor of zones.conf: direct emissions of production, not the life
 * cycle of consumption. It is a sensitivity case beside it (docs/method.md, "Electricity hour by
 * hour"). */

#define HALF_HOUR_S 1800
#define HOUR_S      3600

/* No plant of France emits as much. Whatever is above is no intensity, or has another unit. */
#define GRID_MOST_G_PER_KWH 2000

/* How final a figure is: each is replaced by the next. */
enum grid_nature { GRID_REAL_TIME = 1, GRID_CONSOLIDATED, GRID_DEFINITIVE };
const char *grid_nature_name(enum grid_nature nature);

struct grid_half_hour {
    int64_t start_s; /* of Unix time, a multiple of HALF_HOUR_S */
    double g_per_kwh;
    enum grid_nature nature;
    unsigned source; /* the table's own number of it */
};

struct grid_source {
    char name[80];      /* of the file */
    char digest[65];    /* SHA-256 of its text, in hexadecimal */
    int64_t imported_s; /* when it came here first */
};

/* What became of the half-hours of one file. */
struct grid_changes {
    unsigned long added;
    unsigned long improved; /* of a nature that is more final than what was held */
    unsigned long changed;  /* of the same nature, another figure */
    unsigned long same;
    unsigned long kept; /* what is held is more final */
};

struct grid;

/* STATE_DIRECTORY/grid/FRA.tsv. */
void grid_path(const char *state_directory, char *path, size_t size);

/* A table without anything. NULL when out of memory. Freed with grid_free(). */
struct grid *grid_new(void);
void grid_free(struct grid *grid);

/* Reads a table that grid_write() wrote; NAME is for complaints, of file and line. Returns NULL
 * after one: a table that is damaged is not read in part. */
struct grid *grid_read(FILE *stream, const char *name, FILE *complaints);

/* The same from a file, which may be absent: then there is nothing in the table. */
struct grid *grid_load(const char *path, FILE *complaints);

/* Merges COUNT half-hours of one file, in ascending order of time. A figure is replaced by one that
 * is more final, or as final and of a later import, which is complained about. Importing a file
 * again changes nothing. Returns false when out of memory; the table is then as before. */
bool grid_merge(struct grid *grid, const struct grid_half_hour *half_hours, size_t count,
                const struct grid_source *source, struct grid_changes *changes, FILE *complaints);

/* Writes the table as text. Returns false with errno set. */
bool grid_write(const struct grid *grid, FILE *stream);

/* Of the hour that holds TIME_S (Unix time), in kg CO2 per kWh produced: the mean of its two
 * half-hours, as final as the less final one. Returns false, and sets nothing, when one of them is
 * not held: nothing is interpolated. */
bool grid_intensity(const struct grid *grid, int64_t time_s, double *kgco2_per_kwh,
                    enum grid_nature *nature);

/* What is held of the hours that begin in from <= t < until: a report that uses them says how many
 * there are, and how final. The mean is of these hours, each the same, and 0 without any. */
struct grid_coverage {
    unsigned long hours;
    unsigned long by_nature[GRID_DEFINITIVE + 1];
    double mean_kgco2_per_kwh;
};
struct grid_coverage grid_cover(const struct grid *grid, int64_t from_s, int64_t until_s);

/* What is held by year of UTC, and the hours that are missing between the first and the last. */
void grid_print(const struct grid *grid, FILE *stream);

#endif
