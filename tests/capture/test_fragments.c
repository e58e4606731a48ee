/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/fragments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/tunnels.h"
#include "tests/thinned.h"

#define SECOND INT64_C(1000000000)

static uint8_t original[65535]; /* what is cut in pieces: bytes that differ from their neighbours */

static void fill_original(void)
{
    uint64_t seed = 42;

    for (size_t i = 0; i < sizeof(original); i++)
        original[i] = (uint8_t)random_next(&seed);
}

/* LENGTH bytes of the original at OFFSET, of the packet IDENTIFICATION. */
static struct packet piece(uint32_t identification, uint32_t offset, uint32_t length, bool more)
{
    return (struct packet){
        .source = address4(192, 0, 2, 1),
        .destination = address4(198, 51, 100, 2),
        .protocol = PROTOCOL_UDP,
        .payload = original + offset,
        .captured_length = length,
        .payload_length = length,
        .fragment = {identification, (uint16_t)offset, more, false},
    };
}

static struct fragments *new_pool(size_t count)
{
    struct fragments *fragments = fragments_new(count);

    assert_non_null(fragments);
    return fragments;
}

static bool add(struct fragments *fragments, int64_t now_ns, struct packet packet,
                struct fragments_whole *whole)
{
    return fragments_add(fragments, now_ns, &packet, whole);
}

static bool add_piece(struct fragments *fragments, uint32_t identification, uint32_t offset,
                      uint32_t length, bool more)
{
    struct fragments_whole whole;

    return add(fragments, 0, piece(identification, offset, length, more), &whole);
}

static void assert_original(const struct fragments_whole *whole, uint32_t length)
{
    uint32_t kept = length < FRAGMENTS_WINDOW ? length : FRAGMENTS_WINDOW;

    assert_int_equal(whole->length, length);
    assert_int_equal(whole->captured_length, kept);
    assert_int_equal(whole->protocol, PROTOCOL_UDP);
    assert_memory_equal(whole->bytes, original, kept);
}

static void two_pieces_make_a_packet_in_either_order(void **state)
{
    struct fragments *fragments = new_pool(16);
    struct fragments_whole whole;

    (void)state;
    assert_false(add(fragments, 0, piece(1, 0, 1480, true), &whole));
    assert_true(add(fragments, 0, piece(1, 1480, 13, false), &whole));
    assert_original(&whole, 1493);
    assert_false(add(fragments, 0, piece(2, 1480, 13, false), &whole));
    assert_true(add(fragments, 0, piece(2, 0, 1480, true), &whole));
    assert_original(&whole, 1493);
    assert_int_equal(fragments_counts(fragments)->whole, 2);
    fragments_free(fragments);
    fragments_free(NULL);
}

/* Cuts LENGTH bytes into pieces at random places, and shuffles them. */
static size_t cut_and_shuffle(struct packet *pieces, uint32_t length, uint64_t *seed)
{
    size_t count = 0;

    for (uint32_t at = 0; at < length;) {
        uint32_t size = 8 + 8 * random_below(seed, 200);

        if (size > length - at)
            size = length - at;
        pieces[count++] = piece(7, at, size, at + size < length);
        at += size;
    }
    for (size_t i = count; i > 1; i--) {
        size_t other = random_below(seed, (uint32_t)i);
        struct packet swapped = pieces[i - 1];

        pieces[i - 1] = pieces[other];
        pieces[other] = swapped;
    }
    return count;
}

/* Any split, any order, each piece once or several times, any length. */
static void any_split_in_any_order_makes_the_packet(void **state)
{
    static struct packet pieces[8192];
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct fragments *fragments = new_pool(1);
        uint32_t length = 9 + random_below(&seed, round % 10 ? 5000 : 65526);
        size_t count = cut_and_shuffle(pieces, length, &seed);
        unsigned made = 0;

        for (size_t i = 0; i < count; i++) {
            struct fragments_whole whole;

            if (i > 0 && random_below(&seed, 2)) /* a copy of one that came before */
                assert_false(add(fragments, 0, pieces[random_below(&seed, (uint32_t)i)], &whole));
            if (add(fragments, 0, pieces[i], &whole)) {
                assert_original(&whole, length);
                made++;
            }
        }
        assert_int_equal(made, 1);
        assert_int_equal(fragments_counts(fragments)->whole, 1);
        assert_int_equal(fragments_counts(fragments)->refused, 0);
        fragments_free(fragments);
    }
}

