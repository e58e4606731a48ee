/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

static const uint8_t text[] = "a payload of some bytes";

static const int link_types[] = {DLT_EN10MB, DLT_RAW,       DLT_NULL,
                                 DLT_LOOP,   DLT_LINUX_SLL, DLT_LINUX_SLL2};
#define LINK_TYPES (sizeof(link_types) / sizeof(link_types[0]))

static struct tcp_frame sample(int link_type, int family)
{
    return (struct tcp_frame){
        .link_type = link_type,
        .source = family == 4 ? address4(192, 0, 2, 1) : address6(1),
        .destination = family == 4 ? address4(198, 51, 100, 2) : address6(2),
        .source_port = 51000,
        .destination_port = 443,
        .sequence = 0xfffffff0,
        .flags = TCP_ACK,
        .payload = text,
        .payload_length = sizeof(text),
    };
}

static enum decode_result decode_whole(int link_type, const struct bytes *bytes,
                                       struct packet *packet)
{
    return decode_frame(link_type, bytes->at, (uint32_t)bytes->length, (uint32_t)bytes->length,
                        packet);
}

static void assert_sample(const struct tcp_frame *frame, const struct packet *packet)
{
    assert_memory_equal(&packet->source, &frame->source, sizeof(frame->source));
    assert_memory_equal(&packet->destination, &frame->destination, sizeof(frame->destination));
    assert_int_equal(packet->source_port, frame->source_port);
    assert_int_equal(packet->destination_port, frame->destination_port);
    assert_int_equal(packet->sequence, frame->sequence);
    assert_int_equal(packet->tcp_flags, frame->flags);
    assert_int_equal(packet->payload_length, frame->payload_length);
    assert_int_equal(packet->captured_length, frame->payload_length);
    assert_memory_equal(packet->payload, frame->payload, frame->payload_length);
}

static void check_decodes(const struct tcp_frame *frame, uint16_t vlan)
{
    static struct bytes bytes;
    struct packet packet;

    build_frame(&bytes, frame);
    assert_int_equal(decode_whole(frame->link_type, &bytes, &packet), DECODE_TCP);
    assert_sample(frame, &packet);
    assert_int_equal(packet.vlan, vlan);
}

static void every_link_type_is_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < LINK_TYPES; i++) {
        struct tcp_frame four = sample(link_types[i], 4);
        struct tcp_frame six = sample(link_types[i], 6);

        assert_true(decode_supports(link_types[i]));
        check_decodes(&four, VLAN_NONE);
        check_decodes(&six, VLAN_NONE);
    }
    assert_true(decode_supports(DLT_IPV4));
    assert_true(decode_supports(DLT_IPV6));
}

static void other_link_types_are_refused(void **state)
{
    struct packet packet;

    (void)state;
    assert_false(decode_supports(DLT_IEEE802_11));
    assert_false(decode_supports(-1));
    assert_int_equal(decode_frame(DLT_IEEE802_11, text, sizeof(text), sizeof(text), &packet),
                     DECODE_OTHER);
}

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
    frame.extensions = 17;
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

/* Cuts the frame at every byte: either a header is missing, or the payload is shorter. */
static void check_cuts(const struct tcp_frame *frame)
{
    static struct bytes bytes;
    uint32_t length;

    build_frame(&bytes, frame);
    length = (uint32_t)bytes.length;
    for (uint32_t cut = 0; cut <= length; cut++) {
        uint8_t *copy = exact_copy(bytes.at, cut);
        struct packet packet;
        enum decode_result result = decode_frame(frame->link_type, copy, cut, length, &packet);

        if (cut < length - frame->payload_length) {
            assert_int_equal(result, DECODE_TRUNCATED);
        } else {
            assert_int_equal(result, DECODE_TCP);
            assert_int_equal(packet.payload_length, frame->payload_length);
            assert_int_equal(packet.captured_length, cut - (length - frame->payload_length));
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

static void fragments_are_told_apart(void **state)
{
    static const uint16_t fragments[] = {0x2000, 0x2001, 0x0001, 0x1fff};
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, 4);
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        frame.fragment = fragments[i];
        build_frame(&bytes, &frame);
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_FRAGMENT);
    }
    frame.fragment = 0x4000; /* "don't fragment" is none */
    check_decodes(&frame, VLAN_NONE);
    frame = sample(DLT_EN10MB, 6);
    frame.extensions = 1;
    build_frame(&bytes, &frame);
    bytes.at[14 + 6] = 44;
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_FRAGMENT);
}

