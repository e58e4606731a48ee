/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/metrics.h"

#include "daemon/calendar.h"
#include "daemon/calibrationuse.h"
#include "daemon/hostbalance.h"
#include "daemon/hoststatus.h"
#include "daemon/message.h"
#include "daemon/meter.h"
#include "daemon/version.h"
#include "reports/progress.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define NAME_SIZE 96
#define NS_PER_S  1e9
#define HOUR_S    3600
#define DAY_S     86400
#define PERCENT   100

/* All but covered_ns, which is told in seconds, and names_hinted, packets_filtered and what is
 * counted of local servers: only services of the catalogue have hints, so that one more of these,
 * as of those, is somebody's use in that minute; and so may be, at night, what is not filtered. */
static const struct counter {
    const char *name;
    size_t offset;
    const char *help;
} counters[] = {
#define COUNTER(name) #name, offsetof(struct coverage, name)
    {COUNTER(packets), "Packets delivered to the capture."},
    {COUNTER(bytes), "Bytes on the wire of those packets."},
    {COUNTER(packets_dropped), "Packets lost before they reached the capture."},
    {COUNTER(packets_undecodable), "Packets that could not be decoded, for any reason."},
    {COUNTER(packets_truncated), "Packets not decoded since the snap length cut a header."},
    {COUNTER(packets_corrupt), "Packets not decoded since a header contradicts itself."},
    {COUNTER(packets_fragmented), "Packets not decoded since fragments were missing."},
    {COUNTER(packets_other), "Packets of a kind that is not followed."},
    {COUNTER(packets_duplicate), "Copies of packets, as mirror ports make them."},
    {COUNTER(flows), "Connections that began, to any service."},
    {COUNTER(flows_evicted), "Connections forgotten early, as the flow table was full."},
    {COUNTER(flows_untracked), "Connections to known services not followed for lack of room."},
    {COUNTER(flows_one_way), "TLS and QUIC connections of which one way only was captured."},
    {COUNTER(flows_resolver), "Connections to DNS resolvers over TLS, HTTPS or QUIC."},
    {COUNTER(names_seen), "TLS and QUIC connections whose server name was read."},
    {COUNTER(names_quic), "QUIC connections whose server name was read."},
    {COUNTER(names_encrypted), "Connections whose name is encrypted, and not told by the DNS."},
    {COUNTER(names_missing), "TLS and QUIC connections without a readable name."},
    {COUNTER(dns_answers), "DNS answers in clear that were read."},
    {COUNTER(dns_unasked), "Of these, answers whose question was not seen."},
    {COUNTER(hints_displaced), "Hints of DNS answers forgotten early, as their table was full."},
    {COUNTER(bytes_lost), "Payload bytes that the capture never showed."},
    {COUNTER(clock_steps), "Times that the clock went backwards."},
#undef COUNTER
};

static const char *const bounds[] = {"low", "central", "high"};

/* ---- the format ---- */

