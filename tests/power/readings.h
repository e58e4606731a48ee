/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_READINGS_H
#define IAGMETER_TESTS_READINGS_H

#include "collectors/power/counter.h"
#include "collectors/power/power.h"

#include <math.h>
#include <string.h>

#include "tests/power/tree.h"

/* The channels of one source over a tree of files, and what was drawn between two looks at them.
 * Include after cmocka.h. */

static struct power_channel found_channels[POWER_MAX_CHANNELS];
static size_t found_count;
static void *found_state;
static const struct power_source *found_source;

static inline void open_source(const struct power_source *source, const char *root)
{
    struct power_setup setup = {root, NULL, tree_now, NULL};
    char error[200] = "unset";

    found_source = source;
    found_state = source->open(&setup, error, sizeof(error));
    assert_string_equal(error, "");
    found_count = found_state ? source->channels(found_state, found_channels) : 0;
}

static inline void close_source(void)
{
    if (found_state)
        found_source->close(found_state);
    found_state = NULL;
}

static inline size_t channel_called(const char *name)
{
    size_t i = 0;

    while (i < found_count && strcmp(found_channels[i].name, name) != 0)
        i++;
    if (i == found_count)
        fail_msg("no channel \"%s\"", name);
    return i;
}

static inline enum power_status status_of(const char *name)
{
    struct power_reading reading;

    return found_source->read(found_state, channel_called(name), &reading);
}

static inline void assert_channel(const char *name, enum power_part part, unsigned place,
                                  uint64_t value)
{
    size_t i = channel_called(name);
    struct power_reading reading = {0, 0};

    assert_int_equal(found_channels[i].part, part);
    assert_int_equal(found_channels[i].place, place);
    assert_int_equal(found_source->read(found_state, i, &reading), POWER_OK);
    assert_int_equal(reading.value, value);
    assert_int_equal(reading.at_ns, tree_clock_ns);
}

/* The joules and flags of NAME from now to SECONDS later, when CHANGE has been made. */
static inline struct counter_piece drawn(const char *name, int64_t seconds, void (*change)(void))
{
    size_t i = channel_called(name);
    struct counter counter = {false, 0, 0};
    struct counter_piece piece = {0, 0, 0, -1, 0};
    struct power_reading reading;

    assert_int_equal(found_source->read(found_state, i, &reading), POWER_OK);
    assert_false(counter_add(&counter, &found_channels[i], &reading, INT64_MAX, &piece));
    tree_clock_ns += seconds * 1000000000;
    if (change)
        change();
    assert_int_equal(found_source->read(found_state, i, &reading), POWER_OK);
    assert_true(counter_add(&counter, &found_channels[i], &reading, INT64_MAX, &piece));
    return piece;
}

static inline void assert_joules(const struct counter_piece *piece, double expected_j,
                                 unsigned flags)
{
    if (fabs(piece->energy_j - expected_j) > 1e-6)
        fail_msg("%.9f J instead of %.9f J", piece->energy_j, expected_j);
    assert_int_equal(piece->flags, flags);
}

#endif
