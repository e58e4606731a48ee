/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_TUNNELS_H
#define IAGMETER_TESTS_TUNNELS_H

#include "tests/capture/frames.h"

/* Builds packets from the inside out: each wrap_ function puts a header before what is there, and
 * takes lengths from it. */

static inline void wrap(struct bytes *bytes, const void *header, size_t length)
{
    if (length > sizeof(bytes->at) - bytes->length)
        abort();
    memmove(bytes->at + length, bytes->at, bytes->length);
    memcpy(bytes->at, header, length);
    bytes->length += length;
}

/* WRAP(bytes, 1, 2, 3) puts the three bytes before. */
#define WRAP(bytes, ...)                                                                           \
    wrap((bytes), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define HIGH(number) ((uint8_t)((number) >> 8))
#define LOW(number)  ((uint8_t)(number))

/* RFC 1071, of LENGTH bytes and SUM. */
static inline unsigned checksum_of(const uint8_t *bytes, size_t length, uint32_t sum)
{
    for (size_t i = 0; i < length; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

/* -- Transport and IP -------------------------------------------------------------------------- */

static inline void wrap_tcp(struct bytes *bytes, unsigned source, unsigned destination)
{
    WRAP(bytes, HIGH(source), LOW(source), HIGH(destination), LOW(destination), 0x11, 0x22, 0x33,
         0x44, 0, 0, 0, 0, 0x50, 0x10, 0xff, 0xff, 0xab, 0xcd, 0, 0);
}

static inline void wrap_udp(struct bytes *bytes, unsigned source, unsigned destination)
{
    size_t length = bytes->length + 8;

    WRAP(bytes, HIGH(source), LOW(source), HIGH(destination), LOW(destination), HIGH(length),
         LOW(length), 0xab, 0xcd);
}

static inline void wrap_ipv4(struct bytes *bytes, unsigned protocol, const struct address *source,
                             const struct address *destination)
{
    size_t length = bytes->length + 20;

    wrap(bytes, destination->bytes, 4);
    wrap(bytes, source->bytes, 4);
    WRAP(bytes, 0x45, 0, HIGH(length), LOW(length), 0x12, 0x34, 0, 0, 64, LOW(protocol), 0, 0);
    set_u16(bytes, 10, checksum_of(bytes->at, 20, 0));
}

static inline void wrap_ipv6(struct bytes *bytes, unsigned next, const struct address *source,
                             const struct address *destination)
{
    size_t length = bytes->length;

    wrap(bytes, destination->bytes, 16);
    wrap(bytes, source->bytes, 16);
    WRAP(bytes, 0x60, 0, 0, 0, HIGH(length), LOW(length), LOW(next), 64);
}

/* Of the IPv6 packet in BYTES, sets the checksum of TCP or UDP. */
static inline void set_checksum6(struct bytes *bytes)
{
    size_t place = 40 + (bytes->at[6] == 6 ? 16 : 6);
    uint32_t length = (uint32_t)bytes->length - 40;
    uint32_t pseudo = 0xffffU - checksum_of(bytes->at + 8, 32, length + bytes->at[6]);

    set_u16(bytes, place, 0);
    set_u16(bytes, place, checksum_of(bytes->at + 40, length, pseudo));
}

static inline void wrap_ip(struct bytes *bytes, unsigned protocol, const struct address *source,
                           const struct address *destination)
{
    if (source->family == 4)
        wrap_ipv4(bytes, protocol, source, destination);
    else
        wrap_ipv6(bytes, protocol, source, destination);
}

/* Of what the IP packet carries, a fragment of SIZE bytes, or what is left, from AT on: both are
 * multiples of eight. Returns whether more follows. */
static inline bool put_fragment(struct bytes *bytes, const struct bytes *packet, size_t at,
                                size_t size, unsigned identification)
{
    size_t header = packet->at[0] >> 4 == 4 ? 20 : 40;
    size_t left = packet->length - header - at;
    bool more = left > size;
    size_t length = more ? size : left;

    bytes->length = 0;
    put_bytes(bytes, packet->at + header + at, length);
    if (header == 40) {
        WRAP(bytes, packet->at[6], 0, HIGH(at | more), LOW(at | more), 0, 0, HIGH(identification),
             LOW(identification));
        length += 8;
    }
    wrap(bytes, packet->at, header);
    if (header == 40) {
        set_u16(bytes, 4, length);
        bytes->at[6] = 44;
    } else {
        set_u16(bytes, 2, 20 + length);
        set_u16(bytes, 4, identification);
        set_u16(bytes, 6, at / 8 | (size_t)more << 13);
    }
    return more;
}

/* In a packet between two addresses of the infrastructure, which no test's payload uses. */
static inline void wrap_outer_ip(struct bytes *bytes, unsigned protocol)
{
    struct address source = address4(203, 0, 113, 1);
    struct address destination = address4(203, 0, 113, 2);

    wrap_ipv4(bytes, protocol, &source, &destination);
}

static inline void wrap_outer_udp(struct bytes *bytes, unsigned source, unsigned destination)
{
    wrap_udp(bytes, source, destination);
    wrap_outer_ip(bytes, 17);
}

static inline void wrap_ethernet(struct bytes *bytes, unsigned type)
{
    WRAP(bytes, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, HIGH(type), LOW(type));
}

/* The EtherType of the IP packet in BYTES, or of the tag, without a priority, before it. */
static inline unsigned type_of_ip(const struct bytes *bytes)
{
    if (bytes->at[0] >> 4 == 0)
        return 0x8100;
    return bytes->at[0] >> 4 == 4 ? 0x0800 : 0x86dd;
}

static inline void wrap_ethernet_ip(struct bytes *bytes)
{
    wrap_ethernet(bytes, type_of_ip(bytes));
}

/* -- Ways to carry an IP packet in a frame of DLT_EN10MB --------------------------------------- */

/* TYPE, then what the packet begins with. */
static inline void wrap_tagged(struct bytes *bytes, unsigned tag)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, HIGH(tag), LOW(tag), HIGH(type), LOW(type));
}

static inline void in_ethernet(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
}

static inline void in_8021q(struct bytes *bytes)
{
    wrap_tagged(bytes, 0x6064);
    wrap_ethernet(bytes, 0x8100);
}

static inline void in_8021ad(struct bytes *bytes)
{
    wrap_tagged(bytes, 0x0065);
    WRAP(bytes, 0, 0x64, 0x81, 0x00);
    wrap_ethernet(bytes, 0x88a8);
}

static inline void in_three_old_tags(struct bytes *bytes)
{
    wrap_tagged(bytes, 0x0066);
    WRAP(bytes, 0, 0x65, 0x93, 0x00);
    WRAP(bytes, 0, 0x64, 0x92, 0x00);
    wrap_ethernet(bytes, 0x9100);
}

/* The tag's type is a length: LLC and SNAP follow. */
static inline void wrap_snap(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0xaa, 0xaa, 3, 0, 0, 0, HIGH(type), LOW(type));
}

