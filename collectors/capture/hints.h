/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HINTS_H
#define IAGMETER_HINTS_H

#include "daemon/directions.h"

#include <stddef.h>
#include <stdint.h>

/* What a client lately asked the DNS for: (client, server address) -> (service, role), for the
 * connections that show no name. A hint is a guess: many names live on one address of a delivery
 * network. So the client's last lookup decides, and when that was of a name of no known service,
 * there is no guess any more, until the client again looks up a name of a service that leads there.
 *
 * The two addresses are hashed together under a key that is drawn at start; neither is kept.
 *
 * Life cycle: hints_new() before fork(), so that all capture processes share one table and one key;
 * each process reads and writes without locks, and calls hints_free() or ends. */

struct hint_table;

enum hint_result {
    HINT_NONE,
    HINT_FOUND,
    HINT_AMBIGUOUS /* the client looked up both a service and something else at that address */
};

/* All memory is mapped here: COUNT hints of 16 bytes, rounded up to a power of two. Where a hint
 * may lie there is room for four, so COUNT should be twice what is to live at a time. NULL when
 * memory or randomness is missing. */
struct hint_table *hints_new(size_t count);
/* Also wipes this process's copy of the key. */
void hints_free(struct hint_table *hints);

/* CLIENT was told that a name of SERVICE is at SERVER. TTL_S is the answer's; the hint lives for 60
 * s at least and one hour at most. ROLE is less than 15. NOW_S is in seconds since 1970 UTC, by the
 * packets' clock. */
void hints_add(struct hint_table *hints, const struct address *client, const struct address *server,
               uint16_t service, uint8_t role, uint32_t now_s, uint32_t ttl_s);

/* CLIENT was told that a name of no known service is at SERVER. A hint for the two, if there is
 * one, becomes ambiguous for the rest of its life. */
void hints_forget(struct hint_table *hints, const struct address *client,
                  const struct address *server, uint32_t now_s);

/* Sets *service and *role when the result is HINT_FOUND. */
enum hint_result hints_find(const struct hint_table *hints, const struct address *client,
                            const struct address *server, uint32_t now_s, uint16_t *service,
                            uint8_t *role);

/* The hints that this process displaced, while they were alive, since the last call. */
uint64_t hints_take_displaced(struct hint_table *hints);

#endif
