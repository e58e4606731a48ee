/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/usage.h"

#include "collectors/capture/assembly.h"
#include "collectors/capture/claim.h"
#include "collectors/capture/devices.h"
#include "collectors/capture/fetches.h"
#include "collectors/capture/quic.h"
#include "collectors/capture/tracking.h"

#include <stdlib.h>

#define SECOND_NS 1000000000LL
/* A followed connection without packets gives its state back, and may take one again later. */
#define IDLE_NS (900 * SECOND_NS)
/* What a forged or damaged acknowledgement may claim at most, and how far its segment may be from
 * where its end is. */
#define MAX_UNSEEN_REQUEST (64U << 10)
/* What a mirror brings so late was overtaken by its answer; a client that speaks later says
 * something new. */
#define OVERTAKEN_NS (SECOND_NS / 4)
/* Of a device that is not known. */
#define NO_DAY INT32_MIN

struct usage {
    struct tracking *tracking;
    struct assembly_pool *assemblies; /* records that overtook others */
    struct fetches *fetches;          /* of images */
    struct interval *interval;
    struct flow_table *flows;
    const struct catalogue *catalogue;
    usage_observer *observe;
    void *context;
};

struct usage *usage_new(const struct limits *limits, struct interval *interval,
                        struct flow_table *flows, usage_observer *observe, void *context)
{
    struct usage *usage = calloc(1, sizeof(*usage));

    if (!usage)
        return NULL;
    usage->interval = interval;
    usage->flows = flows;
    usage->observe = observe;
    usage->context = context;
    usage->tracking = tracking_new(limits->max_tracked_flows);
    usage->assemblies = assembly_pool_new((limits->max_reassembly + 1) / 2);
    usage->fetches = fetches_new();
    if (!usage->tracking || !usage->assemblies || !usage->fetches) {
        usage_free(usage);
        return NULL;
    }
    return usage;
}

void usage_free(struct usage *usage)
{
    if (!usage)
        return;
    tracking_free(usage->tracking);
    assembly_pool_free(usage->assemblies);
    fetches_free(usage->fetches);
    free(usage);
}

static enum service_transport transport_of(const struct flow *flow)
{
    return flow->flags & FLOW_DATAGRAMS ? TRANSPORT_QUIC : TRANSPORT_TCP;
}

static const struct estimator *estimator_of(const struct usage *usage, const struct flow *flow)
{
    return catalogue_estimator(usage->catalogue, flow->service, transport_of(flow));
}

static struct activity *cell_of(const struct usage *usage, const struct flow *flow)
{
    return interval_cell(usage->interval, flow->direction, flow->service);
}

/* Whether the flow may carry inference, so that its exchanges are looked for. */
static bool is_followed(const struct flow *flow)
{
    return flow->role == ROLE_INFERENCE || flow->role == ROLE_SHARED;
}

/* Whether what the flow carries counts as use. A shared name has to show an exchange first. */
static bool is_use(const struct flow *flow)
{
    return flow->role == ROLE_INFERENCE || (flow->role == ROLE_SHARED && flow->flags & FLOW_PROVEN);
}

/* -- Sums ---------------------------------------------------------------------------------------
 */

/* What only a DNS answer told may be another service on the same address: one grade lower. */
static enum evidence_grade grade_of(const struct exchange_estimate *estimate,
                                    const struct flow *flow)
{
    if (estimate->grade == GRADE_NONE || estimate->grade == GRADE_E || !(flow->flags & FLOW_HINTED))
        return (enum evidence_grade)estimate->grade;
    return (enum evidence_grade)(estimate->grade + 1);
}

/* Of a small part of a request, which only bytes can make, no more is stated than the widest
 * exchange may differ: message_check() takes no more. */
static double possible_variance(const struct activity *cell)
{
    double widest = ESTIMATOR_MAX_SIGMA * cell->tokens_out.central;

    return cell->tokens_out_variance < widest * widest ? cell->tokens_out_variance
                                                       : widest * widest;
}

