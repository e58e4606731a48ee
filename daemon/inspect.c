/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/inspect.h"

#include "collectors/capture/decode.h"
#include "collectors/capture/metering.h"
#include "collectors/capture/source.h"
#include "collectors/inference/localmeter.h"
#include "daemon/capture.h"
#include "daemon/sandbox.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 4096

struct line {
    struct flow_record record;
    char *name;
    bool is_local; /* an exchange with a local inference server: */
    struct inference_exchange exchange;
};

struct inspection {
    struct metering *metering;
    struct coverage coverage;
    const struct config *config;
    const struct inspect_options *options;
    struct line *lines;
    size_t count;
    size_t capacity;
    bool out_of_memory;
};

/* -- The sink: only flows and exchanges are of interest -------------------------------------- */

static void add_coverage(void *context, int64_t interval_start, const struct coverage *coverage,
                         uint32_t open_s)
{
    struct inspection *inspection = context;

    (void)interval_start;
    (void)open_s;
    coverage_add(&inspection->coverage, coverage);
}

static bool make_room(struct inspection *inspection)
{
    size_t capacity = inspection->capacity ? 2 * inspection->capacity : 256;
    struct line *lines;

    if (inspection->count < inspection->capacity)
        return true;
    lines = realloc(inspection->lines, capacity * sizeof(*lines));
    if (!lines)
        return false;
    inspection->lines = lines;
    inspection->capacity = capacity;
    return true;
}

/* NULL when out of memory. The exchange is left to the caller. */
static struct line *keep_line(struct inspection *inspection, const struct flow_record *record)
{
    struct line *line;
    char *name = make_room(inspection) ? strdup(record->name) : NULL;

    if (!name) {
        inspection->out_of_memory = true;
        return NULL;
    }
    line = &inspection->lines[inspection->count++];
    *line = (struct line){.record = *record, .name = name};
    return line;
}

static void keep_flow(void *context, const struct flow_record *record)
{
    struct inspection *inspection = context;

    if (!inspection->options->exchanges &&
        (record->service != SERVICE_NONE || inspection->options->all))
        keep_line(inspection, record);
}

static void keep_estimated(void *context, const struct flow_record *record)
{
    struct inspection *inspection = context;

    keep_line(inspection, record);
}

/* As one that is exact: nothing about it was estimated. */
static struct triple exactly(uint64_t count)
{
    return (struct triple){(double)count, (double)count, (double)count};
}

static void keep_exchange(void *context, const struct wire_exchange *found)
{
    const struct inference_exchange *exchange = &found->exchange;
    struct inspection *inspection = context;
    struct line *line;
    const struct flow_record record = {
        .first_ns = exchange->start_ns,
        .transport = "http",
        .name = inference_endpoint_path((enum inference_endpoint)exchange->endpoint),
        .ech = "-",
        .service = exchange->service,
        .direction = exchange->direction,
        .bytes_up = found->bytes_up,
        .bytes_down = found->bytes_down,
        .requests = exactly(inference_exchange_counts(exchange)),
        .tokens_in = exactly(exchange->counts.tokens_in),
        .tokens_out = exactly(exchange->counts.tokens_out),
        .client = found->client,
        .server = found->server,
        .client_port = found->client_port,
        .server_port = found->server_port,
    };

    if (exchange->endpoint == ENDPOINT_NONE || !(line = keep_line(inspection, &record)))
        return;
    line->is_local = true;
    line->exchange = *exchange;
}

/* -- Output -------------------------------------------------------------------------------------
 */

static int compare_lines(const void *left, const void *right)
{
    const struct flow_record *a = &((const struct line *)left)->record;
    const struct flow_record *b = &((const struct line *)right)->record;

    if (a->first_ns != b->first_ns)
        return a->first_ns < b->first_ns ? -1 : 1;
    /* Flows that began in the same instant: any order, but always the same. */
    if (a->client_port != b->client_port)
        return a->client_port < b->client_port ? -1 : 1;
    return memcmp(a->client.bytes, b->client.bytes, sizeof(a->client.bytes));
}

