/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_KEYEDHASH_H
#define IAGMETER_KEYEDHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; the 1-3 variant is
 * the one Linux and Rust use for hash tables). Without the key nobody can aim at a bucket, nor find
 * out by trying all IPv4 addresses which one a stored hash stands for. */
struct hash_key {
    uint64_t halves[2];
};

/* Draws a key from the kernel. Returns false when it cannot. */
bool keyedhash_draw(struct hash_key *key);

uint64_t keyedhash(const struct hash_key *key, const void *bytes, size_t length);
/* The same of two words, which is what most packets need. */
uint64_t keyedhash_pair(const struct hash_key *key, uint64_t first, uint64_t second);

/* The state that both begin with, for who computes them elsewhere (kernelfilter.c). */
void keyedhash_start(const struct hash_key *key, uint64_t state[4]);

#endif
