/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/exchange.h"

#include <math.h>
#include <string.h>

#define SECOND_NS   1000000000LL
#define SLOTS_PER_S 2
#define SLOT_NS     (SECOND_NS / SLOTS_PER_S)
/* Sizes that differ by less than one in so many are one: padding is not the same on each event. */
#define MODAL_TOLERANCE 16

/* TLS 1.3 adds the type and 16 bytes of tag (RFC 8446, 5.2); a frame of HTTP/2 has 9 bytes before
 * its payload (RFC 9113, 4.1). Alone in a record, an empty one is an acknowledgement of SETTINGS,
 * which each end must send (6.5.3), or the last DATA of an answer; with 4 bytes it is a
 * WINDOW_UPDATE or a RST_STREAM. No client sends so little over HTTP/1.1. */
#define RECORD_BYTES      17
#define EMPTY_FRAME_BYTES 26
#define SHORT_FRAME_BYTES 30
/* Three WINDOW_UPDATE in a record have 56, one with a PING 47; a preface with SETTINGS (3.4) has
 * 50, at least; a client's Finished (RFC 8446, 4.4.4) has 53 with SHA-256. No JSON that asks a
 * model is so short. */
#define FRAMES_BYTES_MAX 60
#define FINISHED_BYTES   53
/* A record that is as full has more of the same body after it, soon. */
#define FULL_RECORD_BYTES 16000
/* A chunk of HTTP/1.1 ends with that (RFC 9112, 7.1), a frame of HTTP/2 begins with 9 B. */
#define LINE_END_BYTES 2
#define FRAME_BYTES    9
/* One that begins the call of a tool shares a record with fewer events than that. */
#define CALL_EVENTS 3
/* Until so much of a body was sent, nobody waits (RFC 9113, 6.9.2). */
#define FLOW_WINDOW_BYTES 60000
/* Of an answer that is sent whole, headers may come first, and the rest after a pause: once. */
#define WHOLE_STEPS_MAX 1

/* Small enough for what a record of an image has, and large enough for 16 MB of them. */
#define BULK_PART_BYTES      256
#define LARGEST_RECORD_BYTES 16384
/* Small enough for what the padding of events differs by, and large enough for what their base
 * does. */
#define SMALLEST_PART_BYTES 2
#define SMALLEST_NONE       255
/* Headers, and what ends an answer. */
#define OTHER_RECORDS 2
/* Of an answer that is the call of a tool: headers, the call, and a last event; before them, on a
 * new connection, tickets. */
#define CALL_RECORDS   3
#define TICKET_RECORDS 2
/* Of text, for 4 MB of it. */
#define WHOLE_PART_BYTES 64
/* Small beside an event, and large enough for 1 MB of settings that are told again. */
#define EDGE_PART_BYTES 16
/* For two minutes. */
#define WAIT_NS (4 * SECOND_NS / 1000)

/* STATE_OVERLAP: an answer is running, and the client says what may be the next request. */
enum { STATE_IDLE, STATE_REQUEST, STATE_ANSWER, STATE_OVERLAP };
/* So many small records are to come before the events of an answer have begun; or its first large
 * one is. */
enum { EVENTS_BEGUN, EVENTS_TO_COME = 2, OPENING_TO_COME = 3 };
enum { MAX_BURST = (1 << 24) - 1 };
enum { MAX_RECORDS = (1 << 18) - 1, MAX_SLOTS = (1 << 7) - 1, MAX_WAITED = (1 << 15) - 1 };
_Static_assert(MAX_SLOTS >= ESTIMATOR_MAX_SLOTS, "more slots can be asked for than are counted");

void exchange_start(struct exchange_tracker *tracker)
{
    memset(tracker, 0, sizeof(*tracker));
}

void exchange_start_quic(struct exchange_tracker *tracker)
{
    exchange_start(tracker);
    tracker->http = EXCHANGE_HTTP_3;
}

bool exchange_is_open(const struct exchange_tracker *tracker)
{
    return tracker->state != STATE_IDLE;
}

bool exchange_is_waiting(const struct exchange_tracker *tracker)
{
    return tracker->state == STATE_REQUEST;
}

static int64_t to_ns(double seconds)
{
    return (int64_t)(seconds * (double)SECOND_NS);
}

static uint32_t to_ms(int64_t ns)
{
    return ns > 0 ? (uint32_t)(ns / (SECOND_NS / 1000)) : 0;
}

static bool is_answering(const struct exchange_tracker *tracker)
{
    return tracker->state == STATE_ANSWER || tracker->state == STATE_OVERLAP;
}

static uint32_t add(uint32_t sum, uint32_t more)
{
    return more < UINT32_MAX - sum ? sum + more : UINT32_MAX;
}

static uint32_t add_burst(uint32_t sum, uint32_t more)
{
    return more < MAX_BURST - sum ? sum + more : MAX_BURST;
}

static uint16_t add_small(uint16_t sum, uint32_t more)
{
    return (uint16_t)(more < UINT16_MAX - (uint32_t)sum ? sum + more : UINT16_MAX);
}

static bool burst_is_request(const struct exchange_tracker *tracker,
                             const struct estimator *estimator)
{
    return (double)tracker->request_bytes >= estimator->request_bytes_min;
}

static void forget_answer(struct exchange_tracker *tracker)
{
    tracker->answer_bytes = 0;
    tracker->answer_records = 0;
    memset(tracker->excess_bytes, 0, sizeof(tracker->excess_bytes)); /* or what others gather */
    tracker->steps = 0;
    tracker->half_seconds = 0;
    tracker->bulk_parts = 0;
    tracker->last_record = 0;
    tracker->smallest = SMALLEST_NONE;
}

