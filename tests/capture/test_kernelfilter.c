/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/kernelfilter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/capture/decode.h"
#include "collectors/capture/flowkey.h"
#include "collectors/capture/quic.h"
#include "collectors/capture/tunnels.h"
#include "collectors/inference/localmeter.h"
#include "tests/capture/scene.h"

#include <linux/bpf.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The program of the kernel, on a socket of which we hold both ends. Where the kernel loads no
 * program of ours, whatever it is, these tests are skipped. */

static const struct hash_key key = {{0x0123456789abcdef, 0xfedcba9876543210}};
static struct kernelfilter *filter;
static int ends[2]; /* what is sent to the first passes the program, or does not */
static struct bytes frame;
static struct bytes received;
static bool is_refused;

/* Whether the kernel loads for us what every filter needs: then it has to load ours, too. */
static bool loads_the_least(void)
{
    static const struct bpf_insn all[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
        {.code = BPF_JMP | BPF_EXIT}};
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY,
                          .key_size = sizeof(uint32_t),
                          .value_size = sizeof(uint64_t),
                          .max_entries = 1,
                          .map_flags = BPF_F_MMAPABLE};
    union bpf_attr program = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
                              .insns = (uint64_t)(uintptr_t)all,
                              .insn_cnt = 2,
                              .license = (uint64_t)(uintptr_t) "GPL"};
    long of_map = syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map));
    long of_program = syscall(SYS_bpf, BPF_PROG_LOAD, &program, sizeof(program));

    if (of_map >= 0)
        close((int)of_map);
    if (of_program >= 0)
        close((int)of_program);
    return of_map >= 0 && of_program >= 0;
}

static int begin(void **state)
{
    char error[256];

    scene_begin(state);
    filter = kernelfilter_new(error, sizeof(error));
    if (!filter) {
        if (!is_refused)
            fprintf(stderr, "%s: the filter: %s\n", loads_the_least() ? "failed" : "skipped",
                    error);
        is_refused = true;
        return loads_the_least() ? -1 : 0;
    }
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    kernelfilter_begin(filter, &key);
    return kernelfilter_attach(filter, ends[1]) ? 0 : -1;
}

