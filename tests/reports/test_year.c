/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/year.h"

#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "reports/derived.h"
#include "tests/daemon/scratchsql.h"
#include "tests/reports/csv.h"
#include "tests/reports/readable.h"
#include "tests/reports/workbook.h"
#include "tests/reports/year.h"

#define COVERED 600 /* minutes of a month */

static struct world world;
static struct year_report *year;

static const struct service services[] = {
    {.id = "a", .label = "Service A", .hosting = HOSTING_SOVEREIGN, .approval = APPROVAL_YES},
    {.id = "b", .label = "B, <b>", .hosting = HOSTING_OUTSIDE_EU, .approval = APPROVAL_NO},
    {.id = "own", .label = "Ours", .hosting = HOSTING_SOVEREIGN, .local = 1},
};
#define SERVICES (sizeof(services) / sizeof(services[0]))

static int setup(void **state)
{
    (void)state;
    year = NULL;
    year_setup(&world);
    world.config->catalogue = catalogue_new();
    for (size_t i = 0; i < SERVICES; i++)
        assert_true(catalogue_set_service(world.config->catalogue, (uint16_t)i, &services[i]));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    year_free(year);
    world_close(&world);
    return 0;
}

/* In the middle of January after it. */
static int64_t after(int number)
{
    char text[32];

    snprintf(text, sizeof(text), "%04d-01", number + 1);
    return year_noon(text, 15);
}

static void build_at(int number, int64_t now)
{
    char error[300] = "";

    year_free(year);
    year = year_build(world.ledger, world.config, number, now, error, sizeof(error));
    assert_string_equal(error[0] && year ? "" : error, "");
    assert_non_null(year);
}

static void build(int number)
{
    build_at(number, after(number));
}

static void use(const char *month, int day, uint16_t direction, const char *service, double kwh,
                uint32_t devices)
{
    year_use(&world, year_noon(month, day), direction, service, kwh, devices);
}

static const struct month_row *row_of(const struct month_table *table, const char *id)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].id, id) == 0)
            return &table->rows[i];
    return NULL;
}

enum format { HTML_FR, HTML_EN, CSV, JSON, LINES_FR, LINES_EN, SHEET, FORMATS };

static void write_sheet(FILE *stream)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    assert_true(year_write_sheet(year, "fr", scratch_directory, file));
    workbook_unpack(file, stream);
}

static char *written(enum format format)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    assert_non_null(stream);
    if (format == HTML_FR || format == HTML_EN)
        assert_true(year_write_html(year, format == HTML_FR ? "fr" : "en", stream));
    else if (format == CSV)
        csv_year(year, stream);
    else if (format == JSON)
        assert_true(year_write_json(year, stream));
    else if (format == SHEET)
        write_sheet(stream);
    else
        year_print(year, format == LINES_FR ? "fr" : "en", stream);
    fclose(stream);
    readable_assert(text, format != CSV && format != JSON);
    return text;
}

static void assert_says(enum format format, const char *words)
{
    char *text = written(format);

    if (!strstr(text, words))
        fail_msg("\"%s\" is not in %.3000s", words, text);
    free(text);
}

static void assert_says_nowhere(const char *words)
{
    for (int format = 0; format < FORMATS; format++) {
        char *text = written((enum format)format);

        if (strstr(text, words))
            fail_msg("\"%s\" is in format %d", words, format);
        free(text);
    }
}

/* ---- CSV, read again ---- */

/* What the CSV says; fails where it does not. */
static struct triple csv_value(const char *scope, const char *id, const char *indicator)
{
    char *text = written(CSV);
    struct triple value = {NAN, NAN, NAN};
    csv_record fields;
    size_t count;

    for (const char *at = text; *at;) {
        at = csv_read(at, fields, &count);
        if (strcmp(fields[CSV_SCOPE], scope) == 0 && strcmp(fields[CSV_ID], id) == 0 &&
            strcmp(fields[CSV_INDICATOR], indicator) == 0)
            value =
                (struct triple){strtod(fields[CSV_LOW], NULL), strtod(fields[CSV_CENTRAL], NULL),
                                strtod(fields[CSV_HIGH], NULL)};
    }
    free(text);
    if (isnan(value.central))
        fail_msg("no %s of %s \"%s\"", indicator, scope, id);
    return value;
}

static void assert_exact(double value, double expected)
{
    if (value != expected)
        fail_msg("%.17g is not %.17g", value, expected);
}

static void assert_same(struct triple a, struct triple b)
{
    assert_exact(a.low, b.low);
    assert_exact(a.central, b.central);
    assert_exact(a.high, b.high);
}

static struct derived *explain(char *name)
{
    char *arguments[] = {name};
    struct explain_query query;
    struct derived *derived = NULL;
    char error[300] = "";

