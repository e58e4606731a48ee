/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_EXPLAIN_JSON_H
#define IAGMETER_EXPLAIN_JSON_H

#include "reports/explain.h"

#include <jansson.h>

/* A chain as explain_write_json() has it; NULL when memory is exhausted. */
json_t *explain_json_chain(const struct month_report *report, const struct explain_chain *chain);

#endif
