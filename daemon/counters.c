/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/counters.h"

#include "daemon/calendar.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS 1000000000LL
/* Messages that wait while the meter is busy: hours of a host with a dozen devices and services. */
#define OUTBOX_MESSAGES 4096
#define USES_AT_ONCE    64
/* Those of an interval but for uses: a name and an energy for each device, and its end. */
#define MOST_OF_DEVICES (2 * MAX_POWER_DEVICES + 1)
/* Intervals that ended, but of which not all is known yet, or for which there is no room: of fewer
 * seconds than sources keep (TIMELINE_S). */
#define MAX_ENDED 12

struct ended {
    int64_t interval_start;
    int64_t until_ns; /* of the clock that ticks are told by */
};

struct counters {
    struct counters_sources sources;
    bool running;
    int64_t interval_start; /* of the running interval */
    struct ended ended[MAX_ENDED];
    size_t ended_count;
    size_t named; /* devices whose name was sent */
    /* What was drawn in intervals that were not told, by device. */
    struct device_energy held[MAX_POWER_DEVICES];
    struct message outbox[OUTBOX_MESSAGES];
    size_t first;
    size_t count;
};

struct counters *counters_new(const struct counters_sources *sources)
{
    struct counters *counters = calloc(1, sizeof(*counters));

    if (counters)
        counters->sources = *sources;
    return counters;
}

void counters_free(struct counters *counters)
{
    free(counters);
}

/* -- Messages --------------------------------------------------------------------------------- */

static size_t room(const struct counters *counters)
{
    return OUTBOX_MESSAGES - counters->count;
}

static struct message *post(struct counters *counters, enum message_type type,
                            int64_t interval_start)
{
    size_t place = (counters->first + counters->count++) % OUTBOX_MESSAGES;
    struct message *message = &counters->outbox[place];

    message_start(message, type);
    message->interval_start = interval_start;
    return message;
}

static void post_names(struct counters *counters)
{
    struct power_device devices[MAX_POWER_DEVICES];
    size_t count = counters->sources.devices(counters->sources.context, devices);

    for (; counters->named < count; counters->named++) {
        struct message *message = post(counters, MESSAGE_DEVICE, 0);

        message->number = (uint32_t)counters->named;
        message->body.device = devices[counters->named];
    }
}

/* What sources are not asked for, they forget. */
static void hold_energy(struct counters *counters, int64_t until_ns)
{
    struct device_energy energies[MAX_POWER_DEVICES];
    size_t count = counters->sources.take_energy(counters->sources.context, until_ns, energies);

    for (size_t i = 0; i < count; i++) {
        struct device_energy *held = &counters->held[energies[i].device_id];

        held->device_id = energies[i].device_id;
        held->flags |= energies[i].flags;
        held->covered_ns += energies[i].covered_ns;
        held->energy_j += energies[i].energy_j;
        held->carried_j += energies[i].carried_j;
    }
}

static void post_energy(struct counters *counters, const struct ended *ended)
{
    hold_energy(counters, ended->until_ns);
    post_names(counters);
    for (size_t i = 0; i < MAX_POWER_DEVICES; i++)
        if (counters->held[i].covered_ns > 0 || counters->held[i].energy_j > 0)
            post(counters, MESSAGE_ENERGY, ended->interval_start)->body.energy = counters->held[i];
    memset(counters->held, 0, sizeof(counters->held));
    post(counters, MESSAGE_METERED, ended->interval_start);
}

/* As many as there is room for; the others stay where they are counted. */
static void post_uses(struct counters *counters)
{
    struct server_use uses[USES_AT_ONCE];
    size_t count = USES_AT_ONCE;

    while (count == USES_AT_ONCE && room(counters) > USES_AT_ONCE) {
        count = counters->sources.take_use(counters->sources.context, uses, USES_AT_ONCE);
        for (size_t i = 0; i < count; i++)
            post(counters, MESSAGE_SERVER_USE, counters->interval_start)->body.server_use = uses[i];
    }
}

const struct message *counters_next(const struct counters *counters)
{
    return counters->count > 0 ? &counters->outbox[counters->first] : NULL;
}

void counters_sent(struct counters *counters)
{
    counters->first = (counters->first + 1) % OUTBOX_MESSAGES;
    counters->count--;
}

/* -- Intervals -------------------------------------------------------------------------------- */

static void forget_oldest(struct counters *counters)
{
    counters->ended_count--;
    memmove(counters->ended, counters->ended + 1, counters->ended_count * sizeof(*counters->ended));
}

/* The energy of an interval that is forgotten counts in the next one. */
static void end_interval(struct counters *counters, int64_t until_ns)
{
    post_uses(counters);
    if (counters->ended_count == MAX_ENDED) {
        hold_energy(counters, counters->ended[0].until_ns);
        forget_oldest(counters);
    }
    counters->ended[counters->ended_count++] =
        (struct ended){.interval_start = counters->interval_start, .until_ns = until_ns};
}

/* With a meter that takes nothing for so long that there is no room, what was measured waits: it
 * will be of a later interval, but not lost. */
static void tell(struct counters *counters, bool all)
{
    while (counters->ended_count > 0 && room(counters) >= MOST_OF_DEVICES &&
           (all ||
            counters->sources.complete(counters->sources.context, counters->ended[0].until_ns))) {
        post_energy(counters, &counters->ended[0]);
        forget_oldest(counters);
    }
}

/* When the running interval ended: now, if the clock was set, else when it showed that. */
static int64_t end_of_interval_ns(const struct counters *counters, int64_t wall_ns,
                                  int64_t monotonic_ns)
{
    int64_t late_ns = wall_ns - counters_deadline_ns(counters);

    return late_ns >= 0 && late_ns < INTERVAL_S * SECOND_NS ? monotonic_ns - late_ns : monotonic_ns;
}

void counters_tick(struct counters *counters, int64_t wall_ns, int64_t monotonic_ns)
{
    int64_t interval = calendar_interval(wall_ns / SECOND_NS);

    counters->sources.sample(counters->sources.context);
    if (counters->running && counters->interval_start != interval)
        end_interval(counters, end_of_interval_ns(counters, wall_ns, monotonic_ns));
    counters->interval_start = interval;
    counters->running = true;
    tell(counters, false);
}

void counters_finish(struct counters *counters, int64_t wall_ns, int64_t monotonic_ns)
{
    counters_tick(counters, wall_ns, monotonic_ns);
    end_interval(counters, monotonic_ns);
    tell(counters, true);
    counters->running = false;
}

int64_t counters_deadline_ns(const struct counters *counters)
{
    return counters->running ? (counters->interval_start + INTERVAL_S) * SECOND_NS : 0;
}
