/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/month.h"

#include <jansson.h>
#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "reports/units.h"
#include "tests/daemon/scratchsql.h"
#include "tests/reports/csv.h"
#include "tests/reports/readable.h"
#include "tests/reports/unnamed.h"
#include "tests/reports/workbook.h"
#include "tests/reports/world.h"

#define OCTOBER    1790805600            /* 2026-10-01 00:00 Europe/Paris */
#define FIRST_NOON (OCTOBER + 12 * 3600) /* of the same date in UTC */
#define OCTOBER_S  (31 * 86400 + 3600)
#define LATER      (OCTOBER + 90 * (int64_t)DAY_S)
#define SERVICES   4

static const struct direction directions[] = {
    {.code = "DRH",
     .label = "Ressources <script>alert(1)</script> & \"humaines\"",
     .headcount = 80},
    {.code = "DSN", .label = "Numérique, \"été\"", .headcount = 120},
    {.code = "CAB", .label = "Cabinet"},
    {.code = "DGS", .label = "Direction générale"},
    {.code = "CULT", .label = "Culture"},
};
#define DIRECTIONS ((uint16_t)(sizeof(directions) / sizeof(directions[0])))

static const struct service services[SERVICES] = {
    {.id = "chatgpt-web",
     .label = "ChatGPT",
     .operator_name = "OpenAI",
     .country = "US",
     .hosting = HOSTING_OUTSIDE_EU,
     .provider = "openai",
     .model = "openai/gpt-4o",
     .estimator = {.name = "m3", .grade = GRADE_C}},
    {.id = "mistral-web",
     .label = "Le Chat",
     .operator_name = "Mistral AI",
     .country = "FR",
     .hosting = HOSTING_EU,
     .approval = APPROVAL_YES,
     .provider = "mistral",
     .model = "mistralai/mistral-large-latest",
     .estimator = {.name = "m5", .grade = GRADE_E}},
    {.id = "pictures", /* no impact estimate but that of its images, besides */
     .label = "Images",
     .hosting = HOSTING_OUTSIDE_EU,
     .provider = "openai",
     .image_model = "image/sd-3.5-large"},
    {.id = "claude-web",
     .label = "Claude",
     .operator_name = "Anthropic",
     .country = "US",
     .hosting = HOSTING_OUTSIDE_EU,
     .provider = "anthropic",
     .model = "anthropic/claude-opus-4-5",
     .estimator = {.name = "m4", .grade = GRADE_C}},
};

/* As of services whose model is not known yet. */
static bool without_impact;

static int set_up(void **state)
{
    static struct world world;

    world_open(&world, directions, DIRECTIONS, services, SERVICES);
    snprintf(world.config->report.organisation, sizeof(world.config->report.organisation),
             "Ville & <métropole>");
    without_impact = false;
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    world_close(*state);
    return 0;
}

static struct activity activity_of(uint16_t service, double requests)
{
    return (struct activity){
        .grade = (uint8_t)services[service].estimator.grade,
        .flows = 1,
        .requests = {requests * 0.9, requests, requests * 1.1},
        .tokens_in = {requests * 20, requests * 100, requests * 300},
        .tokens_out = {requests * 100, requests * 300.7, requests * 600},
        .tokens_out_variance = requests * 90000,
        .images = {0, requests, 3 * requests},
        .audio_s = {0.5 * requests, requests, 2 * requests},
        .uploads = {0.9 * requests, requests, 1.1 * requests},
    };
}

/* REQUESTS of one pair in the interval that starts at TIME, by DEVICES that day. DIRECTION counts
 * from 0 for unassigned. */
static void use(struct world *world, int64_t time_s, uint16_t direction, uint16_t service,
                double requests, uint32_t devices)
{
    const struct activity activity = activity_of(service, requests);
    const struct world_pair pair = world_pair(world, time_s, direction, service, devices);
    struct impact impact;
    bool known = world_impact(world, world->config->factors, service, time_s, &activity, &impact);

    world_record(world, &pair, &activity, known && !without_impact ? &impact : NULL);
}

/* Without a local server. */
#define COVERAGE_LINES (MONTH_COVERAGE_LINES - 8)

static void cover(struct world *world, int64_t time_s, double seconds)
{
    const struct coverage coverage = {.covered_ns = (uint64_t)(seconds * 1e9),
                                      .packets = 990,
                                      .packets_dropped = 10,
                                      .packets_undecodable = 99,
                                      .packets_truncated = 22,
                                      .packets_corrupt = 33,
                                      .packets_fragmented = 33, /* 11 without a reason */
                                      .packets_duplicate = 5,
                                      .packets_filtered = 90,
                                      .flows = 400,
                                      .flows_one_way = 20,
                                      .flows_resolver = 2,
                                      .names_seen = 60,
                                      .names_quic = 30,
                                      .names_hinted = 20,
                                      .names_encrypted = 5,
                                      .names_missing = 15,
                                      .dns_answers = 7,
                                      .dns_unasked = 1,
                                      .hints_displaced = 3};

    assert_int_equal(ledger_begin(world->ledger), LEDGER_OK);
    assert_int_equal(ledger_add_coverage(world->ledger, time_s, &coverage), LEDGER_OK);
    assert_int_equal(ledger_commit(world->ledger), LEDGER_OK);
}

static struct month_report *build_at(struct world *world, const char *text, int64_t now,
                                     char error[200])
{
    struct calendar_month month;

    assert_true(calendar_parse_month(text, &month));
    error[0] = '\0';
    return month_build(world->ledger, world->config, month, now, error, 200);
}

static struct month_report *build(struct world *world)
{
    char error[200];
    struct month_report *report = build_at(world, "2026-10", LATER, error);

    assert_string_equal(error, "");
    assert_non_null(report);
    return report;
}

enum format { HTML_FR, HTML_EN, CSV, JSON, TERMINAL, SHEET, FORMATS };

static void write_sheet(const struct month_report *report, FILE *stream)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    assert_true(month_write_sheet(report, "fr", scratch_directory, file));
    workbook_unpack(file, stream);
}

static char *written(const struct month_report *report, enum format format)
{
    static const char svg[] =
        "<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (format == CSV)
        csv_month(report, stream);
    else if (format == JSON)
        assert_true(month_write_json(report, stream));
    else if (format == TERMINAL)
        month_print(report, "fr", stream);
    else if (format == SHEET)
        write_sheet(report, stream);
    else
        assert_true(month_write_html(report, format == HTML_FR ? "fr" : "en",
                                     format == HTML_FR ? svg : NULL, strlen(svg), stream));
    fclose(stream);
    readable_assert(text, format != CSV && format != JSON);
    if (format == HTML_FR || format == HTML_EN)
        unnamed(text);
    return text;
}

static const struct month_row *row_of(const struct month_table *table, const char *id)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].id, id) == 0)
            return &table->rows[i];
    return NULL;
}

static bool contains(const struct month_report *report, enum format format, const char *words)
{
    char *text = written(report, format);
    bool found = strstr(text, words) != NULL;

    free(text);
    return found;
}

static void assert_nowhere(const struct month_report *report, const char *words)
{
    for (int format = 0; format < FORMATS; format++)
        if (contains(report, (enum format)format, words))
            fail_msg("\"%s\" is in format %d", words, format);
}

/* A row so small that the decimals of a column show nothing of it: the terminal has it as the page
 * does. */
static void what_rounds_to_nothing_reads_alike_everywhere(void **state)
{
    static const char less[] = "<\u00a0";
    struct world *world = *state;
    struct month_report *report;
    char *text, *row, html[80];
    size_t found = 0;

    use(world, FIRST_NOON, 1, 0, 1e6, 20);
    use(world, FIRST_NOON, 2, 0, 0.002, 20);
    cover(world, FIRST_NOON, 60);
    report = build(world);
    text = written(report, TERMINAL);
    row = strstr(text, "Numérique");
    assert_non_null(row);
    *strchr(row, '\n') = '\0';
    for (; (row = strstr(row, less)); found++) {
        row += strlen(less);
        snprintf(html, sizeof(html), "&lt;\u00a0%.*s", (int)strspn(row, "0123456789,"), row);
        assert_true(contains(report, HTML_FR, html));
    }
    assert_int_equal(found, 12); /* low, central and high of four */
    free(text);
    month_free(report);
}

/* Every direction and service, none of them small. */
static void use_all(struct world *world)
{
    for (uint16_t direction = 0; direction <= DIRECTIONS; direction++)
        for (uint16_t service = 0; service < SERVICES; service++)
            use(world, FIRST_NOON + 3600 * direction, direction, service,
                1.0 / 3 + 17 * direction + service, 20);
    cover(world, OCTOBER + 600, 60);
}

/* A name in the reader's language; what programs read keeps the other one. */
static void services_have_names_in_french(void **state)
{
    static const char name[] = "Causette";
    struct world *world = *state;
    struct service named = services[1];
    struct month_report *report;

    snprintf(named.label_fr, sizeof(named.label_fr), "%s", name);
    assert_true(catalogue_set_service(world->config->catalogue, 1, &named));
    use_all(world);
    report = build(world);
    for (int format = 0; format < FORMATS; format++)
        assert_int_equal(contains(report, (enum format)format, name),
                         format == HTML_FR || format == SHEET);
    assert_true(contains(report, HTML_EN, named.label));
    assert_true(contains(report, CSV, named.label));
    assert_true(contains(report, JSON, named.label));
    assert_false(contains(report, HTML_FR, named.label));
    month_free(report);
}

/* Words of the files of factors: what a figure covers is told in either language; titles are not
 * translated, and French pages say that they are English. */
