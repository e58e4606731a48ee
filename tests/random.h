/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_RANDOM_H
#define IAGMETER_TESTS_RANDOM_H

#include <stdint.h>

/* Random numbers that are the same at every run: splitmix64 (Steele and others, 2014). */

static inline uint64_t random_next(uint64_t *seed)
{
    uint64_t value = *seed += 0x9e3779b97f4a7c15ULL;

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
    return value ^ value >> 31;
}

static inline uint32_t random_below(uint64_t *seed, uint32_t limit)
{
    return (uint32_t)(random_next(seed) % limit);
}

#endif