static void put_head(FILE *stream, const char *name, const char *type, const char *help)
{
    fprintf(stream, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_label(FILE *stream, const char *name, const char *value)
{
    fprintf(stream, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\n')
            fputs("\\n", stream);
        else if (*value == '"' || *value == '\\')
            fprintf(stream, "\\%c", *value);
        else
            fputc(*value, stream);
    }
    fputc('"', stream);
}

static void put_value(FILE *stream, double value)
{
    char number[TEXT_NUMBER_SIZE];

    text_exact(number, sizeof(number), value);
    fprintf(stream, " %s\n", number);
}

/* A metric of one sample without labels. */
static void put_metric(FILE *stream, const char *name, const char *type, const char *help,
                       double value)
{
    put_head(stream, name, type, help);
    fputs(name, stream);
    put_value(stream, value);
}

/* ---- the daemon and the capture ---- */

static void put_build(const struct config *config, FILE *stream)
{
    const char *vintage = config->factors ? factors_vintage(config->factors) : "";

    put_head(stream, "iagmeter_build_info", "gauge", "Version, and vintage of the factors in use.");
    fputs("iagmeter_build_info{", stream);
    put_label(stream, "version", IAGMETER_VERSION);
    fputc(',', stream);
    put_label(stream, "factors", vintage);
    fputc('}', stream);
    put_value(stream, 1);
}

/* What is ahead of the clock would hide, until that time, that nothing more is recorded. */
static bool put_span(struct ledger *ledger, int64_t now_s, FILE *stream)
{
    int64_t first, last;
    enum ledger_status status = ledger_span(ledger, &first, &last);

    if (status == LEDGER_OK && last > now_s)
        status = ledger_last_before(ledger, now_s, &last);
    if (status == LEDGER_EMPTY)
        return true;
    if (status != LEDGER_OK)
        return false;
    put_metric(stream, "iagmeter_ledger_first_timestamp_seconds", "gauge",
               "Start of the first interval in the ledger.", (double)first);
    put_metric(stream, "iagmeter_ledger_last_timestamp_seconds", "gauge",
               "End of the last interval in the ledger that is not ahead of the clock.",
               (double)(last + INTERVAL_S));
    return true;
}

static void put_counters(const struct coverage *coverage, FILE *stream)
{
    char name[NAME_SIZE];

    put_metric(stream, "iagmeter_capture_covered_seconds_total", "counter",
               "Time observed since the month began.", (double)coverage->covered_ns / NS_PER_S);
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        uint64_t value;

        memcpy(&value, (const char *)coverage + counters[i].offset, sizeof(value));
        snprintf(name, sizeof(name), "iagmeter_capture_%s_total", counters[i].name);
        put_head(stream, name, "counter", counters[i].help);
        fprintf(stream, "%s %" PRIu64 "\n", name, value);
    }
}

/* Since the local month began, so that no more need be read: to Prometheus, the return to zero is a
 * restart of the counter. */
static bool put_coverage(struct ledger *ledger, int64_t now_s, FILE *stream)
{
    struct coverage coverage = {0};

    if (ledger_visit_coverage(ledger, calendar_month_of(now_s).start, now_s, ledger_sum_coverage,
                              &coverage) != LEDGER_OK)
        return false;
    put_counters(&coverage, stream);
    return true;
}

/* What METER_INTERFACES_FACT says of NAME, after it: "eth1 (ended 3 time(s)); eth2 never opened: no
 * such interface". NULL: nothing. */
static const char *said_of(const char *said, const char *name)
{
    size_t length = strlen(name);

    for (const char *entry = said; entry; entry = strstr(entry, "; ")) {
        entry += entry == said ? 0 : 2;
        /* The name ends there; strchr() also finds the end of what is said. */
        if (strncmp(entry, name, length) == 0 && strchr("; ", entry[length]))
            return entry + length;
    }
    return NULL;
}

static double captured_of(const char *said)
{
    return said[0] != ' ' ||
           strncmp(said, METER_INTERFACES_ENDED, strlen(METER_INTERFACES_ENDED)) == 0;
}

static double ends_of(const char *said)
{
    const char *ended = strstr(said, METER_INTERFACES_ENDED);
    const char *next = strstr(said, "; ");

    return ended && (!next || ended < next)
               ? (double)strtoul(ended + strlen(METER_INTERFACES_ENDED), NULL, 10)
               : 0;
}

static void put_each_interface(const struct config *config, const char *said, const char *name,
                               const char *type, const char *help, double (*value)(const char *),
                               FILE *stream)
{
    bool begun = false;

    for (unsigned i = 0; i < config->interface_count; i++) {
        const char *own = said_of(said, config->interfaces[i].name);

        if (!own)
            continue;
        if (!begun)
            put_head(stream, name, type, help);
        begun = true;
        fprintf(stream, "%s{", name);
        put_label(stream, "interface", config->interfaces[i].name);
        fputc('}', stream);
        put_value(stream, value(own));
    }
}

/* Of a daemon that runs. */
static void put_interfaces(struct ledger *ledger, const struct config *config, FILE *stream)
{
    char said[INTERFACES_SIZE];

    if (ledger_fact(ledger, METER_INTERFACES_FACT, said, sizeof(said)) != LEDGER_OK)
        return;
    put_each_interface(config, said, "iagmeter_capture_interface_up", "gauge",
                       "Whether this interface of the configuration is captured now.", captured_of,
                       stream);
    put_each_interface(config, said, "iagmeter_capture_ends_total", "counter",
                       "How often a capture process of this interface ended that should not have, "
                       "since the daemon started.",
                       ends_of, stream);
}

/* ---- a host of our own ---- */

static double power_of(const struct hoststatus *status, const struct hoststatus_device *device)
{
    (void)status;
    return hoststatus_power_w(device);
}

static double energy_of(const struct hoststatus *status, const struct hoststatus_device *device)
{
    (void)status;
    return device->energy_j;
}

static double exceeded_of(const struct hoststatus *status, const struct hoststatus_device *device)
{
    (void)status;
    return device->exceeded;
}

static double carried_of(const struct hoststatus *status, const struct hoststatus_device *device)
{
    (void)status;
    return device->carried_j;
}

static double restarts_of(const struct hoststatus *status, const struct hoststatus_device *device)
{
    (void)status;
    return device->restarts;
}

typedef double device_value(const struct hoststatus *status,
                            const struct hoststatus_device *device);

/* Power that is not known is not 0; only of the host is anything carried. */
static bool has_value(const struct hoststatus_device *device, device_value *value)
{
    if (value == carried_of || value == exceeded_of)
        return device->kind == POWER_DEVICE_HOST;
    return value != power_of || device->covered_ns > 0;
}

static void put_devices(const struct hoststatus *status, const char *name, const char *type,
                        const char *help, device_value *value, FILE *stream)
{
    static const char *const kinds[] = {"gpu", "host", "source"};

    if (status->count == 0)
        return;
    put_head(stream, name, type, help);
    for (size_t i = 0; i < status->count; i++) {
        if (!has_value(&status->devices[i], value))
            continue;
        fprintf(stream, "%s{", name);
        put_label(stream, "device", status->devices[i].name);
        fputc(',', stream);
        put_label(stream, "kind", kinds[status->devices[i].kind]);
        fputc('}', stream);
        put_value(stream, value(status, &status->devices[i]));
    }
}

static void put_hour(const struct hoststatus *hour, FILE *stream)
{
    double difference_w;

    put_devices(hour, "iagmeter_host_power_watts", "gauge",
                "Mean power in the last whole hour. Kinds gpu and host add up; sources overlap.",
                power_of, stream);
    put_metric(stream, "iagmeter_host_covered_ratio", "gauge",
               "Part of the last whole hour that was measured.",
               hoststatus_covered_s(hour) / HOUR_S);
    if (hoststatus_difference_w(hour, &difference_w))
        put_metric(stream, "iagmeter_host_difference_watts", "gauge",
                   "What the meter of the whole said in that hour, less its parts.", difference_w);
    if (hour->has_shared)
        put_metric(stream, "iagmeter_host_shared_until_timestamp_seconds", "gauge",
                   "Up to where measured energy was shared.", (double)hour->shared_until_s);
}

/* ---- wire and servers ---- */

static void put_balance_labels(const char *name, const struct hostbalance_line *line,
                               size_t quantity, FILE *stream)
{
    fprintf(stream, "%s{", name);
    put_label(stream, "service", line->service ? line->service : ".");
    fputc(',', stream);
    put_label(stream, "quantity", localhost_count_name(quantity));
}

static void put_ratios(const struct hostbalance *balance, FILE *stream)
{
    static const char name[] = "iagmeter_host_balance_ratio";
    struct hostbalance_line line;
    bool began = false;

    for (size_t i = 0; hostbalance_line(balance, i, &line); i++)
        for (size_t j = 0; j < LOCALHOST_COUNTS; j++) {
            if (!line.counts[j].is_compared)
                continue;
            if (!began)
                put_head(stream, name, "gauge",
                         "On the last whole UTC day: what the wire showed less what the server "
                         "counted, as part of the latter.");
            began = true;
            put_balance_labels(name, &line, j, stream);
            fputc('}', stream);
            put_value(stream, localhost_count_percent(&line.counts[j]) / PERCENT);
        }
}

static void put_verdicts(const struct hostbalance *balance, FILE *stream)
{
    static const char name[] = "iagmeter_host_balance_verdict";
    struct hostbalance_line line;

    if (!hostbalance_line(balance, 0, &line))
        return;
    put_head(stream, name, "gauge", "1, with how wire and server compare on that day.");
    for (size_t i = 0; hostbalance_line(balance, i, &line); i++)
        for (size_t j = 0; j < LOCALHOST_COUNTS; j++) {
            put_balance_labels(name, &line, j, stream);
            fputc(',', stream);
            put_label(stream, "verdict", balance_verdict_name(line.counts[j].verdict));
            fputc('}', stream);
            put_value(stream, 1);
        }
}

static bool put_balance(struct ledger *ledger, const struct config *config, int64_t now_s,
                        FILE *stream)
{
    struct hostbalance balance;
    bool read = hostbalance_collect(&balance, ledger, config, now_s);

    if (read) {
        put_ratios(&balance, stream);
        put_verdicts(&balance, stream);
    }
    hostbalance_clear(&balance);
    return read;
}

struct server_days {
    FILE *stream;
    const char *name;
    bool restarts; /* or seconds missed */
    bool began;
};

static bool put_server_day(void *context, const struct ledger_source_day *row)
{
    struct server_days *days = context;

    if (!days->began)
        put_head(days->stream, days->name, "counter",
                 days->restarts
                     ? "New starts of an inference server that is asked, since midnight UTC."
                     : "Seconds for which an inference server did not answer, once they are "
                       "over, since midnight UTC.");
    days->began = true;
    fprintf(days->stream, "%s{", days->name);
    put_label(days->stream, "source", row->source);
    fputc('}', days->stream);
    put_value(days->stream, (double)(days->restarts ? row->restarts : row->missed_s));
    return true;
}

static bool put_servers(struct ledger *ledger, int64_t now_s, FILE *stream)
{
    struct server_days missed = {stream, "iagmeter_server_missed_seconds_total", false, false};
    struct server_days restarts = {stream, "iagmeter_server_restarts_total", true, false};
    int32_t day = (int32_t)(now_s / DAY_S);

    return ledger_visit_source_days(ledger, day, day + 1, put_server_day, &missed) == LEDGER_OK &&
           ledger_visit_source_days(ledger, day, day + 1, put_server_day, &restarts) == LEDGER_OK;
}

/* By whole hours: what a card draws in one minute of the night is one person's use. */
static bool put_host(struct ledger *ledger, const struct config *config, int64_t now_s,
                     FILE *stream)
{
    int64_t hour_s = now_s - now_s % HOUR_S;
    struct hoststatus hour, day;

    if (!hoststatus_collect(&hour, ledger, config, hour_s - HOUR_S, hour_s) ||
        !hoststatus_collect(&day, ledger, config, hour_s - hour_s % DAY_S, hour_s))
        return false;
    put_hour(&hour, stream);
    put_devices(&day, "iagmeter_host_energy_joules_total", "counter",
                "Energy since midnight UTC, up to the last whole hour.", energy_of, stream);
    put_devices(&day, "iagmeter_host_missed_seconds_total", "counter",
                "Time not measured since midnight UTC, up to the last whole hour.",
                hoststatus_missed_s, stream);
    put_devices(&day, "iagmeter_host_restarts_total", "counter",
                "Minutes since midnight UTC in which a counter began anew.", restarts_of, stream);
    put_devices(&day, "iagmeter_host_carried_joules", "gauge",
                "Energy since midnight UTC that is counted above the meter of the whole, which "
                "tells late.",
                carried_of, stream);
    put_devices(&day, "iagmeter_host_exceeded_total", "counter",
                "Minutes since midnight UTC in which GPUs drew more than its delay explains.",
                exceeded_of, stream);
    return put_servers(ledger, now_s, stream) && put_balance(ledger, config, now_s, stream);
}

/* ---- calibrations of services ---- */

static double drift_of(struct ledger *ledger, const struct service_calibration *calibration)
{
    return calibrationuse_has_drifted(ledger, calibration);
}

static double time_of(struct ledger *ledger, const struct service_calibration *calibration)
{
    int64_t day = 0;

    (void)ledger;
    calendar_parse_day(calibration->date, &day);
    return (double)(day * DAY_S);
}

typedef double calibration_value(struct ledger *ledger,
                                 const struct service_calibration *calibration);

/* Of those in force. */
static void put_calibrations(struct ledger *ledger, const struct service_calibrations *calibrations,
                             const char *name, const char *help, calibration_value *value,
                             FILE *stream)
{
    bool is_first = true;

    for (size_t i = 0; i < calibrations->count; i++) {
        const struct service_calibration *own = &calibrations->items[i];

        if (!own->in_force)
            continue;
        if (is_first)
            put_head(stream, name, "gauge", help);
        is_first = false;
        fprintf(stream, "%s{", name);
        put_label(stream, "service", own->service);
        fputc(',', stream);
        put_label(stream, "transport",
                  service_transport_name((enum service_transport)own->transport));
        if (own->regime[0] != '\0') {
            fputc(',', stream);
            put_label(stream, "regime", own->regime);
        }
        fputc('}', stream);
        put_value(stream, value(ledger, own));
    }
}

/* That a service drifted takes a window of exchanges, of anybody: no minute's use is told. */
static void put_drift(struct ledger *ledger, const struct config *config, FILE *stream)
{
    put_calibrations(ledger, config->calibrations, "iagmeter_calibration_timestamp_seconds",
                     "Day of the calibration that is in force.", time_of, stream);
    put_calibrations(ledger, config->calibrations, "iagmeter_calibration_drifted",
                     "Whether answers no longer have the shape that the calibration saw.", drift_of,
                     stream);
}

bool metrics_write_capture(struct ledger *ledger, const struct config *config, bool running,
                           int64_t now_s, FILE *stream)
{
    put_build(config, stream);
    put_metric(stream, "iagmeter_up", "gauge", "Whether a daemon is writing the ledger.", running);
    if (running)
        put_interfaces(ledger, config, stream);
    put_drift(ledger, config, stream);
    return put_span(ledger, now_s, stream) && put_coverage(ledger, now_s, stream) &&
           (!config->host || put_host(ledger, config, now_s, stream));
}

/* ---- what was used in the months that are over ---- */

static void put_year_label(const struct progress *progress, FILE *stream)
{
    char year[TEXT_NUMBER_SIZE];

    snprintf(year, sizeof(year), "%d", progress->year);
    put_label(stream, "year", year);
}

static void put_of_year(const struct progress *progress, const char *name, const char *help,
                        double value, FILE *stream)
{
    put_head(stream, name, "gauge", help);
    fprintf(stream, "%s{", name);
    put_year_label(progress, stream);
    fputc('}', stream);
    put_value(stream, value);
}

static void put_year(const struct progress *progress, FILE *stream)
{
    put_of_year(progress, "iagmeter_year_until_timestamp_seconds",
                "End of the last month that is over: up to there the use of the year is told.",
                (double)progress->until, stream);
    put_of_year(progress, "iagmeter_year_elapsed_ratio", "Part of the year that has passed then.",
                progress_elapsed(progress), stream);
    put_of_year(progress, "iagmeter_year_covered_ratio",
                "Part of the year that the capture covered up to then.", progress_covered(progress),
                stream);
    put_of_year(progress, "iagmeter_year_shown",
                "Whether the use of the year is told in total: 0 when there is no month, or one of "
                "too few devices.",
                progress->total_shown, stream);
}

static void put_total(const struct progress *progress, enum month_indicator indicator, FILE *stream)
{
    struct triple value = month_value(&progress->total, indicator);
    const double values[] = {value.low, value.central, value.high};
    char name[NAME_SIZE], help[2 * NAME_SIZE];

    snprintf(name, sizeof(name), "iagmeter_year_%s", month_indicator_name(indicator));
    snprintf(help, sizeof(help), "%s of the whole authority (%s), in the months that are over.",
             text_get(LANGUAGE_EN, (enum text_id)(TEXT_REQUESTS + (int)indicator)),
             month_indicator_unit(indicator));
    put_head(stream, name, "gauge", help);
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        fprintf(stream, "%s{", name);
        put_year_label(progress, stream);
        fputc(',', stream);
        put_label(stream, "bound", bounds[i]);
        fputc('}', stream);
        put_value(stream, values[i]);
    }
}