static int end(void **state)
{
    scene_end(state);
    if (!filter)
        return 0;
    kernelfilter_free(filter);
    filter = NULL;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static void require_filter(void)
{
    if (!filter)
        skip();
}

static bool passes_bytes(const uint8_t *bytes, size_t length)
{
    ssize_t got;

    assert_int_equal(send(ends[0], bytes, length, 0), length);
    got = recv(ends[1], received.at, sizeof(received.at), MSG_DONTWAIT);
    if (got >= 0) { /* as it was */
        assert_int_equal(got, length);
        assert_memory_equal(received.at, bytes, length);
    }
    return got >= 0;
}

static bool passes(void)
{
    return passes_bytes(frame.at, frame.length);
}

static uint64_t key_of_frame(void)
{
    struct packet packet;
    uint8_t side;
    enum decode_result result =
        decode_frame(DLT_EN10MB, frame.at, (uint32_t)frame.length, (uint32_t)frame.length, &packet);

    assert_true(result == DECODE_TCP || result == DECODE_UDP);
    return flowkey_of(&key, &packet, &side);
}

static uint64_t dropped(void)
{
    return kernelfilter_take_count(filter).packets;
}

/* -- Keys -------------------------------------------------------------------------------------- */

struct ends_of {
    struct address address[2];
    uint16_t port[2];
};

/* The first of `carriers` are those that the program knows. */
enum { KNOWN_CARRIERS = 3 };

/* A bulk packet from end SENDER. */
static void build(const struct ends_of *of, int sender, unsigned protocol, unsigned way)
{
    frame.length = 0;
    put_u8(&frame, 0x40);
    put_fill(&frame, 0xaa, 99);
    if (protocol == PROTOCOL_TCP)
        wrap_tcp(&frame, of->port[sender], of->port[!sender]);
    else
        wrap_udp(&frame, of->port[sender], of->port[!sender]);
    wrap_ip(&frame, protocol, &of->address[sender], &of->address[!sender]);
    carry(&frame, &carriers[way]);
}

/* Often alike in their first bytes, or altogether: all that orders them. */
static struct address random_address(uint64_t *seed, uint8_t family)
{
    struct address address = {.family = family};
    unsigned alike = random_below(seed, 4) * 4;

    for (unsigned i = 0; i < (family == 4 ? 4U : 16U); i++)
        address.bytes[i] = (uint8_t)(i < alike ? 0x20 : random_next(seed));
    return address;
}

static struct ends_of random_ends(uint64_t *seed)
{
    uint8_t family = random_below(seed, 2) ? 4 : 6;
    struct ends_of of = {
        .address = {random_address(seed, family), random_address(seed, family)},
        .port = {(uint16_t)(9000 + random_below(seed, 50000)), (uint16_t)random_next(seed)},
    };

    if (random_below(seed, 8) == 0)
        of.address[1] = of.address[0];
    if (of.port[1] < 9000) /* where a tunnel may be, or the DNS */
        of.port[1] = 443;
    return of;
}

static void the_kernel_computes_the_same_keys(void **state)
{
    uint64_t seed = 1;

    (void)state;
    require_filter();
    for (int i = 0; i < 20000; i++) {
        struct ends_of of = random_ends(&seed);
        unsigned protocol = random_below(&seed, 2) ? PROTOCOL_TCP : PROTOCOL_UDP;
        unsigned way = random_below(&seed, KNOWN_CARRIERS);
        uint64_t connection;

        build(&of, 0, protocol, way);
        assert_true(passes());
        connection = key_of_frame();
        kernelfilter_drop(filter, connection);
        assert_false(passes());
        build(&of, 1, protocol, random_below(&seed, KNOWN_CARRIERS));
        assert_false(passes());
        of.port[0] ^= 1;
        build(&of, 0, protocol, way);
        assert_true(passes());
        kernelfilter_saw_opening(filter, connection);
    }
    assert_int_equal(dropped(), 40000);
}

static void another_key_means_other_connections(void **state)
{
    const struct hash_key other = {{1, 2}};
    const struct ends_of of = {{address4(10, 1, 0, 1), address4(10, 1, 0, 2)}, {50000, 443}};

    (void)state;
    require_filter();
    build(&of, 0, PROTOCOL_TCP, 0);
    kernelfilter_drop(filter, key_of_frame());
    assert_false(passes());
    kernelfilter_begin(filter, &other);
    assert_true(passes());
    assert_int_equal(dropped(), 0);
    kernelfilter_drop(filter, key_of_frame());
    assert_true(passes());
}

/* A datagram of QUIC that begins with VALUE. */
static void put_first_byte(unsigned value)
{
    const struct ends_of of = {{address6(1), address6(2)}, {50000, 443}};

    build(&of, 0, PROTOCOL_UDP, 0);
    frame.at[14 + 40 + 8] = (uint8_t)value;
}

/* -- What passes ------------------------------------------------------------------------------- */

/* A connection of which all is dropped that may be. */
static struct tcp_frame marked(uint8_t family)
{
    static const uint8_t payload[20] = {1};
    struct tcp_frame parts = {
        .link_type = DLT_EN10MB,
        .source = family == 4 ? address4(10, 1, 0, 1) : address6(1),
        .destination = family == 4 ? address4(203, 0, 113, 7) : address6(7),
        .source_port = 50000,
        .destination_port = 443,
        .flags = TCP_ACK,
        .tcp_options = 3,
        .payload = payload,
        .payload_length = sizeof(payload),
    };

    build_frame(&frame, &parts);
    kernelfilter_drop(filter, key_of_frame());
    assert_false(passes());
    return parts;
}

#define ASSERT_PASSES(change)                                                                      \
    do {                                                                                           \
        struct tcp_frame parts = marked(family);                                                   \
        change;                                                                                    \
        build_frame(&frame, &parts);                                                               \
        assert_true(passes());                                                                     \
    } while (0)

static void what_is_unusual_passes(void **state)
{
    (void)state;
    require_filter();
    for (uint8_t family = 4; family <= 6; family += 2) {
        ASSERT_PASSES(parts.flags = TCP_FIN | TCP_ACK);
        ASSERT_PASSES(parts.flags = TCP_RST);
        ASSERT_PASSES(parts.zero_length = true);
        if (family == 4) {
            ASSERT_PASSES(parts.ip_options = 1);
            ASSERT_PASSES(parts.fragment = 0x2000);
            ASSERT_PASSES(parts.fragment = 100);
        } else {
            ASSERT_PASSES(parts.extensions = 1);
        }
    }
}

/* Sets byte AT of the marked connection's frame, which then passes. */
static void spoil(uint8_t family, size_t at, uint8_t value)
{
    marked(family);
    frame.at[at] = value;
    if (!passes())
        fail_msg("IPv%u, byte %zu", family, at);
}

static void what_contradicts_itself_passes(void **state)
{
    (void)state;
    require_filter();
    spoil(4, 12, 0x88); /* no IP */
    spoil(4, 14, 0x46); /* header longer */
    spoil(4, 14, 0x65);
    spoil(4, 16, 1);    /* packet longer than the frame */
    spoil(4, 17, 39);   /* and too short for TCP */
    spoil(4, 17, 10);   /* even for IP */
    spoil(4, 23, 47);   /* neither TCP nor UDP */
    spoil(4, 23, 17);   /* UDP of another length */
    spoil(4, 46, 0x40); /* TCP header too short */
    spoil(4, 46, 0xf0); /* longer than the packet */
    spoil(6, 14, 0x45);
    spoil(6, 18, 1);
    spoil(6, 19, 19);
    spoil(6, 20, 44);
    spoil(6, 66, 0x40);
}

static void a_datagram_of_another_length_passes(void **state)
{
    (void)state;
    require_filter();
    put_first_byte(0x40);
    kernelfilter_drop(filter, key_of_frame());
    assert_false(passes());
    frame.at[14 + 40 + 5]--;
    assert_true(passes());
    frame.at[14 + 40 + 4] = 0xff;
    assert_true(passes());
}

/* Cut anywhere, nothing is dropped that does not hold all that it says. */
static void what_is_cut_passes(void **state)
{
    (void)state;
    require_filter();
    for (uint8_t family = 4; family <= 6; family += 2) {
        marked(family);
        for (size_t length = 1; length < frame.length; length++)
            assert_true(passes_bytes(frame.at, length));
        put_fill(&frame, 0, 6); /* but a card may pad it */
        assert_false(passes());
    }
}

static void what_is_in_something_else_passes(void **state)
{
    const struct ends_of of4 = {{address4(10, 1, 0, 1), address4(10, 1, 0, 2)}, {50000, 443}};
    const struct ends_of of6 = {{address6(1), address6(2)}, {50000, 443}};

    (void)state;
    require_filter();
    for (unsigned way = 0; way < CARRIERS; way++) {
        const struct ends_of *of = carriers[way].ipv6_only ? &of6 : &of4;

        build(of, 0, PROTOCOL_TCP, way);
        kernelfilter_drop(filter, key_of_frame());
        if (passes() != (way >= KNOWN_CARRIERS))
            fail_msg("%s", carriers[way].name);
    }
}

/* -- What may open a connection ------------------------------------------------------------------
 */

static void a_new_connection_is_looked_at(void **state)
{
    struct tcp_frame parts;
    uint64_t connection;

    (void)state;
    require_filter();
    parts = marked(4);
    connection = key_of_frame();
    parts.flags = TCP_SYN;
    build_frame(&frame, &parts);
    assert_true(passes());
    parts.flags = TCP_ACK;
    build_frame(&frame, &parts);
    assert_true(passes()); /* at once, whoever has seen the SYN or not */
    kernelfilter_drop(filter, connection);
    assert_true(passes()); /* that was about the one before */
    kernelfilter_saw_opening(filter, connection);
    assert_true(passes());
    kernelfilter_drop(filter, connection);
    assert_false(passes());
    kernelfilter_clear(filter);
    assert_true(passes());
}

/* One that was seen says nothing of the next, which is still on its way. */
static void each_opening_is_waited_for(void **state)
{
    struct tcp_frame parts;
    uint64_t connection;

    (void)state;
    require_filter();
    for (int openings = 1; openings < 5; openings++) {
        parts = marked(openings % 2 ? 4 : 6);
        connection = key_of_frame();
        parts.flags = TCP_SYN;
        build_frame(&frame, &parts);
        for (int i = 0; i < openings; i++)
            assert_true(passes());
        parts.flags = TCP_ACK;
        build_frame(&frame, &parts);
        for (int i = 0; i < openings; i++) {
            kernelfilter_drop(filter, connection);
            assert_true(passes());
            kernelfilter_saw_opening(filter, connection);
        }
        assert_true(passes());
        kernelfilter_drop(filter, connection);
        assert_false(passes());
        kernelfilter_saw_opening(filter, connection); /* of before it was named */
        assert_true(passes());
    }
}

/* Who was never named before: what passed then waits to be seen, and a packet of before it says
 * nothing of what follows it. */
static void an_opening_before_the_name_is_waited_for(void **state)
{
    struct tcp_frame parts;
    uint64_t connection;

    (void)state;
    require_filter();
    for (int openings = 1; openings < 5; openings++) {
        parts = marked(4);
        kernelfilter_begin(filter, &key); /* forget it */
        parts.flags = TCP_SYN;
        build_frame(&frame, &parts);
        connection = key_of_frame();
        for (int i = 0; i < openings; i++)
            assert_true(passes());
        parts.flags = TCP_ACK;
        build_frame(&frame, &parts);
        for (int i = 0; i < openings; i++) {
            kernelfilter_drop(filter, connection);
            kernelfilter_drop_other(filter, connection);
            assert_true(passes());
            kernelfilter_saw_opening(filter, connection);
        }
        assert_true(passes());
        kernelfilter_drop(filter, connection);
        assert_false(passes());
    }
}

/* What was lost on the way is not waited for; what is only late, as the one before it, is. */
static void an_opening_that_is_lost_is_forgotten(void **state)
{
    struct tcp_frame parts;
    uint64_t connection;

    (void)state;
    require_filter();
    kernelfilter_set_time(filter, 1000);
    parts = marked(4);
    connection = key_of_frame();
    parts.flags = TCP_SYN;
    build_frame(&frame, &parts);
    assert_true(passes());
    assert_true(passes());
    parts.flags = TCP_ACK;
    build_frame(&frame, &parts);
    kernelfilter_set_time(filter, 1008);
    kernelfilter_drop(filter, connection);
    assert_true(passes());
    kernelfilter_saw_opening(filter, connection);
    kernelfilter_set_time(filter, 1016);
    kernelfilter_drop(filter, connection);
    assert_true(passes());
    kernelfilter_set_time(filter, 1017);
    kernelfilter_drop(filter, connection);
    assert_false(passes());
}

/* What passed before it began, under another key, is of no other place now. */
static void who_begins_waits_for_no_opening(void **state)
{
    struct tcp_frame parts;

    (void)state;
    require_filter();
    parts = marked(4);
    parts.flags = TCP_SYN;
    build_frame(&frame, &parts);
    assert_true(passes());
    kernelfilter_begin(filter, &key);
    marked(4);
}

/* Makes the frame one of another connection that has the place of CONNECTION. */
static uint64_t build_neighbour(struct tcp_frame *parts, uint64_t connection)
{
    const uint64_t places = (UINT64_C(1) << 17) - 1; /* kernelfilter.c */
    uint64_t neighbour;

    do {
        if (++parts->source_port == 0)
            parts->source.bytes[3]++;
        build_frame(&frame, parts);
        neighbour = key_of_frame();
    } while (neighbour == connection || ((neighbour ^ connection) & places) != 0);
    return neighbour;
}

/* Where one connection is dropped, another one may open and be waited for, too. */
static void an_opening_of_another_takes_no_verdict_back(void **state)
{
    struct tcp_frame parts, other;
    uint64_t connection, neighbour;

    (void)state;
    require_filter();
    kernelfilter_set_time(filter, 1000);
    parts = marked(4);
    connection = key_of_frame();
    other = parts;
    other.flags = TCP_SYN;
    neighbour = build_neighbour(&other, connection);
    assert_true(passes());
    build_frame(&frame, &parts);
    assert_false(passes());
    kernelfilter_set_time(filter, 1003); /* its place may be taken */
    other.flags = TCP_ACK;
    build_frame(&frame, &other);
    kernelfilter_drop(filter, neighbour);
    assert_true(passes());
    kernelfilter_saw_opening(filter, neighbour);
    kernelfilter_drop(filter, neighbour);
    assert_false(passes());
}

static void only_short_headers_of_quic_are_dropped(void **state)
{
    uint64_t connection;

    (void)state;
    require_filter();
    put_first_byte(0x40);
    connection = key_of_frame();
    for (unsigned value = 0; value < 256; value++) {
        kernelfilter_saw_opening(filter, connection);
        kernelfilter_drop(filter, connection);
        put_first_byte(value);
        assert_int_equal(passes(), value < 0x40 || value > 0x7f);
        put_first_byte(0x40);
        /* A long one, or Google's: another may have begun. */
        assert_int_equal(passes(), value > 0x7f || (value & 0xcb) == 0x09);
    }
}

/* Asked again, until what was opened was seen; and whatever new rules come meanwhile. */
static void new_rules_forget_no_opening(void **state)
{
    struct tcp_frame parts;
    uint64_t connection;

    (void)state;
    require_filter();
    parts = marked(4);
    connection = key_of_frame();
    for (int opened = 0; opened < 3; opened++) {
        kernelfilter_clear(filter);
        assert_true(passes());
        if (opened == 1) { /* amid dropping; the last time, after it was cleared */
            kernelfilter_drop(filter, connection);
            assert_false(passes());
        }
        if (opened > 0) {
            parts.flags = TCP_SYN;
            build_frame(&frame, &parts);
            assert_true(passes());
            kernelfilter_clear(filter);
            parts.flags = TCP_ACK;
            build_frame(&frame, &parts);
        }
        kernelfilter_drop(filter, connection);
        assert_int_equal(passes(), opened > 0);
        kernelfilter_saw_opening(filter, connection);
        kernelfilter_drop(filter, connection);
        assert_false(passes());
    }
}

/* -- Acknowledgements, and datagrams of nothing known -------------------------------------------
 */

/* What was heard of that END of the frame's connection. */
static bool takes_heard(bool of_sender)
{
    struct packet packet;
    uint8_t side;
    uint64_t connection;

    decode_frame(DLT_EN10MB, frame.at, (uint32_t)frame.length, (uint32_t)frame.length, &packet);
    connection = flowkey_of(&key, &packet, &side);
    return kernelfilter_take_heard(filter, connection, of_sender ? side : !side);
}

static void acknowledgements_alone_are_dropped(void **state)
{
    static const uint8_t payload[1] = {1};
    struct tcp_frame parts = {.link_type = DLT_EN10MB, .source_port = 443, .flags = TCP_ACK};
    uint64_t seed = 1;

    (void)state;
    require_filter();
    for (int i = 0; i < 2000; i++) {
        struct ends_of of = random_ends(&seed);

        parts.source = of.address[0];
        parts.destination = of.address[1];
        parts.source_port = of.port[0];
        parts.destination_port = of.port[1];
        parts.tcp_options = random_below(&seed, 4);
        parts.flags = TCP_ACK | (random_below(&seed, 2) ? 0x08 : 0); /* PSH says nothing */
        parts.payload_length = 0;
        build_frame(&frame, &parts);
        kernelfilter_drop_acknowledgements(filter, false);
        assert_true(passes());
        kernelfilter_drop_acknowledgements(filter, true);
        assert_false(passes());
        assert_false(takes_heard(false));
        assert_true(takes_heard(true));
        assert_false(takes_heard(true));
        parts.payload = payload;
        parts.payload_length = 1;
        build_frame(&frame, &parts);
        assert_true(passes());
    }
    assert_int_equal(dropped(), 2000);
}

/* By whose filter it was, and when: the next one begins with what it counts, not with less. */
static void the_next_process_drops_nothing_before_it_begins(void **state)
{
    struct tcp_frame parts;

    (void)state;
    require_filter();
    parts = marked(4);
    parts.payload_length = 0;
    build_frame(&frame, &parts);
    kernelfilter_drop_acknowledgements(filter, true);
    assert_false(passes());
    assert_true(kernelfilter_attach(filter, ends[1]));
    assert_true(passes());
    kernelfilter_begin(filter, &key);
    kernelfilter_drop_acknowledgements(filter, true);
    assert_false(passes());
    assert_int_equal(dropped(), 1);
}

static void what_acknowledges_and_more_passes(void **state)
{
    static const uint8_t more[] = {TCP_SYN, TCP_FIN, TCP_RST};
    struct tcp_frame parts;

    (void)state;
    require_filter();
    kernelfilter_drop_acknowledgements(filter, true);
    parts = marked(4);
    kernelfilter_saw_opening(filter, key_of_frame());
    parts.payload_length = 0;
    for (size_t i = 0; i < sizeof(more); i++) {
        parts.flags = more[i] | TCP_ACK;
        build_frame(&frame, &parts);
        assert_true(passes());
    }
    parts.flags = TCP_ACK;
    parts.ip_options = 1;
    build_frame(&frame, &parts);
    assert_true(passes());
}

/* After a SYN, too, and where the connection's packets are dropped anyway, which are told from
 * them. */
static void acknowledgements_of_named_connections_are_dropped(void **state)
{
    struct tcp_frame parts;

    (void)state;
    require_filter();
    kernelfilter_drop_acknowledgements(filter, true);
    parts = marked(6);
    parts.payload_length = 0;
    build_frame(&frame, &parts);
    assert_false(passes());
    assert_false(takes_heard(true));
    parts.flags = TCP_SYN;
    build_frame(&frame, &parts);
    assert_true(passes());
    parts.flags = TCP_ACK;
    build_frame(&frame, &parts);
    assert_false(passes());
    assert_true(takes_heard(true));
}

/* A datagram of DATAGRAM, between ports of nothing known. */
static void put_other(const struct bytes *datagram, uint8_t family)
{
    const struct ends_of of = {{family == 4 ? address4(10, 1, 0, 1) : address6(1),
                                family == 4 ? address4(10, 1, 0, 2) : address6(2)},
                               {50000, 3478}};

    frame.length = 0;
    put_bytes(&frame, datagram->at, datagram->length);
    wrap_udp(&frame, of.port[0], of.port[1]);
    wrap_ip(&frame, PROTOCOL_UDP, &of.address[0], &of.address[1]);
    wrap_ethernet_ip(&frame);
}

/* Names a datagram that is no QUIC, of the same ends. Returns the key. */
static uint64_t name_other(uint8_t family)
{
    static struct bytes datagram;
    uint64_t connection;

    datagram.length = 0;
    put_fill(&datagram, 0x20, 40);
    put_other(&datagram, family);
    connection = key_of_frame();
    kernelfilter_saw_opening(filter, connection);
    kernelfilter_drop_other(filter, connection);
    assert_false(passes());
    return connection;
}

/* Something like a header of QUIC, or of Google's. */
static void put_like_quic(struct bytes *datagram, uint64_t *seed)
{
    static const uint32_t known[] = {0,          1,          0x6b3343cf, 0x709a50c4, 0xff000016,
                                     0xff000022, 0xfaceb001, 0xfaceb0ff, 0x51303238, 0x51303433,
                                     0x51303434, 0x51303436, 0x51303530, 0x54303530, 0x54303531,
                                     0x1a2a3a4a, 0xfafafafa, 0x12345678};
    uint32_t version = known[random_below(seed, sizeof(known) / sizeof(known[0]))];
    size_t size = random_below(seed, 3) ? 60 + random_below(seed, 100) : 1200;
    unsigned first = random_below(seed, 256);

    datagram->length = 0;
    put_u8(datagram, random_below(seed, 3) ? first : 0x09 | (first & 0x34));
    if (!(datagram->at[0] & 0x80))
        put_fill(datagram, 0x77, 8);
    put_u32(datagram, random_below(seed, 8) ? version : (uint32_t)random_next(seed));
    put_u8(datagram, random_below(seed, 21));
    while (datagram->length < size)
        put_u8(datagram, random_below(seed, 4) ? 0 : random_next(seed) & 0xff);
}

/* Whatever the recognition would take for a beginning. */
static void what_may_start_a_connection_passes(void **state)
{
    static struct bytes datagram;
    struct packet packet;
    unsigned starts = 0, others = 0;
    uint64_t seed = 3;

    (void)state;
    require_filter();
    for (int i = 0; i < 20000; i++) {
        uint8_t family = random_below(&seed, 2) ? 4 : 6;
        bool has_passed;

        name_other(family);
        put_like_quic(&datagram, &seed);
        put_other(&datagram, family);
        has_passed = passes();
        others += !has_passed;
        decode_frame(DLT_EN10MB, frame.at, (uint32_t)frame.length, (uint32_t)frame.length, &packet);
        assert_int_equal(kernelfilter_opens(&packet), has_passed);
        if (!quic_starts(datagram.at, datagram.length, datagram.length))
            continue;
        if ((datagram.at[0] & 0xc0) == 0x40) /* Google's for multipath, which nobody used */
            continue;
        starts++;
        assert_true(has_passed);
        datagram.at[0] = 0x20; /* what follows it passes, too */
        put_other(&datagram, family);
        assert_true(passes());
    }
    assert_true(starts > 3000);
    assert_true(others > 3000);
}

static void other_datagrams_are_counted_as_such(void **state)
{
    struct kernelfilter_count count;

    (void)state;
    require_filter();
    name_other(4);
    name_other(6);
    put_first_byte(0x40);
    kernelfilter_drop(filter, key_of_frame());
    assert_false(passes());
    count = kernelfilter_take_count(filter);
    assert_int_equal(count.packets, 3);
    assert_int_equal(count.others, 2);
    assert_int_equal(kernelfilter_take_count(filter).others, 0);
}

/* -- Counts and places ---------------------------------------------------------------------------
 */

static void what_is_dropped_is_counted(void **state)
{
    struct kernelfilter_count count;

    (void)state;
    require_filter();
    marked(4);
    count = kernelfilter_take_count(filter);
    assert_int_equal(count.packets, 1);
    assert_int_equal(count.bytes, frame.length);
    for (int i = 0; i < 1000; i++)
        assert_false(passes());
    count = kernelfilter_take_count(filter);
    assert_int_equal(count.packets, 1000);
    assert_int_equal(count.bytes, 1000 * frame.length);
    count = kernelfilter_take_count(filter);
    assert_int_equal(count.packets + count.bytes, 0);
}

static uint64_t visited_key;
static uint32_t visited_s;
static unsigned visits;

static void visit(void *context, uint64_t connection, uint32_t seen_s)
{
    assert_ptr_equal(context, &visits);
    visited_key = connection;
    visited_s = seen_s;
    visits++;
}

static void who_asks_is_told_which_are_alive(void **state)
{
    uint64_t connection;

    (void)state;
    require_filter();
    visits = 0;
    kernelfilter_set_time(filter, 1000);
    marked(4);
    connection = key_of_frame();
    kernelfilter_drop(filter, 12345); /* silent ever since */
    kernelfilter_set_time(filter, 2000);
    kernelfilter_visit(filter, 2000, visit, &visits);
    assert_int_equal(visits, 0);
    assert_false(passes());
    kernelfilter_visit(filter, 2000, visit, &visits);
    assert_int_equal(visits, 1);
    assert_int_equal(visited_key, connection);
    assert_int_equal(visited_s, 2000);
    kernelfilter_visit(filter, 1000, visit, &visits);
    assert_int_equal(visits, 3);
}

/* Two connections whose place is the same one. */
static void a_place_is_left_to_who_uses_it(void **state)
{
    uint64_t connection, other;

    (void)state;
    require_filter();
    kernelfilter_set_time(filter, 1000);
    marked(4);
    connection = key_of_frame();
    other = connection ^ UINT64_C(1) << 63;
    kernelfilter_drop(filter, other);
    assert_false(passes());
    kernelfilter_set_time(filter, 1002);
    kernelfilter_drop(filter, other);
    assert_false(passes());
    kernelfilter_saw_opening(filter, other); /* not its own */
    assert_false(passes());
    kernelfilter_set_time(filter, 1005);
    kernelfilter_drop(filter, other);
    assert_true(passes());
    visits = 0;
    kernelfilter_visit(filter, 0, visit, &visits);
    assert_int_equal(visits, 1);
    assert_int_equal(visited_key, other);
    kernelfilter_drop(filter, 0); /* no connection has it here */
    kernelfilter_visit(filter, 0, visit, &visits);
    assert_int_equal(visits, 2);
}

/* Who loses it is told, once, with when it was last dropped from. */
static void who_loses_its_place_is_told(void **state)
{
    uint64_t connection;

    (void)state;
    require_filter();
    visits = 0;
    kernelfilter_observe(filter, visit, &visits);
    kernelfilter_set_time(filter, 1000);
    marked(4);
    connection = key_of_frame();
    kernelfilter_set_time(filter, 1005);
    assert_false(passes());
    kernelfilter_set_time(filter, 1010);
    kernelfilter_drop(filter, connection ^ UINT64_C(1) << 63);
    assert_int_equal(visits, 1);
    assert_int_equal(visited_key, connection);
    assert_int_equal(visited_s, 1005);
    kernelfilter_drop(filter, connection ^ UINT64_C(1) << 63);
    assert_int_equal(visits, 1);
}

/* A datagram that nothing follows: or a flood of such would hold all places. */
static void a_single_datagram_holds_no_place(void **state)
{
    uint64_t connection, other;

    (void)state;
    require_filter();
    kernelfilter_set_time(filter, 1000);
    marked(4);
    connection = key_of_frame();
    other = connection ^ UINT64_C(1) << 63;
    kernelfilter_saw_opening(filter, connection); /* forget it */
    kernelfilter_drop_other(filter, other);
    kernelfilter_drop(filter, connection);
    assert_false(passes());
    kernelfilter_drop_other(filter, other);
    assert_false(passes());

    connection = name_other(4); /* of which one was dropped */
    kernelfilter_drop(filter, connection ^ UINT64_C(1) << 63);
    assert_false(passes());
}

/* Of two such, the one whose acknowledgements tell of answers has it, however busy the other is;
 * and of two whose do, the first. */
static void who_acknowledges_comes_before_who_is_dropped(void **state)
{
    struct tcp_frame parts;
    uint64_t connection, other;

    (void)state;
    require_filter();
    kernelfilter_drop_acknowledgements(filter, true);
    kernelfilter_set_time(filter, 1000);
    parts = marked(4);
    parts.payload_length = 0;
    build_frame(&frame, &parts);
    connection = key_of_frame();
    other = connection ^ UINT64_C(1) << 63;
    kernelfilter_saw_opening(filter, connection); /* forget it */
    kernelfilter_drop(filter, other);
    for (int openings = 0; openings < 3; openings++) { /* seen or not */
        kernelfilter_keep_acknowledgements(filter, connection);
        assert_true(passes());
        kernelfilter_clear(filter);
        parts.flags = TCP_SYN;
        build_frame(&frame, &parts);
        assert_true(passes());
        parts.flags = TCP_ACK;
        build_frame(&frame, &parts);
        assert_true(passes());
        if (openings == 1)
            kernelfilter_saw_opening(filter, connection);
    }
    kernelfilter_keep_acknowledgements(filter, connection);
    assert_true(passes());
    kernelfilter_drop(filter, other);
    kernelfilter_keep_acknowledgements(filter, other);
    assert_true(passes());
    kernelfilter_set_time(filter, 1005);
    kernelfilter_keep_acknowledgements(filter, other);
    assert_false(passes());
}

/* -- With a metering ----------------------------------------------------------------------------
 */

static void show(struct metering *metering, const struct shot *shot, bool is_passed)
{
    const struct captured_frame seen = {shot->time_ns, shot->bytes,     shot->captured,
                                        shot->length,  shot->link_type, false};

    if (is_passed)
        metering_frames(metering, &seen, 1);
    else
        metering_advance(metering, shot->time_ns);
    metering_take_filtered(metering);
}

/* Gives METERING what the kernel lets pass, as a ring would: LATE_NS after it came. */
static void show_late(struct metering *metering, int64_t late_ns)
{
    bool *is_passed = calloc(film.count, sizeof(*is_passed));
    size_t shown = 0;

    assert_non_null(is_passed);
    for (size_t i = 0; i < film.count; i++) {
        for (; shown < i && film.shots[shown].time_ns + late_ns <= film.shots[i].time_ns; shown++)
            show(metering, &film.shots[shown], is_passed[shown]);
        is_passed[i] = passes_bytes(film.shots[i].bytes, film.shots[i].captured);
    }
    for (; shown < film.count; shown++)
        show(metering, &film.shots[shown], is_passed[shown]);
    free(is_passed);
}

static void show_filtered(struct metering *metering)
{
    show_late(metering, 0);
}

static void play_filtered(const struct limits *limits, int64_t late_ns)
{
    struct metering *metering = scene_metering(limits);

    metering_set_filter(metering, filter);
    show_late(metering, late_ns);
    scene_close(metering);
}

/* What was handed over is what it is without the filter, but for copies of what was dropped.
 * Returns how many packets were. */
static uint64_t assert_same_sums_late(const struct limits *limits, int64_t late_ns)
{
    struct activity whole[5][4];
    struct coverage expected, got;
    uint64_t filtered;

    scene_play_within(limits);
    expected = sink_coverage(&sunk);
    for (uint16_t direction = 0; direction < 5; direction++)
        for (uint16_t service = 0; service < 4; service++)
            whole[direction][service] = sum_of(direction, service);
    play_filtered(limits, late_ns);
    got = sink_coverage(&sunk);
    filtered = got.packets_filtered;
    got.packets_filtered = 0;
    assert_memory_equal(&got, &expected, sizeof(got));
    for (uint16_t direction = 0; direction < 5; direction++)
        for (uint16_t service = 0; service < 4; service++) {
            struct activity sum = sum_of(direction, service);

            assert_memory_equal(&sum, &whole[direction][service], sizeof(sum));
        }
    return filtered;
}

static uint64_t assert_same_sums_within(const struct limits *limits)
{
    return assert_same_sums_late(limits, 0);
}

static uint64_t assert_same_sums(void)
{
    return assert_same_sums_within(&scene_limits);
}

/* However long it waits to be seen, but for what would count as lost. */
static void assert_same_sums_however_late(void)
{
    for (int64_t late_ns = 1000; late_ns < 5 * SECOND; late_ns += late_ns / 2)
        assert_same_sums_late(&scene_limits, late_ns);
}

static void download(struct talk *talk, size_t size)
{
    static struct bytes bytes;

    bytes.length = 0;
    put_fill(&bytes, 0x5a, size);
    talk_say(&film, talk, FROM_SERVER, &bytes, 1400);
}

static void bulk_of_no_service_is_dropped(void **state)
{
    struct talk talk = talk_of(1, 40000);
    struct talk service = talk_of(2, 40001);

    (void)state;
    require_filter();
    talk_open(&film, &service);
    talk_hello(&film, &service, "api.example", 0);
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "www.other.example", 0);
    for (int i = 0; i < 10; i++) {
        download(&talk, 50000);
        talk_exchange(&film, &service, 2000, 20, 100, 50 * MILLI);
    }
    talk_close(&film, &talk);
    talk_close(&film, &service);
    /* All but the first, which settled it, and the last one after FIN; and that one's, and both
     * openings', acknowledgements. */
    assert_int_equal(assert_same_sums(), 10 * 36 + 3);
}

