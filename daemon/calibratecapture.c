/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calibratecapture.h"

#include "collectors/capture/decode.h"
#include "collectors/capture/metering.h"
#include "collectors/capture/source.h"
#include "daemon/capture.h"
#include "daemon/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH     4096
#define SECOND_NS INT64_C(1000000000)
#define POLL_MS   250

struct calibratecapture {
    pid_t process;
    int control;
    int data;
    bool refused; /* what it sent */
};

/* -- The process that sees packets ------------------------------------------------------------- */

struct watcher {
    const struct calibratecapture_setup *setup;
    struct source *source;
    struct metering *metering;
    struct address client; /* family 0: all are of interest */
    int control;
    int data;
    bool stop;
};

static void post_exchange(void *context, uint16_t service, enum service_transport transport,
                          const struct exchange_shape *shape)
{
    struct watcher *watcher = context;
    struct message message;

    message_start(&message, MESSAGE_EXCHANGE);
    message.number = service;
    message.body.exchange.transport = (uint8_t)transport;
    message.body.exchange.shape = *shape;
    watcher->stop |= !message_send(watcher->data, &message);
}

static bool same_address(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == 4 ? 4 : 16) == 0;
}

static bool is_clients(const struct watcher *watcher, const struct captured_frame *frame)
{
    struct packet packet;

    if (watcher->client.family == 0)
        return true;
    switch (decode_trusted(&watcher->setup->config->trust, frame->link_type, frame->bytes,
                           frame->captured, frame->length, &packet)) {
    case DECODE_TCP:
    case DECODE_UDP:
    case DECODE_FRAGMENT:
        return same_address(&packet.source, &watcher->client) ||
               same_address(&packet.destination, &watcher->client);
    default:
        return false;
    }
}

static void take_packets(void *context, const struct captured_frame *frames, size_t count)
{
    struct watcher *watcher = context;

    for (size_t i = 0; i < count; i++)
        if (is_clients(watcher, &frames[i]))
            metering_frames(watcher->metering, &frames[i], 1);
}

static void read_control(struct watcher *watcher)
{
    struct message message;

    watcher->stop |= message_receive(watcher->control, SENDER_SUPERVISOR, false, &message, NULL) !=
                     MESSAGE_NONE_YET;
}

static enum source_status watch(struct watcher *watcher)
{
    struct pollfd descriptors[] = {
        {.fd = source_descriptor(watcher->source), .events = POLLIN},
        {.fd = watcher->control, .events = POLLIN},
    };
    enum source_status status = SOURCE_OK;
    struct timespec now;
    uint64_t dropped;

    while (status == SOURCE_OK && !watcher->stop) {
        poll(descriptors, 2, POLL_MS);
        read_control(watcher);
        status = source_read(watcher->source, BATCH, take_packets, watcher);
        clock_gettime(CLOCK_REALTIME, &now);
        metering_advance(watcher->metering, (now.tv_sec - 1) * SECOND_NS + now.tv_nsec);
    }
    dropped = source_take_dropped(watcher->source);
    if (dropped > 0)
        fprintf(stderr, "%llu packets were lost: answers may lack a part of their bytes\n",
                (unsigned long long)dropped);
    return status == SOURCE_OK ? SOURCE_END : status;
}

static enum source_status read_file(struct watcher *watcher)
{
    enum source_status status = SOURCE_OK;

    while (status == SOURCE_OK && !watcher->stop)
        status = source_read(watcher->source, BATCH, take_packets, watcher);
    return status;
}

/* Of an interface, the kernel leaves out the packets of others. */
static bool open_source(struct watcher *watcher, char *error, size_t error_size)
{
    const struct calibratecapture_setup *setup = watcher->setup;
    struct interface_config interface = {
        .promiscuous = true, .snap_length = 65535, .buffer_mib = 32, .workers = 1};

    if (!setup->interface) {
        watcher->source = source_open_file(setup->capture, error, error_size);
        return watcher->source != NULL;
    }
    snprintf(interface.name, sizeof(interface.name), "%s", setup->interface);
    /* With tags too. Made of the address alone, which was parsed. */
    snprintf(interface.filter, sizeof(interface.filter), "host %s or (vlan and host %s)",
             setup->client, setup->client);
    watcher->source = source_open_interface(&interface, 0, NULL, error, error_size);
    return watcher->source != NULL;
}

static void parse_client(struct watcher *watcher)
{
    const char *client = watcher->setup->client;

    if (client && inet_pton(AF_INET, client, watcher->client.bytes) == 1)
        watcher->client.family = 4;
    else if (client && inet_pton(AF_INET6, client, watcher->client.bytes) == 1)
        watcher->client.family = 6;
}

