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
 * requests and tokens to the one in which the exchange ended; of servers of our own, all do. */
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
    /* Tokens^2: by how much single exchanges scatter around that band, at random; the sum of their
     * squared standard deviations. It adds up as it is, so that only this part of the error shrinks
     * as exchanges become many. 0 where tokens are counted. */
    double tokens_out_variance;
    /* What is no text, each in a unit of its own (ACTIVITY_UNITS). */
    struct triple images;  /* that answers brought */
    struct triple audio_s; /* seconds of sound that answers brought */
    struct triple uploads; /* requests that carried a file */
    /* Of services on a host of our own, filled in by the meter: never sent by a capture process. */
    double energy_j; /* IT energy, measured at the host */
    double host_s;   /* time for which the host was there: its manufacture is spread over it */
};

/* Every unit of what is no text. */
#define ACTIVITY_UNITS(X) X(images) X(audio_s) X(uploads)

/* Exchanges with a server of our own, each spread evenly over the time that it took: what the
 * host's energy is shared by. Sums of what fell into one interval, which may be over long since. */
struct local_use {
    uint16_t direction_id;
    uint16_t service_id;
    double requests;
    double tokens_in; /* those from the cache included */
    double tokens_cached;
    double tokens_out; /* reasoning included */
};

/* What a server counted itself during one interval. */
struct server_use {
    uint16_t direction_id; /* of its team label; DIRECTION_UNASSIGNED: of no known one */
    uint16_t service_id;
    uint64_t requests;
    uint64_t tokens_in; /* those from the cache included */
    uint64_t tokens_cached;
    uint64_t tokens_out;
};

#define POWER_NAME_SIZE   64
#define MAX_POWER_DEVICES 64

/* The total of a host is the sum of its GPUs and of what is not in them; sources are what that
 * rests on, for comparison, and never added. */
enum power_device_kind { POWER_DEVICE_GPU, POWER_DEVICE_HOST, POWER_DEVICE_SOURCE };

struct power_device {
    char name[POWER_NAME_SIZE]; /* "gpu0", "host"; of a source "rapl/package-0" */
    uint8_t kind;               /* enum power_device_kind */
};

/* What a source of power, or a channel of it, is, and how it fares: for `iagmeter status`. */
struct power_source_state {
    char name[POWER_NAME_SIZE]; /* "rapl", "rapl/package-0" */
    char covers[96];            /* what its readings are */
    char problem[200];          /* one sentence; "": it can be read */
    uint8_t counted;            /* 1: it is part of what the devices draw; 0: for comparison */
    /* Since it was told last: seconds for which it did not answer, by minutes while it is away, and
     * how often it began to count anew. Of inference servers only: energy says it of a power
     * source. */
    uint32_t missed_s;
    uint32_t restarts;
};

/* What a measured energy rests on, and what is wrong with it. */
enum energy_flag {
    ENERGY_WALL = 1,        /* a meter of the whole machine */
    ENERGY_REST = 2,        /* a calibrated power stands for what no counter covers */
    ENERGY_INTEGRATED = 4,  /* samples of power, not a counter of energy */
    ENERGY_LOWER_BOUND = 8, /* a counter began anew: what was between is missing */
    ENERGY_AMBIGUOUS = 16,  /* read so late that the counter may have wrapped unseen */
    /* Of the host: the GPUs drew more than the meter of the whole says, then or ever after, and
     * that is counted above it. */
    ENERGY_EXCEEDED = 32,
    /* Of a source: with the others that have it, it is the sum of the parts, to set beside a source
     * with ENERGY_WALL. */
    ENERGY_PART = 64,
    /* Of the host: the meter of the whole tells late, so that what it lacks beside the GPUs is
     * carried into later intervals (energy.carried_j). */
    ENERGY_CARRIED = 128,
    ENERGY_FLAGS = 255
};

