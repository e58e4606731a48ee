/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/inferenceconfig.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/inference/httpheader.h"
#include "collectors/inference/scrapername.h"
#include "daemon/confread.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const struct inference_config inference_defaults = {
    .max_connections = 1024,
    .header = "x-direction",
    .order = {DIRECTION_BY_HEADER, DIRECTION_BY_KEY, DIRECTION_BY_ADDRESS},
    .order_count = SOURCE_COUNT,
    .users_order = {DIRECTION_BY_HEADER, DIRECTION_BY_KEY, DIRECTION_BY_ADDRESS},
    .users_count = SOURCE_COUNT,
};

#define CONFIG(name) offsetof(struct inference_config, name)
#define TEXT(name)   CONFIG(name), sizeof(((struct inference_config *)0)->name)

static const struct confread_key group_keys[] = {
    {"ports", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"servers", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"max_connections", CONFREAD_UINT, false, 16, 65536, CONFIG(max_connections), 0, NULL},
    {"direction_by", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"header", CONFREAD_STRING, false, 0, 0, TEXT(header), NULL},
    {"users_by", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"client_header", CONFREAD_STRING, false, 0, 0, TEXT(client_header), NULL},
    {"secret", CONFREAD_STRING, false, 0, 0, TEXT(secret_path), NULL},
    {"keys", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
};

struct key_entry {
    char direction[DIRECTION_CODE_SIZE];
    char hash[2 * APIKEY_DIGEST_SIZE + 1];
    unsigned users;
};

#define ENTRY(name) offsetof(struct key_entry, name), sizeof(((struct key_entry *)0)->name)

static const struct confread_key entry_keys[] = {
    {"direction", CONFREAD_STRING, true, 0, 0, ENTRY(direction), NULL},
    {"hash", CONFREAD_STRING, true, 0, 0, ENTRY(hash), NULL},
    {"users", CONFREAD_UINT, false, 2, MAX_INFERENCE_USERS, offsetof(struct key_entry, users), 0,
     NULL},
};

struct server_entry {
    unsigned port;
    char service[SERVICE_ID_SIZE];
    char remote[SERVICE_ID_SIZE];
    struct scrape_config scrape;
};

#define SERVER(name) offsetof(struct server_entry, name), sizeof(((struct server_entry *)0)->name)

static const struct confread_key server_keys[] = {
    {"port", CONFREAD_UINT, true, 1, UINT16_MAX, offsetof(struct server_entry, port), 0, NULL},
    {"service", CONFREAD_STRING, true, 0, 0, SERVER(service), NULL},
    {"remote", CONFREAD_STRING, false, 0, 0, SERVER(remote), NULL},
    {"models", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    SCRAPE_KEYS(struct server_entry, scrape),
};

struct model_entry {
    char name[MODEL_NAME_SIZE];
    char service[SERVICE_ID_SIZE];
};

#define MODEL(name) offsetof(struct model_entry, name), sizeof(((struct model_entry *)0)->name)

static const struct confread_key model_keys[] = {
    {"name", CONFREAD_STRING, true, 0, 0, MODEL(name), NULL},
    {"service", CONFREAD_STRING, true, 0, 0, MODEL(service), NULL},
};

static int length_of(const config_setting_t *list)
{
    return list && config_setting_is_aggregate(list) ? config_setting_length(list) : 0;
}

static void read_ports(struct inference_config *config, const config_setting_t *list,
                       struct diagnostics *diagnostics)
{
    for (int i = 0; i < length_of(list); i++) {
        const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);
        int port =
            config_setting_type(element) == CONFIG_TYPE_INT ? config_setting_get_int(element) : 0;

        if (port < 1 || port > UINT16_MAX)
            confread_error(element, diagnostics, "ports: a port is a number from 1 to 65535");
        else if (config->port_count == INFERENCE_MAX_PORTS)
            confread_error(element, diagnostics, "ports: more than %d", INFERENCE_MAX_PORTS);
        else
            config->ports[config->port_count++] = (uint16_t)port;
        for (unsigned j = 0; j + 1 < config->port_count; j++)
            if (config->ports[j] == port)
                confread_error(element, diagnostics, "ports: %d is listed twice", port);
    }
}

static unsigned source_of(const config_setting_t *element)
{
    const char *name = config_setting_get_string(element);
    unsigned source = 0;

    while (source < SOURCE_COUNT &&
           (!name || strcmp(name, direction_source_name((enum direction_source)source)) != 0))
        source++;
    return source;
}

static void read_order(uint8_t order[SOURCE_COUNT], uint8_t *count, const config_setting_t *list,
                       struct diagnostics *diagnostics)
{
    if (!list)
        return;
    *count = 0;
    for (int i = 0; i < length_of(list); i++) {
        const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);
        unsigned source = source_of(element);
        bool again = memchr(order, (int)source, *count) != NULL;

        if (source == SOURCE_COUNT || again) {
            confread_error(element, diagnostics,
                           "%s lists \"header\", \"key\" and \"address\", each once at most",
                           config_setting_name(list));
            return;
        }
        order[(*count)++] = (uint8_t)source;
    }
}

