/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/links.h"

#include "collectors/capture/tunnels.h"

#include <pcap/dlt.h>
#include <stddef.h>
#include <string.h>

/* The layouts are those of https://www.tcpdump.org/linktypes.html. */

static uint16_t load_u16_little(const uint8_t *bytes)
{
    return (uint16_t)((unsigned)bytes[1] << 8 | bytes[0]);
}

static uint32_t load_u32_little(const uint8_t *bytes)
{
    return (uint32_t)load_u16_little(bytes + 2) << 16 | load_u16_little(bytes);
}

/* The frame is of link type DLT behind COUNT more bytes. */
static enum decode_result skip_to_link(struct frame *frame, size_t count, uint32_t dlt)
{
    layer *next = dlt <= UINT16_MAX ? links_find((int)dlt) : NULL;

    return next ? layers_skip_to(frame, count, next) : DECODE_OTHER;
}

/* -- Loopback, cooked, and others that only name a protocol --------------------------------------
 */

/* The address family that BSD loopback frames start with differs between systems: let the IP
 * version tell. */
static enum decode_result decode_loopback(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return layers_skip_to(frame, 4, layers_ip);
}

/* OpenBSD's encapsulation interface: family, index, flags. */
static enum decode_result decode_enc(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return layers_skip_to(frame, 12, layers_ip);
}

/* What `any` interfaces give; types 1 and 4 are Linux's own, for frames without an EtherType. */
static enum decode_result follow_cooked(struct frame *frame, uint16_t type)
{
    enum { COOKED_8022 = 4 };

    if (type == COOKED_8022)
        return layers_follow(frame, tunnels_llc);
    return type < 0x0600 ? DECODE_OTHER : layers_follow_type(frame, type);
}

static enum decode_result decode_cooked(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 16);

    (void)packet;
    return header ? follow_cooked(frame, cursor_load_u16(header + 14)) : layers_short(frame);
}

static enum decode_result decode_cooked2(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 20);

    (void)packet;
    return header ? follow_cooked(frame, cursor_load_u16(header)) : layers_short(frame);
}

/* Header length without its padding, then what the firewall did. */
static enum decode_result decode_pflog(struct frame *frame, struct packet *packet)
{
    uint32_t length = cursor_u8(&frame->cursor);

    (void)packet;
    if (length < 4)
        return frame->cursor.failed ? layers_short(frame) : DECODE_CORRUPT;
    return layers_skip_to(frame, (length + 3) / 4 * 4 - 1, layers_ip);
}

/* Attributes, each with its length (padding apart) and type in the byte order of the host, which
 * libpcap makes ours. */
static enum decode_result decode_nflog(struct frame *frame, struct packet *packet)
{
    enum { PAYLOAD = 9 };
    struct cursor *cursor = &frame->cursor;
    const uint8_t *attribute;

    (void)packet;
    cursor_skip(cursor, 4);
    while ((attribute = cursor_bytes(cursor, 4))) {
        uint32_t length = load_u16_little(attribute);

        if (length < 4)
            return DECODE_CORRUPT;
        if (load_u16_little(attribute + 2) == PAYLOAD) {
            layers_narrow(frame, length - 4);
            return layers_follow(frame, layers_ip);
        }
        cursor_skip(cursor, (length + 3) / 4 * 4 - 4);
    }
    return layers_short(frame);
}

/* -- Serial lines ------------------------------------------------------------------------------ */

static enum decode_result decode_hdlc(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 4);

    (void)packet;
    return header ? layers_follow_type(frame, cursor_load_u16(header + 2)) : layers_short(frame);
}

/* Cisco's framing is recognised by its address. */
static enum decode_result decode_ppp(struct frame *frame, struct packet *packet)
{
    const uint8_t *bytes = frame->cursor.at;
    bool cisco = cursor_left(&frame->cursor) > 0 && (bytes[0] == 0x0f || bytes[0] == 0x8f);

    (void)packet;
    return layers_follow(frame, cisco ? decode_hdlc : tunnels_ppp);
}

static enum decode_result decode_ppp_with_direction(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return layers_skip_to(frame, 1, decode_ppp);
}

/* pppd writes the direction over the address. */
static enum decode_result decode_pppd(struct frame *frame, struct packet *packet)
{
    (void)packet;
    if (cursor_left(&frame->cursor) >= 2 && frame->cursor.at[0] <= 1 && frame->cursor.at[1] == 3)
        return layers_skip_to(frame, 2, tunnels_ppp);
    return layers_follow(frame, tunnels_ppp);
}

