/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SUPPRESS_H
#define IAGMETER_SUPPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Small cells: which cells must not be printed, nor summed with larger ones, because they would
 * tell the use of fewer than THRESHOLD devices. Pure.
 *
 * The method is complementary suppression (Hundepool et al., "Statistical Disclosure Control",
 * 2012, chapter 4). The monthly report applies it to the pairs of direction and service, which it
 * does not print: a row of either table sums shown pairs only, and only these has `iagmeter
 * explain`. Suppressing rows would not do: in a direction of many devices on one service and one
 * device on another, the indicators of the row differ per service, and can be solved for the use of
 * that one device.
 *
 * A sum is told only where one of its cells alone has enough devices. The devices of two cells are
 * never added up, for they may be the same ones: of two services, on two days, and also of two
 * directions, whose rules may have changed on the way (an office was renamed, or a network given to
 * another one), or who were told by a VLAN, by an address, and by the key of a local server. */

enum suppress_result {
    SUPPRESS_NONE,   /* every cell may be shown */
    SUPPRESS_MERGED, /* the hidden cells may be printed as one sum */
    SUPPRESS_ALL     /* nothing to hide behind: only the total of all cells may be printed */
};

/* Sets hidden[i] for the cells to fold together. Afterwards no cell with fewer devices than the
 * threshold is shown; the hidden ones are never a single cell, which a subtraction from the total
 * would find; and one of them has at least THRESHOLD devices, unless all are hidden: the one with
 * the fewest of those, of equals the last, that is hidden with them. */
enum suppress_result suppress_cells(const uint32_t *devices, size_t count, uint32_t threshold,
                                    bool *hidden);

/* Pairs of direction and service, with those of a host of our own among them. What a host draws is
 * published in all, and for each of its services where that may be told: so what is hidden of the
 * host, and what is hidden of the rest, must each be enough to hide behind. */
enum suppress_kind {
    SUPPRESS_REMOTE,
    SUPPRESS_LOCAL,   /* use of the host */
    SUPPRESS_COMMON,  /* a share of what the host draws anyway, by use: tells the use */
    SUPPRESS_DECLARED /* such a share as it is declared, whatever the use is: tells nothing */
};

struct suppress_pair {
    enum suppress_kind kind;
    size_t direction;
    size_t service;
    uint32_t devices; /* none of SUPPRESS_COMMON and SUPPRESS_DECLARED */
};

struct suppress_outcome {
    enum suppress_result result;
    bool host_shown;  /* what the host drew in all may be told, and so what the rest is */
    bool parts_shown; /* and for each of its services, for those on each device */
};

/* Sets hidden[i]. All that a direction has of the host is shown or hidden together, as a share by
 * use is the sum of all its use there: the smallest number of devices of its services counts. Where
 * nobody used the host, shares are as good as declared. Where either side cannot be told alone, no
 * sum of the host is told. Returns false when memory is exhausted. */
bool suppress_pairs(const struct suppress_pair *pairs, size_t count, uint32_t threshold,
                    bool *hidden, struct suppress_outcome *outcome);

/* How many devices the INCLUDED cells surely have: those of the largest. */
uint32_t suppress_largest(const uint32_t *devices, size_t count, const bool *included);

#endif
