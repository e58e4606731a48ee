/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/calendar.h"
#include "daemon/calibrationuse.h"
#include "daemon/log.h"
#include "daemon/servicefactors.h"
#include "daemon/sourcestates.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "tests/daemon/meterworld.h"
#include "tests/daemon/overhear.h"
#include "tests/daemon/scratchsql.h"
#include "tests/daemon/shipped.h"

#define DAY 20717

/* -- Setting up ------------------------------------------------------------------------------- */

/* The shipped factors, but for the first number after FROM in FILE, which is changed to TO. */
static void copy_factors(const char *directory, const char *file, const char *from, const char *to)
{
    static const char *const names[] = {"media.conf",     "method.conf",  "models.conf",
                                        "providers.conf", "vintage.conf", "zones.conf"};

    scratch_mkdir(directory);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[PATH_MAX];
        char target[NAME_MAX];
        size_t size;
        char *text;
        char *place;

        snprintf(path, sizeof(path), SHIPPED_FACTORS "/%s", names[i]);
        text = read_whole(path, &size);
        if (strcmp(file, names[i]) == 0) {
            place = strstr(text, from);
            assert_non_null(place);
            place += strlen(from);
            assert_true(strlen(to) <= strcspn(place, ";"));
            memset(place, ' ', strcspn(place, ";"));
            memcpy(place, to, strlen(to));
        }
        snprintf(target, sizeof(target), "%s/%s", directory, names[i]);
        scratch_write(target, text);
        free(text);
    }
}

static int setup(void **state)
{
    if (world_setup(state) != 0)
        return -1;
    signal(SIGXFSZ, SIG_IGN);
    config = shipped_config(SHIPPED_FACTORS, NULL);
    open_stores();
    give_names();
    return 0;
}

static struct message activity(uint16_t direction, uint16_t service_id, int64_t interval, double k)
{
    struct message message;

    message_start(&message, MESSAGE_ACTIVITY);
    message.interval_start = interval;
    message.body.activity = (struct activity){.direction_id = direction,
                                              .service_id = service_id,
                                              .grade = GRADE_B,
                                              .flows = 2,
                                              .bytes_up = 1000,
                                              .bytes_down = 50000,
                                              .bytes_other = 30,
                                              .requests = {k, k, 2 * k},
                                              .tokens_in = {0, 10 * k, 40 * k},
                                              .tokens_out = {90.5 * k, 101.25 * k, 333 * k}};
    return message;
}

static void send_closed(unsigned worker, int64_t interval)
{
    struct message message;

    message_start(&message, MESSAGE_CLOSED);
    message.interval_start = interval;
    message.body.coverage.covered_ns = UINT64_C(60000000000);
    message.body.coverage.packets = 10;
    take(worker, message);
}

static void commit(void)
{
    commit_at(INT64_MAX);
}

/* -- Looking ---------------------------------------------------------------------------------- */

struct sums {
    size_t rows;
    size_t with_impact;
    struct activity activity;
    struct impact impact;
};

static bool add_row(void *context, const struct ledger_row *row)
{
    struct sums *sums = context;

    sums->rows++;
    sums->with_impact += row->has_impact;
    sums->activity.grade = (uint8_t)grade_worst((enum evidence_grade)sums->activity.grade,
                                                (enum evidence_grade)row->activity.grade);
    sums->activity.flows += row->activity.flows;
    sums->activity.bytes_up += row->activity.bytes_up;
    sums->activity.bytes_down += row->activity.bytes_down;
    sums->activity.bytes_other += row->activity.bytes_other;
    sums->activity.requests = triple_add(sums->activity.requests, row->activity.requests);
    sums->activity.tokens_in = triple_add(sums->activity.tokens_in, row->activity.tokens_in);
    sums->activity.tokens_out = triple_add(sums->activity.tokens_out, row->activity.tokens_out);
    sums->impact = impact_add(sums->impact, row->impact);
    return true;
}

static struct sums sums_of(int64_t from, int64_t until, const char *direction, const char *id)
{
    struct sums sums = {0};
    enum ledger_status status = ledger_visit(ledger, from, until, direction, id, add_row, &sums);

    assert_true(status == LEDGER_OK || status == LEDGER_EMPTY);
    return sums;
}

static struct sums all_sums(void)
{
    return sums_of(INT64_MIN, INT64_MAX, NULL, NULL);
}

static bool add_coverage(void *context, const struct ledger_coverage_row *row)
{
    coverage_add(context, &row->coverage);
    return true;
}

static struct coverage coverage_of(int64_t from, int64_t until)
{
    struct coverage sum = {0};

    ledger_visit_coverage(ledger, from, until, add_coverage, &sum);
    return sum;
}

static struct impact impact_of(const struct config *with, const struct message *message)
{
    const struct activity *sent = &message->body.activity;
    struct service_factors factors;
    const struct mix_factors *mix;
    struct impact impact;

    assert_null(
        service_factors_resolve(with->factors, with->catalogue, sent->service_id, &factors));
    mix = service_factors_at(&factors, message->interval_start);
    assert_non_null(mix);
    impact = mix_impact(mix, sent->requests, sent->tokens_in, sent->tokens_out);
    service_factors_free(&factors);
    return impact;
}

static void assert_close(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9 * fabs(expected)))
        fail_msg("%.17g is not %.17g", value, expected);
}

static void assert_close_triple(struct triple value, struct triple expected)
{
    assert_close(value.low, expected.low);
    assert_close(value.central, expected.central);
    assert_close(value.high, expected.high);
}

static double shown(const char *direction, const char *id, const char *source, int64_t from,
                    int64_t until)
{
    double total = (double)NAN;

    if (!roundrobin_total(roundrobin, direction, id, source, from, until, &total))
        fail_msg("%s", roundrobin_error(roundrobin));
    return total;
}

/* -- Sums into the ledger --------------------------------------------------------------------- */

