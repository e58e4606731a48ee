/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_LINKTYPES_H
#define IAGMETER_TESTS_LINKTYPES_H

#include "tests/capture/tunnels.h"

/* Link types, and what stands before an IPv4 and an IPv6 packet. */

static inline void put_nothing(struct bytes *bytes)
{
    (void)bytes;
}

static inline void put_address_and_control(struct bytes *bytes)
{
    wrap_ppp(bytes);
    WRAP(bytes, 0xff, 3);
}

/* RFC 1661, 6.5: one byte names the protocol. */
static inline void put_short_ppp(struct bytes *bytes)
{
    WRAP(bytes, bytes->at[0] >> 4 == 4 ? 0x21 : 0x57);
}

static inline void put_multilink(struct bytes *bytes)
{
    put_short_ppp(bytes);
    WRAP(bytes, 0xff, 3, 0, 0x3d, 0xc0, 0, 0, 1);
}

static inline void put_direction_and_ppp(struct bytes *bytes)
{
    put_address_and_control(bytes);
    WRAP(bytes, 1);
}

static inline void put_pppd(struct bytes *bytes)
{
    wrap_ppp(bytes);
    WRAP(bytes, 0, 3);
}

static inline void put_pppoe(struct bytes *bytes)
{
    wrap_ppp(bytes);
    WRAP(bytes, 0x11, 0, 0, 7, HIGH(bytes->length), LOW(bytes->length));
}

static inline void put_hdlc(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0x0f, 0, HIGH(type), LOW(type));
}

static inline void put_multicast_hdlc(struct bytes *bytes)
{
    put_hdlc(bytes);
    bytes->at[0] = 0x8f;
}

static inline void put_direction_and_hdlc(struct bytes *bytes)
{
    put_hdlc(bytes);
    WRAP(bytes, 0);
}

static inline void put_frame_relay(struct bytes *bytes)
{
    WRAP(bytes, 0x04, 0x01, 3, bytes->at[0] >> 4 == 4 ? 0xcc : 0x8e);
}

static inline void put_cisco_frame_relay(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 0x04, 0x00, 0x00, 0x01, HIGH(type), LOW(type));
}

static inline void put_bridged_frame_relay(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 0x04, 0x01, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7);
}

static inline void put_fddi(struct bytes *bytes)
{
    wrap_snap(bytes);
    WRAP(bytes, 0x57, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2);
}

static inline void put_token_ring(struct bytes *bytes)
{
    wrap_snap(bytes);
    WRAP(bytes, 0x10, 0x40, 1, 1, 1, 1, 1, 1, 0x82, 2, 2, 2, 2, 2, 6, 0, 1, 2, 3, 4);
}

/* Through as many bridges as eight words of routing have room for. */
static inline void put_long_token_ring(struct bytes *bytes)
{
    wrap_snap(bytes);
    WRAP(bytes, 0x10, 0x40, 1, 1, 1, 1, 1, 1, 0x82, 2, 2, 2, 2, 2, 18, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
         10, 11, 12, 13, 14, 15, 16);
}

static inline void put_four_addresses(struct bytes *bytes)
{
    wrap_snap(bytes);
    WRAP(bytes, 0x08, 0x03, 0, 0, 4, 4, 4, 4, 4, 4, 6, 6, 6, 6, 6, 6, 8, 8, 8, 8, 8, 8, 0x10, 0, 9,
         9, 9, 9, 9, 9);
}

static inline void put_high_throughput(struct bytes *bytes)
{
    wrap_snap(bytes);
    WRAP(bytes, 0x88, 0x81, 0, 0, 4, 4, 4, 4, 4, 4, 6, 6, 6, 6, 6, 6, 8, 8, 8, 8, 8, 8, 0x10, 0, 0,
         0, 7, 7, 7, 7);
}

/* An A-MSDU of one, and the frame's checksum. */
static inline void put_aggregate(struct bytes *bytes)
{
    static struct bytes frame;

    wrap_ethernet_ip(bytes);
    frame = *bytes;
    bytes->length = 0;
    put_subframe(bytes, frame.at, frame.length);
    wrap_aggregate(bytes);
    put_fill(bytes, 0x77, 4);
}

