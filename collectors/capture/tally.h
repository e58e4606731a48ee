/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TALLY_H
#define IAGMETER_TALLY_H

#include "collectors/collector.h"

#include <stddef.h>

/* The sums of the running interval, one cell per (direction, service), in order of first use so
 * that the same packets always give the same sums in the same order. */

struct tally;

struct tally *tally_new(size_t cells);
void tally_free(struct tally *tally);

/* The cell, zeroed when new; NULL when there is no room for another one. */
struct activity *tally_cell(struct tally *tally, uint16_t direction, uint16_t service);

size_t tally_count(const struct tally *tally);
const struct activity *tally_at(const struct tally *tally, size_t index);
void tally_clear(struct tally *tally);

#endif
