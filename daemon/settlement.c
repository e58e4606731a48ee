/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/settlement.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/calendar.h"
#include "daemon/localimpact.h"
#include "daemon/servercounts.h"
#include "daemon/sharing.h"

#define NS_PER_S 1e9
#define BATCH_S  3600 /* of one transaction */

/* What was measured in one interval. */
struct measured {
    int64_t interval_start;
    struct sharing_device devices[MAX_POWER_DEVICES];
    const struct host_device *places[MAX_POWER_DEVICES]; /* NULL: not in host.conf */
    size_t device_count;
    uint64_t host_ns;    /* for which what is not a GPU was measured, */
    uint64_t longest_ns; /* or any of them */
};

/* What one direction asked of one service in one interval. */
struct used {
    int64_t interval_start;
    int64_t direction;
    int64_t service;
    size_t counted; /* number of the service among those whose server counts; SERVERCOUNTS_NONE */
    bool is_placed; /* host.conf says where the service computes, and what its tokens weigh */
    double requests;
    struct sharing_use use;
};

/* What a server counted of one direction in one interval. */
struct server_counted {
    int64_t interval_start;
    int64_t direction;
    size_t counted;
    struct balance_use use;
};

/* The facts of some intervals, in their order, and who they are about. */
struct batch {
    const struct host_config *host;
    struct local_factors factors;
    struct measured *measured;
    size_t measured_count;
    struct used *used;
    size_t used_count;
    struct server_counted *server;
    size_t server_count;
    struct servercounts *counts;
    bool failed; /* out of memory */
    int64_t factor_set;
    int64_t unassigned;
    int64_t common;
};

/* ---- Facts ---- */

/* Room for one more in an array that doubles; NULL without. */
static void *grown(void *array, size_t count, size_t size)
{
    if (count & (count - 1)) /* no power of two: there is room */
        return array;
    return reallocarray(array, count ? 2 * count : 1, size);
}

static struct measured *measured_at(struct batch *batch, int64_t interval_start)
{
    struct measured *array = batch->measured;

    if (batch->measured_count > 0 &&
        array[batch->measured_count - 1].interval_start == interval_start)
        return &array[batch->measured_count - 1];
    array = grown(array, batch->measured_count, sizeof(*array));
    if (!array)
        return NULL;
    batch->measured = array;
    array += batch->measured_count++;
    *array = (struct measured){.interval_start = interval_start};
    return array;
}

/* The last place holds all that has none: no more come of one process, but names may change. */
static void add_device(struct measured *measured, const struct host_device *place,
                       const struct ledger_device_row *row)
{
    bool is_full = measured->device_count == MAX_POWER_DEVICES;
    size_t i = is_full ? MAX_POWER_DEVICES - 1 : measured->device_count++;

    measured->places[i] = is_full ? NULL : place;
    measured->devices[i].energy_j += row->energy_j;
    measured->devices[i].idle_j += row->idle_j;
    measured->devices[i].follows =
        row->kind == POWER_DEVICE_HOST && (!place || place->service_count == 0);
}

static bool take_device(void *context, const struct ledger_device_row *row)
{
    struct batch *batch = context;
    struct measured *measured;

    if (row->kind == POWER_DEVICE_SOURCE)
        return true;
    measured = measured_at(batch, row->interval_start);
    batch->failed = !measured;
    if (!measured)
        return false;
    add_device(measured, hostconfig_device(batch->host, row->name), row);
    if (row->kind == POWER_DEVICE_HOST)
        measured->host_ns += row->covered_ns;
    if (row->covered_ns > measured->longest_ns)
        measured->longest_ns = row->covered_ns;
    return true;
}

