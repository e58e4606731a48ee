/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/progress.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reports/progress_json.h"
#include "tests/reports/csv.h"
#include "tests/reports/readable.h"
#include "tests/reports/workbook.h"
#include "tests/reports/year.h"

#define ENOUGH 600 /* minutes: more than a hundredth of a month */

static struct world world;
static struct progress *progress;

static int setup(void **state)
{
    (void)state;
    year_setup(&world);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    progress_free(progress);
    progress = NULL;
    world_close(&world);
    return 0;
}

/* At the end of a month, or at NOW when it is not 0. */
static void build_at(const char *month, int64_t now)
{
    char error[200] = "";

    progress_free(progress);
    progress = progress_build(world.ledger, world.config, year_month(month),
                              now ? now : year_month(month).end + DAY_S, error, sizeof(error));
    if (!progress)
        fail_msg("%s", error);
}

static const struct progress_line *line_of(const char *scope, enum month_indicator indicator)
{
    for (size_t i = 0; i < progress->count; i++)
        if (strcmp(progress_scope(&progress->lines[i]), scope) == 0 &&
            progress->lines[i].indicator == indicator)
            return &progress->lines[i];
    fail_msg("no line of %s", scope);
    return NULL;
}

static struct month_report *report_of(const char *month)
{
    char error[200] = "";
    struct month_report *report = month_build(world.ledger, world.config, year_month(month),
                                              year_month(month).end + DAY_S, error, sizeof(error));

    assert_string_equal(error, "");
    return report;
}

/* Many devices of two directions on a service. */
static void ordinary_month(const char *month, double drh_kwh, double dsn_kwh)
{
    year_use(&world, year_noon(month, 10), DRH, "a", drh_kwh, DEVICES_MANY);
    year_use(&world, year_noon(month, 11), DSN, "a", dsn_kwh, DEVICES_MANY);
    year_cover(&world, month, ENOUGH);
}

static void assert_near(double a, double b)
{
    if (fabs(a - b) > 1e-9 * fmax(fabs(a), fabs(b)))
        fail_msg("%.17g is not %.17g", a, b);
}

#define ALL_INDICATORS "energy_kwh = 100; water_l = 200; gwp_kgco2e = 10; requests = 1000;"
#define BOTH                                                                                       \
    "{ year = 2026; " ALL_INDICATORS " source = \"s\"; },"                                         \
    "{ year = 2026; direction = \"DRH\"; " ALL_INDICATORS " source = \"s\"; }"

/* To the last bit, the small pairs of the direction left out as in its row. */
static void what_is_used_is_the_sum_of_the_months_reports(void **state)
{
    static const char *const months[] = {"2026-01", "2026-02", "2026-03"};
    static const enum month_indicator indicators[] = {MONTH_REQUESTS, MONTH_ENERGY, MONTH_WATER,
                                                      MONTH_GWP};
    struct triple total[4] = {{0}}, drh[4] = {{0}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct month_report *report;

        ordinary_month(months[i], 0.1 + (double)i / 3, 7);
        year_use(&world, year_noon(months[i], 12), DRH, "b", 1.0 / 7, DEVICES_FEW);
        year_use(&world, year_noon(months[i], 12), CAB, "b", 1.0 / 9, 4);
        report = report_of(months[i]);
        assert_int_equal(report->suppressed, SUPPRESS_MERGED);
        for (size_t j = 0; j < 4; j++) {
            total[j] = triple_add(total[j], month_value(&report->total, indicators[j]));
            for (size_t row = 0; row < report->directions.count; row++)
                if (strcmp(report->directions.rows[row].id, "DRH") == 0)
                    drh[j] = triple_add(
                        drh[j], month_value(&report->directions.rows[row].totals, indicators[j]));
        }
        month_free(report);
    }
    year_objectives(&world, BOTH);
    build_at("2026-03", 0);
    assert_int_equal(progress->count, 8);
    assert_int_equal(progress->months, 3);
    for (size_t j = 0; j < 4; j++) {
        if (indicators[j] == MONTH_GWP)
            continue; /* use and embodied are added up apart, then together: see below */
        assert_memory_equal(&line_of(".", indicators[j])->spent, &total[j], sizeof(total[j]));
        assert_memory_equal(&line_of("DRH", indicators[j])->spent, &drh[j], sizeof(drh[j]));
    }
    assert_near(line_of(".", MONTH_GWP)->spent.central, total[3].central);
    assert_near(line_of("DRH", MONTH_GWP)->spent.high, drh[3].high);
    assert_near(line_of("DRH", MONTH_ENERGY)->spent.central, 0.3 + 1);
    assert_near(line_of(".", MONTH_ENERGY)->spent.central, 0.3 + 1 + 21 + 3.0 / 7 + 3.0 / 9);
    assert_int_equal(line_of(".", MONTH_ENERGY)->grade, GRADE_C);
}

