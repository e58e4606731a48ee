/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_YEAR_H
#define IAGMETER_TESTS_YEAR_H

#include "reports/progress.h"
#include "tests/reports/world.h"

#include <time.h>

/* A small authority and its ledger, for tests of what is told of a year. Include after cmocka.h. */

#define DEVICES_FEW  2
#define DEVICES_MANY 20

enum { UNASSIGNED, DRH, DSN, CAB, DIRECTIONS };

static inline void year_setup(struct world *world)
{
    static const struct direction directions[] = {
        [DRH] = {.code = "DRH", .label = "Ressources & \"humaines\""},
        [DSN] = {.code = "DSN", .label = "Numérique"},
        [CAB] = {.code = "CAB", .label = "Cabinet"},
    };

    world_open(world, &directions[DRH], DIRECTIONS - DRH, NULL, 0);
}

/* LIST as between "objectives = (" and ")"; a month counts when a hundredth of it was covered. */
static inline void year_objectives(struct world *world, const char *list)
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
static inline void year_use(struct world *world, int64_t time_s, uint16_t direction,
                            const char *service, double energy_kwh, uint32_t devices)
{
    const struct triple band = {0.5, 1, 2};
    const struct activity activity = {.grade = GRADE_C,
                                      .flows = 1,
                                      .requests = triple_scale(band, 10 * energy_kwh),
                                      .tokens_out = triple_scale(band, 1000 * energy_kwh)};
    const struct impact impact = {.energy_kwh = triple_scale(band, energy_kwh),
                                  .water_l = triple_scale(band, 2 * energy_kwh),
                                  .gwp_use_kgco2e = triple_scale(band, energy_kwh / 16),
                                  .gwp_embodied_kgco2e = triple_scale(band, energy_kwh / 32)};
    const struct world_pair pair = {time_s, directions_get(world->config->directions, direction),
                                    service, service, devices};

    world_record(world, &pair, &activity, &impact);
}

/* Whole minutes from the start of a local month on. */
static inline void year_cover(struct world *world, const char *text, unsigned minutes)
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
