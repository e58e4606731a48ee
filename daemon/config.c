/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collectors/capture/tunnels.h"
#include "daemon/calendar.h"
#include "daemon/confread.h"
#include "daemon/impact.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DIGEST_START    0xcbf29ce484222325ULL /* FNV-1a */
#define DAY_S           86400

static const struct config defaults = {
    .state_directory = IAGMETER_STATEDIR,
    .timezone = "Europe/Paris",
    .kernel_filter = true,
    .services_path = "services.conf",
    .services_directory = "services.d",
    .directions_path = "directions.conf",
    .factors_path = "factors/2026",
    .objectives_path = "objectives.conf",
    .rrd_years = 5,
    .limits =
        {
            .max_flows = 262144,
            .max_tracked_flows = 8192,
            .max_reassembly = 1024,
            .max_devices = 65536,
            .max_hints = 65536,
        },
    .report = {.threshold = 5, .restatement_percent = 5},
};

/* Network cards and the kernel join segments before we see them: frames are up to 64 kB, and a cut
 * frame loses the records behind the cut. */
static const struct interface_config interface_defaults = {
    .promiscuous = true,
    .mode = CAPTURE_RING,
    .snap_length = 65535,
    .buffer_mib = 32,
    .workers = 1,
};

#define CONFIG(name) offsetof(struct config, name)
#define TEXT(name)   offsetof(struct config, name), sizeof(((struct config *)0)->name)

