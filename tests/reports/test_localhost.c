/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/localhost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "daemon/metrics.h"
#include "reports/hostview.h"
#include "reports/monthsums.h"
#include "tests/reports/csv.h"
#include "tests/reports/hostworld.h"
#include "tests/reports/readable.h"
#include "tests/reports/unnamed.h"
#include "tests/reports/workbook.h"

#define HALF_AND_HALF                                                                              \
    "sharing = ( { from = \"2026-01\"; key = \"hybrid\"; usage_share = 0.5; entitlement = (\n"     \
    "  { direction = \"DSN\"; share = 0.6; }, { direction = \"CULTURE\"; share = 0.4; } ); } );\n"
#define ENTITLED                                                                                   \
    "sharing = ( { from = \"2026-01\"; key = \"entitlement\"; entitlement = (\n"                   \
    "  { direction = \"DSN\"; share = 0.6; }, { direction = \"CULTURE\"; share = 0.4; } ); } );\n"

static double kwh(double joules)
{
    return joules / HOST_J_PER_KWH * HOST_PUE;
}

static void assert_cell(const struct month_report *report, const char *direction,
                        const char *service, double joules)
{
    const struct month_cell *cell = host_cell(report, direction, service);

    if (!cell)
        fail_msg("no cell of %s and %s", direction, service);
    assert_close(cell->totals.activity.energy_j, joules);
    assert_close(cell->totals.impact.energy_kwh.central, kwh(joules));
    assert_close(cell->totals.measured_kwh, kwh(joules));
}

/* ---- Facts ---- */

static void reads_what_was_measured(void **state)
{
    struct localhost *host;

    (void)state;
    host_month();
    assert_true(localhost_read(host_ledger, host_config, HOST_OCTOBER, HOST_LATER, &host));
    assert_non_null(host);
    assert_close(host->energy_j, HOST_ENERGY_J);
    assert_close(host->idle_j, HOST_IDLE_J);
    assert_true(host->pending_j == 0);
    assert_close(host->measured_s, HOST_MINUTES_S);
    assert_int_equal(host->device_count, 4);
    assert_string_equal(host->devices[3].name, "rapl/package-0");
    assert_close(host->devices[3].energy_j, 15000); /* and in no total */
    assert_close(host->devices[0].energy_j, 9700 + 5700 + 6700);
    assert_close(host->weight, 800);
    assert_close(localhost_share(host, "DSN"), 3.0 / 8);
    assert_close(localhost_share(host, "VOIRIE"), 4.0 / 8);
    assert_true(localhost_share(host, "CULTURE") == 0);
    localhost_free(host);
}

static void keeps_apart_what_is_not_shared_yet(void **state)
{
    struct localhost *host;

    (void)state;
    host_facts(HOST_MANY, HOST_MANY, HOST_MANY);
    host_share(HOST_NOON + 120);
    assert_true(localhost_read(host_ledger, host_config, HOST_OCTOBER, HOST_LATER, &host));
    assert_close(host->pending_j, 6700 + 4200 + 10800);
    assert_close(host->energy_j, HOST_ENERGY_J - host->pending_j);
    assert_close(host->measured_s, 120);
    localhost_free(host);
}

static void is_nothing_without_a_host(void **state)
{
    struct localhost *host;

    (void)state;
    assert_true(localhost_read(host_ledger, host_config, HOST_OCTOBER, HOST_LATER, &host));
    assert_null(host);
    host_month();
    hostconfig_free(host_config->host);
    host_config->host = NULL;
    assert_true(localhost_read(host_ledger, host_config, HOST_OCTOBER, HOST_LATER, &host));
    assert_null(host);
}

static bool is_of_dsn(const void *context, const char *direction, const char *service)
{
    (void)context;
    (void)service;
    return strcmp(direction, "DSN") == 0;
}

static void follows_a_direction_to_devices(void **state)
{
    struct localhost *host;
    struct localhost_part parts[4];

    (void)state;
    host_month();
    assert_true(localhost_read(host_ledger, host_config, HOST_OCTOBER, HOST_LATER, &host));
    assert_true(
        localhost_replay(host_ledger, host, HOST_OCTOBER, HOST_LATER, is_of_dsn, NULL, parts));
    assert_close(parts[0].active_j, 5000);
    assert_close(parts[0].used_j, 4000);
    assert_close(parts[0].share_j, 3000);
    assert_close(parts[1].used_j, 4000);
    assert_true(parts[1].share_j == 0);
    assert_close(parts[2].used_j, 3000);
    assert_close(parts[2].share_j, 1500);
    assert_true(parts[3].share_j == 0 && parts[3].used_j == 0);
    localhost_free(host);
}

