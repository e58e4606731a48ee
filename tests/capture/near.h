/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_NEAR_H
#define IAGMETER_TESTS_NEAR_H

#include "daemon/triple.h"

#include <math.h>

/* cmocka's assert_float_equal() compares as float. Include after cmocka.h. */

static inline void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9 * (1 + fabs(expected))))
        fail_msg("%.17g is not %.17g", value, expected);
}

static inline void assert_triple(struct triple value, double low, double central, double high)
{
    assert_near(value.low, low);
    assert_near(value.central, central);
    assert_near(value.high, high);
}

#endif
