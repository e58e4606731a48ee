/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/daemon/scratchsql.h"
#include "tests/daemon/shipped.h"
#include "tests/thinned.h"

#define T0      INT64_C(1790000040) /* a multiple of 60 */
#define NOBODY  65534
#define KILLS   25
#define FORMAT  8 /* of the ledger, after any other was brought to it */
#define VINTAGE "2026"

static const struct direction DRH = {.code = "DRH", .label = "Human resources", .headcount = 40};
static const struct direction DSI = {.code = "DSI", .label = "Informatics"};

static const struct activity ACTIVITY = {
    .grade = GRADE_B,
    .flows = 3,
    .bytes_up = 1000,
    .bytes_down = 20000,
    .bytes_other = 7,
    .requests = {0.1, 0.2, 0.3},
    .tokens_in = {10.25, 20.5, 30.75},
    .tokens_out = {1.0 / 3, 2.0 / 3, 4.0 / 3},
    .energy_j = 1000.0 / 3,
    .host_s = 60.25,
    .tokens_out_variance = 1.0 / 9,
    .images = {0, 1.0 / 7, 2},
    .audio_s = {1.5, 2.5, 10.0 / 3},
    .uploads = {0.9, 1, 1.1},
};

static const struct impact IMPACT = {
    .energy_kwh = {1e-7, 1.0 / 3e6, 1e-5},
    .gwp_use_kgco2e = {1e-8, 2e-8, 3e-8},
    .gwp_embodied_kgco2e = {1e-9, 2e-9, 3e-9},
    .adpe_kgsb = {1e-12, 2e-12, 3e-12},
    .water_l = {0.001, 0.002, 0.004},
};

struct ids {
    int64_t drh, dsi, chat, api, factors;
};

static struct ledger *open_or_fail(bool writable)
{
    char error[2 * PATH_MAX];
    struct ledger *ledger = ledger_open(scratch_directory, writable, error, sizeof(error));

    if (!ledger)
        fail_msg("%s", error);
    return ledger;
}

static void assert_refused(bool writable, const char *fragment)
{
    char error[2 * PATH_MAX] = "";
    struct ledger *ledger = ledger_open(scratch_directory, writable, error, sizeof(error));

    assert_null(ledger);
    if (!strstr(error, fragment) || !strstr(error, scratch_directory) || strchr(error, '\n'))
        fail_msg("\"%s\" does not say \"%s\"", error, fragment);
}

/* Whether trying again is of no use. */
static bool refusal_lasts(void)
{
    char error[2 * PATH_MAX];
    bool lasts = false;

    assert_null(ledger_open_why(scratch_directory, true, &lasts, error, sizeof(error)));
    return lasts;
}

static void assert_status(struct ledger *ledger, enum ledger_status expected,
                          enum ledger_status status)
{
    if (status != expected)
        fail_msg("status %d, not %d: %s", status, expected, ledger_error(ledger));
}
#define assert_done(ledger, call) assert_status(ledger, LEDGER_OK, call)

static struct ids name_all(struct ledger *ledger)
{
    struct ids ids;

    assert_done(ledger, ledger_direction(ledger, &DRH, &ids.drh));
    assert_done(ledger, ledger_direction(ledger, &DSI, &ids.dsi));
    assert_done(ledger, ledger_service(ledger, "chatgpt-web", "ChatGPT", &ids.chat));
    assert_done(ledger, ledger_service(ledger, "mistral-api", "Mistral", &ids.api));
    assert_done(ledger, ledger_factor_set(ledger, VINTAGE, 42, &ids.factors));
    return ids;
}

static void record(struct ledger *ledger, int64_t interval, int64_t direction, int64_t service,
                   int64_t factors, const struct impact *impact)
{
    assert_done(ledger, ledger_begin(ledger));
    assert_done(ledger, ledger_add_activity(ledger, interval, direction, service, factors,
                                            &ACTIVITY, impact));
    assert_done(ledger, ledger_commit(ledger));
}

#define MAX_ROWS 16
struct rows {
    size_t count;
    size_t stop_at;
    struct ledger_row rows[MAX_ROWS];
    char names[MAX_ROWS][2][64];
};

static bool collect(void *context, const struct ledger_row *row)
{
    struct rows *rows = context;

    assert_true(rows->count < MAX_ROWS);
    rows->rows[rows->count] = *row;
    snprintf(rows->names[rows->count][0], 64, "%s", row->direction);
    snprintf(rows->names[rows->count][1], 64, "%s", row->service);
    rows->count++;
    return rows->count != rows->stop_at;
}

static struct rows visit(struct ledger *ledger, int64_t from, int64_t until, const char *direction,
                         const char *service)
{
    struct rows rows = {0};

    assert_done(ledger, ledger_visit(ledger, from, until, direction, service, collect, &rows));
    return rows;
}

static struct rows visit_all(struct ledger *ledger)
{
    return visit(ledger, INT64_MIN, INT64_MAX, NULL, NULL);
}

static void assert_triple(struct triple a, struct triple b)
{
    assert_memory_equal(&a, &b, sizeof(a));
}

/* Bits are compared, not digits. */
static void names_and_rows_come_back_exactly(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct rows rows;

    (void)state;
    record(ledger, T0, ids.drh, ids.chat, ids.factors, &IMPACT);
    ledger_close(ledger);
    ledger = open_or_fail(false);
    rows = visit_all(ledger);
    assert_int_equal(rows.count, 1);
    assert_string_equal(rows.names[0][0], "DRH");
    assert_string_equal(rows.names[0][1], "chatgpt-web");
    assert_int_equal(rows.rows[0].interval_start, T0);
    assert_memory_equal(&rows.rows[0].activity, &ACTIVITY, sizeof(ACTIVITY));
    assert_true(rows.rows[0].has_variance);
    assert_true(rows.rows[0].has_impact);
    assert_memory_equal(&rows.rows[0].impact, &IMPACT, sizeof(IMPACT));
    ledger_close(ledger);
}

/* Single exchanges err independently: it is their squares that add up. */
static void units_and_variances_are_summed(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct rows rows;

    (void)state;
    record(ledger, T0, ids.drh, ids.chat, ids.factors, &IMPACT);
    record(ledger, T0, ids.drh, ids.chat, ids.factors, &IMPACT);
    rows = visit_all(ledger);
    assert_int_equal(rows.count, 1);
    assert_true(rows.rows[0].has_variance);
    assert_true(rows.rows[0].activity.tokens_out_variance == 2 * ACTIVITY.tokens_out_variance);
    assert_triple(rows.rows[0].activity.images, triple_scale(ACTIVITY.images, 2));
    assert_triple(rows.rows[0].activity.audio_s, triple_scale(ACTIVITY.audio_s, 2));
    assert_triple(rows.rows[0].activity.uploads, triple_scale(ACTIVITY.uploads, 2));
    ledger_close(ledger);
}

static void numbers_are_for_ever_and_labels_are_not(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids before = name_all(ledger);
    struct direction renamed = DRH;
    struct ids after;
    int64_t id;

    (void)state;
    ledger_close(ledger);
    ledger = open_or_fail(true);
    snprintf(renamed.label, sizeof(renamed.label), "People");
    assert_done(ledger, ledger_direction(ledger, &renamed, &id));
    assert_int_equal(id, before.drh);
    after = name_all(ledger);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_true(before.drh != before.dsi && before.chat != before.api);
    ledger_close(ledger);
}

static void additions_are_summed_and_keep_the_worst_grade(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct activity worse = ACTIVITY;
    struct activity better = ACTIVITY;
    struct rows rows;

    (void)state;
    worse.grade = GRADE_D;
    better.grade = GRADE_A;
    record(ledger, T0, ids.drh, ids.chat, ids.factors, &IMPACT);
    assert_done(ledger, ledger_begin(ledger));
    assert_done(ledger,
                ledger_add_activity(ledger, T0, ids.drh, ids.chat, ids.factors, &worse, &IMPACT));
    assert_done(ledger,
                ledger_add_activity(ledger, T0, ids.drh, ids.chat, ids.factors, &better, NULL));
    assert_done(ledger, ledger_commit(ledger));
    rows = visit_all(ledger);
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.rows[0].activity.grade, GRADE_D);
    assert_int_equal(rows.rows[0].activity.flows, 9);
    assert_int_equal(rows.rows[0].activity.bytes_up, 3000);
    assert_int_equal(rows.rows[0].activity.bytes_down, 60000);
    assert_int_equal(rows.rows[0].activity.bytes_other, 21);
    assert_triple(rows.rows[0].activity.requests,
                  triple_add(triple_add(ACTIVITY.requests, ACTIVITY.requests), ACTIVITY.requests));
    assert_triple(
        rows.rows[0].activity.tokens_in,
        triple_add(triple_add(ACTIVITY.tokens_in, ACTIVITY.tokens_in), ACTIVITY.tokens_in));
    assert_true(rows.rows[0].activity.energy_j ==
                ACTIVITY.energy_j + ACTIVITY.energy_j + ACTIVITY.energy_j);
    assert_true(rows.rows[0].activity.host_s == 3 * ACTIVITY.host_s);
    assert_triple(rows.rows[0].impact.energy_kwh, triple_scale(IMPACT.energy_kwh, 2));
    assert_triple(rows.rows[0].impact.water_l, triple_scale(IMPACT.water_l, 2));
    ledger_close(ledger);
}

static bool count_factor_sets(void *context, const char *vintage, uint64_t digest)
{
    uint64_t *digests = context;

    assert_string_equal(vintage, VINTAGE);
    digests[digests[0] + 1] = digest;
    digests[0]++;
    return true;
}

/* A reload in the middle of an interval: two rows of impact, one row of activity. */
static void factor_sets_of_one_interval_are_summed(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    uint64_t digests[8] = {0};
    struct rows rows;
    int64_t other;

    (void)state;
    assert_done(ledger, ledger_factor_set(ledger, VINTAGE, UINT64_MAX, &other));
    assert_true(other != ids.factors);
    record(ledger, T0, ids.drh, ids.chat, ids.factors, &IMPACT);
    record(ledger, T0, ids.drh, ids.chat, other, &IMPACT);
    record(ledger, T0 + 60, ids.drh, ids.chat, other, &IMPACT);
    rows = visit_all(ledger);
    assert_int_equal(rows.count, 2);
    assert_int_equal(rows.rows[0].activity.flows, 6);
    assert_triple(rows.rows[0].impact.energy_kwh, triple_scale(IMPACT.energy_kwh, 2));
    assert_triple(rows.rows[1].impact.energy_kwh, IMPACT.energy_kwh);
    assert_done(ledger, ledger_visit_factor_sets(ledger, T0, T0 + 60, count_factor_sets, digests));
    assert_int_equal(digests[0], 2);
    assert_true(digests[2] == UINT64_MAX);
    digests[0] = 0;
    assert_done(ledger,
                ledger_visit_factor_sets(ledger, T0 + 60, T0 + 120, count_factor_sets, digests));
    assert_int_equal(digests[0], 1);
    assert_true(digests[1] == UINT64_MAX);
    ledger_close(ledger);
}

static void without_impact_there_is_none(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct rows rows;

    (void)state;
    record(ledger, T0, ids.drh, ids.chat, ids.factors, NULL);
    rows = visit_all(ledger);
    assert_int_equal(rows.count, 1);
    assert_false(rows.rows[0].has_impact);
    assert_triple(rows.rows[0].impact.energy_kwh, triple_exact(0));
    ledger_close(ledger);
}