static void factors_speak_the_readers_language(void **state)
{
    static const char english[] = "<td>what EcoLogits assumes for the data centres";
    static const char french[] = "<td>ce qu’EcoLogits suppose des centres de données";
    static const char title[] = "Ember via Our World in Data";
    struct world *world = *state;
    struct month_report *report;

    use_all(world);
    report = build(world);
    assert_true(contains(report, HTML_FR, french));
    assert_false(contains(report, HTML_FR, english + strlen("<td>")));
    assert_true(contains(report, HTML_EN, english));
    assert_false(contains(report, HTML_EN, french));
    for (int english_page = 0; english_page < 2; english_page++) {
        char cell[80];

        snprintf(cell, sizeof(cell), "<td lang=\"en\">%s", title);
        assert_int_equal(contains(report, english_page ? HTML_EN : HTML_FR, cell), !english_page);
        snprintf(cell, sizeof(cell), "<td>%s", title);
        assert_int_equal(contains(report, english_page ? HTML_EN : HTML_FR, cell), english_page);
    }
    month_free(report);
}

static void assert_adds_up(const struct month_report *report, const struct month_table *table)
{
    for (int i = 0; i < MONTH_INDICATORS; i++) {
        enum month_indicator indicator = (enum month_indicator)i;
        struct triple total = month_value(&report->total, indicator);
        struct triple sum = triple_exact(0);
        struct text_band bands[DIRECTIONS + SERVICES], rounded, added = {0};

        rounded = month_round(report, table, indicator, bands);
        for (size_t row = 0; row < table->count; row++) {
            sum = triple_add(sum, month_value(&table->rows[row].totals, indicator));
            added.low += bands[row].low;
            added.central += bands[row].central;
            added.high += bands[row].high;
        }
        assert_close(sum.low, total.low);
        assert_close(sum.central, total.central);
        assert_close(sum.high, total.high);
        assert_memory_equal(&added, &rounded, sizeof(added));
    }
}

static void adds_up_in_both_tables(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    double requests = 0;

    use_all(world);
    for (int direction = 0; direction <= DIRECTIONS; direction++)
        for (int service = 0; service < SERVICES; service++)
            requests += 1.0 / 3 + 17 * direction + service;
    report = build(world);
    assert_int_equal(report->directions.count, DIRECTIONS + 1);
    assert_int_equal(report->services.count, SERVICES);
    assert_close(report->total.activity.requests.central, requests);
    assert_true(report->total.impact.energy_kwh.central > 0);
    assert_true(report->total.requests_without_impact.central > 0);
    assert_int_equal(report->total.activity.grade, GRADE_E);
    assert_adds_up(report, &report->directions);
    assert_adds_up(report, &report->services);
    month_free(report);
}

static void adds_up_with_cells_folded(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    use_all(world);
    use(world, FIRST_NOON + DAY_S, 3, 0, 11, 3);
    report = build(world);
    assert_adds_up(report, &report->directions);
    assert_adds_up(report, &report->services);
    month_free(report);
}

static void reads_the_local_month_alone(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    use(world, OCTOBER - 60, 1, 0, 1000, 20);
    use(world, OCTOBER, 1, 0, 1, 20);
    use(world, FIRST_NOON, 1, 0, 4, 20);
    use(world, OCTOBER + OCTOBER_S - 60, 1, 0, 2, 20);
    use(world, OCTOBER + OCTOBER_S, 1, 0, 1000, 20);
    cover(world, OCTOBER - 60, 60);
    cover(world, OCTOBER, 60);
    report = build(world);
    assert_close(report->total.activity.requests.central, 7);
    assert_true(report->month_s == OCTOBER_S);
    assert_true(report->covered_s == 60);
    assert_false(report->running);
    assert_int_equal(report->day_count, 31);
    assert_int_equal(report->days[24].end - report->days[24].start, DAY_S + 3600);
    assert_true(report->days[0].active && report->days[30].active && !report->days[1].active);
    month_free(report);
}

static void refuses_a_month_without_data(void **state)
{
    struct world *world = *state;
    char error[200];

    assert_null(build_at(world, "2026-09", LATER, error));
    assert_string_equal(error, "no data for 2026-09: the ledger is empty");
    use(world, FIRST_NOON + 2 * DAY_S, 1, 0, 1, 20);
    cover(world, OCTOBER + OCTOBER_S - 60, 60);
    assert_null(build_at(world, "2026-09", LATER, error));
    assert_string_equal(error, "no data for 2026-09: the ledger holds 2026-10-03 to 2026-10-31");
    assert_null(build_at(world, "2027-05", LATER, error));
}

static void tells_that_the_month_is_running(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    char error[200];
    int64_t now = OCTOBER + 13 * DAY_S + 10 * 3600 + 32 * 60 + 17; /* the 14th, 10:32:17 */

    use(world, FIRST_NOON, 1, 0, 1, 20);
    use(world, calendar_interval(now), 1, 0, 1000, 20);
    cover(world, OCTOBER, 60);
    report = build_at(world, "2026-10", now, error);
    assert_non_null(report);
    assert_true(report->running);
    assert_close(report->total.activity.requests.central, 1);
    assert_true(report->month_s == (double)(now - OCTOBER - 17));
    assert_int_equal(report->day_count, 14);
    assert_true(contains(report, HTML_FR, "Mois en cours, arrêté au 14 octobre 2026 à 10:32."));
    assert_true(contains(report, HTML_EN, "Month still running, as of 14 October 2026, 10:32."));
    assert_true(contains(report, JSON, "\"until\": \"2026-10-14T10:32:00+02:00\""));
    assert_true(contains(report, HTML_FR, "Rapport provisoire, à ne pas publier"));
    assert_true(contains(report, HTML_EN, "Provisional report, not to be published"));
    assert_true(contains(report, TERMINAL, "Rapport provisoire, à ne pas publier"));
    assert_true(contains(report, JSON, "Provisional report, not to be published"));
    month_free(report);
    report = build(world);
    assert_nowhere(report, "rovis");
    month_free(report);
}

static void folds_small_directions_together(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    const struct month_row *other;

    use(world, FIRST_NOON, 1, 0, 100, 50);
    use(world, FIRST_NOON, 2, 0, 90, 30);
    use(world, FIRST_NOON, 3, 0, 7, 4);  /* Cabinet: too small */
    use(world, FIRST_NOON, 4, 0, 60, 9); /* Direction générale: hides it */
    cover(world, OCTOBER, 60);
    report = build(world);
    assert_int_equal(report->suppressed, SUPPRESS_MERGED);
    assert_int_equal(report->directions.count, 3);
    other = row_of(&report->directions, MONTH_OTHER);
    assert_non_null(other);
    assert_ptr_equal(other, &report->directions.rows[2]);
    assert_true(other->is_other);
    assert_close(other->totals.activity.requests.central, 67);
    assert_nowhere(report, "Cabinet");
    assert_nowhere(report, "Direction générale");
    assert_true(contains(report, HTML_FR, ">Autres<"));
    month_free(report);
}

/* Four devices at FIRST_S, and the same four at THEN_S, as another direction: its code was changed,
 * or its network was given to another one. Nothing in the ledger tells that they are the same. */
static void use_renamed(struct world *world, int64_t first_s, int64_t then_s)
{
    use(world, first_s, 3, 0, 7, 4);
    use(world, then_s, 5, 0, 8, 4);
}

/* Four people are not eight: a pair that has enough alone is folded with them. */
static void assert_hides_the_renamed(struct world *world)
{
    struct month_report *report;
    const struct month_row *other;

    use(world, FIRST_NOON, 1, 0, 100, 50);
    use(world, FIRST_NOON, 2, 0, 90, 30);
    use(world, FIRST_NOON, 4, 0, 60, 9);
    report = build(world);
    other = row_of(&report->directions, MONTH_OTHER);
    assert_non_null(other);
    assert_close(other->totals.activity.requests.central, 7 + 8 + 60);
    assert_int_equal(report->directions.count, 3);
    assert_nowhere(report, "15,15,15");
    assert_true(contains(report, HTML_FR, "direction renommée, réseau réattribué"));
    month_free(report);
}

static void counts_a_renamed_direction_once(void **state)
{
    struct world *world = *state;

    use_renamed(world, FIRST_NOON + DAY_S, FIRST_NOON + 15 * DAY_S);
    assert_hides_the_renamed(world);
}

/* Renamed by a reload: both have four devices on the same UTC day. */
static void counts_a_direction_renamed_by_day_once(void **state)
{
    struct world *world = *state;

    use_renamed(world, FIRST_NOON, FIRST_NOON + 3600);
    assert_hides_the_renamed(world);
}

/* Few people are the whole authority: not even the total, whatever they were called. */
static void withholds_the_total_of_a_renamed_direction(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    use_renamed(world, FIRST_NOON, FIRST_NOON + 15 * DAY_S);
    use(world, FIRST_NOON + 3600, 5, 0, 10, 4);
    report = build(world);
    assert_int_equal(report->devices, 4);
    assert_true(report->withheld);
    assert_int_equal(report->day_count, 0);
    month_free(report);
}

/* Nor the day on which it was renamed, in the graph. */
static void draws_no_day_of_a_renamed_direction(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    for (int day = 0; day < 4; day++)
        use(world, FIRST_NOON + day * DAY_S, 1, 0, 100, 30 + (uint32_t)day);
    use_renamed(world, FIRST_NOON + 4 * DAY_S, FIRST_NOON + 4 * DAY_S + 3600);
    report = build(world);
    assert_true(report->days[4].hidden);
    assert_true(report->days[0].hidden); /* the next smallest */
    assert_false(report->days[1].hidden);
    month_free(report);
}

/* A process that was started anew, another gateway's interface, a file that is read once more: each
 * counts the same devices of that day from zero. */
static void counts_devices_of_several_processes_once(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    for (int process = 0; process < 3; process++)
        use(world, FIRST_NOON, 1, 0, 10, 3);
    report = build(world);
    assert_int_equal(report->devices, 3);
    assert_true(report->withheld);
    month_free(report);
}

/* Neither are days added up: three on each of them may be the same three. */
static void counts_devices_of_several_days_once(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    for (int day = 0; day < 20; day++)
        use(world, FIRST_NOON + day * DAY_S, 1, 0, 10, 3);
    report = build(world);
    assert_int_equal(report->devices, 3);
    assert_true(report->withheld);
    month_free(report);
}

