/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/month.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/servicefactors.h"
#include "daemon/uncertainty.h"

#define DAY_S           86400
#define NS_PER_S        1e9
#define WH_PER_KWH      1e3
#define ML_PER_L        1e3
#define G_PER_KG        1e3
#define TOKENS_PER_UNIT 1e3
/* A month of 31 local days and an hour touches 33 UTC days at most. */
#define UTC_DAYS_MAX (MONTH_DAYS_MAX + 2)

/* Where the activity of a pair on one UTC day lies: on one local day of the month (1 to 31), or */
#define DAY_NONE    0
#define DAY_SEVERAL (MONTH_DAYS_MAX + 1)
#define DAY_OUTSIDE (MONTH_DAYS_MAX + 2) /* some of it out of the month */

/* Use of one service by one direction over the month. Both tables are sums of these, so they cannot
 * disagree by more than the order of the additions. Those that are hidden are never told: see
 * suppress.h. */
struct pair {
    size_t direction; /* index of its row in the tables */
    size_t service;
    uint8_t local_day[UTC_DAYS_MAX];
    uint32_t daily_devices[UTC_DAYS_MAX];
    uint32_t devices; /* largest daily number */
    bool hidden;
    struct month_totals totals;
    double tokens_with_impact; /* visible output, central */
    bool has_with_impact;      /* some use has an estimate */
    bool has_without_impact;   /* some has none */
    bool is_french;
    struct hourly_sum hourly;
    enum suppress_kind kind;
};

struct builder {
    struct ledger *ledger;
    struct hourly *hourly; /* NULL: no intensities are held */
    struct month_report *report;
    struct pair *pairs;
    size_t pair_count;
    size_t next_pair;
    size_t day;
    size_t rows; /* of activity or coverage, in the month */
    bool out_of_memory;
};

/* ITEMS, an array of COUNT elements of SIZE bytes, with room for one more; NULL, with the old array
 * untouched, when memory is exhausted. Tables are small: growing by one is fast enough. */
static void *grow(void *items, size_t count, size_t size)
{
    return reallocarray(items, count + 1, size);
}

static void add_activity(struct activity *sum, const struct activity *activity)
{
    sum->grade = (uint8_t)grade_worst(sum->grade, activity->grade);
    sum->flows += activity->flows;
    sum->bytes_up += activity->bytes_up;
    sum->bytes_down += activity->bytes_down;
    sum->bytes_other += activity->bytes_other;
    sum->requests = triple_add(sum->requests, activity->requests);
    sum->tokens_in = triple_add(sum->tokens_in, activity->tokens_in);
    sum->tokens_out = triple_add(sum->tokens_out, activity->tokens_out);
    sum->tokens_out_variance += activity->tokens_out_variance;
#define ADD_UNIT(name) sum->name = triple_add(sum->name, activity->name);
    ACTIVITY_UNITS(ADD_UNIT)
#undef ADD_UNIT
    sum->energy_j += activity->energy_j;
    sum->host_s += activity->host_s;
}

void month_add(struct month_totals *sum, const struct month_totals *totals)
{
    add_activity(&sum->activity, &totals->activity);
    sum->impact = impact_add(sum->impact, totals->impact);
    sum->requests_without_impact =
        triple_add(sum->requests_without_impact, totals->requests_without_impact);
    sum->measured_kwh += totals->measured_kwh;
    sum->unscattered_requests += totals->unscattered_requests;
    sum->unscattered_tokens_out += totals->unscattered_tokens_out;
}

double month_random_sigma(const struct month_totals *totals, const struct factors *factors)
{
    const struct triple *tokens = &totals->activity.tokens_out;
    double variance = totals->activity.tokens_out_variance;

    if (!(tokens->low < tokens->high) || tokens->central <= 0)
        return 0;
    if (totals->unscattered_requests > 0 && factors) {
        double sigma = uncertainty_of_events(0, factors_uncertainty(factors)->exchange_sigma,
                                             totals->unscattered_requests);

        variance += sigma * sigma * totals->unscattered_tokens_out * totals->unscattered_tokens_out;
    }
    return sqrt(variance) / tokens->central;
}

struct month_totals month_share(const struct month_totals *totals, double share)
{
    const struct impact *impact = &totals->impact;

    return (struct month_totals){
        .activity = {.grade = totals->activity.grade,
                     .energy_j = share * totals->activity.energy_j,
                     .host_s = share * totals->activity.host_s},
        .impact = {.energy_kwh = triple_scale(impact->energy_kwh, share),
                   .gwp_use_kgco2e = triple_scale(impact->gwp_use_kgco2e, share),
                   .gwp_embodied_kgco2e = triple_scale(impact->gwp_embodied_kgco2e, share),
                   .adpe_kgsb = triple_scale(impact->adpe_kgsb, share),
                   .water_l = triple_scale(impact->water_l, share)},
        .measured_kwh = share * totals->measured_kwh};
}

