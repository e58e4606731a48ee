/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/preamble.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "collectors/capture/decode.h"
#include "collectors/capture/source.h"
#include "tests/capture/frames.h"

#define CORPUS IAGMETER_SOURCE_ROOT "/../shared/data/corpus/"

static struct bytes wire;
static struct preamble preamble;
static const struct preamble nothing;

/* From a block of its own, into a struct that held something else. */
static enum preamble_kind parse(const uint8_t *bytes, size_t length, struct preamble *result)
{
    uint8_t *copy = exact_copy(bytes, length);
    enum preamble_kind kind;

    memset(result, 0xee, sizeof(*result));
    kind = preamble_parse(copy, length, result);
    assert_true(kind == PREAMBLE_NONE || preamble_starts(copy, length));
    free(copy);
    return kind;
}

/* Cut anywhere, the preamble on the wire is incomplete; and what follows it changes nothing. */
static void check_any_split(enum preamble_kind kind)
{
    struct preamble part;
    size_t length = wire.length;

    for (size_t cut = 1; cut < length; cut++) {
        assert_int_equal(parse(wire.at, cut, &part), PREAMBLE_INCOMPLETE);
        assert_memory_equal(&part, &nothing, sizeof(part));
    }
    put_hello(&wire, &(struct hello_parts){.name = "inside.example"});
    for (size_t cut = length; cut <= wire.length; cut++) {
        assert_int_equal(parse(wire.at, cut, &part), kind);
        assert_memory_equal(&part, &preamble, sizeof(part));
    }
}

static void check(enum preamble_kind kind, const char *name, uint16_t port)
{
    assert_int_equal(parse(wire.at, wire.length, &preamble), kind);
    assert_string_equal(preamble.name, name);
    assert_int_equal(preamble.name_length, strlen(name));
    assert_int_equal(preamble.port, port);
    assert_int_equal(preamble.length, wire.length);
    check_any_split(kind);
}

static void check_address(const struct address *address)
{
    assert_true(preamble.has_address);
    assert_memory_equal(&preamble.address, address, sizeof(*address));
}

/* What is refused is so for good from some byte on, and leaves nothing. */
static void check_refused(enum preamble_kind kind)
{
    size_t cut = 1;

    while (parse(wire.at, cut, &preamble) == PREAMBLE_INCOMPLETE)
        assert_true(cut++ < wire.length);
    for (; cut <= wire.length; cut++) {
        assert_int_equal(parse(wire.at, cut, &preamble), kind);
        assert_memory_equal(&preamble, &nothing, sizeof(preamble));
    }
}

static void write_text(const char *text)
{
    wire.length = 0;
    put_bytes(&wire, text, strlen(text));
}

#define WRITE(literal)                                                                             \
    do {                                                                                           \
        wire.length = 0;                                                                           \
        put_bytes(&wire, literal, sizeof(literal) - 1);                                            \
    } while (0)

/* -- HTTP ------------------------------------------------------------------------------------- */

struct http_case {
    const char *text;
    const char *name;
    uint16_t port;
};

static void check_http(const struct http_case *cases, size_t count, enum preamble_kind kind)
{
    for (size_t i = 0; i < count; i++) {
        write_text(cases[i].text);
        check(kind, cases[i].name, cases[i].port);
    }
}

#define CHECK_HTTP(cases, kind) check_http(cases, sizeof(cases) / sizeof((cases)[0]), kind)

static void connect_names_its_authority(void **state)
{
    static const struct http_case cases[] = {
        {"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n",
         "api.openai.com", 443},
        {"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: other.example\r\n\r\n", "api.openai.com",
         443},
        {"CONNECT api.openai.com:443 HTTP/1.0\r\n\r\n", "api.openai.com", 443},
        {"CONNECT api.openai.com:443 HTTP/1.1\nProxy-Connection: Keep-Alive\n\n", "api.openai.com",
         443},
        {"connect API.OpenAI.com.:443 HTTP/1.1\r\n\r\n", "API.OpenAI.com.", 443},
        {"Connect  a.example:8443\t HTTP/1.1 \r\n\r\n", "a.example", 8443},
        {"CONNECT a.example:25 / HTTP/1.0\r\n\r\n", "a.example", 25},
        {"CONNECT a.example HTTP/1.1\r\n\r\n", "a.example", 0},
        {"CONNECT a.example: HTTP/1.1\r\n\r\n", "a.example", 0},
        {"CONNECT a_b-1.example:65535 HTTP/1.1\r\n\r\n", "a_b-1.example", 65535},
        {"CONNECT https://a.example:443/ HTTP/1.1\r\nHost: b.example\r\n\r\n", "a.example", 443},
        {"\r\n\nCONNECT a.example:443 HTTP/1.1\r\n\r\n", "a.example", 443},
    };

    (void)state;
    CHECK_HTTP(cases, PREAMBLE_CONNECT);
}

