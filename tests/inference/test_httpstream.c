/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/httpstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/inference/talk.h"

/* What the handler was told, as text: "request POST /path; headers; body...". */

static struct http_stream stream;
static struct inflater_pool *inflaters;
static struct apikey_secret secret;
static char told[16384];
static size_t told_length;
static size_t piece;

static void tell(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    told_length +=
        (size_t)vsnprintf(told + told_length, sizeof(told) - told_length, format, arguments);
    va_end(arguments);
    assert_true(told_length < sizeof(told));
}

static void on_request(void *context, bool post, const char *path_end, size_t length)
{
    (void)context;
    tell("%s %.*s;", post ? "POST" : "other", (int)length, path_end);
}

static void on_direction(void *context, const char *value, size_t length)
{
    (void)context;
    tell("direction %.*s;", (int)length, value);
}

static void on_key(void *context, const uint8_t digest[APIKEY_DIGEST_SIZE])
{
    (void)context;
    tell("key %02x%02x;", digest[0], digest[1]);
}

static void on_headers(void *context)
{
    (void)context;
    tell("headers;");
}

static void on_answer(void *context, unsigned status, enum http_content content)
{
    (void)context;
    tell("%u %c;", status, "OJLE"[content]);
}

static void on_unread(void *context, enum http_side side)
{
    (void)context;
    tell("unread%c", side == HTTP_CLIENT ? ')' : '(');
}

/* Pieces of a body run together, or the split would show. */
static void on_body(void *context, enum http_side side, const uint8_t *bytes, size_t length)
{
    char mark = side == HTTP_CLIENT ? '>' : '<';

    (void)context;
    if (told_length == 0 || told[told_length - 1] != mark)
        tell("%c", mark);
    else
        told_length--;
    tell("%.*s%c", (int)length, (const char *)bytes, mark);
}

static void on_gap(void *context, enum http_side side)
{
    (void)context;
    tell("gap%c", side == HTTP_CLIENT ? ')' : '(');
}

static void on_request_end(void *context, enum http_end end)
{
    (void)context;
    tell("sent %c;", "=/?!"[end]);
}

static void on_answer_end(void *context, enum http_end end)
{
    (void)context;
    tell("done %c;", "=/?!"[end]);
}

static const struct http_handler handler = {
    .request = on_request,
    .direction = on_direction,
    .api_key = on_key,
    .headers = on_headers,
    .answer = on_answer,
    .body = on_body,
    .unread = on_unread,
    .gap = on_gap,
    .request_end = on_request_end,
    .answer_end = on_answer_end,
};

static void begin(void)
{
    httpstream_start(&stream, &handler, NULL, inflaters, &secret, "x-direction");
    told_length = 0;
    told[0] = '\0';
}

static int setup(void **state)
{
    (void)state;
    inflaters = inflater_pool_new(4 << 20);
    piece = 0;
    begin();
    return inflaters ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    httpstream_finish(&stream);
    inflater_pool_free(inflaters);
    return 0;
}

static void say_bytes(enum http_side side, const void *bytes, size_t length)
{
    size_t size = piece ? piece : length;

    for (size_t at = 0; at < length; at += size)
        httpstream_bytes(&stream, side, (const uint8_t *)bytes + at,
                         length - at < size ? length - at : size);
}

static void client(const char *text)
{
    say_bytes(HTTP_CLIENT, text, strlen(text));
}

static void server(const char *text)
{
    say_bytes(HTTP_SERVER, text, strlen(text));
}

#define GET      "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void assert_told(const char *text)
{
    assert_string_equal(told, text);
}

/* -- Framing ------------------------------------------------------------------------------------
 */

static void talk_length(void)
{
    client("POST /v1/x?key=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    server("HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
           "Content-Length:  2 \r\n\r\n{}");
    client(GET);
    server("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n");
    assert_told("POST /v1/x;headers;>hello>sent =;200 J;<{}<done =;"
                "other /a;headers;sent =;404 O;done =;");
}

