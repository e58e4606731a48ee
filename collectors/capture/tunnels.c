/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/tunnels.h"

#include "collectors/capture/links.h"

#include <stdlib.h>
#include <string.h>

/* -- Tags and labels below IP ------------------------------------------------------------------ */

/* Steps over COUNT bytes that end in an EtherType. */
static enum decode_result skip_to_type(struct frame *frame, size_t count)
{
    const uint8_t *bytes = cursor_bytes(&frame->cursor, count);

    if (!bytes)
        return layers_short(frame);
    return layers_follow_type(frame, cursor_load_u16(bytes + count - 2));
}

enum decode_result tunnels_vlan_tag(struct frame *frame, struct packet *packet)
{
    const uint8_t *tag = cursor_bytes(&frame->cursor, 4);
    uint16_t vlan;

    if (!tag)
        return layers_short(frame);
    vlan = cursor_load_u16(tag) & 0x0fff;
    /* Id 0 is a tag of priority only (IEEE 802.1Q, 9.6). */
    if (!frame->tagged && vlan != 0) {
        packet->vlan = vlan;
        frame->tagged = true;
    }
    return layers_follow_type(frame, cursor_load_u16(tag + 2));
}

enum decode_result tunnels_vn_tag(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return skip_to_type(frame, 6);
}

enum decode_result tunnels_e_tag(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return skip_to_type(frame, 8);
}

enum decode_result tunnels_hsr(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return skip_to_type(frame, 6);
}

/* RFC 6325, 3.2: version, length of options in words of four bytes, hops; two nicknames. */
enum decode_result tunnels_trill(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 6);

    (void)packet;
    if (!header)
        return layers_short(frame);
    if (header[0] >> 6 != 0)
        return DECODE_OTHER;
    return layers_skip_to(frame, (cursor_load_u16(header) >> 6 & 31U) * 4, layers_inner_ethernet);
}

/* One of two halves, like a tag of a VLAN; its number is none. */
enum decode_result tunnels_fgl(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return skip_to_type(frame, 4);
}

/* Linux, include/uapi/linux/batadv_packet.h: packets to one host, without the address of who sent
 * them or with it, hold its frame. */
enum decode_result tunnels_batman(struct frame *frame, struct packet *packet)
{
    enum { UNICAST = 0x40, UNICAST_FROM = 0x42, VERSION = 15 };
    const uint8_t *header = cursor_bytes(&frame->cursor, 10);

    (void)packet;
    if (!header)
        return layers_short(frame);
    if (header[1] != VERSION || (header[0] != UNICAST && header[0] != UNICAST_FROM))
        return DECODE_OTHER;
    return layers_skip_to(frame, header[0] == UNICAST ? 0 : 8, layers_inner_ethernet);
}

/* IEEE 802.1AE, 9.3: flags, two lengths, and, if a flag says so, the channel's identifier. What is
 * encrypted, or changed otherwise, cannot be followed. */
enum decode_result tunnels_macsec(struct frame *frame, struct packet *packet)
{
    enum { VERSION = 0x80, HAS_CHANNEL = 0x20, ENCRYPTED_OR_CHANGED = 0x0c };
    uint8_t flags = cursor_u8(&frame->cursor);

    (void)packet;
    if (flags & (VERSION | ENCRYPTED_OR_CHANGED))
        return DECODE_OTHER;
    return skip_to_type(frame, flags & HAS_CHANNEL ? 15 : 7);
}

/* The service instance, then the customer's frame. */
enum decode_result tunnels_i_tag(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return layers_skip_to(frame, 4, layers_inner_ethernet);
}

/* Version, length in units of eight bytes (up to and with the EtherType), options. Some leave the
 * length empty. */
enum decode_result tunnels_cmd(struct frame *frame, struct packet *packet)
{
    uint32_t length;

    (void)packet;
    cursor_skip(&frame->cursor, 1);
    length = cursor_u8(&frame->cursor) * 8U;
    if (frame->cursor.failed)
        return layers_short(frame);
    return skip_to_type(frame, (length ? length : 8) - 2);
}

/* RFC 8300, 2.2: the length counts words of four bytes; 2.2 names what follows. */
enum decode_result tunnels_nsh(struct frame *frame, struct packet *packet)
{
    const uint8_t *base = cursor_bytes(&frame->cursor, 8);
    uint32_t length;

    (void)packet;
    if (!base)
        return layers_short(frame);
    length = (base[1] & 0x3fU) * 4;
    if (length < 8)
        return DECODE_CORRUPT;
    switch (base[3]) {
    case 1:
    case 2:
        return layers_skip_to(frame, length - 8, layers_ip);
    case 3:
        return layers_skip_to(frame, length - 8, layers_inner_ethernet);
    case 5:
        return layers_skip_to(frame, length - 8, tunnels_mpls);
    default:
        return DECODE_OTHER;
    }
}

