/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/memorylimit.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Below ROOT, the control group of the second version (cgroups(7)); its root is "". */
static bool read_group(const char *root, char *group, size_t size)
{
    char path[PATH_MAX];
    char line[PATH_MAX] = "";
    bool found = false;
    FILE *stream;

    snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    stream = fopen(path, "re");
    while (stream && !found && fgets(line, sizeof(line), stream))
        found = strncmp(line, "0::/", 4) == 0;
    if (stream)
        fclose(stream);
    line[strcspn(line, "\n")] = '\0';
    if (found)
        snprintf(group, size, "%s", strcmp(line, "0::/") == 0 ? "" : line + 3);
    return found;
}

/* "max" where there is no limit. */
static uint64_t read_limit(const char *root, const char *group)
{
    char path[2 * PATH_MAX];
    uint64_t bytes = UINT64_MAX;
    FILE *stream;

    snprintf(path, sizeof(path), "%s/sys/fs/cgroup%s/memory.max", root, group);
    stream = fopen(path, "re");
    if (stream && fscanf(stream, "%" SCNu64, &bytes) != 1)
        bytes = UINT64_MAX;
    if (stream)
        fclose(stream);
    return bytes;
}

uint64_t memorylimit_read(const char *root)
{
    uint64_t least = UINT64_MAX;
    char group[PATH_MAX];

    if (!read_group(root, group, sizeof(group)))
        return UINT64_MAX;
    for (char *end = group;; *end = '\0') {
        uint64_t bytes = read_limit(root, group);

        least = bytes < least ? bytes : least;
        end = strrchr(group, '/');
        if (!end)
            return least;
    }
}

uint64_t memorylimit_taken(const char *root)
{
    char path[PATH_MAX];
    uint64_t pages = 0;
    FILE *stream;

    snprintf(path, sizeof(path), "%s/proc/self/statm", root);
    stream = fopen(path, "re");
    if (stream && fscanf(stream, "%" SCNu64, &pages) != 1)
        pages = 0;
    if (stream)
        fclose(stream);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
