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

/* Of what is begun anew whenever it ends: its ends are told when they are the first, second, fourth
 * and so on, then each 64th, which is about once an hour where they come once a minute.
 * Zero-initialised. */
struct log_ends {
    unsigned count; /* since it last held */
    bool silenced;  /* the last one was not told */
};

/* It ended, after it had worked for WORKED_S. Returns whether to say so. */
bool log_end_due(struct log_ends *ends, int64_t worked_s);

/* It has worked for WORKED_S. True once it holds again, if that is to be said because some of its
 * ends were not; *COUNT is how many there were. */
bool log_holds_again(struct log_ends *ends, int64_t worked_s, unsigned *count);

#endif
