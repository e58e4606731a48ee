/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_NNLS_H
#define IAGMETER_NNLS_H

#include <stdbool.h>
#include <stddef.h>

/* Least squares of which no coefficient may be negative (Lawson and Hanson, Solving Least Squares
 * Problems, 1974, chapter 23), on the normal equations as Bro and de Jong do (A fast
 * non-negativity-constrained least squares algorithm, J. Chemometrics 11, 1997). Pure functions. */

#define NNLS_MOST 48 /* coefficients */

/* The normal equations of y = X b: sums over the observations. Zeroed at first. */
struct nnls {
    size_t count;                      /* of coefficients, at most NNLS_MOST */
    size_t n;                          /* of observations */
    double gram[NNLS_MOST][NNLS_MOST]; /* X'X */
    double moment[NNLS_MOST];          /* X'y */
    double sum;                        /* of y */
    double squares;                    /* of y */
};

void nnls_add(struct nnls *nnls, const double *x, double y);

/* The coefficients that leave the least sum of squares, which it returns. A column that is 0, or
 * that others make up, gets 0. */
double nnls_solve(const struct nnls *nnls, double *coefficients);

/* The largest scaled condition index (Belsley, Kuh and Welsch, Regression Diagnostics, 1980, 3.2):
 * the ratio of the largest to the smallest singular value of X with columns of length 1. Above 30,
 * columns say so much the same that nobody can tell which one it was. Infinite where a column is
 * 0, or makes up another. */
double nnls_condition(const struct nnls *nnls);

/* The part of the variance of y that the fit explains; 0 where y does not vary. */
double nnls_explained(const struct nnls *nnls, double residual_squares);

#endif
