/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_METERING_H
#define IAGMETER_METERING_H

#include "collectors/capture/decode.h"
#include "collectors/capture/frame.h"
#include "collectors/collector.h"
#include "daemon/catalogue.h"
#include "daemon/config.h"
#include "daemon/directions.h"

#include <stdint.h>

/* The metering process of a gateway (the term of RFC 7011): packets in, activity per interval out.
 *
 * Time is that of the packets. metering_advance() says that time passes without any; between
 * packets it changes nothing but the moment at which sums are handed over, so that a capture gives
 * the same sums live and replayed.
 *
 * Life cycle: metering_new(), any number of metering_frames() and metering_advance(),
 * metering_finish(), metering_free(). */

struct wire_exchange;

/* What `iagmeter inspect` shows of a flow. Never leaves the process that parsed the packets. */
struct flow_record {
    int64_t first_ns;
    const char *transport;
    const char *name; /* "" when there is none */
    const char *ech;  /* "no", "grease" (or unknown), "yes" */
    uint16_t service; /* SERVICE_NONE */
    uint8_t role;
    uint16_t direction;
    uint64_t bytes_up;
    uint64_t bytes_down;
    struct triple requests;
    struct triple tokens_in;
    struct triple tokens_out;
    double tokens_out_variance; /* tokens^2, as of an estimate */
    struct triple images;       /* ACTIVITY_UNITS */
    struct triple audio_s;
    struct triple uploads;
    struct address client;
    struct address server;
    uint16_t client_port;
    uint16_t server_port;
};

/* Where results go. For an interval: any number of activity(), devices() and local_use(), then
 * closed(). */
struct metering_sink {
    void *context;
    void (*activity)(void *context, int64_t interval_start, const struct activity *activity);
    void (*devices)(void *context, const struct device_count *count);
    /* OPEN_S: for how long, at the end of the interval, the oldest exchange with a server of our
     * own had been open: it may yet bring use of all that time. */
    void (*closed)(void *context, int64_t interval_start, const struct coverage *coverage,
                   uint32_t open_s);
    /* NULL except for inspection: asks that names and addresses be kept until the flow ends. */
    void (*flow)(void *context, const struct flow_record *record);
    /* Of an interval that may be over. */
    void (*local_use)(void *context, int64_t interval_start, const struct local_use *use);
    /* NULL except for inspection: every exchange with a server of our own. */
    void (*exchange)(void *context, const struct wire_exchange *exchange);
};

/* One that ignores everything, to be given what it shall not ignore: where only flows or exchanges
 * are looked at, and nothing is recorded. */
struct metering_sink metering_ignore(void *context);

/* Capture on several queues or interfaces may hand over packets slightly out of order. Anything
 * further back means that the clock was set. */
#define METERING_REORDER_NS INT64_C(1000000000)
/* No gateway is silent for so long: the capture was not running, or the machine slept. A live
 * daemon advances the time every second, so this concerns replayed files and stepped clocks. */
#define METERING_SILENCE_NS INT64_C(300000000000)

/* Whether a packet of TIME_NS makes the clock, which is at NOW_NS, jump there. Otherwise time
 * reaches the packet's, or has already. */
static inline bool metering_jumps(int64_t now_ns, int64_t time_ns)
{
    int64_t ahead_ns = time_ns - now_ns;

    return ahead_ns < -METERING_REORDER_NS || ahead_ns > METERING_SILENCE_NS;
}

struct metering;

/* All memory is taken here. The rules must outlive the metering, or be replaced. NULL when memory
 * or randomness is missing. */
struct metering *metering_new(const struct limits *limits, const struct catalogue *catalogue,
                              const struct directions *directions,
                              const struct metering_sink *sink);

/* The same, for one of several processes that share an interface: MEMORY, which outlives it, is
 * theirs in common (recognition.h). */
struct recognition_memory;
struct metering *metering_new_worker(const struct limits *limits, const struct catalogue *catalogue,
                                     const struct directions *directions,
                                     const struct metering_sink *sink,
                                     struct recognition_memory *memory);
