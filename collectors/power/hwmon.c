/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/hwmon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/power/sysfs.h"

/* The kernel's Documentation/hwmon/sysfs-interface.rst: powerN in microwatts, energyN in
 * microjoules. What follows is of amdgpu, acpi_power_meter, amd_energy in the same place, and of
 * Documentation/ABI/testing/sysfs-driver-intel-{i915,xe}-hwmon. */
#define TREE               "/sys/class/hwmon"
#define UNIT               1e-6
#define LONGEST_AVERAGE_MS 60000
#define MAX_INPUTS         256 /* energyN_input, of a device: amd_energy has one a core */

struct input {
    struct power_channel channel;
    struct sysfs_file file;
};

struct hwmon {
    struct input inputs[POWER_MAX_CHANNELS];
    size_t count;
    int64_t (*now_ns)(void *context);
    void *context;
};

/* A device while it is looked at. */
struct device {
    const char *entry; /* "hwmon3": another one after the next boot */
    char directory[PATH_MAX];
};

static struct input *add_input(struct hwmon *hwmon, const char *directory, const char *file,
                               enum power_part part, enum power_quantity quantity)
{
    struct input *input = &hwmon->inputs[hwmon->count];

    if (hwmon->count == POWER_MAX_CHANNELS)
        return NULL;
    *input = (struct input){
        .channel = {.part = (uint8_t)part, .quantity = (uint8_t)quantity, .unit = UNIT}};
    sysfs_file(&input->file, directory, file);
    hwmon->count++;
    return input;
}

/* What a device is called by the bus it is on ("0000:03:00.0") lasts; its number here does not. */
static void name_input(struct input *input, const char *driver, const struct device *device)
{
    char link[PATH_MAX];
    char target[PATH_MAX];
    const char *slash;
    ssize_t length;

    sysfs_path(link, device->directory, "device");
    length = readlink(link, target, sizeof(target) - 1);
    target[length > 0 ? length : 0] = '\0';
    slash = strrchr(target, '/');
    snprintf(input->channel.name, sizeof(input->channel.name), "%s-%.32s", driver,
             slash ? slash + 1 : device->entry);
}

/* Some boards and firmwares have an average, others a momentary value, and some say of one of them
 * that it is not supported. */
static void add_amdgpu(struct hwmon *hwmon, const struct device *device)
{
    char text[SYSFS_TEXT_SIZE];
    enum power_status average = sysfs_text(device->directory, "power1_average", text);
    enum power_status momentary = sysfs_text(device->directory, "power1_input", text);
    bool has_average = average == POWER_OK || (average != POWER_GONE && momentary != POWER_OK);
    struct input *input;

    if (average == POWER_GONE && momentary == POWER_GONE)
        return;
    input = add_input(hwmon, device->directory, has_average ? "power1_average" : "power1_input",
                      POWER_PART_GPU, POWER_QUANTITY_POWER);
    if (input)
        name_input(input, "amdgpu", device);
}

/* Calls ADD for each energyN_input with its label, "" where it has none. */
static void each_energy(struct hwmon *hwmon, const struct device *device,
                        void (*add)(struct hwmon *hwmon, const struct device *device,
                                    const char *file, const char *label))
{
    for (unsigned i = 1; i <= MAX_INPUTS; i++) {
        char file[sizeof("energy256_input")];
        char path[PATH_MAX];
        char label[SYSFS_TEXT_SIZE];

        snprintf(file, sizeof(file), "energy%u_label", i);
        sysfs_text(device->directory, file, label);
        snprintf(file, sizeof(file), "energy%u_input", i);
        sysfs_path(path, device->directory, file);
        if (access(path, F_OK) == 0)
            add(hwmon, device, file, label);
    }
}

static void add_socket(struct hwmon *hwmon, const struct device *device, const char *file,
                       const char *label)
{
    unsigned place;
    struct input *input;

    if (!sysfs_parse_suffix(label, "Esocket", &place)) /* "Ecore000" is in it */
        return;
    input = add_input(hwmon, device->directory, file, POWER_PART_PACKAGE, POWER_QUANTITY_ENERGY);
    if (!input)
        return;
    input->channel.place = (uint16_t)place;
    snprintf(input->channel.name, sizeof(input->channel.name), "amd_energy-%u", place);
}

