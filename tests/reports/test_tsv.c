/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/tsv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void cells_stay_cells(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    tsv_field(stream, "Données\tet\nréseaux");
    tsv_field(stream, "");
    tsv_exact(stream, 0.1);
    tsv_exact(stream, INFINITY);
    tsv_triple(stream, (struct triple){NAN, 2, 3});
    fclose(stream);
    assert_string_equal(text, "Données et réseaux\t\t0.10000000000000001\t\t\t2\t3\t");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cells_stay_cells)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
