/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/tds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

enum { HEADER = 8 };

static struct bytes wire;
static struct clienthello hello;

static enum tds_kind look(size_t length, uint32_t *size)
{
    uint8_t *copy = exact_copy(wire.at, length);
    enum tds_kind kind = tds_look(copy, length, size);

    free(copy);
    return kind;
}

static enum clienthello_result parse(size_t length, bool cut)
{
    uint8_t *copy = exact_copy(wire.at, length);
    enum clienthello_result result = tds_parse_hello(copy, length, cut, &hello);

    free(copy);
    return result;
}

static void write_options(void)
{
    wire.length = 0;
    put_tds_options(&wire);
}

static void write_hello(const struct hello_parts *parts, size_t packet_size)
{
    static struct bytes records;

    records.length = wire.length = 0;
    put_hello(&records, parts);
    put_tds(&wire, records.at, records.length, packet_size);
}

/* Whether the message is taken for options, or may still be. */
static bool is_taken(void)
{
    uint32_t size;

    return look(wire.length, &size) != TDS_NONE;
}

static void options_are_stepped_over(void **state)
{
    uint32_t size;

    (void)state;
    write_options();
    for (size_t length = 0; length < wire.length; length++) {
        assert_int_equal(look(length, &size), TDS_INCOMPLETE);
        assert_int_equal(size, 0);
    }
    put_fill(&wire, 0x16, 20); /* what follows */
    for (size_t length = wire.length - 20; length <= wire.length; length++) {
        assert_int_equal(look(length, &size), TDS_OPTIONS);
        assert_int_equal(size, wire.length - 20);
    }
}

/* Each byte that must be as it is. */
static void what_contradicts_itself_are_no_options(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } rows[] = {
        {0, 0x10},           /* a login */
        {1, 0},              /* more packets */
        {1, 9},              /* and a reset */
        {2, 0x80},           /* larger than any packet */
        {2, 0x20},           /* larger than any options */
        {3, HEADER},         /* nothing in it */
        {7, 1},              /* the window */
        {HEADER, 1},         /* no version */
        {HEADER + 2, 200},   /* it lies outside */
        {HEADER + 4, 5},     /* and is short */
        {HEADER + 5, 0},     /* another one */
        {HEADER + 25, 0x77}, /* no end */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_options();
        assert_true(is_taken());
        wire.at[rows[i].at] = rows[i].value;
        put_fill(&wire, 0, 9000);
        assert_false(is_taken());
    }
    wire.length = 0;
    put_tds(&wire, "\xff", 1, 4096); /* an end, and nothing before */
    assert_false(is_taken());
}

static void a_hello_is_unwrapped(void **state)
{
    static const size_t sizes[] = {9, 10, 64, 512, 4096};
    const struct hello_parts parts = {.name = "a.example", .alpn = "h2", .padding = 500};
    uint32_t size;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        write_hello(&parts, sizes[i]);
        for (size_t length = HEADER + 1; length <= wire.length; length++) {
            assert_int_equal(look(length, &size), TDS_TLS);
            assert_int_equal(size, 0);
            assert_int_equal(parse(length, false),
                             length < wire.length ? CLIENTHELLO_INCOMPLETE : CLIENTHELLO_COMPLETE);
        }
        assert_string_equal(hello.name, "a.example");
        assert_string_equal(hello.alpn, "h2");
        assert_int_equal(parse(wire.length - 1, true), CLIENTHELLO_COMPLETE);
        assert_string_equal(hello.name, "a.example");
    }
}

/* Wherever what is there ends: in records before the hello that say nothing, or behind them. */
static void records_that_say_nothing_hide_no_hello(void **state)
{
    static const struct {
        unsigned type;
        size_t size;
    } rows[] = {{22, 0}, {20, 1}, {21, 2}, {24, 19}};
    const struct hello_parts parts = {.name = "a.example"};
    static struct bytes records;
    uint32_t size;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        records.length = wire.length = 0;
        for (int twice = 0; twice < 2; twice++) {
            put_record_header(&records, rows[i].type, rows[i].size);
            put_fill(&records, 1, rows[i].size);
        }
        put_hello(&records, &parts);
        put_tds(&wire, records.at, records.length, 4096);
        for (size_t length = 0; length < wire.length; length++)
            assert_int_not_equal(look(length, &size), TDS_NONE);
        assert_int_equal(look(wire.length, &size), TDS_TLS);
        assert_int_equal(parse(wire.length, false), CLIENTHELLO_COMPLETE);
        assert_string_equal(hello.name, "a.example");
    }
    records.length = wire.length = 0; /* nothing may follow */
    put_record_header(&records, 22, 0);
    put_tds(&wire, records.at, records.length, 4096);
    assert_int_equal(look(wire.length, &size), TDS_NONE);
}

static void what_is_no_hello_is_not_unwrapped(void **state)
{
    const struct hello_parts parts = {.name = "a.example", .padding = 500};
    uint32_t size;

    (void)state;
    write_hello(&parts, 4096);
    wire.at[HEADER + 5] = 2; /* a server's */
    assert_int_equal(look(wire.length, &size), TDS_NONE);
    write_hello(&parts, 300);
    wire.at[300] = 0x10; /* a login amid it */
    assert_int_equal(parse(wire.length, false), CLIENTHELLO_MALFORMED);
    write_hello(&parts, 300);
    wire.at[302] = 0x90; /* longer than any packet */
    assert_int_equal(parse(wire.length, false), CLIENTHELLO_MALFORMED);
    wire.at[0] = 0x13;
    assert_int_equal(look(1, &size), TDS_NONE);
    assert_int_equal(look(wire.length, &size), TDS_NONE);
}

/* As of one without TDS, the name counts that is in what can be put together. */
static void a_long_hello_gives_what_is_there(void **state)
{
    struct hello_parts parts = {.name = "a.example", .padding = 17000, .record_size = 9000};

    (void)state;
    write_hello(&parts, 4096);
    assert_int_equal(parse(wire.length, false), CLIENTHELLO_COMPLETE);
    assert_string_equal(hello.name, "a.example");
    parts.name_comes_last = true;
    write_hello(&parts, 4096);
    assert_int_equal(parse(wire.length, false), CLIENTHELLO_INCOMPLETE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_stepped_over),
        cmocka_unit_test(what_contradicts_itself_are_no_options),
        cmocka_unit_test(a_hello_is_unwrapped),
        cmocka_unit_test(records_that_say_nothing_hide_no_hello),
        cmocka_unit_test(what_is_no_hello_is_not_unwrapped),
        cmocka_unit_test(a_long_hello_gives_what_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