/* A name on the wire may hold anything: tabs and control bytes must not break the table, nor reach
 * a terminal. */
static void print_name(const char *name, FILE *stream)
{
    if (name[0] == '\0')
        fputc('-', stream);
    for (const unsigned char *at = (const unsigned char *)name; *at; at++) {
        if (*at > ' ' && *at < 0x7f && *at != '\\')
            fputc(*at, stream);
        else
            fprintf(stream, "\\x%02x", *at);
    }
}

static void print_service(const struct config *config, const struct line *line, FILE *stream)
{
    const struct flow_record *record = &line->record;

    if (record->service == SERVICE_NONE) {
        fputs(line->is_local ? "\tlocal" : "\t-", stream);
        return;
    }
    fprintf(stream, "\t%s", catalogue_service(config->catalogue, record->service)->id);
    if (line->exchange.elsewhere && catalogue_service(config->catalogue, record->service)->local)
        fputs("/elsewhere", stream);
    if (record->role != ROLE_INFERENCE)
        fprintf(stream, "/%s", service_role_name((enum service_role)record->role));
}

/* Of a connection of which nothing came back, nobody knows what was answered: over TCP, clients
 * acknowledge what was; over QUIC, that cannot be read. */
static bool is_unheard(const struct line *line)
{
    return !line->is_local && line->record.service != SERVICE_NONE && line->record.bytes_up > 0 &&
           line->record.bytes_down == 0;
}

/* What is not known is not 0. */
static bool tokens_known(const struct line *line, bool in)
{
    const struct inference_exchange *exchange = &line->exchange;

    if (!line->is_local)
        return !is_unheard(line);
    if (!inference_exchange_counts(exchange))
        return true;
    return in ? exchange->counts.input_known : exchange->counts.basis != USAGE_NOTHING;
}

static void print_triple(const struct triple *triple, bool known, FILE *stream)
{
    if (!known)
        fputs("\t-", stream);
    else
        fprintf(stream, "\t%.0f/%.0f/%.0f", triple->low, triple->central, triple->high);
}

static void print_address(const struct address *address, uint16_t port, FILE *stream)
{
    char text[INET6_ADDRSTRLEN] = "-";

    inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->bytes, text, sizeof(text));
    fprintf(stream, "\t%s\t%u", text, port);
}

/* What the tokens rest on, how the exchange ended when not well, and what the direction rests on.
 */
static void print_grounds(const struct line *line, FILE *stream)
{
    static const char *const bases[] = {"unknown", "events", "timings", "usage", "usage"};
    static const char *const outcomes[] = {"",      "/aborted", "/error", "/unanswered",
                                           "/lost", "/refused", "/idle"};
    const struct inference_exchange *exchange = &line->exchange;
    bool served = line->is_local && inference_exchange_counts(exchange);

    if (served && exchange->counts.input_known)
        fprintf(stream, "\t%" PRIu64, exchange->counts.tokens_cached);
    else
        fputs("\t-", stream);
    if (!line->is_local)
        fprintf(stream, "\t%s\taddress", line->record.tokens_out.high > 0 ? "estimate" : "-");
    else
        fprintf(stream, "\t%s%s%s\t%s", served ? bases[exchange->counts.basis] : "none",
                exchange->unread ? "/unread" : "", outcomes[exchange->outcome],
                direction_source_name((enum direction_source)exchange->source));
}

/* "images=1/4/12,uploads=1/1/1"; "-" without any. */
static void print_units(const struct flow_record *record, FILE *stream)
{
    char separator = '\t';

#define PRINT_UNIT(name)                                                                           \
    if (record->name.high > 0) {                                                                   \
        fprintf(stream, "%c" #name "=%.0f/%.0f/%.0f", separator, record->name.low,                 \
                record->name.central, record->name.high);                                          \
        separator = ',';                                                                           \
    }
    ACTIVITY_UNITS(PRINT_UNIT)
#undef PRINT_UNIT
    if (separator == '\t')
        fputs("\t-", stream);
}

