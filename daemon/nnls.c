/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/nnls.h"

#include <math.h>
#include <string.h>

/* Relative to columns of length 1. */
#define TOLERANCE 1e-12
/* Each step solves for one more column or one less: far more than ever needed (Lawson and Hanson
 * prove that it ends; rounding could make it turn in circles). */
#define MOST_STEPS  (10 * NNLS_MOST)
#define MOST_SWEEPS 60 /* of Jacobi's method, which takes about ten */

typedef double matrix[NNLS_MOST][NNLS_MOST];

void nnls_add(struct nnls *nnls, const double *x, double y)
{
    for (size_t i = 0; i < nnls->count; i++) {
        for (size_t j = 0; j < nnls->count; j++)
            nnls->gram[i][j] += x[i] * x[j];
        nnls->moment[i] += x[i] * y;
    }
    nnls->sum += y;
    nnls->squares += y * y;
    nnls->n++;
}

/* With columns of length 1, so that one tolerance holds for all. LENGTHS of those that are 0 is 0,
 * and they stay so. */
static void scale(const struct nnls *nnls, struct nnls *scaled, double *lengths)
{
    *scaled = *nnls;
    for (size_t i = 0; i < nnls->count; i++)
        lengths[i] = sqrt(nnls->gram[i][i]);
    for (size_t i = 0; i < nnls->count; i++) {
        if (lengths[i] > 0)
            scaled->moment[i] /= lengths[i];
        for (size_t j = 0; j < nnls->count; j++)
            if (lengths[i] > 0 && lengths[j] > 0)
                scaled->gram[i][j] /= lengths[i] * lengths[j];
    }
}

/* ---- The fit ---- */

/* Solves for the COUNT columns WHICH by Cholesky's decomposition. False when they are not
 * independent. */
static bool solve(const struct nnls *nnls, const size_t *which, size_t count, double *out)
{
    matrix lower;

    for (size_t i = 0; i < count; i++) {
        out[i] = nnls->moment[which[i]];
        for (size_t j = 0; j <= i; j++) {
            double sum = nnls->gram[which[i]][which[j]];

            for (size_t k = 0; k < j; k++)
                sum -= lower[i][k] * lower[j][k];
            if (j == i && sum <= TOLERANCE)
                return false;
            lower[i][j] = j == i ? sqrt(sum) : sum / lower[j][j];
        }
        for (size_t k = 0; k < i; k++)
            out[i] -= lower[i][k] * out[k];
        out[i] /= lower[i][i];
    }
    for (size_t i = count; i-- > 0;) {
        for (size_t k = i + 1; k < count; k++)
            out[i] -= lower[k][i] * out[k];
        out[i] /= lower[i][i];
    }
    return true;
}

/* What the squares would fall by, were this coefficient raised. */
static double gradient(const struct nnls *nnls, const double *x, size_t i)
{
    double sum = nnls->moment[i];

    for (size_t j = 0; j < nnls->count; j++)
        sum -= nnls->gram[i][j] * x[j];
    return sum;
}

/* The column outside the fit that helps most; COUNT when none does. */
static size_t best_column(const struct nnls *nnls, const double *x, const bool *inside,
                          const bool *useless)
{
    size_t best = nnls->count;
    double most = TOLERANCE * sqrt(nnls->squares);

    for (size_t i = 0; i < nnls->count; i++) {
        double value = inside[i] || useless[i] ? 0 : gradient(nnls, x, i);

        if (value > most) {
            most = value;
            best = i;
        }
    }
    return best;
}

static size_t list_inside(size_t count, const bool *inside, size_t *which)
{
    size_t number = 0;

    for (size_t i = 0; i < count; i++)
        if (inside[i])
            which[number++] = i;
    return number;
}

/* Goes from X towards the solution for the columns inside as far as nothing becomes negative; what
 * becomes 0 leaves. Returns whether it got there. */
