/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/nnls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g is not %.17g", value, expected);
}

static double uniform(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) / 9007199254740992.0;
}

static void add_rows(struct nnls *nnls, size_t columns, const double *rows, size_t count)
{
    memset(nnls, 0, sizeof(*nnls));
    nnls->count = columns;
    for (size_t i = 0; i < count; i++)
        nnls_add(nnls, &rows[i * (columns + 1)], rows[i * (columns + 1) + columns]);
}

/* y = 2 a + 3 b, exactly. */
static void an_exact_line_is_found(void **state)
{
    const double rows[] = {1, 0, 2, 0, 1, 3, 1, 1, 5, 4, 2, 14};
    struct nnls nnls;
    double b[2];

    (void)state;
    add_rows(&nnls, 2, rows, 4);
    assert_near(nnls_solve(&nnls, b), 0, 1e-12);
    assert_near(b[0], 2, 1e-12);
    assert_near(b[1], 3, 1e-12);
    assert_near(nnls_explained(&nnls, 0), 1, 1e-12);
}

/* Without the limit the answer is (2, -1) for rows (1 0 2), (1 1 1), (0 1 -1); with it, b = 0 and a
 * is the mean of 2 and 1, which leaves 0.25 + 0.25 + 1. */
static void what_would_be_negative_is_0(void **state)
{
    const double rows[] = {1, 0, 2, 1, 1, 1, 0, 1, -1};
    struct nnls nnls;
    double b[2];

    (void)state;
    add_rows(&nnls, 2, rows, 3);
    assert_near(nnls_solve(&nnls, b), 1.5, 1e-12);
    assert_near(b[0], 1.5, 1e-12);
    assert_true(b[1] == 0);
}

/* The third column, nearly the sum of the others, is like y most of all and is taken first. But the
 * best fit is without it: 3 a + 2 b = 10.35 and 2 a + 3 b = 10.55, which leaves -0.04, -0.04, 0.07
 * and -0.03. */
static void a_column_that_came_in_can_leave(void **state)
{
    const double rows[] = {1, 0, 1.1, 1.95, 0, 1, 1.1, 2.15, 1, 1, 1.9, 4.25, 1, 1, 2.1, 4.15};
    struct nnls nnls;
    double b[3];

    (void)state;
    add_rows(&nnls, 3, rows, 4);
    assert_near(nnls_solve(&nnls, b), 0.009, 1e-12);
    assert_near(b[0], 1.99, 1e-12);
    assert_near(b[1], 2.19, 1e-12);
    assert_true(b[2] == 0);
}

/* No coefficient is negative, raising one that is 0 does not help, and changing one that is not
 * helps neither: that is what makes it the solution (Kuhn and Tucker). */
static void check_optimal(const struct nnls *nnls, const double *b)
{
    for (size_t i = 0; i < nnls->count; i++) {
        double gradient = nnls->moment[i];
        double size = fabs(nnls->moment[i]) + 1;

        for (size_t j = 0; j < nnls->count; j++) {
            gradient -= nnls->gram[i][j] * b[j];
            size += nnls->gram[i][j] * b[j];
        }
        assert_true(b[i] >= 0);
        assert_true(gradient <= 1e-9 * size);
        if (b[i] > 0)
            assert_true(gradient >= -1e-9 * size);
    }
}

static void random_problems_are_solved(void **state)
{
    uint64_t seed = 7;
    unsigned zeros = 0, others = 0;

    (void)state;
    for (int problem = 0; problem < 500; problem++) {
        struct nnls nnls = {.count = 1 + (size_t)(uniform(&seed) * 9)};
        double b[NNLS_MOST];

        for (int row = 0; row < 40; row++) {
            double x[NNLS_MOST];
            double y = 10 * uniform(&seed) - 5;

            /* Columns of very different sizes, as tokens in and out are. */
            for (size_t i = 0; i < nnls.count; i++) {
                x[i] = uniform(&seed) * pow(10, (double)i);
                y += (i % 2 ? 1 : -0.5) * uniform(&seed) * x[i] / pow(10, (double)i);
            }
            nnls_add(&nnls, x, y);
        }
        nnls_solve(&nnls, b);
        check_optimal(&nnls, b);
        for (size_t i = 0; i < nnls.count; i++) {
            zeros += b[i] == 0;
            others += b[i] > 0;
        }
    }
    assert_true(zeros > 100 && others > 100); /* both were tried */
}

static void known_coefficients_come_out_of_noise(void **state)
{
    const double truth[] = {0.2, 0.02, 1.0};
    struct nnls nnls = {.count = 3};
    uint64_t seed = 11;
    double b[3];
    double residual;

    (void)state;
    for (int row = 0; row < 5000; row++) {
        double x[] = {20000 * uniform(&seed), 10000 * uniform(&seed), 3000 * uniform(&seed)};
        double y = 0;

        for (size_t i = 0; i < 3; i++)
            y += truth[i] * x[i];
        nnls_add(&nnls, x, y + 200 * (uniform(&seed) - 0.5));
    }
    residual = nnls_solve(&nnls, b);
    for (size_t i = 0; i < 3; i++)
        assert_near(b[i], truth[i], 0.01 * truth[i] + 0.001);
    /* Even noise of width 200 has the variance 200^2 / 12. */
    assert_near(residual / 5000, 200.0 * 200 / 12, 0.05 * 200 * 200 / 12);
    assert_true(nnls_explained(&nnls, residual) > 0.99);
}

static void what_cannot_be_told_apart_is_said(void **state)
{
    /* Columns of length 1 with the cosine 0.6: eigenvalues 1.6 and 0.4, so the index is 2. */
    const double apart[] = {1, 0.6, 1, 0, 0.8, 1};
    const double alike[] = {1, 2, 1, 2, 4, 2, 3, 6, 3};
    const double empty[] = {1, 0, 1, 2, 0, 2};
    struct nnls nnls;
    double b[2];

    (void)state;
    add_rows(&nnls, 2, apart, 2);
    assert_near(nnls_condition(&nnls), 2, 1e-12);
    add_rows(&nnls, 2, alike, 3);
    assert_true(isinf(nnls_condition(&nnls)));
    assert_near(nnls_solve(&nnls, b), 0, 1e-9);
    assert_near(b[0] + 2 * b[1], 1, 1e-9);
    add_rows(&nnls, 2, empty, 2);
    assert_true(isinf(nnls_condition(&nnls)));
    nnls_solve(&nnls, b);
    assert_near(b[0], 1, 1e-12);
    assert_true(b[1] == 0);
}

static void without_observations_nothing_is_known(void **state)
{
    struct nnls nnls = {.count = 2};
    double b[2] = {5, 5};

    (void)state;
    assert_true(nnls_solve(&nnls, b) == 0);
    assert_true(b[0] == 0 && b[1] == 0);
    assert_true(nnls_explained(&nnls, 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_line_is_found),
        cmocka_unit_test(what_would_be_negative_is_0),
        cmocka_unit_test(a_column_that_came_in_can_leave),
        cmocka_unit_test(random_problems_are_solved),
        cmocka_unit_test(known_coefficients_come_out_of_noise),
        cmocka_unit_test(what_cannot_be_told_apart_is_said),
        cmocka_unit_test(without_observations_nothing_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