/* Before any frame: this is the worker for packets of shard SHARD of COUNT (shard.h), where it
 * matters: all workers are given all fragments, and all frames of several packets. */
void metering_take_shard(struct metering *metering, unsigned shard, unsigned count);
/* Before any frame: whom to believe; until then, every tunnel. */
void metering_set_trust(struct metering *metering, const struct trust_policy *policy);
/* Before any frame, where the sink has flow(): ESTIMATED is told of each exchange that was
 * estimated, when it is over. RECORD is that of its flow, but with the time at which the answer
 * began, and bytes of the exchange's records (without their headers), requests, tokens and units of
 * this exchange alone. CONTEXT is the sink's. */
typedef void metering_estimated(void *context, const struct flow_record *record);
void metering_show_exchanges(struct metering *metering, metering_estimated *estimated);
void metering_free(struct metering *metering);

/* Before any frame: calls FOUND for each exchange that ended. For calibration: it tells no address.
 */
typedef void metering_observer(void *context, uint16_t service, enum service_transport transport,
                               const struct exchange_shape *shape);
void metering_observe(struct metering *metering, metering_observer *found, void *context);

/* New rules, with the same numbers for what both know. Flows that were judged keep their judgement.
 */
void metering_set_rules(struct metering *metering, const struct catalogue *catalogue,
                        const struct directions *directions);

/* Servers of our own: what is asked of them in clear is metered apart, and the packets of their
 * ports are nothing else's. SETUP (localmeter.h) is as for rules, and goes with those of the last
 * metering_set_rules(), after which it must be given anew; NULL: there are none. Returns false when
 * memory or randomness is missing; then there are none either. */
struct localmeter_setup;
bool metering_set_local(struct metering *metering, const struct localmeter_setup *setup);

/* Before any frame, of an interface: FILTER, which outlives the metering, is told which connections
 * need not be seen any more, and is asked about them by metering_take_filtered(): how many packets
 * it dropped, and which connections are still alive. To be called every second or so. */
struct kernelfilter;
void metering_set_filter(struct metering *metering, struct kernelfilter *filter);
void metering_take_filtered(struct metering *metering);

/* Frames in the order of their capture. Many at a time are faster, and give the same. */
void metering_frames(struct metering *metering, const struct captured_frame *frames, size_t count);

/* The same in two steps, of which the first may be another thread's, for other frames, while the
 * second goes on: what a packet is, and by what it will be looked up; and what that means. The
 * bytes of the frames must stay until the end of the second. */
struct prepared {
    enum decode_result result;
    uint32_t length; /* of the frame, on the wire */
    int64_t time_ns;
    struct packet packet;
    uint64_t key;         /* of the flow */
    uint64_t fingerprint; /* of the packet */
    size_t slot;          /* where the flow most likely is */
    uint8_t side;         /* which endpoint sent it, in an order of our own */
    bool overheard;
};
void metering_prepare(const struct metering *metering, const struct captured_frame *frames,
                      size_t count, struct prepared *prepared);
void metering_take(struct metering *metering, struct prepared *prepared, size_t count);

/* One of them. */
static inline void metering_packet(struct metering *metering, int64_t time_ns, int link_type,
                                   const uint8_t *bytes, uint32_t captured, uint32_t length)
{
    const struct captured_frame frame = {time_ns, bytes, captured, length, link_type, false};

    metering_frames(metering, &frame, 1);
}

/* It is at least NOW_NS, and every earlier packet has been given. */
void metering_advance(struct metering *metering, int64_t now_ns);

/* PACKETS more were lost before they reached us. */
void metering_dropped(struct metering *metering, uint64_t packets);

/* The observation ends: open exchanges end here, and the running interval is handed over. */
void metering_finish(struct metering *metering);

/* Totals since the start, for tests of conservation: payload bytes of all packets that belong to
 * flows, each sequence number of TCP once, and the same summed over the flows that are or were in
 * the table. */
uint64_t metering_payload_bytes(const struct metering *metering);
uint64_t metering_flow_bytes(const struct metering *metering);

#endif
