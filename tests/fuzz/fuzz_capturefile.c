/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/capturefile.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The input is a capture file, after one byte that says how it is read. Whatever it is, it is read
 * twice, in pieces of different size, to the same frames, every byte of which is there. */

static int memory = -1;

static void memory_file(const uint8_t *data, size_t size)
{
    if (memory < 0)
        memory = memfd_create("capture", MFD_CLOEXEC);
    if (memory < 0 || ftruncate(memory, 0) != 0 || pwrite(memory, data, size, 0) != (ssize_t)size ||
        lseek(memory, 0, SEEK_SET) != 0)
        abort();
}

static uint64_t mix(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * 0x100000001b3ULL; /* FNV-1a */
}

static uint64_t mix_frame(uint64_t sum, const struct captured_frame *frame)
{
    if (frame->length < frame->captured)
        abort();
    sum = mix(sum, (uint64_t)frame->time_ns);
    sum = mix(sum, frame->length);
    sum = mix(sum, (uint64_t)frame->link_type);
    for (uint32_t i = 0; i < frame->captured; i++)
        sum = mix(sum, frame->bytes[i]);
    return sum;
}

static uint64_t read_all(struct capturefile *file, size_t limit)
{
    struct captured_frame frames[256];
    enum capturefile_status status;
    uint64_t sum = 0xcbf29ce484222325ULL;
    size_t count;

    do {
        status = capturefile_read(file, frames, limit, &count);
        if (count > limit || (status != CAPTUREFILE_OK && count > 0))
            abort();
        for (size_t i = 0; i < count; i++)
            sum = mix_frame(sum, &frames[i]);
    } while (status == CAPTUREFILE_OK);
    if (status == CAPTUREFILE_BROKEN && capturefile_error(file)[0] == '\0')
        abort();
    return mix(mix(sum, status), capturefile_offset(file));
}

static uint64_t read_memory(size_t read_size, size_t limit, bool ask_link_type)
{
    char error[256];
    struct capturefile *file = capturefile_open(memory, read_size, error, sizeof(error));
    uint64_t sum = 0;

    if (!file)
        return 0;
    if (ask_link_type)
        capturefile_link_type(file);
    sum = read_all(file, limit);
    capturefile_close(file);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t sum;

    if (size < 1)
        return 0;
    memory_file(data + 1, size - 1);
    sum = read_memory(4096, 256, false);
    lseek(memory, 0, SEEK_SET);
    if (read_memory(1 + data[0] % 64U, 1 + data[0] / 64U, true) != sum)
        abort();
    return 0;
}
