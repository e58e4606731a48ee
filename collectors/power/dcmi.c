/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/dcmi.h"

#include <stdbool.h>
#include <stdio.h>

#include "collectors/capture/cursor.h"

enum {
    GET_POWER_READING = 0x02,
    DCMI_GROUP = 0xdc,
    SYSTEM_POWER_STATISTICS = 0x01,
    MEASUREMENT_ACTIVE = 0x40 /* in the state, the last byte */
};

/* Completion codes (IPMI 2.0, 5.2). */
enum {
    COMPLETED = 0x00,
    INVALID_COMMAND = 0xc1,
    INVALID_FOR_LUN = 0xc2,
    INVALID_FIELD = 0xcc,
    INSUFFICIENT_PRIVILEGE = 0xd4
};

const uint8_t dcmi_request[DCMI_REQUEST_SIZE] = {GET_POWER_READING, DCMI_GROUP,
                                                 SYSTEM_POWER_STATISTICS, 0, 0};

static struct fetched refuse(enum power_status status, char *why, size_t why_size, const char *text)
{
    snprintf(why, why_size, "%s", text);
    return (struct fetched){status, 0};
}

static struct fetched refuse_code(uint8_t code, char *why, size_t why_size)
{
    switch (code) {
    case INVALID_COMMAND:
    case INVALID_FOR_LUN:
    case INVALID_FIELD:
        return refuse(POWER_UNSUPPORTED, why, why_size,
                      "this BMC does not know DCMI's command Get Power Reading");
    case INSUFFICIENT_PRIVILEGE:
        return refuse(POWER_DENIED, why, why_size,
                      "the BMC wants a higher privilege for DCMI's Get Power Reading");
    default:
        snprintf(why, why_size, "the BMC answers with completion code %02xh", code);
        return (struct fetched){POWER_FAILED, 0};
    }
}

/* IPMI's numbers are little-endian. */
static uint16_t little_u16(struct cursor *cursor)
{
    return __builtin_bswap16(cursor_u16(cursor));
}

struct fetched dcmi_decode(const uint8_t *response, size_t length, char *why, size_t why_size)
{
    struct cursor cursor = cursor_over(response, length);
    uint8_t command = cursor_u8(&cursor);
    uint8_t code = cursor_u8(&cursor);
    uint16_t watts[4]; /* now, least, most, average */
    uint8_t group;
    uint8_t state;
    bool all_zero = true;

    if (!cursor.failed && command == GET_POWER_READING && code != COMPLETED)
        return refuse_code(code, why, why_size);
    group = cursor_u8(&cursor);
    for (size_t i = 0; i < sizeof(watts) / sizeof(*watts); i++) {
        watts[i] = little_u16(&cursor);
        all_zero = all_zero && watts[i] == 0;
    }
    cursor_skip(&cursor, 2 * sizeof(uint32_t)); /* when, and over which time */
    state = cursor_u8(&cursor);
    if (cursor.failed || command != GET_POWER_READING || group != DCMI_GROUP)
        return refuse(POWER_FAILED, why, why_size, "the BMC's answer is no DCMI power reading");
    if (all_zero || (state & MEASUREMENT_ACTIVE) == 0)
        return refuse(POWER_UNSUPPORTED, why, why_size,
                      "the BMC knows DCMI, but does not measure power (all zero, or deactivated)");
    /* Whoever asks is running, and draws something. */
    if (watts[0] == 0)
        return refuse(POWER_FAILED, why, why_size, "the BMC says that 0 W are drawn");
    return (struct fetched){POWER_OK, watts[0]};
}
