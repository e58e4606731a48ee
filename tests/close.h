/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_CLOSE_H
#define IAGMETER_TESTS_CLOSE_H

#include <math.h>

/* cmocka compares as float, too coarse for sums that must agree. Include after cmocka.h. */

#define CLOSE 1e-12

/* To TOLERANCE of EXPECTED. */
#define assert_within(value, expected, tolerance)                                                  \
    do {                                                                                           \
        double got = (value), want = (expected);                                                   \
        if (!(fabs(got - want) <= (tolerance)*fabs(want)))                                         \
            fail_msg("%s is %.17g, not %.17g", #value, got, want);                                 \
    } while (0)

#define assert_close(value, expected) assert_within(value, expected, CLOSE)

#endif