/* ---- In the month ---- */

static void gives_each_direction_its_part(void **state)
{
    struct month_report *report;
    double sum_j = 0;

    (void)state;
    host_month();
    report = host_report();
    assert_int_equal(report->suppressed, SUPPRESS_NONE);
    assert_cell(report, "DSN", MISTRAL, HOST_DSN_J);
    assert_cell(report, "RH", MISTRAL, HOST_RH_J);
    assert_cell(report, "VOIRIE", QWEN, HOST_VOIRIE_J);
    assert_cell(report, "DSN", COMMON, HOST_COMMON_J * 3 / 8);
    assert_cell(report, "RH", COMMON, HOST_COMMON_J / 8);
    assert_cell(report, "VOIRIE", COMMON, HOST_COMMON_J / 2);
    assert_null(host_row(&report->directions, "unassigned"));
    for (size_t i = 0; i < report->directions.count; i++)
        sum_j += report->directions.rows[i].totals.activity.energy_j;
    assert_close(sum_j, HOST_ENERGY_J);
    assert_close(report->total.activity.energy_j, report->host->energy_j); /* the meter's */
    assert_close(report->total.impact.energy_kwh.central, kwh(HOST_ENERGY_J));
    assert_close(report->total.impact.gwp_embodied_kgco2e.central,
                 HOST_MINUTES_S / (5 * 365.0 * 86400) * (1700 + 2 * 164));
    assert_close(month_measured(report, NULL), 1);
    month_free(report);
}

static void shares_by_the_key_of_the_month(void **state)
{
    struct month_report *report;

    (void)state;
    host_configure(HALF_AND_HALF);
    host_month();
    report = host_report();
    /* CULTURE has a right to it, but no use: not told apart from few devices. */
    assert_null(host_cell(report, "CULTURE", COMMON));
    assert_int_equal(report->suppressed, SUPPRESS_MERGED);
    assert_close(report->total.activity.energy_j, HOST_ENERGY_J);
    assert_cell(report, "DSN", COMMON, HOST_COMMON_J * (0.5 * 3 / 8 + 0.5 * 0.6));
    assert_true(report->host_shown);
    month_free(report);
}

static void shows_what_is_declared(void **state)
{
    struct month_report *report;
    struct host_view *view;

    (void)state;
    host_configure(ENTITLED);
    host_month();
    report = host_report();
    assert_int_equal(report->suppressed, SUPPRESS_NONE);
    assert_cell(report, "DSN", COMMON, HOST_COMMON_J * 0.6);
    assert_cell(report, "CULTURE", COMMON, HOST_COMMON_J * 0.4);
    assert_null(host_cell(report, "VOIRIE", COMMON));
    view = hostview_new(report);
    assert_non_null(view);
    assert_true(view->host->has_key[SHARING_USAGE] && view->host->has_key[SHARING_ENTITLEMENT]);
    for (size_t i = 0; i < view->count; i++)
        if (view->lines[i].row && strcmp(view->lines[i].row->id, "VOIRIE") == 0)
            assert_close(view->lines[i].by_key_kwh[SHARING_USAGE].central,
                         kwh(HOST_VOIRIE_J + HOST_COMMON_J / 2));
    hostview_free(view);
    month_free(report);
}

static void leaves_to_nobody_what_nobody_used(void **state)
{
    struct month_report *report;

    (void)state;
    host_measure(HOST_NOON, 5700, 4200, 10800);
    host_share(HOST_NOON + 60);
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY);
    report = host_report();
    assert_cell(report, "unassigned", COMMON, 20700);
    assert_true(report->host_shown);
    assert_close(report->host->idle_j, report->host->energy_j);
    month_free(report);
}

