/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/powerset_sources.h"

#include "collectors/power/cray.h"
#include "collectors/power/hwmon.h"
#include "collectors/power/rapl.h"

const struct powerset_source powerset_sources[] = {
    {&power_rapl, false},
    {&power_hwmon, false},
    {&power_cray, true},
};

const size_t powerset_source_count = sizeof(powerset_sources) / sizeof(powerset_sources[0]);

const void *powerset_options(const struct power_config *config, const struct power_source *source)
{
    (void)config;
    (void)source;
    return NULL;
}
