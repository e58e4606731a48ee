/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_IPMI_H
#define IAGMETER_IPMI_H

#include "collectors/power/power.h"

#include <limits.h>

/* What the BMC says that the whole machine draws (DCMI), asked for through the kernel's driver or
 * over IPMI 2.0 on the network. One channel, "dcmi", in watts. */

enum ipmi_privilege { IPMI_AS_USER, IPMI_AS_OPERATOR, IPMI_AS_ADMIN };

/* Where a BMC departs from IPMI 2.0, as ipmi-dcmi(8) names and explains it. */
enum ipmi_workaround {
    IPMI_AUTHCAP,
    IPMI_INTEL20,
    IPMI_SUPERMICRO20,
    IPMI_SUN20,
    IPMI_OPENSESSPRIV,
    IPMI_INTEGRITYCHECKVALUE,
    IPMI_WORKAROUND_COUNT
};

struct ipmi_options {
    char device[PATH_MAX]; /* below the setup's root; used where HOST is "" */
    char host[256];        /* name or address, with ":port" where it is not 623 */
    char user[17];         /* IPMI 2.0, 22.28: 16 characters at most */
    char password_file[PATH_MAX];
    unsigned cipher_suite; /* 3 or 17 (IPMI 2.0, 22.15.2) */
    int privilege;         /* enum ipmi_privilege */
    unsigned workarounds;  /* bits 1 << enum ipmi_workaround */
    unsigned every_ms;
    unsigned timeout_ms;
};

/* Options NULL: not used, since a BMC may speak for more than this machine. */
extern const struct power_source power_ipmi;

#endif
