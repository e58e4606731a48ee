/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/metering.h"

#include "collectors/capture/assembly.h"
#include "collectors/capture/clienthello.h"
#include "collectors/capture/decode.h"
#include "collectors/capture/flowtable.h"
#include "collectors/capture/interval.h"
#include "collectors/capture/keyedhash.h"
#include "collectors/capture/tracking.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS 1000000000LL
/* Capture on several queues or interfaces may hand over packets slightly out of order. Anything
 * further back means that the clock was set. */
#define REORDER_NS SECOND_NS
/* No gateway is silent for so long: the capture was not running, or the machine slept. A live
 * daemon advances the time every second, so this concerns replayed files and stepped clocks. */
#define SILENCE_NS (300 * SECOND_NS)
/* A tracked connection without packets gives its state back, and may take one again later. */
#define TRACKED_IDLE_NS (900 * SECOND_NS)
/* A larger jump of sequence numbers is no lost data but another connection or a forged segment; the
 * largest window that TCP can offer is 1 GiB (RFC 7323, 2.3), those in use are far smaller. */
#define MAX_SEQUENCE_JUMP (64U << 20)
/* A ClientHello may follow some plain text: a proxy's CONNECT, STARTTLS. */
#define MAX_PROBES     16
#define INTERVAL_CELLS 4096

enum { CLIENT, SERVER };

/* Kept for inspection only. */
struct note {
    struct clienthello hello;
    const char *ech;
    struct exchange_estimate total;
    struct address client;
    struct address server;
    uint16_t client_port;
    uint16_t server_port;
};

struct metering {
    struct hash_key key;
    const struct catalogue *catalogue;
    const struct directions *directions;
    struct metering_sink sink;
    struct flow_table *flows;
    struct tracking *tracking;
    struct assembly_pool *assemblies; /* of tracked flows */
    struct assembly_pool *hellos;     /* of flows being named: neither can starve the other */
    uint32_t *hello_flows;            /* which flow holds each */
    uint32_t hello_count;
    uint32_t next_victim;
    struct interval *interval;
    struct note **notes; /* beside the flow table; NULL unless inspecting */
    uint64_t payload_bytes;
    uint64_t gone_flow_bytes;
};

/* One direction of one flow, as a packet gives it. */
struct segment {
    const struct packet *packet;
    struct flow *flow;
    unsigned side; /* endpoint that sent it, in canonical order */
    int64_t now_ns;
};

struct metering *metering_new(const struct limits *limits, const struct catalogue *catalogue,
                              const struct directions *directions, const struct metering_sink *sink)
{
    struct metering *metering = calloc(1, sizeof(*metering));

    if (!metering)
        return NULL;
    metering->catalogue = catalogue;
    metering->directions = directions;
    metering->sink = *sink;
    metering->flows = flowtable_new(limits->max_flows);
    metering->tracking = tracking_new(limits->max_tracked_flows);
    metering->hello_count = (limits->max_reassembly + 1) / 2;
    metering->assemblies = assembly_pool_new(metering->hello_count);
    metering->hellos = assembly_pool_new(metering->hello_count);
    metering->hello_flows = calloc(metering->hello_count, sizeof(*metering->hello_flows));
    metering->interval = interval_new(sink, INTERVAL_CELLS, limits->max_devices);
    if (metering->flows && sink->flow)
        metering->notes = calloc(flowtable_capacity(metering->flows), sizeof(*metering->notes));
    if (!metering->flows || !metering->tracking || !metering->assemblies || !metering->hellos ||
        !metering->hello_flows || !metering->interval || (sink->flow && !metering->notes) ||
        !keyedhash_draw(&metering->key)) {
        metering_free(metering);
        return NULL;
    }
    return metering;
}

void metering_free(struct metering *metering)
{
    if (!metering)
        return;
    if (metering->notes)
        for (size_t i = 0; i < flowtable_capacity(metering->flows); i++)
            free(metering->notes[i]);
    free(metering->notes);
    flowtable_free(metering->flows);
    tracking_free(metering->tracking);
    assembly_pool_free(metering->assemblies);
    assembly_pool_free(metering->hellos);
    free(metering->hello_flows);
    interval_free(metering->interval);
    free(metering);
}

