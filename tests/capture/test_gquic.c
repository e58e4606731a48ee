/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/gquic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/quicpackets.h"

static struct bytes chlo;
static struct bytes wire;
static struct clienthello hello;

/* Frames of a packet of VERSION; numbers are little-endian before Q039. */
static unsigned version;

static void put_number(uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        put_u8(&wire, (unsigned)(value >> 8 * (version < 39 ? i : size - 1 - i) & 0xff));
}

/* Sizes are of the packet number (1, 2, 4, 6), the code of which stands in the header. */
static void begin_packet(unsigned number_code)
{
    static const unsigned sizes[] = {1, 2, 4, 6};
    char text[5];

    wire.length = 0;
    snprintf(text, sizeof(text), "Q%03u", version);
    if (version < 44) {
        put_u8(&wire, (version < 33 ? 0x0d : 0x09) | number_code << 4);
        put_fill(&wire, 0xc1, 8);
        put_bytes(&wire, text, 4);
        put_number(1, sizes[number_code]);
    } else {
        put_u8(&wire, 0xc0 | number_code);
        put_bytes(&wire, text, 4);
        put_u8(&wire, 0x50);
        put_fill(&wire, 0xc1, 8);
        put_number(1, version < 46 ? 4 : number_code + 1);
    }
    put_fill(&wire, 0x99, 12);
    if (version < 34)
        put_u8(&wire, 0x01); /* private flags */
}

static void put_stream(unsigned id, unsigned id_size, uint64_t offset, unsigned offset_size,
                       bool sized, const struct bytes *data)
{
    put_u8(&wire,
           0x80 | (sized ? 0x20U : 0) | (offset_size ? offset_size - 1 : 0) << 2 | (id_size - 1));
    put_number(id, id_size);
    put_number(offset, offset_size);
    if (sized)
        put_number(data->length, 2);
    put_bytes(&wire, data->at, data->length);
}

static void put_acks(void)
{
    if (version < 34) { /* with two missing ranges, a revived packet, two timestamps */
        put_bytes(&wire, "\x65\x11", 2);
        put_number(9, 2);
        put_number(3, 2);
        put_bytes(&wire, "\x02\x01\x01\x02\x03\x04\x01\x05\x06", 9);
        put_bytes(&wire, "\x02", 1);
        put_number(4, 2);
        put_bytes(&wire, "\x01", 1);
        put_number(2, 2);
        put_bytes(&wire, "\x01\x01", 2);
        put_number(3, 2);
        put_bytes(&wire, "\x40\x11\x01\x00\x00\x00", 6);
        return;
    }
    put_u8(&wire, 0x6a); /* with blocks: sizes 4 */
    put_number(9, 4);
    put_number(3, 2);
    put_u8(&wire, 2);
    put_number(1, 4);
    put_u8(&wire, 1);
    put_number(1, 4);
    put_u8(&wire, 1);
    put_number(1, 4);
    put_bytes(&wire, "\x02\x01\x01\x02\x03\x04\x01\x05\x06", 9);
    put_bytes(&wire, "\x40\x01\x00\x00\x01\x00", 6);
}

static const char *find_name(size_t length)
{
    uint8_t *copy = exact_copy(wire.at, length);
    size_t size = 0;
    const uint8_t *found = gquic_find_hello(copy, length, &size);

    hello.name[0] = '\0';
    if (!found || gquic_parse_chlo(found, size, &hello) != CLIENTHELLO_COMPLETE)
        hello.name[0] = '\0';
    free(copy);
    return hello.name;
}

static void make_chlo(size_t padding, const char *name)
{
    chlo.length = 0;
    put_chlo(&chlo, padding, name, NULL, NULL, 0);
}

static const unsigned versions[] = {24, 25, 30, 33, 34, 35, 37, 38, 39, 43, 44, 46};
#define VERSIONS (sizeof(versions) / sizeof(versions[0]))

static void hellos_of_every_version_are_found(void **state)
{
    (void)state;
    make_chlo(600, "www.google.example");
    for (size_t i = 0; i < VERSIONS; i++) {
        version = versions[i];
        for (unsigned code = 0; code < 4; code++) {
            begin_packet(code);
            assert_int_equal(gquic_client_version(wire.at, wire.length) & 0xff, '0' + version % 10);
            put_stream(1, 1 + code, 0, 0, code & 1, &chlo);
            assert_string_equal(find_name(wire.length), "www.google.example");
        }
    }
}