struct month_totals month_of_row(const struct ledger_row *row)
{
    struct month_totals totals = {.activity = row->activity};

    if (row->has_impact)
        totals.impact = row->impact;
    else
        totals.requests_without_impact = row->activity.requests;
    if (row->activity.energy_j > 0)
        totals.measured_kwh = row->impact.energy_kwh.central;
    if (!row->has_variance) {
        totals.unscattered_requests = row->activity.requests.central;
        totals.unscattered_tokens_out = row->activity.tokens_out.central;
    }
    return totals;
}

static bool is_active(const struct month_totals *totals)
{
    for (int i = 0; i < MONTH_INDICATORS; i++)
        if (month_value(totals, (enum month_indicator)i).high > 0)
            return true;
    return false;
}

static void describe_direction(const struct config *config, struct month_row *row)
{
    for (uint16_t i = 0; config->directions && i < directions_count(config->directions); i++) {
        const struct direction *direction = directions_get(config->directions, i);

        if (direction && strcmp(direction->code, row->id) == 0) {
            row->is_unassigned = i == DIRECTION_UNASSIGNED;
            snprintf(row->label, sizeof(row->label), "%s", direction->label);
            row->headcount = direction->headcount;
        }
    }
}

static void describe_service(const struct config *config, struct month_row *row)
{
    uint16_t number = config->catalogue ? catalogue_find(config->catalogue, row->id) : SERVICE_NONE;

    if (number == SERVICE_NONE)
        return;
    row->service = catalogue_service(config->catalogue, number);
    snprintf(row->label, sizeof(row->label), "%s", row->service->label);
}

/* The index of the row of that id, added when new; the table's count when memory is exhausted. */
static size_t row_index(struct month_table *table, const char *id)
{
    struct month_row *rows;

    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].id, id) == 0)
            return i;
    rows = grow(table->rows, table->count, sizeof(*rows));
    if (!rows)
        return table->count;
    table->rows = rows;
    rows[table->count] = (struct month_row){0};
    snprintf(rows[table->count].id, sizeof(rows->id), "%s", id);
    snprintf(rows[table->count].label, sizeof(rows->label), "%s", id);
    return table->count++;
}

static struct pair *new_pair(struct builder *builder, const char *direction, const char *service)
{
    struct month_report *report = builder->report;
    struct pair *pairs = grow(builder->pairs, builder->pair_count, sizeof(*pairs));
    struct pair *pair;

    if (!pairs)
        return NULL;
    builder->pairs = pairs;
    pair = &pairs[builder->pair_count];
    *pair = (struct pair){0};
    pair->direction = row_index(&report->directions, direction);
    pair->service = row_index(&report->services, service);
    pair->is_french = builder->hourly && hourly_is_french(report->config, service);
    if (localhost_is_local(report->config, service))
        pair->kind =
            localhost_is_common(report->config, service) ? SUPPRESS_COMMON : SUPPRESS_LOCAL;
    if (pair->direction == report->directions.count || pair->service == report->services.count)
        return NULL;
    builder->pair_count++;
    return pair;
}

/* Rows come in the same order in every interval: the search starts where the last one ended. */
static struct pair *find_pair(struct builder *builder, const struct ledger_row *row)
{
    const struct month_report *report = builder->report;

    for (size_t i = 0; i < builder->pair_count; i++) {
        size_t index = (builder->next_pair + i) % builder->pair_count;
        struct pair *pair = &builder->pairs[index];

        if (strcmp(report->directions.rows[pair->direction].id, row->direction) == 0 &&
            strcmp(report->services.rows[pair->service].id, row->service) == 0) {
            builder->next_pair = index + 1;
            return pair;
        }
    }
    return new_pair(builder, row->direction, row->service);
}

static int64_t utc_day(int64_t time_s)
{
    return time_s / DAY_S;
}

/* The local day of the month, from 1, or DAY_OUTSIDE. Times must not fall from call to call. */
static unsigned local_day(struct builder *builder, int64_t time_s)
{
    const struct month_report *report = builder->report;

    if (time_s < report->month.start || time_s >= report->until)
        return DAY_OUTSIDE;
    while (builder->day + 1 < report->day_count && time_s >= report->days[builder->day].end)
        builder->day++;
    return (unsigned)builder->day + 1;
}

static void mark_day(const struct month_report *report, struct pair *pair, int64_t time_s,
                     unsigned day)
{
    uint8_t *mark = &pair->local_day[utc_day(time_s) - utc_day(report->month.start)];

    if (*mark == DAY_NONE || day == DAY_OUTSIDE)
        *mark = (uint8_t)day;
    else if (*mark != day && *mark != DAY_OUTSIDE)
        *mark = DAY_SEVERAL;
}

