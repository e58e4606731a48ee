/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/clienthello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

static struct bytes wire;
static struct bytes body;
static struct clienthello hello;

static enum clienthello_result parse(const struct bytes *bytes)
{
    uint8_t *copy = exact_copy(bytes->at, bytes->length);
    enum clienthello_result result = clienthello_parse(copy, bytes->length, &hello);

    free(copy);
    return result;
}

static void write_hello(const struct hello_parts *parts)
{
    wire.length = 0;
    put_hello(&wire, parts);
}

/* A hello whose extensions are given byte by byte, after their length. */
static void begin_body(void)
{
    body.length = 0;
    put_hello_start(&body);
    put_u16(&body, 0);
}

#define EXTENSIONS_AT (2 + 32 + 33 + 8 + 2)

static enum clienthello_result parse_body(void)
{
    set_u16(&body, EXTENSIONS_AT, body.length - EXTENSIONS_AT - 2);
    wire.length = 0;
    put_client_hello(&wire, body.at, body.length, 0);
    return parse(&wire);
}

static void everything_is_read(void **state)
{
    struct hello_parts parts = {.name = "api.example", .alpn = "h2", .ech = true, .padding = 1216};

    (void)state;
    for (int last = 0; last < 2; last++) {
        parts.name_comes_last = last;
        write_hello(&parts);
        assert_true(clienthello_starts(wire.at, wire.length));
        assert_int_equal(parse(&wire), CLIENTHELLO_COMPLETE);
        assert_string_equal(hello.name, "api.example");
        assert_int_equal(hello.name_length, 11);
        assert_string_equal(hello.alpn, "h2");
        assert_true(hello.has_ech);
    }
}

static void what_is_not_there_is_empty(void **state)
{
    struct hello_parts parts = {.name = NULL};

    (void)state;
    write_hello(&parts);
    assert_int_equal(parse(&wire), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "");
    assert_int_equal(hello.name_length, 0);
    assert_string_equal(hello.alpn, "");
    assert_false(hello.has_ech);
}

static void records_of_any_size_make_the_same_hello(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 64, 300, 1000};
    struct hello_parts parts = {.name = "claude.ai", .alpn = "h2", .padding = 700};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        parts.record_size = sizes[i];
        write_hello(&parts);
        assert_int_equal(parse(&wire), CLIENTHELLO_COMPLETE);
        assert_string_equal(hello.name, "claude.ai");
    }
}

/* A name must never be read from a part of a hello: the part could lack the end of it. */
static void a_part_is_never_taken_for_the_whole(void **state)
{
    static const size_t sizes[] = {0, 1, 3, 50};
    struct hello_parts parts = {.name = "chatgpt.com", .alpn = "h2", .padding = 100, .ech = true};
    struct bytes *part = calloc(1, sizeof(*part));

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        parts.record_size = sizes[i];
        parts.name_comes_last = i & 1;
        write_hello(&parts);
        memcpy(part->at, wire.at, wire.length);
        for (part->length = 0; part->length < wire.length; part->length++) {
            assert_int_equal(parse(part), CLIENTHELLO_INCOMPLETE);
            assert_string_equal(hello.name, "");
        }
    }
    free(part);
}

static void what_follows_is_ignored(void **state)
{
    struct hello_parts parts = {.name = "chatgpt.com"};

    (void)state;
    write_hello(&parts);
    put_record(&wire, 3000);
    assert_int_equal(parse(&wire), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "chatgpt.com");
}

/* Before TLS 1.2 a hello may end after the compression methods (RFC 5246, 7.4.1.2). */
static void old_hellos_have_no_extensions(void **state)
{
    (void)state;
    body.length = 0;
    put_hello_start(&body);
    wire.length = 0;
    put_client_hello(&wire, body.at, body.length, 0);
    set_u16(&wire, 1, 0x0300);
    assert_int_equal(parse(&wire), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "");
}

