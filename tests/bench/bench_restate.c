/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What it costs to restate: bench_restate [HOURS [DIRECTORY]]. Makes a ledger of HOURS hours (2190,
 * a quarter of a year, by default; ten years are 87660, and take 13 GB) with a row for each of 450
 * pairs in each, in a new directory under DIRECTORY (/tmp); then restates all of it with a vintage
 * in which every group of factors is another, so that each step is computed. Prints processor time
 * of one core, and what ten years would take. */

#include "daemon/servicefactors.h"
#include "reports/restate.h"
#include "tests/bench/ledgers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTIONS    30
#define SERVICES      15
#define PAIRS         (DIRECTIONS * SERVICES)
#define HOUR_S        3600
#define DEFAULT_HOURS 2190
#define TEN_YEARS     87660               /* hours */
#define START         INT64_C(1483225200) /* 2017-01-01 00:00 Europe/Paris */

struct bench {
    struct config *config;
    struct ledger *ledger;
    char directory[300];
    int64_t set;
    int64_t directions[DIRECTIONS];
    int64_t services[SERVICES];
    struct service_factors factors[SERVICES];
};

static void name_all(struct bench *bench)
{
    const struct catalogue *catalogue = bench->config->catalogue;
    size_t found = 0;

    ledger_factor_set(bench->ledger, factors_vintage(bench->config->factors), bench->config->digest,
                      &bench->set);
    name_directions(bench->ledger, bench->directions, DIRECTIONS);
    for (uint16_t i = 0; i < catalogue_count(catalogue) && found < SERVICES; i++) {
        const struct service *service = catalogue_service(catalogue, i);

        if (service_factors_resolve(bench->config->factors, catalogue, i, &bench->factors[found]) ||
            bench->factors[found].count == 0)
            continue;
        ledger_service(bench->ledger, service->id, service->label, &bench->services[found++]);
    }
    if (found < SERVICES)
        die("the catalogue has too few services with a model");
}

static void add_row(struct bench *bench, int64_t time_s, int direction, int service)
{
    const double requests = around(30);
    const struct activity activity = {
        .grade = GRADE_C,
        .requests = {requests * 0.9, requests, requests * 1.1},
        .tokens_in = {around(500), 2000 + around(500), 4000 + around(500)},
        .tokens_out = {around(3000), 8000 + around(3000), 20000 + around(3000)},
    };
    const struct impact impact =
        mix_impact(service_factors_at(&bench->factors[service], time_s), activity.requests,
                   activity.tokens_in, activity.tokens_out);

    if (ledger_add_activity(bench->ledger, time_s, bench->directions[direction],
                            bench->services[service], bench->set, &activity, &impact) != LEDGER_OK)
        die(ledger_error(bench->ledger));
}

static void fill(struct bench *bench, int64_t hours)
{
    bench->ledger = open_ledger(bench->directory, true);
    name_all(bench);
    for (int64_t hour = 0; hour < hours; hour++) {
        if (hour % 24 == 0 && ledger_begin(bench->ledger) != LEDGER_OK)
            die(ledger_error(bench->ledger));
        for (int pair = 0; pair < PAIRS; pair++)
            add_row(bench, START + hour * HOUR_S, pair / SERVICES, pair % SERVICES);
        if ((hour % 24 == 23 || hour + 1 == hours) && ledger_commit(bench->ledger) != LEDGER_OK)
            die(ledger_error(bench->ledger));
    }
    ledger_close(bench->ledger);
}

/* A digit more at one figure of each group. */
static struct factors *other_vintage(const struct bench *bench)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct factors *factors;
    char command[2000], path[400];

    snprintf(path, sizeof(path), "%s/2027", bench->directory);
    snprintf(
        command, sizeof(command),
        "cp -r '" IAGMETER_SOURCE_ROOT "/conf/factors/2026' '%s' && cd '%s' &&"
        " sed -i 's/vintage = \"2026\"/vintage = \"2027\"/' vintage.conf &&"
        " sed -i -E 's/((tokens_per_second|energy_gamma_wh|server_power_kw|pue|wue_l_per_kwh|"
        "gwp_kgco2e_per_kwh|adpe_kgsb_per_kwh|ewif_l_per_kwh) = [0-9]+\\.[0-9]+)/\\11/g' *.conf",
        path, path);
    if (system(command) != 0)
        die("the other vintage cannot be made");
    factors = factors_load(path, diagnostics);
    diagnostics_print(diagnostics, stderr);
    diagnostics_free(diagnostics);
    if (!factors)
        die("the other vintage cannot be read");
    return factors;
}

static void restate(const struct bench *bench, struct factors *factors, int64_t rows)
{
    const struct restate_query query = {.period = "2017-01..2026-12",
                                        .factors = factors,
                                        .now_s = START + INT64_C(100000) * HOUR_S};
    char error[400] = "";
    struct ledger *ledger = open_ledger(bench->directory, false);
    struct statement *statement = NULL;
    struct restate_view *view;
    double start, computed, stored, seen;

    start = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    if (restate_compute(ledger, bench->config, &query, &statement, error, sizeof(error)) !=
        RESTATE_OK)
        die(error);
    computed = clock_s(CLOCK_PROCESS_CPUTIME_ID) - start;
    view = restate_view_new(statement, bench->config);
    statement->passes = view && restate_view_passes(view);
    seen = clock_s(CLOCK_PROCESS_CPUTIME_ID) - start;
    if (!statements_append(bench->directory, statement, error, sizeof(error)))
        die(error);
    stored = clock_s(CLOCK_PROCESS_CPUTIME_ID) - start;
    printf(
        "%lld rows restated in %.2f s of processor time (%.0f rows/s): computed %.2f, shown %.2f,"
        " kept %.2f\n",
        (long long)rows, stored, (double)rows / stored, computed, seen - computed, stored - seen);
    printf("ten years, %d rows: %.1f s\n", TEN_YEARS * PAIRS,
           stored / (double)rows * TEN_YEARS * PAIRS);
    restate_view_free(view);
    statement_free(statement);
    ledger_close(ledger);
}

int main(int argc, char **argv)
{
    int64_t hours = argc > 1 ? strtol(argv[1], NULL, 10) : DEFAULT_HOURS;
    struct bench bench = {.set = 0};
    struct factors *factors;
    double start = clock_s(CLOCK_PROCESS_CPUTIME_ID);

    snprintf(bench.directory, sizeof(bench.directory), "%.200s/iagmeter-restate-XXXXXX",
             argc > 2 ? argv[2] : "/tmp");
    if (hours < 1 || hours > TEN_YEARS || !mkdtemp(bench.directory))
        die("usage: bench_restate [HOURS, 1 to 87660 [DIRECTORY]]");
    bench.config = shipped();
    fill(&bench, hours);
    printf("%lld hours of %d pairs written in %.1f s\n", (long long)hours, PAIRS,
           clock_s(CLOCK_PROCESS_CPUTIME_ID) - start);
    factors = other_vintage(&bench);
    restate(&bench, factors, hours * PAIRS);
    factors_free(factors);
    for (int i = 0; i < SERVICES; i++)
        service_factors_free(&bench.factors[i]);
    config_free(bench.config);
    remove_all(bench.directory);
    return EXIT_SUCCESS;
}
