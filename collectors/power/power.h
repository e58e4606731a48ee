/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_POWER_H
#define IAGMETER_POWER_H

#include "collectors/collector.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A source of power readings: a descriptor, one a kind (RAPL, hwmon, NVML, BMC...). A source has
 * channels, each of which reads one thing. Sources only read; what readings mean in joules is said
 * by the channel, and computed in counter.h.
 *
 * Channels of one source with the same part and place read the same thing: the counter of energy
 * counts while it can be read, else the power. Walls of one source at different places are feeds of
 * one machine, and add up. */

/* What a channel covers. */
enum power_part {
    POWER_PART_WALL,    /* all that the machine draws: BMC, PDU, ACPI meter */
    POWER_PART_MODULE,  /* a processor and a GPU together (Grace Hopper) */
    POWER_PART_GPU,     /* a whole board */
    POWER_PART_PACKAGE, /* a processor's socket */
    POWER_PART_DRAM,
    POWER_PART_OTHER, /* of one of the above, or overlapping several: shown, never summed */
    POWER_PART_COUNT
};

enum power_quantity {
    POWER_QUANTITY_ENERGY, /* a counter that grows */
    POWER_QUANTITY_POWER   /* a momentary value, or the average since the last one */
};

#define POWER_MAX_CHANNELS 64 /* of one source */

struct power_channel {
    char name[POWER_NAME_SIZE]; /* within the source, lasting: "package-0", a GPU's UUID */
    uint32_t every_ms;          /* it is worth reading no more often; 0: always */
    uint8_t part;               /* enum power_part */
    uint8_t quantity;           /* enum power_quantity */
    uint16_t place;             /* number of the GPU, socket or feed, from 0 */
    double unit;                /* J, or W, in one unit of the reading */
    uint64_t range; /* an energy counter's: after it comes 0; 0: never wraps, a fall is a reset */
    double most_w; /* what it can draw at most; 0: unknown. A gap in which that could fill the range
                      is ambiguous */
};

enum power_status {
    POWER_OK,
    POWER_NOT_YET,     /* nothing new since the last time: of a source that fetches by itself */
    POWER_DENIED,      /* no permission: an error, not zero */
    POWER_UNSUPPORTED, /* it says so itself, or is all zero where that means so */
    POWER_GONE,        /* unplugged, driver reloaded: open the source again */
    POWER_ANEW,        /* its counter counts from another beginning, whether it shows or not */
    POWER_STILL,       /* a counter of energy that does not move: nothing that runs draws nothing */
    POWER_FAILED
};

struct power_reading {
    uint64_t value;
    int64_t at_ns; /* CLOCK_MONOTONIC, when it was true */
};

struct power_setup {
    const char *root; /* "" or a directory: what /sys, /proc, /dev are read under */
    /* Of this kind of source: its own structure, which lasts as long as the source is open. NULL:
     * none are configured. */
    const void *options;
    /* CLOCK_MONOTONIC; tests step it. Called from a thread of the source's own, too. */
    int64_t (*now_ns)(void *context);
    void *context;
};

struct power_source {
    const char *name;   /* "rapl": with a channel's name, what it is called everywhere */
    const char *covers; /* what its readings are, in a few words, for `iagmeter status` */
    /* Looks for what there is. Returns the source's state, or NULL: with ERROR "" when the machine
     * has none of it, else with one sentence that says why it cannot be used. */
    void *(*open)(const struct power_setup *setup, char *error, size_t error_size);
    /* Fills OUT; the number of channels, fixed while it is open. */
    size_t (*channels)(void *state, struct power_channel out[POWER_MAX_CHANNELS]);
    /* Never waits for a network: a source that has to fetch does so in a thread of its own, and
     * hands over what came last. */
    enum power_status (*read)(void *state, size_t channel, struct power_reading *reading);
    void (*close)(void *state);
};

/* "no permission" and the like. */
const char *power_status_text(enum power_status status);

#endif
