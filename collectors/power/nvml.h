/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_NVML_H
#define IAGMETER_NVML_H

#include "collectors/power/power.h"

#include <limits.h>

/* NVIDIA's GPUs, by the library that comes with their driver: one channel a board, its energy
 * counter, or its power where it has none. A board that is divided (MIG) is one board. */
struct nvml_options {
    char library[PATH_MAX]; /* "": libnvidia-ml.so.1, where the loader finds it */
};

extern const struct power_source power_nvml;

#endif