static void ranges_are_half_open_and_filtered(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct rows rows = {.stop_at = 2};

    (void)state;
    for (int i = 2; i >= 0; i--) {
        record(ledger, T0 + 60 * i, ids.dsi, ids.api, ids.factors, &IMPACT);
        record(ledger, T0 + 60 * i, ids.drh, ids.chat, ids.factors, NULL);
        record(ledger, T0 + 60 * i, ids.drh, ids.api, ids.factors, &IMPACT);
    }
    assert_int_equal(visit_all(ledger).count, 9);
    assert_int_equal(visit(ledger, T0, T0 + 60, NULL, NULL).count, 3);
    assert_int_equal(visit(ledger, T0 + 1, T0 + 61, NULL, NULL).count, 3);
    assert_int_equal(visit(ledger, T0, T0, NULL, NULL).count, 0);
    assert_int_equal(visit(ledger, T0, T0 + 120, "DRH", NULL).count, 4);
    assert_int_equal(visit(ledger, T0, T0 + 120, NULL, "mistral-api").count, 4);
    assert_int_equal(visit(ledger, T0 + 60, T0 + 180, "DRH", "mistral-api").count, 2);
    assert_int_equal(visit(ledger, T0, T0 + 180, "DSI", "chatgpt-web").count, 0);
    assert_int_equal(visit(ledger, T0, T0 + 180, "none", "chatgpt-web").count, 0);
    assert_done(ledger, ledger_visit(ledger, T0, T0 + 180, NULL, NULL, collect, &rows));
    assert_int_equal(rows.count, 2);
    rows = visit_all(ledger);
    for (size_t i = 0; i < rows.count; i++) {
        assert_int_equal(rows.rows[i].interval_start, T0 + 60 * (int64_t)(i / 3));
        assert_string_equal(rows.names[i][0], i % 3 == 2 ? "DSI" : "DRH");
        assert_string_equal(rows.names[i][1], i % 3 == 0 ? "chatgpt-web" : "mistral-api");
    }
    ledger_close(ledger);
}

/* What a scan saw, in its order, as text. */
struct sightings {
    char text[4000];
    size_t stop_at; /* sightings; 0: never */
    size_t count;
    struct ledger_scan_impact impact; /* the last of each */
    struct ledger_scan_activity activity;
};

static bool see(struct sightings *seen, const char *format, ...)
{
    size_t used = strlen(seen->text);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(seen->text + used, sizeof(seen->text) - used, format, arguments);
    va_end(arguments);
    return ++seen->count != seen->stop_at;
}

static bool see_direction(void *context, int64_t id, const char *code)
{
    return see(context, "direction %d %s\n", (int)id, code);
}

static bool see_service(void *context, int64_t id, const char *name)
{
    return see(context, "service %d %s\n", (int)id, name);
}

static bool see_set(void *context, int64_t id, const char *vintage, uint64_t digest)
{
    return see(context, "set %d %s %d\n", (int)id, vintage, (int)digest);
}

static bool see_impact(void *context, const struct ledger_scan_impact *row)
{
    struct sightings *seen = context;

    seen->impact = *row;
    return see(seen, "impact %d %d %d %d\n", (int)(row->interval_start - T0), (int)row->direction,
               (int)row->service, (int)row->factor_set);
}

static bool see_activity(void *context, const struct ledger_scan_activity *row)
{
    struct sightings *seen = context;

    seen->activity = *row;
    return see(seen, "activity %d %d %d\n", (int)(row->interval_start - T0), (int)row->direction,
               (int)row->service);
}

static bool see_devices(void *context, const struct ledger_scan_devices *row)
{
    return see(context, "devices %d %d %d %d\n", (int)(row->day - T0 / 86400), (int)row->direction,
               (int)row->service, (int)row->devices);
}

static const struct ledger_scanner SCANNER = {see_direction, see_service, see_set, see_impact,
                                              see_activity,  see_devices, NULL};

/* A change of factors within an interval, a service without impact, and what lies beside the
 * range. */
static void fill_for_scan(struct ledger *ledger)
{
    struct ids ids = name_all(ledger);
    int64_t other;

    assert_done(ledger, ledger_factor_set(ledger, "2027", 43, &other));
    record(ledger, T0 - 60, ids.drh, ids.chat, ids.factors, &IMPACT);
    record(ledger, T0, ids.dsi, ids.api, ids.factors, &IMPACT);
    record(ledger, T0, ids.drh, ids.api, ids.factors, &IMPACT);
    record(ledger, T0, ids.drh, ids.api, other, &IMPACT);
    record(ledger, T0 + 60, ids.drh, ids.chat, other, NULL);
    record(ledger, T0 + 120, ids.drh, ids.chat, other, &IMPACT);
    assert_done(ledger, ledger_add_devices(ledger, ids.drh, ids.api, (int32_t)(T0 / 86400), 7));
    assert_done(ledger, ledger_add_devices(ledger, ids.dsi, ids.api, (int32_t)(T0 / 86400) + 1, 8));
}

static void a_scan_sees_all_of_a_range(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct sightings seen = {.text = ""};

    (void)state;
    fill_for_scan(ledger);
    ledger_close(ledger);
    ledger = open_or_fail(false);
    assert_done(ledger, ledger_scan(ledger, T0, T0 + 120, &SCANNER, &seen));
    assert_string_equal(seen.text, "direction 1 DRH\ndirection 2 DSI\n"
                                   "service 1 chatgpt-web\nservice 2 mistral-api\n"
                                   "set 1 2026 42\nset 2 2027 43\n"
                                   "impact 0 1 2 1\nimpact 0 1 2 2\nimpact 0 2 2 1\n"
                                   "activity 0 1 2\nactivity 0 2 2\nactivity 60 1 1\n"
                                   "devices 0 1 2 7\n");
    assert_memory_equal(&seen.impact.impact, &IMPACT, sizeof(IMPACT));
    assert_triple(seen.activity.requests, ACTIVITY.requests);
    assert_triple(seen.activity.tokens_in, ACTIVITY.tokens_in);
    assert_triple(seen.activity.tokens_out, ACTIVITY.tokens_out);
    assert_true(seen.activity.has_variance);
    assert_true(seen.activity.tokens_out_variance == ACTIVITY.tokens_out_variance);
    assert_true(seen.activity.energy_j == ACTIVITY.energy_j);
    assert_true(seen.activity.host_s == ACTIVITY.host_s);
    ledger_close(ledger);
}

/* ---- A host of our own ---- */

static const struct power_device GPU = {"gpu0", POWER_DEVICE_GPU};
static const struct power_device REST = {"host", POWER_DEVICE_HOST};

/* What was visited, in its order, as text. */
static bool see_energy(void *context, const struct ledger_device_row *row)
{
    return see(context, "energy %d %s %d %.17g %.17g %llu %d\n", (int)(row->interval_start - T0),
               row->name, row->kind, row->energy_j, row->idle_j,
               (unsigned long long)row->covered_ns, row->flags);
}

static bool see_use(void *context, const struct ledger_use_row *row)
{
    return see(context, "use %d %d/%s %d/%s %.17g %.17g %.17g %.17g %.17g\n",
               (int)(row->interval_start - T0), (int)row->direction_id, row->direction,
               (int)row->service_id, row->service, row->requests, row->tokens_in,
               row->tokens_cached, row->tokens_out, row->weight);
}

static bool see_server(void *context, const struct ledger_server_row *row)
{
    return see(context, "server %d %d/%s %d/%s %llu %llu %llu %llu\n",
               (int)(row->interval_start - T0), (int)row->direction_id, row->direction,
               (int)row->service_id, row->service, (unsigned long long)row->requests,
               (unsigned long long)row->tokens_in, (unsigned long long)row->tokens_cached,
               (unsigned long long)row->tokens_out);
}

static bool see_unseen(void *context, const struct ledger_use_row *row)
{
    return see(context, "unseen ") && see_use(context, row);
}

static bool see_source(void *context, const struct ledger_source_day *row)
{
    return see(context, "source %d %s %llu %llu\n", (int)row->day, row->source,
               (unsigned long long)row->missed_s, (unsigned long long)row->restarts);
}

static void see_gaps(struct ledger *ledger, int64_t from, int64_t until, struct sightings *seen)
{
    *seen = (struct sightings){.text = ""};
    assert_done(ledger, ledger_visit_unseen_use(ledger, from, until, see_unseen, seen));
    assert_done(ledger,
                ledger_visit_source_days(ledger, (int32_t)(from / 86400),
                                         (int32_t)((until + 86400 - 1) / 86400), see_source, seen));
}

static void see_host(struct ledger *ledger, int64_t from, int64_t until, struct sightings *seen)
{
    *seen = (struct sightings){.text = ""};
    assert_done(ledger, ledger_visit_device_energy(ledger, from, until, see_energy, seen));
    assert_done(ledger, ledger_visit_local_use(ledger, from, until, see_use, seen));
    assert_done(ledger, ledger_visit_server_use(ledger, from, until, see_server, seen));
}

static void assert_no_host(struct ledger *ledger)
{
    struct sightings seen;
    int64_t interval;

    see_host(ledger, 0, INT64_MAX, &seen);
    assert_string_equal(seen.text, "");
    assert_status(ledger, LEDGER_EMPTY, ledger_next_host_interval(ledger, 0, &interval));
}

static void record_host(struct ledger *ledger, int64_t interval, struct ids ids)
{
    const struct device_energy energy = {
        .flags = ENERGY_WALL, .covered_ns = 30000000000, .energy_j = 0.1};
    const struct device_energy worse = {
        .flags = ENERGY_LOWER_BOUND, .covered_ns = 20000000001, .energy_j = 0.2};
    const struct local_use use = {
        .requests = 0.25, .tokens_in = 1.0 / 3, .tokens_cached = 0.125, .tokens_out = 1e6};
    const struct server_use server = {
        .requests = 3, .tokens_in = 9007199254740993, .tokens_cached = 4, .tokens_out = 5};
    int64_t gpu, rest;

    assert_done(ledger, ledger_power_device(ledger, &REST, &rest));
    assert_done(ledger, ledger_power_device(ledger, &GPU, &gpu));
    assert_done(ledger, ledger_begin(ledger));
    assert_done(ledger, ledger_add_device_energy(ledger, interval, gpu, &energy, 0.05));
    assert_done(ledger, ledger_add_device_energy(ledger, interval, rest, &energy, 0));
    assert_done(ledger, ledger_add_device_energy(ledger, interval, gpu, &worse, 0.1));
    assert_done(ledger, ledger_add_local_use(ledger, interval, ids.dsi, ids.chat, &use));
    assert_done(ledger, ledger_add_local_use(ledger, interval, ids.drh, ids.chat, &use));
    assert_done(ledger, ledger_weigh_local_use(ledger, interval, ids.drh, ids.chat, 0.75));
    assert_done(ledger, ledger_add_local_use(ledger, interval, ids.drh, ids.chat, &use));
    assert_done(ledger, ledger_add_server_use(ledger, interval, ids.dsi, ids.api, &server));
    assert_done(ledger, ledger_add_server_use(ledger, interval, ids.dsi, ids.api, &server));
    assert_done(ledger, ledger_commit(ledger));
}

/* Sums that came late too, flags joined, and the weight what it was set to. */
static void facts_of_a_host_add_up(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct sightings seen;
    int64_t interval, last;

    (void)state;
    record_host(ledger, T0, ids);
    record_host(ledger, T0 + 600, ids);
    ledger_close(ledger);
    ledger = open_or_fail(false);
    see_host(ledger, T0, T0 + 600, &seen);
    assert_string_equal(seen.text,
                        "energy 0 host 1 0.10000000000000001 0 30000000000 1\n"
                        "energy 0 gpu0 0 0.30000000000000004 0.15000000000000002 50000000001 9\n"
                        "use 0 1/DRH 1/chatgpt-web 0.5 0.66666666666666663 0.25 2000000 0.75\n"
                        "use 0 2/DSI 1/chatgpt-web 0.25 0.33333333333333331 0.125 1000000 0\n"
                        "server 0 2/DSI 2/mistral-api 6 18014398509481986 8 10\n");
    see_host(ledger, T0 + 60, T0 + 600, &seen);
    assert_string_equal(seen.text, "");
    assert_done(ledger, ledger_next_host_interval(ledger, 0, &interval));
    assert_int_equal(interval, T0);
    assert_done(ledger, ledger_next_host_interval(ledger, T0 + 1, &interval));
    assert_int_equal(interval, T0 + 600);
    assert_status(ledger, LEDGER_EMPTY, ledger_next_host_interval(ledger, T0 + 601, &interval));
    assert_done(ledger, ledger_span(ledger, &interval, &last));
    assert_int_equal(interval, T0);
    assert_int_equal(last, T0 + 600);
    ledger_close(ledger);
}