/* Whether the bytes before and after events are gathered. Several answers have something else in
 * that place. */
static bool has_edges(const struct exchange_tracker *tracker, const struct estimator *estimator)
{
    return estimator->method != METHOD_M2 && tracker->is_single;
}

static void forget_edges(struct exchange_tracker *tracker, const struct estimator *estimator)
{
    if (!has_edges(tracker, estimator))
        return;
    tracker->is_single = 0;
    tracker->opening_parts = 0;
    tracker->closing_parts = 0;
}

static void add_request(struct exchange_tracker *tracker, const struct estimator *estimator)
{
    forget_edges(tracker, estimator);
    tracker->requests = (uint8_t)(tracker->requests + (tracker->requests < UINT8_MAX));
    tracker->running = (uint8_t)(tracker->running + (tracker->running < UINT8_MAX));
}

static void note_request(struct exchange_tracker *tracker, uint32_t size)
{
    tracker->request_full = size >= FULL_RECORD_BYTES;
}

static void begin_request(struct exchange_tracker *tracker, int64_t now_ns, uint32_t bytes)
{
    forget_answer(tracker);
    tracker->requests = 1;
    tracker->running = 1;
    note_request(tracker, bytes);
    tracker->request_bytes = bytes;
    tracker->last_ns = now_ns;
    tracker->first_reply_ns = INT64_MAX;
    tracker->state = STATE_REQUEST;
}

static void add_records(struct exchange_tracker *tracker, uint32_t more)
{
    uint32_t room = MAX_RECORDS - (uint32_t)tracker->answer_records;

    tracker->answer_records = (tracker->answer_records + (more < room ? more : room)) & MAX_RECORDS;
}

/* Whether most records so far are as large as that way of streaming has them. */
static bool may_be_of(const struct exchange_tracker *tracker, const struct estimator_regime *regime)
{
    return tracker->modal_lead > 0 && tracker->modal_bytes >= regime->record_bytes_min &&
           tracker->modal_bytes <= regime->record_bytes_max;
}

/* How answers that were sent whole are told beside others: by the service's own rule, else by that
 * of the way in which it seems to stream, else by the first that has one. NULL: they are not. */
static const struct token_rule *whole_rule(const struct exchange_tracker *tracker,
                                           const struct estimator *estimator)
{
    const struct token_rule *first = NULL;

    if (estimator->whole_record_min > 0)
        return &estimator->rule;
    for (size_t i = 0; i < estimator->regime_count; i++) {
        const struct estimator_regime *regime = &estimator->regimes[i];

        if (regime->rule.whole_record_min <= 0)
            continue;
        if (estimator->method == METHOD_M1 && may_be_of(tracker, regime))
            return &regime->rule;
        if (!first)
            first = &regime->rule;
    }
    return first;
}

/* What of the last record is text, if it holds all of one of several answers, in WHOLE_PART_BYTES;
 * 0 where it has less than FACTOR times the size of such. */
static uint16_t text_of_last(const struct exchange_tracker *tracker, const struct token_rule *whole,
                             double factor)
{
    double size = tracker->last_record;
    double text = size - whole->whole_record_overhead_bytes;

    if (factor <= 0 || size < factor * whole->whole_record_min || text <= 0)
        return 0;
    return (uint16_t)(text / WHOLE_PART_BYTES);
}

/* Whether the last record is that of events: no larger than others in which these are joined, or,
 * where the last events of a stream repeat its text, one that follows another of about that size.
 * With M2 there is no room to tell. */
static bool may_be_events(const struct exchange_tracker *tracker, const struct estimator *estimator,
                          const struct token_rule *whole)
{
    double more = whole->whole_alone_factor > 0 ? 0 : whole->whole_record_overhead_bytes;

    return estimator->method == METHOD_M1 &&
           tracker->last_record <= (double)tracker->joined_record + more;
}

/* An end followed the last record: it holds an answer, if not events. */
static void note_end(struct exchange_tracker *tracker, const struct estimator *estimator)
{
    const struct token_rule *whole = whole_rule(tracker, estimator);

    if (whole && !may_be_events(tracker, estimator, whole))
        tracker->whole_parts = add_small(tracker->whole_parts, text_of_last(tracker, whole, 1));
    if (whole && whole->whole_alone_factor <= 0 && estimator->method == METHOD_M1)
        tracker->joined_record = 0;
    tracker->last_record = 0; /* says nothing of the next one's end */
}

/* No end followed the last record in a record of its own. It may hold all of an answer none the
 * less, if it is far larger than any before. If it is not, events were joined, and so they may have
 * been in what was taken for an answer. */
static void note_no_end(struct exchange_tracker *tracker, const struct estimator *estimator)
{
    const struct token_rule *whole;
    uint16_t parts;

    if (tracker->requests <= 1)
        return;
    whole = whole_rule(tracker, estimator);
    if (!whole)
        return;
    parts = text_of_last(tracker, whole, whole->whole_alone_factor);
    if (estimator->method != METHOD_M1) {
        tracker->whole_parts = add_small(tracker->whole_parts, parts);
        return;
    }
    if (tracker->last_record >= whole->whole_alone_more * tracker->joined_record)
        tracker->whole_parts = add_small(tracker->whole_parts, parts);
    else
        tracker->whole_parts -= parts < tracker->whole_parts ? parts : tracker->whole_parts;
    if (tracker->last_record > tracker->joined_record)
        tracker->joined_record = (uint16_t)tracker->last_record;
}