enum decode_result tunnels_llc(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 3);
    uint32_t organisation;
    uint16_t type;

    (void)packet;
    if (!header)
        return layers_short(frame);
    if (header[0] == 0x06 && header[1] == 0x06 && header[2] == 0x03)
        return layers_follow(frame, layers_ip); /* the access point of IP itself */
    if (header[0] != 0xaa || header[1] != 0xaa || header[2] != 0x03)
        return DECODE_OTHER;
    organisation = cursor_u24(&frame->cursor);
    type = cursor_u16(&frame->cursor);
    if (frame->cursor.failed)
        return layers_short(frame);
    /* EtherTypes stand behind 00-00-00 (RFC 1042) and 00-00-F8 (IEEE 802.1H). */
    if ((organisation != 0 && organisation != 0x0000f8) || type < 0x0600)
        return DECODE_OTHER;
    return layers_follow_type(frame, type);
}

/* -- Checksums --------------------------------------------------------------------------------- */

/* RFC 1071. Of an odd number, the last byte is the first of its word. */
static uint32_t add_words(uint32_t sum, const uint8_t *bytes, size_t length)
{
    for (; length >= 2; bytes += 2, length -= 2)
        sum += cursor_load_u16(bytes);
    return length ? sum + ((uint32_t)*bytes << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Of the IPv4 header, which has to be all there. */
static bool proves_header(const struct frame *frame)
{
    const uint8_t *header = frame->cursor.at;
    size_t size = cursor_left(&frame->cursor) >= 20 ? (header[0] & 15) * (size_t)4 : 0;

    return size >= 20 && size <= cursor_left(&frame->cursor) &&
           fold(add_words(0, header, size)) == 0xffff;
}

/* -- MPLS -------------------------------------------------------------------------------------- */

/* Whether an Ethernet frame may start at BYTES: its EtherType is one that we would follow. */
static bool looks_like_ethernet(const uint8_t *bytes)
{
    switch (cursor_load_u16(bytes + 12)) {
    case 0x0800: /* IPv4 */
    case 0x0806: /* ARP */
    case 0x8100: /* the tags */
    case 0x88a8:
    case 0x86dd: /* IPv6 */
    case 0x8847: /* MPLS */
    case 0x8864: /* PPPoE */
        return true;
    default:
        return false;
    }
}

/* Whether what begins like an IP packet may be one: a MAC address would have to fit, too. */
static bool looks_like_ip(const struct frame *frame)
{
    const uint8_t *bytes = frame->cursor.at;
    uint8_t version = bytes[0] >> 4;
    uint32_t length;

    if (cursor_left(&frame->cursor) < 6)
        return version == 4 || version == 6;
    if (version == 6)
        return cursor_load_u16(bytes + 4) + 40U <= layers_left(frame);
    length = cursor_load_u16(bytes + 2);
    return version == 4 && (bytes[0] & 15) >= 5 && length <= layers_left(frame) &&
           (length >= 20 || length == 0);
}

/* What may be either: the beginning of a MAC address is no IPv4 header with a right checksum (which
 * offload spoils where it leaves no length). IPv6 has none, but what stands behind the type of a
 * frame would have to be of that version, too. */
static bool is_frame_after_all(const struct frame *frame)
{
    const uint8_t *bytes = frame->cursor.at;
    uint8_t version = cursor_left(&frame->cursor) > 14 ? bytes[14] >> 4 : 0;

    if (bytes[0] >> 4 == 4)
        return cursor_load_u16(bytes + 2) != 0 && !proves_header(frame);
    return version == (cursor_load_u16(bytes + 12) == 0x86dd ? 6 : 4);
}

/* Nothing says what the bottom label carries; the first nibble tells IP from a control word
 * (RFC 4928, 3), unless it is the first of a MAC address. */
static enum decode_result decode_pseudowire(struct frame *frame, struct packet *packet)
{
    size_t captured = cursor_left(&frame->cursor);
    bool may_be_frame;

    (void)packet;
    if (captured == 0)
        return layers_short(frame);
    may_be_frame = captured >= 14 && looks_like_ethernet(frame->cursor.at);
    if (looks_like_ip(frame) && !(may_be_frame && is_frame_after_all(frame)))
        return layers_follow(frame, layers_ip);
    if (may_be_frame)
        return layers_follow(frame, layers_inner_ethernet);
    switch (*frame->cursor.at >> 4) {
    case 0:
        return layers_skip_to(frame, 4, layers_inner_ethernet); /* RFC 4448, 4.6 */
    case 1:
        return DECODE_OTHER; /* an associated channel: RFC 4385, 5 */
    case 4:
    case 6:
        return layers_follow(frame, layers_ip);
    default:
        return layers_follow(frame, layers_inner_ethernet);
    }
}

enum decode_result tunnels_mpls(struct frame *frame, struct packet *packet)
{
    const uint8_t *label = cursor_bytes(&frame->cursor, 4);

    (void)packet;
    if (!label)
        return layers_short(frame);
    return layers_follow(frame, label[2] & 1 ? decode_pseudowire : tunnels_mpls);
}

/* -- PPP --------------------------------------------------------------------------------------- */

enum { PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057 };

/* Whether an IP packet stands behind COUNT bytes and its protocol of one byte or two. */
static bool is_ppp_of_ip(const struct frame *frame, size_t count)
{
    struct frame inner = *frame;
    uint8_t protocol;

    cursor_skip(&inner.cursor, count);
    protocol = cursor_u8(&inner.cursor);
    if (protocol == 0)
        protocol = cursor_u8(&inner.cursor);
    return cursor_left(&inner.cursor) > 0 && looks_like_ip(&inner) &&
           protocol == (*inner.cursor.at >> 4 == 6 ? PPP_IPV6 : PPP_IPV4);
}

/* A packet that several links might have shared, where it is whole: first fragment and last one at
 * once. Its number has 24 bits, and before it are six that are zero, or 12, if that was agreed (RFC
 * 1990, 3): where these begin like zeros, what follows tells. */
static enum decode_result decode_multilink(struct frame *frame, struct packet *packet)
{
    enum { FLAGS = 0xf0, FIRST_AND_LAST = 0xc0 };
    const uint8_t *header = cursor_bytes(&frame->cursor, 2);

    (void)packet;
    if (!header)
        return layers_short(frame);
    if ((header[0] & FLAGS) != FIRST_AND_LAST)
        return DECODE_OTHER;
    if (header[0] != FIRST_AND_LAST || (is_ppp_of_ip(frame, 0) && !is_ppp_of_ip(frame, 2)))
        return layers_follow(frame, tunnels_ppp);
    return layers_skip_to(frame, 2, tunnels_ppp);
}

enum decode_result tunnels_ppp(struct frame *frame, struct packet *packet)
{
    struct cursor *cursor = &frame->cursor;
    uint16_t protocol;

    (void)packet;
    if (cursor_left(cursor) > 0 && cursor->at[0] == 0xff) /* the address; no protocol is 0xff */
        cursor_skip(cursor, 2);
    protocol = cursor_u8(cursor);
    if (!(protocol & 1)) /* else one byte is all: RFC 1661, 6.5 */
        protocol = (uint16_t)(protocol << 8 | cursor_u8(cursor));
    if (cursor->failed)
        return layers_short(frame);
    switch (protocol) {
    case PPP_IPV4:
    case PPP_IPV6:
        return layers_follow(frame, layers_ip);
    case 0x003d:
        return layers_follow(frame, decode_multilink);
    case 0x0281:
    case 0x0283:
        return layers_follow(frame, tunnels_mpls);
    default:
        return DECODE_OTHER;
    }
}

enum decode_result tunnels_pppoe(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 6);

    (void)packet;
    if (!header)
        return layers_short(frame);
    if (header[0] != 0x11)
        return DECODE_CORRUPT;
    if (header[1] != 0) /* discovery */
        return DECODE_OTHER;
    layers_narrow(frame, cursor_load_u16(header + 4));
    return layers_follow(frame, tunnels_ppp);
}

/* -- GRE --------------------------------------------------------------------------------------- */

enum {
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_ACKNOWLEDGEMENT = 0x0080,
    GRE_VERSION = 0x0007
};
enum {
    GRE_ERSPAN_III = 0x22eb,
    GRE_EOIP = 0x6400,
    GRE_ARUBA_FIRST = 0x8200,
    GRE_ARUBA_LAST = 0x8370,
    GRE_PPP = 0x880b,
    GRE_WCCP = 0x883e,
    GRE_ERSPAN = 0x88be
};

/* RFC 1701: entries of family, offset, length; an empty one ends the list. */
static void skip_gre_routing(struct cursor *cursor)
{
    while (!cursor->failed) {
        uint16_t family = cursor_u16(cursor);
        uint16_t length = cursor_u16(cursor) & 0xff;

        if (family == 0 && length == 0)
            return;
        cursor_skip(cursor, length);
    }
}

/* Version 1: the key's first half is the length of the payload. */
static enum decode_result decode_gre_enhanced(struct frame *frame, uint16_t flags, uint16_t type)
{
    struct cursor *cursor = &frame->cursor;
    uint16_t length = cursor_u16(cursor);

    cursor_skip(cursor, 2);
    if (flags & GRE_SEQUENCE)
        cursor_skip(cursor, 4);
    if (flags & GRE_ACKNOWLEDGEMENT)
        cursor_skip(cursor, 4);
    if (cursor->failed)
        return layers_short(frame);
    if (length == 0) /* an acknowledgement alone, or a keepalive */
        return DECODE_OTHER;
    layers_narrow(frame, length);
    if (type == GRE_PPP)
        return layers_follow(frame, tunnels_ppp);
    return type == GRE_EOIP ? layers_follow(frame, layers_inner_ethernet) : DECODE_OTHER;
}

/* draft-foschiano-erspan-03: type I has no header and no sequence number, II has both. */
static enum decode_result decode_erspan(struct frame *frame, uint16_t flags)
{
    return layers_skip_to(frame, flags & GRE_SEQUENCE ? 8 : 0, layers_inner_ethernet);
}

static enum decode_result decode_erspan3(struct frame *frame)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 12);
    size_t subheader;

    if (!header)
        return layers_short(frame);
    subheader = header[11] & 1 ? 8 : 0;
    switch (header[10] >> 2 & 31) {
    case 0:
        return layers_skip_to(frame, subheader, layers_inner_ethernet);
    case 2:
        return layers_skip_to(frame, subheader, layers_ip);
    default:
        return DECODE_OTHER;
    }
}