static void packets_do_not_mix(void **state)
{
    struct fragments *fragments = new_pool(64);
    struct fragments_whole whole;
    struct packet first = piece(1, 0, 800, true);
    struct packet others[7];

    (void)state;
    for (size_t i = 0; i < 7; i++)
        others[i] = piece(1, 800, 8, false);
    others[0].source.bytes[3]++;
    others[1].destination.bytes[3]++;
    others[2].fragment.identification++;
    others[3].protocol = PROTOCOL_TCP;
    others[4].source.family = others[4].destination.family = 6;
    others[5].source = first.destination;
    others[5].destination = first.source;
    others[6].fragment.capwap = true;
    assert_false(fragments_add(fragments, 0, &first, &whole));
    for (size_t i = 0; i < 7; i++)
        assert_false(fragments_add(fragments, 0, &others[i], &whole));
    assert_true(add(fragments, 0, piece(1, 800, 8, false), &whole));
    assert_original(&whole, 808);
    fragments_free(fragments);
}

/* Access points behind one address have ports of their own; ports of IP fragments are not known. */
static void packets_of_capwap_have_ports(void **state)
{
    (void)state;
    for (int capwap = 0; capwap <= 1; capwap++) {
        for (int side = 0; side <= 1; side++) {
            struct fragments *fragments = new_pool(64);
            struct fragments_whole whole;
            struct packet first = piece(1, 0, 800, true);
            struct packet second = piece(1, 800, 8, false);

            first.source_port = second.source_port = 50000;
            first.destination_port = second.destination_port = 5247;
            first.fragment.capwap = second.fragment.capwap = capwap;
            *(side ? &second.source_port : &second.destination_port) = 50001;
            assert_false(fragments_add(fragments, 0, &first, &whole));
            assert_int_equal(fragments_add(fragments, 0, &second, &whole), !capwap);
            fragments_free(fragments);
        }
    }
}

/* What the first says that the packet carries counts. */
static void the_first_piece_of_capwap_names_the_frame(void **state)
{
    (void)state;
    for (int order = 0; order <= 1; order++) {
        struct fragments *fragments = new_pool(1);
        struct packet pieces[] = {piece(1, 0, 16, true), piece(1, 16, 5, false)};
        struct fragments_whole whole;

        pieces[0].fragment.capwap = pieces[1].fragment.capwap = true;
        pieces[0].protocol = 1;
        pieces[1].protocol = 0;
        assert_false(fragments_add(fragments, 0, &pieces[order], &whole));
        assert_true(fragments_add(fragments, 0, &pieces[!order], &whole));
        assert_int_equal(whole.protocol, 1);
        fragments_free(fragments);
    }
}

/* RFC 8200, 4.5: only the first fragment's next header counts, whenever it comes. */
static void the_first_ipv6_fragment_names_the_protocol(void **state)
{
    struct packet first = piece(1, 0, 16, true);
    struct packet second = piece(1, 16, 5, false);

    (void)state;
    first.source = second.source = address6(1);
    first.destination = second.destination = address6(2);
    second.protocol = 60;
    for (int order = 0; order < 2; order++) {
        struct fragments *fragments = new_pool(1);
        struct fragments_whole whole;

        assert_false(fragments_add(fragments, 0, order ? &second : &first, &whole));
        assert_true(fragments_add(fragments, 0, order ? &first : &second, &whole));
        assert_original(&whole, 21);
        fragments_free(fragments);
    }
}