static void the_year_is_local(void **state)
{
    struct calendar_month january = year_month("2026-01");

    (void)state;
    year_use(&world, january.start - 60, DRH, "a", 1000, DEVICES_MANY);
    year_use(&world, january.start, DRH, "a", 1, DEVICES_MANY);
    year_use(&world, year_month("2026-12").end - 60, DRH, "a", 2, DEVICES_MANY);
    year_use(&world, year_month("2026-12").end, DRH, "a", 1000, DEVICES_MANY);
    year_objectives(&world, "{ year = 2026; energy_kwh = 100; source = \"s\"; }");
    build_at("2026-12", 0);
    assert_int_equal(progress->from, january.start);
    assert_int_equal(progress->end, year_month("2027-01").start);
    assert_int_equal(progress->end - progress->from, 365 * DAY_S);
    /* Its devices are of a UTC day that is half of another year: the total is withheld. */
    assert_int_equal(line_of(".", MONTH_ENERGY)->state, PROGRESS_NOT_SHOWN);
    year_use(&world, year_noon("2026-01", 9), DRH, "a", 4, DEVICES_MANY);
    year_use(&world, year_noon("2026-12", 9), DRH, "a", 8, DEVICES_MANY);
    build_at("2026-12", 0);
    assert_near(line_of(".", MONTH_ENERGY)->spent.central, 15);
}

static void the_path_is_pro_rata_of_the_time_passed(void **state)
{
    (void)state;
    ordinary_month("2026-10", 1, 1);
    year_objectives(&world, "{ year = 2026; energy_kwh = 365; source = \"s\"; },"
                            "{ year = 2027; water_l = 1; source = \"s\"; }");
    build_at("2026-10", 0);
    assert_int_equal(progress->count, 1); /* the other is of another year */
    /* Winter time again: the difference of summer time is gone, so these are whole days. */
    assert_near(progress_elapsed(progress), (365.0 - 61) / 365);
    assert_near(progress_covered(progress), ENOUGH * 60 / (365.0 * DAY_S));
    assert_near(line_of(".", MONTH_ENERGY)->path, 365 - 61);
    build_at("2026-10", year_noon("2026-10", 1) + 17);
    assert_near(line_of(".", MONTH_ENERGY)->path, 365 - 61 - 31 + 11.0 / 24); /* summer time */
}

#define ENERGY_OF(direction) "{ year = 2026; " direction " energy_kwh = 100; source = \"s\"; }"
#define THREE_ENERGIES                                                                             \
    ENERGY_OF("") "," ENERGY_OF("direction = \"DRH\";") "," ENERGY_OF("direction = \"DSN\";")

static void write_sheet(const struct month_report *report, FILE *stream)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    assert_true(month_write_sheet(report, "fr", scratch_directory, file));
    workbook_unpack(file, stream);
}

static char *written(size_t format, const struct month_report *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (format == 0)
        assert_true(month_write_html(report, "fr", NULL, 0, stream));
    else if (format == 1)
        csv_month(report, stream);
    else if (format == 2)
        assert_true(month_write_json(report, stream));
    else if (format == 3)
        write_sheet(report, stream);
    else
        month_print(report, "en", stream);
    fclose(stream);
    readable_assert(text, format != 1 && format != 2);
    return text;
}

