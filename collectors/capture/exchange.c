/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/exchange.h"

#include <string.h>

#define SECOND_NS 1000000000LL
#define SLOT_NS   (SECOND_NS / 2)
/* Longest silence between a request and its answer: reasoning models think for minutes, and proxies
 * give up after ten. */
#define REQUEST_PATIENCE_NS (600 * SECOND_NS)

enum { STATE_IDLE, STATE_REQUEST, STATE_ANSWER };

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

static bool burst_is_request(const struct exchange_tracker *tracker,
                             const struct estimator *estimator)
{
    return (double)tracker->shape.request_bytes >= estimator->request_bytes_min;
}

static void begin_request(struct exchange_tracker *tracker, int64_t now_ns, uint64_t bytes)
{
    bool first = !tracker->had_exchange;

    memset(&tracker->shape, 0, sizeof(tracker->shape));
    tracker->shape.first_on_connection = first;
    tracker->shape.request_bytes = bytes;
    tracker->burst_last_ns = now_ns;
    tracker->first_reply_ns = INT64_MAX;
    tracker->next_burst_bytes = 0;
    tracker->slots = 0;
    tracker->state = STATE_REQUEST;
}

/* Whether what was gathered is an exchange; if so, gives its shape. Either way the tracker is idle.
 */
static bool finish(struct exchange_tracker *tracker, const struct estimator *estimator,
                   struct exchange_shape *finished)
{
    bool answered = tracker->state == STATE_ANSWER;
    double answer_s = (double)(tracker->answer_last_ns - tracker->answer_first_ns) / 1e9;

    tracker->state = STATE_IDLE;
    if (!answered || (double)tracker->shape.answer_bytes < estimator->answer_bytes_min ||
        answer_s < estimator->answer_s_min || tracker->slots < estimator->answer_slots_min)
        return false;
    tracker->had_exchange = true;
    tracker->shape.answer_ns = (uint64_t)(tracker->answer_last_ns - tracker->answer_first_ns);
    *finished = tracker->shape;
    return true;
}

static double above(double size, double base)
{
    return size > base ? size - base : 0;
}

static void add_answer(struct exchange_tracker *tracker, const struct estimator *estimator,
                       int64_t now_ns, uint32_t size)
{
    struct exchange_shape *shape = &tracker->shape;
    uint32_t slot = (uint32_t)((now_ns - tracker->answer_first_ns) / SLOT_NS);

    if (tracker->slots == 0 || slot != tracker->last_slot)
        tracker->slots++;
    tracker->last_slot = slot;
    tracker->answer_last_ns = now_ns;
    shape->answer_bytes += size;
    shape->answer_records++;
    /* The larger the base, the fewer bytes are tokens. */
    shape->excess_bytes.low += above(size, estimator->record_base_bytes.high);
    shape->excess_bytes.central += above(size, estimator->record_base_bytes.central);
    shape->excess_bytes.high += above(size, estimator->record_base_bytes.low);
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
    struct exchange_shape *shape = &tracker->shape;

    shape->request_bytes += size;
    shape->answer_bytes = 0;
    shape->answer_records = 0;
    shape->excess_bytes = triple_exact(0);
    tracker->slots = 0;
    tracker->burst_last_ns = now_ns;
    tracker->state = STATE_REQUEST;
}

static bool client_record(struct exchange_tracker *tracker, const struct estimator *estimator,
                          int64_t now_ns, uint32_t size, struct exchange_shape *finished)
{
    int64_t burst_gap_ns = to_ns(estimator->burst_gap_s);
    bool ended;

    if (tracker->state == STATE_REQUEST &&
        (burst_is_request(tracker, estimator) || now_ns - tracker->burst_last_ns < burst_gap_ns)) {
        tracker->shape.request_bytes += size;
        tracker->burst_last_ns = now_ns;
        return false;
    }
    if (still_asking(tracker, estimator, now_ns)) {
        go_on_asking(tracker, now_ns, size);
        return false;
    }
    if (tracker->state != STATE_ANSWER) { /* what came before, if anything, was no request */
        begin_request(tracker, now_ns, size);
        return false;
    }
    if (now_ns - tracker->next_burst_last_ns >= burst_gap_ns)
        tracker->next_burst_bytes = 0;
    tracker->next_burst_bytes += size;
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
    if (tracker->state == STATE_REQUEST) {
        /* Answers to the small calls that go before a prompt do not interrupt its burst. */
        if (size < estimator->answer_record_min || !burst_is_request(tracker, estimator))
            return;
        tracker->state = STATE_ANSWER;
        tracker->answer_first_ns = now_ns;
        if (tracker->first_reply_ns == INT64_MAX)
            tracker->first_reply_ns = now_ns;
        tracker->next_burst_bytes = 0;
        tracker->next_burst_last_ns = now_ns;
    }
    if (tracker->state == STATE_ANSWER && size >= estimator->answer_record_min)
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
            return tracker->burst_last_ns + REQUEST_PATIENCE_NS;
        return tracker->burst_last_ns + to_ns(estimator->burst_gap_s);
    case STATE_ANSWER:
        return tracker->answer_last_ns + to_ns(estimator->answer_gap_s);
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