    assert_true(explain_parse(arguments, 1, &query));
    if (derived_build(&year->sums, &query, &derived, error, sizeof(error)) != EXPLAIN_OK)
        fail_msg("%s", error);
    return derived;
}

/* NAME, of a month: of its own report. */
static struct triple explained_of_month(const char *name)
{
    char text[MONTH_FIGURE_SIZE];
    char *arguments[] = {text};
    struct explain_query query;
    struct triple value = {NAN, NAN, NAN};
    char error[300] = "";

    snprintf(text, sizeof(text), "%s", name);
    assert_true(explain_parse(arguments, 1, &query));
    if (!world.report || strncmp(name, query.month, strlen(query.month)) != 0 ||
        world.report->month.year * 100 + world.report->month.month !=
            strtol(query.month, NULL, 10) * 100 + strtol(query.month + 5, NULL, 10))
        world_report(&world, query.month, after(2027));
    if (derived_is_asked(&query)) {
        struct derived *derived = NULL;

        if (derived_build(world.report, &query, &derived, error, sizeof(error)) != EXPLAIN_OK)
            fail_msg("%s", error);
        value = derived->value;
        derived_free(derived);
    } else {
        struct explanation *explanation = NULL;

        if (explain_build(world.ledger, world.report, &query, &explanation, error, sizeof(error)) !=
            EXPLAIN_OK)
            fail_msg("%s: %s", name, error);
        value =
            month_value(&explanation->figure.totals, (enum month_indicator)explanation->indicator);
        explain_free(explanation);
    }
    return value;
}

static bool is_of_year(const char *name)
{
    return strlen(name) > 4 && name[4] == '/';
}

/* Each term that is a figure, of the year or of a month, is what its own name stands for. */
static void assert_terms(const struct derived *derived)
{
    for (size_t i = 0; i < derived->term_count; i++) {
        const struct derived_term *term = &derived->terms[i];
        struct triple value;

        if (!term->source[0])
            continue;
        if (is_of_year(term->source)) {
            char name[MONTH_FIGURE_SIZE];
            struct derived *own;

            snprintf(name, sizeof(name), "%s", term->source);
            own = explain(name);
            value = own->value;
            derived_free(own);
        } else {
            value = explained_of_month(term->source);
        }
        if (term->value.low == term->value.high)
            value = triple_exact(value.central);
        if (memcmp(&value, &term->value, sizeof(value)) != 0)
            fail_msg("%s: %s is %.17g, not %.17g", derived->name, term->source, value.central,
                     term->value.central);
    }
}

/* Of every record: its name explains it, to the last bit. Returns how many. */
static size_t explain_all(void)
{
    char *text = written(CSV);
    csv_record fields;
    size_t count, records = 0;
    const char *at = csv_read(text, fields, &count);

    while (*at) {
        struct triple value;

        at = csv_read(at, fields, &count);
        value = (struct triple){strtod(fields[CSV_LOW], NULL), strtod(fields[CSV_CENTRAL], NULL),
                                strtod(fields[CSV_HIGH], NULL)};
        if (is_of_year(fields[CSV_FIGURE])) {
            struct derived *derived = explain(fields[CSV_FIGURE]);

            if (!derived->agrees)
                fail_msg("%s is recomputed as %.17g: %s", derived->name,
                         derived->recomputed.central, derived->formula);
            assert_string_equal(derived->unit, fields[CSV_UNIT]);
            assert_same(derived->value, value);
            assert_terms(derived);
            derived_free(derived);
        } else {
            assert_same(explained_of_month(fields[CSV_FIGURE]), value);
        }
        records++;
    }
    free(text);
    return records;
}

/* ---- A year with everything: all shown, some folded, only a total, withheld, unused ---- */

/* Whole numbers, so that sums are exact in every order. */
static void mixed_year(const char *prefix)
{
    char month[12][8];

    for (int i = 0; i < 12; i++)
        snprintf(month[i], sizeof(month[i]), "%.4s-%02d", prefix, i + 1);
    use(month[0], 10, DRH, "a", 3, DEVICES_MANY);
    use(month[0], 11, DSN, "b", 5, DEVICES_MANY);
    use(month[1], 5, DRH, "a", 2, DEVICES_FEW); /* folded, with CAB */
    use(month[1], 5, CAB, "b", 4, WORLD_THRESHOLD);
    use(month[1], 5, DSN, "b", 8, DEVICES_MANY);
    use(month[2], 29, DRH, "a", 1, DEVICES_FEW); /* only the total */
    use(month[2], 29, DSN, "a", 16, DEVICES_MANY);
    use(month[3], 3, DRH, "a", 64, DEVICES_FEW); /* withheld */
    year_cover(&world, month[4], COVERED);       /* nobody */
    use(month[5], 3, DSN, "gone", 32, DEVICES_MANY);
    use(month[5], 4, DSN, "own", 128, DEVICES_MANY);
    for (int i = 0; i < 6; i++)
        if (i != 4)
            year_cover(&world, month[i], COVERED + (unsigned)i);
}

