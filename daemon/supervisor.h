/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SUPERVISOR_H
#define IAGMETER_SUPERVISOR_H

#include "daemon/config.h"

/* The start-up process. It reads the configuration, starts the meter and the capture processes,
 * one or more per interface (or for a file), watches over them, hands them new rules on SIGHUP, and
 * ends them in order. It sees neither packets nor sums. */

/* Takes over CONFIG. The FILE_COUNT FILES are one capture to replay, by WORKERS processes; 0: by
 * one, which may have a thread read ahead. None to capture live. Returns the exit status. */
int supervisor_run(struct config *config, const char *const *files, unsigned file_count,
                   unsigned workers);

#endif
