/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_ESTIMATOR_H
#define IAGMETER_ESTIMATOR_H

#include "collectors/collector.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From the shape of an encrypted exchange to tokens. The formulas are those of the method page,
 * section 1; every parameter comes from services.conf, with its grade and source. */

#define ESTIMATOR_NAME_SIZE 40
/* The most that answer_slots_min and exchange_sigma may be. */
#define ESTIMATOR_MAX_SLOTS 120
#define ESTIMATOR_MAX_SIGMA 2.0
/* What a service is seen to stream in; more ways than that nobody has told apart. */
#define ESTIMATOR_MAX_REGIMES 4
/* Ways of streaming by their numbers: regimes, and that of answers that tell none. */
#define ESTIMATOR_NO_WAY ESTIMATOR_MAX_REGIMES
#define ESTIMATOR_WAYS   (ESTIMATOR_MAX_REGIMES + 1)
/* Within so many records of an answer, those of the modal size have begun. */
#define ESTIMATOR_VOTE_RECORDS 16

enum estimator_method {
    METHOD_NONE,  /* requests are counted, tokens are not estimated (images, audio, unknown) */
    METHOD_M1,    /* (bytes - overhead) / bytes per token: one event per token */
    METHOD_M2,    /* (sum over events of (event - base) - overhead) / bytes per token: batched */
    METHOD_M3,    /* records * tokens per record */
    METHOD_M4,    /* bytes / bytes per token: compressed */
    METHOD_M5,    /* seconds of stream * tokens per second: format unknown */
    METHOD_EVENTS /* in clear, of a server of our own that does not say how many tokens: events
                   * that carry text * tokens per event; without any, as an answer sent whole */
};

enum input_method {
    INPUT_PRIOR, /* a typed prompt cannot be seen: the declared prior */
    INPUT_BODY   /* an API's request body: (bytes - overhead) / bytes per token */
};

/* From the bytes, records and seconds of an answer to its tokens.
 *   method                enum estimator_method
 *   grade                 enum evidence_grade
 *   overhead_new_bytes    M1, M2: bytes of no token, first on a connection
 *   overhead_reused_bytes M1, M2: the same, later exchanges
 *   bytes_per_token       M1, M2, M4
 *   event_bytes_...       M1: where most of an answer's records tell that an event has a size
 *                         between these, that is the centre of bytes_per_token; high 0: it is not
 *   overhead_between_bytes
 *                         M1: in the place of both where the edges of an answer are known: bytes of
 *                         no token between its first event and its last one; high 0: they are not
 *   unseen_tokens         M1: tokens that no event holds, of an answer whose edges are known
 *   call_...              M1: of one whose events are of that size, in the mean without what stands
 *                         around them in a record, which is the call of a tool; high 0: none is
 *                         told
 *   calls_tokens          M1: where calls are told by how they begin: call_tokens is of an answer
 *                         with one, and this of each of several; high 0: they are not
 *   repeats_...           M1: what follows the last event tells the text so many times again, with
 *                         so much around it beside half of what came before the first event, and
 *                         how many bytes of it a token has; 0: it does not. An event that would
 *                         have more than repeats_event_bytes_min of it holds several tokens
 *   overhead_bytes        M4: bytes of an answer that hold no token, however long it is
 *   overhead_records      M3: records that do not
 *   tokens_per_record     M3, events
 *   tokens_per_second     M5
 *   whole_...             M1, M2, events: an answer of at most whole_records_max records was not
 *                         streamed, or holds hardly a token: then its bytes are plain text. Both
 *                         readings are kept inside the band
 *   whole_tokens_per_second_max
 *                         M1, M2: no model writes faster. What would be is no answer that was sent
 *                         whole; 0: not known
 *   step_tokens_max       M1: no model writes more within the pause that makes a step: what has
 *                         more in each was not written bit by bit
 *   whole_record_...      M1, M2: of several answers at once, a record of at least
 *                         whole_record_min bytes right before an end may be all of one, with so
 *                         much around its text
 *   whole_alone_...       where no end shows it, one of at least whole_alone_factor times that
 *                         size, and whole_alone_more times those in which events are joined; 0:
 *                         none
 *   exchange_sigma        how far a single exchange's visible tokens lie from what the band says of
 *                         all of them: a standard deviation, in logarithms, at random */
