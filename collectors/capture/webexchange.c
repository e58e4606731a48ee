/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/webexchange.h"

#include <string.h>

#define SECOND_NS 1000000000LL
#define MS_NS     (SECOND_NS / 1000)
#define US_NS     (MS_NS / 1000)
/* Models write tens of tokens a second; what one write fills several records with follows within a
 * millisecond. */
#define PAUSE_NS (10 * MS_NS)
/* Sizes that differ by less than one in so many are one: padding is not the same on each event. */
#define MODAL_TOLERANCE 16

/* Every path of QUIC takes 1200 (RFC 9000, 14), with the header. */
#define FULL_DATAGRAM_BYTES 1150

/* Datagrams are counted in units of 8 bytes, and full where they are close to the largest. */
enum { DATAGRAM_UNIT_BYTES = 8, DATAGRAM_SLACK_UNITS = 4 };
/* So are the client's records, in larger units; one that is as full has more of a file after it. */
enum { RECORD_UNIT_BYTES = 64, FULL_RECORD_UNITS = 16000 / RECORD_UNIT_BYTES };
/* As many writes may be replies as there were calls; of a page or a file, any number. */
enum { ANY_REPLIES = UINT8_MAX };
enum { MAX_WRITE_US = (1 << 21) - 1 };
enum { MAX_RECORDS = (1 << 17) - 1, MAX_GROUPS = 3, MAX_REQUESTS = (1 << 4) - 1, BESIDE_STEPS = 3 };
enum { MAX_STEP_MS = (1 << 24) - 1, MAX_ACTIVE_MS = (1 << 22) - 1, MAX_ENDS = (1 << 4) - 1 };
enum { MAX_REPLY_ENDS = (1 << 2) - 1 };
enum { MAX_BEGINS = (1 << 3) - 1 };
enum { MAX_FILES = 3 };
enum { MAX_ANSWER_BYTES = INT32_MAX };
/* Protected (RFC 8446, 5.2). More was not captured: it is not known what that is, or when it came.
 */
enum { MAX_RECORD_BYTES = (1 << 14) + 256 };
/* Of a write of events, as many count by themselves: so that neither they nor their bytes (of
 * stream_record_max in the mean, so 65000 at most) reach the largest number that is counted. */
enum { STREAM_PART_RECORDS = 100 };
/* Of a reply that is small: headers, and a body. */
enum { REPLY_RECORDS = 2 };

/* HTTP/2 over TLS 1.3: a frame of 9 bytes that holds nothing (RFC 9113, 6.1), in a record of its
 * own with the type and a tag of 16 (RFC 8446, 5.2), ends a stream. */
enum { END_BYTES = 9 + 17 };

bool webexchange_applies(const struct estimator *estimator)
{
    return estimator->reply_s > 0;
}

void webexchange_start(struct webexchange *tracker, bool is_quic)
{
    memset(tracker, 0, sizeof(*tracker));
    tracker->is_quic = is_quic;
}

static bool may_be_step(const struct webexchange *tracker)
{
    return tracker->write_is_open && !tracker->write_is_reply;
}

bool webexchange_is_open(const struct webexchange *tracker)
{
    return tracker->answering || may_be_step(tracker);
}

static int64_t to_ns(double seconds)
{
    return (int64_t)(seconds * (double)SECOND_NS);
}

static uint32_t to_ms(int64_t ns)
{
    return ns > 0 ? (uint32_t)(ns / MS_NS) : 0;
}

static uint32_t at_most(uint32_t value, uint32_t most)
{
    return value < most ? value : most;
}

static uint32_t to_us(int64_t ns)
{
    return ns > 0 ? (uint32_t)(ns / US_NS) : 0;
}

static uint32_t add(uint32_t sum, uint32_t more)
{
    return more < UINT32_MAX - sum ? sum + more : UINT32_MAX;
}

static uint16_t add_small(uint16_t sum, uint32_t more)
{
    return (uint16_t)(more < UINT16_MAX - (uint32_t)sum ? sum + more : UINT16_MAX);
}

static void add_answer_bytes(struct webexchange *tracker, uint32_t more)
{
    tracker->answer_bytes =
        at_most(add(tracker->answer_bytes, more), MAX_ANSWER_BYTES) & MAX_ANSWER_BYTES;
}

