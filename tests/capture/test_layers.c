/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/layers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/decoding.h"

static void options_and_extension_headers_are_stepped_over(void **state)
{
    struct tcp_frame frame;

    (void)state;
    for (unsigned i = 0; i <= 10; i++) {
        frame = sample(DLT_EN10MB, 4);
        frame.ip_options = i;
        frame.tcp_options = 10 - i;
        check_decodes(&frame, VLAN_NONE);
        frame = sample(DLT_EN10MB, 6);
        frame.extensions = i;
        frame.tcp_options = i;
        check_decodes(&frame, VLAN_NONE);
    }
}

/* RFC 8200, 4; RFC 6275, 7401, 5533. */
static void every_extension_header_is_known(void **state)
{
    static const uint8_t headers[] = {0, 43, 60, 135, 139, 140};
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, 6);
    struct packet packet;

    (void)state;
    frame.extensions = 2;
    for (size_t i = 0; i < sizeof(headers); i++) {
        build_frame(&bytes, &frame);
        bytes.at[14 + 6] = headers[i];
        bytes.at[14 + 40] = headers[i];
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_TCP);
        assert_sample(&frame, &packet);
    }
}

/* RFC 4302: the length of an authentication header counts words of four bytes. */
static void an_authentication_header_is_stepped_over(void **state)
{
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, 6);
    struct packet packet;

    (void)state;
    frame.extensions = 3;
    build_frame(&bytes, &frame);
    bytes.at[14 + 6] = 51;
    bytes.at[14 + 40 + 1] = 4; /* 24 bytes: all three */
    bytes.at[14 + 40] = 6;
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_TCP);
    assert_sample(&frame, &packet);
}

static void extension_headers_that_never_end_are_corrupt(void **state)
{
    struct tcp_frame frame = sample(DLT_EN10MB, 6);
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    frame.extensions = 40;
    build_frame(&bytes, &frame);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_CORRUPT);
    frame.extensions = 1;
    build_frame(&bytes, &frame);
    bytes.at[14 + 40 + 1] = 8; /* 72 bytes, more than the packet has but the frame does */
    put_fill(&bytes, 0, 100);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_CORRUPT);
}

static void segmentation_offload_leaves_no_length(void **state)
{
    static uint8_t large[66000];

    (void)state;
    for (size_t i = 0; i < LINK_TYPES; i++) {
        struct tcp_frame frame = sample(link_types[i], 4);

        frame.zero_length = true;
        frame.payload = large;
        frame.payload_length = sizeof(large);
        check_decodes(&frame, VLAN_NONE);
        frame = sample(link_types[i], 6);
        frame.zero_length = true;
        check_decodes(&frame, VLAN_NONE);
    }
}

static void ethernet_padding_is_no_payload(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        for (uint32_t length = 0; length < 3; length++) {
            struct tcp_frame frame = sample(DLT_EN10MB, family);

            frame.payload_length = length;
            build_frame(&bytes, &frame);
            put_fill(&bytes, 0x16, 40);
            assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_TCP);
            assert_sample(&frame, &packet);
        }
    }
}

/* An IP packet that says it is empty is empty: what follows is padding, whatever it looks like. */
static void the_padding_of_an_empty_packet_is_not_read(void **state)
{
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, 4);
    struct packet packet;

    (void)state;
    build_frame(&bytes, &frame);
    set_u16(&bytes, 14 + 2, 20);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_CORRUPT);
}

/* Cuts the frame at every byte: either a header is missing, or the payload is shorter. The options
 * of TCP may be cut, because nothing in them is wanted. */
static void check_cuts(const struct tcp_frame *frame)
{
    static struct bytes bytes;
    uint32_t length;
    uint32_t headers;

    build_frame(&bytes, frame);
    length = (uint32_t)bytes.length;
    headers = length - frame->payload_length;
    for (uint32_t cut = 0; cut <= length; cut++) {
        uint8_t *copy = exact_copy(bytes.at, cut);
        struct packet packet;
        enum decode_result result = decode_frame(frame->link_type, copy, cut, length, &packet);

        if (cut < headers - 4 * frame->tcp_options) {
            assert_int_equal(result, DECODE_TRUNCATED);
        } else {
            assert_int_equal(result, DECODE_TCP);
            assert_int_equal(packet.payload_length, frame->payload_length);
            assert_int_equal(packet.captured_length, cut > headers ? cut - headers : 0);
            assert_ptr_equal(packet.payload + packet.captured_length, copy + cut);
        }
        free(copy);
    }
}

