/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SHARD_H
#define IAGMETER_SHARD_H

#include "collectors/capture/decode.h"
#include "collectors/capture/frame.h"

/* Which of several workers meters a packet: the same one for all packets of a client. So a flow,
 * what its client asked the DNS for, and the client as a device are each known to one worker alone.
 * The client is taken to be the end with the higher port, as ephemeral ports are above those of
 * services; where that is wrong, the packets of a flow still stay together, both ways.
 *
 * Without a key, so that the same capture is always shared in the same way. */

/* From 0 to COUNT - 1, of a packet that was decoded as TCP or UDP. */
unsigned shard_of_packet(const struct packet *packet, unsigned count);

/* Of a fragment: nobody knows before all of its packet is there. Of a frame of several packets,
 * which may be of several shards: each worker takes its own. */
#define SHARD_UNKNOWN UINT32_MAX

/* The same for what decode_trusted() makes of FRAME, but faster for most frames. What is neither
 * TCP nor UDP is 0. */
unsigned shard_of_frame(const struct trust_policy *policy, const struct captured_frame *frame,
                        unsigned count);

#endif
