/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/suppress.h"

struct folded {
    size_t cells;
    uint64_t devices; /* surely distinct */
};

static void fold(struct folded *folded, uint32_t devices, bool disjoint)
{
    folded->cells++;
    if (disjoint)
        folded->devices += devices;
    else if (devices > folded->devices)
        folded->devices = devices;
}

/* The shown cell with the fewest devices, or COUNT; of equals the last, which in a table by falling
 * size matters least. */
static size_t smallest_shown(const uint32_t *devices, size_t count, const bool *hidden)
{
    size_t smallest = count;

    for (size_t i = 0; i < count; i++)
        if (!hidden[i] && (smallest == count || devices[i] <= devices[smallest]))
            smallest = i;
    return smallest;
}

enum suppress_result suppress_cells(const uint32_t *devices, size_t count, uint32_t threshold,
                                    bool disjoint, bool *hidden)
{
    struct folded folded = {0};

    for (size_t i = 0; i < count; i++) {
        hidden[i] = devices[i] < threshold;
        if (hidden[i])
            fold(&folded, devices[i], disjoint);
    }
    if (folded.cells == 0)
        return SUPPRESS_NONE;
    /* A lone cell is always short of the threshold, so it never stays alone. */
    while (folded.cells < count && folded.devices < threshold) {
        size_t next = smallest_shown(devices, count, hidden);

        hidden[next] = true;
        fold(&folded, devices[next], disjoint);
    }
    return folded.cells == count ? SUPPRESS_ALL : SUPPRESS_MERGED;
}
