/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/eventshape.h"

#include "collectors/inference/eitherbyte.h"

#include <string.h>

/* In a row, before a shape is forgotten: what is looked at in vain is of the size of what was read
 * in order to learn it, a few times. */
enum { MOST_MISSES = 8 };

static inline uint64_t word_of(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* The halves of a product together: each bit of it depends on all of both. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Products under a key, 32 bytes at a time and the last ones twice where they are no multiple, as
 * wyhash does it (Wang Yi, 2019): several times faster here than SipHash, and whoever does not know
 * the key, which is drawn at the start and never shown, cannot make two that are the same. The
 * constants, of the golden ratio and of the square root of three, are for keys in tests, which
 * would make factors zero. */
static uint64_t hash(const struct hash_key *key, const uint8_t *at, size_t length)
{
    const uint64_t first = key->halves[0] ^ 0x9e3779b97f4a7c15ULL;
    const uint64_t second = key->halves[1] ^ 0xbb67ae8584caa73bULL;
    const uint8_t *end = at + length;
    uint8_t padded[16] = {0};
    uint64_t a = first ^ length;
    uint64_t b = second;

    for (; end - at > 32; at += 32) {
        a = fold(word_of(at) ^ second, word_of(at + 8) ^ a);
        b = fold(word_of(at + 16) ^ first, word_of(at + 24) ^ b);
    }
    if (length >= 32)
        at = end - 32;
    else if (length < 16)
        at = memcpy(padded, at, length);
    a = fold(word_of(at) ^ second, word_of(at + 8) ^ a);
    if (length >= 16)
        b = fold(word_of(end - 16) ^ first, word_of(end - 8) ^ b);
    return fold(a ^ second, b ^ first);
}

void eventshape_note(struct event_strings *strings, const uint8_t *start, const uint8_t *end,
                     bool is_text)
{
    if (strings->count == EVENTSHAPE_STRINGS) {
        strings->unsuitable = true;
        return;
    }
    if (is_text) {
        strings->text = strings->count;
        strings->texts++;
    }
    strings->starts[strings->count] = start;
    strings->ends[strings->count++] = end;
}

bool eventshape_learn(struct event_shape *shape, const struct hash_key *key, const uint8_t *start,
                      const uint8_t *end, const struct event_strings *strings)
{
    const uint8_t *at = start;

    /* Of two texts, either might make it a token, or each might be one of its own. */
    if (strings->unsuitable || strings->count == 0 || strings->texts > 1 ||
        end - start > UINT16_MAX)
        return false;
    shape->misses = 0;
    shape->strings = strings->count;
    shape->text = strings->texts > 0 ? strings->text : EVENTSHAPE_STRINGS;
    for (unsigned i = 0; i <= strings->count; i++) {
        size_t length = (size_t)((i < strings->count ? strings->starts[i] : end) - at);

        shape->lengths[i] = (uint16_t)length;
        shape->hashes[i] = hash(key, at, length);
        at = i < strings->count ? strings->ends[i] : end;
    }
    return true;
}

/* The quote that ends the string at AT; NULL when it is not here, or the line ends first. */
static const uint8_t *find_quote(const uint8_t *at, const uint8_t *end)
{
    while ((at = eitherbyte_find_string_end(at, end)) < end && *at == '\\' && end - at > 2 &&
           at[1] >= ' ')
        at += 2;
    return at < end && *at == '"' ? at : NULL;
}

static const uint8_t *match(const struct event_shape *shape, const struct hash_key *key,
                            const uint8_t *at, const uint8_t *end, bool *has_text)
{
    for (unsigned i = 0; at; i++) {
        size_t length = shape->lengths[i];

        if ((size_t)(end - at) < length || hash(key, at, length) != shape->hashes[i])
            return NULL;
        at += length;
        if (i == shape->strings)
            return at;
        if (i == shape->text)
            *has_text = at < end && *at != '"';
        at = find_quote(at, end);
    }
    return NULL;
}

const uint8_t *eventshape_match(struct event_shape *shape, const struct hash_key *key,
                                const uint8_t *start, const uint8_t *end, bool *has_text)
{
    const uint8_t *found;

    *has_text = false;
    if (shape->strings == 0)
        return NULL;
    found = match(shape, key, start, end, has_text);
    shape->misses = found ? 0 : (uint8_t)(shape->misses + 1);
    if (shape->misses == MOST_MISSES)
        shape->strings = 0;
    return found;
}