static void tells_measured_from_estimated(void **state)
{
    struct month_report *report;
    const struct month_row *row;
    double estimated;

    (void)state;
    host_month();
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY);
    report = host_report();
    estimated = host_cell(report, "DSN", REMOTE)->totals.impact.energy_kwh.central;
    row = host_row(&report->directions, "DSN");
    assert_close(month_measured(report, row),
                 kwh(HOST_DSN_J + HOST_COMMON_J * 3 / 8) /
                     (kwh(HOST_DSN_J + HOST_COMMON_J * 3 / 8) + estimated));
    assert_close(month_measured(report, host_row(&report->directions, "VOIRIE")), 1);
    assert_close(month_measured(report, NULL),
                 kwh(HOST_ENERGY_J) / (kwh(HOST_ENERGY_J) + estimated));
    assert_true(month_measured(report, host_row(&report->services, REMOTE)) == 0);
    /* Other methods change nothing of what is measured. */
    assert_close(report->variants.impacts[VARIANT_REPORT].energy_kwh.central,
                 report->total.impact.energy_kwh.central);
    assert_true(report->variants.impacts[VARIANT_METHOD_B].energy_kwh.central > kwh(HOST_ENERGY_J));
    month_free(report);
}

/* 20 g in the hour of the three minutes. */
static void hold_intensities(void)
{
    const struct grid_source source = {
        "made.xls", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 1};
    const struct grid_half_hour half_hours[] = {{HOST_NOON, 20, GRID_CONSOLIDATED, 0},
                                                {HOST_NOON + 1800, 20, GRID_CONSOLIDATED, 0}};
    struct grid_changes changes;
    struct grid *grid = grid_new();
    char path[PATH_MAX];
    FILE *stream;

    assert_true(grid_merge(grid, half_hours, 2, &source, &changes, stderr));
    scratch_mkdir("state/grid");
    grid_path(host_config->state_directory, path, sizeof(path));
    stream = fopen(path, "we");
    assert_non_null(stream);
    assert_true(grid_write(grid, stream));
    fclose(stream);
    grid_free(grid);
}

static void has_the_intensity_of_each_hour(void **state)
{
    struct month_report *report;

    (void)state;
    hold_intensities();
    host_month();
    host_measure(HOST_NOON + 3600, 5700, 4200, 10800);
    host_share(HOST_NOON + 3660);
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY); /* not in France */
    report = host_report();
    assert_true(report->hourly.is_there);
    assert_close(report->hourly.sum.energy_kwh.central, kwh(HOST_ENERGY_J + 20700));
    assert_close(report->hourly.sum.known_kwh.central, kwh(HOST_ENERGY_J));
    assert_close(report->hourly.sum.direct_kgco2.central, 0.020 * kwh(HOST_ENERGY_J));
    month_free(report);
}

/* ---- What may be told ---- */

static void hides_all_that_few_devices_have_of_the_host(void **state)
{
    struct month_report *report;
    const struct month_row *other;
    struct host_view *view;

    (void)state;
    host_facts(HOST_MANY, HOST_FEW, HOST_MANY);
    host_use(HOST_NOON + 60, "CULTURE", QWEN, 400, 5); /* to hide behind */
    host_share(HOST_NOON + 180);
    report = host_report();
    assert_true(report->host_shown);
    assert_null(host_cell(report, "RH", MISTRAL));
    assert_null(host_cell(report, "RH", COMMON));
    assert_null(host_cell(report, "CULTURE", QWEN));
    assert_null(host_cell(report, "CULTURE", COMMON));
    assert_non_null(host_cell(report, "VOIRIE", COMMON));
    other = host_row(&report->directions, MONTH_OTHER);
    assert_non_null(other);
    /* 2500 J of gpu1's minute are CULTURE's. */
    assert_close(other->totals.activity.energy_j,
                 HOST_RH_J + 2500 + HOST_COMMON_J * (100.0 + 400) / 1200);
    assert_false(report->host_parts_shown); /* gpu0 would tell RH's use, by subtraction */
    view = hostview_new(report);
    assert_close(view->total.energy_j, view->host->energy_j);
    assert_close(view->lines[view->count - 1].energy_j, other->totals.activity.energy_j);
    hostview_free(view);
    month_free(report);
}

static void assert_nothing(struct triple value)
{
    assert_true(value.low == 0 && value.central == 0 && value.high == 0);
}