static uint16_t whole_parts_of(const struct exchange_tracker *tracker,
                               const struct estimator *estimator)
{
    return has_edges(tracker, estimator) ? 0 : tracker->whole_parts;
}

static void take_whole(const struct exchange_tracker *tracker, const struct estimator *estimator,
                       struct exchange_shape *shape)
{
    uint16_t parts = whole_parts_of(tracker, estimator);
    uint64_t bytes = (uint64_t)parts * WHOLE_PART_BYTES;

    if (tracker->requests <= 1 && parts == 0) {
        if (estimator->whole_pause_s > 0 && tracker->apart && tracker->http != EXCHANGE_HTTP_3)
            shape->apart_bytes = tracker->last_record;
        return;
    }
    if (whole_rule(tracker, estimator) && bytes <= tracker->answer_bytes)
        shape->whole_text_bytes = bytes;
}

/* What a record of SIZE bytes holds beyond the BASE of each of its events. Servers and proxies join
 * events that come close to each other; a record that is larger than those holds none: headers, the
 * first and last event, the results of a tool that ran at the server. */
static double excess_of(const struct estimator *estimator, double size, double base)
{
    double own = fmax(base - RECORD_BYTES, 0); /* of an event that is joined to another */
    double events = round((size - RECORD_BYTES) / (own + estimator->event_text_bytes));
    double bases = RECORD_BYTES + (events > 1 ? events : 1) * own;

    return size > estimator->record_max_bytes || size <= bases ? 0 : size - bases;
}

/* How much more stands before and after an event than over HTTP/2. */
static double framing(const struct exchange_tracker *tracker, const struct estimator *estimator)
{
    switch (tracker->http) {
    case EXCHANGE_HTTP_1:
        return -estimator->http1_less_bytes;
    case EXCHANGE_HTTP_3:
        return estimator->quic_more_bytes;
    default:
        return 0;
    }
}

/* The same of each base. The larger the base, the fewer bytes are tokens, but that it may be taken
 * twice. */
static struct triple excesses_of(const struct exchange_tracker *tracker,
                                 const struct estimator *estimator, uint32_t size)
{
    const struct triple *base = &estimator->record_base_bytes;
    double more = framing(tracker, estimator);
    double least = excess_of(estimator, size, base->high + more);
    double central = excess_of(estimator, size, base->central + more);
    double most = excess_of(estimator, size, base->low + more);

    return (struct triple){fmin(least, fmin(central, most)), central,
                           fmax(least, fmax(central, most))};
}

static struct triple around(struct triple band, double central)
{
    return (struct triple){fmin(band.low, central), central, fmax(band.high, central)};
}

/* Some answers have more around the text of each event: then even the smallest of many exceeds what
 * the others have, if events differ at all. Datagrams are cut anywhere. */
static void correct_base(const struct exchange_tracker *tracker, const struct estimator *estimator,
                         struct exchange_shape *shape)
{
    const struct triple *base = &estimator->record_base_bytes;
    double events = fmax(1, (double)tracker->answer_records - OTHER_RECORDS);
    double smallest = base->low + (double)(tracker->smallest * SMALLEST_PART_BYTES);
    double mean = base->central + shape->excess_bytes.central / events;

    if (estimator->smallest_records_min <= 0 || tracker->requests > 1 ||
        tracker->answer_records < estimator->smallest_records_min ||
        tracker->http == EXCHANGE_HTTP_3 || tracker->smallest == SMALLEST_NONE ||
        smallest - base->central < estimator->smallest_event_bytes ||
        mean - smallest < estimator->event_text_bytes / 2)
        return;
    shape->excess_bytes = around(shape->excess_bytes, fmax(0, (mean - base->high) * events));
}

/* Of an answer of few records: one that is too large to hold events, beside headers and tickets. */
static bool holds_large_event(const struct exchange_tracker *tracker,
                              const struct estimator *estimator)
{
    return (double)(tracker->answer_bytes - tracker->last_record) >
           estimator->record_max_bytes + estimator->record_base_bytes.high +
               estimator->cut.opening_bytes_max;
}

/* Models that think send a signature of their thoughts, in base64: beside the call of a tool, or in
 * an event of its own, which is the last one of a text. It is no text, but may be: that is the high
 * end. Where no event was seen before it, the answer may have been sent whole; sums of floats are
 * not exact, so that such an event is a byte beyond its base, at least. */
static void leave_signature_out(const struct exchange_tracker *tracker,
                                const struct estimator *estimator, struct exchange_shape *shape)
{
    double base = estimator->record_base_bytes.central + framing(tracker, estimator);
    double beyond = (double)tracker->last_record - base;
    double before =
        shape->excess_bytes.central - excesses_of(tracker, estimator, tracker->last_record).central;
    uint32_t tickets = tracker->had_exchange ? 0 : TICKET_RECORDS;
    uint32_t records = tracker->answer_records;
    bool has_event = before >= 1;

    if (tracker->requests > 1 || records < CALL_RECORDS || tracker->http == EXCHANGE_HTTP_3)
        return;
    if (beyond >= estimator->signature_bytes_min && has_event &&
        2 * before < beyond * (records - 1) &&
        (tracker->steps > WHOLE_STEPS_MAX || records >= CALL_RECORDS + tickets)) {
        shape->ends_in_event = true;
        shape->excess_bytes = around(shape->excess_bytes, before);
    } else if (fabs(beyond) <= estimator->event_text_bytes / 2 &&
               records <= CALL_RECORDS + tickets &&
               (has_event || holds_large_event(tracker, estimator))) {
        shape->ends_in_event = true;
        if (before >= estimator->signature_bytes_min || holds_large_event(tracker, estimator))
            shape->excess_bytes = around(shape->excess_bytes, estimator->signature_call_bytes);
    }
}

