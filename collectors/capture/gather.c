/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/gather.h"

#include <stdlib.h>
#include <string.h>

struct gather {
    gather_handler *handler;
    void *context;
    size_t count;
    size_t size; /* of the bytes in use */
    struct captured_frame frames[GATHER_COUNT];
    uint8_t bytes[GATHER_SIZE];
};

struct gather *gather_new(void)
{
    return calloc(1, sizeof(struct gather));
}

void gather_free(struct gather *gather)
{
    free(gather);
}

void gather_begin(struct gather *gather, gather_handler *handler, void *context)
{
    gather->handler = handler;
    gather->context = context;
}

void gather_add(struct gather *gather, const struct captured_frame *frame)
{
    uint32_t captured = frame->captured < GATHER_SIZE ? frame->captured : GATHER_SIZE;
    uint8_t *copy;

    if (gather->count == GATHER_COUNT || captured > GATHER_SIZE - gather->size)
        gather_end(gather);
    copy = gather->bytes + gather->size;
    memcpy(copy, frame->bytes, captured);
    gather->frames[gather->count] = *frame;
    gather->frames[gather->count].bytes = copy;
    gather->frames[gather->count].captured = captured;
    gather->count++;
    gather->size += captured;
}

void gather_end(struct gather *gather)
{
    size_t count = gather->count;

    gather->count = 0;
    gather->size = 0;
    if (count > 0)
        gather->handler(gather->context, gather->frames, count);
}
