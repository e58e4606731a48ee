/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/objectives.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/scratch.h"

static struct directions *directions;

static int setup(void **state)
{
    static const struct direction dsn = {.code = "DSN", .label = "Numérique"};

    directions = directions_new();
    assert_true(directions_set(directions, 1, &dsn));
    return scratch_setup(state);
}

static int teardown(void **state)
{
    directions_free(directions);
    return scratch_teardown(state);
}

static struct objectives *load(const char *text, struct diagnostics *diagnostics)
{
    char path[PATH_MAX];

    scratch_path(path, "objectives.conf");
    if (text)
        scratch_write("objectives.conf", text);
    return objectives_load(path, directions, diagnostics);
}

static struct objectives *load_good(const char *text)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct objectives *objectives = load(text, diagnostics);

    assert_no_complaint(diagnostics);
    assert_non_null(objectives);
    diagnostics_free(diagnostics);
    return objectives;
}

static void an_absent_file_has_none(void **state)
{
    struct objectives *objectives = load_good(NULL);

    (void)state;
    assert_int_equal(objectives_count(objectives), 0);
    assert_false(objectives_has_year(objectives, 2026));
    assert_int_equal(objectives_projection_months(objectives), 3);
    assert_int_equal(objectives_covered_percent(objectives), 50);
    objectives_free(objectives);
    objectives_free(NULL);
    assert_int_equal(objectives_count(NULL), 0);
    assert_false(objectives_has_year(NULL, 2026));
}

static void every_key_is_read(void **state)
{
    struct objectives *objectives = load_good(
        "projection_months = 2; covered_percent = 80;\n"
        "objectives = ( { year = 2026; energy_kwh = 3000; water_l = 1.5; gwp_kgco2e = 600.0;\n"
        "  requests = 100000; source = \"délibération 2026-012\"; warning_percent = 110; },\n"
        "  { year = 2027; direction = \"DSN\"; water_l = 7.0; source = \"plan\"; } );\n");
    const struct objective *objective = objectives_get(objectives, 0);

    (void)state;
    assert_int_equal(objectives_count(objectives), 2);
    assert_int_equal(objectives_projection_months(objectives), 2);
    assert_int_equal(objectives_covered_percent(objectives), 80);
    assert_int_equal(objective->year, 2026);
    assert_string_equal(objective->direction, "");
    assert_true(objective->budgets[OBJECTIVE_ENERGY] == 3000);
    assert_true(objective->budgets[OBJECTIVE_WATER] == 1.5);
    assert_true(objective->budgets[OBJECTIVE_GWP] == 600);
    assert_true(objective->budgets[OBJECTIVE_REQUESTS] == 100000);
    assert_string_equal(objective->source, "délibération 2026-012");
    assert_int_equal(objective->warning_percent, 110);
    objective = objectives_get(objectives, 1);
    assert_string_equal(objective->direction, "DSN");
    assert_int_equal(objective->warning_percent, 100);
    assert_true(objective->budgets[OBJECTIVE_ENERGY] == 0);
    assert_true(objective->budgets[OBJECTIVE_WATER] == 7);
    assert_true(objectives_has_year(objectives, 2026));
    assert_true(objectives_has_year(objectives, 2027));
    assert_false(objectives_has_year(objectives, 2028));
    objectives_free(objectives);
}

/* What is the same for two scopes, years or indicators is no duplicate. */
static void scopes_years_and_indicators_are_apart(void **state)
{
    struct objectives *objectives =
        load_good("objectives = ( { year = 2026; energy_kwh = 1; source = \"a\"; },\n"
                  "{ year = 2026; water_l = 1; source = \"b\"; },\n"
                  "{ year = 2027; energy_kwh = 1; source = \"a\"; },\n"
                  "{ year = 2026; direction = \"DSN\"; energy_kwh = 1; source = \"a\"; } );\n");

    (void)state;
    assert_int_equal(objectives_count(objectives), 4);
    objectives_free(objectives);
}

#define LIST(objective) "objectives = (\n" objective " );\n"
#define GOOD            "{ year = 2026; energy_kwh = 5; source = \"s\"; }"