/* WCCP version 2 puts a header of its own before the redirected packet. */
static enum decode_result decode_wccp(struct frame *frame)
{
    bool ip = cursor_left(&frame->cursor) > 0 && *frame->cursor.at >> 4 == 4;

    return layers_skip_to(frame, ip ? 0 : 4, layers_ip);
}

static enum decode_result decode_gre_payload(struct frame *frame, uint16_t flags, uint16_t type)
{
    if (type >= GRE_ARUBA_FIRST && type <= GRE_ARUBA_LAST && (type & 0x0f) == 0)
        return layers_follow(frame, links_80211);
    switch (type) {
    case GRE_ERSPAN:
        return decode_erspan(frame, flags);
    case GRE_ERSPAN_III:
        return decode_erspan3(frame);
    case GRE_WCCP:
        return decode_wccp(frame);
    default:
        /* No EtherType: a keepalive (0), or what bridges say to each other. */
        return type < 0x0600 ? DECODE_OTHER : layers_follow_type(frame, type);
    }
}

enum decode_result tunnels_gre(struct frame *frame, struct packet *packet)
{
    struct cursor *cursor = &frame->cursor;
    uint16_t flags = cursor_u16(cursor);
    uint16_t type = cursor_u16(cursor);

    (void)packet;
    if ((flags & GRE_VERSION) == 1)
        return decode_gre_enhanced(frame, flags, type);
    if (flags & (GRE_CHECKSUM | GRE_ROUTING))
        cursor_skip(cursor, 4);
    if (flags & GRE_KEY)
        cursor_skip(cursor, 4);
    if (flags & GRE_SEQUENCE)
        cursor_skip(cursor, 4);
    if (flags & GRE_ROUTING)
        skip_gre_routing(cursor);
    if (cursor->failed)
        return layers_short(frame);
    if (flags & GRE_VERSION)
        return DECODE_OTHER;
    return decode_gre_payload(frame, flags, type);
}

