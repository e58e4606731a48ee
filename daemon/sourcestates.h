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

/* Sources with something missed that is not recorded yet; those of more are joined with the last.
 */
#define SOURCESTATES_GAPS 64

struct source_gap {
    char name[POWER_NAME_SIZE];
    uint64_t missed_s;
    uint64_t restarts;
};

struct source_states {
    struct power_source_state states[SOURCESTATES_MOST];
    size_t count;
    struct source_gap gaps[SOURCESTATES_GAPS];
    size_t gap_count;
    bool present; /* the counters process lives */
    bool changed; /* since it was recorded */
};

/* A counters process began, and tells all anew; or it is gone. */
void sourcestates_begin(struct source_states *states);
void sourcestates_end(struct source_states *states);

/* STATE as message.h checks it. Those for which there is no room are left out. */
void sourcestates_take(struct source_states *states, const struct power_source_state *state);

/* Writes the fact if something changed, and adds what was missed to the UTC day of NOW_S, in a
 * transaction of its own. After a failure all is still to be written. */
enum ledger_status sourcestates_record(struct source_states *states, struct ledger *ledger,
                                       int64_t now_s);

/* Each source and server that was recorded last, with its problem ("": none). False when the ledger
 * cannot be read. */
typedef void sourcestates_visitor(void *context, const char *name, bool counted,
                                  const char *problem);
bool sourcestates_visit(struct ledger *ledger, sourcestates_visitor *visit, void *context);

/* What was recorded last; without anything, nothing. JSON: null then. RUNNING: the daemon is; one
 * that was killed could not say that nothing is read any more. False when the ledger cannot be
 * read. */
bool sourcestates_print(struct ledger *ledger, bool running, FILE *stream);
bool sourcestates_json(struct ledger *ledger, bool running, json_t **out);

/* What servers missed on the UTC days from FROM_DAY to before UNTIL_DAY: lines, nothing when there
 * is nothing; an array. False when the ledger cannot be read. */
bool sourcestates_print_days(struct ledger *ledger, int32_t from_day, int32_t until_day,
                             FILE *stream);
bool sourcestates_json_days(struct ledger *ledger, int32_t from_day, int32_t until_day,
                            json_t **out);

#endif
