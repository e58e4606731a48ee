/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/capture.h"

#include "collectors/capture/metering.h"
#include "collectors/capture/recognition.h"
#include "collectors/capture/source.h"
#include "collectors/inference/localmeter.h"
#include "daemon/drift.h"
#include "daemon/log.h"
#include "daemon/memorylimit.h"
#include "daemon/message.h"
#include "daemon/rules.h"
#include "daemon/sandbox.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS 1000000000LL
/* Packets between two looks at the clock and at the control socket. */
#define BATCH 4096
/* What may still wait in the kernel at the end: more than any ring holds would be a flood. */
#define LAST_BATCHES 256
/* The kernel's timer may be an eighth late (kernel/time/timer.c of Linux). */
#define LONGEST_HELD_MS (SOURCE_HELD_MS + SOURCE_HELD_MS / 8)
/* Time passes for the meter only once every packet of it has surely been delivered: the kernel
 * holds packets back for SOURCE_HELD_MS at most. */
#define DELIVERY_LAG_NS SECOND_NS
#define POLL_MS         250
#define ALIVE_NS        (5 * SECOND_NS)
/* Sums that wait while the meter is busy writing: some minutes of a large authority. */
#define OUTBOX_MESSAGES 4096
/* A file that is smaller is read sooner than a thread for it would have begun. */
#define SMALLEST_AHEAD (1 << 20)

struct capture {
    const struct capture_setup *setup;
    struct source *source;
    struct metering *metering;
    enum source_obstacle obstacle; /* to opening the interface */
    bool ahead;                    /* the source is read ahead by a thread */
    bool filtered;                 /* the kernel drops what it is told to */
    /* Rules in use when they came by message; the first ones belong to the configuration. */
    struct rules current;
    struct rules coming;
    struct drift_window drift[MAX_SERVICES][TRANSPORT_COUNT][ESTIMATOR_WAYS]; /* calibrated ones */
    struct message *outbox;
    size_t outbox_first;
    size_t outbox_count;
    bool stop;
    bool meter_gone;
    int64_t alive_ns;
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void send_control(struct capture *capture, enum message_type type)
{
    struct message message;

    message_start(&message, type);
    if (!message_send(capture->setup->control, &message))
        capture->stop = true;
}

static void say_alive(struct capture *capture)
{
    int64_t now = now_ns(CLOCK_MONOTONIC);

    if (now - capture->alive_ns < ALIVE_NS)
        return;
    capture->alive_ns = now;
    send_control(capture, MESSAGE_ALIVE);
}

/* -- Sums out --------------------------------------------------------------------------------- */

/* Sends what the meter takes at once. */
static void flush_outbox(struct capture *capture)
{
    while (capture->outbox_count > 0 && !capture->meter_gone) {
        if (!message_try_send(capture->setup->data, &capture->outbox[capture->outbox_first])) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return;
            /* The meter closed the socket: it is gone, or refused what we sent. */
            capture->meter_gone = capture->stop = true;
            return;
        }
        capture->outbox_first = (capture->outbox_first + 1) % OUTBOX_MESSAGES;
        capture->outbox_count--;
    }
}

/* Waits until the meter took all but LEFT messages. The start-up process still hears from us: this
 * is waiting, not hanging. */
static void drain_outbox(struct capture *capture, size_t left)
{
    struct pollfd descriptor = {.fd = capture->setup->data, .events = POLLOUT};

    flush_outbox(capture);
    while (capture->outbox_count > left && !capture->meter_gone) {
        poll(&descriptor, 1, POLL_MS);
        flush_outbox(capture);
        say_alive(capture);
    }
}

/* A replay can wait for the meter. A live capture must not: packets would be lost meanwhile. When
 * even the outbox is full it waits after all, and the kernel counts what that costs. */
static void post(struct capture *capture, const struct message *message)
{
    if (capture->outbox_count == OUTBOX_MESSAGES)
        drain_outbox(capture, OUTBOX_MESSAGES - 1);
    if (capture->meter_gone)
        return;
    capture->outbox[(capture->outbox_first + capture->outbox_count) % OUTBOX_MESSAGES] = *message;
    capture->outbox_count++;
    if (capture->setup->file)
        drain_outbox(capture, 0);
    else
        flush_outbox(capture);
}

