/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/meter.h"

#include "daemon/calendar.h"
#include "daemon/calibrationuse.h"
#include "daemon/log.h"
#include "daemon/servicefactors.h"
#include "daemon/settlement.h"
#include "daemon/sourcestates.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What may wait for a ledger that cannot be written: about an hour of a large authority. Beyond it
 * the sockets are left full, so that the capture processes hold their sums back in turn. */
#define MAX_ENTRIES     32768
#define FULL_ENTRIES    (MAX_ENTRIES - 8192)
#define MAX_FACTOR_SETS 16
#define MAX_UNSHOWN     256
#define LONGEST_DELAY_S 60
#define REPLAY_SHOWN_S  1 /* how often a replay brings the RRDs up to date */
#define WORKERS         (MAX_CAPTURES + 1)
/* Names of devices since the start: of cards that come and go, and those of the counters after a
 * restart. */
#define MAX_DEVICE_NAMES (4 * MAX_POWER_DEVICES)
#define UNKNOWN_ID       (-1)

/* One message, with what this process added to it. */
struct entry {
    uint32_t type;
    uint16_t worker;
    uint16_t factor_set;
    bool complete; /* its interval was closed by its worker */
    bool has_impact;
    int64_t interval_start;
    union {
        struct activity activity;
        struct device_count devices;
        struct coverage coverage;
        struct local_use use;
        struct server_use server_use;
        struct device_energy energy; /* its device is a number of ours */
    } body;
    struct impact impact;
    double idle_j;
};

struct named_service {
    bool known;
    char id[SERVICE_ID_SIZE];
    char label[SERVICE_LABEL_SIZE];
    struct service_factors factors;
    int64_t ledger_id;
    bool is_unplaced; /* used at the host, but not in host.conf: said once */
};

struct named_device {
    struct power_device device;
    int64_t ledger_id;
};

struct named_direction {
    bool known;
    struct direction direction;
    int64_t ledger_id;
};

struct factor_set {
    char vintage[64];
    uint64_t digest;
    int64_t ledger_id;
};

struct worker {
    bool alive;
    int64_t last_closed;
    int64_t open_since; /* exchanges that are still open began then or later */
};

/* What capture processes say of a calibrated service; the last one that knows counts. */
enum drift_state { DRIFT_UNKNOWN, DRIFT_NO, DRIFT_YES };

struct meter {
    const struct config *config;
    struct ledger *ledger;
    struct roundrobin *roundrobin;
    struct named_service services[MAX_SERVICES];
    struct named_direction directions[MAX_DIRECTIONS];
    uint8_t drift[MAX_SERVICES][TRANSPORT_COUNT][ESTIMATOR_WAYS]; /* enum drift_state */
    bool drift_changed;
    int64_t drift_at_s; /* when to try to record it */
    char interfaces[INTERFACES_SIZE];
    bool interfaces_changed;
    int64_t interfaces_at_s; /* the same */
    bool calibrations_noted; /* which are in use, since the configuration was read */
    bool is_replay;
    int64_t show_at_s; /* of a replay: when the RRDs are brought up to date next, INT64_MAX: not
                          said yet */
    int64_t replayed_since; /* of a replay: its intervals since the configuration was read */
    int64_t replayed_until;
    struct factor_set factor_sets[MAX_FACTOR_SETS];
    size_t factor_set_count;
    struct entry *entries;
    size_t entry_count;
    size_t complete_count;
    struct worker workers[WORKERS];
    int64_t latest_closed; /* by any of them */
    /* Each is kept for good, since what waits has its number here. */
    struct named_device devices[MAX_DEVICE_NAMES];
    size_t device_count;
    /* By the numbers of the counters process that lives: 0 none, 1 the first of those above. */
    uint16_t device_numbers[MAX_POWER_DEVICES];
    struct source_states sources;
    int64_t sources_at_s; /* when to try to record them */
    /* Up to where energy was shared: what comes of before is of the first interval after.
     * INT64_MIN: nothing was. */
    int64_t shared_until;
    unsigned captures;
    /* Intervals that are in the ledger but not in the RRDs, ascending. */
    int64_t unshown[MAX_UNSHOWN];
    size_t unshown_count;
    bool catch_up; /* too many to remember: the RRDs find out themselves */
    int64_t retry_at_s;
    int64_t retry_delay_s;
    struct log_damper ledger_damper;
    struct log_damper roundrobin_damper;
};

struct meter *meter_new(const struct config *config, struct ledger *ledger,
                        struct roundrobin *roundrobin)
{
    struct meter *meter = calloc(1, sizeof(*meter));