/* What one device drew during one interval. */
struct device_energy {
    uint16_t device_id; /* the number it was named with */
    uint8_t flags;      /* enum energy_flag */
    uint64_t covered_ns;
    double energy_j;
    /* Of the host, below 0 or above: of its energy, what is not of this interval by the meter of
     * the whole less the GPUs, but was carried from or to others (reconcile.h). */
    double carried_j;
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
    uint64_t packets;             /* delivered by the kernel or read from the file; each one of a
                                   * frame of several (IEEE 802.11) */
    uint64_t bytes;               /* on the wire, of those packets */
    uint64_t packets_dropped;     /* lost before they reached us, as the kernel counts them */
    uint64_t packets_undecodable; /* the sum of the three that follow */
    uint64_t packets_truncated;   /* the snap length cut a header */
    uint64_t packets_corrupt;     /* a header contradicts itself */
    uint64_t packets_fragmented;  /* pieces of packets that were not put together */
    uint64_t packets_other;       /* well formed, but of a kind that is not followed */
    uint64_t packets_duplicate;   /* copies, as mirror ports make them: counted once */
    uint64_t packets_filtered;    /* that tell of no use: counted in the kernel, not looked at */
    uint64_t flows;               /* TCP connections that began, and QUIC connections */
    uint64_t flows_evicted;   /* forgotten early, or packets refused, as the flow table was full */
    uint64_t flows_untracked; /* of a known service, but no full state was free */
    uint64_t flows_one_way;   /* of TLS and QUIC, but only one of the two ways was captured */
    uint64_t
        flows_resolver;    /* to DNS resolvers over TLS, HTTPS or QUIC: their answers are hidden */
    uint64_t names_seen;   /* TLS and QUIC connections whose server name was read */
    uint64_t names_quic;   /* those of them that are QUIC */
    uint64_t names_hinted; /* connections whose service only a DNS answer told */
    uint64_t names_encrypted; /* the outer name hides the real one (ECH), and no hint told it */
    uint64_t names_missing;   /* TLS and QUIC connections without a readable name or a hint */
    uint64_t dns_answers;     /* answers of DNS in clear that were read */
    uint64_t dns_unasked;     /* those of them whose question was not seen */
    uint64_t hints_displaced; /* what answers had told, forgotten early as their table was full */
    uint64_t bytes_lost;      /* payload bytes that the capture never showed */
    uint64_t clock_steps;     /* times the clock went backwards */
    /* Of servers of our own that are metered in clear: */
    uint64_t local_exchanges;  /* inference that was served */
    uint64_t local_unassigned; /* of those: a header or key that the configuration lacks */
    uint64_t
        local_unstated; /* of those: the server did not say all tokens, so they are estimated */
    uint64_t local_elsewhere; /* of those: computed by another, and there is no service for that */
    uint64_t local_unread;    /* of those: compressed in a way that is not read */
    uint64_t local_lost;      /* exchanges whose end the capture does not tell */
    uint64_t local_refused;   /* connections that two programs could read differently, or that are
                               * not HTTP/1 */
    uint64_t local_evicted;   /* connections forgotten early, as their table was full */
};

/* Every member, so that whoever stores, sums or shows them cannot forget one. */
/* clang-format off */
#define COVERAGE_COUNTERS(X) \
    X(covered_ns) X(packets) X(bytes) X(packets_dropped) X(packets_undecodable) \
    X(packets_truncated) X(packets_corrupt) X(packets_fragmented) X(packets_other) \
    X(packets_duplicate) X(packets_filtered) X(flows) X(flows_evicted) X(flows_untracked) X(flows_one_way) \
    X(flows_resolver) X(names_seen) X(names_quic) X(names_hinted) X(names_encrypted) \
    X(names_missing) X(dns_answers) X(dns_unasked) X(hints_displaced) X(bytes_lost) X(clock_steps) \
    X(local_exchanges) X(local_unassigned) X(local_unstated) X(local_elsewhere) X(local_unread) X(local_lost) \
    X(local_refused) X(local_evicted)
/* clang-format on */

static inline void coverage_add(struct coverage *sum, const struct coverage *coverage)
{
#define ADD_MEMBER(name) sum->name += coverage->name;
    COVERAGE_COUNTERS(ADD_MEMBER)
#undef ADD_MEMBER
}

#endif
