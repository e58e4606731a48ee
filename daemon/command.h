/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_COMMAND_H
#define IAGMETER_COMMAND_H

#include "daemon/calculator.h"
#include "daemon/calibrateservice.h"
#include "daemon/capture.h"
#include "daemon/config.h"
#include "daemon/inspect.h"
#include "daemon/ledger.h"
#include "reports/restate.h"
#include "reports/whatif.h"

/* The sub-commands of `iagmeter`. Each reads; only `rebuild` writes views, `import` what others
 * publish (a list of names, or of grid intensities), and `restate` statements. Each returns the
 * exit status, after one sentence to standard error, or diagnostics, when it is not 0. */

#define COMMAND_CHANGES 64

/* What the command line says. */
struct command_options {
    char config_path[PATH_MAX];
    char output[PATH_MAX];
    const char *language;
    const char *format;
    struct inspect_options inspect;
    bool metrics;        /* are to be inspected instead of a capture */
    bool help;           /* what the command takes is asked for, and nothing else */
    const char *dialect; /* they are in; NULL: it is found out */
    struct calculator_query query;
    bool sensitivity;
    const char *factors; /* directory of a vintage; NULL: the configuration's */
    const char *batch;   /* a table of queries; NULL: one, on the command line */
    struct whatif_change changes[COMMAND_CHANGES];
    size_t change_count;
    const char *vintage; /* to restate with */
    const char *show;    /* number of a statement */
    bool list;
    struct calibrateservice_options session;
    unsigned seconds; /* to measure; 0: the command's own */
    bool assume_idle;
    const char *root; /* below which /sys lies; "": there */
    int argument_count;
    char **arguments;
    char **command_line; /* all of it, from the name of the program on, ended by NULL */
};

int command_inspect(const struct command_options *options);
int command_power(const struct command_options *options);
int command_calibrate(const struct command_options *options);
int command_hash_key(const struct command_options *options);
int command_report(const struct command_options *options);
int command_explain(const struct command_options *options);
int command_what_if(const struct command_options *options);
int command_import(const struct command_options *options);
int command_factors(const struct command_options *options);
int command_impact(const struct command_options *options);
int command_restate(const struct command_options *options);
int command_rebuild(const struct command_options *options);
int command_status(const struct command_options *options);
int command_metrics(const struct command_options *options);

/* What they share. */

/* ERROR as a sentence on standard error. Returns STATUS. */
int command_complain(const char *error, int status);

/* The configuration, and its time zone set. NULL after diagnostics. Freed by the caller. */
struct config *command_load(const struct command_options *options);

/* To be read. NULL after one sentence. Closed by the caller. */
struct ledger *command_open_ledger(const struct config *config);

/* What a sub-command does with a ledger, which it reads. Returns the exit status. */
typedef int command_task(const struct command_options *options, const struct config *config,
                         struct ledger *ledger);

/* TASK with the configuration and its ledger. */
int command_with_ledger(const struct command_options *options, command_task *task);

/* Text, json or tsv. Returns false after one sentence. */
bool command_format(const char *name, enum calculator_format *format);

/* The vintage NAME beside that in use, or the directory NAME, also into QUERY with its digest. NULL
 * after diagnostics or one sentence. Freed by the caller. */
struct factors *command_vintage(const struct config *config, const char *name,
                                struct restate_query *query);

#endif