static inline void in_snap(struct bytes *bytes)
{
    wrap_snap(bytes);
    wrap_ethernet(bytes, (unsigned)bytes->length);
}

static inline void in_tagged_snap(struct bytes *bytes)
{
    wrap_snap(bytes);
    WRAP(bytes, 0, 0x64, HIGH(bytes->length), LOW(bytes->length));
    wrap_ethernet(bytes, 0x8100);
}

static inline void wrap_ppp(struct bytes *bytes)
{
    WRAP(bytes, 0, bytes->at[0] >> 4 == 4 ? 0x21 : 0x57);
}

static inline void in_pppoe(struct bytes *bytes)
{
    wrap_ppp(bytes);
    WRAP(bytes, 0x11, 0, 0, 7, HIGH(bytes->length), LOW(bytes->length));
    wrap_ethernet(bytes, 0x8864);
}

static inline void in_multilink(struct bytes *bytes)
{
    wrap_ppp(bytes);
    WRAP(bytes, 0, 0x3d, 0xc0, 0, 0, 1);
    WRAP(bytes, 0x11, 0, 0, 7, HIGH(bytes->length), LOW(bytes->length));
    wrap_ethernet(bytes, 0x8864);
}

/* Numbers of 12 bits: one that cannot be the beginning of 24, and one that can, behind which the
 * protocol takes one byte. */
static inline void in_short_multilink(struct bytes *bytes)
{
    wrap_ppp(bytes);
    WRAP(bytes, 0, 0x3d, 0xc7, 1);
    WRAP(bytes, 0x11, 0, 0, 7, HIGH(bytes->length), LOW(bytes->length));
    wrap_ethernet(bytes, 0x8864);
}

