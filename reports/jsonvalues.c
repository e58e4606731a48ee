/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/jsonvalues.h"

json_t *jsonvalues_triple(struct triple value)
{
    return json_pack("{s:f, s:f, s:f}", "low", value.low, "central", value.central, "high",
                     value.high);
}

json_t *jsonvalues_finished(json_t *value, int failed)
{
    if (!failed)
        return value;
    json_decref(value);
    return NULL;
}
