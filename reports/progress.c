/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/derived.h"
#include "reports/monthsums.h"

#define MONTHS  PROGRESS_MONTHS
#define PERCENT 100
/* The meter keeps trying for some minutes to store what is complete; an hour is ample. Else what a
 * minute adds to the month that just ended could be told by looking twice. */
#define SETTLE_S 3600

static const enum month_indicator indicators[OBJECTIVE_INDICATORS] = {
    [OBJECTIVE_REQUESTS] = MONTH_REQUESTS,
    [OBJECTIVE_ENERGY] = MONTH_ENERGY,
    [OBJECTIVE_WATER] = MONTH_WATER,
    [OBJECTIVE_GWP] = MONTH_GWP,
};

/* The year's months so far, NULL where the ledger holds nothing. */
struct year {
    struct monthsums_store *store;
    const struct monthsums *months[MONTHS];
    size_t count;
};

struct calendar_month progress_last_month(int64_t now)
{
    return calendar_shift(calendar_month_of(now - SETTLE_S), -1);
}

/* ---- reading ---- */

static bool read_months(struct year *year, struct calendar_month last, char *error,
                        size_t error_size)
{
    for (int i = 1; i <= last.month; i++) {
        if (!monthsums_get(year->store, calendar_shift(last, i - last.month), &year->months[i - 1],
                           error, error_size))
            return false;
        year->count = (size_t)i;
    }
    return true;
}

/* ---- computing ---- */

/* Adds up the months that show it; returns how many do not. */
static unsigned sum_up(const struct year *year, const char *direction, struct month_totals *sum)
{
    unsigned hidden = 0;

    for (size_t i = 0; i < year->count; i++) {
        const struct month_totals *totals;

        if (!year->months[i])
            continue;
        totals = monthsums_shown(year->months[i], direction);
        if (totals)
            month_add(sum, totals);
        else
            hidden++;
    }
    return hidden;
}

/* Whether a rate may be taken from a month: all of it has passed, and enough was covered. */
static bool counts(const struct monthsums *sums, unsigned covered_percent)
{
    return sums && !sums->running && sums->covered_s * PERCENT >= sums->month_s * covered_percent;
}

static void add_month(struct progress_line *line, const struct monthsums *sums,
                      const struct month_totals *totals)
{
    line->months[line->month_count++] = (struct progress_month){sums->month, sums->unused, *totals};
}

static void keep_months(const struct year *year, struct progress_line *line)
{
    for (size_t i = 0; i < year->count; i++) {
        const struct month_totals *totals =
            year->months[i] ? monthsums_shown(year->months[i], line->objective->direction) : NULL;

        if (totals)
            add_month(line, year->months[i], totals);
    }
}

/* Per second that was covered, over the last MOST months that count; their number is returned. */
static unsigned rate_of(const struct year *year, const struct progress_line *line,
                        unsigned covered_percent, unsigned most, struct progress_rate *rate,
                        struct triple *per_s)
{
    struct triple sum = triple_exact(0);

    for (size_t i = line->month_count; i > 0 && rate->months < most; i--) {
        const struct progress_month *month = &line->months[i - 1];
        const struct monthsums *sums = year->months[month->month - 1];

        if (!counts(sums, covered_percent))
            continue;
        sum = triple_add(sum, month_value(&month->totals, line->indicator));
        rate->covered_s += sums->covered_s;
        rate->numbers[rate->months++] = (uint8_t)(i - 1);
    }
    *per_s = rate->covered_s > 0 ? triple_scale(sum, 1 / rate->covered_s) : triple_exact(0);
    return rate->months;
}

/* What is recorded, and the rate of the last months for all that is left. The band reaches to what
 * the rate of all months would give, where that is further out. */
static void project(const struct progress *progress, const struct year *year,
                    struct progress_line *line)
{
    const struct objectives *objectives = progress->config->objectives;
    unsigned months = objectives_projection_months(objectives);
    unsigned covered = objectives_covered_percent(objectives);
    double left_s = (double)(progress->end - progress->until);
    struct triple recent = triple_exact(0), all = triple_exact(0);

    if (left_s > 0) {
        if (rate_of(year, line, covered, months, &line->recent, &recent) < months)
            return;
        rate_of(year, line, covered, MONTHS, &line->all, &all);
    }
    recent.low = fmin(recent.low, all.low);
    recent.high = fmax(recent.high, all.high);
    line->projected = triple_add(line->spent, triple_scale(recent, left_s));
    line->has_projection = true;
}

static bool is_little_covered(const struct progress *progress)
{
    return progress_covered(progress) * PERCENT <
           progress_elapsed(progress) * objectives_covered_percent(progress->config->objectives);
}

static enum progress_state judge(const struct progress *progress, const struct progress_line *line)
{
    double allowed = line->path * line->objective->warning_percent / PERCENT;

    if (line->spent.central > line->budget)
        return PROGRESS_EXCEEDED;
    if (line->spent.central > allowed)
        return PROGRESS_ABOVE_PATH;
    if (line->has_projection && line->projected.central > line->budget)
        return PROGRESS_PROJECTED_OVER;
    if (line->hidden_months > 0)
        return PROGRESS_PARTLY_SHOWN;
    return is_little_covered(progress) ? PROGRESS_LITTLE_COVERED : PROGRESS_ON_PATH;
}

