/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/tunnels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/capture/cursor.h"
#include "tests/capture/decoding.h"

static void the_outermost_vlan_is_told(void **state)
{
    struct tcp_frame frame = sample(DLT_EN10MB, 4);

    (void)state;
    frame.vlan = 110;
    check_decodes(&frame, 110);
    frame.outer_vlan = 4094;
    check_decodes(&frame, 4094);
    frame = sample(DLT_LINUX_SLL, 6);
    frame.vlan = 7;
    check_decodes(&frame, 7);
}

/* IEEE 802.1Q, 9.6: id 0 says that the tag carries a priority only. */
static void a_priority_tag_is_no_vlan(void **state)
{
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, 4);
    struct packet packet;

    (void)state;
    frame.vlan = 110;
    build_frame(&bytes, &frame);
    set_u16(&bytes, 14, 0xe000);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_TCP);
    assert_int_equal(packet.vlan, VLAN_NONE);
    frame.outer_vlan = 5;
    build_frame(&bytes, &frame);
    set_u16(&bytes, 14, 0xe000);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_TCP);
    assert_int_equal(packet.vlan, 110);
}

/* Runs CHECK on an inner packet of each family and protocol. */
static void for_each_carried(const struct carrier *carrier,
                             void (*check)(const struct carrier *carrier, int family,
                                           unsigned protocol))
{
    for (int family = carrier->ipv6_only ? 6 : 4; family <= 6; family += 2)
        for (unsigned protocol = 6; protocol <= 17; protocol += 11)
            check(carrier, family, protocol);
}

static void check_carried(const struct carrier *carrier, int family, unsigned protocol)
{
    static struct bytes bytes;
    struct packet packet;
    enum decode_result result;

    build_inner(&bytes, family, protocol);
    carry(&bytes, carrier);
    put_fill(&bytes, 0x16, 7); /* padding */
    result = decode_whole(DLT_EN10MB, &bytes, &packet);
    if (result != (protocol == 6 ? DECODE_TCP : DECODE_UDP) || !is_inner(&packet, family) ||
        packet.captured_length != sizeof(text) ||
        packet.vlan != (carrier->vlan ? carrier->vlan : VLAN_NONE))
        fail_msg("%s, IPv%d, protocol %u: result %d", carrier->name, family, protocol, result);
}

static void every_carrier_leads_to_the_payload(void **state)
{
    (void)state;
    for (size_t i = 0; i < CARRIERS; i++)
        for_each_carried(&carriers[i], check_carried);
}

/* Below, whatever is cut off, there is either no result, or the payload as far as it goes; or,
 * where the port alone told of a tunnel, the outer datagram. */
static void check_carried_cut(const struct carrier *carrier, int family, unsigned protocol)
{
    static struct bytes bytes;
    uint32_t length;

    build_inner(&bytes, family, protocol);
    carry(&bytes, carrier);
    length = (uint32_t)bytes.length;
    for (uint32_t cut = 0; cut < length; cut++) {
        uint8_t *copy = exact_copy(bytes.at, cut);
        struct packet packet;
        enum decode_result result = decode_frame(DLT_EN10MB, copy, cut, length, &packet);
        bool sound;

        if (cut >= length - sizeof(text))
            sound = result == (protocol == 6 ? DECODE_TCP : DECODE_UDP) &&
                    is_inner(&packet, family) &&
                    packet.payload + packet.captured_length == copy + cut;
        else
            sound = result == DECODE_TRUNCATED ||
                    (result == DECODE_UDP && carrier->kind == CARRIER_UDP &&
                     is_outer(&packet, copy, cut));
        if (!sound)
            fail_msg("%s, IPv%d, protocol %u, cut to %u of %u: result %d", carrier->name, family,
                     protocol, cut, length, result);
        free(copy);
    }
}

static void carried_packets_may_be_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < CARRIERS; i++)
        for_each_carried(&carriers[i], check_carried_cut);
}

/* The same, but the file says that nothing was cut. The IP header may then be longer than what
 * there is, and the payload as well; a guessed tunnel is no longer believed. */
static void check_carried_short(const struct carrier *carrier, int family, unsigned protocol)
{
    static struct bytes bytes;

    build_inner(&bytes, family, protocol);
    carry(&bytes, carrier);
    for (uint32_t cut = 0; cut < bytes.length; cut++) {
        uint8_t *copy = exact_copy(bytes.at, cut);
        struct packet packet;
        enum decode_result result = decode_frame(DLT_EN10MB, copy, cut, cut, &packet);

        if (result == DECODE_TCP || result == DECODE_UDP) {
            assert_true(packet.payload + packet.payload_length <= copy + cut);
            assert_int_equal(packet.captured_length, packet.payload_length);
        } else {
            assert_true(result == DECODE_CORRUPT || result == DECODE_OTHER);
        }
        free(copy);
    }
}

static void carried_packets_may_be_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < CARRIERS; i++)
        for_each_carried(&carriers[i], check_carried_short);
}

