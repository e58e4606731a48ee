/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_READABLE_H
#define IAGMETER_TESTS_READABLE_H

#include <stdbool.h>
#include <string.h>

/* What people read has units as text_unit() writes them, and what programs read has none of these.
 * Include after cmocka.h. */
static inline void readable_assert(const char *text, bool for_people)
{
    const char *wrong = strstr(text, for_people ? "gCO2" : "gCO₂");

    if (wrong)
        fail_msg("a unit that is not for %s: %.60s", for_people ? "people" : "programs", wrong);
}

#endif
