/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calendar.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ZONE_DIRECTORY  "/usr/share/zoneinfo"
#define MONTHS_PER_YEAR 12
/* No zone was ever further from UTC than 16 hours: two days around are ample. */
#define SEARCH_S (2 * 86400)

/* Without dots there is no way out of the directory. */
static bool is_zone_name(const char *zone)
{
    if (!zone[0] || zone[0] == '/')
        return false;
    for (const char *c = zone; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("/_+-", *c))
            return false;
    return true;
}

/* The directory also holds tables and subdirectories: look at the magic number (RFC 9636, 3.1). */
static bool is_zone_file(const char *path)
{
    char magic[4];
    FILE *stream = fopen(path, "re");
    bool found;

    if (!stream)
        return false;
    found = fread(magic, 1, sizeof(magic), stream) == sizeof(magic) &&
            memcmp(magic, "TZif", sizeof(magic)) == 0;
    fclose(stream);
    return found;
}

bool calendar_set_zone(const char *zone)
{
    char path[PATH_MAX];

    if (!is_zone_name(zone) ||
        snprintf(path, sizeof(path), "%s/%s", ZONE_DIRECTORY, zone) >= (int)sizeof(path) ||
        !is_zone_file(path) || setenv("TZ", zone, 1) != 0)
        return false;
    tzset();
    return true;
}

/* Months since year 0. */
static int ordinal(int year, int month)
{
    return year * MONTHS_PER_YEAR + month - 1;
}

static bool is_reached(int64_t time_s, int wanted)
{
    time_t time = (time_t)time_s;
    struct tm local;

    return localtime_r(&time, &local) && ordinal(local.tm_year + 1900, local.tm_mon + 1) >= wanted;
}

/* The first second of a month, by bisection on what local clocks show. mktime() is no help where
 * clocks go forward at midnight of the 1st, which then does not exist (Asuncion, October 2017), or
 * back to it, which then comes twice (Havana, November 2015): its answer is unspecified, and may
 * lie in the month before. */
static int64_t month_start(int months)
{
    struct tm utc = {.tm_year = months / MONTHS_PER_YEAR - 1900,
                     .tm_mon = months % MONTHS_PER_YEAR,
                     .tm_mday = 1};
    int64_t before = timegm(&utc) - SEARCH_S;
    int64_t reached = before + 2 * SEARCH_S;

    while (reached - before > 1) {
        int64_t middle = before + (reached - before) / 2;

        if (is_reached(middle, months))
            reached = middle;
        else
            before = middle;
    }
    return reached;
}

static struct calendar_month month_at(int months)
{
    return (struct calendar_month){.year = months / MONTHS_PER_YEAR,
                                   .month = months % MONTHS_PER_YEAR + 1,
                                   .start = month_start(months),
                                   .end = month_start(months + 1)};
}

bool calendar_parse_month(const char *text, struct calendar_month *month)
{
    int year = 0;
    int number = 0;

    if (strlen(text) != strlen("2026-10"))
        return false;
    for (int i = 0; i < 7; i++) {
        if (i == 4 ? text[i] != '-' : !isdigit((unsigned char)text[i]))
            return false;
        if (i < 4)
            year = year * 10 + (text[i] - '0');
        else if (i > 4)
            number = number * 10 + (text[i] - '0');
    }
    if (number < 1 || number > MONTHS_PER_YEAR)
        return false;
    *month = month_at(ordinal(year, number));
    return true;
}

struct calendar_month calendar_shift(struct calendar_month month, int months)
{
    return month_at(ordinal(month.year, month.month) + months);
}

int64_t calendar_interval(int64_t time_s)
{
    int64_t remainder = time_s % INTERVAL_S;

    return time_s - (remainder < 0 ? remainder + INTERVAL_S : remainder);
}
