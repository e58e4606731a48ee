/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/reconcile.h"

struct second {
    const struct reconcile_point *points;
    size_t count;
    const struct reconcile_rules *rules;
    double gpus_j;
};

static bool is_whole(const struct timeline_second *second)
{
    return second->covered_ns == TIMELINE_SECOND_NS;
}

/* Something is known of it; of a counter that began anew, energy alone. */
static bool is_known(const struct timeline_second *second)
{
    return second->covered_ns > 0 || (second->flags & ENERGY_LOWER_BOUND) != 0;
}

static bool expects(const struct second *second, enum power_part part)
{
    for (size_t i = 0; i < second->count; i++)
        if (second->points[i].part == part && second->points[i].expected)
            return true;
    return false;
}

static double rest_j(const struct second *second, uint64_t covered_ns)
{
    return second->rules->rest_w * (double)covered_ns / TIMELINE_SECOND_NS;
}

static uint8_t rest_flag(const struct second *second)
{
    return second->rules->has_rest ? ENERGY_REST : 0;
}

/* Adds up the points of PART and RANK where each of them covers the whole second. Of parts, one
 * that is not measured may not be there; of feeds, it is a part of the whole that is missing. */
static bool add_up(const struct second *second, enum power_part part, unsigned rank,
                   struct timeline_second *total)
{
    size_t found = 0;

    *total = (struct timeline_second){0, TIMELINE_SECOND_NS, 0};
    for (size_t i = 0; i < second->count; i++) {
        const struct reconcile_point *point = &second->points[i];

        if (point->part != part || point->rank != rank)
            continue;
        if (is_whole(&point->second)) {
            total->energy_j += point->second.energy_j;
            total->flags |= point->second.flags;
            found++;
        } else if (point->expected || is_known(&point->second) || part == POWER_PART_WALL) {
            return false;
        }
    }
    return found > 0;
}

static bool add_wall(const struct second *second, struct reconcile_sum *sum)
{
    struct timeline_second total;

    for (unsigned rank = 0; rank < second->rules->ranks; rank++)
        if (add_up(second, POWER_PART_WALL, rank, &total)) {
            sum->whole_j += total.energy_j - second->gpus_j;
            sum->covered_ns += total.covered_ns;
            sum->flags |= total.flags | ENERGY_WALL;
            return true;
        }
    return false;
}

/* The GPUs are in the modules. */
static bool add_modules(const struct second *second, struct reconcile_sum *sum)
{
    struct timeline_second total;

    if (!add_up(second, POWER_PART_MODULE, 0, &total))
        return false;
    sum->whole_j += total.energy_j - second->gpus_j;
    sum->parts_j += rest_j(second, total.covered_ns);
    sum->covered_ns += total.covered_ns;
    sum->flags |= total.flags | rest_flag(second);
    return true;
}

static void add_parts(const struct second *second, struct reconcile_sum *sum)
{
    struct timeline_second total = {0, TIMELINE_SECOND_NS, 0};
    bool found = second->rules->has_rest;

    for (size_t i = 0; i < second->count; i++) {
        const struct reconcile_point *point = &second->points[i];

        if (point->part != POWER_PART_PACKAGE && point->part != POWER_PART_DRAM)
            continue;
        if (!is_known(&point->second) && !point->expected)
            continue;
        if (!is_known(&point->second))
            return;
        total.energy_j += point->second.energy_j;
        total.flags |= point->second.flags;
        if (point->expected && point->second.covered_ns < total.covered_ns)
            total.covered_ns = point->second.covered_ns;
        found = true;
    }
    if (!found)
        return;
    sum->parts_j += total.energy_j + rest_j(second, total.covered_ns);
    sum->covered_ns += total.covered_ns;
    sum->flags |= total.flags | rest_flag(second);
}

void reconcile_second(const struct reconcile_point *points, size_t count,
                      const struct reconcile_rules *rules, struct reconcile_sum *sum)
{
    struct second second = {points, count, rules, 0};

    for (size_t i = 0; i < count; i++)
        if (points[i].part == POWER_PART_GPU)
            second.gpus_j += points[i].second.energy_j;
    if (add_wall(&second, sum))
        return;
    /* Less than the meter would have said, unless something stands for the rest. */
    if (expects(&second, POWER_PART_WALL) && !rules->has_rest)
        return;
    if (add_modules(&second, sum))
        return;
    /* The module's GPU may have no other meter. */
    if (expects(&second, POWER_PART_MODULE) && !expects(&second, POWER_PART_GPU))
        return;
    add_parts(&second, sum);
}

double reconcile_energy_j(struct reconcile_sum *sum)
{
    if (sum->whole_j < 0) {
        sum->whole_j = 0;
        sum->flags |= ENERGY_EXCEEDED;
    }
    return sum->whole_j + sum->parts_j;
}