static void add_estimate(const struct usage *usage, const struct flow *flow,
                         const struct exchange_estimate *estimate)
{
    struct activity *cell = cell_of(usage, flow);

    cell->requests = triple_add(cell->requests, estimate->requests);
    cell->tokens_in = triple_add(cell->tokens_in, estimate->tokens_in);
    cell->tokens_out = triple_add(cell->tokens_out, estimate->tokens_out);
    cell->tokens_out_variance += estimate->tokens_out_variance;
    cell->tokens_out_variance = possible_variance(cell);
#define ADD_UNIT(name) cell->name = triple_add(cell->name, estimate->name);
    ACTIVITY_UNITS(ADD_UNIT)
#undef ADD_UNIT
    cell->grade = (uint8_t)grade_worst(cell->grade, grade_of(estimate, flow));
}

/* Of what the server of FLOW sent, no exchange will be found: only BYTES are known. What a shared
 * name carries may be anything. */
static void add_by_bytes(const struct usage *usage, const struct flow *flow, uint64_t bytes)
{
    struct exchange_estimate estimate;

    if (flow->role != ROLE_INFERENCE)
        return;
    estimate = estimator_apply_bytes(estimator_of(usage, flow), bytes);
    if (estimate.grade != GRADE_NONE)
        add_estimate(usage, flow, &estimate);
}

/* Only what the server sends is captured. */
static bool is_unasked(const struct flow *flow)
{
    return flow->flags & FLOW_ONE_WAY && flow->payload_bytes[flow_client_side(flow)] == 0;
}

/* -- Bytes and devices ------------------------------------------------------------------------ */

static void add_bytes(const struct usage *usage, const struct flow *flow, enum flow_end end,
                      uint64_t bytes)
{
    struct activity *cell = cell_of(usage, flow);

    if (!is_use(flow))
        cell->bytes_other += bytes;
    else if (end == END_CLIENT)
        cell->bytes_up += bytes;
    else
        cell->bytes_down += bytes;
    if (is_use(flow) && flow->flags & FLOW_ONE_WAY)
        cell->grade = GRADE_E;
    if (end == END_SERVER && is_unasked(flow))
        add_by_bytes(usage, flow, bytes);
}

/* Days told apart within a byte; 0 is left to mean none. */
static uint8_t short_day(int32_t day)
{
    return (uint8_t)(1 + (uint32_t)day % UINT8_MAX);
}

/* The client did something on the service: once a day it is counted, or, where it is not sure yet
 * that this is use, what it will be counted as is kept. */
static void see_device(const struct usage *usage, struct flow *flow, const struct address *client)
{
    struct device_set *devices = interval_devices(usage->interval);
    int32_t day = interval_day(usage->interval);
    uint64_t identity;

    if (flow->device_day == short_day(day))
        return;
    flow->device_day = short_day(day);
    identity = devices_identify(devices, day, client, flow->direction, flow->service);
    if (is_use(flow))
        devices_enter(devices, day, identity, flow->direction, flow->service);
    if (flow->state != FLOW_NO_STATE) {
        tracking_get(usage->tracking, flow->state)->device = identity;
        tracking_get(usage->tracking, flow->state)->device_day = day;
    }
}

/* A piece of what is fetched from where images of answers are. */
static void see_fetch(const struct usage *usage, const struct flow *flow,
                      const struct usage_piece *piece)
{
    const struct estimator *estimator = estimator_of(usage, flow);
    int32_t day = interval_day(usage->interval);
    bool from_client = piece->end == END_CLIENT;

    if ((estimator->image_fetch_s <= 0 && estimator->file_bytes_min <= 0) ||
        piece->new_bytes == 0 || flow->flags & FLOW_FOR_OTHERS ||
        (from_client && piece->new_bytes < estimator->request_record_min))
        return;
    fetches_add(usage->fetches,
                devices_identify(interval_devices(usage->interval), day, piece->client,
                                 flow->direction, flow->service),
                piece->now_ns, from_client, piece->new_bytes, estimator);
}

/* Of those that are followed; never 0. */
static uint32_t connection_of(const struct flow *flow)
{
    return flow->state + 1;
}

/* Of images that the client of FLOW fetched when this answer had ended. Its last step may be what
 * the page still called for, within a rest; or, on its own connection, of another answer, which
 * went on when it had ended. */
