/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/calibrate.h"
#include "daemon/hashkey.h"
#include "daemon/inspectmetrics.h"
#include "daemon/programs.h"

/* -- inspect ---------------------------------------------------------------------------------- */

static const char *direction_code(const void *context, uint16_t direction)
{
    const struct config *config = context;

    return directions_get(config->directions, direction)->code;
}

/* The teams of all servers: the file does not tell which one it is of. */
static size_t find_teams(const struct config *config, struct server_team *teams)
{
    size_t count = 0;

    for (unsigned i = 0; i < config->inference.server_count; i++) {
        const struct scrape_config *scrape = &config->inference.scrapes[i];

        memcpy(teams + count, scrape->directions, scrape->team_count * sizeof(*teams));
        count += scrape->team_count;
    }
    return count;
}

static int inspect_metrics(const struct command_options *options, const struct config *config)
{
    static struct server_team teams[INFERENCE_MAX_PORTS * MAX_SCRAPE_TEAMS];
    struct inspectmetrics_options inspect = {
        .teams = teams,
        .team_count = find_teams(config, teams),
        .direction_code = direction_code,
        .context = config,
        .user = config->user,
    };
    int dialect = 0;

    if (options->argument_count > 1) {
        fprintf(stderr, "iagmeter: --metrics reads one answer, and %s is a second one\n",
                options->arguments[1]);
        return EXIT_CONFIGURATION;
    }
    while (options->dialect && dialect < SERVER_DIALECTS &&
           strcmp(options->dialect, server_dialect_names[dialect]) != 0)
        dialect++;
    if (dialect == SERVER_DIALECTS) {
        fprintf(stderr,
                "iagmeter: dialect \"%s\": auto, llama.cpp, vllm, sglang, tgi, litellm, "
                "tensorrt-llm or "
                "lmdeploy\n",
                options->dialect);
        return EXIT_CONFIGURATION;
    }
    inspect.dialect = (enum server_dialect)dialect;
    return inspectmetrics_run(options->arguments[0], &inspect, stdout);
}

int command_inspect(const struct command_options *options)
{
    struct config *config = command_load(options);
    int status;

    if (!config)
        return EXIT_CONFIGURATION;
    status = options->metrics
                 ? inspect_metrics(options, config)
                 : inspect_run(config, (const char *const *)options->arguments,
                               (unsigned)options->argument_count, &options->inspect, stdout);
    config_free(config);
    return status;
}

/* -- power ------------------------------------------------------------------------------------ */

#define POWER_S 5

int command_power(const struct command_options *options)
{
    char seconds[16];
    char *const arguments[] = {
        "iagmeter-counters",          "-l", seconds, "-r", (char *)options->root, "-c",
        (char *)options->config_path, NULL};
    int status;

    snprintf(seconds, sizeof(seconds), "%u", options->seconds ? options->seconds : POWER_S);
    status = programs_run(arguments);
    return status < 0 ? EXIT_TROUBLE : status;
}

/* -- calibrate -------------------------------------------------------------------------------- */

#define CALIBRATE_S 1800

static int calibrate(const struct command_options *options, const struct config *config,
                     struct ledger *ledger)
{
    const char *what = options->arguments[0];
    const char *when = options->argument_count > 1 ? options->arguments[1] : NULL;
    const struct calibrate_options query = {.period = when,
                                            .range = when,
                                            .seconds =
                                                options->seconds ? options->seconds : CALIBRATE_S,
                                            .assume_idle = options->assume_idle,
                                            .output = options->output,
                                            .now_s = time(NULL)};

    if (!config->host) {
        fprintf(stderr, "iagmeter: %s names no host: nothing to calibrate\n", config->path);
        return EXIT_CONFIGURATION;
    }
    return strcmp(what, "idle") == 0 ? calibrate_idle(&query, config, ledger)
                                     : calibrate_weights(&query, config, ledger);
}

/* Needs no ledger. */
static int calibrate_service(const struct command_options *options)
{
    struct config *config;
    struct calibrateservice_options query = options->session;
    int status;

    if (options->argument_count != 2) {
        fputs("iagmeter: calibrate service takes the id of a service of services.conf\n", stderr);
        return EXIT_CONFIGURATION;
    }
    config = command_load(options);
    if (!config)
        return EXIT_CONFIGURATION;
    query.service = options->arguments[1];
    query.output = options->output;
    query.seconds = options->seconds ? options->seconds : CALIBRATE_S;
    query.now_s = time(NULL);
    status = calibrateservice_run(&query, config);
    config_free(config);
    return status;
}

int command_calibrate(const struct command_options *options)
{
    /* As what is imported: the daemon, another user, must be able to read what it is to use. */
    umask(S_IWGRP | S_IWOTH);
    if (strcmp(options->arguments[0], "service") == 0)
        return calibrate_service(options);
    if (strcmp(options->arguments[0], "idle") != 0 &&
        strcmp(options->arguments[0], "weights") != 0) {
        fprintf(stderr, "iagmeter: calibrate \"%s\": idle, weights or service\n",
                options->arguments[0]);
        return EXIT_CONFIGURATION;
    }
    return command_with_ledger(options, calibrate);
}

/* -- hash-key --------------------------------------------------------------------------------- */

int command_hash_key(const struct command_options *options)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config = NULL;
    int status = EXIT_CONFIGURATION;

    if (!diagnostics)
        return EXIT_TROUBLE;
    /* The rest need not be right yet: it may name keys that are still to be made. */
    config = config_load_main(options->config_path, diagnostics);
    diagnostics_print(diagnostics, stderr);
    if (config)
        status = hashkey_run(&config->inference, stdin, stdout);
    config_free(config);
    diagnostics_free(diagnostics);
    return status;
}
