/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/powerconfig.h"

#include <string.h>

#include "daemon/confread.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define FIRST_YEAR      1990
#define LAST_YEAR       2100
#define MOST_REST_W     100000
#define MOST_LAG_S      900 /* RECONCILE_MOST_LAG_S */
#define MOST_DATED_S    240 /* LATENESS_LATEST_S */

/* A meter at the plug has all; what a BMC says may leave out the power supplies. */
const struct power_config power_defaults = {
    .interval_ms = 1000,
    .wall_lag_s = 300,
    .wall = {"snmp", "redfish", "ipmi", "cray", "hwmon"},
    .wall_count = 5,
};

/* Those of powerset_sources.h, whose code no program has to have that only reads what is
 * configured.
 */
const char *const powerconfig_sources[] = {"rapl", "nvml",    "hwmon", "cray",
                                           "ipmi", "redfish", "snmp",  NULL};

static const char *const grade_names[] = {"A", "B", "C", "D", "E", NULL};

static const struct confread_key group_keys[] = {
    {"interval_ms", CONFREAD_UINT, false, 100, 10000, offsetof(struct power_config, interval_ms), 0,
     NULL},
    {"wall_lag_s", CONFREAD_UINT, false, 10, MOST_LAG_S, offsetof(struct power_config, wall_lag_s),
     0, NULL},
    {"root", CONFREAD_STRING, false, 0, 0, offsetof(struct power_config, root), PATH_MAX, NULL},
    {"lag_s", CONFREAD_GROUP, false, 0, 0, 0, 0, NULL},
    {"rest_w", CONFREAD_GROUP, false, 0, 0, 0, 0, NULL},
    {"nvml", CONFREAD_GROUP, false, 0, 0, 0, 0, NULL},
    {"ipmi", CONFREAD_GROUP, false, 0, 0, 0, 0, NULL},
    {"redfish", CONFREAD_GROUP, false, 0, 0, 0, 0, NULL},
    {"snmp", CONFREAD_GROUP, false, 0, 0, 0, 0, NULL},
    {"off", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"wall", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"gpus", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
};

static const struct confread_key lag_keys[] = {
    {"snmp", CONFREAD_UINT, false, 0, MOST_DATED_S, offsetof(struct power_lags, snmp), 0, NULL},
    {"redfish", CONFREAD_UINT, false, 0, MOST_DATED_S, offsetof(struct power_lags, redfish), 0,
     NULL},
    {"ipmi", CONFREAD_UINT, false, 0, MOST_DATED_S, offsetof(struct power_lags, ipmi), 0, NULL},
    {"cray", CONFREAD_UINT, false, 0, MOST_DATED_S, offsetof(struct power_lags, cray), 0, NULL},
    {"hwmon", CONFREAD_UINT, false, 0, MOST_DATED_S, offsetof(struct power_lags, hwmon), 0, NULL},
};

static unsigned lag_of(const struct power_config *config, const struct confread_key *key)
{
    unsigned lag_s;

    memcpy(&lag_s, (const char *)&config->lag_s + key->offset, sizeof(lag_s));
    return lag_s;
}

unsigned powerconfig_lag_s(const struct power_config *config, const char *source)
{
    for (size_t i = 0; i < COUNT_OF(lag_keys); i++)
        if (strcmp(lag_keys[i].name, source) == 0)
            return lag_of(config, &lag_keys[i]);
    return 0;
}

unsigned powerconfig_longest_lag_s(const struct power_config *config)
{
    unsigned longest_s = 0;

    for (size_t i = 0; i < COUNT_OF(lag_keys); i++)
        if (lag_of(config, &lag_keys[i]) > longest_s)
            longest_s = lag_of(config, &lag_keys[i]);
    return longest_s;
}

struct rest {
    double value;
    unsigned year;
    char source[sizeof(((struct power_config *)NULL)->rest_source)];
    int grade;
};

static const struct confread_key rest_keys[] = {
    {"value", CONFREAD_DOUBLE, true, 0, MOST_REST_W, offsetof(struct rest, value), 0, NULL},
    {"year", CONFREAD_UINT, true, FIRST_YEAR, LAST_YEAR, offsetof(struct rest, year), 0, NULL},
    {"source", CONFREAD_STRING, true, 0, 0, offsetof(struct rest, source),
     sizeof(((struct rest *)NULL)->source), NULL},
    {"grade", CONFREAD_ENUM, true, 0, 0, offsetof(struct rest, grade), 0, grade_names},
};

static void read_rest(struct power_config *config, const config_setting_t *group, unsigned now_year,
                      struct diagnostics *diagnostics)
{
    struct rest rest = {.grade = -1};

    if (!group || !confread_group(group, rest_keys, COUNT_OF(rest_keys), &rest, diagnostics))
        return;
    if (rest.source[strspn(rest.source, " \t\r\n")] == '\0')
        confread_error(config_setting_get_member(group, "source"), diagnostics,
                       "source is empty: how was it measured?");
    if (rest.year > now_year)
        confread_error(config_setting_get_member(group, "year"), diagnostics,
                       "year %u is in the future", rest.year);
    config->has_rest = true;
    config->rest_w = rest.value;
    config->rest_year = rest.year;
    config->rest_grade = grade_names[rest.grade][0];
    memcpy(config->rest_source, rest.source, sizeof(rest.source));
}

static void read_lags(struct power_config *config, const config_setting_t *group,
                      struct diagnostics *diagnostics)
{
    if (group)
        confread_group(group, lag_keys, COUNT_OF(lag_keys), &config->lag_s, diagnostics);
}

/* Whether NAME is a source ("rapl"), or begins with one and a slash ("rapl/dram-0"). Which channels
 * there are is known on the machine alone. */
static bool has_source(const char *name, bool channel_too, bool source_too)
{
    size_t length = strcspn(name, "/");
    bool is_channel = name[length] == '/' && name[length + 1] != '\0';

    if (is_channel ? !channel_too : !source_too || name[length] != '\0')
        return false;
    for (size_t i = 0; powerconfig_sources[i]; i++)
        if (strlen(powerconfig_sources[i]) == length &&
            strncmp(powerconfig_sources[i], name, length) == 0)
            return true;
    return false;
}

enum name_kind { SOURCE_NAME, CHANNEL_NAME, EITHER_NAME };

static const char *const kind_texts[] = {
    [SOURCE_NAME] = "a source, such as \"redfish\"",
    [CHANNEL_NAME] = "a channel, such as \"nvml/GPU-...\"",
    [EITHER_NAME] = "a source or a channel, such as \"rapl\" or \"rapl/dram-0\"",
};

struct name_list {
    const char *key;
    enum name_kind kind;
    char (*names)[POWER_NAME_SIZE];
    size_t *count;
};

static bool is_twice(const struct name_list *list, const char *name)
{
    for (size_t i = 0; i < *list->count; i++)
        if (strcmp(list->names[i], name) == 0)
            return true;
    return false;
}

static void read_name(const struct name_list *list, const config_setting_t *element,
                      struct diagnostics *diagnostics)
{
    const char *name = config_setting_get_string(element);

    if (!name || strlen(name) >= POWER_NAME_SIZE ||
        !has_source(name, list->kind != SOURCE_NAME, list->kind != CHANNEL_NAME))
        confread_error(element, diagnostics, "%s: not %s: `iagmeter status` lists what there is",
                       list->key, kind_texts[list->kind]);
    else if (is_twice(list, name))
        confread_error(element, diagnostics, "%s: \"%s\" is listed twice", list->key, name);
    else if (*list->count == POWER_MAX_NAMES)
        confread_error(element, diagnostics, "%s: more than %d", list->key, POWER_MAX_NAMES);
    else
        memcpy(list->names[(*list->count)++], name, strlen(name) + 1);
}

static void read_names(const struct name_list *list, const config_setting_t *group,
                       struct diagnostics *diagnostics)
{
    const config_setting_t *setting = config_setting_get_member(group, list->key);

    if (!setting)
        return;
    memset(list->names, 0, POWER_MAX_NAMES * sizeof(list->names[0]));
    *list->count = 0;
    for (int i = 0; i < config_setting_length(setting); i++)
        read_name(list, config_setting_get_elem(setting, (unsigned)i), diagnostics);
}

static void read_remote(struct powerremote_config *config, const config_setting_t *group,
                        struct diagnostics *diagnostics)
{
    powerremoteconfig_nvml(config, config_setting_get_member(group, "nvml"), diagnostics);
    powerremoteconfig_ipmi(config, config_setting_get_member(group, "ipmi"), diagnostics);
    powerremoteconfig_redfish(config, config_setting_get_member(group, "redfish"), diagnostics);
    powerremoteconfig_snmp(config, config_setting_get_member(group, "snmp"), diagnostics);
}

void powerconfig_read(struct power_config *config, const config_setting_t *group, unsigned now_year,
                      struct diagnostics *diagnostics)
{
    const struct name_list lists[] = {
        {"off", EITHER_NAME, config->off, &config->off_count},
        {"wall", SOURCE_NAME, config->wall, &config->wall_count},
        {"gpus", CHANNEL_NAME, config->gpus, &config->gpu_count},
    };

    if (!group || !confread_group(group, group_keys, COUNT_OF(group_keys), config, diagnostics))
        return;
    read_rest(config, config_setting_get_member(group, "rest_w"), now_year, diagnostics);
    read_lags(config, config_setting_get_member(group, "lag_s"), diagnostics);
    if (config->root[0] != '\0' && config->root[0] != '/')
        confread_error(config_setting_get_member(group, "root"), diagnostics,
                       "root must begin with \"/\"");
    read_remote(&config->remote, group, diagnostics);
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        read_names(&lists[i], group, diagnostics);
}