static void add_records(struct webexchange *tracker, uint32_t more)
{
    uint32_t room = MAX_RECORDS - (uint32_t)tracker->answer_records;

    tracker->answer_records = (tracker->answer_records + (more < room ? more : room)) & MAX_RECORDS;
}

/* Majority vote (Boyer and Moore, 1981): of all records, the size of more than half survives. */
static void vote(struct webexchange *tracker, uint32_t size)
{
    uint32_t modal = tracker->modal_bytes;
    uint32_t difference = size > modal ? size - modal : modal - size;

    if (tracker->modal_lead == 0) {
        /* One that wins only later may be of few records: then none is known. */
        if (tracker->answer_records > ESTIMATOR_VOTE_RECORDS)
            return;
        tracker->modal_bytes = add_small(0, size);
        tracker->modal_lead = 1;
    } else if (difference <= modal / MODAL_TOLERANCE) {
        tracker->modal_lead = add_small(tracker->modal_lead, 1);
    } else {
        tracker->modal_lead--;
    }
}

/* At most; of a long write, only the last part is known. */
static uint32_t write_bytes(const struct webexchange *tracker)
{
    return tracker->write_is_long ? UINT16_MAX : tracker->write_bytes;
}

static int64_t write_first_ns(const struct webexchange *tracker)
{
    return tracker->last_ns - tracker->write_us * US_NS;
}

/* -- Answers ---------------------------------------------------------------------------------- */

static bool has_request(const struct webexchange *tracker, const struct estimator *estimator)
{
    return (double)tracker->burst_bytes >= estimator->request_bytes_min;
}

static int64_t last_step_ns(const struct webexchange *tracker)
{
    return tracker->answer_first_ns + tracker->step_ms * MS_NS;
}

static bool is_beyond_reports(const struct webexchange *tracker, const struct estimator *estimator,
                              uint32_t bytes)
{
    double least =
        tracker->is_quic ? estimator->overlap_quic_bytes_min : estimator->overlap_bytes_min;

    return least > 0 && (double)bytes >= least;
}

/* Of an answer, as pages do that tell so much then. */
static bool is_end_report(const struct webexchange *tracker, const struct estimator *estimator)
{
    double least =
        tracker->is_quic ? estimator->end_report_quic_bytes_min : estimator->end_report_bytes_min;

    return least > 0 && (double)tracker->burst_bytes >= least;
}

static bool has_file(const struct webexchange *tracker, const struct estimator *estimator)
{
    return estimator->upload_bytes_min > 0 &&
           (double)tracker->burst_bytes >= estimator->upload_bytes_min;
}

/* Whether there is enough of it: what shows that an answer begins may have an end, and no text. */
static bool has_substance(const struct webexchange *tracker, const struct estimator *estimator)
{
    return tracker->streamed || (tracker->begins > 0 && tracker->steps > 1) ||
           (tracker->steps >= estimator->answer_steps_min &&
            tracker->active_ms / 1e3 >= estimator->answer_s_min);
}

static bool is_answer(const struct webexchange *tracker, const struct estimator *estimator)
{
    return tracker->answering && has_substance(tracker, estimator) &&
           (double)tracker->answer_bytes >= estimator->answer_bytes_min;
}

/* Whether what has the shape of an answer may be no more than that the model thinks: those that do
 * say so at once, and then are silent. */
static bool may_be_sign_of_life(const struct webexchange *tracker,
                                const struct estimator *estimator)
{
    return is_answer(tracker, estimator) && !tracker->streamed &&
           tracker->active_ms / 1e3 < estimator->sign_of_life_s;
}

/* Where ends of answers show: whether it is an answer whose end is yet to come. One that a person
 * stopped never has it; nor any, where the last event may not be in a record of its own. */
static bool is_without_end(const struct webexchange *tracker, const struct estimator *estimator)
{
    return estimator->end_record_max > 0 && !estimator->end_record_is_last && !tracker->is_quic &&
           is_answer(tracker, estimator) &&
           (tracker->ends == 0 || tracker->steps_on >= BESIDE_STEPS);
}

