/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/timeline.h"

#include <string.h>

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void timeline_forget(struct timeline *timeline, int64_t until_s)
{
    int64_t cleared = earlier(until_s, timeline->first_s + TIMELINE_S);

    for (int64_t s = timeline->first_s; s < cleared; s++)
        timeline->seconds[s % TIMELINE_S] = (struct timeline_second){0, 0, 0};
    timeline->first_s = later(timeline->first_s, until_s);
}

static void add_to(struct timeline_second *second, const struct counter_piece *piece,
                   int64_t overlap_ns)
{
    double share = (double)overlap_ns / (double)(piece->until_ns - piece->from_ns);

    second->energy_j += piece->energy_j * share;
    if (piece->covered_ns > 0)
        second->covered_ns += (uint32_t)overlap_ns;
    second->flags |= piece->flags;
}

void timeline_add(struct timeline *timeline, const struct counter_piece *piece)
{
    int64_t last_s = (piece->until_ns - 1) / TIMELINE_SECOND_NS;

    timeline_forget(timeline, last_s + 1 - TIMELINE_S);
    for (int64_t s = later(piece->from_ns / TIMELINE_SECOND_NS, timeline->first_s); s <= last_s;
         s++) {
        int64_t from_ns = later(piece->from_ns, s * TIMELINE_SECOND_NS);
        int64_t until_ns = earlier(piece->until_ns, (s + 1) * TIMELINE_SECOND_NS);

        add_to(&timeline->seconds[s % TIMELINE_S], piece, until_ns - from_ns);
    }
}

struct timeline_second timeline_at(const struct timeline *timeline, int64_t second)
{
    if (second < timeline->first_s || second >= timeline->first_s + TIMELINE_S)
        return (struct timeline_second){0, 0, 0};
    return timeline->seconds[second % TIMELINE_S];
}
