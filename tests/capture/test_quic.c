/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/quic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pcap/pcap.h>
#include <stdio.h>

#include "collectors/capture/assembly.h"
#include "collectors/capture/cursor.h"
#include "tests/capture/quicpackets.h"
#include "tests/capture/quicvectors.h"

#define CORPUS IAGMETER_SOURCE_ROOT "/../shared/data/corpus/"

static struct quiccrypto *crypto;
static struct quic_connection connection;
static struct assembly assembly;
static struct clienthello hello;
static unsigned restarts;

static void collect(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    struct assembly *pieces = context;

    if (!bytes) {
        restarts++;
        assembly_start(pieces, 0);
        return;
    }
    assert_true(offset + length <= CLIENTHELLO_LONGEST);
    assembly_add(pieces, offset, bytes, (uint32_t)length);
}

static void start(void)
{
    memset(&connection, 0, sizeof(connection));
    assembly_start(&assembly, 0);
    restarts = 0;
}

/* From a block of its own, so that the address sanitizer sees a read past what was captured. */
static enum quic_result feed_cut(const struct bytes *datagram, size_t captured)
{
    uint8_t *copy = exact_copy(datagram->at, captured);
    enum quic_result result =
        quic_read_client(crypto, &connection, copy, captured, datagram->length, collect, &assembly);

    free(copy);
    return result;
}

static enum quic_result feed(const struct bytes *datagram)
{
    return feed_cut(datagram, datagram->length);
}

/* The name that follows from what was fed, "" when none does. */
static const char *name(void)
{
    if (quic_parse_hello(assembly.bytes, assembly_prefix(&assembly), &hello) !=
        CLIENTHELLO_COMPLETE)
        return "";
    return hello.name;
}

static int make_crypto(void **state)
{
    (void)state;
    crypto = quiccrypto_new();
    return crypto ? 0 : -1;
}

static int drop_crypto(void **state)
{
    (void)state;
    quiccrypto_free(crypto);
    return 0;
}

/* -- What the builder makes -------------------------------------------------------------------- */

static const uint8_t ids[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08, 1,  2,  3,
                              4,    5,    6,    7,    8,    9,    10,   11,   12, 13, 14};
static struct bytes plain;
static struct bytes message;
static struct bytes datagram;

static struct packet_parts version_1(void)
{
    return (struct packet_parts){
        .version = 1, .salt = PACKET_SALT_V1, .id = ids, .id_length = 8, .source_length = 5};
}

/* A ClientHello for api.example of more than SIZE bytes. */
static void make_message(size_t size)
{
    struct hello_parts parts = {
        .name = "api.example", .alpn = "h3", .padding = size, .name_comes_last = true};

    message.length = 0;
    put_hello_message(&message, &parts);
}

/* One Initial that holds the bytes [FROM, TO) of the message, and padding, in DATAGRAM. */
static void make_initial(const struct packet_parts *parts, size_t from, size_t to)
{
    plain.length = 0;
    put_crypto(&plain, from, message.at + from, to - from);
    if (plain.length < 1165)
        put_fill(&plain, 0, 1165 - plain.length);
    datagram.length = 0;
    put_packet(&datagram, parts, &plain);
}

static void make_whole(const struct packet_parts *parts)
{
    make_message(200);
    make_initial(parts, 0, message.length);
}

/* -- The tests --------------------------------------------------------------------------------- */

static void the_packets_of_the_standards_are_read(void **state)
{
    static const char *const clients[] = {VECTOR_CLIENT_V1, VECTOR_CLIENT_V2};
    static const char *const servers[] = {VECTOR_SERVER_V1, VECTOR_SERVER_V2};

    (void)state;
    for (int i = 0; i < 2; i++) {
        start();
        datagram.length = from_hex(clients[i], datagram.at);
        assert_int_equal(datagram.length, 1200);
        assert_true(quic_starts(datagram.at, datagram.length, datagram.length));
        assert_int_equal(feed(&datagram), QUIC_CRYPTO);
        assert_string_equal(name(), "example.com");
        assert_string_equal(hello.alpn, "alpn");
        assert_int_equal(connection.original_length, 8);
        assert_memory_equal(connection.original, ids, 8);
        datagram.length = from_hex(servers[i], datagram.at);
        assert_int_equal(feed(&datagram), QUIC_UNREADABLE);
        assert_memory_equal(connection.original, ids, 8);
    }
}

static void every_version_is_read(void **state)
{
    static const struct {
        uint32_t version;
        const char *salt;
        bool v2;
        bool google;
    } rows[] = {
        {1, PACKET_SALT_V1, false, false},
        {0x6b3343cf, PACKET_SALT_V2, true, false},
        {0x709a50c4, PACKET_SALT_V2_DRAFT, true, false},
        {0xff000016, PACKET_SALT_22, false, false},
        {0xff000017, PACKET_SALT_23, false, false},
        {0xff00001c, PACKET_SALT_23, false, false},
        {0xff00001d, PACKET_SALT_29, false, false},
        {0xff000020, PACKET_SALT_29, false, false},
        {0xff000021, PACKET_SALT_V1, false, false},
        {0xff000022, PACKET_SALT_V1, false, false},
        {0xfaceb001, PACKET_SALT_22, false, false},
        {0xfaceb002, PACKET_SALT_23, false, false},
        {0xfaceb003, PACKET_SALT_V1, false, false},
        {0xfaceb00e, PACKET_SALT_23, false, false},
        {0x51303530, PACKET_SALT_Q050, false, true},
        {0x54303530, PACKET_SALT_T050, false, true},
        {0x54303531, PACKET_SALT_T051, false, true},
        {0x1a2a3a4a, PACKET_SALT_RESERVED, false, false},
        {0xbabababa, PACKET_SALT_29, false, false},
        {0x0a0a0a0a, PACKET_SALT_V1, false, false},
        {0xabcd0001, PACKET_SALT_V1, false, false}, /* unknown, and like version 1 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct packet_parts parts = version_1();

        parts.version = rows[i].version;
        parts.salt = rows[i].salt;
        parts.v2 = rows[i].v2;
        make_message(100);
        plain.length = 0;
        if (rows[i].google) /* an ACK of one block, before */
            put_bytes(&plain, "\x40\x01\x00\x05\x01\x00", 6);
        else
            put_bytes(&plain, "\x02\x01\x40\x05\x01\x00\x00\x00", 8);
        put_crypto(&plain, 0, message.at, message.length);
        if (rows[i].google)
            plain.at[6] = 8;
        put_fill(&plain, 0, 900);
        datagram.length = 0;
        put_packet(&datagram, &parts, &plain);
        start();
        assert_true(quic_starts(datagram.at, datagram.length, 1200));
        assert_int_equal(feed(&datagram), QUIC_CRYPTO);
        assert_string_equal(name(), "api.example");
        assert_int_equal(connection.version, rows[i].version);
    }
}