/* Version 2, a register: a packet that was sent to a group, unless it is one to keep in touch, of
 * which there is the header of one alone. */
enum decode_result tunnels_pim(struct frame *frame, struct packet *packet)
{
    enum { REGISTER_OF_VERSION_2 = 0x21, NULL_REGISTER = 0x40 };
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);

    (void)packet;
    if (!header)
        return layers_short(frame);
    if (header[0] != REGISTER_OF_VERSION_2 || header[4] & NULL_REGISTER)
        return DECODE_OTHER;
    return layers_follow(frame, layers_ip);
}

enum decode_result tunnels_etherip(struct frame *frame, struct packet *packet)
{
    (void)packet;
    return layers_skip_to(frame, 2, layers_inner_ethernet);
}

/* -- Over UDP ---------------------------------------------------------------------------------- */

enum { VXLAN_INSTANCE = 0x08, VXLAN_NEXT_PROTOCOL = 0x04, VXLAN_ETHERNET = 3 };

/* What draft-ietf-nvo3-vxlan-gpe, 3.2 names. */
static enum decode_result follow_vxlan(struct frame *frame, uint8_t next)
{
    switch (next) {
    case 1:
    case 2:
        return layers_follow(frame, layers_ip);
    case VXLAN_ETHERNET:
        return layers_follow(frame, layers_inner_ethernet);
    case 4:
        return layers_follow(frame, tunnels_nsh);
    case 5:
        return layers_follow(frame, tunnels_mpls);
    default:
        return DECODE_OTHER;
    }
}