static void frames_before_the_hello_are_passed_over(void **state)
{
    static const unsigned sizes[] = {1, 2, 4, 6};
    struct bytes *data = calloc(1, sizeof(*data));

    (void)state;
    put_fill(data, 0xdd, 20);
    make_chlo(100, "a.example");
    for (size_t i = 0; i < VERSIONS; i++) {
        version = versions[i];
        begin_packet(1);
        put_acks();
        put_u8(&wire, 6); /* STOP_WAITING */
        put_fill(&wire, 0xee, (version < 34) + (version < 44 ? sizes[1] : version < 46 ? 4 : 2));
        put_u8(&wire, 7); /* PING */
        put_u8(&wire, 0); /* PADDING */
        put_u8(&wire, 4); /* WINDOW_UPDATE */
        put_fill(&wire, 0xee, 12);
        put_u8(&wire, 5); /* BLOCKED */
        put_fill(&wire, 0xee, 4);
        put_u8(&wire, 1); /* RST_STREAM */
        put_fill(&wire, 0xee, 16);
        put_stream(5, 1, 0, 0, true, &chlo); /* another stream */
        put_stream(1, 4, 70000, 4, true, data);
        put_stream(1, 2, 0, 2, true, &chlo);
        assert_string_equal(find_name(wire.length), "a.example");
        begin_packet(1);
        put_u8(&wire, 2); /* CONNECTION_CLOSE */
        put_stream(1, 2, 0, 2, true, &chlo);
        assert_string_equal(find_name(wire.length), "");
    }
    free(data);
}

static void what_is_no_hello_is_not_found(void **state)
{
    (void)state;
    version = 43;
    make_chlo(100, "a.example");
    memcpy(chlo.at, "REJ\0", 4);
    begin_packet(0);
    put_stream(1, 1, 0, 0, false, &chlo);
    assert_string_equal(find_name(wire.length), "");
}

/* As a client does whose first hello the server rejected. */
static void a_second_hello_is_found(void **state)
{
    (void)state;
    version = 43;
    make_chlo(100, "a.example");
    begin_packet(0);
    put_acks();
    put_stream(1, 1, 1300, 2, false, &chlo);
    assert_string_equal(find_name(wire.length), "a.example");
}

static void headers_of_others_are_refused(void **state)
{
    static const unsigned flags[] = {0x08, 0x01, 0x0b, 0x89, 0x00};

    (void)state;
    version = 43;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        begin_packet(0);
        wire.at[0] = (uint8_t)flags[i];
        assert_int_equal(gquic_client_version(wire.at, wire.length), 0);
    }
    for (version = 0; version < 100; version++) {
        begin_packet(0);
        assert_int_equal(gquic_client_version(wire.at, wire.length) != 0,
                         version >= 24 && version <= 46);
    }
    assert_int_equal(gquic_version_number(0x51303433), 43);
    assert_int_equal(gquic_version_number(0x54303531), 51);
    assert_int_equal(gquic_version_number(0x54303439), 0); /* T049 */
    assert_int_equal(gquic_version_number(0x51313433), 0); /* Q143 */
    assert_int_equal(gquic_version_number(0x5130343a), 0);
    assert_int_equal(gquic_version_number(0x51302f33), 0);
}

/* The index comes first, so a name that is there is there whole; a part of it never is one. */
static void cut_hellos_give_the_name_or_none(void **state)
{
    size_t named_from = 0;

    (void)state;
    version = 39;
    make_chlo(40, "abc.example");
    put_fill(&chlo, 'x', 30);
    begin_packet(2);
    put_stream(1, 1, 0, 0, true, &chlo);
    for (size_t length = 0; length <= wire.length; length++) {
        if (find_name(length)[0] == '\0')
            continue;
        assert_string_equal(hello.name, "abc.example");
        named_from = named_from ? named_from : length;
    }
    assert_int_equal(named_from, wire.length - 30);
}

