/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/log.h"
#include "reports/factor_table.h"

/* -- factors ---------------------------------------------------------------------------------- */

/* The vintage that the command line names; or the configuration's, all of which is checked: nothing
 * is computed from a bad set. NULL after diagnostics. */
static struct factors *load_factors(const struct command_options *options, const char *directory,
                                    struct diagnostics *diagnostics)
{
    struct config *config;
    struct factors *factors;

    if (!directory) {
        config = config_load(options->config_path, NULL, diagnostics);
        factors = config ? config->factors : NULL;
        if (config)
            config->factors = NULL; /* the caller's now */
        config_free(config);
        return factors;
    }
    factors = factors_load(directory, diagnostics);
    if (factors && !factors_check_date(factors, time(NULL), diagnostics)) {
        factors_free(factors);
        factors = NULL;
    }
    return factors;
}

static int check_factors(const struct command_options *options, const char *directory)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct factors *factors;
    int status = EXIT_CONFIGURATION;

    if (!diagnostics)
        return EXIT_TROUBLE;
    factors = load_factors(options, directory, diagnostics);
    diagnostics_print(diagnostics, stderr);
    if (factors) {
        struct factors_counts counts = factors_counts(factors);

        printf("vintage %s: methods A and B, %zu models, %zu providers, %zu zones, %zu media; each "
               "figure with unit, year, scope, source, licence and grade: no error\n",
               factors_vintage(factors), counts.models, counts.providers, counts.zones,
               counts.media);
        status = EXIT_SUCCESS;
    }
    factors_free(factors);
    diagnostics_free(diagnostics);
    return status;
}

static int write_factor_table(const struct command_options *options)
{
    struct config *config = command_load(options);
    int status = EXIT_TROUBLE;

    if (!config)
        return EXIT_CONFIGURATION;
    if (factor_table_write(config, stdout) && fflush(stdout) == 0)
        status = EXIT_SUCCESS;
    config_free(config);
    return status;
}

int command_factors(const struct command_options *options)
{
    const char *action = options->argument_count > 0 ? options->arguments[0] : "";

    if (strcmp(action, "check") == 0 && options->argument_count <= 2)
        return check_factors(options, options->argument_count == 2 ? options->arguments[1] : NULL);
    if (strcmp(action, "table") == 0 && options->argument_count == 1)
        return write_factor_table(options);
    fputs("usage: iagmeter factors check [DIRECTORY]\n       iagmeter factors table\n", stderr);
    return EXIT_CONFIGURATION;
}

/* -- impact ----------------------------------------------------------------------------------- */

static int calculate(const struct command_options *options, const struct factors *factors,
                     enum calculator_format format)
{
    struct calculation calculation;
    char error[160];
    const char *wrong = calculator_compute(factors, &options->query, &calculation, error);

    if (wrong) {
        fprintf(stderr, "iagmeter: %s\n", wrong);
        return EXIT_CONFIGURATION;
    }
    if (calculator_write(factors, &options->query, &calculation, format,
                         text_language(options->language), options->sensitivity, stdout) &&
        fflush(stdout) == 0)
        return EXIT_SUCCESS;
    if (!ferror(stdout)) /* that is told at the end, by main() */
        fputs("iagmeter: out of memory\n", stderr);
    return EXIT_TROUBLE;
}

static int calculate_table(const struct command_options *options, const struct factors *factors,
                           enum calculator_format format)
{
    bool is_input = strcmp(options->batch, "-") == 0;
    char error[160];
    const char *wrong = calculator_check(factors, &options->query, error);
    struct calculator_batch result;
    FILE *in;

    if (wrong) {
        fprintf(stderr, "iagmeter: %s\n", wrong);
        return EXIT_CONFIGURATION;
    }
    in = is_input ? stdin : fopen(options->batch, "re");
    if (!in) {
        fprintf(stderr, "iagmeter: %s: %s\n", options->batch, strerror(errno));
        return EXIT_TROUBLE;
    }
    /* A table is no text for people. */
    result = calculator_run_batch(
        factors, in, is_input ? "standard input" : options->batch, &options->query,
        format == CALCULATOR_TEXT ? CALCULATOR_TSV : format, stdout, stderr);
    if (!is_input)
        fclose(in);
    if (result.bad_rows > 0)
        fprintf(stderr, "iagmeter: %lu of %lu rows are bad\n", result.bad_rows, result.rows);
    return result.failed || result.bad_rows > 0 ? EXIT_TROUBLE : EXIT_SUCCESS;
}

int command_impact(const struct command_options *options)
{
    struct diagnostics *diagnostics;
    struct factors *factors;
    enum calculator_format format;
    int status = EXIT_CONFIGURATION;

    if (!command_format(options->format, &format))
        return EXIT_CONFIGURATION;
    diagnostics = diagnostics_new();
    if (!diagnostics)
        return EXIT_TROUBLE;
    factors = load_factors(options, options->factors, diagnostics);
    if (!factors)
        diagnostics_print(diagnostics, stderr);
    else
        status = options->batch ? calculate_table(options, factors, format)
                                : calculate(options, factors, format);
    factors_free(factors);
    diagnostics_free(diagnostics);
    return status;
}