/* The row's requests without impact were those of the one device on the other service. */
static void folds_a_lone_device_on_another_service(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    const struct month_row *row;

    use(world, FIRST_NOON, 1, 0, 100, 50);
    use(world, FIRST_NOON, 1, 2, 37, 1);
    use(world, FIRST_NOON, 2, 0, 90, 30);
    use(world, FIRST_NOON, 2, 2, 60, 9);
    report = build(world);
    row = row_of(&report->directions, "DRH");
    assert_non_null(row);
    assert_close(row->totals.activity.requests.central, 100);
    assert_true(row->totals.requests_without_impact.high == 0);
    assert_null(row_of(&report->services, "pictures")); /* 9 devices hide the one */
    row = row_of(&report->services, MONTH_OTHER);
    assert_non_null(row);
    assert_close(row->totals.requests_without_impact.central, 97);
    assert_nowhere(report, "\u202f37<");
    assert_nowhere(report, ",37,");
    month_free(report);
}

/* Shown: 100 requests and 90 with an estimate, 60 without. */
static void use_what_is_shown(struct world *world)
{
    use(world, FIRST_NOON, 1, 0, 100, 50);
    use(world, FIRST_NOON, 2, 0, 90, 30);
    use(world, FIRST_NOON, 2, 2, 60, 9);
}

static double shown_energy(const struct month_report *report)
{
    double sum_kwh = 0;

    for (size_t i = 0; i < report->cell_count; i++)
        sum_kwh += report->cells[i].totals.impact.energy_kwh.central;
    return sum_kwh;
}

/* One of the hidden pairs has enough devices, those without an estimate only two: their requests
 * are the total's less those of the others, and their tokens too. */
static void tells_no_requests_without_impact_of_few_devices(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    const struct month_row *other;

    use_what_is_shown(world);
    use(world, FIRST_NOON, 3, 2, 37, 2);
    for (uint16_t direction = 4; direction <= DIRECTIONS; direction++)
        use(world, FIRST_NOON, direction, 0, 10, 1);
    use(world, FIRST_NOON, 0, 0, 10, 1);
    use(world, FIRST_NOON, 1, 3, 10, 5);
    report = build(world);
    assert_true(report->units_of_shown);
    other = row_of(&report->directions, MONTH_OTHER);
    assert_non_null(other);
    assert_close(other->totals.activity.requests.central, 37 + 4 * 10);
    assert_true(other->totals.requests_without_impact.high == 0);
    assert_close(report->total.requests_without_impact.central, 60);
    assert_close(report->tokens_with_impact, 190 * 300.7);
    assert_close(report->per_request.energy_wh, shown_energy(report) * 1000 / 190);
    assert_close(report->per_1000_tokens.energy_wh, shown_energy(report) * 1e6 / (190 * 300.7));
    assert_nowhere(report, ",97,");
    assert_nowhere(report, ",37,");
    assert_nowhere(report, "\u202f97<");
    assert_true(contains(report, HTML_FR, "celles des seuls usages montrés"));
    assert_true(contains(report, JSON, "\"units_of_shown_only\": true"));
    month_free(report);
}

/* As few with an estimate. */
static void tells_no_requests_without_impact_of_all_but_few_devices(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    use_what_is_shown(world);
    use(world, FIRST_NOON, 3, 2, 37, 4);
    use(world, FIRST_NOON, 4, 2, 10, 5);
    use(world, FIRST_NOON, 5, 0, 10, 2);
    report = build(world);
    assert_true(report->units_of_shown);
    assert_close(report->total.requests_without_impact.central, 60);
    month_free(report);
}

static void tells_requests_without_impact_of_enough_devices(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    use_what_is_shown(world);
    use(world, FIRST_NOON, 3, 2, 37, 4);
    use(world, FIRST_NOON, 4, 2, 10, 5);
    report = build(world);
    assert_false(report->units_of_shown);
    assert_close(report->total.requests_without_impact.central, 60 + 47);
    assert_close(report->tokens_with_impact, 190 * 300.7);
    assert_close(report->per_request.energy_wh,
                 report->total.impact.energy_kwh.central * 1000 / 190);
    assert_false(contains(report, HTML_FR, "celles des seuls usages montrés"));
    month_free(report);
}

/* Of a pair with both, nobody knows whose a part is. */
static void a_pair_with_and_without_estimates_hides_neither(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    use_what_is_shown(world);
    use(world, FIRST_NOON, 3, 0, 37, 4);
    use(world, FIRST_NOON, 4, 0, 37, 4);
    without_impact = true;
    use(world, FIRST_NOON + 60, 3, 0, 10, 0);
    use(world, FIRST_NOON + 60, 4, 0, 10, 0);
    report = build(world);
    assert_true(report->units_of_shown);
    month_free(report);
}

/* No pair is shown: then there is nothing per unit. */
static void nothing_shown_has_no_figures_per_unit(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    use(world, FIRST_NOON, 1, 0, 100, 4);
    use(world, FIRST_NOON, 2, 2, 90, 3);
    report = build(world);
    assert_int_equal(report->suppressed, SUPPRESS_ALL);
    assert_true(report->units_of_shown);
    assert_true(report->total.requests_without_impact.high == 0);
    assert_true(report->per_request.energy_wh == 0 && report->tokens_with_impact == 0);
    assert_true(report->per_1000_tokens.energy_wh == 0);
    month_free(report);
}

/* Tokens and energy per token of two services were two equations for two unknowns. */
static void folds_a_lone_device_that_ratios_would_tell(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    const struct month_row *row;
    double ratio;

    use(world, FIRST_NOON, 2, 0, 1, 30);
    report = build(world);
    row = &report->directions.rows[0];
    ratio = row->totals.impact.energy_kwh.central / row->totals.activity.tokens_out.central;
    month_free(report);
    use(world, FIRST_NOON, 2, 1, 60, 9);
    use(world, FIRST_NOON, 1, 0, 1, 50);
    use(world, FIRST_NOON, 1, 1, 37, 1);
    report = build(world);
    row = row_of(&report->directions, "DRH");
    assert_non_null(row);
    assert_close(row->totals.impact.energy_kwh.central / row->totals.activity.tokens_out.central,
                 ratio);
    row = row_of(&report->services, "chatgpt-web");
    assert_close(row->totals.activity.requests.central, 2);
    assert_null(row_of(&report->services, "mistral-web"));
    month_free(report);
}

static void shows_the_total_alone_when_nothing_hides_a_cell(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    use(world, FIRST_NOON, 4, 0, 100, 50);
    use(world, FIRST_NOON, 3, 1, 7, 4);
    cover(world, OCTOBER, 60);
    report = build(world);
    assert_false(report->withheld);
    assert_int_equal(report->suppressed, SUPPRESS_ALL);
    assert_int_equal(report->directions.count + report->services.count, 0);
    assert_close(report->total.activity.requests.central, 107);
    assert_nowhere(report, "Cabinet");
    assert_nowhere(report, "Direction générale");
    /* The list of factors must not tell which services were used either. */
    assert_true(report->factors.whole_catalogue);
    assert_true(contains(report, HTML_FR, "Claude"));
    month_free(report);
}

static void withholds_everything_but_coverage(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    char *csv;

    use(world, FIRST_NOON, 1, 0, 31337, 2);
    use(world, FIRST_NOON, 2, 1, 4242, 2);
    cover(world, OCTOBER, 60);
    report = build(world);
    assert_true(report->withheld);
    assert_true(report->total.activity.requests.high == 0);
    assert_nowhere(report, "31337");
    assert_nowhere(report, "35579");
    assert_nowhere(report, "35\u202f579");
    assert_nowhere(report, "ChatGPT");
    assert_nowhere(report, "humaines");
    assert_true(contains(report, HTML_FR, "ne compte 5 appareils un même jour"));
    csv = written(report, CSV);
    assert_null(strstr(csv, ",total,"));
    assert_non_null(strstr(csv, "2026-10,coverage,,,covered_s,s,60,60,60,-,"));
    free(csv);
    month_free(report);
}

/* One device that uses every service is one device. */
static void counts_a_device_once(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    for (uint16_t service = 0; service < SERVICES; service++)
        use(world, FIRST_NOON, 1, service, 10, 2);
    cover(world, OCTOBER, 60);
    report = build(world);
    assert_int_equal(report->devices, 2);
    assert_true(report->withheld);
    month_free(report);
}

static void leaves_out_rows_without_activity(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    use(world, FIRST_NOON, 1, 0, 100, 50);
    use(world, FIRST_NOON, 2, 1, 100, 50);
    use(world, FIRST_NOON, 3, 3, 0, 1); /* a page was loaded, nothing was asked */
    cover(world, OCTOBER, 60);
    report = build(world);
    assert_int_equal(report->suppressed, SUPPRESS_NONE);
    assert_int_equal(report->directions.count, 2);
    assert_int_equal(report->services.count, 2);
    month_free(report);
}

static void hides_days_of_few_devices(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    for (int day = 0; day < 4; day++)
        use(world, FIRST_NOON + day * DAY_S, 1, 0, 100, day == 2 ? 1 : 30 + (uint32_t)day);
    cover(world, OCTOBER, 60);
    report = build(world);
    assert_true(report->days[2].hidden);
    assert_true(report->days[0].hidden); /* the next smallest, or subtraction finds the other */
    assert_false(report->days[1].hidden || report->days[3].hidden);
    assert_false(report->days[10].hidden || report->days[10].active);
    month_free(report);
}

/* UTC days end after midnight, local time: those who come then must not lend their number to the
 * day before, nor those of the next month to this one. */
