/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_SAME_H
#define IAGMETER_TESTS_SAME_H

#include "tests/capture/sink.h"

#include <stdbool.h>

/* Whether two meterings came to the same. */

/* The next entry from *INDEX on that is no coverage; NULL at the end. */
static inline const struct sink_entry *next_sum(const struct sink_log *log, size_t *index)
{
    while (*index < log->count && log->entries[*index].kind == SINK_CLOSED)
        ++*index;
    return *index < log->count ? &log->entries[(*index)++] : NULL;
}

/* The same sums and devices were handed over, interval by interval. Coverage may differ. */
static inline bool same_sums(const struct sink_log *left, const struct sink_log *right)
{
    const struct sink_entry *a;
    const struct sink_entry *b;
    size_t i = 0;
    size_t j = 0;

    do {
        a = next_sum(left, &i);
        b = next_sum(right, &j);
        if (!a != !b || (a && memcmp(a, b, sizeof(*a)) != 0))
            return false;
    } while (a);
    return true;
}

/* The same, coverage included. */
static inline bool same_log(const struct sink_log *left, const struct sink_log *right)
{
    return left->count == right->count &&
           (left->count == 0 ||
            memcmp(left->entries, right->entries, left->count * sizeof(*left->entries)) == 0);
}

#endif