/* The ports of a connection that was dropped become those of one of a service. */
static void a_service_on_the_same_ports_is_metered(void **state)
{
    struct talk talk = talk_of(1, 40000);

    (void)state;
    require_filter();
    for (int i = 0; i < 4; i++) {
        talk_open(&film, &talk);
        talk_hello(&film, &talk, i % 2 ? "api.example" : "www.other.example", 0);
        download(&talk, 50000);
        talk_exchange(&film, &talk, 2000, 20, 100, 50 * MILLI);
        if (i == 0) /* without a close */
            talk_close(&film, &talk);
        talk.sequence[FROM_CLIENT] += 1U << 24;
        talk.sequence[FROM_SERVER] += 1U << 24;
        film.clock_ns += 10 * SECOND;
    }
    assert_true(assert_same_sums() > 100);
    assert_true(sum_of(ONE, API).requests.central > 0);
    assert_int_equal(sum_of(ONE, API).flows, 2);
    assert_same_sums_however_late();
}

/* At once: the last packets of the one before may still wait to be seen. */
static void a_service_right_behind_on_the_same_ports_is_metered(void **state)
{
    struct talk talk = talk_of(1, 40000);
    struct talk next;

    (void)state;
    require_filter();
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "www.other.example", 0);
    for (int i = 0; i < 6; i++)
        download(&talk, 50000);
    next = talk;
    next.sequence[FROM_CLIENT] += 1U << 24;
    next.sequence[FROM_SERVER] += 1U << 24;
    talk_close(&film, &talk);
    talk_open(&film, &next);
    talk_hello(&film, &next, "api.example", 0);
    talk_exchange(&film, &next, 20000, 20, 100, 50 * MILLI);
    assert_true(assert_same_sums() > 100);
    assert_triple(sum_of(ONE, API).requests, 1, 1, 1);
    assert_same_sums_however_late();
}

