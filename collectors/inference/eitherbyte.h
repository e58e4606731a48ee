/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_EITHERBYTE_H
#define IAGMETER_EITHERBYTE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* 0x80 in each byte of WORD that is zero, and perhaps in some above the lowest of those (Warren,
 * "Hacker's Delight", 6-1). */
static inline uint64_t eitherbyte_zeros(uint64_t word)
{
    return (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;
}

/* The first of [AT, END) that is A or B; END when none is. Many at a time: most of what is scanned
 * is text that nobody asks for, in pieces too short for memchr() to be worth its call. SSE2 is
 * there on every x86-64. */
static inline const uint8_t *eitherbyte_find(const uint8_t *at, const uint8_t *end, uint8_t a,
                                             uint8_t b)
{
    uint64_t word;

#ifdef __SSE2__
    const __m128i all_a = _mm_set1_epi8((char)a);
    const __m128i all_b = _mm_set1_epi8((char)b);

    for (; end - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        int found = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(block, all_a), _mm_cmpeq_epi8(block, all_b)));

        if (found)
            return at + __builtin_ctz((unsigned)found);
    }
#endif
    for (; end - at >= 8; at += 8) {
        memcpy(&word, at, sizeof(word));
        if (eitherbyte_zeros(word ^ a * 0x0101010101010101ULL) |
            eitherbyte_zeros(word ^ b * 0x0101010101010101ULL))
            break;
    }
    while (at < end && *at != a && *at != b)
        at++;
    return at;
}

#ifdef __SSE2__
/* A bit for each of the 64 bytes at AT that is BYTE, the lowest for the first. */
static inline uint64_t eitherbyte_bits(const uint8_t *at, uint8_t byte)
{
    const __m128i all = _mm_set1_epi8((char)byte);
    uint64_t bits = 0;

    for (unsigned i = 0; i < 64; i += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(at + i));

        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(block, all)) << i;
    }
    return bits;
}

/* Which of 64 characters of a string are escaped, by those that are backslashes; *CARRY: whether
 * the first is, for one before it, and then whether the one behind them is. Without a branch for
 * each, which nobody could predict (Langdale and Lemire, "Parsing gigabytes of JSON per second",
 * VLDB Journal 28, 2019, 3.1.1): in a row of backslashes every second one is. */
static inline uint64_t eitherbyte_escaped(uint64_t backslashes, uint64_t *carry)
{
    const uint64_t even = 0x5555555555555555ULL;
    uint64_t first = backslashes & ~*carry;
    uint64_t behind = first << 1 | *carry;
    uint64_t odd_rows = first & ~even & ~behind;
    uint64_t ends;

    *carry = __builtin_add_overflow(odd_rows, first, &ends);
    return (even ^ ends << 1) & behind;
}
#endif

/* In a string at AT: the quote that ends it, or END, or the last byte before END when that is a
 * backslash whose other half is not here. Only what follows a backslash matters: \" and \\. */
static inline const uint8_t *eitherbyte_find_quote(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    uint64_t carry = 0;

    at = eitherbyte_find(at, end - at < 16 ? end : at + 16, '"', '\\'); /* as far as most go */
    for (; end - at > 64 && *at != '"'; at += 64) {
        uint64_t escaped = eitherbyte_escaped(eitherbyte_bits(at, '\\'), &carry);
        uint64_t quotes = eitherbyte_bits(at, '"') & ~escaped;

        if (quotes)
            return at + __builtin_ctzll(quotes);
    }
    at += carry;
#endif
    while ((at = eitherbyte_find(at, end, '"', '\\')) < end && *at == '\\' && end - at > 1)
        at += 2;
    return at;
}

