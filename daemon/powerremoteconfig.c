/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/powerremoteconfig.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/confread.h"

#define COUNT_OF(array)      (sizeof(array) / sizeof((array)[0]))
#define AT(type, name)       offsetof(struct type, name)
#define TEXT(type, name)     AT(type, name), sizeof(((struct type *)0)->name), NULL
#define NUMBER(type, name)   AT(type, name), 0, NULL
#define NAMED(type, name, x) AT(type, name), 0, x

enum {
    LEAST_EVERY_MS = 1000,
    MOST_EVERY_MS = 300000, /* twice that is waited for, and sharing waits for 15 minutes at most */
    LEAST_TIMEOUT_MS = 100,
    MOST_TIMEOUT_MS = 30000
};

/* Here, not with the sources: those need libraries that whoever reads the configuration does not.
 */
static const struct ipmi_options ipmi_defaults = {
    .device = "/dev/ipmi0",
    .cipher_suite = 17, /* HMAC-SHA256, AES-CBC-128 */
    .privilege = IPMI_AS_USER,
    .every_ms = 5000,
    .timeout_ms = 5000,
};

static const struct redfish_options redfish_defaults = {
    .verify = true,
    .login = REDFISH_SESSION,
    .every_ms = 10000,
    .timeout_ms = 10000,
};

static const struct snmp_options snmp_defaults = {.every_ms = 5000, .timeout_ms = 2000};

static const char *const privilege_names[] = {"user", "operator", "admin", NULL};
static const char *const workaround_names[IPMI_WORKAROUND_COUNT] = {
    [IPMI_AUTHCAP] = "authcap",           [IPMI_INTEL20] = "intel20",
    [IPMI_SUPERMICRO20] = "supermicro20", [IPMI_SUN20] = "sun20",
    [IPMI_OPENSESSPRIV] = "opensesspriv", [IPMI_INTEGRITYCHECKVALUE] = "integritycheckvalue",
};
static const char *const login_names[] = {"session", "basic", NULL};
static const char *const version_names[] = {"2c", "3", NULL};
static const char *const authentication_names[] = {"sha1", "sha256", NULL};
static const char *const quantity_names[] = {"energy", "power", NULL}; /* enum power_quantity */

static const struct confread_key nvml_keys[] = {
    {"library", CONFREAD_STRING, false, 0, 0, TEXT(nvml_options, library)},
};

static const struct confread_key ipmi_keys[] = {
    {"device", CONFREAD_STRING, false, 0, 0, TEXT(ipmi_options, device)},
    {"host", CONFREAD_STRING, false, 0, 0, TEXT(ipmi_options, host)},
    {"user", CONFREAD_STRING, false, 0, 0, TEXT(ipmi_options, user)},
    {"password_file", CONFREAD_STRING, false, 0, 0, TEXT(ipmi_options, password_file)},
    {"cipher_suite", CONFREAD_UINT, false, 3, 17, NUMBER(ipmi_options, cipher_suite)},
    {"privilege", CONFREAD_ENUM, false, 0, 0, NAMED(ipmi_options, privilege, privilege_names)},
    {"workarounds", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"every_ms", CONFREAD_UINT, false, LEAST_EVERY_MS, MOST_EVERY_MS,
     NUMBER(ipmi_options, every_ms)},
    {"timeout_ms", CONFREAD_UINT, false, LEAST_TIMEOUT_MS, MOST_TIMEOUT_MS,
     NUMBER(ipmi_options, timeout_ms)},
};