static void the_snap_length_may_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < LINK_TYPES; i++) {
        struct tcp_frame frame = sample(link_types[i], 4);

        frame.ip_options = 3;
        frame.tcp_options = 3;
        check_cuts(&frame);
        frame.zero_length = true;
        check_cuts(&frame);
        frame = sample(link_types[i], 6);
        frame.extensions = 2;
        check_cuts(&frame);
    }
    struct tcp_frame tagged = sample(DLT_EN10MB, 4);
    tagged.vlan = 2;
    tagged.outer_vlan = 3;
    check_cuts(&tagged);
}

static void ipv4_fragments_are_told(void **state)
{
    static const uint16_t fragments[] = {0x2000, 0x2001, 0x0001, 0x1fff};
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, 4);
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        frame.fragment = fragments[i];
        frame.vlan = 7;
        build_frame(&bytes, &frame);
        set_u16(&bytes, 18 + 4, 0xbeef);
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_FRAGMENT);
        assert_memory_equal(&packet.source, &frame.source, sizeof(frame.source));
        assert_memory_equal(&packet.destination, &frame.destination, sizeof(frame.source));
        assert_int_equal(packet.vlan, 7);
        assert_int_equal(packet.ip_id, 0xbeef);
        assert_int_equal(packet.protocol, PROTOCOL_TCP);
        assert_int_equal(packet.fragment.identification, 0xbeef);
        assert_int_equal(packet.fragment.offset, 8 * (fragments[i] & 0x1fff));
        assert_int_equal(packet.fragment.more, fragments[i] >> 13);
        assert_ptr_equal(packet.payload, bytes.at + 18 + 20);
        assert_int_equal(packet.payload_length, 20 + sizeof(text));
        assert_int_equal(packet.captured_length, 20 + sizeof(text));
    }
    frame = sample(DLT_EN10MB, 4);
    frame.fragment = 0x4000; /* "don't fragment" is none */
    check_decodes(&frame, VLAN_NONE);
}

/* Behind another extension header; then as atomic fragment (RFC 6946). */
static void ipv6_fragments_are_told(void **state)
{
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, 6);
    struct packet packet;
    uint8_t *header = bytes.at + 14 + 40 + 8;

    (void)state;
    frame.extensions = 2;
    build_frame(&bytes, &frame);
    bytes.at[14 + 40] = 44;
    memcpy(header, (const uint8_t[]){6, 0, 0xab, 0xc9, 1, 2, 3, 4}, 8);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_FRAGMENT);
    assert_memory_equal(&packet.source, &frame.source, sizeof(frame.source));
    assert_int_equal(packet.protocol, PROTOCOL_TCP);
    assert_int_equal(packet.ip_id, 0);
    assert_int_equal(packet.fragment.identification, 0x01020304);
    assert_int_equal(packet.fragment.offset, 0xabc8);
    assert_true(packet.fragment.more);
    assert_ptr_equal(packet.payload, header + 8);
    assert_int_equal(packet.payload_length, 20 + sizeof(text));
    header[3] = 0xc8;
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_FRAGMENT);
    assert_false(packet.fragment.more);
    header[2] = header[3] = 0;
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_TCP);
    assert_sample(&frame, &packet);
}

static void fragments_of_what_is_not_followed_are_other(void **state)
{
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, 4);
    struct packet packet;

    (void)state;
    frame.fragment = 0x2000;
    build_frame(&bytes, &frame);
    bytes.at[14 + 9] = 1; /* ICMP */
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
    bytes.at[14 + 9] = 47; /* GRE: there may be TCP in it */
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_FRAGMENT);
    assert_int_equal(packet.protocol, 47);
}

static void what_is_neither_tcp_nor_udp_is_other(void **state)
{
    static const uint8_t protocols[] = {1, 2, 50, 58, 59, 89, 132, 255};
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, 4);
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(protocols); i++) {
        frame = sample(DLT_EN10MB, 4);
        build_frame(&bytes, &frame);
        bytes.at[14 + 9] = protocols[i];
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
        frame = sample(DLT_EN10MB, 6);
        build_frame(&bytes, &frame);
        bytes.at[14 + 6] = protocols[i];
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
    }
    set_u16(&bytes, 12, 0x0806);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
}

