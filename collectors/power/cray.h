/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CRAY_H
#define IAGMETER_CRAY_H

#include "collectors/power/power.h"

/* Cray's counters of the node (/sys/cray/pm_counters): the whole, and its accelerators. */
extern const struct power_source power_cray;

#endif