static const struct confread_key redfish_keys[] = {
    {"url", CONFREAD_STRING, true, 0, 0, TEXT(redfish_options, url)},
    {"chassis", CONFREAD_STRING, false, 0, 0, TEXT(redfish_options, chassis)},
    {"user", CONFREAD_STRING, false, 0, 0, TEXT(redfish_options, user)},
    {"password_file", CONFREAD_STRING, false, 0, 0, TEXT(redfish_options, password_file)},
    {"ca_file", CONFREAD_STRING, false, 0, 0, TEXT(redfish_options, ca_file)},
    {"pin", CONFREAD_STRING, false, 0, 0, TEXT(redfish_options, pin)},
    {"verify", CONFREAD_BOOL, false, 0, 0, NUMBER(redfish_options, verify)},
    {"login", CONFREAD_ENUM, false, 0, 0, NAMED(redfish_options, login, login_names)},
    {"every_ms", CONFREAD_UINT, false, LEAST_EVERY_MS, MOST_EVERY_MS,
     NUMBER(redfish_options, every_ms)},
    {"timeout_ms", CONFREAD_UINT, false, LEAST_TIMEOUT_MS, MOST_TIMEOUT_MS,
     NUMBER(redfish_options, timeout_ms)},
};

static const struct confread_key snmp_keys[] = {
    {"every_ms", CONFREAD_UINT, false, LEAST_EVERY_MS, MOST_EVERY_MS,
     NUMBER(snmp_options, every_ms)},
    {"timeout_ms", CONFREAD_UINT, false, LEAST_TIMEOUT_MS, MOST_TIMEOUT_MS,
     NUMBER(snmp_options, timeout_ms)},
    {"units", CONFREAD_LIST, true, 0, 0, 0, 0, NULL},
};

struct unit_entry {
    struct snmp_unit unit;
    int model;
    int quantity;
};

#define UNIT(name) AT(unit_entry, unit.name), sizeof(((struct unit_entry *)0)->unit.name), NULL

static const struct confread_key unit_keys[] = {
    {"name", CONFREAD_STRING, true, 0, 0, UNIT(name)},
    {"host", CONFREAD_STRING, true, 0, 0, UNIT(host)},
    {"version", CONFREAD_ENUM, true, 0, 0, NAMED(unit_entry, unit.version, version_names)},
    {"community_file", CONFREAD_STRING, false, 0, 0, UNIT(community_file)},
    {"user", CONFREAD_STRING, false, 0, 0, UNIT(user)},
    {"password_file", CONFREAD_STRING, false, 0, 0, UNIT(password_file)},
    {"privacy_file", CONFREAD_STRING, false, 0, 0, UNIT(privacy_file)},
    {"authentication", CONFREAD_ENUM, false, 0, 0,
     NAMED(unit_entry, unit.authentication, authentication_names)},
    {"model", CONFREAD_ENUM, true, 0, 0, NAMED(unit_entry, model, pdu_model_names)},
    {"quantity", CONFREAD_ENUM, false, 0, 0, NAMED(unit_entry, quantity, quantity_names)},
    {"points", CONFREAD_LIST, true, 0, 0, 0, 0, NULL},
};

/* Where the member NAME stands, else GROUP. */
static const config_setting_t *place_of(const config_setting_t *group, const char *name)
{
    const config_setting_t *member = config_setting_get_member(group, name);

    return member ? member : group;
}

/* Makes PATH, the member NAME of GROUP, absolute, beside the file that names it. */
static void resolve(char path[PATH_MAX], const config_setting_t *group, const char *name,
                    struct diagnostics *diagnostics)
{
    char buffer[PATH_MAX];
    char joined[PATH_MAX];
    const char *file = confread_source_file(group, buffer, sizeof(buffer));
    const char *slash = file ? strrchr(file, '/') : NULL;
    int length;

    if (path[0] == '/' || path[0] == '\0' || !slash)
        return;
    length = snprintf(joined, sizeof(joined), "%.*s/%s", (int)(slash - file), file, path);
    if (length < 0 || (size_t)length >= sizeof(joined))
        confread_error(place_of(group, name), diagnostics, "%s: this path is too long", name);
    else
        memcpy(path, joined, (size_t)length + 1);
}

/* What the process that asks would refuse is said here already, as far as this one can see it. */
static void check_secret(char path[PATH_MAX], const config_setting_t *group, const char *name,
                         struct diagnostics *diagnostics)
{
    const config_setting_t *place = place_of(group, name);
    struct stat status;

