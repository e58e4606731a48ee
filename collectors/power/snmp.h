/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SNMP_H
#define IAGMETER_SNMP_H

#include "collectors/power/pdu.h"
#include "collectors/power/power.h"

#include <limits.h>

/* Power distribution units by SNMP: one channel a point (outlet or inlet) that feeds this machine.
 * Those of a machine with several power supplies are at different places, and add up. */

#define SNMP_MAX_UNITS  8
#define SNMP_MAX_POINTS 8 /* of one of them */

enum snmp_version { SNMP_V2C, SNMP_V3 };
enum snmp_authentication { SNMP_SHA1, SNMP_SHA256 };

struct snmp_unit {
    char name[24];                 /* its channels are "pdu-a/1.7" */
    char host[256];                /* name or address, with ":port" where it is not 161 */
    int version;                   /* enum snmp_version */
    char community_file[PATH_MAX]; /* v2c */
    char user[33];                 /* v3 (RFC 3414, 2.4: 32 at most) */
    char password_file[PATH_MAX];  /* v3: to authenticate */
    char privacy_file[PATH_MAX];   /* v3: to encrypt (AES); "": in clear */
    int authentication;            /* enum snmp_authentication */
    struct pdu_point points[SNMP_MAX_POINTS];
    size_t point_count;
};

struct snmp_options {
    struct snmp_unit units[SNMP_MAX_UNITS];
    size_t unit_count;
    unsigned every_ms;
    unsigned timeout_ms; /* of each of two tries */
};

/* Options NULL: none is configured. */
extern const struct power_source power_snmp;

#endif