static void ids_tokens_and_numbers_may_be_of_any_length(void **state)
{
    static const size_t tokens[] = {0, 1, 63, 64, 300};

    (void)state;
    for (size_t length = 0; length <= 20; length++) {
        struct packet_parts parts = version_1();

        parts.id_length = length;
        parts.source_length = 20 - length;
        parts.token_length = tokens[length % 5];
        parts.number_size = 1 + length % 4;
        parts.number = (uint32_t)length;
        make_whole(&parts);
        start();
        assert_int_equal(feed(&datagram), QUIC_CRYPTO);
        assert_string_equal(name(), "api.example");
        assert_int_equal(connection.original_length, length);
    }
}

static void ids_over_20_bytes_are_not_read(void **state)
{
    struct packet_parts parts = version_1();

    (void)state;
    parts.id_length = 21;
    make_whole(&parts);
    start();
    assert_int_equal(feed(&datagram), QUIC_NONE);
    assert_false(quic_starts(datagram.at, datagram.length, datagram.length));
}

static void small_datagrams_are_read(void **state)
{
    struct packet_parts parts = version_1();

    (void)state;
    make_message(0);
    plain.length = 0;
    put_crypto(&plain, 0, message.at, message.length);
    datagram.length = 0;
    put_packet(&datagram, &parts, &plain);
    start();
    assert_true(datagram.length < 300);
    assert_true(quic_starts(datagram.at, datagram.length, datagram.length));
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    assert_string_equal(name(), "api.example");
}

/* Two Initials with a 0-RTT and a Handshake packet between, in any order, and padding after. */
static void coalesced_packets_are_read(void **state)
{
    static const int orders[][4] = {{0, 1, 2, 3}, {1, 0, 2, 3}, {2, 3, 0, 1}, {3, 1, 2, 0}};

    (void)state;
    make_message(500);
    for (size_t i = 0; i < 4; i++) {
        datagram.length = 0;
        for (size_t j = 0; j < 4; j++) {
            struct packet_parts parts = version_1();
            size_t half = message.length / 2;

            parts.v2 = i == 3;
            parts.version = i == 3 ? 0x6b3343cf : 1;
            parts.salt = i == 3 ? PACKET_SALT_V2 : PACKET_SALT_V1;
            plain.length = 0;
            if (orders[i][j] == 0)
                put_crypto(&plain, 0, message.at, half);
            else if (orders[i][j] == 1)
                put_crypto(&plain, half, message.at + half, message.length - half);
            else
                put_crypto(&plain, 0, ids, sizeof(ids)); /* not the Initial's stream */
            parts.type = orders[i][j] > 1 ? (unsigned)orders[i][j] - 1 : 0;
            parts.number = (uint32_t)j;
            put_packet(&datagram, &parts, &plain);
        }
        put_fill(&datagram, 0, 77);
        start();
        assert_int_equal(feed(&datagram), QUIC_CRYPTO);
        assert_string_equal(name(), "api.example");
    }
}

/* Cuts the message in pieces, some of which overlap, and puts them in an order of its own into
 * Initials, of one datagram or of several, some of which come twice. */
static void any_split_order_and_repetition_gives_the_same_name(void **state)
{
    struct packet_parts parts = version_1();
    uint64_t seed = 7;

    (void)state;
    for (int round = 0; round < 1500; round++) {
        uint32_t count = 1 + random_below(&seed, 20);
        size_t bounds[22] = {0};
        uint32_t order[20];
        uint32_t number = 0;

        make_message(random_below(&seed, 2500));
        for (uint32_t i = 1; i <= count; i++)
            bounds[i] = message.length * i / count;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t j = random_below(&seed, i + 1);

            order[i] = order[j];
            order[j] = i;
        }
        start();
        datagram.length = plain.length = 0;
        for (uint32_t i = 0; i < count; i++) {
            size_t from = bounds[order[i]];
            size_t to = bounds[order[i] + 1];

            from -= random_below(&seed, 4) ? 0 : random_below(&seed, (uint32_t)from + 1);
            put_fill(&plain, 0, random_below(&seed, 3) ? 0 : random_below(&seed, 50));
            put_fill(&plain, 1, random_below(&seed, 3));
            put_crypto(&plain, from, message.at + from, to - from);
            if (i + 1 < count && random_below(&seed, 3))
                continue;
            put_fill(&plain, 0, 20);
            parts.number = number++;
            parts.id = number > 2 ? ids + 8 : ids;
            parts.key_id = ids;
            parts.key_id_length = 8;
            put_packet(&datagram, &parts, &plain);
            plain.length = 0;
            if (i + 1 < count && random_below(&seed, 3) == 0)
                continue;
            for (uint32_t times = random_below(&seed, 5) ? 1 : 2; times > 0; times--)
                assert_int_equal(feed(&datagram), QUIC_CRYPTO);
            datagram.length = 0;
        }
        assert_string_equal(name(), "api.example");
    }
}

