/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/keyedhash.h"

#include <string.h>
#include <sys/random.h>

bool keyedhash_draw(struct hash_key *key)
{
    return getrandom(key, sizeof(*key), 0) == (ssize_t)sizeof(*key);
}

static inline uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* Little-endian machines read words as they are; others get another hash, which is as good: it
 * never leaves the process. */
static inline uint64_t word_at(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

static inline uint64_t last_word(const uint8_t *bytes, size_t length)
{
    uint64_t word = 0;

    memcpy(&word, bytes, length);
    return word;
}

static inline void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* "somepseudorandomlygeneratedbytes", the constants of the paper. */
#define START(key)                                                                                 \
    {                                                                                              \
        (key)->halves[0] ^ 0x736f6d6570736575ULL, (key)->halves[1] ^ 0x646f72616e646f6dULL,        \
            (key)->halves[0] ^ 0x6c7967656e657261ULL, (key)->halves[1] ^ 0x7465646279746573ULL     \
    }

static inline uint64_t finish(uint64_t v[4])
{
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void keyedhash_start(const struct hash_key *key, uint64_t state[4])
{
    const uint64_t v[4] = START(key);

    memcpy(state, v, sizeof(v));
}

uint64_t keyedhash(const struct hash_key *key, const void *bytes, size_t length)
{
    uint64_t v[4] = START(key);
    const uint8_t *at = bytes;
    size_t left = length;

    for (; left >= 8; left -= 8, at += 8)
        absorb(v, word_at(at));
    absorb(v, (uint64_t)length << 56 | (left ? last_word(at, left) : 0));
    return finish(v);
}

uint64_t keyedhash_pair(const struct hash_key *key, uint64_t first, uint64_t second)
{
    uint64_t v[4] = START(key);

    absorb(v, first);
    absorb(v, second);
    absorb(v, (uint64_t)16 << 56);
    return finish(v);
}