/* What the months' reports fold, no objective tells, in any format and at any time after. */
static void a_direction_folded_in_a_month_is_not_shown(void **state)
{
    struct month_report *report;

    (void)state;
    ordinary_month("2026-01", 3, 5);
    year_use(&world, year_noon("2026-02", 5), DRH, "a", 0.123456, DEVICES_FEW);
    year_use(&world, year_noon("2026-02", 5), CAB, "a", 2, WORLD_THRESHOLD);
    year_use(&world, year_noon("2026-02", 5), DSN, "a", 5, DEVICES_MANY);
    year_cover(&world, "2026-02", ENOUGH);
    ordinary_month("2026-03", 3, 5);
    year_objectives(&world, THREE_ENERGIES);
    build_at("2026-01", 0);
    assert_int_equal(line_of("DRH", MONTH_ENERGY)->state, PROGRESS_ON_PATH);
    build_at("2026-03", 0);
    assert_int_equal(line_of("DRH", MONTH_ENERGY)->state, PROGRESS_PARTLY_SHOWN);
    assert_int_equal(line_of("DRH", MONTH_ENERGY)->hidden_months, 1);
    assert_near(line_of("DRH", MONTH_ENERGY)->spent.central, 6);
    assert_int_equal(line_of("DSN", MONTH_ENERGY)->hidden_months, 0);
    assert_true(line_of("DSN", MONTH_ENERGY)->state > PROGRESS_PARTLY_SHOWN);
    assert_true(line_of(".", MONTH_ENERGY)->state > PROGRESS_NOT_SHOWN);
    report = report_of("2026-03");
    report->progress = progress;
    for (size_t format = 0; format < 5; format++) {
        char *text = written(format, report);

        assert_null(strstr(text, "6.123"));
        assert_null(strstr(text, "6,123"));
        free(text);
    }
    month_free(report);
}

static void snapshot(struct progress_line *line)
{
    build_at("2026-03", 0);
    *line = *line_of("DRH", MONTH_ENERGY);
    line->objective = NULL;
}

/* Few devices and no use at all give the same, to the last bit. */
static void few_devices_and_no_use_look_the_same(void **state)
{
    struct progress_line without, with;

    (void)state;
    ordinary_month("2026-01", 3, 5);
    ordinary_month("2026-03", 3, 5);
    year_objectives(&world, THREE_ENERGIES);
    snapshot(&with);
    assert_true(with.state > PROGRESS_NOT_SHOWN); /* nothing of February: no report, no row */
    year_use(&world, year_noon("2026-02", 5), CAB, "a", 2, 4);
    year_use(&world, year_noon("2026-02", 5), CAB, "b", 2, 4);
    year_use(&world, year_noon("2026-02", 5), DSN, "b", 2, 4);
    year_use(&world, year_noon("2026-02", 5), DSN, "a", 5, DEVICES_MANY);
    snapshot(&without);
    year_use(&world, year_noon("2026-02", 5), DRH, "a", 0.5, 1);
    snapshot(&with);
    assert_int_equal(with.state, PROGRESS_PARTLY_SHOWN);
    assert_memory_equal(&with, &without, sizeof(with));
    assert_near(with.spent.central, 6); /* of January and March */
    assert_int_equal(with.hidden_months, 1);
}

/* Only the total of a month, or nothing of it. */
static void a_month_without_rows_hides_all_directions(void **state)
{
    (void)state;
    ordinary_month("2026-01", 3, 5);
    year_use(&world, year_noon("2026-02", 5), DRH, "a", 1, 4);
    year_use(&world, year_noon("2026-02", 5), DSN, "a", 1, DEVICES_MANY); /* hides it */
    year_objectives(&world, THREE_ENERGIES);
    build_at("2026-02", 0);
    assert_int_equal(line_of("DRH", MONTH_ENERGY)->state, PROGRESS_PARTLY_SHOWN);
    assert_int_equal(line_of("DSN", MONTH_ENERGY)->state, PROGRESS_PARTLY_SHOWN);
    assert_near(line_of(".", MONTH_ENERGY)->spent.central, 10);
    assert_true(progress->total_shown);
    year_use(&world, year_noon("2026-03", 5), DRH, "a", 1, 4); /* withheld */
    build_at("2026-03", 0);
    assert_int_equal(line_of(".", MONTH_ENERGY)->state, PROGRESS_PARTLY_SHOWN);
    assert_near(line_of(".", MONTH_ENERGY)->spent.central, 10);
    assert_false(progress->total_shown);
    assert_true(progress->total.impact.energy_kwh.high == 0);
}