static void connect_to_no_authority_is_named_by_host(void **state)
{
    static const struct http_case cases[] = {
        {"CONNECT / HTTP/1.1\r\nHost: www.example.com\r\n\r\n", "www.example.com", 0},
        {"CONNECT /HTTP/1.1\r\nHost: www.example.com:444\r\n\r\n", "www.example.com", 444},
        {"CONNECT HTTP/1.1\r\nHost: www.example.com\r\n\r\n", "www.example.com", 0},
        {"CONNECT * HTTP/1.1\r\nHost: www.example.com\r\n\r\n", "www.example.com", 0},
        {"CONNECT / HTTP/1.\nHost: www.example.com\n\n", "www.example.com", 0},
        {"CONNECT / HTTP/1.1\r\n\r\n", "", 0},
    };

    (void)state;
    CHECK_HTTP(cases, PREAMBLE_CONNECT);
}

static void addresses_are_names_too(void **state)
{
    struct address mapped = address4(192, 0, 2, 7);
    struct address long_one = address6(0x12);

    (void)state;
    write_text("CONNECT 192.0.2.7:443 HTTP/1.1\r\n\r\n");
    check(PREAMBLE_CONNECT, "192.0.2.7", 443);
    check_address(&mapped);
    write_text("CONNECT [2001:db8::12]:443 HTTP/1.1\r\n\r\n");
    check(PREAMBLE_CONNECT, "2001:db8::12", 443);
    check_address(&long_one);
    write_text("CONNECT [::ffff:192.0.2.7] HTTP/1.1\r\n\r\n");
    check(PREAMBLE_CONNECT, "::ffff:192.0.2.7", 0);
    check_address(&mapped);
    write_text("GET / HTTP/1.1\r\nHost: [2001:db8::12]:8000\r\n\r\n");
    check(PREAMBLE_HTTP, "2001:db8::12", 8000);
    check_address(&long_one);
}

