/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_JSONVALUES_H
#define IAGMETER_JSONVALUES_H

#include "daemon/triple.h"

#include <jansson.h>

/* What every JSON that we write has in common. jansson keeps the first failure: a NULL item makes
 * what it is put into fail (json_object_set_new(), json_pack()), and NULL travels up. */

#define JSONVALUES_DIGITS 17 /* reads back as the same double */

/* {"low": ..., "central": ..., "high": ...} */
json_t *jsonvalues_triple(struct triple value);

/* VALUE, or NULL, with VALUE freed, when something failed to go into it. */
json_t *jsonvalues_finished(json_t *value, int failed);

#endif
