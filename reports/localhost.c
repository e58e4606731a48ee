/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/localhost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/inference/scrapername.h"
#include "daemon/calendar.h"
#include "daemon/settlement.h"

#define NS_PER_S 1e9
#define DAY_S    86400
/* How long before the month a device that is away in it may have been measured last. */
#define ABSENT_S (31 * DAY_S)
#define PERCENT  100

/* ---- Facts ---- */

struct reading {
    const struct config *whole;
    struct localhost *host;
    int64_t shared_until;
    int64_t interval_start; /* of the measurements that follow */
    uint64_t host_ns;
    uint64_t longest_ns;
    bool failed; /* out of memory */
};

/* ITEMS, of COUNT elements of SIZE bytes, with room for one more, which is cleared; NULL without
 * memory. */
static void *grow(void *items, size_t count, size_t size)
{
    char *grown = reallocarray(items, count + 1, size);

    if (grown)
        memset(grown + count * size, 0, size);
    return grown;
}

static struct localhost_device *device_of(struct localhost *host,
                                          const struct ledger_device_row *row)
{
    struct localhost_device *devices;

    for (size_t i = 0; i < host->device_count; i++)
        if (strcmp(host->devices[i].name, row->name) == 0)
            return &host->devices[i];
    devices = grow(host->devices, host->device_count, sizeof(*devices));
    if (!devices)
        return NULL;
    host->devices = devices;
    devices += host->device_count++;
    snprintf(devices->name, sizeof(devices->name), "%s", row->name);
    devices->kind = row->kind;
    return devices;
}

static struct localhost_service *service_of(struct localhost *host, const char *id)
{
    struct localhost_service *services;

    for (size_t i = 0; i < host->service_count; i++)
        if (strcmp(host->services[i].id, id) == 0)
            return &host->services[i];
    services = grow(host->services, host->service_count, sizeof(*services));
    if (!services)
        return NULL;
    host->services = services;
    services += host->service_count++;
    snprintf(services->id, sizeof(services->id), "%s", id);
    return services;
}

static struct localhost_direction *direction_of(struct localhost *host, const char *id)
{
    struct localhost_direction *directions;

    for (size_t i = 0; i < host->direction_count; i++)
        if (strcmp(host->directions[i].id, id) == 0)
            return &host->directions[i];
    directions = grow(host->directions, host->direction_count, sizeof(*directions));
    if (!directions)
        return NULL;
    host->directions = directions;
    directions += host->direction_count++;
    snprintf(directions->id, sizeof(directions->id), "%s", id);
    return directions;
}

/* As it is shared: the time of what is not a GPU, or the longest of any. */
static void end_interval(struct reading *reading)
{
    uint64_t ns = reading->host_ns > 0 ? reading->host_ns : reading->longest_ns;

    reading->host->measured_s += (double)ns / NS_PER_S;
    reading->host_ns = reading->longest_ns = 0;
}

static void add_flags(struct localhost_device *device, const struct ledger_device_row *row)
{
    double covered_s = (double)row->covered_ns / NS_PER_S;

    device->flags |= row->flags;
    device->covered_s += covered_s;
    device->lower_bound_s += row->flags & ENERGY_LOWER_BOUND ? covered_s : 0;
    device->ambiguous_s += row->flags & ENERGY_AMBIGUOUS ? covered_s : 0;
    device->exceeded_s += row->flags & ENERGY_EXCEEDED ? covered_s : 0;
    device->carried_j += row->carried_j;
}

static void add_measured(struct reading *reading, const struct ledger_device_row *row)
{
    if (row->interval_start != reading->interval_start)
        end_interval(reading);
    reading->interval_start = row->interval_start;
    reading->host->energy_j += row->energy_j;
    reading->host->idle_j += row->idle_j;
    if (row->kind == POWER_DEVICE_HOST)
        reading->host_ns += row->covered_ns;
    if (row->covered_ns > reading->longest_ns)
        reading->longest_ns = row->covered_ns;
}

static bool visit_device(void *context, const struct ledger_device_row *row)
{
    struct reading *reading = context;
    struct localhost_device *device;

    if (row->interval_start >= reading->shared_until) {
        if (row->kind != POWER_DEVICE_SOURCE)
            reading->host->pending_j += row->energy_j;
        return true;
    }
    device = device_of(reading->host, row);
    reading->failed |= !device;
    if (!device)
        return false;
    device->energy_j += row->energy_j;
    device->idle_j += row->idle_j;
    add_flags(device, row);
    if (row->kind != POWER_DEVICE_SOURCE)
        add_measured(reading, row);
    return true;
}

