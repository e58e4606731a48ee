/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/layers.h"

#include "collectors/capture/links.h"
#include "collectors/capture/tunnels.h"

#include <string.h>

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_TRILL = 0x22f3,
    ETHERTYPE_BATMAN = 0x4305,
    ETHERTYPE_ETHERNET = 0x6558, /* transparent Ethernet bridging, in GRE and GENEVE */
    ETHERTYPE_FRAME_RELAY = 0x6559,
    ETHERTYPE_8021Q = 0x8100,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_PPP = 0x880b,
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_MPLS_MULTICAST = 0x8848,
    ETHERTYPE_PPPOE_SESSION = 0x8864,
    ETHERTYPE_8021AD = 0x88a8,
    ETHERTYPE_8021AH = 0x88e7,
    ETHERTYPE_CISCO_METADATA = 0x8909,
    ETHERTYPE_MACSEC = 0x88e5,
    ETHERTYPE_VN_TAG = 0x8926,
    ETHERTYPE_HSR = 0x892f,
    ETHERTYPE_FGL = 0x893b,
    ETHERTYPE_8021BR = 0x893f,
    ETHERTYPE_NSH = 0x894f,
    ETHERTYPE_QINQ_FIRST = 0x9100, /* before IEEE 802.1ad, still sent by old switches */
    ETHERTYPE_QINQ_SECOND = 0x9200,
    ETHERTYPE_QINQ_THIRD = 0x9300
};
#define LARGEST_8023_LENGTH 1500 /* IEEE 802.3, 3.2.6: up to here the field is a length */

enum { PROTOCOL_IPIP = 4, PROTOCOL_IPV6 = 41, PROTOCOL_GRE = 47 };
enum { PROTOCOL_ETHERIP = 97, PROTOCOL_PIM = 103, PROTOCOL_UDP_LITE = 136, PROTOCOL_MPLS = 137 };

/* IPv6 extension headers (RFC 8200, 4; RFC 4302, 6275, 7401, 5533). */
enum {
    EXTENSION_HOP_BY_HOP = 0,
    EXTENSION_ROUTING = 43,
    EXTENSION_FRAGMENT = 44,
    EXTENSION_AUTHENTICATION = 51,
    EXTENSION_DESTINATION = 60,
    EXTENSION_MOBILITY = 135,
    EXTENSION_HOST_IDENTITY = 139,
    EXTENSION_SHIM6 = 140
};

/* Whether a tunnel in this IP packet is opened. */
static bool is_trusted(const struct frame *frame, const struct packet *packet)
{
    return trust_tunnel(frame->policy, &packet->source, &packet->destination);
}

/* -- Transport --------------------------------------------------------------------------------- */

/* Steps over COUNT bytes of the wire; the snap length may have cut them. */
static void skip_on_wire(struct frame *frame, uint32_t count)
{
    uint32_t captured = (uint32_t)cursor_left(&frame->cursor);

    if (count > captured) {
        frame->cut -= count - captured;
        count = captured;
    }
    cursor_skip(&frame->cursor, count);
}

static enum decode_result decode_tcp(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 20);
    uint32_t header_length;

    if (!header)
        return layers_short(frame);
    header_length = (uint32_t)(header[12] >> 4) * 4;
    if (header_length < 20 || header_length - 20 > layers_left(frame))
        return DECODE_CORRUPT;
    if (header_length > 20)
        skip_on_wire(frame, header_length - 20);
    packet->protocol = PROTOCOL_TCP;
    packet->source_port = cursor_load_u16(header);
    packet->destination_port = cursor_load_u16(header + 2);
    packet->sequence = cursor_load_u32(header + 4);
    packet->acknowledgement = cursor_load_u32(header + 8);
    packet->tcp_flags = header[13];
    packet->checksum = cursor_load_u16(header + 16);
    layers_set_payload(frame, packet);
    return DECODE_TCP;
}

/* Behind a header of UDP or UDP-Lite. */
static inline enum decode_result enter_udp(struct frame *frame, const uint8_t *header,
                                           struct packet *packet)
{
    layer *tunnel;