    resolve(path, group, name, diagnostics);
    if (path[0] == '\0')
        return;
    if (stat(path, &status) != 0) {
        if (errno != EACCES)
            confread_error(place, diagnostics, "%s: %s: %s", name, path, strerror(errno));
    } else if (status.st_mode & S_IRWXO) {
        confread_error(place, diagnostics,
                       "%s: %s is open to every user: chmod 640, owned by root and the daemon's "
                       "group",
                       name, path);
    }
}

/* A secret goes with the name of whoever knows it. */
static void check_pair(const char *user, char path[PATH_MAX], const config_setting_t *group,
                       struct diagnostics *diagnostics)
{
    if ((user[0] == '\0') != (path[0] == '\0'))
        confread_error(group, diagnostics, "user and password_file go together");
    check_secret(path, group, "password_file", diagnostics);
}

void powerremoteconfig_nvml(struct powerremote_config *config, const config_setting_t *group,
                            struct diagnostics *diagnostics)
{
    if (!group ||
        !confread_group(group, nvml_keys, COUNT_OF(nvml_keys), &config->nvml, diagnostics))
        return;
    config->has_nvml = true;
    /* A name without a slash is looked for where libraries are. */
    if (strchr(config->nvml.library, '/'))
        resolve(config->nvml.library, group, "library", diagnostics);
}

static void read_workarounds(struct ipmi_options *options, const config_setting_t *list,
                             struct diagnostics *diagnostics)
{
    for (int i = 0; list && i < config_setting_length(list); i++) {
        const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);
        const char *name = config_setting_get_string(element);
        unsigned workaround = 0;

        while (workaround < IPMI_WORKAROUND_COUNT &&
               (!name || strcmp(name, workaround_names[workaround]) != 0))
            workaround++;
        if (workaround == IPMI_WORKAROUND_COUNT)
            confread_error(element, diagnostics,
                           "workarounds: none of \"authcap\", \"intel20\", \"supermicro20\", "
                           "\"sun20\", \"opensesspriv\", \"integritycheckvalue\"");
        else
            options->workarounds |= 1U << workaround;
    }
}

void powerremoteconfig_ipmi(struct powerremote_config *config, const config_setting_t *group,
                            struct diagnostics *diagnostics)
{
    struct ipmi_options *options = &config->ipmi;

    *options = ipmi_defaults;
    if (!group || !confread_group(group, ipmi_keys, COUNT_OF(ipmi_keys), options, diagnostics))
        return;
    config->has_ipmi = true;
    read_workarounds(options, config_setting_get_member(group, "workarounds"), diagnostics);
    if (options->host[0] == '\0' && options->user[0] != '\0')
        confread_error(group, diagnostics,
                       "user: the device is asked without one; host is missing");
    if (options->host[0] != '\0' && options->user[0] == '\0')
        confread_error(group, diagnostics, "host needs a user and password_file");
    if (options->cipher_suite != 3 && options->cipher_suite != 17)
        confread_error(place_of(group, "cipher_suite"), diagnostics, "cipher_suite is 3 or 17");
    if (options->device[0] != '/')
        confread_error(place_of(group, "device"), diagnostics, "device must be an absolute path");
    check_pair(options->user, options->password_file, group, diagnostics);
}

/* Anything else in the address would be taken for a part of the host's name, or would be logged. */
static bool is_plain_url(const char *url)
{
    static const char scheme[] = "https://";
    const char *host = url + strlen(scheme);

    if (strncmp(url, scheme, strlen(scheme)) != 0 || *host == '\0')
        return false;
    for (; *host; host++)
        if (!isalnum((unsigned char)*host) && !strchr("-._:[]", *host))
            return false;
    return true;
}

void powerremoteconfig_redfish(struct powerremote_config *config, const config_setting_t *group,
                               struct diagnostics *diagnostics)
{
    struct redfish_options *options = &config->redfish;
    size_t length;

    *options = redfish_defaults;
    if (!group ||
        !confread_group(group, redfish_keys, COUNT_OF(redfish_keys), options, diagnostics))
        return;
    config->has_redfish = true;
    length = strlen(options->url);
    if (length > 0 && options->url[length - 1] == '/')
        options->url[length - 1] = '\0';
    if (!is_plain_url(options->url))
        confread_error(place_of(group, "url"), diagnostics,
                       "url is \"https://\", a host and perhaps a port, and no more");
    if (options->pin[0] && strncmp(options->pin, "sha256//", strlen("sha256//")) != 0)
        confread_error(place_of(group, "pin"), diagnostics, "pin is \"sha256//\" and a digest");
    resolve(options->ca_file, group, "ca_file", diagnostics);
    check_pair(options->user, options->password_file, group, diagnostics);
}