    if (!meter)
        return NULL;
    meter->ledger = ledger;
    meter->roundrobin = roundrobin;
    meter->captures = 1;
    meter->latest_closed = INT64_MIN;
    if (settlement_shared_until(ledger, &meter->shared_until) != LEDGER_OK)
        meter->shared_until = INT64_MIN;
    meter->entries = calloc(MAX_ENTRIES, sizeof(*meter->entries));
    if (!meter->entries) {
        meter_free(meter);
        return NULL;
    }
    meter_set_config(meter, config);
    return meter;
}

void meter_free(struct meter *meter)
{
    if (!meter)
        return;
    for (size_t i = 0; i < MAX_SERVICES; i++)
        service_factors_free(&meter->services[i].factors);
    free(meter->entries);
    free(meter);
}

static void add_factor_set(struct meter *meter, const struct config *config)
{
    struct factor_set *set;

    /* A set that waits is used by waiting entries: with all places taken, the last one is reused,
     * and only the digest that explains a few minutes is lost. */
    if (meter->factor_set_count < MAX_FACTOR_SETS)
        meter->factor_set_count++;
    set = &meter->factor_sets[meter->factor_set_count - 1];
    snprintf(set->vintage, sizeof(set->vintage), "%s", factors_vintage(config->factors));
    set->digest = config->digest;
    set->ledger_id = UNKNOWN_ID;
}

/* By the service's id: the number is that of the capture processes. */
static void look_up_factors(const struct config *config, struct named_service *named)
{
    uint16_t number = catalogue_find(config->catalogue, named->id);
    const char *missing;

    service_factors_free(&named->factors);
    if (number == SERVICE_NONE)
        return;
    missing = service_factors_resolve(config->factors, config->catalogue, number, &named->factors);
    if (missing)
        log_line(LOG_PRIORITY_ERROR, "service %s: %s: its impact is not estimated", named->id,
                 missing);
}

/* The names come again by message, but sums may come before them: none may be multiplied by factors
 * of the old configuration, which its owner frees. */
void meter_set_config(struct meter *meter, const struct config *config)
{
    meter->config = config;
    memset(meter->drift, 0, sizeof(meter->drift));
    meter->drift_changed = false;
    meter->calibrations_noted = false;
    meter->replayed_since = INT64_MAX;
    meter->show_at_s = INT64_MAX;
    meter->replayed_until = INT64_MIN;
    if (meter->entry_count == 0)
        meter->factor_set_count = 0;
    add_factor_set(meter, config);
    for (size_t i = 0; i < MAX_SERVICES; i++)
        if (meter->services[i].known)
            look_up_factors(config, &meter->services[i]);
}

static bool take_device(struct meter *meter, const struct message *message)
{
    const struct power_device *device = &message->body.device;
    size_t number = 0;

    while (number < meter->device_count &&
           strcmp(meter->devices[number].device.name, device->name) != 0)
        number++;
    if (number == MAX_DEVICE_NAMES)
        return false;
    if (number == meter->device_count) {
        meter->device_count++;
        if (meter->config->host && device->kind != POWER_DEVICE_SOURCE &&
            !hostconfig_device(meter->config->host, device->name))
            log_line(LOG_PRIORITY_WARNING,
                     "device %s is measured, but not in %s: none of its energy is idle",
                     device->name, meter->config->host->path);
    }
    meter->devices[number] = (struct named_device){*device, UNKNOWN_ID};
    meter->device_numbers[message->number] = (uint16_t)(number + 1);
    return true;
}

static bool take_service(struct meter *meter, const struct message *message)
{
    struct named_service *named = &meter->services[message->number];
    const struct service *service = &message->body.service;

    named->known = true;
    named->ledger_id = UNKNOWN_ID;
    snprintf(named->id, sizeof(named->id), "%s", service->id);
    snprintf(named->label, sizeof(named->label), "%s", service->label);
    look_up_factors(meter->config, named);
    return true;
}

static bool take_direction(struct meter *meter, const struct message *message)
{
    struct named_direction *named = &meter->directions[message->number];

    named->known = true;
    named->direction = message->body.direction;
    named->ledger_id = UNKNOWN_ID;
    return true;
}

/* The last interval that every capture process has closed. */
static int64_t closed_by_all(const struct meter *meter)
{
    int64_t closed = INT64_MAX;

    for (size_t i = 0; i < MAX_CAPTURES; i++)
        if (meter->workers[i].alive && meter->workers[i].last_closed < closed)
            closed = meter->workers[i].last_closed;
    return closed;
}

/* -- Sums in ---------------------------------------------------------------------------------- */

static struct entry *new_entry(struct meter *meter, unsigned worker, const struct message *message)
{
    struct entry *entry = &meter->entries[meter->entry_count++];

