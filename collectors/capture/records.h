/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_RECORDS_H
#define IAGMETER_RECORDS_H

#include "collectors/capture/assembly.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Follows the TLS records of one direction of a connection: their types and sizes, nothing of their
 * contents. Bytes arrive in any order; segments that overtook another wait for it in an assembly,
 * but not for long: most of what a capture lacks was never lost on the way, and does not come
 * again. What is given up is stepped over, and counted as one record of unknown make-up. Sequence
 * numbers are believed here: what is far from its end, and may be forged, does not get here until
 * it shows that it is true (claim.h, is_in_place() in metering.c). */

struct record_stream {
    uint32_t expected; /* sequence number of the next byte in order */
    union {
        uint32_t body_left; /* in step: of the current record; void when a header was begun */
        uint8_t header[4];  /* in step: what is there of a header that segments cut */
        uint32_t lost;      /* out of step: bytes stepped over since then */
    };
    uint32_t waiting : 24; /* assembly that holds early segments, if one does */
    uint32_t header_length : 3;
    uint32_t is_waiting : 1;
    uint32_t in_step : 1; /* 0: the place of the next record header is unknown */
    uint32_t started : 1;
};

enum { RECORD_APPLICATION_DATA = 23, RECORD_UNKNOWN = 0 };

/* Whether CAPTURED bytes begin with a record that comes after a ClientHello, of either end: a
 * ServerHello, the change of ciphers, an alert, or application data. Of random bytes one in four
 * millions do. */
bool records_go_on(const uint8_t *bytes, size_t captured);

/* SIZE is that of the record without its header. TYPE is the ContentType of RFC 8446, 5.1, or
 * RECORD_UNKNOWN for bytes that the capture did not show. */
typedef void record_handler(void *context, uint8_t type, uint32_t size);

void records_start(struct record_stream *stream, uint32_t sequence);

/* A piece of the stream: CAPTURED of its LENGTH bytes are at BYTES. */
struct record_segment {
    int64_t now_ns;
    uint32_t sequence;
    uint32_t captured;
    uint32_t length;
    const uint8_t *bytes;
};

/* Calls HANDLER for each record whose header becomes known. Returns the number of bytes given up as
 * lost. */
uint32_t records_segment(struct record_stream *stream, struct assembly_pool *pool,
                         const struct record_segment *segment, record_handler *handler,
                         void *context);

/* The other end has ACKNOWLEDGED everything before that sequence number: what of it is not there
 * was not captured, and is handed over at once. Returns the bytes given up as lost. */
uint32_t records_acknowledged(struct record_stream *stream, struct assembly_pool *pool,
                              uint32_t acknowledged, record_handler *handler, void *context);

/* Gives the waiting assembly back, handing over what it holds. Returns the bytes given up as lost.
 */
uint32_t records_finish(struct record_stream *stream, struct assembly_pool *pool,
                        record_handler *handler, void *context);

#endif
