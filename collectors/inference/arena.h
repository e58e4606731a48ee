/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_ARENA_H
#define IAGMETER_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* Memory of a fixed size for what takes and gives back pieces of it, such as decoders of other
 * libraries: none of the process's own is asked for, and what is given back is wiped, and returned
 * to the system where it is large. Pages that were never used cost address space only. */

struct arena;

/* SIZE bytes, the bookkeeping included. NULL when out of memory. */
struct arena *arena_new(size_t size);
void arena_free(struct arena *arena);

/* SIZE bytes, all zero, aligned for any type; NULL when there is no room. */
void *arena_take(struct arena *arena, size_t size);
void arena_give(struct arena *arena, void *memory);
/* What MEMORY takes of its arena, the bookkeeping included. */
size_t arena_size(const void *memory);

/* Of all of it, for tests: that nothing is left in it. */
const uint8_t *arena_memory(const struct arena *arena, size_t *size);

#endif