static void other_traffic_is_none(void **state)
{
    static const char *const others[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\x17\x03\x03\x01\x00\x01",             /* data */
        "\x16\x03\x03\x01\x30\x02\x01\x30\x03", /* a ServerHello */
        "\x16\x02\x03\x01\x30\x01\x01\x30\x03", /* version 2 */
        "\x16\x03\x05\x01\x30\x01\x01\x30\x03", /* version 3.5 */
        "\x16\x03\x01\x40\x01\x01\x01\x30\x03", /* longer than a record may be */
        "\x80\x2e\x01\x03\x01\x01\x01\x30\x03"  /* SSL 2 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const uint8_t *bytes = (const uint8_t *)others[i];

        assert_int_equal(clienthello_parse(bytes, 6, &hello), CLIENTHELLO_NONE);
        assert_false(clienthello_starts(bytes, 6));
    }
    assert_int_equal(clienthello_parse((const uint8_t *)"\x16\x03\x03\x00\x00\x01", 6, &hello),
                     CLIENTHELLO_NONE);
    assert_int_equal(clienthello_parse((const uint8_t *)"G", 1, &hello), CLIENTHELLO_NONE);
}

static enum clienthello_result parse_name(const char *name, size_t length)
{
    begin_body();
    put_name_extension(&body, name, length);
    return parse_body();
}

static void names_may_be_of_255_bytes_but_no_more(void **state)
{
    char name[300];

    (void)state;
    memset(name, 'a', sizeof(name));
    assert_int_equal(parse_name(name, 255), CLIENTHELLO_COMPLETE);
    assert_int_equal(hello.name_length, 255);
    assert_int_equal(strlen(hello.name), 255);
    for (size_t length = 256; length < sizeof(name); length++) {
        assert_int_equal(parse_name(name, length), CLIENTHELLO_COMPLETE);
        assert_int_equal(hello.name_length, 0);
    }
    assert_int_equal(parse_name(name, 0), CLIENTHELLO_COMPLETE);
    assert_int_equal(hello.name_length, 0);
}

static void a_name_with_nul_is_no_name(void **state)
{
    (void)state;
    assert_int_equal(parse_name("chatgpt.com\0.evil.example", 25), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "");
    assert_int_equal(hello.name_length, 0);
}

/* RFC 8446, 4.2, forbids a second extension of the same type; RFC 6066, 3, a second name. Whoever
 * sends them is read by the first, even when that is no name. */
static void of_two_names_the_first_counts(void **state)
{
    (void)state;
    begin_body();
    put_name_extension(&body, "first.example", 13);
    put_name_extension(&body, "second.example", 14);
    assert_int_equal(parse_body(), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "first.example");
    begin_body();
    put_name_extension(&body, "a\0b", 3);
    put_name_extension(&body, "second.example", 14);
    assert_int_equal(parse_body(), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "");
}

static void names_of_other_types_are_passed_over(void **state)
{
    (void)state;
    begin_body();
    put_u16(&body, 0);
    put_u16(&body, 2 + 3 + 2 + 3 + 4);
    put_u16(&body, 3 + 2 + 3 + 4);
    put_u8(&body, 7);
    put_u16(&body, 2);
    put_bytes(&body, "xy", 2);
    put_u8(&body, 0);
    put_u16(&body, 4);
    put_bytes(&body, "a.eu", 4);
    assert_int_equal(parse_body(), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "a.eu");
}

static void long_or_empty_protocols_are_passed_over(void **state)
{
    struct hello_parts parts = {.name = "a.eu", .alpn = "a-protocol-of-18-b"};

    (void)state;
    write_hello(&parts);
    assert_int_equal(parse(&wire), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.alpn, "");
    parts.alpn = "fifteen-letters";
    write_hello(&parts);
    assert_int_equal(parse(&wire), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.alpn, "fifteen-letters");
}

/* The place of the name's lengths when begin_body() and one name extension were written. */
#define EXTENSION_LENGTH_AT (EXTENSIONS_AT + 2 + 2)

static enum clienthello_result parse_with_lie(size_t place, size_t value)
{
    begin_body();
    put_name_extension(&body, "a.example", 9);
    set_u16(&body, EXTENSIONS_AT, body.length - EXTENSIONS_AT - 2);
    set_u16(&body, place, value);
    wire.length = 0;
    put_client_hello(&wire, body.at, body.length, 0);
    return parse(&wire);
}

static void lengths_that_lie_give_no_name(void **state)
{
    (void)state;
    assert_int_equal(parse_with_lie(EXTENSIONS_AT, 19), CLIENTHELLO_MALFORMED);
    assert_int_equal(parse_with_lie(EXTENSIONS_AT, 17), CLIENTHELLO_MALFORMED);
    assert_int_equal(parse_with_lie(EXTENSION_LENGTH_AT, 15), CLIENTHELLO_MALFORMED);
    assert_int_equal(parse_with_lie(EXTENSION_LENGTH_AT, 0xffff), CLIENTHELLO_MALFORMED);
    assert_int_equal(parse_with_lie(EXTENSION_LENGTH_AT + 2, 13), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, ""); /* the list is longer than its extension */
    assert_int_equal(parse_with_lie(EXTENSION_LENGTH_AT + 5, 10), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, ""); /* the name is longer than its list */
    assert_int_equal(parse_with_lie(2 + 32, 0xffff), CLIENTHELLO_MALFORMED);      /* session id */
    assert_int_equal(parse_with_lie(2 + 32 + 33, 0xffff), CLIENTHELLO_MALFORMED); /* suites */
}

/* A name that stood whole before the lie was on the wire. */
static void a_later_lie_does_not_take_the_name_back(void **state)
{
    (void)state;
    begin_body();
    put_name_extension(&body, "a.example", 9);
    put_u16(&body, 16); /* application_layer_protocol_negotiation */
    put_u16(&body, 200);
    put_u16(&body, 0);
    set_u16(&body, EXTENSIONS_AT, body.length - EXTENSIONS_AT - 2);
    wire.length = 0;
    put_client_hello(&wire, body.at, body.length, 0);
    assert_int_equal(parse(&wire), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "a.example");
}

static void messages_that_contradict_themselves_are_malformed(void **state)
{
    struct hello_parts parts = {.name = "a.example", .padding = 200, .record_size = 100};

    (void)state;
    write_hello(&parts);
    wire.at[105] = 23; /* data within the hello */
    assert_int_equal(parse(&wire), CLIENTHELLO_MALFORMED);
    write_hello(&parts);
    set_u16(&wire, 108, 16385); /* longer than a record may be */
    assert_int_equal(parse(&wire), CLIENTHELLO_MALFORMED);
    write_hello(&parts);
    wire.at[6] = 2; /* 128 kB and more */
    set_u16(&wire, 7, CLIENTHELLO_LONGEST - 0x20000 - 3);
    assert_int_equal(parse(&wire), CLIENTHELLO_MALFORMED);
    wire.length = 0;
    put_client_hello(&wire, body.at, 0, 0);
    assert_int_equal(parse(&wire), CLIENTHELLO_MALFORMED);
}

/* Gives the hello in steps, each of which is shortened with what was left before. Returns the most
 * that there was at a time. */
static size_t shorten_in_steps(const uint8_t *from, size_t size, size_t step, bool has_records)
{
    static uint8_t bytes[CLIENTHELLO_MAX];
    size_t length = 0;
    size_t most = 0;

    for (size_t at = 0; at < size; at += step) {
        size_t more = size - at < step ? size - at : step;
        size_t before = length + more;

        memcpy(bytes + length, from + at, more);
        length = (has_records ? clienthello_shorten : clienthello_shorten_message)(bytes, before);
        assert_true(length <= before);
        most = length > most ? length : most;
    }
    assert_int_equal(
        (has_records ? clienthello_parse : clienthello_parse_message)(bytes, length, &hello),
        CLIENTHELLO_COMPLETE);
    return most;
}

/* Wherever a hello is shortened, and however often, it tells the same: in records, and without when
 * one held all. */
static void a_shortened_hello_tells_the_same(void **state)
{
    static const struct hello_parts rows[] = {
        {.name = "a.example", .alpn = "h2", .ech = true, .padding = 3000},
        {.name = "a.example", .alpn = "h2", .ech = true, .padding = 3000, .name_comes_last = true},
        {.name = "a.example", .padding = 1500, .record_size = 1, .name_comes_last = true},
        {.name = "a.example", .ech = true, .padding = 900, .record_size = 7},
        {.alpn = "h2", .ech = true, .padding = 900, .record_size = 400},
        {.name = "a.example", .more_suites = 3000, .record_size = 700, .padding = 200},
    };
    struct clienthello whole;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_hello(&rows[i]);
        assert_int_equal(parse(&wire), CLIENTHELLO_COMPLETE);
        whole = hello;
        for (size_t step = 1; step < wire.length; step = step * 5 / 4 + 1) {
            assert_true(shorten_in_steps(wire.at, wire.length, step, true) < 600 + step);
            assert_memory_equal(&hello, &whole, sizeof(hello));
            if (rows[i].record_size > 0)
                continue;
            assert_true(shorten_in_steps(wire.at + 5, wire.length - 5, step, false) < 600 + step);
            assert_memory_equal(&hello, &whole, sizeof(hello));
        }
    }
}

/* What is there of a hello that is too long is all that is looked at; what was left out of it may
 * make it short enough to wait for the rest. Found by the fuzzer. */
static void a_long_hello_may_be_short_when_shortened(void **state)
{
    const struct hello_parts parts = {.name = "a.example", .padding = 16400, .record_size = 8000};
    struct clienthello whole;
    size_t length;

    (void)state;
    write_hello(&parts);
    assert_int_equal(clienthello_parse(wire.at, 1000, &whole), CLIENTHELLO_COMPLETE);
    length = clienthello_shorten(wire.at, 1000);
    assert_true(length < 200);
    assert_int_equal(clienthello_parse(wire.at, length, &hello), CLIENTHELLO_INCOMPLETE);
    assert_int_equal(clienthello_parse_cut(wire.at, length, &hello), CLIENTHELLO_COMPLETE);
    assert_memory_equal(&hello, &whole, sizeof(hello));
}

static void what_is_no_part_of_a_hello_is_not_shortened(void **state)
{
    struct hello_parts parts = {.name = "a.example", .padding = 3000};

    (void)state;
    write_hello(&parts);
    assert_int_equal(clienthello_shorten(wire.at, wire.length), wire.length); /* it is whole */
    assert_int_equal(clienthello_shorten(wire.at, 40), 40);
    assert_int_equal(clienthello_shorten(wire.at, 0), 0);
    set_u16(&wire, 5 + 4 + EXTENSIONS_AT, 10); /* less than there is */
    assert_int_equal(clienthello_shorten(wire.at, 2000), 2000);
    wire.at[0] = 23;
    assert_int_equal(clienthello_shorten(wire.at, 2000), 2000);

    write_hello(&parts);
    assert_int_equal(clienthello_shorten_message(wire.at + 5, wire.length - 5), wire.length - 5);
    assert_int_equal(clienthello_shorten_message(wire.at + 5, 35), 35);
    assert_int_equal(clienthello_shorten_message(wire.at + 5, 0), 0);
    wire.at[5] = 2; /* a ServerHello */
    assert_int_equal(clienthello_shorten_message(wire.at + 5, 2000), 2000);
}

static void the_largest_hello_fits(void **state)
{
    struct hello_parts parts = {.name = "a.example", .name_comes_last = true};
    size_t rest;

    (void)state;
    write_hello(&parts);
    rest = wire.length - 5;
    parts.padding = CLIENTHELLO_MAX - rest - 4;
    write_hello(&parts);
    assert_int_equal(wire.length, CLIENTHELLO_MAX + 5);
    assert_int_equal(parse(&wire), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "a.example");
    parts.padding++;
    parts.record_size = 16000;
    write_hello(&parts);
    assert_int_equal(parse(&wire), CLIENTHELLO_INCOMPLETE); /* the name is past what is looked at */
    parts.name_comes_last = false;
    write_hello(&parts);
    wire.length = 1000;
    assert_int_equal(parse(&wire), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "a.example");
}

static enum clienthello_result parse_cut(size_t length)
{
    uint8_t *copy = exact_copy(wire.at, length);
    enum clienthello_result result = clienthello_parse_cut(copy, length, &hello);

    free(copy);
    return result;
}

static enum clienthello_result parse_cut_message(size_t length)
{
    uint8_t *copy = exact_copy(wire.at + 5, length);
    enum clienthello_result result = clienthello_parse_cut_message(copy, length, &hello);

    free(copy);
    return result;
}

/* The name counts from its last byte on, and never half of it. */
static void of_a_cut_hello_the_name_counts(void **state)
{
    struct hello_parts parts = {.name = "a.example", .alpn = "h2", .padding = 300};

    (void)state;
    for (int last = 0; last < 2; last++) {
        size_t end;

        parts.name_comes_last = last;
        write_hello(&parts);
        end = (size_t)((uint8_t *)memmem(wire.at, wire.length, "a.example", 9) - wire.at) + 9;
        for (size_t length = 0; length < wire.length; length++) {
            assert_int_equal(parse_cut(length),
                             length < end ? CLIENTHELLO_INCOMPLETE : CLIENTHELLO_COMPLETE);
            assert_string_equal(hello.name, length < end ? "" : "a.example");
            if (length < 5)
                continue;
            assert_int_equal(parse_cut_message(length - 5),
                             length < end ? CLIENTHELLO_INCOMPLETE : CLIENTHELLO_COMPLETE);
            assert_string_equal(hello.name, length < end ? "" : "a.example");
        }
        assert_int_equal(parse_cut(wire.length), CLIENTHELLO_COMPLETE);
        assert_string_equal(hello.alpn, "h2");
    }
    wire.at[5] = 2; /* a ServerHello */
    assert_int_equal(parse_cut(wire.length), CLIENTHELLO_NONE);
    assert_int_equal(parse_cut_message(wire.length - 5), CLIENTHELLO_NONE);
    wire.at[0] = 'G';
    assert_int_equal(parse_cut(3), CLIENTHELLO_NONE);
}

/* An alert, and a heartbeat, each in a size that it has, and in the next that it has not. */
static void alerts_and_heartbeats_hide_no_hello(void **state)
{
    static const struct {
        unsigned type;
        size_t size;
        bool passes;
    } rows[] = {{21, 2, true},   {21, 1, false},    {21, 26, false},    {24, 19, true},
                {24, 18, false}, {24, 16384, true}, {24, 16385, false}, {23, 2, false},
                {23, 32, false}, {25, 2, false},    {20, 1, true}};
    static struct bytes silent;
    const struct hello_parts parts = {.name = "a.example"};

    (void)state;
    write_hello(&parts);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum clienthello_result result = rows[i].passes ? CLIENTHELLO_COMPLETE : CLIENTHELLO_NONE;

        silent.length = 0;
        put_record_header(&silent, rows[i].type, rows[i].size);
        put_fill(&silent, 1, rows[i].size);
        assert_int_equal(parse(&silent), CLIENTHELLO_NONE);
        put_bytes(&silent, wire.at, wire.length);
        assert_int_equal(clienthello_starts(silent.at, silent.length), rows[i].passes);
        assert_int_equal(parse(&silent), result);
        assert_string_equal(hello.name, rows[i].passes ? "a.example" : "");
    }
}

