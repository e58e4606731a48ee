/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/meter.h"

#include "daemon/calendar.h"
#include "daemon/log.h"
#include "daemon/servicefactors.h"

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
#define UNKNOWN_ID      (-1)

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
    } body;
    struct impact impact;
};

struct named_service {
    bool known;
    char id[SERVICE_ID_SIZE];
    char label[SERVICE_LABEL_SIZE];
    struct service_factors factors;
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
};

struct meter {
    const struct config *config;
    struct ledger *ledger;
    struct roundrobin *roundrobin;
    struct named_service services[MAX_SERVICES];
    struct named_direction directions[MAX_DIRECTIONS];
    struct factor_set factor_sets[MAX_FACTOR_SETS];
    size_t factor_set_count;
    struct entry *entries;
    size_t entry_count;
    size_t complete_count;
    struct worker workers[MAX_CAPTURES];
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
    if (meter->entry_count == 0)
        meter->factor_set_count = 0;
    add_factor_set(meter, config);
    for (size_t i = 0; i < MAX_SERVICES; i++)
        if (meter->services[i].known)
            look_up_factors(config, &meter->services[i]);
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

/* Of the time of all captures. The shares add up to the nanosecond. */
static uint64_t share_of(const struct meter *meter, unsigned worker, uint64_t covered_ns)
{
    uint64_t number = worker % meter->captures;

    return covered_ns * (number + 1) / meter->captures - covered_ns * number / meter->captures;
}

static void take_closed(struct meter *meter, unsigned worker, const struct message *message)
{
    struct entry *entry = new_entry(meter, worker, message);

    entry->body.coverage = message->body.coverage;
    entry->body.coverage.covered_ns = share_of(meter, worker, message->body.coverage.covered_ns);
    meter->workers[worker].last_closed = message->interval_start;
    for (size_t i = 0; i < meter->entry_count; i++) {
        if (meter->entries[i].worker != worker || meter->entries[i].complete)
            continue;
        meter->entries[i].complete = true;
        meter->complete_count++;
    }
}

static bool has_names(const struct meter *meter, uint16_t direction, uint16_t service)
{
    return meter->directions[direction].known && meter->services[service].known;
}

bool meter_take(struct meter *meter, unsigned worker, const struct message *message)
{
    const struct device_count *devices = &message->body.devices;

    if (worker >= MAX_CAPTURES)
        return false;
    switch (message->type) {
    case MESSAGE_SERVICE:
        return take_service(meter, message);
    case MESSAGE_DIRECTION:
        return take_direction(meter, message);
    case MESSAGE_RULES_END:
        return true;
    default:
        break;
    }
    if (meter->entry_count == MAX_ENTRIES || message->interval_start % INTERVAL_S != 0)
        return false;
    switch (message->type) {
    case MESSAGE_ACTIVITY:
        if (!has_names(meter, message->body.activity.direction_id,
                       message->body.activity.service_id))
            return false;
        take_activity(meter, worker, message);
        return true;
    case MESSAGE_DEVICES:
        if (!has_names(meter, devices->direction_id, devices->service_id))
            return false;
        new_entry(meter, worker, message)->body.devices = *devices;
        return true;
    case MESSAGE_CLOSED:
        take_closed(meter, worker, message);
        return true;
    default:
        return false;
    }
}

void meter_set_captures(struct meter *meter, unsigned count)
{
    meter->captures = count > 0 ? count : 1;
}

void meter_worker_here(struct meter *meter, unsigned worker)
{
    if (worker < MAX_CAPTURES)
        meter->workers[worker] = (struct worker){.alive = true, .last_closed = INT64_MIN};
}

void meter_worker_gone(struct meter *meter, unsigned worker)
{
    size_t kept = 0;

    if (worker >= MAX_CAPTURES)
        return;
    for (size_t i = 0; i < meter->entry_count; i++)
        if (meter->entries[i].complete || meter->entries[i].worker != worker)
            meter->entries[kept++] = meter->entries[i];
    meter->entry_count = kept;
    meter->workers[worker].alive = false;
}

bool meter_is_waiting(const struct meter *meter)
{
    return meter->complete_count > 0 || meter->unshown_count > 0 || meter->catch_up;
}

/* When nothing is complete, only taking more can bring the message that completes it. */
bool meter_is_full(const struct meter *meter)
{
    return meter->entry_count >= FULL_ENTRIES && meter->complete_count > 0;
}

void meter_hurry(struct meter *meter)
{
    meter->retry_at_s = 0;
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

static enum ledger_status write_entry(struct meter *meter, const struct entry *entry)
{
    switch (entry->type) {
    case MESSAGE_ACTIVITY:
        return write_activity(meter, entry);
    case MESSAGE_DEVICES:
        return write_devices(meter, entry);
    default:
        return ledger_add_coverage(meter->ledger, entry->interval_start, &entry->body.coverage);
    }
}

static enum ledger_status write_entries(struct meter *meter)
{
    enum ledger_status status = ledger_begin(meter->ledger);

    for (size_t i = 0; i < meter->entry_count && status == LEDGER_OK; i++)
        if (meter->entries[i].complete)
            status = write_entry(meter, &meter->entries[i]);
    return status == LEDGER_OK ? ledger_commit(meter->ledger) : status;
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

static void forget_written(struct meter *meter)
{
    size_t kept = 0;

    for (size_t i = 0; i < meter->entry_count; i++) {
        const struct entry *entry = &meter->entries[i];

        if (!entry->complete)
            meter->entries[kept++] = *entry;
        else if (entry->type == MESSAGE_CLOSED)
            remember_unshown(meter, entry->interval_start);
    }
    meter->entry_count = kept;
    meter->complete_count = 0;
}

static void plan_retry(struct meter *meter, int64_t monotonic_s)
{
    uint64_t silenced;

    meter->retry_delay_s = meter->retry_delay_s ? 2 * meter->retry_delay_s : 1;
    if (meter->retry_delay_s > LONGEST_DELAY_S)
        meter->retry_delay_s = LONGEST_DELAY_S;
    meter->retry_at_s = monotonic_s + meter->retry_delay_s;
    if (log_due(&meter->ledger_damper, monotonic_s, &silenced))
        log_line(LOG_PRIORITY_ERROR, "%s: %zu sums wait in memory, trying again",
                 ledger_error(meter->ledger), meter->complete_count);
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
    forget_numbers(meter);
    if (status == LEDGER_FATAL)
        return status;
    plan_retry(meter, monotonic_s);
    return LEDGER_OK;
}

/* -- Into the RRDs ---------------------------------------------------------------------------- */

int64_t meter_shown_until(struct ledger *ledger, int64_t now_s)
{
    int64_t first;
    int64_t last;

    if (ledger_span(ledger, &first, &last) == LEDGER_OK && last + INTERVAL_S < now_s)
        return last + INTERVAL_S;
    return calendar_interval(now_s);
}

static void show_intervals(struct meter *meter, int64_t now_s, int64_t monotonic_s)
{
    /* An RRD row can be written once. */
    int64_t limit = closed_by_all(meter);
    unsigned failed = 0;
    size_t shown = 0;
    uint64_t silenced;

    if (meter->catch_up) {
        int64_t end = limit < INT64_MAX - INTERVAL_S ? limit + INTERVAL_S : limit;

        failed = roundrobin_catch_up(meter->roundrobin, meter->ledger,
                                     meter_shown_until(meter->ledger, now_s < end ? now_s : end));
        meter->catch_up = false;
        meter->unshown_count = 0;
    }
    while (shown < meter->unshown_count && meter->unshown[shown] <= limit &&
           meter->unshown[shown] <= now_s - INTERVAL_S)
        failed += roundrobin_update(meter->roundrobin, meter->ledger, meter->unshown[shown++]);
    memmove(meter->unshown, meter->unshown + shown,
            (meter->unshown_count - shown) * sizeof(meter->unshown[0]));
    meter->unshown_count -= shown;
    if (failed > 0 && log_due(&meter->roundrobin_damper, monotonic_s, &silenced))
        log_line(LOG_PRIORITY_WARNING,
                 "RRD files could not be written (%s): the ledger has the "
                 "sums, \"iagmeter rebuild\" recreates the files",
                 roundrobin_error(meter->roundrobin));
}

enum ledger_status meter_commit(struct meter *meter, int64_t now_s, int64_t monotonic_s)
{
    enum ledger_status status = commit_entries(meter, monotonic_s);

    if (status == LEDGER_OK)
        show_intervals(meter, now_s, monotonic_s);
    return status;
}
