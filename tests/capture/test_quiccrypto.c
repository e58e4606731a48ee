/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/quiccrypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/capture/quicpackets.h"
#include "tests/capture/quicvectors.h"

static struct quiccrypto *crypto;
static struct bytes wire;
static struct bytes frames;
static struct quiccrypto_plain plain;

static const uint8_t id[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08, 1,  2,
                             3,    4,    5,    6,    7,    8,    9,    10,   11, 12};

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

static bool from_server; /* whose keys are tried */

static bool open_first(uint32_t version, size_t id_length, size_t captured, size_t number_at)
{
    uint8_t *copy = exact_copy(wire.at, captured);
    struct quiccrypto_packet packet = {copy, wire.length, captured, number_at, from_server};
    bool opened =
        quiccrypto_open(crypto, quiccrypto_scheme(version, NULL), id, id_length, &packet, &plain);

    free(copy);
    return opened;
}

static void the_packets_of_the_standards_are_opened(void **state)
{
    static const char *const packets[] = {VECTOR_CLIENT_V1, VECTOR_CLIENT_V2};
    static const uint32_t versions[] = {1, 0x6b3343cf};
    uint8_t start[8];

    (void)state;
    from_hex("060040f1010000ed", start);
    for (int i = 0; i < 2; i++) {
        wire.length = from_hex(packets[i], wire.at);
        assert_true(open_first(versions[i], 8, wire.length, 18));
        assert_true(plain.verified);
        assert_int_equal(plain.length, 1162);
        assert_memory_equal(plain.bytes, start, sizeof(start));
        assert_int_equal(plain.bytes[245], 0); /* padding */
        assert_int_equal(plain.bytes[1161], 0);
        assert_false(open_first(versions[1 - i], 8, wire.length, 18));
        assert_false(open_first(versions[i], 7, wire.length, 18));
        assert_false(open_first(versions[i], 8, wire.length, 19));
    }
}

static void the_packets_of_servers_are_opened(void **state)
{
    static const char *const packets[] = {VECTOR_SERVER_V1, VECTOR_SERVER_V2};
    static const uint32_t versions[] = {1, 0x6b3343cf};

    (void)state;
    for (int i = 0; i < 2; i++) {
        wire.length = from_hex(packets[i], wire.at);
        assert_false(open_first(versions[i], 8, wire.length, 18));
        from_server = true;
        assert_true(open_first(versions[i], 8, wire.length, 18));
        assert_int_equal(plain.bytes[5], 6); /* a CRYPTO frame, behind an ACK */
        assert_false(open_first(versions[i], 7, wire.length, 18));
        from_server = false;
        assert_false(open_first(versions[i], 8, wire.length, 18));
    }
}

static void put_ping(size_t id_length, unsigned number_size, size_t size, unsigned reserved)
{
    struct packet_parts parts = {.version = 1,
                                 .salt = PACKET_SALT_V1,
                                 .id = id,
                                 .id_length = id_length,
                                 .number = 77,
                                 .number_size = number_size,
                                 .reserved = reserved};

    frames.length = wire.length = 0;
    put_fill(&frames, 1, size);
    put_packet(&wire, &parts, &frames);
}

/* The number's place: after flags, version, two lengths, the id, the token's length, the length. */
#define NUMBER_AT(id_length) (1 + 4 + 2 + (id_length) + 1 + 2)

static void ids_and_numbers_may_be_of_any_length(void **state)
{
    (void)state;
    for (size_t length = 0; length <= sizeof(id); length++) {
        for (unsigned number_size = 1; number_size <= 4; number_size++) {
            put_ping(length, number_size, 40 + length, 0);
            assert_true(open_first(1, length, wire.length, NUMBER_AT(length)));
            assert_true(plain.verified);
            assert_int_equal(plain.length, 40 + length);
            assert_memory_equal(plain.bytes, frames.at, plain.length);
        }
    }
    assert_false(open_first(1, 21, wire.length, NUMBER_AT(20)));
}

