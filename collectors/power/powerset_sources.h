/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_POWERSET_SOURCES_H
#define IAGMETER_POWERSET_SOURCES_H

#include "collectors/power/powerset.h"
#include "daemon/powerconfig.h"

/* Every source there is. Where two tell of the same part at the same place, the first one that can
 * be read counts. */
struct powerset_source {
    const struct power_source *source;
    /* Its GPUs are those that other sources tell of, under other numbers: they count only where
     * there are no others. */
    bool gpus_again;
    /* Opening it costs next to nothing, and disturbs nobody: it is opened anew every few minutes,
     * since a driver that comes, or comes back, beside others is seen only then. */
    bool is_cheap;
};

extern const struct powerset_source powerset_sources[];
extern const size_t powerset_source_count;

/* What CONFIG says to it; NULL: nothing. */
const void *powerset_options(const struct power_config *config, const struct power_source *source);

/* As powerset_open(), of other sources: tests have theirs. Used until the set is closed. */
struct powerset *powerset_open_sources(const struct power_config *config,
                                       const struct power_setup *setup,
                                       const struct powerset_source *sources, size_t count);

#endif
