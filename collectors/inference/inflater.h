/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_INFLATER_H
#define IAGMETER_INFLATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Expands compressed bodies as they pass: gzip (RFC 1952), deflate (RFC 1950, and RFC 1951 bare, as
 * some servers send it), br (RFC 7932) and zstd (RFC 8878). All decoders of a pool share memory
 * that is taken at the start, and wiped as it is given back.
 *
 * One decoder takes at most 16 MiB of it. That is enough for every window of gzip; for those of br
 * up to 8 MiB, and for larger ones as long as the body is no longer than that; and for the 8 MiB to
 * which RFC 9659 limits zstd. A body that expands to more than 1 MiB and 100 times its size, or to
 * more than 64 MiB, is made to cost time: it is given up there. */

enum inflater_coding {
    INFLATER_IDENTITY, /* nothing is to be expanded */
    INFLATER_DEFLATE,  /* or gzip */
    INFLATER_BROTLI,
    INFLATER_ZSTD,
    INFLATER_UNKNOWN
};

/* Of a content coding as it stands in a header (RFC 9110, 8.4.1), in lower case; "" is IDENTITY. */
enum inflater_coding inflater_coding(const char *name, size_t length);

struct inflater_pool;
struct inflater;

/* With MEMORY bytes for all. NULL when out of memory. */
struct inflater_pool *inflater_pool_new(size_t memory);
void inflater_pool_free(struct inflater_pool *pool);

/* NULL when there is no room, or for what is no such coding. */
struct inflater *inflater_take(struct inflater_pool *pool, enum inflater_coding coding);
void inflater_release(struct inflater *inflater);

/* Hands over what BYTES expand to, piece by piece. Returns false when they are damaged, or ask for
 * too much: what came before was handed over, but for the last bytes perhaps. What follows the end
 * of the compressed stream is ignored. */
typedef void inflater_handler(void *context, const uint8_t *bytes, size_t length);
bool inflater_add(struct inflater *inflater, const uint8_t *bytes, size_t length,
                  inflater_handler *handler, void *context);

/* Of the pool's memory, for tests: that none of a body is left in it. */
const uint8_t *inflater_pool_memory(const struct inflater_pool *pool, size_t *size);
/* What is taken of it. */
size_t inflater_pool_taken(const struct inflater_pool *pool);

#endif
