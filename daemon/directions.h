/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DIRECTIONS_H
#define IAGMETER_DIRECTIONS_H

#include "daemon/diagnostics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The directions (departments of the authority), and which address prefix or VLAN belongs to which.
 * Direction 0 is always "unassigned": what matches nothing is counted there, never dropped. */

#define DIRECTION_CODE_SIZE  24
#define DIRECTION_LABEL_SIZE 120
#define MAX_DIRECTIONS       256
#define DIRECTION_UNASSIGNED 0

struct direction {
    char code[DIRECTION_CODE_SIZE]; /* "DRH": letters, digits, '-' and '_'; names files too */
    char label[DIRECTION_LABEL_SIZE];
    char legal_entity[DIRECTION_LABEL_SIZE];
    unsigned headcount; /* 0 when not declared */
};

/* An address of either family: IPv4 as its first four bytes. */
struct address {
    uint8_t family; /* 4 or 6 */
    uint8_t bytes[16];
};

#define VLAN_NONE UINT16_MAX

struct directions;

/* Holds "unassigned" only. NULL when memory is exhausted. */
struct directions *directions_new(void);
void directions_free(struct directions *directions);

/* Reads directions.conf; numbers are kept across reloads as in catalogue_load(). */
struct directions *directions_load(const char *path, const struct directions *previous,
                                   struct diagnostics *diagnostics);

bool directions_set(struct directions *directions, uint16_t number,
                    const struct direction *direction);

/* Return NULL, or why it was refused (a static string). A prefix that is already there, for the
 * same or another direction, is refused; host bits that are set are refused. */
const char *directions_add_prefix(struct directions *directions, const struct address *network,
                                  unsigned prefix_length, uint16_t number);
const char *directions_add_vlan(struct directions *directions, uint16_t vlan, uint16_t number);

/* Parses "192.0.2.0/24" or "2001:db8::/32"; without a length, a single address. One of IPv4 that is
 * written as one of IPv6 ("::ffff:192.0.2.0/120") is one of IPv4. Returns NULL, or why not. */
const char *directions_parse_prefix(const char *text, struct address *network,
                                    unsigned *prefix_length);

/* The direction of the longest prefix that holds ADDRESS; without one, of the VLAN (VLAN_NONE when
 * untagged); without one, DIRECTION_UNASSIGNED. */
uint16_t directions_match(const struct directions *directions, const struct address *address,
                          uint16_t vlan);

uint16_t directions_count(const struct directions *directions);
const struct direction *directions_get(const struct directions *directions, uint16_t number);

/* Calls VISIT for each prefix, then for each VLAN (network NULL, length the VLAN id). */
typedef void directions_visitor(void *context, const struct address *network,
                                unsigned prefix_length, uint16_t number);
void directions_visit(const struct directions *directions, directions_visitor *visit,
                      void *context);

#endif
