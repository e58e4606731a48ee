/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/whatif_measured.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reports/whatif.h"
#include "tests/reports/hostworld.h"

static struct month_report *report;

static int teardown(void **state)
{
    month_free(report);
    report = NULL;
    return host_teardown(state);
}

static enum whatif_status ask(const struct whatif_change *changes, size_t count,
                              struct whatif **out, char error[300])
{
    const struct whatif_query query = {.changes = changes, .change_count = count};

    error[0] = '\0';
    return whatif_build(host_ledger, report, &query, out, error, 300);
}

static struct whatif *build(const struct whatif_change *changes, size_t count)
{
    struct whatif *whatif;
    char error[300];

    if (ask(changes, count, &whatif, error) != WHATIF_OK)
        fail_msg("%s", error);
    return whatif;
}

static void make_month(void)
{
    host_month();
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY);
    report = host_report();
}

static const struct whatif_row *row_of(const struct whatif_row *rows, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].id, id) == 0)
            return &rows[i];
    fail_msg("no row of %s", id);
    return NULL;
}

/* gpu0 and its part of the host: 6000 J for 400 tokens; gpu1: 5000 J for 400. */
static void measures_joules_per_token(void **state)
{
    struct whatif_measured *measured;
    struct impact impact;

    (void)state;
    make_month();
    measured = whatif_measured_new(host_ledger, report, MISTRAL);
    assert_non_null(measured);
    assert_close(measured->joules_per_token, 15);
    assert_close(measured->input_weight, 0.2);
    assert_true(whatif_is_measured(&measured->mix.parts[0]));
    impact = mix_impact(&measured->mix, triple_exact(3), triple_exact(1000), triple_exact(400));
    assert_close(impact.energy_kwh.central, 15 * 600 / HOST_J_PER_KWH * HOST_PUE);
    assert_close(impact.energy_kwh.high, impact.energy_kwh.central * 1.02);
    assert_true(impact.gwp_embodied_kgco2e.high == 0);
    free(measured);
    assert_null(whatif_measured_new(host_ledger, report, COMMON));
    assert_null(whatif_measured_new(host_ledger, report, REMOTE));
}

/* COVERED_S of the minute, in which gpu0 drew 4000 J above idle, and the host 2000 J. */
static void measure_for(int64_t time_s, double covered_s)
{
    static const struct {
        const char *name;
        uint8_t kind;
        double active_j;
    } devices[] = {{"gpu0", POWER_DEVICE_GPU, 4000}, {"host", POWER_DEVICE_HOST, 2000}};
    const double part = covered_s / 60;

    for (size_t i = 0; i < 2; i++) {
        struct power_device device = {.kind = devices[i].kind};
        struct device_energy energy = {.covered_ns = (uint64_t)(covered_s * 1e9),
                                       .energy_j = (20000 + devices[i].active_j) * part};
        int64_t id;

        snprintf(device.name, sizeof(device.name), "%s", devices[i].name);
        assert_ok(ledger_begin(host_ledger));
        assert_ok(ledger_power_device(host_ledger, &device, &id));
        assert_ok(ledger_add_device_energy(host_ledger, time_s, id, &energy, 20000 * part));
        assert_ok(ledger_commit(host_ledger));
    }
}

static void assert_joules_per_token(double expected)
{
    struct whatif_measured *measured;

    host_share(HOST_NOON + 3600);
    report = host_report();
    measured = whatif_measured_new(host_ledger, report, MISTRAL);
    assert_non_null(measured);
    assert_close(measured->joules_per_token, expected);
    free(measured);
}

/* 6000 J for 400 tokens, then 1000 tokens while nobody measured. */
static void tokens_of_no_measured_minute_do_not_count(void **state)
{
    (void)state;
    host_facts(HOST_MANY, HOST_MANY, HOST_MANY);
    host_use(HOST_NOON + 180, "DSN", MISTRAL, 1000, HOST_MANY);
    assert_joules_per_token(15);
}

/* The graphics processor was away: what the host drew for 1000 tokens is not all that they took. */
static void minutes_without_a_device_do_not_count(void **state)
{
    (void)state;
    host_facts(HOST_MANY, HOST_MANY, HOST_MANY);
    host_measure_device(HOST_NOON + 180, "host", POWER_DEVICE_HOST, 12800, 180, ENERGY_WALL);
    host_use(HOST_NOON + 180, "DSN", MISTRAL, 1000, HOST_MANY);
    assert_joules_per_token(15);
}