static void fill_line(const struct progress *progress, const struct year *year,
                      struct progress_line *line)
{
    struct month_totals sum = {0};

    line->path = line->budget * progress_elapsed(progress);
    line->state = progress->months > 0 ? PROGRESS_NOT_SHOWN : PROGRESS_NO_MONTH;
    line->hidden_months = sum_up(year, line->objective->direction, &sum);
    keep_months(year, line);
    if (line->month_count == 0)
        return;
    line->grade = sum.activity.grade;
    line->spent = month_value(&sum, line->indicator);
    project(progress, year, line);
    line->state = judge(progress, line);
}

/* Returns false when memory is exhausted. */
static bool add_lines(struct progress *progress, const struct year *year)
{
    const struct objectives *objectives = progress->config->objectives;

    progress->lines =
        calloc(objectives_count(objectives) * OBJECTIVE_INDICATORS + 1, sizeof(*progress->lines));
    for (size_t i = 0; progress->lines && i < objectives_count(objectives); i++) {
        const struct objective *objective = objectives_get(objectives, i);

        for (size_t j = 0; j < OBJECTIVE_INDICATORS; j++) {
            struct progress_line *line = &progress->lines[progress->count];

            if ((int)objective->year != progress->year || !(objective->budgets[j] > 0))
                continue;
            *line = (struct progress_line){.objective = objective,
                                           .indicator = indicators[j],
                                           .budget = objective->budgets[j]};
            fill_line(progress, year, line);
            progress->count++;
        }
    }
    return progress->lines;
}

static void set_bounds(struct progress *progress, struct calendar_month last, int64_t now)
{
    int64_t finished = calendar_interval(now);

    progress->year = last.year;
    progress->last = last;
    progress->named = last;
    progress->from = calendar_shift(last, 1 - last.month).start;
    progress->end = calendar_shift(last, MONTHS - last.month).end;
    progress->until = finished < last.end ? finished : last.end;
    if (progress->until < progress->from)
        progress->until = progress->from;
}

static void add_tokens(struct hoststatus_tokens *sum, const struct hoststatus_tokens *tokens)
{
    sum->in += tokens->in;
    sum->out += tokens->out;
}

static bool fill(struct progress *progress, const struct year *year)
{
    for (size_t i = 0; i < year->count; i++) {
        if (!year->months[i])
            continue;
        progress->months++;
        progress->covered_s += year->months[i]->covered_s;
        progress->host_hidden |= year->months[i]->host_hidden;
        add_tokens(&progress->wire, &year->months[i]->wire);
        add_tokens(&progress->unseen, &year->months[i]->unseen);
        add_tokens(&progress->server, &year->months[i]->server);
    }
    progress->total_shown = sum_up(year, "", &progress->total) == 0 && progress->months > 0;
    if (!progress->total_shown)
        progress->total = (struct month_totals){0};
    return add_lines(progress, year);
}

struct progress *progress_build_from(struct monthsums_store *store, const struct config *config,
                                     struct calendar_month last, int64_t now, char *error,
                                     size_t error_size)
{
    struct progress *progress = calloc(1, sizeof(*progress));
    struct year year = {.store = store};
    bool built = false;

    snprintf(error, error_size, "out of memory");
    if (progress) {
        progress->config = config;
        set_bounds(progress, last, now);
        built = read_months(&year, last, error, error_size) && fill(progress, &year);
        progress->months_read = monthsums_months_read(store);
    }
    if (built)
        return progress;
    progress_free(progress);
    return NULL;
}

struct progress *progress_build(struct ledger *ledger, const struct config *config,
                                struct calendar_month last, int64_t now, char *error,
                                size_t error_size)
{
    struct monthsums_store *store = monthsums_open(ledger, config, now, stderr);
    struct progress *progress = NULL;

    snprintf(error, error_size, "out of memory");
    if (store)
        progress = progress_build_from(store, config, last, now, error, error_size);
    monthsums_close(store);
    return progress;
}

void progress_free(struct progress *progress)
{
    if (!progress)
        return;
    free(progress->lines);
    free(progress);
}

double progress_elapsed(const struct progress *progress)
{
    return (double)(progress->until - progress->from) / (double)(progress->end - progress->from);
}

double progress_covered(const struct progress *progress)
{
    return progress->covered_s / (double)(progress->end - progress->from);
}

bool progress_is_warning(const struct progress_line *line)
{
    return line->state >= PROGRESS_PROJECTED_OVER;
}

const char *progress_state_name(enum progress_state state)
{
    static const char *const names[] = {"no-month",       "not-shown", "partly-shown",
                                        "little-covered", "on-path",   "projected-over",
                                        "above-path",     "exceeded"};

    return names[state];
}

const char *progress_scope(const struct progress_line *line)
{
    return line->objective->direction[0] ? line->objective->direction : MONTH_ALL;
}

void progress_figure(char out[MONTH_FIGURE_SIZE], const struct progress *progress,
                     const struct progress_line *line, const char *scope)
{
    derived_name(out, progress->named, scope, progress_scope(line),
                 month_indicator_name(line->indicator));
}
