/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_PROGRESS_JSON_H
#define IAGMETER_PROGRESS_JSON_H

#include "reports/progress.h"

#include <jansson.h>

/* The objectives as one object, for `iagmeter status` and the monthly report. What is not shown, or
 * not projected, is null. Returns NULL when memory is exhausted; released with json_decref(). */
json_t *progress_json(const struct progress *progress);

#endif