#define TOKEN_RULE_MEMBERS                                                                         \
    int method;                                                                                    \
    int grade;                                                                                     \
    struct triple overhead_new_bytes;                                                              \
    struct triple overhead_reused_bytes;                                                           \
    struct triple bytes_per_token;                                                                 \
    double event_bytes_min;                                                                        \
    double event_bytes_max;                                                                        \
    struct triple overhead_between_bytes;                                                          \
    struct triple unseen_tokens;                                                                   \
    double call_event_bytes_min;                                                                   \
    double call_event_bytes_max;                                                                   \
    struct triple call_tokens;                                                                     \
    struct triple calls_tokens;                                                                    \
    double repeats_text;                                                                           \
    double repeats_overhead_bytes;                                                                 \
    double repeats_event_bytes_min;                                                                \
    struct triple repeats_bytes_per_token;                                                         \
    struct triple overhead_bytes;                                                                  \
    struct triple overhead_records;                                                                \
    struct triple tokens_per_record;                                                               \
    struct triple tokens_per_second;                                                               \
    double whole_records_max;                                                                      \
    struct triple whole_overhead_bytes;                                                            \
    struct triple whole_bytes_per_token;                                                           \
    double whole_tokens_per_second_max;                                                            \
    double step_tokens_max;                                                                        \
    double whole_record_min;                                                                       \
    double whole_record_overhead_bytes;                                                            \
    double whole_alone_factor;                                                                     \
    double whole_alone_more;                                                                       \
    double exchange_sigma;

struct token_rule {
    TOKEN_RULE_MEMBERS
};

/* One of the ways in which a service streams, told by the shape of the answer. */
struct estimator_regime {
    char name[ESTIMATOR_NAME_SIZE]; /* of the estimator whose rule it was; several may have one */
    double record_bytes_min;        /* of the modal record; */
    double record_bytes_max;
    double record_share_min; /* at least so many of an answer's records have its size; */
    double records_per_s_min;
    double records_per_s_max;
    double closing_bytes_min; /* what follows the last event has so much; 0: it may have nothing */
    struct token_rule rule;   /* then this holds */
};

/* Of all programs' connections: what cuts them into exchanges (exchange.h). */
struct exchange_cut {
    /* What a client sends within that of its last word is of one request; also after a full record,
     * or after the server's leave to go on. */
    double request_pause_s;
    double body_pause_s;
    double allowed_pause_s;
    double answer_wait_s; /* it is forgotten without an answer in that */
    /* What a server writes after that is another write, and a step if it is no larger. */
    double step_pause_s;
    double step_bytes_max;
    double opening_bytes_max; /* what it says first on a connection, and is no answer */
};

struct estimator {
    char name[ESTIMATOR_NAME_SIZE];
    struct exchange_cut cut;
    union { /* where no regime fits: its band spans them all */
        struct token_rule rule;
        struct {
            TOKEN_RULE_MEMBERS
        };
    };
    size_t regime_count;
    struct estimator_regime regimes[ESTIMATOR_MAX_REGIMES]; /* the first that fits */
    bool regimes_are_all; /* of M5, and they of M3: no other way is known */