/* Whether what the client said since the last step was the next request. Nobody asks before an
 * answer has ended, and models take a while to begin: what is sent while the server goes on is
 * beside it. While it thinks, and while it calls a tool, pages report. */
static bool asks_again(const struct webexchange *tracker, const struct estimator *estimator)
{
    return has_request(tracker, estimator) &&
           write_first_ns(tracker) - last_step_ns(tracker) >= to_ns(estimator->rest_s) &&
           ((!may_be_sign_of_life(tracker, estimator) && !is_without_end(tracker, estimator)) ||
            is_beyond_reports(tracker, estimator, tracker->burst_bytes));
}

/* Unless it is more than a page reports: then somebody asks in another tab, on the same connection.
 * Of a page that reports the end of an answer, the server does not go on, unless with another one
 * that was asked beside it. Who loads a page, or a conversation again, or sends a file, asks later,
 * if at all. */
static void look_beside(struct webexchange *tracker, const struct estimator *estimator)
{
    if (!tracker->burst_is_page && !has_file(tracker, estimator) &&
        is_beyond_reports(tracker, estimator, tracker->burst_bytes)) {
        tracker->beside_steps = 1;
        tracker->beside_is_end = is_end_report(tracker, estimator) ? 1 : 0;
    } else if (tracker->beside_steps > 0 &&
               (double)write_bytes(tracker) >= estimator->overlap_step_bytes_min) {
        tracker->beside_steps = (tracker->beside_steps + 1) & 3;
    }
    if (tracker->beside_steps < BESIDE_STEPS)
        return;
    tracker->beside_steps = 0;
    if (tracker->beside_is_end && tracker->ends < MAX_ENDS)
        tracker->ends = (tracker->ends + 1) & MAX_ENDS;
    else if (!tracker->beside_is_end && tracker->requests < MAX_REQUESTS)
        tracker->requests = (tracker->requests + 1) & MAX_REQUESTS;
}

/* Where ends of answers show, each has one, but for what still goes on. Else what was asked beside
 * it counts, or how often one ended while another went on: it is the same, and of each some may not
 * be seen. */
static uint32_t asked_and_ended(const struct webexchange *tracker,
                                const struct estimator *estimator)
{
    uint32_t goes_on = tracker->steps_on >= BESIDE_STEPS ? 1 : 0;
    uint32_t ended = tracker->ends;

    if (estimator->end_record_max > 0 && ended > 0)
        return ended + goes_on;
    return tracker->requests > ended + 1 ? tracker->requests : ended + 1;
}

/* Nor may each begin be seen. */
static uint32_t requests_of(const struct webexchange *tracker, const struct estimator *estimator)
{
    uint32_t requests = asked_and_ended(tracker, estimator);

    return tracker->begins > requests ? tracker->begins : requests;
}

static bool end_answer(struct webexchange *tracker, const struct estimator *estimator,
                       struct exchange_shape *finished)
{
    bool answered = is_answer(tracker, estimator);

    /* What was none leaves the request unanswered: models think, and servers say that they do. */
    if (tracker->answering && !answered && tracker->burst_bytes < tracker->request_bytes)
        tracker->burst_bytes = tracker->request_bytes;
    tracker->answering = 0;
    if (!answered)
        return false;
    *finished = (struct exchange_shape){
        .answer_first_ns = tracker->answer_first_ns,
        .answer_last_ns = last_step_ns(tracker),
        .requests = requests_of(tracker, estimator),
        .files = tracker->files,
        .http = tracker->is_quic ? EXCHANGE_HTTP_3 : EXCHANGE_HTTP_1,
        .request_bytes = tracker->request_bytes,
        .answer_bytes = tracker->answer_bytes,
        .answer_records = tracker->answer_records,
        .answer_ns = (uint64_t)tracker->active_ms * MS_NS,
        .steps = tracker->steps,
        .modal_bytes = tracker->modal_bytes,
        .modal_lead = tracker->modal_lead,
        .first_on_connection = !tracker->had_exchange,
    };
    tracker->had_exchange = 1;
    tracker->files = 0;
    return true;
}

/* How many ask before the first of them is answered. Beside files, of which a prompt may have any
 * number, nobody can tell. */
static uint32_t asked_at_once(const struct webexchange *tracker, const struct estimator *estimator)
{
    return tracker->groups > 1 && !has_file(tracker, estimator) ? tracker->groups : 1;
}