/* A name keeps its number also when what it is was told wrong at first. */
static void power_devices_keep_their_numbers(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    const struct power_device other = {"gpu0", POWER_DEVICE_SOURCE};
    struct ids ids = name_all(ledger);
    int64_t gpu, rest, again;
    struct sightings seen;

    (void)state;
    assert_done(ledger, ledger_power_device(ledger, &GPU, &gpu));
    assert_done(ledger, ledger_power_device(ledger, &REST, &rest));
    assert_true(gpu != rest);
    assert_done(ledger, ledger_power_device(ledger, &other, &again));
    assert_int_equal(again, gpu);
    record_host(ledger, T0, ids);
    see_host(ledger, T0, T0 + 60, &seen);
    assert_non_null(strstr(seen.text, "gpu0 0 "));
    ledger_close(ledger);
}

static void facts_of_a_host_need_a_transaction(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    const struct device_energy energy = {.energy_j = 1};
    const struct local_use use = {.requests = 1};
    const struct server_use server = {.requests = 1};
    int64_t gpu;

    (void)state;
    assert_done(ledger, ledger_power_device(ledger, &GPU, &gpu));
    assert_status(ledger, LEDGER_RETRY, ledger_add_device_energy(ledger, T0, gpu, &energy, 0));
    ledger_rollback(ledger);
    assert_status(ledger, LEDGER_RETRY, ledger_add_local_use(ledger, T0, ids.drh, ids.chat, &use));
    ledger_rollback(ledger);
    assert_status(ledger, LEDGER_RETRY,
                  ledger_add_server_use(ledger, T0, ids.drh, ids.chat, &server));
    ledger_rollback(ledger);
    assert_no_host(ledger);
    ledger_close(ledger);
}

static void record_gaps(struct ledger *ledger, int64_t interval, struct ids ids)
{
    const struct local_use use = {
        .requests = 0.25, .tokens_in = 1.0 / 3, .tokens_cached = 0.125, .tokens_out = 1e6};
    const struct ledger_source_day gap = {(int32_t)(interval / 86400), "http://a/metrics", 40, 1};

    assert_done(ledger, ledger_begin(ledger));
    assert_done(ledger, ledger_add_unseen_use(ledger, interval, ids.dsi, ids.chat, &use));
    assert_done(ledger, ledger_add_unseen_use(ledger, interval, ids.dsi, ids.chat, &use));
    assert_done(ledger, ledger_add_source_day(ledger, &gap));
    assert_done(ledger, ledger_add_source_day(ledger, &gap));
    assert_done(ledger, ledger_commit(ledger));
}

/* What the wire did not show is no use of its own: it stands in local_use already. */
static void what_was_missed_adds_up_by_itself(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    const struct ledger_source_day gap = {1, "a", 1, 0};
    struct sightings seen;
    char expected[200];

    (void)state;
    record_gaps(ledger, T0, ids);
    record_gaps(ledger, T0 + 2 * 86400, ids);
    snprintf(expected, sizeof(expected),
             "unseen use 0 2/DSI 1/chatgpt-web 0.5 0.66666666666666663 0.25 2000000 0\n"
             "source %d http://a/metrics 80 2\n",
             (int)(T0 / 86400));
    see_gaps(ledger, T0, T0 + 60, &seen);
    assert_string_equal(seen.text, expected);
    assert_no_host(ledger);
    assert_status(ledger, LEDGER_RETRY, ledger_add_source_day(ledger, &gap));
    ledger_rollback(ledger);
    ledger_close(ledger);
}

/* The first whole day after T0's. */
#define DAY2 (T0 - T0 % 86400 + 86400)

static bool is_not_day_3(void *context, int64_t from, int64_t until)
{
    (void)context;
    assert_int_equal(from % 86400, 0);
    assert_int_equal(until - from, 86400);
    return from != DAY2 + 86400;
}

static bool see_day(void *context, const struct ledger_scan_impact *row)
{
    struct sightings *seen = context;

    seen->impact = *row;
    return see(seen, "impact %+d %d\n", (int)(row->interval_start - DAY2), (int)row->factor_set);
}

/* Days come as sums where that is wanted, within the range, and of one set of factors. */
static void a_scan_takes_days_as_sums(void **state)
{
    const struct ledger_scanner scanner = {see_direction, see_service, see_set,     see_day,
                                           see_activity,  see_devices, is_not_day_3};
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct sightings seen = {.text = ""};
    int64_t other;

    (void)state;
    assert_done(ledger, ledger_factor_set(ledger, "2027", 43, &other));
    for (int64_t day = -1; day < 4; day++)
        for (int minute = 1; minute < 3; minute++)
            record(ledger, DAY2 + 86400 * day + 60 * minute, ids.drh, ids.chat,
                   day == 2 && minute == 2 ? other : ids.factors, &IMPACT);
    ledger_close(ledger);
    ledger = open_or_fail(false);
    assert_done(ledger,
                ledger_scan(ledger, DAY2 - 86400 + 120, DAY2 + 86400 * 3 + 180, &scanner, &seen));
    seen.text[strstr(seen.text, "activity") - seen.text] = '\0';
    assert_string_equal(strstr(seen.text, "impact"),
                        "impact -86280 1\n"                    /* not all of the day */
                        "impact +0 1\n"                        /* its sum */
                        "impact +86460 1\nimpact +86520 1\n"   /* not wanted */
                        "impact +172860 1\nimpact +172920 2\n" /* two sets */
                        "impact +259260 1\nimpact +259320 1\n");
    seen = (struct sightings){.text = ""};
    assert_done(ledger, ledger_scan(ledger, DAY2, DAY2 + 86400, &scanner, &seen));
    assert_triple(seen.impact.impact.energy_kwh, triple_scale(IMPACT.energy_kwh, 2));
    assert_triple(seen.impact.impact.water_l, triple_scale(IMPACT.water_l, 2));
    assert_non_null(strstr(seen.text, "impact +0 1\nactivity"));
    ledger_close(ledger);
}

static void a_scan_stops_anywhere(void **state)
{
    struct ledger *ledger = open_or_fail(true);

    (void)state;
    fill_for_scan(ledger);
    for (size_t stop_at = 1; stop_at <= 13; stop_at++) {
        struct sightings seen = {.stop_at = stop_at};

        assert_status(ledger, LEDGER_EMPTY, ledger_scan(ledger, T0, T0 + 120, &SCANNER, &seen));
        assert_int_equal(seen.count, stop_at);
    }
    ledger_close(ledger);
}

/* The daemon goes on writing: what it adds is not half seen. */
static bool see_and_record(void *context, const struct ledger_scan_impact *row)
{
    struct sightings *seen = context;
    struct ledger *writer = open_or_fail(true);
    struct ids ids = name_all(writer);

    record(writer, T0 + 60, ids.dsi, ids.chat, ids.factors, &IMPACT);
    ledger_close(writer);
    return see_impact(seen, row);
}

static void a_scan_sees_one_state(void **state)
{
    const struct ledger_scanner scanner = {see_direction, see_service, see_set, see_and_record,
                                           see_activity,  see_devices, NULL};
    struct ledger *ledger = open_or_fail(true);
    struct sightings seen = {.text = ""}, after = {.text = ""};

    (void)state;
    fill_for_scan(ledger);
    ledger_close(ledger);
    ledger = open_or_fail(false);
    assert_done(ledger, ledger_scan(ledger, T0, T0 + 120, &scanner, &seen));
    assert_null(strstr(seen.text, "activity 60 2 1\n"));
    assert_done(ledger, ledger_scan(ledger, T0, T0 + 120, &SCANNER, &after));
    assert_non_null(strstr(after.text, "activity 60 2 1\n"));
    ledger_close(ledger);
}

static bool sum_coverage(void *context, const struct ledger_coverage_row *row)
{
    *(struct ledger_coverage_row *)context = *row;
    return true;
}

static void coverage_is_summed(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ledger_coverage_row row = {0};
    struct coverage coverage;
    struct coverage twice;
    uint64_t number = 0;

#define FILL(name)                                                                                 \
    number++;                                                                                      \
    coverage.name = number << 33; /* beyond 32 bits */                                             \
    twice.name = number << 34;
    COVERAGE_COUNTERS(FILL)
#undef FILL
    /* The list has every member: nothing of the structure is left. */
    assert_int_equal(number * sizeof(number), sizeof(coverage));
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_done(ledger, ledger_begin(ledger));
        assert_done(ledger, ledger_add_coverage(ledger, T0, &coverage));
        assert_done(ledger, ledger_commit(ledger));
    }
    assert_done(ledger, ledger_visit_coverage(ledger, T0, T0 + 60, sum_coverage, &row));
    assert_int_equal(row.interval_start, T0);
    assert_memory_equal(&row.coverage, &twice, sizeof(twice));
    ledger_close(ledger);
}

/* A process that was taken over may send anything: the meter must outlive its sums. */
static void sums_that_overflow_stay_at_the_largest(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct activity activity = {.flows = UINT32_MAX, .bytes_up = UINT64_MAX, .bytes_down = 1};
    struct ledger_coverage_row row = {0};
    struct coverage coverage = {.packets = UINT64_MAX, .bytes = INT64_MAX, .flows = 1};
    struct rows rows;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_done(ledger, ledger_begin(ledger));
        assert_done(ledger, ledger_add_activity(ledger, T0, ids.drh, ids.chat, ids.factors,
                                                &activity, &IMPACT));
        assert_done(ledger, ledger_add_coverage(ledger, T0, &coverage));
        assert_done(ledger, ledger_commit(ledger));
    }
    assert_done(ledger, ledger_visit_coverage(ledger, T0, T0 + 60, sum_coverage, &row));
    assert_int_equal(row.coverage.packets, INT64_MAX);
    assert_int_equal(row.coverage.bytes, INT64_MAX);
    assert_int_equal(row.coverage.flows, 3);
    rows = visit_all(ledger);
    assert_int_equal(rows.rows[0].activity.bytes_up, INT64_MAX);
    assert_int_equal(rows.rows[0].activity.bytes_down, 3);
    assert_int_equal(rows.rows[0].activity.flows, UINT32_MAX);
    ledger_close(ledger);
}

static uint32_t devices(struct ledger *ledger, int32_t from, int32_t until, const char *direction,
                        const char *service)
{
    uint32_t count = UINT32_MAX;

    assert_done(ledger, ledger_devices(ledger, from, until, direction, service, &count));
    return count;
}

static void devices_are_the_largest_day(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);

    (void)state;
    assert_done(ledger, ledger_add_devices(ledger, ids.drh, ids.chat, 100, 7));
    assert_done(ledger, ledger_add_devices(ledger, ids.drh, ids.chat, 100, 3)); /* a restart */
    assert_done(ledger, ledger_add_devices(ledger, ids.drh, ids.chat, 101, 4));
    assert_done(ledger, ledger_add_devices(ledger, ids.drh, ids.api, 101, 5));
    assert_done(ledger, ledger_add_devices(ledger, ids.dsi, ids.api, 102, 11));
    assert_int_equal(devices(ledger, 100, 101, "DRH", "chatgpt-web"), 7);
    assert_int_equal(devices(ledger, 101, 102, "DRH", "chatgpt-web"), 4);
    assert_int_equal(devices(ledger, 100, 102, "DRH", "chatgpt-web"), 7);
    assert_int_equal(devices(ledger, 101, 102, "DRH", NULL), 5);
    assert_int_equal(devices(ledger, 100, 103, NULL, "mistral-api"), 11);
    assert_int_equal(devices(ledger, 100, 102, NULL, "mistral-api"), 5);
    assert_int_equal(devices(ledger, 0, 100, NULL, NULL), 0);
    assert_int_equal(devices(ledger, 100, 103, "DSI", "chatgpt-web"), 0);
    ledger_close(ledger);
}

