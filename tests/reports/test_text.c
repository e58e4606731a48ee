/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/text.h"

#include "daemon/calendar.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS   3000
#define MAX_ROWS 30

static void has_every_sentence_in_both_languages(void **state)
{
    (void)state;
    for (int id = 0; id < TEXT_COUNT; id++)
        for (int language = 0; language < LANGUAGE_COUNT; language++) {
            const char *text = text_get((enum text_language)language, (enum text_id)id);

            if (!text || !text[0])
                fail_msg("sentence %d is missing in %s", id,
                         text_language_name((enum text_language)language));
        }
}

/* Bits of the {0} to {9} that a sentence uses. */
static unsigned arguments_of(const char *text)
{
    unsigned used = 0;

    for (; *text; text++)
        if (text[0] == '{' && text[1] >= '0' && text[1] <= '9' && text[2] == '}')
            used |= 1U << (text[1] - '0');
    return used;
}

static void uses_the_same_arguments_in_both_languages(void **state)
{
    (void)state;
    for (int id = 0; id < TEXT_COUNT; id++)
        assert_int_equal(arguments_of(text_get(LANGUAGE_FR, (enum text_id)id)),
                         arguments_of(text_get(LANGUAGE_EN, (enum text_id)id)));
}

static void assert_decimal(enum text_language language, int64_t units, unsigned decimals,
                           const char *expected)
{
    char text[TEXT_NUMBER_SIZE];

    text_decimal(text, sizeof(text), language, units, decimals);
    assert_string_equal(text, expected);
}

static void writes_numbers_as_each_language_does(void **state)
{
    (void)state;
    assert_decimal(LANGUAGE_FR, 123456789, 2, "1\u202f234\u202f567,89");
    assert_decimal(LANGUAGE_EN, 123456789, 2, "1,234,567.89");
    assert_decimal(LANGUAGE_FR, 0, 0, "0");
    assert_decimal(LANGUAGE_FR, 5, 3, "0,005");
    assert_decimal(LANGUAGE_FR, 999, 0, "999");
    assert_decimal(LANGUAGE_FR, 1000, 0, "1\u202f000");
    assert_decimal(LANGUAGE_EN, -1234, 1, "-123.4");
    assert_decimal(LANGUAGE_EN, INT64_MIN, 0, "-9,223,372,036,854,775,808");
}

static void writes_numbers_of_more_than_64_bits(void **state)
{
    static const struct {
        double value;
        const char *expected;
    } numbers[] = {{1234.5, "1,234.50"},
                   {-9.2e16, "-92,000,000,000,000,000.00"},
                   {9.3e16, "9.3e+16"},
                   {-1.5e300, "-1.5e+300"},
                   {INFINITY, "inf"}};
    char text[TEXT_NUMBER_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        text_number(text, sizeof(text), LANGUAGE_EN, numbers[i].value, 2);
        assert_string_equal(text, numbers[i].expected);
    }
}

/* So that what is next to nothing is not taken for nothing. */
static void what_rounds_to_nothing_is_not_nothing(void **state)
{
    static const struct {
        int64_t units;
        double value;
        const char *expected;
    } numbers[] = {{0, 0.00003, "<\u00a00,0001"},
                   {0, -0.00003, ">\u00a0-0,0001"},
                   {0, 0, "0,0000"},
                   {0, -0.0, "0,0000"},
                   {0, 0.9, "<\u00a00,0001"}, /* as its column rounds it */
                   {1, 0.00003, "0,0001"},
                   {-1, 0, "-0,0001"}};
    char text[TEXT_NUMBER_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        text_units(text, sizeof(text), LANGUAGE_FR, numbers[i].units, numbers[i].value, 4);
        assert_string_equal(text, numbers[i].expected);
    }
    text_amount(text, sizeof(text), LANGUAGE_EN, 0.0049, 2);
    assert_string_equal(text, "<\u00a00.01");
    text_amount(text, sizeof(text), LANGUAGE_EN, 0.0051, 2);
    assert_string_equal(text, "0.01");
    text_amount(text, sizeof(text), LANGUAGE_EN, 0.2, 0);
    assert_string_equal(text, "<\u00a01");
    text_amount(text, sizeof(text), LANGUAGE_EN, -1.5e300, 2);
    assert_string_equal(text, "-1.5e+300");
}

