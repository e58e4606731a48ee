/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/grid.h"

#include "daemon/eco2mix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/shipped.h"

#include <math.h>

#define FIXTURES IAGMETER_SOURCE_ROOT "/tests/fixtures/eco2mix"
#define GOLDEN   IAGMETER_SOURCE_ROOT "/tests/fixtures/golden/grid.tsv"

#define NOW   1767225600 /* 2026-01-01 */
#define START 1711843200 /* 2024-03-31T00:00Z */

static struct grid *grid;
static struct grid_changes changes;
static char *complaints;
static char *text;

static int setup(void **state)
{
    grid = grid_new();
    assert_non_null(grid);
    return scratch_setup(state);
}

static int teardown(void **state)
{
    grid_free(grid);
    free(complaints);
    free(text);
    complaints = text = NULL;
    return scratch_teardown(state);
}

/* Merges half-hours from START on; NAN leaves one out. */
static void merge(const char *name, enum grid_nature nature, const double *figures, size_t count)
{
    struct grid_half_hour halves[50];
    struct grid_source source = {.imported_s = NOW};
    size_t size;
    size_t taken = 0;
    FILE *stream;

    for (size_t i = 0; i < count; i++)
        if (!isnan(figures[i]))
            halves[taken++] = (struct grid_half_hour){.start_s = START + HALF_HOUR_S * (int64_t)i,
                                                      .g_per_kwh = figures[i],
                                                      .nature = nature};
    snprintf(source.name, sizeof(source.name), "%s", name);
    for (size_t i = 0; i < sizeof(source.digest) - 1; i++)
        source.digest[i] = "0123456789abcdef"[(unsigned char)name[0] % 16];
    free(complaints);
    stream = open_memstream(&complaints, &size);
    assert_true(grid_merge(grid, halves, taken, &source, &changes, stream));
    assert_int_equal(fclose(stream), 0);
}

#define MERGE(name, nature, ...)                                                                   \
    merge(name, nature, (const double[]){__VA_ARGS__},                                             \
          sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

static void expect_changes(unsigned long added, unsigned long improved, unsigned long changed,
                           unsigned long same, unsigned long kept)
{
    assert_int_equal(changes.added, added);
    assert_int_equal(changes.improved, improved);
    assert_int_equal(changes.changed, changed);
    assert_int_equal(changes.same, same);
    assert_int_equal(changes.kept, kept);
}

static void expect_hour(unsigned hour, double g_per_kwh, enum grid_nature nature)
{
    enum grid_nature found;
    double kgco2_per_kwh;

    for (int64_t second = 0; second < HOUR_S; second += HOUR_S - 1) {
        assert_true(
            grid_intensity(grid, START + (int64_t)hour * HOUR_S + second, &kgco2_per_kwh, &found));
        assert_true(fabs(kgco2_per_kwh * 1000 - g_per_kwh) < 1e-12);
        assert_int_equal(found, nature);
    }
}

static void expect_no_hour(int hour)
{
    enum grid_nature nature = GRID_REAL_TIME;
    double kgco2_per_kwh = -1;

    assert_false(grid_intensity(grid, START + (int64_t)hour * HOUR_S, &kgco2_per_kwh, &nature));
    assert_true(kgco2_per_kwh == -1);
}

static void write_grid(void)
{
    size_t size;
    FILE *stream;

    free(text);
    stream = open_memstream(&text, &size);
    assert_true(grid_write(grid, stream));
    assert_int_equal(fclose(stream), 0);
}

/* -- Merging ---------------------------------------------------------------------------------- */

static void an_hour_is_the_mean_of_two_half_hours(void **state)
{
    (void)state;
    expect_no_hour(0);
    MERGE("a", GRID_CONSOLIDATED, 20, 23, 30, NAN, NAN, 40, 50, 51.5);
    expect_changes(6, 0, 0, 0, 0);
    expect_hour(0, 21.5, GRID_CONSOLIDATED);
    expect_no_hour(1); /* a half is missing: nothing is interpolated */
    expect_no_hour(2);
    expect_hour(3, 50.75, GRID_CONSOLIDATED);
    expect_no_hour(4);
    expect_no_hour(-1);
    /* The other half from another file, and less final. */
    MERGE("b", GRID_REAL_TIME, NAN, NAN, NAN, 32);
    expect_hour(1, 31, GRID_REAL_TIME);
}

static void what_is_more_final_replaces(void **state)
{
    (void)state;
    MERGE("r", GRID_REAL_TIME, 10, 11, 12, 13);
    MERGE("c", GRID_CONSOLIDATED, 20, 11);
    expect_changes(0, 2, 0, 0, 0);
    assert_string_equal(complaints, "");
    MERGE("d", GRID_DEFINITIVE, 30, NAN, NAN, NAN, 31);
    expect_changes(1, 1, 0, 0, 0);
    MERGE("r", GRID_REAL_TIME, 10, 11, 12, 13);
    expect_changes(0, 0, 0, 2, 2);
    MERGE("x", GRID_CONSOLIDATED, 40);
    expect_changes(0, 0, 0, 0, 1);
    assert_string_equal(complaints, "");
    expect_hour(0, 20.5, GRID_CONSOLIDATED);
    expect_hour(1, 12.5, GRID_REAL_TIME);
}

static unsigned sources(void)
{
    unsigned count = 0;

    write_grid();
    for (const char *line = text; (line = strstr(line, "# source\t")); line++)
        count++;
    return count;
}

static void of_the_same_nature_the_later_import_counts_and_says_so(void **state)
{
    (void)state;
    MERGE("first.xls", GRID_CONSOLIDATED, 20, 21);
    MERGE("second.xls", GRID_CONSOLIDATED, 20, 25);
    expect_changes(0, 0, 1, 1, 0);
    assert_string_equal(complaints, "second.xls: 2024-03-31T00:30Z: 25 g/kWh replaces 21 of "
                                    "first.xls, both consolidated\n");
    expect_hour(0, 22.5, GRID_CONSOLIDATED);
    assert_int_equal(sources(), 2);
    /* Back again: nothing is left of the second. */
    MERGE("first.xls", GRID_CONSOLIDATED, 20, 21);
    expect_changes(0, 0, 1, 1, 0);
    assert_int_equal(sources(), 1);
}

static void a_revision_is_not_said_line_by_line(void **state)
{
    double before[50];
    double after[50];
    unsigned lines = 0;

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        before[i] = i;
        after[i] = i + 1;
    }
    merge("before.xls", GRID_CONSOLIDATED, before, 50);
    merge("after.xls", GRID_CONSOLIDATED, after, 50);
    expect_changes(0, 0, 50, 0, 0);
    for (const char *c = complaints; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 21);
    assert_non_null(strstr(complaints, "after.xls: and 30 more figures replace others of the same "
                                       "nature\n"));
}