static bool list_pair(void *context, const char *first, const char *second)
{
    char *list = context;

    snprintf(list + strlen(list), 200 - strlen(list), "%s=%s ", first, second);
    return true;
}

static void small_questions(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct coverage coverage = {.covered_ns = 1};
    char list[200] = "";
    char value[8] = "";
    int64_t first = 0;
    int64_t last = 0;

    (void)state;
    assert_status(ledger, LEDGER_EMPTY, ledger_span(ledger, &first, &last));
    record(ledger, T0, ids.drh, ids.api, ids.factors, NULL);
    record(ledger, T0 + 60, ids.dsi, ids.chat, ids.factors, NULL);
    assert_done(ledger, ledger_begin(ledger));
    assert_done(ledger, ledger_add_coverage(ledger, T0 - 120, &coverage));
    assert_done(ledger, ledger_commit(ledger));
    assert_done(ledger, ledger_span(ledger, &first, &last));
    assert_int_equal(first, T0 - 120);
    assert_int_equal(last, T0 + 60);
    assert_done(ledger, ledger_last_before(ledger, T0 + 60, &last));
    assert_int_equal(last, T0);
    assert_done(ledger, ledger_last_before(ledger, T0, &last)); /* of coverage alone */
    assert_int_equal(last, T0 - 120);
    assert_status(ledger, LEDGER_EMPTY, ledger_last_before(ledger, T0 - 120, &last));
    assert_done(ledger, ledger_visit_pairs(ledger, list_pair, list));
    assert_string_equal(list, "DRH=mistral-api DSI=chatgpt-web ");
    assert_status(ledger, LEDGER_EMPTY, ledger_fact(ledger, "version", value, sizeof(value)));
    assert_done(ledger, ledger_set_fact(ledger, "version", "0.1"));
    assert_done(ledger, ledger_set_fact(ledger, "version", "a'; DROP TABLE fact; --"));
    assert_done(ledger, ledger_set_fact(ledger, "b", "2"));
    assert_done(ledger, ledger_fact(ledger, "version", value, sizeof(value)));
    assert_string_equal(value, "a'; DRO");
    list[0] = '\0';
    assert_done(ledger, ledger_visit_facts(ledger, list_pair, list));
    assert_string_equal(list, "b=2 version=a'; DROP TABLE fact; -- ");
    ledger_close(ledger);
}

static bool visit_again(void *context, const struct ledger_row *row)
{
    struct ledger *ledger = context;
    uint32_t count = 0;

    assert_done(ledger, ledger_devices(ledger, 0, 1, row->direction, row->service, &count));
    assert_int_equal(visit_all(ledger).count, 2);
    return true;
}

static void a_visitor_may_ask_again(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);

    (void)state;
    record(ledger, T0, ids.drh, ids.api, ids.factors, NULL);
    record(ledger, T0 + 60, ids.drh, ids.api, ids.factors, NULL);
    assert_done(ledger, ledger_visit(ledger, T0, T0 + 120, NULL, NULL, visit_again, ledger));
    ledger_close(ledger);
}

static void nothing_is_recorded_outside_or_after_a_failure(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);

    (void)state;
    assert_status(ledger, LEDGER_RETRY,
                  ledger_add_activity(ledger, T0, ids.drh, ids.api, ids.factors, &ACTIVITY, NULL));
    assert_status(ledger, LEDGER_RETRY, ledger_commit(ledger));
    assert_done(ledger, ledger_begin(ledger));
    assert_done(ledger,
                ledger_add_activity(ledger, T0, ids.drh, ids.api, ids.factors, &ACTIVITY, NULL));
    assert_status(ledger, LEDGER_FATAL,
                  ledger_add_activity(ledger, T0, 99, ids.api, ids.factors, &ACTIVITY, NULL));
    assert_non_null(strstr(ledger_error(ledger), "ledger.db"));
    assert_status(ledger, LEDGER_RETRY, ledger_commit(ledger));
    ledger_rollback(ledger);
    assert_int_equal(visit_all(ledger).count, 0);
    assert_done(ledger, ledger_begin(ledger));
    assert_status(
        ledger, LEDGER_FATAL,
        ledger_add_activity(ledger, T0 + 1, ids.drh, ids.api, ids.factors, &ACTIVITY, NULL));
    ledger_rollback(ledger);
    record(ledger, T0, ids.drh, ids.api, ids.factors, NULL);
    assert_int_equal(visit_all(ledger).count, 1);
    ledger_close(ledger);
}

static void one_writer_and_any_reader(void **state)
{
    struct ledger *writer = open_or_fail(true);
    struct ids ids = name_all(writer);
    struct ledger *reader = open_or_fail(false);

    (void)state;
    assert_refused(true, "locked");
    assert_done(writer, ledger_begin(writer));
    assert_done(writer,
                ledger_add_activity(writer, T0, ids.drh, ids.api, ids.factors, &ACTIVITY, NULL));
    assert_int_equal(visit_all(reader).count, 0);
    assert_done(writer, ledger_commit(writer));
    assert_int_equal(visit_all(reader).count, 1);
    assert_status(reader, LEDGER_RETRY, ledger_set_fact(reader, "a", "b"));
    assert_non_null(strstr(ledger_error(reader), "cannot be written"));
    assert_status(reader, LEDGER_RETRY, ledger_begin(reader));
    assert_non_null(strstr(ledger_error(reader), "for reading only"));
    ledger_close(reader);
    ledger_close(writer);
    ledger_close(open_or_fail(true));
}

/* `iagmeter status` asks at any time, also at the instant at which a daemon starts. */
static void asking_for_the_lock_refuses_nobody(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    pid_t child;

    (void)state;
    assert_true(ledger_is_locked(scratch_directory));
    ledger_close(ledger);
    assert_false(ledger_is_locked(scratch_directory));
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
    while (child == 0)
        ledger_is_locked(scratch_directory);
    for (int i = 0; i < 300; i++)
        ledger_close(open_or_fail(true));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void assert_mode(const char *name, mode_t expected)
{
    char path[PATH_MAX];
    struct stat status;

    scratch_path(path, name);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, expected);
}

static void modes_do_not_depend_on_the_umask(void **state)
{
    static const mode_t masks[] = {0, 027, 077};

    for (size_t i = 0; i < 3; i++) {
        mode_t before = umask(masks[i]);
        struct ledger *ledger;

        scratch_setup(state);
        ledger = open_or_fail(true);
        name_all(ledger);
        assert_mode("ledger.db", 0640);
        assert_mode("ledger.lock", 0640);
        assert_mode("ledger.db-wal", 0640);
        assert_mode("ledger.db-shm", 0640);
        ledger_close(ledger);
        scratch_teardown(state);
        umask(before);
    }
    scratch_setup(state);
}

/* ---- Files that are no ledger ---- */

static void assert_content(const char *name, const char *content, size_t size)
{
    char path[PATH_MAX];
    char buffer[65536];
    FILE *stream;

    scratch_path(path, name);
    stream = fopen(path, "re");
    assert_non_null(stream);
    assert_int_equal(fread(buffer, 1, sizeof(buffer), stream), size);
    assert_memory_equal(buffer, content, size);
    fclose(stream);
}

/* ---- Files that are taken away from a daemon ---- */

static void move(const char *from, const char *to)
{
    char old[PATH_MAX], fresh[PATH_MAX];

    scratch_path(old, from);
    scratch_path(fresh, to);
    assert_int_equal(rename(old, fresh), 0);
}

static void copy(const char *from, const char *to)
{
    char path[PATH_MAX];
    char bytes[65536];
    FILE *in, *out;
    size_t count;

    scratch_path(path, from);
    in = fopen(path, "re");
    scratch_path(path, to);
    out = fopen(path, "we");
    assert_true(in && out);
    while ((count = fread(bytes, 1, sizeof(bytes), in)) > 0)
        assert_int_equal(fwrite(bytes, 1, count, out), count);
    assert_int_equal(fclose(out), 0);
    fclose(in);
}

static void assert_moved(struct ledger *ledger, const char *name)
{
    assert_false(ledger_is_in_place(ledger));
    assert_non_null(strstr(ledger_error(ledger), name));
}

static void a_ledger_that_is_moved_or_replaced_is_noticed(void **state)
{
    struct ledger *ledger = open_or_fail(true);

    (void)state;
    name_all(ledger);
    assert_true(ledger_is_in_place(ledger));
    move("ledger.db", "elsewhere.db");
    assert_moved(ledger, "/ledger.db was moved, deleted or replaced while in use");
    scratch_write("ledger.db", "");
    assert_moved(ledger, "/ledger.db was");
    move("elsewhere.db", "ledger.db");
    assert_true(ledger_is_in_place(ledger));
    move("ledger.lock", "elsewhere.lock");
    assert_moved(ledger, "/ledger.lock was");
    scratch_write("ledger.lock", "");
    assert_moved(ledger, "/ledger.lock was");
    ledger_close(ledger);
}

/* What was recorded is in the file that was taken away, and what took its place is as it was. */
static void a_ledger_that_is_replaced_keeps_all_and_changes_nothing(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    char log[PATH_MAX];

    (void)state;
    assert_int_equal(scratch_sql("ledger.db", "PRAGMA wal_checkpoint"), SQLITE_OK);
    copy("ledger.db", "before.db");
    record(ledger, T0, ids.drh, ids.api, ids.factors, NULL);
    move("ledger.db", "elsewhere.db");
    move("before.db", "ledger.db");
    ledger_close(ledger);
    ledger = open_or_fail(false); /* with the log that is still there */
    assert_int_equal(visit_all(ledger).count, 0);
    ledger_close(ledger);
    move("elsewhere.db", "ledger.db");
    scratch_path(log, "ledger.db-wal");
    unlink(log);
    ledger = open_or_fail(false);
    assert_int_equal(visit_all(ledger).count, 1);
    ledger_close(ledger);
}

static void the_log_of_another_ledger_is_left_alone(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);

    (void)state;
    record(ledger, T0, ids.drh, ids.api, ids.factors, NULL);
    move("ledger.db", "elsewhere.db");
    move("ledger.db-wal", "elsewhere.db-wal");
    scratch_write("ledger.db", "theirs");
    scratch_write("ledger.db-wal", "their log");
    ledger_close(ledger);
    assert_content("ledger.db", "theirs", strlen("theirs"));
    assert_content("ledger.db-wal", "their log", strlen("their log"));
}

static void run_sql(const char *sql)
{
    assert_int_equal(scratch_sql("ledger.db", sql), SQLITE_OK);
}

static void other_files_are_refused_and_left_alone(void **state)
{
    static const char text[] = "These are the accounts of the department, not a database.\n";
    static char large[8192];

    (void)state;
    assert_refused(false, "is not there yet: iagmeterd makes it when it starts");
    scratch_write("ledger.db", text);
    assert_refused(true, "is not an iagmeter ledger");
    assert_refused(false, "is not an iagmeter ledger");
    assert_content("ledger.db", text, strlen(text));
    memset(large, 'x', sizeof(large) - 1);
    scratch_write("ledger.db", large);
    assert_refused(true, "is not an iagmeter ledger");
    assert_content("ledger.db", large, sizeof(large) - 1);
    assert_true(refusal_lasts());
}

/* Another daemon may end, and a directory that is not there yet may be mounted; a name that leads
 * elsewhere stays one. */
static void what_may_pass_does_not_last(void **state)
{
    struct ledger *other = open_or_fail(true);
    char path[PATH_MAX], elsewhere[PATH_MAX];

    (void)state;
    assert_false(refusal_lasts());
    ledger_close(other);
    scratch_path(path, "ledger.lock");
    scratch_path(elsewhere, "elsewhere");
    assert_int_equal(rename(path, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, path), 0);
    assert_true(refusal_lasts());
    assert_int_equal(unlink(path), 0);
    ledger_close(open_or_fail(true));
}