static void of_bytes_that_come_twice_the_first_count(void **state)
{
    struct fragments *fragments = new_pool(1);
    struct fragments_whole whole;
    uint8_t other[64];
    struct packet overlapping = piece(1, 8, 64, true);

    (void)state;
    memset(other, 0xee, sizeof(other));
    overlapping.payload = other;
    assert_false(add(fragments, 0, piece(1, 0, 32, true), &whole));
    assert_false(fragments_add(fragments, 0, &overlapping, &whole));
    assert_true(add(fragments, 0, piece(1, 64, 40, false), &whole));
    assert_int_equal(whole.length, 104);
    assert_memory_equal(whole.bytes, original, 32);
    assert_memory_equal(whole.bytes + 32, other, 40);
    assert_memory_equal(whole.bytes + 72, original + 72, 32);
    fragments_free(fragments);
}

/* A mirror port that sends every frame twice, its copies late. */
static void late_copies_begin_nothing(void **state)
{
    struct fragments *fragments = new_pool(1);
    struct fragments_whole whole;

    (void)state;
    assert_false(add_piece(fragments, 1, 0, 16, true));
    assert_false(add_piece(fragments, 1, 0, 16, true));
    assert_true(add_piece(fragments, 1, 16, 16, false));
    assert_false(add_piece(fragments, 1, 16, 16, false));
    assert_false(add_piece(fragments, 1, 0, 16, true));
    assert_false(add_piece(fragments, 1, 16, 16, false));
    /* Later, the identification may be another packet's. */
    assert_false(add(fragments, SECOND, piece(1, 0, 24, true), &whole));
    assert_true(add(fragments, SECOND, piece(1, 24, 24, false), &whole));
    assert_original(&whole, 48);
    fragments_free(fragments);
}

static void a_packet_is_given_up_after_a_while(void **state)
{
    struct fragments *fragments = new_pool(1);
    struct fragments_whole whole;

    (void)state;
    assert_false(add(fragments, 5, piece(1, 0, 16, true), &whole));
    assert_true(add(fragments, 4 + FRAGMENTS_TIMEOUT_NS, piece(1, 16, 16, false), &whole));
    assert_false(add(fragments, 5, piece(2, 0, 16, true), &whole));
    assert_false(add(fragments, 5 + FRAGMENTS_TIMEOUT_NS, piece(2, 16, 16, false), &whole));
    assert_int_equal(fragments_counts(fragments)->expired, 1);
    assert_int_equal(fragments_counts(fragments)->displaced, 0);
    /* The last began a packet, which its first completes. */
    assert_true(add(fragments, 5 + FRAGMENTS_TIMEOUT_NS, piece(2, 0, 16, true), &whole));
    fragments_free(fragments);
}

/* Frames of two queues may come a little out of order. */
static void time_may_go_back(void **state)
{
    struct fragments *fragments = new_pool(1);
    struct fragments_whole whole;

    (void)state;
    assert_false(add(fragments, 100 * SECOND, piece(1, 0, 16, true), &whole));
    assert_true(add(fragments, 40 * SECOND, piece(1, 16, 16, false), &whole));
    assert_original(&whole, 32);
    fragments_free(fragments);
}

static void the_oldest_is_displaced_when_there_is_no_room(void **state)
{
    struct fragments *fragments = new_pool(1); /* in fact 16: one set */
    struct fragments_whole whole;

    (void)state;
    for (uint32_t i = 0; i < 16; i++)
        assert_false(add(fragments, i == 3 ? 0 : i + 1, piece(i, 0, 16, true), &whole));
    assert_false(add(fragments, 20, piece(16, 0, 16, true), &whole));
    assert_int_equal(fragments_counts(fragments)->displaced, 1);
    for (uint32_t i = 0; i < 17; i++)
        if (i != 3)
            assert_true(add(fragments, 21, piece(i, 16, 16, false), &whole));
    assert_int_equal(fragments_counts(fragments)->whole, 16);
    /* Those that are whole make room first. */
    assert_false(add(fragments, 22, piece(100, 0, 16, true), &whole));
    assert_int_equal(fragments_counts(fragments)->displaced, 1);
    assert_true(add(fragments, 22, piece(100, 16, 16, false), &whole));
    fragments_free(fragments);
}