static bool visit_activity(void *context, const struct ledger_row *row)
{
    struct builder *builder = context;
    struct month_totals totals = month_of_row(row);
    struct pair *pair = find_pair(builder, row);
    unsigned day = local_day(builder, row->interval_start);

    builder->out_of_memory = !pair;
    if (!pair)
        return false;
    mark_day(builder->report, pair, row->interval_start, day);
    if (day == DAY_OUTSIDE)
        return true;
    builder->rows++;
    if (row->has_impact)
        pair->tokens_with_impact += row->activity.tokens_out.central;
    if (row->has_impact && pair->is_french)
        hourly_add(builder->hourly, &pair->hourly, row->interval_start, row->impact.energy_kwh);
    month_add(&pair->totals, &totals);
    builder->report->days[day - 1].energy_kwh += totals.impact.energy_kwh.central;
    if (is_active(&totals)) {
        pair->has_with_impact |= row->has_impact;
        pair->has_without_impact |= !row->has_impact;
        builder->report->days[day - 1].active = true;
    }
    return true;
}

static bool visit_coverage(void *context, const struct ledger_coverage_row *row)
{
    struct builder *builder = context;
    const struct coverage *coverage = &row->coverage;
    double covered_s = (double)coverage->covered_ns / NS_PER_S;

    builder->rows++;
    builder->report->covered_s += covered_s < INTERVAL_S ? covered_s : INTERVAL_S;
    coverage_add(&builder->report->coverage, coverage);
    return true;
}

static bool visit_factor_set(void *context, const char *vintage, uint64_t digest)
{
    struct builder *builder = context;
    struct month_report *report = builder->report;
    const struct factors *factors = report->config->factors;
    char(*vintages)[64];

    (void)digest; /* the digest changes with every file; the vintage alone changes figures */
    for (size_t i = 0; i < report->vintage_count; i++)
        if (strcmp(report->vintages[i], vintage) == 0)
            return true;
    vintages = grow(report->vintages, report->vintage_count, sizeof(*vintages));
    builder->out_of_memory = !vintages;
    if (!vintages)
        return false;
    report->vintages = vintages;
    snprintf(vintages[report->vintage_count++], sizeof(*vintages), "%s", vintage);
    if (!factors || strcmp(vintage, factors_vintage(factors)) != 0)
        report->factors.other_vintage = true;
    return true;
}

/* The start of a day of the month, the month's own bounds at either end: around midnights that do
 * not exist, or come twice, mktime() is not to be trusted (see calendar.c). */
static int64_t day_start(const struct month_report *report, int day)
{
    struct tm local = {.tm_year = report->month.year - 1900,
                       .tm_mon = report->month.month - 1,
                       .tm_mday = day,
                       .tm_isdst = -1};
    int64_t start = (int64_t)mktime(&local);

    if (day == 1 || start < report->month.start)
        return report->month.start;
    return start < report->month.end ? start : report->month.end;
}

static void fill_days(struct month_report *report)
{
    for (int day = 1; day <= MONTH_DAYS_MAX; day++) {
        int64_t start = day_start(report, day);
        int64_t end = day_start(report, day + 1);

        if (start >= report->until)
            break;
        report->days[report->day_count++] =
            (struct month_day){.start = start, .end = end < report->until ? end : report->until};
    }
}

/* All of the UTC days that the month touches: what lies beyond the month tells whether the devices
 * of such a day may be counted (read_devices()). */
static enum ledger_status visit_utc_days(struct builder *builder)
{
    const struct month_report *report = builder->report;
    int64_t from = utc_day(report->month.start) * DAY_S;
    int64_t until = utc_day(report->until + DAY_S - 1) * DAY_S;

    return ledger_visit(builder->ledger, from, until, NULL, NULL, visit_activity, builder);
}

static bool visit_all(struct builder *builder, char *error, size_t error_size)
{
    const struct month_report *report = builder->report;
    int64_t from = report->month.start;
    enum ledger_status status;

    status = ledger_visit_coverage(builder->ledger, from, report->until, visit_coverage, builder);
    if (status == LEDGER_OK || status == LEDGER_EMPTY)
        status = visit_utc_days(builder);
    if (status == LEDGER_OK || status == LEDGER_EMPTY)
        status = ledger_visit_factor_sets(builder->ledger, from, report->until, visit_factor_set,
                                          builder);
    if ((status == LEDGER_OK || status == LEDGER_EMPTY) &&
        !localhost_read(builder->ledger, report->config, from, report->until,
                        &builder->report->host))
        status = LEDGER_RETRY;
    if (builder->out_of_memory) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    if (status == LEDGER_OK || status == LEDGER_EMPTY)
        return true;
    snprintf(error, error_size, "cannot read the ledger: %s", ledger_error(builder->ledger));
    return false;
}