/* The packet that an ICMP error quotes is an old one: it must not be counted again. */
static void what_icmp_quotes_is_not_followed(void **state)
{
    static struct bytes bytes;
    struct address source = address6(1);
    struct address destination = address6(2);
    struct packet packet;

    (void)state;
    for (unsigned protocol = 1; protocol <= 58; protocol += 57) {
        bytes.length = 0;
        wrap_tcp(&bytes, 50000, 443);
        wrap_ip(&bytes, 6, &source, &destination);
        WRAP(&bytes, 1, 0, 0, 0, 0, 0, 0, 0);
        wrap_ip(&bytes, protocol, &destination, &source);
        wrap_ethernet_ip(&bytes);
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
    }
}

/* Changes one byte of the sample frame. */
static enum decode_result decode_changed(int family, size_t place, uint8_t value)
{
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, family);
    struct packet packet;

    build_frame(&bytes, &frame);
    bytes.at[place] = value;
    return decode_whole(DLT_EN10MB, &bytes, &packet);
}

static void headers_that_contradict_themselves_are_corrupt(void **state)
{
    (void)state;
    assert_int_equal(decode_changed(4, 14, 0x44), DECODE_CORRUPT);      /* header of 16 bytes */
    assert_int_equal(decode_changed(4, 14, 0x55), DECODE_CORRUPT);      /* version 5 */
    assert_int_equal(decode_changed(4, 14, 0x4f), DECODE_CORRUPT);      /* header up to the text */
    assert_int_equal(decode_changed(4, 17, 19), DECODE_CORRUPT);        /* shorter than a header */
    assert_int_equal(decode_changed(4, 17, 39), DECODE_CORRUPT);        /* TCP header cut short */
    assert_int_equal(decode_changed(4, 14 + 32, 0x40), DECODE_CORRUPT); /* TCP header of 16 */
    assert_int_equal(decode_changed(4, 14 + 32, 0xf0), DECODE_CORRUPT); /* of 60 bytes */
    assert_int_equal(decode_changed(6, 14, 0x40), DECODE_CORRUPT);
    assert_int_equal(decode_changed(6, 19, 19), DECODE_CORRUPT);
}

/* Some tools write files whose frames are cut, without saying so. What the frame has is decoded,
 * and nothing that it has not is counted. */
static void a_length_beyond_the_frame_is_not_believed(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct tcp_frame frame = sample(DLT_EN10MB, family);

        build_frame(&bytes, &frame);
        bytes.at[family == 4 ? 16 : 18] = 0x40;
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_TCP);
        assert_sample(&frame, &packet);
    }
}

static void raw_packets_of_no_ip_version_are_corrupt(void **state)
{
    static const uint8_t bytes[60] = {0x70};
    struct packet packet;

    (void)state;
    assert_int_equal(decode_frame(DLT_RAW, bytes, 60, 60, &packet), DECODE_CORRUPT);
    assert_int_equal(decode_frame(DLT_RAW, bytes, 20, 60, &packet), DECODE_CORRUPT);
    assert_int_equal(decode_frame(DLT_RAW, bytes, 0, 60, &packet), DECODE_TRUNCATED);
}

/* IEEE 802.3, 3.2.6: up to 1500 the type is a length, and LLC follows; from 1536 on, a type. */
static void a_type_up_to_1500_is_a_length(void **state)
{
    static const struct {
        unsigned type;
        enum decode_result result;
    } cases[] = {{1500, DECODE_UDP}, {1501, DECODE_OTHER}, {1535, DECODE_OTHER}};
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        build_inner(&bytes, 4, 17);
        wrap_snap(&bytes);
        wrap_ethernet(&bytes, cases[i].type);
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), cases[i].result);
    }
}

/* -- UDP --------------------------------------------------------------------------------------- */

static void datagrams_are_decoded(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        build_inner(&bytes, family, 17);
        wrap_ethernet_ip(&bytes);
        put_fill(&bytes, 0x16, 10);
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_UDP);
        assert_datagram(&packet, family);
    }
}

/* The length of UDP may be less than IP's, or zero (RFC 2675), but never more, nor less than its
 * own header. */
