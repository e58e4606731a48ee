/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_WEBEXCHANGE_H
#define IAGMETER_WEBEXCHANGE_H

#include "collectors/capture/estimator.h"

#include <stdbool.h>
#include <stdint.h>

/* The exchanges of web applications. Their pages call, poll and report all the time, so that the
 * answer tells, not the request. What a server sends without a pause is a write; a step is a write
 * that it makes by itself, so not as the reply to a call of the client, and that is small: a model
 * makes its text step by step, and of a page or a file writes are large. One that does so faster
 * than pauses show fills a write with many records, as small as its events, and more than calls
 * have replies. Soon after n calls, the first n writes are replies.
 *
 * Knows sizes and times only. Life cycle: webexchange_start(), then webexchange_record() for each
 * application record in time order and webexchange_finish() when webexchange_deadline() passes, or
 * the connection ends. */

/* One for each connection that is followed, so small. Counts that reach their largest value stay
 * there. */
struct webexchange {
    int64_t last_ns; /* of the server's last record */
    int64_t call_ns; /* of the client's, or the end of a write that was no step but large */
    int64_t answer_first_ns;
    uint32_t write_us : 21;     /* how long the server's last write took */
    uint32_t write_goes_on : 1; /* from one of many events, which counts by itself */
    uint32_t burst_is_page : 1; /* what the client said last had a reply that was large */
    uint32_t largest_units : 8; /* QUIC: of the server's datagrams; TCP: of the records of what the
                                 * client said last that was no sign of life */
    uint32_t asked : 1;         /* since an answer last began: its request, or a report */
    uint32_t burst_bytes;       /* of the client, since the server last went on by itself */
    uint32_t request_bytes;
    uint32_t answer_bytes : 31;
    uint32_t write_is_long : 1; /* so that write_bytes are its last */
    uint32_t step_ms : 24;      /* from the answer's begin to its last step */
    uint32_t streamed : 1;      /* one of its steps is a write of many events */
    uint32_t ends : 4;          /* of answers since then: HTTP/2, or those that pages report */
    uint32_t begins : 3;        /* of answers, with its own, that their records show */
    uint32_t active_ms : 22;    /* as step_ms, without what was longer than a rest */
    uint32_t reply_ends : 2;    /* that may still come of the client's last calls */
    uint32_t steps_on : 2;      /* since the last of these ends */
    uint32_t files : 2;         /* that the client sent since the last answer, */
    uint32_t in_file : 1;       /* so that each is counted once */
    uint32_t write_has_end : 1;
    uint32_t write_is_big : 1; /* holds a record that is larger than those at answers' ends, */
    uint32_t write_begins : 1; /* or one as at their begins */
    uint16_t write_bytes;
    uint8_t write_records; /* or events */
    uint8_t replies;       /* that may still come to the client's calls */
    uint16_t steps;
    uint16_t modal_bytes;
    uint16_t modal_lead;
    uint16_t group_bytes; /* of the client's calls that followed each other at once */
    uint32_t answer_records : 17;
    uint32_t groups : 2;        /* of the burst, that are larger than reports */
    uint32_t requests : 4;      /* that are answered together, */
    uint32_t beside_steps : 2;  /* and the steps since what may be one more, */
    uint32_t beside_is_end : 1; /* or the report of an end */
    uint32_t write_is_reply : 1;
    uint32_t write_is_cut : 1; /* its last datagram is full, so that more will come */
    uint32_t is_quic : 1;
    uint32_t write_is_open : 1; /* not yet known to be a step, or none */
    uint32_t answering : 1;
    uint32_t had_exchange : 1;
};
_Static_assert(sizeof(struct webexchange) <= 64, "a followed connection has become larger");

/* Whether ESTIMATOR is for web applications; no other function here takes another one. */
bool webexchange_applies(const struct estimator *estimator);

void webexchange_start(struct webexchange *tracker, bool is_quic);

/* One application record of SIZE bytes. Returns true when it ended an exchange, whose shape is then
 * in *finished. */
bool webexchange_record(struct webexchange *tracker, const struct estimator *estimator,
                        int64_t now_ns, bool from_client, uint32_t size,
                        struct exchange_shape *finished);

/* When webexchange_finish() has something to do, if no record comes before. */
int64_t webexchange_deadline(const struct webexchange *tracker, const struct estimator *estimator);

/* Returns true when there was an exchange, whose shape is then in *finished. Then its last write
 * may be another one: the next call tells. */
bool webexchange_finish(struct webexchange *tracker, const struct estimator *estimator,
                        struct exchange_shape *finished);

/* What the server sent without a pause, or a part of it, as images, pages and files come. */
struct webexchange_bulk {
    int64_t first_ns;
    int64_t last_ns;
    uint32_t bytes;
    uint32_t calls;     /* of the client, that may wait; 0: it goes on with what came before */
    bool is_of_answers; /* there was one on the connection */
};

/* Whether, before this record, a part of a write of the server's ends that is too large for a step;
 * it is then in *BULK. Before webexchange_record(). */
bool webexchange_ends_bulk(const struct webexchange *tracker, const struct estimator *estimator,
                           int64_t now_ns, bool from_client, uint32_t size,
                           struct webexchange_bulk *bulk);

/* How many files the client sent since the last answer, or the last call. */
uint32_t webexchange_take_files(struct webexchange *tracker);

/* Whether something is being answered. */
bool webexchange_is_open(const struct webexchange *tracker);

#endif