static void post_activity(void *context, int64_t interval_start, const struct activity *activity)
{
    struct message message;

    message_start(&message, MESSAGE_ACTIVITY);
    message.interval_start = interval_start;
    message.body.activity = *activity;
    post(context, &message);
}

static void post_devices(void *context, const struct device_count *count)
{
    struct message message;

    message_start(&message, MESSAGE_DEVICES);
    message.body.devices = *count;
    post(context, &message);
}

static void post_use(void *context, int64_t interval_start, const struct local_use *use)
{
    struct message message;

    message_start(&message, MESSAGE_LOCAL_USE);
    message.interval_start = interval_start;
    message.body.use = *use;
    post(context, &message);
}

static void post_closed(void *context, int64_t interval_start, const struct coverage *coverage,
                        uint32_t open_s)
{
    struct message message;

    message_start(&message, MESSAGE_CLOSED);
    message.number = open_s;
    message.interval_start = interval_start;
    message.body.coverage = *coverage;
    post(context, &message);
}

static void log_drift(const struct service *service, enum service_transport transport,
                      const char *way, bool drifted)
{
    log_line(drifted ? LOG_PRIORITY_WARNING : LOG_PRIORITY_INFO,
             "service %s, %s%s%s: its answers %s the shape that its calibration saw%s", service->id,
             service_transport_name(transport), way ? ", as " : "", way ? way : "",
             drifted ? "no longer have" : "have again", drifted ? ": calibrate it anew" : "");
}

/* The log hears of it when it begins and when it ends, the meter after each window. */
static void add_to_window(struct capture *capture, uint16_t service,
                          const struct service_calibrated *calibrated, size_t way,
                          const struct exchange_shape *shape)
{
    const struct catalogue *catalogue =
        capture->current.catalogue ? capture->current.catalogue : capture->setup->config->catalogue;
    struct drift_window *window = &capture->drift[service][calibrated->transport][way];
    bool before = window->drifted;
    struct message message;

    if (!drift_add(window, calibrated, way, shape))
        return;
    if (window->drifted != before)
        log_drift(catalogue_service(catalogue, service),
                  (enum service_transport)calibrated->transport,
                  way == ESTIMATOR_NO_WAY ? NULL : calibrated->estimator.regimes[way].name,
                  window->drifted);
    message_start(&message, MESSAGE_DRIFT);
    message.number = service;
    message.body.drift.transport = calibrated->transport;
    message.body.drift.way = (uint8_t)way;
    message.body.drift.drifted = window->drifted;
    post(capture, &message);
}

static void take_exchange(void *context, uint16_t service, enum service_transport transport,
                          const struct exchange_shape *shape)
{
    struct capture *capture = context;
    const struct catalogue *catalogue =
        capture->current.catalogue ? capture->current.catalogue : capture->setup->config->catalogue;
    const struct service_calibrated *calibrated =
        catalogue_calibrated(catalogue, service, transport);

    for (size_t way = 0; calibrated && way < ESTIMATOR_WAYS; way++)
        if (calibrated->ways[way].record_bytes > 0)
            add_to_window(capture, service, calibrated, way, shape);
}

/* -- Control ---------------------------------------------------------------------------------- */

/* Only the servers' ports: others are looked at by inspection alone. */
static bool set_local(struct capture *capture, const struct inference_config *inference,
                      const struct catalogue *catalogue, const struct directions *directions)
{
    const struct inference_rules rules = inferenceconfig_rules(inference, directions);
    uint16_t ports[INFERENCE_MAX_PORTS];
    const struct localmeter_setup setup = {
        .rules = &rules,
        .catalogue = catalogue,
        .ports = ports,
        .port_count = inference->server_count,
        .max_connections = capture->setup->config->inference.max_connections,
    };

    for (unsigned i = 0; i < inference->server_count; i++)
        ports[i] = inference->servers[i].port;
    return metering_set_local(capture->metering, inference->server_count > 0 ? &setup : NULL);
}