void metering_set_rules(struct metering *metering, const struct catalogue *catalogue,
                        const struct directions *directions)
{
    metering->catalogue = catalogue;
    metering->directions = directions;
}

/* -- Exchanges -------------------------------------------------------------------------------- */

static const struct estimator *estimator_of(const struct metering *metering,
                                            const struct flow *flow)
{
    return &catalogue_service(metering->catalogue, flow->service)->estimator;
}

static void note_estimate(struct metering *metering, const struct flow *flow,
                          const struct exchange_estimate *estimate)
{
    struct note *note;

    if (!metering->notes || !(note = metering->notes[flowtable_index(metering->flows, flow)]))
        return;
    note->total.requests = triple_add(note->total.requests, estimate->requests);
    note->total.tokens_in = triple_add(note->total.tokens_in, estimate->tokens_in);
    note->total.tokens_out = triple_add(note->total.tokens_out, estimate->tokens_out);
}

static void count_exchange(struct metering *metering, const struct flow *flow,
                           const struct exchange_shape *shape)
{
    const struct estimator *estimator = estimator_of(metering, flow);
    struct exchange_estimate estimate = estimator_apply(estimator, shape);
    struct activity *cell = interval_cell(metering->interval, flow->direction, flow->service);

    note_estimate(metering, flow, &estimate);
    cell->requests = triple_add(cell->requests, estimate.requests);
    cell->tokens_in = triple_add(cell->tokens_in, estimate.tokens_in);
    cell->tokens_out = triple_add(cell->tokens_out, estimate.tokens_out);
    cell->grade = (uint8_t)grade_worst(cell->grade, (enum evidence_grade)estimator->grade);
}

static int64_t due_ns(const struct metering *metering, const struct flow *flow,
                      const struct tracked *tracked)
{
    if (exchange_is_open(&tracked->exchange))
        return exchange_deadline(&tracked->exchange, estimator_of(metering, flow));
    return tracked->last_ns + TRACKED_IDLE_NS;
}

struct record_context {
    struct metering *metering;
    struct flow *flow;
    struct tracked *tracked;
    int64_t now_ns;
    bool from_client;
};

/* Only application data makes exchanges: handshakes and alerts are not use. Bytes that the capture
 * missed most likely were application data too. */
static void handle_record(void *opaque, uint8_t type, uint32_t size)
{
    struct record_context *context = opaque;
    struct exchange_shape finished;

    if (type != RECORD_APPLICATION_DATA && type != RECORD_UNKNOWN)
        return;
    if (exchange_record(&context->tracked->exchange, estimator_of(context->metering, context->flow),
                        context->now_ns, context->from_client, size, &finished))
        count_exchange(context->metering, context->flow, &finished);
}

/* What has not come by now will not: hands over the records that wait for it. */
static void give_up_holes(struct metering *metering, struct flow *flow, struct tracked *tracked)
{
    struct record_context context = {metering, flow, tracked, tracked->last_ns, false};

    for (int side = CLIENT; side <= SERVER; side++) {
        context.from_client = side == CLIENT;
        if (tracked->started[side])
            interval_coverage(metering->interval)->bytes_lost += records_finish(
                &tracked->streams[side], metering->assemblies, handle_record, &context);
    }
}

/* The connection, or our interest in it, ends: what is open is closed and the state given back. */
static void drop_tracked(struct metering *metering, struct flow *flow)
{
    struct tracked *tracked = tracking_get(metering->tracking, flow->state);
    struct exchange_shape finished;

    give_up_holes(metering, flow, tracked);
    if (exchange_close(&tracked->exchange, estimator_of(metering, flow), &finished))
        count_exchange(metering, flow, &finished);
    tracking_release(metering->tracking, flow->state);
    flow->state = FLOW_NO_STATE;
}

/* -- The end of a flow ------------------------------------------------------------------------ */

static unsigned client_side(const struct flow *flow)
{
    return flow->flags & FLOW_CLIENT_SECOND ? 1 : 0;
}