/* The VLAN that is told of what TUNNEL carries, in Ethernet with the tags OUTER and INNER; 0: none.
 */
static unsigned vlan_carried(void (*tunnel)(struct bytes *bytes), unsigned outer, unsigned inner)
{
    static struct bytes bytes;
    struct packet packet;

    build_inner(&bytes, 4, 6);
    if (inner) {
        wrap_tagged(&bytes, 999); /* the second of two */
        wrap_tagged(&bytes, inner);
    }
    tunnel(&bytes);
    if (outer)
        wrap_tagged(&bytes, outer);
    wrap_ethernet_ip(&bytes);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_TCP);
    return packet.vlan == VLAN_NONE ? 0 : packet.vlan;
}

/* A tag around a tunnel is the infrastructure's, and a client's where its own frame has none. */
static void a_client_has_the_vlan_of_its_own_frame(void **state)
{
    static void (*const tunnels[])(struct bytes * bytes) = {
        over_etherip,       over_gre_ethernet, over_eoip,   over_erspan2,
        over_erspan3,       over_gre_80211,    over_vxlan,  over_vxlan_gpe_ethernet,
        over_vxlan_gpe_nsh, over_geneve,       over_capwap, over_capwap_80211,
        over_capwap_lite,   over_tzsp};

    (void)state;
    for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
        assert_int_equal(vlan_carried(tunnels[i], 0, 0), 0);
        assert_int_equal(vlan_carried(tunnels[i], 200, 0), 200);
        assert_int_equal(vlan_carried(tunnels[i], 0, 300), 300);
        assert_int_equal(vlan_carried(tunnels[i], 200, 300), 300);
    }
    assert_int_equal(vlan_carried(over_ip, 200, 0), 200);
}

/* The tag of what is no tunnel is none. */
static void the_vlan_in_a_false_tunnel_is_none(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    build_inner(&bytes, 4, 6);
    bytes.at[0] = 0x55; /* an IP of no version */
    WRAP(&bytes, 1, 44, 0x08, 0x00);
    over_vxlan(&bytes);
    wrap_tagged(&bytes, 200);
    wrap_ethernet_ip(&bytes);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_UDP);
    assert_int_equal(packet.destination_port, 4789);
    assert_int_equal(packet.vlan, 200);
}

/* -- What looks like a tunnel and is none ------------------------------------------------------ */

/* The datagram of LENGTH bytes between two ports, as the outer packet that it must stay. */
static void check_stays_outer(unsigned source, unsigned destination, const void *payload,
                              size_t length)
{
    static struct bytes bytes;
    struct packet packet;

    bytes.length = 0;
    put_bytes(&bytes, payload, length);
    wrap_outer_udp(&bytes, source, destination);
    wrap_ethernet_ip(&bytes);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_UDP);
    assert_true(is_outer(&packet, bytes.at, (uint32_t)bytes.length));
    assert_int_equal(packet.source_port, source);
    assert_int_equal(packet.destination_port, destination);
    assert_int_equal(packet.payload_length, length);
    assert_int_equal(packet.vlan, VLAN_NONE);
}

static const uint16_t tunnel_ports[] = {1701, 2152, 3386, 3544, 4341, 4754, 4789, 4790,
                                        5072, 5247, 6080, 6081, 6635, 8472, 37008};
#define TUNNEL_PORTS (sizeof(tunnel_ports) / sizeof(tunnel_ports[0]))

/* A client may have drawn any port: QUIC and DNS from there must be seen as what they are. */
static void other_protocols_on_the_ports_of_tunnels_stay(void **state)
{
    static const uint8_t dns[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0,   0, 0, 0, 3, 'w',
                                  'w',  'w',  0, 0, 1, 0, 1, 2, 'a', 0, 0, 0, 0, 0};
    uint8_t quic[1200];
    uint64_t seed = 7;

    (void)state;
    for (size_t i = 0; i < TUNNEL_PORTS; i++) {
        check_stays_outer(443, tunnel_ports[i], dns, sizeof(dns));
        check_stays_outer(tunnel_ports[i], 53, dns, sizeof(dns));
        check_stays_outer(443, tunnel_ports[i], dns, 0);
        for (int round = 0; round < 2000; round++) {
            for (size_t j = 0; j < sizeof(quic); j++)
                quic[j] = (uint8_t)random_next(&seed);
            quic[0] = 0x40 | (quic[0] & 0x3f); /* a short header: RFC 9000, 17.3 */
            check_stays_outer(443, tunnel_ports[i], quic, sizeof(quic));
            check_stays_outer(tunnel_ports[i], 443, quic, sizeof(quic));
        }
    }
}