static void a_new_id_from_the_server_leaves_the_keys(void **state)
{
    struct packet_parts parts = version_1();

    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        start();
        make_message(1500);
        parts.id = ids;
        make_initial(&parts, 0, 900);
        assert_int_equal(feed(&datagram), QUIC_CRYPTO);
        parts.key_id = ids;
        parts.key_id_length = 8;
        parts.id = ids + 9;
        parts.id_length = 7;
        make_initial(&parts, 900, message.length);
        assert_int_equal(feed_cut(&datagram, datagram.length - (cut ? 10 : 0)), QUIC_CRYPTO);
        assert_string_equal(name(), "api.example");
        assert_memory_equal(connection.original, ids, 8);
        parts = version_1();
    }
}

static void put_retry(uint32_t version)
{
    datagram.length = 0;
    put_u8(&datagram, version == 1 ? 0xf0 : 0xc0);
    put_u32(&datagram, version);
    put_u8(&datagram, 0);
    put_u8(&datagram, 10);
    put_bytes(&datagram, ids + 4, 10);
    put_fill(&datagram, 0x70, 30 + 16);
}

static void after_retry_the_keys_come_from_the_new_id(void **state)
{
    struct packet_parts parts = version_1();

    (void)state;
    start();
    make_message(1500);
    make_initial(&parts, 0, 900);
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    put_retry(1);
    assert_true(quic_starts(datagram.at, datagram.length, datagram.length));
    assert_int_equal(feed(&datagram), QUIC_OTHER);
    put_retry(0x6b3343cf);
    assert_int_equal(feed(&datagram), QUIC_OTHER);
    parts.id = ids + 4;
    parts.id_length = 10;
    parts.token_length = 46;
    make_initial(&parts, 900, message.length); /* all of it comes again, in any order */
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    assert_string_equal(name(), "");
    make_initial(&parts, 0, 900);
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    assert_int_equal(connection.original_length, 10);
    assert_memory_equal(connection.original, ids + 4, 10);
    assert_int_equal(restarts, 1);
    assert_string_equal(name(), "api.example");
}

/* Half a hello that was left must not be completed by that of another connection. */
static void another_connection_from_the_same_port_begins_anew(void **state)
{
    struct packet_parts parts = version_1();

    (void)state;
    start();
    make_message(1500);
    memcpy(message.at + message.length - 11, "old.example", 11);
    make_initial(&parts, 900, message.length);
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    make_message(1500);
    parts.id = ids + 3;
    make_initial(&parts, 0, 900);
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    assert_string_equal(name(), "");
    make_initial(&parts, 900, message.length);
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    assert_string_equal(name(), "api.example");
}

/* Servers take no shorter one (RFC 9000, 14.1): so what is too short to open anything, or begins
 * with something else, leaves half a hello as it is. */
static void what_cannot_open_begins_nothing_anew(void **state)
{
    struct packet_parts parts = version_1();
    struct packet_parts forged = version_1();
    struct packet_parts first = version_1();

    (void)state;
    start();
    make_message(1500);
    make_initial(&parts, 0, 900);
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    forged.id = ids + 3;
    plain.length = datagram.length = 0;
    put_crypto(&plain, 0, message.at, 700);
    put_packet(&datagram, &forged, &plain);
    assert_true(datagram.length < 1200);
    assert_int_equal(feed(&datagram), QUIC_UNREADABLE);
    first.type = 2; /* a packet of the handshake, and the Initial behind it */
    datagram.length = 0;
    put_packet(&datagram, &first, &plain);
    put_packet(&datagram, &forged, &plain);
    assert_true(datagram.length > 1200);
    assert_int_equal(feed(&datagram), QUIC_UNREADABLE);
    assert_int_equal(restarts, 0);
    make_initial(&parts, 900, message.length);
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    assert_string_equal(name(), "api.example");
}

/* The part of the first packet that tells whose it is. */
static void headers_are_read(void **state)
{
    struct packet_parts parts = version_1();
    struct quic_header header;

    (void)state;
    make_whole(&parts);
    for (size_t length = 0; length < 1 + 4 + 1 + 8 + 1 + 5; length++)
        assert_false(quic_read_header(datagram.at, length, &header));
    assert_true(quic_read_header(datagram.at, 20, &header));
    assert_int_equal(header.version, 1);
    assert_false(header.is_retry);
    assert_int_equal(header.destination_length, 8);
    assert_memory_equal(header.destination, ids, 8);
    assert_int_equal(header.source_length, 5);
    assert_int_equal(header.source[4], 0x5c);
    put_retry(1);
    assert_true(quic_read_header(datagram.at, datagram.length, &header) && header.is_retry);
    put_retry(0x6b3343cf); /* whose Initials have the number of version 1's Handshakes */
    assert_true(quic_read_header(datagram.at, datagram.length, &header) && header.is_retry);
    put_retry(0);
    assert_true(quic_read_header(datagram.at, datagram.length, &header) && !header.is_retry);
    datagram.at[0] = 0x40;
    assert_false(quic_read_header(datagram.at, datagram.length, &header));
    assert_int_not_equal(quic_hash(ids, 8), quic_hash(ids, 7));
    assert_int_equal(quic_hash(ids, 8), quic_hash(ids, 8));
    assert_int_equal(quic_hash(NULL, 0) & 1, 1);
}

static bool answers(const uint8_t *id, size_t id_length, size_t captured)
{
    uint8_t *copy = exact_copy(datagram.at, captured);
    bool result = quic_answers(crypto, id, id_length, copy, captured, datagram.length);

    free(copy);
    return result;
}