/* What came before the first event and after the last one, where events have begun. */
static void take_edges(const struct exchange_tracker *tracker, const struct estimator *estimator,
                       struct exchange_shape *shape)
{
    uint64_t opening = (uint64_t)tracker->opening_parts * EDGE_PART_BYTES;
    uint64_t closing = (uint64_t)tracker->closing_parts * EDGE_PART_BYTES;

    if (estimator->event_record_max <= 0 || !has_edges(tracker, estimator) ||
        tracker->events_to_come != EVENTS_BEGUN || opening + closing > tracker->answer_bytes)
        return;
    shape->opening_bytes = opening;
    shape->closing_bytes = closing;
    shape->calls = EXCHANGE_CALLS_MAX - tracker->calls_left;
}

/* New rules may have brought another method since the answer began: then what the old one gathered
 * is of no use, and must not be more than there was. */
static void add_sizes(const struct exchange_tracker *tracker, const struct estimator *estimator,
                      struct exchange_shape *shape)
{
    const float *excess = tracker->excess_bytes;

    if (tracker->steps <= tracker->answer_records)
        shape->steps = tracker->steps;
    take_whole(tracker, estimator, shape);
    if (estimator->method == METHOD_M2) {
        if (!whole_rule(tracker, estimator))
            shape->bulk_bytes = (uint64_t)tracker->bulk_parts * BULK_PART_BYTES;
        shape->bulk_records = (uint32_t)(shape->bulk_bytes / LARGEST_RECORD_BYTES);
        if (excess[0] <= excess[1] && excess[1] <= excess[2])
            shape->excess_bytes =
                (struct triple){(double)excess[0], (double)excess[1], (double)excess[2]};
        correct_base(tracker, estimator, shape);
        if (estimator->signature_bytes_min > 0)
            leave_signature_out(tracker, estimator, shape);
        return;
    }
    if (tracker->bulk_bytes <= tracker->answer_bytes &&
        tracker->bulk_records <= tracker->answer_records) {
        shape->bulk_bytes = tracker->bulk_bytes;
        shape->bulk_records = tracker->bulk_records;
    }
    if (tracker->modal_lead <= tracker->answer_records) {
        shape->modal_bytes = tracker->modal_bytes;
        shape->modal_lead = tracker->modal_lead;
    }
    take_edges(tracker, estimator, shape);
}

/* Whether the server's part has the shape of an answer. */
static bool is_answer(const struct exchange_tracker *tracker, const struct estimator *estimator)
{
    if (!is_answering(tracker) || (double)tracker->answer_bytes < estimator->answer_bytes_min)
        return false;
    return (double)(tracker->last_ns - tracker->answer_first_ns) / 1e9 >= estimator->answer_s_min &&
           tracker->half_seconds >= estimator->answer_slots_min;
}

static int64_t waited_ns(const struct exchange_tracker *tracker)
{
    return (int64_t)tracker->waited * WAIT_NS;
}

static bool came_at_once(const struct exchange_tracker *tracker, const struct estimator *estimator)
{
    int64_t answer_ns = tracker->last_ns - tracker->answer_first_ns;

    return waited_ns(tracker) + answer_ns < to_ns(estimator->refusal_s_max);
}

/* Whether the server said in few words that it does not answer: in less than a model's first word
 * takes, or in a last record that holds hardly more than an error's name. Datagrams are cut
 * anywhere, so that the last one's size says nothing. On a new connection, tickets may come first,
 * and beside others, an answer. */
static bool is_refusal(const struct exchange_tracker *tracker, const struct estimator *estimator)
{
    bool is_short =
        tracker->http != EXCHANGE_HTTP_3 && tracker->last_record <= estimator->refusal_record_max &&
        tracker->answer_bytes - tracker->last_record <= estimator->refusal_head_bytes_max;

    return tracker->requests <= 1 && whole_parts_of(tracker, estimator) == 0 &&
           tracker->steps <= WHOLE_STEPS_MAX + !tracker->had_exchange &&
           tracker->answer_records <= estimator->whole_records_max &&
           tracker->answer_bytes <= estimator->whole_overhead_bytes.high &&
           (is_short || came_at_once(tracker, estimator));
}

/* Whether what was gathered is an exchange; if so, gives its shape. Either way the tracker is idle.
 */
static bool finish(struct exchange_tracker *tracker, const struct estimator *estimator,
                   struct exchange_shape *finished)
{
    bool answered;

    answered = is_answer(tracker, estimator);
    if (answered && is_refusal(tracker, estimator)) {
        tracker->had_exchange = 1;
        answered = false;
    }
    tracker->state = STATE_IDLE;
    if (!answered)
        return false;
    note_no_end(tracker, estimator);
    *finished = (struct exchange_shape){
        .answer_first_ns = tracker->answer_first_ns,
        .requests = tracker->requests,
        .http = tracker->http,
        .request_bytes = tracker->request_bytes,
        .answer_bytes = tracker->answer_bytes,
        .answer_records = tracker->answer_records,
        .wait_ns = (uint64_t)waited_ns(tracker),
        .answer_ns = (uint64_t)(tracker->last_ns - tracker->answer_first_ns),
        .half_seconds = tracker->half_seconds,
        .first_on_connection = !tracker->had_exchange,
    };
    add_sizes(tracker, estimator, finished);
    tracker->had_exchange = 1;
    return true;
}