static void activity_is_recorded_with_its_impact(void **state)
{
    struct message sent = activity(1, service_number("openai-api"), T0, 3);
    struct impact expected = impact_of(config, &sent);
    struct sums sums;

    (void)state;
    take(0, sent);
    assert_false(meter_is_waiting(meter)); /* the interval is still open */
    commit();
    assert_int_equal(all_sums().rows, 0);
    send_closed(0, T0);
    assert_true(meter_is_waiting(meter) && meter_has_unwritten(meter));
    commit();
    assert_false(meter_has_unwritten(meter));
    sums = sums_of(T0, T0 + 60, directions_get(config->directions, 1)->code, "openai-api");
    assert_int_equal(sums.rows, 1);
    assert_int_equal(all_sums().rows, 1);
    assert_int_equal(sums.with_impact, 1);
    assert_true(sums.impact.energy_kwh.low > 0);
    assert_memory_equal(&sums.impact, &expected, sizeof(expected));
    assert_int_equal(sums.activity.flows, 2);
    assert_int_equal(sums.activity.bytes_up, 1000);
    assert_int_equal(sums.activity.bytes_down, 50000);
    assert_int_equal(sums.activity.bytes_other, 30);
    assert_int_equal(sums.activity.grade, GRADE_B);
    assert_memory_equal(&sums.activity.requests, &sent.body.activity.requests,
                        sizeof(struct triple));
    assert_memory_equal(&sums.activity.tokens_in, &sent.body.activity.tokens_in,
                        sizeof(struct triple));
    assert_memory_equal(&sums.activity.tokens_out, &sent.body.activity.tokens_out,
                        sizeof(struct triple));
    assert_int_equal(coverage_of(T0, T0 + 60).packets, 10);
}

/* Coverage is the time during which all interfaces were observed: each has its share. */
static void captures_share_the_coverage_of_an_interval(void **state)
{
    (void)state;
    meter_set_captures(meter, 3);
    for (unsigned worker = 0; worker < 3; worker++)
        send_closed(worker, T0);
    send_closed(0, T0 + 60);
    send_closed(2, T0 + 60); /* the interface of 1 was away */
    commit();
    assert_int_equal(coverage_of(T0, T0 + 60).covered_ns, UINT64_C(60000000000));
    assert_int_equal(coverage_of(T0 + 60, T0 + 120).covered_ns, UINT64_C(40000000000));
    assert_int_equal(coverage_of(T0, T0 + 60).packets, 30); /* what was counted is not shared */
    assert_int_equal(coverage_of(T0 + 60, T0 + 120).packets, 20);
}

static void shares_of_the_coverage_add_up_exactly(void **state)
{
    (void)state;
    meter_set_captures(meter, 7);
    for (unsigned worker = 0; worker < 7; worker++)
        send_closed(worker, T0);
    commit();
    assert_int_equal(coverage_of(T0, T0 + 60).covered_ns, UINT64_C(60000000000));
}

static void without_a_number_of_captures_there_is_one(void **state)
{
    (void)state;
    send_closed(0, T0);
    meter_set_captures(meter, 0);
    send_closed(0, T0 + 60);
    meter_set_captures(meter, 2); /* what was taken before keeps its share */
    commit();
    assert_int_equal(coverage_of(T0, T0 + 60).covered_ns, UINT64_C(60000000000));
    assert_int_equal(coverage_of(T0 + 60, T0 + 120).covered_ns, UINT64_C(60000000000));
}

/* The largest that message_check() lets pass, again and again for one interval. */
static void no_capture_process_can_end_the_meter_by_its_sums(void **state)
{
    struct message closed;
    struct message sums = activity(1, service_number("openai-api"), T0, 3);

    (void)state;
    message_start(&closed, MESSAGE_CLOSED);
    closed.interval_start = T0;
    closed.body.coverage.bytes = UINT64_C(1) << 62;
    closed.body.coverage.bytes_lost = UINT64_C(1) << 62;
    sums.body.activity.bytes_down = UINT64_C(1) << 62;
    sums.body.activity.tokens_out = (struct triple){0, 1e30, 1e30};
    sums.body.activity.requests = (struct triple){0, 1e30, 1e30};
    assert_true(message_check(&closed, SENDER_CAPTURE) && message_check(&sums, SENDER_CAPTURE));
    for (int i = 0; i < 4; i++) {
        take(0, sums);
        take(0, closed);
        commit();
    }
    assert_false(meter_has_unwritten(meter));
    assert_true(coverage_of(T0, T0 + 60).bytes >= UINT64_C(1) << 62);
    assert_int_equal(all_sums().rows, 1);
    assert_true(isfinite(all_sums().impact.energy_kwh.high));
}

/* An interval is computed with what the service ran then, whenever it comes in. */
static void each_interval_has_the_models_of_its_month(void **state)
{
    uint16_t id = service_number("chatgpt-web");
    const struct service *chatgpt = catalogue_service(config->catalogue, id);
    int64_t august, day;
    struct message before, after;
    struct impact_factors old, new;

    (void)state;
    assert_true(calendar_parse_day("2025-08-01", &day));
    august = calendar_day_start(day);
    before = activity(1, id, august - 60, 1);
    after = activity(1, id, august, 1);
    take(0, after);
    take(0, before);
    send_closed(0, august - 60);
    send_closed(0, august);
    commit();
    assert_null(impact_resolve_model(config->factors, chatgpt, "openai/gpt-4o", &old));
    assert_null(impact_resolve_model(config->factors, chatgpt, "openai/gpt-5-chat-latest", &new));
    assert_close_triple(sums_of(august - 60, august, NULL, NULL).impact.energy_kwh,
                        impact_compute(&old, before.body.activity.requests,
                                       before.body.activity.tokens_in,
                                       before.body.activity.tokens_out)
                            .energy_kwh);
    assert_close_triple(sums_of(august, august + 60, NULL, NULL).impact.energy_kwh,
                        impact_compute(&new, after.body.activity.requests,
                                       after.body.activity.tokens_in,
                                       after.body.activity.tokens_out)
                            .energy_kwh);
}