static void use_rules(struct capture *capture)
{
    const struct rules *coming = &capture->coming;

    metering_set_rules(capture->metering, coming->catalogue, coming->directions);
    if (!set_local(capture, coming->inference, coming->catalogue, coming->directions))
        log_line(LOG_PRIORITY_ERROR,
                 "not enough memory to meter the servers of the new configuration");
    memset(capture->drift, 0, sizeof(capture->drift));
    rules_clear(&capture->current);
    capture->current = capture->coming;
    memset(&capture->coming, 0, sizeof(capture->coming));
}

static void take_rules(struct capture *capture, const struct message *message)
{
    switch (rules_take(&capture->coming, message)) {
    case RULES_MORE:
        return;
    case RULES_FAILED:
        log_line(LOG_PRIORITY_ERROR, "new rules could not be used: the old ones stay");
        return;
    case RULES_COMPLETE:
        use_rules(capture);
        return;
    }
}

static void read_control(struct capture *capture)
{
    struct message message;

    while (!capture->stop) {
        switch (
            message_receive(capture->setup->control, SENDER_SUPERVISOR, false, &message, NULL)) {
        case MESSAGE_NONE_YET:
            return;
        case MESSAGE_RECEIVED:
            if (message.type == MESSAGE_STOP)
                capture->stop = true;
            else
                take_rules(capture, &message);
            break;
        default: /* the start-up process is gone: end as if it had asked */
            capture->stop = true;
        }
    }
}

/* -- Packets in ------------------------------------------------------------------------------- */

static void take_packets(void *context, const struct captured_frame *frames, size_t count)
{
    struct capture *capture = context;

    metering_frames(capture->metering, frames, count);
}

/* For all workers. */
static void tell_warning(const struct capture *capture)
{
    char warning[1024];

    if (capture->setup->worker == 0 && source_warning(capture->source, warning, sizeof(warning)))
        log_line(LOG_PRIORITY_WARNING, "%s", warning);
}

/* A pipe may say nothing for long, and nobody who waits in read(2) can be told to stop. Files are
 * always ready (poll(2)). */
static void await_files(struct capture *capture)
{
    unsigned count;
    const int *files = source_file_descriptors(capture->source, &count);

    for (unsigned i = 0; i < count && !capture->stop; i++) {
        struct pollfd descriptors[] = {{.fd = files[i], .events = POLLIN},
                                       {.fd = capture->setup->control, .events = POLLIN}};

        while (descriptors[0].revents == 0 && !capture->stop) {
            poll(descriptors, 2, POLL_MS);
            read_control(capture);
            say_alive(capture);
        }
    }
}

static int run_file(struct capture *capture)
{
    enum source_status status = SOURCE_OK;
    char error[512];

    if (capture->setup->workers == 1) /* of several, one may have read what all wait for */
        await_files(capture);
    while (status == SOURCE_OK && !capture->stop) {
        status = capture->ahead ? source_meter(capture->source, capture->metering)
                                : source_read(capture->source, BATCH, take_packets, capture);
        read_control(capture);
        say_alive(capture);
    }
    metering_finish(capture->metering);
    if (status != SOURCE_OK)
        tell_warning(capture);
    /* SOURCE_OK: asked to stop. */
    if (status == SOURCE_OK || (status == SOURCE_END && source_packets(capture->source) > 0))
        return EXIT_SUCCESS;
    if (status == SOURCE_BROKEN)
        snprintf(error, sizeof(error), "%s", source_error(capture->source));
    else
        snprintf(error, sizeof(error), "%s: the capture holds no packet", capture->setup->file);
    if (capture->setup->worker == 0) /* for all */
        log_line(LOG_PRIORITY_ERROR, "%s", error);
    return EXIT_TROUBLE;
}

static void wait_for_packets(struct capture *capture)
{
    struct pollfd descriptors[] = {
        {.fd = source_descriptor(capture->source), .events = POLLIN},
        {.fd = capture->setup->control, .events = POLLIN},
    };

    poll(descriptors, 2, POLL_MS);
}

