/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/status.h"

#include "daemon/calendar.h"
#include "daemon/calibrationuse.h"
#include "daemon/hostbalance.h"
#include "daemon/hoststatus.h"
#include "daemon/meter.h"
#include "daemon/settlement.h"
#include "daemon/sourcestates.h"
#include "reports/jsonvalues.h"
#include "reports/progress_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SCHEMA "iagmeter-status/1"
#define DAY_S  86400
/* An interval that is written at once is at most this old when the next one comes, a retry or two
 * included. */
#define CURRENT_S  300
#define MAX_ADVICE 18

/* From which shares on something should be done. */
/* An answer is some hundred packets: at one in a thousand, every tenth answer has a hole. */
#define DROPPED_ALARM 0.001
/* A few connections end before their answer comes; of a mirror that lacks one way, nearly all. */
#define ONE_WAY_ALARM 0.1
/* Of a mirror that lacks the clients' way no ClientHello is read, and of one that is at the wrong
 * place perhaps nothing of TLS; so many without a single name are no quiet day. */
#define NAMELESS_FLOWS 100
/* Beside some hundred connections to sites, a browser that hides its questions keeps about one to
 * its resolver: at this share of all, every fifth browser does. */
#define RESOLVER_ALARM (1.0 / 500)
/* Some answers come late or twice; of a mirror that lacks the questions, none has one. */
#define UNASKED_ALARM 0.5
/* A few collide in the best of tables. */
#define DISPLACED_ALARM 0.01
/* Some users forget their header; a list that lacks a direction shows at this share. */
#define UNASSIGNED_ALARM 0.01
/* Streams are cut off now and then; of a client that asks for no usage, all are without. */
#define UNSTATED_ALARM 0.1
/* A proxy in front that uses another coding does so for all who understand it. */
#define UNREAD_ALARM 0.01
/* As of packets: an exchange is some hundred. */
#define LOST_ALARM 0.01
/* Scans alone cause some of these, too. */
#define REFUSED_ALARM 0.01
/* What is forgotten first is finished or has no name; scans alone cause some. */
#define EVICTED_ALARM 0.01

struct sums {
    struct coverage coverage;
    struct activity activity;
    struct triple energy_kwh;
};

struct status {
    bool running;
    bool is_empty;
    const char *vintage;
    int64_t from_s; /* what the ledger spans */
    int64_t until_s;
    bool is_current;   /* the ledger spans until about now */
    bool is_stuck;     /* it does not, though a daemon has been metering interfaces since */
    int64_t day_end_s; /* now, or where the ledger ends */
    struct sums sums;  /* of the day until then */
    const char *advice[MAX_ADVICE];
    size_t advice_count;
    struct progress *progress;      /* NULL: no objective of the year */
    const struct host_config *host; /* NULL: none */
    const struct service_calibrations *calibrations;
    int64_t now_s;
    struct hoststatus host_status; /* of the same day */
    struct hostbalance balance;    /* of the last whole UTC day */
};

/* -- Collecting ------------------------------------------------------------------------------- */

static bool add_activity(void *context, const struct ledger_row *row)
{
    struct sums *sums = context;

    sums->activity.flows += row->activity.flows;
    sums->activity.requests = triple_add(sums->activity.requests, row->activity.requests);
    sums->activity.tokens_out = triple_add(sums->activity.tokens_out, row->activity.tokens_out);
    sums->energy_kwh = triple_add(sums->energy_kwh, row->impact.energy_kwh);
    return true;
}

/* TLS and QUIC connections, whatever became of their names. */
static uint64_t encrypted_flows(const struct coverage *coverage)
{
    return coverage->names_seen + coverage->names_hinted + coverage->names_encrypted +
           coverage->names_missing;
}

static bool exceeds(uint64_t part, uint64_t whole, double share)
{
    return (double)part > share * (double)whole;
}

