/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Stands in for libnvidia-ml.so.1 in tests: the same names, and what a script says. The script,
 * named by NVML_SCRIPT, has a line an event, of columns separated by tabs:
 *
 *   t_s  gpu  total_energy_mJ  power_mW  note
 *
 * From t_s on a GPU says that, until its next line; instead of a number an ERR_ is answered. The
 * note "MIG" divides the GPU. gpu "-" is the driver itself, and its energy what it answers to
 * everything, or OK; gpu "n" and a number: how many there are. The time is that given to
 * nvml_test_at(), else since the library was loaded. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_EVENTS = 4096, SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2 };

struct event {
    double t_s;
    char gpu[8];
    char energy[32];
    char power[32];
    char note[32];
};

static const struct {
    const char *name;
    int number;
} errors[] = {{"ERR_NOT_SUPPORTED", 3},     {"ERR_NO_PERMISSION", 4}, {"ERR_DRIVER_NOT_LOADED", 9},
              {"ERR_TIMEOUT", 10},          {"ERR_GPU_IS_LOST", 15},  {"ERR_RESET_REQUIRED", 16},
              {"ERR_VERSION_MISMATCH", 18}, {"ERR_UNKNOWN", 999}};

static struct event events[MOST_EVENTS];
static size_t event_count;
static double now_s = -1;
static struct timespec begun;
static int users; /* nvmlInit() less nvmlShutdown() */

void nvml_test_at(double t_s);
int nvml_test_users(void);
int nvmlInit_v2(void);
int nvmlShutdown(void);
const char *nvmlErrorString(int result);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device);
int nvmlDeviceGetUUID(void *device, char *uuid, unsigned length);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *energy_mj);
int nvmlDeviceGetPowerUsage(void *device, unsigned *power_mw);
int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending);

void nvml_test_at(double t_s)
{
    now_s = t_s;
}

int nvml_test_users(void)
{
    return users;
}

static double time_s(void)
{
    struct timespec now;

    if (now_s >= 0)
        return now_s;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begun.tv_sec) + 1e-9 * (double)(now.tv_nsec - begun.tv_nsec);
}

static __attribute__((constructor)) void read_script(void)
{
    const char *path = getenv("NVML_SCRIPT");
    FILE *stream = path ? fopen(path, "re") : NULL;
    char line[256];

    clock_gettime(CLOCK_MONOTONIC, &begun);
    while (stream && event_count < MOST_EVENTS && fgets(line, sizeof(line), stream)) {
        struct event *event = &events[event_count];

        event->note[0] = '\0';
        if (line[0] != '#' && sscanf(line, "%lf %7s %31s %31s %31s", &event->t_s, event->gpu,
                                     event->energy, event->power, event->note) >= 4)
            event_count++;
    }
    if (stream)
        fclose(stream);
}

/* The last line for GPU so far, or NULL. */
static const struct event *current(const char *gpu)
{
    const struct event *found = NULL;

    for (size_t i = 0; i < event_count; i++)
        if (strcmp(events[i].gpu, gpu) == 0 && events[i].t_s <= time_s())
            found = &events[i];
    return found;
}

static int error_of(const char *text)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
        if (strcmp(text, errors[i].name) == 0)
            return errors[i].number;
    return SUCCESS;
}

static int driver(void)
{
    const struct event *event = current("-");

    return event ? error_of(event->energy) : SUCCESS;
}

static const struct event *event_of(void *device)
{
    char gpu[8];

    snprintf(gpu, sizeof(gpu), "%u", (unsigned)(size_t)device - 1);
    return current(gpu);
}

/* What every call begins with. */
static int before(void *device)
{
    if (users == 0)
        return UNINITIALIZED;
    if (driver() != SUCCESS)
        return driver();
    return device && event_of(device) ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlInit_v2(void)
{
    if (driver() == SUCCESS)
        users++;
    return driver();
}

int nvmlShutdown(void)
{
    if (users == 0)
        return UNINITIALIZED;
    users--;
    return SUCCESS;
}

const char *nvmlErrorString(int result)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
        if (errors[i].number == result)
            return errors[i].name;
    return "other";
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    const struct event *event = current("n");

    if (users == 0 || driver() != SUCCESS)
        return users == 0 ? UNINITIALIZED : driver();
    if (event)
        *count = (unsigned)strtoul(event->energy, NULL, 10);
    for (*count = event ? *count : 0; !event; (*count)++)
        if (!event_of((void *)(size_t)(*count + 1)))
            break;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    *device = (void *)(size_t)(index + 1);
    if (before(*device) != SUCCESS)
        return before(*device);
    return strcmp(event_of(*device)->energy, "ERR_GPU_IS_LOST") == 0 ? error_of("ERR_GPU_IS_LOST")
                                                                     : SUCCESS;
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned length)
{
    snprintf(uuid, length, "GPU-f124aa59-d406-d45b-9481-8fcd694e%04x",
             (unsigned)(size_t)device - 1);
    return before(device);
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *energy_mj)
{
    if (before(device) != SUCCESS)
        return before(device);
    *energy_mj = strtoull(event_of(device)->energy, NULL, 10);
    return error_of(event_of(device)->energy);
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *power_mw)
{
    if (before(device) != SUCCESS)
        return before(device);
    *power_mw = (unsigned)strtoul(event_of(device)->power, NULL, 10);
    return error_of(event_of(device)->power);
}

int nvmlDeviceGetMigMode(void *device, unsigned *current_mode, unsigned *pending)
{
    if (before(device) != SUCCESS)
        return before(device);
    *current_mode = *pending = strcmp(event_of(device)->note, "MIG") == 0;
    return SUCCESS;
}
