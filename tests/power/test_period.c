/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/ipmi.h"
#include "collectors/power/redfish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/power/source.h"

/* How often sources ask a device over the network, which here is never there: so each fetch fails
 * at once, and the next is due in twice the period, then in four times that. Their clock is
 * stepped: whoever waits is told here until when, and that this has come. */

#define EVERY_MS 20000
#define NS_PER_S INT64_C(1000000000)
#define PERIOD   (EVERY_MS / 1000 * NS_PER_S)

static pthread_mutex_t steps = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t waits = PTHREAD_COND_INITIALIZER;
static int64_t due_ns;     /* the waiter's; 0: nobody waits */
static int64_t waiting_ns; /* since when it does */
static bool is_time;

static int64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Instead of the library's. Who is signalled is told so before long: it looks whether to stop. */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                           const struct timespec *due)
{
    const struct timespec pause = {0, 1000000};
    bool is_over;

    (void)condition;
    pthread_mutex_unlock(mutex);
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&steps);
    if (due_ns == 0)
        waiting_ns = monotonic_ns();
    due_ns = due->tv_sec * NS_PER_S + due->tv_nsec;
    is_over = is_time;
    if (is_over)
        due_ns = 0;
    is_time = false;
    pthread_cond_broadcast(&waits);
    pthread_mutex_unlock(&steps);
    pthread_mutex_lock(mutex);
    return is_over ? ETIMEDOUT : 0;
}

/* Waits until the source does. What it waits for is MULTIPLE periods after a fetch that began
 * between SINCE_NS and when it began to wait: no machine is too slow for that. */
static void assert_waits(int64_t since_ns, int64_t multiple)
{
    int64_t due, waiting;

    pthread_mutex_lock(&steps);
    while (due_ns == 0)
        pthread_cond_wait(&waits, &steps);
    due = due_ns;
    waiting = waiting_ns;
    pthread_mutex_unlock(&steps);
    assert_true(due >= since_ns + multiple * PERIOD);
    assert_true(due <= waiting + multiple * PERIOD);
}

/* Until its wait is over. Returns when that was. */
static int64_t step(void)
{
    int64_t now_ns = monotonic_ns();

    pthread_mutex_lock(&steps);
    is_time = true;
    while (is_time)
        pthread_cond_wait(&waits, &steps);
    pthread_mutex_unlock(&steps);
    return now_ns;
}

static void assert_period(const struct power_source *tried, const void *options)
{
    int64_t since_ns = monotonic_ns();

    due_ns = 0;
    open_source(tried, options);
    assert_true(channel_count > 0);
    for (size_t i = 0; i < channel_count; i++)
        assert_int_equal(channels[i].every_ms, EVERY_MS);
    assert_waits(since_ns, 2);
    assert_waits(step(), 4);
    close_source();
}

static void redfish_asks_at_its_period(void **state)
{
    static struct redfish_options options = {
        .url = "http://127.0.0.1:1", .every_ms = EVERY_MS, .timeout_ms = 100};

    (void)state;
    assert_period(&power_redfish, &options);
}

/* A file is no device that answers. */
static void ipmi_asks_at_its_period(void **state)
{
    static struct ipmi_options options = {
        .device = "/ipmi0", .every_ms = EVERY_MS, .timeout_ms = 100};

    (void)state;
    scratch_write("ipmi0", "");
    assert_period(&power_ipmi, &options);
}

static int teardown(void **state)
{
    close_source();
    return scratch_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(redfish_asks_at_its_period, setup_source, teardown),
        cmocka_unit_test_setup_teardown(ipmi_asks_at_its_period, setup_source, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