static void begin_answer(struct webexchange *tracker, const struct estimator *estimator)
{
    tracker->answer_first_ns = write_first_ns(tracker);
    tracker->requests = asked_at_once(tracker, estimator) & MAX_REQUESTS;
    tracker->request_bytes = tracker->burst_bytes;
    tracker->burst_bytes = 0;
    tracker->answer_bytes = 0;
    tracker->answer_records = 0;
    tracker->beside_steps = 0;
    tracker->ends = 0;
    tracker->begins = 0;
    tracker->steps_on = 0;
    tracker->steps = 0;
    tracker->step_ms = 0;
    tracker->active_ms = 0;
    tracker->streamed = 0;
    tracker->modal_lead = 0;
    tracker->answering = 1;
}

/* The client has said what it wanted to, and the server goes on. */
static void close_burst(struct webexchange *tracker, const struct estimator *estimator,
                        bool is_beside)
{
    if (is_beside)
        look_beside(tracker, estimator);
    else
        tracker->beside_steps = 0;
    if (has_request(tracker, estimator))
        tracker->asked = 1;
    tracker->burst_bytes = 0;
    tracker->burst_is_page = 0;
    tracker->groups = 0;
}

/* Of an answer, if it had steps. */
static void add_end(struct webexchange *tracker)
{
    if (tracker->steps_on < BESIDE_STEPS)
        return;
    if (tracker->ends < MAX_ENDS)
        tracker->ends = (tracker->ends + 1) & MAX_ENDS;
    tracker->steps_on = 0;
}

/* An answer begins with an event that tells of it, and is larger than pieces of text. So may be a
 * reply: these come sooner, also over a long way. And something must have been asked since the last
 * one began: what was found in a search is a large event amid an answer. */
static void look_for_begin(struct webexchange *tracker, const struct estimator *estimator)
{
    if (!tracker->write_begins || (tracker->begins > 0 && !tracker->asked) ||
        write_first_ns(tracker) - tracker->call_ns < to_ns(estimator->begin_s))
        return;
    tracker->asked = 0;
    if (tracker->begins < MAX_BEGINS)
        tracker->begins = (tracker->begins + 1) & MAX_BEGINS;
}

/* A pause that is longer than a rest is no part of the answer, and what came after it no step; but
 * of a write of events: a model may think, or call a tool, before it writes them all. */
static void add_step(struct webexchange *tracker, const struct estimator *estimator, bool of_events)
{
    uint32_t since_ms = to_ms(write_first_ns(tracker) - last_step_ns(tracker));
    bool has_rested = since_ms >= to_ms(to_ns(estimator->rest_s));

    tracker->step_ms =
        at_most(to_ms(write_first_ns(tracker) - tracker->answer_first_ns), MAX_STEP_MS) &
        MAX_STEP_MS;
    if (write_first_ns(tracker) - tracker->call_ns >= to_ns(estimator->reply_s))
        close_burst(tracker, estimator, !has_rested);
    look_for_begin(tracker, estimator);
    if (has_rested && !of_events)
        return;
    for (uint16_t i = 0; i < tracker->write_records; i++)
        vote(tracker, write_bytes(tracker) / tracker->write_records);
    add_answer_bytes(tracker, write_bytes(tracker));
    add_records(tracker, tracker->write_records);
    tracker->steps = add_small(tracker->steps, 1);
    if (of_events) {
        tracker->streamed = 1;
        tracker->steps_on = BESIDE_STEPS;
    } else if (tracker->steps_on < BESIDE_STEPS) {
        tracker->steps_on = (tracker->steps_on + 1) & 3;
    }
    if (!has_rested)
        tracker->active_ms = at_most(tracker->active_ms + since_ms, MAX_ACTIVE_MS) & MAX_ACTIVE_MS;
}

/* -- Writes ----------------------------------------------------------------------------------- */

/* Whether the write is of events, as a model makes them that writes faster than pauses show: many
 * records, and small ones. Those of a page or a file are full, and replies to the last calls have
 * no more than two each. */
