/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_MONTHFILE_H
#define IAGMETER_MONTHFILE_H

#include "reports/monthsums.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Sums of months, kept in STATE_DIRECTORY/derived/months.tsv: text with every digit, which ends in
 * a checksum of what is before. It has a directory of its own, since who may write it, such as
 * `iagmeter metrics`, need not be able to write the ledger. */

#define MONTHFILE_NAME "derived/months.tsv"

/* Owns its items. */
struct monthfile {
    struct monthsums **items;
    size_t count;
};

/* An absent file, and one of another version, is empty; so is a damaged one, which COMPLAINTS is
 * told in one line. */
void monthfile_load(const char *state_directory, struct monthfile *file, FILE *complaints);

/* NULL when it is not held. */
const struct monthsums *monthfile_find(const struct monthfile *file, int year, int month);

/* Takes SUMS, instead of what was held of its month, which is freed. False, with SUMS freed, when
 * memory is exhausted. */
bool monthfile_put(struct monthfile *file, struct monthsums *sums);

/* Replaces the file by one of the items that have a stamp, at once: whoever reads has the old one
 * or the new one. Where that is not permitted, nothing happens; what else goes wrong is told to
 * COMPLAINTS in one line. */
void monthfile_save(const char *state_directory, const struct monthfile *file, FILE *complaints);
void monthfile_free(struct monthfile *file);

/* SHA-256 in hexadecimal; "" when it cannot be computed. */
void monthfile_hash(const void *bytes, size_t size, char out[MONTHSUMS_STAMP_SIZE]);

#endif