static uint64_t fetched_bytes(const struct usage *usage, const struct flow *flow,
                              const struct estimator *estimator, const struct exchange_shape *shape,
                              int64_t now_ns)
{
    const struct tracked *tracked = tracking_get(usage->tracking, flow->state);
    const struct fetches_window window = {
        .from_ns = shape->answer_last_ns - (int64_t)(estimator->rest_s * SECOND_NS),
        .own_from_ns = shape->answer_first_ns,
        .until_ns = shape->answer_last_ns + (int64_t)(estimator->image_fetch_s * SECOND_NS),
        .now_ns = now_ns,
    };

    if (estimator->image_fetch_s <= 0 || tracked->device_day != interval_day(usage->interval))
        return 0;
    return fetches_take(usage->fetches, tracked->device, connection_of(flow), &window, estimator);
}

/* Of files that the client of FLOW sent before this answer, on whatever connection: they belong to
 * its prompt. */
static uint32_t sent_files(const struct usage *usage, const struct flow *flow,
                           const struct estimator *estimator, const struct exchange_shape *shape)
{
    const struct tracked *tracked = tracking_get(usage->tracking, flow->state);

    if (estimator->file_wait_s <= 0 || tracked->device_day != interval_day(usage->interval))
        return 0;
    return fetches_take_files(usage->fetches, tracked->device,
                              shape->answer_first_ns -
                                  (int64_t)(estimator->file_wait_s * SECOND_NS),
                              shape->answer_first_ns);
}

/* -- Exchanges -------------------------------------------------------------------------------- */

/* The first exchange on a connection to a shared name: this is use of the service, and from here on
 * everything that it carries counts as such. */
static void prove(const struct usage *usage, struct flow *flow)
{
    const struct tracked *tracked = tracking_get(usage->tracking, flow->state);

    flow->flags |= FLOW_PROVEN;
    cell_of(usage, flow)->flows++;
    devices_enter(interval_devices(usage->interval), tracked->device_day, tracked->device,
                  flow->direction, flow->service);
}

/* NOW_NS: or a little before, where only the last packet's time is known. */
static void count_exchange(const struct usage *usage, struct flow *flow,
                           const struct exchange_shape *shape, int64_t now_ns)
{
    const struct estimator *estimator = estimator_of(usage, flow);
    struct exchange_shape whole = *shape;
    struct exchange_estimate estimate;

    whole.fetched_bytes = fetched_bytes(usage, flow, estimator, shape, now_ns);
    whole.files += sent_files(usage, flow, estimator, shape);
    whole.is_acknowledged = (flow->flags & FLOW_ONE_WAY) != 0;
    estimate = estimator_apply(estimator, &whole);
    if (flow->role == ROLE_SHARED && !(flow->flags & FLOW_PROVEN))
        prove(usage, flow);
    if (usage->observe)
        usage->observe(usage->context, flow, shape->answer_first_ns, shape, &estimate);
    add_estimate(usage, flow, &estimate);
}

/* -- Of programs, or of pages ----------------------------------------------------------------- */

static bool is_open(const struct tracked *tracked, const struct estimator *estimator)
{
    return webexchange_applies(estimator) ? webexchange_is_open(&tracked->web)
                                          : exchange_is_open(&tracked->exchange);
}

static int64_t deadline(const struct tracked *tracked, const struct estimator *estimator)
{
    return webexchange_applies(estimator) ? webexchange_deadline(&tracked->web, estimator)
                                          : exchange_deadline(&tracked->exchange, estimator);
}

static bool add_record(struct tracked *tracked, const struct estimator *estimator, int64_t now_ns,
                       bool from_client, uint32_t size, struct exchange_shape *finished)
{
    if (webexchange_applies(estimator))
        return webexchange_record(&tracked->web, estimator, now_ns, from_client, size, finished);
    return exchange_record(&tracked->exchange, estimator, now_ns, from_client, size, finished);
}

static bool expire_exchange(struct tracked *tracked, const struct estimator *estimator,
                            struct exchange_shape *finished)
{
    return webexchange_applies(estimator)
               ? webexchange_finish(&tracked->web, estimator, finished)
               : exchange_expire(&tracked->exchange, estimator, finished);
}

