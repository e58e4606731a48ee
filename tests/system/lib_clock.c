/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Preloaded in tests, lets a program's time pass CLOCK_FACTOR times as fast since CLOCK_BEGIN (Unix
 * time in seconds): what takes half an hour can then be tested whole. All programs of a test that
 * have the same two have the same time. The monotonic clock of the process that was started by hand
 * stays as it is, so that a supervisor is as patient as it is with the real one. */

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_poll)(struct pollfd *, nfds_t, int);
static int64_t factor = 1;
static int64_t begin_ns;
static int64_t monotonic_begin_ns;
static pid_t supervisor;

static int64_t real_ns(clockid_t clock)
{
    struct timespec now;

    real_clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Also constructors of other libraries ask for the time. */
static __attribute__((constructor)) void begin(void)
{
    const char *text = getenv("CLOCK_FACTOR");
    const char *since = getenv("CLOCK_BEGIN");

    if (real_clock_gettime)
        return;
    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    *(void **)&real_poll = dlsym(RTLD_NEXT, "poll");
    begin_ns = (since ? strtoll(since, NULL, 10) : 0) * NS_PER_S;
    factor = text && since ? strtoll(text, NULL, 10) : 1;
    monotonic_begin_ns = real_ns(CLOCK_MONOTONIC) - (real_ns(CLOCK_REALTIME) - begin_ns);
    if (strcmp(program_invocation_short_name, "iagmeterd") == 0)
        supervisor = getpid();
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    bool is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    bool is_monotonic = clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE;
    int64_t since_ns;
    int64_t now_ns;

    begin();
    if (!is_wall && (!is_monotonic || getpid() == supervisor))
        return real_clock_gettime(clock, out);
    since_ns = is_wall ? begin_ns : monotonic_begin_ns;
    now_ns = since_ns + (real_ns(clock) - since_ns) * factor;
    *out = (struct timespec){now_ns / NS_PER_S, now_ns % NS_PER_S};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

int poll(struct pollfd *descriptors, nfds_t count, int timeout_ms)
{
    begin();
    if (timeout_ms > 0) /* at least a little, or it would be a loop that waits for nothing */
        timeout_ms = (int)(timeout_ms / factor) + 1;
    return real_poll(descriptors, count, timeout_ms);
}

unsigned sleep(unsigned seconds)
{
    return poll(NULL, 0, (int)seconds * 1000) < 0 ? seconds : 0;
}
