/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/monthsums.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/version.h"
#include "reports/localhost.h"
#include "reports/monthfile.h"

#define DAY_S 86400

struct monthsums_store {
    struct ledger *ledger;
    const struct config *config;
    int64_t now_s;
    FILE *complaints;
    struct monthfile file;
    bool is_new; /* something in FILE, or no longer in it */
    unsigned months_read;
};

/* ---- From a report ---- */

/* Where the report tells no sum of the host, what its servers counted is not told either: it is the
 * same use. */
static void add_tokens(struct monthsums *sums, const struct month_report *report)
{
    const struct localhost *host = report->host;

    sums->host_hidden = host && !report->host_shown;
    for (size_t i = 0; host && report->host_shown && i < host->service_count; i++) {
        const struct localhost_service *service = &host->services[i];

        sums->wire.in += service->tokens_in - service->unseen_tokens_in;
        sums->wire.out += service->tokens_out - service->unseen_tokens_out;
        sums->unseen.in += service->unseen_tokens_in;
        sums->unseen.out += service->unseen_tokens_out;
        sums->server.in += service->server_tokens_in;
        sums->server.out += service->server_tokens_out;
    }
}

/* Of ROW, or NULL, the total: which part is measured only where the report tells it. */
static struct month_totals totals_of(const struct month_report *report, const struct month_row *row)
{
    struct month_totals totals = row ? row->totals : report->total;

    if (isnan(month_measured(report, row)))
        totals.measured_kwh = totals.activity.energy_j = totals.activity.host_s = 0;
    return totals;
}

/* What is printed of it; zeros instead of the rest. */
static struct coverage coverage_of(const struct month_report *report)
{
    struct coverage coverage = report->coverage;

    coverage.covered_ns = coverage.bytes = 0;
    if (!report->local_counts_shown)
        coverage.local_exchanges = coverage.local_unassigned = coverage.local_unstated =
            coverage.local_elsewhere = coverage.local_unread = coverage.local_lost =
                coverage.local_refused = coverage.local_evicted = 0;
    return coverage;
}

/* Without that of what is folded. Returns NULL when memory is exhausted. */
static struct monthsums_row *rows_of(const struct month_report *report,
                                     const struct month_table *table, size_t *count)
{
    struct monthsums_row *rows = calloc(table->count + 1, sizeof(*rows));

    *count = 0;
    for (size_t i = 0; rows && i < table->count; i++) {
        struct monthsums_row *row = &rows[*count];

        if (table->rows[i].is_other)
            continue;
        memcpy(row->id, table->rows[i].id, sizeof(row->id));
        row->totals = totals_of(report, &table->rows[i]);
        ++*count;
    }
    return rows;
}

/* Returns false when memory is exhausted. */
static bool add_vintages(struct monthsums *sums, const struct month_report *report)
{
    sums->vintages = calloc(report->vintage_count + 1, sizeof(*sums->vintages));
    for (size_t i = 0; sums->vintages && i < report->vintage_count; i++)
        snprintf(sums->vintages[sums->vintage_count++], sizeof(*sums->vintages), "%s",
                 report->vintages[i]);
    return sums->vintages;
}

static bool add_use(struct monthsums *sums, const struct month_report *report)
{
    const struct month_row *other = month_other(report);

    sums->unused = report->directions.count == 0 && report->suppressed == SUPPRESS_NONE;
    sums->suppressed = report->suppressed;
    sums->total = totals_of(report, NULL);
    if (other)
        sums->other = totals_of(report, other);
    sums->units_of_shown = report->units_of_shown;
    sums->tokens_with_impact = report->tokens_with_impact;
    add_tokens(sums, report);
    sums->rows = rows_of(report, &report->directions, &sums->count);
    sums->services = rows_of(report, &report->services, &sums->service_count);
    return sums->rows && sums->services;
}

struct monthsums *monthsums_of_report(const struct month_report *report)
{
    struct monthsums *sums = calloc(1, sizeof(*sums));