static bool visit_use(void *context, const struct ledger_use_row *row)
{
    struct reading *reading = context;
    struct localhost_service *service = service_of(reading->host, row->service);
    struct localhost_direction *direction = direction_of(reading->host, row->direction);

    reading->failed |= !service || !direction;
    if (!service || !direction)
        return false;
    service->requests += row->requests;
    service->tokens_in += row->tokens_in;
    service->tokens_cached += row->tokens_cached;
    service->tokens_out += row->tokens_out;
    service->weight += row->weight;
    direction->weight += row->weight;
    reading->host->weight += row->weight;
    return true;
}

static bool visit_server(void *context, const struct ledger_server_row *row)
{
    struct reading *reading = context;
    struct localhost_service *service = service_of(reading->host, row->service);

    reading->failed |= !service;
    if (!service)
        return false;
    service->has_server = true;
    service->server_requests += (double)row->requests;
    service->server_tokens_in += (double)row->tokens_in;
    service->server_tokens_cached += (double)row->tokens_cached;
    service->server_tokens_out += (double)row->tokens_out;
    return true;
}

static bool visit_unseen(void *context, const struct ledger_use_row *row)
{
    struct reading *reading = context;
    struct localhost_service *service = service_of(reading->host, row->service);

    reading->failed |= !service;
    if (!service)
        return false;
    service->unseen_requests += row->requests;
    service->unseen_tokens_in += row->tokens_in;
    service->unseen_tokens_cached += row->tokens_cached;
    service->unseen_tokens_out += row->tokens_out;
    return true;
}

static bool visit_source(void *context, const struct ledger_source_day *row)
{
    struct reading *reading = context;
    const struct inference_config *inference = &reading->whole->inference;

    for (unsigned i = 0; i < inference->server_count; i++) {
        char name[SCRAPERNAME_SIZE];

        scrapername_of(inference->scrapes[i].url, name);
        if (strcmp(name, row->source) != 0)
            continue;
        reading->host->restarts[i] += row->restarts;
        break;
    }
    return true;
}

static void mark_server(struct localhost *host, const struct config *config, unsigned server,
                        uint16_t number)
{
    const struct service *found = catalogue_service(config->catalogue, number);

    for (size_t i = 0; found && i < host->service_count; i++)
        if (strcmp(host->services[i].id, found->id) == 0)
            host->services[i].servers |= UINT32_C(1) << server;
}

/* A server's services are its own and those of its models. */
static void mark_servers(struct localhost *host, const struct config *config)
{
    const struct inference_config *inference = &config->inference;

    for (unsigned i = 0; i < inference->server_count; i++) {
        mark_server(host, config, i, inference->servers[i].service);
        for (unsigned j = 0; j < inference->model_count; j++)
            if (inference->models[j].port == inference->servers[i].port)
                mark_server(host, config, i, inference->models[j].service);
    }
}

static void mark_use_of_servers(struct localhost *host, const struct config *config)
{
    for (size_t i = 0; i < host->service_count; i++)
        host->services[i].server_is_use = inferenceconfig_server_is_use(
            &config->inference, config->catalogue, host->services[i].id);
}

/* One that was measured before, and was away for all of the month. */
static bool visit_earlier(void *context, const struct ledger_device_row *row)
{
    struct reading *reading = context;

    reading->failed |= !device_of(reading->host, row);
    return !reading->failed;
}

/* There are no rows of it, which no reader would notice. */
static enum ledger_status add_absent(struct ledger *ledger, struct reading *reading, int64_t from)
{
    return ledger_visit_last_energy(ledger, from - ABSENT_S, from, visit_earlier, reading);
}

static bool read_facts(struct ledger *ledger, struct reading *reading, int64_t from, int64_t until)
{
    enum ledger_status status = settlement_shared_until(ledger, &reading->shared_until);

    if (status == LEDGER_EMPTY)
        reading->shared_until = INT64_MIN;
    else if (status != LEDGER_OK)
        return false;
    status = ledger_visit_device_energy(ledger, from, until, visit_device, reading);
    end_interval(reading);
    if (status == LEDGER_OK)
        status = add_absent(ledger, reading, from);
    if (status == LEDGER_OK)
        status = ledger_visit_local_use(ledger, from, until, visit_use, reading);
    if (status == LEDGER_OK)
        status = ledger_visit_server_use(ledger, from, until, visit_server, reading);
    if (status == LEDGER_OK)
        status = ledger_visit_unseen_use(ledger, from, until, visit_unseen, reading);
    if (status == LEDGER_OK)
        status =
            ledger_visit_source_days(ledger, (int32_t)(from / DAY_S),
                                     (int32_t)((until + DAY_S - 1) / DAY_S), visit_source, reading);
    mark_servers(reading->host, reading->whole);
    mark_use_of_servers(reading->host, reading->whole);
    return status == LEDGER_OK && !reading->failed;
}

