/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/cray.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/power/sysfs.h"

/* HPE Cray's "pm_counters": files that say "NUMBER J TIME us", ten times a second. */
#define TREE     "/sys/cray/pm_counters"
#define EVERY_MS 100

struct file {
    struct power_channel channel;
    struct sysfs_file file;
    uint64_t time_us; /* of what was read last */
};

struct cray {
    struct file files[POWER_MAX_CHANNELS];
    size_t count;
    int64_t (*now_ns)(void *context);
    void *context;
};

/* "accel3_energy" */
static bool parse_accelerator(const char *entry, unsigned *place)
{
    char text[SYSFS_TEXT_SIZE];
    char *end;

    snprintf(text, sizeof(text), "%s", entry);
    end = strchr(text, '_');
    if (!end || strcmp(end, "_energy") != 0)
        return false;
    *end = '\0';
    return sysfs_parse_suffix(text, "accel", place);
}

/* The node's counter has all. Those of processors and memory are sums over sockets, and in it: they
 * are for comparison. */
static bool part_of(const char *entry, enum power_part *part, unsigned *place)
{
    *place = 0;
    if (strcmp(entry, "energy") == 0)
        *part = POWER_PART_WALL;
    else if (strcmp(entry, "cpu_energy") == 0 || strcmp(entry, "memory_energy") == 0)
        *part = POWER_PART_OTHER;
    else if (parse_accelerator(entry, place))
        *part = POWER_PART_GPU;
    else
        return false;
    return true;
}

static void look_at(struct cray *cray, const char *tree, const char *entry)
{
    struct file *file = &cray->files[cray->count];
    enum power_part part;
    unsigned place;

    if (cray->count == POWER_MAX_CHANNELS || !part_of(entry, &part, &place))
        return;
    *file = (struct file){.channel = {.part = (uint8_t)part,
                                      .quantity = POWER_QUANTITY_ENERGY,
                                      .place = (uint16_t)place,
                                      .unit = 1,
                                      .every_ms = EVERY_MS}};
    snprintf(file->channel.name, sizeof(file->channel.name), "%s", entry);
    sysfs_file(&file->file, tree, entry);
    cray->count++;
}

static void close_cray(void *state)
{
    struct cray *cray = state;

    for (size_t i = 0; i < cray->count; i++)
        sysfs_close(&cray->files[i].file);
    free(cray);
}

static void *open_cray(const struct power_setup *setup, char *error, size_t error_size)
{
    struct cray *cray = calloc(1, sizeof(*cray));
    char tree[PATH_MAX];
    char **entries;
    size_t count;

    error[0] = '\0';
    if (!cray) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    cray->now_ns = setup->now_ns;
    cray->context = setup->context;
    snprintf(tree, sizeof(tree), "%s" TREE, setup->root);
    entries = sysfs_list(tree, &count);
    for (size_t i = 0; i < count; i++)
        look_at(cray, tree, entries[i]);
    sysfs_free(entries, count);
    if (cray->count > 0)
        return cray;
    close_cray(cray);
    return NULL;
}

static size_t list_channels(void *state, struct power_channel out[POWER_MAX_CHANNELS])
{
    const struct cray *cray = state;

    for (size_t i = 0; i < cray->count; i++)
        out[i] = cray->files[i].channel;
    return cray->count;
}

/* The time in the file only tells whether it is new: it is of another clock. */
static enum power_status read_file(void *state, size_t channel, struct power_reading *reading)
{
    struct cray *cray = state;
    struct file *file = &cray->files[channel];
    char text[SYSFS_TEXT_SIZE];
    enum power_status status = sysfs_read(&file->file, text);
    uint64_t time_us;

    reading->at_ns = cray->now_ns(cray->context);
    if (status != POWER_OK)
        return status;
    if (!sysfs_parse_cray(text, "J", &reading->value, &time_us))
        return POWER_FAILED;
    if (reading->value == 0)
        return POWER_UNSUPPORTED;
    if (time_us == file->time_us)
        return POWER_NOT_YET;
    file->time_us = time_us;
    return POWER_OK;
}

const struct power_source power_cray = {
    .name = "cray",
    .covers = "the whole node, and its accelerators",
    .open = open_cray,
    .channels = list_channels,
    .read = read_file,
    .close = close_cray,
};
