/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_ROUNDROBIN_H
#define IAGMETER_ROUNDROBIN_H

#include "daemon/ledger.h"

#include <stdbool.h>
#include <stdint.h>

/* Round-robin databases: a view of the ledger for graphs, one file per direction and service,
 * STATE_DIRECTORY/rrd/DIRECTION/SERVICE.rrd, and rrd/coverage.rrd. Created when first needed.
 *
 * Data sources are ABSOLUTE with a heartbeat of ten years, and a zero is written at the start of
 * every interval that follows a silence: then totals are exact at every resolution. Files are
 * rebuilt, not repaired: whatever goes wrong here is only ever logged and counted. A marker,
 * rrd/.open, is there while files may be written: after a crash no file is trusted. */

struct roundrobin;

/* YEARS of hourly rows are kept. NULL when memory is exhausted. */
struct roundrobin *roundrobin_new(const char *state_directory, unsigned years);
void roundrobin_free(struct roundrobin *roundrobin);

/* WORKING is called after each file that was brought up to date: many may have to be rebuilt at
 * once, which takes minutes, and who is waiting must not take that for hanging. */
void roundrobin_set_working(struct roundrobin *roundrobin, void (*working)(void *context),
                            void *context);

/* Brings every file up to date with the ledger, up to UNTIL (the end of the last finished
 * interval): appends what is missing, and rebuilds a file that is missing, damaged, or that holds
 * something newer than the ledger's addition. Returns the number of files that failed; the reason
 * of the first is in roundrobin_error(). */
unsigned roundrobin_catch_up(struct roundrobin *roundrobin, struct ledger *ledger, int64_t until);

/* Call after each commit of [interval_start, +60): appends that interval's rows, read back from the
 * ledger, and everything that failed before. A file that has already passed this interval is
 * rebuilt, so call it once for an interval, when all of it is in the ledger. */
unsigned roundrobin_update(struct roundrobin *roundrobin, struct ledger *ledger,
                           int64_t interval_start);
/* The same for an interval that a later one's roundrobin_update() is to append, too. */
void roundrobin_note(struct roundrobin *roundrobin, struct ledger *ledger, int64_t interval_start);

/* Recreates every file from the ledger: beside the old one, then renamed over it. */
unsigned roundrobin_rebuild(struct roundrobin *roundrobin, struct ledger *ledger, int64_t until,
                            unsigned *files);

/* The reason of the first failure of the last call; when none failed, which damaged file was made
 * anew, or "". */
const char *roundrobin_error(const struct roundrobin *roundrobin);

/* The same for the log, which more people read than the files: it does not tell which direction and
 * service a file is of, since that one used the other may be for nobody to see (suppress.h). */
void roundrobin_reason(const struct roundrobin *roundrobin, char *out, size_t size);

/* Sum of one data source over [from, until), multiples of 3600 when further back than the minute
 * rows. DIRECTION NULL reads coverage. Returns false with roundrobin_error() set. */
bool roundrobin_total(struct roundrobin *roundrobin, const char *direction, const char *service,
                      const char *data_source, int64_t from, int64_t until, double *total);

#endif
