/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_INSPECT_H
#define IAGMETER_INSPECT_H

#include "daemon/config.h"

#include <stdbool.h>
#include <stdio.h>

/* `iagmeter inspect`: what the daemon would see in a capture, flow by flow, for the sysadmin. The
 * one place where names, and on demand addresses, are shown; nothing of it is recorded. */

struct inspect_options {
    bool all;         /* also flows of no known service */
    bool addresses;   /* append client, client port, server, server port */
    bool exchanges;   /* one line per estimated exchange instead of one per flow */
    bool keep_rights; /* for who goes on afterwards, as tests do */
};

/* Of the capture in COUNT files at CAPTURES, which are opened before the process gives up its
 * rights for good (sandbox_command()), writes a header and one line per flow to STREAM, by time of
 * the first packet, or of the answer of an estimated exchange, whose bytes are those of its TLS
 * records without their headers. Returns the exit status, after one sentence on standard error when
 * the capture cannot be read or is damaged. */
int inspect_run(const struct config *config, const char *const *captures, unsigned count,
                const struct inspect_options *options, FILE *stream);

#endif
