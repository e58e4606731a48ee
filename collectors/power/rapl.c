/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/rapl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/power/sysfs.h"

/* The tree is described in the kernel's Documentation/power/powercap/powercap.rst. Its zones
 * "intel-rapl:N" are the processor's (also AMD's), "intel-rapl:N:M" parts of zone N. */
#define TREE   "/sys/class/powercap"
#define UNIT_J 1e-6 /* energy_uj */
#define DIES   16   /* places of one package, where it is several dies */

/* More than any socket, or its memory, draws: only tells whether a counter may have wrapped unseen.
 */
#define MOST_W 1000

/* Counters that differ by less, in units, than is drawn while both are read (1 J, and what the one
 * grew by meanwhile), are one. */
#define SAME 1000000

struct zone {
    struct power_channel channel;
    struct sysfs_file energy;
};

struct rapl {
    struct zone zones[POWER_MAX_CHANNELS];
    size_t count;
    int64_t (*now_ns)(void *context);
    void *context;
};

/* "package-1", or of a package of several dies "package-1-die-0". */
static bool parse_package(const char *name, unsigned *place)
{
    char package[SYSFS_TEXT_SIZE];
    unsigned die;
    char *dash;

    if (sysfs_parse_suffix(name, "package-", place))
        return true;
    snprintf(package, sizeof(package), "%s", name);
    dash = strstr(package, "-die-");
    if (!dash || !sysfs_parse_suffix(dash, "-die-", &die))
        return false;
    *dash = '\0';
    if (!sysfs_parse_suffix(package, "package-", place) || die >= DIES || *place >= DIES)
        return false;
    *place = *place * DIES + die;
    return true;
}

static bool is_known(const struct rapl *rapl, const char *name)
{
    for (size_t i = 0; i < rapl->count; i++)
        if (strcmp(rapl->zones[i].channel.name, name) == 0)
            return true;
    return false;
}

/* The way from one to the other, the shorter one around where they wrap. */
static uint64_t distance(uint64_t a, uint64_t b, uint64_t range)
{
    uint64_t direct = a > b ? a - b : b - a;

    return range > direct && range - direct < direct ? range - direct : direct;
}

static bool shows_the_same(struct zone *zone, struct zone *other)
{
    uint64_t range = zone->channel.range;
    uint64_t before;
    uint64_t value;
    uint64_t after;

    return sysfs_read_number(&other->energy, &before) == POWER_OK &&
           sysfs_read_number(&zone->energy, &value) == POWER_OK &&
           sysfs_read_number(&other->energy, &after) == POWER_OK &&
           distance(before, value, range) <= SAME + distance(before, after, range);
}

/* Of some of AMD's packages the kernel shows several dies, whose counters are all that of the
 * package: of Zen 4 from Linux 6.9 on, until its commit 26096aed255f (6.11.1). */
static bool is_counter_of_another_die(struct rapl *rapl, struct zone *zone)
{
    const char *dash = strstr(zone->channel.name, "-die-");
    size_t length = dash ? (size_t)(dash - zone->channel.name) + strlen("-die-") : 0;

    for (size_t i = 0; length > 0 && i < rapl->count; i++)
        if (strncmp(rapl->zones[i].channel.name, zone->channel.name, length) == 0 &&
            rapl->zones[i].channel.part == POWER_PART_PACKAGE &&
            shows_the_same(zone, &rapl->zones[i]))
            return true;
    return false;
}

static void add_zone(struct rapl *rapl, const char *directory, const char *name,
                     enum power_part part, unsigned place)
{
    struct zone *zone = &rapl->zones[rapl->count];
    char text[SYSFS_TEXT_SIZE];