static void no_data(struct builder *builder, char *error, size_t error_size)
{
    const struct month_report *report = builder->report;
    int64_t times[2];
    char dates[2][sizeof("2026-10-03")];

    if (ledger_span(builder->ledger, &times[0], &times[1]) != LEDGER_OK) {
        snprintf(error, error_size, "no data for %04d-%02d: the ledger is empty",
                 report->month.year, report->month.month);
        return;
    }
    for (int i = 0; i < 2; i++) {
        time_t time_s = (time_t)times[i];
        struct tm local;

        localtime_r(&time_s, &local);
        strftime(dates[i], sizeof(dates[i]), "%Y-%m-%d", &local);
    }
    snprintf(error, error_size, "no data for %04d-%02d: the ledger holds %s to %s",
             report->month.year, report->month.month, dates[0], dates[1]);
}

/* ---- A host of our own ---- */

static size_t find_common(const struct builder *builder)
{
    size_t i = 0;

    while (i < builder->pair_count && builder->pairs[i].kind != SUPPRESS_COMMON)
        i++;
    return i;
}

/* Returns false when memory is exhausted. */
static bool add_share(struct builder *builder, const struct pair *common, const char *direction,
                      double share)
{
    const struct month_report *report = builder->report;
    struct pair *pair;

    if (!(share > 0))
        return true;
    pair = new_pair(builder, direction, report->config->host->common);
    if (!pair)
        return false;
    pair->totals = month_share(&common->totals, share);
    pair->hourly = hourly_share(common->hourly, share);
    if (report->host->period->key == SHARING_ENTITLEMENT)
        pair->kind = SUPPRESS_DECLARED;
    return true;
}

/* What is common was recorded under the directions' "unassigned": it goes to all by the key of the
 * month, and what nobody asked for stays there. Returns false when memory is exhausted. */
static bool distribute(struct builder *builder)
{
    const struct localhost *host = builder->report->host;
    size_t number = find_common(builder);
    struct pair common;
    double rest;

    if (!host || number == builder->pair_count)
        return true;
    common = builder->pairs[number];
    memmove(&builder->pairs[number], &builder->pairs[number + 1],
            (--builder->pair_count - number) * sizeof(common));
    rest = host->rest[host->period->key];
    for (size_t i = 0; i < host->direction_count; i++) {
        const struct localhost_direction *direction = &host->directions[i];
        double share = direction->shares[host->period->key];

        if (!add_share(builder, &common, direction->id, share))
            return false;
    }
    return add_share(builder, &common, MONTH_UNASSIGNED, rest);
}

static void drop_inactive_pairs(struct builder *builder)
{
    size_t kept = 0;

    for (size_t i = 0; i < builder->pair_count; i++)
        if (is_active(&builder->pairs[i].totals))
            builder->pairs[kept++] = builder->pairs[i];
    builder->pair_count = kept;
}

/* Devices are counted per pair and UTC day, which has an hour or more of another local day. So a
 * count belongs to the month only when the pair was active in no other on that UTC day, and to a
 * local day only when the same is true of the day: else one user by day could hide behind those
 * who come after midnight. Too low a count only folds what could have been shown. */
static bool read_devices(struct builder *builder, struct pair *pair)
{
    const struct month_report *report = builder->report;
    const char *direction = report->directions.rows[pair->direction].id;
    const char *service = report->services.rows[pair->service].id;
    int32_t first = (int32_t)utc_day(report->month.start);

    for (int32_t i = 0; i < UTC_DAYS_MAX; i++) {
        enum ledger_status status;

        if (pair->local_day[i] == DAY_NONE || pair->local_day[i] == DAY_OUTSIDE)
            continue;
        status = ledger_devices(builder->ledger, first + i, first + i + 1, direction, service,
                                &pair->daily_devices[i]);
        if (status != LEDGER_OK && status != LEDGER_EMPTY)
            return false;
        if (pair->daily_devices[i] > pair->devices)
            pair->devices = pair->daily_devices[i];
    }
    return true;
}

/* The pairs as cells. */
struct cells {
    uint32_t *devices;
    bool *chosen;
};

static bool cells_new(struct cells *cells, const struct builder *builder)
{
    size_t count = builder->pair_count + 1; /* never nothing */

    cells->devices = calloc(count, sizeof(*cells->devices));
    cells->chosen = calloc(count, sizeof(*cells->chosen));
    return cells->devices && cells->chosen;
}

static void cells_free(struct cells *cells)
{
    free(cells->devices);
    free(cells->chosen);
}

