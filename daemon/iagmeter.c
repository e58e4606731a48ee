/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The command people type. Each sub-command reads; only `rebuild` writes views, `import` what
 * others publish (a list of names, or of grid intensities), and `restate` statements. */

#include "daemon/calculator.h"
#include "daemon/calendar.h"
#include "daemon/calibrate.h"
#include "daemon/calibrateservice.h"
#include "daemon/capture.h"
#include "daemon/config.h"
#include "daemon/eco2mix.h"
#include "daemon/factors.h"
#include "daemon/grid.h"
#include "daemon/hashkey.h"
#include "daemon/import.h"
#include "daemon/inspect.h"
#include "daemon/inspectmetrics.h"
#include "daemon/ledger.h"
#include "daemon/log.h"
#include "daemon/meter.h"
#include "daemon/metrics.h"
#include "daemon/programs.h"
#include "daemon/roundrobin.h"
#include "daemon/status.h"
#include "daemon/version.h"
#include "reports/derived.h"
#include "reports/explain.h"
#include "reports/factor_table.h"
#include "reports/graph.h"
#include "reports/month.h"
#include "reports/progress.h"
#include "reports/restate.h"
#include "reports/whatif.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_CHANGES 64

struct options {
    char config_path[PATH_MAX];
    char output[PATH_MAX];
    const char *language;
    const char *format;
    struct inspect_options inspect;
    bool metrics;        /* are to be inspected instead of a capture */
    const char *dialect; /* they are in; NULL: it is found out */
    struct calculator_query query;
    bool sensitivity;
    const char *factors; /* directory of a vintage; NULL: the configuration's */
    const char *batch;   /* a table of queries; NULL: one, on the command line */
    struct whatif_change changes[MAX_CHANGES];
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
};

static struct config *load(const struct options *options)
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

static struct ledger *open_ledger(const struct config *config)
{
    char error[512];
    struct ledger *ledger = ledger_open(config->state_directory, false, error, sizeof(error));

    if (!ledger)
        fprintf(stderr, "iagmeter: %s\n", error);
    return ledger;
}

/* What a sub-command does with a ledger, which it reads. Returns the exit status. */
typedef int ledger_task(const struct options *options, const struct config *config,
                        struct ledger *ledger);

static int with_ledger(const struct options *options, ledger_task *task)
{
    struct config *config = load(options);
    struct ledger *ledger;
    int status = EXIT_TROUBLE;

    if (!config)
        return EXIT_CONFIGURATION;
    ledger = open_ledger(config);
    if (ledger)
        status = task(options, config, ledger);
    ledger_close(ledger);
    config_free(config);
    return status;
}

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

static int inspect_metrics(const struct options *options, const struct config *config)
{
    static struct server_team teams[INFERENCE_MAX_PORTS * MAX_SCRAPE_TEAMS];
    struct inspectmetrics_options inspect = {
        .teams = teams,
        .team_count = find_teams(config, teams),
        .direction_code = direction_code,
        .context = config,
    };
    int dialect = 0;

    while (options->dialect && dialect < SERVER_DIALECTS &&
           strcmp(options->dialect, server_dialect_names[dialect]) != 0)
        dialect++;
    if (dialect == SERVER_DIALECTS) {
        fprintf(stderr, "iagmeter: dialect \"%s\": auto, llama.cpp, vllm, sglang, tgi or litellm\n",
                options->dialect);
        return EXIT_CONFIGURATION;
    }
    inspect.dialect = (enum server_dialect)dialect;
    return inspectmetrics_run(options->arguments[0], &inspect, stdout);
}

static int command_inspect(const struct options *options)
{
    struct config *config = load(options);
    int status;

    if (!config)
        return EXIT_CONFIGURATION;
    status = options->metrics
                 ? inspect_metrics(options, config)
                 : inspect_run(config, options->arguments[0], &options->inspect, stdout);
    config_free(config);
    return status;
}

/* -- power ------------------------------------------------------------------------------------ */

#define POWER_S 5

static int command_power(const struct options *options)
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

