/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/eco2mix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/shipped.h"

#include <time.h>
#include <zlib.h>

#define FIXTURES IAGMETER_SOURCE_ROOT "/tests/fixtures/eco2mix"

/* The columns that matter, as RTE writes them, and as the open data do. */
#define RTE  "P\351rim\350tre\tNature\tDate\tHeures\tConsommation\tTaux de Co2\tEolien offshore\n"
#define ODRE "perimetre;nature;date_heure;consommation;taux_co2;gaz\n"
#define CONS                                                                                       \
    "France\tDonn\351es consolid\351"                                                              \
    "es\t"
#define LIVE                                                                                       \
    "France\tDonn\351es temps r\351"                                                               \
    "el\t"
#define LAST                                                                                       \
    "France\tDonn\351es d\351"                                                                     \
    "finitives\t"

#define NOW 1798761600 /* 2027-01-01 */

static struct eco2mix *file;
static const struct grid_half_hour *halves;
static size_t half_count;
static char *complaints;

static void release(void)
{
    eco2mix_free(file);
    free(complaints);
    file = NULL;
    complaints = NULL;
}

static int teardown(void **state)
{
    (void)state;
    release();
    return 0;
}

static bool parse_bytes(const char *bytes, size_t size)
{
    size_t length;
    FILE *stream;

    release();
    stream = open_memstream(&complaints, &length);
    file = eco2mix_parse(bytes, size, "dir/file.xls", NOW, stream);
    assert_int_equal(fclose(stream), 0);
    half_count = 0;
    if (file)
        halves = eco2mix_half_hours(file, &half_count);
    return file != NULL;
}

static bool parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