/* A device may be active on both of the UTC days of a local day, so the larger number is taken. */
static uint32_t devices_of_day(const struct builder *builder, struct cells *cells, size_t day)
{
    uint32_t largest = 0;

    for (size_t utc = 0; utc < UTC_DAYS_MAX; utc++) {
        uint32_t devices;

        for (size_t i = 0; i < builder->pair_count; i++) {
            cells->devices[i] = builder->pairs[i].daily_devices[utc];
            cells->chosen[i] = builder->pairs[i].local_day[utc] == day + 1;
        }
        devices = suppress_largest(cells->devices, builder->pair_count, cells->chosen);
        if (devices > largest)
            largest = devices;
    }
    return largest;
}

/* The graph of the days is a table too: a Sunday may have one user only. */
static void hide_days(struct month_report *report, const uint32_t *day_devices)
{
    uint32_t devices[MONTH_DAYS_MAX];
    bool hidden[MONTH_DAYS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < report->day_count; i++)
        if (report->days[i].active)
            devices[count++] = day_devices[i];
    suppress_cells(devices, count, report->config->report.threshold, hidden);
    count = 0;
    for (size_t i = 0; i < report->day_count; i++)
        if (report->days[i].active && hidden[count++]) {
            report->days[i].hidden = true;
            report->days[i].energy_kwh = 0;
        }
}

static void count_days(struct builder *builder, struct cells *cells)
{
    uint32_t devices[MONTH_DAYS_MAX];

    for (size_t i = 0; i < builder->report->day_count; i++)
        devices[i] = devices_of_day(builder, cells, i);
    hide_days(builder->report, devices);
}

/* From the largest daily numbers of each pair. */
static void count_devices(struct builder *builder, struct cells *cells)
{
    struct month_report *report = builder->report;

    for (size_t i = 0; i < builder->pair_count; i++) {
        cells->devices[i] = builder->pairs[i].devices;
        cells->chosen[i] = true;
    }
    report->devices = suppress_largest(cells->devices, builder->pair_count, cells->chosen);
}

/* Returns false when memory is exhausted. */
static bool choose_pairs(struct builder *builder)
{
    struct month_report *report = builder->report;
    struct suppress_pair *pairs = calloc(builder->pair_count + 1, sizeof(*pairs));
    bool *hidden = calloc(builder->pair_count + 1, sizeof(*hidden));
    struct suppress_outcome outcome = {0};
    bool chosen = pairs && hidden;

    for (size_t i = 0; chosen && i < builder->pair_count; i++) {
        const struct pair *pair = &builder->pairs[i];

        pairs[i] =
            (struct suppress_pair){pair->kind, pair->direction, pair->service, pair->devices};
    }
    chosen = chosen && suppress_pairs(pairs, builder->pair_count, report->config->report.threshold,
                                      hidden, &outcome);
    for (size_t i = 0; chosen && i < builder->pair_count; i++)
        builder->pairs[i].hidden = hidden[i];
    report->suppressed = outcome.result;
    report->host_shown = report->host && outcome.host_shown;
    report->host_folded = report->host && !report->host_shown;
    report->host_parts_shown = report->host && outcome.parts_shown;
    free(pairs);
    free(hidden);
    return chosen;
}

/* Whether enough devices are behind what, of the hidden pairs, has an impact estimate (WITH) or has
 * none, or nothing is. Of a pair with both, nobody knows whose the part is. What is hidden of a
 * host whose sums are told is no cover for the rest: see suppress.h. */
static bool is_part_safe(const struct builder *builder, struct cells *cells, bool with)
{
    const struct month_report *report = builder->report;
    bool any = false;

    for (size_t i = 0; i < builder->pair_count; i++) {
        const struct pair *pair = &builder->pairs[i];
        bool counts = !with || pair->kind == SUPPRESS_REMOTE || !report->host_shown;
        bool is_part =
            pair->hidden && counts && (with ? pair->has_with_impact : pair->has_without_impact);

        any |= is_part;
        cells->devices[i] = pair->devices;
        cells->chosen[i] = is_part && !(pair->has_with_impact && pair->has_without_impact);
    }
    return !any || suppress_largest(cells->devices, builder->pair_count, cells->chosen) >=
                       report->config->report.threshold;
}

/* Whether a server of our own answers for it, or passes it on. */
static bool is_of_local_server(const struct config *config, const char *service)
{
    const struct inference_config *inference = &config->inference;
    uint16_t number = config->catalogue ? catalogue_find(config->catalogue, service) : SERVICE_NONE;
    bool found = localhost_is_local(config, service);

    if (number == SERVICE_NONE)
        return found;
    for (unsigned i = 0; i < inference->server_count; i++)
        found |= inference->servers[i].service == number || inference->servers[i].remote == number;
    for (unsigned i = 0; i < inference->model_count; i++)
        found |= inference->models[i].service == number;
    return found;
}

