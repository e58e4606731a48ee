/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/restate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/derived.h"
#include "reports/localhost.h"

/* What of a statement may be shown: month by month, what that month's report shows. */

#define PERCENT         100
#define MONTHS_PER_YEAR 12
#define SAME            1e-9 /* relative; of sums of the same minutes in another order */

enum month_indicator restate_month_indicator(enum restate_indicator indicator)
{
    static const enum month_indicator same[RESTATE_INDICATORS] = {[RESTATE_ENERGY] = MONTH_ENERGY,
                                                                  [RESTATE_WATER] = MONTH_WATER,
                                                                  [RESTATE_GWP] = MONTH_GWP,
                                                                  [RESTATE_GWP_USE] = MONTH_GWP_USE,
                                                                  [RESTATE_GWP_EMBODIED] =
                                                                      MONTH_GWP_EMBODIED,
                                                                  [RESTATE_ADPE] = MONTH_ADPE};

    return same[indicator];
}

struct triple restate_value(const struct impact *impact, enum restate_indicator indicator)
{
    const struct month_totals totals = {.impact = *impact};

    return month_value(&totals, restate_month_indicator(indicator));
}

double restate_cause(const struct restate_line *line, enum statement_cause cause,
                     enum restate_indicator indicator)
{
    const double *values = line->causes[cause];

    switch (indicator) {
    case RESTATE_ENERGY:
        return values[RATES_ENERGY_KWH];
    case RESTATE_WATER:
        return values[RATES_WATER_L];
    case RESTATE_GWP:
        return values[RATES_GWP_USE_KGCO2E] + values[RATES_GWP_EMBODIED_KGCO2E];
    case RESTATE_GWP_USE:
        return values[RATES_GWP_USE_KGCO2E];
    case RESTATE_GWP_EMBODIED:
        return values[RATES_GWP_EMBODIED_KGCO2E];
    case RESTATE_ADPE:
        return values[RATES_ADPE_KGSB];
    case RESTATE_INDICATORS:
        break;
    }
    return 0;
}

double restate_change_percent(const struct restate_line *line, enum restate_indicator indicator)
{
    double recorded = restate_value(&line->recorded, indicator).central;
    double change = restate_value(&line->restated, indicator).central - recorded;

    if (change == 0)
        return 0;
    return recorded > 0 ? PERCENT * change / recorded : INFINITY;
}

bool restate_passes(const struct statement *statement, const struct restate_line *line,
                    enum restate_indicator indicator)
{
    return (indicator == RESTATE_ENERGY || indicator == RESTATE_WATER ||
            indicator == RESTATE_GWP) &&
           fabs(restate_change_percent(line, indicator)) > statement->threshold_percent;
}

static bool is_in(const struct restate_table *table, const struct restate_line *line)
{
    return line >= table->lines && line < table->lines + table->count;
}

void restate_figure(char out[MONTH_FIGURE_SIZE], const struct restate_view *view, const char *scope,
                    const char *cause, const struct restate_line *line, const char *indicator)
{
    const char *direction = is_in(&view->services, line) ? MONTH_ALL : line->id;
    const char *service = is_in(&view->services, line) ? line->id : MONTH_ALL;
    char key[3 * MONTH_ID_SIZE];
    int length = snprintf(key, sizeof(key), "%s%s%lld", cause, cause[0] ? "/" : "",
                          (long long)view->statement->number);

    if (line != &view->total)
        snprintf(key + length, sizeof(key) - (size_t)length, "/%s/%s", direction, service);
    derived_name_of(out, view->statement->period, scope, key, indicator);
    if (!indicator[0])
        *strrchr(out, '/') = '\0';
}

/* ---- Sums ---- */

/* The line of that id, added when new; NULL when memory is exhausted. */
static struct restate_line *line_of(struct restate_table *table, const char *id)
{
    struct restate_line *lines;

    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->lines[i].id, id) == 0)
            return &table->lines[i];
    lines = reallocarray(table->lines, table->count + 1, sizeof(*lines));
    if (!lines)
        return NULL;
    table->lines = lines;
    lines = &lines[table->count++];
    *lines = (struct restate_line){.has_random = true};
    snprintf(lines->id, sizeof(lines->id), "%s", id);
    snprintf(lines->label, sizeof(lines->label), "%s", id);
    return lines;
}

static void add_impacts(struct restate_line *line, const struct impact *recorded,
                        const struct impact *restated)
{
    line->recorded = impact_add(line->recorded, *recorded);
    line->restated = impact_add(line->restated, *restated);
}