static void add_amd_energy(struct hwmon *hwmon, const struct device *device)
{
    each_energy(hwmon, device, add_socket);
}

/* The board ("card", or without a label) has its processor ("pkg") in it. */
static void add_board(struct hwmon *hwmon, const struct device *device, const char *file,
                      const char *label)
{
    struct input *last = hwmon->count > 0 ? &hwmon->inputs[hwmon->count - 1] : NULL;
    bool again = last &&
                 strncmp(last->file.path, device->directory, strlen(device->directory)) == 0 &&
                 last->file.path[strlen(device->directory)] == '/';
    struct input *input;

    if (again && strcmp(label, "card") == 0)
        sysfs_file(&last->file, device->directory, file);
    if (again)
        return;
    input = add_input(hwmon, device->directory, file, POWER_PART_GPU, POWER_QUANTITY_ENERGY);
    if (input)
        name_input(input, "intel", device);
}

static void add_intel(struct hwmon *hwmon, const struct device *device)
{
    each_energy(hwmon, device, add_board);
}

/* NVIDIA Grace Performance Tuning Guide, "Power and thermal management": the module has the
 * processor and the GPU; "Grace", the processor with its memory; the others are parts of that. */
static bool is_grace(const char *label, enum power_part *part, char name[POWER_NAME_SIZE],
                     unsigned *place)
{
    static const struct {
        const char *prefix;
        const char *name;
        enum power_part part;
    } meters[] = {
        {"Module Power Socket ", "module", POWER_PART_MODULE},
        {"Grace Power Socket ", "grace", POWER_PART_PACKAGE},
        {"CPU Power Socket ", "cpu", POWER_PART_OTHER},
        {"SysIO Power Socket ", "sysio", POWER_PART_OTHER},
    };

    for (size_t i = 0; i < sizeof(meters) / sizeof(meters[0]); i++)
        if (sysfs_parse_suffix(label, meters[i].prefix, place)) {
            *part = meters[i].part;
            snprintf(name, POWER_NAME_SIZE, "%s-%u", meters[i].name, *place);
            return true;
        }
    return false;
}

static bool has_wall(const struct hwmon *hwmon)
{
    for (size_t i = 0; i < hwmon->count; i++)
        if (hwmon->inputs[i].channel.part == POWER_PART_WALL)
            return true;
    return false;
}

/* A meter that lists what it measures (ACPI 6.5, 10.4.8, _PMD) is not of the whole machine; nor is
 * a second one that does not, another sum. "... Power Socket N" is of a Grace that we do not know.
 */
static enum power_part part_of_meter(const struct hwmon *hwmon, const char *directory,
                                     const char *label)
{
    char measures[PATH_MAX];
    size_t count;
    char **names;

    sysfs_path(measures, directory, "measures");
    names = sysfs_list(measures, &count);
    sysfs_free(names, count);
    return count > 0 || has_wall(hwmon) || strstr(label, " Socket ") ? POWER_PART_OTHER
                                                                     : POWER_PART_WALL;
}

/* Depending on the kernel, what it says is in the directory itself or in its device/. */
static bool find_meter(const struct device *device, char directory[PATH_MAX])
{
    char text[SYSFS_TEXT_SIZE];

    snprintf(directory, PATH_MAX, "%s", device->directory);
    if (sysfs_text(directory, "power1_average", text) == POWER_GONE)
        sysfs_path(directory, device->directory, "device");
    return sysfs_text(directory, "power1_average", text) != POWER_GONE;
}

static bool is_battery(const char *directory)
{
    char text[SYSFS_TEXT_SIZE];

    return sysfs_text(directory, "power1_is_battery", text) == POWER_OK && strcmp(text, "1") == 0;
}

static uint32_t averaged_over_ms(const char *directory)
{
    char text[SYSFS_TEXT_SIZE];
    uint64_t interval_ms;

    return sysfs_text(directory, "power1_average_interval", text) == POWER_OK &&
                   sysfs_parse_number(text, &interval_ms) && interval_ms <= LONGEST_AVERAGE_MS
               ? (uint32_t)interval_ms
               : 0;
}