/* Coverage counts the exchanges with local servers: their requests. With the total and the rows, it
 * tells the requests of what is hidden of these servers, and of what is hidden of the rest: enough
 * devices must be behind each. */
static bool are_local_counts_safe(const struct builder *builder, struct cells *cells)
{
    const struct month_report *report = builder->report;
    bool safe = !report->host || report->host_shown;

    for (int local = 0; safe && local < 2; local++) {
        bool any = false;

        for (size_t i = 0; i < builder->pair_count; i++) {
            const struct pair *pair = &builder->pairs[i];
            const char *service = report->services.rows[pair->service].id;

            cells->devices[i] = pair->devices;
            cells->chosen[i] =
                pair->hidden && is_of_local_server(report->config, service) == (local != 0);
            any |= cells->chosen[i];
        }
        safe = !any || suppress_largest(cells->devices, builder->pair_count, cells->chosen) >=
                           report->config->report.threshold;
    }
    return safe;
}

static bool suppress(struct builder *builder)
{
    struct cells cells;
    bool done = cells_new(&cells, builder);

    for (size_t i = 0; done && i < builder->pair_count; i++)
        done = read_devices(builder, &builder->pairs[i]);
    if (done) {
        count_devices(builder, &cells);
        count_days(builder, &cells);
        done = choose_pairs(builder);
        builder->report->units_of_shown =
            !is_part_safe(builder, &cells, true) || !is_part_safe(builder, &cells, false);
        builder->report->local_counts_shown = are_local_counts_safe(builder, &cells);
    }
    cells_free(&cells);
    return done;
}

/* By falling energy, then requests, then name. */
static int compare_rows(const void *left, const void *right)
{
    const struct month_row *a = left, *b = right;
    double energy_a = a->totals.impact.energy_kwh.central;
    double energy_b = b->totals.impact.energy_kwh.central;
    double requests_a = a->totals.activity.requests.central;
    double requests_b = b->totals.activity.requests.central;

    if (energy_a != energy_b)
        return energy_a < energy_b ? 1 : -1;
    if (requests_a != requests_b)
        return requests_a < requests_b ? 1 : -1;
    return strcmp(a->id, b->id);
}

static void remove_inactive_rows(struct month_table *table)
{
    size_t kept = 0;

    for (size_t i = 0; i < table->count; i++)
        if (is_active(&table->rows[i].totals))
            table->rows[kept++] = table->rows[i];
    table->count = kept;
}

/* Rows without a shown pair have no activity here: their all is in OTHER, which comes last. */
bool month_finish_table(struct month_table *table, const struct month_row *other)
{
    struct month_row *rows;

    remove_inactive_rows(table);
    if (table->count > 1) /* with none, ROWS may be NULL */
        qsort(table->rows, table->count, sizeof(*table->rows), compare_rows);
    if (!other)
        return true;
    rows = grow(table->rows, table->count, sizeof(*rows));
    if (!rows)
        return false;
    table->rows = rows;
    rows[table->count++] = *other;
    return true;
}

/* Returns false when memory is exhausted. */
static bool add_cell(struct month_report *report, const struct pair *pair)
{
    struct month_row *direction = &report->directions.rows[pair->direction];
    struct month_row *service = &report->services.rows[pair->service];
    struct month_cell *cells = grow(report->cells, report->cell_count, sizeof(*cells));
    struct month_cell *cell;

    if (!cells)
        return false;
    report->cells = cells;
    cell = &cells[report->cell_count++];
    *cell = (struct month_cell){.totals = pair->totals, .hourly = pair->hourly};
    snprintf(cell->direction, sizeof(cell->direction), "%s", direction->id);
    snprintf(cell->service, sizeof(cell->service), "%s", service->id);
    month_add(&direction->totals, &pair->totals);
    month_add(&service->totals, &pair->totals);
    return true;
}

void month_describe_rows(struct month_report *report)
{
    for (size_t i = 0; i < report->directions.count; i++)
        describe_direction(report->config, &report->directions.rows[i]);
    for (size_t i = 0; i < report->services.count; i++)
        describe_service(report->config, &report->services.rows[i]);
}

/* Of hidden pairs, nothing that the sums of all do not tell anyway: a unit that few services have
 * would name the one that made it, and what is recorded of the random part is one more equation.
 * The rule for what was recorded without it stands for that. */
static void forget_details(struct month_totals *other)
{
    struct activity *activity = &other->activity;

#define FORGET_UNIT(name) activity->name = triple_exact(0);
    ACTIVITY_UNITS(FORGET_UNIT)
#undef FORGET_UNIT
    activity->tokens_out_variance = 0;
    other->unscattered_requests = activity->requests.central;
    other->unscattered_tokens_out = activity->tokens_out.central;
}

/* The total is the sum of the rows of directions, from the first to the last, to the last bit.
 * Returns false when memory is exhausted. */
