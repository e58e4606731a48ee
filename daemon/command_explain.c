/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "daemon/period.h"
#include "daemon/textline.h"
#include "reports/days.h"
#include "reports/derived.h"
#include "reports/explain.h"
#include "reports/explain_json.h"
#include "reports/jsonvalues.h"

#define LINE_SIZE   512
#define MAX_PARTS   4
#define UTF8_MARK   "\xef\xbb\xbf" /* some spreadsheets begin with it */
#define NOT_WRITTEN "the explanation cannot be written"
#define NO_FIGURE   "explain takes a month, a direction, a service and an indicator"

/* One figure, or many of one ledger: the report of the last one's period is kept for the next. */
struct session {
    const struct command_options *options;
    const struct config *config;
    int64_t now_s;
    struct ledger *ledger; /* NULL: not needed yet, */
    bool no_ledger;        /* or it cannot be opened, which was said */
    char period[MONTH_ID_SIZE];
    struct month_report *month; /* of the period; NULL: not built */
    struct year_report *year;
    struct progress *progress;     /* of the month */
    const char *asked;             /* the line of a table; NULL: the command line */
    char error[PERIOD_ERROR_SIZE]; /* one sentence; "": it was said */
};

static void forget_period(struct session *session)
{
    progress_free(session->progress);
    month_free(session->month);
    year_free(session->year);
    session->progress = NULL;
    session->month = NULL;
    session->year = NULL;
    session->period[0] = '\0';
}

static void use_period(struct session *session, const char *period)
{
    if (strcmp(session->period, period) == 0)
        return;
    forget_period(session);
    snprintf(session->period, sizeof(session->period), "%s", period);
}

static int fail(struct session *session, int status, const char *error)
{
    snprintf(session->error, sizeof(session->error), "%s", error);
    return status;
}

/* -- Writing ---------------------------------------------------------------------------------- */

/* One of many has its name beside it. */
static bool write_json(const struct session *session, json_t *explanation)
{
    if (!session->asked)
        return jsonvalues_write(explanation, stdout);
    return jsonvalues_write_line(
        json_pack("{s:s, s:o}", "figure", session->asked, "explanation", explanation), stdout);
}

static bool write_error_line(const struct session *session, const char *error)
{
    json_t *figure = json_string(session->asked), *text = json_string(error);

    return jsonvalues_write_line(json_pack("{s:o, s:o}", "figure",
                                           figure ? figure : json_string("not UTF-8"), "error",
                                           text ? text : json_string("not UTF-8")),
                                 stdout);
}

static bool is_format(const struct session *session, const char *format)
{
    return strcmp(session->options->format, format) == 0;
}

static int written_status(struct session *session, bool written)
{
    return written ? EXIT_SUCCESS : fail(session, EXIT_TROUBLE, NOT_WRITTEN);
}

static int write_explanation(struct session *session, const struct explanation *explanation)
{
    enum text_language language = text_language(session->options->language);

    if (is_format(session, "json"))
        return written_status(session, write_json(session, explain_json(explanation)));
    return written_status(session, is_format(session, "html")
                                       ? explain_write_html(explanation, language, stdout)
                                       : explain_write_text(explanation, language, stdout));
}

static int write_derived(struct session *session, const struct derived *derived)
{
    enum text_language language = text_language(session->options->language);

    if (is_format(session, "json"))
        return written_status(session, write_json(session, derived_json(derived)));
    return written_status(session, is_format(session, "html")
                                       ? derived_write_html(derived, language, stdout)
                                       : derived_write_text(derived, language, stdout));
}

/* -- What is asked ---------------------------------------------------------------------------- */

/* A figure that is computed from others. */
static int explain_derived(struct session *session, const struct explain_query *query,
                           const struct month_report *report)
{
    struct derived *derived = NULL;
    int status = EXIT_TROUBLE;

    if (derived_build(report, query, &derived, session->error, sizeof(session->error)) ==
        EXPLAIN_OK)
        status = write_derived(session, derived);
    derived_free(derived);
    return status;
}

static int explain_derived_of_month(struct session *session, const struct explain_query *query)
{
    struct month_report *report = session->month;
    int status;

    if (derived_needs_progress(query) && !session->progress &&
        !period_find_progress(session->ledger, session->config, report->month, session->now_s,
                              &session->progress, session->error))
        return EXIT_TROUBLE;
    report->progress = derived_needs_progress(query) ? session->progress : NULL;
    status = explain_derived(session, query, report);
    report->progress = NULL;
    return status;
}

/* Of the vintage that is named; needs no ledger. */
static int explain_factor(struct session *session, const struct explain_query *query)
{
    const struct config *config = session->config;
    struct restate_query vintage = {.now_s = session->now_s};
    struct config with = *config;
    struct month_report report = {.config = &with};
    int status = EXIT_CONFIGURATION;

    if (!config->factors || strcmp(query->month, factors_vintage(config->factors)) != 0)
        with.factors = command_vintage(config, query->month, &vintage);
    if (with.factors)
        status = explain_derived(session, query, &report);
    if (with.factors != config->factors)
        factors_free(with.factors);
    return status;
}

