/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/calendar.h"
#include "daemon/outfile.h"
#include "daemon/roundrobin.h"
#include "reports/derived.h"
#include "reports/explain.h"
#include "reports/graph.h"
#include "reports/month.h"
#include "reports/progress.h"
#include "reports/year.h"

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

/* Of a month, or of a year: then YEAR. */
struct output {
    const struct month_report *report;
    const struct year_report *year;
    const char *language;
    const char *directory;
    char *svg;
    size_t svg_size;
};

static bool write_html(const void *context, FILE *stream)
{
    const struct output *output = context;

    if (output->year)
        return year_write_html(output->year, output->language, stream);
    return month_write_html(output->report, output->language, output->svg, output->svg_size,
                            stream);
}

static bool write_csv(const void *context, FILE *stream)
{
    const struct output *output = context;

    return output->year ? year_write_csv(output->year, stream)
                        : month_write_csv(output->report, stream);
}

static bool write_json(const void *context, FILE *stream)
{
    const struct output *output = context;

    return output->year ? year_write_json(output->year, stream)
                        : month_write_json(output->report, stream);
}

static bool write_sheet(const void *context, FILE *stream)
{
    const struct output *output = context;

    return output->year
               ? year_write_sheet(output->year, output->language, output->directory, stream)
               : month_write_sheet(output->report, output->language, output->directory, stream);
}

static bool write_files(const struct output *output)
{
    static const struct {
        const char *suffix;
        bool in_language; /* the others hold no sentences */
        outfile_writer *write;
    } writers[] = {{"html", true, write_html},
                   {"csv", false, write_csv},
                   {"json", false, write_json},
                   {"xlsx", true, write_sheet}};
    char path[PATH_MAX + 2 * MONTH_ID_SIZE], period[MONTH_ID_SIZE];

    if (!outfile_directory(output->directory, 0750))
        return false;
    month_period(period, output->report->month);
    for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s%s%s.%s", output->directory, period,
                 writers[i].in_language ? "." : "", writers[i].in_language ? output->language : "",
                 writers[i].suffix);
        if (!outfile_write(path, writers[i].write, output))
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

static int report_month(const struct command_options *options, const struct config *config,
                        struct ledger *ledger)
{
    struct output output = {.language = options->language,
                            .directory =
                                options->output[0] ? options->output : config->report.directory};
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
    if (write_files(&output)) {
        month_print(report, options->language, stdout);
        status = EXIT_SUCCESS;
    }
    free(output.svg);
    roundrobin_free(roundrobin);
    progress_free(progress);
    month_free(report);
    return status;
}

/* The report of the year that TEXT names. NULL after a complaint, with the exit status. */
static struct year_report *build_year(const char *text, const struct config *config,
                                      struct ledger *ledger, int *status)
{
    int64_t now = time(NULL);
    struct year_report *year;
    char error[512];
    int number;

    *status = EXIT_CONFIGURATION;
    if (!year_parse(text, now, &number)) {
        fprintf(stderr, "iagmeter: \"%s\" is not a year: 2026, current or previous\n", text);
        return NULL;
    }
    *status = EXIT_TROUBLE;
    year = year_build(ledger, config, number, now, error, sizeof(error));
    if (!year)
        fprintf(stderr, "iagmeter: %s\n", error);
    return year;
}

static int report_year(const struct command_options *options, const struct config *config,
                       struct ledger *ledger)
{
    struct output output = {.language = options->language,
                            .directory =
                                options->output[0] ? options->output : config->report.directory};
    struct year_report *year;
    char error[512];
    int status;

    year = build_year(options->arguments[1], config, ledger, &status);
    if (!year)
        return status;
    if (!restate_add_to_year(&year->sums, error, sizeof(error)))
        fprintf(stderr, "iagmeter: warning: no restatement is told: %s\n", error);
    output.report = &year->sums;
    output.year = year;
    if (write_files(&output)) {
        year_print(year, options->language, stdout);
        status = EXIT_SUCCESS;
    }
    year_free(year);
    return status;
}

int command_report(const struct command_options *options)
{
    if (strcmp(options->arguments[0], "year") == 0)
        return command_with_ledger(options, report_year);
    if (strcmp(options->arguments[0], "month") == 0)
        return command_with_ledger(options, report_month);
    fprintf(stderr, "iagmeter: no report \"%s\": there are month and year\n",
            options->arguments[0]);
    return EXIT_CONFIGURATION;
}

