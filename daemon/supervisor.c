/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/supervisor.h"

#include "collectors/capture/kernelfilter.h"
#include "collectors/capture/recognition.h"
#include "collectors/capture/source.h"
#include "daemon/capture.h"
#include "daemon/log.h"
#include "daemon/message.h"
#include "daemon/meter.h"
#include "daemon/programs.h"
#include "daemon/rules.h"
#include "daemon/sandbox.h"
#include "daemon/stacked.h"
#include "daemon/startcheck.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS         1000
#define LONGEST_DELAY_S 60
/* A process that said nothing for so long hangs: systemd is no longer told that all is well. */
#define PATIENCE_S     30
#define STOP_TIMEOUT_S 20
/* A child that does not take a message for so long hangs. */
#define SEND_TIMEOUT_S 5
/* But the meter, which may be writing to a slow disk: less than systemd waits (WatchdogSec), after
 * PATIENCE_S for its answer. */
#define NAMES_PATIENCE_S 20
/* Messages heard at a time from one child: none may keep us from the others. */
#define HEARD_AT_ONCE 64
/* Of words that say how often something ended. */
#define OFTEN_SIZE 40
/* Where a child finds its sockets. */
enum { CONTROL_DESCRIPTOR = 3, DATA_DESCRIPTOR = 4 };

struct child {
    const char *prefix;                       /* of what it is called: "capture of ", or "" */
    const char *name;                         /* "the meter", or the interface or file */
    const struct interface_config *interface; /* NULL when replaying */
    unsigned place;                           /* of the interface in the configuration */
    unsigned worker;
    struct kernelfilter *filter; /* NULL: it sees all packets */
    pid_t pid;                   /* 0: not running */
    int control;
    int data; /* the meter's end of the socket to it, until the meter has it */
    bool ready;
    bool told;       /* of the counters: the names */
    bool failing;    /* the last one never became ready, and said why: */
    bool absent;     /* the interface is not there, or down */
    bool opened;     /* one was ready, since the daemon started */
    const char *why; /* none is */
    unsigned ends;   /* that nobody asked for */
    struct log_ends damper;
    int64_t started_s;
    int64_t alive_s;
    int64_t restart_at_s;
    int64_t restart_delay_s;
};

struct supervisor {
    struct config *config;
    const char *const *files; /* a capture to replay */
    unsigned file_count;
    char capture_name[PATH_MAX + 32]; /* what messages call it */
    const char *file;                 /* the same; NULL when live */
    int signals;
    struct child meter;
    struct child counters; /* pid 0 where there is nothing to count */
    struct child captures[MAX_CAPTURES];
    unsigned capture_count;
    unsigned file_workers;
    bool file_ahead;                  /* a thread may read it ahead */
    struct source *shared;            /* the files, when they have several workers */
    char no_filter[400];              /* why the kernel drops nothing; "" */
    char interfaces[INTERFACES_SIZE]; /* what was last told of them */
    /* Of interfaces with several workers; the first one: of such a file. */
    struct recognition_memory *memories[MAX_INTERFACES];
    bool stopping;
    bool notified;
    int status;
};

static int64_t monotonic_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* -- Starting children ------------------------------------------------------------------------ */

static void end_child(struct child *child)
{
    if (child->control >= 0)
        close(child->control);
    if (child->data >= 0)
        close(child->data);
    child->control = child->data = -1;
    child->pid = 0;
    child->ready = false;
}

static bool make_sockets(int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0)
        return true;
    log_line(LOG_PRIORITY_ERROR, "cannot make a socket pair: %s", strerror(errno));
    return false;
}

static void close_between(int low, int high)
{
    if (high > low + 1)
        close_range((unsigned)low + 1, (unsigned)high - 1, 0);
}

/* Puts a child's sockets where it looks for them and closes everything else it inherited, but for
 * COUNT ones that are KEPT, the lowest first. */
static void arrange_descriptors(int control, int data, const int *kept, unsigned count)
{
    int control_copy = fcntl(control, F_DUPFD, 10);
    int data_copy = data >= 0 ? fcntl(data, F_DUPFD, 10) : -1;
    int last = CONTROL_DESCRIPTOR;

    dup2(control_copy, CONTROL_DESCRIPTOR);
    if (data_copy >= 0) {
        dup2(data_copy, DATA_DESCRIPTOR);
        last = DATA_DESCRIPTOR;
    }
    for (unsigned i = 0; i < count; i++) {
        close_between(last, kept[i]);
        if (kept[i] > last)
            last = kept[i];
    }
    close_range((unsigned)last + 1, ~0U, 0);
}

/* Takes the place of this process, which has arranged its descriptors. */
static void become_program(char *const arguments[])
{
    char program[PATH_MAX];
    char error[256];

    programs_find(arguments[0], program, sizeof(program));
    if (sandbox_drop_capabilities(error, sizeof(error))) {
        execv(program, arguments);
        log_line(LOG_PRIORITY_ERROR, "cannot run %s: %s", program, strerror(errno));
    } else {
        log_line(LOG_PRIORITY_ERROR, "%s", error);
    }
    _exit(EXIT_TROUBLE);
}

static void become_meter(const struct supervisor *supervisor, int control)
{
    char workers[12];
    char *const arguments[] = {
        "iagmeter-meter", "-c", supervisor->config->path, supervisor->file ? "-r" : NULL,
        workers,          NULL};

    snprintf(workers, sizeof(workers), "%u", supervisor->file_workers);
    arrange_descriptors(control, -1, NULL, 0);
    become_program(arguments);
}

static void become_counters(const struct supervisor *supervisor, int control, int data)
{
    char *const arguments[] = {"iagmeter-counters", "-c", supervisor->config->path, NULL};

    arrange_descriptors(control, data, NULL, 0);
    become_program(arguments);
}