static const struct {
    const char *text;
    unsigned line;
    const char *fragment;
} broken[] = {
    {"objectives = 3;\n", 1, "objectives must be a list"},
    {"\nbudgets = ();\n", 2, "unknown key \"budgets\""},
    {"\nprojection_months = 0;\n", 2, "projection_months is 0, outside 1 to 12"},
    {"\nprojection_months = 13;\n", 2, "projection_months is 13, outside 1 to 12"},
    {"\ncovered_percent = 0;\n", 2, "outside 1 to 100"},
    {"\ncovered_percent = 101;\n", 2, "outside 1 to 100"},
    {"objectives = (\n", 2, "syntax error"},
    {LIST("3"), 2, "must be a group"},
    {LIST("{ energy_kwh = 5; source = \"s\"; }"), 2, "missing key \"year\""},
    {LIST("{ year = 2019; energy_kwh = 5; source = \"s\"; }"), 2,
     "year is 2019, outside 2020 to 2100"},
    {LIST("{ year = 2101; energy_kwh = 5; source = \"s\"; }"), 2, "year is 2101"},
    {LIST("{ year = 2026.5; energy_kwh = 5; source = \"s\"; }"), 2, "year must be a whole number"},
    {LIST("{ year = 2026; energy_kwh = 5; }"), 2, "missing key \"source\""},
    {LIST("{ year = 2026; energy_kwh = 5;\nsource = \"\"; }"), 3, "source is empty"},
    {LIST("{ year = 2026; energy_kwh = 5;\nsource = \" \\t\"; }"), 3, "source is empty"},
    {LIST("{ year = 2026; source = \"s\"; }"), 2, "nothing is budgeted"},
    {LIST("{ year = 2026; source = \"s\";\nenergy_kwh = 0; }"), 3, "energy_kwh is 0"},
    {LIST("{ year = 2026; source = \"s\";\nwater_l = -1.5; }"), 3, "water_l is -1.5"},
    {LIST("{ year = 2026; source = \"s\";\ngwp_kgco2e = 1e999; }"), 3, "gwp_kgco2e must be finite"},
    {LIST("{ year = 2026; source = \"s\";\nrequests = \"many\"; }"), 3,
     "requests must be a number"},
    {LIST("{ year = 2026; source = \"s\";\nwater_l = nan; }"), 3, "syntax error"},
    {LIST("{ year = 2026; source = \"s\"; energy_kwh = 5;\nwarning_percent = 0; }"), 3,
     "warning_percent is 0"},
    {LIST("{ year = 2026; source = \"s\"; energy_kwh = 5;\nenergy_l = 5; }"), 3,
     "unknown key \"energy_l\""},
    {LIST("{ year = 2026; source = \"s\"; energy_kwh = 5;\ndirection = \"DRH\"; }"), 3,
     "direction \"DRH\" is not in"},
    {LIST("{ year = 2026; source = \"s\"; energy_kwh = 5;\ndirection = \"\"; }"), 3,
     "direction \"\" is not in"},
    {LIST("{ year = 2026; source = \"s\"; energy_kwh = 5;\ndirection = \"unassigned\"; }"), 3,
     "direction \"unassigned\" is not in"},
    {LIST(GOOD ",\n{ year = 2026; source = \"s\";\nenergy_kwh = 6; }"), 4,
     "energy_kwh of 2026 has a budget already for the whole authority"},
    {LIST("{ year = 2026; direction = \"DSN\"; water_l = 5; source = \"s\"; },\n"
          "{ year = 2026; direction = \"DSN\"; source = \"s\";\nwater_l = 6; }"),
     4, "water_l of 2026 has a budget already for DSN"},
};

static void refuses_what_is_wrong_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct diagnostics *diagnostics = diagnostics_new();

        assert_null(load(broken[i].text, diagnostics));
        assert_complaint(diagnostics, "objectives.conf", broken[i].line, broken[i].fragment);
        assert_int_equal(diagnostics_errors(diagnostics), 1);
        diagnostics_free(diagnostics);
    }
}

static void all_that_is_wrong_is_said_at_once(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    assert_null(load(LIST("{ year = 2026; source = \"\"; direction = \"X\"; energy_kwh = -1; }"),
                     diagnostics));
    assert_int_equal(diagnostics_errors(diagnostics), 3);
    diagnostics_free(diagnostics);
}

/* When the directions themselves are wrong, one complaint is enough. */
static void without_directions_codes_are_not_checked(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct objectives *objectives;

    (void)state;
    directions_free(directions);
    directions = NULL;
    objectives = load(LIST("{ year = 2026; source = \"s\"; direction = \"X\"; energy_kwh = 1; }"),
                      diagnostics);
    assert_no_complaint(diagnostics);
    assert_int_equal(objectives_count(objectives), 1);
    objectives_free(objectives);
    diagnostics_free(diagnostics);
}

/* The examples that are shipped in comments must be right too. */
static void the_shipped_examples_are_right(void **state)
{
    char path[] = IAGMETER_SOURCE_ROOT "/conf/objectives.conf";
    struct diagnostics *diagnostics = diagnostics_new();
    struct objectives *objectives = objectives_load(path, directions, diagnostics);
    FILE *stream = fopen(path, "re");
    char text[8192] = "";
    char *at;

    (void)state;
    assert_no_complaint(diagnostics);
    assert_int_equal(objectives_count(objectives), 0);
    objectives_free(objectives);
    assert_non_null(stream);
    assert_true(fread(text, 1, sizeof(text) - 1, stream) > 0);
    fclose(stream);
    at = strstr(text, "objectives = (");
    assert_non_null(at);
    for (at = strchr(at, '#'); at; at = strchr(at, '#'))
        *at = ' ';
    objectives = load(strstr(text, "objectives = ("), diagnostics);
    assert_no_complaint(diagnostics);
    assert_int_equal(objectives_count(objectives), 2);
    objectives_free(objectives);
    diagnostics_free(diagnostics);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_absent_file_has_none),
        TEST(every_key_is_read),
        TEST(scopes_years_and_indicators_are_apart),
        TEST(refuses_what_is_wrong_with_its_line),
        TEST(all_that_is_wrong_is_said_at_once),
        TEST(without_directions_codes_are_not_checked),
        TEST(the_shipped_examples_are_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