    memset(entry, 0, sizeof(*entry));
    entry->type = message->type;
    entry->worker = (uint16_t)worker;
    entry->interval_start = message->interval_start;
    entry->factor_set = (uint16_t)(meter->factor_set_count - 1);
    meter->workers[worker].alive = true;
    return entry;
}

static void take_activity(struct meter *meter, unsigned worker, const struct message *message)
{
    struct entry *entry = new_entry(meter, worker, message);
    const struct activity *activity = &message->body.activity;
    const struct mix_factors *mix =
        service_factors_at(&meter->services[activity->service_id].factors, message->interval_start);

    entry->body.activity = *activity;
    entry->has_impact = mix != NULL;
    entry->impact = mix_impact(mix, activity->requests, activity->tokens_in, activity->tokens_out);
}

/* Of intervals that are shared already nothing can be added: it counts in the first that is not. */
static int64_t unshared(const struct meter *meter, int64_t interval_start)
{
    return interval_start < meter->shared_until ? meter->shared_until : interval_start;
}

static void take_use(struct meter *meter, unsigned worker, const struct message *message)
{
    struct named_service *service = &meter->services[message->body.use.service_id];
    const struct host_config *host = meter->config->host;

    new_entry(meter, worker, message)->body.use = message->body.use;
    if (!host || service->is_unplaced || hostconfig_weights(host, service->id))
        return;
    service->is_unplaced = true;
    log_line(LOG_PRIORITY_WARNING,
             "service %s is used, but has no weights in %s: it gets no energy", service->id,
             host->path);
}

static void take_energy(struct meter *meter, const struct message *message)
{
    const struct host_config *host = meter->config->host;
    struct entry *entry = new_entry(meter, METER_COUNTERS, message);
    struct device_energy *energy = &entry->body.energy;
    const struct power_device *device;
    const struct host_device *place;

    *energy = message->body.energy;
    energy->device_id = (uint16_t)(meter->device_numbers[energy->device_id] - 1);
    device = &meter->devices[energy->device_id].device;
    place = host ? hostconfig_device(host, device->name) : NULL;
    if (place && device->kind != POWER_DEVICE_SOURCE)
        entry->idle_j = sharing_idle_j(energy->energy_j, place->idle_w, energy->covered_ns);
}

/* Of the time of all captures. The shares add up to the nanosecond. */
static uint64_t share_of(const struct meter *meter, unsigned worker, uint64_t covered_ns)
{
    uint64_t number = worker % meter->captures;

    return covered_ns * (number + 1) / meter->captures - covered_ns * number / meter->captures;
}

/* MESSAGE is of the end of an interval, and the last entry, which is completed too. */
static void complete(struct meter *meter, unsigned worker, const struct message *message)
{
    struct worker *closing = &meter->workers[worker];

    closing->last_closed = message->interval_start;
    closing->open_since = message->interval_start + INTERVAL_S - (int64_t)message->number;
    if (meter->latest_closed < message->interval_start)
        meter->latest_closed = message->interval_start;
    for (size_t i = 0; i < meter->entry_count; i++) {
        if (meter->entries[i].worker != worker || meter->entries[i].complete)
            continue;
        meter->entries[i].complete = true;
        meter->complete_count++;
    }
}

static void take_closed(struct meter *meter, unsigned worker, const struct message *message)
{
    struct entry *entry = new_entry(meter, worker, message);

    entry->body.coverage = message->body.coverage;
    entry->body.coverage.covered_ns = share_of(meter, worker, message->body.coverage.covered_ns);
    complete(meter, worker, message);
}

static void take_metered(struct meter *meter, const struct message *message)
{
    new_entry(meter, METER_COUNTERS, message);
    complete(meter, METER_COUNTERS, message);
}

static bool has_names(const struct meter *meter, uint16_t direction, uint16_t service)
{
    return meter->directions[direction].known && meter->services[service].known;
}

static bool take_from_capture(struct meter *meter, unsigned worker, const struct message *message)
{
    const struct device_count *devices = &message->body.devices;
    const struct activity *activity = &message->body.activity;
    const struct local_use *use = &message->body.use;

    switch (message->type) {
    case MESSAGE_ACTIVITY:
        if (!has_names(meter, activity->direction_id, activity->service_id))
            return false;
        take_activity(meter, worker, message);
        return true;
    case MESSAGE_DEVICES:
        if (!has_names(meter, devices->direction_id, devices->service_id))
            return false;
        new_entry(meter, worker, message)->body.devices = *devices;
        return true;
    case MESSAGE_LOCAL_USE:
        if (!has_names(meter, use->direction_id, use->service_id))
            return false;
        take_use(meter, worker, message);
        return true;
    case MESSAGE_CLOSED:
        take_closed(meter, worker, message);
        return true;
    default:
        return false;
    }
}

