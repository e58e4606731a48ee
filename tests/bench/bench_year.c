/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What it costs to tell how a year stands beside its objectives: bench_year [DIRECTORY]. Makes a
 * ledger of the eleven months of 2026 before December, a minute of 40 pairs in every ten of
 * working hours, in a new directory under DIRECTORY (/tmp). Prints the time on the clock of
 * progress_build(), which `iagmeter status` calls: with nothing kept of the months, with all of
 * them kept, and after a late row in one. */

#include "reports/progress.h"
#include "tests/bench/ledgers.h"

#include <stdio.h>
#include <stdlib.h>

#define DIRECTIONS 20
#define SERVICES   2
#define LAST_MONTH 11
#define FIRST_HOUR 8
#define LAST_HOUR  18
#define STEP_S     600

struct bench {
    struct config *config;
    struct ledger *ledger;
    int64_t set;
    int64_t directions[DIRECTIONS];
    int64_t services[SERVICES];
    long rows;
};

static void configure(struct bench *bench, const char *directory)
{
    bench->config = shipped();
    snprintf(bench->config->state_directory, sizeof(bench->config->state_directory), "%s",
             directory);
}

static void name_all(struct bench *bench)
{
    bench->ledger = open_ledger(bench->config->state_directory, true);
    ledger_factor_set(bench->ledger, "2026", 1, &bench->set);
    name_directions(bench->ledger, bench->directions, DIRECTIONS);
    ledger_service(bench->ledger, "chatgpt-web", "a", &bench->services[0]);
    ledger_service(bench->ledger, "claude-web", "b", &bench->services[1]);
}

static struct triple band(double value)
{
    return (struct triple){value / 2, value, value * 2};
}

static void add_row(struct bench *bench, int64_t time_s, int pair)
{
    const struct activity activity = {.grade = GRADE_C,
                                      .requests = band(around(2)),
                                      .tokens_in = band(around(500)),
                                      .tokens_out = band(around(800)),
                                      .tokens_out_variance = around(1000)};
    const struct impact impact = {.energy_kwh = band(around(1) / 100),
                                  .gwp_use_kgco2e = band(around(1) / 1000),
                                  .gwp_embodied_kgco2e = band(around(1) / 1000),
                                  .adpe_kgsb = band(around(1) / 1000000),
                                  .water_l = band(around(1) / 10)};

    if (ledger_add_activity(bench->ledger, time_s, bench->directions[pair / SERVICES],
                            bench->services[pair % SERVICES], bench->set, &activity,
                            &impact) != LEDGER_OK)
        die(ledger_error(bench->ledger));
    bench->rows++;
}

static void add_interval(struct bench *bench, int64_t time_s)
{
    const struct coverage coverage = {.covered_ns = UINT64_C(60000000000)};

    if (ledger_add_coverage(bench->ledger, time_s, &coverage) != LEDGER_OK)
        die(ledger_error(bench->ledger));
    for (int pair = 0; pair < DIRECTIONS * SERVICES; pair++)
        add_row(bench, time_s, pair);
}

static void add_day(struct bench *bench, int64_t day)
{
    int64_t start = calendar_day_start(day);

    if (ledger_begin(bench->ledger) != LEDGER_OK)
        die(ledger_error(bench->ledger));
    for (int64_t time_s = start + (int64_t)FIRST_HOUR * 3600;
         time_s < start + (int64_t)LAST_HOUR * 3600; time_s += STEP_S)
        add_interval(bench, time_s);
    for (int pair = 0; pair < DIRECTIONS * SERVICES; pair++)
        ledger_add_devices(bench->ledger, bench->directions[pair / SERVICES],
                           bench->services[pair % SERVICES], (int32_t)day, 10);
    if (ledger_commit(bench->ledger) != LEDGER_OK)
        die(ledger_error(bench->ledger));
}

static void measure(const struct bench *bench, struct calendar_month last, const char *what)
{
    char error[400];
    double start = clock_s(CLOCK_MONOTONIC);
    struct progress *progress =
        progress_build(bench->ledger, bench->config, last, last.end + 7200, error, sizeof(error));

    if (!progress)
        die(error);
    printf("%-28s %9.2f ms, %2u of %u months read from the ledger\n", what,
           (clock_s(CLOCK_MONOTONIC) - start) * 1000, progress->months_read, progress->months);
    progress_free(progress);
}

int main(int argc, char **argv)
{
    struct bench bench = {.rows = 0};
    struct calendar_month last;
    char directory[300];
    int64_t first, until;
    double start;

    snprintf(directory, sizeof(directory), "%.200s/iagmeter-year-XXXXXX",
             argc > 1 ? argv[1] : "/tmp");
    if (argc > 2 || !mkdtemp(directory))
        die("usage: bench_year [DIRECTORY]");
    configure(&bench, directory);
    calendar_parse_month("2026-11", &last);
    calendar_parse_day("2026-01-01", &first);
    calendar_parse_day("2026-12-01", &until);
    name_all(&bench);
    start = clock_s(CLOCK_MONOTONIC);
    for (int64_t day = first; day < until; day++)
        if ((day + 3) % 7 < 5) /* 1970-01-01 was a Thursday */
            add_day(&bench, day);
    printf("%ld rows written in %.1f s\n", bench.rows, clock_s(CLOCK_MONOTONIC) - start);
    measure(&bench, last, "nothing kept");
    measure(&bench, last, "all months kept");
    ledger_begin(bench.ledger);
    add_row(&bench, calendar_day_start(first + 60), 0);
    ledger_commit(bench.ledger);
    measure(&bench, last, "a late row in one month");
    ledger_close(bench.ledger);
    config_free(bench.config);
    remove_all(directory);
    return EXIT_SUCCESS;
}