/* "2024-03-31T01:30Z" */
static int64_t utc(const char *text)
{
    struct tm tm = {0};

    assert_int_equal(sscanf(text, "%d-%d-%dT%d:%dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                            &tm.tm_hour, &tm.tm_min),
                     5);
    tm.tm_year -= 1900;
    tm.tm_mon--;
    return timegm(&tm);
}

static void expect_half(size_t index, const char *start, double g_per_kwh, enum grid_nature nature)
{
    assert_in_range(index, 0, half_count - 1);
    assert_int_equal(halves[index].start_s, utc(start));
    assert_true(halves[index].g_per_kwh == g_per_kwh);
    assert_int_equal(halves[index].nature, nature);
}

static void expect_complaint(const char *complaint)
{
    if (!strstr(complaints, complaint))
        fail_msg("not complained: %s\nbut: %s", complaint, complaints);
}

/* -- Layouts ---------------------------------------------------------------------------------- */

static void reads_the_file_of_rte(void **state)
{
    size_t length;
    FILE *stream;

    (void)state;
    release();
    stream = open_memstream(&complaints, &length);
    file = eco2mix_read(FIXTURES "/eCO2mix_RTE_En-cours-Consolide.xls", NOW, stream);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(complaints, "");
    assert_non_null(file);
    halves = eco2mix_half_hours(file, &half_count);
    assert_int_equal(half_count, 22);
    /* In Paris 23:00 of the year before. */
    expect_half(0, "2023-12-31T22:00Z", 92, GRID_CONSOLIDATED);
    expect_half(2, "2023-12-31T23:00Z", 10, GRID_CONSOLIDATED);
    expect_half(9, "2024-02-29T22:30Z", 94, GRID_CONSOLIDATED);
    /* 02:00 and 02:30 of this day are in the file, and never were. */
    expect_half(12, "2024-03-31T00:00Z", 34, GRID_CONSOLIDATED);
    expect_half(14, "2024-03-31T01:00Z", 42, GRID_CONSOLIDATED);
    /* 02:00 comes once in the file, and twice in truth: the first time. */
    expect_half(18, "2024-10-27T00:00Z", 58, GRID_CONSOLIDATED);
    expect_half(20, "2024-10-27T02:00Z", 62, GRID_CONSOLIDATED);
    assert_int_equal(eco2mix_counts(file)->rows, 48);
    assert_int_equal(eco2mix_counts(file)->skipped, 4);
    assert_int_equal(eco2mix_counts(file)->empty, 22);
    assert_string_equal(eco2mix_source(file)->name, "eCO2mix_RTE_En-cours-Consolide.xls");
    assert_int_equal(strlen(eco2mix_source(file)->digest), 64);
    assert_int_equal(eco2mix_source(file)->imported_s, NOW);
}

static void means_four_quarters_of_real_time(void **state)
{
    (void)state;
    assert_non_null(file = eco2mix_read(FIXTURES "/eCO2mix_RTE_En-cours-TR.xls", NOW, stderr));
    halves = eco2mix_half_hours(file, &half_count);
    assert_int_equal(half_count, 4);
    expect_half(0, "2024-10-26T22:00Z", 70.5, GRID_REAL_TIME);
    expect_half(1, "2024-10-26T22:30Z", 72.5, GRID_REAL_TIME);
    assert_int_equal(eco2mix_counts(file)->empty, 3); /* quarters to come: forecasts only */
}

static void reads_the_open_data_in_any_order(void **state)
{
    (void)state;
    assert_non_null(file = eco2mix_read(FIXTURES "/eco2mix-national-cons-def.csv", NOW, stderr));
    halves = eco2mix_half_hours(file, &half_count);
    assert_int_equal(half_count, 12);
    expect_half(0, "2023-10-28T23:00Z", 20, GRID_DEFINITIVE);
    expect_half(2, "2023-10-29T00:00Z", 40, GRID_DEFINITIVE); /* 02:00+02:00 */
    expect_half(4, "2023-10-29T01:00Z", 60, GRID_DEFINITIVE); /* 02:00+01:00 */
    expect_half(6, "2023-10-29T02:00Z", 80, GRID_DEFINITIVE);
    expect_half(10, "2024-03-31T01:00Z", 42, GRID_CONSOLIDATED);
}

static void reads_the_names_of_the_interface(void **state)
{
    (void)state;
    assert_true(parse("\xef\xbb\xbf" ODRE
                      "France;Données consolidées;2024-01-01T00:00:00+01:00;1;20;3\n"
                      "\"France\";\"Données définitives\";2024-01-01T00:00:00+00:00;;31;\n"
                      "France;Données temps réel;2024-06-30T23:30:00Z;;11.5;\n"
                      "France;Donnees temps reel;2024-07-01T02:00:00;;12;\n"));
    assert_string_equal(complaints, "");
    assert_int_equal(half_count, 4);
    expect_half(0, "2023-12-31T23:00Z", 20, GRID_CONSOLIDATED);
    expect_half(1, "2024-01-01T00:00Z", 31, GRID_DEFINITIVE);
    expect_half(2, "2024-06-30T23:30Z", 11.5, GRID_REAL_TIME);
    expect_half(3, "2024-07-01T00:00Z", 12, GRID_REAL_TIME); /* without an offset: in Paris */
}

static void lines_may_end_in_any_way(void **state)
{
    (void)state;
    assert_true(parse("\xef\xbb\xbf" RTE CONS "2024-01-01\t00:00\t1\t20\t3\t\r\n" CONS
                      "01/01/2024\t00:30\t1\t21\t3\t\r" CONS
                      "2024-01-01\t01:00\t1\t22\t3\t\n\r\n\n" CONS
                      "2024-01-01\t01:30\t1\tx\t3\t\n" CONS "2024-01-01\t02:00:00\t1\t24\t3"));
    assert_int_equal(half_count, 4);
    expect_half(0, "2023-12-31T23:00Z", 20, GRID_CONSOLIDATED);
    expect_half(1, "2023-12-31T23:30Z", 21, GRID_CONSOLIDATED);
    expect_half(2, "2024-01-01T00:00Z", 22, GRID_CONSOLIDATED);
    expect_half(3, "2024-01-01T01:00Z", 24, GRID_CONSOLIDATED);
    assert_string_equal(complaints, "dir/file.xls:7: \"x\" is no figure: left out\n");
}

static void gzip_is_expanded(void **state)
{
    static const char text[] = RTE CONS "2024-01-01\t00:00\t1\t20\t3\t\n";
    char path[PATH_MAX];
    char plain[65];
    gzFile zipped;

    assert_int_equal(scratch_setup(state), 0);
    assert_true(parse(text));
    strcpy(plain, eco2mix_source(file)->digest);
    release();
    scratch_path(path, "file.xls.gz");
    zipped = gzopen(path, "wb");
    assert_int_equal(gzwrite(zipped, text, sizeof(text) - 1), sizeof(text) - 1);
    assert_int_equal(gzclose(zipped), Z_OK);
    assert_non_null(file = eco2mix_read(path, NOW, stderr));
    assert_string_equal(eco2mix_source(file)->digest, plain);
    assert_string_equal(eco2mix_source(file)->name, "file.xls.gz");
    assert_int_equal(scratch_teardown(state), 0);
}

/* -- Changes of the clock --------------------------------------------------------------------- */

/* All the quarters of a day, those of REPEATED as often as it says. */
static char *day(const char *date, int hour_2_times)
{
    size_t size;
    char *text;
    FILE *stream = open_memstream(&text, &size);

    fputs(RTE, stream);
    for (int hour = 0; hour < 24; hour++)
        for (int time = 0; time < (hour == 2 ? hour_2_times : 1); time++)
            for (int minute = 0; minute < 60; minute += 15)
                fprintf(stream, CONS "%s\t%02d:%02d\t1\t%d\t3\t\n", date, hour, minute,
                        100 * time + 4 * hour + minute / 15);
    assert_int_equal(fclose(stream), 0);
    return text;
}

/* Hours of a day of each kind: what the files hold, and what comes of it. */
static void days_have_as_many_hours_as_clocks_show(void **state)
{
    static const struct {
        const char *date;
        int hour_2_times; /* in the file */
        size_t half_count;
        unsigned long skipped;
        const char *first;
        const char *last;
    } days[] = {
        {"2024-03-31", 1, 46, 4, "2024-03-30T23:00Z", "2024-03-31T21:30Z"},
        {"2024-03-31", 0, 46, 0, "2024-03-30T23:00Z", "2024-03-31T21:30Z"},
        {"2024-10-27", 1, 48, 0, "2024-10-26T22:00Z", "2024-10-27T22:30Z"}, /* a gap of an hour */
        {"2024-10-27", 2, 50, 0, "2024-10-26T22:00Z", "2024-10-27T22:30Z"},
        {"2024-02-29", 1, 48, 0, "2024-02-28T23:00Z", "2024-02-29T22:30Z"},
        {"2023-12-31", 1, 48, 0, "2023-12-30T23:00Z", "2023-12-31T22:30Z"},
        {"2026-03-29", 1, 46, 4, "2026-03-28T23:00Z", "2026-03-29T21:30Z"},
        {"2026-10-25", 2, 50, 0, "2026-10-24T22:00Z", "2026-10-25T22:30Z"},
        {"2012-03-25", 1, 46, 4, "2012-03-24T23:00Z", "2012-03-25T21:30Z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        char *text = day(days[i].date, days[i].hour_2_times);

        assert_true(parse(text));
        assert_string_equal(complaints, "");
        assert_int_equal(half_count, days[i].half_count);
        assert_int_equal(eco2mix_counts(file)->skipped, days[i].skipped);
        assert_int_equal(halves[0].start_s, utc(days[i].first));
        assert_int_equal(halves[half_count - 1].start_s, utc(days[i].last));
        free(text);
    }
}

/* Every hour of fifteen years, but the second ones of those that come twice, as clocks show it. */
static void time_agrees_with_the_database(void **state)
{
    int64_t from = utc("2012-01-01T00:00Z");
    int64_t until = utc("2027-01-01T00:00Z");
    size_t size;
    size_t next = 0;
    char *text;
    FILE *stream = open_memstream(&text, &size);
    int before = -1;

    (void)state;
    assert_int_equal(setenv("TZ", "Europe/Paris", 1), 0);
    tzset();
    fputs(RTE, stream);
    for (time_t hour = from; hour < until; hour += 3600) {
        struct tm local;

        localtime_r(&hour, &local);
        if (local.tm_hour != before)
            fprintf(stream, CONS "%04d-%02d-%02d\t%02d:00\t1\t20\t3\t\n", local.tm_year + 1900,
                    local.tm_mon + 1, local.tm_mday, local.tm_hour);
        before = local.tm_hour;
    }
    assert_int_equal(fclose(stream), 0);
    assert_true(parse_bytes(text, size));
    for (time_t hour = from; hour < until; hour += 3600)
        if (next < half_count && halves[next].start_s == hour)
            next++;
    assert_int_equal(next, half_count);
    assert_int_equal(half_count, (until - from) / 3600 - 15);
    free(text);
}

static void the_second_passage_is_told_by_order_alone(void **state)
{
    (void)state;
    /* Each row twice: no second passage. */
    assert_true(parse(RTE CONS
                      "2024-10-27\t02:00\t1\t20\t3\t\n" CONS "2024-10-27\t02:00\t1\t20\t3\t\n" CONS
                      "2024-10-27\t02:30\t1\t21\t3\t\n" CONS "2024-10-27\t02:30\t1\t21\t3\t\n"));
    assert_int_equal(half_count, 2);
    expect_half(0, "2024-10-27T00:00Z", 20, GRID_CONSOLIDATED);
    assert_int_equal(eco2mix_counts(file)->repeated, 2);
    /* Backwards, each once. */
    assert_true(parse(RTE CONS "2024-10-27\t03:00\t1\t22\t3\t\n" CONS
                               "2024-10-27\t02:30\t1\t21\t3\t\n" CONS
                               "2024-10-27\t02:00\t1\t20\t3\t\n"));
    assert_string_equal(complaints, "");
    assert_int_equal(half_count, 3);
    expect_half(0, "2024-10-27T00:00Z", 20, GRID_CONSOLIDATED);
    /* The same hour in two places of the file: the same passage. */
    assert_true(parse(RTE CONS
                      "2024-10-27\t02:00\t1\t20\t3\t\n" CONS "2024-10-27\t02:30\t1\t21\t3\t\n" CONS
                      "2024-10-27\t03:00\t1\t22\t3\t\n" CONS "2024-10-27\t02:00\t1\t20\t3\t\n" CONS
                      "2024-10-27\t02:30\t1\t21\t3\t\n"));
    assert_string_equal(complaints, "");
    assert_int_equal(half_count, 3);
    assert_int_equal(eco2mix_counts(file)->repeated, 2);
    /* In order, with another figure. */
    assert_true(parse(RTE CONS
                      "2024-10-27\t02:00\t1\t20\t3\t\n" CONS "2024-10-27\t02:30\t1\t21\t3\t\n" CONS
                      "2024-10-27\t02:00\t1\t30\t3\t\n" CONS "2024-10-27\t02:30\t1\t31\t3\t\n"));
    assert_int_equal(half_count, 4);
    expect_half(2, "2024-10-27T01:00Z", 30, GRID_CONSOLIDATED);
    /* Of two years, and nothing between. */
    assert_true(parse(RTE CONS "2023-10-29\t02:00\t1\t20\t3\t\n" CONS
                               "2023-10-29\t02:30\t1\t21\t3\t\n" CONS
                               "2024-10-27\t02:00\t1\t30\t3\t\n"));
    assert_string_equal(complaints, "");
    assert_int_equal(half_count, 3);
    expect_half(2, "2024-10-27T00:00Z", 30, GRID_CONSOLIDATED);
    /* In no order that tells. */
    assert_true(parse(RTE CONS
                      "2024-10-27\t01:30\t1\t19\t3\t\n" CONS "2024-10-27\t02:00\t1\t20\t3\t\n" CONS
                      "2024-10-27\t02:30\t1\t21\t3\t\n" CONS "2024-10-27\t02:00\t1\t30\t3\t\n"));
    assert_int_equal(half_count, 1);
    assert_int_equal(eco2mix_counts(file)->ambiguous, 3);
    assert_string_equal(complaints,
                        "dir/file.xls:3: an hour that comes twice, in an order that does not tell "
                        "which is which: left out\n");
}

/* Where the open data give an offset to an hour that never was, the other columns tell. */
static void an_hour_that_never_was_is_left_out(void **state)
{
    (void)state;
    assert_true(
        parse("Périmètre;Nature;Date;Heure;Date et Heure;Taux de CO2 (g/kWh);x\n"
              "France;Données consolidées;2024-03-31;02:00;2024-03-31T03:00:00+02:00;20;\n"
              "France;Données consolidées;2024-03-31;03:00;2024-03-31T03:00:00+02:00;21;\n"
              "France;Données consolidées;2024-03-31;04:00;2024-03-31T04:00:00+01:00;22;\n"));
    assert_int_equal(half_count, 1);
    expect_half(0, "2024-03-31T01:00Z", 21, GRID_CONSOLIDATED);
    assert_int_equal(eco2mix_counts(file)->skipped, 1);
    assert_string_equal(
        complaints, "dir/file.xls:4: one column names another time than two others: left out\n");
}

/* -- Rows ------------------------------------------------------------------------------------- */

static void rows_that_are_wrong_are_left_out_one_by_one(void **state)
{
    static const struct {
        const char *row;
        const char *complaint;
    } rows[] = {
        {CONS "2024-01-01\t01:00\t1\t-3\t3\t", "-3 g/kWh: 0 to 2000 is possible"},
        {CONS "2024-01-01\t01:00\t1\t2000.5\t3\t", "2000.5 g/kWh: 0 to 2000 is possible"},
        {CONS "2024-01-01\t01:00\t1\tinf\t3\t", "\"inf\" is no figure"},
        {CONS "2024-01-01\t01:00\t1\t0x10\t3\t", "\"0x10\" is no figure"},
        {CONS "2024-01-01\t01:00\t1\t1e1\t3\t", "\"1e1\" is no figure"},
        {CONS "2024-01-01\t01:00\t1\t20,5\t3\t", "\"20,5\" is no figure"},
        {CONS "2024-01-01\t01:00\t1\t.\t3\t", "\".\" is no figure"},
        {CONS "2024-01-01\t01:00\t1\t1.2.3\t3\t", "\"1.2.3\" is no figure"},
        {CONS "2024-01-01\t01:00\t1\t2\x1b[2J\t3\t", "\"2?[2J\" is no figure"},
        {CONS "2024-01-01\t01:00\t1\t2", "truncated row"},
        {"France\tDon", "truncated row"},
        {CONS "2024-01-01\t01:00\t1\t20\t3\t4\t5", "9 columns, where the heading has 7"},
        {CONS "2024-01-01\t01:00\t1\t20\t3\t4", "8 columns, where the heading has 7"},
        {"\tDonnees consolidees\t2024-01-01\t01:00\t1\t20\t3\t", "no perimeter"},
        {"France\tDonnees inventees\t2024-01-01\t01:00\t1\t20\t3\t",
         "unknown nature \"Donnees inventees\""},
        {CONS "2023-02-29\t01:00\t1\t20\t3\t", "no date and time of a quarter of an hour"},
        {CONS "2024-04-31\t01:00\t1\t20\t3\t", "no date and time of a quarter of an hour"},
        {CONS "2024-13-01\t01:00\t1\t20\t3\t", "no date and time of a quarter of an hour"},
        {CONS "2011-12-31\t01:00\t1\t20\t3\t",
         "no date and time of a quarter of an hour since 2012"},
        {CONS "2024-01-01\t24:00\t1\t20\t3\t", "no date and time of a quarter of an hour"},
        {CONS "2024-01-01\t01:05\t1\t20\t3\t", "no date and time of a quarter of an hour"},
        {CONS "2024-01-01 \t\t1\t20\t3\t", "no date and time of a quarter of an hour"},
        {CONS "2027-01-01\t02:00\t1\t20\t3\t", "a figure of the future"},
    };
    char text[600];
    char complaint[300];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text),
                 RTE CONS "2024-01-01\t00:00\t1\t20\t3\t\n%s\n" CONS
                          "2024-01-01\t02:00\t1\t22\t3\t\n",
                 rows[i].row);
        assert_true(parse(text));
        snprintf(complaint, sizeof(complaint), "dir/file.xls:3: %s", rows[i].complaint);
        expect_complaint(complaint);
        assert_string_equal(complaints + strlen(complaints) - 11, ": left out\n");
        assert_int_equal(eco2mix_counts(file)->wrong, 1);
        assert_int_equal(half_count, 2);
        expect_half(1, "2024-01-01T01:00Z", 22, GRID_CONSOLIDATED);
    }
}