/* A tunnel's header is right, but what it carries is not IP, or not whole. */
static void tunnels_without_ip_stay_datagrams(void **state)
{
    static struct bytes bytes;

    (void)state;
    for (size_t i = 0; i < CARRIERS; i++) {
        size_t header;
        struct bytes *whole = &bytes;

        if (carriers[i].kind != CARRIER_UDP)
            continue;
        build_inner(whole, 6, 6);
        header = whole->length;
        carriers[i].wrap(whole);
        header = whole->length - header;
        /* Version 5 is none that a host sends. */
        whole->at[header] = 0x50;
        check_stays_outer(1701, 1701, whole->at + 28, whole->length - 28);
        for (size_t j = 0; j < TUNNEL_PORTS; j++)
            check_stays_outer(50000, tunnel_ports[j], whole->at + 28, whole->length - 28);
    }
}

/* The second piece of a packet, and the first. */
static void over_capwap_second_piece(struct bytes *bytes)
{
    static struct bytes frame;

    wrap_ethernet_ip(bytes);
    frame = *bytes;
    put_capwap_piece(bytes, &frame, false, 40, 400, 0x1234);
    memmove(bytes->at, bytes->at + 14, bytes->length -= 14);
}

static void over_capwap_first_piece(struct bytes *bytes)
{
    static struct bytes frame;

    wrap_80211(bytes);
    frame = *bytes;
    put_capwap_piece(bytes, &frame, true, 0, 40, 0x1234);
    memmove(bytes->at, bytes->at + 14, bytes->length -= 14);
}

/* The header of a tunnel with one byte that makes it another, or nothing. */
static void headers_of_no_tunnel_stay_datagrams(void **state)
{
    static const struct {
        void (*wrap)(struct bytes *bytes);
        size_t place;
        uint8_t value;
    } changes[] = {
        {over_vxlan, 0, 0x00},     /* no instance */
        {over_vxlan_gpe, 0, 0x04}, /* no instance */
        {over_vxlan_gpe, 3, 9},    /* unknown protocol */
        {over_geneve, 0, 0x43},    /* version 1 */
        {over_geneve, 1, 0x41},    /* reserved bits */
        {over_geneve, 7, 1},       /* reserved byte */
        {over_gue, 0, 0x01},       /* options */
        {over_gue, 0, 0x20},       /* control message */
        {over_gue, 0, 0x40},       /* version 1 */
        {over_gue, 1, 6},          /* neither IP nor GRE */
        {over_gue, 2, 0x80},       /* flags, and no right checksum */
        {over_gue, 3, 1},
        {over_gue_options, 0, 3},          /* more options */
        {over_gue_options, 0, 0x1f},       /* more than there is */
        {over_gue_options, 0, 0x22},       /* control message, around a packet that proves itself */
        {over_gue_options, 0, 0x82},       /* version 2 */
        {over_gue_options, 4 + 8 + 5, 10}, /* another length */
        {over_gue_options, 4 + 8 + 6, 58}, /* another protocol */
        {over_gue_options, 4 + 8 + 9, 2},  /* another checksum */
        {over_gue_alone, 5, 10},
        {over_gue_alone, 6, 17},
        {over_gue_alone, 40 + 20 + 3, 1},
        {over_lisp, 0, 0x89},     /* encrypted */
        {over_lisp, 0, 0x8c},     /* a protocol that is none */
        {over_lisp, 8 + 0, 0x40}, /* another version */
        {over_lisp, 8 + 5, 10},
        {over_lisp, 8 + 6, 59},
        {over_lisp, 8 + 40 + 17, 1},
        {over_lisp_protocol, 3, 3}, /* Ethernet */
        {over_gtp, 0, 0x50},        /* version 2 */
        {over_gtp, 0, 0x20},        /* GTP' */
        {over_gtp, 0, 0x38},        /* reserved bit */
        {over_gtp, 1, 1},           /* echo request */
        {over_gtp, 2, 0x40},        /* longer than the datagram */
        {over_gtp0, 0, 0x3e},       /* version 1 */
        {over_gtp0, 1, 2},          /* echo response */
        {over_l2tp, 0, 0x80},       /* control message */
        {over_l2tp, 0, 0x10},       /* reserved bit */
        {over_l2tp, 1, 3},          /* version 3 */
        {over_full_l2tp, 2, 0x40},  /* longer than the datagram */
        {over_full_l2tp, 3, 3},     /* shorter than its header */
        {over_gre_in_udp, 1, 2},    /* version 2 */
        {over_capwap, 0, 1},        /* encrypted */
        {over_capwap, 1, 0x08},     /* a header of four bytes */
        {over_capwap, 3, 0x08},     /* keeps alive */
        {over_capwap_80211, 2, 5},  /* no frame of 802.11 */
        {over_capwap_80211, 2, 0x41},
        {over_capwap_first_piece, 2, 0x05},
        {over_capwap_first_piece, 3, 0x88},
        {over_capwap_second_piece, 0, 1},
        {over_capwap_second_piece, 1, 0x08},
        {over_capwap_second_piece, 1, 0xf8},
        {over_capwap_second_piece, 2, 0x40}, /* of no binding */
        {over_capwap_second_piece, 3, 0xc1}, /* reserved bits */
        {over_capwap_second_piece, 3, 0xc2},
        {over_capwap_second_piece, 3, 0xc4},
        {over_capwap_second_piece, 7, 41}, /* reserved bits */
        {over_capwap_second_piece, 7, 42},
        {over_capwap_second_piece, 7, 44},
        {over_tzsp, 0, 2},     /* version 2 */
        {over_tzsp, 1, 4},     /* keeps alive */
        {over_tzsp, 3, 18},    /* no Ethernet */
        {over_tzsp, 9, 0},     /* tags that do not end */
        {over_ayiya, 2, 0x12}, /* echo request */
        {over_ayiya, 3, 59},   /* nothing follows */
        {over_teredo, 1, 2},   /* neither IPv6 nor authentication */
    };
    static struct bytes bytes;

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        build_inner(&bytes, 6, 6);
        changes[i].wrap(&bytes);
        bytes.at[28 + changes[i].place] = changes[i].value;
        check_stays_outer(cursor_load_u16(bytes.at + 20), cursor_load_u16(bytes.at + 22),
                          bytes.at + 28, bytes.length - 28);
    }
}

