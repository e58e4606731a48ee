/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/reconcile.h"

struct second {
    const struct reconcile_point *points;
    size_t count;
    const struct reconcile_rules *rules;
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

/* The GPUs are in the whole. */
static void add_whole(struct reconcile_basis *basis, unsigned whole,
                      const struct timeline_second *total, struct reconcile_sum *sum)
{
    basis->whole = whole;
    basis->whole_j = total->energy_j;
    sum->whole_j[whole] += total->energy_j - basis->gpus_j;
    sum->is_used[whole] = true;
    sum->covered_ns += total->covered_ns;
    sum->flags |= total->flags;
}

static bool add_wall(const struct second *second, struct reconcile_basis *basis,
                     struct reconcile_sum *sum)
{
    struct timeline_second total;

    for (unsigned rank = 0; rank < second->rules->ranks && rank < RECONCILE_MODULES; rank++)
        if (add_up(second, POWER_PART_WALL, rank, &total)) {
            add_whole(basis, rank, &total, sum);
            sum->flags |= ENERGY_WALL;
            return true;
        }
    return false;
}

static bool add_modules(const struct second *second, struct reconcile_basis *basis,
                        struct reconcile_sum *sum)
{
    struct timeline_second total;

    if (!add_up(second, POWER_PART_MODULE, 0, &total))
        return false;
    add_whole(basis, RECONCILE_MODULES, &total, sum);
    sum->parts_j += rest_j(second, total.covered_ns);
    sum->flags |= rest_flag(second);
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

struct reconcile_basis reconcile_second(const struct reconcile_point *points, size_t count,
                                        const struct reconcile_rules *rules,
                                        struct reconcile_sum *sum)
{
    struct second second = {points, count, rules};
    struct reconcile_basis basis = {RECONCILE_NONE, 0, 0};

    for (size_t i = 0; i < count; i++)
        if (points[i].part == POWER_PART_GPU)
            basis.gpus_j += points[i].second.energy_j;
    if (add_wall(&second, &basis, sum))
        return basis;
    /* Less than the meter would have said, unless something stands for the rest. */
    if (expects(&second, POWER_PART_WALL) && !rules->has_rest)
        return basis;
    /* The module's GPU may have no other meter. */
    if (!add_modules(&second, &basis, sum) &&
        (!expects(&second, POWER_PART_MODULE) || expects(&second, POWER_PART_GPU)))
        add_parts(&second, sum);
    return basis;
}

/* ---- What is owed ---- */

/* A meter that is left out for some seconds does not lack what they were; one that was away for
 * longer may. */
#define MOSTLY 0.9

/* Sums of a minute of doubles are as good as that; less was not drawn, but rounded. */
#define LEAST_J 1e-6

static const struct reconcile_basis unknown = {RECONCILE_NONE, 0, 0};

void reconcile_remember(struct reconcile_carry *carry, int64_t second_s,
                        const struct reconcile_basis *basis)
{
    if (second_s - carry->next_s >= RECONCILE_MOST_LAG_S)
        carry->next_s = second_s - RECONCILE_MOST_LAG_S;
    for (; carry->next_s < second_s; carry->next_s++)
        carry->recent[carry->next_s % RECONCILE_MOST_LAG_S] = unknown;
    carry->recent[second_s % RECONCILE_MOST_LAG_S] = *basis;
    carry->next_s = second_s + 1;
}

/* What the GPUs drew in those of the last seconds that WHOLE told of. */
static double recent_gpus_j(const struct reconcile_carry *carry, unsigned whole, unsigned lag_s,
                            unsigned *seconds)
{
    double gpus_j = 0;

    *seconds = 0;
    for (int64_t s = carry->next_s > lag_s ? carry->next_s - lag_s : 0; s < carry->next_s; s++) {
        const struct reconcile_basis *basis = &carry->recent[s % RECONCILE_MOST_LAG_S];

        if (basis->whole != whole)
            continue;
        gpus_j += basis->gpus_j;
        ++*seconds;
    }
    return gpus_j;
}

static void give_up(struct reconcile_carry *carry, unsigned whole, unsigned lag_s,
                    struct reconcile_host *host)
{
    unsigned seconds;
    double most_j = recent_gpus_j(carry, whole, lag_s, &seconds);

    if (carry->owed_j[whole] <= most_j + LEAST_J)
        return;
    host->given_up_j += carry->owed_j[whole] - most_j;
    host->flags |= ENERGY_EXCEEDED;
    if (seconds >= MOSTLY * lag_s)
        host->too_small = whole;
    carry->owed_j[whole] = most_j;
}

static void settle_whole(struct reconcile_carry *carry, const struct reconcile_sum *sum,
                         unsigned whole, struct reconcile_host *host)
{
    double balance_j = sum->whole_j[whole] - carry->owed_j[whole];
    double energy_j = balance_j > 0 ? balance_j : 0;
    bool owed = carry->owed_j[whole] > 0;

    host->energy_j += energy_j;
    host->carried_j += energy_j - sum->whole_j[whole];
    carry->owed_j[whole] = balance_j < -LEAST_J ? -balance_j : 0;
    host->is_even[whole] = sum->is_used[whole] && carry->owed_j[whole] <= 0;
    if (sum->is_used[whole] && (owed || carry->owed_j[whole] > 0))
        host->flags |= ENERGY_CARRIED;
}

struct reconcile_host reconcile_settle(struct reconcile_carry *carry,
                                       const struct reconcile_sum *sum, unsigned lag_s)
{
    struct reconcile_host host = {.energy_j = sum->parts_j,
                                  .covered_ns = sum->covered_ns,
                                  .flags = sum->flags,
                                  .too_small = RECONCILE_NONE};

    for (unsigned whole = 0; whole < RECONCILE_WHOLES; whole++)
        if (sum->is_used[whole] || carry->owed_j[whole] > 0) {
            settle_whole(carry, sum, whole, &host);
            give_up(carry, whole, lag_s, &host);
        }
    return host;
}