/* By how much the tokens of single answers lie beside the band, at random: a standard deviation. */
static void print_scatter(const struct flow_record *record, FILE *stream)
{
    if (record->tokens_out_variance > 0)
        fprintf(stream, "\t%.0f", sqrt(record->tokens_out_variance));
    else
        fputs("\t-", stream);
}

static void print_line(const struct inspection *inspection, const struct line *line, FILE *stream)
{
    const struct flow_record *record = &line->record;

    fprintf(stream, "%" PRId64 ".%06" PRId64 "\t%s\t", record->first_ns / 1000000000,
            record->first_ns % 1000000000 / 1000, record->transport);
    print_name(line->name, stream);
    fprintf(stream, "\t%s", record->ech);
    print_service(inspection->config, line, stream);
    fprintf(stream, "\t%s",
            directions_get(inspection->config->directions, record->direction)->code);
    fprintf(stream, "\t%" PRIu64 "\t%" PRIu64, record->bytes_up, record->bytes_down);
    if (is_unheard(line))
        fputs("\t-", stream);
    else
        fprintf(stream, "\t%.0f", record->requests.central);
    print_triple(&record->tokens_in, tokens_known(line, true), stream);
    print_triple(&record->tokens_out, tokens_known(line, false), stream);
    if (inspection->options->addresses) {
        print_address(&record->client, record->client_port, stream);
        print_address(&record->server, record->server_port, stream);
    }
    print_grounds(line, stream);
    print_units(record, stream);
    print_scatter(record, stream);
    fputc('\n', stream);
}

static void print_lines(struct inspection *inspection, FILE *stream)
{
    fputs("#time\ttransport\tname\tech\tservice\tdirection\tup_bytes\tdown_bytes\trequests\t"
          "tokens_in\ttokens_out",
          stream);
    if (inspection->options->addresses)
        fputs("\tclient\tclient_port\tserver\tserver_port", stream);
    fputs("\tcached\tbasis\tdirection_by\tunits\tscatter\n", stream);
    if (inspection->count > 0)
        qsort(inspection->lines, inspection->count, sizeof(*inspection->lines), compare_lines);
    for (size_t i = 0; i < inspection->count; i++)
        print_line(inspection, &inspection->lines[i], stream);
}

/* -- Input --------------------------------------------------------------------------------------
 */

static void take_packets(void *context, const struct captured_frame *frames, size_t count)
{
    struct inspection *inspection = context;

    metering_frames(inspection->metering, frames, count);
}

/* What the sysadmin can do something about. */
static void warn_of_local(const struct coverage *coverage)
{
    if (coverage->local_unassigned > 0)
        fprintf(stderr,
                "iagmeter: %" PRIu64 " of %" PRIu64 " exchanges with local servers are unassigned: "
                "the header or key that they were sent with is not in the configuration\n",
                coverage->local_unassigned, coverage->local_exchanges);
    if (coverage->local_unread > 0)
        fprintf(stderr,
                "iagmeter: %" PRIu64 " of %" PRIu64 " exchanges with local servers were compressed "
                "in a way that is not read (gzip, deflate, br and zstd are, one at a time)\n",
                coverage->local_unread, coverage->local_exchanges);
    if (coverage->local_lost > 0)
        fprintf(stderr,
                "iagmeter: of %" PRIu64 " exchanges with local servers the capture lacks a part: "
                "dropped packets, or a snap length that cuts them\n",
                coverage->local_lost);
    if (coverage->local_refused > 0)
        fprintf(stderr,
                "iagmeter: of %" PRIu64 " connections with local servers nothing counts from "
                "where two programs could read differently what was said (two lengths, a length "
                "and chunks, lines or chunks that are not as HTTP/1.1 has them), or another "
                "protocol began\n",
                coverage->local_refused);
    if (coverage->local_evicted > 0)
        fprintf(stderr,
                "iagmeter: %" PRIu64 " connections to local servers had to make room: "
                "inference.max_connections is too small\n",
                coverage->local_evicted);
}