static void report_flow(struct metering *metering, struct flow *flow)
{
    size_t index = flowtable_index(metering->flows, flow);
    struct note *note = metering->notes ? metering->notes[index] : NULL;
    struct flow_record record;

    if (!note)
        return;
    record = (struct flow_record){
        .first_ns = flow->first_ns,
        .transport = "tls",
        .name = note->hello.name,
        .ech = note->ech,
        .service = flow->service,
        .role = flow->role,
        .direction = flow->direction,
        .bytes_up = flow->payload_bytes[client_side(flow)],
        .bytes_down = flow->payload_bytes[!client_side(flow)],
        .requests = note->total.requests,
        .tokens_in = note->total.tokens_in,
        .tokens_out = note->total.tokens_out,
        .client = note->client,
        .server = note->server,
        .client_port = note->client_port,
        .server_port = note->server_port,
    };
    metering->sink.flow(metering->sink.context, &record);
    free(note);
    metering->notes[index] = NULL;
}

static void ignore(struct flow *flow)
{
    flow->stage = FLOW_IGNORED;
    flow->state = FLOW_NO_STATE;
}

/* The flow's ClientHello will not be complete. */
static void give_up_naming(struct metering *metering, struct flow *flow)
{
    const struct assembly *assembly = assembly_pool_get(metering->hellos, flow->state);

    if (clienthello_starts(assembly->bytes, assembly_prefix(assembly)))
        interval_coverage(metering->interval)->names_missing++;
    assembly_pool_release(metering->hellos, flow->state);
    ignore(flow);
}

/* Ends what the flow was doing. Its slot stays, to absorb what comes late. */
static void finish_flow(struct metering *metering, struct flow *flow)
{
    if (flow->stage == FLOW_NAMING)
        give_up_naming(metering, flow);
    if (flow->stage == FLOW_SERVICE && flow->state != FLOW_NO_STATE)
        drop_tracked(metering, flow);
    flow->state = FLOW_NO_STATE;
    report_flow(metering, flow);
    flow->stage = FLOW_FINISHED;
}

static void evict_flow(void *context, struct flow *flow)
{
    struct metering *metering = context;

    if (flow->stage != FLOW_FINISHED)
        interval_coverage(metering->interval)->flows_evicted++;
    finish_flow(metering, flow);
    metering->gone_flow_bytes += flow->payload_bytes[0] + flow->payload_bytes[1];
}

/* -- Time ------------------------------------------------------------------------------------- */

static void expire(struct metering *metering, uint32_t index)
{
    struct tracked *tracked = tracking_get(metering->tracking, index);
    struct flow *flow = flowtable_at(metering->flows, tracked->flow);
    int64_t due = due_ns(metering, flow, tracked);
    struct exchange_shape finished;

    /* Records that wait may show that the answer goes on. */
    if (due <= tracked->deadline_ns && exchange_is_open(&tracked->exchange)) {
        give_up_holes(metering, flow, tracked);
        due = due_ns(metering, flow, tracked);
    }
    if (due > tracked->deadline_ns) {
        tracking_postpone(metering->tracking, index, due);
        return;
    }
    if (!exchange_is_open(&tracked->exchange)) {
        drop_tracked(metering, flow);
        return;
    }
    if (exchange_expire(&tracked->exchange, estimator_of(metering, flow), &finished))
        count_exchange(metering, flow, &finished);
    tracking_postpone(metering->tracking, index, due_ns(metering, flow, tracked));
}

/* Lets every deadline before LIMIT_NS (wall) pass. */
static void expire_before(struct metering *metering, int64_t limit_ns)
{
    int64_t limit_flow_ns = interval_flow_ns(metering->interval, limit_ns);
    int64_t deadline_ns;
    uint32_t index;

    while ((index = tracking_first(metering->tracking, &deadline_ns)) != TRACKED_NONE &&
           deadline_ns < limit_flow_ns)
        expire(metering, index);
}