static void writes_factors_and_exact_values(void **state)
{
    char text[TEXT_NUMBER_SIZE];

    (void)state;
    text_factor(text, sizeof(text), LANGUAGE_FR, 0.0461);
    assert_string_equal(text, "0,0461");
    text_factor(text, sizeof(text), LANGUAGE_EN, 1.1665273170451914e-06);
    assert_string_equal(text, "1.166527e-06");
    text_exact(text, sizeof(text), 0.1);
    assert_string_equal(text, "0.10000000000000001");
}

static void keeps_three_significant_digits(void **state)
{
    (void)state;
    assert_int_equal(text_decimals(0), 0);
    assert_int_equal(text_decimals(12345), 0);
    assert_int_equal(text_decimals(123), 0);
    assert_int_equal(text_decimals(12.3), 1);
    assert_int_equal(text_decimals(1.23), 2);
    assert_int_equal(text_decimals(0.00123), 5);
    assert_int_equal(text_decimals(NAN), 0);
}

static void assert_scale(const char *unit, double value, const char *expected, double per_unit)
{
    struct text_scale scale = text_scale(unit, value);

    assert_string_equal(scale.unit, expected);
    assert_true(scale.per_unit == per_unit);
}

static void antimony_is_1_or_more_of_its_unit(void **state)
{
    (void)state;
    assert_scale("kgSbeq", 1, "kgSbeq", 1);
    assert_scale("kgSbeq", 0.5, "gSbeq", 1e3);
    assert_scale("kgSbeq", 2e-6, "mgSbeq", 1e6);
    assert_scale("kgSbeq", 3.74e-8, "µgSbeq", 1e9);
    assert_scale("kgSbeq", 1e-20, "ngSbeq", 1e12);
    assert_scale("kgSbeq", 0, "kgSbeq", 1);
    assert_scale("kWh", 1e-9, "kWh", 1);
}

static void assert_said(enum text_language language, enum text_id id, const char *const *arguments,
                        const char *expected)
{
    char *text = text_render(language, id, arguments);

    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void sets_the_spaces_of_french(void **state)
{
    (void)state;
    assert_said(LANGUAGE_FR, TEXT_TITLE, TEXT_ARGUMENTS("mai 2026"),
                "Empreinte de l\u2019IA générative\u00a0: mai 2026");
    assert_said(LANGUAGE_FR, TEXT_UNASSIGNED_NOTE, NULL,
                "«\u00a0Non affecté\u00a0»\u00a0: usage vu depuis des adresses qu\u2019aucune "
                "direction ne déclare.");
    assert_said(LANGUAGE_FR, TEXT_UNIT_TOKENS, NULL, "1\u202f000 jetons visibles en sortie");
    /* Printed as it is, not said. */
    assert_string_equal(text_get(LANGUAGE_FR, TEXT_DERIVED_REPORTED), "dans le rapport\u00a0:");
    assert_string_equal(text_get(LANGUAGE_FR, TEXT_DERIVED_RECOMPUTED), "recalculé\u00a0:");
    assert_said(LANGUAGE_EN, TEXT_TITLE, TEXT_ARGUMENTS("May 2026"),
                "Footprint of generative AI: May 2026");
}

/* A comma between thousands, a no-break space of text_say() being French, and quotation marks of
 * print. */
static void has_the_signs_of_english(void **state)
{
    (void)state;
    for (int id = 0; id < TEXT_COUNT; id++) {
        const char *words = text_get(LANGUAGE_EN, (enum text_id)id);

        if (strchr(words, '"'))
            fail_msg("%s", words);
        for (const char *at = words; (at = strchr(at, ' ')); at++)
            if (at > words && isdigit((unsigned char)at[-1]) && strspn(at + 1, "0123456789") == 3)
                fail_msg("%s", words);
    }
}

static char *captured(void (*write)(FILE *, const char *), const char *text)
{
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);

    write(stream, text);
    fclose(stream);
    return out;
}

static void assert_written(void (*write)(FILE *, const char *), const char *text,
                           const char *expected)
{
    char *out = captured(write, text);

    assert_string_equal(out, expected);
    free(out);
}

