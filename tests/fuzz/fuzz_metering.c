/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/cursor.h"
#include "collectors/capture/metering.h"
#include "daemon/message.h"

#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>

/* The input is a series of frames: one byte of time since the last one, one of link type, two of
 * captured length, one of what was cut. Whatever they are, the sums must be ones that the meter
 * accepts, and bytes must be conserved. */

static const int64_t steps_ms[] = {0,      1,      5,       20,    100,     400,
                                   1000,   2500,   7000,    60000, 299000,  -500,
                                   301000, 901000, 8000000, -2000, -3600000};
static const int link_types[] = {DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL, DLT_LINUX_SLL2};

static struct catalogue *catalogue;
static struct directions *directions;

static void check(struct message *message)
{
    if (!message_check(message, SENDER_CAPTURE))
        abort();
}

static void take_activity(void *context, int64_t interval_start, const struct activity *activity)
{
    struct message message;

    (void)context;
    (void)interval_start;
    message_start(&message, MESSAGE_ACTIVITY);
    message.body.activity = *activity;
    check(&message);
}

static void take_devices(void *context, const struct device_count *count)
{
    struct message message;

    (void)context;
    message_start(&message, MESSAGE_DEVICES);
    message.body.devices = *count;
    check(&message);
}

static void take_closed(void *context, int64_t interval_start, const struct coverage *coverage)
{
    struct message message;

    (void)interval_start;
    (*(unsigned *)context)++;
    message_start(&message, MESSAGE_CLOSED);
    message.body.coverage = *coverage;
    check(&message);
}

/* The names of the demonstration, which the seeds are from. */
static void make_rules(void)
{
    static const char *const hosts[] = {".openai.com", ".chatgpt.com", ".anthropic.com",
                                        ".claude.ai",  ".mistral.ai",  ".gouv.fr"};
    struct service service = {
        .id = "any",
        .estimator = {.method = METHOD_M2,
                      .grade = GRADE_B,
                      .request_bytes_min = 100,
                      .request_record_min = 50,
                      .burst_gap_s = 2,
                      .answer_record_min = 35,
                      .answer_bytes_min = 50,
                      .answer_gap_s = 6,
                      .answer_s_min = 0.01,
                      .answer_slots_min = 1,
                      .overhead_new_bytes = {10, 20, 30},
                      .record_base_bytes = {10, 20, 30},
                      .bytes_per_token = {2, 4, 6},
                      .whole_records_max = 2,
                      .whole_overhead_bytes = {10, 20, 30},
                      .whole_bytes_per_token = {1, 2, 3},
                      .input_method = INPUT_BODY,
                      .input_bytes_per_token = {2, 4, 6}},
    };

    catalogue = catalogue_new();
    directions = directions_new();
    if (!catalogue || !directions || !catalogue_set_service(catalogue, 0, &service))
        abort();
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        if (catalogue_add_host(catalogue, hosts[i], 0, ROLE_INFERENCE))
            abort();
}

static void give_frame(struct metering *metering, struct cursor *cursor, int64_t *now_ns)
{
    uint8_t step = cursor_u8(cursor);
    uint8_t link = cursor_u8(cursor);
    uint32_t captured = cursor_u16(cursor);
    uint32_t length;

    *now_ns += steps_ms[(step & 127) % (sizeof(steps_ms) / sizeof(steps_ms[0]))] * 1000000;
    if (step & 128)
        metering_advance(metering, *now_ns);
    if (captured > cursor_left(cursor))
        captured = (uint32_t)cursor_left(cursor);
    length = captured + (link & 128 ? 1000 : 0);
    metering_packet(metering, *now_ns, link_types[link % 4], cursor_bytes(cursor, captured),
                    captured, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct limits limits = {16, 2, 2, 16, 16};
    unsigned closed = 0;
    struct metering_sink sink = {&closed, take_activity, take_devices, take_closed, NULL};
    struct cursor cursor = cursor_over(data, size);
    int64_t now_ns = 1795435200LL * 1000000000;
    struct metering *metering;

    if (!catalogue)
        make_rules();
    metering = metering_new(&limits, catalogue, directions, &sink);
    if (!metering)
        abort();
    while (!cursor.failed && cursor_left(&cursor) > 4)
        give_frame(metering, &cursor, &now_ns);
    metering_finish(metering);
    if (metering_payload_bytes(metering) != metering_flow_bytes(metering))
        abort();
    metering_free(metering);
    return 0;
}
