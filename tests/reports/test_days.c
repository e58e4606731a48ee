/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/days.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/derived.h"
#include "tests/reports/year.h"

#define HOUR_S 3600
#define NOW    INT64_C(1798761600) /* after the year */

static struct world world;

static int set_up(void **state)
{
    (void)state;
    year_setup(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static struct derived *explain(const char *name, char error[400])
{
    char text[MONTH_FIGURE_SIZE];
    char *arguments[] = {text};
    struct explain_query query;
    struct derived *derived;

    snprintf(text, sizeof(text), "%s", name);
    assert_true(explain_parse(arguments, 1, &query));
    derived_build(world.report, &query, &derived, error, 400);
    return derived;
}

static double explained(const char *name)
{
    char error[400] = "";
    struct derived *derived = explain(name, error);
    double value;

    assert_string_equal(error, "");
    assert_non_null(derived);
    assert_true(derived->agrees);
    value = derived->value.central;
    assert_true(value == derived->value.low && value == derived->value.high);
    derived_free(derived);
    return value;
}

static void assert_refused(const char *name, const char *why)
{
    char error[400] = "";

    assert_null(explain(name, error));
    if (!strstr(error, why))
        fail_msg("%s: \"%s\"", name, error);
}

static char *page(const char *language)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    assert_true(month_write_html(world.report, language, NULL, 0, stream)); /* without a graph */
    fclose(stream);
    return text;
}

/* Of the cell whose name is NAME in the table of days, in units of its last decimal. */
static long printed(const char *text, const char *name)
{
    char attribute[MONTH_FIGURE_SIZE + 40];
    const char *at = strstr(text, "<details>");
    long units = 0;

    snprintf(attribute, sizeof(attribute), "title=\"iagmeter explain %s\">", name);
    at = at ? strstr(at, attribute) : NULL;
    if (!at)
        fail_msg("%s is not in the table", name);
    for (at += strlen(attribute); *at != '<'; at++)
        if (*at >= '0' && *at <= '9')
            units = 10 * units + (*at - '0');
    return units;
}

static double sum_of_days(void)
{
    double sum_kwh = 0;

    for (size_t i = 0; i < world.report->day_count; i++)
        sum_kwh += world.report->days[i].energy_kwh;
    return sum_kwh;
}

/* On 25 October clocks go back: a day of 25 hours, of which both ends are its own; that of MONTH's
 * 29 March has 23. */
static void days_are_local(const char *month, int day, int hours)
{
    int64_t noon = year_noon(month, day), first = noon - (hours - 12) * HOUR_S;
    char name[MONTH_FIGURE_SIZE];

    year_use(&world, first - 60, DRH, "a", 0.3, DEVICES_MANY); /* the last minute before it */
    year_use(&world, first, DSN, "b", 0.1, DEVICES_MANY);
    year_use(&world, noon, DRH, "c", 0.7, DEVICES_MANY);
    year_use(&world, noon + 12 * HOUR_S - 60, CAB, "d", 1.0 / 7, DEVICES_MANY);
    year_use(&world, noon + 12 * HOUR_S, DRH, "e", 1.0 / 3, DEVICES_MANY);
    world_report(&world, month, NOW);
    assert_int_equal(world.report->days[day - 1].end - world.report->days[day - 1].start,
                     hours * HOUR_S);
    snprintf(name, sizeof(name), "%s/@day/%02d/energy_kwh", month, day);
    assert_close(explained(name), 0.1 + 0.7 + 1.0 / 7);
    snprintf(name, sizeof(name), "%s/@day/%02d/energy_kwh", month, day - 1);
    assert_close(explained(name), 0.3);
    snprintf(name, sizeof(name), "%s/@day/%02d/energy_kwh", month, day + 1);
    assert_close(explained(name), 1.0 / 3);
    assert_close(sum_of_days(), world.report->total.impact.energy_kwh.central);
}

static void a_day_of_25_hours_is_one_day(void **state)
{
    (void)state;
    days_are_local("2026-10", 25, 25);
}

static void a_day_of_23_hours_is_one_day(void **state)
{
    (void)state;
    days_are_local("2026-03", 29, 23);
}

/* Days 2, 5, 9: shown; 3: few devices; 12, of the fewest that are enough, hides it. */
static void use_days(double hidden_kwh)
{
    year_use(&world, year_noon("2026-10", 2), DRH, "a", 1.0 / 3, DEVICES_MANY + 2);
    year_use(&world, year_noon("2026-10", 3), DSN, "b", hidden_kwh, DEVICES_FEW);
    year_use(&world, year_noon("2026-10", 5), DRH, "a", 1.0 / 7, DEVICES_MANY + 1);
    year_use(&world, year_noon("2026-10", 9), DSN, "a", 1.0 / 9, DEVICES_MANY + 1);
    year_use(&world, year_noon("2026-10", 12), DSN, "a", 1 - hidden_kwh, DEVICES_MANY);
    world_report(&world, "2026-10", NOW);
    assert_true(world.report->days[2].hidden && world.report->days[11].hidden);
}

static void rows_add_up_to_the_total(void **state)
{
    static const char *const names[] = {"2026-10/@day/02/energy_kwh", "2026-10/@day/05/energy_kwh",
                                        "2026-10/@day/09/energy_kwh",
                                        "2026-10/@day/hidden/energy_kwh"};
    long sum = 0;
    char *text;

    (void)state;
    use_days(0.7);
    text = page("fr");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        sum += printed(text, names[i]);
    assert_int_equal(sum, printed(text, "2026-10/././energy_kwh"));
    assert_int_equal(printed(text, names[0]), 333); /* Wh, of which the highest day has 10 */
    assert_non_null(strstr(text, "<th scope=\"col\">Énergie<br/>(Wh)</th>"));
    assert_close(explained(names[3]), 1);
    free(text);
}

static void what_was_not_metered_is_no_0(void **state)
{
    char *text;

    (void)state;
    use_days(0.7);
    text = page("fr");
    assert_non_null(strstr(text, "<th scope=\"row\">1er octobre 2026</th><td>aucun usage mesuré"));
    assert_non_null(strstr(text, "<th scope=\"row\">3 octobre 2026</th><td>non montré</td>"));
    assert_non_null(strstr(text, "<th scope=\"row\">12 octobre 2026</th><td>non montré</td>"));
    assert_null(strstr(text, "@day/01/"));
    free(text);
    text = page("en");
    assert_non_null(strstr(text, "<th scope=\"row\">1 October 2026</th><td>no use was metered"));
    assert_non_null(strstr(text, "Days not shown, together"));
    free(text);
}

/* What a day holds without an estimate is not known. */
static void what_is_not_estimated_is_no_0(void **state)
{
    const struct activity activity = {.requests = triple_exact(37)};
    const struct world_pair pair = {year_noon("2026-10", 6),
                                    directions_get(world.config->directions, CAB), "p", "p",
                                    DEVICES_MANY + 5};
    char *text;

    (void)state;
    world_record(&world, &pair, &activity, NULL);
    use_days(0.7);
    text = page("fr");
    assert_non_null(strstr(text, "<th scope=\"row\">6 octobre 2026</th><td class=\"n\">–</td>"));
    free(text);
}

/* The same page and the same answers whatever the day of few devices has of the two. */
static void a_hidden_day_is_nowhere(void **state)
{
    char *pages[2], errors[2][400];

    (void)state;
    for (int i = 0; i < 2; i++) {
        if (i > 0) {
            tear_down(NULL);
            set_up(NULL);
        }
        use_days(i > 0 ? 0.25 : 0.75);
        assert_true(world.report->days[2].energy_kwh == 0 &&
                    world.report->days[11].energy_kwh == 0);
        assert_null(explain("2026-10/@day/03/energy_kwh", errors[i]));
        pages[i] = page("fr");
        assert_close(explained("2026-10/@day/hidden/energy_kwh"), 1);
    }
    assert_string_equal(errors[0], errors[1]);
    for (int i = 0; i < 2; i++) { /* the tables of the directions differ */
        char *from = strstr(pages[i], "<details>");

        assert_non_null(from);
        *strstr(from, "</details>") = '\0';
        memmove(pages[i], from, strlen(from) + 1);
    }
    assert_string_equal(pages[0], pages[1]);
    free(pages[0]);
    free(pages[1]);
}

static void what_no_row_tells_is_refused(void **state)
{
    (void)state;
    use_days(0.7);
    assert_refused("2026-10/@day/03/energy_kwh", "not shown");
    assert_refused("2026-10/@day/12/energy_kwh", "not shown");
    assert_refused("2026-10/@day/01/energy_kwh", "no use was metered");
    assert_refused("2026-10/@day/32/energy_kwh", "no such day");
    assert_refused("2026-10/@day/2/energy_kwh", "no such day");
    assert_refused("2026-10/@day/02/water_l", "has no figure");
    assert_refused("2026-10/@day/02/requests", "has no figure");
    assert_refused("2026-10/@day/DRH/02/energy_kwh", "no such day");
}

static void no_day_of_few_devices_alone(void **state)
{
    char *text;

    (void)state;
    year_use(&world, year_noon("2026-10", 2), DRH, "a", 1, DEVICES_FEW);
    world_report(&world, "2026-10", NOW);
    assert_true(world.report->withheld);
    text = page("fr");
    assert_null(strstr(text, "<details>"));
    assert_refused("2026-10/@day/02/energy_kwh", "no such day");
    free(text);
}

static void none_is_hidden_where_none_must_be(void **state)
{
    char *text;

    (void)state;
    year_use(&world, year_noon("2026-10", 2), DRH, "a", 12, DEVICES_MANY);
    world_report(&world, "2026-10", NOW);
    text = page("fr");
    assert_null(strstr(text, "@day/hidden"));
    assert_refused("2026-10/@day/hidden/energy_kwh", "has no figure");
    free(text);
}

/* The graph's, of which the highest day has 10 at least. */
static void the_unit_fits_the_highest_day(void **state)
{
    char *text;

    (void)state;
    year_use(&world, year_noon("2026-10", 2), DRH, "a", 9, DEVICES_MANY);
    world_report(&world, "2026-10", NOW);
    text = page("fr");
    assert_non_null(strstr(text, "<th scope=\"col\">Énergie<br/>(Wh)</th>"));
    assert_int_equal(printed(text, "2026-10/@day/02/energy_kwh"), 9000);
    free(text);
    year_use(&world, year_noon("2026-10", 3), DRH, "a", 10, DEVICES_MANY);
    world_report(&world, "2026-10", NOW);
    text = page("fr");
    assert_non_null(strstr(text, "<th scope=\"col\">Énergie<br/>(kWh)</th>"));
    assert_int_equal(printed(text, "2026-10/@day/03/energy_kwh"), 100); /* 10,0 */
    free(text);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_day_of_25_hours_is_one_day),      TEST(a_day_of_23_hours_is_one_day),
        TEST(rows_add_up_to_the_total),          TEST(what_was_not_metered_is_no_0),
        TEST(what_is_not_estimated_is_no_0),     TEST(a_hidden_day_is_nowhere),
        TEST(what_no_row_tells_is_refused),      TEST(no_day_of_few_devices_alone),
        TEST(none_is_hidden_where_none_must_be), TEST(the_unit_fits_the_highest_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