static void every_figure_is_explained_to_the_last_bit(void **state)
{
    (void)state;
    mixed_year("2026");
    mixed_year("2025");
    use("2026-10", 25, DRH, "a", 1.0 / 3, DEVICES_MANY);
    use("2026-12", 31, DRH, "b", 1.0 / 7, DEVICES_MANY);
    use("2025-12", 31, DRH, "b", 1.0 / 11, DEVICES_MANY);
    year_objectives(&world, "{ year = 2026; energy_kwh = 100; gwp_kgco2e = 3; source = \"s\"; },"
                            "{ year = 2026; direction = \"DRH\"; water_l = 9; source = \"s\"; }");
    build(2026);
    assert_in_range(explain_all(), 300, 2000);
    assert_int_equal(year->held, 8);
    assert_int_equal(year->told, 7);
    assert_int_equal(year->compared, 6);
}

/* Each total and each row is the sum of what the reports print, in the order of the months. */
static void the_year_is_the_sum_of_its_months(void **state)
{
    struct month_totals total = {0}, drh = {0}, a = {0};
    char month[32];

    (void)state;
    for (int i = 1; i <= 12; i++) {
        snprintf(month, sizeof(month), "2026-%02d", i);
        use(month, 9, DRH, "a", 0.1 + 1.0 / i, DEVICES_MANY);
        use(month, 10, DSN, "b", 0.7 / i, DEVICES_MANY);
        /* the first and the last minute, and the night that clocks change in */
        year_use(&world, year_month(month).start, DRH, "a", 0.3, DEVICES_MANY);
        year_use(&world, year_month(month).end - 60, DSN, "b", 0.3, DEVICES_MANY);
        year_use(&world, year_noon("2026-03", 29) - 34200, DRH, "a", 0.01, DEVICES_MANY);
        year_use(&world, year_noon("2026-10", 25) - 34200, DRH, "a", 0.01, DEVICES_MANY);
        year_cover(&world, month, COVERED);
    }
    for (int i = 1; i <= 12; i++) {
        snprintf(month, sizeof(month), "2026-%02d", i);
        world_report(&world, month, after(2026));
        month_add(&total, &world.report->total);
        month_add(&drh, &row_of(&world.report->directions, "DRH")->totals);
        month_add(&a, &row_of(&world.report->services, "a")->totals);
    }
    build(2026);
    for (int i = 0; i < MONTH_INDICATORS; i++) {
        enum month_indicator indicator = (enum month_indicator)i;

        assert_same(month_value(&year->sums.total, indicator), month_value(&total, indicator));
        assert_same(month_value(&row_of(&year->sums.directions, "DRH")->totals, indicator),
                    month_value(&drh, indicator));
        assert_same(month_value(&row_of(&year->sums.services, "a")->totals, indicator),
                    month_value(&a, indicator));
    }
    assert_exact(year->sums.month_s, 365.0 * DAY_S);
    assert_exact(year->sums.covered_s, 12.0 * COVERED * INTERVAL_S);
    assert_false(year->sums.running);
    assert_int_equal(year->sums.directions.count, 2); /* nothing is folded */
    assert_says_nowhere("2026/other");
}

static struct month_totals sum_of(const struct month_table *table)
{
    struct month_totals sum = {0};

    for (size_t i = 0; i < table->count; i++)
        month_add(&sum, &table->rows[i].totals);
    return sum;
}

static void directions_and_services_add_up_to_the_total(void **state)
{
    struct month_totals directions, of_services;

    (void)state;
    mixed_year("2026");
    build(2026);
    directions = sum_of(&year->sums.directions);
    of_services = sum_of(&year->sums.services);
    for (int i = 0; i < MONTH_INDICATORS; i++) {
        enum month_indicator indicator = (enum month_indicator)i;

        assert_same(month_value(&directions, indicator), month_value(&year->sums.total, indicator));
        assert_same(month_value(&of_services, indicator),
                    month_value(&year->sums.total, indicator));
    }
    /* 3 + 5, 14, 17 and 160: not the month that is withheld. */
    assert_exact(csv_value("total", "", "energy_kwh").central, 8 + 14 + 17 + 160);
    assert_exact(csv_value("direction", "DRH", "energy_kwh").central, 3);
    assert_exact(csv_value("direction", "DSN", "energy_kwh").central, 5 + 8 + 160);
    assert_exact(csv_value("direction", "other", "energy_kwh").central, 2 + 4 + 17);
    assert_exact(csv_value("service", "other", "energy_kwh").central, 2 + 4 + 17);
}

