/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/nvml.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"

#define DEFAULT_LIBRARY "libnvidia-ml.so.1"
#define DRIVER          "/proc/driver/nvidia/version"

#define NEW_VALUES_MS 100 /* H200, driver 580: ten new values a second */
/* A reading takes at most this part of the time, and waits no longer than MOST_MS for its turn. */
#define MOST_OF_THE_TIME 200
#define MOST_MS          10000

/* What is used of NVML's interface, as its reference manual (NVML API Reference, r535 and later)
 * has it. Names with _v2 are those that the header's plain names stand for. */
enum nvml_return {
    NVML_SUCCESS = 0,
    NVML_UNINITIALIZED = 1,
    NVML_NOT_SUPPORTED = 3,
    NVML_NO_PERMISSION = 4,
    NVML_DRIVER_NOT_LOADED = 9,
    NVML_GPU_IS_LOST = 15,
    NVML_RESET_REQUIRED = 16,
    NVML_LIB_RM_VERSION_MISMATCH = 18
};

enum { NVML_UUID_SIZE = 96, NVML_MIG_ENABLED = 1 };

typedef struct nvml_device *nvml_device;

struct nvml_library {
    int (*init)(void);
    int (*shutdown)(void);
    const char *(*error_string)(int result);
    int (*count)(unsigned *count);
    int (*handle)(unsigned index, nvml_device *device);
    int (*uuid)(nvml_device device, char *uuid, unsigned length);
    int (*energy)(nvml_device device, unsigned long long *energy_mj);
    int (*power)(nvml_device device, unsigned *power_mw);
    int (*mig_mode)(nvml_device device, unsigned *current, unsigned *pending);
};

struct symbol {
    const char *name;
    size_t offset;
};

#define SYMBOL(name, member)                                                                       \
    {                                                                                              \
        name, offsetof(struct nvml_library, member)                                                \
    }

static const struct symbol symbols[] = {
    SYMBOL("nvmlInit_v2", init),
    SYMBOL("nvmlShutdown", shutdown),
    SYMBOL("nvmlErrorString", error_string),
    SYMBOL("nvmlDeviceGetCount_v2", count),
    SYMBOL("nvmlDeviceGetHandleByIndex_v2", handle),
    SYMBOL("nvmlDeviceGetUUID", uuid),
    SYMBOL("nvmlDeviceGetTotalEnergyConsumption", energy),
    SYMBOL("nvmlDeviceGetPowerUsage", power),
    SYMBOL("nvmlDeviceGetMigMode", mig_mode),
};

struct board {
    nvml_device device;
    struct power_channel channel;
};

struct nvml {
    void *handle;
    bool initialised;
    struct nvml_library library;
    int64_t (*now_ns)(void *context);
    void *context;
    struct board boards[POWER_MAX_CHANNELS];
    size_t board_count;
};

static bool load_symbols(struct nvml *nvml, char *error, size_t error_size)
{
    for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
        void *symbol = dlsym(nvml->handle, symbols[i].name);

        if (!symbol) {
            snprintf(error, error_size, "NVIDIA's library has no %s: it is too old",
                     symbols[i].name);
            return false;
        }
        memcpy((char *)&nvml->library + symbols[i].offset, &symbol, sizeof(symbol));
    }
    return true;
}

/* Without the driver there are no boards, and a library is not missed. One that was named is. */
static bool is_missed(const struct power_setup *setup, const struct nvml_options *options)
{
    char driver[PATH_MAX];

    snprintf(driver, sizeof(driver), "%s" DRIVER, setup->root);
    return (options && options->library[0]) || access(driver, F_OK) == 0;
}

static bool load(struct nvml *nvml, const struct power_setup *setup, char *error, size_t error_size)
{
    const struct nvml_options *options = setup->options;
    const char *path = options && options->library[0] ? options->library : DEFAULT_LIBRARY;

    nvml->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (nvml->handle)
        return load_symbols(nvml, error, error_size);
    if (is_missed(setup, options))
        snprintf(error, error_size, "NVIDIA's library cannot be loaded: %s", dlerror());
    return false;
}