static void importing_again_changes_nothing(void **state)
{
    char *before;

    (void)state;
    MERGE("c", GRID_CONSOLIDATED, 20, 21, NAN, 23);
    MERGE("d", GRID_DEFINITIVE, NAN, 31);
    write_grid();
    before = strdup(text);
    MERGE("c", GRID_CONSOLIDATED, 20, 21, NAN, 23);
    MERGE("d", GRID_DEFINITIVE, NAN, 31);
    write_grid();
    assert_string_equal(text, before);
    free(before);
}

/* -- The file --------------------------------------------------------------------------------- */

static void import(const char *name)
{
    char path[PATH_MAX];
    struct eco2mix *file;
    const struct grid_half_hour *halves;
    size_t count;

    snprintf(path, sizeof(path), FIXTURES "/%s", name);
    assert_non_null(file = eco2mix_read(path, NOW, stderr));
    halves = eco2mix_half_hours(file, &count);
    assert_true(grid_merge(grid, halves, count, eco2mix_source(file), &changes, stderr));
    eco2mix_free(file);
}

static void the_files_of_rte_become_the_golden_table(void **state)
{
    size_t size;
    char *golden;

    (void)state;
    import("eCO2mix_RTE_En-cours-TR.xls");
    import("eCO2mix_RTE_En-cours-Consolide.xls");
    import("eco2mix-national-cons-def.csv");
    expect_changes(8, 0, 0, 4, 0);
    write_grid();
    golden = read_whole(GOLDEN, &size);
    assert_string_equal(text, golden);
    free(golden);
}

/* From the rows of the fixtures. The table itself was written by Python, with its own time zones.
 */
