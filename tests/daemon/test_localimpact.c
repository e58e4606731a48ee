/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/localimpact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/calendar.h"

#include <math.h>

#include "tests/close.h"
#include "tests/daemon/hosted.h"

#define YEAR_S (365.0 * 86400)

static void assert_band(struct triple band, double central, double accuracy)
{
    assert_close(band.central, central);
    assert_close(band.low, central * (1 - accuracy));
    assert_close(band.high, central * (1 + accuracy));
}

/* A kWh of the machines. The central figures of the worked case are test_sharing.c's. */
static void the_band_is_the_accuracy_of_the_meter(void **state)
{
    struct config *config = hosted_config(hosted_host, NULL);
    struct local_factors factors;
    struct impact impact;

    (void)state;
    assert_null(local_factors_resolve(config->host, config->factors, &factors));
    impact = local_impact(&factors, 3.6e6, 0);
    assert_band(impact.energy_kwh, 1.35, 0.02);
    assert_band(impact.gwp_use_kgco2e, 1.35 * factors.zone->gwp_kgco2e_per_kwh, 0.02);
    assert_band(impact.adpe_kgsb, 1.35 * factors.zone->adpe_kgsb_per_kwh, 0.02);
    assert_band(impact.water_l, 0.1 + 1.35 * factors.zone->ewif_l_per_kwh, 0.02);
    assert_band(impact.gwp_embodied_kgco2e, 0, 0);
    config_free(config);
}

/* Of a server with two cards, a fifth in each of five years; no meter is off by that. */
static void manufacture_goes_by_time(void **state)
{
    struct config *config = hosted_config(hosted_host, NULL);
    struct local_factors factors;
    struct impact impact;

    (void)state;
    assert_null(local_factors_resolve(config->host, config->factors, &factors));
    impact = local_impact(&factors, 0, YEAR_S);
    assert_band(impact.gwp_embodied_kgco2e, (1700.0 + 2 * 164) / 5, 0);
    assert_band(impact.adpe_kgsb, (0.37 + 2 * 5.1e-3) / 5, 0);
    assert_band(impact.energy_kwh, 0, 0);
    assert_band(impact.water_l, 0, 0);
    config_free(config);
}

/* Of another vintage, say, that has not got it. */
static void a_zone_that_is_missing_is_told(void **state)
{
    struct config *config = hosted_config(hosted_host, NULL);
    struct local_factors factors;

    (void)state;
    snprintf(config->host->zone, sizeof(config->host->zone), "XXX");
    assert_string_equal(local_factors_resolve(config->host, config->factors, &factors),
                        "the zone of host.conf is not in zones.conf");
    config_free(config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_band_is_the_accuracy_of_the_meter),
        TEST(manufacture_goes_by_time),
        TEST(a_zone_that_is_missing_is_told),
    };

    return cmocka_run_group_tests_name("localimpact", tests, NULL, NULL);
}
