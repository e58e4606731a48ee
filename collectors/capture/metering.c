/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/metering.h"

#include "collectors/capture/claim.h"
#include "collectors/capture/copies.h"
#include "collectors/capture/decode.h"
#include "collectors/capture/flowkey.h"
#include "collectors/capture/flowtable.h"
#include "collectors/capture/fragments.h"
#include "collectors/capture/interval.h"
#include "collectors/capture/kernelfilter.h"
#include "collectors/capture/keyedhash.h"
#include "collectors/capture/notes.h"
#include "collectors/capture/openings.h"
#include "collectors/capture/quic.h"
#include "collectors/capture/quicopenings.h"
#include "collectors/capture/recognition.h"
#include "collectors/capture/shard.h"
#include "collectors/capture/tunnels.h"
#include "collectors/capture/usage.h"
#include "collectors/inference/localmeter.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS 1000000000LL
/* A close counts only near what its end last said, or whoever guesses the ports could end what we
 * follow, as RFC 5961, 3, says of connections themselves. They ask for the very number; what may be
 * lost or on its way makes it less certain here. */
#define MAX_CLOSE_DISTANCE (1U << 20)
/* A mirror port shows a copy at once, a router between its two sides within some milliseconds. No
 * retransmission comes so soon with the same identification and checksum (RFC 6298, 2.4: 1 s; Linux
 * 200 ms). */
#define COPY_NS     (100 * SECOND_NS / 1000)
#define COPY_PLACES 8192
/* Bytes of an id that is not guessed. */
#define MIN_OWN_ID 4
/* QUIC has no close to be seen. After so long (RFC 4787, 4.3) the same ports may be another
 * connection's. */
#define DATAGRAMS_IDLE_S 120
/* Or another one's of the same client, where both ends had been heard: who opens has no keys of
 * that phase any more once the other answered (RFC 9001, 4.9.1), and repeats it sooner before. With
 * the kernel's filter, LIVENESS_S of it may not have been silent. */
#define DATAGRAMS_OPENED_IDLE_S 20
/* A server's first datagram that asks to be acknowledged is no smaller (RFC 9000, 14.1). */
#define ANSWERED_BYTES 1200
/* Packets of one end, once the connection has a name, that the other never answered. More than what
 * may be sent before an answer, as 0-RTT data are: ten packets (RFC 9002, 7.2), and some again. */
#define UNANSWERED_PACKETS 16
/* Of TCP, when not even the other end's opening was seen: nobody says a name before that. Of QUIC,
 * of packets that need keys which the other end sends first. One packet may have overtaken it. */
#define UNOPENED_PACKETS 2
#define QUIC_LONG_HEADER 0x80 /* RFC 9000, 17.2 */
#define PAST_OPENING     (UNANSWERED_PACKETS - 1)
#define INTERVAL_CELLS   4096
/* How often the connections whose packets the kernel drops are asked after: far less than the time
 * after which a silent one counts as gone (flowtable.c). */
#define LIVENESS_S 10
/* Frames prepared at a time. */
#define BATCH 32
/* Packets whose places in tables are asked for ahead of time; and whose flows are. */
#define TABLES_AHEAD 24
#define SLOTS_AHEAD  8
/* Frames whose headers are asked for ahead of time, and how much that is: Ethernet, IPv4, TCP. */
#define HEADERS_AHEAD 12
#define HEADERS_SIZE  54

struct metering {
    struct hash_key key;
    struct metering_sink sink;
    metering_estimated *estimated; /* NULL unless inspecting */
    metering_observer *found;      /* NULL: nobody asks */
    void *found_context;
    struct trust_policy policy;
    struct flow_table *flows;
    struct interval *interval;
    struct usage *usage;
    struct recognition *recognition;
    struct fragments *fragments;
    struct copies *copies;
    struct openings *openings;
    struct quicopenings *quicopenings;
    struct notes *notes;         /* NULL unless inspecting */
    struct localmeter *local;    /* NULL: no server of our own */
    struct kernelfilter *filter; /* NULL: every packet is seen */
    uint32_t visited_s;          /* when it was last asked which connections are alive */
    unsigned shard;              /* of so many: */
    unsigned shards;
    uint64_t payload_bytes;
    uint64_t gone_flow_bytes;
};

/* An exchange is shown as a flow is, of its own time and sizes. */
static void report_exchange(const struct metering *metering, const struct flow *flow,
                            int64_t answer_ns, const struct exchange_shape *shape,
                            const struct exchange_estimate *estimate)
{
    const struct flow_record *note =
        notes_get(metering->notes, flowtable_index(metering->flows, flow));
    struct flow_record record;

    if (!note || !metering->estimated)
        return;
    record = *note;
    record.first_ns = answer_ns;
    record.service = flow->service;
    record.role = flow->role;
    record.direction = flow->direction;
    record.bytes_up = shape->request_bytes;
    record.bytes_down = shape->answer_bytes;
    record.requests = estimate->requests;
    record.tokens_in = estimate->tokens_in;
    record.tokens_out = estimate->tokens_out;
    record.tokens_out_variance = estimate->tokens_out_variance;
#define TAKE_UNIT(name) record.name = estimate->name;
    ACTIVITY_UNITS(TAKE_UNIT)
#undef TAKE_UNIT
    metering->estimated(metering->sink.context, &record);
}

static void observe_exchange(void *context, const struct flow *flow, int64_t answer_ns,
                             const struct exchange_shape *shape,
                             const struct exchange_estimate *estimate)
{
    struct metering *metering = context;

    notes_add(metering->notes, flowtable_index(metering->flows, flow), estimate);
    report_exchange(metering, flow, answer_ns, shape, estimate);
    if (metering->found)
        metering->found(metering->found_context, flow->service,
                        flow->flags & FLOW_DATAGRAMS ? TRANSPORT_QUIC : TRANSPORT_TCP, shape);
}

/* Whether of a connection that nothing names one end alone was captured. Fewer packets tell that
 * where it is a server that answered an opening which nobody saw. */
static bool is_alone(const struct metering *metering, const struct flow *flow)
{
    const uint16_t answered = FLOW_CLIENT_KNOWN | FLOW_BASE_KNOWN;
    unsigned side = flow->payload_bytes[1] > 0;
    uint16_t other_seen = side ? FLOW_SEEN_FIRST : FLOW_SEEN_SECOND;
    bool unopened = (flow->flags & answered) == answered && side != flow_client_side(flow);

    return flow->payload_bytes[!side] == 0 && !(flow->flags & other_seen) &&
           !(flow_glimpses(flow) & GLIMPSE_SILENT_END) &&
           flow->probes >= (unopened ? UNOPENED_PACKETS : UNANSWERED_PACKETS) &&
           !(metering->filter &&
             kernelfilter_take_heard(metering->filter, flowtable_key(metering->flows, flow),
                                     !side));
}

static void count_if_alone(void *context, const struct flow *flow)
{
    struct metering *metering = context;

    interval_coverage(metering->interval)->flows_one_way += is_alone(metering, flow);
}

static bool take_memory(struct metering *metering, const struct limits *limits,
                        struct recognition_memory *memory)
{
    struct recognition_parts parts;

