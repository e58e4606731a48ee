/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/bytestream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

/* Of compressed bytes: what inflate() is given at a time. */
#define INPUT_SIZE (64U << 10)
/* inflateInit2(): the largest window, and a gzip header rather than a zlib one. */
#define GZIP_WINDOW_BITS (MAX_WBITS + 16)
/* zconf.h asks for 39 kB; there are other implementations. */
#define INFLATER_MEMORY (128U << 10)

struct bytestream {
    int descriptor;
    size_t read_size;
    enum { UNKNOWN, PLAIN, GZIP } format;
    bool between_members; /* of gzip: where the file may end */
    z_stream inflater;
    uint8_t input[INPUT_SIZE];
    char error[128];
    size_t inflater_memory_taken;
    _Alignas(64) uint8_t inflater_memory[INFLATER_MEMORY];
};

/* Memory for the inflater, which must be where the rest is. It gives none back. */
static voidpf take_inflater_memory(voidpf opaque, uInt count, uInt size)
{
    struct bytestream *stream = opaque;
    size_t wanted = ((size_t)count * size + 63) / 64 * 64;
    uint8_t *memory = stream->inflater_memory + stream->inflater_memory_taken;

    if (wanted > INFLATER_MEMORY - stream->inflater_memory_taken)
        return NULL;
    stream->inflater_memory_taken += wanted;
    return memory;
}

static void keep_inflater_memory(voidpf opaque, voidpf memory)
{
    (void)opaque;
    (void)memory;
}

struct bytestream *bytestream_new(int descriptor, size_t read_size)
{
    struct bytestream *stream =
        mmap(NULL, sizeof(*stream), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (stream == MAP_FAILED)
        return NULL;
    stream->descriptor = descriptor;
    stream->read_size = read_size;
    return stream;
}

/* The inflater has nothing that is not in the memory for it. */
void bytestream_restart(struct bytestream *stream, int descriptor)
{
    stream->descriptor = descriptor;
    stream->format = UNKNOWN;
    stream->between_members = false;
    stream->inflater = (z_stream){0};
    stream->inflater_memory_taken = 0;
    stream->error[0] = '\0';
}

void bytestream_free(struct bytestream *stream)
{
    if (stream)
        munmap(stream, sizeof(*stream));
}

bool bytestream_is_plain(const struct bytestream *stream)
{
    return stream->format == PLAIN;
}

const char *bytestream_error(const struct bytestream *stream)
{
    return stream->error;
}

static ssize_t read_some(struct bytestream *stream, uint8_t *into, size_t size)
{
    ssize_t count;

    if (size > stream->read_size)
        size = stream->read_size;
    do
        count = read(stream->descriptor, into, size);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        snprintf(stream->error, sizeof(stream->error), "%s", strerror(errno));
    return count;
}

static ssize_t fail_inflating(struct bytestream *stream, const char *reason)
{
    snprintf(stream->error, sizeof(stream->error), "the compressed data are damaged (%s)",
             reason ? reason : "unknown error");
    return -1;
}

/* Returns as read(2) does. */
static ssize_t read_compressed(struct bytestream *stream)
{
    ssize_t count = read_some(stream, stream->input, INPUT_SIZE);

    if (count > 0) {
        stream->inflater.next_in = stream->input;
        stream->inflater.avail_in = (uInt)count;
    }
    return count;
}

/* After a member may come another (RFC 1952, 2.2), or zeros, which fill a tape's last block. */
static bool begin_member(struct bytestream *stream)
{
    z_stream *inflater = &stream->inflater;

    while (inflater->avail_in > 0 && *inflater->next_in == 0) {
        inflater->next_in++;
        inflater->avail_in--;
    }
    if (inflater->avail_in > 0)
        stream->between_members = false;
    return stream->between_members || inflateReset(inflater) == Z_OK;
}

/* Does what can be done without reading. Returns false when that has come to an end. */
static bool inflate_input(struct bytestream *stream)
{
    int status = Z_OK;

    if (!stream->between_members)
        status = inflate(&stream->inflater, Z_NO_FLUSH);
    if (status == Z_STREAM_END)
        stream->between_members = true;
    /* Z_BUF_ERROR: it needs more input, which is no error. */
    return status == Z_OK || status == Z_BUF_ERROR || status == Z_STREAM_END;
}

static ssize_t read_expanded(struct bytestream *stream, uint8_t *into, size_t size)
{
    z_stream *inflater = &stream->inflater;
    ssize_t count;

    inflater->next_out = into;
    inflater->avail_out = (uInt)size;
    for (;;) {
        bool sound = inflate_input(stream);

        if (inflater->avail_out < size)
            return (ssize_t)(size - inflater->avail_out);
        if (!sound)
            return fail_inflating(stream, inflater->msg);
        if (inflater->avail_in == 0) {
            count = read_compressed(stream);
            if (count == 0 && !stream->between_members)
                return fail_inflating(stream, "they end early");
            if (count <= 0)
                return count;
        }
        if (stream->between_members && !begin_member(stream))
            return fail_inflating(stream, inflater->msg);
    }
}

/* Reads the first bytes to INTO, and from there to the inflater if they are those of gzip. */
static ssize_t read_first(struct bytestream *stream, uint8_t *into, size_t size)
{
    ssize_t total = 0;
    ssize_t count;

    do {
        count = read_some(stream, into + total, size - (size_t)total);
        if (count < 0)
            return -1;
        total += count;
    } while (count > 0 && total < 2);
    stream->format = PLAIN;
    if (total < 2 || into[0] != 0x1f || into[1] != 0x8b)
        return total;
    stream->inflater.zalloc = take_inflater_memory;
    stream->inflater.zfree = keep_inflater_memory;
    stream->inflater.opaque = stream;
    if (inflateInit2(&stream->inflater, GZIP_WINDOW_BITS) != Z_OK) {
        snprintf(stream->error, sizeof(stream->error), "out of memory");
        return -1;
    }
    stream->format = GZIP;
    memcpy(stream->input, into, (size_t)total);
    stream->inflater.next_in = stream->input;
    stream->inflater.avail_in = (uInt)total;
    return read_expanded(stream, into, size);
}

ssize_t bytestream_read(struct bytestream *stream, uint8_t *into, size_t size)
{
    switch (stream->format) {
    case UNKNOWN: /* so that the first bytes fit into the inflater's input */
        return read_first(stream, into, size < INPUT_SIZE ? size : INPUT_SIZE);
    case GZIP:
        return read_expanded(stream, into, size);
    default:
        return read_some(stream, into, size);
    }
}
