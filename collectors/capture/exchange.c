/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/exchange.h"

#include <math.h>
#include <string.h>

#define SECOND_NS   1000000000LL
#define SLOTS_PER_S 2
#define SLOT_NS     (SECOND_NS / SLOTS_PER_S)
/* Longest silence between a request and its answer: reasoning models think for minutes, and proxies
 * give up after ten. */
#define REQUEST_PATIENCE_NS (600 * SECOND_NS)
/* Models write tens of tokens a second; what one write fills several records with follows within a
 * millisecond. */
#define STEP_PAUSE_NS (10 * SECOND_NS / 1000)
/* Larger records are of what was there before, and waits for nothing but the network. */
#define STEP_BYTES_MAX 4096
/* Sizes that differ by less than one in so many are one: padding is not the same on each event. */
#define MODAL_TOLERANCE 16

/* STATE_OVERLAP: an answer is running, and the client says what may be the next request. */
enum { STATE_IDLE, STATE_REQUEST, STATE_ANSWER, STATE_OVERLAP };
enum { MAX_RECORDS = (1 << 22) - 1, MAX_SLOTS = (1 << 7) - 1 };
_Static_assert(MAX_SLOTS >= ESTIMATOR_MAX_SLOTS, "more slots can be asked for than are counted");

void exchange_start(struct exchange_tracker *tracker)
{
    memset(tracker, 0, sizeof(*tracker));
}