/* What is being read may have fragments in it: also those of a whole packet, then others. */
static void a_packet_that_is_held_stays(void **state)
{
    struct fragments *fragments = new_pool(1);
    struct fragments_whole held;
    struct fragments_whole whole;

    (void)state;
    assert_true(add(fragments, 0, piece(1, 0, 64, false), &held));
    fragments_hold(fragments, true);
    for (uint32_t i = 2; i < 100; i++) {
        struct packet other = piece(i, 0, 64, i % 2);

        other.payload = original + 1000;
        assert_int_equal(add(fragments, i, other, &whole), i % 2 == 0);
        assert_original(&held, 64);
    }
    fragments_hold(fragments, false);
    for (uint32_t i = 100; i < 117; i++) {
        struct packet other = piece(i, 0, 64, true);

        other.payload = original + 1000;
        assert_false(add(fragments, i, other, &whole));
    }
    assert_memory_equal(held.bytes, original + 1000, 64); /* else it was no proof */
    fragments_free(fragments);
}

/* A flood of first fragments leaves alone what it has no place beside. */
static void a_flood_does_not_grow(void **state)
{
    struct fragments *fragments = new_pool(256);
    struct fragments_whole whole;

    (void)state;
    for (uint32_t i = 0; i < 100000; i++)
        assert_false(add(fragments, i, piece(i, 0, 16, true), &whole));
    assert_int_equal(fragments_counts(fragments)->displaced, 100000 - 256);
    fragments_free(fragments);
}

static void a_packet_larger_than_the_window_keeps_its_length(void **state)
{
    struct fragments *fragments = new_pool(1);
    struct fragments_whole whole;
    uint32_t at = 0;

    (void)state;
    for (uint32_t i = 10; i < 24; i++) /* neighbours, which must not be touched */
        assert_false(add(fragments, 0, piece(i, 0, 16000, true), &whole));
    for (; at + 1480 < 60001; at += 1480)
        assert_false(add(fragments, 0, piece(1, at, 1480, true), &whole));
    assert_true(add(fragments, 0, piece(1, at, 60001 - at, false), &whole));
    assert_original(&whole, 60001);
    /* The largest that there can be. */
    assert_false(add(fragments, 0, piece(2, 0, 65528, true), &whole));
    assert_true(add(fragments, 0, piece(2, 65528, 7, false), &whole));
    assert_original(&whole, 65535);
    for (uint32_t i = 10; i < 24; i++) {
        assert_true(add(fragments, 0, piece(i, 16000, 40, false), &whole));
        assert_original(&whole, 16040);
    }
    fragments_free(fragments);
}

/* What the snap length cut from one fragment is missing, and with it all that comes after. */
static void a_cut_fragment_ends_what_is_captured(void **state)
{
    struct fragments *fragments = new_pool(1);
    struct fragments_whole whole;
    struct packet cut = piece(1, 800, 800, true);

    (void)state;
    cut.captured_length = 83;
    cut.payload = exact_copy(original + 800, 83);
    assert_false(add(fragments, 0, piece(1, 0, 800, true), &whole));
    assert_false(fragments_add(fragments, 0, &cut, &whole));
    assert_true(add(fragments, 0, piece(1, 1600, 100, false), &whole));
    assert_int_equal(whole.length, 1700);
    assert_int_equal(whole.captured_length, 883);
    assert_memory_equal(whole.bytes, original, 883);
    free((void *)(uintptr_t)cut.payload);
    fragments_free(fragments);
}

/* It must not take the place of another packet: both would be counted as given up, more than there
 * were. */
