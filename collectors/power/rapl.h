/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_RAPL_H
#define IAGMETER_RAPL_H

#include "collectors/power/power.h"

/* Processors and memory by RAPL, as the kernel's powercap tree (/sys/class/powercap) has it, of
 * Intel and AMD. One channel a package, one a package's memory; never psys (it overlaps), nor cores
 * (they are in the package). */
extern const struct power_source power_rapl;

#endif
