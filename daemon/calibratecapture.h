/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CALIBRATECAPTURE_H
#define IAGMETER_CALIBRATECAPTURE_H

#include "daemon/config.h"
#include "daemon/message.h"

#include <stdbool.h>

/* Who sees the packets of `iagmeter calibrate service`: a process of its own, which gives up all
 * its rights before it looks at the first one (sandbox_command()), while the command, which asks
 * the operator and writes the file, keeps those that it was started with. All that it is told are
 * MESSAGE_EXCHANGE: shapes of exchanges, without any address.
 *
 * Life cycle: calibratecapture_start(), calibratecapture_next() until it returns MESSAGE_PEER_GONE
 * or MESSAGE_REFUSED, calibratecapture_end(). */

struct calibratecapture_setup {
    const struct config *config;
    const char *interface; /* to watch; NULL: */
    const char *capture;   /* file to read, "-" for standard input */
    const char *client;    /* address, which was checked; NULL: of a file, all of it */
};

struct calibratecapture;

/* Returns once packets are looked at. NULL after one sentence on standard error. */
struct calibratecapture *calibratecapture_start(const struct calibratecapture_setup *setup);

/* What to poll for exchanges. */
int calibratecapture_descriptor(const struct calibratecapture *capture);

/* As message_receive(). MESSAGE_PEER_GONE: there are no more. */
enum message_status calibratecapture_next(struct calibratecapture *capture, bool wait,
                                          struct message *message);

/* Of an interface: no more packets. Exchanges that are not over end, and still come. */
void calibratecapture_stop(const struct calibratecapture *capture);

/* Waits for the end of the process, and frees. Returns whether all packets could be read, after one
 * sentence on standard error if not. */
bool calibratecapture_end(struct calibratecapture *capture);

#endif