static void requests_are_named_by_target_or_host(void **state)
{
    static const struct http_case cases[] = {
        {"GET / HTTP/1.1\r\nHost: llm.example.fr\r\n\r\n", "llm.example.fr", 0},
        {"POST /v1/chat HTTP/1.1\r\nAccept: */*\r\nhOST:llm:8000 \t\r\nTE: x\r\n\r\n", "llm", 8000},
        {"GET / HTTP/1.0\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "", 0},
        {"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example", 0},
        {"M-SEARCH!#$%&'+.^_`|~ /x HTTP/1.1\nHost: a.example\n\n", "a.example", 0},
        {"GET //b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example", 0},
        {"GET /a b HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example", 0},
        {"GET /?u=http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example", 0},
        /* RFC 9112, 3.2.2 */
        {"GET http://a.example/x HTTP/1.1\r\nHost: b.example:81\r\n\r\n", "a.example", 0},
        {"GET HTTPS://a.example:8443 HTTP/1.1\r\nHost: b.example\r\n\r\n", "a.example", 8443},
        {"GET ws://a.example?b/c HTTP/1.1\r\n\r\n", "a.example", 0},
        /* RFC 6455, 1.3 */
        {"GET /chat HTTP/1.1\r\nHost: a.example:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         "a.example", 80},
        {"GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n", "a.example", 0},
        {"GET / HTTP/1.1\r\nX: 1\r\n folded\r\nHost: a.example\r\nY: 2\r\n\tfolded\r\n\r\n",
         "a.example", 0},
        {"GET / HTTP/1.1\r\nHostess: b.example\r\nX-Host: b.example\r\nHost: a.example\r\n\r\n",
         "a.example", 0},
    };

    (void)state;
    CHECK_HTTP(cases, PREAMBLE_HTTP);
}

/* Where two servers would read two names, we read none. */
static void ambiguous_hosts_have_no_name(void **state)
{
    static const struct http_case cases[] = {
        {"GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: a.example\r\nHost:\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: a.example\r\nhost : b.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost : b.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: a.example\r\n b.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost:\r\n b.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: a.example\r\n \r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\n Host: b.example\r\nHost: a.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nX: 1\r\n\tHost: b.example\r\nHost: a.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\n\vHost: b.example\r\nHost: a.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nX: 1\r\n \r\nHost: a.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nX: 1\rHost: b.example\r\nHost: a.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: a.example\f\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: a.example b.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: user@b.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: a.example:80:81\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: a.example:65536\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: a.example:+80\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: a.example:000080\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: a%2eexample\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: caf\xc3\xa9.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: 2001:db8::1\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: [a.example]\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: [2001:db8::1\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: [2001:db8::1]a.example\r\n\r\n", "", 0},
        {"GET / HTTP/1.1\r\nHost: [fe80::1%eth0]\r\n\r\n", "", 0},
        {"GET http://user@b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "", 0},
        {"GET http://a.example\\@b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "", 0},
        {"GET http://a.example#@b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "", 0},
        {"GET http:///a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "", 0},
        {"GET http:b.example HTTP/1.1\r\nHost: a.example\r\n\r\n", "", 0},
        {"GET ://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "", 0},
        {"GET b.example:80 HTTP/1.1\r\nHost: a.example\r\n\r\n", "", 0},
    };
    static const struct http_case tunnels[] = {
        {"CONNECT a.example:x HTTP/1.1\r\nHost: b.example\r\n\r\n", "", 0},
        {"CONNECT user@a.example:443 HTTP/1.1\r\nHost: b.example\r\n\r\n", "", 0},
        {"CONNECT a.example:443 b.example:443 HTTP/1.1\r\n\r\n", "", 0},
        {"CONNECT / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", "", 0},
    };

    (void)state;
    CHECK_HTTP(cases, PREAMBLE_HTTP);
    CHECK_HTTP(tunnels, PREAMBLE_CONNECT);
    WRITE("GET / HTTP/1.1\r\nHost: a.example\0.b.example\r\n\r\n");
    check(PREAMBLE_HTTP, "", 0);
    WRITE("GET / HTTP/1.1\r\nX: \0\r\nHost: a.example\r\n\r\n");
    check(PREAMBLE_HTTP, "", 0);
}

static void names_have_a_limit(void **state)
{
    char name[257];

    (void)state;
    for (size_t length = 255; length <= 256; length++) {
        memset(name, 'a', length);
        name[length] = '\0';
        write_text("GET / HTTP/1.1\r\nHost: ");
        put_bytes(&wire, name, length);
        put_bytes(&wire, "\r\n\r\n", 4);
        check(PREAMBLE_HTTP, length == 255 ? name : "", 0);
    }
}

/* With COUNT bytes of a header's value, all in one line. */
static void write_long_request(size_t total)
{
    static const char end[] = "\r\nHost: a.example\r\n\r\n";

    write_text("GET / HTTP/1.1\r\nCookie: ");
    put_fill(&wire, 'c', total - wire.length - (sizeof(end) - 1));
    put_bytes(&wire, end, sizeof(end) - 1);
}

static void long_headers_are_read_up_to_the_limit(void **state)
{
    (void)state;
    write_long_request(PREAMBLE_MAX);
    assert_int_equal(parse(wire.at, PREAMBLE_MAX - 1, &preamble), PREAMBLE_INCOMPLETE);
    assert_int_equal(parse(wire.at, PREAMBLE_MAX, &preamble), PREAMBLE_HTTP);
    assert_string_equal(preamble.name, "a.example");
    assert_int_equal(preamble.length, PREAMBLE_MAX);
    write_long_request(PREAMBLE_MAX + 1);
    assert_int_equal(parse(wire.at, PREAMBLE_MAX - 1, &preamble), PREAMBLE_INCOMPLETE);
    for (size_t cut = PREAMBLE_MAX; cut <= PREAMBLE_MAX + 1; cut++) {
        assert_int_equal(parse(wire.at, cut, &preamble), PREAMBLE_MALFORMED);
        assert_memory_equal(&preamble, &nothing, sizeof(preamble));
    }
}

/* An 8 kB header block of many lines. */
static void many_headers_are_read(void **state)
{
    (void)state;
    write_text("CONNECT / HTTP/1.1\r\n");
    while (wire.length < 8000)
        put_bytes(&wire, "X-Something: whatever\r\n", 23);
    put_bytes(&wire, "Host: a.example\r\n\r\n", 19);
    assert_int_equal(parse(wire.at, wire.length, &preamble), PREAMBLE_CONNECT);
    assert_string_equal(preamble.name, "a.example");
    assert_int_equal(preamble.length, wire.length);
}

static const char *const secrets[] = {"topsecret", "ursula",  "hunter2", "dXJzdWxh",
                                      "10.9.8.7",  "payload", "/path"};

static void check_keeps_no_secret(enum preamble_kind kind)
{
    unsigned held = 0;

    assert_int_equal(parse(wire.at, wire.length, &preamble), kind);
    assert_string_equal(preamble.name, "a.example");
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        size_t length = strlen(secrets[i]);

        held += memmem(wire.at, wire.length, secrets[i], length) != NULL;
        assert_null(memmem(&preamble, sizeof(preamble), secrets[i], length));
    }
    assert_int_not_equal(held, 0);
}

static void secrets_do_not_leave(void **state)
{
    static const char *const starts[] = {
        "POST http://a.example:8080/path?key=topsecret HTTP/1.1\r\n",
        "POST /path?key=topsecret HTTP/1.1\r\nHost: a.example:8080\r\n",
        "CONNECT a.example:443 HTTP/1.1\r\n"};
    static const char headers[] = "Cookie: id=topsecret\r\nAuthorization: Basic dXJzdWxh\r\n"
                                  "Proxy-Authorization: Basic dXJzdWxh\r\nFrom: ursula\r\n"
                                  "X-Forwarded-For: 10.9.8.7\r\n\r\npayload";

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        write_text(starts[i]);
        put_bytes(&wire, headers, sizeof(headers) - 1);
        check_keeps_no_secret(i == 2 ? PREAMBLE_CONNECT : PREAMBLE_HTTP);
    }
    WRITE("\5\2\0\2\1\6ursula\7hunter2\5\1\0\3\11a.example\1\273payload");
    check_keeps_no_secret(PREAMBLE_SOCKS);
    WRITE("\4\1\1\273\0\0\0\1ursula\0a.example\0payload");
    check_keeps_no_secret(PREAMBLE_SOCKS);
    WRITE("GET http://ursula:hunter2@a.example/ HTTP/1.1\r\n\r\n");
    assert_int_equal(parse(wire.at, wire.length, &preamble), PREAMBLE_HTTP);
    assert_string_equal(preamble.name, "");
}

/* 407: the client asks again, on the same connection. */
static void one_follows_another(void **state)
{
    static const char *const kinds[] = {
        "PROXY TCP4 192.0.2.7 192.0.2.8 51000 3128\r\n", "CONNECT a.example:443 HTTP/1.1\r\n\r\n",
        "CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: Basic dXNlcjpwdw==\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"};
    static const enum preamble_kind expected[] = {PREAMBLE_PROXY, PREAMBLE_CONNECT,
                                                  PREAMBLE_CONNECT, PREAMBLE_HTTP};
    size_t at = 0;

    (void)state;
    wire.length = 0;
    for (size_t i = 0; i < 4; i++)
        put_bytes(&wire, kinds[i], strlen(kinds[i]));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(parse(wire.at + at, wire.length - at, &preamble), expected[i]);
        assert_int_equal(preamble.length, strlen(kinds[i]));
        at += preamble.length;
    }
    assert_int_equal(at, wire.length);
}

/* -- SOCKS ------------------------------------------------------------------------------------ */

static void socks4_is_read(void **state)
{
    struct address target = address4(192, 0, 2, 7);
    struct address none = address4(0, 0, 0, 0);

    (void)state;
    WRITE("\4\1\1\273\300\0\2\7\0");
    check(PREAMBLE_SOCKS, "", 443);
    check_address(&target);
    WRITE("\4\1\0\120\300\0\2\7user\0");
    check(PREAMBLE_SOCKS, "", 80);
    check_address(&target);
    WRITE("\4\1\1\273\0\0\0\0\0");
    check(PREAMBLE_SOCKS, "", 443);
    check_address(&none);
    WRITE("\4\1\1\273\0\0\0\1\0claude.ai\0");
    check(PREAMBLE_SOCKS, "claude.ai", 443);
    assert_false(preamble.has_address);
    WRITE("\4\1\1\273\0\0\0\377user\000192.0.2.7\0");
    check(PREAMBLE_SOCKS, "192.0.2.7", 443);
    check_address(&target);
    WRITE("\4\1\1\273\0\0\0\1\0two words\0");
    check(PREAMBLE_SOCKS, "", 443);
}

static void socks5_is_read(void **state)
{
    struct address target4 = address4(192, 0, 2, 7);
    struct address target6 = address6(0x12);

    (void)state;
    WRITE("\5\1\0\5\1\0\3\11claude.ai\1\273");
    check(PREAMBLE_SOCKS, "claude.ai", 443);
    assert_false(preamble.has_address);
    WRITE("\5\1\0\5\1\0\1\300\0\2\7\37\220");
    check(PREAMBLE_SOCKS, "", 8080);
    check_address(&target4);
    WRITE("\5\2\0\2\5\1\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\22\1\273");
    check(PREAMBLE_SOCKS, "", 443);
    check_address(&target6);
    WRITE("\5\1\0\5\1\0\3\14"
          "2001:db8::12"
          "\1\273");
    check(PREAMBLE_SOCKS, "2001:db8::12", 443);
    check_address(&target6);
    WRITE("\5\1\0\5\1\0\3\5a\0b.c\1\273");
    check(PREAMBLE_SOCKS, "", 443);
    WRITE("\5\1\0\5\1\0\3\013192.0.2.7\0a\1\273");
    check(PREAMBLE_SOCKS, "", 443);
    assert_false(preamble.has_address);
}

static void socks5_passwords_are_skipped(void **state)
{
    (void)state;
    WRITE("\5\3\0\1\2\1\4user\10password\5\1\0\3\11claude.ai\1\273");
    check(PREAMBLE_SOCKS, "claude.ai", 443);
    WRITE("\5\1\2\1\0\0\5\1\0\3\11claude.ai\1\273");
    check(PREAMBLE_SOCKS, "claude.ai", 443);
    /* A name and password that look like requests. */
    WRITE("\5\1\2\1\5\5\1\0\3\1\5\5\1\0\3\1\5\1\0\3\11claude.ai\1\273");
    check(PREAMBLE_SOCKS, "claude.ai", 443);
}

static void other_socks_are_refused(void **state)
{
    (void)state;
    WRITE("\4\2\1\273\300\0\2\7\0"); /* BIND */
    check_refused(PREAMBLE_NONE);
    WRITE("\5\1\0\5\2\0\1\300\0\2\7\1\273");
    check_refused(PREAMBLE_NONE);
    WRITE("\5\1\0\5\3\0\1\0\0\0\0\0\0"); /* UDP ASSOCIATE */
    check_refused(PREAMBLE_NONE);
    WRITE("\5\0\5\1\0\1\300\0\2\7\1\273"); /* no method */
    check_refused(PREAMBLE_NONE);
    WRITE("\5\1\0\5\4\0\1\300\0\2\7\1\273"); /* no such command */
    check_refused(PREAMBLE_MALFORMED);
    WRITE("\5\1\0\5\1\1\1\300\0\2\7\1\273"); /* reserved byte */
    check_refused(PREAMBLE_MALFORMED);
    WRITE("\5\1\0\5\1\0\2\300\0\2\7\1\273"); /* address type */
    check_refused(PREAMBLE_MALFORMED);
    WRITE("\5\1\0\4\1\0\1\300\0\2\7\1\273"); /* version */
    check_refused(PREAMBLE_MALFORMED);
    WRITE("\5\2\0\1\1\1\0\2ab\5\1\0\1\300\0\2\7\1\273"); /* GSSAPI */
    check_refused(PREAMBLE_MALFORMED);
    WRITE("\4\1\1\273\300\0\2\7a\1b\0"); /* no text */
    check_refused(PREAMBLE_MALFORMED);
    WRITE("\4\1\1\273\300\0\2\7");
    put_fill(&wire, 'u', 256);
    check_refused(PREAMBLE_MALFORMED);
}

/* -- The PROXY protocol ----------------------------------------------------------------------- */

static void proxy_lines_are_read(void **state)
{
    struct address client4 = address4(192, 0, 2, 7);
    struct address client6 = address6(0x12);

    (void)state;
    write_text("PROXY TCP4 192.0.2.7 198.51.100.255 51000 443\r\n");
    check(PREAMBLE_PROXY, "", 51000);
    check_address(&client4);
    write_text("PROXY TCP6 2001:db8::12 2001:db8::1 51000 443\r\n");
    check(PREAMBLE_PROXY, "", 51000);
    check_address(&client6);
    write_text("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 51000 443\r\n");
    check(PREAMBLE_PROXY, "", 51000);
    check_address(&client4);
    write_text("PROXY UNKNOWN\r\n");
    check(PREAMBLE_PROXY, "", 0);
    assert_false(preamble.has_address);
    /* The longest (2.1). */
    write_text("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n");
    check(PREAMBLE_PROXY, "", 0);
    write_text("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
               "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
    check(PREAMBLE_PROXY, "", 65535);
}

static void bad_proxy_lines_are_malformed(void **state)
{
    static const char *const lines[] = {
        "PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\n",
        "PROXY TCP5 192.0.2.7 198.51.100.1 51000 443\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.1 51000 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100 51000 443\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 51000 443\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 51000 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 51000 x\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 51000\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1  443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 51000 443 1\r\n",
        "PROXY TCP4  192.0.2.7 198.51.100.1 51000 443\r\n",
        "PROXY \r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        write_text(lines[i]);
        check_refused(PREAMBLE_MALFORMED);
    }
    write_text("PROXY UNKNOWN ");
    put_fill(&wire, 'f', 107 - wire.length);
    check_refused(PREAMBLE_MALFORMED);
    wire.length--;
    put_bytes(&wire, "\r\n", 2);
    check_refused(PREAMBLE_MALFORMED);
}

static void begin_block(unsigned command, unsigned family)
{
    WRITE("\r\n\r\n\0\r\nQUIT\n");
    put_u8(&wire, command);
    put_u8(&wire, family);
    put_u16(&wire, 0);
}

static void put_endpoints(const struct address *client)
{
    size_t length = client->family == 4 ? 4 : 16;

    put_bytes(&wire, client->bytes, length);
    put_fill(&wire, 9, length);
    put_u16(&wire, 51000);
    put_u16(&wire, 443);
}

static void put_value(unsigned type, const char *value, size_t length)
{
    put_u8(&wire, type);
    put_u16(&wire, (unsigned)length);
    put_bytes(&wire, value, length);
}

static void end_block(void)
{
    set_u16(&wire, 14, wire.length - 16);
}

static void proxy_blocks_are_read(void **state)
{
    struct address clients[] = {address4(192, 0, 2, 7), address6(0x12)};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin_block(0x21, i ? 0x21 : 0x11);
        put_endpoints(&clients[i]);
        end_block();
        check(PREAMBLE_PROXY, "", 51000);
        check_address(&clients[i]);
        wire.length = preamble.length;
        put_value(1, "h2", 2);
        put_value(2, "api.mistral.ai", 14);
        put_value(3, "\1\2\3\4", 4); /* a wrong checksum */
        put_value(0x20, "\1\0\0\0\0\2\0\11b.example", 17);
        end_block();
        check(PREAMBLE_PROXY, "api.mistral.ai", 51000);
        check_address(&clients[i]);
    }
}

static void mapped_clients_are_ipv4(void **state)
{
    struct address client = {6, {[10] = 0xff, [11] = 0xff, 192, 0, 2, 7}};
    struct address expected = address4(192, 0, 2, 7);

    (void)state;
    begin_block(0x21, 0x21);
    put_endpoints(&client);
    end_block();
    check(PREAMBLE_PROXY, "", 51000);
    check_address(&expected);
}

static void other_families_tell_no_client(void **state)
{
    struct address client = address4(192, 0, 2, 7);

    (void)state;
    begin_block(0x20, 0x11); /* LOCAL */
    put_endpoints(&client);
    put_value(2, "a.example", 9);
    end_block();
    check(PREAMBLE_PROXY, "", 0);
    assert_false(preamble.has_address);
    begin_block(0x20, 0);
    check(PREAMBLE_PROXY, "", 0);
    begin_block(0x21, 0x31); /* UNIX */
    put_fill(&wire, '/', 216);
    put_value(2, "a.example", 9);
    end_block();
    check(PREAMBLE_PROXY, "a.example", 0);
    assert_false(preamble.has_address);
    begin_block(0x21, 0); /* unspecified */
    put_fill(&wire, 7, 40);
    end_block();
    check(PREAMBLE_PROXY, "", 0);
    assert_false(preamble.has_address);
}

static void doubtful_authorities_have_no_name(void **state)
{
    struct address client = address4(192, 0, 2, 7);

    (void)state;
    begin_block(0x21, 0x11);
    put_endpoints(&client);
    put_value(2, "a.example", 9);
    put_value(2, "b.example", 9);
    end_block();
    check(PREAMBLE_PROXY, "", 51000);
    begin_block(0x21, 0x11);
    put_endpoints(&client);
    put_value(2, "a\0b", 3);
    end_block();
    check(PREAMBLE_PROXY, "", 51000);
    begin_block(0x21, 0x11);
    put_endpoints(&client);
    put_value(2, "8.8.8.8", 7); /* must not replace the client */
    end_block();
    check(PREAMBLE_PROXY, "8.8.8.8", 51000);
    check_address(&client);
}

static void bad_blocks_are_malformed(void **state)
{
    static const uint8_t heads[][2] = {
        {0x11, 0x21}, {0x31, 0x21}, {0x22, 0x21}, {0x21, 0x41}, {0x21, 0x23}};
    struct address client = address6(0x12);

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        begin_block(heads[i][0], heads[i][1]);
        put_endpoints(&client);
        end_block();
        check_refused(PREAMBLE_MALFORMED);
    }
    for (size_t length = 0; length < 36; length += 4) { /* too short for two IPv6 addresses */
        begin_block(0x21, 0x21);
        put_fill(&wire, 0, length);
        end_block();
        check_refused(PREAMBLE_MALFORMED);
    }
    begin_block(0x21, 0x21);
    put_endpoints(&client);
    put_value(2, "a.example", 9);
    wire.length--;
    end_block();
    check_refused(PREAMBLE_MALFORMED);
    begin_block(0x21, 0x11);
    set_u16(&wire, 14, PREAMBLE_MAX - 16 + 1);
    check_refused(PREAMBLE_MALFORMED);
}

/* -- Other traffic ---------------------------------------------------------------------------- */

static void other_traffic_is_none(void **state)
{
    static const char *const others[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "EHLO mail.example\r\nSTARTTLS\r\n",
        "USER anonymous\r\n",
        "a1 STARTTLS\r\n",
        "<?xml version='1.0'?><stream:stream to='a.example'",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /\r\n",
        "GET / HTTP/0.9\r\n",
        "GET / HTTP/2\r\n",
        "GET / HTTP/1.1 1\r\n",
        "GET / RTSP/1.0\r\nHost: a.example\r\n\r\n",
        "INVITE sip:a@b.example SIP/2.0\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "GET / \1HTTP/1.1\r\n",
        "GET \1", /* no need to wait for the line's end */
        "GET /\rHTTP/1.1\r\n",
        " GET / HTTP/1.1\r\n",
        "\rGET / HTTP/1.1\r\n",
        "\r\n\r\nQUIT\n",
        "METHODSOFMORETHANTHIRTYTWOLETTERS / HTTP/1.1\r\n",
        "\x30\x1d\x02\x01\x01\x77\x18\x80\x16", /* LDAP StartTLS */
        "\x03",
        "\x17\x03\x03\x01\x00",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        write_text(others[i]);
        check_refused(PREAMBLE_NONE);
    }
    wire.length = 0;
    put_hello(&wire, &(struct hello_parts){.name = "a.example"});
    check_refused(PREAMBLE_NONE);
    for (unsigned byte = 128; byte < 256; byte++) {
        uint8_t first = (uint8_t)byte;

        assert_int_equal(parse(&first, 1, &preamble), PREAMBLE_NONE);
        assert_false(preamble_starts(&first, 1));
    }
    assert_false(preamble_starts(NULL, 0));
    assert_int_equal(preamble_parse(NULL, 0, &preamble), PREAMBLE_INCOMPLETE);
}

/* -- The corpus beside the tree --------------------------------------------------------------- */

struct wanted {
    unsigned frame;
    unsigned at;
    enum preamble_kind kind;
};

static void take_frames(void *context, const struct captured_frame *frames, size_t count)
{
    struct wanted *wanted = context;
    struct packet packet;

    for (size_t i = 0; i < count; i++)
        if (++wanted->at == wanted->frame &&
            decode_frame(frames[i].link_type, frames[i].bytes, frames[i].captured, frames[i].length,
                         &packet) == DECODE_TCP)
            wanted->kind = parse(packet.payload, packet.captured_length, &preamble);
}

/* What tshark calls the authority, or the Host header when it is none. */
static void check_row(const char *file, unsigned frame, const char *target, const char *host)
{
    struct wanted wanted = {frame, 0, PREAMBLE_NONE};
    char path[512];
    char error[512] = "";
    char expected[600];
    struct source *source;

    snprintf(path, sizeof(path), CORPUS "%s", file);
    source = source_open_file(path, error, sizeof(error));
    assert_string_equal(error, "");
    while (source_read(source, 1000, take_frames, &wanted) == SOURCE_OK)
        ;
    source_close(source);
    assert_int_equal(wanted.kind, PREAMBLE_CONNECT);
    if (preamble.port)
        snprintf(expected, sizeof(expected), "%s:%u", preamble.name, preamble.port);
    else
        snprintf(expected, sizeof(expected), "%s", preamble.name);
    assert_string_equal(expected, target[0] == '/' ? host : target);
}

static void names_are_those_of_tshark(void **state)
{
    FILE *stream = fopen(CORPUS "http.tsv", "re");
    char line[1024];
    unsigned rows = 0;

    (void)state;
    if (!stream) {
        print_message("SKIPPED: %s is not here\n", CORPUS "http.tsv");
        skip();
    }
    while (stream && fgets(line, sizeof(line), stream)) {
        char *fields[10] = {NULL};
        char *rest = line;

        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < 10; i++)
            fields[i] = strsep(&rest, "\t");
        if (!fields[9] || strcmp(fields[7], "CONNECT") != 0)
            continue;
        check_row(fields[0], (unsigned)strtoul(fields[1], NULL, 10), fields[8], fields[9]);
        rows++;
    }
    fclose(stream);
    assert_int_equal(rows, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_names_its_authority),
        cmocka_unit_test(connect_to_no_authority_is_named_by_host),
        cmocka_unit_test(addresses_are_names_too),
        cmocka_unit_test(requests_are_named_by_target_or_host),
        cmocka_unit_test(ambiguous_hosts_have_no_name),
        cmocka_unit_test(names_have_a_limit),
        cmocka_unit_test(long_headers_are_read_up_to_the_limit),
        cmocka_unit_test(many_headers_are_read),
        cmocka_unit_test(secrets_do_not_leave),
        cmocka_unit_test(one_follows_another),
        cmocka_unit_test(socks4_is_read),
        cmocka_unit_test(socks5_is_read),
        cmocka_unit_test(socks5_passwords_are_skipped),
        cmocka_unit_test(other_socks_are_refused),
        cmocka_unit_test(proxy_lines_are_read),
        cmocka_unit_test(bad_proxy_lines_are_malformed),
        cmocka_unit_test(proxy_blocks_are_read),
        cmocka_unit_test(mapped_clients_are_ipv4),
        cmocka_unit_test(other_families_tell_no_client),
        cmocka_unit_test(doubtful_authorities_have_no_name),
        cmocka_unit_test(bad_blocks_are_malformed),
        cmocka_unit_test(other_traffic_is_none),
        cmocka_unit_test(names_are_those_of_tshark),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
