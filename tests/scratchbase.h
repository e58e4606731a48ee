/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_SCRATCHBASE_H
#define IAGMETER_TESTS_SCRATCHBASE_H

#include <stdlib.h>

/* Where tests put files: they wait for the disk more than they compute, so whoever is in a hurry
 * sets TMPDIR to a directory in memory. */
static inline const char *scratch_base(void)
{
    const char *base = getenv("TMPDIR");

    return base && base[0] ? base : "/tmp";
}

#endif