static void quic_of_no_service_is_dropped(void **state)
{
    struct talk talk = talk_of(1, 40000);
    struct talk service = talk_of(2, 40001);

    (void)state;
    require_filter();
    quic_hello(&talk, "www.other.example");
    quic_hello(&service, "api.example");
    quic_long(&talk, FROM_SERVER, 2, 1200);
    quic_long(&service, FROM_SERVER, 2, 1200);
    for (int i = 0; i < 10; i++) {
        quic_exchange(&talk, 500, 30);
        quic_exchange(&service, 500, 30);
    }
    assert_true(assert_same_sums() > 250);
    /* Another one of the same ports, of a service. */
    film.clock_ns += 200 * SECOND;
    quic_hello(&talk, "api.example");
    quic_long(&talk, FROM_SERVER, 2, 1200);
    quic_exchange(&talk, 500, 30);
    assert_true(assert_same_sums() > 250);
    assert_int_equal(sum_of(ONE, API).flows, 2);
}

/* Without that, the ports of a download by QUIC that went on for hours would be taken for another
 * connection's at the first long header. */
static void what_is_dropped_keeps_its_connection_alive(void **state)
{
    struct talk talk = talk_of(1, 40000);

    (void)state;
    require_filter();
    quic_hello(&talk, "www.other.example");
    quic_long(&talk, FROM_SERVER, 2, 1200);
    for (int i = 0; i < 300; i++) {
        quic_short(&talk, FROM_SERVER, 1000);
        film.clock_ns += SECOND;
    }
    quic_long(&talk, FROM_CLIENT, 0, 1200);
    assert_true(assert_same_sums() > 250);
    assert_int_equal(sink_coverage(&sunk).flows, 1);
}