    if (!sums)
        return NULL;
    sums->year = report->month.year;
    sums->month = report->month.month;
    sums->running = report->running;
    sums->withheld = report->withheld;
    sums->covered_s = report->covered_s;
    sums->month_s = report->month_s;
    sums->coverage = coverage_of(report);
    sums->local_counts_shown = report->local_counts_shown;
    if (add_vintages(sums, report) && (report->withheld || add_use(sums, report)))
        return sums;
    monthsums_free(sums);
    return NULL;
}

void monthsums_free(struct monthsums *sums)
{
    if (!sums)
        return;
    free(sums->rows);
    free(sums->services);
    free(sums->vintages);
    free(sums);
}

static const struct month_totals *find_row(const struct monthsums_row *rows, size_t count,
                                           const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].id, id) == 0)
            return &rows[i].totals;
    return NULL;
}

const struct month_totals *monthsums_shown(const struct monthsums *sums, const char *direction)
{
    if (sums->withheld)
        return NULL;
    if (direction[0] == '\0' || sums->unused)
        return &sums->total;
    return find_row(sums->rows, sums->count, direction);
}

const struct month_totals *monthsums_service(const struct monthsums *sums, const char *service)
{
    if (sums->withheld)
        return NULL;
    return sums->unused ? &sums->total : find_row(sums->services, sums->service_count, service);
}

/* ---- Stamps ---- */

/* Which services are those of servers of our own decides whether what these counted is shown. */
static void write_servers(const struct config *config, FILE *text)
{
    const struct inference_config *inference = &config->inference;
    const struct service *service;

    for (unsigned i = 0; i < inference->server_count; i++)
        fprintf(text, "server %u %u\n", inference->servers[i].service,
                inference->servers[i].remote);
    for (unsigned i = 0; i < inference->model_count; i++)
        fprintf(text, "model %u\n", inference->models[i].service);
    if (inference->server_count + inference->model_count == 0 || !config->catalogue)
        return;
    for (uint16_t i = 0; i < catalogue_count(config->catalogue); i++)
        if ((service = catalogue_service(config->catalogue, i)))
            fprintf(text, "service %u %s\n", i, service->id);
}

/* Of the configuration, what decides who is shown and who shares what is common. Impact does not
 * follow from factors: it was computed when it was recorded. */
static void write_configuration(const struct config *config, int64_t time_s, FILE *text)
{
    const struct host_period *period;

    fprintf(text, "threshold %u\n", config->report.threshold);
    write_servers(config, text);
    if (!config->host)
        return;
    period = hostconfig_period(config->host, time_s);
    fprintf(text, "host %s key %d %.17g\n", config->host->common, period->key, period->usage_share);
    for (size_t i = 0; i < period->count; i++)
        fprintf(text, "entitled %s %.17g\n", period->entitlements[i].direction,
                period->entitlements[i].share);
    for (uint16_t i = 0; config->catalogue && i < catalogue_count(config->catalogue); i++) {
        const struct service *service = catalogue_service(config->catalogue, i);

        if (service && service->local)
            fprintf(text, "local %s\n", service->id);
    }
}

struct revisions {
    FILE *text;
    unsigned count;
};

static bool write_revision(void *context, int32_t day, int64_t revision)
{
    struct revisions *revisions = context;

    fprintf(revisions->text, "day %" PRId32 " %" PRId64 "\n", day, revision);
    revisions->count++;
    return true;
}

/* All that the sums of MONTH follow from; false when it cannot be told. */
static bool write_origin(const struct monthsums_store *store, struct calendar_month month,
                         FILE *text)
{
    struct revisions revisions = {.text = text};

    fprintf(text,
            "iagmeter " IAGMETER_VERSION " rules " MONTHSUMS_RULES " %04d-%02d %" PRId64 " %" PRId64
            "\n",
            month.year, month.month, month.start, month.end);
    write_configuration(store->config, month.start, text);
    return ledger_visit_revisions(store->ledger, (int32_t)(month.start / DAY_S),
                                  (int32_t)((month.end + DAY_S - 1) / DAY_S), write_revision,
                                  &revisions) == LEDGER_OK &&
           revisions.count > 0;
}