/* The same four people under two codes: no eight, in a month or in the year. */
static void a_renamed_direction_is_in_no_sum_of_the_year(void **state)
{
    (void)state;
    ordinary_month("2026-01", 3, 5);
    year_use(&world, year_noon("2026-02", 5), DRH, "a", 1, 4);
    year_use(&world, year_noon("2026-02", 20), CAB, "a", 1, 4);
    year_objectives(&world, THREE_ENERGIES);
    build_at("2026-02", 0);
    assert_false(progress->total_shown);
    assert_int_equal(line_of(".", MONTH_ENERGY)->state, PROGRESS_PARTLY_SHOWN);
    assert_near(line_of(".", MONTH_ENERGY)->spent.central, 8);
}

/* The report says then that nobody used anything. */
static void a_month_without_use_counts_as_nothing(void **state)
{
    (void)state;
    ordinary_month("2026-01", 3, 5);
    year_cover(&world, "2026-02", ENOUGH);
    year_objectives(&world, THREE_ENERGIES);
    build_at("2026-02", 0);
    assert_int_equal(progress->months, 2);
    assert_near(line_of("DRH", MONTH_ENERGY)->spent.central, 3);
    assert_near(line_of(".", MONTH_ENERGY)->spent.central, 8);
}

static void the_first_month_before_it_is_over_is_none(void **state)
{
    (void)state;
    ordinary_month("2026-01", 3, 5);
    year_objectives(&world, THREE_ENERGIES);
    build_at("2026-01", year_month("2026-01").start);
    assert_int_equal(line_of(".", MONTH_ENERGY)->state, PROGRESS_NO_MONTH);
    assert_true(line_of(".", MONTH_ENERGY)->path == 0);
}

static void a_year_without_data_says_so(void **state)
{
    (void)state;
    year_objectives(&world, THREE_ENERGIES);
    build_at("2026-10", 0);
    assert_int_equal(progress->months, 0);
    assert_false(progress->total_shown);
    for (size_t i = 0; i < progress->count; i++) {
        assert_int_equal(progress->lines[i].state, PROGRESS_NO_MONTH);
        assert_false(progress_is_warning(&progress->lines[i]));
    }
}

/* By hand: January to May, of which May is the running one where NOW says so. */
static void the_end_of_the_year_is_projected_from_the_last_months(void **state)
{
    const struct progress_line *line;
    double left_s = 365.0 * DAY_S - (31 + 28 + 31 + 30) * DAY_S + 3600;

    (void)state;
    ordinary_month("2026-01", 40, 1);
    ordinary_month("2026-02", 2, 1);
    build_at("2026-02", 0);
    year_objectives(&world, THREE_ENERGIES);
    build_at("2026-02", 0);
    assert_false(line_of("DRH", MONTH_ENERGY)->has_projection); /* too early */
    ordinary_month("2026-03", 3, 1);
    ordinary_month("2026-04", 4, 1);
    build_at("2026-04", 0);
    line = line_of("DRH", MONTH_ENERGY);
    assert_true(line->has_projection);
    assert_near(line->projected.central, 49 + 9 / (3 * ENOUGH * 60.0) * left_s);
    assert_near(line->projected.low, 49 / 2.0 + 9 / 2.0 / (3 * ENOUGH * 60.0) * left_s);
    /* All four months have a higher rate than the last three: the band reaches there. For DSN, a
     * lower one, after May. */
    assert_near(line->projected.high, 2 * 49 + 2 * 49 / (4 * ENOUGH * 60.0) * left_s);
    /* The running month is used up already, but no rate is taken from it. */
    year_use(&world, year_noon("2026-05", 3), DRH, "a", 100, DEVICES_MANY);
    year_use(&world, year_noon("2026-05", 3), DSN, "a", 100, DEVICES_MANY);
    year_cover(&world, "2026-05", ENOUGH);
    build_at("2026-05", year_noon("2026-05", 4));
    line = line_of("DRH", MONTH_ENERGY);
    left_s -= 3.5 * DAY_S;
    assert_near(line->spent.central, 149);
    assert_near(line->projected.central, 149 + 9 / (3 * ENOUGH * 60.0) * left_s);
    build_at("2026-05", 0);
    left_s = 214.0 * DAY_S + 3600;
    assert_near(line_of("DSN", MONTH_ENERGY)->projected.low,
                104 / 2.0 + 104 / 2.0 / (5 * ENOUGH * 60.0) * left_s);
}