static bool close_exchange(struct tracked *tracked, const struct estimator *estimator,
                           struct exchange_shape *finished)
{
    return webexchange_applies(estimator) ? webexchange_finish(&tracked->web, estimator, finished)
                                          : exchange_close(&tracked->exchange, estimator, finished);
}

static void start_exchange(struct tracked *tracked, const struct estimator *estimator,
                           const struct flow *flow)
{
    if (webexchange_applies(estimator))
        webexchange_start(&tracked->web, transport_of(flow) == TRANSPORT_QUIC);
    else if (flow->flags & FLOW_DATAGRAMS)
        exchange_start_quic(&tracked->exchange);
    else
        exchange_start(&tracked->exchange);
}

/* Whether one keeps what came in images, and the other answers that were sent whole: with M2, where
 * there is room for one of them, these are in the same place. */
static bool keeps_other_bulk(const struct estimator *a, const struct estimator *b)
{
    return (a->bulk_record_min > 0 && b->whole_record_min > 0) ||
           (b->bulk_record_min > 0 && a->whole_record_min > 0);
}

/* Whether both keep the same of an exchange that is running. */
static bool gathers_alike(const struct estimator *a, const struct estimator *b)
{
    return (a->method == METHOD_M2) == (b->method == METHOD_M2) &&
           (a->method != METHOD_M2 || !keeps_other_bulk(a, b)) &&
           webexchange_applies(a) == webexchange_applies(b);
}

/* Whether nothing was gathered yet: what was asked is the same to both. */
static bool is_only_asked(const struct tracked *tracked, const struct estimator *a,
                          const struct estimator *b)
{
    return !webexchange_applies(a) && !webexchange_applies(b) &&
           exchange_is_waiting(&tracked->exchange);
}

/* What is running by a rule that gathers something else than the new one ends by the old rule. */
static void end_by_old_rule(const struct usage *usage, uint32_t index,
                            const struct catalogue *catalogue)
{
    struct tracked *tracked = tracking_get(usage->tracking, index);
    struct flow *flow = flowtable_at(usage->flows, tracked->flow);
    const struct estimator *old = estimator_of(usage, flow);
    const struct estimator *new = catalogue_estimator(catalogue, flow->service, transport_of(flow));
    struct exchange_shape finished;

    if (gathers_alike(old, new) || is_only_asked(tracked, old, new))
        return;
    while (close_exchange(tracked, old, &finished))
        count_exchange(usage, flow, &finished, tracked->last_ns);
    if (webexchange_applies(old) != webexchange_applies(new))
        start_exchange(tracked, new, flow);
}

void usage_set_catalogue(struct usage *usage, const struct catalogue *catalogue)
{
    for (uint32_t i = 0; usage->catalogue && i < tracking_capacity(usage->tracking); i++)
        if (tracking_in_use(usage->tracking, i))
            end_by_old_rule(usage, i, catalogue);
    usage->catalogue = catalogue;
}

static int64_t due_ns(const struct usage *usage, const struct flow *flow,
                      const struct tracked *tracked)
{
    if (is_open(tracked, estimator_of(usage, flow)))
        return deadline(tracked, estimator_of(usage, flow));
    return tracked->last_ns + IDLE_NS;
}

struct record_context {
    const struct usage *usage;
    struct flow *flow;
    struct tracked *tracked;
    int64_t now_ns;
    bool from_client;
};

/* Prompts may go over another connection than files. */
static void keep_files(const struct usage *usage, const struct estimator *estimator,
                       struct tracked *tracked, int64_t now_ns)
{
    uint32_t files;

    if (!webexchange_applies(estimator) || estimator->file_wait_s <= 0 ||
        tracked->device_day != interval_day(usage->interval))
        return;
    files = webexchange_take_files(&tracked->web);
    if (files > 0)
        fetches_add_files(usage->fetches, tracked->device, now_ns, files);
}

/* A record's header is none of its size (RFC 8446, 5.1). */
enum { RECORD_HEADER_BYTES = 5 };