/* No child, whatever happened to it, may make us wait for ever. */
static void limit_sending(int control)
{
    struct timeval limit = {.tv_sec = SEND_TIMEOUT_S};

    setsockopt(control, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* A limit of processes, or of memory, may forbid it: said once, while it is tried again. */
static pid_t fork_child(const struct child *child)
{
    pid_t pid = fork();

    if (pid < 0 && !child->failing)
        log_line(LOG_PRIORITY_ERROR, "no process can be started for %s%s: %s",
                 child->interface ? "the capture of " : "", child->name, strerror(errno));
    return pid;
}

static bool start_meter(struct supervisor *supervisor)
{
    struct child *meter = &supervisor->meter;
    int control[2];

    if (!make_sockets(control))
        return false;
    meter->pid = fork_child(meter);
    if (meter->pid == 0)
        become_meter(supervisor, control[1]);
    close(control[1]);
    meter->control = control[0];
    limit_sending(meter->control);
    meter->alive_s = monotonic_s();
    return meter->pid > 0;
}

/* The kernel knows groups by a number of 16 bits, which must differ from interface to interface and
 * from that of any other program: ours is our process's, as packet(7) proposes. */
static uint16_t fanout_group(unsigned place)
{
    uint16_t group = (uint16_t)((unsigned)getppid() * MAX_INTERFACES + place);

    return group ? group : UINT16_MAX;
}

static void become_capture(const struct supervisor *supervisor, const struct child *child,
                           int control, int data)
{
    bool shared = child->interface && child->interface->workers > 1;
    struct capture_setup setup = {.config = supervisor->config,
                                  .interface = child->interface,
                                  .file = supervisor->file,
                                  .files = supervisor->files,
                                  .file_count = supervisor->file_count,
                                  .worker = child->worker,
                                  .workers = child->interface ? child->interface->workers
                                                              : supervisor->file_workers,
                                  .fanout_group = shared ? fanout_group(child->place) : 0,
                                  .shared = supervisor->shared,
                                  .memory = supervisor->memories[child->place],
                                  .filter = child->filter,
                                  .ahead = supervisor->file_ahead,
                                  .again = child->failing,
                                  .again_absent = child->absent,
                                  .control = CONTROL_DESCRIPTOR,
                                  .data = DATA_DESCRIPTOR};
    int filter = child->filter ? kernelfilter_descriptor(child->filter) : -1;
    unsigned kept_count = child->filter ? 1 : 0;
    const int *kept = &filter;

    if (supervisor->shared)
        kept = source_file_descriptors(supervisor->shared, &kept_count);
    arrange_descriptors(control, data, kept, kept_count);
    exit(capture_run(&setup));
}

/* The child, with sockets to us and to the meter; the meter does not know of it yet. */
static bool fork_collector(struct supervisor *supervisor, struct child *child)
{
    int control[2];
    int data[2];

    if (!make_sockets(control))
        return false;
    if (!make_sockets(data)) {
        close(control[0]);
        close(control[1]);
        return false;
    }
    child->pid = fork_child(child);
    if (child->pid == 0) {
        if (child == &supervisor->counters)
            become_counters(supervisor, control[1], data[0]);
        become_capture(supervisor, child, control[1], data[0]);
    }
    close(control[1]);
    close(data[0]);
    child->control = control[0];
    child->data = data[1];
    limit_sending(child->control);
    child->ready = child->told = false;
    child->started_s = child->alive_s = monotonic_s();
    if (child->pid < 0)
        end_child(child);
    return child->pid > 0;
}

/* What the child has to say to the meter waits until here. */
static bool introduce_to_meter(struct supervisor *supervisor, struct child *child)
{
    struct message message;
    bool sent;

    message_start(&message, MESSAGE_WORKER);
    message.number = child == &supervisor->counters;
    sent = message_send_descriptor(supervisor->meter.control, &message, child->data);
    close(child->data);
    child->data = -1;
    return sent;
}

static bool start_capture(struct supervisor *supervisor, struct child *child)
{
    return fork_collector(supervisor, child) && introduce_to_meter(supervisor, child);
}

/* Whether there is a host of our own, or a server that counts. */
static bool wants_counters(const struct supervisor *supervisor)
{
    return !supervisor->file &&
           (supervisor->config->host || inferenceconfig_scrapes(&supervisor->config->inference));
}

/* The names follow once it is ready: to open meters may take longer than a child may let us wait.
 */
static bool start_counters(struct supervisor *supervisor)
{
    struct child *counters = &supervisor->counters;

    return fork_collector(supervisor, counters) && introduce_to_meter(supervisor, counters);
}

/* -- Listening to children -------------------------------------------------------------------- */

static void note_ready(struct child *child)
{
    if (child->restart_delay_s > 0 && !child->damper.silenced)
        log_line(LOG_PRIORITY_INFO, "%s%s works %s", child->prefix, child->name,
                 child->interface && !child->opened ? "now" : "again");
    child->ready = child->opened = true;
    child->failing = child->absent = false;
}

/* Reads what a child says; *ANSWER (may be NULL) is set to a MESSAGE_RELOADED among it. Returns
 * false when it broke the rules: then it is killed. */
static bool hear(struct child *child, enum message_sender sender, struct message *answer)
{
    struct message message;

    for (int i = 0; i < HEARD_AT_ONCE && child->control >= 0; i++) {
        switch (message_receive(child->control, sender, false, &message, NULL)) {
        case MESSAGE_RECEIVED:
            child->alive_s = monotonic_s();
            if (message.type == MESSAGE_READY && !child->ready)
                note_ready(child);
            if (answer && message.type == MESSAGE_RELOADED)
                *answer = message;
            break;
        case MESSAGE_REFUSED:
            log_line(LOG_PRIORITY_ERROR, "%s sent an impossible message: killed", child->name);
            kill(child->pid, SIGKILL);
            return false;
        case MESSAGE_PEER_GONE:
            close(child->control);
            child->control = -1;
            return true;
        case MESSAGE_NONE_YET:
            return true;
        }
    }
    return true;
}

/* Asked to stop before all is started: the child that we wait for has nothing to lose yet, unless
 * it is ready. */
static void heed_stop(struct supervisor *supervisor, const struct child *child)
{
    struct signalfd_siginfo information;

    while (read(supervisor->signals, &information, sizeof(information)) ==
           (ssize_t)sizeof(information)) {
        if (information.ssi_signo != SIGTERM && information.ssi_signo != SIGINT)
            continue;
        supervisor->stopping = true;
        kill(child->pid, SIGKILL);
    }
}

static int64_t worked_s(const struct child *child)
{
    return child->ready ? monotonic_s() - child->started_s : 0;
}

/* Of a child that was not to end, before end_child(). An interface that is not there yet is no end
 * of its capture. Returns whether to tell it; OFTEN is then what to add to it, how often it did. */
static bool note_end(struct child *child, int wait_status, char often[OFTEN_SIZE])
{
    often[0] = '\0';
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == EXIT_ABSENT)
        return false;
    child->ends++;
    if (!log_end_due(&child->damper, worked_s(child)))
        return false;
    if (child->damper.count > 1)
        snprintf(often, OFTEN_SIZE, "; %u times by now", child->damper.count);
    if (WIFSIGNALED(wait_status))
        log_line(LOG_PRIORITY_ERROR, "%s%s was ended by signal %d (%s)%s", child->prefix,
                 child->name, WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)), often);
    return true;
}