static bool take_from_counters(struct meter *meter, const struct message *message)
{
    const struct server_use *use = &message->body.server_use;

    switch (message->type) {
    case MESSAGE_ENERGY:
        if (meter->device_numbers[message->body.energy.device_id] == 0)
            return false;
        take_energy(meter, message);
        return true;
    case MESSAGE_SERVER_USE:
        if (!has_names(meter, use->direction_id, use->service_id))
            return false;
        new_entry(meter, METER_COUNTERS, message)->body.server_use = *use;
        return true;
    case MESSAGE_METERED:
        take_metered(meter, message);
        return true;
    default:
        return false;
    }
}

static bool take_drift(struct meter *meter, const struct message *message)
{
    uint8_t *own;
    uint8_t state;

    if (!meter->services[message->number].known)
        return false;
    own = &meter->drift[message->number][message->body.drift.transport][message->body.drift.way];
    state = message->body.drift.drifted ? DRIFT_YES : DRIFT_NO;
    meter->drift_changed |= *own != state;
    *own = state;
    return true;
}

static bool take_interfaces(struct meter *meter, const struct message *message)
{
    memcpy(meter->interfaces, message->body.interfaces, sizeof(meter->interfaces));
    meter->interfaces_changed = true;
    return true;
}

bool meter_take(struct meter *meter, unsigned worker, const struct message *message)
{
    if (worker >= WORKERS)
        return false;
    switch (message->type) {
    case MESSAGE_SERVICE:
        return take_service(meter, message);
    case MESSAGE_DIRECTION:
        return take_direction(meter, message);
    case MESSAGE_INTERFACES:
        return take_interfaces(meter, message);
    case MESSAGE_RULES_END:
        return true;
    case MESSAGE_DEVICE:
        return worker == METER_COUNTERS && take_device(meter, message);
    case MESSAGE_DRIFT:
        return worker != METER_COUNTERS && take_drift(meter, message);
    case MESSAGE_SOURCE:
        sourcestates_take(&meter->sources, &message->body.source);
        return worker == METER_COUNTERS;
    default:
        break;
    }
    if (meter->entry_count == MAX_ENTRIES || message->interval_start % INTERVAL_S != 0)
        return false;
    return worker == METER_COUNTERS ? take_from_counters(meter, message)
                                    : take_from_capture(meter, worker, message);
}

void meter_set_captures(struct meter *meter, unsigned count)
{
    meter->captures = count > 0 ? count : 1;
}

void meter_set_replay(struct meter *meter)
{
    meter->is_replay = true;
}

void meter_worker_here(struct meter *meter, unsigned worker)
{
    if (worker >= WORKERS)
        return;
    meter->workers[worker] =
        (struct worker){.alive = true, .last_closed = INT64_MIN, .open_since = INT64_MIN};
    if (worker != METER_COUNTERS)
        return;
    /* It names its devices anew. */
    memset(meter->device_numbers, 0, sizeof(meter->device_numbers));
    sourcestates_begin(&meter->sources);
}

void meter_worker_gone(struct meter *meter, unsigned worker)
{
    size_t kept = 0;

    if (worker >= WORKERS)
        return;
    for (size_t i = 0; i < meter->entry_count; i++)
        if (meter->entries[i].complete || meter->entries[i].worker != worker)
            meter->entries[kept++] = meter->entries[i];
    meter->entry_count = kept;
    meter->workers[worker].alive = false;
    if (worker == METER_COUNTERS)
        sourcestates_end(&meter->sources);
}

static bool has_unshared(const struct meter *meter)
{
    return meter->config->host && meter->latest_closed > INT64_MIN &&
           meter->latest_closed + INTERVAL_S > meter->shared_until;
}

bool meter_is_waiting(const struct meter *meter)
{
    return meter->complete_count > 0 || meter->unshown_count > 0 || meter->catch_up ||
           meter->sources.changed || meter->drift_changed || meter->interfaces_changed ||
           has_unshared(meter);
}

/* When nothing is complete, only taking more can bring the message that completes it. */
bool meter_is_full(const struct meter *meter)
{
    return meter->entry_count >= FULL_ENTRIES && meter->complete_count > 0;
}

void meter_hurry(struct meter *meter)
{
    meter->retry_at_s = 0;
    meter->show_at_s = INT64_MIN;
}

bool meter_has_unwritten(const struct meter *meter)
{
    return meter->complete_count > 0;
}

/* -- Into the ledger -------------------------------------------------------------------------- */