static void it_says_in_how_many_months_a_row_is_shown(void **state)
{
    (void)state;
    mixed_year("2026");
    build(2026);
    assert_exact(csv_value("direction", "DRH", "months_shown").central, 2); /* with the unused */
    assert_exact(csv_value("direction", "DSN", "months_shown").central, 4);
    assert_exact(csv_value("direction", "other", "months_shown").central, 2);
    assert_exact(csv_value("months", "", "months_told").central, 5);
    assert_exact(csv_value("months", "", "months_withheld").central, 1);
    assert_exact(csv_value("months", "", "months_without_data").central, 6);
    assert_says(HTML_EN, "shown in <span title=\"iagmeter explain "
                         "2026/@direction/DRH/months_shown\">2</span> months of");
    assert_says(LINES_EN, "all totals are those of 5 months of 12");
    assert_says(LINES_FR, "tous les totaux sont ceux de 5 mois sur 12");
    assert_says(HTML_FR,
                "obtenus</h2>\n<p>Le trafic des services connus"); /* no third step first */
}

/* An hour's measurement in a year is little, not none. */
static void little_coverage_is_not_none(void **state)
{
    (void)state;
    use("2026-02", 3, DRH, "a", 4, DEVICES_MANY);
    year_cover(&world, "2026-02", 10);
    build(2026);
    assert_says(HTML_FR, ">&lt;\u00a00,1</td>");
}

/* Of a month of few devices, its coverage alone. */
static void a_withheld_month_gives_its_coverage_alone(void **state)
{
    (void)state;
    use("2026-02", 3, DRH, "a", 0.123456, DEVICES_FEW);
    year_cover(&world, "2026-02", COVERED);
    build(2026);
    assert_true(year->sums.withheld);
    assert_exact(csv_value("coverage", "", "covered_s").central, COVERED * INTERVAL_S);
    assert_exact(csv_value("month", "2026-02", "covered_s").central, COVERED * INTERVAL_S);
    assert_says_nowhere("energy_kwh");
    assert_says(LINES_EN, "No month of this year has figures");
    assert_says(HTML_EN, "not published: too few devices");
    use("2026-03", 3, DRH, "a", 4, DEVICES_MANY);
    build(2026);
    assert_exact(csv_value("total", "", "energy_kwh").central, 4);
    assert_says_nowhere("0.123");
    assert_says_nowhere("4.123");
    explain_all();
}

static void a_running_year_goes_up_to_its_last_month_that_is_over(void **state)
{
    (void)state;
    use("2026-01", 3, DRH, "a", 4, DEVICES_MANY);
    use("2026-02", 3, DRH, "a", 8, DEVICES_MANY);
    build_at(2026, year_noon("2026-02", 20));
    assert_true(year->sums.running);
    assert_int_equal(year->over, 1);
    assert_int_equal(year->sums.until, year_month("2026-02").start);
    assert_exact(csv_value("total", "", "energy_kwh").central, 4);
    assert_says(LINES_EN, "up to 31 January 2026");
    assert_says(HTML_FR, "s’arrête au 31 janvier 2026");
    build_at(2026, year_noon("2026-03", 2));
    assert_exact(csv_value("total", "", "energy_kwh").central, 12);
}

static void assert_refused(int number, int64_t now, const char *words)
{
    char error[300] = "";

    assert_null(year_build(world.ledger, world.config, number, now, error, sizeof(error)));
    if (!strstr(error, words))
        fail_msg("%s", error);
}

static void without_data_there_is_none(void **state)
{
    (void)state;
    assert_refused(2026, after(2026), "the ledger is empty");
    use("2026-01", 3, DRH, "a", 4, DEVICES_MANY);
    assert_refused(2025, after(2026), "no data for the months of 2025");
    assert_refused(2027, after(2026), "no month of 2027 is over yet");
    assert_refused(2026, year_noon("2026-01", 31), "no month of 2026 is over yet");
    assert_refused(2026, year_month("2026-02").start + 60, "no month of 2026 is over yet");
}

static void years_are_parsed(void **state)
{
    int64_t new_year = year_month("2027-01").start; /* local: 2026 in UTC */
    int number = 0;

    (void)state;
    assert_true(year_parse("2026", new_year, &number));
    assert_int_equal(number, 2026);
    assert_true(year_parse("current", new_year, &number));
    assert_int_equal(number, 2027);
    assert_true(year_parse("previous", new_year, &number));
    assert_int_equal(number, 2026);
    assert_true(year_parse("current", new_year - 1, &number));
    assert_int_equal(number, 2026);
    assert_false(year_parse("2026-10", new_year, &number));
    assert_false(year_parse("2026-01..2026-06", new_year, &number));
    assert_false(year_parse("26", new_year, &number));
    assert_false(year_parse("", new_year, &number));
}