static void what_is_not_tcp_is_other(void **state)
{
    static struct bytes bytes;
    struct tcp_frame frame = sample(DLT_EN10MB, 4);
    struct packet packet;

    (void)state;
    build_frame(&bytes, &frame);
    bytes.at[14 + 9] = 17;
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
    set_u16(&bytes, 12, 0x0806);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
    frame = sample(DLT_EN10MB, 6);
    build_frame(&bytes, &frame);
    bytes.at[14 + 6] = 58;
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_OTHER);
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
    assert_int_equal(decode_changed(4, 16, 0x40), DECODE_CORRUPT);      /* longer than the frame */
    assert_int_equal(decode_changed(4, 17, 19), DECODE_CORRUPT);        /* shorter than a header */
    assert_int_equal(decode_changed(4, 17, 39), DECODE_CORRUPT);        /* TCP header cut short */
    assert_int_equal(decode_changed(4, 14 + 32, 0x40), DECODE_CORRUPT); /* TCP header of 16 */
    assert_int_equal(decode_changed(4, 14 + 32, 0xf0), DECODE_CORRUPT); /* of 60 bytes */
    assert_int_equal(decode_changed(6, 14, 0x40), DECODE_CORRUPT);
    assert_int_equal(decode_changed(6, 18, 0x40), DECODE_CORRUPT);
    assert_int_equal(decode_changed(6, 19, 19), DECODE_CORRUPT);
}

static void raw_packets_of_no_ip_version_are_corrupt(void **state)
{
    static const uint8_t byte = 0x70;
    struct packet packet;

    (void)state;
    assert_int_equal(decode_frame(DLT_RAW, &byte, 1, 1, &packet), DECODE_CORRUPT);
    assert_int_equal(decode_frame(DLT_RAW, &byte, 0, 60, &packet), DECODE_TRUNCATED);
}

static void check_invariants(int link_type, const struct bytes *bytes, uint32_t captured)
{
    uint8_t *copy = exact_copy(bytes->at, captured);
    struct packet packet;

    if (decode_frame(link_type, copy, captured, (uint32_t)bytes->length, &packet) == DECODE_TCP) {
        assert_true(packet.payload >= copy);
        assert_true(packet.payload + packet.captured_length <= copy + captured);
        assert_true(packet.captured_length <= packet.payload_length);
        assert_true(packet.payload_length <= bytes->length);
        assert_true(packet.source.family == 4 || packet.source.family == 6);
    }
    free(copy);
}

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
        cmocka_unit_test(every_link_type_is_decoded),
        cmocka_unit_test(other_link_types_are_refused),
        cmocka_unit_test(the_outermost_vlan_is_told),
        cmocka_unit_test(a_priority_tag_is_no_vlan),
        cmocka_unit_test(options_and_extension_headers_are_stepped_over),
        cmocka_unit_test(an_authentication_header_is_stepped_over),
        cmocka_unit_test(extension_headers_that_never_end_are_corrupt),
        cmocka_unit_test(segmentation_offload_leaves_no_length),
        cmocka_unit_test(ethernet_padding_is_no_payload),
        cmocka_unit_test(the_padding_of_an_empty_packet_is_not_read),
        cmocka_unit_test(the_snap_length_may_cut_anywhere),
        cmocka_unit_test(fragments_are_told_apart),
        cmocka_unit_test(what_is_not_tcp_is_other),
        cmocka_unit_test(headers_that_contradict_themselves_are_corrupt),
        cmocka_unit_test(raw_packets_of_no_ip_version_are_corrupt),
        cmocka_unit_test(damaged_frames_never_lead_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
