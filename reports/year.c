/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/year.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reports/progress.h"

static struct calendar_month month_at(int year, int month)
{
    struct calendar_month out = {0};
    char text[2 * sizeof("-2147483648")];

    snprintf(text, sizeof(text), "%04d-%02d", year, month);
    calendar_parse_month(text, &out);
    return out;
}

bool year_parse(const char *text, int64_t now, int *year)
{
    struct calendar_month first, last;

    *year = calendar_month_of(now).year;
    if (strcmp(text, "current") == 0)
        return true;
    *year -= 1;
    if (strcmp(text, "previous") == 0)
        return true;
    if (!calendar_parse_period(text, &first, &last) || strchr(text, '-'))
        return false;
    *year = first.year;
    return true;
}

/* ---- Reading ---- */

/* How many months of the year may be told, from January on. */
static unsigned months_over(int year, int64_t now)
{
    struct calendar_month last = progress_last_month(now);

    if (last.year < year)
        return 0;
    return last.year > year ? YEAR_MONTHS : (unsigned)last.month;
}

/* The objectives first: whatever is read twice takes the place of what was read before. */
static bool read_progress(struct year_report *year, int64_t now, char *error, size_t error_size)
{
    const struct config *config = year->sums.config;
    int number = year->sums.month.year;

    if (!objectives_has_year(config->objectives, (unsigned)number))
        return true;
    year->progress = progress_build_from(year->store, config, month_at(number, (int)year->over),
                                         now, error, error_size);
    if (year->progress)
        year->progress->named = year->sums.month;
    year->sums.progress = year->progress;
    return year->progress;
}

static bool read_months(struct year_report *year, char *error, size_t error_size)
{
    int number = year->sums.month.year;

    for (int i = 0; i < (int)year->over; i++)
        if (!monthsums_get(year->store, month_at(number, i + 1), &year->months[i], error,
                           error_size) ||
            !monthsums_get(year->store, month_at(number - 1, i + 1), &year->before[i], error,
                           error_size))
            return false;
    return true;
}

const struct monthsums *year_month_of(const struct year_report *year, enum year_months which,
                                      int index)
{
    const struct monthsums *month = year->months[index], *before = year->before[index];
    bool is_told = month && !month->withheld, was_told = before && !before->withheld;

    if (which == YEAR_TOLD)
        return is_told ? month : NULL;
    if (!is_told || !was_told)
        return NULL;
    return which == YEAR_COMPARED ? month : before;
}

/* ---- Adding up: each sum from January on, as explain adds it up again ---- */

static void add_units(struct year_units *sum, const struct year_units *units)
{
    sum->energy_kwh += units->energy_kwh;
    sum->water_l += units->water_l;
    sum->gwp_kgco2e += units->gwp_kgco2e;
    sum->requests += units->requests;
    sum->tokens_with_impact += units->tokens_with_impact;
}

/* What is random of single exchanges, as the month's report tells it: else the year's would follow
 * from what no month prints. */
static struct month_totals as_told(const struct year_report *year,
                                   const struct month_totals *totals)
{
    struct month_totals told = *totals;
    double scatter = month_random_sigma(totals, year->sums.config->factors) *
                     totals->activity.tokens_out.central;

    told.activity.tokens_out_variance = scatter * scatter;
    told.unscattered_requests = told.unscattered_tokens_out = 0;
    return told;
}

/* Returns of how many months. */
static unsigned add_up(const struct year_report *year, enum year_months which,
                       struct year_sums *sums)
{
    unsigned count = 0;

    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *month = year_month_of(year, which, i);
        struct month_totals total;
        struct year_units units;

        if (!month)
            continue;
        total = as_told(year, &month->total);
        units = year_units_of(month);
        month_add(&sums->totals, &total);
        add_units(&sums->units, &units);
        count++;
    }
    return count;
}

static bool add_row(struct month_table *table, const char *id)
{
    struct month_row *rows;

    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].id, id) == 0)
            return true;
    rows = reallocarray(table->rows, table->count + 1, sizeof(*rows));
    if (!rows)
        return false;
    table->rows = rows;
    rows += table->count++;
    *rows = (struct month_row){.energy_share = 0};
    snprintf(rows->id, sizeof(rows->id), "%s", id);
    snprintf(rows->label, sizeof(rows->label), "%s", id);
    return true;
}

/* A month that nobody used anything in shows that of every row. */
static void add_months(const struct year_report *year, const struct year_row *key,
                       struct month_row *row)
{
    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *month = year_month_of(year, YEAR_TOLD, i);
        const struct month_totals *totals;
        struct month_totals told;
        struct year_row there;

        if (!month)
            continue;
        totals = year_row_of(month, key, &there);
        if (totals) {
            told = as_told(year, totals);
            month_add(&row->totals, &told);
        }
        row->months += totals || (month->unused && !row->is_other);
    }
}

static bool add_ids(struct year_report *year)
{
    bool added = true;

    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *month = year_month_of(year, YEAR_TOLD, i);

        for (size_t j = 0; month && added && j < month->count; j++)
            added = add_row(&year->sums.directions, month->rows[j].id);
        for (size_t j = 0; month && added && j < month->service_count; j++)
            added = add_row(&year->sums.services, month->services[j].id);
    }
    return added;
}

static void fill_rows(const struct year_report *year, struct month_table *table, bool of_services)
{
    for (size_t i = 0; i < table->count; i++) {
        struct month_row *row = &table->rows[i];

        add_months(year,
                   &(struct year_row){of_services ? MONTH_ALL : row->id,
                                      of_services ? row->id : MONTH_ALL, false},
                   row);
    }
}