static void add_use(struct restate_line *line, const struct statement_use *use)
{
    const struct month_totals tokens = {
        .activity = {.tokens_out = {use->tokens_out_low, use->tokens_out_central,
                                    use->tokens_out_high},
                     .tokens_out_variance = use->tokens_out_variance},
        .unscattered_requests = use->unscattered_requests,
        .unscattered_tokens_out = use->unscattered_tokens_out};

    line->has_random &= use->is_known;
    month_add(&line->tokens, &tokens);
}

double restate_random_sigma(const struct restate_line *line, const struct factors *factors)
{
    return line->has_random ? month_random_sigma(&line->tokens, factors) : NAN;
}

void restate_add_row(struct restate_line *line, const struct statement_row *row)
{
    add_impacts(line, &row->recorded, &row->restated);
    add_use(line, &row->use);
    for (int cause = 0; cause < STATEMENT_CAUSES; cause++)
        for (int i = 0; i < RATES_QUANTITIES; i++)
            line->causes[cause][i] += row->causes[cause][i];
}

/* ---- One month ---- */

struct month_cells {
    const struct statement_row *rows;
    size_t count;
    uint32_t *devices;
    bool *chosen;
    struct suppress_pair *pairs;
};

static bool cells_new(struct month_cells *cells)
{
    cells->devices = calloc(cells->count, sizeof(*cells->devices));
    cells->chosen = calloc(cells->count, sizeof(*cells->chosen));
    cells->pairs = calloc(cells->count, sizeof(*cells->pairs));
    return cells->devices && cells->chosen && cells->pairs;
}

static void cells_free(const struct month_cells *cells)
{
    free(cells->devices);
    free(cells->chosen);
    free(cells->pairs);
}

/* As in the month's report (month.c). */
static enum suppress_kind kind_of(const struct config *config, const struct statement_row *row)
{
    struct calendar_month month;
    char text[sizeof("2026-10") + 8];

    if (!localhost_is_local(config, row->service))
        return SUPPRESS_REMOTE;
    if (!localhost_is_common(config, row->service))
        return SUPPRESS_LOCAL;
    snprintf(text, sizeof(text), "%04d-%02d", row->month / MONTHS_PER_YEAR,
             row->month % MONTHS_PER_YEAR + 1);
    return calendar_parse_month(text, &month) &&
                   hostconfig_period(config->host, month.start)->key == SHARING_ENTITLEMENT
               ? SUPPRESS_DECLARED
               : SUPPRESS_COMMON;
}

static size_t first_of_service(const struct month_cells *cells, size_t cell)
{
    size_t first = 0;

    while (strcmp(cells->rows[first].service, cells->rows[cell].service) != 0)
        first++;
    return first;
}

/* A direction is known by the first cell of it. */
static void set_cells(struct month_cells *cells, const struct config *config)
{
    for (size_t i = 0; i < cells->count; i++) {
        size_t first = 0;

        while (strcmp(cells->rows[first].direction, cells->rows[i].direction) != 0)
            first++;
        cells->devices[i] = cells->rows[i].devices;
        cells->chosen[i] = true;
        cells->pairs[i] = (struct suppress_pair){kind_of(config, &cells->rows[i]), first,
                                                 first_of_service(cells, i), cells->devices[i]};
    }
}

static bool is_somebodys(const struct month_cells *cells)
{
    for (size_t i = 0; i < cells->count; i++)
        if (cells->pairs[i].kind <= SUPPRESS_LOCAL)
            return true;
    return false;
}

static bool show_row(struct restate_view *view, const struct statement_row *row)
{
    struct restate_line *direction = line_of(&view->directions, row->direction);
    struct restate_line *service = line_of(&view->services, row->service);

    if (!direction || !service)
        return false;
    restate_add_row(direction, row);
    restate_add_row(service, row);
    restate_add_row(&view->total, row);
    view->shown[view->shown_count++] = row;
    return true;
}

/* Of what is folded, as in the month's report: the rule for what was recorded without the random
 * part stands for that. */
static void fold_row(struct restate_view *view, const struct statement_row *row)
{
    struct statement_use *use = &view->folded_use;

    use->is_known = row->use.is_known && (use->is_known || !view->has_folded);
    use->requests += row->use.requests;
    use->tokens_out_low += row->use.tokens_out_low;
    use->tokens_out_central += row->use.tokens_out_central;
    use->tokens_out_high += row->use.tokens_out_high;
    view->has_folded = true;
    view->folded = impact_add(view->folded, row->recorded);
}