static void what_is_refused_displaces_nobody(void **state)
{
    struct fragments *fragments = new_pool(16);
    struct fragments_whole whole;

    (void)state;
    for (uint32_t i = 0; i < 16; i++)
        add_piece(fragments, i, 0, 64, true);
    for (uint32_t i = 100; i < 200; i++)
        assert_false(add_piece(fragments, i, 0, 63, true)); /* no whole units */
    assert_int_equal(fragments_counts(fragments)->refused, 100);
    assert_int_equal(fragments_counts(fragments)->displaced, 0);
    for (uint32_t i = 0; i < 16; i++)
        assert_true(add(fragments, 0, piece(i, 64, 10, false), &whole));
    fragments_free(fragments);
}

static void contradictions_are_refused(void **state)
{
    struct fragments *fragments = new_pool(1);

    (void)state;
    assert_false(add_piece(fragments, 1, 0, 0, true));      /* empty */
    assert_false(add_piece(fragments, 1, 8, 0, false));     /* empty */
    assert_false(add_piece(fragments, 1, 0, 12, true));     /* no whole units, and not the last */
    assert_false(add_piece(fragments, 1, 65528, 8, false)); /* beyond any packet */
    assert_false(add_piece(fragments, 1, 65528, 16, true));
    assert_int_equal(fragments_counts(fragments)->refused, 5);
    assert_false(add_piece(fragments, 1, 64, 8, false));  /* the last */
    assert_false(add_piece(fragments, 1, 64, 16, false)); /* another last */
    assert_false(add_piece(fragments, 1, 56, 8, false));
    assert_false(add_piece(fragments, 1, 72, 8, true)); /* beyond the last */
    assert_false(add_piece(fragments, 1, 64, 8, true)); /* there as well */
    assert_false(add_piece(fragments, 2, 64, 8, true));
    assert_false(add_piece(fragments, 2, 0, 8, false)); /* the last, before another */
    assert_int_equal(fragments_counts(fragments)->refused, 10);
    assert_true(add_piece(fragments, 1, 0, 64, true));
    fragments_free(fragments);
}

/* -- Together with the decoder ----------------------------------------------------------------- */

/* Splits the payload of the IP packet in BYTES into two fragments of its family. */
static void split(const struct bytes *bytes, struct bytes *first, struct bytes *second, size_t at)
{
    bool four = bytes->at[0] >> 4 == 4;
    size_t header = four ? 20 : 40;
    struct bytes *parts[] = {first, second};

    for (size_t i = 0; i < 2; i++) {
        size_t from = i == 0 ? 0 : at;
        size_t length = i == 0 ? at : bytes->length - header - at;
        unsigned place = (unsigned)from | (i == 0 ? 1 : 0);

        parts[i]->length = 0;
        put_bytes(parts[i], bytes->at, header);
        if (!four)
            put_bytes(parts[i],
                      (const uint8_t[]){bytes->at[6], 0, HIGH(place), LOW(place), 1, 2, 3, 4}, 8);
        put_bytes(parts[i], bytes->at + header + from, length);
        if (four) {
            set_u16(parts[i], 2, parts[i]->length);
            set_u16(parts[i], 6, from / 8 | (i == 0 ? 0x2000 : 0));
        } else {
            set_u16(parts[i], 4, parts[i]->length - 40);
            parts[i]->at[6] = 44;
        }
    }
}

/* Decodes, puts together, decodes what was put together, and so on. */
static enum decode_result decode_all(struct fragments *fragments, const struct bytes *bytes,
                                     struct packet *packet)
{
    enum decode_result result = decode_frame(DLT_EN10MB, bytes->at, (uint32_t)bytes->length,
                                             (uint32_t)bytes->length, packet);
    struct fragments_whole whole;

    while (result == DECODE_FRAGMENT && fragments_add(fragments, 0, packet, &whole))
        result = decode_reassembled(&trust_by_default, whole.protocol, whole.bytes,
                                    whole.captured_length, whole.length, packet);
    return result;
}