    if (rapl->count == POWER_MAX_CHANNELS || is_known(rapl, name))
        return;
    *zone = (struct zone){.channel = {.part = (uint8_t)part,
                                      .quantity = POWER_QUANTITY_ENERGY,
                                      .place = (uint16_t)place,
                                      .unit = UNIT_J,
                                      .most_w = MOST_W}};
    snprintf(zone->channel.name, sizeof(zone->channel.name), "%s", name);
    /* Without a range a fall is a new beginning: what it was at before is not known. */
    if (sysfs_text(directory, "max_energy_range_uj", text) != POWER_OK ||
        !sysfs_parse_number(text, &zone->channel.range))
        zone->channel.range = 0;
    sysfs_file(&zone->energy, directory, "energy_uj");
    if (part == POWER_PART_PACKAGE && is_counter_of_another_die(rapl, zone))
        zone->channel.part = POWER_PART_OTHER;
    rapl->count++;
}

/* Looks at the zone ENTRY: a package, or a package's memory, which is in none of the package's
 * counters. Cores and uncore are in the package's; psys is all of a laptop. */
static void look_at(struct rapl *rapl, const char *tree, const char *entry)
{
    char directory[PATH_MAX];
    char parent[PATH_MAX];
    char name[SYSFS_TEXT_SIZE];
    char dram[SYSFS_TEXT_SIZE + sizeof("dram")];
    unsigned place;

    sysfs_path(directory, tree, entry);
    if (sysfs_text(directory, "name", name) != POWER_OK)
        return;
    if (parse_package(name, &place)) {
        add_zone(rapl, directory, name, POWER_PART_PACKAGE, place);
        return;
    }
    snprintf(parent, sizeof(parent), "%s", directory);
    *strrchr(parent, ':') = '\0';
    if (strcmp(name, "dram") != 0 || sysfs_text(parent, "name", name) != POWER_OK ||
        !parse_package(name, &place))
        return;
    snprintf(dram, sizeof(dram), "dram%s", name + strlen("package"));
    add_zone(rapl, directory, dram, POWER_PART_DRAM, place);
}

/* The zones of PREFIX: those of registers first, then those in memory ("intel-rapl-mmio:"), which
 * are the same counters once more where both are there. */
static void look_for(struct rapl *rapl, const char *tree, char **entries, size_t count,
                     const char *prefix)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(entries[i], prefix, strlen(prefix)) == 0)
            look_at(rapl, tree, entries[i]);
}

static void close_rapl(void *state)
{
    struct rapl *rapl = state;

    for (size_t i = 0; i < rapl->count; i++)
        sysfs_close(&rapl->zones[i].energy);
    free(rapl);
}

static void *open_rapl(const struct power_setup *setup, char *error, size_t error_size)
{
    struct rapl *rapl = calloc(1, sizeof(*rapl));
    char tree[PATH_MAX];
    char **entries;
    size_t count;

    error[0] = '\0';
    if (!rapl) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    rapl->now_ns = setup->now_ns;
    rapl->context = setup->context;
    snprintf(tree, sizeof(tree), "%s" TREE, setup->root);
    entries = sysfs_list(tree, &count);
    look_for(rapl, tree, entries, count, "intel-rapl:");
    look_for(rapl, tree, entries, count, "intel-rapl-mmio:");
    sysfs_free(entries, count);
    if (rapl->count > 0)
        return rapl;
    close_rapl(rapl);
    return NULL;
}

static size_t list_channels(void *state, struct power_channel out[POWER_MAX_CHANNELS])
{
    const struct rapl *rapl = state;

    for (size_t i = 0; i < rapl->count; i++)
        out[i] = rapl->zones[i].channel;
    return rapl->count;
}

/* A counter at zero is none: some virtual machines have such. */
static enum power_status read_zone(void *state, size_t channel, struct power_reading *reading)
{
    struct rapl *rapl = state;
    enum power_status status = sysfs_read_number(&rapl->zones[channel].energy, &reading->value);

    reading->at_ns = rapl->now_ns(rapl->context);
    return status == POWER_OK && reading->value == 0 ? POWER_UNSUPPORTED : status;
}

const struct power_source power_rapl = {
    .name = "rapl",
    .covers = "processors, and their memory where it has a counter",
    .open = open_rapl,
    .channels = list_channels,
    .read = read_zone,
    .close = close_rapl,
};