static bool is_of_events(const struct webexchange *tracker, const struct estimator *estimator)
{
    int replies = REPLY_RECORDS * (tracker->replies + (int)tracker->write_is_reply);
    int records = tracker->write_records;
    bool is_many = records >= estimator->stream_records_min && records > replies;

    return estimator->stream_records_min > 0 && !tracker->write_is_long &&
           (tracker->write_goes_on || is_many) &&
           tracker->write_bytes <= records * estimator->stream_record_max;
}

static bool is_large(const struct webexchange *tracker, const struct estimator *estimator)
{
    return tracker->write_is_long || (double)tracker->write_bytes > estimator->step_bytes_max;
}

/* Nor is it a step: a page, or a file. */
static void pass_large(struct webexchange *tracker)
{
    tracker->call_ns = tracker->last_ns;
    tracker->replies = ANY_REPLIES;
    tracker->burst_is_page = 1;
    tracker->groups = 0;
}

/* Whether the write, of no events, is too large for a step. Where nothing else can be meant, an
 * answer may grow: each message of some repeats all of its text. */
static bool is_too_large(const struct webexchange *tracker, const struct estimator *estimator)
{
    if (estimator->one_at_a_time && is_answer(tracker, estimator))
        return false;
    return tracker->write_is_cut || is_large(tracker, estimator);
}

/* The write is over: it was a step, or none. */
static bool close_write(struct webexchange *tracker, const struct estimator *estimator,
                        struct exchange_shape *finished)
{
    bool of_events = is_of_events(tracker, estimator);
    bool ended = false;

    if (!tracker->write_is_open)
        return false;
    tracker->write_is_open = 0;
    if (!of_events && is_too_large(tracker, estimator)) {
        if (tracker->write_has_end)
            add_end(tracker);
        pass_large(tracker);
        return false;
    }
    if (tracker->write_is_reply && !of_events) {
        if (tracker->write_has_end)
            add_end(tracker);
        return false;
    }
    if (tracker->answering && asks_again(tracker, estimator))
        ended = end_answer(tracker, estimator, finished);
    if (!tracker->answering && !has_request(tracker, estimator))
        return ended;
    if (!tracker->answering)
        begin_answer(tracker, estimator);
    add_step(tracker, estimator, of_events);
    if (tracker->write_has_end)
        add_end(tracker);
    return ended;
}

/* Whether more must follow a server's datagram of that size: the first of an answer may be large,
 * too, but only those of a page or a file are as large as the path takes. */
static bool is_full(struct webexchange *tracker, uint32_t size)
{
    uint32_t units = at_most(size / DATAGRAM_UNIT_BYTES, UINT8_MAX);

    if (units > tracker->largest_units)
        tracker->largest_units = (uint8_t)units;
    return size >= FULL_DATAGRAM_BYTES && units + DATAGRAM_SLACK_UNITS >= tracker->largest_units;
}

/* Whether a datagram of SIZE bytes shows by itself that more must follow. One that comes after a
 * pause may be an event of just that size: parts of a file come back to back. */
static bool is_cut(struct webexchange *tracker, const struct estimator *estimator, int64_t gap_ns,
                   uint32_t size)
{
    bool is_apart =
        estimator->full_datagram_pause_s > 0 && gap_ns >= to_ns(estimator->full_datagram_pause_s);

    return tracker->is_quic && is_full(tracker, size) && !is_apart;
}

/* Whether a write that begins now is the reply to a call. While pages report in one tab, text goes
 * on in another: when each call has its reply, what is more is not one. Replies to calls may be
 * late; what follows a page or a file is not. */
static bool take_reply(struct webexchange *tracker, const struct estimator *estimator,
                       int64_t now_ns)
{
    bool is_late = now_ns - tracker->call_ns >= to_ns(estimator->reply_s);

    if (is_late && tracker->replies == ANY_REPLIES)
        tracker->replies = 0;
    if (is_late || tracker->replies == 0)
        return false;
    if (tracker->replies < ANY_REPLIES)
        tracker->replies--;
    return true;
}

static void add_write_time(struct webexchange *tracker, int64_t gap_ns)
{
    uint32_t write_us = add(tracker->write_us, to_us(gap_ns));

    tracker->write_us = write_us < MAX_WRITE_US ? write_us & MAX_WRITE_US : MAX_WRITE_US;
}

