/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/status.h"

#include "daemon/calendar.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

struct sums {
    struct coverage coverage;
    uint64_t intervals;
    struct activity activity;
    struct triple energy_kwh;
};

static void format_time(int64_t time_s, char *text, size_t size)
{
    time_t seconds = (time_t)time_s;
    struct tm local;

    localtime_r(&seconds, &local);
    strftime(text, size, "%Y-%m-%d %H:%M %Z", &local);
}

static bool add_coverage(void *context, const struct ledger_coverage_row *row)
{
    struct sums *sums = context;

    sums->intervals++;
    coverage_add(&sums->coverage, &row->coverage);
    return true;
}

static bool add_activity(void *context, const struct ledger_row *row)
{
    struct sums *sums = context;

    sums->activity.flows += row->activity.flows;
    sums->activity.requests = triple_add(sums->activity.requests, row->activity.requests);
    sums->activity.tokens_out = triple_add(sums->activity.tokens_out, row->activity.tokens_out);
    sums->energy_kwh = triple_add(sums->energy_kwh, row->impact.energy_kwh);
    return true;
}

static bool print_fact(void *context, const char *name, const char *value)
{
    fprintf(context, "%-22s %s\n", name, value);
    return true;
}

static void print_count(FILE *stream, const char *name, uint64_t value)
{
    fprintf(stream, "%-22s %" PRIu64 "\n", name, value);
}

static void print_band(FILE *stream, const char *name, const struct triple *triple)
{
    fprintf(stream, "%-22s %.4g (%.4g to %.4g)\n", name, triple->central, triple->low,
            triple->high);
}

static void print_sums(const struct sums *sums, FILE *stream)
{
    const struct coverage *coverage = &sums->coverage;

    fprintf(stream, "\nlast 24 hours\n");
    fprintf(stream, "%-22s %.1f h\n", "observed", (double)coverage->covered_ns / 3.6e12);
    print_count(stream, "packets", coverage->packets);
    print_count(stream, "  dropped", coverage->packets_dropped);
    print_count(stream, "  not decoded", coverage->packets_undecodable);
    print_count(stream, "  not TCP", coverage->packets_other);
    print_count(stream, "connections", coverage->flows);
    print_count(stream, "  forgotten early", coverage->flows_evicted);
    print_count(stream, "  not followed", coverage->flows_untracked);
    print_count(stream, "TLS names read", coverage->names_seen);
    print_count(stream, "  encrypted", coverage->names_encrypted);
    print_count(stream, "  missing", coverage->names_missing);
    print_count(stream, "payload bytes missed", coverage->bytes_lost);
    print_count(stream, "clock steps", coverage->clock_steps);
    print_count(stream, "service connections", sums->activity.flows);
    print_band(stream, "requests", &sums->activity.requests);
    print_band(stream, "output tokens", &sums->activity.tokens_out);
    print_band(stream, "energy, kWh", &sums->energy_kwh);
}

bool status_print(struct ledger *ledger, const struct config *config, bool running, int64_t now_s,
                  FILE *stream)
{
    struct sums sums;
    char first_text[40];
    char last_text[40];
    int64_t first;
    int64_t last;
    enum ledger_status status;

    memset(&sums, 0, sizeof(sums));
    fprintf(stream, "%-22s %s\n", "daemon", running ? "running" : "not running");
    if (ledger_visit_facts(ledger, print_fact, stream) == LEDGER_FATAL)
        return false;
    fprintf(stream, "%-22s %s\n", "factors", factors_vintage(config->factors));
    status = ledger_span(ledger, &first, &last);
    if (status == LEDGER_EMPTY) {
        fprintf(stream, "%-22s empty\n", "ledger");
        return true;
    }
    if (status != LEDGER_OK)
        return false;
    format_time(first, first_text, sizeof(first_text));
    format_time(last + INTERVAL_S, last_text, sizeof(last_text));
    fprintf(stream, "%-22s %s to %s\n", "ledger", first_text, last_text);
    /* Small counts of people are for nobody's eyes, the sysadmin's included: totals only. */
    status = ledger_visit_coverage(ledger, now_s - DAY_S, now_s, add_coverage, &sums);
    if (status == LEDGER_OK || status == LEDGER_EMPTY)
        status = ledger_visit(ledger, now_s - DAY_S, now_s, NULL, NULL, add_activity, &sums);
    if (status != LEDGER_OK && status != LEDGER_EMPTY)
        return false;
    print_sums(&sums, stream);
    return true;
}
