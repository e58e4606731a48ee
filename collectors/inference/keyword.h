/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_KEYWORD_H
#define IAGMETER_KEYWORD_H

#include <stdbool.h>
#include <stdint.h>

/* Finds a word in a sorted table while its bytes pass, and keeps none of them: only which words of
 * the table they can still become. */

struct keyword {
    uint8_t low; /* the words [low, high) begin with the `length` bytes that were read */
    uint8_t high;
    uint8_t length;
};

#define KEYWORD_NONE UINT8_MAX

/* COUNT words, at most 254, in the order of strcmp(). */
static inline void keyword_start(struct keyword *keyword, uint8_t count)
{
    *keyword = (struct keyword){0, count, 0};
}

static inline void keyword_fail(struct keyword *keyword)
{
    keyword->high = keyword->low;
}

static inline void keyword_add(struct keyword *keyword, const char *const *words, uint8_t byte)
{
    uint8_t at = keyword->low;
    uint8_t end;

    if (byte == '\0') /* which ends the words of the table */
        at = keyword->high;
    while (at < keyword->high && (uint8_t)words[at][keyword->length] < byte)
        at++;
    for (end = at; end < keyword->high && (uint8_t)words[end][keyword->length] == byte;)
        end++;
    keyword->low = at;
    keyword->high = end;
    keyword->length = (uint8_t)(keyword->length + (at < end));
}

/* The index of the word that was read, or KEYWORD_NONE. */
static inline uint8_t keyword_find(const struct keyword *keyword, const char *const *words)
{
    bool found = keyword->low < keyword->high && words[keyword->low][keyword->length] == '\0';

    return found ? keyword->low : KEYWORD_NONE;
}

#endif
