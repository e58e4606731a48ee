/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_REDFISHCLIENT_H
#define IAGMETER_REDFISHCLIENT_H

#include "collectors/power/redfish.h"

#include <jansson.h>
#include <stdatomic.h>

/* Asks one Redfish service for documents (DMTF DSP0266), over HTTPS, with a session or a password.
 * Each call may take as long as the options' time-out. For one thread at a time. */

#define REDFISH_ROOT          "/redfish/v1/" /* DSP0266, 6.3 */
#define REDFISH_PASSWORD_SIZE 256

struct redfish_client;

/* Copies both. NULL when memory is exhausted. */
struct redfish_client *redfishclient_new(const struct redfish_options *options,
                                         const char *password);

/* Forgets what went wrong. From here on requests are given up once STOP is set. */
void redfishclient_begin(struct redfish_client *client, const atomic_bool *stop);

/* The object at PATH, which the caller releases; NULL when it cannot be had, and then the status
 * and its text say why. */
json_t *redfishclient_get(struct redfish_client *client, const char *path);

/* What went wrong last; POWER_OK and "": nothing. */
enum power_status redfishclient_status(const struct redfish_client *client);
const char *redfishclient_why(const struct redfish_client *client);

/* Whether a document could not be had that may well be there: what it says is not known. */
bool redfishclient_is_unsure(const struct redfish_client *client);

/* Sets both. Returns false. */
bool redfishclient_fail(struct redfish_client *client, enum power_status status, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));

/* Ends the session, if there is one. CLIENT may be NULL. */
void redfishclient_free(struct redfish_client *client);

#endif
