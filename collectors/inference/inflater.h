/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_INFLATER_H
#define IAGMETER_INFLATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A fixed pool of inflaters for bodies in gzip (RFC 1952) or deflate (RFC 1950, and RFC 1951 bare,
 * as some servers send it). Each has its window of 32 kB and what zlib needs beside it in memory of
 * its own, taken at the start and wiped when it is given back. */

struct inflater_pool;
#define INFLATER_NONE UINT32_MAX

/* NULL when out of memory. */
struct inflater_pool *inflater_pool_new(uint32_t count);
void inflater_pool_free(struct inflater_pool *pool);

/* INFLATER_NONE when all are taken. */
uint32_t inflater_pool_take(struct inflater_pool *pool);
void inflater_pool_release(struct inflater_pool *pool, uint32_t index);

/* Hands over what BYTES expand to, piece by piece. Returns false when they are damaged: what came
 * before was handed over. What follows the end of the compressed stream is ignored. */
typedef void inflater_handler(void *context, const uint8_t *bytes, size_t length);
bool inflater_add(struct inflater_pool *pool, uint32_t index, const uint8_t *bytes, size_t length,
                  inflater_handler *handler, void *context);

/* Of the pool's memory, for tests: that none of a body is left in it. */
const uint8_t *inflater_pool_memory(const struct inflater_pool *pool, size_t *size);

#endif