/* What is folded is all remote: of the host, subtraction would leave the rounding of its sums. */
static void what_is_folded_of_the_host_is_nothing_or_use(void **state)
{
    struct month_report *report;
    struct host_view *view;
    const struct host_line *rest;

    (void)state;
    host_facts(HOST_MANY, HOST_MANY, HOST_MANY);
    host_use(HOST_NOON + 60, "CULTURE", QWEN, 77, HOST_MANY);
    host_use(HOST_NOON + 120, "RH", MISTRAL, 1.1, HOST_MANY);
    host_use_remote(HOST_NOON, "CULTURE", REMOTE, 4);
    host_use_remote(HOST_NOON, "RH", REMOTE, HOST_MANY); /* to hide behind */
    host_share(HOST_NOON + 180);
    report = host_report();
    view = hostview_new(report);
    assert_non_null(view);
    rest = &view->lines[view->count - 1];
    assert_true(rest->row->is_other);
    assert_nothing(rest->active_kwh);
    assert_nothing(rest->common_kwh);
    assert_nothing(rest->by_key_kwh[SHARING_USAGE]);
    assert_true(rest->energy_j == 0 && rest->weight == 0);
    assert_true(view->lines[0].energy_j > 0);
    hostview_free(view);
    month_free(report);
}

static void assert_no_tokens(const struct hoststatus_tokens *tokens)
{
    assert_true(tokens->in == 0 && tokens->out == 0);
}

/* What is kept for the year, and what metrics tell, from the ledger and from what is kept. */
static void assert_tokens_told(const struct month_report *report, bool told)
{
    struct monthsums *sums = monthsums_of_report(report);

    assert_non_null(sums);
    assert_int_equal(sums->host_hidden, !told);
    assert_int_equal(sums->total.measured_kwh > 0, told);
    assert_int_equal(sums->total.activity.energy_j > 0, told);
    assert_int_equal(sums->total.activity.host_s > 0, told);
    if (!told) {
        assert_no_tokens(&sums->wire);
        assert_no_tokens(&sums->unseen);
        assert_no_tokens(&sums->server);
    } else
        assert_close(sums->wire.out, 800);
    monthsums_free(sums);
    for (int i = 0; i < 2; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);

        assert_true(metrics_write_use(host_ledger, host_config, HOST_LATER, stream));
        fclose(stream);
        assert_non_null(strstr(text, "iagmeter_year_energy_kwh{"));
        assert_int_equal(strstr(text, "iagmeter_year_host_tokens") != NULL, told);
        free(text);
    }
}

static void tells_the_tokens_of_a_year(void **state)
{
    struct month_report *report;

    (void)state;
    host_month();
    report = host_report();
    assert_tokens_told(report, true);
    month_free(report);
}

static void tells_no_sum_of_few_devices(void **state)
{
    struct month_report *report;

    (void)state;
    host_facts(1, 1, 1);
    host_share(HOST_NOON + 180);
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY);
    host_use_remote(HOST_NOON, "RH", REMOTE, HOST_MANY);
    report = host_report();
    assert_false(report->host_shown);
    assert_null(hostview_new(report));
    assert_true(isnan(month_measured(report, NULL)));
    assert_true(isnan(month_measured(report, host_row(&report->directions, MONTH_OTHER))));
    assert_null(host_cell(report, "DSN", COMMON));
    assert_tokens_told(report, false);
    month_free(report);
}

static void tells_no_sum_that_is_all_but_few_devices(void **state)
{
    struct month_report *report;

    (void)state;
    host_month();
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_FEW);
    report = host_report();
    assert_false(report->host_shown);
    assert_int_equal(report->suppressed, SUPPRESS_ALL);
    assert_int_equal(report->cell_count, 0);
    assert_true(isnan(month_measured(report, NULL)));
    assert_tokens_told(report, false);
    month_free(report);
}

/* Coverage counts the exchanges: the requests of those few, or, by subtraction, of the others. */
static void tells_no_exchanges_of_few_devices(void **state)
{
    const struct coverage local = {.covered_ns = UINT64_C(60000000000), .local_exchanges = 37};
    struct month_coverage_line lines[MONTH_COVERAGE_LINES];
    struct month_report *report;

    (void)state;
    assert_ok(ledger_begin(host_ledger));
    assert_ok(ledger_add_coverage(host_ledger, HOST_NOON, &local));
    assert_ok(ledger_commit(host_ledger));
    host_facts(1, 1, 1);
    host_share(HOST_NOON + 180);
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY);
    host_use_remote(HOST_NOON, "RH", REMOTE, HOST_MANY);
    report = host_report();
    assert_false(report->withheld || report->host_shown || report->local_counts_shown);
    assert_true(month_coverage_lines(report, lines) < MONTH_COVERAGE_LINES);
    month_free(report);
}