static inline void in_shorter_multilink(struct bytes *bytes)
{
    WRAP(bytes, 0x3d, 0xc0, 1, bytes->at[0] >> 4 == 4 ? 0x21 : 0x57);
    WRAP(bytes, 0x11, 0, 0, 7, HIGH(bytes->length), LOW(bytes->length));
    wrap_ethernet(bytes, 0x8864);
}

static inline void wrap_labels(struct bytes *bytes)
{
    WRAP(bytes, 0, 1, 0, 64, 0, 2, 0, 64, 0, 3, 1, 64);
}

static inline void in_mpls(struct bytes *bytes)
{
    wrap_labels(bytes);
    wrap_ethernet(bytes, 0x8847);
}

static inline void in_mpls_multicast(struct bytes *bytes)
{
    WRAP(bytes, 0, 3, 1, 64);
    wrap_ethernet(bytes, 0x8848);
}

static inline void in_pseudowire(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    in_mpls(bytes);
}

static inline void in_pseudowire_with_control_word(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0, 0, 0, 9);
    in_mpls(bytes);
}

/* A MAC address that begins as IPv4 would. */
static inline void in_pseudowire_that_looks_like_ip(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    bytes->at[0] = 0x45;
    in_mpls(bytes);
}

static inline void in_vn_tag(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0x80, 1, 0, 2, HIGH(type), LOW(type));
    wrap_ethernet(bytes, 0x8926);
}

static inline void in_e_tag(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0x10, 0, 0x20, 1, 0, 0, HIGH(type), LOW(type));
    wrap_ethernet(bytes, 0x893f);
}

static inline void in_pbb(struct bytes *bytes)
{
    wrap_tagged(bytes, 0x0065); /* the customer's, behind the backbone's */
    wrap_ethernet(bytes, 0x8100);
    WRAP(bytes, 0, 0, 1, 0);
    WRAP(bytes, 0, 0x64, 0x88, 0xe7);
    wrap_ethernet(bytes, 0x88a8);
}

static inline void in_cisco_metadata(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 1, 1, 0, 1, 0, 42, HIGH(type), LOW(type));
    wrap_ethernet(bytes, 0x8909);
}

static inline void in_hsr(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0, 60, 0, 1, HIGH(type), LOW(type));
    wrap_ethernet(bytes, 0x892f);
}

/* With an option of four bytes. */
static inline void in_trill(struct bytes *bytes)
{
    wrap_tagged(bytes, 0x0064);
    wrap_ethernet(bytes, 0x8100);
    WRAP(bytes, 0, 0x7f, 0x12, 0x34, 0x56, 0x78, 1, 2, 3, 4);
    wrap_ethernet(bytes, 0x22f3);
}

static inline void in_trill_with_labels(struct bytes *bytes)
{
    wrap_tagged(bytes, 0x0065);
    WRAP(bytes, 0, 0x64, 0x89, 0x3b);
    wrap_ethernet(bytes, 0x893b);
    WRAP(bytes, 0, 0x3f, 0x12, 0x34, 0x56, 0x78);
    wrap_ethernet(bytes, 0x22f3);
}

static inline void in_batman(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0x40, 15, 50, 1, 2, 0, 0, 0, 0, 1);
    wrap_ethernet(bytes, 0x4305);
}

static inline void in_batman_with_sender(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0x42, 15, 50, 1, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 1, 0);
    wrap_ethernet(bytes, 0x4305);
}

static inline void in_macsec(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0x00, 0, 0, 0, 0, 9, HIGH(type), LOW(type));
    wrap_ethernet(bytes, 0x88e5);
}

static inline void in_macsec_with_channel(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0x20, 0, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, HIGH(type), LOW(type));
    wrap_ethernet(bytes, 0x88e5);
}

static inline void wrap_nsh(struct bytes *bytes)
{
    WRAP(bytes, 0, 0x06, 1, 3, 0, 0, 1, 255, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4);
}

static inline void in_nsh(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    wrap_nsh(bytes);
    wrap_ethernet(bytes, 0x894f);
}

/* -- Ways to carry an IP packet in an IPv4 packet ---------------------------------------------- */

static inline void over_ip(struct bytes *bytes)
{
    wrap_outer_ip(bytes, bytes->at[0] >> 4 == 4 ? 4 : 41);
}

static inline void over_etherip(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0x30, 0);
    wrap_outer_ip(bytes, 97);
}

static inline void over_mpls_in_ip(struct bytes *bytes)
{
    wrap_labels(bytes);
    wrap_outer_ip(bytes, 137);
}