static void check_version(struct snmp_unit *unit, const config_setting_t *group,
                          struct diagnostics *diagnostics)
{
    if (unit->version == SNMP_V2C) {
        if (!unit->community_file[0] || unit->user[0] || unit->password_file[0])
            confread_error(group, diagnostics,
                           "version 2c has a community_file, and no user or password_file");
    } else if (unit->community_file[0] || !unit->user[0]) {
        confread_error(group, diagnostics,
                       "version 3 has a user and password_file, and no community_file");
    }
    check_pair(unit->user, unit->password_file, group, diagnostics);
    check_secret(unit->community_file, group, "community_file", diagnostics);
    check_secret(unit->privacy_file, group, "privacy_file", diagnostics);
}

static void read_points(struct unit_entry *entry, const config_setting_t *list,
                        struct diagnostics *diagnostics)
{
    for (int i = 0; i < config_setting_length(list); i++) {
        const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);
        const char *text = config_setting_get_string(element);
        struct snmp_unit *unit = &entry->unit;
        struct pdu_point point = {.model = entry->model, .quantity = entry->quantity};

        if (unit->point_count == SNMP_MAX_POINTS)
            confread_error(element, diagnostics, "points: more than %d", SNMP_MAX_POINTS);
        else if (!text || !pdu_parse_index(&point, text))
            confread_error(element, diagnostics,
                           "points: a point of model \"%s\" is a string such as \"%s\"",
                           pdu_model_names[entry->model], pdu_index_example(entry->model));
        else
            unit->points[unit->point_count++] = point;
        for (size_t j = 0; j + 1 < unit->point_count; j++)
            if (memcmp(&unit->points[j], &point, sizeof(point)) == 0)
                confread_error(element, diagnostics, "points: \"%s\" is listed twice", text);
    }
}

static void read_unit(struct snmp_options *options, const config_setting_t *group,
                      struct diagnostics *diagnostics)
{
    struct unit_entry entry = {.quantity = POWER_QUANTITY_POWER};

    if (options->unit_count == SNMP_MAX_UNITS) {
        confread_error(group, diagnostics, "units: more than %d", SNMP_MAX_UNITS);
        return;
    }
    if (!confread_group(group, unit_keys, COUNT_OF(unit_keys), &entry, diagnostics))
        return;
    check_version(&entry.unit, group, diagnostics);
    if (entry.quantity == POWER_QUANTITY_ENERGY && !pdu_has_fine_energy(entry.model))
        confread_error(place_of(group, "quantity"), diagnostics,
                       "quantity: this model counts energy in steps of 0.1 kWh, too coarse for an "
                       "interval: use \"power\"");
    read_points(&entry, config_setting_get_member(group, "points"), diagnostics);
    for (size_t i = 0; i < options->unit_count; i++)
        if (strcmp(options->units[i].name, entry.unit.name) == 0)
            confread_error(group, diagnostics, "units: \"%s\" is listed twice", entry.unit.name);
    options->units[options->unit_count++] = entry.unit;
}

void powerremoteconfig_snmp(struct powerremote_config *config, const config_setting_t *group,
                            struct diagnostics *diagnostics)
{
    const config_setting_t *units = group ? config_setting_get_member(group, "units") : NULL;

    config->snmp = snmp_defaults;
    if (!group ||
        !confread_group(group, snmp_keys, COUNT_OF(snmp_keys), &config->snmp, diagnostics))
        return;
    config->has_snmp = true;
    for (int i = 0; i < config_setting_length(units); i++)
        read_unit(&config->snmp, config_setting_get_elem(units, (unsigned)i), diagnostics);
    if (config->snmp.unit_count == 0)
        confread_error(units, diagnostics, "units: there is none");
}