static void tells_exchanges_of_many_devices(void **state)
{
    const struct coverage local = {.covered_ns = UINT64_C(60000000000), .local_exchanges = 37};
    struct month_coverage_line lines[MONTH_COVERAGE_LINES];
    struct month_report *report;

    (void)state;
    assert_ok(ledger_begin(host_ledger));
    assert_ok(ledger_add_coverage(host_ledger, HOST_NOON, &local));
    assert_ok(ledger_commit(host_ledger));
    host_facts(HOST_MANY, HOST_MANY, HOST_MANY);
    host_share(HOST_NOON + 180);
    report = host_report();
    assert_true(report->local_counts_shown);
    assert_int_equal(month_coverage_lines(report, lines), MONTH_COVERAGE_LINES);
    month_free(report);
}

/* ---- On paper ---- */

static void write_sheet(const struct month_report *report, FILE *stream)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    assert_true(month_write_sheet(report, "fr", scratch_directory, file));
    workbook_unpack(file, stream);
}

static char *written(const struct month_report *report, const char *format)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (strcmp(format, "csv") == 0)
        csv_month(report, stream);
    else if (strcmp(format, "json") == 0)
        assert_true(month_write_json(report, stream));
    else if (strcmp(format, "text") == 0)
        month_print(report, "fr", stream);
    else if (strcmp(format, "sheet") == 0)
        write_sheet(report, stream);
    else
        assert_true(month_write_html(report, format, NULL, 0, stream));
    fclose(stream);
    readable_assert(text, strcmp(format, "csv") != 0 && strcmp(format, "json") != 0);
    unnamed(text);
    return text;
}

static void assert_says(const struct month_report *report, const char *format, const char *words)
{
    char *text = written(report, format);

    if (!strstr(text, words))
        fail_msg("\"%s\" is not in %s:\n%s", words, format, text);
    free(text);
}

static void says_so_on_page_one(void **state)
{
    struct month_report *report;

    (void)state;
    host_month();
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY);
    report = host_report();
    /* 62100 of 74100 J. */
    assert_says(report, "fr", "84\u202f% de l\u2019énergie mesurée");
    assert_says(report, "en", "84% of the energy measured");
    assert_says(report, "text", "84\u202f% de l\u2019énergie mesurée");
    assert_says(report, "fr", "énergie dont mesurée\u00a0: ");
    assert_says(report, "text", "énergie dont mesurée\u00a0: ");
    assert_says(report, "fr", "<h2>Serveur d\u2019IA local</h2>");
    assert_says(report, "fr", "\u202f% de l\u2019énergie des machines est de la veille");
    assert_says(report, "fr", "ce mois-ci\u00a0: à l\u2019usage.");
    assert_says(report, "fr", "<caption>Origine des chiffres (parts de l\u2019énergie)");
    assert_says(report, "en", "<h2>Local AI server</h2>");
    assert_says(report, "en",
                "The directions add up to 74,100 J at the machines; the meters say "
                "74,100 J.");
    assert_says(report, "csv", "2026-10,host,,,energy_j,J,74100,74100,74100,-");
    assert_says(report, "csv", ",host-direction,DSN,DSN,active_kwh,kWh,");
    assert_says(report, "csv", ",direction,DSN,DSN,measured_share,1,");
    month_free(report);
}

/* Each part of the page is in the workbook, and its sums are sums there. */
static void is_in_the_workbook(void **state)
{
    static const char *const sheets[] = {"Serveur local", "Serveur local, appareils",
                                         "Serveur local, échanges", "Serveur local, facteurs"};
    struct month_report *report;
    char *text;

    (void)state;
    host_month();
    report = host_report();
    text = written(report, "sheet");
    for (size_t i = 0; i < sizeof(sheets) / sizeof(sheets[0]); i++)
        assert_true(workbook_sheet(text, sheets[i]) > 0);
    assert_true(workbook_assert_formulas(text) > 2 * (3 * 6 + 1) + 3 * 3);
    free(text);
    month_free(report);
}

