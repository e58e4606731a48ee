/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/period.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/capture.h"
#include "daemon/config.h"

bool period_find_month(const char *text, int64_t now_s, struct calendar_month *month)
{
    char current[32];
    time_t seconds = (time_t)now_s;
    struct tm local;

    localtime_r(&seconds, &local);
    strftime(current, sizeof(current), "%Y-%m", &local);
    if (strcmp(text, "current") != 0 && strcmp(text, "previous") != 0)
        return calendar_parse_month(text, month);
    if (!calendar_parse_month(current, month))
        return false;
    if (strcmp(text, "previous") == 0)
        *month = calendar_shift(*month, -1);
    return true;
}

struct month_report *period_build_month(const char *text, const struct config *config,
                                        struct ledger *ledger, int64_t now_s, int *status,
                                        char error[PERIOD_ERROR_SIZE])
{
    struct calendar_month month;

    *status = EXIT_CONFIGURATION;
    if (!period_find_month(text, now_s, &month)) {
        snprintf(error, PERIOD_ERROR_SIZE, "\"%s\" is not a month: 2026-10, current or previous",
                 text);
        return NULL;
    }
    *status = EXIT_TROUBLE;
    return month_build(ledger, config, month, now_s, error, PERIOD_ERROR_SIZE);
}

struct year_report *period_build_year(const char *text, const struct config *config,
                                      struct ledger *ledger, int64_t now_s, int *status,
                                      char error[PERIOD_ERROR_SIZE])
{
    int number;

    *status = EXIT_CONFIGURATION;
    if (!year_parse(text, now_s, &number)) {
        snprintf(error, PERIOD_ERROR_SIZE, "\"%s\" is not a year: 2026, current or previous", text);
        return NULL;
    }
    *status = EXIT_TROUBLE;
    return year_build(ledger, config, number, now_s, error, PERIOD_ERROR_SIZE);
}

bool period_find_progress(struct ledger *ledger, const struct config *config,
                          struct calendar_month month, int64_t now_s, struct progress **progress,
                          char error[PERIOD_ERROR_SIZE])
{
    *progress = NULL;
    if (!objectives_has_year(config->objectives, (unsigned)month.year))
        return true;
    *progress = progress_build(ledger, config, month, now_s, error, PERIOD_ERROR_SIZE);
    return *progress != NULL;
}