static int calibrate(const struct options *options, const struct config *config,
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
static int calibrate_service(const struct options *options)
{
    struct config *config;
    struct calibrateservice_options query = options->session;
    int status;

    if (options->argument_count != 2) {
        fputs("iagmeter: calibrate service takes the id of a service of services.conf\n", stderr);
        return EXIT_CONFIGURATION;
    }
    config = load(options);
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

static int command_calibrate(const struct options *options)
{
    if (strcmp(options->arguments[0], "service") == 0)
        return calibrate_service(options);
    if (strcmp(options->arguments[0], "idle") != 0 &&
        strcmp(options->arguments[0], "weights") != 0) {
        fprintf(stderr, "iagmeter: calibrate \"%s\": idle, weights or service\n",
                options->arguments[0]);
        return EXIT_CONFIGURATION;
    }
    return with_ledger(options, calibrate);
}

/* -- hash-key --------------------------------------------------------------------------------- */

static int command_hash_key(const struct options *options)
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

/* -- report ----------------------------------------------------------------------------------- */

static bool find_month(const char *text, int64_t now, struct calendar_month *month)
{
    char current[32];
    time_t seconds = (time_t)now;
    struct tm local;

    localtime_r(&seconds, &local);
    strftime(current, sizeof(current), "%Y-%m", &local);
    if (strcmp(text, "current") != 0 && strcmp(text, "previous") != 0)
        return calendar_parse_month(text, month);
    if (!calendar_parse_month(current, month))
        return false;
    if (strcmp(text, "previous") == 0)
        *month = calendar_shift(*month, -1);
    return true;
}

struct output {
    const struct month_report *report;
    const char *language;
    char *svg;
    size_t svg_size;
};

static bool write_html(const void *context, FILE *stream)
{
    const struct output *output = context;

    return month_write_html(output->report, output->language, output->svg, output->svg_size,
                            stream);
}

static bool write_csv(const void *context, FILE *stream)
{
    const struct output *output = context;

    return month_write_csv(output->report, stream);
}

static bool write_json(const void *context, FILE *stream)
{
    const struct output *output = context;

    return month_write_json(output->report, stream);
}

/* A new file, never one that somebody put there for us to write through. */
static FILE *create(const char *path)
{
    int descriptor;
    FILE *stream;

    unlink(path);
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    stream = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (descriptor >= 0 && !stream)
        close(descriptor);
    return stream;
}

typedef bool writer(const void *context, FILE *stream);

/* Beside its final name first: a reader never sees half a file, and a full disk leaves the old
 * one. */
static bool write_file(const char *path, writer *write, const void *context)
{
    char partial[PATH_MAX + 80];
    FILE *stream;
    bool written;

    snprintf(partial, sizeof(partial), "%s.partial", path);
    stream = create(partial);
    written = stream && write(context, stream) && fflush(stream) == 0 && fsync(fileno(stream)) == 0;
    if (stream && fclose(stream) != 0)
        written = false;
    if (written && rename(partial, path) == 0)
        return true;
    fprintf(stderr, "iagmeter: %s: %s\n", path, strerror(errno));
    unlink(partial);
    return false;
}

static bool make_directory(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return true;
    fprintf(stderr, "iagmeter: %s: %s\n", path, strerror(errno));
    return false;
}

static bool write_files(const struct output *output, const char *directory)
{
    static const struct {
        const char *suffix;
        bool in_language; /* the others hold no sentences */
        writer *write;
    } writers[] = {
        {"html", true, write_html}, {"csv", false, write_csv}, {"json", false, write_json}};
    const struct calendar_month *month = &output->report->month;
    char path[PATH_MAX + 64];

    if (!make_directory(directory, 0750))
        return false;
    for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
        snprintf(path, sizeof(path), "%s/%04d-%02d%s%s.%s", directory, month->year, month->month,
                 writers[i].in_language ? "." : "", writers[i].in_language ? output->language : "",
                 writers[i].suffix);
        if (!write_file(path, writers[i].write, output))
            return false;
        printf("%s\n", path);
    }
    return true;
}

/* The objectives of the year of MONTH; NULL where there are none. Returns false after one sentence
 * when the ledger cannot be read. */
static bool find_progress(struct ledger *ledger, const struct config *config,
                          struct calendar_month month, int64_t now, struct progress **progress)
{
    char error[512];

    *progress = NULL;
    if (!objectives_has_year(config->objectives, (unsigned)month.year))
        return true;
    *progress = progress_build(ledger, config, month, now, error, sizeof(error));
    if (!*progress)
        fprintf(stderr, "iagmeter: %s\n", error);
    return *progress;
}

/* The report of the month that TEXT names. NULL after a complaint, with the exit status. */
static struct month_report *build_month(const char *text, const struct config *config,
                                        struct ledger *ledger, int64_t now, int *status)
{
    struct calendar_month month;
    struct month_report *report;
    char error[512];

    *status = EXIT_CONFIGURATION;
    if (!find_month(text, now, &month)) {
        fprintf(stderr, "iagmeter: \"%s\" is not a month: 2026-10, current or previous\n", text);
        return NULL;
    }
    *status = EXIT_TROUBLE;
    report = month_build(ledger, config, month, now, error, sizeof(error));
    if (!report)
        fprintf(stderr, "iagmeter: %s\n", error);
    return report;
}

static int report_month(const struct options *options, const struct config *config,
                        struct ledger *ledger)
{
    struct output output = {.language = options->language};
    struct month_report *report;
    struct progress *progress = NULL;
    struct roundrobin *roundrobin = NULL;
    char error[512];
    int64_t now = time(NULL);
    int status;

    report = build_month(options->arguments[1], config, ledger, now, &status);
    if (!report)
        return status;
    if (!find_progress(ledger, config, report->month, now, &progress)) {
        month_free(report);
        return EXIT_TROUBLE;
    }
    report->progress = progress;
    if (!restate_add_to_month(report, error, sizeof(error)))
        fprintf(stderr, "iagmeter: warning: no restatement is told: %s\n", error);
    output.report = report;
    roundrobin = roundrobin_new(config->state_directory, config->rrd_years);
    if (roundrobin)
        output.svg =
            graph_month(report, ledger, roundrobin, &output.svg_size, error, sizeof(error));
    if (roundrobin && !output.svg)
        fprintf(stderr, "iagmeter: warning: no graph: %s\n", error);
    if (write_files(&output, options->output[0] ? options->output : config->report.directory)) {
        month_print(report, options->language, stdout);
        status = EXIT_SUCCESS;
    }
    free(output.svg);
    roundrobin_free(roundrobin);
    progress_free(progress);
    month_free(report);
    return status;
}

static int command_report(const struct options *options)
{
    if (strcmp(options->arguments[0], "month") != 0) {
        fprintf(stderr, "iagmeter: no report \"%s\": month is the only one\n",
                options->arguments[0]);
        return EXIT_CONFIGURATION;
    }
    return with_ledger(options, report_month);
}

/* -- explain ---------------------------------------------------------------------------------- */

static int write_explanation(const struct options *options, const struct explanation *explanation)
{
    enum text_language language = text_language(options->language);
    bool written = strcmp(options->format, "json") == 0 ? explain_write_json(explanation, stdout)
                   : strcmp(options->format, "html") == 0
                       ? explain_write_html(explanation, language, stdout)
                       : explain_write_text(explanation, language, stdout);

    if (!written)
        fprintf(stderr, "iagmeter: the explanation cannot be written\n");
    return written ? EXIT_SUCCESS : EXIT_TROUBLE;
}

static int write_derived(const struct options *options, const struct derived *derived)
{
    enum text_language language = text_language(options->language);
    bool written = strcmp(options->format, "json") == 0 ? derived_write_json(derived, stdout)
                   : strcmp(options->format, "html") == 0
                       ? derived_write_html(derived, language, stdout)
                       : derived_write_text(derived, language, stdout);

    if (!written)
        fprintf(stderr, "iagmeter: the explanation cannot be written\n");
    return written ? EXIT_SUCCESS : EXIT_TROUBLE;
}

/* A figure that is computed from others. */
static int explain_derived(const struct options *options, const struct explain_query *query,
                           struct ledger *ledger, struct month_report *report)
{
    struct progress *progress = NULL;
    struct derived *derived = NULL;
    int status = EXIT_TROUBLE;
    char error[512];

    if (derived_needs_progress(query) &&
        !find_progress(ledger, report->config, report->month, time(NULL), &progress))
        return EXIT_TROUBLE;
    report->progress = progress;
    if (derived_build(report, query, &derived, error, sizeof(error)) == EXPLAIN_OK)
        status = write_derived(options, derived);
    else
        fprintf(stderr, "iagmeter: %s\n", error);
    derived_free(derived);
    report->progress = NULL;
    progress_free(progress);
    return status;
}

/* Of a statement that may be of several months, "2026/@restated/1/./energy_kwh". */
static int explain_restated(const struct options *options, const struct explain_query *query,
                            const struct config *config, struct ledger *ledger)
{
    struct month_report period = {.config = config};

    return explain_derived(options, query, ledger, &period);
}

/* Any vintage has this file, and a directory of something else, or of vintages, has not. */
static bool is_vintage(const char *path)
{
    char file[PATH_MAX];
    struct stat status;

    return snprintf(file, sizeof(file), "%s/vintage.conf", path) < (int)sizeof(file) &&
           stat(file, &status) == 0;
}

/* NULL after diagnostics or one sentence. */
static struct factors *load_vintage(const struct config *config, const char *name,
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

/* Of the vintage that is named; needs no ledger. */
static int explain_factor(const struct options *options, const struct explain_query *query,
                          const struct config *config)
{
    struct restate_query vintage = {.now_s = time(NULL)};
    struct config with = *config;
    struct month_report report = {.config = &with};
    int status = EXIT_CONFIGURATION;

    if (!config->factors || strcmp(query->month, factors_vintage(config->factors)) != 0)
        with.factors = load_vintage(config, query->month, &vintage);
    if (with.factors)
        status = explain_derived(options, query, NULL, &report);
    if (with.factors != config->factors)
        factors_free(with.factors);
    return status;
}

static int explain_month(const struct options *options, const struct explain_query *query,
                         const struct config *config, struct ledger *ledger)
{
    struct month_report *report;
    struct explanation *explanation = NULL;
    enum explain_status status;
    struct calendar_month month;
    char error[512];
    int written;

    if (derived_is_restated(query) && !find_month(query->month, time(NULL), &month))
        return explain_restated(options, query, config, ledger);
    report = build_month(query->month, config, ledger, time(NULL), &written);
    if (!report)
        return written;
    if (derived_is_asked(query)) {
        written = explain_derived(options, query, ledger, report);
        month_free(report);
        return written;
    }
    status = explain_build(ledger, report, query, &explanation, error, sizeof(error));
    if (!explanation) {
        fprintf(stderr, "iagmeter: %s\n", error);
        month_free(report);
        return status == EXPLAIN_USAGE ? EXIT_CONFIGURATION : EXIT_TROUBLE;
    }
    written = write_explanation(options, explanation);
    explain_free(explanation);
    month_free(report);
    return written;
}

static int command_explain(const struct options *options)
{
    struct explain_query query;
    struct config *config;
    struct ledger *ledger;
    int status = EXIT_TROUBLE;

    if (strcmp(options->format, "json") != 0 && strcmp(options->format, "html") != 0 &&
        strcmp(options->format, "text") != 0) {
        fprintf(stderr, "iagmeter: format \"%s\": text, html or json\n", options->format);
        return EXIT_CONFIGURATION;
    }
    if (!explain_parse(options->arguments, options->argument_count, &query)) {
        fputs("iagmeter: explain takes a month, a direction, a service and an indicator\n", stderr);
        return EXIT_CONFIGURATION;
    }
    config = load(options);
    if (!config)
        return EXIT_CONFIGURATION;
    if (derived_is_factor(&query)) {
        status = explain_factor(options, &query, config);
        config_free(config);
        return status;
    }
    ledger = open_ledger(config);
    if (ledger)
        status = explain_month(options, &query, config, ledger);
    ledger_close(ledger);
    config_free(config);
    return status;
}

static bool find_format(const char *name, enum calculator_format *format)
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

/* -- what-if ---------------------------------------------------------------------------------- */

static int write_whatif(const struct options *options, const struct whatif *whatif)
{
    bool written = strcmp(options->format, "json") == 0 ? whatif_write_json(whatif, stdout)
                   : strcmp(options->format, "tsv") == 0
                       ? whatif_write_tsv(whatif, stdout)
                       : whatif_write_text(whatif, text_language(options->language), stdout);

    if (!written)
        fprintf(stderr, "iagmeter: the comparison cannot be written\n");
    return written ? EXIT_SUCCESS : EXIT_TROUBLE;
}

static int compare_month(const struct options *options, const struct config *config,
                         struct ledger *ledger)
{
    const struct whatif_query query = {options->argument_count > 1 ? options->arguments[1] : NULL,
                                       options->changes, options->change_count};
    struct month_report *report;
    struct whatif *whatif = NULL;
    enum whatif_status status;
    char error[512];
    int written;

    report = build_month(options->arguments[0], config, ledger, time(NULL), &written);
    if (!report)
        return written;
    status = whatif_build(report, &query, &whatif, error, sizeof(error));
    if (!whatif) {
        fprintf(stderr, "iagmeter: %s\n", error);
        month_free(report);
        return status == WHATIF_USAGE ? EXIT_CONFIGURATION : EXIT_TROUBLE;
    }
    written = write_whatif(options, whatif);
    whatif_free(whatif);
    month_free(report);
    return written;
}

static int command_what_if(const struct options *options)
{
    enum calculator_format format;

    return find_format(options->format, &format) ? with_ledger(options, compare_month)
                                                 : EXIT_CONFIGURATION;
}

/* -- import ----------------------------------------------------------------------------------- */

static bool write_import(const void *context, FILE *stream)
{
    return import_write(context, stream);
}

static bool same_file(const char *a, const char *b)
{
    struct stat first;
    struct stat second;

    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* The catalogue without what an earlier import wrote: that is about to be replaced, and may be what
 * is wrong with it. */
static struct catalogue *load_others(const struct config *config, const char *usual,
                                     const char *output, struct diagnostics *diagnostics)
{
    char **paths = calloc(config->service_file_count, sizeof(*paths));
    struct catalogue *catalogue = NULL;
    size_t count = 0;

    for (size_t i = 0; paths && i < config->service_file_count; i++)
        if (i == 0 || (!same_file(config->service_files[i], usual) &&
                       !same_file(config->service_files[i], output)))
            paths[count++] = config->service_files[i];
    if (paths)
        catalogue = catalogue_load_files(paths, count, NULL, NULL, NULL, diagnostics);
    free(paths);
    return catalogue;
}

static bool write_list(const char *output, const struct import *import)
{
    if (strcmp(output, "-") == 0) {
        import_print(import, stderr);
        return import_write(import, stdout);
    }
    if (!write_file(output, write_import, import))
        return false;
    import_print(import, stdout);
    printf("%s\n", output);
    return true;
}

static int import_names(const struct options *options, const struct config *config,
                        struct diagnostics *diagnostics)
{
    char usual[PATH_MAX + 16];
    const char *output = options->output[0] ? options->output : usual;
    struct catalogue *known;
    struct import *import = NULL;
    int status = EXIT_TROUBLE;

    snprintf(usual, sizeof(usual), "%s/ut1.conf", config->services_directory);
    known = load_others(config, usual, output, diagnostics);
    if (!known)
        return EXIT_CONFIGURATION;
    import = import_ut1(options->arguments[1], known, stderr);
    if (import && (output != usual || make_directory(config->services_directory, 0755)) &&
        write_list(output, import))
        status = EXIT_SUCCESS;
    import_free(import);
    catalogue_free(known);
    return status;
}

static bool write_grid(const void *context, FILE *stream)
{
    return grid_write(context, stream);
}

static void print_counts(const char *path, const struct eco2mix *file,
                         const struct grid_changes *changes, FILE *stream)
{
    const struct eco2mix_counts *counts = eco2mix_counts(file);
    const struct {
        unsigned long count;
        const char *what;
    } parts[] = {
        {counts->rows, "rows"},
        {counts->empty, "without a figure"},
        {counts->repeated, "repeated"},
        {counts->skipped, "of the hour that clocks skip"},
        {counts->ambiguous, "of an hour that comes twice, not told apart"},
        {counts->wrong, "wrong"},
        {counts->disputed, "quarter-hours of two figures"},
        {changes->added, "half-hours new"},
        {changes->improved, "more final than what was held"},
        {changes->changed, "changed"},
        {changes->same, "as held"},
        {changes->kept, "less final than what is held"},
    };
    const char *separator = ": ";

    fputs(path, stream);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].count == 0)
            continue;
        fprintf(stream, "%s%lu %s", separator, parts[i].count, parts[i].what);
        separator = ", ";
    }
    fputc('\n', stream);
}

