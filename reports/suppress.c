/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/suppress.h"

#include <stdlib.h>

uint32_t suppress_largest(const uint32_t *devices, size_t count, const bool *included)
{
    uint32_t largest = 0;

    for (size_t i = 0; i < count; i++)
        if (included[i] && devices[i] > largest)
            largest = devices[i];
    return largest;
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

enum suppress_result suppress_cells(const uint32_t *devices, size_t count, uint32_t threshold,
                                    bool *hidden)
{
    size_t folded = 0;

    for (size_t i = 0; i < count; i++) {
        hidden[i] = devices[i] < threshold;
        folded += hidden[i];
    }
    if (folded == 0)
        return SUPPRESS_NONE;
    /* Each is short of the threshold, and so may all together be: the same devices. One more is
     * enough: what is still shown has as many devices as the threshold. */
    if (folded < count) {
        hidden[smallest_shown(devices, count, hidden)] = true;
        folded++;
    }
    return folded == count ? SUPPRESS_ALL : SUPPRESS_MERGED;
}

/* ---- With a host of our own ---- */

/* Some of the pairs, as cells: each alone, or all of one direction as one. */
struct cells {
    uint32_t *devices;
    size_t *directions;
    bool *hidden;
    size_t count;
    enum suppress_result result;
    bool is_safe; /* what is hidden is enough to hide behind, without the other cells */
};

static bool cells_new(struct cells *cells, size_t most)
{
    *cells = (struct cells){.devices = calloc(most + 1, sizeof(*cells->devices)),
                            .directions = calloc(most + 1, sizeof(*cells->directions)),
                            .hidden = calloc(most + 1, sizeof(*cells->hidden))};
    return cells->devices && cells->directions && cells->hidden;
}

static void cells_free(const struct cells *cells)
{
    free(cells->devices);
    free(cells->directions);
    free(cells->hidden);
}

static void add_remote(const struct suppress_pair *pair, struct cells *cells)
{
    cells->devices[cells->count] = pair->devices;
    cells->directions[cells->count++] = pair->direction;
}

static size_t block_of(const struct cells *cells, size_t direction)
{
    size_t block = 0;

    while (block < cells->count && cells->directions[block] != direction)
        block++;
    return block;
}

/* A direction with a share of what is common, but no use, has no devices to hide behind. */
static void add_local(const struct suppress_pair *pair, struct cells *blocks)
{
    uint32_t devices = pair->kind == SUPPRESS_LOCAL ? pair->devices : UINT32_MAX;
    size_t block = block_of(blocks, pair->direction);

    if (block == blocks->count) {
        blocks->directions[blocks->count++] = pair->direction;
        blocks->devices[block] = UINT32_MAX;
    }
    if (devices < blocks->devices[block])
        blocks->devices[block] = devices;
}

static void choose(struct cells *cells, uint32_t threshold)
{
    bool any = false;

    for (size_t i = 0; i < cells->count; i++)
        if (cells->devices[i] == UINT32_MAX)
            cells->devices[i] = 0;
    cells->result = suppress_cells(cells->devices, cells->count, threshold, cells->hidden);
    for (size_t i = 0; i < cells->count; i++)
        any |= cells->hidden[i];
    cells->is_safe =
        !any || suppress_largest(cells->devices, cells->count, cells->hidden) >= threshold;
}

/* What is hidden of the host cannot be told alone: all of it is, since no direction of it has
 * enough devices, and hides behind remote cells. */
static void fold_together(struct cells *remote, uint32_t threshold)
{
    size_t next = smallest_shown(remote->devices, remote->count, remote->hidden);

    if (next < remote->count &&
        suppress_largest(remote->devices, remote->count, remote->hidden) < threshold)
        remote->hidden[next] = true;
}

static void hide_all(struct cells *cells)
{
    for (size_t i = 0; i < cells->count; i++)
        cells->hidden[i] = true;
}

/* The devices behind what is hidden of each service of the host: enough, or nothing is hidden. */
static bool parts_are_safe(const struct suppress_pair *pairs, size_t count, uint32_t threshold,
                           const bool *hidden)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t devices = 0;

        if (pairs[i].kind != SUPPRESS_LOCAL || !hidden[i])
            continue;
        for (size_t j = 0; j < count; j++)
            if (pairs[j].kind == SUPPRESS_LOCAL && hidden[j] &&
                pairs[j].service == pairs[i].service && pairs[j].devices > devices)
                devices = pairs[j].devices;
        if (devices < threshold)
            return false;
    }
    return true;
}

static bool is_of_block(enum suppress_kind kind, bool is_used)
{
    return kind == SUPPRESS_LOCAL || (kind == SUPPRESS_COMMON && is_used);
}

static void spread(const struct suppress_pair *pairs, size_t count, bool is_used,
                   const struct cells *blocks, const struct cells *remote, bool all_hidden,
                   bool *hidden)
{
    size_t next = 0;

    for (size_t i = 0; i < count; i++) {
        if (pairs[i].kind == SUPPRESS_REMOTE)
            hidden[i] = remote->hidden[next++];
        else if (is_of_block(pairs[i].kind, is_used))
            hidden[i] = blocks->hidden[block_of(blocks, pairs[i].direction)];
        else
            hidden[i] = all_hidden;
    }
}

static enum suppress_result result_of(const bool *hidden, size_t count)
{
    size_t folded = 0;

    for (size_t i = 0; i < count; i++)
        folded += hidden[i];
    if (folded == 0)
        return SUPPRESS_NONE;
    return folded == count ? SUPPRESS_ALL : SUPPRESS_MERGED;
}

bool suppress_pairs(const struct suppress_pair *pairs, size_t count, uint32_t threshold,
                    bool *hidden, struct suppress_outcome *outcome)
{
    struct cells blocks = {0}, remote = {0};
    bool made = cells_new(&blocks, count) && cells_new(&remote, count);
    bool is_used = false, all_hidden;

    for (size_t i = 0; i < count; i++)
        is_used |= pairs[i].kind == SUPPRESS_LOCAL;
    for (size_t i = 0; made && i < count; i++) {
        if (pairs[i].kind == SUPPRESS_REMOTE)
            add_remote(&pairs[i], &remote);
        else if (is_of_block(pairs[i].kind, is_used))
            add_local(&pairs[i], &blocks);
    }
    if (made) {
        choose(&blocks, threshold);
        choose(&remote, threshold);
        /* Few devices behind all that is remote: the host's sums would tell their use. */
        all_hidden = blocks.is_safe && !remote.is_safe && remote.count < count;
        if (all_hidden) {
            hide_all(&blocks);
            hide_all(&remote);
        } else if (!blocks.is_safe) {
            fold_together(&remote, threshold);
        }
        spread(pairs, count, is_used, &blocks, &remote, all_hidden, hidden);
        outcome->result = result_of(hidden, count);
        outcome->host_shown = blocks.is_safe && remote.is_safe;
        outcome->parts_shown =
            outcome->host_shown && parts_are_safe(pairs, count, threshold, hidden);
    }
    cells_free(&blocks);
    cells_free(&remote);
    return made;
}