static enum decode_result decode_hdlc_with_direction(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return layers_skip_to(frame, 1, decode_hdlc);
}

/* RFC 2427, 4: a network layer protocol id. */
static enum decode_result decode_nlpid(struct frame *frame)
{
    enum { NLPID_PAD = 0x00, NLPID_SNAP = 0x80, NLPID_IPV6 = 0x8e, NLPID_IPV4 = 0xcc };
    uint8_t id = cursor_u8(&frame->cursor);
    uint32_t organisation;
    uint16_t type;

    if (id == NLPID_PAD)
        id = cursor_u8(&frame->cursor);
    if (id == NLPID_IPV4 || id == NLPID_IPV6)
        return layers_follow(frame, layers_ip);
    if (id != NLPID_SNAP)
        return frame->cursor.failed ? layers_short(frame) : DECODE_OTHER;
    organisation = cursor_u24(&frame->cursor);
    type = cursor_u16(&frame->cursor);
    if (frame->cursor.failed)
        return layers_short(frame);
    if (organisation == 0 && type >= 0x0600)
        return layers_follow_type(frame, type);
    return organisation == 0x0080c2 && type == 7 ? layers_follow(frame, layers_inner_ethernet)
                                                 : DECODE_OTHER;
}

/* The address ends at a byte whose lowest bit is set; Cisco puts an EtherType there, the others the
 * control byte of unnumbered information. */
enum decode_result links_frame_relay(struct frame *frame, struct packet *packet)
{
    enum { UNNUMBERED_INFORMATION = 3 };
    struct cursor *cursor = &frame->cursor;
    uint16_t type;

    (void)packet;
    for (unsigned i = 0; i < 4 && !(cursor_u8(cursor) & 1); i++)
        ;
    type = cursor_u8(cursor);
    if (type == UNNUMBERED_INFORMATION)
        return decode_nlpid(frame);
    type = (uint16_t)(type << 8 | cursor_u8(cursor));
    if (cursor->failed)
        return layers_short(frame);
    return type < 0x0600 ? DECODE_OTHER : layers_follow_type(frame, type);
}

/* -- Other local networks ---------------------------------------------------------------------- */

static enum decode_result decode_fddi(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 13);

    (void)packet;
    if (!header)
        return layers_short(frame);
    return (header[0] & 0xf0) == 0x50 ? layers_follow(frame, tunnels_llc) : DECODE_OTHER;
}

/* IEEE 802.5, with source routing. */
static enum decode_result decode_token_ring(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 14);
    size_t routing = 0;

    (void)packet;
    if (!header)
        return layers_short(frame);
    if (header[1] >> 6 != 1)
        return DECODE_OTHER;
    if (header[8] & 0x80) {
        if (cursor_left(&frame->cursor) == 0)
            return layers_short(frame);
        routing = *frame->cursor.at & 0x1f;
    }
    return layers_skip_to(frame, routing, tunnels_llc);
}

static enum decode_result decode_fibre_channel(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return layers_skip_to(frame, 16, tunnels_llc); /* two addresses, RFC 4338, 3 */
}

static enum decode_result decode_sunatm(struct frame *frame, struct packet *packet)
{
    enum { LLC = 2 };
    const uint8_t *header = cursor_bytes(&frame->cursor, 4); /* flags and kind, path, channel */

    (void)packet;
    if (!header)
        return layers_short(frame);
    return (header[0] & 0x0f) == LLC ? layers_follow(frame, tunnels_llc) : DECODE_OTHER;
}

static enum decode_result decode_firewire(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 18);

    (void)packet;
    return header ? layers_follow_type(frame, cursor_load_u16(header + 16)) : layers_short(frame);
}

/* The global routing header, then RFC 4391, 6. */
static enum decode_result decode_infiniband(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 44);

    (void)packet;
    return header ? layers_follow_type(frame, cursor_load_u16(header + 40)) : layers_short(frame);
}

/* Endace's record (ERF types reference guide): a time of eight bytes, type, lengths; headers of
 * eight bytes, each of which says whether one more follows; before Ethernet two bytes of padding.
 */
