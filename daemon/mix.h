/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_MIX_H
#define IAGMETER_MIX_H

#include "daemon/diagnostics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which models a service most likely runs, by dates: a month of one year is not one of the next.
 * Dates are whole months. Within one, activity times factors would be an equation about two parts
 * of a month of which only the sum may be shown, and few devices may be in one of them. */

#define MODEL_ID_SIZE 80 /* "provider/name", with the NUL */
#define MIX_PARTS     8
#define MIX_PERIODS   32

struct mix_part {
    char model[MODEL_ID_SIZE];
    double share; /* of requests and tokens; those of a mix add up to 1 */
};

/* The mix of one period. Days are local, since 1970-01-01, and each is the first of a month:
 * from_day is its first one, until_day the first one after it. INT64_MIN and INT64_MAX: without an
 * end. */
struct mix {
    int64_t from_day;
    int64_t until_day;
    size_t count;
    struct mix_part parts[MIX_PARTS];
    char source[200]; /* why one believes so */
    char grade;       /* 'A' to 'E' */
};

/* All mixes of one service, by date, without overlaps. */
struct mixes {
    size_t count;
    struct mix items[MIX_PERIODS];
};

#define MIX_MONTH_SIZE sizeof("2026-10")
/* The month that from_day or until_day begins: "2026-10", or "" without an end. */
void mix_month(int64_t day, char out[MIX_MONTH_SIZE]);
/* The other way round: of "2026-10", or of the first day of a month. False when it is none. */
bool mix_parse_month(const char *text, int64_t *day);

/* Reads the list "mix" of services.conf, the member of that name in a service's group, into *OUT.
 * MODEL is the service's own, which stands in where no period is; "": it has none, and then a gap
 * between two periods is an error. Shares must add up to 1 and periods must not overlap. Returns
 * false after diagnostics with file and line. */
struct config_setting_t;
bool mix_read(const struct config_setting_t *list, const char *model, struct mixes *out,
              struct diagnostics *diagnostics);

#endif