static bool add_cells(struct restate_view *view, const struct month_cells *cells,
                      uint32_t threshold)
{
    struct suppress_outcome outcome;
    bool added;

    if (is_somebodys(cells) &&
        suppress_largest(cells->devices, cells->count, cells->chosen) < threshold) {
        view->withheld_months++;
        return true;
    }
    added = suppress_pairs(cells->pairs, cells->count, threshold, cells->chosen, &outcome);
    for (size_t i = 0; added && i < cells->count; i++) {
        if (cells->chosen[i])
            fold_row(view, &cells->rows[i]);
        else
            added = show_row(view, &cells->rows[i]);
    }
    return added;
}

/* COUNT rows, of one month. */
static bool add_month(struct restate_view *view, const struct statement_row *rows, size_t count,
                      const struct config *config)
{
    struct month_cells cells = {.rows = rows, .count = count};
    bool added = cells_new(&cells);

    view->months++;
    if (added) {
        set_cells(&cells, config);
        added = add_cells(view, &cells, config->report.threshold);
    }
    cells_free(&cells);
    return added;
}

static bool add_months(struct restate_view *view, const struct config *config)
{
    const struct statement *statement = view->statement;
    size_t end;

    for (size_t start = 0; start < statement->row_count; start = end) {
        for (end = start + 1; end < statement->row_count &&
                              statement->rows[end].month == statement->rows[start].month;)
            end++;
        if (!add_month(view, &statement->rows[start], end - start, config))
            return false;
    }
    return true;
}

/* ---- Finishing ---- */

static int compare_lines(const void *left, const void *right)
{
    const struct restate_line *a = left, *b = right;
    double energy_a = a->recorded.energy_kwh.central;
    double energy_b = b->recorded.energy_kwh.central;

    if (energy_a != energy_b)
        return energy_a < energy_b ? 1 : -1;
    return strcmp(a->id, b->id);
}

static bool passes(const struct restate_view *view, const struct restate_line *line)
{
    for (int i = 0; i < RESTATE_INDICATORS; i++)
        if (restate_passes(view->statement, line, (enum restate_indicator)i))
            return true;
    return false;
}

static void forget_scatter(struct statement_use *use)
{
    use->unscattered_requests = use->requests;
    use->unscattered_tokens_out = use->tokens_out_central;
}

static void remove_idle_lines(struct restate_table *table)
{
    size_t kept = 0;

    for (size_t i = 0; i < table->count; i++)
        if (table->lines[i].recorded.energy_kwh.high > 0 ||
            table->lines[i].restated.energy_kwh.high > 0)
            table->lines[kept++] = table->lines[i];
    table->count = kept;
}

static bool finish_table(const struct restate_view *view, struct restate_table *table)
{
    remove_idle_lines(table);
    if (table->count > 1)
        qsort(table->lines, table->count, sizeof(*table->lines), compare_lines);
    if (view->has_folded) {
        struct restate_line *other = line_of(table, MONTH_OTHER);

        if (!other)
            return false;
        add_impacts(other, &view->folded, &view->folded);
        add_use(other, &view->folded_use);
    }
    for (size_t i = 0; i < table->count; i++)
        table->lines[i].passes = passes(view, &table->lines[i]);
    return true;
}

static void describe(const struct restate_view *view, const struct config *config)
{
    for (uint16_t i = 0; config->directions && i < directions_count(config->directions); i++) {
        const struct direction *direction = directions_get(config->directions, i);

        for (size_t j = 0; direction && j < view->directions.count; j++)
            if (strcmp(view->directions.lines[j].id, direction->code) == 0) {
                view->directions.lines[j].is_unassigned = i == DIRECTION_UNASSIGNED;
                snprintf(view->directions.lines[j].label, DIRECTION_LABEL_SIZE, "%s",
                         direction->label);
            }
    }
    for (size_t j = 0; config->catalogue && j < view->services.count; j++) {
        uint16_t number = catalogue_find(config->catalogue, view->services.lines[j].id);

        if (number == SERVICE_NONE)
            continue;
        view->services.lines[j].service = catalogue_service(config->catalogue, number);
        snprintf(view->services.lines[j].label, DIRECTION_LABEL_SIZE, "%s",
                 view->services.lines[j].service->label);
    }
}

