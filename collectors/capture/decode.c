/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/decode.h"

#include "collectors/capture/layers.h"
#include "collectors/capture/links.h"
#include "collectors/capture/tunnels.h"

#include <pcap/dlt.h>

/* Headers that are read in one frame, the common way down counting as one. Real networks nest five
 * or so; without a limit 64 kB of tags would keep us busy. */
#define MAX_STEPS 32

/* Goes on after the first step, which reads no tag. */
static enum decode_result walk(struct frame *frame, struct packet *packet)
{
    enum decode_result result = DECODE_CORRUPT;

    frame->tagged = false;
    for (unsigned steps = 1; frame->next && steps < MAX_STEPS; steps++) {
        layer *step = frame->next;

        frame->next = NULL;
        result = step(frame, packet);
    }
    if (frame->next)
        result = DECODE_CORRUPT;
    if (frame->trust == TRUST_NO_GUESS ||
        (frame->trust == TRUST_CONFIRMED && result != DECODE_CORRUPT))
        return result;
    *packet = frame->outer;
    return DECODE_UDP;
}

static inline void begin(struct frame *frame, const struct trust_policy *policy,
                         const uint8_t *bytes, uint32_t captured, uint32_t length)
{
    frame->cursor = cursor_over(bytes, captured);
    frame->cut = length > captured ? length - captured : 0;
    frame->trust = TRUST_NO_GUESS;
    frame->policy = policy;
    frame->next = NULL;
}

bool decode_supports(int link_type)
{
    return links_find(link_type) != NULL;
}

enum decode_result decode_trusted(const struct trust_policy *policy, int link_type,
                                  const uint8_t *bytes, uint32_t captured, uint32_t length,
                                  struct packet *packet)
{
    layer *first = link_type == DLT_EN10MB ? layers_ethernet : links_find(link_type);
    struct frame frame; /* not zeroed: most frames use a third of it */
    enum decode_result result;

    if (!first)
        return DECODE_OTHER;
    begin(&frame, policy, bytes, captured, length);
    packet->vlan = VLAN_NONE;
    result = first(&frame, packet);
    return frame.next ? walk(&frame, packet) : result;
}

enum decode_result decode_frame(int link_type, const uint8_t *bytes, uint32_t captured,
                                uint32_t length, struct packet *packet)
{
    return decode_trusted(&trust_by_default, link_type, bytes, captured, length, packet);
}

enum decode_result decode_reassembled(const struct trust_policy *policy, uint8_t protocol,
                                      const uint8_t *bytes, uint32_t captured, uint32_t length,
                                      struct packet *packet)
{
    struct frame frame;

    begin(&frame, policy, bytes, captured, length);
    frame.protocol = protocol;
    if (packet->fragment.capwap) {
        packet->protocol = PROTOCOL_UDP;
        layers_set_payload(&frame, packet);
        layers_guess(&frame, packet, tunnels_capwap_payload);
    } else {
        layers_follow(&frame, layers_protocol);
    }
    return walk(&frame, packet);
}

bool decode_next(const struct trust_policy *policy, struct packet *rest, enum decode_result *result,
                 struct packet *packet)
{
    struct frame frame;

    begin(&frame, policy, rest->payload, rest->captured_length, rest->payload_length);
    packet->vlan = rest->vlan;
    if (!links_take_subframe(&frame, rest))
        return false;
    layers_follow(&frame, links_subframe);
    *result = walk(&frame, packet);
    return true;
}
