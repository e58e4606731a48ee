/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/naming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

/* -- Looking ------------------------------------------------------------------------------------
 */

static struct finding look(const void *bytes, size_t length)
{
    uint8_t *copy = exact_copy(bytes, length);
    struct finding finding;

    naming_look(copy, length, &finding);
    free(copy);
    return finding;
}

static struct finding look_at_text(const char *text)
{
    return look(text, strlen(text));
}

static void each_kind_is_found(void **state)
{
    static struct bytes bytes;
    const struct hello_parts parts = {.name = "api.example"};
    struct finding finding;

    (void)state;
    put_hello(&bytes, &parts);
    finding = look(bytes.at, bytes.length);
    assert_int_equal(finding.kind, FINDING_HELLO);
    assert_string_equal(finding.as.hello.name, "api.example");
    bytes.at[5 + 4 + 2 + 32] = 0xff; /* the session's length */
    assert_int_equal(look(bytes.at, bytes.length).kind, FINDING_BROKEN);

    bytes.length = 0;
    put_record_header(&bytes, 21, 2); /* an alert */
    put_u16(&bytes, 0x0100);
    put_hello(&bytes, &parts);
    assert_int_equal(look(bytes.at, bytes.length).kind, FINDING_HELLO);
    bytes.at[0] = 23;
    assert_int_equal(look(bytes.at, bytes.length).kind, FINDING_NONE);

    finding = look_at_text("CONNECT api.example:443 HTTP/1.1\r\n\r\n\x16\3\1");
    assert_int_equal(finding.kind, FINDING_PROXY);
    assert_int_equal(finding.said, PREAMBLE_CONNECT);
    assert_int_equal(finding.length, 36);
    assert_string_equal(finding.as.preamble.name, "api.example");

    finding = look_at_text("PROXY TCP4 10.2.0.1 203.0.113.9 51000 443\r\nGET");
    assert_int_equal(finding.kind, FINDING_PROXY);
    assert_int_equal(finding.said, PREAMBLE_PROXY);
    assert_int_equal(finding.length, 43);

    finding = look("\4\1\1\xbb\0\0\0\1me\0api.example\0..", 25);
    assert_int_equal(finding.kind, FINDING_PROXY);
    assert_int_equal(finding.said, PREAMBLE_SOCKS);
    assert_int_equal(finding.length, 23);

    finding = look_at_text("GET / HTTP/1.1\r\nHost: llm.example\r\n\r\n");
    assert_int_equal(finding.kind, FINDING_HTTP);
    assert_string_equal(finding.as.preamble.name, "llm.example");
}

/* A client of SQL Server: its options, and TLS behind them. */
static void a_hello_in_tds_is_found(void **state)
{
    static struct bytes bytes;
    static struct bytes hello;
    const struct hello_parts parts = {.name = "db.example"};
    struct finding finding;
    size_t options;

    (void)state;
    put_tds_options(&bytes);
    options = bytes.length;
    put_hello(&hello, &parts);
    put_tds(&bytes, hello.at, hello.length, 100);
    assert_int_equal(look(bytes.at, options - 1).kind, FINDING_INCOMPLETE);
    finding = look(bytes.at, bytes.length);
    assert_int_equal(finding.kind, FINDING_PRELUDE);
    assert_int_equal(finding.length, options);
    assert_int_equal(look(bytes.at + options, bytes.length - options - 1).kind, FINDING_INCOMPLETE);
    finding = look(bytes.at + options, bytes.length - options);
    assert_int_equal(finding.kind, FINDING_HELLO);
    assert_string_equal(finding.as.hello.name, "db.example");
    bytes.at[options + 100] = 0x10; /* a login amid it */
    assert_int_equal(look(bytes.at + options, bytes.length - options).kind, FINDING_BROKEN);
    assert_int_equal(look("\x12\1\0\x0a\0\0\1\0\x17\3", 10).kind, FINDING_NONE);
}

/* Nothing yet is not nothing. */
static void what_may_become_a_name_waits(void **state)
{
    static struct bytes bytes;
    const struct hello_parts parts = {.name = "api.example"};

    (void)state;
    assert_int_equal(look_at_text("").kind, FINDING_INCOMPLETE);
    put_hello(&bytes, &parts);
    for (size_t length = 1; length < bytes.length; length++)
        assert_int_equal(look(bytes.at, length).kind, FINDING_INCOMPLETE);
    assert_int_equal(look_at_text("CONNECT api.example").kind, FINDING_INCOMPLETE);
    assert_int_equal(look_at_text("PROXY TCP4 10.2.0.1 203.0.113.9 51").kind, FINDING_INCOMPLETE);
    assert_int_equal(look("\5\1\0", 3).kind, FINDING_INCOMPLETE);
}

static void other_bytes_are_none(void **state)
{
    (void)state;
    assert_int_equal(look_at_text("EHLO client.example\r\n").kind, FINDING_NONE);
    assert_int_equal(look("\x17\3\3\0\5.....", 10).kind, FINDING_NONE);  /* amid a connection */
    assert_int_equal(look("\x16\3\3\0\5\2....", 10).kind, FINDING_NONE); /* a server's hello */
    assert_int_equal(look("\0\x1d\0\1\1\0\0\1", 8).kind, FINDING_NONE);
    assert_int_equal(look_at_text("PROXY TCP4 10.2.0.1 x 51000 443\r\n").kind, FINDING_NONE);
}

static struct finding look_cut(const void *bytes, size_t length)
{
    uint8_t *copy = exact_copy(bytes, length);
    struct finding finding;

    naming_look_cut(copy, length, &finding);
    free(copy);
    return finding;
}