static bool fill_tables(struct builder *builder)
{
    struct month_report *report = builder->report;
    struct month_row other = {.id = MONTH_OTHER, .label = MONTH_OTHER, .is_other = true};
    const struct month_row *last = report->suppressed == SUPPRESS_MERGED ? &other : NULL;

    for (size_t i = 0; i < builder->pair_count; i++) {
        const struct pair *pair = &builder->pairs[i];

        if (pair->hidden)
            month_add(&other.totals, &pair->totals);
        else if (!add_cell(report, pair))
            return false;
    }
    forget_details(&other.totals);
    if (report->units_of_shown)
        other.totals.requests_without_impact = triple_exact(0);
    month_describe_rows(report);
    if (!month_finish_table(&report->directions, last) ||
        !month_finish_table(&report->services, last))
        return false;
    for (size_t i = 0; i < report->directions.count; i++)
        month_add(&report->total, &report->directions.rows[i].totals);
    if (report->suppressed == SUPPRESS_ALL)
        report->total = other.totals;
    return true;
}

void month_fill_shares(struct month_table *table, const struct month_totals *total)
{
    double energy_kwh = total->impact.energy_kwh.central;

    for (size_t i = 0; i < table->count; i++) {
        struct month_row *row = &table->rows[i];
        double gwp_kg = month_value(&row->totals, MONTH_GWP).central;

        if (energy_kwh > 0)
            row->energy_share = row->totals.impact.energy_kwh.central / energy_kwh;
        if (row->headcount > 0)
            row->gwp_per_agent_g = gwp_kg * G_PER_KG / row->headcount;
    }
}

const struct month_row *month_other(const struct month_report *report)
{
    const struct month_table *table = &report->directions;

    return table->count > 0 && table->rows[table->count - 1].is_other
               ? &table->rows[table->count - 1]
               : NULL;
}

/* Of what figures per unit are of: all, or all that is shown. */
static double unit_value(const struct month_report *report, enum month_indicator indicator)
{
    const struct month_row *other = month_other(report);
    double total = month_value(&report->total, indicator).central;

    if (!report->units_of_shown)
        return total;
    return other ? total - month_value(&other->totals, indicator).central : 0;
}

static struct month_unit per_unit(const struct month_report *report, double units)
{
    if (!(units > 0))
        return (struct month_unit){0};
    return (struct month_unit){
        .energy_wh = unit_value(report, MONTH_ENERGY) * WH_PER_KWH / units,
        .water_ml = unit_value(report, MONTH_WATER) * ML_PER_L / units,
        .gwp_g = unit_value(report, MONTH_GWP) * G_PER_KG / units,
    };
}

static void fill_units(struct builder *builder)
{
    struct month_report *report = builder->report;
    double tokens = 0;

    for (size_t i = 0; i < builder->pair_count; i++)
        if (!report->units_of_shown || !builder->pairs[i].hidden)
            tokens += builder->pairs[i].tokens_with_impact;
    report->per_request = per_unit(report, unit_value(report, MONTH_REQUESTS) -
                                               unit_value(report, MONTH_REQUESTS_WITHOUT_IMPACT));
    report->tokens_with_impact = tokens;
    report->per_1000_tokens = per_unit(report, tokens / TOKENS_PER_UNIT);
}

/* Water per kWh in France depends fourfold on the convention, so the other one is always shown
 * beside (the method page, section 3). Both are entries of zones.conf. */
const struct zone_factors *month_zone_variant(const struct factors *factors, const char *zone)
{
    return strcmp(zone, "FRA") == 0 ? factors_zone(factors, "FRA-EDF") : NULL;
}

/* Returns false when memory is exhausted. */
static bool add_source(struct month_report *report, struct month_source source)
{
    struct month_factors *list = &report->factors;
    struct month_source *sources = grow(list->sources, list->count, sizeof(*sources));

    if (!sources)
        return false;
    list->sources = sources;
    source.zone_variant = month_zone_variant(report->config->factors, source.factors.zone->id);
    source.first_model = source.first_provider = source.first_zone = true;
    for (size_t i = 0; i < list->count; i++) {
        source.first_model &= sources[i].factors.model != source.factors.model;
        source.first_provider &= sources[i].factors.provider != source.factors.provider;
        source.first_zone &= sources[i].factors.zone != source.factors.zone;
    }
    sources[list->count++] = source;
    return true;
}

/* Mixes change between months only. */
static bool add_sources(struct month_report *report, uint16_t number)
{
    const struct config *config = report->config;
    const struct service *service = catalogue_service(config->catalogue, number);
    struct service_factors factors;
    const struct mix_factors *mix;
    bool added = true;

    if (service_factors_resolve(config->factors, config->catalogue, number, &factors))
        return true;
    mix = service_factors_at(&factors, report->month.start);
    for (size_t i = 0; mix && added && i < mix->count; i++)
        added = add_source(report, (struct month_source){.service = service,
                                                         .mix = mix->mix,
                                                         .model = mix->models[i],
                                                         .share = mix->shares[i],
                                                         .factors = mix->parts[i]});
    service_factors_free(&factors);
    return added;
}

