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
static inline uint64_t word_at(const uint8_t *bytes, size_t length)
{
    uint64_t word = 0;

    memcpy(&word, bytes, length);
    return word;
}

uint64_t keyedhash(const struct hash_key *key, const void *bytes, size_t length)
{
    /* "somepseudorandomlygeneratedbytes", the constants of the paper. */
    uint64_t v[4] = {key->halves[0] ^ 0x736f6d6570736575ULL, key->halves[1] ^ 0x646f72616e646f6dULL,
                     key->halves[0] ^ 0x6c7967656e657261ULL,
                     key->halves[1] ^ 0x7465646279746573ULL};
    const uint8_t *at = bytes;
    size_t left = length;
    uint64_t word;

    for (; left >= 8; left -= 8, at += 8) {
        word = word_at(at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)length << 56 | (left ? word_at(at, left) : 0);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