static void nothing_is_not_zero(void **state)
{
    static const char *const nothing[] = {"", "ND", "nd", "-", "DC", "NaN", " ", "null", "NA"};
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        snprintf(text, sizeof(text),
                 RTE CONS "2024-01-01\t00:00\t1\t0\t3\t\n" CONS "2024-01-01\t00:30\t1\t%s\t3\t\n",
                 nothing[i]);
        assert_true(parse(text));
        assert_string_equal(complaints, "");
        assert_int_equal(half_count, 1);
        expect_half(0, "2023-12-31T23:00Z", 0, GRID_CONSOLIDATED);
        assert_int_equal(eco2mix_counts(file)->empty, 1);
    }
}

/* Where the figure stands last and the line has no end, more digits may have followed. */
static void a_figure_that_may_be_cut_is_left_out(void **state)
{
    (void)state;
    assert_true(parse("perimetre;nature;date_heure;taux_co2\n"
                      "France;Données temps réel;2024-01-01T00:00:00+01:00;20\n"
                      "France;Données temps réel;2024-01-01T00:30:00+01:00;2"));
    assert_int_equal(half_count, 1);
    expect_complaint("dir/file.xls:3: truncated row: left out\n");
}

static void figures_that_contradict_each_other_are_left_out(void **state)
{
    (void)state;
    assert_true(parse(RTE CONS
                      "2024-01-01\t00:00\t1\t20\t3\t\n" CONS "2024-01-01\t00:30\t1\t21\t3\t\n" CONS
                      "2024-01-01\t00:00\t1\t25\t3\t\n" CONS "2024-01-01\t00:30\t9\t21\t9\t\n"));
    assert_int_equal(half_count, 1);
    expect_half(0, "2023-12-31T23:30Z", 21, GRID_CONSOLIDATED);
    assert_int_equal(eco2mix_counts(file)->disputed, 1);
    assert_int_equal(eco2mix_counts(file)->repeated, 1);
    assert_string_equal(complaints, "dir/file.xls:4: 25 g/kWh here, 20 in line 2, for the same "
                                    "time: left out\n");
}

