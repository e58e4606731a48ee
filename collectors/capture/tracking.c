/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/tracking.h"

#include <stdlib.h>
#include <string.h>

struct tracking {
    struct tracked *states;
    uint32_t *free_indices;
    uint32_t free_count;
    uint32_t *heap; /* indices, smallest deadline first */
    uint32_t heap_count;
    uint32_t capacity;
};

struct tracking *tracking_new(uint32_t count)
{
    struct tracking *tracking = calloc(1, sizeof(*tracking));

    if (!tracking)
        return NULL;
    tracking->states = calloc(count, sizeof(*tracking->states));
    tracking->free_indices = calloc(count, sizeof(*tracking->free_indices));
    tracking->heap = calloc(count, sizeof(*tracking->heap));
    if (!tracking->states || !tracking->free_indices || !tracking->heap) {
        tracking_free(tracking);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        tracking->free_indices[i] = count - 1 - i;
    tracking->free_count = count;
    tracking->capacity = count;
    return tracking;
}

void tracking_free(struct tracking *tracking)
{
    if (!tracking)
        return;
    free(tracking->states);
    free(tracking->free_indices);
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
    return tracking->states[index].in_use;
}

static bool earlier(const struct tracking *tracking, uint32_t a, uint32_t b)
{
    const struct tracked *first = &tracking->states[a];
    const struct tracked *second = &tracking->states[b];

    if (first->deadline_ns != second->deadline_ns)
        return first->deadline_ns < second->deadline_ns;
    return a < b;
}

static void put(struct tracking *tracking, uint32_t place, uint32_t index)
{
    tracking->heap[place] = index;
    tracking->states[index].heap_place = place;
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

    if (tracking->free_count == 0)
        return TRACKED_NONE;
    index = tracking->free_indices[--tracking->free_count];
    memset(&tracking->states[index], 0, sizeof(tracking->states[index]));
    tracking->states[index].in_use = true;
    tracking->states[index].flow = flow;
    tracking->states[index].deadline_ns = deadline_ns;
    put(tracking, tracking->heap_count++, index);
    sift_up(tracking, tracking->heap_count - 1);
    return index;
}

void tracking_release(struct tracking *tracking, uint32_t index)
{
    uint32_t place = tracking->states[index].heap_place;
    uint32_t last = tracking->heap[--tracking->heap_count];

    if (last != index) {
        put(tracking, place, last);
        sift_down(tracking, place);
        sift_up(tracking, tracking->states[last].heap_place);
    }
    tracking->states[index].in_use = false;
    tracking->free_indices[tracking->free_count++] = index;
}

void tracking_schedule(struct tracking *tracking, uint32_t index, int64_t deadline_ns)
{
    struct tracked *state = &tracking->states[index];

    if (deadline_ns >= state->deadline_ns)
        return;
    state->deadline_ns = deadline_ns;
    sift_up(tracking, state->heap_place);
}

void tracking_postpone(struct tracking *tracking, uint32_t index, int64_t deadline_ns)
{
    struct tracked *state = &tracking->states[index];

    state->deadline_ns = deadline_ns;
    sift_down(tracking, state->heap_place);
}

uint32_t tracking_first(const struct tracking *tracking, int64_t *deadline_ns)
{
    if (tracking->heap_count == 0)
        return TRACKED_NONE;
    *deadline_ns = tracking->states[tracking->heap[0]].deadline_ns;
    return tracking->heap[0];
}