/* A meter of the whole that tells late, and then one that lacks more than that explains. */
static void tells_what_is_above_the_meter(void **state)
{
    struct month_report *report;

    (void)state;
    host_month();
    report = host_report();
    assert_close(report->host->devices[2].carried_j, 0);
    month_free(report);
    host_measure_carried(HOST_NOON, "host", POWER_DEVICE_HOST, 0, 0, ENERGY_CARRIED, 4e6);
    host_measure_carried(HOST_NOON, "host", POWER_DEVICE_HOST, 0, 0, ENERGY_EXCEEDED, -400000);
    report = host_report();
    assert_string_equal(report->host->devices[2].name, "host");
    assert_close(report->host->devices[2].carried_j, 3600000);
    assert_close(report->host->energy_j, HOST_ENERGY_J);
    assert_says(report, "json", "\"carried_j\": 3600000.0");
    assert_says(report, "json", "\"carried\"");
    assert_says(report, "en", "carried from one minute to others, and 1.00 kWh above it in all");
    assert_says(report, "fr", "et en tout 1,00 kWh au-dessus de lui");
    assert_says(report, "en", "the GPUs exceed the meter of the whole (");
    month_free(report);
}

static void adds_up_in_json(void **state)
{
    struct month_report *report;
    json_t *object, *host, *line;
    double sum_j = 0, devices_j = 0;
    size_t i;
    char *text;

    (void)state;
    host_month();
    report = host_report();
    text = written(report, "json");
    object = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(object);
    host = json_object_get(object, "host");
    json_array_foreach(json_object_get(host, "directions"), i, line) sum_j +=
        json_number_value(json_object_get(line, "energy_j"));
    json_array_foreach(
        json_object_get(host, "devices"), i,
        line) if (strcmp(json_string_value(json_object_get(line, "kind")), "source") != 0)
        devices_j += json_number_value(json_object_get(line, "energy_j"));
    assert_close(sum_j, HOST_ENERGY_J);
    assert_close(devices_j, HOST_ENERGY_J);
    assert_close(json_number_value(json_object_get(host, "idle_share")),
                 HOST_IDLE_J / HOST_ENERGY_J);
    assert_close(json_number_value(json_object_get(json_object_get(object, "shares"), "measured")),
                 1);
    json_decref(object);
    month_free(report);
}

/* Of what stands in the use, only the server counted some: that is no capture. */
static void count_by_server(const char *service, uint64_t tokens_out, double unseen)
{
    const struct server_use server = {.requests = 2, .tokens_out = tokens_out};
    const struct local_use use = {.tokens_out = unseen};
    int64_t direction_id, service_id;

    assert_ok(ledger_begin(host_ledger));
    host_ids("unassigned", service, &direction_id, &service_id);
    assert_ok(ledger_add_server_use(host_ledger, HOST_NOON, direction_id, service_id, &server));
    assert_ok(ledger_add_local_use(host_ledger, HOST_NOON, direction_id, service_id, &use));
    assert_ok(ledger_add_unseen_use(host_ledger, HOST_NOON, direction_id, service_id, &use));
    assert_ok(ledger_commit(host_ledger));
}

static void restart_the_server_of(const char *service)
{
    const struct ledger_source_day gap = {HOST_NOON / 86400, "http://127.0.0.1:8000/m", 0, 1};
    struct inference_config *inference = &host_config->inference;

    inference->server_count = 1;
    inference->servers[0] = (struct inference_server){
        8000, catalogue_find(host_config->catalogue, service), SERVICE_NONE, false};
    snprintf(inference->scrapes[0].url, sizeof(inference->scrapes[0].url),
             "http://127.0.0.1:8000/m#x");
    assert_ok(ledger_begin(host_ledger));
    assert_ok(ledger_add_source_day(host_ledger, &gap));
    assert_ok(ledger_commit(host_ledger));
}

static const json_t *balance_of(const json_t *report, const char *service)
{
    const json_t *tokens = json_object_get(json_object_get(report, "host"), "tokens"), *entry;
    size_t i;

    json_array_foreach(tokens, i,
                       entry) if (strcmp(json_string_value(json_object_get(entry, "service")),
                                         service) == 0) return entry;
    fail_msg("no balance of %s", service);
    return NULL;
}