/* Half-second slots since the answer began. */
static int64_t slot_of(const struct exchange_tracker *tracker, int64_t time_ns)
{
    return (time_ns - tracker->answer_first_ns) / SLOT_NS;
}

/* Whether the server went on by itself, after a pause: as it does where it writes what a model
 * makes, and where it answers calls or sends a file it does not. */
static bool is_step(const struct exchange_tracker *tracker, const struct estimator *estimator,
                    int64_t now_ns, uint32_t size)
{
    bool asked = tracker->state == STATE_OVERLAP && tracker->next_burst_last_ns >= tracker->last_ns;

    return !asked && size <= estimator->cut.step_bytes_max &&
           now_ns - tracker->last_ns >= to_ns(estimator->cut.step_pause_s);
}

static bool is_about(uint32_t size, uint32_t usual)
{
    uint32_t difference = size > usual ? size - usual : usual - size;

    return difference <= usual / MODAL_TOLERANCE;
}

/* Majority vote (Boyer and Moore, 1981): of all records, the size of more than half survives. */
static void vote(struct exchange_tracker *tracker, uint32_t size)
{
    if (tracker->modal_lead == 0) {
        /* One that wins only later may be of few records: then none is known. */
        if (tracker->answer_records > ESTIMATOR_VOTE_RECORDS)
            return;
        tracker->modal_bytes = (uint16_t)(size < UINT16_MAX ? size : UINT16_MAX);
        tracker->modal_lead = 1;
    } else if (is_about(size, tracker->modal_bytes)) {
        tracker->modal_lead = add_small(tracker->modal_lead, 1);
    } else {
        tracker->modal_lead--;
    }
}

static uint32_t to_edge_parts(uint32_t bytes)
{
    return bytes / EDGE_PART_BYTES + (bytes % EDGE_PART_BYTES >= EDGE_PART_BYTES / 2);
}

/* Events of one size, some of which share a record. */
static bool is_of_modal(const struct exchange_tracker *tracker, uint32_t size)
{
    uint32_t own = tracker->modal_bytes;

    return tracker->modal_lead > 0 &&
           (is_about(size, own) || is_about(size + RECORD_BYTES, 2 * own) ||
            is_about(2 * size, own + RECORD_BYTES));
}

/* The size that the vote holds is of the first that had about it. It moves until as many are larger
 * as are smaller; but not that of datagrams, which are cut anywhere. */
static void follow_modal(struct exchange_tracker *tracker, uint32_t size)
{
    uint16_t own = tracker->modal_bytes;

    if (is_about(size, own) && tracker->http != EXCHANGE_HTTP_3)
        tracker->modal_bytes = (uint16_t)(own + (size > own) - (size < own));
}

/* An answer begins with what is larger than its events: headers, settings that are told again. Its
 * events have begun when a few records in a row are no larger; one alone may be the rest of
 * something large, and those before it are tickets of the session. What follows the last event ends
 * the answer. */
static void note_edges(struct exchange_tracker *tracker, const struct estimator *estimator,
                       uint32_t size)
{
    if (estimator->event_record_max <= 0 || !has_edges(tracker, estimator))
        return;
    if (tracker->events_to_come == EVENTS_BEGUN && is_of_modal(tracker, size)) {
        tracker->closing_parts = 0;
    } else if (tracker->events_to_come == EVENTS_BEGUN) {
        tracker->closing_parts = add_small(tracker->closing_parts, to_edge_parts(size));
    } else if (size > estimator->event_record_max) {
        tracker->events_to_come = EVENTS_TO_COME;
        tracker->opening_parts = add_small(0, to_edge_parts(tracker->answer_bytes));
    } else if (tracker->events_to_come != OPENING_TO_COME) {
        tracker->events_to_come--;
    }
}

/* Whether a record of SIZE bytes holds events of OWN bytes each alone, as many as most do or half
 * as many, as far as is known yet. */
static bool is_of_pieces(const struct exchange_tracker *tracker, const struct estimator *estimator,
                         uint32_t size, double own)
{
    if (tracker->modal_lead > 0)
        return is_of_modal(tracker, size) && 2 * size < 3 * (uint32_t)tracker->modal_bytes;
    return own >= estimator->event_bytes_min && own <= estimator->event_bytes_max;
}

/* The event that begins a call of a tool tells its name and its number, and those after it do not;
 * it may share a record with these. Neither the answer's first record, nor what holds many events,
 * nor a datagram tells that. */
static void note_call(struct exchange_tracker *tracker, const struct estimator *estimator,
                      uint32_t before, uint32_t size)
{
    double around =
        RECORD_BYTES + (tracker->http == EXCHANGE_HTTP_1 ? LINE_END_BYTES : FRAME_BYTES);
    double events = fmax(1, round(size / estimator->bytes_per_token.central));
    double own = (size - around) / events;
    double more = before - around - own;

    if (estimator->call_begin_min <= 0 || !has_edges(tracker, estimator) ||
        tracker->http == EXCHANGE_HTTP_3 || tracker->events_to_come >= EVENTS_TO_COME ||
        tracker->calls_left == 0 || !is_of_pieces(tracker, estimator, size, size / events) ||
        own <= 0 || more < 0 || more >= CALL_EVENTS * own)
        return;
    more = fmod(more, own);
    if (more >= estimator->call_begin_min && more <= estimator->call_begin_max)
        tracker->calls_left--;
}