/* 6000 J for 400 tokens; in 15 of 60 s 1500 J, and a quarter of 1000. */
static void of_a_part_of_a_minute_that_part_counts(void **state)
{
    (void)state;
    host_facts(HOST_MANY, HOST_MANY, HOST_MANY);
    measure_for(HOST_NOON + 180, 15);
    host_use(HOST_NOON + 180, "DSN", MISTRAL, 1000, HOST_MANY);
    assert_joules_per_token((6000 + 1500) / (400 + 250.0));
}

/* An exchange of two minutes, of which the second was not measured, and in which it ended: its
 * energy is of the half of its tokens that it put out in the first. */
static void an_exchange_counts_over_the_time_it_took(void **state)
{
    const struct activity activity = {
        .grade = GRADE_A, .requests = triple_exact(1), .tokens_out = triple_exact(200)};
    const struct local_use half = {.requests = 0.5, .tokens_out = 100};
    int64_t direction, service;

    (void)state;
    measure_for(HOST_NOON, 60);
    assert_ok(ledger_begin(host_ledger));
    host_ids("DSN", MISTRAL, &direction, &service);
    assert_ok(ledger_add_activity(host_ledger, HOST_NOON + 60, direction, service, host_factor_set,
                                  &activity, NULL));
    assert_ok(ledger_add_local_use(host_ledger, HOST_NOON, direction, service, &half));
    assert_ok(ledger_add_local_use(host_ledger, HOST_NOON + 60, direction, service, &half));
    assert_ok(ledger_add_devices(host_ledger, direction, service, HOST_NOON / 86400, HOST_MANY));
    assert_ok(ledger_commit(host_ledger));
    assert_joules_per_token(60);
}

/* What few devices did is in none of it: of DSN's 300 tokens and 4500 J alone. */
static void what_is_not_shown_does_not_count(void **state)
{
    struct whatif_measured *measured;

    (void)state;
    host_facts(HOST_MANY, HOST_FEW, HOST_MANY);
    host_use(HOST_NOON + 60, "CULTURE", QWEN, 100, HOST_FEW);
    host_use_remote(HOST_NOON, "RH", REMOTE, HOST_FEW);
    host_use_remote(HOST_NOON, "CULTURE", REMOTE, HOST_MANY);
    host_share(HOST_NOON + 180);
    report = host_report();
    assert_non_null(host_cell(report, "DSN", MISTRAL));
    assert_null(host_cell(report, "RH", MISTRAL));
    measured = whatif_measured_new(host_ledger, report, MISTRAL);
    assert_non_null(measured);
    assert_close(measured->weighted_tokens, 300);
    assert_close(measured->joules_per_token, 15);
    free(measured);
}

static char *written(const struct whatif *whatif)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    assert_true(whatif_write_text(whatif, LANGUAGE_EN, stream));
    assert_true(whatif_write_json(whatif, stream));
    fclose(stream);
    return text;
}

static void moves_to_what_was_measured(void **state)
{
    const struct whatif_change change = {WHATIF_MOVE, REMOTE "=" MISTRAL ":50%"};
    struct whatif *whatif;
    const struct whatif_row *row;
    double half;
    char *text;

    (void)state;
    make_month();
    whatif = build(&change, 1);
    row = row_of(whatif->services, whatif->service_count, REMOTE);
    half = row->sum.before.impact.energy_kwh.central / 2;
    /* Half of 3000 tokens put out and of 1000 put in. */
    assert_close(row->sum.after.impact.energy_kwh.central,
                 half + 15 * (1500 + 0.2 * 500) / HOST_J_PER_KWH * HOST_PUE);
    assert_close(whatif_change_of(&row->sum, MONTH_ENERGY).central,
                 15 * (1500 + 0.2 * 500) / HOST_J_PER_KWH * HOST_PUE - half);
    row = row_of(whatif->services, whatif->service_count, COMMON);
    assert_close(row->sum.after.impact.energy_kwh.central,
                 HOST_COMMON_J / HOST_J_PER_KWH * HOST_PUE);
    assert_close(whatif->total.before.impact.energy_kwh.central,
                 report->total.impact.energy_kwh.central);
    text = written(whatif);
    assert_non_null(strstr(text, "its own measurements of the month for " MISTRAL ", 15 J"));
    assert_non_null(strstr(text, "\"measured_joules_per_token_out\": 15."));
    assert_non_null(strstr(text, "\"method\": \"measured\""));
    free(text);
    whatif_free(whatif);
}

