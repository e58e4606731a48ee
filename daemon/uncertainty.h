/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_UNCERTAINTY_H
#define IAGMETER_UNCERTAINTY_H

#include <stddef.h>

/* Errors are factors, so they are combined in logarithms (docs/method.md, section 2). Pure
 * functions. */

/* One cause of error: by how much it moves the logarithm of a result, for one standard deviation.
 */
struct uncertainty_part {
    double log_down;
    double log_up;
};

/* The cause whose stated range, SIGMAS standard deviations wide, moves a result from LOW over
 * CENTRAL (above 0) to HIGH. A low end of 0 has no logarithm: log_down is infinite. */
struct uncertainty_part uncertainty_of_range(double low, double central, double high,
                                             double sigmas);

/* What is systematic is the same for each of NUMBER events; what is random shrinks with the root of
 * their number. Both are standard deviations of a logarithm. */
double uncertainty_of_events(double systematic, double random, double number);

/* The value that a normal variable stays under with PROBABILITY, from 0.5 to below 1, in standard
 * deviations. */
double uncertainty_quantile(double probability);

/* Between p10 and p90 the truth lies in eight cases of ten, if the parts are right. */
struct uncertainty_interval {
    double p10;
    double central;
    double p90;
};

/* The parts are independent: their squares add up. */
struct uncertainty_interval uncertainty_combine(double central,
                                                const struct uncertainty_part *parts, size_t count);

#endif
