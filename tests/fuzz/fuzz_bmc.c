/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/dcmi.h"
#include "collectors/power/pdu.h"
#include "collectors/power/redfishdata.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/capture/cursor.h"

/* What BMCs and power distribution units answer. The first byte chooses which; the rest is the
 * answer. */

static void check(struct fetched result)
{
    if (result.status > POWER_FAILED || (result.status != POWER_OK && result.value != 0))
        abort();
}

static void try_dcmi(const uint8_t *data, size_t size)
{
    char why[200] = "";
    struct fetched result = dcmi_decode(data, size, why, sizeof(why));

    check(result);
    if ((result.status == POWER_OK) != (why[0] == '\0'))
        abort();
}

static void try_pdu(const uint8_t *data, size_t size)
{
    struct cursor cursor = cursor_over(data, size);
    struct pdu_answer answers[PDU_MAX_OBJECTS];
    struct pdu_point point = {.model = cursor_u8(&cursor) % PDU_MODEL_COUNT,
                              .quantity = cursor_u8(&cursor) & 1};
    struct pdu_query query;
    char text[64] = "";
    char name[POWER_NAME_SIZE];

    for (size_t i = 0; i < PDU_MAX_OBJECTS; i++) {
        answers[i].present = cursor_u8(&cursor) & 1;
        answers[i].number = (int64_t)((uint64_t)cursor_u32(&cursor) << 32 | cursor_u32(&cursor));
    }
    check(pdu_decode(&point, answers));
    memcpy(text, cursor.at,
           cursor_left(&cursor) < sizeof(text) ? cursor_left(&cursor) : sizeof(text) - 1);
    if (!pdu_parse_index(&point, text))
        return;
    pdu_name_point(&point, "pdu", name, sizeof(name));
    pdu_ask(&point, &query);
    for (size_t i = 0; i < query.count; i++)
        if (query.length[i] > PDU_OID_SIZE)
            abort();
}

static void try_redfish(const uint8_t *data, size_t size)
{
    json_t *document = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
    struct redfish_values values = {0};
    char path[REDFISH_PATH_SIZE] = "/";

    redfishdata_environment(document, &values);
    redfishdata_power(document, &values);
    if ((values.has_power && !(values.power_w > 0)) ||
        (values.has_energy && (!(values.energy_j > 0) || !(values.energy_step_j > 0))))
        abort();
    for (size_t i = 0; i < 4 && redfishdata_member(document, i, path); i++)
        if (path[0] != '/' || path[1] == '/')
            abort();
    if (redfishdata_link(document, "Chassis", path) && (path[0] != '/' || path[1] == '/'))
        abort();
    json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const uint8_t *, size_t) = {try_dcmi, try_pdu, try_redfish};

    if (size > 0)
        tries[data[0] % 3](data + 1, size - 1);
    return 0;
}