static inline void over_pim(struct bytes *bytes)
{
    WRAP(bytes, 0x21, 0, 0xde, 0xff, 0x80, 0, 0, 0);
    wrap_outer_ip(bytes, 103);
}

static inline void over_authentication(struct bytes *bytes)
{
    WRAP(bytes, bytes->at[0] >> 4 == 4 ? 4 : 41, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9,
         9, 9, 9, 9, 9, 9);
    wrap_outer_ip(bytes, 51);
}

static inline void over_gre(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0, 0, HIGH(type), LOW(type));
    wrap_outer_ip(bytes, 47);
}

/* Checksum, routing (one entry and the end), key and sequence number. */
static inline void over_full_gre(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 8, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 0);
    WRAP(bytes, 0xf0, 0, HIGH(type), LOW(type), 1, 2, 0, 0, 5, 6, 7, 8, 0, 0, 0, 9);
    wrap_outer_ip(bytes, 47);
}

static inline void over_gre_ethernet(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0x20, 0, 0x65, 0x58, 0, 0, 1, 2);
    wrap_outer_ip(bytes, 47);
}

static inline void over_pptp(struct bytes *bytes)
{
    wrap_ppp(bytes);
    WRAP(bytes, 0xff, 3);
    WRAP(bytes, 0x30, 0x81, 0x88, 0x0b, HIGH(bytes->length), LOW(bytes->length), 0, 1, 0, 0, 0, 1,
         0, 0, 0, 2);
    wrap_outer_ip(bytes, 47);
}

static inline void over_eoip(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0x20, 0x01, 0x64, 0, HIGH(bytes->length), LOW(bytes->length), 1, 0);
    wrap_outer_ip(bytes, 47);
}

static inline void over_erspan1(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0, 0, 0x88, 0xbe);
    wrap_outer_ip(bytes, 47);
}

static inline void over_erspan2(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0x08, 0, 0, 0, 0, 0);
    wrap_outer_ip(bytes, 47);
}

static inline void over_erspan3(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    wrap_outer_ip(bytes, 47);
}

/* With the subheader of a platform, and IP without Ethernet. */
static inline void over_erspan3_platform(struct bytes *bytes)
{
    WRAP(bytes, 0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x01, 0x0c,
         0, 0, 0, 0, 0, 0, 0);
    wrap_outer_ip(bytes, 47);
}

static inline void wrap_80211(struct bytes *bytes)
{
    wrap_snap(bytes);
    WRAP(bytes, 0x88, 0x01, 0, 0, 4, 4, 4, 4, 4, 4, 6, 6, 6, 6, 6, 6, 8, 8, 8, 8, 8, 8, 0x10, 0, 0,
         0);
}

/* Adds an Ethernet frame to several packets in one frame of 802.11 (9.3.2.2), behind those that are
 * there. */
static inline void put_subframe(struct bytes *bytes, const uint8_t *frame, size_t length)
{
    bool is_type = frame[12] > 5 || (frame[12] == 5 && frame[13] > 0xdc);
    size_t size = is_type ? length - 12 + 6 : length - 14;

    put_fill(bytes, 0, (4 - bytes->length % 4) % 4);
    put_bytes(bytes, frame, 12);
    put_u16(bytes, (unsigned)size);
    if (is_type)
        put_bytes(bytes, (const uint8_t[]){0xaa, 0xaa, 3, 0, 0, 0}, 6);
    put_bytes(bytes, frame + (is_type ? 12 : 14), length - (is_type ? 12 : 14));
}

static inline void wrap_aggregate(struct bytes *bytes)
{
    WRAP(bytes, 0x88, 0x01, 0, 0, 4, 4, 4, 4, 4, 4, 6, 6, 6, 6, 6, 6, 8, 8, 8, 8, 8, 8, 0x10, 0,
         0x80, 0);
}

static inline void over_gre_80211(struct bytes *bytes)
{
    wrap_80211(bytes);
    WRAP(bytes, 0, 0, 0x82, 0x40);
    wrap_outer_ip(bytes, 47);
}

static inline void over_gre_frame_relay(struct bytes *bytes)
{
    WRAP(bytes, 0x04, 0x01, 3, bytes->at[0] >> 4 == 4 ? 0xcc : 0x8e);
    WRAP(bytes, 0, 0, 0x65, 0x59);
    wrap_outer_ip(bytes, 47);
}

