/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/exchange.h"

#include <math.h>
#include <string.h>

#define SECOND_NS 1000000000LL
#define SLOT_NS   (SECOND_NS / 2)
/* Longest silence between a request and its answer: reasoning models think for minutes, and proxies
 * give up after ten. */
#define REQUEST_PATIENCE_NS (600 * SECOND_NS)

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
    tracker->excess_bytes = triple_exact(0);
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

/* New rules may have brought another method since the answer began: then what the old one gathered
 * is of no use, and must not be more than there was. */
static void add_sizes(const struct exchange_tracker *tracker, const struct estimator *estimator,
                      struct exchange_shape *shape)
{
    const struct triple *excess = &tracker->excess_bytes;

    if (estimator->method != METHOD_M2 && tracker->bulk_bytes <= tracker->answer_bytes &&
        tracker->bulk_records <= tracker->answer_records) {
        shape->bulk_bytes = tracker->bulk_bytes;
        shape->bulk_records = tracker->bulk_records;
    }
    if (estimator->method == METHOD_M2 && excess->low <= excess->central &&
        excess->central <= excess->high)
        shape->excess_bytes = *excess;
}

/* Whether what was gathered is an exchange; if so, gives its shape. Either way the tracker is idle.
 */
static bool finish(struct exchange_tracker *tracker, const struct estimator *estimator,
                   struct exchange_shape *finished)
{
    bool answered = is_answering(tracker);
    int64_t answer_ns = tracker->last_ns - tracker->answer_first_ns;

    tracker->state = STATE_IDLE;
    if (!answered || (double)tracker->answer_bytes < estimator->answer_bytes_min ||
        (double)answer_ns / 1e9 < estimator->answer_s_min ||
        tracker->half_seconds < estimator->answer_slots_min)
        return false;
    *finished = (struct exchange_shape){
        .request_bytes = tracker->request_bytes,
        .answer_bytes = tracker->answer_bytes,
        .answer_records = tracker->answer_records,
        .answer_ns = (uint64_t)answer_ns,
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

static void add_answer(struct exchange_tracker *tracker, const struct estimator *estimator,
                       int64_t now_ns, uint32_t size)
{
    struct triple *excess = &tracker->excess_bytes;
    bool new_slot = slot_of(tracker, now_ns) != slot_of(tracker, tracker->last_ns);

    if ((tracker->half_seconds == 0 || new_slot) && tracker->half_seconds < MAX_SLOTS)
        tracker->half_seconds++;
    tracker->last_ns = now_ns;
    tracker->answer_bytes = add(tracker->answer_bytes, size);
    if (tracker->answer_records < MAX_RECORDS)
        tracker->answer_records++;
    if (estimator->method != METHOD_M2 && estimator->bulk_record_min > 0 &&
        size >= estimator->bulk_record_min) {
        tracker->bulk_bytes = add(tracker->bulk_bytes, size);
        tracker->bulk_records = add(tracker->bulk_records, 1);
    }
    /* The larger the base, the fewer bytes are tokens. */
    if (estimator->method != METHOD_M2)
        return;
    excess->low += excess_of(estimator, size, estimator->record_base_bytes.high);
    excess->central += excess_of(estimator, size, estimator->record_base_bytes.central);
    excess->high += excess_of(estimator, size, estimator->record_base_bytes.low);
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
    tracker->request_bytes = add(tracker->request_bytes, size);
    tracker->last_ns = now_ns;
    tracker->state = STATE_REQUEST;
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
        if (tracker->first_reply_ns == INT64_MAX)
            tracker->first_reply_ns = now_ns;
    }
    if (is_answering(tracker))
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
