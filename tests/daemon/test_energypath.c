/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/settlement.h"

#include <math.h>
#include <sqlite3.h>

#include "tests/close.h"
#include "tests/daemon/hosted.h"
#include "tests/daemon/meterworld.h"
#include "tests/random.h"

/* From what meters hand over to what directions are given: whatever is started anew, set, late, or
 * full, the joules that go in come out, in the ledger's facts and in its shares. */

#define S            INT64_C(1000000000)
#define SUMMER_ENDS  INT64_C(1792890000) /* 2026-10-25 01:00 UTC, in Paris 3:00 becomes 2:00 */
#define OCTOBER_ENDS INT64_C(1793487600) /* 2026-11-01 00:00 in Paris */
#define TICKS        600
#define TICK_S       20

enum { GPU0, GPU1, HOST, WALL, DEVICES };

struct world {
    uint64_t seed;
    struct counters *counters;
    unsigned first; /* device, after a restart: numbers are others then */
    int64_t wall_s;
    int64_t monotonic_s;
    int64_t taken_ns;
    int64_t known_ns;
    double given_j[DEVICES]; /* handed over so far */
    double carried_j;
};

static struct world world;

/* -- What meters say -------------------------------------------------------------------------- */

static void sample(void *context)
{
    (void)context;
    if (random_below(&world.seed, 3))
        world.known_ns = world.monotonic_s * S;
}

static bool complete(void *context, int64_t until_ns)
{
    (void)context;
    return until_ns <= world.known_ns;
}

static size_t list_devices(void *context, struct power_device out[MAX_POWER_DEVICES])
{
    static const struct power_device devices[DEVICES] = {
        [GPU0] = {"gpu0", POWER_DEVICE_GPU},
        [GPU1] = {"gpu1", POWER_DEVICE_GPU},
        [HOST] = {"host", POWER_DEVICE_HOST},
        [WALL] = {"redfish/power", POWER_DEVICE_SOURCE},
    };

    (void)context;
    for (unsigned i = 0; i < DEVICES; i++)
        out[i] = devices[(i + world.first) % DEVICES];
    return DEVICES;
}

/* Anything from nothing up; the host may be as low as 0, with what it lacks carried on. */
static size_t take_energy(void *context, int64_t until_ns,
                          struct device_energy out[MAX_POWER_DEVICES])
{
    uint64_t covered_ns = until_ns > world.taken_ns ? (uint64_t)(until_ns - world.taken_ns) : 0;
    size_t count = 0;

    (void)context;
    for (unsigned i = 0; i < DEVICES; i++) {
        unsigned device = (i + world.first) % DEVICES;
        double energy_j = random_below(&world.seed, 4) ? random_below(&world.seed, 70000) / 1.1 : 0;

        if (random_below(&world.seed, 10) == 0)
            continue; /* it could not be read */
        out[count] = (struct device_energy){
            .device_id = (uint16_t)i, .covered_ns = covered_ns, .energy_j = energy_j};
        if (device == HOST && covered_ns > 0)
            out[count].carried_j = random_below(&world.seed, 1000) / 7.0 - 70;
        world.given_j[device] += energy_j;
        world.carried_j += out[count++].carried_j;
    }
    world.taken_ns = until_ns;
    return count;
}

static size_t take_use(void *context, struct server_use *out, size_t size)
{
    (void)context;
    (void)out;
    (void)size;
    return 0;
}

static void start_counters(void)
{
    const struct counters_sources sources = {NULL,         sample,      complete,
                                             list_devices, take_energy, take_use};

    world.first = random_below(&world.seed, DEVICES);
    world.taken_ns = world.monotonic_s * S;
    world.counters = counters_new(&sources);
    assert_non_null(world.counters);
    meter_worker_here(meter, METER_COUNTERS);
}

/* -- What happens ----------------------------------------------------------------------------- */

static void flush(void)
{
    const struct message *message;

    while ((message = counters_next(world.counters)) != NULL) {
        take(METER_COUNTERS, *message);
        counters_sent(world.counters);
    }
}

static void use(void)
{
    static const char *const services[] = {"mistral-small-24b", "qwen3-8b"};
    struct message message;

    message_start(&message, MESSAGE_LOCAL_USE);
    message.interval_start = calendar_interval(world.wall_s);
    message.body.use =
        (struct local_use){.direction_id = (uint16_t)(1 + random_below(&world.seed, 4)),
                           .service_id = service_number(services[random_below(&world.seed, 2)]),
                           .requests = 1,
                           .tokens_in = random_below(&world.seed, 3000),
                           .tokens_out = random_below(&world.seed, 900)};
    take(0, message);
}

static void close_interval(int64_t interval)
{
    struct message message;

    message_start(&message, MESSAGE_CLOSED);
    message.interval_start = interval;
    message.number = random_below(&world.seed, 4)
                         ? 0
                         : random_below(&world.seed, 600); /* an exchange still runs */
    message.body.coverage.covered_ns = 60 * (uint64_t)S;
    take(0, message);
}

static void stop_counters(void)
{
    counters_finish(world.counters, world.wall_s * S, world.monotonic_s * S);
    flush();
    counters_free(world.counters);
    meter_worker_gone(meter, METER_COUNTERS);
}

