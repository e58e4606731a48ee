/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/zipfile.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define HEADER_SIZE    30 /* APPNOTE.TXT, 4.3.7 */
#define NAME_SIZE      256
#define PART_SIZE_MOST (64U << 20)
#define STORED         0
#define DEFLATED       8

static const unsigned char local_header[] = {'P', 'K', 3, 4};
static const unsigned char central_header[] = {'P', 'K', 1, 2};

struct part {
    unsigned method;
    uint32_t checksum;
    size_t packed_size;
    size_t size;
    size_t name_size;
    size_t extra_size;
};

static uint32_t number(const unsigned char *bytes, size_t size)
{
    uint32_t value = 0;

    while (size > 0)
        value = value << 8 | bytes[--size];
    return value;
}

static struct part part_of(const unsigned char header[HEADER_SIZE])
{
    return (struct part){number(header + 8, 2),  number(header + 14, 4), number(header + 18, 4),
                         number(header + 22, 4), number(header + 26, 2), number(header + 28, 2)};
}

static bool unpack(const struct part *part, unsigned char *packed, unsigned char *text)
{
    z_stream stream = {.next_in = packed,
                       .avail_in = (uInt)part->packed_size,
                       .next_out = text,
                       .avail_out = (uInt)part->size};
    bool whole;

    if (part->method == STORED && part->size == part->packed_size) {
        memcpy(text, packed, part->size);
        return true;
    }
    if (part->method != DEFLATED || inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return false;
    whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    return whole;
}

static bool read_part(FILE *stream, const struct part *part, zipfile_visitor *visit, void *context)
{
    char name[NAME_SIZE] = "";
    unsigned char *packed = malloc(part->packed_size + 1), *text = malloc(part->size + 1);
    bool whole = packed && text && part->name_size < sizeof(name) &&
                 fread(name, 1, part->name_size, stream) == part->name_size &&
                 fseek(stream, (long)part->extra_size, SEEK_CUR) == 0 &&
                 fread(packed, 1, part->packed_size, stream) == part->packed_size &&
                 unpack(part, packed, text) && crc32(0, text, (uInt)part->size) == part->checksum;

    if (whole) {
        text[part->size] = '\0';
        whole = visit(context, name, (const char *)text, part->size);
    }
    free(packed);
    free(text);
    return whole;
}

bool zipfile_each(FILE *stream, zipfile_visitor *visit, void *context)
{
    unsigned char header[HEADER_SIZE];
    struct part part;

    for (;;) {
        if (fread(header, 1, sizeof(header), stream) != sizeof(header))
            return false;
        if (memcmp(header, central_header, sizeof(central_header)) == 0)
            return true; /* the list of the parts, behind them */
        part = part_of(header);
        if (memcmp(header, local_header, sizeof(local_header)) != 0 || part.size > PART_SIZE_MOST ||
            part.packed_size > PART_SIZE_MOST || !read_part(stream, &part, visit, context))
            return false;
    }
}