static enum ledger_status number_names(struct meter *meter, struct named_direction *direction,
                                       struct named_service *service)
{
    enum ledger_status status = LEDGER_OK;

    if (direction->ledger_id == UNKNOWN_ID)
        status = ledger_direction(meter->ledger, &direction->direction, &direction->ledger_id);
    if (status == LEDGER_OK && service->ledger_id == UNKNOWN_ID)
        status = ledger_service(meter->ledger, service->id, service->label, &service->ledger_id);
    return status;
}

static enum ledger_status write_activity(struct meter *meter, const struct entry *entry)
{
    const struct activity *activity = &entry->body.activity;
    struct named_direction *direction = &meter->directions[activity->direction_id];
    struct named_service *service = &meter->services[activity->service_id];
    struct factor_set *set = &meter->factor_sets[entry->factor_set];
    enum ledger_status status = number_names(meter, direction, service);

    if (status == LEDGER_OK && set->ledger_id == UNKNOWN_ID)
        status = ledger_factor_set(meter->ledger, set->vintage, set->digest, &set->ledger_id);
    if (status != LEDGER_OK)
        return status;
    return ledger_add_activity(meter->ledger, entry->interval_start, direction->ledger_id,
                               service->ledger_id, set->ledger_id, activity,
                               entry->has_impact ? &entry->impact : NULL);
}

static enum ledger_status write_devices(struct meter *meter, const struct entry *entry)
{
    const struct device_count *devices = &entry->body.devices;
    struct named_direction *direction = &meter->directions[devices->direction_id];
    struct named_service *service = &meter->services[devices->service_id];
    enum ledger_status status = number_names(meter, direction, service);

    if (status != LEDGER_OK)
        return status;
    return ledger_add_devices(meter->ledger, direction->ledger_id, service->ledger_id, devices->day,
                              devices->devices);
}

static enum ledger_status write_use(struct meter *meter, const struct entry *entry)
{
    const struct local_use *use = &entry->body.use;
    struct named_direction *direction = &meter->directions[use->direction_id];
    struct named_service *service = &meter->services[use->service_id];
    enum ledger_status status = number_names(meter, direction, service);

    if (status != LEDGER_OK)
        return status;
    return ledger_add_local_use(meter->ledger, unshared(meter, entry->interval_start),
                                direction->ledger_id, service->ledger_id, use);
}

static enum ledger_status write_server_use(struct meter *meter, const struct entry *entry)
{
    const struct server_use *use = &entry->body.server_use;
    struct named_direction *direction = &meter->directions[use->direction_id];
    struct named_service *service = &meter->services[use->service_id];
    enum ledger_status status = number_names(meter, direction, service);

    if (status != LEDGER_OK)
        return status;
    return ledger_add_server_use(meter->ledger, unshared(meter, entry->interval_start),
                                 direction->ledger_id, service->ledger_id, use);
}

static enum ledger_status write_energy(struct meter *meter, const struct entry *entry)
{
    const struct device_energy *energy = &entry->body.energy;
    struct named_device *device = &meter->devices[energy->device_id];
    enum ledger_status status = LEDGER_OK;

    if (device->ledger_id == UNKNOWN_ID)
        status = ledger_power_device(meter->ledger, &device->device, &device->ledger_id);
    if (status != LEDGER_OK)
        return status;
    return ledger_add_device_energy(meter->ledger, unshared(meter, entry->interval_start),
                                    device->ledger_id, energy, entry->idle_j);
}

static enum ledger_status write_entry(struct meter *meter, const struct entry *entry)
{
    switch (entry->type) {
    case MESSAGE_ACTIVITY:
        return write_activity(meter, entry);
    case MESSAGE_DEVICES:
        return write_devices(meter, entry);
    case MESSAGE_LOCAL_USE:
        return write_use(meter, entry);
    case MESSAGE_SERVER_USE:
        return write_server_use(meter, entry);
    case MESSAGE_ENERGY:
        return write_energy(meter, entry);
    case MESSAGE_CLOSED:
        return ledger_add_coverage(meter->ledger, entry->interval_start, &entry->body.coverage);
    default: /* MESSAGE_METERED: nothing of its own */
        return LEDGER_OK;
    }
}

/* Of the intervals that were closed and are to be written; false when there is none. */
static bool closed_span(const struct meter *meter, int64_t *first, int64_t *last)
{
    *first = INT64_MAX;
    *last = INT64_MIN;
    for (size_t i = 0; i < meter->entry_count; i++) {
        const struct entry *entry = &meter->entries[i];

        if (!entry->complete || entry->type != MESSAGE_CLOSED)
            continue;
        if (entry->interval_start < *first)
            *first = entry->interval_start;
        if (entry->interval_start > *last)
            *last = entry->interval_start;
    }
    return *first != INT64_MAX;
}

