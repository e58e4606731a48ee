/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/decoding.h"
#include "tests/capture/linktypes.h"

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

/* Whole, then cut at every byte. */
static void check_link(size_t index, int family)
{
    static struct bytes bytes;
    uint32_t length;

    build_inner(&bytes, family, 17);
    links[index].put(&bytes);
    length = (uint32_t)bytes.length;
    for (uint32_t cut = 0; cut <= length; cut++) {
        uint8_t *copy = exact_copy(bytes.at, cut);
        struct packet packet;
        enum decode_result result =
            decode_frame(links[index].link_type, copy, cut, length, &packet);

        if (cut == length && (result != DECODE_UDP || !is_inner(&packet, family) ||
                              packet.captured_length != sizeof(text)))
            fail_msg("link type %d (row %zu), IPv%d: result %d", links[index].link_type, index,
                     family, result);
        if (cut < length && result != DECODE_TRUNCATED &&
            (result != DECODE_UDP || !is_inner(&packet, family)))
            fail_msg("link type %d (row %zu), cut to %u: result %d", links[index].link_type, index,
                     cut, result);
        free(copy);
    }
}

static void every_kind_of_link_is_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < LINKS; i++) {
        assert_true(decode_supports(links[i].link_type));
        check_link(i, 4);
        check_link(i, 6);
    }
}

/* Where IP does not say its length, the link's counts, not the frame's. */
static void the_length_of_a_link_is_kept(void **state)
{
    static const struct link with_length[] = {{DLT_NFLOG, put_nflog},
                                              {DLT_IEEE802_11, put_aggregate}};
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(with_length) / sizeof(with_length[0]); i++) {
        build_inner(&bytes, 6, 6);
        set_u16(&bytes, 4, 0);
        with_length[i].put(&bytes);
        put_fill(&bytes, 0x16, 9);
        assert_int_equal(decode_whole(with_length[i].link_type, &bytes, &packet), DECODE_TCP);
        assert_true(is_inner(&packet, 6));
    }
}

/* What Linux gives for frames without an EtherType. */
static void cooked_frames_without_a_type_are_other(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    build_inner(&bytes, 4, 17);
    WRAP(&bytes, 0, 0, 0, 1, 0, 6, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1);
    assert_int_equal(decode_whole(DLT_LINUX_SLL, &bytes, &packet), DECODE_OTHER);
}

static void a_header_of_juniper_begins_with_its_name(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    build_inner(&bytes, 4, 17);
    put_juniper_ethernet(&bytes);
    bytes.at[2] = 'D';
    assert_int_equal(decode_whole(DLT_JUNIPER_ETHER, &bytes, &packet), DECODE_CORRUPT);
}

/* Frames of 802.11 that carry nothing that can be read. */
static void wireless_frames_without_data_are_other(void **state)
{
    static const struct {
        size_t place;
        uint8_t value;
    } changes[] = {
        {0, 0x80},  /* a beacon */
        {0, 0xc8},  /* QoS, no data */
        {1, 0x41},  /* encrypted */
        {1, 0x05},  /* more fragments */
        {22, 0x11}, /* the second fragment */
    };
    static const uint8_t acknowledgement[10] = {0xd4};
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        build_inner(&bytes, 4, 6);
        wrap_80211(&bytes);
        bytes.at[changes[i].place] = changes[i].value;
        assert_int_equal(decode_whole(DLT_IEEE802_11, &bytes, &packet), DECODE_OTHER);
    }
    assert_int_equal(decode_frame(DLT_IEEE802_11, acknowledgement, 10, 10, &packet), DECODE_OTHER);
}

/* -- Several packets in one frame ---------------------------------------------------------------
 */

/* COUNT packets, of which number I has I bytes more, and so any padding; one is no IP. */
static void build_aggregate(struct bytes *bytes, unsigned count)
{
    static struct bytes frame;

    bytes->length = 0;
    for (unsigned i = 0; i < count; i++) {
        build_inner(&frame, i % 2 ? 4 : 6, i % 3 ? 17 : 6);
        wrap_ethernet_ip(&frame);
        put_fill(&frame, 0x16, i);
        if (i == 2)
            set_u16(&frame, 12, 0x0806);
        put_subframe(bytes, frame.at, frame.length);
    }
    wrap_aggregate(bytes);
}

static enum decode_result expected(unsigned i)
{
    return i == 2 ? DECODE_OTHER : i % 3 ? DECODE_UDP : DECODE_TCP;
}

/* Of LENGTH bytes, which may be cut. Returns how many packets are told, which are as far as they go
 * those of build_aggregate(), unless they are cut. */
static unsigned read_aggregate(const uint8_t *bytes, uint32_t captured, uint32_t length)
{
    enum decode_result result;
    struct packet rest;
    struct packet packet;
    unsigned count = 0;

    assert_int_equal(decode_frame(DLT_IEEE802_11, bytes, captured, length, &rest),
                     DECODE_AGGREGATE);
    assert_int_equal(rest.vlan, VLAN_NONE);
    for (; decode_next(&trust_by_default, &rest, &result, &packet); count++) {
        if (result == DECODE_TRUNCATED && captured < length)
            continue;
        assert_int_equal(result, expected(count));
        assert_true(count == 2 || is_inner(&packet, count % 2 ? 4 : 6));
        if (count != 2)
            assert_true(packet.payload + packet.captured_length <= bytes + captured);
    }
    return count;
}