/* Not the first record, which holds headers. */
static void note_smallest(struct exchange_tracker *tracker, const struct estimator *estimator,
                          uint32_t size)
{
    double beyond = (double)size - estimator->record_base_bytes.low - framing(tracker, estimator);

    if (tracker->answer_records > 1 && beyond >= 0 &&
        beyond < (double)(tracker->smallest * SMALLEST_PART_BYTES))
        tracker->smallest = (uint32_t)(beyond / SMALLEST_PART_BYTES) & SMALLEST_NONE;
}

static void add_excess(struct exchange_tracker *tracker, const struct estimator *estimator,
                       uint32_t size)
{
    struct triple excess = excesses_of(tracker, estimator, size);

    note_smallest(tracker, estimator, size);
    tracker->excess_bytes[0] += (float)excess.low;
    tracker->excess_bytes[1] += (float)excess.central;
    tracker->excess_bytes[2] += (float)excess.high;
}

static void add_bulk(struct exchange_tracker *tracker, const struct estimator *estimator,
                     uint32_t size)
{
    if (estimator->method == METHOD_M2) {
        tracker->bulk_parts = add_small(tracker->bulk_parts, size / BULK_PART_BYTES);
    } else {
        tracker->bulk_bytes = add(tracker->bulk_bytes, size);
        tracker->bulk_records = add_small(tracker->bulk_records, 1);
    }
}

/* Whether a record that comes now was waited for; the first one never is. */
static bool is_apart(const struct exchange_tracker *tracker, const struct estimator *estimator,
                     int64_t now_ns)
{
    return now_ns - tracker->last_ns >= to_ns(estimator->whole_pause_s);
}

static void add_answer(struct exchange_tracker *tracker, const struct estimator *estimator,
                       int64_t now_ns, uint32_t size)
{
    bool new_slot = slot_of(tracker, now_ns) != slot_of(tracker, tracker->last_ns);
    uint32_t before = tracker->last_record;

    if ((tracker->half_seconds == 0 || new_slot) && tracker->half_seconds < MAX_SLOTS)
        tracker->half_seconds++;
    tracker->answer_bytes = add(tracker->answer_bytes, size);
    add_records(tracker, 1);
    note_no_end(tracker, estimator);
    tracker->apart = is_apart(tracker, estimator, now_ns);
    tracker->last_record = add_small(0, size);
    tracker->steps = add_small(tracker->steps, is_step(tracker, estimator, now_ns, size));
    /* All had ended: one was sent together with another, and not seen. */
    if (tracker->running == 0)
        add_request(tracker, estimator);
    if (estimator->method == METHOD_M2) {
        add_excess(tracker, estimator, size);
    } else {
        vote(tracker, size);
        if (estimator->method == METHOD_M1) {
            follow_modal(tracker, size);
            note_call(tracker, estimator, before, size);
        }
        note_edges(tracker, estimator, size);
    }
    if (estimator->bulk_record_min > 0 && size >= estimator->bulk_record_min)
        add_bulk(tracker, estimator, size);
    tracker->last_ns = now_ns;
}

/* Browsers make small calls before the prompt proper. As long as what came back cannot be an answer
 * yet, a further call means that it was none: it is forgotten, and the request goes on. Only right
 * after the first reply, lest telemetry sent during an answer make us forget that. */
static bool still_asking(const struct exchange_tracker *tracker, const struct estimator *estimator,
                         int64_t now_ns)
{
    return tracker->state == STATE_ANSWER &&
           now_ns - tracker->first_reply_ns < to_ns(estimator->answer_s_min);
}

static void go_on_asking(struct exchange_tracker *tracker, int64_t now_ns, uint32_t size)
{
    forget_answer(tracker);
    tracker->running = tracker->requests; /* its end, too */
    note_request(tracker, size);
    tracker->request_bytes = add(tracker->request_bytes, size);
    tracker->last_ns = now_ns;
    tracker->state = STATE_REQUEST;
}

static bool may_be_at_once(const struct exchange_tracker *tracker,
                           const struct estimator *estimator)
{
    return estimator->at_once_gap_s > 0 && tracker->http != EXCHANGE_HTTP_1;
}

static bool was_waiting(const struct exchange_tracker *tracker, const struct exchange_cut *cut,
                        int64_t now_ns)
{
    uint16_t since_ms = (uint16_t)(to_ms(now_ns) - tracker->window_ms);

    return tracker->request_bytes >= FLOW_WINDOW_BYTES && since_ms < 1e3 * cut->allowed_pause_s;
}

/* Whether what the client says at NOW_NS, after its last word at LAST_NS, begins another request
 * rather than that it goes on with one. */
static bool asks_again(const struct exchange_tracker *tracker, const struct exchange_cut *cut,
                       int64_t now_ns, int64_t last_ns)
{
    double pause_s = tracker->request_full ? cut->body_pause_s : cut->request_pause_s;

    return now_ns - last_ns >= to_ns(pause_s) && !was_waiting(tracker, cut, now_ns);
}

/* What the server first says on a new connection, tickets and SETTINGS, may come between a
 * request's headers and its body, or while it waits to send more (over QUIC, after ten datagrams,
 * RFC 9002, 7.2): that is no answer. */
static bool is_sending(const struct exchange_tracker *tracker, const struct exchange_cut *cut,
                       int64_t now_ns)
{
    bool is_new = !tracker->had_exchange;
    bool is_cut = tracker->request_full || was_waiting(tracker, cut, now_ns) ||
                  (is_new && tracker->http == EXCHANGE_HTTP_3);
    int64_t pause_ns = now_ns - tracker->last_ns;

    return is_answering(tracker) && tracker->requests == 1 &&
           tracker->answer_bytes <= cut->opening_bytes_max && tracker->steps == 0 &&
           ((is_new && pause_ns < to_ns(cut->request_pause_s)) ||
            (is_cut && pause_ns < to_ns(cut->body_pause_s)));
}