/* The period of the whole replay so far, at each transaction. */
static enum ledger_status note_replay(struct meter *meter, int64_t first, int64_t last)
{
    if (first < meter->replayed_since)
        meter->replayed_since = first;
    if (last + INTERVAL_S > meter->replayed_until)
        meter->replayed_until = last + INTERVAL_S;
    return calibrationuse_note_replay(meter->ledger, meter->config->calibrations,
                                      meter->replayed_since, meter->replayed_until);
}

/* With the first sums that come after the configuration was read: in use since their interval. */
static enum ledger_status note_calibrations(struct meter *meter)
{
    enum ledger_status status;
    int64_t first, last;

    if (meter->calibrations_noted || !closed_span(meter, &first, &last))
        return LEDGER_OK;
    if (meter->is_replay)
        return note_replay(meter, first, last);
    status = calibrationuse_note(meter->ledger, meter->config->calibrations, first);
    meter->calibrations_noted = status == LEDGER_OK;
    return status;
}

static enum ledger_status write_entries(struct meter *meter)
{
    enum ledger_status status = ledger_begin(meter->ledger);

    for (size_t i = 0; i < meter->entry_count && status == LEDGER_OK; i++)
        if (meter->entries[i].complete)
            status = write_entry(meter, &meter->entries[i]);
    if (status == LEDGER_OK)
        status = note_calibrations(meter);
    if (status == LEDGER_OK)
        status = ledger_commit(meter->ledger);
    /* To be noted again when it was rolled back. */
    if (status != LEDGER_OK)
        meter->calibrations_noted = false;
    return status;
}

/* Numbers given inside a transaction that did not happen are void. */
static void forget_numbers(struct meter *meter)
{
    for (size_t i = 0; i < MAX_SERVICES; i++)
        meter->services[i].ledger_id = UNKNOWN_ID;
    for (size_t i = 0; i < MAX_DIRECTIONS; i++)
        meter->directions[i].ledger_id = UNKNOWN_ID;
    for (size_t i = 0; i < meter->factor_set_count; i++)
        meter->factor_sets[i].ledger_id = UNKNOWN_ID;
    for (size_t i = 0; i < meter->device_count; i++)
        meter->devices[i].ledger_id = UNKNOWN_ID;
}

static void remember_unshown(struct meter *meter, int64_t interval_start)
{
    size_t place = 0;

    while (place < meter->unshown_count && meter->unshown[place] < interval_start)
        place++;
    if (place < meter->unshown_count && meter->unshown[place] == interval_start)
        return;
    if (meter->unshown_count == MAX_UNSHOWN) {
        meter->catch_up = true;
        return;
    }
    memmove(&meter->unshown[place + 1], &meter->unshown[place],
            (meter->unshown_count - place) * sizeof(meter->unshown[0]));
    meter->unshown[place] = interval_start;
    meter->unshown_count++;
}

/* What was measured goes into the RRDs when it is shared. Of an interval that was, nothing changed;
 * it must not be written once more. */
static bool changes_graphs(const struct meter *meter, const struct entry *entry)
{
    return entry->type == MESSAGE_METERED && meter->config->host &&
           entry->interval_start >= meter->shared_until;
}

static void forget_written(struct meter *meter)
{
    size_t kept = 0;

    for (size_t i = 0; i < meter->entry_count; i++) {
        const struct entry *entry = &meter->entries[i];

        if (!entry->complete)
            meter->entries[kept++] = *entry;
        else if (entry->type == MESSAGE_CLOSED || changes_graphs(meter, entry))
            remember_unshown(meter, entry->interval_start);
    }
    meter->entry_count = kept;
    meter->complete_count = 0;
}

static void plan_retry(struct meter *meter, int64_t monotonic_s)
{
    uint64_t silenced;

    forget_numbers(meter);
    meter->retry_delay_s = meter->retry_delay_s ? 2 * meter->retry_delay_s : 1;
    if (meter->retry_delay_s > LONGEST_DELAY_S)
        meter->retry_delay_s = LONGEST_DELAY_S;
    meter->retry_at_s = monotonic_s + meter->retry_delay_s;
    if (log_due(&meter->ledger_damper, monotonic_s, &silenced))
        log_line(LOG_PRIORITY_ERROR, "%s: %zu sums wait in memory, trying again",
                 ledger_error(meter->ledger), meter->complete_count);
}

/* Tells only how things are: when it fails, the next time will do. */
static enum ledger_status record_sources(struct meter *meter, int64_t now_s, int64_t monotonic_s)
{
    enum ledger_status status;