static void hours_are_those_worked_out_by_hand(void **state)
{
    static const struct {
        int64_t hour_s;
        double g_per_kwh; /* 0: none */
        enum grid_nature nature;
    } hours[] = {
        {1704060000, 93, GRID_CONSOLIDATED}, /* 2023-12-31T23:00+01:00 */
        {1704063600, 11, GRID_CONSOLIDATED}, /* 2024-01-01T00:00+01:00 */
        {1711846800, 43, GRID_CONSOLIDATED}, /* 2024-03-31T03:00+02:00 */
        {1711843200, 35, GRID_CONSOLIDATED}, /* 2024-03-31T01:00+01:00 */
        {1729980000, 71.5, GRID_REAL_TIME},  /* 2024-10-27T00:00+02:00 */
        {1729983600, 55, GRID_CONSOLIDATED}, /* 2024-10-27T01:00+02:00 */
        {1729987200, 59, GRID_CONSOLIDATED}, /* 2024-10-27T02:00+02:00 */
        {1729990800, 0, GRID_REAL_TIME},     /* 2024-10-27T02:00+01:00 */
        {1729994400, 63, GRID_CONSOLIDATED}, /* 2024-10-27T03:00+01:00 */
        {1698541200, 61, GRID_DEFINITIVE},   /* 2023-10-29T02:00+01:00 */
    };

    (void)state;
    import("eCO2mix_RTE_En-cours-TR.xls");
    import("eCO2mix_RTE_En-cours-Consolide.xls");
    import("eco2mix-national-cons-def.csv");
    for (size_t i = 0; i < sizeof(hours) / sizeof(hours[0]); i++) {
        enum grid_nature nature = GRID_REAL_TIME;
        double kgco2_per_kwh = 0;

        assert_int_equal(grid_intensity(grid, hours[i].hour_s, &kgco2_per_kwh, &nature),
                         hours[i].g_per_kwh > 0);
        assert_true(fabs(kgco2_per_kwh * 1000 - hours[i].g_per_kwh) < 1e-12);
        assert_int_equal(nature, hours[i].nature);
    }
}

static bool read_text(const char *bytes, size_t size)
{
    size_t length;
    FILE *stream;
    FILE *input = fmemopen((void *)(uintptr_t)bytes, size, "r");

    free(complaints);
    stream = open_memstream(&complaints, &length);
    grid_free(grid);
    grid = grid_read(input, "FRA.tsv", stream);
    assert_int_equal(fclose(stream), 0);
    fclose(input);
    return grid != NULL;
}

static void what_is_written_is_read(void **state)
{
    char *before;

    (void)state;
    MERGE("a file, of spaces", GRID_DEFINITIVE, 20, 1.0 / 3, NAN, 2000, 0);
    MERGE("b", GRID_REAL_TIME, NAN, NAN, 17.125);
    write_grid();
    before = strdup(text);
    assert_true(read_text(before, strlen(before)));
    write_grid();
    assert_string_equal(text, before);
    expect_hour(0, (20 + 1.0 / 3) / 2, GRID_DEFINITIVE);
    free(before);
}

static void a_table_without_anything_is_one(void **state)
{
    char path[PATH_MAX];
    char *empty;

    (void)state;
    write_grid();
    empty = strdup(text);
    assert_true(read_text(empty, strlen(empty)));
    free(empty);
    grid_free(grid);
    scratch_path(path, "absent");
    grid = grid_load(path, stderr);
    assert_non_null(grid);
    expect_no_hour(0);
}

/* Cut anywhere, it is refused: half a table would pass for gaps in the data. */
static void a_table_that_is_cut_is_refused(void **state)
{
    char *whole;

    (void)state;
    MERGE("c", GRID_CONSOLIDATED, 20, 21.5, 22, 23);
    write_grid();
    whole = strdup(text);
    for (size_t size = 1; size < strlen(whole); size++) {
        assert_false(read_text(whole, size));
        assert_int_equal(strncmp(complaints, "FRA.tsv:", 8), 0);
    }
    assert_true(read_text(whole, strlen(whole)));
    free(whole);
}