static void borrows_no_devices_from_after_midnight(void **state)
{
    const int64_t after_midnight =
        12 * 3600 + 1800; /* after noon: 00:30 local, the same UTC date */
    struct world *world = *state;
    struct month_report *report;

    for (int day = 0; day < 4; day++)
        use(world, FIRST_NOON + day * DAY_S, 1, 0, 100, 20);
    use(world, FIRST_NOON + 8 * DAY_S, 1, 0, 100, 1);
    use(world, FIRST_NOON + 8 * DAY_S + after_midnight, 1, 0, 100, 50);
    report = build(world);
    assert_true(report->days[8].active && report->days[8].hidden);
    assert_true(report->days[9].active && report->days[9].hidden);
    assert_false(report->days[0].hidden || report->days[2].hidden); /* the 4th hides both */
    month_free(report);

    use(world, OCTOBER + OCTOBER_S - 3600, 2, 1, 4242, 1); /* 23:00 on the 31st */
    use(world, OCTOBER + OCTOBER_S + 1800, 2, 1, 100, 50);
    report = build(world);
    assert_int_equal(report->suppressed, SUPPRESS_ALL);
    assert_int_equal(report->services.count, 0);
    month_free(report);
}

/* What use_at_random() recorded. */
struct expected {
    double requests[DIRECTIONS + 1][SERVICES];
    uint32_t devices[DIRECTIONS + 1][SERVICES];
    double total;
};

static void use_at_random(struct world *world, struct expected *expected)
{
    for (uint16_t direction = 0; direction <= DIRECTIONS; direction++) {
        for (uint16_t service = 0; service < SERVICES; service++) {
            double requests = rand() % 1000 + 1;
            uint32_t devices = (uint32_t)(rand() % 3 ? rand() % 40 : rand() % 4) + 1;

            if (rand() % 3 == 0)
                continue;
            use(world, FIRST_NOON + rand() % 20 * DAY_S, direction, service, requests, devices);
            expected->requests[direction][service] = requests;
            expected->devices[direction][service] = devices;
            expected->total += requests;
        }
    }
}

static double requests_of(const struct month_table *table, const char *id)
{
    const struct month_row *row = row_of(table, id);

    return row ? row->totals.activity.requests.central : 0;
}

/* Whether the tables are those of the pairs that SHOWN names, one bit each. */
static bool is_sum_of(struct world *world, const struct month_report *report,
                      const struct expected *expected, uint32_t shown)
{
    double by_service[SERVICES] = {0};
    double sum = 0;

    for (uint16_t direction = 0; direction <= DIRECTIONS; direction++) {
        double row = 0;

        for (int service = 0; service < SERVICES; service++) {
            if (!(shown >> (direction * SERVICES + service) & 1))
                continue;
            row += expected->requests[direction][service];
            by_service[service] += expected->requests[direction][service];
        }
        sum += row;
        if (requests_of(&report->directions,
                        directions_get(world->config->directions, direction)->code) != row)
            return false;
    }
    for (int service = 0; service < SERVICES; service++)
        if (requests_of(&report->services, services[service].id) != by_service[service])
            return false;
    return requests_of(&report->directions, MONTH_OTHER) == expected->total - sum &&
           requests_of(&report->services, MONTH_OTHER) == expected->total - sum;
}

/* The printed rows are the sums of all pairs of enough devices, or of all of these but one; the
 * rest, which "other" holds, is at least two pairs and enough devices. */
static void assert_safe(struct world *world, const struct month_report *report,
                        const struct expected *expected)
{
    uint32_t large = 0;
    unsigned small = 0, found = 0;

    for (int i = 0; i < (DIRECTIONS + 1) * SERVICES; i++) {
        uint32_t devices = expected->devices[i / SERVICES][i % SERVICES];

        small += devices > 0 && devices < WORLD_THRESHOLD;
        if (devices >= WORLD_THRESHOLD)
            large |= UINT32_C(1) << i;
    }
    assert_close(report->total.activity.requests.central, expected->total);
    if (report->suppressed == SUPPRESS_ALL) {
        assert_int_equal(report->directions.count + report->services.count, 0);
        assert_true(small > 0 && (large & (large - 1)) == 0); /* at most one to show */
        return;
    }
    assert_adds_up(report, &report->directions);
    assert_adds_up(report, &report->services);
    if (is_sum_of(world, report, expected, large)) {
        uint32_t devices = 0;

        for (int direction = 0; direction <= DIRECTIONS; direction++) {
            uint32_t most = 0;

            for (int service = 0; service < SERVICES; service++)
                if (expected->devices[direction][service] < WORLD_THRESHOLD &&
                    expected->devices[direction][service] > most)
                    most = expected->devices[direction][service];
            devices += most;
        }
        assert_true(small == 0 || (small > 1 && devices >= WORLD_THRESHOLD));
        return;
    }
    assert_true(small > 0);
    for (int i = 0; i < (DIRECTIONS + 1) * SERVICES; i++)
        if (large >> i & 1)
            found += is_sum_of(world, report, expected, large & ~(UINT32_C(1) << i));
    assert_int_equal(found, 1);
}

static void shows_no_small_pair_in_any_month(void **state)
{
    unsigned results[3] = {0};

    srand(1);
    for (int round = 0; round < 150; round++) {
        struct expected expected = {0};
        struct month_report *report;

        if (round > 0)
            set_up(state);
        use_at_random(*state, &expected);
        report = build(*state);
        assert_false(report->withheld);
        results[report->suppressed]++;
        assert_safe(*state, report, &expected);
        month_free(report);
        if (round < 149)
            tear_down(state);
    }
    assert_true(results[SUPPRESS_MERGED] > 100);
}

static void prints_coverage(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    cover(world, OCTOBER, 60);
    cover(world, OCTOBER + 60, 90); /* two collectors, or a restart: capped to the interval */
    report = build(world);
    assert_true(report->covered_s == 120);
    assert_false(report->withheld);
    assert_true(contains(report, HTML_FR, "Aucun usage"));
    assert_true(contains(report, HTML_FR, "<td class=\"n\">1,00</td>")); /* 20 of 2000 lost */
    assert_true(contains(report, TERMINAL, " <\u00a00,1 h sur 745,0 h, soit <\u00a00,1"));
    assert_true(contains(report, JSON, "\"packets_dropped\": 20.0"));
    month_free(report);
}

/* Of local servers, too, where there are any; but not when the use of all is of too few people. */
static void coverage_says_what_was_not_seen_of_local_servers(void **state)
{
    const struct coverage local = {.covered_ns = UINT64_C(60000000000),
                                   .local_exchanges = 400,
                                   .local_unassigned = 20,
                                   .local_unstated = 40,
                                   .local_unread = 5,
                                   .local_elsewhere = 4,
                                   .local_lost = 1,
                                   .local_refused = 3,
                                   .local_evicted = 2};
    static const char *const records[] = {"local_exchanges,1,400", "local_unassigned,1,20",
                                          "local_unstated,1,40",   "local_unread,1,5",
                                          "local_elsewhere,1,4",   "local_lost,1,1",
                                          "local_refused,1,3",     "local_evicted,1,2"};
    struct world *world = *state;
    struct month_report *report;

    assert_int_equal(ledger_begin(world->ledger), LEDGER_OK);
    assert_int_equal(ledger_add_coverage(world->ledger, OCTOBER, &local), LEDGER_OK);
    assert_int_equal(ledger_commit(world->ledger), LEDGER_OK);
    use(world, FIRST_NOON, 1, 0, 10, 1);
    report = build(world);
    assert_true(report->withheld);
    for (enum format format = 0; format <= TERMINAL; format++)
        assert_false(contains(report, format, "local_") ||
                     contains(report, format, "serveur local"));
    month_free(report);
    use(world, FIRST_NOON, 1, 0, 10, 20);
    report = build(world);
    for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++)
        assert_true(contains(report, CSV, records[i]));
    assert_true(contains(report, JSON, "\"local_unassigned\": 0.05"));
    assert_true(contains(report, HTML_EN,
                         "<th scope=\"row\">of which the server did not state all tokens</th>"
                         "<td class=\"n\">40</td><td class=\"n\">10.00</td><td>Those tokens are "
                         "estimated, with their band.</td>"));
    assert_true(contains(report, HTML_FR,
                         "<th scope=\"row\">Connexions à un serveur local, ambiguës ou sans "
                         "HTTP/1 en clair</th><td class=\"n\">3</td>"));
    month_free(report);
}

/* A server without host.conf: neither few devices of its, nor few of all the rest. */
static void exchanges_with_local_servers_tell_no_few_devices(void **state)
{
    const struct coverage local = {.covered_ns = UINT64_C(60000000000), .local_exchanges = 37};
    struct world *world = *state;
    struct month_report *report;

    world->config->inference.servers[0] =
        (struct inference_server){.service = 1, .remote = SERVICE_NONE};
    world->config->inference.server_count = 1;
    assert_int_equal(ledger_begin(world->ledger), LEDGER_OK);
    assert_int_equal(ledger_add_coverage(world->ledger, OCTOBER, &local), LEDGER_OK);
    assert_int_equal(ledger_commit(world->ledger), LEDGER_OK);
    use(world, FIRST_NOON, 1, 0, 10, 30);
    use(world, FIRST_NOON, 2, 1, 10, 20);
    report = build(world);
    assert_true(contains(report, CSV, "local_exchanges,1,37"));
    month_free(report);
    use(world, FIRST_NOON, 3, 1, 37, 1); /* folded with 20 of the same server */
    report = build(world);
    assert_int_equal(report->suppressed, SUPPRESS_MERGED);
    assert_true(contains(report, CSV, "local_exchanges,1,37"));
    month_free(report);
    use(world, FIRST_NOON, 3, 0, 37, 1); /* and one of the rest */
    report = build(world);
    assert_int_equal(report->suppressed, SUPPRESS_MERGED);
    for (enum format format = 0; format <= TERMINAL; format++)
        assert_false(contains(report, format, "local_exchanges") ||
                     contains(report, format, "serveur local"));
    month_free(report);
    world->config->inference.server_count = 0;
}