static bool take_use(void *context, const struct ledger_use_row *row)
{
    struct batch *batch = context;
    const struct host_weights *weights = hostconfig_weights(batch->host, row->service);
    struct used *array = grown(batch->used, batch->used_count, sizeof(*array));

    batch->failed = !array;
    if (!array)
        return false;
    batch->used = array;
    array[batch->used_count++] = (struct used){
        .interval_start = row->interval_start,
        .direction = row->direction_id,
        .service = row->service_id,
        .counted = servercounts_find(batch->counts, row->service),
        .is_placed = weights != NULL,
        .requests = row->requests,
        .use = {.service = weights ? (size_t)(weights - batch->host->weights) : HOST_SERVICES,
                .tokens_in = row->tokens_in,
                .tokens_cached = row->tokens_cached,
                .tokens_out = row->tokens_out},
    };
    return true;
}

static bool take_server(void *context, const struct ledger_server_row *row)
{
    struct batch *batch = context;
    size_t counted = servercounts_find(batch->counts, row->service);
    struct server_counted *array;

    if (counted == SERVERCOUNTS_NONE)
        return true;
    array = grown(batch->server, batch->server_count, sizeof(*array));
    batch->failed = !array;
    if (!array)
        return false;
    batch->server = array;
    array[batch->server_count++] =
        (struct server_counted){row->interval_start,
                                row->direction_id,
                                counted,
                                {(double)row->requests, (double)row->tokens_in,
                                 (double)row->tokens_cached, (double)row->tokens_out}};
    return true;
}

static enum ledger_status read_facts(struct ledger *ledger, struct batch *batch, int64_t from,
                                     int64_t until)
{
    enum ledger_status status;

    batch->measured_count = 0;
    batch->used_count = 0;
    batch->server_count = 0;
    status = ledger_visit_device_energy(ledger, from, until, take_device, batch);
    if (status == LEDGER_OK)
        status = ledger_visit_local_use(ledger, from, until, take_use, batch);
    if (status == LEDGER_OK)
        status = ledger_visit_server_use(ledger, from, until, take_server, batch);
    return batch->failed ? LEDGER_RETRY : status;
}

/* ---- Results ---- */

/* Of the services in the order of host.conf, and of one without weights, after them. */
static void place_services(const struct host_config *host, const struct measured *measured,
                           struct sharing_service services[HOST_SERVICES + 1])
{
    memset(services, 0, (HOST_SERVICES + 1) * sizeof(*services));
    for (size_t i = 0; i < host->weight_count; i++)
        services[i].weights = host->weights[i].weights;
    for (size_t i = 0; measured && i < measured->device_count; i++) {
        const struct host_device *place = measured->places[i];

        for (size_t j = 0; place && j < place->service_count; j++)
            services[hostconfig_weights(host, place->services[j]) - host->weights].devices |=
                UINT64_C(1) << i;
    }
}

static enum ledger_status add_energy(struct ledger *ledger, const struct batch *batch,
                                     int64_t interval_start, int64_t direction, int64_t service,
                                     double energy_j, double host_s)
{
    const struct activity activity = {.energy_j = energy_j, .host_s = host_s};
    struct impact impact = local_impact(&batch->factors, energy_j, host_s);

    return ledger_add_activity(ledger, interval_start, direction, service, batch->factor_set,
                               &activity, &impact);
}

static enum ledger_status add_use(struct ledger *ledger, const struct batch *batch,
                                  const struct used *used, bool is_measured)
{
    enum ledger_status status = ledger_weigh_local_use(
        ledger, used->interval_start, used->direction, used->service, used->use.weight);

    if (status != LEDGER_OK || !is_measured || !used->is_placed)
        return status;
    return add_energy(ledger, batch, used->interval_start, used->direction, used->service,
                      used->use.active_j, 0);
}

static enum ledger_status add_common(struct ledger *ledger, const struct batch *batch,
                                     const struct measured *measured,
                                     const struct sharing_totals *totals)
{
    uint64_t covered_ns = measured->host_ns > 0 ? measured->host_ns : measured->longest_ns;

    return add_energy(ledger, batch, measured->interval_start, batch->unassigned, batch->common,
                      totals->idle_j + totals->pool_j, (double)covered_ns / NS_PER_S);
}

/* ---- What servers counted ---- */

