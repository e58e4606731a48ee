/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/settlement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/balance.h"
#include "daemon/calendar.h"
#include "daemon/localimpact.h"
#include "daemon/log.h"
#include "daemon/meter.h"

#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "tests/close.h"
#include "tests/daemon/hosted.h"
#include "tests/daemon/meterworld.h"
#include "tests/daemon/overhear.h"
#include "tests/daemon/scratchsql.h"
#include "tests/thinned.h"

#define MINUTE_NS UINT64_C(60000000000)
#define KILLS     25
#define J_PER_KWH 3.6e6

/* -- Setting up ------------------------------------------------------------------------------- */

enum device { GPU0, GPU1, HOST, RAPL, DEVICES };

static void name_devices(void)
{
    static const struct power_device devices[DEVICES] = {
        [GPU0] = {"gpu0", POWER_DEVICE_GPU},
        [GPU1] = {"gpu1", POWER_DEVICE_GPU},
        [HOST] = {"host", POWER_DEVICE_HOST},
        [RAPL] = {"rapl/package-0", POWER_DEVICE_SOURCE},
    };

    meter_worker_here(meter, METER_COUNTERS);
    for (uint32_t i = 0; i < DEVICES; i++) {
        struct message message;

        message_start(&message, MESSAGE_DEVICE);
        message.number = i + 7;
        message.body.device = devices[i];
        assert_true(meter_take(meter, METER_COUNTERS, &message));
    }
}

static void open_with_devices(void)
{
    open_stores();
    meter_worker_here(meter, 0);
    give_names();
    name_devices();
}

static int setup(void **state)
{
    if (world_setup(state) != 0)
        return -1;
    config = hosted_config(hosted_host, NULL);
    open_with_devices();
    return 0;
}

/* -- Messages --------------------------------------------------------------------------------- */

static void send_use(uint16_t direction, const char *service, int64_t interval,
                     const struct attribution_use *use)
{
    struct message message;

    message_start(&message, MESSAGE_LOCAL_USE);
    message.interval_start = interval;
    message.body.use = (struct local_use){.direction_id = direction,
                                          .service_id = service_number(service),
                                          .requests = use->requests,
                                          .tokens_in = use->tokens_in,
                                          .tokens_cached = use->tokens_cached,
                                          .tokens_out = use->tokens_out};
    take(0, message);
}

static void send_output(uint16_t direction, const char *service, int64_t interval, double tokens)
{
    send_use(direction, service, interval,
             &(struct attribution_use){.requests = 1, .tokens_out = tokens});
}

static void send_energy_for(enum device device, int64_t interval, double energy_j,
                            uint64_t covered_ns)
{
    struct message message;

    message_start(&message, MESSAGE_ENERGY);
    message.interval_start = interval;
    message.body.energy = (struct device_energy){.device_id = (uint16_t)(device + 7),
                                                 .flags = ENERGY_WALL,
                                                 .covered_ns = covered_ns,
                                                 .energy_j = energy_j};
    take(METER_COUNTERS, message);
}

static void send_energy(enum device device, int64_t interval, double energy_j)
{
    send_energy_for(device, interval, energy_j, MINUTE_NS);
}

/* On top of what a minute was covered by: none of it is idle. */
static void send_work(enum device device, int64_t interval, double energy_j)
{
    send_energy_for(device, interval, energy_j, 0);
}

static void send_metered(int64_t interval)
{
    struct message message;

    message_start(&message, MESSAGE_METERED);
    message.interval_start = interval;
    take(METER_COUNTERS, message);
}

/* OPEN_S: how long the oldest exchange has been open. */
static void send_closed(int64_t interval, uint32_t open_s)
{
    struct message message;

    message_start(&message, MESSAGE_CLOSED);
    message.number = open_s;
    message.interval_start = interval;
    message.body.coverage.covered_ns = MINUTE_NS;
    take(0, message);
}

/* A minute of both cards and the host, without any request. */
static void send_idle_minute(int64_t interval)
{
    send_energy(GPU0, interval, 95 * 60);
    send_energy(GPU1, interval, 70 * 60);
    send_energy(HOST, interval, 180 * 60);
}

/* -- Looking ---------------------------------------------------------------------------------- */

struct sums {
    size_t rows;
    size_t with_impact;
    double energy_j;
    double host_s;
    struct impact impact;
};

static bool add_row(void *context, const struct ledger_row *row)
{
    struct sums *sums = context;

    sums->rows++;
    sums->with_impact += row->has_impact;
    sums->energy_j += row->activity.energy_j;
    sums->host_s += row->activity.host_s;
    sums->impact = impact_add(sums->impact, row->impact);
    return true;
}

static struct sums sums_of(int64_t from, int64_t until, const char *direction, const char *service)
{
    struct sums sums = {0};