/* Only months that are told in both years. */
static void the_year_before_is_compared_on_the_same_months(void **state)
{
    (void)state;
    use("2025-02", 3, DRH, "a", 8, DEVICES_MANY);
    use("2025-03", 3, DRH, "a", 100, DEVICES_MANY); /* nothing a year later */
    use("2025-04", 3, DRH, "a", 200, DEVICES_FEW);  /* withheld */
    use("2026-01", 3, DRH, "a", 400, DEVICES_MANY);
    use("2026-02", 3, DRH, "a", 12, DEVICES_MANY);
    use("2026-04", 3, DRH, "a", 800, DEVICES_MANY);
    build(2026);
    assert_int_equal(year->compared, 1);
    assert_exact(csv_value("compared", "", "energy_kwh").central, 12);
    assert_exact(csv_value("compared-before", "", "energy_kwh").central, 8);
    assert_exact(csv_value("compared-change", "", "energy_kwh").central, 50);
    assert_exact(csv_value("compared-change", "", "energy_wh").central, 0); /* per request */
    assert_says(HTML_EN, "Beside 2025, on the same months");
    assert_says(HTML_EN, "<caption>Months with figures in both years: February. ");
    assert_says(HTML_FR, "<caption>Mois chiffrés dans les deux années\u00a0: février. ");
    assert_says(HTML_EN, "Vintages of the factors of these months: 2026; a year earlier: 2026.");
    explain_all();
    build(2025);
    assert_int_equal(year->compared, 0);
    assert_says(LINES_EN, "No comparison with 2024");
}

static void shares_are_of_what_is_shown_and_add_up(void **state)
{
    static const char *const indicators[] = {"requests_share", "energy_share"};

    (void)state;
    mixed_year("2026");
    build(2026);
    assert_exact(csv_value("hosting", "sovereign", "energy_kwh").central, 3 + 128);
    assert_exact(csv_value("hosting", "outside-eu", "energy_kwh").central, 5 + 8);
    assert_exact(csv_value("hosting", "not-told", "energy_kwh").central, 6 + 17 + 32);
    assert_exact(csv_value("approval", "yes", "energy_kwh").central, 3);
    assert_exact(csv_value("place", "own-hosts", "energy_kwh").central, 128);
    assert_exact(csv_value("month-hosting", "2026-03/not-told", "energy_share").central, 1);
    assert_exact(csv_value("month-hosting", "2026-01/sovereign", "energy_share").central, 0.375);
    for (int i = 0; i < YEAR_DIMENSIONS; i++)
        for (size_t j = 0; j < 2; j++) {
            double sum = 0;

            for (int k = 0; year_class_name((enum year_dimension)i, k); k++)
                sum += csv_value(year_dimension_name((enum year_dimension)i),
                                 year_class_name((enum year_dimension)i, k), indicators[j])
                           .central;
            assert_true(fabs(sum - 1) < 1e-12);
        }
}

/* The digits of the cell of FIGURE in HTML: "1,97" is 197. */
static long printed(const char *html, const char *figure)
{
    char title[MONTH_FIGURE_SIZE + 32];
    const char *at;
    long digits = 0;

    snprintf(title, sizeof(title), " title=\"iagmeter explain %s\">", figure);
    at = strstr(html, title);
    if (at && at[strlen(title)] == '<') /* a whole row has this title; a cell of it follows */
        at = strstr(at + 1, title);
    if (!at)
        fail_msg("%s is not in HTML", figure);
    for (at += strlen(title); at[0] != '<'; at++)
        digits = at[0] >= '0' && at[0] <= '9' ? 10 * digits + (at[0] - '0') : digits;
    return digits;
}

static long printed_class(const char *html, const char *scope, const char *class_name,
                          const char *indicator)
{
    char figure[MONTH_FIGURE_SIZE];

    snprintf(figure, sizeof(figure), "2026/@%s/%s/%s", scope, class_name, indicator);
    return printed(html, figure);
}

/* Of four services, one of which is no longer in the catalogue; none ends at a printed digit. */
static void use_uneven(void)
{
    use("2026-01", 3, DRH, "a", 1.006, DEVICES_MANY);
    use("2026-01", 4, DSN, "b", 1.006, DEVICES_MANY);
    use("2026-01", 5, DSN, "own", 1.006, DEVICES_MANY);
    use("2026-01", 6, DRH, "gone", 1.006, DEVICES_MANY);
}