/* The facts of one interval, and what its servers counted beyond them. */
struct interval_uses {
    int64_t interval_start;
    struct used *used;
    size_t count;
};

/* The entry of DIRECTION and SERVICE (the ledger's number), added where there is none. */
static struct used *entry_of(const struct batch *batch, struct interval_uses *uses,
                             int64_t direction, int64_t service, size_t counted)
{
    const char *id = servercounts_service(batch->counts, counted)->id;
    const struct host_weights *weights = hostconfig_weights(batch->host, id);

    for (size_t i = 0; i < uses->count; i++)
        if (uses->used[i].direction == direction && uses->used[i].service == service)
            return &uses->used[i];
    uses->used[uses->count] = (struct used){
        .interval_start = uses->interval_start,
        .direction = direction,
        .service = service,
        .counted = counted,
        .is_placed = weights != NULL,
        .use = {.service = weights ? (size_t)(weights - batch->host->weights) : HOST_SERVICES},
    };
    return &uses->used[uses->count++];
}

/* What only a server counted is recorded like what the wire showed, and shared with it; which of
 * the two it is, stands beside. */
static enum ledger_status add_counted(struct ledger *ledger, const struct batch *batch,
                                      struct interval_uses *uses, int64_t direction, size_t counted,
                                      const struct balance_use *use)
{
    const struct service *service = servercounts_service(batch->counts, counted);
    const struct activity activity =
        balance_activity(use, 0, servercounts_are_use(batch->counts, counted) ? GRADE_A : GRADE_B);
    const struct local_use local_use = balance_local_use(use, 0);
    struct used *entry;
    int64_t number;
    enum ledger_status status = ledger_service(ledger, service->id, service->label, &number);

    if (status == LEDGER_OK)
        status = ledger_add_local_use(ledger, uses->interval_start, direction, number, &local_use);
    if (status == LEDGER_OK)
        status = ledger_add_unseen_use(ledger, uses->interval_start, direction, number, &local_use);
    if (status == LEDGER_OK)
        status = ledger_add_activity(ledger, uses->interval_start, direction, number,
                                     batch->factor_set, &activity, NULL);
    if (status != LEDGER_OK)
        return status;
    entry = entry_of(batch, uses, direction, number, counted);
    entry->use.tokens_in += use->tokens_in;
    entry->use.tokens_cached += use->tokens_cached;
    entry->use.tokens_out += use->tokens_out;
    return LEDGER_OK;
}

static void add_balance_use(struct balance_use *sum, const struct balance_use *use)
{
    sum->requests += use->requests;
    sum->tokens_in += use->tokens_in;
    sum->tokens_cached += use->tokens_cached;
    sum->tokens_out += use->tokens_out;
}

static struct balance_use balance_of_used(const struct used *used)
{
    return (struct balance_use){used->requests, used->use.tokens_in, used->use.tokens_cached,
                                used->use.tokens_out};
}

/* Of one service: what the wire showed, the first SEEN, stands as it is, and what its server is
 * ahead by for good was used by nobody knows whom. */
static enum ledger_status settle_service(struct ledger *ledger, const struct batch *batch,
                                         struct interval_uses *uses, size_t counted, size_t seen,
                                         const struct balance_use *server)
{
    struct balance_use wire = {0};
    struct balance_use excess;

    for (size_t i = 0; i < seen; i++) {
        struct balance_use use = balance_of_used(&uses->used[i]);

        if (uses->used[i].counted == counted)
            add_balance_use(&wire, &use);
    }
    excess = servercounts_settle(batch->counts, counted, uses->interval_start, &wire, server);
    if (balance_is_nothing(&excess))
        return LEDGER_OK;
    return add_counted(ledger, batch, uses, batch->unassigned, counted, &excess);
}

/* ROWS of what servers counted in the interval: themselves, where that is the use, else their sum
 * beside that of the wire. */