/* Each quantity, with what it is a part of, in every format. */
static void coverage_says_what_was_not_seen(void **state)
{
    static const struct {
        const char *name;
        double value;
        double proportion; /* negative: of nothing */
    } EXPECTED[COVERAGE_LINES] = {
        {"covered_s", 60, 60 / (31 * 86400 + 3600.0)},
        {"packets", 990, -1},
        {"packets_dropped", 10, 0.01},
        {"packets_filtered", 90, 90 / 990.0},
        {"packets_duplicate", 5, 5 / 900.0},
        {"packets_undecodable", 99, 0.1},
        {"packets_truncated", 22, 22 / 990.0},
        {"packets_corrupt", 33, 33 / 990.0},
        {"packets_fragmented", 33, 33 / 990.0},
        {"packets_unspecified", 11, 11 / 990.0},
        {"packets_other", 0, 0},
        {"flows", 400, -1},
        {"flows_evicted", 0, 0},
        {"flows_untracked", 0, 0},
        {"flows_encrypted", 100, -1},
        {"names_seen", 60, 0.6},
        {"names_quic", 30, 0.3},
        {"names_hinted", 20, 0.2},
        {"names_encrypted", 5, 0.05},
        {"names_missing", 15, 0.15},
        {"flows_one_way", 20, 0.2},
        {"flows_resolver", 2, 0.02},
        {"dns_answers", 7, -1},
        {"dns_unasked", 1, 1 / 7.0},
        {"hints_displaced", 3, -1},
        {"bytes_lost", 0, -1},
        {"clock_steps", 0, -1},
    };
    struct world *world = *state;
    struct month_report *report;
    json_t *json, *proportion;
    char *text;

    cover(world, OCTOBER, 60);
    report = build(world);
    text = written(report, JSON);
    json = json_loads(text, 0, NULL);
    free(text);
    for (size_t i = 0; i < COVERAGE_LINES; i++) {
        char record[200];

        snprintf(record, sizeof(record),
                 "2026-10,coverage,,,%s,%s,%.0f,%.0f,%.0f,-,2026-10/@coverage/./%s\n",
                 EXPECTED[i].name,
                 i == 0                                        ? "s"
                 : strcmp(EXPECTED[i].name, "bytes_lost") == 0 ? "B"
                                                               : "1",
                 EXPECTED[i].value, EXPECTED[i].value, EXPECTED[i].value, EXPECTED[i].name);
        assert_true(contains(report, CSV, record));
        assert_true(json_number_value(json_object_get(json_object_get(json, "coverage"),
                                                      EXPECTED[i].name)) == EXPECTED[i].value);
        proportion =
            json_object_get(json_object_get(json, "coverage_proportions"), EXPECTED[i].name);
        assert_int_equal(proportion != NULL, EXPECTED[i].proportion >= 0);
        assert_true(!proportion || json_real_value(proportion) == EXPECTED[i].proportion);
    }
    json_decref(json);
    assert_true(contains(report, HTML_FR,
                         "<th scope=\"row\">Connexions dont le nom est chiffré (ECH), sans indice "
                         "DNS</th><td class=\"n\">5</td><td class=\"n\">5,00</td><td>Non "
                         "attribuées\u00a0: l’usage qui s’y trouvait n’est pas compté.</td>"));
    assert_true(
        contains(report, HTML_EN,
                 "<th scope=\"row\">Not decoded: reason not recorded</th>"
                 "<td class=\"n\">11</td><td class=\"n\">1.11</td><td>Recorded by a version "
                 "that did not tell the reasons apart.</td>"));
    month_free(report);
}

static void escapes_labels(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    json_t *json, *row;
    char *text;
    size_t index;
    bool found = false;

    use_all(world);
    report = build(world);
    assert_false(contains(report, HTML_FR, "<script"));
    assert_true(contains(report, HTML_FR, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;"));
    assert_true(contains(report, HTML_FR, "Ville &amp; &lt;métropole&gt;"));
    assert_true(contains(report, CSV, ",direction,DSN,\"Numérique, \"\"été\"\"\",requests,1,"));
    text = written(report, JSON);
    json = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(json);
    json_array_foreach(json_object_get(json, "directions"), index,
                       row) if (strcmp(json_string_value(json_object_get(row, "id")), "DRH") == 0)
        found = strcmp(json_string_value(json_object_get(row, "label")), directions[0].label) == 0;
    assert_true(found);
    json_decref(json);
    month_free(report);
}

static double central_of(const json_t *object, const char *indicator)
{
    return json_number_value(json_object_get(json_object_get(object, indicator), "central"));
}

static void writes_json_at_full_precision(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    json_t *json, *row;
    char *text;
    double sum = 0;
    size_t index;

    use_all(world);
    report = build(world);
    text = written(report, JSON);
    json = json_loads(text, 0, NULL);
    free(text);
    assert_string_equal(json_string_value(json_object_get(json, "schema")), "iagmeter-month/1");
    assert_string_equal(json_string_value(json_object_get(json, "from")),
                        "2026-10-01T00:00:00+02:00");
    assert_string_equal(json_string_value(json_object_get(json, "until")),
                        "2026-11-01T00:00:00+01:00");
    json_array_foreach(json_object_get(json, "services"), index, row) sum +=
        central_of(row, "water_l");
    assert_close(sum, report->total.impact.water_l.central);
    assert_true(central_of(json_object_get(json, "total"), "energy_kwh") ==
                report->total.impact.energy_kwh.central);
    assert_int_equal(json_array_size(json_object_get(json, "directions")), DIRECTIONS + 1);
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "factors"), "models")),
                     3);
    json_decref(json);
    month_free(report);
}

/* Fields of a CSV record; a quoted field may hold commas, none of ours holds a line feed. */
static size_t count_fields(const char *line, size_t length)
{
    size_t fields = 1;
    bool quoted = false;

    for (size_t i = 0; i < length; i++) {
        if (line[i] == '"')
            quoted = !quoted;
        fields += line[i] == ',' && !quoted;
    }
    return fields;
}

static void writes_csv_of_eleven_columns(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    size_t lines = 0;
    char *text;

    use_all(world);
    report = build(world);
    text = written(report, CSV);
    assert_int_equal(
        strncmp(text, "month,scope,id,label,indicator,unit,low,central,high,grade,figure\n", 66),
        0);
    for (const char *line = text; *line; lines++) {
        size_t length = strcspn(line, "\n");

        assert_int_equal(count_fields(line, length), 11);
        line += length + 1;
    }
    assert_int_equal(lines, 2 + 2 * 3 /* per functional unit */ + COVERAGE_LINES +
                                (2 + DIRECTIONS + SERVICES) * (MONTH_INDICATORS + 1) +
                                5 + /* images */
                                (VARIANT_WATER - 1) *
                                    (MONTH_ADPE - MONTH_ENERGY + 1)); /* no service in France */
    free(text);
    month_free(report);
}

/* Of a month's antimony, some 1e-8 kg, nobody reads the zeros; programs get the kilograms. */
static void antimony_is_told_in_a_fitting_unit(void **state)
{
    static const char *const row[] = {
        [HTML_FR] = "<td class=\"n\">24,7</td><td class=\"n\">49,3</td><td class=\"n\">74,0</td>"
                    "<td>µgSbeq</td></tr>",
        [HTML_EN] = "<td class=\"n\">24.7</td><td class=\"n\">49.3</td><td class=\"n\">74.0</td>"
                    "<td>µgSbeq</td></tr>",
        [CSV] = "adpe_kgsb,kgSbeq,2.466",
    };
    struct world *world = *state;
    struct month_report *report;

    use(world, FIRST_NOON, 1, 0, 1, 10);
    cover(world, OCTOBER, 60);
    report = build(world);
    report->total.impact.adpe_kgsb = (struct triple){2.466e-8, 4.932e-8, 7.398e-8};
    for (int format = HTML_FR; format <= CSV; format++)
        assert_true(contains(report, (enum format)format, row[format]));
    month_free(report);
}

/* In which part of the month, of services that it shows; nothing that is folded. */
static void calibrations_are_cited_in_every_form(void **state)
{
    static const char *const expected[][4] = {
        [HTML_FR] = {"chatgpt-web (tcp): calibration of 2026-09-30, n = 20 (à partir du 2026-10-10 "
                     "12:00 jusqu’au 2026-10-20 12:00)",
                     "mistral-web (quic): calibration of 2026-09-01, n = 20."},
        [HTML_EN] = {"chatgpt-web (tcp): calibration of 2026-09-30, n = 20 (from 2026-10-10 12:00 "
                     "until 2026-10-20 12:00)",
                     "mistral-web (quic): calibration of 2026-09-01, n = 20."},
        [CSV] = {"2026-10,calibration,chatgpt-web/tcp/./2026-09-30/1791626400,\"tcp: calibration "
                 "of 2026-09-30, n = "
                 "20\",from_s,s,1791626400,1791626400,1791626400,-,\n",
                 "2026-10,calibration,chatgpt-web/tcp/./2026-09-30/1791626400,\"tcp: calibration "
                 "of 2026-09-30, n = "
                 "20\",until_s,s,1792490400,1792490400,1792490400,-,\n",
                 "2026-10,calibration,mistral-web/quic/./2026-09-01/1780000000,\"quic: calibration "
                 "of 2026-09-01, n = "
                 "20\",from_s,s,1790805600,1790805600,1790805600,-,\n"},
        [JSON] = {"\"source\": \"calibration of 2026-09-30, n = 20\",\n      \"from\": "
                  "\"2026-10-10T12:00:00+02:00\",\n      \"until\": "
                  "\"2026-10-20T12:00:00+02:00\""},
    };
    static const char *const facts[][2] = {
        {"calibration_used chatgpt-web tcp 2026-09-30 1791626400",
         "1792490400 calibration of 2026-09-30, n = 20"},
        {"calibration_used mistral-web quic 2026-09-01 1780000000",
         "- calibration of 2026-09-01, n = 20"},
        {"calibration_used claude-web tcp 2026-09-01 1780000000",
         "- calibration of 2026-09-01, n = 99"},
    };
    struct world *world = *state;
    struct month_report *report;

    use(world, FIRST_NOON, 1, 0, 1, 10);
    use(world, FIRST_NOON, 1, 1, 1, 10);
    use(world, FIRST_NOON, 1, 3, 1, 1); /* folded */
    use(world, FIRST_NOON, 2, 0, 1, 10);
    use(world, FIRST_NOON, 2, 1, 1, 10);
    use(world, FIRST_NOON, 2, 3, 1, 1);
    cover(world, OCTOBER, 60);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ledger_set_fact(world->ledger, facts[i][0], facts[i][1]), LEDGER_OK);
    report = build(world);
    for (int format = HTML_FR; format <= JSON; format++) {
        char *text = written(report, (enum format)format);

        for (size_t i = 0; i < 4 && expected[format][i]; i++)
            if (!strstr(text, expected[format][i]))
                fail_msg("form %d lacks: %s", format, expected[format][i]);
        assert_null(strstr(text, "n = 99"));
        free(text);
    }
    month_free(report);
}