/* BYTES that were not captured, or whose records were not, stand in for one record: all headers but
 * one count. It tells of no frame by its size, so that none is as small as those; 0: none. */
static uint32_t unseen_size(const struct estimator *estimator, uint32_t bytes, bool from_client)
{
    uint32_t size = bytes > RECORD_HEADER_BYTES ? bytes - RECORD_HEADER_BYTES : 0;
    double least = from_client ? estimator->request_record_min : estimator->answer_record_min;

    return size >= least ? size : 0;
}

/* What the page's own host sends may be images of an answer, over whatever connection that is. */
static void see_bulk(const struct usage *usage, const struct flow *flow,
                     const struct tracked *tracked, const struct webexchange_bulk *bulk)
{
    if (tracked->device_day == interval_day(usage->interval))
        fetches_add_bulk(usage->fetches, tracked->device, connection_of(flow), bulk,
                         estimator_of(usage, flow));
}

/* Only application data makes exchanges: handshakes and alerts are not use. Bytes that the capture
 * missed most likely were application data too. */
static void handle_record(void *opaque, uint8_t type, uint32_t size)
{
    struct record_context *context = opaque;
    const struct estimator *estimator = estimator_of(context->usage, context->flow);
    struct exchange_shape finished;
    struct webexchange_bulk bulk;

    if (type == RECORD_UNKNOWN)
        size = unseen_size(estimator, size, context->from_client);
    else if (type != RECORD_APPLICATION_DATA)
        return;
    if (estimator->image_calls_max > 0 &&
        webexchange_ends_bulk(&context->tracked->web, estimator, context->now_ns,
                              context->from_client, size, &bulk))
        see_bulk(context->usage, context->flow, context->tracked, &bulk);
    if (add_record(context->tracked, estimator, context->now_ns, context->from_client, size,
                   &finished))
        count_exchange(context->usage, context->flow, &finished, context->now_ns);
    keep_files(context->usage, estimator, context->tracked, context->now_ns);
}

/* What has not come by now will not: hands over the records that wait for it. */
static void give_up_holes(const struct usage *usage, struct flow *flow, struct tracked *tracked)
{
    struct record_context context = {usage, flow, tracked, tracked->last_ns, false};

    if (flow->flags & FLOW_DATAGRAMS)
        return;
    for (int end = END_CLIENT; end <= END_SERVER; end++) {
        context.from_client = end == END_CLIENT;
        if (tracked->streams[end].started)
            interval_coverage(usage->interval)->bytes_lost +=
                records_finish(&tracked->streams[end], usage->assemblies, handle_record, &context);
    }
}

/* -- The state of a flow ---------------------------------------------------------------------- */

/* Returns false when none is free. */
static bool take_state(const struct usage *usage, struct flow *flow, int64_t now_ns)
{
    uint32_t index = (uint32_t)flowtable_index(usage->flows, flow);

    flow->state = tracking_take(usage->tracking, index, now_ns + IDLE_NS);
    if (flow->state == TRACKED_NONE)
        return false;
    start_exchange(tracking_get(usage->tracking, flow->state), estimator_of(usage, flow), flow);
    tracking_get(usage->tracking, flow->state)->last_ns = now_ns;
    tracking_get(usage->tracking, flow->state)->device_day = NO_DAY;
    flow->device_day = 0; /* the device is kept in the state: the next packet enters it anew */
    return true;
}

static void drop_state(const struct usage *usage, struct flow *flow)
{
    struct tracked *tracked = tracking_get(usage->tracking, flow->state);
    struct exchange_shape finished;

    give_up_holes(usage, flow, tracked);
    while (close_exchange(tracked, estimator_of(usage, flow), &finished))
        count_exchange(usage, flow, &finished, tracked->last_ns);
    tracking_release(usage->tracking, flow->state);
    flow->state = FLOW_NO_STATE;
}

/* The server's next byte is known before it comes, so that a first segment that was overtaken is
 * not taken for an old one. */