static enum ledger_status count_servers(struct ledger *ledger, const struct batch *batch,
                                        struct interval_uses *uses,
                                        const struct server_counted *rows, size_t row_count)
{
    enum ledger_status status = LEDGER_OK;
    size_t seen = uses->count;

    for (size_t i = 0; i < servercounts_count(batch->counts) && status == LEDGER_OK; i++) {
        bool are_use = servercounts_are_use(batch->counts, i);
        struct balance_use server = {0};

        for (size_t j = 0; j < row_count && status == LEDGER_OK; j++) {
            if (rows[j].counted == i && are_use)
                status = add_counted(ledger, batch, uses, rows[j].direction, i, &rows[j].use);
            else if (rows[j].counted == i)
                add_balance_use(&server, &rows[j].use);
        }
        if (!are_use && status == LEDGER_OK)
            status = settle_service(ledger, batch, uses, i, seen, &server);
    }
    return status;
}

/* ---- Shares ---- */

/* MEASURED is NULL when the counters were away. */
static enum ledger_status share_interval(struct ledger *ledger, const struct batch *batch,
                                         const struct measured *measured, struct used *used,
                                         size_t count)
{
    struct sharing_service services[HOST_SERVICES + 1];
    struct sharing_use *uses = calloc(count + 1, sizeof(*uses));
    struct sharing_totals totals;
    enum ledger_status status = LEDGER_OK;

    if (!uses)
        return LEDGER_RETRY;
    place_services(batch->host, measured, services);
    for (size_t i = 0; i < count; i++)
        uses[i] = used[i].use;
    totals = sharing_interval(measured ? measured->devices : NULL,
                              measured ? measured->device_count : 0, services, uses, count);
    for (size_t i = 0; i < count && status == LEDGER_OK; i++) {
        used[i].use = uses[i];
        status = add_use(ledger, batch, &used[i], measured != NULL);
    }
    free(uses);
    if (status == LEDGER_OK && measured)
        status = add_common(ledger, batch, measured, &totals);
    return status;
}

/* Of each list, where the facts of an interval begin. */
struct places {
    size_t measured;
    size_t used;
    size_t server;
};

static enum ledger_status share_next(struct ledger *ledger, const struct batch *batch,
                                     int64_t interval, struct places *at)
{
    struct interval_uses uses = {.interval_start = interval};
    const struct measured *measured = NULL;
    struct places end = *at;
    enum ledger_status status;

    if (end.measured < batch->measured_count &&
        batch->measured[end.measured].interval_start == interval)
        measured = &batch->measured[end.measured++];
    while (end.used < batch->used_count && batch->used[end.used].interval_start == interval)
        end.used++;
    while (end.server < batch->server_count && batch->server[end.server].interval_start == interval)
        end.server++;
    uses.used = calloc(end.used - at->used + end.server - at->server +
                           servercounts_count(batch->counts) + 1,
                       sizeof(*uses.used));
    if (!uses.used)
        return LEDGER_RETRY;
    for (size_t i = at->used; i < end.used; i++)
        uses.used[uses.count++] = batch->used[i];
    status = count_servers(ledger, batch, &uses, batch->server ? &batch->server[at->server] : NULL,
                           end.server - at->server);
    if (status == LEDGER_OK)
        status = share_interval(ledger, batch, measured, uses.used, uses.count);
    free(uses.used);
    *at = end;
    return status;
}

/* Intervals of any list, by time. */
static enum ledger_status share_intervals(struct ledger *ledger, struct batch *batch)
{
    enum ledger_status status = LEDGER_OK;
    struct places at = {0};

    while (status == LEDGER_OK) {
        int64_t interval = INT64_MAX;

        if (at.measured < batch->measured_count)
            interval = batch->measured[at.measured].interval_start;
        if (at.used < batch->used_count && batch->used[at.used].interval_start < interval)
            interval = batch->used[at.used].interval_start;
        if (at.server < batch->server_count && batch->server[at.server].interval_start < interval)
            interval = batch->server[at.server].interval_start;
        if (interval == INT64_MAX)
            break;
        status = share_next(ledger, batch, interval, &at);
    }
    return status;
}