static void the_most_final_figure_of_a_file_counts(void **state)
{
    (void)state;
    assert_true(parse(RTE LIVE
                      "2024-01-01\t00:00\t1\t20\t3\t\n" LIVE "2024-01-01\t00:15\t1\t21\t3\t\n" LIVE
                      "2024-01-01\t00:00\t1\t22\t3\t\n" LAST "2024-01-01\t00:00\t1\t30\t3\t\n" CONS
                      "2024-01-01\t00:00\t1\t40\t3\t\n" LIVE "2024-01-01\t01:00\t1\t50\t3\t\n" CONS
                      "2024-01-01\t01:15\t1\t60\t3\t\n"));
    assert_string_equal(complaints, "");
    assert_int_equal(half_count, 2);
    expect_half(0, "2023-12-31T23:00Z", 30, GRID_DEFINITIVE);
    expect_half(1, "2024-01-01T00:00Z", 60, GRID_CONSOLIDATED);
}

static void a_wrong_file_is_not_said_line_by_line(void **state)
{
    size_t size;
    char *text;
    FILE *stream = open_memstream(&text, &size);
    unsigned lines = 0;

    (void)state;
    fputs(RTE CONS "2024-01-01\t00:00\t1\t20\t3\t\n", stream);
    for (unsigned i = 0; i < 3000; i++)
        fputs("France\tDonn\n", stream);
    for (unsigned i = 0; i < 1U << 20; i++)
        fputc(i % 97 ? 'x' : '\t', stream); /* a line of a megabyte */
    assert_int_equal(fclose(stream), 0);
    assert_true(parse_bytes(text, size));
    for (const char *c = complaints; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 21);
    expect_complaint("dir/file.xls: and 2981 more rows left out\n");
    assert_int_equal(half_count, 1);
    free(text);
}