/* "other" is a code that a direction may have, and no name of what is folded. */
static void what_is_folded_is_nobodys_budget(void **state)
{
    static const struct direction other = {.code = "other", .label = "Others"};

    (void)state;
    assert_true(directions_set(world.config->directions, DIRECTIONS, &other));
    year_use(&world, year_noon("2026-01", 5), CAB, "a", 2, 4);
    year_use(&world, year_noon("2026-01", 5), DRH, "a", 2, 4);
    ordinary_month("2026-01", 3, 5);
    year_objectives(&world, ENERGY_OF("direction = \"other\";"));
    build_at("2026-01", 0);
    assert_int_equal(progress->lines[0].state, PROGRESS_NOT_SHOWN);
}

static void a_month_that_was_hardly_covered_gives_no_rate(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char path[PATH_MAX];

    (void)state;
    for (int i = 1; i <= 4; i++) {
        char month[32];

        snprintf(month, sizeof(month), "2026-%02d", i);
        ordinary_month(month, 1, 1);
    }
    scratch_write("objectives.conf",
                  "projection_months = 1; covered_percent = 50;\n"
                  "objectives = ( { year = 2026; energy_kwh = 1e9; source = \"s\"; } );\n");
    scratch_path(path, "objectives.conf");
    world.config->objectives = objectives_load(path, NULL, diagnostics);
    assert_no_complaint(diagnostics);
    diagnostics_free(diagnostics);
    year_cover(&world, "2026-02", 28 * 1440 / 2 - 1);
    build_at("2026-04", 0);
    assert_false(line_of(".", MONTH_ENERGY)->has_projection);
    year_cover(&world, "2026-02", 28 * 1440 / 2);
    build_at("2026-04", 0);
    assert_true(line_of(".", MONTH_ENERGY)->has_projection);
}

static void a_year_that_is_over_ends_at_what_was_used(void **state)
{
    const struct progress_line *line;

    (void)state;
    ordinary_month("2026-12", 3, 5);
    year_objectives(&world, THREE_ENERGIES);
    build_at("2026-12", 0);
    line = line_of(".", MONTH_ENERGY);
    assert_true(line->has_projection);
    assert_memory_equal(&line->projected, &line->spent, sizeof(line->spent));
    assert_near(line->path, 100);
}

static void the_last_month_is_one_that_is_over_for_good(void **state)
{
    int64_t november = year_month("2026-11").start;

    (void)state;
    assert_int_equal(progress_last_month(november + 3600).month, 10);
    assert_int_equal(progress_last_month(november + 3599).month, 9);
    assert_int_equal(progress_last_month(year_noon("2027-01", 15)).month, 12);
    assert_int_equal(progress_last_month(year_noon("2027-01", 15)).year, 2026);
}

static enum progress_state state_of(const char *objective)
{
    year_objectives(&world, objective);
    build_at("2026-03", 0);
    return line_of(".", MONTH_ENERGY)->state;
}