static void advise(struct status *status, bool believes_unasked)
{
    const struct coverage *c = &status->sums.coverage;
    const struct {
        bool applies;
        const char *sentence;
    } rules[MAX_ADVICE] = {
        {status->is_stuck,
         "The daemon runs, but has recorded nothing for five minutes: its log tells why "
         "(journalctl -u iagmeterd)."},
        {exceeds(c->packets_dropped, c->packets + c->packets_dropped, DROPPED_ALARM),
         "The kernel dropped more than one packet in a thousand: raise buffer_mib of the "
         "interface."},
        {c->packets_truncated > 0,
         "Packets were cut within their headers: raise snap_length of the interface (65535 by "
         "default)."},
        {exceeds(c->flows_one_way, encrypted_flows(c), ONE_WAY_ALARM),
         "Many connections were seen one way only: mirror both ways of the link, or their use "
         "cannot be estimated."},
        {c->names_seen + c->names_hinted == 0 && c->flows >= NAMELESS_FLOWS &&
             c->local_exchanges == 0,
         "Connections were seen, and no name of TLS or QUIC in any: mirror what clients send, too, "
         "or another link than this one."},
        {exceeds(c->flows_resolver, encrypted_flows(c), RESOLVER_ALARM),
         "Many clients ask their resolver over encrypted DNS (DoH, DoT): where the server's name "
         "is hidden too, their use is not counted."},
        {c->dns_answers == 0 && c->names_encrypted + c->names_missing > 0,
         "No DNS answer was read: mirror the clients' DNS (port 53) too, or connections without a "
         "readable name stay unknown."},
        {!believes_unasked && exceeds(c->dns_unasked, c->dns_answers, UNASKED_ALARM),
         "Most DNS answers came without their question, and were not believed: mirror both ways of "
         "port 53, or set dns_answers = \"any\" in trust, if nobody forges answers."},
        {exceeds(c->hints_displaced, c->dns_answers, DISPLACED_ALARM),
         "What the DNS told was forgotten for lack of room: raise max_hints in limits."},
        {exceeds(c->flows_evicted, c->flows, EVICTED_ALARM),
         "Connections were forgotten for lack of room: raise max_flows in limits."},
        {c->flows_untracked > 0,
         "Connections to known services were not followed for lack of room: raise "
         "max_tracked_flows in limits."},
        {exceeds(c->local_unassigned, c->local_exchanges, UNASSIGNED_ALARM),
         "Requests to a local server came with a header or key that is not configured, and are "
         "unassigned: complete inference, or have the proxy set the header."},
        {exceeds(c->local_unstated, c->local_exchanges, UNSTATED_ALARM),
         "A local server often does not state its tokens, which are then estimated: have clients "
         "ask for them (stream_options.include_usage; \"usage\" of a model in Open WebUI)."},
        {exceeds(c->local_unread, c->local_exchanges, UNREAD_ALARM),
         "Exchanges with a local server were compressed in a way that is not read: have it, or the "
         "proxy behind its port, use gzip, br or zstd, and one at a time."},
        {c->local_elsewhere > 0,
         "A local server had models computed elsewhere: name a service for that as its remote in "
         "inference.servers, or their impact is not estimated."},
        {exceeds(c->local_lost, c->local_exchanges, LOST_ALARM),
         "Parts of exchanges with a local server were not captured: raise buffer_mib and "
         "snap_length of the interface."},
        {exceeds(c->local_refused, c->local_exchanges + c->local_refused, REFUSED_ALARM),
         "Connections to the port of a local server are no HTTP/1.1 in clear that can be followed "
         "(TLS, HTTP/2): name the port behind the proxy, or count by the server (tokens)."},
        {c->local_evicted > 0,
         "Connections to a local server were forgotten for lack of room: raise max_connections in "
         "inference."},
    };

    for (size_t i = 0; i < MAX_ADVICE; i++)
        if (rules[i].applies)
            status->advice[status->advice_count++] = rules[i].sentence;
}

/* Whether somebody records now, though a clock that was wrong may have left later intervals. */
static enum ledger_status find_current(struct status *status, struct ledger *ledger, int64_t now_s)
{
    int64_t last_s = status->until_s - INTERVAL_S;
    enum ledger_status done = LEDGER_OK;

