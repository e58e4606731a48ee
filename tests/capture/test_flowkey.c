/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/flowkey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

static const struct hash_key key = {{0x0123456789abcdef, 0xfedcba9876543210}};

static struct packet packet_of(struct address source, uint16_t source_port,
                               struct address destination, uint16_t destination_port)
{
    return (struct packet){
        .source = source,
        .destination = destination,
        .source_port = source_port,
        .destination_port = destination_port,
        .protocol = PROTOCOL_TCP,
    };
}

/* The flow's key, which both ways have; the sides are each other's opposite. */
static uint64_t key_both_ways(const struct packet *packet)
{
    struct packet back = packet_of(packet->destination, packet->destination_port, packet->source,
                                   packet->source_port);
    uint8_t sides[2];
    uint64_t keys[2];

    back.protocol = packet->protocol;
    keys[0] = flowkey_of(&key, packet, &sides[0]);
    keys[1] = flowkey_of(&key, &back, &sides[1]);
    assert_int_equal(keys[0], keys[1]);
    assert_int_equal(sides[0] + sides[1], 1);
    return keys[0];
}

static struct address any_address(uint64_t *seed, int family)
{
    struct address address = {.family = (uint8_t)family};
    uint64_t words[2] = {random_next(seed), random_next(seed)};

    memcpy(address.bytes, words, family == 4 ? 4 : 16);
    return address;
}

static void both_ways_have_one_key(void **state)
{
    uint64_t seed = 5;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        int family = i % 2 ? 4 : 6;
        struct packet packet = packet_of(any_address(&seed, family), (uint16_t)random_next(&seed),
                                         any_address(&seed, family), (uint16_t)random_next(&seed));

        key_both_ways(&packet);
        packet.destination = packet.source; /* a host that talks to itself: the ports tell */
        packet.destination_port = packet.source_port ^ (uint16_t)(1 + random_below(&seed, 65535));
        key_both_ways(&packet);
        packet.destination.bytes[family == 4 ? 3 : 15] ^= 1;
        packet.destination_port = packet.source_port;
        key_both_ways(&packet);
    }
}

/* Nothing of the five is left out. */
static void each_part_makes_another_key(void **state)
{
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        uint64_t seed = 6;
        size_t size = family == 4 ? 4 : 16;
        const struct packet packet =
            packet_of(any_address(&seed, family), 50000, any_address(&seed, family), 443);
        uint64_t plain = key_both_ways(&packet);
        struct packet other = packet;

        other.protocol = PROTOCOL_UDP;
        assert_int_not_equal(key_both_ways(&other), plain);
        for (unsigned bit = 0; bit < 16; bit++) {
            other = packet;
            other.source_port ^= (uint16_t)(1U << bit);
            assert_int_not_equal(key_both_ways(&other), plain);
            other = packet;
            other.destination_port ^= (uint16_t)(1U << bit);
            assert_int_not_equal(key_both_ways(&other), plain);
        }
        for (size_t bit = 0; bit < 8 * size; bit++) {
            other = packet;
            other.source.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal(key_both_ways(&other), plain);
            other = packet;
            other.destination.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal(key_both_ways(&other), plain);
        }
        /* Ports that are exchanged without their addresses are another connection's. */
        other = packet;
        other.source_port = packet.destination_port;
        other.destination_port = packet.source_port;
        assert_int_not_equal(key_both_ways(&other), plain);
    }
}

/* Who does not know it cannot make keys that collide. */
static void the_secret_makes_another_key(void **state)
{
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        uint64_t seed = 7;
        struct hash_key another = key;
        struct packet packet =
            packet_of(any_address(&seed, family), 50000, any_address(&seed, family), 443);
        uint8_t side;

        another.halves[1] ^= 1;
        assert_int_not_equal(flowkey_of(&another, &packet, &side), key_both_ways(&packet));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_have_one_key),
        cmocka_unit_test(each_part_makes_another_key),
        cmocka_unit_test(the_secret_makes_another_key),
    };

    return cmocka_run_group_tests_name("flowkey", tests, NULL, NULL);
}
