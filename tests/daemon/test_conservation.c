/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Totals are conserved from the packets to the report: the recorded capture is metered at chosen
 * moments of October 2026 (on both edges of the local month and across the end of daylight saving
 * in Europe/Paris), with restarts, one of them within a minute. The month's total must be the same
 * in the exchanges, the ledger, the round-robin databases and the report. */

#include "collectors/capture/metering.h"
#include "collectors/capture/source.h"
#include "daemon/calendar.h"
#include "daemon/config.h"
#include "daemon/ledger.h"
#include "daemon/meter.h"
#include "daemon/roundrobin.h"
#include "reports/month.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/scratch.h"

#define DEMO  IAGMETER_SOURCE_ROOT "/tests/fixtures/demo/demo.pcap"
#define CLOSE 1e-9 /* relative */

/* What leaves the metering for one pair within the month, summed here and nowhere else. */
struct pair_sum {
    double requests;
    double tokens_out;
    double bytes_down;
    double flows;
};

static struct world {
    struct config *config;
    struct calendar_month month;
    struct pair_sum sums[MAX_DIRECTIONS][MAX_SERVICES];
    /* one run of the daemon */
    struct ledger *ledger;
    struct roundrobin *roundrobin;
    struct meter *meter;
    struct metering *metering;
    /* one pass of the capture */
    int64_t first_ns; /* of the file; 0 not known yet */
    int64_t start_ns; /* when the pass happens */
    unsigned packets;
    unsigned from;
    unsigned until;
} world;

static bool in_month(int64_t time_s)
{
    return time_s >= world.month.start && time_s < world.month.end;
}

static void take_activity(void *context, int64_t interval_start, const struct activity *activity)
{
    struct pair_sum *sum = &world.sums[activity->direction_id][activity->service_id];
    struct message message;

    (void)context;
    if (in_month(interval_start)) {
        sum->requests += activity->requests.central;
        sum->tokens_out += activity->tokens_out.central;
        sum->bytes_down += (double)activity->bytes_down;
        sum->flows += activity->flows;
    }
    message_start(&message, MESSAGE_ACTIVITY);
    message.interval_start = interval_start;
    message.body.activity = *activity;
    assert_true(meter_take(world.meter, 0, &message));
}

static void take_devices(void *context, const struct device_count *count)
{
    struct message message;

    (void)context;
    message_start(&message, MESSAGE_DEVICES);
    message.body.devices = *count;
    assert_true(meter_take(world.meter, 0, &message));
}

static void take_closed(void *context, int64_t interval_start, const struct coverage *coverage,
                        uint32_t open_s)
{
    (void)open_s;
    struct message message;

    (void)context;
    message_start(&message, MESSAGE_CLOSED);
    message.interval_start = interval_start;
    message.body.coverage = *coverage;
    assert_true(meter_take(world.meter, 0, &message));
    assert_int_equal(meter_commit(world.meter, interval_start + INTERVAL_S, 0), LEDGER_OK);
}

static void give_names(void)
{
    struct message message;

    for (uint16_t i = 0; i < catalogue_count(world.config->catalogue); i++) {
        message_start(&message, MESSAGE_SERVICE);
        message.number = i;
        message.body.service = *catalogue_service(world.config->catalogue, i);
        assert_true(meter_take(world.meter, 0, &message));
    }
    for (uint16_t i = 0; i < directions_count(world.config->directions); i++) {
        message_start(&message, MESSAGE_DIRECTION);
        message.number = i;
        message.body.direction = *directions_get(world.config->directions, i);
        assert_true(meter_take(world.meter, 0, &message));
    }
}

