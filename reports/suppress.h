/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SUPPRESS_H
#define IAGMETER_SUPPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Small cells: which rows of a table must not be printed on their own, because they would tell the
 * use of fewer than THRESHOLD devices. Pure.
 *
 * The method is complementary suppression on a one-dimensional margin (Hundepool et al.,
 * "Statistical Disclosure Control", 2012, chapter 4). Only margins are ever printed: with a cross
 * table of directions and services, a hidden cell could be found by subtracting along the other
 * axis, and protecting it would hide most of both. */

enum suppress_result {
    SUPPRESS_NONE,   /* every cell may be printed */
    SUPPRESS_MERGED, /* the hidden cells may be printed as one sum */
    SUPPRESS_ALL     /* nothing to hide behind: only the table's total may be printed */
};

/* Sets hidden[i] for the cells to fold together. Afterwards no cell with fewer devices than the
 * threshold is shown; the hidden ones are never a single cell, which a subtraction from the total
 * would find; and together they have at least THRESHOLD devices. DISJOINT: no device is counted in
 * two cells (directions), so that the devices of a sum add up; otherwise (services, days) only the
 * largest cell is sure. */
enum suppress_result suppress_cells(const uint32_t *devices, size_t count, uint32_t threshold,
                                    bool disjoint, bool *hidden);

#endif