    if (monotonic_s < meter->sources_at_s)
        return LEDGER_OK;
    status = sourcestates_record(&meter->sources, meter->ledger, now_s);
    if (status == LEDGER_RETRY)
        meter->sources_at_s = monotonic_s + LONGEST_DELAY_S;
    return status == LEDGER_FATAL ? status : LEDGER_OK;
}

static enum drift_state drift_of(const struct meter *meter,
                                 const struct service_calibration *calibration)
{
    uint16_t number = catalogue_find(meter->config->catalogue, calibration->service);
    size_t way;

    if (number == SERVICE_NONE || !calibration->in_force)
        return DRIFT_UNKNOWN;
    way = servicecalibration_way(calibration,
                                 &catalogue_service(meter->config->catalogue, number)->estimator);
    return meter->drift[number][calibration->transport][way];
}

/* Of the calibrations in force: all of them or none. */
static enum ledger_status write_drift(struct meter *meter)
{
    const struct service_calibrations *calibrations = meter->config->calibrations;
    enum ledger_status status = ledger_begin(meter->ledger);

    for (size_t i = 0; i < calibrations->count && status == LEDGER_OK; i++) {
        const struct service_calibration *own = &calibrations->items[i];
        enum drift_state drift = drift_of(meter, own);

        if (drift != DRIFT_UNKNOWN)
            status = calibrationuse_note_drift(meter->ledger, own, drift == DRIFT_YES);
    }
    return status == LEDGER_OK ? ledger_commit(meter->ledger) : status;
}

/* What cannot be written is tried again. */
static enum ledger_status record_drift(struct meter *meter, int64_t monotonic_s)
{
    enum ledger_status status;

    if (!meter->drift_changed || monotonic_s < meter->drift_at_s)
        return LEDGER_OK;
    status = write_drift(meter);
    meter->drift_changed = status != LEDGER_OK;
    if (status == LEDGER_OK)
        return LEDGER_OK;
    ledger_rollback(meter->ledger);
    meter->drift_at_s = monotonic_s + LONGEST_DELAY_S;
    return status == LEDGER_FATAL ? status : LEDGER_OK;
}

static enum ledger_status record_interfaces(struct meter *meter, int64_t monotonic_s)
{
    enum ledger_status status;

    if (!meter->interfaces_changed || monotonic_s < meter->interfaces_at_s)
        return LEDGER_OK;
    status = ledger_set_fact(meter->ledger, METER_INTERFACES_FACT, meter->interfaces);
    meter->interfaces_changed = status != LEDGER_OK;
    if (status != LEDGER_OK)
        meter->interfaces_at_s = monotonic_s + LONGEST_DELAY_S;
    return status == LEDGER_FATAL ? status : LEDGER_OK;
}

static enum ledger_status commit_entries(struct meter *meter, int64_t monotonic_s)
{
    enum ledger_status status;

    if (meter->complete_count == 0 || monotonic_s < meter->retry_at_s)
        return LEDGER_OK;
    status = write_entries(meter);
    if (status == LEDGER_OK) {
        if (meter->retry_delay_s > 0)
            log_line(LOG_PRIORITY_INFO, "the ledger can be written again: nothing was lost");
        meter->retry_delay_s = 0;
        meter->retry_at_s = 0;
        meter->ledger_damper = (struct log_damper){0, 0};
        forget_written(meter);
        return LEDGER_OK;
    }
    ledger_rollback(meter->ledger);
    if (status == LEDGER_FATAL)
        return status;
    plan_retry(meter, monotonic_s);
    return LEDGER_OK;
}

/* -- Shares ----------------------------------------------------------------------------------- */

/* Before which nothing more can come: every open exchange began later, and the counters are done.
 */
static int64_t settled_until(const struct meter *meter, int64_t now_s)
{
    const struct worker *counters = &meter->workers[METER_COUNTERS];
    int64_t closed = meter->latest_closed + INTERVAL_S;
    /* A process that was taken over may have closed any year. */
    int64_t newest = now_s < INT64_MAX - INTERVAL_S ? calendar_interval(now_s) + INTERVAL_S : now_s;
    int64_t end = closed < newest ? closed : newest;
    int64_t late = calendar_interval((now_s < end ? now_s : end) - SETTLEMENT_WAIT_S);
    int64_t until = end;

    for (size_t i = 0; i < MAX_CAPTURES; i++)
        if (meter->workers[i].alive && meter->workers[i].open_since < until)
            until = meter->workers[i].open_since;
    if (counters->alive && counters->open_since < until)
        until = counters->open_since;
    return until > late ? calendar_interval(until) : late;
}

static enum ledger_status share_energy(struct meter *meter, int64_t now_s, int64_t monotonic_s)
{
    enum ledger_status status;
    int64_t until;