/* Those of the standards, and one that the snap length cut. */
static void a_server_answers_whom_its_keys_are_of(void **state)
{
    static const char *const servers[] = {VECTOR_SERVER_V1, VECTOR_SERVER_V2};
    struct packet_parts parts = version_1();

    (void)state;
    for (int i = 0; i < 2; i++) {
        datagram.length = from_hex(servers[i], datagram.at);
        assert_true(answers(ids, 8, datagram.length));
        assert_true(answers(ids, 8, datagram.length - 40));
        assert_false(answers(ids, 8, 37));
        assert_false(answers(ids, 7, datagram.length));
        datagram.at[100] ^= 1;
        assert_false(answers(ids, 8, datagram.length));
    }
    make_whole(&parts); /* a client's */
    assert_false(answers(ids, 8, datagram.length));
    parts.server = true;
    make_whole(&parts); /* its hello under a server's keys: all that is there makes sense */
    assert_true(answers(ids, 8, datagram.length));
    assert_false(answers(ids, 8, datagram.length - 40));
}

/* A client that asks for negotiation first uses a reserved version, whose salt nobody need know.
 * The server answers with the versions that it has, and the client begins anew. */
static void version_negotiation_is_survived(void **state)
{
    static const char *const salts[] = {PACKET_SALT_RESERVED,
                                        "000102030405060708090a0b0c0d0e0f10111213"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct packet_parts parts = version_1();

        start();
        make_message(1500);
        memset(message.at + 1000, 0, message.length - 1000); /* not what comes after */
        parts.version = 0xfafafafa;
        parts.salt = salts[i];
        make_initial(&parts, 900, message.length);
        assert_true(quic_starts(datagram.at, datagram.length, datagram.length));
        assert_int_equal(feed(&datagram), i == 0 ? QUIC_CRYPTO : QUIC_UNREADABLE);
        datagram.length = 0;
        put_u8(&datagram, 0x80);
        put_u32(&datagram, 0);
        put_u8(&datagram, 200); /* of a version to come */
        put_fill(&datagram, 1, 200);
        put_u8(&datagram, 8);
        put_bytes(&datagram, ids, 8);
        put_u32(&datagram, 1);
        put_u32(&datagram, 0x6b3343cf);
        assert_true(quic_starts(datagram.at, datagram.length, datagram.length));
        assert_int_equal(feed(&datagram), QUIC_OTHER);
        make_message(1500);
        parts = version_1();
        make_initial(&parts, 0, 1000);
        assert_int_equal(feed(&datagram), QUIC_CRYPTO);
        assert_int_equal(restarts, i == 0);
        assert_string_equal(name(), "");
        make_initial(&parts, 1000, message.length);
        assert_int_equal(feed(&datagram), QUIC_CRYPTO);
        assert_string_equal(name(), "api.example");
        assert_int_equal(connection.version, 1);
    }
}

/* RFC 9369, 4: with the keys of the first id, but version 2's. */
static void a_client_may_go_on_in_version_2(void **state)
{
    struct packet_parts parts = version_1();

    (void)state;
    start();
    make_message(1500);
    make_initial(&parts, 0, 900);
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    parts = (struct packet_parts){.version = 0x6b3343cf,
                                  .salt = PACKET_SALT_V2,
                                  .v2 = true,
                                  .id = ids + 10,
                                  .id_length = 8,
                                  .key_id = ids,
                                  .key_id_length = 8};
    make_initial(&parts, 900, message.length);
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    assert_int_equal(restarts, 0);
    assert_string_equal(name(), "api.example");
}

static void the_servers_packets_do_no_harm(void **state)
{
    struct packet_parts client = version_1();
    struct packet_parts server = version_1();
    struct quic_connection before;

    (void)state;
    server.server = true;
    server.id = ids + 8;
    server.key_id = ids;
    server.key_id_length = 8;
    for (int cut = 0; cut < 2; cut++) {
        start();
        make_message(1500);
        make_initial(&client, 0, 900);
        assert_int_equal(feed(&datagram), QUIC_CRYPTO);
        before = connection;
        make_message(300);
        make_initial(&server, 0, message.length);
        assert_int_equal(feed_cut(&datagram, datagram.length - (cut ? 100 : 0)), QUIC_UNREADABLE);
        assert_memory_equal(&connection, &before, sizeof(before));
        make_message(1500);
        make_initial(&client, 900, message.length);
        assert_int_equal(feed(&datagram), QUIC_CRYPTO);
        assert_string_equal(name(), "api.example");
    }
    start();
    make_message(300);
    make_initial(&server, 0, message.length); /* first of all */
    assert_int_equal(feed(&datagram), QUIC_UNREADABLE);
    make_initial(&client, 0, message.length);
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    assert_string_equal(name(), "api.example");
}

static void initials_without_a_hello_and_other_packets_are_other(void **state)
{
    struct packet_parts parts = version_1();

    (void)state;
    start();
    plain.length = 0;
    put_bytes(&plain, "\x03\x05\x00\x00\x05\x01\x02\x03\x1c\x00\x00\x03nay", 15);
    put_fill(&plain, 0, 100);
    datagram.length = 0;
    put_packet(&datagram, &parts, &plain);
    assert_int_equal(feed(&datagram), QUIC_OTHER);
    for (parts.type = 1; parts.type <= 2; parts.type++) {
        datagram.length = 0;
        put_packet(&datagram, &parts, &plain);
        assert_int_equal(feed(&datagram), QUIC_OTHER);
    }
    datagram.at[0] = 0x43; /* a short header */
    assert_int_equal(feed(&datagram), QUIC_OTHER);
    start();
    assert_int_equal(feed(&datagram), QUIC_NONE);
}