static void other_databases_are_refused(void **state)
{
    (void)state;
    run_sql("CREATE TABLE accounts (a)");
    assert_refused(true, "is not an iagmeter ledger");
    assert_refused(false, "is not an iagmeter ledger");
    run_sql("SELECT a FROM accounts");
}

static void newer_versions_are_refused(void **state)
{
    (void)state;
    ledger_close(open_or_fail(true));
    run_sql("PRAGMA user_version = 9");
    assert_refused(true, "newer version");
    assert_refused(false, "newer version");
    assert_true(refusal_lasts());
    run_sql("PRAGMA user_version = 8; DROP TABLE fact");
    assert_refused(true, "no such table");
}

/* A crash between the creation of the file and that of the tables. */
static void an_empty_file_is_a_new_ledger(void **state)
{
    (void)state;
    scratch_write("ledger.db", "");
    assert_refused(false, "is empty");
    ledger_close(open_or_fail(true));
    ledger_close(open_or_fail(false));
}

static void a_log_without_its_database_is_not_thrown_away(void **state)
{
    static const char text[] = "log";

    (void)state;
    scratch_write("ledger.db-wal", text);
    assert_refused(true, "ledger.db-wal is there");
    assert_refused(false, "ledger.db-wal is there");
    assert_content("ledger.db-wal", text, strlen(text));
}

static void overwrite(const char *name, off_t from, off_t until)
{
    char path[PATH_MAX];
    int file;

    scratch_path(path, name);
    file = open(path, O_RDWR | O_CLOEXEC);
    assert_true(file >= 0);
    if (until == 0)
        until = lseek(file, 0, SEEK_END);
    for (off_t at = from; at < until; at++)
        assert_int_equal(pwrite(file, "\xa5", 1, at), 1);
    close(file);
}

static void damage_is_fatal(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    enum ledger_status status = LEDGER_OK;
    struct rows rows = {0};
    char error[2 * PATH_MAX] = "";

    (void)state;
    for (int i = 0; i < 10; i++)
        record(ledger, T0 + 60 * i, ids.drh, ids.api, ids.factors, &IMPACT);
    ledger_close(ledger);
    overwrite("ledger.db", 8192, 0);
    ledger = ledger_open(scratch_directory, true, error, sizeof(error));
    if (ledger) {
        status = ledger_visit(ledger, 0, INT64_MAX, NULL, NULL, collect, &rows);
        snprintf(error, sizeof(error), "%s", ledger_error(ledger));
        assert_int_equal(status, LEDGER_FATAL);
    }
    assert_non_null(strstr(error, "ledger.db is damaged"));
    ledger_close(ledger);
}

/* ---- Other processes, and processes that die ---- */

/* Runs BODY in a child, as nobody when we are root; its exit status is 0 when it did not fail. */
static void in_child(void (*body)(void))
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (setegid(NOBODY) != 0 || seteuid(NOBODY) != 0))
            _exit(3);
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* cmocka's assertions jump into the parent's test run: a child says it by its exit status. */
static void expect(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "in the child: %s\n", what);
    _exit(1);
}

static bool count_rows(void *context, const struct ledger_row *row)
{
    (void)row;
    (*(size_t *)context)++;
    return true;
}

static void read_one_row(void)
{
    char error[2 * PATH_MAX] = "";
    struct ledger *ledger = ledger_open(scratch_directory, false, error, sizeof(error));
    size_t count = 0;

    expect(ledger, error);
    expect(ledger_visit(ledger, 0, INT64_MAX, NULL, NULL, count_rows, &count) == LEDGER_OK,
           ledger_error(ledger));
    expect(count == 1, "there is not one row");
    ledger_close(ledger);
}

static void fail_to_write(void)
{
    char error[2 * PATH_MAX] = "";

    expect(!ledger_open(scratch_directory, true, error, sizeof(error)), "could be written");
    expect(strstr(error, "Permission denied"), error);
}

/* Readable by everyone, writable by none but root. */
static void make_readable(void)
{
    static const char *const names[] = {"", "ledger.db", "ledger.db-wal", "ledger.db-shm",
                                        "ledger.lock"};
    char path[PATH_MAX];

    for (size_t i = 0; i < 5; i++) {
        scratch_path(path, names[i]);
        if (chmod(path, i == 0 ? 0555 : 0444) != 0)
            assert_int_equal(errno, ENOENT);
    }
}

static void make_writable(void)
{
    char path[PATH_MAX];

    assert_int_equal(chmod(scratch_directory, 0755), 0);
    scratch_path(path, "ledger.db");
    assert_int_equal(chmod(path, 0640), 0);
    scratch_path(path, "ledger.lock");
    assert_int_equal(chmod(path, 0640), 0);
}

static void be_refused_for_good(void)
{
    char error[2 * PATH_MAX] = "";
    bool lasts = false;

    expect(!ledger_open_why(scratch_directory, true, &lasts, error, sizeof(error)), "opened");
    expect(lasts, error);
}

/* Whichever of the files it is. */
static void who_may_not_write_is_refused_for_good(void **state)
{
    static const char *const names[] = {"ledger.db", "ledger.lock"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char path[PATH_MAX];

        ledger_close(open_or_fail(true));
        make_readable();
        assert_int_equal(chmod(scratch_directory, 0777), 0);
        scratch_path(path, names[!i]);
        assert_int_equal(chmod(path, 0666), 0);
        in_child(be_refused_for_good);
        make_writable();
    }
}

/* SQLite finds that out itself, as it makes its files beside the ledger. */
static void who_may_not_write_the_directory_is_refused_for_good(void **state)
{
    static const char *const names[] = {"ledger.db", "ledger.lock"};
    char path[PATH_MAX];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        scratch_write(names[i], "");
        scratch_path(path, names[i]);
        assert_int_equal(chmod(path, 0666), 0);
    }
    assert_int_equal(chmod(scratch_directory, 0555), 0);
    in_child(be_refused_for_good);
    make_writable();
}

static void readers_need_no_permission_to_write(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);

    (void)state;
    record(ledger, T0, ids.drh, ids.api, ids.factors, &IMPACT);
    make_readable();
    in_child(fail_to_write);
    in_child(read_one_row); /* beside the daemon */
    chmod(scratch_directory, 0755);
    ledger_close(ledger);
    make_readable();
    in_child(read_one_row); /* without it */
    make_writable();
}

static void die_after_one_row(void)
{
    char error[2 * PATH_MAX] = "";
    struct ledger *ledger = ledger_open(scratch_directory, true, error, sizeof(error));
    int64_t direction, service;

    expect(ledger, error);
    expect(ledger_direction(ledger, &DRH, &direction) == LEDGER_OK &&
               ledger_service(ledger, "a", "A", &service) == LEDGER_OK &&
               ledger_begin(ledger) == LEDGER_OK &&
               ledger_add_activity(ledger, T0, direction, service, 0, &ACTIVITY, NULL) ==
                   LEDGER_OK &&
               ledger_commit(ledger) == LEDGER_OK,
           ledger_error(ledger));
    _exit(0); /* without closing: the row is in the log only */
}

static void readers_see_what_a_dead_daemon_left(void **state)
{
    (void)state;
    assert_int_equal(chmod(scratch_directory, 0777), 0);
    in_child(die_after_one_row);
    make_readable();
    in_child(read_one_row);
    make_writable();
}

static void a_reader_notices_that_the_daemon_started(void **state)
{
    char path[PATH_MAX];
    struct ledger *ledger = open_or_fail(true);
    struct rows rows = {0};
    int to_parent[2];
    int status;
    pid_t child;
    char byte;

    (void)state;
    name_all(ledger);
    ledger_close(ledger);
    make_readable();
    assert_int_equal(pipe(to_parent), 0);
    child = fork();
    if (child == 0) {
        char error[2 * PATH_MAX] = "";

        if (geteuid() == 0)
            expect(setegid(NOBODY) == 0 && seteuid(NOBODY) == 0, "cannot become nobody");
        ledger = ledger_open(scratch_directory, false, error, sizeof(error));
        expect(ledger, error);
        expect(ledger_visit(ledger, 0, INT64_MAX, NULL, NULL, collect, &rows) == LEDGER_OK,
               ledger_error(ledger));
        expect(write(to_parent[1], "", 1) == 1, "pipe");
        scratch_path(path, "ledger.db-wal");
        while (access(path, F_OK) != 0)
            usleep(1000);
        expect(ledger_visit(ledger, 0, INT64_MAX, NULL, NULL, collect, &rows) == LEDGER_RETRY,
               "did not notice");
        _exit(0);
    }
    assert_int_equal(read(to_parent[0], &byte, 1), 1);
    make_writable();
    ledger = open_or_fail(true);
    assert_done(ledger, ledger_set_fact(ledger, "a", "b"));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    ledger_close(ledger);
    close(to_parent[0]);
    close(to_parent[1]);
}

static void stopped_directory_is_named(void **state)
{
    char before[sizeof(scratch_directory)];

    (void)state;
    strcpy(before, scratch_directory);
    strcpy(scratch_directory, "/nonexistent/iagmeter");
    assert_refused(true, "/nonexistent/iagmeter/ledger.lock: No such file or directory");
    assert_refused(false, "/nonexistent/iagmeter/ledger.db is not there yet");
    strcpy(scratch_directory, before);
}

/* Each interval has two rows and coverage, recorded in one transaction, over and over. */
static void write_until_killed(int announce)
{
    char error[2 * PATH_MAX] = "";
    struct ledger *ledger = ledger_open(scratch_directory, true, error, sizeof(error));
    const struct coverage coverage = {.covered_ns = 60, .packets = 1};
    int64_t drh, chat, factors, first, last;

    expect(ledger, error);
    for (int64_t i = 0;; i++) {
        bool done = ledger_begin(ledger) == LEDGER_OK &&
                    ledger_direction(ledger, &DRH, &drh) == LEDGER_OK &&
                    ledger_service(ledger, "chat", "", &chat) == LEDGER_OK &&
                    ledger_factor_set(ledger, VINTAGE, 1, &factors) == LEDGER_OK;

        if (i == 0 && ledger_span(ledger, &first, &last) == LEDGER_OK)
            i = (last - T0) / 60; /* sum into the last one once more, as after a restart */
        done = done &&
               ledger_add_activity(ledger, T0 + 60 * i, drh, chat, factors, &ACTIVITY, &IMPACT) ==
                   LEDGER_OK &&
               ledger_add_coverage(ledger, T0 + 60 * i, &coverage) == LEDGER_OK &&
               ledger_commit(ledger) == LEDGER_OK;
        expect(done, ledger_error(ledger));
        expect(write(announce, &i, sizeof(i)) == sizeof(i), "pipe");
    }
}

struct totals {
    int64_t last;
    uint64_t rows;
    uint64_t flows;
    uint64_t packets;
    uint64_t impacts;
};

static bool add_row(void *context, const struct ledger_row *row)
{
    struct totals *totals = context;

    assert_int_equal(row->interval_start, T0 + 60 * (int64_t)totals->rows);
    assert_int_equal(row->activity.flows % ACTIVITY.flows, 0);
    assert_int_equal(row->activity.bytes_down / ACTIVITY.bytes_down,
                     row->activity.flows / ACTIVITY.flows);
    totals->rows++;
    totals->flows += row->activity.flows;
    totals->impacts += (uint64_t)(row->impact.energy_kwh.low / IMPACT.energy_kwh.low + 0.5);
    totals->last = row->interval_start;
    return true;
}

static bool add_coverage(void *context, const struct ledger_coverage_row *row)
{
    ((struct totals *)context)->packets += row->coverage.packets;
    return true;
}

static bool is_intact(void *context, int count, char **values, char **names)
{
    (void)count;
    (void)names;
    *(bool *)context = strcmp(values[0], "ok") == 0;
    return false;
}

static int note_intact(void *context, int count, char **values, char **names)
{
    return is_intact(context, count, values, names);
}

