/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/dcmi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURES IAGMETER_SOURCE_ROOT "/tests/fixtures/counters/text/"

static uint8_t response[DCMI_RESPONSE_SIZE];
static char why[200];

static struct fetched decode(size_t length)
{
    /* Right behind the bytes is what the sanitizer watches. */
    uint8_t *bytes = malloc(length ? length : 1);
    struct fetched result;

    assert_non_null(bytes);
    memcpy(bytes, response, length);
    why[0] = '\0';
    result = dcmi_decode(bytes, length, why, sizeof(why));
    free(bytes);
    return result;
}

/* DCMI 1.5, table 6-16. */
static void compose(const unsigned watts[4], bool active)
{
    const uint8_t head[3] = {0x02, 0x00, 0xdc};

    memset(response, 0, sizeof(response));
    memcpy(response, head, sizeof(head));
    for (size_t i = 0; i < 4; i++) {
        response[3 + 2 * i] = (uint8_t)(watts[i] & 0xff);
        response[4 + 2 * i] = (uint8_t)(watts[i] >> 8);
    }
    response[19] = active ? 0x40 : 0;
}

/* The numbers after the colons of the first four lines of a tool's output, and whether its last
 * line says that it measures. */
static void compose_from(const char *path)
{
    FILE *stream = fopen(path, "re");
    unsigned watts[4] = {0};
    bool active = false;
    char line[200];
    size_t count = 0;

    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream)) {
        char *colon = strchr(line, ':');

        if (colon && count < 4)
            watts[count++] = (unsigned)strtoul(colon + 1, NULL, 10);
        active = active || (colon && (strstr(colon, " activated") || strstr(colon, " Active")));
    }
    fclose(stream);
    assert_int_equal(count, 4);
    compose(watts, active);
}

static void assert_watts(unsigned watts)
{
    struct fetched result = decode(sizeof(response));

    assert_int_equal(result.status, POWER_OK);
    assert_int_equal(result.value, watts);
    assert_string_equal(why, "");
}

static void assert_refused(size_t length, enum power_status status, const char *text)
{
    assert_int_equal(decode(length).status, status);
    if (!strstr(why, text))
        fail_msg("\"%s\" does not say \"%s\"", why, text);
}

static void recorded_readings_give_their_watts(void **state)
{
    (void)state;
    compose_from(FIXTURES "ipmitool_dcmi_ok.txt");
    assert_watts(2578);
    compose_from(FIXTURES "freeipmi_ipmi-dcmi.txt");
    assert_watts(332);
}

static void all_zero_or_deactivated_is_unsupported(void **state)
{
    const unsigned watts[4] = {332, 68, 504, 348};
    const unsigned zero[4] = {0};

    (void)state;
    compose_from(FIXTURES "ipmitool_dcmi_deactivated.txt");
    assert_refused(sizeof(response), POWER_UNSUPPORTED, "does not measure");
    compose(zero, true);
    assert_refused(sizeof(response), POWER_UNSUPPORTED, "does not measure");
    compose(watts, false);
    assert_refused(sizeof(response), POWER_UNSUPPORTED, "does not measure");
}

static void nothing_drawn_now_is_no_reading(void **state)
{
    const unsigned watts[4] = {0, 68, 504, 348};

    (void)state;
    compose(watts, true);
    assert_refused(sizeof(response), POWER_FAILED, "0 W");
}

static void completion_codes_are_told_apart(void **state)
{
    (void)state;
    response[0] = 0x02;
    response[1] = 0xc1;
    assert_refused(2, POWER_UNSUPPORTED, "does not know");
    response[1] = 0xcc;
    assert_refused(3, POWER_UNSUPPORTED, "does not know");
    response[1] = 0xd4;
    assert_refused(2, POWER_DENIED, "privilege");
    response[1] = 0xc0;
    assert_refused(2, POWER_FAILED, "c0h");
}

static void anything_shorter_or_else_is_no_reading(void **state)
{
    const unsigned watts[4] = {332, 68, 504, 348};

    (void)state;
    compose(watts, true);
    for (size_t length = 0; length < sizeof(response); length++)
        assert_refused(length, POWER_FAILED, "no DCMI");
    response[2] = 0xdd;
    assert_refused(sizeof(response), POWER_FAILED, "no DCMI");
    compose(watts, true);
    response[0] = 0x03;
    assert_refused(sizeof(response), POWER_FAILED, "no DCMI");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_readings_give_their_watts),
        cmocka_unit_test(all_zero_or_deactivated_is_unsupported),
        cmocka_unit_test(nothing_drawn_now_is_no_reading),
        cmocka_unit_test(completion_codes_are_told_apart),
        cmocka_unit_test(anything_shorter_or_else_is_no_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