/* The place is taken from it before anyone asks which connections are alive. */
static void who_lost_its_place_was_alive_until_then(void **state)
{
    struct talk talk = talk_of(1, 40000);
    struct talk other = talk_of(2, 40001);
    struct metering *metering;

    (void)state;
    require_filter();
    metering = scene_metering(&scene_limits);
    metering_set_filter(metering, filter);
    quic_hello(&talk, "www.other.example");
    quic_long(&talk, FROM_SERVER, 2, 1200);
    for (int i = 0; i < 13; i++) {
        quic_short(&talk, FROM_SERVER, 1000);
        film.clock_ns += SECOND;
    }
    film.clock_ns += 4 * SECOND;
    talk_flags(&film, &other, FROM_CLIENT, TCP_SYN);
    show_filtered(metering);
    visits = 0;
    kernelfilter_visit(filter, 0, visit, &visits);
    assert_int_equal(visits, 1);
    kernelfilter_drop(filter, visited_key ^ UINT64_C(1) << 63);
    film_rewind(&film);
    film.clock_ns += 13 * SECOND;
    quic_long(&talk, FROM_CLIENT, 0, 1200);
    show_filtered(metering);
    scene_close(metering);
    assert_int_equal(sink_coverage(&sunk).flows, 2);
}

/* One whose other end is never heard is told, before its packets are dropped. */
static void one_way_is_told(void **state)
{
    struct talk talk = talk_of(1, 40000);

    (void)state;
    require_filter();
    talk_flags(&film, &talk, FROM_CLIENT, TCP_SYN);
    talk_flags(&film, &talk, FROM_CLIENT, TCP_ACK);
    talk_hello(&film, &talk, "www.other.example", 0);
    for (int i = 0; i < 100; i++)
        talk_record(&film, &talk, FROM_CLIENT, 500);
    assert_true(assert_same_sums() > 50);
    assert_int_equal(sink_coverage(&sunk).flows_one_way, 1);
}

