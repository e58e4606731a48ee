/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_NOTES_H
#define IAGMETER_NOTES_H

#include "collectors/capture/estimator.h"
#include "collectors/capture/metering.h"

#include <stddef.h>

/* For inspection only: the names and addresses of flows, beside the flow table. The daemon makes
 * none. Every function but notes_new() takes NULL for notes that are not kept, and does nothing. */

struct notes;

/* One for each of CAPACITY flows, made when needed; they do not count as the meter's fixed memory.
 */
struct notes *notes_new(size_t capacity);
void notes_free(struct notes *notes);

/* What is to be shown of flow INDEX; of RECORD, the members below `ech` that flows know better are
 * filled later. The name is copied. Replaces what was there. */
void notes_put(struct notes *notes, size_t index, const struct flow_record *record);
void notes_add(struct notes *notes, size_t index, const struct exchange_estimate *estimate);

/* The note of flow INDEX, or NULL. */
struct flow_record *notes_get(struct notes *notes, size_t index);
void notes_drop(struct notes *notes, size_t index);

#endif
