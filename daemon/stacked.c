/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/stacked.h"

#include "collectors/power/sysfs.h"
#include "daemon/log.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* Interfaces below one that are looked at: cards of a bond, ports of a bridge. */
#define MOST_BELOW 64
/* net/core/dev.c of Linux makes a link of that name to each that an interface is made of, in
 * netdev_adjacent_sysfs_add(). */
#define PREFIX "lower_"

struct below {
    char names[MOST_BELOW][INTERFACE_NAME_SIZE];
    size_t count;
};

static bool is_below(const struct below *below, const char *name)
{
    for (size_t i = 0; i < below->count; i++)
        if (strcmp(below->names[i], name) == 0)
            return true;
    return false;
}

static void add(struct below *below, const char *name)
{
    if (below->count < MOST_BELOW && !is_below(below, name))
        snprintf(below->names[below->count++], INTERFACE_NAME_SIZE, "%s", name);
}

static void look_below(const char *network, const char *upper, struct below *below)
{
    char directory[PATH_MAX];
    size_t count;
    char **names;

    sysfs_path(directory, network, upper);
    names = sysfs_list(directory, &count);
    for (size_t i = 0; i < count; i++)
        if (strncmp(names[i], PREFIX, strlen(PREFIX)) == 0)
            add(below, names[i] + strlen(PREFIX));
    sysfs_free(names, count);
}

bool stacked_is_one(const char *name, const char *other)
{
    unsigned index = if_nametoindex(name);

    return index != 0 && index == if_nametoindex(other);
}

unsigned stacked_captured_as(const struct config *config, unsigned place)
{
    const struct interface_config *asked = &config->interfaces[place];

    for (unsigned i = 0; i < config->interface_count; i++) {
        const struct interface_config *other = &config->interfaces[i];
        bool is_whole = other->filter[0] == '\0' && (i < place || asked->filter[0] != '\0');

        if (i != place && is_whole && stacked_is_one(asked->name, other->name))
            return i;
    }
    return place;
}

/* The name that /sys has, of an alternative one. */
static const char *first_name(const char *name, char first[IF_NAMESIZE])
{
    unsigned index = if_nametoindex(name);

    return index != 0 && if_indextoname(index, first) ? first : name;
}

bool stacked_on(const char *root, const char *upper, const char *lower)
{
    struct below below = {.count = 0};
    char network[PATH_MAX], upper_first[IF_NAMESIZE], lower_first[IF_NAMESIZE];

    if (strcmp(upper, "any") == 0)
        return strcmp(lower, "any") != 0;
    sysfs_path(network, root, "class/net");
    look_below(network, first_name(upper, upper_first), &below);
    for (size_t i = 0; i < below.count; i++)
        look_below(network, below.names[i], &below);
    return is_below(&below, first_name(lower, lower_first));
}

static void warn_of_names(const struct config *config)
{
    for (unsigned i = 0; i < config->interface_count; i++) {
        unsigned other = stacked_captured_as(config, i);

        if (other != i)
            log_line(LOG_PRIORITY_WARNING,
                     "interface %s is %s under another name, and is captured once: leave one out",
                     config->interfaces[i].name, config->interfaces[other].name);
    }
}

void stacked_warn(const char *root, const struct config *config)
{
    warn_of_names(config);
    for (unsigned i = 0; i < config->interface_count; i++) {
        const struct interface_config *upper = &config->interfaces[i];

        for (unsigned j = 0; j < config->interface_count; j++) {
            const struct interface_config *lower = &config->interfaces[j];

            if (i != j && upper->filter[0] == '\0' && lower->filter[0] == '\0' &&
                stacked_on(root, upper->name, lower->name))
                log_line(LOG_PRIORITY_WARNING,
                         "interface %s carries what passes %s, too: it counts twice; leave one "
                         "out, or give one a filter",
                         upper->name, lower->name);
        }
    }
}