/* A download that began before the capture, of which its client says nothing but that it came. */
static void who_only_acknowledges_is_heard(void **state)
{
    struct talk talk = talk_of(1, 40000);

    (void)state;
    require_filter();
    tell(talk.client, "api.example", talk.server);
    for (int i = 0; i < 100; i++) {
        talk_record(&film, &talk, FROM_SERVER, 1000);
        if (i % 4 == 0)
            talk_flags(&film, &talk, FROM_CLIENT, TCP_ACK);
    }
    assert_int_equal(assert_same_sums(), 25);
    assert_int_equal(sink_coverage(&sunk).flows_one_way, 0);
    assert_int_equal(sum_of(ONE, API).flows, 1);
    film_rewind(&film);
    tell(talk.client, "api.example", talk.server);
    for (int i = 0; i < 100; i++)
        talk_record(&film, &talk, FROM_SERVER, 1000);
    assert_same_sums();
    assert_int_equal(sink_coverage(&sunk).flows_one_way, 1);
}

/* The same of a connection that nothing names, before all of it is dropped. */
static void who_only_acknowledges_amid_tls_is_heard(void **state)
{
    (void)state;
    require_filter();
    for (int heard = 0; heard < 2; heard++) {
        struct talk talk = talk_of(1, 40000);

        film_rewind(&film);
        for (int i = 0; i < 100; i++) {
            talk_record(&film, &talk, FROM_SERVER, 1000);
            if (heard && i % 4 == 0)
                talk_flags(&film, &talk, FROM_CLIENT, TCP_ACK);
        }
        assert_int_equal(assert_same_sums(), 100 - 16 + (heard ? 25 : 0));
        assert_int_equal(sink_coverage(&sunk).names_missing, 1);
        assert_int_equal(sink_coverage(&sunk).flows_one_way, !heard);
    }
}

/* Where only a client of a service is captured, what it acknowledges is all that there is of the
 * answers: that alone is not dropped, however long it goes on. */
static void who_is_heard_alone_is_seen_to_acknowledge(void **state)
{
    struct talk talk = talk_of(1, 40000);

    (void)state;
    require_filter();
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.example", 0);
    for (int i = 0; i < 100; i++) {
        if (i % 20 == 0) {
            film.clock_ns += 30 * SECOND;
            talk_record(&film, &talk, FROM_CLIENT, 400);
            film.clock_ns += SECOND;
        }
        talk_record(&film, &talk, FROM_SERVER, 1000);
        film.clock_ns += 20 * MILLI;
        talk_flags(&film, &talk, FROM_CLIENT, TCP_ACK);
    }
    talk_hide(&film, &talk, FROM_SERVER);
    assert_int_equal(assert_same_sums(), 1); /* that of the opening */
    assert_int_equal(sink_coverage(&sunk).flows_one_way, 1);
    assert_true(sum_of(ONE, API).bytes_down > 99000);
}

/* Nor, until it is told that it is heard alone, where it says nothing more than a name that is of
 * no service. Then all of it is dropped. */
static void who_only_says_a_name_is_told_to_be_heard_alone(void **state)
{
    struct talk talk = talk_of(1, 40000);

    (void)state;
    require_filter();
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "www.other.example", 0);
    for (int i = 0; i < 10; i++) {
        talk_record(&film, &talk, FROM_SERVER, 1000);
        talk_flags(&film, &talk, FROM_CLIENT, TCP_ACK);
    }
    talk_hide(&film, &talk, FROM_SERVER);
    assert_int_equal(assert_same_sums(), 1 + 8); /* that of the opening; two tell */
    assert_int_equal(sink_coverage(&sunk).flows_one_way, 1);
}

/* When the table is full, connections that are silent go before one whose ends still say that they
 * are there, be it without a name yet. */
static void who_only_acknowledges_is_alive(void **state)
{
    const struct limits small = {16, 16, 64, 64, 64};
    struct talk talk = talk_of(1, 40000);

    (void)state;
    require_filter();
    talk_open(&film, &talk);
    for (unsigned i = 0; i < 200; i++) {
        struct talk other = talk_of(2, (uint16_t)(41000 + i));

        talk_flags(&film, &talk, i % 2 ? FROM_CLIENT : FROM_SERVER, TCP_ACK);
        film.clock_ns += 30 * SECOND;
        talk_flags(&film, &other, FROM_CLIENT, TCP_SYN);
    }
    talk_hello(&film, &talk, "api.example", 0);
    talk_exchange(&film, &talk, 2000, 20, 100, 50 * MILLI);
    assert_int_equal(assert_same_sums_within(&small), 201);
    assert_int_equal(sink_coverage(&sunk).flows, 201);
    assert_int_equal(sum_of(ONE, API).flows, 1);
}

/* Calls, tunnels of others, the time: first bytes of all kinds. And what begins between the same
 * ports, which is of a service. */