bool exchange_is_open(const struct exchange_tracker *tracker)
{
    return tracker->state != STATE_IDLE;
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

static bool burst_is_request(const struct exchange_tracker *tracker,
                             const struct estimator *estimator)
{
    return (double)tracker->request_bytes >= estimator->request_bytes_min;
}

static void forget_answer(struct exchange_tracker *tracker)
{
    tracker->answer_bytes = 0;
    tracker->answer_records = 0;
    tracker->excess_bytes = triple_exact(0); /* and with it all that other methods gather */
    tracker->half_seconds = 0;
}

static void begin_request(struct exchange_tracker *tracker, int64_t now_ns, uint32_t bytes)
{
    forget_answer(tracker);
    tracker->request_bytes = bytes;
    tracker->last_ns = now_ns;
    tracker->first_reply_ns = INT64_MAX;
    tracker->state = STATE_REQUEST;
}

static bool uses_slots(const struct estimator *estimator)
{
    return estimator->method != METHOD_M2 && estimator->bulk_bytes_per_s > 0;
}

static double slot_bytes_max(const struct estimator *estimator)
{
    return estimator->bulk_bytes_per_s / SLOTS_PER_S;
}

static uint16_t add_small(uint16_t sum, uint32_t more)
{
    return (uint16_t)(more < UINT16_MAX - (uint32_t)sum ? sum + more : UINT16_MAX);
}

static void add_records(struct exchange_tracker *tracker, uint32_t more)
{
    uint32_t room = MAX_RECORDS - (uint32_t)tracker->answer_records;

    tracker->answer_records = (tracker->answer_records + (more < room ? more : room)) & MAX_RECORDS;
}

/* A half-second is over: what it held is the answer's, unless it was of a page or a file. */
static void close_slot(struct exchange_tracker *tracker, const struct estimator *estimator)
{
    if (tracker->slot_records > 0 && (double)tracker->slot_bytes <= slot_bytes_max(estimator)) {
        tracker->answer_bytes = add(tracker->answer_bytes, tracker->slot_bytes);
        add_records(tracker, tracker->slot_records);
        tracker->steps = add_small(tracker->steps, tracker->slot_steps);
        if (tracker->half_seconds < MAX_SLOTS)
            tracker->half_seconds++;
        tracker->answer_ms = to_ms(tracker->last_ns - tracker->answer_first_ns);
    }
    tracker->slot_bytes = 0;
    tracker->slot_records = 0;
    tracker->slot_steps = 0;
}

/* New rules may have brought another method since the answer began: then what the old one gathered
 * is of no use, and must not be more than there was. */
static void add_sizes(const struct exchange_tracker *tracker, const struct estimator *estimator,
                      struct exchange_shape *shape)
{
    const struct triple *excess = &tracker->excess_bytes;

    if (estimator->method == METHOD_M2) {
        if (excess->low <= excess->central && excess->central <= excess->high)
            shape->excess_bytes = *excess;
        return;
    }
    if (!uses_slots(estimator) && tracker->bulk_bytes <= tracker->answer_bytes &&
        tracker->bulk_records <= tracker->answer_records) {
        shape->bulk_bytes = tracker->bulk_bytes;
        shape->bulk_records = tracker->bulk_records;
    }
    if (tracker->steps <= tracker->answer_records)
        shape->steps = tracker->steps;
    if (tracker->modal_lead <= tracker->answer_records) {
        shape->modal_bytes = tracker->modal_bytes;
        shape->modal_lead = tracker->modal_lead;
    }
}

static bool has_steps(const struct exchange_tracker *tracker, const struct estimator *estimator)
{
    return estimator->method != METHOD_M2 && estimator->answer_steps_min > 0 &&
           tracker->steps + tracker->slot_steps >= estimator->answer_steps_min;
}

static uint64_t duration_ns(const struct exchange_tracker *tracker,
                            const struct estimator *estimator)
{
    if (uses_slots(estimator))
        return (uint64_t)tracker->answer_ms * (SECOND_NS / 1000);
    return (uint64_t)(tracker->last_ns - tracker->answer_first_ns);
}

/* Whether the server's part has the shape of an answer. */
static bool is_answer(const struct exchange_tracker *tracker, const struct estimator *estimator)
{
    if (!is_answering(tracker) || (double)tracker->answer_bytes < estimator->answer_bytes_min)
        return false;
    return has_steps(tracker, estimator) ||
           ((double)duration_ns(tracker, estimator) / 1e9 >= estimator->answer_s_min &&
            tracker->half_seconds >= estimator->answer_slots_min);
}

/* Whether what was gathered is an exchange; if so, gives its shape. Either way the tracker is idle.
 */
static bool finish(struct exchange_tracker *tracker, const struct estimator *estimator,
                   struct exchange_shape *finished)
{
    bool answered;

    if (uses_slots(estimator))
        close_slot(tracker, estimator);
    answered = is_answer(tracker, estimator);
    tracker->state = STATE_IDLE;
    if (!answered)
        return false;
    *finished = (struct exchange_shape){
        .request_bytes = tracker->request_bytes,
        .answer_bytes = tracker->answer_bytes,
        .answer_records = tracker->answer_records,
        .answer_ns = duration_ns(tracker, estimator),
        .first_on_connection = !tracker->had_exchange,
    };
    add_sizes(tracker, estimator, finished);
    tracker->had_exchange = 1;
    return true;
}

/* What a record of SIZE bytes holds beyond the BASE of each of its events. Servers and proxies join
 * events that come close to each other; a record that is larger than those holds none: headers, the
 * first and last event, the results of a tool that ran at the server. */
static double excess_of(const struct estimator *estimator, double size, double base)
{
    double event = base + estimator->event_text_bytes;
    double events = size < 2 * event ? 1 : floor(size / event);

    return size > estimator->record_max_bytes || size <= events * base ? 0 : size - events * base;
}

/* Half-second slots since the answer began. */
static int64_t slot_of(const struct exchange_tracker *tracker, int64_t time_ns)
{
    return (time_ns - tracker->answer_first_ns) / SLOT_NS;
}

/* Whether the server went on by itself, after a pause: as it does where it writes what a model
 * makes, and where it answers calls or sends a file it does not. */
static bool is_step(const struct exchange_tracker *tracker, int64_t now_ns, uint32_t size)
{
    bool asked = tracker->state == STATE_OVERLAP && tracker->next_burst_last_ns >= tracker->last_ns;

    return !asked && size <= STEP_BYTES_MAX && now_ns - tracker->last_ns >= STEP_PAUSE_NS;
}

/* Majority vote (Boyer and Moore, 1981): of all records, the size of more than half survives. */
static void vote(struct exchange_tracker *tracker, uint32_t size)
{
    uint32_t modal = tracker->modal_bytes;
    uint32_t difference = size > modal ? size - modal : modal - size;

    if (tracker->modal_lead == 0) {
        /* One that wins only later may be of few records: then none is known. */
        if (tracker->answer_records + tracker->slot_records > ESTIMATOR_VOTE_RECORDS)
            return;
        tracker->modal_bytes = (uint16_t)(size < UINT16_MAX ? size : UINT16_MAX);
        tracker->modal_lead = 1;
    } else if (difference <= modal / MODAL_TOLERANCE) {
        tracker->modal_lead = add_small(tracker->modal_lead, 1);
    } else {
        tracker->modal_lead--;
    }
}

static void add_to_slot(struct exchange_tracker *tracker, const struct estimator *estimator,
                        int64_t now_ns, uint32_t size)
{
    bool is_new_event = tracker->slot_records == 0 ||
                        (double)(now_ns - tracker->last_ns) >= estimator->event_gap_s * 1e9;

    if (estimator->text_record_max > 0 && size > estimator->text_record_max)
        return; /* text that goes on beside it stays */
    tracker->slot_bytes = add(tracker->slot_bytes, size);
    if (is_step(tracker, now_ns, size)) {
        tracker->slot_steps = add_small(tracker->slot_steps, 1);
        tracker->step_ms = to_ms(now_ns - tracker->answer_first_ns);
    }
    tracker->slot_records = add_small(tracker->slot_records, is_new_event);
    if (is_new_event)
        vote(tracker, size);
}

/* Sorts out at each half-second's end what was no answer. */
static void add_by_slots(struct exchange_tracker *tracker, const struct estimator *estimator,
                         int64_t now_ns, uint32_t size)
{
    if (slot_of(tracker, now_ns) != slot_of(tracker, tracker->last_ns))
        close_slot(tracker, estimator);
    if (tracker->half_seconds == 0 && tracker->slot_records == 0)
        tracker->answer_first_ns = now_ns;
    add_to_slot(tracker, estimator, now_ns, size);
    tracker->last_ns = now_ns;
}

static void add_excess(struct exchange_tracker *tracker, const struct estimator *estimator,
                       uint32_t size)
{
    struct triple *excess = &tracker->excess_bytes;

    /* The larger the base, the fewer bytes are tokens. */
    excess->low += excess_of(estimator, size, estimator->record_base_bytes.high);
    excess->central += excess_of(estimator, size, estimator->record_base_bytes.central);
    excess->high += excess_of(estimator, size, estimator->record_base_bytes.low);
}

static void add_answer(struct exchange_tracker *tracker, const struct estimator *estimator,
                       int64_t now_ns, uint32_t size)
{
    bool new_slot = slot_of(tracker, now_ns) != slot_of(tracker, tracker->last_ns);

    if ((tracker->half_seconds == 0 || new_slot) && tracker->half_seconds < MAX_SLOTS)
        tracker->half_seconds++;
    tracker->answer_bytes = add(tracker->answer_bytes, size);
    add_records(tracker, 1);
    if (estimator->method == METHOD_M2) {
        add_excess(tracker, estimator, size);
    } else {
        tracker->steps = add_small(tracker->steps, is_step(tracker, now_ns, size));
        vote(tracker, size);
        if (estimator->bulk_record_min > 0 && size >= estimator->bulk_record_min) {
            tracker->bulk_bytes = add(tracker->bulk_bytes, size);
            tracker->bulk_records = add_small(tracker->bulk_records, 1);
        }
    }
    tracker->last_ns = now_ns;
}

/* Browsers make small calls before the prompt proper. As long as what came back cannot be an answer
 * yet, a further call means that it was none: it is forgotten, and the request goes on. Only right
 * after the first reply, lest telemetry sent during an answer make us forget that. */
static bool still_asking(const struct exchange_tracker *tracker, const struct estimator *estimator,
                         int64_t now_ns)
{
    return tracker->state == STATE_ANSWER && !has_steps(tracker, estimator) &&
           now_ns - tracker->first_reply_ns < to_ns(estimator->answer_s_min);
}

static void go_on_asking(struct exchange_tracker *tracker, int64_t now_ns, uint32_t size)
{
    forget_answer(tracker);
    tracker->request_bytes = add(tracker->request_bytes, size);
    tracker->last_ns = now_ns;
    tracker->state = STATE_REQUEST;
}

/* Telemetry and the calls of other parts of the page, which go on while the answer is written: who
 * asks the next question has read this one. */
static bool is_beside(const struct exchange_tracker *tracker, const struct estimator *estimator,
                      int64_t now_ns)
{
    return uses_slots(estimator) && estimator->quiet_s > 0 && has_steps(tracker, estimator) &&
           now_ns - tracker->answer_first_ns <
               tracker->step_ms * (SECOND_NS / 1000) + to_ns(estimator->quiet_s);
}

static bool client_record(struct exchange_tracker *tracker, const struct estimator *estimator,
                          int64_t now_ns, uint32_t size, struct exchange_shape *finished)
{
    int64_t burst_gap_ns = to_ns(estimator->burst_gap_s);
    bool ended;

    if (tracker->state == STATE_REQUEST &&
        (burst_is_request(tracker, estimator) || now_ns - tracker->last_ns < burst_gap_ns)) {
        tracker->request_bytes = add(tracker->request_bytes, size);
        tracker->last_ns = now_ns;
        return false;
    }
    if (still_asking(tracker, estimator, now_ns)) {
        go_on_asking(tracker, now_ns, size);
        return false;
    }
    if (!is_answering(tracker)) { /* what came before, if anything, was no request */
        begin_request(tracker, now_ns, size);
        return false;
    }
    if (is_beside(tracker, estimator, now_ns))
        size = 0;
    if (tracker->state == STATE_ANSWER || now_ns - tracker->next_burst_last_ns >= burst_gap_ns)
        tracker->next_burst_bytes = 0;
    tracker->state = STATE_OVERLAP;
    tracker->next_burst_bytes = add(tracker->next_burst_bytes, size);
    tracker->next_burst_last_ns = now_ns;
    if ((double)tracker->next_burst_bytes < estimator->request_bytes_min)
        return false;
    ended = finish(tracker, estimator, finished);
    begin_request(tracker, now_ns, tracker->next_burst_bytes);
    return ended;
}

static void server_record(struct exchange_tracker *tracker, const struct estimator *estimator,
                          int64_t now_ns, uint32_t size)
{
    if (size < estimator->answer_record_min)
        return;
    if (tracker->state == STATE_REQUEST) {
        /* Answers to the small calls that go before a prompt do not interrupt its burst. */
        if (!burst_is_request(tracker, estimator))
            return;
        tracker->state = STATE_ANSWER;
        tracker->answer_first_ns = now_ns;
        tracker->last_ns = now_ns; /* no pause of the server is what the client waited */
        if (tracker->first_reply_ns == INT64_MAX)
            tracker->first_reply_ns = now_ns;
    }
    if (!is_answering(tracker))
        return;
    if (uses_slots(estimator))
        add_by_slots(tracker, estimator, now_ns, size);
    else
        add_answer(tracker, estimator, now_ns, size);
}

bool exchange_record(struct exchange_tracker *tracker, const struct estimator *estimator,
                     int64_t now_ns, bool from_client, uint32_t size,
                     struct exchange_shape *finished)
{
    if (!from_client) {
        server_record(tracker, estimator, now_ns, size);
        return false;
    }
    if (size < estimator->request_record_min)
        return false;
    return client_record(tracker, estimator, now_ns, size, finished);
}

int64_t exchange_deadline(const struct exchange_tracker *tracker, const struct estimator *estimator)
{
    switch (tracker->state) {
    case STATE_REQUEST:
        if (burst_is_request(tracker, estimator))
            return tracker->last_ns + REQUEST_PATIENCE_NS;
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
