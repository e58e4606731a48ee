/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/hoststatus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/calendar.h"
#include "daemon/metrics.h"
#include "daemon/settlement.h"
#include "daemon/sourcestates.h"
#include "daemon/status.h"

#include <math.h>

#include "tests/daemon/hosted.h"

#define HOUR        INT64_C(1790002800) /* a whole one: 15:00 UTC */
#define BALANCE_DAY INT64_C(1789862400) /* the UTC day before that */
#define MINUTE_NS   UINT64_C(60000000000)

static struct config *config;
static struct ledger *ledger;
static char *output;
static struct source_states source_states;
static int64_t dsn, qwen, unassigned;

static int setup(void **state)
{
    const struct direction *direction;
    char error[2 * PATH_MAX];

    if (scratch_setup(state) != 0)
        return -1;
    scratch_mkdir("state");
    calendar_set_zone("Europe/Paris");
    config = hosted_config(hosted_host, NULL);
    ledger = ledger_open(config->state_directory, true, error, sizeof(error));
    if (!ledger)
        fail_msg("%s", error);
    direction = directions_get(config->directions, 1);
    assert_int_equal(ledger_direction(ledger, direction, &dsn), LEDGER_OK);
    direction = directions_get(config->directions, 0);
    assert_int_equal(ledger_direction(ledger, direction, &unassigned), LEDGER_OK);
    assert_int_equal(ledger_service(ledger, "qwen3-8b", "Qwen", &qwen), LEDGER_OK);
    return 0;
}

static int teardown(void **state)
{
    free(output);
    output = NULL;
    ledger_close(ledger);
    config_free(config);
    return scratch_teardown(state);
}

static void record_energy(const char *name, uint8_t kind, int64_t interval,
                          struct device_energy energy)
{
    struct power_device device = {.kind = kind};
    int64_t id;

    snprintf(device.name, sizeof(device.name), "%s", name);
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_power_device(ledger, &device, &id), LEDGER_OK);
    assert_int_equal(ledger_add_device_energy(ledger, interval, id, &energy, 10), LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
}

static void record(const char *name, uint8_t kind, int64_t interval, double power_w, uint8_t flags,
                   double part)
{
    record_energy(name, kind, interval,
                  (struct device_energy){.flags = flags,
                                         .energy_j = power_w * 60 * part,
                                         .covered_ns = (uint64_t)((double)MINUTE_NS * part)});
}

static void record_use(int64_t interval)
{
    const struct local_use use = {.requests = 1, .tokens_in = 300, .tokens_out = 70};
    const struct server_use server = {.requests = 1, .tokens_in = 310, .tokens_out = 71};

    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_add_local_use(ledger, interval, dsn, qwen, &use), LEDGER_OK);
    assert_int_equal(ledger_add_server_use(ledger, interval, unassigned, qwen, &server), LEDGER_OK);
    assert_int_equal(ledger_add_server_use(ledger, interval, dsn, qwen, &server), LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
}

/* Two minutes, the second of them half measured. The meter of the whole says more than the parts.
 */
static void record_some(void)
{
    for (int i = 0; i < 2; i++) {
        int64_t interval = HOUR - 120 + 60 * i;
        double part = i == 0 ? 1 : 0.5;

        record("gpu1", POWER_DEVICE_GPU, interval, i == 0 ? 100 : 250, 0, part);
        record("host", POWER_DEVICE_HOST, interval, 200, ENERGY_WALL, part);
        record("dcmi/wall", POWER_DEVICE_SOURCE, interval, 366, ENERGY_WALL, part);
        record("rapl/package-0", POWER_DEVICE_SOURCE, interval, 80, ENERGY_PART, part);
        record("rapl/dram-0", POWER_DEVICE_SOURCE, interval, 7, ENERGY_PART, part);
        record("rapl/psys", POWER_DEVICE_SOURCE, interval, 1000, 0, part);
    }
    record_use(HOUR - 120);
    assert_int_equal(settlement_run(ledger, config, HOUR), LEDGER_OK);
}

static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9 * fabs(expected)))
        fail_msg("%.17g is not %.17g", value, expected);
}

static struct hoststatus collected(void)
{
    struct hoststatus status;

    assert_true(hoststatus_collect(&status, ledger, config, HOUR - 86400, HOUR));
    return status;
}