static void a_service_without_a_model_has_activity_but_no_impact(void **state)
{
    struct message named;
    struct sums sums;

    (void)state;
    message_start(&named, MESSAGE_SERVICE);
    named.number = 900;
    snprintf(named.body.service.id, sizeof(named.body.service.id), "new-thing");
    assert_true(meter_take(meter, 0, &named));
    take(0, activity(0, 900, T0, 1));
    send_closed(0, T0);
    commit();
    sums = sums_of(T0, T0 + 60, "unassigned", "new-thing");
    assert_int_equal(sums.rows, 1);
    assert_int_equal(sums.with_impact, 0);
}

static void send_devices(unsigned worker, uint16_t direction, uint16_t number, uint32_t devices)
{
    struct message message;

    message_start(&message, MESSAGE_DEVICES);
    message.body.devices = (struct device_count){direction, number, DAY, devices};
    take(worker, message);
}

static uint32_t devices_of(const char *direction, const char *id)
{
    uint32_t devices = UINT32_MAX;
    enum ledger_status status = ledger_devices(ledger, DAY, DAY + 1, direction, id, &devices);

    return status == LEDGER_EMPTY ? 0 : devices;
}

static void devices_are_the_most_of_the_day(void **state)
{
    const char *code = directions_get(config->directions, 2)->code;

    (void)state;
    send_devices(0, 2, service_number("claude-web"), 4);
    send_closed(0, T0);
    commit();
    assert_int_equal(devices_of(code, "claude-web"), 4);
    send_devices(0, 2, service_number("claude-web"), 9);
    send_closed(0, T0 + 60);
    commit();
    send_devices(0, 2, service_number("claude-web"), 1); /* after a restart */
    send_closed(0, T0 + 120);
    commit();
    assert_int_equal(devices_of(code, "claude-web"), 9);
}

static void devices_of_captures_are_the_most_of_one(void **state)
{
    (void)state;
    for (unsigned worker = 0; worker < 2; worker++) {
        send_devices(worker, 2, service_number("claude-web"), 4 + worker);
        send_closed(worker, T0);
    }
    commit();
    assert_int_equal(devices_of(directions_get(config->directions, 2)->code, "claude-web"), 5);
}

static void messages_that_make_no_sense_here_are_refused(void **state)
{
    struct message message = activity(1, service_number("openai-api"), T0, 1);

    (void)state;
    message.interval_start = T0 + 1;
    assert_false(meter_take(meter, 0, &message));
    message = activity(200, service_number("openai-api"), T0, 1); /* has no name */
    assert_false(meter_take(meter, 0, &message));
    message = activity(1, 901, T0, 1);
    assert_false(meter_take(meter, 0, &message));
    message_start(&message, MESSAGE_DEVICES);
    message.body.devices.service_id = 901;
    assert_false(meter_take(meter, 0, &message));
    message_start(&message, MESSAGE_HOST);
    assert_false(meter_take(meter, 0, &message));
    message = activity(1, service_number("openai-api"), T0, 1);
    assert_false(meter_take(meter, 64, &message));
    meter_worker_gone(meter, 64);
    send_closed(0, T0);
    commit();
    assert_int_equal(all_sums().rows, 0);
}

/* -- Several capture processes ---------------------------------------------------------------- */

static void parts_of_one_interval_are_added(void **state)
{
    const char *code = directions_get(config->directions, 1)->code;
    struct message sent = activity(1, service_number("openai-api"), T0, 1);
    struct impact expected = impact_of(config, &sent);

    (void)state;
    expected = impact_add(impact_add(expected, expected), expected);
    take(0, sent);
    take(1, sent);
    take(5, sent);
    send_closed(1, T0);
    commit();
    assert_close(all_sums().activity.requests.central, 1);
    /* An RRD's row is written once: not before all three have closed the interval. */
    send_closed(0, T0);
    commit();
    assert_close(all_sums().activity.requests.central, 2);
    assert_true(meter_is_waiting(meter));
    send_closed(5, T0);
    commit();
    assert_false(meter_is_waiting(meter));
    assert_close(all_sums().activity.requests.central, 3);
    assert_int_equal(all_sums().rows, 1);
    assert_close_triple(all_sums().impact.energy_kwh, expected.energy_kwh);
    assert_close_triple(all_sums().impact.water_l, expected.water_l);
    assert_int_equal(coverage_of(T0, T0 + 60).packets, 30);
    assert_close(shown(code, "openai-api", "requests_central", T0, T0 + 60), 3);
}

static void what_a_dead_process_had_not_closed_is_forgotten(void **state)
{
    const char *code = directions_get(config->directions, 1)->code;

    (void)state;
    take(0, activity(1, service_number("openai-api"), T0, 1));
    take(1, activity(1, service_number("openai-api"), T0, 2));
    send_closed(1, T0);
    take(1, activity(1, service_number("openai-api"), T0 + 60, 100));
    send_devices(1, 1, service_number("openai-api"), 77);
    meter_worker_gone(meter, 1);
    send_closed(0, T0);
    take(0, activity(1, service_number("openai-api"), T0 + 60, 4));
    send_closed(0, T0 + 60);
    commit();
    assert_close(sums_of(T0, T0 + 60, NULL, NULL).activity.requests.central, 3);
    assert_close(sums_of(T0 + 60, T0 + 120, NULL, NULL).activity.requests.central, 4);
    assert_int_equal(devices_of(code, "openai-api"), 0);
    /* And nobody waits for it before the RRDs are written. */
    assert_false(meter_is_waiting(meter));
    assert_close(shown(code, "openai-api", "requests_central", T0, T0 + 120), 7);
    /* Another process under its number starts afresh. */
    take(1, activity(1, service_number("openai-api"), T0 + 120, 8));
    send_closed(1, T0 + 120);
    send_closed(0, T0 + 120);
    commit();
    assert_close(all_sums().activity.requests.central, 15);
    assert_close(shown(code, "openai-api", "requests_central", T0, T0 + 180), 15);
}

