/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/mix.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/calendar.h"
#include "daemon/confread.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
/* Of shares written in decimals: three times 0.333333333333 is 1. */
#define SUM_TOLERANCE 1e-9
#define SMALLEST      1e-9
#define DAY_S         86400

void mix_month(int64_t day, char out[MIX_MONTH_SIZE])
{
    time_t time;
    struct tm date;

    out[0] = '\0';
    if (day == INT64_MIN || day == INT64_MAX)
        return;
    time = (time_t)(day * DAY_S);
    gmtime_r(&time, &date);
    strftime(out, MIX_MONTH_SIZE, "%Y-%m", &date);
}

/* A period as it is written. */
struct draft {
    struct mix mix;
    char from[sizeof("2026-12-31")];
    char until[sizeof("2026-12-31")];
    char grade[2];
};

bool mix_parse_month(const char *text, int64_t *day)
{
    char first[sizeof("2026-10-01")];
    size_t length = strlen(text);

    if (length == strlen("2026-10"))
        snprintf(first, sizeof(first), "%s-01", text);
    else
        snprintf(first, sizeof(first), "%s", text);
    return calendar_parse_day(first, day) && strcmp(first + strlen("2026-10"), "-01") == 0;
}

static bool read_date(const config_setting_t *group, const char *key, const char *text,
                      int64_t *day, struct diagnostics *diagnostics)
{
    const config_setting_t *place = config_setting_get_member(group, key);

    if (!place || mix_parse_month(text, day))
        return true;
    confread_error(place, diagnostics, "%s must be a month, YYYY-MM, or its first day", key);
    return false;
}

static bool read_part(const config_setting_t *group, struct mix *mix,
                      struct diagnostics *diagnostics)
{
    static const struct confread_key keys[] = {
        {"model", CONFREAD_STRING, true, 0, 0, offsetof(struct mix_part, model), MODEL_ID_SIZE,
         NULL},
        {"share", CONFREAD_DOUBLE, true, SMALLEST, 1, offsetof(struct mix_part, share), 0, NULL},
    };
    struct mix_part *part = &mix->parts[mix->count];

    if (!confread_group(group, keys, COUNT_OF(keys), part, diagnostics))
        return false;
    for (size_t i = 0; i < mix->count; i++)
        if (strcmp(mix->parts[i].model, part->model) == 0) {
            confread_error(group, diagnostics, "model \"%s\" stands twice in one mix", part->model);
            return false;
        }
    mix->count++;
    return true;
}

static bool read_parts(const config_setting_t *list, struct mix *mix,
                       struct diagnostics *diagnostics)
{
    bool valid = true;
    double sum = 0;

    if (config_setting_length(list) > MIX_PARTS) {
        confread_error(list, diagnostics, "more than %d models in one mix", MIX_PARTS);
        return false;
    }
    for (int i = 0; i < config_setting_length(list); i++)
        valid &= read_part(config_setting_get_elem(list, (unsigned)i), mix, diagnostics);
    for (size_t i = 0; i < mix->count; i++)
        sum += mix->parts[i].share;
    if (!valid || fabs(sum - 1) <= SUM_TOLERANCE)
        return valid;
    confread_error(list, diagnostics, "the shares of a mix must add up to 1, not %.10g", sum);
    return false;
}

static bool read_grade(const config_setting_t *group, struct draft *draft,
                       struct diagnostics *diagnostics)
{
    /* What a service runs is hardly ever published. */
    draft->mix.grade = draft->grade[0] ? draft->grade[0] : 'E';
    if (draft->mix.grade >= 'A' && draft->mix.grade <= 'E')
        return true;
    confread_error(config_setting_get_member(group, "grade"), diagnostics,
                   "grade must be A, B, C, D or E");
    return false;
}

static bool read_period(const config_setting_t *group, struct mix *out,
                        struct diagnostics *diagnostics)
{
    static const struct confread_key keys[] = {
        {"from", CONFREAD_STRING, false, 0, 0, offsetof(struct draft, from),
         sizeof(((struct draft *)NULL)->from), NULL},
        {"until", CONFREAD_STRING, false, 0, 0, offsetof(struct draft, until),
         sizeof(((struct draft *)NULL)->until), NULL},
        {"source", CONFREAD_STRING, true, 0, 0, offsetof(struct draft, mix.source),
         sizeof(((struct mix *)NULL)->source), NULL},
        {"grade", CONFREAD_STRING, false, 0, 0, offsetof(struct draft, grade), 2, NULL},
        {"models", CONFREAD_LIST, true, 0, 0, 0, 0, NULL},
    };
    struct draft draft = {.mix = {.from_day = INT64_MIN, .until_day = INT64_MAX}};
    struct mix *mix = &draft.mix;
    bool valid = confread_group(group, keys, COUNT_OF(keys), &draft, diagnostics);

    if (!valid)
        return false;
    valid = read_date(group, "from", draft.from, &mix->from_day, diagnostics);
    valid &= read_date(group, "until", draft.until, &mix->until_day, diagnostics);
    valid &= read_grade(group, &draft, diagnostics);
    valid &= read_parts(config_setting_get_member(group, "models"), mix, diagnostics);
    if (valid && mix->from_day >= mix->until_day) {
        confread_error(group, diagnostics, "until (%s) is not after from (%s)", draft.until,
                       draft.from);
        valid = false;
    }
    *out = *mix;
    return valid;
}

/* Each must begin where the one before it ends, or later. */
static bool check_order(const config_setting_t *list, const char *model, const struct mixes *mixes,
                        struct diagnostics *diagnostics)
{
    bool valid = true;

    for (size_t i = 1; i < mixes->count; i++) {
        const config_setting_t *place = config_setting_get_elem(list, (unsigned)i);
        const config_setting_t *before = config_setting_get_elem(list, (unsigned)i - 1);
        int64_t end = mixes->items[i - 1].until_day;
        int64_t start = mixes->items[i].from_day;

        if (start < end)
            confread_error(place, diagnostics,
                           "this period overlaps the one of line %u, or comes before it",
                           config_setting_source_line(before));
        else if (start > end && model[0] == '\0')
            confread_error(place, diagnostics,
                           "no period between the one of line %u and this one, and no \"model\" "
                           "to stand in",
                           config_setting_source_line(before));
        valid &= start == end || (start > end && model[0] != '\0');
    }
    return valid;
}

bool mix_read(const config_setting_t *list, const char *model, struct mixes *out,
              struct diagnostics *diagnostics)
{
    int count = config_setting_length(list);
    bool valid = true;

    out->count = 0;
    if (count == 0 || count > MIX_PERIODS) {
        confread_error(list, diagnostics, "mix must have 1 to %d periods", MIX_PERIODS);
        return false;
    }
    for (int i = 0; i < count; i++)
        valid &= read_period(config_setting_get_elem(list, (unsigned)i), &out->items[out->count++],
                             diagnostics);
    return valid && check_order(list, model, out, diagnostics);
}
