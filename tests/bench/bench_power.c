/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What reading all power meters once a second costs, as a share of one core: on a large machine of
 * files (8 sockets with memory, 16 GPUs, an ACPI meter, Cray's counters) and on this one as it is.
 * An hour, by a clock that is stepped. Files of a temporary directory stand for those of /sys: what
 * the kernel does to make up a reading is in the second figure alone, as far as this machine has
 * meters. */

#include "collectors/power/powerset.h"

#include "tests/bench/rounds.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECONDS   3600
#define SECOND_NS INT64_C(1000000000)

static char directory[] = "/tmp/iagmeter-bench-XXXXXX";
static int64_t clock_ns = 1000 * SECOND_NS;

static int64_t stepped(void *context)
{
    (void)context;
    return clock_ns;
}

static void put(const char *name, const char *text)
{
    char path[PATH_MAX];
    FILE *stream;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    for (char *slash = strchr(path + sizeof(directory), '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    stream = fopen(path, "we");
    if (!stream || fputs(text, stream) == EOF || fclose(stream) != 0) {
        perror(path);
        exit(1);
    }
}

static void put_at(const char *format, unsigned number, const char *text)
{
    char name[100];

    snprintf(name, sizeof(name), format, number);
    put(name, text);
}

static void build_machine(void)
{
    for (unsigned i = 0; i < 8; i++) {
        char name[32];

        snprintf(name, sizeof(name), "package-%u\n", i);
        put_at("sys/class/powercap/intel-rapl:%u/name", i, name);
        put_at("sys/class/powercap/intel-rapl:%u/energy_uj", i, "240422366267\n");
        put_at("sys/class/powercap/intel-rapl:%u/max_energy_range_uj", i, "262143328850\n");
        put_at("sys/class/powercap/intel-rapl:%u:0/name", i, "dram\n");
        put_at("sys/class/powercap/intel-rapl:%u:0/energy_uj", i, "61203344812\n");
        put_at("sys/class/powercap/intel-rapl:%u:0/max_energy_range_uj", i, "65712999613\n");
        put_at("sys/cray/pm_counters/accel%u_energy", i, "30212345 J 1732343432000000 us\n");
    }
    for (unsigned i = 0; i < 16; i++) {
        put_at("sys/class/hwmon/hwmon%u/name", i, "amdgpu\n");
        put_at("sys/class/hwmon/hwmon%u/power1_average", i, "118000000\n");
    }
    put("sys/class/hwmon/hwmon16/name", "power_meter\n");
    put("sys/class/hwmon/hwmon16/device/power1_average", "412000000\n");
    put("sys/cray/pm_counters/energy", "120345678 J 1732343432000000 us\n");
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static unsigned readable(const struct powerset *set)
{
    static struct powerset_state states[POWERSET_MAX_STATES];
    size_t count = powerset_states(set, states);
    unsigned found = 0;

    for (size_t i = 0; i < count; i++)
        found += states[i].is_channel && states[i].status == POWER_OK;
    return found;
}

static void measure(const char *what, const char *root)
{
    struct power_setup setup = {root, NULL, stepped, NULL};
    struct device_energy drawn[MAX_POWER_DEVICES];
    struct powerset *set = powerset_open(&power_defaults, &setup);
    double start_s = processor_s();
    double passed_s;

    if (!set)
        exit(1);
    for (unsigned i = 1; i <= SECONDS; i++) {
        clock_ns += SECOND_NS;
        powerset_sample(set);
        if (i % 60 == 0)
            powerset_take(set, clock_ns, drawn);
    }
    passed_s = processor_s() - start_s;
    printf("%-22s %3u meters  %7.1f us a second  %.4f %% of a core (goal: below 0.5)\n", what,
           readable(set), passed_s / SECONDS * 1e6, passed_s / SECONDS * 100);
    powerset_close(set);
}

int main(void)
{
    if (!mkdtemp(directory)) {
        perror(directory);
        return 1;
    }
    build_machine();
    measure("a large machine", directory);
    measure("this machine", "");
    return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