/* Empty records, and a change_cipher_spec between two hellos. */
static void records_that_say_nothing_hide_no_hello(void **state)
{
    static struct bytes silent;
    const struct hello_parts parts = {.name = "a.example"};

    (void)state;
    write_hello(&parts);
    silent.length = 0;
    put_record_header(&silent, 20, 1);
    put_u8(&silent, 1);
    assert_false(clienthello_starts(silent.at, silent.length));
    assert_int_equal(parse(&silent), CLIENTHELLO_NONE);
    put_record_header(&silent, 22, 0);
    put_record_header(&silent, 22, 0);
    put_bytes(&silent, wire.at, 40);
    assert_true(clienthello_starts(silent.at, silent.length));
    assert_int_equal(parse(&silent), CLIENTHELLO_INCOMPLETE);
    put_bytes(&silent, wire.at + 40, wire.length - 40);
    assert_int_equal(parse(&silent), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "a.example");
    set_u16(&silent, 3, 2); /* no change_cipher_spec */
    assert_int_equal(parse(&silent), CLIENTHELLO_NONE);

    silent.length = 0;
    put_record_header(&silent, 22, 50);
    put_bytes(&silent, wire.at + 5, 50);
    put_record_header(&silent, 22, 0);
    put_record_header(&silent, 22, wire.length - 55);
    put_bytes(&silent, wire.at + 55, wire.length - 55);
    assert_int_equal(parse(&silent), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "a.example");
}