/* 30 kWh in the first three months, 90 of 365 days less an hour; about 122 projected. */
static void warns_of_what_is_above(void **state)
{
    (void)state;
    ordinary_month("2026-01", 5, 5);
    ordinary_month("2026-02", 5, 5);
    ordinary_month("2026-03", 5, 5);
    /* Covered whole, so that the rate is that of the months. */
    year_cover(&world, "2026-01", 31 * 1440);
    year_cover(&world, "2026-02", 28 * 1440);
    year_cover(&world, "2026-03", 31 * 1440 - 60);
#define BUDGET(kwh, more) "{ year = 2026; energy_kwh = " kwh "; source = \"s\"; " more " }"
    assert_int_equal(state_of(BUDGET("130", "")), PROGRESS_ON_PATH);
    assert_int_equal(state_of(BUDGET("121", "")), PROGRESS_ABOVE_PATH);
    assert_int_equal(state_of(BUDGET("121", "warning_percent = 110;")), PROGRESS_PROJECTED_OVER);
    assert_int_equal(state_of(BUDGET("29.9", "warning_percent = 1000;")), PROGRESS_EXCEEDED);
    assert_int_equal(state_of(BUDGET("130", "warning_percent = 90;")), PROGRESS_ABOVE_PATH);
    assert_false(progress_is_warning(&(struct progress_line){.state = PROGRESS_ON_PATH}));
    assert_false(progress_is_warning(&(struct progress_line){.state = PROGRESS_NOT_SHOWN}));
    assert_true(progress_is_warning(&(struct progress_line){.state = PROGRESS_PROJECTED_OVER}));
    assert_true(progress_is_warning(&(struct progress_line){.state = PROGRESS_ABOVE_PATH}));
    assert_true(progress_is_warning(&(struct progress_line){.state = PROGRESS_EXCEEDED}));
}

/* What was used is above all doubt; that it is little is not, when little was seen. */
static void little_coverage_is_no_good_news(void **state)
{
    (void)state;
    ordinary_month("2026-03", 5, 5);
    year_cover(&world, "2026-03", 90 * 1440 / 100 - 2);
    assert_int_equal(state_of(BUDGET("130", "")), PROGRESS_LITTLE_COVERED);
    assert_false(progress_is_warning(line_of(".", MONTH_ENERGY)));
    assert_int_equal(state_of(BUDGET("9", "")), PROGRESS_EXCEEDED);
    assert_int_equal(state_of(BUDGET("30", "")), PROGRESS_ABOVE_PATH);
    year_cover(&world, "2026-03", 90 * 1440 / 100);
    assert_int_equal(state_of(BUDGET("130", "")), PROGRESS_ON_PATH);
}

/* Months of use at random; a line is shown when, and only when, every report has its row. */
static void shows_nothing_that_a_month_does_not(void **state)
{
    static const char *const months[] = {"2026-01", "2026-02", "2026-03"};
    unsigned shown = 0, hidden = 0;

    (void)state;
    srand(5);
    for (int round = 0; round < 30; round++) {
        unsigned missing[DIRECTIONS] = {0};

        for (size_t i = 0; i < 3; i++) {
            struct month_report *report;

            for (int n = rand() % 5 + 1; n > 0; n--)
                year_use(&world, year_noon(months[i], 1 + rand() % 28),
                         (uint16_t)(rand() % DIRECTIONS), rand() % 2 ? "a" : "b", 1,
                         (uint32_t)(rand() % 12));
            report = report_of(months[i]);
            missing[0] += report->withheld;
            for (uint16_t j = DRH; j < DIRECTIONS; j++) {
                const char *code = directions_get(world.config->directions, j)->code;
                bool found = false;

                for (size_t row = 0; row < report->directions.count; row++)
                    found |= strcmp(report->directions.rows[row].id, code) == 0;
                missing[j] += !found;
            }
            month_free(report);
        }
        year_objectives(&world, THREE_ENERGIES "," ENERGY_OF("direction = \"CAB\";"));
        build_at("2026-03", 0);
        for (size_t j = 0; j < DIRECTIONS; j++) {
            static const char *const scopes[] = {".", "DRH", "DSN", "CAB"};
            const struct progress_line *line = line_of(scopes[j], MONTH_ENERGY);

            assert_int_equal(line->hidden_months, missing[j]);
            assert_int_equal(line->month_count, 3 - missing[j]);
            assert_int_equal(line->state == PROGRESS_NOT_SHOWN, missing[j] == 3);
            if (missing[j] > 0) /* never glad */
                assert_true(line->state <= PROGRESS_PARTLY_SHOWN || progress_is_warning(line));
            shown += missing[j] == 0;
            hidden += missing[j] > 0;
        }
        teardown(NULL);
        setup(NULL);
    }
    assert_true(shown > 10 && hidden > 10);
}