/* Takes up to a batch of packets. Returns whether there may be more at once. */
static bool take_batch(struct capture *capture, enum source_status *status)
{
    uint64_t before = source_packets(capture->source);

    *status = source_read(capture->source, BATCH, take_packets, capture);
    return *status == SOURCE_OK && source_packets(capture->source) - before >= BATCH;
}

/* Time passes once every packet of it was taken: not while the kernel still holds a backlog. */
static enum source_status work(struct capture *capture)
{
    int64_t delivered_ns = now_ns(CLOCK_REALTIME) - DELIVERY_LAG_NS;
    enum source_status status;
    bool more = take_batch(capture, &status);

    metering_dropped(capture->metering, source_take_dropped(capture->source));
    if (capture->filtered)
        metering_take_filtered(capture->metering);
    if (!more && status == SOURCE_OK)
        metering_advance(capture->metering, delivered_ns);
    flush_outbox(capture);
    say_alive(capture);
    return status;
}

/* What waits in the kernel when the end comes, and what it holds back, too. */
static enum source_status take_last(struct capture *capture)
{
    struct pollfd held = {.fd = source_descriptor(capture->source), .events = POLLIN};
    enum source_status status = SOURCE_OK;
    int batches = 0;

    while (batches < LAST_BATCHES && take_batch(capture, &status))
        batches++;
    if (status == SOURCE_OK)
        poll(&held, 1, LONGEST_HELD_MS);
    while (batches < LAST_BATCHES && status == SOURCE_OK && take_batch(capture, &status))
        batches++;
    return status;
}

static int run_interface(struct capture *capture)
{
    enum source_status status = SOURCE_OK;

    metering_advance(capture->metering, now_ns(CLOCK_REALTIME) - DELIVERY_LAG_NS);
    while (!capture->stop && status == SOURCE_OK) {
        wait_for_packets(capture);
        read_control(capture);
        status = work(capture);
    }
    if (status == SOURCE_OK)
        status = take_last(capture);
    if (capture->filtered)
        metering_take_filtered(capture->metering);
    metering_finish(capture->metering);
    if (status == SOURCE_OK)
        return EXIT_SUCCESS;
    log_line(LOG_PRIORITY_ERROR, "%s", source_error(capture->source));
    return EXIT_TROUBLE;
}

/* -- Life ------------------------------------------------------------------------------------- */

static void tell_buffer(const struct capture *capture)
{
    const struct interface_config *interface = capture->setup->interface;
    size_t bytes = source_buffer_bytes(capture->source);

    if (bytes > 0 && bytes >> 20 < interface->buffer_mib)
        log_line(LOG_PRIORITY_WARNING,
                 "interface %s: the kernel has memory for a buffer of %zu MiB, not of %u",
                 interface->name, bytes >> 20, interface->buffer_mib);
}

/* Of several workers one tells for all that the interface is not there, or that rights are missing.
 */
static bool is_known(const struct capture *capture)
{
    const struct capture_setup *setup = capture->setup;

    return (setup->again && setup->again_absent == (capture->obstacle == SOURCE_ABSENT)) ||
           (capture->obstacle != SOURCE_OTHERWISE && setup->worker > 0);
}

static bool open_source(struct capture *capture)
{
    const struct capture_setup *setup = capture->setup;
    char error[512];

    if (setup->shared) {
        capture->source = setup->shared;
        source_join(capture->source, setup->worker);
    } else if (setup->file)
        capture->source = source_open_files(setup->files, setup->file_count, error, sizeof(error));
    else
        capture->source = source_open_interface(setup->interface, setup->fanout_group,
                                                &capture->obstacle, error, sizeof(error));
    if (!capture->source && !is_known(capture))
        log_line(LOG_PRIORITY_ERROR, "%s", error);
    if (capture->source)
        tell_buffer(capture);
    return capture->source != NULL;
}

/* What the kernel cannot drop is looked at, as without. */
static void use_filter(struct capture *capture)
{
    char error[256];

    if (!capture->setup->filter)
        return;
    capture->filtered =
        source_filter(capture->source, capture->setup->filter, error, sizeof(error));
    if (capture->filtered)
        metering_set_filter(capture->metering, capture->setup->filter);
    else
        log_line(LOG_PRIORITY_INFO, "no kernel filter for %s: %s", capture->setup->interface->name,
                 error);
}