/* RFC 7348, 5: of the flags, the one for the instance is set; the others are of extensions, of
 * which that for other protocols is also sent to this port. */
static enum decode_result decode_vxlan(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);

    (void)packet;
    if (!header || !(header[0] & VXLAN_INSTANCE))
        return DECODE_CORRUPT;
    return follow_vxlan(frame, header[0] & VXLAN_NEXT_PROTOCOL ? header[3] : VXLAN_ETHERNET);
}

/* Some forget the flag that says that a protocol is named. */
static enum decode_result decode_vxlan_gpe(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);

    (void)packet;
    if (!header || !(header[0] & VXLAN_INSTANCE))
        return DECODE_CORRUPT;
    return follow_vxlan(frame, header[3] ? header[3] : VXLAN_ETHERNET);
}

/* RFC 8926, 3.4. */
static enum decode_result decode_geneve(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);

    (void)packet;
    if (!header || header[0] >> 6 != 0 || (header[1] & 0x3f) != 0 || header[7] != 0)
        return DECODE_CORRUPT;
    cursor_skip(&frame->cursor, (header[0] & 0x3fU) * 4);
    if (frame->cursor.failed)
        return layers_short(frame);
    return layers_follow_type(frame, cursor_load_u16(header + 2));
}

/* -- IP that only itself tells ------------------------------------------------------------------
 *
 * Where a header before it says little, a datagram of anything else may look like a tunnel. So what
 * is carried has to prove that it is an IP packet: it is exactly as long as what is there, and has
 * a right checksum. Of random datagrams one in 2^36 passes for IPv4, one in 2^42 for IPv6; or one
 * in 2^29 where there is no checksum, or the snap length cut what it is of. Of QUIC's, which begin
 * like either more often (RFC 9000, 17.3.1), four times as many. */

static bool proves_ipv4(const struct frame *frame)
{
    return proves_header(frame) && cursor_load_u16(frame->cursor.at + 2) == layers_left(frame);
}

/* RFC 8200, 8.1. A card that is still to compute it finds the sum of the pseudo-header there. */
static bool proves_checksum(const uint8_t *header, uint32_t length, size_t place)
{
    uint32_t pseudo = add_words(length + header[6], header + 8, 32);
    const uint8_t *field = header + 40 + place;

    return fold(add_words(pseudo, header + 40, length)) == 0xffff ||
           cursor_load_u16(field) == fold(pseudo);
}

/* What is global, local, or of a link (RFC 4291, 2.4; RFC 4193). */
static bool is_usual_address(const uint8_t *address)
{
    return address[0] >> 5 == 1 || address[0] >> 1 == 0x7e || address[0] == 0xfe;
}

static bool proves_ipv6(const struct frame *frame)
{
    const uint8_t *header = frame->cursor.at;
    size_t captured = cursor_left(&frame->cursor);
    uint32_t length;

    if (captured < 40)
        return false;
    length = cursor_load_u16(header + 4);
    if (length + 40 != layers_left(frame) || !layers_knows_protocol(header[6]))
        return false;
    if (frame->cut == 0 && header[6] == PROTOCOL_TCP && length >= 20)
        return proves_checksum(header, length, 16);
    if (frame->cut == 0 && header[6] == PROTOCOL_UDP && length >= 8)
        return proves_checksum(header, length, 6);
    return is_usual_address(header + 8) && is_usual_address(header + 24);
}

static enum decode_result follow_proven_ip(struct frame *frame)
{
    uint8_t version = cursor_left(&frame->cursor) > 0 ? *frame->cursor.at >> 4 : 0;

    if ((version == 4 && proves_ipv4(frame)) || (version == 6 && proves_ipv6(frame)))
        return layers_follow(frame, layers_ip);
    return DECODE_CORRUPT;
}

/* RFC 9300, 5.3: flags, a nonce or versions, an instance or who can be reached. RFC 8061: what is
 * encrypted says so. RFC 9305, 3: the bit that was reserved announces a protocol, IP or another. */
static enum decode_result decode_lisp(struct frame *frame, struct packet *packet)
{
    enum { ENCRYPTED = 0x03, HAS_PROTOCOL = 0x04, NEXT_IPV4 = 1, NEXT_IPV6 = 2 };
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);

    (void)packet;
    if (!header || header[0] & ENCRYPTED ||
        (header[0] & HAS_PROTOCOL && header[3] != NEXT_IPV4 && header[3] != NEXT_IPV6))
        return DECODE_CORRUPT;
    return follow_proven_ip(frame);
}

