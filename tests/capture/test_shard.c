/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "collectors/capture/shard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "collectors/capture/source.h"
#include "collectors/capture/tunnels.h"
#include "tests/capture/tunnels.h"

#define MOST    16
#define DEMO    IAGMETER_SOURCE_ROOT "/tests/fixtures/demo/demo.pcap"
#define CORPUS  IAGMETER_SOURCE_ROOT "/../shared/data/corpus"
#define CLIENTS 20000

static struct bytes bytes;

struct ends {
    struct address client;
    struct address server;
    uint16_t client_port;
    uint16_t server_port;
    unsigned protocol;
};

static struct ends random_ends(uint64_t *seed)
{
    struct ends ends = {
        .client_port = (uint16_t)(1024 + random_below(seed, 64512)),
        .server_port = (uint16_t)random_below(seed, 1024),
        .protocol = random_below(seed, 2) ? 6 : 17,
    };

    ends.client.family = ends.server.family = random_below(seed, 2) ? 4 : 6;
    for (unsigned i = 0; i < (ends.client.family == 4 ? 4 : 16); i++) {
        ends.client.bytes[i] = (uint8_t)random_next(seed);
        ends.server.bytes[i] = (uint8_t)random_next(seed);
    }
    return ends;
}

/* The IP packet from one end to the other. */
static void put_packet(const struct ends *ends, bool to_client)
{
    const struct address *source = to_client ? &ends->server : &ends->client;
    const struct address *destination = to_client ? &ends->client : &ends->server;
    unsigned source_port = to_client ? ends->server_port : ends->client_port;
    unsigned destination_port = to_client ? ends->client_port : ends->server_port;

    bytes.length = 0;
    put_fill(&bytes, 0x5a, 40);
    if (ends->protocol == 6)
        wrap_tcp(&bytes, source_port, destination_port);
    else
        wrap_udp(&bytes, source_port, destination_port);
    wrap_ip(&bytes, ends->protocol, source, destination);
}

static struct trust_policy policy;

static unsigned shard_of_bytes(int link_type, unsigned count)
{
    uint8_t *copy = exact_copy(bytes.at, bytes.length);
    const struct captured_frame frame = {
        .bytes = copy,
        .captured = (uint32_t)bytes.length,
        .length = (uint32_t)bytes.length,
        .link_type = link_type,
    };
    unsigned shard = shard_of_frame(&policy, &frame, count);

    free(copy);
    return shard;
}

static unsigned plain_shard(const struct ends *ends, bool to_client, unsigned count)
{
    put_packet(ends, to_client);
    return shard_of_bytes(DLT_RAW, count);
}

static void both_ways_in_every_carrier_are_one_shard(void **state)
{
    uint64_t seed = 41;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct ends ends = random_ends(&seed);

        for (size_t j = 0; j < CARRIERS; j++) {
            unsigned count = 1 + random_below(&seed, MOST);
            unsigned shard = plain_shard(&ends, false, count);

            if (carriers[j].ipv6_only && ends.client.family == 4)
                continue;
            assert_true(shard < count);
            for (unsigned to_client = 0; to_client < 2; to_client++) {
                put_packet(&ends, to_client);
                carry(&bytes, &carriers[j]);
                if (shard_of_bytes(DLT_EN10MB, count) != shard)
                    fail_msg("%s", carriers[j].name);
            }
        }
    }
}

/* Each way of the tunnel has one of its ports at the other end. */
static void tunnels_on_ports_that_are_told_are_opened(void **state)
{
    uint64_t seed = 45;

    (void)state;
    assert_null(tunnels_add_port(&policy, "fou:19523"));
    for (unsigned i = 0; i < 200; i++) {
        struct ends ends = random_ends(&seed);
        unsigned shard = plain_shard(&ends, false, MOST);

        for (unsigned to_client = 0; to_client < 2; to_client++) {
            put_packet(&ends, to_client);
            (i % 2 ? over_fou : over_fou_gre)(&bytes);
            wrap_ethernet_ip(&bytes);
            assert_int_equal(shard_of_bytes(DLT_EN10MB, MOST), shard);
        }
    }
    policy = trust_by_default;
}

static void all_packets_of_a_client_are_one_shard(void **state)
{
    uint64_t seed = 42;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct ends ends = random_ends(&seed);
        unsigned shard = plain_shard(&ends, false, MOST);

        for (unsigned j = 0; j < 20; j++) {
            struct ends other = random_ends(&seed);

            other.client = ends.client;
            other.server.family = ends.server.family;
            assert_int_equal(plain_shard(&other, random_below(&seed, 2), MOST), shard);
        }
    }
}

/* Between two ports that are the same, nobody knows who the client is. */
static void equal_ports_are_one_shard_both_ways(void **state)
{
    uint64_t seed = 43;
    unsigned differ = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct ends ends = random_ends(&seed);
        struct ends other = ends;

        ends.client_port = ends.server_port = 53;
        assert_int_equal(plain_shard(&ends, false, MOST), plain_shard(&ends, true, MOST));
        differ += plain_shard(&ends, false, MOST) != plain_shard(&other, false, MOST);
    }
    assert_true(differ > 800); /* both addresses matter */
}