    if (status->until_s > now_s + CURRENT_S)
        done = ledger_last_before(ledger, now_s, &last_s);
    status->is_current = llabs(now_s - last_s - INTERVAL_S) <= CURRENT_S;
    return done == LEDGER_EMPTY ? LEDGER_OK : done;
}

/* Live, and for so long that what it meters should be there. */
static bool runs_long(struct ledger *ledger, int64_t now_s)
{
    char mode[16], started[32];
    struct tm utc = {0};

    return ledger_fact(ledger, "mode", mode, sizeof(mode)) == LEDGER_OK &&
           strcmp(mode, "live") == 0 &&
           ledger_fact(ledger, "started", started, sizeof(started)) == LEDGER_OK &&
           strptime(started, "%Y-%m-%dT%H:%M:%SZ", &utc) && now_s - timegm(&utc) > CURRENT_S;
}

/* Small counts of people are for nobody's eyes, the sysadmin's included: totals only. Of a ledger
 * that nobody writes, because the daemon stopped or it was read from a file, the last 24 hours by
 * the clock would be all zero: its own last ones are shown. */
static bool collect(struct status *status, struct ledger *ledger, const struct config *config,
                    int64_t now_s)
{
    enum ledger_status done = ledger_span(ledger, &status->from_s, &status->until_s);

    status->is_empty = done == LEDGER_EMPTY;
    if (status->is_empty)
        return true;
    if (done != LEDGER_OK)
        return false;
    status->until_s += INTERVAL_S;
    if (find_current(status, ledger, now_s) != LEDGER_OK)
        return false;
    status->is_stuck = status->running && !status->is_current && runs_long(ledger, now_s);
    status->day_end_s = status->is_current ? now_s : status->until_s;
    if (ledger_visit_coverage(ledger, status->day_end_s - DAY_S, status->day_end_s,
                              ledger_sum_coverage, &status->sums.coverage) != LEDGER_OK ||
        ledger_visit(ledger, status->day_end_s - DAY_S, status->day_end_s, NULL, NULL, add_activity,
                     &status->sums) != LEDGER_OK)
        return false;
    advise(status, config->trust.answers == TRUST_ANY_ANSWERS);
    status->host = config->host;
    return !config->host ||
           (hoststatus_collect(&status->host_status, ledger, config, status->day_end_s - DAY_S,
                               status->day_end_s) &&
            hostbalance_collect(&status->balance, ledger, config, status->day_end_s));
}

/* Of the year of the last month that is over; where that has none, as in January, of the year that
 * began. */
static bool collect_objectives(struct status *status, struct ledger *ledger,
                               const struct config *config, int64_t now_s)
{
    struct calendar_month last = progress_last_month(now_s);
    struct calendar_month running = calendar_month_of(now_s);
    char error[512]; /* ledger_error() has the same */

    if (objectives_has_year(config->objectives, (unsigned)last.year))
        status->progress = progress_build(ledger, config, last, now_s, error, sizeof(error));
    else if (objectives_has_year(config->objectives, (unsigned)running.year))
        status->progress =
            progress_build(ledger, config, running, running.start, error, sizeof(error));
    else
        return true;
    return status->progress;
}

/* -- Text ------------------------------------------------------------------------------------- */

#define LABEL "%-24s "

static void print_text(FILE *stream, const char *label, const char *text)
{
    fprintf(stream, LABEL "%s\n", label, text);
}

/* How far energy was shared stands with the host, as a date, and so do the sources. */
static bool print_fact(void *context, const char *name, const char *value)
{
    if (!calibrationuse_is_fact(name) && strcmp(name, SETTLEMENT_FACT) != 0 &&
        strcmp(name, SOURCESTATES_FACT) != 0 && strcmp(name, METER_INTERFACES_FACT) != 0)
        print_text(context, name, value);
    return true;
}

static void print_count(FILE *stream, const char *label, uint64_t value)
{
    fprintf(stream, LABEL "%" PRIu64 "\n", label, value);
}

