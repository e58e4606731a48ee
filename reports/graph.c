/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/graph.h"

#include <limits.h>
#include <rrd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "reports/days.h"

#define DATA_SOURCE "energy_kwh_central"
#define STEP_S      3600
#define GAP_S       (3 * 3600) /* between the bars, on either side of midnight */

struct pair {
    char direction[MONTH_ID_SIZE];
    char service[MONTH_ID_SIZE];
};

struct pairs {
    struct pair *items;
    size_t count;
    bool out_of_memory;
};

static bool add_pair(void *context, const char *direction, const char *service)
{
    struct pairs *pairs = context;
    struct pair *items = reallocarray(pairs->items, pairs->count + 1, sizeof(*items));

    pairs->out_of_memory = !items;
    if (!items)
        return false;
    pairs->items = items;
    snprintf(items[pairs->count].direction, sizeof(items->direction), "%s", direction);
    snprintf(items[pairs->count].service, sizeof(items->service), "%s", service);
    pairs->count++;
    return true;
}

/* Sums every pair over each day that is drawn. */
static bool sum_days(const struct month_report *report, const struct pairs *pairs,
                     struct roundrobin *roundrobin, double *energy_kwh)
{
    for (size_t i = 0; i < report->day_count; i++) {
        const struct month_day *day = &report->days[i];

        energy_kwh[i] = 0;
        for (size_t j = 0; days_is_told(day) && j < pairs->count; j++) {
            double total = 0;

            if (!roundrobin_total(roundrobin, pairs->items[j].direction, pairs->items[j].service,
                                  DATA_SOURCE, day->start, day->end, &total))
                return false;
            energy_kwh[i] += total;
        }
    }
    return true;
}

/* One bar per local day as an expression of time, in reverse Polish notation: rows of a day would
 * be UTC days (anchors, "RRD"). BASE only lends its rows' times, which are the ends of intervals.
 * HIDDEN draws the bands of hidden days instead of the bars. */
static char *bars(const struct month_report *report, const double *energy_kwh,
                  const struct text_scale *scale, bool hidden)
{
    char *text = NULL;
    char value[TEXT_NUMBER_SIZE];
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    fprintf(stream, "CDEF:%s=base,POP", hidden ? "hidden" : "bars");
    for (size_t i = 0; i < report->day_count; i++) {
        const struct month_day *day = &report->days[i];

        snprintf(value, sizeof(value), "UNKN");
        if (hidden && day->hidden)
            snprintf(value, sizeof(value), "INF");
        else if (!hidden && days_is_told(day))
            text_exact(value, sizeof(value), energy_kwh[i] * scale->per_unit);
        fprintf(stream, ",TIME,%lld,LE,UNKN,TIME,%lld,LE,%s", (long long)day->start + GAP_S,
                (long long)day->end - GAP_S, value);
    }
    fputs(",UNKN", stream);
    for (size_t i = 0; i < 2 * report->day_count; i++)
        fputs(",IF", stream);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

/* A colon separates the parts of a DEF. */
static char *definition(const struct config *config, const struct pair *pair)
{
    char path[PATH_MAX + 2 * MONTH_ID_SIZE + 16];
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    snprintf(path, sizeof(path), "%s/rrd/%s/%s.rrd", config->state_directory, pair->direction,
             pair->service);
    fputs("DEF:base=", stream);
    for (const char *c = path; *c; c++) {
        if (*c == ':' || *c == '\\')
            fputc('\\', stream);
        fputc(*c, stream);
    }
    fprintf(stream, ":%s:AVERAGE:step=%d", DATA_SOURCE, STEP_S);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

/* The image among what librrd tells about it, copied. */
static char *take_image(const rrd_info_t *info, size_t *size)
{
    for (; info; info = info->next) {
        char *image;

        if (strcmp(info->key, "image") != 0 || info->type != RD_I_BLO)
            continue;
        image = malloc(info->value.u_blo.size + 1);
        if (!image)
            return NULL;
        memcpy(image, info->value.u_blo.ptr, info->value.u_blo.size);
        image[info->value.u_blo.size] = '\0';
        *size = info->value.u_blo.size;
        return image;
    }
    return NULL;
}

static char *draw(const struct month_report *report, const struct text_scale *scale, char *def,
                  char *bars_cdef, char *hidden_cdef, size_t *size, char *error, size_t error_size)
{
    char start[32], end[32], step[16];
    /* librrd takes char ** but writes to none of the strings. */
    char *options[] = {
        (char *)"graph", (char *)"-", (char *)"--imgformat", (char *)"SVG", (char *)"--start",
        start, (char *)"--end", end, (char *)"--step", step, (char *)"--width", (char *)"760",
        (char *)"--height", (char *)"200", (char *)"--lower-limit", (char *)"0",
        (char *)"--units-exponent", (char *)"0", (char *)"--vertical-label", (char *)scale->unit,
        /* a line and a number each day, in local time */
        (char *)"--x-grid", (char *)"DAY:1:DAY:7:DAY:1:86400:%d", (char *)"--color",
        (char *)"BACK#ffffff", (char *)"--color", (char *)"ARROW#ffffff00", (char *)"--border",
        (char *)"0", (char *)"--disable-rrdtool-tag", def, bars_cdef, hidden_cdef,
        (char *)"AREA:hidden#e4e4e4", (char *)"AREA:bars#33557a"};
    rrd_info_t *info;
    char *image;

    snprintf(start, sizeof(start), "%lld", (long long)report->month.start);
    snprintf(end, sizeof(end), "%lld", (long long)report->month.end);
    snprintf(step, sizeof(step), "%d", STEP_S);
    rrd_clear_error();
    info = rrd_graph_v((int)(sizeof(options) / sizeof(options[0])), options);
    image = take_image(info, size);
    if (!image)
        snprintf(error, error_size, "cannot draw the graph: %s",
                 rrd_test_error() ? rrd_get_error() : "no image");
    rrd_info_free(info);
    return image;
}

char *graph_month(const struct month_report *report, struct ledger *ledger,
                  struct roundrobin *roundrobin, size_t *size, char *error, size_t error_size)
{
    struct pairs pairs = {0};
    double energy_kwh[MONTH_DAYS_MAX];
    struct text_scale scale;
    char *def = NULL, *shown = NULL, *hidden = NULL, *image = NULL;

    if (report->withheld || !days_any_told(report)) {
        snprintf(error, error_size, "no day that may be drawn");
        return NULL;
    }
    if (ledger_visit_pairs(ledger, add_pair, &pairs) != LEDGER_OK || pairs.out_of_memory ||
        pairs.count == 0) {
        snprintf(error, error_size, "cannot read the ledger: %s", ledger_error(ledger));
        goto out;
    }
    if (!sum_days(report, &pairs, roundrobin, energy_kwh)) {
        roundrobin_reason(roundrobin, error, error_size); /* a timer's goes to the journal */
        goto out;
    }
    def = definition(report->config, &pairs.items[0]);
    scale = days_scale(report);
    shown = bars(report, energy_kwh, &scale, false);
    hidden = bars(report, energy_kwh, &scale, true);
    if (def && shown && hidden)
        image = draw(report, &scale, def, shown, hidden, size, error, error_size);
    else
        snprintf(error, error_size, "out of memory");
out:
    free(pairs.items);
    free(def);
    free(shown);
    free(hidden);
    return image;
}