    packet->protocol = PROTOCOL_UDP;
    packet->source_port = cursor_load_u16(header);
    packet->destination_port = cursor_load_u16(header + 2);
    packet->sequence = 0;
    packet->acknowledgement = 0;
    packet->tcp_flags = 0;
    packet->checksum = cursor_load_u16(header + 6);
    layers_set_payload(frame, packet);
    if (!tunnels_may_be_on(frame->policy, packet->source_port, packet->destination_port))
        return DECODE_UDP;
    tunnel = tunnels_on_port(frame->policy, packet->source_port, packet->destination_port);
    if (!tunnel || !is_trusted(frame, packet))
        return DECODE_UDP;
    return layers_guess(frame, packet, tunnel);
}

static enum decode_result decode_udp(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);
    uint16_t length;

    if (!header)
        return layers_short(frame);
    length = cursor_load_u16(header + 4);
    /* Zero: a jumbogram (RFC 2675, 4), whose length is that of the IP packet. */
    if (length > 0 && length < 8)
        return DECODE_CORRUPT;
    if (length > 0)
        layers_narrow(frame, length - 8U);
    return enter_udp(frame, header, packet);
}

/* RFC 3828: in place of the length it says how much the checksum covers. Of interest is CAPWAP,
 * which it carries over IPv6 (RFC 5415, 3.1). */
static enum decode_result decode_udp_lite(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);

    if (!header)
        return layers_short(frame);
    if (cursor_load_u16(header) != TUNNELS_CAPWAP && cursor_load_u16(header + 2) != TUNNELS_CAPWAP)
        return DECODE_OTHER;
    return enter_udp(frame, header, packet);
}

/* -- IP ---------------------------------------------------------------------------------------- */

static layer decode_extension;
static layer decode_fragment_header;

/* The step for an IP protocol that may lead to a payload, or NULL. */
static layer *step_for_protocol(uint8_t protocol)
{
    switch (protocol) {
    case PROTOCOL_TCP:
        return decode_tcp;
    case PROTOCOL_UDP:
        return decode_udp;
    case PROTOCOL_IPIP:
    case PROTOCOL_IPV6:
        return layers_ip;
    case PROTOCOL_GRE:
        return tunnels_gre;
    case PROTOCOL_ETHERIP:
        return tunnels_etherip;
    case PROTOCOL_PIM:
        return tunnels_pim;
    case PROTOCOL_UDP_LITE:
        return decode_udp_lite;
    case PROTOCOL_MPLS:
        return tunnels_mpls;
    case EXTENSION_FRAGMENT:
        return decode_fragment_header;
    case EXTENSION_HOP_BY_HOP:
    case EXTENSION_ROUTING:
    case EXTENSION_AUTHENTICATION:
    case EXTENSION_DESTINATION:
    case EXTENSION_MOBILITY:
    case EXTENSION_HOST_IDENTITY:
    case EXTENSION_SHIM6:
        return decode_extension;
    default:
        return NULL;
    }
}

bool layers_knows_protocol(uint8_t protocol)
{
    return step_for_protocol(protocol) != NULL;
}

/* The same, but for tunnels that are not trusted. */
static layer *trusted_step(const struct frame *frame, uint8_t protocol, const struct packet *packet)
{
    switch (protocol) {
    case PROTOCOL_IPIP:
    case PROTOCOL_IPV6:
    case PROTOCOL_GRE:
    case PROTOCOL_ETHERIP:
    case PROTOCOL_PIM:
    case PROTOCOL_MPLS:
        return is_trusted(frame, packet) ? step_for_protocol(protocol) : NULL;
    default:
        return step_for_protocol(protocol);
    }
}

static inline enum decode_result decode_protocol(struct frame *frame, uint8_t protocol,
                                                 struct packet *packet)
{
    layer *step;

    if (protocol == PROTOCOL_TCP)
        return decode_tcp(frame, packet);
    if (protocol == PROTOCOL_UDP)
        return decode_udp(frame, packet);
    frame->protocol = protocol;
    step = trusted_step(frame, protocol, packet);
    return step ? layers_follow(frame, step) : DECODE_OTHER;
}

