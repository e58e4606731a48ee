/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What is found many bytes at a time is what a loop over each of them finds: in random texts of few
 * kinds of bytes, at every length up to a few blocks, each in memory of its own size, so that a
 * sanitizer sees a byte that is read behind it. */

#include "collectors/inference/eitherbyte.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MOST   300
#define ROUNDS 60

static uint64_t seed = 1;

/* Marsaglia, "Xorshift RNGs", 2003. */
static unsigned random_below(unsigned bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % bound;
}

/* LENGTH bytes, one in RARITY of them of SPECIAL, to be freed. */
static uint8_t *text_of(size_t length, const char *special, size_t count, unsigned rarity)
{
    uint8_t *text = malloc(length > 0 ? length : 1);

    assert_non_null(text);
    for (size_t i = 0; i < length; i++)
        text[i] = random_below(rarity) == 0 ? (uint8_t)special[random_below((unsigned)count)]
                                            : (uint8_t)('a' + random_below(26));
    return text;
}

static const uint8_t *slow_quote(const uint8_t *at, const uint8_t *end)
{
    for (; at < end && *at != '"'; at++)
        if (*at == '\\' && at + 1 == end)
            return at;
        else if (*at == '\\')
            at++;
    return at;
}

static void test_the_quote_that_no_backslash_escapes(void **state)
{
    (void)state;
    for (size_t length = 0; length < MOST; length++)
        for (unsigned round = 0; round < ROUNDS; round++) {
            /* Of backslashes in rows, and quotes from often to hardly ever. */
            uint8_t *text = text_of(length, "\\\\\\\\\\\"", round % 3 ? 6 : 5, 1 + round % 7);

            assert_ptr_equal(eitherbyte_find_quote(text, text + length),
                             slow_quote(text, text + length));
            free(text);
        }
}

static const uint8_t *slow_value_end(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at != '\r' && *at != '\n' && *at != '\0')
        at++;
    return at;
}

static void test_the_end_of_a_value(void **state)
{
    static const char special[] = {'\t', ' ', '\x01', '\xff', '\x0e', '\r', '\n', '\0'};

    (void)state;
    for (size_t length = 0; length < MOST; length++)
        for (unsigned round = 0; round < ROUNDS; round++) {
            uint8_t *text = text_of(length, special, round % 2 ? 8 : 5, 1 + 10 * (round % 7));

            assert_ptr_equal(eitherbyte_find_value_end(text, text + length),
                             slow_value_end(text, text + length));
            free(text);
        }
}

static bool is_of_word(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-';
}

/* Any other byte ends a word, which is copied as far as whole blocks of it are there. */
static void check_word(const uint8_t *text, size_t length)
{
    char copy[64];
    size_t blocks = length < sizeof(copy) ? length / 16 * 16 : sizeof(copy);
    size_t copied = eitherbyte_copy_word(copy, sizeof(copy), text, text + length);
    size_t expected = 0;

    while (expected < blocks && is_of_word(text[expected]))
        expected++;
#ifdef __SSE2__
    assert_int_equal(copied, expected);
#endif
    for (size_t i = 0; i < copied; i++)
        assert_int_equal(copy[i], text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
}

static void test_a_word_in_lower_case(void **state)
{
    static const char special[] = "ABYZ0189-";

    (void)state;
    for (unsigned byte = 0; byte <= UINT8_MAX; byte++) /* each, in each place */
        for (size_t at = 0; at < 20; at++) {
            uint8_t *text = text_of(40, special, sizeof(special) - 1, 3);

            text[at] = (uint8_t)byte;
            check_word(text, 40);
            free(text);
        }
    for (size_t length = 0; length < 100; length++) {
        uint8_t *text = text_of(length, special, sizeof(special) - 1, 3);

        check_word(text, length);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_quote_that_no_backslash_escapes),
        cmocka_unit_test(test_the_end_of_a_value),
        cmocka_unit_test(test_a_word_in_lower_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
