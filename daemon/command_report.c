/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/outfile.h"
#include "daemon/period.h"
#include "daemon/roundrobin.h"
#include "reports/graph.h"

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

static int report_month(const struct command_options *options, const struct config *config,
                        struct ledger *ledger)
{
    struct output output = {.language = options->language,
                            .directory =
                                options->output[0] ? options->output : config->report.directory};
    struct month_report *report;
    struct progress *progress = NULL;
    struct roundrobin *roundrobin = NULL;
    char error[PERIOD_ERROR_SIZE];
    int64_t now_s = time(NULL);
    int status;

    report = period_build_month(options->arguments[1], config, ledger, now_s, &status, error);
    if (!report)
        return command_complain(error, status);
    if (!period_find_progress(ledger, config, report->month, now_s, &progress, error)) {
        month_free(report);
        return command_complain(error, EXIT_TROUBLE);
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

static int report_year(const struct command_options *options, const struct config *config,
                       struct ledger *ledger)
{
    struct output output = {.language = options->language,
                            .directory =
                                options->output[0] ? options->output : config->report.directory};
    struct year_report *year;
    char error[PERIOD_ERROR_SIZE];
    int status;

    year = period_build_year(options->arguments[1], config, ledger, time(NULL), &status, error);
    if (!year)
        return command_complain(error, status);
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
