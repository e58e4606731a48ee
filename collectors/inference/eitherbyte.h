/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_EITHERBYTE_H
#define IAGMETER_EITHERBYTE_H

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