static void a_table_that_is_damaged_is_refused(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *complaint;
    } damages[] = {
        {"iagmeter-grid/1", "iagmeter-grid/2", "FRA.tsv:1: "},
        {"\t21.5\t", "\t-1\t", "FRA.tsv:9: "},
        {"\t21.5\t", "\tnan\t", "FRA.tsv:9: "},
        {"\t21.5\t", "\t2001\t", "FRA.tsv:9: "},
        {"\t21.5\t", "\t\t", "FRA.tsv:9: "},
        {"\t21.5\tconsolidated", "\t21.5\tinvented", "FRA.tsv:9: "},
        {"consolidated\t1\n2024-03-31T00:30Z", "consolidated\t2\n2024-03-31T00:30Z", "FRA.tsv:8: "},
        {"consolidated\t1\n2024-03-31T00:30Z", "consolidated\t0\n2024-03-31T00:30Z", "FRA.tsv:8: "},
        {"consolidated\t1\n2024-03-31T00:30Z", "consolidated\t1x\n2024-03-31T00:30Z",
         "FRA.tsv:8: "},
        {"2024-03-31T00:30Z", "2024-03-31T00:00Z", "FRA.tsv:9: "}, /* twice */
        {"2024-03-31T00:30Z", "2024-03-31T00:31Z", "FRA.tsv:9: "},
        {"2024-03-31T00:30Z", "2024-03-30T24:30Z", "FRA.tsv:9: "}, /* the same in other words */
        {"half-hours\t4", "half-hours\t3", "FRA.tsv:11: "},
        {"half-hours\t4", "half-hours\t5", "FRA.tsv:12: ends early"},
        {"half-hours\t4", "half-hours\t9999999", "FRA.tsv:6: "},
        {"# half-hours\t4", "# other\t4", "FRA.tsv:7: "},
        {"# source\t1", "# source\t2", "FRA.tsv:5: "},
        {"start_utc", "start", "FRA.tsv:7: "},
    };
    char damaged[2000];
    char *whole;

    (void)state;
    MERGE("c", GRID_CONSOLIDATED, 20, 21.5, 22, 23);
    write_grid();
    whole = strdup(text);
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        const char *at = strstr(whole, damages[i].from);

        assert_non_null(at);
        snprintf(damaged, sizeof(damaged), "%.*s%s%s", (int)(at - whole), whole, damages[i].to,
                 at + strlen(damages[i].from));
        if (read_text(damaged, strlen(damaged)))
            fail_msg("read with \"%s\"", damages[i].to);
        if (strncmp(complaints, damages[i].complaint, strlen(damages[i].complaint)) != 0)
            fail_msg("\"%s\": %s", damages[i].to, complaints);
    }
    free(whole);
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    size_t size;
    FILE *stream = open_memstream(&complaints, &size);

    (void)state;
    assert_null(grid_load(scratch_directory, stream));
    assert_int_equal(fclose(stream), 0);
    assert_non_null(strstr(complaints, ": Is a directory\n"));
}

/* -- Showing ---------------------------------------------------------------------------------- */

static void coverage_and_gaps_are_said(void **state)
{
    struct grid_coverage coverage;
    size_t size;
    FILE *stream;

    (void)state;
    MERGE("c", GRID_CONSOLIDATED, 20, 22, NAN, 50, NAN, NAN, 40, 42, 10, 20);
    MERGE("r", GRID_REAL_TIME, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 31, 32, NAN, NAN,
          33, 34);
    stream = open_memstream(&text, &size);
    grid_print(grid, stream);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(
        text, "France, direct CO2 of electricity production (RTE éCO2mix), hours of UTC:\n"
              "year    hours     of   definitive   consolidated   real-time   mean g/kWh\n"
              "2024        5   8784            0              3           2         28.4\n"
              "missing: 2024-03-31T01:00Z to 2024-03-31T03:00Z (2 h)\n"
              "missing: 2024-03-31T06:00Z to 2024-03-31T07:00Z (1 h)\n");
    coverage = grid_cover(grid, START + 1, START + 5 * HOUR_S);
    assert_int_equal(coverage.hours, 2); /* the first hour began before */
    assert_int_equal(coverage.by_nature[GRID_CONSOLIDATED], 2);
    assert_true(fabs(coverage.mean_kgco2_per_kwh - 0.028) < 1e-15);
    coverage = grid_cover(grid, START + HOUR_S, START + 2 * HOUR_S);
    assert_int_equal(coverage.hours, 0);
    assert_true(coverage.mean_kgco2_per_kwh == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_hour_is_the_mean_of_two_half_hours),
        TEST(what_is_more_final_replaces),
        TEST(of_the_same_nature_the_later_import_counts_and_says_so),
        TEST(a_revision_is_not_said_line_by_line),
        TEST(importing_again_changes_nothing),
        TEST(the_files_of_rte_become_the_golden_table),
        TEST(hours_are_those_worked_out_by_hand),
        TEST(what_is_written_is_read),
        TEST(a_table_without_anything_is_one),
        TEST(a_table_that_is_cut_is_refused),
        TEST(a_table_that_is_damaged_is_refused),
        TEST(a_file_that_cannot_be_read_is_an_error),
        TEST(coverage_and_gaps_are_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
