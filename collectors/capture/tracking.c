/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/tracking.h"

#include <stdlib.h>
#include <string.h>

struct tracking {
    struct tracked *states;
    int64_t *deadlines_ns; /* of each state */
    uint32_t *places;      /* of each state, in the heap */
    uint32_t *heap; /* states: those in use, smallest deadline first, then those that are free */
    uint32_t heap_count; /* in use */
    uint32_t capacity;
};

static void put(struct tracking *tracking, uint32_t place, uint32_t index)
{
    tracking->heap[place] = index;
    tracking->places[index] = place;
}

struct tracking *tracking_new(uint32_t count)
{
    struct tracking *tracking = calloc(1, sizeof(*tracking));

    if (!tracking)
        return NULL;
    tracking->states = calloc(count, sizeof(*tracking->states));
    tracking->deadlines_ns = calloc(count, sizeof(*tracking->deadlines_ns));
    tracking->places = calloc(count, sizeof(*tracking->places));
    tracking->heap = calloc(count, sizeof(*tracking->heap));
    if (!tracking->states || !tracking->deadlines_ns || !tracking->places || !tracking->heap) {
        tracking_free(tracking);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        put(tracking, i, i);
    tracking->capacity = count;
    return tracking;
}

void tracking_free(struct tracking *tracking)
{
    if (!tracking)
        return;
    free(tracking->states);
    free(tracking->deadlines_ns);
    free(tracking->places);
    free(tracking->heap);
    free(tracking);
}

struct tracked *tracking_get(struct tracking *tracking, uint32_t index)
{
    return &tracking->states[index];
}

uint32_t tracking_capacity(const struct tracking *tracking)
{
    return tracking->capacity;
}

bool tracking_in_use(const struct tracking *tracking, uint32_t index)
{
    return tracking->places[index] < tracking->heap_count;
}

static bool earlier(const struct tracking *tracking, uint32_t a, uint32_t b)
{
    int64_t first_ns = tracking->deadlines_ns[a];
    int64_t second_ns = tracking->deadlines_ns[b];

    return first_ns != second_ns ? first_ns < second_ns : a < b;
}

static void sift_up(struct tracking *tracking, uint32_t place)
{
    uint32_t index = tracking->heap[place];

    while (place > 0 && earlier(tracking, index, tracking->heap[(place - 1) / 2])) {
        put(tracking, place, tracking->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(tracking, place, index);
}

static void sift_down(struct tracking *tracking, uint32_t place)
{
    uint32_t index = tracking->heap[place];

    for (;;) {
        uint32_t child = 2 * place + 1;

        if (child >= tracking->heap_count)
            break;
        if (child + 1 < tracking->heap_count &&
            earlier(tracking, tracking->heap[child + 1], tracking->heap[child]))
            child++;
        if (!earlier(tracking, tracking->heap[child], index))
            break;
        put(tracking, place, tracking->heap[child]);
        place = child;
    }
    put(tracking, place, index);
}

uint32_t tracking_take(struct tracking *tracking, uint32_t flow, int64_t deadline_ns)
{
    uint32_t index;

    if (tracking->heap_count == tracking->capacity)
        return TRACKED_NONE;
    index = tracking->heap[tracking->heap_count];
    memset(&tracking->states[index], 0, sizeof(tracking->states[index]));
    tracking->states[index].flow = flow;
    tracking->deadlines_ns[index] = deadline_ns;
    sift_up(tracking, tracking->heap_count++);
    return index;
}

void tracking_release(struct tracking *tracking, uint32_t index)
{
    uint32_t place = tracking->places[index];
    uint32_t last = tracking->heap[--tracking->heap_count];

    put(tracking, place, last);
    put(tracking, tracking->heap_count, index);
    if (last == index)
        return;
    sift_down(tracking, place);
    sift_up(tracking, tracking->places[last]);
}

void tracking_schedule(struct tracking *tracking, uint32_t index, int64_t deadline_ns)
{
    if (deadline_ns >= tracking->deadlines_ns[index])
        return;
    tracking->deadlines_ns[index] = deadline_ns;
    sift_up(tracking, tracking->places[index]);
}

void tracking_postpone(struct tracking *tracking, uint32_t index, int64_t deadline_ns)
{
    tracking->deadlines_ns[index] = deadline_ns;
    sift_down(tracking, tracking->places[index]);
}

uint32_t tracking_first(const struct tracking *tracking, int64_t *deadline_ns)
{
    if (tracking->heap_count == 0)
        return TRACKED_NONE;
    *deadline_ns = tracking->deadlines_ns[tracking->heap[0]];
    return tracking->heap[0];
}
