/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/restate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/reports/hostworld.h"

/* A restatement of what was measured at a host of our own: joules stay, and what is common goes to
 * the directions as in the month's report. */

static struct statement *restate(const struct factors *factors)
{
    const struct restate_query query = {
        .period = "2026-10", .factors = factors, .factors_digest = 1, .now_s = HOST_LATER};
    struct statement *statement;
    char error[300] = "";

    assert_int_equal(
        restate_compute(host_ledger, host_config, &query, &statement, error, sizeof(error)),
        RESTATE_OK);
    assert_string_equal(error, "");
    return statement;
}

static const struct statement_row *row_of(const struct statement *statement, const char *direction,
                                          const char *service)
{
    for (size_t i = 0; i < statement->row_count; i++)
        if (strcmp(statement->rows[i].direction, direction) == 0 &&
            strcmp(statement->rows[i].service, service) == 0)
            return &statement->rows[i];
    fail_msg("no row of %s and %s", direction, service);
    return NULL;
}

static void is_the_month_again(void **state)
{
    struct statement *statement;
    struct month_report *report;

    (void)state;
    host_month();
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY);
    report = host_report();
    statement = restate(host_config->factors);
    assert_int_equal(statement->row_count, report->cell_count);
    for (size_t i = 0; i < report->cell_count; i++) {
        const struct month_cell *cell = &report->cells[i];
        const struct statement_row *row = row_of(statement, cell->direction, cell->service);

        assert_close(row->recorded.energy_kwh.high, cell->totals.impact.energy_kwh.high);
        assert_close(row->restated.energy_kwh.central, cell->totals.impact.energy_kwh.central);
        assert_close(row->restated.gwp_embodied_kgco2e.central,
                     cell->totals.impact.gwp_embodied_kgco2e.central);
        assert_close(row->restated.water_l.low, cell->totals.impact.water_l.low);
        for (int cause = 0; cause < STATEMENT_CAUSES; cause++)
            assert_true(row->causes[cause][RATES_ENERGY_KWH] == 0);
    }
    statement_free(statement);
    month_free(report);
}

static void another_host_conf_is_a_cause(void **state)
{
    struct statement *statement;
    const struct statement_row *row;
    double recorded = HOST_COMMON_J / 2 / HOST_J_PER_KWH * HOST_PUE;

    (void)state;
    host_month();
    host_config->host->pue.value = 1.5;
    host_config->host->embodied.lifetime_years = 10;
    statement = restate(host_config->factors);
    row = row_of(statement, "VOIRIE", COMMON);
    assert_close(row->recorded.energy_kwh.central, recorded);
    assert_close(row->restated.energy_kwh.central, recorded / HOST_PUE * 1.5);
    assert_close(row->restated.gwp_embodied_kgco2e.central,
                 row->recorded.gwp_embodied_kgco2e.central / 2);
    assert_close(row->causes[STATEMENT_CONFIGURATION][RATES_ENERGY_KWH],
                 recorded / HOST_PUE * 0.15);
    assert_true(row->causes[STATEMENT_ELECTRICITY][RATES_GWP_USE_KGCO2E] == 0);
    statement_free(statement);
}

/* The electricity of France emits and evaporates more. */
static struct factors *other_vintage(void)
{
    char command[3 * PATH_MAX], path[PATH_MAX];

    scratch_path(path, "2027");
    snprintf(command, sizeof(command),
             "cp -r '" SHIPPED_FACTORS "' '%s' && cd '%s' && chmod -R u+w . &&"
             " sed -i 's/vintage = \"2026\"/vintage = \"2027\"/' vintage.conf &&"
             " sed -i -E 's/(gwp_kgco2e_per_kwh = 0\\.)/\\19/; s/(ewif_l_per_kwh = )/\\11/'"
             " zones.conf",
             path, path);
    assert_int_equal(system(command), 0);
    return factors_without_complaint(path);
}

static void other_electricity_is_a_cause(void **state)
{
    struct factors *factors;
    const struct zone_factors *old, *new;
    struct statement *statement;
    const struct statement_row *row;
    double energy_kwh = HOST_DSN_J / HOST_J_PER_KWH * HOST_PUE;

    (void)state;
    host_month();
    factors = other_vintage();
    old = factors_zone(host_config->factors, "FRA");
    new = factors_zone(factors, "FRA");
    statement = restate(factors);
    row = row_of(statement, "DSN", MISTRAL);
    assert_close(row->restated.energy_kwh.central, energy_kwh);
    assert_close(row->restated.gwp_use_kgco2e.central, energy_kwh * new->gwp_kgco2e_per_kwh);
    assert_close(row->causes[STATEMENT_ELECTRICITY][RATES_GWP_USE_KGCO2E],
                 energy_kwh * (new->gwp_kgco2e_per_kwh - old->gwp_kgco2e_per_kwh));
    assert_close(row->causes[STATEMENT_WATER][RATES_WATER_L],
                 energy_kwh * (new->ewif_l_per_kwh - old->ewif_l_per_kwh));
    assert_true(row->causes[STATEMENT_CONFIGURATION][RATES_WATER_L] == 0);
    statement_free(statement);
    factors_free(factors);
}

/* Lines of the view are the rows of the report: nothing more, by any subtraction. */
static void hides_what_the_report_hides(void **state)
{
    struct month_report *report;
    struct statement *statement;
    struct restate_view *view;

    (void)state;
    host_facts(HOST_MANY, HOST_FEW, HOST_MANY);
    host_use(HOST_NOON + 60, "CULTURE", QWEN, 400, 4);
    host_share(HOST_NOON + 180);
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY);
    report = host_report();
    statement = restate(host_config->factors);
    view = restate_view_new(statement, host_config);
    assert_non_null(view);
    assert_true(view->has_folded);
    assert_int_equal(view->directions.count, report->directions.count);
    for (size_t i = 0; i < report->directions.count; i++) {
        assert_string_equal(view->directions.lines[i].id, report->directions.rows[i].id);
        assert_close(view->directions.lines[i].recorded.energy_kwh.central,
                     report->directions.rows[i].totals.impact.energy_kwh.central);
    }
    restate_view_free(view);
    statement_free(statement);
    month_free(report);
}

static void hides_none_of_what_is_declared(void **state)
{
    struct month_report *report;
    struct statement *statement;
    struct restate_view *view;

    (void)state;
    host_configure("sharing = ( { from = \"2026-01\"; key = \"entitlement\"; entitlement = (\n"
                   "  { direction = \"DSN\"; share = 0.6; }, { direction = \"RH\"; share = 0.4; } "
                   "); } );\n");
    host_facts(HOST_MANY, 4, 4);
    host_share(HOST_NOON + 180);
    report = host_report();
    statement = restate(host_config->factors);
    view = restate_view_new(statement, host_config);
    assert_int_equal(view->directions.count, report->directions.count);
    assert_non_null(host_row(&report->directions, "RH"));
    for (size_t i = 0; i < report->directions.count; i++)
        assert_string_equal(view->directions.lines[i].id, report->directions.rows[i].id);
    restate_view_free(view);
    statement_free(statement);
    month_free(report);
}

int main(void)
{
#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)
    const struct CMUnitTest tests[] = {
        HOST_TEST(is_the_month_again),
        HOST_TEST(another_host_conf_is_a_cause),
        HOST_TEST(other_electricity_is_a_cause),
        HOST_TEST(hides_what_the_report_hides),
        HOST_TEST(hides_none_of_what_is_declared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