static inline void put_radiotap(struct bytes *bytes)
{
    wrap_80211(bytes);
    WRAP(bytes, 0, 0, 10, 0, 0x02, 0, 0, 0, 0, 0);
}

/* Two words of bits, a time that is aligned, and flags that say that the header of 26 bytes is
 * padded to 28. */
static inline void put_padded_radiotap(struct bytes *bytes)
{
    wrap_80211(bytes);
    memmove(bytes->at + 28, bytes->at + 26, bytes->length - 26);
    bytes->length += 2;
    WRAP(bytes, 0, 0, 26, 0, 0x03, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20,
         0);
}

static inline void put_avs(struct bytes *bytes)
{
    static const uint8_t start[] = {0x80, 0x21, 0x10, 0x01, 0, 0, 0, 64};

    wrap_80211(bytes);
    wrap(bytes, (const uint8_t[56]){0}, 56);
    wrap(bytes, start, sizeof(start));
}

static inline void put_prism(struct bytes *bytes)
{
    static const uint8_t start[] = {0x44, 0, 0, 0, 144, 0, 0, 0};

    wrap_80211(bytes);
    wrap(bytes, (const uint8_t[136]){0}, 136);
    wrap(bytes, start, sizeof(start));
}

static inline void put_ppi(struct bytes *bytes)
{
    wrap_80211(bytes);
    WRAP(bytes, 0, 0, 12, 0, 105, 0, 0, 0, 9, 9, 9, 9);
}

static inline void put_pktap(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 20, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 'e', 'n', '0', 0, 0, 0, 0, 0);
}

static inline void put_nflog(struct bytes *bytes)
{
    size_t length = bytes->length + 4;

    WRAP(bytes, LOW(length), HIGH(length), 9, 0);
    WRAP(bytes, 2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 3, 0, 5, 0, 10, 0, 'x', 0, 0, 0);
}

static inline void put_pflog(struct bytes *bytes)
{
    wrap(bytes, (const uint8_t[64]){61}, 64);
}

static inline void put_enc(struct bytes *bytes)
{
    wrap(bytes, (const uint8_t[12]){2}, 12);
}

static inline void put_juniper_ethernet(struct bytes *bytes)
{
    wrap_ethernet_ip(bytes);
    WRAP(bytes, 'M', 'G', 'C', 0x81, 0, 6, 1, 1, 1, 2, 1, 3);
}

static inline void put_juniper_ppp(struct bytes *bytes)
{
    put_address_and_control(bytes);
    WRAP(bytes, 'M', 'G', 'C', 0x00);
}

static inline void put_juniper_hdlc(struct bytes *bytes)
{
    put_hdlc(bytes);
    WRAP(bytes, 'M', 'G', 'C', 0x01);
}

static inline void put_fibre_channel(struct bytes *bytes)
{
    wrap_snap(bytes);
    WRAP(bytes, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 2, 2, 2, 2, 2, 2);
}

static inline void put_sunatm(struct bytes *bytes)
{
    wrap_snap(bytes);
    WRAP(bytes, 0x82, 0, 0, 32);
}

static inline void put_firewire(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, HIGH(type), LOW(type));
}

static inline void put_infiniband(struct bytes *bytes)
{
    static const uint8_t route[40];
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, HIGH(type), LOW(type), 0, 0);
    wrap(bytes, route, sizeof(route));
}

static inline void put_erf_ethernet(struct bytes *bytes)
{
    in_ethernet(bytes);
    WRAP(bytes, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0);
}

/* Two headers more, the first of which says so. */
static inline void put_erf_ip(struct bytes *bytes)
{
    WRAP(bytes, 1, 2, 3, 4, 5, 6, 7, 8, 0x80 | 22, 4, 0, 0, 0, 0, 0, 0, 0x83, 0, 0, 0, 0, 0, 0, 0,
         4, 0, 0, 0, 0, 0, 0, 0);
}

static inline void put_erf_hdlc(struct bytes *bytes)
{
    put_hdlc(bytes);
    WRAP(bytes, 1, 2, 3, 4, 5, 6, 7, 8, 1, 4, 0, 0, 0, 0, 0, 0);
}

