/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_STACKED_H
#define IAGMETER_STACKED_H

#include "daemon/config.h"

/* Interfaces that the kernel made of others (a bridge of its ports, a bond, a VLAN): what passes
 * one passes the other, and counts twice where both are captured. */

/* Whether UPPER is made of LOWER, or of what is made of it; "any" is made of all. By what ROOT
 * ("/sys") tells of them; of what is not there: no. */
bool stacked_on(const char *root, const char *upper, const char *lower);

/* Logs a warning for each pair that is captured whole. Where one has a filter, it is for the
 * administrator to know what is left. */
void stacked_warn(const char *root, const struct config *config);

#endif