static void fill_host(struct builder *builder)
{
    struct month_report *report = builder->report;

    for (size_t i = 0; report->host_shown && i < builder->pair_count; i++) {
        const struct pair *pair = &builder->pairs[i];

        if (pair->kind == SUPPRESS_LOCAL)
            month_add(&report->host_active, &pair->totals);
        else if (pair->kind != SUPPRESS_REMOTE)
            month_add(&report->host_common, &pair->totals);
    }
}

static void fill_hourly(struct builder *builder)
{
    struct month_report *report = builder->report;
    struct hourly_sum sum = {0};

    for (size_t i = 0; i < report->cell_count; i++)
        sum = hourly_together(sum, report->cells[i].hourly);
    report->hourly = hourly_finish(builder->hourly, sum, report->month.start, report->until);
}

static bool fill_factors(struct month_report *report)
{
    const struct catalogue *catalogue = report->config->catalogue;
    bool added = true;

    if (!report->config->factors || !catalogue)
        return true;
    report->factors.whole_catalogue = report->suppressed != SUPPRESS_NONE;
    if (report->factors.whole_catalogue) {
        for (uint16_t i = 0; added && i < catalogue_count(catalogue); i++)
            added = add_sources(report, i);
    } else {
        for (size_t i = 0; added && i < report->services.count; i++)
            added = add_sources(report, catalogue_find(catalogue, report->services.rows[i].id));
    }
    return added;
}

/* What a host of our own draws though nobody uses it is nobody's use. */
static bool is_somebodys(const struct builder *builder)
{
    for (size_t i = 0; i < builder->pair_count; i++)
        if (builder->pairs[i].kind <= SUPPRESS_LOCAL)
            return true;
    return false;
}

/* Fewer devices than the threshold in the whole authority: even the total would tell on them. */
static void withhold(struct month_report *report)
{
    report->withheld = true;
    report->host_shown = report->host_parts_shown = report->local_counts_shown = false;
    report->host_folded = report->host;
    report->suppressed = SUPPRESS_ALL;
    report->directions.count = 0;
    report->services.count = 0;
    report->day_count = 0;
    memset(report->days, 0, sizeof(report->days));
}

static bool fill_report(struct builder *builder)
{
    struct month_report *report = builder->report;

    drop_inactive_pairs(builder);
    if (!distribute(builder) || !suppress(builder))
        return false;
    if (is_somebodys(builder) && report->devices < report->config->report.threshold) {
        withhold(report);
        return true;
    }
    if (!fill_tables(builder))
        return false;
    month_fill_shares(&report->directions, &report->total);
    month_fill_shares(&report->services, &report->total);
    fill_units(builder);
    fill_host(builder);
    variants_compute(report, &report->variants);
    fill_hourly(builder);
    return fill_factors(report);
}

static void set_bounds(struct month_report *report, int64_t now)
{
    int64_t finished = calendar_interval(now);

    report->running = finished < report->month.end;
    report->until = report->running ? finished : report->month.end;
    if (report->until < report->month.start)
        report->until = report->month.start;
    report->month_s = (double)(report->until - report->month.start);
}

struct month_report *month_build(struct ledger *ledger, const struct config *config,
                                 struct calendar_month month, int64_t now, char *error,
                                 size_t error_size)
{
    struct month_report *report = calloc(1, sizeof(*report));
    struct builder builder = {.ledger = ledger, .report = report};
    bool built = false;

    if (!report) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    report->month = month;
    report->config = config;
    set_bounds(report, now);
    fill_days(report);
    builder.hourly = hourly_open(config);
    if (!visit_all(&builder, error, error_size))
        goto out;
    if (builder.rows == 0) {
        no_data(&builder, error, error_size);
        goto out;
    }
    if (report->covered_s > report->month_s)
        report->covered_s = report->month_s;
    built = fill_report(&builder) && calibrations_collect(ledger, report);
    if (!built)
        snprintf(error, error_size, "cannot read the ledger: %s", ledger_error(ledger));
out:
    hourly_close(builder.hourly);
    free(builder.pairs);
    if (built)
        return report;
    month_free(report);
    return NULL;
}

void month_free(struct month_report *report)
{
    if (!report)
        return;
    free(report->directions.rows);
    free(report->services.rows);
    free(report->cells);
    localhost_free(report->host);
    free(report->factors.sources);
    free(report->vintages);
    calibrations_clear(&report->calibrations);
    free(report);
}
