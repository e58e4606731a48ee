/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/calendar.h"

int command_complain(const char *error, int status)
{
    fprintf(stderr, "iagmeter: %s\n", error);
    return status;
}

struct config *command_load(const struct command_options *options)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config = NULL;

    if (!diagnostics)
        return NULL;
    config = config_load(options->config_path, NULL, diagnostics);
    if (!config)
        diagnostics_print(diagnostics, stderr);
    diagnostics_free(diagnostics);
    if (config && !calendar_set_zone(config->timezone)) {
        fprintf(stderr, "iagmeter: unknown time zone \"%s\"\n", config->timezone);
        config_free(config);
        return NULL;
    }
    return config;
}

struct ledger *command_open_ledger(const struct config *config)
{
    char error[512];
    struct ledger *ledger = ledger_open(config->state_directory, false, error, sizeof(error));

    if (!ledger)
        fprintf(stderr, "iagmeter: %s\n", error);
    return ledger;
}

int command_with_ledger(const struct command_options *options, command_task *task)
{
    struct config *config = command_load(options);
    struct ledger *ledger;
    int status = EXIT_TROUBLE;

    if (!config)
        return EXIT_CONFIGURATION;
    ledger = command_open_ledger(config);
    if (ledger)
        status = task(options, config, ledger);
    ledger_close(ledger);
    config_free(config);
    return status;
}

bool command_format(const char *name, enum calculator_format *format)
{
    static const char *const names[] = {"text", "json", "tsv"};

    for (int i = 0; i < 3; i++) {
        *format = (enum calculator_format)i;
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    fprintf(stderr, "iagmeter: format \"%s\": text, json or tsv\n", name);
    return false;
}

/* Any vintage has this file, and a directory of something else, or of vintages, has not. */
static bool is_vintage(const char *path)
{
    char file[PATH_MAX];
    struct stat status;

    return snprintf(file, sizeof(file), "%s/vintage.conf", path) < (int)sizeof(file) &&
           stat(file, &status) == 0;
}

struct factors *command_vintage(const struct config *config, const char *name,
                                struct restate_query *query)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct factors *factors = NULL;
    char path[PATH_MAX];

    if (!restate_vintage_path(config, name, path) || !is_vintage(path))
        fprintf(stderr, "iagmeter: no vintage \"%s\": %s: %s\n", name, path, strerror(errno));
    else if (diagnostics)
        factors = factors_load(path, diagnostics);
    if (factors && factors_check_date(factors, query->now_s, diagnostics))
        config_digest_factors(path, &query->factors_digest, diagnostics);
    if (diagnostics && diagnostics_errors(diagnostics) > 0) {
        factors_free(factors);
        factors = NULL;
    }
    if (diagnostics)
        diagnostics_print(diagnostics, stderr);
    diagnostics_free(diagnostics);
    query->factors = factors;
    return factors;
}