/* The message that the one record of WIRE holds. */
static enum clienthello_result parse_message(size_t length)
{
    uint8_t *copy = exact_copy(wire.at + 5, length);
    enum clienthello_result result = clienthello_parse_message(copy, length, &hello);

    free(copy);
    return result;
}

static void messages_without_records_are_the_same(void **state)
{
    struct hello_parts parts = {.name = "a.example", .alpn = "h3", .padding = 60, .ech = true};
    size_t whole;

    (void)state;
    write_hello(&parts);
    whole = wire.length - 5;
    for (size_t length = 0; length < whole; length++) {
        assert_int_equal(parse_message(length), CLIENTHELLO_INCOMPLETE);
        assert_string_equal(hello.name, "");
    }
    put_fill(&wire, 0x42, 9); /* what follows */
    for (size_t length = whole; length <= whole + 9; length++) {
        assert_int_equal(parse_message(length), CLIENTHELLO_COMPLETE);
        assert_string_equal(hello.name, "a.example");
        assert_string_equal(hello.alpn, "h3");
        assert_true(hello.has_ech);
    }
    wire.at[5] = 2; /* a ServerHello */
    assert_int_equal(parse_message(1), CLIENTHELLO_NONE);
    assert_int_equal(parse_message(whole), CLIENTHELLO_NONE);
}

