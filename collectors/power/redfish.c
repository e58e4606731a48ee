/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/redfish.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/power/fetcher.h"
#include "collectors/power/redfishclient.h"
#include "collectors/power/redfishdata.h"
#include "collectors/power/secretfile.h"

#define POWER_UNIT_W  0.001
#define ENERGY_UNIT_J 1.0
/* A server draws that within seconds, so one interval can be told from the next. */
#define COARSEST_STEP_J 3600.0

enum { MOST_CHASSIS = 32 };

/* The one that counts first, where both can be read. */
enum channel { CHANNEL_ENERGY, CHANNEL_POWER, CHANNEL_COUNT };

struct redfish {
    struct fetched_source source;
    struct redfish_options options;
    char name[600];
    /* The fetcher's thread's. */
    struct redfish_client *client;
    char environment[REDFISH_PATH_SIZE]; /* what to ask for; both "": not found yet */
    char power[REDFISH_PATH_SIZE];
    double energy_step_j; /* the finest that was seen */
    char energy_reset[40];
};

/* What CHASSIS says of its power. */
static struct redfish_values ask_chassis(struct redfish *redfish)
{
    struct redfish_values values = {0};
    json_t *document;

    if (redfish->environment[0] &&
        (document = redfishclient_get(redfish->client, redfish->environment)) != NULL) {
        redfishdata_environment(document, &values);
        json_decref(document);
    }
    if (!values.has_power && redfish->power[0] &&
        (document = redfishclient_get(redfish->client, redfish->power)) != NULL) {
        redfishdata_power(document, &values);
        json_decref(document);
    }
    return values;
}

struct candidate {
    char path[REDFISH_PATH_SIZE];
    char inside[REDFISH_PATH_SIZE]; /* the chassis that this one is in, "" : none */
    char environment[REDFISH_PATH_SIZE];
    char power[REDFISH_PATH_SIZE];
};

/* Whether the chassis is one that draws power, as far as it says. */
static bool read_chassis(struct redfish *redfish, const char *path, struct candidate *out)
{
    const char *wanted = redfish->options.chassis;
    struct redfish_values values;
    json_t *document = redfishclient_get(redfish->client, path);
    const char *id = json_string_value(json_object_get(document, "Id"));
    bool named = wanted[0] && id && strcmp(id, wanted) == 0;

    memset(out, 0, sizeof(*out));
    snprintf(out->path, sizeof(out->path), "%s", path);
    redfishdata_link(json_object_get(document, "Links"), "ContainedBy", out->inside);
    redfishdata_link(document, "EnvironmentMetrics", out->environment);
    redfishdata_link(document, "Power", out->power);
    json_decref(document);
    if (wanted[0] || (!out->environment[0] && !out->power[0]))
        return named;
    snprintf(redfish->environment, sizeof(redfish->environment), "%s", out->environment);
    snprintf(redfish->power, sizeof(redfish->power), "%s", out->power);
    values = ask_chassis(redfish);
    return values.has_power || values.has_energy;
}

/* What a chassis draws that is in another one is in what that draws. */
static bool is_inside(const struct candidate *candidate, const struct candidate *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(candidate->inside, all[i].path) == 0)
            return true;
    return false;
}

/* The only one that is not inside another, or none: the other may be what could not be asked. */
static bool choose(struct redfish *redfish, const struct candidate *all, size_t count)
{
    const struct candidate *chosen = NULL;

    redfish->environment[0] = redfish->power[0] = '\0';
    if (!redfish->options.chassis[0] && redfishclient_is_unsure(redfish->client))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (is_inside(&all[i], all, count))
            continue;
        if (chosen)
            return redfishclient_fail(redfish->client, POWER_FAILED,
                                      "%s and %s both say what they draw: name one in `chassis`",
                                      chosen->path, all[i].path);
        chosen = &all[i];
    }
    if (!chosen)
        return false;
    snprintf(redfish->environment, sizeof(redfish->environment), "%s", chosen->environment);
    snprintf(redfish->power, sizeof(redfish->power), "%s", chosen->power);
    return true;
}

static bool walk_chassis(struct redfish *redfish, const json_t *collection)
{
    struct candidate *candidates = calloc(MOST_CHASSIS, sizeof(*candidates));
    char path[REDFISH_PATH_SIZE];
    size_t count = 0;
    bool found;

    if (!candidates)
        return redfishclient_fail(redfish->client, POWER_FAILED, "out of memory");
    for (size_t i = 0; count < MOST_CHASSIS && redfishdata_member(collection, i, path); i++)
        if (read_chassis(redfish, path, &candidates[count]))
            count++;
    found = choose(redfish, candidates, count);
    if (count == 0 && redfishclient_status(redfish->client) == POWER_OK)
        redfishclient_fail(redfish->client, POWER_UNSUPPORTED, "no chassis%s%s says what it draws",
                           redfish->options.chassis[0] ? " of this Id: " : "",
                           redfish->options.chassis);
    free(candidates);
    return found;
}