static void the_running_interval_is_shown_when_it_is_over(void **state)
{
    const char *code = directions_get(config->directions, 1)->code;

    (void)state;
    take(0, activity(1, service_number("openai-api"), T0, 1));
    send_closed(0, T0); /* the process was stopped in the middle of the minute */
    meter_worker_gone(meter, 0);
    commit_at(T0 + 30);
    assert_false(meter_has_unwritten(meter));
    assert_true(meter_is_waiting(meter));
    take(0, activity(1, service_number("openai-api"), T0, 2)); /* and started again */
    send_closed(0, T0);
    commit_at(T0 + 59);
    assert_true(meter_is_waiting(meter));
    commit_at(T0 + 60);
    assert_false(meter_is_waiting(meter));
    assert_close(shown(code, "openai-api", "requests_central", T0, T0 + 60), 3);
}

/* -- Storage that fails ----------------------------------------------------------------------- */

static void limit_files(rlim_t size)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size == RLIM_INFINITY ? limit.rlim_max : size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_ledger_that_cannot_be_written_loses_nothing(void **state)
{
    const char *code = directions_get(config->directions, 1)->code;
    uint16_t number = service_number("openai-api");
    const char *text;

    (void)state;
    take(0, activity(1, number, T0, 1));
    send_closed(0, T0);
    commit();
    overhear_start();
    limit_files(0);
    for (int64_t i = 1; i <= 30; i++) {
        take(0, activity(1, number, T0 + 60 * i, 1));
        send_closed(0, T0 + 60 * i);
        clock_s += 60;
        commit();
        assert_true(meter_has_unwritten(meter));
        assert_int_equal(all_sums().rows, 1);
    }
    limit_files(RLIM_INFINITY);
    clock_s += 60;
    commit();
    text = overhear_stop();
    if (count_of(text, "\n") != 2 || count_of(text, "trying again") != 1 ||
        count_of(text, "ledger.db") != 1 || count_of(text, "nothing was lost") != 1)
        fail_msg("logged:\n%s", text);
    assert_false(meter_is_waiting(meter));
    assert_int_equal(all_sums().rows, 31);
    assert_close(all_sums().activity.requests.central, 31);
    assert_int_equal(all_sums().with_impact, 31);
    assert_int_equal(coverage_of(T0, T0 + 3600).packets, 310);
    assert_close(shown(code, "openai-api", "requests_central", T0, T0 + 31 * 60), 31);
}

/* The very first transaction fails: then no name has a number yet. */
static void numbers_given_in_a_failed_transaction_are_void(void **state)
{
    (void)state;
    take(0, activity(1, service_number("openai-api"), T0, 1));
    take(0, activity(2, service_number("mistral-api"), T0, 2));
    send_closed(0, T0);
    overhear_start();
    limit_files(0);
    commit();
    limit_files(RLIM_INFINITY);
    clock_s += 10;
    commit();
    overhear_stop();
    assert_int_equal(all_sums().rows, 2);
    assert_close(sums_of(T0, T0 + 60, directions_get(config->directions, 2)->code, "mistral-api")
                     .activity.requests.central,
                 2);
}

static bool is_tried(void)
{
    bool written;

    limit_files(RLIM_INFINITY);
    commit();
    written = !meter_has_unwritten(meter);
    limit_files(0);
    return written;
}

static void attempts_grow_rarer_and_can_be_hurried(void **state)
{
    int64_t delay_s = 1;

    (void)state;
    take(0, activity(1, service_number("openai-api"), T0, 1));
    send_closed(0, T0);
    overhear_start();
    limit_files(0);
    commit();
    for (unsigned i = 0; i < 8; i++) {
        clock_s += delay_s - 1;
        assert_false(is_tried());
        clock_s++;
        commit(); /* tried, and failed again */
        delay_s = delay_s < 32 ? 2 * delay_s : 60;
    }
    assert_false(is_tried());
    meter_hurry(meter);
    assert_true(is_tried());
    limit_files(RLIM_INFINITY);
    overhear_stop();
}

static void a_ledger_that_is_broken_is_the_end(void **state)
{
    (void)state;
    assert_int_equal(scratch_sql("state/ledger.db", "DROP TABLE coverage"), SQLITE_OK);
    take(0, activity(1, service_number("openai-api"), T0, 1));
    send_closed(0, T0);
    assert_int_equal(meter_commit(meter, INT64_MAX, clock_s), LEDGER_FATAL);
    assert_non_null(strstr(ledger_error(ledger), "ledger.db"));
    assert_true(meter_has_unwritten(meter));
    assert_int_equal(all_sums().rows, 0);
}

static void files_of_graphs_that_cannot_be_written_are_said_once(void **state)
{
    const char *code = directions_get(config->directions, 1)->code;
    char path[PATH_MAX];
    const char *text;
    unsigned files = 0;

    (void)state;
    scratch_write("state/rrd", "not a directory");
    overhear_start();
    for (int64_t i = 0; i < 5; i++) {
        take(0, activity(1, service_number("openai-api"), T0 + 60 * i, 1));
        send_closed(0, T0 + 60 * i);
        clock_s += 60;
        commit();
    }
    text = overhear_stop();
    if (count_of(text, "\n") != 1 || count_of(text, "iagmeter rebuild") != 1)
        fail_msg("logged:\n%s", text);
    assert_close(all_sums().activity.requests.central, 5);
    assert_false(meter_is_waiting(meter));
    scratch_path(path, "state/rrd");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(roundrobin_rebuild(roundrobin, ledger,
                                        meter_shown_until(ledger, config, INT64_MAX), &files),
                     0);
    assert_int_equal(files, 2);
    assert_close(shown(code, "openai-api", "requests_central", T0, T0 + 300), 5);
}