/* With its share of WHOLE, when there is one. */
static void print_part(FILE *stream, const char *label, uint64_t part, uint64_t whole)
{
    double percent = whole > 0 ? 100 * (double)part / (double)whole : 0;

    if (whole == 0)
        print_count(stream, label, part);
    else if (part > 0 && percent < 0.01)
        fprintf(stream, LABEL "%" PRIu64 " (under 0.01 %%)\n", label, part);
    else
        fprintf(stream, LABEL "%" PRIu64 " (%.2f %%)\n", label, part, percent);
}

static void print_band(FILE *stream, const char *label, const struct triple *triple)
{
    fprintf(stream, LABEL "%.4g (%.4g to %.4g)\n", label, triple->central, triple->low,
            triple->high);
}

static void print_packets(const struct coverage *c, FILE *stream)
{
    uint64_t explained = c->packets_truncated + c->packets_corrupt + c->packets_fragmented;

    print_count(stream, "packets seen", c->packets);
    print_part(stream, "  dropped by the kernel", c->packets_dropped,
               c->packets + c->packets_dropped);
    print_part(stream, "  filtered by the kernel", c->packets_filtered, c->packets);
    /* Of what it drops unseen, nobody knows what is a copy. */
    print_part(stream, "  duplicates", c->packets_duplicate, c->packets - c->packets_filtered);
    print_part(stream, "  not followed", c->packets_other, c->packets);
    print_part(stream, "  undecodable", c->packets_undecodable, c->packets);
    print_part(stream, "    truncated", c->packets_truncated, c->packets);
    print_part(stream, "    corrupt", c->packets_corrupt, c->packets);
    print_part(stream, "    fragments", c->packets_fragmented, c->packets);
    if (c->packets_undecodable > explained) /* by a version that did not tell them apart */
        print_part(stream, "    reason not recorded", c->packets_undecodable - explained,
                   c->packets);
}

static void print_connections(const struct coverage *c, FILE *stream)
{
    uint64_t all = encrypted_flows(c);

    print_count(stream, "TLS and QUIC", all);
    print_part(stream, "  named", c->names_seen, all);
    print_part(stream, "    of these, QUIC", c->names_quic, all);
    print_part(stream, "  hinted by DNS", c->names_hinted, all);
    print_part(stream, "  ECH without a hint", c->names_encrypted, all);
    print_part(stream, "  unnamed", c->names_missing, all);
    print_part(stream, "  one way only", c->flows_one_way, all);
    print_part(stream, "  to hidden resolvers", c->flows_resolver, all);
    print_count(stream, "DNS answers in clear", c->dns_answers);
    print_part(stream, "  question not seen", c->dns_unasked, c->dns_answers);
    print_count(stream, "hints forgotten early", c->hints_displaced);
    print_count(stream, "connections", c->flows);
    print_part(stream, "  forgotten early", c->flows_evicted, c->flows);
    print_part(stream, "  no room to follow", c->flows_untracked, c->flows);
    print_count(stream, "payload bytes missed", c->bytes_lost);
    print_count(stream, "clock steps", c->clock_steps);
}

/* Of servers of our own, where there are any. */
static void print_exchanges(const struct coverage *c, FILE *stream)
{
    if (c->local_exchanges + c->local_refused + c->local_evicted == 0)
        return;
    print_count(stream, "exchanges in clear", c->local_exchanges);
    print_part(stream, "  unknown direction", c->local_unassigned, c->local_exchanges);
    print_part(stream, "  tokens not stated", c->local_unstated, c->local_exchanges);
    print_part(stream, "  body not readable", c->local_unread, c->local_exchanges);
    print_part(stream, "  computed elsewhere", c->local_elsewhere, c->local_exchanges);
    print_part(stream, "  end not captured", c->local_lost, c->local_exchanges);
    print_count(stream, "ambiguous, or not HTTP/1", c->local_refused);
    print_count(stream, "no room to follow", c->local_evicted);
}