/* "" where nothing may be kept: the month is not over, or what it follows from cannot be told. */
static void stamp_of(const struct monthsums_store *store, struct calendar_month month,
                     char out[MONTHSUMS_STAMP_SIZE])
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream;
    bool written;

    out[0] = '\0';
    if (calendar_interval(store->now_s) < month.end)
        return;
    stream = open_memstream(&text, &size);
    if (!stream)
        return;
    written = write_origin(store, month, stream);
    if (fclose(stream) == 0 && written)
        monthfile_hash(text, size, out);
    free(text);
}

/* ---- The store ---- */

struct monthsums_store *monthsums_open(struct ledger *ledger, const struct config *config,
                                       int64_t now_s, FILE *complaints)
{
    struct monthsums_store *store = calloc(1, sizeof(*store));

    if (!store)
        return NULL;
    store->ledger = ledger;
    store->config = config;
    store->now_s = now_s;
    store->complaints = complaints;
    monthfile_load(config->state_directory, &store->file, complaints);
    return store;
}

static bool found_activity(void *context, const struct ledger_row *row)
{
    (void)row;
    *(bool *)context = true;
    return false;
}

static bool found_coverage(void *context, const struct ledger_coverage_row *row)
{
    (void)row;
    *(bool *)context = true;
    return false;
}

/* Before now. A month without a row has no report, and is no error. */
static enum ledger_status has_rows(const struct monthsums_store *store, struct calendar_month month,
                                   bool *found)
{
    int64_t until = calendar_interval(store->now_s);
    enum ledger_status status;

    if (until > month.end)
        until = month.end;
    status = ledger_visit_coverage(store->ledger, month.start, until, found_coverage, found);
    if (status == LEDGER_OK && !*found)
        status = ledger_visit(store->ledger, month.start, until, NULL, NULL, found_activity, found);
    return status;
}

static struct monthsums *read_month(const struct monthsums_store *store,
                                    struct calendar_month month, char *error, size_t error_size)
{
    struct month_report *report =
        month_build(store->ledger, store->config, month, store->now_s, error, error_size);
    struct monthsums *sums;

    if (!report)
        return NULL;
    sums = monthsums_of_report(report);
    month_free(report);
    if (!sums)
        snprintf(error, error_size, "out of memory");
    return sums;
}

bool monthsums_get(struct monthsums_store *store, struct calendar_month month,
                   const struct monthsums **out, char *error, size_t error_size)
{
    const struct monthsums *held = monthfile_find(&store->file, month.year, month.month);
    char stamp[MONTHSUMS_STAMP_SIZE];
    struct monthsums *sums;
    bool found = false;

    *out = NULL;
    stamp_of(store, month, stamp); /* first: what is written meanwhile makes it an old one */
    if (held && stamp[0] != '\0' && strcmp(held->stamp, stamp) == 0) {
        *out = held;
        return true;
    }
    if (has_rows(store, month, &found) != LEDGER_OK) {
        snprintf(error, error_size, "cannot read the ledger: %s", ledger_error(store->ledger));
        return false;
    }
    if (!found)
        return true;
    sums = read_month(store, month, error, error_size);
    if (!sums)
        return false;
    store->months_read++;
    memcpy(sums->stamp, stamp, sizeof(stamp));
    if (!monthfile_put(&store->file, sums)) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    store->is_new |= stamp[0] != '\0';
    *out = sums;
    return true;
}

unsigned monthsums_months_read(const struct monthsums_store *store)
{
    return store->months_read;
}

/* What has no stamp is not written. */
static void drop_if_stale(struct monthsums_store *store, struct monthsums *sums)
{
    char text[2 * sizeof("-2147483648")], stamp[MONTHSUMS_STAMP_SIZE] = "";
    struct calendar_month month;

    if (sums->stamp[0] == '\0')
        return;
    snprintf(text, sizeof(text), "%04d-%02d", sums->year, sums->month);
    if (calendar_parse_month(text, &month))
        stamp_of(store, month, stamp);
    if (strcmp(sums->stamp, stamp) == 0)
        return;
    sums->stamp[0] = '\0';
    store->is_new = true;
}

void monthsums_close(struct monthsums_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->file.count; i++)
        drop_if_stale(store, store->file.items[i]);
    if (store->is_new)
        monthfile_save(store->config->state_directory, &store->file, store->complaints);
    monthfile_free(&store->file);
    free(store);
}
