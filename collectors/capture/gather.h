/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_GATHER_H
#define IAGMETER_GATHER_H

#include "collectors/capture/frame.h"

#include <stddef.h>

/* Packets of an interface are handed over many at a time, for the metering to wait for memory once
 * instead of for each. They have to be copied for that: within one pcap_dispatch(), libpcap gives a
 * block of the ring back to the kernel as soon as its last packet was shown, and does not say which
 * one that is (pcap_read_linux_mmap_v3() in pcap-linux.c). */

/* Packets of a batch at most: more of them would leave the fastest cache. */
#define GATHER_COUNT 32
/* Bytes of a batch at most: the largest snap length that can be configured. Of a longer packet the
 * beginning is kept. */
#define GATHER_SIZE 262144

struct gather;

/* Called for each batch of 1 to GATHER_COUNT packets. Their bytes stay during the call. */
typedef void gather_handler(void *context, const struct captured_frame *frames, size_t count);

/* NULL when memory is exhausted. */
struct gather *gather_new(void);
void gather_free(struct gather *gather);

/* To whom the batches go from now on; none must be open. */
void gather_begin(struct gather *gather, gather_handler *handler, void *context);
/* Copies FRAME, after handing over what was gathered when there is no room for it. */
void gather_add(struct gather *gather, const struct captured_frame *frame);
/* Hands over what was gathered, if anything. */
void gather_end(struct gather *gather);

#endif