/* A large authority's sums wait, for hours: the meter stops taking them in time, and goes on. */
static void more_is_not_taken_than_can_be_held(void **state)
{
    uint16_t number = service_number("openai-api");
    int64_t taken = 0;

    (void)state;
    overhear_start();
    limit_files(0);
    for (; !meter_is_full(meter); taken++) {
        assert_true(taken < 100000);
        take(0, activity(1, number, T0 + 60 * taken, 1));
        send_closed(0, T0 + 60 * taken);
        if (taken == 0)
            commit(); /* fails, and the next attempt is not due yet */
    }
    limit_files(RLIM_INFINITY);
    assert_true(taken > 1000);
    clock_s += 60;
    commit();
    overhear_stop();
    assert_false(meter_is_full(meter));
    assert_int_equal(all_sums().rows, taken);
    assert_close(all_sums().activity.requests.central, (double)taken);
    /* More than can be remembered for the RRDs: they are brought up to date from the ledger. */
    assert_false(meter_is_waiting(meter));
    assert_close(shown(directions_get(config->directions, 1)->code, "openai-api",
                       "requests_central", T0 / 3600 * 3600,
                       (T0 + 60 * taken) / 3600 * 3600 + 3600),
                 (double)taken);
}

/* An interval of very many cells must not make the meter wait for a message that it does not read.
 */
static void one_long_interval_is_taken_to_its_end(void **state)
{
    struct message message = activity(1, service_number("openai-api"), T0, 1);
    double taken = 0;

    (void)state;
    for (; meter_take(meter, 0, &message); taken++)
        assert_false(meter_is_full(meter));
    assert_true(taken > 10000);
    /* Nothing more fits: that process is given up, and the others go on. */
    meter_worker_gone(meter, 0);
    take(1, activity(1, service_number("openai-api"), T0, 2));
    send_closed(1, T0);
    assert_false(meter_is_full(meter));
    commit();
    assert_close(all_sums().activity.requests.central, 2);
}

/* -- Another configuration -------------------------------------------------------------------- */

static void change_to(struct config *fresh)
{
    meter_set_config(meter, fresh);
    config_free(config);
    config = fresh;
}

static bool count_factor_set(void *context, const char *vintage, uint64_t digest)
{
    uint64_t *digests = context;

    assert_string_equal(vintage, factors_vintage(config->factors));
    assert_true(digests[0] < 4);
    digests[++digests[0]] = digest;
    return true;
}

static void new_factors_are_for_later_intervals(void **state)
{
    struct message sent = activity(1, service_number("openai-api"), T0, 3);
    struct impact before = impact_of(config, &sent);
    struct impact after;
    struct sums sums;
    uint64_t digests[8] = {0};
    uint64_t old_digest = config->digest;
    char path[PATH_MAX];

    (void)state;
    copy_factors("other", "providers.conf", "pue =", "3.5");
    scratch_path(path, "other");
    take(0, sent);
    send_closed(0, T0);
    overhear_start();
    limit_files(0); /* so that it still waits when the configuration changes */
    commit();
    limit_files(RLIM_INFINITY);
    change_to(shipped_config(path, config));
    overhear_stop();
    after = impact_of(config, &sent);
    assert_true(after.energy_kwh.central > 1.5 * before.energy_kwh.central);
    /* Sums may come before the names: with the new factors, and the old ones are freed. */
    sent.interval_start = T0 + 60;
    take(0, sent);
    send_closed(0, T0 + 60);
    give_names();
    sent.interval_start = T0 + 120;
    take(0, sent);
    send_closed(0, T0 + 120);
    clock_s += 60;
    commit();
    sums = sums_of(T0, T0 + 60, NULL, NULL);
    assert_memory_equal(&sums.impact, &before, sizeof(before));
    sums = sums_of(T0 + 60, T0 + 120, NULL, NULL);
    assert_memory_equal(&sums.impact, &after, sizeof(after));
    sums = sums_of(T0 + 120, T0 + 180, NULL, NULL);
    assert_memory_equal(&sums.impact, &after, sizeof(after));
    assert_int_equal(ledger_visit_factor_sets(ledger, T0, T0 + 60, count_factor_set, digests),
                     LEDGER_OK);
    assert_int_equal(digests[0], 1);
    assert_int_equal(digests[1], old_digest);
    assert_int_equal(ledger_visit_factor_sets(ledger, T0 + 60, T0 + 180, count_factor_set, digests),
                     LEDGER_OK);
    assert_int_equal(digests[0], 2);
    assert_int_equal(digests[2], config->digest);
    assert_true(old_digest != config->digest);
}

static void an_interval_in_which_the_factors_changed_has_both(void **state)
{
    struct message sent = activity(1, service_number("openai-api"), T0, 3);
    struct impact expected = impact_of(config, &sent);
    char path[PATH_MAX];

    (void)state;
    copy_factors("other", "providers.conf", "pue =", "3.5");
    scratch_path(path, "other");
    take(0, sent);
    change_to(shipped_config(path, config));
    give_names();
    take(0, sent);
    send_closed(0, T0);
    commit();
    expected = impact_add(expected, impact_of(config, &sent));
    assert_int_equal(all_sums().rows, 1);
    assert_close(all_sums().activity.requests.central, 6);
    assert_close_triple(all_sums().impact.energy_kwh, expected.energy_kwh);
    assert_close_triple(all_sums().impact.gwp_use_kgco2e, expected.gwp_use_kgco2e);
}

