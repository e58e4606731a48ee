/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_EXPLAIN_JSON_H
#define IAGMETER_EXPLAIN_JSON_H

#include "reports/derived.h"
#include "reports/explain.h"

#include <jansson.h>

/* A chain as explain_write_json() has it; NULL when memory is exhausted. */
json_t *explain_json_chain(const struct month_report *report, const struct explain_chain *chain);

/* What explain_write_json() and derived_write_json() write; NULL when a label is not UTF-8, or
 * memory is exhausted. */
json_t *explain_json(const struct explanation *explanation);
json_t *derived_json(const struct derived *derived);

#endif
