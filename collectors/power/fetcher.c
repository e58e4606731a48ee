/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/fetcher.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/log.h"

enum { MOST_DOUBLINGS = 6, LONGEST_DELAY_MS = 300000, WHY_SIZE = 320 };

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

struct handed_over {
    struct fetched result;
    int64_t at_ns;
    bool fresh;
};

struct fetcher {
    struct fetcher_task task;
    pthread_t thread;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t wake;
    struct handed_over channels[POWER_MAX_CHANNELS];
    atomic_bool stop;
    /* The thread's own. */
    unsigned failures; /* in a row, of all channels */
    bool complained;
    struct log_damper damper;
};

static bool all_failed(const struct fetcher *fetcher, const struct fetched *results)
{
    for (size_t i = 0; i < fetcher->task.channel_count; i++)
        if (results[i].status == POWER_OK || results[i].status == POWER_NOT_YET)
            return false;
    return true;
}

static int64_t delay_ms(const struct fetcher *fetcher)
{
    int64_t every = fetcher->task.every_ms;
    unsigned doublings = fetcher->failures < MOST_DOUBLINGS ? fetcher->failures : MOST_DOUBLINGS;
    int64_t longest = every > LONGEST_DELAY_MS ? every : LONGEST_DELAY_MS;
    int64_t delay = every << doublings;

    return delay < longest ? delay : longest;
}

static void note_outcome(struct fetcher *fetcher, const struct fetched *results, const char *why,
                         int64_t now_ns)
{
    uint64_t silenced;

    fetcher->failures = all_failed(fetcher, results) ? fetcher->failures + 1 : 0;
    if (why[0] == '\0') {
        if (fetcher->complained)
            log_line(LOG_PRIORITY_INFO, "%s: can be read again", fetcher->task.name);
        fetcher->complained = false;
    } else if (log_due(&fetcher->damper, now_ns / NS_PER_S, &silenced)) {
        log_line(LOG_PRIORITY_WARNING, "%s: %s; trying again (and %" PRIu64 " times unsaid)",
                 fetcher->task.name, why, silenced);
        fetcher->complained = true;
    }
}

/* That a counter began anew is told, however late somebody reads: what came next would look as if
 * it went on. */
static bool must_be_told(const struct handed_over *over)
{
    return over->fresh && over->result.status == POWER_ANEW;
}

static void hand_over(struct fetcher *fetcher, const struct fetched *results, int64_t now_ns)
{
    pthread_mutex_lock(&fetcher->mutex);
    for (size_t i = 0; i < fetcher->task.channel_count; i++)
        if (results[i].status != POWER_NOT_YET && !must_be_told(&fetcher->channels[i]))
            fetcher->channels[i] = (struct handed_over){results[i], now_ns, true};
    pthread_mutex_unlock(&fetcher->mutex);
}

static void fetch_once(struct fetcher *fetcher)
{
    struct fetched results[POWER_MAX_CHANNELS];
    char why[WHY_SIZE] = "";
    int64_t now_ns;

    for (size_t i = 0; i < POWER_MAX_CHANNELS; i++)
        results[i] = (struct fetched){POWER_FAILED, 0};
    fetcher->task.fetch(fetcher->task.context, &fetcher->stop, results, why, sizeof(why));
    if (atomic_load(&fetcher->stop))
        return;
    now_ns = fetcher->task.now_ns(fetcher->task.clock);
    hand_over(fetcher, results, now_ns);
    note_outcome(fetcher, results, why, now_ns);
}

/* Since this begins when the fetch before did, slow answers do not make the readings rarer. */
static void wait_until(struct fetcher *fetcher, struct timespec *due)
{
    int64_t due_ns = due->tv_sec * NS_PER_S + due->tv_nsec + delay_ms(fetcher) * NS_PER_MS;

    due->tv_sec = due_ns / NS_PER_S;
    due->tv_nsec = due_ns % NS_PER_S;
    pthread_mutex_lock(&fetcher->mutex);
    while (!atomic_load(&fetcher->stop) &&
           pthread_cond_timedwait(&fetcher->wake, &fetcher->mutex, due) == 0)
        ;
    pthread_mutex_unlock(&fetcher->mutex);
}

static void *run(void *argument)
{
    struct fetcher *fetcher = argument;

    while (!atomic_load(&fetcher->stop)) {
        struct timespec begun;

        clock_gettime(CLOCK_MONOTONIC, &begun);
        fetch_once(fetcher);
        wait_until(fetcher, &begun);
    }
    return NULL;
}

/* Signals are for the thread that runs the program. */
static bool start_thread(struct fetcher *fetcher)
{
    sigset_t all;
    sigset_t before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&fetcher->thread, NULL, run, fetcher) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void release(struct fetcher *fetcher)
{
    pthread_cond_destroy(&fetcher->wake);
    pthread_mutex_destroy(&fetcher->mutex);
    free(fetcher);
}

struct fetcher *fetcher_start(const struct fetcher_task *task)
{
    struct fetcher *fetcher = calloc(1, sizeof(*fetcher));
    pthread_condattr_t attributes;

    if (!fetcher)
        return NULL;
    fetcher->task = *task;
    pthread_mutex_init(&fetcher->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&fetcher->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (start_thread(fetcher))
        return fetcher;
    release(fetcher);
    return NULL;
}

enum power_status fetcher_read(struct fetcher *fetcher, size_t channel,
                               struct power_reading *reading)
{
    struct handed_over *over = &fetcher->channels[channel];
    enum power_status status = POWER_NOT_YET;

    pthread_mutex_lock(&fetcher->mutex);
    if (over->fresh) {
        status = over->result.status;
        *reading = (struct power_reading){over->result.value, over->at_ns};
        over->fresh = false;
    }
    pthread_mutex_unlock(&fetcher->mutex);
    return status;
}

void fetcher_stop(struct fetcher *fetcher)
{
    if (!fetcher)
        return;
    pthread_mutex_lock(&fetcher->mutex);
    atomic_store(&fetcher->stop, true);
    pthread_cond_signal(&fetcher->wake);
    pthread_mutex_unlock(&fetcher->mutex);
    pthread_join(fetcher->thread, NULL);
    release(fetcher);
}

void *fetcher_open_source(const struct fetched_kind *kind, const struct power_setup *setup,
                          char *error, size_t error_size)
{
    struct fetched_source *source = setup->options ? calloc(1, kind->state_size) : NULL;
    struct fetcher_task task = {
        .fetch = kind->fetch,
        .context = source,
        .now_ns = setup->now_ns,
        .clock = setup->context,
    };

    error[0] = '\0';
    if (!setup->options)
        return NULL;
    snprintf(error, error_size, "out of memory");
    if (!source)
        return NULL;
    if (kind->prepare(source, setup, &task, error, error_size) &&
        (source->fetcher = fetcher_start(&task)) != NULL) {
        error[0] = '\0';
        return source;
    }
    kind->close(source);
    return NULL;
}

enum power_status fetcher_read_source(void *state, size_t channel, struct power_reading *reading)
{
    const struct fetched_source *source = state;

    return fetcher_read(source->fetcher, channel, reading);
}
