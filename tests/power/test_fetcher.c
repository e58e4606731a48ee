/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/fetcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>

#include "tests/daemon/overhear.h"

enum { HOUR_MS = 3600000 };

/* A fetch that does what the test says, when it says so. */
struct scripted {
    sem_t go; /* a fetch waits for it, unless FREE */
    bool free;
    atomic_uint begun;
    atomic_uint done;
    _Atomic enum power_status status;
    atomic_bool complains;
    atomic_bool stop_seen;
    bool signals_blocked;
};

static struct scripted scripted;
static struct fetcher *fetcher;
static struct power_reading reading;
static _Atomic int64_t clock_ns;

static int64_t read_clock(void *context)
{
    (void)context;
    return atomic_load(&clock_ns);
}

static void fetch(void *context, const atomic_bool *stop, struct fetched *results, char *why,
                  size_t why_size)
{
    struct scripted *script = context;
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    script->signals_blocked = sigismember(&blocked, SIGTERM) == 1;
    atomic_fetch_add(&script->begun, 1);
    while (!script->free && sem_trywait(&script->go) != 0)
        if (atomic_load(stop)) {
            atomic_store(&script->stop_seen, true);
            return;
        }
    results[0] = (struct fetched){atomic_load(&script->status), 42};
    results[1] = (struct fetched){script->free ? atomic_load(&script->status) : POWER_NOT_YET, 0};
    if (atomic_load(&script->complains))
        snprintf(why, why_size, "no answer");
    atomic_fetch_add(&script->done, 1);
}

static void start(struct scripted *script, unsigned every_ms, struct fetcher **out)
{
    const struct fetcher_task task = {
        .name = "redfish bmc1",
        .every_ms = every_ms,
        .channel_count = 2,
        .fetch = fetch,
        .context = script,
        .now_ns = read_clock,
    };

    sem_init(&script->go, 0, 0);
    *out = fetcher_start(&task);
    assert_non_null(*out);
}

static int setup(void **state)
{
    (void)state;
    memset(&scripted, 0, sizeof(scripted));
    atomic_store(&clock_ns, 0);
    overhear_start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fetcher_stop(fetcher);
    fetcher = NULL;
    return 0;
}

static enum power_status await(size_t channel)
{
    enum power_status status;

    while ((status = fetcher_read(fetcher, channel, &reading)) == POWER_NOT_YET)
        usleep(200);
    return status;
}

static void await_begun(unsigned count)
{
    while (atomic_load(&scripted.begun) < count)
        usleep(200);
}

static void what_came_is_handed_over_once(void **state)
{
    (void)state;
    atomic_store(&clock_ns, 77);
    start(&scripted, HOUR_MS, &fetcher);
    sem_post(&scripted.go);
    assert_int_equal(await(0), POWER_OK);
    assert_int_equal(reading.value, 42);
    assert_int_equal(reading.at_ns, 77);
    assert_int_equal(fetcher_read(fetcher, 0, &reading), POWER_NOT_YET);
    assert_int_equal(fetcher_read(fetcher, 1, &reading), POWER_NOT_YET);
    assert_true(scripted.signals_blocked);
    assert_string_equal(overhear_stop(), "");
}

static void reading_does_not_wait_for_a_fetch(void **state)
{
    (void)state;
    start(&scripted, 1, &fetcher);
    sem_post(&scripted.go);
    assert_int_equal(await(0), POWER_OK);
    await_begun(2);
    assert_int_equal(fetcher_read(fetcher, 0, &reading), POWER_NOT_YET);
    sem_post(&scripted.go);
    assert_int_equal(await(0), POWER_OK);
    overhear_stop();
}

static void fetch_again(enum power_status status)
{
    unsigned begun = atomic_load(&scripted.begun);

    atomic_store(&scripted.status, status);
    sem_post(&scripted.go);
    await_begun(begun + 1); /* so this one was handed over */
}

static void a_counter_that_began_anew_is_told_however_late(void **state)
{
    (void)state;
    start(&scripted, 1, &fetcher);
    await_begun(1);
    fetch_again(POWER_OK);
    fetch_again(POWER_ANEW);
    fetch_again(POWER_OK);
    assert_int_equal(fetcher_read(fetcher, 0, &reading), POWER_ANEW);
    assert_int_equal(fetcher_read(fetcher, 0, &reading), POWER_NOT_YET);
    fetch_again(POWER_OK);
    assert_int_equal(fetcher_read(fetcher, 0, &reading), POWER_OK);
    overhear_stop();
}

/* Were it waited for, this would take an hour. */
static void stopping_ends_a_wait_and_a_fetch(void **state)
{
    (void)state;
    start(&scripted, HOUR_MS, &fetcher);
    await_begun(1);
    fetcher_stop(fetcher);
    assert_true(atomic_load(&scripted.stop_seen));
    start(&scripted, HOUR_MS, &fetcher);
    sem_post(&scripted.go);
    assert_int_equal(await(0), POWER_OK);
    fetcher_stop(fetcher);
    fetcher = NULL;
    fetcher_stop(NULL);
    overhear_stop();
}

static void failures_are_handed_over_and_said_once(void **state)
{
    const char *said;

    (void)state;
    atomic_store(&scripted.status, POWER_DENIED);
    atomic_store(&scripted.complains, true);
    start(&scripted, 1, &fetcher);
    for (int i = 0; i < 3; i++) {
        sem_post(&scripted.go);
        assert_int_equal(await(0), POWER_DENIED);
    }
    await_begun(4);
    said = overhear_stop();
    assert_one_line(said, "redfish bmc1: no answer", "warning");
}

static void the_end_of_a_failure_is_said(void **state)
{
    (void)state;
    atomic_store(&scripted.status, POWER_FAILED);
    atomic_store(&scripted.complains, true);
    start(&scripted, 1, &fetcher);
    sem_post(&scripted.go);
    assert_int_equal(await(0), POWER_FAILED);
    await_begun(2);
    overhear_stop();
    overhear_start();
    atomic_store(&scripted.status, POWER_OK);
    atomic_store(&scripted.complains, false);
    for (int i = 0; i < 2; i++) {
        sem_post(&scripted.go);
        assert_int_equal(await(0), POWER_OK);
    }
    await_begun(4);
    assert_one_line(overhear_stop(), "redfish bmc1", "can be read again");
}

/* Beside one that succeeds as often as it can, one that fails has fallen behind. */
static void after_failures_it_asks_more_rarely(void **state)
{
    static struct scripted failing;
    struct fetcher *other;

    (void)state;
    scripted.free = failing.free = true;
    atomic_store(&failing.status, POWER_FAILED);
    start(&failing, 1, &other);
    start(&scripted, 1, &fetcher);
    while (atomic_load(&scripted.done) < 400)
        usleep(1000);
    assert_true(atomic_load(&failing.done) < 200);
    fetcher_stop(other);
    overhear_stop();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_came_is_handed_over_once),
        TEST(reading_does_not_wait_for_a_fetch),
        TEST(stopping_ends_a_wait_and_a_fetch),
        TEST(failures_are_handed_over_and_said_once),
        TEST(the_end_of_a_failure_is_said),
        TEST(after_failures_it_asks_more_rarely),
        TEST(a_counter_that_began_anew_is_told_however_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
