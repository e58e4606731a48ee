/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CALIBRATE_H
#define IAGMETER_CALIBRATE_H

#include "daemon/config.h"
#include "daemon/ledger.h"

#include <stdbool.h>
#include <stdint.h>

/* `iagmeter calibrate`: what is measured is shown, and written to a file of its own for host.conf.
 * Each returns the exit status, after it said what is wrong. */

struct calibrate_options {
    const char *period; /* of weights: as calendar_parse_period(); NULL: all months that are kept */
    const char *range;  /* of idle: FROM..UNTIL, as calibrate_parse_range(); NULL: from now on */
    unsigned seconds;   /* of idle, from now on */
    bool assume_idle;
    const char *output; /* "-": standard output; "": beside host.conf */
    int64_t now_s;
};

int calibrate_idle(const struct calibrate_options *options, const struct config *config,
                   struct ledger *ledger);
int calibrate_weights(const struct calibrate_options *options, const struct config *config,
                      struct ledger *ledger);

/* Parses "2026-11-27T02:00..2026-11-27T03:30", local times. */
bool calibrate_parse_range(const char *text, int64_t *from_s, int64_t *until_s);

/* A file that is not there yet: OUTPUT, or beside HOST_PATH "calibration-KIND-DATE.conf", with a
 * number when there is one of that day already. Its path is in OUT. -1 after errno was set. */
int calibrate_create(const char *output, const char *host_path, const char *kind, int64_t now_s,
                     char *out, size_t size);

#endif