/* As the rows of services do; and what is not told is the same in each dimension. */
static void printed_classes_add_up_to_the_printed_total(void **state)
{
    static const char *const indicators[] = {"energy_kwh", "energy_share"};
    long whole[2] = {0, 1000};
    char *html;

    (void)state;
    use_uneven();
    build(2026);
    html = written(HTML_FR);
    whole[0] = printed(html, "2026/././energy_kwh");
    assert_true(whole[0] > 0);
    for (size_t i = 0; i < 2; i++)
        for (int j = 0; j < YEAR_DIMENSIONS; j++) {
            const char *dimension = year_dimension_name((enum year_dimension)j);
            long sum = 0;

            for (int k = 0; year_class_name((enum year_dimension)j, k); k++)
                sum += printed_class(html, dimension, year_class_name((enum year_dimension)j, k),
                                     indicators[i]);
            assert_int_equal(sum, whole[i]);
            assert_int_equal(printed_class(html, dimension, "not-told", indicators[i]),
                             printed_class(html, "hosting", "not-told", indicators[i]));
        }
    free(html);
}

static void agents_are_those_of_the_configuration(void **state)
{
    struct direction drh = {.code = "DRH", .label = "D", .headcount = 40};

    (void)state;
    assert_true(directions_set(world.config->directions, DRH, &drh));
    use("2026-01", 3, DRH, "a", 32, DEVICES_MANY);
    use("2026-02", 3, DRH, "a", 32, DEVICES_MANY);
    build(2026);
    /* (2 + 1) / 32 kg for each kWh */
    assert_exact(csv_value("direction", "DRH", "gwp_gco2e_per_agent").central, 6 * 1000.0 / 40);
    explain_all();
}

/* A unit is told of what each month tells it of, and not of what none has an estimate of. */
static void figures_per_unit_are_of_all_months(void **state)
{
    (void)state;
    use("2026-01", 3, DRH, "a", 1, DEVICES_MANY);
    use("2026-03", 3, DRH, "a", 3, DEVICES_MANY);
    build(2026);
    assert_exact(csv_value("per-request", "", "energy_wh").central, 4000.0 / 40);
    assert_exact(csv_value("per-1000-tokens-out", "", "water_ml").central, 8 * 1000 / 4.0);
    assert_exact(csv_value("month-per-request", "2026-03", "energy_wh").central, 3000.0 / 30);
}

/* Of answers whose scatter was not recorded, the months tell what follows from their number. */
static void what_is_random_follows_from_what_the_months_print(void **state)
{
    const char *const months[] = {"2026-01", "2026-02"};
    double squares = 0, tokens = 0;

    (void)state;
    world.config->factors = factors_without_complaint(SHIPPED_FACTORS);
    use("2026-01", 3, DRH, "a", 1, DEVICES_MANY);
    use("2026-02", 3, DRH, "a", 3, DEVICES_MANY);
    assert_int_equal(scratch_sql("ledger.db", "UPDATE activity SET tokens_out_variance = NULL,"
                                              " requests_central = 4"),
                     SQLITE_OK);
    build(2026);
    for (size_t i = 0; i < 2; i++) {
        const struct month_totals *total = &year->months[i]->total;
        double scatter = month_random_sigma(total, world.config->factors) *
                         csv_value("month", months[i], "tokens_out").central;

        assert_true(total->unscattered_requests > 0);
        squares += scatter * scatter;
        tokens += csv_value("month", months[i], "tokens_out").central;
    }
    assert_true(squares > 0);
    assert_true(fabs(csv_value("total", "", "tokens_out_random_sigma").central -
                     sqrt(squares) / tokens) < 1e-12);
    assert_exact(csv_value("direction", "DRH", "tokens_out_random_sigma").central,
                 csv_value("total", "", "tokens_out_random_sigma").central);
    assert_exact(csv_value("service", "a", "tokens_out_random_sigma").central,
                 csv_value("total", "", "tokens_out_random_sigma").central);
    explain_all();
}

/* By a few more than enough devices, without an impact estimate. */
static void use_without_impact(const char *month, int day, uint16_t direction, double requests)
{
    const struct activity activity = {.grade = GRADE_C, .requests = triple_exact(requests)};
    const struct world_pair pair = {year_noon(month, day),
                                    directions_get(world.config->directions, direction), "b", "b",
                                    WORLD_THRESHOLD};

    world_record(&world, &pair, &activity, NULL);
}

/* Where a month tells them of what is shown alone, so does the year of that month. */
static void figures_per_unit_leave_out_what_a_month_leaves_out(void **state)
{
    (void)state;
    use("2026-01", 3, DRH, "a", 4, DEVICES_MANY);
    use("2026-02", 3, DSN, "a", 8, DEVICES_MANY);
    use("2026-02", 3, DRH, "a", 2, DEVICES_FEW);
    use_without_impact("2026-02", 3, CAB, 5);
    build(2026);
    assert_true(year->sums.units_of_shown);
    assert_exact(csv_value("total", "", "energy_kwh").central, 14);
    assert_exact(csv_value("per-request", "", "energy_wh").central, 12000.0 / 120);
    assert_exact(csv_value("per-1000-tokens-out", "", "energy_wh").central, 12000.0 / 12);
    explain_all();
}

