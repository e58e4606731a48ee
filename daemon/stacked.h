/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_STACKED_H
#define IAGMETER_STACKED_H

#include "daemon/config.h"

/* Interfaces that the kernel made of others (a bridge of its ports, a bond, a VLAN): what passes
 * one passes the other, and counts twice where both are captured. */

/* Whether UPPER is made of LOWER, or of what is made of it; "any" is made of all. By what ROOT
 * ("/sys") tells of them; of what is not there: no. */
bool stacked_on(const char *root, const char *upper, const char *lower);

/* Whether both are names of one interface (`ip link property add dev NAME altname OTHER`), which is
 * there. */
bool stacked_is_one(const char *name, const char *other);

/* The number of the one interface of CONFIG that captures all of what number PLACE would under
 * another name: PLACE, where there is none. Of two without a filter the first; where both have one,
 * it is for the administrator to know. */
unsigned stacked_captured_as(const struct config *config, unsigned place);

/* Logs a warning for each interface that is listed under two names, and for each pair that is
 * captured whole. Where one has a filter, it is for the
 * administrator to know what is left. */
void stacked_warn(const char *root, const struct config *config);

#endif