static enum decode_result decode_erf(struct frame *frame, struct packet *packet)
{
    enum { EXTENDED = 0x80, MOST_EXTENSIONS = 16 };
    const uint8_t *header = cursor_bytes(&frame->cursor, 16);
    uint8_t more;

    (void)packet;
    if (!header)
        return layers_short(frame);
    more = header[8];
    for (unsigned i = 0; i < MOST_EXTENSIONS && more & EXTENDED; i++) {
        more = cursor_u8(&frame->cursor);
        cursor_skip(&frame->cursor, 7);
    }
    if (frame->cursor.failed)
        return layers_short(frame);
    switch (header[8] & (EXTENDED - 1)) {
    case 1: /* HDLC */
        return layers_follow(frame, decode_hdlc);
    case 2: /* Ethernet, and with a colour, a stream or a hash in place of the counter of losses */
    case 11:
    case 16:
    case 20:
        return layers_skip_to(frame, 2, layers_ethernet);
    case 22: /* IPv4 */
    case 23: /* IPv6 */
        return layers_follow(frame, layers_ip);
    default:
        return DECODE_OTHER;
    }
}

/* Juniper's header: "MGC", flags, and extensions that the flags announce. */
static enum decode_result follow_juniper(struct frame *frame, layer *next)
{
    enum { NO_LINK_LAYER = 0x02, EXTENSIONS = 0x80 };
    struct cursor *cursor = &frame->cursor;
    uint32_t magic = cursor_u24(cursor);
    uint8_t flags = cursor_u8(cursor);

    if (flags & EXTENSIONS)
        cursor_skip(cursor, cursor_u16(cursor));
    if (cursor->failed)
        return layers_short(frame);
    if (magic != 0x4d4743)
        return DECODE_CORRUPT;
    return flags & NO_LINK_LAYER ? DECODE_OTHER : layers_follow(frame, next);
}

static enum decode_result decode_juniper_ethernet(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return follow_juniper(frame, layers_ethernet);
}

static enum decode_result decode_juniper_ppp(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return follow_juniper(frame, decode_ppp);
}

static enum decode_result decode_juniper_hdlc(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return follow_juniper(frame, decode_hdlc);
}

/* -- IEEE 802.11 ------------------------------------------------------------------------------- */

enum {
    WLAN_TYPE = 0x0f, /* version too */
    WLAN_DATA = 0x08,
    WLAN_NO_DATA = 0x40,
    WLAN_QOS = 0x80
};
enum {
    WLAN_TO_AND_FROM_DS = 0x03,
    WLAN_MORE_FRAGMENTS = 0x04,
    WLAN_PROTECTED = 0x40,
    WLAN_ORDER = 0x80
};

/* Several packets in one frame (9.3.2.2, A-MSDU): each behind two addresses and its length, and all
 * but the last padded to words of four bytes. */
enum { SUBFRAME_HEADER = 14 };

/* What its header, which has to be there, says of the packet; and with both header and padding. */
static uint32_t subframe_length(const struct frame *frame)
{
    return cursor_load_u16(frame->cursor.at + 12);
}

static uint32_t subframe_size(const struct frame *frame)
{
    return (SUBFRAME_HEADER + subframe_length(frame) + 3) / 4 * 4;
}

enum decode_result links_subframe(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, SUBFRAME_HEADER);

    (void)packet;
    return header ? layers_follow(frame, tunnels_llc) : layers_short(frame);
}

/* What is shorter than a header is padding, or the frame's checksum; so are zeros. */
bool links_take_subframe(struct frame *frame, struct packet *rest)
{
    uint32_t captured = (uint32_t)cursor_left(&frame->cursor);
    uint32_t size = layers_left(frame);

    if (size < SUBFRAME_HEADER || (captured >= SUBFRAME_HEADER && subframe_length(frame) == 0))
        return false;
    if (captured >= SUBFRAME_HEADER) {
        size = subframe_size(frame) < size ? subframe_size(frame) : size;
        layers_narrow(frame, SUBFRAME_HEADER + subframe_length(frame));
    }
    captured = size < captured ? size : captured;
    rest->payload += captured;
    rest->captured_length -= captured;
    rest->payload_length -= size;
    return true;
}

/* Whether the first packet has the header that all of IP have (RFC 1042): 48 bits that a random
 * datagram would have to guess. */