/* Of a child that should have stayed. */
static int status_of(int wait_status)
{
    return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) != 0 ? WEXITSTATUS(wait_status)
                                                                   : EXIT_TROUBLE;
}

/* Waits for a child's first word, or its end. */
static bool await_ready(struct supervisor *supervisor, struct child *child,
                        enum message_sender sender, int *wait_status)
{
    struct pollfd descriptors[] = {{.fd = child->control, .events = POLLIN},
                                   {.fd = supervisor->signals, .events = POLLIN}};
    char often[OFTEN_SIZE];

    while (!child->ready && child->control >= 0) {
        if (poll(descriptors, 2, -1) < 0 && errno != EINTR)
            break;
        hear(child, sender, NULL);
        if (!child->ready)
            heed_stop(supervisor, child);
    }
    if (child->ready)
        return true;
    waitpid(child->pid, wait_status, 0);
    if (sender == SENDER_CAPTURE && !supervisor->stopping)
        note_end(child, *wait_status, often);
    end_child(child);
    return false;
}

static void tell_counters(struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;
    struct child *counters = &supervisor->counters;

    if (counters->told || !counters->ready || counters->control < 0)
        return;
    counters->told = true;
    if (rules_send_names(counters->control, config->catalogue, config->directions))
        return;
    log_line(LOG_PRIORITY_ERROR, "%s takes no names: killed", counters->name);
    kill(counters->pid, SIGKILL);
}

static void send_stop(struct child *child)
{
    struct message message;

    message_start(&message, MESSAGE_STOP);
    if (child->control >= 0 && !message_send(child->control, &message))
        kill(child->pid, SIGKILL);
}

/* -- SIGHUP ----------------------------------------------------------------------------------- */

enum answer { ANSWER_YES, ANSWER_NO, ANSWER_LATE };

/* Has the meter read the same files. */
static enum answer ask_meter(struct supervisor *supervisor, uint64_t digest)
{
    struct message message;
    struct pollfd descriptor = {.fd = supervisor->meter.control, .events = POLLIN};
    int64_t limit_s = monotonic_s() + PATIENCE_S;

    message_start(&message, MESSAGE_RELOAD);
    message.body.digest = digest;
    if (!message_send(supervisor->meter.control, &message))
        return ANSWER_LATE;
    while (monotonic_s() < limit_s && descriptor.fd >= 0) {
        if (poll(&descriptor, 1, POLL_MS) <= 0)
            continue;
        message.type = 0;
        hear(&supervisor->meter, SENDER_METER, &message);
        if (message.type == MESSAGE_RELOADED)
            return message.number == 1 ? ANSWER_YES : ANSWER_NO;
        descriptor.fd = supervisor->meter.control;
    }
    return ANSWER_LATE;
}

static void log_diagnostics(const struct diagnostics *diagnostics)
{
    const char *text;

    for (size_t i = 0; (text = diagnostics_text(diagnostics, i)) != NULL; i++)
        log_line(LOG_PRIORITY_WARNING, "%s", text);
}

/* The meter takes no sum without a name, and some may not have come: then all are sent again. */
static bool tell_names(const struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;
    int64_t limit_s = monotonic_s() + NAMES_PATIENCE_S;
    bool told;

    do
        told = rules_send_names(supervisor->meter.control, config->catalogue, config->directions);
    while (!told && errno == EAGAIN && monotonic_s() < limit_s);
    return told;
}

static void distribute_rules(struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;

    if (!tell_names(supervisor)) {
        log_line(LOG_PRIORITY_ERROR, "the meter takes no new names: killed");
        kill(supervisor->meter.pid, SIGKILL); /* it begins anew, with them, as the daemon does */
        return;
    }
    for (unsigned i = 0; i < supervisor->capture_count; i++) {
        struct child *child = &supervisor->captures[i];

        if (child->control < 0 ||
            rules_send(child->control, config->catalogue, config->directions, &config->inference))
            continue;
        log_line(LOG_PRIORITY_ERROR, "capture of %s takes no new rules: killed", child->name);
        kill(child->pid, SIGKILL); /* the next one starts with them */
    }
}