static void all_packets_of_an_aggregate_are_told(void **state)
{
    static struct bytes bytes;

    (void)state;
    for (unsigned count = 2; count < 9; count++)
        for (unsigned more = 0; more < 14; more++) { /* a checksum, and padding */
            build_aggregate(&bytes, count);
            put_fill(&bytes, 0x77, more);
            assert_int_equal(
                read_aggregate(bytes.at, (uint32_t)bytes.length, (uint32_t)bytes.length), count);
            put_fill(&bytes, 0, (4 - (bytes.length - 26) % 4) % 4 + 40);
            if (more == 0)
                assert_int_equal(
                    read_aggregate(bytes.at, (uint32_t)bytes.length, (uint32_t)bytes.length),
                    count);
        }
}

static void aggregates_may_be_cut_anywhere(void **state)
{
    static struct bytes bytes;

    (void)state;
    build_aggregate(&bytes, 5);
    for (uint32_t cut = 0; cut < bytes.length; cut++) {
        uint8_t *copy = exact_copy(bytes.at, cut);
        struct packet packet;

        if (cut < 26 + 14)
            assert_int_equal(
                decode_frame(DLT_IEEE802_11, copy, cut, (uint32_t)bytes.length, &packet),
                DECODE_TRUNCATED);
        else
            assert_in_range(read_aggregate(copy, cut, (uint32_t)bytes.length), 1, 5);
        free(copy);
    }
}

/* The first packet takes all there is, or more: there is no other. */
static void an_aggregate_of_one_is_a_packet(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    build_aggregate(&bytes, 1);
    for (unsigned length = 0; length < 2; length++) {
        assert_int_equal(decode_whole(DLT_IEEE802_11, &bytes, &packet), DECODE_TCP);
        assert_true(is_inner(&packet, 6));
        set_u16(&bytes, 26 + 12, 0x7fff);
    }
    set_u16(&bytes, 26 + 12, 0);
    assert_int_equal(decode_whole(DLT_IEEE802_11, &bytes, &packet), DECODE_CORRUPT);
}

/* In a tunnel that the port alone tells, the header of what the first packet carries confirms it.
 */
static void an_aggregate_confirms_a_tunnel(void **state)
{
    enum { FIRST = 14 + 20 + 8 + 8 + 26 + 14 };
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    build_aggregate(&bytes, 3);
    memmove(bytes.at, bytes.at + 26, bytes.length -= 26);
    over_capwap_aggregate(&bytes);
    wrap_ethernet_ip(&bytes);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_AGGREGATE);
    assert_ptr_equal(packet.payload, bytes.at + FIRST - 14);
    for (unsigned i = 0; i < 6; i++) {
        bytes.at[FIRST + i] ^= 1;
        assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_UDP);
        assert_true(is_outer(&packet, bytes.at, (uint32_t)bytes.length));
        bytes.at[FIRST + i] ^= 1;
    }
}

static void damaged_aggregates_never_lead_outside(void **state)
{
    static struct bytes bytes;
    uint64_t seed = 4;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        build_aggregate(&bytes, 2 + random_below(&seed, 4));
        for (uint32_t i = random_below(&seed, 6); i > 0; i--)
            bytes.at[random_below(&seed, (uint32_t)bytes.length)] = (uint8_t)random_next(&seed);
        check_invariants(DLT_IEEE802_11, &bytes, random_below(&seed, (uint32_t)bytes.length + 1));
    }
}

static void damaged_links_never_lead_outside(void **state)
{
    static struct bytes bytes;
    uint64_t seed = 3;

    (void)state;
    for (int round = 0; round < 100000; round++) {
        size_t link = random_below(&seed, LINKS);

        build_inner(&bytes, random_below(&seed, 2) ? 4 : 6, 6);
        links[link].put(&bytes);
        for (uint32_t i = random_below(&seed, 6); i > 0; i--)
            bytes.at[random_below(&seed, (uint32_t)bytes.length)] = (uint8_t)random_next(&seed);
        check_invariants(links[link].link_type, &bytes,
                         random_below(&seed, (uint32_t)bytes.length + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_link_type_is_decoded),
        cmocka_unit_test(every_kind_of_link_is_decoded),
        cmocka_unit_test(the_length_of_a_link_is_kept),
        cmocka_unit_test(cooked_frames_without_a_type_are_other),
        cmocka_unit_test(a_header_of_juniper_begins_with_its_name),
        cmocka_unit_test(wireless_frames_without_data_are_other),
        cmocka_unit_test(damaged_links_never_lead_outside),
        cmocka_unit_test(all_packets_of_an_aggregate_are_told),
        cmocka_unit_test(aggregates_may_be_cut_anywhere),
        cmocka_unit_test(an_aggregate_of_one_is_a_packet),
        cmocka_unit_test(an_aggregate_confirms_a_tunnel),
        cmocka_unit_test(damaged_aggregates_never_lead_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