static void talk_chunks(void)
{
    client("POST /c HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
           "4;a=b;c=\"d;e\"\r\nwiki\r\n0A \r\n0123456789\r\n000\r\nTrailer: x\r\nB: c\r\n\r\n");
    server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream"
           "\r\n\r\n3\r\n\r\n\r\r\n1\r\n0\r\n0\r\n\r\n");
    client(GET);
    server(OK_EMPTY);
    assert_told("POST /c;headers;>wiki0123456789>sent =;200 E;<\r\n\r0<done =;"
                "other /a;headers;sent =;200 O;done =;");
}

static void talk_to_close(void)
{
    client("\r\nGET /old HTTP/1.0\r\n\r\n");
    server("HTTP/1.0 200 OK\nContent-Type: application/x-ndjson\n\nall that follows");
    server(" and more");
    httpstream_close(&stream, HTTP_SERVER);
    assert_told("other /old;headers;sent =;200 L;<all that follows and more<done =;");
}

static void talk_bodiless(void)
{
    client("HEAD /h HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    client(GET);
    server("HTTP/1.1 204 No Content\r\n\r\n");
    client(GET);
    server("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
    client(GET);
    server(OK_EMPTY);
    assert_told("other /h;headers;sent =;200 O;done =;other /a;headers;sent =;204 O;done =;"
                "other /a;headers;sent =;304 O;done =;other /a;headers;sent =;200 O;done =;");
}

static void talk_pipelined(void)
{
    client("HEAD /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 1\r\n\r\n2" GET);
    server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
           "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"
           "HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\nthree");
    assert_told("other /1;headers;sent =;POST /2;headers;>2>sent =;other /a;headers;sent =;"
                "200 O;done =;200 O;<two<done =;500 O;<three<done =;");
}

static void talk_continued(void)
{
    client("POST /e HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 4\r\n\r\n");
    server("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    client("body");
    server(OK_EMPTY);
    client(GET);
    server(OK_EMPTY);
    assert_told("POST /e;headers;>body>sent =;200 O;done =;"
                "other /a;headers;sent =;200 O;done =;");
}

static void any_split_gives_the_same(void **state)
{
    static void (*const talks[])(void) = {talk_length,   talk_chunks,    talk_to_close,
                                          talk_bodiless, talk_pipelined, talk_continued};

    (void)state;
    for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++)
        for (piece = 0; piece < 90; piece++) {
            begin();
            talks[i]();
            httpstream_finish(&stream);
        }
}

static void the_end_of_a_long_path_is_told(void **state)
{
    char text[1000] = "POST /";

    (void)state;
    for (piece = 0; piece < 200; piece += 13) {
        begin();
        memset(text + 6, 'p', 700);
        strcpy(text + 706, "/v1/chat/completions?q#f HTTP/1.1\r\n\r\n");
        client(text);
        assert_int_equal(strcspn(told, ";"), 5 + HTTP_PATH_SIZE);
        assert_non_null(strstr(told, "ppp/v1/chat/completions;headers;"));
        httpstream_finish(&stream);
    }
}

static void an_answer_may_come_before_the_request_is_complete(void **state)
{
    (void)state;
    client("POST /e HTTP/1.1\r\nContent-Length: 8\r\n\r\nhalf");
    server("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
    client("half" GET);
    server(OK_EMPTY);
    assert_told("POST /e;headers;>half>401 O;<no<sent /;done =;"
                "other /a;headers;sent =;200 O;done =;");
}

/* RFC 9110, 10.1.1: the client may send the body all the same, or not. */
static void a_refusal_to_continue_is_followed_by_what_makes_sense(void **state)
{
    static const char head[] =
        "POST /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n";

    (void)state;
    client(head);
    server("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
    client(GET);
    server(OK_EMPTY);
    assert_told("POST /e;headers;sent /;417 O;done =;other /a;headers;sent =;200 O;done =;");
    begin();
    client(head);
    server("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
    client("{\"a\": 1}");
    server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); /* nobody knows to what */
    client(GET);
    server(OK_EMPTY);
    assert_told("POST /e;headers;sent /;413 O;done =;other /a;headers;sent =;200 O;done =;");
}

/* What follows such a refusal unasked puts out of step at once, not with the next segment. */
static void what_follows_a_refusal_is_the_same_in_any_pieces(void **state)
{
    static const char *const refusals[] = {
        "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n\r", /* as if a line that never ends */
        "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n\r\n",
        "HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\nx",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
        for (piece = 0; piece < 90; piece++) {
            begin();
            client("POST /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n");
            server(refusals[i]);
            client(GET);
            server(OK_EMPTY);
            assert_told("POST /e;headers;sent /;413 O;done =;"
                        "other /a;headers;sent =;200 O;done =;");
        }
}

static void another_protocol_is_not_followed(void **state)
{
    (void)state;
    client("GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello");
    client("POST /v1/chat/completions HTTP/1.1\r\n\r\n");
    assert_told("other /ws;headers;sent =;101 O;done !;");
    assert_true(httpstream_refused(&stream));
    begin();
    client("CONNECT h:443 HTTP/1.1\r\n\r\n");
    assert_told("");
    assert_true(httpstream_refused(&stream));
    begin();
    client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_told("");
    assert_true(httpstream_refused(&stream));
}

static void what_follows_the_last_answer_is_ignored(void **state)
{
    (void)state;
    client(GET);
    server("HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\nContent-Length: 1\r\n\r\n1"
           "HTTP/1.1 200 OK\r\n\r\n");
    assert_told("other /a;headers;sent =;200 O;<1<done =;");
}

/* -- Compressed bodies ----------------------------------------------------------------------------
 */

static void answer_compressed(const char *coding, const uint8_t *bytes, size_t length)
{
    char head[300];

    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", coding,
             length);
    server(head);
    say_bytes(HTTP_SERVER, bytes, length);
}

static void compressed_bodies_are_inflated(void **state)
{
    static const struct {
        const char *header;
        const char *coding;
    } codings[] = {{"gzip", "gzip"},       {"X-GZip", "gzip"},
                   {"deflate", "deflate"}, {"deflate", "raw"},
                   {"br", "br"},           {"BR", "br"},
                   {"zstd", "zstd"},       {"identity, zstd", "zstd"},
                   {"br ,", "br"},         {"identity\r\nContent-Encoding: gzip", "gzip"}};
    uint8_t bytes[1000];

    (void)state;
    for (size_t i = 0; i < sizeof(codings) / sizeof(*codings); i++)
        for (piece = 0; piece < 60; piece++) {
            size_t length = compress_text("a body, a body, a body: { \"usage\": 1 }",
                                          codings[i].coding, bytes, sizeof(bytes));

            begin();
            client(GET);
            answer_compressed(codings[i].header, bytes, length);
            assert_told("other /a;headers;sent =;200 O;"
                        "<a body, a body, a body: { \"usage\": 1 }<done =;");
            httpstream_finish(&stream);
            assert_int_equal(inflater_pool_taken(inflaters), 0);
        }
}

static void compressed_requests_are_inflated(void **state)
{
    static const char *const codings[] = {"gzip", "br", "zstd"};
    uint8_t bytes[1000];
    char head[200];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (piece = 0; piece < 60; piece++) {
            size_t length = compress_text("{\"n\":1,\"n\":1}", codings[i], bytes, sizeof(bytes));

            begin();
            snprintf(head, sizeof(head),
                     "POST /a HTTP/1.1\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
                     codings[i], length);
            client(head);
            say_bytes(HTTP_CLIENT, bytes, length);
            server(OK_EMPTY);
            assert_told("POST /a;headers;>{\"n\":1,\"n\":1}>sent =;200 O;done =;");
        }
}

/* Chunk by chunk, as a server sends what it flushes, and cut off: what came is read. */
static void a_compressed_stream_is_read_up_to_where_it_is_cut(void **state)
{
    static const char *const codings[] = {"gzip", "br", "zstd"};
    static const char text[] =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct flusher *flusher = flusher_new(codings[i]);
        char head[300];

        begin();
        client(GET);
        snprintf(head, sizeof(head),
                 "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: %s\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n",
                 codings[i]);
        server(head);
        for (int event = 0; event < 3; event++) {
            uint8_t bytes[1000];
            size_t length = flusher_add(flusher, text, bytes, sizeof(bytes));

            snprintf(head, sizeof(head), "%zx\r\n", length);
            server(head);
            say_bytes(HTTP_SERVER, bytes, length);
            server("\r\n");
        }
        flusher_free(flusher);
        httpstream_close(&stream, HTTP_CLIENT);
        snprintf(head, sizeof(head), "other /a;headers;sent =;200 E;<%s%s%s<", text, text, text);
        assert_told(head);
        httpstream_finish(&stream);
        assert_int_equal(inflater_pool_taken(inflaters), 0);
    }
}

static void what_cannot_be_decoded_is_said(void **state)
{
    static const char *const codings[] = {
        "compress", "gzip, gzip", "br, zstd", "gzip\r\nContent-Encoding: br", "dcb", "gzipp"};
    uint8_t bytes[1000];
    size_t length = compress_text("a body, a body, a body", "gzip", bytes, sizeof(bytes));
    char many[150];

    (void)state;
    memset(many, ',', sizeof(many));
    memcpy(many + sizeof(many) - 5, "gzip", 5);
    for (size_t i = 0; i <= sizeof(codings) / sizeof(*codings); i++) {
        begin();
        client(GET);
        answer_compressed(i < sizeof(codings) / sizeof(*codings) ? codings[i] : many, bytes,
                          length);
        assert_told("other /a;headers;sent =;200 O;unread(done =;");
    }
    begin();
    client(GET);
    answer_compressed("compress", bytes, 0); /* there is nothing to be decoded */
    assert_told("other /a;headers;sent =;200 O;done =;");
    begin();
    client("POST /a HTTP/1.1\r\nContent-Encoding: compress\r\nContent-Length: 3\r\n\r\nabc");
    assert_told("POST /a;headers;unread)sent =;");
    begin();
    client(GET);
    answer_compressed("identity", (const uint8_t *)"plain", 5);
    assert_told("other /a;headers;sent =;200 O;<plain<done =;");
}

static void damage_is_said(void **state)
{
    static const char *const codings[] = {"gzip", "br", "zstd"};
    uint8_t bytes[1000];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        begin();
        client(GET);
        memset(bytes, 0xff, sizeof(bytes));
        compress_text("a body, a body, a body", codings[i], bytes, sizeof(bytes));
        memset(bytes + 10, 0xff, 8);
        bytes[0] = i == 1 ? 0x91 : bytes[0]; /* no window (RFC 7932, 9.1) */
        bytes[4] = i == 2 ? 0x08 : bytes[4]; /* a reserved bit (RFC 8878, 3.1.1.1) */
        answer_compressed(codings[i], bytes, 30);
        assert_told("other /a;headers;sent =;200 O;unread(done =;");
    }
}

static bool never(void *context, enum http_side side)
{
    (void)context;
    (void)side;
    return false;
}

static void what_nobody_reads_is_not_expanded(void **state)
{
    static struct http_handler idle;
    uint8_t bytes[1000];
    size_t length = compress_text("a body", "gzip", bytes, sizeof(bytes));

    (void)state;
    idle = handler;
    idle.wants = never;
    begin();
    stream.handler = &idle;
    client(GET);
    answer_compressed("gzip", bytes, length);
    assert_told("other /a;headers;sent =;200 O;done =;");
}

static void inflaters_are_given_back_and_may_run_out(void **state)
{
    static struct http_stream other;
    uint8_t bytes[1000];
    size_t length = compress_text("a body", "gzip", bytes, sizeof(bytes));
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 900\r\n\r\n";

    (void)state;
    inflater_pool_free(inflaters);
    inflaters = inflater_pool_new(20 << 10); /* for one */
    httpstream_start(&other, &handler, NULL, inflaters, NULL, "");
    httpstream_bytes(&other, HTTP_CLIENT, (const uint8_t *)GET, strlen(GET));
    httpstream_bytes(&other, HTTP_SERVER, (const uint8_t *)head, strlen(head));
    httpstream_bytes(&other, HTTP_SERVER, bytes, length - 4);
    begin();
    client(GET);
    answer_compressed("gzip", bytes, length);
    assert_told("other /a;headers;sent =;200 O;unread(done =;");
    httpstream_finish(&other);
    begin();
    for (int i = 0; i < 3; i++) {
        client(GET);
        answer_compressed("gzip", bytes, length);
    }
    assert_non_null(strstr(told, "<a body<done =;other /a;headers;sent =;200 O;<a body<done =;"));
    assert_null(strstr(told, "unread"));
}

/* -- What is refused ------------------------------------------------------------------------------
 */

static void assert_refused(const char *head)
{
    for (piece = 0; piece <= 1; piece++) {
        begin();
        client(head);
        if (!httpstream_refused(&stream))
            fail_msg("not refused: %s", head);
        client(GET);
        server(OK_EMPTY);
        assert_null(strstr(told, "headers;"));
        assert_null(strstr(told, "200"));
    }
}

static void ambiguous_requests_are_refused(void **state)
{
    static const char *const lines[] = {
        "Content-Length: 5\r\nTransfer-Encoding: chunked", /* both lengths */
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length:",
        "Content-Length: 99999999999999999999999",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding:\vchunked",
        "Transfer-Encoding : chunked", /* a space before the colon */
        "Content-Length : 5",
        "A: b\r\n folded", /* a folded line */
        "A: b\r\n\tfolded",
        " A: b",
        "A: b\rContent-Length: 5", /* a CR alone */
        "A\r\n",
        ": empty",
        "A(b): c",
    };
    char head[400];

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        snprintf(head, sizeof(head), "POST /v1/x HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", lines[i]);
        assert_refused(head);
    }
    assert_refused("POST /v1/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_refused("POST /v1/x\r\n\r\n");
    assert_refused("POST  /v1/x HTTP/1.1\r\n\r\n");
    assert_refused("POST /v1/x HTTP/1.2\r\n\r\n");
    assert_refused("POST /v1/x HTTP/1.10\r\n\r\n");
    assert_refused("POST /v1/x http/1.1\r\n\r\n");
    assert_refused("POST /v1/x HTTP/1.1HTTP/1.1\r\n\r\n");
    assert_refused("PO(ST /v1/x HTTP/1.1\r\n\r\n");
    assert_refused("\x16\x03\x01\x02\x00\x01");
    assert_refused("SSH-2.0-OpenSSH\r\n");
}

/* Whole, and in two pieces around BYTE, which stands between BEFORE and AFTER. */
static bool refuses(const char *before, char byte, const char *after)
{
    char head[200];
    size_t length = strlen(before);
    bool refused[2];

    piece = 0;
    memcpy(head, before, length);
    head[length] = byte;
    strcpy(head + length + 1, after);
    for (unsigned cut = 0; cut < 2; cut++) {
        size_t first = cut ? length + 1 : length + 1 + strlen(after);

        begin();
        say_bytes(HTTP_CLIENT, head, first);
        say_bytes(HTTP_CLIENT, head + first, length + 1 + strlen(after) - first);
        refused[cut] = httpstream_refused(&stream);
    }
    assert_int_equal(refused[0], refused[1]);
    return refused[0];
}

static void names_and_values_hold_what_they_may(void **state)
{
    static const char others[] = "!#$%&'*+-.^_`|~:"; /* RFC 9110, 5.6.2; and what ends a name */

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool is_token = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= 'a' && byte <= 'z') || (byte > 0 && strchr(others, byte));
        bool is_in_value = byte != '\0' && byte != '\r' && byte != '\n';

        assert_int_equal(refuses("POST /c HTTP/1.1\r\nA", (char)byte, "b: c\r\n\r\n"), !is_token);
        assert_int_equal(refuses("POST /c HTTP/1.1\r\nA: b", (char)byte, "c\r\n\r\n"),
                         !is_in_value);
        assert_int_equal(refuses("POST /c HTTP/1.1\r\nExpect: b", (char)byte, "c\r\n\r\n"),
                         !is_in_value);
    }
}