static void any_number_of_changes_while_sums_wait_is_survived(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 40; i++) {
        take(0, activity(1, service_number("openai-api"), T0 + 60 * i, 1));
        send_closed(0, T0 + 60 * i);
        change_to(shipped_config(SHIPPED_FACTORS, config));
        give_names();
    }
    commit();
    assert_close(all_sums().activity.requests.central, 40);
    assert_int_equal(all_sums().with_impact, 40);
}

/* -- Totals ----------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 33;
}

static void restart(void)
{
    close_stores();
    open_stores();
    roundrobin_catch_up(roundrobin, ledger, meter_shown_until(ledger, config, INT64_MAX));
    give_names();
}

struct sent_sums {
    long double requests;
    long double tokens_out;
    long double energy_kwh;
    long double bytes_down;
};

static void send_one(struct sent_sums *sums, const char *code, int64_t interval)
{
    uint16_t direction = 0;
    double k = (double)(next_random() % 1000) / 7;
    struct message message;

    while (strcmp(directions_get(config->directions, direction)->code, code) != 0)
        direction++;
    message = activity(direction, service_number("openai-api"), interval, k);
    take(0, message);
    sums->requests += (long double)message.body.activity.requests.central;
    sums->tokens_out += (long double)message.body.activity.tokens_out.central;
    sums->energy_kwh += (long double)impact_of(config, &message).energy_kwh.central;
    sums->bytes_down += message.body.activity.bytes_down;
}

static void assert_totals(const struct sent_sums *sent, const char *code,
                          const struct calendar_month *month)
{
    struct sums recorded = sums_of(month->start, month->end, code, "openai-api");

    assert_close(recorded.activity.requests.central, (double)sent->requests);
    assert_close(recorded.activity.tokens_out.central, (double)sent->tokens_out);
    assert_close(recorded.impact.energy_kwh.central, (double)sent->energy_kwh);
    assert_close((double)recorded.activity.bytes_down, (double)sent->bytes_down);
    assert_close(shown(code, "openai-api", "requests_central", month->start, month->end),
                 (double)sent->requests);
    assert_close(shown(code, "openai-api", "tokens_out_central", month->start, month->end),
                 (double)sent->tokens_out);
    assert_close(shown(code, "openai-api", "energy_kwh_central", month->start, month->end),
                 (double)sent->energy_kwh);
}

/* October 2026 in Paris: 745 hours, because of the 25th. What is sent, recorded and shown is the
 * same, also when the daemon was restarted in the middle of intervals, and what lies a minute
 * outside of the month is outside. */
static void a_month_is_the_sum_of_what_was_sent(void **state)
{
    static const char *const codes[] = {"DSN", "DRH"};
    struct calendar_month month;
    struct sent_sums inside[2] = {{0, 0, 0, 0}, {0, 0, 0, 0}};
    struct sent_sums outside = {0, 0, 0, 0};
    int64_t interval;
    unsigned intervals = 0;

    (void)state;
    random_state = 42;
    assert_true(calendar_parse_month("2026-10", &month));
    assert_int_equal(month.end - month.start, 745 * 3600);
    for (interval = month.start - 3600; interval < month.end + 3600;) {
        bool within = interval >= month.start && interval < month.end;

        send_one(within ? &inside[0] : &outside, codes[0], interval);
        if (next_random() % 3 == 0)
            send_one(within ? &inside[1] : &outside, codes[1], interval);
        send_closed(0, interval);
        commit();
        intervals++;
        if (next_random() % 16 == 0) {
            restart();
            send_one(within ? &inside[0] : &outside, codes[0], interval);
            send_closed(0, interval);
            commit();
        }
        if (interval == month.start - 3600)
            interval = month.start - 60; /* the last minute of September */
        else if (interval < month.start)
            interval = month.start;
        else if (interval < month.end - 60 && interval > month.end - 7200)
            interval = month.end - 60; /* the last of October, and the first of November */
        else if (interval < month.end)
            interval += interval == month.end - 60 ? 60 : 60 * (int64_t)(1 + next_random() % 200);
        else
            interval += 1800;
    }
    assert_true(intervals > 200);
    restart();
    assert_totals(&inside[0], codes[0], &month);
    assert_totals(&inside[1], codes[1], &month);
    assert_true(outside.requests > 0);
}

static void the_last_finished_interval_is_known(void **state)
{
    (void)state;
    assert_int_equal(meter_shown_until(ledger, config, T0 + 30), T0);
    take(0, activity(1, service_number("openai-api"), T0, 1));
    send_closed(0, T0);
    commit_at(T0 + 30);
    assert_int_equal(meter_shown_until(ledger, config, T0 + 30), T0);
    assert_int_equal(meter_shown_until(ledger, config, T0 + 60), T0 + 60);
    assert_int_equal(meter_shown_until(ledger, config, T0 + 86400), T0 + 60);
    assert_int_equal(meter_shown_until(ledger, config, INT64_MAX), T0 + 60);
}

/* Recorded without an interval to wait for, and what the next process does not find is forgotten.
 */
static void what_is_read_is_told(void **state)
{
    struct message message;
    char text[256];

    (void)state;
    message_start(&message, MESSAGE_SOURCE);
    snprintf(message.body.source.name, sizeof(message.body.source.name), "rapl/package-0");
    assert_false(meter_take(meter, 0, &message)); /* no capture's to say */
    meter_worker_here(meter, METER_COUNTERS);
    assert_true(meter_take(meter, METER_COUNTERS, &message));
    assert_true(meter_is_waiting(meter));
    assert_int_equal(meter_commit(meter, T0, clock_s), LEDGER_OK);
    assert_int_equal(ledger_fact(ledger, SOURCESTATES_FACT, text, sizeof(text)), LEDGER_OK);
    assert_string_equal(text, "1790000040 1\nrapl/package-0\t0\t\t\n");
    assert_false(meter_is_waiting(meter));
    meter_worker_gone(meter, METER_COUNTERS);
    assert_int_equal(meter_commit(meter, T0 + 60, clock_s), LEDGER_OK);
    assert_int_equal(ledger_fact(ledger, SOURCESTATES_FACT, text, sizeof(text)), LEDGER_OK);
    assert_string_equal(text, "1790000100 0\nrapl/package-0\t0\t\t\n");
    meter_worker_here(meter, METER_COUNTERS);
    assert_int_equal(meter_commit(meter, T0 + 120, clock_s), LEDGER_OK);
    assert_int_equal(ledger_fact(ledger, SOURCESTATES_FACT, text, sizeof(text)), LEDGER_OK);
    assert_string_equal(text, "1790000160 1\n");
}

