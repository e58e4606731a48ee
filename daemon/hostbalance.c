/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/hostbalance.h"

#include "daemon/settlement.h"
#include "reports/hostview.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400
#define LABEL "%-24s "

/* ---- Sums ---- */

/* What is hidden of one service would be the sum less the others, hence BY_SERVICE; and SUM, as in
 * reports: a sum of few devices is told of nobody. Where the wire saw no device at all, that a
 * server counted is what there is to find. */
static bool may_be_told_apart(struct ledger *ledger, const struct config *config,
                              const struct hostbalance *balance, bool *by_service, bool *sum)
{
    int32_t day = (int32_t)(balance->day_s / DAY_S);

    uint32_t most = 0;

    *by_service = true;
    for (size_t i = 0; i < balance->host->service_count; i++) {
        uint32_t devices = 0;

        if (ledger_devices(ledger, day, day + 1, NULL, balance->host->services[i].id, &devices) !=
            LEDGER_OK)
            return false;
        *by_service = *by_service && devices >= config->report.threshold;
        if (devices > most)
            most = devices;
    }
    *sum = most == 0 || most >= config->report.threshold;
    return true;
}

bool hostbalance_collect(struct hostbalance *out, struct ledger *ledger,
                         const struct config *config, int64_t now_s)
{
    int64_t until_s;
    enum ledger_status status = settlement_shared_until(ledger, &until_s);
    bool sum = true;

    *out = (struct hostbalance){0};
    if (status != LEDGER_OK)
        return status == LEDGER_EMPTY;
    if (until_s > now_s)
        until_s = now_s;
    out->day_s = until_s - until_s % DAY_S - DAY_S;
    if (out->day_s < 0)
        return true;
    if (!localhost_read(ledger, config, out->day_s, out->day_s + DAY_S, &out->host))
        return false;
    if (out->host && !may_be_told_apart(ledger, config, out, &out->by_service, &sum))
        return false;
    if (!sum)
        hostbalance_clear(out);
    return true;
}

void hostbalance_clear(struct hostbalance *balance)
{
    localhost_free(balance->host);
    balance->host = NULL;
}

bool hostbalance_line(const struct hostbalance *balance, size_t number,
                      struct hostbalance_line *out)
{
    const struct localhost *host = balance->host;
    size_t lines = host ? host->service_count : 0;
    const struct localhost_service *services;
    size_t count = balance->by_service ? 1 : lines;

    if (!balance->by_service && lines > 1)
        lines = 1;
    if (number >= lines)
        return false;
    services = &host->services[number];
    *out = (struct hostbalance_line){.service = balance->by_service ? services->id : NULL};
    for (size_t i = 0; i < count; i++)
        out->has_server |= services[i].has_server;
    for (size_t i = 0; i < LOCALHOST_COUNTS; i++)
        out->counts[i] = localhost_count(host, services, count, i);
    return true;
}

/* ---- Text ---- */

static void print_count(const char *name, const struct hostbalance_line *line,
                        const struct localhost_count *count, FILE *stream)
{
    char label[64];

    snprintf(label, sizeof(label), "    %s", name);
    fprintf(stream, LABEL "%.0f by the wire", label, count->wire);
    if (line->has_server)
        fprintf(stream, ", %.0f by the server", count->server);
    if (count->is_compared)
        fprintf(stream, ", %+.0f (%+.1f %%)", count->wire - count->server,
                localhost_count_percent(count));
    fprintf(stream, ": %s", text_get(LANGUAGE_EN, hostview_verdict_text(count->verdict)));
    if (count->unseen > 0)
        fprintf(stream, "; %.0f added, counted by the server alone", count->unseen);
    fputc('\n', stream);
}

void hostbalance_print(const struct hostbalance *balance, FILE *stream)
{
    time_t seconds = (time_t)balance->day_s;
    struct hostbalance_line line;
    struct tm utc;
    char day[16];

    if (!hostbalance_line(balance, 0, &line))
        return;
    gmtime_r(&seconds, &utc);
    strftime(day, sizeof(day), "%Y-%m-%d", &utc);
    fprintf(stream, "wire and servers on %s (UTC)\n", day);
    for (size_t i = 0; hostbalance_line(balance, i, &line); i++) {
        fprintf(stream, "  %s\n", line.service ? line.service : "all services");
        for (size_t j = 0; j < LOCALHOST_COUNTS; j++)
            print_count(localhost_count_name(j), &line, &line.counts[j], stream);
    }
}

/* ---- JSON ---- */

static json_t *json_count(const struct localhost_count *count)
{
    double percent = localhost_count_percent(count);

    return json_pack("{s:f, s:f, s:f, s:o, s:s}", "wire", count->wire, "server", count->server,
                     "unseen", count->unseen, "difference_percent",
                     isnan(percent) ? json_null() : json_real(percent), "verdict",
                     balance_verdict_name(count->verdict));
}

json_t *hostbalance_json(const struct hostbalance *balance)
{
    json_t *lines = json_array();
    struct hostbalance_line line;

    for (size_t i = 0; hostbalance_line(balance, i, &line); i++) {
        json_t *object = json_pack("{s:s?}", "service", line.service);

        for (size_t j = 0; j < LOCALHOST_COUNTS; j++)
            json_object_set_new(object, localhost_count_name(j), json_count(&line.counts[j]));
        json_array_append_new(lines, object);
    }
    if (json_array_size(lines) > 0)
        return json_pack("{s:I, s:o}", "day_s", (json_int_t)balance->day_s, "services", lines);
    json_decref(lines);
    return json_null();
}