/* What Linux calls foo over UDP has no header of its own: IP, or GRE, whose first four bits would
 * say that it is routed in a way that nobody does (RFC 1701), were they those of an IP version. */
static enum decode_result decode_fou(struct frame *frame, struct packet *packet)
{
    uint8_t version = cursor_left(&frame->cursor) > 0 ? *frame->cursor.at >> 4 : 0;

    (void)packet;
    if (version == 4 || version == 6)
        return follow_proven_ip(frame);
    return layers_follow(frame, tunnels_gre);
}

/* draft-ietf-intarea-gue-09: a header of a length that it tells in words of four bytes (3), and IP
 * or GRE; version 1 is an IP packet alone (4). Linux's own has neither flags nor more words. */
static enum decode_result decode_gue(struct frame *frame, struct packet *packet)
{
    enum { VERSION_1 = 0x40, VERSION_AND_CONTROL = 0xe0, WORDS = 0x1f };
    const uint8_t *header = frame->cursor.at;

    (void)packet;
    if (cursor_left(&frame->cursor) < 4)
        return DECODE_CORRUPT;
    if ((header[0] & 0xc0) == VERSION_1)
        return follow_proven_ip(frame);
    cursor_skip(&frame->cursor, 4 + (header[0] & WORDS) * (size_t)4);
    if (header[0] & VERSION_AND_CONTROL || frame->cursor.failed)
        return DECODE_CORRUPT;
    switch (header[1]) {
    case 4:  /* IPv4 */
    case 41: /* IPv6 */
        return header[0] || header[2] || header[3] ? follow_proven_ip(frame)
                                                   : layers_follow(frame, layers_ip);
    case 47:
        return layers_follow(frame, tunnels_gre);
    default:
        return DECODE_CORRUPT;
    }
}

/* 3GPP TS 29.281, 5.2.1: the last byte of each extension header says what the next one is. */
static void skip_gtp_extensions(struct cursor *cursor, uint8_t next)
{
    while (next != 0 && !cursor->failed) {
        uint32_t length = cursor_u8(cursor) * 4U;

        if (length == 0) {
            cursor->failed = true;
            return;
        }
        cursor_skip(cursor, length - 2);
        next = cursor_u8(cursor);
    }
}

/* User plane, version 1: a G-PDU. TS 29.281, 5.1. */
static enum decode_result decode_gtp(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);
    const uint8_t *options;

    (void)packet;
    if (!header || (header[0] & 0xf8) != 0x30 || header[1] != 0xff ||
        cursor_load_u16(header + 2) > layers_left(frame))
        return DECODE_CORRUPT;
    layers_narrow(frame, cursor_load_u16(header + 2));
    if (header[0] & 0x07) {
        options = cursor_bytes(&frame->cursor, 4);
        if (options && header[0] & 0x04)
            skip_gtp_extensions(&frame->cursor, options[3]);
    }
    return frame->cursor.failed ? layers_short(frame) : layers_follow(frame, layers_ip);
}

/* Version 0: a T-PDU. 3GPP TS 09.60, 6. */
static enum decode_result decode_gtp0(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 20);

    (void)packet;
    if (!header || (header[0] & 0xf0) != 0x10 || header[1] != 0xff ||
        cursor_load_u16(header + 2) > layers_left(frame))
        return DECODE_CORRUPT;
    return layers_follow(frame, layers_ip);
}

/* RFC 2661, 3.1: a data message. */
static enum decode_result decode_l2tp(struct frame *frame, struct packet *packet)
{
    enum { CONTROL = 0x8000, LENGTH = 0x4000, SEQUENCE = 0x0800, OFFSET = 0x0200 };
    enum { RESERVED_AND_VERSION = 0x34ff, VERSION_2 = 2 };
    struct cursor *cursor = &frame->cursor;
    uint32_t whole = layers_left(frame);
    uint16_t flags = cursor_u16(cursor);
    uint32_t length;

    (void)packet;
    if (flags & CONTROL || (flags & RESERVED_AND_VERSION) != VERSION_2)
        return DECODE_CORRUPT;
    if (flags & LENGTH) {
        length = cursor_u16(cursor);
        if (length < 8 || length > whole)
            return DECODE_CORRUPT;
        layers_narrow(frame, length - 4);
    }
    cursor_skip(cursor, 4); /* tunnel, session */
    if (flags & SEQUENCE)
        cursor_skip(cursor, 4);
    if (flags & OFFSET)
        cursor_skip(cursor, cursor_u16(cursor));
    return cursor->failed ? layers_short(frame) : layers_follow(frame, tunnels_ppp);
}

static enum decode_result follow_ipv6(struct frame *frame)
{
    if (cursor_left(&frame->cursor) == 0 || *frame->cursor.at >> 4 != 6)
        return DECODE_CORRUPT;
    return layers_follow(frame, layers_ip);
}