static void format_time(int64_t time_s, char *text, size_t size)
{
    time_t seconds = (time_t)time_s;
    struct tm local;

    localtime_r(&seconds, &local);
    strftime(text, size, "%Y-%m-%d %H:%M %Z", &local);
}

static void print_last_day(const struct status *status, FILE *stream)
{
    const struct sums *sums = &status->sums;
    char end[40];

    format_time(status->day_end_s, end, sizeof(end));
    if (status->is_current)
        fputs("\nlast 24 hours\n", stream);
    else
        fprintf(stream, "\n24 hours until %s, the end of what is recorded\n", end);
    fprintf(stream, LABEL "%.1f h\n", "observed", (double)sums->coverage.covered_ns / 3.6e12);
    print_packets(&sums->coverage, stream);
    print_connections(&sums->coverage, stream);
    print_exchanges(&sums->coverage, stream);
    print_count(stream, "service connections", sums->activity.flows);
    print_band(stream, "requests", &sums->activity.requests);
    print_band(stream, "output tokens", &sums->activity.tokens_out);
    print_band(stream, "energy, kWh", &sums->energy_kwh);
    if (status->advice_count > 0)
        fputs("\nattention\n", stream);
    for (size_t i = 0; i < status->advice_count; i++)
        fprintf(stream, "%s\n", status->advice[i]);
}

/* Of the two UTC days in which the last 24 hours lie. */
static int32_t first_day(const struct status *status)
{
    return (int32_t)((status->day_end_s - 1) / DAY_S) - 1;
}

static void print_drift(const struct status *status, struct ledger *ledger, FILE *stream)
{
    for (size_t i = 0; i < status->calibrations->count; i++) {
        const struct service_calibration *own = &status->calibrations->items[i];

        if (own->in_force && calibrationuse_has_drifted(ledger, own))
            fprintf(stream,
                    "The answers of %s (%s%s%s) no longer have the shape that its calibration saw: "
                    "calibrate it anew.\n",
                    own->service, service_transport_name((enum service_transport)own->transport),
                    own->regime[0] ? ", as " : "", own->regime);
    }
}

static bool write_text(const struct status *status, struct ledger *ledger, FILE *stream)
{
    char from[40], until[40], last[40], interfaces[INTERFACES_SIZE];

    print_text(stream, "daemon", status->running ? "running" : "not running");
    if (ledger_visit_facts(ledger, print_fact, stream) != LEDGER_OK)
        return false;
    if (status->running &&
        ledger_fact(ledger, METER_INTERFACES_FACT, interfaces, sizeof(interfaces)) == LEDGER_OK)
        print_text(stream, METER_INTERFACES_FACT, interfaces);
    print_text(stream, "factors", status->vintage);
    if (status->is_empty) {
        print_text(stream, "ledger", "empty");
        return sourcestates_print(ledger, status->running, stream);
    }
    format_time(status->from_s, from, sizeof(from));
    format_time(status->until_s, until, sizeof(until));
    fprintf(stream, LABEL "%s to %s\n", "ledger", from, until);
    format_time(status->until_s - INTERVAL_S, last, sizeof(last));
    if (!status->is_current)
        fprintf(stream, LABEL "%s: the figures below are of then, not of now\n",
                "last recorded interval", last);
    print_last_day(status, stream);
    servicecalibration_print(status->calibrations, status->now_s, stream);
    print_drift(status, ledger, stream);
    if (status->host) {
        hoststatus_print(&status->host_status, status->host, stream);
        hostbalance_print(&status->balance, stream);
    }
    if (!sourcestates_print(ledger, status->running, stream) ||
        !sourcestates_print_days(ledger, first_day(status), first_day(status) + 2, stream))
        return false;
    if (status->progress) {
        fputc('\n', stream);
        progress_print(status->progress, LANGUAGE_EN, stream);
    }
    return true;
}

/* -- JSON ------------------------------------------------------------------------------------- */

static bool add_fact(void *context, const char *name, const char *value)
{
    if (!calibrationuse_is_fact(name) && strcmp(name, SOURCESTATES_FACT) != 0)
        json_object_set_new(context, name, json_string(value));
    return true;
}

