/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/tally.h"

#include <stdlib.h>
#include <string.h>

struct tally {
    struct activity *cells;
    uint32_t *places;   /* hash table of cell number + 1; 0 free */
    size_t place_count; /* power of two, at least twice the cells */
    size_t capacity;
    size_t count;
};

struct tally *tally_new(size_t cells)
{
    struct tally *tally = calloc(1, sizeof(*tally));

    if (!tally)
        return NULL;
    tally->capacity = cells;
    for (tally->place_count = 16; tally->place_count < 2 * cells;)
        tally->place_count *= 2;
    tally->cells = calloc(cells, sizeof(*tally->cells));
    tally->places = calloc(tally->place_count, sizeof(*tally->places));
    if (!tally->cells || !tally->places) {
        tally_free(tally);
        return NULL;
    }
    return tally;
}

void tally_free(struct tally *tally)
{
    if (!tally)
        return;
    free(tally->cells);
    free(tally->places);
    free(tally);
}

/* Both numbers come from our own configuration: nobody outside can choose them, so a fixed
 * multiplicative hash will do (Knuth, TAOCP 3, 6.4). */
static size_t first_place(const struct tally *tally, uint16_t direction, uint16_t service)
{
    uint64_t pair = (uint64_t)direction << 16 | service;

    return (size_t)(pair * 0x9e3779b97f4a7c15ULL >> 32) & (tally->place_count - 1);
}

struct activity *tally_cell(struct tally *tally, uint16_t direction, uint16_t service)
{
    size_t place = first_place(tally, direction, service);
    struct activity *cell;

    for (; tally->places[place]; place = (place + 1) & (tally->place_count - 1)) {
        cell = &tally->cells[tally->places[place] - 1];
        if (cell->direction_id == direction && cell->service_id == service)
            return cell;
    }
    if (tally->count == tally->capacity)
        return NULL;
    cell = &tally->cells[tally->count++];
    tally->places[place] = (uint32_t)tally->count;
    memset(cell, 0, sizeof(*cell));
    cell->direction_id = direction;
    cell->service_id = service;
    return cell;
}

size_t tally_count(const struct tally *tally)
{
    return tally->count;
}

const struct activity *tally_at(const struct tally *tally, size_t index)
{
    return &tally->cells[index];
}

void tally_clear(struct tally *tally)
{
    memset(tally->places, 0, tally->place_count * sizeof(*tally->places));
    tally->count = 0;
}
