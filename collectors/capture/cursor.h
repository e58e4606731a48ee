/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CURSOR_H
#define IAGMETER_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The only way bytes from the wire are read. A read past the end yields zero, moves nothing and
 * sets `failed`, which stays set: a decoder may read several fields and look at `failed` once. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

/* BYTES may be NULL when LENGTH is 0: to add to it is undefined nevertheless (C11, 6.5.6). */
static inline struct cursor cursor_over(const uint8_t *bytes, size_t length)
{
    return (struct cursor){bytes, bytes ? bytes + length : bytes, false};
}

static inline size_t cursor_left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* A number at BYTES, in network byte order: for headers of a fixed size, which cursor_bytes()
 * checks once and as a whole. */
static inline uint16_t cursor_load_u16(const uint8_t *bytes)
{
    return (uint16_t)((unsigned)bytes[0] << 8 | bytes[1]);
}

static inline uint32_t cursor_load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* COUNT bytes, or NULL when there are fewer. */
static inline const uint8_t *cursor_bytes(struct cursor *cursor, size_t count)
{
    const uint8_t *bytes = cursor->at;

    if (cursor->failed || cursor_left(cursor) < count) {
        cursor->failed = true;
        return NULL;
    }
    cursor->at += count;
    return bytes;
}

static inline void cursor_skip(struct cursor *cursor, size_t count)
{
    cursor_bytes(cursor, count);
}

static inline uint8_t cursor_u8(struct cursor *cursor)
{
    const uint8_t *bytes = cursor_bytes(cursor, 1);

    return bytes ? bytes[0] : 0;
}

/* Numbers are in network byte order. */
static inline uint16_t cursor_u16(struct cursor *cursor)
{
    const uint8_t *bytes = cursor_bytes(cursor, 2);

    return bytes ? cursor_load_u16(bytes) : (uint16_t)0;
}

static inline uint32_t cursor_u24(struct cursor *cursor)
{
    const uint8_t *bytes = cursor_bytes(cursor, 3);

    return bytes ? (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2] : 0;
}

static inline uint32_t cursor_u32(struct cursor *cursor)
{
    const uint8_t *bytes = cursor_bytes(cursor, 4);

    return bytes ? cursor_load_u32(bytes) : 0;
}

/* A variable-length integer of QUIC, below 2^62 (RFC 9000, 16). */
static inline uint64_t cursor_varint(struct cursor *cursor)
{
    unsigned size = cursor_left(cursor) > 0 ? 1U << (*cursor->at >> 6) : 1;
    const uint8_t *bytes = cursor_bytes(cursor, size);
    uint64_t value = bytes ? bytes[0] & 0x3f : 0;

    for (unsigned i = 1; bytes && i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* A cursor over the next COUNT bytes, which are skipped here. A failed one when there are fewer. */
static inline struct cursor cursor_take(struct cursor *cursor, size_t count)
{
    const uint8_t *bytes = cursor_bytes(cursor, count);

    if (!bytes)
        return (struct cursor){NULL, NULL, true};
    return cursor_over(bytes, count);
}

#endif
