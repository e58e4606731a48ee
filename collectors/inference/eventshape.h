/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_EVENTSHAPE_H
#define IAGMETER_EVENTSHAPE_H

#include "collectors/capture/keyedhash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The events of a stream are the same but for a few strings: the text, and perhaps a time. Of one
 * that was read, the lengths and keyed hashes of what lies between those strings are remembered,
 * and nothing else; the next one that has the same there means the same, and need not be read
 * again. */

#define EVENTSHAPE_STRINGS 3

struct event_shape {
    uint64_t
        hashes[EVENTSHAPE_STRINGS + 1]; /* of what is before each string, and behind the last */
    uint16_t lengths[EVENTSHAPE_STRINGS + 1];
    uint8_t strings; /* 0: no shape is known */
    uint8_t text;    /* which of them is text; EVENTSHAPE_STRINGS: none */
    uint8_t misses;  /* in a row */
};

/* The strings of an event that is being read, within their quotes, in order. */
struct event_strings {
    const uint8_t *starts[EVENTSHAPE_STRINGS];
    const uint8_t *ends[EVENTSHAPE_STRINGS];
    uint8_t count;
    uint8_t texts;   /* how many of them are text, */
    uint8_t text;    /* and which */
    bool unsuitable; /* it says more than that it holds text */
};

void eventshape_note(struct event_strings *strings, const uint8_t *start, const uint8_t *end,
                     bool is_text);

/* The event in [START, END) has these STRINGS. What is no shape leaves the one that is known.
 * Returns whether it is known now. KEY is the same at each call. */
bool eventshape_learn(struct event_shape *shape, const struct hash_key *key, const uint8_t *start,
                      const uint8_t *end, const struct event_strings *strings);

/* The end of the event that begins at START, if all of it lies before END and it is of this shape;
 * NULL otherwise, and after several of those in a row the shape is forgotten. HAS_TEXT: whether its
 * text is not empty. */
const uint8_t *eventshape_match(struct event_shape *shape, const struct hash_key *key,
                                const uint8_t *start, const uint8_t *end, bool *has_text);

#endif