static void hellos_that_contradict_themselves_have_no_name(void **state)
{
    (void)state;
    make_chlo(40, "abc.example");
    chlo.at[4] = 129;
    assert_int_equal(gquic_parse_chlo(chlo.at, chlo.length, &hello), CLIENTHELLO_MALFORMED);
    make_chlo(40, "abc.example");
    chlo.at[12] = 80; /* the padding ends after the name */
    assert_int_equal(gquic_parse_chlo(chlo.at, chlo.length, &hello), CLIENTHELLO_MALFORMED);
    make_chlo(40, "abc.example");
    chlo.at[23] = 1; /* the name ends far outside */
    assert_int_equal(gquic_parse_chlo(chlo.at, chlo.length, &hello), CLIENTHELLO_MALFORMED);
    assert_string_equal(hello.name, "");
    make_chlo(40, NULL);
    assert_int_equal(gquic_parse_chlo(chlo.at, chlo.length, &hello), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "");
    make_chlo(40, "");
    assert_int_equal(gquic_parse_chlo(chlo.at, chlo.length, &hello), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "");
}

static void enclosed_packets_are_found(void **state)
{
    size_t size = 0;
    const uint8_t *packet;

    (void)state;
    chlo.length = 0;
    put_chlo(&chlo, 40, "a.example", "QLVE", "packet", 6);
    packet = gquic_enclosed_packet(chlo.at, chlo.length, &size);
    assert_int_equal(size, 6);
    assert_memory_equal(packet, "packet", 6);
    assert_null(gquic_enclosed_packet(chlo.at, chlo.length - 1, &size));
    make_chlo(40, "a.example");
    assert_null(gquic_enclosed_packet(chlo.at, chlo.length, &size));
}

static void record(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    struct bytes *log = context;

    put_u8(log, '0' + offset);
    put_bytes(log, bytes, length);
    put_u8(log, ';');
}

static void crypto_frames_are_read(void **state)
{
    struct bytes *log = calloc(1, sizeof(*log));

    (void)state;
    version = 50;
    wire.length = 0;
    put_acks();
    put_bytes(&wire, "\x08\x04\x02yz", 5);
    put_bytes(&wire, "\x07\x00\x00", 3);
    put_bytes(&wire, "\x08\x00\x04wxyz", 7);
    assert_int_equal(gquic_read_frames(wire.at, wire.length, false, record, log),
                     QUICFRAMES_CRYPTO);
    assert_int_equal(gquic_read_frames(wire.at, wire.length - 2, true, record, log),
                     QUICFRAMES_CRYPTO);
    assert_int_equal(gquic_read_frames(wire.at, wire.length - 2, false, record, log),
                     QUICFRAMES_CRYPTO);
    assert_int_equal(log->length, 22);
    assert_memory_equal(log->at, "4yz;0wxyz;4yz;0wx;4yz;", 22);
    put_u8(&wire, 9);
    assert_int_equal(gquic_read_frames(wire.at, wire.length, true, record, log), QUICFRAMES_WRONG);
    free(log);
}

static void damaged_packets_never_lead_outside(void **state)
{
    uint64_t seed = 5;

    (void)state;
    make_chlo(60, "a.example");
    for (int round = 0; round < 40000; round++) {
        version = versions[random_below(&seed, VERSIONS)];
        begin_packet(random_below(&seed, 4));
        if (random_below(&seed, 2))
            put_acks();
        put_stream(1, 1, 0, 0, true, &chlo);
        for (uint32_t i = random_below(&seed, 5); i > 0; i--)
            wire.at[random_below(&seed, (uint32_t)wire.length)] = (uint8_t)random_next(&seed);
        find_name(random_below(&seed, (uint32_t)wire.length + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hellos_of_every_version_are_found),
        cmocka_unit_test(frames_before_the_hello_are_passed_over),
        cmocka_unit_test(what_is_no_hello_is_not_found),
        cmocka_unit_test(a_second_hello_is_found),
        cmocka_unit_test(headers_of_others_are_refused),
        cmocka_unit_test(cut_hellos_give_the_name_or_none),
        cmocka_unit_test(hellos_that_contradict_themselves_have_no_name),
        cmocka_unit_test(enclosed_packets_are_found),
        cmocka_unit_test(crypto_frames_are_read),
        cmocka_unit_test(damaged_packets_never_lead_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
