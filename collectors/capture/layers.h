/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_LAYERS_H
#define IAGMETER_LAYERS_H

#include "collectors/capture/cursor.h"
#include "collectors/capture/decode.h"
#include "collectors/capture/trust.h"

/* The headers of a frame, one step each; between decode.c, layers.c, links.c and tunnels.c only.
 *
 * A step reads its header, and either tells the result or names the step that reads what follows,
 * by layers_follow(). No step calls another that could lead back to it, so that decode.c's loop is
 * the one place that bounds how deep packets may be nested. The one short cut is the common way
 * down: Ethernet, IP, TCP or UDP in a row are one step. */

struct frame;
typedef enum decode_result layer(struct frame *frame, struct packet *packet);

/* How far a tunnel that only a UDP port announced is believed. */
enum trust {
    TRUST_NO_GUESS, /* there is no such tunnel */
    TRUST_GUESSED,  /* its header looks right so far */
    TRUST_CONFIRMED /* there is an IP packet in it */
};

/* What is left of the frame, or of the packet in it that was reached. */
struct frame {
    struct cursor cursor;
    uint32_t cut; /* bytes that the snap length took from its end */
    enum trust trust;
    bool tagged; /* a VLAN was told by a tag of this Ethernet frame, not of one around it */
    const struct trust_policy *policy;
    layer *next;         /* set by layers_follow() */
    uint16_t type;       /* for layers_typed: an EtherType */
    uint8_t protocol;    /* for layers_protocol and extension headers: an IP protocol */
    struct packet outer; /* the result when a guessed tunnel is none */
};

static inline enum decode_result layers_follow(struct frame *frame, layer *next)
{
    frame->next = next;
    return DECODE_OTHER;
}

/* A header is longer than what is there. */
static inline enum decode_result layers_short(const struct frame *frame)
{
    return frame->cut ? DECODE_TRUNCATED : DECODE_CORRUPT;
}

/* NEXT stands behind COUNT more bytes. */
static inline enum decode_result layers_skip_to(struct frame *frame, size_t count, layer *next)
{
    return cursor_bytes(&frame->cursor, count) ? layers_follow(frame, next) : layers_short(frame);
}

/* How much is left on the wire. */
static inline uint32_t layers_left(const struct frame *frame)
{
    return (uint32_t)cursor_left(&frame->cursor) + frame->cut;
}

/* All that is left is the payload. */
static inline void layers_set_payload(const struct frame *frame, struct packet *packet)
{
    packet->payload = frame->cursor.at;
    packet->captured_length = (uint32_t)cursor_left(&frame->cursor);
    packet->payload_length = packet->captured_length + frame->cut;
}

/* Only LENGTH bytes are left; what comes after them is padding, or a checksum. More than there are
 * change nothing: the frame's own length cannot be lied about. */
static inline void layers_narrow(struct frame *frame, uint32_t length)
{
    uint32_t captured = (uint32_t)cursor_left(&frame->cursor);

    if (length <= captured) {
        frame->cursor.end = frame->cursor.at + length;
        frame->cut = 0;
    } else if (length - captured < frame->cut) {
        frame->cut = length - captured;
    }
}

/* What is left may be a tunnel: if it is none, *packet, a datagram of it, is the result. */
static inline enum decode_result layers_guess(struct frame *frame, struct packet *packet,
                                              layer *tunnel)
{
    frame->outer = *packet;
    frame->trust = TRUST_GUESSED;
    return layers_follow(frame, tunnel);
}

/* Goes on as an EtherType says. */
layer layers_typed;
static inline enum decode_result layers_follow_type(struct frame *frame, uint16_t type)
{
    frame->type = type;
    return layers_follow(frame, layers_typed);
}

/* Goes on as the IP protocol `frame->protocol` says. */
layer layers_protocol;
/* Whether it may lead to a payload. */
bool layers_knows_protocol(uint8_t protocol);

layer layers_ethernet;
/* The same in a tunnel: its tags are the client's, those before it the infrastructure's. */
layer layers_inner_ethernet;
/* IPv4 or IPv6: the version tells. */
layer layers_ip;

#endif
