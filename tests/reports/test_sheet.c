/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/sheet.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/daemon/scratchsql.h"
#include "tests/reports/workbook.h"
#include "tests/reports/world.h"

#define NOON  1790848800 /* of 1 October 2026, Europe/Paris */
#define LATER (NOON + 90 * (int64_t)DAY_S)

static const struct direction directions[] = {
    {.code = "DRH", .label = "=1+2", .headcount = 80},
    {.code = "DSN", .label = "@SUM(1;2) & <b>", .headcount = 120},
    {.code = "CAB", .label = "Cabinet"},
};
#define DIRECTIONS ((uint16_t)(sizeof(directions) / sizeof(directions[0])))

static const struct service services[] = {
    {.id = "chatgpt-web",
     .label = "+ChatGPT",
     .provider = "openai",
     .model = "openai/gpt-4o",
     .estimator = {.name = "m3", .grade = GRADE_C}},
    {.id = "mistral-web",
     .label = "Le Chat",
     .provider = "mistral",
     .model = "mistralai/mistral-large-latest",
     .estimator = {.name = "m5", .grade = GRADE_E}},
};
#define SERVICES ((uint16_t)(sizeof(services) / sizeof(services[0])))

static struct world world;

static void use(uint16_t direction, uint16_t service, double requests, uint32_t devices)
{
    const struct activity activity = {
        .grade = (uint8_t)services[service].estimator.grade,
        .requests = {requests * 0.9, requests, requests * 1.1},
        .tokens_in = {requests * 20, requests * 100, requests * 300},
        .tokens_out = {requests * 100, requests * 300.7, requests * 600},
    };
    const struct world_pair pair = world_pair(&world, NOON, direction, service, devices);
    struct impact impact;

    assert_true(world_impact(&world, world.config->factors, service, NOON, &activity, &impact));
    world_record(&world, &pair, &activity, &impact);
}

static int setup(void **state)
{
    (void)state;
    world_open(&world, directions, DIRECTIONS, services, SERVICES);
    for (uint16_t direction = 0; direction <= DIRECTIONS; direction++)
        for (uint16_t service = 0; service < SERVICES; service++)
            use(direction, service, 1.0 / 3 + 170 * direction + service, 20);
    world_report(&world, "2026-10", LATER);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static FILE *written(const char *language)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    assert_true(month_write_sheet(world.report, language, scratch_directory, file));
    return file;
}

static char *unpacked(const char *language)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    workbook_unpack(written(language), stream);
    fclose(stream);
    return text;
}

static unsigned row_of_total(const struct workbook *book, unsigned sheet)
{
    for (size_t i = 0; i < book->count; i++)
        if (book->cells[i].sheet == sheet && strncmp(book->cells[i].formula, "SUM", 3) == 0)
            return book->cells[i].row;
    fail_msg("sheet %u has no sum", sheet);
    return 0;
}

static void assert_number(const struct workbook *book, unsigned sheet, unsigned column,
                          unsigned row, int64_t units, unsigned decimals)
{
    const struct workbook_cell *cell = workbook_at(book, sheet, column, row);

    assert_non_null(cell);
    assert_false(cell->is_words);
    assert_close(cell->value, (double)units / pow(10, decimals));
}

static void assert_table(const struct workbook *book, unsigned sheet,
                         const struct month_table *table, unsigned first_column)
{
    static const enum month_indicator columns[] = {
        MONTH_REQUESTS, MONTH_TOKENS_IN, MONTH_TOKENS_OUT, MONTH_ENERGY, MONTH_WATER, MONTH_GWP};
    struct text_band bands[DIRECTIONS + SERVICES], total;
    unsigned last = row_of_total(book, sheet), first = last - (unsigned)table->count;

    assert_true(table->count > 1);
    for (unsigned i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        unsigned decimals = month_decimals(world.report, columns[i]);

        total = month_round(world.report, table, columns[i], bands);
        for (unsigned row = first; row <= last; row++) {
            const struct text_band *band = row < last ? &bands[row - first] : &total;

            assert_number(book, sheet, first_column + 3 * i, row, band->low, decimals);
            assert_number(book, sheet, first_column + 3 * i + 1, row, band->central, decimals);
            assert_number(book, sheet, first_column + 3 * i + 2, row, band->high, decimals);
        }
        for (unsigned j = 0; j < 3; j++)
            assert_int_equal(
                strncmp(workbook_at(book, sheet, first_column + 3 * i + j, last)->formula, "SUM(",
                        4),
                0);
    }
}

/* Real numbers, those of the page, each in its column; totals that add up what is above. */
static void tables_have_the_numbers_of_the_page(void **state)
{
    char *text = unpacked("fr");
    struct workbook *book = workbook_read(text);

    (void)state;
    assert_table(book, workbook_sheet(text, "Directions"), &world.report->directions, 3);
    assert_table(book, workbook_sheet(text, "Services"), &world.report->services, 6);
    free(book);
    free(text);
}

/* Three of each of six columns in two tables, the shares; of the first sheet, whatever of that the
 * tables have; and of the days. */
static void formulas_give_the_values_beside_them(void **state)
{
    char *text = unpacked("en");

    (void)state;
    assert_int_equal(workbook_assert_formulas(text), 2 * (3 * 6 + 1) + 3 * 6 + 1);
    assert_non_null(strstr(text, "<f>'Directions'!"));
    free(text);
}