/* -- What proves itself ------------------------------------------------------------------------ */

static struct trust_policy with_port(const char *told)
{
    struct trust_policy policy = trust_by_default;

    assert_null(tunnels_add_port(&policy, told));
    return policy;
}

static enum decode_result decode_by(const struct trust_policy *policy, const struct bytes *bytes,
                                    struct packet *packet)
{
    return decode_trusted(policy, DLT_EN10MB, bytes->at, (uint32_t)bytes->length,
                          (uint32_t)bytes->length, packet);
}

/* Each tunnel on a port of no tunnel, which is told; and FOU, which has no other. */
static void tunnels_may_be_on_ports_that_are_told(void **state)
{
    static const struct {
        const char *text;
        void (*wrap)(struct bytes *bytes);
    } told[] = {
        {"fou:19523", over_fou},       {"fou:19523", over_fou_gre},
        {"vxlan:19523", over_vxlan},   {"geneve:19523", over_geneve},
        {"gue:19523", over_gue_alone}, {"gue:19523", over_gue_options},
        {"lisp:19523", over_lisp},     {"gre:19523", over_gre_in_udp},
        {"gtp:19523", over_gtp},       {"mpls:19523", over_mpls_in_udp},
        {"capwap:19523", over_capwap}, {"vxlan-gpe:19523", over_vxlan_gpe},
        {"tzsp:19523", over_tzsp},     {"l2tp:19523", over_l2tp},
        {"gtp0:19523", over_gtp0},     {"teredo:19523", over_teredo},
        {"ayiya:19523", over_ayiya},
    };
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        const struct trust_policy policy = with_port(told[i].text);

        for (unsigned protocol = 6; protocol <= 17; protocol += 11) {
            build_inner(&bytes, 6, protocol);
            told[i].wrap(&bytes);
            set_u16(&bytes, 20, FOU_PORT);
            set_u16(&bytes, 22, 50000);
            wrap_ethernet_ip(&bytes);
            if (decode_by(&policy, &bytes, &packet) != (protocol == 6 ? DECODE_TCP : DECODE_UDP) ||
                !is_inner(&packet, 6))
                fail_msg("%s", told[i].text);
            assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_UDP);
            assert_true(is_outer(&packet, bytes.at, (uint32_t)bytes.length));
        }
    }
}

/* Whatever bit of the header of IPv4 is another, or of anything of IPv6 that has a checksum. */
static void what_has_to_prove_itself_is_believed_whole(void **state)
{
    const struct trust_policy policy = with_port("fou:19523");
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (int family = 4; family <= 6; family += 2)
        for (unsigned protocol = 6; protocol <= 17; protocol += 11) {
            size_t size;

            build_inner(&bytes, family, protocol);
            size = family == 4 ? 20 : bytes.length;
            over_fou(&bytes);
            wrap_ethernet_ip(&bytes);
            for (size_t bit = 0; bit < 8 * size; bit++) {
                size_t place = 14 + 28 + bit / 8;
                /* Not in the checksum: class, flow label, hop limit. */
                bool free = family == 6 && (bit / 8 < 4 || bit / 8 == 7) && bit >= 4;

                bytes.at[place] ^= (uint8_t)(0x80 >> bit % 8);
                assert_int_equal(decode_by(&policy, &bytes, &packet) == DECODE_UDP &&
                                     is_outer(&packet, bytes.at, (uint32_t)bytes.length),
                                 !free);
                bytes.at[place] ^= (uint8_t)(0x80 >> bit % 8);
            }
            assert_int_equal(decode_by(&policy, &bytes, &packet),
                             protocol == 6 ? DECODE_TCP : DECODE_UDP);
        }
}

/* As on the host that sends it: the sum of the pseudo-header is there, for the card. */
static void a_checksum_may_be_left_to_the_card(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    build_inner(&bytes, 6, 6);
    set_u16(&bytes, 40 + 16,
            0xffffU - checksum_of(bytes.at + 8, 32, (uint32_t)bytes.length - 40 + 6));
    WRAP(&bytes, 0, 0, 0, 0, 0, 0, 0, 0);
    wrap_outer_udp(&bytes, 4341, 4341);
    wrap_ethernet_ip(&bytes);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_TCP);
    assert_true(is_inner(&packet, 6));
}