    /* What makes an exchange: a burst of at least request_bytes_min sent by the client in records
     * of at least request_record_min bytes (smaller ones are acknowledgements and keep-alives),
     * then an answer of at least answer_bytes_min lasting at least answer_s_min in at least
     * answer_slots_min half-second slots, that ends by a silence of answer_gap_s, the next burst,
     * or the close. */
    double request_bytes_min;
    double request_record_min;
    double burst_gap_s;
    double answer_record_min; /* smaller records from the server are acknowledgements */
    double answer_bytes_min;
    double answer_gap_s;
    double answer_s_min;
    double answer_slots_min;
    /* Of web applications (webexchange.h), else 0. Their answers have at least answer_steps_min
     * steps, in answer_s_min; answer_slots_min is not used. */
    double reply_s; /* what a server sends within that of a call is the reply to it, and no step; */
    double step_bytes_max;     /* nor is a larger write, */
    double stream_records_min; /* but for one of so many records; or 0: none */
    double stream_record_max;  /* with so many bytes in the mean */
    double answer_steps_min;
    double sign_of_life_s;    /* what is shorter may be no more than that the model thinks */
    double rest_s;            /* a longer pause is no part of the answer, and may end it */
    double overlap_bytes_min; /* who sends so much without one asks beside an answer; or 0: none */
    double overlap_quic_bytes_min; /* the same for QUIC, whose headers are larger */
    double overlap_step_bytes_min; /* writes of an answer that goes on beside it have as much */
    double end_report_bytes_min; /* who sends so much beside one reports the end of another; or 0 */
    double end_report_quic_bytes_min;
    double end_record_max;   /* HTTP/2: answers end with no record larger than that; or 0 */
    double begin_record_min; /* a record of such a size is of an answer's begin; or 0: none is, */
    double begin_record_max;
    double begin_s;           /* nor one that comes sooner after a call */
    double event_gap_s;       /* M3: records closer to the last one than that are of its event */
    double packed_record_min; /* TCP: so small records are messages, and no acknowledgements, */
    double packed_request_record_min; /* if the client asked in a record of so much; or 0: none */
    double full_datagram_pause_s; /* QUIC: one as large as any is an event, and no part of a file,
                                   * if it comes so long after the last one; or 0: none is */
    bool end_record_is_last;      /* with end_record_max: so small is only the record before it */
    bool replies_end;             /* and replies to calls end as answers do */
    bool one_at_a_time;           /* whoever asks says nothing until the answer has ended */
    /* Of programs; 0 where they are not used, as with reply_s. */
    double refusal_record_max; /* M1, M2: an answer sent whole whose last record is no larger than
                                * that is none, but says that there is none; */
    double refusal_head_bytes_max; /* if no more came before that record; */
    double refusal_s_max;          /* nor is one that came within that of its request */
    double whole_pause_s; /* M1, M2: what is written at last, after that, may be text sent whole */
    double at_once_gap_s; /* HTTP/2 and HTTP/3: who asks again before the server was silent for
                           * that long is answered together with what was asked before */
    double event_record_max; /* M1: larger records, before the first events, are none; 0: unknown */
    double call_begin_min; /* M1: an event that is so much longer than those after it begins the */
    double call_begin_max; /* call of a tool; 0: none is told */
    double http1_less_bytes; /* M2: so much less than record_base_bytes over HTTP/1.1, */
    double quic_more_bytes;  /* or more in a datagram of QUIC */

    struct triple record_base_bytes; /* M2: bytes of an event that are no token */
    double event_text_bytes;         /* M2: bytes of an event that are, usually */
    /* M2: of so many records, one has hardly any text; if the smallest exceeds the base by that,
     * all have the high one; 0: that is not known */
    double smallest_records_min;
    double smallest_event_bytes;
    double record_max_bytes; /* M2: larger records hold no such events */
    /* M2: what an event holds of a signature of thoughts, at least, and of the call of a tool that
     * stands beside one; 0: the service sends none */
    double signature_bytes_min;
    double signature_call_bytes;
    /* M6, where only bytes are known: of the answers, for each request, and what those hold. 0:
     * unknown */
    struct triple bytes_per_request;
    struct triple output_prior_tokens;
    double count_error; /* relative error of the number of exchanges, 0.10 = 10 % */

    /* What is no text. Each is 0 where the estimator does not know it. */
    double upload_bytes_min;   /* a request of that size carries a file */
    struct triple image_bytes; /* of one; METHOD_NONE: the answer is images, if anything */
    double bulk_record_min;    /* all others: records of an image, which text does not fill */
    double image_s_min;        /* programs: no model makes one sooner after the request */
    /* M1, M2 of programs: an answer of so many bytes that would have been written faster than that,
     * were it text, and fills its records, is data (lists of embeddings); 0: none is known */
    double data_bytes_min;
    double data_tokens_per_second_min;
    double segment_record_min; /* M1: records of one size, which have so much, fill a segment each:
                                * no events; */
    double joined_record_max;  /* nor are those that have more in the mean */
    double bulk_share_min;     /* of data in an answer that is not all of them, records of at least
                                * bulk_record_min are more than that */
    double image_fetch_s; /* web applications: who fetches one within that of an answer's end has
                           * had it made; */
    double image_fetch_share; /* things that are fetched at once have such a share of one each */
    double image_calls_max;   /* so many things, or fewer, that are fetched at once from the page's
                               * own host may be images; 0: none is */
    double file_bytes_min; /* web applications: who sends so much to where images come from sends a
                            * file; 0: none is known; */
    double file_reply_bytes_min;      /* a segment of so much is a reply: who pauses after it for */
    double file_pause_s;              /* that long begins another file, if anything; */
    double file_wait_s;               /* one counts with an answer that begins within so much */
    struct triple images_per_request; /* METHOD_NONE: prior, for an answer that holds none */
    struct triple audio_bytes_per_s;  /* METHOD_NONE: the answer is sound */
    double audio_record_min;          /* M1: such an answer is, if its records have so much in the
                                       * mean, */
    double audio_slots_min;           /* in so many half-seconds, */
    double audio_bytes_per_s_max;     /* and not more in a second */
    double upload_or_text_bytes_min;  /* a request of that size may carry a file */