static void move_time(struct metering *metering, int64_t now_ns)
{
    struct interval *interval = metering->interval;
    int64_t ahead_ns;

    if (!interval_begun(interval)) {
        interval_begin(interval, now_ns);
        return;
    }
    ahead_ns = now_ns - interval_now_ns(interval);
    if (ahead_ns < -REORDER_NS || ahead_ns > SILENCE_NS) {
        expire_before(metering, now_ns);
        interval_jump(interval, now_ns);
        return;
    }
    while (interval_end_ns(interval) <= now_ns) {
        expire_before(metering, interval_end_ns(interval));
        interval_turn(interval);
    }
    expire_before(metering, now_ns);
    if (ahead_ns > 0)
        interval_reach(interval, now_ns);
}

/* That it is at least so late says nothing when it is later already: only a packet can show that
 * the clock was set back. */
void metering_advance(struct metering *metering, int64_t now_ns)
{
    if (!interval_begun(metering->interval) || now_ns > interval_now_ns(metering->interval))
        move_time(metering, now_ns);
}

void metering_dropped(struct metering *metering, uint64_t packets)
{
    interval_coverage(metering->interval)->packets_dropped += packets;
}

/* -- Recognition ------------------------------------------------------------------------------ */

static void note_flow(struct metering *metering, const struct segment *segment,
                      const struct clienthello *hello, bool hidden)
{
    struct note *note;

    if (!metering->notes || !(note = calloc(1, sizeof(*note))))
        return;
    note->hello = *hello;
    note->ech = hidden ? "yes" : hello->has_ech ? "grease" : "no";
    note->client = segment->packet->source;
    note->server = segment->packet->destination;
    note->client_port = segment->packet->source_port;
    note->server_port = segment->packet->destination_port;
    metering->notes[flowtable_index(metering->flows, segment->flow)] = note;
}

/* Most browsers send an ECH extension with random contents (GREASE, draft-ietf-tls-esni, 6.2): only
 * an outer name that is known to front for others says that the real one is hidden. */
static bool name_is_hidden(const struct metering *metering, const struct clienthello *hello)
{
    return hello->has_ech &&
           catalogue_is_ech_name(metering->catalogue, hello->name, hello->name_length);
}

static void count_name(struct metering *metering, const struct clienthello *hello, bool hidden)
{
    struct coverage *coverage = interval_coverage(metering->interval);

    if (hidden)
        coverage->names_encrypted++;
    else if (hello->name_length == 0)
        coverage->names_missing++;
    else
        coverage->names_seen++;
}

static void add_bytes(struct metering *metering, const struct flow *flow, bool from_client,
                      uint64_t bytes)
{
    struct activity *cell = interval_cell(metering->interval, flow->direction, flow->service);

    if (flow->role != ROLE_INFERENCE)
        cell->bytes_other += bytes;
    else if (from_client)
        cell->bytes_up += bytes;
    else
        cell->bytes_down += bytes;
}

/* Returns false when no state is free. */
static bool take_tracked(struct metering *metering, struct flow *flow, int64_t now_ns)
{
    uint32_t index = (uint32_t)flowtable_index(metering->flows, flow);

    flow->state = tracking_take(metering->tracking, index, now_ns + TRACKED_IDLE_NS);
    if (flow->state == TRACKED_NONE)
        return false;
    exchange_start(&tracking_get(metering->tracking, flow->state)->exchange);
    tracking_get(metering->tracking, flow->state)->last_ns = now_ns;
    return true;
}

/* The server's next byte is known before it comes, so that a first segment that was overtaken is
 * not taken for an old one. */
static void start_server_stream(struct metering *metering, struct flow *flow)
{
    struct tracked *tracked = tracking_get(metering->tracking, flow->state);
    unsigned side = !client_side(flow);

    if (!(flow->flags & (side ? FLOW_SEEN_SECOND : FLOW_SEEN_FIRST)))
        return;
    records_start(&tracked->streams[SERVER], flow->next_sequence[side]);
    tracked->started[SERVER] = true;
}

static void start_service_flow(struct metering *metering, const struct segment *segment)
{
    struct flow *flow = segment->flow;

    flow->stage = FLOW_SERVICE;
    flow->state = FLOW_NO_STATE;
    add_bytes(metering, flow, true, flow->payload_bytes[client_side(flow)]);
    add_bytes(metering, flow, false, flow->payload_bytes[!client_side(flow)]);
    if (flow->role != ROLE_INFERENCE)
        return;
    interval_cell(metering->interval, flow->direction, flow->service)->flows++;
    interval_see_device(metering->interval, &segment->packet->source, flow->direction,
                        flow->service);
    if (take_tracked(metering, flow, segment->now_ns))
        start_server_stream(metering, flow);
    else
        interval_coverage(metering->interval)->flows_untracked++;
}