static bool same_interfaces(const struct config *a, const struct config *b)
{
    if (a->interface_count != b->interface_count)
        return false;
    for (unsigned i = 0; i < a->interface_count; i++) {
        const struct interface_config *left = &a->interfaces[i];
        const struct interface_config *right = &b->interfaces[i];

        if (strcmp(left->name, right->name) != 0 || strcmp(left->filter, right->filter) != 0 ||
            left->promiscuous != right->promiscuous || left->mode != right->mode ||
            left->snap_length != right->snap_length || left->buffer_mib != right->buffer_mib ||
            left->workers != right->workers)
            return false;
    }
    return true;
}

/* Both are of zeroed memory: and where padding differs all the same, more is done than has to be.
 */
static bool same_bytes(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

static bool same_teams(const struct scrape_config *a, const struct scrape_config *b)
{
    if (a->team_count != b->team_count)
        return false;
    for (size_t i = 0; i < a->team_count; i++)
        if (strcmp(a->teams[i].label, b->teams[i].label) != 0 ||
            strcmp(a->teams[i].code, b->teams[i].code) != 0)
            return false;
    return true;
}

/* How they are asked; not whose requests are whose, nor on which line of the file it stands. */
static bool same_servers(const struct inference_config *a, const struct inference_config *b)
{
    if (a->server_count != b->server_count || a->model_count != b->model_count)
        return false;
    for (unsigned i = 0; i < a->server_count; i++) {
        const struct scrape_config *left = &a->scrapes[i], *right = &b->scrapes[i];

        if (a->servers[i].port != b->servers[i].port ||
            a->servers[i].service != b->servers[i].service || left->tokens != right->tokens ||
            left->dialect != right->dialect || left->interval_s != right->interval_s ||
            strcmp(left->url, right->url) != 0 ||
            strcmp(left->socket_path, right->socket_path) != 0 ||
            strcmp(left->bearer_path, right->bearer_path) != 0 || !same_teams(left, right))
            return false;
    }
    for (unsigned i = 0; i < a->model_count; i++)
        if (a->models[i].port != b->models[i].port ||
            a->models[i].service != b->models[i].service ||
            strcmp(a->models[i].name, b->models[i].name) != 0)
            return false;
    return true;
}

/* What the counters process reads: it goes on while that is the same, since what is drawn while it
 * starts anew is not measured. */
static bool same_sources(const struct config *a, const struct config *b)
{
    return !a->host == !b->host &&
           (!a->host || same_bytes(&a->host->power, &b->host->power, sizeof(a->host->power))) &&
           same_servers(&a->inference, &b->inference);
}

/* Interfaces, limits, trust, ports of tunnels (which are in it) and directories need a restart: the
 * running ones stay as they are. */
static void adopt(struct supervisor *supervisor, struct config *fresh)
{
    struct config *current = supervisor->config;

    if (memcmp(&fresh->limits, &current->limits, sizeof(fresh->limits)) != 0 ||
        !trust_is_same(&fresh->trust, &current->trust) || !same_interfaces(fresh, current) ||
        fresh->inference.max_connections != current->inference.max_connections ||
        fresh->kernel_filter != current->kernel_filter || fresh->rrd_years != current->rrd_years ||
        strcmp(fresh->user, current->user) != 0 ||
        strcmp(fresh->state_directory, current->state_directory) != 0)
        log_line(LOG_PRIORITY_WARNING,
                 "changes of interfaces, kernel_filter, limits, trust, tunnel_ports, rrd_years, "
                 "user and directories take effect at the next restart only");
    fresh->kernel_filter = current->kernel_filter;
    fresh->rrd_years = current->rrd_years;
    memcpy(fresh->user, current->user, sizeof(fresh->user));
    fresh->limits = current->limits;
    fresh->trust = current->trust;
    fresh->inference.max_connections = current->inference.max_connections;
    memcpy(fresh->interfaces, current->interfaces, sizeof(fresh->interfaces));
    fresh->interface_count = current->interface_count;
    memcpy(fresh->state_directory, current->state_directory, sizeof(fresh->state_directory));
    for (unsigned i = 0; i < supervisor->capture_count; i++) {
        if (supervisor->captures[i].interface) {
            supervisor->captures[i].interface = &fresh->interfaces[supervisor->captures[i].place];
            supervisor->captures[i].name = supervisor->captures[i].interface->name;
        }
    }
    supervisor->config = fresh;
    if (!same_sources(current, fresh)) {
        supervisor->counters.restart_at_s = 0;
        send_stop(&supervisor->counters); /* the next one reads the new files */
    }
    config_free(current);
}

/* FRESH has no errors. */
static void use_config(struct supervisor *supervisor, struct config *fresh)
{
    enum answer answer = ask_meter(supervisor, fresh->digest);

    if (answer == ANSWER_YES) {
        adopt(supervisor, fresh);
        distribute_rules(supervisor);
        log_line(LOG_PRIORITY_INFO, "catalogue, directions and factors were read again");
        return;
    }
    config_free(fresh);
    log_line(LOG_PRIORITY_ERROR, "%s",
             answer == ANSWER_NO
                 ? "the files changed while they were read: the old configuration stays in use, "
                   "send SIGHUP again"
                 : "the meter is busy: the old configuration stays in use until it has read the "
                   "files, too");
}

static void reload(struct supervisor *supervisor)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *fresh;

    if (!diagnostics)
        return;
    sd_notify(0, "RELOADING=1");
    fresh = config_load(supervisor->config->path, supervisor->config, diagnostics);
    if (fresh)
        startcheck(fresh, supervisor->file ? START_REPLAY : START_LIVE, diagnostics);
    log_diagnostics(diagnostics);
    if (fresh && diagnostics_errors(diagnostics) == 0) {
        use_config(supervisor, fresh);
    } else {
        log_line(LOG_PRIORITY_ERROR, "the new configuration is wrong: the old one stays in use");
        config_free(fresh);
    }
    diagnostics_free(diagnostics);
    sd_notify(0, "READY=1");
}

