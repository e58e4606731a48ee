/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SNMP_H
#define IAGMETER_SNMP_H

#include "collectors/power/pdu.h"
#include "collectors/power/power.h"

#include <limits.h>

/* Power distribution units by SNMP: one channel an outlet (or inlet) that feeds this machine. Those
 * of one machine with several power supplies are at different places, and add up. */

#define SNMP_MAX_FEEDS 16

enum snmp_version { SNMP_V2C, SNMP_V3 };

enum snmp_authentication { SNMP_SHA1, SNMP_SHA256 };

struct snmp_feed {
    char name[32];                 /* channel: "pdu-a-7" */
    char host[256];                /* name or address, with ":port" where it is not 161 */
    int version;                   /* enum snmp_version */
    char community_file[PATH_MAX]; /* v2c */
    char user[33];                 /* v3 (RFC 3414: at most 32) */
    char password_file[PATH_MAX];  /* v3: to authenticate; "": not */
    char privacy_file[PATH_MAX];   /* v3: to encrypt; "": not */
    int authentication;            /* enum snmp_authentication */
    struct pdu_point point;
    unsigned every_ms;
    unsigned timeout_ms; /* of each of two tries */
};

struct snmp_options {
    struct snmp_feed feeds[SNMP_MAX_FEEDS];
    size_t feed_count;
};

extern const struct snmp_feed snmp_feed_defaults;

/* Options NULL: none is configured. */
extern const struct power_source power_snmp;

#endif
