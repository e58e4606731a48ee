/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The meter process, started by iagmeterd. Descriptor 3 is its socket to the start-up process,
 * which sends it the data sockets of the capture processes and of the counters process. */

#include "daemon/calendar.h"
#include "daemon/capture.h"
#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/message.h"
#include "daemon/meter.h"
#include "daemon/sandbox.h"
#include "daemon/version.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONTROL         3
#define POLL_MS         1000
#define ALIVE_S         5
#define BATCH           4096
#define LAST_ATTEMPTS_S 10
#define WORKERS         (METER_COUNTERS + 1)

struct process {
    const char *config_path;
    unsigned replay; /* number of processes that read the file; 0: live */
    struct config *config;
    struct ledger *ledger;
    struct roundrobin *roundrobin;
    struct meter *meter;
    int workers[WORKERS]; /* data sockets of the capture processes and the counters', -1 free */
    bool stopping;
    bool refused; /* what a process sent: its sums are missing */
    int64_t alive_s;
    int64_t look_at_s; /* when to look whether the ledger is still in its place */
};

static int64_t monotonic_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* A replay's clock is that of the packets: whatever was closed is over. */
static int64_t wall_s(const struct process *process)
{
    return process->replay ? INT64_MAX : (int64_t)time(NULL);
}

static struct config *load_config(const char *path, const struct config *previous)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config = NULL;
    const char *text;

    if (!diagnostics)
        return NULL;
    config = config_load(path, previous, diagnostics);
    for (size_t i = 0; !config && (text = diagnostics_text(diagnostics, i)) != NULL; i++)
        log_line(LOG_PRIORITY_ERROR, "%s", text);
    diagnostics_free(diagnostics);
    /* Mixes of models change on local days. */
    if (config && !calendar_set_zone(config->timezone)) {
        log_line(LOG_PRIORITY_ERROR, "unknown time zone \"%s\"", config->timezone);
        config_free(config);
        return NULL;
    }
    return config;
}

static void send_control(struct process *process, enum message_type type, uint32_t number)
{
    struct message message;

    message_start(&message, type);
    message.number = number;
    if (!message_send(CONTROL, &message))
        process->stopping = true;
}

static void reload(struct process *process, uint64_t digest)
{
    struct config *fresh = load_config(process->config_path, process->config);

    if (fresh && fresh->digest == digest) {
        meter_set_config(process->meter, fresh);
        config_free(process->config);
        process->config = fresh;
        send_control(process, MESSAGE_RELOADED, 1);
        return;
    }
    config_free(fresh);
    send_control(process, MESSAGE_RELOADED, 0);
}

static void drop_worker(struct process *process, unsigned worker)
{
    close(process->workers[worker]);
    process->workers[worker] = -1;
    meter_worker_gone(process->meter, worker);
}

/* Whether there may be more to read at once. */
static bool read_worker(struct process *process, unsigned worker)
{
    bool is_counters = worker == METER_COUNTERS;
    enum message_sender sender = is_counters ? SENDER_COUNTERS : SENDER_CAPTURE;
    struct message message;

    for (int i = 0; i < BATCH && !meter_is_full(process->meter); i++) {
        switch (message_receive(process->workers[worker], sender, false, &message, NULL)) {
        case MESSAGE_NONE_YET:
            return false;
        case MESSAGE_RECEIVED:
            if (meter_take(process->meter, worker, &message))
                break;
            /* fall through */
        case MESSAGE_REFUSED:
            log_line(LOG_PRIORITY_ERROR,
                     "%s sent an impossible message: it is no longer listened to",
                     is_counters ? "the counters process" : "a capture process");
            process->refused = true;
            drop_worker(process, worker);
            return false;
        case MESSAGE_PEER_GONE:
            drop_worker(process, worker);
            return false;
        }
    }
    return !meter_is_full(process->meter);
}

static void take_worker(struct process *process, unsigned worker, int descriptor)
{
    process->workers[worker] = descriptor;
    meter_worker_here(process->meter, worker);
}

static void add_capture(struct process *process, int descriptor)
{
    for (unsigned i = 0; i < MAX_CAPTURES; i++) {
        if (process->workers[i] < 0) {
            take_worker(process, i, descriptor);
            return;
        }
    }
    close(descriptor);
}