/* ---- Keys ---- */

static bool add_entitlements(struct localhost *host)
{
    for (size_t i = 0; i < host->period->count; i++) {
        const struct host_entitlement *given = &host->period->entitlements[i];
        struct localhost_direction *direction = direction_of(host, given->direction);

        if (!direction)
            return false;
        direction->entitlement = given->share;
    }
    return true;
}

/* Of one key: USAGE_SHARE of it by use. */
static bool fill_key(struct localhost *host, enum sharing_key_kind key, double usage_share)
{
    size_t count = host->direction_count;
    double *weights = calloc(count + 1, sizeof(*weights));
    double *entitlements = calloc(count + 1, sizeof(*entitlements));
    double *shares = calloc(count + 1, sizeof(*shares));
    bool filled = weights && entitlements && shares;

    for (size_t i = 0; filled && i < count; i++) {
        weights[i] = host->directions[i].weight;
        entitlements[i] = host->directions[i].entitlement;
    }
    if (filled)
        host->rest[key] = sharing_key(usage_share, weights,
                                      key == SHARING_USAGE ? NULL : entitlements, count, shares);
    for (size_t i = 0; filled && i < count; i++)
        host->directions[i].shares[key] = shares[i];
    host->has_key[key] = filled;
    free(weights);
    free(entitlements);
    free(shares);
    return filled;
}

static bool fill_keys(struct localhost *host)
{
    const struct host_period *period = host->period;
    bool filled = add_entitlements(host) && fill_key(host, SHARING_USAGE, 1);

    if (filled && period->count > 0)
        filled = fill_key(host, SHARING_ENTITLEMENT, 0);
    if (filled && period->key == SHARING_HYBRID)
        filled = fill_key(host, SHARING_HYBRID, period->usage_share);
    return filled;
}

/* ---- All of it ---- */

/* *OUT stays NULL where nothing was recorded. */
static bool finish(struct localhost *host, bool is_read, struct localhost **out)
{
    bool is_there = host->device_count > 0 || host->service_count > 0 || host->pending_j > 0;

    if (is_read && is_there && fill_keys(host)) {
        *out = host;
        return true;
    }
    localhost_free(host);
    return is_read && !is_there;
}

static struct localhost *new_host(const struct config *config, int64_t from)
{
    struct localhost *host = calloc(1, sizeof(*host));

    if (!host)
        return NULL;
    host->config = config->host;
    host->period = hostconfig_period(config->host, from);
    return host;
}

bool localhost_read(struct ledger *ledger, const struct config *config, int64_t from, int64_t until,
                    struct localhost **out)
{
    struct reading reading = {.whole = config, .interval_start = INT64_MIN};

    *out = NULL;
    if (!config->host)
        return true;
    reading.host = new_host(config, from);
    return reading.host && finish(reading.host, read_facts(ledger, &reading, from, until), out);
}

bool localhost_read_shares(struct ledger *ledger, const struct config *config, int64_t from,
                           int64_t until, struct localhost **out)
{
    struct reading reading = {.host = NULL};
    enum ledger_status status;

    *out = NULL;
    if (!config->host)
        return true;
    reading.host = new_host(config, from);
    if (!reading.host)
        return false;
    status = ledger_visit_local_use(ledger, from, until, visit_use, &reading);
    if (status == LEDGER_OK && !reading.failed && fill_keys(reading.host)) {
        *out = reading.host;
        return true;
    }
    localhost_free(reading.host);
    return false;
}

void localhost_free(struct localhost *host)
{
    if (!host)
        return;
    free(host->devices);
    free(host->services);
    free(host->directions);
    free(host);
}

bool localhost_is_common(const struct config *config, const char *service)
{
    return config->host && strcmp(config->host->common, service) == 0;
}

bool localhost_is_local(const struct config *config, const char *service)
{
    uint16_t number;

    if (!config->host || !config->catalogue)
        return false;
    number = catalogue_find(config->catalogue, service);
    return number != SERVICE_NONE && catalogue_service(config->catalogue, number)->local;
}

const struct localhost_direction *localhost_direction(const struct localhost *host,
                                                      const char *direction)
{
    for (size_t i = 0; i < host->direction_count; i++)
        if (strcmp(host->directions[i].id, direction) == 0)
            return &host->directions[i];
    return NULL;
}

