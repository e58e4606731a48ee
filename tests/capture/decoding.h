/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_DECODING_H
#define IAGMETER_TESTS_DECODING_H

#include "collectors/capture/decode.h"
#include "tests/capture/tunnels.h"

/* Frames with one payload, and what must be read of them: for the tests of decode.c and of its
 * steps, all of which are reached from a frame. Include after cmocka.h. */

static const uint8_t text[] = "a payload of some bytes";

static const int link_types[] = {DLT_EN10MB, DLT_RAW,       DLT_NULL,
                                 DLT_LOOP,   DLT_LINUX_SLL, DLT_LINUX_SLL2};
#define LINK_TYPES (sizeof(link_types) / sizeof(link_types[0]))

static inline struct tcp_frame sample(int link_type, int family)
{
    return (struct tcp_frame){
        .link_type = link_type,
        .source = family == 4 ? address4(192, 0, 2, 1) : address6(1),
        .destination = family == 4 ? address4(198, 51, 100, 2) : address6(2),
        .source_port = 51000,
        .destination_port = 443,
        .sequence = 0xfffffff0,
        .acknowledgement = 0x12345678,
        .flags = TCP_ACK,
        .payload = text,
        .payload_length = sizeof(text),
    };
}

/* The sample's addresses, PROTOCOL from port 51000 to 443, TEXT. */
static inline void build_inner(struct bytes *bytes, int family, unsigned protocol)
{
    struct tcp_frame frame = sample(DLT_EN10MB, family);

    bytes->length = 0;
    put_bytes(bytes, text, sizeof(text));
    if (protocol == 6)
        wrap_tcp(bytes, 51000, 443);
    else
        wrap_udp(bytes, 51000, 443);
    wrap_ip(bytes, protocol, &frame.source, &frame.destination);
}

static inline enum decode_result decode_whole(int link_type, const struct bytes *bytes,
                                              struct packet *packet)
{
    return decode_frame(link_type, bytes->at, (uint32_t)bytes->length, (uint32_t)bytes->length,
                        packet);
}

static inline void assert_sample(const struct tcp_frame *frame, const struct packet *packet)
{
    assert_memory_equal(&packet->source, &frame->source, sizeof(frame->source));
    assert_memory_equal(&packet->destination, &frame->destination, sizeof(frame->destination));
    assert_int_equal(packet->source_port, frame->source_port);
    assert_int_equal(packet->destination_port, frame->destination_port);
    assert_int_equal(packet->sequence, frame->sequence);
    assert_int_equal(packet->acknowledgement, frame->acknowledgement);
    assert_int_equal(packet->tcp_flags, frame->flags);
    assert_int_equal(packet->payload_length, frame->payload_length);
    assert_int_equal(packet->captured_length, frame->payload_length);
    assert_int_equal(packet->protocol, PROTOCOL_TCP);
    assert_memory_equal(packet->payload, frame->payload, frame->payload_length);
}

static inline void check_decodes(const struct tcp_frame *frame, uint16_t vlan)
{
    static struct bytes bytes;
    struct packet packet;

    build_frame(&bytes, frame);
    assert_int_equal(decode_whole(frame->link_type, &bytes, &packet), DECODE_TCP);
    assert_sample(frame, &packet);
    assert_int_equal(packet.vlan, vlan);
}

static inline void assert_datagram(const struct packet *packet, int family)
{
    struct tcp_frame frame = sample(DLT_EN10MB, family);

    assert_memory_equal(&packet->source, &frame.source, sizeof(frame.source));
    assert_memory_equal(&packet->destination, &frame.destination, sizeof(frame.destination));
    assert_int_equal(packet->source_port, 51000);
    assert_int_equal(packet->destination_port, 443);
    assert_int_equal(packet->protocol, PROTOCOL_UDP);
    assert_int_equal(packet->tcp_flags, 0);
    assert_int_equal(packet->ip_id, family == 4 ? 0x1234 : 0);
    assert_int_equal(packet->checksum, 0xabcd);
    assert_int_equal(packet->payload_length, sizeof(text));
    assert_int_equal(packet->captured_length, sizeof(text));
    assert_memory_equal(packet->payload, text, sizeof(text));
}

static inline bool is_inner(const struct packet *packet, int family)
{
    struct tcp_frame frame = sample(DLT_EN10MB, family);

    return memcmp(&packet->source, &frame.source, sizeof(frame.source)) == 0 &&
           memcmp(&packet->destination, &frame.destination, sizeof(frame.source)) == 0 &&
           packet->source_port == 51000 && packet->destination_port == 443 &&
           packet->payload_length == sizeof(text) &&
           memcmp(packet->payload, text, packet->captured_length) == 0;
}

/* Whether it is the datagram that carries a tunnel (tunnels.h: wrap_outer_udp), whole or cut. */
static inline bool is_outer(const struct packet *packet, const uint8_t *bytes, uint32_t captured)
{
    struct address source = address4(203, 0, 113, 1);

    return memcmp(&packet->source, &source, sizeof(source)) == 0 &&
           packet->payload == bytes + 14 + 20 + 8 &&
           packet->captured_length == captured - (14 + 20 + 8);
}

static inline void check_within(enum decode_result result, const struct packet *packet,
                                const uint8_t *bytes, uint32_t captured, uint32_t length)
{
    if (result != DECODE_TCP && result != DECODE_UDP && result < DECODE_FRAGMENT)
        return;
    assert_true(packet->payload >= bytes);
    assert_true(packet->payload + packet->captured_length <= bytes + captured);
    assert_true(packet->captured_length <= packet->payload_length);
    assert_true(packet->payload_length <= length);
    if (result != DECODE_AGGREGATE)
        assert_true(packet->source.family == 4 || packet->source.family == 6);
}

/* Whatever was decoded lies within what was captured, and is no longer than the frame. */
static inline void check_invariants(int link_type, const struct bytes *bytes, uint32_t captured)
{
    uint32_t length = (uint32_t)bytes->length;
    uint8_t *copy = exact_copy(bytes->at, captured);
    struct packet packet;
    struct packet rest;
    enum decode_result result = decode_frame(link_type, copy, captured, length, &packet);

    check_within(result, &packet, copy, captured, length);
    rest = packet;
    while (result == DECODE_AGGREGATE && decode_next(&trust_by_default, &rest, &result, &packet)) {
        check_within(result, &packet, copy, captured, length);
        check_within(DECODE_AGGREGATE, &rest, copy, captured, length);
        result = DECODE_AGGREGATE;
    }
    free(copy);
}

#endif