/* -- Ends ------------------------------------------------------------------------------------- */

static bool collectors_running(const struct supervisor *supervisor)
{
    if (supervisor->counters.pid > 0)
        return true;
    for (unsigned i = 0; i < supervisor->capture_count; i++)
        if (supervisor->captures[i].pid > 0)
            return true;
    return false;
}

static void stop(struct supervisor *supervisor)
{
    supervisor->stopping = true;
    sd_notify(0, "STOPPING=1");
    for (unsigned i = 0; i < supervisor->capture_count; i++)
        send_stop(&supervisor->captures[i]);
    send_stop(&supervisor->counters);
}

static void note_status(struct supervisor *supervisor, int status)
{
    if (supervisor->status == EXIT_SUCCESS)
        supervisor->status = status;
}

static void plan_restart(struct child *child)
{
    child->restart_delay_s = child->restart_delay_s ? 2 * child->restart_delay_s : 1;
    if (child->restart_delay_s > LONGEST_DELAY_S)
        child->restart_delay_s = LONGEST_DELAY_S;
    child->restart_at_s = monotonic_s() + child->restart_delay_s;
}

static void note_failure(struct child *child, int wait_status)
{
    child->failing = WIFEXITED(wait_status);
    child->absent = child->failing && WEXITSTATUS(wait_status) == EXIT_ABSENT;
    if (!child->absent) {
        child->why = "see the log";
        return;
    }
    child->why = source_interface_exists(child->name) ? "it is down" : "no such interface";
    child->damper.silenced = false; /* that was said, and so is that it came */
}

static void capture_ended(struct supervisor *supervisor, struct child *child, int wait_status)
{
    bool worked = child->ready;
    char often[OFTEN_SIZE];
    bool due = note_end(child, wait_status, often);

    end_child(child);
    if (supervisor->file) {
        note_status(supervisor, WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : EXIT_TROUBLE);
        if (WIFSIGNALED(wait_status) && collectors_running(supervisor) && !supervisor->stopping) {
            log_line(LOG_PRIORITY_ERROR, "%s was not metered to its end", child->name);
            stop(supervisor); /* the others wait for it */
        }
        supervisor->stopping |= !collectors_running(supervisor);
        return;
    }
    if (supervisor->stopping)
        return;
    if (worked)
        child->why = "trying again";
    else
        note_failure(child, wait_status);
    if (worked && monotonic_s() - child->started_s > LONGEST_DELAY_S)
        child->restart_delay_s = 0;
    plan_restart(child);
    if (worked && due)
        log_line(LOG_PRIORITY_WARNING, "capture of %s stopped: trying again, with growing delay%s",
                 child->name, often);
}

/* Asked to, because there are new files, or not. */
static void counters_ended(struct supervisor *supervisor, int wait_status)
{
    struct child *counters = &supervisor->counters;
    bool worked = counters->ready;
    bool asked = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == EXIT_SUCCESS;
    char often[OFTEN_SIZE];
    bool due = !asked && !supervisor->stopping && note_end(counters, wait_status, often);

    end_child(counters);
    if (supervisor->stopping)
        return;
    if (asked) {
        counters->restart_delay_s = 0;
        return;
    }
    if (worked && monotonic_s() - counters->started_s > LONGEST_DELAY_S)
        counters->restart_delay_s = 0;
    if (due && (counters->restart_delay_s == 0 || worked))
        log_line(LOG_PRIORITY_WARNING,
                 "%s stopped: energy is not measured until it works again; trying, with growing "
                 "delay%s",
                 counters->name, often);
    plan_restart(counters);
}

static void meter_ended(struct supervisor *supervisor, int wait_status)
{
    end_child(&supervisor->meter);
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == EXIT_SUCCESS)
        return;
    log_line(LOG_PRIORITY_ERROR, "the meter ended: so does the daemon");
    note_status(supervisor, WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == EXIT_LASTING
                                ? EXIT_LASTING
                                : EXIT_TROUBLE);
    stop(supervisor);
}

static void reap(struct supervisor *supervisor)
{
    int wait_status;
    pid_t pid;

    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        if (pid == supervisor->meter.pid) {
            meter_ended(supervisor, wait_status);
            continue;
        }
        if (pid == supervisor->counters.pid) {
            counters_ended(supervisor, wait_status);
            continue;
        }
        for (unsigned i = 0; i < supervisor->capture_count; i++)
            if (supervisor->captures[i].pid == pid)
                capture_ended(supervisor, &supervisor->captures[i], wait_status);
    }
}

/* -- The loop --------------------------------------------------------------------------------- */

static void handle_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo information;

    while (read(supervisor->signals, &information, sizeof(information)) ==
           (ssize_t)sizeof(information)) {
        switch (information.ssi_signo) {
        case SIGHUP:
            if (!supervisor->stopping)
                reload(supervisor);
            break;
        case SIGCHLD:
            reap(supervisor);
            break;
        default:
            if (!supervisor->stopping)
                stop(supervisor);
        }
    }
}

static void restart_captures(struct supervisor *supervisor)
{
    int64_t now_s = monotonic_s();

    if (supervisor->stopping || supervisor->file)
        return;
    for (unsigned i = 0; i < supervisor->capture_count; i++) {
        struct child *child = &supervisor->captures[i];

        if (child->pid == 0 && now_s >= child->restart_at_s && !start_capture(supervisor, child))
            plan_restart(child);
    }
}