static void labels_are_escaped(void **state)
{
    (void)state;
    use("2026-01", 3, DRH, "b", 1, DEVICES_MANY);
    build(2026);
    assert_says(HTML_FR, "Ressources &amp; &quot;humaines&quot;");
    assert_says(HTML_EN, "B, &lt;b&gt;");
    assert_says(CSV, "DRH,\"Ressources & \"\"humaines\"\"\",");
    assert_says(CSV, ",service,b,\"B, <b>\",");
    assert_says(LINES_EN, "2026/DRH/.");
}

/* Each band that JSON names is what the CSV has under that name. */
static void compare_json(const json_t *value, const char *csv, size_t *count)
{
    const char *key, *id = json_string_value(json_object_get(value, "id"));
    json_t *item;
    size_t i;

    if (id && json_object_get(value, "central")) {
        char line[CSV_CELL_SIZE], number[TEXT_NUMBER_SIZE];

        text_exact(number, sizeof(number), json_real_value(json_object_get(value, "central")));
        snprintf(line, sizeof(line), ",%s\n", id);
        if (strstr(csv, line)) {
            const char *end = strstr(csv, line), *start = end;

            while (start > csv && start[-1] != '\n')
                start--;
            assert_non_null(memmem(start, (size_t)(end - start), number, strlen(number)));
            ++*count;
        }
    }
    json_object_foreach((json_t *)value, key, item) compare_json(item, csv, count);
    json_array_foreach(value, i, item) compare_json(item, csv, count);
}

static void the_formats_agree(void **state)
{
    char *json, *csv;
    json_t *root;
    size_t count = 0;

    (void)state;
    mixed_year("2026");
    mixed_year("2025");
    build(2026);
    json = written(JSON);
    csv = written(CSV);
    root = json_loads(json, 0, NULL);
    assert_non_null(root);
    compare_json(root, csv, &count);
    assert_in_range(count, 100, 1000);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(root, "months"), "months_told")), 5);
    assert_int_equal(json_array_size(json_object_get(root, "by_month")), 6);
    json_decref(root);
    free(json);
    free(csv);
    assert_says(HTML_FR, "199");
    assert_says(LINES_FR, "199");
}

/* ---- What is published ---- */

static bool is_in(const json_t *list, const char *word)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item) if (strcmp(json_string_value(item), word) == 0) return true;
    return false;
}

static void assert_cell(const json_t *field, const char *cell)
{
    const char *name = json_string_value(json_object_get(field, "name"));
    const char *type = json_string_value(json_object_get(field, "type"));
    const json_t *constraints = json_object_get(field, "constraints");
    const char *pattern = json_string_value(json_object_get(constraints, "pattern"));
    char *end = NULL;

    if (json_is_true(json_object_get(constraints, "required")) && !cell[0])
        fail_msg("no %s", name);
    if (json_object_get(constraints, "enum") && !is_in(json_object_get(constraints, "enum"), cell))
        fail_msg("%s is none of the %s", cell, name);
    if (strcmp(type, "number") == 0) {
        strtod(cell, &end);
        assert_true(cell[0] && *end == '\0');
    }
    if (strcmp(type, "year") == 0)
        assert_true(strlen(cell) == 4 && strspn(cell, "0123456789") == 4);
    if (strcmp(type, "yearmonth") == 0)
        assert_true(strlen(cell) == 7 && cell[4] == '-');
    if (pattern) {
        regex_t expression;

        assert_int_equal(regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB), 0);
        if (regexec(&expression, cell, 0, NULL, 0) != 0)
            fail_msg("%s is no %s", cell, name);
        regfree(&expression);
    }
}

/* A code that is published without what it means is of no use to those who read it. */
static void assert_explains_codes(const json_t *field)
{
    const char *description = json_string_value(json_object_get(field, "description"));
    json_t *code;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(field, "constraints"), "enum"), i, code)
    {
        char words[80];

        snprintf(words, sizeof(words), " %s\u00a0: ", json_string_value(code));
        if (!strstr(description, words))
            fail_msg("%s is not explained", json_string_value(code));
    }
}

/* The schema's columns in their order, and of each the type, what is required, and what may be. */
static void assert_conforms(const char *path, const char *csv)
{
    json_t *schema = json_load_file(path, 0, NULL);
    const json_t *list = json_object_get(schema, "fields");
    csv_record fields;
    size_t count;
    const char *at = csv_read(csv, fields, &count);

    assert_non_null(schema);
    assert_int_equal(json_array_size(list), CSV_FIELDS);
    assert_int_equal(count, CSV_FIELDS);
    for (size_t i = 0; i < CSV_FIELDS; i++) {
        const json_t *field = json_array_get(list, i);

        assert_string_equal(json_string_value(json_object_get(field, "name")), fields[i]);
        assert_non_null(json_object_get(field, "title"));
        assert_non_null(json_object_get(field, "description"));
    }
    while (*at) {
        at = csv_read(at, fields, &count);
        assert_int_equal(count, CSV_FIELDS);
        for (size_t i = 0; i < CSV_FIELDS; i++)
            assert_cell(json_array_get(list, i), fields[i]);
    }
    assert_explains_codes(json_array_get(list, CSV_INDICATOR));
    json_decref(schema);
}