/* -- explain ---------------------------------------------------------------------------------- */

static int write_explanation(const struct command_options *options,
                             const struct explanation *explanation)
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

static int write_derived(const struct command_options *options, const struct derived *derived)
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
static int explain_derived(const struct command_options *options, const struct explain_query *query,
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
static int explain_restated(const struct command_options *options,
                            const struct explain_query *query, const struct config *config,
                            struct ledger *ledger)
{
    struct month_report period = {.config = config};

    return explain_derived(options, query, ledger, &period);
}

/* Of the vintage that is named; needs no ledger. */
static int explain_factor(const struct command_options *options, const struct explain_query *query,
                          const struct config *config)
{
    struct restate_query vintage = {.now_s = time(NULL)};
    struct config with = *config;
    struct month_report report = {.config = &with};
    int status = EXIT_CONFIGURATION;

    if (!config->factors || strcmp(query->month, factors_vintage(config->factors)) != 0)
        with.factors = command_vintage(config, query->month, &vintage);
    if (with.factors)
        status = explain_derived(options, query, NULL, &report);
    if (with.factors != config->factors)
        factors_free(with.factors);
    return status;
}

static bool is_year(const char *text)
{
    int number;

    return text[0] >= '0' && text[0] <= '9' && year_parse(text, time(NULL), &number);
}

static int explain_of_year(const struct command_options *options, const struct explain_query *query,
                           const struct year_report *year)
{
    struct derived *derived = NULL;
    int status = EXIT_TROUBLE;
    char error[512];

    if (derived_build(&year->sums, query, &derived, error, sizeof(error)) == EXPLAIN_OK)
        status = write_derived(options, derived);
    else
        fprintf(stderr, "iagmeter: %s\n", error);
    derived_free(derived);
    return status;
}

/* Figures of a year's report, each of which is computed from others; without an indicator, as text,
 * each of the row. */
static int explain_year(const struct command_options *options, const struct explain_query *query,
                        const struct config *config, struct ledger *ledger)
{
    struct explain_query one = *query;
    struct year_report *year;
    int status;

    if (!query->indicator && (derived_is_asked(query) || strcmp(options->format, "text") != 0)) {
        fprintf(stderr, "iagmeter: of a year, explain takes an indicator: %s/././energy_kwh\n",
                query->month);
        return EXIT_CONFIGURATION;
    }
    year = build_year(query->month, config, ledger, &status);
    if (!year)
        return status;
    status = query->indicator ? explain_of_year(options, query, year) : EXIT_SUCCESS;
    for (int i = 0; !query->indicator && status == EXIT_SUCCESS && i < MONTH_INDICATORS; i++) {
        one.indicator = month_indicator_name((enum month_indicator)i);
        fputs(i > 0 ? "\n" : "", stdout);
        status = explain_of_year(options, &one, year);
    }
    year_free(year);
    return status;
}

static int explain_month(const struct command_options *options, const struct explain_query *query,
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
    if (is_year(query->month))
        return explain_year(options, query, config, ledger);
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

int command_explain(const struct command_options *options)
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
    config = command_load(options);
    if (!config)
        return EXIT_CONFIGURATION;
    if (derived_is_factor(&query)) {
        status = explain_factor(options, &query, config);
        config_free(config);
        return status;
    }
    ledger = command_open_ledger(config);
    if (ledger)
        status = explain_month(options, &query, config, ledger);
    ledger_close(ledger);
    config_free(config);
    return status;
}

/* -- what-if ---------------------------------------------------------------------------------- */

static int write_whatif(const struct command_options *options, const struct whatif *whatif)
{
    bool written = strcmp(options->format, "json") == 0 ? whatif_write_json(whatif, stdout)
                   : strcmp(options->format, "tsv") == 0
                       ? whatif_write_tsv(whatif, stdout)
                       : whatif_write_text(whatif, text_language(options->language), stdout);

    if (!written)
        fprintf(stderr, "iagmeter: the comparison cannot be written\n");
    return written ? EXIT_SUCCESS : EXIT_TROUBLE;
}

static int compare_month(const struct command_options *options, const struct config *config,
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
    status = whatif_build(ledger, report, &query, &whatif, error, sizeof(error));
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

int command_what_if(const struct command_options *options)
{
    enum calculator_format format;

    return command_format(options->format, &format) ? command_with_ledger(options, compare_month)
                                                    : EXIT_CONFIGURATION;
}