static void escapes(void **state)
{
    (void)state;
    assert_written(text_html, "<script>&\"'\x01é", "&lt;script&gt;&amp;&quot;&#39;é");
    assert_written(text_csv, "plain", "plain");
    assert_written(text_csv, "a,b", "\"a,b\"");
    assert_written(text_csv, "=1+2", "'=1+2");
    assert_written(text_csv, "@SUM(1,2)", "\"'@SUM(1,2)\"");
    assert_written(text_csv, "a=b", "a=b");
    assert_written(text_csv, "", "");
    assert_written(text_csv, "say \"hi\"\n", "\"say \"\"hi\"\"\n\"");
}

static void escapes_the_arguments_of_a_sentence(void **state)
{
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);

    (void)state;
    text_say(stream, LANGUAGE_EN, TEXT_TITLE, TEXT_ARGUMENTS("<b>{0}"), true);
    fclose(stream);
    assert_string_equal(out, "Footprint of generative AI: &lt;b&gt;{0}");
    free(out);
}

static void writes_dates(void **state)
{
    char text[TEXT_DATE_SIZE];

    (void)state;
    assert_true(calendar_set_zone("Europe/Paris"));
    text_date(text, sizeof(text), LANGUAGE_FR, 1790805600, true);
    assert_string_equal(text, "1er octobre 2026 à 00:00");
    text_date(text, sizeof(text), LANGUAGE_EN, 1790805600 - 60, true);
    assert_string_equal(text, "30 September 2026, 23:59");
    text_month(text, sizeof(text), LANGUAGE_FR, 2026, 2);
    assert_string_equal(text, "février 2026");
}

static double random_value(void)
{
    return rand() % 8 ? exp((double)(rand() % 1200) / 100 - 6) : 0;
}

/* Rows, and their sum in *total. Some have no band, some are nothing. */
static void random_rows(struct triple *rows, size_t count, struct triple *total)
{
    *total = triple_exact(0);
    for (size_t i = 0; i < count; i++) {
        double central = random_value();
        bool exact = rand() % 4 == 0;

        rows[i] = exact ? triple_exact(central)
                        : (struct triple){central * (rand() % 100) / 100, central,
                                          central * (1 + (double)(rand() % 300) / 100)};
        *total = triple_add(*total, rows[i]);
    }
}

/* What both ways of rounding promise. */
static void assert_rounded(const struct triple *rows, size_t count, double unit,
                           const struct text_band *bands, struct text_band sum)
{
    struct text_band added = {0};

    for (size_t i = 0; i < count; i++) {
        assert_true(bands[i].low >= 0);
        assert_true(bands[i].low <= bands[i].central && bands[i].central <= bands[i].high);
        assert_true(fabs((double)bands[i].central - rows[i].central / unit) < 1.001);
        assert_true(fabs((double)bands[i].low - rows[i].low / unit) < 2.001);
        assert_true(fabs((double)bands[i].high - rows[i].high / unit) < 2.001);
        added.low += bands[i].low;
        added.central += bands[i].central;
        added.high += bands[i].high;
    }
    assert_int_equal(added.low, sum.low);
    assert_int_equal(added.central, sum.central);
    assert_int_equal(added.high, sum.high);
}

static void rounds_so_that_rows_add_up(void **state)
{
    struct triple rows[MAX_ROWS], total;
    struct text_band bands[MAX_ROWS];

    (void)state;
    srand(2);
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = (size_t)(rand() % MAX_ROWS) + 1;
        unsigned decimals = (unsigned)(rand() % 4);
        double unit = pow(10, -(double)decimals);
        struct text_band sum;

        random_rows(rows, count, &total);
        sum = text_round(rows, count, total, decimals, bands);
        assert_int_equal(sum.central, llround(total.central / unit));
        assert_rounded(rows, count, unit, bands, sum);
    }
}