/* IPv6 in WCCP has the header of version 2 alone to tell it by. */
static inline void over_wccp(struct bytes *bytes)
{
    WRAP(bytes, 0, 0, 0, 1);
    WRAP(bytes, 0, 0, 0x88, 0x3e);
    wrap_outer_ip(bytes, 47);
}

/* -- Ways to carry an IP packet in a UDP datagram ---------------------------------------------- */

static inline void over_vxlan(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 8, 0, 0, 0, 0, 0, 42, 0);
    wrap_outer_udp(bytes, 50000, 4789);
}

/* Linux's old port, with a group policy. */
static inline void over_vxlan_policy(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0x88, 0, 0, 7, 0, 0, 42, 0);
    wrap_outer_udp(bytes, 50000, 8472);
}

static inline void over_vxlan_gpe(struct bytes *bytes)
{
    WRAP(bytes, 0x0c, 0, 0, bytes->at[0] >> 4 == 4 ? 1 : 2, 0, 0, 42, 0);
    wrap_outer_udp(bytes, 50000, 4790);
}

/* The header of VXLAN-GPE on the port of VXLAN. */
static inline void over_vxlan_protocol(struct bytes *bytes)
{
    WRAP(bytes, 0x0c, 0, 0, bytes->at[0] >> 4 == 4 ? 1 : 2, 0, 0, 42, 0);
    wrap_outer_udp(bytes, 50000, 4789);
}

static inline void over_vxlan_gpe_nsh(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    wrap_nsh(bytes);
    WRAP(bytes, 0x0c, 0, 0, 4, 0, 0, 42, 0);
    wrap_outer_udp(bytes, 50000, 4790);
}

static inline void over_vxlan_gpe_ethernet(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0x08, 0, 0, 0, 0, 0, 42, 0);
    wrap_outer_udp(bytes, 50000, 4790);
}

static inline void over_geneve(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0x03, 0x40, 0x65, 0x58, 0, 0, 42, 0, 1, 2, 3, 2, 4, 4, 4, 4, 5, 5, 5, 5);
    wrap_outer_udp(bytes, 50000, 6081);
}

static inline void over_geneve_ip(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0, 0, HIGH(type), LOW(type), 0, 0, 42, 0);
    wrap_outer_udp(bytes, 50000, 6081);
}

static inline void over_gue(struct bytes *bytes)
{
    WRAP(bytes, 0, bytes->at[0] >> 4 == 4 ? 4 : 41, 0, 0);
    wrap_outer_udp(bytes, 50000, 6080);
}

static inline void over_gue_gre(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0, 0, HIGH(type), LOW(type));
    WRAP(bytes, 0, 47, 0, 0);
    wrap_outer_udp(bytes, 6080, 6080);
}

/* What only itself proves to be IP: of IPv6, by the checksum. */
static inline void prove(struct bytes *bytes)
{
    if (bytes->at[0] >> 4 == 6 && (bytes->at[6] == 6 || bytes->at[6] == 17))
        set_checksum6(bytes);
}

/* Version 1: the packet alone. */
static inline void over_gue_alone(struct bytes *bytes)
{
    prove(bytes);
    wrap_outer_udp(bytes, 50000, 6080);
}

/* Linux's flag for its private fields, and two words of them. */
static inline void over_gue_options(struct bytes *bytes)
{
    prove(bytes);
    WRAP(bytes, 2, bytes->at[0] >> 4 == 4 ? 4 : 41, 0, 1, 0x80, 0, 0, 0, 1, 2, 3, 4);
    wrap_outer_udp(bytes, 50000, 6080);
}

/* A nonce and an instance. */
static inline void over_lisp(struct bytes *bytes)
{
    prove(bytes);
    WRAP(bytes, 0x88, 1, 2, 3, 0, 0, 42, 0);
    wrap_outer_udp(bytes, 50000, 4341);
}

/* With a protocol (RFC 9305). */
static inline void over_lisp_protocol(struct bytes *bytes)
{
    prove(bytes);
    WRAP(bytes, 0x0c, 0, 0, bytes->at[0] >> 4 == 4 ? 1 : 2, 0, 0, 42, 0);
    wrap_outer_udp(bytes, 4341, 50000);
}

/* No port is FOU's own. */
#define FOU_PORT 19523
static inline void over_fou(struct bytes *bytes)
{
    prove(bytes);
    wrap_outer_udp(bytes, 50000, FOU_PORT);
}

static inline void over_fou_gre(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0x20, 0, HIGH(type), LOW(type), 0, 0, 0, 1);
    wrap_outer_udp(bytes, FOU_PORT, 50000);
}

