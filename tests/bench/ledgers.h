/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_LEDGERS_H
#define IAGMETER_TESTS_LEDGERS_H

#include "daemon/calendar.h"
#include "daemon/config.h"
#include "daemon/ledger.h"

#include "tests/bench/rounds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What benchmarks that make a ledger share. */

static inline _Noreturn void die(const char *why)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, why);
    exit(EXIT_FAILURE);
}

/* The shipped configuration. */
static inline struct config *shipped(void)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config =
        config_load(IAGMETER_SOURCE_ROOT "/conf/iagmeter.conf", NULL, diagnostics);

    diagnostics_print(diagnostics, stderr);
    diagnostics_free(diagnostics);
    if (!config || !calendar_set_zone("Europe/Paris"))
        die("the shipped configuration cannot be read");
    return config;
}

static inline struct ledger *open_ledger(const char *directory, bool writable)
{
    char error[400] = "";
    struct ledger *ledger = ledger_open(directory, writable, error, sizeof(error));

    if (!ledger)
        die(error);
    return ledger;
}

static inline void name_directions(struct ledger *ledger, int64_t *ids, int count)
{
    for (int i = 0; i < count; i++) {
        struct direction direction = {.label = "Direction"};

        snprintf(direction.code, sizeof(direction.code), "D%02d", i);
        ledger_direction(ledger, &direction, &ids[i]);
    }
}

/* By half at most. */
static inline double around(double value)
{
    return value * (0.5 + drand48());
}

static inline void remove_all(const char *directory)
{
    char command[400];

    snprintf(command, sizeof(command), "rm -r '%s'", directory);
    if (system(command) != 0)
        die("what was made cannot be removed");
}

#endif