/* -- Whole files ------------------------------------------------------------------------------ */

static void files_that_are_something_else_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *complaint;
    } files[] = {
        {"", "dir/file.xls:1: no éCO2mix file of France: no column \"Périmètre\"\n"},
        {"\n\n", "dir/file.xls:1: no éCO2mix file of France: no column \"Périmètre\"\n"},
        {"Date\tType de jour TEMPO\n2024-01-01\tBLEU\n", ":1: no éCO2mix file of France"},
        {"P\351rim\350tre\tDate\tHeures\tTaux de Co2\n",
         ":1: no éCO2mix file: no column \"Nature\"\n"},
        {"P\351rim\350tre\tNature\tDate\tTaux de Co2\n",
         ":1: no éCO2mix file: no columns \"Date\""},
        {"P\351rim\350tre\tNature\tDate\tHeures\tConsommation\n",
         ":1: no éCO2mix file of France: no column \"Taux de CO2\", in g/kWh\n"},
        {"P\351rim\350tre;Nature;Date;Heure;Taux de CO2 (kg/kWh)\n", "no column \"Taux de CO2\""},
        {"P\351rim\350tre,Nature,Date,Heures,Taux de Co2\n", ":1: no éCO2mix file of France"},
        {"perimetre;nature;date;date;heure;taux_co2\n", ":1: two columns of the same meaning\n"},
        {"PK\x03\x04 and more\n", ":1: a zip archive: unpack it first\n"},
        {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ":1: saved by a spreadsheet"},
        {RTE, "dir/file.xls:1: no figure up to here\n"},
        {RTE CONS "2024-01-01\t00:00\t1\tND\t3\t\n", "dir/file.xls:2: no figure up to here\n"},
        {RTE CONS "2024-01-01\t00:00\t1\t20\t3\t\nBretagne\tDonn\351es "
                  "consolid\351es\t2024-01-01\t00:00\t1\t20\t3\t\n",
         "dir/file.xls:3: of \"Bretagne\": only files of France"},
        {RTE "\x1b]Corse\tx\t2024-01-01\t00:00\t1\t20\t3\t\n", ":2: of \"?]Corse\": only"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        assert_false(parse(files[i].text));
        expect_complaint(files[i].complaint);
    }
}