/* ---- objectives ---- */

/* EXTRA and its LABEL: one more; EXTRA NULL: none. */
static void put_objective(const struct progress *progress, const struct progress_line *line,
                          const char *name, const char *extra, const char *label, double value,
                          FILE *stream)
{
    fprintf(stream, "%s{", name);
    put_year_label(progress, stream);
    fputc(',', stream);
    put_label(stream, "direction", progress_scope(line));
    if (extra) {
        fputc(',', stream);
        put_label(stream, extra, label);
    }
    fputc('}', stream);
    put_value(stream, value);
}

enum quantity { BUDGET, PATH, USED, PROJECTED, QUANTITIES };

static const struct {
    const char *name;
    const char *help;
} quantities[QUANTITIES] = {
    [BUDGET] = {"budget", "Yearly budget"},
    [PATH] = {"path", "Budget pro rata of the time up to the end of the last month that is over"},
    [USED] = {"used", "Used of the budget in the months that are over"},
    [PROJECTED] = {"projected", "Use projected to the end of the year"},
};

static bool is_shown(const struct progress_line *line)
{
    return line->state > PROGRESS_NOT_SHOWN;
}

static bool has_quantity(const struct progress_line *line, enum quantity quantity)
{
    if (quantity == PROJECTED)
        return line->has_projection;
    return quantity != USED || is_shown(line);
}