/* There is one: a new one means that the old one ended, which may not have been noticed yet. What
 * it said last, as at a reload, counts. */
static void add_counters(struct process *process, int descriptor)
{
    while (process->workers[METER_COUNTERS] >= 0 && read_worker(process, METER_COUNTERS))
        continue;
    if (process->workers[METER_COUNTERS] >= 0)
        drop_worker(process, METER_COUNTERS);
    take_worker(process, METER_COUNTERS, descriptor);
}

static void add_worker(struct process *process, bool is_counters, int descriptor)
{
    if (descriptor < 0)
        return;
    if (is_counters)
        add_counters(process, descriptor);
    else
        add_capture(process, descriptor);
}

static void obey(struct process *process, const struct message *message, int descriptor)
{
    switch (message->type) {
    case MESSAGE_STOP:
        process->stopping = true;
        break;
    case MESSAGE_RELOAD:
        reload(process, message->body.digest);
        break;
    case MESSAGE_WORKER:
        add_worker(process, message->number == 1, descriptor);
        break;
    default:
        meter_take(process->meter, 0, message);
    }
}

static void read_control(struct process *process)
{
    struct message message;
    int descriptor;

    for (;;) {
        switch (message_receive(CONTROL, SENDER_SUPERVISOR, false, &message, &descriptor)) {
        case MESSAGE_NONE_YET:
            return;
        case MESSAGE_RECEIVED:
            obey(process, &message, descriptor);
            break;
        default:
            process->stopping = true;
            return;
        }
    }
}

static bool has_workers(const struct process *process)
{
    for (unsigned i = 0; i < WORKERS; i++)
        if (process->workers[i] >= 0)
            return true;
    return false;
}

static void wait_for_messages(const struct process *process)
{
    struct pollfd descriptors[WORKERS + 1];
    nfds_t count = 0;

    descriptors[count++] = (struct pollfd){.fd = CONTROL, .events = POLLIN};
    for (unsigned i = 0; i < WORKERS && !meter_is_full(process->meter); i++)
        if (process->workers[i] >= 0)
            descriptors[count++] = (struct pollfd){.fd = process->workers[i], .events = POLLIN};
    poll(descriptors, count, POLL_MS);
}

/* Storage failed up to the end: a last few attempts, then say what is lost. */
static int last_attempts(struct process *process)
{
    int64_t limit_s = monotonic_s() + LAST_ATTEMPTS_S;

    while (meter_is_waiting(process->meter) && monotonic_s() < limit_s) {
        meter_hurry(process->meter);
        if (meter_commit(process->meter, wall_s(process), monotonic_s()) == LEDGER_FATAL)
            break;
        if (!meter_has_unwritten(process->meter))
            return EXIT_SUCCESS;
        sleep(1);
    }
    if (!meter_has_unwritten(process->meter))
        return EXIT_SUCCESS;
    log_line(LOG_PRIORITY_ERROR, "%s: the last sums could not be recorded",
             ledger_error(process->ledger));
    return EXIT_TROUBLE;
}

/* What was written last is in the file that was taken away: a new process opens what is there. */
static bool ledger_stays(struct process *process)
{
    if (monotonic_s() < process->look_at_s)
        return true;
    process->look_at_s = monotonic_s() + ALIVE_S;
    if (ledger_is_in_place(process->ledger))
        return true;
    log_line(LOG_PRIORITY_ERROR, "%s: to be opened anew, the running interval is lost",
             ledger_error(process->ledger));
    return false;
}

static void say_alive(void *context)
{
    struct process *process = context;

    if (monotonic_s() - process->alive_s < ALIVE_S)
        return;
    process->alive_s = monotonic_s();
    send_control(process, MESSAGE_ALIVE, 0);
}

static int run(struct process *process)
{
    /* When storage fails and nothing more can be held, the end does not wait for it. */
    while (!process->stopping || (has_workers(process) && !meter_is_full(process->meter))) {
        wait_for_messages(process);
        if (!process->stopping)
            read_control(process);
        for (unsigned i = 0; i < WORKERS; i++)
            if (process->workers[i] >= 0)
                read_worker(process, i);
        if (!ledger_stays(process))
            return EXIT_TROUBLE;
        if (meter_is_waiting(process->meter) &&
            meter_commit(process->meter, wall_s(process), monotonic_s()) == LEDGER_FATAL) {
            log_line(LOG_PRIORITY_ERROR, "%s", ledger_error(process->ledger));
            return EXIT_LASTING;
        }
        say_alive(process);
    }
    return last_attempts(process);
}

