/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DECODE_H
#define IAGMETER_DECODE_H

#include "collectors/capture/trust.h"
#include "daemon/directions.h"

#include <stdbool.h>
#include <stdint.h>

/* From a captured frame to its innermost transport payload, through whatever carries it: tags,
 * labels, PPP, tunnels (layers.h and tunnels.h name them). Pure: bytes in, summary out. */

enum decode_result {
    DECODE_TCP,
    DECODE_UDP,
    DECODE_OTHER,     /* well formed, but neither over IP: counted, not followed */
    DECODE_TRUNCATED, /* the snap length cut a header */
    DECODE_CORRUPT,   /* a header contradicts itself, or too many headers */
    /* Not one packet; these come last. */
    DECODE_FRAGMENT, /* a piece of a packet of IP or CAPWAP: for fragments_add() */
    DECODE_AGGREGATE /* several packets in one frame of 802.11: for decode_next() */
};

enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_ACK = 0x10 };

enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

/* Where a fragment belongs. */
struct fragment {
    uint32_t identification;
    uint16_t offset; /* bytes */
    bool more;       /* it is not the last one */
    bool capwap;     /* of a packet of CAPWAP between these ports (RFC 5415, 3.4), not of IP */
};

/* That of the innermost packet. */
struct packet {
    struct address source;
    struct address destination;
    uint16_t source_port;
    uint16_t destination_port;
    uint16_t vlan; /* of the innermost tagged Ethernet frame, the outermost 802.1Q id that is not
                      zero; or VLAN_NONE */
    uint8_t tcp_flags; /* 0 for UDP */
    uint8_t protocol;  /* PROTOCOL_TCP or _UDP; of a fragment, what its header announces */
    uint32_t sequence; /* 0 for UDP, as the next */
    uint32_t acknowledgement;
    uint16_t ip_id;    /* identification of IPv4; 0 for IPv6 */
    uint16_t checksum; /* of TCP or UDP: with ip_id, tells copies of a frame from retransmissions */
    const uint8_t *payload; /* captured part; of a fragment or aggregate, all behind its headers */
    uint32_t captured_length; /* of the payload */
    uint32_t payload_length;  /* on the wire; larger when the snap length cut it */
    struct fragment fragment; /* set when the result is DECODE_FRAGMENT */
};

/* Makes it one from its destination to its source. */
static inline void packet_turn_round(struct packet *packet)
{
    const struct packet other = *packet;

    packet->source = other.destination;
    packet->destination = other.source;
    packet->source_port = other.destination_port;
    packet->destination_port = other.source_port;
}

/* Whether frames of this libpcap link type (DLT_) can be decoded. */
bool decode_supports(int link_type);

/* Of tunnels between addresses, those that POLICY trusts are opened; of another one, the packet
 * that carries it is the result, as if it held anything else. LENGTH is that of the frame on the
 * wire, CAPTURED <= LENGTH what is at BYTES. *packet is filled when the result is DECODE_TCP or
 * DECODE_UDP; when it is DECODE_FRAGMENT, all but what is TCP's or UDP's (of CAPWAP, the ports
 * are); when it is DECODE_AGGREGATE, its VLAN, payload and lengths alone. A tunnel known by its UDP
 * port alone is followed when its header and the IP header in it make sense; otherwise the outer
 * datagram is the result. Never fails on a supported link type other than by its result. */
enum decode_result decode_trusted(const struct trust_policy *policy, int link_type,
                                  const uint8_t *bytes, uint32_t captured, uint32_t length,
                                  struct packet *packet);

/* The same by trust_by_default. */
enum decode_result decode_frame(int link_type, const uint8_t *bytes, uint32_t captured,
                                uint32_t length, struct packet *packet);

/* Goes on with what fragments_add() put together: the LENGTH bytes, of which the first CAPTURED are
 * at BYTES, that a header announced as PROTOCOL. *packet is that of a fragment: its addresses, VLAN
 * and identification stay, unless there is another IP packet inside. */
enum decode_result decode_reassembled(const struct trust_policy *policy, uint8_t protocol,
                                      const uint8_t *bytes, uint32_t captured, uint32_t length,
                                      struct packet *packet);

/* The next packet of an aggregate, of which *REST is what is left: at first what the decoding of
 * its frame gave. Returns false when there is none; else *RESULT says what the packet is, and
 * *packet is filled as by decode_trusted(). One may hold an aggregate in turn, in a tunnel. */
bool decode_next(const struct trust_policy *policy, struct packet *rest, enum decode_result *result,
                 struct packet *packet);

#endif