/* Where there is nothing to compute it of, the addresses have to be such as are in use. */
static void without_a_checksum_addresses_tell(void **state)
{
    static const struct {
        uint8_t first;
        bool usual;
    } addresses[] = {{0x20, true},  {0x3f, true},  {0xfd, true},  {0xfe, true},
                     {0x40, false}, {0x00, false}, {0xff, false}, {0xfb, false}};
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(addresses) / sizeof(addresses[0]); i++) {
        build_inner(&bytes, 6, 6);
        over_lisp(&bytes);
        bytes.at[36 + (i % 2 ? 8 : 24)] = addresses[i / 2].first;
        wrap_ethernet_ip(&bytes);
        assert_int_equal(decode_frame(DLT_EN10MB, bytes.at, (uint32_t)bytes.length - 1,
                                      (uint32_t)bytes.length, &packet),
                         addresses[i / 2].usual ? DECODE_TCP : DECODE_UDP);
    }
}

/* Though its header is right. */
static void an_ipv4_packet_fills_its_tunnel(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        build_inner(&bytes, 4, 6);
        put_fill(&bytes, 0, more);
        over_lisp(&bytes);
        wrap_ethernet_ip(&bytes);
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), more ? DECODE_UDP : DECODE_TCP);
    }
}

static void registers_of_pim_hold_a_packet(void **state)
{
    static const struct {
        size_t place;
        uint8_t value;
    } changes[] = {{0, 0x20}, {0, 0x11}, {4, 0xc0}}; /* a hello, version 1, one to keep in touch */
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        build_inner(&bytes, 4, 17);
        over_pim(&bytes);
        bytes.at[20 + changes[i].place] = changes[i].value;
        wrap_ethernet_ip(&bytes);
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
    }
}

/* IP is right, what it carries is not: it may have been chance. */
static void tunnels_of_corrupt_packets_stay_datagrams(void **state)
{
    static struct bytes bytes;

    (void)state;
    build_inner(&bytes, 6, 6);
    bytes.at[40 + 12] = 0x10; /* a TCP header of 4 bytes */
    over_vxlan(&bytes);
    check_stays_outer(50000, 4789, bytes.at + 28, bytes.length - 28);
}

/* Headers whose length is right, and not the usual one. */
static void metadata_of_no_length(struct bytes *bytes)
{
    in_cisco_metadata(bytes);
    bytes->at[14 + 1] = 0;
}

static void metadata_of_two_words(struct bytes *bytes)
{
    unsigned type = type_of_ip(bytes);

    WRAP(bytes, 1, 2, 0, 1, 0, 42, 0, 1, 0, 43, 0, 1, 0, 44, HIGH(type), LOW(type));
    wrap_ethernet(bytes, 0x8909);
}

static void ayiya_without_signature(struct bytes *bytes)
{
    WRAP(bytes, 0x01, 0x02, 0x11, 41, 1, 2, 3, 4, 7); /* identity: 2^0 bytes */
    wrap_outer_udp(bytes, 50000, 5072);
    wrap_ethernet_ip(bytes);
}

static void headers_may_have_other_lengths(void **state)
{
    static void (*const headers[])(struct bytes * bytes) = {
        metadata_of_no_length, metadata_of_two_words, ayiya_without_signature};
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        build_inner(&bytes, 6, 6);
        headers[i](&bytes);
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_TCP);
        assert_true(is_inner(&packet, 6));
    }
}

/* An associated channel (RFC 4385, 5), though what follows could be a frame. */
static void in_associated_channel(struct bytes *bytes)
{
    in_vn_tag(bytes);
    bytes->at[0] = 0x12;
    in_mpls(bytes);
}

/* Below IP. That the last byte was not captured changes nothing. */
static void headers_that_lead_nowhere_are_told(void **state)
{
    static const struct {
        void (*wrap)(struct bytes *bytes);
        size_t place;
        uint8_t value;
        enum decode_result result;
    } changes[] = {
        {in_snap, 0, 0x42, DECODE_OTHER}, /* spanning tree */
        {in_snap, 1, 0x42, DECODE_OTHER},
        {in_snap, 2, 0x07, DECODE_OTHER},      /* numbered */
        {in_snap, 5, 0x0c, DECODE_OTHER},      /* of Cisco */
        {in_pppoe, 0, 0x21, DECODE_CORRUPT},   /* version 2 */
        {in_pppoe, 1, 0x09, DECODE_OTHER},     /* discovery */
        {in_multilink, 8, 0x80, DECODE_OTHER}, /* the first fragment alone */
        {in_short_multilink, 8, 0x87, DECODE_OTHER},
        {in_short_multilink, 8, 0x47, DECODE_OTHER}, /* the last */
        {in_short_multilink, 8, 0xd7, DECODE_OTHER}, /* reserved */
        {in_trill, 0, 0x40, DECODE_OTHER},           /* version 1 */
        {in_batman, 0, 0x41, DECODE_OTHER},          /* a fragment */
        {in_batman, 0, 0x01, DECODE_OTHER},          /* to all hosts */
        {in_batman, 1, 14, DECODE_OTHER},            /* of an older protocol */
        {in_nsh, 1, 0x01, DECODE_CORRUPT},           /* shorter than its header */
        {in_nsh, 3, 0x09, DECODE_OTHER},             /* unknown protocol */
        {in_associated_channel, 3, 64, DECODE_OTHER},
    };
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        uint32_t length;

        build_inner(&bytes, 6, 6);
        changes[i].wrap(&bytes);
        bytes.at[14 + changes[i].place] = changes[i].value;
        length = (uint32_t)bytes.length;
        if (decode_frame(DLT_EN10MB, bytes.at, length - 1, length, &packet) != changes[i].result)
            fail_msg("row %zu", i);
    }
}

