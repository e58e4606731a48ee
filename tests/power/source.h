/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_SOURCE_H
#define IAGMETER_TESTS_SOURCE_H

#include "collectors/power/power.h"

#include <stdatomic.h>
#include <time.h>

#include "tests/daemon/scratch.h"

/* One source of power readings under test: opens it, and says what it must give. Include after
 * cmocka.h. */

static const struct power_source *source;
static void *source_state;
static struct power_channel channels[POWER_MAX_CHANNELS];
static size_t channel_count;
static struct power_reading last_reading;
static _Atomic int64_t clock_ns;
static _Atomic int64_t clock_step_ns; /* at each look at it */

static inline int64_t read_clock(void *context)
{
    (void)context;
    return atomic_fetch_add(&clock_ns, clock_step_ns);
}

static inline int setup_source(void **state)
{
    source = NULL;
    source_state = NULL;
    atomic_store(&clock_ns, 0);
    atomic_store(&clock_step_ns, 0);
    return scratch_setup(state);
}

static inline void *try_open(const struct power_source *tried, const void *options, char *error,
                             size_t error_size)
{
    const struct power_setup setup = {
        .root = scratch_directory, .options = options, .now_ns = read_clock};

    snprintf(error, error_size, "untouched");
    return tried->open(&setup, error, error_size);
}

static inline void open_source(const struct power_source *opened, const void *options)
{
    char error[400];

    source = opened;
    source_state = try_open(opened, options, error, sizeof(error));
    if (!source_state)
        fail_msg("cannot be opened: %s", error);
    assert_string_equal(error, "");
    channel_count = source->channels(source_state, channels);
}

static inline void close_source(void)
{
    if (source_state)
        source->close(source_state);
    source_state = NULL;
}

/* WHY "": there is none of it here. */
static inline void refuse_source(const struct power_source *tried, const void *options,
                                 const char *why)
{
    char error[400];

    assert_null(try_open(tried, options, error, sizeof(error)));
    if (why[0] ? strstr(error, why) == NULL : error[0] != '\0')
        fail_msg("\"%s\" does not say \"%s\"", error, why);
}

static inline void assert_status(size_t channel, enum power_status status)
{
    assert_int_equal(source->read(source_state, channel, &last_reading), status);
}

/* In the channel's W or J, to a thousandth. */
static inline void assert_last(size_t channel, double value)
{
    double is = (double)last_reading.value * channels[channel].unit;

    if (is < value - 0.0005 || is > value + 0.0005)
        fail_msg("channel %zu is %.6f, not %.6f", channel, is, value);
}

static inline void assert_value(size_t channel, double value)
{
    assert_status(channel, POWER_OK);
    assert_last(channel, value);
}

/* Reads until a source that fetches by itself has something new, for as long as it takes. */
static inline enum power_status await(size_t channel)
{
    const struct timespec pause = {0, 2000000};
    enum power_status status;

    while ((status = source->read(source_state, channel, &last_reading)) == POWER_NOT_YET)
        nanosleep(&pause, NULL);
    return status;
}

/* Waits until CHANNEL says STATUS, whatever it said before. */
static inline void await_status(size_t channel, enum power_status status)
{
    while (await(channel) != status)
        ;
}

/* The file NAME in the directory of this program. */
static inline void beside_this_program(char out[PATH_MAX], const char *name)
{
    char path[PATH_MAX] = "";
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    assert_true(length > 0);
    *strrchr(path, '/') = '\0';
    assert_true((size_t)snprintf(out, PATH_MAX, "%.3000s/%s", path, name) < PATH_MAX);
}

#endif
