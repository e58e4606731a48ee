/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/stacked.h"

#include "collectors/power/sysfs.h"
#include "daemon/log.h"

#include <string.h>

/* The kernel allows no more (MAX_NEST_DEV of include/linux/netdevice.h). */
#define MOST_NESTED 8
/* Documentation/ABI/testing/sysfs-class-net of Linux does not name these links; net/core/dev.c
 * makes them, netdev_adjacent_sysfs_add(). */
#define PREFIX "lower_"

static bool rests_on(const char *root, const char *upper, const char *lower, unsigned nested)
{
    char network[PATH_MAX];
    char directory[PATH_MAX];
    size_t count;
    char **names;
    bool found = false;

    sysfs_path(network, root, "class/net");
    sysfs_path(directory, network, upper);
    names = sysfs_list(directory, &count);
    for (size_t i = 0; i < count && !found; i++) {
        const char *below = names[i] + strlen(PREFIX);

        if (strncmp(names[i], PREFIX, strlen(PREFIX)) != 0)
            continue;
        found = strcmp(below, lower) == 0 ||
                (nested < MOST_NESTED && rests_on(root, below, lower, nested + 1));
    }
    sysfs_free(names, count);
    return found;
}

bool stacked_on(const char *root, const char *upper, const char *lower)
{
    if (strcmp(upper, "any") == 0)
        return strcmp(lower, "any") != 0;
    return rests_on(root, upper, lower, 1);
}

void stacked_warn(const char *root, const struct config *config)
{
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