static void assert_chunks_refused(const char *chunks)
{
    static const char head[] = "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

    begin();
    client(head);
    client(chunks);
    if (!httpstream_refused(&stream))
        fail_msg("not refused: %s", chunks);
    assert_non_null(strstr(told, "sent !;done !;"));
}

static void ambiguous_chunks_are_refused(void **state)
{
    static const char *const chunks[] = {
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "0x1\r\n",
        "1\na\r\n",
        "1;a\nb\r\n",
        "1\r\nab\r\n",
        "1\r\na\n",
        "1\r\r\na",
        "0\r\nA: b\n\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "1 a\nb\r\n",
        "ffffffffffffffff\r\n",
        "10000000000000000\r\n",
        "1\r\na\rb\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(chunks) / sizeof(*chunks); i++)
        assert_chunks_refused(chunks[i]);
}

static void ambiguous_answers_are_refused(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "what?",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        begin();
        client(GET);
        server(answers[i]);
        assert_true(httpstream_refused(&stream));
        assert_told("other /a;headers;sent =;done !;");
    }
    begin();
    client(GET);
    say_bytes(HTTP_SERVER, "HTTP/1.1 200 O\0K", 16);
    assert_true(httpstream_refused(&stream));
}

static void more_requests_than_fit_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < HTTP_PIPELINE; i++)
        client(GET);
    assert_false(httpstream_refused(&stream));
    client(GET);
    assert_true(httpstream_refused(&stream));
}

