/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_POWERREMOTECONFIG_H
#define IAGMETER_POWERREMOTECONFIG_H

#include "collectors/power/ipmi.h"
#include "collectors/power/nvml.h"
#include "collectors/power/redfish.h"
#include "collectors/power/snmp.h"
#include "daemon/diagnostics.h"

#include <libconfig.h>
#include <stdbool.h>

/* The groups `nvml`, `ipmi`, `redfish` and `snmp` of host.conf's group `power`: what is asked of a
 * library, a BMC or a power distribution unit. Passwords are in files of their own, which are only
 * named here and read by the process that asks. */
struct powerremote_config {
    struct nvml_options nvml;
    struct ipmi_options ipmi;
    struct redfish_options redfish;
    struct snmp_options snmp;
    bool has_nvml; /* there is such a group: pass it as the source's options, else NULL */
    bool has_ipmi;
    bool has_redfish;
    bool has_snmp;
};

/* Each group may be NULL: it is not there. Paths come to be absolute, beside the file that names
 * them. */
void powerremoteconfig_nvml(struct powerremote_config *config, const config_setting_t *group,
                            struct diagnostics *diagnostics);
void powerremoteconfig_ipmi(struct powerremote_config *config, const config_setting_t *group,
                            struct diagnostics *diagnostics);
void powerremoteconfig_redfish(struct powerremote_config *config, const config_setting_t *group,
                               struct diagnostics *diagnostics);
void powerremoteconfig_snmp(struct powerremote_config *config, const config_setting_t *group,
                            struct diagnostics *diagnostics);

#endif
