/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HOSTVIEW_JSON_H
#define IAGMETER_HOSTVIEW_JSON_H

#include "reports/month.h"

#include <jansson.h>

/* The section on a host of our own, as an object; null where there is none, {"shown": false} where
 * nothing of it may be told. NULL when memory is exhausted. */
json_t *hostview_json(const struct month_report *report);

#endif