/* RFC 9110, 5.6.2. Names of headers are the same in capitals. */
static void check_header(char header[INFERENCE_HEADER_SIZE], const config_setting_t *group,
                         const char *key, struct diagnostics *diagnostics)
{
    const config_setting_t *own = config_setting_get_member(group, key);

    for (const char *at = header; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("!#$%&'*+-.^_`|~", *at)) {
            confread_error(own ? own : group, diagnostics, "%s: \"%s\" is not the name of a header",
                           key, header);
            return;
        }
    for (char *at = header; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    if (httpheader_find(header, strlen(header)) != KEYWORD_NONE)
        confread_error(own ? own : group, diagnostics, "%s: \"%s\" has a meaning of its own", key,
                       header);
}

static void check_headers(struct inference_config *config, const config_setting_t *group,
                          struct diagnostics *diagnostics)
{
    check_header(config->header, group, "header", diagnostics);
    check_header(config->client_header, group, "client_header", diagnostics);
    if (config->client_header[0] != '\0' && strcmp(config->header, config->client_header) == 0)
        confread_error(config_setting_get_member(group, "client_header"), diagnostics,
                       "client_header: \"%s\" tells the direction already (header)",
                       config->client_header);
}

static void read_key(struct inference_config *config, const config_setting_t *group,
                     struct diagnostics *diagnostics)
{
    struct inference_key *key = &config->keys[config->key_count];
    struct key_entry entry = {"", "", 0};

    if (config->key_count == MAX_INFERENCE_KEYS) {
        confread_error(group, diagnostics, "keys: more than %d", MAX_INFERENCE_KEYS);
        return;
    }
    if (!confread_group(group, entry_keys, COUNT_OF(entry_keys), &entry, diagnostics))
        return;
    if (!apikey_parse_hex(entry.hash, key->digest, sizeof(key->digest))) {
        confread_error(group, diagnostics,
                       "keys: hash is not the 64 digits that `iagmeter hash-key` prints");
        return;
    }
    for (size_t i = 0; i < config->key_count; i++)
        if (memcmp(config->keys[i].digest, key->digest, sizeof(key->digest)) == 0)
            confread_error(group, diagnostics, "keys: this hash is listed twice");
    key->users = (uint16_t)entry.users;
    memcpy(config->key_places[config->key_count].name.direction, entry.direction,
           sizeof(entry.direction));
    config->key_places[config->key_count].at = confread_place(group);
    config->key_count++;
}

/* -- Servers -------------------------------------------------------------------------------------
 */

static void keep_place(struct inference_place *place, const char service[SERVICE_ID_SIZE],
                       const config_setting_t *group)
{
    memcpy(place->name.service, service, SERVICE_ID_SIZE);
    place->at = confread_place(group);
}

static int compare_models(const struct inference_model *a, const struct inference_model *b)
{
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : a->port - b->port;
}

/* In the order of strcmp(), which is that of the bytes. */
static unsigned place_of_model(const struct inference_config *config,
                               const struct inference_model *model)
{
    unsigned place = 0;

    while (place < config->model_count && compare_models(&config->models[place], model) < 0)
        place++;
    return place;
}

bool inferenceconfig_add_model(struct inference_config *config, const struct inference_model *model)
{
    unsigned place = place_of_model(config, model);
    unsigned after = config->model_count - place;

    if (config->model_count == MAX_INFERENCE_MODELS)
        return false;
    memmove(&config->models[place + 1], &config->models[place], after * sizeof(*config->models));
    memmove(&config->model_places[place + 1], &config->model_places[place],
            after * sizeof(*config->model_places));
    config->models[place] = *model;
    config->model_count++;
    return true;
}

static void read_model(struct inference_config *config, uint16_t port,
                       const config_setting_t *group, struct diagnostics *diagnostics)
{
    struct inference_model model = {.port = port, .service = SERVICE_NONE};
    struct model_entry entry = {"", ""};
    unsigned place;

    if (!confread_group(group, model_keys, COUNT_OF(model_keys), &entry, diagnostics))
        return;
    memcpy(model.name, entry.name, sizeof(model.name));
    place = place_of_model(config, &model);
    if (model.name[0] == '\0')
        confread_error(group, diagnostics, "models: the name is empty");
    else if (place < config->model_count && compare_models(&config->models[place], &model) == 0)
        confread_error(group, diagnostics, "models: \"%s\" is listed twice for port %u", model.name,
                       port);
    else if (!inferenceconfig_add_model(config, &model))
        confread_error(group, diagnostics, "models: more than %d", MAX_INFERENCE_MODELS);
    else
        keep_place(&config->model_places[place], entry.service, group);
}

/* Where to look, too. */
static bool add_port(struct inference_config *config, uint16_t port)
{
    for (unsigned i = 0; i < config->port_count; i++)
        if (config->ports[i] == port)
            return true;
    if (config->port_count == INFERENCE_MAX_PORTS)
        return false;
    config->ports[config->port_count++] = port;
    return true;
}

static bool serves(const struct inference_config *config, uint16_t port)
{
    for (unsigned i = 0; i < config->server_count; i++)
        if (config->servers[i].port == port)
            return true;
    return false;
}

/* The ledger knows servers by their names. Two of one name would be one there, and who is asked for
 * two ports counts twice. */
static void check_name(const struct inference_config *config, const char *url,
                       const config_setting_t *group, struct diagnostics *diagnostics)
{
    char name[SCRAPERNAME_SIZE], other[SCRAPERNAME_SIZE];

    scrapername_of(url, name);
    for (unsigned i = 0; i < config->server_count && name[0] != '\0'; i++) {
        scrapername_of(config->scrapes[i].url, other);
        if (strcmp(name, other) == 0)
            confread_error(
                config_setting_get_member(group, "metrics"), diagnostics,
                "metrics: \"%s\" is asked for port %u already; URLs must differ in their "
                "first %d characters, before any ? or # (with metrics_socket, in a host "
                "of your choice)",
                name, config->servers[i].port, SCRAPERNAME_SIZE - 1);
    }
}

static void read_server(struct inference_config *config, const config_setting_t *group,
                        struct diagnostics *diagnostics)
{
    const config_setting_t *models = config_setting_get_member(group, "models");
    struct server_entry entry = {0, "", "", scrape_defaults};
    uint16_t port;

    if (!confread_group(group, server_keys, COUNT_OF(server_keys), &entry, diagnostics))
        return;
    port = (uint16_t)entry.port;
    if (serves(config, port)) {
        confread_error(group, diagnostics, "servers: port %u is listed twice", port);
        return;
    }
    if (!add_port(config, port)) {
        confread_error(group, diagnostics, "servers: more than %d ports", INFERENCE_MAX_PORTS);
        return;
    }
    config->servers[config->server_count] = (struct inference_server){
        port, SERVICE_NONE, SERVICE_NONE, entry.scrape.tokens == TOKENS_FROM_SERVER};
    keep_place(&config->server_places[config->server_count], entry.service, group);
    keep_place(&config->remote_places[config->server_count], entry.remote, group);
    scrapeconfig_read(&entry.scrape, group, diagnostics);
    check_name(config, entry.scrape.url, group, diagnostics);
    config->scrapes[config->server_count] = entry.scrape;
    config->server_count++;
    for (int i = 0; i < length_of(models); i++)
        read_model(config, port, config_setting_get_elem(models, (unsigned)i), diagnostics);
}

/* What is looked at, and metered by nobody. */
static void warn_of_ports(const struct inference_config *config, const config_setting_t *list,
                          struct diagnostics *diagnostics)
{
    char path[PATH_MAX];

    for (unsigned i = 0; list && i < config->port_count; i++)
        if (!serves(config, config->ports[i]))
            diagnostics_warning(diagnostics, confread_source_file(list, path, sizeof(path)),
                                config_setting_source_line(list),
                                "ports: only `iagmeter inspect` looks at %u: no server of servers "
                                "is on it",
                                config->ports[i]);
}

void inferenceconfig_read(struct inference_config *config, const config_setting_t *group,
                          struct diagnostics *diagnostics)
{
    const config_setting_t *keys = group ? config_setting_get_member(group, "keys") : NULL;
    const config_setting_t *ports = group ? config_setting_get_member(group, "ports") : NULL;
    const config_setting_t *servers = group ? config_setting_get_member(group, "servers") : NULL;

    if (!group || !confread_group(group, group_keys, COUNT_OF(group_keys), config, diagnostics))
        return;
    read_ports(config, ports, diagnostics);
    for (int i = 0; i < length_of(servers); i++)
        read_server(config, config_setting_get_elem(servers, (unsigned)i), diagnostics);
    warn_of_ports(config, ports, diagnostics);
    read_order(config->order, &config->order_count,
               config_setting_get_member(group, "direction_by"), diagnostics);
    read_order(config->users_order, &config->users_count,
               config_setting_get_member(group, "users_by"), diagnostics);
    check_headers(config, group, diagnostics);
    for (int i = 0; i < length_of(keys); i++)
        read_key(config, config_setting_get_elem(keys, (unsigned)i), diagnostics);
    if (config->key_count > 0 && config->secret_path[0] == '\0')
        confread_error(keys, diagnostics, "keys: their hashes need a secret");
}

static bool parse_secret(FILE *stream, struct apikey_secret *secret)
{
    char text[2 * APIKEY_SECRET_SIZE + 3] = "";
    size_t length = fread(text, 1, sizeof(text) - 1, stream);
    bool valid;

    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
    valid = apikey_parse_hex(text, secret->bytes, sizeof(secret->bytes));
    explicit_bzero(text, sizeof(text));
    return valid;
}

void inferenceconfig_read_secret(struct inference_config *config, struct diagnostics *diagnostics)
{
    const char *path = config->secret_path;
    struct stat status;
    FILE *stream;

    if (path[0] == '\0')
        return;
    stream = fopen(path, "re");
    if (!stream) {
        diagnostics_error(diagnostics, path, 0, "cannot read: %s", strerror(errno));
        return;
    }
    setvbuf(stream, NULL, _IONBF, 0);
    config->has_secret = parse_secret(stream, &config->secret);
    if (!config->has_secret)
        diagnostics_error(diagnostics, path, 1,
                          "not a secret: 64 hexadecimal digits, as `openssl "
                          "rand -hex 32` prints them");
    if (fstat(fileno(stream), &status) == 0 && status.st_mode & S_IRWXO)
        diagnostics_warning(diagnostics, path, 0,
                            "every user can read this secret: chmod 640, owned by root and the "
                            "daemon's group");
    fclose(stream);
}

/* -- What is in other files ----------------------------------------------------------------------
 */

static void resolve_key(struct inference_key *key, const struct inference_place *place,
                        const struct directions *directions, struct diagnostics *diagnostics)
{
    uint16_t number = 1;

    while (number < directions_count(directions) &&
           strcmp(directions_get(directions, number)->code, place->name.direction) != 0)
        number++;
    if (number < directions_count(directions))
        key->direction = number;
    else
        diagnostics_error(diagnostics, place->at.file, place->at.line,
                          "keys: there is no direction \"%s\" in directions.conf",
                          place->name.direction);
}

/* SERVICE_NONE after an error. */
static uint16_t resolve_service(const struct inference_place *place,
                                const struct catalogue *catalogue, struct diagnostics *diagnostics)
{
    uint16_t number = catalogue_find(catalogue, place->name.service);

    if (number == SERVICE_NONE)
        diagnostics_error(diagnostics, place->at.file, place->at.line,
                          "servers: there is no service \"%s\" in services.conf",
                          place->name.service);
    return number;
}

/* What a server does not say is estimated as its service's estimator says. */
static void resolve_server(struct inference_server *server, const struct inference_place *place,
                           const struct catalogue *catalogue, struct diagnostics *diagnostics)
{
    const struct service *service;

    server->service = resolve_service(place, catalogue, diagnostics);
    if (server->service == SERVICE_NONE)
        return;
    service = catalogue_service(catalogue, server->service);
    if (!service->local)
        diagnostics_error(diagnostics, place->at.file, place->at.line,
                          "servers: service \"%s\" is not local = true in services.conf",
                          service->id);
    else if (service->estimator.method != METHOD_EVENTS)
        diagnostics_error(
            diagnostics, place->at.file, place->at.line,
            "servers: service \"%s\" has the estimator \"%s\", which is not of method "
            "\"events\"",
            service->id, service->estimator.name);
}

static void resolve_remote(struct inference_server *server, const struct inference_place *place,
                           const struct catalogue *catalogue, struct diagnostics *diagnostics)
{
    if (place->name.service[0] == '\0')
        return;
    server->remote = resolve_service(place, catalogue, diagnostics);
    if (server->remote != SERVICE_NONE && catalogue_service(catalogue, server->remote)->local)
        diagnostics_error(diagnostics, place->at.file, place->at.line,
                          "servers: remote is for what is computed elsewhere, and \"%s\" is local",
                          place->name.service);
}

/* Two servers whose counts are added up as those of one service: right for two of a kind, which
 * share the work, but a proxy counts what the server behind it counts as well. */
static void check_pair(const struct inference_config *config, unsigned first, unsigned second,
                       struct diagnostics *diagnostics)
{
    const struct scrape_config *a = &config->scrapes[first], *b = &config->scrapes[second];
    const struct diagnostics_place at = config->server_places[second].at;

    if (a->url[0] == '\0' || b->url[0] == '\0' || config->servers[first].service == SERVICE_NONE ||
        config->servers[first].service != config->servers[second].service)
        return;
    if (a->tokens != b->tokens)
        diagnostics_error(diagnostics, at.file, at.line,
                          "servers: tokens differs from that of the other server of service %s",
                          config->server_places[second].name.service);
    if ((a->dialect == SERVER_LITELLM) != (b->dialect == SERVER_LITELLM))
        diagnostics_warning(diagnostics, at.file, at.line,
                            "servers: if port %u is behind port %u or the other way round, both "
                            "count each request: give metrics to one of them",
                            config->servers[second].port, config->servers[first].port);
}

void inferenceconfig_resolve(struct inference_config *config, const struct catalogue *catalogue,
                             const struct directions *directions, struct diagnostics *diagnostics)
{
    for (size_t i = 0; directions && i < config->key_count; i++)
        resolve_key(&config->keys[i], &config->key_places[i], directions, diagnostics);
    for (unsigned i = 0; directions && i < config->server_count; i++)
        scrapeconfig_resolve(&config->scrapes[i], directions, diagnostics);
    for (unsigned i = 0; catalogue && i < config->server_count; i++) {
        resolve_server(&config->servers[i], &config->server_places[i], catalogue, diagnostics);
        resolve_remote(&config->servers[i], &config->remote_places[i], catalogue, diagnostics);
    }
    for (unsigned i = 1; catalogue && i < config->server_count; i++)
        for (unsigned j = 0; j < i; j++)
            check_pair(config, j, i, diagnostics);
    for (unsigned i = 0; catalogue && i < config->model_count; i++)
        config->models[i].service =
            resolve_service(&config->model_places[i], catalogue, diagnostics);
}

bool inferenceconfig_scrapes(const struct inference_config *config)
{
    for (unsigned i = 0; i < config->server_count; i++)
        if (config->scrapes[i].url[0] != '\0')
            return true;
    return false;
}

static bool has_service(const struct inference_config *config, unsigned server, uint16_t number)
{
    bool found = config->servers[server].service == number;

    for (unsigned i = 0; i < config->model_count; i++)
        found |= config->models[i].port == config->servers[server].port &&
                 config->models[i].service == number;
    return found;
}

/* Servers of one service are configured alike: the first says it. */
bool inferenceconfig_server_is_use(const struct inference_config *config,
                                   const struct catalogue *catalogue, const char *service)
{
    uint16_t number = catalogue_find(catalogue, service);

    for (unsigned i = 0; i < config->server_count && number != SERVICE_NONE; i++)
        if (config->scrapes[i].url[0] != '\0' && has_service(config, i, number))
            return config->scrapes[i].tokens == TOKENS_FROM_SERVER;
    return false;
}

struct inference_rules inferenceconfig_rules(const struct inference_config *config,
                                             const struct directions *directions)
{
    struct inference_rules rules = {
        .directions = directions,
        .secret = config->has_secret ? &config->secret : NULL,
        .keys = config->keys,
        .key_count = config->key_count,
        .order_count = config->order_count,
        .users_count = config->users_count,
        .servers = config->servers,
        .server_count = config->server_count,
        .models = {config->models, (uint16_t)config->model_count},
    };

    memcpy(rules.header, config->header, sizeof(rules.header));
    memcpy(rules.order, config->order, sizeof(rules.order));
    memcpy(rules.client_header, config->client_header, sizeof(rules.client_header));
    memcpy(rules.users_order, config->users_order, sizeof(rules.users_order));
    return rules;
}
