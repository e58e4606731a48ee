/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/hostsources.h"

#include "collectors/power/powerset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct hostsources {
    const struct config *config;
    struct powerset *power; /* NULL: no host is configured */
    struct powerset_state states[POWERSET_MAX_STATES];
    size_t state_count;
    size_t state_next;
    struct power_source_state told[POWERSET_MAX_STATES];
    size_t told_count;
};

static int64_t monotonic_ns(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* -- What it needs ---------------------------------------------------------------------------- */

struct path_list {
    const char **paths;
    size_t count;
};

static void add_path(struct path_list *list, const char *path)
{
    if (path[0] != '\0' && list->count + 1 < HOSTSOURCES_READABLE)
        list->paths[list->count++] = path;
}

static void add_power_paths(struct path_list *list, const struct power_config *power)
{
    const struct powerremote_config *remote = &power->remote;

    add_path(list, power->root);
    add_path(list, remote->nvml.library);
    add_path(list, remote->ipmi.password_file);
    add_path(list, remote->redfish.password_file);
    add_path(list, remote->redfish.ca_file);
    for (size_t i = 0; i < remote->snmp.unit_count; i++) {
        add_path(list, remote->snmp.units[i].community_file);
        add_path(list, remote->snmp.units[i].password_file);
        add_path(list, remote->snmp.units[i].privacy_file);
    }
}

void hostsources_readable(const struct config *config, const char *out[HOSTSOURCES_READABLE])
{
    struct path_list list = {out, 0};

    if (config->host)
        add_power_paths(&list, &config->host->power);
    out[list.count] = NULL;
}

bool hostsources_network(const struct config *config)
{
    const struct powerremote_config *remote = config->host ? &config->host->power.remote : NULL;

    return remote && (remote->has_redfish || remote->has_snmp || remote->ipmi.host[0] != '\0');
}

/* -- Life ------------------------------------------------------------------------------------- */

struct hostsources *hostsources_open(const struct config *config)
{
    struct hostsources *sources = calloc(1, sizeof(*sources));
    struct power_setup setup = {.root = "", .now_ns = monotonic_ns};

    if (!sources)
        return NULL;
    sources->config = config;
    if (config->host) {
        setup.root = config->host->power.root;
        sources->power = powerset_open(&config->host->power, &setup);
    }
    if (sources->power || !config->host)
        return sources;
    hostsources_close(sources);
    return NULL;
}

void hostsources_close(struct hostsources *sources)
{
    if (!sources)
        return;
    powerset_close(sources->power);
    free(sources);
}

/* -- For the counters ------------------------------------------------------------------------- */

static void sample(void *context)
{
    struct hostsources *sources = context;

    if (sources->power)
        powerset_sample(sources->power);
}

static bool complete(void *context, int64_t until_ns)
{
    struct hostsources *sources = context;

    return !sources->power || powerset_complete(sources->power, until_ns);
}

static size_t devices(void *context, struct power_device out[MAX_POWER_DEVICES])
{
    struct hostsources *sources = context;

    return sources->power ? powerset_devices(sources->power, out) : 0;
}

static size_t take_energy(void *context, int64_t until_ns,
                          struct device_energy out[MAX_POWER_DEVICES])
{
    struct hostsources *sources = context;

    return sources->power ? powerset_take(sources->power, until_ns, out) : 0;
}

static size_t take_use(void *context, struct server_use *out, size_t size)
{
    (void)context;
    (void)out;
    (void)size;
    return 0;
}

struct counters_sources hostsources_counters(struct hostsources *sources)
{
    return (struct counters_sources){sources, sample, complete, devices, take_energy, take_use};
}

/* -- How the sources fare --------------------------------------------------------------------- */

static struct power_source_state *told_of(struct hostsources *sources, const char *name)
{
    for (size_t i = 0; i < sources->told_count; i++)
        if (strcmp(sources->told[i].name, name) == 0)
            return &sources->told[i];
    if (sources->told_count == POWERSET_MAX_STATES)
        return NULL;
    return &sources->told[sources->told_count++];
}

static struct power_source_state state_of(const struct powerset_state *from)
{
    struct power_source_state state = {.counted = from->counted};

    snprintf(state.name, sizeof(state.name), "%s", from->name);
    snprintf(state.covers, sizeof(state.covers), "%s", from->covers);
    snprintf(state.problem, sizeof(state.problem), "%s", from->problem);
    return state;
}

bool hostsources_next_state(struct hostsources *sources, struct power_source_state *state)
{
    if (!sources->power)
        return false;
    if (sources->state_next == sources->state_count) {
        sources->state_count = powerset_states(sources->power, sources->states);
        sources->state_next = 0;
    }
    while (sources->state_next < sources->state_count) {
        struct power_source_state *told;

        *state = state_of(&sources->states[sources->state_next++]);
        told = told_of(sources, state->name);
        if (!told || memcmp(told, state, sizeof(*told)) == 0)
            continue;
        *told = *state;
        return true;
    }
    return false;
}

void hostsources_set_rules(struct hostsources *sources, const struct catalogue *catalogue,
                           const struct directions *directions)
{
    (void)sources;
    (void)catalogue;
    (void)directions;
}