/* -- Gaps ---------------------------------------------------------------------------------------
 */

static void gaps_in_bodies_leave_the_stream_in_step(void **state)
{
    (void)state;
    client("POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nab");
    httpstream_gap(&stream, HTTP_CLIENT, 7);
    server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nabc");
    httpstream_gap(&stream, HTTP_SERVER, 4);
    server("h\r\n0\r\n\r\n");
    client(GET);
    server("HTTP/1.1 200 OK\r\n\r\nab");
    httpstream_gap(&stream, HTTP_SERVER, 1000);
    server("cd");
    httpstream_close(&stream, HTTP_SERVER);
    assert_told("POST /a;headers;>ab>gap)sent =;200 O;<abc<gap(<h<done =;"
                "other /a;headers;sent =;200 O;<ab<gap(<cd<done =;");
}

static void a_gap_in_framing_is_made_good_at_the_client_s_next_turn(void **state)
{
    (void)state;
    client("POST /a HTTP/1.1\r\nContent-Le");
    httpstream_gap(&stream, HTTP_CLIENT, 7);
    client("POST /forged HTTP/1.1\r\n\r\n"); /* may be in a body */
    server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    client(GET);
    server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nabc");
    httpstream_gap(&stream, HTTP_SERVER, 6);
    server("HTTP/1.1 200 OK\r\n\r\n0\r\n\r\n");
    client("not a request");
    server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    client(GET);
    server(OK_EMPTY);
    assert_told("POST /a;sent ?;done ?;"
                "other /a;headers;sent =;200 O;<abc<done ?;"
                "other /a;headers;sent =;200 O;done =;");
}

