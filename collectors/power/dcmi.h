/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DCMI_H
#define IAGMETER_DCMI_H

#include "collectors/power/fetcher.h"

#include <stddef.h>
#include <stdint.h>

/* The command Get Power Reading (DCMI 1.5, 6.6.1), as bytes. Knows no transport. */

#define DCMI_NETWORK_FUNCTION 0x2c /* group extension (IPMI 2.0, 5.1) */
#define DCMI_REQUEST_SIZE     5
#define DCMI_RESPONSE_SIZE    20

/* Command, then data. */
extern const uint8_t dcmi_request[DCMI_REQUEST_SIZE];

/* RESPONSE: command, completion code, then data. The value is in watts. WHY says what is wrong when
 * the status is not POWER_OK. */
struct fetched dcmi_decode(const uint8_t *response, size_t length, char *why, size_t why_size);

#endif