/* -- Calibrations ----------------------------------------------------------------------------- */

/* Of the first COUNT services here, over TCP. */
static void calibrate(size_t count)
{
    static const char *const services[] = {"openai-api", "mistral-api"};

    config->calibrations->count = count;
    for (size_t i = 0; i < count; i++) {
        struct service_calibration *own = &config->calibrations->items[i];

        *own = (struct service_calibration){
            .transport = TRANSPORT_TCP, .date = "2026-09-01", .source = "a test", .in_force = true};
        snprintf(own->service, sizeof(own->service), "%s", services[i]);
    }
}

static void send_drift_of(const char *id, size_t way, bool drifted)
{
    struct message message;

    message_start(&message, MESSAGE_DRIFT);
    message.number = service_number(id);
    message.body.drift.transport = TRANSPORT_TCP;
    message.body.drift.way = (uint8_t)way;
    message.body.drift.drifted = drifted;
    take(0, message);
}

static void send_drift(const char *id, bool drifted)
{
    send_drift_of(id, ESTIMATOR_NO_WAY, drifted);
}

static void the_drift_of_a_way_is_that_of_its_calibration(void **state)
{
    struct service_calibration *own = config->calibrations->items;
    const struct estimator *estimator;

    (void)state;
    calibrate(2);
    own[1] = own[0];
    estimator = &catalogue_service(config->catalogue, service_number("openai-api"))->estimator;
    assert_true(estimator->regime_count > 0);
    snprintf(own[1].regime, sizeof(own[1].regime), "%s", estimator->regimes[0].name);
    send_drift_of("openai-api", 0, true);
    commit();
    assert_false(calibrationuse_has_drifted(ledger, &own[0]));
    assert_true(calibrationuse_has_drifted(ledger, &own[1]));
    send_drift_of("openai-api", 0, false);
    send_drift("openai-api", true);
    commit();
    assert_true(calibrationuse_has_drifted(ledger, &own[0]));
    assert_false(calibrationuse_has_drifted(ledger, &own[1]));
}

/* Several windows may be complete before it is recorded. */
static void a_drift_that_is_said_again_is_still_recorded(void **state)
{
    (void)state;
    calibrate(2);
    send_drift("openai-api", true);
    send_drift("openai-api", true);
    assert_true(meter_is_waiting(meter));
    commit();
    assert_true(calibrationuse_has_drifted(ledger, &config->calibrations->items[0]));
    send_drift("openai-api", true);
    assert_false(meter_is_waiting(meter));
}

static void which_interfaces_are_captured_is_recorded(void **state)
{
    struct message message;
    char text[INTERFACES_SIZE];

    (void)state;
    message_start(&message, MESSAGE_INTERFACES);
    snprintf(message.body.interfaces, INTERFACES_SIZE, "eth1; eth2 never opened: it is down");
    assert_true(meter_take(meter, 0, &message));
    assert_true(meter_is_waiting(meter));
    commit();
    assert_false(meter_is_waiting(meter));
    assert_int_equal(ledger_fact(ledger, METER_INTERFACES_FACT, text, sizeof(text)), LEDGER_OK);
    assert_string_equal(text, message.body.interfaces);
}

/* What was said of others says nothing of these; nor is anything said of what is not in force. */
static void new_calibrations_have_not_drifted(void **state)
{
    struct service_calibration *own = config->calibrations->items;

    (void)state;
    calibrate(2);
    send_drift("openai-api", true);
    commit();
    assert_true(calibrationuse_has_drifted(ledger, &own[0]));
    calibrate(2);
    snprintf(own[0].date, sizeof(own[0].date), "2026-09-20");
    meter_set_config(meter, config);
    own[1].in_force = false;
    send_drift("mistral-api", true);
    commit();
    assert_false(calibrationuse_has_drifted(ledger, &own[0]));
    assert_false(calibrationuse_has_drifted(ledger, &own[1]));
}

/* All of it in one transaction, or none; and again when it could not be written. */
static void a_drift_that_cannot_be_written_is_not_forgotten(void **state)
{
    const struct service_calibration *own = config->calibrations->items;

    (void)state;
    calibrate(2);
    send_drift("openai-api", true);
    send_drift("mistral-api", true);
    overhear_start();
    limit_files(0);
    commit();
    limit_files(RLIM_INFINITY);
    overhear_stop();
    assert_true(meter_is_waiting(meter));
    assert_false(calibrationuse_has_drifted(ledger, &own[0]));
    assert_false(calibrationuse_has_drifted(ledger, &own[1]));
    clock_s += 60;
    commit();
    assert_false(meter_is_waiting(meter));
    assert_true(calibrationuse_has_drifted(ledger, &own[0]));
    assert_true(calibrationuse_has_drifted(ledger, &own[1]));
    send_drift("openai-api", false);
    commit();
    assert_false(calibrationuse_has_drifted(ledger, &own[0]));
    assert_true(calibrationuse_has_drifted(ledger, &own[1]));
}

static void assert_used(const char *id, int64_t since_s, const char *expected)
{
    char name[100], value[100] = "nothing";

    snprintf(name, sizeof(name), "calibration_used %s tcp 2026-09-01 %lld", id, (long long)since_s);
    ledger_fact(ledger, name, value, sizeof(value));
    assert_string_equal(value, expected);
}