static void assert_in_print(enum text_language language, const char *words)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    progress_print(progress, language, stream);
    fclose(stream);
    if (!strstr(text, words))
        fail_msg("no \"%s\" in:\n%s", words, text);
    free(text);
}

/* As the page has it. */
static void what_is_next_to_nothing_is_not_nothing(void **state)
{
    (void)state;
    ordinary_month("2026-01", 0.001, 0.001);
    year_objectives(&world, "{ year = 2026; energy_kwh = 100; source = \"s\"; }");
    build_at("2026-01", 0);
    assert_in_print(LANGUAGE_EN, "<\u00a01 (<\u00a01–<\u00a01)");
}

static void prints_in_both_languages(void **state)
{
    (void)state;
    ordinary_month("2026-01", 3, 50);
    ordinary_month("2026-02", 1, 10);
    year_use(&world, year_noon("2026-02", 12), CAB, "a", 1, 4);
    year_use(&world, year_noon("2026-02", 12), CAB, "b", 1, 4);
    year_objectives(&world, THREE_ENERGIES
                    ", { year = 2026; direction = \"CAB\"; requests = 1e6; source = \"s\"; }");
    build_at("2026-02", 0);
    assert_in_print(LANGUAGE_EN, "Objectives of 2026\nUp to 28 February 2026: 16.1 % of the year");
    assert_in_print(LANGUAGE_EN, "\nWARNING: The whole authority, Energy (kWh): 66 (33–132) of "
                                 "100; path 16. No projection yet. Above the path. "
                                 "[2026-02/@objective-spent/./energy_kwh] "
                                 "[2026-02/@objective-budget/./energy_kwh] "
                                 "[2026-02/@objective-path/./energy_kwh]\n");
    assert_in_print(
        LANGUAGE_EN,
        "\nRessources & \"humaines\", Energy (kWh): 4 (2–8) of 100; path "
        "16. No projection yet. On the path. [2026-02/@objective-spent/DRH/energy_kwh] "
        "[2026-02/@objective-budget/DRH/energy_kwh] [2026-02/@objective-path/DRH/energy_kwh]\n");
    assert_in_print(LANGUAGE_EN,
                    "\nCabinet, Requests: budget 1,000,000. Not shown: no month has "
                    "a row (few devices, or no use). [2026-02/@objective-budget/CAB/requests]\n");
    assert_in_print(LANGUAGE_FR, "\nATTENTION\u00a0: Toute la collectivité, Énergie (kWh)\u00a0: "
                                 "66 (33–132) sur 100\u202f; trajectoire 16.");
    assert_in_print(LANGUAGE_FR, "Cabinet, Requêtes\u00a0: budget 1\u202f000\u202f000. Non publié");
    ordinary_month("2026-03", 1, 10);
    build_at("2026-03", 0);
    assert_in_print(LANGUAGE_FR, "Fin d’année\u00a0: ");
    assert_in_print(LANGUAGE_FR, "Au 31 mars 2026, l’année est passée à 24,6\u202f%, et couverte");
}

static void an_hour_of_a_year_is_not_none(void **state)
{
    (void)state;
    year_use(&world, year_noon("2026-01", 10), DRH, "a", 3, DEVICES_MANY);
    year_cover(&world, "2026-01", 60);
    year_objectives(&world, "{ year = 2026; energy_kwh = 100; source = \"s\"; }");
    build_at("2026-01", 0);
    assert_in_print(LANGUAGE_FR, "par la mesure à <\u00a00,1\u202f%.");
}