/* Whether the write is longer with a record of SIZE than can be counted. */
static bool overflows(const struct webexchange *tracker, uint32_t size)
{
    return size > UINT16_MAX - (uint32_t)tracker->write_bytes;
}

static void add_write_bytes(struct webexchange *tracker, uint32_t size)
{
    if (!overflows(tracker, size)) {
        tracker->write_bytes = (uint16_t)(tracker->write_bytes + size);
        return;
    }
    tracker->write_is_long = 1;
    tracker->write_bytes = size > MAX_RECORD_BYTES ? 0 : (uint16_t)size;
}

/* A write begins; GOES_ON: after as many events as count by themselves. */
static void begin_write(struct webexchange *tracker, const struct estimator *estimator,
                        int64_t now_ns, bool goes_on)
{
    tracker->write_us = 0;
    tracker->write_bytes = 0;
    tracker->write_is_long = 0;
    tracker->write_records = 0;
    tracker->write_has_end = 0;
    tracker->write_is_big = 0;
    tracker->write_begins = 0;
    tracker->write_goes_on = goes_on;
    tracker->write_is_reply = !goes_on && take_reply(tracker, estimator, now_ns);
    tracker->write_is_open = 1;
}

/* Whether an answer's begin has a record of that size. */
static bool is_of_begin(const struct estimator *estimator, uint32_t size)
{
    return estimator->begin_record_min > 0 && (double)size >= estimator->begin_record_min &&
           (double)size <= estimator->begin_record_max;
}

static bool server_record(struct webexchange *tracker, const struct estimator *estimator,
                          int64_t now_ns, uint32_t size, struct exchange_shape *finished)
{
    int64_t gap_ns = now_ns - tracker->last_ns;
    bool goes_on = gap_ns < PAUSE_NS && tracker->write_is_open &&
                   tracker->write_records >= STREAM_PART_RECORDS &&
                   is_of_events(tracker, estimator);
    bool ended = false;

    if (gap_ns >= PAUSE_NS || goes_on)
        ended = close_write(tracker, estimator, finished);
    if (tracker->write_is_open)
        add_write_time(tracker, gap_ns);
    else
        begin_write(tracker, estimator, now_ns, goes_on);
    if (tracker->write_records == 0 || (double)gap_ns >= estimator->event_gap_s * 1e9)
        tracker->write_records =
            (uint8_t)(tracker->write_records + (tracker->write_records < UINT8_MAX));
    tracker->write_is_cut = is_cut(tracker, estimator, gap_ns, size);
    if ((double)size > estimator->end_record_max)
        tracker->write_is_big = 1;
    else if (estimator->end_record_is_last)
        tracker->write_is_big = 0;
    if (is_of_begin(estimator, size))
        tracker->write_begins = 1;
    add_write_bytes(tracker, size);
    tracker->last_ns = now_ns;
    return ended;
}

/* Whether the end of a stream is of a reply to one of the calls that were made last. Where that of
 * an answer comes first, that of the reply, if it is as small, is then taken for it. */
static bool is_end_of_reply(struct webexchange *tracker, const struct estimator *estimator,
                            int64_t now_ns)
{
    if (!estimator->replies_end || tracker->reply_ends == 0 ||
        now_ns - tracker->call_ns >= to_ns(estimator->reply_s))
        return false;
    tracker->reply_ends = (tracker->reply_ends - 1) & MAX_REPLY_ENDS;
    return true;
}

/* The end of a stream, in a write or by itself. Replies begin with headers, which are larger than
 * what answers of such a service end with; or these have one last event that is small. */
static void note_end(struct webexchange *tracker, const struct estimator *estimator, int64_t now_ns)
{
    bool goes_on = tracker->write_is_open && now_ns - tracker->last_ns < PAUSE_NS;

    if (estimator->end_record_max <= 0 || tracker->is_quic ||
        is_end_of_reply(tracker, estimator, now_ns))
        return;
    if (goes_on && (!tracker->write_is_big || is_of_events(tracker, estimator)))
        tracker->write_has_end = 1;
    if (!goes_on && tracker->answering && now_ns - tracker->call_ns >= to_ns(estimator->reply_s))
        add_end(tracker);
}

