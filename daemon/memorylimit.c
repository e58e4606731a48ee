/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/memorylimit.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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

/* The number that a file begins with; OTHERWISE when there is none. */
static uint64_t read_number(const char *path, uint64_t otherwise)
{
    FILE *stream = fopen(path, "re");
    char text[64] = "";
    uint64_t number;
    char *end;

    if (!stream)
        return otherwise;
    if (!fgets(text, sizeof(text), stream))
        text[0] = '\0';
    fclose(stream);
    number = strtoull(text, &end, 10);
    return end == text ? otherwise : number;
}

/* "max" where there is no limit. */
static uint64_t read_limit(const char *root, const char *group)
{
    char path[2 * PATH_MAX];

    snprintf(path, sizeof(path), "%s/sys/fs/cgroup%s/memory.max", root, group);
    return read_number(path, UINT64_MAX);
}

uint64_t memorylimit_read(const char *root)
{
    uint64_t least = UINT64_MAX;
    char group[PATH_MAX];

    if (!read_group(root, group, sizeof(group)))
        return UINT64_MAX;
    for (;;) {
        uint64_t bytes = read_limit(root, group);
        char *last = strrchr(group, '/');

        least = bytes < least ? bytes : least;
        if (!last)
            return least;
        *last = '\0';
    }
}

uint64_t memorylimit_taken(const char *root)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/proc/self/statm", root);
    return read_number(path, 0) * (uint64_t)sysconf(_SC_PAGESIZE);
}