static const struct confread_key root_keys[] = {
    {"state_directory", CONFREAD_STRING, false, 0, 0, TEXT(state_directory), NULL},
    {"user", CONFREAD_STRING, false, 0, 0, TEXT(user), NULL},
    {"timezone", CONFREAD_STRING, false, 0, 0, TEXT(timezone), NULL},
    {"kernel_filter", CONFREAD_BOOL, false, 0, 0, CONFIG(kernel_filter), 0, NULL},
    {"services", CONFREAD_STRING, false, 0, 0, TEXT(services_path), NULL},
    {"services_directory", CONFREAD_STRING, false, 0, 0, TEXT(services_directory), NULL},
    {"directions", CONFREAD_STRING, false, 0, 0, TEXT(directions_path), NULL},
    {"factors", CONFREAD_STRING, false, 0, 0, TEXT(factors_path), NULL},
    {"objectives", CONFREAD_STRING, false, 0, 0, TEXT(objectives_path), NULL},
    {"calibrations", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"host", CONFREAD_STRING, false, 0, 0, TEXT(host_path), NULL},
    {"rrd_years", CONFREAD_UINT, false, 1, 50, CONFIG(rrd_years), 0, NULL},
    {"limits", CONFREAD_GROUP, false, 0, 0, 0, 0, NULL},
    {"trust", CONFREAD_GROUP, false, 0, 0, 0, 0, NULL},
    {"tunnel_ports", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"report", CONFREAD_GROUP, false, 0, 0, 0, 0, NULL},
    {"inference", CONFREAD_GROUP, false, 0, 0, 0, 0, NULL},
    {"interfaces", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
};

static const struct confread_key limit_keys[] = {
    {"max_flows", CONFREAD_UINT, false, 1024, 16777216, CONFIG(limits.max_flows), 0, NULL},
    {"max_tracked_flows", CONFREAD_UINT, false, 64, 1048576, CONFIG(limits.max_tracked_flows), 0,
     NULL},
    {"max_reassembly", CONFREAD_UINT, false, 16, 1048576, CONFIG(limits.max_reassembly), 0, NULL},
    {"max_devices", CONFREAD_UINT, false, 1024, 16777216, CONFIG(limits.max_devices), 0, NULL},
    {"max_hints", CONFREAD_UINT, false, 1024, 16777216, CONFIG(limits.max_hints), 0, NULL},
};

static const char *const answer_names[] = {"asked", "any", NULL};

static const struct confread_key trust_keys[] = {
    {"dns_answers", CONFREAD_ENUM, false, 0, 0, CONFIG(trust.answers), 0, answer_names},
    {"tunnels", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
};

static const struct confread_key report_keys[] = {
    {"organisation", CONFREAD_STRING, false, 0, 0, TEXT(report.organisation), NULL},
    {"directory", CONFREAD_STRING, false, 0, 0, TEXT(report.directory), NULL},
    {"threshold", CONFREAD_UINT, false, 1, 1000, CONFIG(report.threshold), 0, NULL},
    {"restatement_percent", CONFREAD_DOUBLE, false, 0, 1000, CONFIG(report.restatement_percent), 0,
     NULL},
};

static const char *const mode_names[] = {"ring", "immediate", NULL};

#define INTERFACE(name) offsetof(struct interface_config, name)

static const struct confread_key interface_keys[] = {
    {"name", CONFREAD_STRING, true, 0, 0, INTERFACE(name), INTERFACE_NAME_SIZE, NULL},
    {"filter", CONFREAD_STRING, false, 0, 0, INTERFACE(filter), FILTER_SIZE, NULL},
    {"promiscuous", CONFREAD_BOOL, false, 0, 0, INTERFACE(promiscuous), 0, NULL},
    {"mode", CONFREAD_ENUM, false, 0, 0, INTERFACE(mode), 0, mode_names},
    {"snap_length", CONFREAD_UINT, false, 256, 262144, INTERFACE(snap_length), 0, NULL},
    {"buffer_mib", CONFREAD_UINT, false, 1, 2047, INTERFACE(buffer_mib), 0, NULL},
    {"workers", CONFREAD_UINT, false, 1, MAX_WORKERS, INTERFACE(workers), 0, NULL},
};

/* Where to complain about KEY: its own line, or the group's when a default is to blame. */
static const config_setting_t *place_of(const config_setting_t *group, const char *key)
{
    const config_setting_t *setting = config_setting_get_member(group, key);

    return setting ? setting : group;
}

/* NULL when there is none, or when it is no group, which was complained about. */
static const config_setting_t *group_of(const config_setting_t *root, const char *name)
{
    const config_setting_t *setting = config_setting_get_member(root, name);

    return setting && config_setting_is_group(setting) ? setting : NULL;
}

static void read_limits(struct config *config, const config_setting_t *group,
                        struct diagnostics *diagnostics)
{
    const struct limits *limits = &config->limits;

    if (!group || !confread_group(group, limit_keys, COUNT_OF(limit_keys), config, diagnostics))
        return;
    if (limits->max_tracked_flows > limits->max_flows)
        confread_error(place_of(group, "max_tracked_flows"), diagnostics,
                       "max_tracked_flows is %u, more than max_flows, %u",
                       limits->max_tracked_flows, limits->max_flows);
    if (limits->max_reassembly > limits->max_tracked_flows)
        confread_error(place_of(group, "max_reassembly"), diagnostics,
                       "max_reassembly is %u, more than max_tracked_flows, %u",
                       limits->max_reassembly, limits->max_tracked_flows);
}

/* Gives each of LIST, if there is one, to ADD, which returns NULL, or why it was refused. */
static void read_policy(struct config *config, const config_setting_t *list,
                        const char *(*add)(struct trust_policy *policy, const char *text),
                        struct diagnostics *diagnostics)
{
    for (int i = 0; list && i < config_setting_length(list); i++) {
        const config_setting_t *place = config_setting_get_elem(list, (unsigned)i);
        const char *text = config_setting_get_string(place);
        const char *problem = add(&config->trust, text ? text : "");

        if (problem)
            confread_error(place, diagnostics, "%s: %s \"%s\"", config_setting_name(list), problem,
                           text ? text : "");
    }
}

static void read_trust(struct config *config, const config_setting_t *group,
                       struct diagnostics *diagnostics)
{
    const config_setting_t *tunnels;

    if (!group || !confread_group(group, trust_keys, COUNT_OF(trust_keys), config, diagnostics))
        return;
    tunnels = config_setting_get_member(group, "tunnels");
    config->trust.tunnels_listed = tunnels != NULL;
    read_policy(config, tunnels, trust_add_tunnel, diagnostics);
}

static void check_interface(const struct config *config, const config_setting_t *group,
                            const struct interface_config *interface,
                            struct diagnostics *diagnostics)
{
    if (interface->name[0] == '\0')
        confread_error(place_of(group, "name"), diagnostics, "name of interface is empty");
    for (unsigned i = 0; i < config->interface_count; i++)
        if (strcmp(config->interfaces[i].name, interface->name) == 0)
            confread_error(place_of(group, "name"), diagnostics,
                           "interface %s is listed twice: its traffic would count twice",
                           interface->name);
}

unsigned config_captures(const struct config *config)
{
    unsigned count = 0;

    for (unsigned i = 0; i < config->interface_count; i++)
        count += config->interfaces[i].workers;
    return count;
}

static void read_interfaces(struct config *config, const config_setting_t *list,
                            struct diagnostics *diagnostics)
{
    for (int i = 0; list && i < config_setting_length(list); i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        struct interface_config interface = interface_defaults;

        if (config->interface_count == MAX_INTERFACES) {
            confread_error(group, diagnostics, "more than %d interfaces", MAX_INTERFACES);
            return;
        }
        if (!confread_group(group, interface_keys, COUNT_OF(interface_keys), &interface,
                            diagnostics))
            continue;
        interface.filter_place = confread_place(place_of(group, "filter"));
        check_interface(config, group, &interface, diagnostics);
        config->interfaces[config->interface_count++] = interface;
        if (config_captures(config) > MAX_CAPTURES)
            confread_error(place_of(group, "workers"), diagnostics,
                           "more than %d workers of all interfaces together", MAX_CAPTURES);
    }
}

/* Makes PATH[PATH_MAX] absolute, relative to the directory of iagmeter.conf. */
static void resolve(const struct config *config, char *path, struct diagnostics *diagnostics)
{
    char resolved[2 * PATH_MAX];
    int directory = (int)(strrchr(config->path, '/') - config->path);

    if (path[0] == '/')
        return;
    snprintf(resolved, sizeof(resolved), "%.*s/%s", directory, config->path, path);
    if (strlen(resolved) < PATH_MAX)
        memcpy(path, resolved, strlen(resolved) + 1);
    else
        diagnostics_error(diagnostics, config->path, 0, "path is too long: %s", path);
}

static void resolve_paths(struct config *config, struct diagnostics *diagnostics)
{
    resolve(config, config->state_directory, diagnostics);
    resolve(config, config->services_path, diagnostics);
    resolve(config, config->services_directory, diagnostics);
    resolve(config, config->directions_path, diagnostics);
    resolve(config, config->factors_path, diagnostics);
    resolve(config, config->objectives_path, diagnostics);
    if (config->host_path[0] != '\0')
        resolve(config, config->host_path, diagnostics);
    if (config->report.directory[0] == '\0' &&
        snprintf(config->report.directory, PATH_MAX, "%s/reports", config->state_directory) >=
            PATH_MAX)
        diagnostics_error(diagnostics, config->path, 0, "state_directory is too long");
    resolve(config, config->report.directory, diagnostics);
    if (config->inference.secret_path[0] != '\0')
        resolve(config, config->inference.secret_path, diagnostics);
    for (unsigned i = 0; i < config->inference.server_count; i++)
        if (config->inference.scrapes[i].bearer_path[0] != '\0')
            resolve(config, config->inference.scrapes[i].bearer_path, diagnostics);
}

static void read_root(struct config *config, const config_setting_t *root,
                      struct diagnostics *diagnostics)
{
    confread_group(root, root_keys, COUNT_OF(root_keys), config, diagnostics);
    config->objectives_named = config_setting_get_member(root, "objectives") != NULL;
    config->user_place = confread_place(place_of(root, "user"));
    if (config->state_directory[0] == '\0') /* it would be that of the configuration */
        confread_error(place_of(root, "state_directory"), diagnostics, "state_directory is empty");
    read_limits(config, group_of(root, "limits"), diagnostics);
    read_trust(config, group_of(root, "trust"), diagnostics);
    read_policy(config, config_setting_get_member(root, "tunnel_ports"), tunnels_add_port,
                diagnostics);
    if (group_of(root, "report"))
        confread_group(group_of(root, "report"), report_keys, COUNT_OF(report_keys), config,
                       diagnostics);
    inferenceconfig_read(&config->inference, group_of(root, "inference"), diagnostics);
    read_interfaces(config, config_setting_get_member(root, "interfaces"), diagnostics);
    servicecalibration_read(config->calibrations, config_setting_get_member(root, "calibrations"),
                            config->path, time(NULL) / DAY_S, diagnostics);
    /* Not set: a configuration that is refused at reload must leave the old one as it was. */
    if (!calendar_has_zone(config->timezone))
        confread_error(place_of(root, "timezone"), diagnostics,
                       "timezone \"%s\" is not in " CALENDAR_ZONES, config->timezone);
}

/* A slip in a model's name must not become another size unsaid. */
static void warn_of_class(const struct service *service, const char *model,
                          const struct model_factors *class, const config_setting_t *place,
                          struct diagnostics *diagnostics)
{
    char path[PATH_MAX];
    char entry[MODEL_ENTRY_SIZE];

    factors_model_entry(class, entry);
    diagnostics_warning(diagnostics, confread_source_file(place, path, sizeof(path)),
                        config_setting_source_line(place),
                        "service %s: model \"%s\" is not in models.conf: %s stands in", service->id,
                        model, entry);
}

static void check_model(const struct factors *factors, const struct service *service,
                        const char *model, const config_setting_t *place,
                        struct diagnostics *diagnostics)
{
    struct impact_factors found;
    const char *problem = impact_resolve_model(factors, service, model, &found);

    if (problem)
        confread_error(place, diagnostics, "service %s: %s (provider \"%s\", model \"%s\")",
                       service->id, problem, service->provider, model);
    else if (!factors_model_named(factors, model))
        warn_of_class(service, model, found.model, place, diagnostics);
}

static void check_image_model(const struct factors *factors, const struct service *service,
                              const config_setting_t *place, struct diagnostics *diagnostics)
{
    const config_setting_t *own = config_setting_get_member(place, "image_model");
    const struct medium_factors *medium;
    struct impact_factors used;
    const char *problem;

    if (service->image_model[0] == '\0')
        return;
    problem = impact_resolve_images(factors, service, &used, &medium);
    if (problem)
        confread_error(own ? own : place, diagnostics,
                       "service %s: %s (provider \"%s\", image_model \"%s\")", service->id, problem,
                       service->provider, service->image_model);
}

/* Whether the factors hold what a service names. */
static void check_service(void *context, const config_setting_t *place,
                          const struct catalogue *catalogue, uint16_t number,
                          struct diagnostics *diagnostics)
{
    const struct factors *factors = context;
    const struct service *service = catalogue_service(catalogue, number);
    /* A region has its service's, elsewhere. */
    const config_setting_t *own = config_setting_get_member(place, "model");
    const config_setting_t *list = config_setting_get_member(place, "mix");
    size_t count;
    const struct mix *mixes = catalogue_mixes(catalogue, number, &count);

    if (service->provider[0] != '\0' && !factors_provider(factors, service->provider)) {
        own = config_setting_get_member(place, "provider");
        confread_error(own ? own : place, diagnostics,
                       "service %s: the provider \"%s\" is not in providers.conf", service->id,
                       service->provider);
        return; /* once, and not for each of its models */
    }
    check_image_model(factors, service, place, diagnostics);
    if (service->model[0] != '\0')
        check_model(factors, service, service->model, own ? own : place, diagnostics);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < mixes[i].count; j++)
            check_model(factors, service, mixes[i].parts[j].model,
                        list ? config_setting_get_elem(list, (unsigned)i) : place, diagnostics);
}

/* ---- files of a directory ---- */

static int is_configuration(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return entry->d_name[0] != '.' && dot && strcmp(dot, ".conf") == 0;
}

/* Byte order, not the locale's: two processes must agree. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_service_file(struct config *config, const char *directory, const char *name,
                             struct diagnostics *diagnostics)
{
    char **files = realloc(config->service_files,
                           (config->service_file_count + 1) * sizeof(*config->service_files));
    char *path = NULL;

    if (files)
        config->service_files = files;
    if (!files || asprintf(&path, "%s%s%s", directory, directory[0] ? "/" : "", name) < 0)
        diagnostics_error(diagnostics, config->path, 0, "out of memory");
    else
        config->service_files[config->service_file_count++] = path;
}

static void list_service_files(struct config *config, struct diagnostics *diagnostics)
{
    const char *directory = config->services_directory;
    struct dirent **entries;
    int count = scandir(directory, &entries, is_configuration, by_name);

    add_service_file(config, "", config->services_path, diagnostics);
    if (count < 0 && errno != ENOENT)
        diagnostics_error(diagnostics, directory, 0, "cannot read: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        add_service_file(config, directory, entries[i]->d_name, diagnostics);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* ---- digest ---- */

static const char include[] = "@include";

struct digest {
    uint64_t hash; /* FNV-1a */
    char last[PATH_MAX];
};

static void digest_bytes(struct digest *digest, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        digest->hash = (digest->hash ^ bytes[i]) * 0x100000001b3ULL;
}

/* How many characters of "@include" BYTES end with, MATCHED of them before; all, once all were
 * there.
 */
static size_t match_include(const unsigned char *bytes, size_t count, size_t matched)
{
    for (size_t i = 0; i < count && matched < sizeof(include) - 1; i++)
        matched = bytes[i] == (unsigned char)include[matched] ? matched + 1 : bytes[i] == '@';
    return matched;
}

/* Returns whether there may be an @include in it. */
static bool digest_file(struct digest *digest, const char *path)
{
    unsigned char buffer[4096];
    FILE *stream = fopen(path, "re");
    size_t matched = 0;
    size_t count;

    snprintf(digest->last, sizeof(digest->last), "%s", path);
    if (!stream)
        return false;
    while ((count = fread(buffer, 1, sizeof(buffer), stream)) > 0) {
        digest_bytes(digest, buffer, count);
        matched = match_include(buffer, count, matched);
    }
    fclose(stream);
    /* An end mark, so that a line moved to the next file changes the digest. */
    digest_bytes(digest, (const unsigned char *)"", 1);
    return matched == sizeof(include) - 1;
}

/* Adds the files that @include brought in: those that settings say they come from. The depth is
 * that of the file, which libconfig's parser bounds. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static void digest_includes(struct digest *digest, const config_setting_t *setting)
{
    char path[PATH_MAX];
    const char *file = confread_source_file(setting, path, sizeof(path));

    if (file && strcmp(file, digest->last) != 0)
        digest_file(digest, file);
    for (int i = 0; config_setting_is_aggregate(setting) && i < config_setting_length(setting); i++)
        digest_includes(digest, config_setting_get_elem(setting, (unsigned)i));
}

static void digest_config(struct digest *digest, const char *path, struct diagnostics *diagnostics)
{
    config_t config;

    if (!digest_file(digest, path)) /* parsing it once more takes as long as all the rest */
        return;
    if (confread_file(&config, path, diagnostics))
        digest_includes(digest, config_root_setting(&config));
    config_destroy(&config);
}