static bool begins_with_snap(const struct frame *frame)
{
    static const uint8_t snap[] = {0xaa, 0xaa, 3, 0, 0, 0};

    return cursor_left(&frame->cursor) >= SUBFRAME_HEADER + sizeof(snap) &&
           memcmp(frame->cursor.at + SUBFRAME_HEADER, snap, sizeof(snap)) == 0;
}

/* Whether behind the first subframe there is room for another. Else it is a packet like any. */
static enum decode_result decode_aggregate(struct frame *frame, struct packet *packet)
{
    if (cursor_left(&frame->cursor) < SUBFRAME_HEADER)
        return layers_short(frame);
    if (subframe_length(frame) == 0 ||
        subframe_size(frame) + SUBFRAME_HEADER > layers_left(frame)) {
        layers_narrow(frame, SUBFRAME_HEADER + subframe_length(frame));
        return layers_follow(frame, links_subframe);
    }
    if (frame->trust == TRUST_GUESSED) {
        if (!begins_with_snap(frame))
            return DECODE_CORRUPT;
        frame->trust = TRUST_CONFIRMED;
    }
    layers_set_payload(frame, packet);
    return DECODE_AGGREGATE;
}

/* IEEE 802.11, 9.2.3 and 9.3.2. Some drivers pad the header to words of four bytes. */
static enum decode_result decode_80211(struct frame *frame, struct packet *packet, bool padded,
                                       bool swapped)
{
    const uint8_t *control = cursor_bytes(&frame->cursor, 2);
    uint8_t type;
    uint8_t flags;
    const uint8_t *rest;
    size_t more = 0;
    bool aggregate = false;

    frame->tagged = false;
    if (!control)
        return layers_short(frame);
    type = control[swapped];
    flags = control[!swapped];
    if ((type & WLAN_TYPE) != WLAN_DATA || type & WLAN_NO_DATA ||
        flags & (WLAN_PROTECTED | WLAN_MORE_FRAGMENTS))
        return DECODE_OTHER;
    rest = cursor_bytes(&frame->cursor, 22);
    if (!rest)
        return layers_short(frame);
    if (rest[20] & 0x0f) /* a later fragment */
        return DECODE_OTHER;
    if ((flags & WLAN_TO_AND_FROM_DS) == WLAN_TO_AND_FROM_DS)
        more = 6;
    cursor_skip(&frame->cursor, more);
    if (type & WLAN_QOS) {
        aggregate = cursor_u16(&frame->cursor) & 0x8000;
        cursor_skip(&frame->cursor, flags & WLAN_ORDER ? 4 : 0);
        more += 2;
    }
    cursor_skip(&frame->cursor, padded ? more % 4 : 0);
    if (frame->cursor.failed)
        return layers_short(frame);
    return aggregate ? decode_aggregate(frame, packet) : layers_follow(frame, tunnels_llc);
}

enum decode_result links_80211(struct frame *frame, struct packet *packet)
{
    return decode_80211(frame, packet, false, false);
}

enum decode_result links_swapped_80211(struct frame *frame, struct packet *packet)
{
    return decode_80211(frame, packet, false, true);
}

static enum decode_result decode_padded_80211(struct frame *frame, struct packet *packet)
{
    return decode_80211(frame, packet, true, false);
}

/* https://www.radiotap.org: fields stand in the order of the bits that announce them; of these only
 * the flags matter, before which there may be a time of eight bytes, aligned. */
static bool radiotap_padded(const uint8_t *header, uint32_t length)
{
    enum { TIME = 1, FLAGS = 2, MORE_WORDS = 0x80, PADDED = 0x20 };
    uint32_t place = 4;

    while (place + 4 <= length && header[place + 3] & MORE_WORDS)
        place += 4;
    place += 4;
    if (header[4] & TIME)
        place = (place + 7) / 8 * 8 + 8;
    return header[4] & FLAGS && place < length && header[place] & PADDED;
}

static enum decode_result decode_radiotap(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = frame->cursor.at;
    uint32_t length;

    (void)packet;
    if (cursor_left(&frame->cursor) < 8)
        return layers_short(frame);
    length = load_u16_little(header + 2);
    if (header[0] != 0 || length < 8)
        return DECODE_CORRUPT;
    if (!cursor_bytes(&frame->cursor, length))
        return layers_short(frame);
    return layers_follow(frame,
                         radiotap_padded(header, length) ? decode_padded_80211 : links_80211);
}