/* All files or none: each is merged into GRID, which is written only when the last one was. */
static bool merge_files(struct grid *grid, char *const *paths, int count, FILE *stream)
{
    int64_t now_s = time(NULL);

    for (int i = 0; i < count; i++) {
        struct eco2mix *file = eco2mix_read(paths[i], now_s, stderr);
        const struct grid_half_hour *half_hours;
        struct grid_changes changes;
        size_t half_hour_count;
        bool merged;

        if (!file)
            return false;
        half_hours = eco2mix_half_hours(file, &half_hour_count);
        merged =
            grid_merge(grid, half_hours, half_hour_count, eco2mix_source(file), &changes, stderr);
        if (merged)
            print_counts(paths[i], file, &changes, stream);
        else
            fputs("iagmeter: out of memory\n", stderr);
        eco2mix_free(file);
        if (!merged)
            return false;
    }
    return true;
}

/* Nobody else may import between our reading the table and our writing it: the lock is DIRECTORY's.
 * Returns a descriptor to close, or -1 after a complaint. */
static int lock_directory(const char *directory)
{
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (descriptor >= 0 && flock(descriptor, LOCK_EX) == 0)
        return descriptor;
    fprintf(stderr, "iagmeter: %s: %s\n", directory, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

/* --output names the file that the table is written to instead of its own. */
static bool put_grid(const struct grid *grid, const char *path, const char *output)
{
    if (strcmp(output, "-") == 0) {
        grid_print(grid, stderr);
        return grid_write(grid, stdout);
    }
    if (!write_file(output[0] ? output : path, write_grid, grid))
        return false;
    grid_print(grid, stdout);
    printf("%s\n", output[0] ? output : path);
    return true;
}

static int import_grid(const struct options *options, const char *directory, const char *path)
{
    FILE *messages = strcmp(options->output, "-") == 0 ? stderr : stdout;
    struct grid *grid;
    int status = EXIT_TROUBLE;
    int lock;

    if (!make_directory(directory, 0755) || (lock = lock_directory(directory)) < 0)
        return EXIT_TROUBLE;
    grid = grid_load(path, stderr);
    if (grid && merge_files(grid, options->arguments + 1, options->argument_count - 1, messages) &&
        put_grid(grid, path, options->output))
        status = EXIT_SUCCESS;
    grid_free(grid);
    close(lock);
    return status;
}

static int show_grid(const char *path)
{
    struct grid *grid = grid_load(path, stderr);

    if (!grid)
        return EXIT_TROUBLE;
    grid_print(grid, stdout);
    grid_free(grid);
    return EXIT_SUCCESS;
}

static int import_eco2mix(const struct options *options, const struct config *config)
{
    char directory[PATH_MAX + 16];
    char path[PATH_MAX + 16];

    grid_path(config->state_directory, path, sizeof(path));
    snprintf(directory, sizeof(directory), "%s", path);
    *strrchr(directory, '/') = '\0';
    return options->argument_count > 1 ? import_grid(options, directory, path) : show_grid(path);
}

static int import_from(const struct options *options, const struct config *config,
                       struct diagnostics *diagnostics)
{
    if (strcmp(options->arguments[0], "eco2mix") == 0)
        return import_eco2mix(options, config);
    return import_names(options, config, diagnostics);
}

static int command_import(const struct options *options)
{
    bool is_ut1 = strcmp(options->arguments[0], "ut1") == 0;
    struct diagnostics *diagnostics;
    struct config *config;
    int status = EXIT_CONFIGURATION;

    if (!is_ut1 && strcmp(options->arguments[0], "eco2mix") != 0) {
        fprintf(stderr, "iagmeter: nothing called \"%s\" to import: ut1 or eco2mix\n",
                options->arguments[0]);
        return EXIT_CONFIGURATION;
    }
    if (is_ut1 && options->argument_count != 2) {
        fputs("iagmeter: import ut1 takes one directory\n", stderr);
        return EXIT_CONFIGURATION;
    }
    /* What is imported is public, and the daemon, another user, must be able to read it: also where
     * the administrator's files are for nobody else. */
    umask(S_IWGRP | S_IWOTH);
    diagnostics = diagnostics_new();
    if (!diagnostics)
        return EXIT_TROUBLE;
    config = config_load_main(options->config_path, diagnostics);
    if (config)
        status = import_from(options, config, diagnostics);
    diagnostics_print(diagnostics, stderr);
    diagnostics_free(diagnostics);
    config_free(config);
    return status;
}

/* -- factors ---------------------------------------------------------------------------------- */

/* The vintage that the command line names; or the configuration's, all of which is checked: nothing
 * is computed from a bad set. NULL after diagnostics. */
static struct factors *load_factors(const struct options *options, const char *directory,
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

static int check_factors(const struct options *options, const char *directory)
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

static int write_factor_table(const struct options *options)
{
    struct config *config = load(options);
    int status = EXIT_TROUBLE;

    if (!config)
        return EXIT_CONFIGURATION;
    if (factor_table_write(config, stdout) && fflush(stdout) == 0)
        status = EXIT_SUCCESS;
    config_free(config);
    return status;
}

static int command_factors(const struct options *options)
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

static int calculate(const struct options *options, const struct factors *factors,
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
    fprintf(stderr, "iagmeter: standard output: %s\n", strerror(errno));
    return EXIT_TROUBLE;
}

static int calculate_table(const struct options *options, const struct factors *factors,
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

static int command_impact(const struct options *options)
{
    struct diagnostics *diagnostics;
    struct factors *factors;
    enum calculator_format format;
    int status = EXIT_CONFIGURATION;

    if (!find_format(options->format, &format))
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
static int write_statement(const struct config *config, const struct options *options,
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

static int restate_period(const struct options *options, const struct config *config,
                          struct ledger *ledger, enum calculator_format format)
{
    struct restate_query query = {.period = options->arguments[0], .now_s = time(NULL)};
    struct factors *factors = load_vintage(config, options->vintage, &query);
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

static int show_statement(const struct options *options, const struct config *config,
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

static int list_statements(const struct options *options, const struct config *config,
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

static int command_restate(const struct options *options)
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
    if (!find_format(options->format, &format))
        return EXIT_CONFIGURATION;
    config = load(options);
    if (!config)
        return EXIT_CONFIGURATION;
    log_open("iagmeter");
    if (options->list)
        status = list_statements(options, config, format);
    else if (options->show)
        status = show_statement(options, config, format);
    else if ((ledger = open_ledger(config)))
        status = restate_period(options, config, ledger, format);
    ledger_close(ledger);
    config_free(config);
    return status;
}

/* -- rebuild ---------------------------------------------------------------------------------- */

/* Takes the writer's lock: a daemon that updates the same files must not run. */
static int command_rebuild(const struct options *options)
{
    struct config *config = load(options);
    struct ledger *ledger;
    struct roundrobin *roundrobin = NULL;
    char error[512];
    unsigned files = 0;
    unsigned failed;
    int status = EXIT_TROUBLE;

    if (!config)
        return EXIT_CONFIGURATION;
    ledger = ledger_open(config->state_directory, true, error, sizeof(error));
    if (!ledger) {
        fprintf(stderr, "iagmeter: %s\n", error);
        goto out;
    }
    roundrobin = roundrobin_new(config->state_directory, config->rrd_years);
    if (!roundrobin)
        goto out;
    failed = roundrobin_rebuild(roundrobin, ledger, meter_shown_until(ledger, config, INT64_MAX),
                                &files);
    printf("%u file(s) recreated from the ledger\n", files);
    if (failed > 0)
        fprintf(stderr, "iagmeter: %u file(s) failed: %s\n", failed, roundrobin_error(roundrobin));
    else
        status = EXIT_SUCCESS;
out:
    roundrobin_free(roundrobin);
    ledger_close(ledger);
    config_free(config);
    return status;
}

/* -- status ----------------------------------------------------------------------------------- */

static int show_status(const struct options *options, const struct config *config,
                       struct ledger *ledger)
{
    enum status_format format = strcmp(options->format, "json") == 0 ? STATUS_JSON : STATUS_TEXT;

    if (status_print(ledger, config, ledger_is_locked(config->state_directory), time(NULL), format,
                     stdout))
        return EXIT_SUCCESS;
    fprintf(stderr, "iagmeter: %s\n", ledger_error(ledger));
    return EXIT_TROUBLE;
}

static int command_status(const struct options *options)
{
    if (strcmp(options->format, "json") != 0 && strcmp(options->format, "text") != 0) {
        fprintf(stderr, "iagmeter: format \"%s\": text or json\n", options->format);
        return EXIT_CONFIGURATION;
    }
    return with_ledger(options, show_status);
}

/* -- metrics ---------------------------------------------------------------------------------- */

struct text {
    char *bytes;
    size_t size;
};

static bool write_text(const void *context, FILE *stream)
{
    const struct text *text = context;

    return fwrite(text->bytes, 1, text->size, stream) == text->size;
}

/* All of it before any is written: a scrape must not take half of it for the truth. PART NULL: both
 * parts. */
static bool render_metrics(const char *part, const struct config *config, struct ledger *ledger,
                           struct text *text)
{
    FILE *stream = open_memstream(&text->bytes, &text->size);
    bool running = ledger_is_locked(config->state_directory);
    int64_t now = time(NULL);
    bool written = true;

    if (!stream) {
        fputs("iagmeter: out of memory\n", stderr);
        return false;
    }
    if (!part || strcmp(part, "capture") == 0)
        written = metrics_write_capture(ledger, config, running, now, stream);
    if (!part || strcmp(part, "use") == 0)
        written = written && metrics_write_use(ledger, config, now, stream);
    if (!written)
        fprintf(stderr, "iagmeter: %s\n", ledger_error(ledger));
    return fclose(stream) == 0 && written;
}

static int command_metrics(const struct options *options)
{
    const char *part = options->argument_count > 0 ? options->arguments[0] : NULL;
    struct config *config;
    struct ledger *ledger;
    struct text text = {0};
    bool written = false;

    if (part && strcmp(part, "capture") != 0 && strcmp(part, "use") != 0) {
        fprintf(stderr, "iagmeter: no metrics of \"%s\": capture or use\n", part);
        return EXIT_CONFIGURATION;
    }
    config = load(options);
    if (!config)
        return EXIT_CONFIGURATION;
    ledger = open_ledger(config);
    if (ledger && render_metrics(part, config, ledger, &text))
        written = options->output[0] ? write_file(options->output, write_text, &text)
                                     : write_text(&text, stdout) && fflush(stdout) == 0;
    free(text.bytes);
    ledger_close(ledger);
    config_free(config);
    return written ? EXIT_SUCCESS : EXIT_TROUBLE;
}

/* -- The command line ------------------------------------------------------------------------- */

static const struct command {
    const char *name;
    int arguments_least;
    int arguments_most;
    const char *arguments;
    const char *purpose;
    int (*run)(const struct options *options);
} commands[] = {
    {"inspect", 1, 1,
     "CAPTURE [--all] [--addresses] [--exchanges] | --metrics FILE|- [--dialect NAME]",
     "what the daemon sees in a capture, flow by flow or (--exchanges) answer by answer, and each "
     "exchange\n      with a local inference server; or in what such a server's /metrics answered: "
     "by model and team. Nothing is "
     "recorded",
     command_inspect},
    {"report", 2, 2, "month YYYY-MM|current|previous [--lang fr|en] [--output DIRECTORY]",
     "write the monthly footprint (HTML, CSV, JSON) and print its totals", command_report},
    {"explain", 1, 4,
     "YYYY-MM|current|previous [DIRECTION|.|other] [SERVICE|.] [INDICATOR] [--lang fr|en] "
     "[--format "
     "text|html|json]",
     "where a figure of the monthly report comes from, recomputed: also as one name, "
     "YYYY-MM/DIRECTION/SERVICE/INDICATOR, or YYYY-MM/@SCOPE/ID/INDICATOR of what is computed from "
     "others;\n      PERIOD/@restated/NUMBER/... of a statement, VINTAGE/@factor/KIND/ID/KEY of a "
     "factor",
     command_explain},
    {"what-if", 1, 2,
     "YYYY-MM|current|previous [DIRECTION] [--move SERVICE=TARGET|local:N%] [--model "
     "[SERVICE=]PROVIDER/NAME] [--provider SERVICE=ID] [--zone SERVICE=ID] [--method SERVICE=A|B] "
     "[--reduce SERVICE|all:N%] [--shorter SERVICE|all:N%] [--lang fr|en] [--format text|json|tsv]",
     "the month beside a scenario: a part of a service's requests done elsewhere or by another "
     "model,\n"
     "      fewer of them, shorter answers; each option as often as needed",
     command_what_if},
    {"import", 1, INT_MAX, "ut1 DIRECTORY | eco2mix [FILE...] [--output FILE|-]",
     "ut1: names of the UT1 blacklists (categories ai and doh) for the catalogue, not reviewed; "
     "written to\n"
     "      services.d/ut1.conf. eco2mix: intensities of the French grid from RTE's files, kept in "
     "the state\n"
     "      directory; without files, what is held",
     command_import},
    {"factors", 1, 2, "check [DIRECTORY] | table",
     "check a vintage of factors (default: the configuration's): all errors with file and line; or "
     "list those in use, in French",
     command_factors},
    {"impact", 0, 0,
     "--provider ID --model NAME --tokens-out N [--tokens-in N] [--zone ID] [--latency S] "
     "[--method A|B] [--mix published|headline] [--units N] [--it-kwh N] [--sensitivity] [--batch "
     "FILE|-] "
     "[--format text|json|tsv] [--lang fr|en] [--factors DIRECTORY]",
     "what one use of a model costs: energy, greenhouse gases, metals, water; --batch: the same "
     "for "
     "each row of a table whose header names provider, model, tokens_out, zone, latency_s...",
     command_impact},
    {"restate", 0, 1,
     "PERIOD --vintage NAME|DIRECTORY | --list | --show NUMBER [--lang fr|en] [--format "
     "text|json|tsv]",
     "compute 2026, 2026-10 or 2026-01..2026-06 again with the factors of another vintage: old "
     "beside new,\n"
     "      with the causes; kept as a numbered statement, the ledger is not touched. List "
     "statements, or show one",
     command_restate},
    {"hash-key", 0, 0, "",
     "what stands for the key of an API in the configuration; the key is read from standard input",
     command_hash_key},
    {"power", 0, 0, "[--seconds N] [--root DIRECTORY]",
     "which meters of power this machine has, what they say, and what comes of it for its devices; "
     "needs no ledger",
     command_power},
    {"calibrate", 1, 2,
     "idle [FROM..UNTIL] [--seconds N] [--assume-idle] [--output FILE|-] | weights [PERIOD] "
     "[--output FILE|-] | service NAME [--client ADDRESS] --interface NAME|--read FILE [--truth "
     "FILE] "
     "[--least N] [--output FILE|-]",
     "what the host draws while nobody asks for anything (default: for half an hour from now on), "
     "or what\n"
     "      its tokens weigh, from what the daemon recorded: a new file for host.conf, with its "
     "errors; or how\n"
     "      the tokens of a service follow what is seen of it, from prompts of one client: a file "
     "for iagmeter.conf",
     command_calibrate},
    {"rebuild", 0, 0, "", "recreate every RRD from the ledger (the daemon must be stopped)",
     command_rebuild},
    {"status", 0, 0, "[--format text|json]",
     "what the daemon has been doing, what it did not see, and what to do about that; the "
     "objectives of the year",
     command_status},
    {"metrics", 0, 1, "[capture|use] [--output FILE]",
     "for Prometheus, as text: the state of the daemon and the capture, the use and the objectives "
     "of the months that are over",
     command_metrics},
};

static void usage(FILE *stream)
{
    fputs("usage: iagmeter COMMAND [-c FILE] ...\n", stream);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(stream, "  %s %s\n      %s\n", commands[i].name, commands[i].arguments,
                commands[i].purpose);
    fputs("-c FILE: configuration (default: the installed one). Exit status: 0 done, 1 wrong usage "
          "or\n"
          "configuration, 2 something else failed.\n",
          stream);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* Options from here on are fields of a query, or changes of a scenario, or both. */
#define QUERY  256
#define CHANGE 512

/* What an option of `impact` says of one service in `what-if`. */
static int kind_of(int option)
{
    switch (option) {
    case QUERY + CALCULATOR_MODEL:
        return WHATIF_MODEL;
    case QUERY + CALCULATOR_PROVIDER:
        return WHATIF_PROVIDER;
    case QUERY + CALCULATOR_ZONE:
        return WHATIF_ZONE;
    case QUERY + CALCULATOR_METHOD:
        return WHATIF_METHOD;
    default:
        return option - CHANGE;
    }
}

/* Returns false for what is no such option, or one too many. */
static bool take_word(struct options *options, int option, const char *word)
{
    int kind = kind_of(option);

    if (option < QUERY || options->change_count == MAX_CHANGES)
        return false;
    if (option < QUERY + CALCULATOR_FIELDS)
        options->query.fields[option - QUERY] = word;
    if (kind >= 0)
        options->changes[options->change_count++] =
            (struct whatif_change){(enum whatif_kind)kind, word};
    return true;
}

static const struct option long_options[] = {
    {"all", no_argument, NULL, 'a'},
    {"addresses", no_argument, NULL, 'A'},
    {"exchanges", no_argument, NULL, 'X'},
    {"lang", required_argument, NULL, 'l'},
    {"output", required_argument, NULL, 'o'},
    {"config", required_argument, NULL, 'c'},
    {"format", required_argument, NULL, 'f'},
    {"factors", required_argument, NULL, 'F'},
    {"batch", required_argument, NULL, 'b'},
    {"sensitivity", no_argument, NULL, 's'},
    {"vintage", required_argument, NULL, 'v'},
    {"show", required_argument, NULL, 'S'},
    {"list", no_argument, NULL, 'L'},
    {"seconds", required_argument, NULL, 'n'},
    {"assume-idle", no_argument, NULL, 'i'},
    {"root", required_argument, NULL, 'R'},
    {"client", required_argument, NULL, 'C'},
    {"interface", required_argument, NULL, 'I'},
    {"read", required_argument, NULL, 'r'},
    {"truth", required_argument, NULL, 't'},
    {"least", required_argument, NULL, 'N'},
    {"metrics", no_argument, NULL, 'm'},
    {"dialect", required_argument, NULL, 'd'},
    {"provider", required_argument, NULL, QUERY + CALCULATOR_PROVIDER},
    {"model", required_argument, NULL, QUERY + CALCULATOR_MODEL},
    {"tokens-out", required_argument, NULL, QUERY + CALCULATOR_TOKENS_OUT},
    {"tokens-in", required_argument, NULL, QUERY + CALCULATOR_TOKENS_IN},
    {"zone", required_argument, NULL, QUERY + CALCULATOR_ZONE},
    {"latency", required_argument, NULL, QUERY + CALCULATOR_LATENCY_S},
    {"method", required_argument, NULL, QUERY + CALCULATOR_METHOD},
    {"mix", required_argument, NULL, QUERY + CALCULATOR_MIX},
    {"units", required_argument, NULL, QUERY + CALCULATOR_UNITS},
    {"it-kwh", required_argument, NULL, QUERY + CALCULATOR_IT_KWH},
    {"move", required_argument, NULL, CHANGE + WHATIF_MOVE},
    {"reduce", required_argument, NULL, CHANGE + WHATIF_REDUCE},
    {"shorter", required_argument, NULL, CHANGE + WHATIF_SHORTER},
    {NULL, 0, NULL, 0},
};

/* Up to a week. */
static bool parse_seconds(const char *text, unsigned *seconds)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    *seconds = (unsigned)number;
    return end != text && *end == '\0' && number >= 1 && number <= 7UL * 24 * 3600;
}

static bool parse(int argc, char **argv, struct options *options)
{
    int option;

    while ((option = getopt_long(argc, argv, "c:o:", long_options, NULL)) != -1) {
        switch (option) {
        case 'a':
            options->inspect.all = true;
            break;
        case 'A':
            options->inspect.addresses = true;
            break;
        case 'X':
            options->inspect.exchanges = true;
            break;
        case 'l':
            options->language = optarg;
            break;
        case 'f':
            options->format = optarg;
            break;
        case 'o':
            snprintf(options->output, sizeof(options->output), "%s", optarg);
            break;
        case 'c':
            snprintf(options->config_path, sizeof(options->config_path), "%s", optarg);
            break;
        case 'F':
            options->factors = optarg;
            break;
        case 'b':
            options->batch = optarg;
            break;
        case 's':
            options->sensitivity = true;
            break;
        case 'v':
            options->vintage = optarg;
            break;
        case 'S':
            options->show = optarg;
            break;
        case 'L':
            options->list = true;
            break;
        case 'n':
            if (!parse_seconds(optarg, &options->seconds))
                return false;
            break;
        case 'i':
            options->assume_idle = true;
            break;
        case 'R':
            options->root = optarg;
            break;
        case 'm':
            options->metrics = true;
            break;
        case 'C':
            options->session.client = optarg;
            break;
        case 'I':
            options->session.interface = optarg;
            break;
        case 'r':
            options->session.capture = optarg;
            break;
        case 't':
            options->session.truth = optarg;
            break;
        case 'N':
            if (!parse_seconds(optarg, &options->session.least))
                return false;
            break;
        case 'd':
            options->dialect = optarg;
            break;
        default:
            if (!take_word(options, option, optarg))
                return false;
        }
    }
    options->argument_count = argc - optind;
    options->arguments = argv + optind;
    return true;
}

int main(int argc, char **argv)
{
    struct options options = {.language = "fr", .format = "text", .root = ""};
    const struct command *command;

    if (argc >= 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        puts("iagmeter " IAGMETER_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return EXIT_SUCCESS;
    }
    command = argc >= 2 ? find_command(argv[1]) : NULL;
    config_default_path(options.config_path, sizeof(options.config_path));
    if (!command || !parse(argc - 1, argv + 1, &options) ||
        options.argument_count < command->arguments_least ||
        options.argument_count > command->arguments_most) {
        usage(stderr);
        return EXIT_CONFIGURATION;
    }
    if (strcmp(options.language, "fr") != 0 && strcmp(options.language, "en") != 0) {
        fprintf(stderr, "iagmeter: language \"%s\": fr or en\n", options.language);
        return EXIT_CONFIGURATION;
    }
    return command->run(&options);
}