static void what_cannot_be_read_is_an_error(void **state)
{
    static const unsigned char damaged[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff, 0xff};
    char path[PATH_MAX];
    size_t length;
    FILE *stream = open_memstream(&complaints, &length);

    assert_int_equal(scratch_setup(state), 0);
    assert_null(eco2mix_read(scratch_directory, NOW, stream));
    scratch_path(path, "absent");
    assert_null(eco2mix_read(path, NOW, stream));
    scratch_write_bytes("damaged.gz", damaged, sizeof(damaged));
    scratch_path(path, "damaged.gz");
    assert_null(eco2mix_read(path, NOW, stream));
    assert_int_equal(fclose(stream), 0);
    expect_complaint(": cannot read: Is a directory\n");
    expect_complaint("/absent: cannot read: No such file or directory\n");
    expect_complaint("/damaged.gz: cannot read: the compressed data are damaged");
    assert_int_equal(scratch_teardown(state), 0);
}

/* The open data come in any order, and with repetitions when joined. */
static void the_order_of_rows_does_not_matter(void **state)
{
    enum { ROWS = 400 };
    char(*rows)[120] = calloc(ROWS, sizeof(*rows));
    struct grid_half_hour *first = NULL;
    size_t first_count = 0;
    unsigned seed = 7;

    (void)state;
    for (unsigned i = 0; i < ROWS; i++) {
        static const char *const natures[] = {"temps réel", "consolidées", "définitives"};
        unsigned quarter = (i * 37) % 150; /* with repetitions, of the same figure and of others */

        snprintf(rows[i], sizeof(*rows), "France;Données %s;2024-10-27T%02u:%02u:00+00:00;1;%u;\n",
                 natures[i % 3], quarter / 4 % 24, quarter % 4 * 15, i % 10 ? quarter : i);
    }
    for (unsigned round = 0; round < 20; round++) {
        size_t size;
        char *text;
        FILE *stream = open_memstream(&text, &size);

        fputs(ODRE, stream);
        for (unsigned i = 0; i < ROWS; i++)
            fputs(rows[i], stream);
        assert_int_equal(fclose(stream), 0);
        assert_true(parse_bytes(text, size));
        if (round == 0) {
            assert_true(eco2mix_counts(file)->disputed > 0 && half_count > 20);
            first_count = half_count;
            first = calloc(half_count, sizeof(*first));
            memcpy(first, halves, half_count * sizeof(*first));
        }
        assert_int_equal(half_count, first_count);
        assert_memory_equal(halves, first, half_count * sizeof(*first));
        free(text);
        for (unsigned i = ROWS - 1; i > 0; i--) { /* Fisher and Yates */
            char swap[sizeof(*rows)];
            unsigned j = (seed = seed * 1103515245U + 12345U) / 65536U % (i + 1);

            memcpy(swap, rows[i], sizeof(swap));
            memcpy(rows[i], rows[j], sizeof(swap));
            memcpy(rows[j], swap, sizeof(swap));
        }
    }
    free(first);
    free(rows);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_the_file_of_rte),
        TEST(means_four_quarters_of_real_time),
        TEST(reads_the_open_data_in_any_order),
        TEST(reads_the_names_of_the_interface),
        TEST(lines_may_end_in_any_way),
        TEST(gzip_is_expanded),
        TEST(days_have_as_many_hours_as_clocks_show),
        TEST(time_agrees_with_the_database),
        TEST(the_second_passage_is_told_by_order_alone),
        TEST(an_hour_that_never_was_is_left_out),
        TEST(rows_that_are_wrong_are_left_out_one_by_one),
        TEST(nothing_is_not_zero),
        TEST(a_figure_that_may_be_cut_is_left_out),
        TEST(figures_that_contradict_each_other_are_left_out),
        TEST(the_most_final_figure_of_a_file_counts),
        TEST(a_wrong_file_is_not_said_line_by_line),
        TEST(files_that_are_something_else_are_refused),
        TEST(what_cannot_be_read_is_an_error),
        TEST(the_order_of_rows_does_not_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