/* VOIRIE's model served as many tokens; the one asked first, of equals, stands for the host. */
static void the_host_is_what_it_did_most(void **state)
{
    const struct whatif_change change = {WHATIF_MOVE, REMOTE "=local:100%"};
    struct whatif *whatif;
    char *text;

    (void)state;
    host_month();
    host_measure(HOST_NOON + 180, 5700, 8200, 11800);
    host_use(HOST_NOON + 180, "VOIRIE", QWEN, 100, HOST_MANY);
    host_share(HOST_NOON + 240);
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY);
    report = host_report();
    whatif = build(&change, 1);
    text = written(whatif);
    /* 10000 J for 500 tokens. */
    assert_non_null(strstr(text, "its own measurements of the month for " QWEN ", 20 J"));
    free(text);
    whatif_free(whatif);
}

static void a_model_may_stand_for_it(void **state)
{
    const struct whatif_change changes[] = {{WHATIF_MOVE, REMOTE "=local:50%"},
                                            {WHATIF_MODEL, "openai/gpt-4o-mini"}};
    struct whatif *whatif;
    char *text;

    (void)state;
    make_month();
    whatif = build(changes, 2);
    text = written(whatif);
    assert_null(strstr(text, "its own measurements"));
    assert_non_null(strstr(text, "method B counts waiting"));
    free(text);
    whatif_free(whatif);
}

static void moves_away_from_it(void **state)
{
    const struct whatif_change change = {WHATIF_MOVE, MISTRAL "=" REMOTE ":100%"};
    struct whatif *whatif;
    const struct whatif_row *row;

    (void)state;
    make_month();
    whatif = build(&change, 1);
    row = row_of(whatif->services, whatif->service_count, MISTRAL);
    assert_close(row->sum.before.impact.energy_kwh.central, 6000 / HOST_J_PER_KWH * HOST_PUE);
    assert_true(row->sum.after.impact.energy_kwh.central > 0);
    assert_close(whatif_change_of(&row->sum, MONTH_ENERGY).central,
                 row->sum.after.impact.energy_kwh.central -
                     row->sum.before.impact.energy_kwh.central);
    whatif_free(whatif);
}

static void idle_stays_where_less_is_asked(void **state)
{
    const struct whatif_change change = {WHATIF_REDUCE, "all:50%"};
    struct whatif *whatif;

    (void)state;
    make_month();
    whatif = build(&change, 1);
    assert_close(
        whatif->total.after.impact.energy_kwh.central,
        (report->total.impact.energy_kwh.central + HOST_COMMON_J / HOST_J_PER_KWH * HOST_PUE) / 2);
    whatif_free(whatif);
}

static void idle_stays_in_what_is_folded(void **state)
{
    const struct whatif_change change = {WHATIF_REDUCE, "all:50%"};
    struct whatif *whatif;

    (void)state;
    host_facts(HOST_MANY, HOST_FEW, 4);
    host_share(HOST_NOON + 180);
    host_use_remote(HOST_NOON, "DSN", REMOTE, HOST_MANY);
    report = host_report();
    assert_int_equal(report->suppressed, SUPPRESS_MERGED);
    assert_true(report->host_shown);
    whatif = build(&change, 1);
    assert_close(
        whatif->total.after.impact.energy_kwh.central,
        (report->total.impact.energy_kwh.central + HOST_COMMON_J / HOST_J_PER_KWH * HOST_PUE) / 2);
    whatif_free(whatif);
}

static void refuses_other_factors_of_what_is_measured(void **state)
{
    const struct whatif_change changes[] = {{WHATIF_MOVE, REMOTE "=local:50%"},
                                            {WHATIF_ZONE, "local=SWE"}};
    struct whatif *whatif;
    char error[300];

    (void)state;
    make_month();
    assert_int_equal(ask(changes, 2, &whatif, error), WHATIF_USAGE);
    assert_non_null(strstr(error, "its energy is measured: give it a --model"));
}

int main(void)
{
#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, host_setup, teardown)
    const struct CMUnitTest tests[] = {
        HOST_TEST(measures_joules_per_token),
        HOST_TEST(tokens_of_no_measured_minute_do_not_count),
        HOST_TEST(minutes_without_a_device_do_not_count),
        HOST_TEST(of_a_part_of_a_minute_that_part_counts),
        HOST_TEST(an_exchange_counts_over_the_time_it_took),
        HOST_TEST(what_is_not_shown_does_not_count),
        HOST_TEST(moves_to_what_was_measured),
        HOST_TEST(the_host_is_what_it_did_most),
        HOST_TEST(a_model_may_stand_for_it),
        HOST_TEST(moves_away_from_it),
        HOST_TEST(idle_stays_where_less_is_asked),
        HOST_TEST(idle_stays_in_what_is_folded),
        HOST_TEST(refuses_other_factors_of_what_is_measured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