/* Up to the end of the ledger, or of what was shared of it. */
static void bring_graphs_up(struct process *process)
{
    int64_t until = meter_shown_until(process->ledger, process->config, wall_s(process));
    char reason[600];

    if (roundrobin_catch_up(process->roundrobin, process->ledger, until) == 0)
        return;
    roundrobin_reason(process->roundrobin, reason, sizeof(reason));
    log_line(LOG_PRIORITY_WARNING, "RRD files could not be brought up to date: %s", reason);
}

static void record_start(struct process *process)
{
    char text[32];
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (ledger_begin(process->ledger) != LEDGER_OK) /* each on its own would wait for the disk */
        return;
    ledger_set_fact(process->ledger, "started", text);
    ledger_set_fact(process->ledger, "version", IAGMETER_VERSION);
    ledger_set_fact(process->ledger, "mode", process->replay ? "replay" : "live");
    if (ledger_commit(process->ledger) != LEDGER_OK)
        ledger_rollback(process->ledger);
}

/* After a failure *STATUS is the process's. */
static bool open_stores(struct process *process, int *status)
{
    char error[512];
    bool lasts;

    process->ledger =
        ledger_open_why(process->config->state_directory, true, &lasts, error, sizeof(error));
    if (!process->ledger) {
        log_line(LOG_PRIORITY_ERROR, "%s", error);
        *status = lasts ? EXIT_LASTING : EXIT_TROUBLE;
        return false;
    }
    process->roundrobin =
        roundrobin_new(process->config->state_directory, process->config->rrd_years);
    if (process->roundrobin)
        process->meter = meter_new(process->config, process->ledger, process->roundrobin);
    if (!process->meter) {
        log_line(LOG_PRIORITY_ERROR, "out of memory");
        return false;
    }
    meter_set_captures(process->meter,
                       process->replay ? process->replay : config_captures(process->config));
    if (process->replay)
        meter_set_replay(process->meter);
    record_start(process);
    bring_graphs_up(process);
    return true;
}

static bool parse_arguments(struct process *process, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "c:r:")) != -1) {
        if (option == 'c')
            process->config_path = optarg;
        else if (option == 'r')
            process->replay = (unsigned)strtoul(optarg, NULL, 10);
        else
            return false;
    }
    return process->config_path != NULL && optind == argc;
}

int main(int argc, char **argv)
{
    struct process process = {.stopping = false};
    char error[256];
    int status = EXIT_TROUBLE;

    log_open("iagmeterd");
    signal(SIGXFSZ,
           SIG_IGN); /* a file size limit is a full disk: an error to report, not a death */
    for (unsigned i = 0; i < WORKERS; i++)
        process.workers[i] = -1;
    if (!parse_arguments(&process, argc, argv)) {
        log_line(LOG_PRIORITY_ERROR, "iagmeter-meter is started by iagmeterd, not by hand");
        return EXIT_CONFIGURATION;
    }
    process.config = load_config(process.config_path, NULL);
    if (!process.config) { /* this user may not read what the start-up process read as root */
        status = EXIT_CONFIGURATION;
        goto out;
    }
    if (!open_stores(&process, &status))
        goto out;
    if (!sandbox_meter(error, sizeof(error))) {
        log_line(LOG_PRIORITY_ERROR, "%s", error);
        goto out;
    }
    send_control(&process, MESSAGE_READY, 0);
    /* When the clock was set back, the graphs of years are made anew. */
    roundrobin_set_working(process.roundrobin, say_alive, &process);
    status = run(&process);
    /* Of a capture that is older than what the ledger had, graphs were made anew up to its end. */
    if (status == EXIT_SUCCESS && process.replay)
        bring_graphs_up(&process);
    /* Live, the log has said it, and another process went on. */
    if (status == EXIT_SUCCESS && process.replay && process.refused)
        status = EXIT_TROUBLE;
out:
    meter_free(process.meter);
    roundrobin_free(process.roundrobin);
    ledger_close(process.ledger);
    config_free(process.config);
    return status;
}
