/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_MACHINE_H
#define IAGMETER_TESTS_MACHINE_H

#include "collectors/power/powerset_sources.h"
#include "tests/power/tree.h"

#include <math.h>
#include <string.h>

/* A machine whose meters do what the test says, second by second. Include after cmocka.h. */

#define SECOND_NS INT64_C(1000000000)

struct fake_channel {
    struct power_channel channel;
    double power_w;
    double energy_j;
    enum power_status status;
    int64_t every_s;
    int64_t read_s;
};

struct fake {
    struct power_source source;
    bool is_absent;
    const char *problem;
    unsigned opened;
    void (*on_open)(void);
    struct fake_channel channels[POWER_MAX_CHANNELS];
    size_t count;
};

enum { RAPL, NVML, REDFISH, SNMP, CRAY, FAKES };

static struct fake fakes[FAKES];
static struct powerset_source table[FAKES];
static struct power_config config;
static struct powerset *set;
static struct power_device devices[MAX_POWER_DEVICES];
static size_t device_count;
static struct device_energy drawn[MAX_POWER_DEVICES];
static size_t drawn_count;

static inline void *open_fake(struct fake *fake, char *error, size_t error_size)
{
    fake->opened++;
    if (fake->on_open)
        fake->on_open();
    snprintf(error, error_size, "%s", fake->problem ? fake->problem : "");
    return fake->is_absent || fake->problem ? NULL : fake;
}

/* A descriptor's open() is not told which it is. */
#define OPENER(number)                                                                             \
    static inline void *open_##number(const struct power_setup *setup, char *error,                \
                                      size_t error_size)                                           \
    {                                                                                              \
        (void)setup;                                                                               \
        return open_fake(&fakes[number], error, error_size);                                       \
    }
OPENER(RAPL)
OPENER(NVML)
OPENER(REDFISH)
OPENER(SNMP)
OPENER(CRAY)

static inline size_t list_fake(void *state, struct power_channel out[POWER_MAX_CHANNELS])
{
    const struct fake *fake = state;

    for (size_t i = 0; i < fake->count; i++)
        out[i] = fake->channels[i].channel;
    return fake->count;
}

static inline enum power_status read_fake(void *state, size_t number, struct power_reading *reading)
{
    struct fake_channel *channel = &((struct fake *)state)->channels[number];
    int64_t now_s = tree_clock_ns / SECOND_NS;

    if (channel->status != POWER_OK)
        return channel->status;
    if (channel->every_s > 1 && now_s % channel->every_s != 0)
        return POWER_NOT_YET;
    reading->at_ns = tree_clock_ns;
    reading->value = channel->channel.quantity == POWER_QUANTITY_ENERGY
                         ? (uint64_t)llround(channel->energy_j * 1000)
                         : (uint64_t)llround(channel->power_w * 1000);
    return POWER_OK;
}

static inline void close_fake(void *state)
{
    (void)state;
}

static inline struct fake_channel *add_channel(int source, const char *name, enum power_part part,
                                               unsigned place, double power_w)
{
    struct fake_channel *channel = &fakes[source].channels[fakes[source].count++];

    fakes[source].is_absent = false;
    *channel = (struct fake_channel){
        .channel = {.part = (uint8_t)part, .place = (uint16_t)place, .unit = 0.001},
        .power_w = power_w,
        .energy_j = 5000,
    };
    snprintf(channel->channel.name, sizeof(channel->channel.name), "%s", name);
    return channel;
}

static inline int setup(void **state)
{
    static void *(*const openers[FAKES])(const struct power_setup *, char *, size_t) = {
        open_RAPL, open_NVML, open_REDFISH, open_SNMP, open_CRAY};
    static const char *const names[FAKES] = {"rapl", "nvml", "redfish", "snmp", "cray"};

    memset(fakes, 0, sizeof(fakes));
    for (int i = 0; i < FAKES; i++) {
        fakes[i].is_absent = true;
        fakes[i].source =
            (struct power_source){names[i], "a test", openers[i], list_fake, read_fake, close_fake};
        table[i] = (struct powerset_source){&fakes[i].source, i == CRAY, i == RAPL};
    }
    config = power_defaults;
    tree_clock_ns = 1000 * SECOND_NS;
    set = NULL;
    return scratch_setup(state);
}

static inline int teardown(void **state)
{
    powerset_close(set);
    return scratch_teardown(state);
}

static inline void start(void)
{
    struct power_setup machine = {scratch_directory, NULL, tree_now, NULL};

    set = powerset_open_sources(&config, &machine, table, FAKES);
    assert_non_null(set);
    powerset_sample(set);
    /* The second that had begun is not counted. */
    tree_clock_ns += SECOND_NS;
    powerset_sample(set);
}

static inline void pass(unsigned seconds)
{
    for (; seconds > 0; seconds--) {
        tree_clock_ns += SECOND_NS;
        for (int i = 0; i < FAKES; i++)
            for (size_t j = 0; j < fakes[i].count; j++)
                fakes[i].channels[j].energy_j += fakes[i].channels[j].power_w;
        powerset_sample(set);
    }
}

static inline void take_until(int64_t until_ns)
{
    device_count = powerset_devices(set, devices);
    drawn_count = powerset_take(set, until_ns, drawn);
}

static inline void take(void)
{
    take_until(tree_clock_ns);
}

static inline const struct device_energy *energy_of(const char *name)
{
    static const struct device_energy none;
    size_t id = 0;

    while (id < device_count && strcmp(devices[id].name, name) != 0)
        id++;
    if (id == device_count)
        fail_msg("no device \"%s\"", name);
    for (size_t i = 0; i < drawn_count; i++)
        if (drawn[i].device_id == id)
            return &drawn[i];
    return &none;
}

static inline void assert_drawn(const char *name, double energy_j, unsigned covered_s,
                                unsigned flags)
{
    const struct device_energy *energy = energy_of(name);

    if (fabs(energy->energy_j - energy_j) > 1e-6)
        fail_msg("%s: %.9g J instead of %.9g J", name, energy->energy_j, energy_j);
    assert_int_equal(energy->covered_ns, covered_s * SECOND_NS);
    assert_int_equal(energy->flags, flags);
}

static inline void assert_near(double actual, double expected)
{
    if (fabs(actual - expected) > 1e-6)
        fail_msg("%.9g instead of %.9g", actual, expected);
}

static inline bool has_device(const char *name)
{
    for (size_t i = 0; i < device_count; i++)
        if (strcmp(devices[i].name, name) == 0)
            return true;
    return false;
}

static inline void with_rest(double rest_w)
{
    config.has_rest = true;
    config.rest_w = rest_w;
}

#endif
