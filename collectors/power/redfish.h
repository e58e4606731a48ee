/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_REDFISH_H
#define IAGMETER_REDFISH_H

#include "collectors/power/power.h"

#include <limits.h>

/* What the BMC says over Redfish (DMTF DSP0266) that the chassis draws. Two channels of the same
 * place: "energy", which is unsupported where the BMC has no counter of energy, or one of coarse
 * steps, and "power". */

enum redfish_login {
    REDFISH_SESSION, /* one login, which is kept */
    REDFISH_BASIC    /* the password with each request: some BMCs write each to their log */
};

struct redfish_options {
    char url[512];     /* "https://bmc.example.org", without a path */
    char chassis[128]; /* its Id; "": the only one with a reading that is not inside another */
    char user[64];     /* "": no login */
    char password_file[PATH_MAX];
    char ca_file[PATH_MAX]; /* "": the system's authorities */
    char pin[128]; /* "sha256//...": the only key that its certificate may have; then that is all */
    bool verify;   /* its certificate, and that it is this host's */
    int login;     /* enum redfish_login */
    unsigned every_ms;
    unsigned timeout_ms; /* of each request */
};

/* Options NULL: none is configured. */
extern const struct power_source power_redfish;

#endif