enum decode_result layers_protocol(struct frame *frame, struct packet *packet)
{
    return decode_protocol(frame, frame->protocol, packet);
}

/* `packet->fragment` is set. Fragments of what would not be followed as a whole need not be put
 * together. */
static enum decode_result decode_fragment(struct frame *frame, uint8_t protocol,
                                          struct packet *packet)
{
    if (!trusted_step(frame, protocol, packet))
        return DECODE_OTHER;
    packet->protocol = protocol;
    packet->fragment.capwap = false;
    layers_set_payload(frame, packet);
    return DECODE_FRAGMENT;
}

static enum decode_result decode_extension(struct frame *frame, struct packet *packet)
{
    uint8_t next = cursor_u8(&frame->cursor);
    uint32_t length = cursor_u8(&frame->cursor);

    /* In units of 8 bytes less one; the authentication header in units of 4 less two (RFC 4302). */
    length = frame->protocol == EXTENSION_AUTHENTICATION ? (length + 2) * 4 : (length + 1) * 8;
    cursor_skip(&frame->cursor, length - 2);
    if (frame->cursor.failed)
        return layers_short(frame);
    return decode_protocol(frame, next, packet);
}

/* RFC 8200, 4.5. A fragment that is the whole packet is none (RFC 6946). */
static enum decode_result decode_fragment_header(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);
    struct fragment *fragment = &packet->fragment;

    if (!header)
        return layers_short(frame);
    fragment->offset = cursor_load_u16(header + 2) & 0xfff8;
    fragment->more = header[3] & 1;
    fragment->identification = cursor_load_u32(header + 4);
    if (fragment->offset == 0 && !fragment->more)
        return decode_protocol(frame, header[0], packet);
    return decode_fragment(frame, header[0], packet);
}

/* An IP packet in a tunnel ends where the tunnel's does, or a little before: Ethernet pads short
 * frames, and what mirrors them may append when and where it did (the frames of some captures have
 * 52 bytes more). In random bytes this holds once in 1 000 times. */
static bool fits_guess(const struct frame *frame, uint32_t length)
{
    enum { MOST_PADDING = 64 };
    uint32_t left = layers_left(frame);

    return length <= left && left - length <= MOST_PADDING;
}

/* LENGTH is what the IP header says follows it, unless it does not say: segmentation offload leaves
 * the field empty on packets of more than 64 kB. Returns false when this cannot be IP. */
static inline bool enter_ip(struct frame *frame, uint8_t version_byte, unsigned version,
                            bool has_length, uint32_t length)
{
    if (version_byte >> 4 != version)
        return false;
    if (frame->trust == TRUST_GUESSED) {
        if (has_length && !fits_guess(frame, length))
            return false;
        frame->trust = TRUST_CONFIRMED;
    }
    if (has_length)
        layers_narrow(frame, length);
    return true;
}

static inline void set_address(struct address *address, uint8_t family, const uint8_t *bytes)
{
    *address = (struct address){.family = family};
    memcpy(address->bytes, bytes, family == 4 ? 4 : 16);
}

static enum decode_result decode_ipv4(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 20);
    uint32_t header_length;
    uint32_t total_length;
    uint16_t fragment;

    if (!header)
        return layers_short(frame);
    header_length = (uint32_t)(header[0] & 15) * 4;
    total_length = cursor_load_u16(header + 2);
    if (header_length < 20 || (total_length != 0 && total_length < header_length))
        return DECODE_CORRUPT;
    if (header_length > 20 && !cursor_bytes(&frame->cursor, header_length - 20))
        return layers_short(frame);
    if (!enter_ip(frame, header[0], 4, total_length != 0, total_length - header_length))
        return DECODE_CORRUPT;
    set_address(&packet->source, 4, header + 12);
    set_address(&packet->destination, 4, header + 16);
    packet->ip_id = cursor_load_u16(header + 4);
    fragment = cursor_load_u16(header + 6);
    if (!(fragment & 0x3fff)) /* neither more fragments nor an offset (RFC 791, 3.1) */
        return decode_protocol(frame, header[9], packet);
    packet->fragment.identification = packet->ip_id;
    packet->fragment.offset = (uint16_t)(fragment << 3);
    packet->fragment.more = fragment & 0x2000;
    return decode_fragment(frame, header[9], packet);
}

