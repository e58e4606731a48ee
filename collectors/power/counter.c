/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/counter.h"

#define SECOND_NS 1e9
/* So many times what can be drawn at most is not drawn by any mistake about that. */
#define BEYOND 10
/* No machine draws so much (a rack of GPUs takes 0.13 MW): the counter showed something else for a
 * moment, and what it ever counted was not drawn when it did, nor when it is back. */
#define MOST_OF_ANY_W 1e6
/* Nor a board or a socket so much. */
#define MOST_OF_A_PART_W 1e4

static double seconds(const struct counter_piece *piece)
{
    return (double)(piece->until_ns - piece->from_ns) / SECOND_NS;
}

static uint64_t wrapped(const struct counter *counter, const struct power_channel *channel,
                        uint64_t value)
{
    return channel->range - counter->value + value;
}

/* Whether a fall to VALUE may be a wrap: not of a counter whose range is not known, or beyond it,
 * nor where far more would have been drawn meanwhile than can be. */
static bool can_wrap(const struct counter *counter, const struct power_channel *channel,
                     uint64_t value, const struct counter_piece *piece)
{
    return counter->value <= channel->range && /* which is 0 where it never wraps */
           (channel->most_w <= 0 || (double)wrapped(counter, channel, value) * channel->unit <=
                                        BEYOND * channel->most_w * seconds(piece));
}

static bool is_possible(const struct counter_piece *piece)
{
    return piece->energy_j <= MOST_OF_ANY_W * seconds(piece);
}

/* What a counter shows after it fell was drawn since, if it began at 0. One that goes on from what
 * was saved long ago, or shows something else for a moment, shows more than was: which a rise could
 * make up for, if it was read late, but no new beginning. */
static bool began_at_0(const struct power_channel *channel, const struct counter_piece *piece)
{
    bool is_part = channel->part != POWER_PART_WALL && channel->part != POWER_PART_OTHER;

    return !(piece->flags & ENERGY_LOWER_BOUND) || !is_part ||
           piece->energy_j <= MOST_OF_A_PART_W * seconds(piece);
}

static void leave_out(struct counter_piece *piece)
{
    piece->energy_j = 0;
    piece->covered_ns = 0;
    piece->flags |= ENERGY_LOWER_BOUND;
}

static void add_energy(const struct counter *counter, const struct power_channel *channel,
                       uint64_t value, struct counter_piece *piece)
{
    double range_j = (double)channel->range * channel->unit;
    uint64_t delta;

    if (value >= counter->value) {
        delta = value - counter->value;
    } else if (can_wrap(counter, channel, value, piece)) {
        delta = wrapped(counter, channel, value);
    } else {
        delta = value;
        piece->covered_ns = 0;
        piece->flags |= ENERGY_LOWER_BOUND;
    }
    if (channel->range != 0 && channel->most_w > 0 && seconds(piece) > range_j / channel->most_w)
        piece->flags |= ENERGY_AMBIGUOUS;
    piece->energy_j = (double)delta * channel->unit;
    if (!is_possible(piece) || !began_at_0(channel, piece))
        leave_out(piece);
}

static bool add_power(const struct counter *counter, const struct power_channel *channel,
                      uint64_t value, int64_t bridge_ns, struct counter_piece *piece)
{
    if (piece->until_ns - piece->from_ns > bridge_ns)
        return false;
    piece->flags = ENERGY_INTEGRATED;
    piece->energy_j = ((double)counter->value + (double)value) / 2 * channel->unit * seconds(piece);
    return is_possible(piece);
}

bool counter_add(struct counter *counter, const struct power_channel *channel,
                 const struct power_reading *reading, int64_t bridge_ns,
                 struct counter_piece *piece)
{
    struct counter_piece next = {.from_ns = counter->at_ns, .until_ns = reading->at_ns};
    bool complete = counter->started;

    if (counter->started && reading->at_ns <= counter->at_ns)
        return false;
    next.covered_ns = (uint64_t)(next.until_ns - next.from_ns);
    if (complete && channel->quantity == POWER_QUANTITY_POWER)
        complete = add_power(counter, channel, reading->value, bridge_ns, &next);
    else if (complete)
        add_energy(counter, channel, reading->value, &next);
    *counter = (struct counter){true, reading->value, reading->at_ns};
    if (complete)
        *piece = next;
    return complete;
}