static inline void over_gtp(struct bytes *bytes)
{
    WRAP(bytes, 0x30, 0xff, HIGH(bytes->length), LOW(bytes->length), 0, 0, 0, 1);
    wrap_outer_udp(bytes, 2152, 2152);
}

/* A sequence number and two extension headers. */
static inline void over_gtp_extensions(struct bytes *bytes)
{
    WRAP(bytes, 0, 1, 0, 0x85, 1, 0x10, 0x09, 0xc0, 2, 0, 0, 0, 0, 0, 0, 0);
    WRAP(bytes, 0x36, 0xff, HIGH(bytes->length), LOW(bytes->length), 0, 0, 0, 1);
    wrap_outer_udp(bytes, 2152, 40000);
}

static inline void over_gtp0(struct bytes *bytes)
{
    WRAP(bytes, 0x1e, 0xff, HIGH(bytes->length), LOW(bytes->length), 0, 1, 0, 0, 0xff, 0xff, 0xff,
         0xff, 1, 2, 3, 4, 5, 6, 7, 8);
    wrap_outer_udp(bytes, 3386, 3386);
}

static inline void over_l2tp(struct bytes *bytes)
{
    wrap_ppp(bytes);
    WRAP(bytes, 0xff, 3);
    WRAP(bytes, 0, 2, 0, 1, 0, 2);
    wrap_outer_udp(bytes, 1701, 50000);
}

/* Length, sequence numbers and an offset of two bytes. */
static inline void over_full_l2tp(struct bytes *bytes)
{
    size_t length;

    wrap_ppp(bytes);
    length = bytes->length + 16;
    WRAP(bytes, 0x4a, 2, HIGH(length), LOW(length), 0, 1, 0, 2, 0, 3, 0, 4, 0, 2, 7, 7);
    wrap_outer_udp(bytes, 50000, 1701);
}

static inline void over_gre_in_udp(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0x20, 0, HIGH(type), LOW(type), 0, 0, 0, 1);
    wrap_outer_udp(bytes, 50000, 4754);
}

static inline void over_mpls_in_udp(struct bytes *bytes)
{
    wrap_labels(bytes);
    wrap_outer_udp(bytes, 50000, 6635);
}

static inline void over_capwap(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0, 0x10, 0x42, 0, 0, 0, 0, 0);
    wrap_outer_udp(bytes, 50000, 5247);
}

/* With the radio's address, and as some access points send it: the frame control swapped. */
static inline void over_capwap_80211(struct bytes *bytes)
{
    wrap_80211(bytes);
    bytes->at[0] = 0x01;
    bytes->at[1] = 0x88;
    WRAP(bytes, 0, 0x20, 0x43, 0x10, 0, 0, 0, 0, 6, 1, 2, 3, 4, 5, 6, 0);
    wrap_outer_udp(bytes, 5247, 50000);
}

static inline void over_capwap_80211_in_order(struct bytes *bytes)
{
    wrap_80211(bytes);
    WRAP(bytes, 0, 0x10, 0x43, 0, 0, 0, 0, 0);
    wrap_outer_udp(bytes, 50000, 5247);
}

static inline void over_capwap_aggregate(struct bytes *bytes)
{
    wrap_aggregate(bytes);
    WRAP(bytes, 0, 0x10, 0x43, 0, 0, 0, 0, 0);
    wrap_outer_udp(bytes, 50000, 5247);
}

/* UDP-Lite, whose checksum covers its header and that of CAPWAP. */
static inline void over_capwap_lite(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0, 0x10, 0x42, 0, 0, 0, 0, 0);
    wrap_udp(bytes, 5247, 5247);
    set_u16(bytes, 4, 16);
    wrap_outer_ip(bytes, 136);
}

/* Of the frame in WHOLE, of 802.11 if NATIVE, the piece of SIZE bytes, or what is left, from AT on:
 * both are multiples of eight. Behind the first, headers tell the radio's address, too. Returns
 * whether more follows. */
static inline bool put_capwap_piece(struct bytes *bytes, const struct bytes *whole, bool native,
                                    size_t at, size_t size, unsigned identification)
{
    size_t left = whole->length - at;
    bool more = left > size;

    bytes->length = 0;
    put_bytes(bytes, whole->at + at, more ? size : left);
    if (at > 0)
        WRAP(bytes, 6, 1, 2, 3, 4, 5, 6, 0);
    WRAP(bytes, 0, at > 0 ? 0x20 : 0x10, native ? 0x43 : 0x42,
         (more ? 0x80 : 0xc0) | (at > 0 ? 0x10 : 0), HIGH(identification), LOW(identification),
         HIGH(at), LOW(at));
    wrap_outer_udp(bytes, 50000, 5247);
    wrap_ethernet_ip(bytes);
    return more;
}