static void clients_are_spread_evenly(void **state)
{
    (void)state;
    for (unsigned count = 1; count <= MOST; count++) {
        unsigned clients[MOST] = {0};

        /* Neighbours, as devices of a network are. */
        for (unsigned i = 0; i < CLIENTS; i++) {
            struct ends ends = {
                .client = i % 2 ? address4(10, 1, i / 2 >> 8, i / 2 & 0xff) : address6(i / 2),
                .server = i % 2 ? address4(192, 0, 2, 1) : address6(65535),
                .client_port = 50000,
                .server_port = 443,
                .protocol = 6,
            };

            clients[plain_shard(&ends, false, count)]++;
        }
        for (unsigned i = 0; i < count; i++)
            assert_in_range(clients[i] * count, CLIENTS * 9 / 10, CLIENTS * 11 / 10);
    }
}

static void fragments_are_of_an_unknown_shard(void **state)
{
    static const struct bytes frame = {.length = 40};
    uint64_t seed = 44;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct ends ends = random_ends(&seed);

        put_packet(&ends, false);
        if (ends.client.family == 6)
            continue;
        set_u16(&bytes, 6, i % 2 ? 0x2000 : 1 + random_below(&seed, 0x1fff));
        assert_int_equal(shard_of_bytes(DLT_RAW, MOST), SHARD_UNKNOWN);
        carry(&bytes, &carriers[i % 2]);
        assert_int_equal(shard_of_bytes(DLT_EN10MB, MOST), SHARD_UNKNOWN);
    }
    put_capwap_piece(&bytes, &frame, false, 8, 8, 1);
    assert_int_equal(shard_of_bytes(DLT_EN10MB, MOST), SHARD_UNKNOWN);
    bytes.length = 0; /* several packets in one frame */
    for (unsigned i = 0; i < 2; i++)
        put_subframe(&bytes, (const uint8_t[40]){[12] = 0x08}, 40);
    over_capwap_aggregate(&bytes);
    wrap_ethernet_ip(&bytes);
    assert_int_equal(shard_of_bytes(DLT_EN10MB, MOST), SHARD_UNKNOWN);
    bytes.length = 0;
    put_fill(&bytes, 0x5a, 40);
    WRAP(&bytes, 17, 0, 0, 1, 0, 0, 0, 7); /* RFC 8200, 4.5 */
    wrap_ipv6(&bytes, 44, &(struct address){6, {1}}, &(struct address){6, {2}});
    wrap_ethernet_ip(&bytes);
    assert_int_equal(shard_of_bytes(DLT_EN10MB, MOST), SHARD_UNKNOWN);
}

static void what_has_no_ports_is_the_first_shard(void **state)
{
    struct ends ends = {address4(10, 1, 2, 3), address4(10, 4, 5, 6), 50000, 443, 6};

    (void)state;
    put_packet(&ends, false);
    bytes.at[9] = 1; /* ICMP */
    carry(&bytes, &carriers[0]);
    assert_int_equal(shard_of_bytes(DLT_EN10MB, MOST), 0);
    bytes.length = 14 + 20 + 7; /* cut short */
    bytes.at[23] = 6;
    assert_int_equal(shard_of_bytes(DLT_EN10MB, MOST), 0);
    bytes.length = 0;
    assert_int_equal(shard_of_bytes(DLT_EN10MB, MOST), 0);
    assert_int_equal(shard_of_bytes(DLT_RAW, MOST), 0);
    assert_int_equal(shard_of_bytes(-1, MOST), 0);
}

/* -- Captures ----------------------------------------------------------------------------------
 */

static unsigned long frames_checked;

static void check_frames(void *context, const struct captured_frame *frames, size_t count)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        struct packet packet;
        unsigned shard = shard_of_frame(&trust_by_default, &frames[i], MOST);

        switch (decode_frame(frames[i].link_type, frames[i].bytes, frames[i].captured,
                             frames[i].length, &packet)) {
        case DECODE_TCP:
        case DECODE_UDP:
            assert_int_equal(shard, shard_of_packet(&packet, MOST));
            break;
        case DECODE_FRAGMENT:
        case DECODE_AGGREGATE:
            assert_int_equal(shard, SHARD_UNKNOWN);
            break;
        default: /* whoever has it counts it */
            assert_true(shard < MOST);
            break;
        }
        frames_checked++;
    }
}

static int visit(const char *path, const struct stat *status, int type, struct FTW *place)
{
    char error[512];
    struct source *source;

    (void)status;
    (void)place;
    if (type != FTW_F || !(source = source_open_file(path, error, sizeof(error))))
        return 0;
    while (source_read(source, 4096, check_frames, NULL) == SOURCE_OK)
        ;
    source_close(source);
    return 0;
}

static void real_frames_are_of_the_shard_of_what_they_decode_to(void **state)
{
    (void)state;
    assert_int_equal(nftw(DEMO, visit, 4, FTW_PHYS), 0);
    assert_true(frames_checked > 0);
    if (access(CORPUS, R_OK) == 0)
        assert_int_equal(nftw(CORPUS, visit, 16, FTW_PHYS), 0);
    else
        print_message("SKIPPED but for the demonstration: %s is not here\n", CORPUS);
    print_message("%lu frames\n", frames_checked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_in_every_carrier_are_one_shard),
        cmocka_unit_test(tunnels_on_ports_that_are_told_are_opened),
        cmocka_unit_test(all_packets_of_a_client_are_one_shard),
        cmocka_unit_test(equal_ports_are_one_shard_both_ways),
        cmocka_unit_test(clients_are_spread_evenly),
        cmocka_unit_test(fragments_are_of_an_unknown_shard),
        cmocka_unit_test(what_has_no_ports_is_the_first_shard),
        cmocka_unit_test(real_frames_are_of_the_shard_of_what_they_decode_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
