/* SPDX-License-Identifier: GPL-3.0-or-later */

/* That the work of reading bodies grows with their length, whatever they hold. */

#include "tests/inference/work.h"

#include "collectors/inference/eventshape.c" /* NOLINT(bugprone-suspicious-include) */
#include "collectors/inference/usagescan.c"  /* NOLINT(bugprone-suspicious-include) */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>

#define LENGTH (1U << 16) /* of what a handler can be given at once: TCP segments are joined */
/* Bytes looked at for one that is sent: the ends of a line are looked for twice in each piece, by
 * two searches; names and strings by one, and hashed; a shape that does not return, eight times. */
#define MOST 32

static uint8_t body[LENGTH];
static const struct hash_key key = {{1, 2}};
static uint64_t looked_at_all;

static void fill(size_t at, const char *text)
{
    size_t length = strlen(text);

    for (size_t i = at; i < LENGTH; i++)
        body[i] = (uint8_t)text[(i - at) % length];
}

static void assert_linear(enum usage_framing framing, const char *what)
{
    struct usage_scan scan;

    usagescan_start(&scan, framing);
    usagescan_remember_shapes(&scan, &key);
    looked_at = 0;
    usagescan_bytes(&scan, body, LENGTH);
    if (looked_at > (uint64_t)MOST * LENGTH)
        fail_msg("%.20s: %.1f bytes looked at for each", what, (double)looked_at / LENGTH);
    looked_at_all += looked_at;
}

static const char *const lines[] = {
    "\n",
    "\r",
    "\r\n",
    "\n\r",
    "\n\n\r",
    "x\n",
    "x\r",
    "{\n",
    "\"\n",
    "{}\n",
    "{}\n\n",
    "{}\r\r",
    "data: {}\n\n",
    "data: {}\r\r",
    "data\n",
    "data:\n",
    "data: \n",
    ":\n",
    "data: {\"\n",
    "data: {\"a\":\"\\\n",
    "{\"a\":1}",
    "{\"a\":\"",
    "{\"content\":\"",
    "\\",
    "[",
    "{\"a\":[",
    "{\"content\":\"a\"}\n",
    "data: {\"content\":\"a\"}\n\n",
    "data: {\"content\":\"a\"}\r\n",
    "{\"usage\":{\"prompt_tokens\":1}}\n",
    "{\"\\u0061\":1}\n",
};

static void short_lines_are_looked_at_a_few_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        for (unsigned framing = USAGE_JSON; framing <= USAGE_EVENTS; framing++) {
            fill(0, lines[i]);
            assert_linear((enum usage_framing)framing, lines[i]);
        }
    assert_true(looked_at_all > (uint64_t)LENGTH * COUNT_OF(lines)); /* it is counted */
}

/* One large event, whose shape is learned, and then many small ones that are not of it. */
static void a_large_shape_is_not_compared_with_each_small_line(void **state)
{
    static const char begins[] = "{\"a\":\"";
    static const char ends[] = "\",\"content\":\"t\"}\n\n";

    (void)state;
    for (unsigned events = 0; events < 2; events++)
        for (size_t i = 0; i < COUNT_OF(lines); i++) {
            size_t at = events ? strlen("data: ") : 0;

            fill(0, "x");
            memcpy(body, "data: ", at);
            memcpy(body + at, begins, sizeof(begins) - 1);
            memcpy(body + LENGTH / 2, ends, sizeof(ends) - 1);
            fill(LENGTH / 2 + sizeof(ends) - 1, lines[i]);
            assert_linear(events ? USAGE_EVENTS : USAGE_LINES, lines[i]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_lines_are_looked_at_a_few_times),
        cmocka_unit_test(a_large_shape_is_not_compared_with_each_small_line),
    };

    return cmocka_run_group_tests_name("usagescan: work", tests, NULL, NULL);
}