/* RFC 4380, 5.1.1: an authentication header, an origin indication, both or neither come first. */
static enum decode_result decode_teredo(struct frame *frame, struct packet *packet)
{
    enum { AUTHENTICATION = 1, ORIGIN = 0 };
    struct cursor *cursor = &frame->cursor;

    (void)packet;
    if (cursor_left(cursor) >= 4 && cursor_load_u16(cursor->at) == AUTHENTICATION) {
        const uint8_t *header = cursor_bytes(cursor, 4);

        cursor_skip(cursor, (size_t)header[2] + header[3] + 9); /* with nonce and confirmation */
    }
    if (!cursor->failed && cursor_left(cursor) >= 2 && cursor_load_u16(cursor->at) == ORIGIN)
        cursor_skip(cursor, 8);
    return cursor->failed ? DECODE_CORRUPT : follow_ipv6(frame);
}

/* draft-massar-v6ops-ayiya-02, 3: IPv6 forwarded. */
static enum decode_result decode_ayiya(struct frame *frame, struct packet *packet)
{
    enum { FORWARD = 1, NEXT_IPV6 = 41 };
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);

    (void)packet;
    if (!header || (header[2] & 15) != FORWARD || header[3] != NEXT_IPV6)
        return DECODE_CORRUPT;
    cursor_skip(&frame->cursor, ((size_t)1 << (header[0] >> 4)) + (header[1] >> 4) * (size_t)4);
    return frame->cursor.failed ? DECODE_CORRUPT : follow_ipv6(frame);
}

/* Between access points and their controller: RFC 5415, 4.3. */
enum {
    CAPWAP_BINDING = 0x3e00,
    CAPWAP_BINDING_80211 = 0x0200,
    CAPWAP_NATIVE = 0x0100, /* frames of the binding, else of Ethernet */
    CAPWAP_FRAGMENT = 0x0080,
    CAPWAP_LAST = 0x0040,
    CAPWAP_KEEP_ALIVE = 0x0008,
    CAPWAP_RESERVED = 0x0007
};

/* Frames of 802.11 have the bytes of their control in either order. */
enum decode_result tunnels_capwap_payload(struct frame *frame, struct packet *packet)
{
    (void)packet;
    if (cursor_left(&frame->cursor) == 0)
        return DECODE_CORRUPT;
    if (!frame->protocol)
        return layers_follow(frame, layers_inner_ethernet);
    return layers_follow(frame,
                         (*frame->cursor.at & 0x0f) == 0x08 ? links_80211 : links_swapped_80211);
}

/* A piece of a packet that was too long for the path (3.4). No header of IP confirms the guess,
 * unless in the first; but less than one random datagram in a million begins like that. */
static enum decode_result decode_capwap_piece(struct frame *frame, const uint8_t *header,
                                              struct packet *packet)
{
    uint16_t bits = cursor_load_u16(header + 2);
    uint16_t place = cursor_load_u16(header + 6);

    if ((bits & CAPWAP_BINDING) != CAPWAP_BINDING_80211 || bits & CAPWAP_RESERVED ||
        place & CAPWAP_RESERVED)
        return DECODE_CORRUPT;
    packet->protocol = frame->protocol;
    packet->fragment = (struct fragment){.identification = cursor_load_u16(header + 4),
                                         .offset = place,
                                         .more = !(bits & CAPWAP_LAST),
                                         .capwap = true};
    layers_set_payload(frame, packet);
    frame->trust = TRUST_CONFIRMED;
    return DECODE_FRAGMENT;
}

static enum decode_result decode_capwap(struct frame *frame, struct packet *packet)
{
    const uint8_t *header = cursor_bytes(&frame->cursor, 8);
    uint32_t length;
    uint16_t bits;

    if (!header || header[0] != 0)
        return DECODE_CORRUPT;
    length = (header[1] >> 3) * 4U;
    bits = cursor_load_u16(header + 2);
    if (length < 8 || bits & CAPWAP_KEEP_ALIVE ||
        (bits & CAPWAP_NATIVE && (bits & CAPWAP_BINDING) != CAPWAP_BINDING_80211))
        return DECODE_CORRUPT;
    cursor_skip(&frame->cursor, length - 8);
    if (frame->cursor.failed)
        return DECODE_CORRUPT;
    frame->protocol = (bits & CAPWAP_NATIVE) != 0;
    /* A piece that is all of the packet is none. */
    if (bits & CAPWAP_FRAGMENT && !(bits & CAPWAP_LAST && cursor_load_u16(header + 6) == 0))
        return decode_capwap_piece(frame, header, packet);
    return tunnels_capwap_payload(frame, packet);
}

