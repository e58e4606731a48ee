/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_ASSEMBLY_H
#define IAGMETER_ASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Puts pieces of a byte stream back in order, within a fixed window: the first bytes of a
 * connection (the ClientHello), and later the few segments that overtook a lost one. */

#define ASSEMBLY_SIZE 16384
/* Of pieces in any order, at most a fourth or so begin a part of their own at a time: enough for a
 * hello of 2000 bytes that comes byte by byte. */
#define ASSEMBLY_RANGES 512

struct assembly {
    int64_t since_ns; /* for whoever uses it: nothing here depends on it */
    uint32_t base;    /* sequence number of the window's first byte */
    uint16_t range_count;
    struct {
        uint16_t start;
        uint16_t end;
    } ranges[ASSEMBLY_RANGES]; /* filled parts, in order, apart from each other */
    uint8_t bytes[ASSEMBLY_SIZE];
};

void assembly_start(struct assembly *assembly, uint32_t base);

/* Adds LENGTH bytes of sequence number SEQUENCE; what lies before the window or is already there is
 * ignored (the first copy wins, whatever a later one says). Returns false when part of it lies past
 * the window, or too many holes are open: the rest was added, or nothing. */
bool assembly_add(struct assembly *assembly, uint32_t sequence, const uint8_t *bytes,
                  uint32_t length);

/* Number of bytes from the window's start that are there without a hole. */
size_t assembly_prefix(const struct assembly *assembly);
/* The same, up to the furthest byte that is there: more where holes are left. */
size_t assembly_end(const struct assembly *assembly);
/* Takes out what stands between the first KEPT bytes and the first hole, as if nobody had sent it:
 * there is room for as much that comes later. */
void assembly_take_out(struct assembly *assembly, size_t kept);
/* Forgets what was added: names and addresses must not outlast the connection that they are of. */
void assembly_wipe(struct assembly *assembly);

/* A fixed pool of them. */
struct assembly_pool;
#define ASSEMBLY_NONE UINT32_MAX

struct assembly_pool *assembly_pool_new(uint32_t count);
void assembly_pool_free(struct assembly_pool *pool);
/* ASSEMBLY_NONE when all are taken. */
uint32_t assembly_pool_take(struct assembly_pool *pool);
/* What is in it is wiped. */
void assembly_pool_release(struct assembly_pool *pool, uint32_t index);
struct assembly *assembly_pool_get(struct assembly_pool *pool, uint32_t index);

#endif