/* Also begins with them, when a new configuration has a host. */
static void restart_counters(struct supervisor *supervisor)
{
    struct child *counters = &supervisor->counters;

    if (!supervisor->stopping && wants_counters(supervisor) && counters->pid == 0 &&
        monotonic_s() >= counters->restart_at_s && !start_counters(supervisor)) {
        end_child(counters);
        plan_restart(counters);
    }
}

static void tell_holding(struct child *child)
{
    unsigned count;

    if (log_holds_again(&child->damper, worked_s(child), &count))
        log_line(LOG_PRIORITY_INFO, "%s%s works steadily again: it had ended %u times",
                 child->prefix, child->name, count);
}

/* Of what ended again and again. */
static void tell_what_holds(struct supervisor *supervisor)
{
    tell_holding(&supervisor->counters);
    for (unsigned i = 0; i < supervisor->capture_count; i++)
        tell_holding(&supervisor->captures[i]);
}

static bool is_captured(const struct supervisor *supervisor, unsigned place)
{
    for (unsigned i = 0; i < supervisor->capture_count; i++)
        if (supervisor->captures[i].place == place && supervisor->captures[i].ready)
            return true;
    return false;
}

/* " (ended 3 time(s))", of all workers of an interface; "" of none. */
static void list_ends(const struct supervisor *supervisor, unsigned place, char out[OFTEN_SIZE])
{
    unsigned ends = 0;

    for (unsigned i = 0; i < supervisor->capture_count; i++)
        if (supervisor->captures[i].place == place)
            ends += supervisor->captures[i].ends;
    out[0] = '\0';
    if (ends > 0)
        snprintf(out, OFTEN_SIZE, METER_INTERFACES_ENDED "%u time(s))", ends);
}

/* "eth1 (ended 3 time(s)); eth2 never opened: no such interface" */
static void list_interfaces(const struct supervisor *supervisor, char *text, size_t size)
{
    size_t length = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < supervisor->capture_count && length < size; i++) {
        const struct child *child = &supervisor->captures[i];
        bool captured = is_captured(supervisor, child->place);
        char ends[OFTEN_SIZE];

        if (child->worker != 0)
            continue;
        list_ends(supervisor, child->place, ends);
        length += (size_t)snprintf(text + length, size - length, "%s%s%s%s%s%s",
                                   length > 0 ? "; " : "", child->name,
                                   captured        ? ""
                                   : child->opened ? " stopped"
                                                   : " never opened",
                                   captured ? "" : ": ", captured ? "" : child->why, ends);
    }
}

/* Systemd, and the meter for `iagmeter status`, whenever it is something else. A meter that is busy
 * is told later. */
static void tell_interfaces(struct supervisor *supervisor)
{
    struct message message;

    if (supervisor->stopping || supervisor->file || supervisor->capture_count == 0)
        return;
    message_start(&message, MESSAGE_INTERFACES);
    list_interfaces(supervisor, message.body.interfaces, sizeof(message.body.interfaces));
    if (strcmp(message.body.interfaces, supervisor->interfaces) == 0 ||
        !message_try_send(supervisor->meter.control, &message))
        return;
    memcpy(supervisor->interfaces, message.body.interfaces, sizeof(supervisor->interfaces));
    sd_notifyf(0, "STATUS=interfaces: %s", supervisor->interfaces);
}

static bool all_alive(const struct supervisor *supervisor)
{
    int64_t limit_s = monotonic_s() - PATIENCE_S;

    if (supervisor->meter.pid == 0 || supervisor->meter.alive_s < limit_s)
        return false;
    if (supervisor->counters.pid > 0 && supervisor->counters.alive_s < limit_s)
        return false;
    for (unsigned i = 0; i < supervisor->capture_count; i++)
        if (supervisor->captures[i].pid > 0 && supervisor->captures[i].alive_s < limit_s)
            return false;
    return true;
}

static void wait_for_events(struct supervisor *supervisor)
{
    struct pollfd descriptors[MAX_CAPTURES + 3];
    struct message answer = {.type = 0};
    nfds_t count = 0;

    descriptors[count++] = (struct pollfd){.fd = supervisor->signals, .events = POLLIN};
    descriptors[count++] = (struct pollfd){.fd = supervisor->meter.control, .events = POLLIN};
    descriptors[count++] = (struct pollfd){.fd = supervisor->counters.control, .events = POLLIN};
    for (unsigned i = 0; i < supervisor->capture_count; i++)
        descriptors[count++] =
            (struct pollfd){.fd = supervisor->captures[i].control, .events = POLLIN};
    poll(descriptors, count, POLL_MS);
    hear(&supervisor->meter, SENDER_METER, &answer);
    hear(&supervisor->counters, SENDER_COUNTERS, NULL);
    tell_counters(supervisor);
    for (unsigned i = 0; i < supervisor->capture_count; i++)
        hear(&supervisor->captures[i], SENDER_CAPTURE, NULL);
    /* The meter has new files in use, after it was waited for in vain: so must all have. */
    if (answer.type == MESSAGE_RELOADED && answer.number == 1 && !supervisor->stopping)
        reload(supervisor);
}

/* Collectors go first, so that the meter gets all their sums. */
static void end_in_order(struct supervisor *supervisor, bool *meter_told, int64_t *stop_limit_s)
{
    if (!collectors_running(supervisor) && !*meter_told) {
        send_stop(&supervisor->meter);
        *meter_told = true;
    }
    if (*stop_limit_s == 0)
        *stop_limit_s = monotonic_s() + STOP_TIMEOUT_S;
    if (monotonic_s() <= *stop_limit_s)
        return;
    for (unsigned i = 0; i < supervisor->capture_count; i++)
        if (supervisor->captures[i].pid > 0)
            kill(supervisor->captures[i].pid, SIGKILL);
    if (supervisor->counters.pid > 0)
        kill(supervisor->counters.pid, SIGKILL);
}