const struct localhost_service *localhost_service(const struct localhost *host, const char *service)
{
    for (size_t i = 0; i < host->service_count; i++)
        if (strcmp(host->services[i].id, service) == 0)
            return &host->services[i];
    return NULL;
}

/* ---- Wire and server ---- */

const char *localhost_count_name(size_t quantity)
{
    static const char *const names[LOCALHOST_COUNTS] = {"requests", "tokens_in", "tokens_cached",
                                                        "tokens_out"};

    return names[quantity];
}

static void add_count(const struct localhost_service *service, size_t quantity,
                      struct localhost_count *out)
{
    const double used[] = {service->requests, service->tokens_in, service->tokens_cached,
                           service->tokens_out};
    const double unseen[] = {service->unseen_requests, service->unseen_tokens_in,
                             service->unseen_tokens_cached, service->unseen_tokens_out};
    const double server[] = {service->server_requests, service->server_tokens_in,
                             service->server_tokens_cached, service->server_tokens_out};

    out->wire += fmax(used[quantity] - unseen[quantity], 0);
    out->unseen += unseen[quantity];
    out->server += server[quantity];
    out->is_compared &= service->has_server && !service->server_is_use && server[quantity] > 0;
}

struct localhost_count localhost_count(const struct localhost *host,
                                       const struct localhost_service *services, size_t count,
                                       size_t quantity)
{
    struct localhost_count out = {.is_compared = count > 0};

    for (size_t i = 0; i < count; i++)
        add_count(&services[i], quantity, &out);
    if (out.is_compared)
        out.verdict =
            balance_judge(out.wire, out.server, localhost_restarts(host, services, count));
    return out;
}

uint64_t localhost_restarts(const struct localhost *host, const struct localhost_service *services,
                            size_t count)
{
    uint64_t restarts = 0;
    uint32_t servers = 0;

    for (size_t i = 0; i < count; i++)
        servers |= services[i].servers;
    for (unsigned i = 0; i < INFERENCE_MAX_PORTS; i++)
        if (servers >> i & 1)
            restarts += host->restarts[i];
    return restarts;
}

double localhost_count_percent(const struct localhost_count *count)
{
    return count->is_compared ? PERCENT * (count->wire - count->server) / count->server : NAN;
}

double localhost_share(const struct localhost *host, const char *direction)
{
    const struct localhost_direction *found = localhost_direction(host, direction);

    return found ? found->shares[host->period->key] : 0;
}

/* ---- From devices to one direction ---- */

/* One interval at a time: its measurements, and who used the host meanwhile. */
struct replay {
    const struct localhost *host;
    localhost_filter *includes;
    const void *context;
    struct localhost_part *parts;
    struct sharing_device *devices; /* by number of HOST's */
    struct sharing_service services[HOST_SERVICES + 1];
    struct sharing_use *uses;
    bool *included;
    size_t use_count;
    bool failed;
};

static size_t number_of_device(const struct localhost *host, const char *name)
{
    size_t i = 0;

    while (i < host->device_count && strcmp(host->devices[i].name, name) != 0)
        i++;
    return i;
}

/* By recorded weights: a use is so many tokens put out, which weigh 1. */
static void place_services(struct replay *replay)
{
    const struct host_config *config = replay->host->config;

    for (size_t i = 0; i < config->weight_count; i++)
        replay->services[i].weights.output = 1;
    for (size_t i = 0; i < replay->host->device_count; i++) {
        const struct host_device *place = hostconfig_device(config, replay->host->devices[i].name);

        for (size_t j = 0; place && j < place->service_count; j++)
            replay->services[hostconfig_weights(config, place->services[j]) - config->weights]
                .devices |= UINT64_C(1) << i;
    }
}

static bool take_measured(void *context, const struct ledger_device_row *row)
{
    struct replay *replay = context;
    size_t number = number_of_device(replay->host, row->name);
    const struct host_device *place = hostconfig_device(replay->host->config, row->name);

    if (number == replay->host->device_count || row->kind == POWER_DEVICE_SOURCE)
        return true;
    replay->devices[number].energy_j += row->energy_j;
    replay->devices[number].idle_j += row->idle_j;
    replay->devices[number].follows =
        row->kind == POWER_DEVICE_HOST && (!place || place->service_count == 0);
    return true;
}