/* The whole way, for both families, through every tunnel over IP; the tunnel's packets are cut. */
static void fragments_of_tunnels_lead_to_the_payload(void **state)
{
    static struct bytes whole;
    static struct bytes first;
    static struct bytes second;

    (void)state;
    for (size_t i = 0; i < CARRIERS; i++) {
        struct fragments *fragments = new_pool(1);
        struct address source = address6(1);
        struct address destination = address6(2);
        struct packet packet;

        whole.length = 0;
        put_bytes(&whole, original, 500);
        wrap_udp(&whole, 51000, 443);
        wrap_ip(&whole, 17, &source, &destination);
        if (carriers[i].kind != CARRIER_LINK)
            carriers[i].wrap(&whole);
        split(&whole, &first, &second, 96);
        carry(&first, &carriers[0]);
        carry(&second, &carriers[1]);
        assert_int_equal(decode_all(fragments, &second, &packet), DECODE_FRAGMENT);
        assert_int_equal(decode_all(fragments, &first, &packet), DECODE_UDP);
        assert_memory_equal(&packet.source, &source, sizeof(source));
        assert_int_equal(packet.source_port, 51000);
        assert_int_equal(packet.payload_length, 500);
        assert_memory_equal(packet.payload, original, 500);
        fragments_free(fragments);
    }
}

/* Fragments in a packet that itself came in fragments, at each depth. */
static void fragments_may_be_nested(void **state)
{
    static struct bytes whole;
    static struct bytes parts[2];
    static struct bytes frames[2][2];
    struct fragments *fragments = new_pool(1);
    struct address source = address6(1);
    struct address destination = address6(2);
    struct packet packet;

    (void)state;
    for (int round = 0; round < 40; round++) {
        whole.length = 0;
        put_bytes(&whole, original, 1000);
        wrap_udp(&whole, 51000, 443);
        wrap_ip(&whole, 17, &source, &destination);
        split(&whole, &parts[0], &parts[1], 504);
        for (size_t i = 0; i < 2; i++) {
            parts[i].at[40 + 7] = (uint8_t)round;
            over_gre(&parts[i]);
            set_u16(&parts[i], 4, 100 + 2 * (size_t)round + i);
            split(&parts[i], &frames[i][0], &frames[i][1], 48);
            for (size_t j = 0; j < 2; j++)
                wrap_ethernet_ip(&frames[i][j]);
        }
        assert_int_equal(decode_all(fragments, &frames[0][0], &packet), DECODE_FRAGMENT);
        assert_int_equal(decode_all(fragments, &frames[1][1], &packet), DECODE_FRAGMENT);
        assert_int_equal(decode_all(fragments, &frames[1][0], &packet), DECODE_FRAGMENT);
        assert_int_equal(decode_all(fragments, &frames[0][1], &packet), DECODE_UDP);
        assert_int_equal(packet.payload_length, 1000);
        assert_memory_equal(packet.payload, original, 1000);
    }
    fragments_free(fragments);
}

/* An IP packet of 1000 bytes of the original, in a frame of 802.11 or of Ethernet. */
static void put_wireless_frame(struct bytes *frame, bool native, bool swapped)
{
    struct address source = address6(1);
    struct address destination = address6(2);

    frame->length = 0;
    put_bytes(frame, original, 1000);
    wrap_udp(frame, 51000, 443);
    wrap_ip(frame, 17, &source, &destination);
    if (!native) {
        wrap_ethernet_ip(frame);
        return;
    }
    wrap_80211(frame);
    if (swapped) {
        uint8_t type = frame->at[0];

        frame->at[0] = frame->at[1];
        frame->at[1] = type;
    }
}

static void assert_wireless_packet(const struct packet *packet)
{
    assert_int_equal(packet->source.family, 6);
    assert_int_equal(packet->source_port, 51000);
    assert_int_equal(packet->destination_port, 443);
    assert_int_equal(packet->payload_length, 1000);
    assert_int_equal(packet->captured_length, 1000);
    assert_memory_equal(packet->payload, original, 1000);
}