/* EtherTypes stand behind 00-00-00 and 00-00-F8; a length does not. */
static void snap_names_a_type(void **state)
{
    static struct bytes bytes;
    struct packet packet;
    size_t length;

    (void)state;
    build_inner(&bytes, 6, 6);
    in_snap(&bytes);
    bytes.at[14 + 5] = 0xf8;
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_TCP);
    build_inner(&bytes, 6, 6);
    wrap_snap(&bytes);
    length = bytes.length;
    WRAP(&bytes, 0xaa, 0xaa, 3, 0, 0, 0, HIGH(length), LOW(length));
    wrap_ethernet(&bytes, (unsigned)bytes.length);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
}

/* Whatever the number is, of 12 bits or 24: what follows it is found. */
static void numbers_of_multilink_are_told_apart(void **state)
{
    static struct bytes inner;
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        build_inner(&inner, i & 1 ? 6 : 4, 17);
        if (i & 2)
            WRAP(&inner, i & 1 ? 0x57 : 0x21);
        else
            wrap_ppp(&inner);
        for (unsigned number = 0; number < 65536 + 4096; number++) {
            bytes.length = 0;
            put_bytes(&bytes, inner.at, inner.length);
            if (number < 65536)
                WRAP(&bytes, 0, 0x3d, 0xc0, 0, HIGH(number), LOW(number));
            else
                WRAP(&bytes, 0, 0x3d, 0xc0 | HIGH(number - 65536), LOW(number));
            assert_int_equal(decode_whole(DLT_PPP, &bytes, &packet), DECODE_UDP);
            assert_true(is_inner(&packet, i & 1 ? 6 : 4));
        }
    }
}

/* With more in the datagram than what they say that they carry. */
static void over_padded_gtp(struct bytes *bytes)
{
    WRAP(bytes, 0x30, 0xff, HIGH(bytes->length), LOW(bytes->length), 0, 0, 0, 1);
    put_fill(bytes, 0x16, 9);
    wrap_outer_udp(bytes, 2152, 2152);
    wrap_ethernet_ip(bytes);
}

static void over_padded_l2tp(struct bytes *bytes)
{
    size_t length;

    wrap_ppp(bytes);
    length = bytes->length + 8;
    WRAP(bytes, 0x40, 2, HIGH(length), LOW(length), 0, 1, 0, 2);
    put_fill(bytes, 0x16, 9);
    wrap_outer_udp(bytes, 50000, 1701);
    wrap_ethernet_ip(bytes);
}

/* Where IP does not say its length, the carrier's counts, not the frame's. */
static void the_length_of_a_carrier_is_kept(void **state)
{
    static void (*const with_length[])(struct bytes * bytes) = {in_snap, in_tagged_snap, in_pppoe,
                                                                over_padded_gtp, over_padded_l2tp};
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(with_length) / sizeof(with_length[0]); i++) {
        build_inner(&bytes, 6, 6);
        set_u16(&bytes, 4, 0);
        with_length[i](&bytes);
        put_fill(&bytes, 0x16, 9);
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_TCP);
        assert_true(is_inner(&packet, 6));
    }
}

/* IEEE 802.1AE: what is encrypted may look like anything. */
static void what_macsec_encrypts_is_other(void **state)
{
    static const uint8_t flags[] = {0x0c, 0x08, 0x04, 0x80};
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(flags); i++) {
        build_inner(&bytes, 6, 6);
        in_macsec(&bytes);
        bytes.at[14] |= flags[i];
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
    }
}

/* The bytes of an address that stand where a frame has its EtherType. */
static void labelled_packets_are_no_frames(void **state)
{
    struct address source = address4(8, 0, 1, 2);
    struct address destination = address4(192, 0, 2, 1);
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (int has_length = 0; has_length <= 1; has_length++) {
        bytes.length = 0;
        wrap_udp(&bytes, 1, 2);
        wrap_ip(&bytes, 17, &source, &destination);
        if (!has_length)
            set_u16(&bytes, 2, 0);
        in_mpls(&bytes);
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_UDP);
        assert_memory_equal(&packet.source, &source, sizeof(source));
    }
}