/* One that took another's place, one of another way of streaming, one that came back, and one of
 * the same day and way that a capture was replayed with: none is lost among the others. */
static void calibrations_of_one_service_are_told_apart(void **state)
{
    static const char *const facts[][2] = {
        {"chatgpt-web tcp 2026-09-01 1780000000 text", "1791626400 same"},
        {"chatgpt-web tcp 2026-09-01 1780000060 text", "1790809200 replayed"},
        {"chatgpt-web tcp 2026-09-01 1792490400 text", "- same"},
        {"chatgpt-web tcp 2026-09-30 1791626400 text", "1792490400 same"},
        {"chatgpt-web tcp 2026-09-30 1791626400 work", "- same"},
        {"chatgpt-web quic 2026-09-30 1791626400", "- same"},
    };
    static const char *const ids[] = {
        "tcp/text/2026-09-01/1780000000,tcp: same,from_s,s,1790805600,",
        "tcp/text/2026-09-01/1780000060,tcp: replayed,until_s,s,1790809200,",
        "tcp/text/2026-09-01/1792490400,tcp: same,from_s,s,1792490400,",
        "tcp/text/2026-09-30/1791626400,tcp: same,until_s,s,1792490400,",
        "tcp/work/2026-09-30/1791626400,tcp: same,from_s,s,1791626400,",
        "quic/./2026-09-30/1791626400,quic: same,from_s,s,1791626400,",
    };
    struct world *world = *state;
    struct month_report *report;
    char name[100], *text;

    use(world, FIRST_NOON, 1, 0, 1, 10);
    cover(world, OCTOBER, 60);
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        snprintf(name, sizeof(name), "calibration_used %s", facts[i][0]);
        assert_int_equal(ledger_set_fact(world->ledger, name, facts[i][1]), LEDGER_OK);
    }
    report = build(world);
    text = written(report, CSV);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        snprintf(name, sizeof(name), "\n2026-10,calibration,chatgpt-web/%s", ids[i]);
        if (!strstr(text, name))
            fail_msg("not there: %s", name);
    }
    free(text);
    month_free(report);
}

static void assert_well_formed(const struct month_report *report, enum format format)
{
    char path[100], command[300];
    char *text = written(report, format);
    FILE *stream;

    snprintf(path, sizeof(path), "%s/report.html", scratch_directory);
    stream = fopen(path, "we");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
    free(text);
    snprintf(command, sizeof(command), "xmllint --nonet --noout '%s'", path);
    assert_int_equal(system(command), 0);
}

static void writes_well_formed_html(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    if (system("command -v xmllint >/dev/null") != 0) {
        print_message("no xmllint: well-formedness not checked\n");
        skip();
    }
    use(world, FIRST_NOON, 1, 0, 1, 1);
    cover(world, OCTOBER, 60);
    report = build(world);
    assert_true(report->withheld);
    assert_well_formed(report, HTML_FR);
    month_free(report);
    use_all(world);
    use(world, FIRST_NOON + DAY_S, 3, 0, 1, 2);
    report = build(world);
    assert_well_formed(report, HTML_FR);
    assert_well_formed(report, HTML_EN);
    month_free(report);
}

static void writes_no_address(void **state)
{
    static const char *const patterns[] = {
        "(^|[^0-9.])[0-9]{1,3}(\\.[0-9]{1,3}){3}([^0-9.]|$)", /* IPv4 */
        "[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){4}",             /* IPv6 and hardware */
        "[0-9a-fA-F]{1,4}::[0-9a-fA-F]{0,4}",                 /* IPv6, shortened */
    };
    struct world *world = *state;
    struct month_report *report;

    use_all(world);
    report = build(world);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        regex_t pattern;

        assert_int_equal(regcomp(&pattern, patterns[i], REG_EXTENDED | REG_NOSUB | REG_NEWLINE), 0);
        for (int format = 0; format < FORMATS; format++) {
            char *text = written(report, (enum format)format);

            assert_int_equal(regexec(&pattern, text, 0, NULL, 0), REG_NOMATCH);
            free(text);
        }
        regfree(&pattern);
    }
    month_free(report);
}

static void states_factors_and_vintage(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    int64_t current = world->factor_set;

    use(world, FIRST_NOON, 1, 0, 100, 50);
    cover(world, OCTOBER, 60);
    report = build(world);
    assert_false(report->factors.whole_catalogue || report->factors.other_vintage);
    assert_int_equal(report->factors.count, 1);
    assert_true(contains(report, HTML_FR, "gpt-4o"));
    assert_true(contains(report, HTML_FR, "EcoLogits main 5be90da"));
    assert_true(
        contains(report, HTML_FR, "<td>énergie d’un jeton par milliard de paramètres</td>"));
    assert_true(contains(report, SHEET, "énergie d’un jeton par milliard de paramètres"));
    assert_false(contains(report, HTML_FR, "Claude"));
    month_free(report);
    assert_int_equal(ledger_factor_set(world->ledger, "2025-draft", 2, &world->factor_set),
                     LEDGER_OK);
    use(world, FIRST_NOON + 60, 1, 0, 100, 50);
    world->factor_set = current;
    report = build(world);
    assert_int_equal(report->vintage_count, 2);
    assert_true(report->factors.other_vintage);
    assert_true(contains(report, HTML_FR, "2025-draft"));
    month_free(report);
}

/* Method B's coefficients stand in the report when one of its services is estimated by them. */
static void tells_the_method_of_each_service(void **state)
{
    struct world *world = *state;
    struct service by_b = services[0];
    struct month_report *report;

    use(world, FIRST_NOON, 1, 0, 100, 50);
    cover(world, OCTOBER, 60);
    report = build(world);
    assert_false(contains(report, HTML_FR, "batch_exponent"));
    assert_false(contains(report, JSON, "method_b"));
    month_free(report);
    by_b.method = SERVICE_METHOD_B;
    assert_true(catalogue_set_service(world->config->catalogue, 0, &by_b));
    report = build(world);
    assert_true(contains(report, HTML_FR, "Méthode B"));
    assert_true(contains(report, HTML_FR, "8 / 32 / 64"));
    assert_true(contains(report, HTML_FR, "ML.ENERGY v3"));
    assert_true(contains(report, JSON, "batch_exponent"));
    assert_true(contains(report, JSON, "\"method_a\""));
    month_free(report);
}

/* Characters, as a terminal shows them. */
static size_t width_of_line(const char *line)
{
    size_t width = 0;

    for (; *line && *line != '\n'; line++)
        width += ((unsigned char)*line & 0xc0) != 0x80;
    return width;
}