static void start_daemon(void)
{
    struct metering_sink sink = metering_ignore(NULL);
    char error[512];

    sink.activity = take_activity;
    sink.devices = take_devices;
    sink.closed = take_closed;
    world.ledger = ledger_open(world.config->state_directory, true, error, sizeof(error));
    assert_non_null(world.ledger);
    world.roundrobin = roundrobin_new(world.config->state_directory, 1);
    assert_non_null(world.roundrobin);
    assert_int_equal(roundrobin_catch_up(world.roundrobin, world.ledger,
                                         meter_shown_until(world.ledger, world.config, INT64_MAX)),
                     0);
    world.meter = meter_new(world.config, world.ledger, world.roundrobin);
    assert_non_null(world.meter);
    give_names();
    world.metering = metering_new(&world.config->limits, world.config->catalogue,
                                  world.config->directions, &sink);
    assert_non_null(world.metering);
}

static void stop_daemon(void)
{
    metering_finish(world.metering);
    metering_free(world.metering);
    meter_free(world.meter);
    roundrobin_free(world.roundrobin);
    ledger_close(world.ledger);
}

static void take_packet(const struct captured_frame *frame)
{
    unsigned number = world.packets++;

    if (world.first_ns == 0)
        world.first_ns = frame->time_ns;
    if (number >= world.from && number < world.until)
        metering_packet(world.metering, frame->time_ns - world.first_ns + world.start_ns,
                        frame->link_type, frame->bytes, frame->captured, frame->length);
}

static void take_packets(void *context, const struct captured_frame *frames, size_t count)
{
    (void)context;
    for (size_t i = 0; i < count; i++)
        take_packet(&frames[i]);
}

/* Meters packets [FROM, UNTIL) of the capture as if it had begun at START_S, in a daemon of its
 * own. */
static void pass(int64_t start_s, unsigned from, unsigned until)
{
    char error[512];
    struct source *source = source_open_file(DEMO, error, sizeof(error));

    assert_non_null(source);
    world.first_ns = 0;
    world.packets = 0;
    world.start_ns = start_s * 1000000000LL;
    world.from = from;
    world.until = until;
    start_daemon();
    while (source_read(source, 1000, take_packets, NULL) == SOURCE_OK)
        ;
    stop_daemon();
    source_close(source);
}

static void assert_close(double value, double expected, const char *what, const char *pair)
{
    if (fabs(value - expected) > CLOSE * fmax(1, fabs(expected)))
        fail_msg("%s of %s: %.17g instead of %.17g", what, pair, value, expected);
}

struct ledger_sum {
    struct pair_sum sum;
};

static bool add_row(void *context, const struct ledger_row *row)
{
    struct ledger_sum *total = context;

    total->sum.requests += row->activity.requests.central;
    total->sum.tokens_out += row->activity.tokens_out.central;
    total->sum.bytes_down += (double)row->activity.bytes_down;
    total->sum.flows += row->activity.flows;
    return true;
}

static double from_roundrobin(const char *direction, const char *service, const char *name)
{
    double total = 0;

    if (!roundrobin_total(world.roundrobin, direction, service, name, world.month.start,
                          world.month.end, &total))
        fail_msg("%s", roundrobin_error(world.roundrobin));
    return total;
}

static void compare_pair(uint16_t direction, uint16_t service)
{
    const struct pair_sum *sum = &world.sums[direction][service];
    const char *code = directions_get(world.config->directions, direction)->code;
    const char *id = catalogue_service(world.config->catalogue, service)->id;
    struct ledger_sum ledger = {{0, 0, 0, 0}};
    char pair[128];

    snprintf(pair, sizeof(pair), "%s %s", code, id);
    assert_int_equal(
        ledger_visit(world.ledger, world.month.start, world.month.end, code, id, add_row, &ledger),
        LEDGER_OK);
    assert_close(ledger.sum.requests, sum->requests, "requests in the ledger", pair);
    assert_close(ledger.sum.tokens_out, sum->tokens_out, "tokens in the ledger", pair);
    assert_close(ledger.sum.bytes_down, sum->bytes_down, "bytes in the ledger", pair);
    assert_close(ledger.sum.flows, sum->flows, "flows in the ledger", pair);
    assert_close(from_roundrobin(code, id, "requests_central"), sum->requests,
                 "requests in the RRD", pair);
    assert_close(from_roundrobin(code, id, "tokens_out_central"), sum->tokens_out,
                 "tokens in the RRD", pair);
    assert_close(from_roundrobin(code, id, "bytes_down"), sum->bytes_down, "bytes in the RRD",
                 pair);
    assert_close(from_roundrobin(code, id, "flows"), sum->flows, "flows in the RRD", pair);
}