static bool anything_running(const struct supervisor *supervisor)
{
    return supervisor->meter.pid > 0 || collectors_running(supervisor);
}

/* Runs until everything ended. Something may have, before this begins. */
static void run(struct supervisor *supervisor)
{
    int64_t stop_limit_s = 0;
    bool meter_told = false;

    while (anything_running(supervisor)) {
        handle_signals(supervisor);
        reap(supervisor);
        restart_captures(supervisor);
        restart_counters(supervisor);
        tell_what_holds(supervisor);
        tell_interfaces(supervisor);
        if (all_alive(supervisor))
            sd_notify(0, "WATCHDOG=1");
        if (supervisor->stopping)
            end_in_order(supervisor, &meter_told, &stop_limit_s);
        if (anything_running(supervisor))
            wait_for_events(supervisor);
    }
}

/* -- Start ------------------------------------------------------------------------------------ */

static bool block_signals(struct supervisor *supervisor)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
        supervisor->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (supervisor->signals >= 0)
        return true;
    log_line(LOG_PRIORITY_ERROR, "cannot wait for signals: %s", strerror(errno));
    return false;
}

/* Root makes the state directory for the user that it is about to become. One that is there already
 * is left as it is: its owner meant something by it. */
static bool prepare_state(const struct config *config)
{
    char error[256];
    bool made = mkdir(config->state_directory, 0750) == 0;

    if (!made && errno != EEXIST) {
        log_line(LOG_PRIORITY_ERROR, "%s: cannot be created: %s", config->state_directory,
                 strerror(errno));
        return false;
    }
    if (!sandbox_forgo_programs(error, sizeof(error)) ||
        (made && !sandbox_own(config->user, config->state_directory, error, sizeof(error))) ||
        !sandbox_become(config->user, true, error, sizeof(error)) ||
        !sandbox_forbid_core(error, sizeof(error))) {
        log_line(LOG_PRIORITY_ERROR, "%s", error);
        return false;
    }
    return true;
}

static void add_capture(struct supervisor *supervisor, const struct interface_config *interface,
                        unsigned place, unsigned worker)
{
    struct child *child = &supervisor->captures[supervisor->capture_count++];

    child->control = child->data = -1;
    child->interface = interface;
    child->prefix = "capture of ";
    child->name = interface ? interface->name : supervisor->file;
    child->place = place;
    child->worker = worker;
}

static bool make_memory(struct supervisor *supervisor, unsigned place)
{
    supervisor->memories[place] = recognition_memory_new(&supervisor->config->limits);
    if (supervisor->memories[place])
        return true;
    log_line(LOG_PRIORITY_ERROR, "not enough memory for the limits of the configuration");
    return false;
}

static bool list_captures(struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;

    for (unsigned i = 0; supervisor->file && i < supervisor->file_workers; i++)
        add_capture(supervisor, NULL, 0, i);
    for (unsigned i = 0; !supervisor->file && i < config->interface_count; i++) {
        const struct interface_config *interface = &config->interfaces[i];

        if (stacked_captured_as(config, i) != i) /* what was told at the start */
            continue;
        for (unsigned worker = 0; worker < interface->workers; worker++)
            add_capture(supervisor, interface, i, worker);
        if (interface->workers > 1 && !make_memory(supervisor, i))
            return false;
    }
    return supervisor->file_workers == 1 || make_memory(supervisor, 0);
}

/* While we may: the programs of the kernel that drop what is of no interest. Without them, all is
 * looked at. */
static void make_filters(struct supervisor *supervisor)
{
    char error[256];

    if (supervisor->file || !supervisor->config->kernel_filter)
        return;
    for (unsigned i = 0; i < supervisor->capture_count; i++) {
        struct child *child = &supervisor->captures[i];

        if (child->interface->filter[0] != '\0') /* a socket has one filter only */
            continue;
        child->filter = kernelfilter_new(error, sizeof(error));
        if (!child->filter) {
            snprintf(supervisor->no_filter, sizeof(supervisor->no_filter),
                     "no kernel filter for %s: %s", child->interface->name, error);
            return;
        }
    }
}

/* Once there is something to filter: who may not load it may not capture either, as a rule, and is
 * told that. */
static void tell_filters(const struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;

    for (unsigned i = 0; config->kernel_filter && i < config->interface_count; i++)
        if (config->interfaces[i].filter[0] != '\0')
            log_line(LOG_PRIORITY_INFO, "no kernel filter for %s: it has a filter of its own",
                     config->interfaces[i].name);
    if (supervisor->no_filter[0] != '\0')
        log_line(LOG_PRIORITY_INFO, "%s", supervisor->no_filter);
}

/* Opens the files for all workers; what they hold is for them to find out. */
static bool share_file(struct supervisor *supervisor)
{
    char error[512];

    if (supervisor->file_workers == 1)
        return true;
    supervisor->shared = source_share_files(supervisor->files, supervisor->file_count,
                                            supervisor->file_workers, error, sizeof(error));
    if (supervisor->shared)
        source_set_trust(supervisor->shared, &supervisor->config->trust);
    else
        log_line(LOG_PRIORITY_ERROR, "%s", error);
    return supervisor->shared != NULL;
}

/* None has told the meter anything yet. */
static void abandon_captures(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->capture_count; i++) {
        struct child *child = &supervisor->captures[i];

        if (child->pid <= 0)
            continue;
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        end_child(child);
    }
}