static bool check(const struct nvml *nvml, int result, const char *what, char *error,
                  size_t error_size)
{
    if (result == NVML_SUCCESS)
        return true;
    snprintf(error, error_size, "%s: %s", what, nvml->library.error_string(result));
    return false;
}

/* Some boards have no counter of energy (before Volta), or one that stands at zero: power then, to
 * be integrated. */
static uint8_t quantity_of(const struct nvml *nvml, nvml_device device)
{
    unsigned long long energy_mj = 0;
    unsigned power_mw = 0;
    int result = nvml->library.energy(device, &energy_mj);

    return (result == NVML_NOT_SUPPORTED || (result == NVML_SUCCESS && energy_mj == 0)) &&
                   nvml->library.power(device, &power_mw) == NVML_SUCCESS && power_mw > 0
               ? POWER_QUANTITY_POWER
               : POWER_QUANTITY_ENERGY;
}

static void tell_if_divided(const struct nvml *nvml, const struct board *board)
{
    unsigned current = 0;
    unsigned pending;

    if (nvml->library.mig_mode(board->device, &current, &pending) == NVML_SUCCESS &&
        current == NVML_MIG_ENABLED)
        log_line(LOG_PRIORITY_INFO,
                 "nvml: %s is divided (MIG); what its instances draw is counted once, on the board",
                 board->channel.name);
}

/* False for a board that has gone: the others may be there. */
static bool add_board(struct nvml *nvml, unsigned index)
{
    struct board *board = &nvml->boards[nvml->board_count];
    char uuid[NVML_UUID_SIZE] = "";
    uint8_t quantity;

    if (nvml->library.handle(index, &board->device) != NVML_SUCCESS ||
        nvml->library.uuid(board->device, uuid, sizeof(uuid)) != NVML_SUCCESS)
        return false;
    quantity = quantity_of(nvml, board->device);
    board->channel = (struct power_channel){
        .part = POWER_PART_GPU,
        .quantity = quantity,
        .place = (uint16_t)index,
        .unit = 0.001, /* mJ, mW */
        .every_ms = NEW_VALUES_MS,
    };
    snprintf(board->channel.name, sizeof(board->channel.name), "%.*s", POWER_NAME_SIZE - 1, uuid);
    nvml->board_count++;
    tell_if_divided(nvml, board);
    return true;
}

static bool find_boards(struct nvml *nvml, char *error, size_t error_size)
{
    unsigned count = 0;

    if (!check(nvml, nvml->library.count(&count), "cannot count NVIDIA's GPUs", error, error_size))
        return false;
    for (unsigned i = 0; i < count && nvml->board_count < POWER_MAX_CHANNELS; i++)
        if (!add_board(nvml, i))
            log_line(LOG_PRIORITY_WARNING, "nvml: GPU %u does not answer, and is left out", i);
    if (count > 0 && nvml->board_count == 0)
        snprintf(error, error_size, "none of the %u NVIDIA GPUs answers", count);
    return nvml->board_count > 0;
}

/* Of the boards that answer: another may be silent for long, and be left out later. */
static int64_t time_of_reading_ns(const struct nvml *nvml)
{
    int64_t taken_ns = 0;

    for (size_t i = 0; i < nvml->board_count; i++) {
        int64_t begun_ns = nvml->now_ns(nvml->context);
        unsigned long long energy_mj;

        if (nvml->boards[i].channel.quantity == POWER_QUANTITY_ENERGY &&
            nvml->library.energy(nvml->boards[i].device, &energy_mj) == NVML_SUCCESS)
            taken_ns += nvml->now_ns(nvml->context) - begun_ns;
    }
    return taken_ns;
}

/* The driver asks a board's own processor for the counter, and keeps ours busy until it answers: 4
 * ms on an H200, which with eight of them read every second is 3 % of a core. A counter loses
 * nothing when it is read more rarely. The least of some tries, since the first is slower. */