static void add_power_meter(struct hwmon *hwmon, const struct device *device)
{
    char directory[PATH_MAX];
    char label[SYSFS_TEXT_SIZE];
    char name[POWER_NAME_SIZE] = "";
    enum power_part part;
    struct input *input;
    unsigned place = 0;

    if (!find_meter(device, directory) || is_battery(directory))
        return;
    sysfs_text(directory, "power1_oem_info", label);
    if (!is_grace(label, &part, name, &place))
        part = part_of_meter(hwmon, directory, label);
    input = add_input(hwmon, directory, "power1_average", part, POWER_QUANTITY_POWER);
    if (!input)
        return;
    input->channel.place = (uint16_t)place;
    input->channel.every_ms = averaged_over_ms(directory);
    if (name[0])
        memcpy(input->channel.name, name, sizeof(name));
    else
        name_input(input, "acpi", device);
}

static void look_at(struct hwmon *hwmon, const struct device *device)
{
    static const struct {
        const char *name;
        void (*add)(struct hwmon *hwmon, const struct device *device);
    } drivers[] = {
        {"amdgpu", add_amdgpu},
        {"i915", add_intel},
        {"xe", add_intel},
        {"amd_energy", add_amd_energy},
        {"power_meter", add_power_meter},
    };
    char name[SYSFS_TEXT_SIZE];

    if (sysfs_text(device->directory, "name", name) != POWER_OK)
        return;
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        if (strcmp(name, drivers[i].name) == 0)
            drivers[i].add(hwmon, device);
}

/* By name, so that they are the same after the next boot. */
static void number_gpus(struct hwmon *hwmon)
{
    for (size_t i = 0; i < hwmon->count; i++) {
        struct power_channel *channel = &hwmon->inputs[i].channel;

        for (size_t j = 0; j < hwmon->count && channel->part == POWER_PART_GPU; j++)
            if (hwmon->inputs[j].channel.part == POWER_PART_GPU &&
                strcmp(hwmon->inputs[j].channel.name, channel->name) < 0)
                channel->place++;
    }
}

static void close_hwmon(void *state)
{
    struct hwmon *hwmon = state;

    for (size_t i = 0; i < hwmon->count; i++)
        sysfs_close(&hwmon->inputs[i].file);
    free(hwmon);
}

static void *open_hwmon(const struct power_setup *setup, char *error, size_t error_size)
{
    struct hwmon *hwmon = calloc(1, sizeof(*hwmon));
    char tree[PATH_MAX];
    char **entries;
    size_t count;

    error[0] = '\0';
    if (!hwmon) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    hwmon->now_ns = setup->now_ns;
    hwmon->context = setup->context;
    snprintf(tree, sizeof(tree), "%s" TREE, setup->root);
    entries = sysfs_list(tree, &count);
    for (size_t i = 0; i < count; i++) {
        struct device device = {.entry = entries[i]};

        sysfs_path(device.directory, tree, entries[i]);
        look_at(hwmon, &device);
    }
    sysfs_free(entries, count);
    number_gpus(hwmon);
    if (hwmon->count > 0)
        return hwmon;
    close_hwmon(hwmon);
    return NULL;
}

static size_t list_channels(void *state, struct power_channel out[POWER_MAX_CHANNELS])
{
    const struct hwmon *hwmon = state;

    for (size_t i = 0; i < hwmon->count; i++)
        out[i] = hwmon->inputs[i].channel;
    return hwmon->count;
}

/* Zero is no reading: nothing that runs draws nothing, and boards say so of what they do not know
 * (the second half of an MI250X, a GPU that sleeps). */
static enum power_status read_input(void *state, size_t channel, struct power_reading *reading)
{
    struct hwmon *hwmon = state;
    enum power_status status = sysfs_read_number(&hwmon->inputs[channel].file, &reading->value);

    reading->at_ns = hwmon->now_ns(hwmon->context);
    return status == POWER_OK && reading->value == 0 ? POWER_UNSUPPORTED : status;
}

const struct power_source power_hwmon = {
    .name = "hwmon",
    .covers = "AMD and Intel GPUs, AMD sockets, ACPI meters, NVIDIA's Grace",
    .open = open_hwmon,
    .channels = list_channels,
    .read = read_input,
    .close = close_hwmon,
};