static void the_length_of_a_datagram_is_the_lesser(void **state)
{
    static const struct {
        uint16_t field;
        enum decode_result result;
        uint32_t length;
    } cases[] = {
        {8 + sizeof(text), DECODE_UDP, sizeof(text)},
        {8 + 5, DECODE_UDP, 5},
        {8, DECODE_UDP, 0},
        {0, DECODE_UDP, sizeof(text)},
        {9 + sizeof(text), DECODE_UDP, sizeof(text)},
        {65535, DECODE_UDP, sizeof(text)},
        {7, DECODE_CORRUPT, 0},
        {1, DECODE_CORRUPT, 0},
    };
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        build_inner(&bytes, 4, 17);
        set_u16(&bytes, 20 + 4, cases[i].field);
        put_fill(&bytes, 0x16, 10);
        assert_int_equal(decode_whole(DLT_RAW, &bytes, &packet), cases[i].result);
        if (cases[i].result != DECODE_UDP)
            continue;
        assert_int_equal(packet.payload_length, cases[i].length);
        assert_int_equal(packet.captured_length, cases[i].length);
    }
}

static void checksum_and_identification_tell_copies(void **state)
{
    struct address source = address4(192, 0, 2, 1);
    struct address destination = address4(198, 51, 100, 2);
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    bytes.length = 0;
    wrap_tcp(&bytes, 1, 2);
    wrap_ip(&bytes, 6, &source, &destination);
    assert_int_equal(decode_whole(DLT_RAW, &bytes, &packet), DECODE_TCP);
    assert_int_equal(packet.ip_id, 0x1234);
    assert_int_equal(packet.checksum, 0xabcd);
}

/* -- Whether a tunnel is opened ---------------------------------------------------------------- */

/* What carries over IP goes from 203.0.113.1 to 203.0.113.2. */
static struct trust_policy listing(const char *tunnel)
{
    struct trust_policy policy = {.tunnels_listed = true};

    if (tunnel)
        assert_null(trust_add_tunnel(&policy, tunnel));
    return policy;
}

static enum decode_result decode_by(const struct trust_policy *policy, const struct bytes *bytes,
                                    struct packet *packet)
{
    return decode_trusted(policy, DLT_EN10MB, bytes->at, (uint32_t)bytes->length,
                          (uint32_t)bytes->length, packet);
}

static void only_tunnels_of_listed_ends_are_opened(void **state)
{
    struct trust_policy policies[] = {listing("203.0.113.1"), listing("203.0.113.2/31"),
                                      listing("192.0.2.0/24"), listing(NULL)};
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < CARRIERS; i++) {
        build_inner(&bytes, 6, 17);
        carry(&bytes, &carriers[i]);
        for (size_t j = 0; j < sizeof(policies) / sizeof(policies[0]); j++) {
            enum decode_result result = decode_by(&policies[j], &bytes, &packet);
            bool sound = result == DECODE_UDP && is_inner(&packet, 6);

            if (carriers[i].kind == CARRIER_IP && j >= 2)
                sound = result == DECODE_OTHER;
            if (carriers[i].kind == CARRIER_UDP && j >= 2)
                sound = result == DECODE_UDP && is_outer(&packet, bytes.at, (uint32_t)bytes.length);
            if (!sound)
                fail_msg("%s, policy %zu: result %d", carriers[i].name, j, result);
        }
    }
}

/* A tunnel that is believed may carry one that anyone made. */
static void each_of_nested_tunnels_has_to_be_listed(void **state)
{
    struct trust_policy policy = listing("192.0.2.9");
    struct address end = address4(192, 0, 2, 9);
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    build_inner(&bytes, 6, 17);
    over_vxlan(&bytes);
    wrap_ipv4(&bytes, 4, &end, &end);
    wrap_ethernet_ip(&bytes);
    assert_int_equal(decode_by(&policy, &bytes, &packet), DECODE_UDP);
    assert_int_equal(packet.destination_port, 4789);
    assert_null(trust_add_tunnel(&policy, "203.0.113.0/24"));
    assert_int_equal(decode_by(&policy, &bytes, &packet), DECODE_UDP);
    assert_true(is_inner(&packet, 6));
}

