/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calculator.h"

#include <stdint.h>
#include <stdlib.h>

/* A table that somebody hands in. */

static struct factors *load(void)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct factors *factors = factors_load(IAGMETER_SOURCE_ROOT "/conf/factors/2026", diagnostics);

    diagnostics_print(diagnostics, stderr);
    diagnostics_free(diagnostics);
    if (!factors)
        abort();
    return factors;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct calculator_query nothing_given;
    static struct factors *factors;
    FILE *in, *out;
    struct calculator_batch result;

    if (!factors)
        factors = load();
    if (size < 2)
        return 0;
    in = fmemopen((void *)(data + 1), size - 1, "r"); /* only read */
    out = fopen("/dev/null", "w");
    if (!in || !out)
        abort();
    result = calculator_run_batch(factors, in, "table", &nothing_given,
                                  data[0] % 2 ? CALCULATOR_JSON : CALCULATOR_TSV, out, out);
    if (result.bad_rows > result.rows)
        abort();
    fclose(in);
    fclose(out);
    return 0;
}
