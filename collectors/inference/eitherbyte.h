/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_EITHERBYTE_H
#define IAGMETER_EITHERBYTE_H

#include <stdint.h>
#include <string.h>

/* 0x80 in each byte of WORD that is zero, and perhaps in some above the lowest of those (Warren,
 * "Hacker's Delight", 6-1). */
static inline uint64_t eitherbyte_zeros(uint64_t word)
{
    return (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;
}

/* The first of [AT, END) that is A or B; END when none is. Eight at a time: most of what is scanned
 * is text that nobody asks for, in pieces too short for memchr() to be worth its call. */
static inline const uint8_t *eitherbyte_find(const uint8_t *at, const uint8_t *end, uint8_t a,
                                             uint8_t b)
{
    uint64_t word;

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

#endif
