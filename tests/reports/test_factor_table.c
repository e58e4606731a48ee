/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/factor_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/shipped.h"

#define PAGE   IAGMETER_SOURCE_ROOT "/docs/methode.md"
#define MARKER "<!-- Ce qui suit est écrit par `iagmeter factors table` -->\n"

static char *table_of_shipped(size_t *size)
{
    struct config *config = shipped_config(SHIPPED_FACTORS, NULL);
    char *text = NULL;
    FILE *stream = open_memstream(&text, size);

    assert_non_null(stream);
    assert_true(factor_table_write(config, stream));
    fclose(stream);
    config_free(config);
    return text;
}

/* What people read is what is computed with: the page's tables are those of conf/, byte by byte. If
 * this fails, write them again: docs/methode.md says how. */
static void the_page_holds_the_factors_in_use(void **state)
{
    size_t page_size, table_size;
    char *page = read_whole(PAGE, &page_size);
    char *table = table_of_shipped(&table_size);
    const char *place = strstr(page, MARKER);

    (void)state;
    assert_non_null(place);
    assert_string_equal(place + strlen(MARKER), table);
    free(table);
    free(page);
}

static unsigned count(const char *text, const char *part)
{
    unsigned found = 0;

    while ((text = strstr(text, part))) {
        text += strlen(part);
        found++;
    }
    return found;
}

/* A number is read back as it was; bands, ranges and both counts of French water are there; what
 * two services use stands once. */
static void lists_what_services_use(void **state)
{
    size_t size;
    char *table = table_of_shipped(&size);
    const char *place;

    (void)state;
    place = strstr(table, "| `energy_alpha_wh` | ");
    assert_non_null(place);
    assert_true(strtod(place + strlen("| `energy_alpha_wh` | "), NULL) == 1.1665273170451914e-06);
    assert_int_equal(count(table, "| `batch_size` | 8 / 32 / 64 | – |"), 1);
    assert_int_equal(count(table, "| `openai/gpt-4o` | 440 | 44 – 132 | 37.8 |"), 1);
    assert_int_equal(count(table, "| `chatgpt-web` | – | 2025-08 | `openai/gpt-4o` | 1 |"), 1);
    assert_int_equal(count(table, "| `FRA` | eau (EWIF) | 3.6737 | L/kWh |"), 1);
    assert_int_equal(count(table, "| `FRA-EDF` | eau (EWIF) | 0.83 | L/kWh |"), 1);
    assert_int_equal(count(table, "| `aws-eu-west-3` | FRA | 1.35 | 0.02 – 0.17 |"), 1);
    assert_int_equal(count(table, "| `image/sd-3.5-medium` | 0.439 | GPU |"), 1);
    assert_int_equal(count(table, "| `audio/whisper-large-v3` | 0.0866790655098633 | GPU |"), 1);
    assert_int_equal(count(table, "`cohere/command-r`"), 0); /* no service is assumed to run it */
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_page_holds_the_factors_in_use, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(lists_what_services_use, scratch_setup, scratch_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