/* Counts the groups of calls that are larger than reports: before an answer to the first of them,
 * the second is of another tab. */
static void add_to_group(struct webexchange *tracker, const struct estimator *estimator,
                         int64_t gap_ns, uint32_t size)
{
    bool was_request;

    if (gap_ns >= to_ns(estimator->burst_gap_s))
        tracker->groups = 0;
    if (gap_ns >= to_ns(estimator->reply_s))
        tracker->group_bytes = 0;
    was_request = is_beyond_reports(tracker, estimator, tracker->group_bytes);
    tracker->group_bytes = add_small(tracker->group_bytes, size);
    if (!was_request && is_beyond_reports(tracker, estimator, tracker->group_bytes) &&
        tracker->groups < MAX_GROUPS)
        tracker->groups = (tracker->groups + 1) & MAX_GROUPS;
}

/* Of a call in several datagrams, the last is not full, but for the only one. */
static void expect_reply(struct webexchange *tracker, const struct estimator *estimator,
                         int64_t gap_ns, uint32_t size)
{
    if (gap_ns >= to_ns(estimator->reply_s) || tracker->replies == ANY_REPLIES)
        tracker->replies = 0;
    if (tracker->replies < ANY_REPLIES - 1 &&
        (!tracker->is_quic || size < FULL_DATAGRAM_BYTES || tracker->replies == 0))
        tracker->replies++;
}

/* One for each call. A record as large as a request is no call by itself, but what one before it
 * sends; that call asks for an answer, whose end is not near. */
static void expect_end(struct webexchange *tracker, const struct estimator *estimator,
                       int64_t gap_ns, uint32_t size)
{
    if (gap_ns >= to_ns(estimator->reply_s))
        tracker->reply_ends = 0;
    if ((double)size < estimator->request_bytes_min && tracker->reply_ends < MAX_REPLY_ENDS)
        tracker->reply_ends = (tracker->reply_ends + 1) & MAX_REPLY_ENDS;
    else if ((double)size >= estimator->request_bytes_min && tracker->reply_ends > 0)
        tracker->reply_ends = (tracker->reply_ends - 1) & MAX_REPLY_ENDS;
}

static void note_largest(struct webexchange *tracker, const struct estimator *estimator,
                         bool goes_on, uint32_t size)
{
    uint32_t units = at_most(size / RECORD_UNIT_BYTES, UINT8_MAX);
    bool begins = !goes_on && (double)size >= estimator->request_bytes_min;

    if (!tracker->is_quic && (begins || units > tracker->largest_units))
        tracker->largest_units = (uint8_t)units;
}

/* Adds to the burst, or begins the next one; what is too small for a request begins none in place
 * of one that was not. */
static void add_to_burst(struct webexchange *tracker, const struct estimator *estimator,
                         int64_t gap_ns, uint32_t size)
{
    bool goes_on = gap_ns < to_ns(estimator->burst_gap_s);

    if (!goes_on && has_request(tracker, estimator) && (double)size < estimator->request_bytes_min)
        return;
    note_largest(tracker, estimator, goes_on, size);
    if (!goes_on)
        tracker->in_file = 0;
    tracker->burst_bytes = goes_on ? add(tracker->burst_bytes, size) : size;
    if (tracker->in_file || !has_file(tracker, estimator))
        return;
    tracker->in_file = 1;
    if (tracker->files < MAX_FILES)
        tracker->files = (tracker->files + 1) & MAX_FILES;
}

/* Of a connection over which one thing is asked at a time, what is said next ends the answer: so
 * the replies to several calls do not add up to one. */
static bool end_by_call(struct webexchange *tracker, const struct estimator *estimator,
                        struct exchange_shape *finished)
{
    struct exchange_shape none;
    bool ended = close_write(tracker, estimator, finished);

    if (!estimator->one_at_a_time || !tracker->answering)
        return ended;
    return end_answer(tracker, estimator, ended ? &none : finished) || ended;
}

static bool client_record(struct webexchange *tracker, const struct estimator *estimator,
                          int64_t now_ns, uint32_t size, struct exchange_shape *finished)
{
    bool ended = end_by_call(tracker, estimator, finished);

    add_to_group(tracker, estimator, now_ns - tracker->call_ns, size);
    expect_reply(tracker, estimator, now_ns - tracker->call_ns, size);
    expect_end(tracker, estimator, now_ns - tracker->call_ns, size);
    add_to_burst(tracker, estimator, now_ns - tracker->call_ns, size);
    tracker->call_ns = now_ns;
    return ended;
}