static bool take_memory(struct watcher *watcher, char *error, size_t error_size)
{
    const struct config *config = watcher->setup->config;
    const struct metering_sink sink = metering_ignore(NULL);

    watcher->metering = metering_new(&config->limits, config->catalogue, config->directions, &sink);
    if (!watcher->metering) {
        snprintf(error, error_size, "not enough memory for the limits of the configuration");
        return false;
    }
    metering_set_trust(watcher->metering, &config->trust);
    metering_observe(watcher->metering, post_exchange, watcher);
    return true;
}

/* What it has to say of the end comes after what is said of the exchanges. */
static void await_end(struct watcher *watcher)
{
    struct message message;

    close(watcher->data);
    while (message_receive(watcher->control, SENDER_SUPERVISOR, true, &message, NULL) ==
           MESSAGE_RECEIVED)
        ;
}

static int run_watcher(struct watcher *watcher)
{
    enum source_status status;
    struct message message;
    char error[512];

    parse_client(watcher);
    if (!open_source(watcher, error, sizeof(error)) ||
        !take_memory(watcher, error, sizeof(error)) ||
        !sandbox_command(watcher->setup->config->user, watcher->control, watcher->data, error,
                         sizeof(error))) {
        fprintf(stderr, "iagmeter: %s\n", error);
        return EXIT_TROUBLE;
    }
    message_start(&message, MESSAGE_READY);
    watcher->stop = !message_send(watcher->data, &message);
    status = watcher->setup->interface ? watch(watcher) : read_file(watcher);
    metering_finish(watcher->metering);
    await_end(watcher);
    if (status == SOURCE_END)
        return EXIT_SUCCESS;
    if (status != SOURCE_OK) /* that is: the command is gone */
        fprintf(stderr, "iagmeter: %s\n", source_error(watcher->source));
    return EXIT_TROUBLE;
}

/* -- The command --------------------------------------------------------------------------------
 */

static bool make_sockets(int control[2], int data[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0)
        return false;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, data) == 0)
        return true;
    close(control[0]);
    close(control[1]);
    return false;
}

/* But standard ones: whatever the command has open is nothing to whoever parses packets. */
static void close_others(int one, int other)
{
    unsigned low = (unsigned)(one < other ? one : other);
    unsigned high = (unsigned)(one < other ? other : one);

    if (low > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, low - 1, 0);
    if (high > low + 1)
        close_range(low + 1, high - 1, 0);
    close_range(high + 1, ~0U, 0);
}

static bool start_watcher(struct calibratecapture *capture,
                          const struct calibratecapture_setup *setup)
{
    struct watcher watcher = {.setup = setup};
    int control[2];
    int data[2];

    if (!make_sockets(control, data))
        return false;
    capture->process = fork();
    if (capture->process == 0) {
        close_others(control[1], data[1]);
        watcher.control = control[1];
        watcher.data = data[1];
        _exit(run_watcher(&watcher));
    }
    close(control[1]);
    close(data[1]);
    capture->control = control[0];
    capture->data = data[0];
    return true;
}

static void await_process(const struct calibratecapture *capture, int *wait_status)
{
    while (waitpid(capture->process, wait_status, 0) < 0 && errno == EINTR)
        ;
}

struct calibratecapture *calibratecapture_start(const struct calibratecapture_setup *setup)
{
    struct calibratecapture *capture = calloc(1, sizeof(*capture));
    struct message message;

    if (!capture || !start_watcher(capture, setup) || capture->process < 0) {
        fprintf(stderr, "iagmeter: no process can be started: %s\n", strerror(errno));
        free(capture);
        return NULL;
    }
    if (calibratecapture_next(capture, true, &message) == MESSAGE_RECEIVED &&
        message.type == MESSAGE_READY)
        return capture;
    calibratecapture_end(capture);
    return NULL;
}

int calibratecapture_descriptor(const struct calibratecapture *capture)
{
    return capture->data;
}

enum message_status calibratecapture_next(struct calibratecapture *capture, bool wait,
                                          struct message *message)
{
    enum message_status status =
        message_receive(capture->data, SENDER_SESSION, wait, message, NULL);

    if (status == MESSAGE_REFUSED) {
        capture->refused = true;
        kill(capture->process, SIGKILL);
    }
    return status;
}

void calibratecapture_stop(const struct calibratecapture *capture)
{
    struct message message;

    message_start(&message, MESSAGE_STOP);
    message_send(capture->control, &message);
}

bool calibratecapture_end(struct calibratecapture *capture)
{
    int wait_status = 0;

    close(capture->control);
    close(capture->data);
    await_process(capture, &wait_status);
    if (capture->refused)
        fputs("iagmeter: the process that reads packets sent an impossible message: killed\n",
              stderr);
    else if (WIFSIGNALED(wait_status))
        fprintf(stderr, "iagmeter: the process that reads packets was ended by signal %d (%s)\n",
                WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
    free(capture);
    return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == EXIT_SUCCESS;
}