static void messages_have_the_limit_of_hellos_in_records(void **state)
{
    struct hello_parts parts = {.name = "a.example", .name_comes_last = true};

    (void)state;
    write_hello(&parts);
    parts.padding = CLIENTHELLO_MAX - (wire.length - 5) - 4;
    write_hello(&parts);
    assert_int_equal(parse_message(CLIENTHELLO_MAX), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "a.example");
    wire.at[8]++; /* one byte more: what of it is within the limit may have the name */
    assert_int_equal(parse_message(4), CLIENTHELLO_INCOMPLETE);
    assert_int_equal(parse_message(CLIENTHELLO_MAX), CLIENTHELLO_COMPLETE);
    wire.at[6] = 3; /* longer than any */
    assert_int_equal(parse_message(4), CLIENTHELLO_MALFORMED);
    assert_int_equal(parse_message(CLIENTHELLO_MAX), CLIENTHELLO_MALFORMED);
}

static void damaged_hellos_never_lead_outside(void **state)
{
    struct hello_parts parts = {.name = "a.example", .alpn = "h2", .ech = true, .padding = 30};
    uint64_t seed = 2;

    (void)state;
    for (int round = 0; round < 60000; round++) {
        parts.record_size = random_below(&seed, 4) ? 0 : 1 + random_below(&seed, 200);
        write_hello(&parts);
        for (uint32_t i = random_below(&seed, 5); i > 0; i--)
            wire.at[random_below(&seed, (uint32_t)wire.length)] = (uint8_t)random_next(&seed);
        wire.length =
            random_below(&seed, 3) ? wire.length : random_below(&seed, (uint32_t)wire.length);
        if (parse(&wire) != CLIENTHELLO_COMPLETE)
            continue;
        assert_int_equal(strlen(hello.name), hello.name_length);
        assert_true(strlen(hello.alpn) < sizeof(hello.alpn));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(what_is_not_there_is_empty),
        cmocka_unit_test(records_of_any_size_make_the_same_hello),
        cmocka_unit_test(a_part_is_never_taken_for_the_whole),
        cmocka_unit_test(what_follows_is_ignored),
        cmocka_unit_test(old_hellos_have_no_extensions),
        cmocka_unit_test(other_traffic_is_none),
        cmocka_unit_test(names_may_be_of_255_bytes_but_no_more),
        cmocka_unit_test(a_name_with_nul_is_no_name),
        cmocka_unit_test(of_two_names_the_first_counts),
        cmocka_unit_test(names_of_other_types_are_passed_over),
        cmocka_unit_test(long_or_empty_protocols_are_passed_over),
        cmocka_unit_test(lengths_that_lie_give_no_name),
        cmocka_unit_test(a_later_lie_does_not_take_the_name_back),
        cmocka_unit_test(messages_that_contradict_themselves_are_malformed),
        cmocka_unit_test(a_shortened_hello_tells_the_same),
        cmocka_unit_test(a_long_hello_may_be_short_when_shortened),
        cmocka_unit_test(what_is_no_part_of_a_hello_is_not_shortened),
        cmocka_unit_test(the_largest_hello_fits),
        cmocka_unit_test(of_a_cut_hello_the_name_counts),
        cmocka_unit_test(records_that_say_nothing_hide_no_hello),
        cmocka_unit_test(alerts_and_heartbeats_hide_no_hello),
        cmocka_unit_test(messages_without_records_are_the_same),
        cmocka_unit_test(messages_have_the_limit_of_hellos_in_records),
        cmocka_unit_test(damaged_hellos_never_lead_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