static bool take_use(void *context, const struct ledger_use_row *row)
{
    struct replay *replay = context;
    const struct host_config *config = replay->host->config;
    const struct host_weights *weights = hostconfig_weights(config, row->service);
    struct sharing_use *uses =
        reallocarray(replay->uses, replay->use_count + 1, sizeof(*replay->uses));
    bool *included;

    if (uses)
        replay->uses = uses;
    included = reallocarray(replay->included, replay->use_count + 1, sizeof(*replay->included));
    if (included)
        replay->included = included;
    replay->failed |= !uses || !included;
    if (replay->failed)
        return false;
    uses[replay->use_count] = (struct sharing_use){
        .service = weights ? (size_t)(weights - config->weights) : HOST_SERVICES,
        .tokens_out = row->weight};
    included[replay->use_count++] = replay->includes(replay->context, row->direction, row->service);
    return true;
}

/* What the uses get when only the devices in MASK drew anything: of those included, and of all. */
static void share_masked(struct replay *replay, uint64_t mask, double *included_j, double *all_j)
{
    struct sharing_device devices[MAX_POWER_DEVICES] = {{0}};

    *included_j = *all_j = 0;
    for (size_t i = 0; i < replay->host->device_count; i++)
        if (mask >> i & 1)
            devices[i] = replay->devices[i];
    sharing_interval(devices, replay->host->device_count, replay->services, replay->uses,
                     replay->use_count);
    for (size_t i = 0; i < replay->use_count; i++) {
        *all_j += replay->uses[i].active_j;
        if (replay->included[i])
            *included_j += replay->uses[i].active_j;
    }
}

/* Each device that services stand on alone; what follows them is the difference to all together. */
static void share_parts(struct replay *replay)
{
    double followers_j = 0, included_j, all_j, sum_included_j = 0, sum_j = 0;

    for (size_t i = 0; i < replay->host->device_count; i++) {
        const struct sharing_device *device = &replay->devices[i];

        replay->parts[i].active_j += device->energy_j - device->idle_j;
        if (device->follows) {
            followers_j += device->energy_j - device->idle_j;
            continue;
        }
        share_masked(replay, UINT64_C(1) << i, &included_j, &all_j);
        replay->parts[i].used_j += all_j;
        replay->parts[i].share_j += included_j;
        sum_included_j += included_j;
        sum_j += all_j;
    }
    share_masked(replay, UINT64_MAX, &included_j, &all_j);
    for (size_t i = 0; followers_j > 0 && i < replay->host->device_count; i++) {
        const struct sharing_device *device = &replay->devices[i];
        double part = (device->energy_j - device->idle_j) / followers_j;

        if (!device->follows)
            continue;
        replay->parts[i].used_j += part * (all_j - sum_j);
        replay->parts[i].share_j += part * (included_j - sum_included_j);
    }
}

static enum ledger_status replay_interval(struct ledger *ledger, struct replay *replay,
                                          int64_t interval_start)
{
    int64_t end = interval_start + INTERVAL_S;
    enum ledger_status status;

    memset(replay->devices, 0, MAX_POWER_DEVICES * sizeof(*replay->devices));
    replay->use_count = 0;
    status = ledger_visit_device_energy(ledger, interval_start, end, take_measured, replay);
    if (status == LEDGER_OK)
        status = ledger_visit_local_use(ledger, interval_start, end, take_use, replay);
    if (status == LEDGER_OK)
        share_parts(replay);
    return status;
}

bool localhost_replay(struct ledger *ledger, const struct localhost *host, int64_t from,
                      int64_t until, localhost_filter *includes, const void *context,
                      struct localhost_part *parts)
{
    struct replay replay = {.host = host, .includes = includes, .context = context, .parts = parts};
    enum ledger_status status = host->device_count <= MAX_POWER_DEVICES ? LEDGER_OK : LEDGER_FATAL;
    int64_t shared_until = INT64_MIN;

    memset(parts, 0, host->device_count * sizeof(*parts));
    replay.devices = calloc(MAX_POWER_DEVICES, sizeof(*replay.devices));
    replay.failed = !replay.devices;
    if (status == LEDGER_OK)
        place_services(&replay);
    if (status == LEDGER_OK && settlement_shared_until(ledger, &shared_until) == LEDGER_OK &&
        shared_until < until)
        until = shared_until;
    while (!replay.failed && status == LEDGER_OK) {
        int64_t next;

        status = ledger_next_host_interval(ledger, from, &next);
        if (status != LEDGER_OK || next >= until)
            break;
        status = replay_interval(ledger, &replay, next);
        from = next + INTERVAL_S;
    }
    free(replay.devices);
    free(replay.uses);
    free(replay.included);
    return !replay.failed && (status == LEDGER_OK || status == LEDGER_EMPTY);
}
