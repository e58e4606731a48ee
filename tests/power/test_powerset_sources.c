/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/powerset_sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/power/nvml.h"
#include "collectors/power/rapl.h"
#include "collectors/power/snmp.h"

#include <string.h>

/* host.conf may name each, and nothing else. */
static void configuration_knows_the_name_of_each(void **state)
{
    size_t count = 0;

    (void)state;
    while (powerconfig_sources[count])
        count++;
    assert_int_equal(count, powerset_source_count);
    for (size_t i = 0; i < powerset_source_count; i++)
        assert_string_equal(powerset_sources[i].source->name, powerconfig_sources[i]);
}

static void options_are_those_that_are_configured(void **state)
{
    static struct power_config config;

    (void)state;
    assert_null(powerset_options(&config, &power_snmp));
    config.remote.has_snmp = config.remote.has_nvml = true;
    assert_ptr_equal(powerset_options(&config, &power_snmp), &config.remote.snmp);
    assert_ptr_equal(powerset_options(&config, &power_nvml), &config.remote.nvml);
    assert_null(powerset_options(&config, &power_rapl));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_knows_the_name_of_each),
        cmocka_unit_test(options_are_those_that_are_configured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