/* Returns false when memory is exhausted. */
static bool fill_tables(struct year_report *year)
{
    struct month_report *sums = &year->sums;
    struct month_row other = {.id = MONTH_OTHER, .label = MONTH_OTHER, .is_other = true};
    const struct month_row *last = NULL;

    if (!add_ids(year))
        return false;
    add_months(year, &(struct year_row){MONTH_OTHER, MONTH_ALL, true}, &other);
    if (other.months > 0 && sums->directions.count > 0)
        last = &other;
    sums->suppressed = other.months == 0             ? SUPPRESS_NONE
                       : sums->directions.count == 0 ? SUPPRESS_ALL
                                                     : SUPPRESS_MERGED;
    fill_rows(year, &sums->directions, false);
    fill_rows(year, &sums->services, true);
    month_describe_rows(sums);
    return month_finish_table(&sums->directions, last) && month_finish_table(&sums->services, last);
}

/* ---- What the writers of a month print ---- */

static bool add_vintage(struct month_report *sums, const char *vintage)
{
    char(*vintages)[64];

    for (size_t i = 0; i < sums->vintage_count; i++)
        if (strcmp(sums->vintages[i], vintage) == 0)
            return true;
    vintages = reallocarray(sums->vintages, sums->vintage_count + 1, sizeof(*vintages));
    if (!vintages)
        return false;
    sums->vintages = vintages;
    snprintf(vintages[sums->vintage_count++], sizeof(*vintages), "%s", vintage);
    return true;
}

/* Returns false when memory is exhausted. */
static bool add_month(struct year_report *year, const struct monthsums *month)
{
    struct month_report *sums = &year->sums;
    bool added = true;

    year->held++;
    sums->covered_s += month->covered_s;
    coverage_add(&sums->coverage, &month->coverage);
    sums->local_counts_shown |= month->local_counts_shown;
    sums->units_of_shown |= month->units_of_shown;
    sums->host_folded |= month->host_hidden && month->suppressed != SUPPRESS_NONE;
    for (size_t i = 0; added && i < month->vintage_count; i++)
        added = add_vintage(sums, month->vintages[i]);
    return added;
}

static bool fill(struct year_report *year, struct ledger *ledger)
{
    struct month_report *sums = &year->sums;
    bool filled = true;

    for (int i = 0; filled && i < YEAR_MONTHS; i++)
        filled = !year->months[i] || add_month(year, year->months[i]);
    year->told = add_up(year, YEAR_TOLD, &year->all);
    year->compared = add_up(year, YEAR_COMPARED, &year->after);
    add_up(year, YEAR_COMPARED_BEFORE, &year->earlier);
    sums->withheld = year->told == 0;
    if (!filled || !fill_tables(year))
        return false;
    sums->total = year->all.totals;
    month_fill_shares(&sums->directions, &sums->total);
    month_fill_shares(&sums->services, &sums->total);
    sums->per_request = year_per_request(&year->all.units);
    sums->per_1000_tokens = year_per_1000_tokens(&year->all.units);
    sums->tokens_with_impact = year->all.units.tokens_with_impact;
    return calibrations_collect(ledger, sums);
}

static void set_bounds(struct year_report *year, int number)
{
    struct calendar_month december = month_at(number, YEAR_MONTHS);
    struct month_report *sums = &year->sums;

    sums->month = (struct calendar_month){number, 0, month_at(number, 1).start, december.end};
    sums->until = year->over > 0 ? month_at(number, (int)year->over).end : sums->month.start;
    sums->running = year->over < YEAR_MONTHS;
    sums->month_s = (double)(sums->until - sums->month.start);
}

static void no_data(struct ledger *ledger, int number, char *error, size_t error_size)
{
    int64_t times[2];

    if (ledger_span(ledger, &times[0], &times[1]) != LEDGER_OK)
        snprintf(error, error_size, "no data for %04d: the ledger is empty", number);
    else
        snprintf(error, error_size,
                 "no data for the months of %04d that are over: the ledger holds %04d-%02d to "
                 "%04d-%02d",
                 number, calendar_month_of(times[0]).year, calendar_month_of(times[0]).month,
                 calendar_month_of(times[1]).year, calendar_month_of(times[1]).month);
}

static bool build(struct year_report *year, struct ledger *ledger, int64_t now, char *error,
                  size_t error_size)
{
    if (!read_progress(year, now, error, error_size) || !read_months(year, error, error_size))
        return false;
    if (!fill(year, ledger)) {
        snprintf(error, error_size, "cannot read the ledger: %s", ledger_error(ledger));
        return false;
    }
    if (year->held > 0)
        return true;
    no_data(ledger, year->sums.month.year, error, error_size);
    return false;
}

struct year_report *year_build(struct ledger *ledger, const struct config *config, int number,
                               int64_t now, char *error, size_t error_size)
{
    unsigned over = months_over(number, now);
    struct year_report *year = NULL;

    if (over == 0) {
        snprintf(error, error_size, "no month of %04d is over yet", number);
        return NULL;
    }
    year = calloc(1, sizeof(*year));
    snprintf(error, error_size, "out of memory");
    if (!year)
        return NULL;
    year->sums.config = config;
    year->sums.year = year;
    year->over = over;
    set_bounds(year, number);
    year->store = monthsums_open(ledger, config, now, stderr);
    if (year->store && build(year, ledger, now, error, error_size))
        return year;
    year_free(year);
    return NULL;
}

void year_free(struct year_report *year)
{
    if (!year)
        return;
    monthsums_close(year->store);
    progress_free(year->progress);
    free(year->sums.directions.rows);
    free(year->sums.services.rows);
    free(year->sums.vintages);
    calibrations_clear(&year->sums.calibrations);
    free(year);
}
