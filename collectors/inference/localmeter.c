/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/localmeter.h"

#include "collectors/capture/devices.h"
#include "collectors/inference/spread.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)
/* Cells of (interval, direction, service): each minute some answers, each over some minutes. */
#define USE_CELLS 4096
/* An exchange whose connection has been silent for so long most likely lost its end: nobody waits
 * for it to settle what was used. Should it go on, it is still followed. */
#define SILENT_NS (900 * SECOND_NS)

struct localmeter {
    struct interval *interval;
    struct metering_sink sink;
    struct wire *wire;
    struct spread *spread;
    struct inference_rules rules;
    const struct catalogue *catalogue;
    struct wire_counts told; /* to the coverage */
};

/* -- Tokens -------------------------------------------------------------------------------------
 */

static bool tells_output(const struct inference_exchange *exchange)
{
    return exchange->grade == GRADE_A ||
           !inference_endpoint_generates((enum inference_endpoint)exchange->endpoint);
}

/* The one that was asked: an exchange has a service only where there is one. */
static const struct inference_server *server_of(const struct localmeter *meter,
                                                const struct wire_exchange *found)
{
    return inference_server_at(&meter->rules, found->server_port);
}

static const struct estimator *estimator_of(const struct localmeter *meter,
                                            const struct wire_exchange *found)
{
    return &catalogue_service(meter->catalogue, server_of(meter, found)->service)->estimator;
}

/* What the server did not say is estimated, by the numbers of services.conf: from the events that
 * carried text, or else from the size of the answer. */
static struct exchange_estimate estimate(const struct localmeter *meter,
                                         const struct wire_exchange *found)
{
    const struct usage_counts *counts = &found->exchange.counts;
    const struct exchange_shape shape = {
        .request_bytes =
            found->exchange.request_bytes > 0 ? found->exchange.request_bytes : found->bytes_up,
        .answer_bytes = found->bytes_down,
        .answer_records =
            counts->tokens_out < UINT32_MAX ? (uint32_t)counts->tokens_out : UINT32_MAX,
    };

    return estimator_apply(estimator_of(meter, found), &shape);
}

static struct exchange_estimate tokens_of(const struct localmeter *meter,
                                          const struct wire_exchange *found)
{
    const struct inference_exchange *exchange = &found->exchange;
    struct exchange_estimate tokens = estimate(meter, found);

    tokens.requests = triple_exact(1);
    if (exchange->counts.input_known)
        tokens.tokens_in = triple_exact((double)exchange->counts.tokens_in);
    if (tells_output(exchange)) {
        tokens.tokens_out = triple_exact((double)exchange->counts.tokens_out);
        tokens.tokens_out_variance = 0;
    }
    return tokens;
}

/* Tokens are no better founded than the worse of both ways; what is estimated from the compressed
 * size of what was not read is too low. */
static enum evidence_grade grade_of(const struct localmeter *meter,
                                    const struct wire_exchange *found)
{
    enum evidence_grade grade = (enum evidence_grade)found->exchange.grade;

    if (found->exchange.unread &&
        !(found->exchange.counts.input_known && tells_output(&found->exchange)))
        return GRADE_E;
    return found->exchange.counts.input_known
               ? grade
               : grade_worst(grade, (enum evidence_grade)estimator_of(meter, found)->grade);
}

/* -- Sums ---------------------------------------------------------------------------------------
 */

static struct activity *cell_of(const struct localmeter *meter,
                                const struct inference_exchange *exchange)
{
    return interval_cell(meter->interval, exchange->direction, exchange->service);
}

static void count_activity(const struct localmeter *meter, const struct wire_exchange *found,
                           const struct exchange_estimate *tokens)
{
    struct activity *cell = cell_of(meter, &found->exchange);

    cell->flows += found->first;
    cell->bytes_up += found->bytes_up;
    cell->bytes_down += found->bytes_down;
    cell->requests = triple_add(cell->requests, tokens->requests);
    cell->tokens_in = triple_add(cell->tokens_in, tokens->tokens_in);
    cell->tokens_out = triple_add(cell->tokens_out, tokens->tokens_out);
    cell->tokens_out_variance += tokens->tokens_out_variance;
    cell->grade = (uint8_t)grade_worst(cell->grade, grade_of(meter, found));
}

static void count_use(const struct localmeter *meter, const struct inference_exchange *exchange,
                      const struct exchange_estimate *tokens)
{
    double cached = (double)exchange->counts.tokens_cached;
    const struct local_use whole = {
        .direction_id = exchange->direction,
        .service_id = exchange->service,
        .requests = 1,
        .tokens_in = tokens->tokens_in.central,
        /* Of a server that says nonsense, no more than there are. */
        .tokens_cached = cached < tokens->tokens_in.central ? cached : tokens->tokens_in.central,
        .tokens_out = tokens->tokens_out.central,
    };

    if (!exchange->elsewhere && catalogue_service(meter->catalogue, exchange->service)->local)
        spread_add(meter->spread, exchange->start_ns, exchange->end_ns, &whole);
}

/* A user is known by a hash, hashed again under the key of the day. Those that share a key as the
 * configuration declares are as many as it says: from the last one on, so that it takes one look to
 * see that they are there. */
