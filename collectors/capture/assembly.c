/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/assembly.h"

#include <stdlib.h>
#include <string.h>

struct assembly_pool {
    struct assembly *assemblies;
    uint32_t *free_indices;
    uint32_t free_count;
};

void assembly_start(struct assembly *assembly, uint32_t base)
{
    assembly->base = base;
    assembly->range_count = 0;
}

/* The ranges [*first, *last) that [start, end) overlaps or touches. */
static void find_touched(const struct assembly *assembly, uint32_t start, uint32_t end,
                         unsigned *first, unsigned *last)
{
    unsigned low = 0;
    unsigned high = assembly->range_count;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (assembly->ranges[middle].end < start)
            low = middle + 1;
        else
            high = middle;
    }
    *first = *last = low;
    while (*last < assembly->range_count && assembly->ranges[*last].start <= end)
        (*last)++;
}

/* Copies what falls between the touched ranges, leaving filled bytes alone. */
static void fill_holes(struct assembly *assembly, uint32_t start, uint32_t end, unsigned first,
                       unsigned last, const uint8_t *bytes)
{
    uint32_t at = start;

    for (unsigned i = first; i < last && at < end; i++) {
        if (assembly->ranges[i].start > at)
            memcpy(assembly->bytes + at, bytes + (at - start), assembly->ranges[i].start - at);
        if (assembly->ranges[i].end > at)
            at = assembly->ranges[i].end;
    }
    if (at < end)
        memcpy(assembly->bytes + at, bytes + (at - start), end - at);
}

/* Replaces the touched ranges by one that spans them and [start, end). */
static void join_ranges(struct assembly *assembly, uint32_t start, uint32_t end, unsigned first,
                        unsigned last)
{
    if (first < last && assembly->ranges[first].start < start)
        start = assembly->ranges[first].start;
    if (first < last && assembly->ranges[last - 1].end > end)
        end = assembly->ranges[last - 1].end;
    memmove(&assembly->ranges[first + 1], &assembly->ranges[last],
            (assembly->range_count - last) * sizeof(assembly->ranges[0]));
    assembly->range_count = (uint16_t)(assembly->range_count + 1 - (last - first));
    assembly->ranges[first].start = (uint16_t)start;
    assembly->ranges[first].end = (uint16_t)end;
}

bool assembly_add(struct assembly *assembly, uint32_t sequence, const uint8_t *bytes,
                  uint32_t length)
{
    int32_t offset = (int32_t)(sequence - assembly->base);
    uint32_t early = offset < 0 ? (uint32_t)(-(int64_t)offset) : 0;
    uint32_t start = offset < 0 ? 0 : (uint32_t)offset;
    uint32_t room = start < ASSEMBLY_SIZE ? ASSEMBLY_SIZE - start : 0;
    unsigned first;
    unsigned last;
    bool whole;

    if (early >= length)
        return true;
    bytes += early;
    length -= early;
    whole = length <= room;
    if (!whole)
        length = room;
    if (length == 0)
        return false;
    find_touched(assembly, start, start + length, &first, &last);
    if (first == last && assembly->range_count == ASSEMBLY_RANGES)
        return false;
    fill_holes(assembly, start, start + length, first, last, bytes);
    join_ranges(assembly, start, start + length, first, last);
    return whole;
}

size_t assembly_prefix(const struct assembly *assembly)
{
    if (assembly->range_count == 0 || assembly->ranges[0].start != 0)
        return 0;
    return assembly->ranges[0].end;
}

size_t assembly_end(const struct assembly *assembly)
{
    return assembly->range_count ? assembly->ranges[assembly->range_count - 1].end : 0;
}

void assembly_take_out(struct assembly *assembly, size_t kept)
{
    size_t prefix = assembly_prefix(assembly);
    size_t end = assembly_end(assembly);
    size_t count = prefix - kept;

    memmove(assembly->bytes + kept, assembly->bytes + prefix, end - prefix);
    memset(assembly->bytes + end - count, 0, count);
    assembly->base += (uint32_t)count;
    assembly->ranges[0].end = (uint16_t)kept;
    for (unsigned i = 1; i < assembly->range_count; i++) {
        assembly->ranges[i].start = (uint16_t)(assembly->ranges[i].start - count);
        assembly->ranges[i].end = (uint16_t)(assembly->ranges[i].end - count);
    }
}

void assembly_wipe(struct assembly *assembly)
{
    memset(assembly->bytes, 0, assembly_end(assembly));
    assembly->range_count = 0;
}

struct assembly_pool *assembly_pool_new(uint32_t count)
{
    struct assembly_pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    /* Left untouched until needed: an idle pool costs address space only. */
    pool->assemblies = calloc(count, sizeof(*pool->assemblies));
    pool->free_indices = calloc(count, sizeof(*pool->free_indices));
    if (!pool->assemblies || !pool->free_indices) {
        assembly_pool_free(pool);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        pool->free_indices[i] = count - 1 - i;
    pool->free_count = count;
    return pool;
}

void assembly_pool_free(struct assembly_pool *pool)
{
    if (!pool)
        return;
    free(pool->assemblies);
    free(pool->free_indices);
    free(pool);
}

uint32_t assembly_pool_take(struct assembly_pool *pool)
{
    if (pool->free_count == 0)
        return ASSEMBLY_NONE;
    return pool->free_indices[--pool->free_count];
}

void assembly_pool_release(struct assembly_pool *pool, uint32_t index)
{
    assembly_wipe(&pool->assemblies[index]);
    pool->free_indices[pool->free_count++] = index;
}

struct assembly *assembly_pool_get(struct assembly_pool *pool, uint32_t index)
{
    return &pool->assemblies[index];
}