/* Whatever frame, cut anywhere, in any order, some pieces twice. */
static void pieces_of_capwap_lead_to_the_payload(void **state)
{
    static struct bytes frame;
    static struct bytes pieces[200];
    uint64_t seed = 11;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct fragments *fragments = new_pool(1);
        bool native = round % 3 > 0;
        uint32_t size = 8 + 8 * random_below(&seed, 120);
        uint8_t order[200];
        uint8_t count = 0;
        unsigned made = 0;
        struct packet packet;

        put_wireless_frame(&frame, native, round % 3 == 2);
        for (bool more = true; more; count++) {
            more = put_capwap_piece(&pieces[count], &frame, native, count * size, size, 0xfffe);
            order[count] = count;
        }
        for (uint8_t left = count; left > 0;) {
            uint32_t next = random_below(&seed, left);
            bool again = random_below(&seed, 4) == 0;
            enum decode_result result = decode_all(fragments, &pieces[order[next]], &packet);

            if (result != DECODE_FRAGMENT) {
                assert_int_equal(result, DECODE_UDP);
                assert_wireless_packet(&packet);
                made++;
            }
            if (!again)
                order[next] = order[--left];
        }
        assert_int_equal(made, 1);
        assert_int_equal(fragments_counts(fragments)->refused, 0);
        fragments_free(fragments);
    }
}

/* IP cut the pieces of CAPWAP, whose packet is an IP fragment. */
static void pieces_of_capwap_may_be_nested(void **state)
{
    static struct bytes whole;
    static struct bytes fragment;
    static struct bytes piece;
    static struct bytes frames[64];
    struct fragments *fragments = new_pool(64);
    struct address source = address6(1);
    struct address destination = address6(2);
    uint64_t seed = 12;

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        unsigned identification = 16 * round;
        unsigned made = 0;
        size_t count = 0;
        struct packet packet;

        whole.length = 0;
        put_bytes(&whole, original, 1000);
        wrap_udp(&whole, 51000, 443);
        wrap_ip(&whole, 17, &source, &destination);
        for (unsigned i = 0; i < 3; i++) {
            put_fragment(&fragment, &whole, 336 * i, 336, round);
            wrap_ethernet_ip(&fragment);
            for (unsigned j = 0; j < 3; j++) {
                put_capwap_piece(&piece, &fragment, false, 136 * j, 136, identification + i);
                memmove(piece.at, piece.at + 14, piece.length -= 14);
                for (unsigned k = 0; k < 2; k++) {
                    put_fragment(&frames[count], &piece, 80 * k, 80, identification + 4 * i + j);
                    wrap_ethernet_ip(&frames[count++]);
                }
            }
        }
        while (count > 0) {
            size_t next = random_below(&seed, (uint32_t)count);
            enum decode_result result = decode_all(fragments, &frames[next], &packet);

            frames[next] = frames[--count];
            if (result == DECODE_FRAGMENT)
                continue;
            assert_int_equal(result, DECODE_UDP);
            assert_wireless_packet(&packet);
            made++;
        }
        assert_int_equal(made, 1);
    }
    fragments_free(fragments);
}

/* What is no packet of IP counts as the datagram, as where it is whole. */
static void pieces_of_capwap_without_ip_are_a_datagram(void **state)
{
    static struct bytes frame;
    static struct bytes bytes;
    struct fragments *fragments = new_pool(1);
    struct address outer = address4(203, 0, 113, 1);
    struct packet packet;

    (void)state;
    frame.length = 0;
    put_bytes(&frame, original, 100);
    wrap_ethernet(&frame, 0x0806);
    put_capwap_piece(&bytes, &frame, false, 0, 64, 1);
    assert_int_equal(decode_all(fragments, &bytes, &packet), DECODE_FRAGMENT);
    put_capwap_piece(&bytes, &frame, false, 64, 64, 1);
    assert_int_equal(decode_all(fragments, &bytes, &packet), DECODE_UDP);
    assert_memory_equal(&packet.source, &outer, sizeof(outer));
    assert_int_equal(packet.source_port, 50000);
    assert_int_equal(packet.destination_port, 5247);
    assert_int_equal(packet.protocol, PROTOCOL_UDP);
    assert_int_equal(packet.payload_length, 114);
    assert_memory_equal(packet.payload, frame.at, 114);
    fragments_free(fragments);
}