static void assert_balance(const json_t *balance, const char *which, double expected)
{
    assert_close(json_number_value(json_object_get(json_object_get(balance, which), "tokens_out")),
                 expected);
}

static void judges_wire_beside_server(void **state)
{
    struct month_report *report;
    const json_t *balance;
    json_t *object;
    char *text;

    (void)state;
    host_facts(HOST_MANY, HOST_MANY, HOST_MANY);
    host_use(HOST_NOON, "unassigned", MISTRAL, 7, HOST_MANY);
    count_by_server(MISTRAL, 500, 93);
    count_by_server(QWEN, 320, 0);
    restart_the_server_of(QWEN);
    host_share(HOST_NOON + 180);
    report = host_report();
    text = written(report, "json");
    object = json_loads(text, 0, NULL);
    balance = balance_of(object, MISTRAL);
    assert_balance(balance, "captured", 407);
    assert_balance(balance, "server", 500);
    assert_balance(balance, "unseen", 93);
    assert_balance(balance, "difference_percent", -18.6);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(balance, "verdict"), "tokens_out")),
        "server-ahead");
    balance = balance_of(object, QWEN);
    assert_balance(balance, "difference_percent", 25);
    assert_int_equal(json_integer_value(json_object_get(balance, "restarts")), 1);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(balance, "verdict"), "tokens_out")),
        "restarted");
    json_decref(object);
    free(text);
    text = written(report, "html");
    assert_non_null(strstr(text, "<td>le réseau en voit moins</td><td class=\"n\">93</td>"));
    /* As many digits of what is missing as of what is too much. */
    assert_non_null(strstr(text, ">-18,6</td>"));
    assert_non_null(strstr(text, ">25,0</td>"));
    assert_null(strstr(text, "<td>tokens_cached</td>"));
    assert_non_null(strstr(text, "<td>Jetons en entrée, dont en cache</td>"));
    assert_non_null(strstr(text, "le serveur a redémarré"));
    free(text);
    month_free(report);
}

/* One server has two models, and two ports; another has one of the same services. */
static void counts_a_new_start_once_for_each_server(void **state)
{
    static const struct ledger_source_day gaps[] = {
        {HOST_NOON / 86400, "http://127.0.0.1:8000/m", 0, 1},
        {HOST_NOON / 86400, "http://127.0.0.1:8001/m", 0, 4},
        {HOST_NOON / 86400, "http://127.0.0.1:8002/m", 0, 2},
        {HOST_NOON / 86400, "http://127.0.0.1:8009/m", 0, 5}, /* of an older configuration */
    };
    struct inference_config *inference = &host_config->inference;
    uint16_t mistral = catalogue_find(host_config->catalogue, MISTRAL);
    uint16_t qwen = catalogue_find(host_config->catalogue, QWEN);
    const struct localhost_service *services[2];
    const struct inference_server servers[] = {{8000, mistral, SERVICE_NONE, false},
                                               {8001, mistral, SERVICE_NONE, false},
                                               {8002, qwen, SERVICE_NONE, false}};
    const struct inference_model models[] = {
        {"a", 8000, qwen}, {"b", 8000, qwen}, {"c", 8001, mistral}};
    struct month_report *report;

    (void)state;
    host_facts(HOST_MANY, HOST_MANY, HOST_MANY);
    inference->server_count = 3;
    inference->model_count = 3;
    memcpy(inference->servers, servers, sizeof(servers));
    memcpy(inference->models, models, sizeof(models));
    snprintf(inference->scrapes[0].url, sizeof(inference->scrapes[0].url), "%s#x", gaps[0].source);
    snprintf(inference->scrapes[1].url, sizeof(inference->scrapes[0].url), "%s?y", gaps[1].source);
    snprintf(inference->scrapes[2].url, sizeof(inference->scrapes[0].url), "%s", gaps[2].source);
    assert_ok(ledger_begin(host_ledger));
    for (size_t i = 0; i < 4; i++)
        assert_ok(ledger_add_source_day(host_ledger, &gaps[i]));
    assert_ok(ledger_commit(host_ledger));
    host_share(HOST_NOON + 180);
    report = host_report();
    services[0] = localhost_service(report->host, MISTRAL);
    services[1] = localhost_service(report->host, QWEN);
    assert_int_equal(localhost_restarts(report->host, services[0], 1), 1 + 4);
    assert_int_equal(localhost_restarts(report->host, services[1], 1), 1 + 2);
    assert_int_equal(
        localhost_restarts(report->host, report->host->services, report->host->service_count),
        1 + 4 + 2);
    month_free(report);
}