static void sums_are_of_the_whole_host(void **state)
{
    struct hoststatus status;
    double difference_w;

    (void)state;
    record_some();
    status = collected();
    assert_int_equal(status.count, 6 + 1); /* gpu0 is in host.conf, and not measured */
    assert_near(hoststatus_total_w(&status), 200 + (100 * 60 + 250 * 30) / 90.0);
    assert_near(hoststatus_covered_s(&status), 90);
    assert_near(hoststatus_missing_s(&status), 30);
    assert_true(hoststatus_difference_w(&status, &difference_w));
    assert_near(difference_w, 366 - 87);
    assert_near(status.energy_j, 100 * 60 + 250 * 30 + 200 * 90);
    assert_near(status.wire.in, 300);
    assert_near(status.unseen.in, 0);
    assert_near(status.server.out, 142);
    assert_true(status.has_shared && status.shared_until_s == HOUR);
}

/* Without a meter of the whole, or of the parts, there is nothing to compare. */
static void a_difference_is_of_two(void **state)
{
    struct hoststatus status;
    double difference_w;

    (void)state;
    record("rapl/package-0", POWER_DEVICE_SOURCE, HOUR - 60, 80, ENERGY_PART, 1);
    record("host", POWER_DEVICE_HOST, HOUR - 60, 80, ENERGY_REST | ENERGY_WALL, 1);
    status = collected();
    assert_false(hoststatus_difference_w(&status, &difference_w));
    record("dcmi/wall", POWER_DEVICE_SOURCE, HOUR - 60, 166, ENERGY_WALL, 1);
    status = collected();
    assert_true(hoststatus_difference_w(&status, &difference_w));
    assert_near(difference_w, 86);
}

static void print_status(enum status_format format)
{
    size_t size;
    FILE *stream;

    free(output);
    stream = open_memstream(&output, &size);
    assert_true(status_print(ledger, config, true, HOUR, format, stream));
    fclose(stream);
}

static void assert_says(const char *line)
{
    if (!strstr(output, line))
        fail_msg("no \"%s\" in:\n%s", line, output);
}

/* The outlets of one machine are added; minutes of which only one of the two is known are left out,
 * and so are meters that took turns, which have neither flag. */
static void a_difference_is_of_the_same_minutes(void **state)
{
    struct hoststatus status;
    double difference_w;

    (void)state;
    for (int i = 1; i <= 2; i++) {
        record("snmp/a/1", POWER_DEVICE_SOURCE, HOUR - 60 * i, 100, ENERGY_WALL, 1);
        record("snmp/b/1", POWER_DEVICE_SOURCE, HOUR - 60 * i, 120, ENERGY_WALL, 1);
        record("redfish/power", POWER_DEVICE_SOURCE, HOUR - 60 * i, 999, 0, 1);
        record("rapl/package-0", POWER_DEVICE_SOURCE, HOUR - 60 * i, 80, ENERGY_PART, 1);
    }
    record("rapl/package-0", POWER_DEVICE_SOURCE, HOUR - 180, 200, ENERGY_PART, 1);
    record("snmp/a/1", POWER_DEVICE_SOURCE, HOUR - 240, 900, ENERGY_WALL, 1);
    status = collected();
    assert_true(hoststatus_difference_w(&status, &difference_w));
    assert_near(difference_w, 100 + 120 - 80);
    print_status(STATUS_TEXT);
    assert_says("\nwhole less parts         140 W\n");
    record("rapl/package-1", POWER_DEVICE_SOURCE, HOUR - 60, 500, ENERGY_PART, 1);
    print_status(STATUS_TEXT);
    assert_says("\nwhole less parts         -110 W: it says less than they do");
}

static void write_metrics(int64_t now_s)
{
    size_t size;
    FILE *stream;

    free(output);
    stream = open_memstream(&output, &size);
    assert_true(metrics_write_capture(ledger, config, true, now_s, stream));
    fclose(stream);
}

