/* SPDX-License-Identifier: GPL-3.0-or-later */

/* That the work of following HTTP grows with its length, whatever is sent. */

#include "tests/inference/work.h"

#include "collectors/inference/httpstream.c" /* NOLINT(bugprone-suspicious-include) */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LENGTH (1U << 16)
#define MOST   (2 * HTTP_VALUE_SIZE) /* a short value is looked for from each space before it */

static uint8_t sent[LENGTH];
static unsigned requests;

static void take_request(void *context, bool post, const char *path_end, size_t length)
{
    (void)context;
    (void)post;
    (void)path_end;
    (void)length;
    requests++;
}

static void take_value(void *context, const char *value, size_t length)
{
    (void)context;
    (void)value;
    (void)length;
}

static void take_headers(void *context)
{
    (void)context;
}

static void take_answer(void *context, unsigned status, enum http_content content)
{
    (void)context;
    (void)status;
    (void)content;
}

static void take_body(void *context, enum http_side side, const uint8_t *bytes, size_t length)
{
    (void)context;
    (void)side;
    (void)bytes;
    (void)length;
}

static void take_end(void *context, enum http_end end)
{
    (void)context;
    (void)end;
}

static const struct http_handler handler = {
    .request = take_request,
    .direction = take_value,
    .client = take_value,
    .headers = take_headers,
    .answer = take_answer,
    .body = take_body,
    .request_end = take_end,
    .answer_end = take_end,
};

/* BEGINS once, then AGAIN until all is full. */
static void say(struct http_stream *stream, enum http_side side, const char *begins,
                const char *again)
{
    size_t first = strlen(begins);

    for (size_t i = 0; i < LENGTH; i++)
        sent[i] = (uint8_t)(i < first ? begins[i] : again[(i - first) % strlen(again)]);
    looked_at = 0;
    httpstream_bytes(stream, side, sent, LENGTH);
    if (looked_at > (uint64_t)MOST * LENGTH)
        fail_msg("%s%s: %.1f bytes looked at for each", begins, again, (double)looked_at / LENGTH);
}

static const struct {
    const char *begins;
    const char *again;
} heads[] = {
    {"", "\r\n"},
    {"", "\n"},
    {"", "GET / HTTP/1.1\r\n\r\n"},
    {"POST /", "x"},
    {"POST /", "x?"},
    {"POST /?", "x"},
    {"POST / HTTP/1.1\r\n", "A: b\r\n"},
    {"POST / HTTP/1.1\r\n", ":"},
    {"POST / HTTP/1.1\r\n", "A"},
    {"POST / HTTP/1.1\r\nA:", " "},
    {"POST / HTTP/1.1\r\nA:", "b"},
    {"POST / HTTP/1.1\r\nContent-Type:", " "},
    {"POST / HTTP/1.1\r\nContent-Type:", "b"},
    {"POST / HTTP/1.1\r\nContent-Type: ", "b "},
    {"POST / HTTP/1.1\r\nX-Direction:", " "},
    {"POST / HTTP/1.1\r\nX-Direction:", "b"},
    {"POST / HTTP/1.1\r\nAuthorization: Bearer ", "b"},
    {"POST / HTTP/1.1\r\n", "X-Direction: b\r\n"},
    {"POST / HTTP/1.1\r\n", "Content-Type:\r\n"},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "0"},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x"},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "a: b\r\n"},
};

static void heads_are_looked_at_a_few_times(void **state)
{
    struct http_stream stream;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        httpstream_start(&stream, &handler, NULL, NULL, NULL, "x-direction");
        say(&stream, HTTP_CLIENT, heads[i].begins, heads[i].again);
        httpstream_finish(&stream);
    }
    assert_true(requests > COUNT_OF(heads));
}

static void answers_are_looked_at_a_few_times(void **state)
{
    static const char *const again[] = {"x", " ", "A: b\r\n", "Content-Type: b\r\n", "A", ":"};
    struct http_stream stream;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(again); i++) {
        static const char request[] = "GET / HTTP/1.1\r\n\r\n";

        httpstream_start(&stream, &handler, NULL, NULL, NULL, "x-direction");
        httpstream_bytes(&stream, HTTP_CLIENT, (const uint8_t *)request, sizeof(request) - 1);
        say(&stream, HTTP_SERVER, i < 2 ? "HTTP/1.1 200 " : "HTTP/1.1 200 OK\r\n", again[i]);
        httpstream_finish(&stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_looked_at_a_few_times),
        cmocka_unit_test(answers_are_looked_at_a_few_times),
    };

    return cmocka_run_group_tests_name("httpstream: work", tests, NULL, NULL);
}