/* Whether the client asked last as over a WebSocket that may be compressed: in one large record,
 * where pages make many calls, and files fill theirs. */
static bool may_be_packed(const struct webexchange *tracker, const struct estimator *estimator)
{
    return estimator->packed_record_min > 0 && !tracker->is_quic &&
           tracker->largest_units * RECORD_UNIT_BYTES >= estimator->packed_request_record_min &&
           tracker->largest_units < FULL_RECORD_UNITS;
}

/* What a record has, at least, that is no acknowledgement: LEAST, but of compressed messages. */
static double record_min(const struct webexchange *tracker, const struct estimator *estimator,
                         double least)
{
    return may_be_packed(tracker, estimator) && estimator->packed_record_min < least
               ? estimator->packed_record_min
               : least;
}

bool webexchange_record(struct webexchange *tracker, const struct estimator *estimator,
                        int64_t now_ns, bool from_client, uint32_t size,
                        struct exchange_shape *finished)
{
    if (from_client)
        return size >= record_min(tracker, estimator, estimator->request_record_min) &&
               client_record(tracker, estimator, now_ns, size, finished);
    if (size == END_BYTES)
        note_end(tracker, estimator, now_ns);
    return size >= record_min(tracker, estimator, estimator->answer_record_min) &&
           server_record(tracker, estimator, now_ns, size, finished);
}

/* Whether this record does not go on with the write. */
static bool is_beyond_write(const struct webexchange *tracker, const struct estimator *estimator,
                            int64_t now_ns, bool from_client, uint32_t size)
{
    if (from_client)
        return size >= record_min(tracker, estimator, estimator->request_record_min);
    return size >= record_min(tracker, estimator, estimator->answer_record_min) &&
           (now_ns - tracker->last_ns >= PAUSE_NS || overflows(tracker, size));
}

/* How many calls may wait for the write. Text in another tab may have been taken for the reply to
 * the only one. */
static uint32_t calls_of_write(const struct webexchange *tracker)
{
    uint32_t waiting = (uint32_t)tracker->replies + tracker->write_is_reply;

    if (tracker->write_is_long || tracker->replies == ANY_REPLIES)
        return 0;
    return waiting > 0 ? waiting : 1;
}

bool webexchange_ends_bulk(const struct webexchange *tracker, const struct estimator *estimator,
                           int64_t now_ns, bool from_client, uint32_t size,
                           struct webexchange_bulk *bulk)
{
    if (!tracker->write_is_open || !is_large(tracker, estimator) ||
        !is_too_large(tracker, estimator) ||
        !is_beyond_write(tracker, estimator, now_ns, from_client, size) ||
        is_of_events(tracker, estimator))
        return false;
    *bulk = (struct webexchange_bulk){
        .first_ns = write_first_ns(tracker),
        .last_ns = tracker->last_ns,
        .bytes = tracker->write_bytes,
        .calls = calls_of_write(tracker),
        .is_of_answers = tracker->had_exchange || is_answer(tracker, estimator),
    };
    return true;
}

uint32_t webexchange_take_files(struct webexchange *tracker)
{
    uint32_t files = tracker->files;

    tracker->files = 0;
    return files;
}

/* -- Time ------------------------------------------------------------------------------------- */

int64_t webexchange_deadline(const struct webexchange *tracker, const struct estimator *estimator)
{
    int64_t since_ns = may_be_step(tracker) ? tracker->last_ns : last_step_ns(tracker);

    return since_ns + to_ns(estimator->answer_gap_s);
}

bool webexchange_finish(struct webexchange *tracker, const struct estimator *estimator,
                        struct exchange_shape *finished)
{
    struct exchange_shape none;

    if (!close_write(tracker, estimator, finished))
        return end_answer(tracker, estimator, finished);
    /* The next one, of that write alone, is none yet, unless it holds many events. */
    if (!is_answer(tracker, estimator))
        end_answer(tracker, estimator, &none);
    return true;
}
