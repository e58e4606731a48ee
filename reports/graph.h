/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_GRAPH_H
#define IAGMETER_GRAPH_H

#include "daemon/roundrobin.h"
#include "reports/month.h"

#include <stddef.h>

/* The graph of a month: energy (central; the axis names its unit, kWh or a part of it) per local
 * day, all directions and services together, since a graph by direction would be a table of small
 * cells that nobody suppresses. Hidden days (struct month_day) are a grey band, and their value is
 * not in the image.
 *
 * Values are read from the round-robin databases, then drawn by librrd in memory: no file is
 * written. Returns the SVG, to be freed, and its SIZE; NULL with one sentence in ERROR when there
 * is nothing to draw or a database is missing (never a graph that lacks a part). librrd keeps
 * global state: one thread only. */
char *graph_month(const struct month_report *report, struct ledger *ledger,
                  struct roundrobin *roundrobin, size_t *size, char *error, size_t error_size);

#endif
