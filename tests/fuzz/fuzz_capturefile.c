/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/capturefile.h"

#include "collectors/capture/decode.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The input is a capture file, after one byte that says how it is read. Whatever it is, it is read
 * three times, in pieces of different size and mapped, to the same frames, every byte of which is
 * there.
 *
 * Or it is two of them, with NEXT between: as one capture, they are read to the frames of the one
 * after those of the other. */

#define NEXT      "\0next file\0"
#define NEXT_SIZE (sizeof(NEXT) - 1)
#define SUM_BEGIN 0xcbf29ce484222325ULL

static int memories[2] = {-1, -1};

static void memory_file(int *memory, const uint8_t *data, size_t size)
{
    if (*memory < 0)
        *memory = memfd_create("capture", MFD_CLOEXEC);
    if (*memory < 0 || ftruncate(*memory, 0) != 0 ||
        pwrite(*memory, data, size, 0) != (ssize_t)size)
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

struct reading {
    bool begun;
    bool decodable;
    int64_t begin_ns; /* as capturefile_begin() sorts */
    uint64_t sum;
    enum capturefile_status status;
    uint64_t offset;
    unsigned number;
};

static void take_frames(struct reading *reading, const struct captured_frame *frames, size_t count)
{
    if (count > 0 && reading->begin_ns == INT64_MIN)
        reading->begin_ns = frames[0].time_ns;
    for (size_t i = 0; i < count; i++)
        reading->sum = mix_frame(reading->sum, &frames[i]);
}

static void read_on(struct reading *reading, struct capturefile *file, size_t limit)
{
    struct captured_frame frames[256];
    size_t count;

    reading->begin_ns = INT64_MIN;
    do {
        reading->status = capturefile_read(file, frames, limit, &count);
        if (count > limit || (reading->status != CAPTUREFILE_OK && count > 0))
            abort();
        take_frames(reading, frames, count);
    } while (reading->status == CAPTUREFILE_OK);
    if (reading->status == CAPTUREFILE_BROKEN && capturefile_error(file)[0] == '\0')
        abort();
    if (reading->status == CAPTUREFILE_BROKEN && reading->begin_ns == INT64_MIN)
        reading->begin_ns = INT64_MAX;
    reading->offset = capturefile_offset(file);
    reading->number = capturefile_number(file);
}

static bool is_mapped;

/* With all that came before in SUM. */
static struct reading read_files(const int *files, unsigned count, size_t read_size, size_t limit,
                                 bool ask_link_type, uint64_t sum)
{
    struct reading reading = {.sum = sum, .decodable = true};
    struct capturefile *file = capturefile_new(files, count, read_size);
    char error[256];

    if (!file || lseek(files[0], 0, SEEK_SET) != 0)
        abort();
    reading.begun = capturefile_begin(file, error, sizeof(error));
    if (reading.begun && ask_link_type) {
        int link_type = capturefile_link_type(file);

        reading.decodable = link_type < 0 || decode_supports(link_type);
    }
    if (reading.begun && is_mapped)
        capturefile_map(file);
    if (reading.begun && (reading.decodable || count == 1))
        read_on(&reading, file, limit);
    capturefile_close(file);
    return reading;
}

static void expect_same(const struct reading *reading, const struct reading *expected)
{
    if (reading->sum != expected->sum || reading->status != expected->status ||
        reading->offset != expected->offset)
        abort();
}

static void read_two(uint8_t how)
{
    const struct reading alone[2] = {
        read_files(memories, 1, 4096, 256, true, SUM_BEGIN),
        read_files(memories + 1, 1, 4096, 256, true, SUM_BEGIN),
    };
    struct reading both = read_files(memories, 2, 1 + how % 64U, 1 + how / 64U, true, SUM_BEGIN);
    unsigned first = alone[1].begin_ns < alone[0].begin_ns;
    struct reading expected = alone[first];

    if (both.begun != (alone[0].begun && alone[1].begun))
        abort();
    if (both.begun && both.decodable != (alone[0].decodable && alone[1].decodable))
        abort();
    if (!both.begun || !both.decodable)
        return;
    if (expected.status == CAPTUREFILE_END)
        expected = read_files(memories + !first, 1, 4096, 256, false, expected.sum);
    if (both.number != (alone[first].status == CAPTUREFILE_END ? !first : first))
        abort();
    expect_same(&both, &expected);
}

static void read_one(uint8_t how)
{
    const struct reading one = read_files(memories, 1, 4096, 256, false, SUM_BEGIN);
    const struct reading other =
        read_files(memories, 1, 1 + how % 64U, 1 + how / 64U, true, SUM_BEGIN);
    struct reading mapped;

    is_mapped = true;
    mapped = read_files(memories, 1, 1 + how % 64U, 1 + how / 64U, true, SUM_BEGIN);
    is_mapped = false;
    if (one.begun != other.begun || one.begun != mapped.begun)
        abort();
    expect_same(&one, &other);
    expect_same(&one, &mapped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *next;

    if (size < 1)
        return 0;
    next = memmem(data + 1, size - 1, NEXT, NEXT_SIZE);
    memory_file(&memories[0], data + 1, (next ? (size_t)(next - data) : size) - 1);
    if (next) {
        memory_file(&memories[1], next + NEXT_SIZE, (size_t)(data + size - next) - NEXT_SIZE);
        read_two(data[0]);
    } else {
        read_one(data[0]);
    }
    return 0;
}
