/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What it costs to read the tokens of local exchanges from the wire, beside a loop that only adds
 * up the same bytes: a stream of small events as llama.cpp sends them, one long answer, a long
 * prompt, and many small exchanges. In segments of 1448 bytes. Minimum, median and maximum over the
 * rounds. */

#include "collectors/inference/exchanges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS  11
#define REPEATS 20
#define SEGMENT 1448
#define SIZE    (4U << 20)

struct turn {
    enum http_side side;
    size_t start;
    size_t end;
};

static char *bytes;
static size_t length;
static struct turn turns[200000];
static size_t turn_count;
static unsigned found;

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* -- Conversations ----------------------------------------------------------------------------- */

static void say(enum http_side side, const char *text, size_t size)
{
    memcpy(bytes + length, text, size);
    if (turn_count == 0 || turns[turn_count - 1].side != side)
        turns[turn_count++] = (struct turn){side, length, length};
    length += size;
    turns[turn_count - 1].end = length;
}

static void ask(size_t prompt)
{
    char head[200];
    char *text = malloc(prompt);
    int size = snprintf(head, sizeof(head),
                        "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nX-Direction: DRH\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n"
                        "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"",
                        prompt + 57);

    memset(text, 'p', prompt);
    say(HTTP_CLIENT, head, (size_t)size);
    say(HTTP_CLIENT, text, prompt);
    say(HTTP_CLIENT, "\"}]}", 4);
    free(text);
}

static void answer_whole(size_t content)
{
    static const char usage[] = "\"}}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}";
    static const char begin[] = "{\"choices\":[{\"message\":{\"content\":\"";
    char head[200];
    char *text = malloc(content);
    int size = snprintf(head, sizeof(head),
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                        "%zu\r\n\r\n%s",
                        content + sizeof(begin) + sizeof(usage) - 2, begin);

    memset(text, 'a', content);
    say(HTTP_SERVER, head, (size_t)size);
    say(HTTP_SERVER, text, content);
    say(HTTP_SERVER, usage, sizeof(usage) - 1);
    free(text);
}

static void answer_events(unsigned count)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    static const char event[] =
        "f5\r\ndata: "
        "{\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\"mot\"}}],"
        "\"created\":1795414457,\"id\":\"chatcmpl-jT45VSf4ECc7aQ0DzWs89YERsqogRFCY\",\"model\":"
        "\"tiny-random\",\"system_fingerprint\":\"b10587-3f545becc\",\"object\":"
        "\"chat.completion.chunk\"}\n\n\r\n";

    say(HTTP_SERVER, head, sizeof(head) - 1);
    for (unsigned i = 0; i < count; i++)
        say(HTTP_SERVER, event, sizeof(event) - 1);
    say(HTTP_SERVER, "0\r\n\r\n", 5);
}

/* -- Measuring --------------------------------------------------------------------------------- */

static void keep(void *context, const struct inference_exchange *exchange)
{
    (void)context;
    found += exchange->counts.tokens_out > 0;
}

static void converse(struct exchanges *exchanges)
{
    for (size_t i = 0; i < turn_count; i++)
        for (size_t at = turns[i].start; at < turns[i].end; at += SEGMENT)
            exchanges_bytes(exchanges, 1, turns[i].side, (const uint8_t *)bytes + at,
                            turns[i].end - at < SEGMENT ? turns[i].end - at : SEGMENT);
}

static uint64_t only_read(void)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < length; i++)
        sum += (uint8_t)bytes[i];
    return sum;
}

static void measure(const char *name, unsigned exchange_count)
{
    struct directions *directions = directions_new();
    struct inflater_pool *inflaters = inflater_pool_new(1);
    const struct inference_rules rules = {.directions = directions, .header = "x-direction"};
    static struct exchanges exchanges;
    double seconds[2][ROUNDS];
    uint64_t sum = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        double start = now_s();

        exchanges_start(&exchanges, &rules, inflaters, 0, keep, NULL);
        found = 0;
        for (unsigned i = 0; i < REPEATS; i++)
            converse(&exchanges);
        if (found != REPEATS * exchange_count)
            abort();
        seconds[0][round] = now_s() - start;
        start = now_s();
        for (unsigned i = 0; i < REPEATS; i++)
            sum += only_read();
        seconds[1][round] = now_s() - start;
        exchanges_finish(&exchanges);
    }
    if (sum == 1) /* it is used */
        abort();
    qsort(seconds[0], ROUNDS, sizeof(double), compare);
    qsort(seconds[1], ROUNDS, sizeof(double), compare);
    printf("  %-28s %6.2f (%.2f-%.2f) GB/s, %9.0f exchanges/s; only read: %.2f GB/s\n", name,
           (double)length * REPEATS / 1e9 / seconds[0][ROUNDS / 2],
           (double)length * REPEATS / 1e9 / seconds[0][ROUNDS - 1],
           (double)length * REPEATS / 1e9 / seconds[0][0],
           exchange_count * REPEATS / seconds[0][ROUNDS / 2],
           (double)length * REPEATS / 1e9 / seconds[1][ROUNDS / 2]);
    inflater_pool_free(inflaters);
    directions_free(directions);
    length = 0;
    turn_count = 0;
}

int main(void)
{
    bytes = malloc(SIZE + 65536);
    if (!bytes)
        return 1;
    ask(1000);
    answer_events(16000);
    measure("events of 251 bytes", 1);
    ask(1000);
    answer_whole(SIZE - 4000);
    measure("one answer of 4 MB", 1);
    ask(SIZE - 4000);
    answer_whole(1000);
    measure("one prompt of 4 MB", 1);
    for (unsigned i = 0; i < 1000; i++) {
        ask(1000);
        answer_whole(1000);
    }
    measure("exchanges of 2.4 kB", 1000);
    free(bytes);
    return 0;
}