static void one_bit_that_changed_is_seen(void **state)
{
    (void)state;
    put_ping(8, 2, 30, 0);
    for (size_t bit = 0; bit < 8 * wire.length; bit++) {
        wire.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(open_first(1, 8, wire.length, NUMBER_AT(8)));
        wire.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(open_first(1, 8, wire.length, NUMBER_AT(8)));
}

/* What is there of a packet is decrypted, and said not to be verified. */
static void cut_packets_are_opened_as_far_as_they_go(void **state)
{
    size_t number_at = NUMBER_AT(8);

    (void)state;
    put_ping(8, 2, 200, 0);
    for (size_t captured = 0; captured < wire.length; captured++) {
        bool opened = open_first(1, 8, captured, number_at);

        assert_int_equal(opened, captured >= number_at + 4 + 16);
        if (!opened)
            continue;
        assert_false(plain.verified);
        assert_int_equal(plain.length,
                         captured - number_at - 2 > 200 ? 200 : captured - number_at - 2);
        assert_memory_equal(plain.bytes, frames.at, plain.length);
    }
}

/* RFC 9000, 17.2: the reserved bits are zero. Of a cut packet, nothing else tells so early. */
static void reserved_bits_are_not_set(void **state)
{
    (void)state;
    for (unsigned reserved = 0; reserved < 4; reserved++) {
        put_ping(8, 2, 200, reserved);
        assert_int_equal(open_first(1, 8, 100, NUMBER_AT(8)), reserved == 0);
    }
}

static void packets_too_short_for_their_tag_are_refused(void **state)
{
    (void)state;
    put_ping(8, 1, 20, 0);
    for (wire.length = 0; wire.length < NUMBER_AT(8) + 37; wire.length++)
        assert_false(open_first(1, 8, wire.length, NUMBER_AT(8)));
    assert_true(open_first(1, 8, wire.length, NUMBER_AT(8)));
}

/* Opens a packet, and fails to open a damaged one, where read, write and exit are all that the
 * kernel allows: what was made needs no file and no memory any more. */
static void open_confined(void)
{
    struct quiccrypto_packet packet = {wire.at, wire.length, wire.length, 18, false};
    const struct quiccrypto_scheme *scheme = quiccrypto_scheme(1, NULL);
    bool right;

    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
        syscall(SYS_exit, 2);
    right = quiccrypto_open(crypto, scheme, id, 8, &packet, &plain);
    wire.at[700] ^= 1;
    right = right && !quiccrypto_open(crypto, scheme, id, 8, &packet, &plain);
    right = right && !quiccrypto_open(crypto, scheme, id, 9, &packet, &plain);
    syscall(SYS_exit, right ? 0 : 1);
}

static void nothing_is_loaded_later(void **state)
{
    struct quiccrypto *used = crypto;
    int status;
    pid_t child;

    (void)state;
    wire.length = from_hex(VECTOR_CLIENT_V1, wire.at);
    crypto = quiccrypto_new(); /* which opened nothing yet but what it tries itself */
    assert_non_null(crypto);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        open_confined();
    assert_int_equal(waitpid(child, &status, 0), child);
    quiccrypto_free(crypto);
    crypto = used;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void every_version_has_schemes(void **state)
{
    const struct quiccrypto_scheme *first = quiccrypto_scheme(0x5a6a7a8a, NULL);
    const struct quiccrypto_scheme *second = quiccrypto_scheme(0x5a6a7a8a, first);
    const struct quiccrypto_scheme *third = quiccrypto_scheme(0x5a6a7a8a, second);

    (void)state;
    assert_non_null(third);
    assert_null(quiccrypto_scheme(0x5a6a7a8a, third));
    assert_null(quiccrypto_scheme(1, quiccrypto_scheme(1, NULL)));
    assert_ptr_equal(quiccrypto_scheme(0x12345678, NULL), quiccrypto_scheme(1, NULL));
    assert_null(quiccrypto_scheme(0x12345678, quiccrypto_scheme(1, NULL)));
    assert_true(quiccrypto_known(1));
    assert_true(quiccrypto_known(0x0a0a0a0a));
    assert_true(quiccrypto_known(0xff00001d));
    assert_false(quiccrypto_known(0x12345678));
    assert_false(quiccrypto_known(0xff000015));
    assert_false(quiccrypto_known(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_loaded_later), /* first: libcrypto has done nothing yet */
        cmocka_unit_test(the_packets_of_the_standards_are_opened),
        cmocka_unit_test(the_packets_of_servers_are_opened),
        cmocka_unit_test(ids_and_numbers_may_be_of_any_length),
        cmocka_unit_test(one_bit_that_changed_is_seen),
        cmocka_unit_test(cut_packets_are_opened_as_far_as_they_go),
        cmocka_unit_test(reserved_bits_are_not_set),
        cmocka_unit_test(packets_too_short_for_their_tag_are_refused),
        cmocka_unit_test(every_version_has_schemes),
    };

    return cmocka_run_group_tests(tests, make_crypto, drop_crypto);
}