static json_t *json_coverage(const struct coverage *coverage)
{
    json_t *object = json_object();

#define ADD_COUNTER(name)                                                                          \
    json_object_set_new(object, #name, json_integer((json_int_t)coverage->name));
    COVERAGE_COUNTERS(ADD_COUNTER)
#undef ADD_COUNTER
    return object;
}

static json_t *json_last_day(const struct status *status)
{
    const struct sums *sums = &status->sums;

    return json_pack("{s:b, s:I, s:I, s:o, s:I, s:o, s:o, s:o}", "current", status->is_current,
                     "from_s", (json_int_t)(status->day_end_s - DAY_S), "until_s",
                     (json_int_t)status->day_end_s, "coverage", json_coverage(&sums->coverage),
                     "flows", (json_int_t)sums->activity.flows, "requests",
                     jsonvalues_triple(sums->activity.requests), "tokens_out",
                     jsonvalues_triple(sums->activity.tokens_out), "energy_kwh",
                     jsonvalues_triple(sums->energy_kwh));
}

static json_t *json_advice(const struct status *status)
{
    json_t *array = json_array();

    for (size_t i = 0; i < status->advice_count; i++)
        json_array_append_new(array, json_string(status->advice[i]));
    return array;
}

/* Of those in force. */
static json_t *json_calibrations(const struct status *status, struct ledger *ledger)
{
    json_t *array = json_array();

    for (size_t i = 0; i < status->calibrations->count; i++) {
        const struct service_calibration *own = &status->calibrations->items[i];
        json_t *object = own->in_force ? servicecalibration_json(own) : NULL;

        if (!object)
            continue;
        json_object_set_new(object, "drifted",
                            json_boolean(calibrationuse_has_drifted(ledger, own)));
        json_array_append_new(array, object);
    }
    return array;
}

/* Times are seconds since 1970 UTC; without any interval, "ledger" and "last_day" are null. The
 * last day is not "current" when it ends where the ledger does, and not now. */
static bool write_json(const struct status *status, struct ledger *ledger, FILE *stream)
{
    json_t *facts = json_object();
    json_t *sources = NULL, *missed = NULL;
    bool done = ledger_visit_facts(ledger, add_fact, facts) == LEDGER_OK &&
                sourcestates_json(ledger, status->running, &sources) &&
                sourcestates_json_days(ledger, first_day(status), first_day(status) + 2, &missed);
    json_t *span = status->is_empty ? json_null()
                                    : json_pack("{s:I, s:I}", "from_s", (json_int_t)status->from_s,
                                                "until_s", (json_int_t)status->until_s);
    json_t *object = json_pack(
        "{s:s, s:b, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", SCHEMA,
        "running", status->running, "facts", facts, "factors", status->vintage, "ledger", span,
        "last_day", status->is_empty ? json_null() : json_last_day(status), "advice",
        json_advice(status), "objectives",
        status->progress ? progress_json(status->progress) : json_null(), "host",
        status->host ? hoststatus_json(&status->host_status, status->host) : json_null(), "sources",
        sources ? sources : json_null(), "missed", missed ? missed : json_null(), "balance",
        hostbalance_json(&status->balance), "calibrations", json_calibrations(status, ledger));

    if (object && json_dumpf(object, stream, JSON_INDENT(2)) == 0)
        fputc('\n', stream);
    json_decref(object);
    return done;
}

bool status_print(struct ledger *ledger, const struct config *config, bool running, int64_t now_s,
                  enum status_format format, FILE *stream)
{
    struct status status = {.running = running,
                            .vintage = factors_vintage(config->factors),
                            .calibrations = config->calibrations,
                            .now_s = now_s};
    bool printed = collect(&status, ledger, config, now_s) &&
                   collect_objectives(&status, ledger, config, now_s) &&
                   (format == STATUS_JSON ? write_json(&status, ledger, stream)
                                          : write_text(&status, ledger, stream));

    progress_free(status.progress);
    hostbalance_clear(&status.balance);
    return printed;
}