static void start_server_stream(const struct usage *usage, struct flow *flow)
{
    struct tracked *tracked = tracking_get(usage->tracking, flow->state);
    unsigned side = !flow_client_side(flow);

    if (!(flow->flags & (side ? FLOW_SEEN_SECOND : FLOW_SEEN_FIRST)))
        return;
    records_start(&tracked->streams[END_SERVER], flow->next_sequence[side]);
}

void usage_begin(struct usage *usage, struct flow *flow, const struct address *client,
                 int64_t now_ns)
{
    add_bytes(usage, flow, END_SERVER, flow->payload_bytes[!flow_client_side(flow)]);
    usage_begin_anew(usage, flow, client, now_ns, flow->payload_bytes[flow_client_side(flow)]);
}

void usage_begin_anew(struct usage *usage, struct flow *flow, const struct address *client,
                      int64_t now_ns, uint64_t bytes_up)
{
    flow->stage = FLOW_SERVICE;
    flow->state = FLOW_NO_STATE;
    add_bytes(usage, flow, END_CLIENT, bytes_up);
    if (!is_followed(flow))
        return;
    if (is_use(flow))
        cell_of(usage, flow)->flows++;
    if (take_state(usage, flow, now_ns))
        start_server_stream(usage, flow);
    else
        interval_coverage(usage->interval)->flows_untracked++;
    if (client)
        see_device(usage, flow, client);
}

void usage_resume(struct usage *usage, struct flow *flow, int64_t now_ns, uint64_t bytes_up)
{
    flow->stage = FLOW_SERVICE;
    flow->state = FLOW_NO_STATE;
    add_bytes(usage, flow, END_CLIENT, bytes_up);
    if (is_followed(flow))
        take_state(usage, flow, now_ns);
}

void usage_end(struct usage *usage, struct flow *flow)
{
    if (flow->state != FLOW_NO_STATE)
        drop_state(usage, flow);
}

/* -- What a flow carries ---------------------------------------------------------------------- */

/* Counts a piece. Returns whether it is to be looked at for exchanges. */
static bool count_piece(const struct usage *usage, struct flow *flow,
                        const struct usage_piece *piece)
{
    if (piece->new_bytes > 0)
        add_bytes(usage, flow, piece->end, piece->new_bytes);
    if (flow->role == ROLE_IMAGES)
        see_fetch(usage, flow, piece);
    if (!is_followed(flow))
        return false;
    if (flow->state == FLOW_NO_STATE && !take_state(usage, flow, piece->now_ns)) {
        if (piece->end == END_SERVER)
            add_by_bytes(usage, flow, piece->new_bytes);
        return false;
    }
    if (piece->end == END_CLIENT && piece->new_bytes > 0 && !(flow->flags & FLOW_FOR_OTHERS))
        see_device(usage, flow, piece->client);
    return true;
}

/* Whether a piece of the server's is new, and where it should be: any other may be forged. */
static bool is_believed(const struct tracked *tracked, const struct usage_piece *piece)
{
    const struct record_stream *own = &tracked->streams[END_SERVER];
    uint32_t ahead = piece->sequence - own->expected;

    return piece->new_bytes > 0 && piece->acknowledges &&
           (!own->started || ahead + MAX_UNSEEN_REQUEST <= 2 * MAX_UNSEEN_REQUEST);
}

/* A request that the capture lacks: the answer to it acknowledges it. When it was sent is not
 * known: after what was seen last. An acknowledgement alone is not asked, since the kernel may have
 * dropped it; nor is a client's, which may come long after what it acknowledges. */
static void see_unseen_request(const struct record_context *context,
                               const struct usage_piece *piece)
{
    const struct usage *usage = context->usage;
    struct tracked *tracked = context->tracked;
    struct record_stream *stream = &tracked->streams[END_CLIENT];
    struct record_context of_client = *context;
    uint32_t lost;

    if (!stream->started || piece->acknowledgement - stream->expected > MAX_UNSEEN_REQUEST ||
        !is_believed(tracked, piece))
        return;
    of_client.from_client = true;
    lost = records_acknowledged(stream, usage->assemblies, piece->acknowledgement, handle_record,
                                &of_client);
    interval_coverage(usage->interval)->bytes_lost += lost;
    if (lost > 0 && !webexchange_applies(estimator_of(usage, context->flow)))
        exchange_asked_since(&tracked->exchange, tracked->last_ns);
}