static struct pair_sum compare_pairs(void)
{
    struct pair_sum total = {0, 0, 0, 0};

    for (uint16_t direction = 0; direction < directions_count(world.config->directions);
         direction++) {
        for (uint16_t service = 0; service < catalogue_count(world.config->catalogue); service++) {
            const struct pair_sum *sum = &world.sums[direction][service];

            if (sum->flows == 0 && sum->requests == 0)
                continue;
            compare_pair(direction, service);
            total.requests += sum->requests;
            total.tokens_out += sum->tokens_out;
        }
    }
    return total;
}

static void compare_report(const struct pair_sum *total)
{
    char error[512];
    struct month_report *report = month_build(world.ledger, world.config, world.month,
                                              world.month.end + 1, error, sizeof(error));

    if (!report)
        fail_msg("%s", error);
    assert_close(report->total.activity.requests.central, total->requests, "requests", "report");
    assert_close(report->total.activity.tokens_out.central, total->tokens_out, "tokens", "report");
    month_free(report);
}

static void month_totals_agree(void **state)
{
    /* 25 s each. The local month is 2026-09-30T22:00Z to 2026-10-31T23:00Z. */
    const int64_t moments[] = {
        1790805590, /* 2026-09-30T21:59:50Z: the first ten seconds belong to September */
        1792889990, /* 2026-10-25T00:59:50Z: summer time ends at 01:00Z */
        1792893590, /* 2026-10-25T01:59:50Z: 02:59:50 local for the second time */
        1793487590, /* 2026-10-31T22:59:50Z: what follows the first ten seconds is November */
    };
    struct pair_sum total;

    (void)state;
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        /* A restart in the middle of a minute: what went before must add to what comes after. */
        pass(moments[i], 0, 4000);
        pass(moments[i], 4000, UINT32_MAX);
    }
    start_daemon();
    total = compare_pairs();
    compare_report(&total);
    assert_true(total.requests > 100);
    stop_daemon();
}

static void a_month_is_cut_where_it_is_local(void **state)
{
    struct pair_sum total = {0, 0, 0, 0};
    double seconds = (double)(world.month.end - world.month.start);

    (void)state;
    assert_int_equal(seconds, 31 * 86400 + 3600);
    /* Two of the four passes lie half outside: had they been counted whole, or not at all, the
     * number of connections would be 4 or 2 times that of the capture. */
    for (uint16_t direction = 0; direction < directions_count(world.config->directions);
         direction++)
        for (uint16_t service = 0; service < catalogue_count(world.config->catalogue); service++)
            total.flows += world.sums[direction][service].flows;
    assert_true(total.flows > 2 * 53 && total.flows < 4 * 53);
}

static int set_up(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    scratch_setup(state);
    world.config = config_load(IAGMETER_SOURCE_ROOT "/conf/iagmeter.conf", NULL, diagnostics);
    diagnostics_print(diagnostics, stderr);
    diagnostics_free(diagnostics);
    if (!world.config || !calendar_set_zone("Europe/Paris") ||
        !calendar_parse_month("2026-10", &world.month))
        return -1;
    snprintf(world.config->state_directory, sizeof(world.config->state_directory), "%s",
             scratch_directory);
    /* Of the capture's six devices four have an address of IPv4. */
    world.config->report.threshold = 4;
    return 0;
}

static int tear_down(void **state)
{
    config_free(world.config);
    return scratch_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(month_totals_agree),
        cmocka_unit_test(a_month_is_cut_where_it_is_local),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