    int input_method;                 /* enum input_method */
    struct triple input_prior_tokens; /* also of a request that carries a file */
    struct triple input_bytes_per_token;
    struct triple input_overhead_bytes;
};

/* Where nothing tells, HTTP/1.1. */
enum exchange_http { EXCHANGE_HTTP_1, EXCHANGE_HTTP_2, EXCHANGE_HTTP_3 };

/* What was seen of one exchange; sizes count TLS records without their 5-byte header. */
struct exchange_shape {
    int64_t answer_first_ns;
    int64_t answer_last_ns;  /* of web applications */
    uint64_t fetched_bytes;  /* of images, from elsewhere */
    uint32_t requests;       /* answered together, so that nobody can tell whose is what; 0 is 1 */
    uint32_t files;          /* of web applications: that were sent before */
    int http;                /* enum exchange_http */
    uint64_t request_bytes;  /* application records, client to server */
    uint64_t answer_bytes;   /* application records, server to client */
    uint32_t answer_records; /* or events */
    uint64_t bulk_bytes;     /* of the answer's, those in records of at least bulk_record_min */
    uint32_t bulk_records;   /* so many */
    uint64_t wait_ns;        /* from the request to that; 0: not known */
    uint64_t answer_ns;      /* first to last answer record */
    uint32_t half_seconds;   /* of those since its first record, that hold some of the answer */
    uint32_t steps;          /* records that the server sent by itself, after pauses */
    uint32_t modal_bytes;    /* about the size of more than half of the answer's records; */
    uint32_t modal_lead;     /* by how many those are more than the others, since they began */
    struct triple excess_bytes; /* M2: what events hold beyond their base, per base */
    uint64_t opening_bytes;     /* of a single answer: before its first event, where that shows, */
    uint64_t closing_bytes;     /* and after its last one */
    uint32_t calls;             /* of tools, that were seen to begin between these */
    uint64_t whole_text_bytes;  /* of several at once: in records that hold an answer sent whole */
    uint32_t apart_bytes; /* of a single answer: its last record, if it was waited for; or 0 */
    bool ends_in_event;   /* M2: the last record is an event without text: it was streamed */
    bool first_on_connection;
    bool is_acknowledged; /* only the client was seen: records are what it acknowledged at once */
};

struct exchange_estimate {
    int grade; /* enum evidence_grade, of tokens_out */
    struct triple requests;
    struct triple tokens_in;
    struct triple tokens_out;
    double tokens_out_variance; /* tokens^2, around tokens_out.central, at random */
    struct triple images;       /* what is no text: ACTIVITY_UNITS */
    struct triple audio_s;
    struct triple uploads;
};

/* Whether an answer is long enough to show its way of streaming, if it has one. */
bool estimator_tells_way(const struct exchange_shape *shape);
/* The way of streaming that SHAPE shows, or NULL: none is known. */
const struct estimator_regime *estimator_regime_of(const struct estimator *estimator,
                                                   const struct exchange_shape *shape);
/* Its number, that of the first regime of its name; ESTIMATOR_NO_WAY: none is known. */
size_t estimator_way_of(const struct estimator *estimator, const struct exchange_shape *shape);

/* Pure; never negative, never NaN, low <= central <= high; the standard deviation is at most
 * ESTIMATOR_MAX_SIGMA times the central tokens. */
struct exchange_estimate estimator_apply(const struct estimator *estimator,
                                         const struct exchange_shape *shape);

/* M6, the last resort: what BYTES from the server most likely are, of exchanges that nobody saw. Of
 * the lowest grade; nothing where the estimator does not know it. */
struct exchange_estimate estimator_apply_bytes(const struct estimator *estimator, uint64_t bytes);

#endif
