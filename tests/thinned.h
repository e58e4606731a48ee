/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_THINNED_H
#define IAGMETER_TESTS_THINNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* A few tests go through thousands of cases, which takes minutes with the sanitizers: to them it
 * matters which code runs, and not which of so many bytes a file is cut at. IAGMETER_TEST_EVERY=5,
 * as .ci/run has it for them, leaves every fifth case of these. Without it, as in `make test`, none
 * is left out. */

static inline size_t thinned_every(void)
{
    const char *text = getenv("IAGMETER_TEST_EVERY");
    unsigned long every = text ? strtoul(text, NULL, 10) : 1;

    return every > 0 ? every : 1;
}

/* Whether case NUMBER, counted over all of a test's loops, is to be left out. */
static inline bool thinned(size_t number)
{
    return number % thinned_every() != 0;
}

/* How many are left of COUNT. */
static inline int thinned_count(int count)
{
    int every = (int)thinned_every();

    return (count + every - 1) / every;
}

#endif
