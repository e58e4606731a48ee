/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HWMON_H
#define IAGMETER_HWMON_H

#include "collectors/power/power.h"

/* What drivers tell under /sys/class/hwmon: amdgpu, i915 and xe (GPUs), amd_energy (sockets),
 * power_meter (ACPI: the whole machine, or the parts of NVIDIA's Grace). */
extern const struct power_source power_hwmon;

#endif