/* -- Against the definition, byte by byte ------------------------------------------------------ */

/* Of the packet under way: which bytes came, from which copy. */
struct model {
    uint8_t bytes[512];
    bool seen[512];
    uint32_t length;
};

static void model_add(struct model *model, const struct packet *fragment)
{
    for (uint32_t i = 0; i < fragment->payload_length; i++) {
        uint32_t place = fragment->fragment.offset + i;

        if (!model->seen[place])
            model->bytes[place] = fragment->payload[i];
        model->seen[place] = true;
    }
}

static bool model_whole(const struct model *model)
{
    for (uint32_t i = 0; i < model->length; i++)
        if (!model->seen[i])
            return false;
    return true;
}

/* Fragments of one length that overlap at will, each with bytes of its own. */
static void overlaps_are_as_defined(void **state)
{
    uint64_t seed = 9;

    (void)state;
    for (int round = 0; round < thinned_count(20000); round++) {
        struct fragments *fragments = new_pool(1);
        struct model model = {.length = 17 + random_below(&seed, 400)};
        struct fragments_whole whole;
        bool made = false;

        for (int step = 0; step < 60 && !made; step++) {
            uint32_t offset = 8 * random_below(&seed, (model.length + 7) / 8);
            uint32_t length = 8 + 8 * random_below(&seed, 20);
            struct packet fragment = piece(1, offset, length, offset + length < model.length);

            if (!fragment.fragment.more)
                fragment.payload_length = fragment.captured_length = model.length - offset;
            fragment.payload = original + random_below(&seed, 60000);
            made = fragments_add(fragments, 0, &fragment, &whole);
            model_add(&model, &fragment);
            assert_int_equal(made, model_whole(&model));
        }
        if (made) {
            assert_int_equal(whole.length, model.length);
            assert_memory_equal(whole.bytes, model.bytes, model.length);
        }
        assert_int_equal(fragments_counts(fragments)->refused, 0);
        fragments_free(fragments);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_pieces_make_a_packet_in_either_order),
        cmocka_unit_test(any_split_in_any_order_makes_the_packet),
        cmocka_unit_test(packets_do_not_mix),
        cmocka_unit_test(packets_of_capwap_have_ports),
        cmocka_unit_test(the_first_ipv6_fragment_names_the_protocol),
        cmocka_unit_test(the_first_piece_of_capwap_names_the_frame),
        cmocka_unit_test(of_bytes_that_come_twice_the_first_count),
        cmocka_unit_test(late_copies_begin_nothing),
        cmocka_unit_test(a_packet_is_given_up_after_a_while),
        cmocka_unit_test(time_may_go_back),
        cmocka_unit_test(the_oldest_is_displaced_when_there_is_no_room),
        cmocka_unit_test(a_packet_that_is_held_stays),
        cmocka_unit_test(a_flood_does_not_grow),
        cmocka_unit_test(a_packet_larger_than_the_window_keeps_its_length),
        cmocka_unit_test(a_cut_fragment_ends_what_is_captured),
        cmocka_unit_test(what_is_refused_displaces_nobody),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(fragments_of_tunnels_lead_to_the_payload),
        cmocka_unit_test(fragments_may_be_nested),
        cmocka_unit_test(pieces_of_capwap_lead_to_the_payload),
        cmocka_unit_test(pieces_of_capwap_may_be_nested),
        cmocka_unit_test(pieces_of_capwap_without_ip_are_a_datagram),
        cmocka_unit_test(overlaps_are_as_defined),
    };

    fill_original();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
