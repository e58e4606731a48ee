/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_YEAR_H
#define IAGMETER_TESTS_YEAR_H

#include "reports/progress.h"
#include "tests/daemon/scratch.h"

#include <time.h>

/* A small authority and its ledger, for tests of what is told of a year. Include after cmocka.h. */

#define DEVICES_FEW  2
#define DEVICES_MANY 20
#define DAY_S        86400

enum { UNASSIGNED, DRH, DSN, CAB, DIRECTIONS };

struct year_world {
    struct config *config;
    struct ledger *ledger;
    int64_t factor_set;
};

static inline void year_setup(struct year_world *world)
{
    static const struct direction directions[] = {
        [DRH] = {.code = "DRH", .label = "Ressources & \"humaines\""},
        [DSN] = {.code = "DSN", .label = "Numérique"},
        [CAB] = {.code = "CAB", .label = "Cabinet"},
    };
    char error[200] = "";
    void *state = NULL;

    assert_int_equal(scratch_setup(&state), 0);
    assert_true(calendar_set_zone("Europe/Paris"));
    world->config = calloc(1, sizeof(*world->config));
    assert_non_null(world->config);
    world->config->report.threshold = 5;
    snprintf(world->config->state_directory, sizeof(world->config->state_directory), "%s",
             scratch_directory);
    world->config->directions = directions_new();
    for (uint16_t i = DRH; i < DIRECTIONS; i++)
        assert_true(directions_set(world->config->directions, i, &directions[i]));
    world->ledger = ledger_open(scratch_directory, true, error, sizeof(error));
    assert_string_equal(error, "");
    assert_int_equal(ledger_factor_set(world->ledger, "2026", 1, &world->factor_set), LEDGER_OK);
}

static inline void year_teardown(struct year_world *world)
{
    void *state = NULL;

    ledger_close(world->ledger);
    directions_free(world->config->directions);
    objectives_free(world->config->objectives);
    free(world->config);
    assert_int_equal(scratch_teardown(&state), 0);
}

/* LIST as between "objectives = (" and ")"; a month counts when a hundredth of it was covered. */
static inline void year_objectives(struct year_world *world, const char *list)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char text[4096], path[PATH_MAX];

    snprintf(text, sizeof(text), "covered_percent = 1; objectives = ( %s );\n", list);
    scratch_write("objectives.conf", text);
    scratch_path(path, "objectives.conf");
    objectives_free(world->config->objectives);
    world->config->objectives = objectives_load(path, world->config->directions, diagnostics);
    assert_no_complaint(diagnostics);
    diagnostics_free(diagnostics);
}

static inline struct calendar_month year_month(const char *text)
{
    struct calendar_month month;

    assert_true(calendar_parse_month(text, &month));
    return month;
}

/* Noon of a local day. */
static inline int64_t year_noon(const char *text, int day)
{
    struct calendar_month month = year_month(text);
    struct tm local = {.tm_year = month.year - 1900,
                       .tm_mon = month.month - 1,
                       .tm_mday = day,
                       .tm_hour = 12,
                       .tm_isdst = -1};

    return (int64_t)mktime(&local);
}

/* ENERGY_KWH of DIRECTION on a service, whose name tells nothing, by DEVICES that day; ten times as
 * many requests, twice as many litres, a tenth of kilograms. */
static inline void year_use(struct year_world *world, int64_t time_s, uint16_t direction,
                            const char *service, double energy_kwh, uint32_t devices)
{
    const struct triple band = {0.5, 1, 2};
    struct activity activity = {.grade = GRADE_C,
                                .flows = 1,
                                .requests = triple_scale(band, 10 * energy_kwh),
                                .tokens_out = triple_scale(band, 1000 * energy_kwh)};
    struct impact impact = {.energy_kwh = triple_scale(band, energy_kwh),
                            .water_l = triple_scale(band, 2 * energy_kwh),
                            .gwp_use_kgco2e = triple_scale(band, energy_kwh / 16),
                            .gwp_embodied_kgco2e = triple_scale(band, energy_kwh / 32)};
    const struct direction *named = directions_get(world->config->directions, direction);
    int64_t direction_id, service_id;

    assert_int_equal(ledger_begin(world->ledger), LEDGER_OK);
    assert_int_equal(ledger_direction(world->ledger, named, &direction_id), LEDGER_OK);
    assert_int_equal(ledger_service(world->ledger, service, service, &service_id), LEDGER_OK);
    assert_int_equal(ledger_add_activity(world->ledger, time_s, direction_id, service_id,
                                         world->factor_set, &activity, &impact),
                     LEDGER_OK);
    assert_int_equal(ledger_add_devices(world->ledger, direction_id, service_id,
                                        (int32_t)(time_s / DAY_S), devices),
                     LEDGER_OK);
    assert_int_equal(ledger_commit(world->ledger), LEDGER_OK);
}

/* Whole minutes from the start of a local month on. */
static inline void year_cover(struct year_world *world, const char *text, unsigned minutes)
{
    const struct coverage coverage = {.covered_ns = UINT64_C(60000000000), .packets = 1000};
    int64_t start = year_month(text).start;

    assert_int_equal(ledger_begin(world->ledger), LEDGER_OK);
    for (unsigned i = 0; i < minutes; i++)
        assert_int_equal(
            ledger_add_coverage(world->ledger, start + (int64_t)i * INTERVAL_S, &coverage),
            LEDGER_OK);
    assert_int_equal(ledger_commit(world->ledger), LEDGER_OK);
}

#endif