static bool is_year(const struct session *session, const char *text)
{
    int number;

    return text[0] >= '0' && text[0] <= '9' && year_parse(text, session->now_s, &number);
}

/* Figures of a year's report, each of which is computed from others; without an indicator, as text,
 * each of the row. */
static int explain_year(struct session *session, const struct explain_query *query)
{
    struct explain_query one = *query;
    int status;

    if (!query->indicator && (derived_is_asked(query) || !is_format(session, "text"))) {
        snprintf(session->error, sizeof(session->error),
                 "of a year, explain takes an indicator: %s/././energy_kwh", query->month);
        return EXIT_CONFIGURATION;
    }
    use_period(session, query->month);
    if (!session->year)
        session->year = period_build_year(query->month, session->config, session->ledger,
                                          session->now_s, &status, session->error);
    if (!session->year)
        return status;
    if (query->indicator)
        return explain_derived(session, query, &session->year->sums);
    status = EXIT_SUCCESS;
    for (int i = 0; status == EXIT_SUCCESS && i < MONTH_INDICATORS; i++) {
        one.indicator = month_indicator_name((enum month_indicator)i);
        fputs(i > 0 ? "\n" : "", stdout);
        status = explain_derived(session, &one, &session->year->sums);
    }
    return status;
}

static int explain_sums(struct session *session, const struct explain_query *query)
{
    struct explanation *explanation = NULL;
    enum explain_status status = explain_build(session->ledger, session->month, query, &explanation,
                                               session->error, sizeof(session->error));
    int written;

    if (!explanation)
        return status == EXPLAIN_USAGE ? EXIT_CONFIGURATION : EXIT_TROUBLE;
    written = write_explanation(session, explanation);
    explain_free(explanation);
    return written;
}

static int explain_month(struct session *session, const struct explain_query *query)
{
    int status;

    use_period(session, query->month);
    if (!session->month)
        session->month = period_build_month(query->month, session->config, session->ledger,
                                            session->now_s, &status, session->error);
    if (!session->month)
        return status;
    return derived_is_asked(query) ? explain_derived_of_month(session, query)
                                   : explain_sums(session, query);
}

/* Of "2026-11-14", one figure alone: the energy of all together, "2026-11/@day/14/energy_kwh". */
static int explain_day(struct session *session, const struct explain_query *query)
{
    const char *energy = month_indicator_name(MONTH_ENERGY);
    const char *id = strrchr(query->month, '-') + 1;
    char month[MONTH_ID_SIZE];
    struct explain_query day = {month, "@" DAYS_SCOPE, id, energy};

    if (strcmp(query->direction, MONTH_ALL) != 0 || strcmp(query->service, MONTH_ALL) != 0 ||
        (query->indicator && strcmp(query->indicator, energy) != 0)) {
        snprintf(session->error, sizeof(session->error),
                 "of a day, explain tells the energy of all directions and services together: "
                 "%s/././%s",
                 query->month, energy);
        return EXIT_CONFIGURATION;
    }
    snprintf(month, sizeof(month), "%.*s", (int)(id - query->month - 1), query->month);
    return explain_month(session, &day);
}

/* Of a statement that may be of several months, "2026/@restated/1/./energy_kwh". */
static int explain_restated(struct session *session, const struct explain_query *query)
{
    const struct month_report period = {.config = session->config};

    return explain_derived(session, query, &period);
}

static bool open_ledger(struct session *session)
{
    if (!session->ledger && !session->no_ledger) {
        session->ledger = command_open_ledger(session->config);
        session->no_ledger = !session->ledger;
    }
    return session->ledger != NULL;
}

/* Returns the exit status; when it is not 0, with the sentence that says why. */
static int explain_figure(struct session *session, char *const parts[], int count)
{
    struct explain_query query;
    struct calendar_month month;
    int64_t day;

    session->error[0] = '\0';
    if (!explain_parse(parts, count, &query))
        return fail(session, EXIT_CONFIGURATION, NO_FIGURE);
    if (derived_is_factor(&query))
        return explain_factor(session, &query);
    if (!open_ledger(session))
        return EXIT_TROUBLE;
    if (calendar_parse_day(query.month, &day))
        return explain_day(session, &query);
    if (derived_is_restated(&query) && !period_find_month(query.month, session->now_s, &month))
        return explain_restated(session, &query);
    return is_year(session, query.month) ? explain_year(session, &query)
                                         : explain_month(session, &query);
}

static int explain_one(struct session *session)
{
    int status =
        explain_figure(session, session->options->arguments, session->options->argument_count);

    if (status != EXIT_SUCCESS && session->error[0])
        fprintf(stderr, "iagmeter: %s\n", session->error);
    return status;
}

