/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/uncertainty.h"

#include <math.h>

#define NEWTON_STEPS 20
#define P90          0.9

struct uncertainty_part uncertainty_of_range(double low, double central, double high, double sigmas)
{
    double half = sigmas / 2;

    return (struct uncertainty_part){
        .log_down = low > 0 ? log(central / low) / half : INFINITY,
        .log_up = log(high / central) / half,
    };
}

double uncertainty_of_events(double systematic, double random, double number)
{
    return sqrt(systematic * systematic + random * random / number);
}

/* Newton's method on the distribution function: it is concave above 0, so that the steps from 0
 * never pass the root. */
double uncertainty_quantile(double probability)
{
    double value = 0;

    for (int i = 0; i < NEWTON_STEPS; i++) {
        double below = erfc(-value * M_SQRT1_2) / 2;
        double density = exp(-value * value / 2) * M_2_SQRTPI * M_SQRT1_2 / 2;

        value -= (below - probability) / density;
    }
    return value;
}

struct uncertainty_interval uncertainty_combine(double central,
                                                const struct uncertainty_part *parts, size_t count)
{
    double sigmas = uncertainty_quantile(P90);
    double down = 0;
    double up = 0;

    for (size_t i = 0; i < count; i++) {
        down += parts[i].log_down * parts[i].log_down;
        up += parts[i].log_up * parts[i].log_up;
    }
    return (struct uncertainty_interval){.p10 = central * exp(-sigmas * sqrt(down)),
                                         .central = central,
                                         .p90 = central * exp(sigmas * sqrt(up))};
}
