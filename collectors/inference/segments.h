/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SEGMENTS_H
#define IAGMETER_SEGMENTS_H

#include "collectors/capture/assembly.h"

#include <stdbool.h>
#include <stdint.h>

/* Puts the segments that one end of a TCP connection sends in order. Those that overtook a lost one
 * wait in an assembly; what never comes is stepped over. */

struct segment_stream {
    uint32_t expected; /* sequence number of the next byte in order */
    uint32_t waiting;  /* assembly that holds early segments, or ASSEMBLY_NONE */
    uint8_t claim;     /* to be far from there (claim.h); 0: none */
};

/* LENGTH bytes in order; BYTES is NULL when they were not captured. */
typedef void segments_handler(void *context, const uint8_t *bytes, uint32_t length);

void segments_start(struct segment_stream *stream, uint32_t sequence);

/* Whether LENGTH bytes at SEQUENCE may be the stream's: to be asked of each segment, once and
 * before it is added, for what is far away is believed when the next one goes on from it. */
bool segments_believe(struct segment_stream *stream, uint32_t sequence, uint32_t length);

/* Whether they tell of anything that did not come before. */
bool segments_are_new(const struct segment_stream *stream, uint32_t sequence, uint32_t length);

/* CAPTURED of the LENGTH bytes of a segment are at BYTES. */
void segments_add(struct segment_stream *stream, struct assembly_pool *pool, uint32_t sequence,
                  const uint8_t *bytes, uint32_t captured, uint32_t length,
                  segments_handler *handler, void *context);

/* Gives up what is missing before SEQUENCE, which the other end has acknowledged. */
void segments_acknowledge(struct segment_stream *stream, struct assembly_pool *pool,
                          uint32_t sequence, segments_handler *handler, void *context);

/* Gives up all that is missing, and the assembly back. */
void segments_finish(struct segment_stream *stream, struct assembly_pool *pool,
                     segments_handler *handler, void *context);

#endif
