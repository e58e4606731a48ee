/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/hostsources.h"

#include "collectors/inference/scraper.h"
#include "collectors/power/powerset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct hostsources {
    const struct config *config;
    int64_t moved_ns;        /* hostsources_now_ns() */
    struct powerset *power;  /* NULL: no host is configured */
    struct scraper *scraper; /* NULL: no server is asked; */
    size_t target_count;
    struct scrape_config scrapes[INFERENCE_MAX_PORTS];
    struct server_model models[MAX_INFERENCE_MODELS]; /* that it knows */
    struct powerset_state states[POWERSET_MAX_STATES];
    size_t state_count;
    size_t state_next;
    struct power_source_state told[POWERSET_MAX_STATES]; /* of sources of power, by their names */
    size_t told_count;
    struct power_source_state told_servers[SCRAPER_TARGETS]; /* as the scraper numbers them */
};

/* How long a tick may wait for answers of servers: they come from this machine. */
#define ANSWER_WAIT_MS 20

#define SECOND_NS INT64_C(1000000000)

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

int64_t hostsources_now_ns(const struct hostsources *sources)
{
    return read_clock(CLOCK_MONOTONIC) + sources->moved_ns;
}

static int64_t moved_now_ns(void *context)
{
    return hostsources_now_ns(context);
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
    for (unsigned i = 0; i < config->inference.server_count; i++) {
        add_path(&list, config->inference.scrapes[i].bearer_path);
        add_path(&list, config->inference.scrapes[i].socket_path);
    }
    out[list.count] = NULL;
}

bool hostsources_network(const struct config *config)
{
    const struct powerremote_config *remote = config->host ? &config->host->power.remote : NULL;

    return inferenceconfig_scrapes(&config->inference) ||
           (remote && (remote->has_redfish || remote->has_snmp || remote->ipmi.host[0] != '\0'));
}

/* -- Life ------------------------------------------------------------------------------------- */

struct hostsources *hostsources_open(const struct config *config)
{
    struct hostsources *sources = calloc(1, sizeof(*sources));
    struct power_setup setup = {.root = "", .now_ns = moved_now_ns, .context = sources};

    if (!sources)
        return NULL;
    sources->config = config;
    sources->moved_ns = (read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC)) % SECOND_NS;
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
    scraper_free(sources->scraper);
    free(sources);
}

/* -- For the counters ------------------------------------------------------------------------- */

static void sample(void *context)
{
    struct hostsources *sources = context;

    if (sources->power)
        powerset_sample(sources->power);
    if (sources->scraper)
        scraper_poll(sources->scraper, (int64_t)time(NULL), hostsources_now_ns(sources),
                     ANSWER_WAIT_MS);
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
    struct hostsources *sources = context;

    return sources->scraper ? scraper_take(sources->scraper, out, size) : 0;
}

struct counters_sources hostsources_counters(struct hostsources *sources)
{
    return (struct counters_sources){sources, sample, complete, devices, take_energy, take_use};
}

/* -- How the sources fare --------------------------------------------------------------------- */

/* What was told of the one that the round is at; NULL when there is no room. Servers' sums are
 * never mixed up, whatever they are called. */
static struct power_source_state *told_of(struct hostsources *sources, const char *name)
{
    if (sources->state_next > sources->state_count)
        return &sources->told_servers[sources->state_next - sources->state_count - 1];
    for (size_t i = 0; i < sources->told_count; i++)
        if (strcmp(sources->told[i].name, name) == 0)
            return &sources->told[i];
    if (sources->told_count == sizeof(sources->told) / sizeof(sources->told[0]))
        return NULL;
    snprintf(sources->told[sources->told_count].name, sizeof(sources->told->name), "%s", name);
    return &sources->told[sources->told_count++];
}

/* What there is no room for is never told. */
static bool was_told(struct hostsources *sources, const struct power_source_state *state)
{
    const struct power_source_state *told = told_of(sources, state->name);

    return !told ||
           (strcmp(told->covers, state->covers) == 0 &&
            strcmp(told->problem, state->problem) == 0 && told->counted == state->counted &&
            told->missed_s == state->missed_s && told->restarts == state->restarts);
}

static struct power_source_state state_of(const struct powerset_state *from)
{
    struct power_source_state state = {.counted = from->counted};

    snprintf(state.name, sizeof(state.name), "%s", from->name);
    snprintf(state.covers, sizeof(state.covers), "%s", from->covers);
    snprintf(state.problem, sizeof(state.problem), "%s", from->problem);
    return state;
}

static struct power_source_state state_of_server(const struct scraper_state *from)
{
    struct power_source_state state = {
        .counted = 1, .missed_s = (uint32_t)from->missed_s, .restarts = (uint32_t)from->restarts};