    assert_int_equal(ledger_visit(ledger, from, until, direction, service, add_row, &sums),
                     LEDGER_OK);
    return sums;
}

static int64_t shared_until(void)
{
    int64_t until = -1;
    enum ledger_status status = settlement_shared_until(ledger, &until);

    assert_true(status == LEDGER_OK || status == LEDGER_EMPTY);
    return until;
}

struct weights {
    const char *direction;
    double weight;
};

static bool add_weight(void *context, const struct ledger_use_row *row)
{
    struct weights *weights = context;

    if (strcmp(row->direction, weights->direction) == 0)
        weights->weight += row->weight;
    return true;
}

static double weight_of(const char *direction)
{
    struct weights weights = {direction, 0};

    assert_int_equal(ledger_visit_local_use(ledger, 0, INT64_MAX, add_weight, &weights), LEDGER_OK);
    return weights.weight;
}

/* The sums of days are those of their intervals. */
static void assert_days_agree(void)
{
    char path[PATH_MAX];
    sqlite3 *database;
    sqlite3_stmt *statement;

    scratch_path(path, "state/ledger.db");
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database,
                                        "SELECT (SELECT sum(energy_kwh_central) FROM impact),"
                                        " (SELECT sum(energy_kwh_central) FROM impact_day)",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_true(sqlite3_column_double(statement, 0) > 0);
    assert_close(sqlite3_column_double(statement, 1), sqlite3_column_double(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(database);
}

/* -- The worked case, from messages to the ledger --------------------------------------------- */

static void send_case_interval(const struct attribution_case *given, size_t i, int64_t interval)
{
    for (size_t dept = 0; dept < ATTRIBUTION_DEPTS; dept++)
        for (size_t model = 0; model < ATTRIBUTION_MODELS; model++)
            if (given->uses[i][dept][model].requests > 0)
                send_use((uint16_t)(dept + 1), attribution_models[model], interval,
                         &given->uses[i][dept][model]);
    send_energy(GPU0, interval, given->gpu_j[i][0]);
    send_energy(GPU1, interval, given->gpu_j[i][1]);
    send_energy(HOST, interval, given->host_j[i]);
    send_energy(RAPL, interval, given->host_j[i] / 2);
    send_closed(interval, 0);
    send_metered(interval);
}

static void check_model_rows(void)
{
    struct attribution_table table = attribution_open("expected_by_model.tsv", true);

    while (attribution_next(&table)) {
        struct sums sums = sums_of(0, INT64_MAX, table.fields[0], table.fields[1]);

        assert_close(sums.energy_j / J_PER_KWH, attribution_number(&table, 3));
        assert_true(sums.host_s == 0);
        assert_int_equal(sums.with_impact, sums.rows);
    }
}

/* What reports do: the common row goes by the key of the whole period. */
static void check_usage(void *context, const char *policy, const char *dept,
                        const double values[ATTRIBUTION_COLUMNS])
{
    struct sums common = sums_of(0, INT64_MAX, "unassigned", "local-host");
    struct sums own = sums_of(0, INT64_MAX, dept, NULL);
    double weights[ATTRIBUTION_DEPTS], shares[ATTRIBUTION_DEPTS];
    size_t i;

    (void)context;
    if (strcmp(policy, "usage") != 0 || strcmp(dept, "TOTAL") == 0)
        return;
    for (i = 0; i < ATTRIBUTION_DEPTS; i++)
        weights[i] = weight_of(attribution_depts[i]);
    assert_true(sharing_key(1, weights, NULL, ATTRIBUTION_DEPTS, shares) == 0);
    i = attribution_find(attribution_depts, ATTRIBUTION_DEPTS, dept);
    assert_close(weights[i], values[0]);
    assert_close(own.energy_j / J_PER_KWH, values[1]);
    assert_close(shares[i] * common.energy_j / J_PER_KWH, values[2]);
#define WITH_SHARE(name) (own.impact.name.central + shares[i] * common.impact.name.central)
    assert_close(WITH_SHARE(energy_kwh), values[4]);
    assert_close(WITH_SHARE(gwp_use_kgco2e), values[5]);
    assert_close(WITH_SHARE(gwp_embodied_kgco2e), values[6]);
    assert_close(WITH_SHARE(water_l), values[9]);
#undef WITH_SHARE
}

static void check_case(void)
{
    struct sums common = sums_of(0, INT64_MAX, "unassigned", "local-host");
    struct sums all = sums_of(0, INT64_MAX, NULL, NULL);

#define EXPECTED(name) attribution_value("expected_totals.tsv", name)
    assert_close(all.energy_j / J_PER_KWH, EXPECTED("e_it_total_kwh"));
    assert_close(common.energy_j / J_PER_KWH,
                 EXPECTED("e_idle_kwh") + EXPECTED("e_active_unattributed_kwh"));
    assert_close(common.host_s, ATTRIBUTION_INTERVALS * ATTRIBUTION_STEP_S);
    assert_close(all.impact.gwp_embodied_kgco2e.central, EXPECTED("embodied_kg"));
#undef EXPECTED
    check_model_rows();
    attribution_expected(check_usage, NULL);
    assert_days_agree();
}

static void the_worked_case_comes_out_of_the_ledger(void **state)
{
    static struct attribution_case given;

    (void)state;
    attribution_read(&given);
    for (size_t i = 0; i < ATTRIBUTION_INTERVALS; i++) {
        send_case_interval(&given, i, T0 + 60 * (int64_t)i);
        commit_at(INT64_MAX);
        assert_int_equal(shared_until(), T0 + 60 * (int64_t)(i + 1));
    }
    check_case();
}

/* What was measured before SHARED_UNTIL is what was shared, by SQLite's own sums. */
static void assert_all_is_shared(void)
{
    char path[PATH_MAX];
    sqlite3 *database;
    sqlite3_stmt *statement;

    scratch_path(path, "state/ledger.db");
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(
            database,
            "SELECT (SELECT total(energy_j) FROM device_energy e, power_device d"
            " WHERE d.id = e.device AND kind < 2 AND interval_start < (SELECT CAST(value AS INT)"
            " FROM fact WHERE name = 'shared_until')), (SELECT total(energy_j) FROM activity)",
            -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_close(sqlite3_column_double(statement, 1), sqlite3_column_double(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(database);
}

/* Stopped after facts were recorded, before or after they were shared, and started again: what
 * comes out is the same. */
static void a_restart_between_any_two_steps_changes_nothing(void **state)
{
    static struct attribution_case given;
    struct host_config *host = config->host;

    (void)state;
    attribution_read(&given);
    for (size_t i = 0; i < ATTRIBUTION_INTERVALS; i++) {
        send_case_interval(&given, i, T0 + 60 * (int64_t)i);
        config->host = i % 3 == 0 ? NULL : host; /* without it, nothing is shared */
        commit_at(INT64_MAX);
        config->host = host;
        assert_int_equal(shared_until(), i == 0 ? -1 : T0 + 60 * (int64_t)(i + (i % 3 != 0)));
        assert_all_is_shared();
        close_stores();
        open_with_devices();
    }
    send_closed(T0 + 60 * ATTRIBUTION_INTERVALS, 0);
    send_metered(T0 + 60 * ATTRIBUTION_INTERVALS);
    commit_at(INT64_MAX);
    check_case();
}

/* Records and shares until it is killed, from where the ledger ends. */
static void work_until_killed(const struct attribution_case *given)
{
    int64_t first, last = T0;

    open_with_devices();
    ledger_span(ledger, &first, &last);
    for (size_t i = 0;; i++) {
        last += 60;
        send_case_interval(given, i % ATTRIBUTION_INTERVALS, last);
        if (meter_commit(meter, INT64_MAX, clock_s) != LEDGER_OK)
            _exit(1);
    }
}

static void a_kill_at_any_instant_shares_nothing_twice(void **state)
{
    static struct attribution_case given;
    size_t rows = 0;
    int wanted = thinned_count(KILLS);
    int kills;

    (void)state;
    srand(1);
    attribution_read(&given);
    send_idle_minute(T0);
    send_closed(T0, 0);
    send_metered(T0);
    commit_at(INT64_MAX);
    close_stores();
    /* However slow the machine, some intervals are shared. */
    for (kills = 0; kills < wanted || rows < 4 * (size_t)wanted; kills++) {
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0)
            work_until_killed(&given);
        usleep((unsigned)(rand() % (80000 << kills / wanted)));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_all_is_shared();
        open_with_devices();
        rows = sums_of(0, INT64_MAX, NULL, NULL).rows;
        close_stores();
    }
    open_with_devices();
    print_message("%d kills, %zu rows shared\n", kills, rows);
    assert_days_agree();
}

/* -- When an interval is shared --------------------------------------------------------------- */

/* Nothing of what was recorded from T0 on; what lies long before is. */
static void assert_nothing_shared(void)
{
    assert_true(shared_until() <= T0);
    assert_int_equal(sums_of(0, INT64_MAX, NULL, NULL).rows, 0);
}

static void an_interval_waits_for_exchanges_that_run(void **state)
{
    struct sums own;

    (void)state;
    send_idle_minute(T0);
    send_work(GPU0, T0, 3000);
    send_metered(T0);
    send_closed(T0, 30); /* one began half a minute before the end */
    commit_at(INT64_MAX);
    assert_nothing_shared();
    assert_true(meter_is_waiting(meter));
    send_output(1, "mistral-small-24b", T0, 100);
    send_output(1, "mistral-small-24b", T0 + 60, 40);
    send_metered(T0 + 60);
    send_closed(T0 + 60, 0);
    commit_at(INT64_MAX);
    assert_int_equal(shared_until(), T0 + 120);
    assert_false(meter_is_waiting(meter));
    own = sums_of(0, INT64_MAX, "DSN", "mistral-small-24b");
    assert_close(own.energy_j, 3000);
    assert_close(weight_of("DSN"), 140);
}

static void an_exchange_that_began_within_an_interval_holds_that_one_too(void **state)
{
    (void)state;
    send_idle_minute(T0);
    send_metered(T0);
    send_closed(T0, 0);
    send_metered(T0 + 60);
    send_closed(T0 + 60, 59);
    commit_at(INT64_MAX);
    assert_int_equal(shared_until(), T0 + 60);
}

static void no_interval_waits_for_longer_than_a_quarter_of_an_hour(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        send_idle_minute(T0 + 60 * i);
        send_metered(T0 + 60 * i);
        send_closed(T0 + 60 * i, 60 * (uint32_t)(i + 1));
        commit_at(T0 + 60 * i + 61);
        if (i < 15)
            assert_nothing_shared();
        else
            assert_int_equal(shared_until(), T0 + 60 * (i - 14));
    }
    /* What it was at last: too late for the interval it ran in, in time for the next. */
    send_work(GPU0, T0 + 60 * 5, 600);
    send_output(2, "mistral-small-24b", T0, 10);
    send_output(2, "mistral-small-24b", T0 + 60 * 19, 1);
    send_metered(T0 + 60 * 20);
    send_closed(T0 + 60 * 20, 0);
    commit_at(T0 + 60 * 21);
    assert_int_equal(shared_until(), T0 + 60 * 21);
    assert_close(weight_of("CULTURE"), 11);
    assert_int_equal(sums_of(T0 + 60 * 5, T0 + 60 * 6, "CULTURE", NULL).rows, 1);
    assert_close(sums_of(T0 + 60 * 5, T0 + 60 * 6, "CULTURE", NULL).energy_j, 600);
    assert_close(sums_of(0, INT64_MAX, NULL, NULL).energy_j, 20 * 345 * 60 + 600);
    assert_all_is_shared();
}

static void an_interval_waits_for_the_counters(void **state)
{
    (void)state;
    send_idle_minute(T0);
    send_closed(T0, 0);
    commit_at(T0 + 61);
    assert_nothing_shared();
    send_metered(T0);
    commit_at(T0 + 61);
    assert_int_equal(shared_until(), T0 + 60);
    meter_worker_gone(meter, METER_COUNTERS);
    send_closed(T0 + 60, 0);
    commit_at(T0 + 121);
    assert_int_equal(shared_until(), T0 + 120);
}

/* What a counters process had sent of an interval that it did not complete is as if not measured.
 */
static void unfinished_measurements_are_forgotten(void **state)
{
    (void)state;
    send_idle_minute(T0);
    meter_worker_gone(meter, METER_COUNTERS);
    name_devices();
    send_energy(GPU0, T0, 50);
    send_metered(T0);
    send_closed(T0, 0);
    commit_at(T0 + 61);
    assert_close(sums_of(0, INT64_MAX, NULL, NULL).energy_j, 50);
}

/* -- What is shared ----------------------------------------------------------------------------*/

/* Tokens count; that the energy was not measured shows. */
static void without_counters_there_is_use_but_no_energy(void **state)
{
    (void)state;
    meter_worker_gone(meter, METER_COUNTERS);
    send_output(1, "qwen3-8b", T0, 100);
    send_closed(T0, 0);
    commit_at(T0 + 61);
    assert_int_equal(shared_until(), T0 + 60);
    assert_close(weight_of("DSN"), 100);
    assert_int_equal(sums_of(0, INT64_MAX, NULL, NULL).rows, 0);
}

/* Of half a minute, half is idle at most, and half is manufacture's time. */
static void what_was_covered_in_part_counts_in_part(void **state)
{
    struct sums common;

    (void)state;
    send_energy_for(GPU0, T0, 3850, MINUTE_NS / 2);
    send_energy_for(HOST, T0, 180 * 30, MINUTE_NS / 2);
    send_output(1, "mistral-small-24b", T0, 1);
    send_metered(T0);
    send_closed(T0, 0);
    commit_at(T0 + 61);
    common = sums_of(0, INT64_MAX, "unassigned", "local-host");
    assert_close(common.energy_j, 275 * 30);
    assert_close(common.host_s, 30);
    assert_close(sums_of(0, INT64_MAX, "DSN", NULL).energy_j, 1000);
}

/* Of a service that is placed nowhere, nothing is known but that it was used. */
static void what_host_conf_does_not_place_gets_nothing(void **state)
{
    const char *text;

    (void)state;
    overhear_start();
    send_idle_minute(T0);
    send_work(GPU0, T0, 700);
    send_output(1, "local-ollama", T0, 100);
    send_output(2, "local-ollama", T0, 100);
    send_metered(T0);
    send_closed(T0, 0);
    commit_at(T0 + 61);
    text = overhear_stop();
    if (!strstr(text, "local-ollama") || strchr(text, '\n') != strrchr(text, '\n'))
        fail_msg("logged:\n%s", text);
    assert_int_equal(sums_of(0, INT64_MAX, "DSN", NULL).rows, 0);
    assert_close(sums_of(0, INT64_MAX, "unassigned", "local-host").energy_j, 345 * 60 + 700);
}

/* A card that was put in yesterday: all that it draws is common, until host.conf says more. */
static void an_unknown_card_goes_to_the_pool(void **state)
{
    struct message message;
    const char *text;

    (void)state;
    overhear_start();
    meter_worker_here(meter, METER_COUNTERS);
    message_start(&message, MESSAGE_DEVICE);
    message.number = GPU0 + 7;
    message.body.device = (struct power_device){"gpu9", POWER_DEVICE_GPU};
    take(METER_COUNTERS, message);
    text = overhear_stop();
    assert_non_null(strstr(text, "gpu9"));
    send_energy(GPU0, T0, 1000);
    send_output(1, "mistral-small-24b", T0, 100);
    send_metered(T0);
    send_closed(T0, 0);
    commit_at(T0 + 61);
    assert_close(sums_of(0, INT64_MAX, "unassigned", "local-host").energy_j, 1000);
    assert_close(sums_of(0, INT64_MAX, "DSN", NULL).energy_j, 0);
}

static void numbers_of_devices_are_those_of_one_process(void **state)
{
    struct message message;

    (void)state;
    meter_worker_here(meter, METER_COUNTERS);
    message_start(&message, MESSAGE_ENERGY);
    message.interval_start = T0;
    message.body.energy.device_id = GPU0 + 7;
    assert_false(meter_take(meter, METER_COUNTERS, &message));
    assert_false(meter_take(meter, 0, &message)); /* nor a capture process's to send */
    message_start(&message, MESSAGE_LOCAL_USE);
    message.interval_start = T0;
    assert_false(meter_take(meter, METER_COUNTERS, &message));
    message_start(&message, MESSAGE_DEVICE);
    message.body.device = (struct power_device){"gpu0", POWER_DEVICE_GPU};
    assert_false(meter_take(meter, 0, &message));
}

/* The band is the accuracy of the meter; what is embodied has none. */
static void the_impact_is_that_of_measured_energy(void **state)
{
    struct local_factors factors;
    struct impact expected;
    struct sums own;

    (void)state;
    send_idle_minute(T0);
    send_work(GPU0, T0, 3.6e6);
    send_output(1, "mistral-small-24b", T0, 1);
    send_metered(T0);
    send_closed(T0, 0);
    commit_at(T0 + 61);
    own = sums_of(0, INT64_MAX, "DSN", NULL);
    assert_null(local_factors_resolve(config->host, config->factors, &factors));
    expected = local_impact(&factors, 3.6e6, 0);
    assert_memory_equal(&own.impact, &expected, sizeof(expected));
    assert_close(own.impact.energy_kwh.central, 1.35);
    assert_close(own.impact.energy_kwh.low, 1.35 * 0.98);
    assert_close(own.impact.energy_kwh.high, 1.35 * 1.02);
    assert_close(own.impact.water_l.central, 0.1 + 1.35 * factors.zone->ewif_l_per_kwh);
}

/* -- Without a host, and with one that comes later -------------------------------------------- */

static double shown_energy(const char *direction, const char *service, int64_t until)
{
    double total = (double)NAN;

    if (!roundrobin_total(roundrobin, direction, service, "energy_kwh_central", T0 - 600, until,
                          &total))
        fail_msg("%s", roundrobin_error(roundrobin));
    return total;
}

/* An RRD row can be written once: it is when all of it is known. */
static void graphs_go_as_far_as_energy_is_shared(void **state)
{
    (void)state;
    send_idle_minute(T0);
    send_metered(T0);
    send_closed(T0, 50);
    commit_at(T0 + 61);
    assert_int_equal(meter_shown_until(ledger, config, T0 + 61), T0);
    send_idle_minute(T0 + 60);
    send_metered(T0 + 60);
    send_closed(T0 + 60, 20);
    commit_at(T0 + 121);
    assert_int_equal(shared_until(), T0 + 60);
    assert_int_equal(meter_shown_until(ledger, config, T0 + 121), T0 + 60);
    assert_close(shown_energy("unassigned", "local-host", T0 + 600), 1.35 * 345 * 60 / J_PER_KWH);
    send_metered(T0 + 120);
    send_closed(T0 + 120, 0);
    commit_at(T0 + 181);
    assert_close(shown_energy("unassigned", "local-host", T0 + 600),
                 2 * 1.35 * 345 * 60 / J_PER_KWH);
    assert_false(meter_is_waiting(meter));
}

/* Of a host where no interval has ended yet, there is something to commit all the same. */
static void sources_are_told_before_anything_is_measured(void **state)
{
    struct message message;

    (void)state;
    message_start(&message, MESSAGE_SOURCE);
    message.body.source.name[0] = 'r';
    take(METER_COUNTERS, message);
    commit_at(T0);
    assert_int_equal(shared_until(), -1);
    assert_false(meter_is_waiting(meter));
}

static ino_t inode_of(const char *name)
{
    char path[PATH_MAX];
    struct stat status;

    scratch_path(path, name);
    assert_int_equal(stat(path, &status), 0);
    return status.st_ino;
}

/* Counters that end an interval after its row was written: there is nothing to write again, for
 * which whole files would be made anew. */
static void counters_that_are_late_rewrite_no_graphs(void **state)
{
    struct host_config *host = config->host;
    ino_t before;

    (void)state;
    for (int with_host = 0; with_host < 2; with_host++) {
        int64_t interval = T0 + 6000 * with_host;

        config->host = with_host ? host : NULL;
        send_closed(interval, 0);
        send_closed(interval + 1800, 0);
        commit_at(interval + 1861); /* too late for the counters */
        before = inode_of("state/rrd/coverage.rrd");
        send_idle_minute(interval);
        send_metered(interval);
        commit_at(interval + 1861);
        assert_true(inode_of("state/rrd/coverage.rrd") == before);
    }
    config->host = host;
}

/* Hours of facts, shared when host.conf is there at last. */
static void a_backlog_is_shared_from_its_beginning(void **state)
{
    static struct attribution_case given;
    struct host_config *host = config->host;

    (void)state;
    attribution_read(&given);
    for (size_t i = 0; i < ATTRIBUTION_INTERVALS; i++)
        send_case_interval(&given, i, T0 + 60 * (int64_t)i);
    config->host = NULL;
    commit_at(INT64_MAX);
    assert_false(meter_is_waiting(meter));
    assert_int_equal(shared_until(), -1);
    config->host = host;
    commit_at(INT64_MAX);
    check_case();
    assert_int_equal(shared_until(), T0 + 60 * ATTRIBUTION_INTERVALS);
}

/* A gap of days without any facts costs one step. */
static void silence_is_passed_over(void **state)
{
    (void)state;
    send_idle_minute(T0);
    send_metered(T0);
    send_closed(T0, 0);
    commit_at(INT64_MAX);
    send_idle_minute(T0 + 864000);
    send_metered(T0 + 864000);
    send_closed(T0 + 864000, 0);
    commit_at(INT64_MAX);
    assert_int_equal(shared_until(), T0 + 864060);
    assert_close(sums_of(0, INT64_MAX, NULL, NULL).energy_j, 2 * 345 * 60);
}

/* Someone else writes: nothing of it is lost, and nothing is shared twice. */
static void a_busy_ledger_is_tried_again(void **state)
{
    char path[PATH_MAX];
    sqlite3 *other;

    (void)state;
    send_idle_minute(T0);
    send_metered(T0);
    send_closed(T0, 40);
    commit_at(T0 + 61); /* recorded, not shared */
    send_closed(T0 + 60, 0);
    meter_worker_gone(meter, METER_COUNTERS);
    scratch_path(path, "state/ledger.db");
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(settlement_run(ledger, config, T0 + 60), LEDGER_RETRY);
    assert_nothing_shared();
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    commit_at(T0 + 121);
    assert_int_equal(shared_until(), T0 + 120);
    assert_close(sums_of(0, INT64_MAX, NULL, NULL).energy_j, 345 * 60);
    assert_int_equal(settlement_run(ledger, config, T0 + 120), LEDGER_OK);
    assert_close(sums_of(0, INT64_MAX, NULL, NULL).energy_j, 345 * 60);
}

/* Neither is there without the other, whichever of them fails. */
static void shares_and_how_far_they_go_are_one_transaction(void **state)
{
    static const char *const failures[] = {"INSERT ON fact WHEN new.name = 'shared_until'",
                                           "INSERT ON activity", "INSERT ON impact_day",
                                           "UPDATE ON local_use WHEN new.weight > 0"};

    (void)state;
    send_idle_minute(T0);
    send_output(1, "qwen3-8b", T0, 10);
    send_metered(T0);
    send_closed(T0, 40);
    commit_at(T0 + 61); /* recorded, not shared */
    assert_int_equal(scratch_sql("state/ledger.db", "DELETE FROM fact WHERE name = 'shared_until'"),
                     SQLITE_OK);
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        char sql[200];

        snprintf(sql, sizeof(sql),
                 "CREATE TRIGGER refuse BEFORE %s BEGIN SELECT RAISE(ABORT, 'refused'); END",
                 failures[i]);
        assert_int_equal(scratch_sql("state/ledger.db", sql), SQLITE_OK);
        assert_int_not_equal(settlement_run(ledger, config, T0 + 60), LEDGER_OK);
        assert_nothing_shared();
        assert_int_equal(shared_until(), -1);
        assert_true(weight_of("DSN") == 0);
        assert_int_equal(scratch_sql("state/ledger.db", "DROP TRIGGER refuse"), SQLITE_OK);
    }
    assert_int_equal(settlement_run(ledger, config, T0 + 60), LEDGER_OK);
    assert_close(sums_of(0, INT64_MAX, NULL, NULL).energy_j, 345 * 60);
    assert_true(weight_of("DSN") == 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

/* -- What servers counted themselves ---------------------------------------------------------- */

static void ask_the_server_of(const char *service, enum scrape_tokens tokens)
{
    struct inference_config *inference = &config->inference;

    inference->server_count = 1;
    inference->servers[0] = (struct inference_server){8000, service_number(service), SERVICE_NONE,
                                                      tokens == TOKENS_FROM_SERVER};
    inference->scrapes[0].tokens = (int)tokens;
    snprintf(inference->scrapes[0].url, sizeof(inference->scrapes[0].url), "http://127.0.0.1/");
}

static void send_server_use(uint16_t direction, const char *service, int64_t interval,
                            uint64_t requests, uint64_t tokens_in, uint64_t tokens_out)
{
    struct message message;

    message_start(&message, MESSAGE_SERVER_USE);
    message.interval_start = interval;
    message.body.server_use = (struct server_use){.direction_id = direction,
                                                  .service_id = service_number(service),
                                                  .requests = requests,
                                                  .tokens_in = tokens_in,
                                                  .tokens_out = tokens_out};
    take(METER_COUNTERS, message);
}

struct recorded {
    const char *direction;
    struct balance_use use;
    struct activity activity;
};

static bool add_recorded_use(void *context, const struct ledger_use_row *row)
{
    struct recorded *recorded = context;

    if (strcmp(row->direction, recorded->direction) != 0)
        return true;
    recorded->use.requests += row->requests;
    recorded->use.tokens_in += row->tokens_in;
    recorded->use.tokens_out += row->tokens_out;
    return true;
}

static bool add_recorded_activity(void *context, const struct ledger_row *row)
{
    struct recorded *recorded = context;

    recorded->activity.requests = triple_add(recorded->activity.requests, row->activity.requests);
    recorded->activity.tokens_out =
        triple_add(recorded->activity.tokens_out, row->activity.tokens_out);
    recorded->activity.energy_j += row->activity.energy_j;
    if (row->activity.grade > recorded->activity.grade)
        recorded->activity.grade = row->activity.grade;
    return true;
}

static struct recorded recorded_of(const char *direction, const char *service)
{
    struct recorded recorded = {.direction = direction};

    assert_int_equal(ledger_visit_local_use(ledger, 0, INT64_MAX, add_recorded_use, &recorded),
                     LEDGER_OK);
    assert_int_equal(
        ledger_visit(ledger, 0, INT64_MAX, direction, service, add_recorded_activity, &recorded),
        LEDGER_OK);
    return recorded;
}

static struct balance_use unseen_of(const char *direction)
{
    struct recorded recorded = {.direction = direction};

    assert_int_equal(ledger_visit_unseen_use(ledger, 0, INT64_MAX, add_recorded_use, &recorded),
                     LEDGER_OK);
    return recorded.use;
}

static void end_minute(int64_t interval)
{
    send_idle_minute(interval);
    send_work(GPU1, interval, 600);
    send_metered(interval);
    send_closed(interval, 0);
    commit_at(interval + 60);
    assert_int_equal(shared_until(), interval + 60);
}

/* One request of two passes where nobody listens. With a restart after each minute. */
static void what_only_the_server_counted_is_unassigned_after_a_quarter_of_an_hour(void **state)
{
    struct recorded recorded;
    struct balance_use unseen;

    (void)state;
    ask_the_server_of("qwen3-8b", TOKENS_FROM_WIRE);
    for (int64_t minute = 0; minute < 40; minute++) {
        if (minute == 1) {
            send_output(1, "qwen3-8b", 60, 30);
            send_server_use(DIRECTION_UNASSIGNED, "qwen3-8b", 60, 2, 100, 50);
        }
        if (minute == 15) { /* beside what the wire has of nobody knows whom, too */
            send_output(DIRECTION_UNASSIGNED, "qwen3-8b", 900, 5);
            send_server_use(DIRECTION_UNASSIGNED, "qwen3-8b", 900, 1, 0, 5);
        }
        end_minute(60 * minute);
        recorded = recorded_of("unassigned", "qwen3-8b");
        assert_true(recorded.use.requests == (minute < 15 ? 0 : 2));
        close_stores();
        open_with_devices();
    }
    assert_true(recorded.use.tokens_in == 100 && recorded.use.tokens_out == 25);
    unseen = unseen_of("unassigned");
    assert_true(unseen.requests == 1 && unseen.tokens_in == 100 && unseen.tokens_out == 20);
    unseen = unseen_of("DSN");
    assert_true(balance_is_nothing(&unseen));
    assert_close(weight_of("unassigned"), 0.15 * 100 + 25);
    assert_true(recorded.activity.requests.central == 1);
    assert_true(recorded.activity.tokens_out.low == 20 && recorded.activity.tokens_out.high == 20);
    assert_int_equal(recorded.activity.grade, GRADE_B);
    /* It takes its part of the energy: all that the card did in the minute in which it is added. */
    assert_close(recorded.activity.energy_j, 600);
    recorded = recorded_of("DSN", "qwen3-8b");
    assert_true(recorded.use.requests == 1 && recorded.use.tokens_out == 30);
}

static void a_server_whose_counts_are_the_use_needs_no_wire(void **state)
{
    struct recorded recorded;

    (void)state;
    ask_the_server_of("qwen3-8b", TOKENS_FROM_SERVER);
    send_server_use(1, "qwen3-8b", 0, 2, 100, 50);
    send_server_use(DIRECTION_UNASSIGNED, "qwen3-8b", 0, 1, 10, 40);
    end_minute(0);
    assert_true(unseen_of("DSN").tokens_out == 50);
    recorded = recorded_of("DSN", "qwen3-8b");
    assert_true(recorded.use.requests == 2 && recorded.use.tokens_out == 50);
    assert_true(recorded.activity.requests.central == 2);
    assert_int_equal(recorded.activity.grade, GRADE_A);
    assert_close(recorded.activity.energy_j, 600 * 65 / (65 + 41.5));
    recorded = recorded_of("unassigned", "qwen3-8b");
    assert_true(recorded.use.requests == 1 && recorded.use.tokens_in == 10);
}

/* A process that was taken over may say anything. */
static void an_interval_of_a_year_to_come_closes_none_before_it(void **state)
{
    (void)state;
    send_idle_minute(0);
    send_metered(0);
    send_closed(0, 0);
    send_metered(INT64_C(9000000000));
    meter_worker_gone(meter, 0);
    commit_at(90);
    assert_true(shared_until() <= 120);
}

static void a_server_that_nobody_asks_counts_for_nothing(void **state)
{
    (void)state;
    send_server_use(DIRECTION_UNASSIGNED, "qwen3-8b", 0, 2, 100, 50);
    for (int64_t minute = 0; minute < 20; minute++)
        end_minute(60 * minute);
    assert_true(recorded_of("unassigned", "qwen3-8b").use.requests == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_worked_case_comes_out_of_the_ledger),
        TEST(a_restart_between_any_two_steps_changes_nothing),
        TEST(a_kill_at_any_instant_shares_nothing_twice),
        TEST(an_interval_waits_for_exchanges_that_run),
        TEST(an_exchange_that_began_within_an_interval_holds_that_one_too),
        TEST(no_interval_waits_for_longer_than_a_quarter_of_an_hour),
        TEST(an_interval_waits_for_the_counters),
        TEST(unfinished_measurements_are_forgotten),
        TEST(without_counters_there_is_use_but_no_energy),
        TEST(what_was_covered_in_part_counts_in_part),
        TEST(what_host_conf_does_not_place_gets_nothing),
        TEST(an_unknown_card_goes_to_the_pool),
        TEST(numbers_of_devices_are_those_of_one_process),
        TEST(the_impact_is_that_of_measured_energy),
        TEST(graphs_go_as_far_as_energy_is_shared),
        TEST(sources_are_told_before_anything_is_measured),
        TEST(counters_that_are_late_rewrite_no_graphs),
        TEST(a_backlog_is_shared_from_its_beginning),
        TEST(silence_is_passed_over),
        TEST(a_busy_ledger_is_tried_again),
        TEST(shares_and_how_far_they_go_are_one_transaction),
        TEST(what_only_the_server_counted_is_unassigned_after_a_quarter_of_an_hour),
        TEST(a_server_whose_counts_are_the_use_needs_no_wire),
        TEST(a_server_that_nobody_asks_counts_for_nothing),
        TEST(an_interval_of_a_year_to_come_closes_none_before_it),
    };

    return cmocka_run_group_tests_name("settlement", tests, NULL, NULL);
}