/* The ClientHello is complete: what is this flow? */
static void judge(struct metering *metering, const struct segment *segment,
                  const struct clienthello *hello)
{
    struct flow *flow = segment->flow;
    bool hidden = name_is_hidden(metering, hello);
    struct catalogue_match match =
        catalogue_match(metering->catalogue, hello->name, hello->name_length);

    count_name(metering, hello, hidden);
    flow->direction =
        directions_match(metering->directions, &segment->packet->source, segment->packet->vlan);
    flow->service = hello->name_length ? match.service : SERVICE_NONE;
    flow->role = match.role;
    note_flow(metering, segment, hello, hidden);
    if (flow->service == SERVICE_NONE) {
        flow->stage = FLOW_IGNORED;
        flow->state = FLOW_NO_STATE;
    } else {
        start_service_flow(metering, segment);
    }
}

static void set_client(struct flow *flow, unsigned side)
{
    flow->flags = (uint8_t)(flow->flags & ~FLOW_CLIENT_SECOND);
    flow->flags |= (uint8_t)(FLOW_CLIENT_KNOWN | (side ? FLOW_CLIENT_SECOND : 0));
}

/* Feeds one piece of a tracked flow's stream to its records. */
static void feed(struct metering *metering, struct flow *flow, unsigned end, int64_t now_ns,
                 uint32_t sequence, const uint8_t *bytes, uint32_t captured, uint32_t length)
{
    struct tracked *tracked = tracking_get(metering->tracking, flow->state);
    struct record_context context = {metering, flow, tracked, now_ns, end == CLIENT};

    if (!tracked->started[end]) {
        records_start(&tracked->streams[end], sequence);
        tracked->started[end] = true;
    }
    interval_coverage(metering->interval)->bytes_lost +=
        records_segment(&tracked->streams[end], metering->assemblies, sequence, bytes, captured,
                        length, handle_record, &context);
    tracked->last_ns = now_ns;
    tracking_schedule(metering->tracking, flow->state, due_ns(metering, flow, tracked));
}

/* Hands the client's first bytes, which waited in an assembly, to the records. */
static void feed_assembly(struct metering *metering, const struct segment *segment,
                          const struct assembly *assembly)
{
    if (segment->flow->stage != FLOW_SERVICE || segment->flow->state == FLOW_NO_STATE)
        return;
    for (unsigned i = 0; i < assembly->range_count; i++) {
        uint32_t start = assembly->ranges[i].start;
        uint32_t length = assembly->ranges[i].end - start;

        feed(metering, segment->flow, CLIENT, segment->now_ns, assembly->base + start,
             assembly->bytes + start, length, length);
    }
}

static void try_assembly(struct metering *metering, const struct segment *segment)
{
    struct flow *flow = segment->flow;
    uint32_t index = flow->state;
    struct assembly *assembly = assembly_pool_get(metering->hellos, index);
    struct clienthello hello;

    switch (clienthello_parse(assembly->bytes, assembly_prefix(assembly), &hello)) {
    case CLIENTHELLO_INCOMPLETE:
        /* What the snap length cut off never comes. */
        if (segment->packet->captured_length < segment->packet->payload_length)
            give_up_naming(metering, flow);
        return;
    case CLIENTHELLO_COMPLETE:
        judge(metering, segment, &hello);
        feed_assembly(metering, segment, assembly);
        break;
    case CLIENTHELLO_NONE: /* plain text first: look at the segments that follow */
        flow->stage = FLOW_NEW;
        flow->flags &= (uint8_t)~FLOW_BASE_KNOWN;
        flow->probes++;
        break;
    case CLIENTHELLO_MALFORMED:
        give_up_naming(metering, flow);
        return;
    }
    assembly_pool_release(metering->hellos, index);
}