static int read_capture(struct inspection *inspection, struct source *source, const char *name)
{
    enum source_status status;
    char warning[1024];

    do
        status = source_read(source, BATCH, take_packets, inspection);
    while (status == SOURCE_OK);
    metering_finish(inspection->metering);
    warn_of_local(&inspection->coverage);
    if (source_warning(source, warning, sizeof(warning)))
        fprintf(stderr, "iagmeter: %s\n", warning);
    if (source_untimed(source) > 0)
        fprintf(stderr,
                "iagmeter: %s: packets without a time that can be, shown with that of the packet "
                "before: %" PRIu64 "\n",
                name, source_untimed(source));
    if (status == SOURCE_BROKEN)
        fprintf(stderr, "iagmeter: %s\n", source_error(source));
    else if (source_packets(source) == 0)
        fprintf(stderr, "iagmeter: %s: the capture holds no packet\n", name);
    else if (inspection->out_of_memory)
        fprintf(stderr, "iagmeter: out of memory: some flows are missing\n");
    else
        return EXIT_SUCCESS;
    return EXIT_TROUBLE;
}

static bool take_memory(struct inspection *inspection, const struct inference_rules *rules)
{
    const struct config *config = inspection->config;
    struct metering_sink sink = metering_ignore(inspection);
    const struct localmeter_setup setup = {
        .rules = rules,
        .catalogue = config->catalogue,
        .ports = config->inference.ports,
        .port_count = config->inference.port_count,
        .max_connections = config->inference.max_connections,
    };

    sink.closed = add_coverage;
    sink.flow = keep_flow;
    sink.exchange = keep_exchange;
    inspection->metering =
        metering_new(&config->limits, config->catalogue, config->directions, &sink);
    return inspection->metering && metering_set_local(inspection->metering, &setup);
}

int inspect_run(const struct config *config, const char *const *captures, unsigned count,
                const struct inspect_options *options, FILE *stream)
{
    struct inspection inspection = {.config = config, .options = options};
    const struct inference_rules rules =
        inferenceconfig_rules(&config->inference, config->directions);
    char error[512];
    char name[PATH_MAX + 32];
    struct source *source = source_open_files(captures, count, error, sizeof(error));
    int status = EXIT_TROUBLE;

    if (!source) {
        fprintf(stderr, "iagmeter: %s\n", error);
        return EXIT_TROUBLE;
    }
    if (!take_memory(&inspection, &rules)) {
        fprintf(stderr, "iagmeter: not enough memory for the limits of the configuration\n");
        goto out;
    }
    if (!options->keep_rights && !sandbox_command(config->user, -1, -1, error, sizeof(error))) {
        fprintf(stderr, "iagmeter: %s\n", error);
        goto out;
    }
    metering_set_trust(inspection.metering, &config->trust);
    if (options->exchanges)
        metering_show_exchanges(inspection.metering, keep_estimated);
    source_name_files(captures, count, name, sizeof(name));
    source_take_any_time(source);
    status = read_capture(&inspection, source, name);
    print_lines(&inspection, stream);
    if (fflush(stream) != 0 || ferror(stream)) {
        fprintf(stderr, "iagmeter: the output could not be written\n");
        status = EXIT_TROUBLE;
    }
out:
    for (size_t i = 0; i < inspection.count; i++)
        free(inspection.lines[i].name);
    free(inspection.lines);
    metering_free(inspection.metering);
    source_close(source);
    return status;
}
