/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CALENDAR_H
#define IAGMETER_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

/* The ledger's step. A property of the data, not a setting: rows of different lengths could not be
 * summed across a change. */
#define INTERVAL_S 60

/* A local month as UTC seconds: start <= t < end. */
struct calendar_month {
    int year;
    int month; /* 1 to 12 */
    int64_t start;
    int64_t end;
};

/* Where zones are, and what Debian calls the package. */
#define CALENDAR_ZONES "/usr/share/zoneinfo (Debian package tzdata)"

/* Whether ZONE is a known IANA name. Leaves the process's own as it is. */
bool calendar_has_zone(const char *zone);

/* Sets the process's time zone. Returns false when ZONE is not a known IANA name. */
bool calendar_set_zone(const char *zone);

/* Parses "2026-10" and finds its bounds in the time zone set, daylight saving and all. Returns
 * false when the text is not a month. */
bool calendar_parse_month(const char *text, struct calendar_month *month);

/* Parses "2026-10-31" to days since 1970-01-01. Returns false when there is no such day. */
bool calendar_parse_day(const char *text, int64_t *day);

/* The first second of that day in the time zone set. */
int64_t calendar_day_start(int64_t day);

/* The local month that holds TIME. */
struct calendar_month calendar_month_of(int64_t time_s);

/* Parses "2026", "2026-10" or "2026-01..2026-06" into its first and its last month. */
bool calendar_parse_period(const char *text, struct calendar_month *first,
                           struct calendar_month *last);

/* The month before or after. */
struct calendar_month calendar_shift(struct calendar_month month, int months);

/* Start of the interval that holds TIME, also for times before 1970. */
int64_t calendar_interval(int64_t time_s);

#endif
