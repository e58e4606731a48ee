/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/arena.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 16
#define PAGE      ((uintptr_t)4096)
/* From here on it is cheaper to give pages back than to write zeros. */
#define LARGE (64U << 10)

/* Blocks lie one behind the other; first fit, since there are few. */
struct block {
    _Alignas(ALIGNMENT) size_t size; /* this header included */
    bool used;
};

struct arena {
    uint8_t *memory;
    size_t size;
};

static struct block *block_at(const struct arena *arena, size_t at)
{
    return (struct block *)(void *)(arena->memory + at);
}

struct arena *arena_new(size_t size)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    void *memory;

    if (!arena)
        return NULL;
    size = size / PAGE * PAGE;
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        free(arena);
        return NULL;
    }
    arena->memory = memory;
    arena->size = size;
    block_at(arena, 0)->size = size;
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    munmap(arena->memory, arena->size);
    free(arena);
}

/* With the free ones behind it; BLOCK itself is free. */
static void join(const struct arena *arena, struct block *block)
{
    const uint8_t *end = arena->memory + arena->size;
    uint8_t *next = (uint8_t *)block + block->size;

    while (next < end && !((struct block *)(void *)next)->used) {
        block->size += ((struct block *)(void *)next)->size;
        explicit_bzero(next, sizeof(struct block));
        next = (uint8_t *)block + block->size;
    }
}

static void use(struct block *block, size_t size)
{
    struct block *rest = (struct block *)(void *)((uint8_t *)block + size);

    block->used = true;
    if (block->size == size) /* all are multiples of a header's */
        return;
    *rest = (struct block){.size = block->size - size};
    block->size = size;
}

void *arena_take(struct arena *arena, size_t size)
{
    size_t wanted = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + sizeof(struct block);
    struct block *block;

    if (size > arena->size)
        return NULL;
    for (size_t at = 0; at < arena->size; at += block->size) {
        block = block_at(arena, at);
        if (block->used)
            continue;
        join(arena, block);
        if (block->size < wanted)
            continue;
        use(block, wanted);
        return block + 1;
    }
    return NULL;
}

/* Pages that are given back read as zeros (madvise(2), of private anonymous memory). */
static void wipe(uint8_t *memory, size_t size)
{
    uintptr_t start = (uintptr_t)memory;
    size_t before = (size_t)((start + PAGE - 1) / PAGE * PAGE - start);
    size_t pages;

    if (size < LARGE) {
        explicit_bzero(memory, size);
        return;
    }
    pages = (size - before) / PAGE * PAGE;
    if (madvise(memory + before, pages, MADV_DONTNEED) != 0)
        explicit_bzero(memory + before, pages);
    explicit_bzero(memory, before);
    explicit_bzero(memory + before + pages, size - before - pages);
}

void arena_give(struct arena *arena, void *memory)
{
    struct block *block = (struct block *)memory - 1;

    wipe(memory, block->size - sizeof(*block));
    block->used = false;
    join(arena, block);
}

size_t arena_size(const void *memory)
{
    return ((const struct block *)memory - 1)->size;
}

const uint8_t *arena_memory(const struct arena *arena, size_t *size)
{
    *size = arena->size;
    return arena->memory;
}
