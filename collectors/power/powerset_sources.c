/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/powerset_sources.h"

#include "collectors/power/cray.h"
#include "collectors/power/hwmon.h"
#include "collectors/power/ipmi.h"
#include "collectors/power/nvml.h"
#include "collectors/power/rapl.h"
#include "collectors/power/redfish.h"
#include "collectors/power/snmp.h"

const struct powerset_source powerset_sources[] = {
    {&power_rapl, false, true},  {&power_nvml, false, false}, {&power_hwmon, false, true},
    {&power_cray, true, true},   {&power_ipmi, false, false}, {&power_redfish, false, false},
    {&power_snmp, false, false},
};

const size_t powerset_source_count = sizeof(powerset_sources) / sizeof(powerset_sources[0]);

const void *powerset_options(const struct power_config *config, const struct power_source *source)
{
    const struct powerremote_config *remote = &config->remote;

    if (source == &power_nvml && remote->has_nvml)
        return &remote->nvml;
    if (source == &power_ipmi && remote->has_ipmi)
        return &remote->ipmi;
    if (source == &power_redfish && remote->has_redfish)
        return &remote->redfish;
    if (source == &power_snmp && remote->has_snmp)
        return &remote->snmp;
    return NULL;
}