static void status_tells_of_each_device(void **state)
{
    (void)state;
    record_some();
    print_status(STATUS_TEXT);
    assert_says("\nhost ragarenn\n");
    assert_says("\n  gpu1                   150 W, 250 W at last; idle 70 W, of host.conf; missed "
                "for 30 s\n");
    assert_says("\n  host                   200 W, 200 W at last; idle 180 W, of host.conf; missed "
                "for 30 s\n");
    assert_says("\n  in all                 350 W\n");
    assert_says("\n  rapl/package-0         80 W, 80 W at last; missed for 30 s\n");
    assert_says("\nwhole less parts         279 W\n");
    assert_says("\nenergy shared until      2026-09-21 17:00 CEST\n");
    assert_says("\ntokens on the wire       300 in, 70 out\n");
    assert_says("\ntokens by the servers    620 in, 142 out\n");
    assert_says("\n  qwen3-8b               0.15 in, 0.015 cached, 1 out, of host.conf\n");
    assert_null(strstr(output, "DSN"));
    assert_null(strstr(output, "shared_until"));
}

static void a_host_that_was_never_measured_says_so(void **state)
{
    (void)state;
    record_use(HOUR - 60);
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_add_coverage(ledger, HOUR - 60, &(struct coverage){.packets = 1}),
                     LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
    print_status(STATUS_TEXT);
    assert_says("\nmeasured                 nothing\n");
}

/* A day in which the server of one service counted more than the wire showed, and that of another
 * was started again. */