/* The captures begin their work while the meter opens the ledger: what they have to say waits in
 * their sockets. */
static bool start_meter_and_captures(struct supervisor *supervisor)
{
    int wait_status = 0;

    if (!start_meter(supervisor))
        return false;
    for (unsigned i = 0; i < supervisor->capture_count; i++)
        fork_collector(supervisor, &supervisor->captures[i]);
    source_close(supervisor->shared); /* no packet is to be seen here */
    supervisor->shared = NULL;
    if (!await_ready(supervisor, &supervisor->meter, SENDER_METER, &wait_status))
        supervisor->status = status_of(wait_status);
    else if (tell_names(supervisor))
        return true;
    else
        log_line(LOG_PRIORITY_ERROR, "the meter takes no names");
    abandon_captures(supervisor);
    return false;
}

/* Whether an interface is not there, or down, which may change. */
static bool may_come(const struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->capture_count; i++)
        if (supervisor->captures[i].absent)
            return true;
    return false;
}

/* Returns how many captures work. What fails is tried again later; it has said why. */
static unsigned await_captures(struct supervisor *supervisor)
{
    unsigned started = 0;
    int wait_status = 0;

    for (unsigned i = 0; i < supervisor->capture_count && !supervisor->stopping; i++) {
        struct child *child = &supervisor->captures[i];

        wait_status = 0;
        if (child->pid > 0 && introduce_to_meter(supervisor, child) &&
            await_ready(supervisor, child, SENDER_CAPTURE, &wait_status)) {
            started++;
            continue;
        }
        if (supervisor->file) { /* its part of the file would be missing */
            started = 0;
            break;
        }
        note_failure(child, wait_status);
        plan_restart(child);
    }
    if (started == 0 && supervisor->capture_count > 0 && !may_come(supervisor))
        note_status(supervisor, status_of(wait_status));
    return started;
}

/* Of which at least one process works. */
static unsigned count_interfaces(const struct supervisor *supervisor)
{
    bool works[MAX_INTERFACES] = {false};
    unsigned count = 0;

    for (unsigned i = 0; i < supervisor->capture_count; i++) {
        const struct child *child = &supervisor->captures[i];

        count += child->ready && !works[child->place];
        works[child->place] |= child->ready;
    }
    return count;
}

static void tell_start(const struct supervisor *supervisor, unsigned started)
{
    if (started == 0 && supervisor->capture_count > 0)
        log_line(LOG_PRIORITY_WARNING,
                 "no interface can be metered yet: trying again, with growing delay");
    else
        log_line(LOG_PRIORITY_INFO, "metering %u interface(s)%s", count_interfaces(supervisor),
                 started < supervisor->capture_count ? "; trying the others again, with growing "
                                                       "delay"
                                                     : "");
}

/* To open nothing is fatal, unless an interface may come. */
static bool start_all(struct supervisor *supervisor)
{
    unsigned started;

    if (!share_file(supervisor) || !start_meter_and_captures(supervisor))
        return false;
    started = await_captures(supervisor);
    if (started == 0 && !may_come(supervisor) &&
        !(supervisor->capture_count == 0 && wants_counters(supervisor)))
        return false;
    if (supervisor->file) {
        sd_notifyf(0, "READY=1\nSTATUS=metering %s", supervisor->file);
        return true;
    }
    sd_notify(0, "READY=1");
    tell_start(supervisor, started);
    tell_filters(supervisor);
    return true;
}

/* More than one that we may use. */
static bool has_processors(void)
{
    cpu_set_t processors;

    return sched_getaffinity(0, sizeof(processors), &processors) == 0 && CPU_COUNT(&processors) > 1;
}

static void name_capture(struct supervisor *supervisor)
{
    if (supervisor->file_count == 0)
        return;
    source_name_files(supervisor->files, supervisor->file_count, supervisor->capture_name,
                      sizeof(supervisor->capture_name));
    supervisor->file = supervisor->capture_name;
}

int supervisor_run(struct config *config, const char *const *files, unsigned file_count,
                   unsigned workers)
{
    struct supervisor supervisor = {.config = config,
                                    .files = files,
                                    .file_count = file_count,
                                    .file_workers = workers > 0 ? workers : 1,
                                    .file_ahead = workers == 0 && has_processors(),
                                    .signals = -1};

    name_capture(&supervisor);
    supervisor.meter.prefix = supervisor.counters.prefix = "";
    supervisor.meter.name = "the meter";
    supervisor.meter.control = supervisor.meter.data = -1;
    supervisor.counters.name = "the counters process";
    supervisor.counters.control = supervisor.counters.data = -1;
    if (!list_captures(&supervisor) || !block_signals(&supervisor)) {
        supervisor.status = EXIT_TROUBLE;
        goto out;
    }
    make_filters(&supervisor);
    if (!prepare_state(config)) {
        supervisor.status = EXIT_TROUBLE;
        goto out;
    }
    if (!start_all(&supervisor)) {
        if (supervisor.stopping) /* because we were asked to */
            supervisor.status = EXIT_SUCCESS;
        else if (supervisor.status == EXIT_SUCCESS)
            supervisor.status = EXIT_TROUBLE;
        stop(&supervisor);
    } else if (supervisor.stopping) { /* since before all had begun: those that did are told now */
        stop(&supervisor);
    }
    run(&supervisor);
out:
    if (supervisor.signals >= 0)
        close(supervisor.signals);
    for (unsigned i = 0; i < supervisor.capture_count; i++)
        kernelfilter_free(supervisor.captures[i].filter);
    for (unsigned i = 0; i < MAX_INTERFACES; i++)
        recognition_memory_free(supervisor.memories[i]);
    config_free(supervisor.config);
    return supervisor.status;
}
