/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/jsonvalues.h"

#include <errno.h>
#include <time.h>

json_t *jsonvalues_triple(struct triple value)
{
    return json_pack("{s:f, s:f, s:f}", "low", value.low, "central", value.central, "high",
                     value.high);
}

json_t *jsonvalues_finished(json_t *value, int failed)
{
    if (!failed)
        return value;
    json_decref(value);
    return NULL;
}

json_t *jsonvalues_time(int64_t time_s)
{
    time_t time = (time_t)time_s;
    struct tm local;
    char clock[32], zone[8];

    localtime_r(&time, &local);
    strftime(clock, sizeof(clock), "%Y-%m-%dT%H:%M:%S", &local);
    strftime(zone, sizeof(zone), "%z", &local);
    return json_sprintf("%s%.3s:%s", clock, zone, zone + 3);
}

/* Frees OBJECT. */
static bool dump(json_t *object, FILE *stream, size_t layout)
{
    bool written =
        object && json_dumpf(object, stream, layout | JSON_REAL_PRECISION(JSONVALUES_DIGITS)) == 0;

    if (!object)
        errno = EILSEQ; /* a label that is not UTF-8, far sooner than lack of memory */
    json_decref(object);
    return written && fputc('\n', stream) != EOF;
}

bool jsonvalues_write(json_t *object, FILE *stream)
{
    return dump(object, stream, JSON_INDENT(2)) && fflush(stream) == 0;
}

bool jsonvalues_write_line(json_t *object, FILE *stream)
{
    return dump(object, stream, JSON_COMPACT);
}