static enum ledger_status number_names(struct ledger *ledger, const struct config *config,
                                       struct batch *batch)
{
    uint16_t number = catalogue_find(config->catalogue, config->host->common);
    const struct service *common = catalogue_service(config->catalogue, number);
    enum ledger_status status = ledger_factor_set(ledger, factors_vintage(config->factors),
                                                  config->digest, &batch->factor_set);

    if (status == LEDGER_OK)
        status = ledger_direction(ledger, directions_get(config->directions, DIRECTION_UNASSIGNED),
                                  &batch->unassigned);
    if (status == LEDGER_OK)
        status = ledger_service(ledger, common->id, common->label, &batch->common);
    return status;
}

static enum ledger_status set_shared_until(struct ledger *ledger, int64_t until)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, until);
    return ledger_set_fact(ledger, SETTLEMENT_FACT, text);
}

static enum ledger_status share_batch(struct ledger *ledger, const struct config *config,
                                      struct batch *batch, int64_t until)
{
    enum ledger_status status = ledger_begin(ledger);

    if (status == LEDGER_OK)
        status = number_names(ledger, config, batch);
    if (status == LEDGER_OK)
        status = share_intervals(ledger, batch);
    if (status == LEDGER_OK)
        status = servercounts_record(batch->counts, ledger);
    if (status == LEDGER_OK)
        status = set_shared_until(ledger, until);
    if (status == LEDGER_OK)
        status = ledger_commit(ledger);
    if (status != LEDGER_OK)
        ledger_rollback(ledger);
    return status;
}

enum ledger_status settlement_shared_until(struct ledger *ledger, int64_t *shared_until)
{
    char text[32];
    enum ledger_status status = ledger_fact(ledger, SETTLEMENT_FACT, text, sizeof(text));

    if (status == LEDGER_OK)
        *shared_until = strtoll(text, NULL, 10);
    return status;
}

/* Where the next interval with facts is, or UNTIL. */
static enum ledger_status find_next(struct ledger *ledger, int64_t until, int64_t *next)
{
    enum ledger_status status = settlement_shared_until(ledger, next);

    if (status == LEDGER_EMPTY)
        *next = INT64_MIN;
    else if (status != LEDGER_OK)
        return status;
    if (*next >= until)
        return LEDGER_OK;
    status = ledger_next_host_interval(ledger, *next, next);
    if (status == LEDGER_EMPTY || (status == LEDGER_OK && *next > until))
        *next = until;
    return status == LEDGER_EMPTY ? LEDGER_OK : status;
}

static enum ledger_status share_all(struct ledger *ledger, const struct config *config,
                                    struct batch *batch, int64_t until)
{
    int64_t shared_until = INT64_MIN, next;
    enum ledger_status status;

    for (;;) {
        int64_t end = until;

        status = settlement_shared_until(ledger, &shared_until);
        if ((status != LEDGER_OK && status != LEDGER_EMPTY) || shared_until >= until)
            return status == LEDGER_EMPTY ? LEDGER_OK : status;
        status = find_next(ledger, until, &next);
        if (status == LEDGER_OK && next < until - BATCH_S)
            end = next + BATCH_S;
        if (status == LEDGER_OK)
            status = read_facts(ledger, batch, next, end);
        if (status == LEDGER_OK)
            status = share_batch(ledger, config, batch, end);
        if (status != LEDGER_OK)
            return status;
    }
}

enum ledger_status settlement_run(struct ledger *ledger, const struct config *config, int64_t until)
{
    struct batch batch = {.host = config->host};
    enum ledger_status status = LEDGER_OK;

    /* A zone that is not there is refused when the configuration is read. */
    if (!local_factors_resolve(config->host, config->factors, &batch.factors)) {
        batch.counts = servercounts_open(ledger, config, &status);
        if (batch.counts)
            status = share_all(ledger, config, &batch, until);
    }
    servercounts_close(batch.counts);
    free(batch.measured);
    free(batch.used);
    free(batch.server);
    return status;
}