static inline void over_tzsp(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 1, 0, 0, 1, 0, 10, 1, 0x80, 0, 1);
    wrap_outer_udp(bytes, 50000, 37008);
}

/* These two carry IPv6 only. */
static inline void over_teredo(struct bytes *bytes)
{
    WRAP(bytes, 0, 1, 2, 3, 1, 1, 2, 2, 2, 9, 9, 9, 9, 9, 9, 9, 9, 0); /* authentication */
    memmove(bytes->at + 18 + 8, bytes->at + 18, bytes->length - 18);
    memcpy(bytes->at + 18, (const uint8_t[]){0, 0, 1, 2, 3, 4, 5, 6}, 8); /* origin */
    bytes->length += 8;
    wrap_outer_udp(bytes, 3544, 50000);
}

static inline void over_ayiya(struct bytes *bytes)
{
    WRAP(bytes, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, /* identity: 2^4 bytes */
         8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8);
    WRAP(bytes, 0x41, 0x52, 0x11, 41, 1, 2, 3, 4);
    wrap_outer_udp(bytes, 50000, 5072);
}

/* -- All of them ------------------------------------------------------------------------------- */

enum carrier_kind {
    CARRIER_LINK, /* to an Ethernet frame */
    CARRIER_IP,   /* to an IPv4 packet, of a protocol that says what it is */
    CARRIER_UDP   /* to an IPv4 packet that only its port gives away */
};

