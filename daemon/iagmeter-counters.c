/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The counters process, started by iagmeterd: reads power meters, and asks inference servers what
 * they counted. A program of its own, so that the libraries that this takes are loaded nowhere
 * else. Descriptor 3 is its socket to the start-up process, 4 to the meter. `iagmeter power` starts
 * it to list the meters instead. */

#include "daemon/calendar.h"
#include "daemon/capture.h"
#include "daemon/counters.h"
#include "daemon/hostsources.h"
#include "daemon/log.h"
#include "daemon/powerlist.h"
#include "daemon/rules.h"
#include "daemon/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONTROL   3
#define DATA      4
#define SECOND_NS 1000000000LL
#define ALIVE_NS  (5 * SECOND_NS)
#define STATES_NS (10 * SECOND_NS)
/* How long the meter may take for what is left at the end. */
#define LAST_WAIT_NS (5 * SECOND_NS)

struct process {
    const char *config_path;
    struct config *config;
    struct hostsources *sources;
    struct counters *counters;
    struct rules rules;  /* that are coming */
    struct rules in_use; /* which the sources may look at */
    int64_t sample_ns;   /* between two looks at the meters */
    int64_t alive_ns;
    int64_t states_ns;
    bool stop;
    bool meter_gone;
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void send_control(struct process *process, enum message_type type)
{
    struct message message;

    message_start(&message, type);
    if (!message_send(CONTROL, &message))
        process->stop = true;
}

/* -- To the meter ----------------------------------------------------------------------------- */

static bool try_send(struct process *process, const struct message *message)
{
    if (process->meter_gone || message_try_send(DATA, message))
        return !process->meter_gone;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        process->meter_gone = process->stop = true;
    return false;
}

static void flush(struct process *process)
{
    const struct message *message;

    while ((message = counters_next(process->counters)) != NULL && try_send(process, message))
        counters_sent(process->counters);
}

static void tell_states(struct process *process, int64_t monotonic_ns)
{
    struct message message;

    if (monotonic_ns < process->states_ns)
        return;
    process->states_ns = monotonic_ns + STATES_NS;
    message_start(&message, MESSAGE_SOURCE);
    while (hostsources_next_state(process->sources, &message.body.source)) {
        if (message_check(&message, SENDER_COUNTERS) && !try_send(process, &message))
            return; /* it comes again in the next round */
        hostsources_told(process->sources, &message.body.source);
    }
}

static void drain(struct process *process)
{
    int64_t limit_ns = now_ns(CLOCK_MONOTONIC) + LAST_WAIT_NS;
    struct pollfd descriptor = {.fd = DATA, .events = POLLOUT};

    flush(process);
    while (counters_next(process->counters) && !process->meter_gone &&
           now_ns(CLOCK_MONOTONIC) < limit_ns) {
        poll(&descriptor, 1, 100);
        flush(process);
    }
    if (counters_next(process->counters))
        log_line(LOG_PRIORITY_ERROR, "the meter did not take what the counters measured last");
}

/* -- From the start-up process ---------------------------------------------------------------- */

static void take_rules(struct process *process, const struct message *message)
{
    switch (rules_take(&process->rules, message)) {
    case RULES_MORE:
        return;
    case RULES_FAILED:
        log_line(LOG_PRIORITY_ERROR, "the counters process could not use the rules");
        process->stop = true;
        return;
    case RULES_COMPLETE:
        hostsources_set_rules(process->sources, process->rules.catalogue,
                              process->rules.directions);
        rules_clear(&process->in_use);
        process->in_use = process->rules;
        memset(&process->rules, 0, sizeof(process->rules));
        return;
    }
}

static void read_control(struct process *process)
{
    struct message message;

    while (!process->stop) {
        switch (message_receive(CONTROL, SENDER_SUPERVISOR, false, &message, NULL)) {
        case MESSAGE_NONE_YET:
            return;
        case MESSAGE_RECEIVED:
            if (message.type == MESSAGE_STOP)
                process->stop = true;
            else
                take_rules(process, &message);
            break;
        default: /* the start-up process is gone: end as if it had asked */
            process->stop = true;
        }
    }
}

/* -- The loop --------------------------------------------------------------------------------- */

static void say_alive(struct process *process, int64_t monotonic_ns)
{
    if (monotonic_ns < process->alive_ns)
        return;
    process->alive_ns = monotonic_ns + ALIVE_NS;
    send_control(process, MESSAGE_ALIVE);
}

/* Until the next sample, or the end of the interval if that comes first. */
static int wait_ms(const struct process *process, int64_t next_ns)
{
    int64_t left_ns = next_ns - now_ns(CLOCK_MONOTONIC);
    int64_t end_ns = counters_deadline_ns(process->counters) - now_ns(CLOCK_REALTIME);

    if (end_ns > 0 && end_ns < left_ns)
        left_ns = end_ns;
    return left_ns > 0 ? (int)((left_ns + 999999) / 1000000) : 0;
}

/* Before the first look at meters, which may take longer than the start-up process, which sends the
 * names now, waits for who does not listen. */
static void await_rules(struct process *process)
{
    struct pollfd descriptor = {.fd = CONTROL, .events = POLLIN};

    while (!process->stop && !process->in_use.catalogue) {
        poll(&descriptor, 1, (int)(ALIVE_NS / 1000000));
        read_control(process);
        say_alive(process, now_ns(CLOCK_MONOTONIC));
    }
}

static int run(struct process *process)
{
    struct pollfd descriptor = {.fd = CONTROL, .events = POLLIN};

    await_rules(process);
    while (!process->stop) {
        int64_t monotonic_ns = now_ns(CLOCK_MONOTONIC);
        int64_t next_ns = monotonic_ns + process->sample_ns;

        counters_tick(process->counters, now_ns(CLOCK_REALTIME),
                      hostsources_now_ns(process->sources));
        flush(process);
        tell_states(process, monotonic_ns);
        say_alive(process, monotonic_ns);
        poll(&descriptor, 1, wait_ms(process, next_ns));
        read_control(process);
    }
    counters_finish(process->counters, now_ns(CLOCK_REALTIME),
                    hostsources_now_ns(process->sources));
    drain(process);
    return process->meter_gone ? EXIT_TROUBLE : EXIT_SUCCESS;
}

static bool load_config(struct process *process)
{
    struct diagnostics *diagnostics = diagnostics_new();
    const char *text;

    if (!diagnostics)
        return false;
    process->config = config_load(process->config_path, NULL, diagnostics);
    for (size_t i = 0; !process->config && (text = diagnostics_text(diagnostics, i)) != NULL; i++)
        log_line(LOG_PRIORITY_ERROR, "%s", text);
    diagnostics_free(diagnostics);
    if (!process->config)
        return false;
    /* Whose key is whose is no matter of this process, which reads what servers say. */
    explicit_bzero(&process->config->inference.secret, sizeof(process->config->inference.secret));
    process->config->inference.has_secret = false;
    process->config->inference.key_count = 0;
    return true;
}

static bool enter_sandbox(const struct config *config, const char *root)
{
    const char *readable[HOSTSOURCES_READABLE + 1];
    char error[256];
    size_t count = 0;

    hostsources_readable(config, readable);
    while (readable[count])
        count++;
    readable[count] = root;
    readable[count + 1] = NULL;
    if (sandbox_counters(readable, hostsources_network(config), error, sizeof(error)))
        return true;
    log_line(LOG_PRIORITY_ERROR, "%s", error);
    return false;
}

/* In the sandbox already: sources are opened again whenever one went away. */
static bool open_all(struct process *process)
{
    struct counters_sources sources;

    process->sample_ns = SECOND_NS;
    if (process->config->host)
        process->sample_ns = (int64_t)process->config->host->power.interval_ms * 1000000;
    process->sources = hostsources_open(process->config);
    if (process->sources) {
        sources = hostsources_counters(process->sources);
        process->counters = counters_new(&sources);
    }
    if (process->counters)
        return true;
    log_line(LOG_PRIORITY_ERROR, "out of memory");
    return false;
}

static int count(struct process *process)
{
    int status = EXIT_TROUBLE;

    if (!sandbox_has_landlock())
        log_line(LOG_PRIORITY_INFO, "the counters process can read all files that its user can: "
                                    "the kernel, or a filter, has no Landlock for it");
    if (load_config(process) && enter_sandbox(process->config, NULL) && open_all(process)) {
        send_control(process, MESSAGE_READY);
        status = run(process);
    }
    counters_free(process->counters);
    hostsources_close(process->sources);
    rules_clear(&process->rules);
    rules_clear(&process->in_use);
    config_free(process->config);
    return status;
}

/* -- The list --------------------------------------------------------------------------------- */

/* Before anything is configured, with what is so by default. ROOT "": as configured. */
static int list(struct process *process, const char *seconds, const char *root)
{
    struct config none = {.host = NULL};
    struct power_config power = power_defaults;
    const struct config *config = &none;
    int status = EXIT_TROUBLE;

    if (access(process->config_path, R_OK) == 0 && !load_config(process))
        return EXIT_CONFIGURATION;
    if (process->config && process->config->host) {
        config = process->config;
        power = config->host->power;
    }
    if (root[0] != '\0')
        snprintf(power.root, sizeof(power.root), "%s", root);
    if (enter_sandbox(config, power.root) &&
        powerlist_run(&power, config->host, (unsigned)strtoul(seconds, NULL, 10), stdout))
        status = EXIT_SUCCESS;
    config_free(process->config);
    return status;
}

int main(int argc, char **argv)
{
    struct process process = {.stop = false};
    const char *seconds = NULL;
    const char *root = "";
    int option;

    while ((option = getopt(argc, argv, "c:l:r:")) != -1) {
        if (option == 'c')
            process.config_path = optarg;
        else if (option == 'l')
            seconds = optarg;
        else if (option == 'r')
            root = optarg;
    }
    log_open(seconds ? "iagmeter" : "iagmeterd");
    if (!process.config_path || optind != argc) {
        log_line(LOG_PRIORITY_ERROR, "iagmeter-counters is started by iagmeterd, not by hand");
        return EXIT_CONFIGURATION;
    }
    return seconds ? list(&process, seconds, root) : count(&process);
}
