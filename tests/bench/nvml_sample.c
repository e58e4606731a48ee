/* SPDX-License-Identifier: GPL-3.0-or-later */

/* nvml_sample SECONDS INTERVAL_MS [LIBRARY]: reads NVIDIA's GPUs for so long, so often, as the
 * power source does, and beside it the power that the same library gives. Prints a line for each
 * board: its number, mean power by the counter of energy in W ("-": it has none), mean power by
 * integrating what the library gives, seconds, samples, and how many of these said something new.
 * For nvml-compare.sh. */

#include "collectors/power/nvml.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct board {
    double first;  /* of the source, in J or W */
    double last;   /* likewise */
    double joules; /* integrated, of the library's power */
    double watts;  /* the last ones */
    int64_t first_ns;
    int64_t last_ns;
    unsigned samples;
    unsigned changes; /* of what the source says */
};

static struct board boards[POWER_MAX_CHANNELS];
static struct power_channel channels[POWER_MAX_CHANNELS];
static int (*handle_of)(unsigned index, void **device);
static int (*power_of)(void *device, unsigned *power_mw);

static int64_t now_ns(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void find(void *library, const char *name, void *function, size_t size)
{
    void *symbol = library ? dlsym(library, name) : NULL;

    if (!symbol) {
        fprintf(stderr, "nvml_sample: %s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    memcpy(function, &symbol, size);
}

static double library_watts(unsigned index)
{
    unsigned power_mw = 0;
    void *device;

    if (handle_of(index, &device) != 0 || power_of(device, &power_mw) != 0)
        fprintf(stderr, "nvml_sample: no power of GPU %u\n", index);
    return power_mw / 1000.0;
}

static void sample(void *state, size_t channel)
{
    struct board *board = &boards[channel];
    struct power_reading reading;
    double watts = library_watts(channels[channel].place);

    if (power_nvml.read(state, channel, &reading) != POWER_OK) {
        fprintf(stderr, "nvml_sample: %s cannot be read\n", channels[channel].name);
        exit(EXIT_FAILURE);
    }
    if (board->samples == 0) {
        board->first_ns = reading.at_ns;
        board->first = (double)reading.value * channels[channel].unit;
    } else {
        board->joules +=
            (watts + board->watts) / 2 * (double)(reading.at_ns - board->last_ns) / 1e9;
    }
    board->changes += (double)reading.value * channels[channel].unit != board->last;
    board->last = (double)reading.value * channels[channel].unit;
    board->last_ns = reading.at_ns;
    board->watts = watts;
    board->samples++;
}

static void print(size_t channel)
{
    const struct board *board = &boards[channel];
    double seconds = (double)(board->last_ns - board->first_ns) / 1e9;

    printf("%u\t", channels[channel].place);
    if (channels[channel].quantity == POWER_QUANTITY_ENERGY)
        printf("%.3f\t", (board->last - board->first) / seconds);
    else
        printf("-\t");
    printf("%.3f\t%.3f\t%u\t%u\n", board->joules / seconds, seconds, board->samples,
           board->changes);
}

int main(int argc, char **argv)
{
    struct nvml_options options = {""};
    struct power_setup setup = {.root = "", .options = &options, .now_ns = now_ns};
    double seconds = argc > 2 ? strtod(argv[1], NULL) : 0;
    long interval_ms = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    struct timespec pause = {interval_ms / 1000, interval_ms % 1000 * 1000000};
    char error[400];
    int64_t end_ns = now_ns(NULL) + (int64_t)(seconds * 1e9);
    size_t count;
    void *state;
    void *library;

    if (seconds <= 0 || interval_ms <= 0) {
        fprintf(stderr, "usage: nvml_sample SECONDS INTERVAL_MS [LIBRARY]\n");
        return EXIT_FAILURE;
    }
    if (argc > 3)
        snprintf(options.library, sizeof(options.library), "%s", argv[3]);
    state = power_nvml.open(&setup, error, sizeof(error));
    if (!state) {
        fprintf(stderr, "nvml_sample: %s\n", error[0] ? error : "no NVIDIA GPU here");
        return EXIT_FAILURE;
    }
    library = dlopen(argc > 3 ? argv[3] : "libnvidia-ml.so.1", RTLD_NOW);
    find(library, "nvmlDeviceGetHandleByIndex_v2", &handle_of, sizeof(handle_of));
    find(library, "nvmlDeviceGetPowerUsage", &power_of, sizeof(power_of));
    count = power_nvml.channels(state, channels);
    while (now_ns(NULL) < end_ns) {
        for (size_t i = 0; i < count; i++)
            sample(state, i);
        nanosleep(&pause, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        sample(state, i);
        print(i);
    }
    dlclose(library);
    power_nvml.close(state);
    return EXIT_SUCCESS;
}
