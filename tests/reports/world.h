/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_WORLD_H
#define IAGMETER_TESTS_WORLD_H

#include "daemon/servicefactors.h"
#include "reports/month.h"
#include "tests/close.h"
#include "tests/daemon/shipped.h"

/* A made-up authority for tests of reports: its ledger, in the scratch directory, and a
 * configuration made by hand with the factors that we ship. Include after cmocka.h. */

#define WORLD_THRESHOLD 5
#define DAY_S           86400

struct world {
    struct config *config;
    struct ledger *ledger;
    int64_t factor_set;          /* that use is recorded with */
    struct month_report *report; /* of tests that ask about one */
};

/* A service of a direction in the interval that starts at TIME_S, by DEVICES that day. */
struct world_pair {
    int64_t time_s;
    const struct direction *direction;
    const char *service;
    const char *label;
    uint32_t devices;
};

static inline void world_record_with(struct world *world, const char *vintage, uint64_t digest)
{
    assert_int_equal(ledger_factor_set(world->ledger, vintage, digest, &world->factor_set),
                     LEDGER_OK);
}

/* DIRECTIONS are those from number 1 on; no services, no factors and no catalogue when there are
 * none. */
static inline void world_open(struct world *world, const struct direction *directions,
                              uint16_t direction_count, const struct service *services,
                              uint16_t service_count)
{
    struct config *config = calloc(1, sizeof(*config));
    char error[200] = "";
    void *state = NULL;

    assert_non_null(config);
    assert_int_equal(scratch_setup(&state), 0);
    assert_true(calendar_set_zone("Europe/Paris"));
    config->report.threshold = WORLD_THRESHOLD;
    snprintf(config->timezone, sizeof(config->timezone), "Europe/Paris");
    snprintf(config->state_directory, sizeof(config->state_directory), "%s", scratch_directory);
    config->directions = directions_new();
    for (uint16_t i = 0; i < direction_count; i++)
        assert_true(directions_set(config->directions, (uint16_t)(i + 1), &directions[i]));
    if (service_count > 0) {
        config->catalogue = catalogue_new();
        config->factors = factors_without_complaint(SHIPPED_FACTORS);
    }
    for (uint16_t i = 0; i < service_count; i++)
        assert_true(catalogue_set_service(config->catalogue, i, &services[i]));
    *world = (struct world){.config = config};
    world->ledger = ledger_open(scratch_directory, true, error, sizeof(error));
    assert_string_equal(error, "");
    world_record_with(world, "2026", config->digest);
}

static inline void world_close(struct world *world)
{
    void *state = NULL;

    month_free(world->report);
    ledger_close(world->ledger);
    directions_free(world->config->directions);
    catalogue_free(world->config->catalogue);
    factors_free(world->config->factors);
    objectives_free(world->config->objectives);
    free(world->config);
    assert_int_equal(scratch_teardown(&state), 0);
}

/* What the meter computes at TIME_S with FACTORS. Returns false, and zeros, when the service has no
 * model. */
static inline bool world_impact(const struct world *world, const struct factors *factors,
                                uint16_t service, int64_t time_s, const struct activity *activity,
                                struct impact *impact)
{
    struct service_factors resolved;
    const struct mix_factors *mix;

    assert_null(service_factors_resolve(factors, world->config->catalogue, service, &resolved));
    mix = service_factors_at(&resolved, time_s);
    *impact = mix_impact(mix, activity->requests, activity->tokens_in, activity->tokens_out);
    service_factors_free(&resolved);
    return mix;
}

/* IMPACT may be NULL. */
static inline void world_record(struct world *world, const struct world_pair *pair,
                                const struct activity *activity, const struct impact *impact)
{
    int64_t direction_id, service_id;

    assert_int_equal(ledger_begin(world->ledger), LEDGER_OK);
    assert_int_equal(ledger_direction(world->ledger, pair->direction, &direction_id), LEDGER_OK);
    assert_int_equal(ledger_service(world->ledger, pair->service, pair->label, &service_id),
                     LEDGER_OK);
    assert_int_equal(ledger_add_activity(world->ledger, pair->time_s, direction_id, service_id,
                                         world->factor_set, activity, impact),
                     LEDGER_OK);
    assert_int_equal(ledger_add_devices(world->ledger, direction_id, service_id,
                                        (int32_t)(pair->time_s / DAY_S), pair->devices),
                     LEDGER_OK);
    assert_int_equal(ledger_commit(world->ledger), LEDGER_OK);
}

/* With numbers of the configuration's; direction 0 is unassigned. */
static inline struct world_pair world_pair(const struct world *world, int64_t time_s,
                                           uint16_t direction, uint16_t service, uint32_t devices)
{
    const struct service *named = catalogue_service(world->config->catalogue, service);

    return (struct world_pair){time_s, directions_get(world->config->directions, direction),
                               named->id, named->label, devices};
}

/* The month's report, in the place of the one before. */
static inline void world_report(struct world *world, const char *text, int64_t now_s)
{
    struct calendar_month month;
    char error[200] = "";

    assert_true(calendar_parse_month(text, &month));
    month_free(world->report);
    world->report = month_build(world->ledger, world->config, month, now_s, error, sizeof(error));
    assert_string_equal(error, "");
}

#endif
