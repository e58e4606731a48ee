/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/factor_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reports/coefficients.h"
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

/* The cell of that NUMBER in a row, to be freed; NULL if there is none. */
static char *cell_of(const char *row, unsigned number)
{
    const char *at = row;

    for (unsigned i = 0; at && i <= number; i++)
        at = strstr(at + (i > 0), "| ");
    return at ? strndup(at + 2, strcspn(at + 2, "|")) : NULL;
}

/* Years are read in both languages: they have no words. The headings say which column they are. */
static void years_have_no_words(void **state)
{
    size_t size;
    char *table = table_of_shipped(&size);
    unsigned year = 0, seen = 0;

    (void)state;
    for (char *row = table, *end; (end = strchr(row, '\n')); row = end + 1) {
        char *cell = NULL;

        *end = '\0';
        if (!row[0])
            year = 0;
        if (strncmp(row, "| `", 3) == 0 && year > 0) {
            cell = cell_of(row, year);
            assert_non_null(cell);
            if (strspn(cell, "0123456789-,/() ") < strlen(cell))
                fail_msg("%s", cell);
            seen++;
        }
        free(cell);
        for (unsigned i = 1; row[0] == '|' && year == 0 && (cell = cell_of(row, i)); i++) {
            if (strcmp(cell, "année ") == 0)
                year = i;
            free(cell);
        }
    }
    assert_true(seen > 100);
    free(table);
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

    (void)state;
    assert_int_equal(count(table,
                           "| `energy_alpha_wh` | énergie d’un jeton par milliard de paramètres | "
                           "1,1665273170451914e-06 | Wh |"),
                     1);
    assert_int_equal(count(table, "énergie du GPU et latence d’un jeton en sortie"), 12);
    assert_int_equal(count(table, "GPU energy and latency"), 0); /* in French where it is there */
    assert_int_equal(count(table, "| `batch_size` | requêtes servies ensemble | 8 / 32 / 64 | – |"),
                     1);
    assert_int_equal(count(table, "| `openai/gpt-4o` | 440 | 44 – 132 | 37,8 |"), 1);
    assert_int_equal(count(table, "| `chatgpt-web` | – | 2025-08 | `openai/gpt-4o` | 1 |"), 1);
    assert_int_equal(count(table, "| `FRA` | eau (EWIF) | 3,6737 | L/kWh |"), 1);
    assert_int_equal(count(table, "| `FRA-EDF` | eau (EWIF) | 0,83 | L/kWh |"), 1);
    assert_int_equal(count(table, "| `aws-eu-west-3` | FRA | 1,35 | 0,02 – 0,17 |"), 1);
    assert_int_equal(count(table, "| `image/sd-3.5-medium` | GPU | 0,439 |"), 1);
    assert_int_equal(count(table, "| `audio/whisper-large-v3` | GPU | 0,0866790655098633 |"), 1);
    assert_int_equal(count(table, "`cohere/command-r`"), 0); /* no service is assumed to run it */
    free(table);
}

/* Of a row of several figures, each key that a heading has in brackets. */
static size_t find_all(const struct factors *factors, const char *key, const char *row)
{
    static const char *const names[] = {"total_parameters_b",
                                        "active_parameters_b",
                                        "tokens_per_second",
                                        "time_to_first_token_s",
                                        "pue",
                                        "wue_l_per_kwh",
                                        "energy_wh"};
    struct coefficient found;
    size_t count = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (coefficients_find(factors, key, names[i], &found)) {
            assert_non_null(strstr(row, found.provenance->source));
            count++;
        }
    return count;
}

/* Each row ends with what `iagmeter explain` takes, whose source is that of the row. */
static void each_row_has_a_name(void **state)
{
    struct config *config = shipped_config(SHIPPED_FACTORS, NULL);
    const char start[] = " | `2026/@factor/";
    size_t size, rows = 0, single = 0;
    char *table = table_of_shipped(&size);
    char *rest = table;
    struct coefficient found;

    (void)state;
    for (char *row; (row = strsep(&rest, "\n"));) {
        char *key = strstr(row, start), *name;

        if (!key)
            continue;
        key += strlen(start);
        *strchr(key, '`') = '\0';
        name = strrchr(key, '/');
        *name++ = '\0';
        if (strcmp(name, "…") == 0) {
            assert_in_range(find_all(config->factors, key, row), 1, 4);
        } else {
            if (!coefficients_find(config->factors, key, name, &found))
                fail_msg("no factor %s/%s", key, name);
            assert_non_null(strstr(row, found.provenance->source));
            single++;
        }
        rows++;
    }
    assert_true(rows > 150 && single > 80 && rows > single);
    assert_false(coefficients_find(config->factors, "zone/FRA", "pue", &found));
    assert_false(coefficients_find(config->factors, "zone/NONE", "ewif_l_per_kwh", &found));
    assert_false(coefficients_find(config->factors, "zone", "ewif_l_per_kwh", &found));
    assert_false(coefficients_find(config->factors, "method-a/x", "batch_size", &found));
    assert_true(coefficients_find(config->factors, "provider/anthropic", "pue", &found));
    assert_true(found.value.low == 1.09 && found.value.high == 1.14 && found.is_range);
    free(table);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_page_holds_the_factors_in_use, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(lists_what_services_use, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(years_have_no_words, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(each_row_has_a_name, scratch_setup, scratch_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