static bool take_memory(struct capture *capture)
{
    const struct config *config = capture->setup->config;
    struct metering_sink sink = {capture, post_activity, post_devices, post_closed,
                                 NULL,    post_use,      NULL};

    capture->outbox = calloc(OUTBOX_MESSAGES, sizeof(*capture->outbox));
    capture->metering = metering_new_worker(&config->limits, config->catalogue, config->directions,
                                            &sink, capture->setup->memory);
    if (capture->outbox && capture->metering &&
        set_local(capture, &config->inference, config->catalogue, config->directions)) {
        metering_set_trust(capture->metering, &config->trust);
        metering_observe(capture->metering, take_exchange, capture);
        use_filter(capture);
        if (capture->setup->shared)
            metering_take_shard(capture->metering, capture->setup->worker, capture->setup->workers);
        return true;
    }
    return false;
}

static void free_memory(struct capture *capture)
{
    metering_free(capture->metering);
    free(capture->outbox);
}

/* A thread has the capabilities of the one that made it, and is then held by the same sandbox. */
static void read_ahead(struct capture *capture)
{
    if (capture->setup->file && capture->setup->ahead &&
        source_file_size(capture->source) >= SMALLEST_AHEAD)
        capture->ahead = source_read_ahead(capture->source, capture->metering);
}

static bool enter_sandbox(struct capture *capture)
{
    const struct capture_setup *setup = capture->setup;
    char error[256];

    if (sandbox_drop_capabilities(error, sizeof(error))) {
        read_ahead(capture);
        if (sandbox_capture(setup->control, setup->data, error, sizeof(error)))
            return true;
    }
    if (!is_known(capture))
        log_line(LOG_PRIORITY_ERROR, "%s", error);
    return false;
}

int capture_run(const struct capture_setup *setup)
{
    struct capture capture = {.setup = setup};
    int status = EXIT_TROUBLE;

    if (!open_source(&capture)) {
        status = capture.obstacle == SOURCE_ABSENT ? EXIT_ABSENT : EXIT_TROUBLE;
        goto out;
    }
    if (!take_memory(&capture)) {
        if (!is_known(&capture))
            log_line(LOG_PRIORITY_ERROR, "not enough memory for the limits of the configuration");
        goto out;
    }
    if (!enter_sandbox(&capture))
        goto out;
    send_control(&capture, MESSAGE_READY);
    status = setup->file ? run_file(&capture) : run_interface(&capture);
    drain_outbox(&capture, 0);
    if (capture.meter_gone)
        status = EXIT_TROUBLE;
out:
    source_close(capture.source);
    rules_clear(&capture.current);
    rules_clear(&capture.coming);
    free_memory(&capture);
    return status;
}

/* -- Before it begins -------------------------------------------------------------------------- */

/* But for what free(3) keeps for later. */
static uint64_t in_use(void)
{
    return memorylimit_taken("") - mallinfo2().fordblks;
}

/* Of a process with MEMORY of all workers, or its own. */
static uint64_t measure(const struct config *config, struct recognition_memory *memory)
{
    const struct capture_setup setup = {.config = config, .memory = memory};
    struct capture capture = {.setup = &setup};
    uint64_t before = in_use();
    uint64_t taken = take_memory(&capture) ? in_use() - before : 0;

    free_memory(&capture);
    return taken;
}

struct capture_needs capture_needs(const struct config *config)
{
    struct recognition_memory *memory = recognition_memory_new(&config->limits);
    unsigned count = config_captures(config);
    struct capture_needs needs = {.one = measure(config, NULL)};
    uint64_t worker = memory && needs.one > 0 ? measure(config, memory) : 0;

    recognition_memory_free(memory);
    if (worker == 0)
        return (struct capture_needs){0, 0};
    /* The first one of an interface brings the memory of all its workers. */
    needs.all = count == 0 ? needs.one : config->interface_count * needs.one;
    if (count > 0)
        needs.all += (count - config->interface_count) * worker;
    return needs;
}
