/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/power/timeline.h"
#include "daemon/calendar.h"
#include "tests/capture/near.h"

#include <stdlib.h>
#include <string.h>

#define S     1000000000LL
#define START INT64_C(1800000000) /* a multiple of 60 */

/* One device that draws 100 W from monotonic 0 on, and servers that count. */
struct world {
    int64_t known_until_ns;
    int64_t taken_until_ns;
    int64_t now_ns; /* for who forgets */
    unsigned samples;
    size_t devices;
    size_t uses; /* that wait to be taken */
    struct counters *counters;
};

static void sample(void *context)
{
    ((struct world *)context)->samples++;
}

static bool complete(void *context, int64_t until_ns)
{
    return ((struct world *)context)->known_until_ns >= until_ns;
}

static size_t devices(void *context, struct power_device out[MAX_POWER_DEVICES])
{
    const struct world *world = context;

    memset(out, 0, world->devices * sizeof(*out));
    for (size_t i = 0; i < world->devices; i++)
        memcpy(out[i].name, i == 0 ? "host" : "gpu0", 5);
    return world->devices;
}

static size_t take_energy(void *context, int64_t until_ns,
                          struct device_energy out[MAX_POWER_DEVICES])
{
    struct world *world = context;
    int64_t length_ns = until_ns - world->taken_until_ns;

    assert_true(length_ns >= 0);
    memset(out, 0, sizeof(*out));
    out[0].covered_ns = (uint64_t)length_ns;
    out[0].energy_j = 100 * (double)length_ns / 1e9;
    out[0].carried_j = -out[0].energy_j / 4;
    world->taken_until_ns = until_ns;
    return 1;
}

static size_t take_use(void *context, struct server_use *out, size_t size)
{
    struct world *world = context;
    size_t count = world->uses < size ? world->uses : size;

    memset(out, 0, count * sizeof(*out));
    for (size_t i = 0; i < count; i++)
        out[i].requests = 1;
    world->uses -= count;
    return count;
}

typedef size_t energy_taker(void *, int64_t, struct device_energy[MAX_POWER_DEVICES]);

static void open_world_of(struct world *world, energy_taker *take)
{
    const struct counters_sources sources = {world, sample, complete, devices, take, take_use};

    *world = (struct world){.devices = 1, .known_until_ns = INT64_MAX};
    world->counters = counters_new(&sources);
    assert_non_null(world->counters);
}

static void open_world(struct world *world)
{
    open_world_of(world, take_energy);
}

/* Seconds of the wall clock since START, and of the monotonic one. */
static void tick(struct world *world, double wall_s, double monotonic_s)
{
    counters_tick(world->counters, START * S + (int64_t)(wall_s * 1e9),
                  (int64_t)(monotonic_s * 1e9));
}

static struct message next(struct world *world)
{
    const struct message *message = counters_next(world->counters);
    struct message copy;

    assert_non_null(message);
    assert_true(message_check(message, SENDER_COUNTERS));
    copy = *message;
    counters_sent(world->counters);
    return copy;
}

static void expect(struct world *world, enum message_type type, int64_t interval)
{
    struct message message = next(world);

    assert_int_equal(message.type, type);
    if (type != MESSAGE_DEVICE)
        assert_int_equal(message.interval_start, START + 60 * interval);
}

static void expect_energy(struct world *world, int64_t interval, double energy_j)
{
    struct message message = next(world);

    assert_int_equal(message.type, MESSAGE_ENERGY);
    assert_int_equal(message.interval_start, START + 60 * interval);
    assert_near(message.body.energy.energy_j, energy_j);
}

static void an_interval_ends_where_the_clock_says(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    tick(&world, 10, 0);
    assert_true(counters_deadline_ns(world.counters) == (START + 60) * S);
    tick(&world, 59.9, 49.9);
    assert_null(counters_next(world.counters));
    tick(&world, 60.4, 50.4); /* 0.4 s late: they belong to the next one */
    expect(&world, MESSAGE_DEVICE, 0);
    expect_energy(&world, 0, 5000);
    expect(&world, MESSAGE_METERED, 0);
    assert_null(counters_next(world.counters));
    tick(&world, 120, 110);
    expect_energy(&world, 1, 6000);
    expect(&world, MESSAGE_METERED, 1);
    counters_finish(world.counters, (START + 130) * S, 120 * S);
    expect_energy(&world, 2, 1000);
    expect(&world, MESSAGE_METERED, 2);
    assert_null(counters_next(world.counters));
    assert_int_equal(world.samples, 5);
    counters_free(world.counters);
}