/* The first quote, backslash or control character of [AT, END), or END. */
static inline const uint8_t *eitherbyte_find_string_end(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    const __m128i last_control = _mm_set1_epi8(0x1f);

    for (; end - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i special = _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')),
                                       _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
        int found = _mm_movemask_epi8(
            _mm_or_si128(special, _mm_cmpeq_epi8(_mm_min_epu8(block, last_control), block)));

        if (found)
            return at + __builtin_ctz((unsigned)found);
    }
#endif
    while (at < end && *at != '"' && *at != '\\' && *at >= ' ')
        at++;
    return at;
}

/* The first CR or LF of [AT, END), or END. Few other bytes of text are as low. */
static inline const uint8_t *eitherbyte_find_line_end(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    const __m128i cr = _mm_set1_epi8('\r');

    for (; end - at >= 64; at += 64) {
        const __m128i *block = (const __m128i *)(const void *)at;
        __m128i low =
            _mm_min_epu8(_mm_min_epu8(_mm_loadu_si128(block), _mm_loadu_si128(block + 1)),
                         _mm_min_epu8(_mm_loadu_si128(block + 2), _mm_loadu_si128(block + 3)));

        if (_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(low, cr), low))) {
            const uint8_t *found = eitherbyte_find(at, at + 64, '\n', '\r');

            if (found < at + 64)
                return found;
        }
    }
#endif
    return eitherbyte_find(at, end, '\n', '\r');
}

/* The first CR, LF or NUL of [AT, END), or END: in a short text. */
static inline const uint8_t *eitherbyte_find_value_end(const uint8_t *at, const uint8_t *end)
{
    for (;; at++) {
#ifdef __SSE2__
        const __m128i cr = _mm_set1_epi8('\r');

        for (; end - at >= 16; at += 16) {
            __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
            int low = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(block, cr), block));

            if (low) {
                at += __builtin_ctz((unsigned)low);
                break;
            }
        }
#endif
        while (at != end && *at > '\r')
            at++;
        if (at == end || *at == '\r' || *at == '\n' || *at == '\0')
            return at;
    }
}

/* Copies the letters, digits and dashes at AT to TO, in lower case, up to the first other byte: 16
 * at a time, while so many are left and there is room. SIZE is a multiple of 16. Returns how many
 * there are; behind them anything is in TO. */
static inline size_t eitherbyte_copy_word(char *to, size_t size, const uint8_t *at,
                                          const uint8_t *end)
{
    size_t length = 0;

#ifdef __SSE2__
    for (; length < size && end - at >= 16; length += 16, at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i small = _mm_or_si128(block, _mm_set1_epi8(0x20)); /* digits, dashes have that bit */
        __m128i letter = _mm_sub_epi8(small, _mm_set1_epi8('a'));
        __m128i digit = _mm_sub_epi8(block, _mm_set1_epi8('0'));
        __m128i good = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter),
                         _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit)),
            _mm_cmpeq_epi8(block, _mm_set1_epi8('-')));
        unsigned other = ~(unsigned)_mm_movemask_epi8(good) & 0xffff;

        _mm_storeu_si128((__m128i *)(void *)(to + length), small);
        if (other)
            return length + (size_t)__builtin_ctz(other);
    }
#else
    (void)to, (void)size, (void)at, (void)end;
#endif
    return length;
}

/* The first quote or bracket of JSON in [AT, END), or END. Each opening bracket has its closing one
 * two further in ASCII, and bit 5 tells square ones from curly ones. */
static inline const uint8_t *eitherbyte_find_structure(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i curly = _mm_or_si128(block, _mm_set1_epi8(0x20));
        __m128i bracket = _mm_or_si128(_mm_cmpeq_epi8(curly, _mm_set1_epi8('{')),
                                       _mm_cmpeq_epi8(curly, _mm_set1_epi8('}')));
        int found =
            _mm_movemask_epi8(_mm_or_si128(bracket, _mm_cmpeq_epi8(block, _mm_set1_epi8('"'))));

        if (found)
            return at + __builtin_ctz((unsigned)found);
    }
#endif
    while (at < end && *at != '"' && (*at | 0x20) != '{' && (*at | 0x20) != '}')
        at++;
    return at;
}

#endif