static const struct carrier {
    const char *name;
    void (*wrap)(struct bytes *bytes);
    enum carrier_kind kind;
    bool ipv6_only;
    unsigned vlan; /* the one that must be told; 0: none */
} carriers[] = {
    {"Ethernet", in_ethernet, CARRIER_LINK, false, 0},
    {"802.1Q", in_8021q, CARRIER_LINK, false, 100},
    {"802.1ad", in_8021ad, CARRIER_LINK, false, 100},
    {"0x9100, 0x9200, 0x9300", in_three_old_tags, CARRIER_LINK, false, 100},
    {"SNAP", in_snap, CARRIER_LINK, false, 0},
    {"802.1Q and SNAP", in_tagged_snap, CARRIER_LINK, false, 100},
    {"PPPoE", in_pppoe, CARRIER_LINK, false, 0},
    {"PPPoE, multilink", in_multilink, CARRIER_LINK, false, 0},
    {"PPPoE, multilink, short number", in_short_multilink, CARRIER_LINK, false, 0},
    {"PPPoE, multilink, all short", in_shorter_multilink, CARRIER_LINK, false, 0},
    {"MPLS", in_mpls, CARRIER_LINK, false, 0},
    {"MPLS multicast", in_mpls_multicast, CARRIER_LINK, false, 0},
    {"pseudowire", in_pseudowire, CARRIER_LINK, false, 0},
    {"pseudowire, control word", in_pseudowire_with_control_word, CARRIER_LINK, false, 0},
    {"pseudowire, MAC 45", in_pseudowire_that_looks_like_ip, CARRIER_LINK, false, 0},
    {"VN-Tag", in_vn_tag, CARRIER_LINK, false, 0},
    {"E-TAG", in_e_tag, CARRIER_LINK, false, 0},
    {"802.1ah", in_pbb, CARRIER_LINK, false, 101},
    {"Cisco MetaData", in_cisco_metadata, CARRIER_LINK, false, 0},
    {"HSR", in_hsr, CARRIER_LINK, false, 0},
    {"TRILL", in_trill, CARRIER_LINK, false, 100},
    {"TRILL, labels", in_trill_with_labels, CARRIER_LINK, false, 0},
    {"B.A.T.M.A.N.", in_batman, CARRIER_LINK, false, 0},
    {"B.A.T.M.A.N., sender", in_batman_with_sender, CARRIER_LINK, false, 0},
    {"MACsec", in_macsec, CARRIER_LINK, false, 0},
    {"MACsec, channel", in_macsec_with_channel, CARRIER_LINK, false, 0},
    {"NSH", in_nsh, CARRIER_LINK, false, 0},
    {"IP in IP", over_ip, CARRIER_IP, false, 0},
    {"EtherIP", over_etherip, CARRIER_IP, false, 0},
    {"MPLS in IP", over_mpls_in_ip, CARRIER_IP, false, 0},
    {"PIM register", over_pim, CARRIER_IP, false, 0},
    {"AH", over_authentication, CARRIER_IP, false, 0},
    {"GRE", over_gre, CARRIER_IP, false, 0},
    {"GRE with every field", over_full_gre, CARRIER_IP, false, 0},
    {"GRE, Ethernet", over_gre_ethernet, CARRIER_IP, false, 0},
    {"PPTP", over_pptp, CARRIER_IP, false, 0},
    {"EoIP", over_eoip, CARRIER_IP, false, 0},
    {"ERSPAN I", over_erspan1, CARRIER_IP, false, 0},
    {"ERSPAN II", over_erspan2, CARRIER_IP, false, 0},
    {"ERSPAN III", over_erspan3, CARRIER_IP, false, 0},
    {"ERSPAN III, platform, IP", over_erspan3_platform, CARRIER_IP, false, 0},
    {"GRE, 802.11", over_gre_80211, CARRIER_IP, false, 0},
    {"GRE, frame relay", over_gre_frame_relay, CARRIER_IP, false, 0},
    {"WCCP", over_wccp, CARRIER_IP, false, 0},
    {"VXLAN", over_vxlan, CARRIER_UDP, false, 0},
    {"VXLAN, policy", over_vxlan_policy, CARRIER_UDP, false, 0},
    {"VXLAN, protocol", over_vxlan_protocol, CARRIER_UDP, false, 0},
    {"VXLAN-GPE, IP", over_vxlan_gpe, CARRIER_UDP, false, 0},
    {"VXLAN-GPE, Ethernet", over_vxlan_gpe_ethernet, CARRIER_UDP, false, 0},
    {"VXLAN-GPE, NSH", over_vxlan_gpe_nsh, CARRIER_UDP, false, 0},
    {"GENEVE, Ethernet", over_geneve, CARRIER_UDP, false, 0},
    {"GENEVE, IP", over_geneve_ip, CARRIER_UDP, false, 0},
    {"GUE", over_gue, CARRIER_UDP, false, 0},
    {"GUE, GRE", over_gue_gre, CARRIER_UDP, false, 0},
    {"GUE, version 1", over_gue_alone, CARRIER_UDP, false, 0},
    {"GUE, options", over_gue_options, CARRIER_UDP, false, 0},
    {"LISP", over_lisp, CARRIER_UDP, false, 0},
    {"LISP, protocol", over_lisp_protocol, CARRIER_UDP, false, 0},
    {"GTP", over_gtp, CARRIER_UDP, false, 0},
    {"GTP, extensions", over_gtp_extensions, CARRIER_UDP, false, 0},
    {"GTP, version 0", over_gtp0, CARRIER_UDP, false, 0},
    {"L2TP", over_l2tp, CARRIER_UDP, false, 0},
    {"L2TP with every field", over_full_l2tp, CARRIER_UDP, false, 0},
    {"GRE in UDP", over_gre_in_udp, CARRIER_UDP, false, 0},
    {"MPLS in UDP", over_mpls_in_udp, CARRIER_UDP, false, 0},
    {"CAPWAP", over_capwap, CARRIER_UDP, false, 0},
    {"CAPWAP, 802.11", over_capwap_80211, CARRIER_UDP, false, 0},
    {"CAPWAP, 802.11 in order", over_capwap_80211_in_order, CARRIER_UDP, false, 0},
    {"CAPWAP over UDP-Lite", over_capwap_lite, CARRIER_UDP, false, 0},
    {"TZSP", over_tzsp, CARRIER_UDP, false, 0},
    {"Teredo", over_teredo, CARRIER_UDP, true, 0},
    {"AYIYA", over_ayiya, CARRIER_UDP, true, 0},
};
#define CARRIERS      (sizeof(carriers) / sizeof(carriers[0]))
#define FIRST_OVER_IP 27 /* those of CARRIER_LINK come first */

/* Carries the IP packet in BYTES in an Ethernet frame. */
static inline void carry(struct bytes *bytes, const struct carrier *carrier)
{
    carrier->wrap(bytes);
    if (carrier->kind != CARRIER_LINK)
        wrap_ethernet_ip(bytes);
}

#endif
