/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_EXCHANGE_H
#define IAGMETER_EXCHANGE_H

#include "collectors/capture/estimator.h"

#include <stdbool.h>
#include <stdint.h>

/* Cuts the records of one connection into exchanges: a burst from the client, then a streamed
 * answer. Knows sizes and times only. What makes an exchange is in the service's estimator; those
 * of web applications are for webexchange.h.
 *
 * Life cycle: exchange_start(), then exchange_record() for each application record in time order
 * and exchange_expire() when exchange_deadline() passes, then exchange_close(). */

/* One for each connection that is followed, so small. Counts that reach their largest value stay
 * there. */
struct exchange_tracker {
    int64_t last_ns; /* of the request, then of the answer */
    int64_t answer_first_ns;
    union {
        int64_t first_reply_ns;     /* to any part of the request, until the next one begins: */
        int64_t next_burst_last_ns; /* of the client, while an answer is running */
    };
    union {
        float excess_bytes[3]; /* M2: as in struct exchange_shape, low to high */
        struct {               /* other methods */
            uint16_t modal_bytes;
            uint16_t modal_lead;
            uint32_t bulk_bytes; /* as in struct exchange_shape */
            uint16_t bulk_records;
            union {
                uint16_t joined_record; /* the largest, of several at once, that no end followed */
                uint16_t opening_parts; /* else, before the first event, in EDGE_PART_BYTES */
            };
        };
    };
    uint16_t steps;     /* records that came after a pause, unasked */
    uint16_t window_ms; /* HTTP/2: when the client was last allowed to send more; its low bits */
    uint8_t requests;   /* that are answered together, */
    uint8_t running;    /* of which so many were not seen to end */
    union {
        uint16_t bulk_parts;    /* M2: bulk_bytes, in BULK_PART_BYTES */
        uint16_t whole_parts;   /* of several at once, whole_record_min: whole_text_bytes */
        uint16_t closing_parts; /* else, not M2: after the last event, in EDGE_PART_BYTES */
    };
    uint32_t last_record : 16; /* its size, of the answer */
    uint32_t waited : 15;      /* for the answer, in WAIT_NS */
    uint32_t request_full : 1; /* the client's last record was full */
    uint32_t request_bytes;
    uint32_t answer_bytes;
    union {
        struct {
            uint32_t next_burst_bytes : 24;
            uint32_t smallest : 8; /* M2: event, in SMALLEST_PART_BYTES above the least base; or
                                    * none, which is all ones */
        };
        struct { /* other methods; these begin with all ones, too */
            uint32_t : 24;
            uint32_t events_to_come : 2; /* until those of the answer have begun */
            uint32_t is_single : 1;      /* none was answered together with another */
            uint32_t calls_left : 3;     /* of tools, of EXCHANGE_CALLS_MAX, that did not begin */
        };
    };
    uint32_t answer_records : 18;
    uint32_t apart : 1;        /* the last record, from what was said before */
    uint32_t half_seconds : 7; /* of those, counted since the answer began, that hold some of it */
    uint32_t state : 2;
    uint32_t had_exchange : 1;
    uint32_t http : 2;      /* enum exchange_http */
    uint32_t tells_end : 1; /* the end of an answer has been seen, in a frame of its own */
};
_Static_assert(sizeof(struct exchange_tracker) == 64, "a followed connection has become larger");

#define EXCHANGE_NO_DEADLINE INT64_MAX
/* So many calls of tools are told in an answer. */
#define EXCHANGE_CALLS_MAX 7

void exchange_start(struct exchange_tracker *tracker);

/* The same of a connection of QUIC: "records" are datagrams, and HTTP/3 is spoken. */
void exchange_start_quic(struct exchange_tracker *tracker);

/* One application record of SIZE bytes. Returns true when it ended an exchange, whose shape is then
 * in *finished. */
bool exchange_record(struct exchange_tracker *tracker, const struct estimator *estimator,
                     int64_t now_ns, bool from_client, uint32_t size,
                     struct exchange_shape *finished);

/* The last part of the request was not seen: it may have been sent as early as SINCE_NS. Nothing
 * where no request is running that waits for its answer. */
void exchange_asked_since(struct exchange_tracker *tracker, int64_t since_ns);

/* When exchange_expire() has something to do, if no record comes before. */
int64_t exchange_deadline(const struct exchange_tracker *tracker,
                          const struct estimator *estimator);
bool exchange_expire(struct exchange_tracker *tracker, const struct estimator *estimator,
                     struct exchange_shape *finished);

/* The connection ended: so does the exchange, if there is one. */
bool exchange_close(struct exchange_tracker *tracker, const struct estimator *estimator,
                    struct exchange_shape *finished);

/* Whether a request was sent, or is being answered. */
bool exchange_is_open(const struct exchange_tracker *tracker);

/* Whether one was sent, and nothing of its answer came yet. */
bool exchange_is_waiting(const struct exchange_tracker *tracker);

#endif
