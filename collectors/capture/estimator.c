/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/estimator.h"

#include <math.h>
#include <string.h>

/* Fewer records tell no way of streaming: what surrounds the text weighs as much. */
enum { REGIME_RECORDS_MIN = 32 };
/* Of an answer that is sent whole, headers may come first, and the rest after a pause: once. Over
 * QUIC, the end of a connection's opening comes before that. */
enum { STREAMED_STEPS_MIN = 2 };
/* Datagrams of what is sent whole are full, but for the last: at least 1200 B with all headers
 * (RFC 9000, 14), and so are records that some fronts make of it at first, for a segment each.
 * Events of a fast stream come without pauses, too, but are smaller. */
enum { FULL_DATAGRAM_BYTES = 1000 };
/* Events that are joined in a record, at most, though it was waited for. */
#define APART_EVENTS 2
/* Others, of what is sent whole: two of the handshake, after which a request may be answered on a
 * new connection, that of the headers, and the last. */
enum { OTHER_DATAGRAMS = 4 };

/* The size of an answer's events is known when that of one in so many records stands out. */
enum { SEEN_SHARE = 6 };

/* Around an event: what TLS 1.3 adds to a record (RFC 8446, 5.2), the header of a frame of HTTP/2
 * (RFC 9113, 4.1) or the end of a chunk of HTTP/1.1 (RFC 9112, 7.1). */
enum { RECORD_BYTES = 17, FRAME_BYTES = 9, LINE_END_BYTES = 2 };

static double not_negative(double value)
{
    return value > 0 ? value : 0;
}

/* (bytes - overhead) / divisor, each end of the band with the ends that make it extreme. */
static struct triple per_unit(double bytes, struct triple overhead, struct triple divisor)
{
    return (struct triple){not_negative(bytes - overhead.high) / divisor.high,
                           not_negative(bytes - overhead.central) / divisor.central,
                           not_negative(bytes - overhead.low) / divisor.low};
}

static double requests_of(const struct exchange_shape *shape)
{
    return shape->requests > 1 ? (double)shape->requests : 1;
}

/* Of all that were answered together. */
static struct triple overhead_of(const struct estimator *estimator,
                                 const struct exchange_shape *shape)
{
    struct triple first = shape->first_on_connection ? estimator->overhead_new_bytes
                                                     : estimator->overhead_reused_bytes;

    return triple_add(first,
                      triple_scale(estimator->overhead_reused_bytes, requests_of(shape) - 1));
}