/* From the service's root to the documents that say what the machine draws. */
static bool find_chassis(struct redfish *redfish)
{
    char path[REDFISH_PATH_SIZE];
    json_t *root = redfishclient_get(redfish->client, REDFISH_ROOT);
    json_t *collection = NULL;
    bool found = false;

    if (root && !redfishdata_link(root, "Chassis", path))
        redfishclient_fail(redfish->client, POWER_UNSUPPORTED, "this service has no Chassis");
    else if (root)
        collection = redfishclient_get(redfish->client, path);
    if (collection)
        found = walk_chassis(redfish, collection);
    json_decref(collection);
    json_decref(root);
    return found;
}

/* --- The source --------------------------------------------------------------------------------
 */

static struct fetched power_of(const struct redfish_values *values)
{
    if (!values->has_power)
        return (struct fetched){POWER_UNSUPPORTED, 0};
    return (struct fetched){POWER_OK, (uint64_t)llround(values->power_w / POWER_UNIT_W)};
}

static struct fetched energy_of(struct redfish *redfish, const struct redfish_values *values)
{
    bool again =
        redfish->energy_reset[0] && strcmp(redfish->energy_reset, values->energy_reset) != 0;

    if (!values->has_energy)
        return (struct fetched){POWER_UNSUPPORTED, 0};
    /* 12.340 kWh shows a coarser step than 12.341 does. */
    if (redfish->energy_step_j == 0 || values->energy_step_j < redfish->energy_step_j)
        redfish->energy_step_j = values->energy_step_j;
    snprintf(redfish->energy_reset, sizeof(redfish->energy_reset), "%s", values->energy_reset);
    if (redfish->energy_step_j > COARSEST_STEP_J)
        return (struct fetched){POWER_UNSUPPORTED, 0};
    if (again)
        return (struct fetched){POWER_ANEW, 0};
    return (struct fetched){POWER_OK, (uint64_t)llround(values->energy_j / ENERGY_UNIT_J)};
}

static void fetch(void *context, const atomic_bool *stop, struct fetched *results, char *why,
                  size_t why_size)
{
    struct redfish *redfish = context;
    struct redfish_values values = {0};
    enum power_status status;

    redfishclient_begin(redfish->client, stop);
    if (redfish->environment[0] || redfish->power[0] || find_chassis(redfish))
        values = ask_chassis(redfish);
    if (values.has_power || values.has_energy) {
        results[CHANNEL_POWER] = power_of(&values);
        results[CHANNEL_ENERGY] = energy_of(redfish, &values);
        return;
    }
    status = redfishclient_status(redfish->client);
    if (status == POWER_OK)
        redfishclient_fail(redfish->client, status = POWER_UNSUPPORTED,
                           "it does not say what it draws (nothing, or zero)");
    results[CHANNEL_POWER].status = results[CHANNEL_ENERGY].status = status;
    snprintf(why, why_size, "%s", redfishclient_why(redfish->client));
    /* Perhaps it has other documents next time. */
    redfish->environment[0] = redfish->power[0] = '\0';
}

static void close_redfish(void *state)
{
    struct redfish *redfish = state;

    fetcher_stop(redfish->source.fetcher);
    redfishclient_free(redfish->client);
    free(redfish);
}

static bool prepare(void *state, const struct power_setup *setup, struct fetcher_task *task,
                    char *error, size_t error_size)
{
    struct redfish *redfish = state;
    const struct redfish_options *options = &redfish->options;
    char password[REDFISH_PASSWORD_SIZE] = "";

    redfish->options = *(const struct redfish_options *)setup->options;
    task->name = redfish->name;
    task->every_ms = options->every_ms;
    task->channel_count = CHANNEL_COUNT;
    snprintf(redfish->name, sizeof(redfish->name), "redfish %s", options->url);
    if (options->user[0] &&
        !secretfile_read(options->password_file, password, sizeof(password), error, error_size))
        return false;
    redfish->client = redfishclient_new(options, password);
    explicit_bzero(password, sizeof(password));
    return redfish->client != NULL;
}

static void *open_redfish(const struct power_setup *setup, char *error, size_t error_size)
{
    static const struct fetched_kind kind = {
        .state_size = sizeof(struct redfish),
        .prepare = prepare,
        .fetch = fetch,
        .close = close_redfish,
    };

    return fetcher_open_source(&kind, setup, error, error_size);
}

static size_t list_channels(void *state, struct power_channel out[POWER_MAX_CHANNELS])
{
    const struct redfish *redfish = state;

    out[CHANNEL_POWER] = (struct power_channel){
        .name = "power",
        .part = POWER_PART_WALL,
        .quantity = POWER_QUANTITY_POWER,
        .unit = POWER_UNIT_W,
        .every_ms = redfish->options.every_ms,
    };
    out[CHANNEL_ENERGY] = (struct power_channel){
        .name = "energy",
        .part = POWER_PART_WALL,
        .quantity = POWER_QUANTITY_ENERGY,
        .unit = ENERGY_UNIT_J,
        .every_ms = redfish->options.every_ms,
    };
    return CHANNEL_COUNT;
}

const struct power_source power_redfish = {
    .name = "redfish",
    .covers = "the whole machine, as its BMC measures it (Redfish)",
    .open = open_redfish,
    .channels = list_channels,
    .read = fetcher_read_source,
    .close = close_redfish,
};