static void assert_intact(void)
{
    char path[PATH_MAX];
    sqlite3 *database;
    bool intact = false;

    scratch_path(path, "ledger.db");
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "PRAGMA integrity_check", note_intact, &intact, NULL),
                     SQLITE_OK);
    assert_true(intact);
    sqlite3_close(database);
}

/* Kills a writer DELAY_US after it was started, or after its first commit, however slow the
 * machine. Returns how many commits it announced. */
static uint64_t kill_a_writer(unsigned delay_us, bool once_committed)
{
    uint64_t announced = 0;
    int channel[2];
    int64_t number;
    pid_t child;

    assert_int_equal(pipe(channel), 0);
    child = fork();
    if (child == 0) {
        close(channel[0]);
        write_until_killed(channel[1]);
    }
    close(channel[1]);
    if (once_committed)
        announced += read(channel[0], &number, sizeof(number)) == sizeof(number);
    /* Otherwise sometimes even before the tables are there. */
    usleep(delay_us);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (read(channel[0], &number, sizeof(number)) == sizeof(number))
        announced++;
    close(channel[0]);
    return announced;
}

static void kill_at_any_instant_loses_at_most_the_open_interval(void **state)
{
    uint64_t announced = 0;
    uint64_t unannounced = 0;
    int wanted = thinned_count(KILLS);
    int kills;

    (void)state;
    srand(1);
    for (kills = 0; kills < wanted; kills++) {
        struct totals totals = {0};
        struct ledger *ledger;

        announced += kill_a_writer((unsigned)(rand() % 50000), kills % 2 == 1);
        assert_true(unannounced <= (uint64_t)kills);
        ledger = open_or_fail(true);
        assert_done(ledger, ledger_visit(ledger, 0, INT64_MAX, NULL, NULL, add_row, &totals));
        assert_done(ledger, ledger_visit_coverage(ledger, 0, INT64_MAX, add_coverage, &totals));
        /* Committed, but killed before it could say so: at most one each time. */
        unannounced = totals.packets - announced;
        assert_true(totals.packets >= announced && unannounced <= (uint64_t)kills + 1);
        assert_int_equal(totals.flows, totals.packets * ACTIVITY.flows);
        assert_int_equal(totals.impacts, totals.packets);
        ledger_close(ledger);
        assert_intact();
    }
    assert_true(announced >= (uint64_t)wanted / 2);
    print_message("%d kills, %llu commits, %llu of them unannounced\n", kills,
                  (unsigned long long)announced, (unsigned long long)unannounced);
}

/* ---- Revisions ---- */

#define DAY_OF_T0 ((int32_t)(T0 / 86400))

struct revisions {
    int64_t file;
    int64_t days[3]; /* from T0's on; 0 without any */
    size_t count;
};

static bool note_revision(void *context, int32_t day, int64_t revision)
{
    struct revisions *revisions = context;

    if (day == -1) {
        assert_int_equal(revisions->count, 0);
        revisions->file = revision;
    } else {
        assert_in_range(day, DAY_OF_T0, DAY_OF_T0 + 2);
        revisions->days[day - DAY_OF_T0] = revision;
    }
    revisions->count++;
    return true;
}

static struct revisions see_revisions(struct ledger *ledger)
{
    struct revisions revisions = {0};

    assert_done(ledger, ledger_visit_revisions(ledger, DAY_OF_T0, DAY_OF_T0 + 3, note_revision,
                                               &revisions));
    return revisions;
}

/* Of the day after T0's: it has another one now, and the others have not. */
static void assert_revised(struct ledger *ledger, struct revisions *before)
{
    struct revisions after = see_revisions(ledger);

    assert_true(after.days[1] != 0 && after.days[1] != before->days[1]);
    before->days[1] = after.days[1];
    assert_memory_equal(&after, before, sizeof(after));
}

#define REVISES(ledger, before, addition)                                                          \
    do {                                                                                           \
        assert_done(ledger, ledger_begin(ledger));                                                 \
        assert_done(ledger, addition);                                                             \
        assert_done(ledger, ledger_commit(ledger));                                                \
        assert_revised(ledger, before);                                                            \
    } while (0)

/* Twice: what is new, and what is added to. */
static void whatever_is_written_revises_its_day(void **state)
{
    const struct coverage coverage = {.covered_ns = 1};
    const struct device_energy energy = {.covered_ns = 1, .energy_j = 1};
    const struct local_use use = {.requests = 1};
    const struct server_use server = {.requests = 1};
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct revisions before;
    int64_t gpu;

    (void)state;
    record(ledger, T0, ids.drh, ids.chat, ids.factors, &IMPACT);
    record(ledger, T0 + 86400, ids.drh, ids.chat, ids.factors, &IMPACT);
    record(ledger, T0 + 2 * 86400, ids.drh, ids.chat, ids.factors, &IMPACT);
    assert_done(ledger, ledger_power_device(ledger, &GPU, &gpu));
    before = see_revisions(ledger);
    assert_int_equal(before.count, 4);
    for (int i = 0; i < 2; i++) {
        int64_t time = T0 + 86400;

        REVISES(ledger, &before,
                ledger_add_activity(ledger, time, ids.dsi, ids.chat, 0, &ACTIVITY, NULL));
        REVISES(ledger, &before, ledger_add_coverage(ledger, time, &coverage));
        REVISES(ledger, &before,
                ledger_add_devices(ledger, ids.drh, ids.chat, DAY_OF_T0 + 1, 3 + (unsigned)i));
        REVISES(ledger, &before, ledger_add_device_energy(ledger, time, gpu, &energy, 0));
        REVISES(ledger, &before, ledger_add_local_use(ledger, time, ids.drh, ids.chat, &use));
        REVISES(ledger, &before, ledger_weigh_local_use(ledger, time, ids.drh, ids.chat, 2));
        REVISES(ledger, &before, ledger_add_server_use(ledger, time, ids.drh, ids.chat, &server));
        REVISES(ledger, &before, ledger_add_unseen_use(ledger, time, ids.drh, ids.chat, &use));
    }
    run_sql("DELETE FROM impact WHERE interval_start / 86400 = 20718");
    assert_int_equal(DAY_OF_T0 + 1, 20718);
    assert_revised(ledger, &before);
    assert_done(ledger, ledger_set_fact(ledger, "a", "b"));
    assert_memory_equal(&before, &(struct revisions[1]){see_revisions(ledger)}, sizeof(before));
    ledger_close(ledger);
}

/* Of a transaction that was taken back, nothing; and each file has one of its own. */
static void revisions_are_of_what_is_there(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct revisions before = see_revisions(ledger), after;

    assert_int_equal(before.count, 1);
    assert_done(ledger, ledger_begin(ledger));
    assert_done(ledger, ledger_add_activity(ledger, T0, ids.drh, ids.chat, ids.factors, &ACTIVITY,
                                            &IMPACT));
    ledger_rollback(ledger);
    after = see_revisions(ledger);
    assert_memory_equal(&after, &before, sizeof(after));
    ledger_close(ledger);
    scratch_teardown(state);
    scratch_setup(state);
    ledger = open_or_fail(true);
    assert_true(see_revisions(ledger).file != before.file);
    ledger_close(ledger);
}

/* ---- Older formats ---- */

#define FORMAT_1 IAGMETER_SOURCE_ROOT "/tests/fixtures/ledger/format-1.sql"

/* The columns of coverage that format 1 has. */
/* clang-format off */
#define COUNTERS_1(X) \
    X(covered_ns) X(packets) X(bytes) X(packets_dropped) X(packets_undecodable) X(packets_other) \
    X(flows) X(flows_evicted) X(flows_untracked) X(names_seen) X(names_encrypted) \
    X(names_missing) X(bytes_lost) X(clock_steps)
/* clang-format on */

static void restore_format_1(void)
{
    size_t size;
    char *sql = read_whole(FORMAT_1, &size);

    run_sql(sql);
    free(sql);
}

/* All that run_sql() can say of a query, one value a line. */
static void ask(const char *sql, char *answer, size_t size)
{
    char path[PATH_MAX];
    sqlite3 *database;
    sqlite3_stmt *statement;
    size_t used = 0;

    answer[0] = '\0';
    scratch_path(path, "ledger.db");
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(statement); i++)
            used += (size_t)snprintf(answer + used, size - used, "%s\n",
                                     (const char *)sqlite3_column_text(statement, i));
    assert_true(used > 0 && used < size);
    sqlite3_finalize(statement);
    sqlite3_close(database);
}

static int64_t format_of_file(void)
{
    char answer[16];

    ask("PRAGMA user_version", answer, sizeof(answer));
    return strtol(answer, NULL, 10);
}

#define NAME_COLUMN(name) ", " #name

/* What an older version recorded, as SQLite itself says it: no code of ours takes part. */
static void ask_for_everything(char *answer, size_t size)
{
    static const char *const questions[] = {
        "SELECT interval_start" COUNTERS_1(NAME_COLUMN) " FROM coverage",
        "SELECT interval_start, direction, service, grade, flows, bytes_up, bytes_down, "
        "bytes_other,"
        " requests_low, requests_central, requests_high, tokens_in_low, tokens_in_central,"
        " tokens_in_high, tokens_out_low, tokens_out_central, tokens_out_high FROM activity",
        "SELECT * FROM impact",
        "SELECT * FROM direction",
        "SELECT * FROM service",
        "SELECT * FROM factor_set",
        "SELECT * FROM device_day",
        "SELECT * FROM fact",
    };

    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        size_t used = strlen(answer);

        ask(questions[i], answer + used, size - used);
    }
}

struct coverage_rows {
    size_t count;
    struct ledger_coverage_row rows[4];
};

static bool collect_coverage(void *context, const struct ledger_coverage_row *row)
{
    struct coverage_rows *rows = context;

    assert_true(rows->count < 4);
    rows->rows[rows->count++] = *row;
    return true;
}

