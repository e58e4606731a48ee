/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_FORMULA_H
#define IAGMETER_TESTS_FORMULA_H

#include "reports/explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The formulas that an explanation prints, evaluated. Include after cmocka.h. */

struct scanner {
    const char *at;
};

static inline double expression(struct scanner *scanner);

static inline bool take(struct scanner *scanner, const char *sign)
{
    scanner->at += strspn(scanner->at, " ");
    if (strncmp(scanner->at, sign, strlen(sign)) != 0)
        return false;
    scanner->at += strlen(sign);
    return true;
}

static inline double primary(struct scanner *scanner)
{
    static const struct {
        const char *name;
        double (*function)(double value);
    } functions[] = {{"exp(", exp}, {"ln(", log}, {"log2(", log2}, {"ceil(", ceil}, {"(", fabs}};
    char *end;
    double value;

    if (take(scanner, "max(0,")) {
        value = fmax(0, expression(scanner));
        assert_true(take(scanner, ")"));
        return value;
    }
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (take(scanner, functions[i].name)) {
            value = functions[i].function(expression(scanner));
            assert_true(take(scanner, ")"));
            return value;
        }
    value = strtod(scanner->at, &end);
    assert_ptr_not_equal(scanner->at, end);
    scanner->at = end;
    return value;
}

static inline double power(struct scanner *scanner)
{
    double value = primary(scanner);

    return take(scanner, "^") ? pow(value, primary(scanner)) : value;
}

static inline double term(struct scanner *scanner)
{
    double value = power(scanner);

    for (;;)
        if (take(scanner, "·"))
            value *= power(scanner);
        else if (take(scanner, "/"))
            value /= power(scanner);
        else
            return value;
}

static inline double expression(struct scanner *scanner)
{
    double value = term(scanner);

    for (;;)
        if (take(scanner, "+"))
            value += term(scanner);
        else if (take(scanner, "-"))
            value -= term(scanner);
        else
            return value;
}

static inline void put_exactly(FILE *stream, const void *context, double value)
{
    (void)context;
    fprintf(stream, "%.17g", value);
}

static inline double evaluated(const struct explain_chain *chain, const char *formula, int end)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    struct scanner scanner;
    double value;

    explain_formula(stream, chain, formula, end, put_exactly, NULL);
    fclose(stream);
    scanner.at = text;
    value = expression(&scanner);
    assert_string_equal(scanner.at, "");
    free(text);
    return value;
}

#endif