/* The report prints them, escaped, in every format; without objectives nothing changes. */
static void the_report_has_a_section_of_objectives(void **state)
{
    static const char row[] = "2026-01,objective-spent,DRH,\"Ressources & \"\"humaines\"\"\","
                              "energy_kwh,kWh,1.5,3,6,C,"
                              "2026-01/@objective-spent/DRH/energy_kwh\n";
    static const char *const wanted[] = {"<h2>Objectifs de l’année 2026</h2>", row,
                                         "\"state\": \"on-path\"", ">Objectifs de l’année 2026<",
                                         "\nObjectives of 2026\n"};
    struct month_report *report;

    (void)state;
    ordinary_month("2026-01", 3, 2);
    year_objectives(&world, "{ year = 2026; direction = \"DRH\"; energy_kwh = 100; source = "
                            "\"<b>plan</b> & co\"; }");
    build_at("2026-01", 0);
    report = report_of("2026-01");
    for (size_t format = 0; format < 5; format++) {
        char *text;

        report->progress = NULL;
        text = written(format, report);
        assert_null(strstr(text, "bjecti"));
        free(text);
        report->progress = progress;
        text = written(format, report);
        if (!strstr(text, wanted[format]))
            fail_msg("no \"%s\" in:\n%s", wanted[format], text);
        if (format == 0)
            assert_non_null(strstr(text, "&lt;b&gt;plan&lt;/b&gt; &amp; co"));
        free(text);
    }
    month_free(report);
}

static void json_tells_null_from_nothing(void **state)
{
    json_t *object, *list, *line;

    (void)state;
    ordinary_month("2026-01", 3, 5);
    year_objectives(&world, THREE_ENERGIES "," ENERGY_OF("direction = \"CAB\";"));
    build_at("2026-01", 0);
    object = progress_json(progress);
    list = json_object_get(object, "list");
    assert_int_equal(json_integer_value(json_object_get(object, "year")), 2026);
    assert_int_equal(json_integer_value(json_object_get(object, "until_s")),
                     year_month("2026-02").start);
    assert_int_equal(json_array_size(list), 4);
    line = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(line, "direction")), ".");
    assert_string_equal(json_string_value(json_object_get(line, "indicator")), "energy_kwh");
    assert_string_equal(json_string_value(json_object_get(line, "grade")), "C");
    assert_near(json_number_value(json_object_get(json_object_get(line, "spent"), "high")), 16);
    assert_true(json_is_null(json_object_get(line, "projected")));
    line = json_array_get(list, 3);
    assert_string_equal(json_string_value(json_object_get(line, "state")), "not-shown");
    assert_true(json_is_null(json_object_get(line, "spent")));
    assert_true(json_is_null(json_object_get(line, "grade")));
    assert_true(json_is_false(json_object_get(line, "warning")));
    json_decref(object);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_used_is_the_sum_of_the_months_reports),
        TEST(the_year_is_local),
        TEST(the_path_is_pro_rata_of_the_time_passed),
        TEST(a_direction_folded_in_a_month_is_not_shown),
        TEST(what_is_next_to_nothing_is_not_nothing),
        TEST(few_devices_and_no_use_look_the_same),
        TEST(a_month_without_rows_hides_all_directions),
        TEST(a_renamed_direction_is_in_no_sum_of_the_year),
        TEST(a_month_without_use_counts_as_nothing),
        TEST(the_first_month_before_it_is_over_is_none),
        TEST(a_year_without_data_says_so),
        TEST(the_end_of_the_year_is_projected_from_the_last_months),
        TEST(what_is_folded_is_nobodys_budget),
        TEST(a_month_that_was_hardly_covered_gives_no_rate),
        TEST(a_year_that_is_over_ends_at_what_was_used),
        TEST(the_last_month_is_one_that_is_over_for_good),
        TEST(warns_of_what_is_above),
        TEST(little_coverage_is_no_good_news),
        TEST(shows_nothing_that_a_month_does_not),
        TEST(prints_in_both_languages),
        TEST(an_hour_of_a_year_is_not_none),
        TEST(the_report_has_a_section_of_objectives),
        TEST(json_tells_null_from_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