/* Before any is answered. */
static void go_on_requesting(struct exchange_tracker *tracker, const struct estimator *estimator,
                             int64_t now_ns, uint32_t size)
{
    if (may_be_at_once(tracker, estimator) && tracker->http == EXCHANGE_HTTP_2 &&
        burst_is_request(tracker, estimator) && size >= estimator->request_bytes_min &&
        asks_again(tracker, &estimator->cut, now_ns, tracker->last_ns)) {
        add_request(tracker, estimator);
    }
    note_request(tracker, size);
    tracker->request_bytes = add(tracker->request_bytes, size);
    tracker->last_ns = now_ns;
}

/* Whether the answer has records that no text fills. */
static bool has_bulk(const struct exchange_tracker *tracker, const struct estimator *estimator)
{
    if (estimator->bulk_record_min <= 0)
        return false;
    return estimator->method == METHOD_M2 ? tracker->bulk_parts > 0 : tracker->bulk_records > 0;
}

/* Whether an answer goes on beside the client's next request: none was seen to end, and where ends
 * cannot be seen, the server has spoken just now. Of data, which nobody thinks about on the way,
 * the end may share a record with the last of them. */
static bool goes_on(const struct exchange_tracker *tracker, const struct estimator *estimator,
                    int64_t now_ns)
{
    return may_be_at_once(tracker, estimator) && tracker->running > 0 &&
           tracker->requests < UINT8_MAX &&
           ((tracker->tells_end && !has_bulk(tracker, estimator)) ||
            now_ns - tracker->last_ns < to_ns(estimator->at_once_gap_s));
}

/* More of a request that was joined to those before: its body after its headers, most likely. */
static bool is_rest(const struct exchange_tracker *tracker, const struct estimator *estimator,
                    int64_t now_ns)
{
    return may_be_at_once(tracker, estimator) && tracker->state == STATE_OVERLAP &&
           tracker->next_burst_bytes == 0 &&
           !asks_again(tracker, &estimator->cut, now_ns, tracker->next_burst_last_ns);
}

/* What the client said is a request, beside one that is being answered. */
static void join_request(struct exchange_tracker *tracker, const struct estimator *estimator)
{
    add_request(tracker, estimator);
    tracker->request_bytes = add(tracker->request_bytes, tracker->next_burst_bytes);
    tracker->next_burst_bytes = 0;
}

/* The client speaks during an answer. */
static bool overlap(struct exchange_tracker *tracker, const struct estimator *estimator,
                    int64_t now_ns, uint32_t size, struct exchange_shape *finished)
{
    bool ended;

    if (tracker->state == STATE_ANSWER ||
        now_ns - tracker->next_burst_last_ns >= to_ns(estimator->burst_gap_s))
        tracker->next_burst_bytes = 0;
    if (is_rest(tracker, estimator, now_ns))
        tracker->request_bytes = add(tracker->request_bytes, size);
    else
        tracker->next_burst_bytes = add_burst(tracker->next_burst_bytes, size) & MAX_BURST;
    tracker->state = STATE_OVERLAP;
    tracker->next_burst_last_ns = now_ns;
    note_request(tracker, size);
    if ((double)tracker->next_burst_bytes < estimator->request_bytes_min)
        return false;
    if (goes_on(tracker, estimator, now_ns)) {
        join_request(tracker, estimator);
        return false;
    }
    ended = finish(tracker, estimator, finished);
    begin_request(tracker, now_ns, tracker->next_burst_bytes);
    note_request(tracker, size);
    return ended;
}

static bool client_record(struct exchange_tracker *tracker, const struct estimator *estimator,
                          int64_t now_ns, uint32_t size, struct exchange_shape *finished)
{
    if (tracker->state == STATE_REQUEST &&
        (burst_is_request(tracker, estimator) ||
         now_ns - tracker->last_ns < to_ns(estimator->burst_gap_s))) {
        go_on_requesting(tracker, estimator, now_ns, size);
        return false;
    }
    if (still_asking(tracker, estimator, now_ns) || is_sending(tracker, &estimator->cut, now_ns)) {
        go_on_asking(tracker, now_ns, size);
        return false;
    }
    if (!is_answering(tracker)) { /* what came before, if anything, was no request */
        begin_request(tracker, now_ns, size);
        return false;
    }
    return overlap(tracker, estimator, now_ns, size, finished);
}

/* Whether the last record, with which an answer ended beside others, refused it: hardly anything
 * was written yet, or it is no event, as most records are (of M2 they differ too much to say so).
 */
static bool one_was_refused(const struct exchange_tracker *tracker,
                            const struct estimator *estimator)
{
    bool nothing_yet = tracker->steps <= WHOLE_STEPS_MAX * tracker->requests &&
                       tracker->answer_records <= estimator->whole_records_max * tracker->requests;
    bool is_no_event = estimator->method == METHOD_M1 && tracker->modal_lead > 0 &&
                       4 * tracker->last_record < 3 * tracker->modal_bytes;

    return tracker->last_record > 0 && tracker->last_record <= estimator->refusal_record_max &&
           (nothing_yet || is_no_event);
}

/* Whether the end of one of several answers shows, where there may be several. On a new connection,
 * an acknowledgement of SETTINGS may come after the tickets. */