/* What was acknowledged before the client said it was not: an acknowledgement was believed that is
 * none. */
static void see_false_acknowledgement(const struct record_context *context,
                                      const struct usage_piece *piece)
{
    struct record_stream *stream = &context->tracked->streams[END_CLIENT];

    if (piece->new_bytes > 0 && (int32_t)(piece->sequence + piece->length - stream->expected) < 0 &&
        piece->now_ns - context->tracked->last_ns > OVERTAKEN_NS && !stream->is_waiting)
        records_start(stream, piece->sequence);
}

/* Hands over what waits of a stream; where it goes on, the next segment tells. */
static void leave_records(struct record_context *context, enum flow_end end)
{
    struct record_stream *stream = &context->tracked->streams[end];

    if (stream->started)
        interval_coverage(context->usage->interval)->bytes_lost +=
            records_finish(stream, context->usage->assemblies, handle_record, context);
    stream->started = 0;
}

/* Whether what comes next is no part of the stream that was followed: its end used the same ports
 * anew, or what was followed was forged. */
static bool is_elsewhere(const struct record_stream *stream, const struct usage_piece *piece)
{
    return stream->started && piece->new_bytes > 0 &&
           piece->sequence - stream->expected + CLAIM_LARGEST_JUMP > 2 * CLAIM_LARGEST_JUMP;
}

/* What was not captured of a stream that is followed: where it ends is known. */
static void step_over_unseen(struct record_context *context, const struct usage_piece *piece)
{
    interval_coverage(context->usage->interval)->bytes_lost +=
        records_acknowledged(&context->tracked->streams[piece->end], context->usage->assemblies,
                             piece->sequence, handle_record, context);
}

static bool has_records(const struct flow *flow)
{
    return !(flow->flags & (FLOW_DATAGRAMS | FLOW_PLAIN));
}

static void feed_records(struct record_context *context, const struct usage_piece *piece)
{
    const struct usage *usage = context->usage;
    struct tracked *tracked = context->tracked;
    const struct record_segment segment = {
        .now_ns = piece->now_ns,
        .sequence = piece->sequence,
        .captured = piece->captured,
        .length = piece->length,
        .bytes = piece->bytes,
    };

    if (piece->end == END_SERVER)
        see_unseen_request(context, piece);
    else
        see_false_acknowledgement(context, piece);
    if (is_elsewhere(&tracked->streams[piece->end], piece))
        leave_records(context, piece->end);
    if (!tracked->streams[piece->end].started) {
        if (piece->new_bytes == 0) /* sent again, or acknowledged before it came */
            return;
        records_start(&tracked->streams[piece->end], piece->sequence);
    }
    interval_coverage(usage->interval)->bytes_lost += records_segment(
        &tracked->streams[piece->end], usage->assemblies, &segment, handle_record, context);
}

/* Every path takes datagrams of that size; larger ones are tried with a packet that carries no data
 * (RFC 9000, 14.1 and 14.4). */
enum { QUIC_BASE_BYTES = 1200 };

/* A datagram larger than any before, and than every path takes, is most likely such a trial. Where
 * it is none, little is lost: the next ones of that size are counted. */
static bool is_path_probe(struct tracked *tracked, const struct usage_piece *piece)
{
    uint16_t *largest = &tracked->datagrams.largest_bytes[piece->end];

    if (piece->length <= *largest)
        return false;
    *largest = (uint16_t)(piece->length < UINT16_MAX ? piece->length : UINT16_MAX);
    return piece->length > QUIC_BASE_BYTES;
}

/* Data, with a short header but for the identifier that the client asks for: that is between 0 and
 * 20 bytes in each datagram, and no service's doing. */
static uint32_t datagram_size(struct tracked *tracked, const struct usage_piece *piece)
{
    size_t size = quic_data_length(piece->bytes, piece->captured, piece->length);
    size_t identifier = quic_identifier_length(piece->bytes, piece->captured);

    if (is_path_probe(tracked, piece))
        return 0;
    if (piece->end == END_CLIENT)
        return (uint32_t)size;
    if (identifier > 0)
        tracked->datagrams.identifier_bytes = (uint8_t)identifier;
    identifier = tracked->datagrams.identifier_bytes;
    return (uint32_t)(size > identifier ? size - identifier : 0);
}