/* The year's total is the sum of its months, of directions and of services. */
static void the_workbook_adds_up(void **state)
{
    static const char *const sheets[] = {"Synthèse", "Mois",        "Directions",
                                         "Services", "Hébergement", "Couverture"};
    char *text;

    (void)state;
    mixed_year("2026");
    build(2026);
    text = written(SHEET);
    for (size_t i = 0; i < sizeof(sheets) / sizeof(sheets[0]); i++)
        assert_true(workbook_sheet(text, sheets[i]) > 0);
    assert_true(workbook_assert_formulas(text) >= 3 * 4 + 2 * (3 * 6) + 3 * 4);
    assert_non_null(strstr(text, "<f>'Mois'!"));
    free(text);
}

static void what_is_published_conforms_to_its_schema(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream;

    (void)state;
    mixed_year("2026");
    mixed_year("2025");
    year_objectives(&world, "{ year = 2026; energy_kwh = 100; source = \"s\"; }");
    build(2026);
    text = written(CSV);
    assert_conforms(CSV_SCHEMA "year.json", text);
    free(text);
    world_report(&world, "2026-02", after(2026));
    stream = open_memstream(&text, &size);
    csv_month(world.report, stream);
    fclose(stream);
    assert_conforms(CSV_SCHEMA "month.json", text);
    free(text);
}

/* ---- Few devices ---- */

/* How what is folded is split between pairs is in no output, while the months' reports do not tell
 * it either. */
static char *of_split(double drh_kwh, double cab_kwh)
{
    char *all = NULL;
    size_t size = 0;
    FILE *stream;
    void *state = NULL;

    teardown(&state);
    setup(&state);
    use("2026-01", 3, DSN, "a", 16, DEVICES_MANY);
    use("2026-02", 3, DSN, "a", 16, DEVICES_MANY);
    use("2026-02", 3, DSN, "b", 4, WORLD_THRESHOLD);
    use("2026-02", 3, DRH, "a", drh_kwh, DEVICES_FEW);
    use("2026-02", 3, CAB, "b", cab_kwh, DEVICES_FEW);
    use("2026-03", 3, DRH, "a", 100 * drh_kwh, DEVICES_FEW); /* withheld */
    year_cover(&world, "2026-03", COVERED);
    year_objectives(&world,
                    "{ year = 2026; energy_kwh = 100; source = \"s\"; },"
                    "{ year = 2026; direction = \"DRH\"; energy_kwh = 9; source = \"s\"; }");
    build(2026);
    stream = open_memstream(&all, &size);
    for (int format = 0; format < FORMATS; format++) {
        char *text = written((enum format)format);

        fputs(text, stream);
        free(text);
    }
    fclose(stream);
    return all;
}

static void a_split_of_what_is_folded_is_told_nowhere(void **state)
{
    char *one = of_split(1, 3), *other = of_split(3, 1), *more = of_split(3, 2);

    (void)state;
    assert_string_equal(one, other);
    assert_true(strcmp(one, more) != 0); /* their sum is told */
    assert_null(strstr(one, "DRH/./energy"));
    free(one);
    free(other);
    free(more);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(every_figure_is_explained_to_the_last_bit),
        TEST(the_year_is_the_sum_of_its_months),
        TEST(directions_and_services_add_up_to_the_total),
        TEST(it_says_in_how_many_months_a_row_is_shown),
        TEST(a_withheld_month_gives_its_coverage_alone),
        TEST(little_coverage_is_not_none),
        TEST(a_running_year_goes_up_to_its_last_month_that_is_over),
        TEST(without_data_there_is_none),
        TEST(years_are_parsed),
        TEST(the_year_before_is_compared_on_the_same_months),
        TEST(shares_are_of_what_is_shown_and_add_up),
        TEST(printed_classes_add_up_to_the_printed_total),
        TEST(agents_are_those_of_the_configuration),
        TEST(figures_per_unit_are_of_all_months),
        TEST(what_is_random_follows_from_what_the_months_print),
        TEST(figures_per_unit_leave_out_what_a_month_leaves_out),
        TEST(labels_are_escaped),
        TEST(the_formats_agree),
        TEST(the_workbook_adds_up),
        TEST(what_is_published_conforms_to_its_schema),
        TEST(a_split_of_what_is_folded_is_told_nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