/* The rows of the fixture: what it has as it has it, the rest 0. */
static void assert_rows_of_format_1(struct ledger *ledger)
{
    static const struct ledger_coverage_row EXPECTED[] = {
        {1795463940,
         {.covered_ns = 60000000000,
          .packets = 1000,
          .bytes = 700000,
          .packets_dropped = 11,
          .packets_undecodable = 12,
          .packets_other = 13,
          .flows = 14,
          .flows_evicted = 15,
          .flows_untracked = 16,
          .names_seen = 17,
          .names_encrypted = 18,
          .names_missing = 19,
          .bytes_lost = 20,
          .clock_steps = 21}},
        {1795464000,
         {.covered_ns = 25502398068,
          .packets = 9375,
          .bytes = 2848540,
          .packets_other = 58,
          .flows = 64,
          .names_seen = 64}},
        {1795464060,
         {.covered_ns = 59999999999,
          .packets = 9007199254740993,
          .bytes = 1099511627776,
          .packets_dropped = 1,
          .packets_undecodable = 2,
          .packets_other = 3,
          .flows = 4,
          .flows_evicted = 5,
          .flows_untracked = 6,
          .names_seen = 7,
          .names_encrypted = 8,
          .names_missing = 9,
          .bytes_lost = 10,
          .clock_steps = 11}},
    };
    struct coverage_rows rows = {0};
    struct rows activity = visit_all(ledger);
    int64_t first, last;

    assert_done(ledger, ledger_visit_coverage(ledger, 0, INT64_MAX, collect_coverage, &rows));
    assert_int_equal(rows.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(&rows.rows[i], &EXPECTED[i], sizeof(EXPECTED[i]));
    assert_done(ledger, ledger_span(ledger, &first, &last));
    assert_int_equal(first, 1795463940);
    assert_int_equal(last, 1795464060);
    assert_int_equal(activity.count, 3);
    assert_string_equal(activity.names[2][0], "DIGICOM");
    assert_int_equal(activity.rows[0].activity.bytes_up, 108966);
    assert_true(activity.rows[0].activity.energy_j == 0);
    assert_true(activity.rows[0].activity.host_s == 0);
    assert_false(activity.rows[0].has_variance);
    assert_true(activity.rows[0].activity.images.high == 0);
    assert_no_host(ledger);
}

/* Also of what was recorded before there were any. */
static void assert_days_are_sums_of_intervals(void)
{
    char wrong[100] = "", days[100] = "";

    ask("SELECT count(*) FROM impact_day", days, sizeof(days));
    assert_string_not_equal(days, "0\n");
    ask("SELECT count(*) FROM (SELECT interval_start / 86400 AS day, direction, service, "
        "factor_set,"
        " sum(energy_kwh_low) AS low, sum(water_l_high) AS high, count(*) FROM impact"
        " GROUP BY 1, 2, 3, 4) AS i FULL JOIN impact_day AS d USING (day, direction, service,"
        " factor_set) WHERE d.energy_kwh_low IS NULL OR i.low IS NULL"
        " OR abs(d.energy_kwh_low - i.low) > 1e-12 * i.low"
        " OR abs(d.water_l_high - i.high) > 1e-12 * i.high",
        wrong, sizeof(wrong));
    assert_string_equal(wrong, "0\n");
}

static void an_older_ledger_is_brought_to_this_format(void **state)
{
    static char before[65536], after[65536];
    struct coverage coverage = {.packets = 5, .packets_truncated = 3, .dns_answers = 7};
    struct ledger_coverage_row row = {0};
    struct ledger *ledger;

    (void)state;
    restore_format_1();
    before[0] = after[0] = '\0';
    ask_for_everything(before, sizeof(before));
    ledger = open_or_fail(true);
    assert_rows_of_format_1(ledger);
    assert_int_equal(format_of_file(), FORMAT);
    assert_days_are_sums_of_intervals();
    ask_for_everything(after, sizeof(after));
    assert_string_equal(after, before);
    assert_done(ledger, ledger_begin(ledger));
    assert_done(ledger, ledger_add_coverage(ledger, 1795464000, &coverage));
    assert_done(ledger, ledger_add_coverage(ledger, 1795464120, &coverage));
    assert_done(ledger, ledger_commit(ledger));
    ledger_close(ledger);
    ledger = open_or_fail(true); /* once more: nothing to do */
    assert_done(ledger, ledger_visit_coverage(ledger, 1795464000, 1795464060, sum_coverage, &row));
    assert_int_equal(row.coverage.packets, 9380);
    assert_int_equal(row.coverage.packets_truncated, 3);
    assert_int_equal(row.coverage.dns_answers, 7);
    assert_int_equal(row.coverage.names_seen, 64);
    ledger_close(ledger);
}

static bool any_day(void *context, int64_t from, int64_t until)
{
    (void)context;
    return from < until;
}

static bool count_impact(void *context, const struct ledger_scan_impact *row)
{
    struct sightings *seen = context;

    seen->impact.impact = impact_add(seen->impact.impact, row->impact);
    seen->count++;
    return true;
}

static bool pass_name(void *context, int64_t id, const char *name)
{
    (void)context;
    return id > 0 && name[0];
}

static bool pass_set(void *context, int64_t id, const char *vintage, uint64_t digest)
{
    (void)digest;
    return pass_name(context, id, vintage);
}

static bool pass_activity(void *context, const struct ledger_scan_activity *row)
{
    (void)context;
    return row->interval_start > 0;
}

static bool pass_devices(void *context, const struct ledger_scan_devices *row)
{
    (void)context;
    return row->day > 0;
}

/* Its impact, and in how many parts it came. */
static struct sightings scan_impacts(struct ledger *ledger)
{
    const struct ledger_scanner scanner = {pass_name,     pass_name,    pass_set, count_impact,
                                           pass_activity, pass_devices, any_day};
    struct sightings seen = {.text = ""};

    assert_done(ledger, ledger_scan(ledger, 0, INT64_C(86400) * 40000, &scanner, &seen));
    return seen;
}

/* An older ledger has no sums of days: it comes by intervals, to the same. */
static void an_older_ledger_is_scanned_by_intervals(void **state)
{
    struct ledger *reader, *writer;
    struct sightings before, after;
    char rows[32] = "";

    (void)state;
    restore_format_1();
    ask("SELECT count(*) FROM impact", rows, sizeof(rows));
    reader = open_or_fail(false);
    before = scan_impacts(reader);
    assert_int_equal(before.count, strtol(rows, NULL, 10));
    writer = open_or_fail(true);
    ledger_close(writer);
    ledger_close(reader);
    reader = open_or_fail(false);
    after = scan_impacts(reader);
    ledger_close(reader);
    assert_true(after.count <= before.count);
    assert_true(
        fabs(after.impact.impact.energy_kwh.central - before.impact.impact.energy_kwh.central) <
        1e-12 * before.impact.impact.energy_kwh.central);
}

static void an_older_ledger_can_be_read_as_it_is(void **state)
{
    struct ledger *reader;
    struct ledger *writer;

    (void)state;
    restore_format_1();
    reader = open_or_fail(false);
    assert_rows_of_format_1(reader);
    assert_int_equal(format_of_file(), 1);
    writer = open_or_fail(true); /* a daemon starts beside it */
    assert_rows_of_format_1(reader);
    assert_rows_of_format_1(writer);
    ledger_close(reader);
    reader = open_or_fail(false);
    assert_rows_of_format_1(reader);
    ledger_close(reader);
    ledger_close(writer);
}

static void cover_filtered(struct ledger *ledger)
{
    const struct coverage coverage = {.packets = 10, .packets_filtered = 4};

    assert_done(ledger, ledger_begin(ledger));
    assert_done(ledger, ledger_add_coverage(ledger, T0, &coverage));
    assert_done(ledger, ledger_commit(ledger));
}

static void assert_filtered(struct ledger *ledger, uint64_t packets, uint64_t filtered)
{
    struct ledger_coverage_row row = {0};

    assert_done(ledger, ledger_visit_coverage(ledger, T0, T0 + 60, sum_coverage, &row));
    assert_int_equal(row.coverage.packets, packets);
    assert_int_equal(row.coverage.packets_filtered, filtered);
}

/* Before packets were dropped in the kernel, none was. */
static void format_6_gets_filtered_packets(void **state)
{
    struct ledger *ledger = open_or_fail(true);

    (void)state;
    cover_filtered(ledger);
    ledger_close(ledger);
    run_sql("ALTER TABLE coverage DROP COLUMN packets_filtered; PRAGMA user_version = 6");
    ledger = open_or_fail(false);
    assert_filtered(ledger, 10, 0);
    ledger_close(ledger);
    assert_int_equal(format_of_file(), 6);
    ledger = open_or_fail(true);
    assert_filtered(ledger, 10, 0);
    assert_int_equal(format_of_file(), FORMAT);
    cover_filtered(ledger);
    assert_filtered(ledger, 20, 4);
    ledger_close(ledger);
}

static bool add_carried(void *context, const struct ledger_device_row *row)
{
    double *carried_j = context;

    *carried_j += row->carried_j;
    return true;
}

static void assert_carried(struct ledger *ledger, int64_t interval, double carried_j)
{
    double sum_j = 0;

    assert_done(ledger,
                ledger_visit_device_energy(ledger, interval, interval + 60, add_carried, &sum_j));
    assert_true(fabs(sum_j - carried_j) < 1e-12);
}

static void carry(struct ledger *ledger, int64_t interval)
{
    const struct device_energy energy = {.energy_j = 7, .carried_j = -2.5, .covered_ns = 1};
    int64_t rest;

    assert_done(ledger, ledger_power_device(ledger, &REST, &rest));
    assert_done(ledger, ledger_begin(ledger));
    assert_done(ledger, ledger_add_device_energy(ledger, interval, rest, &energy, 0));
    assert_done(ledger, ledger_commit(ledger));
}

/* What was carried before is not known, also where more comes of the same minute. */
static void format_7_gets_what_is_carried(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    char answer[20];

    (void)state;
    carry(ledger, T0);
    carry(ledger, T0);
    assert_carried(ledger, T0, -5);
    ledger_close(ledger);
    run_sql("ALTER TABLE device_energy DROP COLUMN carried_j; PRAGMA user_version = 7");
    ledger = open_or_fail(false);
    assert_carried(ledger, T0, 0);
    ledger_close(ledger);
    assert_int_equal(format_of_file(), 7);
    ledger = open_or_fail(true);
    assert_int_equal(format_of_file(), FORMAT);
    carry(ledger, T0);
    carry(ledger, T0 + 60);
    assert_carried(ledger, T0, 0);
    assert_carried(ledger, T0 + 60, -2.5);
    ledger_close(ledger);
    ask("SELECT count(*) FROM device_energy WHERE carried_j IS NULL", answer, sizeof(answer));
    assert_string_equal(answer, "1\n");
}

/* As an older version left it. */
static void fall_back_to_format_5(void)
{
    static const char *const columns[] = {
        "images_low",   "images_central",  "images_high", "audio_s_low",  "audio_s_central",
        "audio_s_high", "uploads_central", "uploads_low", "uploads_high", "tokens_out_variance"};
    char sql[100];

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        snprintf(sql, sizeof(sql), "ALTER TABLE activity DROP COLUMN %s", columns[i]);
        run_sql(sql);
    }
    run_sql("DROP TABLE unseen_use; DROP TABLE source_day; PRAGMA user_version = 5");
}

/* What was recorded then stays; of units there were none, and the random part is not known. */
static void assert_rows_of_format_5(struct ledger *ledger)
{
    const struct triple none = {0, 0, 0};
    struct activity old = ACTIVITY;
    struct rows rows = visit_all(ledger);

    old.tokens_out_variance = 0;
    old.images = old.audio_s = old.uploads = none;
    assert_int_equal(rows.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_false(rows.rows[i].has_variance);
        assert_memory_equal(&rows.rows[i].activity, &old, sizeof(old));
        assert_memory_equal(&rows.rows[i].impact, &IMPACT, sizeof(IMPACT));
    }
}

/* Of an interval that began before the change, the random part stays unknown; later ones have it.
 */
static void format_5_gets_units_and_variances(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct rows rows;

    (void)state;
    record(ledger, T0, ids.drh, ids.chat, ids.factors, &IMPACT);
    record(ledger, T0, ids.dsi, ids.chat, ids.factors, &IMPACT);
    ledger_close(ledger);
    fall_back_to_format_5();
    ledger = open_or_fail(false);
    assert_rows_of_format_5(ledger);
    ledger_close(ledger);
    assert_int_equal(format_of_file(), 5);
    ledger = open_or_fail(true);
    assert_rows_of_format_5(ledger);
    assert_int_equal(format_of_file(), FORMAT);
    record(ledger, T0, ids.dsi, ids.chat, ids.factors, &IMPACT);
    record(ledger, T0 + 60, ids.dsi, ids.chat, ids.factors, &IMPACT);
    rows = visit_all(ledger);
    assert_int_equal(rows.count, 3);
    assert_false(rows.rows[1].has_variance);
    assert_triple(rows.rows[1].activity.images, ACTIVITY.images);
    assert_true(rows.rows[2].has_variance);
    assert_memory_equal(&rows.rows[2].activity, &ACTIVITY, sizeof(ACTIVITY));
    ledger_close(ledger);
}

static void fall_back_to_format_4(void)
{
    fall_back_to_format_5();
    run_sql("DROP TABLE device_energy; DROP TABLE power_device; DROP TABLE local_use;"
            " DROP TABLE server_use; ALTER TABLE activity DROP COLUMN energy_j;"
            " ALTER TABLE activity DROP COLUMN host_s; PRAGMA user_version = 4");
}

static void assert_rows_of_format_4(struct ledger *ledger)
{
    struct activity unmeasured = ACTIVITY;
    struct rows rows = visit_all(ledger);
    struct sightings seen;

    unmeasured.energy_j = unmeasured.host_s = unmeasured.tokens_out_variance = 0;
    unmeasured.images = unmeasured.audio_s = unmeasured.uploads = triple_exact(0);
    assert_int_equal(rows.count, 2);
    assert_memory_equal(&rows.rows[1].activity, &unmeasured, sizeof(unmeasured));
    assert_memory_equal(&rows.rows[1].impact, &IMPACT, sizeof(IMPACT));
    assert_no_host(ledger);
    seen = scan_impacts(ledger);
    assert_triple(seen.impact.impact.water_l, triple_scale(IMPACT.water_l, 2));
}