/* With the first sums after it was read, whose interval is the first; also when that transaction
 * had to be tried twice. What was recorded before stays as it is. */
static void a_configuration_says_which_calibrations_are_in_use(void **state)
{
    uint16_t number = service_number("openai-api");
    struct sums before, after;

    (void)state;
    take(0, activity(1, number, T0, 3));
    send_closed(0, T0);
    commit();
    before = sums_of(T0, T0 + 60, NULL, NULL);
    calibrate(2);
    meter_set_config(meter, config);
    take(0, activity(1, number, T0 + 60, 1));
    commit();
    assert_used("openai-api", T0 + 60, "nothing"); /* the interval is open */
    send_closed(0, T0 + 60);
    overhear_start();
    limit_files(0);
    commit();
    limit_files(RLIM_INFINITY);
    overhear_stop();
    assert_used("openai-api", T0 + 60, "nothing");
    clock_s += 60;
    commit();
    assert_used("openai-api", T0 + 60, "- a test");
    assert_used("mistral-api", T0 + 60, "- a test");
    calibrate(1);
    meter_set_config(meter, config);
    send_closed(0, T0 + 120);
    commit();
    assert_used("openai-api", T0 + 60, "- a test");
    assert_used("mistral-api", T0 + 60, "1790000160 a test");
    after = sums_of(T0, T0 + 60, NULL, NULL);
    assert_memory_equal(&after.activity.tokens_out, &before.activity.tokens_out,
                        sizeof(struct triple));
}

/* Live use goes on; of the replay there is a period, from its first interval to its last. */
static void a_replay_notes_its_own_period_alone(void **state)
{
    (void)state;
    calibrate(1);
    send_closed(0, T0 + 600);
    commit();
    assert_used("openai-api", T0 + 600, "- a test");
    close_stores();
    open_stores();
    give_names();
    meter_set_replay(meter);
    send_closed(0, T0);
    commit();
    assert_used("openai-api", T0, "1790000100 a test");
    send_closed(0, T0 + 60);
    send_closed(0, T0 + 120);
    commit();
    assert_used("openai-api", T0, "1790000220 a test");
    calibrate(0); /* and a replay of what came later, without it */
    meter_set_config(meter, config);
    send_closed(0, T0 + 900);
    commit();
    assert_used("openai-api", T0, "1790000220 a test");
    assert_used("openai-api", T0 + 600, "- a test");
}

static void take_replayed(int64_t minute)
{
    take(0, activity(1, service_number("openai-api"), T0 + 60 * minute, 1));
    send_closed(0, T0 + 60 * minute);
    commit();
}

/* What it wrote in between would be written again. At the end nothing is waited for. */
static void a_replay_is_shown_once_a_second(void **state)
{
    const char *code = directions_get(config->directions, 1)->code;
    char path[PATH_MAX];

    (void)state;
    scratch_path(path, "state/rrd/coverage.rrd");
    meter_set_replay(meter);
    take(0, activity(1, service_number("mistral-api"), T0, 3)); /* and not again */
    for (int64_t i = 0; i < 5; i++)
        take_replayed(i);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_true(meter_is_waiting(meter));
    assert_false(meter_has_unwritten(meter));
    clock_s++;
    commit();
    assert_close(shown(code, "openai-api", "requests_central", T0, T0 + 300), 5);
    assert_close(shown(code, "mistral-api", "requests_central", T0, T0 + 300), 3);
    assert_false(meter_is_waiting(meter));
    take_replayed(5);
    take_replayed(6);
    assert_close(shown(code, "openai-api", "requests_central", T0, T0 + 420), 5);
    meter_hurry(meter);
    commit();
    assert_close(shown(code, "openai-api", "requests_central", T0, T0 + 420), 7);
    assert_false(meter_is_waiting(meter));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(activity_is_recorded_with_its_impact),
        TEST(captures_share_the_coverage_of_an_interval),
        TEST(shares_of_the_coverage_add_up_exactly),
        TEST(without_a_number_of_captures_there_is_one),
        TEST(no_capture_process_can_end_the_meter_by_its_sums),
        TEST(each_interval_has_the_models_of_its_month),
        TEST(a_service_without_a_model_has_activity_but_no_impact),
        TEST(devices_are_the_most_of_the_day),
        TEST(devices_of_captures_are_the_most_of_one),
        TEST(messages_that_make_no_sense_here_are_refused),
        TEST(parts_of_one_interval_are_added),
        TEST(what_a_dead_process_had_not_closed_is_forgotten),
        TEST(a_replay_is_shown_once_a_second),
        TEST(the_running_interval_is_shown_when_it_is_over),
        TEST(a_ledger_that_cannot_be_written_loses_nothing),
        TEST(numbers_given_in_a_failed_transaction_are_void),
        TEST(attempts_grow_rarer_and_can_be_hurried),
        TEST(a_ledger_that_is_broken_is_the_end),
        TEST(files_of_graphs_that_cannot_be_written_are_said_once),
        TEST(more_is_not_taken_than_can_be_held),
        TEST(one_long_interval_is_taken_to_its_end),
        TEST(new_factors_are_for_later_intervals),
        TEST(an_interval_in_which_the_factors_changed_has_both),
        TEST(any_number_of_changes_while_sums_wait_is_survived),
        TEST(a_month_is_the_sum_of_what_was_sent),
        TEST(the_last_finished_interval_is_known),
        TEST(what_is_read_is_told),
        TEST(a_drift_that_cannot_be_written_is_not_forgotten),
        TEST(the_drift_of_a_way_is_that_of_its_calibration),
        TEST(a_drift_that_is_said_again_is_still_recorded),
        TEST(which_interfaces_are_captured_is_recorded),
        TEST(new_calibrations_have_not_drifted),
        TEST(a_configuration_says_which_calibrations_are_in_use),
        TEST(a_replay_notes_its_own_period_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