static void other_traffic_is_none(void **state)
{
    static const char *const others[] = {
        "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07"
        "example\x03"
        "com", /* DNS */
        "\xc2\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07"
        "example\x03"
        "com",
        "\x00\x01\x00\x00\x21\x12\xa4\x42\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a", /* STUN */
        "\x80\x60\x12\x34\x00\x00\x10\x00\x11\x22\x33\x44\x55\x55\x55\x55\x55\x55\x55", /* RTP */
        "\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x01\x00\x00\x00\x00\x00", /* DTLS */
    };

    (void)state;
    start();
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        datagram.length = 0;
        put_bytes(&datagram, others[i], 19);
        assert_false(quic_starts(datagram.at, datagram.length, datagram.length));
        assert_true(feed(&datagram) < QUIC_CRYPTO);
        assert_int_equal(connection.version, 0);
    }
    datagram.length = 0;
    assert_false(quic_starts(datagram.at, 0, 0));
    assert_int_equal(feed(&datagram), QUIC_NONE);
}

/* Of a version nobody knows, the first datagram is told by its size (RFC 9000, 14.1). */
static void unknown_versions_start_with_large_datagrams(void **state)
{
    struct packet_parts parts = version_1();

    (void)state;
    parts.version = 0xabcd0001;
    make_whole(&parts);
    assert_true(quic_starts(datagram.at, 1199, 1200));
    assert_true(quic_starts(datagram.at, 64, 1200));
    assert_false(quic_starts(datagram.at, 1199, 1199));
    datagram.at[0] &= 0xbf;
    assert_false(quic_starts(datagram.at, 1199, 1200));
    datagram.at[0] |= 0x40;
    datagram.at[5] = 7;
    assert_false(quic_starts(datagram.at, 1199, 1200));
}

/* RFC 9287: who was told before that it may, clears the fixed bit. */
static void the_fixed_bit_may_be_greased(void **state)
{
    struct packet_parts parts = version_1();
    unsigned read = 0;

    (void)state;
    for (parts.number = 0; parts.number < 4; parts.number++) {
        start();
        make_whole(&parts);
        datagram.at[0] ^= 0x40;
        assert_true(quic_starts(datagram.at, datagram.length, datagram.length));
        read += feed(&datagram) != QUIC_NONE;
    }
    assert_int_equal(read, 4);
}

/* -- Cut and damaged --------------------------------------------------------------------------- */

/* What the snap length left is read as far as it goes: the name is there when the whole hello is,
 * and never another. */
static void cut_datagrams_give_the_name_once_the_hello_is_there(void **state)
{
    struct packet_parts parts = version_1();
    size_t named_from = 0;

    (void)state;
    make_whole(&parts);
    for (size_t captured = 0; captured <= datagram.length; captured++) {
        start();
        feed_cut(&datagram, captured);
        if (name()[0] != '\0') {
            assert_string_equal(name(), "api.example");
            named_from = named_from ? named_from : captured;
        } else
            assert_int_equal(named_from, 0);
    }
    assert_true(named_from > message.length && named_from < message.length + 60);
}

/* A packet that ends past the datagram is none: who sent it would not have been understood. */
static void packets_end_within_their_datagram(void **state)
{
    struct packet_parts parts = version_1();

    (void)state;
    make_whole(&parts);
    start();
    while (datagram.length-- > 1) {
        assert_int_equal(feed(&datagram), QUIC_NONE);
        assert_int_equal(connection.version, 0);
    }
}

static void cut_noise_is_not_taken_for_a_hello(void **state)
{
    struct packet_parts parts = version_1();
    uint64_t seed = 4;
    unsigned taken = 0;

    (void)state;
    make_whole(&parts);
    for (unsigned round = 0; round < 20000; round++) {
        for (size_t i = 30; i < 300; i++)
            datagram.at[i] = (uint8_t)random_next(&seed);
        start();
        feed_cut(&datagram, 300);
        taken += connection.version != 0;
        assert_string_equal(name(), "");
    }
    assert_true(taken < 20); /* in 20 000 */
}