    metering->flows = flowtable_new(limits->max_flows);
    metering->interval = interval_new(&metering->sink, INTERVAL_CELLS, limits->max_devices);
    metering->fragments = fragments_new((limits->max_reassembly + 15) / 16);
    metering->copies = copies_new(COPY_PLACES, COPY_NS);
    metering->openings = openings_new();
    metering->quicopenings = quicopenings_new();
    if (!metering->flows || !metering->interval || !metering->fragments || !metering->copies ||
        !metering->openings || !metering->quicopenings)
        return false;
    if (metering->sink.flow && !(metering->notes = notes_new(flowtable_capacity(metering->flows))))
        return false;
    metering->usage =
        usage_new(limits, metering->interval, metering->flows, observe_exchange, metering);
    if (!metering->usage)
        return false;
    parts = (struct recognition_parts){metering->flows, metering->interval, metering->usage,
                                       metering->notes, count_if_alone,     metering};
    metering->recognition = recognition_new(limits, &parts, memory);
    return metering->recognition != NULL;
}

static void ignore_activity(void *context, int64_t interval_start, const struct activity *activity)
{
    (void)context;
    (void)interval_start;
    (void)activity;
}

static void ignore_devices(void *context, const struct device_count *count)
{
    (void)context;
    (void)count;
}

static void ignore_closed(void *context, int64_t interval_start, const struct coverage *coverage,
                          uint32_t open_s)
{
    (void)context;
    (void)interval_start;
    (void)coverage;
    (void)open_s;
}

static void ignore_use(void *context, int64_t interval_start, const struct local_use *use)
{
    (void)context;
    (void)interval_start;
    (void)use;
}

struct metering_sink metering_ignore(void *context)
{
    return (struct metering_sink){.context = context,
                                  .activity = ignore_activity,
                                  .devices = ignore_devices,
                                  .closed = ignore_closed,
                                  .local_use = ignore_use};
}

struct metering *metering_new(const struct limits *limits, const struct catalogue *catalogue,
                              const struct directions *directions, const struct metering_sink *sink)
{
    return metering_new_worker(limits, catalogue, directions, sink, NULL);
}

struct metering *metering_new_worker(const struct limits *limits, const struct catalogue *catalogue,
                                     const struct directions *directions,
                                     const struct metering_sink *sink,
                                     struct recognition_memory *memory)
{
    struct metering *metering = calloc(1, sizeof(*metering));

    if (!metering)
        return NULL;
    metering->sink = *sink;
    metering->shards = 1;
    if (!take_memory(metering, limits, memory) || !keyedhash_draw(&metering->key)) {
        metering_free(metering);
        return NULL;
    }
    metering_set_rules(metering, catalogue, directions);
    return metering;
}

void metering_take_shard(struct metering *metering, unsigned shard, unsigned count)
{
    metering->shard = shard;
    metering->shards = count;
}

void metering_show_exchanges(struct metering *metering, metering_estimated *estimated)
{
    metering->estimated = estimated;
}

void metering_observe(struct metering *metering, metering_observer *found, void *context)
{
    metering->found = found;
    metering->found_context = context;
}

void metering_set_trust(struct metering *metering, const struct trust_policy *policy)
{
    metering->policy = *policy;
    recognition_believe_unasked(metering->recognition, policy->answers == TRUST_ANY_ANSWERS);
}

void metering_free(struct metering *metering)
{
    if (!metering)
        return;
    localmeter_free(metering->local);
    recognition_free(metering->recognition);
    usage_free(metering->usage);
    notes_free(metering->notes);
    openings_free(metering->openings);
    quicopenings_free(metering->quicopenings);
    copies_free(metering->copies);
    fragments_free(metering->fragments);
    interval_free(metering->interval);
    flowtable_free(metering->flows);
    free(metering);
}

void metering_set_rules(struct metering *metering, const struct catalogue *catalogue,
                        const struct directions *directions)
{
    usage_set_catalogue(metering->usage, catalogue);
    recognition_set_rules(metering->recognition, catalogue, directions);
    if (metering->filter)
        kernelfilter_clear(metering->filter);
}

static struct localmeter *make_local(const struct metering *metering,
                                     const struct localmeter_setup *setup)
{
    return setup ? localmeter_new(setup, metering->interval, &metering->sink) : NULL;
}

bool metering_set_local(struct metering *metering, const struct localmeter_setup *setup)
{
    if (metering->filter) { /* what is a server's now may have been judged before */
        kernelfilter_drop_acknowledgements(metering->filter, !setup);
        kernelfilter_clear(metering->filter);
    }
    if (metering->local && setup) {
        localmeter_set_rules(metering->local, setup);
        return true;
    }
    if (metering->local) {
        localmeter_finish(metering->local);
        localmeter_hand_over(metering->local);
        localmeter_free(metering->local);
        interval_set_open(metering->interval, 0);
    }
    metering->local = make_local(metering, setup);
    return !setup || metering->local;
}

/* -- The end of a flow ------------------------------------------------------------------------ */

static void report_flow(struct metering *metering, const struct flow *flow)
{
    size_t index = flowtable_index(metering->flows, flow);
    struct flow_record *record = notes_get(metering->notes, index);

    if (!record)
        return;
    record->first_ns = flow->first_ns;
    record->service = flow->service;
    record->role = flow->role;
    record->direction = flow->direction;
    record->bytes_up = flow->payload_bytes[flow_client_side(flow)];
    record->bytes_down = flow->payload_bytes[!flow_client_side(flow)];
    metering->sink.flow(metering->sink.context, record);
    notes_drop(metering->notes, index);
}

/* Ends what the flow was doing. Its slot stays, to absorb what comes late. */
static void finish_flow(struct metering *metering, struct flow *flow)
{
    if (flow->stage == FLOW_SERVICE)
        usage_end(metering->usage, flow);
    else
        recognition_end(metering->recognition, flow);
    flow->state = FLOW_NO_STATE;
    report_flow(metering, flow);
    flow->stage = FLOW_FINISHED;
}

static void forget_flow(struct metering *metering, struct flow *flow)
{
    if (flow->stage != FLOW_FINISHED)
        finish_flow(metering, flow);
    metering->gone_flow_bytes += flow->payload_bytes[0] + flow->payload_bytes[1];
}

static void evict_flow(void *context, struct flow *flow)
{
    struct metering *metering = context;

    if (flow->stage != FLOW_FINISHED)
        interval_coverage(metering->interval)->flows_evicted++;
    forget_flow(metering, flow);
}

/* -- Time ------------------------------------------------------------------------------------- */

/* Lets every deadline before LIMIT_NS (wall) pass. */
static void expire_before(struct metering *metering, int64_t limit_ns)
{
    usage_expire(metering->usage, interval_flow_ns(metering->interval, limit_ns));
}

/* What was said with openings that nobody confirmed is not kept for the next interval. */
static void wipe_openings(struct metering *metering, int64_t now_ns)
{
    openings_wipe(metering->openings);
    quicopenings_expire(metering->quicopenings,
                        (uint32_t)(interval_flow_ns(metering->interval, now_ns) / SECOND_NS));
}

/* What is to be handed over with the interval. */
static void hand_over_local(struct metering *metering)
{
    if (metering->local)
        localmeter_hand_over(metering->local);
}

