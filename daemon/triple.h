/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TRIPLE_H
#define IAGMETER_TRIPLE_H

/* An estimate with its error bar. Every figure that is not counted exactly travels as a triple, so
 * that no stage can drop the uncertainty by accident. low <= central <= high, all finite. */
struct triple {
    double low;
    double central;
    double high;
};

/* A counted value: no error bar. */
static inline struct triple triple_exact(double value)
{
    return (struct triple){value, value, value};
}

/* Bands are added end to end: the errors of one service are systematic and do not cancel out, so
 * sums must not narrow (the method page, "Intervals"). */
static inline struct triple triple_add(struct triple a, struct triple b)
{
    return (struct triple){a.low + b.low, a.central + b.central, a.high + b.high};
}

static inline struct triple triple_scale(struct triple a, double factor)
{
    return (struct triple){a.low * factor, a.central * factor, a.high * factor};
}

#endif