/* A workbook of one table, whose last row says TOTAL of ROWS numbers from 1 on. */
static bool write_numbers(FILE *file, unsigned rows, double total, bool are_parts)
{
    FILE *words;
    struct sheet *sheet = sheet_new(LANGUAGE_FR, LATER, scratch_directory, file, &words);

    if (!sheet)
        return false;
    sheet_begin(sheet, TEXT_TITLE);
    fputs("Nombres", words);
    sheet_open_table(sheet);
    fputs("Nombre", words);
    sheet_column(sheet);
    sheet_open_body(sheet);
    for (unsigned row = 1; row <= rows + 1; row++) {
        sheet_open_row(sheet, row > rows);
        if (are_parts)
            sheet_units(sheet, llround(10 * (row > rows ? total : row)), true, 1);
        else
            sheet_number(sheet, row > rows ? total : row, 1, "");
        sheet_close_cell(sheet);
        sheet_close_row(sheet);
    }
    sheet_close_table(sheet);
    return sheet_write(sheet);
}

static void assert_total(double total, bool are_parts, const char *cell)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size), *file = tmpfile();

    assert_true(write_numbers(file, 3, total, are_parts));
    workbook_unpack(file, stream);
    fclose(stream);
    if (!strstr(text, cell))
        fail_msg("no %s in %s", cell, strstr(text, "<sheetData>"));
    free(text);
}

/* A mean, say, or what parts make together that do not add up. */
static void what_is_no_sum_is_no_formula(void **state)
{
    (void)state;
    assert_total(6, true, "<f>SUM(A3:A5)</f><v>6</v>");
    assert_total(6.1, true, "\"><v>6.1");
    assert_total(2, true, "\"><v>2</v>");
    assert_total(6, false, "\"><v>6</v>");
}

static void the_same_report_is_the_same_bytes(void **state)
{
    FILE *one = written("fr"), *other = written("fr");
    int byte;

    (void)state;
    rewind(one);
    rewind(other);
    do {
        byte = getc(one);
        assert_int_equal(byte, getc(other));
    } while (byte != EOF);
    fclose(one);
    fclose(other);
}

/* Of whoever made it, and where, it says nothing; when is the end of what it reports. */
static void tells_nothing_of_the_machine(void **state)
{
    char *text = unpacked("fr"), host[256] = "";

    (void)state;
    assert_non_null(strstr(text, "<dc:creator></dc:creator>"));
    assert_non_null(strstr(text, "<cp:lastModifiedBy></cp:lastModifiedBy>"));
    assert_non_null(strstr(text, ">2026-10-31T23:00:00Z</dcterms:created>"));
    assert_null(strstr(text, scratch_directory));
    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    assert_null(strstr(text, host));
    free(text);
}

/* Whatever a label begins with. */
static void a_label_is_no_formula(void **state)
{
    static const char *const labels[] = {">=1+2<", ">@SUM(1;2) &amp; &lt;b&gt;<", ">+ChatGPT<"};
    char *text = unpacked("fr");

    (void)state;
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
        assert_non_null(strstr(strstr(text, "PART xl/sharedStrings.xml"), labels[i]));
    assert_null(strstr(text, "<f>1+2"));
    assert_null(strstr(text, "<f>SUM(1"));
    free(text);
}

static void speaks_two_languages(void **state)
{
    char *french = unpacked("fr"), *english = unpacked("en");

    (void)state;
    assert_int_equal(workbook_sheet(french, "Synthèse"), 1);
    assert_int_equal(workbook_sheet(english, "Summary"), 1);
    assert_non_null(strstr(french, "Gaz à effet de serre\n(kgCO₂e)\nBas<"));
    assert_non_null(strstr(english, "Greenhouse gases\n(kgCO₂e)\nLow<"));
    assert_null(strstr(english, "Gaz à"));
    free(french);
    free(english);
}

static void prints_on_paper(void **state)
{
    char *text = unpacked("fr");

    (void)state;
    assert_non_null(strstr(text, "<pageSetup paperSize=\"9\""));
    assert_non_null(strstr(text, " orientation=\"landscape\""));
    assert_non_null(strstr(text, "&amp;P / &amp;N"));
    assert_non_null(strstr(text, "state=\"frozen\""));
    assert_non_null(strstr(text, "name=\"_xlnm.Print_Titles\""));
    free(text);
}

/* ---- What goes wrong ---- */

static void a_full_disk_is_told(void **state)
{
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    assert_false(month_write_sheet(world.report, "fr", scratch_directory, full));
    fclose(full);
}

#define MANY 3000

static bool is_small(void *context, const char *name, const char *text, size_t size)
{
    (void)name, (void)text;
    return size < *(const rlim_t *)context;
}

/* Where a part of it does not fit where it is put together, the library writes half of that part
 * into an archive that is whole. */
static void so_is_half_a_part(void **state)
{
    FILE *file = tmpfile();
    struct rlimit limit;
    int status;
    pid_t child;

    (void)state;
    assert_true(write_numbers(file, MANY, 1, true));
    fseek(file, 0, SEEK_END);
    limit.rlim_cur = limit.rlim_max = (rlim_t)ftell(file) + 1024;
    rewind(file);
    assert_false(zipfile_each(file, is_small, &limit.rlim_cur));
    fclose(file);
    child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        file = tmpfile();
        if (!file || setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(2);
        _exit(write_numbers(file, MANY, 1, true) ? 1 : errno == ENOSPC ? 0 : 3);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(tables_have_the_numbers_of_the_page),
        TEST(formulas_give_the_values_beside_them),
        TEST(what_is_no_sum_is_no_formula),
        TEST(the_same_report_is_the_same_bytes),
        TEST(tells_nothing_of_the_machine),
        TEST(a_label_is_no_formula),
        TEST(speaks_two_languages),
        TEST(prints_on_paper),
        TEST(a_full_disk_is_told),
        TEST(so_is_half_a_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
