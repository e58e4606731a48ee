/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DECODE_H
#define IAGMETER_DECODE_H

#include "daemon/directions.h"

#include <stdint.h>

/* From a captured frame to its transport payload. Pure: bytes in, summary out. */

enum decode_result {
    DECODE_TCP,
    DECODE_OTHER,     /* well formed, but not TCP over IP: counted, not followed */
    DECODE_FRAGMENT,  /* a piece of an IP packet: its ports are elsewhere */
    DECODE_TRUNCATED, /* the snap length cut a header */
    DECODE_CORRUPT    /* a header contradicts itself */
};

enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_ACK = 0x10 };

struct packet {
    struct address source;
    struct address destination;
    uint16_t source_port;
    uint16_t destination_port;
    uint16_t vlan; /* outermost 802.1Q id, or VLAN_NONE */
    uint8_t tcp_flags;
    uint32_t sequence;
    const uint8_t *payload;   /* captured part */
    uint32_t captured_length; /* of the payload */
    uint32_t payload_length;  /* on the wire; larger when the snap length cut it */
};

/* Whether frames of this libpcap link type (DLT_) can be decoded. */
bool decode_supports(int link_type);

/* LENGTH is that of the frame on the wire, CAPTURED <= LENGTH what is at BYTES. *packet is filled
 * when the result is DECODE_TCP. Never fails on a supported link type other than by its result. */
enum decode_result decode_frame(int link_type, const uint8_t *bytes, uint32_t captured,
                                uint32_t length, struct packet *packet);

#endif
