/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/spread.h"

#include "daemon/calendar.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS  INT64_C(1000000000)
#define LENGTH_NS  (INTERVAL_S * SECOND_NS)
#define LONGEST_NS (86400 * SECOND_NS)

struct cell {
    int64_t interval_start_s;
    struct local_use use;
};

struct spread {
    struct cell *cells;
    uint32_t *places;   /* hash table of cell number + 1; 0 free */
    size_t place_count; /* power of two, at least twice the cells */
    size_t capacity;
    size_t count;
    spread_handler *handler;
    void *context;
};

struct spread *spread_new(size_t cells, spread_handler *handler, void *context)
{
    struct spread *spread = calloc(1, sizeof(*spread));

    if (!spread)
        return NULL;
    spread->capacity = cells;
    spread->handler = handler;
    spread->context = context;
    for (spread->place_count = 16; spread->place_count < 2 * cells;)
        spread->place_count *= 2;
    spread->cells = calloc(cells, sizeof(*spread->cells));
    spread->places = calloc(spread->place_count, sizeof(*spread->places));
    if (!spread->cells || !spread->places) {
        spread_free(spread);
        return NULL;
    }
    return spread;
}

void spread_free(struct spread *spread)
{
    if (!spread)
        return;
    free(spread->cells);
    free(spread->places);
    free(spread);
}

/* Of tiny pieces, rounding may make those from the cache more than all. */
static void hand_over(const struct spread *spread, struct cell *cell)
{
    struct local_use *use = &cell->use;

    if (use->tokens_cached > use->tokens_in)
        use->tokens_cached = use->tokens_in;
    spread->handler(spread->context, cell->interval_start_s, use);
}

void spread_hand_over(struct spread *spread)
{
    for (size_t i = 0; i < spread->count; i++)
        hand_over(spread, &spread->cells[i]);
    memset(spread->places, 0, spread->place_count * sizeof(*spread->places));
    spread->count = 0;
}

/* Nobody outside can choose the pair, and hardly the interval: a fixed multiplicative hash will do
 * (Knuth, TAOCP 3, 6.4). */
static size_t first_place(const struct spread *spread, int64_t interval_start_s,
                          const struct local_use *use)
{
    uint64_t key = (uint64_t)(interval_start_s / INTERVAL_S) << 32 |
                   (uint64_t)use->direction_id << 16 | use->service_id;

    return (size_t)(key * 0x9e3779b97f4a7c15ULL >> 32) & (spread->place_count - 1);
}

static struct local_use *cell_of(struct spread *spread, int64_t interval_start_s,
                                 const struct local_use *use)
{
    size_t place;
    struct cell *cell;

    if (spread->count == spread->capacity) /* whoever receives them adds */
        spread_hand_over(spread);
    for (place = first_place(spread, interval_start_s, use); spread->places[place];
         place = (place + 1) & (spread->place_count - 1)) {
        cell = &spread->cells[spread->places[place] - 1];
        if (cell->interval_start_s == interval_start_s &&
            cell->use.direction_id == use->direction_id && cell->use.service_id == use->service_id)
            return &cell->use;
    }
    cell = &spread->cells[spread->count++];
    spread->places[place] = (uint32_t)spread->count;
    memset(cell, 0, sizeof(*cell));
    cell->interval_start_s = interval_start_s;
    cell->use.direction_id = use->direction_id;
    cell->use.service_id = use->service_id;
    return &cell->use;
}

static int64_t interval_of(int64_t time_ns)
{
    return calendar_interval(time_ns / SECOND_NS - (time_ns % SECOND_NS < 0));
}

/* Of QUANTITY, what lies between the shares FROM and UNTIL of the way: differences of the same
 * products, so that the pieces add up. */
static double part(double quantity, double from, double until)
{
    return quantity * until - quantity * from;
}

static void add_part(struct spread *spread, int64_t interval_start_s, const struct local_use *whole,
                     double from, double until)
{
    struct local_use *use = cell_of(spread, interval_start_s, whole);

    use->requests += part(whole->requests, from, until);
    use->tokens_in += part(whole->tokens_in, from, until);
    use->tokens_cached += part(whole->tokens_cached, from, until);
    use->tokens_out += part(whole->tokens_out, from, until);
}

void spread_add(struct spread *spread, int64_t start_ns, int64_t end_ns,
                const struct local_use *whole)
{
    bool is_long = (uint64_t)end_ns - (uint64_t)start_ns > (uint64_t)LONGEST_NS;
    int64_t first_ns = end_ns > start_ns && is_long ? end_ns - LONGEST_NS : start_ns;
    double length_ns = (double)((uint64_t)end_ns - (uint64_t)first_ns);
    double from = 0;

    if (end_ns <= start_ns) {
        add_part(spread, interval_of(end_ns), whole, 0, 1);
        return;
    }
    for (int64_t interval = interval_of(first_ns); from < 1; interval += INTERVAL_S) {
        int64_t until_ns = interval * SECOND_NS + LENGTH_NS;
        double until = until_ns < end_ns ? (double)(until_ns - first_ns) / length_ns : 1;

        add_part(spread, interval, whole, from, until);
        from = until;
    }
}