/* -- A list of figures ------------------------------------------------------------------------ */

struct list {
    FILE *in;
    const char *name;
    unsigned long line;
    unsigned long figures;
    unsigned long failed;
};

/* In place, as the command line has them. Returns their number: one too many where there are too
 * many. */
static int split(char *line, char *parts[MAX_PARTS + 1])
{
    int count = 0;

    for (char *rest = NULL, *part = strtok_r(line, " \t\r", &rest); part && count <= MAX_PARTS;
         part = strtok_r(NULL, " \t\r", &rest))
        parts[count++] = part;
    return count;
}

static int explain_line(struct session *session, enum textline status, char *line)
{
    char *parts[MAX_PARTS + 1];
    int count;

    if (status == TEXTLINE_UNSOUND)
        return fail(session, EXIT_CONFIGURATION, "a line that is too long, or no text in UTF-8");
    count = split(line, parts);
    return explain_figure(session, parts, count > MAX_PARTS ? 0 : count);
}

/* What cannot be explained keeps nothing else from it. Returns false when nothing can be written.
 */
static bool take_line(struct session *session, struct list *list, enum textline status, char *line)
{
    char asked[LINE_SIZE];

    snprintf(asked, sizeof(asked), "%s", line);
    session->asked = asked;
    if (list->figures++ > 0 && !is_format(session, "json"))
        fputc('\n', stdout);
    if (explain_line(session, status, line) != EXIT_SUCCESS) {
        const char *error = session->error[0] ? session->error : "it cannot be explained";

        list->failed++;
        fprintf(stderr, "%s:%lu: %s\n", list->name, list->line, error);
        if (is_format(session, "json"))
            write_error_line(session, error);
    }
    session->asked = NULL;
    return fflush(stdout) == 0 && !ferror(stdout);
}

/* Empty lines, and those that begin with "#", are no figures. */
static int explain_list(struct session *session, struct list *list)
{
    char line[LINE_SIZE];
    enum textline status;
    bool written = true;

    while (written && (status = textline_read(list->in, line, sizeof(line))) != TEXTLINE_END) {
        char *start = line;

        if (list->line++ == 0 && strncmp(start, UTF8_MARK, strlen(UTF8_MARK)) == 0)
            start += strlen(UTF8_MARK);
        start += strspn(start, " \t\r");
        if (status == TEXTLINE_UNSOUND || (*start != '\0' && *start != '#'))
            written = take_line(session, list, status, start);
    }
    if (ferror(list->in))
        fprintf(stderr, "iagmeter: %s: %s\n", list->name, strerror(errno));
    else if (!written)
        fprintf(stderr, "iagmeter: %s\n", NOT_WRITTEN);
    else if (list->figures == 0)
        fprintf(stderr, "iagmeter: %s: no figure is named\n", list->name);
    else if (list->failed > 0)
        fprintf(stderr, "iagmeter: %lu of %lu figures could not be explained\n", list->failed,
                list->figures);
    return ferror(list->in) || !written || list->figures == 0 || list->failed > 0 ? EXIT_TROUBLE
                                                                                  : EXIT_SUCCESS;
}

static int explain_batch(struct session *session)
{
    const char *path = session->options->batch;
    bool is_input = strcmp(path, "-") == 0;
    struct list list = {.in = is_input ? stdin : fopen(path, "re"),
                        .name = is_input ? "standard input" : path};
    int status;

    if (!list.in) {
        fprintf(stderr, "iagmeter: %s: %s\n", path, strerror(errno));
        return EXIT_TROUBLE;
    }
    status = explain_list(session, &list);
    if (!is_input)
        fclose(list.in);
    return status;
}

/* -- The command ------------------------------------------------------------------------------ */

static bool check_options(const struct command_options *options)
{
    if (strcmp(options->format, "json") != 0 && strcmp(options->format, "html") != 0 &&
        strcmp(options->format, "text") != 0)
        fprintf(stderr, "iagmeter: format \"%s\": text, html or json\n", options->format);
    else if (!options->batch && options->argument_count == 0)
        fprintf(stderr, "iagmeter: %s\n", NO_FIGURE);
    else if (options->batch && options->argument_count > 0)
        fputs("iagmeter: explain takes a figure, or --batch, not both\n", stderr);
    else if (options->batch && strcmp(options->format, "html") == 0)
        fputs("iagmeter: a page is of one figure: --batch goes with text or json\n", stderr);
    else
        return true;
    return false;
}

int command_explain(const struct command_options *options)
{
    struct session session = {.options = options, .now_s = time(NULL)};
    struct config *config;
    int status;

    if (!check_options(options))
        return EXIT_CONFIGURATION;
    config = command_load(options);
    if (!config)
        return EXIT_CONFIGURATION;
    session.config = config;
    status = options->batch ? explain_batch(&session) : explain_one(&session);
    forget_period(&session);
    ledger_close(session.ledger);
    config_free(config);
    return status;
}