/* Nor are frames packets, whose addresses could be the length of one, too. */
static void labelled_frames_are_no_packets(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (unsigned first = 0x45; first <= 0x6f; first++)
        for (int family = 4; family <= 6; family += 2) {
            struct tcp_frame frame = sample(DLT_EN10MB, family);

            bytes.length = 0;
            put_fill(&bytes, 0x5a, 1000);
            wrap_udp(&bytes, 1, 2);
            wrap_ip(&bytes, 17, &frame.source, &frame.destination);
            wrap_ethernet_ip(&bytes);
            bytes.at[0] = (uint8_t)first;
            in_mpls(&bytes);
            assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_UDP);
            assert_memory_equal(&packet.source, &frame.source, sizeof(frame.source));
        }
}

/* The innermost tunnel that makes sense counts, however deep. */
static void a_false_tunnel_in_a_true_one_stays(void **state)
{
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, 4);
    struct packet packet;

    (void)state;
    bytes.length = 0;
    put_bytes(&bytes, text, sizeof(text));
    wrap_udp(&bytes, 51000, 6081);
    wrap_ip(&bytes, 17, &frame.source, &frame.destination);
    over_vxlan(&bytes);
    wrap_ethernet_ip(&bytes);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_UDP);
    assert_memory_equal(&packet.source, &frame.source, sizeof(frame.source));
    assert_int_equal(packet.destination_port, 6081);
    assert_memory_equal(packet.payload, text, sizeof(text));
}

/* What is not followed proves nothing. */
static bool has_to_prove(const struct carrier *carrier)
{
    return carrier->wrap == over_gue_alone || carrier->wrap == over_gue_options ||
           carrier->wrap == over_lisp || carrier->wrap == over_lisp_protocol;
}

static void what_a_tunnel_carries_may_be_other(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < CARRIERS; i++) {
        build_inner(&bytes, 6, 17);
        bytes.at[6] = 58; /* ICMP */
        carry(&bytes, &carriers[i]);
        if (!has_to_prove(&carriers[i])) {
            assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
        } else {
            assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_UDP);
            assert_true(is_outer(&packet, bytes.at, (uint32_t)bytes.length));
        }
    }
}

static void fragments_in_tunnels_are_told(void **state)
{
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, 6);
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < CARRIERS; i++) {
        bytes.length = 0;
        put_bytes(&bytes, text, sizeof(text));
        WRAP(&bytes, 17, 0, 0, 0x11, 9, 8, 7, 6);
        wrap_ip(&bytes, 44, &frame.source, &frame.destination);
        carry(&bytes, &carriers[i]);
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_FRAGMENT);
        assert_memory_equal(&packet.source, &frame.source, sizeof(frame.source));
        assert_int_equal(packet.fragment.offset, 0x10);
        assert_int_equal(packet.fragment.identification, 0x09080706);
        assert_int_equal(packet.payload_length, sizeof(text));
        assert_memory_equal(packet.payload, text, sizeof(text));
    }
}

static void pieces_of_capwap_are_told(void **state)
{
    static struct bytes bytes;
    static struct bytes frame;
    struct address outer = address4(203, 0, 113, 1);
    struct packet packet;

    (void)state;
    for (int native = 0; native <= 1; native++) {
        build_inner(&frame, 6, 17);
        if (native)
            wrap_80211(&frame);
        else
            wrap_ethernet_ip(&frame);
        for (size_t at = 0; at <= 40; at += 40) {
            bool more = put_capwap_piece(&bytes, &frame, native, at, at ? 400 : 40, 0xabcd);
            size_t length = more ? 40 : frame.length - at;

            assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_FRAGMENT);
            assert_memory_equal(&packet.source, &outer, sizeof(outer));
            assert_int_equal(packet.source_port, 50000);
            assert_int_equal(packet.destination_port, 5247);
            assert_true(packet.fragment.capwap);
            assert_int_equal(packet.fragment.identification, 0xabcd);
            assert_int_equal(packet.fragment.offset, at);
            assert_int_equal(packet.fragment.more, more);
            assert_int_equal(packet.protocol, native);
            assert_int_equal(packet.payload_length, length);
            assert_int_equal(packet.captured_length, length);
            assert_memory_equal(packet.payload, frame.at + at, length);
            /* The snap length cut its end. */
            assert_int_equal(decode_frame(DLT_EN10MB, bytes.at, (uint32_t)bytes.length - 7,
                                          (uint32_t)bytes.length, &packet),
                             DECODE_FRAGMENT);
            assert_int_equal(packet.payload_length, length);
            assert_int_equal(packet.captured_length, length - 7);
        }
        /* Like an atomic fragment of IPv6 (RFC 6946). */
        put_capwap_piece(&bytes, &frame, native, 0, 400, 0);
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_UDP);
        assert_true(is_inner(&packet, 6));
    }
}

