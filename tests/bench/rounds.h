/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_ROUNDS_H
#define IAGMETER_TESTS_ROUNDS_H

#include <stddef.h>
#include <stdlib.h>
#include <time.h>

/* What benchmarks share that measure in rounds, and print minimum, median and maximum. */

#define NS_PER_S 1e9

static inline double clock_s(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / NS_PER_S;
}

/* What this process has taken of processors. */
static inline double processor_s(void)
{
    return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

static inline int rounds_compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Then the first of COUNT values is the minimum, and the one in the middle the median. */
static inline void rounds_sort(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), rounds_compare);
}

#endif
