/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_RING_H
#define IAGMETER_RING_H

#include "collectors/capture/frame.h"
#include "daemon/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The packets of an Ethernet interface, in blocks that the kernel fills in memory which it shares
 * with us (TPACKET_V3; Documentation/networking/packet_mmap.rst of Linux). libpcap does the same,
 * but its blocks are of 256 KiB: whoever reads them wakes many times a second, and each time finds
 * what it needs out of the cache. These are larger, within the same memory, so that many packets
 * pay for that together; the kernel still wakes us when one of them is full, long before the ring
 * is. And a block is given back when its packets were metered: they need not be copied. */

struct ring;

/* INTERFACE's name, snap length, promiscuous mode and buffer count. A packet waits for its block to
 * be full for HELD_MS at most. Where there is no memory for such a buffer, it is half as large, or
 * a quarter, down to 1 MiB. NULL, with the reason in ERROR, when the kernel refuses, or memory is
 * exhausted. CAP_NET_RAW is needed. */
struct ring *ring_open(const struct interface_config *interface, unsigned held_ms, char *error,
                       size_t error_size);
void ring_close(struct ring *ring);

/* How large the buffer is: a block's size more than asked for at most, or less (see above). */
size_t ring_bytes(const struct ring *ring);

/* The socket: readable when ring_read() may give something, or the interface is gone. */
int ring_descriptor(const struct ring *ring);

/* Up to MOST frames that are there: COUNT is 0 when there is none yet. Their bytes stay until the
 * next call. Returns false with errno set when the interface is gone, and no frame is left. */
bool ring_read(struct ring *ring, struct captured_frame *frames, size_t most, size_t *count);

/* Packets since the last call for which there was no room. */
uint64_t ring_take_dropped(struct ring *ring);

#endif