/* Two tables of the same total that have the same last row. */
static void rounds_what_is_in_two_tables_alike(void **state)
{
    struct triple rows[MAX_ROWS], total;
    struct text_band bands[MAX_ROWS], others[2];

    (void)state;
    srand(3);
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = (size_t)(rand() % (MAX_ROWS - 1)) + 2;
        unsigned decimals = (unsigned)(rand() % 4);
        double unit = pow(10, -(double)decimals);
        struct text_band sum;

        random_rows(rows, count, &total);
        sum = text_round_other(rows, count, total, decimals, bands);
        assert_rounded(rows, count, unit, bands, sum);
        others[0] = bands[count - 1];
        for (size_t i = 1; i + 1 < count; i++) /* the others as one */
            rows[0] = triple_add(rows[0], rows[i]);
        rows[1] = rows[count - 1];
        sum = text_round_other(rows, 2, total, decimals, bands);
        assert_rounded(rows, 2, unit, bands, sum);
        others[1] = bands[1];
        assert_memory_equal(&others[0], &others[1], sizeof(others[0]));
    }
}

static void rounds_thirds_to_a_hundred_percent(void **state)
{
    const double shares[] = {1.0 / 3, 1.0 / 3, 1.0 / 3};
    int64_t units[3];

    (void)state;
    text_shares(shares, 3, false, 1, units);
    assert_int_equal(units[0] + units[1] + units[2], 1000);
    for (size_t i = 0; i < 3; i++)
        assert_in_range(units[i], 333, 334);
}

/* Of a table that is computed again with other factors for some rows. */
static void rounds_what_did_not_change_as_before(void **state)
{
    struct triple rows[MAX_ROWS], total;
    struct text_band bands[MAX_ROWS];
    double values[MAX_ROWS];
    int64_t units[MAX_ROWS];
    bool same[MAX_ROWS];

    (void)state;
    srand(4);
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = (size_t)(rand() % MAX_ROWS) + 1;
        unsigned decimals = (unsigned)(rand() % 4);
        double sum = 0;
        int64_t added = 0, kept = 0;

        random_rows(rows, count, &total);
        text_round(rows, count, total, decimals, bands);
        for (size_t i = 0; i < count; i++) {
            same[i] = rand() % 2;
            values[i] = same[i] ? rows[i].central : 1.3 * rows[i].central;
            units[i] = bands[i].central;
            kept += same[i] ? units[i] : 0;
            sum += values[i];
        }
        text_round_rest(values, count, sum, decimals, same, units);
        for (size_t i = 0; i < count; i++) {
            assert_true(units[i] >= 0);
            assert_true(!same[i] || units[i] == bands[i].central ||
                        kept > llround(sum * pow(10, decimals)));
            added += units[i];
        }
        if (sum > total.central)
            assert_int_equal(added, llround(sum * pow(10, decimals)));
    }
}

static void a_share_in_two_tables_is_rounded_alike(void **state)
{
    const double three[] = {0.13244, 0.73524, 0.13232}, two[] = {0.86768, 0.13232};
    const double many[] = {0.30029, 0.30029, 0.2671, 0.13232};
    int64_t units[4];

    (void)state;
    text_shares(three, 3, true, 1, units);
    assert_int_equal(units[2], 132);
    assert_int_equal(units[0] + units[1], 868);
    text_shares(two, 2, true, 1, units);
    assert_int_equal(units[1], 132);
    text_shares(many, 4, true, 1, units);
    assert_int_equal(units[3], 132);
    assert_int_equal(units[0] + units[1] + units[2], 868);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_every_sentence_in_both_languages),
        cmocka_unit_test(uses_the_same_arguments_in_both_languages),
        cmocka_unit_test(writes_numbers_as_each_language_does),
        cmocka_unit_test(writes_numbers_of_more_than_64_bits),
        cmocka_unit_test(what_rounds_to_nothing_is_not_nothing),
        cmocka_unit_test(writes_factors_and_exact_values),
        cmocka_unit_test(keeps_three_significant_digits),
        cmocka_unit_test(antimony_is_1_or_more_of_its_unit),
        cmocka_unit_test(sets_the_spaces_of_french),
        cmocka_unit_test(has_the_signs_of_english),
        cmocka_unit_test(escapes),
        cmocka_unit_test(escapes_the_arguments_of_a_sentence),
        cmocka_unit_test(writes_dates),
        cmocka_unit_test(rounds_so_that_rows_add_up),
        cmocka_unit_test(rounds_what_did_not_change_as_before),
        cmocka_unit_test(rounds_what_is_in_two_tables_alike),
        cmocka_unit_test(a_share_in_two_tables_is_rounded_alike),
        cmocka_unit_test(rounds_thirds_to_a_hundred_percent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