static void see_users(const struct localmeter *meter, const struct inference_exchange *exchange)
{
    struct device_set *devices = interval_devices(meter->interval);
    int32_t day = interval_day(meter->interval);
    struct address user = {.family = 0}; /* no address */
    uint16_t left = exchange->users > 0 ? exchange->users : 1;
    bool is_new = true;

    memcpy(user.bytes, &exchange->client, sizeof(exchange->client));
    for (; left > 0 && is_new; left--) {
        memcpy(user.bytes + sizeof(exchange->client), &left, sizeof(left));
        is_new = devices_enter(
            devices, day,
            devices_identify(devices, day, &user, exchange->direction, exchange->service),
            exchange->direction, exchange->service);
    }
}

static void count_coverage(const struct localmeter *meter,
                           const struct inference_exchange *exchange)
{
    struct coverage *coverage = interval_coverage(meter->interval);

    coverage->local_unstated += !exchange->counts.input_known || !tells_output(exchange);
    coverage->local_elsewhere +=
        exchange->elsewhere && catalogue_service(meter->catalogue, exchange->service)->local;
}

static void count(const struct localmeter *meter, const struct wire_exchange *found)
{
    struct exchange_estimate tokens = tokens_of(meter, found);

    count_activity(meter, found, &tokens);
    count_use(meter, &found->exchange, &tokens);
    count_coverage(meter, &found->exchange);
}

/* Of a server that counts itself the users are counted here all the same: it does not know them. */
static void take_exchange(void *context, const struct wire_exchange *found)
{
    struct localmeter *meter = context;
    const struct inference_exchange *exchange = &found->exchange;
    bool counts = inference_exchange_counts(exchange);

    if (meter->sink.exchange)
        meter->sink.exchange(meter->sink.context, found);
    if (exchange->service == SERVICE_NONE)
        return;
    if (counts)
        see_users(meter, exchange);
    if (server_of(meter, found)->counts_itself)
        return;
    if (counts)
        count(meter, found);
    else
        cell_of(meter, exchange)->bytes_other += found->bytes_up + found->bytes_down;
}

/* -- Life ---------------------------------------------------------------------------------------
 */

static void hand_over_use(void *context, int64_t interval_start_s, const struct local_use *use)
{
    const struct localmeter *meter = context;

    meter->sink.local_use(meter->sink.context, interval_start_s, use);
}

struct localmeter *localmeter_new(const struct localmeter_setup *setup, struct interval *interval,
                                  const struct metering_sink *sink)
{
    const struct wire_setup wire = {
        .rules = setup->rules,
        .ports = setup->ports,
        .port_count = setup->port_count,
        .max_connections = setup->max_connections,
        .keep_addresses = sink->exchange != NULL,
    };
    struct localmeter *meter = calloc(1, sizeof(*meter));

    if (!meter)
        return NULL;
    meter->interval = interval;
    meter->sink = *sink;
    meter->rules = *setup->rules;
    meter->catalogue = setup->catalogue;
    meter->wire = wire_new(&wire, take_exchange, meter);
    meter->spread = spread_new(USE_CELLS, hand_over_use, meter);
    if (meter->wire && meter->spread)
        return meter;
    localmeter_free(meter);
    return NULL;
}

void localmeter_free(struct localmeter *meter)
{
    if (!meter)
        return;
    wire_free(meter->wire);
    spread_free(meter->spread);
    free(meter);
}

void localmeter_set_rules(struct localmeter *meter, const struct localmeter_setup *setup)
{
    meter->rules = *setup->rules;
    meter->catalogue = setup->catalogue;
    wire_set_rules(meter->wire, setup->rules, setup->ports, setup->port_count);
}

bool localmeter_wants(const struct localmeter *meter, const struct packet *packet)
{
    return wire_wants(meter->wire, packet);
}

bool localmeter_serves(const struct localmeter *meter, uint16_t port)
{
    return inference_server_at(&meter->rules, port) != NULL;
}

void localmeter_packet(struct localmeter *meter, const struct packet *packet)
{
    wire_packet(meter->wire, interval_now_ns(meter->interval), packet);
}

void localmeter_finish(struct localmeter *meter)
{
    wire_finish(meter->wire);
}

/* -- The end of an interval -----------------------------------------------------------------------
 */

static void tell_coverage(struct localmeter *meter)
{
    const struct wire_counts *counts = wire_counts(meter->wire);
    struct coverage *coverage = interval_coverage(meter->interval);

    coverage->local_exchanges += counts->exchanges - meter->told.exchanges;
    coverage->local_unassigned += counts->unknown_directions - meter->told.unknown_directions;
    coverage->local_unread += counts->unread - meter->told.unread;
    coverage->local_lost += counts->lost - meter->told.lost;
    coverage->local_refused += counts->refused - meter->told.refused;
    coverage->local_evicted += counts->evicted - meter->told.evicted;
    coverage->bytes_lost += counts->bytes_lost - meter->told.bytes_lost;
    meter->told = *counts;
}

/* Rounded up: what is open is not to seem younger. */
static uint32_t open_s(const struct localmeter *meter)
{
    int64_t now_ns = interval_now_ns(meter->interval);
    int64_t since_ns = wire_open_since(meter->wire, now_ns - SILENT_NS);
    int64_t age_ns;

    if (since_ns > now_ns)
        return 0;
    age_ns = interval_end_ns(meter->interval) - since_ns;
    age_ns += SECOND_NS - 1;
    return age_ns / SECOND_NS < UINT32_MAX ? (uint32_t)(age_ns / SECOND_NS) : UINT32_MAX;
}

void localmeter_hand_over(struct localmeter *meter)
{
    tell_coverage(meter);
    spread_hand_over(meter->spread);
    interval_set_open(meter->interval, open_s(meter));
}