static void nothing_compressed_is_read_behind_a_gap(void **state)
{
    uint8_t bytes[1000];
    size_t length = compress_text("a body, a body, a body", "gzip", bytes, sizeof(bytes));
    char head[200];

    (void)state;
    client(GET);
    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", length);
    server(head);
    say_bytes(HTTP_SERVER, bytes, 5);
    httpstream_gap(&stream, HTTP_SERVER, 5);
    say_bytes(HTTP_SERVER, bytes + 10, length - 10);
    assert_told("other /a;headers;sent =;200 O;gap(done =;");
    assert_int_equal(inflater_pool_taken(inflaters), 0);
}

static void an_answer_to_nothing_is_not_taken_for_one(void **state)
{
    (void)state;
    client(GET);
    server(OK_EMPTY);
    server("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    client(GET);
    server(OK_EMPTY);
    assert_told("other /a;headers;sent =;200 O;done =;other /a;headers;sent =;200 O;done =;");
}

/* -- The end -------------------------------------------------------------------------------------
 */

static void what_is_open_when_an_end_closes_is_cut(void **state)
{
    (void)state;
    client("POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nab");
    httpstream_close(&stream, HTTP_CLIENT);
    server("HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\nab");
    httpstream_close(&stream, HTTP_SERVER);
    assert_told("POST /a;headers;>ab>sent /;400 O;<ab<done /;");
    begin();
    client(GET GET);
    httpstream_finish(&stream);
    assert_told("other /a;headers;sent =;other /a;headers;sent =;done /;done /;");
    begin();
    client(GET);
    server("HTTP/1.1 200 OK\r\n\r\nab");
    httpstream_finish(&stream); /* a reset is no end of a body */
    assert_told("other /a;headers;sent =;200 O;<ab<done /;");
}

/* -- Who asks -------------------------------------------------------------------------------------
 */

static void the_direction_s_header_is_told_and_no_other(void **state)
{
    (void)state;
    for (piece = 0; piece < 40; piece++) {
        begin();
        client("GET /a HTTP/1.1\r\nX-Directio: no\r\nX-Direction:  DRH \r\nX-Directions: no\r\n"
               "x-direction:\r\nY: X-Direction: no\r\n\r\n");
        assert_told("other /a;direction DRH;direction ;headers;sent =;");
    }
    begin();
    client(GET);
    server("HTTP/1.1 200 OK\r\nX-Direction: DRH\r\nContent-Length: 0\r\n\r\n");
    assert_told("other /a;headers;sent =;200 O;done =;");
}

static void a_value_that_does_not_fit_is_none(void **state)
{
    char head[400];

    (void)state;
    memset(head, 'x', sizeof(head));
    memcpy(head, "GET /a HTTP/1.1\r\nX-Direction: ", 30);
    strcpy(head + 30 + HTTP_VALUE_SIZE + 1, "\r\n\r\n");
    client(head);
    assert_told("other /a;direction ;headers;sent =;");
}

static void keys_leave_their_digest(void **state)
{
    static const char *const good[] = {
        "Authorization: Bearer sk-1",
        "authorization:bearer   sk-1  ",
        "X-Api-Key: sk-1",
        "api-key:\tsk-1",
        "X-Api-Key: sk-1\r\nAuthorization: Bearer sk-2",
        "Authorization: Basic sk-2\r\nX-Api-Key: sk-1",
    };
    static const char *const none[] = {
        "Authorization: Basic sk-1",
        "Authorization: Bearer",
        "Authorization: Bearer sk-1 x",
        "X-Api-Key:",
        "X-Api-Keys: sk-1",
        "Cookie: x-api-key: sk-1",
        "Authorization: Bearersk-1",
    };
    struct apikey_hasher hasher;
    uint8_t digest[APIKEY_DIGEST_SIZE];
    char head[400];
    char expected[100];

    (void)state;
    apikey_begin(&hasher, &secret);
    apikey_add(&hasher, "sk-1", 4);
    apikey_end(&hasher, &secret, digest);
    snprintf(expected, sizeof(expected), "other /a;key %02x%02x;headers;sent =;", digest[0],
             digest[1]);
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        for (piece = 0; piece < 30; piece++) {
            begin();
            snprintf(head, sizeof(head), "GET /a HTTP/1.1\r\n%s\r\n\r\n", good[i]);
            client(head);
            assert_told(expected);
        }
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
        begin();
        snprintf(head, sizeof(head), "GET /a HTTP/1.1\r\n%s\r\n\r\n", none[i]);
        client(head);
        assert_told("other /a;headers;sent =;");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_nobody_reads_is_not_expanded, setup, teardown),
        TEST(any_split_gives_the_same),
        TEST(the_end_of_a_long_path_is_told),
        TEST(an_answer_may_come_before_the_request_is_complete),
        TEST(a_refusal_to_continue_is_followed_by_what_makes_sense),
        TEST(what_follows_a_refusal_is_the_same_in_any_pieces),
        TEST(another_protocol_is_not_followed),
        TEST(what_follows_the_last_answer_is_ignored),
        TEST(compressed_bodies_are_inflated),
        TEST(compressed_requests_are_inflated),
        TEST(a_compressed_stream_is_read_up_to_where_it_is_cut),
        TEST(what_cannot_be_decoded_is_said),
        TEST(damage_is_said),
        TEST(inflaters_are_given_back_and_may_run_out),
        TEST(ambiguous_requests_are_refused),
        TEST(names_and_values_hold_what_they_may),
        TEST(ambiguous_chunks_are_refused),
        TEST(ambiguous_answers_are_refused),
        TEST(more_requests_than_fit_are_refused),
        TEST(gaps_in_bodies_leave_the_stream_in_step),
        TEST(a_gap_in_framing_is_made_good_at_the_client_s_next_turn),
        TEST(nothing_compressed_is_read_behind_a_gap),
        TEST(an_answer_to_nothing_is_not_taken_for_one),
        TEST(what_is_open_when_an_end_closes_is_cut),
        TEST(the_direction_s_header_is_told_and_no_other),
        TEST(a_value_that_does_not_fit_is_none),
        TEST(keys_leave_their_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