static inline void put_juniper_pppoe(struct bytes *bytes)
{
    in_pppoe(bytes);
    WRAP(bytes, 'M', 'G', 'C', 0x00);
}

/* The access point of IP itself, without an EtherType. */
static inline void put_llc_of_ip(struct bytes *bytes)
{
    WRAP(bytes, 6, 6, 3);
}

static inline void put_ppp_of_labels(struct bytes *bytes)
{
    wrap_labels(bytes);
    WRAP(bytes, 0x02, 0x81);
}

static inline void put_nsh_of_labels(struct bytes *bytes)
{
    wrap_labels(bytes);
    WRAP(bytes, 0x0f, 0xc2, 2, 5, 0, 0, 1, 255);
    wrap_ethernet(bytes, 0x894f);
}

static inline void put_cooked_llc(struct bytes *bytes)
{
    wrap_snap(bytes);
    WRAP(bytes, 0, 0, 0, 1, 0, 6, 1, 1, 1, 1, 1, 1, 0, 0, 0, 4);
}

static const struct link {
    int link_type;
    void (*put)(struct bytes *bytes);
} links[] = {
    {12, put_nothing},
    {14, put_nothing},
    {101, put_nothing},
    {DLT_IPV4, put_nothing},
    {DLT_IPV6, put_nothing},
    {DLT_PPP, put_address_and_control},
    {DLT_PPP, wrap_ppp},
    {DLT_PPP, put_short_ppp},
    {DLT_PPP, put_multilink},
    {DLT_PPP, put_hdlc},
    {DLT_PPP, put_multicast_hdlc},
    {DLT_PPP_SERIAL, put_address_and_control},
    {DLT_PPP_SERIAL, put_hdlc},
    {DLT_PPP_ETHER, put_pppoe},
    {DLT_PPP_WITH_DIR, put_direction_and_ppp},
    {DLT_PPP_PPPD, put_pppd},
    {DLT_C_HDLC, put_hdlc},
    {DLT_C_HDLC_WITH_DIR, put_direction_and_hdlc},
    {DLT_FRELAY, put_frame_relay},
    {DLT_FRELAY, put_cisco_frame_relay},
    {DLT_FRELAY, put_bridged_frame_relay},
    {DLT_MPLS, wrap_labels},
    {DLT_ATM_RFC1483, wrap_snap},
    {DLT_ATM_RFC1483, put_llc_of_ip},
    {DLT_PPP, put_ppp_of_labels},
    {DLT_EN10MB, put_nsh_of_labels},
    {DLT_FDDI, put_fddi},
    {DLT_IEEE802, put_token_ring},
    {DLT_IEEE802, put_long_token_ring},
    {DLT_IEEE802_11, wrap_80211},
    {DLT_IEEE802_11, put_four_addresses},
    {DLT_IEEE802_11, put_high_throughput},
    {DLT_IEEE802_11, put_aggregate},
    {DLT_IEEE802_11_RADIO, put_radiotap},
    {DLT_IEEE802_11_RADIO, put_padded_radiotap},
    {DLT_IEEE802_11_RADIO_AVS, put_avs},
    {DLT_PRISM_HEADER, put_avs},
    {DLT_PRISM_HEADER, put_prism},
    {DLT_PPI, put_ppi},
    {DLT_PKTAP, put_pktap},
    {DLT_NFLOG, put_nflog},
    {DLT_PFLOG, put_pflog},
    {DLT_ENC, put_enc},
    {DLT_IP_OVER_FC, put_fibre_channel},
    {DLT_SUNATM, put_sunatm},
    {DLT_APPLE_IP_OVER_IEEE1394, put_firewire},
    {DLT_IPOIB, put_infiniband},
    {DLT_ERF, put_erf_ethernet},
    {DLT_ERF, put_erf_ip},
    {DLT_ERF, put_erf_hdlc},
    {DLT_JUNIPER_ETHER, put_juniper_ethernet},
    {DLT_JUNIPER_PPPOE, put_juniper_pppoe},
    {DLT_JUNIPER_PPP, put_juniper_ppp},
    {DLT_JUNIPER_CHDLC, put_juniper_hdlc},
    {DLT_LINUX_SLL, put_cooked_llc},
};
#define LINKS (sizeof(links) / sizeof(links[0]))

#endif