    snprintf(state.name, sizeof(state.name), "%s", from->name);
    snprintf(state.covers, sizeof(state.covers), "%s", from->covers);
    snprintf(state.problem, sizeof(state.problem), "%s", from->problem);
    if (!state.problem[0] && from->unknown_teams > 0)
        snprintf(state.problem, sizeof(state.problem),
                 "%" PRIu64 " of its samples are of teams that are not configured",
                 from->unknown_teams);
    else if (!state.problem[0] && from->unreadable_lines > 0)
        snprintf(state.problem, sizeof(state.problem),
                 "lines of its answer cannot be read, and what they count is missing");
    return state;
}

/* The next of a round over all: sources of power, then servers. */
static bool next_of_round(struct hostsources *sources, struct power_source_state *state)
{
    struct scraper_state server;
    size_t place = sources->state_next++;

    if (place < sources->state_count)
        *state = state_of(&sources->states[place]);
    else if (sources->scraper &&
             scraper_state(sources->scraper, place - sources->state_count, &server))
        *state = state_of_server(&server);
    else
        return false;
    return true;
}

/* What is remembered are sums, what is told is how much they grew. */
void hostsources_told(struct hostsources *sources, const struct power_source_state *state)
{
    struct power_source_state *told = told_of(sources, state->name);
    struct power_source_state sums = *state;

    if (!told)
        return;
    sums.missed_s += told->missed_s;
    sums.restarts += told->restarts;
    *told = sums;
}

static void tell_growth(struct hostsources *sources, struct power_source_state *state)
{
    const struct power_source_state *told = told_of(sources, state->name);

    if (!told)
        return;
    state->missed_s -= told->missed_s < state->missed_s ? told->missed_s : state->missed_s;
    state->restarts -= told->restarts < state->restarts ? told->restarts : state->restarts;
}

bool hostsources_next_state(struct hostsources *sources, struct power_source_state *state)
{
    if (sources->state_next == 0 && sources->power)
        sources->state_count = powerset_states(sources->power, sources->states);
    while (next_of_round(sources, state))
        if (!was_told(sources, state)) {
            tell_growth(sources, state);
            return true;
        }
    sources->state_next = 0;
    return false;
}

/* -- Servers ---------------------------------------------------------------------------------- */

static uint16_t same_service(const struct hostsources *sources, const struct catalogue *catalogue,
                             uint16_t number)
{
    const struct service *service = catalogue_service(sources->config->catalogue, number);

    return service ? catalogue_find(catalogue, service->id) : SERVICE_NONE;
}

static uint16_t same_direction(const struct hostsources *sources,
                               const struct directions *directions, uint16_t number)
{
    const char *code = directions_get(sources->config->directions, number)->code;

    for (uint16_t i = 0; i < directions_count(directions); i++)
        if (strcmp(directions_get(directions, i)->code, code) == 0)
            return i;
    return DIRECTION_UNASSIGNED;
}

/* The models of a server's port, but for those whose service the start-up process does not know:
 * they count as the server's own. */
static size_t models_of(struct hostsources *sources, const struct catalogue *catalogue,
                        uint16_t port, size_t first)
{
    const struct inference_config *config = &sources->config->inference;
    size_t count = 0;

    for (unsigned i = 0; i < config->model_count; i++) {
        uint16_t service = same_service(sources, catalogue, config->models[i].service);

        if (config->models[i].port == port && service != SERVICE_NONE)
            sources->models[first + count++] =
                (struct server_model){config->models[i].name, service};
    }
    return count;
}

void hostsources_set_rules(struct hostsources *sources, const struct catalogue *catalogue,
                           const struct directions *directions)
{
    const struct inference_config *config = &sources->config->inference;
    struct scraper_target targets[SCRAPER_TARGETS];
    size_t models = 0;

    if (sources->scraper) /* their numbers never change */
        return;
    for (unsigned i = 0; i < config->server_count; i++) {
        struct scrape_config *scrape = &sources->scrapes[i];
        uint16_t service = same_service(sources, catalogue, config->servers[i].service);
        size_t count;

        *scrape = config->scrapes[i];
        if (scrape->url[0] == '\0' || service == SERVICE_NONE)
            continue;
        for (size_t j = 0; j < scrape->team_count; j++)
            scrape->directions[j] = (struct server_team){
                scrape->teams[j].label,
                same_direction(sources, directions, scrape->directions[j].direction)};
        count = models_of(sources, catalogue, config->servers[i].port, models);
        targets[sources->target_count++] =
            scrapeconfig_target(scrape, service, sources->models + models, count);
        models += count;
    }
    if (sources->target_count > 0)
        sources->scraper = scraper_new(targets, sources->target_count);
}