static void read_slow_ones_rarely(struct nvml *nvml)
{
    int64_t least_ns = time_of_reading_ns(nvml);
    int64_t every_ms;

    for (int i = 0; i < 2; i++) {
        int64_t taken_ns = time_of_reading_ns(nvml);

        least_ns = taken_ns < least_ns ? taken_ns : least_ns;
    }
    every_ms = least_ns * MOST_OF_THE_TIME / 1000000;
    if (every_ms <= NEW_VALUES_MS)
        return;
    every_ms = every_ms < MOST_MS ? every_ms : MOST_MS;
    for (size_t i = 0; i < nvml->board_count; i++)
        if (nvml->boards[i].channel.quantity == POWER_QUANTITY_ENERGY)
            nvml->boards[i].channel.every_ms = (uint32_t)every_ms;
    if (every_ms > 1000)
        log_line(LOG_PRIORITY_INFO,
                 "nvml: reading the counters takes %.1f ms, and is done every %.1f s at most",
                 (double)least_ns / 1e6, (double)every_ms / 1000);
}

static void close_nvml(void *state)
{
    struct nvml *nvml = state;

    if (nvml->initialised)
        nvml->library.shutdown();
    if (nvml->handle)
        dlclose(nvml->handle);
    free(nvml);
}

static void *open_nvml(const struct power_setup *setup, char *error, size_t error_size)
{
    struct nvml *nvml = calloc(1, sizeof(*nvml));

    error[0] = '\0';
    if (!nvml) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    nvml->now_ns = setup->now_ns;
    nvml->context = setup->context;
    if (load(nvml, setup, error, error_size)) {
        nvml->initialised =
            check(nvml, nvml->library.init(), "NVIDIA's library does not start", error, error_size);
        if (nvml->initialised && find_boards(nvml, error, error_size)) {
            read_slow_ones_rarely(nvml);
            return nvml;
        }
    }
    close_nvml(nvml);
    return NULL;
}

static size_t list_channels(void *state, struct power_channel out[POWER_MAX_CHANNELS])
{
    const struct nvml *nvml = state;

    for (size_t i = 0; i < nvml->board_count; i++)
        out[i] = nvml->boards[i].channel;
    return nvml->board_count;
}

static enum power_status status_of(int result)
{
    switch (result) {
    case NVML_SUCCESS:
        return POWER_OK;
    case NVML_NOT_SUPPORTED:
        return POWER_UNSUPPORTED;
    case NVML_NO_PERMISSION:
        return POWER_DENIED;
    case NVML_UNINITIALIZED:
    case NVML_DRIVER_NOT_LOADED:
    case NVML_GPU_IS_LOST:
    case NVML_RESET_REQUIRED:
    case NVML_LIB_RM_VERSION_MISMATCH: /* the driver was replaced by another version */
        return POWER_GONE;
    default:
        return POWER_FAILED;
    }
}

/* Zero is no reading: nothing that runs draws nothing. */
static enum power_status read_board(void *state, size_t channel, struct power_reading *reading)
{
    const struct nvml *nvml = state;
    const struct board *board = &nvml->boards[channel];
    unsigned long long energy_mj = 0;
    unsigned power_mw = 0;
    int result;

    if (board->channel.quantity == POWER_QUANTITY_ENERGY)
        result = nvml->library.energy(board->device, &energy_mj);
    else
        result = nvml->library.power(board->device, &power_mw);
    *reading = (struct power_reading){energy_mj + power_mw, nvml->now_ns(nvml->context)};
    return result == NVML_SUCCESS && reading->value == 0 ? POWER_UNSUPPORTED : status_of(result);
}

const struct power_source power_nvml = {
    .name = "nvml",
    .covers = "NVIDIA GPUs, each board as a whole",
    .open = open_nvml,
    .channels = list_channels,
    .read = read_board,
    .close = close_nvml,
};