static void damaged_datagrams_give_no_other_name(void **state)
{
    struct packet_parts parts = version_1();
    uint64_t seed = 3;

    (void)state;
    make_whole(&parts);
    for (size_t bit = 0; bit < 8 * datagram.length; bit += 1 + bit / 1000) {
        datagram.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        start();
        feed_cut(&datagram, datagram.length - (bit & 1));
        if (!(bit & 1) && bit != 6) /* only the fixed bit is free: but it is authenticated */
            assert_string_equal(name(), "");
        datagram.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (int round = 0; round < 20000; round++) {
        size_t length = random_below(&seed, (uint32_t)datagram.length + 1);
        struct bytes *damaged = calloc(1, sizeof(*damaged));

        put_bytes(damaged, datagram.at, datagram.length);
        for (uint32_t i = 1 + random_below(&seed, 4); i > 0; i--)
            damaged->at[random_below(&seed, 40)] = (uint8_t)random_next(&seed);
        start();
        feed_cut(damaged, length);
        damaged->length = length;
        feed(damaged);
        free(damaged);
    }
}

/* A datagram of many small Initials that nobody can open must not cost much: the sender pays next
 * to nothing for it. The first that can be opened after these is not looked at. */
static void not_everything_is_tried(void **state)
{
    struct packet_parts parts = version_1();
    uint32_t count;

    (void)state;
    make_message(0);
    for (count = 0; count < 4; count++) {
        datagram.length = plain.length = 0;
        put_fill(&plain, 0, 20);
        for (uint32_t i = 0; i < count; i++) {
            put_packet(&datagram, &parts, &plain);
            datagram.at[datagram.length - 1] ^= 1;
        }
        plain.length = 0;
        put_crypto(&plain, 0, message.at, message.length);
        put_packet(&datagram, &parts, &plain);
        start();
        feed(&datagram);
        assert_string_equal(name(), count < 3 ? "api.example" : "");
    }
}

/* -- Google's own ------------------------------------------------------------------------------ */

static void put_q043(const struct bytes *chlo, const char *version)
{
    datagram.length = 0;
    put_u8(&datagram, 0x09);
    put_bytes(&datagram, ids, 8);
    put_bytes(&datagram, version, 4);
    put_u8(&datagram, 1);
    put_fill(&datagram, 0x66, 12);
    put_u8(&datagram, 0xa0);
    put_u8(&datagram, 1);
    put_u16(&datagram, (unsigned)chlo->length);
    put_bytes(&datagram, chlo->at, chlo->length);
}

static void hellos_in_clear_are_handed_over(void **state)
{
    struct packet_parts parts = version_1();

    (void)state;
    start();
    message.length = 0;
    put_chlo(&message, 700, "google.example", NULL, NULL, 0);
    put_q043(&message, "Q043");
    assert_true(quic_starts(datagram.at, datagram.length, datagram.length));
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    assert_string_equal(name(), "google.example");
    make_whole(&parts); /* the client turns to version 1 */
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    assert_int_equal(restarts, 1);
    assert_string_equal(name(), "api.example");
}

static void a_packet_within_a_hello_counts(void **state)
{
    struct packet_parts parts = version_1();
    struct bytes *inner = calloc(1, sizeof(*inner));

    (void)state;
    message.length = plain.length = 0;
    put_chlo(&message, 400, "inner.example", NULL, NULL, 0);
    put_crypto(&plain, 0, message.at, message.length);
    plain.at[0] = 8;
    put_fill(&plain, 0, 100);
    parts.version = 0x51303530;
    parts.salt = PACKET_SALT_Q050;
    put_packet(inner, &parts, &plain);
    message.length = 0;
    put_chlo(&message, 10, "outer.example", "QLVE", inner->at, inner->length);
    put_q043(&message, "Q043");
    start();
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    assert_string_equal(name(), "inner.example");
    inner->at[inner->length - 1] ^= 1;
    message.length = 0;
    put_chlo(&message, 10, "outer.example", "QLVE", inner->at, inner->length);
    put_q043(&message, "Q043");
    start();
    assert_int_equal(feed(&datagram), QUIC_CRYPTO);
    assert_string_equal(name(), "outer.example");
    free(inner);
}

/* -- Amid a connection -------------------------------------------------------------------------
 */

/* What opens a connection, and what comes later. */
static void only_initials_open_connections(void **state)
{
    static const struct {
        uint32_t version;
        unsigned type; /* as the packet has it */
        size_t size;
        bool opens;
    } rows[] = {
        {1, 0, 1200, true},           {1, 0, 1199, false},         {1, 1, 1200, false},
        {1, 2, 1200, false},          {1, 3, 1200, false},         {0x6b3343cf, 1, 1200, true},
        {0x6b3343cf, 0, 1200, false}, {0xff00001d, 0, 1200, true}, {0, 0, 1200, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        datagram.length = 0;
        put_u8(&datagram, 0xc0 | rows[i].type << 4);
        put_u32(&datagram, rows[i].version);
        put_bytes(&datagram, "\10abcdefgh\0\0\x44\0", 13);
        put_fill(&datagram, 0x55, rows[i].size - datagram.length);
        assert_int_equal(quic_opens(datagram.at, datagram.length, datagram.length), rows[i].opens);
        assert_int_equal(quic_opens(datagram.at, 100, datagram.length), rows[i].opens); /* cut */
        datagram.at[0] &= 0x7f; /* a short header */
        assert_false(quic_opens(datagram.at, datagram.length, datagram.length));
    }
    assert_false(quic_opens(datagram.at, 0, 1200));
    message.length = 0;
    put_chlo(&message, 100, "api.example", NULL, NULL, 0);
    put_q043(&message, "Q043");
    assert_true(quic_opens(datagram.at, datagram.length, datagram.length));
}

/* The id that a client draws gives the keys; the one that the server chooses does not. */
static void the_first_of_a_connection_has_its_own_keys(void **state)
{
    struct packet_parts parts = version_1();
    size_t id_length = 0;

    (void)state;
    make_message(0);
    make_initial(&parts, 0, message.length);
    assert_ptr_equal(quic_opening_id(datagram.at, datagram.length, datagram.length, &id_length),
                     datagram.at + 6);
    assert_int_equal(id_length, 8);
    assert_true(quic_is_first(crypto, datagram.at, datagram.length, datagram.length));
    parts.key_id = ids + 8;
    parts.key_id_length = 8;
    make_initial(&parts, 0, message.length);
    assert_non_null(quic_opening_id(datagram.at, datagram.length, datagram.length, &id_length));
    assert_false(quic_is_first(crypto, datagram.at, datagram.length, datagram.length));
    assert_null(quic_opening_id(datagram.at, datagram.length, 1199, &id_length));
    parts.id_length = 7; /* shorter than any (RFC 9000, 7.2) */
    make_whole(&parts);
    assert_true(datagram.length >= 1200);
    assert_null(quic_opening_id(datagram.at, datagram.length, datagram.length, &id_length));
    message.length = 0;
    put_chlo(&message, 100, "api.example", NULL, NULL, 0);
    put_q043(&message, "Q043");
    assert_null(quic_opening_id(datagram.at, datagram.length, datagram.length, &id_length));
}

static void put_long(unsigned type, size_t size)
{
    put_u8(&datagram, 0xc0 | type << 4);
    put_u32(&datagram, 1);
    put_bytes(&datagram, "\4abcd\0", 6);
    if (type == 0)
        put_u8(&datagram, 0); /* token */
    put_varint(&datagram, size, 2);
    put_fill(&datagram, 0x55, size);
}

/* The last packet of a datagram may have a short header: only that carries data. */
static void data_follow_the_handshake(void **state)
{
    (void)state;
    for (int packets = 0; packets < 4; packets++) {
        size_t handshake;

        datagram.length = 0;
        for (int i = 0; i < packets; i++)
            put_long(i == 0 ? 0 : 2, 300);
        handshake = datagram.length;
        assert_int_equal(quic_data_length(datagram.at, handshake, handshake), 0);
        put_u8(&datagram, 0x45);
        put_fill(&datagram, 0x99, 149);
        assert_int_equal(quic_data_length(datagram.at, datagram.length, datagram.length), 150);
        assert_int_equal(quic_data_length(datagram.at, handshake + 1, datagram.length), 150);
        if (packets == 0)
            continue;
        assert_int_equal(quic_data_length(datagram.at, handshake, datagram.length), 0);
        assert_int_equal(quic_data_length(datagram.at, 7, datagram.length), 0);
        memset(datagram.at + handshake, 0, 150); /* padding */
        assert_int_equal(quic_data_length(datagram.at, datagram.length, datagram.length), 0);
    }
}

/* The destination of a packet with a long header is the identifier that its receiver has chosen. */
static void the_identifier_stands_in_long_headers(void **state)
{
    (void)state;
    for (uint8_t length = 0; length <= QUICCRYPTO_MAX_ID + 1; length++) {
        datagram.length = 0;
        put_u8(&datagram, 0xe0);
        put_u32(&datagram, 1);
        put_u8(&datagram, length);
        put_fill(&datagram, 0x11, length);
        put_u8(&datagram, 4);
        put_fill(&datagram, 0x22, 4);
        assert_int_equal(quic_identifier_length(datagram.at, datagram.length),
                         length <= QUICCRYPTO_MAX_ID ? length : 0);
        assert_int_equal(quic_identifier_length(datagram.at, datagram.length - 1), 0);
    }
    datagram.at[0] = 0x40;
    assert_int_equal(quic_identifier_length(datagram.at, datagram.length), 0);
    assert_int_equal(quic_identifier_length(datagram.at, 0), 0);
}

/* -- The corpus -------------------------------------------------------------------------------- */

struct flow {
    uint8_t ends[37]; /* both addresses, both ports, family */
    struct quic_connection connection;
    struct assembly assembly;
    char name[256];
};

#define MAX_FLOWS 600
static struct flow *flows;
static size_t flow_count;

/* To the IP header, of the link types that the corpus has QUIC on. */
static bool skip_link(struct cursor *cursor, int link_type)
{
    uint16_t type;

    if (link_type == DLT_PPP) { /* RFC 1661, with or without address and control */
        type = cursor_u16(cursor);
        if (type == 0xff03)
            type = cursor_u16(cursor);
        return type == 0x0021 || type == 0x0057;
    }
    if (link_type != DLT_EN10MB)
        return link_type == DLT_RAW;
    cursor_skip(cursor, 12);
    type = cursor_u16(cursor);
    while (type == 0x8100 || type == 0x88a8) {
        cursor_skip(cursor, 2);
        type = cursor_u16(cursor);
    }
    return type == 0x0800 || type == 0x86dd;
}

/* To the UDP header; fills in addresses and family. */
static bool skip_ip(struct cursor *cursor, uint8_t ends[37])
{
    uint8_t first = cursor_u8(cursor);
    bool is_4 = first >> 4 == 4;
    size_t size = is_4 ? 4 : 16;
    const uint8_t *addresses;
    uint8_t protocol;
    bool is_fragment = false;

    memset(ends, 0, 37);
    cursor_skip(cursor, 5);
    if (is_4) {
        is_fragment = (cursor_u16(cursor) & 0x3fff) != 0;
        cursor_skip(cursor, 1);
        protocol = cursor_u8(cursor);
        cursor_skip(cursor, 2);
    } else {
        protocol = cursor_u8(cursor);
        cursor_skip(cursor, 1);
    }
    addresses = cursor_bytes(cursor, 2 * size);
    if (!addresses || protocol != 17 || is_fragment)
        return false;
    memcpy(ends, addresses, 2 * size);
    ends[36] = is_4 ? 4 : 6;
    if (is_4)
        cursor_skip(cursor, 4 * ((first & 0xf) - 5U));
    return true;
}

static struct flow *find_flow(const uint8_t ends[37])
{
    for (size_t i = 0; i < flow_count; i++)
        if (memcmp(flows[i].ends, ends, 37) == 0)
            return &flows[i];
    if (flow_count == MAX_FLOWS)
        return NULL;
    memset(&flows[flow_count], 0, sizeof(flows[0]));
    memcpy(flows[flow_count].ends, ends, 37);
    return &flows[flow_count++];
}

/* Both ways are fed as if the client had sent them: a flow is one way here. */
static void read_frame(int link_type, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct cursor cursor = cursor_over(bytes, header->caplen);
    uint8_t ends[37];
    const uint8_t *ports;
    size_t length;
    size_t captured;
    struct flow *flow;

    if (!skip_link(&cursor, link_type) || !skip_ip(&cursor, ends))
        return;
    ports = cursor_bytes(&cursor, 4);
    length = cursor_u16(&cursor) - 8U;
    cursor_skip(&cursor, 2);
    if (cursor.failed || length > 65535)
        return;
    memcpy(ends + 32, ports, 4);
    captured = cursor_left(&cursor) < length ? cursor_left(&cursor) : length;
    flow = quic_starts(cursor.at, captured, length) ? find_flow(ends) : NULL;
    if (!flow || flow->name[0] != '\0' ||
        quic_read_client(crypto, &flow->connection, cursor.at, captured, length, collect,
                         &flow->assembly) != QUIC_CRYPTO)
        return;
    if (quic_parse_hello(flow->assembly.bytes, assembly_prefix(&flow->assembly), &hello) ==
        CLIENTHELLO_COMPLETE)
        memcpy(flow->name, hello.name, sizeof(flow->name));
}

static bool read_capture(const char *path)
{
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline(path, error);
    struct pcap_pkthdr *header;
    const u_char *bytes;

    flow_count = 0;
    if (!pcap)
        return false;
    while (pcap_next_ex(pcap, &header, &bytes) == 1)
        read_frame(pcap_datalink(pcap), header, bytes);
    pcap_close(pcap);
    return true;
}

struct row {
    char capture[256];
    unsigned port; /* the client's */
    char name[256];
    bool found;
};

#define MAX_ROWS 500
static struct row *rows;
static size_t row_count;

/* What tshark finds over QUIC, Google's own included. */
static void read_rows(FILE *stream)
{
    char line[1024];
    char transport[32];

    row_count = 0;
    while (fgets(line, sizeof(line), stream) && row_count < MAX_ROWS) {
        struct row *row = &rows[row_count];

        memset(row, 0, sizeof(*row));
        row_count +=
            sscanf(line, "%255[^\t]\t%*[^\t]\t%*[^\t]\t%u\t%*[^\t]\t%*[^\t]\t%31[^\t]\t%255s",
                   row->capture, &row->port, transport, row->name) == 4 &&
            (strcmp(transport, "udp-quic") == 0 || strcmp(transport, "udp-gquic") == 0);
    }
}

/* Marks the rows of CAPTURE that the named flows are in; returns how many flows are in none. */
static unsigned compare_flows(const char *capture)
{
    unsigned unlisted = 0;

    for (size_t i = 0; i < flow_count; i++) {
        unsigned port = (unsigned)flows[i].ends[32] << 8 | flows[i].ends[33];
        bool listed = flows[i].name[0] == '\0';

        for (size_t j = 0; j < row_count; j++) {
            if (strcmp(rows[j].capture, capture) != 0 || rows[j].port != port ||
                strcmp(rows[j].name, flows[i].name) != 0)
                continue;
            listed = rows[j].found = true;
        }
        if (!listed)
            print_message("%s: %s of port %u is not listed\n", capture, flows[i].name, port);
        unlisted += !listed;
    }
    return unlisted;
}

static void every_name_of_the_corpus_is_found(void **state)
{
    FILE *names = fopen(CORPUS "sni.tsv", "re");
    FILE *captures = fopen(CORPUS "features.tsv", "re");
    char capture[256];
    unsigned found = 0;
    unsigned unlisted = 0;
    unsigned unread = 0;

    (void)state;
    if (!names || !captures) {
        print_message("SKIPPED: %s is not here\n", CORPUS);
        skip();
        return;
    }
    flows = calloc(MAX_FLOWS, sizeof(*flows));
    rows = calloc(MAX_ROWS, sizeof(*rows));
    read_rows(names);
    while (fscanf(captures, "%255s%*[^\n]", capture) == 1) {
        char path[512];

        snprintf(path, sizeof(path), "%s%s", CORPUS, capture);
        if (read_capture(path))
            unlisted += compare_flows(capture);
        else if (strcmp(capture, "pcap") != 0) /* the header line */
            unread++;
    }
    for (size_t i = 0; i < row_count; i++) {
        found += rows[i].found;
        if (!rows[i].found)
            print_message("%s: %s was not found\n", rows[i].capture, rows[i].name);
    }
    print_message("%u of %zu names found; %u found that are not listed; %u files libpcap refuses\n",
                  found, row_count, unlisted, unread);
    fclose(names);
    fclose(captures);
    free(flows);
    free(rows);
    assert_true(row_count > 0);
    assert_int_equal(found, row_count);
    assert_int_equal(unlisted, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_packets_of_the_standards_are_read),
        cmocka_unit_test(every_version_is_read),
        cmocka_unit_test(ids_tokens_and_numbers_may_be_of_any_length),
        cmocka_unit_test(ids_over_20_bytes_are_not_read),
        cmocka_unit_test(small_datagrams_are_read),
        cmocka_unit_test(coalesced_packets_are_read),
        cmocka_unit_test(any_split_order_and_repetition_gives_the_same_name),
        cmocka_unit_test(a_new_id_from_the_server_leaves_the_keys),
        cmocka_unit_test(after_retry_the_keys_come_from_the_new_id),
        cmocka_unit_test(another_connection_from_the_same_port_begins_anew),
        cmocka_unit_test(what_cannot_open_begins_nothing_anew),
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(a_server_answers_whom_its_keys_are_of),
        cmocka_unit_test(version_negotiation_is_survived),
        cmocka_unit_test(a_client_may_go_on_in_version_2),
        cmocka_unit_test(the_servers_packets_do_no_harm),
        cmocka_unit_test(initials_without_a_hello_and_other_packets_are_other),
        cmocka_unit_test(other_traffic_is_none),
        cmocka_unit_test(unknown_versions_start_with_large_datagrams),
        cmocka_unit_test(the_fixed_bit_may_be_greased),
        cmocka_unit_test(only_initials_open_connections),
        cmocka_unit_test(the_first_of_a_connection_has_its_own_keys),
        cmocka_unit_test(data_follow_the_handshake),
        cmocka_unit_test(the_identifier_stands_in_long_headers),
        cmocka_unit_test(cut_datagrams_give_the_name_once_the_hello_is_there),
        cmocka_unit_test(packets_end_within_their_datagram),
        cmocka_unit_test(cut_noise_is_not_taken_for_a_hello),
        cmocka_unit_test(damaged_datagrams_give_no_other_name),
        cmocka_unit_test(not_everything_is_tried),
        cmocka_unit_test(hellos_in_clear_are_handed_over),
        cmocka_unit_test(a_packet_within_a_hello_counts),
        cmocka_unit_test(every_name_of_the_corpus_is_found),
    };

    return cmocka_run_group_tests(tests, make_crypto, drop_crypto);
}
