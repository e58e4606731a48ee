/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/interval.h"

#include "collectors/capture/devices.h"
#include "collectors/capture/tally.h"
#include "daemon/calendar.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS   1000000000LL
#define LENGTH_NS   (INTERVAL_S * SECOND_NS)
#define SECONDS_DAY 86400
/* Longer than any time-out of a flow: to leap further would change nothing, and a damaged file
 * whose times go to and fro would make flow time overflow. */
#define MAX_LEAP_NS (3 * 3600 * SECOND_NS)
/* Where flow time stops at a jump, should a file make it leap that often: short of 64 bits. */
#define MAX_FLOW_NS (INT64_MAX / 2)

struct interval {
    struct metering_sink sink;
    struct tally *tally;
    struct device_set *devices;
    struct coverage coverage;
    uint32_t open_s;
    int64_t start_ns;
    int64_t covered_from_ns;
    int64_t now_ns;
    int64_t flow_offset_ns; /* flow time less wall time */
    bool begun;
};

struct interval *interval_new(const struct metering_sink *sink, size_t cells, unsigned max_devices)
{
    struct interval *interval = calloc(1, sizeof(*interval));

    if (!interval)
        return NULL;
    interval->sink = *sink;
    interval->tally = tally_new(cells);
    interval->devices = devices_new(max_devices);
    if (!interval->tally || !interval->devices) {
        interval_free(interval);
        return NULL;
    }
    return interval;
}

void interval_free(struct interval *interval)
{
    if (!interval)
        return;
    tally_free(interval->tally);
    devices_free(interval->devices);
    free(interval);
}

static int64_t start_of(int64_t wall_ns)
{
    int64_t seconds = wall_ns / SECOND_NS - (wall_ns % SECOND_NS < 0);

    return calendar_interval(seconds) * SECOND_NS;
}

void interval_begin(struct interval *interval, int64_t wall_ns)
{
    interval->start_ns = start_of(wall_ns);
    interval->covered_from_ns = wall_ns;
    interval->now_ns = wall_ns;
    interval->begun = true;
}

bool interval_begun(const struct interval *interval)
{
    return interval->begun;
}

int64_t interval_now_ns(const struct interval *interval)
{
    return interval->now_ns;
}

int64_t interval_end_ns(const struct interval *interval)
{
    return interval->start_ns + LENGTH_NS;
}

int64_t interval_flow_ns(const struct interval *interval, int64_t wall_ns)
{
    return wall_ns + interval->flow_offset_ns;
}

bool interval_glide(struct interval *interval, int64_t wall_ns, int64_t due_ns)
{
    if (!interval->begun || wall_ns < interval->now_ns ||
        wall_ns >= interval->start_ns + LENGTH_NS || wall_ns + interval->flow_offset_ns > due_ns)
        return false;
    interval->now_ns = wall_ns;
    return true;
}

void interval_reach(struct interval *interval, int64_t wall_ns)
{
    interval->now_ns = wall_ns;
}

static void hand_over_activity(struct interval *interval)
{
    for (size_t i = 0; i < tally_count(interval->tally); i++)
        interval->sink.activity(interval->sink.context, interval->start_ns / SECOND_NS,
                                tally_at(interval->tally, i));
    tally_clear(interval->tally);
}

static void hand_over(struct interval *interval)
{
    hand_over_activity(interval);
    devices_visit_changed(interval->devices, interval->sink.devices, interval->sink.context);
    interval->coverage.covered_ns = (uint64_t)(interval->now_ns - interval->covered_from_ns);
    interval->sink.closed(interval->sink.context, interval->start_ns / SECOND_NS,
                          &interval->coverage, interval->open_s);
    memset(&interval->coverage, 0, sizeof(interval->coverage));
}

void interval_turn(struct interval *interval)
{
    interval->now_ns = interval_end_ns(interval);
    hand_over(interval);
    interval_begin(interval, interval->now_ns);
}

void interval_jump(struct interval *interval, int64_t wall_ns)
{
    int64_t flow_ns = interval_flow_ns(interval, interval->now_ns);
    int64_t leap_ns = wall_ns - interval->now_ns;

    hand_over(interval);
    if (leap_ns < 0) {
        interval->coverage.clock_steps++;
        leap_ns = 0;
    }
    if (leap_ns > MAX_LEAP_NS)
        leap_ns = MAX_LEAP_NS;
    flow_ns += leap_ns;
    if (flow_ns > MAX_FLOW_NS)
        flow_ns = MAX_FLOW_NS;
    interval->flow_offset_ns = flow_ns - wall_ns;
    interval_begin(interval, wall_ns);
}

void interval_finish(struct interval *interval)
{
    if (interval->begun)
        hand_over(interval);
    interval->begun = false;
}

struct activity *interval_cell(struct interval *interval, uint16_t direction, uint16_t service)
{
    struct activity *cell = tally_cell(interval->tally, direction, service);

    if (cell)
        return cell;
    /* Sums may be handed over in several parts: whoever receives them adds. */
    hand_over_activity(interval);
    return tally_cell(interval->tally, direction, service);
}

void interval_set_open(struct interval *interval, uint32_t open_s)
{
    interval->open_s = open_s;
}

struct coverage *interval_coverage(struct interval *interval)
{
    return &interval->coverage;
}

int32_t interval_day(const struct interval *interval)
{
    return (int32_t)(interval->start_ns / (SECONDS_DAY * SECOND_NS));
}

struct device_set *interval_devices(struct interval *interval)
{
    return interval->devices;
}