/* Of flows, in seconds: the time by which the filter goes, too. */
static uint32_t tell_filter_time(struct metering *metering)
{
    int64_t now_ns = interval_flow_ns(metering->interval, interval_now_ns(metering->interval));
    uint32_t now_s = (uint32_t)(now_ns / SECOND_NS);

    kernelfilter_set_time(metering->filter, now_s);
    return now_s;
}

static void begin_time(struct metering *metering, int64_t now_ns)
{
    interval_begin(metering->interval, now_ns);
    if (metering->filter)
        tell_filter_time(metering);
}

static void move_time(struct metering *metering, int64_t now_ns)
{
    struct interval *interval = metering->interval;
    int64_t ahead_ns;

    if (interval_glide(interval, now_ns, usage_due_ns(metering->usage)))
        return;
    if (!interval_begun(interval)) {
        begin_time(metering, now_ns);
        return;
    }
    ahead_ns = now_ns - interval_now_ns(interval);
    if (metering_jumps(interval_now_ns(interval), now_ns)) {
        expire_before(metering, now_ns);
        wipe_openings(metering, now_ns);
        hand_over_local(metering);
        interval_jump(interval, now_ns);
        return;
    }
    while (interval_end_ns(interval) <= now_ns) {
        expire_before(metering, interval_end_ns(interval));
        wipe_openings(metering, interval_end_ns(interval));
        hand_over_local(metering);
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

/* Another worker counts that the clock went back. */
static void overhear_time(struct metering *metering, int64_t time_ns)
{
    int64_t now_ns = interval_now_ns(metering->interval);
    bool set_back =
        interval_begun(metering->interval) && time_ns < now_ns && metering_jumps(now_ns, time_ns);

    move_time(metering, time_ns);
    interval_coverage(metering->interval)->clock_steps -= set_back;
}

void metering_dropped(struct metering *metering, uint64_t packets)
{
    interval_coverage(metering->interval)->packets_dropped += packets;
}

/* -- What the kernel drops --------------------------------------------------------------------- */

static void visit_filtered(void *context, uint64_t key, uint32_t seen_s)
{
    struct metering *metering = context;
    struct flow *flow = flowtable_find(metering->flows, key);

    if (flow && flow->last_seen_s < seen_s)
        flow->last_seen_s = seen_s;
}

void metering_set_filter(struct metering *metering, struct kernelfilter *filter)
{
    metering->filter = filter;
    kernelfilter_begin(filter, &metering->key);
    kernelfilter_observe(filter, visit_filtered, metering);
    /* What they acknowledge tells what of an exchange with a server of ours was not captured. */
    kernelfilter_drop_acknowledgements(filter, !metering->local);
}

void metering_take_filtered(struct metering *metering)
{
    struct coverage *coverage = interval_coverage(metering->interval);
    struct kernelfilter_count count = kernelfilter_take_count(metering->filter);
    uint32_t now_s = tell_filter_time(metering);

    coverage->packets += count.packets;
    coverage->packets_filtered += count.packets;
    coverage->bytes += count.bytes;
    coverage->packets_other += count.others;
    if (now_s - metering->visited_s < LIVENESS_S)
        return;
    kernelfilter_visit(metering->filter, metering->visited_s, visit_filtered, metering);
    metering->visited_s = now_s;
}

/* Whether nothing that the flow may still carry is of any interest: it is judged, both its ends
 * were heard, or never will be, and no other one may have begun between the same ports. Requests in
 * clear may turn to another host; datagrams on the ports of tunnels and of the DNS may be anything.
 */
static bool is_settled(const struct metering *metering, const struct flow *flow,
                       const struct packet *packet)
{
    if (flow->stage != FLOW_IGNORED || flow->flags & FLOW_PLAIN || flow->reopening ||
        packet->source_port == PORT_DNS || packet->destination_port == PORT_DNS)
        return false;
    if (flow->flags & FLOW_DATAGRAMS &&
        tunnels_on_port(&metering->policy, packet->source_port, packet->destination_port))
        return false;
    return !(flow->flags & FLOW_HELLO) || flow->flags & FLOW_ONE_WAY ||
           (flow->payload_bytes[0] > 0 && flow->payload_bytes[1] > 0);
}

/* Whether not even the opening of the end that SIDE talks to was seen, although a name was said. */
static bool is_unopened(const struct flow *flow, unsigned side)
{
    uint16_t other_seen = side ? FLOW_SEEN_FIRST : FLOW_SEEN_SECOND;

    return (flow->flags & (FLOW_HELLO | FLOW_DATAGRAMS | other_seen)) == FLOW_HELLO;
}

/* What closes a connection is its last packet. Where only a client is captured, what it
 * acknowledges is all there is, and tells that this is so. */
static void filter_flow(struct metering *metering, const struct prepared *prepared,
                        const struct flow *flow)
{
    if (prepared->packet.tcp_flags & (TCP_FIN | TCP_RST))
        return;
    if (is_settled(metering, flow, &prepared->packet))
        kernelfilter_drop(metering->filter, prepared->key);
    else if (is_unopened(flow, prepared->side))
        kernelfilter_keep_acknowledgements(metering->filter, prepared->key);
}

/* A datagram of no connection that we know. To the port of HTTPS it may be amid one, which an
 * answer of the DNS tells later. */
static void filter_other(struct metering *metering, const struct prepared *prepared)
{
    const struct packet *packet = &prepared->packet;

    if (!recognition_may_hint(packet) && packet->destination_port != PORT_DNS &&
        !tunnels_on_port(&metering->policy, packet->source_port, packet->destination_port))
        kernelfilter_drop_other(metering->filter, prepared->key);
}

/* -- Which flow ------------------------------------------------------------------------------- */

static bool is_opening(const struct packet *packet)
{
    return (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* Whether a client of QUIC opens another connection after the one that we know was silent for a
 * while. What can be read of it is a claim before. */
static bool reopens_silent(struct metering *metering, const struct flow *flow,
                           const struct prepared *prepared, uint32_t silent_s)
{
    const struct packet *packet = &prepared->packet;
    bool answered = flow->payload_bytes[0] > 0 && flow->payload_bytes[1] > 0;

    if (silent_s > DATAGRAMS_IDLE_S)
        return recognition_opens(packet);
    return silent_s > DATAGRAMS_OPENED_IDLE_S && answered && flow->flags & FLOW_CLIENT_KNOWN &&
           prepared->side == flow_client_side(flow) && recognition_opens(packet) &&
           !quicopenings_is_first(metering->quicopenings, packet);
}

/* A connection that reuses the ports of one that we know: of TCP, of one that is over; where it is
 * not, an opening is a claim. */
static bool reopens(struct metering *metering, struct flow *flow, const struct prepared *prepared,
                    uint32_t now_s)
{
    const struct packet *packet = &prepared->packet;

    if (flow->flags & FLOW_DATAGRAMS)
        return flow->stage != FLOW_NEW && now_s > flow->last_seen_s + DATAGRAMS_OPENED_IDLE_S &&
               reopens_silent(metering, flow, prepared, now_s - flow->last_seen_s);
    return flow->stage == FLOW_FINISHED && is_opening(packet);
}

static void begin_flow(struct metering *metering, struct flow *flow, const struct packet *packet)
{
    memset(flow, 0, sizeof(*flow));
    flow->first_ns = interval_now_ns(metering->interval);
    flow->service = SERVICE_NONE;
    flow->state = FLOW_NO_STATE;
    flow->flags = packet->protocol == PROTOCOL_UDP ? FLOW_DATAGRAMS : 0;
    interval_coverage(metering->interval)->flows++;
}

/* Whether a packet of no known flow begins one. */
static bool begins(struct metering *metering, const struct packet *packet, int64_t now_ns)
{
    if (packet->protocol == PROTOCOL_UDP)
        return recognition_begins(metering->recognition, packet, now_ns);
    /* Not the last acknowledgements of something that is over. */
    return packet->payload_length > 0 || packet->tcp_flags & TCP_SYN;
}

/* The flow of this packet; NULL when it begins none, or when there is no room. */
static struct flow *find_flow(struct metering *metering, const struct prepared *prepared,
                              int64_t now_ns)
{
    const struct packet *packet = &prepared->packet;
    uint32_t now_s = (uint32_t)(now_ns / SECOND_NS);
    struct flow *flow = flowtable_find_at(metering->flows, prepared->key, prepared->slot);

    if (flow && reopens(metering, flow, prepared, now_s)) {
        forget_flow(metering, flow);
        begin_flow(metering, flow, packet);
    } else if (!flow) {
        if (!begins(metering, packet, now_ns))
            return NULL;
        flow = flowtable_insert(metering->flows, prepared->key, now_s, evict_flow, metering);
        if (!flow) {
            interval_coverage(metering->interval)->flows_evicted++;
            return NULL;
        }
        begin_flow(metering, flow, packet);
    }
    flow->last_seen_s = now_s;
    return flow;
}

/* -- What a flow carries ---------------------------------------------------------------------- */

/* Bytes that no earlier segment of this side carried. What a lost segment carried counts too: the
 * sequence numbers prove that it was sent. */
static uint32_t progress(struct flow *flow, unsigned side, uint32_t sequence, uint32_t length)
{
    uint16_t seen = side ? FLOW_SEEN_SECOND : FLOW_SEEN_FIRST;
    int32_t ahead = (int32_t)(sequence + length - flow->next_sequence[side]);

    if (!(flow->flags & seen)) {
        flow->flags |= seen;
        if (flow->payload_bytes[side] == 0) { /* else what was acknowledged came before */
            flow->next_sequence[side] = sequence + length;
            return length;
        }
    }
    if (ahead <= 0 && (uint32_t) - (int64_t)ahead <= CLAIM_LARGEST_JUMP)
        return 0;
    flow->next_sequence[side] = sequence + length;
    return ahead > 0 && ahead - (int64_t)length <= CLAIM_LARGEST_JUMP ? (uint32_t)ahead : length;
}

/* Whether a segment is where its end is. Any other says nothing to anybody: it could hide what its
 * end says next, make up what the capture lacks, or end the search for a name. */
static bool is_in_place(struct flow *flow, unsigned side, const struct packet *packet)
{
    uint16_t seen = side ? FLOW_SEEN_SECOND : FLOW_SEEN_FIRST;

    if (!(flow->flags & seen) && flow->payload_bytes[side] == 0)
        return true; /* where that is, this tells */
    return claim_believe(&flow->claims[side], flow->next_sequence[side], packet->sequence,
                         packet->payload_length);
}

/* An end that says nothing is heard when it acknowledges what the other says. Returns whether that
 * is so. */
static bool hear_silent_end(struct flow *flow, unsigned side)
{
    bool is_silent = flow->flags & (FLOW_HELLO | FLOW_HINTED) && flow->payload_bytes[side] == 0;

    if (is_silent)
        flow->probes = 0;
    return is_silent;
}

/* A packet of QUIC with a short header: its keys come with the server's answer to the first ones
 * (RFC 9001, 4.1.1). Of a connection that began before the capture, that answer did, too. */
static bool is_past_opening(const struct segment *segment)
{
    const uint16_t seen = FLOW_DATAGRAMS | FLOW_HELLO;

    return (segment->flow->flags & seen) == seen && segment->packet->captured_length > 0 &&
           !(segment->packet->payload[0] & QUIC_LONG_HEADER);
}

/* Whether this packet shows that the other end is not captured. Of QUIC, the first with a short
 * header makes as many of those that were counted as the second may follow. */
static bool is_unanswered(const struct segment *segment, bool unopened)
{
    struct flow *flow = segment->flow;

    if (is_past_opening(segment) && flow->probes < PAST_OPENING) {
        flow->probes = PAST_OPENING;
        return false;
    }
    return ++flow->probes >= (unopened ? UNOPENED_PACKETS : UNANSWERED_PACKETS);
}

/* Once a flow was named, whether both its ends are heard. */
static void watch_other_way(struct metering *metering, const struct segment *segment)
{
    struct flow *flow = segment->flow;
    bool unopened = is_unopened(flow, segment->side);

    if (!(flow->flags & (FLOW_HELLO | FLOW_HINTED)) || flow->flags & FLOW_ONE_WAY ||
        flow->payload_bytes[!segment->side] > 0)
        return;
    if (metering->filter &&
        kernelfilter_take_heard(metering->filter, flowtable_key(metering->flows, flow),
                                !segment->side))
        hear_silent_end(flow, !segment->side);
    if (!is_unanswered(segment, unopened))
        return;
    flow->flags |= FLOW_ONE_WAY;
    if (unopened)
        flow->next_sequence[!segment->side] = segment->packet->acknowledgement;
    interval_coverage(metering->interval)->flows_one_way++;
    if (flow->stage == FLOW_SERVICE)
        usage_one_way(metering->usage, flow,
                      flow->payload_bytes[segment->side] - segment->new_bytes);
}

/* An acknowledgement alone: its end is there. Or it acknowledges what nobody heard: so the other's
 * way is not captured. */
static void handle_acknowledgement(struct metering *metering, const struct segment *segment)
{
    if (flow_glimpses(segment->flow) && segment->flow->payload_bytes[segment->side] == 0)
        segment->flow->glimpses |= GLIMPSE_SILENT_END;
    if (!hear_silent_end(segment->flow, segment->side) && is_unopened(segment->flow, segment->side))
        watch_other_way(metering, segment);
}

/* MORE bytes of the other end were sent than are known: it was not seen in which segments. */
static void add_acknowledged(struct metering *metering, const struct segment *segment,
                             uint32_t more)
{
    const struct packet *packet = segment->packet;
    struct flow *flow = segment->flow;
    unsigned other = !segment->side;
    bool by_client = other == flow_client_side(flow);
    const struct usage_piece piece = {
        .client = by_client ? &packet->destination : &packet->source,
        .end = by_client ? END_CLIENT : END_SERVER,
        .now_ns = segment->now_ns,
        .new_bytes = more,
        .sequence = packet->acknowledgement,
        .unseen = true,
    };

    flow->next_sequence[other] += more;
    flow->payload_bytes[other] += more;
    metering->payload_bytes += more;
    if (flow->stage == FLOW_SERVICE)
        usage_add(metering->usage, flow, &piece);
}

/* What a client acknowledges was sent, though only the client's way is captured: so much as this
 * packet says more than those before. Where only its place is known, the next one tells; amid a
 * connection that only the DNS names, not even that is. */
static void hear_acknowledged(struct metering *metering, const struct segment *segment)
{
    const struct flow *flow = segment->flow;
    unsigned other = !segment->side;
    uint32_t more = segment->packet->acknowledgement - flow->next_sequence[other];

    if (flow->stage != FLOW_SERVICE || !is_unopened(flow, segment->side) ||
        other == flow_client_side(flow) || !(segment->packet->tcp_flags & TCP_ACK) || more == 0 ||
        more > CLAIM_LARGEST_JUMP)
        return;
    add_acknowledged(metering, segment, more);
}

/* Whether a packet stands about where its end is: what it acknowledges may be true. */
static bool is_in_step(const struct segment *segment)
{
    const struct flow *flow = segment->flow;
    uint32_t ahead = segment->packet->sequence - flow->next_sequence[segment->side];

    return flow->payload_bytes[segment->side] > 0 &&
           ahead + CLAIM_SURE_BYTES <= 2 * CLAIM_SURE_BYTES;
}

/* The other end's last segment was far from those before it, and not believed. Yet it arrived. */
static void hear_claimed(struct metering *metering, const struct segment *segment)
{
    struct flow *flow = segment->flow;
    unsigned other = !segment->side;
    uint32_t acknowledged = segment->packet->acknowledgement;
    uint32_t more = acknowledged - flow->next_sequence[other];

    if (flow->claims[other] == 0 || !(segment->packet->tcp_flags & TCP_ACK) ||
        flow->claims[other] != claim_of(acknowledged) || more <= CLAIM_SURE_BYTES ||
        more > CLAIM_LARGEST_JUMP || !is_in_step(segment))
        return;
    flow->claims[other] = 0;
    add_acknowledged(metering, segment, more);
}

static void handle_payload(struct metering *metering, const struct segment *segment)
{
    const struct packet *packet = segment->packet;
    struct flow *flow = segment->flow;
    bool by_client = segment->side == flow_client_side(flow);
    const struct usage_piece piece = {
        .client = by_client ? &packet->source : &packet->destination,
        .end = by_client ? END_CLIENT : END_SERVER,
        .now_ns = segment->now_ns,
        .new_bytes = segment->new_bytes,
        .sequence = packet->sequence,
        .acknowledgement = packet->acknowledgement,
        .acknowledges = packet->tcp_flags & TCP_ACK,
        .bytes = packet->payload,
        .captured = packet->captured_length,
        .length = packet->payload_length,
    };

    flow->payload_bytes[segment->side] += segment->new_bytes;
    metering->payload_bytes += segment->new_bytes;
    watch_other_way(metering, segment);
    if (flow->flags & FLOW_PLAIN && !recognition_turn(metering->recognition, segment))
        return;
    if (flow->stage == FLOW_SERVICE)
        usage_add(metering->usage, flow, &piece);
    else if (flow->stage < FLOW_SERVICE && flow->flags & FLOW_DATAGRAMS)
        recognition_datagram(metering->recognition, segment);
    else if (flow->stage < FLOW_SERVICE || flow->stage == FLOW_ANSWERS)
        recognition_segment(metering->recognition, segment);
}

/* -- Openings -----------------------------------------------------------------------------------
 */

static bool is_placed(const struct flow *flow, unsigned side)
{
    return flow->flags & (side ? FLOW_SEEN_SECOND : FLOW_SEEN_FIRST);
}

/* The sequence number of the first byte of a placed end: what was lost counts as said. (But for
 * jumps of more than CLAIM_LARGEST_JUMP: a copy of a SYN does not come as late as that.) */
static uint32_t first_of(const struct flow *flow, unsigned side)
{
    return flow->next_sequence[side] - (uint32_t)flow->payload_bytes[side];
}

/* Whether a SYN is the opening of this very flow, of either end: the first, late, or a copy. */
static bool opens(const struct flow *flow, unsigned side, const struct packet *packet)
{
    uint32_t first = packet->sequence + 1;

    if (is_placed(flow, side))
        return first == first_of(flow, side);
    if (!is_placed(flow, !side))
        return true;
    if (packet->tcp_flags & TCP_ACK)
        return packet->acknowledgement - first_of(flow, !side) <= flow->payload_bytes[!side];
    return flow->client_base == first; /* the answer overtook it */
}

static void note_opening(struct flow *flow, const struct packet *packet, unsigned side)
{
    uint16_t seen = side ? FLOW_SEEN_SECOND : FLOW_SEEN_FIRST;

    if (!(flow->flags & seen) && flow->payload_bytes[side] == 0)
        flow->next_sequence[side] = packet->sequence + 1;
    flow->flags |= seen;
    if (flow->flags & FLOW_CLIENT_KNOWN)
        return;
    if (packet->tcp_flags & TCP_ACK) { /* the opening is lost, or late */
        flow_set_client(flow, !side);
        flow->client_base = packet->acknowledgement;
    } else {
        flow_set_client(flow, side);
        flow->client_base = packet->sequence + 1;
    }
    flow->flags |= FLOW_BASE_KNOWN;
}

/* Of a flow whose packets the kernel drops nobody knows what was said last; it carries nothing that
 * a forged close could hide. Clear text is not dropped, and may be recognised yet. Where an end is
 * not captured, what was acknowledged tells where it is. */
static bool is_near(const struct metering *metering, const struct segment *segment)
{
    const struct flow *flow = segment->flow;
    uint16_t seen = segment->side ? FLOW_SEEN_SECOND : FLOW_SEEN_FIRST;
    uint32_t ahead = segment->packet->sequence - flow->next_sequence[segment->side];

    bool is_dropped =
        metering->filter && flow->stage == FLOW_IGNORED && !(flow->flags & FLOW_PLAIN);

    return is_dropped || (!(flow->flags & seen) && flow->payload_bytes[segment->side] == 0) ||
           ahead + MAX_CLOSE_DISTANCE <= 2 * MAX_CLOSE_DISTANCE;
}

/* Where one way alone is captured of TLS without a name, nobody but its end closes. */
static bool closes_alone(const struct segment *segment)
{
    const struct flow *flow = segment->flow;
    uint16_t other_seen = segment->side ? FLOW_SEEN_FIRST : FLOW_SEEN_SECOND;

    return flow_glimpses(flow) == GLIMPSE_RECORDS && segment->packet->tcp_flags & TCP_FIN &&
           flow->payload_bytes[!segment->side] == 0 && !(flow->flags & other_seen);
}

static void note_closing(struct metering *metering, const struct segment *segment)
{
    struct flow *flow = segment->flow;
    uint16_t both = FLOW_FIN_FIRST | FLOW_FIN_SECOND;

    if (segment->packet->tcp_flags & TCP_FIN)
        flow->flags |= segment->side ? FLOW_FIN_SECOND : FLOW_FIN_FIRST;
    if (flow->stage != FLOW_FINISHED &&
        ((flow->flags & both) == both || segment->packet->tcp_flags & TCP_RST ||
         closes_alone(segment)))
        finish_flow(metering, flow);
}

/* A client may happen to use the port of a server of ours: its flow is known, by its opening. */
static bool goes_elsewhere(const struct metering *metering, const struct prepared *prepared)
{
    const struct flow *flow = flowtable_find_at(metering->flows, prepared->key, prepared->slot);
    const struct packet *packet = &prepared->packet;

    return flow && flow->flags & FLOW_CLIENT_KNOWN &&
           !localmeter_serves(metering->local, flow_client_side(flow) == prepared->side
                                                   ? packet->destination_port
                                                   : packet->source_port);
}

/* Returns whether the packet is that of a server of ours, and nothing else's. */
static bool take_local(struct metering *metering, const struct prepared *prepared)
{
    const struct packet *packet = &prepared->packet;
    bool is_own;

    if (!localmeter_wants(metering->local, packet))
        return false;
    is_own = localmeter_serves(metering->local, packet->destination_port) ||
             localmeter_serves(metering->local, packet->source_port);
    if (is_own && goes_elsewhere(metering, prepared))
        return false;
    localmeter_packet(metering->local, packet);
    return is_own;
}

/* What stands where its end is, or was believed to. */
static void take_segment(struct metering *metering, struct segment *segment)
{
    const struct packet *packet = segment->packet;

    hear_claimed(metering, segment);
    if (segment->flow->flags & FLOW_ONE_WAY)
        hear_acknowledged(metering, segment);
    if (packet->payload_length == 0) {
        handle_acknowledgement(metering, segment);
        return;
    }
    segment->new_bytes =
        progress(segment->flow, segment->side, packet->sequence, packet->payload_length);
    if (segment->flow->reopening && segment->new_bytes > 0) /* it goes on where it was */
        flow_set_reopening(segment->flow, segment->side, false);
    handle_payload(metering, segment);
}

/* Whether the packet shows that an opening was meant: then that is taken now, in place of FLOW. */
static bool reopen(struct metering *metering, const struct prepared *prepared, struct flow *flow,
                   int64_t now_ns)
{
    bool is_answer = prepared->packet.tcp_flags & TCP_SYN;
    struct packet syn;
    struct segment segment = {&syn, flow, is_answer ? !prepared->side : prepared->side, 0, now_ns};
    struct opening *opening = openings_confirm(metering->openings, prepared->key, prepared->side,
                                               &prepared->packet, &syn);

    if (!opening)
        return false;
    forget_flow(metering, flow);
    begin_flow(metering, flow, &syn);
    flow->last_seen_s = (uint32_t)(now_ns / SECOND_NS);
    note_opening(flow, &syn, segment.side);
    syn.sequence++;
    take_segment(metering, &segment);
    openings_forget(opening);
    return true;
}

/* Returns whether a SYN is one of the flow that the packet belongs to, which may be another one
 * now. Any other says nothing: an opening is a claim, an answer is to nobody's. */
static bool take_opening(struct metering *metering, const struct prepared *prepared,
                         struct flow *flow, int64_t now_ns)
{
    const struct packet *packet = &prepared->packet;

    if (!opens(flow, prepared->side, packet)) {
        if (is_opening(packet)) {
            openings_claim(metering->openings, prepared->key, prepared->side, packet);
            flow_set_reopening(flow, prepared->side, true);
            return false;
        }
        if (!reopen(metering, prepared, flow, now_ns))
            return false;
    }
    note_opening(flow, packet, prepared->side);
    return true;
}

static void handle_tcp(struct metering *metering, struct prepared *prepared, int64_t now_ns)
{
    struct packet *packet = &prepared->packet;
    struct segment segment = {packet, NULL, prepared->side, 0, now_ns};

    if (metering->local && take_local(metering, prepared))
        return;
    segment.flow = find_flow(metering, prepared, now_ns);
    if (!segment.flow)
        return;
    if (packet->tcp_flags & TCP_SYN) {
        if (!take_opening(metering, prepared, segment.flow, now_ns))
            return;
        packet->sequence++; /* data sent with it (RFC 7413) comes after the SYN's own number */
    } else if (flow_is_reopening(segment.flow, prepared->side)) {
        reopen(metering, prepared, segment.flow, now_ns);
    }
    if (packet->payload_length == 0 || is_in_place(segment.flow, prepared->side, packet))
        take_segment(metering, &segment);
    if (packet->tcp_flags & (TCP_FIN | TCP_RST) && is_near(metering, &segment))
        note_closing(metering, &segment);
    if (metering->filter)
        filter_flow(metering, prepared, segment.flow);
}

/* -- Openings of QUIC --------------------------------------------------------------------------
 */

/* A server that sends its client away tells that one opened, and with what id: until it answers at
 * length, as it does once. */
static void note_turning_away(struct flow *flow, const struct quic_header *header)
{
    if ((header->version != 0 && !header->is_retry) ||
        quic_hash(header->destination, header->destination_length) != flow->opened.source)
        return;
    if (header->version != 0)
        flow->opened.next = quic_hash(header->source, header->source_length);
    else if (quic_hash(header->source, header->source_length) == flow->client_base)
        flow->opened.next = FLOW_ANY_OPENING;
}

/* Whether a client begins anew, as it was told to. With Google's own versions of before the
 * standard nothing says so. */
static bool begins_anew(const struct flow *flow, unsigned side, uint32_t opening)
{
    if (side != flow_client_side(flow))
        return false;
    return flow->opened.next == opening || flow->opened.next == FLOW_ANY_OPENING ||
           (flow->opened.source == 0 && !(flow->flags & FLOW_HINTED) &&
            flow->payload_bytes[!side] < ANSWERED_BYTES);
}

/* Whether a client of which alone anything is captured opens again before it was seen past its
 * handshake, as the same client: then it was sent away by a Retry that was not seen, after which it
 * keeps the id that it chose (RFC 9000, 17.2.5.2). Of others nobody knows that id; an empty one is
 * everybody's. */
static bool begins_anew_unseen(const struct quicopenings_look *look,
                               const struct quic_header *header)
{
    return look->is_alone && !look->is_past && header->source_length >= MIN_OWN_ID &&
           look->source == quic_hash(header->source, header->source_length);
}

/* A datagram with a long header that has to do with no claim. Returns whether it is one of the
 * flow's. */
static bool take_header(struct metering *metering, const struct quicopenings_look *look,
                        struct flow *flow)
{
    const struct packet *packet = look->packet;
    bool by_client = look->side == flow_client_side(flow);
    struct quic_header header;
    uint32_t opening;

    if (!quic_read_header(packet->payload, packet->captured_length, &header))
        return true;
    if (!by_client && flow->payload_bytes[look->side] < ANSWERED_BYTES)
        note_turning_away(flow, &header);
    opening = recognition_opening(packet);
    if (opening == 0 || opening == (by_client ? flow->client_base : flow->opened.source))
        return true;
    if (begins_anew(flow, look->side, opening) ||
        (by_client && begins_anew_unseen(look, &header))) {
        recognition_open(flow, packet);
        return true;
    }
    if (!quicopenings_claim(metering->quicopenings, look))
        return true;
    flow_set_reopening(flow, look->side, true);
    return false;
}

/* An opening was meant, and is taken now, in place of the flow, with what was said to it. SEGMENT,
 * of its client, shows that. */
static void reopen_datagrams(struct metering *metering, const struct segment *segment,
                             struct quicopening *opening)
{
    struct flow *flow = segment->flow;
    struct packet packet;
    struct segment kept = {&packet, flow, segment->side, 0, segment->now_ns};
    bool by_server;

    forget_flow(metering, flow);
    begin_flow(metering, flow, segment->packet);
    flow->last_seen_s = (uint32_t)(segment->now_ns / SECOND_NS);
    flow->is_reopened = true;
    for (unsigned i = 0; i < 2; i++) {
        flow->payload_bytes[segment->side ^ i] = quicopenings_more_bytes(opening, i);
        metering->payload_bytes += quicopenings_more_bytes(opening, i);
    }
    for (unsigned i = 0; quicopenings_datagram(opening, i, segment->packet, &packet, &by_server);
         i++) {
        kept.side = segment->side ^ by_server;
        kept.new_bytes = packet.payload_length;
        handle_payload(metering, &kept);
    }
    quicopenings_forget(opening);
}

static bool has_long_header(const struct packet *packet)
{
    return packet->captured_length > 0 && packet->payload[0] & QUIC_LONG_HEADER;
}

/* Returns whether a datagram is one of the flow that it belongs to, which may be another one now.
 * Any other one says nothing: an opening is a claim, and so is what is said to it. Of a flow of
 * which the client is known, a datagram with a long header, or any while there are claims. */
static bool take_datagram(struct metering *metering, const struct prepared *prepared,
                          const struct segment *segment)
{
    struct flow *flow = segment->flow;
    const struct quicopenings_look look = {
        .key = prepared->key,
        .packet = segment->packet,
        .side = segment->side,
        .now_s = (uint32_t)(segment->now_ns / SECOND_NS),
        .source = flow->opened.source,
        .is_alone = flow->payload_bytes[!segment->side] == 0,
        .is_past = flow->flags & FLOW_ONE_WAY,
    };
    struct quicopening *opening;

    if (flow->reopening) {
        switch (quicopenings_take(metering->quicopenings, &look, &opening)) {
        case QUICOPENINGS_HELD:
            return false;
        case QUICOPENINGS_CONFIRMED:
            reopen_datagrams(metering, segment, opening);
            return true;
        default:
            if (!quicopenings_has(metering->quicopenings, prepared->key))
                flow->reopening = 0;
        }
    }
    return take_header(metering, &look, flow);
}

static void handle_udp(struct metering *metering, const struct prepared *prepared, int64_t now_ns)
{
    const struct packet *packet = &prepared->packet;
    struct segment segment = {packet, NULL, prepared->side, packet->payload_length, now_ns};

    if (packet->destination_port == PORT_DNS)
        recognition_question(metering->recognition, packet, now_ns);
    if (packet->source_port == PORT_DNS) {
        recognition_answer(metering->recognition, packet, now_ns);
        return;
    }
    segment.flow = find_flow(metering, prepared, now_ns);
    if (!segment.flow) {
        interval_coverage(metering->interval)->packets_other++;
        if (metering->filter)
            filter_other(metering, prepared);
        return;
    }
    if (!(segment.flow->flags & FLOW_CLIENT_KNOWN) ||
        !(segment.flow->reopening || has_long_header(packet)) ||
        take_datagram(metering, prepared, &segment))
        handle_payload(metering, &segment);
    if (metering->filter)
        filter_flow(metering, prepared, segment.flow);
}

/* -- Packets ---------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t value)
{
    value *= 0x9e3779b97f4a7c15ULL; /* Knuth, TAOCP 3, 6.4 */
    return value ^ value >> 32;
}

/* The last bytes of a datagram are encrypted or a checksum of sorts: they differ where headers that
 * a network card fills in later do not. */
static uint64_t last_bytes(const struct packet *packet)
{
    uint64_t word = 0;
    size_t size = packet->captured_length < sizeof(word) ? packet->captured_length : sizeof(word);

    if (size > 0)
        memcpy(&word, packet->payload + packet->captured_length - size, size);
    return word;
}

static uint32_t last_word(const struct address *address)
{
    uint32_t word;

    memcpy(&word, address->bytes + (address->family == 4 ? 0 : 12), sizeof(word));
    return word;
}

/* The same for two copies of a packet, and for hardly anything else. A genuine packet whose
 * fingerprint is the one that its place (of 2^13) holds is taken for a copy and not counted: were
 * all 64 bits random, one in 2^51, that is one in 70 years at a million packets a second. Packets
 * that differ in none of these fields are retransmissions and acknowledgements that say nothing
 * new. Without a key, so that the same packets always give the same. So who knows what others will
 * send can make a packet that hides theirs; it could as well send theirs. */
static uint64_t fingerprint_of(const struct packet *packet)
{
    uint64_t ends = (uint64_t)last_word(&packet->source) << 32 | last_word(&packet->destination);
    uint64_t ports = (uint64_t)packet->source_port << 48 |
                     (uint64_t)packet->destination_port << 32 | packet->sequence;
    uint64_t rest = (uint64_t)packet->ip_id << 48 | (uint64_t)packet->checksum << 32 |
                    (uint64_t)packet->tcp_flags << 24 | (packet->payload_length & 0xffffff);

    if (packet->protocol == PROTOCOL_UDP)
        rest ^= mix(last_bytes(packet));
    return mix(mix(mix(ends ^ packet->acknowledgement) ^ ports) ^ rest);
}

static void identify(const struct metering *metering, struct prepared *prepared)
{
    prepared->key = flowkey_of(&metering->key, &prepared->packet, &prepared->side);
    prepared->slot = SIZE_MAX;
    prepared->fingerprint = fingerprint_of(&prepared->packet);
}

static bool has_flow(const struct prepared *prepared)
{
    return prepared->result == DECODE_TCP || prepared->result == DECODE_UDP;
}

static void prepare(const struct metering *metering, const struct captured_frame *frame,
                    struct prepared *prepared)
{
    prepared->time_ns = frame->time_ns;
    prepared->length = frame->length;
    prepared->overheard = frame->overheard;
    prepared->result = decode_trusted(&metering->policy, frame->link_type, frame->bytes,
                                      frame->captured, frame->length, &prepared->packet);
    if (has_flow(prepared))
        identify(metering, prepared);
}

static uint64_t given_up(const struct metering *metering)
{
    const struct fragments_counts *counts = fragments_counts(metering->fragments);

    return counts->expired + counts->displaced + counts->refused;
}

/* Of what every worker is given, whether another one goes on with the packet. */
static bool is_of_others(const struct metering *metering, const struct prepared *prepared)
{
    return shard_of_packet(&prepared->packet, metering->shards) != metering->shard;
}

/* A piece of a packet: goes on with the whole, once it is there. That may be, in a tunnel, a
 * piece of another one. Every worker puts all of them together. The one whose shard the whole
 * belongs to goes on with it; what belongs to none is for the one that does not just overhear the
 * pieces. */
static void put_together(struct metering *metering, struct prepared *prepared, bool overheard,
                         int64_t now_ns)
{
    struct coverage *coverage = interval_coverage(metering->interval);
    uint64_t before = given_up(metering);
    struct fragments_whole whole;

    while (prepared->result == DECODE_FRAGMENT &&
           fragments_add(metering->fragments, now_ns, &prepared->packet, &whole))
        prepared->result =
            decode_reassembled(&metering->policy, whole.protocol, whole.bytes,
                               whole.captured_length, whole.length, &prepared->packet);
    if (!overheard) {
        coverage->packets_fragmented += given_up(metering) - before;
        coverage->packets_undecodable += given_up(metering) - before;
    }
    if (has_flow(prepared)) {
        overheard = is_of_others(metering, prepared);
        identify(metering, prepared);
    }
    if (overheard && prepared->result != DECODE_AGGREGATE)
        prepared->result = DECODE_FRAGMENT;
}

static void handle_packet(struct metering *metering, struct prepared *prepared, int64_t now_ns)
{
    struct coverage *coverage = interval_coverage(metering->interval);

    if (metering->filter && has_flow(prepared) && kernelfilter_opens(&prepared->packet))
        kernelfilter_saw_opening(metering->filter, prepared->key);
    switch (prepared->result) {
    case DECODE_TCP:
    case DECODE_UDP:
        if (copies_seen(metering->copies, prepared->fingerprint, now_ns))
            coverage->packets_duplicate++;
        else if (prepared->result == DECODE_TCP)
            handle_tcp(metering, prepared, now_ns);
        else
            handle_udp(metering, prepared, now_ns);
        break;
    case DECODE_OTHER:
        coverage->packets_other++;
        break;
    case DECODE_TRUNCATED:
        coverage->packets_truncated++;
        coverage->packets_undecodable++;
        break;
    case DECODE_CORRUPT:
        coverage->packets_corrupt++;
        coverage->packets_undecodable++;
        break;
    case DECODE_FRAGMENT: /* waits for the others, or is another worker's */
    case DECODE_AGGREGATE:
        break;
    }
}

/* One packet of an aggregate; an aggregate in it is not opened. As of a piece, which worker goes on
 * with it depends on what it is. */
static void handle_one_of_several(struct metering *metering, struct prepared *prepared,
                                  bool overheard, int64_t now_ns)
{
    if (prepared->result == DECODE_FRAGMENT) {
        put_together(metering, prepared, overheard, now_ns);
        overheard = overheard && !has_flow(prepared);
    } else if (has_flow(prepared)) {
        overheard = is_of_others(metering, prepared);
        identify(metering, prepared);
    }
    if (prepared->result == DECODE_AGGREGATE)
        prepared->result = DECODE_OTHER;
    if (!overheard)
        handle_packet(metering, prepared, now_ns);
}

/* Each packet counts as one. A frame was counted as one already, by who does not just overhear. */
static void open_aggregate(struct metering *metering, const struct prepared *aggregate,
                           bool overheard, int64_t now_ns)
{
    struct coverage *coverage = interval_coverage(metering->interval);
    struct packet rest = aggregate->packet;
    struct prepared one = *aggregate;
    uint64_t count = 0;

    fragments_hold(metering->fragments, true);
    for (; decode_next(&metering->policy, &rest, &one.result, &one.packet); count++)
        handle_one_of_several(metering, &one, overheard, now_ns);
    fragments_hold(metering->fragments, false);
    if (!overheard)
        coverage->packets += count - 1;
}

static void handle_prepared(struct metering *metering, struct prepared *prepared, bool overheard)
{
    int64_t now_ns = interval_flow_ns(metering->interval, interval_now_ns(metering->interval));

    if (prepared->result >= DECODE_FRAGMENT) {
        if (prepared->result == DECODE_FRAGMENT)
            put_together(metering, prepared, overheard, now_ns);
        if (prepared->result == DECODE_AGGREGATE) {
            open_aggregate(metering, prepared, overheard, now_ns);
            return;
        }
    }
    handle_packet(metering, prepared, now_ns);
}

static void overhear(struct metering *metering, struct prepared *prepared)
{
    overhear_time(metering, prepared->time_ns);
    if (prepared->result >= DECODE_FRAGMENT)
        handle_prepared(metering, prepared, true);
}

/* They are in the cache of whoever read them, which may be another processor's. A frame that
 * another worker meters has no bytes here. */
static void prefetch_headers(const struct captured_frame *frame)
{
    if (!frame->bytes)
        return;
    __builtin_prefetch(frame->bytes);
    __builtin_prefetch(frame->bytes + HEADERS_SIZE - 1);
}

/* FOLLOWING more are behind them. */
static void prepare_batch(const struct metering *metering, const struct captured_frame *frames,
                          size_t count, size_t following, struct prepared *prepared)
{
    for (size_t i = 0; i < count; i++) {
        if (i + HEADERS_AHEAD < count + following)
            prefetch_headers(&frames[i + HEADERS_AHEAD]);
        prepare(metering, &frames[i], &prepared[i]);
    }
}

void metering_prepare(const struct metering *metering, const struct captured_frame *frames,
                      size_t count, struct prepared *prepared)
{
    prepare_batch(metering, frames, count, 0, prepared);
}

static void prefetch_tables(const struct metering *metering, const struct prepared *prepared)
{
    if (!has_flow(prepared))
        return;
    flowtable_prefetch(metering->flows, prepared->key);
    copies_prefetch(metering->copies, prepared->fingerprint);
    if (metering->filter)
        kernelfilter_prefetch(metering->filter, prepared->key);
}

static void take_one(struct metering *metering, struct prepared *prepared)
{
    struct coverage *coverage;

    if (prepared->overheard) {
        overhear(metering, prepared);
        return;
    }
    move_time(metering, prepared->time_ns);
    coverage = interval_coverage(metering->interval);
    coverage->packets++;
    coverage->bytes += prepared->length;
    handle_prepared(metering, prepared, false);
}

static void guess_slot(const struct metering *metering, struct prepared *prepared)
{
    if (has_flow(prepared))
        prepared->slot = flowtable_guess(metering->flows, prepared->key);
}

/* The memory that packets lead to is asked for in two steps, each some packets ahead of the next:
 * so the waits for it overlap. A flow that moves meanwhile is found all the same. */
void metering_take(struct metering *metering, struct prepared *prepared, size_t count)
{
    for (size_t i = 0; i < count && i < TABLES_AHEAD; i++)
        prefetch_tables(metering, &prepared[i]);
    for (size_t i = 0; i < count && i < SLOTS_AHEAD; i++)
        guess_slot(metering, &prepared[i]);
    for (size_t i = 0; i < count; i++) {
        if (i + TABLES_AHEAD < count)
            prefetch_tables(metering, &prepared[i + TABLES_AHEAD]);
        if (i + SLOTS_AHEAD < count)
            guess_slot(metering, &prepared[i + SLOTS_AHEAD]);
        take_one(metering, &prepared[i]);
    }
}

void metering_frames(struct metering *metering, const struct captured_frame *frames, size_t count)
{
    struct prepared prepared[BATCH];

    for (size_t done = 0; done < count; done += BATCH) {
        size_t next = count - done < BATCH ? count - done : BATCH;

        prepare_batch(metering, frames + done, next, count - done - next, prepared);
        metering_take(metering, prepared, next);
    }
}

static void finish_visited(void *context, struct flow *flow)
{
    finish_flow(context, flow);
}

void metering_finish(struct metering *metering)
{
    /* What adds to sums goes first, in an order that depends on the packets alone; the order of the
     * flow table depends on the key. */
    usage_visit(metering->usage, finish_visited, metering);
    for (size_t i = 0; i < flowtable_capacity(metering->flows); i++) {
        struct flow *flow = flowtable_at(metering->flows, i);

        if (flow && flow->stage != FLOW_FINISHED)
            finish_flow(metering, flow);
    }
    if (metering->local)
        localmeter_finish(metering->local);
    hand_over_local(metering);
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