static struct finding look_at_cut_text(const char *text)
{
    return look_cut(text, strlen(text));
}

/* Nothing more will come. */
static void what_is_cut_may_have_its_name(void **state)
{
    static struct bytes bytes;
    const struct hello_parts parts = {.name = "api.example", .padding = 100};
    struct finding finding;

    (void)state;
    put_hello(&bytes, &parts);
    finding = look_cut(bytes.at, bytes.length - 1);
    assert_int_equal(finding.kind, FINDING_HELLO);
    assert_string_equal(finding.as.hello.name, "api.example");
    assert_int_equal(look_cut(bytes.at, 60).kind, FINDING_INCOMPLETE);

    finding = look_at_cut_text("CONNECT api.example:443 HTTP/1.1\r\nProxy-Author");
    assert_int_equal(finding.kind, FINDING_PROXY);
    assert_int_equal(finding.said, PREAMBLE_CONNECT);
    assert_int_equal(finding.length, 46);
    assert_string_equal(finding.as.preamble.name, "api.example");
    assert_int_equal(look_at_cut_text("CONNECT api.example:443 HTTP").kind, FINDING_INCOMPLETE);
    assert_int_equal(look_at_cut_text("GET / HTTP/1.1\r\nHost: llm.example\r\nA").kind,
                     FINDING_HTTP);
    assert_int_equal(look_at_cut_text("GET / HTTP/1.1\r\nHost: llm.exam").kind, FINDING_INCOMPLETE);
    assert_int_equal(look_at_cut_text("EHLO client.example\r\n").kind, FINDING_NONE);
    assert_int_equal(look_at_cut_text("").kind, FINDING_INCOMPLETE);
}

/* -- States -------------------------------------------------------------------------------------
 */

static void states_are_given_once(void **state)
{
    struct naming *naming = naming_new(3);
    uint32_t taken[3];
    uint32_t holder = 99;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        taken[i] = naming_take(naming, 100 + i, &holder);
        assert_true(taken[i] < 3);
        for (uint32_t j = 0; j < i; j++)
            assert_int_not_equal(taken[i], taken[j]);
    }
    assert_int_equal(holder, 99);
    naming_free(naming);
    naming_free(NULL);
}

/* When all are taken, the one that holds a state for longest gives it up. */
static void holders_give_up_in_turn(void **state)
{
    struct naming *naming = naming_new(4);
    uint32_t of_flow[200];
    uint32_t holder = 0;

    (void)state;
    for (uint32_t flow = 0; flow < 4; flow++)
        of_flow[flow] = naming_take(naming, flow, &holder);
    for (uint32_t flow = 4; flow < 200; flow++) {
        assert_int_equal(naming_take(naming, flow, &holder), NAMING_NONE);
        assert_int_equal(holder, flow - 4);
        naming_release(naming, of_flow[holder]);
        of_flow[flow] = naming_take(naming, flow, &holder);
        assert_int_not_equal(of_flow[flow], NAMING_NONE);
    }
    naming_free(naming);
}

/* A state shows nothing of who had it before. */
static void a_state_begins_empty(void **state)
{
    struct naming *naming = naming_new(1);
    uint32_t holder;
    uint32_t index = naming_take(naming, 7, &holder);
    uint32_t length;

    (void)state;
    naming_start(naming, index, 1000);
    assert_true(assembly_add(naming_bytes(naming, index), 1000, (const uint8_t *)"abcdef", 6));
    naming_step(naming, index, 2);
    *naming_client(naming, index) = address4(10, 1, 0, 1);
    naming_quic(naming, index)->version = 1;
    naming_quic(naming, index)->original_length = 8;
    naming_release(naming, index);
    assert_int_equal(naming_client(naming, index)->bytes[0], 0); /* gone at once */

    index = naming_take(naming, 8, &holder);
    naming_start(naming, index, 5000);
    naming_ahead(naming, index, &length);
    assert_int_equal(length, 0);
    assert_int_equal(naming_stepped(naming, index), 0);
    assert_int_equal(naming_client(naming, index)->family, 0);
    assert_int_equal(naming_quic(naming, index)->version, 0);
    assert_int_equal(naming_quic(naming, index)->original_length, 0);
    naming_free(naming);
}

static void what_was_looked_at_is_stepped_over(void **state)
{
    struct naming *naming = naming_new(1);
    uint32_t holder;
    uint32_t index = naming_take(naming, 7, &holder);
    uint32_t length;

    (void)state;
    naming_start(naming, index, 0xfffffffe);
    assembly_add(naming_bytes(naming, index), 3, (const uint8_t *)"fgh", 3);
    naming_ahead(naming, index, &length);
    assert_int_equal(length, 0);
    assembly_add(naming_bytes(naming, index), 0xfffffffe, (const uint8_t *)"abcde", 5);
    assert_memory_equal(naming_ahead(naming, index, &length), "abcdefgh", 8);
    assert_int_equal(length, 8);
    naming_step(naming, index, 3);
    naming_step(naming, index, 2);
    assert_memory_equal(naming_ahead(naming, index, &length), "fgh", 3);
    assert_int_equal(length, 3);
    assert_int_equal(naming_stepped(naming, index), 5);
    naming_free(naming);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_found),
        cmocka_unit_test(a_hello_in_tds_is_found),
        cmocka_unit_test(what_may_become_a_name_waits),
        cmocka_unit_test(other_bytes_are_none),
        cmocka_unit_test(what_is_cut_may_have_its_name),
        cmocka_unit_test(states_are_given_once),
        cmocka_unit_test(holders_give_up_in_turn),
        cmocka_unit_test(a_state_begins_empty),
        cmocka_unit_test(what_was_looked_at_is_stepped_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
