/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_PROMETHEUS_H
#define IAGMETER_PROMETHEUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads what a server exposes to Prometheus while it arrives: the text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/) and OpenMetrics 1.0
 * (https://prometheus.io/docs/specs/om/open_metrics_spec/). Timestamps and exemplars are read over.
 * Memory is fixed; a line that does not fit is skipped and counted. */

#define PROMETHEUS_LINE_SIZE 8192
#define PROMETHEUS_LABELS    64

struct prometheus_label {
    const char *name;
    const char *value;
};

struct prometheus_sample {
    const char *name;
    const struct prometheus_label *labels;
    size_t label_count;
    size_t size;  /* in so many bytes from its name on, all names and values stand */
    double value; /* may be infinite, or no number */
};

/* Nothing that SAMPLE points to outlives the call. */
typedef void prometheus_handler(void *context, const struct prometheus_sample *sample);

struct prometheus_counts {
    uint64_t samples;
    uint64_t malformed; /* lines that are neither a sample nor a comment */
    uint64_t overlong;  /* lines of more than PROMETHEUS_LINE_SIZE bytes */
};

struct prometheus {
    prometheus_handler *emit;
    void *context;
    struct prometheus_counts counts;
    bool ended; /* "# EOF" was read */
    bool skips; /* the rest of the line */
    size_t length;
    uint8_t line[PROMETHEUS_LINE_SIZE];
    char text[PROMETHEUS_LINE_SIZE + 1]; /* of its name and labels, each with its NUL */
};

void prometheus_start(struct prometheus *parser, prometheus_handler *emit, void *context);
void prometheus_bytes(struct prometheus *parser, const uint8_t *bytes, size_t length);
/* All has arrived; what is left of it in memory is wiped. Returns false when the last line has no
 * end: it may be cut, and is not read. */
bool prometheus_end(struct prometheus *parser);

/* The value of the label NAME; "", which means the same, when there is none. */
const char *prometheus_label(const struct prometheus_sample *sample, const char *name);

#endif
