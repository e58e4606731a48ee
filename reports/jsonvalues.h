/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_JSONVALUES_H
#define IAGMETER_JSONVALUES_H

#include "daemon/triple.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What every JSON that we write has in common. jansson keeps the first failure: a NULL item makes
 * what it is put into fail (json_object_set_new(), json_pack()), and NULL travels up. */

#define JSONVALUES_DIGITS 17 /* reads back as the same double */

/* {"low": ..., "central": ..., "high": ...} */
json_t *jsonvalues_triple(struct triple value);

/* RFC 3339, local with its offset: "2026-10-01T00:00:00+02:00". */
json_t *jsonvalues_time(int64_t time_s);

/* VALUE, or NULL, with VALUE freed, when something failed to go into it. */
json_t *jsonvalues_finished(json_t *value, int failed);

/* Writes OBJECT, which is freed, as a whole file. Returns false with errno set when the stream
 * fails, or OBJECT is NULL. */
bool jsonvalues_write(json_t *object, FILE *stream);
/* The same as one line of many (https://jsonlines.org); the stream is not flushed. */
bool jsonvalues_write_line(json_t *object, FILE *stream);

#endif