/* What was measured before and not at all in the month leaves no row in it. */
static void a_meter_that_was_away_all_month_is_listed(void **state)
{
    struct month_report *report;

    (void)state;
    host_measure_device(HOST_OCTOBER - 3 * INT64_C(86400), "redfish/power", POWER_DEVICE_SOURCE,
                        6000, 0, 0);
    host_measure_device(HOST_OCTOBER - 40 * INT64_C(86400), "dcmi/wall", POWER_DEVICE_SOURCE, 6000,
                        0, 0);
    host_month();
    report = host_report();
    assert_int_equal(report->host->device_count, 5);
    assert_string_equal(report->host->devices[4].name, "redfish/power");
    assert_int_equal(report->host->devices[4].kind, POWER_DEVICE_SOURCE);
    assert_close(report->host->devices[4].covered_s, 0);
    assert_close(report->host->energy_j, HOST_ENERGY_J);
    assert_says(report, "en", ">redfish/power</th>");
    assert_says(report, "json", "\"redfish/power\"");
    month_free(report);
}

/* Also where no other was there: the month whose energy is not known at all. */
static void meters_that_were_all_away_are_listed(void **state)
{
    struct month_report *report;
    char *english;

    (void)state;
    host_measure_device(HOST_OCTOBER - 3 * INT64_C(86400), "redfish/power", POWER_DEVICE_SOURCE,
                        6000, 0, 0);
    host_measure_device(HOST_OCTOBER - 3 * INT64_C(86400), "rapl/package-0", POWER_DEVICE_HOST,
                        5000, 0, 0);
    host_use(HOST_NOON, "DSN", MISTRAL, 400, HOST_MANY);
    report = host_report();
    assert_non_null(report->host);
    assert_int_equal(report->host->device_count, 2);
    assert_close(report->host->measured_s, 0);
    assert_says(report, "en", ">redfish/power</th>");
    assert_says(report, "json", "\"rapl/package-0\"");
    assert_says(report, "en", "During 745 hours nothing was measured");
    english = written(report, "en");
    assert_null(strstr(english, "nan%"));
    free(english);
    month_free(report);
}

int main(void)
{
#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)
    const struct CMUnitTest tests[] = {
        HOST_TEST(reads_what_was_measured),
        HOST_TEST(a_meter_that_was_away_all_month_is_listed),
        HOST_TEST(meters_that_were_all_away_are_listed),
        HOST_TEST(keeps_apart_what_is_not_shared_yet),
        HOST_TEST(is_nothing_without_a_host),
        HOST_TEST(follows_a_direction_to_devices),
        HOST_TEST(gives_each_direction_its_part),
        HOST_TEST(shares_by_the_key_of_the_month),
        HOST_TEST(shows_what_is_declared),
        HOST_TEST(leaves_to_nobody_what_nobody_used),
        HOST_TEST(tells_measured_from_estimated),
        HOST_TEST(has_the_intensity_of_each_hour),
        HOST_TEST(hides_all_that_few_devices_have_of_the_host),
        HOST_TEST(what_is_folded_of_the_host_is_nothing_or_use),
        HOST_TEST(tells_the_tokens_of_a_year),
        HOST_TEST(tells_no_sum_of_few_devices),
        HOST_TEST(tells_no_sum_that_is_all_but_few_devices),
        HOST_TEST(tells_no_exchanges_of_few_devices),
        HOST_TEST(tells_exchanges_of_many_devices),
        HOST_TEST(says_so_on_page_one),
        HOST_TEST(is_in_the_workbook),
        HOST_TEST(tells_what_is_above_the_meter),
        HOST_TEST(adds_up_in_json),
        HOST_TEST(judges_wire_beside_server),
        HOST_TEST(counts_a_new_start_once_for_each_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