static void put_quantity_of(const struct progress *progress, const struct progress_line *line,
                            enum quantity quantity, const char *name, FILE *stream)
{
    struct triple value = quantity == USED ? line->spent : line->projected;
    const double values[] = {value.low, value.central, value.high};

    if (quantity == BUDGET || quantity == PATH) {
        put_objective(progress, line, name, NULL, "",
                      quantity == BUDGET ? line->budget : line->path, stream);
        return;
    }
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
        put_objective(progress, line, name, "bound", bounds[i], values[i], stream);
}

/* A metric for each indicator, since they have not the same unit. */
static void put_quantity(const struct progress *progress, enum quantity quantity,
                         enum month_indicator indicator, FILE *stream)
{
    char name[NAME_SIZE], help[2 * NAME_SIZE];
    bool is_first = true;

    snprintf(name, sizeof(name), "iagmeter_objective_%s_%s", quantities[quantity].name,
             month_indicator_name(indicator));
    snprintf(help, sizeof(help), "%s (%s).", quantities[quantity].help,
             month_indicator_unit(indicator));
    for (size_t i = 0; i < progress->count; i++) {
        const struct progress_line *line = &progress->lines[i];

        if (line->indicator != indicator || !has_quantity(line, quantity))
            continue;
        if (is_first)
            put_head(stream, name, "gauge", help);
        is_first = false;
        put_quantity_of(progress, line, quantity, name, stream);
    }
}