/* -- restate ---------------------------------------------------------------------------------- */

/* Statement NUMBER as it may be shown. */
static int write_statement(const struct config *config, const struct command_options *options,
                           const struct statement *statement, enum calculator_format format)
{
    struct restate_view *view = restate_view_new(statement, config);
    bool written = view && (format == CALCULATOR_TEXT
                                ? restate_write_text(view, text_language(options->language), stdout)
                            : format == CALCULATOR_TSV ? restate_write_tsv(view, stdout)
                                                       : restate_write_json(view, stdout));

    restate_view_free(view);
    if (!written)
        fprintf(stderr, "iagmeter: the statement cannot be written\n");
    return written ? EXIT_SUCCESS : EXIT_TROUBLE;
}

/* What is told is decided before it is recorded: a statement is never changed. */
static bool record_statement(const struct config *config, struct statement *statement)
{
    struct restate_view *view = restate_view_new(statement, config);
    char error[PATH_MAX + 200] = "out of memory";
    bool recorded = false;

    if (view) {
        statement->passes = restate_view_passes(view);
        recorded = statements_append(config->state_directory, statement, error, sizeof(error));
    }
    if (!recorded)
        fprintf(stderr, "iagmeter: %s\n", error);
    else if (statement->passes)
        log_line(LOG_PRIORITY_WARNING,
                 "statement %lld restates %s with vintage %s: a figure changes by more than %g %%",
                 (long long)statement->number, statement->period, statement->vintage,
                 statement->threshold_percent);
    restate_view_free(view);
    return recorded;
}

static int restate_period(const struct command_options *options, const struct config *config,
                          struct ledger *ledger, enum calculator_format format)
{
    struct restate_query query = {.period = options->arguments[0], .now_s = time(NULL)};
    struct factors *factors = command_vintage(config, options->vintage, &query);
    struct statement *statement = NULL;
    char error[512];
    enum restate_status computed;
    int status = EXIT_CONFIGURATION;

    if (!factors)
        return EXIT_CONFIGURATION;
    computed = restate_compute(ledger, config, &query, &statement, error, sizeof(error));
    if (computed != RESTATE_OK) {
        fprintf(stderr, "iagmeter: %s\n", error);
        status = computed == RESTATE_USAGE ? EXIT_CONFIGURATION : EXIT_TROUBLE;
    } else {
        status = record_statement(config, statement)
                     ? write_statement(config, options, statement, format)
                     : EXIT_TROUBLE;
    }
    statement_free(statement);
    factors_free(factors);
    return status;
}

static int show_statement(const struct command_options *options, const struct config *config,
                          enum calculator_format format)
{
    char error[PATH_MAX + 200] = "";
    char *end;
    int64_t number = strtoll(options->show, &end, 10);
    struct statement *statement =
        number > 0 && !*end
            ? statements_load(config->state_directory, number, -1, error, sizeof(error))
            : NULL;
    int status = EXIT_TROUBLE;

    if (statement)
        status = write_statement(config, options, statement, format);
    else if (error[0])
        fprintf(stderr, "iagmeter: %s\n", error);
    else
        fprintf(stderr, "iagmeter: no statement \"%s\"\n", options->show);
    statement_free(statement);
    return status;
}

struct listing {
    enum calculator_format format;
    enum text_language language;
};

static bool list_statement(void *context, const struct statement *statement)
{
    const struct listing *listing = context;

    if (listing->format == CALCULATOR_TEXT)
        restate_list_text(statement, listing->language, stdout);
    else if (listing->format == CALCULATOR_TSV)
        restate_list_tsv(statement, stdout);
    else
        return restate_list_json(statement, stdout);
    return true;
}

static int list_statements(const struct command_options *options, const struct config *config,
                           enum calculator_format format)
{
    struct listing listing = {format, text_language(options->language)};
    char error[PATH_MAX + 200];

    if (format == CALCULATOR_TSV)
        fputs(restate_list_head, stdout);
    if (statements_visit(config->state_directory, list_statement, &listing, error, sizeof(error)))
        return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EXIT_TROUBLE;
    fprintf(stderr, "iagmeter: %s\n", error);
    return EXIT_TROUBLE;
}

int command_restate(const struct command_options *options)
{
    bool makes = options->argument_count == 1 && options->vintage;
    enum calculator_format format;
    struct config *config;
    struct ledger *ledger = NULL;
    int status = EXIT_TROUBLE;

    if (makes + options->list + (options->show != NULL) != 1 ||
        (!makes && options->argument_count > 0)) {
        fputs("usage: iagmeter restate PERIOD --vintage NAME | --list | --show NUMBER\n", stderr);
        return EXIT_CONFIGURATION;
    }
    if (!command_format(options->format, &format))
        return EXIT_CONFIGURATION;
    config = command_load(options);
    if (!config)
        return EXIT_CONFIGURATION;
    log_open("iagmeter");
    if (options->list)
        status = list_statements(options, config, format);
    else if (options->show)
        status = show_statement(options, config, format);
    else if ((ledger = command_open_ledger(config)))
        status = restate_period(options, config, ledger, format);
    ledger_close(ledger);
    config_free(config);
    return status;
}