/* Magic number and length lead; Prism's own header has a length too, in the host's byte order. */
static enum decode_result decode_prism(struct frame *frame, struct packet *packet)
{
    enum { AVS_MAGIC = 0x80211 };
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);
    uint32_t length;

    (void)packet;
    if (!header)
        return layers_short(frame);
    length = cursor_load_u32(header) >> 12 == AVS_MAGIC ? cursor_load_u32(header + 4)
                                                        : load_u32_little(header + 4);
    return length < 8 ? DECODE_CORRUPT : layers_skip_to(frame, length - 8, links_80211);
}

/* -- Headers that name the link type ----------------------------------------------------------- */

static enum decode_result decode_ppi(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);
    uint16_t length;

    (void)packet;
    if (!header)
        return layers_short(frame);
    length = load_u16_little(header + 2);
    return length < 8 ? DECODE_CORRUPT
                      : skip_to_link(frame, length - 8U, load_u32_little(header + 4));
}

static enum decode_result decode_pktap(struct frame *frame, struct packet *packet)
{
    enum { IS_PACKET = 1 };
    const uint8_t *header = cursor_bytes(&frame->cursor, 12);
    uint32_t length;

    (void)packet;
    if (!header)
        return layers_short(frame);
    length = load_u32_little(header);
    if (length < 12)
        return DECODE_CORRUPT;
    return load_u32_little(header + 4) == IS_PACKET
               ? skip_to_link(frame, length - 12, load_u32_little(header + 8))
               : DECODE_OTHER;
}

/* Numbers that <pcap/dlt.h> gives differently from system to system, as files have them. */
enum { LINKTYPE_RAW_OLD = 12, LINKTYPE_RAW_OPENBSD = 14, LINKTYPE_RAW = 101 };

static const struct link_type {
    int number;
    layer *first;
} link_types[] = {
    {DLT_EN10MB, layers_ethernet},
    {DLT_LINUX_SLL, decode_cooked},
    {DLT_LINUX_SLL2, decode_cooked2},
    {LINKTYPE_RAW, layers_ip},
    {LINKTYPE_RAW_OLD, layers_ip},
    {LINKTYPE_RAW_OPENBSD, layers_ip},
    {DLT_IPV4, layers_ip},
    {DLT_IPV6, layers_ip},
    {DLT_NULL, decode_loopback},
    {DLT_LOOP, decode_loopback},
    {DLT_ENC, decode_enc},
    {DLT_PPP, decode_ppp},
    {DLT_PPP_SERIAL, decode_ppp},
    {DLT_PPP_ETHER, tunnels_pppoe},
    {DLT_PPP_WITH_DIR, decode_ppp_with_direction},
    {DLT_PPP_PPPD, decode_pppd},
    {DLT_C_HDLC, decode_hdlc},
    {DLT_C_HDLC_WITH_DIR, decode_hdlc_with_direction},
    {DLT_FRELAY, links_frame_relay},
    {DLT_MPLS, tunnels_mpls},
    {DLT_ATM_RFC1483, tunnels_llc},
    {DLT_FDDI, decode_fddi},
    {DLT_IEEE802, decode_token_ring},
    {DLT_IEEE802_11, links_80211},
    {DLT_IEEE802_11_RADIO, decode_radiotap},
    {DLT_IEEE802_11_RADIO_AVS, decode_prism},
    {DLT_PRISM_HEADER, decode_prism},
    {DLT_PPI, decode_ppi},
    {DLT_PKTAP, decode_pktap},
    {DLT_NFLOG, decode_nflog},
    {DLT_PFLOG, decode_pflog},
    {DLT_IP_OVER_FC, decode_fibre_channel},
    {DLT_SUNATM, decode_sunatm},
    {DLT_APPLE_IP_OVER_IEEE1394, decode_firewire},
    {DLT_IPOIB, decode_infiniband},
    {DLT_ERF, decode_erf},
    {DLT_JUNIPER_ETHER, decode_juniper_ethernet},
    {DLT_JUNIPER_PPPOE, decode_juniper_ethernet},
    {DLT_JUNIPER_PPP, decode_juniper_ppp},
    {DLT_JUNIPER_CHDLC, decode_juniper_hdlc},
};

layer *links_find(int link_type)
{
    for (size_t i = 0; i < sizeof(link_types) / sizeof(link_types[0]); i++)
        if (link_types[i].number == link_type)
            return link_types[i].first;
    return NULL;
}
