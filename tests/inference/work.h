/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_WORK_H
#define IAGMETER_TESTS_WORK_H

#include "collectors/inference/eitherbyte.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How much is looked at for what is sent: whoever sends many ends of line, tiny lines, or an
 * endless header must not have the rest of a packet looked through for each of its bytes. Counted,
 * not timed: include before the source that is tested, in the test itself. From there on, all that
 * searches, compares or copies more than a byte says here over how many. */

static uint64_t looked_at;

static inline void look(size_t length)
{
    looked_at += length;
}

static inline const uint8_t *look_until(const uint8_t *at, const uint8_t *found)
{
    look((size_t)(found - at) + 1);
    return found;
}

static inline const void *look_for(const void *at, int byte, size_t length)
{
    const void *found = memchr(at, byte, length);

    look(found ? (size_t)((const uint8_t *)found - (const uint8_t *)at) + 1 : length);
    return found;
}

#define eitherbyte_find(at, end, a, b)      look_until(at, eitherbyte_find(at, end, a, b))
#define eitherbyte_find_line_end(at, end)   look_until(at, eitherbyte_find_line_end(at, end))
#define eitherbyte_find_structure(at, end)  look_until(at, eitherbyte_find_structure(at, end))
#define eitherbyte_find_string_end(at, end) look_until(at, eitherbyte_find_string_end(at, end))
#define memchr(at, byte, length)            look_for(at, byte, length)
#define memcmp(a, b, length)                (look(length), memcmp(a, b, length))
#define memcpy(to, from, length)            (look(length), memcpy(to, from, length))
#define memmove(to, from, length)           (look(length), memmove(to, from, length))

#endif