static enum decode_result decode_ipv6(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 40);
    uint32_t length;

    if (!header)
        return layers_short(frame);
    length = cursor_load_u16(header + 4);
    if (!enter_ip(frame, header[0], 6, length != 0, length))
        return DECODE_CORRUPT;
    set_address(&packet->source, 6, header + 8);
    set_address(&packet->destination, 6, header + 24);
    packet->ip_id = 0;
    return decode_protocol(frame, header[6], packet);
}

enum decode_result layers_ip(struct frame *frame, struct packet *packet)
{
    if (cursor_left(&frame->cursor) == 0)
        return layers_short(frame);
    return *frame->cursor.at >> 4 == 6 ? decode_ipv6(frame, packet) : decode_ipv4(frame, packet);
}

/* -- Ethernet ---------------------------------------------------------------------------------- */

/* The step for an EtherType other than those of IP, or NULL. */
static layer *step_for_type(uint16_t type)
{
    switch (type) {
    case ETHERTYPE_8021Q:
    case ETHERTYPE_8021AD:
    case ETHERTYPE_QINQ_FIRST:
    case ETHERTYPE_QINQ_SECOND:
    case ETHERTYPE_QINQ_THIRD:
        return tunnels_vlan_tag;
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_MULTICAST:
        return tunnels_mpls;
    case ETHERTYPE_PPPOE_SESSION:
        return tunnels_pppoe;
    case ETHERTYPE_ETHERNET:
        return layers_inner_ethernet;
    case ETHERTYPE_PPP:
        return tunnels_ppp;
    case ETHERTYPE_FRAME_RELAY:
        return links_frame_relay;
    case ETHERTYPE_8021AH:
        return tunnels_i_tag;
    case ETHERTYPE_8021BR:
        return tunnels_e_tag;
    case ETHERTYPE_MACSEC:
        return tunnels_macsec;
    case ETHERTYPE_VN_TAG:
        return tunnels_vn_tag;
    case ETHERTYPE_CISCO_METADATA:
        return tunnels_cmd;
    case ETHERTYPE_HSR:
        return tunnels_hsr;
    case ETHERTYPE_TRILL:
        return tunnels_trill;
    case ETHERTYPE_FGL:
        return tunnels_fgl;
    case ETHERTYPE_BATMAN:
        return tunnels_batman;
    case ETHERTYPE_NSH:
        return tunnels_nsh;
    default:
        return NULL;
    }
}

static enum decode_result decode_other_type(struct frame *frame, uint16_t type)
{
    layer *step = step_for_type(type);

    if (step)
        return layers_follow(frame, step);
    if (type > LARGEST_8023_LENGTH)
        return DECODE_OTHER;
    layers_narrow(frame, type);
    return layers_follow(frame, tunnels_llc);
}

static inline enum decode_result decode_type(struct frame *frame, uint16_t type,
                                             struct packet *packet)
{
    if (type == ETHERTYPE_IPV4)
        return decode_ipv4(frame, packet);
    if (type == ETHERTYPE_IPV6)
        return decode_ipv6(frame, packet);
    return decode_other_type(frame, type);
}

enum decode_result layers_typed(struct frame *frame, struct packet *packet)
{
    return decode_type(frame, frame->type, packet);
}

enum decode_result layers_ethernet(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 14);

    if (!header)
        return layers_short(frame);
    return decode_type(frame, cursor_load_u16(header + 12), packet);
}

enum decode_result layers_inner_ethernet(struct frame *frame, struct packet *packet)
{
    frame->tagged = false;
    return layers_ethernet(frame, packet);
}
