/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_LOG_H
#define IAGMETER_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* Log to standard error, where systemd takes it to the journal with its priority. Lines never hold
 * anything that came from a packet. */

enum log_priority { LOG_PRIORITY_ERROR = 3, LOG_PRIORITY_WARNING = 4, LOG_PRIORITY_INFO = 6 };

/* PROGRAM starts each line when the journal does not say it already. Keeps the pointer. */
void log_open(const char *program);

void log_line(enum log_priority priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts a question mark in place of each control character of TEXT: what a file holds must not drive
 * a terminal, nor make the journal show a line as binary. */
void log_clean(char *text);

/* Keeps a complaint that repeats from flooding the log: it is said once, then at most once per hour
 * with the number of times that it was not. Zero-initialised. */
struct log_damper {
    int64_t next_s;
    uint64_t silenced;
};

/* Whether to say it now (monotonic seconds); *silenced is how often it was not said since. */
bool log_due(struct log_damper *damper, int64_t now_s, uint64_t *silenced);

#endif