static void meters_that_tell_late_are_waited_for(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    world.known_until_ns = 0;
    world.uses = 1;
    tick(&world, 0, 0);
    tick(&world, 60, 60);
    expect(&world, MESSAGE_SERVER_USE, 0); /* which knows already */
    tick(&world, 120, 120);
    assert_null(counters_next(world.counters));
    world.known_until_ns = 60 * S;
    tick(&world, 121, 121);
    expect(&world, MESSAGE_DEVICE, 0);
    expect_energy(&world, 0, 6000);
    expect(&world, MESSAGE_METERED, 0);
    assert_null(counters_next(world.counters));
    /* At the end there is no more waiting. */
    counters_finish(world.counters, (START + 125) * S, 125 * S);
    expect_energy(&world, 1, 6000);
    expect(&world, MESSAGE_METERED, 1);
    expect_energy(&world, 2, 500);
    expect(&world, MESSAGE_METERED, 2);
    counters_free(world.counters);
}

static void a_clock_that_is_set_loses_nothing(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    tick(&world, 0, 0);
    tick(&world, 7200, 30); /* two hours ahead */
    expect(&world, MESSAGE_DEVICE, 0);
    expect_energy(&world, 0, 3000);
    expect(&world, MESSAGE_METERED, 0);
    tick(&world, 0, 40); /* and back */
    expect_energy(&world, 120, 1000);
    expect(&world, MESSAGE_METERED, 120);
    tick(&world, 60, 100);
    expect_energy(&world, 0, 6000);
    expect(&world, MESSAGE_METERED, 0);
    counters_free(world.counters);
}

static void devices_are_named_once_before_their_first_energy(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    tick(&world, 0, 0);
    tick(&world, 60, 60);
    expect(&world, MESSAGE_DEVICE, 0);
    expect_energy(&world, 0, 6000);
    expect(&world, MESSAGE_METERED, 0);
    world.devices = 2;
    tick(&world, 120, 120);
    assert_int_equal(next(&world).number, 1);
    expect_energy(&world, 1, 6000);
    expect(&world, MESSAGE_METERED, 1);
    counters_free(world.counters);
}

/* As power meters do, the world forgets what nobody asks for. */
static size_t take_energy_of_late(void *context, int64_t until_ns,
                                  struct device_energy out[MAX_POWER_DEVICES])
{
    struct world *world = context;

    if (world->taken_until_ns < world->now_ns - TIMELINE_S * S)
        world->taken_until_ns = world->now_ns - TIMELINE_S * S;
    return take_energy(context, until_ns, out);
}

/* A meter that takes nothing for two days: memory is bounded, joules and requests wait. */
static void a_meter_that_is_behind_gets_all_later(void **state)
{
    struct world world;
    double energy_j = 0, carried_j = 0;
    uint64_t requests = 0;
    const struct message *message;

    (void)state;
    open_world_of(&world, take_energy_of_late);
    for (int minute = 0; minute <= 2880; minute++) {
        world.uses += 3;
        world.now_ns = 60 * minute * S;
        tick(&world, 60.0 * minute, 60.0 * minute);
    }
    while ((message = counters_next(world.counters)) != NULL) {
        assert_true(message_check(message, SENDER_COUNTERS));
        if (message->type == MESSAGE_ENERGY) {
            energy_j += message->body.energy.energy_j;
            carried_j += message->body.energy.carried_j;
        }
        if (message->type == MESSAGE_SERVER_USE)
            requests += message->body.server_use.requests;
        counters_sent(world.counters);
        if (!counters_next(world.counters) && (energy_j < 100 * 60 * 2880.0 || world.uses > 0)) {
            world.known_until_ns = INT64_MAX;
            counters_finish(world.counters, (START + 60 * 2880) * S, 60 * 2880 * S);
        }
    }
    assert_near(energy_j, 100 * 60 * 2880.0);
    assert_near(carried_j, -25 * 60 * 2880.0);
    assert_int_equal(requests, 3 * 2881);
    counters_free(world.counters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interval_ends_where_the_clock_says),
        cmocka_unit_test(meters_that_tell_late_are_waited_for),
        cmocka_unit_test(a_clock_that_is_set_loses_nothing),
        cmocka_unit_test(devices_are_named_once_before_their_first_energy),
        cmocka_unit_test(a_meter_that_is_behind_gets_all_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
