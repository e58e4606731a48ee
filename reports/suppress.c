/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/suppress.h"

static bool same_group(const size_t *groups, size_t a, size_t b)
{
    return !groups || groups[a] == groups[b];
}

/* Of equals, the first stands for the group. */
static bool is_largest_of_group(const uint32_t *devices, const size_t *groups, size_t count,
                                const bool *included, size_t cell)
{
    for (size_t i = 0; i < count; i++)
        if (included[i] && same_group(groups, i, cell) &&
            (devices[i] > devices[cell] || (i < cell && devices[i] == devices[cell])))
            return false;
    return true;
}

uint64_t suppress_distinct(const uint32_t *devices, const size_t *groups, size_t count,
                           const bool *included)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        if (included[i] && is_largest_of_group(devices, groups, count, included, i))
            sum += devices[i];
    return sum;
}

/* The shown cell with the fewest devices, or COUNT; of equals the last. */
static size_t smallest_shown(const uint32_t *devices, size_t count, const bool *hidden)
{
    size_t smallest = count;

    for (size_t i = 0; i < count; i++)
        if (!hidden[i] && (smallest == count || devices[i] <= devices[smallest]))
            smallest = i;
    return smallest;
}

enum suppress_result suppress_cells(const uint32_t *devices, const size_t *groups, size_t count,
                                    uint32_t threshold, bool *hidden)
{
    size_t folded = 0;

    for (size_t i = 0; i < count; i++) {
        hidden[i] = devices[i] < threshold;
        folded += hidden[i];
    }
    if (folded == 0)
        return SUPPRESS_NONE;
    /* A lone cell is always short of the threshold, so it never stays alone. One more is enough:
     * what is still shown has as many devices as the threshold. */
    if (folded < count && suppress_distinct(devices, groups, count, hidden) < threshold) {
        hidden[smallest_shown(devices, count, hidden)] = true;
        folded++;
    }
    return folded == count ? SUPPRESS_ALL : SUPPRESS_MERGED;
}
