/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_COLLECTOR_H
#define IAGMETER_COLLECTOR_H

#include "daemon/triple.h"

#include <stdint.h>

/* What every collector ends in: sums over one interval. Nothing in these structures can hold an
 * address, a host name or a byte of payload; they are all that leaves a collector's process. */

/* How well a figure is founded (the method page). A is best; a sum takes the worst of its parts. */
enum evidence_grade {
    GRADE_NONE, /* nothing was estimated */
    GRADE_A,    /* wire captures with exact truth */
    GRADE_B,    /* recorded streams with the provider's own counts */
    GRADE_C,    /* wire captures, approximate truth */
    GRADE_D,    /* format known, no captures */
    GRADE_E     /* expert guess */
};

/* 'A' to 'E', or '-' for GRADE_NONE. */
static inline char grade_letter(enum evidence_grade grade)
{
    return "-ABCDE"[grade];
}

static inline enum evidence_grade grade_worst(enum evidence_grade a, enum evidence_grade b)
{
    return a > b ? a : b;
}

/* Use of one service by one direction during one interval. Bytes are transport payload, each
 * sequence number counted once; flows and bytes belong to the interval in which they were seen,
 * requests and tokens to the one in which the exchange ended. */
struct activity {
    uint16_t direction_id;
    uint16_t service_id;
    uint8_t grade; /* enum evidence_grade, of the token estimate */
    uint32_t flows;
    uint64_t bytes_up;    /* client to server, flows of role inference */
    uint64_t bytes_down;  /* server to client, flows of role inference */
    uint64_t bytes_other; /* both ways, assets, telemetry and login: never counted as use */
    struct triple requests;
    struct triple tokens_in;
    struct triple tokens_out; /* visible output tokens */
};

/* Distinct client devices seen on one service from one direction since midnight UTC, or since the
 * collector started. Only the number leaves the collector: see the report's threshold k. */
struct device_count {
    uint16_t direction_id;
    uint16_t service_id;
    int32_t day; /* days since 1970-01-01 UTC */
    uint32_t devices;
};

/* What was and was not seen during one interval. All members add up. */
struct coverage {
    uint64_t covered_ns;          /* time during which the collector was observing */
    uint64_t packets;             /* delivered by the kernel or read from the file */
    uint64_t bytes;               /* on the wire, of those packets */
    uint64_t packets_dropped;     /* lost before they reached us, as the kernel counts them */
    uint64_t packets_undecodable; /* truncated, corrupt, or of a kind that is not decoded */
    uint64_t packets_other;       /* well formed, but not TCP over IP: UDP too */
    uint64_t flows;               /* connections that began */
    uint64_t flows_evicted;   /* forgotten early, or packets refused, as the flow table was full */
    uint64_t flows_untracked; /* of a known service, but no full state was free */
    uint64_t names_seen;      /* TLS connections whose server name was read */
    uint64_t names_encrypted; /* TLS connections whose outer name hides the real one (ECH) */
    uint64_t names_missing;   /* TLS connections without a readable server name */
    uint64_t bytes_lost;      /* payload bytes that the capture never showed */
    uint64_t clock_steps;     /* times the clock went backwards */
};

#endif