static void continue_naming(struct metering *metering, const struct segment *segment)
{
    const struct packet *packet = segment->packet;
    struct flow *flow = segment->flow;

    if (segment->side != client_side(flow))
        return;
    if (assembly_add(assembly_pool_get(metering->hellos, flow->state), packet->sequence,
                     packet->payload, packet->captured_length))
        try_assembly(metering, segment);
    else
        give_up_naming(metering, flow);
}

/* An assembly for FLOW. When all are taken, those who hold them are given up in turn: a hello is
 * complete within milliseconds, and only one that never will be waits for its turn. */
static uint32_t take_hello(struct metering *metering, const struct flow *flow)
{
    uint32_t index = assembly_pool_take(metering->hellos);

    if (index == ASSEMBLY_NONE) {
        give_up_naming(metering,
                       flowtable_at(metering->flows, metering->hello_flows[metering->next_victim]));
        metering->next_victim = (metering->next_victim + 1) % metering->hello_count;
        index = assembly_pool_take(metering->hellos);
    }
    metering->hello_flows[index] = (uint32_t)flowtable_index(metering->flows, flow);
    return index;
}

/* A ClientHello begins at sequence number BASE, or would, had its first segment not been overtaken.
 */
static void begin_naming(struct metering *metering, const struct segment *segment, uint32_t base)
{
    struct flow *flow = segment->flow;

    flow->state = take_hello(metering, flow);
    flow->stage = FLOW_NAMING;
    assembly_start(assembly_pool_get(metering->hellos, flow->state), base);
    continue_naming(metering, segment);
}

/* Looks for a ClientHello at the start of this segment. */
static void probe(struct metering *metering, const struct segment *segment)
{
    const struct packet *packet = segment->packet;
    struct flow *flow = segment->flow;
    struct clienthello hello;

    switch (clienthello_parse(packet->payload, packet->captured_length, &hello)) {
    case CLIENTHELLO_COMPLETE:
        set_client(flow, segment->side);
        judge(metering, segment, &hello);
        if (flow->stage == FLOW_SERVICE && flow->state != FLOW_NO_STATE)
            feed(metering, flow, CLIENT, segment->now_ns, packet->sequence, packet->payload,
                 packet->captured_length, packet->payload_length);
        break;
    case CLIENTHELLO_INCOMPLETE:
        if (packet->captured_length == 0)
            break;
        set_client(flow, segment->side);
        begin_naming(metering, segment, packet->sequence);
        break;
    default:
        flow->flags &= (uint8_t)~FLOW_BASE_KNOWN;
        if (++flow->probes >= MAX_PROBES)
            ignore(flow);
        break;
    }
}

/* Payload of a flow that is not named yet. */
static void consider(struct metering *metering, const struct segment *segment)
{
    const struct packet *packet = segment->packet;
    struct flow *flow = segment->flow;

    if (flow->flags & FLOW_CLIENT_KNOWN && segment->side != client_side(flow))
        return;
    if (flow->flags & FLOW_BASE_KNOWN && packet->sequence != flow->client_base) {
        /* The first segment was overtaken by this one, or this is a late copy. */
        if ((int32_t)(packet->sequence - flow->client_base) > 0)
            begin_naming(metering, segment, flow->client_base);
        return;
    }
    probe(metering, segment);
}

/* -- Flows ------------------------------------------------------------------------------------ */

static int compare_endpoints(const struct packet *packet)
{
    int order =
        memcmp(packet->source.bytes, packet->destination.bytes, sizeof(packet->source.bytes));

    if (order != 0)
        return order;
    return (int)packet->source_port - (int)packet->destination_port;
}

/* The hash of the 5-tuple, the same for both ways. Sets *side to the endpoint that sent the packet.
 */
static uint64_t flow_key(const struct metering *metering, const struct packet *packet,
                         unsigned *side)
{
    struct {
        uint8_t addresses[2][16];
        uint16_t ports[2];
        uint32_t family;
    } tuple;
    unsigned source = compare_endpoints(packet) > 0 ? 1 : 0;

    memcpy(tuple.addresses[source], packet->source.bytes, 16);
    memcpy(tuple.addresses[!source], packet->destination.bytes, 16);
    tuple.ports[source] = packet->source_port;
    tuple.ports[!source] = packet->destination_port;
    tuple.family = packet->source.family;
    *side = source;
    return keyedhash(&metering->key, &tuple, sizeof(tuple));
}