static void aligns_the_terminal_table(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    size_t lines = 0, width = 0;
    char *text;

    use_all(world);
    report = build(world);
    text = written(report, TERMINAL);
    for (const char *line = text; line && *line; line = strchr(line, '\n') + 1, lines++) {
        if (lines == 1)
            width = width_of_line(line);
        else if (lines > 1 && lines <= 2 + DIRECTIONS)
            assert_int_equal(width_of_line(line), width);
    }
    assert_true(width > 80);
    free(text);
    month_free(report);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* What one pair would make with METHOD (NULL: A). */
static struct impact otherwise(const struct world *world, uint16_t service, double requests,
                               const struct method_b *method)
{
    struct activity activity = activity_of(service, requests);
    struct impact_factors factors;

    assert_null(impact_resolve(world->config->factors,
                               catalogue_service(world->config->catalogue, service), &factors));
    factors.method_b = method;
    return impact_compute(&factors, activity.requests, activity.tokens_in, activity.tokens_out);
}

static void assert_same_band(struct triple a, struct triple b)
{
    if (!(fabs(a.low - b.low) <= 1e-12 * b.low &&
          fabs(a.central - b.central) <= 1e-12 * b.central &&
          fabs(a.high - b.high) <= 1e-12 * b.high))
        fail_msg("%.17g %.17g %.17g is not %.17g %.17g %.17g", a.low, a.central, a.high, b.low,
                 b.central, b.high);
}

/* As version 0.1 recorded: without the random part. */
static void forget_variances(void)
{
    assert_int_equal(scratch_sql("ledger.db", "UPDATE activity SET tokens_out_variance = NULL"),
                     SQLITE_OK);
}

static double sigma_of(struct world *world)
{
    struct month_report *report = build(world);
    double sigma = month_random_sigma(&report->total, world->config->factors);

    month_free(report);
    return sigma;
}

/* Four times the exchanges: half the random part, and a band that is no narrower. */
static void only_the_random_part_of_a_month_narrows(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    double once, width;

    use(world, FIRST_NOON, 1, 0, 100, 20);
    once = sigma_of(world);
    assert_true(fabs(once - sqrt(100 * 90000) / 30070) < 1e-12);
    report = build(world);
    width = report->total.activity.tokens_out.high / report->total.activity.tokens_out.low;
    month_free(report);
    for (int i = 1; i < 4; i++)
        use(world, FIRST_NOON + i * 600, (uint16_t)(i % 2 + 1), 0, 100, 20);
    assert_true(fabs(sigma_of(world) - once / 2) < 1e-12);
    report = build(world);
    assert_true(
        fabs(report->total.activity.tokens_out.high / report->total.activity.tokens_out.low -
             width) < 1e-12);
    month_free(report);
}

/* What was recorded without it goes by the factor, as it always did; the two add up as squares. */
static void an_older_month_takes_the_random_part_of_the_factors(void **state)
{
    struct world *world = *state;
    double new_part = sqrt(60 * 90000), old_part = 0.5 * 40 * 300.7 / sqrt(40);

    use(world, FIRST_NOON, 1, 0, 40, 20);
    forget_variances();
    assert_true(fabs(sigma_of(world) - 0.5 / sqrt(40)) < 1e-12);
    use(world, FIRST_NOON + 600, 1, 0, 60, 20);
    assert_true(fabs(sigma_of(world) - hypot(new_part, old_part) / 30070) < 1e-12);
}

static void writers_tell_the_random_part_and_the_units(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    char *text;

    use(world, FIRST_NOON, 1, 0, 100, 20);
    report = build(world);
    text = written(report, CSV);
    assert_non_null(strstr(text, "2026-10,total,,,tokens_out_random_sigma,1,0.0997"));
    assert_non_null(strstr(text, "2026-10,total,,,images,1,0,100,300,"));
    assert_non_null(strstr(text, "2026-10,total,,,audio_seconds,s,50,100,200,"));
    assert_non_null(strstr(text, "2026-10,total,,,uploads,1,90,100,110"));
    free(text);
    text = written(report, JSON);
    assert_non_null(strstr(text, "\"tokens_out_random_sigma\": 0.0997"));
    assert_non_null(strstr(text, "\"id\": \"2026-10/./chatgpt-web/images\""));
    free(text);
    text = written(report, HTML_FR);
    assert_non_null(strstr(text, "en reste que 9,98"));
    free(text);
    month_free(report);
}

/* 1.228 Wh of GPU for one; PUE 1.20; 40 % for the host and 17.2 % for machines that wait. */
static void images_have_an_impact_besides_the_total(void **state)
{
    struct world *world = *state;
    const double kwh = 100 * 1.228e-3 * 1.572 * 1.2;
    struct units_impact images;
    struct month_report *report;
    char *text;

    use(world, FIRST_NOON, 1, 2, 100, 20);
    report = build(world);
    assert_true(report->total.impact.energy_kwh.high == 0);
    units_compute(world->config, &services[2], &report->total, &images);
    assert_string_equal(images.medium->id, "image/sd-3.5-large");
    assert_true(fabs(images.impact.energy_kwh.central - kwh) < 1e-12);
    assert_true(images.impact.energy_kwh.low == 0);
    assert_true(fabs(images.impact.energy_kwh.high - 3 * kwh) < 1e-12);
    assert_true(images.impact.gwp_embodied_kgco2e.high == 0);
    text = written(report, CSV);
    assert_non_null(strstr(text, "2026-10,images,pictures,Images,energy_kwh,kWh,0,0.231"));
    free(text);
    text = written(report, JSON);
    assert_non_null(strstr(text, "\"image_model\": \"image/sd-3.5-large\""));
    free(text);
    text = written(report, HTML_FR);
    assert_non_null(strstr(text, "<h2>Images, son et fichiers</h2>"));
    assert_non_null(strstr(text, "cherche juste après la réponse compte"));
    assert_non_null(strstr(text, "<td>image/sd-3.5-large</td>"));
    /* The limits do not deny what stands there. */
    assert_null(strstr(text, "vidéo n’est pas estimé"));
    assert_non_null(strstr(text, "seul celui des images est estimé"));
    free(text);
    month_free(report);
}

/* Of a service without a model, 0 kWh would read as a finding. */
static void what_is_not_estimated_is_no_zero(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    char *text, *row;

    use(world, FIRST_NOON, 1, 0, 100, 20);
    use(world, FIRST_NOON, 2, 2, 100, 20);
    report = build(world);
    assert_true(month_is_unknown(&report->services.rows[1].totals, MONTH_WATER));
    assert_false(month_is_unknown(&report->services.rows[1].totals, MONTH_REQUESTS));
    assert_false(month_is_unknown(&report->total, MONTH_WATER));
    text = written(report, HTML_FR);
    row = strstr(text, "<code>pictures</code>");
    assert_non_null(row);
    *strstr(row, "</tr>") = '\0';
    assert_non_null(strstr(row, "</span></td><td class=\"n\">–</td><td class=\"n\">–</td>"
                                "<td class=\"n\">–</td><td class=\"n\">–</td>"));
    free(text);
    text = written(report, TERMINAL);
    assert_non_null(strstr(text, " –  "));
    free(text);
    month_free(report);
}

static void without_a_figure_the_report_says_so(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    char *text;

    use(world, FIRST_NOON, 1, 0, 100, 20);
    report = build(world);
    text = written(report, HTML_EN);
    assert_non_null(strstr(text, "<td>no figure is known</td>"));
    free(text);
    text = written(report, CSV);
    assert_null(strstr(text, "2026-10,images,"));
    free(text);
    text = written(report, JSON);
    assert_non_null(strstr(text, "\"images_besides\": null"));
    free(text);
    month_free(report);
}

/* Which service a few devices had images of is not told, nor how many it made. */
static void images_of_few_devices_are_folded(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    const struct month_row *other;

    use(world, FIRST_NOON, 1, 0, 100, 20);
    use(world, FIRST_NOON, 2, 0, 100, 20);
    use(world, FIRST_NOON, 1, 2, 17, WORLD_THRESHOLD - 1);
    report = build(world);
    assert_int_equal(report->suppressed, SUPPRESS_MERGED);
    other = &report->directions.rows[report->directions.count - 1];
    assert_true(other->is_other);
    assert_true(other->totals.activity.requests.central > 0);
    /* Neither there nor, by subtraction, in the total. */
    assert_true(other->totals.activity.images.high == 0);
    assert_true(other->totals.activity.audio_s.high == 0);
    assert_true(other->totals.activity.uploads.high == 0);
    assert_true(report->total.activity.images.central ==
                report->directions.rows[0].totals.activity.images.central);
    /* Of the random part, what its requests and tokens tell anyway. */
    assert_true(other->totals.activity.tokens_out_variance == 0);
    assert_true(other->totals.unscattered_requests == other->totals.activity.requests.central);
    for (enum format format = HTML_FR; format < FORMATS; format++) {
        char *text = written(report, format);

        assert_null(strstr(text, "2026-10,images,"));
        assert_null(strstr(text, "sd-3.5"));
        assert_null(strstr(text, "\"images\": 17"));
        free(text);
    }
    month_free(report);
}

/* Both methods are always computed, for all services and whichever is in use. */
static void the_month_is_computed_by_both_methods(void **state)
{
    struct world *world = *state;
    const struct method_b *b = factors_method_b(world->config->factors);
    struct month_report *report;
    const struct impact *impacts;

    use(world, FIRST_NOON, 1, 0, 100, 20);
    use(world, FIRST_NOON, 1, 1, 50, 20);
    report = build(world);
    impacts = report->variants.impacts;
    assert_true(report->variants.is_there);
    assert_false(report->variants.is_partial || report->variants.has_water ||
                 report->variants.is_changed);
    assert_memory_equal(&impacts[VARIANT_REPORT], &report->total.impact, sizeof(*impacts));
    assert_same_band(impacts[VARIANT_METHOD_A].energy_kwh, report->total.impact.energy_kwh);
    assert_same_band(
        impacts[VARIANT_METHOD_B].energy_kwh,
        triple_add(otherwise(world, 0, 100, b).energy_kwh, otherwise(world, 1, 50, b).energy_kwh));
    assert_same_band(
        impacts[VARIANT_METHOD_B].water_l,
        triple_add(otherwise(world, 0, 100, b).water_l, otherwise(world, 1, 50, b).water_l));
    assert_true(fabs(impacts[VARIANT_METHOD_B].energy_kwh.central /
                         impacts[VARIANT_METHOD_A].energy_kwh.central -
                     1) > 0.1);
    assert_true(contains(report, HTML_EN, "Method B for all services"));
    assert_true(contains(report, CSV, ",variant,method-b,,energy_kwh,kWh,"));
    assert_true(contains(report, JSON, "\"method-b\": {"));
    assert_false(contains(report, HTML_EN, "as counted by EDF"));
    assert_false(contains(report, HTML_EN, "computed again with no other factors"));
    month_free(report);
}

/* What was recorded with other factors is not compared with the methods as if by the same ones. */
static void a_month_of_other_factors_is_done_again(void **state)
{
    struct world *world = *state;
    struct service service = services[0];
    struct month_report *report;
    const struct impact *impacts;

    use(world, FIRST_NOON, 1, 0, 100, 20);
    snprintf(service.model, sizeof(service.model), "openai/gpt-5-nano");
    assert_true(catalogue_set_service(world->config->catalogue, 0, &service));
    report = build(world);
    impacts = report->variants.impacts;
    assert_true(report->variants.is_changed);
    assert_memory_equal(&impacts[VARIANT_RECOMPUTED], &impacts[VARIANT_METHOD_A], sizeof(*impacts));
    assert_true(impacts[VARIANT_RECOMPUTED].energy_kwh.central <
                impacts[VARIANT_REPORT].energy_kwh.central / 2);
    assert_true(contains(report, HTML_EN, "Done again with the factors installed"));
    assert_true(contains(report, CSV, ",variant,recomputed,"));
    month_free(report);
}

/* "It is the same sum in both tables": it must not read differently there. */
static void other_reads_the_same_in_both_tables(void **state)
{
    struct world *world = *state;
    struct text_band bands[2][16];

    for (int i = 0; i < 40; i++) {
        struct month_report *report;
        size_t last[2];

        use(world, FIRST_NOON + 60 * i, 1, 0, 10.3 + i, 40);
        use(world, FIRST_NOON + 60 * i, 1, 1, 2.9 + i, 30);
        use(world, FIRST_NOON + 60 * i, 2, 1, 7.7 * i, 20);
        use(world, FIRST_NOON + 60 * i, 2, 0, 1.1 * i, 30);
        use(world, FIRST_NOON + 60 * i, 3, 0, 3.1 + i, 40);
        use(world, FIRST_NOON + 60 * i, 3, 1, 1.3 + 0.4 * i, 1);
        report = build(world);
        assert_non_null(month_other(report));
        assert_in_range(report->directions.count, 2, 16);
        assert_in_range(report->services.count, 2, 16);
        last[0] = report->directions.count - 1;
        last[1] = report->services.count - 1;
        for (int j = 0; j <= MONTH_ADPE; j++) {
            month_round(report, &report->directions, (enum month_indicator)j, bands[0]);
            month_round(report, &report->services, (enum month_indicator)j, bands[1]);
            assert_memory_equal(&bands[0][last[0]], &bands[1][last[1]], sizeof(bands[0][0]));
        }
        month_free(report);
    }
}

/* Else a row "as in this report" would be less than the report, and nothing would say why. */
static void a_service_without_a_model_any_more_is_told(void **state)
{
    struct world *world = *state;
    struct service service = services[1];
    struct month_report *report;

    use(world, FIRST_NOON, 1, 0, 100, 20);
    use(world, FIRST_NOON, 1, 1, 50, 20);
    report = build(world);
    assert_false(report->variants.lacks_models);
    assert_false(contains(report, HTML_EN, "have no model any more"));
    month_free(report);
    service.model[0] = '\0';
    assert_true(catalogue_set_service(world->config->catalogue, 1, &service));
    report = build(world);
    assert_true(report->variants.impacts[VARIANT_REPORT].energy_kwh.central <
                report->total.impact.energy_kwh.central);
    assert_true(report->variants.lacks_models);
    assert_true(contains(report, HTML_EN, "have no model any more"));
    assert_true(contains(report, HTML_FR, "n’ont plus de modèle"));
    assert_true(contains(report, JSON, "\"lacks_models\": true"));
    month_free(report);
}

/* A host in France: all but the water stays. */
static void french_water_is_counted_both_ways(void **state)
{
    struct world *world = *state;
    struct service service = services[0];
    struct month_report *report;
    const struct impact *impacts;

    snprintf(service.provider, sizeof(service.provider), "france-hosting");
    assert_true(catalogue_set_service(world->config->catalogue, 0, &service));
    use(world, FIRST_NOON, 1, 0, 100, 20);
    report = build(world);
    impacts = report->variants.impacts;
    assert_true(report->variants.has_water);
    assert_memory_equal(&impacts[VARIANT_WATER].energy_kwh, &impacts[VARIANT_REPORT].energy_kwh,
                        sizeof(struct triple));
    assert_true(impacts[VARIANT_WATER].water_l.central <
                0.5 * impacts[VARIANT_METHOD_A].water_l.central);
    assert_true(contains(report, HTML_EN, "as counted by EDF"));
    month_free(report);
}

/* With other factors, what is folded would be one more equation about few devices. */
static void what_is_folded_is_computed_one_way_only(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    use(world, FIRST_NOON, 1, 0, 100, 20);
    use(world, FIRST_NOON, 2, 0, 50, 20);
    use(world, FIRST_NOON, 3, 1, 10, 1);
    report = build(world);
    assert_true(report->variants.is_partial);
    assert_true(report->variants.impacts[VARIANT_REPORT].energy_kwh.central <
                report->total.impact.energy_kwh.central);
    assert_true(contains(report, HTML_EN, "computed again with no other factors"));
    assert_true(contains(report, HTML_EN, "less than the total of the month"));
    assert_false(contains(report, HTML_EN, "As in this report<"));
    month_free(report);
}

/* Intensities of the first 24 hours of the month but one: 20 g, and 80 g from noon on. */
static void hold_intensities(void)
{
    const struct grid_source source = {
        "made.xls", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 1};
    struct grid_half_hour half_hours[48];
    struct grid_changes changes;
    struct grid *grid = grid_new();
    char path[200];
    size_t count = 0;
    FILE *stream;

    for (int64_t i = 0; i < 48; i++)
        if (i / 2 != 3)
            half_hours[count++] = (struct grid_half_hour){OCTOBER + i * HALF_HOUR_S,
                                                          i < 24 ? 20 : 80, GRID_CONSOLIDATED, 0};
    assert_true(grid_merge(grid, half_hours, count, &source, &changes, stderr));
    snprintf(path, sizeof(path), "%s/grid", scratch_directory);
    assert_int_equal(mkdir(path, 0700), 0);
    grid_path(scratch_directory, path, sizeof(path));
    stream = fopen(path, "we");
    assert_non_null(stream);
    assert_true(grid_write(grid, stream));
    fclose(stream);
    grid_free(grid);
}

/* Beside the yearly factor: the energy of each hour times its intensity, where one is held. */
static void french_electricity_is_told_hour_by_hour(void **state)
{
    struct world *world = *state;
    struct service service = services[0];
    struct month_report *report;
    const struct hourly_result *hourly;
    double a, b, c;

    hold_intensities();
    snprintf(service.provider, sizeof(service.provider), "france-hosting");
    assert_true(catalogue_set_service(world->config->catalogue, 0, &service));
    use(world, OCTOBER, 1, 0, 300, 20);                /* 20 g */
    use(world, OCTOBER + 3 * 3600 + 60, 1, 0, 50, 20); /* not held */
    use(world, OCTOBER + 12 * 3600, 1, 0, 100, 20);    /* 80 g */
    use(world, OCTOBER + 12 * 3600, 1, 1, 700, 20);    /* not in France */
    report = build(world);
    hourly = &report->hourly;
    assert_true(hourly->is_there);
    a = otherwise(world, 0, 300, NULL).energy_kwh.central;
    b = otherwise(world, 0, 50, NULL).energy_kwh.central;
    c = otherwise(world, 0, 100, NULL).energy_kwh.central;
    assert_close(hourly->sum.energy_kwh.central, a + b + c);
    assert_close(hourly->sum.known_kwh.central, a + c);
    assert_close(hourly->sum.direct_kgco2.central, 0.020 * a + 0.080 * c);
    assert_close(hourly->known_share, (a + c) / (a + b + c));
    assert_int_equal(hourly->coverage.hours, 23);
    assert_close(hourly->timing,
                 (0.020 * a + 0.080 * c) / (a + c) / ((11 * 0.020 + 12 * 0.080) / 23));
    assert_true(contains(report, HTML_EN, "23 hours of the month are known"));
    assert_true(contains(report, JSON, "\"hours_consolidated\": 23"));
    assert_true(contains(report, CSV, ",french-hours,,,direct_kgco2,kgCO2,"));
    month_free(report);
}

/* Nothing is said of hours when nothing is held, or nothing was used in France. */
static void without_intensities_there_is_the_year(void **state)
{
    struct world *world = *state;
    struct month_report *report;

    use(world, FIRST_NOON, 1, 0, 100, 20);
    report = build(world);
    assert_false(report->hourly.is_there);
    assert_true(contains(report, HTML_EN, "each country has its yearly factor"));
    assert_true(contains(report, JSON, "\"french_electricity_by_hour\": null"));
    assert_false(contains(report, CSV, "french-hours"));
    month_free(report);
    hold_intensities();
    report = build(world);
    assert_false(report->hourly.is_there);
    month_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_month_is_computed_by_both_methods),
        TEST(only_the_random_part_of_a_month_narrows),
        TEST(an_older_month_takes_the_random_part_of_the_factors),
        TEST(writers_tell_the_random_part_and_the_units),
        TEST(images_have_an_impact_besides_the_total),
        TEST(without_a_figure_the_report_says_so),
        TEST(what_is_not_estimated_is_no_zero),
        TEST(images_of_few_devices_are_folded),
        TEST(a_month_of_other_factors_is_done_again),
        TEST(other_reads_the_same_in_both_tables),
        TEST(a_service_without_a_model_any_more_is_told),
        TEST(french_water_is_counted_both_ways),
        TEST(what_is_folded_is_computed_one_way_only),
        TEST(french_electricity_is_told_hour_by_hour),
        TEST(without_intensities_there_is_the_year),
        TEST(what_rounds_to_nothing_reads_alike_everywhere),
        TEST(services_have_names_in_french),
        TEST(factors_speak_the_readers_language),
        TEST(adds_up_in_both_tables),
        TEST(adds_up_with_cells_folded),
        TEST(reads_the_local_month_alone),
        TEST(refuses_a_month_without_data),
        TEST(tells_that_the_month_is_running),
        TEST(folds_small_directions_together),
        TEST(counts_a_renamed_direction_once),
        TEST(counts_a_direction_renamed_by_day_once),
        TEST(withholds_the_total_of_a_renamed_direction),
        TEST(draws_no_day_of_a_renamed_direction),
        TEST(counts_devices_of_several_processes_once),
        TEST(counts_devices_of_several_days_once),
        TEST(folds_a_lone_device_on_another_service),
        TEST(tells_no_requests_without_impact_of_few_devices),
        TEST(tells_no_requests_without_impact_of_all_but_few_devices),
        TEST(tells_requests_without_impact_of_enough_devices),
        TEST(a_pair_with_and_without_estimates_hides_neither),
        TEST(nothing_shown_has_no_figures_per_unit),
        TEST(folds_a_lone_device_that_ratios_would_tell),
        TEST(shows_the_total_alone_when_nothing_hides_a_cell),
        TEST(withholds_everything_but_coverage),
        TEST(counts_a_device_once),
        TEST(leaves_out_rows_without_activity),
        TEST(hides_days_of_few_devices),
        TEST(borrows_no_devices_from_after_midnight),
        TEST(shows_no_small_pair_in_any_month),
        TEST(prints_coverage),
        TEST(coverage_says_what_was_not_seen),
        TEST(coverage_says_what_was_not_seen_of_local_servers),
        TEST(exchanges_with_local_servers_tell_no_few_devices),
        TEST(escapes_labels),
        TEST(writes_json_at_full_precision),
        TEST(writes_csv_of_eleven_columns),
        TEST(antimony_is_told_in_a_fitting_unit),
        TEST(calibrations_are_cited_in_every_form),
        TEST(calibrations_of_one_service_are_told_apart),
        TEST(writes_well_formed_html),
        TEST(writes_no_address),
        TEST(states_factors_and_vintage),
        TEST(tells_the_method_of_each_service),
        TEST(aligns_the_terminal_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