static void restart(void)
{
    bool all = random_below(&world.seed, 2);

    stop_counters();
    if (all) {
        commit_at(world.wall_s);
        close_stores();
        open_stores();
        meter_worker_here(meter, 0);
        give_names();
    }
    start_counters();
}

static void tick(void)
{
    int64_t before = calendar_interval(world.wall_s);

    world.wall_s += TICK_S;
    world.monotonic_s += TICK_S;
    clock_s += TICK_S;
    if (random_below(&world.seed, 120) == 0)
        world.wall_s += random_below(&world.seed, 2) ? 7200 : -4000; /* somebody sets the clock */
    counters_tick(world.counters, world.wall_s * S, world.monotonic_s * S);
    if (random_below(&world.seed, 3))
        use();
    if (calendar_interval(world.wall_s) != before)
        close_interval(before);
    if (random_below(&world.seed, 5))
        flush();
    if (random_below(&world.seed, 4))
        commit_at(world.wall_s);
    if (random_below(&world.seed, 90) == 0)
        restart();
}

/* -- What came of it -------------------------------------------------------------------------- */

static double ask(const char *question)
{
    char path[PATH_MAX];
    sqlite3 *database;
    sqlite3_stmt *statement;
    double answer;

    scratch_path(path, "state/ledger.db");
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, question, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    answer = sqlite3_column_double(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return answer;
}

#define OF_HOST                                                                                    \
    "FROM device_energy e JOIN power_device d ON d.id = e.device WHERE kind < 2 AND "              \
    "interval_start < (SELECT CAST(value AS INT) FROM fact WHERE name = 'shared_until')"

static void assert_conserved(void)
{
    static const char *const questions[DEVICES] = {
#define OF(name)                                                                                   \
    "SELECT total(energy_j) FROM device_energy e JOIN power_device d ON d.id = e.device"           \
    " WHERE name = '" name "'"
        [GPU0] = OF("gpu0"),
        [GPU1] = OF("gpu1"),
        [HOST] = OF("host"),
        [WALL] = OF("redfish/power"),
#undef OF
    };

    for (int i = 0; i < DEVICES; i++)
        assert_within(ask(questions[i]), world.given_j[i], 1e-11);
    assert_within(ask("SELECT total(carried_j) FROM device_energy"), world.carried_j, 1e-9);
    assert_within(ask("SELECT total(energy_j) FROM activity"),
                  ask("SELECT total(energy_j) " OF_HOST), 1e-11);
    /* Minute by minute, not only in all; and nothing below nothing. */
    assert_true(ask("SELECT count(*) FROM (SELECT interval_start, total(energy_j) AS f " OF_HOST
                    " GROUP BY 1) LEFT JOIN (SELECT interval_start, total(energy_j) AS s"
                    " FROM activity GROUP BY 1) USING (interval_start)"
                    " WHERE abs(f - ifnull(s, 0)) > 1e-6") == 0);
    assert_true(ask("SELECT min(energy_j) FROM activity") >= 0);
    assert_true(ask("SELECT min(energy_j) FROM device_energy") >= 0);
    assert_true(ask("SELECT min(idle_j) FROM device_energy") >= 0);
    assert_true(ask("SELECT max(idle_j - energy_j) FROM device_energy") <= 0);
}

static bool add_row(void *context, const struct ledger_row *row)
{
    *(double *)context += row->activity.energy_j;
    return true;
}

/* What the months of the reports have is all there is, each minute in one of them. */
static void assert_months_have_all(void)
{
    int64_t first, last;
    double sum_j = 0;

    assert_int_equal(ledger_span(ledger, &first, &last), LEDGER_OK);
    for (int64_t at = first; at <= last;) {
        struct calendar_month month = calendar_month_of(at);

        assert_int_equal(ledger_visit(ledger, month.start, month.end, NULL, NULL, add_row, &sum_j),
                         LEDGER_OK);
        at = month.end;
    }
    assert_within(sum_j, ask("SELECT total(energy_j) FROM activity"), 1e-11);
}

static void run(uint64_t seed, int64_t around_s)
{
    world = (struct world){.seed = seed, .wall_s = around_s - TICKS / 2 * TICK_S};
    world.monotonic_s = 5000;
    meter_worker_here(meter, 0);
    give_names();
    start_counters();
    for (int i = 0; i < TICKS; i++)
        tick();
    stop_counters();
    close_interval(calendar_interval(world.wall_s));
    commit_at(INT64_MAX);
    assert_true(ask("SELECT count(DISTINCT interval_start) " OF_HOST) > 20);
    assert_conserved();
    assert_months_have_all();
}

static int setup(void **state)
{
    if (world_setup(state) != 0)
        return -1;
    config = hosted_config(hosted_host, NULL);
    open_stores();
    return 0;
}

static void joules_that_go_in_come_out(void **state)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        world_teardown(state);
        setup(state);
        print_message("seed %u\n", (unsigned)seed);
        run(seed, seed % 2 ? SUMMER_ENDS : OCTOBER_ENDS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(joules_that_go_in_come_out, setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
