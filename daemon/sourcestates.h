/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SOURCESTATES_H
#define IAGMETER_SOURCESTATES_H

#include "collectors/collector.h"
#include "daemon/ledger.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What power sources and inference servers there are, what each covers, and whether it can be read:
 * as the counters process told it last. One fact in the ledger, from which `iagmeter status` has
 * it. */

#define SOURCESTATES_FACT "power_sources"
#define SOURCESTATES_MOST 320

struct source_states {
    struct power_source_state states[SOURCESTATES_MOST];
    size_t count;
    bool present; /* the counters process lives */
    bool changed; /* since it was recorded */
};

/* A counters process began, and tells all anew; or it is gone. */
void sourcestates_begin(struct source_states *states);
void sourcestates_end(struct source_states *states);

/* STATE as message.h checks it. Those for which there is no room are left out. */
void sourcestates_take(struct source_states *states, const struct power_source_state *state);

/* Writes the fact if something changed. After a failure it is still to be written. */
enum ledger_status sourcestates_record(struct source_states *states, struct ledger *ledger,
                                       int64_t now_s);

/* What was recorded last; without anything, nothing. JSON: null then. RUNNING: the daemon is; one
 * that was killed could not say that nothing is read any more. False when the ledger cannot be
 * read. */
bool sourcestates_print(struct ledger *ledger, bool running, FILE *stream);
bool sourcestates_json(struct ledger *ledger, bool running, json_t **out);

#endif