/* What of a piece of QUIC or HTTP in clear stands in for a record. */
static uint32_t piece_size(const struct usage *usage, const struct flow *flow,
                           struct tracked *tracked, const struct usage_piece *piece)
{
    if (piece->unseen)
        return unseen_size(estimator_of(usage, flow), piece->new_bytes, false);
    return flow->flags & FLOW_DATAGRAMS ? datagram_size(tracked, piece) : piece->new_bytes;
}

void usage_feed(struct usage *usage, struct flow *flow, const struct usage_piece *piece)
{
    struct record_context context = {.usage = usage, .flow = flow, .now_ns = piece->now_ns};
    uint32_t size;

    if (flow->stage != FLOW_SERVICE || flow->state == FLOW_NO_STATE)
        return;
    context.tracked = tracking_get(usage->tracking, flow->state);
    context.from_client = piece->end == END_CLIENT;
    if (has_records(flow) && piece->unseen && context.tracked->streams[piece->end].started)
        step_over_unseen(&context, piece);
    else if (has_records(flow) && !piece->unseen)
        feed_records(&context, piece);
    else if ((size = piece_size(usage, flow, context.tracked, piece)) > 0)
        handle_record(&context, RECORD_APPLICATION_DATA, size);
    context.tracked->last_ns = piece->now_ns;
    tracking_schedule(usage->tracking, flow->state, due_ns(usage, flow, context.tracked));
}

void usage_add(struct usage *usage, struct flow *flow, const struct usage_piece *piece)
{
    if (count_piece(usage, flow, piece))
        usage_feed(usage, flow, piece);
}

void usage_one_way(struct usage *usage, struct flow *flow, uint64_t bytes)
{
    if (is_use(flow))
        cell_of(usage, flow)->grade = GRADE_E;
    if (is_unasked(flow))
        add_by_bytes(usage, flow, bytes);
}

/* -- Time ------------------------------------------------------------------------------------- */

static void expire(const struct usage *usage, uint32_t index, int64_t deadline_ns)
{
    struct tracked *tracked = tracking_get(usage->tracking, index);
    struct flow *flow = flowtable_at(usage->flows, tracked->flow);
    int64_t due = due_ns(usage, flow, tracked);
    struct exchange_shape finished;

    /* Records that wait may show that the answer goes on. */
    if (due <= deadline_ns && is_open(tracked, estimator_of(usage, flow))) {
        give_up_holes(usage, flow, tracked);
        due = due_ns(usage, flow, tracked);
    }
    if (due > deadline_ns) {
        tracking_postpone(usage->tracking, index, due);
        return;
    }
    if (!is_open(tracked, estimator_of(usage, flow))) {
        drop_state(usage, flow);
        return;
    }
    if (expire_exchange(tracked, estimator_of(usage, flow), &finished))
        count_exchange(usage, flow, &finished, deadline_ns);
    tracking_postpone(usage->tracking, index, due_ns(usage, flow, tracked));
}

int64_t usage_due_ns(const struct usage *usage)
{
    int64_t deadline_ns = INT64_MAX;

    tracking_first(usage->tracking, &deadline_ns);
    return deadline_ns;
}

void usage_expire(struct usage *usage, int64_t limit_ns)
{
    int64_t deadline_ns;
    uint32_t index;

    while ((index = tracking_first(usage->tracking, &deadline_ns)) != TRACKED_NONE &&
           deadline_ns < limit_ns)
        expire(usage, index, deadline_ns);
}

void usage_visit(struct usage *usage, void (*visit)(void *context, struct flow *flow),
                 void *context)
{
    for (uint32_t index = 0; index < tracking_capacity(usage->tracking); index++)
        if (tracking_in_use(usage->tracking, index))
            visit(context, flowtable_at(usage->flows, tracking_get(usage->tracking, index)->flow));
}