static bool may_have_ended(const struct exchange_tracker *tracker,
                           const struct estimator *estimator)
{
    return may_be_at_once(tracker, estimator) && tracker->http == EXCHANGE_HTTP_2 &&
           tracker->running > 0 &&
           (tracker->steps > 0 || tracker->answer_bytes > estimator->cut.opening_bytes_max ||
            (tracker->had_exchange && tracker->answer_records > 0));
}

static void end_one(struct exchange_tracker *tracker, const struct estimator *estimator)
{
    tracker->running--;
    tracker->tells_end = 1;
    if (tracker->requests <= 1)
        return;
    if (one_was_refused(tracker, estimator))
        tracker->requests--;
    note_end(tracker, estimator);
}

/* Frames of HTTP/2 that are no piece of an answer. */
static void note_frame(struct exchange_tracker *tracker, const struct estimator *estimator,
                       int64_t now_ns, uint32_t size)
{
    if (size >= SHORT_FRAME_BYTES)
        tracker->window_ms = (uint16_t)to_ms(now_ns);
    else if (size == EMPTY_FRAME_BYTES && may_have_ended(tracker, estimator))
        end_one(tracker, estimator);
}

static void note_wait(struct exchange_tracker *tracker, int64_t ns)
{
    int64_t parts = ns > 0 ? ns / WAIT_NS : 0;
    uint32_t waited = (uint32_t)(parts < MAX_WAITED ? parts : MAX_WAITED);

    tracker->waited = waited & MAX_WAITED;
}

/* Whether all answers were seen to end, on a connection that others may follow on. */
static bool has_ended(const struct exchange_tracker *tracker, const struct estimator *estimator)
{
    return may_be_at_once(tracker, estimator) && is_answering(tracker) && tracker->tells_end &&
           tracker->running == 0;
}

/* Whether what the server says now is the answer to a call that is too small for a request, as
 * those for a list of models are over HTTP/2, and no part of the answer before. */
static bool answers_small_call(const struct exchange_tracker *tracker,
                               const struct estimator *estimator)
{
    return has_ended(tracker, estimator) && tracker->state == STATE_OVERLAP &&
           tracker->next_burst_bytes > 0 && tracker->next_burst_last_ns > tracker->last_ns;
}

static void server_record(struct exchange_tracker *tracker, const struct estimator *estimator,
                          int64_t now_ns, uint32_t size)
{
    if (size < estimator->answer_record_min) {
        note_frame(tracker, estimator, now_ns, size);
        return;
    }
    if (tracker->state == STATE_REQUEST) {
        /* Answers to the small calls that go before a prompt do not interrupt its burst. */
        if (!burst_is_request(tracker, estimator))
            return;
        tracker->state = STATE_ANSWER;
        if (may_be_at_once(tracker, estimator)) { /* more of the request may follow */
            tracker->state = STATE_OVERLAP;
            tracker->next_burst_last_ns = tracker->last_ns;
            tracker->next_burst_bytes = 0;
        }
        note_wait(tracker, now_ns - tracker->last_ns);
        tracker->answer_first_ns = now_ns;
        tracker->last_ns = now_ns; /* no pause of the server is what the client waited */
        if (tracker->state == STATE_ANSWER && tracker->first_reply_ns == INT64_MAX)
            tracker->first_reply_ns = now_ns;
    }
    if (is_answering(tracker) && !answers_small_call(tracker, estimator))
        add_answer(tracker, estimator, now_ns, size);
}

/* Not what is left of a body after full records, which may be as short. */
static bool tells_http2(const struct exchange_tracker *tracker, uint32_t size, bool from_client)
{
    if (!from_client)
        return size == EMPTY_FRAME_BYTES && tracker->last_record < FULL_RECORD_BYTES;
    return !tracker->request_full && size >= EMPTY_FRAME_BYTES && size <= FRAMES_BYTES_MAX &&
           size != FINISHED_BYTES;
}

bool exchange_record(struct exchange_tracker *tracker, const struct estimator *estimator,
                     int64_t now_ns, bool from_client, uint32_t size,
                     struct exchange_shape *finished)
{
    if (tracker->http == EXCHANGE_HTTP_1 && tells_http2(tracker, size, from_client))
        tracker->http = EXCHANGE_HTTP_2;
    if (!from_client) {
        server_record(tracker, estimator, now_ns, size);
        return false;
    }
    if (size < estimator->request_record_min &&
        (size <= FRAMES_BYTES_MAX || !has_ended(tracker, estimator)))
        return false;
    return client_record(tracker, estimator, now_ns, size, finished);
}

void exchange_asked_since(struct exchange_tracker *tracker, int64_t since_ns)
{
    if (tracker->state == STATE_REQUEST && since_ns < tracker->last_ns)
        tracker->last_ns = since_ns;
}

int64_t exchange_deadline(const struct exchange_tracker *tracker, const struct estimator *estimator)
{
    switch (tracker->state) {
    case STATE_REQUEST:
        if (burst_is_request(tracker, estimator))
            return tracker->last_ns + to_ns(estimator->cut.answer_wait_s);
        return tracker->last_ns + to_ns(estimator->burst_gap_s);
    case STATE_ANSWER:
    case STATE_OVERLAP:
        return tracker->last_ns + to_ns(estimator->answer_gap_s);
    default:
        return EXCHANGE_NO_DEADLINE;
    }
}

bool exchange_expire(struct exchange_tracker *tracker, const struct estimator *estimator,
                     struct exchange_shape *finished)
{
    return finish(tracker, estimator, finished);
}

bool exchange_close(struct exchange_tracker *tracker, const struct estimator *estimator,
                    struct exchange_shape *finished)
{
    return finish(tracker, estimator, finished);
}
