/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_SINK_H
#define IAGMETER_TESTS_SINK_H

#include "collectors/capture/metering.h"

#include <stdlib.h>
#include <string.h>

/* Keeps everything that a metering hands over, in order. */

enum sink_kind { SINK_ACTIVITY, SINK_DEVICES, SINK_CLOSED, SINK_USE };

struct sink_entry {
    uint64_t kind;
    int64_t interval_start;
    union {
        struct activity activity;
        struct device_count devices;
        struct coverage coverage;
        struct local_use use;
    } body;
    uint32_t open_s; /* of SINK_CLOSED */
};

struct sink_log {
    struct sink_entry *entries;
    size_t count;
    size_t capacity;
};

/* Bytes are copied as they are, padding and all: what is in it would leave the process too. */
static inline void sink_put(struct sink_log *log, enum sink_kind kind, int64_t interval_start,
                            const void *body, size_t size)
{
    struct sink_entry *entry;

    if (log->count == log->capacity) {
        log->capacity = log->capacity ? 2 * log->capacity : 64;
        log->entries = realloc(log->entries, log->capacity * sizeof(*log->entries));
        if (!log->entries)
            abort();
    }
    entry = &log->entries[log->count++];
    memset(entry, 0, sizeof(*entry));
    entry->kind = kind;
    entry->interval_start = interval_start;
    memcpy(&entry->body, body, size);
}

static inline void sink_activity(void *context, int64_t interval_start,
                                 const struct activity *activity)
{
    sink_put(context, SINK_ACTIVITY, interval_start, activity, sizeof(*activity));
}

static inline void sink_devices(void *context, const struct device_count *count)
{
    sink_put(context, SINK_DEVICES, 0, count, sizeof(*count));
}

static inline void sink_closed(void *context, int64_t interval_start,
                               const struct coverage *coverage, uint32_t open_s)
{
    struct sink_log *log = context;

    sink_put(log, SINK_CLOSED, interval_start, coverage, sizeof(*coverage));
    log->entries[log->count - 1].open_s = open_s;
}

static inline void sink_use(void *context, int64_t interval_start, const struct local_use *use)
{
    sink_put(context, SINK_USE, interval_start, use, sizeof(*use));
}

static inline struct metering_sink sink_into(struct sink_log *log)
{
    return (struct metering_sink){log,  sink_activity, sink_devices, sink_closed,
                                  NULL, sink_use,      NULL};
}

static inline void sink_clear(struct sink_log *log)
{
    free(log->entries);
    memset(log, 0, sizeof(*log));
}

/* The I-th entry of KIND, or NULL. */
static inline const struct sink_entry *sink_at(const struct sink_log *log, enum sink_kind kind,
                                               size_t index)
{
    for (size_t i = 0; i < log->count; i++)
        if (log->entries[i].kind == kind && index-- == 0)
            return &log->entries[i];
    return NULL;
}

static inline size_t sink_count(const struct sink_log *log, enum sink_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < log->count; i++)
        count += log->entries[i].kind == kind;
    return count;
}

static inline void sink_add_coverage(struct coverage *sum, const struct coverage *part)
{
    uint64_t *to = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)part;

    for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
        to[i] += from[i];
}

/* Coverage of all intervals. */
static inline struct coverage sink_coverage(const struct sink_log *log)
{
    struct coverage sum = {0};

    for (size_t i = 0; i < log->count; i++)
        if (log->entries[i].kind == SINK_CLOSED)
            sink_add_coverage(&sum, &log->entries[i].body.coverage);
    return sum;
}

/* Sums of one direction and service over the interval that begins at START, or all when < 0. */
static inline struct activity sink_sum(const struct sink_log *log, int64_t start,
                                       uint16_t direction, uint16_t service)
{
    struct activity sum;

    memset(&sum, 0, sizeof(sum));
    sum.direction_id = direction;
    sum.service_id = service;
    for (size_t i = 0; i < log->count; i++) {
        const struct activity *part = &log->entries[i].body.activity;

        if (log->entries[i].kind != SINK_ACTIVITY || part->direction_id != direction ||
            part->service_id != service || (start >= 0 && log->entries[i].interval_start != start))
            continue;
        sum.flows += part->flows;
        sum.bytes_up += part->bytes_up;
        sum.bytes_down += part->bytes_down;
        sum.bytes_other += part->bytes_other;
        sum.requests = triple_add(sum.requests, part->requests);
        sum.tokens_in = triple_add(sum.tokens_in, part->tokens_in);
        sum.tokens_out = triple_add(sum.tokens_out, part->tokens_out);
        sum.tokens_out_variance += part->tokens_out_variance;
        sum.images = triple_add(sum.images, part->images);
        sum.uploads = triple_add(sum.uploads, part->uploads);
        sum.grade = (uint8_t)grade_worst(sum.grade, part->grade);
    }
    return sum;
}

#endif