/* How some routers send what they were told to mirror (TaZmen Sniffer Protocol): version, type (a
 * packet that was received or sent), what it is, and tags until the last one, of which those that
 * pad have no length. */
static enum decode_result decode_tzsp(struct frame *frame, struct packet *packet)
{
    enum { SENT = 1, ETHERNET = 1, TAG_PADDING = 0, TAG_END = 1 };
    const uint8_t *header = cursor_bytes(&frame->cursor, 4);
    uint8_t tag;

    (void)packet;
    if (!header || header[0] != 1 || header[1] > SENT || cursor_load_u16(header + 2) != ETHERNET)
        return DECODE_CORRUPT;
    while ((tag = cursor_u8(&frame->cursor)) != TAG_END && !frame->cursor.failed)
        if (tag != TAG_PADDING)
            cursor_skip(&frame->cursor, cursor_u8(&frame->cursor));
    return frame->cursor.failed ? DECODE_CORRUPT : layers_follow(frame, layers_inner_ethernet);
}

static const struct port_tunnel {
    const char *name;
    layer *step;
    uint16_t port; /* its own; 0: none */
} port_tunnels[] = {
    {"ayiya", decode_ayiya, 5072},
    {"capwap", decode_capwap, TUNNELS_CAPWAP},
    {"fou", decode_fou, 0},
    {"geneve", decode_geneve, 6081},
    {"gre", tunnels_gre, 4754}, /* RFC 8086 */
    {"gtp", decode_gtp, 2152},
    {"gtp0", decode_gtp0, 3386},
    {"gue", decode_gue, 6080},
    {"l2tp", decode_l2tp, 1701},
    {"lisp", decode_lisp, 4341},
    {"mpls", tunnels_mpls, 6635}, /* RFC 7510 */
    {"teredo", decode_teredo, 3544},
    {"tzsp", decode_tzsp, 37008},
    {"vxlan", decode_vxlan, 4789},
    {"vxlan", decode_vxlan, 8472}, /* Linux's, before RFC 7348 had a number */
    {"vxlan-gpe", decode_vxlan_gpe, 4790},
};
const uint8_t tunnels_groups[64] = {
    [1701 >> 10] = 1, [2152 >> 10] = 1, [3386 >> 10] = 1, [4341 >> 10] = 1,
    [5247 >> 10] = 1, [6635 >> 10] = 1, [8472 >> 10] = 1, [37008 >> 10] = 1,
};
#define PORT_TUNNELS (sizeof(port_tunnels) / sizeof(port_tunnels[0]))

static layer *step_for_port(const struct trust_policy *policy, uint16_t port)
{
    for (unsigned i = 0; i < policy->port_count; i++)
        if (policy->ports[i].port == port)
            return port_tunnels[policy->ports[i].tunnel].step;
    for (size_t i = 0; i < PORT_TUNNELS; i++)
        if (port_tunnels[i].port == port && port != 0)
            return port_tunnels[i].step;
    return NULL;
}

layer *tunnels_on_port(const struct trust_policy *policy, uint16_t source, uint16_t destination)
{
    layer *step = step_for_port(policy, destination);

    return step ? step : step_for_port(policy, source);
}

/* The number of the tunnel whose name is the first LENGTH bytes of TEXT, or PORT_TUNNELS. */
static size_t tunnel_of_name(const char *text, size_t length)
{
    size_t i = 0;

    while (i < PORT_TUNNELS && (strlen(port_tunnels[i].name) != length ||
                                memcmp(port_tunnels[i].name, text, length) != 0))
        i++;
    return i;
}

const char *tunnels_add_port(struct trust_policy *policy, const char *text)
{
    size_t length = strcspn(text, ":");
    size_t tunnel = tunnel_of_name(text, length);
    unsigned long port = 0;
    char *end = NULL;

    if (tunnel == PORT_TUNNELS)
        return "the name must be one of: ayiya, capwap, fou, geneve, gre, gtp, gtp0, gue, l2tp, "
               "lisp, mpls, teredo, tzsp, vxlan, vxlan-gpe; not";
    if (text[length] == ':' && text[length + 1] >= '1' && text[length + 1] <= '9')
        port = strtoul(text + length + 1, &end, 10);
    if (!end || *end != '\0' || port > UINT16_MAX)
        return "behind the name must be a colon and a port, 1 to 65535, in";
    for (unsigned i = 0; i < policy->port_count; i++)
        if (policy->ports[i].port == port)
            return "there is a tunnel on the port of";
    if (policy->port_count == TRUST_MAX_PORTS)
        return "more than 16 ports at";
    policy->ports[policy->port_count++] = (struct trust_port){(uint16_t)port, (uint16_t)tunnel};
    return NULL;
}
