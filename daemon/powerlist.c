/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/powerlist.h"

#include "collectors/power/powerset.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)
/* Meters that tell late are not waited for longer. */
#define LATE_NS (2 * SECOND_NS)

static int64_t monotonic_ns(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static double processor_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Samples until UNTIL_NS, and then until all is known, or for too long. */
static void read_until(struct powerset *set, const struct power_config *power, int64_t until_ns)
{
    const struct timespec pause = {power->interval_ms / 1000, power->interval_ms % 1000 * 1000000L};
    int64_t late_ns = LATE_NS + powerconfig_longest_lag_s(power) * SECOND_NS;
    int64_t now_ns = monotonic_ns(NULL);

    while (now_ns < until_ns ||
           (now_ns < until_ns + late_ns && !powerset_complete(set, until_ns))) {
        nanosleep(&pause, NULL);
        powerset_sample(set);
        now_ns = monotonic_ns(NULL);
    }
}

static void print_devices(struct powerset *set, int64_t until_ns, FILE *stream)
{
    struct device_energy energies[MAX_POWER_DEVICES];
    struct power_device devices[MAX_POWER_DEVICES];
    size_t count = powerset_take(set, until_ns, energies);

    powerset_devices(set, devices);
    for (size_t i = 0; i < count; i++) {
        const struct power_device *device = &devices[energies[i].device_id];
        double covered_s = (double)energies[i].covered_ns / 1e9;

        if (device->kind != POWER_DEVICE_SOURCE && covered_s > 0)
            fprintf(stream, "%s: %.1f W, measured for %.0f s\n", device->name,
                    energies[i].energy_j / covered_s, covered_s);
    }
}

static bool is_among(const struct power_device *devices, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (devices[i].kind != POWER_DEVICE_SOURCE && strcmp(devices[i].name, name) == 0)
            return true;
    return false;
}

void powerlist_compare(const struct host_config *host, const struct power_device *devices,
                       size_t count, FILE *stream)
{
    for (size_t i = 0; i < host->device_count; i++)
        if (!is_among(devices, count, host->devices[i].name))
            fprintf(stream, "warning: device %s is in %s, but nothing measures it\n",
                    host->devices[i].name, host->path);
    for (size_t i = 0; i < count; i++)
        if (devices[i].kind != POWER_DEVICE_SOURCE && !hostconfig_device(host, devices[i].name))
            fprintf(stream, "warning: device %s is measured, but not in %s: none of it is idle\n",
                    devices[i].name, host->path);
}

static void print_cost(double used_s, int64_t since_ns, FILE *stream)
{
    double passed_s = (double)(monotonic_ns(NULL) - since_ns) / 1e9;

    if (passed_s > 0.5)
        fprintf(stream, "reading took %.3f %% of one processor\n", 100 * used_s / passed_s);
}

bool powerlist_run(const struct power_config *power, const struct host_config *host,
                   unsigned seconds, FILE *stream)
{
    struct power_setup setup = {.root = power->root, .now_ns = monotonic_ns};
    struct powerset *set = powerset_open(power, &setup);
    struct power_device devices[MAX_POWER_DEVICES];
    int64_t since_ns = monotonic_ns(NULL);
    int64_t until_ns = since_ns + seconds * SECOND_NS;
    double before_s = processor_s();
    double used_s;

    if (!set)
        return false;
    powerset_sample(set);
    read_until(set, power, until_ns);
    used_s = processor_s() - before_s;
    print_cost(used_s, since_ns, stream);
    powerset_describe(set, stream);
    print_devices(set, until_ns, stream);
    if (host)
        powerlist_compare(host, devices, powerset_devices(set, devices), stream);
    powerset_close(set);
    return true;
}
