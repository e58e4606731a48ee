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
#define DAY_S           86400
/* No zone was ever further from UTC than 16 hours: two days around are ample. */
#define SEARCH_S (2 * (int64_t)DAY_S)

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

bool calendar_has_zone(const char *zone)
{
    char path[PATH_MAX];

    if (strcmp(zone, "UTC") == 0) /* needs no file */
        return true;
    return is_zone_name(zone) &&
           snprintf(path, sizeof(path), "%s/%s", ZONE_DIRECTORY, zone) < (int)sizeof(path) &&
           is_zone_file(path);
}

bool calendar_set_zone(const char *zone)
{
    if (!calendar_has_zone(zone) || setenv("TZ", zone, 1) != 0)
        return false;
    tzset();
    return true;
}

/* Days since 1970-01-01 of a date, which may be out of range: the 0th is the last of the month
 * before.
 */
static int64_t day_number(int year, int month, int day)
{
    struct tm date = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};

    return timegm(&date) / DAY_S;
}

/* Months since year 0. */
static int ordinal(int year, int month)
{
    return year * MONTHS_PER_YEAR + month - 1;
}

static bool is_reached(int64_t time_s, int64_t day)
{
    time_t time = (time_t)time_s;
    struct tm local;

    return localtime_r(&time, &local) &&
           day_number(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday) >= day;
}

/* By bisection on what local clocks show. mktime() is no help where clocks go forward at midnight,
 * which then does not exist (Asuncion, 1 October 2017), or back to it, which then comes twice
 * (Havana, 1 November 2015): its answer is unspecified, and may lie in the day before. */
int64_t calendar_day_start(int64_t day)
{
    int64_t before = day * DAY_S - SEARCH_S;
    int64_t reached = before + 2 * SEARCH_S;

    while (reached - before > 1) {
        int64_t middle = before + (reached - before) / 2;

        if (is_reached(middle, day))
            reached = middle;
        else
            before = middle;
    }
    return reached;
}

static int64_t month_start(int months)
{
    return calendar_day_start(
        day_number(months / MONTHS_PER_YEAR, months % MONTHS_PER_YEAR + 1, 1));
}

static struct calendar_month month_at(int months)
{
    return (struct calendar_month){.year = months / MONTHS_PER_YEAR,
                                   .month = months % MONTHS_PER_YEAR + 1,
                                   .start = month_start(months),
                                   .end = month_start(months + 1)};
}

/* Reads digits, each in the place of a '0' of PATTERN; all else must be as there. */
static bool parse_numbers(const char *text, const char *pattern, int numbers[3])
{
    int count = 0;

    memset(numbers, 0, 3 * sizeof(*numbers));
    if (strlen(text) != strlen(pattern))
        return false;
    for (; *pattern; pattern++, text++) {
        if (*pattern == '0' ? !isdigit((unsigned char)*text) : *text != *pattern)
            return false;
        if (*pattern == '0')
            numbers[count] = numbers[count] * 10 + (*text - '0');
        else
            count++;
    }
    return true;
}

bool calendar_parse_month(const char *text, struct calendar_month *month)
{
    int numbers[3];

    if (!parse_numbers(text, "0000-00", numbers) || numbers[1] < 1 || numbers[1] > MONTHS_PER_YEAR)
        return false;
    *month = month_at(ordinal(numbers[0], numbers[1]));
    return true;
}

bool calendar_parse_period(const char *text, struct calendar_month *first,
                           struct calendar_month *last)
{
    const char *separator = strstr(text, "..");
    char head[sizeof("2026-01")];
    int numbers[3];

    if (parse_numbers(text, "0000", numbers)) {
        *first = month_at(ordinal(numbers[0], 1));
        *last = month_at(ordinal(numbers[0], MONTHS_PER_YEAR));
        return true;
    }
    if (!separator) {
        bool valid = calendar_parse_month(text, first);

        *last = *first;
        return valid;
    }
    if ((size_t)(separator - text) >= sizeof(head))
        return false;
    snprintf(head, sizeof(head), "%.*s", (int)(separator - text), text);
    return calendar_parse_month(head, first) &&
           calendar_parse_month(separator + strlen(".."), last) && first->start <= last->start;
}

bool calendar_parse_day(const char *text, int64_t *day)
{
    int numbers[3];

    if (!parse_numbers(text, "0000-00-00", numbers) || numbers[1] < 1 ||
        numbers[1] > MONTHS_PER_YEAR || numbers[2] < 1)
        return false;
    *day = day_number(numbers[0], numbers[1], numbers[2]);
    return *day < day_number(numbers[0], numbers[1] + 1, 1);
}

/* Where clocks go back over the midnight of the first (St. John's, November 2009), that midnight
 * comes twice, and month_start() finds one of them. */
struct calendar_month calendar_month_of(int64_t time_s)
{
    time_t time = (time_t)time_s;
    struct tm local = {0};
    struct calendar_month month;

    localtime_r(&time, &local);
    month = month_at(ordinal(local.tm_year + 1900, local.tm_mon + 1));
    if (time_s < month.start)
        return calendar_shift(month, -1);
    return time_s < month.end ? month : calendar_shift(month, 1);
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