/* It has sums of days already: they are not made a second time. */
static void format_4_is_brought_to_this_one(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);

    (void)state;
    record(ledger, T0, ids.drh, ids.chat, ids.factors, &IMPACT);
    record(ledger, T0, ids.dsi, ids.chat, ids.factors, &IMPACT);
    ledger_close(ledger);
    fall_back_to_format_4();
    ledger = open_or_fail(false);
    assert_rows_of_format_4(ledger);
    ledger_close(ledger);
    assert_int_equal(format_of_file(), 4);
    ledger = open_or_fail(true);
    assert_rows_of_format_4(ledger);
    assert_int_equal(format_of_file(), FORMAT);
    assert_days_are_sums_of_intervals();
    record_host(ledger, T0, ids);
    record(ledger, T0, ids.dsi, ids.chat, ids.factors, &IMPACT);
    assert_true(visit_all(ledger).rows[1].activity.energy_j == ACTIVITY.energy_j);
    ledger_close(ledger);
}

/* Before that, all use was taken for seen, and nothing is known of sources. */
static void a_ledger_without_gaps_is_brought_to_this_format(void **state)
{
    struct ledger *ledger = open_or_fail(true);
    struct ids ids = name_all(ledger);
    struct sightings seen;

    (void)state;
    record_host(ledger, T0, ids);
    ledger_close(ledger);
    run_sql("DROP TABLE unseen_use; DROP TABLE source_day; PRAGMA user_version = 5");
    for (int writable = 0; writable <= 1; writable++) {
        ledger = open_or_fail(writable);
        see_gaps(ledger, 0, T0 + 86400, &seen);
        assert_string_equal(seen.text, "");
        see_host(ledger, 0, INT64_MAX, &seen);
        assert_non_null(strstr(seen.text, "use 0 2/DSI"));
        assert_int_equal(format_of_file(), writable ? FORMAT : 5);
        if (writable)
            record_gaps(ledger, T0, ids);
        ledger_close(ledger);
    }
    ledger = open_or_fail(false);
    see_gaps(ledger, 0, T0 + 86400, &seen);
    assert_non_null(strstr(seen.text, "unseen use 0 2/DSI"));
    ledger_close(ledger);
}

/* Opened to read, it cannot tell; from when it is brought to this format on, it can. */
static void an_older_ledger_has_no_revisions(void **state)
{
    struct revisions revisions;
    struct ledger *ledger;

    (void)state;
    restore_format_1();
    ledger = open_or_fail(false);
    assert_int_equal(see_revisions(ledger).count, 0);
    ledger_close(ledger);
    ledger = open_or_fail(true);
    revisions = see_revisions(ledger);
    assert_int_equal(revisions.count, 1);
    assert_true(revisions.file != 0);
    record_host(ledger, T0, name_all(ledger));
    assert_true(see_revisions(ledger).days[0] != 0);
    ledger_close(ledger);
}

static void read_format_1(void)
{
    char error[2 * PATH_MAX] = "";
    struct ledger *ledger = ledger_open(scratch_directory, false, error, sizeof(error));
    struct coverage_rows rows = {0};

    expect(ledger, error);
    expect(ledger_visit_coverage(ledger, 0, INT64_MAX, collect_coverage, &rows) == LEDGER_OK,
           ledger_error(ledger));
    expect(rows.count == 3 && rows.rows[0].coverage.clock_steps == 21, "other rows");
    ledger_close(ledger);
}

/* Who cannot write the directory, while no daemon runs: the file is opened as immutable. */
static void an_older_ledger_needs_no_permission_to_write(void **state)
{
    (void)state;
    restore_format_1();
    scratch_write("ledger.lock", "");
    make_readable();
    in_child(read_format_1);
    make_writable();
    assert_int_equal(format_of_file(), 1);
}

static void open_and_die(void)
{
    char error[2 * PATH_MAX] = "";

    expect(ledger_open(scratch_directory, true, error, sizeof(error)), error);
    _exit(0);
}

static pid_t start_migration(void)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        open_and_die();
    return child;
}

/* How long it takes when nobody kills it: some milliseconds, or a second with the sanitizers on a
 * busy machine. */
static int migration_us(void)
{
    struct timespec begin, end;
    pid_t child;
    int status;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    child = start_migration();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (int)((end.tv_sec - begin.tv_sec) * 1000000 + (end.tv_nsec - begin.tv_nsec) / 1000);
}

/* Whatever instant it is killed at, the ledger has one format or the other, with all its rows. */
static void kill_while_the_format_changes_costs_nothing(void **state)
{
    static char before[65536], after[65536];
    int migrated = 0;
    int wanted = thinned_count(KILLS);
    int whole_us;
    int kills;

    srand(1);
    restore_format_1();
    whole_us = migration_us();
    /* However the machine's speed changes meanwhile, some of them come too late. */
    for (kills = 0; kills < wanted || migrated == 0; kills++) {
        struct ledger *ledger;
        pid_t child;

        scratch_teardown(state);
        scratch_setup(state);
        restore_format_1();
        before[0] = after[0] = '\0';
        ask_for_everything(before, sizeof(before));
        child = start_migration();
        usleep((unsigned)(rand() % (whole_us + whole_us / wanted * (kills + 1))));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_intact();
        migrated += format_of_file() == FORMAT;
        ledger = open_or_fail(true);
        assert_rows_of_format_1(ledger);
        ledger_close(ledger);
        assert_int_equal(format_of_file(), FORMAT);
        ask_for_everything(after, sizeof(after));
        assert_string_equal(after, before);
    }
    print_message("%d kills, %d after the new format was committed\n", kills, migrated);
}

/* ---- Full disks ---- */

/* Records intervals until one fails, then makes room, tries that one again and records another. */
static void fill_and_recover(void (*make_room)(void))
{
    char error[2 * PATH_MAX] = "";
    struct ledger *ledger = ledger_open(scratch_directory, true, error, sizeof(error));
    enum ledger_status status = LEDGER_OK;
    int64_t direction, service, factors;
    struct totals totals = {0};
    int64_t i;

    expect(ledger, error);
    expect(ledger_direction(ledger, &DRH, &direction) == LEDGER_OK &&
               ledger_service(ledger, "chat", "", &service) == LEDGER_OK &&
               ledger_factor_set(ledger, VINTAGE, 1, &factors) == LEDGER_OK,
           ledger_error(ledger));
    for (i = 0; i < 100000; i++) {
        status = ledger_begin(ledger);
        if (status == LEDGER_OK)
            status = ledger_add_activity(ledger, T0 + 60 * i, direction, service, factors,
                                         &ACTIVITY, &IMPACT);
        if (status == LEDGER_OK)
            status = ledger_commit(ledger);
        if (status != LEDGER_OK && make_room) {
            expect(status == LEDGER_RETRY, ledger_error(ledger));
            ledger_rollback(ledger);
            make_room();
            make_room = NULL;
            i--;
        } else if (status != LEDGER_OK || !make_room) {
            break;
        }
    }
    expect(!make_room && status == LEDGER_OK, "the disk was never full, or always");
    ledger_close(ledger);
    ledger = ledger_open(scratch_directory, false, error, sizeof(error));
    expect(ledger, error);
    expect(ledger_visit(ledger, 0, INT64_MAX, NULL, NULL, add_row, &totals) == LEDGER_OK,
           ledger_error(ledger));
    expect(totals.rows == (uint64_t)i + 1 && totals.flows == totals.rows * ACTIVITY.flows,
           "rows are missing or double");
    ledger_close(ledger);
}

static void raise_limit(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

    expect(getrlimit(RLIMIT_FSIZE, &limit) == 0, "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    expect(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
}

static void fill_up_to_the_limit(void)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    expect(getrlimit(RLIMIT_FSIZE, &limit) == 0, "getrlimit");
    limit.rlim_cur = 500000;
    expect(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
    fill_and_recover(raise_limit);
}

static void a_file_size_limit_is_retried(void **state)
{
    (void)state;
    assert_int_equal(chmod(scratch_directory, 0777), 0);
    in_child(fill_up_to_the_limit);
}

static char ballast[PATH_MAX];

static void remove_ballast(void)
{
    expect(unlink(ballast) == 0, "ballast");
}

static void a_full_disk_is_retried(void **state)
{
    int status = 0;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        FILE *stream;

        if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("none", scratch_directory, "tmpfs", 0, "size=2m") != 0)
            _exit(77);
        scratch_path(ballast, "ballast");
        stream = fopen(ballast, "we");
        for (int i = 0; stream && i < 1400000; i++)
            fputc(i, stream);
        expect(stream && fclose(stream) == 0, "ballast");
        fill_and_recover(remove_ballast);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("SKIPPED: a full disk (a tmpfs cannot be mounted here)\n");
        skip();
    }
    assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_and_rows_come_back_exactly),
        TEST(units_and_variances_are_summed),
        TEST(numbers_are_for_ever_and_labels_are_not),
        TEST(additions_are_summed_and_keep_the_worst_grade),
        TEST(factor_sets_of_one_interval_are_summed),
        TEST(without_impact_there_is_none),
        TEST(a_scan_sees_all_of_a_range),
        TEST(a_scan_takes_days_as_sums),
        TEST(facts_of_a_host_add_up),
        TEST(power_devices_keep_their_numbers),
        TEST(facts_of_a_host_need_a_transaction),
        TEST(what_was_missed_adds_up_by_itself),
        TEST(a_scan_stops_anywhere),
        TEST(a_scan_sees_one_state),
        TEST(ranges_are_half_open_and_filtered),
        TEST(coverage_is_summed),
        TEST(sums_that_overflow_stay_at_the_largest),
        TEST(devices_are_the_largest_day),
        TEST(small_questions),
        TEST(a_visitor_may_ask_again),
        TEST(nothing_is_recorded_outside_or_after_a_failure),
        TEST(one_writer_and_any_reader),
        TEST(asking_for_the_lock_refuses_nobody),
        TEST(a_ledger_that_is_moved_or_replaced_is_noticed),
        TEST(a_ledger_that_is_replaced_keeps_all_and_changes_nothing),
        TEST(the_log_of_another_ledger_is_left_alone),
        TEST(modes_do_not_depend_on_the_umask),
        TEST(other_files_are_refused_and_left_alone),
        TEST(other_databases_are_refused),
        TEST(newer_versions_are_refused),
        TEST(what_may_pass_does_not_last),
        TEST(an_empty_file_is_a_new_ledger),
        TEST(a_log_without_its_database_is_not_thrown_away),
        TEST(damage_is_fatal),
        TEST(readers_need_no_permission_to_write),
        TEST(who_may_not_write_is_refused_for_good),
        TEST(who_may_not_write_the_directory_is_refused_for_good),
        TEST(readers_see_what_a_dead_daemon_left),
        TEST(a_reader_notices_that_the_daemon_started),
        TEST(stopped_directory_is_named),
        TEST(kill_at_any_instant_loses_at_most_the_open_interval),
        TEST(whatever_is_written_revises_its_day),
        TEST(revisions_are_of_what_is_there),
        TEST(an_older_ledger_has_no_revisions),
        TEST(an_older_ledger_is_brought_to_this_format),
        TEST(an_older_ledger_can_be_read_as_it_is),
        TEST(format_4_is_brought_to_this_one),
        TEST(format_6_gets_filtered_packets),
        TEST(format_7_gets_what_is_carried),
        TEST(format_5_gets_units_and_variances),
        TEST(a_ledger_without_gaps_is_brought_to_this_format),
        TEST(an_older_ledger_is_scanned_by_intervals),
        TEST(an_older_ledger_needs_no_permission_to_write),
        TEST(kill_while_the_format_changes_costs_nothing),
        TEST(a_file_size_limit_is_retried),
        TEST(a_full_disk_is_retried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