/* M3 */
static struct triple records_times(const struct estimator *estimator,
                                   const struct exchange_shape *shape)
{
    struct triple overhead = triple_scale(estimator->overhead_records, requests_of(shape));
    struct triple per_record = estimator->tokens_per_record;
    double records = (double)shape->answer_records;

    return (struct triple){not_negative(records - overhead.high) * per_record.low,
                           not_negative(records - overhead.central) * per_record.central,
                           not_negative(records - overhead.low) * per_record.high};
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* Where all ways are known, an answer holds no more than its records do in the densest, and may
 * hold no more than in the sparsest: seconds in which an image is made have few records, and those
 * in which nothing is written no token. */
static struct triple within_regimes(const struct estimator *estimator,
                                    const struct exchange_shape *shape, struct triple tokens)
{
    struct triple most = triple_exact(0);
    struct estimator way = *estimator;

    for (size_t i = 0; i < estimator->regime_count; i++) {
        struct triple held;

        way.rule = estimator->regimes[i].rule;
        held = records_times(&way, shape);
        tokens.low = smaller(tokens.low, held.low);
        most = (struct triple){0, larger(most.central, held.central), larger(most.high, held.high)};
    }
    return (struct triple){tokens.low, smaller(tokens.central, most.central),
                           smaller(tokens.high, most.high)};
}

/* M5. How long several were written at once, nobody can tell: the high end is all the time. */
static struct triple tokens_in_time(const struct estimator *estimator,
                                    const struct exchange_shape *shape)
{
    struct triple tokens =
        triple_scale(estimator->tokens_per_second, (double)shape->answer_ns / 1e9);

    tokens.high *= requests_of(shape);
    if (!estimator->regimes_are_all || estimator->regime_count == 0)
        return tokens;
    return within_regimes(estimator, shape, tokens);
}

static double framing_of(const struct exchange_shape *shape)
{
    return shape->http == EXCHANGE_HTTP_1 ? RECORD_BYTES + LINE_END_BYTES
                                          : RECORD_BYTES + FRAME_BYTES;
}

/* In most records, at a size that is of one in each, over HTTP/2. */
static double events_in_record(const struct estimator *estimator,
                               const struct exchange_shape *shape)
{
    return larger(1, round(shape->modal_bytes / estimator->bytes_per_token.central));
}

/* How large an answer's own events are, with what stands around each in its record: models differ,
 * and so do the names of their fields. 0: not known. What is acknowledged at once is no event, nor
 * is a datagram. */
static double seen_event_bytes(const struct estimator *estimator,
                               const struct exchange_shape *shape)
{
    double size = shape->modal_bytes / events_in_record(estimator, shape);

    if (shape->is_acknowledged || shape->http == EXCHANGE_HTTP_3 ||
        (uint64_t)SEEN_SHARE * shape->modal_lead < shape->answer_records ||
        size < estimator->event_bytes_min || size > estimator->event_bytes_max)
        return 0;
    return size;
}

/* Whether it shows where an answer's events begin and end, so that what surrounds them need not be
 * assumed. What is acknowledged at once is no record, and datagrams are cut anywhere. Where events
 * have to be of a known size, most records have to be of it, or an event may pass for an edge. */
static bool has_edges(const struct estimator *estimator, const struct exchange_shape *shape)
{
    if (estimator->overhead_between_bytes.high <= 0 || shape->opening_bytes == 0 ||
        shape->is_acknowledged || shape->http == EXCHANGE_HTTP_3 || requests_of(shape) > 1)
        return false;
    return estimator->event_bytes_max <= 0 ||
           (seen_event_bytes(estimator, shape) > 0 &&
            (double)shape->opening_bytes <= overhead_of(estimator, shape).high);
}

/* bytes_per_token is of one event in each record, over HTTP/2: a chunk of HTTP/1.1 whose length is
 * a record of its own has less around it, and events that share a record share that, too. */
static struct triple event_per_token(const struct estimator *estimator,
                                     const struct exchange_shape *shape)
{
    double less =
        RECORD_BYTES + FRAME_BYTES - framing_of(shape) / events_in_record(estimator, shape);
    struct triple per_token = estimator->bytes_per_token;

    return per_token.low <= less ? per_token
                                 : (struct triple){per_token.low - less, per_token.central - less,
                                                   per_token.high - less};
}

/* PER_TOKEN, of events as they are seen, if they are. */
static struct triple as_seen(const struct estimator *estimator, const struct exchange_shape *shape,
                             struct triple per_token)
{
    double size = seen_event_bytes(estimator, shape);

    return size > 0 ? triple_scale(per_token, size / per_token.central) : per_token;
}

/* Of calls that were seen to begin: their names and marks. */
static struct triple tokens_of_calls(const struct estimator *estimator,
                                     const struct exchange_shape *shape)
{
    uint32_t calls = estimator->calls_tokens.high > 0 ? shape->calls : 0;

    if (calls > 1)
        return triple_scale(estimator->calls_tokens, calls);
    return calls == 1 ? estimator->call_tokens : triple_exact(0);
}

/* Events of a call have the name of another kind, and a constant size; or its first one has the
 * tool's name. */
static struct triple unseen_tokens(const struct estimator *estimator,
                                   const struct exchange_shape *shape)
{
    double size = (shape->modal_bytes - framing_of(shape)) / events_in_record(estimator, shape);
    bool is_call = shape->modal_lead > 0 && size >= estimator->call_event_bytes_min &&
                   size <= estimator->call_event_bytes_max;
    struct triple calls = tokens_of_calls(estimator, shape);

    if (calls.high > 0)
        return calls;
    return is_call ? estimator->call_tokens : estimator->unseen_tokens;
}

/* How long the text is that the end of the answer repeats, beside settings that its beginning told
 * twice; 0: not known. */
static double repeated_bytes(const struct estimator *estimator, const struct exchange_shape *shape)
{
    double around = estimator->repeats_overhead_bytes + (double)shape->opening_bytes / 2;

    if (estimator->repeats_text <= 0)
        return 0;
    return not_negative((double)shape->closing_bytes - around) / estimator->repeats_text;
}

/* M1, where it shows where the events begin and end. Some models put several tokens into an event;
 * then it is the text that tells. */
static struct triple tokens_between_edges(const struct estimator *estimator,
                                          const struct exchange_shape *shape)
{
    double edges = (double)shape->opening_bytes + (double)shape->closing_bytes;
    double repeated = repeated_bytes(estimator, shape);
    struct triple events =
        per_unit((double)shape->answer_bytes - edges, estimator->overhead_between_bytes,
                 as_seen(estimator, shape, event_per_token(estimator, shape)));
    struct triple text;

    if (repeated <= 0 || repeated < estimator->repeats_event_bytes_min * events.central)
        return triple_add(events, unseen_tokens(estimator, shape));
    text = per_unit(repeated, triple_exact(0), estimator->repeats_bytes_per_token);
    return (struct triple){smaller(events.low, text.low), text.central,
                           larger(events.high, text.high)};
}

/* M1 */
static struct triple tokens_of_events(const struct estimator *estimator,
                                      const struct exchange_shape *shape)
{
    if (has_edges(estimator, shape))
        return tokens_between_edges(estimator, shape);
    return per_unit((double)shape->answer_bytes, overhead_of(estimator, shape),
                    as_seen(estimator, shape, estimator->bytes_per_token));
}

static struct triple streamed_tokens(const struct estimator *estimator,
                                     const struct exchange_shape *shape)
{
    struct triple overhead = overhead_of(estimator, shape);
    struct triple per_token = estimator->bytes_per_token;

    switch (estimator->method) {
    case METHOD_M1:
        return tokens_of_events(estimator, shape);
    case METHOD_M2:
        return (struct triple){
            not_negative(shape->excess_bytes.low - overhead.high) / per_token.high,
            not_negative(shape->excess_bytes.central - overhead.central) / per_token.central,
            not_negative(shape->excess_bytes.high - overhead.low) / per_token.low};
    case METHOD_M3:
        return records_times(estimator, shape);
    case METHOD_EVENTS:
        return triple_scale(estimator->tokens_per_record, (double)shape->answer_records);
    case METHOD_M4:
        return per_unit((double)shape->answer_bytes,
                        triple_scale(estimator->overhead_bytes, requests_of(shape)), per_token);
    case METHOD_M5:
        return tokens_in_time(estimator, shape);
    default:
        return triple_exact(0);
    }
}

/* Whether BYTES of an answer fill its records, but for those that have others, with MEAN and more
 * in each. */
static bool fills_records(const struct exchange_shape *shape, double bytes, double mean)
{
    return shape->answer_records > OTHER_DATAGRAMS &&
           bytes >= mean * (shape->answer_records - OTHER_DATAGRAMS);
}

static bool has_full_datagrams(const struct exchange_shape *shape)
{
    return shape->http == EXCHANGE_HTTP_3 &&
           fills_records(shape, (double)shape->answer_bytes, FULL_DATAGRAM_BYTES);
}

/* Whether the server wrote it bit by bit. An event of one token that is as long as many of them
 * holds something else: the call of a tool, which some send in one. Of full datagrams, what is
 * written bit by bit has about one in each step. */
static bool is_in_steps(const struct estimator *estimator, const struct exchange_shape *shape)
{
    double step = estimator->step_tokens_max * estimator->bytes_per_token.central;
    double overhead = overhead_of(estimator, shape).central;
    uint32_t opening = shape->first_on_connection && shape->http == EXCHANGE_HTTP_3 ? 1 : 0;

    if (shape->steps < STREAMED_STEPS_MIN + opening ||
        (has_full_datagrams(shape) && 2 * shape->steps < shape->answer_records &&
         (estimator->method == METHOD_M1 || shape->steps <= STREAMED_STEPS_MIN + 1)))
        return false;
    return estimator->method != METHOD_M1 || estimator->step_tokens_max <= 0 ||
           (double)shape->answer_bytes <= overhead + step * (double)shape->steps;
}

/* Whether nothing shows that the answer was streamed. Datagrams are many, however it was sent. */
static bool may_be_whole(const struct estimator *estimator, const struct exchange_shape *shape)
{
    if (estimator->method != METHOD_M1 && estimator->method != METHOD_M2 &&
        estimator->method != METHOD_EVENTS)
        return false;
    if (shape->ends_in_event)
        return false;
    return shape->answer_records <= estimator->whole_records_max * requests_of(shape) ||
           (has_full_datagrams(shape) && estimator->whole_records_max > 0 &&
            !is_in_steps(estimator, shape));
}

/* With M1, what a streamed answer lacks on a used connection, one that is sent whole lacks, too;
 * but for HTTP/1.1, which sends all its headers again. An answer holds a text, so that what
 * surrounds it is less than all: of one that is small, the middle of what there may be. */
static struct triple whole_tokens(const struct estimator *estimator,
                                  const struct exchange_shape *shape)
{
    struct triple overhead = estimator->whole_overhead_bytes;
    double saved = 0;

    if (estimator->method == METHOD_M1 && !shape->first_on_connection &&
        shape->http != EXCHANGE_HTTP_1)
        saved = not_negative(estimator->overhead_new_bytes.central -
                             estimator->overhead_reused_bytes.central);
    overhead =
        (struct triple){not_negative(overhead.low - saved), not_negative(overhead.central - saved),
                        not_negative(overhead.high - saved)};
    overhead = triple_scale(overhead, requests_of(shape));
    overhead.central = smaller(overhead.central, (overhead.low + (double)shape->answer_bytes) / 2);
    return per_unit((double)shape->answer_bytes, overhead, estimator->whole_bytes_per_token);
}

/* How many tokens may have been written since the request. */
static double writable_tokens(const struct estimator *estimator, const struct exchange_shape *shape)
{
    double seconds = (double)(shape->wait_ns + shape->answer_ns) / 1e9;

    if (estimator->whole_tokens_per_second_max <= 0 || seconds <= 0)
        return HUGE_VAL;
    return estimator->whole_tokens_per_second_max * seconds * requests_of(shape);
}

/* Text that was sent whole beside streams. */
static struct triple whole_at_once(const struct estimator *estimator,
                                   const struct exchange_shape *shape)
{
    struct triple tokens;

    if (estimator->whole_record_min <= 0)
        return triple_exact(0);
    tokens = per_unit((double)shape->whole_text_bytes, triple_exact(0),
                      estimator->whole_bytes_per_token);
    return tokens.central <= writable_tokens(estimator, shape) ? tokens : triple_exact(0);
}

/* The last record of a single answer is as large as many events, and was waited for: it holds text
 * that was written meanwhile, all of an answer or the call of a tool. What may be events with M2 is
 * counted with these. */
static bool has_text_apart(const struct estimator *estimator, const struct exchange_shape *shape)
{
    double least = estimator->method == METHOD_M1 ? APART_EVENTS * estimator->bytes_per_token.high
                                                  : larger(estimator->whole_record_overhead_bytes,
                                                           estimator->record_max_bytes);

    return requests_of(shape) <= 1 && least > 0 && (double)shape->apart_bytes > least &&
           shape->apart_bytes <= shape->answer_bytes;
}

/* What comes of that, and of what was streamed before. */
static struct triple tokens_with_apart(const struct estimator *estimator,
                                       const struct exchange_shape *shape)
{
    struct exchange_shape before = *shape;

    before.answer_bytes -= shape->apart_bytes;
    before.closing_bytes -=
        shape->apart_bytes < before.closing_bytes ? shape->apart_bytes : before.closing_bytes;
    return triple_add(streamed_tokens(estimator, &before),
                      per_unit((double)shape->apart_bytes,
                               triple_exact(estimator->whole_record_overhead_bytes),
                               estimator->whole_bytes_per_token));
}

/* Of answers on one connection at once, some may have been sent whole: what is more than records of
 * the usual size may be their text: for the high end, so the least around them is taken. */
static double more_at_once(const struct estimator *estimator, const struct exchange_shape *shape)
{
    double usual = (double)shape->answer_records * (double)shape->modal_bytes;
    double overhead = overhead_of(estimator, shape).low;

    if (estimator->method != METHOD_M1 || shape->requests <= 1 || shape->modal_lead == 0)
        return 0;
    return not_negative((double)shape->answer_bytes - usual - overhead) /
           estimator->whole_bytes_per_token.central;
}

static struct triple tokens_by_records(const struct estimator *estimator,
                                       const struct exchange_shape *shape)
{
    struct triple streamed = streamed_tokens(estimator, shape);
    struct triple beside = whole_at_once(estimator, shape);
    double most = writable_tokens(estimator, shape);
    struct triple whole;
    bool is_whole;

    if (!may_be_whole(estimator, shape))
        return (struct triple){
            streamed.low, streamed.central + beside.central,
            larger(streamed.high + more_at_once(estimator, shape), streamed.high + beside.high)};
    whole = whole_tokens(estimator, shape);
    is_whole = whole.central <= most &&
               (has_text_apart(estimator, shape) || !is_in_steps(estimator, shape));
    return (struct triple){smaller(streamed.low, whole.low),
                           is_whole ? whole.central : streamed.central,
                           larger(streamed.high, smaller(whole.high, most))};
}

/* How many of the answer's records are of the modal size, at least: since these began, they exceed
 * the others by the lead, and before that there were few. */
static double modal_share(const struct exchange_shape *shape)
{
    double since = (double)shape->answer_records - ESTIMATOR_VOTE_RECORDS;

    return (since + (double)shape->modal_lead) / (2 * (double)shape->answer_records);
}

/* Whether BYTES would be more text than a model writes in the time since the request. What is
 * acknowledged at once are many events, too. A way of streaming may be of a method that does not
 * know how many bytes a text has. */
static bool is_too_fast(const struct estimator *estimator, const struct exchange_shape *shape,
                        double bytes)
{
    double seconds = (double)(shape->wait_ns + shape->answer_ns) / 1e9;

    return estimator->data_tokens_per_second_min > 0 &&
           estimator->whole_bytes_per_token.central > 0 && seconds > 0 && !shape->is_acknowledged &&
           bytes / estimator->whole_bytes_per_token.central >
               estimator->data_tokens_per_second_min * seconds * requests_of(shape);
}

/* Most records are of one size, and no larger than events: a stream, however fast. */
static bool is_of_events(const struct exchange_shape *shape)
{
    return shape->modal_lead > 0 && shape->modal_bytes < FULL_DATAGRAM_BYTES &&
           2 * modal_share(shape) > 1;
}

/* All records but those that have others fill a segment each: some fronts begin so what is sent
 * whole. Of events that are joined, as many as leave at once, fewer have one size. */
static bool is_of_segments(const struct estimator *estimator, const struct exchange_shape *shape)
{
    return shape->modal_bytes >= estimator->segment_record_min &&
           shape->answer_records <= shape->modal_lead + 2 * OTHER_DATAGRAMS;
}

/* Whether the answer may be a fast stream, in whose records events are joined: as many as leave at
 * once. Datagrams hold no more than others. */
static bool may_be_joined(const struct estimator *estimator, const struct exchange_shape *shape)
{
    return estimator->method == METHOD_M1 && shape->http != EXCHANGE_HTTP_3 &&
           shape->answer_records > estimator->whole_records_max * requests_of(shape) &&
           !is_of_segments(estimator, shape) &&
           !fills_records(shape, (double)shape->answer_bytes, estimator->joined_record_max);
}

/* Of answers that as text would have been too fast: may_be_data() holds of each, and makes the low
 * end none; is_data() of those that are no fast stream either, so that the central number is none,
 * too; is_all_data() of the rest, once data in full records were taken out of them.
 *
 * Whether the answer is too much and too fast for a text that was sent whole, and has too large
 * records for one that was streamed. */
static bool may_be_data(const struct estimator *estimator, const struct exchange_shape *shape)
{
    double bytes = (double)shape->answer_bytes - estimator->whole_overhead_bytes.central;

    if (estimator->data_bytes_min <= 0 || shape->ends_in_event ||
        (double)shape->answer_bytes < estimator->data_bytes_min)
        return false;
    return is_too_fast(estimator, shape, bytes) && !is_of_events(shape) &&
           (shape->answer_records <= estimator->whole_records_max * requests_of(shape) ||
            fills_records(shape, bytes, FULL_DATAGRAM_BYTES));
}

/* It was made at once: pieces of data, where there are any, are larger than what is written in
 * steps. */
static bool is_data(const struct estimator *estimator, const struct exchange_shape *shape)
{
    return may_be_data(estimator, shape) && !is_in_steps(estimator, shape) &&
           !may_be_joined(estimator, shape);
}

/* Sound leaves as it is made, or played: large records over seconds. Those of an image, or of a
 * list, come as fast as the network takes them. */
static bool is_sound(const struct estimator *estimator, const struct exchange_shape *shape)
{
    double seconds = (double)shape->half_seconds / 2;

    return estimator->audio_record_min > 0 && requests_of(shape) <= 1 &&
           may_be_data(estimator, shape) &&
           fills_records(shape, (double)shape->answer_bytes, estimator->audio_record_min) &&
           shape->half_seconds >= estimator->audio_slots_min &&
           (double)shape->answer_bytes <= estimator->audio_bytes_per_s_max * seconds;
}

/* Streams whose last events repeat the text, in large records, are those that have no
 * whole_alone_factor: there, a pause before the end says nothing. */
static bool repeats_text(const struct estimator *estimator, const struct exchange_shape *shape)
{
    return estimator->method == METHOD_M1 && estimator->whole_record_min > 0 &&
           estimator->whole_alone_factor <= 0 && !may_be_whole(estimator, shape);
}

/* Data hold no token, most likely, and no more than can have been written. */
static struct triple tokens_of_data(const struct estimator *estimator,
                                    const struct exchange_shape *shape, struct triple tokens)
{
    return (struct triple){0, 0, smaller(tokens.high, writable_tokens(estimator, shape))};
}

static struct triple visible_tokens(const struct estimator *estimator,
                                    const struct exchange_shape *shape)
{
    struct triple tokens = tokens_by_records(estimator, shape);
    struct triple apart;

    if (is_data(estimator, shape))
        return tokens_of_data(estimator, shape, tokens);
    if (may_be_data(estimator, shape))
        tokens.low = 0;
    if (!has_text_apart(estimator, shape) || repeats_text(estimator, shape) ||
        estimator->whole_record_overhead_bytes <= 0 ||
        (double)shape->apart_bytes <= estimator->whole_record_overhead_bytes)
        return tokens;
    apart = tokens_with_apart(estimator, shape);
    if (apart.central > writable_tokens(estimator, shape))
        return tokens;
    return (struct triple){smaller(tokens.low, apart.low), apart.central,
                           larger(tokens.high, apart.high)};
}

static double square(double value)
{
    return value * value;
}

/* Of few records, those that surround the text weigh as much: then what follows the last event has
 * to tell as well. */
static bool is_closed(const struct estimator_regime *regime, const struct exchange_shape *shape)
{
    if (regime->closing_bytes_min <= 0 || shape->opening_bytes == 0 || shape->is_acknowledged)
        return false;
    return (double)shape->closing_bytes >= regime->closing_bytes_min && shape->modal_lead > 0 &&
           shape->modal_bytes >= regime->record_bytes_min &&
           shape->modal_bytes <= regime->record_bytes_max;
}

/* Of several answers at once, the pace is that of all, since nobody can tell how long they went on
 * together. Two slow ones may so pass for a fast one: tokens_of() has the band for it. */
static bool regime_fits(const struct estimator_regime *regime, const struct exchange_shape *shape)
{
    double records_per_s = (double)shape->answer_records / ((double)shape->answer_ns / 1e9);

    if (records_per_s < regime->records_per_s_min || records_per_s > regime->records_per_s_max)
        return false;
    return regime->record_share_min <= 0 ||
           (shape->modal_lead > 0 && modal_share(shape) >= regime->record_share_min &&
            shape->modal_bytes >= regime->record_bytes_min &&
            shape->modal_bytes <= regime->record_bytes_max);
}

/* Not one that was sent whole, or at once. */
bool estimator_tells_way(const struct exchange_shape *shape)
{
    return shape->answer_records > REGIME_RECORDS_MIN && shape->answer_ns > 0;
}

const struct estimator_regime *estimator_regime_of(const struct estimator *estimator,
                                                   const struct exchange_shape *shape)
{
    bool tells = estimator_tells_way(shape);

    for (size_t i = 0; i < estimator->regime_count; i++)
        if (tells ? regime_fits(&estimator->regimes[i], shape)
                  : is_closed(&estimator->regimes[i], shape))
            return &estimator->regimes[i];
    return NULL;
}

size_t estimator_way_of(const struct estimator *estimator, const struct exchange_shape *shape)
{
    const struct estimator_regime *regime = estimator_regime_of(estimator, shape);

    for (size_t i = 0; regime && i < estimator->regime_count; i++)
        if (strcmp(estimator->regimes[i].name, regime->name) == 0)
            return i;
    return ESTIMATOR_NO_WAY;
}

/* The estimator with the rule of the way in which this answer was streamed. */
static struct estimator estimator_for(const struct estimator *estimator,
                                      const struct exchange_shape *shape)
{
    const struct estimator_regime *regime = estimator_regime_of(estimator, shape);
    struct estimator adapted = *estimator;

    if (regime)
        adapted.rule = regime->rule;
    return adapted;
}

/* Much of the answer is in full records, and too fast to be written: no text that a stream repeats
 * at its end, and no events that the network held back. */
static bool has_fast_bulk(const struct estimator *estimator, const struct exchange_shape *shape)
{
    return (requests_of(shape) > 1 || !is_of_events(shape)) &&
           (double)shape->bulk_bytes > estimator->bulk_share_min * (double)shape->answer_bytes &&
           is_too_fast(estimator, shape, (double)shape->bulk_bytes);
}

/* Data of an image, or as much, or too much to be written in that time, and no text, within an
 * answer. */
static bool has_bulk(const struct estimator *estimator, const struct exchange_shape *shape)
{
    if (estimator->method == METHOD_NONE)
        return false;
    return (estimator->image_bytes.low > 0 &&
            (double)shape->bulk_bytes >= estimator->image_bytes.low) ||
           has_fast_bulk(estimator, shape);
}

/* Full records before or after the events were counted there, too: as many as there can be. */
static void leave_bulk_out(uint64_t *edge_bytes, uint64_t *bulk)
{
    uint64_t bytes = *bulk < *edge_bytes ? *bulk : *edge_bytes;

    *edge_bytes -= bytes;
    *bulk -= bytes;
}

/* What is left of the answer for text. */
static struct exchange_shape text_of(const struct estimator *estimator,
                                     const struct exchange_shape *shape)
{
    struct exchange_shape text = *shape;
    uint64_t bulk = shape->bulk_bytes;

    if (!has_bulk(estimator, shape))
        return text;
    text.answer_bytes -=
        shape->bulk_bytes < text.answer_bytes ? shape->bulk_bytes : text.answer_bytes;
    text.answer_records -=
        shape->bulk_records < text.answer_records ? shape->bulk_records : text.answer_records;
    if (shape->apart_bytes >= estimator->bulk_record_min)
        text.apart_bytes = 0;
    leave_bulk_out(&text.opening_bytes, &bulk);
    leave_bulk_out(&text.closing_bytes, &bulk);
    if (text.whole_text_bytes > text.answer_bytes)
        text.whole_text_bytes = text.answer_bytes;
    return text;
}

/* Each of several answers at once may be streamed in a way of its own: then the band is wide enough
 * for both. */
static struct triple tokens_of(const struct estimator *estimator, const struct estimator *adapted,
                               const struct exchange_shape *shape)
{
    struct triple tokens = visible_tokens(adapted, shape);
    struct triple any;

    if (estimator->regime_count == 0 || shape->requests <= 1)
        return tokens;
    any = visible_tokens(estimator, shape);
    return (struct triple){smaller(tokens.low, any.low), tokens.central,
                           larger(tokens.high, any.high)};
}

/* Whether no more is left of the answer for a text than what surrounds data: nothing of TEXT, which
 * is what they leave, was written bit by bit. */
static bool is_all_data(const struct estimator *adapted, const struct exchange_shape *shape,
                        const struct exchange_shape *text)
{
    return is_sound(adapted, shape) ||
           (has_fast_bulk(adapted, shape) && !is_in_steps(adapted, text));
}

/* Bytes of an answer that are no text. */
static double data_bytes(const struct estimator *estimator, const struct exchange_shape *shape)
{
    double bytes = has_bulk(estimator, shape) ? (double)shape->bulk_bytes : 0;

    if (is_data(estimator, shape))
        bytes = (double)shape->answer_bytes;
    return bytes;
}

/* They may be data of another kind, too: at least none; what comes at once, and sound, is. */
static struct triple images_beside_text(const struct estimator *estimator,
                                        const struct exchange_shape *shape)
{
    double seconds = (double)(shape->wait_ns + shape->answer_ns) / 1e9;
    double bytes = data_bytes(estimator, shape);

    if (estimator->image_bytes.low <= 0 || bytes < estimator->image_bytes.low ||
        seconds < estimator->image_s_min || is_sound(estimator, shape))
        return triple_exact(0);
    return (struct triple){0, larger(1, bytes / estimator->image_bytes.central),
                           bytes / estimator->image_bytes.low};
}

/* An answer that is too small for an image tells where the image is, not more: it is fetched from
 * elsewhere, and how many a request makes is a prior. */
static struct triple images_of(const struct estimator *estimator,
                               const struct exchange_shape *shape, struct triple requests)
{
    struct triple size = estimator->image_bytes;
    double bytes = (double)shape->answer_bytes;

    /* It may be what the model found, or somebody else's: at least none was made. */
    if (shape->fetched_bytes > 0)
        return (struct triple){0, larger(1, (double)shape->fetched_bytes / size.central),
                               larger(1, (double)shape->fetched_bytes / size.low)};
    if (estimator->method != METHOD_NONE)
        return images_beside_text(estimator, shape);
    if (size.low > 0 && bytes >= size.low)
        return (struct triple){larger(1, bytes / size.high), larger(1, bytes / size.central),
                               bytes / size.low};
    return (struct triple){requests.low * estimator->images_per_request.low,
                           requests.central * estimator->images_per_request.central,
                           requests.high * estimator->images_per_request.high};
}

static bool carries_file(const struct estimator *estimator, const struct exchange_shape *shape)
{
    return estimator->upload_bytes_min > 0 &&
           (double)shape->request_bytes >= estimator->upload_bytes_min;
}

static bool may_carry_file(const struct estimator *estimator, const struct exchange_shape *shape)
{
    return estimator->upload_or_text_bytes_min > 0 &&
           (double)shape->request_bytes >= estimator->upload_or_text_bytes_min;
}

static void add_units(const struct estimator *estimator, const struct exchange_shape *shape,
                      struct exchange_estimate *estimate)
{
    double error = estimator->count_error;

    if (shape->files > 0)
        estimate->uploads = triple_scale((struct triple){1 - error, 1, 1 + error}, shape->files);
    else if (estimator->reply_s <= 0 && carries_file(estimator, shape))
        estimate->uploads = estimate->requests;
    else if (may_carry_file(estimator, shape))
        estimate->uploads = (struct triple){0, 0, estimate->requests.high};
    estimate->images = images_of(estimator, shape, estimate->requests);
    if (estimator->audio_bytes_per_s.low > 0 &&
        (estimator->method == METHOD_NONE || is_sound(estimator, shape)))
        estimate->audio_s =
            per_unit((double)shape->answer_bytes, triple_exact(0), estimator->audio_bytes_per_s);
    if (estimator->method != METHOD_NONE)
        estimate->audio_s.low = 0; /* it may be data of another kind */
}

static struct triple input_of(const struct estimator *estimator, const struct exchange_shape *shape)
{
    struct triple prior = triple_scale(estimator->input_prior_tokens, requests_of(shape));
    struct triple body;

    if (estimator->method == METHOD_NONE)
        return triple_exact(0);
    /* The bytes of a file are no text. */
    if (estimator->input_method != INPUT_BODY || carries_file(estimator, shape))
        return prior;
    body = per_unit((double)shape->request_bytes,
                    triple_scale(estimator->input_overhead_bytes, requests_of(shape)),
                    estimator->input_bytes_per_token);
    if (may_carry_file(estimator, shape))
        body.low = smaller(body.low, prior.low);
    return body;
}

struct exchange_estimate estimator_apply(const struct estimator *estimator,
                                         const struct exchange_shape *shape)
{
    const struct exchange_shape text = text_of(estimator, shape);
    const struct estimator adapted = estimator_for(estimator, &text);
    struct exchange_estimate estimate = {.grade = adapted.grade};
    double error = estimator->count_error;

    estimate.requests = triple_scale((struct triple){1 - error, 1, 1 + error}, requests_of(shape));
    estimate.tokens_out = tokens_of(estimator, &adapted, &text);
    if (is_all_data(&adapted, shape, &text))
        estimate.tokens_out = tokens_of_data(&adapted, shape, estimate.tokens_out);
    /* Of each of those answered together its share, at random. */
    estimate.tokens_out_variance =
        square(adapted.exchange_sigma * estimate.tokens_out.central) / requests_of(shape);
    estimate.tokens_in = input_of(estimator, shape);
    add_units(estimator, shape, &estimate);
    return estimate;
}

/* Each end with those that make it extreme. */
static struct triple product(struct triple a, struct triple b)
{
    return (struct triple){a.low * b.low, a.central * b.central, a.high * b.high};
}

struct exchange_estimate estimator_apply_bytes(const struct estimator *estimator, uint64_t bytes)
{
    struct exchange_estimate estimate = {.grade = GRADE_NONE};
    double one;

    if (estimator->bytes_per_request.low <= 0)
        return estimate;
    estimate.grade = GRADE_E;
    estimate.requests = per_unit((double)bytes, triple_exact(0), estimator->bytes_per_request);
    estimate.tokens_out = product(estimate.requests, estimator->output_prior_tokens);
    estimate.tokens_in = product(estimate.requests, estimator->input_prior_tokens);
    one = square(estimator->exchange_sigma * estimator->output_prior_tokens.central);
    estimate.tokens_out_variance = one * estimate.requests.central;
    return estimate;
}