static void record_day(uint32_t devices)
{
    const struct local_use seen = {.requests = 90, .tokens_in = 900, .tokens_out = 450};
    const struct local_use unseen = {.requests = 8, .tokens_in = 80, .tokens_out = 40};
    const struct local_use both = {.requests = 98, .tokens_in = 980, .tokens_out = 490};
    const struct server_use server = {.requests = 100, .tokens_in = 1000, .tokens_out = 448};
    const struct ledger_source_day gap = {(int32_t)(BALANCE_DAY / 86400),
                                          "http://127.0.0.1/metrics", 0, 1};
    struct inference_config *inference = &config->inference;

    inference->server_count = 1;
    inference->servers[0] = (struct inference_server){
        8000, catalogue_find(config->catalogue, "qwen3-8b"), SERVICE_NONE, false};
    snprintf(inference->scrapes[0].url, sizeof(inference->scrapes[0].url),
             "http://127.0.0.1/metrics?key=1");
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_add_local_use(ledger, BALANCE_DAY, dsn, qwen, &seen), LEDGER_OK);
    assert_int_equal(ledger_add_local_use(ledger, BALANCE_DAY + 86340, unassigned, qwen, &both),
                     LEDGER_OK);
    assert_int_equal(ledger_add_unseen_use(ledger, BALANCE_DAY + 86340, unassigned, qwen, &unseen),
                     LEDGER_OK);
    /* Neither before nor after. */
    assert_int_equal(ledger_add_local_use(ledger, BALANCE_DAY - 60, dsn, qwen, &seen), LEDGER_OK);
    assert_int_equal(ledger_add_local_use(ledger, BALANCE_DAY + 86400, dsn, qwen, &seen),
                     LEDGER_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(ledger_add_server_use(ledger, BALANCE_DAY, unassigned, qwen, &server),
                         LEDGER_OK);
    assert_int_equal(ledger_add_source_day(ledger, &gap), LEDGER_OK);
    assert_int_equal(ledger_add_devices(ledger, dsn, qwen, (int32_t)(BALANCE_DAY / 86400), devices),
                     LEDGER_OK);
    assert_int_equal(ledger_set_fact(ledger, SETTLEMENT_FACT, "1790002800"), LEDGER_OK);
    assert_int_equal(ledger_add_coverage(ledger, HOUR - 60, &(struct coverage){.packets = 1}),
                     LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
}

/* By service, of a whole day; what was added is told from what the wire showed of nobody's. */
static void wire_and_server_stand_side_by_side(void **state)
{
    json_t *object, *line;

    (void)state;
    record_day(config->report.threshold);
    print_status(STATUS_TEXT);
    assert_says("\nwire and servers on 2026-09-20 (UTC)\n  qwen3-8b\n"
                "    requests             180 by the wire, 200 by the server, -20 (-10.0 %): the "
                "wire sees less; 8 added, counted by the server alone\n");
    assert_says("\n    tokens_cached        0 by the wire, 0 by the server: nothing to compare\n");
    assert_says("\n    tokens_out           900 by the wire, 896 by the server, +4 (+0.4 %): they "
                "agree, to 1 %; 40 added, counted by the server alone\n");
    print_status(STATUS_JSON);
    object = json_loads(output, 0, NULL);
    line = json_array_get(json_object_get(json_object_get(object, "balance"), "services"), 0);
    assert_string_equal(json_string_value(json_object_get(line, "service")), "qwen3-8b");
    line = json_object_get(line, "tokens_in");
    assert_near(json_real_value(json_object_get(line, "wire")), 1800);
    assert_near(json_real_value(json_object_get(line, "server")), 2000);
    assert_near(json_real_value(json_object_get(line, "unseen")), 80);
    assert_near(json_real_value(json_object_get(line, "difference_percent")), -10);
    assert_string_equal(json_string_value(json_object_get(line, "verdict")), "server-ahead");
    json_decref(object);
    write_metrics(HOUR);
    assert_says("\niagmeter_host_balance_ratio{service=\"qwen3-8b\",quantity=\"requests\"} -0.1");
    assert_says(
        "\niagmeter_host_balance_verdict{service=\"qwen3-8b\",quantity=\"requests\",verdict="
        "\"server-ahead\"} 1\n");
    assert_null(strstr(output, "1800")); /* how much is no matter of monitoring */
}

/* Fewer devices than the reports ask for: their sum would tell what each of them did. */
static void of_few_devices_nothing_is_told(void **state)
{
    (void)state;
    record_day(config->report.threshold - 1);
    print_status(STATUS_TEXT);
    assert_null(strstr(output, "by the wire"));
    write_metrics(HOUR);
    assert_null(strstr(output, "iagmeter_host_balance_ratio{"));
    assert_null(strstr(output, "iagmeter_host_balance_verdict{"));
}

/* A server that began anew is not compared with the wire as if it had not. */
static void a_server_that_began_anew_is_told(void **state)
{
    const struct local_use more = {.tokens_in = 400};

    (void)state;
    record_day(config->report.threshold);
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_add_local_use(ledger, BALANCE_DAY, dsn, qwen, &more), LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
    print_status(STATUS_TEXT);
    assert_says(
        "\n    tokens_in            2200 by the wire, 2000 by the server, +200 (+10.0 %): the "
        "server was started again: what it counted last is missing; 80 added");
    write_metrics(HOUR);
    assert_says("quantity=\"tokens_in\",verdict=\"restarted\"} 1\n");
}

static void a_server_whose_counts_are_the_use_is_not_compared(void **state)
{
    (void)state;
    record_day(config->report.threshold);
    config->inference.scrapes[0].tokens = TOKENS_FROM_SERVER;
    print_status(STATUS_TEXT);
    assert_says(
        "\n    requests             180 by the wire, 200 by the server: nothing to compare");
}

static void programs_get_the_same(void **state)
{
    json_t *object, *host;

    (void)state;
    record_some();
    print_status(STATUS_JSON);
    object = json_loads(output, 0, NULL);
    host = json_object_get(object, "host");
    assert_string_equal(json_string_value(json_object_get(host, "name")), "ragarenn");
    assert_int_equal(json_array_size(json_object_get(host, "devices")), 6 + 1);
    assert_near(json_real_value(json_object_get(host, "difference_w")), 279);
    assert_near(json_real_value(json_object_get(host, "missing_s")), 30);
    assert_int_equal(json_integer_value(json_object_get(host, "shared_until_s")), HOUR);
    json_decref(object);
}

/* Of meters, and of servers that are asked. */
static void what_was_missed_is_told(void **state)
{
    const struct ledger_source_day gap = {HOUR / 86400, "http://a/metrics", 40, 2};
    json_t *object, *device;

    (void)state;
    record_some();
    record("rapl/dram-0", POWER_DEVICE_SOURCE, HOUR - 180, 7, ENERGY_PART | ENERGY_LOWER_BOUND, 1);
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_add_source_day(ledger, &gap), LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
    print_status(STATUS_TEXT);
    assert_says("at least: a counter began anew; missed for 30 s; began anew in 1 minutes\n");
    assert_says("\nhttp://a/metrics         2026-09-21: 40 s missed, 2 new starts\n");
    print_status(STATUS_JSON);
    object = json_loads(output, 0, NULL);
    device = json_array_get(json_object_get(json_object_get(object, "host"), "devices"), 0);
    assert_near(json_real_value(json_object_get(device, "missed_s")), 30);
    assert_int_equal(json_integer_value(json_object_get(device, "restarts")), 1);
    device = json_array_get(json_object_get(object, "missed"), 0);
    assert_int_equal(json_integer_value(json_object_get(device, "restarts")), 2);
    json_decref(object);
    write_metrics(HOUR + 59);
    assert_says("\niagmeter_host_missed_seconds_total{device=\"gpu1\",kind=\"gpu\"} 90\n");
    assert_says("\niagmeter_host_restarts_total{device=\"rapl/dram-0\",kind=\"source\"} 1\n");
    assert_says("\niagmeter_server_missed_seconds_total{source=\"http://a/metrics\"} 40\n");
    assert_says("\niagmeter_server_restarts_total{source=\"http://a/metrics\"} 2\n");
}

/* By the meter of the whole the host drew less; it tells late, or is of something else. */
static void what_is_above_the_meter_is_told(void **state)
{
    const struct device_energy late = {
        .flags = ENERGY_WALL | ENERGY_CARRIED, .covered_ns = MINUTE_NS, .carried_j = 36000};
    const struct device_energy wrong = {.flags = ENERGY_WALL | ENERGY_CARRIED | ENERGY_EXCEEDED,
                                        .covered_ns = MINUTE_NS,
                                        .carried_j = 1800};
    json_t *object, *device;

    (void)state;
    record_energy("host", POWER_DEVICE_HOST, HOUR - 120, late);
    print_status(STATUS_TEXT);
    assert_says("; the meter of the whole tells late: what it lacked was carried on");
    assert_says("; 0.01 kWh above that meter so far\n");
    record_energy("host", POWER_DEVICE_HOST, HOUR - 60, wrong);
    print_status(STATUS_TEXT);
    assert_says("; the GPUs drew more than the meter of the whole says");
    assert_says(
        "; 0.0105 kWh above that meter so far, more than any delay explains in 1 minutes\n");
    print_status(STATUS_JSON);
    object = json_loads(output, 0, NULL);
    device = json_array_get(json_object_get(json_object_get(object, "host"), "devices"), 0);
    assert_near(json_real_value(json_object_get(device, "carried_j")), 37800);
    assert_int_equal(json_integer_value(json_object_get(device, "exceeded")), 1);
    json_decref(object);
    record("gpu1", POWER_DEVICE_GPU, HOUR - 60, 100, 0, 1);
    write_metrics(HOUR + 59);
    assert_says("\niagmeter_host_carried_joules{device=\"host\",kind=\"host\"} 37800\n");
    assert_says("\niagmeter_host_exceeded_total{device=\"host\",kind=\"host\"} 1\n");
    assert_null(strstr(output, "iagmeter_host_carried_joules{device=\"gpu1\""));
}

/* Meters that are away leave no trace in the ledger: that is why it is told, while it lasts. */
static void what_is_away_is_missed_while_it_is(void **state)
{
    struct hoststatus status;

    (void)state;
    record("gpu1", POWER_DEVICE_GPU, HOUR - 30 * 3600, 100, 0, 1);
    record("host", POWER_DEVICE_HOST, HOUR - 30 * 3600, 200, ENERGY_WALL, 1);
    assert_int_equal(settlement_run(ledger, config, HOUR), LEDGER_OK);
    status = collected();
    assert_near(hoststatus_missing_s(&status), 86400); /* nothing was measured for a day */
    record("gpu1", POWER_DEVICE_GPU, HOUR - 120, 100, 0, 1);
    status = collected();
    assert_int_equal(status.count, 3);
    assert_near(hoststatus_missed_s(&status, &status.devices[0]), 86400 - 60);
    assert_near(hoststatus_missed_s(&status, &status.devices[2]), 86400);
    assert_int_equal(status.devices[2].kind, POWER_DEVICE_HOST);
    assert_near(hoststatus_covered_s(&status), 60);
    print_status(STATUS_TEXT);
    assert_says("\n  host                   not measured: away since ");
    assert_says("; idle 180 W");
    assert_says("missed for 86400 s\n");
    write_metrics(HOUR + 59);
    assert_says("\niagmeter_host_missed_seconds_total{device=\"host\",kind=\"host\"} 54000\n");
    assert_says("\niagmeter_host_missed_seconds_total{device=\"gpu1\",kind=\"gpu\"} 53940\n");
    assert_says("\niagmeter_host_power_watts{device=\"gpu1\",kind=\"gpu\"} 100\n");
    assert_null(strstr(output, "iagmeter_host_power_watts{device=\"host\""));
}

/* Until the hour is over, nothing of it is told. */
static void metrics_are_of_whole_hours(void **state)
{
    (void)state;
    record_some();
    write_metrics(HOUR - 1);
    assert_null(strstr(output, "iagmeter_host_power_watts"));
    assert_says("\niagmeter_host_covered_ratio 0\n");
    write_metrics(HOUR + 59);
    assert_says("\niagmeter_host_power_watts{device=\"gpu1\",kind=\"gpu\"} 150\n");
    assert_says("\niagmeter_host_power_watts{device=\"rapl/psys\",kind=\"source\"} 1000\n");
    assert_says("\niagmeter_host_covered_ratio 0.025");
    assert_says("\niagmeter_host_difference_watts 279\n");
    assert_says("\niagmeter_host_energy_joules_total{device=\"gpu1\",kind=\"gpu\"} 13500\n");
    assert_says("\niagmeter_host_shared_until_timestamp_seconds 1790002800\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void expect(const char *name, bool counted, const char *problem)
{
    struct power_source_state state = {.counted = counted};

    snprintf(state.name, sizeof(state.name), "%s", name);
    snprintf(state.problem, sizeof(state.problem), "%s", problem);
    sourcestates_take(&source_states, &state);
}

static const struct hoststatus_device *device_of(const struct hoststatus *status, const char *name)
{
    for (size_t i = 0; i < status->count; i++)
        if (strcmp(status->devices[i].name, name) == 0)
            return &status->devices[i];
    return NULL;
}

/* A meter that is away leaves no row that anybody could miss. */
static void meters_that_are_away_for_the_whole_time_are_there(void **state)
{
    struct hoststatus status;

    (void)state;
    record("redfish/power", POWER_DEVICE_SOURCE, HOUR - 86400 - 3600, 300, ENERGY_WALL, 1);
    record_some();
    sourcestates_begin(&source_states);
    expect("dcmi/wall", true, "");
    expect("redfish", true, "");
    expect("redfish/power", true, "cannot be read");
    expect("redfish/energy", true, power_status_text(POWER_UNSUPPORTED));
    expect("snmp", true, "configured, but not on this machine");
    expect("rapl/core", false, "gone");
    expect("hwmon", false, "switched off in host.conf");
    expect("http://127.0.0.1:8000/metrics", true, "does not answer");
    assert_int_equal(sourcestates_record(&source_states, ledger, HOUR), LEDGER_OK);
    status = collected();
    assert_int_equal(status.count, 6 + 1 + 2);
    assert_non_null(device_of(&status, "redfish/power"));
    assert_non_null(device_of(&status, "snmp"));
    assert_int_equal(device_of(&status, "redfish/power")->kind, POWER_DEVICE_SOURCE);
    assert_int_equal(device_of(&status, "redfish/power")->seen_s, HOUR - 86400 - 3600 + 60);
    assert_int_equal(device_of(&status, "snmp")->seen_s, 0);
    assert_int_equal(device_of(&status, "dcmi/wall")->seen_s, 0);
    assert_near(hoststatus_missed_s(&status, device_of(&status, "redfish/power")), 86400);
    print_status(STATUS_TEXT);
    assert_says("  redfish/power          not measured: away since ");
    assert_says("; missed for 86400 s\n");
    assert_says(
        "  snmp                   not measured, nor in the month before; missed for 86400 s\n");
    free(output);
    output = NULL;
    print_status(STATUS_JSON);
    assert_non_null(strstr(output, "\"away_since_s\": 1789912860"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sums_are_of_the_whole_host),
        TEST(meters_that_are_away_for_the_whole_time_are_there),
        TEST(a_difference_is_of_two),
        TEST(a_difference_is_of_the_same_minutes),
        TEST(status_tells_of_each_device),
        TEST(a_host_that_was_never_measured_says_so),
        TEST(programs_get_the_same),
        TEST(metrics_are_of_whole_hours),
        TEST(what_was_missed_is_told),
        TEST(what_is_above_the_meter_is_told),
        TEST(what_is_away_is_missed_while_it_is),
        TEST(wire_and_server_stand_side_by_side),
        TEST(of_few_devices_nothing_is_told),
        TEST(a_server_that_began_anew_is_told),
        TEST(a_server_whose_counts_are_the_use_is_not_compared),
    };

    return cmocka_run_group_tests_name("hoststatus", tests, NULL, NULL);
}