/* Bytes that no earlier segment of this side carried. What a lost segment carried counts too: the
 * sequence numbers prove that it was sent. */
static uint32_t progress(struct flow *flow, unsigned side, uint32_t sequence, uint32_t length)
{
    uint8_t seen = side ? FLOW_SEEN_SECOND : FLOW_SEEN_FIRST;
    int32_t ahead = (int32_t)(sequence + length - flow->next_sequence[side]);

    if (!(flow->flags & seen)) {
        flow->flags |= seen;
        flow->next_sequence[side] = sequence + length;
        return length;
    }
    if (ahead <= 0 && (uint32_t) - (int64_t)ahead <= MAX_SEQUENCE_JUMP)
        return 0;
    flow->next_sequence[side] = sequence + length;
    return ahead > 0 && ahead - (int64_t)length <= MAX_SEQUENCE_JUMP ? (uint32_t)ahead : length;
}

static bool is_opening(const struct packet *packet)
{
    return (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* A connection that reuses the ports of one that we know. */
static bool reopens(const struct flow *flow, const struct packet *packet)
{
    if (!is_opening(packet))
        return false;
    return flow->stage == FLOW_FINISHED || !(flow->flags & FLOW_CLIENT_KNOWN) ||
           flow->client_base != packet->sequence + 1;
}

static void note_opening(struct flow *flow, const struct packet *packet, unsigned side)
{
    uint8_t seen = side ? FLOW_SEEN_SECOND : FLOW_SEEN_FIRST;

    if (!(packet->tcp_flags & TCP_SYN))
        return;
    if (!(flow->flags & seen)) {
        flow->next_sequence[side] = packet->sequence + 1;
        flow->flags |= seen;
    }
    if (flow->flags & FLOW_CLIENT_KNOWN)
        return;
    if (packet->tcp_flags & TCP_ACK) {
        set_client(flow, !side);
        return;
    }
    set_client(flow, side);
    flow->client_base = packet->sequence + 1;
    flow->flags |= FLOW_BASE_KNOWN;
}

static void note_closing(struct metering *metering, const struct segment *segment)
{
    struct flow *flow = segment->flow;
    uint8_t both = FLOW_FIN_FIRST | FLOW_FIN_SECOND;

    if (segment->packet->tcp_flags & TCP_FIN)
        flow->flags |= segment->side ? FLOW_FIN_SECOND : FLOW_FIN_FIRST;
    if (flow->stage != FLOW_FINISHED &&
        ((flow->flags & both) == both || segment->packet->tcp_flags & TCP_RST))
        finish_flow(metering, flow);
}

static void begin_flow(struct metering *metering, struct flow *flow, int64_t wall_ns)
{
    memset(flow, 0, sizeof(*flow));
    flow->first_ns = wall_ns;
    flow->service = SERVICE_NONE;
    flow->state = FLOW_NO_STATE;
    interval_coverage(metering->interval)->flows++;
}

/* The flow of this packet; NULL when it begins none, or when there is no room. */
static struct flow *find_flow(struct metering *metering, const struct packet *packet, uint64_t key,
                              int64_t now_ns)
{
    uint32_t now_s = (uint32_t)(now_ns / SECOND_NS);
    struct flow *flow = flowtable_find(metering->flows, key);

    if (flow && reopens(flow, packet)) {
        finish_flow(metering, flow);
        metering->gone_flow_bytes += flow->payload_bytes[0] + flow->payload_bytes[1];
        begin_flow(metering, flow, interval_now_ns(metering->interval));
    } else if (!flow) {
        if (packet->payload_length == 0 && !(packet->tcp_flags & TCP_SYN))
            return NULL; /* the last acknowledgements of something that is over */
        flow = flowtable_insert(metering->flows, key, now_s, evict_flow, metering);
        if (!flow) {
            interval_coverage(metering->interval)->flows_evicted++;
            return NULL;
        }
        begin_flow(metering, flow, interval_now_ns(metering->interval));
    }
    flow->last_seen_s = now_s;
    return flow;
}

static void handle_service_payload(struct metering *metering, const struct segment *segment,
                                   uint32_t new_bytes)
{
    const struct packet *packet = segment->packet;
    struct flow *flow = segment->flow;
    unsigned end = segment->side == client_side(flow) ? CLIENT : SERVER;

    if (new_bytes > 0)
        add_bytes(metering, flow, end == CLIENT, new_bytes);
    if (flow->role != ROLE_INFERENCE)
        return;
    if (flow->state == FLOW_NO_STATE && !take_tracked(metering, flow, segment->now_ns))
        return;
    if (end == CLIENT && new_bytes > 0)
        interval_see_device(metering->interval, &packet->source, flow->direction, flow->service);
    feed(metering, flow, end, segment->now_ns, packet->sequence, packet->payload,
         packet->captured_length, packet->payload_length);
}

static void handle_payload(struct metering *metering, const struct segment *segment)
{
    struct flow *flow = segment->flow;
    uint32_t new_bytes =
        progress(flow, segment->side, segment->packet->sequence, segment->packet->payload_length);

    flow->payload_bytes[segment->side] += new_bytes;
    metering->payload_bytes += new_bytes;
    if (flow->stage == FLOW_SERVICE)
        handle_service_payload(metering, segment, new_bytes);
    else if (flow->stage == FLOW_NAMING)
        continue_naming(metering, segment);
    else if (flow->stage == FLOW_NEW)
        consider(metering, segment);
}

static void handle_tcp(struct metering *metering, struct packet *packet)
{
    struct segment segment = {.packet = packet};
    uint64_t key = flow_key(metering, packet, &segment.side);

    segment.now_ns = interval_flow_ns(metering->interval, interval_now_ns(metering->interval));
    segment.flow = find_flow(metering, packet, key, segment.now_ns);
    if (!segment.flow)
        return;
    note_opening(segment.flow, packet, segment.side);
    if (packet->tcp_flags & TCP_SYN)
        packet->sequence++; /* data sent with it (RFC 7413) comes after the SYN's own number */
    if (packet->payload_length > 0)
        handle_payload(metering, &segment);
    if (packet->tcp_flags & (TCP_FIN | TCP_RST))
        note_closing(metering, &segment);
}

void metering_packet(struct metering *metering, int64_t time_ns, int link_type,
                     const uint8_t *bytes, uint32_t captured, uint32_t length)
{
    struct coverage *coverage = interval_coverage(metering->interval);
    struct packet packet;

    move_time(metering, time_ns);
    coverage->packets++;
    coverage->bytes += length;
    switch (decode_frame(link_type, bytes, captured, length, &packet)) {
    case DECODE_TCP:
        handle_tcp(metering, &packet);
        break;
    case DECODE_OTHER:
        coverage->packets_other++;
        break;
    default:
        coverage->packets_undecodable++;
        break;
    }
}

void metering_finish(struct metering *metering)
{
    uint32_t index;

    /* What adds to sums goes first, in an order that depends on the packets alone; the order of the
     * flow table depends on the key. */
    for (index = 0; index < tracking_capacity(metering->tracking); index++)
        if (tracking_in_use(metering->tracking, index))
            finish_flow(metering, flowtable_at(metering->flows,
                                               tracking_get(metering->tracking, index)->flow));
    for (size_t i = 0; i < flowtable_capacity(metering->flows); i++) {
        struct flow *flow = flowtable_at(metering->flows, i);

        if (flow && flow->stage != FLOW_FINISHED)
            finish_flow(metering, flow);
    }
    interval_finish(metering->interval);
}

uint64_t metering_payload_bytes(const struct metering *metering)
{
    return metering->payload_bytes;
}

uint64_t metering_flow_bytes(const struct metering *metering)
{
    uint64_t bytes = metering->gone_flow_bytes;

    for (size_t i = 0; i < flowtable_capacity(metering->flows); i++) {
        const struct flow *flow = flowtable_at(metering->flows, i);

        if (flow)
            bytes += flow->payload_bytes[0] + flow->payload_bytes[1];
    }
    return bytes;
}