static void digest_directory(struct digest *digest, const char *directory,
                             struct diagnostics *diagnostics)
{
    char path[2 * PATH_MAX];
    struct dirent **entries;
    int count = scandir(directory, &entries, is_configuration, by_name);

    if (count < 0) {
        diagnostics_error(diagnostics, directory, 0, "cannot read: %s", strerror(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
        digest_config(digest, path, diagnostics);
        free(entries[i]);
    }
    free(entries);
}

void config_digest_factors(const char *directory, uint64_t *out, struct diagnostics *diagnostics)
{
    struct digest digest = {.hash = DIGEST_START};
    size_t errors = diagnostics_errors(diagnostics);

    digest_directory(&digest, directory, diagnostics);
    *out = diagnostics_errors(diagnostics) == errors ? digest.hash : 0;
}

static void digest_host(struct digest *digest, const struct host_config *host,
                        struct diagnostics *diagnostics)
{
    digest_config(digest, host->path, diagnostics);
    for (size_t i = 0; i < host->calibration_count; i++)
        digest_config(digest, host->calibrations[i].path, diagnostics);
}

static uint64_t digest_all(const struct config *config, struct diagnostics *diagnostics)
{
    struct digest digest = {.hash = DIGEST_START};

    digest_config(&digest, config->path, diagnostics);
    for (size_t i = 0; i < config->service_file_count; i++)
        digest_config(&digest, config->service_files[i], diagnostics);
    digest_config(&digest, config->directions_path, diagnostics);
    digest_directory(&digest, config->factors_path, diagnostics);
    if (config->inference.secret_path[0] != '\0')
        digest_file(&digest, config->inference.secret_path);
    for (size_t i = 0; i < config->calibrations->count; i++)
        digest_config(&digest, config->calibrations->items[i].path, diagnostics);
    if (config->host)
        digest_host(&digest, config->host, diagnostics);
    return digest.hash;
}

/* Keeps the path usable after a chdir(), without following links: what is relative to
 * /etc/iagmeter/iagmeter.conf stays there when that is a link. */
static bool make_absolute(const char *path, char *out, struct diagnostics *diagnostics)
{
    char directory[PATH_MAX] = "";
    int length;

    if (path[0] != '/' && !getcwd(directory, sizeof(directory))) {
        diagnostics_error(diagnostics, path, 0, "current directory: %s", strerror(errno));
        return false;
    }
    length = snprintf(out, PATH_MAX, "%s%s%s", directory, path[0] == '/' ? "" : "/", path);
    if (length < PATH_MAX)
        return true;
    diagnostics_error(diagnostics, path, 0, "path is too long");
    return false;
}

static void load_parts(struct config *config, const struct config *previous,
                       struct diagnostics *diagnostics)
{
    config->factors = factors_load(config->factors_path, diagnostics);
    if (config->factors)
        factors_check_date(config->factors, time(NULL), diagnostics);
    config->catalogue = catalogue_load_files(
        config->service_files, config->service_file_count, previous ? previous->catalogue : NULL,
        config->factors ? check_service : NULL, config->factors, diagnostics);
    servicecalibration_resolve(config->calibrations, config->catalogue, diagnostics);
    config->directions = directions_load(config->directions_path,
                                         previous ? previous->directions : NULL, diagnostics);
    if (config->objectives_named && access(config->objectives_path, F_OK) != 0)
        diagnostics_warning(diagnostics, config->objectives_path, 0, "%s: there are no objectives",
                            strerror(errno));
    config->objectives = objectives_load(config->objectives_path, config->directions, diagnostics);
    if (config->host_path[0] != '\0')
        config->host = hostconfig_load(config->host_path, config->catalogue, config->directions,
                                       config->factors, time(NULL), diagnostics);
    inferenceconfig_resolve(&config->inference, config->catalogue, config->directions, diagnostics);
    for (unsigned i = 0; i < config->inference.server_count && config->host_path[0] == '\0'; i++)
        if (config->inference.servers[i].counts_itself)
            diagnostics_error(diagnostics, config->inference.server_places[i].at.file,
                              config->inference.server_places[i].at.line,
                              "servers: tokens = \"server\" needs a host (host.conf), with whose "
                              "energy they are recorded");
}

/* As far as it can be read, so that all that is wrong can be said; NULL when there is nothing. */
static struct config *read_main(const char *path, struct diagnostics *diagnostics)
{
    struct config *config = malloc(sizeof(*config));
    bool parsed = false;
    config_t file;

    if (!config) {
        diagnostics_error(diagnostics, path, 0, "out of memory");
        return NULL;
    }
    *config = defaults;
    config->calibrations = calloc(1, sizeof(*config->calibrations));
    if (!config->calibrations) {
        diagnostics_error(diagnostics, path, 0, "out of memory");
        free(config);
        return NULL;
    }
    config->inference = inference_defaults;
    if (make_absolute(path, config->path, diagnostics)) {
        parsed = confread_file(&file, config->path, diagnostics);
        if (parsed) {
            read_root(config, config_root_setting(&file), diagnostics);
            resolve_paths(config, diagnostics);
            inferenceconfig_read_secret(&config->inference, diagnostics);
            for (unsigned i = 0; i < config->inference.server_count; i++)
                scrapeconfig_check_bearer(&config->inference.scrapes[i], diagnostics);
            list_service_files(config, diagnostics);
        }
        config_destroy(&file);
    }
    if (parsed)
        return config;
    config_free(config);
    return NULL;
}

struct config *config_load_main(const char *path, struct diagnostics *diagnostics)
{
    size_t errors = diagnostics_errors(diagnostics);
    struct config *config = read_main(path, diagnostics);

    if (diagnostics_errors(diagnostics) == errors)
        return config;
    config_free(config);
    return NULL;
}

static struct config *load_all(const char *path, const struct config *previous,
                               struct diagnostics *diagnostics)
{
    size_t errors = diagnostics_errors(diagnostics);
    struct config *config = read_main(path, diagnostics);

    if (config)
        load_parts(config, previous, diagnostics);
    if (config && diagnostics_errors(diagnostics) == errors)
        config->digest = digest_all(config, diagnostics);
    if (diagnostics_errors(diagnostics) == errors)
        return config;
    config_free(config);
    return NULL;
}

/* Whether the daemon could start with these files. */
static bool may_start(const char *path)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config = diagnostics ? load_all(path, NULL, diagnostics) : NULL;
    bool valid = config != NULL;

    config_free(config);
    diagnostics_free(diagnostics);
    return valid;
}

/* Services and directions that were removed keep their numbers, so that what names them would pass
 * at a reload, and keep the daemon from its next start. */
struct config *config_load(const char *path, const struct config *previous,
                           struct diagnostics *diagnostics)
{
    if (!previous || may_start(path))
        return load_all(path, previous, diagnostics);
    config_free(load_all(path, NULL, diagnostics)); /* says what is wrong */
    return NULL;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    catalogue_free(config->catalogue);
    directions_free(config->directions);
    factors_free(config->factors);
    free(config->calibrations);
    objectives_free(config->objectives);
    hostconfig_free(config->host);
    for (size_t i = 0; i < config->service_file_count; i++)
        free(config->service_files[i]);
    free(config->service_files);
    explicit_bzero(&config->inference.secret, sizeof(config->inference.secret));
    free(config);
}

void config_default_path(char *out, size_t size)
{
    static const char root[] = IAGMETER_TREE "/";
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    bool in_tree = sizeof(IAGMETER_TREE) > 1 && length >= (ssize_t)(sizeof(root) - 1) &&
                   memcmp(program, root, sizeof(root) - 1) == 0;

    snprintf(out, size, "%s",
             in_tree ? IAGMETER_TREE "/conf/iagmeter.conf" : IAGMETER_CONFDIR "/iagmeter.conf");
}