struct restate_view *restate_view_new(const struct statement *statement,
                                      const struct config *config)
{
    struct restate_view *view = calloc(1, sizeof(*view));
    bool built = false;

    if (!view)
        return NULL;
    view->statement = statement;
    view->threshold = config->report.threshold;
    view->factors = config->factors;
    view->total.has_random = true;
    view->shown = calloc(statement->row_count + 1, sizeof(*view->shown));
    if (view->shown && add_months(view, config)) {
        forget_scatter(&view->folded_use);
        built = finish_table(view, &view->directions) && finish_table(view, &view->services);
    }
    if (built) {
        add_impacts(&view->total, &view->folded, &view->folded);
        if (view->has_folded)
            add_use(&view->total, &view->folded_use);
        view->total.passes = passes(view, &view->total);
        describe(view, config);
        return view;
    }
    restate_view_free(view);
    return NULL;
}

void restate_view_free(struct restate_view *view)
{
    if (!view)
        return;
    free(view->directions.lines);
    free(view->services.lines);
    free(view->shown);
    free(view);
}

bool restate_view_passes(const struct restate_view *view)
{
    bool passes = view->total.passes;

    for (size_t i = 0; i < view->directions.count; i++)
        passes |= view->directions.lines[i].passes;
    for (size_t i = 0; i < view->services.count; i++)
        passes |= view->services.lines[i].passes;
    return passes;
}

/* ---- In the month's report ---- */

static bool is_near(double a, double b)
{
    return fabs(a - b) <= SAME * fmax(fabs(a), fabs(b));
}

/* Whether what was recorded then is what is recorded of the month now. Else something came late, as
 * of a capture that was replayed: of the statement, "instead of" would be less than the report's
 * total, and what came since could be told by subtraction. */
static bool is_of_month(const struct restate_view *view, const struct month_report *report)
{
    for (int i = 0; i < RESTATE_INDICATORS; i++) {
        enum restate_indicator indicator = (enum restate_indicator)i;

        if (!is_near(restate_value(&view->total.recorded, indicator).central,
                     restate_value(&report->total.impact, indicator).central))
            return false;
    }
    return true;
}

/* Returns false with why not in ERROR. */
static bool tell_statement(struct month_report *report, const struct statement *statement,
                           char *error, size_t error_size)
{
    struct restate_view *view = restate_view_new(statement, report->config);
    bool told = view && is_of_month(view, report);

    if (told) {
        report->restatement =
            (struct month_restatement){.number = statement->number,
                                       .made_s = statement->made_s,
                                       .recorded = {.impact = view->total.recorded},
                                       .restated = {.impact = view->total.restated}};
        snprintf(report->restatement.vintage, sizeof(report->restatement.vintage), "%s",
                 statement->vintage);
    } else if (view) {
        snprintf(error, error_size,
                 "what is recorded of the %s is no longer what statement %lld restated: "
                 "restate it again",
                 report->year ? "year" : "month", (long long)statement->number);
    } else {
        snprintf(error, error_size, "out of memory");
    }
    restate_view_free(view);
    return told;
}

bool restate_add_to_month(struct month_report *report, char *error, size_t error_size)
{
    struct statement *statement;
    int month = MONTHS_PER_YEAR * report->month.year + report->month.month - 1;
    bool told;

    error[0] = '\0';
    if (report->withheld)
        return true;
    /* A running month has none of all of it: one of what it has is as good. */
    statement =
        statements_load_newest(report->config->state_directory, month,
                               report->running ? INT64_MIN : report->month.end, error, error_size);
    if (!statement)
        return error[0] == '\0';
    told = tell_statement(report, statement, error, error_size);
    statement_free(statement);
    return told;
}

struct looking {
    char period[MONTH_ID_SIZE];
    int64_t until_s;
    int64_t number; /* 0: none */
};

/* One that was made within the year has days of a month that was not over then: more than the
 * report tells, and making it again within the year would not help. */
static bool look_at(void *context, const struct statement *statement)
{
    struct looking *looking = context;

    if (strcmp(statement->period, looking->period) == 0 && statement->until_s == looking->until_s)
        looking->number = statement->number;
    return true;
}

bool restate_add_to_year(struct month_report *report, char *error, size_t error_size)
{
    const char *directory = report->config->state_directory;
    struct looking looking = {.until_s = report->until};
    struct statement *statement;
    bool told;

    error[0] = '\0';
    month_period(looking.period, report->month);
    if (report->withheld)
        return true;
    if (!statements_visit(directory, look_at, &looking, error, error_size))
        return false;
    if (looking.number == 0)
        return true;
    statement = statements_load(directory, looking.number, -1, error, error_size);
    if (!statement)
        return false;
    told = tell_statement(report, statement, error, error_size);
    statement_free(statement);
    return told;
}