    if (!has_unshared(meter) || monotonic_s < meter->retry_at_s)
        return LEDGER_OK;
    until = settled_until(meter, now_s);
    if (until <= meter->shared_until)
        return LEDGER_OK;
    status = settlement_run(meter->ledger, meter->config, until);
    settlement_shared_until(meter->ledger, &meter->shared_until);
    if (status == LEDGER_OK || status == LEDGER_FATAL)
        return status;
    plan_retry(meter, monotonic_s);
    return LEDGER_OK;
}

/* -- Into the RRDs ---------------------------------------------------------------------------- */

int64_t meter_shown_until(struct ledger *ledger, const struct config *config, int64_t now_s)
{
    int64_t until = calendar_interval(now_s);
    int64_t first;
    int64_t last;
    int64_t shared_until;

    if (ledger_span(ledger, &first, &last) == LEDGER_OK && last + INTERVAL_S < now_s)
        until = last + INTERVAL_S;
    if (config->host &&
        (settlement_shared_until(ledger, &shared_until) == LEDGER_OK ||
         ledger_next_host_interval(ledger, 0, &shared_until) == LEDGER_OK) &&
        shared_until < until)
        until = shared_until;
    return until;
}

/* The last interval whose energy was shared, where that is to be waited for. */
static int64_t last_shared(const struct meter *meter)
{
    if (!meter->config->host)
        return INT64_MAX;
    return meter->shared_until == INT64_MIN ? INT64_MIN : meter->shared_until - INTERVAL_S;
}

/* Of a capture that is replayed, intervals end by the dozen in a second, and each would have all
 * files opened: in vain, since what they hold is that of the last one. */
static bool is_to_show(struct meter *meter, int64_t monotonic_s)
{
    if (meter->is_replay && meter->show_at_s == INT64_MAX)
        meter->show_at_s = monotonic_s + REPLAY_SHOWN_S;
    if (meter->is_replay && monotonic_s < meter->show_at_s)
        return false;
    meter->show_at_s = INT64_MAX;
    return true;
}

/* Returns how many files failed. */
static unsigned show_first(struct meter *meter, size_t count)
{
    if (count == 0)
        return 0;
    for (size_t i = 0; i + 1 < count; i++)
        roundrobin_note(meter->roundrobin, meter->ledger, meter->unshown[i]);
    return roundrobin_update(meter->roundrobin, meter->ledger, meter->unshown[count - 1]);
}

static void show_intervals(struct meter *meter, int64_t now_s, int64_t monotonic_s)
{
    /* An RRD row can be written once. */
    int64_t closed = closed_by_all(meter);
    int64_t shared = last_shared(meter);
    int64_t limit = closed < shared ? closed : shared;
    unsigned failed = 0;
    size_t shown = 0;
    uint64_t silenced;
    char reason[600];

    if (meter->catch_up) {
        int64_t end = limit < INT64_MAX - INTERVAL_S ? limit + INTERVAL_S : limit;

        failed = roundrobin_catch_up(
            meter->roundrobin, meter->ledger,
            meter_shown_until(meter->ledger, meter->config, now_s < end ? now_s : end));
        meter->catch_up = false;
        meter->unshown_count = 0;
    }
    while (shown < meter->unshown_count && meter->unshown[shown] <= limit &&
           meter->unshown[shown] <= now_s - INTERVAL_S)
        shown++;
    failed += show_first(meter, shown);
    memmove(meter->unshown, meter->unshown + shown,
            (meter->unshown_count - shown) * sizeof(meter->unshown[0]));
    meter->unshown_count -= shown;
    if (failed > 0 && log_due(&meter->roundrobin_damper, monotonic_s, &silenced)) {
        roundrobin_reason(meter->roundrobin, reason, sizeof(reason));
        log_line(LOG_PRIORITY_WARNING,
                 "RRD files could not be written (%s): the ledger has the "
                 "sums, \"iagmeter rebuild\" recreates the files",
                 reason);
    }
}

enum ledger_status meter_commit(struct meter *meter, int64_t now_s, int64_t monotonic_s)
{
    enum ledger_status status = commit_entries(meter, monotonic_s);

    if (status == LEDGER_OK)
        status = record_sources(meter, now_s, monotonic_s);
    if (status == LEDGER_OK)
        status = record_drift(meter, monotonic_s);
    if (status == LEDGER_OK)
        status = record_interfaces(meter, monotonic_s);
    if (status == LEDGER_OK)
        status = share_energy(meter, now_s, monotonic_s);
    if (status == LEDGER_OK && is_to_show(meter, monotonic_s))
        show_intervals(meter, now_s, monotonic_s);
    return status;
}