/* Nor are fragments of others put together. */
static void fragments_of_other_tunnels_are_of_no_interest(void **state)
{
    const struct trust_policy closed = listing(NULL);
    static struct bytes bytes;
    static struct bytes fragment;
    struct packet packet;

    (void)state;
    build_inner(&bytes, 4, 6);
    over_gre(&bytes);
    assert_true(put_fragment(&fragment, &bytes, 0, 24, 7));
    wrap_ethernet_ip(&fragment);
    assert_int_equal(decode_by(&trust_by_default, &fragment, &packet), DECODE_FRAGMENT);
    assert_int_equal(decode_by(&closed, &fragment, &packet), DECODE_OTHER);
    assert_int_equal(decode_reassembled(&closed, bytes.at[9], bytes.at + 20,
                                        (uint32_t)bytes.length - 20, (uint32_t)bytes.length - 20,
                                        &packet),
                     DECODE_OTHER);
    build_inner(&bytes, 4, 6);
    wrap_ethernet_ip(&bytes);
    put_capwap_piece(&fragment, &bytes, false, 0, 24, 7);
    assert_int_equal(decode_by(&trust_by_default, &fragment, &packet), DECODE_FRAGMENT);
    assert_int_equal(decode_by(&closed, &fragment, &packet), DECODE_UDP);
    assert_true(is_outer(&packet, fragment.at, (uint32_t)fragment.length));
}

/* A broker of mirrored packets appends to frames what only it understands. */
static void tunnelled_frames_may_have_a_trailer(void **state)
{
    static const struct {
        size_t trailer;
        enum decode_result result;
    } cases[] = {{0, DECODE_TCP}, {52, DECODE_TCP}, {64, DECODE_TCP}, {65, DECODE_UDP}};
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        build_inner(&bytes, 6, 6);
        put_fill(&bytes, 0x5a, cases[i].trailer);
        over_vxlan(&bytes);
        assert_int_equal(decode_whole(DLT_RAW, &bytes, &packet), cases[i].result);
    }
}

/* -- Anything ---------------------------------------------------------------------------------- */

static void damaged_frames_never_lead_outside(void **state)
{
    static struct bytes bytes;
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 60000; round++) {
        struct tcp_frame frame =
            sample(link_types[random_below(&seed, LINK_TYPES)], random_below(&seed, 2) ? 4 : 6);

        frame.vlan = (uint16_t)random_below(&seed, 2);
        frame.extensions = random_below(&seed, 4);
        frame.ip_options = random_below(&seed, 3);
        build_frame(&bytes, &frame);
        for (uint32_t i = random_below(&seed, 6); i > 0; i--)
            bytes.at[random_below(&seed, (uint32_t)bytes.length)] = (uint8_t)random_next(&seed);
        check_invariants(frame.link_type, &bytes,
                         random_below(&seed, 3) ? (uint32_t)bytes.length
                                                : random_below(&seed, (uint32_t)bytes.length));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_extension_headers_are_stepped_over),
        cmocka_unit_test(every_extension_header_is_known),
        cmocka_unit_test(an_authentication_header_is_stepped_over),
        cmocka_unit_test(extension_headers_that_never_end_are_corrupt),
        cmocka_unit_test(segmentation_offload_leaves_no_length),
        cmocka_unit_test(ethernet_padding_is_no_payload),
        cmocka_unit_test(the_padding_of_an_empty_packet_is_not_read),
        cmocka_unit_test(the_snap_length_may_cut_anywhere),
        cmocka_unit_test(ipv4_fragments_are_told),
        cmocka_unit_test(ipv6_fragments_are_told),
        cmocka_unit_test(fragments_of_what_is_not_followed_are_other),
        cmocka_unit_test(what_is_neither_tcp_nor_udp_is_other),
        cmocka_unit_test(what_icmp_quotes_is_not_followed),
        cmocka_unit_test(headers_that_contradict_themselves_are_corrupt),
        cmocka_unit_test(a_length_beyond_the_frame_is_not_believed),
        cmocka_unit_test(raw_packets_of_no_ip_version_are_corrupt),
        cmocka_unit_test(a_type_up_to_1500_is_a_length),
        cmocka_unit_test(datagrams_are_decoded),
        cmocka_unit_test(the_length_of_a_datagram_is_the_lesser),
        cmocka_unit_test(checksum_and_identification_tell_copies),
        cmocka_unit_test(only_tunnels_of_listed_ends_are_opened),
        cmocka_unit_test(each_of_nested_tunnels_has_to_be_listed),
        cmocka_unit_test(fragments_of_other_tunnels_are_of_no_interest),
        cmocka_unit_test(tunnelled_frames_may_have_a_trailer),
        cmocka_unit_test(damaged_frames_never_lead_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