static void other_datagrams_are_dropped(void **state)
{
    static const uint16_t ports[] = {123, 3478, 4500, 50004};
    static struct bytes datagram;

    (void)state;
    require_filter();
    for (unsigned i = 0; i < 4; i++) {
        struct talk talk = talk_of(i + 1, 40000);

        talk.server_port = ports[i];
        for (unsigned n = 0; n < 300; n++) {
            datagram.length = 0;
            put_u8(&datagram, n);
            put_u8(&datagram, 0x60 + i); /* as of RTP */
            put_u32(&datagram, n * 0x01000193);
            put_fill(&datagram, 0x33, 100);
            put_u32(&datagram, n); /* copies are told by their ends */
            talk_datagram(&talk, n % 2 ? FROM_CLIENT : FROM_SERVER, &datagram);
        }
        quic_hello(&talk, "api.example");
        quic_long(&talk, FROM_SERVER, 2, 1200);
        for (unsigned n = 0; n < 60; n++)
            quic_short(&talk, FROM_SERVER, 1000);
        quic_exchange(&talk, 500, 30);
    }
    assert_true(assert_same_sums() > 1000);
    assert_int_equal(sink_coverage(&sunk).packets_other, 1200);
    assert_int_equal(sum_of(ONE, API).flows, 4);
    assert_same_sums_however_late();
}

/* Where QUIC is at home, the DNS may tell later what it is. */
static void an_answer_tells_what_datagrams_are(void **state)
{
    struct talk talk = talk_of(1, 40000);

    (void)state;
    require_filter();
    for (int i = 0; i < 100; i++)
        quic_short(&talk, i % 2 ? FROM_CLIENT : FROM_SERVER, 1000);
    tell(talk.client, "api.example", talk.server);
    quic_exchange(&talk, 500, 30);
    assert_int_equal(assert_same_sums(), 0);
    assert_int_equal(sum_of(ONE, API).flows, 1);
}

/* Requests in clear may turn to a service at any time, and what is said to the DNS is read. */
static void what_may_turn_to_a_service_is_seen(void **state)
{
    struct talk talk = talk_of(1, 40000);

    (void)state;
    require_filter();
    talk.server_port = 80;
    talk_open(&film, &talk);
    for (int i = 0; i < 20; i++) {
        talk_text(&film, &talk, FROM_CLIENT, "GET / HTTP/1.1\r\nHost: www.other.example\r\n\r\n");
        talk_text(&film, &talk, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
        download(&talk, 20000);
        tell(address4(10, 1, 0, 1), "api.example", address4(203, 0, 113, 9));
    }
    assert_int_equal(assert_same_sums(), 1); /* the opening's acknowledgement */
    assert_int_equal(sink_coverage(&sunk).dns_answers, 20);
}

/* A request in clear whose state other connections needed in the midst of it. */
static void give_up_a_request(struct talk *talk)
{
    talk->server_port = 80;
    talk_open(&film, talk);
    talk_text(&film, talk, FROM_CLIENT, "GET / HTTP/1.1\r\nHost: www.other.example\r\n\r\n");
    talk_text(&film, talk, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
    talk_text(&film, talk, FROM_CLIENT, "GET / HTTP/1.1\r\nHost: www.");
    for (unsigned i = 0; i < 40; i++) {
        struct talk other = talk_of(2 + i, 40000);

        other.server_port = 80;
        talk_open(&film, &other);
        talk_text(&film, &other, FROM_CLIENT, "GET / HTTP/1.1\r\nHost: www.");
    }
    talk_text(&film, talk, FROM_CLIENT, "other.example\r\n\r\n");
}

static void ask_ours(struct talk *talk)
{
    download(talk, 20000);
    talk_text(&film, talk, FROM_CLIENT, "POST / HTTP/1.1\r\nHost: llm.intranet.example\r\n\r\n");
    talk_exchange(&film, talk, 2000, 20, 100, 50 * MILLI);
}

/* It is not judged for good. */
static void requests_that_were_given_up_are_seen(void **state)
{
    struct talk talk = talk_of(1, 40000);

    (void)state;
    require_filter();
    give_up_a_request(&talk);
    for (int i = 0; i < 4; i++)
        ask_ours(&talk);
    assert_int_equal(assert_same_sums(), 41); /* the openings' acknowledgements */
    assert_true(sum_of(ONE, LOCAL).requests.central > 0);
}

/* All of it is seen, so that a close far from what was said last is a forged one. */
static void a_forged_close_of_clear_text_is_not_believed(void **state)
{
    struct talk talk = talk_of(1, 40000);
    struct talk forged;

    (void)state;
    require_filter();
    give_up_a_request(&talk);
    forged = talk;
    forged.sequence[FROM_SERVER] += UINT32_C(1) << 24;
    talk_flags(&film, &forged, FROM_SERVER, TCP_RST);
    for (int i = 0; i < 4; i++)
        ask_ours(&talk);
    assert_same_sums();
    assert_true(sum_of(ONE, LOCAL).requests.central > 0);
}

/* What the client says next voids it, and is dropped again. */
static void a_forged_opening_ends_no_dropping(void **state)
{
    struct talk talk = talk_of(1, 40000);
    uint64_t without = 0;

    (void)state;
    require_filter();
    for (int forged = 0; forged < 2; forged++) {
        film_clear(&film);
        talk = talk_of(1, 40000);
        talk_open(&film, &talk);
        talk_hello(&film, &talk, "www.other.example", 0);
        download(&talk, 20000);
        if (forged)
            talk_segment(&film, &talk, FROM_CLIENT, 1U << 30, TCP_SYN, NULL, 0);
        talk_record(&film, &talk, FROM_CLIENT, 400);
        download(&talk, 50000);
        if (!forged)
            without = assert_same_sums();
    }
    assert_in_range(assert_same_sums(), without - 2, without);
    assert_true(without > 40);
    assert_int_equal(sink_coverage(&sunk).flows, 1);
}

/* Nobody saw it answered; and the old connection's server had not heard of it yet. */
static void a_service_whose_opening_is_a_claim_is_metered(void **state)
{
    struct talk talk = talk_of(1, 40000);
    struct talk old;

    (void)state;
    require_filter();
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "www.other.example", 0);
    download(&talk, 20000);
    old = talk;
    talk.sequence[FROM_CLIENT] += 1U << 24;
    talk.sequence[FROM_SERVER] += 1U << 24;
    talk_flags(&film, &talk, FROM_CLIENT, TCP_SYN);
    download(&old, 10000);
    talk.sequence[FROM_SERVER]++;
    talk_hello(&film, &talk, "api.example", 0);
    talk_exchange(&film, &talk, 2000, 20, 100, 50 * MILLI);
    assert_true(assert_same_sums() > 10);
    assert_triple(sum_of(ONE, API).requests, 1, 1, 1);
    assert_int_equal(sink_coverage(&sunk).flows, 2);
}

/* What begins like QUIC on the port of the DNS, or of a tunnel, may be anything next. */
static void ports_of_other_things_are_seen(void **state)
{
    static const uint16_t ports[] = {53, 4789, 19523};

    (void)state;
    require_filter();
    assert_null(tunnels_add_port(&scene_trust, "fou:19523"));
    for (unsigned i = 0; i < 3; i++) {
        struct talk talk = talk_of(1, 40000);

        talk.server_port = ports[i];
        quic_hello(&talk, "www.other.example");
        quic_long(&talk, FROM_SERVER, 2, 1200);
        for (int n = 0; n < 50; n++) {
            quic_short(&talk, FROM_CLIENT, 1000);
            quic_short(&talk, FROM_SERVER, 1000);
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        struct talk talk = talk_of(2, 40000);
        static struct bytes datagram;

        talk.server_port = ports[i];
        datagram.length = 0;
        put_fill(&datagram, 0x20, 100);
        for (int n = 0; n < 50; n++) {
            talk_datagram(&talk, FROM_CLIENT, &datagram);
            datagram.at[99]++;
        }
    }
    assert_int_equal(assert_same_sums(), 0);
}

static void close_after_data(struct talk *talk)
{
    talk_close(&film, talk);
}

static void close_with_data(struct talk *talk)
{
    static const uint8_t last[100] = {23, 3, 3, 0, 95};

    for (int end = FROM_SERVER; end >= FROM_CLIENT; end--)
        talk_segment(&film, talk, end, talk->sequence[end], TCP_FIN | TCP_ACK, last, sizeof(last));
}

/* However much was dropped since its end last said something: else the next one on the same ports
 * would not be told from it. */
static void assert_a_close_is_believed(void (*close_talk)(struct talk *))
{
    struct talk talk = talk_of(1, 40000);
    struct talk next = talk;

    talk_open(&film, &talk);
    talk_hello(&film, &talk, "www.other.example", 0);
    for (int i = 0; i < 60; i++)
        download(&talk, 60000);
    close_talk(&talk);
    film.clock_ns += SECOND;
    talk_open(&film, &next);
    talk_hello(&film, &next, "api.example", 0);
    talk_exchange(&film, &next, 2000, 20, 100, 50 * MILLI);
    assert_true(assert_same_sums() > 2000);
    assert_int_equal(sum_of(ONE, API).flows, 1);
}

static void a_close_is_believed(void **state)
{
    (void)state;
    require_filter();
    assert_a_close_is_believed(close_after_data);
}

/* Also where the last segment ends what it carries itself. */
static void a_close_with_the_last_data_is_believed(void **state)
{
    (void)state;
    require_filter();
    assert_a_close_is_believed(close_with_data);
}

/* When the table is full, connections that are silent go before one of which all is dropped. */
static void what_is_dropped_keeps_its_place_in_the_table(void **state)
{
    const struct limits small = {16, 16, 64, 64, 64};
    struct talk talk = talk_of(1, 40000);
    static const uint8_t last[] = {1};

    (void)state;
    require_filter();
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "www.other.example", 0);
    for (unsigned i = 0; i < 200; i++) { /* more than three hours */
        struct talk other = talk_of(2, (uint16_t)(41000 + i));

        for (int n = 0; n < 12; n++) {
            download(&talk, 1000);
            film.clock_ns += 5 * SECOND;
        }
        talk_open(&film, &other);
        talk_hello(&film, &other, "www.other.example", 0);
        download(&other, 1000);
    }
    talk_segment(&film, &talk, FROM_SERVER, talk.sequence[FROM_SERVER], TCP_FIN | TCP_ACK, last,
                 sizeof(last));
    assert_true(assert_same_sums_within(&small) > 2000);
    assert_int_equal(sink_coverage(&sunk).flows, 201);
}

/* What is acknowledged to a server of ours tells what of an exchange was not captured. */
static void acknowledgements_to_servers_of_ours_are_seen(void **state)
{
    static const uint16_t ports[] = {8080};
    const struct inference_server servers[] = {{8080, LOCAL, SERVICE_NONE, false}};
    const struct inference_rules rules = {
        .directions = directions,
        .order = {DIRECTION_BY_ADDRESS},
        .order_count = 1,
        .users_order = {DIRECTION_BY_ADDRESS},
        .users_count = 1,
        .servers = servers,
        .server_count = 1,
    };
    const struct localmeter_setup setup = {&rules, catalogue, ports, 1, 16};
    struct tcp_frame parts;
    struct metering *metering;

    (void)state;
    require_filter();
    parts = marked(4);
    parts.payload_length = 0;
    parts.source_port = 40001;
    build_frame(&frame, &parts);
    metering = scene_metering(&scene_limits);
    assert_true(metering_set_local(metering, &setup));
    metering_set_filter(metering, filter);
    assert_true(passes());
    assert_true(metering_set_local(metering, NULL));
    assert_false(passes());
    assert_true(metering_set_local(metering, &setup));
    assert_true(passes());
    scene_close(metering);
}

/* New rules: what was of no interest may be now, and is asked about again. */
static void new_rules_take_verdicts_back(void **state)
{
    struct talk talk = talk_of(1, 40000);
    struct metering *metering;

    (void)state;
    require_filter();
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "www.other.example", 0);
    download(&talk, 50000);
    metering = scene_metering(&scene_limits);
    metering_set_filter(metering, filter);
    show_filtered(metering);
    assert_false(
        passes_bytes(film.shots[film.count - 1].bytes, film.shots[film.count - 1].captured));
    metering_set_rules(metering, catalogue, directions);
    assert_true(
        passes_bytes(film.shots[film.count - 1].bytes, film.shots[film.count - 1].captured));
    scene_close(metering);
}