/* Over IPv6, as RFC 5415, 3.1 has it, whatever part the checksum covers. */
static void udp_lite_carries_capwap_alone(void **state)
{
    static const uint16_t coverages[] = {0, 8, 16, 65535};
    struct address source = address6(11);
    struct address destination = address6(12);
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (unsigned port = 5246; port <= 5247; port++) {
            build_inner(&bytes, 4, 6);
            wrap_ethernet_ip(&bytes);
            WRAP(&bytes, 0, 0x10, 0x42, 0, 0, 0, 0, 0);
            wrap_udp(&bytes, i % 2 ? 50000 : port, i % 2 ? port : 50000);
            set_u16(&bytes, 4, coverages[i]);
            wrap_ipv6(&bytes, 136, &source, &destination);
            wrap_ethernet_ip(&bytes);
            assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet),
                             port == 5247 ? DECODE_TCP : DECODE_OTHER);
            if (port == 5247)
                assert_true(is_inner(&packet, 4));
        }
    }
    assert_int_equal(
        decode_frame(DLT_EN10MB, bytes.at, 14 + 40 + 7, (uint32_t)bytes.length, &packet),
        DECODE_TRUNCATED);
}

/* PPTP acknowledges with a header alone; Cisco's keepalive has protocol 0 (and so is no LLC). */
static void gre_may_carry_nothing(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    bytes.length = 0;
    WRAP(&bytes, 0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 1);
    wrap_outer_ip(&bytes, 47);
    wrap_ethernet_ip(&bytes);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
    bytes.length = 0;
    WRAP(&bytes, 0, 0, 0, 0);
    wrap_outer_ip(&bytes, 47);
    over_gre(&bytes);
    wrap_ethernet_ip(&bytes);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
}

static void damaged_carriers_never_lead_outside(void **state)
{
    static struct bytes bytes;
    uint64_t seed = 2;

    (void)state;
    for (int round = 0; round < 100000; round++) {
        const struct carrier *carrier = &carriers[random_below(&seed, CARRIERS)];

        build_inner(&bytes, 6, random_below(&seed, 2) ? 6 : 17);
        if (carrier->kind != CARRIER_LINK)
            carriers[FIRST_OVER_IP + random_below(&seed, CARRIERS - FIRST_OVER_IP)].wrap(&bytes);
        carry(&bytes, carrier);
        for (uint32_t i = random_below(&seed, 6); i > 0; i--)
            bytes.at[random_below(&seed, (uint32_t)bytes.length)] = (uint8_t)random_next(&seed);
        check_invariants(DLT_EN10MB, &bytes,
                         random_below(&seed, 3) ? (uint32_t)bytes.length
                                                : random_below(&seed, (uint32_t)bytes.length));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_outermost_vlan_is_told),
        cmocka_unit_test(a_priority_tag_is_no_vlan),
        cmocka_unit_test(every_carrier_leads_to_the_payload),
        cmocka_unit_test(carried_packets_may_be_cut_anywhere),
        cmocka_unit_test(carried_packets_may_be_short),
        cmocka_unit_test(a_client_has_the_vlan_of_its_own_frame),
        cmocka_unit_test(the_vlan_in_a_false_tunnel_is_none),
        cmocka_unit_test(other_protocols_on_the_ports_of_tunnels_stay),
        cmocka_unit_test(tunnels_without_ip_stay_datagrams),
        cmocka_unit_test(headers_of_no_tunnel_stay_datagrams),
        cmocka_unit_test(tunnels_may_be_on_ports_that_are_told),
        cmocka_unit_test(what_has_to_prove_itself_is_believed_whole),
        cmocka_unit_test(a_checksum_may_be_left_to_the_card),
        cmocka_unit_test(without_a_checksum_addresses_tell),
        cmocka_unit_test(an_ipv4_packet_fills_its_tunnel),
        cmocka_unit_test(registers_of_pim_hold_a_packet),
        cmocka_unit_test(tunnels_of_corrupt_packets_stay_datagrams),
        cmocka_unit_test(headers_may_have_other_lengths),
        cmocka_unit_test(headers_that_lead_nowhere_are_told),
        cmocka_unit_test(snap_names_a_type),
        cmocka_unit_test(numbers_of_multilink_are_told_apart),
        cmocka_unit_test(the_length_of_a_carrier_is_kept),
        cmocka_unit_test(what_macsec_encrypts_is_other),
        cmocka_unit_test(labelled_packets_are_no_frames),
        cmocka_unit_test(labelled_frames_are_no_packets),
        cmocka_unit_test(a_false_tunnel_in_a_true_one_stays),
        cmocka_unit_test(what_a_tunnel_carries_may_be_other),
        cmocka_unit_test(fragments_in_tunnels_are_told),
        cmocka_unit_test(pieces_of_capwap_are_told),
        cmocka_unit_test(udp_lite_carries_capwap_alone),
        cmocka_unit_test(gre_may_carry_nothing),
        cmocka_unit_test(damaged_carriers_never_lead_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