static bool approach(double *x, bool *inside, const size_t *which, size_t number,
                     const double *solution)
{
    double way = 1;

    for (size_t i = 0; i < number; i++)
        if (solution[i] <= 0)
            way = fmin(way, x[which[i]] / (x[which[i]] - solution[i]));
    for (size_t i = 0; i < number; i++) {
        x[which[i]] += way * (solution[i] - x[which[i]]);
        if (way < 1 && solution[i] <= 0 && x[which[i]] <= TOLERANCE) {
            x[which[i]] = 0;
            inside[which[i]] = false;
        }
    }
    return way >= 1;
}

static void fit(const struct nnls *nnls, double *x)
{
    bool inside[NNLS_MOST] = {false};
    bool useless[NNLS_MOST] = {false}; /* made up of those inside */
    size_t which[NNLS_MOST];
    double solution[NNLS_MOST];

    for (int step = 0; step < MOST_STEPS; step++) {
        size_t added = best_column(nnls, x, inside, useless);

        if (added == nnls->count)
            return;
        inside[added] = true;
        for (bool there = false; !there && step < MOST_STEPS; step++) {
            size_t number = list_inside(nnls->count, inside, which);

            if (!solve(nnls, which, number, solution)) {
                inside[added] = false;
                useless[added] = true;
                break;
            }
            there = approach(x, inside, which, number, solution);
        }
    }
}

double nnls_solve(const struct nnls *nnls, double *coefficients)
{
    struct nnls scaled;
    double lengths[NNLS_MOST];
    double residual = nnls->squares;

    memset(coefficients, 0, nnls->count * sizeof(*coefficients));
    scale(nnls, &scaled, lengths);
    fit(&scaled, coefficients);
    /* y'y - b'X'y - b'(X'y - X'X b): the last is 0 at the solution, but for rounding. */
    for (size_t i = 0; i < nnls->count; i++)
        residual -= coefficients[i] * (scaled.moment[i] + gradient(&scaled, coefficients, i));
    for (size_t i = 0; i < nnls->count; i++)
        coefficients[i] = lengths[i] > 0 ? coefficients[i] / lengths[i] : 0;
    return fmax(residual, 0);
}

double nnls_explained(const struct nnls *nnls, double residual_squares)
{
    double total = nnls->n > 0 ? nnls->squares - nnls->sum * nnls->sum / (double)nnls->n : 0;

    return total > TOLERANCE * nnls->squares ? 1 - residual_squares / total : 0;
}

/* ---- The condition ---- */

/* Turns rows and columns P and Q so that the element between them becomes 0 (Golub and Van Loan,
 * Matrix Computations, 8.5). */
static void rotate(matrix a, size_t count, size_t p, size_t q)
{
    double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1);
    double s = t * c;

    for (size_t k = 0; k < count; k++) {
        double akp = a[k][p], akq = a[k][q];

        a[k][p] = c * akp - s * akq;
        a[k][q] = s * akp + c * akq;
    }
    for (size_t k = 0; k < count; k++) {
        double apk = a[p][k], aqk = a[q][k];

        a[p][k] = c * apk - s * aqk;
        a[q][k] = s * apk + c * aqk;
    }
}

static bool sweep(matrix a, size_t count)
{
    bool turned = false;

    for (size_t p = 0; p < count; p++)
        for (size_t q = p + 1; q < count; q++)
            if (fabs(a[p][q]) > TOLERANCE * TOLERANCE) {
                rotate(a, count, p, q);
                turned = true;
            }
    return turned;
}

double nnls_condition(const struct nnls *nnls)
{
    struct nnls scaled;
    double lengths[NNLS_MOST];
    double least = INFINITY;
    double most = 0;

    scale(nnls, &scaled, lengths);
    for (int i = 0; i < MOST_SWEEPS && sweep(scaled.gram, nnls->count); i++)
        ;
    for (size_t i = 0; i < nnls->count; i++) {
        least = fmin(least, scaled.gram[i][i]);
        most = fmax(most, scaled.gram[i][i]);
    }
    return least > TOLERANCE ? sqrt(most / least) : INFINITY;
}