#define FILTER_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(the_kernel_computes_the_same_keys),
        FILTER_TEST(another_key_means_other_connections),
        FILTER_TEST(what_is_unusual_passes),
        FILTER_TEST(what_contradicts_itself_passes),
        FILTER_TEST(a_datagram_of_another_length_passes),
        FILTER_TEST(what_is_cut_passes),
        FILTER_TEST(what_is_in_something_else_passes),
        FILTER_TEST(a_new_connection_is_looked_at),
        FILTER_TEST(each_opening_is_waited_for),
        FILTER_TEST(an_opening_before_the_name_is_waited_for),
        FILTER_TEST(an_opening_that_is_lost_is_forgotten),
        FILTER_TEST(who_begins_waits_for_no_opening),
        FILTER_TEST(an_opening_of_another_takes_no_verdict_back),
        FILTER_TEST(only_short_headers_of_quic_are_dropped),
        FILTER_TEST(new_rules_forget_no_opening),
        FILTER_TEST(acknowledgements_alone_are_dropped),
        FILTER_TEST(the_next_process_drops_nothing_before_it_begins),
        FILTER_TEST(what_acknowledges_and_more_passes),
        FILTER_TEST(acknowledgements_of_named_connections_are_dropped),
        FILTER_TEST(what_may_start_a_connection_passes),
        FILTER_TEST(other_datagrams_are_counted_as_such),
        FILTER_TEST(what_is_dropped_is_counted),
        FILTER_TEST(who_asks_is_told_which_are_alive),
        FILTER_TEST(a_place_is_left_to_who_uses_it),
        FILTER_TEST(who_loses_its_place_is_told),
        FILTER_TEST(a_single_datagram_holds_no_place),
        FILTER_TEST(who_acknowledges_comes_before_who_is_dropped),
        FILTER_TEST(bulk_of_no_service_is_dropped),
        FILTER_TEST(a_service_on_the_same_ports_is_metered),
        FILTER_TEST(a_service_right_behind_on_the_same_ports_is_metered),
        FILTER_TEST(quic_of_no_service_is_dropped),
        FILTER_TEST(what_is_dropped_keeps_its_connection_alive),
        FILTER_TEST(who_lost_its_place_was_alive_until_then),
        FILTER_TEST(one_way_is_told),
        FILTER_TEST(who_only_acknowledges_amid_tls_is_heard),
        FILTER_TEST(who_only_acknowledges_is_heard),
        FILTER_TEST(who_is_heard_alone_is_seen_to_acknowledge),
        FILTER_TEST(who_only_says_a_name_is_told_to_be_heard_alone),
        FILTER_TEST(who_only_acknowledges_is_alive),
        FILTER_TEST(other_datagrams_are_dropped),
        FILTER_TEST(an_answer_tells_what_datagrams_are),
        FILTER_TEST(what_may_turn_to_a_service_is_seen),
        FILTER_TEST(a_forged_close_of_clear_text_is_not_believed),
        FILTER_TEST(a_forged_opening_ends_no_dropping),
        FILTER_TEST(a_service_whose_opening_is_a_claim_is_metered),
        FILTER_TEST(requests_that_were_given_up_are_seen),
        FILTER_TEST(ports_of_other_things_are_seen),
        FILTER_TEST(a_close_is_believed),
        FILTER_TEST(a_close_with_the_last_data_is_believed),
        FILTER_TEST(what_is_dropped_keeps_its_place_in_the_table),
        FILTER_TEST(acknowledgements_to_servers_of_ours_are_seen),
        FILTER_TEST(new_rules_take_verdicts_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