static void put_flag(const struct progress *progress, const char *name, const char *help,
                     bool (*flag)(const struct progress_line *line), FILE *stream)
{
    if (progress->count == 0)
        return;
    put_head(stream, name, "gauge", help);
    for (size_t i = 0; i < progress->count; i++)
        put_objective(progress, &progress->lines[i], name, "indicator",
                      month_indicator_name(progress->lines[i].indicator), flag(&progress->lines[i]),
                      stream);
}

static void put_objectives(const struct progress *progress, FILE *stream)
{
    for (int quantity = 0; quantity < QUANTITIES; quantity++)
        for (int indicator = 0; indicator < MONTH_INDICATORS; indicator++)
            put_quantity(progress, (enum quantity)quantity, (enum month_indicator)indicator,
                         stream);
    put_flag(progress, "iagmeter_objective_shown",
             "Whether a use is told: 0 when no month's report has it.", is_shown, stream);
    put_flag(progress, "iagmeter_objective_warning",
             "Whether the use is above the path or the budget, or would be at the end of the year.",
             progress_is_warning, stream);
}

static void put_tokens(const struct progress *progress, const char *counted,
                       const struct hoststatus_tokens *tokens, FILE *stream)
{
    const struct {
        const char *name;
        double value;
    } ways[] = {{"in", tokens->in}, {"out", tokens->out}};

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        fputs("iagmeter_year_host_tokens{", stream);
        put_year_label(progress, stream);
        fputc(',', stream);
        put_label(stream, "counted", counted);
        fputc(',', stream);
        put_label(stream, "way", ways[i].name);
        fputc('}', stream);
        put_value(stream, ways[i].value);
    }
}

/* What exchanges with the servers said, beside what the servers say: of the same months. */
static void put_host_tokens(const struct progress *progress, FILE *stream)
{
    put_head(stream, "iagmeter_year_host_tokens", "gauge",
             "Tokens of a host of our own in the months that are over, as counted on the wire, and "
             "by its servers; added to the wire's is what only these counted.");
    put_tokens(progress, "wire", &progress->wire, stream);
    put_tokens(progress, "server", &progress->server, stream);
    put_tokens(progress, "added", &progress->unseen, stream);
}

bool metrics_write_use(struct ledger *ledger, const struct config *config, int64_t now_s,
                       FILE *stream)
{
    char error[512]; /* ledger_error() has the same */
    struct progress *progress =
        progress_build(ledger, config, progress_last_month(now_s), now_s, error, sizeof(error));

    if (!progress)
        return false;
    put_year(progress, stream);
    for (int i = 0; progress->total_shown && i < MONTH_INDICATORS; i++)
        put_total(progress, (enum month_indicator)i, stream);
    put_objectives(progress, stream);
    if (config->host && progress->total_shown && !progress->host_hidden)
        put_host_tokens(progress, stream);
    progress_free(progress);
    return true;
}
